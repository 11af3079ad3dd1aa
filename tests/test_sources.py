"""From py:percent with short keys to nbgrader's metadata."""

import shutil

import mini
import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from tema9.classroom import sources


@pytest.fixture
def source(tmp_path):
    return sources.read(mini.write(tmp_path) / "1_mini.py")


def test_the_expanded_notebook_is_valid_for_nbformat_and_for_nbgrader(source):
    notebook = sources.to_notebook(source)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)


def test_roles_become_nbgraders_flags(source):
    cells = {
        c.metadata.nbgrader.grade_id: c.metadata.nbgrader
        for c in sources.to_notebook(source).cells
        if "nbgrader" in c.metadata
    }
    flags = {name: (m.grade, m.solution, m.locked, m.get("points")) for name, m in cells.items()}
    assert flags == {
        "n1-size": (False, True, False, None),
        "n1-size-tests-values": (True, False, True, 60),
        "n1-size-tests-whole": (True, False, True, 30),
        "n1-why": (True, True, False, 10),
        "n1-why-criteria": (False, False, True, None),
    }


def test_two_expansions_are_equal_and_a_new_cell_changes_no_other_id(source, tmp_path):
    first = [cell.id for cell in sources.to_notebook(source).cells]
    assert first == [cell.id for cell in sources.to_notebook(source).cells]
    longer = mini.SOURCE.replace("# %%\nimport tema9", "# %% [markdown]\n# Una celda más.\n\n# %%\nimport tema9")
    second = [cell.id for cell in sources.to_notebook(sources.read(mini.write(tmp_path, longer) / "1_mini.py")).cells]
    assert len(second) == len(first) + 1
    assert set(first) < set(second)


def test_equal_texts_get_different_ids(tmp_path):
    twice = mini.SOURCE.replace("# ¿Por qué?\n", "# ¿Por qué?\n\n# %% [markdown]\n# ¿Por qué?\n")
    ids = [cell.id for cell in sources.to_notebook(sources.read(mini.write(tmp_path, twice) / "1_mini.py")).cells]
    assert len(set(ids)) == len(ids)


def test_exploring_cells_are_tagged_and_have_no_grade(source):
    tagged = [cell for cell in sources.to_notebook(source).cells if cell.metadata.get("tags") == ["explore"]]
    assert [cell.source for cell in tagged] == ['tema9.check("n1-size")', 'print("una exploración")']


def test_nothing_of_jupytext_reaches_the_notebook(source):
    notebook = sources.to_notebook(source)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "title"}
    assert all(set(cell.metadata) <= {"nbgrader", "tags"} for cell in notebook.cells)


@pytest.mark.parametrize(
    "path",
    [sources.start_page().path, *(one.path for one in sources.all_sources()), *sources.ROOT.glob("slides/*.py")],
    ids=lambda path: path.stem,
)
def test_a_source_that_was_opened_as_a_notebook_and_run_is_saved_as_it_was(path, tmp_path):
    """What JupyterLab's server does with it, by jupytext, and what a run leaves in the cells."""
    from jupyter_server.services.contents.largefilemanager import LargeFileManager
    from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

    shutil.copy(sources.ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "solutions").mkdir()
    shutil.copy(path, tmp_path / "solutions")
    contents = build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))
    place = f"solutions/{path.name}"
    notebook = contents.get(place, type="notebook")["content"]
    notebook.metadata.language_info = {"name": "python", "version": "3.12.1", "file_extension": ".py"}
    for cell in notebook.cells:
        cell.metadata.trusted = True
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.metadata.execution = {"iopub.execute_input": "2026"}
            cell.outputs = [nbformat.v4.new_output("stream", text="dicho")]
    contents.save({"type": "notebook", "format": "json", "content": notebook}, place)
    assert (tmp_path / place).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
