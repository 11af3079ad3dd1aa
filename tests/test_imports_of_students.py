"""What a student's kernel imports: an interrupt breaks no import, and a file beside the notebook hides no module."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from sampling import sampled

from tema9 import imports, lab, notebook, progress
from tema9.classroom import sources
from tema9.classroom.authoring import bank

unix = pytest.mark.skipif(os.name == "nt", reason="a process of Windows sends itself no SIGINT")
SOURCE = sources.all_sources()[0]
POINTS = SOURCE.exercises["n1-conv-output-size"].points
FIRST = next(cell.text for cell in SOURCE.cells if cell.kind == "code")
# The SIGINT comes when Python looks for the module number {place} of those that are imported from then on.
INTERRUPT = """
import os, signal, sys
class Interrupt:
    left = {place}
    def find_spec(self, *names):
        Interrupt.left -= 1
        if Interrupt.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""
TRAINING = """
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
F.cross_entropy(model(torch.zeros(2, 2)), torch.tensor([0, 1])).backward()
optimizer.step()
import sympy
ours = [name for name in sys.modules if name.startswith("tema9.")]
print(sympy.logic, [name for name in ours if not hasattr(tema9, name.split(".")[1])])
"""


@pytest.fixture
def kernel(tmp_path):
    """A function that runs a cell in a fresh kernel, in the folder that it is given first; it returns what is shown."""
    started = []

    def run(code, folder=tmp_path, name="python3"):
        if not started:
            started.extend(start_new_kernel(kernel_name=name, cwd=str(folder)))
        client, shown = started[1], []
        sent = client.execute(code)
        while True:
            message = client.get_iopub_msg(timeout=300)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != sent:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return shown
            shown += {
                "error": lambda content: ["\n".join(content["traceback"])],
                "stream": lambda content: [content["text"]],
                "display_data": lambda content: [content["data"]["text/plain"]],
            }.get(kind, lambda content: [])(content)

    yield run
    if started:
        started[1].stop_channels()
        started[0].shutdown_kernel(now=True)


def run_python(code, folder):
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@unix
@pytest.mark.slow
@pytest.mark.parametrize("place", sampled([1, 8, 15, 200, 700, 1500, 1900], [15]))
def test_an_interrupt_at_any_moment_of_a_cold_start_leaves_a_kernel_that_trains(kernel, place):
    kernel(INTERRUPT.format(place=place))
    first = kernel(FIRST)
    assert "KeyboardInterrupt" in first[-1], "the interrupt stops the cell"
    assert not any("Error" in text for text in kernel(FIRST))
    [said] = kernel(TRAINING)
    assert "sympy.logic" in said and said.endswith("[]\n")


@unix
def test_a_package_is_whole_wherever_in_its_import_an_interrupt_comes(tmp_path):
    package = tmp_path / "elsewhere" / "whole"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from whole import a\nimport whole.c\nready = True\n")
    (package / "a.py").write_text("import json.tool\nfrom whole import b\nfrom whole.b import there\n")
    (package / "b.py").write_text("there = 1\n")
    (package / "c.py").write_text("try:\n    import no_such_module\nexcept ImportError:\n    pass\n")
    code = f"""
import sys
sys.path.append({str(package.parent)!r})
from tema9 import imports
imports.hold_interrupts()
imports.hold_interrupts()
stopped = 0
for place in range(1, 8):
    for name in [name for name in sys.modules if name.startswith(("whole", "json.tool"))]:
        del sys.modules[name]
    exec({INTERRUPT!r}.format(place=place))
    try:
        import whole
    except KeyboardInterrupt:
        stopped += 1
    assert sys.modules["whole"].ready and sys.modules["whole"].a.there and sys.modules["whole"].c
    assert sys.gettrace() is None
    del sys.meta_path[0]
print(stopped)
"""
    here = tmp_path / "here"
    here.mkdir()
    said = run_python(code, here)
    assert said.count(imports.WAITING) == 6, "of 7 places one is after the last import"
    assert said.replace(imports.WAITING, "").split() == ["6"]


@unix
def test_what_a_student_s_own_file_does_while_it_is_imported_can_be_interrupted(tmp_path):
    (tmp_path / "mine.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nreached = True\n")
    code = """
import sys
from tema9 import imports
imports.hold_interrupts()
sys.path.append("")
try:
    import mine
except KeyboardInterrupt:
    print("stopped", "mine" in sys.modules)
"""
    assert run_python(code, tmp_path) == "stopped False\n"


