"""A submission's file: read as a notebook whatever became of it, and made into the notebook that is graded."""

import contextlib
import json
import re

from nbformat import NotebookNode

from tema9 import hints
from tema9.classroom import cells
from tema9.classroom.grading import scripts

LARGEST = 64 * 2**20  # bytes of a file
MOST_VALUES = 4_000_000  # in the JSON of a notebook: reading so many takes about a second
MOST_CELLS = 5_000
MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# What students hand in by mistake, by how it begins.
OTHER_FILES = (
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip, or a document of an office program"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "a web page, or another document in XML"),
    (b"<!--", "a web page"),
    (b"{\\rtf", "a document in RTF"),
    (b"\x89png", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"gif8", "an image"),
    (b"rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a pointer of Git LFS"),
    (b"bplist", "what macOS leaves in the place of a file, such as a placeholder of iCloud"),
    (b"[internetshortcut]", "a link"),
    (b"http://", "a link"),
    (b"https://", "a link"),
)
MARKS_OF_GIT = (r"^<{7} ", r"^={7}\r?$", r"^>{7} ")  # around what differs between two versions


class Unreadable(ValueError):
    """A submission's file cannot be taken for a notebook."""


def read(content: bytes) -> dict:
    """Read a submission's file as a notebook, in format 4 or nearly.

    The text may be in UTF-8, UTF-16, UTF-32, Windows-1252 or Latin-1. Formats 1 to 3 are brought to 4; a script that
    was exported from the notebook is taken for it. A notebook may be inside a string of JSON, and what follows its end,
    such as the rest of a longer file that it has overwritten, is not read. How long all this takes is bounded by the
    limits of this module.

    Args:
        content: the bytes of the file.

    Raises:
        Unreadable: the file is neither a notebook nor such a script, or goes beyond a limit; the message says what it
            is.
    """
    if len(content) > LARGEST:
        raise Unreadable(f"the file has {len(content):,} bytes; the limit is {LARGEST:,}")
    _refuse_others(content[:200])
    text = _decoded(content).strip(" \t\r\n\0\ufeff")
    if not text:
        raise Unreadable("the file is empty")
    _refuse_others(text[:200].encode("utf-8", "replace"))
    if text[0] == "<":
        _refuse_conflict(text)
    if text[0] not in '{["' and not text[0].isdigit():
        return _script(text)
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MOST_VALUES:
        raise Unreadable(f"the file holds {values:,} values; the limit is {MOST_VALUES:,}")
    try:
        notebook, end = READER.raw_decode(text)
        if end < len(text) and not isinstance(notebook, dict):
            raise ValueError
    except RecursionError:
        raise Unreadable("the file holds JSON that is nested too deep for a notebook") from None
    except ValueError:
        if text[0] in "{[":
            _refuse_conflict(text)
            raise Unreadable("the file begins as a notebook, and is damaged or cut off") from None
        return _script(text)
    if isinstance(notebook, str):  # as a program sends it that has made JSON of it twice
        return read(notebook.encode("utf-8", "replace"))
    if isinstance(notebook, dict) and isinstance(notebook.get("content"), dict):  # as a Jupyter server sends it
        notebook = notebook["content"]
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", notebook.get("worksheets")), list):
        raise Unreadable("the file holds JSON, but no notebook")
    if "cells" not in notebook:
        sheets = (sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict))
        notebook = {"cells": [_from_3(cell) for found in sheets if isinstance(found, list) for cell in found]}
    return _of_cells(notebook, notebook["cells"])


def _refuse_others(start):
    for begins, what in OTHER_FILES:
        if start.lstrip().lower().startswith(begins):
            raise Unreadable(f"the file is {what}, and no notebook")


def _refuse_conflict(text):
    if all(re.search(mark, text, re.M) for mark in MARKS_OF_GIT):
        raise Unreadable("the file holds two versions between conflict marks of Git; ask for the one that counts")


def _of_cells(notebook, cells):
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"the notebook has {len(cells):,} cells; the limit is {MOST_CELLS:,}")
    return notebook


