"""What runs inside the sandbox: a process that has imported everything, forked for each submission.

It is started by `sandbox.Sandbox`, reads its orders from the socket that is its standard input,
and never runs a line of a student's itself. A fork is either a `Desk`, which runs cells and calls
what they define as `border` asks, or a Jupyter kernel. Between two submissions it ends every
process and empties every writable folder; what it cannot bring back to how it was, it says.
"""

import array
import ast
import contextlib
import ctypes
import gc
import importlib.util
import io
import json
import os
import resource
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
LONGEST_ORDER = 4 * 2**20
LONGEST_OUTPUT = 20_000  # characters of what a cell prints
SECONDS_TO_END = 2  # for what starts processes faster than they are ended


def main():
    """Import, say so, and follow orders until the socket closes."""
    control = socket.socket(fileno=os.dup(0))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what outlives its parent is still ours to end
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no fork reads or traces us
    folders = [Path(folder) for folder in json.loads(os.environ.pop("TEMA9_WRITABLE"))]
    make_home(folders[0])
    with contextlib.suppress(OSError):  # matplotlib's list of fonts takes seconds to make
        shutil.copytree(os.environ.pop("TEMA9_FONTS"), os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    gc.disable()  # imports leave little to collect, and a collection looks at all that they have made
    shell, own = warm_up()
    gc.enable()
    wipe(folders)
    settle()
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        message, fds, _, _ = socket.recv_fds(control, LONGEST_ORDER, 1)
        if not message:
            return
        order = json.loads(message)
        match order["do"]:
            case "warm":
                run_setup(order["code"])
                settle()
                control.send(b'{"warm": true}')
            case "answer":
                control.send(b'{"there": true}')
            case "clean":
                control.send(json.dumps({"clean": end_all() and wipe(folders)}).encode())
            case "work" | "kernel":
                if order["do"] == "kernel":
                    warm_up_kernels()
                pid = os.fork()
                if pid == 0:
                    control.close()
                    become(order, fds, folders[0], shell, own, prctl)
                pidfd = os.pidfd_open(pid)
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
                control.sendmsg([json.dumps({"pid": pid}).encode()], ancillary)
                for fd in (pidfd, *fds):
                    os.close(fd)


def warm_up():
    """Import what notebooks use, and use it once where the first time is slow.

    Returns:
        (IPython's shell, the modules that a `Desk` has to itself).
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
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **kwargs: None
    shell.run_cell("1", store_history=False)
    own = {name: copy_of(f"tema9.{name}") for name in ("measuring", "checks", "classroom.sandbox.border")}
    known = checks.known_fingerprints()
    own["checks"].known_fingerprints = lambda: known
    return shell, own


def warm_up_kernels():
    """Import what a Jupyter kernel is made of, if nobody has asked for one before."""
    if "ipykernel.kernelapp" not in sys.modules:
        import ipykernel.ipkernel
        import ipykernel.kernelapp
        import ipykernel.zmqshell  # noqa: F401

        settle()


def settle():
    """Leave what is there to the forks as it is: a collection of theirs would copy all of it."""
    gc.collect()
    gc.freeze()


def run_setup(code):
    """Run the set-up of a notebook, which is ours, so that what it imports and loads is there for every fork."""
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], contextlib.suppress(Exception):  # if it fails, it will say so in each notebook
        exec(compile(code, "<setup>", "exec"), {"__name__": "__main__"})


def become(order, fds, home, shell, own, prctl):
    """In the fork: take its limits, and be a desk or a kernel to the end of it."""
    try:
        os.setsid()
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        os.chdir(home / "work")
        limit(order["limits"])
        if order["do"] == "work":
            Desk(socket.socket(fileno=fds[0]), shell, own).serve()
        else:
            kernel(order["connection"], order["argv"])
    finally:
        os._exit(0)


def limit(limits):
    """Set the caps of a fork: bytes of memory beyond what it starts with, seconds, bytes of a file, files."""
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


def kernel(connection, argv):
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


class Desk:
    """The student's side of the border: runs cells, and calls what they define."""

    def __init__(self, link, shell, own):
        self.link, self.shell, self.me = link, shell, os.getpid()
        # Patching the modules does not reach these.
        self.measuring, self.checks, self.border = own["measuring"], own["checks"], own["classroom.sandbox.border"]

    def serve(self):
        """Answer requests until the link closes."""
        while os.getpid() == self.me:  # a fork that a student's code made has no business here
            content = receive(self.link)
            if content is None:
                return
            request = self.border.decode(content)
            answer = getattr(self, "do_" + request["do"])(request)
            try:
                content = self.border.encode({"number": request["number"], "answer": answer})
            except self.border.NotPlainData as error:
                content = self.border.encode({"number": request["number"], "answer": {"not_plain": str(error)}})
            if os.getpid() == self.me:
                send(self.link, content)

    def do_run(self, request):
        out, err = Capped(LONGEST_OUTPUT), Capped(LONGEST_OUTPUT)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            error = self.execute(request["code"])
        answer = {"stdout": out.text(), "stderr": err.text(), "error": None}
        if error is not None:
            answer["error"] = [type(error).__name__, _str(error)]
        return answer

    def execute(self, code):
        """Run a cell as IPython does, and return its exception or None.

        IPython itself runs what is not plain Python, or shows its last value; the rest is spared its rounds.
        """
        shell, compiled = self.shell, None
        with contextlib.suppress(Exception):  # magics, commands, await, or an error that IPython will find as well
            name = shell.compile.cache(code, shell.execution_count)
            tree = shell.compile.ast_parse(code, name)
            if not (tree.body and isinstance(tree.body[-1], ast.Expr)):
                compiled = shell.compile(tree, name, "exec")
        if compiled is None:
            result = shell.run_cell(code, store_history=False)
            return result.error_before_exec or result.error_in_exec
        try:
            with shell.builtin_trap:
                exec(compiled, shell.user_ns)
        except BaseException as error:  # SystemExit too
            return error
        return None

    def do_look(self, request):
        seen, space = {}, self.shell.user_ns
        for name in request["names"]:
            if name not in space:
                continue
            try:
                if callable(space[name]):
                    seen[name] = (True, None)
                else:
                    self.border.encode(space[name])
                    seen[name] = (False, space[name])
            except Exception as error:
                return {"not_plain": f"{name}: {_str(error)}"}
        return {"seen": seen}

    def do_call(self, request):
        if request["random"] is not None:
            import torch

            torch.set_rng_state(request["random"])
        measure = request["measure"] and getattr(self.measuring, request["measure"])
        work = self.shell.user_ns.get(request["name"])
        return self.border.called(work, request["args"], request["kwargs"], measure)

    def do_check(self, request):
        try:
            return str(self.checks.verdict(request["exercise"], self.shell.user_ns))
        except (Exception, SystemExit):
            return ""


class Capped(io.StringIO):
    """A stream that keeps its first characters and counts the rest."""

    def __init__(self, most):
        super().__init__()
        self.most, self.dropped = most, 0

    def write(self, text):
        room = max(0, self.most - self.tell())
        super().write(text[:room])
        self.dropped += len(text) - min(room, len(text))
        return len(text)

    def text(self):
        return self.getvalue() + (f"\n[... {self.dropped} caracteres más]" if self.dropped else "")


def copy_of(name):
    """A module read again, under no name by which it could be found."""
    spec = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def send(link, content):
    link.sendall(len(content).to_bytes(8, "big") + content)


def receive(link, most=2**40):
    """The next message, or None when the other side has closed.

    Raises:
        ValueError: it is longer than `most` bytes.
    """
    size = _exactly(link, 8)
    if size is None:
        return None
    if int.from_bytes(size, "big") > most:
        raise ValueError(f"a message of {int.from_bytes(size, 'big'):,} bytes; the limit is {most:,}")
    return _exactly(link, int.from_bytes(size, "big"))


def _exactly(link, size):
    content, filled = bytearray(size), 0
    while filled < size:
        count = link.recv_into(memoryview(content)[filled:])
        if not count:
            return None
        filled += count
    return content


def _str(error):
    try:
        return str(error)[:2000]
    except Exception:  # its own __str__ may do anything
        return ""


def make_home(top):
    """The folders that a fork expects to be there."""
    for folder in ("home", "work"):
        (top / folder).mkdir(parents=True, exist_ok=True)


def end_all():
    """End every process below this one; say whether they are gone."""
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


def wipe(folders):
    """Empty the writable folders; say whether nothing is left, System V's memory, queues and semaphores included."""
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
