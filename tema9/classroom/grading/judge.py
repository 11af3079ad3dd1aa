"""A submission judged: rebuilt, run in the sandbox, and a verdict for each of its test cells.

What it takes and what it gives are plain data, so that `judge` can run in any process of any
machine. Nothing here writes: `record` does.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import torch

from tema9.classroom.grading import rebuild
from tema9.classroom.grading.verdicts import OUTCOMES, CellVerdict, Judged
from tema9.classroom.sandbox import border
from tema9.classroom.sandbox.sandbox import Sandbox


class Unreadable(ValueError):
    """A submission that is no notebook, however one looks at it."""


def judge(job) -> Judged:
    """Judge a submission. Whatever it holds, this returns; a status other than "graded" says why it could not be."""
    started = time.perf_counter()
    digest = hashlib.sha256(job.content).hexdigest()
    try:
        if job.refused:
            raise Unreadable(job.refused)
        submission = read(job.content)
    except Unreadable as error:
        return Judged(job.student, job.notebook, digest, f"could not be read: {error}", environment=environment())
    source, released = _parsed(job.source), _parsed(job.released)
    rebuilt = rebuild.rebuild(submission, released)
    graded = whole(rebuilt.notebook, source)
    with open_sandbox(job.limits, job.bare, job.hide) as sandbox:
        verdicts, checks, ran = examine(sandbox, graded, released, rebuilt, job.previous)
    return Judged(
        student=job.student,
        notebook=job.notebook,
        sha256=digest,
        verdicts=tuple(verdicts),
        checks=checks,
        repairs=rebuilt.repairs,
        cells=_written(graded),
        unanswered=tuple(_unanswered(graded, released)),
        environment=environment(),
        limits=asdict(job.limits),
        graded=json.dumps(graded, ensure_ascii=False),  # with an indent it takes ten times as long
        seconds=time.perf_counter() - started,
        ran=ran,
    )


def read(content) -> dict:
    """A submission's file as a notebook, in format 4 or nearly.

    Formats 3 and older are brought to 4; a script that was exported from the notebook is taken for it.

    Raises:
        Unreadable: it is neither; the message says what it is.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not text") from None
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return _read_script(text)
    if not isinstance(notebook, dict):
        raise Unreadable("the file holds JSON, but no notebook")
    if "worksheets" in notebook:
        try:
            return nbformat.reads(text, as_version=4)
        except Exception as error:
            raise Unreadable(f"an old notebook that cannot be converted ({type(error).__name__})") from None
    if not isinstance(notebook.get("cells"), list):
        raise Unreadable("the file holds JSON, but no notebook")
    return notebook


def _read_script(text):
    import jupytext  # few need it, and every process that judges would import it

    try:
        compile(text.replace("\n%", "\n#%"), "script", "exec")
        if "def " not in text and "class " not in text:
            raise SyntaxError
        return jupytext.reads(text, fmt="py:percent" if "\n# %%" in text else "py:light")
    except Exception:
        raise Unreadable("the file is neither a notebook nor a script; it may be cut off") from None


def whole(rebuilt, source):
    """The notebook to grade: what the student wrote, our tests with their hidden part, explorations as text.

    Explorations decide nothing, so they do not run.
    """
    tests = {_name(cell): cell for cell in source.cells if _name(cell)}
    for cell in rebuilt.cells:
        original = tests.get(_name(cell))
        if original is not None and not _solution(original):
            cell.source = original.source
        if "explore" in cell.metadata.get("tags", []) and cell.cell_type == "code":
            cell.cell_type, cell.source = "markdown", f"```python\n{cell.source}\n```"
            cell.pop("outputs", None), cell.pop("execution_count", None)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return rebuilt


