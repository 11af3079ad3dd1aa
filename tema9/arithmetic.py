"""Sizes, parameters, multiply-adds, memory and receptive fields of a layer table. No torch.

Conventions: shapes are (channels, height, width) or (features,); kernels and images
are square; a multiply-add counts once (2 FLOPs) and the bias is not counted; memory
is in bytes, 4 per value (float32).
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from tema9 import architectures
from tema9.architectures import LRN, POINTWISE, RBF, Architecture, Conv, Linear, MaxPool, Subsampling
from tema9.tables import Table

BYTES_PER_VALUE = 4  # float32
MIB = 2**20

# What a notebook shows of a table, in Spanish. Another language is another pair of dicts.
TITLES = {
    "lenet5_1998": "LeNet-5, como se imprimió",
    "lenet5": "LeNet-5, como se escribe hoy: C3 completa, max pooling y salida lineal",
    "alexnet_slide": "AlexNet, como la lista la diapositiva: una sola torre, POOL antes que NORM",
    "alexnet_paper": "AlexNet, como se imprimió: dos torres (groups=2), NORM antes que POOL",
    "alexnet_2012_code": "AlexNet, como la ejecuta el código de 2012: 224 hacia arriba, LRN antes que ReLU en CONV1",
    "caffenet": "CaffeNet: dos torres, POOL antes que NORM, k = 1",
    "alexnet_torchvision": "La AlexNet de torchvision: otros anchos, sin LRN, dropout antes de las FC",
    "alexnet_one_gpu": "La red de una GPU de la comparación: la mitad de filtros; CONV5 y las FC, igual de anchas",
    "alexnet_mini": "AlexNet en pequeño: las capas de la diapositiva, en su orden, para recortes de fotos de 59 × 59",
    "zfnet_slide": "ZFNet, la diapositiva al pie de la letra: AlexNet con CONV1 de 7 × 7 y paso 2",
    "zfnet_slide_512": "ZFNet, la diapositiva al pie de la letra, con los dos cambios: 512, 1024, 512 en CONV3, 4 y 5",
    "zfnet_paper": "ZFNet, como en la figura 3 de su artículo: CONV2 también con paso 2",
    "zfnet_paper_512": "ZFNet, la variante (b) de su tabla 2: 512, 1024, 512 en las capas 3, 4 y 5",
}
WORDS = {
    "Conv": "{row.out_shape[0]} filtros de {row.kernel_size} × {row.kernel_size}, paso {row.stride}, relleno {padding}",
    "MaxPool": "máximos de {row.kernel_size} × {row.kernel_size}, paso {row.stride}",
    "Subsampling": "sumas de {row.kernel_size} × {row.kernel_size}, paso {row.stride}, por un peso y más un sesgo",
    "LRN": "normalización local (LRN)",
    "Linear": "{row.out_shape[0]} neuronas",
    "RBF": "{row.out_shape[0]} distancias a prototipos fijos",
    "padding": "{before} (+{more} a la derecha y abajo)",
    "groups": ", {row.groups} grupos",
    "partly": ", conexiones parciales",
    "ceil": ", redondeando hacia arriba",
}


def output_size(
    size: int, kernel_size: int, stride: int = 1, padding: int | tuple[int, int] = 0, rounding: str = "floor"
) -> int:
    """Return the side of the output of a convolution or pooling, in pixels.

    Args:
        size: side of the input, in pixels.
        kernel_size: side of the window, in pixels.
        stride: step between windows, in pixels.
        padding: pixels added on every side, or a pair (left and top, right and bottom).
        rounding: "floor" drops the pixels left over; "ceil" lets a last window hang
            over the edge, provided that it starts inside, as torch does.

    Raises:
        ValueError: the window does not fit, the padding is negative, a size is not
            positive, or the rounding is unknown.

    Example:
        >>> output_size(227, 11, stride=4)  # (227 - 11) / 4 + 1
        55
        >>> output_size(224, 11, stride=4), output_size(224, 11, stride=4, rounding="ceil")
        (54, 55)

    Source:
        Dumoulin and Visin (2016), relationship 6; ceil: Krizhevsky's layer.py of 2012, line 1004.
    """
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    if min(before, after) < 0:
        raise ValueError(f"padding {padding} is negative; give 0 or more pixels")
    for name, value in (("size", size), ("kernel_size", kernel_size), ("stride", stride)):
        if value < 1:
            raise ValueError(f"{name} {value} is not positive; give 1 or more pixels")
    if rounding not in ("floor", "ceil"):
        raise ValueError(f"rounding {rounding!r} is unknown; known: floor, ceil")
    room = size + before + after - kernel_size
    if room < 0:
        raise ValueError(f"kernel_size {kernel_size} is larger than its input, {size + before + after} px with padding")
    if rounding == "floor":
        return room // stride + 1
    windows = math.ceil(room / stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + before else windows


def conv_parameters(in_channels: int, out_channels: int, kernel_size: int, groups: int = 1) -> tuple[int, int]:
    """Return (weights, biases) of a convolution.

    Raises:
        ValueError: the groups do not divide the channels.

    Example:
        >>> conv_parameters(3, 96, 11)  # 11 * 11 * 3 * 96, 96
        (34848, 96)
    """
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(f"groups {groups} does not divide {in_channels} input and {out_channels} output channels")
    return out_channels * (in_channels // groups) * kernel_size**2, out_channels


@dataclass(frozen=True)
class Row:
    """One layer of a table, with everything that can be counted.

    receptive_field, effective_stride: in pixels of the image; None from the first
    fully connected layer on, which sees it all.
    """

    name: str
    kind: str
    description: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    kernel_size: int | None
    stride: int | None
    padding: int | tuple[int, int] | None
    groups: int | None
    weights: int
    biases: int
    multiply_adds: int
    receptive_field: int | None
    effective_stride: int | None

    @property
    def parameters(self) -> int:
        """Weights and biases together."""
        return self.weights + self.biases

    @property
    def activations(self) -> int:
        """Values that leave the layer, for one image."""
        return math.prod(self.out_shape)

    @property
    def activation_bytes(self) -> int:
        """Memory of the values that leave the layer, for one image, in float32."""
        return self.activations * BYTES_PER_VALUE

    @property
    def volume(self) -> str:
        """The output as the deck writes it: [55x55x96]."""
        channels, *sides = self.out_shape
        return f"[{'x'.join(str(n) for n in (*sides, channels))}]"


@dataclass(frozen=True)
class Memory:
    """The memory that training takes at least, in bytes: one batch in float32 with momentum SGD.

    The gradients of the activations, the workspaces of the convolutions and copies are not counted.
    """

    parameters: int
    gradients: int
    momentum: int
    input: int
    activations: int

    @property
    def total(self) -> int:
        """The sum of all the parts."""
        return sum(getattr(self, field.name) for field in fields(self))


class LayerTable:
    """The rows of an architecture and their totals, which a notebook shows as a table.

    `rows` is a list of Row, in the order of the layers; pointwise layers (ReLU,
    tanh, dropout) change no shape and have no row.
    """

    def __init__(self, architecture: Architecture, input_size: int | None = None) -> None:
        channels, height, _ = architecture.input_shape
        side = height if input_size is None else input_size
        if side < 1:
            raise ValueError(f"input size {side} is not positive; give 1 or more pixels")
        self.architecture = architecture
        self.input_shape = (channels, side, side)
        self.rows = list(_rows(architecture, self.input_shape))

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Row:
        """The row of the layer called `name`."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{self.architecture.name} has no layer {name!r}; it has {', '.join(r.name for r in self.rows)}")

    @property
    def training_flops(self) -> int:
        """The floating-point operations of a training step, for each image: two for each multiply-add.

        A step goes forward once and backward for the weights and for the input; nobody asks for the gradient of the
        images, so that the first layer goes twice and the others three times.
        """
        return 2 * (3 * self.total("multiply_adds") - (self.rows[0].multiply_adds or 0))

    def total(self, quantity: str) -> int:
        """Sum of a quantity of the rows: "parameters", "multiply_adds", "activations", ..."""
        return sum(getattr(row, quantity) for row in self.rows)

    def memory(self, batch_size: int = 1) -> Memory:
        """Return the memory that training on a batch takes at least, in bytes.

        Example:
            >>> layer_table("alexnet_slide").memory(128).activations / MIB  # MiB
            437.00390625
        """
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size} is not positive; give 1 or more images")
        parameters = self.total("parameters") * BYTES_PER_VALUE
        return Memory(
            parameters=parameters,
            gradients=parameters,
            momentum=parameters,
            input=math.prod(self.input_shape) * BYTES_PER_VALUE * batch_size,
            activations=self.total("activation_bytes") * batch_size,
        )

    def to_dict(self) -> dict[str, Any]:
        """The table as plain data, for `tema9 layers --json`."""
        counts = ("parameters", "activations", "activation_bytes")
        return {
            "name": self.architecture.name,
            "title": self.architecture.title,
            "source": self.architecture.source,
            "input_shape": self.input_shape,
            "layers": [asdict(row) | {count: getattr(row, count) for count in counts} for row in self.rows],
            "totals": {count: self.total(count) for count in ("weights", "biases", "multiply_adds", *counts)},
            "training_memory_per_image": asdict(self.memory(1)),
        }

    def __str__(self) -> str:
        channels, height, width = self.input_shape
        rows = (f"{row.volume} {row.name}: {row.description}" for row in self.rows)
        return "\n".join([f"[{height}x{width}x{channels}] INPUT", *rows])

    def _repr_html_(self) -> str:
        """The table in Spanish, for a notebook."""
        head = ("Salida", "Capa", "Qué hace", "Pesos", "Sesgos", "Multiplicaciones-suma", "Activaciones")
        channels, height, width = self.input_shape
        counts = ("weights", "biases", "multiply_adds", "activations")
        body: list[tuple[str, ...]] = [(f"[{height}x{width}x{channels}]", "INPUT", "", "", "", "", "")]
        for row in self.rows:
            text = self._in_spanish(row)
            body.append((row.volume, row.name, text, *(spanish(getattr(row, count)) for count in counts)))
        body.append(("", "Total", "", *(spanish(self.total(count)) for count in counts)))
        caption = TITLES.get(self.architecture.name, self.architecture.title)
        return Table(head, tuple(body), numbers=(3, 4, 5, 6), caption=caption)._repr_html_()

    def _in_spanish(self, row: Row) -> str:
        """What a layer does, in Spanish."""
        layer = next(layer for layer in self.architecture.layers if layer.name == row.name)
        padding = str(row.padding)
        if isinstance(row.padding, tuple):
            before, after = row.padding
            padding = WORDS["padding"].format(before=before, more=after - before)
        text = WORDS[row.kind].format(row=row, padding=padding)
        if isinstance(layer, Conv):
            text += WORDS["groups"].format(row=row) if layer.groups > 1 else ""
            text += WORDS["partly"] if layer.inputs else ""
        return text + (WORDS["ceil"] if isinstance(layer, MaxPool) and layer.rounding == "ceil" else "")


