"""The gradebook in PostgreSQL: a throw-away server of this machine, and a class graded into it."""

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mini
import parts
import pytest
import sqlalchemy
from nbgrader.api import Gradebook
from running import formgrader, grade_class, run
from sqlalchemy.exc import OperationalError

from tema9.classroom import course, gradebook, rules
from tema9.classroom.grading import marking, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.record import Record


@pytest.fixture(scope="module")
def server():
    """The folder of a server's socket; the server is not root's and is gone afterwards."""
    who = "nobody" if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="t9-pg-"))
    shutil.chown(folder, who)

    def pg(name, *arguments):
        command = [parts.postgresql(name), "-D", folder / "data", *arguments]
        user = who if who == "nobody" else None
        subprocess.run(command, user=user, stdout=subprocess.DEVNULL, check=True, cwd="/")

    pg("initdb", "-U", "tema9", "--auth=trust", "--no-sync")
    pg("pg_ctl", "start", "-w", "-l", folder / "log", "-o", f"-F -c listen_addresses= -k {folder}")
    yield folder
    pg("pg_ctl", "stop", "-m", "immediate")
    shutil.rmtree(folder)


@pytest.fixture
def url(server):
    """An empty database."""
    engine = sqlalchemy.create_engine(f"postgresql+psycopg2://tema9@/postgres?host={server}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("drop database if exists tema9 with (force)"))
        connection.execute(sqlalchemy.text("create database tema9"))
    engine.dispose()
    return f"postgresql://tema9:secreto@/tema9?host={server}"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        yield


def points(root, **settings):
    done = grade_class(root, **settings)
    return {row.student: (row.total, row.pending) for row in done.rows}, done


@pytest.mark.sandbox
@pytest.mark.postgres
def test_a_class_is_graded_into_postgresql_as_into_sqlite(small, url, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tema9.classroom.authoring.bundle.bundle", lambda out: []
    )  # `release` makes the zip of the real course
    assert run("release", tmp_path, "--database", url).exit_code == 0
    assert not (tmp_path / "gradebook.db").exists()
    assert (tmp_path / course.DATABASE).stat().st_mode & 0o077 == 0, "it holds a password"
    opened = course.Course(tmp_path)
    mini.hand_in(opened, "ana", mini.size(), "Por las ventanas.")
    mini.hand_in(opened, "luis", mini.size("return (n - f) // s"))
    assert points(tmp_path)[0] == {"ana": (90, 1), "luis": (30, 0)}
    with contextlib.closing(Gradebook(opened.url, "tema9")) as gradebook:
        answer = gradebook.find_grade("n1-why", "1_mini", "1_mini", "ana")
        answer.manual_score, answer.needs_manual_grade = 10, False
        gradebook.db.commit()
    mini.hand_in(opened, "luis", mini.size())
    found, done = points(tmp_path)
    assert found == {"ana": (100, 0), "luis": (90, 0)} and (done.ran, done.kept) == (1, 1)
    assert [(change.before, change.after) for change in done.changes] == [(30, 90)]
    assert run("export", tmp_path, "--format", "moodle").exit_code == 0

    def fail(connection, cursor, statement, *_):
        if statement.startswith(("UPDATE", "INSERT")):
            raise OperationalError("", {}, Exception("the server has gone"))

    mini.hand_in(opened, "luis", mini.size("return 3"))
    enter = Record.__enter__

    def entered(record):
        enter(record)
        sqlalchemy.event.listen(record.gradebook.engine, "before_cursor_execute", fail)
        return record

    with monkeypatch.context() as patch:
        patch.setattr(Record, "__enter__", entered)
        result = run("grade", tmp_path, "-j", 1, "--yes")
    assert result.exit_code == 2 and result.stderr.endswith("the server has gone\n") and "secreto" not in result.stderr
    assert [(row.student, row.total) for row in scores.scores(open_cohort(tmp_path))] == [("ana", 100), ("luis", 90)]


@pytest.mark.sandbox
@pytest.mark.postgres
def test_a_class_that_moves_to_postgresql_keeps_its_scores_and_runs_nothing(small, url, tmp_path, prepared):
    opened = prepared(tmp_path)
    mini.hand_in(opened, "ana", mini.size(), "Por las ventanas.")
    points(tmp_path)
    with Record(opened) as record:
        record.enroll([{"id": "zoe", "email": "zoe@example.org"}])
        answer = record.gradebook.find_grade("n1-why", "1_mini", "1_mini", "ana")
        answer.manual_score, answer.needs_manual_grade = 8, False
        comment = record.gradebook.find_comment("n1-why", "1_mini", "1_mini", "ana")
        comment.manual_comment = "Faltan los bordes."
        record.gradebook.db.commit()
    assert opened.use_database(url)
    found, done = points(tmp_path)
    assert found == {"ana": (98, 0), "zoe": (0, 0)} and (done.ran, done.kept) == (0, 1)
    with Record(opened, read_only=True) as record:
        assert record.comments("ana", "1_mini") == {"n1-why": "Faltan los bordes."}
    assert not opened.use_database(f"sqlite:///{tmp_path}/gradebook.db"), "what a gradebook holds is not overwritten"


@pytest.mark.postgres
@pytest.mark.parametrize("dirty", [False, True], ids=["reading", "marking"])
def test_a_gradebook_that_stays_open_goes_on_after_its_server_has_ended_the_connection(url, dirty):
    """As Formgrader's, which asks again at the next page, and with one error in between."""
    opened = gradebook.open_gradebook(gradebook.with_driver(url))
    opened.add_student("ana")
    ana = opened.find_student("ana")
    if dirty:
        ana.first_name = "Ana"
    other = sqlalchemy.create_engine(gradebook.with_driver(url))
    with other.connect() as connection:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'tema9' and pid <> "
        connection.execute(sqlalchemy.text(f"{ended} pg_backend_pid()"))
    with pytest.raises(sqlalchemy.exc.DatabaseError):
        opened.find_student("ana")
    assert opened.find_student("ana").first_name is None, "what the server had not taken is not there"
    opened.find_student("ana").first_name = "Ana"
    opened.db.commit()
    assert opened.find_student("ana").first_name == "Ana"
    opened.close()
    other.dispose()


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.postgres
@pytest.mark.gate
def test_two_persons_mark_in_two_formgraders_at_once_and_every_mark_says_whose_it_is(small, url, tmp_path, prepared):
    opened = prepared(tmp_path / "course")
    students = [f"s{number}" for number in range(6)]
    for student in students:
        mini.hand_in(opened, student, mini.size(), f"Por las ventanas, dice {student}.")
    opened.use_database(url)
    (opened.root / rules.RULES).write_text("[markers]\nmarta = 1\njon = 1\n", encoding="utf-8")
    done = grade_class(opened.root)
    assert sum(row.pending for row in done.rows) == 6
    with Record(opened, read_only=True) as record:
        answers = marking.answers(record, open_cohort(opened.root), record.rules())
    whose = {answer.student: answer.whose for answer in answers}
    assert sorted(whose.values()) == ["jon"] * 3 + ["marta"] * 3
    marks = {student: number + 1.5 for number, student in enumerate(students)}
    ready = threading.Barrier(2)

    def mark(ask, person):
        mine = [answer for answer in answers if answer.whose == person]
        ready.wait(60)
        for answer in mine:
            assert "ventanas" in ask(f"{answer.page.removeprefix('formgrader/')}?index=0")
            identifier = answer.page.rstrip("/").rpartition("/")[2]
            grades = ask(f"api/grades?submission_id={identifier}")
            (grade,) = [one for one in grades if one["name"] == "n1-why"]
            ask(f"api/grade/{grade['id']}", {"manual_score": marks[answer.student]})

    with (
        formgrader(opened.root, TEMA9_MARKER="marta") as marta,
        formgrader(opened.root, TEMA9_MARKER="jon") as jon,
        ThreadPoolExecutor(2) as both,
    ):
        for one in [both.submit(mark, marta, "marta"), both.submit(mark, jon, "jon")]:
            one.result()
        done = grade_class(opened.root)  # while both are open
    assert done.ran == 0 and {row.student: row.by_hand for row in done.rows} == marks
    with Record(opened, read_only=True) as record:
        assert {one: record.receipt(one, "1_mini").markers["n1-why"] for one in students} == whose


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://tema9:secreto@127.0.0.1:1/tema9",
        "nada://tema9:secreto@servidor/x",
        "esto no es una dirección",
        "sqlite:////nowhere/gradebook.db",
    ],
)
def test_a_gradebook_that_cannot_be_opened_is_one_line_without_its_password(wrong, tmp_path):
    result = run("release", tmp_path / "course", "--database", wrong)
    assert result.exit_code == 2
    assert result.stderr.startswith("tema9: the gradebook") and len(result.stderr.splitlines()) == 1
    assert "secreto" not in result.stderr
    assert not (tmp_path / "course").exists(), "nothing is left behind"
