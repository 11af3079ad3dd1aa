"""A new version of the course in a student's folder: new texts and tests come in, and nothing of the student's goes."""

import copy
import json
import random
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tema9 import update
from tema9.classroom import sources
from tema9.classroom.authoring import bundle

NAME = "1_lenet5"
FILES = bundle.files()


def notebook(files=FILES, name=NAME):
    return json.loads(files[f"notebooks/{name}.ipynb"])


def as_bytes(made):
    return json.dumps(made).encode()


def cell_of(made, name):
    return next(cell for cell in made["cells"] if name in (cell["id"], update._name(cell)))


def texts(made):
    return ["".join(cell["source"]) for cell in made["cells"]]


def before(files=FILES):
    return json.loads(files[update.RELEASED])


def merged(mine, new, old=None):
    result = update.merge(as_bytes(mine), as_bytes(new), before()[NAME] if old is None else old)
    made = json.loads(result.content)
    nbformat.validate(nbformat.from_dict(made))
    return result, made


def text_cell(text, name="a1b2c3d4"):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": [text]}


@pytest.fixture
def mine():
    """A student's notebook: an answer, prose, a changed exploration, an added cell, outputs."""
    made = notebook()
    cell_of(made, "n1-conv2d")["source"] = "def conv2d(x, w, b):\n    return 'mía'"
    cell_of(made, "n1-conv2d")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hola"}]
    cell_of(made, "n1-m1-c5")["source"] = "Mi respuesta."
    next(cell for cell in made["cells"] if cell["metadata"].get("tags") == ["explore"])["source"] = "probando = 1"
    made["cells"].insert(12, text_cell("Mis apuntes."))
    return made


@pytest.fixture
def new():
    """A new version: another introduction, stub and test, a new exercise, and one that is gone."""
    made = notebook()
    made["cells"][0]["source"] = "# Otra introducción"
    cell_of(made, "n1-conv2d-tests-one-channel")["source"] = "assert 'otra prueba'"
    cell_of(made, "n1-subsampling")["source"] = "# otro enunciado\nraise NotImplementedError()"
    added = copy.deepcopy(cell_of(made, "n1-conv2d"))
    added["id"] = added["metadata"]["nbgrader"]["grade_id"] = "n1-new"
    made["cells"].insert(30, added)
    made["cells"].remove(cell_of(made, "n1-s2-parameters"))
    return made


def test_answers_stay_and_texts_and_tests_are_the_new_ones(mine, new):
    cell_of(mine, "n1-s2-parameters")["source"] = "s2 = 12  # mía"
    result, made = merged(mine, new)
    assert texts(made)[0] == "# Otra introducción"
    assert cell_of(made, "n1-conv2d")["source"] == "def conv2d(x, w, b):\n    return 'mía'"
    assert cell_of(made, "n1-conv2d")["outputs"][0]["text"] == "hola"
    assert cell_of(made, "n1-m1-c5")["source"] == "Mi respuesta."
    assert cell_of(made, "n1-conv2d-tests-one-channel")["source"] == "assert 'otra prueba'"
    assert "otro enunciado" in cell_of(made, "n1-subsampling")["source"], "it had no answer"
    assert cell_of(made, "n1-new")
    assert texts(made).index("Mis apuntes.") - 1 == texts(made).index("".join(mine["cells"][11]["source"]))
    assert "probando = 1" in texts(made), "the course has not changed this exploration"
    at = texts(made).index("s2 = 12  # mía")
    assert texts(made)[at - 1] == update.GONE and not made["cells"][at]["metadata"]
    assert (result.answers, result.kept) == (2, 3)


def test_what_student_and_course_have_both_changed_is_there_twice(mine, new):
    explored = next(cell for cell in new["cells"] if cell["metadata"].get("tags") == ["explore"])
    explored["source"] = "nueva = 2"
    _, made = merged(mine, new)
    at = texts(made).index("nueva = 2")
    assert texts(made)[at + 1 : at + 3] == [update.OLD, "probando = 1"]
    assert made["cells"][at + 2]["id"] != explored["id"]


