"""The program inside the sandbox: a process that has imported everything and forks for each submission.

`sandbox.Sandbox` starts it, and its orders come on the socket that is its standard input. It never runs a line of a
student's code itself. A fork is either a `StudentServer`, which runs cells and calls what they define, or a Jupyter
kernel. Between two submissions the program ends every process and empties every writable folder; what it cannot bring
back to how it was, it reports.
"""

import array
import contextlib
import ctypes
import gc
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from tema9.classroom.sandbox import pidfd

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
LONGEST_ORDER = 4 * 2**20
SECONDS_TO_END = 2  # for a submission that starts processes faster than they are ended
# Of these a fork has copies of its own, under no name by which a student's code could find and patch them.
OWN = ("measuring", "checks", "classroom.sandbox.wire", "classroom.sandbox.student_server")


def main() -> None:
    """Import everything, report to be ready, and follow orders until the socket closes."""
    control = socket.socket(fileno=os.dup(0))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # a process that outlives its parent is still ours to end
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no fork reads or traces this process
    folders = [Path(folder) for folder in json.loads(os.environ.pop("TEMA9_WRITABLE"))]
    make_home(folders[0])
    with contextlib.suppress(OSError):  # matplotlib's list of fonts takes seconds to make
        shutil.copytree(os.environ.pop("TEMA9_FONTS"), os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    gc.disable()  # imports leave little to collect, and a collection looks at all that they have made
    shell, own = warm_up()
    gc.enable()
    wipe(folders)
    freeze_gc()
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        message, fds, _, _ = socket.recv_fds(control, LONGEST_ORDER, 1)
        if not message:
            return
        order = json.loads(message)
        match order["do"]:
            case "warm":
                run_setup(order["code"])
                freeze_gc()
                control.send(b'{"warm": true}')
            case "answer":
                control.send(b'{"there": true}')
            case "clean":
                control.send(json.dumps({"clean": end_all() and wipe(folders)}).encode())
            case "serve" | "kernel":
                if order["do"] == "kernel":
                    warm_up_kernels()
                pid = os.fork()
                if pid == 0:
                    control.close()
                    become(order, fds, folders[0], shell, own, prctl)
                descriptor = pidfd.open(pid)
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
                control.sendmsg([json.dumps({"pid": pid}).encode()], ancillary)
                for fd in (descriptor, *fds):
                    os.close(fd)


def warm_up() -> "tuple[InteractiveShell, dict[str, Any]]":
    """Import what notebooks use, and use it once where the first use is slow.

    Returns:
        (IPython's shell, {short name: module} of the copies of `OWN`).
    """
    import matplotlib.pyplot  # noqa: F401
    import torch
    import torchvision  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from tema9 import checks, measuring

    torch.set_num_threads(1)  # a fork has no threads but the one that forked
    nn = torch.nn

    def small():
        return nn.Sequential(
            nn.Conv2d(1, 1, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(1, 1)
        )

    measuring.module_rows(small, (1, 1, 4, 4))
    measuring.model_output(small, torch.ones(1, 1, 4, 4))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    shell: Any = InteractiveShell.instance(config=config)
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **kwargs: None
    shell.run_cell("1", store_history=False)
    own: dict[str, Any] = {name.split(".")[-1]: copy_of(f"tema9.{name}") for name in OWN}
    known = checks.known_fingerprints()
    own["checks"].known_fingerprints = lambda: known
    return shell, own


def warm_up_kernels() -> None:
    """Import what a Jupyter kernel is made of, if nobody has asked for a kernel before."""
    if "ipykernel.kernelapp" not in sys.modules:
        import ipykernel.ipkernel
        import ipykernel.kernelapp
        import ipykernel.zmqshell  # noqa: F401

        freeze_gc()


def freeze_gc() -> None:
    """Exclude all objects that are there from garbage collection: a fork's collection would copy their memory."""
    gc.collect()
    gc.freeze()


def run_setup(code: str) -> None:
    """Run the set-up of a notebook, which is ours, so that what it imports and loads is there for every fork."""
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], contextlib.suppress(Exception):  # if it fails, it will say so in each notebook
        exec(compile(code, "<setup>", "exec"), {"__name__": "__main__"})


def become(
    order: dict[str, Any],
    fds: list[int],
    home: Path,
    shell: "InteractiveShell",
    own: dict[str, Any],
    prctl: Callable[..., int],
) -> NoReturn:
    """In the fork: take its limits, and be a student's process or a kernel to the end of it."""
    try:
        os.setsid()
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        os.chdir(home / "work")
        limit(order["limits"])
        if order["do"] == "serve":
            own["student_server"].StudentServer(socket.socket(fileno=fds[0]), shell, own).serve()
        else:
            kernel(order["connection"], order["argv"])
    finally:
        os._exit(0)


def limit(limits: dict[str, int]) -> None:
    """Set the caps of a fork: bytes of memory beyond what it starts with, seconds, bytes of a file, open files."""
    import resource  # which Windows lacks, where this module can be imported all the same

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    caps = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + limits["memory"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_CORE: 0,
    }
    for which, cap in caps.items():
        resource.setrlimit(which, (cap, cap))


def kernel(connection: dict[str, Any], argv: list[str]) -> None:
    """Be a Jupyter kernel; its sockets lie where the connection says."""
    from ipykernel.kernelapp import IPKernelApp
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    file = Path(os.environ["HOME"]) / "connection.json"
    Path(connection["ip"]).parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(connection), encoding="utf-8")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["ipykernel_launcher", "-f", str(file), *argv]
    IPKernelApp.launch_instance()


def copy_of(name: str) -> ModuleType:
    """Read a module again; the copy has no name by which it could be found."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None, name
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_home(top: Path) -> None:
    """Make the folders that a fork expects to be there."""
    for folder in ("home", "work"):
        (top / folder).mkdir(parents=True, exist_ok=True)


def end_all() -> bool:
    """End every process below this one; return whether all of them are gone."""
    import psutil

    until = time.monotonic() + SECONDS_TO_END
    while below := psutil.Process().children(recursive=True):
        if time.monotonic() > until:
            return False
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)  # if it does not end, whoever waits for our answer ends all of us
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    return True


def wipe(folders: list[Path]) -> bool:
    """Empty the writable folders; return whether nothing is left, System V's memory, queues and semaphores included."""
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
    empty = all(not any(folder.iterdir()) for folder in folders if folder.is_dir())
    make_home(folders[0])
    shared = [] if len(folders) == 1 else ["shm", "msg", "sem"]  # of a namespace of our own, in a sandbox
    return empty and all(len(Path("/proc/sysvipc", kind).read_text().splitlines()) == 1 for kind in shared)


if __name__ == "__main__":
    main()
