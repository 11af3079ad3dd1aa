"""A notebook of one exercise, and its bank: what the tests of the classroom change and break.

`python mini.py FOLDER COMMAND ...` is the command `tema9` where the notebook in FOLDER stands for the course;
`python mini.py --pause FOLDER grade ...` waits for a signal once two submissions are recorded.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

import nbformat
import pytest

SOURCE = '''# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "1. Mini"
#   minutes: 105
# ---

# %% [markdown]
# **Tiempo:** unos 105 minutos: 100 el apartado 1 y 5 el resto.
#
# ## 1. El lado
#
# La salida mide $\\\\left\\\\lfloor \\\\frac{n + 2p - f}{s} \\\\right\\\\rfloor + 1$.

# %%
import tema9

# %% solution="n1-size"
def size(n, f, s=1):
    """Lado de la salida."""
    ### BEGIN SOLUTION
    return (n - f) // s + 1
    ### END SOLUTION

# %% explore=true
tema9.check("n1-size")

# %% explore=true
print("una exploración")

# %% tests="n1-size" points=60 case="values"
from tema9 import contracts, measuring

side = measuring.answer(size, contracts.plain)
assert side(32, 5) == 28, "C1: 32 -> 28"
### BEGIN HIDDEN TESTS
assert side(55, 3, s=2) == 27, "revisa el paso"
### END HIDDEN TESTS

# %% tests="n1-size" points=30 case="whole"
from tema9 import contracts, measuring

text = repr(measuring.answer(size, contracts.plain)(32, 5))
assert "." not in text, "un lado es un número entero de píxeles"

# %% [markdown]
# ¿Por qué?

# %% [markdown] answer="n1-why" points=10
# Porque hay una ventana más que saltos.

# %% [markdown] locked="n1-why-criteria"
# *Se corrige a mano: 10 puntos.*
# === BEGIN MARK SCHEME ===
# 5 puntos por hablar de ventanas.
# === END MARK SCHEME ===
'''.replace("\\\\", "\\")

BANK = """# %%
import torch

# %% right="n1-size" name="counts"
def size(n, f, s=1):
    return len(range(0, n - f + 1, s))

# %% right="n1-size" name="truncates"
def size(n, f, s=1):
    return int((n - f) / s + 1)

# %% probes="n1-size"
# Cuenta las posiciones.
size(32, 5)
# Revisa el paso.
size(55, 3, s=2)

# %% wrong="n1-size" name="forgets-plus-one" fails=["values"]
# Te falta el +1.
def size(n, f, s=1):
    return (n - f) // s

# %% wrong="n1-size" name="forgets-stride" fails=["values"]
# Te falta dividir por el paso.
def size(n, f, s=1):
    return n - f + 1

# %% wrong="n1-size" name="float" fails=["whole"]
# Un lado es un número entero: usa la división entera.
def size(n, f, s=1):
    return (n - f) / s + 1
"""

HINTS = """# Pistas de 1. Mini

## n1-size

1. Dibuja una fila de 7 casillas y una ventana de 3.
   ¿Cuántas veces cabe?
2. Cuenta los saltos de la ventana, y no olvides dónde estaba al empezar.
"""


def write(folder, source=SOURCE, bank=BANK, hints=HINTS):
    """Write the three files as solutions/ has them, and return the folder."""
    for name in ("mistakes", "hints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "hints" / "1_mini.md").write_text(hints, encoding="utf-8")
    (folder / "1_mini.py").write_text(source, encoding="utf-8")
    (folder / "mistakes" / "1_mini.py").write_text(bank, encoding="utf-8")
    return folder


@contextlib.contextmanager
def as_course(folder):
    """The notebook in a folder, as `write` leaves it, stands for the sources of the course; yields its source."""
    from tema9.classroom import sources
    from tema9.classroom.authoring import build

    found = [sources.read(path) for path in sorted(folder.glob("[0-9]_*.py"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "all_sources", lambda: found)
        patch.setattr(build, "is_built", lambda: True)  # a release would write over the notebooks of the checkout
        patch.setattr(sources, "MISTAKES", folder / "mistakes")
        yield found[0]


def hand_in(course, student, code, prose=None, change=None):
    """Hand in the notebook with an answer, and after whatever else `change` does to it; return the path."""
    notebook = nbformat.read(course.release("1_mini"), as_version=4)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    cells["n1-size"].source = code
    if prose is not None:
        cells["n1-why"].source = prose
    if change is not None:
        change(notebook, cells)
    path = course.submitted(student, "1_mini")
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def size(body="return (n - f) // s + 1", before=""):
    """An answer to the exercise."""
    return f"{before}def size(n, f, s=1):\n    {body}\n"


def with_bugs(job):
    """A judge that one submission kills, and in which another finds a bug."""
    from tema9.classroom.grading.judge import judge

    if b"# muere" in job.content:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"# falla" in job.content:
        raise KeyError("a bug")
    return judge(job)


def never():
    """What no process that judges gets through."""
    raise OSError("no room")


def pause_after_two(save):
    """A `Record.save` that says "paused" after the second submission, and waits for a signal."""
    left = iter(range(1))

    def saved(record, judged):
        save(record, judged)
        if next(left, None) is None:
            print("paused", flush=True)
            signal.pause()

    return saved


if __name__ == "__main__":
    from tema9.classroom.grading.record import Record
    from tema9.cli import app

    *options, folder, command = sys.argv[1 : 4 if sys.argv[1] == "--pause" else 3]
    if options:
        Record.save = pause_after_two(Record.save)
    with as_course(Path(folder)):
        app([command, *sys.argv[len(options) + 3 :]])
