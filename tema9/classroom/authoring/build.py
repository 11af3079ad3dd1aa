"""The build: from the sources to the notebooks, the fingerprints, the hints and the outline that students receive."""

import csv
import hashlib
import json
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

from tema9 import hints, outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.authoring.lint import lint_all
from tema9.classroom.course import Course

CHECKS = sources.ROOT / "tema9" / "checks.json"
HINTS = hints.HERE / "hints.json"
OUTLINE = outline.HERE / "outline.json"
BUILT = sources.SOLUTIONS / "built.json"
GLOSSARY = sources.SOLUTIONS / "glosario.csv"
GLOSSARY_HERE = "GLOSARIO"  # in the source of the start page, where its table of terms will be


class LintError(ValueError):
    """A source breaks a rule of `lint`; the message has one line for each problem, which are its `lines`."""

    @property
    def lines(self) -> list[str]:
        """The problems."""
        return str(self).splitlines()


def build_checks(track: Callable[[list], Iterable] = iter) -> str:
    """Return the text of `tema9/checks.json`, which holds the fingerprints of the banks of all notebooks.

    Args:
        track: wraps the list of exercises to show progress.
    """
    loaded = [(source, bank.load(source)) for source in sources.all_sources()]
    jobs = [(source, entries, exercise) for source, entries in loaded for exercise in source.graded]
    checks = {job[-1].name: bank.fingerprints(*job) for job in track(jobs)}
    return json.dumps(checks, indent=1, ensure_ascii=False) + "\n"


def build_outline() -> str:
    """Return the text of `tema9/outline.json`: all that the students' side of the package knows of the exercises."""
    listed = {
        source.name: {
            "title": source.title,
            "minutes": source.minutes,
            "exercises": [
                {"name": one.name, "points": one.points, "by_hand": one.by_hand} for one in source.exercises.values()
            ],
        }
        for source in sources.all_sources()
    }
    return json.dumps(listed, indent=1, ensure_ascii=False) + "\n"


def glossary() -> list[dict[str, str]]:
    """Return the rows of the glossary, with the keys english, spanish, note and avoid (words apart by ";")."""
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def build_start_page() -> str:
    """Return the text of the start page as students receive it: its source as a notebook, with the glossary in it."""
    lines = ["| español | inglés | nota |", "|---|---|---|"]
    for row in sorted(glossary(), key=lambda one: unicodedata.normalize("NFD", one["spanish"].casefold())):
        lines.append(f"| {row['spanish']} | *{row['english']}* | {row['note']} |")
    page = sources.to_notebook(sources.start_page())
    for cell in page.cells:
        cell.source = cell.source.replace(GLOSSARY_HERE, "\n".join(lines))
    return nbformat.writes(page) + "\n"


def build_hints() -> str:
    """Return the text of `tema9/hints.json`, which holds the hints of all notebooks; submissions do not tell them."""
    found = {name: texts for source in sources.all_sources() for name, texts in bank.load(source).hints.items()}
    return json.dumps({"told": False, "exercises": found}, indent=1, ensure_ascii=False) + "\n"


def build_notebooks() -> dict[str, bytes]:
    """Return {file name: bytes} of the notebooks that students receive.

    nbgrader releases the graded notebooks; `build_start_page` makes the start page. Two calls return the same bytes.
    """
    start, page = sources.start_page(), build_start_page()
    with tempfile.TemporaryDirectory() as folder:
        course = Course(folder)
        course.prepare()
        # read as text: nbgrader ends lines as the system does
        made = {f"{s.name}.ipynb": course.release(s.name).read_text(encoding="utf-8") for s in sources.all_sources()}
    return {name: text.encode() for name, text in {f"{start.name}.ipynb": page, **made}.items()}


def built(made: dict[Path, bytes]) -> str:
    """Return the text of `solutions/built.json`: from which sources what was built, as a mark of each file.

    Args:
        made: {path: bytes} of what was built.
    """
    marks = {
        "sources": {name: _mark((sources.SOLUTIONS / name).read_bytes()) for name in _texts()},
        "built": {name: _mark(content) for name, content in sorted((path.name, made[path]) for path in made)},
    }
    return json.dumps(marks, indent=1) + "\n"


def is_built(notebooks: Path = sources.NOTEBOOKS) -> bool:
    """Return whether the notebooks, the fingerprints and the outline are those of the sources as they are now."""
    paths = [CHECKS, HINTS, OUTLINE, *notebooks.glob("*.ipynb")]
    if not BUILT.is_file() or not all(path.is_file() for path in paths):
        return False
    return BUILT.read_text(encoding="utf-8") == built({path: path.read_bytes() for path in paths})


def _texts():
    """The files from which everything is built, by their place in `solutions/`; no other folder decides their order."""
    patterns = ("*.py", "mistakes/*.py", "hints/*.md", GLOSSARY.name)
    paths = (path for pattern in patterns for path in sources.SOLUTIONS.glob(pattern))
    return sorted(path.relative_to(sources.SOLUTIONS).as_posix() for path in paths)


def _mark(content):
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:16]


def build(notebooks: Path = sources.NOTEBOOKS, track: Callable[[list], Iterable] = iter) -> list[Path]:
    """Check the sources, write the notebooks, the fingerprints, the hints and the outline, and return their paths.

    A file whose content would not change is not written, and a notebook without a source is removed.

    Args:
        notebooks: the folder of the notebooks.
        track: wraps the list of exercises to show progress.

    Raises:
        LintError: a source breaks a rule of `lint`; nothing is written.
    """
    if problems := lint_all():
        raise LintError("\n".join(problems))
    made = {CHECKS: build_checks(track).encode(), HINTS: build_hints().encode(), OUTLINE: build_outline().encode()}
    made |= {notebooks / name: content for name, content in build_notebooks().items()}
    notebooks.mkdir(exist_ok=True)
    for path, content in [*made.items(), (BUILT, built(made).encode())]:
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in notebooks.glob("*.ipynb"):
        if path not in made:
            path.unlink()
    return list(made)
