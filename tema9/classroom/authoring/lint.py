"""The rules that the source of every notebook must obey; `tema9 notebooks` and the tests refuse a source that does not.

Each rule is a function that takes a source and its bank and yields the problems that it finds. Its docstring is the
text of the rule. A problem is a pair: where in the file it is (", line 12", or "" for the whole file), and what it is.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from tema9.answers import free_names
from tema9.classroom import sources
from tema9.classroom.authoring import bank as banks
from tema9.classroom.authoring import hints, workload
from tema9.classroom.cells import EXPLORATION, ROLES
from tema9.classroom.sources import Source

MIN_WRONG, MIN_RIGHT = 3, 2  # answers of the bank to each exercise
HINTS = (2, 3)  # of each exercise
REFERS_BACK = r"(Lo mismo|El mismo|La misma|Los mismos|Las mismas|Ahora|También|Otra vez|Y)\b"  # as the first words

Problems = Iterator[tuple[str, str]]  # pairs (where, what), as a rule yields them


def lint(source: Source, bank: banks.Bank) -> list[str]:
    """Return the problems of a notebook's source, a line for each with its file, its line and what is wrong."""
    problems = [f"{source.path.name}{where}: {what}" for where, what in code_parses(source, bank)]
    if problems:
        return problems  # the other rules read the code
    return [f"{source.path.name}{where}: {what}" for rule in RULES for where, what in rule(source, bank)]


def _at(cell):
    return f", line {cell.line}"


def keys_are_known(source: Source, bank: banks.Bank | None) -> Problems:
    """Every key of a cell is known, a cell has at most one role, and exactly the tests and the answers have points."""
    for cell in source.cells:
        if unknown := set(cell.keys) - sources.KEYS:
            yield _at(cell), f"unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(sources.KEYS))}"
        if len(set(cell.keys) & {*ROLES, EXPLORATION}) > 1:
            yield _at(cell), "one cell has one role"
        if (cell.role in ("tests", "answer")) != ("points" in cell.keys):
            yield _at(cell), "tests and answers, and only they, have points"
        if cell.points < 0:
            yield _at(cell), f"points {cell.points} are negative"


def points_sum_to_100(source: Source, bank: banks.Bank) -> Problems:
    """The points of a notebook sum to 100."""
    if source.points != 100:
        change = f"give {100 - source.points} more to" if source.points < 100 else f"take {source.points - 100} from"
        yield "", f"the points sum to {source.points}, not to 100; {change} some tests and answers"


def header_says_what_it_is(source: Source, bank: banks.Bank | None) -> Problems:
    """The header gives the title, which starts with the notebook's number, and the minutes."""
    for name, kind in (("title", str), ("minutes", int)):
        if not isinstance(source.metadata.get(name), kind):
            yield "", f"the header needs `{name}`, a {kind.__name__}"
    if not str(source.metadata.get("title")).startswith(f"{source.name[0]}. "):
        yield "", f"the title starts with the notebook's number, '{source.name[0]}. '"


def minutes_follow_from_the_work(source: Source, bank: banks.Bank) -> Problems:
    """The minutes of the sections are close to those that `workload` estimates, and the header has their sum."""
    expected = workload.estimate(source)
    try:
        total, parts = workload.stated(source)
    except ValueError as error:
        yield "", str(error)
        return
    far = [part for part in {**expected, **parts} if abs(parts.get(part, 0) - expected.get(part, 0)) > workload.STEP]
    if far or set(parts) != set(expected) or not total == sum(parts.values()) == source.metadata.get("minutes"):
        yield (
            "",
            f"the header's minutes, or those of section {', '.join(far) or '?'}; write: {workload.sentence(expected)}",
        )


def ids_are_unique(source: Source, bank: banks.Bank) -> Problems:
    """Identifiers are unique, in kebab-case, and start with the notebook's number."""
    seen = set()
    for cell in source.cells:
        if cell.grade_id is None:
            continue
        if cell.grade_id in seen:
            yield _at(cell), f"identifier {cell.grade_id!r} stands twice"
        seen.add(cell.grade_id)
        if not re.fullmatch(rf"n{source.name[0]}(-[a-z0-9]+)+", cell.grade_id):
            yield _at(cell), f"identifier {cell.grade_id!r} is not n{source.name[0]}-like-this"


