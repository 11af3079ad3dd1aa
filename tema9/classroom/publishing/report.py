"""The report of a class: scores, exercises, mistakes, what needs attention, and answers that are too much alike."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tema9.classroom.grading import marking, people, scores
from tema9.classroom.grading.cohort import Cohort
from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.grading.record import Record
from tema9.classroom.grading.scores import Row
from tema9.classroom.grading.verdicts import INCIDENTS
from tema9.classroom.publishing import archive, pages, similar
from tema9.classroom.sources import Source

MOST_PAIRS = 50  # of students with similar answers


@dataclass(frozen=True)
class Statistics:
    """How a class did in an exercise with tests.

    Args:
        name: the identifier of the exercise.
        answered: how many students answered the exercise.
        difficulty: the part of the points, from 0 to 1, that the students who answered lost on average.
        discrimination: the correlation, over the students who handed in the notebook, between their scores in this
            exercise and in the rest of the notebook; None where one of the two is the same for all.
        doubt: why a person should look at the tests of the exercise; "" if there is no reason.
    """

    name: str
    answered: int
    difficulty: float
    discrimination: float | None
    doubt: str = ""


def write(cohort: Cohort, rows: list[Row], path: str | Path, against: str | Path | None = None) -> None:
    """Write the report of a class.

    Args:
        cohort: the class.
        rows: the scores, as `scores.scores` returns them.
        path: the path of the page.
        against: an archive or a course folder of an earlier class, with whose answers those of this class are compared.

    Raises:
        ValueError: `against` is neither.
    """
    sources = cohort.sources
    with Record(cohort.course, read_only=True) as record:
        receipts = {
            (row.student, row.notebook): receipt
            for row in rows
            if not row.by  # a team's submission is one
            if (receipt := record.receipt(row.student, row.notebook)) is not None
        }
        students, names = sorted({row.student for row in rows}), record.names()
        rules = record.rules()
        answers = marking.answers(record, cohort, rules)
        written = similar.answers_of(record, sources.values(), students)
        earlier = _earlier(written, sources, against) if against else []
    of: dict[str, set[str]] = defaultdict(set)  # {student: whose submissions count for the student}
    for row in rows:
        of[row.student].add(row.by or row.student)
    suspicious = [pair for pair in similar.pairs(written) if not of[pair.one] & of[pair.other]]  # a team's are one
    graded = [row for row in rows if row.status == "graded"]
    exercises = [one for source in sources.values() for one in exercise_statistics(source, receipts)]
    found = mistakes(receipts.values())
    seconds = [receipt.seconds for receipt in receipts.values()] or [0]
    pages.write(
        path,
        "report.html",
        students=len(students),
        names={student: _named(student, names) for student in students},
        submissions=len(graded),
        median=statistics.median([row.total for row in graded] or [0]),
        pending=sum(row.pending for row in rows),
        finals=_finals(rows, rules),
        late=[row for row in rows if row.seconds_late],
        markers=marking.by_person(answers, rules.markers),
        notes=[(*key, note) for key, receipt in receipts.items() for note in receipt.notes],
        distribution=_distribution(graded, sources),
        attention=attention(rows, receipts),
        difficulty=_difficulty(exercises),
        exercises=exercises,
        mistakes=found,
        mistakes_picture=_mistakes(found) if found else "",
        hints=hints(receipts.values()),
        verdicts=Counter(one.outcome for receipt in receipts.values() for one in receipt.verdicts).most_common(),
        seconds={"median": statistics.median(seconds), "longest": max(seconds), "total": sum(seconds)},
        repaired=[(row.student, row.notebook, row.repairs) for row in rows if row.repairs],
        pairs=suspicious[:MOST_PAIRS],
        against=Path(against).name if against else "",
        earlier=earlier[:MOST_PAIRS],
    )


def _earlier(written, sources, against):
    """[(pair, the name of the earlier student)] of the answers that are too much alike to those of an earlier class."""
    with archive.opened(against) as course:
        students = sorted(path.name for path in (course.root / "autograded").iterdir())
        before = similar.answers_of(Record(course, read_only=True), sources.values(), students)
        names = {one["id"]: people.name_of(one) for one in people.known(course)}
    return [(pair, names.get(pair.other, pair.other)) for pair in similar.across(written, before)]


def _named(student, names):
    """A student's name with the id, or the id of a student of whom no list has a name."""
    return f"{names[student]} ({student})" if student in names else student


def attention(rows: Iterable[Row], receipts: dict[tuple[str, str], Receipt]) -> list[tuple[str, str, str]]:
    """Return (student, notebook, what to look at) for each submission at which a person should look.

    Args:
        rows: the scores of the class.
        receipts: {(student, notebook): receipt} of the recorded submissions.
    """
    found = []
    for row in rows:
        what = [] if row.status in ("graded", "not submitted") else [row.status]
        receipt = receipts.get((row.student, row.notebook))
        for verdict in receipt.verdicts if receipt else ():
            if verdict.outcome in INCIDENTS:
                what.append(f"{verdict.name}: {verdict.outcome}")
            elif verdict.tampered:
                what.append(f"{verdict.name}: tampered with; the original was used")
        what += [f"{flag} (used in the answer)" for flag in receipt.flags] if receipt else []
        if what:
            found.append((row.student, row.notebook, "; ".join(what)))
    return found


