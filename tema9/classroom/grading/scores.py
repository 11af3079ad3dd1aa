"""The scores of a class as they are recorded: a row for each student and notebook."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from tema9.classroom.grading import marks, people
from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.marks import Final, Points
from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.verdicts import INCIDENTS
from tema9.classroom.rules import Rules
from tema9.classroom.sources import Source
from tema9.files import write_csv

SCORES = "scores.csv"  # of a course folder
EXPECTED = "expected.csv"  # of a rehearsed class
Graded = tuple[Receipt | None, Points]  # of a submission: its receipt, if there is one, and the points of its cells


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
        handed_in: when, in ISO format with a time zone; "" if nothing says when.
        seconds_late: after the deadline; 0 in time.
        lost: the points that lateness takes.
        mark: of the notebook, on the scale of the course.
        by: the member of the team whose submission it is; "" for the student's own.
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
    handed_in: str = ""
    seconds_late: float = 0.0
    lost: float = 0.0
    mark: str = ""
    by: str = ""

    @property
    def total(self) -> float:
        """The points of the tests and those of the person together, without those that lateness takes."""
        return self.machine + self.by_hand - self.lost

    @property
    def maximum(self) -> float:
        """The points that the notebook could have."""
        return self.machine_max + self.by_hand_max

    @property
    def fraction(self) -> float:
        """The part of the notebook's points that the submission has: 1 for all of them."""
        return self.total / self.maximum if self.maximum else 0.0

    @property
    def late(self) -> str:
        """How late the submission was, in a few words; "" if it was in time."""
        return marks.in_words(self.seconds_late)

    @property
    def is_recorded(self) -> bool:
        """Whether a submission was graded, or could not be read."""
        return self.status not in ("not submitted", "not graded yet")

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


def rows(
    record: Record, cohort: Cohort, rules: Rules | None = None, instead: Mapping[tuple[str, str], Graded] | None = None
) -> list[Row]:
    """Return a row for each student, enrolled or handed in, and each notebook that anyone handed in.

    Students who have left the course have none; what is recorded of them stays.

    Args:
        record: of the class, open.
        cohort: the class.
        rules: by which points count; None for those that the recorded scores follow.
        instead: {(student, notebook): (receipt, points of the cells)} that count in the place of what is recorded.

    Raises:
        RulesError: the rules that are recorded cannot be read.
    """
    folders = {path.name for path in (cohort.course.root / "submitted").iterdir() if path.is_dir()}
    students = sorted((folders | {student.id for student in record.students()}) - people.left(cohort.course))
    points, rules, instead = record.all_points(), rules or record.rules(), instead or {}
    return [
        row_of(student, owner, source, instead.get(key) or (record.receipt(*key), points.get(key, {})), cohort, rules)
        for student in students
        for source in cohort.sources.values()
        for owner in [cohort.owner(student, source.name)]
        for key in [(owner, source.name)]
    ]


def row_of(student: str, owner: str, source: Source, graded: Graded, cohort: Cohort, rules: Rules) -> Row:
    """Return the row of a student and a notebook.

    Args:
        student: who has the score.
        owner: whose submission it is.
        source: the notebook.
        graded: (the receipt of the submission, if it has been graded; the points of its cells).
        cohort: the class.
        rules: of the course.
    """
    receipt, points = graded
    if not cohort.course.submitted(owner, source.name).exists():
        status = "not submitted"
    else:
        status = receipt.status if receipt else "not graded yet"
    worth = marks.worth(source, receipt, points, rules, student)
    outcomes = [verdict.outcome for verdict in receipt.verdicts] if receipt else []
    counts = {name: outcomes.count(name) for name in dict.fromkeys(outcomes) if name != "pass"}
    row = Row(
        student,
        source.name,
        worth.score(by_hand=False),
        worth.maximum(by_hand=False),
        worth.score(by_hand=True),
        worth.maximum(by_hand=True),
        worth.pending,
        status,
        ", ".join(f"{name} {count}" for name, count in counts.items()),
        "; ".join(receipt.repairs) if receipt else "",
        "; ".join(receipt.flags) if receipt else "",
        receipt.handed_in if receipt else "",
        worth.seconds_late,
        worth.lost,
        by=owner if owner != student else "",
    )
    return replace(row, mark=rules.scale.mark(row.fraction))


def finals(rows: Iterable[Row], rules: Rules) -> dict[str, Final]:
    """Return {student: the final mark} of the students of these rows.

    Args:
        rows: all rows of each student.
        rules: of the course.
    """
    of: dict[str, dict[str, tuple[float, bool]]] = {}
    for row in rows:
        of.setdefault(row.student, {})[row.notebook] = row.fraction, row.is_final
    return {student: marks.final(notebooks, rules) for student, notebooks in of.items()}


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
