"""Which enrolled student somebody is who handed something in; the one place that decides it.

In this order: the numbers that the platform gives (Canvas's user id, Moodle's participant number, an e-mail, a user
name), what the teacher said in who.csv, under which number the work of a student came in before, and names in the forms
in which platforms write them. What could be two students' is nobody's, and waits in who.csv for the teacher. The order
of files decides nothing.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from rapidfuzz import fuzz, process

from tema9.classroom.course import Course
from tema9.classroom.grading import marks
from tema9.classroom.grading import people as lists
from tema9.classroom.grading.people import Person
from tema9.classroom.grading.senders import (
    BLACKBOARD,
    BY_ASSIGNMENT,
    BY_USER_NAME,
    CANVAS,
    MOODLE,
    Sender,
    mark,
    slug,
    squeezed,
    teams,
    words,
)
from tema9.files import atomic_write
from tema9.streams import printable

WHO = "who.csv"
HANDED_IN = "handed_in.csv"
NOBODY = "-"  # in who.csv, for work that is not to be graded
NEW = "+"  # in who.csv, before the id of a student whom no list has
ALIKE, SUGGESTIONS = 60, 3  # from which of rapidfuzz's 100 a name is suggested, and how many are


@dataclass(frozen=True)
class Who:
    """A row of who.csv: somebody who handed in, and which student it is.

    Args:
        handed_in_as: the label of the `Sender`.
        system, number: the platform, and what it knows the person by; "" where it gave none.
        student: the id of the student, filled in by the teacher; "-" for nobody.
        could_be: the students whom it could be.
        why: why nobody but the teacher can tell.
    """

    handed_in_as: str
    system: str
    number: str
    student: str = ""
    could_be: str = ""
    why: str = ""


@dataclass(frozen=True)
class HandedIn:
    """A row of handed_in.csv: what `collect` took in, and under which name it came.

    Args:
        student, notebook: whose submission of which notebook.
        name, system, number: of the `Sender`.
        team: the group in whose name it was handed in, where the platform says it.
        late: "late" where the platform says it.
        when: it was handed in, in ISO format, as the delivery says it; "" where nothing says it.
        delivery: the folder or zip that it came in.
        file: its path there.
    """

    student: str
    notebook: str
    name: str
    system: str
    number: str
    team: str = ""
    late: str = ""
    when: str = ""
    delivery: str = ""
    file: str = ""


@dataclass(frozen=True)
class Identity:
    """Which student a sender is.

    Args:
        student: the id; "" if it is not known, "-" if the teacher said that it is nobody.
        is_certain: whether a number or the teacher says it, and not a name alone.
        could_be: ids of the students whom it could be, where it is not known.
        why: why it is not known.
        team: the group in whose name it was handed in.
    """

    student: str
    is_certain: bool = False
    could_be: tuple[str, ...] = ()
    why: str = ""
    team: str = ""


class Identities:
    """All that is known of who hands in in a course.

    Args:
        people: who is or was enrolled; nobody, where no list was ever given: then each sender is a student of its own.
        who: the rows of who.csv.
        handed_in: the rows of handed_in.csv.
    """

    def __init__(self, people: Iterable[Person], who: Iterable[Who] = (), handed_in: Iterable[HandedIn] = ()) -> None:
        self.people = {person["id"]: person for person in people}
        self.who = list(who)
        self.handed_in = list(handed_in)
        self._said = {_key(row.system, row.number, row.handed_in_as): row.student for row in self.who if row.student}
        self._before: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in self.handed_in:
            if row.number and (row.student in self.people or not self.people):
                self._before[row.system, row.number].add(row.student)
        self._by_word: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_name: dict[tuple[int, str], set[str]] = defaultdict(set)
        for one, person in self.people.items():
            email = person.get("email", "").casefold()
            for kind, value in (
                ("user", one.casefold()),
                ("user", email.partition("@")[0]),
                ("email", email),
                ("number", person.get("lms_user_id", "")),
                ("number", person.get("id_number", "")),
                (CANVAS, person.get("lms_user_id", "") or one),
                *((MOODLE, number) for number in person.get("participants", "").split()),
            ):
                if value:
                    self._by_word[kind, value].add(one)
            first, last = person.get("first_name", ""), person.get("last_name", "")
            for name in {f"{first} {last}", f"{last} {first}"} - {" "}:
                for form in _forms(name):
                    self._by_name[form].add(one)

    def knows(self, name: str) -> bool:
        """Return whether a name is that of exactly one enrolled student."""
        return bool(self.people) and bool(self.of(Sender(name, name)).student)

    def of(self, sender: Sender) -> Identity:
        """Return which enrolled student a sender is."""
        numbers = self._by_numbers(sender)
        names, team = self._by_names(sender)
        said = self._said.get(_key(sender.system, sender.number, sender.label), "")
        if said:
            said = self._meant(said)
            if not said:
                return Identity("", could_be=self._alike(sender), why="who.csv names nobody who is enrolled")
            if len(numbers) == 1 and said != NOBODY and {said} != numbers:
                return Identity("", could_be=tuple({said} | numbers), why="who.csv and the list say another student")
            return Identity(said, True, team=team)
        before = self._before.get(sender.key, set()) if sender.number else set()
        for found in (numbers, before):
            if len(found) == 1 and len(names) == 1 and names != found and found is numbers:
                both = tuple(sorted(names | found))
                return Identity("", could_be=both, why="its number is of one student and its name of another")
            if len(found) == 1:
                return Identity(next(iter(found)), True, team=team)
            if len(found) > 1:
                return Identity("", could_be=tuple(sorted(found)), why="several students have this number or user name")
        if len(names) == 1:
            return Identity(next(iter(names)), team=team)
        if names:
            return Identity("", could_be=tuple(sorted(names)), why="several students have this name")
        blind, unknown = "marking is blind, and no list has this number", "not in the list of enrolled students"
        return Identity("", could_be=self._alike(sender), why=blind if sender.is_blind else unknown)

    def _by_numbers(self, sender):
        if not sender.system:
            text = sender.name.casefold()
            for kind in ("user", "email", "number"):
                if found := self._by_word.get((kind, text)):
                    return found
            return set()
        if sender.system == BLACKBOARD:
            parts = sender.number.casefold().split("_")
            names = ["_".join(parts[place:]) for place in range(1, len(parts))]
            return set().union(*(self._by_word.get(("user", name), set()) for name in names))
        if sender.system in BY_USER_NAME:
            found = self._by_word.get(("user", sender.number.casefold()), set())
            found = found or self._by_word.get(("number", sender.number), set())
            if sender.name:  # a plain folder may look as if a user name was in it: the rest must be the student's too
                found = {one for one in found if set(words(sender.name)) & set(words(lists.name_of(self.people[one])))}
            return found
        return self._by_word.get((sender.system, sender.number), set()) if sender.number else set()

    def _by_names(self, sender):
        """(the students whom a sender's name can be, the team that stands before the name)."""
        if sender.is_blind:
            return set(), sender.name.rpartition("-")[0].strip() if sender.system == MOODLE else ""
        if found := self._named(sender.name):
            return found, ""
        for team, name in teams(sender.name) if sender.system == MOODLE else ():
            if found := self._named(name):
                return found, team
        if not sender.system and " - " in sender.name:  # Google Classroom puts the name before the title
            return self._named(sender.name.partition(" - ")[0]), ""
        return set(), ""

    def _named(self, name):
        return next((found for form in _forms(name) if (found := self._by_name.get(form))), set())

    def _meant(self, said):
        """The student whom the teacher means in who.csv: an id, an e-mail or a name; "" if it is none."""
        if said == NOBODY or not self.people:
            return said if said == NOBODY else slug(said.removeprefix(NEW))
        if said.startswith(NEW):
            return slug(said[1:])
        if said in self.people:
            return said
        plain = Sender(said, said)
        found = self._by_numbers(plain) or self._named(said)
        return next(iter(found)) if len(found) == 1 else ""

    def _alike(self, sender):
        """The ids of the students whose names are most alike to a sender's."""
        if sender.is_blind:
            return ()
        in_words = {one: " ".join(words(lists.name_of(person))) for one, person in self.people.items()}
        in_one = {
            one: squeezed(person.get("last_name", "") + person.get("first_name", "")) or squeezed(one)
            for one, person in self.people.items()
        }  # as Canvas writes names
        name = sender.name or sender.number.rpartition("_")[2]
        best = process.extract(" ".join(words(name)), in_words, scorer=fuzz.token_set_ratio, score_cutoff=ALIKE)
        best += process.extract(squeezed(name), in_one, scorer=fuzz.ratio, score_cutoff=ALIKE)
        ranked = sorted(best, key=lambda row: (-row[1], row[2]))
        return tuple(dict.fromkeys(one for _, _, one in ranked))[:SUGGESTIONS]

    def own(self, wanted: dict[tuple[str, str], tuple[Sender, set[str]]]) -> dict[tuple[str, str], str]:
        """Return the ids of senders where no list was ever given: each is a student of its own.

        A sender who came before keeps its id. Two who would have one id get their numbers, or marks of their labels,
        at its end.

        Args:
            wanted: {key of a sender: (the sender, the notebooks that it hands in)}.
        """
        ids: dict[tuple[str, str], str] = {}
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, (sender, notebooks) in wanted.items():
            before = {row.student for row in self.handed_in if sender.number and (row.system, row.number) == key}
            said = self.of(sender)
            if said.student:
                ids[key] = said.student
            elif len(before) == 1:
                ids[key] = next(iter(before))
            else:
                name = _plain_name(sender)
                if self._is_taken(name, sender, notebooks):
                    ids[key] = _apart(name, sender)
                else:
                    groups[name.casefold()].append(key)
        for keys in groups.values():
            work = [notebook for key in keys for notebook in wanted[key][1]]
            one_person = (
                len({wanted[key][0].name for key in keys}) == 1
                and len(set(work)) == len(work)
                and all(key[0] in BY_ASSIGNMENT for key in keys)
            )  # whose number is another in each assignment
            for key in keys:
                name = _plain_name(wanted[key][0])
                ids[key] = name if len(keys) == 1 or one_person else _apart(name, wanted[key][0])
        return ids

    def _is_taken(self, name, sender, notebooks):
        """Whether an id is somebody else's: of another name, or of another number where one person has one number."""
        return any(
            row.student.casefold() == name.casefold()
            and (
                row.student != name
                or (slug(row.name) != slug(sender.name) and row.name != sender.name)
                or (
                    row.system == sender.system
                    and row.number != sender.number
                    and (row.system not in BY_ASSIGNMENT or row.notebook in notebooks)
                )
            )
            for row in self.handed_in
        )


def _plain_name(sender):
    if sender.is_blind:
        name = f"{sender.name} {sender.number}"
    else:
        name = sender.number if sender.system in BY_USER_NAME else sender.name
        name = name.rpartition("_")[2] if sender.system == BLACKBOARD else name
    return slug(name) or f"student-{mark(sender.label)}"


def _apart(name, sender):
    end = slug(sender.number.partition(" - ")[0]) or mark(sender.label)
    return slug(f"{name[:60]}-{end}")


def _key(system, number, label):
    return (system, number) if number else ("", printable(label).strip())


def _forms(name):
    """The forms in which a name is compared, the strictest first; two names with one form are of one name."""
    last, comma, first = name.partition(",")
    if comma:
        name = f"{first} {last}"
    yield 0, squeezed(name, keep_accents=True)
    yield 1, squeezed(name)
    yield 1, squeezed(name, umlauts=True)
    yield 2, " ".join(words(name))


def load(course: Course, people: Iterable[Person]) -> Identities:
    """Return what a course folder knows of who hands in; nothing is written.

    Args:
        course: the course.
        people: who is or was enrolled.

    Raises:
        ValueError: who.csv cannot be read; the message says why.
    """
    return Identities(people, _read(course.root / WHO, Who), _read(course.root / HANDED_IN, HandedIn))


def handed_in(course: Course) -> dict[tuple[str, str], HandedIn]:
    """Return {(student, notebook): its row of handed_in.csv}; {} where nothing was collected.

    Args:
        course: the course.

    Raises:
        ValueError: handed_in.csv cannot be read, or a time in it is none.
    """
    path = course.root / HANDED_IN
    rows = _read(path, HandedIn)
    for row in rows:
        if row.when and marks.moment(row.when) is None:
            example = "2026-12-01T23:59:00+01:00"
            raise ValueError(f"{path}, {row.student}, {row.notebook}: {row.when!r} is no time; expected {example}")
    return {(row.student, row.notebook): row for row in rows}


def _read(path, kind):
    if not path.is_file():
        return []
    table = [cells for _, cells in lists.rows(path)]
    names = [field.name for field in fields(kind)]
    if not table or names[0] not in table[0]:
        raise ValueError(f"{path} has no column {names[0]}; its columns are {', '.join(names)}")
    found = [dict(zip(table[0], map(_unquoted, cells), strict=False)) for cells in table[1:] if any(cells)]
    return [kind(**{name: row.get(name, "").strip() for name in names}) for row in found]


def save(course: Course, who: Iterable[Who], handed_in: Iterable[HandedIn]) -> None:
    """Write who.csv and handed_in.csv, each the whole file or none of it.

    The rows of who.csv that wait for the teacher come first. It is not written, if there is nothing to say.

    Args:
        course: the course.
        who: the rows of who.csv.
        handed_in: the rows of handed_in.csv.
    """
    rows = sorted(who, key=lambda row: (bool(row.student), row.handed_in_as))
    if rows or (course.root / WHO).exists():
        _write(course.root / WHO, Who, rows)
    _write(course.root / HANDED_IN, HandedIn, sorted(handed_in, key=lambda row: (row.student, row.notebook)))


def _write(path: Path, kind, rows):
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(kind)])
        writer.writeheader()
        writer.writerows({key: _quoted(printable(value)) for key, value in asdict(row).items()} for row in rows)


def _quoted(text):
    """A text with a quote before it, if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(("=", "@", "'")) or (text[:1] in "+-" and len(text) > 1) else text


def _unquoted(text):
    return text[1:] if text.startswith(("'=", "'@", "''", "'+", "'-")) else text


def update(rows: Iterable[Who], unresolved: Iterable[Who], resolved: Iterable[Sender]) -> list[Who]:
    """Return the rows of who.csv after a delivery: what the teacher wrote stays, and only who is unresolved waits.

    Args:
        rows: of who.csv.
        unresolved: the rows of this delivery, without students.
        resolved: the senders of this delivery whose students are known.
    """
    found = {_key(row.system, row.number, row.handed_in_as): row for row in rows}
    for sender in resolved:
        key = _key(sender.system, sender.number, sender.label)
        if key in found and not found[key].student:
            del found[key]
    for row in unresolved:
        key = _key(row.system, row.number, row.handed_in_as)
        found[key] = replace(row, student=found[key].student if key in found else "")
    return list(found.values())
