"""What a student reads of a graded submission: a page in Spanish, without hidden tests or expected values."""

import hashlib
import re
from pathlib import Path

import nbformat

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.verdicts import OUTCOMES
from tema9.classroom.publishing import pages

MARKS = {"good": "✔", "bad": "✘", "wait": "…"}


def write_all(course, known, students, track=lambda jobs: jobs) -> list:
    """Write the page of every recorded submission; return their paths.

    Args:
        course: a `Course`.
        known: the `Source`s, by name.
        students: whose.
        track: wraps the list of (student, notebook) to show progress.
    """
    with Record(course, read_only=True) as record:
        there = [(s, n) for s in students for n in known if record.receipt_path(s, n).is_file()]
        return [write(record, known[notebook], student) for student, notebook in track(there)]


def after_nbgrader(root, assignment, student, notebooks):
    """Write our page over the one that nbgrader has just made, where what it shows is what `tema9 grade` recorded.

    Args:
        root: of the course.
        assignment, student: as nbgrader names them, patterns perhaps.
        notebooks: the paths that it converted, in autograded/STUDENT/NOTEBOOK/.
    """
    course, known = Course(root), {source.name: source for source in sources.all_sources()}
    with Record(course) as record:
        for path in map(Path, notebooks):
            owner, name = path.parts[-3], path.stem
            receipt, handed_in = record.receipt(owner, name), course.submitted(owner, name)
            if receipt and hashlib.sha256(handed_in.read_bytes()).hexdigest() == receipt["sha256"]:
                write(record, known[name], owner)


def write(record, source, student):
    """Write the page of one submission where nbgrader has its own, and return the path."""
    receipt = record.receipt(student, source.name)
    scores, comments = record.points(student, source.name), record.comments(student, source.name)
    path = record.root / "feedback" / student / source.name / f"{source.name}.html"
    exercises = list(_exercises(record, source, student, receipt, scores, comments))
    pages.write(
        path,
        "feedback.html",
        title=source.title,
        student=student,
        status=receipt["status"],
        score=sum(score for score, _ in scores.values()),
        points=source.points,
        pending=sum(waits for _, waits in scores.values()),
        repairs=receipt["repairs"],
        exercises=exercises,
        receipt=receipt,
    )
    return path


def _exercises(record, source, student, receipt, scores, comments):
    graded = record.graded_path(student, source.name)
    if receipt["status"] != "graded" or not graded.is_file():
        return
    cells = nbformat.read(graded, as_version=4).cells
    texts = {cell.metadata.nbgrader.grade_id: cell for cell in cells if cell.metadata.get("nbgrader")}
    headings = titles(source)
    for name, exercise in source.exercises.items():
        verdicts = [verdict for verdict in receipt["verdicts"] if verdict["exercise"] == name]
        cell = texts[name]
        one = {
            "name": name,
            "title": headings[name],
            "text": cell.source,
            "said": _said(cell),
            "points": exercise.points,
            "score": sum(scores.get(key, (0, False))[0] for key in [name, *(v["name"] for v in verdicts)]),
            "comment": comments.get(name, ""),
            "why": receipt["checks"].get(name, "").removeprefix("✘ ").removeprefix(f"{name}: "),
            "tests": [_test(verdict, scores) for verdict in verdicts],
        }
        if exercise.by_hand:
            waits = scores.get(name, (0, False))[1]
            blank = name in receipt["unanswered"]
            one["mood"] = "wait" if waits else "bad" if blank else "good"
            one["verdict"] = "espera a una persona" if waits else OUTCOMES["not-answered"] if blank else "corregido"
        else:
            lost = [test for test in one["tests"] if test["mood"] == "bad"]
            one["mood"] = "bad" if lost else "good"
            one["verdict"] = lost[0]["verdict"] if lost else OUTCOMES["pass"]
        yield one


def _test(verdict, scores):
    mood = "good" if verdict["outcome"] == "pass" else "bad"
    points = scores.get(verdict["name"], (verdict["points"], False))[0]
    return verdict | {"points": points, "mood": mood, "mark": MARKS[mood], "verdict": OUTCOMES[verdict["outcome"]]}


def _said(cell):
    """What a cell of a student printed, and its error, as text."""
    parts = []
    for output in cell.get("outputs", ()):
        parts.append(output.get("text") or f"{output.get('ename')}: {output.get('evalue')}")
    return "\n".join(parts)[:20_000]


def titles(source) -> dict[str, str]:
    """The heading above each exercise, by its name; without its points, which the page has."""
    heading, found = source.title, {}
    for cell in source.cells:
        if cell.kind == "markdown" and not cell.role:
            lines = [line.lstrip("# ").strip() for line in cell.text.splitlines() if line.startswith("#")]
            heading = lines[-1] if lines else heading
        if cell.role in ("solution", "answer"):
            found[cell.grade_id] = re.sub(r" \(\d+ puntos?\b[^)]*\)$", "", heading)
    return found