def examine(sandbox, graded, released, rebuilt, previous=None):
    """Run a notebook's cells in the sandbox and judge its tests; fill in its outputs.

    Args:
        sandbox: a `Sandbox`.
        graded: as `whole` returns it; cells get the outputs of this.
        released: the notebook that students got.
        rebuilt: what `rebuild` said.
        previous: a receipt; its verdicts stand where the test, what the student wrote and the environment are the same.

    Returns:
        (verdicts, what the check cells say, whether anything was run).
    """
    tests = [cell for cell in graded.cells if cell.cell_type == "code" and _is_test(cell)]
    kept = _kept(tests, _written(graded), previous, sandbox.limits, rebuilt.changed)
    unanswered = _unanswered(graded, released)
    verdicts, checks = [], {}
    if all(_name(cell) in kept for cell in tests):
        verdicts = [kept[_name(cell)] for cell in tests]
        checks = dict(previous["checks"])
        for cell, verdict in zip(tests, verdicts, strict=True):
            _show(cell, verdict)
        return verdicts, checks, False
    setup = [cell.source for cell in graded.cells if cell.cell_type == "code" and not _name(cell)]
    sandbox.warm("\n\n".join(setup))
    side = _Replayed(sandbox)
    exercise = ""
    try:
        for cell in graded.cells:
            if cell.cell_type != "code":
                continue
            if not _is_test(cell):
                exercise = _name(cell) if _solution(cell) else exercise
                if exercise not in unanswered or not _solution(cell):
                    _show_run(cell, side.run(cell.source, _name(cell)))
                continue
            verdict = kept.get(_name(cell)) or _judge_cell(cell, exercise, side, unanswered, rebuilt)
            if verdict.outcome in ("fail", "error") and exercise not in checks:
                checks[exercise] = side.check(exercise)
            verdicts.append(verdict)
            _show(cell, verdict)
    finally:
        side.end()
        sandbox.clean()
    return verdicts, {name: text for name, text in checks.items() if text}, True


def _judge_cell(cell, exercise, side, unanswered, rebuilt):
    points, started, name = cell.metadata.nbgrader.points, time.perf_counter(), _name(cell)
    if exercise in rebuilt.missing:
        verdict = border.Verdict("missing")
    elif exercise in unanswered:
        verdict = border.Verdict("not-answered")
    elif killed := side.killers.get(side.last.get(exercise)):
        verdict = border.Verdict(killed)
    else:
        torch.default_generator.manual_seed(0)  # `torch.manual_seed` spends a millisecond on GPUs that are not used
        verdict = side.judge(cell.source)
    return CellVerdict(
        name=name,
        exercise=exercise,
        outcome=verdict.outcome,
        points=points if verdict else 0,
        max_points=points,
        message=_message(verdict),
        tampered=name in rebuilt.changed,
        seconds=round(time.perf_counter() - started, 4),
        test=_digest(cell.source),
    )


class _Replayed:
    """A submission's process that is there again after it has died, with all it had but what killed it."""

    def __init__(self, sandbox):
        self.sandbox, self.work = sandbox, None
        self.cells, self.killers, self.last = [], {}, {}

    def run(self, code, exercise=""):
        """Run a cell, the answer to an exercise or set-up; return what it printed and its error."""
        number = self.last[exercise] = len(self.cells)
        try:
            answer = self._do(lambda: self.work.run(code))
        except border.Gone as gone:
            self.killers[number] = gone.outcome
            answer = {"stdout": "", "stderr": "", "error": [gone.outcome, OUTCOMES[gone.outcome]]}
        except border.NotPlainData as error:
            answer = {"stdout": "", "stderr": "", "error": ["NotPlainData", str(error)]}
        self.cells.append(code)
        return answer

    def judge(self, test):
        try:
            return self._do(lambda: self._judged(test))
        except border.Gone as gone:
            return border.Verdict(gone.outcome)

    def _judged(self, test):
        verdict = border.judge(test, self.work)
        if verdict.outcome == "kernel-died":
            raise border.Gone(verdict.outcome)
        return verdict

    def _do(self, action):
        """Do something with the process; again, if it dies of what a cell before had left behind."""
        while True:
            self._alive()
            known = len(self.killers)
            try:
                with self.work.within(self.sandbox.limits.seconds):
                    return action()
            except border.Gone as gone:
                if gone.outcome != "kernel-died":
                    raise
            self._alive()
            if len(self.killers) == known:
                raise border.Gone("kernel-died")

    def check(self, exercise):
        """What the check cell says; "" where it cannot say."""
        try:
            self._alive()
            with self.work.within(self.sandbox.limits.seconds):
                return self.work.check(exercise)
        except (border.Gone, border.NotPlainData):
            return ""

    def end(self):
        if self.work is not None:
            self.work.end()

    def _alive(self):
        while self.work is None or self.work.pidfd is None:
            if self.work is not None:
                self.sandbox.clean()
            self.work = self.sandbox.work()
            for number, code in enumerate(self.cells):
                if number in self.killers:
                    continue
                try:
                    with self.work.within(self.sandbox.limits.seconds):
                        self.work.run(code)
                        self.work.still_there()
                except border.Gone as gone:  # it killed it, perhaps after it had ended; now without it
                    self.killers[number] = gone.outcome
                    break
                except border.NotPlainData:
                    pass


