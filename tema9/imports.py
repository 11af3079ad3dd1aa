"""What a student's kernel imports: files beside the notebook that hide a module, and imports that ■ would leave broken.

A file `random.py` or a folder `torch/` beside a notebook takes the place of the module of that name if Python looks
there first. And a package whose import is interrupted half way is broken until the kernel is restarted: torch, which
imports a part of itself in the first training, then blames a right answer.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

WAITING = "■: se para en cuanto acabe de cargarse un paquete; espera unos segundos"


def hiding(folder: str | Path = ".") -> list[Path]:
    """The files and packages in a folder that have the name of a module of Python's or of an installed package.

    Args:
        folder: that of a notebook; one that is not there or cannot be read holds none.
    """
    import importlib.machinery
    import pkgutil

    own = Path(folder).resolve()
    elsewhere = [place for place in sys.path if place and Path(place).resolve() != own]
    found = []
    for module in pkgutil.iter_modules([str(own)]):
        spec = importlib.machinery.PathFinder.find_spec(module.name, [str(own)])
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).parent if module.ispkg else Path(spec.origin)
        ours = module.name == "tema9" and (path / "checks.json").is_file()  # the course's own folder, not a student's
        if not ours and (
            module.name in sys.stdlib_module_names
            or module.name == "tema9"
            or importlib.machinery.PathFinder.find_spec(module.name, elsewhere)
        ):
            found.append(path)
    return found


def advice(paths: Iterable[Path]) -> str:
    """What to do about the files that `hiding` has found, in one line in Spanish; "" if there are none."""
    paths = list(paths)
    if not paths:
        return ""
    names = ", ".join(f"`{path.name}{'/' * path.is_dir()}`" for path in paths)
    renamed = f"mi_{paths[0].name}"
    if len(paths) == 1:
        return f"{names}, junto al cuaderno, se llama como un módulo de Python: cámbiale el nombre (`{renamed}`)"
    return f"{names}, junto al cuaderno, se llaman como módulos de Python: cámbiales el nombre (`{renamed}`)"


def taken(paths: Iterable[Path]) -> list[Path]:
    """Those of the files that `hiding` has found that have been imported in the place of a module."""
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return [path for path in paths if loaded & {str(path), str(path / "__init__.py")}]


def running(frame: FrameType | None) -> FrameType | None:
    """The frame that imports a package, the outermost one if several do; None if no package is being imported.

    While a student's own file is imported, what it runs can be interrupted, unless that imports a package.

    Args:
        frame: the innermost frame of a stack of calls.
    """
    called = importing = None  # `called`: by the machinery of imports
    while frame is not None:
        if not frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            called = frame
        elif called is None or not _is_own_module(called):
            importing = frame
        frame = frame.f_back
    return importing


def _is_own_module(frame):
    """Whether a frame runs a student's file from its top."""
    path = os.path.abspath(frame.f_code.co_filename)
    installed = path.startswith((sys.prefix, sys.base_prefix)) or "site-packages" in path
    return frame.f_code.co_name == "<module>" and not installed and path.startswith(os.path.join(os.getcwd(), ""))


def hold_interrupts() -> None:
    """From now on, let an interrupt (■, SIGINT) that comes while a package is imported wait for the end of the import.

    For the main thread. The handler that was there is called then; a second call changes nothing.
    """
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler) and getattr(handler, "func", None) is not _interrupt:
        signal.signal(signal.SIGINT, partial(_interrupt, handler))


def _interrupt(handler, number, frame):
    """Handle an interrupt now, or when the import that is running has ended."""
    importing = running(frame)
    if importing is None:
        handler(number, frame)
        return
    if importing.f_trace is not None:  # an interrupt waits for it already
        return
    threading.Thread(target=print, args=[WAITING], kwargs={"flush": True}).start()
    others = sys.gettrace()

    def at_its_end(frame, event, _):
        if event == "return":
            sys.settrace(others)
            handler(number, frame)
        return at_its_end

    importing.f_trace, importing.f_trace_lines = at_its_end, False
    sys.settrace(others or _trace_nothing)


def _trace_nothing(frame, event, _):
    """Trace no frame but those that have a function of their own for it."""


def mend_package() -> None:
    """Give the package `tema9` its modules again, which it lacks if its own import was interrupted."""
    for name, module in list(sys.modules.items()):
        parent, _, child = name.rpartition(".")
        if name.startswith("tema9.") and parent in sys.modules and not hasattr(sys.modules[parent], child):
            setattr(sys.modules[parent], child, module)


def load_training() -> None:
    """Import torch and all that it imports only in the first step of a training, which takes seconds.

    Meanwhile there is no garbage collection: it would look at all the objects that imports make, for a fifth of the
    time, and find little to collect.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        import torch

        weight: Any = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
    finally:
        if enabled:
            gc.enable()
