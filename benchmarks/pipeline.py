"""Images per second of a prepared folder against an ImageFolder and a DataLoader that decode.

    python benchmarks/pipeline.py [--images 600] [--repeats 5] [--quick]

The images are JPEGs of 500x375 cut out of the photographs of `tema9.data`, a size that ImageNet's
have. Both ways end in the same batches: 128 random crops of 227 px, mirrored half of the time and
normalised, in float32. DataLoader gets a worker per core. Both get large pages, as `tema9 train`
asks for; --small-pages goes without.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

if "--small-pages" not in sys.argv:
    os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # before torch is imported

import numpy as np
import torch
from machine import describe
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from tqdm import tqdm

from tema9 import augment
from tema9.data import PHOTOGRAPHS, photograph
from tema9.machine import Machine
from tema9.prepared import open_prepared, prepare
from tema9.recipes import Recipe
from tema9.views import Views

BATCH, CROP = 128, 227


def write_images(folder, count):
    """Cut `count` JPEGs out of the photographs, a class per photograph."""
    draw = np.random.default_rng(0)
    for number in tqdm(range(count), "writing JPEGs", leave=False):
        name = list(PHOTOGRAPHS)[number % len(PHOTOGRAPHS)]
        pixels = photograph(name)
        top, left = draw.integers(0, pixels.shape[0] - 375), draw.integers(0, pixels.shape[1] - 500)
        (folder / name).mkdir(parents=True, exist_ok=True)
        cut = Image.fromarray(pixels[top : top + 375, left : left + 500])
        cut.save(folder / name / f"{number}.jpg", quality=90)


def read_prepared(out, readers=0):
    """One epoch of the prepared folder: as training reads it, in the loop or by threads ahead of it."""
    images = open_prepared(out).images
    recipe = Recipe(BATCH, 1, 0.1, crop=CROP, flip=True)
    views, order = Views.of(images, recipe), torch.randperm(len(images))
    started = time.perf_counter()
    for batch in Machine(torch.device("cpu"), readers=readers).stream(images, order.split(BATCH)):
        views.training(batch)
    return len(images) / (time.perf_counter() - started)


def read_folder(folder, workers):
    """One epoch of ImageFolder and DataLoader."""
    steps = [
        v2.ToImage(),
        v2.Resize(256, antialias=True),
        v2.RandomCrop(CROP),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(augment.IMAGENET_MEAN, augment.IMAGENET_STD),
    ]
    images = ImageFolder(folder, v2.Compose(steps))
    loader = DataLoader(images, BATCH, shuffle=True, num_workers=workers)
    started = time.perf_counter()
    for _ in loader:
        pass
    return len(images) / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small-pages", action="store_true", help="do not ask Linux for large ones")
    parser.add_argument("--quick", action="store_true", help="few and once: to see that it runs")
    arguments = parser.parse_args()
    count, repeats = (20, 1) if arguments.quick else (arguments.images, arguments.repeats)
    workers = 0 if arguments.quick else os.cpu_count()
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "jpegs"), Path(place, "prepared")
        write_images(folder, count)
        started = time.perf_counter()
        prepare(folder, out, workers=1 if arguments.quick else None, progress=False)
        print(f"prepared once, at {count / (time.perf_counter() - started):,.0f} images/s")
        speeds = {"prepared": [], "ahead": [], "decoding": []}
        for _ in tqdm(range(repeats), "reading", leave=False):
            speeds["prepared"].append(read_prepared(out))
            speeds["ahead"].append(read_prepared(out, readers=1))
            speeds["decoding"].append(read_folder(folder, workers))
    for name, found in speeds.items():
        print(f"{name:9} {statistics.median(found):7,.0f} images/s ({min(found):,.0f} to {max(found):,.0f})")
    for name, other in (("decoding", "decoding"), ("the same read ahead by a thread", "ahead")):
        ratios = [ours / theirs for ours, theirs in zip(speeds["prepared"], speeds[other], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"prepared is {statistics.median(ratios):.2f} times as fast as {name} ({spread})")


if __name__ == "__main__":
    main()
