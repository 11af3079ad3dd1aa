"""From the sources to what students get: the notebooks and the fingerprints."""

import json
import tempfile
from pathlib import Path

from tema9.classroom import bank, sources
from tema9.classroom.course import Course
from tema9.classroom.lint import lint_all

CHECKS = Path(sources.__file__).parents[1] / "checks.json"


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


def build_notebooks() -> dict[str, bytes]:
    """The student version of every notebook, by file name, as nbgrader releases it.

    Two calls return the same bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        course = Course(folder)
        course.prepare()
        return {f"{s.name}.ipynb": course.release(s.name).read_bytes() for s in sources.all_sources()}


def build(notebooks=sources.NOTEBOOKS, track=iter) -> list[Path]:
    """Check the sources, then write the notebooks and the fingerprints; return the files.

    Files that would not change are left alone; notebooks without a source are removed.

    Raises:
        LintError: a source breaks a rule of `lint`; nothing is written.
    """
    if problems := lint_all():
        raise LintError("\n".join(problems))
    made = {CHECKS: build_checks(track).encode()}
    made |= {notebooks / name: content for name, content in build_notebooks().items()}
    notebooks.mkdir(exist_ok=True)
    for path, content in made.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    for path in notebooks.glob("*.ipynb"):
        if path not in made:
            path.unlink()
    return list(made)
