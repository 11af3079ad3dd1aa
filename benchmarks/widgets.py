"""How long each step of an interactive picture takes in the kernel: from a control's new value to the new picture.

Every control of each goes through its values; the drawing in the browser is not in it.
"""

import argparse
import itertools
import os
import platform
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--quick", action="store_true", help="two values of each control")
parser.add_argument("--threads", type=int, default=1, help="of torch; the notebooks set 1")
arguments = parser.parse_args()

import ipywidgets
import torch

from tema9 import models, widgets

torch.set_num_threads(arguments.threads)


def values(control):
    """What a control can be set to: all, or 12 of them."""
    if hasattr(control, "options"):
        found = [option[1] if isinstance(option, tuple) else option for option in control.options]
    elif isinstance(control, ipywidgets.FloatText):  # any number can be typed
        found = [control.value + 1, control.value]
    elif isinstance(control, ipywidgets.Checkbox):
        found = [not control.value, control.value]
    else:
        count = round((control.max - control.min) / getattr(control, "step", 1))
        found = [control.min + getattr(control, "step", 1) * place for place in range(count + 1)]
        found = [*found[:: max(1, len(found) // 12)], control.value]
    return found[:2] if arguments.quick else found


def steps(explorer):
    """The seconds of each step."""
    for control in explorer.controls.values():
        start = control.value
        for value in [*values(control), start]:
            began = time.perf_counter()
            control.value = value
            yield time.perf_counter() - began


def stroke(digit):
    """The seconds of drawing an L on the pad: every move of the pen, and the answer at its end."""
    places = [(60, y) for y in range(40, 180, 6)] + [(x, 180) for x in range(60, 160, 6)]
    digit.clear()
    digit.pen_down(*places[0])
    for place in places[1:]:
        began = time.perf_counter()
        digit.pen_move(*place)
        yield time.perf_counter() - began
    began = time.perf_counter()
    digit.pen_up(*places[-1])
    yield time.perf_counter() - began


print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}, "
      f"ipywidgets {ipywidgets.__version__}, {torch.get_num_threads()} threads")  # fmt: skip
print(f"{'':14} {'opens, ms':>10} {'step, ms':>10} {'slowest':>9} {'steps':>6}")
makers = {
    "convolution": widgets.convolution,
    "input_224": widgets.input_224,
    "layer_editor": widgets.layer_editor,
    "lrn": widgets.lrn,
    "dropout": widgets.dropout,
    "two_gpus": widgets.two_gpus,
    "memory": widgets.memory,
    "digit": lambda: widgets.digit(models.LeNet5()),
    "occlusion": widgets.occlusion,
}
slowest = {}
for name, make in makers.items():
    began = time.perf_counter()
    explorer = make()
    opens = time.perf_counter() - began
    taken = sorted(itertools.chain(steps(explorer), stroke(explorer) if name == "digit" else ()))
    slowest[name] = taken[-1]
    middle = taken[len(taken) // 2]
    print(f"{name:14} {1e3 * opens:10.1f} {1e3 * middle:10.2f} {1e3 * taken[-1]:9.1f} {len(taken):6}")
worst = max(slowest, key=slowest.get)
print(f"the slowest step of all: {1e3 * slowest[worst]:.0f} ms, in {worst}")
