"""Notebooks and plain data at random: nothing crashes, no answer is lost, and no test passes what is not the answer.

Every case follows from its seed. Of each kind, the quick tests try a few hundred, the slow ones 1,000, and those of the
gate the rest of 10,000.
"""

import ast
import contextlib
import functools
import json
import random

import jupytext
import nbformat
import plain_data
import pytest
from test_rebuild import NAMES, RELEASED, mutate

from tema9 import answers
from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank
from tema9.classroom.grading import rebuild, submission
from tema9.classroom.sandbox import border, wire

SOURCES = {source.name: source for source in sources.all_sources()}
TESTS = [(one.name, test.text) for source in SOURCES.values() for one in source.graded for test in one.tests]
OUTCOMES = {"fail", "error", "timeout", "memory", "kernel-died"}
MANY = [
    pytest.param(
        f"{number}",
        range(number * 1000, number * 1000 + 1000),
        marks=[pytest.mark.slow] if number == 1 else [pytest.mark.slow, pytest.mark.gate],
    )
    for number in range(1, 11)
]


def cases(few):
    """The seeds of the quick test, those of the slow ones, and those of the gate."""
    return pytest.mark.parametrize(("part", "seeds"), [pytest.param("few", range(few)), *MANY])


def copy_of(value):
    return json.loads(json.dumps(value))


@functools.cache
def answers_to(name):
    """{exercise: the answer} to every exercise of a notebook."""
    return {
        exercise.name: f"Respuesta a {exercise.name}." if exercise.by_hand else bank.solution(exercise).text
        for exercise in SOURCES[name].exercises.values()
    }


@functools.cache
def solved(name):
    """A notebook with an answer to every exercise, as the text of its JSON."""
    notebook = copy_of(RELEASED[name])
    for cell in notebook["cells"]:
        cell["source"] = answers_to(name).get(grade_id(cell), "".join(cell["source"]))
    return json.dumps(notebook, ensure_ascii=False)


@functools.cache
def script(name):
    """A notebook as released, exported as a script."""
    return jupytext.writes(RELEASED[name], fmt="py:light")


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def written(draw, notebook, texts, kind=None):
    """(place, cell) of one cell that a student writes."""
    places = [n for n, cell in enumerate(notebook["cells"]) if grade_id(cell) in texts]
    place = draw.choice([n for n in places if kind in (None, notebook["cells"][n]["cell_type"])])
    return place, notebook["cells"][place]


# What editors and students do to a notebook, of which none may lose an answer.


def split(draw, notebook, texts):
    place, cell = written(draw, notebook, texts, "code")
    lines = cell["source"].splitlines()
    if len(lines) > 1 and answers.STILL_A_STUB not in cell["source"]:
        cut = draw.randrange(1, len(lines))
        other = copy_of(cell) | {"source": "\n".join(lines[cut:]).strip("\n"), "id": f"x{draw.randrange(10**9)}"}
        cell["source"] = "\n".join(lines[:cut]).strip("\n")
        notebook["cells"].insert(place + 1, other)


def copy_the_stub(draw, notebook, texts):
    place, cell = written(draw, notebook, texts)
    stub = cells.by_name(RELEASED[notebook["name"]])[grade_id(cell)].source
    place += draw.choice((0, 1))
    if not notebook["cells"][place]["source"].startswith(" "):
        notebook["cells"].insert(place, copy_of(cell) | {"source": stub, "id": "copia"})


def experiment(draw, notebook, texts):
    place, cell = written(draw, notebook, texts, "code")
    text = draw.choice(("print(1)", "x = ", "1 / 0", "%matplotlib inline", "def otra(x):\n    return x", "", "# nada"))
    added = copy_of(cell) | {"source": text, "id": "nueva"}
    added["metadata"] = draw.choice(({}, added["metadata"]))
    if not notebook["cells"][place + 1]["source"].startswith(" "):  # the second half of a cell
        notebook["cells"].insert(place + 1, added)


def to_a_cell_of_its_own(draw, notebook, texts):
    place, cell = written(draw, notebook, texts)
    stub = cells.by_name(RELEASED[notebook["name"]])[grade_id(cell)].source
    copies = [one for one in notebook["cells"] if grade_id(one) == grade_id(cell)]
    if len(copies) == 1 and cell["source"] != stub:
        own = {"cell_type": cell["cell_type"], "metadata": {}, "source": cell["source"], "id": "propia"}
        cell["source"] = stub
        notebook["cells"].insert(place + 1, own)


def magic(draw, notebook, texts):
    _, cell = written(draw, notebook, texts, "code")
    if not cell["source"].startswith(" "):  # the second half of a cell
        line = draw.choice(("%matplotlib inline", "!pip install torch", "%%time", "# -*- coding: utf-8 -*-"))
        cell["source"] = f"{line}\n{cell['source']}"


def lines_as_list(draw, notebook, texts):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def spoil_ours(draw, notebook, texts):
    ours = [cell for cell in notebook["cells"] if grade_id(cell) not in texts]
    cell = draw.choice(ours)
    cell.update(draw.choice(({"outputs": 5}, {"metadata": {"tags": 3}}, {"execution_count": "x"}, {"attachments": []})))


