"""A submission rebuilt: the released notebook, with what the student was asked to write taken from the submission.

Set-up, explorations, tests and metadata come from the released notebook. So a change of them in a submission, made on
purpose or by an editor, changes no score. Each repair is described in Spanish, for the student's feedback.
"""

import ast
import functools
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import nbformat

from tema9 import answers
from tema9.classroom import cells
from tema9.classroom.grading import pasted

LONGEST = 200_000  # characters that a student's cell may have


@dataclass(frozen=True)
class Rebuilt:
    """A submission that has been rebuilt.

    Args:
        notebook: the released notebook with what the student wrote.
        repairs: what was repaired in the submission, in Spanish, a line each.
        missing: the names of the cells that the student did not hand in.
        changed: the names of the tests and other locked cells that the submission does not have as they were released.
        is_another: whether the submission has no cell of the released notebook and no code that it asks for.
    """

    notebook: nbformat.NotebookNode
    repairs: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    is_another: bool = False


def rebuild(submission: dict, released: nbformat.NotebookNode, longest: int = LONGEST) -> Rebuilt:
    """Put the solutions and answers of a submission into the released notebook.

    A cell of the submission is recognised by its grade_id; without a grade_id, by the identifier that Jupyter gives to
    cells; without both, by the names that its code defines or, for prose and other code, by the cells around it. So is
    a cell that the student added and in which an answer stands whose own cell was left as it was.

    Args:
        submission: the notebook that was handed in, as a dict in format 4 or nearly; any part of it may be missing or
            of an unexpected type.
        released: the notebook as students receive it.
        longest: the characters that a student's cell may have; a longer cell is left out.
    """
    handed_in = _HandedIn([_Cell(*one) for one in enumerate(_list(submission, "cells"))], released)
    notebook = nbformat.from_dict(released)  # a copy, in half the time of deepcopy's
    repairs: list[str] = []
    missing: list[str] = []
    is_ours = handed_in.has_ours()
    for index, target in enumerate(notebook.cells):
        if not cells.is_written_by_student(target):
            continue
        name = cells.name_of(target)
        find = _code if target.cell_type == "code" else _prose
        found = find(handed_in, index, target)
        if found is None:
            repairs.append(f"`{name}`: la celda no estaba en la entrega")
            missing.append(name)
            continue
        handed_in.used |= {cell.index for cell in found.cells}
        if found.how:
            repairs.append(f"`{name}`: {found.how}")
        if any(cell.kind != target.cell_type for cell in found.own):
            repairs.append(f"`{name}`: la celda había cambiado de tipo; vuelve a ser de {_kind(target.cell_type)}")
        text = found.text
        if target.cell_type == "code" and not is_ours:
            is_ours = bool(answers.names(text) & (handed_in.asked[name] or _asked_by_tests(released, index)))
        if target.cell_type == "markdown":
            text, images, lost = pasted.joined(found.parts)
            if lost:
                repairs.append(f"`{name}`: {lost} de sus imágenes no se muestran: no se pueden leer o son muy grandes")
            if images:
                target.attachments = nbformat.from_dict(images)
        if len(text) > longest:
            repairs.append(f"`{name}`: la celda tiene {len(text)} caracteres y no se lee; el límite son {longest}")
            continue
        target.source = text
    changed, added = _the_rest(released, handed_in)
    repairs += [f"`{name}`: la celda faltaba o estaba cambiada; se usa la original" for name in changed]
    if added:
        repairs.append(f"celdas de código añadidas o cambiadas, que al corregir no se ejecutan: {added}")
    notebook.metadata["tema9"] = {"repairs": repairs}
    return Rebuilt(notebook, tuple(repairs), tuple(missing), tuple(changed), not is_ours)


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
        self.start = self.text[: 2 * LONGEST]  # by which the cell is recognised
        self.grade_id = cells.claimed_name(cell)
        self.cell_id = _get(cell, "id") if isinstance(_get(cell, "id"), str) else None
        self.attachments = _get(cell, "attachments")

    @functools.cached_property
    def line(self) -> str:
        """The text without its breaks."""
        return _one_line(self.start)

    @functools.cached_property
    def python(self) -> str:
        """The text without its magics and its breaks."""
        return _one_line(re.sub(r"^[%!].*$", "", self.start, flags=re.M))

    @functools.cached_property
    def defines(self) -> set[str]:
        """The functions and classes that the text defines."""
        return answers.definitions(self.start)

    @functools.cached_property
    def names(self) -> set[str]:
        """What the text defines or assigns to."""
        return answers.names(self.start)


