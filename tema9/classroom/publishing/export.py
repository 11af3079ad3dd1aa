"""Scores as CSV, for Moodle, for Canvas and for a spreadsheet: a row for each student, whatever became of the work."""

import csv

from tema9.files import atomic_write


def table(form, rows, known, people):
    """The rows of a CSV, its header first.

    Args:
        form: "csv", "moodle" or "canvas".
        rows: as `grade.scores` returns them.
        known: the `Source`s, by name.
        people: {student: dict of first_name, last_name, email, lms_user_id}.

    Raises:
        ValueError: there is no such form.
    """
    if form not in FORMS:
        raise ValueError(f"format {form!r} is none of {', '.join(FORMS)}")
    by_student = {}
    for row in rows:
        by_student.setdefault(row.student, {})[row.notebook] = row
    return FORMS[form](by_student, known, people)


def write(path, lines):
    """Write the rows, whole or not at all; with the mark by which spreadsheets know UTF-8."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([[_safe(value) for value in line] for line in lines])


def status(rows):
    """In a few words, what a student's row does not say in numbers."""
    said = []
    for name, row in rows.items():
        if row.status != "graded":
            said.append(f"{name}: {row.status}")
        elif row.pending:
            said.append(f"{name}: {row.pending} to mark by hand")
    return "; ".join(said) or "graded"


def _plain(by_student, known, people):
    yield ["student", *known, "total", "status"]
    for student, rows in by_student.items():
        yield [student, *_scores(rows, known), _total(rows), status(rows)]


def _moodle(by_student, known, people):
    yield ["Username", "First name", "Surname", "Email address", *(s.title for s in known.values()), "Status"]
    for student, rows in by_student.items():
        person = people.get(student, {})
        who = [student, person.get("first_name", ""), person.get("last_name", ""), person.get("email", "")]
        yield [*who, *_scores(rows, known), status(rows)]


def _canvas(by_student, known, people):
    yield ["Student", "ID", "SIS Login ID", "Section", "Notes", *(s.title for s in known.values())]
    yield ["Points Possible", "", "", "", "", *(s.points for s in known.values())]
    for student, rows in by_student.items():
        person = people.get(student, {})
        name = ", ".join(filter(None, [person.get("last_name"), person.get("first_name")])) or student
        yield [name, person.get("lms_user_id", ""), student, "", status(rows), *_scores(rows, known)]


FORMS = {"csv": _plain, "moodle": _moodle, "canvas": _canvas}


def _scores(rows, known):
    return [f"{rows[name].total:g}" for name in known]


def _total(rows):
    return f"{sum(row.total for row in rows.values()):g}"


def _safe(value):
    """A text that a spreadsheet would take for a formula gets a quote before it."""
    text = str(value)
    formula = text.startswith(("=", "+", "@", "\t", "\r")) or (text.startswith("-") and not _is_number(text))
    return f"'{text}" if formula else text


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
