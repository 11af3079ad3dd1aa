"""The course folder: the teacher's own settings of nbgrader, and a release that is never older than its sources."""

import os
import subprocess
import sys
from pathlib import Path

import mini
import nbgrader.api
import pytest
import sqlalchemy
from running import run

from tema9.classroom import gradebook
from tema9.classroom.authoring import build
from tema9.classroom.course import CONFIG_FILE, OWN_SETTINGS, Course, settings

OURS = CONFIG_FILE.format(subfolder="")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        yield


def test_the_teacher_s_own_settings_are_read_after_ours_by_every_command(prepared, tmp_path):
    root = prepared(tmp_path / "course").root
    assert (root / "nbgrader_config.py").read_text() == OURS
    (root / OWN_SETTINGS).write_text("c = get_config()\nc.LimitOutput.max_lines = 7\n")
    assert settings(root).LimitOutput.max_lines == 7 and settings(root).HTMLExporter.sanitize_html
    assert Course(root).api.config.LimitOutput.max_lines == 7
    for text, words in (("c = get_config(\n", "SyntaxError"), ("1 / 0\n", "line 1: ZeroDivisionError")):
        (root / OWN_SETTINGS).write_text(text)
        with pytest.raises(ValueError, match=words) as raised:
            settings(root)
        assert str(raised.value).startswith(str(root / OWN_SETTINGS))


def test_what_the_teacher_edits_in_our_settings_stays(prepared, tmp_path):
    opened = prepared(tmp_path / "course")
    path = opened.root / "nbgrader_config.py"
    edited = OURS + "c.ClearSolutions.code_stub = {}\n"
    path.write_text(edited)
    opened.prepare()
    assert path.read_text() == edited
    path.write_text("c = get_config()\n")
    with pytest.raises(ValueError, match=f"move what is yours to {OWN_SETTINGS} beside it"):
        opened.prepare()
    assert path.read_text() == "c = get_config()\n"


@pytest.mark.parametrize("command", ["release", "bundle"])
def test_the_sources_are_built_before_they_are_released(command, tmp_path, monkeypatch):
    """The build stands in: that it was asked for, and that what it refuses is not released, is what is tested."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def refuse(**settings):
        asked.append(settings)
        raise build.LintError("1_mini.py, line 3: one cell has one role\n1_mini.py: the points sum to 90, not to 100")

    monkeypatch.setattr(build, "is_built", lambda: False)
    monkeypatch.setattr(build, "build", refuse)
    result = run(command)
    assert result.exit_code == 2 and len(asked) == 1
    assert result.stderr.splitlines() == ["tema9: 1_mini.py, line 3: one cell has one role",
                                          "tema9: 1_mini.py: the points sum to 90, not to 100"]  # fmt: skip
    assert "they are built first" in result.output and not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.gate
def test_a_new_gradebook_says_the_revision_that_nbgrader_itself_would_say(tmp_path):
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    code = "import nbgrader.api; print(nbgrader.api.get_alembic_version())"
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    opened = gradebook.open_gradebook(f"sqlite:///{tmp_path}/gradebook.db")
    kept = opened.db.execute(sqlalchemy.text("select version_num from alembic_version")).scalar()
    assert kept == nbgrader.api.get_alembic_version() == said.stdout.strip() != ""
