"""A GPU that is played on a CPU: what torch.cuda is asked to do is written down, and a captured step is replayed."""

import contextlib
import threading

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Played:
    """Stands for torch.cuda where there is no GPU: it writes down what it is asked to do."""

    def __init__(self, monkeypatch):
        self.told, played = [], self

        class Event:
            recorded = None

            def record(self, stream):
                self.recorded = stream
                played.told.append(("record", stream.name))

            def synchronize(self):
                played.told.append(("synchronize", threading.current_thread().name.split("_")[0]))

        class Stream:
            def __init__(self, device=None, name="copies"):
                self.name, self.device = name, device

            def wait_event(self, event):
                played.told.append((f"{self.name} wait for", event.recorded and event.recorded.name))

            def wait_stream(self, other):
                played.told.append((f"{self.name} wait for", other.name))

        compute = Stream(name="compute")
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: compute)
        empty = torch.empty
        monkeypatch.setattr(
            torch, "empty", lambda *shape, dtype, device=None, pin_memory=False: empty(*shape, dtype=dtype)
        )


class Tape(TorchDispatchMode):
    """A function as the operations that it asked for, each with the memory that it read and wrote.

    As a CUDA graph it does nothing when it is made, and `replay` does the operations, in the same memory, without the
    Python around them: what the function had from Python, a rate for instance, is what it was.
    """

    def __init__(self, function):
        super().__init__()
        self.calls, self.made, before = [], set(), torch.get_rng_state()
        self.was = {}  # what was in the memory of the tensors that the function found there
        with self:
            function()
        with torch.no_grad():
            for tensor, content in self.was.values():
                tensor.copy_(content)
        torch.set_rng_state(before)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        assert func is not torch.ops.aten._local_scalar_dense.default, "a value is asked for in the middle of a step"
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, torch.Tensor) and id(value) not in self.made and id(value) not in self.was:
                self.was[id(value)] = value, value.clone()
        out = func(*args, **kwargs)
        self.calls.append(
            (func, args, kwargs, [value for value in tree_leaves(out) if isinstance(value, torch.Tensor)])
        )
        self.made |= set(map(id, self.calls[-1][-1]))
        return out

    def replay(self):
        with torch.no_grad():
            for func, args, kwargs, outs in self.calls:
                again = [value for value in tree_leaves(func(*args, **kwargs)) if isinstance(value, torch.Tensor)]
                for out, value in zip(outs, again, strict=True):
                    if out.data_ptr() != value.data_ptr():
                        out.copy_(value)
