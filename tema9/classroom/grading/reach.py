"""What the text of an answer reaches for beyond its exercise: the interpreter, the system, the pieces of the package.

The text is read and never run, so the answer cannot lie about it; it can hide what it does, but not that it hides
something. What is found is for the teacher, as a reason to look, and no accusation: an honest answer may use any of it.
"""

import ast
import functools
import importlib
import re
import types
from collections.abc import Iterable, Iterator

from tema9 import answers

LONGEST = 50_000  # characters of a cell that is looked through
MODULES = frozenset(
    re.findall(
        r"\w+",
        """
_ctypes _thread asyncio ast atexit builtins cffi code codeop concurrent ctypes dis fcntl faulthandler gc imp importlib
inspect marshal mmap multiprocessing pathlib pickle pkgutil posix psutil pty resource runpy select shutil signal site
socket subprocess sysconfig tempfile threading trace tracemalloc types unittest weakref zipimport
""",
    )
)
FUNCTIONS = frozenset(
    re.findall(r"\w+", "__import__ breakpoint compile delattr eval exec get_ipython globals locals open vars")
)
OF_SYS = frozenset(("byteorder", "float_info", "getsizeof", "int_info", "maxsize", "platform", "version"))
OF_SYS_TOO = frozenset(("version_info", "stdout", "stderr", "getrecursionlimit", "setrecursionlimit"))
OF_OS = frozenset(("path", "sep", "name", "linesep", "cpu_count", "getcwd", "environ", "getenv"))
WITHIN_OTHERS = frozenset(("builtins", "ctypes", "gc", "importlib", "inspect", "os", "subprocess", "sys"))
# Attributes of Python's own objects by which one gets elsewhere; those of HARMLESS are in any textbook.
HARMLESS = re.compile(
    r"__(init|name|call|len|getitem|setitem|iter|next|repr|str|eq|ne|lt|gt|le|ge|hash|add|sub|mul|truediv|class|doc|main"
    r"|enter|exit|contains|file|version|post_init|future|annotations|all|abs|neg|matmul|pow|mod|radd|rmul|rsub"
    r"|floordiv|bool|int|float|index|slots|torch_function)__"
)
INNER = re.compile(r"__\w+__|(f|tb|gi|cr|ag|co)_(back|locals|globals|builtins|code|frame|next|consts|names|trace)")
WORTH_A_LOOK = (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Import, ast.ImportFrom)
COMMAND = re.compile(
    r"^[ \t]*(?:\w+[ \t]*=[ \t]*)?(?:!(?!\s*(?:pip|pip3|conda|python3? -m pip)\b)|%(?:sx|system)\b)[^\n]*"
    r"|^%%(?:bash|sh|script|python|sx|system|!)",
    re.M,
)


def flags(text: str, imported: Iterable[str] = ()) -> list[tuple[int, str]]:
    """Return (line, what) for all that a cell uses of the interpreter and of the system, in the order of the lines.

    Args:
        text: the cell.
        imported: names of modules that the set-up of the notebook imports; who assigns to their attributes changes
            them for every exercise.

    Example:
        >>> flags("import gc\\ndef f(x):\\n    return eval(x)")
        [(1, 'gc'), (3, 'eval')]
    """
    if len(text) > LONGEST:
        return [(1, f"{len(text):,} characters")]
    found = [(text.count("\n", 0, one.start()) + 1, one[0].strip()[:40]) for one in COMMAND.finditer(text)]
    tree = _tree(text)
    found += _in_words(text) if tree is None else _in_tree(tree, set(imported))
    return sorted(set(found))


@functools.lru_cache(maxsize=64)  # the set-up of a notebook, which is the same in every submission
def imports(setup: str) -> frozenset[str]:
    """Return the names that the set-up of a notebook imports."""
    return frozenset(_names_imported(ast.parse(setup)))


def _names_imported(tree):
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return {(alias.asname or alias.name).split(".")[0] for node in nodes for alias in node.names}


@functools.lru_cache(maxsize=16)
def _tree(text):
    """The text as Python with its magics left out; None if it is no Python, or holds Python in a magic."""
    if re.search(r"^[ \t]*%{1,2}(?:time|timeit|prun|memit|run)\b[ \t]*\S", text, re.M):
        return None
    try:
        return ast.parse(re.sub(r"^([ \t]*)(?:[%!?][^\n]*|[\w.*]+\?\??[ \t]*)$", r"\1pass", text, flags=re.M))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_words(text):
    words, within = f"{'|'.join(sorted(MODULES | FUNCTIONS))}|os|sys", "|".join(sorted(WITHIN_OTHERS))
    used = rf"\b(?P<word>{within}|(?<!\.)(?:{words}))\s*[(.]"  # `model.eval()` is no `eval()`
    pattern = rf"\b(?:import|from)\s+(?P<module>{words})\b|{used}|(?P<inner>{INNER.pattern})"
    for one in re.finditer(pattern, text):
        what = one["module"] or one["word"] or one["inner"]
        if not HARMLESS.fullmatch(what):
            yield text.count("\n", 0, one.start()) + 1, what


