"""The mini-AlexNet on textures, one factor changed at a time, for notebook 4.

`python -m tema9.experiments.one_factor`, 8 minutes on 2 cores. Every variant is trained with the same
recipe and the same three seeds.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from tema9 import evaluation, experiments, hardware, models, recipes, training
from tema9.architectures import ALEXNET_MINI, LRN, Architecture, Dropout, revise
from tema9.data import textures

SEEDS, EPOCHS = (0, 1, 2), 60
NON_OVERLAPPING = {name: {"kernel_size": 2} for name in ("POOL1", "POOL2", "POOL3")}


def without(kind: type) -> Architecture:
    """The mini-AlexNet without the layers of a kind."""
    return replace(ALEXNET_MINI, layers=tuple(layer for layer in ALEXNET_MINI.layers if not isinstance(layer, kind)))


RECIPE = replace(recipes.ALEXNET_MINI, epochs=EPOCHS)
VARIANTS = {
    "base": (ALEXNET_MINI, RECIPE),
    "sin LRN": (without(LRN), RECIPE),
    "sin dropout": (without(Dropout), RECIPE),
    "pooling 2 × 2, paso 2": (revise(ALEXNET_MINI, layers=NON_OVERLAPPING), RECIPE),
    "sin espejo ni luz": (ALEXNET_MINI, replace(RECIPE, flip=False, lighting=0.0)),
    "sin momento": (ALEXNET_MINI, replace(RECIPE, momentum=0.0)),
}


def run(job: tuple[str, int]) -> dict[str, Any]:
    """Train one variant with one seed and return its row of the log.

    Args:
        job: the name of the variant and the seed.
    """
    torch.set_num_threads(1)
    variant, seed = job
    architecture, recipe = VARIANTS[variant]
    data = textures()
    torch.manual_seed(seed)
    model = models.stack(architecture, len(data.classes))
    models.initialise(model, architecture.initialisation)
    history = training.train(model, data, replace(recipe, seed=seed), progress=False)
    score = evaluation.evaluate(model, data.test)
    return {
        "variant": variant,
        "seed": seed,
        "test_error": round(score.top1, 2),
        "validation_error": round(min(history.column("validation_error")), 2),
        "train_loss": round(history.epochs[-1].train_loss, 4),
        "epochs": len(history.epochs),
    }


def main() -> None:
    """Train every variant with every seed and write the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--workers", type=int, default=hardware.cores(), help="processes; one per core by default")
    arguments = parser.parse_args()
    jobs = [(variant, seed) for variant in VARIANTS for seed in SEEDS]
    context = multiprocessing.get_context("spawn")  # forking a process that runs threads can hang
    with ProcessPoolExecutor(arguments.workers, context) as pool:
        rows = list(tqdm(pool.map(run, jobs), total=len(jobs), unit="run"))
    experiments.write(arguments.out, "python -m tema9.experiments.one_factor", rows)


if __name__ == "__main__":
    main()
