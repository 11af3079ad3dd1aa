"""The sandbox from outside: the only place where the code of students runs.

bubblewrap gives the sandbox no network, a read-only system with Python and the package and nothing of the course, one
writable place of its own in memory, and its own processes. Inside runs a warm process, the program `inside`, which has
imported everything that notebooks use: `Sandbox.student_process` forks a submission's process from it, and
`Sandbox.kernel` a Jupyter kernel.
"""

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from tema9.classroom.sandbox.student_process import StudentProcess

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parent
BOX = Path("/box")  # what is writable in a sandbox
SECONDS_TO_START = 120
# The way out of what refuses bubblewrap, most often the AppArmor of Ubuntu, from 24.04 on.
ALLOW = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
REASONS = {
    "system": "grading needs Linux: WSL on Windows, a Linux machine or container on macOS",
    "missing": "bubblewrap (the command bwrap) is not installed",
    "refused": "bubblewrap cannot make a sandbox on this machine",
}


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Args:
        seconds: that a cell may take, and that the tests of a cell may take.
        cpu_seconds: that a process may compute.
        memory: bytes that a process may have beyond what it starts with.
        file_bytes, disk_bytes: of one file, and of all files together, which lie in memory.
        processes: that may run at the same time.
        answer_bytes: that may come back from one call.
    """

    seconds: float = 20
    cpu_seconds: int = 300
    memory: int = 2 * 2**30
    file_bytes: int = 64 * 2**20
    disk_bytes: int = 256 * 2**20
    processes: int = 64
    answer_bytes: int = 64 * 2**20


class NoSandbox(RuntimeError):
    """There can be no sandbox on this machine, and nobody said to go on without one, or nobody can."""


@functools.cache
def why_not() -> str:
    """Return why there can be no sandbox on this machine; "" if there can be one."""
    if not psutil.LINUX:
        return REASONS["system"]
    if not shutil.which("bwrap"):
        return REASONS["missing"]
    tried = subprocess.run(["bwrap", *_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    return f"{REASONS['refused']}: {tried.stderr.strip()}" if tried.returncode else ""


def switched_off() -> bool:
    """Return whether nbgrader's own commands, which have no option for it, are told to do without a sandbox too."""
    return os.environ.get("TEMA9_NO_SANDBOX") == "1"


def require(unsandboxed: bool = False) -> None:
    """Raise `NoSandbox`, with the reason and the way out, unless there can be a sandbox or none is wanted.

    On another system than Linux there is no way out: the warm process needs it too, with a sandbox or without.
    """
    reason = why_not()
    if reason == REASONS["system"]:
        raise NoSandbox(reason)
    if reason and not unsandboxed:
        missing = reason == REASONS["missing"]
        way_out = "Install it (apt install bubblewrap)" if missing else f"Allow it user namespaces (on Ubuntu: {ALLOW})"
        raise NoSandbox(
            f"{reason}; students' code would run with your rights. {way_out}, or accept that with --no-sandbox"
        )


