"""The rules of a course, which the teacher writes into course.toml: deadlines, weights, the scale, the final mark.

A file that says something wrong is refused in one line, before anything is done with it.
"""

import difflib
import itertools
import json
import math
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tema9.classroom import sources
from tema9.files import atomic_write

RULES = "course.toml"  # of a course folder
RECORDED = f"receipts/{RULES}"  # a copy of it: the rules that the recorded scores follow
WHO = b"\n# Students by the names that they had when this was recorded: "  # the last line of that copy begins so
ROUNDINGS = {"half up": ROUND_HALF_UP, "half even": ROUND_HALF_EVEN, "up": ROUND_CEILING, "down": ROUND_FLOOR}
NOBODY, FULL = "nobody", "full"  # for whom an exercise counts, if not for those who earned its points
SECONDS = {"day": 86_400.0, "hour": 3_600.0, "submission": math.inf}  # of the time for which a late one loses once
UNKNOWN = 1.0  # seconds that a submission is late of which a platform says only that it is late
MOST_DAYS = 3_650.0
AGAIN = "remove it, and run `tema9 grade`, which shows what changes and records the rules anew"


@dataclass(frozen=True)
class Penalty:
    """What a late submission loses.

    Args:
        percent: that it loses for each day, or hour, that has begun since the deadline.
        per: "day", "hour", or "submission" for a loss that does not grow.
        of: whether these are percent of the "maximum", the points of the notebook, or of the "score".
        at_most: percent, which the loss does not exceed.
        grace_minutes: after the deadline, in which nobody is late.
    """

    percent: float = 0.0
    per: str = "day"
    of: str = "maximum"
    at_most: float = 100.0
    grace_minutes: float = 0.0


@dataclass(frozen=True)
class Notebook:
    """The rules of one notebook.

    Args:
        weight: in the final mark, compared with the other notebooks'.
        deadline: with its time zone; None if it has none.
        penalty: for who is late.
        extensions: {student: days that this student has more}, here only.
    """

    weight: float = 1.0
    deadline: datetime | None = None
    penalty: Penalty = Penalty()
    extensions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """How a mark is written.

    Args:
        maximum: the best mark.
        decimals: digits behind the point.
        rounding: a key of `ROUNDINGS`.
        letters: (letter or word, percent from which it is given), the best first; () for numbers.
    """

    maximum: float = 10.0
    decimals: int = 2
    rounding: str = "half up"
    letters: tuple[tuple[str, float], ...] = ()

    def mark(self, fraction: float) -> str:
        """Return the mark that stands for a part of all points, as it is written.

        Args:
            fraction: of the points, from 0 to 1; more with extra credit.

        Example:
            >>> Scale().mark(0.7225), Scale(maximum=100, decimals=0).mark(0.7225)
            ('7.23', '72')
        """
        if self.letters:
            percent = round(100 * fraction, 9)
            return next((letter for letter, least in self.letters if percent >= least), self.letters[-1][0])
        exact = Decimal(str(round(fraction * self.maximum, 9)))  # 7.225 and not what a binary number makes of it
        return str(exact.quantize(Decimal(1).scaleb(-self.decimals), rounding=ROUNDINGS[self.rounding]))


@dataclass(frozen=True)
class Final:
    """How the final mark is made of the notebooks' marks: their weighted mean, within these limits.

    Args:
        drop_lowest: how many of a student's lowest notebooks do not count.
        must_pass: the names of the notebooks that must be passed.
        pass_mark: what passes a notebook, on the scale (without letters).
        highest_if_not_passed: the best final mark of who has not passed one of them.
    """

    drop_lowest: int = 0
    must_pass: tuple[str, ...] = ()
    pass_mark: float = 5.0
    highest_if_not_passed: float = 4.0


