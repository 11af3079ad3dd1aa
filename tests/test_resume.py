"""A run that stopped goes on to the very same weights: every model, memory format, precision and number of processes.

And what lies where a run wants to go on or to begin: damaged states, other data, earlier runs, a full disk.
"""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from tema9 import architectures, checkpoint, models, runs, training
from tema9.architectures import Conv, Linear
from tema9.data import Data, Split
from tema9.machine import Machine
from tema9.recipes import Recipe

CPU = torch.device("cpu")
# Momentum, a rate that drops after an epoch without progress, and biases of their own: all that a state carries. And
# distortions, which an epoch draws anew.
RECIPE = Recipe(batch_size=2, epochs=3, learning_rate=1e-3, patience=1, rate_in_velocity=True, bias_rate=2.0)
RECIPE = replace(RECIPE, shift=1.0, rotation=5.0, elastic=0.5)
FORMATS = ("contiguous", "channels last")
PRECISIONS = ("float32", "bfloat16")


def narrow(name):
    """The network of a table with fewer maps and neurons in each layer, and its images, which are small."""
    table, lenet = architectures.ARCHITECTURES[name], name.startswith("lenet5")
    layers = []
    for layer in table.layers:
        if isinstance(layer, Conv) and not lenet:
            layer = replace(layer, out_channels=layer.out_channels // 4)
        elif isinstance(layer, Linear) and not lenet and layer is not table.layers[-1]:
            layer = replace(layer, out_features=16)
        layers.append(layer)
    side = min(table.input_shape[1], 67)
    shape = (table.input_shape[0], side, side)
    model = models.stack(replace(table, layers=tuple(layers), input_shape=shape), 10)
    generator = torch.Generator().manual_seed(0)
    parts = [Split(torch.randn(count, *shape, generator=generator), torch.arange(count) % 10) for count in (4, 3, 2)]
    return model, Data(name, tuple("0123456789"), *parts)


def ends(name, folder, last, precision, stops):
    """The weights and the momentum of a run that is begun again after each of these epochs, from its state."""
    for epochs in stops:
        torch.manual_seed(5)
        model, data = narrow(name)
        machine = Machine(CPU, precision, last == "channels last")
        history = training.train(model, data, replace(RECIPE, epochs=epochs), False, folder, machine)
    assert len(history.epochs) == stops[-1]
    return load_file(Path(folder, training.LAST))


def differences(name, folder, last, precision):
    """The names of the tensors in which a run that stopped differs from one that never stopped."""
    whole = ends(name, Path(folder, "whole"), last, precision, [2])
    parts = ends(name, Path(folder, "parts"), last, precision, [1, 2])
    assert whole.keys() == parts.keys() and any(key.startswith("momentum.") for key in whole)
    return [key for key, value in whole.items() if not torch.equal(value, parts[key])]


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("last", FORMATS)
@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_every_model_goes_on_to_the_very_same_weights_and_momentum(name, last, precision, tmp_path):
    assert differences(name, tmp_path, last, precision) == []


@pytest.mark.parametrize("last", FORMATS)
def test_a_convolution_goes_on_to_the_very_same_weights_and_momentum(last, tmp_path):
    assert differences("alexnet_mini", tmp_path, last, "float32") == []


# What lies where a run wants to go on, or to begin.

TINY = Recipe(batch_size=4, epochs=2, learning_rate=0.1)


def points(name="points", classes=("a", "b", "c"), count=12, turn=0):
    generator = torch.Generator().manual_seed(1)
    parts = [Split(torch.randn(n, 2, generator=generator), (torch.arange(n) + turn) % 3) for n in (count, 6, 6)]
    return Data(name, classes, *parts)


def go_on(folder, data=None, model=None):
    return training.train(model or nn.Linear(2, 3), data or points(), TINY, False, folder)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (points(name="others"), "name points, not others"),
        (points(classes=("a", "b", "d")), "classes c, not d"),
        (points(count=15), "number of images in train 12, not 15"),
        (points(turn=1), "labels of train"),
    ],
)
def test_other_data_are_refused_in_one_line(data, says, tmp_path):
    go_on(tmp_path)
    before = (tmp_path / training.LAST).read_bytes()
    with pytest.raises(ValueError, match=f"was trained on other data: {says}") as caught:
        go_on(tmp_path, data)
    assert "\n" not in str(caught.value) and (tmp_path / training.LAST).read_bytes() == before


