"""An answer as a student leaves it in a notebook: in its cell, in the halves of a split cell, or in a cell of its own.

The texts here are those of strangers, so everything takes time in proportion to their length.
"""

import ast
import builtins
import re
from collections.abc import Sequence

CODE_STUB = "# ESCRIBE TU CÓDIGO AQUÍ"
TEXT_STUB = "*ESCRIBE TU RESPUESTA AQUÍ*"
STILL_A_STUB = "raise NotImplementedError()"
MOST_PIECES = 12  # of an answer that does not parse, of which other ways to join them are tried
# What may stand above Python; below another magic of a cell stands something else.
ABOVE_PYTHON = ("time", "timeit", "capture", "prun", "debug", "code_wrap", "memit", "mprun", "lprun", "heat")


def definitions(text: str) -> set[str]:
    """Return the names of the functions and classes that a text defines at its top level, Python or nearly."""
    return set(re.findall(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", text, flags=re.M))


def names(text: str) -> set[str]:
    """Return the names that a text defines or assigns to at its top level, Python or nearly.

    Example:
        >>> sorted(names("def f(x):\\n    y = 1\\na, b = 2, 3\\nc: int = 4"))
        ['a', 'b', 'c', 'f']
    """
    targets = re.findall(r"^(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*(?::[^=\n]*)?=(?!=)", text, flags=re.M)
    return definitions(text) | {name.strip() for target in targets for name in target.split(",")}


def free_names(tree: ast.AST) -> set[str]:
    """Return the names that a piece of code uses and neither defines nor imports; builtins are left out."""
    defined, used = set(dir(builtins)), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                defined.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                defined.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                defined.update(alias.asname or alias.name.split(".")[0] for alias in names)
    return used - defined


def is_blank(text: str) -> bool:
    """Return whether a cell of code holds nothing but space and comments."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def parses(text: str) -> bool:
    """Return whether a text is Python, if magics and commands of the system are left out."""
    try:
        ast.parse(re.sub(r"^([ \t]*)(?:[%!?][^\n]*|[\w.*]+\?\??[ \t]*)$", r"\1pass", text, flags=re.M))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def join(cells: Sequence[str]) -> str:
    """Join the cells of one answer in code, as they would run one after another, into the text of one cell.

    The halves of a cell that was split come together again. Of a definition that stands in several cells, the last one
    that is Python counts. What is no Python, not even together with the cells around it, is left out, unless nothing
    else is left.

    Args:
        cells: the texts, in the order of the notebook.

    Example:
        >>> join(["def f(x):", "    return x"])
        'def f(x):\\n    return x'
        >>> join(["def f(x):\\n    return x", "def f(x):\\n    return 2 * x"])
        'def f(x):\\n    return 2 * x'
    """
    if len(cells) == 1:
        return cells[0]
    pieces = [piece for piece in map(_without_cell_magic, cells) if not is_blank(piece)] or [""]
    whole = "\n".join(pieces)
    if not parses(whole):
        pieces = _sound(pieces) or [whole]
    kept: list[str] = []
    later: set[str] = set()
    for piece in reversed(pieces):
        if definitions(piece) and names(piece) <= later:
            continue
        kept.append(piece)
        later |= names(piece)
    return "\n".join(reversed(kept))


def _without_cell_magic(text):
    found = re.match(r"\s*%%(\S+)[^\n]*(?:\n|$)", text)
    if not found:
        return text
    return text[found.end() :] if found[1] in ABOVE_PYTHON else ""


def _sound(pieces):
    """The pieces that are Python, alone or with those that follow them."""
    most = len(pieces) if len(pieces) <= MOST_PIECES else 1
    sound, start = [], 0
    while start < len(pieces):
        for end in range(min(start + most, len(pieces)), start, -1):
            together = "\n".join(pieces[start:end])
            if parses(together):
                sound.append(together)
                start = end
                break
        else:
            start += 1
    return sound
