"""The program inside the sandbox: a process that has imported everything and forks for each submission.

`sandbox.Sandbox` starts it, and its orders come on the socket that is its standard input. It never runs a line of a
student's code itself. A fork is either a `StudentServer`, which runs cells and calls what they define, or a Jupyter
kernel. Each has namespaces of its own (`isolation`): what a submission starts and writes ends with it, and the warm
process waits for that. Without a sandbox there are none, and the warm process ends and wipes what it can find.
"""

import array
import contextlib
import gc
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from tema9.classroom.sandbox import linux
from tema9.classroom.sandbox.isolation import BOX, Isolation

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LONGEST_ORDER = 4 * 2**20
MOST_OPEN_FILES = 256  # sockets too, whose buffers are counted nowhere
THREADS_OF_A_PROCESS = 4  # that the cap on processes allows for, since Linux counts threads
# Of these a fork has copies of its own, under no name by which a student's code could find and patch them.
OWN = (
    "measuring",
    "checks",
    "classroom.sandbox.wire",
    "classroom.sandbox.messages",
    "classroom.sandbox.student_server",
)


def main(unsandboxed: str = "") -> None:
    """Import everything, report to be ready, and follow orders until the socket closes.

    Args:
        unsandboxed: the writable folder where there is no sandbox; "" in a sandbox.
    """
    control = socket.socket(fileno=os.dup(0))
    linux.prctl(linux.DUMPABLE, 0)  # no fork reads or traces this process
    if unsandboxed:  # in a sandbox, bubblewrap sees to it
        linux.prctl(linux.PDEATHSIG, signal.SIGKILL)
    top, isolation = Path(unsandboxed or BOX), None if unsandboxed else Isolation()
    fonts = Path(os.environ.pop("TEMA9_FONTS"))
    make_home(top, fonts)
    gc.disable()  # imports leave little to collect, and a collection looks at all that they have made
    shell, own = warm_up()
    gc.enable()
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
            case "end":
                with contextlib.suppress(ChildProcessError):  # it was the child of a warm process before this one
                    os.waitpid(order["pid"], 0)  # a namespace's first process is gone when all of it is gone
                if isolation is None:
                    end_and_wipe(order["pid"], top)
                    make_home(top, fonts)
                control.send(b'{"ended": true}')
            case "serve" | "kernel":
                if order["do"] == "kernel":
                    warm_up_kernels()
                try:
                    pid = isolation.fork() if isolation else os.fork()
                except OSError as error:
                    control.send(json.dumps({"failed": str(error)}).encode())
                    continue
                if pid == 0:
                    become(order, fds[0], top, fonts, shell, own, isolation)
                descriptor = linux.open_pidfd(pid)
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
    fd: int,
    top: Path,
    fonts: Path,
    shell: "InteractiveShell",
    own: dict[str, Any],
    isolation: Isolation | None,
) -> NoReturn:
    """In the fork: be parted from all others, say so on the link, and be a student's process or a kernel to the end.

    What goes wrong before a line of a student's code runs is said on the link, and the fork ends.
    """
    messages = own["messages"]
    try:
        link = socket.socket(fileno=fd)
        try:
            os.setsid()
            linux.prctl(linux.DUMPABLE, 1)
            if isolation is not None:
                isolation.enter(order["limits"]["disk_bytes"])
                make_home(top, fonts)
            else:
                linux.prctl(linux.PDEATHSIG, signal.SIGKILL)
            link = keep_only(link)
            os.chdir(top / "work")
            limit(order["limits"], isolated=isolation is not None)
            linux.prctl(linux.DUMPABLE, 1)  # again, for a change of rights undoes it; the judge looks into its /proc
            if isolation is not None:
                isolation.filter()
            said = b""
        except OSError as error:
            said = str(error).encode() or b"the process of a submission could not be prepared"
        messages.send(link, said)
        if said:
            os._exit(1)
        if order["do"] == "serve":
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a cell has started interrupts no test
            own["student_server"].StudentServer(link, shell, own).serve()
        else:
            kernel(**json.loads(messages.receive(link)))
    finally:
        os._exit(0)


def keep_only(link: socket.socket) -> socket.socket:
    """Close every file but a socket, which this returns under a new number, and let the outputs go nowhere."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    kept = os.dup2(link.detach(), 3)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > kept:
            with contextlib.suppress(OSError):  # the folder that was listed
                os.close(int(name))
    return socket.socket(fileno=kept)


def limit(limits: dict[str, int], isolated: bool) -> None:
    """Set the caps of a fork: bytes of memory beyond what it starts with, seconds, bytes of a file, open files.

    In a namespace of users, Linux counts the processes of a user there alone from 5.14 on; root has no cap on them.
    """
    import resource  # which Windows lacks, where this module can be imported all the same

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    caps = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + limits["memory"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: MOST_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    version = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    if isolated and version >= (5, 14):
        caps[resource.RLIMIT_NPROC] = THREADS_OF_A_PROCESS * limits["processes"]
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


def make_home(top: Path, fonts: Path) -> None:
    """Make the folders that a fork expects to be there, and matplotlib's list of fonts, which takes seconds to make."""
    (top / "work").mkdir(parents=True, exist_ok=True)
    (top / "home").mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        shutil.copytree(fonts, os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)


def end_and_wipe(pid: int, top: Path) -> None:
    """Without a sandbox: end the session that a fork led, and remove what it wrote into its folder."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    for path in top.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
