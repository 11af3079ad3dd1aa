"""The sources of the notebooks: py:percent files with short keys, and what the keys mean.

    # %% solution="n1-conv-output-size"        the student writes it
    # %% tests="n1-conv-output-size" points=5  judges it; case="..." where there are several
    # %% [markdown] answer="n1-c5" points=5    prose, marked by hand
    # %% [markdown] locked="n1-c5-criteria"    shown, not edited
    # %% explore=true                          ours, only shows or plays; grading may skip it

A code cell without a key is set-up: every exercise may rely on it, and on nothing else.

The start page is written in the same way, but has no exercises: it is built and given to students, and it is never
released, handed in or graded.
"""

import functools
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import nbformat

from tema9.classroom import cells
from tema9.classroom.cells import EXPLORATION, ROLES
from tema9.outline import START

ROOT = Path(__file__).parents[2]
SOLUTIONS = ROOT / "solutions"
MISTAKES = SOLUTIONS / "mistakes"
NOTEBOOKS = ROOT / "notebooks"

KEYS = {*ROLES, "points", "case", EXPLORATION}


@dataclass
class Cell:
    """One cell of a source: `keys` are its short keys, `line` where its text starts in the file."""

    kind: str  # "code" or "markdown"
    text: str
    keys: dict
    line: int

    @property
    def role(self):
        """The key that says what the cell is: a key of `cells.ROLES`, "explore" or "" for plain cells."""
        return next((key for key in (*ROLES, EXPLORATION) if key in self.keys), "")

    @property
    def grade_id(self):
        """nbgrader's identifier, or None where nbgrader has no business."""
        if self.role not in ROLES:
            return None
        suffix = "-".join(["", "tests", *filter(None, [self.keys.get("case")])]) if self.role == "tests" else ""
        return self.keys[self.role] + suffix

    @property
    def points(self):
        return self.keys.get("points", 0)


@dataclass
class Exercise:
    """A graded exercise: the cell that the student writes and those that judge it.

    Exercises answered in prose have an `answer` cell and no tests.
    """

    name: str
    solution: Cell
    tests: list[Cell] = field(default_factory=list)

    @property
    def points(self):
        return self.solution.points + sum(cell.points for cell in self.tests)

    @property
    def by_hand(self):
        return self.solution.role == "answer"

    @property
    def cases(self):
        return [cell.keys.get("case", "tests") for cell in self.tests]


@dataclass
class Source:
    """One notebook's source."""

    path: Path
    metadata: dict
    cells: list[Cell]

    @property
    def name(self):
        return self.path.stem

    @property
    def title(self):
        return self.metadata["title"]

    @property
    def minutes(self):
        return self.metadata["minutes"]

    @property
    def setup(self):
        """The code that every exercise may rely on."""
        return "\n\n".join(cell.text for cell in self.cells if cell.kind == "code" and not cell.role)

    @functools.cached_property
    def exercises(self):
        """The exercises by name, in their order."""
        found = {}
        for cell in self.cells:
            if cell.role in ("solution", "answer"):
                found.setdefault(cell.keys[cell.role], Exercise(cell.keys[cell.role], cell))
            elif cell.role == "tests" and cell.keys["tests"] in found:
                found[cell.keys["tests"]].tests.append(cell)
        return found

    @property
    def graded(self):
        """The exercises that tests judge, in their order."""
        return [exercise for exercise in self.exercises.values() if not exercise.by_hand]

    @property
    def points(self):
        return sum(cell.points for cell in self.cells)


def read(path) -> Source:
    """Read a py:percent file.

    Raises:
        ValueError: a cell has a key that is not of the list above.
    """
    text = Path(path).read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    starts = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"# %%", line)]
    notebook.cells = [cell for cell in notebook.cells if cell.source or cell.metadata]
    if len(starts) != len(notebook.cells):
        raise ValueError(f"{path}: {len(starts)} lines start with '# %%' but {len(notebook.cells)} cells were read")
    found = []
    for line, cell in zip(starts, notebook.cells, strict=True):
        keys = {key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"}
        found.append(Cell(cell.cell_type, cell.source, keys, line))
    metadata = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    return Source(Path(path), metadata, found)


def all_sources(folder=SOLUTIONS) -> list[Source]:
    """The source of every graded notebook, in the order of the course."""
    return [read(path) for path in sorted(Path(folder).glob("[1-9]_*.py"))]


def named(name: str | None = None) -> list[Source]:
    """The source of one graded notebook, or of all.

    Args:
        name: of a notebook, as 1_lenet5; None takes all of them.

    Raises:
        ValueError: there is no such notebook; the message lists those there are.
    """
    there = all_sources()
    if name is None:
        return there
    if found := [source for source in there if source.name == name]:
        return found
    raise ValueError(f"unknown notebook {name!r}; known: {', '.join(source.name for source in there)}")


def start_page(folder=SOLUTIONS) -> Source:
    """The source of the page on which JupyterLab opens."""
    return read(Path(folder) / f"{START}.py")


def to_notebook(source: Source) -> nbformat.NotebookNode:
    """Expand a source into a notebook with nbgrader's metadata; the same bytes on every call."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata.title = source.title
    taken = set()
    for cell in source.cells:
        made = nbformat.v4.new_code_cell(cell.text) if cell.kind == "code" else nbformat.v4.new_markdown_cell(cell.text)
        made.id = _cell_id(cell, source.name, taken)
        if cell.role == EXPLORATION:
            made.metadata.tags = [EXPLORATION]
        elif cell.role:
            cells.label(made, cell.role, cell.grade_id, cell.points)
        notebook.cells.append(made)
    return notebook


def _cell_id(cell, notebook, taken):
    """The grade_id, or a digest of the text: a new cell changes no other cell's id."""
    digest = hashlib.sha256(cell.text.encode()).hexdigest()[:8]
    base = cell.grade_id or f"n{notebook[0]}-{digest}"
    name, copy = base, 2
    while name in taken:
        name, copy = f"{base}-{copy}", copy + 1
    taken.add(name)
    return name
