"""The benchmarks run; what they measure is not asserted here."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "prints"),
    [
        ("training", ["LeNet-5 on digits, batch 64", "bare", "mini-AlexNet on textures", "times the first"]),
        ("pipeline", ["prepared once", "decoding", "prepared is"]),
        ("widgets", ["layer_editor", "occlusion", "the slowest step of all"]),
        ("normalisation", ["AlexNet, CONV1", "the formula", "times its input", "a training step"]),
        ("machine", ["peak in float32", "peak in bfloat16", "channels last"]),
    ],
)
def test_a_benchmark_runs_and_prints_its_ratios(name, prints):
    script = [sys.executable, BENCHMARKS / f"{name}.py", "--quick", "--threads", "1"]
    script = script[:-2] if name == "pipeline" else script
    result = subprocess.run(script, capture_output=True, text=True, check=True)
    said = result.stdout + result.stderr
    assert all(words in said for words in [*prints, "torch"]), said


@pytest.mark.bubblewrap
@pytest.mark.slow
def test_the_benchmark_of_grading_compares_with_stock_and_with_the_limit():
    script = [sys.executable, BENCHMARKS / "grading.py", "speed", "--quick", "--students", "2"]
    said = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert "times stock's throughput" in said and "times the limit" in said
    assert "stock graded 2 of 2; 2 scores equal ours" in said
