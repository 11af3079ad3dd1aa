"""Our loop against a bare hand-written one, and against Lightning: ratios from one run.

    python benchmarks/training.py [--repeats 7] [--threads N] [--quick]

Each repetition trains the same model on the same tensors for the same steps, one way after the
other, so that what else the machine does falls on all of them. All of them validate after each
epoch. Lightning comes with `pip install -e ".[bench]"`.
"""

import argparse
import importlib.util
import logging
import statistics
import time
import warnings
from dataclasses import replace

import torch
import torch.nn.functional as F
from machine import describe  # benchmarks/machine.py
from tqdm import tqdm

from tema9 import machine, models, recipes, training
from tema9.data import Data, Split, digits, textures
from tema9.views import Views


def ours(model, data, recipe):
    training.train(model, data, recipe, progress=False)


def chosen(model, data, recipe):
    """Ours on the machine that `tema9 train` chooses: channels last."""
    training.train(model, data, recipe, progress=False, machine=machine.choose())


def bare(model, data, recipe):
    """The loop as one would write it by hand: forward, loss, backward, fused step; validation."""
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
    )
    images, labels = data.train.images, data.train.labels
    views = Views.of(images, recipe)
    for _ in range(recipe.epochs):
        model.train()
        for batch in torch.randperm(len(labels)).split(recipe.batch_size):
            inputs = images[batch]
            if recipe.crop or recipe.flip or recipe.lighting:
                inputs = views.training(inputs)
            loss = F.cross_entropy(model(inputs), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in zip(data.validation.images.split(250), data.validation.labels.split(250), strict=True):
                logits = model(views.evaluation(x))
                F.cross_entropy(logits, y).item()
                (logits.argmax(1) != y).sum().item()


def lightning(model, data, recipe):
    """Lightning's Trainer, bare-boned, and a DataLoader."""
    import lightning as L
    from torch.utils.data import DataLoader, TensorDataset

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model

        def training_step(self, batch, _):
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch, _):
            logits = self.model(batch[0])
            F.cross_entropy(logits, batch[1])
            (logits.argmax(1) != batch[1]).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(
                self.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
            )

    def loader(split, **how):
        return DataLoader(TensorDataset(split.images, split.labels), **how)

    trainer = L.Trainer(max_epochs=recipe.epochs, accelerator="cpu", barebones=True)
    batches = loader(data.train, batch_size=recipe.batch_size, shuffle=True)
    trainer.fit(Module(), batches, loader(data.validation, batch_size=250))


def seconds(way, make, data, recipe):
    torch.manual_seed(0)
    model = make()
    started = time.perf_counter()
    way(model, data, recipe)
    return time.perf_counter() - started


def compare(title, ways, make, data, recipe, repeats):
    """Print what each way takes and the ratio of each to the first, repetition by repetition."""
    times = {way.__name__: [] for way in ways}
    for way in ways:
        seconds(way, make, data, recipe)  # warms up
    for repeat in tqdm(range(repeats), title, leave=False):
        for way in ways[:: 1 if repeat % 2 else -1]:  # who goes first alternates
            times[way.__name__].append(seconds(way, make, data, recipe))
    print(title)
    for name, measured in times.items():
        ratios = sorted(other / own for other, own in zip(measured, times[ways[0].__name__], strict=True))
        epoch = statistics.median(measured) / recipe.epochs
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"  {name:10} {epoch:7.3f} s an epoch; takes {statistics.median(ratios):.2f} times the first ({spread})")


def floats(data):
    """The same set as normalised crops of 59 px, so that there is nothing to do but to train."""
    views = Views.of(data.train.images, recipes.ALEXNET_MINI)
    parts = (data.train, data.validation, data.test)
    return Data(data.name, data.classes, *(Split(views.evaluation(part.images), part.labels) for part in parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--quick", action="store_true", help="small and once: to see that it runs")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.ERROR)
    print(describe())
    repeats = 1 if arguments.quick else arguments.repeats
    lenet = replace(recipes.LENET5_DIGITS, batch_size=64, epochs=1 if arguments.quick else 8)
    mini = replace(recipes.ALEXNET_MINI, epochs=1 if arguments.quick else 4)
    numbers = digits(validation=430, test=10) if arguments.quick else digits()
    patches = textures(train=4, validation=1, test=1) if arguments.quick else textures()
    compare("LeNet-5 on digits, batch 64", (ours, bare), models.LeNet5, numbers, lenet, repeats)
    if importlib.util.find_spec("lightning"):
        ways = (chosen, ours, lightning)
        compare("LeNet-5, as tema9 train runs it, and Lightning", ways, models.LeNet5, numbers, lenet, repeats)
    else:
        print('Lightning is not installed: pip install -e ".[bench]"')
    build = lambda: models.build("alexnet_mini")  # noqa: E731
    plain = replace(mini, crop=None, flip=False, lighting=0.0)
    compare("mini-AlexNet on textures, batch 32", (ours, bare), build, floats(patches), plain, repeats)
    compare("the same with crops, flips and lighting", (ours, bare), build, patches, mini, repeats)


if __name__ == "__main__":
    main()
