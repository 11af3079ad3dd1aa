"""A training run from an architecture's name to its files: weights, history and plot."""

import csv
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tema9 import checkpoint, figures, looking, models, plan, training
from tema9.data import Data
from tema9.evaluation import Examined, Score, evaluate, examine
from tema9.files import atomic_write
from tema9.machine import Machine, choose, rank
from tema9.models import AlexNet, LeNet5, ZFNet
from tema9.recipes import Recipe
from tema9.training import History
from tema9.views import Views
from tema9.wording import SPANISH, Words


@dataclass(frozen=True)
class Trained:
    """What a run leaves: the model with the weights of its best epoch, and its errors on the test images.

    data: the images as the architecture read them.
    score: with one central crop of each image; `ten_crops`, with ten, where that was asked for.
    """

    architecture: str
    model: LeNet5 | AlexNet | ZFNet
    data: Data
    history: History
    score: Score
    ten_crops: Score | None = None


def prepare(
    architecture: str, data: Data, recipe: Recipe, machine: Machine
) -> tuple[LeNet5 | AlexNet | ZFNet, Data, Recipe]:
    """Return a new model on `machine`, with the data and the recipe fitted to it as `plan.fit` does.

    The recipe's seed draws the model's weights.

    Args:
        architecture: a name.
        data: a `data.Data`.
        recipe: a `recipes.Recipe`.
        machine: a `machine.Machine`.

    Raises:
        ValueError: the architecture is unknown, or the images do not fit it.
    """
    data, recipe = plan.fit(data, architecture, recipe)
    torch.manual_seed(recipe.seed)
    model = models.build(architecture, num_classes=len(data.classes))
    machine.place(model)
    return model, data, recipe


def train(
    architecture: str,
    data: Data,
    recipe: Recipe,
    out: str | Path,
    machine: Machine | None = None,
    resume: bool = False,
    ten_crops: bool = False,
    overwrite: bool = False,
    words: Words = SPANISH,
) -> Trained:
    """Train an architecture, measure it on the test images, and write weights, history and plot to `out`.

    They are NAME.safetensors, NAME.csv and NAME.png. The folder NAME/ beside them holds what `training.epochs`
    keeps of every epoch, and what TensorBoard reads where it is installed. A run that Ctrl-C interrupts after
    an epoch is measured and written too; its `history.interrupted` is True.

    Args:
        architecture: a name.
        data: a `data.Data`; `prepare` fits it, and the recipe, to the architecture.
        recipe: a `recipes.Recipe`.
        out: the folder to write to.
        machine: a `machine.Machine`; by default, what `machine.choose` takes.
        resume: go on with the run that stopped in `out`.
        ten_crops: measure with ten crops of each image too.
        overwrite: begin anew where an earlier run lies. Its state is replaced when the first epoch of the new run is
            done, and its weights, history and plot at the end.
        words: the language of the progress bars.

    Raises:
        FileExistsError: an earlier run lies in `out`, and neither `resume` nor `overwrite` was asked for.
        FileNotFoundError: `resume` was asked for, and there is nothing to go on with.
        KeyboardInterrupt: Ctrl-C came before the end of the first epoch; there is nothing to write.
        ValueError, training.NonFiniteLoss, training.OutOfMemory: as `prepare` and `training.train`.
    """
    require_place(architecture, out, resume, overwrite)
    machine, out = machine or choose(), Path(out)
    model, data, recipe = prepare(architecture, data, recipe, machine)
    if ten_crops and recipe.crop is None:
        raise ValueError(
            f"ten_crops needs images larger than the {model.architecture.input_shape[1]} px that {architecture} reads"
        )
    folder = out / architecture
    histories: Iterator[History] = training.epochs(
        model, data, recipe, folder=folder, machine=machine, words=words, resume=resume
    )
    if importlib.util.find_spec("tensorboard") and rank() == 0:
        histories = training.tensorboard(histories, folder / "tensorboard")
    for history in histories:  # noqa: B007
        pass
    if not history.epochs:
        raise KeyboardInterrupt
    one = evaluate(model, data.test, machine, progress=True, words=words)
    ten = evaluate(model, data.test, machine, True, progress=True, words=words) if ten_crops else None
    trained = Trained(architecture, model, data, history, one, ten)
    if rank() == 0:
        write(trained, out)
    return trained