class Sandbox:
    """A sandbox with one warm process, which is forked for one submission at a time.

    Args:
        limits: a `Limits`.
        unsandboxed: run the warm process without a sandbox, with the rights of whoever runs this.
        hide: folders that nothing inside may see, even if they lie inside of Python's own.

    Raises:
        NoSandbox: there can be no sandbox on this machine, and `unsandboxed` is False.
        RuntimeError: the warm process does not start; the message says why.
    """

    def __init__(
        self, limits: Limits | None = None, unsandboxed: bool = False, hide: Iterable[str | Path] = ()
    ) -> None:
        require(unsandboxed)
        self.limits, self.unsandboxed, self.hide = limits or Limits(), unsandboxed, tuple(hide)
        self.process: subprocess.Popen | None = None  # the warm process
        self.warmed: dict[str, bool] = {}  # the set-ups that it has run

    def start(self) -> None:
        """Start the warm process, unless it runs already, and wait until it is ready."""
        if self.process and self.process.poll() is None:
            return
        self.launch()
        self._order_answer(SECONDS_TO_START)
        for code in self.warmed:
            self._ask({"do": "warm", "code": code})

    def launch(self) -> None:
        """Start the warm process without waiting for it."""
        self.close()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.top = Path(tempfile.mkdtemp(prefix="t9-")) if self.unsandboxed else None
        self.said = tempfile.TemporaryFile()  # noqa: SIM115, closed with the rest
        python = [sys.executable, "-P", "-m", "tema9.classroom.sandbox.inside"]
        command = python if self.unsandboxed else [*_bwrap(self.limits, self.hide), *python]
        self.process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=self.said,
            stderr=self.said,
            env=_environment(self.writable),
            cwd=self.top or "/",
            start_new_session=True,
        )
        theirs.close()

    def warm(self, code: str) -> None:
        """Run the set-up of a notebook, which must be ours, in the warm process; once for each text."""
        self.start()
        if code not in self.warmed:
            self._ask({"do": "warm", "code": code})
            self.warmed[code] = True

    def student_process(self) -> "StudentProcess":
        """Fork a process for a submission's cells, and return it as the judge sees it."""
        # This imports torch, which those who only ask whether there can be a sandbox do not need.
        from tema9.classroom.sandbox.student_process import StudentProcess

        ours, theirs = socket.socketpair()
        try:
            return StudentProcess(self, ours, self._fork({"do": "serve"}, [theirs.fileno()]))
        finally:
            theirs.close()

    def kernel(self, connection: dict[str, Any], argv: Sequence[str]) -> int:
        """Fork a Jupyter kernel; return its pidfd.

        Args:
            connection: what its connection file says; "ip" is where its sockets lie, inside.
            argv: further arguments of the kernel.
        """
        return self._fork({"do": "kernel", "connection": connection, "argv": argv}, [])

    def outside(self, path: str | Path) -> Path:
        """Return where a path inside the sandbox is seen from outside."""
        if self.unsandboxed:
            return Path(path)
        assert self.process is not None, "the sandbox has started"
        inner = psutil.Process(self.process.pid).children()[0].pid
        return Path(f"/proc/{inner}/root{path}")

    @property
    def writable(self) -> Path:
        """The writable folder, as it is called inside."""
        return self.top or BOX

    def clean(self) -> None:
        """End what a submission left running and wipe what it wrote; where that fails, end the whole sandbox."""
        if self.process is None:
            return
        try:
            clean = self._ask({"do": "clean"}, seconds=5)["clean"]
        except (RuntimeError, OSError):  # dead, or stopped
            clean = False
        if not clean:
            self.close()

    def close(self) -> None:
        """End the sandbox with everything that runs in it."""
        if self.process is None:
            return
        below = _below(self.process.pid) if self.unsandboxed else []
        for end in (self.process.kill, *(process.kill for process in below)):
            with contextlib.suppress(OSError, psutil.Error):
                end()
        self.process.wait()
        self.process = None
        self.control.close()
        self.said.close()
        if self.top:
            shutil.rmtree(self.top, ignore_errors=True)

    def answers(self) -> bool:
        """Return whether the warm process is there: nothing has killed or stopped it."""
        try:
            return self.process is not None and self._ask({"do": "answer"}, seconds=5)["there"]
        except (RuntimeError, OSError):
            return False

    def exceeds(self) -> bool:
        """Return whether all the processes inside together are over the limits."""
        assert self.process is not None, "the sandbox has started"
        below = _below(self.process.pid)
        own = 0
        for process in below:
            with contextlib.suppress(psutil.Error):
                memory = process.memory_info()
                own += memory.rss - memory.shared
        return len(below) > self.limits.processes or own > 2 * self.limits.memory + self.limits.disk_bytes

    def _fork(self, order, fds):
        self.start()
        order["limits"] = asdict(self.limits)
        socket.send_fds(self.control, [json.dumps(order).encode()], fds)
        self.control.settimeout(30)
        try:
            message, received, _, _ = socket.recv_fds(self.control, 65536, 1)
        except TimeoutError:
            message, received = b"", []
        if not message or not received:
            self.close()
            raise RuntimeError("the warm process did not fork")
        return received[0]

    def _ask(self, order, seconds=60):
        self.control.settimeout(seconds)
        self.control.send(json.dumps(order).encode())
        return self._order_answer(seconds)

    def _order_answer(self, seconds):
        self.control.settimeout(seconds)
        try:
            message = self.control.recv(65536)
        except TimeoutError:
            message = b""
        if not message:
            self.said.seek(0)
            said = self.said.read()[-2000:].decode(errors="replace").strip().splitlines()
            self.close()
            raise RuntimeError(f"the warm process does not answer: {said[-1] if said else 'it said nothing'}")
        return json.loads(message)


