"""The records of 2012 to 2017 as small tables; the first lines of each CSV say where its figures come from.

runs: Krizhevsky's training runs. schedule: the settings that he changed by hand during two of them.
winners: of ILSVRC, 2010 to 2017. results: the two papers' tables of errors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tema9 import files

HERE = Path(__file__).parent
IMAGES = {"ILSVRC-2012 val": 50_000, "ILSVRC-2010 test": 150_000}  # Krizhevsky et al. (2012), section 2


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of a record as a list of dicts; numbers come as numbers, empty cells as None.

    Raises:
        ValueError: there is no such record; the message lists those there are.
    """
    return files.table(HERE, name, "record")


def run(name: str | int, views: str = "multi") -> dict[str, Any]:
    """Return the row of a run of 2012, as evaluated with ten views ("multi") or with one ("centre").

    Raises:
        ValueError: there is no such run.
    """
    rows = [row for row in read("runs") if str(row["run"]) == str(name) and row["views"] == views]
    if not rows:
        raise ValueError(
            f"no run {name!r} with views {views!r}; runs: {', '.join(str(r['run']) for r in read('runs'))}"
        )
    return rows[0]


def difference(
    changed: str | int, base: str | int, error: str = "top5_error", views: Sequence[str] = ("multi", "multi")
) -> tuple[float, float]:
    """Return (the error of `changed` minus that of `base`, its standard error), in percentage points.

    The standard error is computed as if the two runs had been tested on independent samples; since both
    saw the same images, the true standard error is smaller.

    Args:
        changed, base: runs, as in `run`.
        error: "top1_error" or "top5_error".
        views: with which views each was evaluated.

    Raises:
        ValueError: the two were tested on different images.

    Example:
        >>> points, se = difference("147", "145")  # without overlapping pooling
        >>> print(f"{points:.2f} +- {se:.2f}")
        0.30 +- 0.24
    """
    rows = [run(name, view) for name, view in zip((changed, base), views, strict=True)]
    if rows[0]["dataset"] != rows[1]["dataset"]:
        raise ValueError(f"run {changed} was tested on {rows[0]['dataset']} and {base} on {rows[1]['dataset']}")
    images = IMAGES[rows[0]["dataset"]]
    shares = [row[error] for row in rows]
    return 100 * (shares[0] - shares[1]), 100 * sum(p * (1 - p) / images for p in shares) ** 0.5
