"""A notebook's cells as nbgrader knows them: each one's name, role and points.

This is the only module that reads or writes nbgrader's metadata, which lies in each cell under the key "nbgrader":
`grade_id` is the name, `solution` says that the student writes the cell, `grade` that it has points, `locked` that
nobody changes it. The cells are those of nbformat.
"""

from typing import Any

import nbformat
from nbformat import NotebookNode

from tema9 import answers

#              nbgrader's:  grade, solution, locked
ROLES = {
    "solution": (False, True, False),
    "tests": (True, False, True),
    "answer": (True, True, False),
    "locked": (False, False, True),
}
RELEASED_ID = r"n\w-[0-9a-f]{8}"  # the identifiers that `sources` gives to cells without a name
EXPLORATION = "explore"  # the tag of a cell that only shows something
# What nbgrader puts in the place of a solution and of an answer in the notebook that students get.
CODE_STUB = f"{answers.CODE_STUB}\n{answers.STILL_A_STUB}"
TEXT_STUB = answers.TEXT_STUB


def label(cell: NotebookNode, role: str, name: str, points: float = 0) -> None:
    """Tell nbgrader what a cell is.

    Args:
        cell: the cell.
        role: what the cell is, a key of ROLES.
        name: the name of the cell, which no other cell of the notebook has.
        points: the points of a cell with tests or with an answer in prose.
    """
    grade, solution, locked = ROLES[role]
    metadata = {
        "cell_type": cell.cell_type,
        "grade": grade,
        "grade_id": name,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    cell.metadata["nbgrader"] = nbformat.from_dict(metadata | ({"points": points} if grade else {}))


def name_of(cell: NotebookNode) -> str:
    """Return the name by which nbgrader knows a cell; "" where it has none."""
    return _metadata(cell).get("grade_id", "")


def claimed_name(cell: Any) -> str | None:
    """Return the name that a cell of a submission claims; None if it claims none. The cell may be any kind of thing."""
    for key in ("metadata", "nbgrader", "grade_id"):
        cell = cell.get(key) if isinstance(cell, dict) else None
    return cell if isinstance(cell, str) else None


def by_name(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return {name: cell} of the cells that have a name."""
    return {name_of(cell): cell for cell in notebook.cells if name_of(cell)}


def is_written_by_student(cell: NotebookNode) -> bool:
    """Return whether the student writes the cell, code or prose."""
    return bool(_metadata(cell).get("solution"))


def is_graded(cell: NotebookNode) -> bool:
    """Return whether the cell has points: tests, or an answer in prose."""
    return bool(_metadata(cell).get("grade"))


def is_test(cell: NotebookNode) -> bool:
    """Return whether the cell judges what the student wrote in another one."""
    return is_graded(cell) and not is_written_by_student(cell)


def is_locked(cell: NotebookNode) -> bool:
    """Return whether students may not change the cell."""
    return bool(_metadata(cell).get("locked"))


def is_exploration(cell: NotebookNode) -> bool:
    """Return whether the cell only shows something, so that grading may skip it."""
    return EXPLORATION in cell.metadata.get("tags", [])


def points_of(cell: NotebookNode) -> float:
    """Return the points of a graded cell."""
    return cell.metadata.nbgrader.points


def change(cell: NotebookNode, **values: Any) -> None:
    """Change nbgrader's metadata of a cell, if it has any, as an attack or a careless editor does."""
    if "nbgrader" in cell.metadata:
        cell.metadata.nbgrader.update(values)


def _metadata(cell):
    return cell.metadata.get("nbgrader", {})
