"""The scores of a class as CSV for Moodle, Canvas or a spreadsheet: every student has a row, also without a score."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tema9.classroom.grading.scores import Row
from tema9.classroom.sources import Source
from tema9.files import write_csv

Lines = Iterator[list]  # of a CSV, the header first; a line is a list of numbers and texts


def table(form: str, rows: Iterable[Row], sources: dict[str, Source], people: dict[str, dict]) -> Lines:
    """Return the lines of a CSV with the scores of a class, the header first.

    Args:
        form: for whom the CSV is: "csv" (a spreadsheet), "moodle" or "canvas".
        rows: the scores, as `scores.scores` returns them.
        sources: {name: source} of the notebooks.
        people: {student: dict of first_name, last_name, email, lms_user_id}.

    Raises:
        ValueError: there is no such form.
    """
    if form not in FORMS:
        raise ValueError(f"format {form!r} is none of {', '.join(FORMS)}")
    by_student: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, {})[row.notebook] = row
    return FORMS[form](by_student, sources, people)


def write(path: str | Path, lines: Iterable[Iterable]) -> None:
    """Write the lines as CSV, the whole file or none of it, with the mark by which spreadsheets recognise UTF-8."""
    write_csv(path, lines, encoding="utf-8-sig")


def status(rows: dict[str, Row]) -> str:
    """Return in a few words what the numbers do not say of a student's scores, which are given by notebook."""
    said = []
    for name, row in rows.items():
        if row.status != "graded":
            said.append(f"{name}: {row.status}")
        elif row.pending:
            said.append(f"{name}: {row.pending} to mark by hand")
    return "; ".join(said) or "graded"


def _plain(by_student, sources, people):
    yield ["student", *sources, "total", "status"]
    for student, rows in by_student.items():
        yield [student, *_scores(rows, sources), _total(rows), status(rows)]


def _moodle(by_student, sources, people):
    yield ["Username", "First name", "Surname", "Email address", *(s.title for s in sources.values()), "Status"]
    for student, rows in by_student.items():
        person = people.get(student, {})
        identity = [student, person.get("first_name", ""), person.get("last_name", ""), person.get("email", "")]
        yield [*identity, *_scores(rows, sources), status(rows)]


def _canvas(by_student, sources, people):
    yield ["Student", "ID", "SIS Login ID", "Section", "Notes", *(s.title for s in sources.values())]
    yield ["Points Possible", "", "", "", "", *(s.points for s in sources.values())]
    for student, rows in by_student.items():
        person = people.get(student, {})
        name = ", ".join(filter(None, [person.get("last_name"), person.get("first_name")])) or student
        yield [name, person.get("lms_user_id", ""), student, "", status(rows), *_scores(rows, sources)]


FORMS: dict[str, Callable[[dict, dict, dict], Lines]] = {"csv": _plain, "moodle": _moodle, "canvas": _canvas}


def _scores(rows, sources):
    return [f"{rows[name].total:g}" for name in sources]


def _total(rows):
    return f"{sum(row.total for row in rows.values()):g}"
