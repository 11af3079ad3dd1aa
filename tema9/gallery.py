"""The figures of the deck by name, each drawn from its data; `tema9 figures` writes them."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import ArrayLike
from torch import nn

from tema9 import data, figures, layers, looking, models, records
from tema9.architectures import ARCHITECTURES
from tema9.arithmetic import crossing_values, layer_table
from tema9.files import atomic_write

# What each format of file says of itself. Without a date, a figure that did not change is the same file.
METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}

# The changes of 2012, in Spanish: (what changed, changed run, base run, views of each).
CHANGES = (
    ("sin LRN", "148", "145", ("multi", "multi")),
    ("sin comunicación entre las GPU", "150", "145", ("multi", "multi")),
    ("pooling sin solapar", "147", "145", ("multi", "multi")),
    ("una GPU, con la mitad de filtros", "145-half", "145-2010", ("multi", "multi")),
    ("un recorte en vez de diez vistas", "145-2010", "145-2010", ("centre", "multi")),
    ("pooling antes que LRN (capa 1)", "120-2012", "131", ("multi", "multi")),
)

SHAPES = {"circle": "círculo", "ring": "anillo", "square": "cuadrado", "triangle": "triángulo", "cross": "cruz"}
TEXTURES = {
    "brick": "ladrillo",
    "grass": "hierba",
    "gravel": "grava",
    "coffee": "café",
    "flower": "flor",
    "fur": "pelo",
    "motorcycle": "moto",
    "retina": "retina",
    "stars": "estrellas",
    "tissue": "tejido",
}


def zfnet() -> Figure:
    """ZFNet as in figure 3 of its paper, above what the slide says to the letter."""
    figure, (paper, slide) = plt.subplots(2, 1, figsize=(10, 9), layout=ConstrainedLayoutEngine(h_pad=0.15))
    for ax, name, words in (
        (paper, "zfnet_paper", "La del artículo (figura 3)"),
        (slide, "zfnet_slide_512", "La diapositiva, al pie de la letra"),
    ):
        table = layer_table(name)
        figures.volumes(table, ax)
        millions = figures.spanish(table.total("parameters") / 1e6, 1)
        ax.set_title(f"{words}: {millions} millones de parámetros", fontsize=figures.HEADING, loc="left")
    return figure


def lanes() -> Axes:
    """The two GPUs beside the deck's list of layers, with what crosses in bold."""
    table = layer_table("caffenet")
    crossing = crossing_values(table)
    return figures.lanes(table, crossing, list(crossing))


def ablation() -> Axes:
    """The top-5 error that each change of 2012 costs, with the noise of the sample."""
    rows = [(words, *records.difference(changed, base, views=views)) for words, changed, base, views in CHANGES]
    return figures.differences(rows)


def notes(run: str) -> list[dict[str, Any]]:
    """The rows of the schedule that Krizhevsky changed by hand during a run of 2012."""
    return [row for row in records.read("schedule") if str(row["run"]) == run]


def lrn() -> Axes:
    """An activation after the paper's normalisation, beside neighbours of several strengths."""
    x = torch.linspace(0, 200, 101)
    curves = {}
    for neighbours in (0, 100, 200):
        maps = torch.full((len(x), 5, 1, 1), float(neighbours))
        maps[:, 2, 0, 0] = x
        curves[f"vecinos a {neighbours}"] = layers.local_response_norm(maps)[:, 2, 0, 0]
    return figures.curves(x, curves, "activación del mapa", "después de la LRN (artículo)")


@functools.cache
def shape() -> tuple[nn.Module, torch.Tensor, torch.Tensor, int, str]:
    """Choose a drawn shape for the figures: of the ten that a model is surest of, the one whose probability a
    covered square lowers most.

    Returns:
        (the model, the image as bytes, as the model reads it, its label, its name in Spanish).
    """
    model, shapes = models.pretrained("alexnet_mini_shapes"), data.shapes(train=1, validation=1, test=20, side=64)
    test = shapes.test
    inputs = model.views.evaluation(test.images[:])
    with torch.no_grad():
        sure = model(inputs).softmax(1)[torch.arange(len(inputs)), test.labels]

    def left(place):
        found = looking.occlusion(model, inputs[place], int(test.labels[place]), size=21, stride=6)
        return found.probability.min().item()

    best = min(sure.topk(10).indices.tolist(), key=left)
    crop = inputs.shape[-1]
    edge = (test.images.shape[-1] - crop) // 2
    image = test.images[best][:, edge : edge + crop, edge : edge + crop]
    return model, image, inputs[best], int(test.labels[best]), SHAPES[shapes.classes[test.labels[best]]]


def occlusion() -> Axes:
    """The probability of a shape's class with a square covered, for every place of the square."""
    model, image, shown, label, name = shape()
    return figures.occlusion(image, looking.occlusion(model, shown, label, size=21, stride=2), name)


def deconvnet() -> Axes:
    """One activation of CONV4, projected back to the pixels by each of the three rules."""
    model, image, shown, _, _ = shape()
    strongest = int(looking.activations(model, shown[None], ["relu4"])["relu4"][0].amax((1, 2)).argmax())
    back = {rule: looking.project(model, shown, "relu4", strongest, rule).pixels for rule in looking.RULES}
    words = {"gradient": "gradiente", "deconvnet": "deconvnet", "guided": "retropropagación\nguiada"}
    tiles = [("imagen\n", image)] + [(words[rule], signed(pixels)) for rule, pixels in back.items()]
    return figures.pictures([(caption if "\n" in caption else f"{caption}\n", tile) for caption, tile in tiles])


