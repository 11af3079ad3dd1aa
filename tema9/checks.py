"""The check that a student's cell calls: it says right, wrong with the reason where that is known, or wrong.

The answer is tried on a few probes and its results are fingerprinted: rounded, then
hashed. `checks.json`, made by `tema9 notebooks` from the bank of mistakes, holds the
fingerprints of the right answers and of the known mistakes with their explanations,
so that a student's copy tells what went wrong and holds no answer.
"""

import contextlib
import ctypes
import functools
import hashlib
import io
import json
import math
import random
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tema9.streams import use_utf8

SECONDS = 20  # for all the probes of one exercise
RESOLUTION = 1e-3  # numbers that differ by less, relatively, may share a fingerprint
NOISE = 5e-6  # relative noise under which no known answer changes its fingerprint


def check(exercise: str) -> None:
    """Say whether the answer to `exercise` in the calling notebook is right.

    Prints one line in Spanish: right; wrong, with the explanation of a known mistake;
    or wrong. Never raises because of the answer, and never shows the expected value.

    Args:
        exercise: its identifier, as in "n1-conv-output-size".

    Raises:
        ValueError: there is no such exercise; the message lists those there are.
    """
    use_utf8()  # in a notebook it is
    print(verdict(exercise, sys._getframe(1).f_globals))


def verdict(exercise: str, namespace: Mapping[str, Any]) -> str:
    """The line that `check` prints, for the answer held in `namespace`."""
    known = known_fingerprints()
    if exercise not in known:
        raise ValueError(f"no hay ningún ejercicio {exercise!r}; los que hay: {', '.join(known)}")
    entry = known[exercise]
    missing = [name for name in entry["names"] if name not in namespace]
    if missing:
        return f"✘ {exercise}: todavía no has definido `{missing[0]}`; ejecuta antes su celda."
    try:
        # Here and not in the probe's thread: one that was stopped ends later, and would
        # then put back a stdout that is no longer the reader's.
        with contextlib.redirect_stdout(io.StringIO()):
            results = _within(SECONDS, probe, entry["probes"], entry["names"], namespace)
    except TimeoutError:
        return f"✘ {exercise}: tarda más de {SECONDS} s. ¿Hay un bucle que no termina?"
    failures = [result.error for result in results if isinstance(result, Raised)]
    unwritten = [error for error in failures if isinstance(error, NotImplementedError)]
    if unwritten:
        return f"✘ {exercise}: todavía no has escrito `{entry['names'][0]}`; quita el `raise NotImplementedError()`."
    try:
        mark, _ = fingerprint(results, entry["seed"])
    except Exception:  # something that cannot even be described
        mark = None
    if mark in entry["right"]:
        return f"✔ {exercise}: correcto."
    if mark in entry["mistakes"]:
        return f"✘ {exercise}: {entry['mistakes'][mark]}"
    for expression, result in zip(entry["probes"], results, strict=True):
        if isinstance(result, Raised) and not isinstance(result.error, ValueError):
            text = traceback.format_exception_only(result.error)[-1].splitlines()[0][:200]
            return f"✘ {exercise}: `{expression}` ha fallado con {text}"
    return f"✘ {exercise}: no coincide. Prueba a mano `{entry['probes'][0]}` y compara con tu cálculo en papel."


class Raised:
    """The outcome of a probe that raised an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@functools.cache
def known_fingerprints() -> dict[str, dict[str, Any]]:
    """The entries of `checks.json` by exercise."""
    return json.loads(Path(__file__).with_name("checks.json").read_text(encoding="utf-8"))


def probe(expressions: Sequence[str], names: Sequence[str], namespace: Mapping[str, Any]) -> list[Any]:
    """Evaluate the probes on the answer, in order; an exception is an outcome too.

    Args:
        expressions: Python expressions, as "conv_output_size(32, 5)".
        names: of the student's objects that the expressions use.
        namespace: where those objects are.

    Returns:
        a list with the value or the `Raised` of each.
    """
    import numpy
    import torch

    from tema9 import measuring

    tools = {"np": numpy, "torch": torch, "measuring": measuring}
    results = []
    for expression in expressions:
        torch.manual_seed(0)
        try:
            results.append(eval(expression, tools | {name: namespace[name] for name in names}))
        except (Exception, SystemExit) as error:
            results.append(Raised(error))
    return results


def fingerprint(results: Sequence[Any], seed: int) -> tuple[str, float]:
    """Return (hash, margin) of a list of results.

    Numbers are rounded to about RESOLUTION before hashing; the margin is how far,
    relatively, the nearest of them lies from where its rounding would change. The
    hash is slow on purpose: values cannot be had from it by trying them all.

    Args:
        results: values as `probe` returns them.
        seed: shifts the rounding, so that `tema9 notebooks` can find one with a margin
            above NOISE for every known answer.
    """
    tokens: list[str] = []
    margins = [math.inf]
    draw = random.Random(seed)
    for result in results:
        _describe(result, tokens, margins, draw)
    text = "\x1f".join(tokens).encode()
    return hashlib.pbkdf2_hmac("sha256", text, str(seed).encode(), 20_000).hex()[:24], min(margins)


def _describe(value, tokens, margins, draw):
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.ndim == 0:
        value = value.item()
    match value:
        case Raised():
            tokens.append(f"raises {type(value.error).__name__}")
        case bool() | int() | str() | None:
            tokens.append(repr(value))
        case float():
            _round(np.array([value]), 1.0, tokens, margins, draw)
        case list() | tuple():
            tokens.append(f"sequence of {len(value)}")
            for item in value:
                _describe(item, tokens, margins, draw)
        case dict():
            tokens.append(f"dict of {len(value)}")
            for key in sorted(value, key=repr):
                tokens.append(repr(key))
                _describe(value[key], tokens, margins, draw)
        case np.ndarray() if value.dtype.kind in "biu":
            tokens.append(f"array {value.shape} {hashlib.sha256(value.astype('<i8').tobytes()).hexdigest()}")
        case np.ndarray() if value.dtype.kind == "f":
            tokens.append(f"array {value.shape}")
            directions = np.random.default_rng(draw.randrange(2**32)).uniform(0.5, 1.5, (2, value.size))
            for weights in directions * np.array([[1], [-1]]) ** np.arange(value.size):  # one plain, one alternating
                _round(value.astype(float).ravel(), weights, tokens, margins, draw)
        case _:
            tokens.append(f"object {type(value).__name__}")


def _round(values, weights, tokens, margins, draw):
    """Append the rounded weighted sum of `values`, relative to the sum of the sizes of its terms."""
    import numpy as np

    shift, scale_shift = draw.random(), draw.random()
    with np.errstate(all="ignore"):  # an answer may hold infinities
        terms = values * weights
        total, size = float(terms.sum()), float(abs(terms).sum())
    if not math.isfinite(size) or size == 0:
        tokens.append(str(total))
        return
    octave = math.log2(size) + scale_shift
    step = 2.0 ** (math.floor(octave) - scale_shift) * RESOLUTION
    place = total / step + shift
    tokens.append(f"{math.floor(octave)} {math.floor(place)}")
    margins.append(min(place % 1, 1 - place % 1) * step / size)
    margins.append(min(octave % 1, 1 - octave % 1) * math.log(2))


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
        if slow:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
            )
    if slow:
        raise TimeoutError(f"no answer after {seconds} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
