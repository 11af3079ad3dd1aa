"""The command `tema9`: parses, calls, prints. What it does is in the modules it calls."""

import functools
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from tema9 import arithmetic

ROOT = Path(__file__).parents[1]
COURSE = Path("course")
# torch then asks Linux for large pages, before it is imported: `benchmarks/pipeline.py` measures the gain.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

app = typer.Typer(
    help="Tema 9: AlexNet y ZFNet. Notebooks, models and grading of the course.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
WIDE = 120  # columns; narrower terminals get fewer of the numbers
data_app = typer.Typer(help="Images on disk.", no_args_is_help=True)
app.add_typer(data_app, name="data")
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140)
STUDENTS_ZIP = "tema9-estudiantes.zip"
DECK = "tema9.html"
CourseOption = Annotated[Path, typer.Option(help="The course folder.")]
CourseArgument = Annotated[Path, typer.Argument(help="The course folder; submissions are in its submitted/.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


def one_line_errors(command):
    """Turn the errors that a user can cause into one line and exit code 2; Ctrl-C into 130."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):  # RuntimeErrors, but no errors
            raise
        except (ValueError, OSError, RuntimeError) as error:
            print(f"tema9: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("tema9: interrupted", file=sys.stderr)
            raise typer.Exit(130) from None

    return wrapper


@app.command()
@one_line_errors
def layers(
    name: Annotated[str, typer.Argument(help="An architecture; an unknown name lists them.")],
    compare: Annotated[str | None, typer.Option(help="Another architecture, side by side.")] = None,
    input: Annotated[int | None, typer.Option(help="Side of the image in pixels, instead of its own.")] = None,
    two_gpus: Annotated[bool, typer.Option("--two-gpus", help="Over two devices: what crosses, with arrows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
):
    """Print the table of layers of an architecture as the deck does, with totals."""
    tables = [arithmetic.layer_table(one, input) for one in (name, compare) if one]
    if as_json:
        data = [table.to_dict() for table in tables]
        print(json.dumps(data if compare else data[0], indent=1))
    elif compare:
        _print_comparison(*tables)
    elif two_gpus:
        _print_two_gpus(tables[0])
    else:
        _print_layers(tables[0])


def _print_layers(layer_table):
    wide = console.width >= WIDE
    quantities = ("weights", "biases", "multiply_adds", "activations") if wide else ("parameters", "multiply_adds")
    table = Table(title=layer_table.architecture.title, caption=layer_table.architecture.source, box=box.SIMPLE_HEAD)
    table.add_column("output", no_wrap=True)
    table.add_column("layer")
    for quantity in (*quantities, *(("field", "stride") if wide else ())):
        table.add_column(_words(quantity), justify="right", no_wrap=True)
    channels, height, width = layer_table.input_shape
    table.add_row(escape(f"[{height}x{width}x{channels}]"), "INPUT")
    for row in layer_table:
        counts = [getattr(row, quantity) for quantity in quantities]
        counts += [row.receptive_field, row.effective_stride] if wide else []
        cells = ("" if count is None else f"{count:,}" for count in counts)
        table.add_row(escape(row.volume), f"[bold]{row.name}[/bold]: {row.description}", *cells)
    table.add_section()
    table.add_row("", "total", *(f"{layer_table.total(quantity):,}" for quantity in quantities))
    console.print(table)
    memory = layer_table.memory(1)
    kept = (memory.parameters + memory.gradients + memory.momentum) / arithmetic.MIB
    console.print(
        f"{layer_table.total('parameters'):,} parameters. Training keeps {kept:,.1f} MiB (parameters, gradients,"
        f" momentum) and {(memory.input + memory.activations) / arithmetic.MIB:,.2f} MiB per image, in float32.",
        highlight=False,
    )


def _print_two_gpus(layer_table):
    """Print which half of each layer lies on each device, and what crosses before it."""
    crossing = arithmetic.crossing_values(layer_table)
    table = Table(title=f"{layer_table.architecture.title}, over two GPUs", box=box.SIMPLE_HEAD)
    for column, side in (("GPU 1", "right"), ("", "center"), ("GPU 2", "left"), ("values each way", "right")):
        table.add_column(column, justify=side, no_wrap=True)
    table.add_column("reads")
    table.add_row(escape(f"[{_side(layer_table.input_shape)}]"), "", escape(f"[{_side(layer_table.input_shape)}]"), "")
    for row in layer_table:
        channels, *sides = row.out_shape
        half = escape(f"[{'x'.join(map(str, (*sides, channels // 2)))}] {row.name}")
        first = row.in_shape == layer_table.input_shape
        reads = "the whole image" if first else "both halves" if row.name in crossing else "its own half"
        count = f"{crossing[row.name]:,}" if row.name in crossing else ""
        table.add_row(half, "<=>" if count else "", half, count, reads)
    console.print(table)
    total, size, memory = sum(crossing.values()), arithmetic.BYTES_PER_VALUE, layer_table.memory(128)
    each = (memory.total + memory.input) / 2 / arithmetic.MIB  # the images go whole to both
    console.print(
        f"{total:,} values cross each way per image, {total * size:,} bytes in float32, and as many gradients back."
        f" Each GPU keeps {each:,.0f} MiB for 128 images, by the arithmetic: the images, half of the"
        " parameters, gradients, momentum and activations; without workspaces, the gradients of the activations and"
        " what it receives from the other.",
        highlight=False,
    )


def _print_comparison(left, right):
    quantities = ("parameters", "multiply_adds") if console.width >= WIDE else ("parameters",)
    sides = [side.architecture.name for side in (left, right)]
    table = Table(title=f"{sides[0]} | {sides[1]}", box=box.SIMPLE_HEAD, caption="in bold, what differs")
    table.add_column("layer", no_wrap=True)
    for name in ("output", *quantities):
        for _ in sides:
            table.add_column(_words(name), justify="left" if name == "output" else "right", no_wrap=True)
    table.add_column("differs in")
    for a, b, different in arithmetic.compare(left, right):
        cells = [escape(row.volume) if row else "" for row in (a, b)]
        cells += [f"{getattr(row, quantity):,}" if row else "" for quantity in quantities for row in (a, b)]
        named = [field for field in ("kernel_size", "stride", "padding", "groups") if a and b and field in different]
        values = [(field, getattr(a, field), getattr(b, field)) for field in named]
        changes = [f"{field} {here} | {there}" for field, here, there in values if None not in (here, there)]
        changes += [f"input {_side(a.in_shape)} | {_side(b.in_shape)}"] if a and b and "in_shape" in different else []
        changes += [f"only in {sides[b is not None]}"] if not (a and b) else []
        table.add_row((a or b).name, *cells, ", ".join(changes), style="bold" if different else "dim")
    table.add_section()
    totals = (f"{side.total(quantity):,}" for quantity in quantities for side in (left, right))
    table.add_row("total", "", "", *totals, "")
    console.print(table)


def _side(shape):
    return "x".join(str(number) for number in (*shape[1:], shape[0]))


def _words(quantity):
    return quantity.replace("_adds", "-adds").replace("_", " ")


@app.command()
@one_line_errors
def notebooks():
    """Check the sources and build the notebooks that students open."""
    from tema9.classroom.authoring.build import build

    made = build(track=_tracker("reading the bank"))
    notebooks = [path for path in made if path.suffix == ".ipynb"]
    console.print(
        f"{len(notebooks)} notebooks, and what is built beside them, are up to date in {_short(made[-1].parent)}/"
    )


@app.command()
@one_line_errors
def mistakes(
    notebook: Annotated[str | None, typer.Argument(help="A notebook, as 1_lenet5; all by default.")] = None,
    exercise: Annotated[str | None, typer.Option(help="One exercise, as n1-conv-output-size.")] = None,
):
    """Run the bank of mistakes against the tests: the kill matrix. Exit code 1 if any answer fares otherwise."""
    from tema9.classroom.authoring import bank

    chosen = _chosen(notebook)
    if exercise and not any(exercise in source.exercises for source in chosen):
        raise ValueError(f"unknown exercise {exercise!r}; see `tema9 mistakes` for those there are")
    table = Table(box=box.SIMPLE_HEAD, title="Answers of the bank against the tests")
    for column in ("exercise", "answer", "expected to lose", "lost", ""):
        table.add_column(column)
    outcomes = []
    loaded = [(source, bank.load(source)) for source in chosen]
    jobs = [
        (source, entries, one) for source, entries in loaded for one in source.graded if exercise in (None, one.name)
    ]
    for job in _tracker("running the bank")(jobs):
        for outcome in bank.kill_matrix(*job):
            outcomes.append(outcome)
            answer = outcome.answer
            lost = ", ".join(case for case, verdict in outcome.verdicts.items() if not verdict)
            mark = "[green]✓[/green]" if outcome.as_expected else "[red]✗[/red]"
            table.add_row(answer.exercise, answer.name, ", ".join(answer.fails), lost, mark)
    console.print(table)
    wrong = [outcome for outcome in outcomes if not outcome.answer.right]
    right = [outcome for outcome in outcomes if outcome.answer.right]
    killed, accepted = (sum(outcome.as_expected for outcome in group) for group in (wrong, right))
    console.print(f"{killed} of {len(wrong)} wrong answers killed, {accepted} of {len(right)} right answers accepted")
    if killed + accepted < len(outcomes):
        raise typer.Exit(1)


@app.command(name="figures")
@one_line_errors
def figures_(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all by default. An unknown name lists them.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for them.")] = COURSE / "figures",
):
    """Write the figures of the deck as SVG, PDF and PNG, and list them."""
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    from tema9 import files, gallery

    chosen = names or list(gallery.GALLERY)
    gallery.require_known(chosen)  # before any is drawn
    # Without a date, and with fixed ids, a figure that did not change is the same file.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    table = Table("figure", "inches", "SVG (KiB)", "PDF (KiB)", "PNG (KiB)", box=box.SIMPLE_HEAD)
    for name in track(chosen, "drawing", console=Console(stderr=True), transient=True):
        figure = gallery.draw(name)
        sizes = []
        for kind, dated in metadata.items():
            with files.atomic_write(out / f"{name}.{kind}") as path:
                with pyplot.rc_context({"svg.hashsalt": "tema9"}):
                    figure.savefig(path, format=kind, dpi=150, metadata=dated)
                sizes.append(f"{path.stat().st_size / 1024:,.0f}")
        width, height = figure.get_size_inches()
        pyplot.close(figure)
        table.add_row(name, f"{width:.1f} x {height:.1f}", *sizes)
    console.print(table)
    console.print(f"{len(chosen)} figures -> {out}/", highlight=False)


@app.command()
@one_line_errors
def slides(
    out: Annotated[Path, typer.Option(help="The page to write; the PDFs go beside it.")] = COURSE / DECK,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it too, and once more with the notes.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Serve it here and follow its source, until Ctrl-C.")] = False,
):
    """Build the lecture's slides as one page of HTML that needs no network."""
    from tema9.classroom.lecture import browser
    from tema9.classroom.lecture import slides as deck

    if pdf and live:
        raise ValueError("--pdf and --live do not go together: --live prints nothing")
    if out.suffix != ".html":
        raise ValueError(f"{out} is not a page of HTML; give a name that ends in .html")
    if pdf:
        browser.require()  # before the long part
    _build_deck(out)
    if live:
        deck.live(out, said=lambda text: console.print(text, highlight=False, soft_wrap=True))
    if pdf:
        with browser.launched() as chromium:
            for path, notes in ((out.with_suffix(".pdf"), False), (out.with_name(f"{out.stem}-notas.pdf"), True)):
                pages = deck.pdf(chromium, out, path, notes=notes)
                console.print(
                    f"{pages} pages, {path.stat().st_size / 2**20:.1f} MiB -> {_short(path)}", highlight=False
                )


def _build_deck(out):
    from tema9.classroom.lecture import slides as deck

    if missing := deck.missing():
        console.print(f"npm fetches {', '.join(missing)} (once)", highlight=False)
    path = deck.build(out, track=_tracker("slides"))
    console.print(f"the slides, {path.stat().st_size / 2**20:.1f} MiB -> {_short(path)}", highlight=False)


@app.command()
@one_line_errors
def train(
    name: Annotated[str, typer.Argument(help="An architecture.")] = "lenet5",
    data: Annotated[
        str,
        typer.Option(
            help="digits, textures, shapes, shortcut, mnist, cifar10, ...; or a folder, of images or prepared."
        ),
    ] = "digits",
    epochs: Annotated[int | None, typer.Option(help="Passes over the data; the recipe's by default.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images of a step, over all the processes.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the first epoch.")] = None,
    seed: Annotated[int, typer.Option(help="Of the weights, the order, the views and dropout.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the weights, the history and the plot.")] = COURSE / "training",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that stopped in that folder.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Run the model through torch.compile.")] = False,
    ten_crops: Annotated[bool, typer.Option("--ten-crops", help="Report the test error of ten crops too.")] = False,
    root: Annotated[Path, typer.Option(help="Where torchvision's sets are.")] = Path("datasets"),
    download: Annotated[bool, typer.Option("--download", help="Fetch torchvision's set if it is not there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")] = False,
):
    """Train a model and write its weights, history and plot.

    On several GPUs: torchrun --nproc-per-node N -m tema9 train NAME ...
    """
    from tema9 import machine, recipes

    changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    changed = {field: value for field, value in changes.items() if value is not None}
    recipe = replace(recipes.BY_ARCHITECTURE.get(name, recipes.DECK), **changed)
    side = arithmetic.layer_table(name).input_shape[1]
    chosen = machine.choose(device, precision, compile=compiled)
    with machine.joined(chosen.device):
        from tema9 import data as datasets

        images = datasets.load(data, side, root, download)
        if dry_run:
            _print_plan(name, images, recipe, chosen)
        else:
            _train(name, images, recipe, out, resume, chosen, ten_crops)


def _fitted(name, images, recipe, chosen):
    """Return (model, data, recipe), fitted to each other."""
    import torch

    from tema9 import models, plan

    images, recipe = plan.fit(images, name, recipe)
    torch.manual_seed(recipe.seed)
    return chosen.place(models.build(name, num_classes=len(images.classes))), images, recipe


def _print_plan(name, images, recipe, chosen):
    """Print what a run will be; nothing is trained."""
    from tema9 import machine, plan

    model, images, recipe = _fitted(name, images, recipe, chosen)
    made = plan.plan(model, images, recipe, chosen)
    if machine.rank():
        return
    table = Table(title=f"{name} on {images.name}, on {chosen}", box=box.SIMPLE_HEAD, show_header=False)
    mib, memory = arithmetic.MIB, made.memory
    each = f" on each of {machine.processes()} processes" if machine.processes() > 1 else ""
    weights = (memory.parameters + memory.gradients + memory.momentum) / mib
    rows = {
        "images": f"{_side(made.images_shape)}, {made.bytes_per_image:,} bytes each; "
        + ", ".join(f"{count:,} {part}" for part, count in made.images.items()),
        "input": f"{_side(made.input_shape)}; {made.classes} classes",
        "recipe": ", ".join(f"{field} {value}" for field, value in asdict(recipe).items()),
        "steps": f"{made.steps:,} of {made.batch_size} images an epoch, {made.epochs * made.steps:,} in all",
        "memory": f"{memory.total / mib:,.0f} MiB{each} in float32, by the arithmetic: {weights:,.0f} of weights,"
        f" gradients and momentum, {(memory.input + memory.activations) / mib:,.0f} of activations,"
        f" without workspaces; there are {chosen.memory() / mib:,.0f}",
        "speed": f"{made.seconds_per_step:.3g} s a step, {made.images_per_second:,.0f} images/s (measured on a few)",
        "reads": f"{made.bytes_per_image * made.images_per_second / 1e6:,.1f} MB/s",
        "time": f"{made.hours:,.2g} hours, without validation",
    }
    for what, value in rows.items():
        table.add_row(what, escape(value))
    console.print(table)


def _train(name, images, recipe, out, resume=False, chosen=None, ten_crops=False):
    """Train, write, print the errors; return the test error in %. An interrupted run is written too."""
    import importlib.util

    import matplotlib

    matplotlib.use("Agg")
    from tema9 import checkpoint, figures, machine, training

    chosen = chosen or machine.choose()
    model, images, recipe = _fitted(name, images, recipe, chosen)
    run = out / name
    if not resume and not machine.rank():
        for file in (training.LAST, training.BEST, training.HISTORY):
            (run / file).unlink(missing_ok=True)
    machine.wait()
    following = training.epochs(model, images, recipe, folder=run, machine=chosen, words=training.ENGLISH)
    if importlib.util.find_spec("tensorboard") and not machine.rank():
        following = training.tensorboard(following, run / "tensorboard")
    for history in following:  # noqa: B007
        pass
    if not history.epochs:
        raise KeyboardInterrupt
    bar = {"progress": True, "words": training.ENGLISH}
    scores = [("one crop" if ten_crops else "", training.evaluate(model, images.test, chosen, **bar))]
    if ten_crops:
        scores.append(("ten crops", training.evaluate(model, images.test, chosen, ten_crops=True, **bar)))
    if not machine.rank():
        checkpoint.save(model, out / f"{name}.safetensors")
        history.to_csv(out / f"{name}.csv")
        ax = figures.learning(history)
        ax.figure.savefig(out / f"{name}.png", dpi=120, bbox_inches="tight")
        for how, score in scores:
            top5 = f" (top-5 {score.top5:.1f} %)" if len(images.classes) > 10 else ""
            console.print(
                f"{name} on {len(images.train):,} {images.name}: test error {score.top1:.1f} %{top5} of"
                f" {len(images.test):,} images{', ' * bool(how)}{how}, weights of epoch {history.best} of"
                f" {len(history.epochs)}, in {sum(history.column('seconds')):.1f} s -> {_short(out)}/"
            )
    if history.interrupted:
        raise KeyboardInterrupt
    return scores[0][1].top1


@data_app.command("prepare")
@one_line_errors
def prepare(
    folder: Annotated[Path, typer.Argument(help="A folder of images, one sub-folder per class.")],
    out: Annotated[Path, typer.Argument(help="Where to write the array and its index.")],
    workers: Annotated[int | None, typer.Option(help="Processes; one per core by default.")] = None,
):
    """Decode a folder of images once, to 256x256 bytes that training reads without decoding.

    An interrupted run goes on where it was; images that cannot be read are reported and left out.
    """
    from tema9.prepared import prepare as prepare_folder

    made = prepare_folder(folder, out, workers, progress=True)
    console.print(f"{len(made.labels):,} images of {len(made.classes)} classes -> {_short(out)}/", highlight=False)


@app.command()
@one_line_errors
def release(
    course: CourseArgument = COURSE,
    database: Annotated[
        str | None, typer.Option(help="SQLAlchemy's URL of the gradebook; SQLite in the folder by default.")
    ] = None,
    dry_run: DryRun = False,
):
    """Make the course folder: what nbgrader releases, the gradebook, and the zip for the students."""
    from tema9.classroom import sources
    from tema9.classroom.authoring import bundle as bundling
    from tema9.classroom.course import Course

    found = sources.all_sources()
    out = course / STUDENTS_ZIP
    if not dry_run:
        opened = Course(course)
        if database and opened.use_database(database):
            console.print("the gradebook so far, marks by hand and comments in it, was copied to the new one")
        opened.prepare()
        bundling.bundle(out)
    verb = "would release" if dry_run else "released"
    for source in found:
        console.print(f"{verb} {source.name}: {len(source.exercises)} exercises, {source.points} points")
    console.print(f"{'would write' if dry_run else 'for the students:'} {_short(out)}")


@app.command()
@one_line_errors
def collect(
    place: Annotated[Path, typer.Argument(help="A folder of submissions, or a zip of Moodle or Canvas.")],
    course: CourseOption = COURSE,
    roster: Annotated[
        Path | None, typer.Option(help="CSV of who is enrolled: id or email, and names; Moodle's list will do.")
    ] = None,
    file_mib: Annotated[float, typer.Option(help="Limit of a file, in MiB.")] = 20,
    total_gib: Annotated[float, typer.Option(help="Limit of all the files together, in GiB.")] = 4,
    files: Annotated[int, typer.Option(help="Limit of how many files there are.")] = 50_000,
    dry_run: DryRun = False,
):
    """Take in what students handed in, and who is enrolled; nothing that was there is lost.

    Exit code 1 if something was left out.
    """
    from tema9.classroom.course import Course
    from tema9.classroom.grading import intake, people
    from tema9.classroom.grading.record import Record

    enrolled = people.read(roster) if roster else []
    limits = intake.Limits(int(file_mib * 2**20), int(total_gib * 2**30), files)
    taken, left_out = intake.collect(course, place, limits, people.names_of(enrolled), dry_run)
    if enrolled and not dry_run:
        root = Course(course)
        root.prepare()
        with Record(root) as record:
            record.enroll(enrolled)
    for line in left_out:
        console.print(f"left out: {line}", style="yellow", highlight=False)
    students = {student for student, _ in taken}
    strangers = sorted(students - {person["id"] for person in enrolled}) if enrolled else []
    for student in strangers:
        console.print(f"not in the list of enrolled students: {student}", style="yellow", highlight=False)
    verb = "would take in" if dry_run else "took in"
    console.print(f"{verb} {len(taken)} notebooks of {len(students)} students -> {_short(course / 'submitted')}/")
    if left_out or strangers:
        raise typer.Exit(1)


@app.command()
@one_line_errors
def rehearse(
    students: Annotated[int, typer.Option(help="How many students.")] = 12,
    hostile: Annotated[int, typer.Option(help="How many more who attack, each in another way.")] = 0,
    course: CourseOption = COURSE / "rehearsal",
    seed: Annotated[int, typer.Option(help="Of the draw of answers.")] = 0,
    dry_run: DryRun = False,
):
    """Fill a course folder with submissions made from the bank, with known scores."""
    from tema9.classroom.grading.scores import EXPECTED
    from tema9.classroom.rehearsal import rehearse as rehearsals

    if dry_run:
        console.print(f"would fill {_short(course)} with {students} students and {hostile} hostile ones")
        return
    root = rehearsals.rehearse(course, students, seed, hostile)
    console.print(f"{students + hostile} students handed in; the scores they deserve: {_short(root / EXPECTED)}")


@app.command()
@one_line_errors
def grade(
    course: CourseArgument = COURSE,
    workers: Annotated[int | None, typer.Option("-j", "--workers", help="Processes; one per core by default.")] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, to grade on its workers.")] = None,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run students' code with your rights where there is no sandbox.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Limit of a cell, and of its tests.")] = 20,
    memory: Annotated[float, typer.Option(help="Limit of a submission, in GiB.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Everything, not only what has changed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Record changed scores without asking.")] = False,
    dry_run: DryRun = False,
):
    """Grade what is new or has changed, in a sandbox: one row per student and notebook.

    Scores that were recorded before and would change are shown first, and recorded if you say so.
    Exit code 1 if anything needs attention: a submission that cannot be read or was killed, a change
    that was not recorded, a rehearsed score that is not the expected one.
    """
    from tema9.classroom.grading import workers as processes

    processes.start(workers, dask)  # they import torch while this process imports the rest
    from tema9.classroom.grading import grade as grading
    from tema9.classroom.sandbox.sandbox import Limits

    done = grading.grade(
        course,
        track=lambda results, total: track(results, "grading", total=total, console=console),
        workers=workers,
        dask=dask,
        limits=Limits(seconds=seconds, memory=int(memory * 2**30)),
        unsandboxed=no_sandbox,
        again=again,
        approve=lambda changes: _approve(changes, yes),
        dry_run=dry_run,
    )
    if dry_run:
        _print_changes(done.changes)
    unexpected = _print_scores(course, done.rows)
    console.print(f"{done.ran} graded now, {done.kept} unchanged")
    bad = [row for row in done.rows if row.needs_attention]
    for row in bad:
        console.print(f"look at {row.student}, {row.notebook}: {row.outcomes or row.status}", style="yellow")
    if unexpected or bad or (done.changes and not done.recorded):
        raise typer.Exit(1)


