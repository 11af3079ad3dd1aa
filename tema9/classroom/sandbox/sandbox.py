"""The sandbox from outside: the only place where the code of students runs.

bubblewrap gives the sandbox no network, a read-only system with Python and the package and nothing of the course, one
writable place of its own in memory, and its own processes. Inside runs a warm process, the program `inside`, which has
imported everything that notebooks use: `Sandbox.student_process` forks a submission's process from it, and
`Sandbox.kernel` a Jupyter kernel. Each fork has namespaces of its own (`isolation`), which end with it.
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
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tema9.classroom.sandbox import isolation, linux, messages

if TYPE_CHECKING:
    from tema9.classroom.sandbox.student_process import StudentProcess

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parent
BOX = Path(isolation.BOX)
SECONDS_TO_START, SECONDS_TO_FORK, SECONDS_TO_END = 120, 30, 10
# The way out of what refuses bubblewrap, most often the AppArmor of Ubuntu, from 24.04 on.
ALLOW = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
REASONS = {
    "system": "grading needs Linux: WSL on Windows, a Linux machine or container on macOS",
    "missing": "bubblewrap (the command bwrap) is not installed",
    "refused": "bubblewrap cannot make a sandbox on this machine",
    "together": "submissions cannot be parted from each other on this machine",
}


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Args:
        seconds: that a cell may take, and that the tests of a cell may take, as a `Stopwatch` counts them.
        total_seconds: that all the cells and tests of a submission may take; by default those of 15 cells.
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
    total_seconds: float = 0

    def __post_init__(self) -> None:
        if not self.total_seconds:
            object.__setattr__(self, "total_seconds", 15 * self.seconds)


class NoSandbox(RuntimeError):
    """There can be no sandbox on this machine, and nobody said to go on without one, or nobody can."""


@functools.cache
def why_not() -> str:
    """Return why there can be no sandbox on this machine; "" if there can be one.

    What a sandbox does is done here once, and the reason names the step that fails.
    """
    if not psutil.LINUX:
        return REASONS["system"]
    if not shutil.which("bwrap"):
        return REASONS["missing"]
    tried = subprocess.run([_program(), *_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    if tried.returncode:
        return f"{REASONS['refused']}: {tried.stderr.strip()}"
    probe = [*_bwrap(Limits(), ()), _python(), "-P", "-m", "tema9.classroom.sandbox.isolation"]
    tried = subprocess.run(probe, capture_output=True, text=True, env=_environment(BOX), cwd="/")
    said = tried.stderr.strip().splitlines()
    return f"{REASONS['together']}: {said[-1] if said else tried.returncode}" if tried.returncode else ""


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
        self.limits, self.unsandboxed, self.hide = limits or Limits(), unsandboxed, to_hide(hide)
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
        python = [_python(), "-P", "-m", "tema9.classroom.sandbox.inside"]
        command = [*python, str(self.top)] if self.unsandboxed else [*_bwrap(self.limits, self.hide), *python]
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
        """Fork a process for a submission's cells, and return it as the judge sees it.

        Raises:
            RuntimeError: the process is not parted from others as it must be; the message names the step.
        """
        # This imports torch, which those who only ask whether there can be a sandbox do not need.
        from tema9.classroom.sandbox.student_process import StudentProcess

        return StudentProcess(self, *self._fork("serve"))

    def kernel(self) -> "Fork":
        """Fork a process that becomes a Jupyter kernel when `Fork.link` brings it the order; return it.

        Raises:
            RuntimeError: as `student_process` does.
        """
        return Fork(*self._fork("kernel"))

    def outside(self, path: str | Path, pidfd: int) -> Path:
        """Return where a path inside of a fork is seen from outside."""
        if self.unsandboxed:
            return Path(path)
        return Path(f"/proc/{linux.number_of(pidfd)}/root{path}")

    @property
    def writable(self) -> Path:
        """The writable folder, as it is called inside."""
        return self.top or BOX

    def end(self, pid: int) -> None:
        """Wait until a fork that has been killed is gone with all that it has started and written.

        Args:
            pid: the fork's number, as `StudentProcess` and `Fork` have it.
        """
        if self.process is None:
            return
        try:
            self._ask({"do": "end", "pid": pid}, SECONDS_TO_END)
        except (RuntimeError, OSError):
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

    def computed(self) -> float:
        """Return the seconds that the processes inside have computed, with those that they have started."""
        assert self.process is not None, "the sandbox has started"
        seconds = 0.0
        for process in _below(self.process.pid):
            with contextlib.suppress(psutil.Error):
                seconds += sum(process.cpu_times()[:4])
        return seconds

    def _fork(self, kind):
        """Return (link, pidfd, pid) of a fork that has done all that `isolation` asks of it."""
        self.start()
        ours, theirs = socket.socketpair()
        order = {"do": kind, "limits": asdict(self.limits)}
        socket.send_fds(self.control, [json.dumps(order).encode()], [theirs.fileno()])
        theirs.close()
        self.control.settimeout(SECONDS_TO_FORK)
        try:
            message, received, _, _ = socket.recv_fds(self.control, 65536, 1)
        except TimeoutError:
            message, received = b"", []
        if not received:
            self.close()
            ours.close()
            raise RuntimeError(json.loads(message)["failed"] if message else "the warm process did not fork")
        ours.settimeout(SECONDS_TO_FORK)
        try:
            failed = messages.receive(ours)
        except OSError as error:
            failed = str(error).encode()
        if failed is None or failed:
            os.close(received[0])
            ours.close()
            self.close()
            raise RuntimeError(failed.decode() if failed else "the fork of a submission ended before it began")
        return ours, received[0], json.loads(message)["pid"]

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


@dataclass
class Fork:
    """A fork of the warm process: the socket to it, its pidfd, and its number inside the sandbox."""

    link: socket.socket
    pidfd: int
    pid: int


def _program():
    return shutil.which("bwrap") or "bwrap"  # a process with an environment of its own has another PATH


def _namespaces():
    options = ["--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"]
    return [*options, *isolation.BUBBLEWRAP_OPTIONS]


def _bwrap(limits, hide):
    """Return the command line of the sandbox, up to the command that runs in it."""
    command = [_program(), *_namespaces(), "--proc", "/proc", "--dev", "/dev"]
    for folder in ("bin", "sbin", "lib", "lib32", "lib64"):  # links into /usr on today's systems
        path = Path("/", folder)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    seen = _seen()
    for path in seen:
        command += ["--ro-bind", str(path), str(path)]
    for path in ("/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"):
        command += ["--ro-bind-try", path, path]
    for path in (*to_hide((ROOT / "solutions", ROOT / "tests")), *hide):
        command += ["--tmpfs", path]
    if fonts := _fonts():
        command += ["--ro-bind-try", fonts, "/fonts"]
    # What is writable lies in memory, and is gone with the sandbox.
    size = ["--size", str(limits.disk_bytes)]
    command += [*size, "--tmpfs", str(BOX), *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--chdir", str(BOX)]
    if not any(path.is_relative_to("/tmp") for path in seen):
        command += ["--symlink", str(BOX / "work"), "/tmp"]
    return [*command, "--remount-ro", "/", "--"]


def _python() -> str:
    """This Python, by a path that a sandbox has: no link of a folder and no `..` of whoever started it is there.

    Its own name is kept, since a link of that name is what makes an environment of Python.
    """
    python = Path(sys.executable)
    return str(python.parent.resolve() / python.name)


@functools.cache
def _seen():
    """The folders of this machine that a sandbox sees, but for /bin, /lib and their like."""
    seen = [Path("/usr")]
    for path in (sys.prefix, sys.exec_prefix, sys.base_prefix, *_imported_from(), PACKAGE):
        path = Path(path).resolve()
        # Of a checkout, the package and Python's environment, and nothing else.
        if path.is_relative_to(ROOT) and path != PACKAGE and not path.is_relative_to(Path(sys.prefix).resolve()):
            continue
        if path.is_dir() and not any(path.is_relative_to(above) for above in seen):
            seen.append(path)
    return tuple(seen)


def to_hide(folders: Iterable[str | Path]) -> tuple[str, ...]:
    """Return the paths of those folders that a sandbox would see; what lies elsewhere need not be hidden."""
    paths = (Path(folder).resolve() for folder in folders)
    return tuple(str(path) for path in paths if any(map(path.is_relative_to, _seen())) and path.is_dir())


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
        "PATH": os.pathsep.join([str(Path(_python()).parent), "/usr/bin", "/bin"]),
        "HOME": home,
        "USER": "student",  # no user has the number that a submission sees
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
    }
