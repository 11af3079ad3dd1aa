"""The students' bundle: complete, by itself, without answers, and the same bytes each time."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
import yaml

from tema9.classroom import sources
from tema9.classroom.authoring import bank, bundle

SOURCES = sources.all_sources()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    bundle.bundle(folder / "bundle.zip")
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        archive.extractall(folder)
    return folder / bundle.FOLDER


def texts(folder):
    """Every text in the bundle, a notebook's cells unescaped."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in bundle.ALWAYS_BINARY:
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb":
                text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
            yield path.relative_to(folder).as_posix(), text


def test_two_bundles_are_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        bundle.bundle(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_its_files_have_the_date_of_the_last_commit(tmp_path):
    bundle.bundle(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        [date] = {entry.date_time for entry in archive.infolist()}
    assert date[0] >= 2026 and date[3:] == (0, 0, 0)


def test_conda_gets_pytorch_from_conda_forge(unpacked):
    listed = yaml.safe_load((unpacked / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    ours = yaml.safe_load((sources.ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert [one for one in listed if "torch" in str(one)] == [one for one in ours if "torch" in str(one)]
    assert listed[-1] == {"pip": ["."]}


def test_it_holds_every_notebook_as_built_and_no_side_of_the_instructor(unpacked):
    for source in SOURCES:
        there = (unpacked / "notebooks" / f"{source.name}.ipynb").read_text(encoding="utf-8")
        assert there == (sources.NOTEBOOKS / f"{source.name}.ipynb").read_text(encoding="utf-8")
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert not [
        name
        for name in names
        if re.search(r"classroom|solutions|mistakes|tests|tema9/cli|facts|deck|slides|node_modules|package\.json", name)
    ]
    assert {"LEEME.md", "LICENSE", "pyproject.toml", "environment.yml", "tema9/checks.json"} <= names


def test_no_text_in_it_holds_a_solution_a_hidden_test_or_a_mark_scheme(unpacked):
    marks = ("BEGIN SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
    everything = dict(texts(unpacked))
    for name, text in everything.items():
        assert not [mark for mark in marks if mark in text], name
    notebooks = "\n".join(text for name, text in everything.items() if name.startswith("notebooks/"))
    for source in SOURCES:
        for cell in source.cells:
            hidden = re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", cell.text, flags=re.S)
            for block in hidden:
                assert block.strip() not in notebooks, cell.grade_id
            if cell.role == "answer":
                assert cell.text.strip() not in notebooks


def test_the_fingerprints_in_it_hold_no_answer(unpacked):
    known = json.loads((unpacked / "tema9" / "checks.json").read_text(encoding="utf-8"))
    text = json.dumps(known, ensure_ascii=False)
    for source in SOURCES:
        for exercise in source.graded:
            assert bank.solution(exercise).text.strip() not in text
            assert set(known[exercise.name]) == {"names", "given", "contracts", "probes", "mistakes"}


@pytest.mark.slow
def test_every_module_in_it_loads_without_the_rest(unpacked):
    modules = [
        ".".join(path.relative_to(unpacked).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((unpacked / "tema9").rglob("*.py"))
    ]
    code = f"import importlib, tema9\nfor name in {modules}: importlib.import_module(name)\nprint(tema9.__file__)"
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=unpacked, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(unpacked / "tema9" / "__init__.py")


@pytest.mark.slow
def test_a_student_s_check_answers_from_the_bundle_alone(unpacked):
    code = "import tema9, torch\ntry:\n    tema9.check('n1-conv2d')\nexcept SystemExit:\n    pass"
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=unpacked, env=environment, capture_output=True, text=True)
    assert "todavía no has definido `conv2d`" in ran.stdout, ran.stderr


def test_its_dependencies_are_the_repository_s_without_the_instructor_s(unpacked):
    def dependencies(path):
        return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]

    ours, theirs = dependencies(sources.ROOT / "pyproject.toml"), dependencies(unpacked / "pyproject.toml")
    dropped = {re.match(r"[\w-]+", line)[0] for line in set(ours) - set(theirs)}
    assert set(theirs) < set(ours) and dropped == set(bundle.INSTRUCTORS_DEPENDENCIES)


def test_without_the_notebooks_it_says_what_to_run(tmp_path):
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(FileNotFoundError, match="run `tema9 notebooks` first"):
        bundle.bundle(tmp_path / "x.zip", root=tmp_path)
    assert not (tmp_path / "x.zip").exists()
