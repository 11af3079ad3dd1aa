"""The check cell: what it says, what it never does, and how much noise a fingerprint stands."""

import contextlib
import functools
import io
import random
import sys
import threading

import numpy as np
import pytest
import torch

from tema9 import check, checks
from tema9.classroom.authoring import bank

EXERCISE = "n0-size"
PROBES = [
    bank.Probe("size(32, 5)", "Cuenta las posiciones."),
    bank.Probe("size(55, 3, stride=2)", "Revisa el paso."),
    bank.Probe("measuring.raised_by(size, 3, 5)", "Una ventana que no cabe."),
    bank.Probe("scale(np.arange(6.).reshape(2, 3))", "Divide entre tres."),
]
CONTRACTS = {"size": "integer", "scale": "array"}
SETUP = "import numpy as np\nimport torch\n"
RIGHT = """
def size(n, k, stride=1):
    if k > n:
        raise ValueError("no cabe")
    return (n - k) // stride + 1
def scale(x):
    return x / 3
"""
ALSO_RIGHT = """
class NoCabe(ValueError):
    pass
def size(n, k, stride=1):
    starts = range(0, n - k + 1, stride)
    if not starts:
        raise NoCabe
    return len(starts)
def scale(x):
    return torch.as_tensor(x) * (1 / 3)
"""
FORGETS_ONE = RIGHT.replace(" + 1", "")
HALVES = RIGHT.replace("x / 3", "x / 2")
ADDS = RIGHT.replace("x / 3", "x + [1, 2]")
MISTAKES = {"Te falta el +1.": FORGETS_ONE, "Has dividido por dos.": HALVES, "Esas formas no se suman.": ADDS}


def notebook(code):
    namespace = {"__name__": "__main__"}
    exec(SETUP + code, namespace)
    return namespace


@functools.cache
def made_entry():
    """An entry of checks.json, made as `tema9 notebooks` makes it."""
    answers = [(bank.Answer(EXERCISE, "right", code), notebook(code)) for code in (RIGHT, ALSO_RIGHT)]
    for explanation, code in MISTAKES.items():
        answers.append((bank.Answer(EXERCISE, "wrong", code, ("tests",), explanation), notebook(code)))
    return bank.entry(["size", "scale"], ["np"], CONTRACTS, PROBES, answers)


def results_of(code):
    return checks.probe(made_entry(), notebook(code))


@pytest.fixture(autouse=True)
def entries(monkeypatch):
    """A small checks.json in the place of the package's."""
    made = {EXERCISE: made_entry(), "n0-other": made_entry()}
    monkeypatch.setattr(checks, "known_fingerprints", lambda: made)
    return made


def verdict(code):
    return checks.verdict(EXERCISE, notebook(code))


@pytest.mark.parametrize("code", [RIGHT, ALSO_RIGHT])
def test_a_right_answer_is_called_right_however_it_is_written(code):
    assert verdict(code) == "✔ n0-size: correcto."


@pytest.mark.parametrize("explanation", MISTAKES)
def test_a_known_mistake_brings_its_explanation(explanation):
    text = verdict(MISTAKES[explanation])
    assert text in (f"✘ n0-size: `size`: {explanation}", f"✘ n0-size: `scale`: {explanation}")
    assert checks.explanations(EXERCISE, text) == [explanation]


def test_two_mistakes_at_once_are_both_named():
    text = verdict(FORGETS_ONE.replace("x / 3", "x / 2"))
    assert text == "✘ n0-size: `size`: Te falta el +1. `scale`: Has dividido por dos."
    assert checks.explanations(EXERCISE, text) == ["Te falta el +1.", "Has dividido por dos."]


def test_an_unknown_wrong_answer_is_told_the_first_probe_that_it_fails_without_the_expected_value():
    assert verdict(RIGHT.replace("+ 1", "+ 7")) == (
        "✘ n0-size: `size`: no coincide en `size(32, 5)`. Cuenta las posiciones."
    )
    assert verdict(RIGHT.replace("// stride", "")) == (
        "✘ n0-size: `size`: no coincide en `size(55, 3, stride=2)`. Revisa el paso."
    )