def _approve(changes, yes):
    """Show the changes of recorded scores, and ask."""
    _print_changes(changes)
    if yes:
        return True
    if not sys.stdin.isatty():
        console.print("nothing of this was recorded; to record it: tema9 grade --yes")
        return False
    return typer.confirm("Record these changes?")


def _print_changes(changes):
    """Say which recorded scores change and why: the sum, then a line each."""
    from collections import Counter

    if not changes:
        return
    down = sum(change.after < change.before for change in changes)
    reasons = Counter(reason for change in changes for reason in change.why).most_common(3)
    because = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    students = len({change.student for change in changes})
    console.print(f"{students} students change, {down} go down, because of {because}", highlight=False)
    for change in changes:
        why = "; ".join(change.why)
        console.print(
            f"  {change.student} {change.notebook}: {change.before:g} -> {change.after:g} ({why})", highlight=False
        )


@app.command()
@one_line_errors
def feedback(course: CourseArgument = COURSE, dry_run: DryRun = False):
    """Write what each student reads: verdicts and recognised mistakes in Spanish, nothing hidden."""
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import feedback as pages

    cohort = open_cohort(course)
    students = sorted({row.student for row in scores.scores(cohort)})
    if dry_run:
        console.print(f"would write the feedback of {len(students)} students to {_short(course / 'feedback')}/")
        return
    paths = pages.write_all(cohort, students, track=_tracker("feedback"))
    console.print(f"{len(paths)} pages -> {_short(course / 'feedback')}/STUDENT/NOTEBOOK/NOTEBOOK.html")


