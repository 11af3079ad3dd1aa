"""One readable loop: forward, loss, backward, step, record.

The caller gives the model, the data and the machine; saving is one call at the end of an epoch.
Over several processes (torchrun) each process takes its share of every batch.
"""

import contextlib
import csv
import json
import math
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from tema9 import graphs
from tema9.arithmetic import MIB, layer_table
from tema9.checkpoint import read, save, write
from tema9.data import Data, Split
from tema9.evaluation import Score, evaluate
from tema9.evaluation import ensemble as ensemble  # notebook 4 calls training.ensemble
from tema9.files import atomic_write
from tema9.machine import Machine, from_first, processes, rank, total
from tema9.prepared import Batches
from tema9.recipes import Recipe
from tema9.views import Draws, Views, together
from tema9.wording import ENGLISH as ENGLISH  # the other language for `epochs`
from tema9.wording import SPANISH, Words

LAST, BEST, HISTORY = "last.safetensors", "best.safetensors", "history.csv"
CHECK_EVERY = 100  # steps between two checks that the losses are finite: each check waits for the GPU


@dataclass(frozen=True)
class Epoch:
    """The record of one epoch.

    Errors are in %, from one central crop. The seconds are those of the clock on the wall, with the validation;
    the images a second are those of the training alone. The share of the peak, in %, is that of the operations that
    the layers need by the arithmetic among those that `machine.measure_peak` found; None where nobody measured them.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    validation_loss: float
    validation_error: float
    validation_top5: float
    seconds: float
    images_per_second: float = 0.0
    peak_share: float | None = None


@dataclass
class History:
    """The epochs of a run, in order, and the epoch whose weights the model keeps.

    interrupted: whether Ctrl-C ended the run before its last epoch.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    interrupted: bool = False

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def column(self, name: str) -> list[float]:
        """Return one quantity of every epoch, as a list."""
        return [getattr(epoch, name) for epoch in self.epochs]

    def to_csv(self, path: str | Path) -> None:
        """Write the history as CSV, one line per epoch."""
        with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Epoch)])
            writer.writeheader()
            writer.writerows(map(asdict, self.epochs))


class NonFiniteLoss(RuntimeError):
    """The loss became infinite or not a number."""


class OutOfMemory(RuntimeError):
    """A batch does not fit the memory of the GPU."""


def train(
    model: nn.Module,
    data: Data,
    recipe: Recipe,
    progress: bool = True,
    folder: str | Path | None = None,
    machine: Machine | None = None,
    resume: bool = True,
) -> History:
    """Train `model` and leave it with the weights of its best epoch.

    An interrupted run (Ctrl-C) keeps the best weights so far and returns. With a
    `folder`, the state is saved there after every epoch, and a run that stopped goes on
    from it: on a CPU it ends with the very weights of a run that never stopped.

    The model gets two attributes: `views`, the `views.Views` through which it was trained to see images, and
    `class_names`, those of the data.

    Args:
        model: (N, C, H, W) -> (N, classes), logits; it is moved to `machine`.
        data: its training part is learnt, and its validation part chooses the best epoch.
        recipe: the hyperparameters.
        progress: draw a progress bar on the standard output.
        folder: where to keep `last.safetensors`, the state after the last whole epoch,
            `best.safetensors`, the weights of the best, and `history.csv`.
        machine: where to compute, and in which precision; by default where the model is, in float32.
        resume: go on with the run whose state lies in `folder`, if one does; otherwise begin anew, and replace
            that state when the first epoch is done.

    Raises:
        NonFiniteLoss: with the step, the rate and the last good checkpoint; the model has
            the weights of its best epoch.
        OutOfMemory: with the batch size that would fit.
        ValueError: the batch is larger than the training part, a number is not positive,
            the crop does not fit, or the folder holds a damaged state, or one of a run with
            another recipe, other data or another model.
        OSError: the state could not be written; that of the epoch before is kept.

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 5, for the recipes that say so.
    """
    for history in epochs(model, data, recipe, progress, folder, machine, resume=resume):  # noqa: B007
        pass
    return history