@dataclass(frozen=True)
class Rules:
    """The rules of a course.

    Args:
        timezone: of the times that say none: those in zips, and deadlines; None if the file names no zone.
        scale, final: how marks are written, and how the final mark is made.
        notebooks: {name: its rules}; `of` gives those of a notebook that is not there.
        late: the penalty where a notebook has none of its own.
        extensions: {student: days that this student has more in every notebook}.
        exercises: {name: "nobody" or "full"}, the exercises that count otherwise than their points say.
        teams: {name: its members}; one submission of a team counts for all of them.
        markers: {name: the exercises in prose that this person marks, or a share of the class}.
    """

    timezone: tzinfo | None = None
    scale: Scale = Scale()
    final: Final = Final()
    notebooks: Mapping[str, Notebook] = field(default_factory=dict)
    late: Penalty = Penalty()
    extensions: Mapping[str, float] = field(default_factory=dict)
    exercises: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    markers: Mapping[str, tuple[str, ...] | float] = field(default_factory=dict)

    def of(self, notebook: str) -> Notebook:
        """Return the rules of a notebook."""
        return self.notebooks.get(notebook) or Notebook(penalty=self.late)

    def days_more(self, notebook: str, student: str) -> float:
        """Return the days that a student has more than others: those of the notebook, or else those of the course."""
        return self.of(notebook).extensions.get(student, self.extensions.get(student, 0.0))

    def deadline(self, notebook: str, student: str) -> datetime | None:
        """Return until when a student can hand in a notebook; None if there is no deadline.

        Days more are days of the calendar: where the clocks change between, the hour of the clock stays.
        """
        deadline, days = self.of(notebook).deadline, self.days_more(notebook, student)
        return _latest(deadline + timedelta(days=days)) if deadline and days else deadline

    def more_time(self, notebook: str, student: str) -> timedelta:
        """Return how much later a student's deadline is than the others', which is how nbgrader counts days more."""
        deadline, own = self.of(notebook).deadline, self.deadline(notebook, student)
        if deadline is None or own is None:
            return timedelta(days=self.days_more(notebook, student))
        return timedelta(seconds=own.timestamp() - deadline.timestamp())

    def seconds_late(self, notebook: str, student: str, when: datetime | None, said_late: bool = False) -> float:
        """Return how many seconds after the deadline a submission came; 0 if it is in time.

        Args:
            notebook, student: whose submission of which notebook.
            when: it was handed in, with a time zone; None if nothing says when.
            said_late: whether the platform says that it is late. That counts where there is no time or no deadline to
                compare, and then as `UNKNOWN` seconds, unless the student has days more.
        """
        deadline = self.deadline(notebook, student)
        if when is None or deadline is None:
            return UNKNOWN if said_late and not self.days_more(notebook, student) else 0.0
        late = when.timestamp() - deadline.timestamp()
        return late if late > 60 * self.of(notebook).penalty.grace_minutes else 0.0

    def points_lost(self, notebook: str, score: float, maximum: float, seconds: float) -> float:
        """Return the points that a late submission loses, at most those that it has.

        Args:
            notebook: its name.
            score, maximum: the points that it has, and that it could have.
            seconds: after the deadline; 0 if it is in time.
        """
        penalty = self.of(notebook).penalty
        if seconds <= 0 or score <= 0:
            return 0.0
        percent = penalty.percent * max(1, math.ceil(seconds / SECONDS[penalty.per]))
        whole = maximum if penalty.of == "maximum" else score
        return min(score, whole * min(percent, penalty.at_most) / 100)


def _latest(time: datetime) -> datetime:
    """Return the later of the two moments that a time of the clock can be, so that it takes nothing from anybody.

    There are two when the clocks change: of an hour that comes twice, and of one that is left out.
    """
    return max((time.replace(fold=fold) for fold in (0, 1)), key=datetime.timestamp)


def differences(old: Rules, new: Rules) -> list[str]:
    """Return the names of the tables of a file in which two rules differ; "weights" for those of the notebooks."""
    found = [one.name for one in fields(Rules) if getattr(old, one.name) != getattr(new, one.name)]
    weights = any(old.of(name).weight != new.of(name).weight for name in {*old.notebooks, *new.notebooks})
    return [name for name in found if name != "notebooks"] + ["weights"] * weights


class RulesError(ValueError):
    """A file of rules says something wrong; the message says where, what, and what is expected."""


def load(root: str | Path, students: Mapping[str, str] | None = None) -> Rules:
    """Return the rules that are in the course.toml of a course folder; the default ones, where there is no such file.

    Args:
        root: the course folder.
        students: {id or e-mail: id} of who is or was enrolled or has handed in; if there is nobody, students are not
            looked up.

    Raises:
        RulesError: the file cannot be read, or says something wrong.
    """
    path = Path(root) / RULES
    return parse(path.read_bytes(), path, students) if path.exists() else Rules()


