"""A submission on the released skeleton: from the student comes what the student was asked to write, no more.

Set-up, explorations, tests and metadata come from the release; so nothing done to them in a
submission, on purpose or by an editor, decides a score or loses one. Each repair is noted, in
Spanish: students read it in their feedback.
"""

import copy
import functools
import re
from collections import defaultdict
from dataclasses import dataclass

import nbformat

from tema9.classroom import cells

LONGEST = 200_000  # characters of a cell


@dataclass(frozen=True)
class Rebuilt:
    """A notebook that can be graded, and what had to be repaired to get it.

    missing: the cells that the student did not hand in. changed: the tests that are not as released.
    """

    notebook: nbformat.NotebookNode
    repairs: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]


def rebuild(submission, released, longest=LONGEST) -> Rebuilt:
    """Put the student's solutions and answers into the released notebook.

    A cell is known by its grade_id; without it, by the id of the cell; without both, code by the names
    that it defines, and prose and other code by its place between cells of the release.

    Args:
        submission: a notebook as a dict, in format 4 or nearly; anything in it may be missing or odd.
        released: the notebook that students got.
        longest: characters of a cell of the student's; a longer one is left out.
    """
    handed_in = [_Cell(place, cell) for place, cell in enumerate(_list(submission, "cells"))]
    notebook, repairs, missing = copy.deepcopy(released), [], []
    by_id, by_cell_id = defaultdict(list), defaultdict(list)
    names = set(cells.by_name(notebook))
    for cell in handed_in:
        if cell.grade_id not in names:  # it says nothing of which cell it is
            cell.grade_id = None
        by_id[cell.grade_id].append(cell)
        by_cell_id[cell.cell_id].append(cell)
    used = set()
    for place, target in enumerate(notebook.cells):
        if not cells.is_written_by_student(target):
            continue
        name = cells.name_of(target)
        found, how = by_id[name], None
        if not found:
            found, how = by_cell_id[name], "no llevaba sus metadatos; se ha reconocido por su identificador"
        if not found:
            found = _by_content(target, place, released.cells, handed_in, used)
            how = "se ha reconocido por su contenido"
        found = [cell for cell in found if cell.place not in used]
        if not found:
            repairs.append(f"`{name}`: la celda no estaba en la entrega")
            missing.append(name)
            continue
        used |= {cell.place for cell in found}
        written = [cell for cell in found if cell.text.strip() != target.source.strip()] or found
        if how and target.cell_type == "markdown":
            text = "\n\n".join(cell.text for cell in written)
        else:
            text = written[-1].text  # as when it runs: the last definition counts
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
    """A cell of a submission, whatever it looks like."""

    def __init__(self, place, cell):
        self.place = place
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


def _by_content(target, place, released, handed_in, used):
    """The cells of a submission without metadata that stand for one of the release."""
    free = [cell for cell in handed_in if cell.place not in used and cell.grade_id is None]
    if names := _defined(target.source):
        return [cell for cell in free if names <= _defined(cell.text)]
    known = [_one_line(cell.source) for cell in released if not cells.is_written_by_student(cell)]
    lines = [_one_line(cell.source) for cell in released]
    texts = {line: number for number, line in enumerate(lines) if known.count(line) == 1}
    at = {texts[_one_line(cell.text)]: cell.place for cell in handed_in if _one_line(cell.text) in texts}
    before = max((at[number] for number in at if number < place), default=-1)
    after = min((at[number] for number in at if number > place), default=len(handed_in))
    between = [cell for cell in free if before < cell.place < after and cell.kind == target.cell_type]
    return [cell for cell in between if _one_line(cell.text) not in known]


def _defined(text):
    """The functions and classes that a text defines at its top, even if it is not Python."""
    return set(re.findall(r"^(?:def|class)\s+(\w+)", text, flags=re.M))


@functools.lru_cache(maxsize=4096)  # most cells are as released
def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _kind(cell_type):
    return "código" if cell_type == "code" else "texto"


def _the_rest(released, handed_in, used):
    """What else is not as released: the names of the tests that were changed, and how many cells of code were added."""
    rest = [cell for cell in handed_in if cell.place not in used]
    theirs = {_one_line(cell.text) for cell in rest}
    tests = [cell for cell in released.cells if cells.is_locked(cell)]
    changed = [cells.name_of(cell) for cell in tests if _one_line(cell.source) not in theirs]
    known = {_one_line(cell.source) for cell in released.cells}
    locked = {cells.name_of(cell) for cell in tests}
    code = [cell for cell in rest if cell.kind == "code" and cell.text.strip()]
    added = [cell for cell in code if _one_line(cell.text) not in known and cell.grade_id not in locked]
    return changed, len(added)