def _message(verdict):
    """What the student may read of a verdict."""
    text = verdict.message.strip()
    if verdict.outcome not in ("fail", "error") or not text:
        return ""
    if verdict.shown:
        return text[:2000]
    if verdict.outcome == "error":
        return text.split(":")[0][:100]  # the kind of the error: its message may hold what the hidden test gave
    if shapes := _shapes(text):
        return f"se esperaba la forma {shapes[1]} y ha llegado {shapes[0]}"
    return ""


def _shapes(text):
    """(obtained, expected) of torch's message about two shapes, or None."""
    found = re.search(r"'shape' do not match: torch\.Size\(\[([\d, ]*)\]\) != torch\.Size\(\[([\d, ]*)\]\)", text)
    return tuple(f"({size})" for size in found.groups()) if found else None


def _show_run(cell, answer):
    """Put what a cell printed, and its error, into its outputs."""
    for name in ("stdout", "stderr"):
        if answer[name]:
            cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=answer[name]))
    if answer["error"]:
        kind, message = answer["error"]
        cell.outputs.append(_error(kind, message))


def _show(cell, verdict):
    """Put a verdict into the outputs of its cell, as nbgrader reads scores from them: an error is 0 points."""
    cell.outputs = [] if verdict.outcome == "pass" else [_error(verdict.outcome, verdict.message)]


def _error(kind, message):
    text = f"{kind}: {message}" if message else kind
    return nbformat.v4.new_output("error", ename=kind, evalue=message, traceback=[text])


def _kept(tests, written, previous, limits, changed):
    """The verdicts of a receipt that still stand, by the name of their cell, with what the cell is worth today."""
    if not previous or previous.get("cells") != written or previous.get("environment") != environment():
        return {}
    before = {verdict["name"]: CellVerdict(**verdict) for verdict in previous["verdicts"]}
    kept = {}
    for cell in tests:
        name, points = _name(cell), cell.metadata.nbgrader.points
        verdict = before.get(name)
        if verdict is None or verdict.test != _digest(cell.source):
            continue
        if verdict.outcome in ("timeout", "memory", "kernel-died") and previous.get("limits") != asdict(limits):
            continue  # with other limits, it may end otherwise
        earned = points if verdict.outcome == "pass" else 0
        kept[name] = replace(verdict, points=earned, max_points=points, tampered=name in changed)
    return kept


def _written(graded):
    """The hash of each cell that the student wrote, and of the set-up."""
    setup = [cell.source for cell in graded.cells if cell.cell_type == "code" and not _name(cell)]
    written = {_name(cell): _digest(cell.source) for cell in graded.cells if _solution(cell)}
    return written | {"": _digest("\n".join(setup))}


def _unanswered(graded, released):
    """The names of the cells that are as they were released."""
    stubs = {_name(cell): cell.source.strip() for cell in released.cells if _solution(cell)}
    return [_name(cell) for cell in graded.cells if _solution(cell) and cell.source.strip() == stubs.get(_name(cell))]


def _name(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _solution(cell):
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _is_test(cell):
    return bool(cell.metadata.get("nbgrader", {}).get("grade")) and not _solution(cell)


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=32)
def _read_once(text):
    return nbformat.reads(text, as_version=4)


def _parsed(text):
    """A notebook of ours; the same object every time, which nobody may change."""
    return _read_once(text)


@functools.cache
def environment() -> dict:
    """The versions that a verdict depends on; tema9's is the hash of its student side and of the border."""
    from importlib.metadata import version

    package = Path(__file__).parents[2]
    files = sorted([*package.glob("*.py"), *(package / "classroom" / "sandbox").glob("*.py")])
    code = hashlib.sha256(b"\0".join(path.read_bytes() for path in files if path.name != "cli.py")).hexdigest()
    versions = {name: version(name) for name in ("torch", "torchvision", "numpy")}
    return {"python": platform.python_version(), **versions, "tema9": code[:16]}


_one_at_a_time = threading.Lock()  # of a process: tests redirect its output
_open = {}


@contextlib.contextmanager
def open_sandbox(limits, bare, hide):
    """This process's sandbox, with these settings; one submission at a time has it."""
    with _one_at_a_time:
        yield _sandbox(limits, bare, hide)


def _sandbox(limits, bare, hide):
    wanted = (limits, bare, tuple(hide))
    if wanted not in _open or os.getpid() != _open[wanted][0]:
        for pid, other in _open.values():
            if pid == os.getpid():
                other.close()
        _open.clear()
        _open[wanted] = (os.getpid(), Sandbox(limits, bare, hide))
    return _open[wanted][1]


@atexit.register
def close():
    """End this process's sandbox."""
    for pid, sandbox in _open.values():
        if pid == os.getpid():
            with contextlib.suppress(Exception):
                sandbox.close()
    _open.clear()