def test_only_the_function_that_is_wrong_is_blamed():
    assert verdict(RIGHT.replace("x / 3", "x / 7")).startswith("✘ n0-size: `scale`: no coincide en `scale(")


def test_an_exception_is_the_known_mistake_only_if_it_says_the_same():
    other = verdict(RIGHT.replace("x / 3", "x.reshape(7)"))
    assert "Esas formas no se suman" not in other and "ha fallado con ValueError: cannot reshape" in other
    by_hand = verdict(RIGHT.replace("return x / 3", "raise ValueError('no')"))
    assert "Esas formas no se suman" not in by_hand


def test_a_type_that_the_contract_refuses_is_told_in_its_words():
    assert verdict(RIGHT.replace("//", "/")) == (
        "✘ n0-size: `size`: tu función devuelve 28.0, un `float`, y se pide un número entero: "
        "¿has dividido con / y no con //?"
    )
    assert "tu función no devuelve nada" in verdict(RIGHT.replace("return x / 3", "print(x / 3)"))


def test_an_answer_that_borrows_from_the_package_is_told_so():
    borrowed = "import tema9.arithmetic\n" + RIGHT.replace("return (n - k) // stride + 1", "return tema9.arithmetic.x")
    assert "es del paquete del curso" in verdict(borrowed)


def test_without_the_first_cell_the_check_says_so():
    namespace = notebook(RIGHT)
    del namespace["np"]
    assert checks.verdict(EXERCISE, namespace) == (
        "✘ n0-size: ejecuta antes la primera celda de código del cuaderno, y la tuya."
    )


def test_a_name_that_is_missing_is_named():
    assert verdict("def scale(x):\n    return x") == (
        "✘ n0-size: todavía no has definido `size`; ejecuta antes su celda."
    )


def test_a_stub_is_told_from_a_wrong_answer():
    stub = "def size(n, k, stride=1):\n    raise NotImplementedError()\ndef scale(x):\n    raise NotImplementedError()"
    assert "todavía no has escrito `size`" in verdict(stub)
    assert "todavía no has escrito `scale`" in verdict(stub)


def test_what_is_written_is_judged_where_the_rest_is_not():
    half = FORGETS_ONE.replace("return x / 3", "raise NotImplementedError()")
    assert verdict(half) == (
        "✘ n0-size: `size`: Te falta el +1. `scale`: todavía no has escrito `scale`; quita el `raise "
        "NotImplementedError()`."
    )


def test_an_answer_that_raises_is_told_what_and_where():
    text = verdict(RIGHT.replace("return (n", "return undefined + (n"))
    assert text == (
        "✘ n0-size: `size`: `size(32, 5)` ha fallado con NameError: name 'undefined' is not defined. "
        "Cuenta las posiciones."
    )


def test_a_long_message_is_cut_to_one_line():
    text = verdict("def size(*args, **kwargs):\n    raise KeyError('a\\nb' + 'x' * 5000)\nscale = size")
    assert "\n" not in text and len(text) < 800


def test_a_value_error_is_an_outcome_like_another_and_a_right_one_where_it_is_asked_for():
    never = RIGHT.replace("if k > n", "if False")
    always = RIGHT.replace("if k > n", "if True")
    assert "correcto" in verdict(RIGHT)
    assert "no coincide en `measuring.raised_by(size, 3, 5)`. Una ventana que no cabe." in verdict(never)
    assert "`size(32, 5)` ha fallado con ValueError: no cabe." in verdict(always)


SLOW = {
    "a loop that does not end": "while True:\n        pass",
    "a wait": "import time\n    time.sleep(3)",
}


@pytest.mark.parametrize("how", SLOW)
def test_a_slow_answer_is_stopped_and_the_line_reaches_the_reader(how, monkeypatch, capsys):
    monkeypatch.setattr(checks, "SECONDS", 0.3)
    namespace = notebook(f"import tema9\ndef size(n, k, stride=1):\n    {SLOW[how]}\ndef scale(x):\n    return x")
    exec(f"tema9.check('{EXERCISE}')", namespace)
    assert "tarda más de 0.3 s" in capsys.readouterr().out
    print("y la celda siguiente también se ve")
    assert "la celda siguiente" in capsys.readouterr().out


