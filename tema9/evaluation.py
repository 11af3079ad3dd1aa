"""The errors of a model on the images of a split, from one crop or ten; of several models, those of their mean too.

Under torchrun each process takes its share of the images.
"""

import contextlib
import math
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from tema9 import augment
from tema9.arithmetic import layer_table
from tema9.data import Split
from tema9.machine import Machine, processes, rank, total
from tema9.views import Views
from tema9.wording import SPANISH, Words


class Score(NamedTuple):
    """The errors of a model on some images: mean cross-entropy in nats; top-1 and top-5 error in %."""

    loss: float
    top1: float
    top5: float


class Ensemble(NamedTuple):
    """The score of each of several models, and that of the mean of their probabilities."""

    each: list[Score]
    together: Score


def evaluate(
    model: nn.Module,
    split: Split,
    machine: Machine | None = None,
    ten_crops: bool = False,
    batch_size: int | None = None,
    progress: bool = False,
    words: Words = SPANISH,
) -> Score:
    """Measure the errors of a model on every image of a split; the model is left in evaluation mode.

    Args:
        model: (N, C, H, W) -> (N, classes), logits. It sees the images through its `views`, as
            `train` leaves them with it; a model without them sees bytes as floats from 0 to 1.
        split: the images and their labels.
        machine: where to compute, and in which precision; by default where the model is, in float32.
        ten_crops: average the probabilities of ten crops of each image, not the central one alone.
        batch_size: images at a time; by default 250, and on a GPU what fills it, see `fitting`.
        progress: draw a progress bar on the standard output.
        words: the language of the progress bar.

    Raises:
        ValueError: ten crops are asked for, and the model's views have no `crop`.

    Source:
        Krizhevsky, Sutskever and Hinton (2012), sections 4.1 and 6.
    """
    return ensemble([model], split, machine, ten_crops, batch_size, progress, words).together


@torch.no_grad()
def ensemble(
    models: Iterable[nn.Module],
    split: Split,
    machine: Machine | None = None,
    ten_crops: bool = False,
    batch_size: int | None = None,
    progress: bool = False,
    words: Words = SPANISH,
) -> Ensemble:
    """Measure the errors of several models, and those of the mean of their probabilities.

    Under torchrun each process takes its share of the images, and each gets the score of all.

    Args:
        models: one or more, each as for `evaluate`.
        split, machine, ten_crops, batch_size, progress, words: as for `evaluate`.

    Raises:
        ValueError: there is no model, or ten crops are asked for and the views of one have no `crop`.

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 6.
    """
    models = list(models)
    if not models:
        raise ValueError("models is empty; give one or more")
    machine = machine or Machine.of(models[0])
    for model in models:
        model.eval()
    sums = []
    for each, labels in _answers(models, split, machine, ten_crops, batch_size, progress, words):
        sums.append(torch.stack([_sums(logs, labels) for logs in (*each, _mean(each))]))
    nothing = torch.zeros(1, len(models) + 1, 3, dtype=torch.float64)  # a process's share of little may be empty
    added = torch.cat([nothing, torch.stack(sums).cpu().double()] if sums else [nothing]).sum(dim=0)  # waits once
    means = (total(added, machine.device) / len(split)).tolist()
    *each, together = (Score(loss, 100 * wrong, 100 * missed) for loss, wrong, missed in means)
    return Ensemble(each, together)


class Examined(NamedTuple):
    """The score of a model on some images, and how often it took each class for each.

    confusion: (classes, classes), int64; a row for each class of the images, a column for each answer.
    """

    score: Score
    confusion: torch.Tensor

    def errors(self) -> torch.Tensor:
        """The top-1 error of each class, in %; not a number for a class without images. Shape: (classes,)."""
        return 100 * (1 - self.confusion.diagonal() / self.confusion.sum(dim=1))


