"""The interactive pictures of the notebooks, on ipywidgets: one function for each, one file for each.

Each function returns labelled controls that the keyboard moves, and under them a picture with its
alternative text and a sentence. Where no front end can move the controls (an exported or printed notebook),
the picture of their first values is shown instead.
"""

from tema9.widgets.digit_pad import Digit, digit
from tema9.widgets.dropout_rules import dropout
from tema9.widgets.explorer import Explorer, Impossible
from tema9.widgets.gpu_traffic import two_gpus
from tema9.widgets.input_side import input_224
from tema9.widgets.layer_table_editor import layer_editor
from tema9.widgets.local_response import lrn
from tema9.widgets.occlusion_map import occlusion
from tema9.widgets.sliding_window import convolution
from tema9.widgets.training_memory import memory
from tema9.widgets.training_run import Training, live_training

__all__ = [
    "Digit",
    "Explorer",
    "Impossible",
    "Training",
    "convolution",
    "digit",
    "dropout",
    "input_224",
    "layer_editor",
    "live_training",
    "lrn",
    "memory",
    "occlusion",
    "two_gpus",
]
