"""A square that covers part of a drawn shape, and what a network answers for every place of the square."""

import functools

import numpy as np
from matplotlib import colormaps

from tema9 import data, looking, models, svg
from tema9.arithmetic import spanish
from tema9.figures import COLOURS
from tema9.svg import Picture
from tema9.widgets.explorer import WIDTH, Explorer, choice, require_integer, slider

NETWORKS = {"la honrada": "alexnet_mini_shapes", "la tramposa": "alexnet_mini_shortcut"}
SHAPES = {"circle": "círculo", "ring": "anillo", "square": "cuadrado", "triangle": "triángulo", "cross": "cruz"}
STEP = 6  # px between two places of the square: a whole map in less than 100 ms on one core


def occlusion(network: str = "la honrada", image: int = 9) -> Explorer:
    """Cover a square of a drawn shape and show the answer of a network, with a map of it for every place.

    Args:
        network, image: the first values of the controls.

    Raises:
        ValueError: an argument is outside of the range of its control.

    Source: Zeiler and Fergus (2014), section 4.2 and figure 7.
    """
    if network not in NETWORKS:
        raise ValueError(f"network {network!r} is unknown; known: {', '.join(NETWORKS)}")
    require_integer("image", image, 0, 19)
    for name in NETWORKS.values():
        _covered(name, image, 17)  # read the weights now, not at the first step
    controls = {
        "network": choice("red", list(NETWORKS), network),
        "image": slider("imagen", image, 0, 19),
        "size": slider("lado del cuadrado (px)", 17, 5, 29, 4),
        "top": slider("fila (px)", 24, 0, 54, STEP),
        "left": slider("columna (px)", 24, 0, 54, STEP),
    }
    side = _network(NETWORKS[network])[1].shape[-1]

    def fit(change=None):
        for name in ("top", "left"):
            controls[name].max = (side - controls["size"].value) // STEP * STEP

    controls["size"].observe(fit, "value")
    fit()
    return Explorer(controls, _occlusion)


@functools.cache
def _drawn_shapes():
    return data.shapes(train=1, validation=1, test=4, side=64)


@functools.cache
def _network(name):
    """A model and the marked shapes as it reads them."""
    model = models.pretrained(name)
    return model, model.views.evaluation(_drawn_shapes().test_marked.images)


@functools.lru_cache(64)
def _covered(name, image, size):
    model, inputs = _network(name)
    return looking.occlusion(model, inputs[image], _drawn_shapes().test_marked.labels[image].item(), size, STEP)


def _occlusion(network, image, size, top, left):
    found = _covered(NETWORKS[network], image, size)
    split, side = _drawn_shapes().test_marked, _network(NETWORKS[network])[1].shape[-1]
    label = SHAPES[_drawn_shapes().classes[split.labels[image]]]
    places = found.probability.numpy()
    row, column = (min(value // STEP, len(places) - 1) for value in (top, left))
    here, worst = places[row, column], np.unravel_index(places.argmin(), places.shape)
    edge = (split.images.shape[-1] - side) // 2
    pixels = split.images[image, :, edge : edge + side, edge : edge + side].permute(1, 2, 0).numpy()
    alt = (
        f"Un {label} con un cuadrado gris de {size} px en la fila {row * STEP} y la columna {column * STEP}, y el "
        f"mapa de la probabilidad de «{label}» para cada sitio del cuadrado: de {spanish(places.min(), 2)} a "
        f"{spanish(places.max(), 2)}."
    )
    picture, scale = Picture(WIDTH, 372, alt), 300 / side
    picture.text(20, 22, "lo que ve la red", 14)
    picture.image(20, 34, 300, 300, pixels if pixels.dtype == np.uint8 else svg.grey(pixels, 0, 1))
    box = (20 + column * STEP * scale, 34 + row * STEP * scale, size * scale, size * scale)
    picture.rect(*box, fill="#808080", stroke=COLOURS["leftover"], line=3)
    picture.text(350, 22, f"probabilidad de «{label}» al tapar ahí", 14)
    highest = max(places.max(), found.uncovered)
    shades = (places - places.min()) / max(highest - places.min(), 1e-9)
    cell = STEP * scale
    x, y = 350 + (size - STEP) / 2 * scale, 34 + (size - STEP) / 2 * scale
    picture.rect(350, 34, 300, 300, fill="#FFFFFF", stroke=COLOURS["neutral"])
    picture.image(x, y, cell * places.shape[1], cell * places.shape[0], 255 * colormaps["cividis"](shades)[..., :3])
    picture.rect(x + column * cell, y + row * cell, cell, cell, fill="none", stroke=COLOURS["leftover"], line=3)
    ramp = 255 * colormaps["cividis"](np.linspace(1, 0, 60))[:, None, :3]
    picture.image(672, 34, 16, 300, ramp)
    picture.text(694, 46, spanish(highest, 2), 13)
    picture.text(694, 334, spanish(places.min(), 2), 13)
    picture.text(20, 358, "gris: lo que se tapa, con el color medio", 13)
    return picture, (
        f"Sin tapar, {network} da {spanish(found.uncovered, 2)} a «{label}»; con el cuadrado en la fila {row * STEP} "
        f"y la columna {column * STEP}, {spanish(here, 2)}. Lo que más le cuesta es la fila {worst[0] * STEP} y la "
        f"columna {worst[1] * STEP}: {spanish(places.min(), 2)}."
    )
