"""nbgrader's exchange: the folder through which a class hands in where all have accounts on one server.

Students write into EXCHANGE/COURSE/inbound, so nothing in it is believed: a submission counts only if the account that
it names owns it, links are not followed, and what is wrong with one is a line for the teacher that stops no other.
nbgrader's own `collect` copies links with the teacher's rights, takes work under another's name and ends at the first
odd name; the classes below take the place of nbgrader's in its commands, in Formgrader, and in ours.
"""

import contextlib
import itertools
import os
import re
import stat
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path, PurePosixPath

from nbgrader.exchange import ExchangeError, default
from nbgrader.utils import parse_utc, temp_attrs

from tema9.classroom import rules, sources
from tema9.classroom.course import Course
from tema9.classroom.gradebook import COURSE_ID
from tema9.classroom.grading import delivery, identities, intake, people
from tema9.classroom.grading.delivery import File, Limits
from tema9.classroom.grading.intake import BESIDE, Found, NothingToGrade, Taken
from tema9.classroom.grading.senders import EXCHANGE, Sender
from tema9.streams import printable

ROOT_MODE, INBOUND_MODE = 0o1777, 0o3733  # with the sticky bit, nobody renames or removes what is another's
SECRET, TIMESTAMP = BESIDE  # by the first, feedback finds its reader
DELIVERY = "exchange"  # as handed_in.csv calls it
MOST_BESIDE = 4096  # bytes of such a file
AHEAD = 300  # seconds by which the clock of a submission may be ahead of ours
LONG_AFTER = 3600  # seconds between the time in a submission's name and its last change, from which a teacher is told


@dataclass(frozen=True)
class Submission:
    """A folder in the inbound folder, by its name.

    Args:
        folder: its name.
        account: who handed in, as the name says; the owner of the folder is this account.
        owner: the number of that account.
        notebook: what was handed in.
        when: the time in the name, in seconds since 1970.
        changed: the last change of the folder, in seconds since 1970.
    """

    folder: str
    account: str
    owner: int
    notebook: str
    when: float
    changed: float


def folder(course: Course) -> Path:
    """Return the folder of a course in the exchange, which holds outbound/, inbound/ and feedback/."""
    return course.exchange / COURSE_ID


def publish(course: Course) -> list[str]:
    """Put the released notebooks where students fetch them, those that are not there as they are today.

    Returns:
        the names of the notebooks that were put there.

    Raises:
        RuntimeError: nbgrader could not; the message says why.
    """
    published, outbound = [], folder(course) / "outbound"
    for source in sources.all_sources():
        released, there = course.release(source.name), outbound / source.name / f"{source.name}.ipynb"
        if not released.is_file() or (there.is_file() and there.read_bytes() == released.read_bytes()):
            continue
        course.nbgrader("release_assignment", source.name)
        published.append(source.name)
    return published


def collect(
    root: str | Path,
    limits: Limits | None = None,
    enrolled: Iterable[people.Person] = (),
    dry_run: bool = False,
    only: Collection[str] = (),
    zone: tzinfo | None = None,
) -> Taken:
    """Take in what was handed in through the exchange: of each student and notebook the newest that is in order.

    Nothing in the exchange is changed. The time of a submission is the one in its name, which nbgrader gave it.

    Args:
        root: the course folder.
        limits: how much is taken in; None for the default limits.
        enrolled: who is or was enrolled, as `people.known` returns it; nobody: then each account is a student.
        dry_run: whether to write nothing.
        only: the names of the notebooks to take in; all of them, if there are none.
        zone: of the times in handed_in.csv; None for that of this machine.

    Raises:
        NothingToGrade: the course is not in the exchange.
        ValueError: who.csv cannot be read.
    """
    course, inbound = Course(root), folder(Course(root)) / "inbound"
    if not inbound.is_dir():
        raise NothingToGrade(f"{inbound} is not there; publish the notebooks first: tema9 release --exchange FOLDER")
    known = identities.load(course, enrolled)
    names = [source.name for source in sources.all_sources()]
    gathered, left_out, notes = gather(inbound, names, limits or Limits(), only)
    taken = intake.take(course, gathered, left_out, known, DELIVERY, dry_run, zone)
    return replace(taken, notes=[*notes, *taken.notes])