HARMLESS = [split, copy_the_stub, experiment, to_a_cell_of_its_own, magic, spoil_ours]
BYTES = {
    "utf-8": lambda text: text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-8-sig": lambda text: text.encode("utf-8-sig"),
    "cp1252": lambda text: text.encode("cp1252", "replace"),
    "in a server's answer": lambda text: json.dumps({"content": json.loads(text)}).encode(),
    "spaced": lambda text: f"\n\n{text}\n\0".encode(),
}


def without_magics(text):
    return "\n".join(line for line in text.splitlines() if line[:1] not in ("%", "!"))


@functools.lru_cache(maxsize=4096)
def meaning(text):
    """What the functions, classes and constants of a text are, whatever else stands around them."""
    found = {}
    for node in ast.parse(without_magics(text)).body:
        for one in ast.walk(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                one.value = "".join(one.value.split())
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.dump(node)
        elif isinstance(node, ast.Assign):
            found[ast.dump(node.targets[0])] = ast.dump(node)
    return found


@cases(60)
def test_what_editors_and_students_do_to_a_notebook_loses_no_answer(part, seeds):
    for seed in seeds:
        draw = random.Random(seed)
        name = draw.choice(NAMES)
        notebook, texts = json.loads(solved(name)), answers_to(name)
        notebook["name"] = name
        done = draw.choices(HARMLESS, k=draw.randint(1, 6))
        for change in done:
            change(draw, notebook, texts)
        if draw.random() < 0.2:
            lines_as_list(draw, notebook, texts)
        form = draw.choice(list(BYTES))
        content = BYTES[form](json.dumps(notebook, ensure_ascii=False))
        rebuilt = rebuild.rebuild(submission.read(content), RELEASED[name])
        for grade_id, cell in cells.by_name(rebuilt.notebook).items():
            where = seed, [change.__name__ for change in done], form, grade_id
            if grade_id in texts and cell.cell_type == "code":
                given, kept = meaning(texts[grade_id]), meaning(cell.source)
                assert given.items() <= kept.items(), (where, cell.source)
            elif grade_id in texts:
                assert texts[grade_id] in cell.source, (where, cell.source)
        assert not rebuilt.missing


def assert_rebuilt_or_refused(name, content):
    """A file is rebuilt, with nothing of ours changed, or refused in a line."""
    try:
        rebuilt = rebuild.rebuild(submission.read(content), RELEASED[name])
    except submission.Unreadable as error:
        assert 0 < len(str(error)) < 200 and "\n" not in str(error)
        return
    for cell, original in zip(rebuilt.notebook.cells, RELEASED[name].cells, strict=True):
        if cells.is_written_by_student(original):
            original = original | {"source": cell.source}
            cell = {key: value for key, value in cell.items() if key != "attachments"}
        assert cell == original
    nbformat.validate(rebuilt.notebook)
    json.dumps(rebuilt.notebook, ensure_ascii=False).encode("utf-8")


@cases(40)
def test_no_file_crashes_the_reading_or_touches_what_is_ours(part, seeds):
    for seed in seeds:
        draw = random.Random(seed)
        name = draw.choice(NAMES)
        kind = draw.choice(("mutated", "bytes", "cut", "script", "lines"))
        content = solved(name).encode(draw.choice(("utf-8", "utf-8", "utf-16", "cp1252")), "replace")
        if kind == "mutated":
            notebook = json.loads(solved(name))
            for _ in range(draw.choice((1, 2, 5, 30))):
                notebook = mutate(notebook, draw)
            content = json.dumps(notebook).encode()
        elif kind == "bytes":
            spoiled = bytearray(content)
            for _ in range(draw.choice((1, 3, 100))):
                spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
            content = bytes(spoiled)
        elif kind == "cut":
            content = content[draw.randrange(len(content)) : draw.randrange(1, len(content))]
        elif kind == "script":
            text = script(draw.choice(NAMES[:2]))
            content = text[draw.randrange(200) : draw.randrange(len(text))].encode()
        else:
            lines = solved(name).split(",")
            draw.shuffle(lines)
            content = ",".join(lines).encode()
        assert_rebuilt_or_refused(name, content)


@cases(300)
def test_no_test_passes_data_that_is_not_the_answer(part, seeds):
    for seed in seeds:
        draw = random.Random(seed)
        exercise, test = TESTS[seed % len(TESTS)]
        given = plain_data.value(draw)
        bare = draw.random() < 0.1  # the data in the place of the function

        def answer(*args, given=given, **kwargs):
            return given

        verdict = border.judge(test, dict.fromkeys(border.names_of(test), given if bare else answer))
        assert verdict.outcome in OUTCOMES, (seed, exercise, given)
        assert len(verdict.message) <= border.LONGEST_MESSAGE + 100


@cases(300)
def test_plain_data_crosses_the_border_or_is_refused_and_so_does_what_claims_to_be(part, seeds):
    for seed in seeds:
        draw = random.Random(seed)
        try:
            content = wire.encode(plain_data.value(draw))
        except wire.NotPlainData as error:
            assert "complex" in str(error) or "ndarray" in str(error), seed
            continue
        again = wire.encode(wire.decode(content))
        assert again == content or b"\\ud800" in content, seed
        spoiled = bytearray(content)
        for _ in range(draw.choice((1, 1, 5))):
            spoiled[draw.randrange(len(spoiled))] = draw.choice((draw.randrange(256), ord(draw.choice('[]{}",:0-9e'))))
        size = draw.choice((len(spoiled), draw.randrange(len(spoiled))))
        with contextlib.suppress(wire.NotPlainData):
            wire.encode(wire.decode(bytes(spoiled[:size])))