def damaged(path):
    """What may lie where a state should: each as the bytes of a file."""
    good = path.read_bytes()
    yield from (good[:0], good[:7], good[:100], good[: len(good) // 2], good[:-1], b"\0" * 500, good + b"more")
    yield from (b"PK\x03\x04 a zip", b"\x80\x02 a pickle", "ningún estado\n".encode("latin-1"))
    tensors = load_file(path)
    for metadata in (None, {}, {"progress": "no JSON"}, {"progress": "[]"}, {"progress": "{}"}, {"progress": "7"}):
        save_file(tensors, path.with_name("foreign"), metadata=metadata)
        yield path.with_name("foreign").read_bytes()


def test_a_state_that_is_cut_off_empty_or_foreign_is_refused_in_one_line(tmp_path):
    go_on(tmp_path)
    for number, content in enumerate([*damaged(tmp_path / training.LAST)]):
        (tmp_path / training.LAST).write_bytes(content)
        with pytest.raises(ValueError, match=training.LAST) as caught:
            go_on(tmp_path)
        assert "\n" not in str(caught.value), number
        assert "cut off, or no safetensors file" in str(caught.value) or "not the state of a training" in str(
            caught.value
        )
        assert (tmp_path / training.LAST).read_bytes() == content, "it is kept, for whoever wants to look at it"


def test_what_a_killed_run_had_half_written_is_cleared_and_nothing_else(tmp_path):
    go_on(tmp_path)
    for name in (".last.safetensors.x8k2", ".best.safetensors.abc", ".history.csv.q", ".mine", "last.safetensors.old"):
        (tmp_path / name).write_text("half")
    go_on(tmp_path)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {training.LAST, training.BEST, training.HISTORY, ".mine", "last.safetensors.old"}


def test_processes_that_do_not_find_the_same_state_are_told_so(tmp_path, monkeypatch):
    """Two machines whose folder is not the same one: the other would begin anew while this one goes on."""
    go_on(tmp_path)
    monkeypatch.setattr(training, "processes", lambda: 2)
    monkeypatch.setattr(training, "total", lambda value, device: value)  # the other process has done no epoch
    with pytest.raises(ValueError, match=r"not all processes find the same state in .*; put it on a disk that all"):
        go_on(tmp_path)


def test_the_weights_of_a_network_are_no_state_and_say_so(tmp_path):
    checkpoint.save(nn.Linear(2, 3), tmp_path / training.LAST)
    with pytest.raises(ValueError, match="is not the state of a training run; give another folder"):
        go_on(tmp_path)


@pytest.mark.parametrize("model", [nn.Linear(2, 3, bias=False), nn.Linear(2, 4), nn.Sequential(nn.Linear(2, 3))])
def test_another_model_is_refused_and_left_as_it_was(model, tmp_path):
    go_on(tmp_path)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="holds another model; give another folder"):
        go_on(tmp_path, model=model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_that_are_cut_off_are_refused_in_one_line(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.save(nn.Linear(2, 3), path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="is cut off, or no safetensors file") as caught:
        checkpoint.load(nn.Linear(2, 3), path)
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="nowhere is no file"):
        checkpoint.load(nn.Linear(2, 3), tmp_path / "nowhere")


@pytest.mark.parametrize(
    "failure", [SafetensorError("I/O error: No space left on device (os error 28)"), OSError(28, "No space left")]
)
def test_a_full_disk_costs_the_epoch_and_not_the_state(failure, tmp_path, monkeypatch):
    training.train(nn.Linear(2, 3), points(), replace(TINY, epochs=1), False, tmp_path)
    before = (tmp_path / training.LAST).read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(
            OSError, match=r"safetensors could not be written .*No space left.*; what was there"
        ) as caught:
            go_on(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / training.LAST).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([training.BEST, training.HISTORY, training.LAST])
    assert len(go_on(tmp_path).epochs) == 2


LIMITED = """
import resource, sys, torch
from tema9 import checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.write({"a": torch.zeros(1_000_000)}, sys.argv[1], {})
except OSError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit the size of a file")
def test_a_file_that_the_system_cuts_short_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path} could not be written (") and "File too large" in done.stdout
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_tensors_are_on_the_disk_before_they_take_their_name(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(checkpoint.os, "fsync", lambda handle: calls.append("fsync"))
    replace_ = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (calls.append("rename"), replace_(self, to))[1])
    checkpoint.write({"a": torch.zeros(3)}, tmp_path / "a.safetensors", {})
    assert calls == ["fsync", "rename"]


def images():
    parts = [Split(torch.rand(count, 1, 32, 32), torch.arange(count) % 3) for count in (16, 6, 6)]
    return Data("made", ("a", "b", "c"), *parts)


LENET = replace(TINY, learning_rate=0.01)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".safetensors", ".csv", ".png")}


def test_an_earlier_run_is_replaced_only_when_that_is_asked_for_and_once_an_epoch_is_done(tmp_path, monkeypatch):
    place = Machine(CPU)
    runs.train("lenet5", images(), LENET, tmp_path, place)
    earlier = contents(tmp_path)
    with pytest.raises(FileExistsError, match=r"last.safetensors is of an earlier run; --resume .*--overwrite .*--out"):
        runs.train("lenet5", images(), LENET, tmp_path, place)
    with pytest.raises(ValueError, match="give one of them"):
        runs.train("lenet5", images(), LENET, tmp_path, place, resume=True, overwrite=True)
    assert contents(tmp_path) == earlier
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", lambda *_: (_ for _ in ()).throw(RuntimeError("the first epoch fails")))
        with pytest.raises(RuntimeError, match="the first epoch fails"):
            runs.train("lenet5", images(), replace(LENET, seed=1), tmp_path, place, overwrite=True)
    assert contents(tmp_path) == earlier
    runs.train("lenet5", images(), replace(LENET, seed=1), tmp_path, place, overwrite=True)
    assert all(content != earlier[path] for path, content in contents(tmp_path).items())


def test_weights_without_a_state_are_an_earlier_run_too(tmp_path):
    (tmp_path / "lenet5.safetensors").write_text("mine")
    with pytest.raises(FileExistsError, match=r"lenet5.safetensors is of an earlier run; --overwrite replaces it"):
        runs.train("lenet5", images(), LENET, tmp_path, Machine(CPU))
    assert (tmp_path / "lenet5.safetensors").read_text() == "mine"


def test_there_must_be_something_to_go_on_with(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no run to go on with: no .*; leave --resume out"):
        runs.train("lenet5", images(), LENET, tmp_path, Machine(CPU), resume=True)
    assert not list(tmp_path.iterdir())


def rows(half):
    """Half of the table of models, formats and precisions: each half has every model in both formats and precisions."""
    for place, name in enumerate(architectures.ARCHITECTURES):
        for last, precision in itertools.product(range(2), range(2)):
            if (place + last + precision) % 2 == half:
                yield name, FORMATS[last], PRECISIONS[precision]


# In two processes: this file, run by torchrun, prints a line for each row of half of the table.
def main(folder, half):
    import torch.distributed as dist

    dist.init_process_group("gloo")
    for name, last, precision in rows(int(half)):
        place = Path(folder, f"{name} {last} {precision}")
        if dist.get_rank():
            for part, stops in (("whole", [2]), ("parts", [1, 2])):
                for epochs in stops:
                    torch.manual_seed(5)
                    model, data = narrow(name)
                    machine = Machine(CPU, precision, last == "channels last")
                    training.train(model, data, replace(RECIPE, epochs=epochs), False, place / part, machine)
        else:
            print(json.dumps([name, last, precision, differences(name, place, last, precision)]), flush=True)
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.gate
@pytest.mark.parametrize("half", [0, 1])
def test_every_model_goes_on_to_the_very_same_weights_in_two_processes_too(half, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, __file__, tmp_path, str(half)], env=environment, capture_output=True, text=True, timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [tuple(row[:-1]) for row in said] == list(rows(half))
    assert [row for row in said if row[-1]] == []


if __name__ == "__main__":
    main(*sys.argv[1:])
