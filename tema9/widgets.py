"""The interactive pictures of the notebooks, on ipywidgets: one function for each.

Every one gives an `Explorer`: labelled controls that the keyboard moves, and under them a picture with
its alternative text and a sentence. Where no front end can move them (an exported or printed notebook)
the picture of the start stands there instead.
"""

import atexit
import functools
import html
import math
import threading
from dataclasses import replace

import ipywidgets
import numpy as np
import torch
from ipycanvas import Canvas, hold_canvas
from IPython.display import display
from matplotlib import colormaps
from PIL import Image, ImageDraw

from tema9 import architectures, data, layers, looking, models, svg, training
from tema9.architectures import Conv, MaxPool, Subsampling
from tema9.arithmetic import BYTES_PER_VALUE, MIB, crossing_values, layer_table, output_size, spanish
from tema9.figures import COLOURS, INK, KINDS
from tema9.svg import Picture, number

WIDE = 760  # units: the pictures' width
NO_FRONT_END = "Ejecuta esta celda en JupyterLab para mover los controles; esta es la imagen de partida."
# Only where the controls live is this style there: it hides the picture of the start.
LIVE = "<style>.jp-OutputArea:has(.tema9-explorer) .jp-OutputArea-child:has(.tema9-start){display:none}</style>"
FAULT = "#A63F00"  # of letters: `figures.COLOURS["leftover"]`, dark enough to be read on white, and white on it
HANDLE = COLOURS["fully_connected"]  # of sliders: JupyterLab's own is white on white
CARD = "background:#fff;color:#222;border:1px solid #8c8c8c;border-radius:6px;padding:.8em;margin:.4em 0"


class Impossible(ValueError):
    """The controls say what cannot be; the message, in Spanish, says why."""


class Explorer(ipywidgets.VBox):
    """Controls by name, what they show, and what stands there where nobody can move them.

    Args:
        controls: {name: an ipywidgets control with a description}.
        draw: the values of the controls, by name -> (a `svg.Picture`, sentences); raises `Impossible`.
        panel: a widget that holds the controls; a row that wraps by default.
    """

    def __init__(self, controls, draw, panel=None):
        self.controls, self._draw = controls, draw
        self.picture, self.words, self.problem = None, "", ""
        self.shown = ipywidgets.HTML()
        panel = panel or _wrapped(controls.values())
        super().__init__([ipywidgets.HTML(LIVE, layout={"display": "none"}), panel, self.shown])
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
            words = f'<strong style="color:{FAULT}">✘</strong> {html.escape(self.problem)}'
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


def _wrapped(widgets):
    """Widgets in a row that goes on below where there is no room."""
    return ipywidgets.Box(list(widgets), layout={"flex_flow": "row wrap", "align_items": "center"})


def _slider(words, value, low, high, step=1):
    style, layout = {"description_width": "11.5rem", "handle_color": HANDLE}, {"width": "26rem", "max_width": "100%"}
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
    style, layout = {"description_width": "11.5rem"}, {"width": "36rem", "max_width": "100%"}
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


EDITABLE = {  # field of a layer -> (the column's head, the lowest value, the highest)
    "out_channels": ("filtros", 1, 4096),
    "out_features": ("neuronas", 1, 16384),
    "kernel_size": ("ventana", 1, 64),
    "stride": ("paso", 1, 16),
    "padding": ("relleno", 0, 32),
    "groups": ("grupos", 1, 64),
}
COLUMNS = (("out_channels", "out_features"), ("kernel_size",), ("stride",), ("padding",), ("groups",))