def layer_table(name: str | Architecture, input_size: int | None = None) -> LayerTable:
    """Return the table of an architecture, by name, or of an Architecture.

    Args:
        name: one of `ARCHITECTURES`, or an Architecture.
        input_size: side of the image, in pixels; the architecture's own by default.

    Raises:
        ValueError: the name is unknown, or a layer does not fit; one line says which.

    Example:
        >>> layer_table("alexnet_slide").total("parameters")
        62378344
    """
    return LayerTable(name if isinstance(name, Architecture) else architectures.find(name), input_size)


def compare(left: LayerTable, right: LayerTable) -> list[tuple[Row | None, Row | None, set[str]]]:
    """Pair the rows of two tables by layer name: first the layers of `left`, then those that only `right` has.

    Returns:
        a list of (row of left or None, row of right or None, the set of fields that differ).
    """
    names = [row.name for row in left] + [row.name for row in right if row.name not in {r.name for r in left}]
    here, there = {row.name: row for row in left}, {row.name: row for row in right}
    pairs = []
    for name in names:
        a, b = here.get(name), there.get(name)
        different = {f.name for f in fields(Row) if a is None or b is None or getattr(a, f.name) != getattr(b, f.name)}
        pairs.append((a, b, different))
    return pairs


def crossing_values(table: LayerTable) -> dict[str, int]:
    """Return {layer: how many values cross between two devices to reach it}, each way, for one image.

    Each device holds half of the maps and of the neurons. A convolution in two groups reads its
    own half; one in a single group, but for the first, which reads the image, reads both, as every
    dense layer does: half of its input comes from the other device.

    Args:
        table: a LayerTable.

    Raises:
        ValueError: no layer has two groups, so that nothing says what stays on a device.

    Example:
        >>> crossing_values(layer_table("alexnet_paper"))
        {'CONV3': 21632, 'FC6': 4608, 'FC7': 2048, 'FC8': 2048}

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 3.2 and figure 2.
    """
    if not any(row.groups == 2 for row in table):
        raise ValueError(f"{table.architecture.name} has no layer in two groups; alexnet_paper has")
    readers = [row for row in table if row.weights and row.groups != 2]
    return {row.name: math.prod(row.in_shape) // 2 for row in readers if row.in_shape != table.input_shape}


def spanish(number: float, decimals: int = 0) -> str:
    """A number as it is printed in Spanish: thin spaces between thousands, decimal comma.

    Example:
        >>> spanish(62378344) == "62\\u202f378\\u202f344", spanish(16.42, decimals=1)
        (True, '16,4')
    """
    return f"{number:,.{decimals}f}".replace(",", "\u202f").replace(".", ",")


def _rows(architecture, shape):
    field, jump = 1, 1  # receptive field and effective stride, in pixels of the image
    for layer in architecture.layers:
        if isinstance(layer, POINTWISE):
            continue
        try:
            row, field, jump = _row(layer, shape, field, jump)
        except ValueError as error:
            raise ValueError(f"{architecture.name}, {layer.name}: {error}") from None
        yield row
        shape = row.out_shape


def _row(layer, shape, field, jump):
    kernel_size = stride = padding = groups = None
    weights = biases = multiply_adds = 0
    channels, values = shape[0], math.prod(shape)
    match layer:
        case Conv():
            kernel_size, stride, padding, groups = layer.kernel_size, layer.stride, layer.padding, layer.groups
            side = output_size(shape[1], kernel_size, stride, padding)
            out_shape = (layer.out_channels, side, side)
            weights, biases = conv_parameters(channels, layer.out_channels, kernel_size, groups)
            if layer.inputs is not None:
                weights = sum(len(maps) for maps in layer.inputs) * kernel_size**2
            multiply_adds = weights * side**2
            text = f"{layer.out_channels} {kernel_size}x{kernel_size} filters at stride {stride}, pad {_pad(padding)}"
            text += f", {groups} groups" if groups > 1 else ""
            text += ", partly connected" if layer.inputs else ""
        case MaxPool():
            kernel_size, stride, padding = layer.kernel_size, layer.stride, layer.padding
            side = output_size(shape[1], kernel_size, stride, padding, layer.rounding)
            out_shape = (channels, side, side)
            text = f"{kernel_size}x{kernel_size} filters at stride {stride}"
            text += ", rounded up" if layer.rounding == "ceil" else ""
        case Subsampling():
            kernel_size = stride = layer.kernel_size
            padding, groups = 0, channels
            side = output_size(shape[1], kernel_size, stride)
            out_shape = (channels, side, side)
            weights = biases = channels
            multiply_adds = math.prod(out_shape)  # additions of the block are not multiply-adds
            text = f"{kernel_size}x{kernel_size} sums at stride {stride}, times a coefficient, plus a bias"
        case LRN():
            kernel_size, stride = layer.size, 1
            out_shape = shape
            text = "Normalization layer"
        case Linear():
            groups = 1
            out_shape = (layer.out_features,)
            weights, biases = values * layer.out_features, layer.out_features
            multiply_adds = weights
            text = f"{layer.out_features} neurons"
        case RBF():
            groups = 1
            out_shape = (layer.out_features,)
            multiply_adds = values * layer.out_features
            text = f"{layer.out_features} distances to fixed prototypes"
        case _:
            raise TypeError(f"{layer!r} is not a layer of the table")
    spatial = isinstance(layer, Conv | MaxPool | Subsampling)
    if spatial:
        field, jump = field + (kernel_size - 1) * jump, jump * stride
    row = Row(
        name=layer.name,
        kind=type(layer).__name__,
        description=text,
        in_shape=shape,
        out_shape=out_shape,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        groups=groups,
        weights=weights,
        biases=biases,
        multiply_adds=multiply_adds,
        receptive_field=field if spatial else None,
        effective_stride=jump if spatial else None,
    )
    return row, field, jump


def _pad(padding):
    return f"{padding[0]} (+{padding[1] - padding[0]} right and bottom)" if isinstance(padding, tuple) else str(padding)
