"""One readable loop: forward, loss, backward, step, record.

The model comes from outside, and so does the data, whole, as tensors; saving is one
call at the end.
"""

import contextlib
import csv
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
import torch.nn.functional as F
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


def train(model, data, recipe, progress=True):
    """Train `model` and leave it with the weights of its best epoch.

    An interrupted run (Ctrl-C) keeps the best weights so far and returns.

    Args:
        model: (N, C, H, W) -> (N, classes), logits; on any device.
        data: a `data.Data`.
        recipe: a `recipes.Recipe`.
        progress: draw a progress bar on the standard output.

    Returns:
        a History.

    Raises:
        NonFiniteLoss: with the epoch and the rate.
        ValueError: the batch is larger than the training part, or a number is not positive.
    """
    _require(recipe, len(data.train))
    device = next(model.parameters()).device
    images, labels = data.train.images.to(device), data.train.labels.to(device)
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    history, best_error, best, waited, drops = History(), math.inf, None, 0, 0
    bar = tqdm(range(1, recipe.epochs + 1), "training", unit="epoch", file=sys.stdout, disable=not progress)
    try:
        for epoch in bar:
            started, losses = time.perf_counter(), []
            model.train()
            order = torch.randperm(len(labels), generator=generator).to(device)
            for batch in order.split(recipe.batch_size):
                loss = F.cross_entropy(model(images[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach() * len(batch))  # the last batch may be short
            train_loss = float(torch.stack(losses).sum() / len(labels))
            rate = optimizer.param_groups[0]["lr"]
            if not math.isfinite(train_loss):
                raise NonFiniteLoss(f"the loss of epoch {epoch} is {train_loss}, at rate {rate:g}; lower the rate")
            validation_loss, error = evaluate(model, data.validation)
            history.epochs.append(Epoch(epoch, rate, train_loss, validation_loss, error, time.perf_counter() - started))
            bar.set_postfix_str(f"loss {train_loss:.3f}, validation error {error:.1f} %")
            if error < best_error:
                best_error, history.best, waited = error, epoch, 0
                best = {name: value.detach().clone() for name, value in model.state_dict().items()}
            else:
                waited += 1
            if waited >= recipe.patience and drops < recipe.drops:
                waited, drops = 0, drops + 1
                for group in optimizer.param_groups:
                    group["lr"] *= recipe.factor
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"interrupted: {len(history.epochs)} whole epochs kept")
    if best is not None:
        model.load_state_dict(best)
    return history


@torch.no_grad()
def evaluate(model, split, batch_size=500):
    """Return (loss, error): the mean cross-entropy in nats, and the top-1 error in %."""
    device = next(model.parameters()).device
    model.eval()
    loss, wrong = 0.0, 0
    for images, labels in zip(split.images.split(batch_size), split.labels.split(batch_size), strict=True):
        logits, labels = model(images.to(device)), labels.to(device)
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        wrong += int((logits.argmax(dim=1) != labels).sum())
    return loss / len(split), 100 * wrong / len(split)


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
