"""Epochs to bring the training error below 5 %, ReLU against tanh, each at several rates: for notebook 3.

`python -m tema9.experiments.relu_or_tanh`, 4 minutes. A net of four layers on the digits, as the
paper's figure 1 has one of four layers on CIFAR-10, without regularisation.
"""

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

NONLINEARITIES = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
SEEDS, BATCH, EPOCHS, TARGET = (0, 1, 2), 64, 16, 5.0  # TARGET in %
LOOKS = 4  # times an epoch that the training error is measured


def network(nonlinearity: str) -> nn.Sequential:
    """A network of two convolutions and two dense layers, with one of NONLINEARITIES."""
    act = NONLINEARITIES[nonlinearity]
    first = [nn.Conv2d(1, 8, 5), act(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), act(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(400, 64), act(), nn.Linear(64, 10))


def errors(
    nonlinearity: str, rate: float, seed: int, images: torch.Tensor, labels: torch.Tensor, epochs: int = EPOCHS
) -> Iterator[tuple[float, float]]:
    """Train a network and yield (epochs so far, training error in %), LOOKS times an epoch."""
    torch.manual_seed(seed)
    model, generator = network(nonlinearity), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    steps = -(-len(labels) // BATCH)
    for epoch in range(epochs):
        for step, batch in enumerate(torch.randperm(len(labels), generator=generator).split(BATCH), 1):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
            if step * LOOKS // steps > (step - 1) * LOOKS // steps:
                with torch.no_grad():
                    wrong = model(images).argmax(1) != labels
                yield epoch + step / steps, 100 * int(wrong.sum()) / len(labels)


def run(nonlinearity: str, rate: float, seed: int, images: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    """Train until the error is below the target or the last epoch is over; return the row of the log."""
    for epochs, error in errors(nonlinearity, rate, seed, images, labels):  # noqa: B007
        if error < TARGET:
            break
    reached = error < TARGET
    return {
        "nonlinearity": nonlinearity,
        "rate": rate,
        "seed": seed,
        "reached": int(reached),
        "epochs": round(epochs, 2),
        "train_error": round(error, 2),
    }


def main() -> None:
    """Run every nonlinearity with every rate and seed, and write the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    train = digits().train
    jobs = [(kind, rate, seed) for kind in NONLINEARITIES for rate in RATES for seed in SEEDS]
    rows = [run(kind, rate, seed, train.images[:], train.labels) for kind, rate, seed in tqdm(jobs, unit="run")]
    experiments.write(out, "python -m tema9.experiments.relu_or_tanh", rows)


if __name__ == "__main__":
    main()
