"""The check that a student's cell calls: it says right, wrong with the reason where that is known, or wrong and where.

The answer is tried on a few probes, and the result of each is fingerprinted: rounded, then hashed. `checks.json`, made
by `tema9 notebooks` from the bank of mistakes, holds the fingerprints of the right results and those of the known
mistakes with their explanations, so that a student's copy tells what went wrong and holds no answer.
"""

import ast
import contextlib
import ctypes
import dis
import functools
import hashlib
import io
import itertools
import json
import math
import random
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tema9 import hints, imports, notebook
from tema9.streams import use_utf8

SECONDS = 20  # for all the probes of one exercise
RESOLUTION = 3e-4  # numbers that differ by less, relatively, may share a fingerprint
NOISE = 2e-5  # relative noise between two machines, whose processors add in another order; deep networks reach 7e-6
MOST_DOUBTS = 6  # roundings of one result that may be in doubt; those nearest to a step
MOST_JOINED = 20_000  # fingerprints of a mistake that are tried
NOTHING = 1e-8  # smaller numbers are described as 0
HASHES = 20_000  # rounds of hashing for the probes of one exercise together, so that trying values takes long
LONGEST = 90  # characters of a probe that a line can show


def check(exercise: str) -> None:
    """Say whether the answer to `exercise` in the calling notebook is right.

    Shows one line in Spanish: right; wrong, with the explanation of a known mistake; or wrong, with the first probe
    that comes out otherwise. Never raises because of the answer, and never shows the expected value.

    Args:
        exercise: its identifier, as in "n1-conv-output-size".

    Raises:
        ValueError: there is no such exercise; the message lists those there are.
    """
    use_utf8()  # in a notebook it is
    namespace = sys._getframe(1).f_globals
    said = verdict(exercise, namespace)
    if said.startswith("✘") and exercise in hints.known()["exercises"] and _is_tried(exercise, namespace):
        said += f' ¿Te atascas? `tema9.hint("{exercise}")` da pistas, una cada vez.'
    notebook.show(said)


def _is_tried(exercise, namespace):
    """Whether there is an answer that runs."""
    return all(name in namespace and name not in notebook.broken for name in known_fingerprints()[exercise]["names"])


def verdict(exercise: str, namespace: Mapping[str, Any]) -> str:
    """The line that `check` shows, for the answer held in `namespace`."""
    known = known_fingerprints()
    if exercise not in known:
        raise ValueError(f"no hay ningún ejercicio {exercise!r}; los que hay: {', '.join(known)}")
    entry = known[exercise]
    if failed := [notebook.broken[name] for name in entry["names"] if name in notebook.broken]:
        return f"✘ {exercise}: {failed[0]}; corrígela y ejecútala otra vez."
    if any(name not in namespace for name in entry["given"]):
        return f"✘ {exercise}: ejecuta antes la primera celda de código del cuaderno, y la tuya."
    missing = [name for name in entry["names"] if name not in namespace]
    if missing:
        return f"✘ {exercise}: todavía no has definido `{missing[0]}`; ejecuta antes su celda."
    try:
        # Here and not in the probe's thread: one that was stopped ends later, and would
        # then put back a stdout that is no longer the reader's.
        with contextlib.redirect_stdout(io.StringIO()):
            results = _within(SECONDS, probe, entry, namespace)
    except TimeoutError:
        return f"✘ {exercise}: tarda más de {SECONDS} s. ¿Hay un bucle que no termina?"
    wrong = judged(entry, results)
    if not wrong:
        return f"✔ {exercise}: correcto."
    said = [problem if len(entry["mistakes"]) == 1 else f"`{group}`: {problem}" for group, problem in wrong.items()]
    return f"✘ {exercise}: {' '.join(said)}"