def epochs(
    model: nn.Module,
    data: Data,
    recipe: Recipe,
    progress: bool = True,
    folder: str | Path | None = None,
    machine: Machine | None = None,
    words: Words = SPANISH,
    resume: bool = True,
) -> Generator[History]:
    """Train `model` as `train` does, and yield the history before the first epoch and after each one.

    The caller can draw or note something between two epochs, or stop early:

        for history in epochs(model, data, recipe):
            if history.epochs and history.epochs[-1].validation_error < 5:
                break

    However it ends, the model is left with the weights of its best epoch.

    Args:
        words: the language of the messages; students read Spanish.
        model, data, recipe, progress, folder, machine, resume: as for `train`.
    """
    recipe.require_images(len(data.train), processes())
    machine = machine or Machine.of(model)
    machine.place(model)
    views = from_first(lambda: Views.of(data.train.images, recipe))
    model.views = views  # type: ignore[assignment]  # torch's hint knows no attribute of ours
    model.class_names = data.classes  # type: ignore[assignment]
    images, labels = machine.hold(data.train.images), data.train.labels.to(machine.device)
    validation = Split(machine.hold(data.validation.images), data.validation.labels.to(machine.device))
    reason = graphs.why_not(model, machine) if machine.graph else ""
    captured = machine.graph and not reason
    if reason and rank() == 0:
        print(f"the steps run one by one, not as a graph: {reason}")
    forward, run = machine.forward_of(model), Run(model, recipe, data, captured)

    def step(count: int, taken: torch.Tensor, drawn: Draws, right: torch.Tensor) -> torch.Tensor:
        inputs = machine.arrange(views.drawn(taken, drawn))
        run.optimizer.zero_grad()
        loss = _backward(forward, inputs, right, processes() / count, machine)  # processes average their gradients
        run.optimizer.step()
        return loss

    take_step = graphs.Graph(step, recipe.batch_size, machine.device) if captured else step
    if folder and resume and Path(folder, LAST).is_file():
        run.load(folder)
    if folder and rank() == 0:
        for name in (LAST, BEST, HISTORY):  # what a run that was killed while it wrote has left
            for half in Path(folder).glob(f".{name}.*"):
                half.unlink(missing_ok=True)
    history, steps = run.history, math.ceil(len(labels) / recipe.batch_size)
    if total(torch.tensor(len(history.epochs)), machine.device) != len(history.epochs) * processes():
        raise ValueError(f"not all processes find the same state in {folder}; put it on a disk that all of them share")
    architecture = getattr(model, "architecture", None)
    flops = layer_table(architecture).training_flops if architecture else 0
    peak = float(total(torch.tensor(machine.peak), machine.device))  # of all the processes together
    done, off = len(history.epochs), not (progress and rank() == 0)
    bar = tqdm(total=recipe.epochs * steps, initial=done * steps, unit=words.step, file=sys.stdout, disable=off)
    try:
        yield history
        for epoch in range(done + 1, recipe.epochs + 1):
            bar.set_description(words.epoch.format(epoch, recipe.epochs))
            started = time.perf_counter()
            losses: list[torch.Tensor] = []
            model.train()
            run.begin(epoch)
            now = replace(views, lighting=views.lighting * recipe.share("lighting", epoch))
            with (
                machine.seeded(draw(recipe.seed, epoch, rank())) as generator,
                contextlib.closing(batches(images, labels, recipe, epoch, now, machine, generator)) as prepared,
            ):
                for batch in prepared:
                    run.warm_up((epoch - 1) * steps + len(losses) + 1, steps)
                    losses.append(take_step(*batch))
                    bar.update()
                    if len(losses) % CHECK_EVERY == 0 or len(losses) == steps:
                        _require_finite(losses, run, (epoch - 1) * steps, folder)
            train_loss = float(total(torch.stack(losses).sum(), machine.device) / len(labels))
            speed = len(labels) / (time.perf_counter() - started)
            share = 100 * speed * flops / peak if flops and peak else None
            score = evaluate(model, validation, machine)
            run.record(train_loss, score, time.perf_counter() - started, speed, share)
            said = words.score.format(train_loss, score.top1).replace(".", words.decimal) + words.speed.format(speed)
            bar.set_postfix_str(said + (words.peak.format(share) if share is not None else ""))
            if folder:
                run.save(folder)
            yield history
    except KeyboardInterrupt:
        history.interrupted = True
        bar.close()
        print(words.interrupted.format(len(history.epochs)))
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_what_fits(model, recipe.batch_size, machine)) from error
    finally:
        bar.close()
        if run.best:
            model.load_state_dict(run.best)


