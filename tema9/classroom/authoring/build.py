"""The build: from the sources to the notebooks, the fingerprints, the hints and the outline that students receive."""

import json
import tempfile
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


class LintError(ValueError):
    """A source breaks a rule of `lint`; the message has one line for each problem."""


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


def build_hints() -> str:
    """Return the text of `tema9/hints.json`, which holds the hints of all notebooks; submissions do not tell them."""
    found = {name: texts for source in sources.all_sources() for name, texts in bank.load(source).hints.items()}
    return json.dumps({"told": False, "exercises": found}, indent=1, ensure_ascii=False) + "\n"


def build_notebooks() -> dict[str, bytes]:
    """Return {file name: bytes} of the notebooks that students receive.

    nbgrader releases the graded notebooks; the start page is its source as a notebook. Two calls return the same bytes.
    """
    start = sources.start_page()
    page = nbformat.writes(sources.to_notebook(start)) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        course = Course(folder)
        course.prepare()
        # read as text: nbgrader ends lines as the system does
        made = {f"{s.name}.ipynb": course.release(s.name).read_text(encoding="utf-8") for s in sources.all_sources()}
    return {name: text.encode() for name, text in {f"{start.name}.ipynb": page, **made}.items()}


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
    for path, content in made.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in notebooks.glob("*.ipynb"):
        if path not in made:
            path.unlink()
    return list(made)
