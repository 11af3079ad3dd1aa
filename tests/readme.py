"""The README, as the tests read it."""

from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def rows(marker):
    """The lines that follow a marker in the README, up to the next blank one; of a table, without its head."""
    lines = README.split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].splitlines()
    return lines[2:] if lines[0].startswith("|") else lines
