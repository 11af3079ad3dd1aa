"""Who is enrolled, read from a list of Moodle, Canvas or a spreadsheet and kept in nbgrader's gradebook."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tema9.classroom.course import Course
from tema9.classroom.grading.intake import slug
from tema9.classroom.grading.record import Record

# The headers, in English and in Spanish and without capitals, under which the lists have what we ask for; the first
# header that a list has counts.
COLUMNS = {
    "id": ("username", "nombre de usuario", "usuario", "sis login id", "login id", "id", "student"),
    "first_name": ("first_name", "first name", "nombre"),
    "last_name": ("last_name", "last name", "surname", "apellido(s)", "apellidos", "apellido"),
    "email": ("email", "email address", "dirección de correo", "correo electrónico", "correo"),
    "lms_user_id": ("lms_user_id", "id number", "número de id", "id"),
}


def read(path: str | Path) -> list[dict[str, str]]:
    """Read a list of students: a CSV with commas, semicolons or tabs, in UTF-8 or as Excel writes it in Spain.

    Returns:
        a dict for each student, with "id" and those of the other keys of COLUMNS that the list has.

    Args:
        path: the path of the list.

    Raises:
        ValueError: the list has no column that identifies students, has a row without an identifier, or has a student
            twice; the message says which.
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0].strip()
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        headers = {(header or "").strip().lower(): header for header in reader.fieldnames or ()}
        where = {ours: headers[name] for ours, names in COLUMNS.items() for name in reversed(names) if name in headers}
        if "id" not in where and "email" not in where:
            raise ValueError(
                f"{path} has no column for who the student is; expected username, id or email: {first[:80]!r}"
            )
        if where.get("lms_user_id") == where.get("id"):
            where.pop("lms_user_id", None)
        people = [
            _person(path, reader.line_num, row, where)
            for row in reader
            if any(str(value or "").strip() for value in row.values()) and not _is_of_canvas(row)
        ]
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.reader.line_num}: {error}") from None
    ids = [person["id"] for person in people]
    if twice := [one for one, count in Counter(ids).items() if count > 1]:
        raise ValueError(f"{path} has {', '.join(twice)} twice; every student has one row")
    return people


def _person(path, line, row, where):
    said = {ours: (row[theirs] or "").strip() for ours, theirs in where.items()}
    said["id"] = slug(said.get("id") or said.get("email", "").partition("@")[0])
    if not said["id"] or None in row:
        raise ValueError(
            f"{path}, line {line}: {'more columns than its header' if None in row else 'no username, id or email'}"
        )
    name = (row.get("Student") or "").strip()  # Canvas has both names in one column
    if "first_name" not in where and where.get("id") != "Student" and name:
        said["last_name"], _, said["first_name"] = (part.strip() for part in name.partition(","))
    return {key: value for key, value in said.items() if value}


def _is_of_canvas(row):
    """Whether a row is the second row of Canvas's lists, which says how many points there are."""
    return (row.get("Student") or "").strip() == "Points Possible"


def names_of(people: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return {another name: student} of the names that a submission may have in the place of the identifier.

    A name that two students share is left out.

    Args:
        people: the students, as `read` returns them.
    """
    found: dict[str, str | None] = {}
    for person in people:
        first, last = person.get("first_name", ""), person.get("last_name", "")
        email = person.get("email", "")
        others = {f"{first} {last}", f"{last} {first}", f"{last}{first}", email, email.partition("@")[0]}
        for name in {slug(one).lower() for one in (*others, person.get("lms_user_id", ""))} - {""}:
            found[name] = None if name in found else person["id"]
    return {name: one for name, one in found.items() if one}


def enroll(root: str | Path, people: Iterable[dict[str, str]]) -> None:
    """Prepare a course folder and write into its gradebook who is enrolled.

    Args:
        root: the course folder.
        people: the students, as `read` returns them.
    """
    course = Course(root)
    course.prepare()
    with Record(course) as record:
        record.enroll(people)


def enrolled(course: Course) -> dict[str, dict]:
    """Return {student: what the gradebook knows of the student}; nothing is written."""
    with Record(course, read_only=True) as record:
        return {student.id: student.to_dict() for student in record.students()}
