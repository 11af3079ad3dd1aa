"""The input of one unit in training and in evaluation, by three rules of dropout."""

import functools
import math

import numpy as np

from tema9 import svg
from tema9.arithmetic import spanish
from tema9.figures import COLOURS
from tema9.svg import Picture, number
from tema9.widgets.explorer import WIDTH, Explorer, choice, require_integer, slider


def dropout(p: float = 0.5, inputs: int = 100) -> Explorer:
    """Show the input of one unit in training, over 1,000 draws, and in evaluation, by each of three rules of dropout.

    Args:
        p: the first value of the share of activations that is dropped.
        inputs: the first value of the number of activations that the unit reads.

    Raises:
        ValueError: an argument is outside of the range of its control.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 4.2, for the rule of 2012.
    """
    if not 0 <= p <= 0.9:
        raise ValueError(f"p {p!r} is not from 0 to 0.9")
    require_integer("inputs", inputs, 10, 500)
    controls = {
        "rule": choice("regla", RULES_OF_DROPOUT, "2012"),
        "p": slider("p, parte que se apaga", p, 0.0, 0.9, 0.1),
        "inputs": slider("activaciones que lee", inputs, 10, 500, 10),
    }
    return Explorer(controls, _dropout)


RULES_OF_DROPOUT = [
    ("2012: al evaluar, por 1 − p", "2012"),
    ("invertido: al entrenar, por 1 / (1 − p)", "inverted"),
    ("sin corregir: un error frecuente", "none"),
]


@functools.cache
def _unit(inputs):
    """The activations and the weights of a unit, and the numbers that decide what is dropped."""
    draw = np.random.default_rng(0)
    activations, weights = np.maximum(draw.normal(size=inputs), 0), draw.normal(size=inputs) + 0.3
    return activations, weights, draw.random((1000, inputs))


def _dropout(rule, p, inputs):
    activations, weights, luck = _unit(inputs)
    fed = ((luck >= p) * activations) @ weights / ((1 - p) if rule == "inverted" else 1)
    evaluated = activations @ weights * ((1 - p) if rule == "2012" else 1)
    mean = fed.mean()
    edges = np.linspace(min(fed.min(), evaluated) - 0.5, max(fed.max(), evaluated) + 0.5, 41)
    counts, _ = np.histogram(fed, edges)
    alt = (
        f"Histograma de la entrada de una neurona en 1 000 sorteos: media {spanish(mean, 2)}; "
        f"una línea marca la de la evaluación, {spanish(evaluated, 2)}."
    )
    picture, base, left, across = Picture(WIDTH, 300, alt), 220, 56, WIDTH - 90

    def at(value):
        return left + (value - edges[0]) / (edges[-1] - edges[0]) * across

    scale = 170 / counts.max()
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        if count:
            picture.rect(at(low), base - scale * count, at(high) - at(low), scale * count, "input")
    picture.line([(left, base), (left + across, base)])
    for tick in svg.nice(edges[0], edges[-1], 8):
        picture.text(at(tick), base + 17, number(round(tick, 6)), 12, "middle")
    picture.text(left + across, base + 36, "entrada de la neurona", 13, "end")
    picture.text(left - 6, base - 166, number(int(counts.max())), 12, "end")
    picture.text(4, 30, "sorteos", 13)
    picture.line([(at(mean), 34), (at(mean), base)], COLOURS["fully_connected"], 2.5, "3 3")
    picture.line([(at(evaluated), 34), (at(evaluated), base)], COLOURS["leftover"], 2.5)
    picture.key(left, 284, [("input", "entrenando, 1 000 sorteos")])
    for x, words, colour, dash in (
        (left + 240, "media entrenando", COLOURS["fully_connected"], "3 3"),
        (left + 420, "evaluando", COLOURS["leftover"], ""),
    ):
        picture.line([(x, 278), (x + 26, 278)], colour, 2.5, dash)
        picture.text(x + 32, 284, words, 13)
    expected = activations @ weights * (1 if rule == "inverted" else 1 - p)
    same = math.isclose(expected, evaluated)
    verdict = (
        "Las dos medias coinciden, salvo el azar del sorteo." if same else "No coinciden: la red evalúa a otra escala."
    )
    return picture, (
        f"Entrenando, media {spanish(mean, 2)} y desviación típica {spanish(fed.std(), 2)}; "
        f"evaluando, {spanish(evaluated, 2)}. {verdict}"
    )
