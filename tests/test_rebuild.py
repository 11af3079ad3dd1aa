"""Rebuilding: what the student wrote arrives, nothing else does, and nothing in a file makes it crash."""

import copy
import json
import random

import nbformat
import pytest

from tema9.classroom import sources
from tema9.classroom.grading import rebuild

NAMES = [path.stem for path in sorted(sources.NOTEBOOKS.glob("[1-9]*.ipynb"))]
RELEASED = {name: nbformat.read(sources.NOTEBOOKS / f"{name}.ipynb", as_version=4) for name in NAMES}


def written(notebook):
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")}


def answered(name, keep_names=True):
    """The released notebook with something in every cell that a student writes; and what, by id."""
    notebook, texts = copy.deepcopy(RELEASED[name]), {}
    for grade_id, cell in written(notebook).items():
        cell.source = f"{cell.source}\n# {grade_id}" if cell.cell_type == "code" else f"Respuesta a {grade_id}"
        texts[grade_id] = cell.source
    return notebook, texts


def texts_of(rebuilt):
    return {grade_id: cell.source for grade_id, cell in written(rebuilt.notebook).items()}


def assert_only_the_written_differs(name, rebuilt):
    for cell, original in zip(rebuilt.notebook.cells, RELEASED[name].cells, strict=True):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            original = original | {"source": cell.source}
        assert cell == original


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_submission_needs_no_repair(name):
    submission, texts = answered(name)
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert rebuilt.repairs == () and texts_of(rebuilt) == texts
    assert_only_the_written_differs(name, rebuilt)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ids", ["cell ids kept", "no cell ids"])
def test_without_any_metadata_every_answer_is_found(name, ids):
    submission, texts = answered(name)
    for cell in submission.cells:
        cell.metadata.clear()
        if ids == "no cell ids":
            del cell["id"]
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert texts_of(rebuilt) == texts
    assert len(rebuilt.repairs) == len(texts)
    assert_only_the_written_differs(name, rebuilt)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_without_a_cell_of_ours_and_without_an_answer_is_another_one(name):
    code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    own = [code("import torch\nprint(1)"), prose("# Mi trabajo"), code("def __(mo):\n    mo.md('hola')\n    return")]
    for cells in ([], own):
        assert rebuild.rebuild({"cells": cells}, RELEASED[name]).is_another
    source = next(source for source in sources.all_sources() if source.name == name)
    for exercise in source.graded:
        assert not rebuild.rebuild({"cells": [*own, code(exercise.solution.text)]}, RELEASED[name]).is_another
    assert not rebuild.rebuild({"cells": RELEASED[name].cells[:1]}, RELEASED[name]).is_another


def test_an_answer_that_was_cut_in_two_without_metadata_is_joined():
    name = "1_lenet5"
    submission, texts = answered(name)
    grade_id = next(grade_id for grade_id, cell in written(submission).items() if cell.cell_type == "markdown")
    place = next(n for n, cell in enumerate(submission.cells) if cell.source == texts[grade_id])
    for cell in submission.cells:
        cell.metadata.clear()
        del cell["id"]
    submission.cells.insert(place + 1, nbformat.v4.new_markdown_cell("y sigue"))
    assert texts_of(rebuild.rebuild(submission, RELEASED[name]))[grade_id] == f"{texts[grade_id]}\n\ny sigue"


def test_of_a_cell_that_stands_twice_the_last_that_was_written_counts():
    name = "1_lenet5"
    submission, _ = answered(name)
    grade_id, cell = next(iter(written(submission).items()))
    again, blank = copy.deepcopy(cell), copy.deepcopy(written(RELEASED[name])[grade_id])
    again.source = "def conv_output_size(*sizes):\n    return 'lo que escribió la estudiante'"
    submission.cells += [again, blank]
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert texts_of(rebuilt)[grade_id] == again.source
    assert f"`{grade_id}`: la celda estaba 3 veces; cuenta la última que se escribió" in rebuilt.repairs


def test_changed_and_missing_tests_are_told_and_come_back():
    name = "2_alexnet_capa_a_capa"
    submission, _ = answered(name)
    tests = [cell for cell in submission.cells if "-tests" in cell.metadata.get("nbgrader", {}).get("grade_id", "")]
    tests[0].source = "pass"
    submission.cells.remove(tests[1])
    rebuilt = rebuild.rebuild(submission, RELEASED[name])
    assert [line.split("`")[1] for line in rebuilt.repairs] == [t.metadata.nbgrader.grade_id for t in tests[:2]]
    assert_only_the_written_differs(name, rebuilt)


