"""The border between a test cell and the student's work: only plain data crosses.

A test cell is ordinary Python that uses names it does not define itself: the
student's. `judge` runs it with a proxy in the place of each; a call through a proxy
encodes its arguments, calls the student's object, and decodes what comes back. What is
on the other side is a `Here`, the same process, which proves that a test would work with
a process between them, or a `work.Work`, another one.
"""

import ast
import builtins
import contextlib
import functools
import io
import json
import math
import traceback
from dataclasses import dataclass, field

import numpy as np
import torch

from tema9 import measuring

KINDS = "biuf"  # of the elements of an array: bool, int, unsigned, float


class NotPlainData(TypeError):
    """Something tried to cross the border that is not plain data."""


class Gone(BaseException):
    """The other side does not answer; no test can take it for an answer's exception.

    Args:
        outcome: "timeout", "memory" or "kernel-died".
    """

    def __init__(self, outcome):
        super().__init__(outcome)
        self.outcome = outcome


def encode(value) -> bytes:
    """Return plain data as bytes: JSON, and after it the bytes of the arrays.

    Plain data are None, bool, int, float, str, list, tuple, dict with plain keys, and
    arrays of numpy or torch; not their subclasses, which could carry behaviour.

    Raises:
        NotPlainData: there is something else in it.
    """
    arrays = []
    try:
        text = json.dumps(_pack(value, arrays)).encode()
    except RecursionError:
        raise NotPlainData("it is nested too deep to be plain data") from None
    return b"".join([len(text).to_bytes(8, "big"), text, *arrays])


def decode(content):
    """The value that `encode` made into bytes.

    Raises:
        NotPlainData: they are not what `encode` makes.
    """
    try:
        size = int.from_bytes(content[:8], "big")
        return _unpack(json.loads(content[8 : 8 + size]), memoryview(content)[8 + size :])
    except NotPlainData:
        raise
    except Exception as error:  # whoever wrote them may be hostile
        raise NotPlainData(f"what came is not plain data ({type(error).__name__})") from None


def _pack(value, arrays):
    kind = type(value)
    if kind in (type(None), bool, int, float, str):
        return value
    if kind is list:
        return [_pack(item, arrays) for item in value]
    if kind in (tuple, torch.Size):
        return {"tuple": [_pack(item, arrays) for item in value]}
    if kind is dict:
        return {"dict": [[_pack(key, arrays), _pack(item, arrays)] for key, item in value.items()]}
    if kind in (torch.Tensor, torch.nn.Parameter):
        return {"torch": _array(value.detach().cpu().numpy(), arrays)}
    if kind is np.ndarray and value.dtype.kind in KINDS:
        return {"numpy": _array(value, arrays)}
    if isinstance(value, np.generic) and value.dtype.kind in KINDS:
        return _pack(value.item(), arrays)
    raise NotPlainData(f"{kind.__name__} is not plain data: give numbers, strings, lists, tuples, dicts or arrays")


def _array(array, arrays):
    start = sum(map(len, arrays))
    arrays.append(array.tobytes())
    return [array.dtype.str, list(array.shape), start]


def _unpack(packed, arrays):
    if isinstance(packed, list):
        return [_unpack(item, arrays) for item in packed]
    if isinstance(packed, str):  # half of a surrogate pair could not be written to a file
        return packed if packed.isascii() else packed.encode("utf-8", "replace").decode("utf-8")
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "tuple":
        return tuple(_unpack(item, arrays) for item in content)
    if kind == "dict":
        return {_unpack(key, arrays): _unpack(item, arrays) for key, item in content}
    dtype, shape, start = content
    if np.dtype(dtype).kind not in KINDS or kind not in ("numpy", "torch"):
        raise NotPlainData(f"an array of {dtype} is not plain data")
    count = math.prod(shape)
    array = np.frombuffer(arrays, dtype, count, start).copy() if count else np.zeros(0, dtype)
    array = array.reshape(shape)
    return torch.from_numpy(array) if kind == "torch" else array


class Here:
    """The student's side in this process: the names that the work defines."""

    def __init__(self, namespace):
        self.namespace = namespace

    def look(self, names):
        """Return {name: (whether it is called, its value)} of those that are defined.

        Raises:
            NotPlainData: one is neither callable nor plain.
        """
        seen = {}
        for name in sorted(names & set(self.namespace)):
            value = self.namespace[name]
            try:
                seen[name] = (True, None) if callable(value) else (False, decode(encode(value)))
            except NotPlainData as error:
                raise NotPlainData(f"{name}: {error}") from None
        return seen

    def call(self, name, args, kwargs, measure=None):
        """Call the object of that name, or a function of `measuring` with it; both ways only plain data cross.

        Raises:
            whatever the call raises, as its builtin kind with its message; others as RuntimeError.
        """
        args, kwargs = decode(encode((list(args), kwargs)))
        outcome = called(self.namespace[name], args, kwargs, measure and getattr(measuring, measure))
        return result_of(decode(encode(outcome)))


