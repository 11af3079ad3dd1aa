"""The kill matrix: every wrong answer of the bank loses what it should, every right one loses nothing."""

import pytest

from tema9 import checks
from tema9.classroom import bank, sources

EXERCISES = [
    pytest.param(source, exercise, id=exercise.name)
    for source in sources.all_sources()
    for exercise in source.exercises.values()
    if not exercise.by_hand
]


@pytest.mark.parametrize(("source", "exercise"), EXERCISES)
def test_wrong_answers_lose_their_points_and_right_ones_keep_them(source, exercise):
    outcomes = list(bank.kill_matrix(source, bank.load(source), [exercise.name]))
    strange = {
        outcome.answer.name: (outcome.answer.fails, outcome.verdicts, outcome.beside)
        for outcome in outcomes
        if not outcome.as_expected
    }
    assert not strange
    assert {"solution", "blank"} < {outcome.answer.name for outcome in outcomes}


@pytest.mark.parametrize(("source", "exercise"), EXERCISES)
def test_a_failed_test_says_why_in_words_of_ours(source, exercise):
    for outcome in bank.kill_matrix(source, bank.load(source), [exercise.name]):
        for verdict in outcome.verdicts.values():
            assert verdict.outcome != "fail" or len(verdict.message) > 10, outcome.answer.name


@pytest.mark.parametrize(("source", "exercise"), EXERCISES)
def test_the_check_cell_recognises_every_answer_of_the_bank(source, exercise):
    for answer in [bank.solution(exercise), bank.blank(exercise), *bank.load(source).answers[exercise.name]]:
        said = checks.verdict(exercise.name, bank.namespace_of(answer, source))
        if answer.right:
            assert said == f"✔ {exercise.name}: correcto."
        elif answer.name != "blank":
            assert said == f"✘ {exercise.name}: {answer.explanation}"
        else:
            assert "todavía no has" in said
