"""From the sources to what students get: the notebooks, the fingerprints and the outline of the course."""

import json
import tempfile
from pathlib import Path

import nbformat

from tema9 import outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.authoring.lint import lint_all
from tema9.classroom.course import Course

CHECKS = sources.ROOT / "tema9" / "checks.json"
OUTLINE = outline.HERE / "outline.json"


class LintError(ValueError):
    """A source is not what it must be; one problem a line."""


def build_checks(track=iter) -> str:
    """The text of `tema9/checks.json`: the fingerprints of every notebook's bank.

    Args:
        track: wraps the list of exercises to show progress.
    """
    loaded = [(source, bank.load(source)) for source in sources.all_sources()]
    jobs = [(source, entries, exercise) for source, entries in loaded for exercise in source.graded]
    checks = {job[-1].name: bank.fingerprints(*job) for job in track(jobs)}
    return json.dumps(checks, indent=1, ensure_ascii=False) + "\n"


def build_outline() -> str:
    """The text of `tema9/outline.json`: what a student's side knows of the exercises."""
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


def build_notebooks() -> dict[str, bytes]:
    """The student version of every notebook, by file name: the start page, and the others as nbgrader releases them.

    Two calls return the same bytes.
    """
    start = sources.start_page()
    page = nbformat.writes(sources.to_notebook(start)) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        course = Course(folder)
        course.prepare()
        made = {f"{s.name}.ipynb": course.release(s.name).read_bytes() for s in sources.all_sources()}
    return {f"{start.name}.ipynb": page.encode()} | made


def build(notebooks=sources.NOTEBOOKS, track=iter) -> list[Path]:
    """Check the sources, then write the notebooks, the fingerprints and the outline; return the files.

    Files that would not change are left alone; notebooks without a source are removed.

    Raises:
        LintError: a source breaks a rule of `lint`; nothing is written.
    """
    if problems := lint_all():
        raise LintError("\n".join(problems))
    made = {CHECKS: build_checks(track).encode(), OUTLINE: build_outline().encode()}
    made |= {notebooks / name: content for name, content in build_notebooks().items()}
    notebooks.mkdir(exist_ok=True)
    for path, content in made.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in notebooks.glob("*.ipynb"):
        if path not in made:
            path.unlink()
    return list(made)
