"""The intake: notebooks that students handed in go from a folder, or a learning platform's zip, into submitted/.

The names of files and folders say who handed something in; `identities` says which student that is. The name of the
file, or else the identifiers in it, say which notebook it is; if none of the identifiers is of the notebook that the
name says, they alone do. What is in a zip belongs to whoever handed in the zip. No file is written to a path that a zip
names, and no earlier submission is lost. The caller is told of everything that was left out, and of everybody who waits
for the teacher.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading import delivery, identities, marks, senders
from tema9.classroom.grading.delivery import Limits
from tema9.classroom.grading.identities import HandedIn, Identities, Identity, Who
from tema9.classroom.grading.people import Person
from tema9.classroom.grading.senders import Sender
from tema9.files import atomic_write
from tema9.streams import printable

BESIDE = ("submission_secret.txt", "timestamp.txt")  # what nbgrader's exchange lays beside a submission
# What the platforms add to what students hand in.
OF_PLATFORMS = re.compile(
    r"(?i)(index|onlinetext|submissiontext|feedbacktext|comments)\.(html|txt)|grades\.(csv|xls|xlsx)|timestamp\.txt"
    r"|status\.(csv|xls|xlsx)|.*_attempt_\d{4}(-\d\d){5}\.txt|.*_assignsubmission_(onlinetext|comments)_.*"
    r"|.*_\d+_(text|link)\.html"
)
PLACEHOLDER = re.compile(r"\..+\.icloud")  # the name that macOS gives to a file that is in iCloud only


class NothingToGrade(FileNotFoundError):
    """There is no submission where submissions were expected."""


@dataclass(frozen=True)
class Found:
    """A notebook that was handed in.

    Args:
        path: where it is in the folder or zip that is taken in.
        content: its bytes.
        when: its time; of several of one student, the newest counts.
        arrived: when it was handed in: the time that the platform writes, or that of the file, or of the zip around it;
            0 where nothing says it.
        is_export: whether it is a script that was made from a notebook, a checkpoint of JupyterLab, a placeholder of
            iCloud, or has the name of another notebook; all these count only where there is no notebook.
        beside: {name: content} of the files of nbgrader's exchange that go with it.
    """

    path: PurePosixPath
    content: bytes
    when: float
    arrived: float
    is_export: bool = False
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """What a run of `collect` did.

    Args:
        submissions: the sorted (student, notebook) that were taken in.
        left_out: a line for each file, or each student's files, that were left out.
        unresolved: the rows of who.csv for those of whom nobody can tell which student they are; they were not taken.
        notes: lines about what the teacher may want to know and need not do anything about.
    """

    submissions: list[tuple[str, str]]
    left_out: list[str] = field(default_factory=list)
    unresolved: list[Who] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(
    root: str | Path,
    place: str | Path,
    limits: Limits | None = None,
    people: Iterable[Person] = (),
    dry_run: bool = False,
    zone: tzinfo | None = None,
) -> Taken:
    """Take in the notebooks that are in a folder or a zip.

    These forms are known: those of `senders.PATTERNS`; STUDENT/.../NOTEBOOK.ipynb; NOTEBOOK/STUDENT.ipynb;
    STUDENT_NOTEBOOK.ipynb; and zips with any notebooks under the names of any of them. If a student hands in a notebook
    again, the submission before moves to replaced/.

    Args:
        root: the course folder.
        place: the folder or the zip that holds the submissions.
        limits: how much is taken in; None for the default limits.
        people: who is or was enrolled, as `people.known` returns it; nobody, where there is no list: then each sender
            is a student of its own.
        dry_run: whether to write nothing.
        zone: of the times in a zip; None for that of this machine.

    Raises:
        NothingToGrade: the folder or the zip has no notebook of the course; the message says what is expected.
        ValueError: all files together are over the limits, `place` is neither a folder nor a zip, or who.csv cannot be
            read.
    """
    course, notebooks = Course(root), [source.name for source in sources.all_sources()]
    known = identities.load(course, people)
    gathered, left_out = gather(Path(place), notebooks, limits or Limits(), known.knows, zone)
    if not any(gathered.values()):
        raise _nothing(place, notebooks, left_out)
    return take(course, gathered, left_out, known, Path(place).name, dry_run, zone)


def take(
    course: Course,
    gathered: dict[Sender, dict[str, list[Found]]],
    left_out: list[str],
    known: Identities,
    delivery_name: str,
    dry_run: bool = False,
    zone: tzinfo | None = None,
) -> Taken:
    """Put what was gathered from a delivery into submitted/, and say in handed_in.csv and who.csv who handed it in.

    Args:
        course: the course.
        gathered: {sender: {notebook: what was found of it}}.
        left_out: a line for each file that was left out.
        known: who is known.
        delivery_name: what handed_in.csv calls the delivery.
        dry_run: whether to write nothing.
        zone: of the times in handed_in.csv; None for that of this machine.
    """
    owners, unresolved, notes = _owners(gathered, known)
    rows = {(row.student, row.notebook): row for row in known.handed_in}
    handed_in: dict[tuple[str, str], list[tuple[Sender, Identity, Found]]] = defaultdict(list)
    for sender, work in gathered.items():
        if sender not in owners or owners[sender].student == identities.NOBODY:
            continue
        for notebook, found_there in work.items():
            for found in found_there:
                handed_in[owners[sender].student, notebook].append((sender, owners[sender], found))
    now = {
        (sender.system, sender.number or sender.name, notebook): identity.student
        for sender, identity in owners.items()
        for notebook in gathered[sender]
    }
    for wrong in _taken_for_another(known.handed_in, now, handed_in):
        notes.append(f"{wrong.student}, {wrong.notebook}: it is somebody else's; it was moved to replaced/")
        del rows[wrong.student, wrong.notebook]
        if not dry_run:
            _retract(course, wrong.student, wrong.notebook)
    replaced = 0
    taken: list[tuple[str, str]] = []
    for (student, notebook), several in sorted(handed_in.items()):
        *older, (sender, identity, newest) = sorted(several, key=lambda one: _age(one[2]))
        left_out += [f"{found.path}: {newest.path} {_why(found, newest)}" for _, _, found in older]
        before = rows.get((student, notebook))
        when = _arrival(course, before, newest, zone)
        own = before and now.get((before.system, before.number or before.name, notebook), student) == student
        if before and own and _is_older(course, before, newest, when):
            left_out.append(
                f"{newest.path}: handed in on {when}, before what is there of {student} ({before.when}, "
                f"{before.delivery}), which stays; to take it all the same, remove "
                f"{course.submitted(student, notebook).relative_to(course.root)} and collect again"
            )
            continue
        taken.append((student, notebook))
        rows[student, notebook] = HandedIn(
            student, notebook, sender.name, sender.system, sender.number, identity.team,
            "late" if sender.late else "", when, delivery_name, str(newest.path),
        )  # fmt: skip
        replaced += not dry_run and _put(course, student, notebook, newest)
    if replaced:
        notes.append(f"handed in again: {replaced}; what was there before is in replaced/")
    if not dry_run and (handed_in or unresolved):
        identities.save(course, identities.update(known.who, unresolved, owners), rows.values())
    return Taken(taken, left_out, unresolved, notes)


def _taken_for_another(before, now, handed_in):
    """The rows of handed_in.csv by which a sender was taken for another student than now, whose place nobody takes."""
    return [
        row
        for row in before
        if now.get((row.system, row.number or row.name, row.notebook), row.student) != row.student
        and (row.student, row.notebook) not in handed_in
    ]


def _nothing(place, notebooks, left_out):
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    there = f"; left out: {'; '.join(left_out[:3])}{more}" if left_out else ""
    expected = f"{', '.join(sorted(notebooks))}; expected STUDENT/NOTEBOOK.ipynb"
    return NothingToGrade(f"{place} has no notebook of {expected}{there}")


def _owners(
    gathered: dict[Sender, dict[str, list[Found]]], known: Identities
) -> tuple[dict[Sender, Identity], list[Who], list[str]]:
    """({sender: which student it is, or that it is nobody}, the rows of who.csv for those who are unresolved, notes).

    Of two senders whom only a name makes one student, with one notebook and different work, both are unresolved.
    """
    notes: list[str] = []
    asked = {sender: work for sender, work in gathered.items() if work}
    for sender in [sender for sender in asked if sender.is_test_student]:
        del asked[sender]
        notes.append(f"{printable(sender.label)}: the test student of Canvas, who has no score")
    if not known.people:
        ids = known.own({sender.key: (sender, set(work)) for sender, work in asked.items()})
        found = {sender: Identity(ids[sender.key], True) for sender in asked}
    else:
        found = {sender: known.of(sender) for sender in asked}
        by_work: dict[tuple[str, str], list[Sender]] = defaultdict(list)
        for sender, identity in found.items():
            for notebook in asked[sender] if identity.student else ():
                by_work[identity.student, notebook].append(sender)
        for (student, notebook), several in by_work.items():
            work = {one.content for sender in several for one in asked[sender][notebook]}
            doubtful = [sender for sender in several if not found[sender].is_certain]
            if len(several) > 1 and len(work) > 1:
                for sender in doubtful:
                    others = sorted(printable(one.label) for one in several if one is not sender)
                    why = f"{', '.join(others)} handed in another {notebook} under this name"
                    found[sender] = Identity("", could_be=(student,), why=why)
    unresolved = [
        Who(printable(sender.label), sender.system if sender.number else "", sender.number,
            could_be=", ".join(_described(known, one) for one in identity.could_be), why=identity.why)
        for sender, identity in found.items()
        if not identity.student
    ]  # fmt: skip
    for sender, identity in found.items():
        if identity.student == identities.NOBODY:
            notes.append(f"{printable(sender.label)}: nobody, as who.csv says")
    kept = {sender: identity for sender, identity in found.items() if identity.student}
    return kept, sorted(unresolved, key=lambda row: row.handed_in_as), notes


def _described(known, student):
    person = known.people.get(student, {})
    name = f"{person.get('first_name', '')} {person.get('last_name', '')}".strip()
    return f"{student} ({name})" if name else student


def gather(
    place: Path,
    names: Iterable[str],
    limits: Limits,
    known: Callable[[str], bool] = lambda name: False,
    zone: tzinfo | None = None,
) -> tuple[dict[Sender, dict[str, list[Found]]], list[str]]:
    """Read the notebooks that are in a folder or a zip, and write nothing.

    Returns:
        {sender: {notebook: what was found of it}}, and a line for each file that was left out. A sender of whom nothing
        was found has no notebook.

    Args:
        place: the folder or the zip that holds the submissions.
        names: the names of the notebooks of the course.
        limits: how much is read.
        known: whether a name is that of an enrolled student.
        zone: of the times in a zip; None for that of this machine.

    Raises:
        NothingToGrade: `place` does not exist.
        ValueError: all files together are over the limits, or `place` is neither a folder nor a zip.
    """
    names = list(names)
    if not place.exists():
        raise NothingToGrade(f"{place} is not there; give a folder or a zip of submissions")
    left_out: list[str] = []
    everything = delivery.files(place, left_out, zone)
    files = [file for file in everything if not _is_litter(file.path)]
    paths = [file.path for file in files if _can_hold_work(file.path)]
    whose = dict(zip(paths, senders.read(paths, lambda name: left_of(name, names), known), strict=True))
    folders = _by_folder(whose)
    by_sender: dict[Sender, list[delivery.File]] = defaultdict(list)
    written: dict[tuple[str, str], str] = {}  # {key: a line} of senders who handed in no file that counts
    for file in everything:
        if _is_litter(file.path):
            said = "no notebook, only the start page or hidden files"
            written |= {sent.key: f"{sent.label}: {said}" for sent in _of_platform(file.path)}
    representative: dict[tuple[str, str], Sender] = {}
    for file in files:
        sender = whose.get(file.path)
        if file.path not in whose:
            sender = next((folders[one] for one in file.path.parents if one in folders), None)
        if sender is None:
            if OF_PLATFORMS.fullmatch(file.path.name):
                written |= {sent.key: f"{sent.label}: no notebook, only text" for sent in _of_platform(file.path)}
            else:
                said = "it does not say whose it is; name its folder after the student"
                left_out.append(f"{file.path}: {said if file.path in whose else 'no notebook'}")
            continue
        sender = representative.setdefault(sender.key, sender)
        by_sender[sender].append(file)
    late = {sender.key for sender in whose.values() if sender and sender.late}
    gathered: dict[Sender, dict[str, list[Found]]] = {}
    count = total = 0
    for sender, given in by_sender.items():
        size = sum(min(file.size, limits.file_bytes) for file in given)
        if len(given) <= limits.student_files and size <= limits.student_bytes:  # the others are refused, one by one
            count, total = count + len(given), total + size
        if count > limits.files or total > limits.total_bytes:
            raise ValueError(
                f"{place} holds more than {limits.files:,} files or {limits.total_bytes:,} bytes; take it in parts"
            )
        sent = replace(sender, late=sender.key in late, rest="", when="")
        gathered[sent] = work_of(sent, given, names, limits, left_out, whose, zone)
    keys = {sender.key for sender in gathered}
    left_out += [line for key, line in written.items() if key not in keys]
    return gathered, left_out


def _of_platform(path):
    """The sender that a path names in the form of a platform, in a list; [] if there is none."""
    found = [senders.of_platform(part, part == path.name) for part in path.parts]
    return [sender for sender in found if sender][:1]


def work_of(
    sender: Sender,
    given: list[delivery.File],
    names: Iterable[str],
    limits: Limits,
    left_out: list[str],
    whose: Mapping[PurePosixPath, Sender | None] = MappingProxyType({}),
    zone: tzinfo | None = None,
) -> dict[str, list[Found]]:
    """Return {notebook: what was found of it} in the files of one sender.

    Args:
        sender: who handed them in.
        given: the files.
        names: the names of the notebooks of the course.
        limits: how much is read.
        left_out: gets a line for each file that is left out.
        whose: {path: the sender that it says}, where a path says more than the sender: the name of the student's file.
        zone: of the times that names say; None for that of this machine.
    """
    work: dict[str, list[Found]] = defaultdict(list)
    others: list[str] = []
    tops = {file.path: file for file in given}
    try:
        for file, content in delivery.within(given, limits, others):
            if _is_litter(file.path):
                continue
            top = next((one for one in (file.path, *file.path.parents) if one in tops), file.path)
            named = whose.get(top) or sender
            own = named.rest if file.path == top else ""
            notebook, is_export = _notebook(own or file.path.name, content, names)
            if notebook is None and content and _is_notebook(file.path.name, content):  # its zip or folders may say it
                said = [notebook_of(_stem(part), names) for part in reversed(file.path.parts[:-1])]
                notebook = next(filter(None, said), None)
            if notebook is not None:
                arrived = _arrived(named, tops.get(top, file), zone)
                work[notebook].append(Found(file.path, content, file.when, arrived, is_export))
            elif not OF_PLATFORMS.fullmatch(file.path.name):
                of_course = " of the course" if _is_notebook(file.path.name, content) else ""
                others.append(f"{file.path}: no notebook{of_course}")
    except delivery.TooMuch as error:
        left_out.append(f"{sender.label}: {error}; nothing of it was taken in")
        return {}
    inside = {
        other.key for several in work.values() for found in several for other in _of_platform(_below(found.path, tops))
    }
    if not sender.system and len(inside) > 1:
        left_out.append(f"{sender.label}: a delivery of {len(inside)} people in a delivery; take it in by itself")
        return {}
    if not work and not others:
        others.append(f"{sender.label}: no notebook")
    left_out += others
    return dict(work)


def _arrived(sender, file, zone):
    """When a file was handed in, in seconds since 1970; 0 if nothing says it."""
    if sender.system == senders.CANVAS:
        return 0.0  # its files have the time at which it made the zip
    said = senders.moment(sender.when)
    return said.replace(tzinfo=zone).timestamp() if said else file.when


def _below(path, tops):
    """What of a path is inside the zip, if there is one, that somebody handed in."""
    top = next((one for one in path.parents if one in tops), None)
    return path.relative_to(top) if top else PurePosixPath(path.name)


def _by_folder(whose):
    """{folder: its one sender, or None if it has several} of all folders with files of which the sender is known."""
    found: dict[PurePosixPath, Sender | None] = {}
    for path, sender in whose.items():
        for folder in list(path.parents)[:-1] if sender else ():
            there = found.setdefault(folder, sender)
            if there is not None and there.key != sender.key:
                found[folder] = None
    return found


def _put(course, student, notebook, found):
    """Write a submission into submitted/, and an earlier one that differs from it into replaced/; whether there was."""
    target, content = course.submitted(student, notebook), found.content
    before = target.read_bytes() if target.is_file() else None
    if before not in (None, content):
        _keep(course, student, notebook, before)
    if before != content:
        _forget_exchange(target.parent)
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)
    for name, text in found.beside.items():
        with atomic_write(target.parent / name) as temporary:
            temporary.write_bytes(text)
    return before not in (None, content)


def _keep(course, student, notebook, content):
    """Write a submission that counts no longer into replaced/."""
    folder = course.root / "replaced" / student
    folder.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(1 for _ in folder.glob(f"{notebook}-*.ipynb"))
    with atomic_write(folder / f"{notebook}-{number}.ipynb") as temporary:
        temporary.write_bytes(content)


def _retract(course, student, notebook):
    """Move a submission that is another student's from submitted/ to replaced/."""
    target = course.submitted(student, notebook)
    if target.is_file():
        _keep(course, student, notebook, target.read_bytes())
        target.unlink()
        _forget_exchange(target.parent)
        for folder in (target.parent, target.parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()


def _forget_exchange(folder):
    """Remove what nbgrader's exchange laid beside a submission that counts no longer; the exchange still has it."""
    for name in BESIDE:
        (folder / name).unlink(missing_ok=True)


def newest(several: Iterable[Found]) -> Found:
    """Return which of several finds of one notebook counts."""
    return max(several, key=_age)


def _age(found):
    """By what the submissions of one student are sorted, the one that counts last."""
    return not found.is_export, found.when, _copy_number(found.path.stem), str(found.path)


def _why(found, newest):
    return "is the notebook" if found.is_export and not newest.is_export else "is newer"


def _arrival(course, before, found, zone):
    """When a submission came, in ISO format; "" if nothing says it. The same work again came when it came first."""
    if before and before.when:
        path = course.submitted(before.student, before.notebook)
        if path.is_file() and path.read_bytes() == found.content:
            return before.when
    try:
        when = datetime.fromtimestamp(found.arrived, UTC) if found.arrived else None
        return when.astimezone(zone).isoformat(timespec="seconds") if when else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _is_older(course, before, found, when):
    """Whether a submission came before another one that is there; a notebook counts before a script in any case."""
    path = course.submitted(before.student, before.notebook)
    if not (before.when and when and path.is_file()) or path.read_bytes() == found.content:
        return False
    if found.is_export != _is_export(PurePosixPath(before.file).name):
        return found.is_export
    now, then = marks.moment(when), marks.moment(before.when)  # somebody may have corrected the time that is there
    return bool(now and then and now < then)


def _is_litter(path):
    """Whether a file is one that systems and editors leave behind, or the start page, which nobody has to hand in."""
    parts = path.parts[:-1] if PLACEHOLDER.fullmatch(path.name) else path.parts
    hidden = any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in parts)
    start = _is_notebook(path.name) and path.stem.startswith(sources.START)
    return hidden or start or path.name in ("Thumbs.db", "desktop.ini")


