"""JupyterLab as a teacher opens it, and one that is driven from outside, for the tour and the browser tests."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tema9 import lab
from tema9.classroom import sources

SETTINGS = Path(sources.__file__).parent / "jupyter" / "lab"
SECONDS_TO_START = 60


def command(course, *arguments) -> list[str]:
    """The command line that opens JupyterLab on a course folder, with Formgrader; run it in that folder.

    A course folder in a checkout shows the checkout too, where the sources are: they open as notebooks.

    Args:
        course: the course folder.
        arguments: further ones of JupyterLab's.
    """
    folder = Path(course).resolve()
    root = sources.ROOT if folder.is_relative_to(sources.ROOT) else folder
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.preferred_dir={folder}",
        f"--LabApp.app_settings_dir={SETTINGS}",
        *lab.QUIET,
        *arguments,
    ]


class Lab:
    """A JupyterLab that is driven from outside: `root` is the folder it shows."""

    def __init__(self, url, token, root):
        self.url, self.token, self.root = url, token, Path(root)

    def log_in(self, page):
        """Whatever the page asks of the server from now on, it may."""
        page.set_extra_http_headers({"Authorization": f"token {self.token}"})

    def open(self, page, path):
        """Open a notebook of `root` in a page, and wait until its kernel answers.

        "Idle" is not ready: the cells that Run All sends before the session is there are lost.
        """
        self.log_in(page)
        page.goto(f"{self.url}/lab/tree/{path}?reset", wait_until="commit", timeout=60_000)
        page.wait_for_function(
            "path => window.jupyterapp?.shell.currentWidget?.context?.path === path"
            " && window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel",
            arg=path,
            timeout=60_000,
        )
        self.ready(page)

    def ready(self, page):
        """Wait until the kernel of the notebook in front answers."""
        page.evaluate(
            "async () => { const session = jupyterapp.shell.currentWidget.sessionContext;"
            " await session.ready; await session.session.kernel.info; }"
        )

    def run_all(self, page, timeout=60_000, wait=True):
        """Run every cell, and wait until each code cell has a number and none is running."""
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        if not wait:
            return
        page.wait_for_function(
            "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
            ".every(cell => cell.cell_type !== 'code' || !cell.source"
            " || (cell.execution_count && cell.executionState !== 'running'))",
            timeout=timeout,
        )


@contextlib.contextmanager
def serving(command, root, home, environment=None):
    """Start a JupyterLab with its own home, a free port and a token; yield a `Lab`, and end it.

    Args:
        command: the command line, as `lab.command` or `command` makes it.
        root: the folder that it shows and runs in.
        home: a folder for what Jupyter writes down of its user.
        environment: further variables.

    Raises:
        RuntimeError: it does not start; the message ends with what it said last.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, home = secrets.token_hex(16), Path(home)
    home.mkdir(exist_ok=True)
    places = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [*command, "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    places |= {"HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    said, url = home / "server.log", f"http://127.0.0.1:{port}"
    with said.open("w") as log:
        server = subprocess.Popen(
            command, cwd=root, env=os.environ | places | (environment or {}), stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not _answers(f"{url}/api?token={token}"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab does not start: {said.read_text()[-2000:]}")
            time.sleep(0.2)
        yield Lab(url, token, root)
    finally:
        server.terminate()
        server.wait(20)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
