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
