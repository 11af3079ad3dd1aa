"""What a notebook shows of tests and checks: a failing test in one line, and the line of a check in colour.

A failing test stays an error for Jupyter, nbgrader and nbconvert; only the screen of traceback is not shown, because
the line that matters to the student is the message of the test.
"""

import html
import linecache
import re
import sys
import traceback
from types import TracebackType
from typing import Any

RED, PLAIN = "\x1b[31m", "\x1b[0m"
UNANSWERED = "sin responder: escribe tu solución y quita el `raise NotImplementedError()`"

broken: dict[
    str, int
] = {}  # {name: line} of the definitions in cells that Python could not read when they were last run


def prepare() -> None:
    """Make the running notebook show a failing test in one line, and remember the cells that are no Python.

    Does nothing where there is no Jupyter kernel. A second call changes nothing.
    """
    shell = _kernel_s_shell()
    if shell is None or getattr(shell, "tema9_prepared", False):
        return
    shell.tema9_prepared = True
    shell.set_custom_exc((AssertionError, NotImplementedError, NameError), _show_error)
    shell.events.register("post_run_cell", _remember)


def show(line: str) -> None:
    """Show the line of a check: in colour and with words that wrap in a notebook, as text elsewhere."""
    if _kernel_s_shell() is None:
        print(line)
        return
    from IPython.display import display

    display({"text/plain": _Text(line), "text/html": as_html(line)}, raw=True)


def as_html(line: str) -> str:
    """The line of a check as HTML: green for right, red for wrong, what stands between backticks as code.

    Example:
        >>> as_html("✔ n1-x: `f(2)` & más")[-41:]
        '✔ n1-x: <code>f(2)</code> &amp; más</div>'
    """
    colour = "#2e7d32" if line.startswith("✔") else "#c62828"
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line, quote=False))
    style = f"border-left: 5px solid {colour}; padding: 0.2em 0.8em; overflow-wrap: break-word; white-space: normal"
    return f'<div style="{style}">{text}</div>'


class _Text(str):
    """A text that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _kernel_s_shell():
    """The shell of the Jupyter kernel in which this runs, or None."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _show_error(shell: Any, kind: type, error: BaseException, trace: TracebackType, tb_offset: Any = None) -> list[str]:
    """Show an error as Jupyter does; one of a test, or of an answer that is not there yet, in a line."""
    if message := _in_a_line(error, trace):
        lines = [f"{RED}✘ {message}{PLAIN}"]
    else:
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    shell._showtraceback(kind, error, lines)
    return lines


def _in_a_line(error, trace):
    """What an error says to a student whose test fails or who has not answered yet; "" for another error."""
    places = list(traceback.walk_tb(trace))
    mine = [frame for frame, _ in places if frame.f_globals.get("__name__") == "__main__"]
    if isinstance(error, NotImplementedError):
        return UNANSWERED if mine and mine[-1] is places[-1][0] else ""
    cell = "".join(linecache.getlines(mine[0].f_code.co_filename)) if mine else ""
    if not re.search(r"^from tema9 import .*\b(contracts|measuring)\b", cell, re.M):
        return ""
    if isinstance(error, NameError):
        return f"sin responder: `{error.name}` todavía no está definido" if len(mine) == 1 else ""
    return str(error) or "esta comprobación falla"


def _remember(result):
    """Note which definitions stand in a cell that is no Python, and forget them when it is."""
    cell = result.info.raw_cell or ""
    names = [name for pair in re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", cell, re.M) for name in pair if name]
    for name in names:
        if isinstance(result.error_before_exec, SyntaxError):
            broken[name] = result.error_before_exec.lineno or 0
        else:
            broken.pop(name, None)
