"""Contracts: what an exercise asks an answer to give back, and when two values are the same.

The same number can be an `int` of Python, a scalar of numpy or a tensor without axes. A contract gives every way of
writing a value one canonical form, and refuses what the exercise does not ask for with a sentence in Spanish. The
check cell, the visible tests and the grader use the same contracts, so that all three say the same of an answer.

A contract is a function `(value, subject) -> the canonical value`. `subject` begins the sentence of the refusal.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Set
from decimal import Decimal
from numbers import Rational, Real
from typing import Any

import numpy as np
import torch

KINDS = "biuf"  # of the elements of an array: bool, int, unsigned, float
LONGEST = 10_000_000  # elements of a sequence; an iterator may have no end
BUILTINS = {int: int.__int__, float: float.__float__, str: str.__str__}
RETURNED = "tu función devuelve"

Contract = Callable[..., Any]


class Unlike(AssertionError):
    """A value is not what its contract asks for; the message is for the student, in Spanish."""


def plain(value: Any, subject: str = RETURNED) -> Any:
    """Return a value of any type as plain data: the form in which all contracts see it.

    Numbers become `int`, `float` or `bool`, complex ones if they have no imaginary part; sequences and iterators
    become lists; mappings become dicts; arrays and tensors of any kind become arrays of numpy, and those without axes,
    numbers.

    Raises:
        Unlike: it is, or holds, something else.
    """
    try:
        return _plain(value, subject)
    except RecursionError:
        raise Unlike(f"{subject} algo que se contiene a sí mismo o está anidado demasiado hondo") from None


def _plain(value, subject):
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        return _plain(_as_numpy(value, subject), subject)
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind == "O":
            return _plain(value.tolist(), subject)
        if value.dtype.kind == "U" and value.ndim == 0:
            return str(value)
        if value.dtype.kind == "c" and not np.any(value.imag):
            return _plain(value.real, subject)
        if value.dtype.kind not in KINDS:
            raise Unlike(f"{subject} una matriz de elementos {value.dtype}, y se piden números")
        made = np.array(value, dtype=np.float64 if value.dtype.itemsize > 8 else None, subok=False)
        return made.item() if made.ndim == 0 else made
    for builtin, itself in BUILTINS.items():  # an Enum and the like, whatever they print
        if isinstance(value, builtin):
            return itself(value)
    if isinstance(value, Rational):
        return int(value) if value.denominator == 1 else float(value)
    if isinstance(value, Real | Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, subject): _plain(item, subject) for key, item in value.items()}
    if isinstance(value, Set) and not isinstance(value, type({}.keys()) | type({}.items())):
        raise Unlike(f"{subject} un `{kind.__name__}`, que no tiene orden: usa una lista")
    if hasattr(value, "__array__") and not isinstance(value, type):
        return _plain(np.asarray(value), subject)
    if isinstance(value, bytes | bytearray) or not isinstance(value, Iterable):
        if hasattr(kind, "__complex__") or hasattr(kind, "__float__"):  # of sympy, mpmath and the like
            exact = _exact(value)
            if exact is not None:
                return exact
        raise Unlike(f"{subject} {_shown(value)}, y se piden números, textos, listas, tuplas, diccionarios o matrices")
    items = []
    for item in value:
        if len(items) == LONGEST:
            raise Unlike(f"{subject} más de {LONGEST} elementos")
        items.append(_plain(item, subject))
    return items


def _exact(value):
    """The number that an object stands for, if it is one and real; None otherwise."""
    try:
        made = complex(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if made.imag else made.real


def _as_numpy(tensor, subject):
    tensor = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    if tensor.device.type == "meta" or tensor.is_quantized:
        raise Unlike(f"{subject} un tensor sin valores que se puedan leer ({tensor.device}, {tensor.dtype})")
    tensor = tensor.resolve_conj().resolve_neg().cpu()
    return tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def _key(key, subject):
    key = _plain(key, subject)
    if isinstance(key, list):
        key = tuple(key)
    if isinstance(key, float) and key.is_integer():
        key = int(key)  # the same key for a dict
    try:
        hash(key)
    except TypeError:
        raise Unlike(f"{subject} un diccionario con claves que no son números ni textos") from None
    return key


def integer(value: Any, subject: str = RETURNED) -> int:
    """An integer of any integer type; one of a type with a fractional part, as 28.0, is refused.

    Example:
        >>> integer(np.int64(28))
        28
    """
    found = plain(value, subject)
    if type(found) is float:
        raise Unlike(f"{subject} {found!r}, un `float`, y se pide un número entero: ¿has dividido con / y no con //?")
    return found if type(found) is int else _refuse(found, subject, "un número entero")


def number(value: Any, subject: str = RETURNED) -> float:
    """A number of any type, as a float."""
    found = plain(value, subject)
    if type(found) not in (int, float):
        _refuse(found, subject, "un número")
    try:
        return float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf


def boolean(value: Any, subject: str = RETURNED) -> bool:
    """True or False, also as 1 or 0."""
    found = plain(value, subject)
    return (
        bool(found)
        if type(found) in (bool, int, float) and found in (0, 1)
        else _refuse(found, subject, "True o False")
    )


def text(value: Any, subject: str = RETURNED) -> str:
    """A text."""
    found = plain(value, subject)
    return found if type(found) is str else _refuse(found, subject, "un texto")


def array(value: Any, subject: str = RETURNED) -> np.ndarray:
    """An array of numbers, or nested lists of them, as an array of float64.

    Example:
        >>> array([[1, 2], (3, 4)]).shape
        (2, 2)
    """
    found = plain(value, subject)
    try:
        made = np.array(found)
    except ValueError:
        raise Unlike(f"{subject} filas de distinta longitud, y se pide una matriz de números") from None
    if made.dtype.kind not in KINDS:
        _refuse(found, subject, "una matriz de números")
    return made.astype(np.float64)


def sequence(of: Contract, count: int | None = None, what: str = "una lista") -> Contract:
    """The contract of a sequence of values with one contract; the canonical form is a list.

    Args:
        of: the contract of each element.
        count: how many there must be; None for any number.
        what: what the exercise asks for, in Spanish, as it stands in a refusal.
    """

    def contract(value: Any, subject: str = RETURNED) -> list[Any]:
        found = plain(value, subject)
        if not isinstance(found, list | np.ndarray):
            _refuse(found, subject, what)
        if count is not None and len(found) != count:
            raise Unlike(f"{subject} {len(found)} valores, y se piden {count}")
        return [of(item, _in(subject, f"su elemento {place}")) for place, item in enumerate(found)]

    return contract


def integers(count: int | None = None) -> Contract:
    """The contract of a sequence of integers, as a shape is."""
    return sequence(integer, count, "una lista de números enteros" if count is None else f"{count} números enteros")


def numbers(count: int | None = None) -> Contract:
    """The contract of a sequence of numbers."""
    return sequence(number, count, "una lista de números" if count is None else f"{count} números")


def together(*contracts: Contract) -> Contract:
    """The contract of several values that are returned together, each with its own contract; as a list.

    Example:
        >>> together(integers(3), integer)(((96, 55, 55), 0))
        [[96, 55, 55], 0]
    """

    def contract(value: Any, subject: str = RETURNED) -> list[Any]:
        found = value if isinstance(value, list | tuple) else plain(value, subject)
        if not isinstance(found, list | tuple | np.ndarray):
            _refuse(found, subject, f"{len(contracts)} valores")
        if len(found) != len(contracts):
            raise Unlike(f"{subject} {len(found)} valores, y se piden {len(contracts)}")
        parts = zip(contracts, found, strict=True)
        return [of(item, _in(subject, f"su valor {place}")) for place, (of, item) in enumerate(parts, 1)]

    return contract


def mapping(of: Contract) -> Contract:
    """The contract of a mapping whose values have one contract; the canonical form is a dict."""

    def contract(value: Any, subject: str = RETURNED) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            _refuse(plain(value, subject), subject, "un diccionario")
        return {_key(key, subject): of(item, _in(subject, repr(key))) for key, item in value.items()}

    return contract


def record(**fields: Contract) -> Contract:
    """The contract of a mapping with these keys, each with its own contract; other keys are left out."""

    def contract(value: Any, subject: str = RETURNED) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            _refuse(plain(value, subject), subject, "un diccionario")
        if missing := [key for key in fields if key not in value]:
            raise Unlike(f"{subject} un diccionario sin la clave {missing[0]!r}")
        return {key: of(value[key], _in(subject, repr(key))) for key, of in fields.items()}

    return contract


def exactly(**fields: Contract) -> Contract:
    """The contract of a mapping with these keys and no others, each with its own contract."""
    of_fields = record(**fields)

    def contract(value: Any, subject: str = RETURNED) -> dict[str, Any]:
        found = of_fields(value, subject)
        if more := [key for key in value if key not in fields]:
            raise Unlike(f"{subject} un diccionario con la clave {more[0]!r}, y se piden solo {', '.join(fields)}")
        return found

    return contract


def optional(of: Contract) -> Contract:
    """The contract of a value that may be None."""

    def contract(value: Any, subject: str = RETURNED) -> Any:
        return None if value is None else of(value, subject)

    return contract


def close(found: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Whether two numbers or arrays have the same shape and values that differ by little.

    No axis is stretched to another's length, and infinities and NaN equal only themselves.

    Args:
        found, expected: numbers, nested lists of numbers, arrays or tensors.
        tolerance: the largest difference, absolute for numbers up to 1 and relative above.
    """
    one, other = array(found), array(expected)
    if one.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        near = np.abs(one - other) <= tolerance * np.maximum(1, np.abs(other))
    numbers_near = near & np.isfinite(one) & np.isfinite(other)
    return bool(np.all(numbers_near | (one == other) | (np.isnan(one) & np.isnan(other))))


def _in(subject, place):
    """The subject of a sentence about a part of a value."""
    return f"{subject.removesuffix(',')}, en {place},"


def _refuse(found, subject, wanted):
    if found is None:
        nothing = "tu función no devuelve nada: ¿falta el `return`, o has puesto `print` en su lugar?"
        raise Unlike(nothing if subject == RETURNED else f"{subject} None, y se pide {wanted}")
    raise Unlike(f"{subject} {_shown(found)}, y se pide {wanted}")


def _shown(value):
    """A value in a few words, for a message."""
    if isinstance(value, np.ndarray):
        return f"una matriz de forma {value.shape}"
    if isinstance(value, list | dict):
        name = "una lista" if isinstance(value, list) else "un diccionario"
        return f"{name} de {len(value)} elementos"
    if isinstance(value, bool | int | float | str):
        short = repr(value)
        return f"{short if len(short) < 60 else short[:60] + '...'}, un `{type(value).__name__}`"
    return f"un objeto `{type(value).__name__}`"
