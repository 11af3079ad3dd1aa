"""The bank of mistakes, and the kill matrix, which runs each answer of the bank against the tests of its exercise.

The bank of a notebook is a py:percent file in `solutions/mistakes/`. It has four kinds of cells:

    # %% probes="n1-x"              expressions whose results tell the answers apart; the comment above one says to
                                    the student what it tries, and holds for those that follow it without a comment
    # %% right="n1-x" name="..."    a right answer that is not the solution
    # %% wrong="n1-x" name="..."    a wrong answer; its first comment explains the mistake to the student;
                                    fails=["case"] names the tests that it loses, if it does not lose all of them
    # %% equivalent="n1-x"          mutants of the solution that are right answers: a line `# before => after` for
                                    each, below a comment with the reason (see `mutants`)
"""

import ast
import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbgrader.preprocessors import ClearSolutions

from tema9 import checks
from tema9.answers import free_names
from tema9.classroom import cells, sources
from tema9.classroom.authoring import hints
from tema9.classroom.cells import CODE_STUB
from tema9.classroom.sources import Exercise, Source, read

if TYPE_CHECKING:
    from tema9.classroom.sandbox import border  # it imports torch, which those who only read a bank do not need

KEYS = {"probes", "right", "wrong", "equivalent", "name", "fails"}


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


@dataclass(frozen=True)
class Probe:
    """An expression by whose result the answers to an exercise are told apart.

    Args:
        code: the expression.
        words: what it tries, for the student.
    """

    code: str
    words: str = ""


@dataclass
class Bank:
    """The answers and the probes of one notebook.

    Args:
        answers: {exercise: the answers of the bank to it}.
        probes: {exercise: its probes}.
        equivalent: {exercise: {(before, after): reason}} of the mutants of its solution that are right answers.
        hints: {exercise: its hints, from a nudge to the first line}.
    """

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    probes: dict[str, list[Probe]] = field(default_factory=dict)
    equivalent: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    hints: dict[str, list[str]] = field(default_factory=dict)


def load(source: Source, folder: Path | None = None) -> Bank:
    """Read the bank of a notebook.

    Args:
        source: the notebook.
        folder: where the banks of all notebooks are, that of the checkout if None; the hints are in the folder hints/
            beside it.

    Raises:
        ValueError: there is no bank, a cell has an unknown key, a cell names an exercise that the notebook does not
            have, a mistake has no explanation, a probe is not an expression, or the file of the hints is not as `hints`
            says.
    """
    folder = folder or sources.MISTAKES
    if not (folder / source.path.name).is_file():
        raise ValueError(
            f"{folder.name}/{source.path.name} is missing: write there the right and wrong answers to the exercises of "
            f"{source.path.name}, as CONTRIBUTING.md says"
        )
    entries = read(folder / source.path.name)
    bank = Bank({name: [] for name in source.exercises}, {})
    bank.hints = hints.read(folder.parent / "hints" / f"{source.name}.md")
    for cell in entries.cells:
        where = f"{entries.path.name}, line {cell.line}"
        kind = next((key for key in ("probes", "right", "wrong", "equivalent") if key in cell.keys), None)
        if kind is None:
            continue
        if unknown := set(cell.keys) - KEYS:
            raise ValueError(f"{where}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(KEYS))}")
        name = cell.keys[kind]
        if name not in source.exercises:
            raise ValueError(f"{where}: {source.name} has no exercise {name!r}")
        if kind == "probes":
            bank.probes[name] = _probes(cell.text, where)
            continue
        if kind == "equivalent":
            bank.equivalent.setdefault(name, {}).update(_equivalent(cell.text, where))
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


def _probes(text, where):
    statements = ast.parse(text).body
    if not all(isinstance(statement, ast.Expr) for statement in statements):
        raise ValueError(f"{where}: probes are expressions, one a line")
    lines, found, words, end = text.splitlines(), [], "", 0
    for statement in statements:
        if comment := _first_comment("\n".join(lines[end : statement.lineno - 1]).strip()):
            words = comment
        found.append(Probe(ast.unparse(statement), words))
        end = statement.end_lineno
    return found


def _equivalent(text, where):
    found, reason = {}, ""
    for line in text.splitlines():
        before, arrow, after = line.removeprefix("#").strip().partition(" => ")
        if not arrow:
            reason = before
        elif not reason:
            raise ValueError(f"{where}: an equivalent mutant needs the reason above it")
        else:
            found[before, after] = reason
    return found


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
    verdicts: dict[str, "border.Verdict"]
    beside: dict[str, "border.Verdict"]

    @property
    def as_expected(self) -> bool:
        """Whether the answer loses exactly the cases that it must lose, in both ways of running the tests."""
        return all(
            {case for case, verdict in verdicts.items() if not verdict} == set(self.answer.fails)
            for verdicts in (self.verdicts, self.beside)
        )


def kill_matrix(source: Source, bank: Bank, exercise: Exercise) -> Iterator[Outcome]:
    """Yield an `Outcome` for the solution of an exercise, for the blank cell and for each answer of the bank to it."""
    from tema9.classroom.sandbox import border

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


