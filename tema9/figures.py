"""One function per figure, drawn on the axes it is given: data in, axes out.

Nothing here trains, shows or saves. Without `ax` each makes an axes of the size it was
designed for, with letters of 11 points or more. Colours keep their meaning through the
course and never stand alone: a hatch, a line style or a label repeats what they say.
"""

import html
import math
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from tema9.arithmetic import LayerTable, output_size, spanish

if TYPE_CHECKING:  # the figures receive numbers, and load neither torch nor a training loop
    from tema9.looking import Sensitivity
    from tema9.training import History

Rows = Sequence[dict[str, Any]]  # of a table of `records`
Look = dict[str, Any]  # keyword arguments for matplotlib

# Everything a reader sees. Another language is another dict.
WORDS = {
    "confused": "imágenes de la clase (%)",
    "answer": "respuesta de la red",
    "class": "clase de la imagen",
    "convolution": "convolución",
    "pooling": "pooling",
    "normalisation": "normalización (LRN)",
    "fully_connected": "totalmente conectada (FC)",
    "input": "entrada",
    "side": "lado (px)",
    "volumes_scale": "Alto y fondo: lado en píxeles.  Ancho: canales,\n"
    "y alto de las FC: neuronas (escala de raíz cuadrada).",
    "inputs_of": "mapa de entrada (S2)",
    "outputs_of": "mapa de salida (C3)",
    "connections": "{made} conexiones de {possible} posibles; arriba, cuántas tiene cada mapa",
    "parameters": "parámetros",
    "multiply_adds": "multiplicaciones-suma por imagen",
    "activation_bytes": "activaciones por imagen",
    "thousands": "{quantity} (miles)",
    "millions": "{quantity} (millones)",
    "kib": "{quantity} (KiB)",
    "mib": "{quantity} (MiB)",
    "total": "Total: {total} {quantity}",
    "total_kib": "Total: {total} KiB de {quantity}",
    "total_mib": "Total: {total} MiB de {quantity}",
    "pixel": "píxel de la fila (px)",
    "window": "ventana",
    "pixel_read": "píxel que se lee",
    "pixel_padding": "relleno (padding)",
    "pixel_leftover": "píxel que sobra",
    "pixel_outside": "la ventana se sale",
    "windows_none": "{count} ventanas; no sobra ningún píxel",
    "windows_one": "{count} ventanas; sobra 1 píxel",
    "windows_some": "{count} ventanas; sobran {leftover} píxeles",
    "pixels": "{count} px",
    "step": "paso de {count} px",
    "kernel": "un filtro: {side} × {side} × {channels}\nen la capa: {filters} filtros",
    "maximum": "el máximo",
    "epoch": "época",
    "loss": "pérdida (nats)",
    "error": "error de validación (%)",
    "train_loss": "pérdida, entrenamiento",
    "validation_loss": "pérdida, validación",
    "validation_error": "error, validación",
    "of_train": "entrenamiento",
    "of_validation": "validación",
    "errors": "error (%)",
    "best": "mejor época: {best}",
    "drop": "baja la tasa de aprendizaje",
    "rate": "tasa",
    "filters": "{count} filtros de {side} × {side} px; de −{largest} a {largest}, el gris medio es 0",
    "filters_apart": "{count} filtros de {side} × {side} px, cada uno en su escala; el gris medio es 0",
    "range": "negro = {low}, blanco = {high}",
    "wrong": "marco y ✘: etiqueta → predicción equivocada",
    "field_input": "entrada: {side} px",
    "field": "{name}: {field} px, paso {stride} px",
    "field_note": "El cuadrado es lo que ve una unidad.\nEl paso es lo que se mueve\nde una unidad a la siguiente.",
    "field_axis": "píxeles de la imagen (px)",
    "gpu": "GPU {number}",
    "image": "imagen",
    "crossing": "cruzan\n{count}",
    "crosses": "{names} leen los mapas de las dos GPU: valores que cruzan en cada sentido, por imagen",
    "and": " y ",
    "top5": "error top-5 en test (%)",
    "shallow": "sin red profunda",
    "depth": "{layers} capas",
    "mixed": "redes distintas",
    "ranked": "error top-5 en el conjunto de test (%)",
    "human": "una persona entrenada: {error} %",
    "supplied_only": "solo con los datos dados",
    "outside": "con datos externos",
    "other_test": "otro conjunto de test",
    "ensembles": "De 2012 en adelante, varias redes promediadas.",
    "points": "cuánto sube el error top-5 (puntos porcentuales)",
    "noise": "La barra es ±2 errores estándar: lo que pueden variar dos muestras de imágenes.",
    "all_layers": "todas las capas",
    "rate_of": "tasa de {layers}",
    "learning_rate": "tasa de aprendizaje",
    "frozen": "CONV1 se congela",
    "no_lighting": "sin ruido de color",
    "stop": "fin: época {epoch}",
    "map_of": "probabilidad media al tapar ahí",
    "described": "Figura",
    "is_volumes": "volumen que sale de cada capa",
    "is_two_gpus": "red repartida en dos GPU",
    "is_winners": "ganadores de ILSVRC",
    "is_differences": "diferencias de error con su ruido",
    "is_connections": "qué mapas de entrada lee cada mapa de salida",
    "is_windows": "píxeles de una fila y ventanas que los leen",
    "is_maps": "mapas en gris",
    "is_pictures": "imágenes una al lado de otra",
    "is_digits": "dígitos en una rejilla",
    "is_receptive_fields": "campo receptivo de una unidad de cada capa",
    "is_filters": "filtros de la primera capa",
    "horizontal": "eje horizontal: {words}",
    "vertical": "eje vertical: {words}",
    "series": "series: {words}",
    "written": "rótulos: {words}",
    "covered": "probabilidad de «{label}» al tapar: de {low} a {high}; sin tapar, {whole}",
}

# Okabe and Ito's colours, told apart by colour-blind eyes; the hatches are for black and white.
COLOURS = {
    "input": "#56B4E9",
    "convolution": "#E69F00",
    "pooling": "#009E73",
    "normalisation": "#F0E442",
    "fully_connected": "#0072B2",
    "leftover": "#D55E00",  # what is lost, wrong or a warning
    "neutral": "#8C8C8C",
    "rest": "#D9D9D9",  # everything that does not stand out
}
HATCHES = {
    "input": "",
    "convolution": "//",
    "pooling": "..",
    "normalisation": "xx",
    "fully_connected": "",
    "leftover": "xxx",
    "neutral": "",
    "rest": "",
}
SERIES = (
    ("#000000", "-"),
    ("#0072B2", "--"),
    ("#CC79A7", "-."),
    ("#8C8C8C", ":"),
    ("#009E73", (0, (6, 2, 1, 2, 1, 2))),
)
KINDS = {
    "Conv": "convolution",
    "MaxPool": "pooling",
    "Subsampling": "pooling",
    "LRN": "normalisation",
    "Linear": "fully_connected",
    "RBF": "fully_connected",
}
TEXT, HEADING = 11, 13  # points
INK = "#222222"


