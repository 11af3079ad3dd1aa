"""What a student reads of a graded submission: a page in Spanish, without hidden tests or expected values."""

import hashlib
import re
from dataclasses import asdict
from pathlib import Path

import nbformat

from tema9.classroom import cells, sources
from tema9.classroom.course import Course
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.verdicts import OUTCOMES
from tema9.classroom.publishing import pages

MARKS = {"good": "✔", "bad": "✘", "wait": "…"}


def write_all(cohort, students, track=lambda jobs: jobs) -> list[Path]:
    """Write the page of every recorded submission; return the paths of the pages.

    Args:
        cohort: the `Cohort`.
        students: the identifiers of the students whose pages are written.
        track: wraps the list of (student, notebook) to show progress.
    """
    with Record(cohort.course, read_only=True) as record:
        there = [(s, n) for s in students for n in cohort.sources if record.receipt(s, n) is not None]
        return [write(record, cohort.sources[notebook], student) for student, notebook in track(there)]


def after_nbgrader(assignment, student, notebooks):
    """Write our page over the one that nbgrader has just made, where what it shows is what `tema9 grade` recorded.

    nbgrader calls this after each `generate_feedback`.

    Args:
        assignment, student: as nbgrader names them, patterns perhaps.
        notebooks: the paths that it converted, COURSE/autograded/STUDENT/NOTEBOOK/NOTEBOOK.ipynb.
    """
    known = {source.name: source for source in sources.all_sources()}
    for path in map(Path, notebooks):
        owner, name, course = path.parts[-3], path.stem, Course(path.parents[3])
        with Record(course) as record:
            receipt, handed_in = record.receipt(owner, name), course.submitted(owner, name)
            if receipt and hashlib.sha256(handed_in.read_bytes()).hexdigest() == receipt.sha256:
                write(record, known[name], owner)


def write(record, source, student) -> Path:
    """Write the page of one recorded submission where nbgrader has its own, and return the path of the page."""
    receipt = record.receipt(student, source.name)
    scores, comments = record.points(student, source.name), record.comments(student, source.name)
    path = record.root / "feedback" / student / source.name / f"{source.name}.html"
    exercises = list(_exercises(record, source, student, receipt, scores, comments))
    pages.write(
        path,
        "feedback.html",
        title=source.title,
        student=student,
        status=receipt.status,
        score=sum(score for score, _ in scores.values()),
        points=source.points,
        pending=sum(waits for _, waits in scores.values()),
        repairs=receipt.repairs,
        exercises=exercises,
        receipt=receipt,
    )
    return path


def _exercises(record, source, student, receipt, scores, comments):
    graded = record.graded_path(student, source.name)
    if not receipt.was_graded or not graded.is_file():
        return
    graded_cells = cells.by_name(nbformat.read(graded, as_version=4))
    headings = titles(source)
    for name, exercise in source.exercises.items():
        verdicts = receipt.verdicts_of(name)
        cell = graded_cells[name]
        one = {
            "name": name,
            "title": headings[name],
            "text": cell.source,
            "said": _said(cell),
            "points": exercise.points,
            "score": sum(scores.get(key, (0, False))[0] for key in [name, *(verdict.name for verdict in verdicts)]),
            "comment": comments.get(name, ""),
            "why": receipt.checks.get(name, "").removeprefix("✘ ").removeprefix(f"{name}: "),
            "tests": [_test(verdict, scores) for verdict in verdicts],
        }
        if exercise.by_hand:
            waits = scores.get(name, (0, False))[1]
            blank = name in receipt.unanswered
            one["mood"] = "wait" if waits else "bad" if blank else "good"
            one["verdict"] = "espera a una persona" if waits else OUTCOMES["not-answered"] if blank else "corregido"
        else:
            lost = [test for test in one["tests"] if test["mood"] == "bad"]
            one["mood"] = "bad" if lost else "good"
            one["verdict"] = lost[0]["verdict"] if lost else OUTCOMES["pass"]
        yield one


def _test(verdict, scores):
    mood = "good" if verdict.outcome == "pass" else "bad"
    points = scores.get(verdict.name, (verdict.points, False))[0]
    shown = {"points": points, "mood": mood, "mark": MARKS[mood], "verdict": OUTCOMES[verdict.outcome]}
    return asdict(verdict) | shown


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