def gather(
    inbound: Path, names: list[str], limits: Limits, only: Collection[str] = ()
) -> tuple[dict[Sender, dict[str, list[Found]]], list[str], list[str]]:
    """Read what lies in the inbound folder of a course, and write nothing.

    Returns:
        {sender: {notebook: [what was found of it]}}; a line for each submission that was left out; lines about what
        the teacher may want to look at.

    Args:
        inbound: the folder.
        names: the names of the notebooks of the course.
        limits: how much is read of each student.
        only: the notebooks to read; all of them, if there are none.
    """
    left_out: list[str] = []
    notes: list[str] = []
    gathered: dict[Sender, dict[str, list[Found]]] = defaultdict(dict)
    with _directory(inbound) as top:
        for (account, notebook), submissions in sorted(_by_student(top, names, left_out).items()):
            if only and notebook not in only:
                continue
            sender = Sender(account, "", EXCHANGE, account)
            for one in submissions:
                found = _read(top, one, sender, names, limits, left_out)
                if found is None:
                    continue
                gathered[sender][notebook] = [found]
                if one.changed - one.when > LONG_AFTER:
                    said, changed = (
                        f"{datetime.fromtimestamp(when):%Y-%m-%d %H:%M}" for when in (one.when, one.changed)
                    )
                    notes.append(f"{account}, {notebook}: its name says {said}, and it was changed on {changed}")
                break
    return dict(gathered), left_out, notes


def _by_student(top: int, names: list[str], left_out: list[str]) -> dict[tuple[str, str], list[Submission]]:
    """{(account, notebook): the submissions that their owner has named, the newest first}."""
    found: dict[tuple[str, str], list[Submission]] = defaultdict(list)
    odd: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], str] = {}
    with os.scandir(top) as entries:
        for entry in entries:
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:  # its owner has removed or renamed it since it was listed
                continue
            owner = _account(state.st_uid)
            submission = _submission(entry.name, owner, state, names)
            if isinstance(submission, Submission):
                found[submission.account, submission.notebook].append(submission)
            else:  # of many such folders of one account, one line
                odd[owner, submission] += 1
                example[owner, submission] = min(entry.name, example.get((owner, submission), entry.name))
    for (owner, why), several in sorted(odd.items()):
        more = f" (and {several - 1} more of {owner})" if several > 1 else ""
        left_out.append(f"{printable(example[owner, why])}: {why}{more}")
    return {key: sorted(several, key=lambda one: -one.when) for key, several in found.items()}


def _submission(name: str, owner: str, state: os.stat_result, names: list[str]) -> Submission | str:
    """The submission that a folder of this name is, or why it is none."""
    parts = name.rsplit("+", 3)
    if len(parts) < 3:
        return "no name that nbgrader gives, ACCOUNT+NOTEBOOK+TIME+SECRET"
    account, notebook, said = parts[:3]
    if not stat.S_ISDIR(state.st_mode):
        return "a link" if stat.S_ISLNK(state.st_mode) else "no folder"
    if account != owner:
        return f"its owner is {owner}, and nobody hands in under another's name"
    if notebook not in names:
        return "no notebook of the course"
    try:
        when = parse_utc(said).timestamp()
        datetime.fromtimestamp(when)
    except Exception:  # the parser raises errors of many kinds
        return "its name has no time"
    if when > time.time() + AHEAD:
        return "the time in its name is to come; hand it in again"
    return Submission(name, account, state.st_uid, notebook, when, state.st_ctime)


def _account(number: int) -> str:
    import pwd  # Windows has none, and no exchange

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"the account number {number}"


def _read(top, one, sender, names, limits, left_out) -> Found | None:
    """What was handed in with one submission; None if there is no notebook in it, with lines that say why."""
    try:
        with _directory(one.folder, top) as inside:
            given = list(_files(inside, one, limits, left_out))
            work = intake.work_of(sender, given, names, limits, left_out)
            found = work.get(one.notebook, [])
            others = [name for name in work if name != one.notebook]
            left_out += [f"{printable(one.folder)}: holds {name}, not {one.notebook}" for name in others]
            if not found:
                if not others:
                    left_out.append(f"{printable(one.folder)}: no notebook")
                return None
            beside = _beside(inside, one, left_out)
            return replace(intake.newest(found), when=one.when, arrived=one.when, beside=beside)
    except OSError as error:
        left_out.append(f"{printable(one.folder)}: cannot be read ({error.strerror})")
        return None


def _beside(inside: int, one: Submission, left_out: list[str]) -> dict[str, bytes]:
    """{name: content} of what goes with a notebook, as nbgrader reads it when it gives the pages of a class back.

    The time is the one in the name of the folder, whatever a file says; a secret that is none would stop all the pages.
    """
    when = datetime.fromtimestamp(one.when, UTC)
    beside = {TIMESTAMP: f"{when:%Y-%m-%d %H:%M:%S.%f} UTC".encode()}
    with contextlib.suppress(OSError, ValueError):
        secret = _content(SECRET, inside, one.owner, MOST_BESIDE)
        if re.fullmatch(rb"[ -~]+", secret):
            beside[SECRET] = secret
    if SECRET not in beside:
        left_out.append(
            f"{printable(one.folder)}/{SECRET}: no secret of nbgrader's; its page cannot be given back there"
        )
    return beside


