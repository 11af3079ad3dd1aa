"""One readable loop: forward, loss, backward, step, record.

The model comes from outside, and so does the data, whole, as tensors; saving is one
call at the end of an epoch.
"""

import contextlib
import csv
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tqdm import tqdm


@dataclass(frozen=True)
class Epoch:
    """What one epoch leaves on record. Errors are top-1, in %; seconds are of the wall."""

    epoch: int
    learning_rate: float
    train_loss: float
    validation_loss: float
    validation_error: float
    seconds: float


@dataclass
class History:
    """The epochs of a run, in order, and the epoch whose weights the model keeps.

    interrupted: whether Ctrl-C ended the run before its last epoch.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    interrupted: bool = False

    def __iter__(self):
        return iter(self.epochs)

    def column(self, name):
        """One quantity of every epoch, as a list."""
        return [getattr(epoch, name) for epoch in self.epochs]

    def to_csv(self, path):
        """Write one line per epoch."""
        with _whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Epoch)])
            writer.writeheader()
            writer.writerows(map(asdict, self.epochs))


class NonFiniteLoss(RuntimeError):
    """The loss became infinite or not a number."""


def train(model, data, recipe, progress=True, folder=None):
    """Train `model` and leave it with the weights of its best epoch.

    An interrupted run (Ctrl-C) keeps the best weights so far and returns. With a
    `folder`, every epoch is kept there, and a run that stopped goes on where it was:
    on a CPU it ends with the very weights of one that never stopped.

    Args:
        model: (N, C, H, W) -> (N, classes), logits; on any device.
        data: a `data.Data`.
        recipe: a `recipes.Recipe`.
        progress: draw a progress bar on the standard output.
        folder: where to keep `last.safetensors`, the state after the last whole epoch.

    Returns:
        a History.

    Raises:
        NonFiniteLoss: with the epoch and the rate.
        ValueError: the batch is larger than the training part, a number is not positive,
            or the folder holds a run with another recipe or another model.
    """
    _require(recipe, len(data.train))
    device = next(model.parameters()).device
    images, labels = data.train.images, data.train.labels.to(device)
    if isinstance(images, torch.Tensor):
        images = images.to(device)  # else they lie on disk and come by batches
    run, last = Run(model, recipe), Path(folder) / LAST if folder else None
    if last and last.is_file():
        run.load(last)
    history = run.history
    epochs = range(len(history.epochs) + 1, recipe.epochs + 1)
    bar = tqdm(epochs, "training", unit="epoch", file=sys.stdout, disable=not progress)
    try:
        for epoch in bar:
            started, losses = time.perf_counter(), []
            model.train()
            order = torch.randperm(len(labels), generator=run.generator).to(device)
            for batch in order.split(recipe.batch_size):
                loss = F.cross_entropy(model(as_input(images[batch], device)), labels[batch])
                run.optimizer.zero_grad()
                loss.backward()
                run.optimizer.step()
                losses.append(loss.detach() * len(batch))  # the last batch may be short
            train_loss = float(torch.stack(losses).sum() / len(labels))
            if not math.isfinite(train_loss):
                rate = run.optimizer.param_groups[0]["lr"]
                raise NonFiniteLoss(f"the loss of epoch {epoch} is {train_loss}, at rate {rate:g}; lower the rate")
            validation_loss, error = evaluate(model, data.validation)
            run.record(train_loss, validation_loss, error, time.perf_counter() - started)
            bar.set_postfix_str(f"loss {train_loss:.3f}, validation error {error:.1f} %")
            if last:
                run.save(last)
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"interrupted: {len(history.epochs)} whole epochs kept")
    if run.best:
        model.load_state_dict(run.best)
    return history


LAST = "last.safetensors"


class Run:
    """All that a training run carries from one epoch to the next.

    Args:
        model: what is trained.
        recipe: a `recipes.Recipe`.
    """

    def __init__(self, model, recipe):
        self.model, self.recipe, self.history = model, recipe, History()
        biases = {name for name, _ in model.named_parameters() if name.split(".")[-1] == "bias"}
        weights = [parameter for name, parameter in model.named_parameters() if name not in biases]
        others = [parameter for name, parameter in model.named_parameters() if name in biases]
        groups = [
            {"params": weights},
            {
                "params": others,
                "lr": recipe.learning_rate * recipe.bias_rate,
                "weight_decay": recipe.weight_decay if recipe.bias_decay else 0.0,
            },
        ]
        self.optimizer = torch.optim.SGD(
            [group for group in groups if group["params"]],
            recipe.learning_rate,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.generator = torch.Generator().manual_seed(recipe.seed)  # of the order of the images
        self.best, self.waited, self.drops = {}, 0, 0

    def record(self, train_loss, validation_loss, error, seconds):
        """Add an epoch to the history, keep its weights if it is the best, lower the rate if it is time."""
        history, rate = self.history, self.optimizer.param_groups[0]["lr"]
        better = not history.epochs or error < history.epochs[history.best - 1].validation_error
        number = len(history.epochs) + 1
        history.epochs.append(Epoch(number, rate, train_loss, validation_loss, error, seconds))
        if better:
            history.best, self.waited = number, 0
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        else:
            self.waited += 1
        if self.waited >= self.recipe.patience and self.drops < self.recipe.drops:
            self.waited, self.drops = 0, self.drops + 1
            self.lower_rate(self.recipe.factor)

    def lower_rate(self, factor):
        """Multiply every rate by `factor`.

        torch keeps the rate outside its momentum buffers, v = -rate * buffer. To go on
        with the velocity of the printed rule, the buffers grow as the rate shrinks.
        """
        for group in self.optimizer.param_groups:
            group["lr"] *= factor
        if self.recipe.rate_in_velocity:
            for state in self.optimizer.state.values():
                state["momentum_buffer"] /= factor

    def save(self, path):
        """Write everything to one safetensors file; a failure leaves the old file as it was."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors[f"momentum.{number}"] = state["momentum_buffer"]
        tensors |= {"order": self.generator.get_state(), "random": torch.get_rng_state()}
        progress = {
            "recipe": asdict(self.recipe),
            "rates": [group["lr"] for group in self.optimizer.param_groups],
            "epochs": [asdict(epoch) for epoch in self.history],
            "best": self.history.best,
            "waited": self.waited,
            "drops": self.drops,
        }
        with _whole(path) as temporary:
            packed = {name: value.detach().contiguous() for name, value in tensors.items()}
            save_file(packed, temporary, metadata={"progress": json.dumps(progress)})

    def load(self, path):
        """Go on from what `save` wrote.

        Raises:
            ValueError: it was written with another recipe, or for another model.
        """
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        for name, value in asdict(self.recipe).items():
            if name != "epochs" and progress["recipe"].get(name) != value:
                there = progress["recipe"].get(name)
                raise ValueError(f"{path} was trained with {name} {there}, not {value}; give another folder")
        device = next(self.model.parameters()).device
        state, best = (
            {name.removeprefix(part): value.to(device) for name, value in tensors.items() if name.startswith(part)}
            for part in ("model.", "best.")
        )
        try:
            self.model.load_state_dict(state)
        except RuntimeError:
            raise ValueError(f"{path} holds another model; give another folder") from None
        self.best = best
        optimizer = self.optimizer.state_dict()
        momenta = {int(name.split(".")[1]): value for name, value in tensors.items() if name.startswith("momentum.")}
        optimizer["state"] = {number: {"momentum_buffer": value} for number, value in momenta.items()}
        for group, rate in zip(optimizer["param_groups"], progress["rates"], strict=True):
            group["lr"] = rate
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(tensors["order"])
        torch.set_rng_state(tensors["random"])
        self.history.epochs[:] = [Epoch(**epoch) for epoch in progress["epochs"]]
        self.history.best, self.waited, self.drops = progress["best"], progress["waited"], progress["drops"]


