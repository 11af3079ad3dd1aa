"""The wire between a judge and a student's process: plain data as bytes, which `messages` carries.

Both ends are hostile to each other in thought: `decode` believes nothing of what the bytes say, and nothing
that carries behaviour of its own can be encoded.
"""

import builtins
import contextlib
import io
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from tema9 import contracts, measuring

LONGEST_OUTPUT = 20_000  # characters of what a cell prints
LONGEST_NAME, LONGEST_MESSAGE = 200, 2000  # characters of an error's class and of what it says
MOST_VALUES = 2_000_000  # in one message, those inside others included: decoding so many takes about two seconds
MOST_KEYS = 10_000  # of dicts in one message: whoever makes them can choose numbers that are all kept in one place


class NotPlainData(TypeError):
    """Something that is not plain data was to cross the wire."""


def encode(value: Any) -> bytes:
    """Return plain data as bytes: JSON, and after it the bytes of the arrays.

    Plain data are None, bool, int, float, str, list, tuple, dict with plain keys, and
    arrays of numpy or torch; not their subclasses, which could carry behaviour.

    Raises:
        NotPlainData: the value holds something else.
    """
    arrays = bytearray()
    try:
        text = json.dumps(_pack(value, arrays)).encode()
    except RecursionError:
        raise NotPlainData("it is nested too deep to be plain data") from None
    return b"".join([len(text).to_bytes(8, "big"), text, arrays])


def decode(content: bytes | bytearray) -> Any:
    """Return the value that `encode` made into bytes.

    Raises:
        NotPlainData: the bytes are not what `encode` makes, or hold more than MOST_VALUES or MOST_KEYS.
    """
    try:
        size = int.from_bytes(content[:8], "big")
        text = bytes(content[8 : 8 + size])
        if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
            raise NotPlainData(f"more than {MOST_VALUES:,} values came")
        return _Unpacking(memoryview(content)[8 + size :]).value(json.loads(text))
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
    if kind is np.ndarray and value.dtype.kind in contracts.KINDS:
        return {"numpy": _array(value, arrays)}
    if isinstance(value, np.generic) and value.dtype.kind in contracts.KINDS:
        return _pack(value.item(), arrays)
    raise NotPlainData(f"{kind.__name__} is not plain data: give numbers, strings, lists, tuples, dicts or arrays")


def _array(array, arrays):
    start = len(arrays)
    arrays += array.tobytes()
    return [array.dtype.str, list(array.shape), start]


class _Unpacking:
    """A message on its way back to what `_pack` was given: `arrays` are the bytes of its arrays, one after another."""

    def __init__(self, arrays: memoryview) -> None:
        self.arrays, self.read, self.keys = arrays, 0, 0

    def value(self, packed: Any) -> Any:
        if isinstance(packed, list):
            return [self.value(item) for item in packed]
        if isinstance(packed, str):  # half of a surrogate pair could not be written to a file
            return packed if packed.isascii() else packed.encode("utf-8", "replace").decode("utf-8")
        if not isinstance(packed, dict):
            return packed
        ((kind, content),) = packed.items()
        if kind == "tuple":
            return tuple(self.value(item) for item in content)
        if kind == "dict":
            self.keys += len(content)
            if self.keys > MOST_KEYS:
                raise NotPlainData(f"more than {MOST_KEYS:,} keys of dicts came")
            return {self.value(key): self.value(item) for key, item in content}
        return self.array(kind, *content)

    def array(self, kind: str, dtype: str, shape: list[int], start: int) -> Any:
        if np.dtype(dtype).kind not in contracts.KINDS or kind not in ("numpy", "torch"):
            raise NotPlainData(f"an array of {np.dtype(dtype)} is not plain data")
        if start != self.read or min(shape, default=0) < 0:  # or else many arrays could be made of the same bytes
            raise NotPlainData("the bytes of an array are not where they should be")
        count = math.prod(shape)
        array = np.frombuffer(self.arrays, dtype, count, start).copy() if count else np.zeros(0, dtype)
        self.read += array.nbytes
        array = array.reshape(shape)
        return torch.from_numpy(array) if kind == "torch" else array


def as_plain(value: Any, subject: str = contracts.RETURNED) -> Any:
    """Return a value that can be encoded: itself, or its canonical form as the contracts see it.

    Args:
        value: what the student's code made.
        subject: begins the sentence of a refusal.

    Raises:
        AssertionError: it has no plain form; the message is for the student, in Spanish.
    """
    try:
        encode(value)
    except NotPlainData:
        value = contracts.plain(value, subject)
        encode(value)
    return value


def call_outcome(
    work: Any, args: Iterable, kwargs: dict[str, Any], measure: Callable[..., Any] | None = None
) -> dict[str, Any]:
    """Call a student's object, or the function `measure` with it as its first argument; say what became of the call.

    Returns:
        {"value": what it returned} or {"raised": [the name of the exception's class, its message]}.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            value = measure(work, *args, **kwargs) if measure else work(*args, **kwargs)
        value = as_plain(value)
    except (Exception, SystemExit) as error:
        try:
            message = str(error)
        except Exception:  # its own __str__ may do anything
            message = ""
        return {"raised": [measuring.builtin_name(error)[:LONGEST_NAME], message[:LONGEST_MESSAGE]]}
    return {"value": value}


def result_of(outcome: Any) -> Any:
    """Return the value of an outcome of `call_outcome`, or raise its exception again.

    Raises:
        NotPlainData: the outcome is malformed.
        AssertionError or another builtin exception: what the call raised; a class of the student's own comes as the
            builtin kind from which it derives.
    """
    match outcome:
        case {"value": value}:
            return value
        case {"raised": [str(name), str(message)]}:
            message = message[:LONGEST_MESSAGE]
            known = getattr(builtins, name, None)
            if isinstance(known, type) and issubclass(known, Exception) and known is not AssertionError:
                if name.startswith("Unicode"):  # made of five things
                    known = ValueError
                raise known(message)
            if name == "AssertionError":
                raise AssertionError(message)
            raise RuntimeError(message)
    raise NotPlainData("what came is not an outcome")
