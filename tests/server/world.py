"""A machine for the tests of the server: accounts, homes and /srv that exist for these processes only.

It is a mount namespace: its /etc/passwd has more accounts than this machine's, its /home and its /srv are empty at
first, and with the last of its processes it is gone. What of Python lies where other accounts may not look, as in
root's home, is shown to them there.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

SRV = Path("/srv/tema9")
OWNER, TEACHERS = "tema9", ("prof1", "prof2")
FIRST = 64_100  # the number of the first account
REPOSITORY = Path(__file__).parents[2]
PACKAGES = Path(__import__("jupyterlab").__file__).parents[1]


def refuses() -> str:
    """Why nobody can make such a machine in this one; "" if it can be made."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "accounts can be made on Linux and by root only"
    for place in (REPOSITORY, PACKAGES, sys.base_prefix):
        if Path(place).resolve().is_relative_to("/home") or Path(place).resolve().is_relative_to("/srv"):
            return f"{place} lies where the machine of the tests has folders of its own"
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/srv"], capture_output=True)
    return "" if tried.returncode == 0 else "root may mount nothing on this machine"


def lacks() -> str:
    """Which part has to be installed, and how; "" if none has."""
    if not shutil.which("configurable-http-proxy"):
        return "configurable-http-proxy is not installed here: npm install --global configurable-http-proxy"
    if not all(map(importlib.util.find_spec, ("jupyterhub", "jupyterhub_idle_culler"))):
        return "JupyterHub is not installed here: pip install jupyterhub jupyterhub-idle-culler"
    return ""


def numbered(students):
    """The number of each account that the machine has more than this one."""
    return {name: FIRST + place for place, name in enumerate([OWNER, *TEACHERS, *students])}