def checks_are_explorations(source: Source, bank: banks.Bank) -> Problems:
    """A cell that checks an answer has the key explore, since set-up cells are run when a submission is graded."""
    for cell in source.cells:
        if cell.kind == "code" and not cell.role and re.search(r"tema9\.check\(", cell.text):
            yield _at(cell), "a check cell without its key; begin it with `# %% explore=true`"


def every_exercise_is_complete(source: Source, bank: banks.Bank) -> Problems:
    """Every solution has BEGIN and END, tests and a check cell; the bank has probes, 3 wrong and 2 right answers."""
    checked = {name for cell in source.cells for name in re.findall(r'tema9\.check\("([^"]+)"\)', cell.text)}
    for cell in source.cells:
        if cell.role == "tests" and cell.keys["tests"] not in source.exercises:
            yield _at(cell), f"tests of {cell.keys['tests']!r}, which has no solution above"
    for exercise in source.graded:
        where, answers = _at(exercise.solution), bank.answers[exercise.name]
        if "### BEGIN SOLUTION" not in exercise.solution.text or "### END SOLUTION" not in exercise.solution.text:
            yield where, f"{exercise.name} has no ### BEGIN SOLUTION ... ### END SOLUTION"
        if not exercise.tests:
            yield where, f"{exercise.name} has no tests"
        if len(exercise.tests) > 1 and any("case" not in test.keys for test in exercise.tests):
            yield where, f"{exercise.name} has several tests; each needs its case"
        if exercise.name not in checked:
            yield where, f'{exercise.name} has no check cell: tema9.check("{exercise.name}")'
        if exercise.name not in bank.probes:
            yield where, f"{exercise.name} has no probes in the bank"
        wrong, right = (sum(answer.right == kind for answer in answers) for kind in (False, True))
        if wrong < MIN_WRONG or right < MIN_RIGHT:
            yield where, f"{exercise.name} has {wrong} wrong and {right} right answers of {MIN_WRONG} and {MIN_RIGHT}"
        names = [answer.name for answer in answers]
        if len(set(names)) != len(names):
            yield where, f"{exercise.name} has two answers of the same name in the bank"
        for answer in answers:
            if set(answer.fails) - set(exercise.cases):
                yield where, f"{answer.name} fails {answer.fails}, but the cases are {exercise.cases}"


