"""A training step as one CUDA graph: the GPU is told once for all its hundred operations, and not for each of them.

That pays where the operations are so small that telling takes longer than doing, as in LeNet-5 and the mini-AlexNet.
"""

from collections.abc import Callable

import torch
from torch import nn

from tema9.machine import Machine, processes
from tema9.views import Draws

WARM = 3  # steps one by one before a capture, so that momentum, workspaces and the choice of algorithms are there
Step = Callable[[int, torch.Tensor, Draws, torch.Tensor], torch.Tensor]


def why_not(model: nn.Module, machine: Machine) -> str:
    """Return why the steps of a run cannot be captured, in a few words, or an empty string if they can."""
    if machine.device.type != "cuda":
        return f"{machine.device.type} has no CUDA graphs"
    if processes() > 1:
        return "several processes average their gradients in the middle of a step"
    if hasattr(model, "devices"):
        return "the model lies over several devices"
    return ""


class Graph:
    """A step that is captured as a CUDA graph after its first calls, and replayed from then on.

    What changes from step to step is copied to memory of its own before each replay: the images, their labels and what
    was drawn for their views. The rates must lie on the device too (`training.Run` sees to that). Dropout goes on to
    draw from torch's own generator of the device, whose seed and place each replay reads. A step of another size, as
    the last of an epoch may be, runs as it is; so do all of them if the capture fails, and the reason is printed.

    Args:
        step: (size of the batch, images, draws, labels) -> the loss, which stays on the device; it changes the weights.
        batch_size: of the steps that are captured.
        device: CUDA.
    """

    def __init__(self, step: Step, batch_size: int, device: torch.device) -> None:
        self.step, self.batch_size = step, batch_size
        self.stream = torch.cuda.Stream(device)
        self.warm: dict[tuple, int] = {}
        self.captured: dict[tuple, _Captured] = {}
        self.failed = False

    def __call__(self, count: int, images: torch.Tensor, draws: Draws, labels: torch.Tensor) -> torch.Tensor:
        if count != self.batch_size or self.failed:
            return self.step(count, images, draws, labels)
        inputs = (images, *draws, labels)
        kind = tuple(None if value is None else (value.shape, value.dtype, value.stride()) for value in inputs)
        if self.warm.get(kind, 0) < WARM:
            self.warm[kind] = self.warm.get(kind, 0) + 1
            return self._aside(lambda: self.step(count, images, draws, labels))
        if kind not in self.captured:
            try:
                self.captured[kind] = _Captured(self.step, count, inputs, self.stream)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # of an operation that cannot be captured, in many words
                self.failed = True
                print(f"the steps run one by one, not as a graph: {' '.join(str(error).split())[:200]}")
                return self.step(count, images, draws, labels)
        return self.captured[kind](inputs)

    def _aside(self, function):
        """Run something in the stream in which the step will be captured, after what came before it."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            result = function()
        current.wait_stream(self.stream)
        return result


class _Captured:
    """A step whose operations a graph holds, with the memory from which they read and the loss that they write."""

    def __init__(self, step, count, inputs, stream):
        self.inputs = [None if value is None else torch.empty_like(value).copy_(value) for value in inputs]
        images, *draws, labels = self.inputs
        self.loss = torch.zeros((), device=images.device)
        self.replay = capture(lambda: self.loss.copy_(step(count, images, Draws(*draws), labels)), stream)

    def __call__(self, inputs):
        for here, value in zip(self.inputs, inputs, strict=True):
            if here is not None:
                here.copy_(value)
        self.replay()
        return self.loss.clone()


def capture(function: Callable[[], object], stream: torch.cuda.Stream) -> Callable[[], None]:
    """Capture what a function asks of a GPU, without doing it, and return the function that does it all at once.

    Args:
        function: it has been called before, in this stream, so that nothing is left to be prepared.
        stream: in which to capture.
    """
    graph = torch.cuda.CUDAGraph()
    # The threads that read images may go on with their copies meanwhile.
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        function()
    return graph.replay
