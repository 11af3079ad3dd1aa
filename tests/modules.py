"""The imports of the package, read from its text: which module takes from which."""

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tema9"
INSTRUCTOR_SIDE = ("__init__", "__main__", "cli", "classroom")
STUDENT_SIDE = sorted(
    path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).with_suffix("").parts[0] not in INSTRUCTOR_SIDE
)


def _is_for_hints(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@functools.cache
def imports(path):
    """The modules that a file imports anywhere in it but for type hints only, as dotted names."""
    found, tree = set(), ast.parse(path.read_text(encoding="utf-8"))
    for_hints_only = {part for node in ast.walk(tree) if _is_for_hints(node) for part in ast.walk(node)}
    for node in set(ast.walk(tree)) - for_hints_only:
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {f"{module}.{alias.name}" if _is_module(module, alias.name) else module for alias in names}
    return frozenset(found)


def _is_module(package, name):
    place = ROOT.joinpath(*package.split("."), name)
    return package == "tema9" or place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def name_of(path):
    """The dotted name of a module within `tema9`; of a package, that of its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def ours(path):
    """The modules of `tema9` that a file imports, by their dotted names within it."""
    return {name.removeprefix("tema9.") for name in imports(path) if name.startswith("tema9.")}
