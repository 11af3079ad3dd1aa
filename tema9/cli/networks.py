"""The commands on networks: `layers`, `figures`, `train`, `evaluate`, `predict` and `data prepare`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import track
from rich.table import Table
from rich.text import Text

from tema9 import arithmetic
from tema9.arithmetic import LayerTable
from tema9.cli.terminal import COURSE, TRAINING, WIDE, Between, console, draw_without_windows, short

if TYPE_CHECKING:
    from tema9.data import Data
    from tema9.machine import Machine
    from tema9.recipes import Recipe
    from tema9.runs import Trained


def layers(
    name: Annotated[str, typer.Argument(help="An architecture; an unknown name lists them.")],
    compare: Annotated[str | None, typer.Option(help="Another architecture, side by side.")] = None,
    input: Annotated[
        int | None, Between(1, 100_000), typer.Option(help="Side of the image in pixels, instead of its own.")
    ] = None,
    two_gpus: Annotated[bool, typer.Option("--two-gpus", help="Over two devices: what crosses, with arrows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the table of layers of an architecture as the deck does, with totals."""
    tables = [arithmetic.layer_table(one, input) for one in (name, compare) if one]
    if as_json:
        data = [table.to_dict() for table in tables]
        print(json.dumps(data if compare else data[0], indent=1))
    elif compare:
        print_comparison(*tables)
    elif two_gpus:
        print_two_gpus(tables[0])
    else:
        print_layers(tables[0])


def print_layers(layer_table: LayerTable) -> None:
    """Print the rows of a table of layers, and what training keeps of it."""
    wide = console.width >= WIDE
    quantities = ("weights", "biases", "multiply_adds", "activations") if wide else ("parameters", "multiply_adds")
    table = Table(title=layer_table.architecture.title, caption=layer_table.architecture.source, box=box.SIMPLE_HEAD)
    table.add_column("output", no_wrap=True)
    table.add_column("layer")
    for quantity in (*quantities, *(("field", "stride") if wide else ())):
        table.add_column(_words(quantity), justify="right", no_wrap=True)
    channels, height, width = layer_table.input_shape
    table.add_row(f"[{height}x{width}x{channels}]", "INPUT")
    for row in layer_table:
        counts = [getattr(row, quantity) for quantity in quantities]
        counts += [row.receptive_field, row.effective_stride] if wide else []
        cells = ("" if count is None else f"{count:,}" for count in counts)
        table.add_row(row.volume, Text.assemble((row.name, "bold"), f": {row.description}"), *cells)
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


def print_two_gpus(layer_table: LayerTable) -> None:
    """Print which half of each layer lies on each device, and what crosses before it."""
    crossing = arithmetic.crossing_values(layer_table)
    table = Table(title=f"{layer_table.architecture.title}, over two GPUs", box=box.SIMPLE_HEAD)
    columns: dict[str, JustifyMethod] = {"GPU 1": "right", "": "center", "GPU 2": "left", "values each way": "right"}
    for column, side in columns.items():
        table.add_column(column, justify=side, no_wrap=True)
    table.add_column("reads")
    table.add_row(f"[{_side(layer_table.input_shape)}]", "", f"[{_side(layer_table.input_shape)}]", "")
    for row in layer_table:
        channels, *sides = row.out_shape
        half = f"[{'x'.join(map(str, (*sides, channels // 2)))}] {row.name}"
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


def print_comparison(left: LayerTable, right: LayerTable) -> None:
    """Print two tables of layers side by side, with what differs."""
    quantities = ("parameters", "multiply_adds") if console.width >= WIDE else ("parameters",)
    sides = [side.architecture.name for side in (left, right)]
    table = Table(title=f"{sides[0]} | {sides[1]}", box=box.SIMPLE_HEAD, caption="in bold, what differs")
    table.add_column("layer", no_wrap=True)
    for name in ("output", *quantities):
        for _ in sides:
            table.add_column(_words(name), justify="left" if name == "output" else "right", no_wrap=True)
    table.add_column("differs in")
    for a, b, different in arithmetic.compare(left, right):
        cells = [row.volume if row else "" for row in (a, b)]
        cells += [f"{getattr(row, quantity):,}" if row else "" for quantity in quantities for row in (a, b)]
        named = [field for field in ("kernel_size", "stride", "padding", "groups") if a and b and field in different]
        values = [(field, getattr(a, field), getattr(b, field)) for field in named]
        changes = [f"{field} {here} | {there}" for field, here, there in values if None not in (here, there)]
        changes += [f"input {_side(a.in_shape)} | {_side(b.in_shape)}"] if a and b and "in_shape" in different else []
        changes += [f"only in {sides[b is not None]}"] if not (a and b) else []
        name = next(row.name for row in (a, b) if row)
        table.add_row(name, *cells, ", ".join(changes), style="bold" if different else "dim")
    table.add_section()
    totals = (f"{side.total(quantity):,}" for quantity in quantities for side in (left, right))
    table.add_row("total", "", "", *totals, "")
    console.print(table)