def _is_export(name):
    """Whether a file counts only where there is no notebook, see `Found`."""
    return bool(re.search(r"(?i)\.py$|-checkpoint( ?\(\d+\))?\.ipynb", name) or PLACEHOLDER.fullmatch(name))


def _can_hold_work(path):
    """Whether a file of a delivery is a notebook or a zip, or may be one under another name."""
    if OF_PLATFORMS.fullmatch(path.name):
        return False
    return path.suffix.lower() in (*delivery.ENDINGS, *delivery.ARCHIVES) or ".ipynb" in path.name.lower()


def _stem(name):
    """A file's name without its endings: "1_lenet5" of "1_lenet5.ipynb.txt"."""
    return re.sub(r"(?i)(\.(ipynb|zip|json|txt|py))+(?= ?\(\d+\)$|$)", "", name)


def _is_notebook(name, content=b""):
    """Whether a file is a notebook by its name, or by what it holds."""
    if re.search(r"(?i)\.ipynb($|[. (])", name):
        return True
    start = content[:200_000].replace(b"\0", b"")  # of UTF-16 too
    return b'"cells"' in start or b'"worksheets"' in start


def _notebook(name, content, names):
    """(the notebook that a file is or None, whether it counts only where there is no other)."""
    if not name.lower().endswith(".py") and not _is_notebook(name, content):
        return None, False
    said, held = notebook_of(_stem(name), names), notebook_in(content, names)
    # Another notebook, under the name of this one; where the two agree, the content need not be read once more.
    if said and held not in (None, said) and said.split("_")[0] not in _numbers_in(content):
        return held, True
    return said or held, _is_export(name)


