"""A class graded as the tests do it, and the command `tema9` in this process: without a sandbox where there is none."""

import parts
from typer.testing import CliRunner

from tema9.classroom.grading import grade as grading
from tema9.classroom.sandbox.sandbox import Limits
from tema9.cli import app


def run(*arguments):
    """Run `tema9` with these arguments; return its output and exit code as Typer's runner has them.

    Raises:
        whatever the command does not turn into one line and an exit code.
    """
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, *extra(*arguments[:1]))])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def extra(command=""):
    """The option with which a command of `tema9` grades where there is no sandbox."""
    return ["--no-sandbox"] if command == "grade" and parts.UNSANDBOXED else []


def grade_class(root, **settings):
    """`grading.grade`, in this process and with 10 seconds for each answer unless told otherwise."""
    return grading.grade(
        root, **({"workers": 1, "limits": Limits(seconds=10), "unsandboxed": parts.UNSANDBOXED} | settings)
    )
