"""The hints of the package: every public function has complete ones, and mypy finds no wrong one."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from modules import PACKAGE, ROOT, name_of

MODULES = sorted(PACKAGE.rglob("*.py"))


def public_functions(body, prefix=""):
    """Yield (dotted name, definition) of every function and method whose name is public, and of every `__init__`."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            special = node.name.startswith("__") and node.name.endswith("__")
            if special or not node.name.startswith("_"):
                yield prefix + node.name, node


def without_hint(function):
    """The parameters of a function that have no hint, and "return" if its result has none."""
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    missing = [one.arg for one in parameters if one.annotation is None and one.arg not in ("self", "cls")]
    return missing + ["return"] * (function.returns is None)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_function_has_complete_hints(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {name: without_hint(function) for name, function in public_functions(tree.body)}
    assert not {name: missing for name, missing in found.items() if missing}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_function_has_a_docstring(path):
    """But the special methods, and a layer's `forward`, `backward` and `extra_repr`, which torch explains."""
    explained = ("forward", "backward", "extra_repr")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [(name.split(".")[-1], function) for name, function in public_functions(tree.body)]
    bare = [name for name, function in named if not name.startswith("__") and not ast.get_docstring(function)]
    assert not set(bare) - set(explained)


def test_the_package_says_that_it_has_hints():
    assert (ROOT / "tema9" / "py.typed").is_file()


@pytest.mark.slow
def test_mypy_finds_no_wrong_hint():
    """About 50 seconds the first time and 3 after that: mypy keeps what it knows in `.mypy_cache`."""
    command = [Path(sys.executable).with_name("mypy")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
