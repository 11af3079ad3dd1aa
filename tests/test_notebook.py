"""What a notebook shows of a failing test, of an answer that is not there yet, and of a check."""

import sys

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from tema9 import checks, notebook

FIRST = """
import tema9, numpy as np, torch
import torch.nn.functional as F
from torch import nn
from tema9 import notebook
notebook.prepare()
notebook.prepare()
"""
TEST = """
from tema9 import contracts, measuring
side = measuring.answer(conv_output_size, contracts.integer)
assert side(32, 5) == 28, "C1 de LeNet-5: deben salir 28"
"""
STUB = "def conv_output_size(size, kernel_size, stride=1, padding=0):\n    raise NotImplementedError()"
WRONG = STUB.replace("raise NotImplementedError()", "return (size - kernel_size) // stride")
CHECK = "tema9.check('n1-conv-output-size')"


@pytest.fixture(scope="module")
def client():
    """A notebook without cells, whose kernel runs."""
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=None, allow_errors=True)
    with client.setup_kernel():
        yield client


@pytest.fixture
def shown(client):
    """Run cells after the first one, with no name left; return what each shows: an error's text, or data by type."""

    def run(*cells):
        made = [nbformat.v4.new_code_cell(code) for code in ("%reset -f", FIRST, *cells)]
        for cell in made:
            client.nb.cells.append(cell)
            client.execute_cell(cell, len(client.nb.cells) - 1)
        outputs = [cell.outputs[-1] if cell.outputs else {} for cell in made[2:]]
        return ["\n".join(one["traceback"]) if "traceback" in one else one.get("data") for one in outputs]

    return run


@pytest.mark.slow
def test_a_failing_test_and_a_missing_answer_are_errors_of_one_line(shown):
    stub, blank, wrong, failing, values, top = shown(
        STUB,
        TEST,
        WRONG,
        TEST,
        "from tema9 import contracts\ncontracts.integer(s2, 's2')",
        "raise NotImplementedError()",
    )
    assert stub is wrong is None
    assert blank == "\x1b[1;31m✘ sin responder: escribe tu solución y quita el `raise NotImplementedError()`\x1b[0m"
    assert failing == "\x1b[1;31m✘ C1 de LeNet-5: deben salir 28\x1b[0m"
    assert values == "\x1b[1;31m✘ sin responder: `s2` todavía no está definido\x1b[0m"
    assert top == blank


@pytest.mark.slow
def test_an_error_outside_of_the_tests_keeps_its_traceback(shown):
    own, name, usage = shown("def f(x):\n    assert x > 3\nf(2)", "undefined + 1", "%no_such_magic")
    assert "line 3" in own and "AssertionError" in own and "Traceback" in own
    assert "NameError" in name and "undefined" in name and "Traceback" in name
    assert usage is None or "no_such_magic" in usage


@pytest.mark.slow
def test_an_error_in_the_student_s_code_is_shown_in_a_test_with_its_line(shown):
    own = WRONG.replace("return", "x = 1\n    return").replace("//", "// no_existe //")
    library = STUB.replace("raise NotImplementedError()", "return torch.zeros(2) @ torch.zeros(3)")
    outputs = shown(own, TEST, library, TEST, "conv_output_size = lambda size: 28", TEST)
    assert outputs[1] == (
        "\x1b[1;31m✘ tu código falla con NameError: name 'no_existe' is not defined\n"
        "en la línea 3 de su celda: return (size - kernel_size) // no_existe // stride\x1b[0m"
    )
    assert outputs[3].startswith("\x1b[1;31m✘ tu código falla con RuntimeError: ")
    assert outputs[3].endswith("\nen la línea 2 de su celda: return torch.zeros(2) @ torch.zeros(3)\x1b[0m")
    assert outputs[5].startswith("\x1b[1;31m✘ esta comprobación falla con TypeError: ") and "\n" not in outputs[5]


@pytest.mark.slow
def test_a_cell_that_fails_before_a_definition_is_said_to_fail_by_the_check_and_by_the_test(shown):
    outputs = shown("import torchh\n\n\n" + WRONG, CHECK, TEST, WRONG, CHECK, WRONG + "\n1 / 0", CHECK)
    words = "la celda de `conv_output_size` falla en su línea 1 con ModuleNotFoundError: No module named 'torchh'; "
    assert outputs[1]["text/plain"] == f"✘ n1-conv-output-size: {words}corrígela y ejecútala otra vez."
    assert outputs[2] == f"\x1b[1;31m✘ {words}corrígela y ejecútala otra vez\x1b[0m"
    assert outputs[4] == outputs[6] and "no coincide" in outputs[4]["text/plain"], "the definition was reached"


@pytest.mark.slow
def test_a_test_of_what_an_answer_raises_says_that_there_is_no_answer(shown):
    _, said = shown(
        STUB, "from tema9 import measuring\nassert measuring.raised_by(conv_output_size, 4, 5) == 'ValueError'"
    )
    assert "sin responder" in said


@pytest.mark.slow
def test_a_check_is_shown_in_colour_and_judges_no_definition_that_is_out_of_date(shown):
    _, said, _, refused, _, again = shown(WRONG, CHECK, WRONG.replace("):", ")"), CHECK, WRONG, CHECK)
    assert "no coincide en `conv_output_size(32, 5)`" in said["text/plain"]
    assert "<code>conv_output_size(32, 5)</code>" in said["text/html"] and "#c62828" in said["text/html"]
    assert "no ha podido leer la celda de `conv_output_size` (mira su línea 1)" in refused["text/plain"]
    assert again == said


def test_without_a_kernel_a_check_is_a_line_of_text(capsys):
    notebook.prepare()
    notebook.show("✔ n1-x: correcto.")
    assert capsys.readouterr().out == "✔ n1-x: correcto.\n"


def test_what_an_answer_says_cannot_become_html():
    assert "&lt;script&gt;" in notebook.as_html("✘ n1-x: `<script>` & <b>")
    assert "<b>" not in notebook.as_html("✘ n1-x: `<script>` & <b>")


def test_a_name_in_a_cell_that_is_no_python_is_not_judged(monkeypatch):
    why = "Python no ha podido leer la celda de `s4_parameters`"
    monkeypatch.setattr(notebook, "broken", {"s4_parameters": why})
    said = checks.verdict("n1-s2-parameters", {"s2_parameters": 12, "s4_parameters": 32, "max_pool_parameters": 0})
    assert said == f"✘ n1-s2-parameters: {why}; corrígela y ejecútala otra vez."


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives memory back when it is asked to")
def test_what_a_cell_has_freed_is_the_system_s_again():
    kept = [bytes(2000) for _ in range(50_000)]
    kept = kept[-1:]  # above the others in the heap, which therefore cannot shrink
    before = psutil.Process().memory_info().rss
    notebook._give_memory_back(None)
    assert before - psutil.Process().memory_info().rss > 50e6 and kept
