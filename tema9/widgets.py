"""The interactive pictures of the notebooks, on ipywidgets: one function for each.

Every one gives an `Explorer`: labelled controls that the keyboard moves, and under them a picture with
its alternative text and a sentence. Where no front end can move them (an exported or printed notebook)
the picture of the start stands there instead.
"""

import functools
import html
import math

import ipywidgets
import numpy as np
import torch
from IPython.display import display

from tema9 import layers, svg
from tema9.arithmetic import output_size, spanish
from tema9.figures import COLOURS
from tema9.svg import Picture, number

WIDE = 760  # units: the pictures' width
NO_FRONT_END = "Ejecuta esta celda en JupyterLab para mover los controles; esta es la imagen de partida."
# Only where the controls live is this style there: it hides the picture of the start.
LIVE = "<style>.jp-OutputArea:has(.tema9-explorer) .jp-OutputArea-child:has(.tema9-start){display:none}</style>"
CARD = "background:#fff;color:#222;border:1px solid #8c8c8c;border-radius:6px;padding:.8em;margin:.4em 0"


class Impossible(ValueError):
    """The controls say what cannot be; the message, in Spanish, says why."""


class Explorer(ipywidgets.VBox):
    """Controls by name, what they show, and what stands there where nobody can move them.

    Args:
        controls: {name: an ipywidgets control with a description}.
        draw: the values of the controls, by name -> (a `svg.Picture`, sentences); raises `Impossible`.
        first: widgets above, as they are.
    """

    def __init__(self, controls, draw, first=()):
        self.controls, self._draw = controls, draw
        self.picture, self.words, self.problem = None, "", ""
        self.shown = ipywidgets.HTML()
        row = ipywidgets.Box(list(controls.values()), layout={"flex_flow": "row wrap", "align_items": "center"})
        super().__init__([ipywidgets.HTML(LIVE, layout={"display": "none"}), *first, row, self.shown])
        self.add_class("tema9-explorer")
        for control in controls.values():
            control.observe(self.redraw, "value")
        self.redraw()

    def redraw(self, change=None):
        """Draw again from the values of the controls; what cannot be is said in place."""
        try:
            values = {name: control.value for name, control in self.controls.items()}
            self.picture, self.words = self._draw(**values)
            self.problem = ""
        except Impossible as error:
            self.problem = str(error)
        self.shown.value = self.card

    @property
    def card(self):
        """The picture and the sentences as HTML, on white in every theme."""
        if self.problem:
            words = f'<strong style="color:{COLOURS["leftover"]}">✘</strong> {html.escape(self.problem)}'
            return f'<div style="{CARD}" role="status">{words}</div>'
        return (
            f'<figure style="{CARD}"><div style="overflow-x:auto">{self.picture.html}</div>'
            f'<figcaption role="status" style="max-width:46rem;line-height:1.5">{html.escape(self.words)}'
            "</figcaption></figure>"
        )

    def start(self):
        """The bundle for a front end without widgets: the picture, with its alternative text."""
        static = {"text/plain": f"{self.problem or self.picture.alt} {self.words}"}
        if not self.problem:
            static["image/svg+xml"] = self.picture.svg
        return static | {"text/html": f'<div class="tema9-start">{self.card}<p>{NO_FRONT_END}</p></div>'}

    def _ipython_display_(self):
        live = self._repr_mimebundle_() | {"text/plain": NO_FRONT_END}
        display(live, raw=True)
        self.handle = display(self.start(), raw=True, display_id=True)


def _slider(words, value, low, high, step=1):
    style = {"description_width": "9.5rem"}
    layout = {"width": "25rem", "max_width": "100%"}
    if isinstance(step, float):
        return ipywidgets.FloatSlider(
            value,
            min=low,
            max=high,
            step=step,
            description=words,
            style=style,
            layout=layout,
            readout_format=f".{len(str(step)) - 2}f",
        )
    return ipywidgets.IntSlider(value, min=low, max=high, step=step, description=words, style=style, layout=layout)


def _choice(words, options, value):
    style, layout = {"description_width": "9.5rem"}, {"width": "25rem", "max_width": "100%"}
    return ipywidgets.Dropdown(options=options, value=value, description=words, style=style, layout=layout)


