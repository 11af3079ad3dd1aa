"""The plan of a run: data and recipe that fit the architecture, and numbers that are the arithmetic's."""

from dataclasses import replace

import pytest
import torch

from tema9 import layer_table, machine, models
from tema9.data import Data, Split
from tema9.plan import caution, fit, plan
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


@pytest.mark.parametrize(("name", "side", "warns"), [("alexnet_mini", 256, True), ("alexnet_mini", 64, False)])
def test_a_network_that_would_see_little_of_each_image_says_so_in_one_line(name, side, warns):
    said = caution(images(3, side, side), name)
    assert bool(said) == warns and "\n" not in said
    if warns:
        assert "reads 59x59 px and the images of made are 256x256: a view is 5 % of an image" in said


@pytest.mark.parametrize("name", ["alexnet_slide", "zfnet_paper", "alexnet_2012_code"])
def test_the_networks_of_the_papers_see_most_of_a_prepared_image(name):
    assert not caution(images(3, 256, 256), name)


def test_the_plan_refuses_a_batch_larger_than_the_images_and_counts_a_piece_of_it():
    data, recipe = fit(images(1, 32, 32, dtype=torch.float32), "lenet5", LENET5_DIGITS)
    with pytest.raises(ValueError, match="batch_size 31 is more than the 30 images"):
        plan(models.build("lenet5", 3), data, replace(recipe, batch_size=31), machine.choose("cpu"))
    made = plan(models.build("lenet5", 3), data, recipe, machine.choose("cpu", accumulate=4))
    assert made.memory == layer_table("lenet5").memory(4)


def test_the_plan_is_the_arithmetic():
    data, recipe = fit(images(1, 32, 32, dtype=torch.float32), "lenet5", LENET5_DIGITS)
    made = plan(models.build("lenet5", 3), data, recipe, machine.choose("cpu"))
    assert made.steps == 2  # 30 images, 16 at a time
    assert made.memory == layer_table("lenet5").memory(16)
    assert made.bytes_per_image == 32 * 32 * 4
    assert made.images_per_second == pytest.approx(16 / made.seconds_per_step)
    assert made.hours == pytest.approx(30 * 2 * made.seconds_per_step / 3600)
