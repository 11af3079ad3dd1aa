"""The logs of the longer experiments: whole, with their origin, and as the notebooks quote them."""

import re
import runpy
import statistics
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from modules import ROOT

from tema9 import experiments, looking, models
from tema9.classroom import sources
from tema9.data import PHOTOGRAPHS, photograph, texture_parts
from tema9.experiments import broken_runs, first_layer, one_factor, relu_or_tanh

NAMES = ("broken_runs", "first_layer", "one_factor", "relu_or_tanh", "scrambled_pixels")


def source(number):
    return next(one for one in sources.all_sources() if one.name.startswith(number)).path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_log_says_the_command_and_the_versions_that_made_it(name):
    head = (experiments.HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines()[:2]
    assert head[0] == f"# python -m tema9.experiments.{name}"
    assert "torch" in head[1] and "Python" in head[1]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_help(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"tema9.experiments.{name}", run_name="__main__")
    assert ended.value.code == 0 and "--out" in capsys.readouterr().out


def test_what_is_written_is_read_back_with_numbers_as_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "HERE", tmp_path)
    rows = [{"name": "a, b", "count": 3, "error": 2.5}, {"name": "c", "count": 4, "error": 0.5}]
    experiments.write(tmp_path / "made.csv", "the command", rows)
    assert experiments.read("made") == rows
    with pytest.raises(ValueError, match="unknown experiment 'other'; known: made"):
        experiments.read("other")


def test_the_log_of_relu_or_tanh_has_every_rate_and_three_seeds():
    rows = experiments.read("relu_or_tanh")
    counts = Counter((row["nonlinearity"], row["rate"]) for row in rows)
    assert counts == {(kind, rate): 3 for kind in relu_or_tanh.NONLINEARITIES for rate in relu_or_tanh.RATES}
    assert all((row["train_error"] < relu_or_tanh.TARGET) == bool(row["reached"]) for row in rows)


def test_notebook_3_quotes_the_best_means_of_the_log():
    rows = experiments.read("relu_or_tanh")
    best = {}
    for kind in relu_or_tanh.NONLINEARITIES:
        for rate in relu_or_tanh.RATES:
            found = [row["epochs"] for row in rows if (row["nonlinearity"], row["rate"]) == (kind, rate)]
            if all(row["reached"] for row in rows if (row["nonlinearity"], row["rate"]) == (kind, rate)):
                best[kind] = min(best.get(kind, (99, None)), (statistics.mean(found), rate))
    text = " ".join(source("3").replace("\n# ", " ").split())
    (relu, relu_rate), (tanh, tanh_rate) = best["ReLU"], best["tanh"]
    assert relu_rate == tanh_rate == 0.1
    assert f"la ReLU llega en {relu:.2f} épocas".replace(".", ",") in text
    assert f"la tanh en {tanh:.2f}".replace(".", ",") in text
    assert f"{relu / tanh:.1f} veces".replace(".", ",") in text


def test_the_first_layer_that_ships_is_the_last_of_the_log_and_two_thirds_of_it_are_oriented_or_coloured():
    log = experiments.read("first_layer")
    tuning = looking.tuning(models.first_layer())
    kinds, last = Counter(tuning.kinds()), log[-1]
    for kind in ("oriented", "coloured", "noise", "dead"):
        assert kinds[kind] == pytest.approx(last[kind], abs=1), kind  # another CPU may round otherwise
    assert last["count"] == len(models.first_layer()) == 96 and last["dead"] == 0
    assert 3 * (last["oriented"] + last["coloured"]) >= 2 * last["count"]
    chance = next(row for row in log if row["filters"] == "independent weights")
    assert chance["noise"] == chance["count"]


def test_what_is_written_of_the_first_layer_is_in_the_log():
    rows = {row["filters"]: row for row in experiments.read("first_layer")}
    chance, mini, learned = rows["independent weights"], rows["alexnet_mini"], list(rows.values())[-1]
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (?:96|32) of .* \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.M)
    kinds = ("oriented", "coloured", "noise", "dead")
    assert found == [tuple(str(row[kind]) for kind in kinds) for row in (chance, mini, learned)]
    text = " ".join(source("4").replace("\n# ", " ").split())
    oriented, coloured, noise, _ = (learned[kind] for kind in kinds)
    assert f"De los 96, {oriented} están orientados, {coloured} son de color y {noise} parecen ruido" in text
    assert f"mini-AlexNet, {mini['oriented']}, {mini['coloured']} y {mini['noise']}" in text


