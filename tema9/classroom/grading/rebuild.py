"""A submission rebuilt: the released notebook, with what the student was asked to write taken from the submission.

Set-up, explorations, tests and metadata come from the released notebook. So a change of them in a submission, made on
purpose or by an editor, changes no score. Each repair is described in Spanish, for the student's feedback.
"""

import copy
import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import nbformat

from tema9.classroom import cells

LONGEST = 200_000  # characters that a student's cell may have


@dataclass(frozen=True)
class Rebuilt:
    """A submission that has been rebuilt.

    Args:
        notebook: the released notebook with what the student wrote.
        repairs: what was repaired in the submission, in Spanish, a line each.
        missing: the names of the cells that the student did not hand in.
        changed: the names of the tests and other locked cells that the submission does not have as they were released.
    """

    notebook: nbformat.NotebookNode
    repairs: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]


def rebuild(submission: dict, released: nbformat.NotebookNode, longest: int = LONGEST) -> Rebuilt:
    """Put the solutions and answers of a submission into the released notebook.

    A cell of the submission is recognised by its grade_id; without a grade_id, by the identifier that Jupyter gives to
    cells; without both, by the names that its code defines or, for prose and other code, by the cells around it.

    Args:
        submission: the notebook that was handed in, as a dict in format 4 or nearly; any part of it may be missing or
            of an unexpected type.
        released: the notebook as students receive it.
        longest: the characters that a student's cell may have; a longer cell is left out.
    """
    handed_in = [_Cell(index, cell) for index, cell in enumerate(_list(submission, "cells"))]
    notebook = copy.deepcopy(released)
    repairs: list[str] = []
    missing: list[str] = []
    by_id: dict[str | None, list[_Cell]] = defaultdict(list)
    by_cell_id: dict[str | None, list[_Cell]] = defaultdict(list)
    names = set(cells.by_name(notebook))
    for cell in handed_in:
        if cell.grade_id not in names:  # no cell of the released notebook has this name
            cell.grade_id = None
        by_id[cell.grade_id].append(cell)
        by_cell_id[cell.cell_id].append(cell)
    used: set[int] = set()  # the indices of the cells of the submission that have been recognised
    for index, target in enumerate(notebook.cells):
        if not cells.is_written_by_student(target):
            continue
        name = cells.name_of(target)
        found, how = by_id[name], ""
        if not found:
            found, how = by_cell_id[name], "no llevaba sus metadatos; se ha reconocido por su identificador"
        if not found:
            found = _by_content(target, index, released.cells, handed_in, used)
            how = "se ha reconocido por su contenido"
        found = [cell for cell in found if cell.index not in used]
        if not found:
            repairs.append(f"`{name}`: la celda no estaba en la entrega")
            missing.append(name)
            continue
        used |= {cell.index for cell in found}
        written = [cell for cell in found if cell.text.strip() != target.source.strip()] or found
        if how and target.cell_type == "markdown":
            text = "\n\n".join(cell.text for cell in written)
        else:
            text = written[-1].text  # the last definition counts, as when the notebook runs
        if how:
            repairs.append(f"`{name}`: la celda {how}")
        if len(found) > 1 and not how:
            repairs.append(f"`{name}`: la celda estaba {len(found)} veces; cuenta la última que se escribió")
        if any(cell.kind != target.cell_type for cell in found):
            repairs.append(f"`{name}`: la celda había cambiado de tipo; vuelve a ser de {_kind(target.cell_type)}")
        if len(text) > longest:
            repairs.append(f"`{name}`: la celda tiene {len(text)} caracteres y no se lee; el límite son {longest}")
            continue
        target.source = text
    changed, added = _the_rest(released, handed_in, used)
    repairs += [f"`{name}`: la celda faltaba o estaba cambiada; se usa la original" for name in changed]
    if added:
        repairs.append(f"celdas de código añadidas o cambiadas, que al corregir no se ejecutan: {added}")
    notebook.metadata["tema9"] = {"repairs": repairs}
    return Rebuilt(notebook, tuple(repairs), tuple(missing), tuple(changed))


class _Cell:
    """A cell of a submission, read without relying on the types of its parts.

    Args:
        index: which cell of the submission it is, counted from 0.
        cell: the cell as the file has it, which may be anything.
    """

    def __init__(self, index: int, cell: Any) -> None:
        self.index = index
        self.kind = _get(cell, "cell_type") if _get(cell, "cell_type") in ("code", "markdown", "raw") else "raw"
        text = _get(cell, "source")
        if isinstance(text, list):
            text = "".join(part for part in text if isinstance(part, str))
        # Half of a surrogate pair cannot be written to a file.
        self.text = text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else ""
        self.grade_id = cells.claimed_name(cell)
        self.cell_id = _get(cell, "id") if isinstance(_get(cell, "id"), str) else None


def _get(mapping, key):
    return mapping.get(key) if isinstance(mapping, dict) else None


def _list(mapping, key):
    value = _get(mapping, key)
    return value if isinstance(value, list) else []


def _by_content(target, index, released, handed_in, used):
    """The cells of a submission, recognised by what they hold, that stand for the cell `index` of the release."""
    free = [cell for cell in handed_in if cell.index not in used and cell.grade_id is None]
    if names := _defined(target.source):
        return [cell for cell in free if names <= _defined(cell.text)]
    ours = [_one_line(cell.source) for cell in released if not cells.is_written_by_student(cell)]
    lines = [_one_line(cell.source) for cell in released]
    landmarks = {line: number for number, line in enumerate(lines) if ours.count(line) == 1}
    at = {landmarks[_one_line(cell.text)]: cell.index for cell in handed_in if _one_line(cell.text) in landmarks}
    before = max((at[number] for number in at if number < index), default=-1)
    after = min((at[number] for number in at if number > index), default=len(handed_in))
    between = [cell for cell in free if before < cell.index < after and cell.kind == target.cell_type]
    return [cell for cell in between if _one_line(cell.text) not in ours]


def _defined(text):
    """The names of the functions and classes that a text defines at its top level, even if it is not valid Python."""
    return set(re.findall(r"^(?:def|class)\s+(\w+)", text, flags=re.M))


@functools.lru_cache(maxsize=4096)  # most texts are those of the released notebook, in every submission
def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _kind(cell_type):
    return "código" if cell_type == "code" else "texto"


def _the_rest(released, handed_in, used):
    """(the names of the locked cells that were changed, how many cells of code were added) in a submission."""
    rest = [cell for cell in handed_in if cell.index not in used]
    theirs = {_one_line(cell.text) for cell in rest}
    locked = [cell for cell in released.cells if cells.is_locked(cell)]
    changed = [cells.name_of(cell) for cell in locked if _one_line(cell.source) not in theirs]
    ours = {_one_line(cell.source) for cell in released.cells}
    names = {cells.name_of(cell) for cell in locked}
    code = [cell for cell in rest if cell.kind == "code" and cell.text.strip()]
    added = [cell for cell in code if _one_line(cell.text) not in ours and cell.grade_id not in names]
    return changed, len(added)