@torch.no_grad()
def examine(
    model: nn.Module,
    split: Split,
    machine: Machine | None = None,
    ten_crops: bool = False,
    batch_size: int | None = None,
    progress: bool = False,
    words: Words = SPANISH,
) -> Examined:
    """Measure the errors of a model as `evaluate` does, and which classes it takes for which.

    Args:
        model, split, machine, ten_crops, batch_size, progress, words: as for `evaluate`.

    Raises:
        ValueError: as `evaluate`.
    """
    machine = machine or Machine.of(model)
    model.eval()
    sums, confusion = [], torch.zeros(0, dtype=torch.int64, device=machine.device)
    for (logs,), labels in _answers([model], split, machine, ten_crops, batch_size, progress, words):
        classes = logs.shape[1]
        confusion = confusion if len(confusion) else confusion.new_zeros(classes**2)
        confusion.index_add_(0, labels * classes + logs.argmax(dim=1), torch.ones_like(labels))
        sums.append(_sums(logs, labels))
    added = total(torch.stack(sums).cpu().double().sum(dim=0), machine.device) / len(split)
    loss, wrong, missed = added.tolist()
    counted = total(confusion, machine.device).cpu()
    return Examined(Score(loss, 100 * wrong, 100 * missed), counted.view(math.isqrt(len(counted)), -1))


@torch.no_grad()
def predict(
    model: nn.Module, images: torch.Tensor, machine: Machine | None = None, ten_crops: bool = False
) -> torch.Tensor:
    """Return the probability that a model gives each class, for each of some images.

    Args:
        model, machine, ten_crops: as for `evaluate`.
        images: (N, C, H, W), bytes.

    Shape:
        (N, C, H, W) -> (N, classes), float32, on the CPU; each row adds up to 1.

    Raises:
        ValueError: as `evaluate`.
    """
    machine = machine or Machine.of(model)
    model.eval()
    return _log_probabilities(model, machine.upload(images), machine, ten_crops).exp().cpu()


def fitting(model: nn.Module, machine: Machine, ten_crops: bool = False) -> int:
    """Return how many images to evaluate at a time: 250, and on a GPU as many as fill it, from 32 to 4,096.

    There they are those whose crops and activations, all of them in float32, take an eighth of the memory by the
    arithmetic.
    """
    architecture = getattr(model, "architecture", None)
    if machine.device.type != "cuda" or architecture is None:
        return 250
    table = layer_table(architecture)
    each = table.memory(2).total - table.memory(1).total + 10 * ten_crops * table.memory(1).input
    return max(32, min(4096, machine.memory() // 8 // each))


def _answers(models, split, machine, ten_crops=False, batch_size=None, progress=False, words=SPANISH):
    """Yield, batch by batch of this process's share, the log-probabilities of each model, and the labels."""
    batch_size = batch_size or min(fitting(model, machine, ten_crops) for model in models)
    own = torch.arange(rank(), len(split), processes())
    places, labels = machine.places(split.images, own), split.labels[machine.places(split.labels, own)]
    off = not (progress and rank() == 0)
    bar: dict[str, Any] = {"unit": words.batch, "file": sys.stdout, "disable": off, "leave": False}
    parts = places.split(batch_size) if len(own) else ()
    with contextlib.closing(machine.stream(split.images, parts)) as read:
        batches = zip(read, machine.upload(labels).split(batch_size), strict=False)
        for images, right in tqdm(batches, words.evaluating, len(parts), **bar):
            yield [_log_probabilities(model, images, machine, ten_crops) for model in models], right


def _log_probabilities(model, images, machine, ten_crops):
    """(N, classes), the logarithms of what a model gives each class, in float32."""
    views = getattr(model, "views", Views())
    if ten_crops and views.crop is None:
        raise ValueError("ten_crops needs the side of the crops; train with a recipe that has a crop")
    crops = augment.ten_crops(views.uncropped(images), views.crop) if ten_crops else [views.evaluation(images)]
    with machine.autocast():
        return _mean([model(machine.arrange(crop)).float().log_softmax(dim=1) for crop in crops])


def _mean(logs):
    """The logarithm of the mean of several probabilities, from their logarithms."""
    return logs[0] if len(logs) == 1 else torch.stack(logs).logsumexp(dim=0) - math.log(len(logs))


def _sums(logs, labels):
    """(3,): over some images, the loss, how often the best is wrong, how often none of the best five is right."""
    right = logs.topk(min(5, logs.shape[1]), dim=1).indices == labels[:, None]
    loss = F.nll_loss(logs, labels, reduction="sum")
    return torch.stack([loss, (~right[:, 0]).sum(), (~right.any(dim=1)).sum()])