def test_the_last_of_two_copies_of_an_answer_is_the_answer_and_the_other_stays(mine, new):
    twice = copy.deepcopy(cell_of(mine, "n1-conv2d")) | {"id": "other", "source": "def conv2d():\n    'la buena'"}
    mine["cells"].append(twice)
    _, made = merged(mine, new)
    assert "la buena" in cell_of(made, "n1-conv2d")["source"]
    assert sum("return 'mía'" in text for text in texts(made)) == 1


def test_without_identifiers_of_cells_no_text_is_there_twice(mine, new):
    for cell in mine["cells"]:
        del cell["id"]
    _, made = merged(mine, new)
    assert cell_of(made, "n1-conv2d")["source"].endswith("'mía'") and "Mis apuntes." in texts(made)
    assert len(made["cells"]) <= len(new["cells"]) + 2


def test_without_a_record_of_the_release_answers_and_added_cells_stay(mine, new):
    _, made = merged(mine, new, old={})
    assert cell_of(made, "n1-conv2d")["source"].endswith("'mía'") and "Mis apuntes." in texts(made)
    assert texts(made)[0] == "# Otra introducción"


def test_a_second_update_changes_nothing(mine, new):
    made = merged(mine, new)[1]
    digests = json.loads(update.released({NAME: as_bytes(new)}))[NAME]
    resaved = json.dumps(made, sort_keys=True, indent=3).encode()  # as another editor lays the file out
    assert update.merge(resaved, as_bytes(new), digests).content == resaved
    assert merged(notebook(), new)[1] == new


@pytest.mark.parametrize("seed", range(25))
def test_whatever_a_student_and_the_course_change_nothing_that_was_written_is_lost(seed):
    draw = random.Random(seed)
    mine, new, wrote = notebook(), notebook(), []
    for number in range(draw.randrange(1, 25)):
        place = draw.randrange(len(mine["cells"]))
        text = f"escrito {number}"
        what = draw.choice(("change", "change", "add", "copy", "move", "delete"))
        if what == "add":
            mine["cells"].insert(place, text_cell(text, f"{draw.getrandbits(32):08x}"))
        elif what == "change":
            wrote = [one for one in wrote if one != texts(mine)[place]]
            mine["cells"][place]["source"] = text
        elif what == "copy":
            mine["cells"].insert(place, copy.deepcopy(mine["cells"][place]) | {"source": text, "id": f"c{number}"})
        else:
            cell = mine["cells"].pop(place)
            wrote = [one for one in wrote if one != "".join(cell["source"])]
            if what == "move":
                mine["cells"].insert(draw.randrange(len(mine["cells"])), cell)
                wrote += ["".join(cell["source"])] * "".join(cell["source"]).startswith("escrito")
            continue
        wrote.append(text)
    for number in range(draw.randrange(1, 25)):
        place = draw.randrange(len(new["cells"]))
        if draw.random() < 0.3:
            new["cells"].pop(place)
        else:
            new["cells"][place]["source"] = f"curso {number}"
    _, made = merged(mine, new)
    assert not set(wrote) - set(texts(made))
    for cell in new["cells"]:
        if "curso" in cell["source"][:5] and not cell["metadata"].get("nbgrader", {}).get("solution"):
            assert cell["source"] in texts(made)
        assert cell_of(made, update._name(cell))["metadata"].get("nbgrader") == cell["metadata"].get("nbgrader")
        if cell["metadata"].get("nbgrader", {}).get("locked"):
            assert cell_of(made, update._name(cell))["source"] == cell["source"]