def batches(
    images: torch.Tensor | Batches,
    labels: torch.Tensor,
    recipe: Recipe,
    epoch: int,
    views: Views,
    machine: Machine,
    generator: torch.Generator,
) -> Generator[tuple[int, torch.Tensor, Draws, torch.Tensor]]:
    """Yield the batches of an epoch: the size over all processes, and this process's images, draws of views and labels.

    All are on the device. The order of the epoch and all its draws are made first and copied to the device at once, so
    that no step waits. A batch of images may be used until the next one is asked for.

    Args:
        images: as `Machine.hold` returned them.
        labels: of the images, on the device.
        recipe, epoch: what the order comes from.
        views, machine: as the loop has them.
        generator: draws the views.
    """
    parts = order(len(labels), recipe.seed, epoch).split(recipe.batch_size)
    own = [part[rank() :: processes()] for part in parts]
    sizes = [len(part) for part in own]
    draws = together([views.draw((size, *images.shape[1:]), generator) for size in sizes], machine.upload)
    rows = torch.cat(own)
    chosen = labels[machine.places(labels, rows)].split(sizes)
    with contextlib.closing(machine.stream(images, machine.places(images, rows).split(sizes))) as read:
        for part, taken, drawn, right in zip(parts, read, draws, chosen, strict=True):
            yield len(part), taken, drawn, right


def _backward(forward, inputs, right, scale, machine):
    """Add the gradients of a batch, piece by piece; return the sum of its losses, which stays on the device."""
    losses = []
    pieces = [*zip(inputs.tensor_split(machine.accumulate), right.tensor_split(machine.accumulate), strict=True)]
    for number, (some, labels) in enumerate(pieces, 1):
        last = number == len(pieces)
        if not len(labels) and not (last and processes() > 1):
            continue  # with several processes, all have to be there when gradients are averaged
        alone = forward.no_sync() if processes() > 1 and not last else contextlib.nullcontext()
        with alone:
            with machine.autocast():
                loss = F.cross_entropy(forward(some), labels, reduction="sum")
            loss.backward(torch.full_like(loss, scale))
        losses.append(loss.detach())
    return sum(losses[1:], losses[0])


