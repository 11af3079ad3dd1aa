"""A student who works over HTTP, with the requests that JupyterLab makes in the browser, but without the browser."""

import contextlib
import json
import re
import time
import uuid
from urllib.parse import urlsplit

import nbformat
import psutil
import requests
import websocket

from tema9.classroom import sources

START = "0_empieza_aqui.ipynb"
TIMEOUT = 600  # seconds for one answer: many students wait for few cores


class Student:
    """A student of a class on a hub.

    Args:
        hub: the hub.
        name: the student's account.
    """

    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        self.url = f"{hub.url}/user/{name}"
        self.session = requests.Session()

    def log_in(self):
        """Log in, and wait for the own server, which the hub starts, until it has answered with JupyterLab's page."""
        login = f"{self.hub.url}/hub/login"
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.session.get(login, timeout=TIMEOUT).text)[1]
        form = {"username": self.name, "password": self.hub.password, "_xsrf": token}
        answer = self.session.post(login, data=form, params={"next": "/hub/spawn"}, timeout=TIMEOUT)
        if urlsplit(answer.url).path.startswith("/hub/login"):
            raise RuntimeError(f"{self.name} cannot log in: {answer.status_code}")
        while not (urlsplit(answer.url).path.startswith(f"/user/{self.name}/") and answer.ok):
            if "Spawn failed" in answer.text:
                raise RuntimeError(f"the server of {self.name} does not start: {answer.text}")
            time.sleep(0.5)
            answer = self.session.get(f"{self.url}/lab/tree/{START}", timeout=TIMEOUT)

    def ask(self, method, path, **options):
        """Ask the own server for something, and return the answer; a RuntimeError says what it refuses."""
        (token,) = (one.value for one in self.session.cookies if one.name == "_xsrf" and f"/user/{self.name}/" in one.path)
        headers = {"X-XSRFToken": token}
        answer = self.session.request(method, f"{self.url}/{path}", headers=headers, timeout=TIMEOUT, **options)
        if not answer.ok:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status_code} {answer.text[-500:]}")
        return answer.json() if answer.content else None

    def assignment(self, action, notebook):
        """What a button of nbgrader's Assignment List does: "fetch", "submit" or "fetch_feedback"."""
        done = self.ask("POST", f"assignments/{action}", data={"course_id": "tema9", "assignment_id": notebook})
        if not done["success"]:
            raise RuntimeError(f"{self.name}: {action} {notebook}: {done}")

    def open(self, notebook):
        """Read a fetched notebook."""
        return nbformat.from_dict(self.ask("GET", f"api/contents/{notebook}/{notebook}.ipynb")["content"])

    def save(self, notebook, content):
        """Write a notebook."""
        model = {"type": "notebook", "format": "json", "content": content}
        self.ask("PUT", f"api/contents/{notebook}/{notebook}.ipynb", json=model)

    @contextlib.contextmanager
    def kernel(self, notebook):
        """A kernel of a notebook: a function that runs a cell and puts its outputs into it. It is not ended."""
        path = f"{notebook}/{notebook}.ipynb"
        wanted = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        number = self.ask("POST", "api/sessions", json=wanted)["kernel"]["id"]
        address = f"{self.url}/api/kernels/{number}/channels"
        cookies = self.session.prepare_request(requests.Request("GET", address)).headers["Cookie"]
        socket = websocket.create_connection(address.replace("http", "ws", 1), cookie=cookies, timeout=TIMEOUT)
        with contextlib.closing(socket):
            yield lambda cell: run(socket, cell)

    def processes(self):
        """The student's processes: first the server, then the kernels."""
        found = [
            one for one in psutil.process_iter() if one.uids().real == self.hub.world.accounts[self.name]
        ]  # fmt: skip
        return sorted(found, key=lambda one: one.create_time())


def run(socket, cell):
    """Run a cell in the kernel behind a web socket, and put its outputs into it, as JupyterLab does."""
    content = {"code": cell.source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}
    socket.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    cell.outputs, waiting = [], {"idle", "reply"}
    while waiting:
        message = json.loads(socket.recv())
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "status":
            waiting -= {content["execution_state"]}
        elif kind == "execute_reply":
            waiting -= {"reply"}
        elif kind in ("stream", "display_data", "execute_result", "error"):
            cell.outputs.append(nbformat.v4.output_from_msg(message))


def solve(notebook, content):
    """Write the solutions into a notebook."""
    (source,) = (source for source in sources.all_sources() if source.name == notebook)
    answers = {cell.keys[cell.role]: cell.text for cell in source.cells if cell.role in ("solution", "answer")}
    for cell in content.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
