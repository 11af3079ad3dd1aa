"""Who a delivery's names of files and folders say handed something in, in the form of each learning platform.

A name is read, never believed: what it says is compared with the lists of students in `identities`.
"""

import contextlib
import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

MOODLE, CANVAS, BLACKBOARD, BRIGHTSPACE, SAKAI, ILIAS, EXCHANGE = (
    "Moodle",
    "Canvas",
    "Blackboard",
    "Brightspace",
    "Sakai",
    "ILIAS",
    "nbgrader",  # its exchange, where accounts of a server hand in
)

# How the platforms name what they put into a zip. `name` is the person's, `number` is what the platform knows the
# person by, `late` says that it was late, and `rest` is the name that the student gave to the file.
PATTERNS: tuple[tuple[str, str, str], ...] = (
    # Moodle, mod/assign: NAME_PARTICIPANT_assignsubmission_PLUGIN_, as a folder (since 3.1) or before each file
    (MOODLE, "folder", r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_[a-z0-9]+_?"),
    (MOODLE, "file", r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z0-9]+_(?P<rest>.+)"),
    # Canvas, quiz_submission_zipper.rb, of a question that asks for a file: NAMEUSER_question_QUESTION_ATTACHMENT_FILE
    (CANVAS, "file", r"(?P<name>(?:(?!_\d+_(?!question_)).)*?)(?P<number>\d+)_question_\d+_\d+_(?P<rest>.+)"),
    # Canvas, lib/content_zipper.rb: SORTABLENAME_[LATE_]USER_ATTACHMENT_FILE, or [LATE_]anon_FIVELETTERS_...
    (CANVAS, "file", r"(?P<late>LATE_)?(?P<number>anon_[A-Za-z0-9]{5})_\d\d+_(?P<rest>.+)"),
    (CANVAS, "file", r"(?P<name>.*?)_(?P<late>LATE_)?(?P<number>\d+)_\d\d+_(?P<rest>.+)"),
    (CANVAS, "file", r"(?P<name>.*?)_(?P<late>LATE_)?(?P<number>\d+)_(?:text|link)\.html"),
    # Blackboard, "Assignment File Download": TASK_USERNAME_attempt_DATE_FILE, and TASK_USERNAME_attempt_DATE.txt
    (BLACKBOARD, "file", r"(?P<number>.+_[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<rest>.+)|\.txt)"),
    # Brightspace: TASK-SUBMISSION - NAME - Nov 26, 2026 1234 PM, as a folder or before each file
    (BRIGHTSPACE, "folder", r"(?P<number>\d+-\d+ - (?P<name>.+?)) - (?P<when>.*\d{4}.*)"),
    (BRIGHTSPACE, "file", r"(?P<number>\d+-\d+ - (?P<name>.+?)) - (?P<when>.*?\d{4}.*?) - (?P<rest>.+)"),
    # Sakai: LAST, FIRST(USERNAME)/Submission attachment(s)/FILE
    (SAKAI, "folder", r"(?P<name>[^()]+,[^()]*?) ?\((?P<number>[^()\s]*[A-Za-z][^()\s]*|\d{4,})\)"),
    (SAKAI, "file", r"(?P<name>[^()]+,[^()]*?) ?\((?P<number>[^()\s]+)\)_Submission attachment\(s\)_(?P<rest>.+)"),
    # ILIAS: LAST_FIRST_LOGIN_USER, perhaps in a folder of the team
    (ILIAS, "folder", r"(?P<name>[^_]+_[^_]+)_(?P<number>[^_\s]+)_\d{3,}"),
)
BY_USER_NAME = (BLACKBOARD, SAKAI, ILIAS, EXCHANGE)  # whose number is, or ends in, the student's user name
BY_ASSIGNMENT = (MOODLE, BLACKBOARD, BRIGHTSPACE)  # those whose number is another in each assignment
# The word that Moodle writes for everybody where marking is blind, in the languages of its packs.
PARTICIPANT = {
    "participant", "participante", "partehartzailea", "teilnehmer", "teilnehmerin", "teilnehmerinnen",
    "partaidea", "partecipante", "deltagare", "deelnemer",
}  # fmt: skip
TEST_STUDENT = {"studenttest", "teststudent"}  # Canvas's own, with which teachers try a course
TEAM = re.compile(r"(?i)(?:team|equipo|grupo|group|gruppe)(?:[ _-]\w+|\d+)|abgaben|submissions|multi_feedback.*")
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue"}
LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}  # which lose no accent
FOLDED_NAMES = 2**14  # are kept: those of a class are compared again and again
MOST_CHARACTERS, MOST_BYTES = 80, 160  # of a student's folder; file systems take 255 bytes, with what others add