def _whole(name, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} {value!r} is not a whole number from {low} to {high}")


def convolution(size=8, kernel_size=3, stride=2, padding=0):
    """A row of pixels and the windows that fit in it; what is left over is marked.

    Args:
        size, kernel_size, stride, padding: where the controls start, in pixels.

    Raises:
        ValueError: one is outside of its control.
    """
    ranges = {"size": (size, 1, 40), "kernel_size": (kernel_size, 1, 11), "stride": (stride, 1, 5)}
    ranges["padding"] = (padding, 0, 5)
    for name, (value, low, high) in ranges.items():
        _whole(name, value, low, high)
    words = {"size": "fila, n (px)", "kernel_size": "ventana, k (px)", "stride": "paso, s (px)"}
    words["padding"] = "relleno, p (px)"
    return Explorer({name: _slider(words[name], *of) for name, of in ranges.items()}, _convolution)


def _convolution(size, kernel_size, stride, padding):
    whole = size + 2 * padding
    if kernel_size > whole:
        raise Impossible(
            f"No cabe: la ventana mide {kernel_size} px y la fila, con su relleno, {size} + 2·{padding} = {whole} px. "
            "Agranda la fila o el relleno, o achica la ventana."
        )
    count = output_size(size, kernel_size, stride, padding)
    return _row_of_windows(size, kernel_size, stride, (padding, padding), count), _formula(
        size, kernel_size, stride, padding, count, len(_unread(size, kernel_size, stride, padding, count))
    )


def _formula(size, kernel_size, stride, padding, count, leftover):
    exact = (size + 2 * padding - kernel_size) / stride
    down = "" if exact.is_integer() else f" = ⌊{number(round(exact, 2))}⌋ + 1"
    left = "no sobra ningún píxel" if not leftover else f"sobra{'n' * (leftover > 1)} {leftover} px"
    fits = "La división es exacta" if exact.is_integer() else "La división no es exacta y se redondea hacia abajo"
    return (
        f"⌊({size} + 2·{padding} − {kernel_size}) / {stride}⌋ + 1{down} = {count}: la salida mide {count} px. "
        f"{fits}; {left}."
    )


def _unread(size, kernel_size, stride, before, count):
    read = {start + pixel for start in _starts(count, stride, before) for pixel in range(kernel_size)}
    return set(range(size)) - read


def _starts(count, stride, before):
    return [place * stride - before for place in range(count)]


def _row_of_windows(size, kernel_size, stride, padding, count, words=""):
    before, after = padding
    unread, starts = _unread(size, kernel_size, stride, before, count), _starts(count, stride, before)
    end = max(size + after, starts[-1] + kernel_size)
    left, unit = 66, (WIDE - 90) / (before + end)
    unit = min(unit, 46)
    high = min(20, max(7, 330 / count))
    alt = (
        f"Una fila de {size} píxeles{f' con {before} y {after} de relleno' if before or after else ''} y debajo las "
        f"{count} posiciones de una ventana de {kernel_size}, con paso {stride}; quedan {len(unread)} sin leer."
    )
    picture = Picture(WIDE, 92 + count * high + 40, alt)
    picture.text(4, 44, "fila", 14)
    for pixel in range(-before, end):
        kind = "padding" if not 0 <= pixel < size else "leftover" if pixel in unread else "input"
        picture.rect(left + (pixel + before) * unit, 26, unit, 26, kind)
        if unit > 20 and 0 <= pixel < size:
            picture.text(left + (pixel + before + 0.5) * unit, 20, pixel + 1, 12, "middle")
    for place, start in enumerate(starts):
        y = 64 + place * high
        picture.rect(left + (start + before) * unit, y, kernel_size * unit, high * 0.8, "convolution")
        if high >= 12 or place % 5 == 0:
            picture.text(left - 8, y + high * 0.7, place + 1, 12, "end")
    picture.text(4, 64 + high * 0.7, "salida", 14)
    key = [("input", "píxel que se lee"), ("convolution", "ventana"), ("leftover", "píxel que sobra")]
    picture.key(left, 92 + count * high + 24, [*key, ("padding", "relleno")])
    return picture


