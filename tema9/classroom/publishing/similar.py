"""Pairs of answers that are more alike than chance and a short exercise explain."""

import math
from collections import defaultdict
from dataclasses import dataclass

import nbformat
from rapidfuzz import process
from rapidfuzz.distance import Indel

from tema9.classroom import cells

ALIKE = 0.95  # of two texts, from 0 to 1
SHORTEST = 60  # characters of a student's own in a cell; shorter ones are alike by themselves
BITS = 6.0  # of evidence, for a pair to be named


@dataclass(frozen=True)
class Pair:
    """Two students and the cells in which they wrote the same.

    bits: of evidence: for each cell, how rare what they share is among the class, as a logarithm.
    equal: how many of the cells are the same letter for letter.
    """

    one: str
    other: str
    cells: tuple[str, ...]
    equal: int
    bits: float


def own_text(text, released):
    """What a student wrote in a cell: its lines that the released cell does not have."""
    given = {line.strip() for line in released.splitlines()}
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() and line.strip() not in given)


def pairs(answers) -> list[Pair]:
    """The suspicious pairs of a class, those with most evidence first.

    A text that more than a tenth of the class shares, three at least, is what the exercise asks for,
    and no evidence.

    Args:
        answers: {cell: {student: what the student wrote of it}}.
    """
    found = defaultdict(lambda: [[], 0, 0.0])
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
                entry = found[students[i], students[j]]
                entry[0].append(cell)
                entry[1] += written[i] == written[j]
                entry[2] += math.log2(max(2, len(texts)) / most)
    listed = [Pair(*who, tuple(shared), equal, bits) for who, (shared, equal, bits) in found.items() if bits >= BITS]
    return sorted(listed, key=lambda pair: (-pair.bits, pair.one, pair.other))


def answers_of(record, sources, students):
    """{cell: {student: own text}} of the graded notebooks of a class."""
    found = defaultdict(dict)
    for source in sources:
        if not record.course.release(source.name).is_file():  # nothing of it is graded
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
