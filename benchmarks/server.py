"""A class on a JupyterHub of this machine: how long each student waits, how much memory each needs, what is lost.

    python benchmarks/server.py work [--students 8] [--within 120] [--memory 9]
    python benchmarks/server.py submit [--students 30]
    python benchmarks/server.py memory

As root, on Linux, with what the tests of the server need: the hub, its proxy, the exchange and an account for each
student run on a machine made of namespaces (tests/server/world.py), with deploy/jupyterhub_config.py but without
systemd's limits. The students ask over HTTP what JupyterLab asks in a browser; the pages' scripts are not loaded.

`work`: in the given seconds, one after the other, all log in, fetch notebook 1, open it, run all of its solved cells
in a kernel, save and submit.

`submit`: all have a server and no kernel, and submit in the same moment.

Both then collect: what lies in submitted/ must be, byte for byte, what each student saved. Memory is PSS, in which a
page that several processes share counts once.

`memory`, which needs neither root nor a hub: what each thing that notebook 1 imports and loads adds to a process, in
memory that no other process can share.
"""

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
from machine import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "server"))
from hub import COURSE, Hub, open_course
from people import Student, solve
from world import OWNER, World, lacks, refuses

NOTEBOOK = "1_lenet5"
AT_WORK = 0.8  # GiB, by which --memory bounds the students who work
MIB = 2**20
STEPS = (
    "import ipykernel.kernelapp",
    "import torch",
    "import matplotlib.pyplot",
    "from tema9 import data, figures, layers, measuring, models, notebook, recipes, training",
    "from tema9 import imports; imports.load_training()",
    "digits = data.digits()",
    "notebook._give_memory_back(None)",
)
ADDS = """
import sys
def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous:"))
for code in sys.argv[1:]:
    before = anonymous()
    exec(code)
    print(f"{(anonymous() - before) / 1024:7.1f} MiB  {code}")
"""


class Measured(Student):
    """A student whose steps take time, memory and processor."""

    def __init__(self, hub, name):
        super().__init__(hub, name)
        self.seconds, self.memory, self.processor, self.failed = {}, {}, {}, 0

    def step(self, name, function, *arguments):
        """Do something, and keep how many seconds it took."""
        began = time.perf_counter()
        result = function(*arguments)
        self.seconds[name] = time.perf_counter() - began
        return result

    def look(self):
        """Keep the memory and the processor time of the server and the kernel, as they are now."""
        for name, number in zip(("server", "kernel"), self.hub.world.processes(self.name), strict=False):
            process = psutil.Process(number)
            self.memory[name] = process.memory_full_info().pss / MIB
            self.processor[name] = sum(process.cpu_times()[:2])

    def work(self, cells):
        """All that a student does with notebook 1, from the login to the submission."""
        self.step("log in", self.log_in)
        self.step("fetch", self.assignment, "fetch", NOTEBOOK)
        content = self.step("open", self.open, NOTEBOOK)
        solve(NOTEBOOK, content)
        with self.kernel(NOTEBOOK) as run:
            code = [cell for cell in content.cells if cell.cell_type == "code"][:cells]
            self.step("kernel answers", run, nbformat.v4.new_code_cell("1"))
            self.step("first cell", run, code[0])
            self.step("the other cells", lambda: [run(cell) for cell in code[1:]])
            self.failed = sum(out.output_type == "error" for cell in code for out in cell.outputs)
            self.step("save", self.save, NOTEBOOK, content)
            self.look()
            self.step("submit", self.assignment, "submit", NOTEBOOK)

    def arrive(self):
        """Log in, fetch notebook 1, and write the own name into it."""
        self.step("log in", self.log_in)
        self.step("fetch", self.assignment, "fetch", NOTEBOOK)
        content = self.open(NOTEBOOK)
        content.cells.append(nbformat.v4.new_markdown_cell(f"De {self.name}."))
        self.step("save", self.save, NOTEBOOK, content)
        self.look()


