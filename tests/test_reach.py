"""What an answer reaches for beyond its exercise is found in its text; what honest answers use is not."""

import pytest

from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank
from tema9.classroom.grading import reach
from tema9.classroom.rehearsal import attacks

SOURCES = {source.name: source for source in sources.all_sources()}


def setup_of(source):
    notebook = sources.to_notebook(source)
    own = (cell for cell in notebook.cells if cell.cell_type == "code" and not cells.name_of(cell))
    return "\n\n".join(cell.source for cell in own if not cells.is_exploration(cell))


@pytest.mark.parametrize("name", SOURCES)
def test_no_answer_of_the_bank_reaches_beyond_its_exercise(name):
    source, setup = SOURCES[name], setup_of(SOURCES[name])
    known = bank.load(source)
    for exercise in source.graded:
        for answer in [bank.solution(exercise), *known.answers[exercise.name]]:
            assert reach.flags(answer.text, reach.imports(setup)) == [], answer.text
            assert reach.borrowed(answer.text, setup) == {}, answer.text


@pytest.mark.parametrize(
    "line",
    [
        "import gc",
        "import ctypes as c",
        "import os, signal",
        "from inspect import currentframe",
        "from multiprocessing.connection import Client",
        "from os import fork",
        "from os import *",
        "import os.path as p, os as o; o.fork()",
        "os.fork()",
        "os._exit(0)",
        "os.kill(1, 9)",
        "os.system('ls')",
        "getattr(os, 'fo' + 'rk')()",
        "torch.os.fork()",
        "random._os.fork()",
        "warnings.sys.modules",
        "sys.modules['tema9']",
        "sys._getframe(1)",
        "sys.settrace(f)",
        "sys.exit()",
        "eval('1')",
        "exec('1')",
        "compile('1', '', 'exec')",
        "__import__('os')",
        "e = eval",
        "globals()['x']",
        "vars(f)",
        "open('/proc/self/maps')",
        "__builtins__['len'] = 3",
        "f.__globals__",
        "f.__code__.co_consts",
        "().__class__.__base__.__subclasses__()",
        "getattr(f, '__closure__')",
        "g.gi_frame.f_back.f_locals",
        "error.__traceback__.tb_frame",
        "torch.relu = None",
        "torch.Tensor.__add__ = f",
        "np.asarray, x = f, 1",
        "del torch.nn",
        "tema9.measuring.require_own = f",
        "setattr(torch, 'relu', f)",
        "delattr(torch, 'relu')",
        "get_ipython().ast_transformers",
        "!cat /etc/passwd",
        "files = !ls ..",
        "files = %sx ls",
        "%time import ctypes",
        "%time torch.os.fork()",
        "%timeit -n1 os.fork()",
        "if x: (\n import gc",
        "x" * 60_000,
    ],
)
def test_what_reaches_beyond_an_exercise_is_found_on_its_line(line):
    found = reach.flags(f"# una línea\n{line}\n", {"torch", "np", "tema9"})
    assert found and {number for number, _ in found} <= {1, 2, 3}
    assert len(line) > 100 or 2 in {number for number, _ in found} or line.startswith("if")


@pytest.mark.parametrize(
    "line",
    [
        "import os\nx = os.path.join('a', 'b')",
        "import sys\nsys.maxsize, sys.version_info",
        "import math, random, itertools, functools, collections, typing, copy, time, warnings",
        "from dataclasses import dataclass, field",
        "%matplotlib inline\n%%time",
        "!pip install torch",
        "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        setattr(self, 'conv1', 1)",
        "self.__class__.__name__",
        "torch.backends.cudnn.benchmark = True",
        "plt.rcParams['figure.dpi'] = 100",
        "x.requires_grad = False\nmodel.training = False",
        "torch.trace(a), np.select([a], [b]), dist.code, t.select(0, 1)",
        "print('import gc, eval(1)')  # exec('no')",
        "if __name__ == '__main__':\n    pass",
        "def f(x: int) -> int:\n    '''Usa eval.'''\n    return x",
    ],
)
def test_what_honest_answers_use_is_not_found(line):
    assert reach.flags(line, {"torch", "np", "plt"}) == []


@pytest.mark.parametrize("beside", ["%time x = 1", "def f(:", "x = !pip list"])
@pytest.mark.parametrize("line", ["model.eval()", "re.compile('a')", "torch.trace(a), t.select(0, 1), dist.code.x"])
def test_a_method_is_no_function_of_python_where_the_text_is_no_python_either(beside, line):
    assert reach.flags(f"{beside}\n{line}") == []


SETUP = (
    "import tema9\nimport tema9.data\nfrom tema9 import figures, models\nfrom tema9.arithmetic import MIB, layer_table"
)


@pytest.mark.parametrize(
    "text",
    [
        "from tema9.arithmetic import output_size as f",
        "import tema9.arithmetic as a\ndef f(n):\n    return a.output_size(n, 5)",
        "def f(n):\n    return tema9.arithmetic.output_size(n, 5)",
        "def f(n):\n    return models.LeNet5()",
        "def f(n):\n    from tema9 import layers\n    return layers",
        "def f(n):\n    return __import__('tema9.arithmetic')",
        "def f(n):\n    return sys.modules['tema9']",
        "helper = tema9.arithmetic.output_size\ndef f(n):\n    return helper(n, 5)",
        "def g(n):\n    return layer_table(n)\ndef f(n):\n    return g(n)",
        "f = layer_table",
        "class f(models.LeNet5):\n    pass",
        "f = lambda n: layer_table(n)",
        "def f(n, use=layer_table):\n    return use(n)",
    ],
)
def test_what_is_taken_from_the_package_is_found(text):
    assert reach.borrowed(text, SETUP)["f"].startswith("tema9")


@pytest.mark.parametrize(
    "text",
    [
        "def f(n):\n    return n / MIB",
        "def f(models):\n    return models",
        "def f(n):\n    figures = 3\n    return figures",
        "def f(n: tema9.Layer) -> models.LeNet5:\n    return n",
        "def f(n):\n    return n\nfigures.volumes(f(3))",
        "rows = layer_table('alexnet')\ndef f(n):\n    return len(rows)",
        "def layer_table(n):\n    return n\ndef f(n):\n    return layer_table(n)",
        "import torch\ndef f(n):\n    return torch.zeros(n)",
        "def f(:",
        "",
    ],
)
def test_what_is_the_student_s_own_is_not_taken(text):
    assert "f" not in reach.borrowed(text, SETUP)


def test_the_attacks_that_reach_beyond_their_exercise_are_found():
    tame = {name for name, text in attacks.IN_THE_CELL.items() if not reach.flags(text, {"torch", "numpy"})}
    assert {"alarm", "forges-messages", "kills-all", "changes-our-copies", "exits-later"}.isdisjoint(tame)
    assert {"endless", "not-a-number", "recursion"} <= tame
