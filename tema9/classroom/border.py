"""The border between a test cell and the student's work: only plain data crosses.

A test cell is ordinary Python that uses names it does not define itself: the
student's. `judge` runs it with a proxy in the place of each; a call through a proxy
encodes its arguments, calls the student's object, and decodes what comes back. Here
both sides are in one process, which is enough to prove that a test cell would work
with a process between them.
"""

import ast
import base64
import builtins
import contextlib
import io
import json
from dataclasses import dataclass

import numpy as np
import torch

from tema9 import measuring


class NotPlainData(TypeError):
    """Something tried to cross the border that is not plain data."""


def encode(value):
    """Return plain data as text.

    Plain data are None, bool, int, float, str, list, tuple, dict with plain keys, and
    arrays of numpy or torch; not their subclasses, which could carry behaviour.

    Raises:
        NotPlainData: there is something else in it.
    """
    return json.dumps(_pack(value))


def decode(text):
    """The value that `encode` made into text."""
    return _unpack(json.loads(text))


def _pack(value):
    kind = type(value)
    if kind in (type(None), bool, int, float, str):
        return value
    if kind is list:
        return [_pack(item) for item in value]
    if kind in (tuple, torch.Size):
        return {"tuple": [_pack(item) for item in value]}
    if kind is dict:
        return {"dict": [[_pack(key), _pack(item)] for key, item in value.items()]}
    if kind in (torch.Tensor, torch.nn.Parameter):
        return {"torch": _array_bytes(value.detach().cpu().numpy())}
    if kind is np.ndarray and value.dtype.kind in "biuf":
        return {"numpy": _array_bytes(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return _pack(value.item())
    raise NotPlainData(f"{kind.__name__} is not plain data: give numbers, strings, lists, tuples, dicts or arrays")


def _array_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode()


def _unpack(packed):
    if isinstance(packed, list):
        return [_unpack(item) for item in packed]
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tuple":
        return tuple(_unpack(item) for item in content)
    if kind == "dict":
        return {_unpack(key): _unpack(item) for key, item in content}
    array = np.load(io.BytesIO(base64.b64decode(content)), allow_pickle=False)
    return torch.from_numpy(array) if kind == "torch" else array


class Proxy:
    """The student's callable, seen from the test's side."""

    __slots__ = ("_there",)

    def __init__(self, there):
        self._there = there

    def __call__(self, *args, **kwargs):
        return _cross(self._there, args, kwargs)

    def measure_there(self, name, args, kwargs):
        """Run a function of `measuring` beside the student's object."""
        measure = getattr(measuring, name)
        return _cross(lambda *a, **k: measure(self._there, *a, **k), args, kwargs)


def _cross(call, args, kwargs):
    args, kwargs = decode(encode(args)), decode(encode(kwargs))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = call(*args, **kwargs)
    except (Exception, SystemExit) as error:
        known = getattr(builtins, type(error).__name__, None)
        kept = isinstance(known, type) and issubclass(known, Exception)
        raise (known if kept else RuntimeError)(str(error)) from None
    return decode(encode(result))


@dataclass(frozen=True)
class Verdict:
    """What became of a test cell: "pass", "fail" (an assertion) or "error", and the message."""

    outcome: str
    message: str = ""

    def __bool__(self):
        return self.outcome == "pass"


def judge(test, namespace) -> Verdict:
    """Run the text of a test cell against the objects in `namespace`, across the border."""
    tree = ast.parse(test)
    there = {}
    for name in free_names(tree) & set(namespace):
        value = namespace[name]
        try:
            there[name] = Proxy(value) if callable(value) else decode(encode(value))
        except NotPlainData as error:
            return Verdict("error", f"{name}: {error}")
    return _run(tree, there)


def run_beside(test, namespace) -> Verdict:
    """Run the text of a test cell in the same namespace as the work, as nbgrader does."""
    return _run(ast.parse(test), namespace)


def _run(tree, namespace):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, "<test>", "exec"), namespace)
    except AssertionError as error:
        return Verdict("fail", str(error))
    except Exception as error:
        return Verdict("error", f"{type(error).__name__}: {error}")
    return Verdict("pass")


def free_names(tree) -> set[str]:
    """The names that a piece of code uses and does not define or import; builtins left out."""
    defined, used = set(dir(builtins)), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                defined.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                defined.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                defined.update(alias.asname or alias.name.split(".")[0] for alias in names)
    return used - defined
