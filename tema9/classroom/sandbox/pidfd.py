"""Processes by file descriptor: the two calls of Linux that keep hold of a process when its number is used again.

Python has both, `os.pidfd_open` and `signal.pidfd_send_signal`, but only where it was compiled against headers of
Linux 5.3. The Pythons of conda-forge and of uv were not, and run on kernels that have them.
"""

import ctypes
import os

PIDFD_SEND_SIGNAL, PIDFD_OPEN = 424, 434  # on every processor that PyTorch has wheels for


def open(pid: int) -> int:
    """Return a file descriptor of a process; programs that this one starts do not inherit it.

    Raises:
        OSError: there is no such process.
    """
    return _call(PIDFD_OPEN, pid, 0)


def send_signal(pidfd: int, number: int) -> None:
    """Send a signal to a process.

    Raises:
        ProcessLookupError: it has ended.
    """
    _call(PIDFD_SEND_SIGNAL, pidfd, number, None, 0)


def _call(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(*arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))  # of its subclass
    return result
