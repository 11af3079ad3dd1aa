"""The hints: shown one at a time, kept over a restart, without the solution, and told to the teacher only if asked."""

import ast
import json
import random
import re

import mini
import pytest

import tema9
from tema9 import hints, outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank, build, bundle, lint
from tema9.classroom.authoring import hints as written
from tema9.classroom.grading import submission
from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.publishing import report

SOURCES = sources.all_sources()
EXERCISES = [exercise for source in SOURCES for exercise in source.graded]
THREE = next(name for name, texts in hints.known()["exercises"].items() if len(texts) == 3)


@pytest.fixture
def student(tmp_path, monkeypatch, capsys):
    """Asks for a hint as a student does in an empty folder, and returns what is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hints, "_shown", {})

    def ask(*exercise):
        tema9.hint(*exercise)
        return capsys.readouterr().out

    return ask


def test_the_hints_of_the_package_are_those_of_the_sources():
    assert hints.HERE.joinpath("hints.json").read_text(encoding="utf-8") == build.build_hints()
    assert list(hints.known()["exercises"]) == [exercise.name for exercise in EXERCISES]
    assert hints.known()["told"] is False


def test_each_call_shows_one_more_hint_and_the_last_says_so(student):
    texts = hints.known()["exercises"][THREE]
    for count in (1, 2, 3, 3):
        said = student(THREE)
        assert [text in said for text in texts] == [place < count for place in range(3)]
        assert f"Pista {count} de 3" in said and (hints.LAST in said) == (count == 3) != (hints.NEXT in said)
        assert hints.TOLD not in said


def test_a_restart_shows_the_hints_that_were_seen_and_no_more(student, monkeypatch):
    student(THREE), student(THREE)
    for _ in range(3):
        monkeypatch.setattr(hints, "_shown", {})
        said = student(THREE)
        assert "Pista 2 de 3" in said and "Pista 3" not in said
    assert "Pista 3 de 3" in student(THREE)


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null", '{"%s": "dos"}', '{"%s": -4}', '{"%s": 99}'])
def test_a_damaged_file_of_what_was_seen_loses_no_hint(student, damage):
    hints.SEEN.write_text(damage.replace("%s", THREE), encoding="utf-8")
    assert "Pista 1 de 3" in student(THREE)


def test_a_folder_that_cannot_be_written_shows_hints_all_the_same(student):
    hints.SEEN.mkdir()
    assert "Pista 1 de 3" in student(THREE) and "Pista 2 de 3" in student(THREE)


def test_grading_and_validate_show_no_hint_and_count_none(student, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert student(THREE) == "" and not hints.SEEN.exists()


@pytest.mark.parametrize("draw", range(5))
def test_a_misspelt_exercise_is_answered_in_one_line_with_those_like_it(student, draw):
    rng = random.Random(draw)
    name = rng.choice(EXERCISES).name
    place = rng.randrange(3, len(name))
    for wrong in (name[:place] + name[place + 1 :], name.upper(), name.replace("-", "_"), f" {name}"):
        if wrong != name:
            said = student(wrong)
            assert said.startswith("✘") and said.count("\n") == 1 and repr(wrong) in said
            assert wrong.isupper() or f'tema9.hint("{name}")' in said


@pytest.mark.parametrize("odd", [None, 3, ["n1-conv2d"], {}, "", "n1-m1-c5"])
def test_what_names_no_exercise_with_tests_is_answered_in_one_line(student, odd):
    said = student(odd)
    assert said.startswith("✘") and said.count("\n") == 1


def test_a_wrong_check_names_the_hint_and_a_right_one_does_not(capsys):
    name = "n1-s2-parameters"
    values = {"s2_parameters": 12, "s4_parameters": 32, "max_pool_parameters": 0}
    for answer, wrong in ((values, False), (values | {"s4_parameters": 16}, True), ({}, False)):
        exec(f"import tema9\ntema9.check('{name}')", dict(answer))
        assert (f'tema9.hint("{name}")' in capsys.readouterr().out) == wrong


# What a careless author writes: the solution in words of code.
def _second_lines():
    for exercise in EXERCISES:
        lines = list(written._secret_lines(exercise.solution.text))
        for line in lines:
            if re.fullmatch(r"[\w., ]+ = .{12,}[\w)\]}]", line):
                yield pytest.param(exercise, line, id=exercise.name)
                break


@pytest.mark.parametrize(("exercise", "line"), list(_second_lines()))
def test_a_line_of_the_solution_is_found_in_a_hint_also_with_other_names_and_spaces(exercise, line):
    assert written.told(exercise, f"Escribe `{line}`.") and written.told(exercise, f"Escribe {line}")
    assert written.told(exercise, f"Escribe `{line.replace(' ', '')}`.")
    [statement] = ast.parse(line).body
    if len(list(ast.walk(statement.value))) < written.SMALL:
        return

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node):
            return ast.Name(f"{node.id}_mio", node.ctx)

    renamed = ast.unparse(Rename().visit(statement))
    assert line not in renamed and written.told(exercise, f"Con otros nombres, `{renamed}`.")


def test_no_hint_of_an_exercise_tells_the_solution_of_another_one():
    everything = {name: " ".join(texts) for name, texts in hints.known()["exercises"].items()}
    first = {line for one in EXERCISES for line in one.solution.text.splitlines()}
    for exercise in EXERCISES:
        for name, text in everything.items():
            line = written.told(exercise, text)
            assert not line or (line in {piece.strip() for piece in first} and name != exercise.name), (name, line)


# (what to replace in the hints, by what, a word of the complaint)
BREAKS = [
    ("2. Cuenta los saltos de la ventana, y no olvides dónde estaba al empezar.\n", "", "has 1 hints"),
    ("1. Dibuja", "1. dibuja", "no whole sentence"),
    ("al empezar.", "al empezar", "no whole sentence"),
    ("la ventana,", "la `ventana,", "backtick"),
    ("al empezar.", "al empezar: `(n - f) // s + 1`.", "tells the solution"),
    ("al empezar.", "al empezar: `(size-k)//step+1`.", "tells the solution"),
    ("al empezar.", "al empezar. Te falta el +1.", "repeats the explanation"),
    ("## n1-size", "## n1-siez", "no exercise with tests"),
    ("## n1-size", "## n1-why", "no exercise with tests"),
]


@pytest.mark.parametrize(("old", "new", "word"), BREAKS)
def test_a_hint_that_breaks_a_rule_is_found(tmp_path, old, new, word):
    assert old in mini.HINTS
    folder = mini.write(tmp_path, hints=mini.HINTS.replace(old, new, 1))
    source = sources.read(folder / "1_mini.py")
    found = lint.lint(source, bank.load(source, folder / "mistakes"))
    assert any(word in problem for problem in found), found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("## n1-size\n\n2. Dos.\n", "not the next one"),
        ("1. Una.\n", "not the next one"),
        ("## n1-size\n\nuna\n", "neither"),
        ("## n1-size\n\n1. Una.\n\n## n1-size\n", "stands twice"),
    ],
)
def test_a_file_of_hints_that_cannot_be_read_says_where(tmp_path, text, word):
    (tmp_path / "1_mini.md").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"1_mini.md, line \d+: .*{word}"):
        written.read(tmp_path / "1_mini.md")


def test_the_zip_of_a_teacher_who_asks_for_it_tells_and_another_does_not():
    without, with_it = (json.loads(bundle.files(tell_hints=asked)["tema9/hints.json"]) for asked in (False, True))
    assert (without["told"], with_it["told"]) == (False, True) and without["exercises"] == with_it["exercises"]


def test_what_a_notebook_tells_is_saved_with_its_output_and_said_to_the_student(student, monkeypatch):
    shown = []
    monkeypatch.setattr(hints, "known", lambda: {"told": True, "exercises": {THREE: ["Una.", "Dos."]}})
    monkeypatch.setattr(hints.notebook, "show_markdown", lambda text, metadata: shown.append((text, metadata)))
    student(THREE), student(THREE)
    assert [metadata["tema9"] for _, metadata in shown] == [{"exercise": THREE, "hints": count} for count in (1, 2)]
    assert all(hints.TOLD in text for text, _ in shown)


def test_the_report_counts_what_submissions_tell_whatever_else_they_hold():
    def output(exercise, count):
        return {"output_type": "display_data", "metadata": {"tema9": {"exercise": exercise, "hints": count}}}

    odd = [output(THREE, "3"), output(THREE, 99), output(THREE, -1), output([], 1), output("n9-x", 1), 5, {}, None]
    odd += [{"metadata": 3}, {"metadata": {"tema9": []}}]
    notebook = {"cells": [{"outputs": [output(THREE, 1), *odd]}, {"outputs": [output(THREE, 2)]}, {"outputs": 4}, 7]}
    assert submission.hints_told(notebook) == {THREE: 2}
    receipts = [Receipt(name, "1_mini", sha256="", hints={THREE: 2}) for name in ("ana", "luis")]
    assert report.hints(receipts) == [(THREE, 2, 4)] and report.hints([Receipt("eva", "1_mini", "")]) == []
    assert Receipt.from_json(receipts[0].to_json()) == receipts[0]


def test_the_prose_exercises_have_no_hints():
    by_hand = {one.name for each in outline.notebooks().values() for one in each.exercises if one.by_hand}
    assert by_hand and not by_hand & hints.known()["exercises"].keys()
