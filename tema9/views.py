"""The views of an image that a network is given: in training, in evaluation, and for ten crops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from tema9 import augment
from tema9.prepared import Batches
from tema9.recipes import Recipe

SAMPLE = 2000  # images that the statistics are taken from, at most


@dataclass(frozen=True)
class Views:
    """The transformation of a batch of images into a batch of inputs.

    crop: side of the square that is cut out, in pixels; None keeps the complete image.
    flip: mirror half of the images, in training.
    shift, rotation, elastic: of the distortions in training, as for `augment.distort`; 0 for none.
    lighting: deviation of the draws of PCA lighting, in training; 0 for none.
    mean, std: of each channel, white at 1; empty leave the values as they are.
    eigenvalues, eigenvectors: of the colours, for the lighting.

    With the default of every field, bytes become floats from 0 to 1, and floats stay as they are.
    """

    crop: int | None = None
    flip: bool = False
    lighting: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    eigenvalues: tuple[float, ...] = ()
    eigenvectors: tuple[tuple[float, ...], ...] = ()
    shift: float = 0.0
    rotation: float = 0.0
    elastic: float = 0.0

    @classmethod
    def of(cls, images: torch.Tensor | Batches, recipe: Recipe) -> "Views":
        """The views that a recipe asks for, with the statistics of the training images.

        Bytes are normalised by the mean and the deviation of each channel; floats are taken to be
        normalised already. The statistics are those of 2,000 images at most, evenly spaced.

        Args:
            images: (N, C, H, W), of the training part; a tensor or `prepared.Batches`.
            recipe: its `crop`, `flip`, `shift`, `rotation`, `elastic` and `lighting` count.

        Raises:
            ValueError: the crop does not fit, or the lighting has no three channels to work on.

        Source:
            Krizhevsky, Sutskever and Hinton (2012), sections 2 and 4.1; they subtract the mean
            image and divide by nothing.
        """
        if len(images.shape) != 4:
            return cls()
        count, channels, height, width = images.shape
        if recipe.crop is not None and recipe.crop > min(height, width):
            raise ValueError(
                f"crop {recipe.crop} does not fit the images of {height}x{width}; replace it in the recipe"
            )
        if recipe.lighting and channels != 3:
            raise ValueError(f"lighting {recipe.lighting} works on three channels and the images have {channels}")
        sample = images[torch.arange(0, count, -(-count // SAMPLE))]
        colours = dict.fromkeys(("mean", "std", "eigenvalues", "eigenvectors"), ())
        if recipe.lighting:
            values, vectors = augment.pca_of(sample)
            colours |= {"eigenvalues": _plain(values), "eigenvectors": tuple(map(_plain, vectors))}
        if sample.dtype == torch.uint8:
            mean, std = augment.colour_statistics(sample)
            colours |= {
                "mean": _plain(mean),
                "std": _plain(std.clamp(min=1 / 255)),
            }  # one colour only: no division by 0
        return cls(
            recipe.crop,
            recipe.flip,
            recipe.lighting,
            **colours,
            shift=recipe.shift,
            rotation=recipe.rotation,
            elastic=recipe.elastic,
        )

    def training(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A random view of each image, drawn for each image on its own.

        Shape: (N, C, H, W) -> (N, C, crop, crop), floats.
        """
        drawn = self.draw(images.shape, generator or torch.Generator().manual_seed(int(torch.randint(2**62, ()))))
        return self.drawn(images, Draws(*(None if each is None else each.to(images.device) for each in drawn)))

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> "Draws":
        """Draw, on the CPU, what `drawn` needs to show a batch of images of this shape, (N, C, H, W)."""
        top = left = kept = affine = bends = shift = None
        if self.crop is not None:
            count, _, height, width = shape
            if self.crop > min(height, width):
                raise ValueError(f"crop {self.crop} does not fit images of {height}x{width}")
            top = torch.randint(height - self.crop + 1, (count, 1, 1), generator=generator)
            left = torch.randint(width - self.crop + 1, (count, 1, 1), generator=generator)
        if self.flip:
            kept = torch.rand(shape[0], generator=generator) >= 0.5
        if self.shift or self.rotation or self.elastic:
            height, width = (self.crop or side for side in shape[2:])
            amounts = (self.shift, self.rotation, self.elastic)
            affine, bends = augment.distortions(shape[0], height, width, *amounts, generator)
        if self.lighting:
            a = torch.randn(shape[0], 1, 3, generator=generator)
            shift = augment.lighting_shift(a, self.eigenvalues, self.eigenvectors, self.lighting)
        return Draws(top, left, kept, affine, bends, shift)

    def drawn(self, images: torch.Tensor, draws: "Draws") -> torch.Tensor:
        """The view of each image that was drawn, without waiting for a GPU.

        Args:
            draws: of `draw`, on the device of the images.

        Shape: (N, C, H, W) -> (N, C, crop, crop), floats.
        """
        if draws.top is not None and draws.left is not None and self.crop is not None:
            images = augment.crop_at(images, self.crop, draws.top, draws.left)
        if draws.kept is not None:
            images = augment.flip_others(images, draws.kept)
        if draws.affine is not None:
            white = 1 if images.is_floating_point() else 255
            images = augment.warp(images, draws.affine, draws.bends).div_(white)
        return self._values(images, draws.shift)

    def evaluation(self, images: torch.Tensor) -> torch.Tensor:
        """The central square of each image. Shape: (N, C, H, W) -> (N, C, crop, crop), floats."""
        return self._values(images if self.crop is None else augment.centre_crop(images, self.crop))

    def uncropped(self, images: torch.Tensor) -> torch.Tensor:
        """The complete images, to cut ten crops from. Shape: (N, C, H, W) -> the same, floats."""
        return self._values(images)

    def _values(self, images, shift=None):
        """The images, with what lighting adds to the colours of each, (N, 3), normalised."""
        if not self.mean and shift is None:
            return images.float() / 255 if images.dtype == torch.uint8 else images
        scale, offset, deviation = self._constants(images)
        if shift is not None:
            offset = offset + (shift.to(scale.dtype)[:, :, None, None] / deviation)
        if images.is_cpu:  # in place, which is faster there
            return (images.float() if images.dtype == torch.uint8 else images.clone()).mul_(scale).add_(offset)
        return torch.addcmul(offset, images, scale)

    def _constants(self, images):
        """What images are multiplied by, what is added, and the deviations, on the device: a copy would be waited for.

        The first two are those of `augment.normalise`.
        """
        known = self.__dict__.setdefault("_known", {})  # no field: two views are equal without it
        key = images.device, images.dtype
        if key not in known:
            white, dtype = (255, torch.float32) if images.dtype == torch.uint8 else (1, images.dtype)
            mean, std = self.mean or (0.0,) * images.shape[1], self.std or (1.0,) * images.shape[1]
            mean, std = (torch.tensor(values, dtype=dtype)[:, None, None] for values in (mean, std))
            known[key] = tuple(value.to(images.device) for value in (1 / (white * std), -mean / std, std))
        return known[key]


class Draws(NamedTuple):
    """What chance decides of the views of some images; None where nothing is drawn. Its shapes depend on N alone.

    top, left: (N, 1, 1), of the crops. kept: (N,), bool, whether an image is not mirrored.
    affine: (N, 2, 3), and bends: (N, 2, rows, columns), of `augment.distortions`.
    shift: (N, 3), what lighting adds to each colour.
    """

    top: torch.Tensor | None = None
    left: torch.Tensor | None = None
    kept: torch.Tensor | None = None
    affine: torch.Tensor | None = None
    bends: torch.Tensor | None = None
    shift: torch.Tensor | None = None


def together(draws: Sequence[Draws], move: Callable[[torch.Tensor], torch.Tensor]) -> list[Draws]:
    """Move the draws of many batches in one copy for each field.

    Args:
        draws: of each batch.
        move: the function that moves a tensor to the device.
    """
    columns: list[list[torch.Tensor | None]] = []
    for column in zip(*draws, strict=True):
        if column[0] is None:
            columns.append(list(column))
        else:
            columns.append(list(move(torch.cat(column)).split([len(each) for each in column])))
    return [Draws(*row) for row in zip(*columns, strict=True)]


def _plain(values):
    return tuple(values.tolist())
