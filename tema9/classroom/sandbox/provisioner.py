"""Jupyter kernels in the sandbox, forked from a warm process; for whatever starts the kernel `tema9-sandbox`.

jupyter_client calls it, through its group of entry points `jupyter_client.kernel_provisioners`. Each
kernel has a sandbox to itself while it lives; afterwards the sandbox serves the next.
"""

import asyncio
import atexit
import contextlib
import json
import os
import select
import signal
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from tema9.classroom.sandbox import linux, messages
from tema9.classroom.sandbox.sandbox import Fork, Limits, Sandbox, switched_off

# An exploration may take longer than a test, and a kernel's threads need room.
LIMITS = Limits(seconds=120, cpu_seconds=3600)

_idle: list[Sandbox] = []


class SandboxProvisioner(LocalProvisioner):
    """Starts a kernel in a sandbox; polls and kills it from outside."""

    sandbox: Sandbox | None = None
    fork: Fork | None = None  # which is the kernel, or waits to become it
    process: Any = None  # the kernel's `_Process`

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Take a sandbox, fork what is to be the kernel, and say where its sockets are to be."""
        if self.sandbox is None:
            self.sandbox = _idle.pop() if _idle else Sandbox(LIMITS, unsandboxed=switched_off())
            await asyncio.to_thread(self.sandbox.start)
        self.fork = await asyncio.to_thread(self.sandbox.kernel)
        self.process = _Process(self.fork.pidfd)
        self.inside = str(self.sandbox.writable / "k" / uuid.uuid4().hex[:8])
        manager: Any = self.parent
        manager.transport, manager.ip = "ipc", str(self.sandbox.outside(self.inside, self.fork.pidfd))
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Let the fork become the kernel; return its connection as seen from outside."""
        assert self.fork is not None, "pre_launch has made one"
        manager: Any = self.parent
        connection = json.loads(Path(manager.connection_file).read_text(encoding="utf-8"))
        arguments = cmd[cmd.index("-f") + 2 :]
        order = {"connection": connection | {"ip": self.inside}, "argv": arguments}
        messages.send(self.fork.link, json.dumps(order).encode())
        self.pid = self.pgid = None
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """End the kernel with all that it has started; the sandbox waits for the next one."""
        await super().cleanup(restart)
        if self.process is not None:
            self.process.close()
        if self.sandbox is not None and self.fork is not None:
            self.fork.link.close()
            await asyncio.to_thread(self.sandbox.end, self.fork.pid)
            self.fork = None
        if not restart and self.sandbox is not None:
            sandbox, self.sandbox = self.sandbox, None
            if _idle:
                sandbox.close()
            else:
                _idle.append(sandbox)


class _Process:
    """A process known by its pidfd: its number means nothing outside of its namespace."""

    stdin = stdout = stderr = None

    def __init__(self, pidfd):
        self.pidfd, self.ended = pidfd, False

    def poll(self):
        self.ended = self.ended or self.pidfd == -1 or bool(select.select([self.pidfd], [], [], 0)[0])
        return 0 if self.ended else None

    wait = poll

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            linux.send_signal(self.pidfd, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def close(self):
        if self.pidfd != -1:
            self.kill()
            os.close(self.pidfd)
            self.pidfd, self.ended = -1, True

    def __del__(self):
        if self.pidfd != -1:
            with contextlib.suppress(OSError):
                os.close(self.pidfd)


@atexit.register
def close() -> None:
    """End the sandboxes that wait."""
    while _idle:
        _idle.pop().close()