def volumes(table: LayerTable, ax: Axes | None = None, labels: dict[str, str] | None = None) -> Axes:
    """Draw the output of each layer to scale: boxes, with the name and the volume below.

    Height and depth are the side in pixels, width the channels on a square-root scale;
    a fully connected layer is a thin bar, as high as the square root of its neurons.

    Args:
        table: an arithmetic.LayerTable.
        ax: where to draw; without it, as wide as the layers need. At least 0.6 inches
            a layer, by 4 inches.
        labels: {layer or "INPUT": what stands below its name}, to show a few layers of the table only: the
            rest is grey, without a name, and there is neither a legend nor an axis. None shows all.

    Returns:
        the Axes, y in pixels.
    """
    rows = [(row.name, row.volume, KINDS[row.kind], row.out_shape) for row in table]
    columns = [("INPUT", _deck_volume(table.input_shape), "input", table.input_shape), *rows]
    ax = _axes(ax, max(9, 0.76 * len(columns)), 5)
    tallest = table.input_shape[1]
    widest = max(shape[0] for *_, shape in columns if len(shape) == 3)
    all_labels = {name: volume for name, volume, *_ in columns}
    shown = all_labels if labels is None else labels
    room = 72 * _inches(ax)[0] / len(columns)  # points, for a label; two rows where it is too little
    crowded = labels is None or room < 0.58 * TEXT * max(map(len, shown.values()))
    for place, (name, _, kind, shape) in enumerate(columns):
        if len(shape) == 3:
            height, depth, width = float(shape[1]), shape[1] / tallest, 0.42 * math.sqrt(shape[0] / widest)
        else:
            height, depth, width = math.sqrt(shape[0]), 0.0, 0.09
        _box(ax, place, width, height, 0.4 * depth, 0.22 * depth * tallest, kind if name in shown else "rest")
        if name not in shown:
            continue
        lower = crowded and list(shown).index(name) % 2
        if lower:
            ax.annotate("", (place, 0), (0, -42), textcoords="offset points", arrowprops=_leader())
        label = f"{name}\n{shown[name]}"
        below: Look = {"textcoords": "offset points", "ha": "center", "va": "top", "linespacing": 1.25}
        ax.annotate(label, (place, 0), (0, -44 if lower else -6), fontsize=TEXT, color=INK, **below)
    ax.axhline(0, color=COLOURS["neutral"], linewidth=0.8, zorder=0)
    ax.set_xlim(-0.6, len(columns) - 0.4)
    ax.set_ylim(-0.36 * tallest, 1.25 * tallest)
    ax.set_xticks([])
    if labels is not None:
        room = 2.5 * TEXT + 10 + (38 if crowded else 0)  # points, for the labels
        top = 1.24 * tallest
        ax.set_ylim(-room / (72 * _inches(ax)[1] - room) * top, top)
        ax.set_yticks([])
        _plain(ax, keep=())
        return ax
    ticks = [tick for tick in MaxNLocator(5, integer=True).tick_values(0, tallest) if 0 <= tick <= tallest]
    ax.set_yticks(ticks)
    _plain(ax, keep=("left",))
    ax.spines["left"].set_bounds(0, tallest)
    ax.set_ylabel(WORDS["side"], fontsize=TEXT, y=0.52)
    kinds = [kind for kind in COLOURS if kind in {kind for *_, kind, _ in columns}]
    _kinds_legend(ax, kinds, loc="upper right", title=WORDS["volumes_scale"])
    ax.set_label(WORDS["is_volumes"])
    return ax


