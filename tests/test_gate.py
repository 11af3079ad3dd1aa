"""The gate: over bank, mutants and retypings, the check, the visible tests and the grade say the same."""

import mini
import pytest

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank, gate

EXERCISES = {exercise.name: source for source in sources.all_sources() for exercise in source.graded}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXERCISES][::3])
def test_a_sample_of_the_mutants_and_all_retypings_of_the_solution_fare_as_they_should(name):
    """`make gate` tries all of them, in all the exercises, and all the answers of the bank."""
    source = EXERCISES[name]
    row = gate.row_of(source, bank.load(source), source.exercises[name], most=6)
    assert not row.problems
    assert row.mutants == row.killed + row.equivalent > 2


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What the gate finds of the small notebook with a source and a bank."""

    def find(source=mini.SOURCE, entries=mini.BANK):
        made = sources.read(mini.write(tmp_path, source, entries) / "1_mini.py")
        loaded, exercise = bank.load(made, tmp_path / "mistakes"), made.exercises["n1-size"]
        known = {"n1-size": bank.fingerprints(made, loaded, exercise)}
        monkeypatch.setattr(checks, "known_fingerprints", lambda: known)
        return gate.row_of(made, loaded, exercise)

    return find


@pytest.mark.slow
def test_a_notebook_whose_tests_and_probes_see_all_passes_and_all_refuse_a_forbidden_type_in_the_same_words(found):
    whole = mini.SOURCE.replace("contracts.plain", "contracts.integer")
    step = 'assert side(55, 3, s=2) == 27, "revisa el paso"\n'
    whole = whole.replace(step, step + 'assert side(30, 3, s=4) == 7, "no cabe otra ventana"\n')
    entries = mini.BANK[: mini.BANK.index('# %% wrong="n1-size" name="float"')]
    row = found(whole, entries.replace("size(55, 3, s=2)\n", "size(55, 3, s=2)\nsize(30, 3, s=4)\n"))
    assert row.problems == [] and row.mutants == row.killed > 10 and row.retypings > 5


@pytest.mark.slow
def test_a_mutant_that_no_test_sees_is_shown_with_what_the_check_says(found):
    weak = mini.SOURCE.replace('assert side(55, 3, s=2) == 27, "revisa el paso"', "")
    bare = mini.BANK.replace("(n - f) // s\n", "n // s\n")
    problems = found(weak, bare).problems
    shown = next(problem for problem in problems if "=> return (n - f) * s + 1" in problem)
    assert "all points; the check says '✘" in shown


@pytest.mark.slow
def test_a_mutant_that_the_check_does_not_see_is_shown(found):
    wide = mini.BANK.replace("size(55, 3, s=2)\n", "size(55, 3, s=2)\n").replace(
        "# Revisa el paso.\nsize(55, 3, s=2)\n", ""
    )
    wide = (
        wide[: wide.index('# %% wrong="n1-size" name="forgets-stride"')]
        + wide[wide.index('# %% wrong="n1-size" name="float"') :]
    )
    problems = found(entries=wide).problems
    assert any("not all points; the check says '✔" in problem for problem in problems)


@pytest.mark.slow
def test_what_the_bank_calls_equivalent_and_is_no_mutant_is_refused(found):
    stale = mini.BANK + '\n# %% equivalent="n1-size"\n# no reason at all\n# return 1 => return 2\n'
    with pytest.raises(ValueError, match="what is no mutant: return 1 => return 2"):
        found(entries=stale)


@pytest.mark.slow
def test_an_answer_that_ends_its_process_or_takes_too_long_loses_and_takes_nothing_along():
    assert gate.in_child(30, lambda: __import__("os")._exit(3)).message == "died"
    assert gate.in_child(0.2, lambda: __import__("time").sleep(30)).message == "timeout"


@pytest.mark.slow
def test_one_fork_answers_many_calls_and_another_one_those_after_a_death_or_a_timeout():
    """In order, each with the random state that a fork begins with, and in as few forks as can be."""

    def call(how):
        import os
        import time

        import torch

        if how == "die":
            os._exit(3)
        if how == "sleep":
            time.sleep(30)
        return [how, os.getpid(), float(torch.rand(1))]

    calls = ["a", "b", "die", "c", "sleep", "d", "e"]
    found = list(gate.each_in_child(2, call, [(how,) for how in calls]))
    assert [one if isinstance(one, list) else one.message for one in found][2::2] == ["died", "timeout", found[6]]
    plain = {one[0]: one[1:] for one in found if isinstance(one, list)}
    assert list(plain) == ["a", "b", "c", "d", "e"]
    assert plain["a"] == plain["b"] != plain["c"] != plain["d"] == plain["e"]
    assert len({random for _, random in plain.values()}) == 1