def evaluate_on(
    model: LeNet5 | AlexNet | ZFNet,
    data: Data,
    out: str | Path,
    machine: Machine,
    ten_crops: bool = False,
    words: Words = SPANISH,
) -> Examined:
    """Measure a trained model on the test images of data, and write which classes it takes for which.

    NAME.confusion.png in `out` is the figure, and NAME.classes.csv has a line for each class: its name, its images, its
    top-1 error in %, and the class that it is most often taken for. Both are replaced.

    Args:
        model: as `models.trained` returns it.
        data: its test part counts; its classes must be those of the model.
        out: the folder to write to.
        machine, ten_crops, words: as for `train`.

    Raises:
        ValueError: the classes differ, or the images do not fit the model.
    """
    name, classes = model.architecture.name, model.class_names
    if classes and classes != data.classes:
        differ = ", ".join(sorted(set(classes) ^ set(data.classes))[:5]) or "their order"
        raise ValueError(
            f"the weights were trained on other classes than those of {data.name}; they differ in {differ}"
        )
    data, _ = plan.fit(data, name, Recipe(1, 1, 1))
    examined = examine(machine.place(model), data.test, machine, ten_crops, progress=True, words=words)
    if len(examined.confusion) != len(data.classes):
        raise ValueError(
            f"the model tells {len(examined.confusion)} classes apart and {data.name} has {len(data.classes)}"
        )
    if rank() == 0:
        errors, counts = examined.errors().tolist(), examined.confusion
        others = counts - torch.diag(counts.diagonal())
        with (
            atomic_write(Path(out, f"{name}.classes.csv")) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            lines = csv.writer(file)
            lines.writerow(("class", "images", "error", "taken_for"))
            for label, each in enumerate(data.classes):
                taken = data.classes[int(others[label].argmax())] if others[label].any() else ""
                lines.writerow((each, int(counts[label].sum()), f"{errors[label]:.2f}", taken))
        save_figure(figures.confusion(counts, data.classes), Path(out, f"{name}.confusion.png"))
    return examined


def occlusion_map(
    model: LeNet5 | AlexNet | ZFNet, pixels: torch.Tensor, label: int, name: str, machine: Machine
) -> Axes:
    """Draw which part of an image the probability of a class needs: a square of a sixth of its side covers each place.

    Args:
        model: on `machine`.
        pixels: (1, C, H, W), as `plan.read_image` returns them.
        label, name: of the class.
    """
    views = model.views
    seen = views.evaluation(machine.upload(pixels))[0]
    square = max(2, seen.shape[-1] // 6)
    found = looking.occlusion(model, seen, label, size=square, stride=max(1, square // 3))
    shown = Views(views.crop).evaluation(pixels)[0]
    low, high = float(shown.min()), float(shown.max())
    shown = (shown - low) / ((high - low) or 1) if len(shown) == 1 else shown
    return figures.occlusion(shown.expand(3, -1, -1), found, name)


def save_figure(ax: Axes, path: Path) -> None:
    """Write the figure of some axes as PNG, all of it or nothing, and close it."""
    figure = ax.figure
    assert isinstance(figure, Figure)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, bbox_inches="tight")
    plt.close(figure)


def require_place(architecture: str, out: str | Path, resume: bool = False, overwrite: bool = False) -> None:
    """Refuse a place where the run would cost an earlier one, or where there is nothing to go on with.

    Args:
        architecture, out, resume, overwrite: as for `train`.

    Raises:
        FileExistsError, FileNotFoundError: as `train`.
        ValueError: `resume` and `overwrite` are asked for together.
    """
    if resume and overwrite:
        raise ValueError("--resume goes on with the earlier run and --overwrite replaces it; give one of them")
    state, out = Path(out, architecture, training.LAST), Path(out)
    if resume and not state.is_file():
        raise FileNotFoundError(f"there is no run to go on with: no {state}; leave --resume out to begin one")
    earlier = [path for path in (state, out / f"{architecture}.safetensors") if path.exists()]
    if earlier and not (resume or overwrite):
        says = "--resume goes on with it, " if earlier[0] == state else ""
        raise FileExistsError(f"{earlier[0]} is of an earlier run; {says}--overwrite replaces it, --out keeps both")


def write(trained: Trained, out: Path) -> None:
    """Write NAME.safetensors, NAME.csv and NAME.png, the weights, the history and the plot of a run."""
    checkpoint.save(trained.model, out / f"{trained.architecture}.safetensors")
    trained.history.to_csv(out / f"{trained.architecture}.csv")
    save_figure(figures.learning(trained.history), out / f"{trained.architecture}.png")
