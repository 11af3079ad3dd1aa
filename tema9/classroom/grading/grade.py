"""From submissions to scores: what is new or has changed is judged, in as many processes as there are, and recorded."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tema9.classroom import rules
from tema9.classroom.course import Course
from tema9.classroom.grading import identities, people, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.intake import NothingToGrade
from tema9.classroom.grading.job import Job, Judged
from tema9.classroom.grading.receipt import Note
from tema9.classroom.grading.record import FINAL, Change, Record
from tema9.classroom.grading.scores import SCORES, Row, finals, row_of, rows, write_scores
from tema9.classroom.grading.workers import spread
from tema9.classroom.rules import FULL, NOBODY
from tema9.classroom.sandbox import sandbox

EFFECTS = {"": "as its points say", FULL: "full", NOBODY: "for nobody"}


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
    student: str = "",
    note: str = "",
) -> Graded:
    """Grade every submission of the course folder that is new or has changed, and write `scores.csv`.

    Whatever a submission holds, its student has a row, and the rest of the class is graded. Then the recorded scores
    follow what course.toml says by now.

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
        student: the id or e-mail of a student whose submissions alone are judged, all of them, by the rules that are
            recorded; "" for everybody.
        note: on that, which stays in the receipts.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course, or none of `student`.
        ValueError: there is a note and no student, or the student is unknown.
        RulesError: course.toml says something wrong.
        sandbox.NoSandbox: there can be no sandbox on this machine, and `unsandboxed` is False.
    """
    if note and not student:
        raise ValueError("a note is about one student; say which with --student")
    if dask is None:  # its workers may be on Linux where this is not
        sandbox.require(unsandboxed)
    course = Course(root)
    old = rules.recorded(root)
    student = _known(course, student)
    new, content = (old, None) if student else _said(course)
    cohort = open_cohort(root, new)
    submissions = _of(student, cohort) if student else cohort.submissions
    again = again or bool(student)
    settings: dict[str, Any] = {
        "limits": limits or sandbox.Limits(),
        "unsandboxed": unsandboxed,
        "hide": (str(course.root),),
    }
    held: dict[tuple[str, str], Judged] = {}  # the results that would change a recorded score
    instead: dict[tuple[str, str], scores.Graded] = {}  # what would be recorded of them
    ran = kept = 0
    with _prepared(cohort, dry_run) as prepared, Record(course, read_only=dry_run) as record:
        before = {(row.student, row.notebook): row for row in rows(record, open_cohort(root, old), old)}
        handed_in, markers, points = identities.handed_in(course), record.all_markers(), record.all_points()
        jobs = (_job(course, prepared, record, key, settings, again) for key in submissions)
        for judged in track(spread(jobs, len(submissions), workers, dask), len(submissions)):
            ran, kept = ran + judged.ran, kept + (not judged.ran)
            key = judged.receipt.student, judged.receipt.notebook
            was = record.receipt(*key)
            judged = _completed(judged, was, cohort, handed_in.get(key), markers.get(key, {}))
            source = cohort.sources[key[1]]
            so_far = points.get(key, {})
            graded_now = judged.receipt, record.as_if(judged.receipt, so_far)
            then = row_of(key[0], key[0], source, (was, so_far), cohort, old)
            now = row_of(key[0], key[0], source, graded_now, cohort, old)
            if note:
                noted = Note(note, datetime.now(UTC).isoformat(timespec="seconds"), then.total, now.total)
                judged = replace(judged, receipt=replace(judged.receipt, notes=(*judged.receipt.notes, noted)))
            if was is not None and (then.total != now.total or _moved(was, judged.receipt)):
                held[key], instead[key] = judged, graded_now
            elif not dry_run and not record.is_recorded(judged):
                record.save(judged)
        changes = _changes(record, before, cohort, old, new, instead)
        approved = not dry_run and (not changes or approve(changes))
        for judged in held.values() if approved else ():
            record.save(judged)
        if not approved:
            new, content, cohort = old, None, open_cohort(root, old)
        graded = rows(record, cohort, new)
        if not dry_run:
            lost = {(row.student, row.notebook): row.lost for row in graded if not row.by}
            record.follow(new, content, cohort.sources.values(), lost)
            if old.exercises != new.exercises:  # answers in prose wait again, or wait no more
                graded = rows(record, cohort, new)
    if not dry_run:
        write_scores(course.root / SCORES, graded)
    return Graded(graded, changes, approved, ran, kept)


def _said(course):
    """(the rules that course.toml says, how they are recorded); without the file, those that it will be made with."""
    path, students = course.root / rules.RULES, people.by_name(course)
    content = path.read_bytes() if path.exists() else rules.template()
    return rules.parse(content, path, students), (content, students)


def _known(course, student):
    """The id of a student, of whom that or the e-mail is given; "" for ""."""
    found = people.by_name(course).get(student, "") if student else ""
    if student and not found:
        raise ValueError(f"unknown student {student!r}; expected an id, as scores.csv has them in its first column")
    return found


def _of(student, cohort):
    """The submissions that count for one student."""
    found = sorted({(cohort.owner(student, name), name) for name in cohort.sources} & set(cohort.submissions))
    if not found:
        raise NothingToGrade(f"{student} has handed in no notebook of the course")
    return found


def _completed(judged, was, cohort, row, markers):
    """The result with what its receipt says beside the verdicts: when it came, of whom, who marked it, the notes."""
    receipt, course = judged.receipt, cohort.course
    folder = course.submitted(receipt.student, receipt.notebook).parent
    stamped = course.api.coursedir.get_existing_timestamp(str(folder))  # a file that nbgrader's exchange writes
    when = row.when if row else ""
    receipt = replace(
        receipt,
        handed_in=stamped.replace(tzinfo=UTC).isoformat() if stamped else when,
        late=bool(row and row.late),
        team=cohort.of_teams.get((receipt.student, receipt.notebook), ("", ""))[1],
        markers={name: who for name, who in markers.items() if name in receipt.cells},
        notes=was.notes if was else (),
    )
    return replace(judged, receipt=receipt)


def _moved(was, new):
    """The reasons for which another receipt gives other points, a line each."""
    old = {verdict.name: verdict for verdict in was.verdicts}
    moved = [
        f"{verdict.name} {old[verdict.name].outcome if verdict.name in old else 'new'} -> {verdict.outcome}"
        for verdict in new.verdicts
        if verdict.name not in old or verdict.points != old[verdict.name].points
    ]
    return [new.status] * (was.status != new.status) + moved


def _changes(record, before, cohort, old, new, instead):
    """What recording these results, and these rules, would change of the scores that are recorded already."""
    after = {(row.student, row.notebook): row for row in rows(record, cohort, new, instead)}
    for key in instead:  # who has left has no row
        if key not in after:
            receipt, source = record.receipt(*key), cohort.sources[key[1]]
            before[key] = row_of(key[0], key[0], source, (receipt, record.points(*key)), cohort, old)
            after[key] = row_of(key[0], key[0], source, instead[key], cohort, new)
    changes = []
    for key, row in after.items():
        owner = (row.by or row.student, row.notebook)
        if key not in before or not any(one in before and before[one].is_recorded for one in (key, owner)):
            continue
        if before[key].total != row.total or owner in instead:
            why = _why(before[key], row, old, new, cohort)
            if owner in instead:
                was, receipt = record.receipt(*owner), instead[owner][0]
                why = ["handed in again"] * (was.sha256 != receipt.sha256) + _moved(was, receipt) + why
            changes.append(Change(*key, before[key].total, row.total, tuple(why)))
    changes.sort(key=lambda change: (change.student, change.notebook))
    return changes + _final_changes(before.values(), after.values(), cohort.course, old, new)


def _why(before, after, old, new, cohort):
    """The reasons for which the rules give a row other points."""
    why = [f"the submission of {after.by or 'the student alone'}"] if before.by != after.by else []
    for name in cohort.sources[after.notebook].exercises:
        if old.exercises.get(name) != new.exercises.get(name):
            why.append(f"{name} counts {EFFECTS[new.exercises.get(name, '')]}")
    if (before.lost, before.late) != (after.lost, after.late):
        why.append(f"{after.late or 'in time'}, loses {after.lost:g}")
    return why


def _final_changes(before, after, course, old, new):
    """What other rules change of the final marks, where the rules that are recorded say how they are made."""
    names = {"scale", "final", "weights"} & set(rules.differences(old, new))
    if not names or not (course.root / rules.RECORDED).exists():
        return []
    was, why = finals(before, old), (f"course.toml: {', '.join(sorted(names))}",)
    found = {student: final for student, final in finals(after, new).items() if student in was}
    return [
        Change(student, FINAL, was[student].fraction * old.scale.maximum, final.fraction * new.scale.maximum, why)
        for student, final in found.items()
        if (was[student].mark, was[student].fraction) != (final.mark, final.fraction)
    ]


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


def _job(course, prepared, record, key, settings, again):
    student, notebook = key
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
