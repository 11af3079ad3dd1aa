"""What submissions are worth by the rules of the course: points that count, what lateness takes, and final marks.

Nothing here runs or writes anything: a mark follows from what is recorded of a submission and from the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.rules import FULL, NOBODY, Rules
from tema9.classroom.sources import Source

Points = Mapping[str, tuple[float, bool]]  # {cell: (its score, whether it waits for a person)}


@dataclass(frozen=True)
class Counted:
    """A graded cell as the rules count it.

    Args:
        exercise: whose cell it is.
        by_hand: whether a person marks it.
        score, maximum: the points that count, and that could count.
        waits: whether it waits for a person.
    """

    exercise: str
    by_hand: bool
    score: float
    maximum: float
    waits: bool


@dataclass(frozen=True)
class Worth:
    """What one submission is worth.

    Args:
        cells: {name: the graded cell}, in their order.
        seconds_late: after the deadline; 0 in time.
        lost: the points that lateness takes.
    """

    cells: dict[str, Counted]
    seconds_late: float = 0.0
    lost: float = 0.0

    def score(self, by_hand: bool) -> float:
        """Return the points of the answers that a person marks, or of the others."""
        return sum(cell.score for cell in self.cells.values() if cell.by_hand == by_hand)

    def maximum(self, by_hand: bool) -> float:
        """Return the points that those answers could have."""
        return sum(cell.maximum for cell in self.cells.values() if cell.by_hand == by_hand)

    @property
    def pending(self) -> int:
        """How many answers wait for a person."""
        return sum(cell.waits for cell in self.cells.values())

    @property
    def total(self) -> float:
        """The points that count in the end."""
        return self.score(True) + self.score(False) - self.lost


def worth(source: Source, receipt: Receipt | None, points: Points, rules: Rules, student: str) -> Worth:
    """Return what a submission is worth.

    Args:
        source: the notebook.
        receipt: of the submission; None if it was not graded.
        points: of its cells, as `Record.points` returns them.
        rules: of the course.
        student: whose days more count: of a team, each member's own.
    """
    cells = {}
    for exercise in source.exercises.values():
        effect = rules.exercises.get(exercise.name)
        for cell in exercise.scored:
            name = cell.grade_id or ""
            score, waits = points.get(name, (0.0, False)) if receipt else (0.0, False)
            maximum = 0.0 if effect == NOBODY else float(cell.points)
            if effect:
                score, waits = (maximum if receipt and effect == FULL else 0.0), False
            cells[name] = Counted(exercise.name, exercise.by_hand, score, maximum, waits)
    if receipt is None:
        return Worth(cells)
    seconds = rules.seconds_late(source.name, student, moment(receipt.handed_in), receipt.late)
    score, maximum = (sum(getattr(cell, name) for cell in cells.values()) for name in ("score", "maximum"))
    return Worth(cells, seconds, rules.points_lost(source.name, score, maximum, seconds))


def moment(text: str) -> datetime | None:
    """Return a time of a receipt, with its time zone; None if there is none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.astimezone()


@dataclass(frozen=True)
class Final:
    """A student's final mark.

    Args:
        fraction: of all points, from 0 to 1; more with extra credit.
        mark: the same on the scale of the course.
        is_final: whether nothing that counts is left to grade or to mark.
        dropped: the notebooks that do not count, being the student's lowest.
        not_passed: the notebooks that must be passed and are not.
    """

    fraction: float
    mark: str
    is_final: bool
    dropped: tuple[str, ...] = ()
    not_passed: tuple[str, ...] = ()


def final(notebooks: Mapping[str, tuple[float, bool]], rules: Rules) -> Final:
    """Return a final mark: the weighted mean of a student's notebooks, as the rules limit it.

    Args:
        notebooks: {notebook: (part of its points, whether it is final)}, also of those not handed in.
        rules: of the course.
    """
    weights = {name: rules.of(name).weight for name in notebooks if rules.of(name).weight}
    lowest = sorted(weights, key=lambda name: (notebooks[name][0], weights[name], name))
    dropped = tuple(sorted(lowest[: min(rules.final.drop_lowest, len(lowest) - 1)])) if lowest else ()
    counted = {name: weight for name, weight in weights.items() if name not in dropped}
    fraction = sum(weight * notebooks[name][0] for name, weight in counted.items()) / (sum(counted.values()) or 1)
    least = rules.final.pass_mark / rules.scale.maximum
    must_pass = [name for name in rules.final.must_pass if name in notebooks]
    not_passed = tuple(name for name in must_pass if round(notebooks[name][0], 9) < round(least, 9))
    if not_passed:
        fraction = min(fraction, rules.final.highest_if_not_passed / rules.scale.maximum)
    is_final = all(notebooks[name][1] for name in {*weights, *must_pass})
    return Final(fraction, rules.scale.mark(fraction), is_final, dropped, not_passed)


def in_words(seconds_late: float) -> str:
    """Return how late something is in a few words; "" if it is in time.

    Example:
        >>> in_words(90_000), in_words(7_200), in_words(1)
        ('1 day 1 h late', '2 h late', 'late')
    """
    if seconds_late <= 0:
        return ""
    minutes = int(seconds_late // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} day{'s' * (days > 1)}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return " ".join([*parts, "late"])
