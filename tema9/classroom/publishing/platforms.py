"""What goes back into Moodle and Canvas: the files that they gave, filled in, and zips of feedback that they take.

Both know a student by what they wrote themselves: Moodle by a participant's number, Canvas by a user's id. So their own
files are filled in, and nothing else in these is changed.

Sources: the code that reads the files, of Moodle (mod/assign/feedback/offline, mod/assign/feedback/file) and of Canvas
(lib/gradebook_importer.rb, infer_comment_context_from_filename in app/models/abstract_assignment.rb).
"""

import csv
import html
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import nbformat

from tema9.classroom.grading import intake, senders
from tema9.classroom.grading import people as lists
from tema9.classroom.grading.identities import HandedIn, Identities
from tema9.classroom.grading.senders import CANVAS, MOODLE, Sender, squeezed
from tema9.classroom.publishing.export import Marks
from tema9.files import atomic_write

# The headers of Moodle's grading worksheet, as `squeezed` writes them, in its language packs of Spanish, English,
# Catalan, Galician, Basque, Portuguese, French and German.
WORKSHEET: dict[str, tuple[str, ...]] = {
    "identifier": lists.COLUMNS["participant"] + ("id",),
    "grade": (
        "grade", "calificacion", "qualificacio", "cualificacion", "kalifikazioa", "nota", "avaliacao", "note",
        "bewertung",
    ),
    "maximum": (
        "maximumgrade", "calificacionmaxima", "qualificaciomaxima", "cualificacionmaxima", "gehienezkokalifikazioa",
        "kalifikaziomaximoa", "notamaxima", "avaliacaomaxima", "notemaximale", "bestwertung", "hochstebewertung",
        "maximalebewertung",
    ),
    "comment": (
        "feedbackcomments", "comentariosderetroalimentacion", "comentariosderealimentacion", "comentariosdelfeedback",
        "retroalimentacioncomentarios", "comentarisderetroaccio", "comentarisdelaretroaccio",
        "comentarisderetroalimentacio", "comentariosderetroaccion", "feedbackiruzkinak", "iruzkinak",
        "comentariosdefeedback", "comentariosdofeedback", "commentairesdefeedback", "feedbackcommentaires",
        "feedbackalskommentar", "feedbackkommentare", "kommentare",
    ),
}  # fmt: skip
ABOUT_COMMENTS = re.compile(r"feedback|retroal|realim|retroac|iruzkin|coment|comment|komment")
OURS = "Corrección: "  # begins what we write into Moodle's column of comments
READ_ONLY = re.compile(r"(?i)(current|final|unposted|override) (score|points|grade|status)|read only")


@dataclass(frozen=True)
class Filled:
    """A file of a platform, filled in.

    Args:
        text: of the file.
        encoding: of the file.
        students: who has a mark in it now.
        notes: lines about rows that are nobody's, and students who have no row.
    """

    text: str
    encoding: str
    students: list[str]
    notes: list[str] = field(default_factory=list)


def fill(
    path: str | Path,
    marks: Marks,
    known: Identities,
    comments: Callable[[str, Iterable[str]], str] = lambda student, notebooks: "",
    chosen: Iterable[str] = (),
) -> Filled:
    """Fill in Moodle's grading worksheet, or Canvas's gradebook, with the marks of notebooks.

    The mark is on the scale of the file, if none was asked for. Who has no mark keeps what the file says.

    Args:
        path: the file, as the platform gave it.
        marks: of the notebooks.
        known: which student somebody in the file is.
        comments: gives what to write to a student about some notebooks, as HTML.
        chosen: the notebooks whose marks are wanted; none for those that the file is about.

    Raises:
        ValueError: it is neither file, or cannot be told which notebooks it is about; the message says what to do.
    """
    content = Path(path).read_bytes()
    table = [list(cells) for _, cells in lists.rows(path)]
    if content[:2] == b"PK":
        raise ValueError(f"{path} is a sheet of Excel; give the CSV as the platform gave it")
    place = next((at for at, cells in enumerate(table[: lists.LOOK_AHEAD]) if _kind(cells)), None)
    if place is None:
        there = ", ".join(table[0]) if table else "nothing"
        raise ValueError(
            f"{path} is neither a grading worksheet of Moodle, with an identifier and a grade, nor a gradebook of "
            f"Canvas, with Student and ID; its columns are {there[:200]}"
        )
    header, below = table[place], [cells for cells in table[place + 1 :] if any(cell.strip() for cell in cells)]
    if too_long := next((number for number, cells in enumerate(below, place + 2) if len(cells) > len(header)), None):
        raise ValueError(f"{path}, line {too_long}: more columns than its header")
    below = [cells + [""] * (len(header) - len(cells)) for cells in below]
    if _kind(header) == MOODLE:
        students, notes = _fill_moodle(path, header, below, marks, known, comments, list(chosen))
        lines = [*table[:place], header, *below]
    else:
        lines, students, notes = _fill_canvas(path, header, below, marks, known, list(chosen))
    absent = [one for one in marks.points if one not in students and marks.mark(one)]
    notes += [f"{one} has a mark and no row in {Path(path).name}" for one in absent]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=_delimiter(content, table), lineterminator="\n").writerows(lines)
    has_mark = content.startswith(b"\xef\xbb\xbf")
    return Filled(buffer.getvalue(), "utf-8-sig" if has_mark else "utf-8", students, notes)