@dataclass(frozen=True)
class Sender:
    """Somebody who handed something in, as the name of a file or folder says it.

    Args:
        label: what of the path says it, as it stands there; the same in each delivery.
        name: the person's name in it; "" if it says none, as in an anonymous delivery.
        system: the platform whose form it has; "" for a plain file or folder.
        number: what the platform knows the person by: a participant's number, a user's id or a user name; of
            Blackboard the task and the user name, since either may have the _ that is between them; of Brightspace
            its two numbers and the name, since nothing tells which of them is the person's.
        late: whether the platform says that it was late.
        rest: the name that the student gave to the file, where the label is before it.
        when: it was handed in, as the platform writes it; "" where it does not.
    """

    label: str
    name: str
    system: str = ""
    number: str = ""
    late: bool = False
    rest: str = ""
    when: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells this sender from the others of a delivery."""
        return (self.system, self.number) if self.number else ("", self.label)

    @property
    def is_blind(self) -> bool:
        """Whether the name is the platform's word for somebody whose name is not told."""
        if self.system in BY_USER_NAME:
            return False
        return not self.name or squeezed(self.name.rpartition("-")[2]) in PARTICIPANT

    @property
    def is_test_student(self) -> bool:
        """Whether this is the student that Canvas invents for teachers."""
        return self.system == CANVAS and squeezed(self.name) in TEST_STUDENT


def of_platform(part: str, is_file: bool) -> Sender | None:
    """Return the sender that a part of a path names in the form of a platform; None if it has no such form."""
    for system, kind, pattern in PATTERNS:
        if kind != ("file" if is_file else "folder"):
            continue
        if match := re.fullmatch(pattern, part, re.DOTALL):
            said = match.groupdict()
            name = (said.get("name") or "").strip()
            name = name.replace("_", ", ", 1) if system == ILIAS else name
            label = part[: match.end("number" if said.get("number") and system != SAKAI else "name")]
            label = label.replace("LATE_", "") if said.get("late") else label
            late, rest, when = bool(said.get("late")), said.get("rest") or "", said.get("when") or ""
            return Sender(label, name, system, said.get("number") or "", late, rest, when)
    return None


def moment(when: str) -> datetime | None:
    """Return the time that a platform writes into a name, without a time zone; None if it is none that we know.

    Example:
        >>> moment("2026-11-26-12-00-00").hour, moment("Nov 26, 2026 1234 PM").minute
        (12, 34)
    """
    for form in ("%Y-%m-%d-%H-%M-%S", "%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p"):
        with contextlib.suppress(ValueError):
            return datetime.strptime(when.strip(), form)
    return None


def read(
    paths: Sequence[PurePosixPath],
    left_of: Callable[[str], str | None],
    known: Callable[[str], bool] = lambda name: False,
) -> list[Sender | None]:
    """Return the sender of each of the files of a delivery; None for a file whose path does not say it.

    Folders around all the students are none of them, and neither are folders of an exercise or of a team.

    Args:
        paths: of the notebooks and zips of the delivery, in its folder or zip.
        left_of: what is left of a name without the notebook that it says; None if it says no notebook.
        known: whether a name is that of an enrolled student.
    """
    found = [_first_of_platform(path) for path in paths]
    inside = [sender for sender, path in zip(found, paths, strict=True) if len(path.parts) > 1]
    if all(inside) and any(found):  # files beside the folders may be anybody's
        return [sender or _of_path(path.parts, left_of) for sender, path in zip(found, paths, strict=True)]
    depth = _around(paths, known)
    return [_of_path(path.parts[depth:], left_of) for path in paths]


