"""A submission's file: read as a notebook whatever became of it, and made into the notebook that is graded."""

import json

import nbformat
from nbformat import NotebookNode

from tema9.classroom import cells


class Unreadable(ValueError):
    """A submission's file cannot be taken for a notebook."""


def read(content: bytes) -> dict:
    """Read a submission's file as a notebook, in format 4 or nearly.

    Formats 3 and older are brought to 4; a script that was exported from the notebook is taken for it.

    Args:
        content: the bytes of the file.

    Raises:
        Unreadable: the file is neither a notebook nor such a script; the message says what it is.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not text") from None
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return _read_script(text)
    if not isinstance(notebook, dict):
        raise Unreadable("the file holds JSON, but no notebook")
    if "worksheets" in notebook:
        try:
            return nbformat.reads(text, as_version=4)
        except Exception as error:
            raise Unreadable(f"an old notebook that cannot be converted ({type(error).__name__})") from None
    if not isinstance(notebook.get("cells"), list):
        raise Unreadable("the file holds JSON, but no notebook")
    return notebook


def _read_script(text):
    import jupytext  # few submissions need it, and every process that judges would import it

    try:
        compile(text.replace("\n%", "\n#%"), "script", "exec")
        if "def " not in text and "class " not in text:
            raise SyntaxError
        return jupytext.reads(text, fmt="py:percent" if "\n# %%" in text else "py:light")
    except Exception:
        raise Unreadable("the file is neither a notebook nor a script; it may be cut off") from None


def to_grade(rebuilt: NotebookNode, source: NotebookNode) -> NotebookNode:
    """Make a rebuilt notebook into the one that is graded; it is changed in place, and returned.

    What the student wrote stays, the tests get their hidden part, and explorations become text: they decide nothing,
    so they do not run.

    Args:
        rebuilt: the notebook of `rebuild.Rebuilt`.
        source: the notebook with hidden tests.
    """
    originals = cells.by_name(source)
    for cell in rebuilt.cells:
        original = originals.get(cells.name_of(cell))
        if original is not None and not cells.is_written_by_student(original):
            cell.source = original.source
        if cells.is_exploration(cell) and cell.cell_type == "code":
            cell.cell_type, cell.source = "markdown", f"```python\n{cell.source}\n```"
            cell.pop("outputs", None), cell.pop("execution_count", None)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return rebuilt


def is_setup(cell: NotebookNode) -> bool:
    """Return whether a cell of a notebook to grade is code that every exercise may rely on."""
    return cell.cell_type == "code" and not cells.name_of(cell)


def unanswered(graded: NotebookNode, released: NotebookNode) -> list[str]:
    """Return the names of the cells that the student left as they were released."""
    stubs = {name: cell.source.strip() for name, cell in cells.by_name(released).items()}
    written = [cell for cell in graded.cells if cells.is_written_by_student(cell)]
    return [cells.name_of(cell) for cell in written if cell.source.strip() == stubs.get(cells.name_of(cell))]
