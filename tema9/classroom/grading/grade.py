"""From submissions to scores: what is new or has changed is judged, in as many processes as there are, and recorded."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tema9.classroom.course import Course
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.job import Job, Judged
from tema9.classroom.grading.record import Change, Record
from tema9.classroom.grading.scores import SCORES, Row, rows, write_scores
from tema9.classroom.grading.workers import spread
from tema9.classroom.sandbox import sandbox


@dataclass(frozen=True)
class Graded:
    """What a run of `grade` did.

    Args:
        rows: of the class.
        changes: of scores that were recorded before; recorded: whether the new ones are recorded now.
        ran: how many submissions were judged; kept: how many were not, since nothing had changed.
    """

    rows: list[Row]
    changes: list[Change] = field(default_factory=list)
    recorded: bool = True
    ran: int = 0
    kept: int = 0


def grade(
    root: str | Path,
    track: Callable[[Iterable[Judged], int], Iterable[Judged]] = lambda results, total: results,
    workers: int | None = None,
    dask: str | None = None,
    limits: sandbox.Limits | None = None,
    unsandboxed: bool = False,
    again: bool = False,
    approve: Callable[[list[Change]], bool] = lambda changes: True,
    dry_run: bool = False,
) -> Graded:
    """Grade every submission of the course folder that is new or has changed, and write `scores.csv`.

    Whatever a submission holds, its student has a row, and the rest of the class is graded.

    Args:
        root: the course folder.
        track: wraps the results as they come, with how many there will be, to show progress.
        workers: how many processes judge; by default one per core, as memory allows.
        dask: the address of a Dask scheduler, to judge on its workers instead.
        limits: a `sandbox.Limits`.
        unsandboxed: run students' code without a sandbox, with the rights of whoever runs this.
        again: judge every submission, whether it has changed or not.
        approve: asked with the list of `Change`s of scores that are recorded already;
            they are recorded if it says so, and stay as they were if not.
        dry_run: judge and compare; record nothing.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
        sandbox.NoSandbox: there can be no sandbox on this machine, and `unsandboxed` is False.
    """
    if dask is None:  # its workers may be on Linux where this is not
        sandbox.require(unsandboxed)
    cohort = open_cohort(root)
    course, total = cohort.course, len(cohort.submissions)
    settings: dict[str, Any] = {
        "limits": limits or sandbox.Limits(),
        "unsandboxed": unsandboxed,
        "hide": (str(course.root),),
    }
    changes: list[Change] = []
    held: list[Judged] = []  # the results that would change a recorded score
    ran = kept = 0
    with _prepared(cohort, dry_run) as prepared, Record(course, read_only=dry_run) as record:
        jobs = (_job(course, prepared, record, *one, settings, again) for one in cohort.submissions)
        for judged in track(spread(jobs, total, workers, dask), total):
            ran, kept = ran + judged.ran, kept + (not judged.ran)
            change = record.change(judged)
            if change is not None:
                changes.append(change)
                held.append(judged)
            elif not dry_run and not record.is_recorded(judged):
                record.save(judged)
        changes.sort(key=lambda change: (change.student, change.notebook))
        approved = not dry_run and (not changes or approve(changes))
        for judged in held if approved else ():
            record.save(judged)
        graded = rows(record, cohort)
    if not dry_run:
        write_scores(course.root / SCORES, graded)
    return Graded(graded, changes, approved, ran, kept)


@contextlib.contextmanager
def _prepared(cohort, dry_run):
    """A course whose source/ and release/ are up to date: this one, or for a dry run one that is gone afterwards."""
    chosen = list(cohort.sources.values())
    if not dry_run:
        cohort.course.prepare(chosen)
    elif not cohort.course.is_prepared(chosen):
        with tempfile.TemporaryDirectory() as folder:
            other = Course(folder)
            other.prepare(chosen)
            yield other
        return
    yield cohort.course


def _job(course, prepared, record, student, notebook, settings, again):
    content, refused = _content(course, student, notebook)
    return Job(
        student,
        notebook,
        content,
        refused=refused,
        source=prepared.source(notebook).read_text(encoding="utf-8"),
        released=prepared.release(notebook).read_text(encoding="utf-8"),
        previous=None if again else record.receipt(student, notebook),
        **settings,
    )


def _content(course, student, notebook):
    """(the bytes of a submission, why they are not taken). Links are not followed: they lead to others' files."""
    path = course.submitted(student, notebook)
    if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
        return b"", "it is a link"
    if path.exists() and not path.is_file() and not path.is_dir():  # to read a pipe is to wait for it
        return b"", "it is no file"
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", error.strerror or str(error)
