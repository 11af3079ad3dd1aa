"""What parts a submission from all others: namespaces of its own, no rights, and a filter of system calls.

bubblewrap parts the warm process from the machine; this parts each fork of the warm process from the warm process and
from every other fork. A fork is the first process of a namespace of processes: it has no number for any process but
those that it starts, so that it can send no signal to another, set no limit of another, and take no socket of another.
Its files, its queues and its shared memory lie in namespaces that end with it. When it is killed, the kernel kills
everything that it has started, and the end of the fork is the end of all of that.

For these namespaces the warm process keeps two rights, inside bubblewrap's own namespace of users and nowhere else.
A fork gives up all of them before the first line of a student's code runs.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from tema9.classroom.sandbox import linux, seccomp

BOX = "/box"  # what is writable in a sandbox
SHARED_MEMORY = "/dev/shm"
MOST_FILES = 20_000
# What bubblewrap is told, so that the warm process may part its forks: it is root of a namespace in which nothing but
# these rights exists. SYS_ADMIN makes namespaces and mounts, SETFCAP maps the user.
BUBBLEWRAP_OPTIONS = (
    *("--as-pid-1", "--uid", "0", "--gid", "0"),
    *("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETFCAP"),
)
STUDENT = 1000  # the number of the user that a submission seems to be


class NotIsolated(OSError):
    """The kernel has refused a step; the message names it. No code of a student's has run."""


class Isolation:
    """What the warm process holds to part its forks: made once, before the first fork.

    Raises:
        NotIsolated: there can be no namespaces.
    """

    def __init__(self) -> None:
        with _step("leave the keyring of the session"):
            linux.new_session_keyring()
        self.processes = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self.proc = os.open("/proc", os.O_RDONLY)  # a fork's own /proc will be read-only

    def fork(self) -> int:
        """Do as `os.fork`; the child is process 1 of a namespace of processes.

        Raises:
            NotIsolated: the kernel refuses it.
        """
        with _step("make a namespace of processes"):
            linux.unshare(linux.NEW_PROCESSES)
        try:
            pid = os.fork()
        except OSError:
            linux.setns(self.processes, linux.NEW_PROCESSES)
            raise
        if pid:
            try:
                with _step("go back to its own namespace of processes"):  # else it could make no second one
                    linux.setns(self.processes, linux.NEW_PROCESSES)
            except NotIsolated:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise
        return pid

    def enter(self, disk_bytes: int) -> None:
        """In a fork: take namespaces of its own and give up every right, except that system calls are not yet filtered.

        Args:
            disk_bytes: that /box may hold, and /dev/shm too; both are empty.

        Raises:
            NotIsolated: the kernel refuses a step.
        """
        with _step("make namespaces of mounts, of queues and of names"):
            linux.unshare(linux.NEW_MOUNTS | linux.NEW_IPC | linux.NEW_HOSTNAME)
            linux.mount(None, "/", None, linux.RECURSIVE | linux.PRIVATE)
        with _step("mount /proc"):
            locked = linux.READ_ONLY | linux.NO_SUID | linux.NO_DEVICES | linux.NO_PROGRAMS
            linux.mount("proc", "/proc", "proc", locked)
        with _step("cover the names of keys"):
            for name in ("/proc/keys", "/proc/key-users"):
                if os.path.exists(name):
                    linux.mount(os.devnull, name, None, linux.BIND)
        with _step("mount what is writable"):
            options = f"mode=700,size={disk_bytes},nr_inodes={MOST_FILES}"
            for folder in (BOX, SHARED_MEMORY):
                linux.mount("tmpfs", folder, "tmpfs", linux.NO_SUID | linux.NO_DEVICES, options)
        with _step("take a keyring of its own"):
            linux.new_session_keyring()
        with _step("be the first to go where memory ends"):
            self._write("oom_score_adj", "1000")
        with _step("make a namespace of users"):
            linux.unshare(linux.NEW_USERS)
            self._write("setgroups", "deny")
            self._write("uid_map", f"{STUDENT} 0 1")
            self._write("gid_map", f"{STUDENT} 0 1")
        with _step("give up all rights"):
            linux.drop_all_rights()

    def filter(self) -> None:
        """In a fork: refuse the system calls that `seccomp` lists, from now on.

        Raises:
            NotIsolated: the kernel refuses it, or the processor is not known.
        """
        with _step("filter system calls"):
            seccomp.install()

    def _write(self, name, text):
        descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=self.proc)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotIsolated(f"could not {what}: {error.strerror or error}") from None


def probe() -> str:
    """Go through all the steps in a fork, and return what a fork then lacks; "" where it is parted as it must be."""
    reader, writer = os.pipe()
    try:
        isolation = Isolation()
        pid = isolation.fork()
    except OSError as error:
        return str(error)
    if pid == 0:
        try:
            isolation.enter(2**20)
            isolation.filter()
            os.write(writer, _is_not_parted().encode())
        except BaseException as error:
            os.write(writer, str(error).encode() or b"it failed")
        finally:
            os._exit(0)
    os.close(writer)
    said = os.read(reader, 4096).decode()
    os.waitpid(pid, 0)
    return said


def _is_not_parted():
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    wrong = {
        "it is not process 1": os.getpid() != 1,
        "it sees other processes": numbers != ["1"],
        "it has rights": int(status["CapEff"], 16) or int(status["CapBnd"], 16),
        "its system calls are not filtered": status["Seccomp"].strip() != "2",
        "its files are not its own": os.listdir(BOX) or os.listdir(SHARED_MEMORY),
    }
    return "; ".join(what for what, is_so in wrong.items() if is_so)


if __name__ == "__main__":
    sys.exit(probe() or None)