def test_the_patches_come_from_the_halves_that_test_nothing_and_each_is_a_class():
    pixels = first_layer.photographs()
    assert len(pixels) == len(PHOTOGRAPHS) + 5
    for name, half in zip(PHOTOGRAPHS, pixels, strict=False):
        left = photograph(name)[:, : texture_parts(*photograph(name).shape[:2])[0][3]]
        assert np.array_equal(half, left), name
    patches = first_layer.patches(classes=5, variants=6)
    assert [len(part) for part in (patches.train, patches.validation, patches.test)] == [30, 10, 10]
    means = [part.images.float().mean((2, 3)) for part in (patches.train, patches.validation)]
    assert all(part.labels.bincount().unique().numel() == 1 for part in (patches.train, patches.validation))
    assert (means[0].view(5, 6, 3).std(1) > 0).all(), "each image of a class is another"
    again = first_layer.patches(classes=5, variants=6)
    assert torch.equal(again.train.images, patches.train.images)
    assert not torch.equal(first_layer.patches(classes=5, variants=6, seed=1).train.images, patches.train.images)


def test_a_variant_is_the_patch_itself_where_nothing_is_changed(monkeypatch):
    for name in ("TURN", "SHIFT", "LIGHT", "TINT"):
        monkeypatch.setattr(first_layer, name, 0.0)
    monkeypatch.setattr(first_layer, "ZOOM", 1.0)
    monkeypatch.setattr(first_layer, "GAIN", 1.0)
    side, edge = first_layer.WINDOW, (first_layer.WINDOW - first_layer.SIDE) // 2
    window = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))
    seen = first_layer.distorted(window, 2, torch.Generator().manual_seed(0))
    expected = (window[:, edge:-edge, edge:-edge] * 255).round()
    assert (seen.float() - expected).abs().max() <= 1


def test_the_log_of_one_factor_has_every_variant_and_three_seeds():
    rows = experiments.read("one_factor")
    assert Counter(row["variant"] for row in rows) == dict.fromkeys(one_factor.VARIANTS, 3)
    assert {row["epochs"] for row in rows} == {one_factor.EPOCHS}


def test_notebook_4_names_the_changes_whose_seeds_all_err_more_than_the_base():
    errors = {}
    for row in experiments.read("one_factor"):
        errors.setdefault(row["variant"], []).append(row["test_error"])
    worse = {name for name, found in errors.items() if min(found) > max(errors["base"])}
    assert worse == {"sin LRN", "sin espejo ni luz"}
    text = " ".join(source("4").replace("\n# ", " ").split())
    assert "quitar la LRN y quitar el espejo y el cambio de luz (los recortes al azar siguen) son los" in text
    assert (min(errors["sin momento"]), max(errors["sin momento"])) == (10.0, 20.25)


def test_each_broken_run_shows_what_its_fault_does():
    last = {row["run"]: row for row in experiments.read("broken_runs") if row["epoch"] == broken_runs.EPOCHS}
    fault = {name: last[run] for run, name in broken_runs.FAULTS.items()}
    assert fault["no-eval"]["repeat_spread"] > 0
    assert all(row["repeat_spread"] == 0 for name, row in fault.items() if name != "no-eval")
    assert fault["rate-too-high"]["commonest"] > 90 and 2.2 < fault["rate-too-high"]["train_loss"] < 2.6
    assert fault["softmax-twice"]["train_loss"] > 1.461  # log(9 + e) - 1, the least that a softmax of one can give
    assert fault["augmented-validation"]["validation_error"] > 5 * fault["augmented-validation"]["proper_error"]
    assert fault["labels-shifted"]["train_error"] < 50 and fault["labels-shifted"]["validation_error"] > 80
    assert fault["no-shuffle"]["worst_batch"] > 10 * fault["no-shuffle"]["best_batch"]
