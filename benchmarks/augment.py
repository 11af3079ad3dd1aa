"""How long a batch takes to augment, against torchvision image by image.

    python benchmarks/augment.py

128 images of 256x256 in uint8, to 224x224. Prints the machine, the versions, the median of
the runs in milliseconds, and how many times longer torchvision takes; the two take turns.
"""

import os
import platform
import statistics
import time

import torch
import torchvision
from torchvision import transforms

from tema9 import augment

BATCH, SIDE, SIZE, RUNS = 128, 256, 224, 15
COLOURS = augment.IMAGENET_MEAN, augment.IMAGENET_STD
COMPONENTS = augment.IMAGENET_EIGENVALUES, augment.IMAGENET_EIGENVECTORS


def image_by_image(*steps):
    transform = transforms.Compose(steps)
    return lambda images: torch.stack([transform(image) for image in images])


def ours_whole(images):
    return augment.normalise(augment.random_flip(augment.random_crop(images, SIZE)), *COLOURS)


def torchvision_s_ten_crops(images):
    cut = transforms.TenCrop(SIZE)
    return torch.stack([torch.stack(cut(image)) for image in images], dim=1)


CROP, FLIP = transforms.RandomCrop(SIZE), transforms.RandomHorizontalFlip()
NORMALISE = transforms.ConvertImageDtype(torch.float32), transforms.Normalize(*COLOURS)
ROWS = {  # what it is: ours, and torchvision's where it has one
    "random crop": (lambda images: augment.random_crop(images, SIZE), image_by_image(CROP)),
    "random flip": (augment.random_flip, image_by_image(FLIP)),
    "normalise": (lambda images: augment.normalise(images, *COLOURS), image_by_image(*NORMALISE)),
    "the three": (ours_whole, image_by_image(CROP, FLIP, *NORMALISE)),
    "ten crops": (lambda images: augment.ten_crops(images, SIZE), torchvision_s_ten_crops),
    "PCA lighting": (lambda images: augment.pca_lighting(images, *COMPONENTS), None),
}


def milliseconds(action, images):
    started = time.perf_counter()
    action(images)
    if images.is_cuda:
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - started)


def main():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    machine = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {machine}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    )
    print(f"{BATCH} images of 3x{SIDE}x{SIDE}, median of {RUNS} runs, ms     ours  torchvision  ratio")
    images = torch.randint(256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8, device=device)
    for name, pair in ROWS.items():
        actions = [action for action in pair if action]
        runs = [[milliseconds(action, images) for action in actions] for _ in range(RUNS + 2)][2:]  # two to warm up
        medians = [statistics.median(column) for column in zip(*runs, strict=True)]
        rest = f"{medians[1]:11.1f}  {medians[1] / medians[0]:5.1f}" if len(medians) == 2 else "          -      -"
        print(f"  {name:50} {medians[0]:8.1f}  {rest}")


if __name__ == "__main__":
    main()
