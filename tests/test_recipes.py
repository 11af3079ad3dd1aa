"""A recipe holds numbers that make sense, or says in one line which does not."""

import math
from dataclasses import fields, replace

import pytest

from tema9 import recipes, records
from tema9.recipes import Change, Recipe

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


# The schedule of 2012.


def noted(what, epoch, layer):
    """The value of run 145 in an epoch, from the notes: the last one that was written down for that layer."""
    now = None
    for row in records.read("schedule"):
        if str(row["run"]) != "145" or row["what"] != what:
            continue
        whose = row["layers"]
        counts = whose in ("all", "input", layer) or (whose == "all but CONV1" and layer != "CONV1")
        if now is None and counts:
            now = row["from"]
        if counts and row["epoch"] <= epoch:
            now = row["to"]
    return now


def test_the_fixed_schedule_is_that_of_the_notes_in_every_epoch():
    schedule = recipes.ALEXNET_2012_SCHEDULE
    for epoch in range(1, schedule.epochs + 1):
        for layer in ("CONV1", "CONV2", "FC8", ""):
            rate = schedule.learning_rate * schedule.share("learning_rate", epoch, layer)
            assert rate == pytest.approx(noted("learning_rate", epoch, layer)), (epoch, layer)
        assert schedule.lighting * schedule.share("lighting", epoch) == noted("colour_noise", epoch, "input"), epoch
    (stop,) = [row for row in records.read("schedule") if str(row["run"]) == "145" and row["what"] == "stop"]
    assert schedule.epochs == stop["epoch"] - 1


def test_a_recipe_without_a_schedule_changes_nothing_at_fixed_epochs():
    assert {recipes.DECK.share(what, epoch) for what in ("learning_rate", "lighting") for epoch in (1, 50, 90)} == {1.0}


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ((Change(3, "momentum", 0.5),), "changes no learning_rate or lighting"),
        ((Change(0, "lighting", 0.5),), "changes no learning_rate or lighting"),
        ((Change(1, "lighting", -0.5),), "changes no learning_rate or lighting"),
        ((Change(1, "lighting", math.nan),), "changes no learning_rate or lighting"),
        ((Change(5, "lighting", 0.5), Change(4, "lighting", 0.1)), "the epochs do not rise"),
        ([Change(5, "lighting", 0.5)], "is not a tuple of recipes.Change"),
        (("CONV1",), "is not a tuple of recipes.Change"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_in_one_line(schedule, says):
    with pytest.raises(ValueError, match=f"schedule.*{says}") as caught:
        replace(GOOD, schedule=schedule)
    assert "\n" not in str(caught.value)


def test_every_recipe_has_a_name_and_an_unknown_one_lists_them():
    there = {id(value) for value in vars(recipes).values() if isinstance(value, Recipe)}
    assert there == {id(recipe) for recipe in recipes.BY_NAME.values()}
    assert {id(recipe) for recipe in recipes.BY_ARCHITECTURE.values()} <= there
    with pytest.raises(ValueError, match="unknown recipe 'caffe'; known: deck, alexnet_2012, "):
        recipes.named("caffe")
