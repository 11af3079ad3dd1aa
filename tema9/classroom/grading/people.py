"""Who is enrolled: lists of Moodle, Canvas and others are read, brought together, and kept in the course folder.

The gradebook has a row for each student. The file roster.csv, beside it, has what a gradebook has no place for: the
numbers by which platforms know a student, and who has left the course.
"""

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from tema9.classroom import gradebook
from tema9.classroom.course import Course
from tema9.classroom.grading import senders
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.senders import mark, slug, squeezed
from tema9.files import atomic_write

Person = dict[str, str]
ROSTER = "roster.csv"
FIELDS = ("id", "first_name", "last_name", "email", "lms_user_id", "id_number", "participants", "left", "team")
LOOK_AHEAD = 20  # rows in which the header is looked for: some lists begin with a title

# The headers under which lists have what we ask for, as `squeezed` writes them; the first that a list has counts. They
# are those of Moodle in Spanish, English, Catalan, Galician, Basque, Portuguese, French and German, and those of
# Canvas, Blackboard, Brightspace, Sakai and spreadsheets.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": (
        "username", "nombredeusuario", "usuario", "nomdusuari", "nomedeusuario", "erabiltzaileizena",
        "nomedeutilizador", "nomdutilisateur", "anmeldename", "benutzername", "sisloginid", "loginid", "login",
        "displayid", "eid", "id",
    ),
    "first_name": (
        "firstname", "nombre", "nombres", "givenname", "prenom", "vorname", "izena", "nomeproprio", "nome", "nom",
    ),
    "last_name": (
        "lastname", "surname", "apellidos", "apellido", "cognoms", "cognom", "apelidos", "apelido", "sobrenome",
        "deitura", "deiturak", "abizena", "abizenak", "nomdefamille", "nachname", "familienname", "familyname",
        "apellido1", "primerapellido", "nom",
    ),
    "second_last_name": ("apellido2", "segundoapellido"),
    "full_name": (
        "fullname", "nombrecompleto", "nomcomplet", "nomecompleto", "izenosoa", "vollstandigername", "nombreyapellidos",
        "apellidosynombre", "nombreapellidos", "apellidosnombre", "student", "name", "alumno", "alumna", "alumne",
        "alumnoa", "estudiante", "estudiant", "displayname",
    ),
    "email": (
        "email", "emailaddress", "direcciondecorreo", "direcciondecorreoelectronico", "correoelectronico", "correo",
        "mail", "direcciondeemail", "adrecaelectronica", "adrecadecorreu", "adrecadecorreuelectronic",
        "correuelectronic", "correu", "enderezodecorreo", "enderezodecorreoelectronico", "enderezoelectronico",
        "epostahelbidea", "eposta", "helbideelektronikoa", "postaelektronikoa", "enderecodeemail",
        "enderecodecorreioeletronico", "correioeletronico", "adressedecourriel", "adresseelectronique", "courriel",
        "adressemail", "adresseemail", "emailadresse",
    ),
    "lms_user_id": (
        "lmsuserid", "idnumber", "numerodeid", "numeroid", "numerodidentificacio", "numeroidentificador",
        "numerodeidentificacion", "numerodeidentificacao", "idzenbakia", "numerodidentification", "idnummer", "id",
    ),
    "id_number": (
        "sisuserid", "orgdefinedid", "studentid", "iddeestudiante", "idestudiante", "dni", "nif", "nia", "matricula",
        "expediente", "numerodeexpediente", "studentnumber", "matrikelnummer",
        "nip", "niu", "documento", "codigo", "numerodematricula",
    ),
    "participant": ("identifier", "identificador", "identifikatzailea", "identifiant", "identifikator", "idnutzer"),
    # not "group", which is the students' class in most lists
    "team": ("team", "teamname", "equipo", "equip", "equipa", "equipe", "nomdelequip", "nombredelequipo", "taldea"),
}  # fmt: skip
EMAIL = re.compile("mail|correo|correu|correio|courriel|posta")  # in a header that is none of these
WHO = ("id", "email", "participant", "id_number")  # one of these a list must have, to say who its students are
NOBODY = {"pointspossible", *senders.TEST_STUDENT}  # in the place of a name, in lists of Canvas


def rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row of a table: a CSV of any usual kind, or a sheet of Excel.

    A CSV has commas, semicolons, tabs or bars between its cells, is in UTF-8, UTF-16 or as Excel writes it in western
    Europe, and may begin with the line `sep=;`.

    Args:
        path: of the table.

    Raises:
        ValueError: the file is no table that can be read; the message says what it is and what to do.
    """
    path = Path(path)
    content = path.read_bytes()
    if content.startswith(b"PK"):
        yield from _of_excel(path, content)
        return
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError(f"{path} is a sheet of an old Excel; save it as .xlsx or as CSV")
    text = decoded(content)
    if text is None:
        raise ValueError(f"{path} is no text and no sheet of Excel; save the list as CSV or .xlsx")
    declared = re.match(r"sep=(.)\r?\n?", text)
    text = text[declared.end() :] if declared else text
    skipped = 1 if declared else 0
    tried = [_of_csv(text, mark, skipped) for mark in (declared[1] if declared else ",;\t|")]
    best = max(tried, key=lambda one: (_header(one[0])[1], max((len(cells) for _, cells in one[0][:1]), default=0)))
    yield from best[0]
    if best[1]:
        raise ValueError(f"{path}, {best[1]}")


def decoded(content: bytes) -> str | None:
    """Return the text that bytes are, whatever its encoding; None if they are no text.

    Args:
        content: of a file.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace").lstrip("\ufeff")
    if content[:200].count(0) * 3 > len(content[:200]):  # UTF-16 without its mark: every second byte is 0
        little = content[1:200:2].count(0) > content[:200:2].count(0)
        return content.decode("utf-16-le" if little else "utf-16-be", errors="replace")
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _of_csv(text, delimiter, skipped):
    """([(line, cells)] up to the first error, that error or None)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        found.extend((reader.line_num + skipped, cells) for cells in reader)
    except csv.Error as error:
        return found, f"line {reader.line_num + skipped}: {error}"
    return found, None


def _of_excel(path, content):
    import openpyxl  # few lists are of Excel, and it takes a while to import

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = [
            [(number, [_as_text(cell) for cell in cells]) for number, cells in enumerate(sheet.values, 1)]
            for sheet in book.worksheets
        ]
    except Exception as error:  # openpyxl has no error of its own for a file that it cannot read
        raise ValueError(
            f"{path} has no column for who the student is: it is no sheet of Excel that can be read "
            f"({type(error).__name__}); save the list as CSV or .xlsx"
        ) from None
    yield from max(sheets, key=lambda sheet: _header(sheet)[1], default=[])


def _as_text(cell):
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _header(table):
    """(the place of the header in a table, how many of its columns we know)."""
    known = [len(_columns(cells)) for _, cells in table[:LOOK_AHEAD]]
    best = max(known, default=0)
    return (known.index(best), best) if known else (0, 0)


def _columns(cells: Sequence[str]) -> dict[str, int]:
    """{ours: place of theirs} of the columns of a header that we know."""
    there = {squeezed(name): place for place, name in reversed(list(enumerate(cells)))}
    where = {ours: there[name] for ours, names in COLUMNS.items() for name in reversed(names) if name in there}
    if where.get("first_name") == where.get("last_name"):  # Catalan's word for a first name is French's for a surname
        where.pop("last_name", None)
    if "id" not in where and there.get("student", -1) == where.get("full_name"):
        where["id"] = where.pop("full_name")
    if where.get("lms_user_id") == where.get("id"):
        where.pop("lms_user_id", None)
    return where


def read(path: str | Path) -> list[Person]:
    """Read a list of students, of a learning platform or a spreadsheet; `rows` says which files it takes.

    Returns:
        a dict for each student, with "id" and what else the list says: "first_name", "last_name", "email",
        "lms_user_id" (a number of the platform), "id_number" (one of the university), "participants" (the numbers of
        Moodle's grading worksheets) and "team".

    Args:
        path: the path of the list.

    Raises:
        ValueError: the list has no column that identifies students, has a row without an identifier, or has a student
            twice; the message says which.
    """
    table = list(rows(path))
    place, count = _header(table)
    where = _columns(table[place][1]) if count else {}
    for at, name in enumerate(table[place][1]) if count and "email" not in where else ():
        if EMAIL.search(squeezed(name)) and any("@" in "".join(cells[at : at + 1]) for _, cells in table[place + 1 :]):
            where["email"] = at
    if not any(name in where for name in WHO):
        raise ValueError(
            f"{path} has no column for who the student is; expected username, id or email: {_first_line(path, table)!r}"
        )
    names = [squeezed(cell) for cell in table[place][1]]
    if "participant" in where and not {"email", "full_name", "first_name", "last_name", "id"} & set(where):
        raise ValueError(f"{path} is a worksheet of a blind assignment: it says nobody's name; give a list with names")
    is_canvas = {"id", "section"} <= set(names) and ("student" in names or "lastname" in names)
    people = []
    for line, cells in table[place + 1 :]:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(names) :]):
            raise ValueError(f"{path}, line {line}: more columns than its header")
        said = {ours: _seen(cells[at]) if at < len(cells) else "" for ours, at in where.items()}
        if "endoflineindicator" in names or "orgdefinedid" in names:  # Brightspace puts a # before what identifies
            said = {ours: value.lstrip("#") for ours, value in said.items()}
        if _is_nobody(said, is_canvas):
            continue
        raw, person = _person(said)
        if not person["id"]:
            raise ValueError(f"{path}, line {line}: no username, id or email")
        people.append((line, raw, person))
    return _told_apart(path, people)


def _seen(cell):
    """A cell without what nobody sees at its ends: spaces of all kinds, and signs without a width."""
    hidden = {sign for sign in cell if sign.isspace() or unicodedata.category(sign) in ("Cf", "Cc")}
    return cell.strip("".join(hidden))


def _folded(person):
    """A person as rows are compared: capital letters make no other user name and no other e-mail."""
    return person | {key: person[key].casefold() for key in ("id", "email") if key in person}


def _first_line(path, table):
    """The first line of a list as it stands there, for a message: cut, and never of bytes that are no text."""
    text = None if Path(path).read_bytes()[:2] == b"PK" else decoded(Path(path).read_bytes())
    lines = text.splitlines() if text is not None else [", ".join(cells) for _, cells in table]
    return next((line.strip()[:80] for line in lines if line.strip()), "")


def _is_nobody(said, is_canvas):
    """Whether a row is one that Canvas puts among the students: points, posting, or the student that it invents."""
    if not is_canvas:
        return False
    name = said.get("full_name") or said.get("last_name", "") + said.get("first_name", "")
    has_number = said.get("lms_user_id") or said.get("id")
    return squeezed(name) in NOBODY or (not has_number and not name)


def _person(said):
    participant = said.pop("participant", "")
    numbered = re.fullmatch(r"\D*?(\d+)", participant)
    if numbered and squeezed(participant[: numbered.start(1)]) in {"", *senders.PARTICIPANT}:
        said["participants"] = numbered[1]
    elif participant and not said.get("id"):
        said["id"] = participant
    said["last_name"] = " ".join(filter(None, [said.get("last_name"), said.pop("second_last_name", "")]))
    full = said.pop("full_name", "")
    if full and not said.get("first_name") and not said.get("last_name"):
        said["last_name"], comma, said["first_name"] = (part.strip() for part in full.partition(","))
        if not comma:
            said["first_name"], said["last_name"] = full, ""
    if not said.get("email") and re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", said.get("id", "")):
        said["email"] = said["id"]  # the user name of many a Canvas, by which the list of Moodle has the same student
    raw = said.get("id") or said.get("email", "").partition("@")[0] or said.get("id_number") or full
    said["id"] = slug(raw)
    return raw, {key: value for key, value in said.items() if value or key == "id"}


def _told_apart(path, found):
    """The people of [(line, what identifies them, person)], of whom no two have one id; `read` says why it can fail."""
    seen: dict[str, list[tuple[int, str, Person]]] = defaultdict(list)
    for row in found:
        seen[row[2]["id"].casefold()].append(row)  # a Mac and Windows have one folder for Ana and ana
    people = []
    for one, several in seen.items():
        if all(_folded(person) == _folded(several[0][2]) for _, _, person in several):
            del several[1:]  # a student of two groups has two rows
        elif all(raw == person.get("email", "").partition("@")[0] for _, raw, person in several):
            for _, _, person in several:  # two e-mails with the same words before the @
                person["id"] = slug(person["email"])
        elif len({raw for _, raw, _ in several}) == len(several):
            for _, raw, person in several:  # two names that a folder cannot tell apart
                person["id"] = f"{one}-{mark(raw)}"
        people += several
    count = Counter(person["id"].casefold() for _, _, person in people)
    twice = [one for one in count if count[one] > 1]
    if twice:
        lines = ", ".join(str(line) for line, _, person in people if person["id"].casefold() in twice)
        raise ValueError(f"{path} has {', '.join(twice)} twice; every student has one row (lines {lines})")
    return [person for _, _, person in sorted(people, key=lambda row: row[0])]


def known(course: Course) -> list[Person]:
    """Return who is or was enrolled in a course, as its roster.csv and its gradebook say it; nothing is written.

    A student whom the gradebook has only because a submission was graded is not enrolled.

    Args:
        course: the course.

    Raises:
        ValueError: roster.csv cannot be read.
    """
    found = {person["id"]: person for person in roster(course)}
    for student, said in enrolled(course).items():
        person = {key: said[key] for key in ("first_name", "last_name", "email", "lms_user_id") if said.get(key)}
        if person and student not in found:
            found[student] = {"id": student} | person
    return list(found.values())


def merge(listed: Iterable[Person], before: Iterable[Person], today: date | None = None) -> list[Person]:
    """Bring a new list together with who is known already: nobody is there twice, and who is not listed has left.

    Whom the new list means is known by e-mail, numbers and user name, and else by a name that only one student has.

    Returns:
        the students, each with the id that was known before; those who are not in the list have "left", a date.

    Args:
        listed: the students of the new list, as `read` returns them.
        before: the students who are known, as `known` returns them.
        today: the date on which students who are not in the list are said to have left.

    Raises:
        ValueError: a row of the list fits two of the students who are known.
    """
    there, listed = {person["id"]: person for person in before}, list(listed)
    by_id = {one.casefold(): one for one in there}
    same_as: dict[int, str] = {}  # {place in the list: id that is known}
    for place, person in enumerate(listed):
        same = {one["id"] for one in there.values() if _share_a_number(person, one)}
        if len(same) > 1:
            raise ValueError(f"the list's {person['id']} is both {' and '.join(sorted(same))}; correct it there")
        if same:
            same_as[place] = next(iter(same))
        elif (one := by_id.get(person["id"].casefold())) and not _differ(person, there[one]):
            same_as[place] = one
    if twice := [one for one, count in Counter(same_as.values()).items() if count > 1]:
        raise ValueError(f"two rows of the list are {', '.join(sorted(twice))}, who is known; correct one of them")
    by_name: dict[str, set[str]] = defaultdict(set)
    for person in there.values():
        by_name[_name(person)].add(person["id"])
    namesakes = Counter(_name(person) for person in listed)
    for place, person in enumerate(listed):
        name = _name(person)
        if place not in same_as and name and namesakes[name] == 1 and len(by_name[name]) == 1:
            one = next(iter(by_name[name]))
            if one not in same_as.values() and not _differ(person, there[one]):
                same_as[place] = one
    merged: dict[str, Person] = {}
    taken = set(by_id)
    for place, person in enumerate(listed):
        one = same_as.get(place, person["id"])
        if place not in same_as and one.casefold() in taken:  # somebody else has this id
            one = slug(person.get("email") or f"{one}-{mark(_name(person) + person.get('lms_user_id', ''))}")
        old = there.get(one, {})
        numbers = dict.fromkeys([*old.get("participants", "").split(), *person.get("participants", "").split()])
        new = {**old, **person, "id": one} | ({"participants": " ".join(numbers)} if numbers else {})
        if old.get("last_name") and not person.get("last_name"):  # a name that the new list has in one column
            new |= {key: old[key] for key in ("first_name", "last_name") if old.get(key)}
        new.pop("left", None)
        merged[one] = new
        taken.add(one.casefold())
    gone = (today or date.today()).isoformat()
    rest = [{"left": gone} | person for one, person in there.items() if one not in merged]
    return [*merged.values(), *rest]


def together(lists: Iterable[Iterable[Person]]) -> list[Person]:
    """Return the students of several lists, as `read` returns each: those of all groups of a course, say."""
    found: list[Person] = []
    for listed in lists:
        found = [{key: value for key, value in person.items() if key != "left"} for person in merge(listed, found)]
    return found


def _share_a_number(one, other):
    """Whether an e-mail, a number of the platform or of the university, or a participant's number is in both."""
    participants = set(one.get("participants", "").split()) & set(other.get("participants", "").split())
    return bool(_same(one.get("email", ""), other.get("email", "")) or _numbers(one) & _numbers(other) or participants)


def _same(one, other):
    return bool(one) and one.casefold() == other.casefold()


def _numbers(person):
    return {person.get("lms_user_id"), person.get("id_number")} - {None, ""}


def _differ(one, other):
    """Whether two rows with one user name or one name are of two people.

    Their numbers say so if both come from one kind of list, with e-mails or without, and their e-mails if the names do
    too.
    """
    emails = [bool(person.get("email")) for person in (one, other)]
    if all(emails) and not _same(one["email"], other["email"]) and _name(one) != _name(other):
        return True
    return emails[0] == emails[1] and any(
        one.get(key) and other.get(key) and one[key] != other[key] for key in ("lms_user_id", "id_number")
    )


def _name(person):
    return " ".join(senders.words(f"{person.get('first_name', '')} {person.get('last_name', '')}"))


def name_of(person: Person) -> str:
    """Return the name of a student as people write it, or the id of one without a name."""
    return f"{person.get('first_name', '')} {person.get('last_name', '')}".strip() or person["id"]


def enroll(root: str | Path, people: Iterable[Person]) -> None:
    """Prepare a course folder and write into it who is enrolled: roster.csv and the gradebook.

    Args:
        root: the course folder.
        people: the students, as `merge` or `read` returns them.
    """
    course, people = Course(root), list(people)
    course.prepare()
    with Record(course) as record:
        record.enroll(people)
    with atomic_write(course.root / ROSTER) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(sorted(people, key=lambda person: person["id"]))


def enrolled(course: Course) -> dict[str, dict]:
    """Return {student: what the gradebook knows of the student}; nothing is written."""
    if not gradebook.exists(course.url):  # to make one, if only in memory, takes seconds
        return {}
    with Record(course, read_only=True) as record:
        return {student.id: student.to_dict() for student in record.students()}


def by_name(course: Course) -> dict[str, str]:
    """Return {id or e-mail: id} of who is or was enrolled in a course, or has handed in; nothing is written.

    Args:
        course: the course.

    Raises:
        ValueError: roster.csv cannot be read.
    """
    submitted = course.root / "submitted"
    folders = {path.name: path.name for path in submitted.iterdir() if path.is_dir()} if submitted.is_dir() else {}
    everybody = known(course)
    emails = {person["email"]: person["id"] for person in everybody if person.get("email")}
    ids = {person["id"]: person["id"] for person in everybody} | {student: student for student in enrolled(course)}
    return folders | emails | ids


def left(course: Course) -> set[str]:
    """Return the students who have left a course.

    Raises:
        ValueError: roster.csv cannot be read.
    """
    return {person["id"] for person in roster(course) if "left" in person}


def roster(course: Course) -> list[Person]:
    """Return the rows of roster.csv, which somebody may have saved with a spreadsheet; [] where there is none.

    Raises:
        ValueError: roster.csv cannot be read.
    """
    path = course.root / ROSTER
    if not path.is_file():
        return []
    table = [cells for _, cells in rows(path)]
    if not table or "id" not in table[0]:
        raise ValueError(f"{path} has no column id; remove it, and give the list of students again with --roster")
    found = (dict(zip(table[0], cells, strict=False)) for cells in table[1:])
    return [{key: row[key] for key in FIELDS if row.get(key)} for row in found if row.get("id")]
