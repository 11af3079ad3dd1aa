"""The bank of mistakes, and the kill matrix, which runs each answer of the bank against the tests of its exercise.

The bank of a notebook is a py:percent file in `solutions/mistakes/`. It has three kinds of cells:

    # %% probes="n1-x"              expressions, one on each line, whose results tell the answers apart
    # %% right="n1-x" name="..."    a right answer that is not the solution
    # %% wrong="n1-x" name="..."    a wrong answer; its first comment explains the mistake to the student;
                                    fails=["case"] names the tests that it loses, if it does not lose all of them
"""

import ast
import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import ClearSolutions

from tema9 import checks
from tema9.classroom import cells
from tema9.classroom.cells import CODE_STUB
from tema9.classroom.sandbox import border
from tema9.classroom.sources import MISTAKES, Exercise, Source, read

KEYS = {"probes", "right", "wrong", "name", "fails"}


@dataclass(frozen=True)
class Answer:
    """An answer to an exercise: the solution, the blank cell, or an answer of the bank.

    Args:
        exercise: the name of the exercise.
        name: the name of the answer.
        text: the code of the answer.
        fails: the names of the cases of the exercise's tests that the answer must lose.
        explanation: what the student reads about the mistake; "" for a right answer and for the blank cell.
    """

    exercise: str
    name: str
    text: str
    fails: tuple[str, ...] = ()
    explanation: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer must pass all the tests."""
        return not self.fails


@dataclass
class Bank:
    """The answers and the probes of one notebook.

    Args:
        answers: {exercise: the answers of the bank to it}.
        probes: {exercise: the expressions whose results tell its answers apart}.
    """

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    probes: dict[str, list[str]] = field(default_factory=dict)


def load(source: Source, folder: Path = MISTAKES) -> Bank:
    """Read the bank of a notebook.

    Args:
        source: the notebook.
        folder: where the banks of all notebooks are.

    Raises:
        ValueError: a cell has an unknown key, a cell names an exercise that the notebook does not have, a mistake has
            no explanation, or a probe is not an expression.
    """
    entries = read(folder / source.path.name)
    bank = Bank({name: [] for name in source.exercises}, {})
    for cell in entries.cells:
        where = f"{entries.path.name}, line {cell.line}"
        kind = next((key for key in ("probes", "right", "wrong") if key in cell.keys), None)
        if kind is None:
            continue
        if unknown := set(cell.keys) - KEYS:
            raise ValueError(f"{where}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(KEYS))}")
        name = cell.keys[kind]
        if name not in source.exercises:
            raise ValueError(f"{where}: {source.name} has no exercise {name!r}")
        if kind == "probes":
            bank.probes[name] = _expressions(cell.text, where)
            continue
        fails: tuple[str, ...] = ()
        explanation = ""
        if kind == "wrong":
            fails = tuple(cell.keys.get("fails", source.exercises[name].cases))
            explanation = _first_comment(cell.text)
            if not explanation:
                raise ValueError(f"{where}: a mistake starts with a comment that explains it to the student")
        bank.answers[name].append(Answer(name, cell.keys["name"], cell.text, fails, explanation))
    return bank


def _expressions(text, where):
    statements = ast.parse(text).body
    if not all(isinstance(statement, ast.Expr) for statement in statements):
        raise ValueError(f"{where}: probes are expressions, one a line")
    return [ast.unparse(statement) for statement in statements]


def _first_comment(text):
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.lstrip("# ") for line in lines)


def solution(exercise: Exercise) -> Answer:
    """Return the solution of an exercise as an `Answer`."""
    return Answer(exercise.name, "solution", exercise.solution.text)


def blank(exercise: Exercise) -> Answer:
    """Return the cell of an exercise that students receive, which nbgrader makes from the solution, as an `Answer`."""
    cell = nbformat.v4.new_code_cell(exercise.solution.text)
    cells.label(cell, "solution", exercise.name)
    cleared, _ = ClearSolutions(code_stub={"python": CODE_STUB}).preprocess_cell(cell, {"language": "python"}, 0)
    return Answer(exercise.name, "blank", cleared.source, tuple(exercise.cases))


def namespace_of(answer: Answer, source: Source) -> dict:
    """Run the set-up of a notebook and then an answer, and return the names that both define.

    If the answer raises an exception, the names that it had defined before are returned, as in a notebook.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source.setup, f"<{source.name}>", "exec"), namespace)
        with contextlib.suppress(Exception):
            exec(compile(answer.text, f"<{answer.exercise}/{answer.name}>", "exec"), namespace)
    return namespace