class World:
    """The machine, while it is there.

    Args:
        students: the names of the students' accounts.
    """

    def __init__(self, students):
        self.students = students
        self.accounts = numbered(students)
        self._first = None

    def __enter__(self):
        ready, write = os.pipe()
        self._first = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, str(write), *self.students],
            pass_fds=[write],
            stdin=subprocess.PIPE,
        )
        os.close(write)
        with os.fdopen(ready) as said:
            if said.read() != "ready":
                raise RuntimeError("the machine for the tests of the server could not be made")
        return self

    def __exit__(self, *_):
        """End all that runs on the machine: a hub leaves the servers of students running."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._first.wait()

    def processes(self, account=None):
        """The numbers of the processes that run on the machine, of one account or of all, the oldest first."""
        here, found = os.readlink(f"/proc/{self._first.pid}/ns/mnt"), []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mine = account is None or process.stat().st_uid == self.accounts[account]
                if mine and os.readlink(process / "ns" / "mnt") == here:
                    found.append(int(process.name))
        return sorted(found)

    def command(self, account, *words):
        """The command line that runs a command on the machine, with the rights of an account."""
        words = [str(word) for word in words]
        enter = ["nsenter", f"--mount=/proc/{self._first.pid}/ns/mnt", "--wd=/"]
        number = 0 if account == "root" else self.accounts[account]
        identity = [f"--reuid={number}", f"--regid={number}", "--clear-groups"]
        home = "/root" if account == "root" else f"/home/{account}"
        folders = [SRV / ("teachers" if account == OWNER else "students") / "bin", "/usr/local/bin", "/usr/bin", "/bin"]
        folders += [os.path.dirname(shutil.which(one)) for one in ("configurable-http-proxy", "node")]
        path = ":".join(map(str, folders))
        environment = ["env", "-i", f"HOME={home}", f"USER={account}", f"PATH={path}", "LANG=C.UTF-8"]
        return [*enter, "setpriv", *identity, *environment, *words]

    def run(self, account, *words, check=True, **options):
        """Run a command on the machine with the rights of an account, and return how it ended."""
        line = self.command(account, *words)
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, **options)
        if check and done.returncode:
            raise RuntimeError(f"{account}: {' '.join(map(str, words))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done


def make(students):
    """What is different on the machine; the process that calls it has a mount namespace of its own."""
    accounts = numbered(students)
    show_python()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/home")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/srv")
    SRV.mkdir(mode=0o755)
    etc = Path("/srv/etc")
    etc.mkdir(mode=0o755)
    lines = {
        "passwd": [f"{name}:x:{number}:{number}::/home/{name}:/bin/sh" for name, number in accounts.items()],
        "group": [f"{name}:x:{number}:" for name, number in accounts.items()],
    }
    for file, added in lines.items():  # a faculty's machine may have some of these accounts
        others = [line for line in Path("/etc", file).read_text().splitlines() if line.split(":")[0] not in accounts]
        (etc / file).write_text("\n".join([*others, *added]) + "\n")
        mount("--bind", etc / file, f"/etc/{file}")
    for name, number in accounts.items():
        home = Path("/home", name)
        home.mkdir(mode=0o700)
        os.chown(home, number, number)
    environments(accounts[OWNER])
    for name, mode, owner in (("course", 0o700, OWNER), ("exchange", 0o1777, OWNER), ("hub", 0o700, None)):
        (SRV / name).mkdir()
        (SRV / name).chmod(mode)
        if owner:
            os.chown(SRV / name, accounts[owner], accounts[owner])
    (SRV / "hub" / "teachers.txt").write_text("\n".join(TEACHERS) + "\n")


def environments(owner):
    """The two environments, as docs/server.md makes them, but with the packages of this one."""
    from tema9.classroom.authoring import bundle

    checkout, zipped = SRV / "checkout", Path("/srv/students.zip")
    for name in ("tema9", "solutions", "notebooks", "slides"):
        shutil.copytree(
            REPOSITORY / name, checkout / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(REPOSITORY / name, checkout)
    for folder, _, files in os.walk(checkout):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(place, owner, owner)
    checkout.chmod(0o750)
    bundle.bundle(zipped)
    with zipfile.ZipFile(zipped) as opened:
        opened.extractall("/srv/unzipped")
    (unzipped,) = Path("/srv/unzipped").iterdir()
    shutil.move(unzipped / "notebooks", SRV / "notebooks")
    for name in ("students", "teachers"):
        packages = environment(SRV / name)
        if name == "students":
            shutil.move(unzipped / "tema9", packages / "tema9")
            shutil.copy(REPOSITORY / "deploy" / "nbgrader_config.py", SRV / name / "etc" / "jupyter")
        else:
            (packages / "0.pth").write_text(f"{checkout}\n")


def environment(folder):
    """An environment with the packages and commands of this one, and the folder of its own packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    (packages / "1.pth").write_text(f"import site; site.addsitedir({str(PACKAGES)!r})\n")
    for script in Path(sys.prefix, "bin").iterdir():
        there = folder / "bin" / script.name
        if script.is_file() and not there.exists() and script.open("rb").read(2) == b"#!":
            first, _, rest = script.read_text(errors="replace").partition("\n")
            there.write_text(f"#!{folder}/bin/python\n{rest}" if "python" in first else f"{first}\n{rest}")
            there.chmod(0o755)
    if Path(sys.prefix, "share").is_dir():
        (folder / "share").symlink_to(Path(sys.prefix, "share"))
    shutil.copytree(Path(sys.prefix, "etc", "jupyter"), folder / "etc" / "jupyter", dirs_exist_ok=True)
    return packages


def show_python():
    """Let other accounts see the Python that runs this, where a folder above it keeps them out."""
    wanted = {Path(one).resolve() for one in (sys.base_prefix, sys.prefix, PACKAGES)}
    wanted |= {Path(os.path.realpath(shutil.which(one))).parents[1] for one in ("node", "configurable-http-proxy")}
    hidden = {}
    for place in wanted:
        for folder in reversed(place.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                hidden.setdefault(folder, []).append(place)
                break
    for folder, places in hidden.items():
        kept = {place: os.open(place, os.O_PATH) for place in places}
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        for place, opened in kept.items():
            place.mkdir(parents=True, exist_ok=True)
            mount("--no-canonicalize", "--bind", f"/proc/{os.getpid()}/fd/{opened}", place)
            os.close(opened)


def mount(*words):
    """Mount something in the namespace of this process."""
    subprocess.run(["mount", *map(str, words)], check=True)


if __name__ == "__main__":
    make(sys.argv[2:])
    with os.fdopen(int(sys.argv[1]), "w") as out:
        out.write("ready")
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        sys.stdin.read()  # until the test ends, however it ends
