"""The hints of a notebook, read from their Markdown, and whether one of them tells the solution.

`solutions/hints/NOTEBOOK.md` has a heading for each exercise and below it a numbered list, from a nudge to the first
line of the solution:

    ## n1-conv2d

    1. Think of one number of the output...
    2. ...
"""

import ast
import functools
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from tema9.classroom.sources import SOLUTIONS, Exercise

HINTS = SOLUTIONS / "hints"
SHORT = 10  # characters of a line of code that says nothing, such as `return x` or `rows = []`
SMALL = 8  # nodes of the syntax tree of such an expression


def read(path: str | Path) -> dict[str, list[str]]:
    """Return {exercise: its hints, each one line of Markdown}; {} where there is no such file.

    Raises:
        ValueError: a line belongs to no hint, the hints are not numbered 1, 2, ..., or an exercise stands twice.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    found: dict[str, list[str]] = {}
    name = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}, line {number}"
        if heading := re.fullmatch(r"## (\S+)", line):
            name = heading[1]
            if name in found:
                raise ValueError(f"{where}: {name} stands twice")
            found[name] = []
        elif item := re.fullmatch(r"(\d+)\. (.+)", line):
            if name is None or int(item[1]) != len(found[name]) + 1:
                raise ValueError(f"{where}: hint {item[1]} is not the next one of an exercise")
            found[name].append(item[2].strip())
        elif re.match(r" {3}\S", line) and name and found[name]:
            found[name][-1] += f" {line.strip()}"
        elif line.strip() and not line.startswith("# "):
            raise ValueError(f"{where}: neither `## EXERCISE` nor a numbered hint nor its next line, indented by 3")
    return found


def told(exercise: Exercise, text: str) -> str:
    """Return the first line of an exercise's solution that a hint tells; "" if it tells none.

    The first line of each function's body may be told, unless it is the whole body. A line is also told when only the
    names in it are others, or the spaces.

    Args:
        exercise: the exercise.
        text: a hint, or several.
    """
    pieces = re.findall(r"`([^`]+)`", text)
    written = _plain(text)
    shapes = {shape for piece in pieces for shape in _shapes(piece)}
    for line in _secret_lines(exercise.solution.text):
        if _plain(line) in written or any(_shape(part) in shapes for part in _expressions(line)):
            return line
    return ""


def _secret_lines(text: str) -> Iterator[str]:
    """The lines of a solution that no hint may tell, without comments and without those that say nothing."""
    for body in re.findall(r"### BEGIN SOLUTION\n(.*?)### END", text, flags=re.S):
        lines = [re.sub(r"\s+#.*", "", line).strip().rstrip(",") for line in body.splitlines()]
        telling = [line for line in lines if len(_plain(line)) >= SHORT]
        yield from telling[1:] if len(telling) > 1 else telling


def _plain(text):
    return re.sub(r"[\s`]", "", text)


def _expressions(line: str) -> Iterator[ast.expr]:
    """What a line of code computes, if it is a statement of its own and is not small."""
    try:
        [statement] = ast.parse(line).body
    except (SyntaxError, ValueError):
        return
    value = getattr(statement, "value", None)
    if value is not None and len(list(ast.walk(value))) >= SMALL:
        yield value


@functools.cache
def _shapes(piece):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a piece that is no whole code
            tree = ast.parse(piece.strip())
    except SyntaxError:
        return set()
    return {_shape(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}


def _shape(node):
    """An expression with its names numbered in the order in which they come, so that other names make the same."""
    numbers: dict[str, int] = {}
    return re.sub(
        r"Name\(id='(\w+)'", lambda found: f"Name({numbers.setdefault(found[1], len(numbers))}", ast.dump(node)
    )
