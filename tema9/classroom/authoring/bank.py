"""The bank of mistakes, and the kill matrix: each answer of the bank against the tests.

Three kinds of cell, in the py:percent files of `solutions/mistakes/`:

    # %% probes="n1-x"              expressions, one a line, that tell answers apart
    # %% right="n1-x" name="..."    another right answer
    # %% wrong="n1-x" name="..."    a mistake; its first comment explains it to the student;
                                    fails=["case"] where it loses only some of the tests
"""

import ast
import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

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
    """An answer to an exercise: the solution, the blank, or one of the bank.

    fails: the cases of the exercise's tests that it must lose, by name.
    """

    exercise: str
    name: str
    text: str
    fails: tuple[str, ...] = ()
    explanation: str = ""

    @property
    def right(self):
        return not self.fails


@dataclass
class Bank:
    """The answers and the probes of one notebook, by exercise."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    probes: dict[str, list[str]] = field(default_factory=dict)


def load(source: Source, folder=MISTAKES) -> Bank:
    """Read the bank of a notebook.

    Raises:
        ValueError: a cell names an exercise that the notebook does not have, a mistake
            has no explanation, or a probe is not an expression.
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
        fails, explanation = (), ""
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
    """The answer of the source itself."""
    return Answer(exercise.name, "solution", exercise.solution.text)


def blank(exercise: Exercise) -> Answer:
    """What the student gets: the solution cell as nbgrader releases it."""
    cell = nbformat.v4.new_code_cell(exercise.solution.text)
    cells.label(cell, "solution", exercise.name)
    cleared, _ = ClearSolutions(code_stub={"python": CODE_STUB}).preprocess_cell(cell, {"language": "python"}, 0)
    return Answer(exercise.name, "blank", cleared.source, tuple(exercise.cases))


def namespace_of(answer: Answer, source: Source) -> dict:
    """Run the notebook's set-up and the answer, and return what they define.

    An answer that raises leaves what it had defined, as in a notebook.
    """
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source.setup, f"<{source.name}>", "exec"), namespace)
        with contextlib.suppress(Exception):
            exec(compile(answer.text, f"<{answer.exercise}/{answer.name}>", "exec"), namespace)
    return namespace


@dataclass(frozen=True)
class Outcome:
    """An answer against its tests: the verdict of each case, across the border and beside the work."""

    answer: Answer
    verdicts: dict[str, border.Verdict]
    beside: dict[str, border.Verdict]

    @property
    def as_expected(self):
        """Each wrong answer loses exactly the cases it should, the same both ways."""
        return all(
            {case for case, verdict in verdicts.items() if not verdict} == set(self.answer.fails)
            for verdicts in (self.verdicts, self.beside)
        )


def kill_matrix(source: Source, bank: Bank, exercise: Exercise):
    """Yield an Outcome for the solution, the blank and each answer of the bank, in order."""
    for answer in (solution(exercise), blank(exercise), *bank.answers[exercise.name]):
        namespace, tests = namespace_of(answer, source), dict(zip(exercise.cases, exercise.tests, strict=True))
        across = {case: border.judge(test.text, namespace) for case, test in tests.items()}
        beside = {case: border.run_beside(test.text, namespace) for case, test in tests.items()}
        yield Outcome(answer, across, beside)


def outcomes(chosen: list[Source], exercise: str | None = None, track: Callable = iter) -> Iterator[Outcome]:
    """Yield the kill matrix of every exercise with tests of some notebooks, or of one of their exercises.

    Args:
        chosen: the sources of the notebooks.
        exercise: the name of the only exercise to run.
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


def defined_names(text) -> list[str]:
    """The names that a cell defines at its top level, in order."""
    names = []
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=targets):
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def fingerprints(source: Source, bank: Bank, exercise: Exercise) -> dict:
    """The entry of an exercise in `checks.json`.

    Raises:
        ValueError: the probes do not tell a mistake from a right answer or from another
            mistake, or no rounding keeps the answers clear of its steps.
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
    mistakes = {}
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
