"""The notebooks outside of JupyterLab: what is installed there, what is missing, and what the first cell says."""

import os
import re
import subprocess
import sys
import tomllib
import types

import pytest

from tema9 import doctor, front_ends, notebook
from tema9.classroom import sources
from tema9.classroom.authoring import bundle

SOURCES = [sources.start_page(), *sources.all_sources()]
# Of the students' dependencies, what no notebook imports outside of JupyterLab.
OF_JUPYTERLAB = {"jupyterlab", "nbgrader", "ipykernel", "jupyterlab-language-pack-es-ES", "ipycanvas", "filelock"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """None of the places is taken for that of the tests."""
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "VSCODE_PID", "VSCODE_CWD"):
        monkeypatch.delenv(name, raising=False)


def test_the_place_is_known_by_what_it_leaves_in_the_process(monkeypatch):
    assert front_ends.place() == ""
    for name, place in (("VSCODE_CWD", "vscode"), ("VSCODE_PID", "vscode"), ("KAGGLE_KERNEL_RUN_TYPE", "kaggle")):
        monkeypatch.setenv(name, "x")
        assert front_ends.place() == place
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert front_ends.place() == "colab"


def test_colab_is_asked_for_the_widgets_of_others_and_nothing_else_is(monkeypatch):
    asked = []
    front_ends.prepare()
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: asked.append(1))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(output=output))
    front_ends.prepare()
    assert asked == [1]


def test_what_the_notebooks_need_is_what_students_install_without_jupyterlab():
    settings = tomllib.loads(bundle.files()["pyproject.toml"].decode())["project"]
    installed = {re.match(r"[\w-]+", line)[0] for line in settings["dependencies"]}
    assert {*front_ends.NEEDED.values()} | OF_JUPYTERLAB == installed
    assert not {*front_ends.NEEDED.values()} & OF_JUPYTERLAB


@pytest.mark.parametrize("lacking", [["mlxtend"], ["skimage", "safetensors"], list(front_ends.NEEDED)])
def test_missing_packages_are_named_with_the_line_that_installs_them(lacking, monkeypatch):
    real = front_ends.importlib.util.find_spec
    monkeypatch.setattr(front_ends.importlib.util, "find_spec", lambda name: None if name in lacking else real(name))
    packages = [front_ends.NEEDED[name] for name in lacking]
    assert front_ends.missing() == packages
    said = front_ends.advice(packages)
    assert f"`%pip install --quiet {' '.join(packages)}`" in said and "\n" not in said
    assert notebook._in_short(notebook.PackageMissing(said), None) == said


def test_where_nothing_is_missing_nothing_is_said():
    assert front_ends.missing() == [] and front_ends.advice([]) == ""


def test_outside_of_jupyterlab_the_doctor_does_not_ask_for_it(monkeypatch):
    real = doctor.importlib.metadata.version

    def version(name):
        if name in doctor.OF_JUPYTERLAB:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert not doctor.packages().right
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert doctor.packages().right


# Where the notebook lies -> what pip is told to install.
LAYOUTS = {
    "the unzipped course": ("course/notebooks", "course/pyproject.toml", ".."),
    "a folder of its own, or Colab": ("content", "content/1_lenet5.ipynb", "tema9-estudiantes.zip"),
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: one.name)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_the_package_the_first_cell_says_the_line_that_installs_it(source, layout, tmp_path, monkeypatch):
    folder, file, where = LAYOUTS[layout]
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / file).write_text("")
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setitem(sys.modules, "tema9", None)
    first = next(cell.text for cell in source.cells if cell.kind == "code")
    said = f"^ejecuta antes, en otra celda: %pip install --quiet --no-deps {re.escape(where)}$"
    with pytest.raises(ModuleNotFoundError, match=said):
        exec(first, {})


LIGHT = """
import importlib.abc, os, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {root!r})
import matplotlib; matplotlib.use("agg")
{code}
print("todo bien")
"""
BLOCKED = {
    "jupyterlab", "jupyter_server", "jupyterlab_server", "notebook", "nbgrader", "nbconvert", "nbformat", "nbclient",
    "ipycanvas", "jupytext", "jinja2", "typer", "rich", "rapidfuzz", "openpyxl", "filelock", "sqlalchemy",
}  # fmt: skip


def light(code, folder):
    """Run code where only the light packages are; what it prints."""
    text = LIGHT.format(blocked=BLOCKED, root=str(sources.ROOT), code=code)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NBGRADER_EXECUTION": "validate"}
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert "todo bien" in done.stdout, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_set_up_of_every_notebook_runs_and_the_pictures_move_without_jupyterlab(tmp_path):
    code = "\n".join(f"exec({source.setup!r}, {{}})" for source in sources.all_sources())
    code += """
import ipywidgets
from tema9 import models, widgets
shown = widgets.digit(models.LeNet5())
shown.controls["example"].value = 3
assert shown.canvas is None and shown.picture.alt.startswith("El dígito n.º 3")
assert widgets.convolution().picture is not None
"""
    light(code, tmp_path)


@pytest.mark.slow
def test_progress_and_the_check_answer_without_jupyterlab(tmp_path):
    name = "1_lenet5"
    (tmp_path / f"{name}.ipynb").write_bytes((sources.NOTEBOOKS / f"{name}.ipynb").read_bytes())
    said = light(
        "import tema9, torch\nfrom tema9 import progress\nprint(progress.report('.'))\n"
        "s2_parameters, s4_parameters, max_pool_parameters = 12, 32, 0\ntema9.check('n1-s2-parameters')",
        tmp_path,
    )
    assert "0 de 90" in said and "✔ n1-s2-parameters: correcto." in said
