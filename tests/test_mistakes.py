"""The kill matrix and the check: every wrong answer of the bank loses what it should, every right one loses nothing."""

import json
import re

import pytest
from sampling import sampled

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank, build

EXERCISES = {exercise.name: source for source in sources.all_sources() for exercise in source.graded}
LONG = {"n2-alexnet-module", "n4-loop"}  # two thirds of the time: their answers train and run whole networks
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=sampled(EXERCISES, EXERCISES.keys() - LONG))
def exercise(request):
    return EXERCISES[request.param].exercises[request.param]


@pytest.fixture(scope="module")
def outcomes(exercise):
    source = EXERCISES[exercise.name]
    return list(bank.kill_matrix(source, bank.load(source), exercise))


@pytest.fixture(scope="module")
def probed(exercise):
    """The fingerprints of an exercise, made anew, and {answer: what the check says}; the probes run once on each."""
    source, spaces, results, probe = EXERCISES[exercise.name], {}, {}, checks.probe
    loaded, namespace_of = bank.load(source), bank.namespace_of

    def once(entry, namespace):
        if id(namespace) not in results:
            results[id(namespace)] = probe(entry, namespace)
        return results[id(namespace)]

    def kept(answer, source):
        spaces[answer.name] = namespace_of(answer, source)
        return spaces[answer.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "probe", once)
        patch.setattr(bank, "namespace_of", kept)
        made = bank.fingerprints(source, loaded, exercise)
        kept(bank.blank(exercise), source)
        return made, {name: checks.verdict(exercise.name, space) for name, space in spaces.items()}


def test_committed_fingerprints_equal_fresh_ones(exercise, probed):
    committed = checks.known_fingerprints()[exercise.name]
    assert json.dumps(committed) == json.dumps(probed[0]), "run `make notebooks` and commit"


def test_the_file_of_the_fingerprints_is_as_the_build_writes_it(monkeypatch):
    known = checks.known_fingerprints()
    monkeypatch.setattr(bank, "fingerprints", lambda source, loaded, exercise: known[exercise.name])
    assert build.CHECKS.read_text(encoding="utf-8") == build.build_checks(), "run `make notebooks` and commit"


def test_wrong_answers_lose_their_points_and_right_ones_keep_them(outcomes):
    strange = {o.answer.name: (o.answer.fails, o.verdicts, o.beside) for o in outcomes if not o.as_expected}
    assert not strange
    assert {"solution", "blank"} < {outcome.answer.name for outcome in outcomes}


def test_a_failed_test_says_why_in_words_of_ours(outcomes):
    for outcome in outcomes:
        for verdict in outcome.verdicts.values():
            assert verdict.outcome != "fail" or len(verdict.message) > 10, outcome.answer.name


def test_the_check_cell_recognises_every_answer_of_the_bank(exercise, outcomes, probed):
    for outcome in outcomes:
        answer = outcome.answer
        said = probed[1][answer.name]
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
