"""The plan of a training run: data and recipe that fit the architecture, and the memory and time it will take."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from tema9 import graphs
from tema9.arithmetic import Memory, layer_table
from tema9.data import Data, Split, as_lenet5
from tema9.machine import Machine, from_first, processes
from tema9.prepared import SIDE, centre_256
from tema9.recipes import Recipe
from tema9.views import Draws, Views, together

if TYPE_CHECKING:  # the caller builds the model
    from tema9.models import AlexNet, LeNet5, ZFNet


def fit(data: Data, architecture: str, recipe: Recipe) -> tuple[Data, Recipe]:
    """Return the data and the recipe changed so that the images have the size that the architecture reads.

    MNIST's 28x28 bytes become LeNet-5's 32x32. Of larger images the recipe crops a square of the
    side that the architecture reads; images of that very side are not cropped.

    Args:
        architecture: its name.

    Raises:
        ValueError: the images are smaller, or have other channels; the message says the sizes.
    """
    table = layer_table(architecture)
    channels, side, _ = table.input_shape
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    if channels == 1 and side == 32 and tuple(data.train.images.shape[1:]) == (1, 28, 28):
        parts = {name: Split(as_lenet5(part.images), part.labels) for name, part in parts.items()}
        data = Data(data.name, data.classes, **parts)
    found, height, width = data.train.images.shape[1:]
    if found != channels or min(height, width) < side:
        raise ValueError(
            f"the images of {data.name} are {height}x{width}x{found}, but {architecture} reads {side}x{side}x{channels}"
        )
    return data, replace(recipe, crop=None if (height, width) == (side, side) else side)


def read_image(path: str | Path, model: "LeNet5 | AlexNet | ZFNet") -> torch.Tensor:
    """Return an image file as the network was given its images: bytes of 256x256, or of the side that it reads.

    For LeNet-5 the image becomes a digit as MNIST has them, white on black; a light background is turned over.

    Shape:
        (1, 3, 256, 256) or (1, 3, side, side), uint8; for LeNet-5 (1, 1, 32, 32), float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no image that can be read.
    """
    channels, side, _ = layer_table(model.architecture).input_shape
    try:
        pixels = centre_256(path, 28 if channels == 1 else side if model.views.crop is None else SIDE)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is no file") from None
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise ValueError(f"{path} cannot be read: {' '.join(f'{type(error).__name__}: {error}'.split())}") from error
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    if channels == 3:
        return image
    grey = image.float().mean(dim=1, keepdim=True)
    return as_lenet5(255 - grey if grey.mean() > 127 else grey)


NARROW = 0.5  # of the shorter side: what the network of 2012 sees of an image is 227 of 256 px, 0.89


def caution(data: Data, architecture: str) -> str:
    """Return a line of warning if the network will see small pieces of the images only, or an empty string.

    Args:
        data: fitted by `fit`.
        architecture: its name.
    """
    side, (height, width) = layer_table(architecture).input_shape[1], data.train.images.shape[2:]
    if side >= NARROW * min(height, width):
        return ""
    share = 100 * side**2 / (height * width)
    return (
        f"{architecture} reads {side}x{side} px and the images of {data.name} are {height}x{width}: a view is"
        f" {share:.0f} % of an image, and may miss its subject; a network that reads 224 or 227 px sees most of it"
    )


@dataclass(frozen=True)
class Plan:
    """The sizes, the memory and the time of a training run, as `tema9 train --dry-run` prints them.

    memory: that training takes on each device, by the arithmetic, in bytes.
    steps: of an epoch. seconds_per_step: measured.
    bytes_per_image: that are read from memory or disk for one image.
    """

    architecture: str
    input_shape: tuple[int, int, int]
    images_shape: tuple[int, ...]
    classes: int
    images: dict[str, int]
    batch_size: int
    epochs: int
    steps: int
    memory: Memory
    bytes_per_image: int
    seconds_per_step: float

    @property
    def images_per_second(self) -> float:
        """The images of a batch over the seconds of a step."""
        return self.batch_size / self.seconds_per_step

    @property
    def hours(self) -> float:
        """The hours that all the epochs will take, without validation."""
        return self.epochs * self.steps * self.seconds_per_step / 3600


def plan(
    model: "LeNet5 | AlexNet | ZFNet", data: Data, recipe: Recipe, machine: Machine, most: int | None = None
) -> Plan:
    """Plan a training run, and time a few of its steps on random images.

    The steps change the weights of the model: build it anew before training it.

    Args:
        model: one of `models`, on `machine`.
        data, recipe, machine: as for `training.train`, fitted to the model.
        most: images in a timed step, from which the time of a full step is scaled. None times a full
            step on a GPU, and 16 images on a CPU, where a batch of AlexNet's takes many seconds.
    """
    table = layer_table(model.architecture)
    share = -(-recipe.batch_size // (processes() * machine.accumulate))
    timed = min(share, most or (share if machine.device.type == "cuda" else 16))
    steps = -(-len(data.train) // recipe.batch_size)
    return Plan(
        architecture=model.architecture.name,
        input_shape=table.input_shape,
        images_shape=tuple(data.train.images.shape[1:]),
        classes=len(data.classes),
        images={name: len(getattr(data, name)) for name in ("train", "validation", "test")},
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        steps=steps,
        memory=table.memory(share),
        bytes_per_image=data.train.images[:1].nbytes,
        seconds_per_step=_time(model, data, recipe, machine, timed) * share / timed * machine.accumulate,
    )


def _time(model, data, recipe, machine, batch_size, repeats=2):
    """Seconds of a step, the best of some, after those that warm up and, for a run of graphs, capture it."""
    recipe.require_images(len(data.train), processes())
    views = from_first(lambda: Views.of(data.train.images, recipe))
    shape, dtype = data.train.images.shape[1:], data.train.images[:1].dtype
    images = (torch.rand(batch_size, *shape) * (255 if dtype == torch.uint8 else 1)).to(dtype).to(machine.device)
    labels = torch.randint(len(data.classes), (batch_size,), device=machine.device)
    (draws,) = together([views.draw(images.shape, torch.Generator())], machine.upload)
    optimizer = torch.optim.SGD(model.parameters(), 1e-9, recipe.momentum, fused=True)
    forward = machine.forward_of(model)
    model.train()

    def step(count: int, taken: torch.Tensor, drawn: Draws, right: torch.Tensor) -> torch.Tensor:
        inputs = machine.arrange(views.drawn(taken, drawn))
        with machine.autocast():
            loss = F.cross_entropy(forward(inputs), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    captured = machine.graph and not graphs.why_not(model, machine)
    take_step, first = (graphs.Graph(step, batch_size, machine.device), graphs.WARM + 1) if captured else (step, 1)
    seconds = []
    for _ in range(first + repeats):
        started = time.perf_counter()
        take_step(batch_size, images, draws, labels).item()  # waits for a GPU
        seconds.append(time.perf_counter() - started)
    return min(seconds[first:])