def write_filled(path: str | Path, filled: Filled) -> None:
    """Write a file of a platform that was filled in, the whole file or none of it."""
    with atomic_write(path) as temporary:
        temporary.write_text(filled.text, encoding=filled.encoding, newline="")


def _kind(cells):
    """The platform of whose file a row of cells is the header; "" if it is none."""
    names = [squeezed(cell) for cell in cells]
    if {"id", "section"} <= set(names) and ("student" in names or {"lastname", "firstname"} <= set(names)):
        return CANVAS
    return MOODLE if _place(names, "identifier") is not None and _place(names, "grade") is not None else ""


def _place(names: list[str], what: str) -> int | None:
    return next((names.index(name) for name in WORKSHEET[what] if name in names), None)


def _delimiter(content, table):
    text = lists.decoded(content) or ""
    if declared := re.match(r"sep=(.)", text):
        return declared[1]
    first = text.splitlines()[0] if text else ""
    return next((sign for sign in ",;\t|" if next(csv.reader([first], delimiter=sign), []) == table[0]), ",")


def _fill_moodle(
    path: str | Path,
    header: list[str],
    below: list[list[str]],
    marks: Marks,
    known: Identities,
    comments: Callable[[str, Iterable[str]], str],
    chosen: list[str],
) -> tuple[list[str], list[str]]:
    names = [squeezed(cell) for cell in header]
    identifier, grade = names.index(next(n for n in WORKSHEET["identifier"] if n in names)), _place(names, "grade") or 0
    most, remark = _place(names, "maximum"), _place(names, "comment")
    if remark is None:  # another language, or another version: the comments are the last column
        remark = next((at for at in range(len(names) - 1, grade, -1) if ABOUT_COMMENTS.search(names[at])), None)
    numbers = [_number_of(cells[identifier]) for cells in below]
    chosen = chosen or sorted({
        row.notebook for row in known.handed_in if row.system == MOODLE and row.number and row.number in numbers
    })  # fmt: skip
    chosen = [column.key for column in marks.columns if column.key in chosen]
    if not chosen:
        raise ValueError(f"{path}: none of its participants handed anything in; say with --notebook what its marks are")
    name, email = (_column(names, what) for what in ("full_name", "email"))
    students: list[str] = []
    notes = _no_maximum(marks, header[most], (cells[most] for cells in below)) if most is not None else []
    for cells, number in zip(below, numbers, strict=True):
        said = Sender(cells[name] if name is not None else "", cells[name] if name is not None else "", MOODLE, number)
        student = _whose(known, cells[email] if email is not None else "", said)
        if student not in marks.points:  # somebody who has left, or whose marks are not wanted, keeps what is there
            notes += [f"{' '.join(filter(None, [cells[0], said.name]))}: no student of the course"][: not student]
            continue
        if student in students:
            raise ValueError(f"{path} has two rows for {student}; remove one of them")
        students.append(student)
        scale = _as_number(cells[most]) if most is not None else None
        if mark := marks.mark(student, chosen, scale):
            cells[grade] = mark.replace(".", ",") if most is not None and "," in cells[most] else mark
            if remark is not None and (text := comments(student, chosen)):
                theirs = cells[remark].partition(OURS)[0]
                apart = "" if not theirs or theirs[-1].isspace() or theirs.endswith(">") else "<br>"
                cells[remark] = f"{theirs}{apart}{OURS}{text}"
    return students, notes


