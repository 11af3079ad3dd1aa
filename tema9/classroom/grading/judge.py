"""A submission judged: rebuilt, run in the sandbox, and a verdict for each of its test cells.

What `judge` takes and gives are plain data, so that it can run in any process of any machine. Nothing here writes:
`record` does.
"""

import functools
import hashlib
import json
import re
import time
from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from typing import Any

import nbformat
import torch
from nbformat import NotebookNode

from tema9 import measuring
from tema9.classroom import cells
from tema9.classroom.grading import reach, rebuild, submission
from tema9.classroom.grading.job import Job, Judged
from tema9.classroom.grading.receipt import Receipt, digest, environment, hashes_of, standing_verdicts
from tema9.classroom.grading.verdicts import OUTCOMES, CellVerdict, student_message
from tema9.classroom.sandbox import border, wire
from tema9.classroom.sandbox.border import Verdict
from tema9.classroom.sandbox.pool import open_sandbox
from tema9.classroom.sandbox.restarting_process import RestartingProcess
from tema9.classroom.sandbox.sandbox import Sandbox


def judge(job: Job) -> Judged:
    """Judge the submission of a `Job`.

    Whatever the submission holds, this returns; a status other than "graded" says why it could not be graded.
    """
    started = time.perf_counter()
    sha256 = hashlib.sha256(job.content).hexdigest()
    try:
        if job.refused:
            raise submission.Unreadable(job.refused)
        handed_in = submission.read(job.content)
        source, released = _parsed(job.source), _parsed(job.released)
        rebuilt = rebuild.rebuild(handed_in, released)
        if rebuilt.is_another:
            raise submission.Unreadable("the file holds no cell of this notebook; it may be another one")
    except submission.Unreadable as error:
        status = f"could not be read: {error}"
        return Judged(Receipt(job.student, job.notebook, sha256, status, environment=environment()))
    told = submission.hints_told(handed_in)
    graded = submission.to_grade(rebuilt.notebook, source)
    with open_sandbox(job.limits, job.unsandboxed, job.hide) as sandbox:
        verdicts, checks, ran = examine(sandbox, graded, released, rebuilt.missing, rebuilt.changed, job.previous)
    receipt = Receipt(
        student=job.student,
        notebook=job.notebook,
        sha256=sha256,
        verdicts=tuple(verdicts),
        checks=checks,
        repairs=rebuilt.repairs,
        cells=hashes_of(graded),
        unanswered=tuple(submission.unanswered(graded, released)),
        flags=tuple(f"{name}, line {line}: {what}" for name, found in _flags(graded).items() for line, what in found),
        hints=told,
        environment=environment(),
        limits=asdict(job.limits),
        seconds=time.perf_counter() - started,
    )
    return Judged(receipt, json.dumps(graded, ensure_ascii=False), ran)  # with an indent it takes ten times as long


