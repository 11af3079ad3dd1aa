"""The notebooks that students get: built from the sources, and holding nothing that they should not."""

import re
import shutil

import nbformat
import parts
import pytest
import solved
from nbclient import NotebookClient

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank, build

SOURCES = sources.all_sources()
START = sources.start_page()
also_the_start_page = pytest.mark.parametrize("source", [START, *SOURCES], ids=lambda source: source.name)
by_name = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


@pytest.fixture(scope="module")
def built():
    return build.build_notebooks()


def committed(source):
    return (sources.NOTEBOOKS / f"{source.name}.ipynb").read_text(encoding="utf-8")


def whole_numbers(value):
    """The integers in a result of the probes, however deep."""
    if isinstance(value, list | tuple):
        return [number for item in value for number in whole_numbers(item)]
    if isinstance(value, dict):
        return whole_numbers(list(value.values()))
    return [value] if type(value) is int else []


def lines_between(text, region):
    """The lines inside the BEGIN/END marks of a region."""
    inside = re.findall(rf"BEGIN {region}[^\n]*\n(.*?)\n[^\n]*END {region}", text, flags=re.S)
    return [line.strip() for block in inside for line in block.splitlines()]


@pytest.mark.slow
def test_committed_notebooks_equal_a_fresh_build(built):
    there = {path.name: path.read_bytes() for path in sources.NOTEBOOKS.glob("*.ipynb")}
    assert there == built, "run `make notebooks` and commit what it changes"


def test_what_is_built_says_from_which_sources():
    assert build.is_built(), "run `make notebooks` and commit what it changes"


def test_a_change_of_a_source_of_the_bank_or_of_what_was_built_is_noticed(tmp_path, monkeypatch):
    solutions, notebooks = tmp_path / "solutions", tmp_path / "notebooks"
    shutil.copytree(sources.SOLUTIONS, solutions)
    shutil.copytree(sources.NOTEBOOKS, notebooks, ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setattr(sources, "SOLUTIONS", solutions)
    monkeypatch.setattr(build, "BUILT", solutions / "built.json")
    assert build.is_built(notebooks)
    for path in (solutions / "1_lenet5.py", solutions / "mistakes/6_zfnet.py", notebooks / "1_lenet5.ipynb",
                 solutions / "7_nuevo.py", notebooks / "7_nuevo.ipynb"):  # fmt: skip
        before = path.read_bytes() if path.exists() else None
        path.write_bytes((before or b"") + b" ")
        assert not build.is_built(notebooks), path
        path.write_bytes(before) if before is not None else path.unlink()
    assert build.is_built(notebooks)


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(built, prepared, tmp_path):
    released = {path.name: path.read_bytes() for path in prepared(tmp_path).root.glob("release/*/*.ipynb")}
    assert len(released) == len(SOURCES) and released.items() <= built.items()


def test_committed_outline_equals_a_fresh_build():
    assert build.OUTLINE.read_text(encoding="utf-8") == build.build_outline(), "run `make notebooks` and commit"


@also_the_start_page
def test_a_notebook_has_no_outputs_and_no_metadata_of_an_author(source):
    notebook = nbformat.reads(committed(source), as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "title"}
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        assert set(cell.metadata) <= {"nbgrader", "tags", "deletable", "editable"}


@by_name
def test_a_notebook_holds_no_solution_no_hidden_test_and_no_mark_scheme(source):
    notebook = nbformat.reads(committed(source), as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", text)
    cells = {
        cell.metadata["nbgrader"]["grade_id"]: cell.source for cell in notebook.cells if "nbgrader" in cell.metadata
    }
    for cell in source.cells:
        for region in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
            for line in lines_between(cell.text, region):
                if len(line) > 12:
                    assert line not in cells[cell.grade_id], line
        if cell.role == "answer":
            assert cells[cell.grade_id] == "*ESCRIBE TU RESPUESTA AQUÍ*"


@also_the_start_page
def test_every_cell_id_is_derived_from_its_identifier_or_its_text(source):
    ids = [cell.id for cell in nbformat.reads(committed(source), as_version=4).cells]
    assert ids == [cell.id for cell in sources.to_notebook(source).cells]
    assert len(set(ids)) == len(ids)


def test_no_released_identifier_has_disappeared():
    """Gradebooks of past years know them; new ones are added to the list when they are released."""
    released = (sources.ROOT / "tests" / "data" / "grade_ids.txt").read_text().split()
    there = [cell.grade_id for source in SOURCES for cell in source.cells if cell.grade_id]
    assert sorted(released) == sorted(there)


@pytest.mark.slow
@by_name
def test_no_expected_value_can_be_read_from_the_fingerprints(source):
    known = checks.known_fingerprints()
    for exercise in source.graded:
        entry = known[exercise.name]
        answer = bank.namespace_of(bank.solution(exercise), source)
        results = checks.probe(entry, answer)
        readable = " ".join(text for mistakes in entry["mistakes"].values() for text in mistakes.values())
        readable = (readable + " ".join(probe["words"] for probe in entry["probes"])).replace("\u202f", "")
        for number in {number for number in whole_numbers(results) if number > 99}:
            assert not re.search(rf"(?<!\d){number}(?!\d)", readable), f"{exercise.name}: {number} in an explanation"
        marks = [mark for mistakes in entry["mistakes"].values() for mark in mistakes]
        marks += [mark for probe in entry["probes"] for mark in probe["right"]]
        assert all(re.fullmatch("[0-9a-f]{24}", mark) for mark in marks)


@pytest.mark.slow
@pytest.mark.skipif(not parts.lacks("browser"), reason="it runs in tests/browser/test_lab.py")
@by_name
def test_the_solved_notebook_runs_and_every_check_says_right(source, tmp_path):
    notebook = sources.to_notebook(source)
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    solved.assert_right(source, notebook.cells)


@by_name
def test_every_slide_named_in_the_header_is_a_table(source):
    assert re.search(r"^\|.*\|\n\|[-:| ]+\|", source.cells[0].text, flags=re.M), "the header maps slides to sections"
