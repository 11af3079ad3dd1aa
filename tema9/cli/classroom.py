"""The commands for the teacher of a course, from `release` and `collect` to `report` and `export`."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from tema9.cli.terminal import (
    COURSE,
    REHEARSAL,
    STUDENTS_ZIP,
    CourseArgument,
    CourseOption,
    DryRun,
    alone_in,
    console,
    count,
    say,
    short,
    tracker,
)
from tema9.streams import printable

if TYPE_CHECKING:
    from tema9.classroom.grading.record import Change
    from tema9.classroom.grading.scores import Row


class SampleClass(NamedTuple):
    """A graded sample class: its rows, those with an unexpected score, and where its pages are."""

    rows: list["Row"]
    unexpected: list["Row"]
    scores: Path
    report: Path
    feedback: list[Path]


def release(
    course: CourseArgument = COURSE,
    database: Annotated[
        str | None, typer.Option(help="SQLAlchemy's URL of the gradebook; SQLite in the folder by default.")
    ] = None,
    exchange: Annotated[
        Path | None, typer.Option(help="The folder of nbgrader's exchange, where the class has accounts on a server.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Make the course folder: what nbgrader releases, the gradebook, and the zip for the students.

    Once --exchange has named a folder, each release puts the notebooks there too.
    """
    from tema9.classroom import sources
    from tema9.classroom.authoring import bundle
    from tema9.classroom.course import Course
    from tema9.classroom.grading import exchange as exchanging

    out = course / STUDENTS_ZIP
    if not dry_run:
        with alone_in(course):
            opened = Course(course)
            if database and opened.use_database(database):
                console.print("the gradebook so far, marks by hand and comments in it, was copied to the new one")
            opened.prepare()
            bundle.bundle(out)
            if exchange:
                opened.use_exchange(exchange)
            if opened.uses_exchange:
                published = exchanging.publish(opened)
                console.print(
                    f"{count(len(published), 'notebook')} put anew into {exchanging.folder(opened)}/outbound/"
                )
    verb = "would release" if dry_run else "released"
    for source in sources.all_sources():
        console.print(f"{verb} {source.name}: {len(source.exercises)} exercises, {source.points} points")
    console.print(f"{'would write' if dry_run else 'for the students:'} {short(out)}")


def collect(
    place: Annotated[
        Path | None, typer.Argument(help="A folder of submissions, or the zip of a learning platform.")
    ] = None,
    course: CourseOption = COURSE,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="From nbgrader's exchange, which `release --exchange` has named.")
    ] = False,
    roster: Annotated[
        list[Path] | None,
        typer.Option(help="List of who is enrolled, CSV or .xlsx, of Moodle, Canvas or a spreadsheet; one per group."),
    ] = None,
    file_mib: Annotated[float, typer.Option(help="Limit of a file, in MiB.")] = 20,
    total_gib: Annotated[float, typer.Option(help="Limit of all the files together, in GiB.")] = 4,
    files: Annotated[int, typer.Option(help="Limit of how many files there are.")] = 50_000,
    dry_run: DryRun = False,
) -> None:
    """Take in what students handed in, and who is enrolled; nothing that was there is lost.

    Without --roster, who is enrolled is what the course knows already; with it, students who are not in
    the list have left. Who cannot be told waits in who.csv, in the course folder: write there who it is,
    and collect again. Exit code 1 if something was left out or somebody waits.
    """
    from tema9.classroom.course import Course
    from tema9.classroom.grading import exchange as exchanging
    from tema9.classroom.grading import identities, intake, people

    if exchange == (place is not None):
        raise ValueError("say what to take in: a folder or a zip, or else --exchange")
    limits = intake.Limits(size("--file-mib", file_mib, 20), size("--total-gib", total_gib, 30), at_least_one(files))
    listed = people.together(people.read(path) for path in roster or ())
    before = people.known(Course(course))
    everybody = people.merge(listed, before) if roster else before
    with alone_in(course, dry_run):
        if place is None:
            taken = exchanging.collect(course, limits, everybody, dry_run)
        else:
            taken = intake.collect(course, place, limits, everybody, dry_run)
        if roster and not dry_run:
            people.enroll(course, everybody)
    for line in taken.left_out:
        say(f"left out: {line}", style="yellow")
    for line in taken.notes:
        say(line)
    were_there = {person["id"] for person in before if "left" not in person}
    gone = [person for person in everybody if "left" in person and person["id"] in were_there]
    if gone and roster:
        say(f"{count(len(gone), 'student')} left, not being in the list: {', '.join(map(people.name_of, gone))}")
    students = {student for student, _ in taken.submissions}
    for person in everybody:
        if "left" in person and person["id"] in students:
            say(f"{people.name_of(person)} handed in and has left the course: no score is shown", style="yellow")
    for row in taken.unresolved:
        could_be = f"; it could be {row.could_be}" if row.could_be else ""
        say(f"unresolved: {row.handed_in_as}: {row.why}{could_be}", style="yellow")
    verb = "would take in" if dry_run else "took in"
    taken_in = f"{count(len(taken.submissions), 'notebook')} of {count(len(students), 'student')}"
    say(f"{verb} {taken_in} -> {short(course / 'submitted')}/")
    if taken.unresolved:
        where = short(course / identities.WHO)
        say(f"{count(len(taken.unresolved), 'sender')} unresolved: write in {where} who each is, and collect again")
    if taken.left_out or taken.unresolved:
        raise typer.Exit(1)


