"""JupyterHub for the course on one machine: a server for each student, one Formgrader for the teachers.

docs/server.md says how to get there. An option of the command wins over a line here. /srv/tema9 holds
    students/   the environment of the hub and of the students, with tema9 from the students' zip
    notebooks/  the start page, from that zip
    checkout/   the repository, which only the account tema9 may enter: it has the solutions
    teachers/   the environment of the teachers, with tema9 from the checkout
    course/     the course folder, which only the account tema9 may enter
    hub/        teachers.txt, an account in each line, and what the hub keeps; only root may enter
"""

import csv
import os
from pathlib import Path

c = get_config()  # noqa: F821, JupyterHub defines it
SRV = Path("/srv/tema9")
OWNER = "tema9"  # the account that owns the course folder and the exchange
with open(
    SRV / "course" / "roster.csv", encoding="utf-8-sig", newline=""
) as roster:  # `tema9 collect --roster` made it
    STUDENTS = {row["id"] for row in csv.DictReader(roster) if not row.get("left")}
TEACHERS = set((SRV / "hub" / "teachers.txt").read_text(encoding="utf-8").split())

c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # nginx or Caddy, with TLS, stands before it
c.JupyterHub.cookie_secret_file = str(SRV / "hub" / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{SRV}/hub/hub.sqlite"  # or postgresql://...
c.JupyterHub.cleanup_servers = False  # a restart of the hub ends nobody's work
c.ConfigurableHTTPProxy.pid_file = str(SRV / "hub" / "proxy.pid")
c.Authenticator.allowed_users = STUDENTS | TEACHERS  # since JupyterHub 5 nobody is allowed unless it is said
c.Authenticator.delete_invalid_users = True  # an account that is gone stops no start of the hub
# Accounts of the system log in through PAM; with the faculty's OAuth or LTI, its authenticator_class stands here.

# The members of the group formgrade-COURSE see the service, and nobody else does.
c.JupyterHub.load_groups = {"formgrade-tema9": {"users": sorted(TEACHERS)}}
c.JupyterHub.load_roles = [
    {
        "name": "formgrade-tema9",
        "groups": ["formgrade-tema9"],
        "scopes": ["access:services!service=tema9", "list:services", "read:services!service=tema9"],
    },
    {
        "name": "idle-culler",  # what it needs to end servers, and no more
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
c.JupyterHub.services = [
    {
        "name": "tema9",  # nbgrader looks for /services/COURSE
        "url": os.environ.get("TEMA9_FORMGRADER_URL", "http://127.0.0.1:9999"),
        "user": OWNER,  # the hub is root and starts it as this account, so all that it writes has one owner
        "cwd": str(SRV / "course"),  # nbgrader reads nbgrader_config.py of the current folder
        "command": [
            str(SRV / "teachers" / "bin" / "jupyterhub-singleuser"),
            f"--ServerApp.root_dir={SRV / 'course'}",  # Formgrader wants the course folder at its root or below
            f"--LabApp.app_settings_dir={SRV / 'checkout' / 'tema9' / 'classroom' / 'jupyter' / 'lab'}",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.jpserver_extensions=nbgrader.server_extensions.course_list=False",
            "--ServerApp.jpserver_extensions=nbgrader.server_extensions.assignment_list=False",
        ],
        "environment": {"HOME": os.path.expanduser(f"~{OWNER}"), "PATH": f"{SRV}/teachers/bin:/usr/bin:/bin"},
        "oauth_no_confirm": True,  # otherwise each teacher is asked once to authorise it
    },
    {
        "name": "idle-culler",  # a server and kernel at rest keep 0.6 GiB; after an hour of it, its memory is another's
        "command": [str(SRV / "students" / "bin" / "python"), "-m", "jupyterhub_idle_culler", "--timeout=3600"],
    },
]

# Systemd sets limits; LocalProcessSpawner, which needs nothing, sets none.
c.JupyterHub.spawner_class = "systemd"
c.SystemdSpawner.dynamic_users = False  # the accounts of the system
c.SystemdSpawner.isolate_tmp = True  # a /tmp for each student
c.Spawner.mem_limit, c.Spawner.cpu_limit = "2G", 2.0  # of a student; a notebook needs 0.7 GiB (docs/server.md)
c.Spawner.cmd = [str(SRV / "students" / "bin" / "python"), "-m", "tema9.hub", str(SRV / "notebooks")]
c.Spawner.environment = {"PATH": f"{SRV}/students/bin:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}  # many on few cores
c.Spawner.default_url = "/lab/tree/0_empieza_aqui.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 120  # eight at once on two cores took 24 s; the defaults are 60, 30