@dataclass(frozen=True)
class Outcome:
    """How an answer did in the tests of its exercise.

    Args:
        answer: the answer.
        verdicts: {case: verdict} of the tests run as in grading, with only plain data between them and the answer.
        beside: {case: verdict} of the tests run as nbgrader runs them, in the namespace of the answer.
    """

    answer: Answer
    verdicts: dict[str, border.Verdict]
    beside: dict[str, border.Verdict]

    @property
    def as_expected(self) -> bool:
        """Whether the answer loses exactly the cases that it must lose, in both ways of running the tests."""
        return all(
            {case for case, verdict in verdicts.items() if not verdict} == set(self.answer.fails)
            for verdicts in (self.verdicts, self.beside)
        )


def kill_matrix(source: Source, bank: Bank, exercise: Exercise) -> Iterator[Outcome]:
    """Yield an `Outcome` for the solution of an exercise, for the blank cell and for each answer of the bank to it."""
    for answer in (solution(exercise), blank(exercise), *bank.answers[exercise.name]):
        namespace, tests = namespace_of(answer, source), dict(zip(exercise.cases, exercise.tests, strict=True))
        across = {case: border.judge(test.text, namespace) for case, test in tests.items()}
        beside = {case: border.run_beside(test.text, namespace) for case, test in tests.items()}
        yield Outcome(answer, across, beside)


def outcomes(
    chosen: list[Source], exercise: str | None = None, track: Callable[[list], Iterable] = iter
) -> Iterator[Outcome]:
    """Yield the outcomes of the kill matrices of some notebooks, for every exercise that has tests or for a single one.

    Args:
        chosen: the sources of the notebooks.
        exercise: the name of the only exercise whose answers are run; None runs those of all the exercises.
        track: wraps the list of exercises to show progress.

    Raises:
        ValueError: none of the notebooks has that exercise; nothing is run.
    """
    if exercise and not any(exercise in source.exercises for source in chosen):
        raise ValueError(f"unknown exercise {exercise!r}; see `tema9 mistakes` for those there are")
    banks = [(source, load(source)) for source in chosen]
    jobs = [(source, bank, one) for source, bank in banks for one in source.graded if exercise in (None, one.name)]
    for job in track(jobs):
        yield from kill_matrix(*job)


def defined_names(text: str) -> list[str]:
    """Return the names that the code of a cell defines at its top level, in their order."""
    names: list[str] = []
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=targets):
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def fingerprints(source: Source, bank: Bank, exercise: Exercise) -> dict[str, Any]:
    """Return the entry of an exercise in `checks.json`, which holds the fingerprints of the answers of the bank.

    Raises:
        ValueError: the probes do not tell a mistake from a right answer or from another mistake, or each of the
            roundings that are tried has a step too close to the result of a probe.
    """
    probed = bank.probes[exercise.name]
    names = [name for name in defined_names(exercise.solution.text) if any(name in probe for probe in probed)]
    answers = [solution(exercise), *bank.answers[exercise.name]]
    with contextlib.redirect_stdout(io.StringIO()):
        results = [checks.probe(probed, names, namespace_of(answer, source)) for answer in answers]
    for seed in range(500):
        marks, margins = zip(*(checks.fingerprint(result, seed) for result in results), strict=True)
        if min(margins) > 2 * checks.NOISE:
            break
    else:
        raise ValueError(f"{exercise.name}: no seed keeps the probes {2 * checks.NOISE} away from a rounding step")
    right = {mark: answer for mark, answer in zip(marks, answers, strict=True) if answer.right}
    mistakes: dict[str, Answer] = {}
    for mark, answer in zip(marks, answers, strict=True):
        if answer.right:
            continue
        if twin := right.get(mark) or mistakes.get(mark):
            raise ValueError(f"{exercise.name}: no probe tells {answer.name!r} from {twin.name!r}")
        mistakes[mark] = answer
    return {
        "names": names,
        "seed": seed,
        "probes": probed,
        "right": sorted(right),
        "mistakes": {mark: answer.explanation for mark, answer in mistakes.items()},
    }