def _below(pid):
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _namespaces():
    return ["--unshare-user", "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]


def _bwrap(limits, hide):
    """Return the command line of the sandbox, up to the command that runs in it."""
    command = ["bwrap", *_namespaces(), "--proc", "/proc", "--dev", "/dev"]
    for folder in ("bin", "sbin", "lib", "lib32", "lib64"):  # links into /usr on today's systems
        path = Path("/", folder)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    seen = [Path("/usr")]
    for path in (sys.prefix, sys.exec_prefix, sys.base_prefix, *_imported_from(), PACKAGE):
        path = Path(path).resolve()
        # Of a checkout, the package and Python's environment, and nothing else.
        if path.is_relative_to(ROOT) and path != PACKAGE and not path.is_relative_to(Path(sys.prefix).resolve()):
            continue
        if path.is_dir() and not any(path.is_relative_to(above) for above in seen):
            seen.append(path)
    for path in seen:
        command += ["--ro-bind", str(path), str(path)]
    for path in ("/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"):
        command += ["--ro-bind-try", path, path]
    for path in (ROOT / "solutions", ROOT / "tests", *map(Path, hide)):
        if any(path.resolve().is_relative_to(above) for above in seen) and path.is_dir():
            command += ["--tmpfs", str(path.resolve())]
    if fonts := _fonts():
        command += ["--ro-bind-try", fonts, "/fonts"]
    # What is writable lies in memory, and is gone with the sandbox.
    size = ["--size", str(limits.disk_bytes)]
    command += [*size, "--tmpfs", str(BOX), *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--chdir", str(BOX)]
    if not any(path.is_relative_to("/tmp") for path in seen):
        command += ["--symlink", str(BOX / "work"), "/tmp"]
    return [*command, "--remount-ro", "/", "--"]


@functools.cache
def _imported_from():
    """Where Python imports from by itself: not the working directory or PYTHONPATH, which may be a home or a course."""
    command = [sys.executable, "-E", "-P", "-s", "-c", "import sys; print(*sys.path, sep='\\n')"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in printed.splitlines() if os.path.isabs(line)]


@functools.cache
def _fonts():
    import matplotlib

    return matplotlib.get_cachedir()


def _environment(top):
    """Return all the environment variables that a submission's process has."""
    home = str(top / "home")
    unsandboxed = top != BOX
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "HOME": home,
        "TMPDIR": str(top / "work"),
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "MPLBACKEND": "agg",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "NBGRADER_EXECUTION": "autograde",
        "THP_MEM_ALLOC_ENABLE": "1",  # torch asks for large pages: a network of 62 million parameters is there sooner
        "TEMA9_FONTS": (_fonts() or "") if unsandboxed else "/fonts",
        "TEMA9_WRITABLE": json.dumps([str(top)] if unsandboxed else [str(BOX), "/dev/shm"]),
    }