def two_gpus(table: LayerTable, crossing: dict[str, int], ax: Axes | None = None) -> Axes:
    """Draw a network over two devices, one row each, with arrows where maps cross from one to the other.

    Args:
        table: an arithmetic.LayerTable; half of each volume lies on each device.
        crossing: {layer: values that cross each way per image}, as arithmetic.crossing_values gives.
        ax: where to draw; without it, as wide as the layers need.

    Returns:
        the Axes.

    Source: Krizhevsky, Sutskever and Hinton (2012), figure 2; the deck's slides of the two GPUs.
    """
    rows = [row for row in table if KINDS[row.kind] in ("convolution", "pooling", "fully_connected")]
    ax = _axes(ax, max(9, 0.9 * (len(rows) + 1)), 5.4)
    tallest, high = table.input_shape[1], 1.0  # a device's row is one unit high
    widest = max(row.out_shape[0] for row in rows if len(row.out_shape) == 3)
    base = {1: 1.75, 2: 0.15}
    for place, row in enumerate(rows, 1):
        channels, *sides = row.out_shape
        half = "x".join(map(str, (*sides, channels // 2)))
        height = high * (0.25 + 0.75 * sides[0] / tallest if sides else math.sqrt(channels) / 90)
        width = 0.5 * math.sqrt(channels / widest) if sides else 0.16
        if row.name in crossing:
            ax.axvspan(place - 0.5, place + 0.5, color=COLOURS["leftover"], alpha=0.12, linewidth=0)
            ax.text(
                place, 3.2, WORDS["crossing"].format(count=spanish(crossing[row.name])), fontsize=TEXT, **_centred()
            )
        for number, bottom in base.items():
            kind = KINDS[row.kind]
            box: Look = {
                "facecolor": COLOURS[kind],
                "hatch": HATCHES[kind],
                "edgecolor": INK,
                "linewidth": 0.8,
                "zorder": 2,
            }
            ax.add_patch(Rectangle((place - width / 2, bottom), width, height, **box))
            ends = (place - 0.68, bottom + 0.12), (place - 0.3, bottom + 0.12)
            ax.annotate("", ends[1], ends[0], arrowprops={"color": INK, "linewidth": 1.2, "arrowstyle": "->"})
            if row.name in crossing:
                ends = (place - 0.68, base[3 - number] + 0.2), (place - 0.3, bottom + 0.2)
                look: Look = {"color": COLOURS["leftover"], "linewidth": 2, "arrowstyle": "-|>"}
                ax.annotate("", ends[1], ends[0], arrowprops=look)
        lower = 0.6 * (place % 2)  # every other one, so that they do not touch
        if lower:
            ax.plot([place, place], [0.05, -lower], color=COLOURS["neutral"], linewidth=0.8)
        ax.text(place, -lower, f"{row.name}\n[{half}]\n× 2", fontsize=TEXT, **(_centred() | {"va": "top"}))
    for number, bottom in base.items():
        box = {"facecolor": COLOURS["input"], "edgecolor": INK, "linewidth": 0.8}
        ax.add_patch(Rectangle((-0.08, bottom), 0.16, high, **box))
        words = WORDS["gpu"].format(number=number)
        ax.text(-0.75, bottom + 0.5, words, fontsize=HEADING, rotation=90, **_centred())
    side = "x".join(map(str, (*table.input_shape[1:], table.input_shape[0])))
    ax.text(0, 0, f"{WORDS['image']}\n[{side}]", fontsize=TEXT, **(_centred() | {"va": "top"}))
    ax.set_xlim(-1, len(rows) + 0.6)
    ax.set_ylim(-1.35, 3.5)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    names = WORDS["and"].join(", ".join(crossing).rsplit(", ", 1))
    ax.set_title(WORDS["crosses"].format(names=names), fontsize=HEADING, color=INK, loc="left")
    ax.set_label(WORDS["is_two_gpus"])
    return ax


def lanes(table: LayerTable, crossing: dict[str, int], bold: Collection[str], ax: Axes | None = None) -> Axes:
    """Draw a network over two devices from the top down, one row a layer, to stand beside the list of the layers.

    Args:
        table: an arithmetic.LayerTable; half of each volume lies on each device.
        crossing: {layer: values that cross}, as arithmetic.crossing_values gives; arrows go across before those.
        bold: the layers that stand out; the rest is grey.
        ax: where to draw.

    Returns:
        the Axes: one unit a row; row 0 names the devices, row 1 is the image.
    """
    ax = _axes(ax, 3, 0.4 * (len(table) + 2))
    middle, half, high = (0, 2), 0.62, 0.3  # of the two lanes; half of a box's width and of its height
    for number, x in enumerate(middle, 1):
        ax.text(x, 0.5, WORDS["gpu"].format(number=number), fontsize=TEXT, **_centred())
    image: Look = {"facecolor": COLOURS["input"], "edgecolor": INK, "linewidth": 0.8}
    ax.add_patch(Rectangle((middle[0] - half, 1.5 - high), 2 + 2 * half, 2 * high, **image))
    for place, row in enumerate(table, 2):
        meant = row.name in bold
        kind = KINDS[row.kind] if meant else "rest"
        box: Look = {
            "facecolor": COLOURS[kind],
            "hatch": HATCHES[kind],
            "edgecolor": INK if meant else COLOURS["neutral"],
        }
        for x in middle:
            ax.add_patch(Rectangle((x - half, place + 0.5 - high), 2 * half, 2 * high, linewidth=0.8, **box))
        look: Look = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 10}
        straight = {"color": INK if meant else COLOURS["neutral"], "linewidth": 1.2} | look
        for x in middle:
            ax.annotate("", (x, place + 0.5 - high), (x, place - 0.5 + high), arrowprops=straight)
        if row.name in crossing:
            across = {"color": COLOURS["leftover" if meant else "neutral"], "linewidth": 2.2 if meant else 1.2} | look
            for here, there in (middle, middle[::-1]):
                side = half if here < there else -half
                ends = (here + side, place - 0.5), (there - side, place + 0.5)
                ax.annotate("", ends[1], ends[0], arrowprops=across)
    ax.set_xlim(-0.75, 2.75)
    ax.set_ylim(len(table) + 2, 0)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    return ax


def ranking(rows: Rows, bold: Collection[int] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the errors of the winners of ILSVRC, in letters legible from afar, with the layers and the team of each.

    Args:
        rows: of records.read("winners").
        bold: the years that stand out, the rest being grey; all by default.
        ax: where to draw.

    Returns:
        the Axes, % to the right, years down.

    Source: CS231n (2017), lecture 9, to 2015; from then on, and for the human, the official error.
    """
    bars, (human,) = [row for row in rows if row["year"]], [row for row in rows if not row["year"]]
    ax = _axes(ax, 9, 0.42 * len(bars) + 1.4)
    error, words = _drawn_error(human)
    ax.axvline(error, color=COLOURS["fully_connected"], linewidth=2, linestyle="--", zorder=1)
    for place, row in enumerate(bars):
        kind = "convolution" if row["layers"] != "shallow" else "neutral"
        kind = kind if bold is None or row["year"] in bold else "rest"
        look: Look = {"color": COLOURS[kind], "hatch": HATCHES[kind], "edgecolor": INK, "linewidth": 0.8, "zorder": 2}
        value, printed = _drawn_error(row)
        ax.barh(place, value, 0.66, **look)
        whose = "" if row["layers"] == "shallow" or row["team"] == row["label"] else f"; {row['team']}"
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of the dashed line
        text = f"{printed} %  ({_depth(row)}{whose})"
        ax.text(value + 0.4, place, text, fontsize=TEXT, bbox=behind, zorder=3, **_beside())
    words = WORDS["human"].format(error=words)
    ax.text(error + 0.4, len(bars), words, fontsize=TEXT, **(_beside() | {"color": COLOURS["fully_connected"]}))
    ax.set_yticks(range(len(bars)), [f"{row['year']}  {row['label'].replace(' & ', ' y ')}" for row in bars])
    ax.set_ylim(len(bars) + 0.5, -0.5)
    ax.set_xlim(0, 47)
    ax.set_xticks([])
    ax.set_xlabel(WORDS["ranked"], fontsize=TEXT, loc="left")
    _plain(ax, keep=("left",))
    ax.tick_params(axis="y", length=0)
    return ax


def _drawn_error(row):
    """(the error of a winner as the chart has it, how it is printed); where the chart has none, the official one."""
    if row["chart"] is None:
        return row["official"], spanish(row["official"], 1)
    return row["chart"], spanish(row["chart"], 1 if round(row["chart"], 1) == row["chart"] else 2)


def _depth(row):
    if row["layers"] == "shallow":
        return WORDS["shallow"]
    return WORDS["depth"].format(layers=row["layers"]) if row["layers"] else WORDS["mixed"]


def winners(rows: Rows, official: bool = False, highlight: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the winners of ILSVRC: a bar for the error of each, with its number of layers, and the error of a person.

    Args:
        rows: of records.read("winners").
        official: draw the official error of the entry that won, and that of the best entry with the supplied data
            alone; otherwise the error in the chart.
        highlight: a year, whose bars stand out while the rest turn grey; all by default.
        ax: where to draw.

    Returns:
        the Axes, % up.

    Source: CS231n (2017), lecture 9, for the chart, which ends in 2015; the results pages of ILSVRC for the rest.
    """
    bars, (human,) = [row for row in rows if row["year"]], [row for row in rows if not row["year"]]
    ax = _axes(ax, 10, 5.2)
    for place, row in enumerate(bars):
        deep = row["layers"] != "shallow"
        look: Look = {"color": COLOURS["convolution"], "hatch": HATCHES["convolution"]} if deep else {"color": "white"}
        if highlight not in (None, row["year"]):
            look = {"color": _shade(COLOURS["neutral"], 1, 0.6)}
        value, text = (row["official"], spanish(row["official"], 1)) if official else _drawn_error(row)
        ax.bar(place, value, 0.66, linewidth=0.8, zorder=2, **look, edgecolor=INK)
        top = value
        if official and row["supplied"]:
            ax.plot([place - 0.33, place + 0.33], [row["supplied"]] * 2, color=COLOURS["leftover"], linewidth=3)
            top = row["supplied"]
        if official and row["supplied"]:
            text = f"{spanish(row['supplied'], 1)}\n{text}*"
        text = f"{text}\n{textwrap.fill(_depth(row), 9)}"
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of the human mark
        ax.text(place, top + 0.4, text, fontsize=TEXT, bbox=behind, zorder=3, **(_centred() | {"va": "bottom"}))
    error, words = _drawn_error(human)
    ax.axhline(error, color=COLOURS["fully_connected"], linewidth=2, linestyle="--", zorder=1)
    words = WORDS["human"].format(error=words)
    ax.text(len(bars) - 0.45, 12.6, words, fontsize=TEXT, color=COLOURS["fully_connected"], ha="right", va="bottom")
    ax.plot([len(bars) - 0.5] * 2, [error, 12.4], color=COLOURS["fully_connected"], linewidth=1, linestyle=":")
    names = [textwrap.fill(row["label"].replace(" & Perronnin", " y Perronnin"), 11) for row in bars]
    ax.set_xticks(range(len(bars)), [f"{row['year']}\n{name}" for row, name in zip(bars, names, strict=True)])
    ax.set_xlim(-0.6, len(bars) - 0.4)
    ax.set_ylim(0, 35)
    _plain(ax)
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(WORDS["top5"], fontsize=TEXT)
    if official:
        handles = [
            Patch(facecolor="white", edgecolor=INK, label=WORDS["other_test"]),
            Line2D([], [], color=COLOURS["leftover"], linewidth=3, label=WORDS["supplied_only"]),
            Line2D([], [], linestyle="none", label=f"*  {WORDS['outside']}"),
        ]
        legend: Look = {"fontsize": TEXT, "title_fontsize": TEXT, "frameon": False, "loc": "upper right"}
        ax.legend(handles=handles, title=WORDS["ensembles"], **legend)
    ax.set_label(WORDS["is_winners"])
    return ax


def differences(rows: Sequence[tuple[str, float, float]], ax: Axes | None = None) -> Axes:
    """Draw differences between errors with their noise: a dot and a bar of two standard errors for each.

    Args:
        rows: [(what changed, difference, standard error)], in percentage points.
        ax: where to draw.

    Returns:
        the Axes; a difference whose bar reaches 0 has a hollow dot.
    """
    ax = _axes(ax, 9, 0.62 * len(rows) + 1.7)
    for place, (_, points, se) in enumerate(rows):
        clear = abs(points) > 2 * se
        colour = COLOURS["fully_connected"] if clear else COLOURS["leftover"]
        ax.plot([points - 2 * se, points + 2 * se], [place] * 2, color=colour, linewidth=2.2)
        ax.plot(points, place, "o", color=colour, markerfacecolor=colour if clear else "white", markersize=8)
        beside: Look = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        beside["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # of the line at 0
        ax.annotate(f"{spanish(points, 2)} ± {spanish(2 * se, 2)}", (points, place), fontsize=TEXT, color=INK, **beside)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(rows)), [textwrap.fill(str(label), 34) for label, *_ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.75)
    low = min(0, *(points - 2 * se for _, points, se in rows))
    high = max(0, *(points + 2 * se for _, points, se in rows))
    ax.set_xlim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    _plain(ax)
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    ax.set_xlabel(f"{WORDS['points']}\n{WORDS['noise']}", fontsize=TEXT, loc="right")
    ax.set_label(WORDS["is_differences"])
    return ax


def schedule(rows: Rows, ax: Axes | None = None) -> Axes:
    """Draw the learning rates that were set by hand during a run, on a logarithmic scale, and the end of the run.

    Args:
        rows: of one run of records.read("schedule").
        ax: where to draw.

    Returns:
        the Axes: epochs along x. CONV1's rate is a line of its own from where it leaves the others'.
    """
    ax = _axes(ax, 9, 4.4)
    (end,) = [row["epoch"] for row in rows if row["what"] == "stop"]
    drops = [row for row in rows if row["what"] == "learning_rate"]
    lines = {"CONV1": ("all", "CONV1"), "all but CONV1": ("all", "all but CONV1")}
    for (name, layers), (colour, style) in zip(lines.items(), (SERIES[1], SERIES[0]), strict=True):
        own = [row for row in drops if row["layers"] in layers]
        x, y = [0, *(row["epoch"] for row in own), end], [own[0]["from"], *(row["to"] for row in own)]
        y = [rate or float("nan") for rate in y] + [y[-1] or float("nan")]
        words = WORDS["rate_of"].format(layers="CONV1" if name == "CONV1" else "las demás")
        wide = 5 if name == "CONV1" else 2.2
        ax.step(x, y, where="post", color=colour, linestyle=style, linewidth=wide, alpha=0.75, label=words)
    ax.set_yscale("log")
    ax.set_ylim(2e-6, 4e-2)
    frozen = [row["epoch"] for row in drops if row["to"] == 0]
    dark = [row["epoch"] for row in rows if row["what"] == "colour_noise"]
    marks = [(frozen[0], WORDS["frozen"], 2.4e-3), (dark[0], WORDS["no_lighting"], 8e-3), (end, None, 2.4e-4)]
    for epoch, note, height in marks:
        ax.axvline(epoch, color=COLOURS["neutral"], linewidth=1.2, linestyle=":")
        words = note or WORDS["stop"].format(epoch=epoch)
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text(epoch + 0.8, height, words, fontsize=TEXT, color=INK, va="center", bbox=behind)
    ax.set_xlim(0, end + 19)
    changes = sorted({row["epoch"] for row in rows})
    ax.set_xticks([0, *changes], [str(epoch) for epoch in [0, *changes]])
    _plain(ax)
    rates = [1e-5, 1e-4, 1e-3, 1e-2]
    ax.set_yticks(rates, [f"{rate:.5f}".rstrip("0").replace(".", ",") for rate in rates])
    ax.minorticks_off()
    ax.set_xlabel(WORDS["epoch"], fontsize=TEXT)
    ax.set_ylabel(WORDS["learning_rate"], fontsize=TEXT)
    ax.legend(fontsize=TEXT, frameon=False, loc="lower left", handlelength=3)
    return ax


def _centred():
    return {"color": INK, "ha": "center", "va": "center", "linespacing": 1.2}


def _beside():
    return {"color": INK, "ha": "left", "va": "center"}


def connections(inputs: Sequence[Sequence[int]], ax: Axes | None = None) -> Axes:
    """Draw which input maps each output map reads: a dot for each connection, as in LeNet's Table I.

    Args:
        inputs: for each output map, the input maps it reads; architectures.C3_INPUTS.
        ax: where to draw.

    Returns:
        the Axes: output maps along x, input maps down y.
    """
    outputs, sources = len(inputs), max(max(maps) for maps in inputs) + 1
    ax = _axes(ax, max(6.5, 0.5 * outputs + 1), max(3, 0.5 * sources + 1.4))
    pairs = [(target, source) for target, maps in enumerate(inputs) for source in maps]
    grid = [(target, source) for target in range(outputs) for source in range(sources)]
    across, down = zip(*grid, strict=True)
    ax.scatter(across, down, s=25, facecolors="none", edgecolors=COLOURS["neutral"], linewidths=0.6)
    across, down = zip(*pairs, strict=True)
    ax.scatter(across, down, s=130, color=COLOURS["convolution"], edgecolors=INK, linewidths=0.8)
    for target in range(1, outputs):
        if len(inputs[target]) != len(inputs[target - 1]):
            ax.axvline(target - 0.5, color=COLOURS["neutral"], linewidth=0.8, linestyle="--")
    for target, maps in enumerate(inputs):
        ax.text(target, -0.9, str(len(maps)), fontsize=TEXT, color=INK, ha="center", va="center")
    ax.set_xlim(-0.6, outputs - 0.4)
    ax.set_ylim(sources - 0.4, -1.4)
    ax.set_xticks(range(outputs))
    ax.set_yticks(range(sources))
    _plain(ax, keep=())
    ax.set_xlabel(WORDS["outputs_of"], fontsize=TEXT)
    ax.set_ylabel(WORDS["inputs_of"], fontsize=TEXT)
    heading = WORDS["connections"].format(made=len(pairs), possible=len(grid))
    ax.set_title(heading, fontsize=HEADING, color=INK, loc="left")
    ax.set_label(WORDS["is_connections"])
    return ax


def per_layer(table: LayerTable, quantity: str, ax: Axes | None = None) -> Axes:
    """Draw a quantity of each layer as bars, on a linear scale, with its share of the total.

    Args:
        table: an arithmetic.LayerTable.
        quantity: "parameters", "multiply_adds" (per image) or "activation_bytes" (per image).
        ax: where to draw; at least 0.25 inches high for each layer.

    Returns:
        the Axes: layers down y; x in thousands or millions, or in KiB or MiB.

    Raises:
        ValueError: the quantity is none of those.
    """
    known = ("parameters", "multiply_adds", "activation_bytes")
    if quantity not in known:
        raise ValueError(f"quantity {quantity!r} is unknown; known: {', '.join(known)}")
    values, total = [getattr(row, quantity) for row in table], table.total(quantity)
    kinds = [KINDS[row.kind] for row in table]
    ax = _axes(ax, 9, 0.36 * len(values) + 1.5)
    small, large = (2**10, 2**20) if quantity == "activation_bytes" else (1e3, 1e6)
    divisor = large if total >= large else small
    unit = {2**10: "kib", 2**20: "mib", 1e3: "thousands", 1e6: "millions"}[divisor]
    for place, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        ax.barh(place, value / divisor, 0.72, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor=INK, linewidth=0.8)
        beside: Look = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(_share(value, total), (value / divisor, place), fontsize=TEXT, color=INK, **beside)
    ax.set_yticks(range(len(values)), [row.name for row in table])
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.set_xlim(0, 1.16 * max(max(values), 1) / divisor)
    _plain(ax)
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    ax.set_xlabel(WORDS[unit].format(quantity=WORDS[quantity]), fontsize=TEXT)
    if quantity == "activation_bytes":
        heading = WORDS[f"total_{unit}"].format(total=spanish(total / divisor, decimals=2), quantity=WORDS[quantity])
    else:
        heading = WORDS["total"].format(total=spanish(total), quantity=WORDS[quantity])
    ax.set_title(heading, fontsize=HEADING, color=INK, loc="left")
    _kinds_legend(ax, [kind for kind in COLOURS if kind in kinds], loc=_emptiest(values))
    return ax


def curves(x: ArrayLike, curves: Mapping[str, ArrayLike], xlabel: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw several curves over the same x.

    Args:
        x: (n,) numbers.
        curves: a dict, label -> (n,) numbers.
        xlabel, ylabel: what the axes measure, with the unit.
        ax: where to draw.

    Returns:
        the Axes.
    """
    ax = _axes(ax, 7.5, 4.5)
    for index, (label, y) in enumerate(curves.items()):
        colour, style = SERIES[index % len(SERIES)]
        ax.plot(_array(x), _array(y), color=colour, linestyle=style, linewidth=2.2, label=label)
    if ax.get_xlim()[0] < 0 < ax.get_xlim()[1]:
        ax.axvline(0, color=COLOURS["neutral"], linewidth=0.8, zorder=0)
    if ax.get_ylim()[0] < 0 < ax.get_ylim()[1]:
        ax.axhline(0, color=COLOURS["neutral"], linewidth=0.8, zorder=0)
    _plain(ax)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
    ax.set_xlabel(xlabel, fontsize=TEXT)
    ax.set_ylabel(ylabel, fontsize=TEXT)
    ax.legend(fontsize=TEXT, frameon=False, handlelength=3)
    return ax


def windows(
    size: int,
    kernel_size: int,
    stride: int,
    padding: int | tuple[int, int] = 0,
    rounding: str = "floor",
    ax: Axes | None = None,
) -> Axes:
    """Draw which pixels of a row each window of a convolution or pooling reads.

    The row of pixels is on top; under it, one bar per window. Pixels that no window
    reads are marked, and so is the part of a window that hangs over the edge.

    Args:
        size, kernel_size, stride, padding, rounding: as for arithmetic.output_size, in pixels.
        ax: where to draw.

    Returns:
        the Axes: x in pixels, the first of the row at 0; windows down y.

    Raises:
        ValueError: output_size refuses the numbers.
    """
    count = output_size(size, kernel_size, stride, padding, rounding)
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    starts = [window * stride - before for window in range(count)]
    end = max(size + after, starts[-1] + kernel_size)
    read = {pixel for start in starts for pixel in range(start, start + kernel_size)}
    ax = _axes(ax, 9, min(5.8, 2.9 + 0.28 * count))
    step = max(1, count / 14)  # the row of pixels is as high as that many windows
    shown = {}
    for pixel in range(-before, end):
        if not 0 <= pixel < size + after:
            meaning = "pixel_padding" if pixel < 0 else "pixel_outside"
        elif pixel >= size:
            meaning = "pixel_padding"
        else:
            meaning = "pixel_read" if pixel in read else "pixel_leftover"
        shown[meaning] = ax.add_patch(Rectangle((pixel, -1.6 * step), 1, step, **_pixel_style(meaning, end + before)))
    for window, start in enumerate(starts):
        inside = min(start + kernel_size, size + after) - start
        style: Look = {"facecolor": COLOURS["convolution"], "edgecolor": INK, "linewidth": 0.8 if count <= 30 else 0.3}
        bar = ax.add_patch(Rectangle((start, window + 0.12), inside, 0.76, **style))
        if inside < kernel_size:
            outside = _pixel_style("pixel_outside", end + before)
            ax.add_patch(Rectangle((start + inside, window + 0.12), kernel_size - inside, 0.76, **outside))
    margin = 0.015 * (end + before)
    ax.set_xlim(-before - margin, end + margin)
    drawn = count + 0.3 + 2.2 * step
    inches = 0.2 + 0.22 * math.ceil((len(shown) + 1) / 3)
    legend = min(0.35, inches * ax.figure.dpi / ax.get_window_extent().height)  # its share of the height
    ax.set_ylim(count + 0.3, -2.2 * step - drawn * legend / (1 - legend))
    _plain(ax, keep=("bottom",))
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    numbered = range(count) if count <= 14 else [0, *range(9, count, 10)]
    ax.set_yticks([window + 0.5 for window in numbered], [str(window + 1) for window in numbered])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(WORDS["pixel"], fontsize=TEXT)
    ax.set_ylabel(WORDS["window"], fontsize=TEXT, y=count / 2 / (drawn / (1 - legend)))
    leftover = size - len(read & set(range(size)))
    heading = WORDS["windows_none" if leftover == 0 else "windows_one" if leftover == 1 else "windows_some"]
    ax.set_title(heading.format(count=count, leftover=leftover), fontsize=HEADING, color=INK, loc="left")
    names = [WORDS[meaning] for meaning in shown] + [WORDS["window"]]
    ax.legend([*shown.values(), bar], names, fontsize=TEXT, frameon=False, ncols=3, loc="upper left", borderaxespad=0)
    ax.set_label(WORDS["is_windows"])
    return ax


def first_windows(kernel_size: int, stride: int, kind: str = "convolution", ax: Axes | None = None) -> Axes:
    """Draw where the first three windows of a convolution or a pooling stand over a row of pixels.

    Args:
        kernel_size, stride: in pixels.
        kind: "convolution" or "pooling", for the colour.
        ax: where to draw.

    Returns:
        the Axes: x in pixels, the row on top and a window in each line below.
    """
    ax = _axes(ax, 6, 2.4)
    end, high = 2 * stride + kernel_size, 0.78
    line: Look = {"edgecolor": INK, "linewidth": 0.8}
    for pixel in range(end):
        ax.add_patch(Rectangle((pixel, 0), 1, high, facecolor=COLOURS["input"], **line))
    for place in range(3):
        x, y = place * stride, place + 1.1
        ax.add_patch(Rectangle((x, y), kernel_size, high, facecolor=COLOURS[kind], hatch=HATCHES[kind], **line))
        if place:
            arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x, y + high / 2), (x - stride, y + high / 2), arrowprops=arrow)
    words = {"size": WORDS["pixels"].format(count=kernel_size), "step": WORDS["step"].format(count=stride)}
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 2}  # of the hatch
    ax.text(kernel_size / 2, 1.1 + high / 2, words["size"], fontsize=TEXT, bbox=behind, **_centred())
    ax.text(end + 0.02 * end, 2.1 + high / 2, words["step"], fontsize=TEXT, **_beside())
    ax.text(end + 0.02 * end, high / 2, "…", fontsize=HEADING, **_beside())
    ax.set_xlim(-0.02 * end, 1.35 * end)
    ax.set_ylim(4, -0.1)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    return ax


def kernel(kernel_size: int, in_channels: int, filters: int, ax: Axes | None = None) -> Axes:
    """Draw one filter of a convolution as a box of weights, a face for each input channel, and how many there are.

    Args:
        kernel_size: the side, in weights.
        in_channels: the depth, in weights.
        filters: how many such filters the layer has.
        ax: where to draw.

    Returns:
        the Axes, in weights.
    """
    ax = _axes(ax, 6, 2.4)
    shift = 0.16 * kernel_size  # of each channel behind the one before it
    for channel in reversed(range(in_channels)):
        corner = (channel * shift, channel * shift)
        face: Look = {"facecolor": _shade(COLOURS["convolution"], 1, 0.25 * channel), "edgecolor": INK}
        for row in range(kernel_size):
            for column in range(kernel_size):
                ax.add_patch(Rectangle((corner[0] + column, corner[1] + row), 1, 1, linewidth=0.5, **face))
    wide = kernel_size + (in_channels - 1) * shift
    words = WORDS["kernel"].format(side=kernel_size, channels=in_channels, filters=filters)
    ax.text(wide + 0.1 * kernel_size, wide / 2, words, fontsize=TEXT, **(_beside() | {"linespacing": 1.4}))
    ax.set_aspect("equal", anchor="W")
    ax.set_xlim(-0.3, 3.1 * wide)
    ax.set_ylim(-0.3, wide + 0.3)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    return ax


def maximum(window: Sequence[Sequence[int]], ax: Axes | None = None) -> Axes:
    """Draw what a max pooling makes of one window: its numbers, and the largest of them as the only output.

    Args:
        window: rows of numbers, one of which is the largest.
        ax: where to draw.

    Returns:
        the Axes, in pixels.
    """
    ax = _axes(ax, 6, 2.4)
    rows, columns, largest = len(window), len(window[0]), max(max(row) for row in window)
    cells = [(column, row, value) for row, line in enumerate(window) for column, value in enumerate(line)]
    for x, y, value in [*cells, (columns + 1.6, (rows - 1) / 2, largest)]:
        look: Look = {"facecolor": "white", "edgecolor": INK, "linewidth": 0.8}
        look |= {"edgecolor": COLOURS["pooling"], "linewidth": 4, "zorder": 2} if value == largest else {}
        ax.add_patch(Rectangle((x, y), 1, 1, **look))
        weight = "bold" if value == largest else "normal"
        ax.text(x + 0.5, y + 0.5, str(value), fontsize=TEXT, fontweight=weight, **_centred())
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.6}
    ax.annotate("", (columns + 1.5, rows / 2), (columns + 0.1, rows / 2), arrowprops=arrow)
    ax.text(columns + 2.9, rows / 2, WORDS["maximum"], fontsize=TEXT, **_beside())
    ax.set_aspect("equal", anchor="W")
    ax.set_xlim(-0.1, 2.7 * columns)
    ax.set_ylim(rows + 0.1, -0.1)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    return ax


def learning(history: "History", ax: Axes | None = None) -> Axes:
    """Draw the losses and the validation error of a training run, epoch by epoch.

    Args:
        history: a training.History; the best epoch and the drops of the rate are marked.
        ax: where to draw.

    Returns:
        the Axes of the losses, in nats; the error, in %, has its own scale on the right.
    """
    ax = _axes(ax, 8.5, 4.8)
    right = ax.twinx()
    epochs = history.column("epoch")
    lines: list[Line2D] = []
    for axes, name, (colour, style), marker in (
        (ax, "train_loss", SERIES[0], ""),
        (ax, "validation_loss", SERIES[1], ""),
        (right, "validation_error", SERIES[2], "o"),
    ):
        look: Look = {"color": colour, "linestyle": style, "marker": marker, "linewidth": 2.2, "markersize": 5}
        lines += axes.plot(epochs, history.column(name), label=WORDS[name], **look)
    if history.best:
        label = WORDS["best"].format(best=history.best)
        lines.append(ax.axvline(history.best, color=COLOURS["neutral"], linewidth=1.4, label=label))
    rates = history.column("learning_rate")
    drops = [epoch for epoch, old, new in zip(epochs[1:], rates, rates[1:], strict=False) if new < old]
    for epoch in drops:
        line = ax.axvline(epoch - 0.5, color=COLOURS["leftover"], linewidth=1.4, linestyle=":", label=WORDS["drop"])
    lines += [line] if drops else []
    for axes in (ax, right):
        axes.set_ylim(0, (1.28 * axes.dataLim.y1 if epochs else 0) or 1)  # room for the legend
        _plain(axes, keep=("left", "bottom", "right"))
        axes.yaxis.set_major_formatter(FuncFormatter(_tick))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.set_xlabel(WORDS["epoch"], fontsize=TEXT)
    ax.set_ylabel(WORDS["loss"], fontsize=TEXT)
    right.set_ylabel(WORDS["error"], fontsize=TEXT)
    look = {"framealpha": 1, "edgecolor": "white", "handlelength": 3, "ncols": 2, "loc": "upper center"}
    right.legend(handles=lines, fontsize=TEXT, borderaxespad=0, **look)
    return ax


def maps(maps: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw feature maps, or filters of one channel, as a grid in grey, all on the same scale.

    Values of both signs get a scale that is symmetric, so that middle grey is zero.

    Args:
        maps: (C, H, W), an array of numpy or torch.
        ax: where to draw.

    Returns:
        the Axes; the darkest and the brightest value are written under it. Up to 40
        maps are numbered, from 0.
    """
    tiles = _array(maps)
    if tiles.ndim != 3:
        raise ValueError(f"maps has shape {tiles.shape}; give (C, H, W)")
    low, high = float(tiles.min()), float(tiles.max())
    if low < 0:
        low, high = -max(-low, high), max(-low, high)
    columns = math.ceil(math.sqrt(len(tiles) * 2)) if len(tiles) > 8 else len(tiles)
    labels = [(str(index), INK) for index in range(len(tiles))] if len(tiles) <= 40 else None
    ax, _ = _mosaic(tiles, columns, labels, ax, cmap="gray", vmin=low, vmax=high)
    ax.set_xlabel(WORDS["range"].format(low=_rounded(low), high=_rounded(high)), fontsize=TEXT)
    ax.set_label(WORDS["is_maps"])
    return ax


def pictures(
    tiles: Sequence[tuple[str, ArrayLike]],
    columns: int | None = None,
    boxes: Sequence[tuple[int, int, int, int] | None] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw pictures side by side, each with its caption above.

    Args:
        tiles: [(caption, picture)]: (3, H, W) in colour, from 0 to 1 or bytes; or (H, W) in grey, each
            from its lowest to its highest value. All of the same height and width.
        columns: how many in a row; all by default.
        boxes: for each picture, None or (top, left, bottom, right) in its pixels, to be framed.
        ax: where to draw.

    Returns:
        the Axes.
    """
    shown = [(caption, _colours(_array(picture))) for caption, picture in tiles]
    columns = columns or len(shown)
    height, width = shown[0][1].shape[:2]
    rows, gap = math.ceil(len(shown) / columns), 0.06 * width
    lines = 1 + max(caption.count("\n") for caption, _ in shown)
    inches = max(1.5, min(3, 9 / columns))  # a picture's width
    head = (0.1 + 0.2 * lines) * width / inches
    step = height + head + gap
    ax = _axes(ax, max(4.5, columns * inches), rows * inches * step / (width + gap) + 0.2)
    for place, (caption, picture) in enumerate(shown):
        x, y = place % columns * (width + gap), place // columns * step + head
        ax.imshow(picture, extent=(x, x + width, y + height, y), interpolation="nearest")
        ax.text(x + width / 2, y - 0.02 * height, caption, fontsize=TEXT, color=INK, ha="center", va="bottom")
        if boxes and (box := boxes[place]):
            top, left, bottom, right = box
            look: Look = {"fill": False, "edgecolor": COLOURS["leftover"], "linewidth": 2.5}
            ax.add_patch(Rectangle((x + left, y + top), right - left, bottom - top, **look))
    ax.set_xlim(-gap, columns * (width + gap))
    ax.set_ylim(rows * step + 0.02 * height, 0)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    ax.set_label(WORDS["is_pictures"])
    return ax


def occlusion(image: ArrayLike, sensitivity: "Sensitivity", label: str, ax: Axes | None = None) -> Axes:
    """Draw the probability of an image's class for every place of a square that covers it, beside the image.

    Args:
        image: (3, H, W), bytes or from 0 to 1, of the size that was covered; the square that lowers the
            probability most is framed.
        sensitivity: a looking.Sensitivity.
        label: the name of the class.
        ax: where to draw.

    Returns:
        the Axes; in the map dark is low: what is covered there is what the network needs.
    """
    side = _array(image).shape[1:]
    spread = np.zeros(side)
    seen = np.zeros(side)
    values = _array(sensitivity.probability)
    for row, column in np.ndindex(*values.shape):
        top, left, bottom, right = sensitivity.box(row, column)
        spread[top:bottom, left:right] += values[row, column]
        seen[top:bottom, left:right] += 1
    whole = sensitivity.uncovered
    spread = np.where(seen > 0, spread / np.maximum(seen, 1), whole)
    low, high = values.min(), max(values.max(), whole)
    coloured = plt.get_cmap("cividis")((spread - low) / max(high - low, 1e-9))[..., :3].transpose(2, 0, 1)
    worst = sensitivity.worst()
    ax = pictures([(WORDS["image"], image), (WORDS["map_of"], coloured)], boxes=[worst, worst], ax=ax)
    numbers = {name: spanish(value, 2) for name, value in (("low", low), ("high", high), ("whole", whole))}
    words = WORDS["covered"].format(label=label, **numbers)
    ax.set_xlabel(textwrap.fill(words, 60), fontsize=TEXT)
    return ax


def _colours(picture):
    """(3, H, W) or (H, W) as (H, W, 3), from 0 to 1."""
    if picture.ndim == 2:
        low, high = picture.min(), picture.max()
        picture = np.broadcast_to((picture - low) / ((high - low) or 1), (3, *picture.shape))
    elif picture.ndim != 3 or len(picture) != 3:
        raise ValueError(f"a picture has shape {picture.shape}; give (3, H, W) or (H, W)")
    return np.clip(picture.transpose(1, 2, 0) / (255 if picture.dtype == np.uint8 else 1), 0, 1)


def digits(images: ArrayLike, labels: ArrayLike, predictions: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Draw a grid of digits with their labels; a wrong prediction gets a frame and a cross.

    Args:
        images: (N, 1, H, W), an array of numpy or torch; the ink has the highest value.
        labels: (N,) the digit that each is.
        predictions: (N,) the digit that a model took each for.
        ax: where to draw.

    Returns:
        the Axes.
    """
    tiles, right = _array(images), _array(labels)
    if tiles.ndim != 4 or tiles.shape[1] != 1:
        raise ValueError(f"images has shape {tiles.shape}; give (N, 1, H, W)")
    predicted = right if predictions is None else _array(predictions)
    wrong = np.asarray(right != predicted)
    written = [
        (f"{label} → {prediction} ✘", COLOURS["leftover"]) if mistaken else (str(label), INK)
        for label, prediction, mistaken in zip(right, predicted, wrong, strict=True)
    ]
    ax, corners = _mosaic(tiles[:, 0], min(len(tiles), 8), written, ax, cmap="gray_r")
    height, width = tiles.shape[2:]
    for corner, mistaken in zip(corners, wrong, strict=True):
        look = (COLOURS["leftover"], 2.5) if mistaken else (COLOURS["neutral"], 0.6)
        ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=look[0], linewidth=look[1]))
    if wrong.any():
        ax.set_xlabel(WORDS["wrong"], fontsize=TEXT)
    ax.set_label(WORDS["is_digits"])
    return ax


def confusion(counts: ArrayLike, classes: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw how often a network takes each class for each, in % of the images of the class.

    Args:
        counts: (classes, classes), a row for each class of the images and a column for each answer.
        classes: their names; more than 30 are too many to write.
        ax: where to draw.

    Returns:
        the Axes; with 12 classes at most, the numbers are written in.
    """
    table = _array(counts).astype(float)
    if table.shape != (len(classes), len(classes)):
        raise ValueError(f"counts has shape {table.shape}; give a row and a column for each of {len(classes)} classes")
    share = 100 * table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(11.0, 4.2 + 0.32 * min(len(classes), 30))
    ax = _axes(ax, side + 1, side)
    shown = ax.imshow(share, cmap="cividis", vmin=0, vmax=100)
    scale = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    scale.set_label(WORDS["confused"], fontsize=TEXT)
    scale.ax.tick_params(labelsize=TEXT)
    if len(classes) <= 30:
        names = [textwrap.shorten(str(name), 18, placeholder="…") for name in classes]
        ax.set_xticks(range(len(classes)), names, rotation=90)
        ax.set_yticks(range(len(classes)), names)
    if len(classes) <= 12:
        for (row, column), value in np.ndenumerate(share):
            colour = "black" if value > 55 else "white"
            ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=TEXT, color=colour)
    ax.tick_params(labelsize=TEXT)
    ax.set_xlabel(WORDS["answer"], fontsize=TEXT)
    ax.set_ylabel(WORDS["class"], fontsize=TEXT)
    return ax


def bars(values: dict[str, float], ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw one bar per value, with the value written on it.

    Args:
        values: a dict, label -> number.
        ylabel: what is measured, with the unit.
        ax: where to draw; at least 1.2 inches wide for each bar.

    Returns:
        the Axes.
    """
    ax = _axes(ax, max(5, 1.5 * len(values) + 1), 4.2)
    look: Look = {"color": COLOURS["fully_connected"], "edgecolor": INK, "linewidth": 0.8}
    drawn = ax.bar(range(len(values)), list(values.values()), 0.62, **look)
    ax.bar_label(drawn, [_rounded(value) for value in values.values()], padding=3, fontsize=TEXT, color=INK)
    ax.set_xticks(range(len(values)), [textwrap.fill(str(label), 13) for label in values])
    ax.set_xlim(-0.6, len(values) - 0.4)
    low, high = min(0, *values.values()), max(0, *values.values())
    room = 0.12 * (high - low or 1)  # for the numbers
    ax.set_ylim(low - (room if low else 0), high + room)
    if low:
        ax.axhline(0, color=INK, linewidth=0.8)
    _plain(ax)
    ax.tick_params(axis="x", length=0)
    ax.yaxis.set_major_formatter(FuncFormatter(_tick))
    ax.set_ylabel(ylabel, fontsize=TEXT)
    return ax


def receptive_fields(table: LayerTable, ax: Axes | None = None) -> Axes:
    """Draw the part of the image that one unit of each layer sees: nested squares over the input.

    The unit is the one in the middle. The label gives the side of the square and the
    effective stride, how far the square moves from one unit to the next, in pixels.

    Args:
        table: an arithmetic.LayerTable.
        ax: where to draw.

    Returns:
        the Axes, in pixels of the image.
    """
    rows = [(row, row.receptive_field) for row in table if row.receptive_field is not None]
    side = table.input_shape[1]
    ax = _axes(ax, 9, 5.6)
    centre, half = side / 2, max(side, rows[-1][1]) / 2
    ax.add_patch(Rectangle((0, 0), side, side, facecolor=COLOURS["input"], alpha=0.35, edgecolor="none"))
    ax.add_patch(Rectangle((0, 0), side, side, fill=False, edgecolor=INK, linewidth=1))
    entries = [(side, WORDS["field_input"].format(side=side), INK, "-")]
    for row, field in rows:
        kind = KINDS[row.kind]
        colour, style = COLOURS[kind], "-" if kind == "convolution" else "--"
        corner = (centre - field / 2, centre - field / 2)
        ax.add_patch(Rectangle(corner, field, field, fill=False, edgecolor=colour, linewidth=2.4, linestyle=style))
        text = WORDS["field"].format(name=row.name, field=field, stride=row.effective_stride)
        entries.append((field, text, colour, style))
    entries = sorted(entries, key=lambda entry: -entry[0])  # stable: the deeper layer comes after the input
    top, bottom, right = centre - 0.97 * half, centre + 0.1 * half, centre + 1.2 * half
    for place, (field, text, colour, style) in enumerate(entries):
        y = top + (bottom - top) * place / (len(entries) - 1)
        leader = [centre + field / 2, right - 0.02 * half], [centre - field / 2, y]
        ax.plot(*leader, color=colour, linestyle=style, linewidth=1)
        ax.text(right, y, text, fontsize=TEXT, color=INK, va="center")
    ax.text(right, centre + 0.97 * half, WORDS["field_note"], fontsize=TEXT, color=INK, va="bottom", linespacing=1.3)
    ax.set_aspect("equal")
    ax.set_xlim(centre - 1.05 * half, centre + 2.5 * half)
    ax.set_ylim(centre + 1.05 * half, centre - 1.05 * half)
    _plain(ax, keep=())
    ticks = [tick for tick in MaxNLocator(5, integer=True).tick_values(0, side) if 0 <= tick <= side]
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)
    ax.set_xlabel(WORDS["field_axis"], fontsize=TEXT, x=0.3)
    ax.set_label(WORDS["is_receptive_fields"])
    return ax


def _axes(ax, width, height):
    """The axes given, or new ones of that size, in inches."""
    if ax is None:
        margins = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches
        _, ax = plt.subplots(figsize=(width, height), layout=margins)
    return ax


def _inches(ax):
    """(width, height) of the figure of the axes, in inches."""
    return ax.figure.get_size_inches()


def _plain(ax, keep=("left", "bottom")):
    for name, spine in ax.spines.items():
        spine.set_visible(name in keep)
    ax.tick_params(labelsize=TEXT)


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _tick(value, _):
    return f"{value:,.10g}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def _rounded(value):
    """A number with the digits that a label can show: whole, or four significant."""
    return _tick(value if float(value).is_integer() else float(f"{value:.4g}"), None)


def _share(value, total):
    share = 100 * value / total if total else 0
    if value == 0:
        return "0 %"
    return "< 0,1 %" if share < 0.1 else f"{spanish(share, decimals=1)} %"


def _deck_volume(shape):
    channels, height, width = shape
    return f"[{height}x{width}x{channels}]"


def _leader():
    return {"arrowstyle": "-", "color": COLOURS["neutral"], "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}


def _shade(colour, towards, amount):
    return tuple((1 - amount) * channel + amount * towards for channel in to_rgb(colour))


def _box(ax, middle, width, height, right, up, kind):
    """A box in oblique projection: `width` x `height` in front, its depth going `right` and `up`."""
    x = middle - (width + right) / 2
    colour = COLOURS[kind]
    edge = {"edgecolor": INK, "linewidth": 0.8, "joinstyle": "round"}
    if right:
        top = [(x, height), (x + width, height), (x + width + right, height + up), (x + right, height + up)]
        side = [(x + width, 0), (x + width, height), (x + width + right, height + up), (x + width + right, up)]
        ax.add_patch(Polygon(top, facecolor=_shade(colour, 1, 0.5), **edge))
        ax.add_patch(Polygon(side, facecolor=_shade(colour, 1, 0.25), **edge))
    ax.add_patch(Rectangle((x, 0), width, height, facecolor=colour, hatch=HATCHES[kind], **edge))


def _kinds_legend(ax, kinds, **where):
    handles = [
        Patch(facecolor=COLOURS[kind], hatch=HATCHES[kind], edgecolor=INK, linewidth=0.8, label=WORDS[kind])
        for kind in kinds
    ]
    legend = ax.legend(handles=handles, fontsize=TEXT, title_fontsize=TEXT, frameon=False, handlelength=1.8, **where)
    legend.set_alignment("left")


def _emptiest(values):
    """The corner of a bar chart, read downwards, that the bars leave free."""
    half = len(values) // 2
    return "upper right" if max(values[:half]) < max(values[half:]) else "lower right"


def _pixel_style(meaning, pixels):
    look = {
        "pixel_read": (COLOURS["input"], HATCHES["input"]),
        "pixel_padding": ("white", "////"),
        "pixel_leftover": (COLOURS["leftover"], HATCHES["leftover"]),
        "pixel_outside": ("white", HATCHES["leftover"]),
    }[meaning]
    return {"facecolor": look[0], "hatch": look[1], "edgecolor": INK, "linewidth": 0.8 if pixels <= 80 else 0.2}


def _mosaic(tiles, columns, labels, ax, **how):
    """Draw (N, H, W) tiles as one image with gaps; return the axes and the corners of the tiles."""
    count, height, width = tiles.shape
    rows = math.ceil(count / columns)
    gap, head = max(1, round(0.08 * width)), 0 if labels is None else max(1, round(0.3 * height))
    canvas = np.full((rows * (height + head + gap), columns * (width + gap) - gap), np.nan)
    corners = []
    for index, tile in enumerate(tiles):
        y, x = index // columns * (height + head + gap) + head, index % columns * (width + gap)
        canvas[y : y + height, x : x + width] = tile
        corners.append((x - 0.5, y - 0.5))
    inches = 1.1 if labels else 0.6
    ax = _axes(ax, max(3.5, columns * inches), max(1.6, rows * inches * (height + head + gap) / (width + gap) + 0.4))
    ax.imshow(canvas, interpolation="nearest", **how)
    for (x, y), (text, colour) in zip(corners, labels or (), strict=bool(labels)):
        ax.text(x + width / 2, y - 0.04 * height, text, fontsize=TEXT, color=colour, ha="center", va="bottom")
    ax.set_xlim(-0.5 - gap, canvas.shape[1] - 0.5 + gap)
    ax.set_xticks([])
    ax.set_yticks([])
    _plain(ax, keep=())
    return ax, corners


def alternative_text(figure: Figure) -> str:
    """Put the words that are written in a figure into one sentence, for those who do not see the figure.

    Args:
        figure: a label of its own (`figure.set_label`) is returned as it is.
    """
    if label := figure.get_label():
        return str(label)
    parts = []
    for ax in figure.axes:
        legend = ax.get_legend()
        series = [text.get_text() for text in legend.get_texts()] if legend else []
        written = [text.get_text() for text in ax.texts]
        said = [str(ax.get_label()), ax.get_title(loc="left"), ax.get_title(loc="center"), ax.get_title(loc="right")]
        for key, texts in (
            ("horizontal", [ax.get_xlabel()]),
            ("vertical", [ax.get_ylabel()]),
            ("series", series),
            ("written", written),
        ):
            words = ", ".join(" ".join(one.split()) for one in texts if one.strip())
            said += [WORDS[key].format(words=words)] if words else []
        parts += ["; ".join(" ".join(one.split()) for one in said if one)]
    return textwrap.shorten(". ".join([WORDS["described"], *filter(None, parts)]), 1000, placeholder="…")


def describe_pictures() -> None:
    """Give every figure that the notebook shows from here on its `alternative_text`; do nothing outside a notebook.

    JupyterLab and nbconvert show a figure as an image without alternative text, so it is shown as HTML instead.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        plt.switch_backend(plt.get_backend())  # starts it, which forgets what is registered before it
        shell.display_formatter.formatters["text/html"].for_type(Figure, _described)


def _described(figure):
    from IPython.core.pylabtools import print_figure

    png = print_figure(figure, "png", base64=True)
    return (
        f'<img src="data:image/png;base64,{png}" alt="{html.escape(alternative_text(figure))}" style="max-width:100%">'
    )


def live(epochs: "Iterable[History]") -> "History":
    """Draw a training run while it goes on: losses, error and rate, again after every epoch.

    In a notebook the picture is redrawn in its place; elsewhere nothing is drawn. Closing the
    loop early (Ctrl-C, or the stop button) leaves the last picture.

    Args:
        epochs: the histories that `training.epochs` yields.

    Returns:
        the last history, as `training.train` does.
    """
    from IPython import get_ipython
    from IPython.display import display

    handle = None
    for history in epochs:
        if not history.epochs or get_ipython() is None:
            continue
        figure = training_run(history)
        if handle is None:
            handle = display(figure, display_id=True)
        else:
            handle.update(figure)
        plt.close(figure)
    return history


def training_run(history: "History") -> Figure:
    """Draw the losses and the error of a training run, and under them its rate.

    Args:
        history: a training.History.

    Returns:
        the Figure.
    """
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(8.5, 6), height_ratios=(4, 1), sharex=True, layout="constrained"
    )
    learning(history, upper)
    upper.set_xlabel("")
    colour, _ = SERIES[0]
    lower.step(history.column("epoch"), history.column("learning_rate"), where="mid", color=colour, linewidth=2.2)
    lower.set_yscale("log")
    _plain(lower)
    lower.set_xlabel(WORDS["epoch"], fontsize=TEXT)
    lower.set_ylabel(WORDS["rate"], fontsize=TEXT)
    return figure


def runs(rows: Rows, title: str) -> Figure:
    """Draw the losses and the errors of several training runs, three beside one another, all on the same scales.

    Args:
        rows: of a log such as experiments.read("broken_runs"): a dict for each epoch of each run, with "run", "epoch",
            "train_loss", "validation_loss", "train_error" and "validation_error".
        title: above each run; `{}` takes its name.

    Returns:
        the Figure: for each run its losses, in nats, above its errors, in %.
    """
    names = list(dict.fromkeys(row["run"] for row in rows))
    blocks = math.ceil(len(names) / 3)
    size = (9, 4.6 * blocks + 0.4)
    figure, grid = plt.subplots(2 * blocks, 3, figsize=size, sharex=True, layout="constrained", squeeze=False)
    highest = sorted(row[loss] for row in rows for loss in ("train_loss", "validation_loss"))[int(1.9 * len(rows)) - 1]
    for place in range(3 * blocks):
        upper, lower = grid[2 * (place // 3), place % 3], grid[2 * (place // 3) + 1, place % 3]
        if place >= len(names):
            upper.remove()
            lower.remove()
            continue
        own = [row for row in rows if row["run"] == names[place]]
        for ax, quantity in ((upper, "loss"), (lower, "error")):
            for part, (colour, style) in zip(("train", "validation"), SERIES, strict=False):
                look: Look = {"color": colour, "linestyle": style, "linewidth": 2.2, "label": WORDS[f"of_{part}"]}
                ax.plot([row["epoch"] for row in own], [row[f"{part}_{quantity}"] for row in own], **look)
            _plain(ax)
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.yaxis.set_major_formatter(FuncFormatter(_tick))
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.tick_params(labelbottom=ax is lower)
            if place % 3 == 0:
                ax.set_ylabel(WORDS["loss"] if quantity == "loss" else WORDS["errors"], fontsize=TEXT)
        upper.set_ylim(0, 1.1 * highest)
        lower.set_ylim(0, 100)
        upper.set_title(title.format(names[place]), fontsize=HEADING, color=INK)
        lower.set_xlabel(WORDS["epoch"], fontsize=TEXT)
    lines = grid[0, 0].get_lines()
    figure.legend(handles=lines, fontsize=TEXT, frameon=False, ncols=2, loc="outside upper center", handlelength=3)
    return figure


def filters(weights: ArrayLike, ax: Axes | None = None, shared: bool = True) -> Axes:
    """Draw the filters of a first layer, in colour: middle grey is 0.

    Args:
        weights: (filters, 3, kernel_size, kernel_size), as of a convolution that reads R, G, B.
        shared: draw all on one scale, which shows how strong each is; else each on its own, which shows its form.
        ax: where to draw.

    Returns:
        the Axes; the title tells the scale.
    """
    kernels = _array(weights)
    if kernels.ndim != 4 or kernels.shape[1] != 3:
        raise ValueError(f"weights have shape {kernels.shape}; expected (filters, 3, side, side)")
    each = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    largest = each.max() or 1.0
    scale = largest if shared else np.where(each > 0, each, 1.0)
    tiles = 0.5 + (kernels / (2 * scale)).transpose(0, 2, 3, 1)
    wide = math.ceil(math.sqrt(2 * len(tiles)))
    columns = next((count for count in range(wide, wide + wide // 4) if len(tiles) % count == 0), wide)  # no gap
    ax = _axes(ax, 9, 9 * math.ceil(len(tiles) / columns) / columns + 0.4)
    gap, side = 1, tiles.shape[1]
    rows = math.ceil(len(tiles) / columns)
    sheet = np.ones((rows * (side + gap) - gap, columns * (side + gap) - gap, 3))
    for place, tile in enumerate(tiles):
        top, left = (side + gap) * (place // columns), (side + gap) * (place % columns)
        sheet[top : top + side, left : left + side] = tile
    ax.imshow(sheet, interpolation="nearest")
    ax.axis("off")
    words = WORDS["filters" if shared else "filters_apart"]
    words = words.format(count=len(tiles), side=side, largest=_tick(float(f"{largest:.2g}"), None))
    ax.set_title(words, fontsize=HEADING, color=INK, loc="left")
    ax.set_label(WORDS["is_filters"])
    return ax


def seeds(series: dict[str, dict[Any, Sequence[float]]], xlabel: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw repeated measurements: a dot for each seed, and a line through their means.

    Args:
        series: {name of the series: {place on the horizontal axis: values, one per seed}}; the same
            places, in the same order, in each. NaN is a run without a result: it has no dot, and its
            place no mean.
        xlabel, ylabel: with units.
        ax: where to draw.

    Returns:
        the Axes. Without a legend if there is one series only.
    """
    ax = _axes(ax, 9, 4.6)
    places = list(next(iter(series.values())))
    for number, ((name, measured), (colour, style)) in enumerate(zip(series.items(), SERIES, strict=False)):
        x = np.arange(len(places)) + 0.16 * (number - (len(series) - 1) / 2)
        marker, means = "osD^"[number % 4], [float(np.mean(values)) for values in measured.values()]
        for at, values in zip(x, measured.values(), strict=True):
            dots: Look = {"color": colour, "markerfacecolor": "white", "markersize": 6, "linestyle": "none"}
            ax.plot([at] * len(values), values, marker, zorder=3, **dots)
        joined = style if len(series) > 1 else "none"
        ax.plot(x, means, marker="_", markersize=22, markeredgewidth=2.5, linestyle=joined, color=colour, label=name)
    ax.set_xticks(range(len(places)), [textwrap.fill(str(place), 14) for place in places], fontsize=TEXT)
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_ylim(0, 1.08 * ax.dataLim.y1)
    ax.yaxis.set_major_formatter(FuncFormatter(_tick))
    _plain(ax)
    ax.set_xlabel(xlabel, fontsize=TEXT)
    ax.set_ylabel(ylabel, fontsize=TEXT)
    if len(series) > 1:
        ax.legend(fontsize=TEXT, frameon=False, handlelength=3)
    return ax
