"""The hints of an exercise, one at a time, from a nudge to the first line: `tema9.hint("n1-conv2d")`.

`hints.json` is made by `tema9 notebooks` from `solutions/hints/`. How many hints a student has seen stands in a file
beside the notebook, so that running the whole notebook again shows the same ones and no more.
"""

import contextlib
import difflib
import functools
import json
import os
from pathlib import Path
from typing import Any

from tema9 import files, notebook, outline
from tema9.streams import use_utf8

HERE = Path(__file__).parent
SEEN = Path(".tema9-hints.json")  # {exercise: hints seen}, in the folder of the notebook
NEXT = "*Para ver la siguiente, ejecuta la celda otra vez.*"
LAST = "*No hay más pistas de este ejercicio.*"
TOLD = "*En tu entrega constará cuántas pistas has visto de cada ejercicio.*"

_shown: dict[str, int] = {}  # in this kernel


def hint(exercise: str = "") -> None:
    """Show the first hint of an exercise; each further call shows one more below those before it.

    The first call after the kernel has been restarted shows those that were seen already.

    Args:
        exercise: its identifier, as in "n1-conv2d". For another one, a line says which are like it.
    """
    use_utf8()
    if os.environ.get("NBGRADER_EXECUTION"):  # grading and Validate run a student's cells, and read no hints
        return
    hints = known()["exercises"].get(exercise) if isinstance(exercise, str) else None
    if hints is None:
        notebook.show(f"✘ {_refusal(exercise)}")
        return
    number = _count(exercise, len(hints))
    shown = [f"**Pista {place} de {len(hints)}.** {text}" for place, text in enumerate(hints[:number], 1)]
    shown.append(NEXT if number < len(hints) else LAST)
    metadata = {}
    if known()["told"]:
        shown.append(TOLD)
        metadata = {"tema9": {"exercise": exercise, "hints": number}}
    notebook.show_markdown("\n\n".join(shown), metadata)


@functools.cache
def known() -> dict[str, Any]:
    """What `hints.json` holds: "exercises", {exercise: its hints}; "told", whether submissions tell how many."""
    return json.loads((HERE / "hints.json").read_text(encoding="utf-8"))


def _count(exercise, most):
    """How many hints to show now; keeps the number for the next time."""
    seen = _seen()
    before = seen.get(exercise, 0)
    number = min(_shown[exercise] + 1 if exercise in _shown else before or 1, most)
    _shown[exercise] = number
    if number > before:
        with contextlib.suppress(OSError), files.atomic_write(SEEN) as temporary:  # a folder that cannot be written
            temporary.write_text(json.dumps(seen | {exercise: number}, indent=1) + "\n", encoding="utf-8")
    return number


def _seen():
    """{exercise: hints seen} of the file beside the notebook; {} if there is none, or one that is damaged."""
    try:
        found = json.loads(SEEN.read_text(encoding="utf-8"))
        return {name: number for name, number in found.items() if isinstance(number, int) and number > 0}
    except (OSError, ValueError, AttributeError):
        return {}


def _refusal(exercise):
    """Why there are no hints for what was given as an exercise, in one line."""
    names = [one.name for each in outline.notebooks().values() for one in each.exercises]
    if exercise in names:
        return f"`{exercise}` se contesta con tus palabras y no tiene pistas."
    close = difflib.get_close_matches(str(exercise), known()["exercises"], n=3, cutoff=0.5) or ["n1-conv2d"]
    like = " o ".join(f'`tema9.hint("{name}")`' for name in close)
    what = f"no hay ningún ejercicio {exercise!r}" if exercise != "" else "falta el nombre del ejercicio"
    return f"{what}; escribe, por ejemplo, {like}."
