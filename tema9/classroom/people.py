"""Who is enrolled: read from the list that Moodle, Canvas or a spreadsheet gives, kept in nbgrader's gradebook."""

import csv
import io
from pathlib import Path

from tema9.classroom.intake import slug

# The headers of the lists that are in use, in English and in Spanish, without capitals.
COLUMNS = {
    "id": ("id", "username", "nombre de usuario", "usuario", "sis login id", "login id", "student"),
    "first_name": ("first_name", "first name", "nombre"),
    "last_name": ("last_name", "last name", "surname", "apellido(s)", "apellidos", "apellido"),
    "email": ("email", "email address", "dirección de correo", "correo electrónico", "correo"),
    "lms_user_id": ("lms_user_id", "id number", "número de id", "sis user id"),
}


def read(path) -> list[dict]:
    """Read a list of students: a CSV with commas, semicolons or tabs, in UTF-8.

    Returns:
        a dict for each with "id", and what else of COLUMNS the list has.

    Raises:
        ValueError: it has no header that tells students apart, or says one twice; the message says which.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    headers = {(header or "").strip().lower(): header for header in (rows[0] if rows else ())}
    where = {ours: headers[name] for ours, names in COLUMNS.items() for name in reversed(names) if name in headers}
    if not {"id", "email"} & set(where):
        raise ValueError(
            f"{path} has no column for who the student is; expected id, username or email: {first.strip()}"
        )
    people, seen = [], set()
    for row in rows:
        person = {ours: (row[theirs] or "").strip() for ours, theirs in where.items()}
        person["id"] = slug(person.get("id") or person["email"].partition("@")[0])
        if not person["id"]:
            continue
        if person["id"] in seen:
            raise ValueError(f"{path} has {person['id']} twice; every student has one row")
        seen.add(person["id"])
        people.append({key: value for key, value in person.items() if value})
    return people


def names_of(people) -> dict[str, str]:
    """The identifier of each student by the other names that a submission may come under.

    A name that two students share stands for neither.
    """
    found = {}
    for person in people:
        first, last = person.get("first_name", ""), person.get("last_name", "")
        email = person.get("email", "")
        under = {f"{first} {last}", f"{last} {first}", f"{last}{first}", email, email.partition("@")[0]}
        for name in {slug(one).lower() for one in (*under, person.get("lms_user_id", ""))} - {""}:
            found[name] = None if name in found else person["id"]
    return {name: one for name, one in found.items() if one}