def _files(inside: int, one: Submission, limits: Limits, left_out: list[str]) -> Iterator[File]:
    """The files of a submission's folder; not those in folders within it, where nbgrader keeps feedback."""
    with os.scandir(inside) as entries:
        for entry in itertools.islice(entries, limits.student_files + 1):
            path = PurePosixPath(one.folder, entry.name)
            state = entry.stat(follow_symlinks=False)
            if entry.name in BESIDE or stat.S_ISDIR(state.st_mode):
                continue
            if not stat.S_ISREG(state.st_mode):
                left_out.append(f"{printable(str(path))}: {'a link' if stat.S_ISLNK(state.st_mode) else 'no file'}")
                continue

            def read(most: int, name: str = entry.name) -> bytes:
                return _content(name, inside, one.owner, most)

            yield File(path, state.st_size, one.when, read)


@contextlib.contextmanager
def _directory(name: str | Path, within: int | None = None) -> Iterator[int]:
    """A folder, opened without following a link at its end."""
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        yield opened
    finally:
        os.close(opened)


def _content(name: str, within: int, owner: int, most: int) -> bytes:
    """The content of a regular file that belongs to one account and has no second name; ValueError if it is not so."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=within), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("no file")
        if state.st_uid != owner or state.st_nlink > 1:
            raise ValueError("another account's file, or one with a second name")
        return delivery.capped(file.read(most + 1), most)


def give_back(course: Course, pages: Iterable[Path]) -> int:
    """Give pages of feedback to the students who handed in through the exchange, and return how many there are.

    Args:
        course: the course.
        pages: their paths, COURSE/feedback/STUDENT/NOTEBOOK/NOTEBOOK.html.

    Raises:
        NothingToGrade: the course is not in the exchange.
        RuntimeError: nbgrader could not; the message says why.
    """
    if not folder(course).is_dir():
        raise NothingToGrade(f"{folder(course)} is not there; publish the notebooks: tema9 release --exchange FOLDER")
    given = [page for page in pages if (page.parent / SECRET).is_file()]
    for notebook in sorted({page.stem for page in given}):
        course.nbgrader("release_feedback", notebook)
    return len(given)


class ReleaseAssignment(default.ExchangeReleaseAssignment):
    """nbgrader's release, which leaves the rights that keep students out of each other's submissions."""

    def copy_files(self) -> None:
        """Put the notebook into outbound/, where an earlier one gives way to it; set the rights of both folders."""
        self.force = True
        super().copy_files()
        for place, mode in ((self.root, ROOT_MODE), (self.inbound_path, INBOUND_MODE)):
            with contextlib.suppress(PermissionError):  # it is another account's; `publish` has set it, or root will
                os.chmod(place, mode)


class Collect(default.ExchangeCollect):
    """What `nbgrader collect` and Formgrader do, as `collect` does it."""

    def start(self) -> None:
        """Take in the submissions of one notebook.

        Raises:
            ExchangeError: nothing can be taken in.
        """
        course = Course(self.coursedir.root)
        try:
            with course.lock():
                zone = rules.load(course.root).timezone
                taken = collect(course.root, None, people.known(course), only=[self.coursedir.assignment_id], zone=zone)
        except (ValueError, OSError) as error:
            raise ExchangeError(str(error)) from None
        for line in taken.left_out:
            self.log.warning("left out: %s", line)
        for row in taken.unresolved:
            self.log.warning("unresolved: %s: %s", row.handed_in_as, row.why)
        for line in taken.notes:
            self.log.warning("%s", line)
        self.log.info("took in %d submissions", len(taken.submissions))


class ReleaseFeedback(default.ExchangeReleaseFeedback):
    """nbgrader's release of feedback, without the students who handed in another way and so have no secret."""

    def copy_files(self) -> None:
        """Copy each page under the hash of its submission's secret."""
        course, notebook = Course(self.coursedir.root), self.coursedir.assignment_id
        pages = (course.root / "feedback").glob(f"*/{notebook}/{notebook}.html")
        without = [page.parent.parent.name for page in pages if not (page.parent / SECRET).is_file()]
        excluded = [*filter(None, self.coursedir.student_id_exclude.split(",")), *without]
        with temp_attrs(self.coursedir, student_id_exclude=",".join(excluded)):
            super().copy_files()
