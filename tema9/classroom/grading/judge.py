"""A submission judged: rebuilt, run in the sandbox, and a verdict for each of its test cells.

What `judge` takes and gives are plain data, so that it can run in any process of any machine. Nothing here writes:
`record` does.
"""

import functools
import hashlib
import json
import time
from collections.abc import Container
from dataclasses import asdict

import nbformat
import torch
from nbformat import NotebookNode

from tema9.classroom import cells
from tema9.classroom.grading import rebuild, submission
from tema9.classroom.grading.job import Job, Judged
from tema9.classroom.grading.receipt import Receipt, digest, environment, hashes_of, standing_verdicts
from tema9.classroom.grading.verdicts import OUTCOMES, CellVerdict, student_message
from tema9.classroom.sandbox import border
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
    except submission.Unreadable as error:
        status = f"could not be read: {error}"
        return Judged(Receipt(job.student, job.notebook, sha256, status, environment=environment()))
    source, released = _parsed(job.source), _parsed(job.released)
    rebuilt = rebuild.rebuild(handed_in, released)
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
    sandbox.warm("\n\n".join(cell.source for cell in graded.cells if submission.is_setup(cell)))
    unanswered = submission.unanswered(graded, released)
    process = RestartingProcess(sandbox)
    verdicts, checks, exercise = [], {}, ""
    try:
        for cell in graded.cells:
            if cell.cell_type != "code":
                continue
            name = cells.name_of(cell)
            if not cells.is_test(cell):
                if cells.is_written_by_student(cell):
                    exercise = name
                if not cells.is_written_by_student(cell) or name not in unanswered:
                    _show_run(cell, process.run(cell.source, name))
                continue
            verdict = standing.get(name) or _judge_cell(cell, exercise, process, missing, unanswered, changed)
            if verdict.outcome in ("fail", "error") and exercise not in checks:
                checks[exercise] = process.check(exercise)
            verdicts.append(verdict)
            _show_verdict(cell, verdict)
    finally:
        process.end()
        sandbox.clean()
    return verdicts, {name: text for name, text in checks.items() if text}, True


def _judge_cell(cell, exercise, process, missing, unanswered, changed):
    """Judge a test cell against what the process holds; return its `CellVerdict`."""
    name, points, started = cells.name_of(cell), cells.points_of(cell), time.perf_counter()
    if exercise in missing:
        verdict = border.Verdict("missing")
    elif exercise in unanswered:
        verdict = border.Verdict("not-answered")
    elif outcome := process.killed(exercise):
        verdict = border.Verdict(outcome)
    else:
        torch.default_generator.manual_seed(0)  # `torch.manual_seed` spends a millisecond on GPUs that are not used
        verdict = process.judge(cell.source)
    return CellVerdict(
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


def _show_run(cell, answer):
    """Put what a cell printed, and its error, into its outputs."""
    for name, dropped in zip(("stdout", "stderr"), answer["dropped"], strict=True):
        text = answer[name] + (f"\n[... {dropped} caracteres más]" if dropped else "")
        if text:
            cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=text))
    if answer["error"]:
        kind, message = answer["error"]
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
