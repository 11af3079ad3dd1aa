"""Who marks the answers in prose: the persons whom course.toml names, each some exercises or a share of the class."""

import hashlib
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.record import Record
from tema9.classroom.rules import Rules


@dataclass(frozen=True)
class Answer:
    """An answer in prose of a graded submission.

    Args:
        student, notebook, exercise: whose answer to which exercise.
        whose: the person who is to mark it; "" if course.toml names nobody.
        marker: who gave its mark; "" if nobody has.
        waits: whether it waits for a mark.
        fraction: of the points of the exercise, as it is marked.
        page: its address below that of JupyterLab, in Formgrader.
    """

    student: str
    notebook: str
    exercise: str
    whose: str
    marker: str
    waits: bool
    fraction: float
    page: str


def answers(record: Record, cohort: Cohort, rules: Rules) -> list[Answer]:
    """Return the answers in prose that a person marks or has marked, one of each team.

    Args:
        record: of the class, open.
        cohort: the class.
        rules: of the course, which name the markers.
    """
    points, markers, pages = record.all_points(), record.all_markers(), record.pages()
    whose = assigned(rules, {student for student, _ in cohort.submissions})
    found = []
    for student, name in cohort.submissions:
        for exercise in cohort.sources[name].exercises.values():
            key = student, name
            score, waits = points.get(key, {}).get(exercise.name, (0.0, False))
            marker = markers.get(key, {}).get(exercise.name, "")
            if not exercise.by_hand or not (waits or marker) or rules.exercises.get(exercise.name):
                continue
            person = whose.get(exercise.name) or whose.get(student, "")
            fraction = score / exercise.points if exercise.points else 0.0
            page = f"formgrader/submissions/{pages[key]}/" if key in pages else ""
            found.append(Answer(student, name, exercise.name, person, marker, waits, fraction, page))
    return found


def by_person(answers: Iterable[Answer], known: Iterable[str] = ()) -> list[tuple[str, int, int, float]]:
    """Return (person, answers to mark, answers marked, their mean mark from 0 to 1) of those who mark.

    The person "" is anybody, for whom no rule names one.

    Args:
        answers: as `answers` returns them.
        known: persons who are there whether they mark anything or not.
    """
    waiting: Counter[str] = Counter()
    given: dict[str, list[float]] = defaultdict(list)
    for one in answers:
        waiting[one.whose] += one.waits
        if one.marker:
            given[one.marker].append(one.fraction)
    there = [name for name in dict.fromkeys([*known, *waiting, *given]) if name or waiting[name]]
    return [(name, waiting[name], len(given[name]), statistics.fmean(given[name] or [0.0])) for name in there]


def assigned(rules: Rules, students: Iterable[str]) -> dict[str, str]:
    """Return {exercise or student: the person who marks it}.

    An exercise that is there is that person's, whoever the student is; all others are shared by students, in an
    order that has nothing to do with names, so that nobody marks the first letters only.

    Args:
        rules: of the course.
        students: of the class.
    """
    whose = {name: person for person, own in rules.markers.items() if isinstance(own, tuple) for name in own}
    shares = {person: share for person, share in rules.markers.items() if not isinstance(share, tuple) and share}
    shuffled = sorted(students, key=lambda student: hashlib.sha256(student.encode("utf-8", "surrogatepass")).digest())
    done = 0.0
    for person, share in shares.items():
        first = round(len(shuffled) * done / sum(shares.values()))
        done += share
        last = round(len(shuffled) * done / sum(shares.values()))
        whose |= {student: person for student in shuffled[first:last]}
    return whose
