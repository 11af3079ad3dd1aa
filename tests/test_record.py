"""What grading leaves behind: whole or not at all, anew each time, and no more work than what has changed asks for."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mini
import parts
import psutil
import pytest
import sqlalchemy
from nbgrader.api import Gradebook
from running import extra, grade_class, put_back, run
from sampling import sampled
from sqlalchemy.exc import OperationalError

from tema9.classroom import course, gradebook
from tema9.classroom.grading import judge, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.job import Job
from tema9.classroom.grading.record import Change, Record
from tema9.classroom.sandbox import border
from tema9.classroom.sandbox.sandbox import Limits, Sandbox
from tema9.cli.classroom import approve

pytestmark = pytest.mark.sandbox

RIGHT = mini.size()
WRONG = mini.size("return (n - f) // s")  # loses `values`, keeps `whole`
PROSE = "Por las ventanas."


def two_notebooks(folder, first):
    mini.write(folder, first)
    (folder / "2_mini.py").write_text(mini.SOURCE.replace("n1-", "n2-"), encoding="utf-8")
    (folder / "mistakes" / "2_mini.py").write_text(mini.BANK.replace("n1-", "n2-"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small notebooks stand for the sources of the course."""
    folder = two_notebooks(tmp_path_factory.mktemp("sources"), mini.SOURCE)
    with mini.as_course(folder):
        yield folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory, prepared):
    """A graded class of three, Ana with both notebooks."""
    root = tmp_path_factory.mktemp("made") / "course"
    opened = prepared(root)
    mini.hand_in(opened, "ana", RIGHT, PROSE)
    second = opened.submitted("ana", "2_mini")
    second.parent.mkdir()
    second.write_bytes(opened.release("2_mini").read_bytes())
    mini.hand_in(opened, "luis", WRONG)
    mini.hand_in(opened, "eva", RIGHT)
    graded(root)
    return root


@pytest.fixture
def root(made):
    """That class, as it was."""
    with put_back(made) as there:
        yield there


def graded(root, **settings):
    return grade_class(root, **({"limits": Limits(seconds=5)} | settings))


def points(done):
    return {(row.student, row.notebook): row.machine for row in done.rows}


def receipt(root, student, notebook="1_mini"):
    return json.loads((root / "receipts" / student / f"{notebook}.json").read_text(encoding="utf-8"))


def dump(root):
    """All that the gradebook holds."""
    engine = sqlalchemy.create_engine(course.Course(root).url)
    with engine.connect() as connection:
        tables = sqlalchemy.inspect(engine).get_table_names()
        return {name: sorted(map(str, connection.execute(sqlalchemy.text(f"select * from {name}")))) for name in tables}


def mark(root, student, score):
    """Mark the answer in prose by hand, as the formgrader does."""
    with Gradebook(course.Course(root).url, "tema9") as gradebook:
        answer = gradebook.find_grade("n1-why", "1_mini", "1_mini", student)
        answer.manual_score, answer.needs_manual_grade = score, False
        gradebook.db.commit()


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_error_at_any_statement_of_a_save_leaves_the_gradebook_as_it_was(root):
    opened = course.Course(root)
    mini.hand_in(opened, "ana", WRONG, "Otra cosa.")
    mini.hand_in(opened, "nuevo", RIGHT, PROSE)
    before = dump(root)
    job = {"source": opened.source("1_mini").read_text(), "released": opened.release("1_mini").read_text()}
    settings = {"limits": Limits(seconds=5), "hide": (str(opened.root),), "unsandboxed": parts.UNSANDBOXED}
    for student in ("ana", "nuevo"):
        content = opened.submitted(student, "1_mini").read_bytes()
        judged = judge.judge(Job(student, "1_mini", content, **job, **settings))
        with Record(opened) as record:  # what can be read first, is
            record.as_if(judged.receipt, record.points(student, "1_mini"))
        broken = 0
        for number in range(1, 200):
            statements = iter(range(number))

            def fail(*_, left=statements):
                if next(left, None) is None:
                    raise OperationalError("", {}, Exception("disk I/O error"))

            try:
                with Record(opened) as record:
                    sqlalchemy.event.listen(record.gradebook.engine, "before_cursor_execute", fail)
                    record.save(judged)
                break
            except gradebook.GradebookError as error:
                assert "gradebook.db: " in str(error) and "disk I/O error" in str(error)
            assert dump(root) == before, f"statement {number}"
            broken = number
        else:
            pytest.fail("it never got to the end")
        assert broken > 5
        assert dump(root) != before, "the last one went through"
        before = dump(root)


