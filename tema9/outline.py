"""The outline of the course: its notebooks with their minutes, exercises and points, and the seconds each runs.

`outline.json` is made by `tema9 notebooks` from the sources, `times.csv` is measured by `tema9 time`.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from tema9 import files

HERE = Path(__file__).parent
START = "0_empieza_aqui"  # the page on which JupyterLab opens


@dataclass(frozen=True)
class Exercise:
    """An exercise and its points; `by_hand` says that it is answered in prose, which a person marks."""

    name: str
    points: int
    by_hand: bool


@dataclass(frozen=True)
class Notebook:
    """A graded notebook and its exercises.

    minutes: that a student needs. seconds: that a machine takes to run it solved.
    """

    name: str
    title: str
    minutes: int
    exercises: tuple[Exercise, ...]
    seconds: float

    @property
    def points(self) -> int:
        """The points of all its exercises together."""
        return sum(exercise.points for exercise in self.exercises)


def path_in(folder: str | Path, name: str) -> Path:
    """The path of a notebook in a student's folder: in it, or in a folder of its own where nbgrader has fetched it."""
    flat, fetched = Path(folder) / f"{name}.ipynb", Path(folder) / name / f"{name}.ipynb"
    return fetched if fetched.is_file() and not flat.is_file() else flat


@functools.cache
def notebooks() -> dict[str, Notebook]:
    """The notebooks of the course by name, in their order."""
    seconds = {row["notebook"]: row["seconds"] for row in files.table(HERE, "times", "table")}
    listed = json.loads((HERE / "outline.json").read_text(encoding="utf-8"))
    return {
        name: Notebook(name, one["title"], one["minutes"], tuple(map(_exercise, one["exercises"])), seconds[name])
        for name, one in listed.items()
    }


def _exercise(values):
    return Exercise(**values)
