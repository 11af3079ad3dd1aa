"""The sources of the notebooks: py:percent files, in which short keys say what each cell is.

    # %% solution="n1-conv-output-size"        the code that the student writes
    # %% tests="n1-conv-output-size" points=5  judges that code; case="..." names the cell if there are several
    # %% [markdown] answer="n1-c5" points=5    the prose that the student writes, marked by hand
    # %% [markdown] locked="n1-c5-criteria"    text that students read and cannot edit, such as a mark scheme
    # %% explore=true                          code of ours that only shows something; grading may skip it

A code cell without a key is set-up: every exercise may rely on it, and on no other exercise.

The start page is written in the same way, but it has no exercises: students receive it, and it is never handed in or
graded.
"""

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from tema9.classroom import cells
from tema9.classroom.cells import EXPLORATION, ROLES
from tema9.outline import START

ROOT = Path(__file__).parents[2]
SOLUTIONS = ROOT / "solutions"
MISTAKES = SOLUTIONS / "mistakes"
NOTEBOOKS = ROOT / "notebooks"

MAY_FAIL = "raises-exception"  # Jupyter's tag: after an error in this cell, the cells below it still run
KEYS = {*ROLES, "points", "case", EXPLORATION}


@dataclass
class Cell:
    """One cell of a source.

    Args:
        kind: "code" or "markdown".
        text: what the cell holds.
        keys: the short keys of the cell with their values.
        line: the line of the file at which the cell starts.
    """

    kind: str
    text: str
    keys: dict[str, Any]
    line: int

    @property
    def role(self) -> str:
        """The key that says what the cell is: a key of `cells.ROLES` or "explore"; "" for plain cells."""
        return next((key for key in (*ROLES, EXPLORATION) if key in self.keys), "")

    @property
    def grade_id(self) -> str | None:
        """The name by which nbgrader knows the cell; None for plain cells and explorations, which it does not know."""
        if self.role not in ROLES:
            return None
        suffix = "-".join(["", "tests", *filter(None, [self.keys.get("case")])]) if self.role == "tests" else ""
        return self.keys[self.role] + suffix

    @property
    def points(self) -> int:
        """The points of the cell; 0 if it has none."""
        return self.keys.get("points", 0)


@dataclass
class Exercise:
    """A graded exercise.

    Args:
        name: the identifier of the exercise.
        solution: the cell that the student writes, of code or, in an exercise marked by hand, of prose.
        tests: the cells that judge it; an exercise marked by hand has none.
    """

    name: str
    solution: Cell
    tests: list[Cell] = field(default_factory=list)

    @property
    def points(self) -> int:
        """The points of the exercise."""
        return self.solution.points + sum(cell.points for cell in self.tests)

    @property
    def by_hand(self) -> bool:
        """Whether the exercise is answered in prose and marked by hand."""
        return self.solution.role == "answer"

    @property
    def scored(self) -> list[Cell]:
        """The cells with its points: the tests, or the answer of an exercise that is marked by hand."""
        return [self.solution] if self.by_hand else self.tests

    @property
    def cases(self) -> list[str]:
        """The names of the test cells; "tests" for a cell that has no name."""
        return [cell.keys.get("case", "tests") for cell in self.tests]


