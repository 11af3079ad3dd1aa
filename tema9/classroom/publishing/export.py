"""The scores of a class for Moodle, Canvas or a spreadsheet, in the form that each of them reads.

A work that was not handed in has no mark, unless the teacher asks for a 0. `platforms` fills in the files that Moodle
and Canvas give.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tema9.classroom.grading import marks as by_rules
from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.people import Person, name_of
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.scores import Row
from tema9.classroom.rules import Final, Rules, Scale
from tema9.files import atomic_write, no_formula, write_csv
from tema9.streams import printable

Line = Sequence[Any]
FORMS = ("csv", "xlsx", "moodle", "canvas")
MISSING = ("blank", "0")
POINTS, COURSE = "points", "course"  # scales that are no number


@dataclass(frozen=True)
class Column:
    """What has a mark: a notebook, or an exercise.

    Args:
        key: the name of the notebook or of the exercise.
        title: what the platform shows above the marks.
        points: the most that there is.
    """

    key: str
    title: str
    points: float


@dataclass
class Marks:
    """The marks of a class.

    Args:
        columns: what has marks.
        points: {student: {key of a column: points, or None where there is no mark}}.
        status: {student: what the numbers do not say}.
        people: {student: who it is}, of those whom a list has.
        scale: of the marks; None for points.
        missing: "blank" or "0": what stands for a work that was not handed in.
        rules: of the course, by which the marks of several notebooks are one.
        finals: {student: the final mark}, where all notebooks are in the columns.
    """

    columns: list[Column]
    points: dict[str, dict[str, float | None]]
    status: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    scale: Scale | None = None
    missing: str = "blank"
    rules: Rules = field(default_factory=Rules)
    finals: dict[str, str] = field(default_factory=dict)

    def mark(self, student: str, keys: Iterable[str] | None = None, out_of: float | None = None) -> str:
        """Return a student's mark in some columns together, as text; "" where there is none.

        Args:
            student: the student.
            keys: of the columns; None for all of them.
            out_of: the mark for all the points, where no scale was asked for; None for the points themselves.
        """
        chosen = [column for column in self.columns if keys is None or column.key in keys]
        found = {column.key: self.points[student].get(column.key) for column in chosen}
        if all(points is None for points in found.values()) and (self.missing == "blank" or not chosen):
            return ""
        scale = self.scale or (Scale(maximum=out_of) if out_of else None)
        if scale is None:
            return f"{sum(points or 0 for points in found.values()):g}"
        parts = {column.key: (found[column.key] or 0) / (column.points or 1) for column in chosen}
        if len(parts) == 1:
            return scale.mark(next(iter(parts.values())))
        rules = self.rules if len(chosen) == len(self.columns) else replace(self.rules, final=Final())
        return scale.mark(by_rules.final({key: (part, True) for key, part in parts.items()}, rules).fraction)

    def line(self, student: str) -> list[str]:
        """Return a student's marks, one for each column."""
        return [self.mark(student, [column.key]) for column in self.columns]


def scale_of(text: str, rules: Rules) -> Scale | None:
    """Return the scale that a teacher asks for; None for points.

    Args:
        text: "points", "course" for the scale of the course's rules, or the mark for all the points, as "10".
        rules: of the course.

    Raises:
        ValueError: it is none of them.
    """
    if text in (POINTS, COURSE):
        return rules.scale if text == COURSE else None
    try:
        most = float(text.replace(",", "."))
    except ValueError:
        most = 0.0
    if not 0 < most < 1e6:
        raise ValueError(f"scale {text} is no scale; give {POINTS}, {COURSE} or the highest mark, as 10")
    return Scale(maximum=most)