def _first_of_platform(path):
    """The sender whom the first part of a path names that has a platform's form; None if none has."""
    parts = ((part, place == len(path.parts)) for place, part in enumerate(path.parts, 1))
    return next((sender for part, is_file in parts if (sender := of_platform(part, is_file))), None)


def _of_path(parts, left_of):
    containers = []
    for part in parts[:-1]:
        if sender := of_platform(part, is_file=False):
            return sender
        left = left_of(part)
        if left is None and not TEAM.fullmatch(part):
            return Sender(part, part)
        containers.append(part if left is None else left)
    if sender := of_platform(parts[-1], is_file=True):
        return sender
    stem = re.sub(r"(?i)(\.(ipynb|zip|json|txt|py))+( ?\(\d+\))?$", "", parts[-1])
    left = left_of(stem)
    for name in (stem if left is None else left, *containers):
        if name.strip():
            return Sender(name.strip(), name.strip())
    return None


def _around(paths, known):
    """How many folders are around all the students."""
    depth = 0
    while paths and len({path.parts[: depth + 1] for path in paths}) == 1 and not known(paths[0].parts[depth]):
        deeper = all(len(path.parts) >= depth + 3 for path in paths)
        if not deeper or not (len(paths) > 1 or known(paths[0].parts[depth + 1])):
            break
        depth += 1
    return depth


def slug(name: str) -> str:
    """Return a name as one that a folder can have: letters and digits of any language, and the signs -_.@+.

    A name that is too long for a file system is cut, and ends in a mark of the whole name, so that two long names stay
    two.
    """
    name = unicodedata.normalize("NFC", name)
    short = re.sub(r"-{2,}", "-", re.sub(r"[^\w.@+-]", "-", name)).strip("-._ ")
    if len(short) > MOST_CHARACTERS or len(short.encode()) > MOST_BYTES:
        cut = short[: MOST_CHARACTERS - 9].encode()[: MOST_BYTES - 9].decode(errors="ignore").strip("-._ ")
        return f"{cut}-{mark(name)}"
    return short


def mark(text: str) -> str:
    """Return eight letters and digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


@functools.lru_cache(FOLDED_NAMES)
def folded(text: str, umlauts: bool = False) -> str:
    """Return a text in small letters without accents, as most platforms would write it.

    Args:
        text: any text.
        umlauts: whether ä becomes ae instead of a, as in German.
    """
    text = unicodedata.normalize("NFC", text).casefold()
    for letter, others in ((UMLAUTS if umlauts else {}) | LETTERS).items():
        text = text.replace(letter, others)
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


@functools.lru_cache(FOLDED_NAMES)
def squeezed(text: str, keep_accents: bool = False, umlauts: bool = False) -> str:
    """Return the letters and digits of a text, small and without anything between them.

    Args:
        text: any text.
        keep_accents: whether an accent makes another letter.
        umlauts: as for `folded`.
    """
    text = unicodedata.normalize("NFC", text).casefold() if keep_accents else folded(text, umlauts)
    return "".join(one for one in text if one.isalnum())


def words(text: str) -> tuple[str, ...]:
    """Return the words of a name, folded and in the order of the alphabet, by which names are compared."""
    text = re.sub(r"['’`´·]", "", folded(text))
    return tuple(sorted(filter(None, re.split(r"[\W_]+", text))))


def teams(name: str) -> Iterable[tuple[str, str]]:
    """Yield the (team, name) that a name of Moodle can be: GROUP-NAME where students hand in in teams."""
    for dash in re.finditer("-", name):
        yield name[: dash.start()].strip(), name[dash.end() :].strip()
