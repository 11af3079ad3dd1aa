"""Tema 9: AlexNet and ZFNet. The map of the modules is docs/map.md.

Importing this package loads no torch: `tema9.check` and the layer tables answer at once.
"""
# ruff: noqa: E402

import os
import sys


def own_folder_last() -> None:
    """Make Python look for modules in the current folder only after it has looked everywhere else.

    A student's random.py that lies there is then not imported in the place of Python's.
    """
    try:
        own = {"", os.getcwd()}
    except OSError:  # the folder has been deleted
        own = {""}
    sys.path.sort(key=lambda place: place in own)


own_folder_last()  # before the imports below; both modules above are loaded before Python looks in that folder

from tema9.architectures import ARCHITECTURES
from tema9.arithmetic import compare, layer_table
from tema9.checks import check
from tema9.hints import hint

__version__ = "0.1.0"
__all__ = ["ARCHITECTURES", "check", "compare", "hint", "layer_table"]