def contracts_of(exercise: Exercise) -> dict[str, str]:
    """Return {name: contract} of the functions and the values of an exercise, as its tests declare them.

    A test declares the contract of a function by `measuring.answer(function, CONTRACT)`, and that of a value by
    `contracts.KIND(value, ...)`. A contract is the text of an expression, in the names of `tema9.contracts`.

    Raises:
        ValueError: two tests declare different contracts of one name.
    """
    names, found = defined_names(exercise.solution.text), dict[str, str]()
    for cell in exercise.tests:
        for node in ast.walk(ast.parse(cell.text)):
            match node:
                case ast.Call(func=ast.Attribute(ast.Name("measuring"), "answer"), args=[ast.Name(name), contract]) if (
                    name in names
                ):
                    text = ast.unparse(contract)
                case ast.Call(
                    func=ast.Attribute(ast.Name("contracts")) | ast.Call() as contract, args=[ast.Name(name), *_]
                ) if name in names:
                    text = ast.unparse(contract)
                case _:
                    continue
            text = text.replace("contracts.", "")
            if found.setdefault(name, text) != text:
                raise ValueError(f"{exercise.name}: two tests declare different contracts of {name}")
    return found


def fingerprints(source: Source, bank: Bank, exercise: Exercise) -> dict[str, Any]:
    """Return the entry of an exercise in `checks.json`, which holds the fingerprints of the answers of the bank.

    Of the fingerprints that a result can have, the one that `checks.json` holds already stays, so that every machine
    makes the same file.

    Raises:
        ValueError: the probes do not tell a mistake from a right answer or from another mistake.
    """
    probed = bank.probes[exercise.name]
    if not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(exercise.solution.text).body):
        codes, words = [probe.code for probe in probed], probed[0].words
        probed = [Probe(f"({', '.join(codes)})", words)]  # values one by one would be found by trying
    names = [name for name in defined_names(exercise.solution.text) if any(name in probe.code for probe in probed)]
    answers = [solution(exercise), *bank.answers[exercise.name]]
    answered = [(answer, namespace_of(answer, source)) for answer in answers]
    before = checks.known_fingerprints().get(exercise.name)
    return entry(names, _given(source, exercise), contracts_of(exercise), probed, answered, before)


def entry(
    names: list[str],
    given: list[str],
    contracts: dict[str, str],
    probed: list[Probe],
    answered: list[tuple[Answer, dict[str, Any]]],
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an entry of `checks.json`.

    Args:
        names: of the student's objects that the probes use.
        given: names of the set-up; without them, the first cell of the notebook has not been run.
        contracts: {name: the text of its contract}.
        probed: the probes.
        answered: pairs (answer, the names that it defines).
        before: an earlier entry of the exercise, whose fingerprints stay where they are still possible.

    Raises:
        ValueError: as `fingerprints`.
    """
    probes = [{"code": probe.code, "words": probe.words, "group": _group(probe.code, names)} for probe in probed]
    made = {"names": names, "given": given, "contracts": contracts, "probes": probes}
    with contextlib.redirect_stdout(io.StringIO()):
        results = [checks.probe(made, namespace) for _, namespace in answered]
    marks = [[checks.fingerprints(one, checks.HASHES // len(probes)) for one in result] for result in results]
    known = {one["code"]: one["right"] for one in before["probes"]} if before else {}
    for place, one in enumerate(probes):
        possible = [mine[place] for (answer, _), mine in zip(answered, marks, strict=True) if answer.right]
        one["right"] = sorted({_kept(mine, known.get(one["code"], ())) for mine in possible})
    mistakes: dict[str, dict[str, str]] = {group: {} for group in dict.fromkeys(one["group"] for one in probes)}
    for (answer, _), result, mine in zip(answered, results, marks, strict=True):
        if not answer.right:
            _add_mistake(mistakes, probes, answer, result, mine, before["mistakes"] if before else {})
    return made | {"mistakes": mistakes}


def _group(code, names):
    """The names of the exercise that a probe uses."""
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    return ", ".join(name for name in names if name in used)


def _given(source, exercise):
    """The names of the set-up that the solution uses: if one is not there, the first cell has not been run."""
    setup = ast.parse(source.setup)
    there = {name for node in setup.body for name in _bound(node)}
    return sorted(free_names(ast.parse(exercise.solution.text)) & there)


def _bound(node):
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.split(".")[0] for alias in names]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def _kept(possible, known):
    """Of the fingerprints that are possible, one that is known, or the likeliest."""
    return next((mark for mark in possible if mark in known), possible[0])


def _add_mistake(mistakes, probes, answer, results, marks, before):
    """Put the explanation of a mistake where its results are wrong."""
    wrong = {one["group"] for one, mine in zip(probes, marks, strict=True) if not set(mine) & set(one["right"])}
    if not wrong:
        raise ValueError(f"{answer.exercise}: no probe tells {answer.name!r} from a right answer")
    for group in {group for group in wrong if "," not in group} or wrong:
        here = [place for place, one in enumerate(probes) if one["group"] == group]
        if all(isinstance(results[place], checks.Raised) and _says_nothing(results[place].error) for place in here):
            raise ValueError(f"{answer.exercise}: {answer.name!r} is known only by the kind of its error")
        possible = list(checks.joined(marks[place] for place in here))
        same = {mark for mark, text in before.get(group, {}).items() if text == answer.explanation}
        twin = mistakes[group].setdefault(_kept(possible, same), answer.explanation)
        if twin != answer.explanation:
            raise ValueError(f"{answer.exercise}: no probe tells {answer.name!r} from the mistake: {twin}")


def _says_nothing(error):
    """Whether of an error only its kind is known, which another mistake may have as well."""
    return ": " not in checks.described_error(error)