def judged(entry: Mapping[str, Any], results: Sequence[Any]) -> dict[str, str]:
    """What is wrong with the results of an exercise's probes, by the functions that they try; {} if nothing is.

    Args:
        entry: that of the exercise in `checks.json`.
        results: of its probes, as `probe` returns them.
    """
    marks = [fingerprints(result, HASHES // len(results)) for result in results]
    problems: dict[str, str] = {}
    for group, mistakes in entry["mistakes"].items():
        if problems and "," in group:
            continue  # what several functions do together, when one of them is wrong alone
        mine = [place for place, one in enumerate(entry["probes"]) if one["group"] == group]
        failed = [place for place in mine if not set(marks[place]) & set(entry["probes"][place]["right"])]
        if not failed:
            continue
        errors = [results[place].error for place in mine if isinstance(results[place], Raised)]
        refusals = [error for error in errors if is_ours(error)]
        at_once = isinstance(results[failed[0]], Raised) and results[failed[0]].error in refusals
        if any(isinstance(error, NotImplementedError) for error in errors):
            problems[group] = f"todavía no has escrito `{group}`; quita el `raise NotImplementedError()`."
        elif not at_once and (known := _known(mistakes, [marks[place] for place in mine])):
            problems[group] = known
        elif refusals:  # a refusal of ours says more than where it happened
            problems[group] = str(refusals[0])
        else:
            problems[group] = _where(entry["probes"][failed[0]], results[failed[0]])
    return problems


def _known(mistakes, marks):
    """The explanation of a mistake whose fingerprint the results can have; None if it is not known."""
    return next((mistakes[mark] for mark in joined(marks) if mark in mistakes), None)


def _where(one, result):
    """The line about the first probe that comes out otherwise."""
    shown = f"`{one['code']}`" if len(one["code"]) <= LONGEST else ""
    words = f" {one['words']}" if one["words"] else ""
    if isinstance(result, Raised):
        text = traceback.format_exception_only(result.error)[-1].splitlines()[0][:200]
        return f"{shown or 'una de las pruebas'} ha fallado con {text}.{words}"
    if shown:
        return f"no coincide en {shown}.{words or ' Pruébalo a mano y compáralo con tu cálculo en papel.'}"
    return f"no coincide.{words}"


class Raised:
    """The outcome of a probe that raised an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@functools.cache
def known_fingerprints() -> dict[str, dict[str, Any]]:
    """The entries of `checks.json` by exercise."""
    return json.loads(Path(__file__).with_name("checks.json").read_text(encoding="utf-8"))


def explanations(exercise: str, said: str) -> list[str]:
    """The explanations of known mistakes that stand in the line of a check."""
    known = known_fingerprints().get(exercise, {"mistakes": {}})["mistakes"]
    return list(dict.fromkeys(text for mistakes in known.values() for text in mistakes.values() if text in said))


def probe(entry: Mapping[str, Any], namespace: Mapping[str, Any]) -> list[Any]:
    """Evaluate the probes of an exercise on the answer, in order; an exception is an outcome too.

    A name of the student's stands in a probe for the student's object; where it is called, for the function with its
    contract.

    Args:
        entry: that of the exercise in `checks.json`; of it, "names", "contracts" and the "code" of the "probes".
        namespace: where the student's objects are.

    Returns:
        a list with the value or the `Raised` of each.
    """
    import numpy
    import torch

    from tema9 import contracts, measuring

    given: dict[str, Any] = {"np": numpy, "torch": torch, "measuring": measuring}
    refused: dict[str, Raised] = {}
    for name in entry["names"]:
        work = given[name] = namespace[name]
        text = entry["contracts"].get(name)
        try:
            contract = eval(text, vars(contracts).copy()) if text else None
            if not callable(work):
                given[name] = contract(work, f"`{name}` es") if contract else work
            elif contract:
                given[CALLED + name] = measuring.answer(work, contract)
            else:
                measuring.require_own(work)
                given[CALLED + name] = work
        except AssertionError as error:
            refused[name] = Raised(error)
    results = []
    for one in entry["probes"]:
        torch.manual_seed(0)
        tree = _Calls(entry["names"]).visit(ast.parse(one["code"], mode="eval"))
        used = [name for name in entry["names"] if name in refused and re.search(rf"\b{name}\b", one["code"])]
        try:
            if used:
                results.append(refused[used[0]])
            else:
                results.append(eval(compile(ast.fix_missing_locations(tree), "<probe>", "eval"), given))
        except (Exception, SystemExit) as error:
            results.append(Raised(error))
    return results


CALLED = "called_"  # before the name of a student's function where it is called


class _Calls(ast.NodeTransformer):
    """Puts the function with its contract where the student's is called."""

    def __init__(self, names):
        self.names = names

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.names:
            node.func = ast.Name(CALLED + node.func.id, ast.Load())
        return node


def is_ours(error: BaseException) -> bool:
    """Whether the error is a refusal of the package's, whose message is written for students."""
    if not isinstance(error, AssertionError):
        return False
    *_, last = traceback.walk_tb(error.__traceback__)
    return str(last[0].f_globals.get("__name__")).startswith("tema9")


def joined(marks: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the fingerprints that a mistake can have, the likeliest first, from those of its results."""
    for one_of_each in itertools.islice(itertools.product(*marks), MOST_JOINED):
        yield hashlib.sha256(" ".join(one_of_each).encode()).hexdigest()[:24]


def fingerprints(result: Any, hashes: int = HASHES) -> list[str]:
    """Return the fingerprints that the result of a probe can have on any machine, this one's first.

    Numbers are rounded to about RESOLUTION before hashing. One that lies nearer than NOISE to where its rounding
    changes may be rounded the other way on another machine, so that both count. The hash is slow on purpose: values are
    not had from it by trying them all.

    Args:
        result: a value as `probe` returns it.
        hashes: rounds of hashing.
    """
    tokens: list[Token] = []
    try:
        _describe(result, tokens, random.Random(0))
    except Exception:  # something that cannot even be described
        tokens.append(Token("?"))
    doubtful = sorted((token for token in tokens if token.others), key=lambda token: token.distance)[:MOST_DOUBTS]
    choices = [[token.text, *(token.others if token in doubtful else ())] for token in tokens]
    texts = ["\x1f".join(texts).encode() for texts in itertools.product(*choices)]
    return [_slow_hash(text, hashes) for text in texts]


@functools.lru_cache(2**14)  # where many answers are tried, most of their results are the same
def _slow_hash(text, hashes):
    return hashlib.pbkdf2_hmac("sha256", text, b"tema9", hashes).hex()[:24]


@dataclass
class Token:
    """A part of the description of a result.

    Args:
        text: the part.
        others: what it may be on another machine; distance: how far, relatively, the value is from being that.
    """

    text: str
    others: tuple[str, ...] = ()
    distance: float = math.inf


def _describe(value, tokens, draw):
    from tema9 import contracts

    if isinstance(value, Raised):
        tokens.append(Token(described_error(value.error)))
        return
    try:
        found = contracts.plain(value)
    except AssertionError:
        tokens.append(Token(f"object {type(value).__name__}"))
        return
    _describe_plain(found, tokens, draw)


def described_error(error: BaseException) -> str:
    """The kind of an error, and its first words unless a `raise` of the student's wrote it; without what changes.

    Addresses change from run to run, and after a colon torch goes into details that change from version to version.
    """
    from tema9 import measuring

    kind = measuring.builtin_name(error)
    if error.__traceback__ is None or _is_raised_by_hand(error.__traceback__):
        return f"raises {kind}"
    line = next(iter(str(error).splitlines()), "").split(": ")[0][:200]
    return f"raises {kind}: {re.sub('0x[0-9a-f]+', '', line)}"


def _is_raised_by_hand(trace: TracebackType) -> bool:
    """Whether the error came from a `raise` in code of the notebook's."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    steps = {step.offset: step.opname for step in dis.get_instructions(code)}
    return trace.tb_frame.f_globals.get("__name__") == "__main__" and steps.get(trace.tb_lasti) == "RAISE_VARARGS"


def _describe_plain(value, tokens, draw):
    import numpy as np

    match value:
        case bool() | int() | str() | None:
            tokens.append(Token(repr(value)))
        case float():
            tokens.append(_rounded(np.array([value]), 1.0, draw))
        case list():
            tokens.append(Token(f"sequence of {len(value)}"))
            for item in value:
                _describe_plain(item, tokens, draw)
        case dict():
            tokens.append(Token(f"dict of {len(value)}"))
            for key in sorted(value, key=repr):
                tokens.append(Token(repr(key)))
                _describe_plain(value[key], tokens, draw)
        case np.ndarray() if value.dtype.kind in "biu":
            tokens.append(Token(f"array {value.shape} {hashlib.sha256(value.astype('<i8').tobytes()).hexdigest()}"))
        case np.ndarray():
            tokens.append(Token(f"array {value.shape}"))
            directions = np.random.default_rng(draw.randrange(2**32))
            for _ in range(2):  # signs at random: what is off by the same share everywhere does not add up
                weights = directions.uniform(0.5, 1.5, value.size) * directions.choice((-1.0, 1.0), value.size)
                tokens.append(_rounded(value.astype(float).ravel(), weights, draw))


def _rounded(values, weights, draw):
    """The weighted sum of `values`, rounded relative to the length of the vector of its terms."""
    import numpy as np

    shift, scale_shift = draw.random(), draw.random()
    with np.errstate(all="ignore"):  # an answer may hold infinities
        terms = values * weights
        total, size = float(terms.sum()), float(np.sqrt((terms**2).sum()))
    if not math.isfinite(size):
        return Token(str(total))
    if size < NOTHING:
        return Token("0.0")
    octave = math.log2(size) + scale_shift
    found: dict[str, float] = {}  # {text: how far the value is from it}
    for scale, far in _neighbours(octave, math.log(2)):
        step = 2.0 ** (scale - scale_shift) * RESOLUTION
        for place, farther in _neighbours(total / step + shift, step / size):
            found.setdefault(f"{scale} {place}", max(far, farther))
    (text, _), *others = found.items()
    return Token(text, tuple(other for other, _ in others), min((far for _, far in others), default=math.inf))


def _neighbours(value, unit):
    """[(the whole number below a value, 0)], and after it the other one that it may have, with how far that is.

    Args:
        value: in units; unit: what one is, relatively.
    """
    floor, past = math.floor(value), value % 1
    near = [(floor - 1, past * unit), (floor + 1, (1 - past) * unit)]
    return [(floor, 0.0), *((other, far) for other, far in near if far < NOISE)]


def _within(seconds, function, *args):
    """Call `function` in a thread and stop it after `seconds`.

    Raises:
        TimeoutError: it did not end in time.
    """
    outcome = {}

    def run():
        try:
            outcome["value"] = function(*args)
        except BaseException as error:  # SystemExit and what the stop below raises
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:  # too slow, or the student pressed stop
        slow = thread.is_alive()
        while imports.running(sys._current_frames().get(thread.ident or 0)):  # a package is not left half imported
            thread.join(0.05)
        if slow:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
            )
    if slow:
        raise TimeoutError(f"no answer after {seconds} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
