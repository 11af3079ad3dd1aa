"""What a notebook shows of tests and checks: a failing test in one line, and the line of a check in colour.

A failing test stays an error for Jupyter, nbgrader and nbconvert; only the screen of traceback is not shown, because
the line that matters to the student is the message of the test.
"""

import ctypes
import html
import linecache
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from tema9 import front_ends, imports

RED, PLAIN = "\x1b[1;31m", "\x1b[0m"  # bold: JupyterLab then takes its dark red, which can be read on pink
PREPARING = "preparando PyTorch… (la primera vez puede tardar un minuto)"
UNANSWERED = "sin responder: escribe tu solución y quita el `raise NotImplementedError()`"

# {name: what is wrong with the cell that defines it}, where that cell failed before the definition when it last ran.
broken: dict[str, str] = {}


class PackageMissing(ImportError):
    """The notebooks need a package that is not installed in this Python."""


class ModuleHidden(ImportError):
    """A file beside the notebook has been imported in the place of a module."""


def prepare() -> None:
    """Make the running notebook fit for the course; the first cell calls it before it imports anything else.

    A failing test is shown in one line, and definitions whose cells failed are remembered. Files beside the notebook
    hide no module, and are named. What torch imports in a training is imported now, and an interrupt breaks no import.

    Does nothing where there is no Jupyter kernel. A second call only looks for such files again.

    Raises:
        PackageMissing: a package that the notebooks need is not installed.
        ModuleHidden: such a file has been imported already, so that the kernel has to be restarted.
    """
    shell = _kernel_s_shell()
    if shell is None:
        return
    if not getattr(shell, "tema9_prepared", False):
        shell.set_custom_exc((Exception,), _show_error)
        shell.events.register("post_run_cell", _remember)
        shell.events.register("post_run_cell", _give_memory_back)
        shell.events.register("pre_execute", imports.hold_interrupts)  # Jupyter puts its own handler back
        imports.hold_interrupts()
        imports.mend_package()
        shell.tema9_prepared = True
    if lacking := front_ends.missing():
        raise PackageMissing(front_ends.advice(lacking))
    front_ends.prepare()
    files = imports.hiding()
    if taken := imports.taken(files):
        raise ModuleHidden(f"{imports.advice(taken)} y reinicia el núcleo")
    _load_training()
    if files:
        show(f"✘ {imports.advice(files)}.")


def _load_training():
    """Import what torch imports only in a training, with a line that says so while it lasts."""
    if "torch._dynamo" in sys.modules:
        return
    from IPython.display import clear_output

    print(PREPARING, flush=True)
    imports.load_training()
    clear_output()


def show(line: str) -> None:
    """Show the line of a check: in colour and with words that wrap in a notebook, as text elsewhere."""
    if _kernel_s_shell() is None:
        print(line)
        return
    from IPython.display import display

    display({"text/plain": _Text(line), "text/html": as_html(line)}, raw=True)


def show_markdown(text: str, metadata: dict[str, Any] | None = None) -> None:
    """Show Markdown: laid out in a notebook, as text elsewhere.

    Args:
        text: the Markdown.
        metadata: of the cell's output; it is saved with the notebook.
    """
    if _kernel_s_shell() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/plain": _Text(text), "text/markdown": text}, raw=True, metadata=metadata or {})


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
    """Show an error as Jupyter does; one of a test, or of an answer that is not there yet, in a line or two."""
    message = _in_short(error, trace)
    if not message:
        shell.showtraceback((kind, error, trace), running_compiled_code=True)
        return []
    lines = [f"{RED}✘ {message}{PLAIN}"]
    shell._showtraceback(kind, error, lines)
    return lines


def _in_short(error, trace):
    """What an error says to a student whose test fails or who has not answered yet; "" for another error."""
    if isinstance(error, PackageMissing | ModuleHidden):
        return str(error)
    places = list(traceback.walk_tb(trace))
    mine = [(frame, line) for frame, line in places if frame.f_globals.get("__name__") == "__main__"]
    if isinstance(error, NotImplementedError) and mine and mine[-1] == places[-1]:
        return UNANSWERED
    test = mine[0][0].f_code.co_filename if mine else ""
    if not re.search(r"^from tema9 import .*\b(contracts|measuring)\b", "".join(linecache.getlines(test)), re.M):
        return ""
    answers = [place for place in mine if place[0].f_code.co_filename != test]
    said = traceback.format_exception_only(error)[-1].strip()
    if answers and (answers[-1] == places[-1] or not isinstance(error, AssertionError)):
        frame, line = answers[-1]
        code = linecache.getline(frame.f_code.co_filename, line).strip()
        return f"tu código falla con {said}\nen la línea {line} de su celda: {code}"
    if isinstance(error, AssertionError):
        return str(error) or "esta comprobación falla"
    if isinstance(error, NameError) and error.name and mine[-1] == places[-1]:
        return _undefined(error.name)
    return f"esta comprobación falla con {said}"


def _undefined(name):
    if name in broken:
        return f"{broken[name]}; corrígela y ejecútala otra vez"
    return f"sin responder: `{name}` todavía no está definido"


def _remember(result):
    """Note which definitions a cell that failed did not reach, and forget those that a cell has made."""
    cell = result.info.raw_cell or ""
    why, line = _failure(result)
    for found in re.finditer(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", cell, re.M):
        name = found[1] or found[2]
        if why and cell.count("\n", 0, found.start()) + 1 >= line:
            broken[name] = why.format(name)
        else:
            broken.pop(name, None)


def _give_memory_back(result):
    """Give to the system what a cell has freed and the C library keeps, so that a kernel at rest is smaller.

    Only glibc's library can do that; elsewhere nothing happens.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _failure(result):
    """What is wrong with a cell, with {} for the name that it should have defined, and the line in which it failed."""
    if isinstance(result.error_before_exec, SyntaxError):
        line = result.error_before_exec.lineno
        return "Python no ha podido leer la celda de `{}`" + (f" (mira su línea {line})" if line else ""), 0
    error = result.error_in_exec
    if error is None or isinstance(error, NotImplementedError):
        return "", 0
    frames = traceback.walk_tb(error.__traceback__)
    line = next((line for frame, line in frames if frame.f_globals.get("__name__") == "__main__"), 0)
    said = traceback.format_exception_only(error)[-1].strip()[:200].replace("{", "{{").replace("}", "}}")
    return f"la celda de `{{}}` falla en su línea {line} con {said}", line