def _fill_canvas(
    path: str | Path,
    header: list[str],
    below: list[list[str]],
    marks: Marks,
    known: Identities,
    chosen: list[str],
) -> tuple[list[list[str]], list[str], list[str]]:
    names = [squeezed(cell) for cell in header]
    keys = [column.key for column in marks.columns]
    titles = {squeezed(column.title): column.key for column in marks.columns}
    first = max(at for at, name in enumerate(names) if name in CANVAS_WHO) + 1
    about: dict[int, str] = {}
    for at, title in enumerate(header):
        plain = re.sub(r" \(\d+\)$", "", title)
        key = titles.get(squeezed(plain)) or intake.notebook_of(plain, keys)
        if at >= first and not READ_ONLY.search(title) and key and (not chosen or key in chosen):
            about[at] = key
    assignments = [at for at in range(first, len(header)) if re.search(r" \(\d+\)$", header[at])]
    if not about and len(chosen) == 1 and len(assignments) == 1:
        about = {assignments[0]: chosen[0]}
    if not about:
        there = ", ".join(header[at] for at in assignments) or "no assignment"
        raise ValueError(
            f"{path} has no assignment named after a notebook, as {marks.columns[0].title}; it has {there}"
        )
    if len(set(about.values())) < len(about):
        raise ValueError(f"{path} has two columns for one notebook: {', '.join(header[at] for at in about)}")
    kept = [at for at, name in enumerate(names) if name in CANVAS_WHO] + list(about)
    number = names.index("id")
    possible = next((cells for cells in below if "Points Possible" in cells[0]), None)
    lines = [[header[at] for at in kept]]
    students: list[str] = []
    highest = {f"Points Possible of {header[at]}": possible[at] for at in about} if possible else {}
    notes = [line for name, cell in highest.items() for line in _no_maximum(marks, name, [cell])]
    for cells in below:
        name = ", ".join(cells[at] for at, what in enumerate(names) if what in ("student", "lastname", "firstname"))
        sender = Sender(name, name, CANVAS, cells[number])
        if cells is possible or not any(cells[at].strip() for at in range(first)):
            lines.append([cells[at] for at in kept])
            continue
        student = "" if sender.is_test_student else _whose(known, "", sender)
        if student not in marks.points:
            notes += [f"{name}: no student of the course"][: not student and not sender.is_test_student]
            continue
        if student in students:
            raise ValueError(f"{path} has two rows for {student}; remove one of them")
        students.append(student)
        for at, key in about.items():
            cells[at] = marks.mark(student, [key], _as_number(possible[at]) if possible else None) or cells[at]
        lines.append([cells[at] for at in kept])
    return lines, students, notes


CANVAS_WHO = ("student", "lastname", "firstname", "id", "sisuserid", "sisloginid", "integrationid", "rootaccount",
              "section")  # fmt: skip


def _column(names, what):
    return next((names.index(name) for name in lists.COLUMNS[what] if name in names), None)


def _whose(known, email, sender):
    """The student whom a row of a platform's file means; "" if it is nobody for certain."""
    by_email = known.of(Sender(email, email)).student if "@" in email and known.people else ""
    return by_email or (known.of(sender).student if sender.number or sender.name else "")


def _number_of(identifier):
    found = re.search(r"(\d+)\s*$", identifier)
    return found[1] if found else ""


def _no_maximum(marks, name, cells):
    """A line if no scale was asked for and the file's highest mark is no number above 0, as of a scale of words."""
    odd = [] if marks.scale else sorted({cell.strip() for cell in cells if cell.strip() and _as_number(cell) is None})
    return [f"{name}: {', '.join(odd)[:200]} is no number above 0, so the marks are points"] if odd else []