def test_a_stopped_answer_that_ends_later_leaves_the_output_alone(monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.1)
    code = "import time\nimport tema9\ndef size(n, k, stride=1):\n    time.sleep(1)\ndef scale(x):\n    return x"
    before = set(threading.enumerate())
    with contextlib.redirect_stdout(io.StringIO()):
        checks.verdict(EXERCISE, notebook(code))
    with contextlib.redirect_stdout(io.StringIO()) as later:
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=30)
        assert sys.stdout is later


def test_check_prints_one_line_and_returns_nothing(capsys):
    namespace = notebook(RIGHT + "import tema9\n")
    exec(f"result = tema9.check('{EXERCISE}')", namespace)
    assert capsys.readouterr() == ("✔ n0-size: correcto.\n", "")
    assert namespace["result"] is None


def test_check_looks_at_the_namespace_of_its_caller(capsys):
    check(EXERCISE)  # here, where np is there and no size is defined
    assert "todavía no has definido `size`" in capsys.readouterr().out


def test_what_the_answer_prints_is_not_shown(capsys):
    noisy = RIGHT.replace("    return x / 3", "    print('secreto')\n    return x / 3")
    assert "correcto" in verdict(noisy)
    assert "secreto" not in capsys.readouterr().out


def test_an_unknown_exercise_lists_those_there_are():
    with pytest.raises(ValueError, match="no hay ningún ejercicio 'n9-nada'; los que hay: n0-size, n0-other"):
        check("n9-nada")


ODD = {
    "a function": "return print",
    "a generator": "return (i for i in range(3))",
    "text in an array": "return np.array(['a'])",
    "an array of objects": "return np.array([None, 1])",
    "a complex number": "return 1j",
    "not a number": "return float('nan')",
    "an infinite array": "return np.array([np.inf, -np.inf])",
    "an empty array": "return np.array([])",
    "a tensor with gradient": "return torch.ones(2, requires_grad=True) * 2",
    "a tensor of bfloat16": "return torch.ones(2, dtype=torch.bfloat16)",
    "a sparse tensor": "return torch.eye(2).to_sparse()",
    "a tensor without data": "return torch.ones(2, device='meta')",
    "a huge integer": "return 10 ** 5000",
    "a list inside itself": "x = []\n    x.append(x)\n    return x",
    "a class that cannot be printed": "return type('C', (), {'__repr__': None})()",
    "keys that cannot be printed": "return {type('C', (), {'__repr__': None})(): 1}",
    "endless recursion": "return size(n, k)",
    "leaving": "raise SystemExit(0)",
    "an exception that cannot be printed": "raise type('E', (Exception,), {'__str__': None})()",
}


# Python 3.13 does not end a recursion of functions with default values, until 3.13.8: CPython's issue 132744.
ENDLESS = pytest.mark.skipif((3, 13) <= sys.version_info < (3, 13, 8), reason="this Python takes all the memory")


@pytest.mark.parametrize("how", [pytest.param(how, marks=[ENDLESS] * (how == "endless recursion")) for how in ODD])
def test_no_answer_makes_the_check_raise(how):
    try:
        text = verdict(f"def size(n, k, stride=1):\n    {ODD[how]}\ndef scale(x):\n    return x")
    except BaseException as error:  # SystemExit would stop pytest too
        pytest.fail(f"{type(error).__name__} came out of the check")
    assert text.startswith("✘ n0-size: ") and "\n" not in text


def jittered(value, draw, noise):
    """The same results, each float off by up to `noise` of itself."""
    if isinstance(value, np.ndarray):
        return value * (1 + noise * np.array([draw.uniform(-1, 1) for _ in range(value.size)]).reshape(value.shape))
    if isinstance(value, torch.Tensor):
        return torch.from_numpy(jittered(value.numpy(), draw, noise))
    return value * (1 + noise * draw.uniform(-1, 1)) if isinstance(value, float) else value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_noise_between_two_machines_changes_no_verdict(seed):
    draw = random.Random(seed)
    values = [draw.uniform(-5, 5), np.array([draw.gauss(0, 1) for _ in range(50)]), np.full(3000, draw.random())]
    here = checks.fingerprints(values, 1)
    for _ in range(20):
        there = [jittered(value, draw, noise=0.3 * checks.NOISE) for value in values]
        assert here[0] in checks.fingerprints(there, 1), "what one machine writes down, the other one may find"
        assert checks.fingerprints(there, 1)[0] in here