def examine(
    sandbox: Sandbox,
    graded: NotebookNode,
    released: NotebookNode,
    missing: Container[str] = (),
    changed: Container[str] = (),
    previous: Receipt | None = None,
) -> tuple[list[CellVerdict], dict[str, str], bool]:
    """Run the cells of a notebook in the sandbox, judge its tests, and write the outputs into the notebook.

    Args:
        sandbox: the sandbox.
        graded: the notebook, as `submission.to_grade` returns it; its cells get the outputs of this run.
        released: the notebook as students receive it.
        missing, changed: the names of the cells that were not handed in, and of the tests that are not as released.
        previous: the receipt of the last time, whose verdicts stand where nothing that they depend on has changed.

    Returns:
        (verdicts, {exercise: what its check cell says}, whether anything was run).
    """
    tests = [cell for cell in graded.cells if cell.cell_type == "code" and cells.is_test(cell)]
    standing = standing_verdicts(previous, graded, sandbox.limits, changed)
    if previous is not None and all(cells.name_of(cell) in standing for cell in tests):
        verdicts = [standing[cells.name_of(cell)] for cell in tests]
        for cell, verdict in zip(tests, verdicts, strict=True):
            _show_verdict(cell, verdict)
        return verdicts, dict(previous.checks), False
    setup = _setup(graded)
    sandbox.warm(setup)
    unanswered = submission.unanswered(graded, released)
    taken = {
        cells.name_of(cell): reach.borrowed(cell.source, setup)
        for cell in graded.cells
        if cell.cell_type == "code" and cells.is_written_by_student(cell)
    }
    judge_cell = functools.partial(_judge_cell, missing=missing, unanswered=unanswered, changed=changed, taken=taken)
    process, steps, exercise = RestartingProcess(sandbox), list[_Ran | _Judged](), ""
    try:
        for cell in graded.cells:
            if cell.cell_type != "code":
                continue
            name = cells.name_of(cell)
            if not cells.is_test(cell):
                if cells.is_written_by_student(cell):
                    exercise = name
                if not cells.is_written_by_student(cell) or name not in unanswered:
                    steps.append(_Ran(cell, name, process.run(cell.source, name)))
            elif name in standing:
                steps.append(_Judged(cell, exercise, standing[name]))
            else:
                steps.append(judge_cell(cell, exercise, process))
    finally:
        process.end()
    _judge_apart(sandbox, steps, graded, judge_cell)
    checks = _tell(sandbox, steps, process.killers)
    for step in steps:
        if isinstance(step, _Ran):
            _show_run(step.cell, step.answer)
        else:
            _show_verdict(step.cell, step.verdict)
    return [step.verdict for step in steps if isinstance(step, _Judged)], checks, True


@dataclass
class _Ran:
    """A cell that ran: its name, and what came of it as `StudentProcess.run` says it."""

    cell: NotebookNode
    name: str
    answer: dict[str, Any]

    def shows_something(self):
        return bool(self.answer["stdout"] or self.answer["stderr"] or self.answer["error"])


@dataclass
class _Judged:
    """A test cell that was judged; `border` is the verdict that it comes from, where it was judged now."""

    cell: NotebookNode
    exercise: str
    verdict: CellVerdict
    border: Verdict | None = None

    def has_words_of_the_answer(self):
        return self.border is not None and bool(self.verdict.message) and self.border.shown and not self.border.written


def _tell(sandbox, steps, killers):
    """Replace what an answer has said after it was tested by what it says in a process that has seen no hidden test.

    An answer could keep what a hidden test gives it, and say it in what students read: in what a later cell prints, in
    the message of an error, or in the line of a check. Returns {exercise: the line of its check} of those that fail.
    """
    failed = {
        step.exercise for step in steps if isinstance(step, _Judged) and step.verdict.outcome in ("fail", "error")
    }
    tested = next((place for place, step in enumerate(steps) if isinstance(step, _Judged)), len(steps))
    late = [step for step in steps[tested:] if isinstance(step, _Ran) and step.shows_something()]
    if not failed and not late:
        return {}
    process, checks = RestartingProcess(sandbox, killers), {}
    try:
        for place, step in enumerate(steps):
            if isinstance(step, _Ran):
                answer = process.run(step.cell.source, step.name)
                step.answer = answer if place > tested else step.answer
                continue
            if step.has_words_of_the_answer():
                torch.default_generator.manual_seed(0)
                again = process.judge(border.visible_part(step.cell.source))
                step.verdict = replace(step.verdict, message=student_message(again))
            if step.exercise in failed and step.exercise not in checks:
                checks[step.exercise] = process.check(step.exercise)
    finally:
        process.end()
    return {name: text for name, text in checks.items() if text}


def _judge_apart(sandbox, steps, graded, judge_cell):
    """Judge the tests that failed again without the answers of other exercises that reach beyond their own.

    Such an answer can have changed a module, or left a thread, a timer or a message behind: that costs its own exercise
    and no other one. A test that passes here passes, so that an answer may rely on those before it all the same.
    """
    ran = [step for step in steps if isinstance(step, _Ran)]
    judged = [step for step in steps if isinstance(step, _Judged) and step.border is not None]
    failed = [step for step in judged if step.verdict.outcome not in ("pass", "missing", "not-answered")]
    flagged = set(_flags(graded)) if failed else set()
    for own in sorted({step.exercise if step.exercise in flagged else "" for step in failed}):
        others = flagged - {own}
        again = {id(step) for step in failed if (step.exercise if step.exercise in flagged else "") == own}
        if not others:
            continue
        left_out = {number: "kernel-died" for number, step in enumerate(ran) if step.name in others}
        process = RestartingProcess(sandbox, left_out)
        try:
            for place, step in enumerate(steps):
                if isinstance(step, _Ran):
                    answer = process.run(step.cell.source, step.name)
                    if not own and step.name not in others and step.answer["error"]:
                        step.answer = answer
                elif id(step) in again:
                    found = judge_cell(step.cell, step.exercise, process)
                    steps[place] = found if found.verdict.outcome == "pass" else step
        finally:
            process.end()


