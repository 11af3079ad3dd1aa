"""A recipe holds numbers that make sense, or says in one line which does not."""

import math
from dataclasses import fields, replace

import pytest

from tema9 import recipes
from tema9.recipes import Recipe

GOOD = Recipe(batch_size=8, epochs=3, learning_rate=0.1)


@pytest.mark.parametrize("name", ["batch_size", "epochs", "patience", "drops", "warmup", "seed"])
@pytest.mark.parametrize("value", [-1, -100, 2.5, True])
def test_numbers_of_things_are_whole_and_not_negative(name, value):
    with pytest.raises(ValueError, match=f"{name} {value} is (not|negative)"):
        replace(GOOD, **{name: value})


@pytest.mark.parametrize("name", ["batch_size", "epochs", "patience", "learning_rate", "factor", "bias_rate", "crop"])
def test_what_has_to_be_positive_is_not_zero(name):
    with pytest.raises(ValueError, match=f"{name} 0 is not positive"):
        replace(GOOD, **{name: 0})


COEFFICIENTS = ["learning_rate", "factor", "bias_rate", "momentum"]
COEFFICIENTS += ["weight_decay", "lighting", "shift", "rotation", "elastic"]


@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, -math.inf])
def test_rates_and_coefficients_are_finite_and_not_negative(name, value):
    with pytest.raises(ValueError, match=f"{name} {value} is"):
        replace(GOOD, **{name: value})


def test_a_momentum_of_one_never_forgets_and_is_refused():
    with pytest.raises(ValueError, match=r"momentum 1\.0 is not from 0 up to"):
        replace(GOOD, momentum=1.0)


def test_every_number_of_a_recipe_is_looked_at():
    numbers = [field.name for field in fields(Recipe) if field.type not in ("bool", bool)]
    for name in numbers:
        with pytest.raises(ValueError, match=name):
            replace(GOOD, **{name: -7})


def test_the_recipes_here_make_sense_and_a_batch_fits_its_images_and_its_processes():
    assert all(isinstance(recipe, Recipe) for recipe in recipes.BY_ARCHITECTURE.values())
    GOOD.require_images(8, 8)
    with pytest.raises(ValueError, match="batch_size 8 is more than the 7 images to train on"):
        GOOD.require_images(7)
    with pytest.raises(ValueError, match="batch_size 8 is less than the 9 processes that share it"):
        GOOD.require_images(100, 9)
