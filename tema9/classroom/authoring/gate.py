"""The gate: the check, the visible tests and the grade say the same of every answer.

The answers are those of the bank, the mutants of each solution (`mutants`), which must lose points unless the bank
lists them as equivalent, and the retypings of each right answer (`retypings`), which must keep them.
"""

import contextlib
import gc
import io
import json
import multiprocessing
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tema9 import checks, hardware
from tema9.classroom.authoring import bank as banks
from tema9.classroom.authoring.mutants import Mutant, mutants
from tema9.classroom.authoring.retypings import RETYPINGS, changes, replace
from tema9.classroom.sandbox import border
from tema9.classroom.sources import Exercise, Source

SECONDS = 5  # for one answer; more for an exercise whose solution takes long
MEMORY = 6 << 30  # bytes of address space for one answer: a mutant may ask for any size


@dataclass(frozen=True)
class Judgement:
    """What the three say of an answer.

    Args:
        full: whether it has all the points.
        visible: whether it passes the tests that students have.
        ticked: whether the check says ✔.
        said: the line of the check.
        message: of the first test that it fails; or "timeout" or "died".
    """

    full: bool
    visible: bool
    ticked: bool
    said: str = ""
    message: str = ""

    @property
    def agreed(self) -> bool:
        """Whether the check says ✔ exactly when the grade is full and the visible tests pass."""
        return self.ticked == (self.full and self.visible) and (self.visible or not self.full)


@dataclass
class Row:
    """What the gate found of one exercise.

    Args:
        exercise: its name.
        mutants: how many were tried; equivalent: how many of them are listed as right; killed: how many lost points.
        retypings: how many ways of returning a right answer's values were tried.
        problems: a line for each answer of which the three disagree, or that fares otherwise than it should.
    """

    exercise: str
    mutants: int = 0
    equivalent: int = 0
    killed: int = 0
    retypings: int = 0
    problems: list[str] = field(default_factory=list)


def judgement(source: Source, exercise: Exercise, text: str, change: Callable[[dict], Any] | None = None) -> Judgement:
    """Judge an answer by the grade, by the visible tests and by the check.

    Args:
        source: the notebook.
        exercise: of it.
        text: the code of the answer.
        change: what is done to the names that the answer defines, before it is judged.
    """
    answer = banks.Answer(exercise.name, "answer", text)

    def names():
        made = banks.namespace_of(answer, source)
        if change:
            change(made)
        return made

    space = names()
    failed = next((verdict for test in exercise.tests if not (verdict := border.judge(test.text, space))), None)
    said = checks.verdict(exercise.name, space)
    ticked = said.startswith("✔")
    visible = False
    if failed is None or ticked:  # otherwise they agree that it is wrong
        beside = names()
        visible = all(border.run_beside(border.visible_part(test.text), beside) for test in exercise.tests)
    return Judgement(failed is None, visible, ticked, said, failed.message if failed is not None else "")