@dataclass
class _HandedIn:
    """The cells of a submission, and which of them have been recognised.

    Args:
        cells: all of them.
        released: the notebook as students receive it.
    """

    cells: list[_Cell]
    released: nbformat.NotebookNode
    used: set[int] = field(default_factory=set)  # the indices of the cells that have been recognised

    def __post_init__(self) -> None:
        """Find the cells by what they say that they are, and those that stand where they did."""
        by_name = cells.by_name(self.released)
        written = [(name, cell) for name, cell in by_name.items() if cells.is_written_by_student(cell)]
        self.asked = {name: answers.definitions(cell.source) for name, cell in written if cell.cell_type == "code"}
        self.stubs = {_one_line(cell.source) for _, cell in written}
        self.lines = [_one_line(cell.source) for cell in self.released.cells]
        ours = (cell for cell in self.released.cells if not cells.is_written_by_student(cell))
        self.ours = {_one_line(cell.source) for cell in ours}
        for cell in self.cells:
            if cell.grade_id not in by_name:  # no cell of the released notebook has this name
                cell.grade_id = None
        self._return_the_misplaced()
        self.by_name: dict[str | None, list[_Cell]] = defaultdict(list)
        self.by_id: dict[str | None, list[_Cell]] = defaultdict(list)
        for cell in self.cells:
            self.by_name[cell.grade_id].append(cell)
            self.by_id[cell.cell_id].append(cell)
        once = {line: number for number, line in enumerate(self.lines) if line in self.ours}
        places = {line: number for line, number in once.items() if self.lines.count(line) == 1}
        self.landmarks = {places[cell.line]: cell.index for cell in self.cells if cell.line in places}

    def _return_the_misplaced(self):
        """An answer that was written in a copy of another exercise's cell belongs to the exercise that it defines."""
        answered = {cell.grade_id for cell in self.cells if cell.grade_id in self.asked and self.is_touched(cell)}
        for cell in self.cells:
            mine = self.asked.get(cell.grade_id or "")
            if not mine or not cell.defines or mine & cell.defines:
                continue
            others = (name for name, asked in self.asked.items() if asked and asked <= cell.defines)
            if any(name not in answered for name in others):
                cell.grade_id = None

    def has_ours(self) -> bool:
        """Return whether any cell is one of the released notebook, by its name, its identifier or its text."""
        ids = {cell.get("id") for cell in self.released.cells} - {None}
        return bool(self.landmarks) or any(cell.grade_id or cell.cell_id in ids for cell in self.cells)

    def is_touched(self, cell: _Cell) -> bool:
        """Return whether a cell that the student was to write is not as it was released, nor empty."""
        return bool(cell.line.replace(answers.TEXT_STUB, "").strip()) and cell.line not in self.stubs

    def free(self, cell: _Cell) -> bool:
        """Return whether a cell is one of the student's own, which has not been recognised yet."""
        return cell.index not in self.used and cell.grade_id is None and cell.line not in self.ours and bool(cell.line)

    def claimed(self, name: str) -> tuple[list[_Cell], str]:
        """Return the cells that say that they are the cell of this name, and how they were recognised."""
        found = [cell for cell in self.by_name[name] if cell.index not in self.used]
        if found:
            return found, ""
        found = [cell for cell in self.by_id[name] if cell.index not in self.used and cell.grade_id is None]
        return found, "la celda no llevaba sus metadatos; se ha reconocido por su identificador" if found else ""

    def around(self, index: int) -> list[_Cell]:
        """Return the student's own cells where cell `index` of the released notebook stood."""
        before = max((self.landmarks[number] for number in self.landmarks if number < index), default=-1)
        after = min((self.landmarks[number] for number in self.landmarks if number > index), default=len(self.cells))
        between = [cell for cell in self.cells[before + 1 : max(after, before + 1)] if self.free(cell)]
        # A cell of another release of the course is none of the student's.
        return [cell for cell in between if not re.match(cells.RELEASED_ID, cell.cell_id or "")]


