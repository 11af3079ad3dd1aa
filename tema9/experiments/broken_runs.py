"""Six training runs, each with one fault, for notebook 4: `python -m tema9.experiments.broken_runs`, 20 seconds."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from tema9 import experiments
from tema9.data import digits

EPOCHS, BATCH, REPEATS, IMAGES = 30, 50, 5, 2000
FAULTS = {
    "A": "no-eval",
    "B": "rate-too-high",
    "C": "softmax-twice",
    "D": "augmented-validation",
    "E": "labels-shifted",
    "F": "no-shuffle",
}


def moved(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift each image by up to 6 px and mirror half of them, as augmentation does."""
    padded = F.pad(images, (6, 6, 6, 6), value=-0.1)
    places = torch.randint(13, (len(images), 2), generator=generator).tolist()
    cut = torch.stack([image[:, y : y + 32, x : x + 32] for image, (y, x) in zip(padded, places, strict=True)])
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored, cut.flip(3), cut)


@torch.no_grad()
def measure(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, training: bool = False
) -> tuple[float, float, float, float]:
    """Return loss in nats, error in %, the mean largest probability and the share of the commonest answer."""
    logits = model.train(training)(images)
    error = 100 * (logits.argmax(1) != labels).float().mean().item()
    confidence = logits.softmax(1).max(1).values.mean().item()
    often = logits.argmax(1).bincount().max().item() / len(labels)
    return F.cross_entropy(logits, labels).item(), error, confidence, often


def run(letter: str) -> Iterator[dict[str, Any]]:
    """Train the run called `letter`, with its fault, and yield a row of its log after each epoch."""
    fault, data, generator = FAULTS[letter], digits(), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    images, labels = data.train.images[:IMAGES], data.train.labels[:IMAGES]
    proper, answers = data.validation.images[:], data.validation.labels
    shown = moved(proper, generator) if fault == "augmented-validation" else proper
    taught = labels.roll(1) if fault == "labels-shifted" else labels
    layers = [nn.Flatten(), nn.Linear(1024, 300), nn.ReLU(), nn.Dropout(0.5), nn.Linear(300, 10)]
    model = nn.Sequential(*layers, *([nn.Softmax(dim=1)] if fault == "softmax-twice" else []))
    rate = 2.0 if fault == "rate-too-high" else 0.05
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    in_order = labels.sort(stable=True).indices
    for epoch in range(1, EPOCHS + 1):
        model.train()
        order = in_order if fault == "no-shuffle" else torch.randperm(IMAGES, generator=generator)
        losses = []
        for batch in order.split(BATCH):
            loss = F.cross_entropy(model(images[batch]), taught[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        forgets = fault == "no-eval"
        validations = [measure(model, shown, answers, training=forgets) for _ in range(REPEATS)]
        errors = [error for _, error, *_ in validations]
        validation_loss, validation_error, confidence, often = validations[0]
        yield {
            "run": letter,
            "epoch": epoch,
            "train_loss": round(sum(losses) / len(losses), 4),
            "validation_loss": round(validation_loss, 4),
            "train_error": round(measure(model, images, taught)[1], 2),
            "validation_error": round(validation_error, 2),
            "confidence": round(confidence, 3),
            "commonest": round(100 * often, 1),
            "best_batch": round(min(losses), 3),
            "worst_batch": round(max(losses), 3),
            "repeat_spread": round(max(errors) - min(errors), 2),
            "proper_error": round(measure(model, proper, answers)[1], 2),
        }


def main() -> None:
    """Run all six and write the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    rows = [row for letter in tqdm(FAULTS, unit="run") for row in run(letter)]
    experiments.write(out, "python -m tema9.experiments.broken_runs", rows)


if __name__ == "__main__":
    main()
