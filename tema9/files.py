"""Files that are written completely or not at all, and CSV tables that are read and written."""

import contextlib
import csv
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its name once everything is written.

    A full disk, an error or Ctrl-C leaves the old file as it was, and nothing else.

    Args:
        path: of the file.
        mode: the permissions of the file, from which the umask takes away.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(mode & ~umask)  # mkstemp's files are for their owner only
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path: str | Path, lines: Iterable[Iterable[Any]], encoding: str = "utf-8") -> None:
    """Write a table as CSV, the whole file or none of it, in which no text is a formula.

    A text that a spreadsheet would take for a formula gets a quote before it; numbers stay as they are.

    Args:
        path: of the file.
        lines: the lines of the table, the header first.
        encoding: of the file.
    """
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([[no_formula(value) for value in line] for line in lines])


def no_formula(value: Any) -> str:
    """Return a value as text that no spreadsheet takes for a formula.

    Example:
        >>> no_formula("=1+1"), no_formula("-5"), no_formula("-5+cmd")
        ("'=1+1", '-5', "'-5+cmd")
    """
    text = str(value)
    begins = text.lstrip(" \ufeff")[:1]
    formula = begins and begins in "=+-@\t\r\n|%＝＋－＠" and not re.fullmatch(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", text)
    return f"'{text}" if formula else text


def not_writable(folder: str | Path) -> str:
    """Why no file can be written in a folder, in a line in Spanish without its full stop; "" if it can.

    Of a folder that is not there, whether it can be made: the nearest folder above it is looked at.
    """
    folder = Path(folder)
    above = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    try:
        with tempfile.TemporaryFile(dir=above):
            return ""
    except OSError as error:
        return f"no se puede escribir en {folder} ({error.strerror})"


def table(folder: str | Path, name: str, kind: str) -> list[dict[str, Any]]:
    """Return the rows of `name`.csv as a list of dicts: numbers come as numbers, empty cells as None.

    Lines that begin with # are left out; they say where the figures come from.

    Args:
        folder: where the tables of this kind lie.
        name: of the table.
        kind: the word for such a table in the error message.

    Raises:
        ValueError: there is no such table; the message lists those there are.
    """
    path = Path(folder) / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in Path(folder).glob("*.csv")))
        raise ValueError(f"unknown {kind} {name!r}; known: {known}")
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(lines)]


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None
