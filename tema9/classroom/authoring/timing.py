"""How long each solved notebook takes and how much memory it needs, compared with what a student's laptop can give."""

import csv
import platform
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from nbclient import NotebookClient

from tema9 import hardware, outline
from tema9.classroom import sources
from tema9.classroom.sources import Source
from tema9.files import atomic_write

TIMES = outline.HERE / "times.csv"
SECONDS_EACH, SECONDS_ALL = 90, 300  # the budget of each notebook, and of all of them together
SLOWEST = 3  # how many cells of a notebook are named


@dataclass(frozen=True)
class Timed:
    """How long a run of a solved notebook took, and how much memory it needed.

    Args:
        notebook: the name of the notebook.
        seconds: that the run took.
        memory: the bytes that the kernel had at its peak.
        cells: (seconds, first line) of the slowest cells, the slowest first.
    """

    notebook: str
    seconds: float
    memory: int
    cells: tuple[tuple[float, str], ...]

    @property
    def late(self) -> bool:
        """Whether the notebook took longer than its budget."""
        return self.seconds > SECONDS_EACH


def measure(source: Source) -> Timed:
    """Run a solved notebook from beginning to end, with the settings that students have, and return what that took.

    The kernel has the cores that this process may use.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = sources.to_notebook(source)
    starts: dict[int, float] = {}
    cells: list[tuple[float, str]] = []
    peaks = [0]

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
    """The first line of a cell that is neither empty nor an import, by which a reader knows the cell."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    return lines[0][:50] if lines else ""


def _peak(pid):
    """The bytes that a process had at its peak; where the system does not say that, the bytes that it has now."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    return psutil.Process(pid).memory_info().rss


def save(timed: Iterable[Timed], path: str | Path = TIMES) -> None:
    """Write the times as the table that the start page and the README read."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        file.write(
            f"# tema9 time --save: {hardware.cores()} cores, no GPU, {platform.system()},"
            f" Python {platform.python_version()}\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("notebook", "seconds", "mebibytes"))
        writer.writerows((one.notebook, round(one.seconds), round(one.memory / 2**20)) for one in timed)