@torch.no_grad()
def evaluate(model, split, batch_size=500):
    """Return (loss, error): the mean cross-entropy in nats, and the top-1 error in %."""
    device = next(model.parameters()).device
    model.eval()
    loss, wrong = 0.0, 0
    for images, labels in zip(split.images.split(batch_size), split.labels.split(batch_size), strict=True):
        logits, labels = model(as_input(images, device)), labels.to(device)
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        wrong += int((logits.argmax(dim=1) != labels).sum())
    return loss / len(split), 100 * wrong / len(split)


def as_input(images, device):
    """Move a batch to the device; bytes from 0 to 255 become floats from 0 to 1.

    Shape: (N, C, H, W) -> the same, in floats.
    """
    images = images.to(device)
    return images.float() / 255 if images.dtype == torch.uint8 else images


def save(model, path):
    """Write the weights to a safetensors file; a failure leaves the old file as it was."""
    with _whole(path) as temporary:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, temporary)


def load(model, path):
    """Read the weights that `save` wrote into `model`, and return it."""
    model.load_state_dict(load_file(path))
    return model


@contextlib.contextmanager
def _whole(path):
    """Yield a temporary path beside `path` that takes its name once everything is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _require(recipe, images):
    for name in ("batch_size", "epochs", "learning_rate"):
        if getattr(recipe, name) <= 0:
            raise ValueError(f"{name} {getattr(recipe, name)} is not positive")
    if recipe.batch_size > images:
        raise ValueError(f"batch_size {recipe.batch_size} is more than the {images} images to train on")
