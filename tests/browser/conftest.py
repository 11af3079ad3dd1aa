"""A browser for the tests: it may talk to this machine only, and an error of a page is an error of the test."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tema9.classroom import browser as chromium


@pytest.fixture(scope="session")
def browser():
    """Where none is installed, the tests skip; in CI they fail."""
    try:
        chromium.require()
    except chromium.NoBrowser as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with chromium.launched() as launched:
        yield launched


@pytest.fixture
def open_page(browser):
    """A function that opens a fresh page, given Playwright's arguments of a context.

    At the end of the test nothing may have been asked of another machine, and no page may have thrown or
    written an error to the console.
    """
    outside, errors, contexts = [], [], []

    def opened(**arguments):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 720}} | arguments))
        contexts.append(context)
        context.route(re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1)"), refuse)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        return page

    def refuse(route):
        outside.append(route.request.url)
        route.abort()

    yield opened
    for context in contexts:
        context.close()
    assert not outside, f"asked of another machine: {outside}"
    assert not errors, f"errors of a page: {errors}"


@pytest.fixture
def page(open_page):
    """A page of 1280x720."""
    return open_page()


class Lab:
    """A JupyterLab of its own, as a student starts it: `root` is the folder it shows."""

    def __init__(self, url, token, root):
        self.url, self.token, self.root = url, token, root

    def open(self, page, path):
        """Open a notebook of `root` in a page, and wait until its kernel answers.

        "Idle" is not ready: the cells that Run All sends before the session is there are lost.
        """
        page.set_extra_http_headers({"Authorization": f"token {self.token}"})
        page.goto(f"{self.url}/lab/tree/{path}?reset", wait_until="commit", timeout=60_000)
        page.wait_for_function(
            "path => window.jupyterapp?.shell.currentWidget?.context?.path === path"
            " && window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel",
            arg=path,
            timeout=60_000,
        )
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


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A `Lab`, with its own home, a free port and a token, that asks nothing of the network."""
    home = tmp_path_factory.mktemp("lab")
    root, settings, token = home / "notebooks", home / "settings", secrets.token_hex(16)
    root.mkdir()
    quiet = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.{name}" for name in (f"root_dir={root}", f"port={port}", "port_retries=0")]
    command += [f"--IdentityProvider.token={token}", f"--LabApp.user_settings_dir={settings}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    folders = {
        name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    environment = os.environ | folders | {"HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    said = home / "server.log"
    with said.open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/api?token={token}"):
            assert server.poll() is None and time.monotonic() < deadline, said.read_text()
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
