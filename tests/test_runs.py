"""A run from the name of an architecture to its files: what is written, and what Ctrl-C leaves."""

from dataclasses import replace

import pytest
import torch

from tema9 import checkpoint, models, runs, training
from tema9.data import Data, Split
from tema9.machine import Machine
from tema9.recipes import LENET5_DIGITS

CPU = Machine(torch.device("cpu"))
RECIPE = replace(LENET5_DIGITS, epochs=2)
FILES = {"lenet5", "lenet5.safetensors", "lenet5.csv", "lenet5.png"}


@pytest.fixture
def data():
    parts = [Split(torch.rand(count, 1, 32, 32), torch.arange(count) % 3) for count in (48, 12, 20)]
    return Data("made", ("a", "b", "c"), *parts)


def interrupted_after(epochs, monkeypatch):
    """Have Ctrl-C come while the epoch after these is measured."""
    measure, calls = training.evaluate, []

    def evaluate(*arguments, **options):
        calls.append(arguments)
        if len(calls) == epochs + 1:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr(training, "evaluate", evaluate)


def test_a_run_writes_the_weights_the_history_and_the_plot_that_it_returns(data, tmp_path):
    trained = runs.train("lenet5", data, RECIPE, tmp_path, CPU)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    model = checkpoint.load(models.build("lenet5", num_classes=3), tmp_path / "lenet5.safetensors")
    assert training.evaluate(model, data.test, CPU) == trained.score
    assert len((tmp_path / "lenet5.csv").read_text().splitlines()) == 1 + len(trained.history.epochs) == 3
    assert (tmp_path / "lenet5.png").read_bytes().startswith(b"\x89PNG")
    assert trained.ten_crops is None


@pytest.mark.slow
def test_a_run_begins_anew_unless_it_is_asked_to_go_on(data, tmp_path):
    first = runs.train("lenet5", data, RECIPE, tmp_path, CPU)
    longer = replace(RECIPE, epochs=3)
    resumed = runs.train("lenet5", data, longer, tmp_path, CPU, resume=True)
    assert resumed.history.epochs[:2] == first.history.epochs, "seconds included: they were not run again"
    anew = runs.train("lenet5", data, longer, tmp_path, CPU, overwrite=True)
    assert anew.history.epochs[0] != first.history.epochs[0]
    assert anew.history.epochs[0].train_loss == first.history.epochs[0].train_loss


def test_the_seed_of_the_recipe_draws_the_weights(data):
    once, again, other = (
        runs.prepare("lenet5", data, replace(RECIPE, seed=seed), CPU)[0].state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not all(torch.equal(once[name], other[name]) for name in once)


def test_what_ctrl_c_interrupts_after_an_epoch_is_measured_and_written(data, tmp_path, monkeypatch):
    interrupted_after(1, monkeypatch)
    trained = runs.train("lenet5", data, RECIPE, tmp_path, CPU)
    assert trained.history.interrupted and len(trained.history.epochs) == 1
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_what_ctrl_c_interrupts_before_leaves_nothing(data, tmp_path, monkeypatch):
    interrupted_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        runs.train("lenet5", data, RECIPE, tmp_path, CPU)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".safetensors", ".csv", ".png")]
