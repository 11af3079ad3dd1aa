"""The documents of the repository, as the tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING, CHANGELOG = (ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))
MAP = ROOT / "docs" / "map.md"
# What whoever reads the README must find from there.
PAGES = [CONTRIBUTING, CHANGELOG, ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [README, *PAGES, ROOT / "tema9" / "classroom" / "authoring" / "LEEME.md"]


def read(path) -> str:
    return path.read_text(encoding="utf-8")


def rows(marker):
    """The lines that follow a marker in the one document that has it, up to the next blank line; of a table, without
    its head."""
    (text,) = [read(path) for path in DOCUMENTS if f"<!-- {marker} -->\n" in read(path)]
    lines = text.split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].splitlines()
    return lines[2:] if lines[0].startswith("|") else lines


def typed(path) -> list[str]:
    """What a document says to type: the lines of its blocks of code, and its words in backquotes."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", read(path), flags=re.M | re.S)
    prose = re.sub(r"^```.*?^```", "", read(path), flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`]+)`", prose)


def anchors(path) -> set[str]:
    """What the headings of a document are called in links, as GitHub makes it of their text."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", read(path), flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