@dataclass
class Source:
    """The source of one notebook.

    Args:
        path: the path of the file.
        metadata: what the header of the file says, by key.
        cells: the cells, in their order.
    """

    path: Path
    metadata: dict[str, Any]
    cells: list[Cell]

    @property
    def name(self) -> str:
        """The name of the notebook, such as 1_lenet5."""
        return self.path.stem

    @property
    def title(self) -> str:
        """The title of the notebook, as the header says it."""
        return self.metadata["title"]

    @property
    def minutes(self) -> int:
        """The minutes that a student needs, as the header says them."""
        return self.metadata["minutes"]

    @property
    def setup(self) -> str:
        """The code of the set-up cells, on which every exercise may rely."""
        return "\n\n".join(cell.text for cell in self.cells if cell.kind == "code" and not cell.role)

    @functools.cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by name, in their order."""
        found: dict[str, Exercise] = {}
        for cell in self.cells:
            if cell.role in ("solution", "answer"):
                found.setdefault(cell.keys[cell.role], Exercise(cell.keys[cell.role], cell))
            elif cell.role == "tests" and cell.keys["tests"] in found:
                found[cell.keys["tests"]].tests.append(cell)
        return found

    @property
    def graded(self) -> list[Exercise]:
        """The exercises that tests judge, in their order."""
        return [exercise for exercise in self.exercises.values() if not exercise.by_hand]

    @property
    def points(self) -> int:
        """The points of all the exercises together."""
        return sum(cell.points for cell in self.cells)


def read(path: str | Path) -> Source:
    """Read a py:percent file.

    Raises:
        ValueError: the file has more or fewer lines that start a cell than it has cells.
    """
    text = Path(path).read_text(encoding="utf-8")
    metadata, cells, starts = _parsed(text)
    if len(starts) != len(cells):
        raise ValueError(f"{path}: {len(starts)} lines start with '# %%' but {len(cells)} cells were read")
    found = [Cell(kind, text, dict(keys), line) for line, (kind, text, keys) in zip(starts, cells, strict=True)]
    return Source(Path(path), dict(metadata), found)


@functools.lru_cache(maxsize=32)
def _parsed(text):
    """Return (the header, (kind, text, keys) of each cell, the lines that start one) of a py:percent text.

    jupytext takes 0.1 s for it.
    """
    notebook = jupytext.reads(text, fmt="py:percent")
    header = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    cells = [cell for cell in notebook.cells if cell.source or cell.metadata]
    keys = [{key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"} for cell in cells]
    starts = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
    return header, [(cell.cell_type, cell.source, own) for cell, own in zip(cells, keys, strict=True)], starts


def all_sources(folder: str | Path = SOLUTIONS) -> list[Source]:
    """Return the sources of all the graded notebooks, in the order of the course."""
    return [read(path) for path in sorted(Path(folder).glob("[1-9]_*.py"))]


def named(name: str | None = None) -> list[Source]:
    """Return a list with the source of one graded notebook, or of all of them.

    Args:
        name: the name of the notebook, such as 1_lenet5; None for all notebooks.

    Raises:
        ValueError: there is no such notebook; the message lists the names of all.
    """
    everything = all_sources()
    if name is None:
        return everything
    if found := [source for source in everything if source.name == name]:
        return found
    raise ValueError(f"unknown notebook {name!r}; known: {', '.join(source.name for source in everything)}")


def start_page(folder: str | Path = SOLUTIONS) -> Source:
    """Return the source of the page on which JupyterLab opens."""
    return read(Path(folder) / f"{START}.py")


def to_notebook(source: Source) -> nbformat.NotebookNode:
    """Return a source as a notebook with nbgrader's metadata; two calls return equal notebooks."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata.title = source.title
    taken: set[str] = set()
    for cell in source.cells:
        made = nbformat.v4.new_code_cell(cell.text) if cell.kind == "code" else nbformat.v4.new_markdown_cell(cell.text)
        made.id = _cell_id(cell, source.name, taken)
        if cell.role == EXPLORATION:
            made.metadata.tags = [EXPLORATION]
        elif cell.grade_id is not None:
            cells.label(made, cell.role, cell.grade_id, cell.points)
            if cell.kind == "code":
                made.metadata.tags = [MAY_FAIL]
        notebook.cells.append(made)
    return notebook


def _cell_id(cell, notebook, taken):
    """An identifier for a cell: its grade_id, or a digest of its text so that a new cell changes no other one."""
    digest = hashlib.sha256(cell.text.encode()).hexdigest()[:8]
    base = cell.grade_id or f"n{notebook[0]}-{digest}"
    name, copy = base, 2
    while name in taken:
        name, copy = f"{base}-{copy}", copy + 1
    taken.add(name)
    return name
