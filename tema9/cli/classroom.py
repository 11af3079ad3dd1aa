"""The commands for the teacher of a course, from `release` and `collect` to `report` and `export`."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from tema9.cli.authoring import build_first
from tema9.cli.terminal import (
    COURSE,
    REHEARSAL,
    STUDENTS_ZIP,
    Between,
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
    from tema9.classroom.grading.cohort import Cohort
    from tema9.classroom.grading.identities import Identities
    from tema9.classroom.grading.record import Change, Record
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

    If the sources have changed since the notebooks were built, they are checked and built first. Once
    --exchange has named a folder, each release puts the notebooks there too.
    """
    from tema9.classroom import sources
    from tema9.classroom.authoring import bundle
    from tema9.classroom.course import Course
    from tema9.classroom.grading import exchange as exchanging

    out = course / STUDENTS_ZIP
    build_first(dry_run)
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
    file_mib: Annotated[float, Between(0, 2**20, above=True), typer.Option(help="Limit of a file, in MiB.")] = 20,
    total_gib: Annotated[
        float, Between(0, 2**20, above=True), typer.Option(help="Limit of all the files together, in GiB.")
    ] = 4,
    files: Annotated[int, Between(1, 10**9), typer.Option(help="Limit of how many files there are.")] = 50_000,
    dry_run: DryRun = False,
) -> None:
    """Take in what students handed in, and who is enrolled; nothing that was there is lost.

    Without --roster, who is enrolled is what the course knows already; with it, students who are not in
    the list have left. Who cannot be told waits in who.csv, in the course folder: write there who it is,
    and collect again. Exit code 1 if something was left out or somebody waits.
    """
    from tema9.classroom import rules
    from tema9.classroom.course import Course
    from tema9.classroom.grading import exchange as exchanging
    from tema9.classroom.grading import identities, intake, people

    if exchange == (place is not None):
        raise ValueError("say what to take in: a folder or a zip, or else --exchange")
    zone = rules.load(course).timezone
    limits = intake.Limits(max(1, int(file_mib * 2**20)), max(1, int(total_gib * 2**30)), files)
    listed = people.together(people.read(path) for path in roster or ())
    before = people.known(Course(course))
    everybody = people.merge(listed, before) if roster else before
    with alone_in(course, dry_run):
        if place is None:
            taken = exchanging.collect(course, limits, everybody, dry_run, zone=zone)
        else:
            taken = intake.collect(course, place, limits, everybody, dry_run, zone)
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