def recorded(root: str | Path) -> Rules:
    """Return the rules that the recorded scores of a course follow, whatever course.toml says by now.

    Args:
        root: the course folder.

    Raises:
        RulesError: the copy of the rules in receipts/ cannot be read.
    """
    path = Path(root) / RECORDED
    if not path.exists():
        return Rules()
    content, students = _taken_apart(path.read_bytes())
    try:
        return parse(content, path, json.loads(students), strict=False)
    except ValueError as error:
        raise error if isinstance(error, RulesError) else RulesError(f"{path} is damaged; {AGAIN}") from None


def record(root: str | Path, content: bytes, students: Mapping[str, str]) -> None:
    """Write down the rules that the recorded scores of a course follow, with whom the names of students in it mean.

    Args:
        root: the course folder.
        content: of the file that says the rules.
        students: as for `load`.
    """
    with atomic_write(Path(root) / RECORDED) as temporary:
        temporary.write_bytes(content + WHO + json.dumps(dict(sorted(students.items()))).encode())


def _taken_apart(recorded: bytes) -> tuple[bytes, bytes]:
    """(what the file of the rules said, the names of students as JSON) of what `record` has written."""
    content, line, students = recorded.rpartition(WHO)
    return (content, students) if line else (recorded, b"{}")


def are_recorded(root: str | Path) -> bool:
    """Return whether the recorded scores of a course follow its course.toml as it is now.

    Args:
        root: the course folder.
    """
    said, followed = Path(root) / RULES, Path(root) / RECORDED
    return not said.exists() or not followed.exists() or said.read_bytes() == _taken_apart(followed.read_bytes())[0]


