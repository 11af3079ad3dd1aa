"""The bank: reading it, running it, and making fingerprints of it."""

import mini
import pytest

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank


@pytest.fixture
def small(tmp_path):
    source = sources.read(mini.write(tmp_path) / "1_mini.py")
    return source, bank.load(source, tmp_path / "mistakes")


def test_each_answer_loses_just_the_cases_that_it_should(small):
    outcomes = {outcome.answer.name: outcome for outcome in bank.kill_matrix(*small, small[0].exercises["n1-size"])}
    assert all(outcome.as_expected for outcome in outcomes.values())
    lost = {name: {case for case, verdict in o.verdicts.items() if not verdict} for name, o in outcomes.items()}
    assert lost["solution"] == lost["counts"] == lost["truncates"] == set()
    assert lost["blank"] == {"values", "whole"}
    assert lost["float"] == {"whole"}


def test_a_mistake_that_the_tests_let_through_is_not_as_expected(tmp_path):
    weak = mini.SOURCE.replace('assert side(55, 3, s=2) == 27, "revisa el paso"', "")
    source = sources.read(mini.write(tmp_path, weak) / "1_mini.py")
    outcomes = {
        o.answer.name: o
        for o in bank.kill_matrix(source, bank.load(source, tmp_path / "mistakes"), source.exercises["n1-size"])
    }
    assert not outcomes["forgets-stride"].as_expected
    assert outcomes["forgets-plus-one"].as_expected


def test_fingerprints_tell_every_mistake_from_the_right_answers(small):
    entry = bank.fingerprints(*small, small[0].exercises["n1-size"])
    assert [len(probe["right"]) for probe in entry["probes"]] == [1, 1]
    assert sorted(entry["mistakes"]["size"].values()) == sorted(
        a.explanation for a in small[1].answers["n1-size"] if not a.right
    )


def test_probes_that_cannot_tell_two_answers_apart_are_refused(tmp_path):
    source = sources.read(mini.write(tmp_path, bank=mini.BANK.replace("size(55, 3, s=2)\n", "")) / "1_mini.py")
    with pytest.raises(ValueError, match="forgets-stride"):
        bank.fingerprints(source, bank.load(source, tmp_path / "mistakes"), source.exercises["n1-size"])


def test_a_check_with_fresh_fingerprints_explains_the_mistake(small, monkeypatch):
    entries = {"n1-size": bank.fingerprints(*small, small[0].exercises["n1-size"])}
    monkeypatch.setattr(checks, "known_fingerprints", lambda: entries)
    for answer in small[1].answers["n1-size"]:
        said = checks.verdict("n1-size", bank.namespace_of(answer, small[0]))
        assert said.endswith("correcto." if answer.right else answer.explanation)


def test_the_blank_is_what_nbgrader_releases(small):
    source, _ = small
    assert "raise NotImplementedError()" in bank.blank(source.exercises["n1-size"]).text
    assert "return" not in bank.blank(source.exercises["n1-size"]).text
