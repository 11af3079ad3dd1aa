"""The logs of the longer experiments: whole, with their origin, and as the notebooks quote them."""

import statistics
import subprocess
import sys
from collections import Counter

import pytest

from tema9 import experiments
from tema9.classroom import sources
from tema9.experiments import broken_runs, one_factor, relu_or_tanh

NAMES = ("broken_runs", "one_factor", "relu_or_tanh", "scrambled_pixels")


def source(number):
    return next(one for one in sources.all_sources() if one.name.startswith(number)).path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_log_says_the_command_and_the_versions_that_made_it(name):
    head = (experiments.HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines()[:2]
    assert head[0] == f"# python -m tema9.experiments.{name}"
    assert "torch" in head[1] and "Python" in head[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_help(name):
    said = subprocess.run(
        [sys.executable, "-m", f"tema9.experiments.{name}", "--help"], capture_output=True, text=True, check=True
    )
    assert "--out" in said.stdout


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
