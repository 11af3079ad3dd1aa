"""The benchmarks run; what they measure is not asserted here."""

import json
import os
import re
import runpy
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
def test_a_benchmark_runs_and_prints_its_ratios(name, prints, monkeypatch, capsys):
    """In this process, which has imported torch."""
    script = BENCHMARKS / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--quick", *([] if name == "pipeline" else ["--threads", "1"])])
    monkeypatch.syspath_prepend(BENCHMARKS)
    runpy.run_path(str(script), run_name="__main__")
    said = "".join(capsys.readouterr())
    assert all(words in said for words in [*prints, "torch"]), said


def on_a_gpu(out, *options):
    """Run the benchmark of a GPU with tiny settings; return its results, in order."""
    script = [sys.executable, BENCHMARKS / "gpu.py", "--tiny", "--out", out, *options]
    subprocess.run(script, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [json.loads(line) for line in (out / "gpu.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.gate
def test_the_benchmark_of_a_gpu_runs_on_a_cpu_with_tiny_settings(tmp_path):
    found = on_a_gpu(tmp_path, "--parts", "card,waits,layers,resume,speed,two", "--seconds", "600")
    assert not [line for line in found if "FAILS" in line["what"] or line["what"] == "ended"]
    values = {line["what"]: line["value"] for line in found}
    assert values["peak in float32"] > 0
    resumed = [value for what, value in values.items() if what.startswith("resume")]
    assert len(resumed) == 2 and all(value.startswith("the very same; ") for value in resumed)
    assert values.keys() >= {"normalisation by kernels, 2 images", "CONV1 by blocks, 2 images"}
    assert any(what.startswith("ours, from memory") for what in values) and found[-1]["part"] == "end"


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_starts_nothing_that_would_not_end_and_says_so(tmp_path):
    found = on_a_gpu(tmp_path, "--seconds", "5")
    assert {line["what"] for line in found} == {"skipped", "seconds"} and len(found) > 10
    assert found[0]["part"] == "card", "what decides comes first"


@pytest.mark.bubblewrap
@pytest.mark.gate
def test_the_benchmark_of_grading_compares_with_stock_and_with_the_limit():
    script = [sys.executable, BENCHMARKS / "grading.py", "speed", "--quick", "--students", "2"]
    said = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert "times stock's throughput" in said and "times the limit" in said
    assert "stock graded 2 of 2; 2 scores equal ours" in said


def test_what_the_readme_says_of_a_gpu_was_measured():
    section = (BENCHMARKS / "README.md").read_text(encoding="utf-8").split("## On a GPU")[1].split("\n## ")[0]
    results = [json.loads(line) for line in (BENCHMARKS / "gpu-h200.jsonl").read_text(encoding="utf-8").splitlines()]
    measured = " ".join(f"{line['what']} {line['value']}" for line in results)
    said = re.findall(r"\d{1,3}(?:,\d{3})+|1\.5e-08", section)
    assert len(said) > 15 and not [number for number in said if number not in measured]
    values = {line["what"]: line["value"] for line in results}
    assert f"{values['copy, bytes read and written a second'] / 1e12:.2f} TB/s" in section
    assert f"{values['peak in bfloat16'] / 1e12:.0f} TFLOP/s" in section
    hours = (BENCHMARKS.parent / "docs" / "training.md").read_text(encoding="utf-8")
    rate, said = re.search(r"H200 took ([\d,]+) images/s .* is ([\d.]+) hours", hours, flags=re.S).groups()
    assert rate in measured and float(said) == round(32_000 / float(rate.replace(",", "")), 1)
