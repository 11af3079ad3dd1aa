"""The views of an image that a network is given: in training, in evaluation, and for ten crops."""

from dataclasses import dataclass

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

    @classmethod
    def of(cls, images: torch.Tensor | Batches, recipe: Recipe) -> "Views":
        """The views that a recipe asks for, with the statistics of the training images.

        Bytes are normalised by the mean and the deviation of each channel; floats are taken to be
        normalised already. The statistics are those of 2,000 images at most, evenly spaced.

        Args:
            images: (N, C, H, W), of the training part; a tensor or `prepared.Batches`.
            recipe: its `crop`, `flip` and `lighting` count.

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
        return cls(recipe.crop, recipe.flip, recipe.lighting, **colours)

    def training(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A random view of each image, drawn for each image on its own.

        Shape: (N, C, H, W) -> (N, C, crop, crop), floats.
        """
        if self.crop is not None:
            images = augment.random_crop(images, self.crop, generator)
        if self.flip:
            images = augment.random_flip(images, generator)
        if self.lighting:
            images = augment.pca_lighting(images, self.eigenvalues, self.eigenvectors, self.lighting, generator)
        return self._values(images)

    def evaluation(self, images: torch.Tensor) -> torch.Tensor:
        """The central square of each image. Shape: (N, C, H, W) -> (N, C, crop, crop), floats."""
        return self._values(images if self.crop is None else augment.centre_crop(images, self.crop))

    def uncropped(self, images: torch.Tensor) -> torch.Tensor:
        """The complete images, to cut ten crops from. Shape: (N, C, H, W) -> the same, floats."""
        return self._values(images)

    def _values(self, images):
        if self.mean:
            return augment.normalise(images, self.mean, self.std)
        return images.float() / 255 if images.dtype == torch.uint8 else images


def _plain(values):
    return tuple(values.tolist())
