"""A folder of photographs from its JPEGs to answers: prepared, trained, killed, gone on with, measured and used."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from running import run
from safetensors import safe_open
from safetensors.torch import load_file
from sampling import sampled

COLOURS = {"azul": (40, 60, 200), "rojo": (200, 50, 40), "verde": (50, 180, 60)}


def write_jpegs(folder, count):
    """Noisy photographs of three colours and of many sizes, as JPEG; one more is cut off."""
    draw = np.random.default_rng(0)
    for number in range(count):
        name = list(COLOURS)[number % 3]
        width, height = draw.integers(256, 320, 2)
        pixels = draw.normal(COLOURS[name], 60, (height // 8, width // 8, 3)).clip(0, 255).astype(np.uint8)
        (folder / name).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        image.save(folder / name / f"{number:04}.jpg", quality=90)
    whole = (folder / "rojo" / "0001.jpg").read_bytes()
    (folder / "rojo" / "cut.jpg").write_bytes(whole[:300])


def command(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    place = tmp_path_factory.mktemp("photographs")
    write_jpegs(place / "jpegs", 90)
    said = command("data", "prepare", place / "jpegs", place / "prepared", "--workers", 1)
    assert "1 of 91 images could not be read" in said and "90 images of 3 classes" in said
    return place / "prepared"


def train(processes, prepared, out, *options):
    """Begin to train in processes of their own; return the first of them."""
    alone = [sys.executable, "-m", "tema9"]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = [*(alone if processes == 1 else [*together, "-m", "tema9"]), *arguments(prepared, out), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
    return subprocess.Popen([*map(str, words)], **how)


def arguments(prepared, out):
    return ["train", "alexnet_mini", "--data", prepared, "--batch-size", 20, "--device", "cpu", "--out", out]


def kill(process):
    """End a process and all that it started with SIGKILL, as a machine that runs out of memory does."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in family:
        each.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=60)
    process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("processes", sampled([1, 2], [1]))
def test_a_killed_run_on_a_prepared_folder_ends_with_the_very_same_weights_and_its_network_is_used(
    processes, prepared, tmp_path
):
    state = tmp_path / "killed" / "alexnet_mini" / "last.safetensors"
    running = train(processes, prepared, tmp_path / "killed", "--epochs", 1000)
    while not state.exists():
        assert running.poll() is None, running.communicate()[0][-2000:]
        time.sleep(0.01)
    kill(running)
    with safe_open(state, "pt") as file:
        done = len(json.loads(file.metadata()["progress"])["epochs"])
    assert 1 <= done < 900 and not list((tmp_path / "killed").glob("*.csv"))
    epochs = done + 1
    go_on = ["--resume", "--epochs", epochs, "--readers", 2]
    if processes == 1:
        said = command(*arguments(prepared, tmp_path / "killed"), *go_on)
    else:  # that two processes end with the weights of a run that never stopped, test_resume holds
        resumed = train(processes, prepared, tmp_path / "killed", *go_on)
        said, _ = resumed.communicate(timeout=300)
        assert resumed.returncode == 0, said[-2000:]
    assert "weights of epoch" in said and f"of {epochs}, in" in " ".join(said.split())
    names = ["killed"]
    if processes == 1:
        command(*arguments(prepared, tmp_path / "whole"), "--epochs", epochs)
        names.append("whole")
    weights = [tmp_path / name / "alexnet_mini.safetensors" for name in names]
    one, other = load_file(weights[0]), load_file(weights[-1])
    assert all((one[name] == other[name]).all() for name in one) and len(one) > 5
    histories = [list(csv.DictReader((tmp_path / name / "alexnet_mini.csv").open())) for name in names]
    for row, same in zip(histories[0], histories[-1], strict=True):
        assert {row[name] == same[name] for name in ("epoch", "train_loss", "validation_error")} == {True}
        assert float(row["images_per_second"]) > 0 and float(row["peak_share"]) > 0
    assert len(histories[0]) == epochs
    said = command("evaluate", weights[0], "--data", prepared, "--out", tmp_path, "--device", "cpu")
    assert "alexnet_mini on 9 test images of prepared: error" in said
    lines = list(csv.DictReader((tmp_path / "alexnet_mini.classes.csv").open()))
    assert [line["class"] for line in lines] == list(COLOURS) and sum(int(line["images"]) for line in lines) == 9
    photograph = Path(prepared).with_name("jpegs") / "azul" / "0000.jpg"
    said = command("predict", weights[0], photograph, "--device", "cpu")
    assert all(name in said for name in COLOURS) and said.count("%") == 3
