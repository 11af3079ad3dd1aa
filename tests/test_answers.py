"""An answer in several cells is joined as the cells would run, wherever an editor has cut it."""

import ast
import itertools
import random

import pytest

from tema9 import answers
from tema9.classroom import sources
from tema9.classroom.authoring import bank

SOLUTIONS = {
    one.name: bank.solution(one).text
    for source in sources.all_sources()
    for one in source.exercises.values()
    if not one.by_hand
}


def tree(text):
    """What a text says as Python, up to the blank lines inside its docstrings."""
    whole = ast.parse(text)
    for node in ast.walk(whole):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "".join(node.value.split())
    return ast.dump(whole)


def halves(text, places):
    """The text in pieces as JupyterLab splits a cell: what a cut leaves empty at its two sides goes."""
    lines = text.splitlines()
    edges = [0, *places, len(lines)]
    return ["\n".join(lines[a:b]).strip("\n") for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_wherever_a_cell_is_split_its_halves_make_the_same_answer(name):
    text = SOLUTIONS[name]
    for place in range(1, len(text.splitlines())):
        pieces = halves(text, [place])
        assert tree(answers.join(pieces)) == tree(text), pieces


@pytest.mark.parametrize("seed", range(5))
def test_a_cell_that_is_split_several_times_is_joined_too(seed):
    draw = random.Random(seed)
    for text in SOLUTIONS.values():
        lines = len(text.splitlines())
        places = sorted(draw.sample(range(1, lines), min(lines - 1, draw.randint(1, 5))))
        assert tree(answers.join(halves(text, places))) == tree(text), places


@pytest.mark.parametrize(
    ("cells", "joined"),
    [
        (["def f():\n    return 1"], "def f():\n    return 1"),
        (["def f():\n    return 1", "def f():\n    return 2"], "def f():\n    return 2"),
        (["def f():\n    return 1", "def f(:\n    return 2"], "def f():\n    return 1"),
        (["def f(:\n    return 1", "def f():\n    return 2"], "def f():\n    return 2"),
        (["def f():\n    return 1\nf(0)", "", "def f():\n    return 2"], "def f():\n    return 2"),
        (["import math", "def f():\n    return math.pi"], "import math\ndef f():\n    return math.pi"),
        (["total = 1", "total = total + 1"], "total = 1\ntotal = total + 1"),
        (["%%time\ndef f():\n    return 1", "%%time\nf()"], "def f():\n    return 1\nf()"),
        (["def f():\n    return 1", "%%bash\nls"], "def f():\n    return 1"),
        (["def f():\n    return 1", "%matplotlib inline\n!ls"], "def f():\n    return 1\n%matplotlib inline\n!ls"),
        (["def f():", "def g():\n    return 2"], "def g():\n    return 2"),
        (["# nada", "  "], ""),
        (["def f(", "def g("], "def f(\ndef g("),
    ],
)
def test_cells_are_joined_as_they_would_run(cells, joined):
    assert answers.join(cells) == joined


def test_names_are_those_of_the_top_level():
    text = "async def a():\n    b = 1\nclass C(D):\n    pass\ne, f = 1, 2\ng: int = 3\nh == 4\ni(j=5)\nk += 1\nprint(l)"
    assert answers.names(text) == {"a", "C", "e", "f", "g"}


@pytest.mark.parametrize("text", ["", "\n\n", "# una nota\n  # otra"])
def test_space_and_comments_are_a_blank_cell(text):
    assert answers.is_blank(text) and not answers.is_blank(text + "\nx")


@pytest.mark.parametrize("odd", ["(" * 5000, "\x00", "f" * 200_000, "a," * 100_000, "-" * 100_000, "\\\n" * 50_000])
def test_no_text_is_too_odd_to_be_looked_at(odd):
    assert answers.names(odd) == set() and answers.definitions(odd) == set()
    assert isinstance(answers.parses(odd), bool)
    assert answers.join([odd, "def f():\n    return 1"]).endswith("def f():\n    return 1")
