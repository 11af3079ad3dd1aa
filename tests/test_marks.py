"""Final marks against the definitions, written out slowly, and what a submission is worth in words."""

import itertools
import random
from datetime import UTC, datetime

import pytest

from tema9.classroom.grading import marks
from tema9.classroom.rules import Final, Notebook, Rules, Scale

NAMES = ("1_a", "2_b", "3_c", "4_d")


def rules(weights=(1, 1, 1, 1), **final):
    notebooks = {name: Notebook(weight) for name, weight in zip(NAMES, weights, strict=True)}
    return Rules(notebooks=notebooks, final=Final(**final))


def final(fractions, said, is_final=True):
    return marks.final({name: (one, is_final) for name, one in zip(NAMES, fractions, strict=False)}, said)


def test_the_final_mark_is_the_weighted_mean_of_what_counts():
    draw = random.Random(0)
    for _ in range(300):
        fractions = [draw.choice([0, 0.25, 0.5, 1, draw.random()]) for _ in NAMES]
        weights = [draw.choice([0, 1, 2, 0.5]) for _ in NAMES[1:]] + [1]
        dropped = draw.randint(0, 2)
        found = final(fractions, rules(weights, drop_lowest=dropped))
        pairs = sorted((one, weight) for one, weight in zip(fractions, weights, strict=True) if weight)
        kept = pairs[min(dropped, len(pairs) - 1) :]
        expected = sum(one * weight for one, weight in kept) / sum(weight for _, weight in kept)
        assert found.fraction == pytest.approx(expected), (fractions, weights, dropped)
        assert len(found.dropped) == len(pairs) - len(kept)


def test_who_has_not_passed_what_must_be_passed_has_at_most_the_limit():
    said = rules(must_pass=("2_b",), pass_mark=5, highest_if_not_passed=4)
    assert final([1, 0.5, 1, 1], said).mark == "8.75", "5.00 is passed"
    failed = final([1, 0.4999, 1, 1], said)
    assert (failed.mark, failed.not_passed) == ("4.00", ("2_b",))
    assert final([0, 0, 0, 1], said).mark == "2.50", "and nobody gets more by that"
    assert final([1, 1], said).not_passed == () and final([1], said).mark == "10.00", (
        "it is not handed in by anybody yet"
    )
    one_third = rules(must_pass=("1_a",), pass_mark=10 / 3)
    assert final([1 / 3, 1, 1, 1], one_third).not_passed == (), "binary numbers cost nobody a mark"


def test_a_final_mark_is_final_when_all_that_counts_is():
    found = {"1_a": (1.0, True), "2_b": (1.0, False)}
    assert not marks.final(found, rules()).is_final
    assert marks.final(found, rules((1, 0, 1, 1))).is_final
    assert not marks.final(found, rules((1, 0, 1, 1), must_pass=("2_b",))).is_final


def test_nothing_that_counts_is_no_mark_and_no_crash():
    assert marks.final({}, rules()).fraction == 0
    assert final([1, 1], rules((0, 0, 1, 1))).mark == "0.00"


def test_the_mean_does_not_depend_on_the_order_of_the_notebooks():
    fractions = {name: (one, True) for name, one in zip(NAMES, (0.5, 0.5, 0.1, 0.1), strict=True)}
    said = rules((1, 2, 3, 4), drop_lowest=1)
    assert len({marks.final(dict(order), said).mark for order in itertools.permutations(fractions.items())}) == 1


def test_letters_are_given_to_final_marks_too():
    letters = (("A", 90.0), ("B", 50.0), ("C", 0.0))
    assert marks.final({"1_a": (0.9, True)}, Rules(scale=Scale(letters=letters))).mark == "A"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, ""), (1, "late"), (59, "late"), (60, "1 min late"), (3600, "1 h late"), (7260, "2 h 1 min late"),
     (86_400, "1 day late"), (2 * 86_400 + 3599, "2 days late"), (90_000, "1 day 1 h late")],
)  # fmt: skip
def test_lateness_in_words(seconds, said):
    assert marks.in_words(seconds) == said


def test_a_time_without_a_zone_is_that_of_this_machine():
    assert marks.moment("2026-12-01T10:00:00+00:00") == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert marks.moment("2026-12-01T10:00:00") == datetime(2026, 12, 1, 10).astimezone()
    assert marks.moment("") is marks.moment("ayer") is None