def notebook_of(stem: str, names: Iterable[str]) -> str | None:
    """Return the notebook that the name of a file says, or None if it says none.

    Names such as "1_lenet5 (1)", "Copia de 1_lenet5" and "ana-1-lenet5-final" all say 1_lenet5.

    Args:
        stem: the name of the file, without ".ipynb".
        names: the names of the notebooks of the course.
    """
    flat = _flat(stem)
    for shorten in (_flat, lambda name: _flat(name).split("_", 1)[-1]):  # with its number, and without
        found = [name for name in names if re.search(rf"(?<![a-z0-9]){re.escape(shorten(name))}(?![a-z0-9])", flat)]
        if len(found) == 1:
            return found[0]
    return None


def notebook_in(content: bytes, names: Iterable[str]) -> str | None:
    """Return the notebook to which the identifiers of cells in a file belong, or None if there are none.

    Args:
        content: the bytes of the file, in any encoding in which ASCII is ASCII, or in UTF-16.
        names: the names of the notebooks of the course.
    """
    numbers = _numbers_in(content)
    if not numbers:
        return None
    number = numbers.most_common(1)[0][0]
    return next((name for name in names if name.split("_")[0] == number), None)


def _numbers_in(content):
    """{number of a notebook: how many identifiers of cells in a file have it}."""
    found = re.findall(rb'"(?:grade_id|id)": *"n(\d+)-[a-z]', content.replace(b"\0", b""))
    return Counter(number.decode() for number in found)


def left_of(text: str, names: Iterable[str]) -> str | None:
    """Return what is left of the name of a file without the notebook that it says; None if it says none.

    Args:
        text: the name, without ".ipynb".
        names: the names of the notebooks of the course.
    """
    notebook = notebook_of(text, names)
    if notebook is None:
        return None
    number, *words = re.split(r"[_\W]+", notebook)
    said = rf"(?i)(?:{number}[_\W]+)?" + r"[_\W]+".join(map(re.escape, words)) + r"(?:-\d\d?(?!\d))?"  # "1_lenet5-2"
    rest = re.sub(said, " ", text, count=1)
    rest = re.sub(r"\(\d+\)|(?i:\b(copia de|copy of|copia|copy|final|definitivo|checkpoint)\b)", " ", rest)
    return " ".join(rest.split()).strip(" _-.,;")


def _flat(text):
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower())


def _copy_number(stem):
    """The 2 of "1_lenet5 (2)" and of "1_lenet5-2", by which browsers and Canvas number a file that comes again."""
    numbers = [int(one or two) for one, two in re.findall(r"\((\d{1,8})\)|-(\d\d?)$", stem)]
    return numbers[-1] if numbers else 0