def lost(students):
    """The students whose notebook is not in submitted/ as they saved it, after `tema9 collect`."""
    world = students[0].hub.world
    world.run(OWNER, "tema9", "collect", "--exchange", "--course", COURSE)
    work = {one.name: f"/home/{one.name}/{NOTEBOOK}/{NOTEBOOK}.ipynb" for one in students}
    taken = [f"{COURSE}/submitted/{name}/{NOTEBOOK}/{NOTEBOOK}.ipynb" for name in work]
    said = world.run("root", "sha256sum", *work.values(), *taken, check=False).stdout
    hashes = {path: found for found, path in (line.split(maxsplit=1) for line in said.splitlines())}
    return [name for (name, path), copy in zip(work.items(), taken, strict=True) if hashes[path] != hashes.get(copy)]


def in_turn(students, function, within):
    """Let each student begin in turn, evenly over some seconds, and wait for all."""
    with ThreadPoolExecutor(len(students)) as pool:
        begun = []
        for place, student in enumerate(students):
            begun.append(pool.submit(function, student))
            if place + 1 < len(students):
                time.sleep(within / len(students))
        return [one.result() for one in begun]


class Peak(threading.Thread):
    """The most memory that the class has used at once beyond what this machine used before, in MiB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.before, self.most, self.ended = psutil.virtual_memory().available, 0.0, threading.Event()

    def run(self):
        while not self.ended.wait(1):
            self.most = max(self.most, (self.before - psutil.virtual_memory().available) / MIB)


def table(title, students, field, form):
    """Print the median and the worst of what the students measured."""
    print(f"{title:24} {'median':>9} {'worst':>9}")
    for name in getattr(students[0], field):
        found = [getattr(one, field)[name] for one in students]
        print(f"  {name:22} {form(statistics.median(found)):>9} {form(max(found)):>9}")


def memory():
    """Print what each step adds to the memory of a process that is of no file, or takes where it gives memory back."""
    print(describe(), flush=True)
    subprocess.run([sys.executable, "-c", ADDS, *STEPS], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("work", "submit", "memory"))
    parser.add_argument("--students", type=int)
    parser.add_argument("--within", type=float, default=120, help="seconds in which those who work begin")
    parser.add_argument("--memory", type=float, default=9, help="GiB that those who work may take")
    parser.add_argument("--cells", type=int, help="of code, that those who work run; all of them by default")
    arguments = parser.parse_args()
    if arguments.what == "memory":
        memory()
        return
    if reason := refuses() or lacks():
        sys.exit(reason)
    number = arguments.students or {"work": 8, "submit": 30}[arguments.what]
    if arguments.what == "work":
        number = min(number, int(arguments.memory / AT_WORK))
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("jupyterhub", "jupyterlab", "nbgrader")
    )
    print(f"{describe()}, {versions}; load {os.getloadavg()[0]:.1f} before")
    with World([f"alu{place:03}" for place in range(1, number + 1)]) as world, tempfile.TemporaryDirectory() as log:
        open_course(world)
        hub = Hub(world, Path(log))
        hub.start()
        peak = Peak()
        peak.start()
        students = [Measured(hub, name) for name in world.students]
        began = time.perf_counter()
        if arguments.what == "work":
            in_turn(students, lambda one: one.work(arguments.cells), arguments.within)
        else:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(Measured.arrive, students))
            in_turn(students, lambda one: one.step("submit", one.assignment, "submit", NOTEBOOK), 0)
        took = time.perf_counter() - began
        peak.ended.set()
        missing = lost(students)
    print(f"{number} students, {took:.0f} s from the first login to the last submission; load {os.getloadavg()[0]:.1f}")
    table("seconds", students, "seconds", "{:.1f}".format)
    table("memory at the end, MiB", students, "memory", "{:.0f}".format)
    table("processor, seconds", students, "processor", "{:.1f}".format)
    print(f"the class at its peak, with the hub: {peak.most / 1024:.1f} GiB")
    print(f"cells that failed: {sum(one.failed for one in students)}")
    print(f"submissions lost: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
