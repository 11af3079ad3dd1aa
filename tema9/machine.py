"""Where a model runs and in which precision; chosen once, outside the training loop."""

import contextlib
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist

from tema9 import hardware

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Machine:
    """A device and how it is used.

    precision: "float32" or "bfloat16"; with the second, what torch's autocast chooses runs in
        it, while parameters, gradients and the loss stay in float32.
    channels_last: lay images and feature maps out with the channels of a pixel side by side.
    compile: run the model through torch.compile.
    """

    device: torch.device
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False

    @classmethod
    def of(cls, model):
        """The machine that a model is on already, in float32."""
        return cls(next(model.parameters()).device)

    def place(self, model):
        """Move a model there, in its memory format, and return it."""
        return model.to(self.device, memory_format=torch.channels_last if self.channels_last else torch.preserve_format)

    def forward_of(self, model):
        """What to call in training: the model; compiled, or over several processes, where asked for."""
        if processes() > 1:
            on = [self.device] if self.device.type == "cuda" else None
            model = torch.nn.parallel.DistributedDataParallel(model, device_ids=on)
        return torch.compile(model) if self.compile else model

    def hold(self, images):
        """Tensors move to the device, whole; what lies on disk stays there and comes by batches."""
        return images.to(self.device) if isinstance(images, torch.Tensor) else images

    def take(self, images, which):
        """A batch of `hold`'s images, by index, on the device."""
        if isinstance(images, torch.Tensor):
            return images[which.to(images.device)].to(self.device)
        batch = images[which]
        if self.device.type == "cuda":
            batch = batch.pin_memory()  # so that the copy runs beside the computation
        return batch.to(self.device, non_blocking=True)

    def arrange(self, images):
        """Put a batch (N, C, H, W) into the memory format of the model."""
        if self.channels_last and images.ndim == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def autocast(self):
        """The context that the forward pass runs in."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, PRECISIONS[self.precision])

    @contextlib.contextmanager
    def seeded(self, seed):
        """Draw from `seed` within, on the CPU and on this device; torch's own draws then go on as if nothing was."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)

    def memory(self):
        """Bytes of memory that the device has; of a CPU, those of the machine."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_properties(self.device).total_memory
        if self.device.type == "mps":
            return torch.mps.recommended_max_memory()
        return hardware.memory()

    def __str__(self):
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        extras = ["channels last"] * self.channels_last + ["compiled"] * self.compile
        return ", ".join([name, self.precision, *extras])


def choose(device="auto", precision="auto", channels_last=None, compile=False) -> Machine:
    """Choose a machine; `benchmarks/machine.py` measures the choices.

    A CPU stays in float32 even if it has bfloat16 in silicon: LeNet-5 is slower in it there, and two
    laptops would get other numbers. Ask for it where it pays: AlexNet's step took 0.6 of the time.

    Args:
        device: "auto" (CUDA, else MPS, else the CPU) or any of torch's, as "cuda:1".
        precision: "auto" (bfloat16 on a GPU that has it in silicon, else float32), "float32"
            or "bfloat16".
        channels_last: None takes it but on MPS.
        compile: see Machine; on a CPU it was slower.

    Raises:
        ValueError: there is no such device here, or the precision is unknown.
    """
    if device == "auto":
        mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
        if device == "cuda" and "LOCAL_RANK" in os.environ:
            device = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"device {device!r} is not here; give auto, cpu, cuda, cuda:N or mps") from None
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"unknown precision {precision!r}; known: auto, {', '.join(PRECISIONS)}")
    if precision == "auto":
        precision = (
            "bfloat16" if found.type == "cuda" and torch.cuda.get_device_capability(found) >= (8, 0) else "float32"
        )
    if channels_last is None:
        channels_last = found.type != "mps"
    return Machine(found, precision, channels_last, compile)


def rank():
    """The number of this process among those of torchrun; 0 without it."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def processes():
    """How many processes train together; 1 without torchrun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def total(value, device):
    """Add up a tensor over the processes that train together, each on its device."""
    if processes() == 1:
        return value
    moved = value.to(device)
    dist.all_reduce(moved)
    return moved.to(value.device)


def wait():
    """Wait until every process that trains together has come here."""
    if processes() > 1:
        dist.barrier()


@contextlib.contextmanager
def joined(device):
    """Join the processes that torchrun started, if it did, and leave them at the end."""
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
