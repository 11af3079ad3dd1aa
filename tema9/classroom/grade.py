"""From submissions to scores and feedback, through nbgrader."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from tema9.classroom import rebuild, sources
from tema9.classroom.course import Course, quiet, reason
from tema9.classroom.intake import NothingToGrade
from tema9.files import whole

SCORES = "scores.csv"


@dataclass(frozen=True)
class Row:
    """One student's score in one notebook, in points.

    machine: what the tests gave, of machine_max.
    by_hand: what a person gave, of by_hand_max; pending is how many answers wait for one.
    status: "graded", "not submitted" or why it could not be graded.
    repairs: what was repaired in the submission, in Spanish, as the student reads it.
    """

    student: str
    notebook: str
    machine: float
    machine_max: float
    by_hand: float
    by_hand_max: float
    pending: int
    status: str
    repairs: str = ""

    @property
    def total(self):
        return self.machine + self.by_hand


def grade(root, track=iter) -> list[Row]:
    """Grade every submission of the course folder, write feedback and `scores.csv`.

    A submission that nbgrader cannot grade keeps its row, with 0 points and the
    reason; it stays where it was, and the rest of the class is graded.

    Args:
        root: the course folder.
        track: wraps the list of (student, notebook) to show progress.

    Returns:
        a Row per student and notebook, for the notebooks that anyone handed in.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
    """
    return _for_each(root, track, _grade_one)


def scores(root, track=iter) -> list[Row]:
    """Read the scores again, after answers were marked by hand; write feedback and `scores.csv` anew.

    Nothing is run. Arguments, rows and errors are those of `grade`; a submission that
    was never graded says so in its status.
    """
    return _for_each(root, track, _feedback)


def _for_each(root, track, action):
    """Call action(course, student, notebook) -> status for each submission; return and write the rows."""
    submitted = Path(root) / "submitted"
    known = {source.name: source for source in sources.all_sources()}
    students = sorted(path.name for path in submitted.glob("*") if path.is_dir())
    handed_in = {(path.parts[-3], path.stem) for path in submitted.glob("*/*/*.ipynb") if path.stem == path.parent.name}
    notebooks = sorted({notebook for _, notebook in handed_in} & set(known))
    if not notebooks:
        raise NothingToGrade(f"no submissions in {submitted}/STUDENT/NOTEBOOK/NOTEBOOK.ipynb")
    course = Course(root)
    course.prepare([known[name] for name in notebooks])
    rows = []
    for student, notebook in track([(student, notebook) for student in students for notebook in notebooks]):
        status = action(course, student, notebook) if (student, notebook) in handed_in else "not submitted"
        rows.append(_row(course, student, known[notebook], status))
    write_scores(course.root / SCORES, rows)
    return rows


def _grade_one(course, student, notebook):
    """Autograde a submission and write its feedback; return the status of its row."""
    with quiet():
        result = course.api.autograde(notebook, student, force=True)
    _pass_on_interrupts(result)
    return _feedback(course, student, notebook) if result["success"] else f"could not be graded: {reason(result)}"


def _feedback(course, student, notebook):
    """Write the feedback of a graded submission; return the status of its row."""
    if not (course.root / "autograded" / student / notebook / f"{notebook}.ipynb").is_file():
        return "not graded yet"
    with quiet():
        result = course.api.generate_feedback(notebook, student, force=True)
    _pass_on_interrupts(result)
    return "graded" if result["success"] else f"graded, but without feedback: {reason(result)}"


def _pass_on_interrupts(result):
    """nbgrader reports Ctrl-C as one more failed submission; for us it ends the run."""
    if "KeyboardInterrupt" in (result.get("error") or ""):
        raise KeyboardInterrupt


def _row(course, student, source, status):
    machine_max = sum(test.points for exercise in source.exercises.values() for test in exercise.tests)
    by_hand_max = source.points - machine_max
    machine = by_hand = pending = 0
    if status.startswith("graded"):
        with Gradebook(course.api.coursedir.db_url, course.api.coursedir.course_id) as gradebook:
            try:
                grades = gradebook.find_submission_notebook(source.name, source.name, student).grades
            except MissingEntry:
                grades = []
            for entry in grades:
                if source.exercises.get(entry.name):  # an answer in prose; tests have names of their own
                    by_hand += entry.manual_score or 0
                    pending += bool(entry.needs_manual_grade)
                else:
                    machine += entry.score
    repaired = ""
    if status.startswith("graded"):
        graded = course.root / "autograded" / student / source.name / f"{source.name}.ipynb"
        repaired = "; ".join(rebuild.repairs(graded))
    return Row(student, source.name, machine, machine_max, by_hand, by_hand_max, pending, status, repaired)


def write_scores(path, rows):
    """Write the rows as CSV, whole or not at all."""
    with whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*(field.name for field in fields(Row)), "total"])
        writer.writeheader()
        writer.writerows(asdict(row) | {"total": row.total} for row in rows)