def _in_tree(tree: ast.AST, imported: set[str]) -> Iterator[tuple[int, str]]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, WORTH_A_LOOK)]
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    aliases = [alias for one in imports for alias in one.names]
    imported = imported | {(alias.asname or alias.name).split(".")[0] for alias in aliases}
    real = {"os": "os", "sys": "sys"}
    real |= {alias.asname: alias.name for alias in aliases if alias.asname and alias.name in real}
    for node in nodes:
        yield from ((node.lineno, what) for what in _in_node(node, imported, real))


def _in_node(node, imported, real):
    """What a node of the tree uses. real: {a name: the module `os` or `sys` that it stands for}."""
    match node:
        case ast.Name(id=name):
            if name in FUNCTIONS or name in ("__builtins__", "__loader__", "__spec__"):
                yield name
        case ast.Attribute(value=value, attr=name, ctx=context):
            module = real.get(value.id) if isinstance(value, ast.Name) else None
            if module and not _is_plain(module, name):
                yield f"{module}.{name}"
            if name.strip("_") in WITHIN_OTHERS or (INNER.fullmatch(name) and not HARMLESS.fullmatch(name)):
                yield name
            path = [] if isinstance(context, ast.Load) else _path(node)
            if path and path[0] in imported and path[:2] != ["torch", "backends"]:
                yield f"{'.'.join(path)} = ..."
        case ast.Constant(value=str(text)):
            if INNER.fullmatch(text) and not HARMLESS.fullmatch(text):
                yield text
        case ast.Call(func=ast.Name(id="setattr"), args=[target, *_]):
            if not (isinstance(target, ast.Name) and target.id == "self"):
                yield "setattr"
        case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=module), *_]):
            if module in real:
                yield f"getattr({real[module]}, ...)"
        case ast.Import(names=names):
            yield from (one.name for one in names if one.name.split(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            if module.split(".")[0] in MODULES:
                yield module
            yield from (f"{module}.{one.name}" for one in names if not _is_plain(module, one.name))


def _is_plain(module, name):
    """Whether what is taken from `os` or `sys` is what answers and textbooks take."""
    return name in {"os": OF_OS, "sys": OF_SYS | OF_SYS_TOO}.get(module, {name})


def _path(node):
    """The names in `a.b.c`; [] if it begins otherwise."""
    names = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def borrowed(text: str, setup: str) -> dict[str, str]:
    """Return {name: piece of `tema9`} of what a cell imports or defines at its top level and takes from the package.

    It is what `measuring.require_own` refuses, as far as it can be read: there the answer's own process decides.

    Args:
        text: the cell.
        setup: the cells that run before it, which are ours.

    Example:
        >>> borrowed("from tema9 import arithmetic\\ndef f(n):\\n    return arithmetic.output_size(n, 5)", "")
        {'arithmetic': 'tema9.arithmetic', 'f': 'tema9.arithmetic'}
    """
    before = _pieces(setup)
    if len(text) > LONGEST or not any(name in text for name in ("tema9", *before)):
        return {}
    tree = _tree(text)
    if tree is None:
        return {}
    pieces = dict(before)  # {a name at the top level: the piece that it stands for or uses}
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    pieces.pop((alias.asname or alias.name).split(".")[0], None)
                pieces |= _imported(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                pieces.pop(name, None)
                if piece := _piece_in(node, pieces):
                    pieces[name] = piece
            case ast.Assign(targets=targets, value=value):
                piece = "" if isinstance(value, ast.Call) else _piece_in(value, pieces)
                for target in targets:
                    for name in _stored(target):
                        pieces.pop(name, None)
                        if piece:
                            pieces[name] = piece
    return {name: piece for name, piece in pieces.items() if name in answers.names(text) or name not in before}


@functools.lru_cache(maxsize=64)
def _pieces(setup):
    """{name: piece} of what the set-up of a notebook imports of the package."""
    return {name: piece for node in ast.parse(setup).body for name, piece in _imported(node).items()}


def _imported(node):
    """{name: piece} of what an import brings of the package: modules, functions and classes, not constants."""
    found = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "tema9":
                found[alias.asname or "tema9"] = alias.name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tema9" and not node.level:
        for alias in node.names:
            try:
                home = importlib.import_module(node.module)
                value = getattr(home, alias.name, None) or importlib.import_module(f"{node.module}.{alias.name}")
            except ImportError:
                continue
            if isinstance(value, types.ModuleType) or callable(value):
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _piece_in(node, pieces):
    """The piece of the package that a definition or an expression uses; "" if it uses none."""
    parts = list(_evaluated(node))
    local = {one.arg for one in parts if isinstance(one, ast.arg)}
    local |= {one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    for one in parts:
        match one:
            case ast.Name(id=name, ctx=ast.Load()) if name in pieces and name not in local:
                return pieces[name]
            case ast.Import() | ast.ImportFrom() if found := _imported(one):
                return next(iter(found.values()))
            case ast.Constant(value=str(text)) if re.fullmatch(r"tema9(\.\w+)*", text):
                return text
    return ""


def _evaluated(node):
    """Yield the nodes below a node and the node itself, without its annotations and docstrings."""
    left = [node]
    while left:
        one = left.pop()
        yield one
        for field, value in ast.iter_fields(one):
            if field not in ("annotation", "returns"):
                left += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST)]


def _stored(target):
    names = (one for one in ast.walk(target) if isinstance(one, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}