def signed(pixels: ArrayLike) -> np.ndarray:
    """Scale values of both signs to a picture: 0 becomes middle grey, the strongest value an end of the scale."""
    pixels = np.asarray(pixels)
    return 0.5 + pixels / (2 * np.abs(pixels).max() or 1)


# What a filter answers to, in Spanish: one, and several.
KINDS = {
    "oriented": ("orientado", "orientados"),
    "coloured": ("de color", "de color"),
    "noise": ("ruido", "ruido"),
    "dead": ("muerto", "muertos"),
}


def filters() -> Axes:
    """The first layer that was learned from photographs, each filter on a scale of its own."""
    return figures.filters(models.first_layer(), shared=False)


def filters_compared() -> Figure:
    """Three first layers, with how many of their filters are of each kind: chance, the mini-AlexNet, and `filters`."""
    mini, learned = looking.filters(models.pretrained("alexnet_mini")), models.first_layer()
    chance = torch.randn(learned.shape, generator=torch.Generator().manual_seed(0))
    layers = {"al azar": chance, "de la mini-AlexNet": mini, "aprendidos": learned}
    figure, axes = plt.subplots(3, 1, figsize=(9, 12), layout="constrained")
    for ax, (words, weights) in zip(axes, layers.items(), strict=True):
        counts = Counter(looking.tuning(weights).kinds())
        said = [f"{counts[kind]} {names[counts[kind] != 1]}" for kind, names in KINDS.items() if counts[kind]]
        figures.filters(weights, ax, shared=False)
        ax.set_title(f"{len(weights)} filtros {words}: {', '.join(said)}", fontsize=figures.HEADING, loc="left")
    return figure


def textures() -> Axes:
    """A patch of each photograph of the textures from the half for training, and one from the half for the test."""
    found = data.textures(train=1, validation=1, test=1)
    tiles = []
    for half, part in (("entrenamiento", found.train), ("test", found.test)):
        for label, name in enumerate(found.classes):
            tiles.append((f"{TEXTURES[name]}\n{half}", part.images[part.labels == label][0]))
    return figures.pictures(tiles, columns=5)


def _of_a_table(draw, name, *rest):
    return lambda: draw(layer_table(name), *rest)


def _winners(**how):
    return lambda: figures.winners(records.read("winners"), **how)


# Name -> a function without arguments that draws it and returns the Axes or the Figure.
GALLERY = {
    **{name: _of_a_table(figures.volumes, name) for name in ARCHITECTURES},
    "alexnet_two_gpus": lambda: figures.two_gpus(
        layer_table("alexnet_paper"), crossing_values(layer_table("alexnet_paper"))
    ),
    "alexnet_lanes": lanes,
    "zfnet": zfnet,
    **{
        f"{name}_{quantity}": _of_a_table(figures.per_layer, name, quantity)
        for name in ("lenet5", "alexnet_slide", "zfnet_paper")
        for quantity in ("parameters", "multiply_adds", "activation_bytes")
    },
    **{
        f"{name}_receptive_fields": _of_a_table(figures.receptive_fields, name)
        for name in ("alexnet_slide", "zfnet_paper", "zfnet_slide")
    },
    "windows_227": lambda: figures.windows(227, 11, 4),
    "windows_224": lambda: figures.windows(224, 11, 4, rounding="ceil"),
    "ilsvrc": _winners(),
    "ilsvrc_ranking": lambda: figures.ranking(records.read("winners")),
    **{f"ilsvrc_{year}": _winners(highlight=year) for year in (2012, 2013, 2014, 2015)},
    "ilsvrc_official": _winners(official=True),
    "schedule_2012": lambda: figures.schedule(notes("145")),
    "ablation_2012": ablation,
    "lrn": lrn,
    "filters": filters,
    "filters_compared": filters_compared,
    "textures": textures,
    "occlusion": occlusion,
    "deconvnet": deconvnet,
}


def require_known(names: Iterable[str]) -> None:
    """Refuse names that no figure of the gallery has.

    Raises:
        ValueError: the first of them; the message lists those there are.
    """
    for name in names:
        if name not in GALLERY:
            raise ValueError(f"unknown figure {name!r}; known: {', '.join(GALLERY)}")


def draw(name: str) -> Figure:
    """Draw a figure of the gallery and return the Figure.

    Raises:
        ValueError: the name is unknown; the message lists those there are.
    """
    require_known([name])
    drawn = GALLERY[name]()
    return getattr(drawn, "figure", drawn)


@dataclass(frozen=True)
class Written:
    """A figure on disk: its name, its width and height in inches, and the bytes of its file in each format."""

    name: str
    inches: tuple[float, float]
    sizes: dict[str, int]


def write(names: list[str], folder: str | Path, track: Callable = iter) -> Iterator[Written]:
    """Draw figures of the gallery, write each as SVG, PDF and PNG, and yield what was written.

    Args:
        names: the figures, by name.
        folder: for the files NAME.svg, NAME.pdf and NAME.png.
        track: wraps the list of names to show progress.

    Raises:
        ValueError: a name is unknown; no figure is drawn.
    """
    require_known(names)
    for name in track(names):
        figure, sizes = draw(name), {}
        for kind, metadata in METADATA.items():
            with atomic_write(Path(folder) / f"{name}.{kind}") as path:
                with plt.rc_context({"svg.hashsalt": "tema9"}):  # ids that are the same every time
                    figure.savefig(path, format=kind, dpi=150, metadata=metadata)
                sizes[kind] = path.stat().st_size
        width, height = figure.get_size_inches()
        plt.close(figure)
        yield Written(name, (float(width), float(height)), sizes)
