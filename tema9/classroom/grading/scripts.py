"""A notebook that was exported as a script, taken apart into cells again.

Known are jupytext's formats (with `# %%`, with `# +`, and without any mark), nbconvert's, which is JupyterLab's (with
`# In [1]:`), Colab's and VS Code's. All of it takes time in proportion to the length of the script.
"""

import ast
import re
from typing import Any

from tema9 import answers

LONGEST = 2**20  # characters of a script
MARK = re.compile(
    r"#[ \t]*(?:%%(?P<header>.*)|\+(?P<light>|[ \t]+(?:\[|\{|\w+=).*)|-[ \t]*|In[ \t]*\[[\d \t]*\]:|COMMAND -{10})"
)
GRADE_ID = re.compile(r"[\"']?grade_id[\"']?\s*[:=]\s*[\"']([^\"']+)")
CELL_MAGIC = re.compile(r"get_ipython\(\)\.run_cell_magic(\(.*\))\s*")
TEXT = re.compile(r"""\s*[rR]?(?:\"\"\"(.*)\"\"\"|'''(.*)''')\s*""", re.S)


def cells(text: str) -> list[dict[str, Any]]:
    """Return the cells of a script, in format 4 of notebooks; none where it marks no cell and defines nothing.

    Code without marks is cut between its definitions, and comments that stand alone are prose.

    Args:
        text: the script, of at most LONGEST characters.
    """
    found: list[dict[str, Any]] = []
    header, lines, marked = "", list[str](), False
    for line in text.splitlines():
        if mark := MARK.fullmatch(line):
            found += _cells(header, lines)
            header, lines, marked = mark["header"] or mark["light"] or "", [], True
        else:
            lines.append(line)
    found += _cells(header, lines)
    python = marked or answers.definitions(text) or answers.parses(text)
    return found if python and any(map(_is_of_a_notebook, found)) else []


def _is_of_a_notebook(cell):
    return bool(cell["metadata"] or (cell["cell_type"] == "code" and answers.names(cell["source"])))


def _cells(header, lines):
    """The cells between two marks, of which the first has a header."""
    metadata = {"nbgrader": {"grade_id": name[1]}} if (name := GRADE_ID.search(header)) else {}
    for kind, names in (("markdown", ("[markdown]", "[md]")), ("raw", ("[raw]",))):
        if any(name in header for name in names):
            return [_cell(kind, _prose("\n".join(lines)), metadata)]
    if metadata or header:
        return [_cell("code", _code("\n".join(lines)), metadata)]
    return [_cell(*_kind_and_text(part), {}) for part in _parts(lines)]


def _cell(kind, text, metadata):
    return {"cell_type": kind, "metadata": metadata, "source": text.strip("\n")}


def _parts(lines):
    """The parts of code without marks: a blank line ends one if the line below it begins a statement."""
    part, quote, blank = list[str](), "", False
    for line in lines:
        begins = not quote and bool(line) and line[0] not in " \t)]}"
        if part and begins and blank and not part[-1].startswith("@"):
            yield "\n".join(part)
            part = []
        part.append(line)
        blank = not line.strip()
        quote = _open_quote(line, quote)
    yield "\n".join(part)


def _open_quote(line, quote):
    """Which triple quote is open at the end of a line; "" if none is."""
    if not quote and line.lstrip().startswith("#"):
        return ""
    for mark in re.findall(r"\"\"\"|'''", line):
        quote = mark if not quote else "" if mark == quote else quote
    return quote


def _kind_and_text(part):
    lines = [line for line in part.splitlines() if line.strip()]
    if (lines and all(line.startswith("#") for line in lines)) or TEXT.fullmatch(part):
        return "markdown", _prose(part)
    return "code", _code(part)


def _prose(text):
    """Prose, which stands in a script as a comment or as a string."""
    if found := TEXT.fullmatch(text):
        return found[1] or found[2] or ""
    return re.sub(r"^# ?", "", text, flags=re.M)


def _code(text):
    """Code, in which nbconvert has written a cell with a magic as a call."""
    lines = []
    for line in text.splitlines():
        if found := CELL_MAGIC.fullmatch(line):
            try:
                name, arguments, body = ast.literal_eval(found[1])
                line = f"%%{name} {arguments}\n{body}"
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                pass
        lines.append(line)
    return "\n".join(lines)