def tests_stay_behind_the_border(source: Source, bank: banks.Bank) -> Problems:
    """A test cell uses builtins, its imports and the names of its exercise; functions it only hands to `measuring`."""
    for exercise in source.graded:
        given = set(banks.defined_names(exercise.solution.text))
        written = ast.parse(exercise.solution.text).body
        callables = {node.name for node in written if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for cell in exercise.tests:
            tree = ast.parse(cell.text)
            if strange := free_names(tree) - given:
                yield _at(cell), f"the test uses {', '.join(sorted(strange))}, not its own nor the exercise's"
            allowed = {
                id(node.args[0])
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).startswith("measuring.")
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id in callables and id(node) not in allowed:
                    yield (
                        _at(cell),
                        f"{node.id} is used without its contract: measuring.answer({node.id}, contracts...)",
                    )
            if callables and not re.search(r"measuring\.(require_own|answer)\(", cell.text):
                yield _at(cell), "the test does not ask for the student's own work: measuring.answer or require_own"


def tests_compare_by_contracts(source: Source, bank: banks.Bank) -> Problems:
    """A test compares numbers by `contracts.close`, which neither broadcasts nor takes NaN for a number."""
    for exercise in source.graded:
        for cell in exercise.tests:
            if found := re.search(r"\b(allclose|isclose|array_equal|assert_close|abs)\(|\.(all|equal)\(", cell.text):
                yield _at(cell), f"the test compares by {found[0]}...); use contracts.close"
        try:
            banks.contracts_of(exercise)
        except ValueError as error:
            yield _at(exercise.solution), str(error)


def probes_have_words(source: Source, bank: banks.Bank) -> Problems:
    """Every probe of the bank has a comment above it that says to the student what it tries.

    The student reads it alone: it does not refer to the comment above it, as "Lo mismo, con ..." does.
    """
    for name, probes in bank.probes.items():
        if silent := [probe.code for probe in probes if not probe.words]:
            yield _at(source.exercises[name].solution), f"{name}: no words for the probe {silent[0][:60]}"
        if leaning := [probe.words for probe in probes if re.match(REFERS_BACK, probe.words)]:
            yield _at(source.exercises[name].solution), f"{name}: a student reads these words alone: {leaning[0][:60]}"


def every_exercise_has_hints(source: Source, bank: banks.Bank) -> Problems:
    """Every exercise with tests has two or three hints, in whole sentences, which do not tell the solution.

    A hint repeats no explanation of the bank: the check gives that to whoever made the mistake.
    """
    graded = {exercise.name: exercise for exercise in source.graded}
    for name in bank.hints.keys() - graded.keys():
        yield "", f"there are hints for {name!r}, which is no exercise with tests"
    for name, exercise in graded.items():
        where, texts = _at(exercise.solution), bank.hints.get(name, [])
        if len(texts) not in HINTS:
            yield where, f"{name} has {len(texts)} hints, not {HINTS[0]} or {HINTS[1]}"
        for number, text in enumerate(texts, 1):
            if not re.match(r"[A-ZÁÉÍÓÚÑ¿¡`]", text) or text[-1] not in ".?!":
                yield where, f"{name}: hint {number} is no whole sentence: {text[:60]}"
            if text.count("`") % 2 or text.count("$") % 2:
                yield where, f"{name}: hint {number} has a backtick or a dollar sign that is not closed"
            if line := hints.told(exercise, text):
                yield where, f"{name}: hint {number} tells the solution: {line}"
            for answer in bank.answers[name]:
                if answer.explanation and answer.explanation.rstrip(".").lower() in text.lower():
                    yield where, f"{name}: hint {number} repeats the explanation of {answer.name}"
        if texts and (line := hints.told(exercise, " ".join(texts))):
            yield where, f"{name}: the hints together tell the solution: {line}"


def tests_leave_no_output(source: Source, bank: banks.Bank) -> Problems:
    """A test cell neither ends in a bare expression, which nbgrader reads as points, nor writes to stderr.

    Each of its assertions has a message.
    """
    for cell in source.cells:
        if cell.role != "tests":
            continue
        if isinstance(ast.parse(cell.text).body[-1], ast.Expr):
            yield _at(cell), "the test ends in a bare expression"
        if re.search(r"stderr|warnings\.warn|logging", cell.text):
            yield _at(cell), "the test writes to stderr"
        for node in ast.walk(ast.parse(cell.text)):
            if isinstance(node, ast.Assert) and node.msg is None:
                yield f", line {cell.line + node.lineno}", "an assertion without a message"


def regions_are_closed(source: Source, bank: banks.Bank) -> Problems:
    """Every BEGIN of a region has its END, and each kind of region stands only in the kind of cell that may have it."""
    homes = {"SOLUTION": ("solution",), "HIDDEN TESTS": ("tests",), "MARK SCHEME": ("locked",)}
    for cell in source.cells:
        for region, roles in homes.items():
            marks = re.findall(rf"(BEGIN|END) {region}", cell.text)
            if marks != ["BEGIN", "END"] * (len(marks) // 2):
                yield _at(cell), f"BEGIN and END {region} do not pair"
            if marks and cell.role not in roles:
                yield _at(cell), f"{region} stands in a cell that is no {roles[0]}"


def answers_follow_no_locked_cell(source: Source, bank: banks.Bank) -> Problems:
    """No answer stands right after a locked cell, because nbgrader 0.9 cannot put a deleted answer back there."""
    before = None
    for cell in source.cells:
        if cell.grade_id is None:
            continue
        if cell.role == "answer" and before == "locked":
            yield _at(cell), f"{cell.grade_id} stands right after a locked cell"
        before = cell.role


def code_parses(source: Source, bank: banks.Bank | None) -> Problems:
    """Code cells are plain Python, without magics."""
    for cell in source.cells:
        if cell.kind == "code":
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    ast.parse(cell.text)
            except (SyntaxError, SyntaxWarning) as error:
                yield f", line {cell.line + (getattr(error, 'lineno', None) or 0)}", f"not Python: {error}"


def markdown_renders(source: Source, bank: banks.Bank | None) -> Problems:
    """In Markdown, every formula parses, every code fence and dollar sign is closed, and every image exists."""
    for cell in source.cells:
        if cell.kind != "markdown":
            continue
        if cell.text.count("```") % 2:
            yield _at(cell), "a code fence is not closed"
        text = re.sub(r"```.*?```|`[^`\n]*`", "", cell.text, flags=re.S)
        for image in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", text):
            if not (sources.SOLUTIONS / image).is_file():
                yield _at(cell), f"image {image} is missing"
        formulas = re.findall(r"\$\$(.+?)\$\$", text, flags=re.S)
        rest = re.sub(r"\$\$.+?\$\$", "", text, flags=re.S)
        formulas += re.findall(r"(?<!\\)\$([^$]+?)(?<!\\)\$", rest)
        if len(re.findall(r"(?<!\\)\$", rest)) % 2:
            yield _at(cell), "a dollar sign is not closed (write \\$ for money)"
        for formula in formulas:
            if problem := _formula_problem(formula):
                yield _at(cell), f"formula {formula.strip()!r} does not parse: {problem}"


def _formula_problem(formula):
    """Why matplotlib cannot typeset a formula, or None if it can; what it can typeset, MathJax can too."""
    from matplotlib.mathtext import MathTextParser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a glyph that matplotlib lacks is there in the browser
            MathTextParser("path").parse(f"${' '.join(formula.split())}$")
    except ValueError as error:
        return str(error).strip().splitlines()[-1]
    return None


RULES = (
    header_says_what_it_is,
    keys_are_known,
    points_sum_to_100,
    minutes_follow_from_the_work,
    ids_are_unique,
    checks_are_explorations,
    regions_are_closed,
    every_exercise_is_complete,
    tests_stay_behind_the_border,
    tests_compare_by_contracts,
    probes_have_words,
    every_exercise_has_hints,
    tests_leave_no_output,
    answers_follow_no_locked_cell,
    markdown_renders,
)


# The rules for the start page, which has no exercises and no bank.
RULES_OF_PAGES = (header_says_what_it_is, keys_are_known, markdown_renders)


def lint_page(source: Source) -> list[str]:
    """Return the problems of the start page's source, as `lint` does."""
    problems = [f"{source.path.name}{where}: {what}" for rule in RULES_OF_PAGES for where, what in rule(source, None)]
    if graded := [cell for cell in source.cells if cell.role in ROLES]:
        problems.append(f"{source.path.name}{_at(graded[0])}: the start page has no {graded[0].role} cells")
    return problems + [f"{source.path.name}{where}: {what}" for where, what in code_parses(source, None)]


def lint_all(folder: Path = sources.SOLUTIONS) -> list[str]:
    """Return the problems of all sources, of the start page and of the notebooks, as `lint` does."""
    problems = lint_page(sources.start_page(folder))
    seen: dict[str, str] = {}  # {identifier: the notebook in which it stands}
    for source in sources.all_sources(folder):
        try:
            problems += lint(source, banks.load(source, folder / "mistakes"))
        except ValueError as error:  # there is no bank, or it cannot be read; the other notebooks are looked at too
            problems.append(str(error))
        for cell in source.cells:
            if cell.grade_id and seen.setdefault(cell.grade_id, source.name) != source.name:
                problems.append(f"{source.path.name}: {cell.grade_id!r} also stands in {seen[cell.grade_id]}")
    return problems
