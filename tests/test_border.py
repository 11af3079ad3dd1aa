"""Only plain data crosses between a test cell and a student's work, and the judge's verdicts."""

import json
import math

import numpy as np
import pytest
import torch

from tema9 import answers
from tema9.classroom.sandbox.border import Proxy, Verdict, judge, run_beside
from tema9.classroom.sandbox.student_server import Capped
from tema9.classroom.sandbox.wire import NotPlainData, decode, encode, result_of


def work(code):
    """The names that a student's cell defines, as in a notebook."""
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    return namespace


def same(value, other):
    """Equal in type and content, all the way down."""
    if type(value) is not type(other):
        return False
    if isinstance(value, torch.Tensor):
        return value.dtype == other.dtype and value.shape == other.shape and torch.equal(value, other)
    if isinstance(value, np.ndarray):
        return value.dtype == other.dtype and value.shape == other.shape and np.array_equal(value, other)
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, dict):
        return same(list(value.items()), list(other.items()))
    return value == other


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(10**30),
        2.5,
        0.1 + 0.2,
        math.inf,
        "ñandú ✔ \n\x00",
        [],
        [1, [2.0, None]],
        (),
        (1, ("a",), [True]),
        {},
        {"a": (1, 2), 3: [4], (5, 6): None, None: {}},
        np.arange(6).reshape(2, 3),
        np.array(3.5),
        np.zeros((0, 4), dtype=np.uint8),
        np.array([True, False]),
        np.arange(6.0).reshape(2, 3).T,
        np.array([1.5], dtype=np.float16),
        torch.arange(6).view(2, 3),
        torch.tensor(2.5),
        torch.arange(6, dtype=torch.float64).view(2, 3).T,
        torch.tensor([True, False]),
        [torch.ones(1), {"x": np.ones(2)}],
    ],
    ids=repr,
)
def test_plain_data_arrives_as_it_left(value):
    assert same(decode(encode(value)), value)


def test_half_a_character_arrives_as_one_that_can_be_written():
    assert decode(encode({"ñ\ud800": ["ñ", "\ud800"]})) == {"ñ?": ["ñ", "?"]}


def test_not_a_number_arrives_as_not_a_number():
    assert math.isnan(decode(encode(math.nan)))


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        (np.float64(2.5), 2.5),
        (np.int32(7), 7),
        (np.bool_(True), True),
        (torch.Size([1, 2]), (1, 2)),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
        (torch.ones(2, requires_grad=True) * 1, torch.ones(2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_as_good_as_plain_arrives_plain(sent, arrives):
    assert same(decode(encode(sent)), arrives)


def test_what_arrives_is_a_copy():
    original = [np.zeros(2)]
    decode(encode(original))[0][0] = 1
    assert original[0][0] == 0


class MyInt(int):
    pass


class MyStr(str):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MyTensor(torch.Tensor):
    pass


class MyArray(np.ndarray):
    pass


class EqualToEverything:
    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


NOT_PLAIN = [
    MyInt(3),
    MyStr("a"),
    MyList(),
    MyDict(),
    torch.ones(2).as_subclass(MyTensor),
    np.ones(2).view(MyArray),
    EqualToEverything(),
    Proxy(None, "print"),
    print,
    int,
    math,
    object(),
    {1, 2},
    1j,
    b"bytes",
    range(3),
    np.array([object()]),
    np.array(["text"]),
    torch.nn.Linear(1, 1),
]


@pytest.mark.parametrize("value", NOT_PLAIN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: (1, v), lambda v: {"key": v}])
def test_anything_else_is_refused_however_deep(value, wrap):
    with pytest.raises(NotPlainData, match=f"{type(value).__name__} is not plain data"):
        encode(wrap(value))


def test_a_key_that_is_not_plain_is_refused():
    with pytest.raises(NotPlainData):
        encode({EqualToEverything(): 1})


DOUBLE = "def double(x):\n    return 2 * x"


def test_a_right_answer_passes():
    assert judge("assert double(4) == 8", work(DOUBLE)) == Verdict("pass")
    assert judge("assert double(4) == 8", work(DOUBLE))


def test_a_wrong_answer_fails_with_the_message_of_the_assertion():
    verdict = judge("assert double(4) == 9, 'no es el doble'", work(DOUBLE))
    assert verdict == Verdict("fail", "no es el doble") and not verdict


def test_a_name_that_is_missing_is_an_error():
    verdict = judge("assert triple(4) == 12", work(DOUBLE))
    assert verdict.outcome == "error" and verdict.message.startswith("NameError")


def test_an_exception_of_the_work_is_an_error_of_the_test_cell():
    verdict = judge("double(None)", work(DOUBLE))
    assert verdict.outcome == "error" and verdict.message.startswith("TypeError")


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        ("ValueError('x')", "ValueError"),
        ("ZeroDivisionError('x')", "ZeroDivisionError"),
        ("type('MyError', (ValueError,), {})('x')", "ValueError"),
        ("type('print', (Exception,), {})('x')", "Exception"),
    ],
)
def test_exceptions_arrive_as_the_nearest_builtin(raised, caught):
    test = f"try:\n    f()\nexcept Exception as error:\n    assert (type(error), str(error)) == ({caught}, 'x')"
    assert judge(test, work(f"def f():\n    raise {raised}")) == Verdict("pass")


