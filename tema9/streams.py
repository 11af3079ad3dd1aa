"""The streams that a command prints to."""

import io
import sys


def use_utf8() -> None:
    """Print in UTF-8 to files and pipes, as Python does everywhere from 3.15 on.

    Until then Windows prints to them in the code page of its language, which lacks the signs of the reports, as ✔.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")


def printable(text: str) -> str:
    r"""Return a text with escapes for what a terminal would obey or cannot show, such as what moves its cursor.

    Example:
        >>> print(printable("ana\x1b[2J"))
        ana\x1b[2J
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
