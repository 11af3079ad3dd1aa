"""The calls of Linux that Python lacks, or lacks where it was compiled against old headers.

Python 3.11 has no call for namespaces, mounts and rights. It has `os.pidfd_open` and `signal.pidfd_send_signal` only
where it was compiled against headers of Linux 5.3: the Pythons of conda-forge and of uv were not, and run on kernels
that have both calls.
"""

import contextlib
import ctypes
import errno
import functools
import os
import platform

PIDFD_SEND_SIGNAL, PIDFD_OPEN = 424, 434  # on every processor that PyTorch has wheels for
KEYCTL = {"x86_64": 250, "aarch64": 219}
KEYCTL_JOIN_SESSION_KEYRING = 1
NO_KEYRINGS = {errno.ENOSYS, errno.EPERM}  # the second in containers whose filter refuses every call for keys
CAPABILITIES_VERSION_3 = 0x20080522
# Kinds of namespaces, as `unshare`, `setns` and `clone` take them.
NEW_MOUNTS, NEW_CGROUP, NEW_HOSTNAME = 0x20000, 0x2000000, 0x4000000
NEW_IPC, NEW_USERS, NEW_PROCESSES, NEW_NETWORK = 0x8000000, 0x10000000, 0x20000000, 0x40000000
# What `prctl` is asked.
PDEATHSIG, DUMPABLE, SECCOMP, BOUNDING_DROP, NO_NEW_PRIVILEGES, AMBIENT = 1, 4, 22, 24, 38, 47
AMBIENT_CLEAR_ALL = 4
# How a file system is mounted.
READ_ONLY, NO_SUID, NO_DEVICES, NO_PROGRAMS, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 0x1000, 0x4000, 0x40000


def open_pidfd(pid: int) -> int:
    """Return a file descriptor of a process, which keeps hold of it when its number is used again.

    Programs that this one starts do not inherit it.

    Raises:
        OSError: there is no such process.
    """
    return _checked(_libc().syscall(PIDFD_OPEN, pid, 0))


def send_signal(pidfd: int, number: int) -> None:
    """Send a signal to a process.

    Raises:
        ProcessLookupError: it has ended.
    """
    _checked(_libc().syscall(PIDFD_SEND_SIGNAL, pidfd, number, None, 0))


def number_of(pidfd: int) -> int:
    """Return the number of a process as this one sees it, from its file descriptor; -1 once the process is gone."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pid:"))


def seconds_waited(pid: int) -> dict[int, float]:
    """Return {thread: seconds in which it could have computed and had no core} of a process.

    It is empty where the kernel does not count them, and once the process is gone.

    Source:
        Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    found = {}
    with contextlib.suppress(OSError):
        folder = f"/proc/{pid}/task"
        for thread in os.listdir(folder):
            with contextlib.suppress(OSError, IndexError), open(f"{folder}/{thread}/schedstat") as file:
                found[int(thread)] = int(file.read().split()[1]) / 1e9
    return found


def prctl(option: int, *arguments: object) -> None:
    """Set an option of this process.

    Raises:
        OSError: the kernel refuses it.
    """
    padded = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc().prctl(option, *padded))


def unshare(kinds: int) -> None:
    """Give this process namespaces of its own; of processes, its next child.

    Raises:
        OSError: the kernel refuses it.
    """
    _checked(_libc().unshare(kinds))


def setns(namespace: int, kind: int) -> None:
    """Join a namespace by its file descriptor; of processes, with the next child.

    Raises:
        OSError: the kernel refuses it.
    """
    _checked(_libc().setns(namespace, kind))


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, bind one, or change how one is mounted.

    Raises:
        OSError: the kernel refuses it.
    """
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _checked(_libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def new_session_keyring() -> None:
    """Leave the session keyring of whoever started this process for a new, empty one.

    A kernel or a container without keyrings has nothing to leave.

    Raises:
        OSError: the kernel refuses it otherwise, or the processor is not known.
    """
    try:
        _checked(_libc().syscall(KEYCTL[platform.machine()], KEYCTL_JOIN_SESSION_KEYRING, None))
    except KeyError:
        raise OSError(f"no number of keyctl is known for {platform.machine()}") from None
    except OSError as error:
        if error.errno not in NO_KEYRINGS:
            raise


def drop_all_rights() -> None:
    """Give up every capability, for good: no program that this process starts gets one back.

    Raises:
        OSError: the kernel refuses it.
    """
    libc = _libc()
    for capability in range(64):
        libc.prctl(BOUNDING_DROP, capability, 0, 0, 0)  # fails for those that the kernel does not know
    prctl(AMBIENT, AMBIENT_CLEAR_ALL)
    head = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0)
    _checked(libc.capset(head, (ctypes.c_uint32 * 6)()))
    prctl(NO_NEW_PRIVILEGES, 1)


@functools.cache  # a fork makes some twenty calls
def _libc():
    return ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))  # of its subclass
    return result
