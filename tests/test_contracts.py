"""Contracts: the types that are the same value, the words in which others are refused, and when values are close."""

import collections
import datetime
import decimal
import enum
import fractions
import math

import numpy as np
import pytest
import sympy
import torch

from tema9 import contracts

Side = enum.IntEnum("Side", {"C1": 28})
Pair = collections.namedtuple("Pair", "height width")


@pytest.mark.parametrize(
    "value",
    [
        28,
        np.int64(28),
        np.uint8(28),
        torch.tensor(28),
        np.array(28),
        Side.C1,
        fractions.Fraction(28),
        type("N", (int,), {})(28),
    ],
    ids=repr,
)
def test_an_integer_is_one_in_every_integer_type(value):
    assert contracts.integer(value) == 28 and type(contracts.integer(value)) is int


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (28.0, "28.0, un `float`, y se pide un número entero: ¿has dividido con / y no con //?"),
        (np.float64(28), "28.0, un `float`"),
        (torch.tensor(28.0), "28.0, un `float`"),
        (True, "True, un `bool`, y se pide un número entero"),
        ("28", "'28', un `str`, y se pide un número entero"),
        ([28], "una lista de 1 elementos, y se pide un número entero"),
        (np.array([28]), "una matriz de forma (1,), y se pide un número entero"),
        (None, "no devuelve nada: ¿falta el `return`"),
        (print, "un objeto `builtin_function_or_method`"),
    ],
    ids=repr,
)
def test_what_is_no_integer_is_refused_in_words(value, words):
    with pytest.raises(contracts.Unlike) as refused:
        contracts.integer(value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        2.5,
        np.float32(2.5),
        torch.tensor(2.5),
        decimal.Decimal("2.5"),
        fractions.Fraction(5, 2),
        np.longdouble(2.5),
        2.5 + 0j,
        np.complex64(2.5),
        np.array(2.5 + 0j),
        torch.tensor(2.5 + 0j),
        sympy.sqrt(sympy.Rational(25, 4)),
        sympy.sqrt(2) ** 2 * 5 / 4,
        torch.tensor(2.5, dtype=torch.bfloat16),
    ],
    ids=repr,
)
def test_a_number_is_one_in_every_type(value):
    assert contracts.number(value) == 2.5 and type(contracts.number(value)) is float


@pytest.mark.parametrize(
    "value",
    [2.5 + 1j, np.array([2.5, 1j]), torch.tensor(1j), sympy.Symbol("x"), sympy.sqrt(-2), datetime.timedelta(1), "2.5"],
    ids=repr,
)
def test_what_is_no_real_number_is_refused(value):
    with pytest.raises(contracts.Unlike, match="tu función devuelve"):
        contracts.number(value)


def test_a_word_is_itself_whatever_it_prints():
    words = [
        enum.Enum("Word", {"A": "no-eval"}, type=str).A,
        enum.StrEnum("Word", {"A": "no-eval"}).A,
        np.str_("no-eval"),
        np.array("no-eval"),
        type("Word", (str,), {"__str__": lambda self: "otra"})("no-eval"),
    ]
    assert [contracts.text(word) for word in words] == ["no-eval"] * 5
    shown = type("Side", (int,), {"__str__": lambda self: "28 px", "__int__": lambda self: 0})(28)
    assert contracts.integer(shown) == 28


@pytest.mark.parametrize(
    "value",
    [
        (3, 4),
        [3, 4],
        Pair(3, 4),
        torch.Size([3, 4]),
        np.array([3, 4]),
        torch.tensor([3, 4]),
        [np.int64(3), torch.tensor(4)],
        range(3, 5),
        iter([3, 4]),
        (n for n in (3, 4)),
        map(int, "34"),
        collections.deque([3, 4]),
        {3: "a", 4: "b"}.keys(),
        np.array([3, 4], dtype=object),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_sequence_is_the_same_in_every_type(value):
    assert contracts.integers(2)(value) == [3, 4]


@pytest.mark.parametrize(
    ("value", "words"),
    [({3, 4}, "no tiene orden"), (3, "3, un `int`"), ("34", "'34', un `str`"), ([3, 4, 5], "3 valores, y se piden 2")],
    ids=repr,
)
def test_what_is_no_sequence_of_two_is_refused(value, words):
    with pytest.raises(contracts.Unlike, match="tu función devuelve") as refused:
        contracts.integers(2)(value)
    assert words in str(refused.value)


def test_an_iterator_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(contracts, "LONGEST", 1000)
    with pytest.raises(contracts.Unlike, match="más de 1000 elementos"):
        contracts.numbers()(iter(int, 1))


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2), (3, 4)),
        np.array([[1, 2], [3, 4]], dtype=np.int8),
        np.matrix([[1, 2], [3, 4]]),
        np.ma.masked_array([[1, 2], [3, 4]]),
        np.asfortranarray(np.array([[1.0, 2], [3, 4]])),
        torch.tensor([[1.0, 2], [3, 4]], requires_grad=True),
        torch.nn.Parameter(torch.tensor([[1.0, 2], [3, 4]])),
        torch.tensor([[1.0, 2], [3, 4]], dtype=torch.bfloat16),
        torch.tensor([[1.0, 2], [3, 4]]).to_sparse(),
        torch.tensor([[1.0, 3], [2, 4]]).T,
        [torch.tensor([1.0, 2.0]), np.array([3, 4])],
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_array_is_the_same_in_every_type(value):
    made = contracts.array(value)
    assert made.dtype == np.float64 and type(made) is np.ndarray and made.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("value", [[[1], [2, 3]], ["a"], np.array(["a"]), {"a": 1}, torch.ones(2, device="meta"), 1j])
