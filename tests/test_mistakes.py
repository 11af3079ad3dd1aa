"""The kill matrix: every wrong answer of the bank loses what it should, every right one loses nothing."""

import re

import pytest

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank

EXERCISES = {exercise.name: source for source in sources.all_sources() for exercise in source.graded}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=EXERCISES)
def exercise(request):
    return EXERCISES[request.param].exercises[request.param]


@pytest.fixture(scope="module")
def outcomes(exercise):
    source = EXERCISES[exercise.name]
    return list(bank.kill_matrix(source, bank.load(source), exercise))


def test_wrong_answers_lose_their_points_and_right_ones_keep_them(outcomes):
    strange = {o.answer.name: (o.answer.fails, o.verdicts, o.beside) for o in outcomes if not o.as_expected}
    assert not strange
    assert {"solution", "blank"} < {outcome.answer.name for outcome in outcomes}


def test_a_failed_test_says_why_in_words_of_ours(outcomes):
    for outcome in outcomes:
        for verdict in outcome.verdicts.values():
            assert verdict.outcome != "fail" or len(verdict.message) > 10, outcome.answer.name


def test_the_check_cell_recognises_every_answer_of_the_bank(exercise, outcomes):
    source = EXERCISES[exercise.name]
    for outcome in outcomes:
        answer = outcome.answer
        said = checks.verdict(exercise.name, bank.namespace_of(answer, source))
        if answer.name == "blank":
            assert "todavía no has" in said
        elif answer.right:
            assert said == f"✔ {exercise.name}: correcto."
        elif checks.explanations(exercise.name, said) != [answer.explanation]:
            refused = [
                re.search(r"y se piden? .*|no devuelve nada.*", verdict.message)
                for verdict in outcome.verdicts.values()
            ]
            assert any(words and words[0] in said for words in refused), f"{answer.name}: {said}"
