"""One submission judged: what students do to right answers costs nothing, and an answer loses its own exercise only."""

import json

import nbformat
import pytest

from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank
from tema9.classroom.grading import judge
from tema9.classroom.grading.job import Job
from tema9.classroom.grading.scores import Row
from tema9.classroom.publishing import report
from tema9.classroom.rehearsal import attacks
from tema9.classroom.sandbox.sandbox import Limits

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
SOURCE = sources.all_sources()[0]
RELEASED = (sources.NOTEBOOKS / f"{SOURCE.name}.ipynb").read_text(encoding="utf-8")
ALL = sum(test.points for exercise in SOURCE.graded for test in exercise.tests)


def judged(content):
    """The receipt of a submission, and its graded notebook."""
    job = Job("ana", SOURCE.name, content, nbformat.writes(sources.to_notebook(SOURCE)), RELEASED, Limits())
    result = judge.judge(job)
    return result.receipt, json.loads(result.graded)


def solved(change):
    """The bytes of the notebook with right answers, changed by `change(notebook, {name: cell})`."""
    notebook = nbformat.reads(RELEASED, as_version=4)
    named = cells.by_name(notebook)
    for exercise in SOURCE.exercises.values():
        named[exercise.name].source = "Porque sí." if exercise.by_hand else bank.solution(exercise).text
    change(notebook, named)
    return json.dumps(notebook).encode()


def put_magics(notebook, named):
    magics = [
        "%matplotlib widget",
        "%%time",
        "!pip install torch",
        "%load_ext autoreload\n%autoreload 2",
        "%pylab inline",
    ]
    for number, exercise in enumerate(SOURCE.graded):
        cell = named[exercise.name]
        cell.source = f"{magics[number % len(magics)]}\n{cell.source}"


def split(notebook, named):
    for exercise in SOURCE.graded:
        cell = named[exercise.name]
        lines = cell.source.splitlines()
        half = nbformat.from_dict(json.loads(json.dumps(cell)))
        cell.source, half.source = "\n".join(lines[: len(lines) // 2]), "\n".join(lines[len(lines) // 2 :])
        half.id = f"mitad-{len(notebook.cells)}"
        notebook.cells.insert(notebook.cells.index(cell) + 1, half)


def in_cells_of_their_own(notebook, named):
    released = cells.by_name(nbformat.reads(RELEASED, as_version=4))
    for name in SOURCE.exercises:
        cell = named[name]
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.insert(notebook.cells.index(cell) + 1, make(cell.source))
        cell.source = released[name].source


@pytest.mark.parametrize("change", [put_magics, split, in_cells_of_their_own])
def test_what_students_do_to_right_answers_costs_nothing(change):
    receipt, _ = judged(solved(change))
    assert receipt.points == ALL, [verdict for verdict in receipt.verdicts if verdict.outcome != "pass"]
    assert not receipt.unanswered and not receipt.flags


LOSE_THEIR_OWN = (
    "patches-builtins patches-torch patches-later alarm exits-later empties-the-namespace forges-messages"
    " borrowed-by-getattr borrowed-behind-a-patch"
)


@pytest.mark.parametrize("name", LOSE_THEIR_OWN.split())
def test_an_answer_that_reaches_beyond_its_exercise_loses_that_one_and_is_shown_to_the_teacher(name):
    attack = attacks.attack(name, SOURCE, nbformat.reads(RELEASED, as_version=4))
    receipt, graded = judged(attack.content)
    assert receipt.points == attack.points, [verdict for verdict in receipt.verdicts if verdict.outcome != "pass"]
    first = SOURCE.graded[0].name
    assert receipt.flags and all(flag.startswith(f"{first}, line ") for flag in receipt.flags)
    row = Row("ana", SOURCE.name, receipt.points, ALL, 0, 10, 0, "graded", flags="; ".join(receipt.flags))
    assert row.needs_attention
    ((_, _, what),) = report.attention([row], {("ana", SOURCE.name): receipt})
    assert receipt.flags[0] in what
    assert receipt.flags[0] not in json.dumps(graded), "students read that"


def test_what_an_answer_says_does_not_fill_the_graded_notebook():
    attack = attacks.attack("names-an-error-at-length", SOURCE, nbformat.reads(RELEASED, as_version=4))
    receipt, graded = judged(attack.content)
    assert receipt.points == attack.points
    assert len(json.dumps(graded)) < 200_000 and len(receipt.to_json()) < 20_000


def test_a_notebook_that_is_another_one_is_said_to_be_so_and_runs_nothing():
    own = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise SystemExit")])
    source = nbformat.writes(sources.to_notebook(SOURCE))
    result = judge.judge(Job("ana", SOURCE.name, json.dumps(own).encode(), source, RELEASED, Limits()))
    assert result.receipt.status.startswith("could not be read: the file holds no cell of this notebook")
    assert result.graded == "" and not result.receipt.verdicts