def layer_editor(name="alexnet_slide"):
    """The table of an architecture, with every number to be changed; the rest is computed again.

    A side that is not a whole number turns red and says so; from a layer that does not fit on, there is nothing.

    Args:
        name: of `architectures.ARCHITECTURES`.

    Raises:
        ValueError: there is no such architecture; the message lists those there are.
    """
    base = architectures.find(name)
    narrow, hidden = {"width": "4.7rem"}, {"description_width": "0"}
    controls = {
        "input_size": ipywidgets.BoundedIntText(
            base.input_shape[1],
            min=1,
            max=1024,
            description="lado de la entrada (px)",
            layout={"width": "15rem"},
            style={"description_width": "initial"},
        )
    }
    heads = ("capa", "filtros o neuronas", "ventana", "paso", "relleno", "grupos", "salida", "parámetros")
    grid, cells = [ipywidgets.HTML(f"<b>{head}</b>") for head in heads], {}
    for layer in _counted(base):
        grid.append(ipywidgets.HTML(f"<b>{layer.name}</b>"))
        for column in COLUMNS:
            field = next((field for field in column if hasattr(layer, field)), None)
            if field is None or (field == "out_channels" and layer.inputs is not None):
                grid.append(ipywidgets.HTML(""))
                continue
            head, low, high = EDITABLE[field]
            value = getattr(layer, field)
            box = ipywidgets.BoundedIntText(
                value[0] if isinstance(value, tuple) else value,
                min=low,
                max=high,
                layout=narrow,
                style=hidden,
                tooltip=f"{layer.name}: {head}",
            )
            controls[f"{layer.name} {field}"] = box
            grid.append(box)
        cells[layer.name] = ipywidgets.HTML(), ipywidgets.HTML()
        grid += cells[layer.name]
    columns = "4.4rem repeat(5, 5rem) minmax(11rem, 1fr) 7rem"
    table = ipywidgets.GridBox(
        grid, layout={"grid_template_columns": columns, "width": "48rem", "align_items": "center"}
    )
    panel = ipywidgets.VBox([controls["input_size"], ipywidgets.Box([table], layout={"overflow": "auto"})])
    explorer = Explorer(controls, functools.partial(_layer_editor, base, cells), panel)
    explorer.cells = cells
    return explorer


def _counted(architecture):
    return [layer for layer in architecture.layers if not isinstance(layer, architectures.POINTWISE)]


def _layer_editor(base, cells, input_size, **values):
    changed = []
    for layer in base.layers:
        fields = {key.split()[1]: value for key, value in values.items() if key.split()[0] == layer.name}
        if isinstance(getattr(layer, "padding", None), tuple):  # what is more on the right and below stays so
            fields["padding"] = (fields["padding"], fields["padding"] + layer.padding[1] - layer.padding[0])
        changed.append(replace(layer, **fields))
    shape, kept, problem = (base.input_shape[0], input_size, input_size), [], ""
    for layer in changed:
        if problem := _why_not(layer, shape):
            break
        kept.append(layer)
        shape = layer_table(replace(base, layers=tuple(kept)), input_size).rows[-1].out_shape if _sized(kept) else shape
    table = layer_table(replace(base, layers=tuple(kept)), input_size)
    rows, odd = {row.name: row for row in table}, {}
    for layer in kept:
        if isinstance(layer, Conv | MaxPool | Subsampling):
            exact = _exact_side(layer, rows[layer.name].in_shape[1])
            if not exact.is_integer():
                odd[layer.name] = exact
    for name, (out, parameters) in cells.items():
        row = rows.get(name)
        out.value = _side_cell(row, odd.get(name)) if row else "—"
        parameters.value = spanish(row.parameters) if row else "—"
    parameters, products = (spanish(table.total(quantity)) for quantity in ("parameters", "multiply_adds"))
    total = f"{parameters} parámetros y {products} multiplicaciones-suma"
    words = f"Total: {total} por imagen. "
    if problem:
        words = f"✘ {problem} Desde ahí no hay red; hasta ahí, {total}. "
    if odd:
        sides = "; ".join(
            f"{name}: {number(round(exact, 2))} se queda en {rows[name].out_shape[1]}" for name, exact in odd.items()
        )
        words += f"Lados que no son enteros: {sides}."
    return _strip(table, odd, problem), words