def parse(
    content: bytes, path: str | Path = RULES, students: Mapping[str, str] | None = None, strict: bool = True
) -> Rules:
    """Return the rules that a file has.

    Args:
        content: of the file.
        path: its name, for messages.
        students: as for `load`.
        strict: whether names of notebooks, exercises and students that the course does not have are errors.

    Raises:
        RulesError: the file says something wrong.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        table = tomllib.loads(text)
    except UnicodeDecodeError:
        raise RulesError(f"{path} is not in UTF-8; save it in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split()).replace("Cannot overwrite a value", "a key that is there twice")
        raise RulesError(f"{path} is no TOML: {said}; correct that line (a text stands in quotes)") from None
    return _Reader(str(path), students, strict).rules(table)


class _Reader:
    """Reads the table of a file, and refuses what is wrong in it."""

    def __init__(self, path: str, students: Mapping[str, str] | None, strict: bool) -> None:
        self.sources = sources.all_sources()
        self.path, self.strict = path, strict
        self.notebooks = [source.name for source in self.sources]
        self.prose = [one.name for source in self.sources for one in source.exercises.values() if one.by_hand]
        self.exercises = [name for source in self.sources for name in source.exercises]
        self.students = {_plain(name): student for name, student in (students or {}).items()}
        self.timezone: tzinfo | None = None

    def wrong(self, where: str, said: str, expected: str) -> RulesError:
        """Return the error of a line of the file."""
        return RulesError(f"{self.path}, {where}: {said}; expected {expected}")

    def rules(self, table: dict[str, Any]) -> Rules:
        """Return the rules of a whole file."""
        self.known(table, "", [one.name for one in fields(Rules)])
        self.timezone = self.zone(table.get("timezone"))
        scale = self.scale(self.table(table, "scale"))
        late = self.penalty(self.table(table, "late"), "late", Penalty())
        notebooks = self.table(table, "notebooks")
        self.names(notebooks, "notebooks", self.notebooks, "notebook")
        rules = Rules(
            timezone=self.timezone,
            scale=scale,
            final=self.final(self.table(table, "final"), scale),
            notebooks={name: self.notebook(notebooks, name, late) for name in notebooks},
            late=late,
            extensions=self.extensions(self.table(table, "extensions"), "extensions"),
            exercises=self.effects(self.table(table, "exercises")),
            teams=self.teams(self.table(table, "teams")),
            markers=self.markers(self.table(table, "markers")),
        )
        for source in self.sources if rules.exercises else ():
            if source.exercises and all(rules.exercises.get(name) == NOBODY for name in source.exercises):
                said = f"none of {source.name} counts for anybody"
                raise self.wrong("[exercises]", said, f"[notebooks.{source.name}] weight = 0 instead")
        weights = [rules.of(name).weight for name in self.notebooks]
        if self.strict and weights and not any(weights):
            raise self.wrong("[notebooks]", "every weight is 0", "a notebook that counts")
        return rules

    def known(self, table: dict[str, Any], where: str, keys: Collection[str]) -> None:
        """Refuse a key that means nothing."""
        for key in table:
            if key not in keys:
                raise self.wrong(f"[{where}]" if where else "top level", *_unknown("key", key, keys))

    def names(self, names: Iterable[str], where: str, known: Collection[str], what: str) -> None:
        """Refuse a name that the course does not have."""
        for name in names:
            if self.strict and name not in known:
                raise self.wrong(f"[{where}]", *_unknown(what, name, known))

    def called(self, where: str, table: dict[str, Any]) -> dict[str, Any]:
        """Return a table whose keys the teacher invents; each is to be seen where it is shown."""
        for name in table:
            if not name.strip() or not name.isprintable():
                raise self.wrong(f"[{where}]", f"{name!r} is no name", "letters that can be seen")
        return table

    def table(self, table: dict[str, Any], key: str, where: str = "") -> dict[str, Any]:
        """Return the table under a key; an empty one, if the key is not there."""
        found = table.get(key, {})
        if not isinstance(found, dict):
            name = f"{where}.{key}" if where else key
            raise self.wrong(name, f"{_shown(found)} is no table", f"a line [{name}], and what belongs to it below")
        return found

    def number(self, where: str, value: Any, least: float, most: float, whole: bool = False) -> float:
        """Return a number that is within its limits."""
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            raise self.wrong(where, f"{_shown(value)} is no such number", f"{kind} from {least:g} to {most:g}")
        return value if whole else float(value)

    def chosen(self, where: str, value: Any, known: Collection[str]) -> str:
        """Return a word that is one of those known."""
        if not isinstance(value, str) or value not in known:
            raise self.wrong(where, f"{_shown(value)} is none of them", " or ".join(f'"{one}"' for one in known))
        return value

    def texts(self, where: str, value: Any) -> tuple[str, ...]:
        """Return a list of texts."""
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(where, f"{_shown(value)} is no list of names", 'a list such as ["one", "other"]')
        return tuple(dict.fromkeys(value))

    def zone(self, value: Any) -> tzinfo | None:
        """Return a time zone by its name."""
        if value is None:
            return None
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise self.wrong("timezone", f"{_shown(value)} is no time zone", 'one such as "Europe/Madrid"') from None

    def notebook(self, table: dict[str, Any], name: str, late: Penalty) -> Notebook:
        """Return the rules of one notebook."""
        own, where = self.table(table, name, "notebooks"), f"notebooks.{name}"
        self.known(own, where, ("weight", "deadline", "late", "extensions"))
        return Notebook(
            self.number(f"[{where}] weight", own.get("weight", 1.0), 0, 1e6),
            self.deadline(f"[{where}] deadline", own.get("deadline")),
            self.penalty(self.table(own, "late", where), f"{where}.late", late),
            self.extensions(self.table(own, "extensions", where), f"{where}.extensions"),
        )

    def deadline(self, where: str, value: Any) -> datetime | None:
        """Return a deadline, with a time zone."""
        example = "2026-12-01T23:59:00+01:00"
        if value is None:
            return None
        if not isinstance(value, datetime):
            lacks = "has no time of day" if isinstance(value, date) else "is no date with a time"
            lacks = "has no date" if isinstance(value, time) else lacks
            raise self.wrong(where, f"{_shown(value)} {lacks}", f"one such as {example}, without quotes")
        if not 2000 <= value.year <= 2200:
            raise self.wrong(where, f"the year {value.year}", f"one such as {example}")
        if value.tzinfo is None and self.timezone is None:
            told = f'one such as {example}, or a line timezone = "Europe/Madrid" at the top of the file'
            raise self.wrong(where, f"{value.isoformat()} has no time zone", told)
        if value.tzinfo is None:
            return _latest(value.replace(tzinfo=self.timezone))
        return value.astimezone(self.timezone) if self.timezone else value

    def penalty(self, table: dict[str, Any], where: str, default: Penalty) -> Penalty:
        """Return a penalty; what the table does not say is as in `default`."""
        self.known(table, where, [one.name for one in fields(Penalty)])
        said = {one.name: table.get(one.name, getattr(default, one.name)) for one in fields(Penalty)}
        return Penalty(
            self.number(f"[{where}] percent", said["percent"], 0, 100),
            self.chosen(f"[{where}] per", said["per"], SECONDS),
            self.chosen(f"[{where}] of", said["of"], ("maximum", "score")),
            self.number(f"[{where}] at_most", said["at_most"], 0, 100),
            self.number(f"[{where}] grace_minutes", said["grace_minutes"], 0, 60 * 24),
        )

    def extensions(self, table: dict[str, Any], where: str) -> dict[str, float]:
        """Return {student: days}, in which nobody is there twice."""
        days: dict[str, float] = {}
        for name, value in table.items():
            student = self.student(name, where, value)
            if student in days:
                raise self.wrong(f"[{where}]", f"{student} is there twice", "one line a student")
            days[student] = self.number(f"[{where}] {name}", value, 0, MOST_DAYS)
        return days

    def student(self, name: str, where: str, value: Any = None) -> str:
        """Return a student's id, as the course writes it."""
        if isinstance(value, dict):
            inside = f"{name}.{next(iter(value), '...')}"
            raise self.wrong(f"[{where}]", f"{inside} is a table", f'a name with a point in quotes: "{inside}" = 3')
        if not self.students or (not self.strict and _plain(name) not in self.students):
            return name
        if _plain(name) not in self.students:
            said, expected = _unknown("student", name, sorted(set(self.students.values())))
            raise self.wrong(f"[{where}]", said, f"{expected} (course/roster.csv has them, in the column id)")
        return self.students[_plain(name)]

    def effects(self, table: dict[str, Any]) -> dict[str, str]:
        """Return {exercise: "nobody" or "full"}."""
        self.names(table, "exercises", self.exercises, "exercise")
        return {name: self.chosen(f"[exercises] {name}", value, (NOBODY, FULL)) for name, value in table.items()}

    def teams(self, table: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return {team: its members}, of whom nobody is in two teams."""
        teams: dict[str, tuple[str, ...]] = {}
        of: dict[str, str] = {}
        for team, value in self.called("teams", table).items():
            members = [self.student(name, "teams") for name in self.texts(f"[teams] {team}", value)]
            for student in members:
                if of.setdefault(student, team) != team:
                    raise self.wrong("[teams]", f"{student} is in {of[student]} and in {team}", "one team a student")
            teams[team] = tuple(dict.fromkeys(members))
        return teams

    def markers(self, table: dict[str, Any]) -> dict[str, tuple[str, ...] | float]:
        """Return {person: exercises in prose, or a share}."""
        found: dict[str, tuple[str, ...] | float] = {}
        of: dict[str, str] = {}
        for person, value in self.called("markers", table).items():
            if not isinstance(value, list):
                if isinstance(value, (dict, str)):
                    told = 'a list of exercises such as ["n1-c5"], or a number for a share of the class'
                    raise self.wrong(f"[markers] {person}", f"{_shown(value)} is none of them", told)
                found[person] = self.number(f"[markers] {person}", value, 0, 1e6)
                continue
            found[person] = own = self.texts(f"[markers] {person}", value)
            self.names(own, "markers", self.prose, "exercise in prose")
            for name in own:
                if of.setdefault(name, person) != person:
                    raise self.wrong("[markers]", f"{name} is {of[name]}'s and {person}'s", "one person an exercise")
        return found

    def scale(self, table: dict[str, Any]) -> Scale:
        """Return the scale."""
        self.known(table, "scale", [one.name for one in fields(Scale)])
        letters = []
        for letter, least in self.called("scale.letters", self.table(table, "letters", "scale")).items():
            letters.append((letter, self.number(f"[scale.letters] {letter}", least, 0, 100)))
        letters.sort(key=lambda one: -one[1])
        if letters and letters[-1][1] > 0:
            raise self.wrong("[scale.letters]", f"the lowest begins at {letters[-1][1]:g} percent", "one from 0 on")
        if twice := [one for one, other in itertools.pairwise(letters) if one[1] == other[1]]:
            raise self.wrong("[scale.letters]", f"two begin at {twice[0][1]:g} percent", "different numbers")
        default = Scale()
        return Scale(
            self.number("[scale] maximum", table.get("maximum", default.maximum), 1, 1000),
            int(self.number("[scale] decimals", table.get("decimals", default.decimals), 0, 6, whole=True)),
            self.chosen("[scale] rounding", table.get("rounding", default.rounding), ROUNDINGS),
            tuple(letters),
        )

    def final(self, table: dict[str, Any], scale: Scale) -> Final:
        """Return how the final mark is made."""
        self.known(table, "final", [one.name for one in fields(Final)])
        must_pass = self.texts("[final] must_pass", table.get("must_pass", []))
        self.names(must_pass, "final", self.notebooks, "notebook")
        most = max(0, len(self.notebooks) - 1) if self.strict else 100
        highest = table.get("highest_if_not_passed", 0.4 * scale.maximum)
        return Final(
            int(self.number("[final] drop_lowest", table.get("drop_lowest", 0), 0, most, whole=True)),
            must_pass,
            self.number("[final] pass_mark", table.get("pass_mark", 0.5 * scale.maximum), 0, scale.maximum),
            self.number("[final] highest_if_not_passed", highest, 0, scale.maximum),
        )


def _unknown(what: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    """(what is said of a name that nothing has, what is expected instead)."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.6)
    if near:
        return f"unknown {what} {name!r}", f"{near[0]}, perhaps"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"unknown {what} {name!r}", f"one of {shown}" if names else "none"


def _plain(name: str) -> str:
    """A student's name as names are compared: a Mac writes an accent as a sign of its own."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _shown(value: Any) -> str:
    text = value.isoformat() if isinstance(value, (date, time)) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


TEMPLATE = """\
# The rules of this course. tema9 made this file once and never changes it; every line that begins with # is a remark.
# What you change here changes scores when you run `tema9 grade` again, which shows the changes first, runs no
# student's code, and then records them. The report, the feedback, the exports and Formgrader follow.

# The zone of the times that say none: those of files in zips, and deadlines written without one.
# timezone = "Europe/Madrid"

[scale]
maximum = 10          # the best mark
decimals = 2
rounding = "half up"  # or "half even", "up", "down"; once, at the end
# letters = {{ A = 90, B = 80, C = 70, D = 60, F = 0 }}  # or words, instead of numbers; each from this percent on

[final]               # the weighted mean of the notebooks that anybody has handed in; who hands in nothing has 0
drop_lowest = 0       # how many of each student's lowest notebooks do not count
must_pass = []        # notebooks that must be passed, by their names below
pass_mark = 5         # what passes a notebook
highest_if_not_passed = 4  # the best final mark of who has not passed one of them

[late]                # for every notebook; [notebooks.NAME.late] is for one
percent = 0           # that a late submission loses for each day that has begun since the deadline
per = "day"           # or "hour", or "submission" for a loss that does not grow
of = "maximum"        # percent of the notebook's points; or "score", of those that the submission has
at_most = 100         # percent
grace_minutes = 0     # after the deadline, in which nobody is late

[extensions]          # days more, in every notebook, of a student by id; [notebooks.NAME.extensions] is for one
# agarcia = 3
# "ana.garcia" = 1.5

[exercises]           # that count otherwise than their points say
# n1-conv-output-size = "nobody"  # the notebook is worth its other points
# n1-conv-output-size = "full"    # full points for everybody who handed the notebook in

[teams]               # one submission, a mark for every member; teams of Moodle and of the list of students are known
# "Team 1" = ["agarcia", "lperez"]

[markers]             # who marks the answers in prose: exercises by name, and the rest by shares of the class
# marta = ["n5-m1-why-conv3", "n6-m2-fair-comparison"]
# jon = 1
# ane = 2             # twice as many students as jon

{notebooks}"""

NOTEBOOK = """\
[notebooks.{name}]    # {title}
weight = 1
# deadline = 2026-12-01T23:59:00+01:00
"""


def template() -> bytes:
    """Return what course.toml is made with: the default rules of this course, with remarks."""
    parts = [NOTEBOOK.format(name=source.name, title=source.title) for source in sources.all_sources()]
    return TEMPLATE.format(notebooks="\n".join(parts)).encode()


def write_template(root: str | Path) -> bool:
    """Write course.toml with its remarks, where there is none yet; return whether it was written.

    Args:
        root: the course folder.
    """
    path = Path(root) / RULES
    if path.exists():
        return False
    with atomic_write(path) as temporary:
        temporary.write_bytes(template())
    return True
