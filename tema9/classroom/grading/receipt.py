"""The receipt of a graded submission: what was graded, with which versions, with which verdicts.

A receipt lies in receipts/STUDENT/NOTEBOOK.json of the course. The feedback and the report are made of receipts, and
when a submission is graded again, the verdicts of its receipt stand where nothing that they depend on has changed.
"""

import functools
import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tema9.classroom import cells
from tema9.classroom.grading import submission
from tema9.classroom.grading.verdicts import INCIDENTS, CellVerdict

if TYPE_CHECKING:
    from collections.abc import Container

    from nbformat import NotebookNode

    from tema9.classroom.sandbox.sandbox import Limits


@dataclass(frozen=True)
class Note:
    """What the teacher noted when a student's submission was graded again.

    Args:
        text: of the note.
        when: in ISO format, in UTC.
        before, after: the points of the submission.
    """

    text: str
    when: str
    before: float
    after: float


@dataclass(frozen=True)
class Receipt:
    """What stays of a graded submission.

    Args:
        student, notebook: whose submission of which notebook.
        sha256: of the file that was handed in.
        status: "graded", or why the submission could not be graded.
        verdicts: one for each test cell.
        checks: {exercise: what its check cell says}, where the exercise lost a test.
        repairs: what `rebuild` had to repair, in Spanish.
        cells: {name: hash of what the student wrote}; under "", the hash of the set-up.
        unanswered: the names of the cells that are as they were released.
        flags: what an answer uses of the interpreter and of the system, for the teacher: "CELL, line 3: gc" each.
        hints: {exercise: hints that its student has seen}, where the teacher has asked for it.
        environment: the versions that verdicts depend on, as `environment` returns them.
        limits: of the sandbox, by name.
        seconds: that grading took.
        handed_in: when, in ISO format with a time zone; "" if nothing says when.
        late: whether the platform says that it was late.
        team: the team in whose name it was handed in.
        markers: {answer in prose: who gave its mark}, as it was when the receipt was written.
        notes: of the teacher, as on an appeal; they stay when the submission is graded again.
        version: of this package; recorded: when, in UTC. Both are "" before the receipt is written.
    """

    student: str
    notebook: str
    sha256: str
    status: str = "graded"
    verdicts: tuple[CellVerdict, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    cells: dict[str, str] = field(default_factory=dict)
    unanswered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    hints: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    handed_in: str = ""
    late: bool = False
    team: str = ""
    markers: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    version: str = ""
    recorded: str = ""

    @property
    def points(self) -> float:
        """The sum of what the tests gave."""
        return sum(verdict.points for verdict in self.verdicts)

    @property
    def was_graded(self) -> bool:
        """Whether the submission could be graded."""
        return self.status == "graded"

    def verdicts_of(self, exercise: str) -> list[CellVerdict]:
        """Return the verdicts of the test cells of an exercise."""
        return [verdict for verdict in self.verdicts if verdict.exercise == exercise]

    def to_json(self) -> str:
        """Return the receipt as JSON, with an indent."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Receipt":
        """Read what `to_json` wrote, perhaps an earlier version of it.

        Raises:
            ValueError: the text is no receipt.
        """
        try:
            written = _known(cls, json.loads(text))
            written["verdicts"] = tuple(CellVerdict(**_known(CellVerdict, one)) for one in written["verdicts"])
            written["notes"] = tuple(Note(**_known(Note, one)) for one in written.get("notes", ()))
            written |= {name: tuple(written.get(name, ())) for name in ("repairs", "unanswered", "flags")}
            return cls(**written)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no receipt: {error}") from None


def _known(kind, written):
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in written.items() if name in names}


def digest(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashes_of(graded: "NotebookNode") -> dict[str, str]:
    """Return {name: hash} of each cell that the student wrote; under "", the hash of the set-up."""
    setup = "\n".join(cell.source for cell in graded.cells if submission.is_setup(cell))
    written = [cell for cell in graded.cells if cells.is_written_by_student(cell)]
    return {cells.name_of(cell): digest(cell.source) for cell in written} | {"": digest(setup)}


def standing_verdicts(
    previous: Receipt | None, graded: "NotebookNode", limits: "Limits", changed: "Container[str]"
) -> dict[str, CellVerdict]:
    """Return the verdicts of an earlier receipt that still stand, by the name of their cell.

    A verdict stands where the test, all that the student wrote and the environment are the same. What a cell is worth
    is taken from the notebook as it is today.

    Args:
        previous: the earlier `Receipt`, or None.
        graded: the notebook to grade.
        limits: the `Limits` of today: with other limits, a submission that went beyond them may end otherwise.
        changed: the names of the tests that are not as released in the submission.
    """
    if previous is None or previous.cells != hashes_of(graded) or previous.environment != environment():
        return {}
    before = {verdict.name: verdict for verdict in previous.verdicts}
    standing = {}
    for name, cell in cells.by_name(graded).items():
        verdict = before.get(name)
        if not cells.is_test(cell) or verdict is None or verdict.test != digest(cell.source):
            continue
        if verdict.outcome in INCIDENTS and previous.limits != asdict(limits):
            continue
        points = cells.points_of(cell)
        earned = points if verdict.outcome == "pass" else 0
        standing[name] = replace(verdict, points=earned, max_points=points, tampered=name in changed)
    return standing


@functools.cache
def environment() -> dict[str, str]:
    """Return the versions that a verdict depends on; tema9's is a hash of its student's side and of the sandbox."""
    from importlib.metadata import version

    package = Path(__file__).parents[2]
    files = [*package.glob("*.py"), *(package / "classroom" / "sandbox").glob("*.py")]
    code = hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files))).hexdigest()
    versions = {name: version(name) for name in ("torch", "torchvision", "numpy")}
    return {"python": platform.python_version(), **versions, "tema9": code[:16]}