def rehearse(
    students: Annotated[int, Between(2, 10_000), typer.Option(help="How many students.")] = 12,
    hostile: Annotated[
        int, Between(0, 10_000), typer.Option(help="How many more who attack, each in another way.")
    ] = 0,
    course: CourseOption = REHEARSAL,
    seed: Annotated[int, Between(0, 2**63 - 1), typer.Option(help="Of the draw of answers.")] = 0,
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
        int | None, Between(1, 1024), typer.Option("-j", "--workers", help="Processes; one per core by default.")
    ] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, to grade on its workers.")] = None,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run students' code with your rights where there is no sandbox.")
    ] = False,
    seconds: Annotated[
        float, Between(0, 86_400, above=True), typer.Option(help="Limit of a cell, and of its tests.")
    ] = 20,
    memory: Annotated[float, Between(0.25, 4096), typer.Option(help="Limit of a submission, in GiB.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Everything, not only what has changed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Record changed scores without asking.")] = False,
    long: Annotated[bool, typer.Option("--long", help="A line for each notebook of each student.")] = False,
    student: Annotated[
        str, typer.Option(help="One student, by id, e-mail or name, who alone is graded, and anew.")
    ] = "",
    note: Annotated[str, typer.Option(help="With --student: why, which stays in the receipts.")] = "",
    dry_run: DryRun = False,
) -> None:
    """Grade what is new or has changed, in a sandbox: one row per student and notebook.

    Scores that were recorded before and would change, also by what course.toml says, are shown first,
    and recorded if you say so.
    Exit code 1 if anything needs attention: a submission that cannot be read or was killed, a change
    that was not recorded, a rehearsed score that is not the expected one.
    """
    from tema9.classroom.grading import workers
    from tema9.classroom.sandbox import sandbox

    if dask is None:
        sandbox.require(no_sandbox)
    if student:
        from tema9.classroom.course import Course
        from tema9.classroom.grading import identities, people

        known = identities.load(Course(course), people.known(Course(course)))
        student = one_student(student, set(people.by_name(Course(course)).values()), known)
    workers.start(processes, dask)  # they import torch while this process imports the rest
    from tema9.classroom.grading import grade, scores

    asks = sys.stdin.isatty() and not (yes or dry_run)
    with alone_in(course, dry_run):
        done = grade.grade(
            course,
            track=tracker("grading"),
            workers=processes,
            dask=dask,
            limits=sandbox.Limits(seconds=seconds, memory=int(memory * 2**30)),
            unsandboxed=no_sandbox,
            again=again,
            approve=lambda changes: approve(changes, names_of(course)) if asks else yes,
            dry_run=dry_run,
            student=student,
            note=note,
        )
    unexpected = scores.unexpected(course, done.rows)
    names = names_of(course)
    print_scores(course, done.rows, names, long)
    console.print(f"{done.ran} graded now, {done.kept} unchanged")
    bad = [row for row in done.rows if row.needs_attention]
    for row in bad:
        who = names.get(row.student, row.student)
        say(f"look at {who}, {row.notebook}: {row.outcomes or row.status}", style="yellow")
        if row.flags:
            say(f"  uses {row.flags}", style="yellow")
    if not asks:
        print_changes(done.changes, names)
    if done.changes and not done.recorded and not dry_run:
        console.print("nothing of this was recorded; to record it: tema9 grade --yes")
    if unexpected or bad or (done.changes and not done.recorded):
        raise typer.Exit(1)


def approve(changes: list["Change"], names: dict[str, str]) -> bool:
    """Print changes of recorded scores, and return whether the person at the terminal wants them recorded."""
    print_changes(changes, names)
    return typer.confirm("Record these changes?")


def marking(
    course: CourseArgument = COURSE,
    marker: Annotated[str, typer.Option(help="List the answers that wait for this person.")] = "",
) -> None:
    """Say who marks which answers in prose, as course.toml shares them out, and how many wait for each."""
    from tema9.classroom import rules
    from tema9.classroom.grading import marking, people
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.grading.record import Record

    cohort = open_cohort(course)
    said = rules.load(course, people.by_name(cohort.course))
    if marker and marker not in said.markers:
        known = ", ".join(said.markers) or "nobody"
        raise ValueError(f"{course / rules.RULES} names no marker {marker!r}; its table [markers] names {known}")
    with Record(cohort.course, read_only=True) as record:
        answers = marking.answers(record, cohort, said)
    if marker:
        waiting = [answer for answer in answers if answer.waits and answer.whose == marker]
        for answer in waiting:
            say(f"{answer.notebook} {answer.exercise} {answer.student}: {answer.page}")
        say(f"{count(len(waiting), 'answer')} to mark")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("who", "to mark", "marked", "mean mark"):
        table.add_column(column, justify="left" if column == "who" else "right")
    for person, to_mark, marked, mean in marking.by_person(answers, said.markers):
        of = f"{100 * mean:.0f} %" if marked else ""
        table.add_row(printable(person) or "anybody", str(to_mark), str(marked), of)
    console.print(table)


def tell_of_rules(course: Path) -> None:
    """Say so, if course.toml has changed since the scores were recorded."""
    from tema9.classroom import rules

    if not rules.are_recorded(course):
        path = short(course / rules.RULES)
        say(f"{path} has changed since the scores were recorded; `tema9 grade` shows what it changes", style="yellow")