@app.command()
@one_line_errors
def report(course: CourseArgument = COURSE, dry_run: DryRun = False):
    """Write the report of the class: one page with plots, that needs no network.

    Exit code 1 if something in it needs attention.
    """
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import report as reporting

    cohort = open_cohort(course)
    rows, path = scores.scores(cohort), course / "report.html"
    if not dry_run:
        reporting.write(cohort, rows, path)
    console.print(f"{'would write' if dry_run else 'the class:'} {_short(path)}")
    if any(row.needs_attention for row in rows):
        raise typer.Exit(1)


@app.command()
@one_line_errors
def export(
    course: CourseArgument = COURSE,
    form: Annotated[str, typer.Option("--format", help="csv, moodle or canvas.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="The file; course/scores-FORMAT.csv by default.")] = None,
    dry_run: DryRun = False,
):
    """Write the scores as CSV for Moodle, Canvas or a spreadsheet: one row per enrolled student, with a status.

    Exit code 1 if a score is not final: not graded, or waiting for a mark by hand.
    """
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.grading.record import Record
    from tema9.classroom.publishing import export as exporting

    cohort = open_cohort(course)
    rows = scores.scores(cohort)
    with Record(cohort.course, read_only=True) as record:
        people = {one.id: one.to_dict() for one in record.students()}
    lines = list(exporting.table(form, rows, cohort.sources, people))
    out = out or course / f"scores-{form}.csv"
    if not dry_run:
        exporting.write(out, lines)
    console.print(f"{'would write' if dry_run else 'wrote'} {len({r.student for r in rows})} students -> {_short(out)}")
    open_ends = [row for row in rows if not row.is_final]
    if open_ends:
        console.print(
            f"{len(open_ends)} scores are not final: {sum(row.pending for row in rows)} answers wait for a mark"
        )
        raise typer.Exit(1)


def _print_scores(course, rows):
    """Print a line per row; return how many scores are not as rehearsed."""
    from tema9.classroom.grading import scores

    wanted = scores.expected(course)
    table = Table(box=box.SIMPLE_HEAD)
    columns = ("student", "notebook", "by machine", "by hand", "to mark", "status")
    for column in (*columns, "expected", "what") if wanted else columns:
        table.add_column(
            column, justify="right" if column in ("by machine", "by hand", "to mark", "expected") else "left"
        )
    unexpected = 0
    for row in rows:
        status = ", ".join(filter(None, [row.status, row.repairs and "repaired"]))
        cells = [
            row.student,
            row.notebook,
            f"{row.machine:g} / {row.machine_max:g}",
            f"{row.by_hand:g} / {row.by_hand_max:g}",
            f"{row.pending}" if row.pending else "",
            status,
        ]
        if wanted:
            score, what = wanted.get((row.student, row.notebook), (row.machine, "not of the rehearsal"))
            unexpected += score != row.machine
            cells += [f"{score:g}" if score == row.machine else f"[red]{score:g}[/red]", what]
        table.add_row(*cells)
    console.print(table)
    if wanted:
        console.print(f"{len(rows) - unexpected} of {len(rows)} scores as expected")
    console.print(f"scores: {_short(Path(course) / scores.SCORES)}")
    return unexpected


@app.command()
@one_line_errors
def bundle(
    out: Annotated[Path, typer.Option(help="The zip to write.")] = COURSE / STUDENTS_ZIP,
):
    """Write the zip that students receive: the notebooks, their side of the package, and how to install it."""
    from tema9.classroom.authoring import bundle as bundling

    names = bundling.bundle(out)
    console.print(f"{len(names)} files, {out.stat().st_size / 2**20:.1f} MiB -> {_short(out)}", highlight=False)


@app.command()
@one_line_errors
def course(students: Annotated[int, typer.Option(help="Students of the sample class.")] = 12):
    """Build the notebooks and the slides, train LeNet-5 on real digits, grade a sample class, and say what to open."""
    from tema9 import recipes
    from tema9.classroom import sources
    from tema9.classroom.authoring import build as building
    from tema9.data import digits

    started = time.perf_counter()
    table = Table(title="What was made", box=box.SIMPLE_HEAD)
    for column in ("what", "result", "open"):
        table.add_column(column, overflow="fold")
    console.rule("notebooks")
    building.build(track=_tracker("reading the bank"))
    for source in sources.all_sources():
        graded = len(source.exercises)
        table.add_row(source.title, f"{graded} exercises, {source.points} points", f"notebooks/{source.name}.ipynb")
        console.print(f"{source.title}: {graded} exercises")
    console.rule("slides")
    table.add_row("The lecture's slides", *_slides(COURSE / DECK))
    console.rule("training")
    error = _train("lenet5", digits(), recipes.LENET5_DIGITS, COURSE / "training")
    table.add_row("LeNet-5 on real digits", f"test error {error:.1f} %", _short(COURSE / "training" / "lenet5.png"))
    console.rule("a sample class")
    unexpected = _sample_class(COURSE / "rehearsal", students, table)
    console.rule()
    console.print(table)
    console.print(f"done in {time.perf_counter() - started:.0f} s; `make lab` (or `tema9 lab`) opens JupyterLab")
    if unexpected:
        raise typer.Exit(1)


def _slides(out):
    """Build the deck; return what to say of it and what to open. Without its packages the course goes on."""
    from tema9.classroom.lecture import slides as deck

    try:
        _build_deck(out)
    except deck.NoPackages as error:
        console.print(str(error), style="yellow", highlight=False)
        return "not built: npm could not fetch what they need", "tema9 slides, with a network"
    return "one page, no network", _short(out)


def _sample_class(root, students, made):
    """Rehearse, grade and report a class; return how many scores are not the expected ones."""
    from tema9.classroom.grading import grade as grading
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import feedback as pages
    from tema9.classroom.publishing import report as reporting
    from tema9.classroom.rehearsal import rehearse as rehearsals
    from tema9.classroom.sandbox import sandbox

    rehearsals.rehearse(root, students)
    unsandboxed = bool(reason := sandbox.why_not())
    if unsandboxed:  # the sample is our own
        console.print(f"{reason}; the sample class is graded without it", style="yellow")
    done = grading.grade(
        root,
        track=lambda results, total: track(results, "grading", total=total, console=console),
        unsandboxed=unsandboxed,
    )
    unexpected = _print_scores(root, done.rows)
    cohort = open_cohort(root)
    paths = pages.write_all(cohort, sorted({row.student for row in done.rows}), track=_tracker("feedback"))
    reporting.write(cohort, done.rows, root / "report.html")
    right = f"{len(done.rows) - unexpected} of {len(done.rows)} scores as expected"
    made.add_row("Sample class", right, _short(root / "scores.csv"))
    made.add_row("Report of the class", "one page, no network", _short(root / "report.html"))
    made.add_row("Feedback of a student", "without hidden tests", _short(paths[-1]))
    return unexpected


@app.command()
@one_line_errors
def lab(arguments: Annotated[list[str] | None, typer.Argument(help="For JupyterLab, after --.")] = None):
    """Open JupyterLab on the start page in notebooks/, as a student."""
    from tema9 import lab as labs

    raise typer.Exit(subprocess.call(labs.command(ROOT / "notebooks", *(arguments or []))))


@app.command()
@one_line_errors
def classroom(
    course: CourseOption = COURSE,
    sample: Annotated[
        bool, typer.Option("--sample", help="A rehearsed and graded class, made if it is not there yet.")
    ] = False,
    arguments: Annotated[list[str] | None, typer.Argument(help="For JupyterLab, after --.")] = None,
):
    """Open JupyterLab on a course folder, as its teacher.

    Formgrader, which marks by hand and shows every submission, is in its menu Nbgrader.
    """
    from tema9.classroom.course import Course
    from tema9.classroom.grading import scores
    from tema9.classroom.lecture import screens

    if sample:
        course = COURSE / "rehearsal"
        if not (course / scores.SCORES).is_file():
            _sample_class(course, 12, Table())
    elif not (course / "nbgrader_config.py").is_file():
        raise ValueError(f"{course} is no course folder; make one with `tema9 release {course}`, or see --sample")
    Course(course).prepare()  # its settings go to the kernels through the environment
    raise typer.Exit(subprocess.call(screens.command(course, *(arguments or [])), cwd=course))


@app.command()
@one_line_errors
def progress(folder: Annotated[Path, typer.Argument(help="Where the notebooks are.")] = ROOT / "notebooks"):
    """Say which checks pass so far in a student's notebooks, and the points they stand for."""
    from tema9 import lab as labs
    from tema9 import progress as progresses

    progresses.main([str(labs.notebooks_folder(folder))])


@app.command()
@one_line_errors
def doctor(course: CourseArgument = COURSE):
    """Look at the machine, versions, GPU, sandbox, browser and folders, and say how to put right what is wrong.

    Exit code 1 if something that is needed is wrong.
    """
    from tema9 import doctor as student
    from tema9.classroom import doctor as teacher

    raise typer.Exit(student.say([*student.examine(ROOT / "notebooks"), *teacher.examine(course)]))


@app.command(name="time")
@one_line_errors
def time_(
    notebook: Annotated[str | None, typer.Argument(help="A notebook, as 1_lenet5; all by default.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the times for the start page and the README.")] = False,
):
    """Run every solved notebook and print its seconds, peak memory and slowest cells against the budget.

    Exit code 1 if a notebook, or all of them, take longer than they may.
    """
    from tema9.classroom.authoring import timing

    timed = [timing.measure(source) for source in _tracker("running")(_chosen(notebook))]
    table = Table(box=box.SIMPLE_HEAD, title=f"Budget: {timing.SECONDS_EACH} s each, {timing.SECONDS_ALL} s all")
    for column in ("notebook", "seconds", "memory (MiB)", "slowest cells (s)"):
        table.add_column(column, justify="left" if column in ("notebook", "slowest cells (s)") else "right")
    for one in timed:
        seconds = f"[red]{one.seconds:.0f}[/red]" if one.late else f"{one.seconds:.0f}"
        slowest = "\n".join(f"{spent:4.1f}  {escape(title)}" for spent, title in one.cells)
        table.add_row(one.notebook, seconds, f"{one.memory / 2**20:,.0f}", slowest, end_section=True)
    console.print(table, highlight=False)
    total = sum(one.seconds for one in timed)
    console.print(f"{total:.0f} s for {len(timed)} notebooks", highlight=False)
    if save and notebook is None:
        timing.save(timed)
    if total > timing.SECONDS_ALL or any(one.late for one in timed):
        raise typer.Exit(1)


@app.command()
@one_line_errors
def tour(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all by default. An unknown name lists them.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for them.")] = ROOT / "docs",
):
    """Take the pictures of the README from the screens themselves."""
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    from tema9.classroom.lecture import tour as tours

    for path in tours.take(names or list(tours.PICTURES), out, _tracker("taking pictures")):
        console.print(f"{_short(path)}: {path.stat().st_size / 1024:.0f} KiB", highlight=False)


@app.command()
@one_line_errors
def test(arguments: Annotated[list[str] | None, typer.Argument(help="For pytest, after --.")] = None):
    """Run the tests."""
    raise typer.Exit(subprocess.call([sys.executable, "-m", "pytest", *(arguments or [])], cwd=ROOT))


def _chosen(notebook):
    """The sources of one notebook, or of all."""
    from tema9.classroom import sources

    chosen = [source for source in sources.all_sources() if notebook in (None, source.name)]
    if not chosen:
        known = ", ".join(source.name for source in sources.all_sources())
        raise ValueError(f"unknown notebook {notebook!r}; known: {known}")
    return chosen


def _tracker(what):
    """A function that wraps a list of jobs in a progress bar."""
    return lambda jobs: track(jobs, what, console=console)


def _short(path):
    path = Path(path).resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    app()