def test_added_code_does_not_run_and_is_told():
    submission, _ = answered("1_lenet5")
    submission.cells.insert(0, nbformat.v4.new_code_cell("import os\nos._exit(0)"))
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"])
    assert rebuilt.repairs == ("celdas de código añadidas o cambiadas, que al corregir no se ejecutan: 1",)
    assert_only_the_written_differs("1_lenet5", rebuilt)


def test_a_cell_that_is_too_long_stays_as_released():
    submission, _ = answered("1_lenet5")
    grade_id, cell = next(iter(written(submission).items()))
    cell.source = "x" * 201
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"], longest=200)
    assert texts_of(rebuilt)[grade_id] == written(RELEASED["1_lenet5"])[grade_id].source
    assert f"`{grade_id}`: la celda tiene 201 caracteres y no se lee; el límite son 200" in rebuilt.repairs


def test_a_cell_of_another_type_is_read_all_the_same():
    submission, texts = answered("1_lenet5")
    grade_id, cell = next(iter(written(submission).items()))
    cell.cell_type = "raw"
    rebuilt = rebuild.rebuild(submission, RELEASED["1_lenet5"])
    assert texts_of(rebuilt) == texts
    assert rebuilt.repairs == (f"`{grade_id}`: la celda había cambiado de tipo; vuelve a ser de código",)


ODD = (None, 0, -1.5, "", "x" * 3000, [], {}, [[]], {"a": 1}, True, "n1-conv2d", "\ud800", ["a", 1, None])


def mutate(value, draw, depth=0):
    """Change something at random, somewhere in a structure of JSON."""
    if not isinstance(value, dict | list) or not value or (depth and draw.random() < 0.15):
        return copy.deepcopy(draw.choice(ODD))
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = draw.choice(keys)
    what = draw.random()
    if what < 0.1:
        del value[key]
    elif what < 0.2 and isinstance(value, list):
        value.insert(draw.randrange(len(value)), copy.deepcopy(value[key]))
    elif what < 0.3 and isinstance(value, list):
        draw.shuffle(value)
    elif what < 0.35 and isinstance(value, dict):
        value[draw.choice(["id", "metadata", "nbgrader", "source"])] = copy.deepcopy(draw.choice(ODD))
    else:
        value[key] = mutate(value[key], draw, depth + 1)
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_no_mutation_of_a_submission_makes_it_crash_or_touches_the_rest(seed):
    draw = random.Random(seed)
    texts = {name: json.dumps(answered(name)[0]) for name in NAMES}
    for _ in range(100):
        name = draw.choice(NAMES)
        submission = json.loads(texts[name])
        for _ in range(draw.choice([1, 2, 5, 30])):
            submission = mutate(submission, draw)
        rebuilt = rebuild.rebuild(submission, RELEASED[name])
        assert_only_the_written_differs(name, rebuilt)
        nbformat.validate(rebuilt.notebook)
        json.dumps(rebuilt.notebook, ensure_ascii=False).encode("utf-8")  # nbformat.writes copies and validates again


NAME = "1_lenet5"
RIGHT = "def conv_output_size(size, kernel_size, stride=1, padding=0):\n    rest = size - kernel_size\n    return rest"
S2 = "s2_parameters, s4_parameters = 12, 32\nmax_pool_parameters = 0"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def release():
    return copy.deepcopy(RELEASED[NAME])


def place_of(notebook, grade_id):
    return next(n for n, cell in enumerate(notebook.cells) if name_of(cell) == grade_id)


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def after(notebook, grade_id, *added, by=1):
    """Put cells below the cell of a name."""
    place = place_of(notebook, grade_id) + by
    notebook.cells[place:place] = added


def code(text, **metadata):
    return nbformat.v4.new_code_cell(text, metadata=metadata)


def prose(text, **fields):
    return nbformat.v4.new_markdown_cell(text, **fields)


def rebuilt_texts(notebook):
    """(the texts by name, the repairs as one text) of a submission."""
    rebuilt = rebuild.rebuild(json.loads(json.dumps(notebook)), RELEASED[NAME])
    assert_only_the_written_differs(NAME, rebuilt)
    return texts_of(rebuilt), " / ".join(rebuilt.repairs)