class Run:
    """The state that a training run carries from one epoch to the next: optimizer, best weights and history.

    Args:
        model: the model that is trained.
        recipe: the hyperparameters.
        data: what it is trained on; the state names it, so that no run goes on with other data.
        captured: whether a graph will do the steps; it reads the rates from memory of the device.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, data: Data | None = None, captured: bool = False) -> None:
        self.model, self.recipe, self.history = model, recipe, History()
        self.data = _named(data) if data else {}
        self.optimizer = torch.optim.SGD(
            self._groups(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.first_rates = self.full_rates = self.rates  # once the warm-up is over
        if captured:
            device = next(model.parameters()).device
            for group in self.optimizer.param_groups:
                group["lr"] = torch.full((), group["lr"], device=device)
        self.best: dict[str, torch.Tensor] = {}
        self.waited = self.drops = 0

    def _groups(self):
        """All the parameters, in as few groups as have rates or decays of their own: each is a call in every step.

        The biases are apart where the recipe treats them otherwise, and so are the layers that its schedule names.
        """
        recipe, groups = self.recipe, {}
        layers = {change.layer for change in recipe.schedule} - {""}
        if layers and layers - {_layer(name) for name, _ in self.model.named_parameters()}:
            raise ValueError(f"the schedule of the recipe changes {', '.join(sorted(layers))}, which the model lacks")
        apart = recipe.bias_rate != 1 or not recipe.bias_decay
        for name, value in self.model.named_parameters():
            key = (_layer(name) if _layer(name) in layers else "", apart and name.split(".")[-1] == "bias")
            groups.setdefault(key, []).append(value)
        otherwise = {
            "lr": recipe.learning_rate * recipe.bias_rate,
            "weight_decay": recipe.weight_decay if recipe.bias_decay else 0.0,
        }
        self.layers = [layer for layer, _ in sorted(groups)]  # the first group is that of most weights
        return [{"params": groups[key], **(otherwise if key[1] else {})} for key in sorted(groups)]

    def begin(self, epoch: int) -> None:
        """Set the rates of an epoch, where the recipe has a schedule."""
        if self.recipe.schedule:
            shares = [self.recipe.share("learning_rate", epoch, layer) for layer in self.layers]
            self.full_rates = [rate * share for rate, share in zip(self.first_rates, shares, strict=True)]
            self.set_rates(self.full_rates)

    def record(
        self, train_loss: float, score: Score, seconds: float, speed: float = 0.0, share: float | None = None
    ) -> None:
        """Add an epoch to the history, keep its weights if it is the best, and lower the rate if the recipe says so."""
        history, rate = self.history, self.rates[0]
        better = not history.epochs or score.top1 < history.epochs[history.best - 1].validation_error
        number = len(history.epochs) + 1
        history.epochs.append(Epoch(number, rate, train_loss, *score, seconds, speed, share))
        if better:
            history.best, self.waited = number, 0
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        else:
            self.waited += 1
        if self.waited >= self.recipe.patience and self.drops < self.recipe.drops and not self.recipe.schedule:
            self.waited, self.drops = 0, self.drops + 1
            self.lower_rate(self.recipe.factor)

    def lower_rate(self, factor: float) -> None:
        """Multiply every rate by `factor`."""
        self.full_rates = [rate * factor for rate in self.full_rates]
        self.set_rates([rate * factor for rate in self.rates])

    def warm_up(self, step: int, steps: int) -> None:
        """Set the rates of a step, as long as they still rise.

        Args:
            step: of the run, from 1 on.
            steps: of an epoch.
        """
        if step <= self.recipe.warmup * steps:
            self.set_rates([rate * step / (self.recipe.warmup * steps) for rate in self.full_rates])

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the rate of each group of parameters.

        torch keeps the rate outside its momentum buffers, v = -rate * buffer. To go on with the velocity of the
        printed rule, where the recipe has it, the buffers grow as the rate shrinks. A rate of 0 stops at once.
        """
        for group, before, rate in zip(self.optimizer.param_groups, self.rates, rates, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
            goes_on = self.recipe.rate_in_velocity and rate not in (0, before) and before
            for parameter in group["params"] if goes_on else ():
                buffer = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
                if buffer is not None:  # a recipe may go without momentum
                    buffer /= rate / before
        self.rates = list(rates)

    def save(self, folder: str | Path) -> None:
        """Write the state, the best weights if they are new, and the history; a failure leaves the old files."""
        if rank():
            return  # one process writes; all have the same
        if self.history.best == len(self.history.epochs):
            save(self.model, Path(folder, BEST))
        self.history.to_csv(Path(folder, HISTORY))
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for name, parameter in self.model.named_parameters():
            if (momentum := self.optimizer.state.get(parameter, {}).get("momentum_buffer")) is not None:
                tensors[f"momentum.{name}"] = momentum
        progress = {
            "recipe": asdict(self.recipe),
            "data": self.data,
            "rates": self.rates,
            "full_rates": self.full_rates,
            "epochs": [asdict(epoch) for epoch in self.history],
            "best": self.history.best,
            "waited": self.waited,
            "drops": self.drops,
        }
        write(tensors, Path(folder, LAST), {"progress": json.dumps(progress)})

    def load(self, folder: str | Path) -> None:
        """Restore the state that `save` wrote.

        Raises:
            ValueError: the state is damaged, or was written with another recipe, on other data or for another model.
        """
        path = Path(folder, LAST)
        tensors, metadata = read(path)
        try:
            progress = json.loads(metadata["progress"])
            recipe, data, rates, full = (progress[name] for name in ("recipe", "data", "rates", "full_rates"))
            epochs = [Epoch(**epoch) for epoch in progress["epochs"]]
            counts = [progress[name] for name in ("best", "waited", "drops")]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is not the state of a training run; give another folder") from None
        for name, value in json.loads(json.dumps(asdict(self.recipe))).items():
            if name != "epochs" and recipe.get(name) != value:
                raise ValueError(f"{path} was trained with {name} {recipe.get(name)}, not {value}; give another folder")
        for name, value in self.data.items():
            if data.get(name) != value:
                there, here = _apart(data.get(name), value)
                raise ValueError(f"{path} was trained on other data: {name} {there}, not {here}; give another folder")
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "best": {}, "momentum": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = value
        moving = self.recipe.momentum != 0
        parameters = {name: value for name, value in self.model.named_parameters() if value.requires_grad and moving}
        same = [
            {name: value.shape for name, value in part.items()}
            for part in (self.model.state_dict(), parts["model"], parts["best"], parameters, parts["momentum"])
        ]
        groups = self.optimizer.param_groups
        if not (same[0] == same[1] == same[2] and same[3] == same[4] and len(rates) == len(groups)):
            raise ValueError(f"{path} holds another model; give another folder")
        self.model.load_state_dict(parts["model"])
        self.best = {name: _like(value, parts["best"][name]) for name, value in self.model.state_dict().items()}
        for name, parameter in parameters.items():
            self.optimizer.state[parameter]["momentum_buffer"] = _like(parameter, parts["momentum"][name])
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], torch.Tensor) else rate
        self.rates, self.full_rates = rates, full
        self.history.epochs[:] = epochs
        self.history.best, self.waited, self.drops = counts


