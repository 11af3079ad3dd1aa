"""What a student is told of a notebook: its answers run, and each ends in a state and a reason."""

import json
import re
import sys

import nbformat
import pytest

from tema9 import answers, outline, progress, validate
from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank

SOURCE = sources.all_sources()[0]
NOTEBOOK = sources.NOTEBOOKS / f"{SOURCE.name}.ipynb"
KNOWN = bank.load(SOURCE)


def filled(path, texts, change=None):
    """Write notebook 1 with the answers in `texts`, {exercise: text}, and return the path."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = texts.get(name, cell.source)
    if change:
        change(notebook)
    nbformat.write(notebook, path)
    return path


def solved():
    return {one.name: "Porque sí." if one.by_hand else bank.solution(one).text for one in SOURCE.exercises.values()}


def states(results):
    return {result.exercise.name: result.state for result in results}


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """Right, known mistake, wrong in another way, broken, endless, deadly, deleted and unanswered ones."""
    known_mistake = next(answer for answer in KNOWN.answers["n1-conv-output-size"] if not answer.right)
    texts = solved() | {
        "n1-conv-output-size": known_mistake.text,
        "n1-conv2d": "def conv2d(x, w, b, *args, **kwargs):\n    return 7",
        "n1-subsampling": "import time\n\ndef subsampling(*args, **kwargs):\n    while True:\n        time.sleep(1)",
        "n1-s2-parameters": "s2 = 3 +",
        "n1-parameter-count": "import os\nos._exit(3)",
        "n1-m1-c5": answers.TEXT_STUB,
    }
    stub = next(c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.id == "n1-lenet5-module")
    texts["n1-lenet5-module"] = stub

    def delete(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id != "n1-c3-table"]

    path = filled(tmp_path_factory.mktemp("half") / NOTEBOOK.name, texts, delete)
    return {result.exercise.name: result for result in progress.examine(path, seconds=12)}


@pytest.mark.slow
def test_a_solved_notebook_has_all_the_points_that_tests_give(tmp_path):
    results = progress.examine(filled(tmp_path / "mine.ipynb", solved()))
    assert {r.state for r in results if not r.exercise.by_hand} == {"right"}
    assert {r.state for r in results if r.exercise.by_hand} == {"written"}
    by_tests = sum(exercise.points for exercise in SOURCE.graded)
    assert sum(result.points for result in results) == by_tests == 90


@pytest.mark.parametrize("name", outline.notebooks())
def test_a_notebook_as_released_is_unanswered_and_nothing_is_run(name, monkeypatch):
    monkeypatch.setattr(progress.subprocess, "Popen", None)
    results = progress.examine(sources.NOTEBOOKS / f"{name}.ipynb")
    assert set(states(results).values()) == {"unanswered"} and not sum(result.points for result in results)


@pytest.mark.slow
def test_a_known_mistake_is_explained(half):
    result = half["n1-conv-output-size"]
    assert progress.checks.explanations("n1-conv-output-size", result.message) == [result.message]
    assert result.state == "wrong" and not result.points


@pytest.mark.slow
def test_another_wrong_answer_is_told_what_its_test_says(half):
    assert half["n1-conv2d"].state == "wrong"
    assert half["n1-conv2d"].message and "no coincide" not in half["n1-conv2d"].message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exercise", "state", "words"),
    [
        ("n1-subsampling", "wrong", "tarda más de 12 s"),
        ("n1-s2-parameters", "wrong", "SyntaxError"),
        ("n1-parameter-count", "wrong", "el proceso ha muerto"),
        ("n1-c3-table", "missing", "falta su celda"),
        ("n1-lenet5-module", "unanswered", "sin responder"),
        ("n1-m1-c5", "unanswered", "sin responder"),
        ("n1-m2-slide", "written", "una persona"),
        ("n1-train-step", "right", "correcto"),
    ],
)
def test_whatever_an_answer_does_the_others_are_examined(half, exercise, state, words):
    assert half[exercise].state == state
    assert words in half[exercise].message


@pytest.mark.slow
def test_what_the_package_hands_out_is_no_answer(tmp_path):
    borrowed = {"n1-conv-output-size": "from tema9.arithmetic import output_size as conv_output_size"}
    result = progress.examine(filled(tmp_path / "x.ipynb", borrowed))[0]
    assert result.state == "wrong" and result.message


@pytest.mark.slow
def test_the_set_up_s_error_is_the_reason(tmp_path):
    def breaks(notebook):
        notebook.cells[1].source = "import no_such_module"

    result = progress.examine(filled(tmp_path / "x.ipynb", solved(), breaks))[0]
    assert "la primera celda de código falla: ModuleNotFoundError" in result.message


@pytest.mark.slow
def test_cells_that_a_student_added_are_not_run(tmp_path):
    def adds(notebook):
        notebook.cells.insert(0, nbformat.v4.new_code_cell("1 / 0"))
        notebook.cells[0].id = "3f2a9c1e"

    first = {"n1-conv-output-size": solved()["n1-conv-output-size"]}
    assert progress.examine(filled(tmp_path / "x.ipynb", first, adds))[0].state == "right"


def test_a_notebook_with_a_byte_order_mark_is_one_of_the_course(tmp_path):
    (tmp_path / "x.ipynb").write_bytes(b"\xef\xbb\xbf" + NOTEBOOK.read_bytes())
    assert progress.which(tmp_path / "x.ipynb").name == NOTEBOOK.stem


@pytest.mark.parametrize("content", ["", "no JSON", "{}", '{"cells": [1]}', '{"cells": []}', "[" * 100_000])
def test_a_file_that_is_no_notebook_of_the_course_is_refused(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"x\.ipynb no"):
        progress.examine(path)


@pytest.mark.slow
def test_the_report_has_a_row_per_notebook_and_the_reasons(tmp_path):
    filled(tmp_path / NOTEBOOK.name, solved() | {"n1-s2-parameters": "s2 = 1 / 0"})
    text = str(progress.report(tmp_path, track=iter))
    assert re.search(r"1\. Repaso: LeNet-5 +7 de 8 +85 de 90 +2 de 2 +10", text)
    assert "✘ n1-s2-parameters (5 puntos): su celda falla: ZeroDivisionError" in text
    assert text.count("no se puede leer") == 5 and "85 puntos de momento" in text


@pytest.mark.slow
def test_the_module_reports_a_folder_or_says_where_it_looked(tmp_path):
    run = [sys.executable, "-m", "tema9.progress"]
    done = progress.subprocess.run([*run, sources.NOTEBOOKS], capture_output=True, text=True)
    assert done.returncode == 0 and "0 de 90" in done.stdout
    lost = progress.subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert lost.returncode == 1 and "no encuentro 0_empieza_aqui.ipynb" in lost.stderr


def test_the_stubs_are_those_of_the_release():
    assert cells.CODE_STUB.startswith(answers.CODE_STUB + "\n") and cells.TEXT_STUB == answers.TEXT_STUB


def test_the_dialog_says_in_spanish_what_passed():
    exercises = outline.notebooks()["1_lenet5"].exercises
    results = [progress.Result(one, "written" if one.by_hand else "right", "a < b") for one in exercises]
    [shown] = validate.answer(results)["value"]["failed"]
    assert shown["source"] == "8 de 8 ejercicios correctos: 90 de 90 puntos"
    assert "Respuestas escritas: 2 de 2" in shown["error"] and "a &lt; b" in shown["error"]
    assert json.dumps(shown)


def test_the_dialog_of_a_page_without_exercises_says_so():
    [shown] = validate.validate(sources.NOTEBOOKS / "0_empieza_aqui.ipynb")["value"]["failed"]
    assert shown["source"] == "No hay nada que validar"
    assert "no tiene ejercicios del curso" in shown["error"]