def test_what_is_no_array_of_numbers_is_refused(value):
    with pytest.raises(contracts.Unlike, match="tu función devuelve"):
        contracts.array(value)


@pytest.mark.parametrize(
    "kind", [dict, collections.OrderedDict, lambda v: collections.defaultdict(int, v), collections.ChainMap]
)
def test_a_mapping_is_the_same_in_every_type(kind):
    assert contracts.mapping(contracts.integer)(kind({"C1": np.int64(156), np.str_("S2"): 12})) == {"C1": 156, "S2": 12}


def test_a_key_is_the_same_as_an_integer_and_as_a_whole_float():
    assert repr(contracts.mapping(contracts.text)({2015.0: "ResNet", np.int64(2012): "AlexNet"})) == (
        "{2015: 'ResNet', 2012: 'AlexNet'}"
    )


def test_a_record_has_its_keys_and_exactly_those_where_that_is_asked():
    pair = {"alpha": contracts.number, "size": contracts.integer}
    assert contracts.record(**pair)({"size": 5, "alpha": 1, "more": None}) == {"alpha": 1.0, "size": 5}
    assert contracts.exactly(**pair)({"size": 5, "alpha": 1}) == {"alpha": 1.0, "size": 5}
    with pytest.raises(contracts.Unlike, match="con la clave 'more', y se piden solo alpha, size"):
        contracts.exactly(**pair)({"size": 5, "alpha": 1, "more": None})
    with pytest.raises(contracts.Unlike, match="sin la clave 'size'"):
        contracts.exactly(**pair)({"alpha": 1})
    assert contracts.optional(contracts.integer)(None) is None and contracts.optional(contracts.integer)(3) == 3


def test_what_is_inside_is_named_where_it_is_refused():
    with pytest.raises(
        contracts.Unlike, match=r"tu función devuelve, en 'C1', 156\.0, un `float`, y se pide un número"
    ):
        contracts.mapping(contracts.integer)({"C1": 156.0})
    with pytest.raises(contracts.Unlike, match=r"devuelve, en su elemento 0, en 'side', 2\.5, un `float`, y se pide"):
        contracts.sequence(contracts.record(side=contracts.integer))([{"side": 2.5}])
    with pytest.raises(contracts.Unlike, match="en su valor 2, None, y se pide un número entero"):
        contracts.together(contracts.integers(3), contracts.integer)([(1, 2, 3), None])


def test_a_list_inside_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(contracts.Unlike, match="se contiene a sí mismo"):
        contracts.plain(endless)


@pytest.mark.parametrize("value", [True, np.True_, 1, torch.tensor(True), np.array(True)], ids=repr)
def test_a_boolean_is_one_in_every_type(value):
    assert contracts.boolean(value) is True


def test_arrays_are_close_only_in_the_same_shape():
    assert contracts.close(torch.ones(2, 3), np.ones((2, 3)) + 5e-5)
    assert not contracts.close(np.zeros((0, 4)), np.ones((3, 4)))
    assert not contracts.close(np.ones((1, 3)), np.ones((2, 3)))
    assert not contracts.close(1.0, np.ones(3))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_close_to_no_number(bad):
    assert not contracts.close([1.0, bad], [1.0, 2.0]) and not contracts.close([1.0, 2.0], [1.0, bad])
    assert contracts.close(bad, bad)


def test_the_tolerance_is_absolute_below_one_and_relative_above():
    assert contracts.close(1e6 + 50, 1e6) and not contracts.close(1e6 + 150, 1e6)
    assert contracts.close(1e-5, 0) and not contracts.close(2e-4, 1e-5)
