"""Retypings: a right answer that returns its values in the other types that Python, numpy and torch users write.

A retyping changes no value, so that the answer stays right unless the exercise forbids the type.
"""

import collections
import enum
import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import torch

Retyping = Callable[[Any], Any]


def _leaves(kinds: tuple[type, ...], change: Retyping) -> Retyping:
    """Change the values of some types, inside containers too."""

    def changed(value):
        if type(value) in kinds:
            return change(value)
        if isinstance(value, Mapping):
            return {key: changed(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(changed(item) for item in value)
        return value

    return changed


def _containers(kinds: tuple[type, ...], change: Retyping) -> Retyping:
    """Change the containers of some types, and those inside them."""

    def changed(value):
        if isinstance(value, Mapping):
            value = {key: changed(item) for key, item in value.items()}
        elif type(value) in (list, tuple):
            value = type(value)(changed(item) for item in value)
        return change(value) if type(value) in kinds else value

    return changed


def _flat_numbers(change: Retyping) -> Retyping:
    """Change the sequences that hold only numbers, or only rows of them of one length."""

    def changed(value):
        if type(value) in (list, tuple) and len(value):
            try:
                if np.asarray(value).dtype.kind in "biuf":
                    return change(value)
            except (ValueError, TypeError, RuntimeError):
                pass
            return type(value)(changed(item) for item in value)
        if isinstance(value, Mapping):
            return {key: changed(item) for key, item in value.items()}
        return value

    return changed


def _integral(value):
    return int(value) if value == int(value) else value


def _named(value):
    return collections.namedtuple("Named", [f"part_{i}" for i in range(len(value))])(*value)


class _Expression:
    """A number as sympy and mpmath have it: no type of Python's, but with a value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


def _word(value):
    class Word(str, enum.Enum):  # noqa: UP042 - a StrEnum prints its value
        VALUE = value

    return Word.VALUE


def _enum(value):
    return enum.IntEnum("Sizes", {"VALUE": value}).VALUE if type(value) is int else value


RETYPINGS: dict[str, Retyping] = {
    "list -> tuple": _containers((list,), tuple),
    "tuple -> list": _containers((tuple,), list),
    "tuple -> namedtuple": _containers((tuple,), _named),
    "list -> deque": _containers((list,), collections.deque),
    "list -> iterator": _containers((list,), iter),
    "list -> dict keys": lambda v: dict.fromkeys(v).keys() if type(v) is list and _distinct(v) else v,
    "tuple -> torch.Size": lambda v: torch.Size(v) if type(v) is tuple and all(type(i) is int for i in v) else v,
    "range": lambda v: range(v[0], v[-1] + 1) if type(v) is list and v and _is_range(v) else v,
    "sequence -> np.array": _flat_numbers(np.array),
    "sequence -> np.array of objects": _flat_numbers(lambda v: np.array(v, dtype=object)),
    "sequence -> torch.tensor": _flat_numbers(torch.tensor),
    "np.array -> tensor": _leaves((np.ndarray,), lambda a: torch.from_numpy(a.copy())),
    "np.array -> list": _leaves((np.ndarray,), lambda a: a.tolist()),
    "np.array -> tuple of rows": _leaves((np.ndarray,), lambda a: tuple(a) if a.ndim else a),
    "np.array -> float32": _leaves((np.ndarray,), lambda a: a.astype(np.float32) if a.dtype.kind == "f" else a),
    "np.array -> longdouble": _leaves((np.ndarray,), lambda a: a.astype(np.longdouble) if a.dtype.kind == "f" else a),
    "np.array -> Fortran order": _leaves((np.ndarray,), np.asfortranarray),
    "np.array -> masked array": _leaves((np.ndarray,), np.ma.masked_array),
    "np.array -> matrix": _leaves((np.ndarray,), lambda a: np.matrix(a) if a.ndim == 2 else a),
    "np.array -> objects": _leaves((np.ndarray,), lambda a: a.astype(object)),
    "tensor -> np.array": _leaves((torch.Tensor,), lambda t: t.detach().numpy()),
    "tensor -> list": _leaves((torch.Tensor,), lambda t: t.tolist()),
    "tensor -> list of tensors": _leaves((torch.Tensor,), lambda t: list(t) if t.dim() else t),
    "tensor -> float64": _leaves((torch.Tensor,), lambda t: t.double() if t.is_floating_point() else t),
    "tensor -> with gradient": _leaves(
        (torch.Tensor,), lambda t: t.detach().clone().requires_grad_() if t.is_floating_point() else t
    ),
    "tensor -> Parameter": _leaves(
        (torch.Tensor,), lambda t: torch.nn.Parameter(t.detach()) if t.is_floating_point() else t
    ),
    "tensor -> sparse": _leaves((torch.Tensor,), lambda t: t.detach().to_sparse() if t.dim() else t),
    "tensor -> not contiguous": _leaves(
        (torch.Tensor,), lambda t: t.flip(0).flip(0).mT.contiguous().mT if t.dim() > 1 else t
    ),
    "int -> np.int64": _leaves((int,), np.int64),
    "int -> np.uint8": _leaves((int,), lambda n: np.uint8(n) if 0 <= n < 256 else n),
    "int -> IntEnum": _leaves((int,), _enum),
    "int -> float": _leaves((int,), float),
    "float -> np.float64": _leaves((float,), np.float64),
    "float -> np.float32": _leaves((float,), np.float32),
    "float -> Fraction": _leaves((float,), lambda x: Fraction(x) if np.isfinite(x) else x),
    "float that is whole -> int": _leaves((float,), _integral),
    "number -> tensor without axes": _leaves((int, float), lambda n: torch.tensor(n, dtype=_dtype(n))),
    "number -> array without axes": _leaves((int, float), np.array),
    "bool -> np.bool_": _leaves((bool,), np.bool_),
    "bool -> int": _leaves((bool,), int),
    "np scalar -> Python": lambda v: v.item() if isinstance(v, np.generic) else v,
    "float -> complex": _leaves((float,), complex),
    "np.array -> complex": _leaves((np.ndarray,), lambda a: a.astype(complex) if a.dtype.kind == "f" else a),
    "float -> expression": _leaves((float,), _Expression),
    "str -> subclass": _leaves((str,), type("Text", (str,), {})),
    "str -> Enum": _leaves((str,), _word),
    "dict -> OrderedDict": _containers((dict,), collections.OrderedDict),
    "dict -> defaultdict": _containers((dict,), lambda v: collections.defaultdict(int, v)),
    "dict -> ChainMap": _containers((dict,), collections.ChainMap),
    "dict keys -> np.int64": _containers(
        (dict,), lambda v: {np.int64(k) if type(k) is int else k: item for k, item in v.items()}
    ),
}


def _distinct(value):
    return len({repr(item) for item in value}) == len(value) and all(
        isinstance(item, int | float | str) for item in value
    )


def _is_range(value):
    return all(type(item) is int for item in value) and value == list(range(value[0], value[0] + len(value)))


def _dtype(number):
    return torch.int64 if isinstance(number, int) else torch.float64


def replace(namespace: dict[str, Any], name: str, retyping: Retyping) -> None:
    """Put in the place of a student's function, or value, one whose values are in another type."""

    def changed(value):
        try:
            return retyping(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            return value

    work = namespace[name]
    if callable(work):
        # A function of the notebook's own, as far as `measuring.require_own` can see.
        namespace |= {"_retyped": functools.partial(changed).__call__, "_answer": work}
        exec(f"def {name}(*args, **kwargs):\n    return _retyped(_answer(*args, **kwargs))", namespace)
    else:
        namespace[name] = changed(work)


def changes(retyping: Retyping, value: Any) -> bool:
    """Whether a retyping changes the type of a value, or of something in it."""
    try:
        return _looks(retyping(value)) != _looks(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return False


def _looks(value):
    """A description in which a retyped value differs from the value."""
    if isinstance(value, Mapping):
        return type(value).__name__, [(type(key).__name__, _looks(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [_looks(item) for item in value]
    return type(value).__name__, str(getattr(value, "dtype", "")), getattr(value, "requires_grad", None)
