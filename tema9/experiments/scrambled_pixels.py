"""LeNet-5 and a perceptron of the same size, on digits in order and with scrambled pixels: for notebook 1.

`python -m tema9.experiments.scrambled_pixels`, 2 minutes. The permutation of the pixels is that of the notebook.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from tema9 import data, experiments, models, recipes, training

SEEDS, EPOCHS = (0, 1, 2, 3), 12


def perceptron() -> nn.Sequential:
    """A hidden layer of 60 neurons, which gives the network 62,110 parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 60), nn.ReLU(), nn.Linear(60, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"LeNet-5": models.LeNet5, "MLP": perceptron}


def scrambled(digits: data.Data) -> data.Data:
    """The digits with one permutation of the 1,024 pixels, the same for all images."""
    order = torch.randperm(32 * 32, generator=torch.Generator().manual_seed(0))

    def scramble(split: data.Split) -> data.Split:
        images = split.images[:]
        return data.Split(images.flatten(1)[:, order].view_as(images), split.labels)

    return replace(
        digits, train=scramble(digits.train), validation=scramble(digits.validation), test=scramble(digits.test)
    )


def run(network: str, pixels: str, seed: int, digits: data.Data, epochs: int = EPOCHS) -> dict[str, Any]:
    """Train a network with the recipe of the notebook; return the row of the log, with its error in %."""
    torch.manual_seed(seed)
    model = NETWORKS[network]()
    training.train(model, digits, replace(recipes.LENET5_DIGITS, epochs=epochs), progress=False)
    error = training.evaluate(model, digits.test).top1
    return {"network": network, "pixels": pixels, "seed": seed, "epochs": epochs, "test_error": round(error, 2)}


def main() -> None:
    """Train both networks on both kinds of pixels with every seed, and write the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    digits = data.digits()
    sets = {"in order": digits, "scrambled": scrambled(digits)}
    jobs = [(network, pixels, seed) for network in NETWORKS for pixels in sets for seed in SEEDS]
    rows = [run(network, pixels, seed, sets[pixels]) for network, pixels, seed in tqdm(jobs, unit="run")]
    experiments.write(out, "python -m tema9.experiments.scrambled_pixels", rows)


if __name__ == "__main__":
    main()
