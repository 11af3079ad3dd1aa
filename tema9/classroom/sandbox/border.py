"""The border between a test cell and the student's work: only plain data crosses.

A test cell is ordinary Python that uses names which it does not define itself: the student's. `judge` runs the
cell with a proxy in the place of each such name; a call through a proxy encodes its arguments, calls the student's
object, and decodes what comes back (`wire`). The student's side is a `SameProcess`, which proves that a test would
work with a process in between, or a `student_process.StudentProcess`.
"""

import ast
import contextlib
import functools
import io
import re
import traceback
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tema9 import answers, measuring
from tema9.classroom.sandbox import wire

if TYPE_CHECKING:
    from tema9.classroom.sandbox.student_process import StudentProcess


LONGEST_MESSAGE = 10_000  # characters of what a verdict says


class Gone(BaseException):
    """The student's process does not answer any more; no test can take this for an exception of the answer's.

    Args:
        outcome: "timeout", "memory" or "kernel-died".
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class SameProcess:
    """The student's side in this very process: `namespace` holds the names that the student's code defines."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def look(self, names: Set[str]) -> dict[str, tuple[bool, Any]]:
        """Return {name: (whether the object is callable, its value otherwise)} of the names that are defined.

        Raises:
            AssertionError: one is neither callable nor plain; the message is for the student, in Spanish.
        """
        seen = {}
        for name in sorted(names & set(self.namespace)):
            value = self.namespace[name]
            if callable(value):
                seen[name] = (True, None)
            else:
                seen[name] = (False, wire.decode(wire.encode(wire.as_plain(value, f"`{name}` es"))))
        return seen

    def call(self, name: str, args: Iterable, kwargs: dict[str, Any], measure: str | None = None) -> Any:
        """Call the object of that name, or a function of `measuring` with it; both ways only plain data cross.

        Raises:
            whatever the call raises, as its builtin kind with its message; others as RuntimeError.
        """
        args, kwargs = wire.decode(wire.encode((list(args), kwargs)))
        function = getattr(measuring, measure) if measure else None
        outcome = wire.call_outcome(self.namespace[name], args, kwargs, function)
        return wire.result_of(wire.decode(wire.encode(outcome)))


class Proxy:
    """The student's callable, seen from the test's side."""

    __slots__ = ("_name", "_side")

    def __init__(self, side: "SameProcess | StudentProcess", name: str) -> None:
        self._side, self._name = side, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._side.call(self._name, args, kwargs)

    def measure_there(self, name: str, args: Iterable, kwargs: dict[str, Any]) -> Any:
        """Run the function of that name of `measuring` in the student's process, with the student's object."""
        return self._side.call(self._name, args, kwargs, measure=name)


@dataclass(frozen=True)
class Verdict:
    """What became of a test cell.

    Args:
        outcome: "pass", "fail" (an assertion), "error", "timeout", "memory" or "kernel-died".
        message: the message of the assertion or of the error.
        shown: whether students may read the message, because the author of the test wrote it, or because it comes from
            the part of the test that students have. Other messages could hold expected values.
        written: whether the author of the test wrote it; other messages hold what the answer made.
    """

    outcome: str
    message: str = ""
    shown: bool = field(default=True, compare=False)
    written: bool = field(default=False, compare=False)

    def __bool__(self) -> bool:
        return self.outcome == "pass"


def judge(test: str, side: "SameProcess | StudentProcess | dict[str, Any]") -> Verdict:
    """Run the text of a test cell against the student's side, across the border.

    Args:
        test: Python.
        side: a `SameProcess` or a `StudentProcess`; or a namespace, which stands for a `SameProcess` of it.
    """
    side = SameProcess(side) if isinstance(side, dict) else side
    try:
        seen = side.look(_compiled(test).names)
    except AssertionError as error:
        return Verdict("fail", _said(error))
    except wire.NotPlainData as error:
        return Verdict("error", _said(error))
    except Gone as gone:
        return Verdict(gone.outcome)
    given = {name: Proxy(side, name) if is_callable else value for name, (is_callable, value) in seen.items()}
    return _run(test, given)


def names_of(test: str) -> frozenset[str]:
    """Return the names that the text of a test cell takes from the student's work."""
    return _compiled(test).names


def visible_part(test: str) -> str:
    """Return the text of a test cell as students have it, without the hidden tests."""
    return re.sub(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", test, flags=re.S)


def run_beside(test: str, namespace: dict[str, Any]) -> Verdict:
    """Run the text of a test cell in the same namespace as the work, as nbgrader does."""
    return _run(test, namespace)


def _run(test, namespace):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(_compiled(test).code, namespace)
    except Gone as gone:
        return Verdict(gone.outcome)
    except MemoryError:
        return Verdict("memory")
    except AssertionError as error:
        written = _is_written(error, test)
        return Verdict("fail", _said(error), written or not _is_hidden(error, test), written)
    except Exception as error:
        return Verdict("error", f"{type(error).__name__}: {_said(error)}", not _is_hidden(error, test))
    return Verdict("pass")


def _said(error):
    """The message of an error, which may hold what the answer made."""
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:  # plain data can be nested too deep for it
        return ""


@dataclass(frozen=True)
class _Test:
    """A test, compiled once for a whole class.

    names: what it expects of the work. spoken: the first and last lines of its assertions with a message.
    """

    code: object
    names: frozenset
    spoken: tuple[tuple[int, int], ...]


@functools.lru_cache(maxsize=1024)
def _compiled(test):
    tree = ast.parse(test)
    asserts = (node for node in ast.walk(tree) if isinstance(node, ast.Assert) and node.msg is not None)
    spoken = tuple((node.lineno, node.end_lineno) for node in asserts)
    return _Test(compile(tree, "<test>", "exec"), frozenset(answers.free_names(tree)), spoken)


def _is_written(error, test):
    """Whether the message of an assertion stands in the test."""
    *_, last = traceback.walk_tb(error.__traceback__)
    frame, line = last
    return frame.f_code.co_filename == "<test>" and any(a <= line <= b for a, b in _compiled(test).spoken)


def _is_hidden(error, test):
    """Whether the error came from the part of the test that students do not have."""
    hidden = lines_of_region(test, "HIDDEN TESTS")
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_filename == "<test>" and line in hidden for frame, line in frames)


def lines_of_region(text: str, region: str) -> set[int]:
    """Return the numbers of the lines of a cell from each BEGIN of a region to before its END."""
    lines, inside = set(), False
    for number, line in enumerate(text.splitlines(), 1):
        inside = (inside or f"BEGIN {region}" in line) and f"END {region}" not in line
        if inside:
            lines.add(number)
    return lines