def _as_number(text):
    """A number that may have a decimal comma; None if it is none above 0."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if 0 < number < 1e6 else None


def comment(lines: Iterable[str]) -> str:
    """Return lines of text as the HTML that Moodle shows of a comment."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def feedback_zips(
    system: str, handed_in: Iterable[HandedIn], pages: dict[tuple[str, str], Path]
) -> tuple[dict[str, dict[str, bytes]], list[tuple[str, str]]]:
    """Return what goes into the zips of feedback that a platform takes, and whose pages have no place in them.

    Returns:
        {name of a zip, without its ending: {path in it: bytes}}, one for each assignment, and (student, notebook) of
        the pages of work that did not come from this platform.

    Args:
        system: senders.MOODLE or senders.CANVAS.
        handed_in: the rows of handed_in.csv.
        pages: {(student, notebook): the page of feedback}.
    """
    rows = [row for row in handed_in if (row.student, row.notebook) in pages]
    own = [row for row in rows if row.system == system and row.number]
    there = {(row.student, row.notebook) for row in own}
    of_assignment = _assignments(own) if system == MOODLE else {}
    zips: dict[str, dict[str, bytes]] = defaultdict(dict)
    several: dict[tuple[str, str], list[HandedIn]] = defaultdict(list)  # a zip of a student may hold two notebooks
    for row in own:
        path = _place_in_zip(system, row)
        several[of_assignment.get(row.notebook, row.notebook), path].append(row)
    for (assignment, path), work in several.items():
        zips[assignment][path] = _as_uploaded(path, {row.notebook: pages[row.student, row.notebook] for row in work})
    return dict(zips), sorted(set(pages) - there)


def _assignments(rows: Iterable[HandedIn]) -> dict[str, str]:
    """{notebook: the name of its assignment}; in Moodle, a participant has another number in each assignment."""
    of: dict[str, str] = {}
    by_number: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_number[row.number].add(row.notebook)
    for together in by_number.values():
        names = sorted({of.get(name, name) for name in together})
        of |= dict.fromkeys(together, names[0])
        of = {name: names[0] if first in names else first for name, first in of.items()}
    groups: dict[str, list[str]] = defaultdict(list)
    for name, first in of.items():
        groups[first].append(name)
    return {name: "+".join(sorted(group)) for group in groups.values() for name in group}


def _place_in_zip(system, row):
    """Where a student's page goes: beside what Moodle gave, and under the very name that Canvas gave."""
    for part in PurePosixPath(row.file).parts:
        for is_file in (False, True):
            sender = senders.of_platform(part, is_file)
            if not sender or sender.system != system:
                continue
            if system == CANVAS:
                return part
            page = f"{row.notebook}.html"
            return f"{part[: len(part) - len(sender.rest)]}{page}" if is_file else f"{part}/{page}"
    return f"{row.name}_{row.number}_assignsubmission_file_/{row.notebook}.html"


def _as_uploaded(path: str, pages: dict[str, Path]) -> bytes:
    """The bytes of a file that holds pages of feedback, of the kind that its name says.

    Canvas shows a file that comes back under the name that the student gave to it, whatever it holds.
    """
    ending = PurePosixPath(path).suffix.lower()
    if ending == ".ipynb":
        return _as_notebook(pages).encode()
    if ending == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for notebook, page in sorted(pages.items()):
                archive.writestr(_entry(f"{notebook}.html"), page.read_bytes())
        return buffer.getvalue()
    return b"\n".join(page.read_bytes() for _, page in sorted(pages.items()))


def _as_notebook(pages: dict[str, Path]) -> str:
    """A notebook that shows pages of feedback when it is opened, and runs nothing."""
    notebook = nbformat.v4.new_notebook()
    for name, page in sorted(pages.items()):
        text = page.read_text(encoding="utf-8")
        body = re.search(r"<body>(.*)</body>", text, re.DOTALL)
        shown = nbformat.v4.new_output("display_data", {"text/html": body[1] if body else text})
        notebook.cells.append(nbformat.v4.new_code_cell("# Corrección de tu entrega", outputs=[shown], id=name))
    return nbformat.writes(notebook)


def _entry(path):
    """An entry of a zip that is the same whenever it is made."""
    entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


def write_zip(path: str | Path, files: dict[str, bytes]) -> None:
    """Write a zip, the whole file or none of it.

    Args:
        path: of the zip.
        files: {path in the zip: bytes}.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(_entry(name), content)
