"""The magics of a notebook where there is no front end: what works in JupyterLab costs an answer nothing."""

import contextlib
import io
import time

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tema9 import magics

ANSWER = "def side(n, k, s=1):\n    return (n - k) // s + 1\n"
LINES = [
    "%matplotlib inline",
    "%matplotlib notebook",
    "%matplotlib widget",
    "%matplotlib qt5",
    "%matplotlib inline  # las figuras, aquí",
    "%matplotlib",
    "%pylab inline",
    "%gui tk",
    "%config InlineBackend.figure_format = 'retina'",
    "%config InteractiveShell.ast_node_interactivity = 'all'",
    "%load_ext autoreload",
    "%load_ext tensorboard",
    "%load_ext una_que_no_hay",
    "%reload_ext autoreload\n%autoreload 2",
    "%autoreload 2",
    "%aimport torch",
    "%tensorboard --logdir runs",
    "%lprun -f side side(5, 3)",
    "%memit side(5, 3)",
    "%wandb una/cuenta",
    "%autosave 60",
    "%xmode Minimal",
    "%colors Linux",
    "%precision 3",
    "%pdb on",
    "%debug",
    "%env TEMA9_UNA=1",
    "%cd no-hay-tal-carpeta",
    "%pwd",
    "%ls",
    "%who",
    "%whos",
    "%lsmagic",
    "%history -n 1-5",
    "%store -r nada",
    "%reset -f",
    "%alias hola echo hola",
    "%timeit sum(range(10))",
    "%timeit -n 1000000 -r 7 sum(range(1000))",
    "t = %timeit -o sum(range(10))",
    "%time x = 1",
    "%prun sum(range(10))",
    "%pip install torch",
    "%pip install -q numpy --upgrade",
    "%conda install numpy",
    "%uv pip install numpy",
    "!pip install torch",
    "!pip3 install -q torch && echo hecho",
    "!python -m pip install torch",
    "!conda install -y numpy",
    "!apt-get install graphviz",
    "!wget https://example.org/datos.zip",
    "!git clone https://example.org/x.git",
    "!nvidia-smi",
    "!una-orden-que-no-hay",
    "!echo {1 + 1}",
    "files = !ls",
    "files = !una-orden-que-no-hay",
    "!exit 3",
    "len?",
    "len??",
    "?len",
    "torch.nn.Conv*?",
    "%%time",
    "%%timeit -n1\npass\n",
    "%%capture",
    "%%capture salida\nprint('nada')",
    "%%prun",
    "%%memit",
    "%%heat",
    "%%wandb",
    "%%debug",
]


@pytest.fixture(scope="module")
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    made.showtraceback = made.showsyntaxerror = lambda *args, **kwargs: None
    magics.prepare(made)
    yield made
    InteractiveShell.clear_instance()


def run(shell, code):
    """(the error of a cell or None, what it printed)."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        result = shell.run_cell(code, store_history=False)
    return result.error_before_exec or result.error_in_exec, out.getvalue()


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("%%timeit")])
def test_an_answer_with_a_magic_of_a_front_end_is_an_answer(shell, line):
    shell.user_ns.pop("side", None)
    error, _ = run(shell, f"{line}\n{ANSWER}")
    assert error is None
    assert shell.user_ns["side"](32, 5) == 28


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("%%")])
def test_a_magic_below_an_answer_leaves_it_as_it_is(shell, line):
    shell.user_ns.pop("side", None)
    error, _ = run(shell, f"{ANSWER}\n{line}")
    assert error is None and shell.user_ns["side"](32, 5) == 28


def test_the_error_of_an_answer_below_a_magic_is_still_an_error(shell):
    assert isinstance(run(shell, "%matplotlib inline\n1 / 0")[0], ZeroDivisionError)
    assert isinstance(run(shell, "%%memit\n1 / 0")[0], ZeroDivisionError)
    assert isinstance(run(shell, "%matplotlib inline\ndef f(:\n    pass")[0], SyntaxError)


@pytest.mark.parametrize("line", ["matplotlib inline", "pip install numpy", "ls"])
def test_a_magic_alone_in_its_cell_needs_no_sign(shell, line):
    shell.user_ns.pop("matplotlib", None)  # a name of the student's own hides the magic
    assert run(shell, line)[0] is None


def test_pylab_brings_its_names(shell):
    shell.user_ns.pop("linspace", None)
    assert run(shell, "%pylab inline\nx = linspace(0, 1, 3)")[0] is None
    assert list(shell.user_ns["x"]) == [0, 0.5, 1]


def test_a_command_says_what_it_says_and_gives_its_lines(shell):
    error, said = run(shell, "!echo uno {1 + 1}\nlines = !echo tres; echo cuatro")
    assert error is None and said == "uno 2\n"
    assert list(shell.user_ns["lines"]) == ["tres", "cuatro"]


def test_timeit_runs_its_code_once(shell):
    shell.user_ns["count"] = []
    error, _ = run(shell, "result = %timeit -n 1000 -r7 -o count.append(1)")
    assert error is None and len(shell.user_ns["count"]) == 1
    assert shell.user_ns["result"].average >= 0


def test_a_command_that_never_ends_is_ended(shell, monkeypatch):
    monkeypatch.setattr(magics, "SECONDS_OF_A_COMMAND", 0.2)
    started = time.monotonic()
    error, _ = run(shell, "!sleep 60")
    assert error is None and time.monotonic() - started < 30
