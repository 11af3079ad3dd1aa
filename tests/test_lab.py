"""JupyterLab's settings, and what the doctor finds."""

import json

import pytest

from tema9 import doctor, lab
from tema9.classroom import doctor as teacher
from tema9.classroom import sources
from tema9.classroom.sandbox import sandbox


def test_jupyterlab_opens_on_the_start_page_and_asks_nothing_of_the_network():
    settings = lab.settings(sources.NOTEBOOKS)
    assert "--LabApp.default_url=/lab/tree/0_empieza_aqui.ipynb" in settings
    assert "--LabApp.extension_manager=readonly" in settings
    overrides = json.loads((lab.SETTINGS / "overrides.json").read_text())
    news = overrides["@jupyterlab/apputils-extension:notification"]
    assert news == {"fetchNews": "false", "checkForUpdates": False}
    assert overrides["@jupyterlab/translation-extension:plugin"]["locale"] == "es_ES"


def test_the_notebooks_are_found_from_the_bundle_and_from_their_folder(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "0_empieza_aqui.ipynb").write_text("{}")
    for place in (tmp_path, folder):
        monkeypatch.chdir(place)
        assert lab.notebooks_folder().resolve() == folder.resolve()
    with pytest.raises(FileNotFoundError, match="no encuentro"):
        lab.notebooks_folder(tmp_path)


def test_the_doctor_finds_what_is_here(tmp_path):
    findings = {finding.name: finding for finding in doctor.examine(tmp_path)}
    assert all(finding.right for finding in findings.values() if finding.needed)
    assert "torch 2" in findings["paquetes"].there


def test_the_doctor_says_the_fix_of_what_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1, "final", 0))
    monkeypatch.setattr(doctor, "LEAST_DISK", 2**70)
    assert doctor.say([doctor.python(), doctor.packages(), doctor.disk(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✘ Python: 3.9.1. Hace falta 3.11")
    assert lines[1].startswith("✘ paquetes: falta no-such-package. Instala")
    assert lines[2].startswith("✘ disco:")


def test_the_doctor_notices_a_folder_that_cannot_be_written(tmp_path):
    finding = doctor.writable(tmp_path / "nowhere")
    assert not finding.right and "no está la carpeta" in finding.there


def test_what_is_not_needed_costs_no_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(teacher.browser, "find", lambda: "")
    assert doctor.say([teacher.chromium()]) == 0
    assert "– navegador: no hay Chromium" in capsys.readouterr().out


def test_a_missing_sandbox_is_found(monkeypatch):
    monkeypatch.setattr(sandbox, "why_not", lambda: sandbox.REASONS["missing"])
    finding = teacher.isolation()
    assert not finding.right and finding.there == "no hay bubblewrap" and "apt install bubblewrap" in finding.fix


def test_a_course_folder_that_is_not_there_yet_is_looked_for_above(tmp_path):
    assert str(tmp_path) in teacher.folder(tmp_path / "a" / "course").there


def test_the_summary_names_every_notebook():
    assert len(doctor.summary().rows) == len(sources.all_sources())
    assert "núcleos" in doctor.summary().note
