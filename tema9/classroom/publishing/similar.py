"""Pairs of students whose answers are more alike than chance and the exercises themselves can explain."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import nbformat
from rapidfuzz import process
from rapidfuzz.distance import Indel

from tema9.classroom import cells
from tema9.classroom.grading.record import Record
from tema9.classroom.sources import Source

ALIKE = 0.95  # the similarity, from 0 to 1, from which on two texts count as alike
SHORTEST = 60  # the characters that a student must have written in a cell; shorter texts are alike without copying
BITS = 6.0  # the evidence from which on a pair is named


@dataclass(frozen=True)
class Pair:
    """Two students whose answers are alike.

    Args:
        one, other: the identifiers of the students.
        cells: the names of the cells in which they wrote texts that are alike.
        equal: in how many of these cells the two texts are the same letter for letter.
        bits: the evidence: the sum over the cells of the logarithm of how rare the shared text is in the class.
    """

    one: str
    other: str
    cells: tuple[str, ...]
    equal: int
    bits: float


@dataclass
class _Shared:
    """What two students share, while it is counted; the fields are those of `Pair`."""

    cells: list[str] = field(default_factory=list)
    equal: int = 0
    bits: float = 0.0


def own_text(text: str, released: str) -> str:
    """Return what a student wrote in a cell: the lines that are not in the cell as it was released.

    Args:
        text: the cell as the student handed it in.
        released: the cell as students received it.
    """
    given = {line.strip() for line in released.splitlines()}
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() and line.strip() not in given)


def pairs(answers: dict[str, dict[str, str]]) -> list[Pair]:
    """Return the suspicious pairs of a class, the pairs with most evidence first.

    A text that more than a tenth of the class shares, and more than three students, is what the exercise asks for. It
    is no evidence.

    Args:
        answers: {cell: {student: what the student wrote in the cell}}.
    """
    found: dict[tuple[str, str], _Shared] = defaultdict(_Shared)
    for cell, texts in sorted(answers.items()):
        students = sorted(student for student, text in texts.items() if len(text) >= SHORTEST)
        if len(students) < 2:
            continue
        written = [texts[student] for student in students]
        alike = process.cdist(written, written, scorer=Indel.normalized_similarity, score_cutoff=ALIKE) > 0
        count = alike.sum(axis=1)
        for i, j in zip(*alike.nonzero(), strict=True):
            most = max(count[i], count[j])
            if i < j and most <= max(3, len(texts) / 10):
                shared = found[students[i], students[j]]
                shared.cells.append(cell)
                shared.equal += written[i] == written[j]
                shared.bits += math.log2(max(2, len(texts)) / most)
    listed = [
        Pair(one, other, tuple(shared.cells), shared.equal, shared.bits)
        for (one, other), shared in found.items()
        if shared.bits >= BITS
    ]
    return sorted(listed, key=lambda pair: (-pair.bits, pair.one, pair.other))


def across(now: dict[str, dict[str, str]], before: dict[str, dict[str, str]]) -> list[Pair]:
    """Return the suspicious pairs of a student of a class, `one`, and a student of an earlier class, `other`.

    Args:
        now, before: {cell: {student: what the student wrote in the cell}} of the two classes.
    """
    both = {
        cell: {f"0{student}": text for student, text in texts.items()}
        | {f"1{student}": text for student, text in before.get(cell, {}).items()}
        for cell, texts in now.items()
    }
    found = [pair for pair in pairs(both) if (pair.one[0], pair.other[0]) == ("0", "1")]
    return [replace(pair, one=pair.one[1:], other=pair.other[1:]) for pair in found]


def answers_of(record: Record, sources: Iterable[Source], students: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return {cell: {student: what the student wrote in the cell}} of the graded notebooks of a class.

    Args:
        record: the record of the class, open.
        sources: the notebooks.
        students: the identifiers of the students.
    """
    students = list(students)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for source in sources:
        if not record.course.release(source.name).is_file():  # no submission of this notebook has been graded
            continue
        released = nbformat.read(record.course.release(source.name), as_version=4)
        given = {name: cell.source for name, cell in cells.by_name(released).items()}
        for student in students:
            path = record.graded_path(student, source.name)
            if not path.is_file():
                continue
            for name, cell in cells.by_name(nbformat.read(path, as_version=4)).items():
                if cells.is_written_by_student(cell):
                    found[name][student] = own_text(cell.source, given.get(name, ""))
    return found
