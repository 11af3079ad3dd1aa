"""Choices of precision, memory format and compilation, and AlexNet's step against this machine's peak.

    python benchmarks/machine.py [--repeats 5] [--threads N] [--quick]

On a GPU if there is one. The peak is measured: the fastest of several matrix products, as torch.mm
and as convolutions of 1x1, in the same precision. A training step counts the multiply-adds of the
layer table three times, one forward and two backward, the first layer's twice (nobody asks for the
gradient of the image); each is two FLOPs.
"""

import argparse
import os
import platform
import statistics
import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from tema9 import layer_table, machine, models
from tema9.machine import Machine

BATCHES = {"lenet5": 64, "alexnet_mini": 32, "alexnet_slide": 32}


def describe():
    """One line: the processor, the GPU if any, the threads, the versions."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            processor = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    gpu = f"; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{processor}, {threads}{gpu}; Python {platform.python_version()}, torch {torch.__version__}"


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(function, device, repeats, pick=statistics.median):
    """The median (or what `pick` picks) of some runs, in seconds, after one that warms up."""
    found = []
    function()
    for _ in range(repeats):
        wait(device)
        started = time.perf_counter()
        function()
        wait(device)
        found.append(time.perf_counter() - started)
    return pick(found)


def peak(device, dtype, repeats, sides):
    """The most FLOPs a second of a matrix product: square ones, and convolutions of 1x1 over 32x32 images."""
    best = 0
    for side in sides:
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        best = max(best, 2 * side**3 / timed(lambda a=a, b=b: torch.mm(a, b), device, 3 * repeats, pick=min))
        count = max(1, side // 64)
        images = torch.randn(count, 512, 32, 32, device=device).to(dtype, memory_format=torch.channels_last)
        weight = torch.randn(512, 512, 1, 1, device=device).to(dtype, memory_format=torch.channels_last)
        flops = 2 * 512 * 512 * images[:, 0].numel()
        best = max(best, flops / timed(lambda x=images, w=weight: F.conv2d(x, w), device, 3 * repeats, pick=min))
    return best


def step(name, chosen, batch_size):
    """A function that does one training step."""
    torch.manual_seed(0)
    model = chosen.place(models.build(name))
    forward = chosen.forward_of(model)
    images = chosen.arrange(torch.randn(batch_size, *layer_table(name).input_shape, device=chosen.device))
    labels = torch.randint(10, (batch_size,), device=chosen.device)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, 0.9, fused=True)

    def run():
        with chosen.autocast():
            loss = F.cross_entropy(forward(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--quick", action="store_true", help="LeNet-5 only, once: to see that it runs")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(describe())
    device = machine.choose().device
    on_gpu, repeats = device.type == "cuda", 1 if arguments.quick else arguments.repeats
    sides = (256,) if arguments.quick else (4096, 8192, 16384) if on_gpu else (1024, 2048, 4096)
    peaks = {}
    precisions = {name: dtype for name, dtype in machine.PRECISIONS.items() if on_gpu or name != "tf32"}
    for precision, dtype in precisions.items():
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        peaks[precision] = peak(device, dtype, repeats, sides)
        print(f"peak in {precision}: {peaks[precision] / 1e12:.3f} TFLOP/s")
    names = ("lenet5",) if arguments.quick else tuple(BATCHES)
    for name in names:
        batch_size = 256 if on_gpu and name.startswith("alexnet_s") else BATCHES[name]
        print(f"{name}, batch {batch_size}")
        table, plain = layer_table(name), None
        flops = table.training_flops * batch_size
        choices = [(p, last, False) for p in precisions for last in (False, True)]
        choices += [] if arguments.quick else [("float32", False, True), ("bfloat16", True, True)]
        for precision, last, compiled in tqdm(choices, leave=False):
            chosen = Machine(device, precision, last, compiled)
            try:
                seconds = timed(step(name, chosen, batch_size), device, repeats)
            except Exception as error:  # a compiler may be missing, and says so in many ways
                tqdm.write(f"  {chosen}: does not run here ({type(error).__name__})")
                continue
            plain = plain or seconds
            share = flops / seconds / peaks[precision]
            speed = f"{batch_size / seconds:9,.0f} images/s, {100 * share:5.1f} % of the peak in {precision}"
            tqdm.write(f"  {plain / seconds:5.2f} times as fast as the first; {speed}: {chosen}")


if __name__ == "__main__":
    main()
