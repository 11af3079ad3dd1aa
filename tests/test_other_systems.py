"""macOS and Windows: of what they lack, other_system/ leaves nothing to our modules, and all but grading goes on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mini
import nbformat
import pytest

from tema9 import outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank, build
from tema9.classroom.sandbox import linux, sandbox

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
TEMA9 = "from tema9.cli import app; app()"
NEEDS_LINUX = f"tema9: {sandbox.REASONS['system']}\n"


def elsewhere(code, *arguments, cwd):
    """Run Python code on the other system, whose files and pipes are not in UTF-8 either."""
    path = os.pathsep.join(filter(None, [str(HERE / "other_system"), str(HERE), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "cp1252", "COLUMNS": "120"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=cwd, env=environment)


@pytest.mark.slow
def test_every_module_can_be_imported(tmp_path):
    """Also those that only grade: `tema9 test` collects the examples of all."""
    code = (
        "import importlib, pkgutil, tema9\n"
        "for found in pkgutil.walk_packages(tema9.__path__, 'tema9.'):\n"
        "    if found.name != 'tema9.__main__':\n"
        "        importlib.import_module(found.name)\n"
        "from tema9.classroom.sandbox import inside\n"
        "assert not hasattr(inside.os, 'fork') and not hasattr(inside.socket, 'recv_fds')\n"
    )
    done = elsewhere(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_training_run_is_planned(tmp_path):
    done = elsewhere(TEMA9, "train", "lenet5", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"MiB in float32.* there are\s+[\d,]+", done.stdout, flags=re.S)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_doctor_finds_nothing_that_is_needed_and_says_that_grading_asks_for_linux(tmp_path):
    done = elsewhere(TEMA9, "doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✔ máquina" in done.stdout and "– aislamiento: corregir pide Linux" in done.stdout


@pytest.mark.slow
def test_jupyterlab_is_started_with_the_course_s_settings(tmp_path):
    done = elsewhere(TEMA9, "lab", "--", "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("4.")


@pytest.mark.slow
def test_a_student_s_answers_are_run_for_the_progress_and_for_the_validate_button(tmp_path):
    source = sources.all_sources()[0]
    answer = next(exercise for exercise in source.graded if exercise.name == "n1-conv-output-size")
    path = tmp_path / f"{source.name}.ipynb"
    notebook = nbformat.read(sources.NOTEBOOKS / path.name, as_version=4)
    next(cell for cell in notebook.cells if cell.id == answer.name).source = bank.solution(answer).text
    nbformat.write(notebook, path)
    (tmp_path / f"{outline.START}.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook()), encoding="utf-8")
    done = elsewhere(TEMA9, "progress", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    points = next(one.points for one in source.exercises.values() if one.name == answer.name)
    assert f"{points} puntos de momento" in done.stdout
    code = "import sys; from tema9 import validate; print(validate.validate(sys.argv[1])['value'])"
    assert "1 de " in elsewhere(f"from tema9.streams import use_utf8; use_utf8(); {code}", path, cwd=tmp_path).stdout


COURSE = """
import sys
from dataclasses import replace
from pathlib import Path
import mini, pytest
from tema9 import recipes
from tema9.classroom.authoring import build
from tema9.classroom.lecture import slides
from tema9.cli import app

def no_packages():
    raise slides.NoPackages("this test fetches nothing")

here = Path(sys.argv.pop(1))
with mini.as_course(here), pytest.MonkeyPatch.context() as patch:
    for name in ("CHECKS", "HINTS", "OUTLINE", "BUILT"):  # not those of the checkout
        patch.setattr(build, name, here / f"{name.lower()}.json")
    patch.setattr(build, "lint_all", lambda: [])
    patch.setattr(build.build, "__defaults__", (here / "notebooks", iter))
    patch.setattr(slides, "fetch", no_packages)
    patch.setattr(recipes, "LENET5_DISTORTED", replace(recipes.LENET5_DISTORTED, epochs=1))
    app()
"""


@pytest.mark.slow
def test_the_course_does_all_but_the_sample_class_and_says_why(tmp_path):
    folder = mini.write(tmp_path / "sources")
    done = elsewhere(COURSE, folder, "course", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "notebooks" / "1_mini.ipynb").is_file()
    assert (tmp_path / "course" / "sample-training" / "lenet5.safetensors").is_file()
    assert not (tmp_path / "course" / "rehearsal").exists()
    table = " ".join(done.stdout.partition("What was made")[2].split())
    assert f"Sample class not graded: {sandbox.REASONS['system']}" in table
    assert "LeNet-5 on real digits test error" in table and "Report" not in table


@pytest.mark.slow
def test_the_notebooks_that_are_built_are_the_same_bytes_where_lines_end_otherwise(tmp_path, monkeypatch):
    def prepare_on_windows(course):
        prepare(course)
        for path in course.root.glob("release/*/*.ipynb"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    with mini.as_course(mini.write(tmp_path)):
        here, prepare = build.build_notebooks(), build.Course.prepare
        monkeypatch.setattr(build.Course, "prepare", prepare_on_windows)
        assert build.build_notebooks() == here


@pytest.mark.parametrize(
    "command", [["grade"], ["grade", "--no-sandbox"], ["grade", "--dry-run"], ["classroom", "--sample"]], ids=" ".join
)
def test_grading_is_refused_in_one_line_before_anything_is_read_or_written(tmp_path, command):
    done = elsewhere(TEMA9, *command, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NEEDS_LINUX)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_class_is_rehearsed(tmp_path):
    """It only writes files, which may then be graded on Linux."""
    folder = mini.write(tmp_path / "sources")
    code = f"import runpy; runpy.run_path({str(HERE / 'mini.py')!r}, run_name='__main__')"
    done = elsewhere(code, folder, "rehearse", "--students", 2, "--course", tmp_path / "class", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "class" / "submitted").glob("*/1_mini/1_mini.ipynb"))) == 2


@pytest.mark.sandbox
def test_a_process_is_held_and_ended_where_python_has_no_calls_for_it():
    """As those of conda-forge and of uv: `linux` asks the kernel itself."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = linux.open_pidfd(process.pid)
    assert not os.get_inheritable(held)
    linux.send_signal(held, 15)
    assert process.wait(30) == -15
    with pytest.raises(ProcessLookupError):
        linux.send_signal(held, 15)
    with pytest.raises(ProcessLookupError):
        linux.open_pidfd(process.pid)
    os.close(held)
