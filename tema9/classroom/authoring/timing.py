"""How long every solved notebook takes, and its memory, against what a student's laptop has to give."""

import csv
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from nbclient import NotebookClient

from tema9 import hardware, outline
from tema9.classroom import sources
from tema9.files import atomic_write

TIMES = outline.HERE / "times.csv"
SECONDS_EACH, SECONDS_ALL = 90, 300  # the budget
SLOWEST = 3


@dataclass(frozen=True)
class Timed:
    """A solved notebook's run: `cells` are its slowest, (seconds, first line), the slowest first."""

    notebook: str
    seconds: float
    memory: int  # bytes, at its peak
    cells: tuple[tuple[float, str], ...]

    @property
    def late(self):
        return self.seconds > SECONDS_EACH


def measure(source) -> Timed:
    """Run a solved notebook from beginning to end, with its long settings, on the cores that this process may use.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook, starts, cells, peaks = sources.to_notebook(source), {}, [], [0]

    def started(cell, cell_index):
        starts[cell_index] = time.perf_counter()

    def ended(cell, cell_index, execute_reply):
        cells.append((time.perf_counter() - starts[cell_index], _title(cell.source)))
        peaks.append(_peak(client.km.provisioner.pid))

    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=600, resources=resources)
        client.on_cell_execute, client.on_cell_executed = started, ended
        began = time.perf_counter()
        client.execute()
        seconds = time.perf_counter() - began
    return Timed(source.name, seconds, max(peaks), tuple(sorted(cells, reverse=True)[:SLOWEST]))


def _title(text):
    """The first line of a cell that says something of it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    return lines[0][:50] if lines else ""


def _peak(pid):
    """The most memory that a process has had; where the system does not say, what it has now."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    return psutil.Process(pid).memory_info().rss


def save(timed, path=TIMES):
    """Write the table that the start page and the README read."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        file.write(
            f"# tema9 time --save: {hardware.cores()} cores, no GPU, {platform.system()},"
            f" Python {platform.python_version()}\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("notebook", "seconds", "mebibytes"))
        writer.writerows((one.notebook, round(one.seconds), round(one.memory / 2**20)) for one in timed)