def size(option: str, value: float, power: int) -> int:
    """Return a size in bytes that an option gives in units of 2**power bytes.

    Raises:
        ValueError: it is no size; the message says so.
    """
    if not 2**-power <= value < 2**40:
        raise ValueError(f"{option} {value:g} is no size; give a number above 0")
    return int(value * 2**power)


def at_least_one(files: int) -> int:
    """Return the value of --files, which must leave something to take in.

    Raises:
        ValueError: it is less than 1.
    """
    if files < 1:
        raise ValueError(f"--files {files} keeps every file out; give 1 or more")
    return files


def rehearse(
    students: Annotated[int, typer.Option(help="How many students.")] = 12,
    hostile: Annotated[int, typer.Option(help="How many more who attack, each in another way.")] = 0,
    course: CourseOption = REHEARSAL,
    seed: Annotated[int, typer.Option(help="Of the draw of answers.")] = 0,
    dry_run: DryRun = False,
) -> None:
    """Fill a course folder with submissions made from the bank, with known scores."""
    from tema9.classroom.grading.scores import EXPECTED
    from tema9.classroom.rehearsal import rehearse

    if dry_run:
        console.print(f"would fill {short(course)} with {students} students and {hostile} hostile ones")
        return
    with alone_in(course):
        root = rehearse.rehearse(course, students, seed, hostile)
    console.print(f"{students + hostile} students handed in; the scores they deserve: {short(root / EXPECTED)}")


