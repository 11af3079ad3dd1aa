"""Tema 9: AlexNet and ZFNet. The map of the modules is docs/map.md.

Importing this package loads no torch: `tema9.check` and the layer tables answer at once.
"""

from tema9.architectures import ARCHITECTURES
from tema9.arithmetic import compare, layer_table
from tema9.checks import check

__version__ = "0.1.0"
__all__ = ["ARCHITECTURES", "check", "compare", "layer_table"]
