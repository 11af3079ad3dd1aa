"""The longer experiments of the notebooks: each module is a script, and its log lies beside it as CSV.

`python -m tema9.experiments.NAME` runs one again and writes its log; `--help` says how long it takes.
"""

import csv
from pathlib import Path
from typing import Any

from tema9 import files

HERE = Path(__file__).parent


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of an experiment's log, as a list of dicts; numbers come as numbers.

    Lines that begin with # tell where the log comes from: the command, the machine, the versions.

    Raises:
        ValueError: there is no such log; the message lists those there are.
    """
    return files.table(HERE, name, "experiment")


def write(path: str | Path, command: str, rows: list[dict[str, Any]]) -> None:
    """Write the log of an experiment: its rows, under the command, the machine and the versions.

    Args:
        rows: dicts with the same keys.
    """
    import platform

    import torch

    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {command}\n# Python {platform.python_version()}, torch {torch.__version__}, {machine}\n")
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