def grade(
    course: CourseArgument = COURSE,
    processes: Annotated[
        int | None, typer.Option("-j", "--workers", help="Processes; one per core by default.")
    ] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, to grade on its workers.")] = None,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run students' code with your rights where there is no sandbox.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Limit of a cell, and of its tests.")] = 20,
    memory: Annotated[float, typer.Option(help="Limit of a submission, in GiB.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Everything, not only what has changed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Record changed scores without asking.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Grade what is new or has changed, in a sandbox: one row per student and notebook.

    Scores that were recorded before and would change are shown first, and recorded if you say so.
    Exit code 1 if anything needs attention: a submission that cannot be read or was killed, a change
    that was not recorded, a rehearsed score that is not the expected one.
    """
    from tema9.classroom.grading import workers
    from tema9.classroom.sandbox import sandbox

    if dask is None:
        sandbox.require(no_sandbox)
    workers.start(processes, dask)  # they import torch while this process imports the rest
    from tema9.classroom.grading import grade, scores

    with alone_in(course, dry_run):
        done = grade.grade(
            course,
            track=tracker("grading"),
            workers=processes,
            dask=dask,
            limits=sandbox.Limits(seconds=seconds, memory=int(memory * 2**30)),
            unsandboxed=no_sandbox,
            again=again,
            approve=lambda changes: approve(changes, yes),
            dry_run=dry_run,
        )
    if dry_run:
        print_changes(done.changes)
    unexpected = scores.unexpected(course, done.rows)
    print_scores(course, done.rows)
    console.print(f"{done.ran} graded now, {done.kept} unchanged")
    bad = [row for row in done.rows if row.needs_attention]
    for row in bad:
        say(f"look at {row.student}, {row.notebook}: {row.outcomes or row.status}", style="yellow")
        if row.flags:
            say(f"  uses {row.flags}", style="yellow")
    if unexpected or bad or (done.changes and not done.recorded):
        raise typer.Exit(1)


def approve(changes: list["Change"], yes: bool) -> bool:
    """Print the changes of recorded scores and return whether to record them.

    With `yes`, they are; otherwise the person at the terminal is asked, and without a terminal they are not.
    """
    print_changes(changes)
    if yes:
        return True
    if not sys.stdin.isatty():
        console.print("nothing of this was recorded; to record it: tema9 grade --yes")
        return False
    return typer.confirm("Record these changes?")


def print_changes(changes: list["Change"]) -> None:
    """Print how many recorded scores change and why, then a line for each."""
    if not changes:
        return
    down = sum(change.after < change.before for change in changes)
    reasons = Counter(reason for change in changes for reason in change.why).most_common(3)
    because = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    students = len({change.student for change in changes})
    console.print(f"{students} students change, {down} go down, because of {because}", highlight=False)
    for change in changes:
        why = "; ".join(change.why)
        say(f"  {change.student} {change.notebook}: {change.before:g} -> {change.after:g} ({why})")


def feedback(
    course: CourseArgument = COURSE,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="Give the pages to who handed in through nbgrader's exchange.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Write what each student reads: verdicts and recognised mistakes in Spanish, nothing hidden."""
    from tema9.classroom.grading import exchange as exchanging
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import feedback

    cohort = open_cohort(course)
    students = sorted({row.student for row in scores.scores(cohort)})
    if dry_run:
        console.print(f"would write the feedback of {len(students)} students to {short(course / 'feedback')}/")
        return
    paths = feedback.write_all(cohort, students, track=tracker("feedback"))
    console.print(f"{len(paths)} pages -> {short(course / 'feedback')}/STUDENT/NOTEBOOK/NOTEBOOK.html")
    if exchange:
        given = exchanging.give_back(cohort.course, paths)
        console.print(f"{count(given, 'page')} -> {exchanging.folder(cohort.course)}/feedback/")


def report(course: CourseArgument = COURSE, dry_run: DryRun = False) -> None:
    """Write the report of the class: one page with plots, that needs no network.

    Exit code 1 if something in it needs attention.
    """
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import report

    cohort = open_cohort(course)
    rows, path = scores.scores(cohort), course / "report.html"
    if not dry_run:
        report.write(cohort, rows, path)
    console.print(f"{'would write' if dry_run else 'the class:'} {short(path)}")
    if any(row.needs_attention for row in rows):
        raise typer.Exit(1)


def export(
    course: CourseArgument = COURSE,
    form: Annotated[str, typer.Option("--format", help="csv, moodle or canvas.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="The file; course/scores-FORMAT.csv by default.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Write the scores as CSV for Moodle, Canvas or a spreadsheet: one row per enrolled student, with a status.

    Exit code 1 if a score is not final: not graded, or waiting for a mark by hand.
    """
    from tema9.classroom.grading import people, scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import export

    cohort = open_cohort(course)
    rows = scores.scores(cohort)
    lines = list(export.table(form, rows, cohort.sources, people.enrolled(cohort.course)))
    out = out or course / f"scores-{form}.csv"
    if not dry_run:
        export.write(out, lines)
    console.print(f"{'would write' if dry_run else 'wrote'} {len({r.student for r in rows})} students -> {short(out)}")
    if open_ends := sum(not row.is_final for row in rows):
        console.print(f"{open_ends} scores are not final: {sum(row.pending for row in rows)} answers wait for a mark")
        raise typer.Exit(1)


def print_scores(course: Path, rows: list["Row"]) -> None:
    """Print a line for each row and, of a rehearsed class, the expected scores beside them."""
    from tema9.classroom.grading import scores

    wanted, unexpected = scores.expected(course), scores.unexpected(course, rows)
    table = Table(box=box.SIMPLE_HEAD)
    columns = ("student", "notebook", "by machine", "by hand", "to mark", "status")
    numbers = ("by machine", "by hand", "to mark", "expected")
    for column in (*columns, "expected", "what") if wanted else columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        status = ", ".join(filter(None, [row.status, row.repairs and "repaired", row.flags and "look at it"]))
        cells: list[str | Text] = [
            printable(row.student),
            row.notebook,
            f"{row.machine:g} / {row.machine_max:g}",
            f"{row.by_hand:g} / {row.by_hand_max:g}",
            f"{row.pending}" if row.pending else "",
            status,
        ]
        if wanted:
            score, what = wanted.get((row.student, row.notebook), (row.machine, "not of the rehearsal"))
            cells += [Text(f"{score:g}", style="red" if row in unexpected else ""), what]
        table.add_row(*cells)
    console.print(table)
    if wanted:
        console.print(f"{len(rows) - len(unexpected)} of {len(rows)} scores as expected")
    console.print(f"scores: {short(course / scores.SCORES)}")


def sample_class(root: Path, students: int) -> SampleClass:
    """Rehearse a class in the folder `root`, grade it, print its scores, and write its feedback and its report.

    Raises:
        NoSandbox: nothing can be graded on this system; nothing was written.
    """
    from tema9.classroom.grading import grade, scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import feedback, report
    from tema9.classroom.rehearsal import rehearse
    from tema9.classroom.sandbox import sandbox

    sandbox.require(unsandboxed=True)
    with alone_in(root):
        rehearse.rehearse(root, students)
        reason = sandbox.why_not()
        if reason:  # the sample is our own
            console.print(f"{reason}; the sample class is graded without it", style="yellow")
        done = grade.grade(root, track=tracker("grading"), unsandboxed=bool(reason))
    print_scores(root, done.rows)
    cohort = open_cohort(root)
    students_there = sorted({row.student for row in done.rows})
    pages = feedback.write_all(cohort, students_there, track=tracker("feedback"))
    path = root / "report.html"
    report.write(cohort, done.rows, path)
    return SampleClass(done.rows, scores.unexpected(root, done.rows), root / scores.SCORES, path, pages)