def in_child(seconds: float, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a fork of this process, which ends with all that an answer did; return what it returns.

    Returns:
        a `Judgement`, or plain data; a `Judgement` that says so where the fork gives no answer.
    """
    return next(each_in_child(seconds, function, [args]))


def each_in_child(seconds: float, function: Callable[..., Any], calls: Sequence[tuple]) -> Iterator[Any]:
    """Call a function several times in a fork of this process; yield what `in_child` returns of each call, in order.

    Making a fork takes longer than most answers do. What a call leaves behind is there in the next one, but for the
    random state; where one ends the fork or takes too long, the calls after it are made in another fork.

    Args:
        seconds: for one call.
        function: that is called.
        calls: the arguments of each call.
    """
    done = 0
    while done < len(calls):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            _answer(write, function, calls[done:])
        os.close(write)
        try:
            for line in _lines(read, seconds):
                if isinstance(line, str):
                    done += 1
                    yield Judgement(False, False, False, message=line)
                    break
                made = json.loads(line)
                done += 1
                yield Judgement(**made) if isinstance(made, dict) else made
                if done == len(calls):
                    break
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(read)


def _lines(read, seconds):
    """Yield the lines that come from a pipe, as bytes; where one takes too long or none comes any more, why: a str."""
    content = b""
    while True:
        end = time.monotonic() + seconds
        while b"\n" not in content:
            left = end - time.monotonic()
            if left <= 0 or not select.select([read], [], [], left)[0]:
                yield "timeout"
                return
            part = os.read(read, 1 << 16)
            if not part:
                yield "died"
                return
            content += part
        line, _, content = content.partition(b"\n")
        yield line


def _answer(write, function, calls):
    import resource

    import torch

    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1), os.dup2(nothing, 2)
        with open(write, "w", encoding="utf-8") as out:
            for args in calls:
                torch.manual_seed(0)
                print(json.dumps(function(*args), default=lambda made: vars(made)), file=out, flush=True)
    finally:
        os._exit(0)


def survivors(
    source: Source, bank: banks.Bank, exercise: Exercise, row: Row, seconds: float, most: int | None = None
) -> Iterator[tuple[Mutant, Judgement]]:
    """Yield (mutant, its judgement) of the mutants of an exercise that are not as they should be.

    A mutant should lose points and be called wrong; one that the bank lists as equivalent should keep them and be
    called right.

    Args:
        source: the notebook; bank: its bank; exercise: of it.
        row: where the mutants are counted.
        seconds: for one of them.
        most: how many mutants are tried, from the first to the last; None for all.

    Raises:
        ValueError: the bank lists as equivalent what is no mutant.
    """
    equivalent, made = bank.equivalent.get(exercise.name, {}), mutants(banks.solution(exercise).text)
    if unknown := [" => ".join(pair) for pair in set(equivalent) - {(mutant.before, mutant.after) for mutant in made}]:
        raise ValueError(f"{exercise.name}: the bank lists as equivalent what is no mutant: {unknown[0]}")
    tried = made if most is None else made[:: -(-len(made) // most)]
    right = [(mutant.before, mutant.after) in equivalent for mutant in tried]
    texts = [mutant.text for mutant in tried]
    for mutant, listed, found in zip(tried, right, _judgements(source, exercise, texts, right, seconds), strict=True):
        row.mutants += 1
        row.equivalent += listed
        row.killed += not found.full
        if not found.agreed or found.full != listed:
            yield mutant, found


def _judgements(source, exercise, texts, right, seconds):
    """Yield the judgement of each answer; one that is not as it should be may suffer from those before it, and is
    judged alone."""
    calls = [(source, exercise, text) for text in texts]
    for call, full, found in zip(calls, right, each_in_child(seconds, judgement, calls), strict=True):
        as_it_should = found.agreed and found.full == full
        yield found if as_it_should else in_child(seconds, judgement, *call)


def _seconds(source, exercise):
    """The time for one answer: much more than the solution takes."""
    start = time.monotonic()
    made = in_child(60, judgement, source, exercise, banks.solution(exercise).text)
    if not (made.full and made.agreed):
        raise ValueError(f"{exercise.name}: the solution itself fails: {made.said} {made.message}")
    return max(SECONDS, 8 * (time.monotonic() - start))


def rows(chosen: list[Source], exercise: str | None = None, track: Callable[[list], Iterable] = iter) -> Iterator[Row]:
    """Yield what the gate finds of each exercise of some notebooks, or of a single exercise, on all cores.

    Args:
        chosen: the sources of the notebooks.
        exercise: the name of the only exercise; None for all.
        track: wraps the list of exercises to show progress.

    Raises:
        ValueError: none of the notebooks has that exercise; nothing is run.
    """
    jobs = [
        (source, banks.load(source), one) for source in chosen for one in source.graded if exercise in (None, one.name)
    ]
    if not jobs:
        raise ValueError(f"unknown exercise {exercise!r}; see `tema9 mistakes` for those there are")
    workers = min(len(jobs), hardware.cores())
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for waiting in track([pool.submit(row_of, *job) for job in jobs]):
            yield waiting.result()


def row_of(source: Source, bank: banks.Bank, exercise: Exercise, most: int | None = None) -> Row:
    """Return what the gate finds of one exercise: its bank, its mutants and its retypings.

    Args:
        source: the notebook; bank: its bank; exercise: of it.
        most: a sample of so many mutants is tried, and of the right answers only the solution; None for all.

    Raises:
        ValueError: the solution itself does not pass, or the bank lists as equivalent what is no mutant.
    """
    row = Row(exercise.name)
    warm_up(source)
    seconds = _seconds(source, exercise)
    others = bank.answers[exercise.name] if most is None else []
    texts, right = [answer.text for answer in others], [answer.right for answer in others]
    for answer, found in zip(others, _judgements(source, exercise, texts, right, 60), strict=True):
        if not found.agreed or found.full != answer.right:
            row.problems.append(f"the answer {answer.name}: {_told(found)}")
    for mutant, found in survivors(source, bank, exercise, row, seconds, most):
        row.problems.append(f"{mutant.before} => {mutant.after}: {_told(found)}")
    for answer in (banks.solution(exercise), *others):
        if answer.right:
            row.problems += refused_retypings(source, exercise, answer, row)
    return row


def refused_retypings(source: Source, exercise: Exercise, answer: banks.Answer, row: Row) -> Iterator[str]:
    """Yield a line for each retyping of a right answer that is not judged as right, and not refused for its type."""
    for name in banks.contracts_of(exercise):
        judged = in_child(60 * len(RETYPINGS), _retyped, source, exercise, answer.text, name)
        if isinstance(judged, Judgement):  # the process ended or took too long
            yield f"{answer.name}, {name}: {_told(judged)}"
            continue
        for what, made in judged:
            row.retypings += 1
            found = Judgement(**made)
            if (not found.agreed or not found.full) and not forbidden(found):
                yield f"{answer.name}, {name}, {what}: {_told(found)}"


def warm_up(source: Source) -> None:
    """Import what all the answers need, so that their forks find it there."""
    import torch

    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source.setup, source.name, "exec"), {"__name__": "__main__"})
    torch.set_num_threads(1)  # a fork has no threads but the one that forked
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)  # an optimizer imports a compiler, for seconds
    checks.known_fingerprints()
    gc.freeze()  # no collection in a fork looks at, and copies, all that there is


def forbidden(found: Judgement) -> bool:
    """Whether an answer was refused for its type: all three say so, in the words of its contract."""
    _, asked, wanted = found.message.rpartition("y se pide")
    return found.agreed and not found.full and bool(asked) and wanted in found.said


def _retyped(source, exercise, text, name):
    """[(a retyping that applies, how the answer is judged with it)] of one name that an answer defines.

    A right answer leaves nothing behind, so that one process may judge it again and again.
    """
    import torch

    def judged(what):
        torch.manual_seed(0)
        return judgement(source, exercise, text, lambda space: replace(space, name, RETYPINGS[what]))

    return [(what, judged(what)) for what in _that_apply(source, exercise, text, name)]


def _that_apply(source, exercise, text, name):
    """The retypings that change the type of something that an answer returns in the tests."""
    space, returned = banks.namespace_of(banks.Answer(exercise.name, "answer", text), source), []
    replace(space, name, lambda value: returned.append(value) or value)
    for test in exercise.tests:
        border.run_beside(test.text, space)
    return [what for what, retyping in RETYPINGS.items() if any(changes(retyping, value) for value in returned[:50])]


def _told(found):
    words = [f"{'all' if found.full else 'not all'} points", f"the check says {found.said or 'nothing'!r}"]
    words += [f"the visible tests {'pass' if found.visible else 'fail'}"] if found.full or found.ticked else []
    return "; ".join([*words, found.message])