def test_the_halves_of_a_split_cell_are_joined_in_order():
    notebook = release()
    cell = written(notebook)["n1-conv-output-size"]
    other = copy.deepcopy(cell)
    cell.source, other.source = RIGHT.split("\n    return")[0], "    return rest"
    other.id = "mitad"
    after(notebook, "n1-conv-output-size", other)
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-conv-output-size"] == RIGHT
    assert "`n1-conv-output-size`: la celda estaba 2 veces; se han unido en su orden" in repairs


def test_a_copy_with_an_experiment_does_not_cost_the_answer():
    notebook = release()
    cell = written(notebook)["n1-conv-output-size"]
    cell.source = RIGHT
    other = copy.deepcopy(cell)
    other.id, other.source = "copia", "print(conv_output_size(32, 5))"
    broken = copy.deepcopy(other)
    broken.id, broken.source = "rota", "conv_output_size(32,"
    after(notebook, "n1-conv-output-size", other, broken)
    texts, _ = rebuilt_texts(notebook)
    assert texts["n1-conv-output-size"].startswith(RIGHT) and "32,\n" not in texts["n1-conv-output-size"]


def test_code_in_a_cell_of_its_own_counts_while_the_cell_for_it_is_a_stub():
    notebook = release()
    after(notebook, "n1-conv-output-size", code(RIGHT, id="x"))
    notebook.cells.append(code(S2))
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-conv-output-size"] == RIGHT and texts["n1-s2-parameters"] == S2
    assert "`n1-conv-output-size`: la respuesta estaba en una celda añadida, y se ha leído ahí" in repairs
    assert "celdas de código añadidas" not in repairs


def test_half_of_the_code_may_stand_in_a_cell_of_its_own():
    notebook = release()
    cell = written(notebook)["n1-train-step"]
    head, stub = cell.source.split("def evaluate")
    cell.source = head.replace("# ESCRIBE TU CÓDIGO AQUÍ\n    raise NotImplementedError()", "return 1.0")
    cell.source += "def evaluate" + stub
    after(notebook, "n1-train-step", code("def evaluate(model, data, batch_size=100):\n    return 0.0, 0.0"))
    namespace = {}
    exec(rebuilt_texts(notebook)[0]["n1-train-step"], namespace)
    assert namespace["train_step"](1, 2, 3, 4) == 1.0 and namespace["evaluate"](1, 2) == (0.0, 0.0)


def test_code_of_ones_own_does_not_replace_an_answer():
    notebook = release()
    written(notebook)["n1-conv-output-size"].source = RIGHT
    after(notebook, "n1-conv-output-size", code("def conv_output_size(*sizes):\n    return 'un experimento'"))
    assert rebuilt_texts(notebook)[0]["n1-conv-output-size"] == RIGHT


def test_an_answer_in_a_copy_of_another_exercise_s_cell_is_found():
    notebook = release()
    stub = written(notebook)["n1-subsampling"]
    other = copy.deepcopy(written(notebook)["n1-conv-output-size"])
    other.id, other.source = "copia", "def subsampling(maps, coefficient, bias):\n    return maps"
    written(notebook)["n1-conv-output-size"].source = RIGHT
    notebook.cells[notebook.cells.index(stub)] = other
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-subsampling"] == other.source and texts["n1-conv-output-size"] == RIGHT
    assert "`n1-subsampling`" in repairs


def test_two_answers_in_one_cell_are_both_found():
    notebook = release()
    cell, other = written(notebook)["n1-conv-output-size"], written(notebook)["n1-conv2d"]
    cell.source = f"{RIGHT}\n\ndef conv2d(image, weight, bias):\n    return image"
    notebook.cells.remove(other)
    texts, repairs = rebuilt_texts(notebook)
    assert "def conv2d" in texts["n1-conv2d"] and RIGHT in texts["n1-conv-output-size"]
    assert "`n1-conv2d`: la celda se ha reconocido dentro de otra" in repairs


@pytest.mark.parametrize("kind", ["markdown", "raw", "code"])
def test_prose_in_a_cell_of_its_own_under_the_untouched_one_is_the_answer(kind):
    notebook = release()
    own = prose("Es una convolución, (no otra cosa).")
    own.cell_type = kind
    after(notebook, "n1-m1-c5", own)
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-m1-c5"] == "Es una convolución, (no otra cosa)."
    assert "`n1-m1-c5`: la respuesta estaba en una celda añadida" in repairs


