"""A student's server on a JupyterHub, without the hub: its start page, its settings and its command line."""

import json

import pytest

from tema9 import hub, lab, outline
from tema9.classroom import sources


def test_the_start_page_leads_to_where_nbgrader_puts_what_is_fetched(tmp_path):
    page = hub.start_page(sources.NOTEBOOKS, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert page.name == f"{outline.START}.ipynb" and json.loads(text)["cells"]
    for name in outline.notebooks():
        assert f"({name}/{name}.ipynb)" in text and f"({name}.ipynb)" not in text


def test_a_start_page_that_is_there_stays(tmp_path):
    (tmp_path / f"{outline.START}.ipynb").write_text("mine")
    assert hub.start_page(sources.NOTEBOOKS, tmp_path).read_text() == "mine"


def test_a_student_with_an_account_sees_the_assignment_list_and_no_tool_of_a_teacher(tmp_path):
    line = hub.command(sources.NOTEBOOKS, tmp_path, tmp_path, "--debug")
    assert line[1:3] == ["-m", "jupyterhub.singleuser"] and line[-1] == "--debug"
    assert f"--LabApp.app_settings_dir={tmp_path}" in line
    extensions = {word.split("=", 1)[1] for word in line if word.startswith("--ServerApp.jpserver_extensions=")}
    assert "nbgrader.server_extensions.assignment_list=True" in extensions
    assert "nbgrader.server_extensions.formgrader=False" in extensions and "tema9.validate=True" in extensions
    off = json.loads((tmp_path / "page_config.json").read_text())["disabledExtensions"]
    assert "@jupyter/nbgrader:formgrader" in off and not set(off) & set(hub.SHOWN)
    assert (tmp_path / "overrides.json").read_bytes() == (lab.SETTINGS / "overrides.json").read_bytes()


@pytest.mark.parametrize("words", [[], ["--debug"]])
def test_without_the_folder_of_the_start_page_one_line_says_what_to_give(words):
    with pytest.raises(SystemExit, match="say where the start page is"):
        hub.main(words)


def test_a_folder_without_the_start_page_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=outline.START):
        hub.main([str(tmp_path)])


@pytest.mark.parametrize("fetched", [True, False])
def test_a_notebook_is_found_where_nbgrader_has_fetched_it(tmp_path, fetched):
    name = next(iter(outline.notebooks()))
    expected = tmp_path / name / f"{name}.ipynb" if fetched else tmp_path / f"{name}.ipynb"
    expected.parent.mkdir(exist_ok=True)
    expected.write_text("{}")
    assert outline.path_in(tmp_path, name) == expected
    (tmp_path / f"{name}.ipynb").write_text("{}")
    assert outline.path_in(tmp_path, name) == tmp_path / f"{name}.ipynb"  # the one in the student's own folder
