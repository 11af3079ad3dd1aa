"""JupyterLab's settings, and what the doctor finds."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest
from sampling import sampled

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


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A home that nobody can write, not even root: it is below a file."""
    (tmp_path / "file").touch()
    for name in [*lab.personal_folders(), "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "file" / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(lab.tempfile, "tempdir", str(tmp_path / "temporary"))


def test_without_a_writable_home_jupyterlab_uses_a_temporary_folder_and_the_doctor_says_so(no_home, monkeypatch):
    found = doctor.home()
    assert not found.right and "no se puede escribir en" in found.there and "temporal" in found.fix
    before = dict(os.environ)
    try:
        said = lab.use_temporary_folder()
        assert "no se puede escribir en" in said and lab.TEMPORARY in said and lab.unwritable() == {}
        assert not doctor.home().right and lab.TEMPORARY in doctor.home().there
        assert lab.use_temporary_folder() == ""
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_home_that_can_be_written_is_used(tmp_path, monkeypatch):
    for name in lab.personal_folders():
        monkeypatch.setenv(name, str(tmp_path / "not" / "yet" / name))
    assert lab.use_temporary_folder() == "" and doctor.home().right
    assert not list(tmp_path.iterdir()), "looking leaves nothing behind"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has none of these signals")
@pytest.mark.parametrize("name", sampled(["SIGTERM", "SIGHUP", "SIGKILL"], ["SIGKILL"]))
def test_whatever_ends_tema9_lab_ends_jupyterlab_and_its_kernels(no_home, name, tmp_path):
    page = tmp_path / "mis cuadernos ñ" / "0_empieza_aqui.ipynb"
    page.parent.mkdir()
    page.write_text("{}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--IdentityProvider.token=t",
    ]
    command = lab.command(page.parent, *options)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    ) as started:
        try:
            said = []
            for line in started.stdout:
                said.append(line)
                if "http://127.0.0.1:" in line:
                    break
            url = f"http://127.0.0.1:{port}"
            request = urllib.request.Request(f"{url}/api/kernels?token=t", b'{"name": "python3"}', method="POST")
            while True:  # JupyterLab says its address a moment before it listens there
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 201
            family = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
            assert len(family) > 1
            started.send_signal(getattr(signal, name))
            started.stdout.read()
        finally:
            started.kill()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert said[0].startswith("tema9.lab: no se puede escribir en") and not any("Traceback" in line for line in said)


@pytest.mark.parametrize("module", ["lab", "doctor", "progress", "update"])
def test_help_is_in_spanish_and_does_nothing_else(module, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", f"tema9.{module}", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0 and ran.stdout.startswith(f"uso: python -m tema9.{module} ")


KERNELS = {
    "gone": (
        '{"argv": ["/no/such/python", "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}',
        "no está",
    ),
    "a bare name that is not there": ('{"argv": ["pythonista"], "display_name": "x", "language": "python"}', "no está"),
    "another": (json.dumps({"argv": ["/bin/sh"], "display_name": "x", "language": "python"}), "otro Python"),
    "no JSON": ("{", "no se entiende"),
    "empty": ("", "no se entiende"),
    "a list": ("[]", "no se entiende"),
    "no argv": ("{}", "no se entiende"),
    "argv of numbers": ('{"argv": [1]}', "no está"),
    "bytes": ("\x00\xff", "no se entiende"),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_doctor_reports_a_broken_kernel(name, tmp_path, monkeypatch):
    text, words = KERNELS[name]
    place = tmp_path / "kernels" / "python3"
    place.mkdir(parents=True)
    (place / "kernel.json").write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    [found] = [finding for finding in doctor.examine(tmp_path) if finding.name == "núcleo de Jupyter"]
    assert not found.right and words in found.there and str(place) in found.fix and "ipykernel install" in found.fix


def test_the_course_s_own_kernel_is_right(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(lab.SETTINGS))
    assert doctor.kernel().right
    assert json.loads((lab.SETTINGS / "kernels" / "python3" / "kernel.json").read_text())["argv"][1] == "-P"


def test_the_doctor_reports_what_it_cannot_look_at(tmp_path, monkeypatch):
    def breaks():
        raise OSError("broken\nin two lines")

    monkeypatch.setattr(doctor, "machine", breaks)
    findings = {finding.name: finding for finding in doctor.examine(tmp_path / "nowhere")}
    assert findings["máquina"].there == "no se puede mirar (OSError: broken in two lines)"
    assert "no está la carpeta" in findings["carpetas"].there and findings["disco"].right


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


@pytest.mark.parametrize("version, says", [((3, 13, 7), "– Python: 3.13.7. "), ((3, 13, 8), "✔ Python: 3.13.8")])
def test_a_python_that_does_not_end_an_endless_recursion_is_named_but_will_do(version, says, monkeypatch, capsys):
    monkeypatch.setattr(doctor.sys, "version_info", (*version, "final", 0))
    assert doctor.say([doctor.python()]) == 0
    assert capsys.readouterr().out.startswith(says)


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
