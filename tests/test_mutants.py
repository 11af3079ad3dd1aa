"""Mutants of a solution: what they change, and that none of them is lost or made twice."""

import ast

import pytest

from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.authoring.mutants import mutants


def of(body, head="def f(x, y=2):"):
    lines = [head, "    ### BEGIN SOLUTION", *(f"    {line}" for line in body.splitlines()), "    ### END SOLUTION"]
    return {(mutant.before, mutant.after) for mutant in mutants("\n".join(lines))}


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("return x + y", "return x + y", "return x - y"),
        ("return x + y", "return x + y", "return x"),
        ("return x + y", "return x + y", "return y + y"),
        ("return x // 3", "return x // 3", "return x / 3"),
        ("return x // 3", "return x // 3", "return x // 4"),
        ("return x // 3", "return x // 3", "return round(x / 3)"),
        ("return x // 3", "return x // 3", "return 3 // x"),
        ("return x < y", "return x < y", "return x <= y"),
        ("return x and y", "return x and y", "return x or y"),
        ("return x[1:]", "return x[1:]", "return x[1 + 1:]"),
        ("return x[1:]", "return x[1:]", "return x[:]"),
        ("x.zero_grad()\nreturn x", "x.zero_grad()", "pass"),
        ("x.train()\nreturn x", "x.train()", "x.eval()"),
        ("return x.clone()", "return x.clone()", "return x"),
        ("return x.sum(dim=1)", "return x.sum(dim=1)", "return x.sum()"),
        ("return x.sum(dim=1)", "return x.sum(dim=1)", "return x.sum(dim=0)"),
        ("return max(x, y)", "return max(x, y)", "return min(x, y)"),
        ("return range(x, y)", "return range(x, y)", "return range(y, x)"),
        ("return x, y", "return (x, y)", "return (y, x)"),
        ("return {'a': x, 'b': y}", "return {'a': x, 'b': y}", "return {'b': y}"),
        ("return [i for i in x if i]", "return [i for i in x if i]", "return [i for i in x]"),
        ("if x:\n    return y\nreturn x", "if x:", "if True:"),
        ("return x if y else 0", "return x if y else 0", "return x"),
    ],
)
def test_a_small_change_is_made(body, before, after):
    assert (before, after) in of(body)


def test_what_is_no_solution_is_left_alone():
    assert not [pair for pair in of("return x", "def f(x, y=2 + 3):") if "2 + 3" in pair[0]]


def test_the_words_of_an_error_are_left_alone():
    assert not [after for _, after in of("raise ValueError('no cabe')") if "cabex" in after]


@pytest.mark.slow
@pytest.mark.parametrize("source", sources.all_sources(), ids=lambda source: source.name)
def test_every_mutant_of_the_course_is_python_other_than_the_solution_and_made_once(source):
    for exercise in source.graded:
        solution = ast.unparse(ast.parse(bank.solution(exercise).text))
        made = [mutant.text for mutant in mutants(bank.solution(exercise).text)]
        assert made and len(set(made)) == len(made) and solution not in made
        for text in made:
            ast.parse(text)