def _setup(graded):
    """The text of the cells of a notebook to grade on which every exercise may rely."""
    return "\n\n".join(cell.source for cell in graded.cells if submission.is_setup(cell))


def _flags(graded):
    """{cell: what `reach.flags` finds in it} of the answers in code that reach beyond their exercise."""
    modules = reach.imports(_setup(graded))
    answered = [cell for cell in graded.cells if cell.cell_type == "code" and cells.is_written_by_student(cell)]
    found = {cells.name_of(cell): reach.flags(cell.source, modules) for cell in answered}
    return {name: flags for name, flags in found.items() if flags}


def _judge_cell(cell, exercise, process, missing, unanswered, changed, taken):
    """Judge a test cell against what the process holds; return the `_Judged`."""
    name, points, started = cells.name_of(cell), cells.points_of(cell), time.perf_counter()
    if exercise in missing:
        verdict = Verdict("missing")
    elif exercise in unanswered:
        verdict = Verdict("not-answered")
    elif outcome := process.killed(exercise):
        verdict = Verdict(outcome)
    elif piece := _borrowed(cell, taken.get(exercise, {})):
        verdict = Verdict("fail", measuring.NOT_OWN.format(piece))
    else:
        torch.default_generator.manual_seed(0)  # `torch.manual_seed` spends a millisecond on GPUs that are not used
        verdict = process.judge(cell.source)
    found = CellVerdict(
        name=name,
        exercise=exercise,
        outcome=verdict.outcome,
        points=points if verdict else 0,
        max_points=points,
        message=student_message(verdict),
        tampered=name in changed,
        seconds=round(time.perf_counter() - started, 4),
        test=digest(cell.source),
    )
    return _Judged(cell, exercise, found, verdict)


def _borrowed(cell, taken):
    """The piece of `tema9` that an answer uses, where its test asks for the student's own work; "" if none."""
    if not taken or not re.search(r"measuring\.(require_own|answer)\(", cell.source):
        return ""
    return next((taken[name] for name in sorted(border.names_of(cell.source)) if name in taken), "")


def _show_run(cell, answer):
    """Put what a cell printed, and its error, into its outputs."""
    for name, dropped in zip(("stdout", "stderr"), answer["dropped"], strict=True):
        text = answer[name][: wire.LONGEST_OUTPUT]  # whatever runs in the student's process has cut it, unless it lies
        dropped = max(0, len(answer[name]) - wire.LONGEST_OUTPUT + min(dropped, 10**15))
        text += f"\n[... {dropped} caracteres más]" if dropped else ""
        if text:
            cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=text))
    if answer["error"]:
        kind, message = answer["error"]
        kind, message = kind[: wire.LONGEST_NAME], message[: wire.LONGEST_MESSAGE]
        cell.outputs.append(_error(kind, message or OUTCOMES.get(kind, "")))


def _show_verdict(cell, verdict):
    """Put a verdict into the outputs of its cell, as nbgrader reads scores from them: an error is 0 points."""
    cell.outputs = [] if verdict.outcome == "pass" else [_error(verdict.outcome, verdict.message)]


def _error(kind, message):
    text = f"{kind}: {message}" if message else kind
    return nbformat.v4.new_output("error", ename=kind, evalue=message, traceback=[text])


@functools.lru_cache(maxsize=32)
def _parsed(text):
    """A notebook of ours; the same object every time, which nobody may change."""
    return nbformat.reads(text, as_version=4)