@pytest.mark.parametrize("raised", ["SystemExit()", "exit()", "type('SystemExit', (Exception,), {})()"])
def test_a_work_that_wants_to_leave_loses_its_cell_and_does_not_take_the_judge_along(raised):
    try:
        verdict = judge("f()", work(f"def f():\n    raise {raised}"))
    except BaseException as error:  # SystemExit would stop pytest too
        pytest.fail(f"{type(error).__name__} came out of the judge")
    assert verdict.outcome == "error"


def test_an_answer_equal_to_everything_does_not_pass():
    code = "class E:\n    def __eq__(self, other):\n        return True\ndef f():\n    return E()\nanswer = E()"
    assert run_beside("assert f() == 3", work(code)).outcome == "pass"  # why the border is there
    verdict = judge("assert f() == 3", work(code))
    assert verdict.outcome == "fail" and "tu función devuelve un objeto `E`" in verdict.message
    assert judge("assert answer == 3", work(code)).outcome == "fail"


def test_a_callable_equal_to_everything_does_not_pass():
    code = "class E:\n    def __eq__(self, other):\n        return True\n    __call__ = lambda self: 3\nf = E()"
    assert judge("assert f == 3", work(code)).outcome == "fail"
    assert judge("assert f() == 3", work(code)).outcome == "pass"


def test_the_test_s_objects_do_not_reach_the_work():
    code = "def f(g):\n    return g()"
    verdict = judge("f(lambda: 3)", work(code))
    assert verdict.outcome == "error" and "function is not plain data" in verdict.message


def test_a_proxy_given_to_another_proxy_is_refused():
    verdict = judge("f(double)", work(DOUBLE + "\ndef f(g):\n    return g(1)"))
    assert verdict.outcome == "error" and "Proxy is not plain data" in verdict.message


def test_attributes_of_the_work_cannot_be_read():
    code = DOUBLE + "\ndouble.expected = 8"
    assert run_beside("assert double.expected == 8", work(code)).outcome == "pass"
    assert judge("assert double.expected == 8", work(code)).outcome == "error"


def test_the_work_cannot_write_into_the_test_s_arrays():
    code = "def f(x):\n    x += 1\n    return x"
    test = "import torch\nx = torch.zeros(2)\nassert f(x).sum() == 2\nassert x.sum() == 0"
    assert run_beside(test, work(code)).outcome == "fail"
    assert judge(test, work(code)).outcome == "pass"


def test_a_plain_variable_is_read_as_a_copy():
    namespace = work("answer = [1, 2]")
    assert judge("answer.append(3)\nassert len(answer) == 3", namespace)
    assert namespace["answer"] == [1, 2]


def test_names_that_the_test_defines_are_its_own():
    code = "def helper():\n    return 1\ndef f():\n    return 2"
    assert judge("def helper():\n    return f()\nassert helper() == 2", work(code))


def test_the_work_cannot_change_what_the_test_imports():
    code = "import torch\ndef f():\n    torch = None\n    return 1\nassertion = 1"
    assert judge("import torch\nf()\nassert torch.ones(1) == 1", work(code))


def test_a_test_cell_reaches_the_work_through_measuring():
    test = "from tema9 import measuring\nmeasuring.require_own(f)\nassert measuring.raised_by(f, -1) == 'ValueError'"
    assert judge(test, work("def f(x):\n    if x < 0:\n        raise ValueError(x)\n    return x"))
    borrowed = work("from tema9.arithmetic import output_size as f")
    verdict = judge(test, borrowed)
    assert verdict.outcome == "fail" and "tema9.arithmetic.output_size" in verdict.message


