"""The table of an architecture with boxes for its numbers, and the shapes and counts that follow from them."""

import functools
import math
from dataclasses import replace

import ipywidgets

from tema9 import architectures
from tema9.architectures import Conv, MaxPool, Subsampling
from tema9.arithmetic import TITLES, layer_table, spanish
from tema9.figures import INK, KINDS
from tema9.svg import Picture, number
from tema9.widgets.explorer import FAULT, WIDTH, Explorer, Impossible

CHIP = f"background:{FAULT};color:#fff;border-radius:3px;padding:0 .4em"  # legible in every theme
SIDES = (1, 1024)  # of the input, in px
EDITABLE = {  # field of a layer -> (its name, the lowest value, the highest)
    "out_channels": ("el número de filtros", 1, 4096),
    "out_features": ("el número de neuronas", 1, 16384),
    "kernel_size": ("la ventana", 1, 64),
    "stride": ("el paso", 1, 16),
    "padding": ("el relleno", 0, 32),
    "groups": ("el número de grupos", 1, 64),
}
COLUMNS = (("out_channels", "out_features"), ("kernel_size",), ("stride",), ("padding",), ("groups",))


def layer_editor(name: str = "alexnet_slide") -> Explorer:
    """Show the table of an architecture with boxes for its numbers; shapes and counts are computed again.

    A side that is not a whole number turns red, with its exact value. If a layer does not fit, or a number cannot be,
    the reason stands in the row of that layer and above the table, and the layers after it show no shape.

    Args:
        name: one of `architectures.ARCHITECTURES`.

    Raises:
        ValueError: there is no such architecture; the message lists those there are.
    """
    base = architectures.find(name)
    narrow, hidden = {"width": "4.7rem"}, {"description_width": "0"}
    controls = {  # boxes of whole numbers would leave out the point of 227.5, and make it 2275
        "input_size": ipywidgets.FloatText(
            base.input_shape[1],
            step=1,
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
            head, *_ = EDITABLE[field]
            value = getattr(layer, field)
            box = ipywidgets.FloatText(
                value[0] if isinstance(value, tuple) else value,
                step=1,
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
    reason = ipywidgets.HTML()
    panel = ipywidgets.VBox([controls["input_size"], reason, ipywidgets.Box([table], layout={"overflow": "auto"})])
    explorer = Explorer(controls, functools.partial(_layer_editor, base, cells, reason), panel)
    explorer.cells, explorer.reason = cells, reason
    return explorer


def _counted(architecture):
    return [layer for layer in architecture.layers if not isinstance(layer, architectures.POINTWISE)]


def _layer_editor(base, cells, reason, input_size, **values):
    changed, wrong = [], {}
    if problem := _not_whole("el lado de la entrada", input_size, *SIDES):
        reason.value = _fault(problem)
        for out, parameters in cells.values():
            out.value = parameters.value = "—"
        raise Impossible(problem)
    input_size = int(input_size)
    for layer in base.layers:
        fields = {}
        for key, value in values.items():
            name, field = key.split()
            if name == layer.name:
                if problem := _not_whole(EDITABLE[field][0], value, *EDITABLE[field][1:]):
                    wrong.setdefault(layer.name, f"{layer.name}: {problem}")
                else:
                    fields[field] = int(value)
        if layer.name in wrong:
            changed.append(layer)
            continue
        if isinstance(getattr(layer, "padding", None), tuple):  # what is more on the right and below stays so
            fields["padding"] = (fields["padding"], fields["padding"] + layer.padding[1] - layer.padding[0])
        changed.append(replace(layer, **fields))
    shape, kept, problem, stopped = (base.input_shape[0], input_size, input_size), [], "", ""
    for layer in changed:
        if problem := wrong.get(layer.name) or _why_not(layer, shape):
            stopped = layer.name
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
        out.value = _side_cell(row, odd.get(name)) if row else _fault(problem) if name == stopped else "—"
        parameters.value = spanish(row.parameters) if row else "—"
    reason.value = _fault(problem) if problem else ""
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


def _not_whole(what, value, low, high):
    """Why a number cannot stand in a box, in Spanish; "" if it can."""
    if float(value).is_integer() and low <= value <= high:
        return ""
    return f"{what} es un número entero de {low} a {spanish(high)}, y pone {number(value)}."


def _fault(words):
    return f'<span role="status" style="{CHIP}">✘ {words}</span>'


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
    return f'<span style="{CHIP}">✘ {number(round(exact, 2))}</span> {volume}'


def _strip(table, odd, problem):
    """The volumes of a table in a row, as high as their sides."""
    rows = list(table)
    alt = f"{TITLES[table.architecture.name]}: " + ", ".join(f"{row.name} {row.volume}" for row in rows)
    alt += "".join(f"; {name} no es entero" for name in odd) + (f"; {problem}" if problem else "")
    picture, step, base = Picture(WIDTH, 240, alt), (WIDTH - 20) / (len(rows) + 1), 160
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
    picture.line([(10, base), (WIDTH - 10, base)])
    kinds = {"convolution": "convolución", "pooling": "pooling", "normalisation": "LRN", "fully_connected": "FC"}
    there = {kind for _, kind, _ in columns}
    picture.key(
        14, 224, [(kind, words) for kind, words in kinds.items() if kind in there] + [("leftover", "no es entero")]
    )
    return picture
