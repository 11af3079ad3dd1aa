"""Rebuilding: what the student wrote arrives, nothing else does, and nothing in a file makes it crash."""

import copy
import json
import random

import nbformat
import pytest

from tema9.classroom import sources
from tema9.classroom.grading import rebuild

NAMES = [path.stem for path in sorted(sources.NOTEBOOKS.glob("[1-9]*.ipynb"))]
RELEASED = {name: nbformat.read(sources.NOTEBOOKS / f"{name}.ipynb", as_version=4) for name in NAMES}
WRITTEN = "def algo(x):\n    return 'lo que escribió la estudiante'"


def written(notebook):
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")}


def answered(name, keep_names=True):
    """The released notebook with something in every cell that a student writes; and what, by id."""
    notebook, texts = copy.deepcopy(RELEASED[name]), {}
    for grade_id, cell in written(notebook).items():
        cell.source = f"{cell.source}\n# {grade_id}" if cell.cell_type == "code" else f"Respuesta a {grade_id}"
        texts[grade_id] = cell.source
    return notebook, texts


def texts_of(rebuilt):
    return {grade_id: cell.source for grade_id, cell in written(rebuilt.notebook).items()}


def assert_only_the_written_differs(name, rebuilt):
    for cell, original in zip(rebuilt.notebook.cells, RELEASED[name].cells, strict=True):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            original = original | {"source": cell.source}
        assert cell == original


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_submission_needs_no_repair(name):
    submission, texts = answered(name)
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert rebuilt.repairs == () and texts_of(rebuilt) == texts
    assert_only_the_written_differs(name, rebuilt)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ids", ["cell ids kept", "no cell ids"])
def test_without_any_metadata_every_answer_is_found(name, ids):
    submission, texts = answered(name)
    for cell in submission.cells:
        cell.metadata.clear()
        if ids == "no cell ids":
            del cell["id"]
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert texts_of(rebuilt) == texts
    assert len(rebuilt.repairs) == len(texts)
    assert_only_the_written_differs(name, rebuilt)


def test_an_answer_that_was_cut_in_two_without_metadata_is_joined():
    name = "1_lenet5"
    submission, texts = answered(name)
    grade_id = next(grade_id for grade_id, cell in written(submission).items() if cell.cell_type == "markdown")
    place = next(n for n, cell in enumerate(submission.cells) if cell.source == texts[grade_id])
    for cell in submission.cells:
        cell.metadata.clear()
        del cell["id"]
    submission.cells.insert(place + 1, nbformat.v4.new_markdown_cell("y sigue"))
    assert texts_of(rebuild.rebuild(submission, RELEASED[name]))[grade_id] == f"{texts[grade_id]}\n\ny sigue"


def test_of_a_cell_that_stands_twice_the_last_that_was_written_counts():
    name = "1_lenet5"
    submission, _ = answered(name)
    grade_id, cell = next(iter(written(submission).items()))
    again, blank = copy.deepcopy(cell), copy.deepcopy(written(RELEASED[name])[grade_id])
    again.source = WRITTEN
    submission.cells += [again, blank]
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert texts_of(rebuilt)[grade_id] == WRITTEN
    assert f"`{grade_id}`: la celda estaba 3 veces; cuenta la última que se escribió" in rebuilt.repairs


def test_changed_and_missing_tests_are_told_and_come_back():
    name = "2_alexnet_capa_a_capa"
    submission, _ = answered(name)
    tests = [cell for cell in submission.cells if "-tests" in cell.metadata.get("nbgrader", {}).get("grade_id", "")]
    tests[0].source = "pass"
    submission.cells.remove(tests[1])
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert [line.split("`")[1] for line in rebuilt.repairs] == [t.metadata.nbgrader.grade_id for t in tests[:2]]
    assert_only_the_written_differs(name, rebuilt)


def test_added_code_does_not_run_and_is_told():
    submission, _ = answered("1_lenet5")
    submission.cells.insert(0, nbformat.v4.new_code_cell("import os\nos._exit(0)"))
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"])
    assert rebuilt.repairs == ("celdas de código añadidas o cambiadas, que al corregir no se ejecutan: 1",)
    assert_only_the_written_differs("1_lenet5", rebuilt)


def test_a_cell_that_is_too_long_stays_as_released():
    submission, _ = answered("1_lenet5")
    grade_id, cell = next(iter(written(submission).items()))
    cell.source = "x" * 201
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"], longest=200)
    assert texts_of(rebuilt)[grade_id] == written(RELEASED["1_lenet5"])[grade_id].source
    assert f"`{grade_id}`: la celda tiene 201 caracteres y no se lee; el límite son 200" in rebuilt.repairs


def test_a_cell_of_another_type_is_read_all_the_same():
    submission, texts = answered("1_lenet5")
    grade_id, cell = next(iter(written(submission).items()))
    cell.cell_type = "raw"
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"])
    assert texts_of(rebuilt) == texts
    assert rebuilt.repairs == (f"`{grade_id}`: la celda había cambiado de tipo; vuelve a ser de código",)


ODD = (None, 0, -1.5, "", "x" * 3000, [], {}, [[]], {"a": 1}, True, "n1-conv2d", "\ud800", ["a", 1, None])


def mutate(value, draw, depth=0):
    """Change something at random, somewhere in a structure of JSON."""
    if not isinstance(value, dict | list) or not value or (depth and draw.random() < 0.15):
        return copy.deepcopy(draw.choice(ODD))
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = draw.choice(keys)
    what = draw.random()
    if what < 0.1:
        del value[key]
    elif what < 0.2 and isinstance(value, list):
        value.insert(draw.randrange(len(value)), copy.deepcopy(value[key]))
    elif what < 0.3 and isinstance(value, list):
        draw.shuffle(value)
    elif what < 0.35 and isinstance(value, dict):
        value[draw.choice(["id", "metadata", "nbgrader", "source"])] = copy.deepcopy(draw.choice(ODD))
    else:
        value[key] = mutate(value[key], draw, depth + 1)
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_no_mutation_of_a_submission_makes_it_crash_or_touches_the_rest(seed):
    draw = random.Random(seed)
    texts = {name: json.dumps(answered(name)[0]) for name in NAMES}
    for _ in range(100):
        name = draw.choice(NAMES)
        submission = json.loads(texts[name])
        for _ in range(draw.choice([1, 2, 5, 30])):
            submission = mutate(submission, draw)
        rebuilt = rebuild.rebuild(submission, RELEASED[name])
        assert_only_the_written_differs(name, rebuilt)
        nbformat.validate(rebuilt.notebook)
        json.dumps(rebuilt.notebook, ensure_ascii=False).encode("utf-8")  # nbformat.writes copies and validates again
