"""What goes into the judge and what comes out of it: plain data, for any process of any machine."""

from dataclasses import asdict, dataclass, field

from tema9.classroom.sandbox.sandbox import Limits

OUTCOMES = {
    "pass": "correcto",
    "fail": "no pasa la prueba",
    "error": "da un error",
    "timeout": "tarda demasiado",
    "memory": "usa demasiada memoria",
    "kernel-died": "termina el proceso de Python",
    "not-answered": "sin contestar",
    "missing": "la celda no estaba en la entrega",
}


@dataclass(frozen=True)
class Job:
    """A submission to judge.

    content: the file, as handed in; refused: why there is none. source, released: the notebook with hidden tests
    and without, as JSON.
    previous: the receipt of the last time, whose verdicts stand where nothing that they depend on has changed.
    """

    student: str
    notebook: str
    content: bytes
    source: str
    released: str
    limits: Limits = field(default_factory=Limits)
    bare: bool = False
    hide: tuple[str, ...] = ()
    previous: dict | None = None
    refused: str = ""


@dataclass(frozen=True)
class CellVerdict:
    """What became of a test cell.

    outcome: a key of OUTCOMES. message: for the student, in Spanish or Python's; never of a hidden test
    but what its author wrote. tampered: the cell was not as released, and the original was used.
    """

    name: str
    exercise: str
    outcome: str
    points: float
    max_points: float
    message: str = ""
    tampered: bool = False
    seconds: float = 0.0
    test: str = ""  # the hash of its text


@dataclass(frozen=True)
class Judged:
    """A submission with its verdicts.

    graded: the notebook as it was graded, as JSON. checks: what the check cell says, by exercise, where a test
    was lost. cells: the hash of what the student wrote, by cell. sha256: of the file.
    """

    student: str
    notebook: str
    sha256: str
    status: str = "graded"
    verdicts: tuple[CellVerdict, ...] = ()
    checks: dict = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    cells: dict = field(default_factory=dict)
    unanswered: tuple[str, ...] = ()
    environment: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)
    graded: str = ""
    seconds: float = 0.0
    ran: bool = True

    @property
    def points(self):
        return sum(verdict.points for verdict in self.verdicts)


def receipt(judged) -> dict:
    """What stays of a judged submission: all but the notebook itself, as plain data."""
    kept = asdict(judged)
    kept.pop("graded")
    kept.pop("ran")
    return kept
