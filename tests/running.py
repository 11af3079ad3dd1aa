"""A class graded as the tests do it, and the command `tema9` in this process: without a sandbox where there is none."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import parts
from typer.testing import CliRunner

from tema9.classroom.grading import grade as grading
from tema9.classroom.sandbox.sandbox import Limits
from tema9.cli import app


def run(*arguments):
    """Run `tema9` with these arguments; return its output and exit code as Typer's runner has them.

    Raises:
        whatever the command does not turn into one line and an exit code.
    """
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, *extra(*arguments[:1]))])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@contextlib.contextmanager
def put_back(root):
    """Yield a graded class to one test; whatever the test does in its folder is undone afterwards."""
    before = root.with_name("before")
    if not before.exists():
        shutil.copytree(root, before)
    yield root
    shutil.rmtree(root)
    shutil.copytree(before, root)


def extra(command=""):
    """The option with which a command of `tema9` grades where there is no sandbox."""
    return ["--no-sandbox"] if command == "grade" and parts.UNSANDBOXED else []


def grade_class(root, **settings):
    """`grading.grade`, in this process and with 10 seconds for each answer unless told otherwise."""
    return grading.grade(
        root, **({"workers": 1, "limits": Limits(seconds=10), "unsandboxed": parts.UNSANDBOXED} | settings)
    )


@contextlib.contextmanager
def formgrader(root, **environment):
    """A function that asks Formgrader, as its page does; JupyterLab's server runs in the course folder.

    `ask(path)` gets a page, or what an address of its API says; `ask(path, data)` puts data there.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = "corrige"
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"]
    log = root.parent / f"server-{port}.log"

    def ask(path, data=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/formgrader/{path}",
            data=None if data is None else json.dumps(data).encode(),
            method="GET" if data is None else "PUT",
            headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            text = answer.read().decode()
        return json.loads(text) if path.startswith("api") else text

    with log.open("w") as said:
        settings = os.environ | {"JUPYTER_TOKEN": token} | environment
        server = subprocess.Popen(command, cwd=root, stdout=said, stderr=said, env=settings)
        try:
            while True:
                try:
                    ask("api/assignments")
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.2)
            yield ask
        finally:
            server.terminate()
            server.wait(20)
