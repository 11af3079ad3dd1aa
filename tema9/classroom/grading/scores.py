"""The scores of a class as they are recorded: a row for each student and notebook."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from tema9.classroom.grading import people
from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.verdicts import INCIDENTS
from tema9.files import write_csv

SCORES = "scores.csv"  # of a course folder
EXPECTED = "expected.csv"  # of a rehearsed class


@dataclass(frozen=True)
class Row:
    """One student's score in one notebook, in points.

    Args:
        machine: what the tests gave, of machine_max.
        by_hand: what a person gave, of by_hand_max; pending: how many answers wait for a person.
        status: "graded", "not submitted", "not graded yet" or why the submission could not be graded.
        outcomes: how many test cells ended how, where not in "pass", as "fail 2, timeout 1".
        repairs: what was repaired in the submission, in Spanish, as the student reads it.
        flags: what an answer uses of the interpreter and of the system, a reason to look at it.
    """

    student: str
    notebook: str
    machine: float
    machine_max: float
    by_hand: float
    by_hand_max: float
    pending: int
    status: str
    outcomes: str = ""
    repairs: str = ""
    flags: str = ""

    @property
    def total(self) -> float:
        """The points of the tests and those of the person together."""
        return self.machine + self.by_hand

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at the submission before its score is published."""
        ended = any(name in self.outcomes for name in INCIDENTS)
        return self.status not in ("graded", "not submitted") or ended or bool(self.flags)

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to grade or to mark by hand."""
        return not self.pending and self.status in ("graded", "not submitted")


def scores(cohort: Cohort) -> list[Row]:
    """Return the rows of a class as they are recorded, marks by hand included; nothing is run."""
    with Record(cohort.course, read_only=True) as record:
        return rows(record, cohort)


def rows(record: Record, cohort: Cohort) -> list[Row]:
    """Return a row for each student, enrolled or handed in, and each notebook that anyone handed in.

    Students who have left the course have none; what is recorded of them stays.
    """
    folders = {path.name for path in (cohort.course.root / "submitted").iterdir() if path.is_dir()}
    students = sorted((folders | {student.id for student in record.students()}) - people.left(cohort.course))
    points = record.all_points()
    return [
        _row(record, student, source, points.get((student, source.name), {}))
        for student in students
        for source in cohort.sources.values()
    ]


def by_exercise(cohort: Cohort) -> dict[tuple[str, str], dict[str, float]]:
    """Return {(student, notebook): {exercise: points}} of the recorded submissions of a class; nothing is run."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    of_cell = {
        (source.name, cell): name
        for source in cohort.sources.values()
        for name, exercise in source.exercises.items()
        for cell in [name, *(test.grade_id for test in exercise.tests)]
    }
    with Record(cohort.course, read_only=True) as record:
        for (student, notebook), cells in record.all_points().items():
            if notebook in cohort.sources:
                there = found.setdefault((student, notebook), dict.fromkeys(cohort.sources[notebook].exercises, 0.0))
                for cell, (score, _) in cells.items():
                    if (notebook, cell) in of_cell:
                        there[of_cell[notebook, cell]] += score
    return found


def _row(record, student, source, points):
    machine_max = sum(test.points for exercise in source.exercises.values() for test in exercise.tests)
    receipt = record.receipt(student, source.name)
    if not record.course.submitted(student, source.name).exists():
        status = "not submitted"
    else:
        status = receipt.status if receipt else "not graded yet"
    machine = by_hand = pending = 0
    if receipt:
        for name, (score, waits) in points.items():
            if source.exercises.get(name):  # an answer in prose; tests have names of their own
                by_hand, pending = by_hand + score, pending + waits
            else:
                machine += score
    outcomes = [verdict.outcome for verdict in receipt.verdicts] if receipt else []
    counts = {name: outcomes.count(name) for name in dict.fromkeys(outcomes) if name != "pass"}
    return Row(
        student,
        source.name,
        machine,
        machine_max,
        by_hand,
        source.points - machine_max,
        pending,
        status,
        ", ".join(f"{name} {count}" for name, count in counts.items()),
        "; ".join(receipt.repairs) if receipt else "",
        "; ".join(receipt.flags) if receipt else "",
    )


def write_scores(path: str | Path, rows: Iterable[Row]) -> None:
    """Write the rows as CSV, the whole file or none of it, in which no name of a student is a formula."""
    names = [field.name for field in fields(Row)]
    lines = [[*(getattr(row, name) for name in names), row.total] for row in rows]
    write_csv(path, [[*names, "total"], *lines])


def expected(root: str | Path) -> dict[tuple[str, str], tuple[float, str]]:
    """Return the expected (machine score, what) by (student, notebook); {} where the class is not a rehearsed one."""
    path = Path(root) / EXPECTED
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["student"], row["notebook"]): (float(row["machine"]), row["what"]) for row in csv.DictReader(file)}


def unexpected(root: str | Path, rows: Iterable[Row]) -> list[Row]:
    """Return the rows whose machine score is not the expected one; a row of which nobody expects anything is none."""
    wanted = expected(root)
    return [row for row in rows if wanted.get((row.student, row.notebook), (row.machine,))[0] != row.machine]
