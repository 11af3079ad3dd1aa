"""JupyterLab for teachers, and a JupyterLab that a program drives, for the tour and the browser tests."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tema9 import lab
from tema9.classroom import sources

if TYPE_CHECKING:
    from playwright.sync_api import Page

SETTINGS = Path(sources.__file__).parent / "jupyter" / "lab"
SECONDS_TO_START = 60


def command(course: str | Path, *arguments: str) -> list[str]:
    """Return the command line that opens JupyterLab, with Formgrader, on a course folder; run it in that folder.

    If the course folder is in a checkout of the repository, JupyterLab shows the whole checkout, so that the sources
    can be opened as notebooks.

    Args:
        course: the course folder.
        arguments: further arguments of JupyterLab.
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
    """A JupyterLab that a program drives through the pages of a browser.

    Args:
        url: the address of the server.
        token: the token that the server asks for.
        root: the folder that JupyterLab shows.
    """

    def __init__(self, url: str, token: str, root: str | Path) -> None:
        self.url, self.token, self.root = url, token, Path(root)

    def log_in(self, page: "Page") -> None:
        """Send the token with every request of a page from now on."""
        page.set_extra_http_headers({"Authorization": f"token {self.token}"})

    def open(self, page: "Page", path: str) -> None:
        """Open a notebook in a page, and wait until its kernel answers.

        Waiting until JupyterLab shows "Idle" is not enough: what Run All sends before there is a session is lost.

        Args:
            page: the page of the browser.
            path: the path of the notebook in the folder that JupyterLab shows.
        """
        self.log_in(page)
        page.goto(f"{self.url}/lab/tree/{path}?reset", wait_until="commit", timeout=60_000)
        self._in_front(page, path)

    def open_instead(self, page: "Page", path: str) -> None:
        """Open a notebook as `open` does, but without loading JupyterLab anew where the page has it.

        What is open there is closed, and is not saved.
        """
        if not page.evaluate("() => Boolean(window.jupyterapp)"):
            return self.open(page, path)
        page.evaluate(
            """async path => {
              const open = [...jupyterapp.shell.widgets('main')];
              for (const widget of open) {
                if (widget.context) widget.context.model.dirty = false;  // or JupyterLab asks whether to save it
                widget.close();
              }
              while (open.some(widget => !widget.isDisposed)) await new Promise(requestAnimationFrame);
              jupyterapp.commands.execute('docmanager:open', { path });
            }""",
            path,
        )
        self._in_front(page, path)

    def _in_front(self, page, path):
        page.wait_for_function(
            "path => window.jupyterapp?.shell.currentWidget?.context?.path === path"
            " && window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel",
            arg=path,
            timeout=60_000,
        )
        self.ready(page)

    def ready(self, page: "Page") -> None:
        """Wait until the kernel of the notebook in front answers."""
        page.evaluate(
            "async () => { const session = jupyterapp.shell.currentWidget.sessionContext;"
            " await session.ready; await session.session.kernel.info; }"
        )

    def run_all(self, page: "Page", timeout: float = 60_000, wait: bool = True) -> None:
        """Run every cell of the notebook in front.

        Args:
            page: the page of the browser.
            timeout: the milliseconds that the cells may take together.
            wait: whether to wait until every code cell has a number and none is running.
        """
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        if not wait:
            return
        page.wait_for_function(
            "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
            ".every(cell => cell.cell_type !== 'code' || !cell.source"
            " || (cell.execution_count && cell.executionState !== 'running'))",
            timeout=timeout,
            polling=250,  # at each frame it would take as much time as the cells
        )


@contextlib.contextmanager
def serving(
    command: Sequence[str], root: str | Path, home: str | Path, environment: dict[str, str] | None = None
) -> Iterator[Lab]:
    """Start a JupyterLab with a home folder, a free port and a token of its own; yield its `Lab`, and end it.

    Args:
        command: the command line, as `lab.command` or `command` returns it.
        root: the folder that JupyterLab shows and in which it runs.
        home: the folder in which Jupyter keeps the settings and files of its user.
        environment: further environment variables.

    Raises:
        RuntimeError: JupyterLab does not start; the message ends with the last words of its log.
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
