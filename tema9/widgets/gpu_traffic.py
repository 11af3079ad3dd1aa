"""The values that cross between the two GPUs of AlexNet, layer by layer."""

import functools
import math

import ipywidgets

from tema9.arithmetic import BYTES_PER_VALUE, MIB, crossing_values, layer_table, spanish
from tema9.figures import KINDS
from tema9.svg import Picture
from tema9.widgets.explorer import WIDTH, Explorer, require_integer, slider


def two_gpus(batch_size: int = 128) -> Explorer:
    """Show the values that cross between two devices, as each layer reads its own half of the maps or both halves.

    Args:
        batch_size: the first value of the images in a batch.

    Raises:
        ValueError: the batch size is outside of its control.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 3.2 and figure 2, for the layers that read both.
    """
    require_integer("batch_size", batch_size, 1, 512)
    table = layer_table("alexnet_paper")
    controls = {"batch_size": slider("minilote (imágenes)", batch_size, 1, 512)}
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
    picture, step, base = Picture(WIDTH, 270, alt), (WIDTH - 40) / len(values), 190
    largest = max(math.prod(row.in_shape) // 2 for row in _readers(table))
    for place, row in enumerate(_readers(table)):
        middle, value = 20 + (place + 0.5) * step, values[row.name]
        high = 140 * value / largest
        if value:
            picture.rect(middle - 26, base - high, 52, high, KINDS[row.kind])
        picture.text(middle, base - high - 6, spanish(value) if value else "no cruza", 13, "middle")
        picture.text(middle, base + 18, row.name, 14, "middle", bold=bool(value))
        picture.text(middle, base + 36, "lee las dos" if value else "lee su mitad", 12, "middle")
    picture.line([(20, base), (WIDTH - 20, base)])
    picture.text(20, 20, "valores que recibe cada GPU, por imagen, en la ida", 13)
    picture.key(24, 258, [("convolution", "convolución"), ("fully_connected", "FC")])
    mib = total * BYTES_PER_VALUE * batch_size / MIB
    paper = {name: value for name, value in values.items() if value} == crossing_values(table)
    return picture, (
        f"Cada GPU recibe {spanish(total)} valores por imagen: {spanish(mib, 1)} MiB en la ida con un minilote de "
        f"{batch_size}, y otros tantos en la vuelta. " + ("Es lo que eligió el artículo." if paper else "")
    )