def test_neither_the_work_nor_the_test_prints(capsys):
    code = "import sys\ndef f():\n    print('out')\n    print('err', file=sys.stderr)\n    return 1"
    assert judge("print('test')\nassert f() == 1", work(code))
    assert capsys.readouterr() == ("", "")


def test_free_names_are_those_that_the_student_must_define():
    import ast

    code = (
        "import torch as t\nfrom tema9 import measuring\n"
        "def own(a, b=limit):\n    return a + f(b)\n"
        "for i in range(3):\n    assert own(i) == [g(x) for x in t.ones(i)]\n"
        "try:\n    h()\nexcept ValueError as error:\n    print(error, measuring)"
    )
    assert answers.free_names(ast.parse(code)) == {"limit", "f", "g", "h"}


def message(json_text, arrays=b""):
    """The bytes of a message, as whoever speaks for a student's process may send them."""
    text = json_text if isinstance(json_text, bytes) else json.dumps(json_text).encode()
    return len(text).to_bytes(8, "big") + text + arrays


HOSTILE = {
    "nothing": b"",
    "no-json": message(b"{"),
    "many-values": message(b"[" + b"[]," * 1_500_000 + b"[]]"),
    "deep": message(b"[" * 100_000),
    "many-keys": message({"dict": [[number * (2**61 - 1), 0] for number in range(20_000)]}),
    "many-keys-in-many": message([{"dict": [[number * (2**61 - 1), 0] for number in range(100)]}] * 200),
    "the-same-bytes-again": message([{"numpy": ["<f8", [10**6], 0]}] * 1000, bytes(8 * 10**6)),
    "bytes-that-overlap": message([{"numpy": ["<f8", [2], 0]}, {"torch": ["<f8", [2], 8]}], bytes(24)),
    "more-bytes-than-came": message({"numpy": ["<f8", [10**9, 10**9], 0]}, bytes(8)),
    "negative": message({"numpy": ["<f8", [-1], 0]}, bytes(8)),
    "negative-twice": message({"numpy": ["<f8", [-1, -1], 0]}, bytes(8)),
    "objects": message({"numpy": ["|O", [1], 0]}, bytes(8)),
    "texts": message({"numpy": ["<U2", [1], 0]}, bytes(8)),
    "records": message({"numpy": [[["a", "<f8"]], [1], 0]}, bytes(8)),
    "another-kind": message({"pickle": ["<f8", [1], 0]}, bytes(8)),
    "list-as-key": message({"dict": [[[], 0]]}),
    "two-kinds": message({"tuple": [], "dict": []}),
    "no-pairs": message({"dict": [1, 2]}),
    "a-number-of-digits": message(b"7" * 5000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_message_that_encode_does_not_make_is_refused(name):
    with pytest.raises(NotPlainData):
        decode(HOSTILE[name])


@pytest.mark.parametrize("kind", ["raised", "value"])
def test_what_an_answer_says_is_cut(kind):
    long = "N" * 3_000_000
    with pytest.raises((RuntimeError, NotPlainData)) as raised:
        result_of({"raised": [long, long]} if kind == "raised" else {})
    assert len(str(raised.value)) <= 2000
    verdict = judge("assert answer == 1, answer", {"answer": long})
    assert verdict.outcome == "fail" and len(verdict.message) <= 10_000
    verdict = judge(
        "assert answer() == 1", work("def answer():\n    raise type('N' * 10**6, (Exception,), {})('M' * 10**6)")
    )
    assert verdict.outcome == "error" and len(verdict.message) <= 3000


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [100, 300, 900])
def test_a_deep_value_ends_in_a_verdict(levels):
    assert not judge("assert answer == 1, answer\nassert False", {"answer": deep(levels)})
    assert not judge("assert answer() == 1, answer()", {"answer": lambda: deep(levels)})


def test_a_stream_keeps_what_there_is_room_for_and_counts_the_rest():
    stream = Capped(12)
    print("ñandú \ud800", file=stream)
    stream.write("12345678")
    assert stream.getvalue() == "ñandú ?\n1234" and stream.dropped == 4
    stream.flush(), stream.close()
    assert stream.getvalue() == "ñandú ?\n1234"
    with pytest.raises(ValueError, match="closed"):
        stream.write("x")
    empty = Capped(0)
    print("x" * 100_000, end="", file=empty)
    assert empty.getvalue() == "" and empty.dropped == 100_000