def _named(data):
    """What tells data from other data: the name, the classes, the number of images and a checksum of their labels."""
    parts = {part: getattr(data, part) for part in ("train", "validation", "test")}
    named = {"name": data.name, "classes": list(data.classes)}
    named |= {f"number of images in {name}": len(part) for name, part in parts.items()}
    return named | {f"labels of {name} (checksum)": crc32(part.labels.numpy()) for name, part in parts.items()}


def _layer(name):
    """The layer of a parameter, as the papers write it: "layers.conv1.weight" is of CONV1."""
    return name.split(".")[-2].upper() if "." in name else ""


def _like(tensor, values):
    """The values on the device and in the memory format of a tensor: the update walks raw memory, side by side."""
    return torch.empty_like(tensor).copy_(values)


def _apart(there, here):
    """Two values in a few words: of two lists, what only one of them has."""
    if isinstance(there, list) and isinstance(here, list):
        only = [[value for value in one if value not in other] for one, other in ((there, here), (here, there))]
        there, here = only if any(only) else (there, here)
        return tuple(", ".join(map(str, values[:5])) or "fewer" for values in (there, here))
    return there, here


def order(count: int, seed: int, epoch: int) -> torch.Tensor:
    """Shuffle the indices of the images of an epoch: the same order in every process, and after a resume."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(draw(seed, epoch)))


def draw(*numbers: int) -> int:
    """Draw a seed of 64 bits from several small numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def tensorboard(epochs: Iterable[History], folder: str | Path) -> Iterator[History]:
    """Yield the histories of `epochs`, and write their loss, errors and rate for TensorBoard.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed; `pip install tensorboard` does it.
    """
    from torch.utils.tensorboard import SummaryWriter

    written = 0
    with SummaryWriter(folder) as writer:
        for history in epochs:
            for epoch in history.epochs[written:]:
                for name, value in asdict(epoch).items():
                    if name != "epoch" and value is not None:
                        writer.add_scalar(name, value, epoch.epoch)
            written = len(history.epochs)
            writer.flush()
            yield history


def _require_finite(losses, run, before, folder):
    """Look at the losses of the last steps; `before` steps came in earlier epochs."""
    first = (len(losses) - 1) // CHECK_EVERY * CHECK_EVERY
    bad = ~torch.stack(losses[first:]).isfinite()
    if not bad.any():
        return
    place = first + int(bad.nonzero()[0])
    number, rate = before + place + 1, run.rates[0]
    kept = len(run.history.epochs)
    good = f"the last good state is {Path(folder, LAST)}, of epoch {kept}" if folder and kept else "no state was kept"
    where = f"at step {number:,}, in epoch {kept + 1}, at rate {rate:g}"
    raise NonFiniteLoss(f"the loss is {losses[place].item()} {where}; {good}; lower the rate")


def _what_fits(model, batch_size, machine):
    """What to say when a batch does not fit the memory; with several devices, each has its share of the batch."""
    together, pieces = processes(), machine.accumulate
    share = -(-batch_size // (together * pieces))
    each = f" ({share} at a time on each device)" if together * pieces > 1 else ""
    says = f"batch_size {batch_size}{each} does not fit the memory of {machine}"
    if not hasattr(model, "architecture"):
        return f"{says}; try {max(1, batch_size // 2)}, or --accumulate {2 * pieces}"
    table, room = layer_table(model.architecture), machine.memory()
    fixed, one = table.memory(1), table.memory(2).total - table.memory(1).total
    fits = int((room - (fixed.total - one)) // one)
    counted = f"by the arithmetic, {room / MIB:,.0f} MiB hold {max(fits, 0):,} images in float32"
    if fits >= share:  # workspaces, copies and the gradients of the activations are not counted
        half = f"try {max(1, batch_size // 2)}, or --accumulate {2 * pieces}"
        return f"{says}; {counted}, without workspaces and gradients of activations: {half}"
    if fits <= 0:
        return f"{says}; {counted}: not even the weights fit"
    enough = -(-batch_size // (together * fits))
    return f"{says}; {counted}: try --accumulate {enough}, or a batch of at most {fits * together * pieces}"