# The ways to 55, and two to 54: what each is, the arguments of output_size, and the side it starts from.
ROUTES = {
    "la diapositiva y Caffe: 227, sin relleno": (227, 0, "floor"),
    "lo que imprime el artículo: 224, sin relleno": (224, 0, "floor"),
    "el código de 2012: 224, redondeando hacia arriba": (224, 0, "ceil"),
    "lo mismo con ceros: 224 y 3 a la derecha y abajo": (224, (0, 3), "floor"),
    "torchvision: 224, relleno de 2 por cada lado": (224, 2, "floor"),
    "d2l: 224, relleno de 1 por cada lado": (224, 1, "floor"),
}


def input_224():
    """224 or 227: the ends of CONV1's row by each route, and the side that comes out.

    Source:
        Krizhevsky's layer.py of 2012, line 1004, rounds up; Caffe's bvlc_alexnet; torchvision's alexnet;
        d2l.ai, section 8.1.
    """
    return Explorer({"route": _choice("cómo se llega", list(ROUTES), next(iter(ROUTES)))}, _input_224)


def _input_224(route):
    size, padding, rounding = ROUTES[route]
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    kernel_size, stride, shown = 11, 4, 3
    count = output_size(size, kernel_size, stride, padding, rounding)
    whole = size + before + after
    starts = _starts(count, stride, before)
    end = starts[-1] + kernel_size
    outside, unread = max(0, end - size - after), max(0, size - end)
    exact = number((whole - kernel_size) / stride)
    picture = Picture(
        WIDE,
        244,
        f"Los dos extremos de una fila de {size} px: la primera ventana de {count} empieza en el píxel "
        f"{starts[0] + 1}, la última acaba en el {end}.",
    )
    unit, half = 15.2, 330
    for x, first, last in ((40, -before, -before + 21), (40 + half + 40, max(end, size + after) - 21, None)):
        last = first + 21 if last is None else last
        for pixel in range(first, last):
            kind = "input" if 0 <= pixel < size else "padding"
            kind = "leftover" if end <= pixel < size else kind
            picture.rect(x + (pixel - first) * unit, 40, unit, 24, kind)
            if pixel + 1 in (1, size) or ((pixel + 1) % 5 == 0 and 0 <= pixel < size - 3):
                picture.text(x + (pixel - first + 0.5) * unit, 34, pixel + 1, 12, "middle")
        inside = [place for place, start in enumerate(starts) if first <= start and start + kernel_size <= last]
        for line, place in enumerate(inside[:shown] if first < 0 or first == 0 else inside[-shown:]):
            start = starts[place]
            drawn = min(start + kernel_size, size + after) - start
            y = 76 + 30 * line
            picture.rect(x + (start - first) * unit, y, drawn * unit, 20, "convolution")
            if drawn < kernel_size:
                picture.rect(x + (start - first + drawn) * unit, y, (kernel_size - drawn) * unit, 20, "padding")
            picture.text(
                x + (start - first + drawn / 2) * unit, y + 15, f"ventana {place + 1}", 13, "middle", bold=True
            )
    picture.text(40 + half + 14, 58, "…", 20, "middle")
    key = [("input", "píxel que se lee"), ("convolution", "ventana"), ("leftover", "píxel que sobra")]
    picture.key(40, 226, [*key, ("padding", "ceros")])
    ends = ("", "") if "," not in exact else "⌈⌉" if rounding == "ceil" else "⌊⌋"
    rounded = f"{ends[0]}{exact}{ends[1]}"
    left = f"{unread} px de la derecha no los lee nadie. " if unread else ""
    left += f"La última ventana se sale {outside} px, que cuentan como ceros. " if outside else ""
    left = left or "Todo encaja. "
    return (
        picture,
        f"{rounded} + 1 = {count}: CONV1 da {count} × {count}. {left}Fila: {size} px y {before} + {after} de relleno.",
    )


