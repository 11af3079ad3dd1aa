"""The command `course`: notebooks, slides, a trained network and a graded sample class, one after the other."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from tema9.cli import classroom, networks, screens
from tema9.cli.terminal import DECK, REHEARSAL, SAMPLE_RUN, Between, console, short, tracker

if TYPE_CHECKING:
    from tema9.classroom.grading.scores import Row


def course(
    students: Annotated[int, Between(2, 10_000), typer.Option(help="Students of the sample class.")] = 12,
) -> None:
    """Build the notebooks and the slides, train LeNet-5 on real digits, grade a sample class, and say what to open."""
    from tema9 import recipes
    from tema9.classroom import sources
    from tema9.classroom.authoring import build
    from tema9.data import digits

    started = time.perf_counter()
    table = Table(title="What was made", box=box.SIMPLE_HEAD)
    for column in ("what", "result", "open"):
        table.add_column(column, overflow="fold")
    console.rule("notebooks")
    build.build(track=tracker("reading the bank"))
    for source in sources.all_sources():
        graded = len(source.exercises)
        table.add_row(source.title, f"{graded} exercises, {source.points} points", f"notebooks/{source.name}.ipynb")
        console.print(f"{source.title}: {graded} exercises")
    console.rule("slides")
    table.add_row("The lecture's slides", *slides_or_why_not(DECK))
    console.rule("training")
    trained = networks.train_and_print("lenet5", digits(), recipes.LENET5_DISTORTED, SAMPLE_RUN, overwrite=True)
    error = f"test error {trained.score.top1:.1f} %"
    table.add_row("LeNet-5 on real digits", error, short(SAMPLE_RUN / "lenet5.png"))
    console.rule("a sample class")
    unexpected = add_sample_class(table, students)
    console.rule()
    console.print(table)
    console.print(f"done in {time.perf_counter() - started:.0f} s; `make lab` (or `tema9 lab`) opens JupyterLab")
    if unexpected:
        raise typer.Exit(1)


def slides_or_why_not(out: Path) -> tuple[str, str]:
    """Build the slides; return what to say of them and what to open. Without their packages the course goes on."""
    from tema9.classroom.lecture import slides

    try:
        screens.build_slides(out)
    except slides.NoPackages as error:
        console.print(str(error), style="yellow", highlight=False)
        return "not built: npm could not fetch what they need", "tema9 slides, with a network"
    return "one page, no network", short(out)


def add_sample_class(table: Table, students: int) -> list["Row"]:
    """Make the sample class and say so in the table, or why there can be none; return the unexpected scores."""
    from tema9.classroom.sandbox.sandbox import NoSandbox

    try:
        sample = classroom.sample_class(REHEARSAL, students)
    except NoSandbox as error:
        console.print(str(error), style="yellow", highlight=False)
        table.add_row("Sample class", f"not graded: {error}", "")
        return []
    right = f"{len(sample.rows) - len(sample.unexpected)} of {len(sample.rows)} scores as expected"
    table.add_row("Sample class", right, short(sample.scores))
    table.add_row("Report of the class", "one page, no network", short(sample.report))
    table.add_row("Feedback of a student", "without hidden tests", short(sample.feedback[-1]))
    return sample.unexpected
