"""The sandbox of this process: started when it is first needed, used by one submission at a time, kept for the next."""

import atexit
import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from tema9.classroom.sandbox.sandbox import Limits, Sandbox, to_hide

_one_at_a_time = threading.Lock()  # of a process: tests redirect its output
# {what its warm process starts with: (the process that opened it, the Sandbox)}, one entry at most
_open: dict[tuple, tuple[int, Sandbox]] = {}


@contextlib.contextmanager
def open_sandbox(limits: Limits, unsandboxed: bool = False, hide: Iterable[str | Path] = ()) -> Iterator[Sandbox]:
    """Yield this process's `Sandbox` with these settings; one submission at a time has it.

    Args:
        limits, unsandboxed, hide: as for `Sandbox`.
    """
    with _one_at_a_time:
        yield _sandbox(limits, unsandboxed, hide)


def _sandbox(limits, unsandboxed, hide):
    # Of the limits, the others are those of each fork.
    wanted = (limits.disk_bytes, unsandboxed, () if unsandboxed else to_hide(hide))
    if wanted not in _open or os.getpid() != _open[wanted][0]:
        for pid, other in _open.values():
            if pid == os.getpid():
                other.close()
        _open.clear()
        _open[wanted] = (os.getpid(), Sandbox(limits, unsandboxed, hide))
    sandbox = _open[wanted][1]
    sandbox.limits = limits
    return sandbox


@atexit.register
def close() -> None:
    """End this process's sandbox."""
    for pid, sandbox in _open.values():
        if pid == os.getpid():
            with contextlib.suppress(Exception):
                sandbox.close()
    _open.clear()
