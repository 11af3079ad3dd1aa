"""The device on which a model runs and its precision, chosen once, outside the training loop."""

import contextlib
import functools
import os
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from tema9 import hardware, reading
from tema9.prepared import Batches

Model = TypeVar("Model", bound=nn.Module)
Value = TypeVar("Value")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "tf32": torch.float32}


@dataclass(frozen=True)
class Machine:
    """A device, the precision of its arithmetic and the layout of its memory.

    precision: "float32", "bfloat16" or "tf32". With "bfloat16", the operations that torch's autocast chooses
        run in it, while parameters, gradients and the loss stay in float32. With "tf32", which NVIDIA's GPUs
        have since 2020, matrix products and convolutions round the values that they multiply to 10 bits of mantissa;
        with "float32" they do not, which is not what torch does by itself in convolutions.
    channels_last: lay images and feature maps out with the channels of a pixel side by side.
    compile: run the model through torch.compile.
    accumulate: into how many pieces a batch is cut, one after the other through the network; their gradients
        add up to those of the batch, with the memory of a piece. Batch Normalization would see the pieces alone.
    readers: threads that read images from the disk ahead of the loop; with 0, the loop reads each batch itself.
    graph: on CUDA, train by steps that are captured as one graph each, see `graphs`.
    peak: the most operations a second, as `measure_peak` finds them; 0 where nobody measured them.
    """

    device: torch.device
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    accumulate: int = 1
    readers: int = 0
    graph: bool = False
    peak: float = 0.0

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise ValueError(f"accumulate {self.accumulate} is not a number of pieces; give 1 or more")
        if self.readers < 0:
            raise ValueError(f"readers {self.readers} is not a number of threads; give 0 or more")

    @classmethod
    def of(cls, model: nn.Module) -> "Machine":
        """The machine on which a model already is, in float32."""
        return cls(next(model.parameters()).device)

    def place(self, model: Model) -> Model:
        """Move a model to the device, in the memory format of the machine, and return the model.

        A model that lies over several devices, and says so in its attribute `devices`, stays on them. On CUDA, this
        process computes from here on in the precision of the machine, and cuDNN tries its algorithms for each new
        shape and keeps the fastest, unless they are to be deterministic.
        """
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
            torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
        memory_format = torch.channels_last if self.channels_last else torch.preserve_format
        device = None if hasattr(model, "devices") else self.device
        return model.to(device, memory_format=memory_format)  # type: ignore[call-overload]  # torch's lacks it

    def forward_of(self, model: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the function to call in training: the model, over several processes or compiled if asked for."""
        if processes() > 1:
            on = [self.device] if self.device.type == "cuda" and not hasattr(model, "devices") else None
            model = torch.nn.parallel.DistributedDataParallel(model, device_ids=on)
        # The last batch of an epoch has a shape of its own; with dynamic shapes all the others would be slower.
        return torch.compile(model, dynamic=False) if self.compile else model

    def hold(self, images: torch.Tensor | Batches) -> torch.Tensor | Batches:
        """Move a tensor of images to the device; images that lie on the disk stay there, to be read by batches."""
        return images.to(self.device) if isinstance(images, torch.Tensor) else images

    def upload(self, values: torch.Tensor) -> torch.Tensor:
        """Copy a tensor to the device, without waiting for a GPU to be done with what it was given before."""
        if self.device.type == "cuda" and values.is_cpu:
            return values.pin_memory().to(self.device, non_blocking=True)  # from other memory the copy waits
        return values.to(self.device)

    def places(self, images: torch.Tensor | Batches, which: torch.Tensor) -> torch.Tensor:
        """Return indices where `stream` can use them without a copy: on the device if the images are there."""
        return self.upload(which) if isinstance(images, torch.Tensor) and not images.is_cpu else which

    def stream(self, images: torch.Tensor | Batches, parts: Sequence[torch.Tensor]) -> Generator[torch.Tensor]:
        """Yield batches of images, wherever they are, on the device; each may be used until the next is asked for.

        Args:
            parts: the indices of each batch, as `places` returned them, or parts of these.
        """
        if isinstance(images, Batches) and self.readers:
            with contextlib.closing(reading.ahead(images, parts, self.device, self.readers)) as batches:
                for batch in batches:
                    yield self.upload(batch)  # unless it is there
        else:
            for which in parts:
                yield self.upload(images[which])

    def arrange(self, images: torch.Tensor) -> torch.Tensor:
        """Put a batch (N, C, H, W) into the memory format of the model."""
        if self.channels_last and images.ndim == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def autocast(self) -> contextlib.AbstractContextManager:
        """Return the context in which the forward pass runs in the precision of the machine."""
        if self.precision != "bfloat16":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, PRECISIONS[self.precision])

    @contextlib.contextmanager
    def seeded(self, seed: int) -> Iterator[torch.Generator]:
        """Seed torch's draws within the context, on the CPU and on this device, and yield a generator with that seed.

        Afterwards torch's draws go on as if the context had not been there.
        """
        everywhere = range(torch.cuda.device_count()) if self.device.type == "cuda" else ()  # manual_seed seeds all
        with torch.random.fork_rng(everywhere):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)

    def memory(self) -> int:
        """Bytes of memory of the device; of a CPU, those of the computer."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_properties(self.device).total_memory
        if self.device.type == "mps":
            return torch.mps.recommended_max_memory()
        return hardware.memory()

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        extras = []
        if self.device.type == "cuda":
            deterministic = torch.are_deterministic_algorithms_enabled()
            extras += ["deterministic algorithms" if deterministic else "the fastest algorithms by trial"]
        extras += ["channels last"] * self.channels_last + ["compiled"] * self.compile + ["as a graph"] * self.graph
        extras += [f"batches in {self.accumulate} pieces"] * (self.accumulate > 1)
        return ", ".join([name, self.precision, *extras])


def choose(
    device: str = "auto",
    precision: str = "auto",
    channels_last: bool | None = None,
    compile: bool = False,
    accumulate: int = 1,
    deterministic: bool = False,
    readers: int | None = None,
    graph: bool = False,
) -> Machine:
    """Choose the device and the precision to compute with; `benchmarks/machine.py` measures the choices.

    A CPU stays in float32 even if it computes bfloat16 in hardware: LeNet-5 is slower in bfloat16 there, and
    two laptops would get different numbers. Ask for bfloat16 where it pays: AlexNet's step took 0.6 of the time.

    Args:
        device: "auto" (CUDA, else MPS, else the CPU) or any of torch's, as "cuda:1". Under torchrun, "auto" and
            "cuda" give each process of a machine a GPU of its own.
        precision: "auto" (bfloat16 on a GPU that has it in silicon, else float32), "float32",
            "bfloat16" or, on CUDA only, "tf32".
        channels_last: see Machine; None chooses it on every device but MPS.
        compile: see Machine; on a CPU it was slower.
        accumulate: see Machine.
        deterministic: from here on, this process uses only algorithms that give the same bits each time, where torch
            has them. A CPU does so anyway; on a GPU they are slower, and feature maps are contiguous, since torch's
            gradient of max pooling adds up in no fixed order in the other format.
        graph: see Machine; training says so where there can be none.
        readers: see Machine; None takes none on a CPU, which would only wait for itself, and on a GPU one for each
            core that this process may use, among the processes of torchrun on this machine.

    Raises:
        ValueError: there is no such device here, several processes would share it, or the precision is unknown.
    """
    if device == "auto":
        mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    local, here = os.environ.get("LOCAL_RANK"), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if device == "cuda" and local is not None:
        device = f"cuda:{local}"
    elif device.startswith("cuda:") and here > 1:
        raise ValueError(
            f"device {device!r} is one, for {here} processes on this machine; give cuda: each takes its own"
        )
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"device {device!r} is not here; give auto, cpu, cuda, cuda:N or mps") from None
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"unknown precision {precision!r}; known: auto, {', '.join(PRECISIONS)}")
    if precision == "tf32" and found.type != "cuda":
        raise ValueError(f"precision 'tf32' is of NVIDIA's GPUs, and the device is {found}; give float32 or bfloat16")
    if precision == "auto":
        precision = (
            "bfloat16" if found.type == "cuda" and torch.cuda.get_device_capability(found) >= (8, 0) else "float32"
        )
    if channels_last is None:
        channels_last = found.type != "mps" and not (deterministic and found.type == "cuda")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # NVIDIA's cuBLAS, "Results Reproducibility"
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
        # torch warns of the gradient of max pooling in both formats.
        warnings.filterwarnings("ignore", message="max_pool2d_with_indices_backward_cuda")
    if readers is None:
        readers = max(1, hardware.cores() // here) if found.type == "cuda" else 0
    return Machine(found, precision, channels_last, compile, accumulate, readers, graph)


@functools.cache
def measure_peak(device: torch.device, precision: str) -> float:
    """Return the most floating-point operations a second of a product of square matrices on a device, the best of some.

    That is what a share of the peak is a share of, here and in `benchmarks/machine.py`. It takes a fraction of a
    second, once in a process; what else the machine does meanwhile makes it smaller.

    Args:
        device: one of torch's, on which nothing else runs.
        precision: a name of `PRECISIONS`.
    """
    best = 0.0
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    for side in (4096, 8192) if device.type == "cuda" else (1024,):
        a, b = (torch.randn(side, side, device=device).to(PRECISIONS[precision]) for _ in range(2))
        for _ in range(4):
            started = time.perf_counter()
            (a @ b)[0, 0].item()  # waits for a GPU
            best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def rank() -> int:
    """The number of this process among those that torchrun started; 0 without torchrun."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def processes() -> int:
    """How many processes train together; 1 without torchrun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def total(value: torch.Tensor, device: str | torch.device) -> torch.Tensor:
    """Add up a tensor over the processes that train together, each on its device."""
    if processes() == 1:
        return value
    moved = value.to(device)
    dist.all_reduce(moved)
    return moved.to(value.device)


def from_first(make: Callable[[], Value]) -> Value:
    """Return, in all the processes that train together, what a function returns in the first, where alone it is called.

    What it raises there is raised in all of them.
    """
    if processes() == 1:
        return make()
    box: list[Any] = [None]
    if rank() == 0:
        try:
            box = [(make(), None)]
        except Exception as error:  # the others wait for an answer
            box = [(None, error)]
    dist.broadcast_object_list(box)
    value, failure = box[0]
    if failure:
        raise failure
    return value


@contextlib.contextmanager
def joined(device: str | torch.device) -> Iterator[None]:
    """Within the context, train together with the processes that torchrun started, if it did."""
    if "RANK" not in os.environ or "MASTER_ADDR" not in os.environ:
        yield
        return
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if torch.device(device).type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()
