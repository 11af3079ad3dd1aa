"""From submissions to scores: what is new or has changed is judged, in as many processes as there are, and recorded."""

import contextlib
import csv
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading.intake import NothingToGrade
from tema9.classroom.grading.record import Change, Record
from tema9.classroom.grading.verdicts import Job
from tema9.classroom.grading.workers import spread
from tema9.classroom.sandbox import sandbox
from tema9.files import atomic_write

SCORES = "scores.csv"
EXPECTED = "expected.csv"  # of a rehearsed class


@dataclass(frozen=True)
class Row:
    """One student's score in one notebook, in points.

    machine: what the tests gave, of machine_max.
    by_hand: what a person gave, of by_hand_max; pending is how many answers wait for one.
    status: "graded", "not submitted", "not graded yet" or why it could not be graded.
    outcomes: how many test cells ended how, where not in "pass", as "fail 2, timeout 1".
    repairs: what was repaired in the submission, in Spanish, as the student reads it.
    """

    student: str
    notebook: str
    machine: float
    machine_max: float
    by_hand: float
    by_hand_max: float
    pending: int
    status: str
    outcomes: str = ""
    repairs: str = ""

    @property
    def total(self):
        return self.machine + self.by_hand


@dataclass(frozen=True)
class Graded:
    """What a run did: the rows of the class, the changes of scores and whether they were recorded."""

    rows: list[Row]
    changes: list[Change] = field(default_factory=list)
    recorded: bool = True
    ran: int = 0
    kept: int = 0


def grade(
    root,
    track=lambda results, total: results,
    workers=None,
    dask=None,
    limits=None,
    bare=False,
    again=False,
    approve=lambda changes: True,
    dry_run=False,
) -> Graded:
    """Grade every submission of the course folder that is new or has changed, and write `scores.csv`.

    Whatever a submission holds, its student has a row, and the rest of the class is graded.

    Args:
        root: the course folder.
        track: wraps the results as they come, with how many there will be, to show progress.
        workers: processes; by default one per core, as memory allows.
        dask: the address of a Dask scheduler, to judge on its workers instead.
        limits: a `sandbox.Limits`.
        bare: without a sandbox where there can be none.
        again: judge everything, whether it changed or not.
        approve: asked with the list of `Change`s of scores that are recorded already;
            they are recorded if it says so, and stay as they were if not.
        dry_run: judge and compare; record nothing.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
        sandbox.NoSandbox: there is none here, and `bare` is False.
    """
    course, known, handed_in = open_course(root)
    if dask is None:
        sandbox.require(bare)
    settings = {"limits": limits or sandbox.Limits(), "bare": bare, "hide": (str(course.root),)}
    changes, held, ran, kept = [], [], 0, 0
    with _prepared(course, known, dry_run) as texts, Record(course, read_only=dry_run) as record:
        jobs = (_job(course, texts, record, *one, settings, again) for one in handed_in)
        for judged in track(spread(jobs, len(handed_in), workers, dask), len(handed_in)):
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
        rows = _rows(record, known)
    if not dry_run:
        write_scores(course.root / SCORES, rows)
    return Graded(rows, changes, approved, ran, kept)


def scores(root) -> list[Row]:
    """The rows of the class as they are recorded, marks by hand included; nothing is run.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
    """
    course, known, _ = open_course(root)
    with Record(course, read_only=True) as record:
        return _rows(record, known)


def open_course(root):
    """Return (the course, its notebooks that anyone handed in, the submissions as (student, notebook)).

    Nothing is written.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
    """
    submitted = Path(root) / "submitted"
    known = {source.name: source for source in sources.all_sources()}
    paths = [path for path in submitted.glob("*/*/*.ipynb") if path.stem == path.parent.name and path.stem in known]
    handed_in = sorted((path.parts[-3], path.stem) for path in paths)
    if not handed_in:
        raise NothingToGrade(f"no submissions in {submitted}/STUDENT/NOTEBOOK/NOTEBOOK.ipynb")
    return Course(root), {name: known[name] for name in sorted({notebook for _, notebook in handed_in})}, handed_in


@contextlib.contextmanager
def _prepared(course, known, dry_run):
    """A course whose source/ and release/ are up to date: this one, or for a dry run one that is gone afterwards."""
    chosen = list(known.values())
    if not dry_run:
        course.prepare(chosen)
    elif not course.is_prepared(chosen):
        with tempfile.TemporaryDirectory() as folder:
            other = Course(folder)
            other.prepare(chosen)
            yield other
        return
    yield course


def _job(course, texts, record, student, notebook, settings, again):
    content, refused = _content(course, student, notebook)
    return Job(
        student,
        notebook,
        content,
        refused=refused,
        source=texts.source(notebook).read_text(encoding="utf-8"),
        released=texts.release(notebook).read_text(encoding="utf-8"),
        previous=None if again else record.receipt(student, notebook),
        **settings,
    )


def _content(course, student, notebook):
    """(the bytes of a submission, why they are not taken). Links are not followed: they lead to what is not theirs."""
    path = course.submitted(student, notebook)
    if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
        return b"", "it is a link"
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", error.strerror or str(error)


def _rows(record, known):
    """A row for each student, enrolled or handed in, and each notebook that anyone handed in."""
    folders = {path.name for path in (record.root / "submitted").iterdir() if path.is_dir()}
    students = sorted(folders | {student.id for student in record.students()})
    points = record.all_points()
    return [
        _row(record, student, source, points.get((student, source.name), {}))
        for student in students
        for source in known.values()
    ]


def _row(record, student, source, points):
    machine_max = sum(test.points for exercise in source.exercises.values() for test in exercise.tests)
    written = record.receipt(student, source.name)
    if not record.course.submitted(student, source.name).is_file():
        status = "not submitted"
    else:
        status = written["status"] if written else "not graded yet"
    machine = by_hand = pending = 0
    if written:
        for name, (score, waits) in points.items():
            if source.exercises.get(name):  # an answer in prose; tests have names of their own
                by_hand, pending = by_hand + score, pending + waits
            else:
                machine += score
    outcomes = [verdict["outcome"] for verdict in (written or {}).get("verdicts", ())]
    counts = {name: outcomes.count(name) for name in dict.fromkeys(outcomes) if name != "pass"}
    return Row(
        student,
        source.name,
        machine,
        machine_max,
        by_hand,
        source.points - machine_max,
        pending,
        status,
        ", ".join(f"{name} {count}" for name, count in counts.items()),
        "; ".join((written or {}).get("repairs", ())),
    )


def write_scores(path, rows):
    """Write the rows as CSV, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*(field.name for field in fields(Row)), "total"])
        writer.writeheader()
        writer.writerows(asdict(row) | {"total": row.total} for row in rows)


def expected(root) -> dict[tuple[str, str], tuple[float, str]]:
    """The expected (machine score, what) by (student, notebook); empty where nothing was rehearsed."""
    path = Path(root) / EXPECTED
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["student"], row["notebook"]): (float(row["machine"]), row["what"]) for row in csv.DictReader(file)}