def test_a_worse_answer_or_a_deleted_test_keeps_no_old_points(root):
    opened = course.Course(root)
    mini.hand_in(
        opened, "ana", WRONG, PROSE, lambda notebook, cells: notebook.cells.remove(cells["n1-size-tests-values"])
    )
    opened.submitted("eva", "1_mini").write_text("{ this is no notebook")
    done = points(graded(root))
    assert (done["ana", "1_mini"], done["eva", "1_mini"], done["luis", "1_mini"]) == (30, 0, 30)


def test_a_mark_by_hand_stays_for_the_same_answer_and_for_no_other(root):
    opened = course.Course(root)
    mark(root, "ana", 7)
    mini.hand_in(opened, "ana", WRONG, PROSE)
    row = next(row for row in graded(root).rows if (row.student, row.notebook) == ("ana", "1_mini"))
    assert (row.machine, row.by_hand, row.pending) == (30, 7, 0)
    mini.hand_in(opened, "ana", WRONG, "Porque sí.")
    row = next(row for row in graded(root).rows if (row.student, row.notebook) == ("ana", "1_mini"))
    assert row.pending == 1, "to be looked at again"
    mini.hand_in(opened, "ana", WRONG)
    row = next(row for row in graded(root).rows if (row.student, row.notebook) == ("ana", "1_mini"))
    assert (row.by_hand, row.pending) == (0, 0), "nothing written is nothing earned"


def test_a_receipt_says_what_was_graded_with_what_and_how_it_went(root):
    said = receipt(root, "luis")
    content = course.Course(root).submitted("luis", "1_mini").read_bytes()
    assert said["sha256"] == hashlib.sha256(content).hexdigest()
    assert set(said["environment"]) == {"python", "torch", "torchvision", "numpy", "tema9"}
    assert said["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {v["name"]: (v["outcome"], v["points"], v["max_points"]) for v in said["verdicts"]} == {
        "n1-size-tests-values": ("fail", 0, 60),
        "n1-size-tests-whole": ("pass", 30, 30),
    }
    assert said["recorded"] and said["version"] and said["limits"]["seconds"] == 5


