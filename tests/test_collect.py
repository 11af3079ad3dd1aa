"""The command `collect`: lists and deliveries in turn, who waits, who has left, and what reaches a terminal."""

import csv
import io
import zipfile

import mini
import pytest
from running import run

from tema9.classroom.course import Course
from tema9.classroom.grading import people, scores
from tema9.classroom.grading.cohort import open_cohort

NOTEBOOK = b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}, "by": "%s"}'
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Práctica 1 (3344)\n    Points Possible,,,,,100\n"
    '"García López, Ana",71001,100001,agarcia,A,\n"Pérez Gil, Luis",71002,100002,lperez,A,\n'
    '"Ruiz, Marta",71003,100003,mruiz,A,\n"Test, Student",79999,,8a1f,A,\n'
)
MOODLE = (
    "\ufeffNombre,Apellido(s),Número de ID,Dirección de correo\nAna,García López,100001,ana.garcia@alumnos.upm.es\n"
    "Luis,Pérez Gil,100002,luis.perez@alumnos.upm.es\nMarta,Ruiz,100003,marta.ruiz@alumnos.upm.es\n"
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    folder = mini.write(tmp_path_factory.mktemp("sources"))
    with mini.as_course(folder):
        yield folder


@pytest.fixture
def root(prepared, tmp_path):
    return prepared(tmp_path / "course").root


def handed_in(path, *names):
    """A zip whose files each hold their own name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, NOTEBOOK % name.encode())
    return path


def listed(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def submitted(root):
    """{student: what is in submitted/} of a course."""
    return {path.parts[-3]: path.read_bytes() for path in root.glob("submitted/*/*/*.ipynb")}


def test_the_list_of_canvas_and_its_zip_have_each_student_once(root, tmp_path):
    place = handed_in(
        tmp_path / "in.zip",
        "garcíalópezana_71001_900001_1_mini.ipynb",
        "pérezgilluis_LATE_71002_900002_1_mini-1.ipynb",
        "ruizmarta_71003_900003_1_mini-2.ipynb",
        "studenttest_79999_900004_1_mini.ipynb",
    )
    result = run("collect", place, "--course", root, "--roster", listed(tmp_path / "canvas.csv", CANVAS))
    assert result.exit_code == 0 and "took in 3 notebooks of 3 students" in result.output, result.output
    assert set(submitted(root)) == set(people.enrolled(Course(root))) == {"agarcia", "lperez", "mruiz"}
    assert {row.student for row in scores.scores(open_cohort(root))} == {"agarcia", "lperez", "mruiz"}


@pytest.mark.parametrize(
    "names",
    [
        ("{}_assignsubmission_file_/1_mini.ipynb", "{}_assignsubmission_file/entrega 1_mini.ipynb"),
        ("{}_assignsubmission_file_1_mini.ipynb", "{}_assignsubmission_file_1_mini (1).ipynb"),
    ],
)
def test_the_list_of_moodle_and_its_zips_have_each_student_once(names, root, tmp_path):
    who = ("Ana García López_412345", "Luis Pérez Gil_412346", "Marta Ruiz_412347")
    place = handed_in(tmp_path / "in.zip", *(names[n % 2].format(one) for n, one in enumerate(who)))
    result = run("collect", place, "--course", root, "--roster", listed(tmp_path / "moodle.csv", MOODLE))
    assert result.exit_code == 0, result.output
    assert set(submitted(root)) == {"ana.garcia", "luis.perez", "marta.ruiz"}


def test_a_second_list_of_another_platform_and_a_delivery_without_a_list_find_the_same_students(root, tmp_path):
    first = handed_in(tmp_path / "1.zip", "garcíalópezana_71001_900001_1_mini.ipynb")
    second = handed_in(tmp_path / "2.zip", "Luis Pérez Gil_412346_assignsubmission_file_/1_mini.ipynb")
    third = handed_in(tmp_path / "3.zip", "marta.ruiz@alumnos.upm.es/1_mini.ipynb")
    assert run("collect", first, "--course", root, "--roster", listed(tmp_path / "c.csv", CANVAS)).exit_code == 0
    assert run("collect", second, "--course", root, "--roster", listed(tmp_path / "m.csv", MOODLE)).exit_code == 0
    assert run("collect", third, "--course", root).exit_code == 0
    assert set(submitted(root)) == set(people.enrolled(Course(root))) == {"agarcia", "lperez", "mruiz"}


def test_the_grading_worksheet_of_moodle_says_who_a_blind_participant_is(root, tmp_path):
    place = handed_in(tmp_path / "in.zip", *(f"Participante_{n}_assignsubmission_file_/1_mini.ipynb" for n in (41, 42)))
    result = run("collect", place, "--course", root, "--roster", listed(tmp_path / "m.csv", MOODLE))
    assert result.exit_code == 1 and "2 senders unresolved" in result.output and submitted(root) == {}
    worksheet = (
        "Identificador,Nombre completo,Estado\nParticipante 41,Ana García López,x\nParticipante 42,Marta Ruiz,x\n"
    )
    both = ("--roster", listed(tmp_path / "w.csv", worksheet), "--roster", tmp_path / "m.csv")
    result = run("collect", place, "--course", root, *both)
    assert result.exit_code == 0 and set(submitted(root)) == {"ana.garcia", "marta.ruiz"}, result.output
    assert "left" not in result.output


def test_who_has_left_is_told_once_leaves_the_tables_and_comes_back(root, tmp_path):
    place = handed_in(tmp_path / "in.zip", "agarcia/1_mini.ipynb", "lperez/1_mini.ipynb")
    whole = listed(tmp_path / "c.csv", CANVAS)
    part = listed(tmp_path / "p.csv", "".join(CANVAS.splitlines(True)[:3]))
    assert run("collect", place, "--course", root, "--roster", whole).exit_code == 0
    result = run("collect", place, "--course", root, "--roster", part)
    assert "2 students left, not being in the list: Luis Pérez Gil, Marta Ruiz" in " ".join(result.output.split())
    assert "Luis Pérez Gil handed in and has left" in result.output
    assert {row.student for row in scores.scores(open_cohort(root))} == {"agarcia"}
    assert "lperez" in submitted(root) and "lperez" in people.enrolled(Course(root)), "the history stays"
    assert "left, not being" not in run("collect", place, "--course", root, "--roster", part).output
    assert run("collect", place, "--course", root, "--roster", whole).exit_code == 0
    assert {row.student for row in scores.scores(open_cohort(root))} == {"agarcia", "lperez", "mruiz"}


def test_a_roster_that_a_spreadsheet_has_saved_is_still_one(root, tmp_path):
    place = handed_in(tmp_path / "in.zip", "agarcia/1_mini.ipynb")
    assert run("collect", place, "--course", root, "--roster", listed(tmp_path / "c.csv", CANVAS)).exit_code == 0
    text = (
        (root / "roster.csv")
        .read_text(encoding="utf-8")
        .replace(",", ";")
        .replace("71003;100003;;", "71003;100003;;2026-12-01")
    )
    (root / "roster.csv").write_text(text, encoding="cp1252")
    assert run("collect", place, "--course", root).exit_code == 0
    assert people.left(Course(root)) == {"mruiz"}
    (root / "roster.csv").write_text("nombre\nAna\n")
    result = run("collect", place, "--course", root)
    assert result.exit_code == 2 and "roster.csv has no column id" in result.stderr


def test_no_name_is_markup_or_an_order_to_a_terminal(root, tmp_path):
    names = (
        "[bold]/1_mini.ipynb",
        "[red]x/[/b].csv",
        "x\x1b[2Jy\x07/1_mini.ipynb",
        "\u202eabc/otra.ipynb",
        "[b]ana/a.docx",
    )
    place = handed_in(tmp_path / "in.zip", *names)
    for more in ((), ("--roster", listed(tmp_path / "m.csv", MOODLE))):
        result = run("collect", place, "--course", root, *more)
        assert result.exit_code == 1
        assert all(one.isprintable() for one in result.output.splitlines())
        assert "[red]x/[/b].csv" in result.output and "[b]ana/a.docx" in result.output
    assert "[bold]" in result.output and "x\\x1b[2Jy\\x07" in result.output
    rows = list(csv.reader(io.StringIO((root / "who.csv").read_text(encoding="utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["[bold]", "x\\x1b[2Jy\\x07"]
    (tmp_path / "no\x1b[2J.zip").write_bytes(b"x")
    result = run("collect", tmp_path / "no\x1b[2J.zip", "--course", root)
    assert result.exit_code == 2 and "\x1b" not in result.output


def test_with_nothing_but_unresolved_work_the_course_says_who_waits(root, tmp_path):
    place = handed_in(tmp_path / "in.zip", "Ana_1_assignsubmission_file_/1_mini.ipynb")
    result = run("collect", place, "--course", root, "--roster", listed(tmp_path / "m.csv", MOODLE), "--dry-run")
    assert result.exit_code == 1 and "it could be ana.garcia (Ana García López)" in " ".join(result.output.split())
    assert not (root / "who.csv").exists() and not (root / "roster.csv").exists()


@pytest.mark.parametrize(
    "name", ["entregas [1].zip", "a?b.zip", "a%20b.zip", "#1.zip", "Tarea 1; final.zip", "[/b].zip"[2:]]
)
def test_a_delivery_and_a_list_may_have_any_name(name, root, tmp_path):
    roster = listed(tmp_path / f"{name}.csv", MOODLE)
    result = run("collect", handed_in(tmp_path / name, "ana.garcia/1_mini.ipynb"), "--course", root, "--roster", roster)
    assert result.exit_code == 0 and "took in 1 notebook of 1 student ->" in result.output, result.output


@pytest.mark.parametrize("name", ["a?b", "a%20b", "x [1]"])
def test_a_course_folder_in_which_nbgrader_cannot_work_is_one_line_and_makes_nothing(name, tmp_path):
    place = handed_in(tmp_path / "in.zip", "ana/1_mini.ipynb")
    before = sorted(tmp_path.iterdir())
    result = run("collect", place, "--course", tmp_path / name)
    assert result.exit_code == 2 and "in its path, where nbgrader cannot work" in result.stderr
    assert len(result.stderr.splitlines()) == 1 and sorted(tmp_path.iterdir()) == before


def test_what_holds_no_notebook_is_one_line_with_what_is_there(root, tmp_path):
    place = handed_in(tmp_path / "informe.docx", "[Content_Types].xml", "word/document.xml", "a.xml", "b.xml", "c.xml")
    result = run("collect", place, "--course", root)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "informe.docx has no notebook of 1_mini; expected STUDENT/NOTEBOOK.ipynb; left out: " in result.stderr
    assert "and 2 more" in result.stderr