def lrn(neighbours=50, alpha=0.002, size=5):
    """Nine maps at one pixel, before and after the paper's normalisation: strong neighbours damp the middle one.

    Args:
        neighbours: how strong the other eight are at the start.
        alpha: the paper's, at the start; its own is 1e-4.
        size: maps that compete, the paper's n.

    Raises:
        ValueError: one is outside of its control.
    """
    if not 0 <= neighbours <= 200:
        raise ValueError(f"neighbours {neighbours!r} is not from 0 to 200")
    if not 0 <= alpha <= 0.01:
        raise ValueError(f"alpha {alpha!r} is not from 0 to 0.01")
    if size not in range(1, 10, 2):
        raise ValueError(f"size {size!r} is not 1, 3, 5, 7 or 9")
    controls = {
        "own": _slider("mapa 4 (el nuestro)", 50, 0, 200, 10),
        "neighbours": _slider("los demás mapas", neighbours, 0, 200, 10),
        "alpha": _slider("α", alpha, 0.0, 0.01, 0.001),
        "size": _slider("n, mapas que compiten", size, 1, 9, 2),
    }
    return Explorer(controls, _lrn)


def _lrn(own, neighbours, alpha, size):
    maps = torch.full((1, 9, 1, 1), float(neighbours))
    maps[0, 4] = float(own)
    after = layers.local_response_norm(maps, size=size, alpha=alpha).flatten().tolist()
    before = maps.flatten().tolist()
    left = 100 * after[4] / before[4] if own else 0
    words = f"{spanish(left, 1)} %" if own else "nada"
    alt = (
        f"Nueve mapas en un píxel. El 4 entra con {own} y sale con {spanish(after[4], 1)}; "
        f"los otros entran con {neighbours}. Compiten los mapas de {4 - size // 2} a {4 + size // 2}."
    )
    picture, base, top = Picture(WIDE, 300, alt), 230, 180
    scale = top / max(*before, 1)
    picture.rect(48 + (4 - size // 2) * 76, 22, size * 76 - 8, base - 22, fill="#EFEFEF", stroke="none")
    picture.text(48 + 4.5 * 76 - 4, 16, f"compiten con el 4 (n = {size})", 13, "middle")
    for place, (x, y) in enumerate(zip(before, after, strict=True)):
        at = 52 + place * 76
        picture.rect(at, base - scale * x, 30, scale * x, "input")
        picture.rect(at + 31, base - scale * y, 30, scale * y, "normalisation")
        picture.text(at + 46, base - scale * y - 5, number(round(y, 1)), 12, "middle")
        picture.text(at + 30, base + 18, f"mapa {place}", 13, "middle", bold=place == 4)
    picture.line([(44, base), (WIDE - 20, base)])
    picture.key(52, 282, [("input", "entra"), ("normalisation", "sale (con su valor)")])
    total = sum(x * x for x in before[max(0, 4 - size // 2) : 5 + size // 2])
    return picture, (
        f"Al mapa 4 le queda: {words} de lo que entra. Se divide por (2 + α · {spanish(total)})^0,75, "
        f"donde {spanish(total)} es la suma de los cuadrados de los {size} mapas. "
        "Los de los extremos compiten con menos vecinos."
    )


def dropout(p=0.5, inputs=100):
    """What one unit is fed in training, over 1,000 draws, and in evaluation, by each of three rules.

    Args:
        p: the share of activations that is dropped, at the start.
        inputs: how many activations the unit reads, at the start.

    Raises:
        ValueError: one is outside of its control.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 4.2, for the rule of 2012.
    """
    if not 0 <= p <= 0.9:
        raise ValueError(f"p {p!r} is not from 0 to 0.9")
    _whole("inputs", inputs, 10, 500)
    controls = {
        "rule": _choice("regla", RULES_OF_DROPOUT, "2012"),
        "p": _slider("p, parte que se apaga", p, 0.0, 0.9, 0.1),
        "inputs": _slider("activaciones que lee", inputs, 10, 500, 10),
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
        f"Histograma de la entrada de una neurona en 1 000 sorteos: media {spanish(mean, 2)}; "
        f"una línea marca la de la evaluación, {spanish(evaluated, 2)}."
    )
    picture, base, left, across = Picture(WIDE, 300, alt), 220, 56, WIDE - 90

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
    picture.key(left, 284, [("input", "entrenando, 1 000 sorteos")])
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
