"""Scores as CSV: a row for each enrolled student, whatever became of the work, and nothing that a spreadsheet runs."""

import csv

import mini
import pytest
from running import grade_class, run

from tema9.classroom.grading.record import Record

ENROLLED = [
    {"id": "ana", "first_name": "Ana", "last_name": "García, Núñez", "email": "ana@uni.es", "lms_user_id": "4321"},
    {"id": "broken", "first_name": "Eva", "last_name": "Gil"},
    {"id": "absent", "first_name": "@SUM(1+1)", "last_name": "-2+3", "email": "+34@uni.es", "lms_user_id": "\t=1"},
    {"id": "luis", "first_name": "=HYPERLINK(\"http://x\")", "last_name": "Pérez"},
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory, prepared):
    """Four enrolled: one waits for a mark, one is final, one handed in no notebook, one nothing; and one who is not."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        opened = prepared(tmp_path_factory.mktemp("course"))
        with Record(opened) as record:
            record.enroll(ENROLLED)
        mini.hand_in(opened, "ana", mini.size(), "Por las ventanas.")
        mini.hand_in(opened, "luis", mini.size("return (n - f) // s"))
        mini.hand_in(opened, "intruso", mini.size())
        mini.hand_in(opened, "broken", mini.size()).write_text("{")
        grade_class(opened.root)
        yield opened.root


def exported(root, form):
    """The rows of an export as dicts, by student, and the exit code."""
    out = root.parent / f"{form}.csv"
    result = run("export", root, "--format", form, "--out", out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, result


STATUS = {
    "ana": "1_mini: 1 to mark by hand",
    "absent": "1_mini: not submitted",
    "broken": "1_mini: could not be read: the file begins as a notebook, and is damaged or cut off",
    "intruso": "graded",
    "luis": "graded",
}


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("form", "who", "score", "status"),
    [
        ("csv", "student", "1_mini", "status"),
        ("moodle", "Username", "1. Mini", "Status"),
        ("canvas", "SIS Login ID", "1. Mini", "Notes"),
    ],
)
def test_every_student_has_one_row_with_a_score_and_a_status(root, form, who, score, status):
    rows, result = exported(root, form)
    rows = [row for row in rows if row[who]]
    assert [row[who] for row in rows] == sorted(STATUS)
    assert {row[who]: row[status] for row in rows} == STATUS
    assert {row[who]: row[score] for row in rows} == {
        "ana": "90", "absent": "0", "broken": "0", "intruso": "90", "luis": "30",
    }  # fmt: skip
    assert result.exit_code == 1, "not all of them are final"
    assert "2 scores are not final: 1 answers wait for a mark" in result.output


@pytest.mark.sandbox
@pytest.mark.parametrize("form", ["csv", "moodle", "canvas"])
def test_nothing_in_it_is_a_formula(root, form):
    rows, _ = exported(root, form)
    values = [value for row in rows for value in row.values()]
    assert not [value for value in values if value[:1] in "=+@\t\r" and value]
    assert [value for value in values if value[:1] == "'"] or form == "csv", "those that were are marked"


@pytest.mark.sandbox
def test_each_platform_gets_the_columns_that_it_asks_for(root):
    (moodle, *_), _ = exported(root, "moodle")
    assert list(moodle)[:4] == ["Username", "First name", "Surname", "Email address"]
    rows, _ = exported(root, "canvas")
    assert list(rows[0])[:4] == ["Student", "ID", "SIS Login ID", "Section"]
    assert (rows[0]["Student"], rows[0]["1. Mini"]) == ("Points Possible", "100")
    ana = next(row for row in rows if row["SIS Login ID"] == "ana")
    assert (ana["Student"], ana["ID"]) == ("García, Núñez, Ana", "4321")


@pytest.mark.sandbox
def test_an_unknown_format_is_one_line(root):
    result = run("export", root, "--format", "excel")
    assert (result.exit_code, result.stderr) == (2, "tema9: format 'excel' is none of csv, moodle, canvas\n")
