"""The commands for the author of the notebooks: `notebooks`, `mistakes`, `bundle`, `time` and `test`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from tema9.cli.terminal import COURSE, ROOT, STUDENTS_ZIP, console, short, tracker


def notebooks() -> None:
    """Check the sources and build the notebooks that students open."""
    from tema9.classroom.authoring import build

    made = build.build(track=tracker("reading the bank"))
    count = sum(path.suffix == ".ipynb" for path in made)
    console.print(f"{count} notebooks, and what is built beside them, are up to date in {short(made[-1].parent)}/")


def build_first(dry_run: bool = False) -> None:
    """Check the sources and build the notebooks, if the sources have changed since they were built.

    Raises:
        LintError: a source breaks a rule.
    """
    from tema9.classroom.authoring import build

    if not build.is_built():
        console.print("the sources have changed since the notebooks were built: they are built first")
        if not dry_run:
            build.build(track=tracker("reading the bank"))


def mistakes(
    notebook: Annotated[str | None, typer.Argument(help="A notebook, as 1_lenet5; all by default.")] = None,
    exercise: Annotated[str | None, typer.Option(help="One exercise, as n1-conv-output-size.")] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Try small changes and other types of the right answers too.")
    ] = False,
) -> None:
    """Run the bank of mistakes against the tests: the kill matrix. Exit code 1 if any answer fares otherwise.

    With --mutants, also small changes to the solutions, which must lose points, and the right answers in other types,
    which must keep them; and the check, the visible tests and the grade must agree on every answer.
    """
    from tema9.classroom import sources
    from tema9.classroom.authoring import bank

    if mutants:
        _mutants(sources.named(notebook), exercise)
        return

    outcomes = list(bank.outcomes(sources.named(notebook), exercise, tracker("running the bank")))
    table = Table(box=box.SIMPLE_HEAD, title="Answers of the bank against the tests")
    for column in ("exercise", "answer", "expected to lose", "lost", ""):
        table.add_column(column)
    for outcome in outcomes:
        answer = outcome.answer
        lost = ", ".join(case for case, verdict in outcome.verdicts.items() if not verdict)
        mark = Text("✓", "green") if outcome.as_expected else Text("✗", "red")
        table.add_row(answer.exercise, answer.name, ", ".join(answer.fails), lost, mark)
    console.print(table)
    wrong = [outcome for outcome in outcomes if not outcome.answer.right]
    right = [outcome for outcome in outcomes if outcome.answer.right]
    killed, accepted = (sum(outcome.as_expected for outcome in group) for group in (wrong, right))
    console.print(f"{killed} of {len(wrong)} wrong answers killed, {accepted} of {len(right)} right answers accepted")
    if killed + accepted < len(outcomes):
        raise typer.Exit(1)


def _mutants(chosen, exercise):
    from tema9.classroom.authoring import gate

    table = Table(box=box.SIMPLE_HEAD, title="The check, the visible tests and the grade")
    for column in ("exercise", "mutants", "equivalent", "killed", "retypings", "as they should be"):
        table.add_column(column, justify="left" if column == "exercise" else "right")
    problems = 0
    for row in gate.rows(chosen, exercise, tracker("trying mutants")):
        for problem in row.problems:
            console.print(f"{row.exercise}: {problem}", markup=False, highlight=False, soft_wrap=True)
        mark = Text("✗", "red") if row.problems else Text("✓", "green")
        table.add_row(row.exercise, *map(str, (row.mutants, row.equivalent, row.killed, row.retypings)), mark)
        problems += len(row.problems)
    console.print(table)
    if problems:
        raise typer.Exit(1)


def bundle(
    out: Annotated[Path, typer.Option(help="The zip to write.")] = COURSE / STUDENTS_ZIP,
    tell_hints: Annotated[
        bool, typer.Option("--tell-hints", help="Submissions tell how many hints they took; students are told so.")
    ] = False,
) -> None:
    """Write the zip that students receive: the notebooks, their side of the package, and how to install it.

    If the sources have changed since the notebooks were built, they are checked and built first.
    """
    from tema9.classroom.authoring import bundle

    build_first()
    names = bundle.bundle(out, tell_hints=tell_hints)
    console.print(f"{len(names)} files, {out.stat().st_size / 2**20:.1f} MiB -> {short(out)}", highlight=False)


def time(
    notebook: Annotated[str | None, typer.Argument(help="A notebook, as 1_lenet5; all by default.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the times for the start page and the README.")] = False,
) -> None:
    """Run every solved notebook and print its seconds, peak memory and slowest cells against the budget.

    Exit code 1 if a notebook, or all of them, take longer than they may.
    """
    from tema9.classroom import sources
    from tema9.classroom.authoring import timing

    timed = [timing.measure(source) for source in tracker("running")(sources.named(notebook))]
    table = Table(box=box.SIMPLE_HEAD, title=f"Budget: {timing.SECONDS_EACH} s each, {timing.SECONDS_ALL} s all")
    for column in ("notebook", "seconds", "memory (MiB)", "slowest cells (s)"):
        table.add_column(column, justify="left" if column in ("notebook", "slowest cells (s)") else "right")
    for one in timed:
        seconds = Text(f"{one.seconds:.0f}", "red" if one.late else "")
        slowest = "\n".join(f"{spent:4.1f}  {title}" for spent, title in one.cells)
        table.add_row(one.notebook, seconds, f"{one.memory / 2**20:,.0f}", slowest, end_section=True)
    console.print(table, highlight=False)
    total = sum(one.seconds for one in timed)
    console.print(f"{total:.0f} s for {len(timed)} notebooks", highlight=False)
    if save and notebook is None:
        timing.save(timed)
    if total > timing.SECONDS_ALL or any(one.late for one in timed):
        raise typer.Exit(1)


def test(arguments: Annotated[list[str] | None, typer.Argument(help="For pytest, after --.")] = None) -> None:
    """Run the tests."""
    raise typer.Exit(subprocess.call([sys.executable, "-m", "pytest", *(arguments or [])], cwd=ROOT))