@unix
def test_an_interrupt_outside_an_import_comes_at_once():
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        imports.hold_interrupts()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "name",
    ["random.py", "torch.py", "numpy.py", "statistics.py", "test.py", "types.py", "winreg.py", "tema9.py", "math.py"],
)
def test_a_file_with_the_name_of_a_module_is_found(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "mi_random.py").touch()
    (tmp_path / "random.ipynb").touch()
    assert [path.name for path in imports.hiding(tmp_path)] == [name]
    assert f"`{name}`" in imports.advice(imports.hiding(tmp_path))


def test_a_package_is_found_and_a_folder_that_hides_nothing_is_not(tmp_path):
    for name in ("random", "torch", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    assert [path.name for path in imports.hiding(tmp_path)] == ["torch"]
    assert "`torch/`" in imports.advice(imports.hiding(tmp_path))
    assert imports.hiding(tmp_path / "nowhere") == [] and imports.advice([]) == ""


def test_the_course_s_own_folder_beside_the_notebooks_is_no_student_s(tmp_path):
    (tmp_path / "tema9").symlink_to(Path(imports.__file__).parent)
    assert imports.hiding(tmp_path) == []


HOSTILE = 'print("{\\"message\\": \\"\\"}", "no protocol")\nraise SystemExit("mine")\n'
NAMES = ("random", "torch", "numpy", "statistics", "types", "json", "psutil", "matplotlib", "IPython", "enum")


@pytest.fixture
def beside(tmp_path):
    """A folder with notebook 1, one right answer in it, and files that hide modules."""
    nb = json.loads((sources.NOTEBOOKS / f"{SOURCE.name}.ipynb").read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        if cell["id"] == "n1-conv-output-size":
            cell["source"] = bank.solution(SOURCE.exercises["n1-conv-output-size"]).text
    (tmp_path / f"{SOURCE.name}.ipynb").write_text(json.dumps(nb), encoding="utf-8")
    (tmp_path / "0_empieza_aqui.ipynb").write_text('{"cells": []}')
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text(HOSTILE)
    return tmp_path


@pytest.mark.slow
def test_progress_and_validate_are_right_beside_such_files_and_name_them(beside):
    for module in ("progress", "doctor"):
        ran = subprocess.run(
            [sys.executable, "-m", f"tema9.{module}"], cwd=beside, capture_output=True, text=True, timeout=400
        )
        assert all(f"`{name}.py`" in ran.stdout for name in NAMES), ran.stdout + ran.stderr
        assert "`sklearn/`" in ran.stdout and "no protocol" not in ran.stdout and "Traceback" not in ran.stderr
        if module == "progress":
            assert "1 de 8" in ran.stdout and f"{POINTS} de 90" in ran.stdout
    from tema9 import validate

    [shown] = validate.validate(beside / f"{SOURCE.name}.ipynb")["value"]["failed"]
    assert shown["source"].startswith("1 de 8 ejercicios correctos") and "`torch.py`" in shown["error"]


@pytest.mark.slow
def test_the_kernel_of_the_course_starts_beside_such_files_and_its_first_cell_names_them(kernel, beside, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(lab.SETTINGS))
    (beside / "mi_modulo.py").write_text("x = 7\n")
    *_, said = kernel(FIRST, beside)
    assert said.startswith("✘") and "`torch.py`" in said and "cámbiales el nombre" in said
    assert kernel("import mi_modulo, statistics; print(mi_modulo.x, statistics.mean([1, 3]))") == ["7 2\n"]


@pytest.mark.slow
def test_another_kernel_says_that_it_has_to_be_restarted_if_such_a_file_was_imported(kernel, tmp_path):
    (tmp_path / "numpy.py").write_text("mine = 1\n")
    kernel("import sys; sys.path.insert(0, ''); import numpy")
    assert kernel(FIRST)[-1] == (
        f"{notebook.RED}✘ `numpy.py`, junto al cuaderno, se llama como un módulo de Python: cámbiale el nombre"
        f" (`mi_numpy.py`) y reinicia el núcleo{notebook.PLAIN}"
    )


def test_a_process_that_dies_before_it_can_speak_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SERVER", "print('not an answer'); import no_such_module")
    exercise = {"name": "n1-x", "code": "", "tests": []}
    [(state, message)] = progress._run(tmp_path, [], [exercise], 5).values()
    assert state == "wrong" and "Python no arranca (ModuleNotFoundError: No module named 'no_such_module')" in message


def test_a_process_that_does_not_speak_blames_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SERVER", "import time; time.sleep(600)")
    monkeypatch.setattr(progress, "SECONDS_TO_START", 0.1)
    exercise = {"name": "n1-x", "code": "", "tests": []}
    [(_, message)] = progress._run(tmp_path, [], [exercise], 5).values()
    assert "la máquina va muy lenta" in message and "bucle" not in message