@pytest.fixture
def course(tmp_path):
    """A student's course in a folder with spaces and accents, and the zip of a new version, which differs in a text."""
    home = tmp_path / "mi área"
    bundle.bundle(tmp_path / "old.zip")
    with zipfile.ZipFile(tmp_path / "old.zip") as archive:
        archive.extractall(home)
    changed = notebook()
    changed["cells"][0]["source"] = "# Otra introducción"
    with zipfile.ZipFile(tmp_path / "old.zip") as old, zipfile.ZipFile(tmp_path / "nueva versión.zip", "w") as made:
        for name in old.namelist():
            content = as_bytes(changed) if name.endswith(f"{NAME}.ipynb") else old.read(name)
            made.writestr(name, content + b"\nNuevo." * name.endswith("LEEME.md"))
    return home / bundle.FOLDER, tmp_path / "nueva versión.zip"


def answered(folder):
    path = folder / "notebooks" / f"{NAME}.ipynb"
    made = json.loads(path.read_text(encoding="utf-8"))
    cell_of(made, "n1-conv2d")["source"] = "def conv2d():\n    'mía'"
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def test_a_folder_is_updated_with_a_copy_of_what_was_there(course, monkeypatch, capsys):
    folder, archive = course
    path = answered(folder)
    was = path.read_bytes()
    installed = []
    monkeypatch.setattr(update, "install", lambda source: installed.append(source) or True)
    assert update.main([str(archive), str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"{NAME}.ipynb: 1 respuesta conservada" in said and "1 celda del curso nueva o cambiada" in said
    made = json.loads(path.read_text(encoding="utf-8"))
    assert texts(made)[0] == "# Otra introducción" and "mía" in cell_of(made, "n1-conv2d")["source"]
    assert (folder / "LEEME.md").read_text(encoding="utf-8").endswith("Nuevo.")
    [copies] = folder.glob("copia-*")
    assert (copies / "notebooks" / path.name).read_bytes() == was and (copies / "LEEME.md").is_file()
    assert len(list(copies.rglob("*.*"))) == 2 and installed == [archive]
    monkeypatch.chdir(folder)
    assert update.main([str(archive)]) == 0
    assert "no ha cambiado ningún fichero" in capsys.readouterr().out and len(list(folder.glob("copia-*"))) == 1


def test_the_unpacked_folder_of_a_new_version_will_do_and_a_notebook_that_cannot_be_read_stays(
    course, monkeypatch, capsys, tmp_path
):
    folder, archive = course
    shutil.unpack_archive(archive, tmp_path / "descargas")
    broken = folder / "notebooks" / f"{NAME}.ipynb"
    broken.write_text('{"cells": [')
    monkeypatch.setattr(update, "install", lambda source: False)
    assert update.main([str(tmp_path / "descargas"), str(folder / "notebooks")]) == 1
    said = capsys.readouterr().out
    assert f"✘ {NAME}.ipynb: no es un cuaderno que se pueda leer; se queda como está" in said
    assert "Falta instalar el paquete" in said and broken.read_text() == '{"cells": ['


def test_what_is_no_zip_of_the_course_is_refused_and_nothing_is_written(course, tmp_path):
    folder, archive = course
    there = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    half = tmp_path / "half.zip"
    half.write_bytes(archive.read_bytes()[:5000])
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    escaping = tmp_path / "escaping.zip"
    with zipfile.ZipFile(escaping, "w") as made:
        made.writestr(update.START, "{}")
        made.writestr("tema9/../../x", "")
    for path in (half, empty, escaping, tmp_path / "nowhere.zip", tmp_path):
        ran = subprocess.run(
            [sys.executable, "-m", "tema9.update", path, folder], cwd=tmp_path, capture_output=True, text=True
        )
        assert ran.returncode == 1 and ran.stderr.startswith("tema9.update: ") and ran.stderr.count("\n") == 1
    assert there == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_every_notebook_whole(course, monkeypatch):
    folder, archive = course
    path = answered(folder)
    was = path.read_bytes()
    made = update.plan(update.read(archive), folder / "notebooks")
    monkeypatch.setattr(update.Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        update.carry_out(made, folder)
    assert path.read_bytes() == was


def test_the_record_of_the_release_names_every_cell():
    for source in sources.all_sources():
        ids = {update._name(cell) for cell in notebook(name=source.name)["cells"]}
        assert set(before()[source.name]) == ids