def test_prose_may_go_on_in_further_cells():
    notebook = release()
    written(notebook)["n1-m1-c5"].source = "Primero."
    after(notebook, "n1-m1-c5", prose("Segundo."), code("1 + 1"), prose("Tercero."))
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-m1-c5"] == "Primero.\n\nSegundo.\n\nTercero."
    assert "`n1-m1-c5`: la respuesta seguía en celdas añadidas" in repairs


def test_prose_in_the_cell_of_the_question_is_read():
    notebook = release()
    notebook.cells[place_of(notebook, "n1-m1-c5") - 1].source += "\n\nRespuesta: las dos cosas."
    texts, repairs = rebuilt_texts(notebook)
    assert texts["n1-m1-c5"].endswith("Respuesta: las dos cosas.") and "celda del enunciado" in repairs


def test_the_words_of_another_release_of_the_course_are_no_answer():
    notebook = release()
    place = place_of(notebook, "n1-m1-c5")
    notebook.cells[place - 1].source = notebook.cells[place - 1].source.replace("capa", "parte")
    notebook.cells[place + 2].source = "Una explicación de antes."
    texts, _ = rebuilt_texts(notebook)
    assert texts["n1-m1-c5"] == "*ESCRIBE TU RESPUESTA AQUÍ*"


@pytest.mark.parametrize(
    ("text", "attachments"),
    [
        ("Mira:\n\n![a](attachment:image.png)", {"image.png": {"image/png": PNG}}),
        ("Mira:\n\n![a](attachment:una%20figura.png)", {"una figura.png": {"image/png": PNG}}),
        ("Mira:\n\n![a](<attachment:una figura.png>)", {"una figura.png": {"image/png": PNG}}),
        ("Mira:\n\n<img src='attachment:x.png' width=200>", {"x.png": {"image/png": [PNG[:50], PNG[50:]]}}),
        (f"Mira:\n\n![a](data:image/png;base64,{PNG})", None),
        (f"Mira: ![a][image1]\n\n[image1]: <data:image/png;base64,{PNG}>", {}),
        (f'Mira: <img alt="x" src="data:image/png;base64,{PNG}"/>', 7),
    ],
)
def test_an_image_in_prose_arrives_as_an_attachment(text, attachments):
    notebook = release()
    cell = written(notebook)["n1-m1-c5"]
    cell.source = text
    if attachments is not None:
        cell["attachments"] = attachments
    rebuilt = rebuild.rebuild(json.loads(json.dumps(notebook)), RELEASED[NAME])
    cell = written(rebuilt.notebook)["n1-m1-c5"]
    ((name, bundle),) = cell.attachments.items()
    assert bundle == {"image/png": PNG} and f"attachment:{name}" in cell.source
    assert not rebuilt.repairs
    nbformat.validate(rebuilt.notebook)


def test_images_of_one_name_in_two_cells_stay_two_images():
    gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    notebook = release()
    first, second = written(notebook)["n1-m1-c5"], prose("![](attachment:image.png)")
    first.source, first["attachments"] = "![](attachment:image.png)", {"image.png": {"image/png": PNG}}
    second["attachments"] = {"image.png": {"image/png": gif}}
    after(notebook, "n1-m1-c5", second)
    cell = written(rebuild.rebuild(notebook, RELEASED[NAME]).notebook)["n1-m1-c5"]
    assert sorted(next(iter(bundle)) for bundle in cell.attachments.values()) == ["image/gif", "image/png"]
    assert all(f"attachment:{name}" in cell.source for name in cell.attachments)


@pytest.mark.parametrize("content", ["<script>alert(1)</script>", "AAAA", "ñ", 7, None, "A" * (9 * 2**20)])
def test_what_is_no_image_is_left_out_and_told(content):
    notebook = release()
    cell = written(notebook)["n1-m1-c5"]
    cell.source, cell["attachments"] = "Mira: ![](attachment:image.png)", {"image.png": {"image/png": content}}
    rebuilt = rebuild.rebuild(notebook, RELEASED[NAME])
    assert "attachments" not in written(rebuilt.notebook)["n1-m1-c5"]
    assert "`n1-m1-c5`: 1 de sus imágenes no se muestran" in " ".join(rebuilt.repairs)
