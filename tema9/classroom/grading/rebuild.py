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
    cells = [_Cell(place, cell) for place, cell in enumerate(_list(submission, "cells"))]
    notebook, repairs, missing = copy.deepcopy(released), [], []
    by_id, by_cell_id = defaultdict(list), defaultdict(list)
    names = {cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata}
    for cell in cells:
        if cell.grade_id not in names:  # it says nothing of which cell it is
            cell.grade_id = None
        by_id[cell.grade_id].append(cell)
        by_cell_id[cell.cell_id].append(cell)
    used = set()
    for place, target in enumerate(notebook.cells):
        if not _is_written(target):
            continue
        name = target.metadata.nbgrader.grade_id
        found, how = by_id[name], None
        if not found:
            found, how = by_cell_id[name], "no llevaba sus metadatos; se ha reconocido por su identificador"
        if not found:
            found, how = _by_content(target, place, released.cells, cells, used), "se ha reconocido por su contenido"
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
    changed, added = _the_rest(released, cells, used)
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
        grade_id = _get(_get(_get(cell, "metadata"), "nbgrader"), "grade_id")
        self.grade_id = grade_id if isinstance(grade_id, str) else None
        self.cell_id = _get(cell, "id") if isinstance(_get(cell, "id"), str) else None


def _get(mapping, key):
    return mapping.get(key) if isinstance(mapping, dict) else None


def _list(mapping, key):
    value = _get(mapping, key)
    return value if isinstance(value, list) else []


def _is_written(cell):
    """Whether the student writes it."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _by_content(target, place, released, cells, used):
    """The cells of a submission without metadata that stand for one of the release."""
    free = [cell for cell in cells if cell.place not in used and cell.grade_id is None]
    if names := _defined(target.source):
        return [cell for cell in free if names <= _defined(cell.text)]
    known = [_bare(cell.source) for cell in released if not _is_written(cell)]
    texts = {_bare(cell.source): number for number, cell in enumerate(released) if known.count(_bare(cell.source)) == 1}
    at = {texts[_bare(cell.text)]: cell.place for cell in cells if _bare(cell.text) in texts}
    before = max((at[number] for number in at if number < place), default=-1)
    after = min((at[number] for number in at if number > place), default=len(cells))
    between = [cell for cell in free if before < cell.place < after and cell.kind == target.cell_type]
    return [cell for cell in between if _bare(cell.text) not in known]


def _defined(text):
    """The functions and classes that a text defines at its top, even if it is not Python."""
    return set(re.findall(r"^(?:def|class)\s+(\w+)", text, flags=re.M))


@functools.lru_cache(maxsize=4096)  # most cells are as released
def _bare(text):
    return re.sub(r"\s+", " ", text).strip()


def _kind(cell_type):
    return "código" if cell_type == "code" else "texto"


def _the_rest(released, cells, used):
    """What else is not as released: the names of the tests that were changed, and how many cells of code were added."""
    rest = [cell for cell in cells if cell.place not in used]
    theirs = {_bare(cell.text) for cell in rest}
    tests = [cell for cell in released.cells if cell.metadata.get("nbgrader", {}).get("locked")]
    changed = [cell.metadata.nbgrader.grade_id for cell in tests if _bare(cell.source) not in theirs]
    known = {_bare(cell.source) for cell in released.cells}
    locked = {cell.metadata.nbgrader.grade_id for cell in tests}
    added = [
        cell
        for cell in rest
        if cell.kind == "code" and cell.text.strip() and _bare(cell.text) not in known and cell.grade_id not in locked
    ]
    return changed, len(added)