def called(work, args, kwargs, measure=None):
    """Call the work, or `measure` with it, and return {"value": ...} or {"raised": [kind, message]}."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            value = measure(work, *args, **kwargs) if measure else work(*args, **kwargs)
        encode(value)
    except (Exception, SystemExit) as error:
        try:
            message = str(error)
        except Exception:  # its own __str__ may do anything
            message = ""
        return {"raised": [type(error).__name__, message[:2000]]}
    return {"value": value}


def result_of(outcome):
    """The value of what `called` returned, or its exception raised again; what is malformed is not plain data."""
    match outcome:
        case {"value": value}:
            return value
        case {"raised": [str(name), str(message)]}:
            known = getattr(builtins, name, None)
            if isinstance(known, type) and issubclass(known, Exception) and known is not AssertionError:
                if name.startswith("Unicode"):  # made of five things
                    known = ValueError
                raise known(message)
            if name == "NotPlainData":
                raise NotPlainData(message)
            if name == "AssertionError":
                raise AssertionError(message)
            raise RuntimeError(message)
    raise NotPlainData("what came is not an outcome")


class Proxy:
    """The student's callable, seen from the test's side."""

    __slots__ = ("_name", "_side")

    def __init__(self, side, name):
        self._side, self._name = side, name

    def __call__(self, *args, **kwargs):
        return self._side.call(self._name, args, kwargs)

    def measure_there(self, name, args, kwargs):
        """Run a function of `measuring` beside the student's object."""
        return self._side.call(self._name, args, kwargs, measure=name)


@dataclass(frozen=True)
class Verdict:
    """What became of a test cell.

    outcome: "pass", "fail" (an assertion), "error", "timeout", "memory", "kernel-died".
    message: of the assertion or the error.
    shown: whether students may read the message: the test's author wrote it, or the part of the
        test that they have raised it. Others could hold expected values.
    """

    outcome: str
    message: str = ""
    shown: bool = field(default=True, compare=False)

    def __bool__(self):
        return self.outcome == "pass"


def judge(test, side) -> Verdict:
    """Run the text of a test cell against the student's side, across the border.

    Args:
        test: Python.
        side: a `Here` or a `work.Work`; or a namespace, which stands for a `Here` of it.
    """
    side = Here(side) if isinstance(side, dict) else side
    try:
        seen = side.look(_compiled(test).names)
    except NotPlainData as error:
        return Verdict("error", str(error))
    except Gone as gone:
        return Verdict(gone.outcome)
    return _run(test, {name: Proxy(side, name) if called else value for name, (called, value) in seen.items()})


def run_beside(test, namespace) -> Verdict:
    """Run the text of a test cell in the same namespace as the work, as nbgrader does."""
    return _run(test, namespace)


def _run(test, namespace):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(_compiled(test).code, namespace)
    except Gone as gone:
        return Verdict(gone.outcome)
    except MemoryError:
        return Verdict("memory")
    except AssertionError as error:
        return Verdict("fail", str(error), _is_written(error, test) or not _is_hidden(error, test))
    except Exception as error:
        return Verdict("error", f"{type(error).__name__}: {error}", not _is_hidden(error, test))
    return Verdict("pass")


@dataclass(frozen=True)
class _Test:
    """A test, compiled once for a whole class.

    names: what it expects of the work. spoken: the first and last lines of its assertions with a message.
    """

    code: object
    names: frozenset
    spoken: tuple[tuple[int, int], ...]


@functools.lru_cache(maxsize=1024)
def _compiled(test):
    tree = ast.parse(test)
    asserts = (node for node in ast.walk(tree) if isinstance(node, ast.Assert) and node.msg is not None)
    spoken = tuple((node.lineno, node.end_lineno) for node in asserts)
    return _Test(compile(tree, "<test>", "exec"), frozenset(free_names(tree)), spoken)


def _is_written(error, test):
    """Whether the message of an assertion stands in the test."""
    *_, last = traceback.walk_tb(error.__traceback__)
    frame, line = last
    return frame.f_code.co_filename == "<test>" and any(a <= line <= b for a, b in _compiled(test).spoken)


def _is_hidden(error, test):
    """Whether the error came from the part of the test that students do not have."""
    hidden, inside = set(), False
    for number, line in enumerate(test.splitlines(), 1):
        inside = (inside or "BEGIN HIDDEN TESTS" in line) and "END HIDDEN TESTS" not in line
        if inside:
            hidden.add(number)
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_filename == "<test>" and line in hidden for frame, line in frames)


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