def _decoded(content):
    """The text of a file, whose encoding its first bytes tell, or else what they can be."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if content.count(0, 0, 4000) > len(content[:4000]) // 4:  # UTF-16 without its mark
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le", "replace")
    for encoding in ("utf-8", "cp1252", "latin-1"):
        with contextlib.suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            break
    controls = sum(text.count(chr(code)) for code in range(32) if code not in (9, 10, 12, 13, 27))
    if controls > len(text) // 100:
        raise Unreadable("the file is not text")
    return text


def _integer(digits):
    return int(digits) if len(digits) < 20 else 0  # no part of a notebook is that large, and Python refuses to read it


READER = json.JSONDecoder(strict=False, parse_int=_integer)


def _from_3(cell):
    """A cell of format 3 or older as one of format 4, as nearly as it can be."""
    if not isinstance(cell, dict):
        return cell
    kind, source = cell.get("cell_type"), cell.get("input", cell.get("source", ""))
    if kind == "heading":
        level = cell.get("level")
        text = "".join(map(str, source)) if isinstance(source, list) else source
        marks = "#" * (level if isinstance(level, int) and 0 < level < 7 else 1)
        kind, source = "markdown", f"{marks} {text}"
    elif kind in ("html", "plaintext"):
        kind = "raw"
    return {**cell, "cell_type": kind, "source": source}


def _script(text):
    if len(text) > scripts.LONGEST:
        raise Unreadable(f"a script of {len(text):,} characters; the limit is {scripts.LONGEST:,}")
    if found := scripts.cells(text):
        return _of_cells({"cells": found}, found)
    raise Unreadable("the file is neither a notebook nor a script; it may be cut off")


def to_grade(rebuilt: NotebookNode, source: NotebookNode) -> NotebookNode:
    """Make a rebuilt notebook into the one that is graded; it is changed in place, and returned.

    What the student wrote stays, the tests get their hidden part, and explorations become text: they decide nothing,
    so they do not run.

    Args:
        rebuilt: the notebook of `rebuild.Rebuilt`.
        source: the notebook with hidden tests.
    """
    originals = cells.by_name(source)
    for cell in rebuilt.cells:
        original = originals.get(cells.name_of(cell))
        if original is not None and not cells.is_written_by_student(original):
            cell.source = original.source
        if cells.is_exploration(cell) and cell.cell_type == "code":
            cell.cell_type, cell.source = "markdown", f"```python\n{cell.source}\n```"
            cell.pop("outputs", None), cell.pop("execution_count", None)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return rebuilt


def hints_told(handed_in: dict) -> dict[str, int]:
    """Return {exercise: hints seen}, as the outputs of `tema9.hint` in a notebook tell it, whatever else they hold."""
    known, found = hints.known()["exercises"], dict[str, int]()
    for cell in handed_in["cells"]:
        outputs = cell.get("outputs") if isinstance(cell, dict) else None
        for output in outputs if isinstance(outputs, list) else ():
            told = output
            for key in ("metadata", "tema9"):
                told = told.get(key) if isinstance(told, dict) else None
            exercise, count = (told.get("exercise"), told.get("hints")) if isinstance(told, dict) else (None, None)
            if isinstance(exercise, str) and isinstance(count, int) and 0 < count <= len(known.get(exercise, ())):
                found[exercise] = max(count, found.get(exercise, 0))
    return found


def is_setup(cell: NotebookNode) -> bool:
    """Return whether a cell of a notebook to grade is code that every exercise may rely on."""
    return cell.cell_type == "code" and not cells.name_of(cell)


def unanswered(graded: NotebookNode, released: NotebookNode) -> list[str]:
    """Return the names of the cells that the student left as they were released."""
    stubs = {name: cell.source.strip() for name, cell in cells.by_name(released).items()}
    written = [cell for cell in graded.cells if cells.is_written_by_student(cell)]
    return [cells.name_of(cell) for cell in written if cell.source.strip() == stubs.get(cells.name_of(cell))]