def _finals(rows, rules):
    """The mean and the median of the final marks, and how many pass, in words; "" without students."""
    fractions = [one.fraction for one in scores.finals(rows, rules).values()]
    if not fractions:
        return ""
    least = rules.final.pass_mark / rules.scale.maximum
    passed = sum(round(one, 9) >= round(least, 9) for one in fractions)
    mean, median = statistics.fmean(fractions), statistics.median(fractions)
    return f"mean {rules.scale.mark(mean)}, median {rules.scale.mark(median)}; {passed} of {len(fractions)} pass"


def exercise_statistics(source: Source, receipts: dict[tuple[str, str], Receipt]) -> list[Statistics]:
    """Return how a class did in each exercise of a notebook that has tests.

    Args:
        source: the notebook.
        receipts: {(student, notebook): receipt} of the recorded submissions.
    """
    graded = [one for (_, notebook), one in receipts.items() if notebook == source.name and one.was_graded]
    totals = np.array([receipt.points for receipt in graded])
    best = totals >= np.quantile(totals, 0.75) if len(totals) else np.zeros(0, bool)
    found = []
    for exercise in source.graded:
        points = sum(test.points for test in exercise.tests)
        own = [receipt.verdicts_of(exercise.name) for receipt in graded]
        scores = np.array([sum(verdict.points for verdict in verdicts) for verdicts in own])
        left_out = ("not-answered", "missing")
        answered = np.array([any(verdict.outcome not in left_out for verdict in one) for one in own], bool)
        difficulty = 1 - float(scores[answered].mean()) / points if answered.any() else 0.0
        rest = totals - scores
        varies = len(scores) > 2 and scores.std() > 0 and rest.std() > 0
        discrimination = float(np.corrcoef(scores, rest)[0, 1]) if varies else None
        lost_by_best = float((scores[best & answered] < points).mean()) if (best & answered).any() else 0.0
        doubt = ""
        if (best & answered).sum() >= 3 and lost_by_best > 0.5:
            doubt = f"{lost_by_best:.0%} of the best quarter lose points"
        elif discrimination is not None and discrimination < 0 and answered.sum() >= 5:
            doubt = "those who know more lose it more"
        found.append(Statistics(exercise.name, int(answered.sum()), difficulty, discrimination, doubt))
    return found


def mistakes(receipts: Iterable[Receipt]) -> list[tuple[str, str, int]]:
    """Return (exercise, explanation, number of students) of the known mistakes that were made, most frequent first.

    Args:
        receipts: the receipts of the recorded submissions.
    """
    from tema9.checks import explanations

    counts = Counter(
        (name, explanation)
        for receipt in receipts
        for name, said in receipt.checks.items()
        for explanation in explanations(name, said)
    )
    return [(name, explanation, count) for (name, explanation), count in counts.most_common()]


def hints(receipts: Iterable[Receipt]) -> list[tuple[str, int, int]]:
    """Return (exercise, number of students, hints that they saw together) of those who told, most hints first.

    Args:
        receipts: the receipts of the recorded submissions.
    """
    told = [(exercise, count) for receipt in receipts for exercise, count in receipt.hints.items()]
    students, seen = Counter(exercise for exercise, _ in told), Counter[str]()
    for exercise, count in told:
        seen[exercise] += count
    return [(exercise, students[exercise], count) for exercise, count in seen.most_common()]


def _distribution(rows, sources):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.3 * ((len(sources) + 2) // 3)), layout="constrained")
    columns = min(3, len(sources))
    axes = figure.subplots(-(-len(sources) // columns), columns, squeeze=False, sharey=True).flat
    for ax, (name, source) in zip(axes, sources.items(), strict=False):
        percent = [100 * row.fraction for row in rows if row.notebook == name]
        ax.hist(percent, bins=range(0, 101, 10), color="#4477aa", edgecolor="white")
        ax.set_title(source.title, fontsize=9)
        ax.set_xlim(0, 100)
        ax.yaxis.get_major_locator().set_params(integer=True)
    for ax in list(axes):
        ax.set_visible(False)
    figure.supxlabel("points of 100", fontsize=9)
    figure.supylabel("students", fontsize=9)
    return pages.picture(figure)


def _difficulty(exercises):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.19 * len(exercises) + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(exercises))
    left.barh(places, [one.difficulty for one in exercises], color="#4477aa")
    left.set(xlim=(0, 1), xlabel="difficulty")
    left.set_yticks(places, [one.name for one in exercises], fontsize=7)
    left.invert_yaxis()
    doubts = ["#cc3311" if one.doubt else "#888888" for one in exercises]
    right.barh(places, [one.discrimination or 0 for one in exercises], color=doubts)
    right.set(xlim=(-1, 1), xlabel="discrimination")
    for ax in (left, right):
        ax.margins(y=0.01)
    return pages.picture(figure)


def _mistakes(found):
    from matplotlib.figure import Figure

    top = found[:15]
    figure = Figure(figsize=(10, 0.32 * len(top) + 0.7), layout="constrained")
    ax = figure.subplots()
    ax.barh(range(len(top)), [count for *_, count in top], color="#4477aa")
    texts = [f"{name}: {text if len(text) < 70 else text[:68] + '…'}" for name, text, _ in top]
    ax.set_yticks(range(len(top)), texts, fontsize=7)
    ax.invert_yaxis()
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("students")
    return pages.picture(figure)