def _sized(kept):
    return any(not isinstance(layer, architectures.POINTWISE) for layer in kept)


def _exact_side(layer, side):
    """The side before it is rounded."""
    before, after = _both(getattr(layer, "padding", 0))
    return (side + before + after - layer.kernel_size) / getattr(layer, "stride", layer.kernel_size) + 1


def _both(padding):
    return padding if isinstance(padding, tuple) else (padding, padding)


def _why_not(layer, shape):
    """Why a layer cannot follow a shape, in Spanish; "" if it can."""
    if isinstance(layer, Conv | MaxPool | Subsampling):
        room = shape[1] + sum(_both(getattr(layer, "padding", 0)))
        if layer.kernel_size > room:
            return f"{layer.name}: la ventana de {layer.kernel_size} px no cabe en {room} px."
    if isinstance(layer, MaxPool) and layer.padding > layer.kernel_size // 2:
        return f"{layer.name}: un relleno de {layer.padding} es más de media ventana; habría máximos sin ningún píxel."
    if isinstance(layer, Conv) and (shape[0] % layer.groups or layer.out_channels % layer.groups):
        return f"{layer.name}: {layer.groups} grupos no dividen {shape[0]} canales y {layer.out_channels} filtros."
    return ""


def _side_cell(row, exact):
    volume = " × ".join(map(str, (*row.out_shape[1:], row.out_shape[0])))
    if exact is None:
        return volume
    chip = f"background:{FAULT};color:#fff;border-radius:3px;padding:0 .4em"
    return f'<span style="{chip}">✘ {number(round(exact, 2))}</span> {volume}'


def _strip(table, odd, problem):
    """The volumes of a table in a row, as high as their sides."""
    rows = list(table)
    alt = f"{table.architecture.title}: " + ", ".join(f"{row.name} {row.volume}" for row in rows)
    alt += "".join(f"; {name} no es entero" for name in odd) + (f"; {problem}" if problem else "")
    picture, step, base = Picture(WIDE, 240, alt), (WIDE - 20) / (len(rows) + 1), 160
    columns = [("INPUT", "input", table.input_shape)] + [(row.name, KINDS[row.kind], row.out_shape) for row in rows]
    tallest = max(max(shape[1:], default=0) for *_, shape in columns)
    for place, (name, kind, shape) in enumerate(columns):
        middle = 10 + (place + 0.5) * step
        side = shape[1] if len(shape) == 3 else math.sqrt(shape[0])
        high = max(3, 130 * side / max(tallest, 64))
        wide = 0.62 * step if len(shape) == 3 else 8
        picture.rect(middle - wide / 2, base - high, wide, high, "leftover" if name in odd else kind)
        picture.text(middle, base - high - 5, f"{shape[1]} px" if len(shape) == 3 else shape[0], 12, "middle")
        picture.text(middle, base + 17, name, 12, "middle", FAULT if name in odd else INK, bold=name in odd)
        picture.text(middle, base + 33, f"× {shape[0]}" if len(shape) == 3 else "", 12, "middle")
    picture.line([(10, base), (WIDE - 10, base)])
    kinds = {"convolution": "convolución", "pooling": "pooling", "normalisation": "LRN", "fully_connected": "FC"}
    there = {kind for _, kind, _ in columns}
    picture.key(
        14, 224, [(kind, words) for kind, words in kinds.items() if kind in there] + [("leftover", "no es entero")]
    )
    return picture


def two_gpus(batch_size=128):
    """What crosses between two devices, as each layer reads its own half of the maps or both halves.

    Args:
        batch_size: images, at the start.

    Raises:
        ValueError: the batch size is outside of its control.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 3.2 and figure 2, for the layers that read both.
    """
    _whole("batch_size", batch_size, 1, 512)
    table = layer_table("alexnet_paper")
    controls = {"batch_size": _slider("minilote (imágenes)", batch_size, 1, 512)}
    for row in _readers(table):
        controls[row.name] = ipywidgets.Checkbox(
            row.groups == 1, description=f"{row.name} lee las dos", indent=False, layout={"width": "11.5rem"}
        )
    return Explorer(controls, functools.partial(_two_gpus, table))


