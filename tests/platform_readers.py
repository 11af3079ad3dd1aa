"""What Moodle and Canvas make of the files that a teacher uploads: their own rules, written down from their code.

Moodle: mod/assign/feedback/offline/importgradeslib.php and importgradesform.php, mod/assign/feedback/file/
importziplib.php, grade/import/csv/classes/load_data.php. Canvas: lib/gradebook_importer.rb, and
infer_comment_context_from_filename in app/models/abstract_assignment.rb.
"""

import csv
import io
import re
import zipfile


def cells(path, encoding="utf-8-sig", delimiter=","):
    """The rows of a CSV."""
    return list(csv.reader(io.StringIO(path.read_text(encoding=encoding), newline=""), delimiter=delimiter))


def moodle_worksheet(path, participants, maximum, words, delimiter=","):
    """{user: (grade, comment)} that Moodle takes from a grading worksheet; `words` are its strings in one language.

    Args:
        participants: {number: user} of the assignment.
        maximum: of the assignment; a grade above it is passed over.
        words: {"recordid", "grade", "lastmodifiedgrade", "hiddenuser", "comments"}.
    """
    header, *rows = cells(path, delimiter=delimiter)
    assert header.count(words["recordid"]) == 1
    places = {name: header.index(words[name]) for name in ("recordid", "grade", "lastmodifiedgrade", "comments")}
    taken = {}
    for row in rows:
        assert len(row) == len(header), "csv_import_reader refuses the whole file"
        user = participants.get(row[places["recordid"]][len(words["hiddenuser"]) :])
        grade = row[places["grade"]].replace(",", ".")
        if user is not None and grade and 0 <= float(grade) <= maximum:
            taken[user] = float(grade), row[places["comments"]]
    return taken


def moodle_grades(path, users, key):
    """{user: {title: grade}} that Moodle's gradebook takes from a CSV of which the column `key` says who it is.

    Args:
        users: the values of that column that Moodle knows.
    """
    header, *rows = cells(path)
    taken = {}
    for row in rows:
        assert len(row) == len(header)
        user = row[header.index(key)].strip()
        assert user in users, "usermappingerror: nothing at all is imported"
        grades = {}
        for title, value in zip(header, row, strict=True):
            if title in ("Email address", "Username", "First name", "Surname"):
                continue
            assert value in ("", "-") or re.fullmatch(r"-?\d+([.,]\d+)?", value), "badgrade: nothing at all is imported"
            grades[title] = float(value.replace(",", ".")) if value not in ("", "-") else None
        taken[user] = grades
    return taken


def canvas_gradebook(path, students, assignments, delimiter=","):
    """({user id: {title: grade}}, new assignments, unknown students) that Canvas takes from a gradebook.

    Args:
        students: {user id: sortable name} of the course.
        assignments: {id: title} of the course.
    """
    header, *rows = cells(path, delimiter=delimiter)
    width = 3
    assert "Student" in header[0] and "ID" in header[1]
    if re.search(r"SIS\s+Login\s+ID", header[2]):
        width = 4
    elif re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3]):
        width = 5 + bool(re.search(r"Integration\s+ID", header[4]))
    assert "Section" in header[width - 1], "InvalidHeaderRow"
    taken, new, unknown = {}, [], []
    titles = {}
    for at, title in list(enumerate(header))[width:]:
        if re.search("(Current|Final|Override) (Score|Points|Grade)|Override Status", title):
            continue
        number = re.search(r" \((\d+)\)$", title)
        known = assignments.get(number[1]) if number else next((t for t in assignments.values() if t == title), None)
        if known is None:
            new.append(title)
        titles[at] = known or title
    for row in rows:
        if "Points Possible" in row[0] or all(re.fullmatch(r"(?i)\s*(muted|manual posting.*)?\s*", one) for one in row):
            continue
        user = row[1] if row[1] in students else next((one for one, name in students.items() if name == row[0]), None)
        if user is None:
            unknown.append(row[0])
        else:
            taken[user] = {title: row[at].strip() for at, title in titles.items()}
    return taken, new, unknown


def moodle_feedback(path, participants):
    """{user: {name of a file: bytes}} that Moodle takes from a zip of feedback files.

    Args:
        participants: {number: user} of the assignment.
    """
    taken = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            if entry.endswith("/") or entry.rpartition("/")[2].startswith((".", "~")):
                continue
            parts = entry.split("/")
            while parts:
                info = parts.pop(0).split("_", 4)
                if len(info) < 4 or not info[1].isnumeric() or info[1] not in participants:
                    continue
                assert info[2:4] == ["assignsubmission", "file"], "no plugin of this name"
                name = "/".join([*info[4:5], *parts]).strip("/")
                taken.setdefault(participants[info[1]], {})[name] = archive.read(entry)
                break
    return taken


def canvas_feedback(path, attachments):
    """({user: {name that the student sees: bytes}}, ignored names) that Canvas takes from a zip of submissions.

    Args:
        attachments: {id: (user, the name that the student gave)} of the assignment.
    """
    taken, ignored = {}, []
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            parts = [part for part in entry.rpartition("/")[2].split("_") if part != "LATE"]
            user, number = parts[1:3] if parts[0] == "anon" else [*filter(str.isdigit, parts), "", ""][:2]
            if number not in attachments or attachments[number][0] != user or entry.startswith("._"):
                ignored.append(entry)
            else:
                taken.setdefault(user, {})[attachments[number][1]] = archive.read(entry)
    return taken, ignored
