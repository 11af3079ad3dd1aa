"""The plan of a run: data and recipe that fit the architecture, and numbers that are the arithmetic's."""

import pytest
import torch

from tema9 import layer_table, machine, models
from tema9.data import Data, Split
from tema9.plan import fit, plan
from tema9.recipes import DECK, LENET5_DIGITS


def images(*shape, dtype=torch.uint8):
    part = Split(torch.zeros(30, *shape, dtype=dtype), torch.arange(30) % 3)
    return Data("made", ("a", "b", "c"), part, part, part)


def test_mnist_becomes_what_lenet5_reads():
    data, recipe = fit(images(1, 28, 28), "lenet5", LENET5_DIGITS)
    assert data.train.images.shape == (30, 1, 32, 32) and data.test.images.dtype == torch.float32
    assert recipe.crop is None


@pytest.mark.parametrize(("side", "crop"), [(256, 227), (227, None)])
def test_larger_images_are_cropped_to_what_the_architecture_reads(side, crop):
    _, recipe = fit(images(3, side, side), "alexnet_slide", DECK)
    assert recipe.crop == crop


@pytest.mark.parametrize(("shape", "name"), [((3, 32, 32), "alexnet_slide"), ((3, 32, 32), "lenet5")])
def test_images_that_are_too_small_or_of_other_channels_are_refused(shape, name):
    with pytest.raises(ValueError, match=f"the images of made are 32x32x3, but {name} reads"):
        fit(images(*shape), name, DECK)


def test_the_plan_is_the_arithmetic():
    data, recipe = fit(images(1, 32, 32, dtype=torch.float32), "lenet5", LENET5_DIGITS)
    made = plan(models.build("lenet5", 3), data, recipe, machine.choose("cpu"))
    assert made.steps == 2  # 30 images, 16 at a time
    assert made.memory == layer_table("lenet5").memory(16)
    assert made.bytes_per_image == 32 * 32 * 4
    assert made.images_per_second == pytest.approx(16 / made.seconds_per_step)
    assert made.hours == pytest.approx(30 * 2 * made.seconds_per_step / 3600)