def test_the_receipt_is_of_the_last_file_even_if_its_answers_are_the_same(root):
    path = course.Course(root).submitted("ana", "1_mini")
    path.write_text(path.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    done = graded(root)
    assert (done.ran, done.kept, done.changes) == (0, 4, [])
    assert receipt(root, "ana")["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_has_not_changed_is_not_run_again(root, monkeypatch):
    monkeypatch.setattr(Sandbox, "student_process", lambda _: pytest.fail("a student's code runs"))
    before = files(root / "receipts")
    done = graded(root)
    assert (done.ran, done.kept, done.changes) == (0, 4, [])
    assert files(root / "receipts") == before
    assert points(done)["ana", "1_mini"] == 90


def test_again_runs_all(root):
    done = graded(root, again=True)
    assert (done.ran, done.kept, done.changes) == (4, 0, [])


def test_a_changed_test_runs_alone_and_the_other_verdicts_and_notebooks_stay(root, tmp_path, monkeypatch):
    before, tried = {name: receipt(root, name) for name in ("ana", "luis", "eva")}, []
    other = receipt(root, "ana", "2_mini")

    def counting(test, work, judged=border.judge):
        tried.append(test)
        return judged(test, work)

    monkeypatch.setattr(border, "judge", counting)
    edited = mini.SOURCE.replace("un lado es un número entero", "un lado es, sin duda, un número entero")
    with mini.as_course(two_notebooks(tmp_path, edited)):
        done = graded(root)
    assert (done.ran, done.kept, done.changes) == (3, 1, [])
    assert len(tried) == 3 and all("sin duda" in test for test in tried)
    for student, said in before.items():
        assert receipt(root, student)["verdicts"][0] == said["verdicts"][0], "its seconds too"
        assert receipt(root, student)["verdicts"][1]["test"] != said["verdicts"][1]["test"]
    assert receipt(root, "ana", "2_mini") == other


def test_a_test_of_another_worth_moves_the_points_and_runs_nothing(root, tmp_path):
    with mini.as_course(two_notebooks(tmp_path, mini.SOURCE.replace("points=60", "points=40"))):
        done = graded(root)
    assert done.ran == 0
    assert points(done)["ana", "1_mini"] == 70 and points(done)["luis", "1_mini"] == 30
    assert {(c.student, c.before, c.after) for c in done.changes} == {("ana", 90, 70), ("eva", 90, 70)}
    assert receipt(root, "luis")["verdicts"][0]["max_points"] == 40


def test_a_timeout_is_tried_again_with_other_limits_and_only_then(root):
    slow = mini.size(before="import time\n", body="time.sleep(1.2)\n    return (n - f) // s + 1")
    mini.hand_in(course.Course(root), "lento", slow)
    outcomes = []
    for seconds in (1, 1, 5):
        done = graded(root, limits=Limits(seconds=seconds))
        outcomes.append((done.ran, points(done)["lento", "1_mini"]))
    assert outcomes == [(1, 0), (0, 0), (1, 90)]


def test_a_gradebook_that_is_not_there_any_more_is_written_anew_from_the_receipts(root):
    (root / "gradebook.db").unlink()
    done = graded(root)
    assert (done.ran, done.kept) == (0, 4)
    assert points(done)["ana", "1_mini"] == 90 and points(done)["luis", "1_mini"] == 30


def test_a_gradebook_that_moves_takes_everything_with_it_and_overwrites_nothing(root):
    opened = course.Course(root)
    mark(root, "ana", 8)
    with Record(opened) as record:
        record.gradebook.find_comment("n1-why", "1_mini", "1_mini", "ana").manual_comment = "Faltan los bordes."
        record.gradebook.db.commit()
    before = scores.scores(open_cohort(root))
    assert opened.use_database(f"sqlite:///{root}/other.db")
    (root / "gradebook.db").unlink()
    assert scores.scores(open_cohort(root)) == before
    with Record(opened, read_only=True) as record:
        assert record.comments("ana", "1_mini") == {"n1-why": "Faltan los bordes."}
    with contextlib.closing(Gradebook(f"sqlite:///{root}/third.db", "tema9")) as third:
        third.add_student("zoe")
    assert not opened.use_database(f"sqlite:///{root}/third.db")
    with Record(opened, read_only=True) as record:
        assert [student.id for student in record.students()] == ["zoe"]


@pytest.fixture
def weaker(root, tmp_path):
    """A test that was wrong and is right now: Luis wins by it, Ana and Eva lose."""
    before, after = "assert side(32, 5) == 28", "assert side(32, 5) == 27"
    hidden_before, hidden_after = "assert side(55, 3, s=2) == 27", "assert side(55, 3, s=2) == 26"
    edited = mini.SOURCE.replace(before, after).replace(hidden_before, hidden_after)
    with mini.as_course(two_notebooks(tmp_path, edited)):
        yield root


def test_changed_scores_are_shown_and_without_yes_or_a_terminal_not_recorded(weaker):
    before = dump(weaker)
    refused = run("grade", weaker, "-j", 1)
    assert refused.exit_code == 1, refused.output
    said = " ".join(refused.output.split())
    assert "3 students change, 2 go down, because of n1-size-tests-values pass -> fail (2)" in said
    assert "luis, 1_mini: 30 -> 90" in said and "ana, 1_mini: 90 -> 30" in said
    assert said.index("scores: ") < said.index("3 students change"), "what changes comes last"
    assert "tema9 grade --yes" in said
    assert {k: v for k, v in dump(weaker).items() if k == "grade"} == {"grade": before["grade"]}
    assert receipt(weaker, "luis")["verdicts"][0]["points"] == 0


@pytest.mark.parametrize(("typed", "recorded"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_it_asks(typed, recorded, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert approve([Change("ana", "1_mini", 90, 30, ("handed in again",))], {"ana": "Ana García"}) is recorded
    said = capsys.readouterr().out
    assert (
        "1 student changes, 1 goes down" in said
        and "Ana García, 1_mini: 90 -> 30" in said
        and "Record these changes? [y/N]" in said
    )


def test_changed_scores_are_recorded_with_yes(weaker):
    accepted = run("grade", weaker, "-j", 1, "--yes")
    assert accepted.exit_code == 0
    assert "3 students change, 2 go down" in accepted.output
    assert receipt(weaker, "luis")["verdicts"][0]["points"] == 60
    assert points(graded(weaker)) == {
        ("ana", "1_mini"): 30, ("ana", "2_mini"): 0, ("eva", "1_mini"): 30, ("eva", "2_mini"): 0,
        ("luis", "1_mini"): 90, ("luis", "2_mini"): 0,
    }  # fmt: skip
    assert "students change" not in run("grade", weaker, "-j", 1).output


def test_a_dry_run_shows_the_changes_and_writes_nothing(weaker):
    mini.hand_in(course.Course(weaker), "nuevo", RIGHT)
    before = files(weaker)
    said = run("grade", weaker, "-j", 1, "--dry-run")
    assert "3 students change, 2 go down" in said.output
    assert files(weaker) == before


def test_a_dry_run_of_a_course_that_was_never_prepared_writes_nothing(root):
    for path in root.iterdir():
        if path.name != "submitted":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = files(root)
    done = graded(root, dry_run=True)
    assert (done.ran, done.recorded) == (4, False)
    assert run("export", root, "--dry-run").exit_code == 1, "nothing is graded"
    assert files(root) == before


@pytest.mark.slow
def test_two_grades_at_once_on_a_fresh_course_both_end_well(folder, tmp_path, prepared):
    opened = prepared(tmp_path / "course")
    for number in range(3):
        mini.hand_in(opened, f"alumno-{number}", RIGHT, PROSE)
    (opened.root / "gradebook.db").unlink()
    command = [sys.executable, str(Path(mini.__file__)), str(folder), "grade", str(opened.root), "-j", "1"]
    command += extra("grade")
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sorted("3 graded now, 0 unchanged" in out for out, _ in said) == [False, True], said
    assert any("another command is at work" in out for out, _ in said), said


@pytest.mark.slow
@pytest.mark.parametrize("how", sampled(["Ctrl-C", "kill -9"], ["Ctrl-C"]))
def test_what_ends_in_the_middle_leaves_no_process_and_the_next_run_does_the_rest(folder, tmp_path, prepared, how):
    root = tmp_path / "course"
    opened = prepared(root)
    for number in range(6):
        code = (RIGHT, WRONG)[number % 2]
        mini.hand_in(opened, f"alumno-{number}", f"import time\ntime.sleep({0.3 + number / 100})\n{code}", PROSE)
    command = [sys.executable, str(Path(mini.__file__)), "--pause", str(folder), "grade", str(root), "-j", "2"]
    command += extra("grade")
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert any("paused" in line for line in running.stdout), running.communicate()
    below = psutil.Process(running.pid).children(recursive=True)
    if how == "Ctrl-C":
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, said = running.communicate()
        assert running.returncode == 130
        assert said.strip().splitlines() == ["tema9: interrupted"]
    else:
        running.kill()
        running.wait()
    assert len(below) > 4, "workers, sandboxes, submissions"
    assert psutil.wait_procs(below, timeout=60)[1] == []
    there = {path.parent.name for path in (root / "receipts").glob("*/*.json")}
    assert len(there) == 2
    with Record(opened) as record:  # who has a receipt has a score, and the other way round but for the last
        scored = {name for name in (f"alumno-{number}" for number in range(6)) if record.points(name, "1_mini")}
    assert there <= scored and len(scored - there) <= 1
    rest = graded(root)
    assert (rest.ran, rest.kept, rest.changes) == (6 - len(there), len(there), [])
    assert [row.machine for row in rest.rows] == [90, 30, 90, 30, 90, 30]
    assert not list(root.rglob(".*.json.*")), "no half-written file"
