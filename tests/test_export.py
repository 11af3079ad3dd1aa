"""Scores for Moodle, Canvas and spreadsheets: what each takes of them, and nothing that a spreadsheet runs."""

import gc
import random
import sys
import zipfile

import mini
import nbformat
import openpyxl
import platform_readers
import pytest
from running import grade_class, run

from tema9.classroom.grading import identities, people
from tema9.classroom.grading.identities import HandedIn
from tema9.classroom.publishing import platforms
from tema9.classroom.publishing.export import scale_of, write_book
from tema9.classroom.rules import Rules

ENROLLED = [
    {"id": "ana", "first_name": "Ana", "last_name": "García, Núñez", "email": "ana@uni.es", "lms_user_id": "4321"},
    {"id": "broken", "first_name": "Eva", "last_name": "Gil", "email": "eva@uni.es", "lms_user_id": "4322"},
    {"id": "absent", "first_name": "@SUM(1+1)", "last_name": "-2+3", "email": "+34@uni.es", "lms_user_id": "\t=1"},
    {"id": "luis", "first_name": "=HYPERLINK(\"http://x\")", "last_name": "Pérez", "email": "luis@uni.es"},
]  # fmt: skip
HANDED_IN = [
    HandedIn(
        "ana", "1_mini", "Ana García, Núñez", "Moodle", "411", file="Ana García_411_assignsubmission_file_/a.ipynb"
    ),
    HandedIn(
        "broken", "1_mini", "Participante", "Moodle", "412", file="Participante_412_assignsubmission_file_x.ipynb"
    ),
    HandedIn("luis", "1_mini", "pérez", "Canvas", "4321", file="prezhyperlink_LATE_4321_900001_1_mini-2.ipynb"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory, prepared):
    """Four enrolled: one waits for a mark, one is final, one handed in no notebook, one nothing; and one who is not."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        opened = prepared(tmp_path_factory.mktemp("course"))
        people.enroll(opened.root, ENROLLED)
        mini.hand_in(opened, "ana", mini.size(), "Por las ventanas.")
        mini.hand_in(opened, "luis", mini.size("return (n - f) // s"))
        mini.hand_in(opened, "intruso", mini.size())
        mini.hand_in(opened, "broken", mini.size()).write_text("{")
        grade_class(opened.root)
        identities.save(opened, (), HANDED_IN)
        yield opened.root


def exported(root, form, *options):
    """The rows of an export as lists, its path, and what the command said."""
    out = root.parent / f"exported-{form}{len(options)}.csv"
    result = run("export", root, "--format", form, "--out", out, *options)
    return platform_readers.cells(out), out, result


STATUS = {
    "ana": "1_mini: 1 to mark by hand",
    "absent": "1_mini: not submitted",
    "broken": "1_mini: could not be read: the file begins as a notebook, and is damaged or cut off",
    "intruso": "graded",
    "luis": "graded",
}
SCORES = {"ana": "90", "absent": "", "broken": "0", "intruso": "90", "luis": "30"}


@pytest.mark.sandbox
def test_every_student_has_one_row_with_a_score_and_a_status(root):
    (header, *rows), _, result = exported(root, "csv")
    assert header == ["student", "name", "email", "1_mini", "total", "mark", "status"]
    assert [row[0] for row in rows] == sorted(STATUS)
    assert {row[0]: row[6] for row in rows} == STATUS
    assert {row[0]: row[3] for row in rows} == SCORES == {row[0]: row[4] for row in rows}
    assert result.exit_code == 1, "not all of them are final"
    assert "2 scores are not final: 1 answer waits for a mark" in result.output
    assert "None" not in {cell for row in rows for cell in row}


@pytest.mark.sandbox
def test_work_that_was_not_handed_in_has_no_mark_unless_the_teacher_says_0(root):
    for form in ("csv", "moodle", "canvas"):
        for options, mark in (((), ""), (("--missing", "0"), "0"), (("--missing", "0", "--scale", "10"), "0.00")):
            (header, *rows), _, _ = exported(root, form, *options)
            column = header.index("1_mini" if form == "csv" else "1. Mini")
            absent = next((row for row in rows if "absent" in row), None)
            assert absent is None or absent[column] == mark, (form, options)
            assert absent is not None


@pytest.mark.sandbox
@pytest.mark.parametrize("form", ["csv", "moodle", "canvas"])
def test_nothing_in_it_is_a_formula(root, form):
    rows, _, _ = exported(root, form)
    values = [value for row in rows for value in row]
    assert not [value for value in values if value[:1] in "=+@\t\r" and value]
    assert [value for value in values if value[:1] == "'"], "those that were are marked"


@pytest.mark.sandbox
def test_moodle_takes_all_of_its_grades_by_e_mail_and_whoever_has_none_is_named(root):
    _, path, result = exported(root, "moodle")
    users = {"ana@uni.es", "eva@uni.es", "luis@uni.es", "'+34@uni.es"}
    assert platform_readers.moodle_grades(path, users, "Email address") == {
        "ana@uni.es": {"1. Mini": 90, "Final mark": 9}, "eva@uni.es": {"1. Mini": 0, "Final mark": 0},
        "luis@uni.es": {"1. Mini": 30, "Final mark": 3}, "'+34@uni.es": {"1. Mini": None, "Final mark": None},
    }  # fmt: skip
    assert "left out: intruso: no list says by what Moodle knows this student" in result.output


@pytest.mark.sandbox
def test_canvas_takes_every_column_and_row_of_its_gradebook(root):
    rows, path, result = exported(root, "canvas", "--scale", "10")
    students = {"4321": "García, Núñez, Ana", "4322": "Gil, Eva", "'\t=1": "x"}
    taken, new, unknown = platform_readers.canvas_gradebook(path, students, {"5501": "1. Mini"})
    assert taken == {"4321": {"1. Mini": "9.00"}, "4322": {"1. Mini": "0.00"}, "'\t=1": {"1. Mini": ""}}
    assert not new and not unknown
    assert rows[1] == ["    Points Possible", "", "", "", "", "10"]
    for who in ("intruso", "luis"):
        assert f"left out: {who}: no list says by what Canvas knows this student" in result.output


@pytest.mark.sandbox
def test_marks_are_of_the_students_notebooks_and_exercises_that_were_asked_for(root):
    (header, *rows), _, _ = exported(root, "csv", "--exercises", "--student", "ana@uni.es", "--student", "Eva Gil")
    assert header[3:] == ["n1-size", "n1-why", "total", "status"]
    assert {row[0]: row[3:6] for row in rows} == {"ana": ["90", "0", "90"], "broken": ["0", "0", "0"]}
    assert exported(root, "csv", "--notebook", "1_mini")[0][0][3] == "1_mini"


@pytest.mark.sandbox
def test_a_spreadsheet_has_numbers_and_a_sheet_of_exercises_and_no_formula(root, tmp_path):
    out = tmp_path / "marks.xlsx"
    run("export", root, "--format", "xlsx", "--scale", "10", "--out", out)
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["marks", "exercises"]
    marks = {row[0]: row for row in book["marks"].iter_rows(values_only=True)}
    assert marks["student"] == ("student", "name", "email", "1_mini", "total", "mark", "status")
    assert marks["ana"][3:5] == (9, 9) and marks["absent"][3:5] == (None, None)
    exercises = {row[0]: row[3:5] for row in book["exercises"].iter_rows(values_only=True)}
    assert exercises["student"] == ("n1-size", "n1-why") and exercises["ana"] == (10, 0)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}, "no formula"
    assert "'=HYPERLINK" in str(marks["luis"][1])


@pytest.mark.parametrize("word", ["INF", "NaN", "infinity", "1_0", "٣", "1e999", "0x1", ""])
def test_a_mark_in_words_is_a_text_in_a_spreadsheet_whatever_it_looks_like(word, tmp_path):
    write_book(tmp_path / "x.xlsx", {"marks": [["student", "name", "email", "mark"], ["ana", "Ana", "", word]]})
    cell = openpyxl.load_workbook(tmp_path / "x.xlsx")["marks"].cell(2, 4)
    assert (cell.value or "", cell.data_type) == (word, "s" if word else "n")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_book(path, {"marks": [["student", "name"], ["ana", "Ana"]]}),
        lambda path: platforms.write_zip(
            path, {f"{n}.html": bytes(random.Random(n).randbytes(500)) for n in range(20)}
        ),
    ],
    ids=["workbook", "zip"],
)
def test_a_file_that_does_not_fit_is_one_error_and_leaves_nothing(write, tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    complaints, (soft, hard) = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write(tmp_path / "x")
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not complaints and not list(tmp_path.iterdir())


WORKSHEET = (
    "Identificador,Nombre completo,Dirección de correo,Estado,Calificación,Calificación máxima,"
    "La calificación puede ser cambiada,Última modificación (entrega),Última modificación (calificación),"
    "Comentarios de retroalimentación\n"
    'Participante 411,"Ana García, Núñez",ana@uni.es,Enviado,,"10,00",Sí,"jueves, 26 de noviembre",-,\n'
    'Participante 412,Eva Gil,eva@uni.es,Enviado,"7,00","10,00",Sí,"jueves, 26 de noviembre",-,Buen trabajo. \n'
    'Participante 413,Otra Persona,otra@uni.es,Sin entrega,,"10,00",Sí,-,-,\n'
)
WORDS = {
    "recordid": "Identificador",
    "grade": "Calificación",
    "hiddenuser": "Participante ",
    "lastmodifiedgrade": "Última modificación (calificación)",
    "comments": "Comentarios de retroalimentación",
}


@pytest.mark.sandbox
def test_moodle_s_grading_worksheet_is_filled_in_with_marks_and_comments(root, tmp_path):
    sheet, out = tmp_path / "notas.csv", tmp_path / "filled.csv"
    sheet.write_text(WORKSHEET, encoding="utf-8")
    for given in (sheet, out):  # filled in again, it is the same
        result = run("export", root, "--fill", given, "--out", out)
        taken = platform_readers.moodle_worksheet(out, {"411": "ana", "412": "eva", "413": "otra"}, 10, WORDS)
        assert set(taken) == {"ana", "eva"}
        assert taken["ana"] == (9, "Corrección: 1. Mini: 90 de 100 puntos<br>1. El lado: espera a una persona")
        assert taken["eva"][0] == 0 and taken["eva"][1].startswith("Buen trabajo. Corrección: 1. Mini: 0 de 100 puntos")
        assert taken["eva"][1].count("Corrección:") == 1, "ours is replaced, theirs stays"
    assert result.exit_code == 1
    assert "left out: Participante 413 Otra Persona: no student of the course" in result.output
    assert "left out: luis has a mark and no row in filled.csv" in result.output
    before, after = platform_readers.cells(sheet), platform_readers.cells(out)
    assert [[*row[:4], *row[5:9]] for row in before] == [[*row[:4], *row[5:9]] for row in after]


@pytest.mark.sandbox
def test_feedback_goes_back_in_the_zips_of_both_platforms_under_their_names(root):
    result = run("feedback", root, "--moodle", "--canvas")
    assert result.exit_code == 1, "each platform has somebody of the other"
    page = (root / "feedback/ana/1_mini/1_mini.html").read_bytes()
    taken = platform_readers.moodle_feedback(root / "feedback-moodle-1_mini.zip", {"411": "ana", "412": "eva"})
    assert taken["ana"] == {"1_mini.html": page}
    assert set(taken) == {"ana", "eva"} and set(taken["eva"]) == {"1_mini.html"}
    with zipfile.ZipFile(root / "feedback-moodle-1_mini.zip") as archive:
        assert archive.namelist() == [
            "Ana García_411_assignsubmission_file_/1_mini.html", "Participante_412_assignsubmission_file_1_mini.html",
        ]  # fmt: skip
    seen, ignored = platform_readers.canvas_feedback(
        root / "feedback-canvas-1_mini.zip", {"900001": ("4321", "1_mini.ipynb")}
    )
    assert not ignored and set(seen["4321"]) == {"1_mini.ipynb"}
    shown = nbformat.reads(seen["4321"]["1_mini.ipynb"].decode(), as_version=4)
    nbformat.validate(shown)
    assert "30 de 100 puntos" in shown.cells[0].outputs[0]["data"]["text/html"]
    for student in ("luis", "intruso"):
        assert f"left out: {student}, 1_mini: it did not come in a zip of Moodle" in result.output


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "excel"), "format 'excel' is none of csv, xlsx, moodle, canvas"),
        (("--scale", "0"), "scale 0 is no scale; give points, course or the highest mark, as 10"),
        (("--scale", "nan"), "scale nan is no scale"),
        (("--missing", "none"), "missing 'none' is none of blank, 0"),
        (("--notebook", "7_x"), "unknown notebook '7_x'; known: 1_mini"),
        (("--student", "nadie"), "unknown student 'nadie'; give an id, an e-mail or a name"),
        (("--fill", "README.md"), "is neither a grading worksheet of Moodle"),
        (("--fill", "nothing.csv"), "nothing.csv"),
    ],
)
def test_what_cannot_be_exported_is_one_line(root, options, words):
    result = run("export", root, *options, "--out", root / "x.csv")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert words in result.stderr and not (root / "x.csv").exists()


@pytest.mark.parametrize(
    ("points", "of", "scale", "mark"),
    [(87.5, 100, "10", "8.75"), (1, 3, "10", "3.33"), (2, 3, "10", "6.67"), (0.125, 10, "10,0", "0.13"),
     (60, 60, "6.5", "6.50"), (0, 1, "10", "0.00"), (1, 2, "course", "5.00")],
)  # fmt: skip
def test_a_mark_on_a_scale_has_two_decimals_rounded_as_people_round(points, of, scale, mark):
    found = scale_of(scale, Rules())
    assert found.mark(points / of) == mark


def test_points_are_no_scale():
    assert scale_of("points", Rules()) is None