@dataclass
class _Found:
    """What stands for a cell of the released notebook: where, how it was recognised, and its text.

    own: the cells that are that cell; cells: all of which the text is made. parts: of prose, (text, attachments).
    """

    own: list[_Cell]
    cells: list[_Cell]
    how: str = ""
    text: str = ""
    parts: list[tuple[str, Any]] = field(default_factory=list)


def _code(handed_in, index, target):
    """What stands for a cell of code; None if nothing does."""
    name = cells.name_of(target)
    own, how = handed_in.claimed(name)
    asked = handed_in.asked[name] or _asked_by_tests(handed_in.released, index)
    touched = [cell for cell in own if handed_in.is_touched(cell) and not answers.is_blank(cell.text)]
    whole = [cell for cell in touched if answers.STILL_A_STUB not in cell.text]
    answered = touched
    if any(answers.STILL_A_STUB in cell.text for cell in own):  # copies of the stub, or parts of it, are no answer
        answered = [cell for cell in whole if cell.python not in _one_line(target.source)]
    left = asked.difference(*(cell.names for cell in answered))
    added = []
    if left or not touched:
        added = [cell for cell in handed_in.by_name[None] if cell.names & (left or asked) and handed_in.free(cell)]
        added = _without(added, own)
        added = [cell for cell in added if handed_in.is_touched(cell)] or (added if not own else [])
    if not own and not added and not handed_in.asked[name]:
        added = [cell for cell in handed_in.around(index) if cell.kind == "code"]
    if not own and not added:
        return _within_another(handed_in, asked)
    if not own:
        return _Found(added, added, "la celda se ha reconocido por su contenido", _joined(added))
    if not touched and not added:
        return _Found(own, own, how, own[-1].text)
    if left and not left.difference(*(cell.names for cell in added)):
        touched = [cell for cell in answered if cell.names & asked]
    elif asked and not asked.difference(*(cell.names for cell in whole)):
        touched = whole
    text = _joined(touched + added)
    if added:
        how = "la respuesta estaba en una celda añadida, y se ha leído ahí"
    elif len(own) > 1:
        one = any(text == cell.text for cell in touched)
        what = "cuenta la última que se escribió" if one else "se han unido en su orden"
        how = how or f"la celda estaba {len(own)} veces; {what}"
    return _Found(own, own + added, how, text)


def _within_another(handed_in, asked):
    """An answer that stands in a cell with another one, as after cells were merged; None if there is none."""
    for cell in handed_in.cells if asked else ():
        if asked <= cell.names and cell.kind == "code":
            return _Found([], [], "la celda se ha reconocido dentro de otra, con la que se había unido", cell.text)
    return None


