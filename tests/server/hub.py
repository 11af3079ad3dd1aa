"""A JupyterHub and PostgreSQL on a machine of the tests, with a course whose students are enrolled."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request

from world import OWNER, REPOSITORY, SRV

COURSE, EXCHANGE = SRV / "course", SRV / "exchange"


def open_course(world, *options):
    """Release the course on the machine, enrol its students, and put the configuration of the hub there.

    Args:
        world: the machine.
        options: further options of `tema9 release`.
    """
    rows = [f"{name},Alumna {number},Sanz,{name}@example.org" for number, name in enumerate(world.students, 1)]
    roster = "\n".join(["id,first_name,last_name,email", *rows, ""])
    config = (REPOSITORY / "deploy" / "jupyterhub_config.py").read_text(encoding="utf-8")
    world.run("root", "sh", "-c", f"cat > {SRV}/hub/jupyterhub_config.py", input=config)
    world.run(OWNER, "tema9", "release", COURSE, "--exchange", EXCHANGE, *options)
    world.run(OWNER, "sh", "-c", f"cat > {COURSE}/list.csv", input=roster)
    world.run(OWNER, "tema9", "collect", "--exchange", "--course", COURSE, "--roster", f"{COURSE}/list.csv")


class Hub:
    """A JupyterHub that runs on a `World`.

    Args:
        world: the machine.
        folder: where its log is written.
    """

    def __init__(self, world, folder):
        self.world, self.log = world, folder / "hub.log"
        self.password = secrets.token_hex(16)
        self.port, self.hub_port, self.proxy_port, formgrader_port = free_ports(4)
        self.url = f"http://127.0.0.1:{self.port}"
        self.formgrader = f"http://127.0.0.1:{formgrader_port}"
        self.process = None

    def start(self):
        """Start it, and wait until it answers."""
        line = self.world.command(
            "root",
            f"TEMA9_FORMGRADER_URL={self.formgrader}",
            f"CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}",
            f"{SRV}/students/bin/jupyterhub",
            f"--config={SRV}/hub/jupyterhub_config.py",
            f"--JupyterHub.bind_url={self.url}",
            f"--JupyterHub.hub_port={self.hub_port}",
            f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{self.proxy_port}",
            "--JupyterHub.authenticator_class=shared-password",
            f"--SharedPasswordAuthenticator.user_password={self.password}",
            "--JupyterHub.spawner_class=jupyterhub.spawner.LocalProcessSpawner",
            "--Spawner.args=['--LabApp.expose_app_in_browser=True']",
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        self.wait_for("/hub/health")

    def wait_for(self, path):
        """Wait until an address of the hub answers, or the hub has ended."""
        while self.process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}{path}", timeout=30):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the hub ended: {self.log.read_text()[-3000:]}")

    def kill(self):
        """End the hub, its proxy and its services at once, as a power cut would; the students' servers stay."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """End it, with the servers of the students."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Postgres:
    """A PostgreSQL that runs on a `World` as the account of the course; its first database is for the gradebook.

    Args:
        world: the machine.
        commands: the folder of the commands of PostgreSQL's server.
    """

    def __init__(self, world, commands):
        self.world, self.commands, self.folder = world, commands, f"/home/{OWNER}/postgresql"
        self.url = f"postgresql:///postgres?host={self.folder}"
        self._run("initdb", "--auth=peer", "--no-sync")
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses= -k {self.folder}"
        self._run("pg_ctl", "start", "--wait", "--log", f"{self.folder}/log", "-o", options)

    def kill(self):
        """End it at once, so that it has to recover when it starts."""
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, command, *words):
        self.world.run(OWNER, f"{self.commands}/{command}", "--pgdata", self.folder, *words)


def free_ports(number):
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
