"""The command: what it prints, its exit codes, its one-line errors."""

import inspect
import json
import os
import re
import subprocess
import sys
from typing import get_args

import pytest
from PIL import Image
from running import run

from tema9.arithmetic import layer_table
from tema9.classroom.grading.scores import Row, unexpected
from tema9.cli import COMMANDS, DATA_COMMANDS, app
from tema9.cli.classroom import print_scores
from tema9.cli.terminal import Between, console


@pytest.mark.parametrize(
    "command", [[], ["data"], ["data", "prepare"], *([c.name or c.callback.__name__] for c in app.registered_commands)]
)
def test_every_command_has_help(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_layers_prints_the_rows_of_the_deck_and_the_totals():
    said = run("layers", "alexnet_slide").output
    for volume, layer in (("[55x55x96]", "CONV1: 96 11x11 filters at stride 4, pad 0"), ("[6x6x256]", "POOL3")):
        assert any(volume in line and layer in line for line in said.splitlines())
    assert "62,378,344 parameters" in said
    assert "1,135,256,096" in said


def test_layers_recomputes_for_another_input():
    assert "[54x54x96]" in run("layers", "alexnet_slide", "--input", 224).output


def test_layers_gives_json_for_programs():
    data = json.loads(run("layers", "alexnet_paper", "--json").stdout)
    assert data["totals"]["parameters"] == 60_965_224
    assert [row["name"] for row in data["layers"]] == [row.name for row in layer_table("alexnet_paper")]


def test_layers_compare_says_what_differs():
    lines = run("layers", "alexnet_slide", "--compare", "zfnet_slide").output.splitlines()
    conv1 = next(line for line in lines if "CONV1" in line)
    assert "kernel_size 11 | 7, stride 4 | 2" in conv1
    fc7 = next(line for line in lines if "FC7" in line)
    assert "|" not in fc7


def test_a_narrow_terminal_gets_lines_that_fit():
    command = [sys.executable, "-m", "tema9", "layers", "zfnet_paper"]
    said = subprocess.run(
        command, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=True
    ).stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "62,357,608" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["layers", "alexnet"], "unknown architecture 'alexnet'; known: lenet5_1998"),
        (["layers", "lenet5", "--compare", "x"], "unknown architecture 'x'"),
        (["layers", "lenet5", "--input", 4], "C1: kernel_size 5 is larger than its input"),
        (["layers", "lenet5", "--input", 0], "--input 0 is not a number from 1 to 100,000"),
        (["mistakes", "9_nada"], "unknown notebook '9_nada'; known: 1_lenet5"),
        (["mistakes", "--exercise", "n1-nada"], "unknown exercise 'n1-nada'"),
        (["train", "vgg"], "unknown architecture 'vgg'"),
        (
            ["train", "lenet5", "--data", "nada"],
            "unknown data 'nada'; known: digits, textures, shapes, shortcut, mnist",
        ),
        (["train", "lenet5", "--data", "mnist"], "these need no network: digits, textures, shapes"),
        (["train", "lenet5", "--device", "tpu"], "device 'tpu' is not here; give auto, cpu"),
        (["train", "lenet5", "--precision", "int8"], "unknown precision 'int8'; known: auto, float32, bfloat16"),
        (["train", "lenet5", "--precision", "tf32", "--device", "cpu"], "is of NVIDIA's GPUs, and the device is cpu"),
        (["train", "lenet5", "--recipe", "caffe"], "unknown recipe 'caffe'; known: deck, alexnet_2012"),
        (["train", "lenet5", "--dry-run", "--readers", -1], "--readers -1 is not a number from 0 to 1,000"),
        (["train", "lenet5", "--batch-size", 9999], "batch_size 9999 is more than the 3500 images"),
        (["train", "alexnet_slide"], "the images of digits are 32x32x1, but alexnet_slide reads 227x227x3"),
        (["data", "prepare", "nowhere", "out"], "nowhere"),
        (["train", "lenet5", "--dry-run", "--batch-size", 9999], "batch_size 9999 is more than the 3500 images"),
        (["train", "lenet5", "--dry-run", "--validation", 0.2], "digits comes with a validation part; leave"),
        (["train", "lenet5", "--resume"], "there is no run to go on with: no course/training/lenet5/last"),
        (["train", "lenet5", "--resume", "--overwrite"], "--overwrite replaces it; give one of them"),
        (["course", "--students", 1], "--students 1 is not a number from 2 to 10,000"),
        (["grade", "a", "--course", "b"], "the course folder is given twice, as a and as b; give one of them"),
        (["grade", "-j", "dos"], "'--workers': "),
        (["gradd"], "gradd"),
        (["grade", "--nada"], "--nada"),
        (["collect"], "a folder or a zip, or else --exchange"),
        (["progress", "nowhere"], "no encuentro 0_empieza_aqui.ipynb en nowhere"),
        (["classroom", "--course", "nowhere"], "nowhere is no course folder; make one with `tema9 release nowhere`"),
        (["time", "7_x"], "unknown notebook '7_x'"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def numeric():
    """Every (command, option, `Between`) of a command, whose value is a number."""
    for name, function in [*COMMANDS.items(), *((f"data {name}", one) for name, one in DATA_COMMANDS.items())]:
        for parameter in inspect.signature(function).parameters.values():
            kinds = {parameter.annotation, *get_args(parameter.annotation)}
            if kinds & {int, float, int | None, float | None}:
                said = getattr(parameter.annotation, "__metadata__", ())
                between = next((one for one in said if isinstance(one, Between)), None)
                yield name, parameter.name, between


def test_every_number_of_every_command_is_in_a_range_that_its_command_says(tmp_path, monkeypatch):
    """Values at the ends, outside of them, and none at all; what a command does begins after that."""
    monkeypatch.chdir(tmp_path)
    needed = {"layers": ["lenet5"], "evaluate": ["w"], "predict": ["w", "i"], "collect": ["x"], "data prepare": "ab"}
    found = list(numeric())
    assert len(found) >= 20 and not [one for one in found if one[2] is None]
    for command, name, between in found:
        option = {"processes": "--workers"}.get(name, f"--{name.replace('_', '-')}")
        small, large = between.least - 1, between.most * 2 + 1
        outside = [small, large, *([between.least] if between.above else [])]
        for value in [*outside, "nan", "inf", "-inf", "x", "", "1e999", "--"]:
            result = run(*command.split(), *needed.get(command, ()), option, value)
            assert result.exit_code == 2, (command, option, value, result.output)
            assert len(result.stderr.strip().splitlines()) == 1 and result.stderr.startswith("tema9: "), result.stderr
            if value in outside:
                assert result.stderr.startswith(f"tema9: {option} ") and " is not a number " in result.stderr
        for value in (between.least, between.most):
            assert not between.why_not(value) or (between.above and value == between.least)
    assert not list(tmp_path.iterdir())


def test_every_command_that_takes_a_course_folder_takes_it_as_an_option_and_as_before():
    of_course = {name for name, function in COMMANDS.items() if "course" in inspect.signature(function).parameters}
    assert of_course >= {"release", "collect", "rehearse", "grade", "feedback", "report", "export", "classroom",
                         "doctor", "archive"}  # fmt: skip
    for name in of_course:
        assert "--course" in run(name, "--help").output
    for arguments in (("nowhere",), ("--course", "nowhere"), ("nowhere", "--course", "nowhere")):
        result = run("report", *arguments)
        assert result.exit_code == 2 and result.stderr.startswith("tema9: no submissions in nowhere/")


@pytest.mark.parametrize(
    "name", ["solo.docx", "a [1]", "a?b", "a%20b", "no/esta", "a\x1b[2J", "é ñ", "-"]
)  # what people type and drag into a terminal
def test_a_path_of_any_kind_ends_in_one_true_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solo.docx").write_bytes(b"PK\x03\x04 a document")
    for command in ("collect", "report", "export", "predict", "data prepare"):
        more = {"predict": ["x.jpg"], "data prepare": ["out"]}.get(command, [])
        result = run(*command.split(), "--", name, *more)
        assert result.exit_code == 2, (command, result.output)
        assert len(result.stderr.strip().splitlines()) == 1 and result.stderr.startswith("tema9: "), result.stderr
        assert "\x1b" not in result.stderr


def test_a_doctor_who_finds_a_needed_thing_wrong_ends_with_1(monkeypatch, tmp_path):
    from tema9.classroom.sandbox import sandbox

    for reason, code in (("", 0), (sandbox.REASONS["missing"], 1)):
        monkeypatch.setattr(sandbox, "why_not", lambda reason=reason: reason)
        result = run("doctor", tmp_path)
        assert result.exit_code == code and not result.stderr
        assert ("✘ aislamiento" in result.output) == bool(code)


@pytest.mark.sandbox
def test_grading_nothing_says_where_submissions_go(tmp_path):
    result = run("grade", tmp_path / "course")
    assert result.exit_code == 2
    assert "submitted/STUDENT/NOTEBOOK" in result.stderr


def test_mistakes_prints_the_matrix_of_one_exercise():
    result = run("mistakes", "1_lenet5", "--exercise", "n1-conv-output-size")
    assert result.exit_code == 0
    assert re.search(r"(\d+) of \1 wrong answers killed, (\d+) of \2 right answers accepted", result.output)
    assert "forgets-plus-one" in result.output


@pytest.mark.slow
def test_training_writes_weights_history_and_plot(tmp_path):
    result = run("train", "lenet5", "--epochs", 2, "--out", tmp_path)
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lenet5", "lenet5.safetensors", "lenet5.csv", "lenet5.png"}
    error = float(re.search(r"test error ([\d.]+) %", result.output).group(1))
    assert error < 60, "two epochs on real digits beat the 90 % of guessing"
    more = run("train", "lenet5", "--epochs", 3, "--out", tmp_path, "--resume")
    assert re.search(r"weights of\s+epoch \d of 3", more.output)
    assert len((tmp_path / "lenet5.csv").read_text().splitlines()) == 4
    refused = run("train", "lenet5_1998", "--epochs", 1, "--out", tmp_path / "x", "--resume")
    assert refused.exit_code == 2 and "there is no run to go on with" in refused.stderr


def test_preparing_a_folder_says_what_it_made_and_what_it_left_out(tmp_path):
    for name in ("gato", "perro"):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.new("RGB", (300, 280), "red").save(tmp_path / "in" / name / "a.jpg")
    (tmp_path / "in" / "gato" / "b.jpg").write_text("no image")
    result = run("data", "prepare", tmp_path / "in", tmp_path / "out", "--workers", 1)
    assert result.exit_code == 0
    assert "2 images of 2 classes" in result.output
    assert "b.jpg" in result.output


def test_a_student_whom_nobody_rehearsed_has_a_row_among_those_who_were(tmp_path):
    (tmp_path / "expected.csv").write_text("student,notebook,machine,what\nana,1_lenet5,90,perfect\n")
    rows = [Row(name, "1_lenet5", 80, 90, 0, 10, 0, "graded") for name in ("ana", "luis")]
    with console.capture() as printed:
        print_scores(tmp_path, rows, {}, long=True)
    assert "not of the rehearsal" in printed.get() and "1 of 2 scores as expected" in printed.get()
    assert [row.student for row in unexpected(tmp_path, rows)] == ["ana"]


def test_train_dry_run_prints_the_plan_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run("train", "lenet5", "--batch-size", 32, "--dry-run").output
    table = layer_table("lenet5").memory(32)
    assert "32x32x1, 4,096 bytes each; 3,500 train, 500 validation, 1,000 test" in said
    assert "110 of 32 images an epoch" in said  # 3500 / 32 = 109.4
    assert f"{table.total / 2**20:,.0f} MiB in float32" in said
    assert "MB/s" in said and "images/s" in said and "hours" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_train_resumes_and_reports_ten_crops(tmp_path, monkeypatch):
    from tema9 import data

    monkeypatch.setitem(data.EMBEDDED, "digits", lambda: data.digits(validation=480, test=10))
    first = run("train", "lenet5", "--epochs", 1, "--out", tmp_path)
    assert first.exit_code == 0 and "weights of epoch 1 of 1" in first.output
    second = run("train", "lenet5", "--epochs", 2, "--out", tmp_path, "--resume")
    assert "of 2, in" in second.output
    assert {path.name for path in (tmp_path / "lenet5").iterdir()} >= {
        "best.safetensors",
        "history.csv",
        "last.safetensors",
    }
    refused = run("train", "lenet5", "--epochs", 1, "--ten-crops", "--out", tmp_path / "other")
    assert refused.exit_code == 2 and "ten_crops needs images larger than the 32 px" in refused.stderr


def test_layers_over_two_gpus_shows_what_crosses():
    said = run("layers", "alexnet_paper", "--two-gpus").output
    lines = said.splitlines()
    conv2, conv3 = (next(line for line in lines if name in line) for name in ("CONV2", "CONV3"))
    assert "<=>" not in conv2 and "its own half" in conv2 and "[27x27x128] CONV2" in conv2
    assert "<=>" in conv3 and "21,632" in conv3 and "both halves" in conv3
    assert "30,336 values cross each way per image, 121,344 bytes" in said  # 21,632 + 4,608 + 2,048 + 2,048
    refused = run("layers", "alexnet_slide", "--two-gpus")
    assert refused.exit_code == 2 and "has no layer in two groups" in refused.stderr


@pytest.mark.slow
def test_figures_writes_the_three_formats_and_lists_them(tmp_path):
    said = run("figures", "ilsvrc", "alexnet_two_gpus", "--out", tmp_path).output
    assert "2 figures" in said and "alexnet_two_gpus" in said
    for name in ("ilsvrc", "alexnet_two_gpus"):
        for kind, start in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
            assert (tmp_path / f"{name}.{kind}").read_bytes().startswith(start)
    first = {path: path.read_bytes() for path in tmp_path.iterdir()}
    run("figures", "ilsvrc", "alexnet_two_gpus", "--out", tmp_path)
    assert first == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_an_unknown_figure_lists_those_there_are(tmp_path):
    result = run("figures", "mona_lisa", "--out", tmp_path)
    assert result.exit_code == 2
    assert "unknown figure 'mona_lisa'; known: lenet5_1998, lenet5" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_table_of_a_class_fits_a_screen_and_has_a_line_for_each_student(tmp_path, monkeypatch):
    notebooks = ["1_lenet5", "2_alexnet", "3_capas", "4_entrenar", "5_gpus", "6_zfnet"]
    rows = [
        Row(f"s{number}", notebook, 80, 90, 0, 10, number % 2, "not submitted" if number == 2 else "graded",
            flags="os.fork" if number == 3 else "", seconds_late=3600.0 * (number == 4))
        for number in range(45) for notebook in notebooks
    ]  # fmt: skip
    names = {f"s{number}": f"Ana María García López de la Fuente {number}" for number in range(44)}
    monkeypatch.setattr(console, "width", 80)
    with console.capture() as printed:
        print_scores(tmp_path, rows, names)
    lines = re.sub(r"\x1b\[[\d;]*m", "", printed.get()).splitlines()
    assert max(len(line) for line in lines if not line.startswith(("scores: ", "45 students"))) <= 80
    students = [line.strip() for line in lines if line.strip().startswith(("Ana María", "s44"))]
    assert len(students) == 45 and len(lines) < 56
    assert students[2].split()[-7:-1] == ["-"] * 6 and students[4].split().count("80L") == 6
    assert "1: look at it" in students[3]
    assert "45 students, 264 notebooks graded, 6 not submitted, 6 late, 132 answers to mark by hand" in lines