def _prose(handed_in, index, target):
    """What stands for an answer in prose; None if nothing does."""
    name = cells.name_of(target)
    own, how = handed_in.claimed(name)
    touched = [cell for cell in own if handed_in.is_touched(cell)]
    added = _without(handed_in.around(index), own)
    if not own and not added:
        return None
    if touched or not own:
        added = [cell for cell in added if cell.kind != "code"] or (added if not own else [])
    added = [cell for cell in added if handed_in.is_touched(cell)] or (added if not own else [])
    if not own:
        how = "la celda se ha reconocido por su contenido"
    elif added and touched:
        how = f"la respuesta seguía en celdas añadidas, y se han unido: {len(added)}"
    elif added:
        how = "la respuesta estaba en una celda añadida, y se ha leído ahí"
    elif not touched and (cell := _instructions(handed_in, index)) is not None:
        return _Found(own, own, "la respuesta estaba en la celda del enunciado", parts=[(cell.text, cell.attachments)])
    elif len(touched) > 1:
        how = how or f"la celda estaba {len(own)} veces; se han unido en su orden"
    chosen = sorted([*touched, *added], key=lambda cell: cell.index) or own[-1:]
    distinct = {cell.index if cell.attachments else cell.line: cell for cell in chosen}.values()
    return _Found(own, own + added, how, parts=[(_as_prose(cell), cell.attachments) for cell in distinct])


def _instructions(handed_in, index):
    """The cell above or below an answer in prose, if the student wrote in it; None otherwise."""
    for place in (index - 1, index + 1):
        cell = handed_in.released.cells[place] if 0 <= place < len(handed_in.released.cells) else None
        if cell is None or cell.cell_type != "markdown" or cells.is_written_by_student(cell):
            continue
        for one in handed_in.by_id[cell.id] if "id" in cell else ():  # notebooks before nbformat 4.5 have none
            before, added, after = one.line.partition(handed_in.lines[place])
            if one.kind == "markdown" and added and (before or after):
                return one
    return None


def _as_prose(cell):
    return f"```python\n{cell.text}\n```" if cell.kind == "code" and answers.parses(cell.text) else cell.text


def _without(found, own):
    mine = {cell.index for cell in own}
    return [cell for cell in found if cell.index not in mine]


def _joined(found):
    texts = [cell.text for cell in found]
    return answers.join(texts) if sum(map(len, texts)) <= LONGEST else "\n".join(texts)


@functools.lru_cache(maxsize=64)
def _names_asked(tests, setup):
    """The names that tests take from the answer."""
    used = set().union(*(answers.free_names(ast.parse(test)) for test in tests))
    return used - answers.names(setup) - set(re.findall(r"\b(?:import|as)\s+(\w+)", setup))


def _asked_by_tests(released, index):
    """The names that the tests below cell `index` of the released notebook take from it, as its stub names none."""
    tests = []
    for cell in released.cells[index + 1 :]:
        if cells.is_written_by_student(cell):
            break
        if cell.cell_type == "code" and cells.is_test(cell):
            tests.append(cell.source)
    setup = [cell.source for cell in released.cells if cell.cell_type == "code" and not cells.name_of(cell)]
    return _names_asked(tuple(tests), "\n".join(setup))


def _get(mapping, key):
    return mapping.get(key) if isinstance(mapping, dict) else None


def _list(mapping, key):
    value = _get(mapping, key)
    return value if isinstance(value, list) else []


def _one_line(text):
    return _short_line(text) if len(text) < 10_000 else " ".join(text.split())


@functools.lru_cache(maxsize=2048)  # most texts are those of the released notebook, in every submission
def _short_line(text):
    return " ".join(text.split())


def _kind(cell_type):
    return "código" if cell_type == "code" else "texto"


def _the_rest(released, handed_in):
    """(the names of the locked cells that were changed, how many cells of code were added) in a submission."""
    rest = [cell for cell in handed_in.cells if cell.index not in handed_in.used]
    theirs = {cell.line for cell in rest}
    locked = [cell for cell in released.cells if cells.is_locked(cell)]
    changed = [cells.name_of(cell) for cell in locked if _one_line(cell.source) not in theirs]
    names = {cells.name_of(cell) for cell in locked}
    code = [cell for cell in rest if cell.kind == "code" and cell.line]
    ours = {*handed_in.ours, *handed_in.lines}
    return changed, sum(cell.line not in ours and cell.grade_id not in names for cell in code)
