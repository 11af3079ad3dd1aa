"""A graded class whose rules change: what is shown first, what follows when it is recorded, and that nothing runs."""

import contextlib
import json
import re
import shutil
from datetime import datetime, timedelta

import mini
import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties
from running import grade_class, put_back, run

from tema9.classroom import rules
from tema9.classroom.course import settings
from tema9.classroom.grading import marking, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.identities import HandedIn, save
from tema9.classroom.grading.record import FINAL, Record
from tema9.classroom.grading.senders import CANVAS

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
RIGHT, WRONG = mini.size(), mini.size("return (n - f) // s")  # 90 and 30 points
PROSE = "Por las ventanas."
DEADLINE = "[notebooks.1_mini]\ndeadline = 2026-12-01T23:59:00+01:00\nlate = { percent = 10 }\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory, prepared):
    """A graded class of four, with the times at which they handed in; Leo, a member of a team, handed in nothing."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        opened = prepared(tmp_path_factory.mktemp("made") / "course")
        with Record(opened) as record:
            record.enroll([{"id": name} for name in ("ana", "eva", "leo", "luis")])
        mini.hand_in(opened, "ana", RIGHT, PROSE)
        mini.hand_in(opened, "luis", WRONG)
        mini.hand_in(opened, "eva", RIGHT)
        rows = [
            HandedIn("ana", "1_mini", "ana", "", "", when="2026-12-01T23:58:00+01:00"),
            HandedIn("luis", "1_mini", "luis", "", "", when="2026-12-03T10:00:00+00:00"),
            HandedIn("eva", "1_mini", "eva", CANVAS, "71001", late="late"),
        ]
        save(opened, (), rows)
        done = grade_class(opened.root)
        assert (done.ran, done.changes) == (3, []) and rules.are_recorded(opened.root)
        yield opened.root


@pytest.fixture
def root(made):
    """That class, as it was."""
    with put_back(made) as there:
        yield there


def say(root, text):
    (root / rules.RULES).write_text(text, encoding="utf-8")


def graded(root, **settings):
    """A run of `grade` in which nothing may be run, and {student: (points, of how many)}."""
    done = grade_class(root, **settings)
    assert done.ran == 0, "no student's code runs because of a rule"
    return done, {row.student: (row.total, row.maximum) for row in done.rows}


def in_nbgrader(root):
    """{student: (score, maximum, penalty, seconds late, whether it waits)} as nbgrader and Formgrader have it."""
    with contextlib.closing(Gradebook(f"sqlite:///{root}/gradebook.db", "tema9")) as book:
        return {
            one.student_id: (
                one.score, one.max_score, one.notebooks[0].late_submission_penalty or 0, one.total_seconds_late,
                one.needs_manual_grade,
            )
            for one in book.assignment_submissions("1_mini")
        }  # fmt: skip


def mark(root, student, points, extra=None):
    with contextlib.closing(Gradebook(f"sqlite:///{root}/gradebook.db", "tema9")) as book:
        grade = book.find_grade("n1-why", "1_mini", "1_mini", student)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = points, extra, False
        book.db.commit()


def test_a_deadline_that_is_set_afterwards_is_shown_first_and_then_taken_from_who_was_late(root):
    say(root, DEADLINE)
    asked = []
    done, points = graded(root, approve=lambda changes: asked.append(changes))
    assert not done.recorded and points["luis"] == (30, 100) and in_nbgrader(root)["luis"][2] == 0
    assert [(one.student, one.before, one.after, one.why) for one in asked[0]] == [
        ("eva", 90, 80, ("late, loses 10",)),
        ("luis", 30, 10, ("1 day 11 h late, loses 20",)),
    ]
    assert graded(root, dry_run=True)[1] == points
    done, points = graded(root)
    assert points == {"ana": (90, 100), "eva": (80, 100), "leo": (0, 100), "luis": (10, 100)}
    assert in_nbgrader(root)["luis"] == (30, 100, 20, 35 * 3600 + 60, False)
    assert not graded(root)[0].changes, "what is recorded is no change"
    say(root, DEADLINE + "extensions = { luis = 1, eva = 1 }\n")
    _, points = graded(root)
    assert points["luis"] == (20, 100) and points["eva"] == (90, 100), "a day more; Canvas does not know of it"
    assert in_nbgrader(root)["luis"][2:4] == (10, 11 * 3600 + 60)


def test_days_more_of_a_student_whom_the_rules_call_otherwise_than_by_id_stay_when_they_are_recorded(root):
    with Record(open_cohort(root).course) as record:
        record.enroll([{"id": "luis", "email": "luis@uni.es"}])
    for name in ("luis@uni.es", "LUIS", "Luis@Uni.es"):
        say(root, DEADLINE + f'extensions = {{ "{name}" = 1 }}\n')
        assert graded(root)[1]["luis"] == (20, 100)
        assert not graded(root)[0].changes and rules.are_recorded(root)
        assert {row.student: row.lost for row in scores.scores(open_cohort(root))}["luis"] == 10
        say(root, "")
        graded(root)


def test_nbgrader_counts_the_days_more_as_we_do_where_the_clocks_change_between(root):
    text = 'timezone = "Europe/Madrid"\n' + DEADLINE.replace("2026-12-01T23:59:00+01:00", "2026-10-24T23:59:00+02:00")
    say(root, text + "extensions = { luis = 30 }\n")
    done, _ = graded(root)
    late = {row.student: row.seconds_late for row in done.rows}["luis"]
    assert late == in_nbgrader(root)["luis"][3] == 9 * 24 * 3600 + 11 * 3600 + 60


def test_nbgrader_s_own_step_for_late_submissions_takes_the_same_points(root):
    say(root, DEADLINE.replace("percent = 10", "percent = 10, grace_minutes = 5"))
    graded(root)
    url = f"sqlite:///{root}/gradebook.db"
    with contextlib.closing(Gradebook(url, "tema9")) as book:
        for submission in book.assignment_submissions("1_mini"):
            submission.notebooks[0].late_submission_penalty = None
        one = book.find_submission("1_mini", "ana")
        one.timestamp = one.duedate + timedelta(minutes=4)  # in the minutes of grace
        book.db.commit()
    step = AssignLatePenalties(config=settings(root))
    for student in ("ana", "luis"):
        which = {"notebook": "1_mini", "assignment": "1_mini", "student": student, "db_url": url}
        step.preprocess(nbformat.v4.new_notebook(), {"nbgrader": which})
    assert {student: in_nbgrader(root)[student][2] for student in ("ana", "luis")} == {"ana": 0, "luis": 20}


def test_what_is_recorded_follows_the_rules_that_are_recorded(root):
    say(root, DEADLINE)
    assert [row.lost for row in scores.scores(open_cohort(root))] == [0, 0, 0, 0]
    graded(root)
    assert "has changed" not in run("export", root, "--out", root / "all.csv").output
    say(root, "[scale]\nmaximum = 20\n")
    assert "course.toml has changed since the scores were recorded" in run("report", root).output
    rows = {row.student: row for row in scores.scores(open_cohort(root))}
    assert (rows["luis"].mark, rows["luis"].late, rows["luis"].handed_in) == (
        "1.00", "1 day 11 h late", "2026-12-03T10:00:00+00:00",
    )  # fmt: skip
    done, _ = graded(root)
    finals = [one for one in done.changes if one.notebook == FINAL]
    assert (finals[0].student, finals[0].before, finals[0].after) == ("ana", 9, 18)
    assert all("scale" in one.why[0] for one in finals)


def test_an_exercise_that_counts_for_nobody_or_full_does_so_everywhere_and_until_it_does_not(root):
    mark(root, "ana", 4, extra=1)
    first = in_nbgrader(root)
    say(root, '[exercises]\nn1-why = "full"\n')
    done, points = graded(root)
    assert points == {"ana": (100, 100), "eva": (100, 100), "leo": (0, 100), "luis": (40, 100)}
    assert {one.why for one in done.changes} == {("n1-why counts full",)}
    assert {student: one[:2] for student, one in in_nbgrader(root).items()} == {
        "ana": (100, 100), "eva": (100, 100), "luis": (40, 100),
    }  # fmt: skip
    say(root, '[exercises]\nn1-why = "nobody"\n')
    _, points = graded(root)
    assert points == {"ana": (90, 90), "eva": (90, 90), "leo": (0, 90), "luis": (30, 90)}
    assert in_nbgrader(root)["ana"][:2] == (90, 90)
    assert [row.mark for row in scores.scores(open_cohort(root))] == ["10.00", "10.00", "0.00", "3.33"]
    mark(root, "ana", 7, extra=-6)  # in Formgrader, while the rule holds: its extra credit is part of what is there
    say(root, "")
    _, points = graded(root)
    assert points["eva"] == (90, 100) and points["ana"] == (90 + 7 - 1, 100)
    assert {one: said for one, said in in_nbgrader(root).items() if one != "ana"} == {
        one: said for one, said in first.items() if one != "ana"
    }
    say(root, '[exercises]\nn1-size = "full"\n')
    assert graded(root)[1]["luis"] == (90, 100)


def test_an_answer_that_waits_for_a_person_waits_again_when_its_exercise_counts_again(root):
    assert in_nbgrader(root)["ana"][4]
    say(root, '[exercises]\nn1-why = "nobody"\n')
    done, _ = graded(root)
    assert not in_nbgrader(root)["ana"][4] and not any(row.pending for row in done.rows)
    say(root, "")
    done, _ = graded(root)
    assert in_nbgrader(root)["ana"][4] and sum(row.pending for row in done.rows) == 1


def test_one_submission_of_a_team_is_a_mark_for_every_member(root):
    say(root, DEADLINE + 'extensions = { leo = 5 }\n[teams]\n"Equipo 1" = ["luis", "leo"]\n')
    done, points = graded(root)
    assert points["luis"] == (10, 100) and points["leo"] == (30, 100), "each with the days that each has"
    assert [(one.student, one.why[0]) for one in done.changes if one.student == "leo"] == [
        ("leo", "the submission of luis")
    ]
    rows = {row.student: row for row in done.rows}
    assert rows["leo"].by == "luis" and rows["leo"].status == "graded" and rows["luis"].by == ""
    assert run("feedback", root).exit_code == 0
    page = (root / "feedback/leo/1_mini/1_mini.html").read_text(encoding="utf-8")
    assert "30 de 100 puntos" in page and re.search(r"nota \d,\d\d", page) and "no pasa la prueba" in page
    assert "después del plazo" in (root / "feedback/luis/1_mini/1_mini.html").read_text(encoding="utf-8")
    result = run("export", root, "--format", "csv", "--out", root / "all.csv")
    assert "leo" in (root / "all.csv").read_text(encoding="utf-8-sig"), result.output


def test_a_team_of_the_list_of_students_has_the_newest_submission(root):
    text = "id,team\nana,A\nluis,a \neva,B\nleo,\n"
    (root / "roster.csv").write_text(text, encoding="utf-8")
    cohort = open_cohort(root)
    assert cohort.owner("ana", "1_mini") == cohort.owner("luis", "1_mini") == "luis", "he came later"
    assert cohort.owner("eva", "1_mini") == "eva" and ("ana", "1_mini") not in cohort.submissions
    shutil.copy(root / "submitted/luis/1_mini/1_mini.ipynb", root / "submitted/ana/1_mini/1_mini.ipynb")
    shutil.rmtree(root / "receipts/luis")
    assert open_cohort(root).owner("luis", "1_mini") == "ana", "of two that are the same, the one that is graded"


def test_an_appeal_grades_one_student_anew_and_its_note_stays(root):
    say(root, DEADLINE)
    done = grade_class(root, student="luis", note="reclamación: n1-size")
    assert (done.ran, done.changes) == (1, []), "the rules of the class wait for a run of the whole class"
    receipt = json.loads((root / "receipts/luis/1_mini.json").read_text(encoding="utf-8"))
    assert [(one["text"], one["before"], one["after"]) for one in receipt["notes"]] == [
        ("reclamación: n1-size", 30, 30)
    ]
    datetime.fromisoformat(receipt["notes"][0]["when"])
    assert json.loads((root / "receipts/ana/1_mini.json").read_text(encoding="utf-8"))["notes"] == []
    graded(root)
    with Record(open_cohort(root).course, read_only=True) as record:
        assert [note.text for note in record.receipt("luis", "1_mini").notes] == ["reclamación: n1-size"]
    for arguments, expected in (
        (["--student", "luiss", "--note", "x"], "unknown student 'luiss'"),
        (["--note", "x"], "a note is about one student"),
        (["--student", "leo"], "leo has handed in no notebook"),
    ):
        result = run("grade", root, "-j", 1, *arguments)
        assert result.exit_code == 2 and expected in result.stderr and len(result.stderr.splitlines()) == 1


def test_who_marked_what_is_in_the_receipt_and_who_is_to_mark_is_told(root, monkeypatch):
    say(root, '[markers]\nmarta = ["n1-why"]\njon = 1\n')
    said = run("marking", root).output.split()
    assert said[said.index("marta") :][:3] == ["marta", "1", "0"] and said[said.index("jon") + 1] == "0"
    listed = run("marking", root, "--marker", "marta").output
    assert "n1-why ana: formgrader/submissions/" in listed and "1 answer to mark" in listed
    result = run("marking", root, "--marker", "iker")
    assert result.exit_code == 2 and "names marta, jon" in result.stderr
    monkeypatch.setenv("TEMA9_MARKER", "jon")
    mark(root, "ana", 8)
    graded(root)
    receipt = json.loads((root / "receipts/ana/1_mini.json").read_text(encoding="utf-8"))
    assert receipt["markers"] == {"n1-why": "jon"}
    said = run("marking", root).output.split()
    assert said[said.index("jon") :][:4] == ["jon", "0", "1", "80"]


def test_a_class_is_shared_by_the_shares_and_a_new_student_moves_few():
    shares = rules.Rules(markers={"marta": 1.0, "jon": 2.0, "ane": 0.0, "iker": ("n1-why",)})
    students = [f"s{number}" for number in range(90)]
    whose = marking.assigned(shares, students)
    assert whose.pop("n1-why") == "iker"
    counts = [sum(person == one for person in whose.values()) for one in ("marta", "jon", "ane")]
    assert counts == [30, 60, 0] and set(whose) == set(students)
    after = marking.assigned(shares, [*students, "nueva"])
    assert sum(whose[one] != after[one] for one in students) <= 1
    assert {whose[one] for one in sorted(students)[:12]} == {"marta", "jon"}, "the order of names decides nothing"


def test_a_wrong_file_of_rules_is_one_line_and_nothing_is_graded(root):
    before = (root / "scores.csv").read_bytes()
    say(root, "[extensions]\nluiss = 3\n")
    result = run("grade", root, "-j", 1, "--yes")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "unknown student 'luiss'; expected luis, perhaps" in result.stderr
    assert (root / "scores.csv").read_bytes() == before