def _side(shape: Sequence[int]) -> str:
    """Return the shape (C, H, W) as the deck writes it, HxWxC."""
    return "x".join(str(number) for number in (*shape[1:], shape[0]))


def _words(quantity: str) -> str:
    """Return the name of a quantity as the head of a column."""
    return quantity.replace("_adds", "-adds").replace("_", " ")


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all by default. An unknown name lists them.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for them.")] = COURSE / "figures",
) -> None:
    """Write the figures of the deck as SVG, PDF and PNG, and list them."""
    draw_without_windows()
    from tema9 import gallery

    chosen = names or list(gallery.GALLERY)
    table = Table("figure", "inches", "SVG (KiB)", "PDF (KiB)", "PNG (KiB)", box=box.SIMPLE_HEAD)
    progress = Console(stderr=True)
    for written in gallery.write(chosen, out, lambda jobs: track(jobs, "drawing", console=progress, transient=True)):
        width, height = written.inches
        sizes = (f"{written.sizes[kind] / 1024:,.0f}" for kind in ("svg", "pdf", "png"))
        table.add_row(written.name, f"{width:.1f} x {height:.1f}", *sizes)
    console.print(table)
    console.print(f"{len(chosen)} figures -> {out}/", highlight=False)


def train(
    name: Annotated[str, typer.Argument(help="An architecture.")] = "lenet5",
    data: Annotated[
        str,
        typer.Option(
            help="digits, textures, shapes, shortcut, mnist, cifar10, ...; or a folder, of images or prepared."
        ),
    ] = "digits",
    recipe: Annotated[str | None, typer.Option(help="By its name; an unknown one lists them.")] = None,
    epochs: Annotated[
        int | None, Between(1, 1_000_000), typer.Option(help="Passes over the data; the recipe's by default.")
    ] = None,
    batch_size: Annotated[
        int | None, Between(1, 10**9), typer.Option(help="Images of a step, over all the processes.")
    ] = None,
    learning_rate: Annotated[
        float | None, Between(0, 1_000_000, above=True), typer.Option(help="Of the first epoch.")
    ] = None,
    warmup: Annotated[int | None, Between(0, 1_000_000), typer.Option(help="Epochs over which the rate rises.")] = None,
    accumulate: Annotated[
        int, Between(1, 10**9), typer.Option(help="Pieces of a batch, one after the other: less memory.")
    ] = 1,
    seed: Annotated[
        int, Between(0, 2**63 - 1), typer.Option(help="Of the weights, the order, the views and dropout.")
    ] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the weights, the history and the plot.")] = TRAINING,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that stopped in that folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the earlier run in that folder.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or tf32.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Run the model through torch.compile.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="On CUDA, each step as one captured graph.")] = False,
    readers: Annotated[
        int | None,
        Between(0, 1000),
        typer.Option(help="Threads that read images ahead; by default one a core on CUDA, else none."),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Only arithmetic that repeats itself.")
    ] = False,
    ten_crops: Annotated[bool, typer.Option("--ten-crops", help="Report the test error of ten crops too.")] = False,
    validation: Annotated[
        float | None, Between(0, 0.99, above=True), typer.Option(help="Share of the training part kept for validation.")
    ] = None,
    root: Annotated[Path, typer.Option(help="Where torchvision's sets are.")] = Path("datasets"),
    download: Annotated[bool, typer.Option("--download", help="Fetch torchvision's set if it is not there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")] = False,
) -> None:
    """Train a model and write its weights, history and plot.

    On several GPUs: torchrun --nproc-per-node N -m tema9 train NAME ...
    """
    draw_without_windows()
    from tema9 import machine, recipes, runs
    from tema9.data import load

    changes: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    changes |= {"seed": seed, "warmup": warmup}
    changed = {field: value for field, value in changes.items() if value is not None}
    own = recipes.named(recipe) if recipe else recipes.BY_ARCHITECTURE.get(name, recipes.DECK)
    chosen_recipe = replace(own, **changed)
    side = arithmetic.layer_table(name).input_shape[1]
    if not dry_run:
        runs.require_place(name, out, resume, overwrite)  # before the data are read
    how: dict[str, Any] = {"compile": compiled, "accumulate": accumulate, "deterministic": deterministic}
    how |= {"graph": graph, "readers": readers}
    chosen = machine.choose(device, precision, **how)
    with machine.joined(chosen.device):
        chosen = replace(chosen, peak=machine.measure_peak(chosen.device, chosen.precision))
        images = load(data, side, root, download, validation)
        if dry_run:
            plan_and_print(name, images, chosen_recipe, chosen)
        else:
            settings: dict[str, Any] = {"resume": resume, "overwrite": overwrite, "ten_crops": ten_crops}
            train_and_print(name, images, chosen_recipe, out, machine=chosen, **settings)


