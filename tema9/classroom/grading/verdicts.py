"""What became of each test cell, and what a student may read of it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tema9.classroom.sandbox.border import Verdict

# How a test cell ends, with the words for students.
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
INCIDENTS = ("timeout", "memory", "kernel-died")  # outcomes of a process that had to be ended; a person looks at these


@dataclass(frozen=True)
class CellVerdict:
    """What became of a test cell.

    Args:
        name: of the cell; exercise: that it judges.
        outcome: a key of OUTCOMES.
        points, max_points: what it gave, and what it could give.
        message: for the student, in Spanish or Python's words; of a hidden test only what the test's author wrote.
        tampered: the submission had the cell not as released, and the original was used.
        seconds: that it took.
        test: the hash of its text.
    """

    name: str
    exercise: str
    outcome: str
    points: float
    max_points: float
    message: str = ""
    tampered: bool = False
    seconds: float = 0.0
    test: str = ""


def student_message(verdict: "Verdict") -> str:
    """Return what the student may read of a `border.Verdict`: nothing that could hold what a hidden test expects."""
    text = verdict.message.strip()
    if verdict.outcome not in ("fail", "error") or not text:
        return ""
    if verdict.shown:
        return text[:2000]
    if verdict.outcome == "error":
        return text.split(":")[0][:100]  # the kind of the error: its message may hold what the hidden test gave
    if shapes := _shapes(text):
        return f"se esperaba la forma {shapes[1]} y ha llegado {shapes[0]}"
    return ""


def _shapes(text):
    """(obtained, expected) of torch's message about two shapes, or None."""
    found = re.search(r"'shape' do not match: torch\.Size\(\[([\d, ]*)\]\) != torch\.Size\(\[([\d, ]*)\]\)", text)
    return tuple(f"({size})" for size in found.groups()) if found else None