def print_changes(changes: list["Change"], names: dict[str, str]) -> None:
    """Print how many recorded scores change and why, then a line for each."""
    if not changes:
        return
    down = sum(change.after < change.before for change in changes)
    reasons = Counter(reason for change in changes for reason in change.why).most_common(3)
    because = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    students = len({change.student for change in changes})
    change_or_changes = "change" if students > 1 else "changes"
    go_or_goes = "go" if down != 1 else "goes"
    say(f"{count(students, 'student')} {change_or_changes}, {down} {go_or_goes} down, because of {because}")
    for change in changes:
        why = "; ".join(change.why)
        who = names.get(change.student, change.student)
        say(f"  {who}, {change.notebook}: {change.before:g} -> {change.after:g} ({why})")


def names_of(course: Path) -> dict[str, str]:
    """Return {student: name} of a course, with the id after the names that two students have."""
    from tema9.classroom.course import Course
    from tema9.classroom.grading.record import Record

    with Record(Course(course), read_only=True) as record:
        names = record.names()
    twice = {name for name, count in Counter(names.values()).items() if count > 1}
    return {student: f"{name} ({student})" if name in twice else name for student, name in names.items()}


def feedback(
    course: CourseArgument = COURSE,
    moodle: Annotated[
        bool, typer.Option("--moodle", help="Also the zips that Moodle takes as feedback files, one per assignment.")
    ] = False,
    canvas: Annotated[
        bool, typer.Option("--canvas", help="Also the zips that Canvas takes as submissions that come back.")
    ] = False,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="Give the pages to who handed in through nbgrader's exchange.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Write what each student reads: verdicts and recognised mistakes in Spanish, nothing hidden.

    Exit code 1 if a page has no place in a zip, since its work did not come from that platform.
    """
    from tema9.classroom.grading import exchange as exchanging
    from tema9.classroom.grading import identities, scores, senders
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import feedback, platforms

    cohort = open_cohort(course)
    tell_of_rules(course)
    students = sorted({row.student for row in scores.scores(cohort)})
    if dry_run:
        console.print(f"would write the feedback of {count(len(students), 'student')} to {short(course / 'feedback')}/")
        return
    paths = feedback.write_all(cohort, students, track=tracker("feedback"))
    console.print(f"{count(len(paths), 'page')} -> {short(course / 'feedback')}/STUDENT/NOTEBOOK/NOTEBOOK.html")
    pages = {(path.parts[-3], path.stem): path for path in paths}
    handed_in = identities.load(cohort.course, ()).handed_in
    left_out = False
    for system in [name for name, wanted in ((senders.MOODLE, moodle), (senders.CANVAS, canvas)) if wanted]:
        zips, others = platforms.feedback_zips(system, handed_in, pages)
        if not zips:
            raise ValueError(f"no work came in a zip of {system}; it takes feedback only under the names that it gave")
        for name, files in sorted(zips.items()):
            path = course / f"feedback-{system.lower()}-{name}.zip"
            platforms.write_zip(path, files)
            say(f"for {system}: {count(len(files), 'file')} -> {short(path)}")
        for student, notebook in others:
            say(f"left out: {student}, {notebook}: it did not come in a zip of {system}", style="yellow")
        left_out = left_out or bool(others)
    if exchange:
        given = exchanging.give_back(cohort.course, paths)
        console.print(f"{count(given, 'page')} -> {exchanging.folder(cohort.course)}/feedback/")
    if left_out:
        raise typer.Exit(1)


def report(
    course: CourseArgument = COURSE,
    against: Annotated[
        Path | None, typer.Option(help="The archive or folder of an earlier class, to compare the answers with.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write the report of the class: one page with plots, that needs no network.

    Exit code 1 if something in it needs attention.
    """
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import report

    cohort = open_cohort(course)
    tell_of_rules(course)
    rows, path = scores.scores(cohort), course / "report.html"
    if not dry_run:
        report.write(cohort, rows, path, against)
    console.print(f"{'would write' if dry_run else 'the class:'} {short(path)}")
    if any(row.needs_attention for row in rows):
        raise typer.Exit(1)


def archive(
    course: CourseArgument = COURSE,
    out: Annotated[Path | None, typer.Option(help="The zip; beside the folder, with today's date, by default.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Write the zip only, and leave the course open.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Close a course into one file, and make its folder ready for the next class.

    The file is written and read back before anything is taken out of the folder. The rules, course.toml, stay.
    """
    from tema9.classroom.course import Course
    from tema9.classroom.publishing import archive

    opened = Course(course)
    out = out or archive.default_name(opened)
    if dry_run:
        say(f"would write {count(len(archive.contents(opened)) + 1, 'file')} -> {short(out)}")
        return
    with alone_in(course):
        files = archive.write(opened, out)
        say(f"{count(files, 'file')} -> {short(out)}")
        if keep:
            return
        archive.start_anew(opened)
    say(f"{short(course)}/ is ready for the next class: change the dates, days more and teams in its course.toml")
    say(f"to compare the next class with this one: tema9 report --against {short(out)}")


def export(
    course: CourseArgument = COURSE,
    form: Annotated[str, typer.Option("--format", help="csv, xlsx, moodle or canvas.")] = "csv",
    fill: Annotated[
        Path | None,
        typer.Option(help="Moodle's grading worksheet or Canvas's gradebook, as the platform gave it, to fill in."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file; course/scores-FORMAT.csv by default.")] = None,
    scale: Annotated[
        str, typer.Option(help="points, course for the scale in course.toml, or the highest mark, as 10.")
    ] = "points",
    missing: Annotated[str, typer.Option(help="What stands for work that was not handed in: blank or 0.")] = "blank",
    notebook: Annotated[list[str] | None, typer.Option(help="Only this notebook; more than once for several.")] = None,
    student: Annotated[
        list[str] | None, typer.Option(help="Only this student, by id, e-mail or name; more than once for several.")
    ] = None,
    exercises: Annotated[bool, typer.Option("--exercises", help="A mark for each exercise.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Write the scores for Moodle, Canvas or a spreadsheet: one row per enrolled student.

    Exit code 1 if a score is not final (not graded, or waiting for a mark by hand), or if a student or a row of the
    file to fill in was left out.
    """
    from tema9.classroom import sources
    from tema9.classroom.course import Course
    from tema9.classroom.grading import identities, people, scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.grading.record import Record
    from tema9.classroom.publishing import export, platforms

    cohort = open_cohort(course)
    tell_of_rules(course)
    everybody = people.known(cohort.course)
    known = identities.load(Course(course), everybody)
    wanted = [source for name in notebook for source in sources.named(name)] if notebook else sources.named()
    if nobody := [source.name for source in wanted if notebook and source.name not in cohort.sources]:
        raise ValueError(f"nobody has handed in {', '.join(nobody)}; there is {', '.join(cohort.sources)}")
    chosen = {source.name: source for source in wanted if source.name in cohort.sources}
    rows = [row for row in scores.scores(cohort) if row.notebook in chosen]
    if student:
        only = {one_student(said, {row.student for row in rows}, known) for said in student}
        rows = [row for row in rows if row.student in only]
    with Record(cohort.course, read_only=True) as record:
        rules = record.rules()
    most = {row.notebook: row.maximum for row in rows}
    columns = [export.Column(name, source.title, most.get(name, 0)) for name, source in chosen.items()]
    by_notebook = export.marks(rows, columns, everybody, rules, None, scale, missing)
    if len(chosen) == len(cohort.sources):
        finals = scores.finals(rows, rules)
        by_notebook.finals = {one: final.mark if by_notebook.mark(one) else "" for one, final in finals.items()}
    verb = "would write" if dry_run else "wrote"
    if fill:
        only_these = list(chosen) if notebook else ()
        with Record(cohort.course, read_only=True) as record:
            filled = platforms.fill(fill, by_notebook, known, comments_of(record, cohort, rows), only_these)
        out, left_out = out or course / f"filled-{fill.name}", filled.notes
        if not dry_run:
            platforms.write_filled(out, filled)
        said = count(len(filled.students), "student")
    else:
        marks = by_notebook
        if exercises or form == "xlsx":
            detail = [
                export.Column(name, name, exercise.points)
                for source in chosen.values()
                for name, exercise in source.exercises.items()
            ]
            points = export.by_exercise(cohort, rows)
            by_exercise = export.marks(rows, detail, everybody, rules, points, scale, missing)
            marks = by_exercise if exercises else by_notebook
        lines, without = export.table(form, marks)
        left_out = [f"{one}: no list says by what {form.capitalize()} knows this student" for one in without]
        out = out or course / f"scores-{form}.{'xlsx' if form == 'xlsx' else 'csv'}"
        if not dry_run and form == "xlsx":
            both = {"marks": by_notebook, "exercises": by_exercise}
            export.write_book(out, {name: export.table(form, one)[0] for name, one in both.items()})
        elif not dry_run:
            export.write(out, lines)
        said = count(len(marks.points) - len(without), "student")
    console.print(f"{verb} {said} -> {short(out)}", highlight=False)
    for line in left_out:
        say(f"left out: {line}", style="yellow")
    for row in rows:
        if row.status not in ("graded", "not submitted"):
            say(f"not final: {row.student}, {row.notebook}: {row.status}", style="yellow")
    open_ends = sum(not row.is_final for row in rows)
    if open_ends:
        waiting = sum(row.pending for row in rows)
        waits = f"{count(waiting, 'answer')} {'waits' if waiting == 1 else 'wait'} for a mark"
        console.print(f"{count(open_ends, 'score')} {'is' if open_ends == 1 else 'are'} not final: {waits}")
    if open_ends or left_out:
        raise typer.Exit(1)


def one_student(said: str, there: set[str], known: "Identities") -> str:
    """Return the student whom an id, an e-mail or a name means.

    Raises:
        ValueError: it is none of those who are there, or could be several of them.
    """
    from tema9.classroom.grading.senders import Sender

    if said in there:
        return said
    identity = known.of(Sender(said, said))
    if identity.student in there:
        return identity.student
    could_be = f"; it could be {', '.join(identity.could_be)}" if identity.could_be else ""
    raise ValueError(f"unknown student {said!r}{could_be}; give an id, an e-mail or a name")


def comments_of(record: "Record", cohort: "Cohort", rows: Iterable["Row"]) -> Callable[[str, Iterable[str]], str]:
    """Return a function that gives the feedback of a student about some notebooks, as HTML in short.

    Args:
        record: the record of the class, open as long as the function is called.
        cohort: the class.
        rows: the scores.
    """
    from tema9.classroom.publishing import feedback, platforms

    there = {(row.student, row.notebook): row for row in rows}

    def comments(student: str, notebooks: Iterable[str]) -> str:
        several = [feedback.in_short(record, cohort.sources[name], there[student, name]) for name in notebooks]
        return platforms.comment(line for lines in several for line in lines)

    return comments


def print_scores(course: Path, rows: list["Row"], names: dict[str, str], long: bool = False) -> None:
    """Print the scores of a class: a line for each student, and how many are as expected in a rehearsed class.

    Args:
        course: the course folder.
        rows: the scores.
        names: {student: name}; the id stands for a student who has none here.
        long: whether to print a line for each row instead, with what was expected beside it in a rehearsed class.
    """
    from tema9.classroom import rules
    from tema9.classroom.grading import scores

    wanted, unexpected = scores.expected(course), scores.unexpected(course, rows)
    finals = scores.finals(rows, rules.recorded(course))
    marks = {student: final.mark for student, final in finals.items()}
    console.print(long_table(rows, wanted, unexpected, names) if long else short_table(rows, unexpected, names, marks))
    graded = [row for row in rows if row.status == "graded"]
    absent = sum(row.status == "not submitted" for row in rows)
    late, waiting = sum(bool(row.late) for row in rows), sum(row.pending for row in rows)
    said = [count(len({row.student for row in rows}), "student"), f"{count(len(graded), 'notebook')} graded"]
    said += [f"{absent} not submitted"] * bool(absent) + [f"{late} late"] * bool(late)
    said += [f"{count(waiting, 'answer')} to mark by hand"] * bool(waiting)
    say(", ".join(said))
    if wanted:
        console.print(f"{len(rows) - len(unexpected)} of {len(rows)} scores as expected")
    for row in unexpected:
        score, what = wanted[row.student, row.notebook]
        say(f"not as expected: {row.student}, {row.notebook}: {row.machine:g}, not {score:g} ({what})", style="red")
    console.print(f"scores: {short(course / scores.SCORES)}")


def short_table(rows: list["Row"], unexpected: list["Row"], names: dict[str, str], marks: dict[str, str]) -> Table:
    """Return a table with a line for each student: the points of each notebook, and what needs a person."""
    of_student: dict[str, dict[str, Row]] = {}
    for row in rows:
        of_student.setdefault(row.student, {})[row.notebook] = row
    notebooks = list(dict.fromkeys(row.notebook for row in rows))
    lines: list[list[str | Text]] = []
    for student, own in of_student.items():
        cells: list[str | Text] = [printable(names.get(student, student))]
        for row in (own[notebook] for notebook in notebooks):
            shown = {"not submitted": "-", "not graded yet": "?"}.get(
                row.status, f"{row.total:g}" + "L" * bool(row.late)
            )
            cells.append(Text(shown, style="red" if row in unexpected else "yellow" if row.needs_attention else ""))
        look = [
            f"{row.notebook.partition('_')[0]}: {'look at it' if row.flags else row.outcomes or row.status}"
            for row in own.values()
            if row.needs_attention
        ]
        pending = sum(row.pending for row in own.values())
        lines.append([*cells, marks.get(student, ""), f"{pending or ''}", printable("; ".join(look))])
    heads = ["student", *(notebook.partition("_")[0] for notebook in notebooks), "mark", "to mark", "needs attention"]
    widths = [max([len(head), *(len(line[at]) for line in lines)]) for at, head in enumerate(heads)]
    widths[0] = min(widths[0], max(12, console.width - sum(widths[1:-1]) - len(widths) - 15))
    widths[-1] = max(len("look"), min(widths[-1], console.width - sum(widths[:-1]) - len(widths)))
    table = Table(box=None, padding=(0, 1, 0, 0))
    for at, (head, width) in enumerate(zip(heads, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if at in (0, len(heads) - 1) else "right"
        table.add_column(head, justify=justify, width=width, no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(*line)
    table.caption = "points of each notebook; L late, - not submitted, ? not graded yet" if len(rows) > 1 else None
    return table


def long_table(
    rows: list["Row"],
    wanted: dict[tuple[str, str], tuple[float, str]],
    unexpected: list["Row"],
    names: dict[str, str],
) -> Table:
    """Return a table with a line for each row, and the expected scores of a rehearsed class beside them."""
    table = Table(box=box.SIMPLE_HEAD)
    columns = ("student", "notebook", "by machine", "by hand", "to mark", "status")
    numbers = ("by machine", "by hand", "to mark", "expected")
    for column in (*columns, "expected", "what") if wanted else columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        more = [row.late, row.by and f"by {row.by}", row.repairs and "repaired", row.flags and "look at it"]
        status = ", ".join(filter(None, [row.status, *more]))
        cells: list[str | Text] = [
            printable(names.get(row.student, row.student)),
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
    return table


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
    print_scores(root, done.rows, names_of(root))
    cohort = open_cohort(root)
    students_there = sorted({row.student for row in done.rows})
    pages = feedback.write_all(cohort, students_there, track=tracker("feedback"))
    path = root / "report.html"
    report.write(cohort, done.rows, path)
    return SampleClass(done.rows, scores.unexpected(root, done.rows), root / scores.SCORES, path, pages)