def plan_and_print(architecture: str, images: "Data", recipe: "Recipe", chosen: "Machine") -> None:
    """Print what a run on the chosen machine will be; a few of its steps are timed, and nothing is trained.

    Args:
        architecture, images, recipe: as for `runs.prepare`.
        chosen: the machine.
    """
    from tema9 import machine, plan, runs

    model, images, recipe = runs.prepare(architecture, images, recipe, chosen)
    made = plan.plan(model, images, recipe, chosen)
    if machine.rank():
        return
    say_caution(images, architecture)
    flops = arithmetic.layer_table(architecture).training_flops
    share = 100 * made.images_per_second * flops / (chosen.peak * machine.processes()) if chosen.peak else 0
    title = f"{architecture} on {images.name}, on {chosen}"
    table = Table(title=title, box=box.SIMPLE_HEAD, show_header=False)
    mib, memory = arithmetic.MIB, made.memory
    each = f" on each of {machine.processes()} processes" if machine.processes() > 1 else ""
    weights = (memory.parameters + memory.gradients + memory.momentum) / mib
    rows = {
        "images": f"{_side(made.images_shape)}, {made.bytes_per_image:,} bytes each; "
        + ", ".join(f"{count:,} {part}" for part, count in made.images.items()),
        "input": f"{_side(made.input_shape)}; {made.classes} classes",
        "recipe": ", ".join(f"{field} {value}" for field, value in asdict(recipe).items() if field != "schedule"),
        "schedule": "; ".join(map(str, recipe.schedule)) or "the validation error lowers the rate",
        "steps": f"{made.steps:,} of {made.batch_size} images an epoch, {made.epochs * made.steps:,} in all",
        "memory": f"{memory.total / mib:,.0f} MiB{each} in float32, by the arithmetic: {weights:,.0f} of weights,"
        f" gradients and momentum, {(memory.input + memory.activations) / mib:,.0f} of activations,"
        f" without workspaces; there are {chosen.memory() / mib:,.0f}",
        "speed": f"{made.seconds_per_step:.3g} s a step, {made.images_per_second:,.0f} images/s (measured on a few)"
        + (f", {share:.0f} % of the {chosen.peak / 1e12:,.3g} TFLOP/s of a product of matrices" if chosen.peak else ""),
        "reads": f"{made.bytes_per_image * made.images_per_second / 1e6:,.1f} MB/s",
        "time": f"{made.hours:,.2g} hours, without validation",
    }
    for what, value in rows.items():
        table.add_row(what, value)
    console.print(table)


def train_and_print(architecture: str, images: "Data", recipe: "Recipe", out: Path, **settings: Any) -> "Trained":
    """Train an architecture and print its test errors; return what `runs.train` does.

    Args:
        architecture, images, recipe, out: as for `runs.train`.
        settings: further arguments of `runs.train`.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the run; what it had learnt is written and printed.
    """
    draw_without_windows()
    from tema9 import machine, runs, wording

    if machine.rank() == 0:
        say_caution(images, architecture)
    trained = runs.train(architecture, images, recipe, out, words=wording.ENGLISH, **settings)
    if machine.rank() == 0:
        print_errors(trained, out)
    if trained.history.interrupted:
        raise KeyboardInterrupt
    return trained