def by_exercise(cohort: Cohort, rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, float]]:
    """Return {(student, notebook): {exercise: points}} of rows, as the rules count them; nothing is run.

    Args:
        cohort: the class.
        rows: the scores, as `scores.scores` returns them.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    with Record(cohort.course, read_only=True) as record:
        points, rules = record.all_points(), record.rules()
        for row in rows:
            owner, source = row.by or row.student, cohort.sources[row.notebook]
            receipt = record.receipt(owner, row.notebook)
            worth = by_rules.worth(source, receipt, points.get((owner, row.notebook), {}), rules, row.student)
            there = found.setdefault((row.student, row.notebook), dict.fromkeys(source.exercises, 0.0))
            for cell in worth.cells.values():
                there[cell.exercise] += cell.score
    return found


def marks(
    rows: Iterable[Row],
    columns: list[Column],
    people: Iterable[Person],
    rules: Rules | None = None,
    by_exercise: dict[tuple[str, str], dict[str, float]] | None = None,
    scale: str = POINTS,
    missing: str = "blank",
) -> Marks:
    """Return the marks of a class.

    Args:
        rows: the scores, as `scores.scores` returns them.
        columns: what has marks.
        people: who is or was enrolled.
        rules: that the scores follow; None for the default ones.
        by_exercise: what `by_exercise` returns, for marks of exercises; None for marks of notebooks.
        scale: as for `scale_of`.
        missing: as in `Marks`.

    Raises:
        ValueError: the scale is none, or `missing` is none of MISSING.
    """
    if missing not in MISSING:
        raise ValueError(f"missing {missing!r} is none of {', '.join(MISSING)}")
    rules = rules or Rules()
    points: dict[str, dict[str, float | None]] = {}
    of_student: dict[str, list[Row]] = {}
    for row in rows:
        of_student.setdefault(row.student, []).append(row)
        there = points.setdefault(row.student, {})
        if by_exercise is None:
            there[row.notebook] = row.total if row.is_recorded else None
        elif row.is_recorded:
            there |= by_exercise.get((row.student, row.notebook), {})
    said = {student: status(several) for student, several in of_student.items()}
    made = Marks(columns, points, said, {person["id"]: person for person in people}, scale_of(scale, rules), missing)
    made.rules = rules
    return made


def status(rows: Iterable[Row]) -> str:
    """Return in a few words what the numbers do not say of a student's scores, of which each row is a notebook's."""
    said = []
    for row in rows:
        if row.status != "graded":
            said.append(f"{row.notebook}: {row.status}")
        elif row.pending:
            said.append(f"{row.notebook}: {row.pending} to mark by hand")
        if row.late:
            said.append(f"{row.notebook}: {row.late}" + (f", {row.lost:g} points lost" if row.lost else ""))
    return "; ".join(said) or "graded"


def table(form: str, marks: Marks) -> tuple[list[Line], list[str]]:
    """Return the lines of a table, the header first, and the students whom the platform could not know by it.

    Args:
        form: one of FORMS.
        marks: of the class.

    Raises:
        ValueError: there is no such form.
    """
    if form not in FORMS:
        raise ValueError(f"format {form!r} is none of {', '.join(FORMS)}")
    left_out = [student for student in marks.points if form in NEEDS and not NEEDS[form](marks, student)]
    if len(left_out) == len(marks.points):  # no list has what this platform goes by: the user names are left
        left_out = []
    kept = [student for student in marks.points if student not in left_out]
    return list(LINES[form](marks, kept)), left_out


def _plain(marks: Marks, students: Iterable[str]) -> Iterator[Line]:
    final = ["mark"] if marks.finals else []
    yield ["student", "name", "email", *(column.key for column in marks.columns), "total", *final, "status"]
    for student in students:
        person = marks.people.get(student, {"id": student})
        identity = [student, name_of(person), person.get("email", "")]
        final = [marks.finals.get(student, "")] if marks.finals else []
        yield [*identity, *marks.line(student), marks.mark(student), *final, marks.status.get(student, "")]


def _moodle(marks: Marks, students: Iterable[str]) -> Iterator[Line]:
    """Moodle's import of grades: who is mapped by e-mail, the columns that nobody maps are passed over."""
    final = ["Final mark"] if marks.finals else []
    yield ["Email address", "Username", "First name", "Surname", *(one.title for one in marks.columns), *final]
    for student in students:
        person = marks.people.get(student, {})
        identity = [person.get("email", ""), student, person.get("first_name", ""), person.get("last_name", "")]
        yield [*identity, *marks.line(student), *([marks.finals.get(student, "")] if final else [])]


def _canvas(marks: Marks, students: Iterable[str]) -> Iterator[Line]:
    """Canvas's import of its gradebook, in which each further column would be a new assignment."""
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(column.title for column in marks.columns)]
    possible = [f"{marks.scale.maximum if marks.scale else column.points:g}" for column in marks.columns]
    yield ["    Points Possible", "", "", "", "", *possible]
    for student in students:
        person = marks.people.get(student, {})
        name = ", ".join(filter(None, [person.get("last_name"), person.get("first_name")])) or student
        identity = [name, person.get("lms_user_id", ""), person.get("id_number", ""), student, ""]
        yield [*identity, *marks.line(student)]


LINES: dict[str, Callable[[Marks, Iterable[str]], Iterator[Line]]] = {
    "csv": _plain,
    "xlsx": _plain,
    "moodle": _moodle,
    "canvas": _canvas,
}
# By what a platform knows a student. One whom it does not know stops Moodle's import, and Canvas asks about it.
NEEDS: dict[str, Callable[[Marks, str], Any]] = {
    "moodle": lambda marks, student: marks.people.get(student, {}).get("email"),
    "canvas": lambda marks, student: marks.people.get(student, {}).get("lms_user_id"),
}


def write(path: str | Path, lines: Iterable[Line]) -> None:
    """Write the lines as CSV, the whole file or none of it, with the mark by which spreadsheets recognise UTF-8."""
    write_csv(path, lines, encoding="utf-8-sig")


def write_book(path: str | Path, sheets: dict[str, Iterable[Line]]) -> None:
    """Write a workbook of Excel in which numbers are numbers and no text is a formula.

    Args:
        path: of the file.
        sheets: {name of a sheet: its lines, the header first}.
    """
    import openpyxl  # it takes a while to import
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for at, line in enumerate(lines, 1):
            for place, value in enumerate(line, 1):
                cell = sheet.cell(at, place)
                text = printable(str(value))
                cell.value = _number(text) if at > 1 and place > 3 else None
                if cell.value is None and text:
                    cell.value, cell.data_type = no_formula(text)[:32_000], "s"
                if at == 1:
                    cell.font = Font(bold=True)
        sheet.freeze_panes = "C2"
        for column in "ABC":
            sheet.column_dimensions[column].width = 24
    content = io.BytesIO()  # openpyxl leaves a file open that it cannot write, and Python complains of that at its end
    book.save(content)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getvalue())


def _number(text):
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[+-][0-9]{1,2})?", text) else None  # not of INF