def test_what_is_off_by_the_same_share_everywhere_is_noise_too():
    """As with another approximation of a power: in a sum of positive numbers it would add up."""
    values = np.random.default_rng(0).uniform(1, 2, 300_000)
    assert checks.fingerprints(values, 1)[0] in checks.fingerprints(values * (1 + 1e-6), 1)


def test_a_file_made_on_another_machine_stays_as_it_is(monkeypatch):
    """Its fingerprints are among those that the results can have here; only what has changed is written anew."""
    answers = [(bank.Answer(EXERCISE, "right", code), notebook(code)) for code in (RIGHT, ALSO_RIGHT)]
    for explanation, code in MISTAKES.items():
        answers.append((bank.Answer(EXERCISE, "wrong", code, ("tests",), explanation), notebook(code)))
    monkeypatch.setattr(checks, "NOISE", 1e-3)  # so that every rounding is in doubt
    made = checks.fingerprints
    monkeypatch.setattr(checks, "fingerprints", lambda result, hashes: made(result, hashes)[::-1])
    there = bank.entry(["size", "scale"], ["np"], CONTRACTS, PROBES, answers)
    monkeypatch.setattr(checks, "fingerprints", made)
    here = bank.entry(["size", "scale"], ["np"], CONTRACTS, PROBES, answers)
    assert here != there
    assert bank.entry(["size", "scale"], ["np"], CONTRACTS, PROBES, answers, there) == there
    assert bank.entry(["size", "scale"], ["np"], CONTRACTS, PROBES, answers, here) == here


def test_what_torch_says_after_a_colon_changes_from_version_to_version_and_does_not_count():
    said = "a variable has been modified by an inplace operation"
    described = set()
    for details in (
        ": [torch.FloatTensor [3, 2]], which is output 0 of AsStrided",
        ": output 0 of AsStridedBackward0",
        "",
    ):
        try:
            raise RuntimeError(said + details)
        except RuntimeError as error:
            described.add(checks.described_error(error))
    assert described == {f"raises RuntimeError: {said}"}


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (28, 27),
        (1.0, 1.01),
        (1.0, -1.0),
        (True, 1),
        ((1, 2), (2, 1)),
        ([1, 2], [1, 2, 3]),
        ({"a": 1}, {"b": 1}),
        ("a", "b"),
        (None, 0),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.arange(6.0), np.arange(6.0)[::-1].copy()),
        (np.array([1, 2]), np.array([2, 1])),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1])),
        (np.ones(1000), np.ones(1000) + np.eye(1, 1000)[0] / 10),
        ([0.01, 0.001], [0.01, 0.0011]),
        (checks.Raised(ValueError("x")), checks.Raised(TypeError("x"))),
    ],
    ids=lambda value: str(value)[:20],
)
def test_answers_that_differ_have_different_fingerprints(value, other):
    assert not set(checks.fingerprints(value)) & set(checks.fingerprints(other))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (28, np.int64(28)),
        (2.5, torch.tensor(2.5)),
        (2.5, np.float64(2.5)),
        ((1, 2), [1, 2]),
        (np.arange(3), torch.arange(3)),
        (np.arange(3.0), torch.arange(3.0)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (checks.Raised(ValueError("x")), checks.Raised(ValueError("y"))),
    ],
    ids=lambda value: str(value)[:20],
)
def test_answers_that_say_the_same_have_the_same_fingerprint(value, other):
    assert checks.fingerprints(value)[0] == checks.fingerprints(other)[0]


@pytest.mark.slow
def test_a_fingerprint_does_not_depend_on_the_process():
    import subprocess
    import sys

    code = "from tema9 import checks\nprint(checks.fingerprints([{'b': 2.5, 'a': [1, 'x']}, None])[0])"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == checks.fingerprints([{"b": 2.5, "a": [1, "x"]}, None])[0]


def test_random_work_is_probed_from_the_same_seed_each_time():
    code = "def size(*args, **kwargs):\n    return 1\ndef scale(x):\n    return torch.rand(3)"
    first, second = results_of(code), results_of(code)
    assert (first[3] == second[3]).all()
