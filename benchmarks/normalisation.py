"""Local Response Normalization as the package computes it, against the printed formula in plain operations.

    python benchmarks/normalisation.py [--repeats 9] [--threads N] [--quick]

For the maps that are normalised in AlexNet and in the mini-AlexNet, forward and backward: how long it takes, how many
operations torch runs, how many bytes they read and write (by the sizes of their tensors), and how many bytes are kept
between the two passes. Then a training step of the two networks. Each repetition runs the ways one after the
other, so that what else the machine does falls on all of them; on a CPU the seconds are those of the processor that
this process took, over all its threads.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from machine import describe, step, wait  # benchmarks/machine.py
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tqdm import tqdm

from tema9 import layers, machine
from tema9.machine import Machine

MIB = 2**20
MAPS = {"AlexNet, CONV1": (96, 55, 55), "AlexNet, CONV2": (256, 27, 27), "mini-AlexNet, CONV1": (32, 27, 27)}


def ours(x):
    return layers.local_response_norm(x)


def formula(x, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """What the package had before: each operation keeps what its gradient needs."""
    padded = F.pad(x * x, (0, 0, 0, 0, size // 2, size // 2))
    total = sum(padded[:, first : first + x.shape[1]] for first in range(size))
    return x / (k + alpha * total) ** beta


def torchs(x):
    """torch.nn's, whose alpha is divided by the size."""
    return F.local_response_norm(x, 5, 5e-4, 0.75, 2.0)


class Traffic(TorchDispatchMode):
    """Counts the operations that compute, and the bytes of their tensors."""

    def __init__(self):
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given, made = ([t for t in tree_leaves(part) if isinstance(t, torch.Tensor)] for part in ((args, kwargs), out))
        if not func.is_view:
            self.operations += 1
            self.bytes += sum(tensor.nbytes for tensor in (*given, *made))
        return out


def pass_of(way, x):
    def run():
        x.grad = None
        y = way(x)
        y.backward(y.detach())

    return run


def runs(way, x):
    """Whether a way runs here: torch.nn's has no bfloat16 on a CPU."""
    try:
        pass_of(way, x)()
    except RuntimeError:  # NotImplementedError is one
        return False
    return True


def counted(way, x):
    """(operations, bytes read and written, bytes kept) of a forward and a backward pass."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with Traffic() as seen, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        pass_of(way, x)()
    return seen.operations, seen.bytes, sum(kept.values())


def compare(functions, device, repeats):
    """The seconds of each function, {name: [...]}, in turns, after one run of each that warms up."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    found = {name: [] for name in functions}
    for function in functions.values():
        function()
    for repeat in range(repeats):
        for name in [*functions][:: 1 if repeat % 2 else -1]:
            wait(device)
            started = clock()
            functions[name]()
            wait(device)
            found[name].append(clock() - started)
    return found


def ratio(found, first, other):
    ratios = sorted(b / a for a, b in zip(found[first], found[other], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--quick", action="store_true", help="small and once: to see that it runs")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(describe())
    device = machine.choose().device
    batch, repeats = (2, 1) if arguments.quick else (256 if device.type == "cuda" else 16, arguments.repeats)
    every = {"ours": ours, "the formula": formula, "torch.nn's": torchs}
    for where, shape in MAPS.items():
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.randn(batch, *shape, device=device).relu().to(dtype, memory_format=torch.channels_last)
            x.requires_grad_()
            ways = {name: way for name, way in every.items() if runs(way, x)}
            found = compare({name: pass_of(way, x) for name, way in ways.items()}, device, repeats)
            print(f"{where}, {batch} images, {str(dtype)[6:]}, channels last")
            for name, way in ways.items():
                operations, moved, kept = counted(way, x)
                took = f"{statistics.median(found[name]) * 1e3:8.1f} ms, takes {ratio(found, 'ours', name)} times ours"
                size = f"{operations} operations, {moved / batch / MIB:.1f} MiB an image"
                print(f"  {name:12} {took}; {size}, keeps {kept / x.nbytes:.1f} times its input")
    for name, size in (("alexnet_mini", 32), *(() if arguments.quick else (("alexnet_paper", 16),))):
        steps = {}
        for way in ("ours", "the formula"):
            steps[way] = with_way(every[way], step(name, Machine(device, "float32", True), size))
        found = compare(steps, device, 1 if arguments.quick else max(3, repeats // 2))
        tqdm.write(
            f"{name}, a training step, batch {size}: the formula takes {ratio(found, 'ours', 'the formula')} times"
        )


def with_way(way, run):
    """A step that normalises in this way."""

    def chosen():
        forward = layers.LocalResponseNorm.forward
        layers.LocalResponseNorm.forward = lambda layer, x: way(x)
        try:
            run()
        finally:
            layers.LocalResponseNorm.forward = forward

    return chosen


if __name__ == "__main__":
    main()
