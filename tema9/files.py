"""Files that are written whole or not at all, and tables that are read back."""

import contextlib
import csv
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path, mode=0o666):
    """Yield a temporary path beside `path` that takes its name once everything is written.

    A full disk, an error or Ctrl-C leaves the old file as it was, and nothing else.

    Args:
        path: the file's.
        mode: who may read and write it, before the umask takes away.
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


def table(folder, name, kind):
    """Return the rows of `name`.csv as a list of dicts: numbers come as numbers, empty cells as None.

    Lines that begin with # are left out; they tell where the figures come from.

    Args:
        folder: where the tables of this kind lie.
        name: of the table.
        kind: what such a table is called in the error.

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