def _readers(table):
    """The layers with weights that do not read the image."""
    return [row for row in table if row.weights and row.in_shape != table.input_shape]


def _two_gpus(table, batch_size, **reads):
    values = {row.name: math.prod(row.in_shape) // 2 if reads[row.name] else 0 for row in _readers(table)}
    total = sum(values.values())
    alt = "Valores que recibe cada GPU de la otra, por imagen: "
    alt += ", ".join(f"{name} {spanish(value)}" for name, value in values.items())
    picture, step, base = Picture(WIDE, 270, alt), (WIDE - 40) / len(values), 190
    largest = max(math.prod(row.in_shape) // 2 for row in _readers(table))
    for place, row in enumerate(_readers(table)):
        middle, value = 20 + (place + 0.5) * step, values[row.name]
        high = 140 * value / largest
        if value:
            picture.rect(middle - 26, base - high, 52, high, KINDS[row.kind])
        picture.text(middle, base - high - 6, spanish(value) if value else "no cruza", 13, "middle")
        picture.text(middle, base + 18, row.name, 14, "middle", bold=bool(value))
        picture.text(middle, base + 36, "lee las dos" if value else "lee su mitad", 12, "middle")
    picture.line([(20, base), (WIDE - 20, base)])
    picture.text(20, 20, "valores que recibe cada GPU, por imagen, en la ida", 13)
    picture.key(24, 258, [("convolution", "convolución"), ("fully_connected", "FC")])
    mib = total * BYTES_PER_VALUE * batch_size / MIB
    paper = {name: value for name, value in values.items() if value} == crossing_values(table)
    return picture, (
        f"Cada GPU recibe {spanish(total)} valores por imagen: {spanish(mib, 1)} MiB en la ida con un minilote de "
        f"{batch_size}, y otros tantos en la vuelta. " + ("Es lo que eligió el artículo." if paper else "")
    )


def memory(batch_size=128):
    """What training AlexNet keeps, on one device or split over two, beside the 3 GiB of a GTX 580.

    Args:
        batch_size: images, at the start.

    Raises:
        ValueError: the batch size is outside of its control.

    Source: `arithmetic.LayerTable.memory`, with the gradients of the activations as much again; Krizhevsky, Sutskever
        and Hinton (2012), section 3.2, for the 3 GB.
    """
    _whole("batch_size", batch_size, 1, 512)
    return Explorer({"batch_size": _slider("minilote (imágenes)", batch_size, 1, 512)}, _memory)


def _memory(batch_size):
    kept = layer_table("alexnet_paper").memory(batch_size)
    fixed, images, grows = kept.parameters + kept.gradients + kept.momentum, kept.input, 2 * kept.activations
    bars = {"en una GPU": fixed + images + grows, "en cada una de dos": fixed / 2 + images + grows / 2}
    limit = 3 * 1024
    one, two = (value / MIB for value in bars.values())
    alt = f"Minilote de {batch_size}: {spanish(one)} MiB en una GPU, {spanish(two)} en cada una de dos; caben {limit}."
    picture = Picture(WIDE, 190, alt)
    scale = 500 / max(one, 1.15 * limit)
    for place, (words, value) in enumerate(bars.items()):
        y, size = 44 + 56 * place, value / MIB
        picture.text(146, y + 23, words, 14, "end")
        picture.rect(154, y, scale * size, 34, "leftover" if size > limit else "fully_connected")
        picture.text(160 + scale * size, y + 23, f"{spanish(size)} MiB", 14)
    picture.line([(154 + scale * limit, 24), (154 + scale * limit, 150)], INK, 2, "6 4")
    picture.text(154 + scale * limit, 18, "3 GiB de una GTX 580", 13, "middle")
    picture.line([(154, 36), (154, 150)])
    picture.key(154, 178, [("fully_connected", "cabe, por la cuenta"), ("leftover", "no cabe")])
    return picture, (
        f"{spanish(fixed / MIB)} MiB no dependen del minilote; las imágenes son {spanish(images / MIB)} y las "
        f"activaciones con sus gradientes, {spanish(grows / MIB)}. "
        + ("No cabe en una." if one > limit else "Cabe en una.")
    )


NETWORKS = {"la honrada": "alexnet_mini_shapes", "la tramposa": "alexnet_mini_shortcut"}
SHAPES = {"circle": "círculo", "ring": "anillo", "square": "cuadrado", "triangle": "triángulo", "cross": "cruz"}
STEP = 6  # px between two places of the square: a whole map in less than 100 ms on one core


def occlusion(network="la honrada", image=9):
    """Cover a square of a drawn shape and see what a network answers; the map says it for every place.

    Args:
        network, image: where the controls start.

    Raises:
        ValueError: one is outside of its control.

    Source: Zeiler and Fergus (2014), section 4.2 and figure 7.
    """
    if network not in NETWORKS:
        raise ValueError(f"network {network!r} is unknown; known: {', '.join(NETWORKS)}")
    _whole("image", image, 0, 19)
    for name in NETWORKS.values():
        _covered(name, image, 17)  # read the weights now, not at the first step
    controls = {
        "network": _choice("red", list(NETWORKS), network),
        "image": _slider("imagen", image, 0, 19),
        "size": _slider("lado del cuadrado (px)", 17, 5, 29, 4),
        "top": _slider("fila (px)", 24, 0, 54, STEP),
        "left": _slider("columna (px)", 24, 0, 54, STEP),
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
    picture, scale = Picture(WIDE, 372, alt), 300 / side
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


PAD, INK_WIDE = 224, 18  # the side of the pad and the width of its pen, in px


def digit(model, example=0):
    """A digit of one's own, drawn with the mouse, and what LeNet-5 makes of it: filters, maps, probabilities.

    Without a mouse, one of the real digits can be chosen, and moved.

    Args:
        model: a trained `models.LeNet5`.
        example: the digit of the test part that it starts with.

    Raises:
        ValueError: the model is no LeNet-5, or the example is not there.

    Source: LeCun et al. (1998), section III.A, for how a digit is brought to 28x28: 20x20, by its centre of mass.
    """
    if not isinstance(model, models.LeNet5):
        raise ValueError(f"model is a {type(model).__name__}; give a models.LeNet5")
    _whole("example", example, 0, 999)
    canvas = Canvas(
        width=PAD, height=PAD, layout={"width": f"{PAD}px", "height": f"{PAD}px", "border": "2px solid #8c8c8c"}
    )
    return Digit(model, canvas, example)


class Digit(Explorer):
    """`digit`: an Explorer with a pad to draw on.

    pad: the drawing, a picture of PIL, ink white on black; None while an example is shown.
    """

    def __init__(self, model, canvas, example):
        self.model, self.canvas, self.pad, self._last = model, canvas, None, None
        self.examples = data.digits().test
        clear = ipywidgets.Button(description="Borrar y dibujar", icon="eraser")
        clear.on_click(lambda _: self.clear())
        controls = {
            "example": _slider("cifra real, n.º", example, 0, len(self.examples) - 1),
            "right": _slider("mover a la derecha (px)", 0, -8, 8),
            "down": _slider("mover abajo (px)", 0, -8, 8),
        }
        canvas.on_mouse_down(self.pen_down)
        canvas.on_mouse_move(self.pen_move)
        canvas.on_mouse_up(self.pen_up)
        canvas.on_mouse_out(self.pen_up)
        canvas.add_class("tema9-pad")
        hint = ipywidgets.HTML("Dibuja una cifra con el ratón, o elige una real con el teclado:")
        beside = ipywidgets.VBox([hint, *controls.values(), clear])
        super().__init__(controls, self._seen, _wrapped([canvas, beside]))
        controls["example"].observe(self._show_example, "value")
        self._show_example()

    def _show_example(self, change=None):
        """Put the example on the pad."""
        self.pad = None
        pixels = svg.grey(self.examples.images[self.controls["example"].value, 0, 2:30, 2:30], -0.1, 1.175)
        with hold_canvas():
            pixels = (255 - pixels).repeat(8, axis=0).repeat(8, axis=1)
            self.canvas.put_image_data(np.stack([pixels] * 3, axis=2))
        self.redraw()

    def clear(self):
        """An empty pad."""
        self.pad, self._last = Image.new("L", (PAD, PAD)), None
        with hold_canvas():
            self.canvas.fill_style = "white"
            self.canvas.fill_rect(0, 0, PAD, PAD)
        self.redraw()

    def pen_down(self, x, y):
        if self.pad is None:
            self.clear()
        self._last = (x, y)
        self.pen_move(x, y)

    def pen_move(self, x, y):
        if self._last is None:
            return
        pen, half = ImageDraw.Draw(self.pad), INK_WIDE / 2
        pen.line([self._last, (x, y)], fill=255, width=INK_WIDE)
        pen.ellipse([x - half, y - half, x + half, y + half], fill=255)
        with hold_canvas():
            self.canvas.line_width, self.canvas.line_cap, self.canvas.stroke_style = INK_WIDE, "round", "black"
            self.canvas.stroke_line(*self._last, x, y)
            self.canvas.fill_style = "black"
            self.canvas.fill_circle(x, y, half)
        self._last = (x, y)

    def pen_up(self, x, y):
        if self._last is not None:
            self._last = None
            self.redraw()

    def _seen(self, example, right, down):
        if self.pad is None:
            image, label = self.examples.images[example], f"la cifra n.º {example} (un {self.examples.labels[example]})"
        elif not np.asarray(self.pad).any():
            raise Impossible("Aún no hay nada dibujado: arrastra el ratón por el cuadro, o elige una cifra real.")
        else:
            image, label = data.as_lenet5(torch.tensor(as_mnist(self.pad))[None, None].float())[0], "tu dibujo"
        image = torch.roll(image, (down, right), (1, 2))
        self.model.eval()
        with torch.no_grad():
            seen = looking.activations(self.model, image[None], ["relu1", "relu3", "output"])
        chances = seen["output"][0].softmax(0).tolist()
        return _inside(image, looking.filters(self.model), seen, chances, label)


def as_mnist(drawing):
    """A drawing as MNIST brings digits to 28x28: its box scaled to 20, its centre of mass in the middle.

    Args:
        drawing: a PIL picture in grey, white ink on black, with some ink.

    Returns:
        (28, 28) bytes.
    """
    cut = drawing.crop(drawing.getbbox())
    scale = 20 / max(cut.size)
    small = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX)
    ink = np.asarray(small, dtype=float)
    rows, columns = np.indices(ink.shape)
    middle = [(ink * places).sum() / ink.sum() for places in (rows, columns)]
    top, left = (int(np.clip(round(13.5 - at), 0, 28 - side)) for at, side in zip(middle, ink.shape, strict=True))
    whole = np.zeros((28, 28), np.uint8)
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return whole


def _inside(image, kernels, seen, chances, label):
    """The picture of what LeNet-5 makes of an image, and the words."""
    answer = max(range(10), key=chances.__getitem__)
    alt = (
        f"{label.capitalize()}: la imagen de 32 × 32, los seis filtros de C1 con sus mapas, los dieciséis mapas de C3 "
        f"y la probabilidad de cada cifra; la mayor, la del {answer}, {spanish(100 * chances[answer], 1)} %."
    )
    picture = Picture(WIDE, 412, alt)
    picture.text(20, 22, "entrada, 32 × 32 px", 14)
    picture.image(20, 34, 160, 160, 255 - svg.grey(image[0], -0.1, 1.175))
    picture.rect(20, 34, 160, 160, fill="none", stroke=COLOURS["neutral"])
    picture.text(206, 22, "C1: 6 filtros de 5 × 5 (gris: 0) y, debajo, sus mapas de 28 × 28", 14)
    first, largest = seen["relu1"][0].numpy(), kernels.abs().max().item()
    for place, (kernel, map) in enumerate(zip(kernels[:, 0].numpy(), first, strict=True)):
        x = 206 + 92 * place
        picture.image(x + 20, 34, 44, 44, svg.grey(kernel, -largest, largest))
        picture.image(x, 86, 84, 84, svg.grey(map, 0, first.max()))
    picture.text(20, 222, "C3: 16 mapas de 10 × 10", 14)
    third = seen["relu3"][0].numpy()
    tiles = svg.mosaic(svg.grey(third, 0, third.max()), 8)
    picture.image(20, 234, 340, 340 * tiles.shape[0] / tiles.shape[1], tiles)
    picture.text(392, 222, "probabilidad de cada cifra", 14)
    for place, chance in enumerate(chances):
        y = 234 + 17 * place
        picture.text(404, y + 12, place, 13, "end", bold=place == answer)
        picture.rect(412, y, 250 * chance, 13, "convolution" if place == answer else "input")
        picture.text(418 + 250 * chance, y + 12, f"{spanish(100 * chance, 1)} %", 12)
    return (
        picture,
        f"Para la red, {label} es un {answer}, con una probabilidad del {spanish(100 * chances[answer], 1)} %.",
    )


def live_training(model, data, recipe):
    """Start training in the background and draw it after every epoch; a button stops it.

    `result()` of what it returns waits for the end and gives the history. However it ends (by itself, by the
    button, or by interrupting the cell that waits), the model has the weights of its best epoch.

    Args:
        model, data, recipe: as for `training.train`.
    """
    return Training(model, data, recipe)


class Training(ipywidgets.VBox):
    """`live_training`: losses, error and rate of a run that goes on, and the filters of its first layer.

    history: a `training.History`, of the whole epochs so far.
    """

    running = None  # one at a time: a new one stops the one before

    def __init__(self, model, data, recipe):
        if Training.running is None:
            atexit.register(Training.leave)  # a thread that is cut off in the middle of a step aborts the process
        Training.leave()
        self.model, self.recipe, self.history, self.error = model, recipe, training.History(), None
        self.epochs = training.epochs(model, data, recipe, progress=False)
        next(self.epochs)  # what is wrong with the arguments is said here, in the cell
        self._stop, self._done = threading.Event(), threading.Event()
        self.bar = ipywidgets.IntProgress(0, 0, recipe.epochs, description="épocas", layout={"max_width": "100%"})
        self.button = ipywidgets.Button(description="Parar al acabar la época", icon="stop", layout={"width": "16rem"})
        self.button.on_click(lambda _: self.stop())
        self.shown = ipywidgets.HTML()
        super().__init__(
            [ipywidgets.HTML(LIVE, layout={"display": "none"}), _wrapped([self.button, self.bar]), self.shown]
        )
        self.add_class("tema9-explorer")
        self.picture, self.words, self.problem, self.handle = None, "", "", None
        self.redraw()
        Training.running = self
        threading.Thread(target=self._run, daemon=True).start()

    card, start = Explorer.card, Explorer.start
    _ipython_display_ = Explorer._ipython_display_

    def _run(self):
        try:
            for history in self.epochs:
                self.history = history
                self.redraw()
                if self._stop.is_set():
                    self.history.interrupted = len(self.history.epochs) < self.recipe.epochs
                    break
        except Exception as error:  # what went wrong is said in place, and raised by `result`
            self.error = error
        finally:
            self.epochs.close()  # the model gets the weights of its best epoch
            self.button.disabled = True
            self.redraw(done=True)
            self._done.set()

    @staticmethod
    def leave():
        """Stop the run that is going on, if there is one, and wait for it."""
        if Training.running is not None and not Training.running._done.is_set():
            Training.running.stop()
            Training.running._done.wait()

    def stop(self):
        """Ask the run to end after this epoch."""
        self._stop.set()
        self.button.description, self.button.disabled = "Acabando la época…", True

    def result(self):
        """Wait for the end and return the history; interrupting the cell stops the run and returns it too.

        Raises:
            training.NonFiniteLoss, training.OutOfMemory: as `training.train`.
        """
        try:
            while not self._done.wait(0.2):
                pass
        except KeyboardInterrupt:
            print("Interrumpido: acabo la época en curso y me quedo con los mejores pesos.")
            self.stop()
            self._done.wait()
        if self.handle is not None:
            self.handle.update(self.start(), raw=True)
        if self.error is not None:
            raise self.error
        return self.history

    def redraw(self, done=False):
        """Draw the run as it is."""
        self.bar.value = len(self.history.epochs)
        self.picture, self.words = _run_so_far(self.history, self.recipe, self.model, done)
        if self.error is not None:
            self.problem = f"El entrenamiento se ha parado con un error: {self.error}"
        self.shown.value = self.card


def _run_so_far(history, recipe, model, done):
    epochs = list(history)
    last = epochs[-1] if epochs else None
    alt = f"Entrenamiento: {len(epochs)} épocas de {recipe.epochs}"
    if last:
        alt += f"; pérdida {spanish(last.train_loss, 3)}, error de validación {spanish(last.validation_error, 1)} %"
    picture = Picture(WIDE, 400, alt + ". Curvas de pérdida, error y tasa por época, y los filtros de la primera capa.")
    left = {
        "entrenamiento": [(epoch.epoch, epoch.train_loss) for epoch in epochs],
        "validación": [(epoch.epoch, epoch.validation_loss) for epoch in epochs],
    }
    errors = {"": [(epoch.epoch, epoch.validation_error) for epoch in epochs]}
    rates = {"": [(epoch.epoch, epoch.learning_rate) for epoch in epochs]}
    picture.plot(60, 34, 300, 150, left, "época", "pérdida (nats)", recipe.epochs)
    picture.plot(470, 34, 270, 150, errors, "época", "error de validación (%)", recipe.epochs)
    picture.plot(60, 260, 300, 90, rates, "época", "tasa", recipe.epochs, log=True)
    kernels = np.nan_to_num(looking.filters(model).numpy())  # of a run that broke
    largest = np.abs(kernels).max() or 1.0
    tiles = svg.grey(kernels.transpose(0, 2, 3, 1) if kernels.shape[1] == 3 else kernels[:, 0], -largest, largest)
    columns = min(len(tiles), 16 if len(tiles) > 12 else 6)
    sheet = svg.mosaic(tiles, columns)
    high = min(110, 300 * sheet.shape[0] / sheet.shape[1])
    picture.text(430, 250, f"los {len(tiles)} filtros de la primera capa (gris: 0)", 13)
    picture.image(430, 262, high * sheet.shape[1] / sheet.shape[0], high, sheet)
    words = f"Época {len(epochs)} de {recipe.epochs}. "
    if last:
        best = epochs[history.best - 1]
        words += f"La mejor hasta ahora, la {history.best}: error de validación {spanish(best.validation_error, 1)} %. "
    if done:
        words += "Parado antes de tiempo. " if history.interrupted else "Terminado. "
        words += "La red tiene los pesos de la mejor época." if history.best else "No hay ninguna época completa."
    return picture, words