def evaluate(
    weights: Annotated[str, typer.Argument(help="What `tema9 train` wrote, NAME.safetensors; or weights that ship.")],
    data: Annotated[str, typer.Option(help="As for `tema9 train`.")] = "digits",
    out: Annotated[Path, typer.Option(help="Folder for the figure and the table of the classes.")] = TRAINING,
    ten_crops: Annotated[bool, typer.Option("--ten-crops", help="Average ten crops of each image.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or tf32.")] = "auto",
    validation: Annotated[
        float | None, Between(0, 0.99, above=True), typer.Option(help="As for `tema9 train`, or the parts differ.")
    ] = None,
    root: Annotated[Path, typer.Option(help="Where torchvision's sets are.")] = Path("datasets"),
) -> None:
    """Measure trained weights on the test images, and write which classes are taken for which."""
    draw_without_windows()
    from tema9 import machine, models, runs, wording
    from tema9.data import load

    model = models.trained(weights)
    name = model.architecture.name
    chosen = machine.choose(device, precision)
    with machine.joined(chosen.device):
        images = load(data, arithmetic.layer_table(name).input_shape[1], root, validation=validation)
        found = runs.evaluate_on(model, images, out, chosen, ten_crops, wording.ENGLISH)
        if machine.rank() == 0:
            crops = "ten crops" if ten_crops else "one crop"
            console.print(
                f"{name} on {len(images.test):,} test images of {images.name}: error {found.score.top1:.1f} %, top-5"
                f" {found.score.top5:.1f} %, loss {found.score.loss:.3f}, {crops} -> {short(out)}/{name}.confusion.png,"
                f" {name}.classes.csv",
                highlight=False,
            )


def predict(
    weights: Annotated[str, typer.Argument(help="What `tema9 train` wrote, NAME.safetensors; or weights that ship.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    occlusion: Annotated[
        Path | None, typer.Option(help="Folder for a map of what the answer needs, per image.")
    ] = None,
    ten_crops: Annotated[bool, typer.Option("--ten-crops", help="Average ten crops of each image.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Print the five most likely classes of each image."""
    draw_without_windows()
    from tema9 import evaluation, machine, models, plan, runs

    chosen = machine.choose(device)
    model = chosen.place(models.trained(weights))
    name = model.architecture.name
    for path in images:
        pixels = plan.read_image(path, model)
        (found,) = evaluation.predict(model, pixels, chosen, ten_crops)
        names = model.class_names or tuple(map(str, range(len(found))))
        best = found.topk(min(5, len(found)))
        said = ", ".join(f"{names[i]} {100 * p:.1f} %" for p, i in zip(*map(list, best), strict=True))
        console.print(f"{path}: {said}", highlight=False, markup=False)
        if occlusion:
            target = occlusion / f"{path.stem}.{name}.occlusion.png"
            ax = runs.occlusion_map(model, pixels, int(best.indices[0]), names[int(best.indices[0])], chosen)
            runs.save_figure(ax, target)
            console.print(f"  -> {short(target)}", highlight=False, markup=False)


def say_caution(images: "Data", architecture: str) -> None:
    """Print a line on the standard error if the network will see little of each image."""
    from tema9 import plan

    if line := plan.caution(images, architecture):
        print(f"tema9: {line}", file=sys.stderr)


def print_errors(trained: "Trained", out: Path) -> None:
    """Print a line with the test error of one crop and, where it was measured, another with that of ten."""
    images, history = trained.data, trained.history
    scores = {"": trained.score}
    if trained.ten_crops:
        scores = {", one crop": trained.score, ", ten crops": trained.ten_crops}
    for crops, score in scores.items():
        top5 = f" (top-5 {score.top5:.1f} %)" if len(images.classes) > 10 else ""
        console.print(
            f"{trained.architecture} on {len(images.train):,} {images.name}: test error {score.top1:.1f} %{top5} of"
            f" {len(images.test):,} images{crops}, weights of epoch {history.best} of"
            f" {len(history.epochs)}, in {sum(history.column('seconds')):.1f} s -> {short(out)}/"
        )


def prepare(
    folder: Annotated[Path, typer.Argument(help="A folder of images, one sub-folder per class.")],
    out: Annotated[Path, typer.Argument(help="Where to write the array and its index.")],
    workers: Annotated[int | None, Between(1, 1024), typer.Option(help="Processes; one per core by default.")] = None,
) -> None:
    """Decode a folder of images once, to 256x256 bytes that training reads without decoding.

    An interrupted run goes on where it was; images that cannot be read are reported and left out.
    """
    from tema9 import prepared

    made = prepared.prepare(folder, out, workers, progress=True)
    console.print(f"{len(made.labels):,} images of {len(made.classes)} classes -> {short(out)}/", highlight=False)
