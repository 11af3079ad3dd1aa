"""Students and teachers who work over HTTP, with the requests of JupyterLab and Formgrader, but without a browser."""

import contextlib
import json
import re
import time
import uuid
from urllib.parse import urlsplit

import nbformat
import requests
import websocket

from tema9.classroom import sources

START = "0_empieza_aqui.ipynb"
TIMEOUT = 600  # seconds for one answer: many students wait for few cores


class Person:
    """Somebody with an account, who is logged in at one address of a hub.

    Args:
        hub: the hub.
        name: the account.
        home: the address of what the person uses there, a server or a service, without that of the hub.
    """

    def __init__(self, hub, name, home):
        self.hub, self.name, self.home = hub, name, home
        self.url = f"{hub.url}{home}"
        self.session = requests.Session()

    def log_in(self, page, first=None):
        """Log in, and ask for a page of the own address until there is an answer: the hub may have to start a server.

        Args:
            page: the page.
            first: the address that is asked for at first, which starts the server; by default that of the page.
        """
        login, there = f"{self.hub.url}/hub/login", f"{self.home}/{page}"
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.session.get(login, timeout=TIMEOUT).text)[1]
        form = {"username": self.name, "password": self.hub.password, "_xsrf": token}
        answer = self.session.post(login, data=form, params={"next": first or there}, timeout=TIMEOUT)
        while not (urlsplit(answer.url).path.startswith(f"{self.home}/") and answer.ok):
            if answer.status_code == 403 or "Spawn failed" in answer.text:
                raise RuntimeError(f"{self.name} does not come to {there}: {answer.status_code} {answer.text[-2000:]}")
            time.sleep(0.5)
            stopped = answer.status_code == 424  # so says the hub of a server that does not run, or not yet
            asked = first if first and stopped else there
            answer = self.session.get(f"{self.hub.url}{asked}", timeout=TIMEOUT)

    def ask(self, method, path, **options):
        """Ask for something below the own address, and return the answer; a RuntimeError says what is refused."""
        tokens = [one.value for one in self.session.cookies if one.name == "_xsrf" and f"{self.home}/" in one.path]
        headers = {"X-XSRFToken": tokens[-1]}
        answer = self.session.request(method, f"{self.url}/{path}", headers=headers, timeout=TIMEOUT, **options)
        if not answer.ok:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status_code} {answer.text[-500:]}")
        return answer.json() if answer.content else None


class Teacher(Person):
    """A teacher in the Formgrader of a hub, which all teachers share."""

    def __init__(self, hub, name):
        super().__init__(hub, name, "/services/tema9")

    def log_in(self):
        """Log in, and open Formgrader."""
        super().log_in("formgrader/")

    def answers(self, notebook, cell):
        """The grade of one cell of each student who handed in a notebook: {student: the grade, as its API says it}."""
        found = {}
        for one in self.ask("GET", f"formgrader/api/submitted_notebooks/{notebook}/{notebook}"):
            grades = self.ask("GET", "formgrader/api/grades", params={"submission_id": one["id"]})
            found[one["student"]] = next(grade for grade in grades if grade["name"] == cell)
        return found

    def mark(self, grade, points):
        """Give points by hand, as the page of an answer does."""
        self.ask("PUT", f"formgrader/api/grade/{grade['id']}", json={"manual_score": points, "extra_credit": 0})


class Student(Person):
    """A student of a class, with a server of the own."""

    def __init__(self, hub, name):
        super().__init__(hub, name, f"/user/{name}")

    def log_in(self):
        """Log in, and wait for the own server, until it has answered with JupyterLab's page."""
        super().log_in(f"lab/tree/{START}", "/hub/spawn")

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
        """The kernel of a notebook, as a function that runs a cell and puts its outputs into it. It is not ended."""
        path = f"{notebook}/{notebook}.ipynb"
        wanted = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        number = self.ask("POST", "api/sessions", json=wanted)["kernel"]["id"]
        address = f"{self.url}/api/kernels/{number}/channels"
        cookies = self.session.prepare_request(requests.Request("GET", address)).headers["Cookie"]
        socket = websocket.create_connection(address.replace("http", "ws", 1), cookie=cookies, timeout=TIMEOUT)
        with contextlib.closing(socket):
            yield lambda cell: run(socket, cell)


def run(socket, cell):
    """Run a cell in the kernel behind a web socket, and put its outputs into it, as JupyterLab does."""
    content = {"code": cell.source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    socket.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    cell.outputs, waiting = [], {"idle", "reply"}
    while waiting:
        received = socket.recv()
        if isinstance(received, bytes):  # a picture for a widget
            continue
        message = json.loads(received)
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
