"""The feedback: the page in Spanish that a student reads of a graded submission, with no hidden test in it.

Nor does the page show a value that a test expects.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import nbformat
from markupsafe import Markup

from tema9 import formulas
from tema9.classroom import cells, sources
from tema9.classroom.course import Course
from tema9.classroom.grading import marks
from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.intake import BESIDE
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.scores import Row
from tema9.classroom.grading.verdicts import OUTCOMES
from tema9.classroom.publishing import pages
from tema9.classroom.rules import FULL, NOBODY, UNKNOWN
from tema9.classroom.sources import Source

EFFECTS = {FULL: "Cuenta entero para todos.", NOBODY: "No cuenta para nadie."}
MARKS = {"good": "✔", "bad": "✘", "wait": "…"}


def write_all(cohort: Cohort, students: Iterable[str], track: Callable[[list], Iterable] = iter) -> list[Path]:
    """Write the pages of all recorded submissions of some students, and return the paths of the pages.

    Args:
        cohort: the class.
        students: the identifiers of the students.
        track: wraps the list of (student, notebook) to show progress.
    """
    with Record(cohort.course, read_only=True) as record:
        everything = [(student, name) for student in students for name in cohort.sources]
        recorded = [key for key in everything if record.receipt(cohort.owner(*key), key[1]) is not None]
        return [
            write(record, cohort.sources[name], student, cohort.owner(student, name))
            for student, name in track(recorded)
        ]


def after_nbgrader(assignment: str, student: str, notebooks: Iterable[str]) -> None:
    """Write our page over the page that nbgrader has just made of a submission, if `tema9 grade` has recorded it.

    nbgrader calls this function after each `generate_feedback`. The page of nbgrader stays if the submission has been
    handed in again since it was recorded.

    Args:
        assignment, student: the names that nbgrader was given, which may be patterns.
        notebooks: the paths that nbgrader has converted, COURSE/autograded/STUDENT/NOTEBOOK/NOTEBOOK.ipynb.
    """
    by_name = {source.name: source for source in sources.all_sources()}
    for path in map(Path, notebooks):
        owner, name, course = path.parts[-3], path.stem, Course(path.parents[3])
        with Record(course) as record:
            receipt, handed_in = record.receipt(owner, name), course.submitted(owner, name)
            if receipt and _is_of(receipt, handed_in):
                write(record, by_name[name], owner)


def write(record: Record, source: Source, student: str, owner: str = "") -> Path:
    """Write the page of one recorded submission where nbgrader would write its own page, and return the path.

    Args:
        record: the record of the class, open.
        source: the notebook.
        student: the identifier of the student.
        owner: the member of the student's team whose submission it is; "" for the student's own.

    Raises:
        ValueError: no submission of this notebook by this student is recorded.
    """
    owner = owner or student
    receipt = record.receipt(owner, source.name)
    if receipt is None:
        raise ValueError(f"no submission of {source.name} by {owner} is recorded")
    points, rules = record.points(owner, source.name), record.rules()
    worth = marks.worth(source, receipt, points, rules, student)
    path = record.root / "feedback" / student / source.name / f"{source.name}.html"
    exercises = list(_exercises(record, source, owner, receipt, points, worth))
    most = worth.maximum(by_hand=True) + worth.maximum(by_hand=False)
    pages.write(
        path,
        "feedback.html",
        title=source.title,
        student=student,
        name=record.names().get(student, student),
        status=receipt.status,
        score=worth.total,
        points=most,
        mark=rules.scale.mark(worth.total / most if most else 0.0),
        pending=worth.pending,
        late=_late(worth.seconds_late),
        lost=worth.lost,
        team=receipt.team,
        repairs=receipt.repairs,
        exercises=exercises,
        receipt=receipt,
    )
    handed_in = record.course.submitted(student, source.name)
    for name in BESIDE:  # by which nbgrader gives the page to who handed in through its exchange
        path.with_name(name).unlink(missing_ok=True)
        if handed_in.with_name(name).is_file() and _is_of(receipt, handed_in):
            shutil.copy(handed_in.with_name(name), path.with_name(name))
    return path


def _is_of(receipt, handed_in):
    """Whether a receipt is of the submission that is there now, and not of an earlier one."""
    return hashlib.sha256(handed_in.read_bytes()).hexdigest() == receipt.sha256


def in_short(record: Record, source: Source, row: Row) -> list[str]:
    """Return the feedback of one recorded submission as lines of text, for a platform's column of comments.

    The first line has the points, and each other line an exercise that lost some, or a comment of the teacher. Without
    a recorded submission there is no line.

    Args:
        record: the record of the class, open.
        source: the notebook.
        row: the student's score in it.
    """
    owner = row.by or row.student
    receipt = record.receipt(owner, source.name)
    if receipt is None:
        return []
    points = record.points(owner, source.name)
    worth = marks.worth(source, receipt, points, record.rules(), row.student)
    lost = f" ({pages.decimal(row.lost)} menos por el retraso)" if row.lost else ""
    lines = [f"{source.title}: {pages.decimal(row.total)} de {pages.decimal(row.maximum)} puntos{lost}"]
    for one in _exercises(record, source, owner, receipt, points, worth):
        if one["mood"] != "good" or one["score"] < one["points"] or one["comment"]:
            result = (
                one["verdict"]
                if one["mood"] == "wait"
                else f"{pages.decimal(one['score'])} de {pages.decimal(one['points'])}"
            )
            said = [f"{one['title']}: {result}", one["why"], one["comment"]]
            lines.append(". ".join(filter(None, said)))
    return lines


def _exercises(record, source, owner, receipt, points, worth):
    graded, comments = record.graded_path(owner, source.name), record.comments(owner, source.name)
    if not receipt.was_graded or not graded.is_file():
        return
    graded_cells = cells.by_name(nbformat.read(graded, as_version=4))
    headings = titles(source)
    for name, exercise in source.exercises.items():
        verdicts = receipt.verdicts_of(name)
        cell = graded_cells[name]
        counted = [one for one in worth.cells.values() if one.exercise == name]
        one = {
            "name": name,
            "title": headings[name],
            "text": cell.source,
            "prose": Markup(formulas.markdown(cell.source, cell.get("attachments"))) if exercise.by_hand else "",
            "said": _said(cell),
            "points": sum(one.maximum for one in counted),
            "score": sum(one.score for one in counted),
            "counts": EFFECTS.get(record.rules().exercises.get(name), ""),
            "comment": comments.get(name, ""),
            "why": receipt.checks.get(name, "").removeprefix("✘ ").removeprefix(f"{name}: "),
            "tests": [_test(verdict, points) for verdict in verdicts],
        }
        if exercise.by_hand:
            waits = any(one.waits for one in counted)
            blank = name in receipt.unanswered
            one["mood"] = "wait" if waits else "bad" if blank else "good"
            one["verdict"] = "espera a una persona" if waits else OUTCOMES["not-answered"] if blank else "corregido"
        else:
            lost = [test for test in one["tests"] if test["mood"] == "bad"]
            one["mood"] = "bad" if lost else "good"
            one["verdict"] = lost[0]["verdict"] if lost else OUTCOMES["pass"]
        yield one


def _late(seconds):
    """How late a submission was, in Spanish; "" if it was in time."""
    if seconds <= 0:
        return ""
    if seconds == UNKNOWN:
        return "fuera de plazo"
    days, hours, minutes = int(seconds // 86_400), int(seconds // 3600 % 24), int(seconds // 60 % 60)
    parts = [f"{days} día{'s' * (days > 1)}"] * (days > 0) + [f"{hours} h"] * (hours > 0)
    return f"{' y '.join(parts) or f'{max(1, minutes)} min'} después del plazo"


def _test(verdict, points):
    mood = "good" if verdict.outcome == "pass" else "bad"
    given = points.get(verdict.name, (verdict.points, False))[0]
    shown = {"points": given, "mood": mood, "mark": MARKS[mood], "verdict": OUTCOMES[verdict.outcome]}
    return asdict(verdict) | shown


def _said(cell):
    """The text that a student's cell printed, followed by its error."""
    parts = []
    for output in cell.get("outputs", ()):
        parts.append(output.get("text") or f"{output.get('ename')}: {output.get('evalue')}")
    return "\n".join(parts)[:20_000]


def titles(source: Source) -> dict[str, str]:
    """Return {exercise: the heading above it}, without the points, which the page shows beside the heading."""
    heading = source.title
    found: dict[str, str] = {}
    for cell in source.cells:
        if cell.kind == "markdown" and not cell.role:
            lines = [line.lstrip("# ").strip() for line in cell.text.splitlines() if line.startswith("#")]
            heading = lines[-1] if lines else heading
        if cell.role in ("solution", "answer"):
            found[cell.keys[cell.role]] = re.sub(r" \(\d+ puntos?\b[^)]*\)$", "", heading)
    return found
