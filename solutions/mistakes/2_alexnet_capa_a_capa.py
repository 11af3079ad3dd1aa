# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn

from tema9 import measuring


# %% right="n2-conv1-volume" name="counts-starts"
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    def starts(side):
        return len(range(0, side + 2 * padding - kernel_size + 1, stride))

    return [out_channels, starts(in_shape[1]), starts(in_shape[2])]


# %% right="n2-conv1-volume" name="asks-torch"
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    with torch.device("meta"):
        layer = nn.Conv2d(in_shape[0], out_channels, kernel_size, stride, padding)
        return layer(torch.zeros(1, *in_shape)).shape[1:]


# %% probes="n2-conv1-volume"
# CONV1 de la diapositiva: cuenta cuántos mapas salen y, con la pista, el lado.
conv_output_shape((3, 227, 227), 96, 11, stride=4)
# Una imagen que no es cuadrada, sin dar paso ni relleno: calcula el alto y el ancho, cada uno con lo suyo.
conv_output_shape((3, 32, 48), 8, 5)
# Con paso y relleno: el relleno se añade en los dos bordes, y una ventana que no cabe entera no cuenta.
conv_output_shape((64, 30, 21), 32, 3, stride=2, padding=1)
conv_output_shape((2, 13, 25), 5, 4, stride=3, padding=2)
# Con paso 4, donde después de la última ventana sobran 3 píxeles, a lo alto y a lo ancho: ahí no cabe otra.
conv_output_shape((2, 20, 32), 3, 5, stride=4)


# %% wrong="n2-conv1-volume" name="keeps-the-depth"
# Conservas los 3 canales de la imagen. Cada filtro los recorre todos y los suma en un solo mapa: salen tantos mapas
# como filtros.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    channels, height, width = in_shape
    return (
        channels,
        (height + 2 * padding - kernel_size) // stride + 1,
        (width + 2 * padding - kernel_size) // stride + 1,
    )


# %% wrong="n2-conv1-volume" name="keeps-the-depth-last"
# Dos cosas: salen tantos mapas como filtros, no los 3 canales de la imagen, y el orden es (C, H, W), con los mapas
# delante.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    channels, height, width = in_shape
    return (
        (height + 2 * padding - kernel_size) // stride + 1,
        (width + 2 * padding - kernel_size) // stride + 1,
        channels,
    )


# %% wrong="n2-conv1-volume" name="channels-last"
# Los números están bien, pero en el orden de la diapositiva. Aquí las formas van como en PyTorch: (C, H, W).
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (
        (height + 2 * padding - kernel_size) // stride + 1,
        (width + 2 * padding - kernel_size) // stride + 1,
        out_channels,
    )


# %% wrong="n2-conv1-volume" name="a-map-per-channel-and-filter"
# Multiplicas filtros por canales, como si cada filtro diera un mapa por canal. Los suma: da un solo mapa.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    channels, height, width = in_shape
    room = 2 * padding - kernel_size
    return (out_channels * channels, (height + room) // stride + 1, (width + room) // stride + 1)


# %% wrong="n2-conv1-volume" name="forgets-plus-one"
# Te falta el +1: la división cuenta los saltos, y hay una ventana más que saltos.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (out_channels, (height + 2 * padding - kernel_size) // stride, (width + 2 * padding - kernel_size) // stride)


# %% wrong="n2-conv1-volume" name="forgets-the-stride"
# No usas el paso: la ventana no cae en todos los píxeles, sino en uno de cada `stride`.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (out_channels, height + 2 * padding - kernel_size + 1, width + 2 * padding - kernel_size + 1)


# %% wrong="n2-conv1-volume" name="padding-once"
# Cuentas el relleno una sola vez, y se añade en los dos bordes: izquierda y derecha, arriba y abajo.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (out_channels, (height + padding - kernel_size) // stride + 1, (width + padding - kernel_size) // stride + 1)


# %% wrong="n2-conv1-volume" name="ignores-the-padding"
# No usas el relleno: agranda la imagen por los dos bordes antes de que pase la ventana.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (out_channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)


# %% wrong="n2-conv1-volume" name="assumes-a-square"
# Das la misma altura que anchura, pero la imagen puede no ser cuadrada: calcula cada lado con el suyo.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    side = (in_shape[1] + 2 * padding - kernel_size) // stride + 1
    return (out_channels, side, side)


# %% wrong="n2-conv1-volume" name="swaps-height-and-width"
# Has cambiado de sitio la altura y la anchura: en (C, H, W) la altura va antes.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (
        out_channels,
        (width + 2 * padding - kernel_size) // stride + 1,
        (height + 2 * padding - kernel_size) // stride + 1,
    )


# %% wrong="n2-conv1-volume" name="true-division"
# Usas la división con decimales, /. Un lado es un número entero de ventanas: usa la división entera, //.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (
        out_channels,
        (height + 2 * padding - kernel_size) / stride + 1,
        (width + 2 * padding - kernel_size) / stride + 1,
    )


# %% wrong="n2-conv1-volume" name="rounds-to-nearest"
# Redondeas al entero más próximo. Una ventana que no cabe entera no existe: se redondea siempre hacia abajo.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    _, height, width = in_shape
    return (
        out_channels,
        int((height + 2 * padding - kernel_size) / stride + 1.5),
        int((width + 2 * padding - kernel_size) / stride + 1.5),
    )


# %% wrong="n2-conv1-volume" name="only-conv1"
# Devuelves siempre el volumen de CONV1. La función debe calcularlo con los argumentos que recibe, para cualquier
# convolución.
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    return (96, 55, 55)


# %% right="n2-conv-params" name="loop-over-filters"
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups != 0:
        raise ValueError("groups no divide los canales de entrada")
    if out_channels % groups != 0:
        raise ValueError("groups no divide los filtros")
    one_filter = kernel_size * kernel_size * in_channels // groups
    if bias:
        one_filter += 1
    return sum(one_filter for _ in range(out_channels))


# %% right="n2-conv-params" name="asks-torch"
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, bias=bias, groups=groups, device="meta")
    return sum(parameter.numel() for parameter in layer.parameters())


# %% equivalent="n2-conv-params"
# Los grupos dividen los canales, así que la división es exacta.
# weights = out_channels * (in_channels // groups) * kernel_size ** 2 => weights = out_channels * round(in_channels / groups) * kernel_size ** 2


# %% probes="n2-conv-params"
# CONV1 sin sesgos: cuenta los pesos de un filtro, que mira una ventana en todos los canales, y multiplica por los filtros.
conv_params(3, 96, 11, bias=False)
# Los sesgos: hay uno por filtro, y se cuentan si no se dice otra cosa.
conv_params(3, 96, 11)
# Con dos grupos, cada filtro lee solo los canales de su grupo: dibuja 10 filtros y 6 canales.
conv_params(6, 10, 2, bias=False, groups=2)
conv_params(6, 10, 2, groups=2)
conv_params(12, 8, 3, groups=4)
# Si los grupos no dividen los canales de entrada y los de salida, se pide lanzar un ValueError; si los dividen, no.
measuring.raised_by(conv_params, 96, 256, 5, groups=5)
measuring.raised_by(conv_params, 7, 6, 3, groups=3)
measuring.raised_by(conv_params, 6, 7, 3, groups=3)
measuring.raised_by(conv_params, 6, 9, 3, groups=3)
measuring.raised_by(lambda: conv_params(96, 256, 5, groups=5))


# %% wrong="n2-conv-params" name="ignores-the-depth" fails=["counts", "groups"]
# Olvidas la profundidad: un filtro tiene pesos para cada canal de entrada, no solo para una ventana plana.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="one-side-of-the-kernel" fails=["counts", "groups"]
# Cuentas un solo lado del núcleo. La ventana es cuadrada: `kernel_size` por `kernel_size`.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="ignores-the-filters" fails=["counts", "groups"]
# Cuentas los pesos de un solo filtro: multiplica por el número de filtros, `out_channels`.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return in_channels // groups * kernel_size**2 + (1 if bias else 0)


# %% wrong="n2-conv-params" name="a-bias-per-weight" fails=["counts", "groups"]
# Pones un sesgo por cada peso. Hay uno por filtro, que se suma a todo su mapa.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    weights = out_channels * (in_channels // groups) * kernel_size**2
    return 2 * weights if bias else weights


# %% wrong="n2-conv-params" name="a-bias-per-input-channel" fails=["counts", "groups"]
# Pones un sesgo por canal de entrada. Hay uno por filtro, es decir, por mapa de salida.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    weights = out_channels * (in_channels // groups) * kernel_size**2
    return weights + in_channels if bias else weights


# %% wrong="n2-conv-params" name="a-bias-per-filter-and-channel" fails=["counts", "groups"]
# Pones un sesgo por cada filtro y cada canal. El filtro suma sus canales y después añade un solo sesgo.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * (kernel_size**2 + (1 if bias else 0))


# %% wrong="n2-conv-params" name="one-bias" fails=["counts", "groups"]
# Pones un solo sesgo para toda la capa. Cada filtro tiene el suyo.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size**2 + (1 if bias else 0)


# %% wrong="n2-conv-params" name="never-a-bias" fails=["counts", "groups"]
# No cuentas los sesgos nunca: cuando `bias` es cierto hay uno por filtro.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size**2


# %% wrong="n2-conv-params" name="always-a-bias" fails=["counts", "groups"]
# Cuentas los sesgos siempre: con `bias=False` se piden solo los pesos.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size**2 + out_channels


# %% wrong="n2-conv-params" name="groups-multiply" fails=["groups"]
# Multiplicas por los grupos, y es al revés: cada filtro lee solo los canales de su grupo, así que tiene menos pesos.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * in_channels * groups * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="groups-ignored" fails=["groups"]
# No usas `groups`: con grupos, cada filtro lee solo los canales de entrada de su grupo.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return out_channels * in_channels * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="groups-divide-twice" fails=["groups"]
# Divides entre los grupos los canales de entrada y también los filtros. Sigue habiendo `out_channels` filtros,
# repartidos.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return (out_channels // groups) * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="groups-divide-the-biases" fails=["groups"]
# Divides también los sesgos entre los grupos. Con grupos sigue habiendo un sesgo por filtro.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        raise ValueError
    return (out_channels * in_channels * kernel_size**2 + (out_channels if bias else 0)) // groups


# %% wrong="n2-conv-params" name="never-raises" fails=["errors"]
# La cuenta está bien, pero falta el error: si los grupos no dividen los canales de entrada y de salida, lanza
# `ValueError`.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    return out_channels * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="checks-only-the-input" fails=["errors"]
# Compruebas que los grupos dividen los canales de entrada, pero también tienen que dividir los de salida.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="checks-only-the-output" fails=["errors"]
# Compruebas que los grupos dividen los canales de salida, pero también tienen que dividir los de entrada.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if out_channels % groups:
        raise ValueError
    return out_channels * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="returns-the-error" fails=["errors"]
# Cuando los grupos no dividen los canales, la función devuelve algo que no es un número o no devuelve nada, y lo que
# se pide es lanzar el error: escribe `raise ValueError(...)`, no `return` ni `print`.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    if in_channels % groups or out_channels % groups:
        return "ValueError"
    return out_channels * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% wrong="n2-conv-params" name="asserts" fails=["errors"]
# Lanzas un `AssertionError`, como hace `assert`: se pide un `ValueError`, con `if` y `raise ValueError(...)`.
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    assert in_channels % groups == 0 and out_channels % groups == 0
    return out_channels * (in_channels // groups) * kernel_size**2 + (out_channels if bias else 0)


# %% right="n2-pool1" name="counts-starts"
def max_pool_layer(in_shape, kernel_size, stride):
    sides = [len(range(0, side - kernel_size + 1, stride)) for side in in_shape[1:]]
    return [in_shape[0], *sides], 0


# %% right="n2-pool1" name="asks-torch"
def max_pool_layer(in_shape, kernel_size, stride):
    layer = nn.MaxPool2d(kernel_size, stride)
    out_shape = tuple(layer(torch.zeros(in_shape)).shape)
    return out_shape, sum(parameter.numel() for parameter in layer.parameters())


# %% probes="n2-pool1"
# POOL1 de la diapositiva: cuántos mapas salen, de qué lado, y cuántos números se aprenden.
max_pool_layer((96, 55, 55), 3, 2)
# Mapas que no son cuadrados, con otras ventanas: dibuja una fila y una columna, y cuenta dónde cabe entera la ventana.
max_pool_layer((5, 10, 17), 4, 3)
max_pool_layer((5, 12, 13), 2, 2)
max_pool_layer((4, 12, 19), 5, 2)


# %% wrong="n2-pool1" name="mixes-the-channels" fails=["volume"]
# Tu pooling mezcla los mapas y deja uno solo. Trata cada mapa por separado: salen tantos como entran.
def max_pool_layer(in_shape, kernel_size, stride):
    _, height, width = in_shape
    return (1, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1), 0


# %% wrong="n2-pool1" name="rounds-up" fails=["volume"]
# Redondeas hacia arriba: el píxel que sobra no lo mira nadie. Se redondea hacia abajo.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    out_shape = (
        channels,
        math.ceil((height - kernel_size) / stride) + 1,
        math.ceil((width - kernel_size) / stride) + 1,
    )
    return out_shape, 0


# %% wrong="n2-pool1" name="divides-by-the-stride" fails=["volume"]
# Divides el lado entre el paso, y olvidas que la ventana ocupa `kernel_size` píxeles: usa la fórmula de la pista.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    return (channels, height // stride, width // stride), 0


# %% wrong="n2-pool1" name="true-division"
# Usas la división con decimales, /. Un lado es un número entero de ventanas: usa la división entera, //.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    return (channels, (height - kernel_size) / stride + 1, (width - kernel_size) / stride + 1), 0


# %% wrong="n2-pool1" name="forgets-plus-one" fails=["volume"]
# Te falta el +1: la división cuenta los saltos, y hay una ventana más que saltos.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    return (channels, (height - kernel_size) // stride, (width - kernel_size) // stride), 0


# %% wrong="n2-pool1" name="without-overlap" fails=["volume"]
# Avanzas una ventana entera cada vez, sin solape. El paso no es `kernel_size`, sino `stride`.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    return (channels, height // kernel_size, width // kernel_size), 0


# %% wrong="n2-pool1" name="channels-last" fails=["volume"]
# Los números están bien, pero en el orden de la diapositiva. Aquí las formas van como en PyTorch: (C, H, W).
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    return ((height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1, channels), 0


# %% wrong="n2-pool1" name="assumes-a-square" fails=["volume"]
# Das la misma altura que anchura, pero los mapas pueden no ser cuadrados: calcula cada lado con el suyo.
def max_pool_layer(in_shape, kernel_size, stride):
    side = (in_shape[1] - kernel_size) // stride + 1
    return (in_shape[0], side, side), 0


# %% wrong="n2-pool1" name="a-weight-per-pixel" fails=["parameters"]
# Cuentas la ventana como si fuera un filtro con pesos. El máximo no se aprende: no hay nada que entrenar.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    out_shape = (channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)
    return out_shape, kernel_size**2


# %% wrong="n2-pool1" name="a-window-per-map" fails=["parameters"]
# Cuentas una ventana con pesos por cada mapa. El máximo no se aprende: no hay nada que entrenar.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    out_shape = (channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)
    return out_shape, kernel_size**2 * channels


# %% wrong="n2-pool1" name="parameters-of-a-convolution" fails=["parameters"]
# Cuentas los parámetros de una convolución. Un max pooling no tiene filtros: se queda con el mayor valor de cada
# ventana.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    out_shape = (channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)
    return out_shape, kernel_size**2 * channels * channels + channels


# %% wrong="n2-pool1" name="as-in-lenet" fails=["parameters"]
# Cuentas un coeficiente y un sesgo por mapa, como en el submuestreo de LeNet-5. El max pooling de AlexNet no los tiene.
def max_pool_layer(in_shape, kernel_size, stride):
    channels, height, width = in_shape
    out_shape = (channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)
    return out_shape, 2 * channels


# %% right="n2-layer-table" name="asks-torch"
def trace_shapes(in_shape, layers):
    x = torch.zeros(1, *in_shape, device="meta")
    rows = []
    for layer in layers:
        if layer["kind"] == "linear":
            x = x.flatten(1)
        given = tuple(x.shape[1:])
        if layer["kind"] == "conv":
            kernel = torch.zeros(
                layer["out_channels"], given[0], layer["kernel_size"], layer["kernel_size"], device="meta"
            )
            x = F.conv2d(x, kernel, stride=layer["stride"], padding=layer["padding"])
        elif layer["kind"] == "pool":
            x = F.max_pool2d(x, layer["kernel_size"], layer["stride"], layer["padding"])
        elif layer["kind"] == "linear":
            x = torch.zeros(1, layer["out_features"], device="meta")
        rows.append({"name": layer["name"], "in_shape": given, "out_shape": tuple(x.shape[1:])})
    return rows


# %% right="n2-layer-table" name="recursive"
def trace_shapes(in_shape, layers):
    if not layers:
        return []
    layer, kind = layers[0], layers[0]["kind"]
    given, left = list(in_shape), list(in_shape)
    if kind == "linear":
        given = [1]
        for number in in_shape:
            given[0] *= number
        left = [layer["out_features"]]
    if kind == "conv" or kind == "pool":
        for axis in (1, 2):
            padded = given[axis] + layer["padding"] + layer["padding"]
            left[axis] = len(range(0, padded - layer["kernel_size"] + 1, layer["stride"]))
        if kind == "conv":
            left[0] = layer["out_channels"]
    return [dict(name=layer["name"], in_shape=given, out_shape=left), *trace_shapes(left, layers[1:])]


# %% probes="n2-layer-table"
# Una sola convolución sobre una imagen que no es cuadrada, con paso y relleno.
trace_shapes(
    (1, 33, 40),
    [{"name": "A", "kind": "conv", "out_channels": 6, "kernel_size": 5, "stride": 2, "padding": 1, "groups": 1}],
)
# Una capa FC sola: le llega el volumen en fila, y salen sus números; las que la siguen reciben esa fila.
trace_shapes(
    (6, 4, 5),
    [
        {"name": "E", "kind": "linear", "out_features": 10},
        {"name": "F", "kind": "dropout"},
        {"name": "G", "kind": "linear", "out_features": 7},
    ],
)
# Varias capas seguidas, con grupos, ReLU, pooling y normalización: haz en papel la forma tras cada una.
trace_shapes(
    (2, 30, 43),
    [
        {"name": "A", "kind": "conv", "out_channels": 6, "kernel_size": 5, "stride": 2, "padding": 2, "groups": 2},
        {"name": "B", "kind": "relu"},
        {"name": "C", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
        {"name": "D", "kind": "norm", "size": 5},
    ],
)
# Una red que empieza por una capa que no cambia la forma, y sigue con un pooling con relleno y una convolución sin él.
trace_shapes(
    (4, 20, 13),
    [
        {"name": "A", "kind": "norm", "size": 5},
        {"name": "B", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 1},
        {"name": "C", "kind": "conv", "out_channels": 8, "kernel_size": 4, "stride": 1, "padding": 0, "groups": 2},
    ],
)


# %% wrong="n2-layer-table" name="ignores-the-padding" fails=["volumes"]
# No usas el relleno de las capas: sin él, CONV2 no da 27 y todo lo de detrás encoge. La fórmula lleva 2p.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            sides = [(side - layer["kernel_size"]) // layer["stride"] + 1 for side in shape[1:]]
            out_shape = (layer.get("out_channels", shape[0]), *sides)
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="padding-once" fails=["volumes"]
# Cuentas el relleno una sola vez, y se añade en los dos bordes: la fórmula lleva 2p.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            sides = [(side + layer["padding"] - layer["kernel_size"]) // layer["stride"] + 1 for side in shape[1:]]
            out_shape = (layer.get("out_channels", shape[0]), *sides)
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="norm-shrinks" fails=["volumes"]
# Tu capa de normalización encoge los mapas. Su ventana va de mapa en mapa, no de píxel en píxel: la forma no cambia.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool", "norm"):
            size, stride, padding = (
                layer.get("kernel_size", layer.get("size")),
                layer.get("stride", 1),
                layer.get("padding", 0),
            )
            sides = [(side + 2 * padding - size) // stride + 1 for side in shape[1:]]
            out_shape = (layer.get("out_channels", shape[0]), *sides)
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="flatten-keeps-only-the-maps" fails=["fully-connected"]
# A la primera capa FC le haces llegar solo el número de mapas. Le llega el volumen entero: mapas por alto por ancho.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (shape[0],), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (
                layer.get("out_channels", shape[0]),
                *((side + room) // layer["stride"] + 1 for side in shape[1:]),
            )
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="does-not-flatten" fails=["fully-connected"]
# No aplanas: lo que entra en una capa FC es una fila de números, (números,), no un volumen (C, H, W).
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            out_shape = (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (
                layer.get("out_channels", shape[0]),
                *((side + room) // layer["stride"] + 1 for side in shape[1:]),
            )
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="linear-as-a-1x1-volume" fails=["fully-connected"]
# Das las salidas de las FC como volúmenes de 1x1. Se pide una tupla con un solo número.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape), 1, 1), (layer["out_features"], 1, 1)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (
                layer.get("out_channels", shape[0]),
                *((side + room) // layer["stride"] + 1 for side in shape[1:]),
            )
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="does-not-chain"
# Todas tus capas leen la imagen. A cada una le llega lo que ha dejado la anterior: guarda la forma y actualízala en
# el bucle.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        given = shape
        if layer["kind"] == "linear":
            given, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (
                layer.get("out_channels", shape[0]),
                *((side + room) // layer["stride"] + 1 for side in shape[1:]),
            )
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": given, "out_shape": out_shape})
    return rows


# %% wrong="n2-layer-table" name="pool-mixes-the-channels"
# Tu pooling deja un solo mapa. Trata cada mapa por separado: salen tantos como entran.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (layer.get("out_channels", 1), *((side + room) // layer["stride"] + 1 for side in shape[1:]))
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="groups-divide-the-maps" fails=["volumes"]
# Divides los mapas de salida entre los grupos. Con grupos cambia lo que lee cada filtro, no cuántos mapas salen.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            maps = layer["out_channels"] // layer["groups"] if layer["kind"] == "conv" else shape[0]
            out_shape = (maps, *((side + room) // layer["stride"] + 1 for side in shape[1:]))
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="rounds-up" fails=["volumes"]
# Redondeas hacia arriba: una ventana que no cabe entera no existe. Usa la división entera, //.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            sides = [math.ceil((side + room) / layer["stride"]) + 1 for side in shape[1:]]
            out_shape = (layer.get("out_channels", shape[0]), *sides)
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="assumes-a-square"
# Das la misma altura que anchura, pero la imagen puede no ser cuadrada: calcula cada lado con el suyo.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            side = (shape[1] + 2 * layer["padding"] - layer["kernel_size"]) // layer["stride"] + 1
            out_shape = (layer.get("out_channels", shape[0]), side, side)
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="skips-what-changes-nothing"
# Te faltan filas: las capas que no cambian la forma (normalización, ReLU, dropout) también tienen la suya.
def trace_shapes(in_shape, layers):
    rows, shape = [], tuple(in_shape)
    for layer in layers:
        if layer["kind"] == "linear":
            shape, out_shape = (math.prod(shape),), (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (
                layer.get("out_channels", shape[0]),
                *((side + room) // layer["stride"] + 1 for side in shape[1:]),
            )
        else:
            continue
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows


# %% wrong="n2-layer-table" name="one-list-for-all" fails=["volumes"]
# La forma de una capa cambia en las filas de otras: guardas en ellas la misma lista, y después escribes en esa lista.
# Guarda una copia en cada fila, o haz una tupla nueva.
def trace_shapes(in_shape, layers):
    rows, shape = [], list(in_shape)
    for layer in layers:
        given = shape
        if layer["kind"] == "linear":
            given, shape = (math.prod(shape),), [layer["out_features"]]
        elif layer["kind"] in ("conv", "pool"):
            shape[0] = layer.get("out_channels", shape[0])
            for axis in (1, 2):
                shape[axis] = (shape[axis] + 2 * layer["padding"] - layer["kernel_size"]) // layer["stride"] + 1
        rows.append({"name": layer["name"], "in_shape": given, "out_shape": shape})
    return rows


# %% right="n2-total-parameters" name="asks-torch"
def count_parameters(rows):
    modules = nn.ModuleList()
    for row in rows:
        if row["kind"] == "conv":
            channels, maps = row["in_shape"][0], row["out_shape"][0]
            modules.append(nn.Conv2d(channels, maps, row["kernel_size"], groups=row["groups"], device="meta"))
        if row["kind"] == "linear":
            modules.append(nn.Linear(row["in_shape"][0], row["out_shape"][0], device="meta"))
    weights = sum(module.weight.numel() for module in modules)
    total = sum(parameter.numel() for parameter in modules.parameters())
    return [weights, total - weights, total]


# %% right="n2-total-parameters" name="weights-of-one-unit"
def count_parameters(rows):
    learned = [row for row in rows if row["kind"] in ("conv", "linear")]
    units = [row["out_shape"][0] for row in learned]
    of_one = [row["in_shape"][0] * row.get("kernel_size", 1) ** 2 // row.get("groups", 1) for row in learned]
    weights = sum(n * each for n, each in zip(units, of_one))
    return weights, sum(units), sum(n * (each + 1) for n, each in zip(units, of_one))


# %% equivalent="n2-total-parameters"
# Los grupos dividen los canales, así que la división es exacta.
# weights += row['out_shape'][0] * (row['in_shape'][0] // row['groups']) * row['kernel_size'] ** 2 => weights += row['out_shape'][0] * round(row['in_shape'][0] / row['groups']) * row['kernel_size'] ** 2


# %% probes="n2-total-parameters"
# CONV3 sola: pesos de un filtro por número de filtros, y un sesgo por filtro.
count_parameters(
    [
        {
            "name": "A",
            "kind": "conv",
            "kernel_size": 3,
            "stride": 1,
            "padding": 1,
            "groups": 1,
            "out_channels": 384,
            "in_shape": (256, 13, 13),
            "out_shape": (384, 13, 13),
        }
    ]
)
# Una convolución con grupos: cada filtro lee solo los canales de su grupo.
count_parameters(
    [
        {
            "name": "B",
            "kind": "conv",
            "kernel_size": 5,
            "stride": 2,
            "padding": 0,
            "groups": 2,
            "out_channels": 8,
            "in_shape": (6, 21, 31),
            "out_shape": (8, 9, 14),
        }
    ]
)
# Un pooling y una normalización: ¿qué aprenden?
count_parameters(
    [
        {
            "name": "C",
            "kind": "pool",
            "kernel_size": 3,
            "stride": 2,
            "padding": 0,
            "in_shape": (8, 9, 14),
            "out_shape": (8, 4, 6),
        },
        {"name": "D", "kind": "norm", "size": 5, "in_shape": (8, 4, 6), "out_shape": (8, 4, 6)},
    ]
)
# Una capa FC: un peso por cada par de número que entra y neurona, y un sesgo por neurona.
count_parameters([{"name": "E", "kind": "linear", "out_features": 11, "in_shape": (192,), "out_shape": (11,)}])
# Varias capas: se suman las de todas.
count_parameters(
    [
        {
            "name": "A",
            "kind": "conv",
            "kernel_size": 3,
            "stride": 1,
            "padding": 1,
            "groups": 1,
            "out_channels": 4,
            "in_shape": (2, 6, 8),
            "out_shape": (4, 6, 8),
        },
        {
            "name": "B",
            "kind": "conv",
            "kernel_size": 2,
            "stride": 1,
            "padding": 0,
            "groups": 1,
            "out_channels": 3,
            "in_shape": (4, 6, 8),
            "out_shape": (3, 5, 7),
        },
        {"name": "E", "kind": "linear", "out_features": 11, "in_shape": (105,), "out_shape": (11,)},
        {"name": "F", "kind": "linear", "out_features": 5, "in_shape": (11,), "out_shape": (5,)},
    ]
)


# %% wrong="n2-total-parameters" name="forgets-the-biases" fails=["biases"]
# Los pesos están bien, pero olvidas los sesgos: uno por filtro en las convoluciones y uno por neurona en las FC.
def count_parameters(rows):
    weights = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
    return weights, 0, weights


# %% wrong="n2-total-parameters" name="linear-without-bias" fails=["biases"]
# Las capas FC también tienen sesgos: uno por neurona. Los has contado solo en las convoluciones.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
        if row["kind"] == "conv":
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="a-bias-per-output-value" fails=["biases"]
# Pones un sesgo por cada valor que sale. El sesgo de un filtro es el mismo en todo su mapa: hay uno por filtro.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases += math.prod(row["out_shape"])
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="a-bias-per-input-channel" fails=["biases"]
# Pones un sesgo por canal de entrada. Hay uno por cada filtro o neurona de la capa, es decir, por cada salida.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases += row["in_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="total-is-the-weights" fails=["biases"]
# El total tiene que sumar los pesos y los sesgos.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases += row["out_shape"][0]
    return weights, biases, weights


# %% wrong="n2-total-parameters" name="weights-not-shared" fails=["weights"]
# Cuentas un peso por cada posición del mapa. Un filtro usa los mismos pesos en todas las posiciones: el lado no cuenta.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            weights += each * math.prod(row["out_shape"])
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="groups-ignored" fails=["weights"]
# No usas `groups`: con grupos, cada filtro lee solo los canales de entrada de su grupo y tiene menos pesos.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] * row.get("kernel_size", 1) ** 2
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="pool-with-weights"
# Cuentas parámetros en el pooling. No aprende nada: se queda con el máximo de cada ventana.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] != "norm":
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="norm-with-parameters"
# Cuentas un coeficiente y un sesgo por mapa en la normalización. LRN no aprende nada (la normalización por lotes sí).
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights += row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases += row["out_shape"][0]
        if row["kind"] == "norm":
            weights += row["out_shape"][0]
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="ignores-the-depth" fails=["weights"]
# Olvidas la profundidad: un filtro tiene pesos para cada canal de entrada, no solo para una ventana plana.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] == "conv":
            weights += row["out_shape"][0] * row["kernel_size"] ** 2
            biases += row["out_shape"][0]
        if row["kind"] == "linear":
            weights += row["out_shape"][0] * row["in_shape"][0]
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="only-convolutions"
# Cuentas solo las convoluciones. Las capas FC también tienen pesos y sesgos, y son la mayoría.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] == "conv":
            weights += row["out_shape"][0] * row["in_shape"][0] // row["groups"] * row["kernel_size"] ** 2
            biases += row["out_shape"][0]
    return weights, biases, weights + biases


# %% wrong="n2-total-parameters" name="only-the-last-layer"
# Solo devuelves la última capa: hay que sumar, con +=, lo de todas.
def count_parameters(rows):
    weights = biases = 0
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            weights = row["out_shape"][0] * row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            biases = row["out_shape"][0]
    return weights, biases, weights + biases


# %% right="n2-multiply-adds" name="weights-times-positions"
def multiply_adds(rows):
    def of_layer(row):
        if row["kind"] not in ("conv", "linear"):
            return 0
        weights = row["out_shape"][0] * row["in_shape"][0] * row.get("kernel_size", 1) ** 2 // row.get("groups", 1)
        for side in row["out_shape"][1:]:
            weights *= side
        return weights

    return [of_layer(row) for row in rows]


# %% right="n2-multiply-adds" name="asks-torch"
def multiply_adds(rows):
    counts = []
    for row in rows:
        count = 0
        if row["kind"] == "conv":
            conv = nn.Conv2d(
                row["in_shape"][0], row["out_shape"][0], row["kernel_size"], groups=row["groups"], device="meta"
            )
            count = conv.weight.numel() * torch.zeros(row["out_shape"][1:], device="meta").numel()
        if row["kind"] == "linear":
            count = nn.Linear(row["in_shape"][0], row["out_shape"][0], device="meta").weight.numel()
        counts.append(count)
    return tuple(counts)


# %% equivalent="n2-multiply-adds"
# Los grupos dividen los canales, así que la división es exacta.
# per_value = row['in_shape'][0] // row['groups'] * row['kernel_size'] ** 2 => per_value = round(row['in_shape'][0] / row['groups']) * row['kernel_size'] ** 2


# %% probes="n2-multiply-adds"
# CONV1: cuántas hace el filtro para un valor de salida, y cuántos valores salen.
multiply_adds(
    [
        {
            "name": "A",
            "kind": "conv",
            "kernel_size": 11,
            "stride": 4,
            "padding": 0,
            "groups": 1,
            "out_channels": 96,
            "in_shape": (3, 227, 227),
            "out_shape": (96, 55, 55),
        }
    ]
)
# Una convolución con grupos, paso 2 y mapas que no son cuadrados.
multiply_adds(
    [
        {
            "name": "B",
            "kind": "conv",
            "kernel_size": 5,
            "stride": 2,
            "padding": 0,
            "groups": 2,
            "out_channels": 8,
            "in_shape": (6, 21, 31),
            "out_shape": (8, 9, 14),
        }
    ]
)
# Un pooling y una normalización: mira el convenio; la lista lleva también sus números.
multiply_adds(
    [
        {
            "name": "C",
            "kind": "pool",
            "kernel_size": 3,
            "stride": 2,
            "padding": 0,
            "in_shape": (8, 9, 14),
            "out_shape": (8, 4, 6),
        },
        {"name": "D", "kind": "norm", "size": 5, "in_shape": (8, 4, 6), "out_shape": (8, 4, 6)},
    ]
)
# Dos capas FC seguidas: en cada una, un producto por cada número que entra y cada neurona.
multiply_adds(
    [
        {"name": "E", "kind": "linear", "out_features": 11, "in_shape": (192,), "out_shape": (11,)},
        {"name": "F", "kind": "linear", "out_features": 5, "in_shape": (11,), "out_shape": (5,)},
    ]
)


# %% wrong="n2-multiply-adds" name="forgets-the-output-area" fails=["convolutions"]
# Devuelves los pesos. En una convolución cada peso se usa en todas las posiciones: multiplica por el área de la salida.
def multiply_adds(rows):
    return [
        row["out_shape"][0] * (row["in_shape"][0] // row.get("groups", 1)) * row.get("kernel_size", 1) ** 2
        if row["kind"] in ("conv", "linear")
        else 0
        for row in rows
    ]


# %% wrong="n2-multiply-adds" name="uses-the-input-area" fails=["convolutions"]
# Multiplicas por el área de la entrada. El filtro se aplica una vez por cada valor que sale: usa la de la salida.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(each * row["out_shape"][0] * math.prod(row["in_shape"][1:]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="divides-by-the-stride-again" fails=["convolutions"]
# Divides otra vez entre el paso. El área de la salida ya lo tiene en cuenta.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(each * math.prod(row["out_shape"]) // row.get("stride", 1) ** 2)
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="flops"
# Das el doble: eso son FLOP. Una multiplicación-suma cuenta una vez, aunque sean dos operaciones.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(2 * each * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="counts-the-pooling" fails=["other-layers"]
# Cuentas el pooling. Compara valores, no multiplica: según el convenio da 0.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(each * math.prod(row["out_shape"]))
        elif row["kind"] == "pool":
            counts.append(row["kernel_size"] ** 2 * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="counts-the-norm" fails=["other-layers"]
# Cuentas la normalización. Según el convenio solo cuentan las convoluciones y las FC.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(each * math.prod(row["out_shape"]))
        elif row["kind"] == "norm":
            counts.append(row["size"] * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="counts-the-bias"
# Cuentas también los sesgos. Un sesgo se suma sin multiplicar: según el convenio no cuenta.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2 + 1
            counts.append(each * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="groups-ignored" fails=["convolutions"]
# No usas `groups`: con grupos, cada filtro lee solo los canales de su grupo y hace menos productos.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            counts.append(row["in_shape"][0] * row.get("kernel_size", 1) ** 2 * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="forgets-the-filters" fails=["convolutions"]
# Cuentas un solo filtro: multiplica por el número de mapas que salen.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] == "conv":
            counts.append(
                row["in_shape"][0] // row["groups"] * row["kernel_size"] ** 2 * math.prod(row["out_shape"][1:])
            )
        elif row["kind"] == "linear":
            counts.append(row["in_shape"][0] * row["out_shape"][0])
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="ignores-the-depth" fails=["convolutions"]
# Olvidas la profundidad: para cada valor que sale, el filtro recorre todos los canales de entrada de su grupo.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] == "conv":
            counts.append(row["kernel_size"] ** 2 * math.prod(row["out_shape"]))
        elif row["kind"] == "linear":
            counts.append(row["in_shape"][0] * row["out_shape"][0])
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="assumes-a-square" fails=["convolutions"]
# Elevas un lado al cuadrado, pero el mapa puede no ser cuadrado: multiplica alto por ancho.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] == "conv":
            each = row["in_shape"][0] // row["groups"] * row["kernel_size"] ** 2
            counts.append(each * row["out_shape"][0] * row["out_shape"][1] ** 2)
        elif row["kind"] == "linear":
            counts.append(row["in_shape"][0] * row["out_shape"][0])
        else:
            counts.append(0)
    return counts


# %% wrong="n2-multiply-adds" name="skips-the-others" fails=["other-layers"]
# Te faltan números: la lista lleva uno por capa, y las que no multiplican dan 0.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] in ("conv", "linear"):
            each = row["in_shape"][0] // row.get("groups", 1) * row.get("kernel_size", 1) ** 2
            counts.append(each * math.prod(row["out_shape"]))
    return counts


# %% wrong="n2-multiply-adds" name="only-convolutions" fails=["other-layers"]
# Das 0 en las capas FC. También multiplican: cada neurona, una vez por cada número que entra.
def multiply_adds(rows):
    counts = []
    for row in rows:
        if row["kind"] == "conv":
            each = row["in_shape"][0] // row["groups"] * row["kernel_size"] ** 2
            counts.append(each * math.prod(row["out_shape"]))
        else:
            counts.append(0)
    return counts


# %% right="n2-memory" name="adds-it-up-in-bytes"
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    float32, mebibyte = 4, 1024 * 1024
    parameters = gradients = velocity = n_parameters * float32
    growing = 0
    for shape in [in_shape, *out_shapes]:
        values = 1
        for side in shape:
            values *= side
        growing += values * float32 * batch_size
    return [(parameters + gradients + velocity) / mebibyte, growing / mebibyte]


# %% right="n2-memory" name="asks-torch"
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    def mib(*shape):
        tensor = torch.zeros(shape, dtype=torch.float32, device="meta")
        return tensor.numel() * tensor.element_size() / 2**20

    return mib(3, n_parameters), mib(batch_size, *in_shape) + sum(mib(batch_size, *shape) for shape in out_shapes)


# %% probes="n2-memory"
# Un mebi de parámetros y una red diminuta, para una imagen: cuenta los números que se guardan, por 4 bytes, en MiB.
training_memory(2**20, (3, 8, 8), [(4, 8, 8), (10,)])
# Una red con tan pocos números que el resultado, en MiB, es pequeño: no redondees.
training_memory(1000, (1, 5, 4), [(3, 4, 6)])
# Con un minilote de 50: ¿qué se guarda una sola vez, y qué por cada imagen?
training_memory(3000000, (1, 9, 5), [(7, 6, 11), (300,), (20,)], batch_size=50)


# %% wrong="n2-memory" name="parameters-times-batch" fails=["fixed"]
# Multiplicas los parámetros por el minilote. Son los mismos para todas las imágenes: se guardan una vez.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters * batch_size / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="megabytes"
# Das MB, de 10^6 bytes. Se piden MiB, de 2^20 bytes.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 1e6, 4 * batch_size * per_image / 1e6


# %% wrong="n2-memory" name="bytes"
# Das bytes. Se piden MiB: divide entre 2^20.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters, 4 * batch_size * per_image


# %% wrong="n2-memory" name="kibibytes"
# Das KiB: has dividido entre 1024 una sola vez. Un MiB son 1024 × 1024 bytes.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 1024, 4 * batch_size * per_image / 1024


# %% wrong="n2-memory" name="one-byte-per-value"
# Cuentas un byte por número. En float32 cada número ocupa 4.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 3 * n_parameters / 2**20, batch_size * per_image / 2**20


# %% wrong="n2-memory" name="eight-bytes-per-value"
# Cuentas 8 bytes por número, que es float64. En float32 cada número ocupa 4.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 8 * 3 * n_parameters / 2**20, 8 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="forgets-the-momentum" fails=["fixed"]
# Te falta un número por parámetro: además del parámetro y su gradiente se guarda la velocidad del momento.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 2 * n_parameters / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="only-the-parameters" fails=["fixed"]
# Cuentas solo los parámetros. Para entrenar se guardan también su gradiente y la velocidad del momento.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * n_parameters / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="forgets-the-input" fails=["growing"]
# Olvidas la imagen de entrada: el gradiente de CONV1 la necesita, y también se guarda.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="forgets-the-batch" fails=["growing"]
# Cuentas una sola imagen: lo que crece se multiplica por el tamaño del minilote.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 2**20, 4 * per_image / 2**20


# %% wrong="n2-memory" name="only-the-largest-layer" fails=["growing"]
# Cuentas solo la capa mayor. La retropropagación necesita las activaciones de todas a la vez: súmalas.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = max(math.prod(in_shape), *(math.prod(shape) for shape in out_shapes))
    return 4 * 3 * n_parameters / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="doubles-the-activations" fails=["growing"]
# Das el doble de activaciones. Sus gradientes no entran en esta cuenta: se piden solo las activaciones y la imagen.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + 2 * sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 2**20, 4 * batch_size * per_image / 2**20


# %% wrong="n2-memory" name="batch-not-on-the-input" fails=["growing"]
# Cuentas una sola imagen de entrada. Hay tantas como diga el minilote.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    values = math.prod(in_shape) + batch_size * sum(math.prod(shape) for shape in out_shapes)
    return 4 * 3 * n_parameters / 2**20, 4 * values / 2**20


# %% wrong="n2-memory" name="swapped"
# Has devuelto los dos números al revés: primero lo que no depende del minilote.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * batch_size * per_image / 2**20, 4 * 3 * n_parameters / 2**20


# %% wrong="n2-memory" name="rounds"
# Redondeas el resultado: se pide tal como sale de la cuenta, y así también vale para redes pequeñas.
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return round(4 * 3 * n_parameters / 2**20, 2), round(4 * batch_size * per_image / 2**20, 2)


# %% right="n2-input-224" name="negative-floor-and-zeros"
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + padding + padding - kernel_size
    return 1 + (-(-room // stride) if rounding == "ceil" else room // stride)


def pad_like_2012(images):
    wider = images.new_zeros(*images.shape[:2], 227, 227)
    wider[:, :, :224, :224] = images
    return wider


# %% right="n2-input-224" name="counts-windows"
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    windows, end = 0, kernel_size
    while end <= size + 2 * padding:
        windows, end = windows + 1, end + stride
    left_over = size + 2 * padding - (end - stride)
    return windows + 1 if rounding == "ceil" and left_over > 0 else windows


def pad_like_2012(images):
    return nn.ZeroPad2d((0, 3, 0, 3))(images)


# %% probes="n2-input-224"
# Sin decir el redondeo se redondea hacia abajo: con un lado la división es exacta, y con 224 no.
conv_output_size(227, 11, 4)
conv_output_size(224, 11, 4)
# Hacia abajo, con relleno en los dos bordes: dibuja la fila y cuenta las ventanas que caben enteras.
conv_output_size(20, 5, 2, 1)
conv_output_size(23, 4, 3, 1, "floor")
conv_output_size(30, 7)
# Hacia abajo, aunque después de la última ventana sobren 3 píxeles de los 4 que avanza.
conv_output_size(30, 3, 4)
# Hacia arriba, si la división es exacta no hay nada que redondear.
conv_output_size(227, 11, 4, rounding="ceil")
# Hacia arriba, si sobran píxeles cuenta también la ventana que se sale, aunque sobre uno solo.
conv_output_size(224, 11, 4, rounding="ceil")
conv_output_size(23, 4, 3, 1, "ceil")
conv_output_size(24, 5, 4, 0, "ceil")
# Dos imágenes en color: mira la forma que sale. Sobran o faltan ceros si no es la de las ventanas de 2012.
pad_like_2012(torch.ones(2, 3, 224, 224)).shape
# Dónde quedan los píxeles de la imagen: la primera ventana empieza en el primer píxel, arriba a la izquierda.
pad_like_2012(torch.arange(224.0 * 224).view(1, 1, 224, 224))[0, 0, ::4, ::4]
# Lo que hay en los bordes que has añadido: tienen que ser ceros.
pad_like_2012(1 + torch.arange(224.0 * 224).view(1, 1, 224, 224))[0, 0, 223:, ::3]
pad_like_2012(1 + torch.arange(224.0 * 224).view(1, 1, 224, 224))[0, 0, ::3, 223:]


# %% wrong="n2-input-224" name="always-rounds-down" fails=["ceil"]
# Con "ceil" sigues redondeando hacia abajo. Usa `rounding`, y redondea lo que da /: después de una división entera, //,
# `math.ceil` ya no tiene decimales que mirar.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    return (size + 2 * padding - kernel_size) // stride + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="always-one-more" fails=["ceil"]
# Con "ceil" añades una ventana siempre. Si la división es exacta no queda nada fuera, y no hay ventana de más.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    windows = (size + 2 * padding - kernel_size) // stride + 1
    return windows + 1 if rounding == "ceil" else windows


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="rounding-swapped" fails=["floor", "ceil"]
# Has cambiado los dos redondeos: "floor" es hacia abajo y "ceil", hacia arriba.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "floor" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="rounds-to-nearest" fails=["ceil"]
# Con "ceil" redondeas al más próximo. Hacia arriba es hacia arriba, aunque sobre un cuarto: usa `math.ceil`.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (round(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="padding-once" fails=["floor", "ceil"]
# Cuentas el relleno una sola vez, y se añade en los dos bordes.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="forgets-plus-one" fails=["floor", "ceil"]
# Te falta el +1: la división cuenta los saltos, y hay una ventana más que saltos.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return math.ceil(room / stride) if rounding == "ceil" else room // stride


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3))


# %% wrong="n2-input-224" name="pads-every-side" fails=["windows"]
# Pones 3 ceros en los cuatro bordes. También salen 55, pero las ventanas empiezan 3 píxeles antes: en 2012 no había
# ceros a la izquierda ni arriba.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (3, 3, 3, 3))


# %% wrong="n2-input-224" name="pads-as-torchvision" fails=["windows"]
# Pones 2 ceros en los cuatro bordes, como torchvision. Salen 55, pero las ventanas no son las de 2012: empiezan
# antes del primer píxel.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (2, 2, 2, 2))


# %% wrong="n2-input-224" name="pads-the-wrong-side" fails=["windows"]
# Pones los ceros a la izquierda y arriba. `F.pad` recibe (izquierda, derecha, arriba, abajo): van a la derecha y abajo.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (3, 0, 3, 0))


# %% wrong="n2-input-224" name="pads-one-and-two" fails=["windows"]
# Repartes los 3 ceros entre los dos lados. En 2012 estaban todos a la derecha y abajo.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (1, 2, 1, 2))


# %% wrong="n2-input-224" name="pads-only-the-width" fails=["windows"]
# Rellenas solo a la derecha. Abajo también faltan píxeles: `F.pad` recibe cuatro números.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3))


# %% wrong="n2-input-224" name="pads-only-the-height" fails=["windows"]
# Rellenas solo abajo. A la derecha también faltan píxeles: en `F.pad`, los dos primeros números son izquierda y
# derecha.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 0, 0, 3))


# %% wrong="n2-input-224" name="repeats-the-edge" fails=["windows"]
# Repites el último píxel en vez de poner ceros. En 2012 lo que quedaba fuera de la imagen contaba como cero.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 3, 0, 3), mode="replicate")


# %% wrong="n2-input-224" name="resizes" fails=["windows"]
# Estiras la imagen, y así cambian todos los píxeles: hay que añadir ceros alrededor de los que hay.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.interpolate(images, size=(227, 227), mode="nearest")


# %% wrong="n2-input-224" name="pads-too-much" fails=["windows"]
# Pones 4 ceros a la derecha y abajo, y el último no lo lee ninguna ventana: se piden los justos.
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    room = size + 2 * padding - kernel_size
    return (math.ceil(room / stride) if rounding == "ceil" else room // stride) + 1


def pad_like_2012(images):
    return F.pad(images, (0, 4, 0, 4))


# %% right="n2-alexnet-module" name="class-with-functions"
class SlideNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def norm(self, x):
        total = F.pad(x**2, (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
        return x * (2 + 1e-4 * total).pow(-0.75)

    def forward(self, x):
        x = self.norm(F.relu(F.max_pool2d(self.conv1(x), 3, 2)))
        x = self.norm(F.relu(F.max_pool2d(self.conv2(x), 3, 2)))
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        x = F.max_pool2d(F.relu(self.conv5(x)), 3, 2).reshape(len(x), -1)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(x)


def alexnet_slide(num_classes=1000):
    return SlideNet(num_classes)


# %% right="n2-alexnet-module" name="two-blocks-in-place"
def alexnet_slide(num_classes=1000):
    layers, channels = [], 3
    for maps, side, stride, padding, pooled, normed in (
        (96, 11, 4, 0, True, True),
        (256, 5, 1, 2, True, True),
        (384, 3, 1, 1, False, False),
        (384, 3, 1, 1, False, False),
        (256, 3, 1, 1, True, False),
    ):
        layers += [nn.Conv2d(channels, maps, side, stride, padding), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2)] if pooled else []
        layers += [nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)] if normed else []
        channels = maps
    head = [nn.Linear(channels * 36, 4096), nn.Dropout(), nn.ReLU(inplace=True)]
    head += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, num_classes)]
    return nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Sequential(*head))


# %% right="n2-alexnet-module" name="adaptive-pool"
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% probes="n2-alexnet-module"
# Cuenta los pesos y los sesgos de cada capa, en el orden en que se declaran: tienen que ser los de la tabla.
[int(np.prod(shape)) for shape in measuring.parameter_shapes(alexnet_slide)]
# El número de clases solo cambia la última capa.
[int(np.prod(shape)) for shape in measuring.parameter_shapes(alexnet_slide, num_classes=7)]
# Con pesos conocidos, lo que llega a cada capa al evaluar, y las puntuaciones: recorre la lista capa a capa, con su ReLU, su
# pooling y su LRN. Con la misma imagen dos veces tiene que salir dos veces lo mismo.
(
    lambda reached: [x[0].flatten() for x in reached[1:6]]
    + (
        [x[0].flatten() for x in reached[6:]]
        if (reached[-1][0] - reached[-1][1]).abs().max() < 1e-3 * reached[-1].abs().max()
        else ["otra"]
    )
)(
    measuring.layer_inputs(
        alexnet_slide,
        60 * torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(2012))[[0, 0]],
        num_classes=10,
    )
)
# Al entrenar, qué parte de lo que llega a cada capa apaga el dropout.
[
    round(10 * share)
    for share in measuring.dropped_inputs(
        alexnet_slide, 60 * torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(2012)), num_classes=10
    )
]

# %% equivalent="n2-alexnet-module"
# La beta de PyTorch, si no se da otra, es la del artículo.
# return nn.LocalResponseNorm(size=5, alpha=0.0005, beta=0.75, k=2) => return nn.LocalResponseNorm(size=5, alpha=0.0005, k=2)
# Con filas de números en vez de mapas, Dropout2d apaga números sueltos, como Dropout.
# fc6 = [nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5)] => fc6 = [nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout2d(0.5)]
# fc7 = [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)] => fc7 = [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout2d(0.5)]
# POOL1 y POOL2, con sus normalizaciones, son iguales y no aprenden nada.
# return nn.Sequential(*conv1, *pool1, *conv2, *pool2, *conv3, *conv4, *conv5, *pool3, *fc6, *fc7, fc8) => return nn.Sequential(*conv1, *pool2, *conv2, *pool2, *conv3, *conv4, *conv5, *pool3, *fc6, *fc7, fc8)


# %% wrong="n2-alexnet-module" name="no-relu" fails=["layers"]
# Falta la ReLU detrás de las convoluciones: la diapositiva no la escribe, pero la red la tiene.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.Conv2d(384, 384, 3, padding=1), nn.Conv2d(384, 256, 3, padding=1),
        nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="no-relu-in-conv3-4" fails=["layers"]
# Falta la ReLU detrás de CONV3 y CONV4. Va detrás de las cinco convoluciones, tengan pooling o no.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.Conv2d(384, 384, 3, padding=1),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="no-relu-in-fc" fails=["classifier"]
# Falta la ReLU entre las capas FC. Sin ella, FC6, FC7 y FC8 seguidas equivalen a una sola capa lineal.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.Dropout(), nn.Linear(4096, 4096), nn.Dropout(), nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="lrn-default-k" fails=["layers"]
# Tus LRN usan el k de PyTorch por defecto, que es 1. El del artículo es 2.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="lrn-all-defaults" fails=["layers"]
# Tus LRN usan k = 1 y alpha=1e-4, que es lo que PyTorch pone si no dices nada. La fórmula pide k = 2, y PyTorch divide
# alpha entre `size`.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="lrn-alpha-of-the-code" fails=["layers"]
# Tus LRN usan alpha=1e-4, como el código de 2012. PyTorch lo divide entre `size`: para la fórmula impresa hay que
# darle 5 veces más.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 1e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 1e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="no-lrn" fails=["layers"]
# Faltan NORM1 y NORM2: no tienen parámetros, pero cambian los valores.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="norm-before-pool" fails=["layers"]
# Normalizas antes del pooling, como el artículo. Aquí se pide el orden de la diapositiva: primero POOL, después NORM.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="relu-after-norm" fails=["layers"]
# Pones la ReLU detrás de la normalización. Va justo detrás de la convolución: la LRN debe ver los valores ya
# rectificados.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.ReLU(),
        nn.Conv2d(96, 256, 5, padding=2), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.ReLU(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="pool-of-2" fails=["layers"]
# Tus pooling son de 2x2. Dan los mismos tamaños, 27, 13 y 6, pero los de AlexNet son de 3x3 con paso 2 y se solapan.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(2, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="average-pool" fails=["layers"]
# Tus pooling promedian. Los de AlexNet son de máximo: `nn.MaxPool2d`.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.AvgPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.AvgPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="softmax-at-the-end" fails=["classifier"]
# Terminas en softmax. La red da puntuaciones (class scores): el softmax va dentro de la función de pérdida.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes), nn.Softmax(dim=1),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="relu-at-the-end" fails=["classifier"]
# Pones una ReLU detrás de FC8. Las puntuaciones pueden ser negativas: la última capa va sin ReLU.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes), nn.ReLU(),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="no-dropout" fails=["classifier"]
# Falta el dropout a la salida de FC6 y de FC7.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="dropout-in-the-convolutions" fails=["classifier"]
# Hay dropout entre las convoluciones. Va solo a la salida de FC6 y de FC7.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.Dropout(),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.LocalResponseNorm(5, 5e-4, 0.75, 2), nn.Dropout(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="dropout-as-torchvision" fails=["classifier"]
# Pones el dropout delante de FC6 y de FC7, como torchvision. Va detrás: a la salida de FC6 y de FC7.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="forgets-the-padding" fails=["layers", "classifier"]
# A FC6 le llegan 1 024 números y espera 9 216: los mapas encogen por el camino. ¿Llevan su relleno CONV2 a CONV5?
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3), nn.ReLU(), nn.Conv2d(384, 384, 3), nn.ReLU(),
        nn.Conv2d(384, 256, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="input-of-224"
# Tu FC6 espera los números de una imagen de 224 redondeada hacia abajo. Con 227, POOL3 deja 6x6, no 5x5.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(256 * 5 * 5, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="groups-of-the-paper" fails=["parameters", "layers"]
# Usas groups=2 en CONV2, CONV4 y CONV5, como el artículo. La red de la diapositiva es una sola torre, sin grupos.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="always-1000-classes" fails=["parameters"]
# No usas `num_classes`: FC8 tiene siempre las mismas neuronas.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 1000),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="forgets-to-flatten" fails=["layers", "classifier"]
# A FC6 le llega el volumen de POOL3 sin aplanar: falta `nn.Flatten()`, o no reúne mapas, alto y ancho en una fila.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, bias=True), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="pads-conv1" fails=["layers"]
# Lo que llega a CONV2 tiene el tamaño debido, y otros valores. Con la imagen de 227, CONV1 va sin relleno: ¿le has
# puesto `padding=2`, como torchvision con la de 224?
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="forgets-the-padding-of-conv2" fails=["layers", "classifier"]
# A FC6 le llegan 6 400 números y espera 9 216: con una imagen de 227, POOL3 tiene que dejar 6x6, no 5x5. ¿Lleva CONV2
# su relleno de 2?
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="one-dropout" fails=["classifier"]
# Hay dropout a la salida de FC6 y falta a la salida de FC7.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="log-softmax-at-the-end" fails=["classifier"]
# Terminas en log-softmax. La red da puntuaciones (class scores): el softmax va dentro de la función de pérdida.
def alexnet_slide(num_classes=1000):
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes), nn.LogSoftmax(dim=1),
    )  # fmt: skip


# %% wrong="n2-alexnet-module" name="dropout-in-evaluation" fails=["classifier"]
# Al evaluar, de la misma imagen salen dos respuestas: el dropout sigue encendido. `nn.Dropout` se apaga solo con
# `eval()`; a `F.dropout` hay que darle `training=self.training`.
class SlideNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
            nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
            nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        )  # fmt: skip
        self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, num_classes)

    def forward(self, x):
        x = F.dropout(F.relu(self.fc6(self.features(x))), 0.5)
        return self.fc8(F.dropout(F.relu(self.fc7(x)), 0.5))


def alexnet_slide(num_classes=1000):
    return SlideNet(num_classes)


# %% right="n2-receptive-field" name="from-the-end"
def receptive_fields(layers):
    pairs = []
    for last in range(1, len(layers) + 1):
        windows = [layer for layer in layers[:last] if "stride" in layer]
        side = 1
        for layer in reversed(windows):
            side = (side - 1) * layer["stride"] + layer["kernel_size"]
        pairs.append([side, math.prod(layer["stride"] for layer in windows)])
    return pairs


# %% right="n2-receptive-field" name="first-and-last-pixel"
def receptive_fields(layers):
    first, last, apart, pairs = 0, 0, 1, []
    for layer in layers:
        if layer["kind"] in {"conv", "pool"}:
            last = last + apart * (layer["kernel_size"] - 1)
            apart = apart * layer["stride"]
        pairs.append((last - first + 1, apart))
    return tuple(pairs)


# %% probes="n2-receptive-field"
# Una sola capa: su ventana, y su paso.
receptive_fields(
    [{"name": "A", "kind": "conv", "out_channels": 8, "kernel_size": 7, "stride": 3, "padding": 2, "groups": 1}]
)
# Dos capas: dibuja qué píxeles ven tres neuronas vecinas de la primera.
receptive_fields(
    [
        {"name": "A", "kind": "conv", "out_channels": 8, "kernel_size": 5, "stride": 3, "padding": 2, "groups": 1},
        {"name": "B", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    ]
)
# Una red más larga: lleva las dos cuentas en una tabla, una fila por capa, también por la que no tiene ventana.
receptive_fields(
    [
        {"name": "A", "kind": "conv", "out_channels": 8, "kernel_size": 5, "stride": 3, "padding": 2, "groups": 1},
        {"name": "B", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
        {"name": "C", "kind": "norm", "size": 5},
        {"name": "D", "kind": "conv", "out_channels": 8, "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1},
        {"name": "E", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    ]
)


# %% wrong="n2-receptive-field" name="ignores-the-pooling"
# El pooling también tiene ventana y paso: agranda el campo receptivo y el paso efectivo.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] == "conv":
            field, jump = field + (layer["kernel_size"] - 1) * jump, jump * layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="jump-first"
# Actualizas el paso efectivo antes de usarlo. El campo crece con el que había antes de la capa.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            jump *= layer["stride"]
            field += (layer["kernel_size"] - 1) * jump
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="own-stride-only"
# Multiplicas por el paso de la propia capa, y hay que usar el paso efectivo, el acumulado de todas las anteriores.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * layer["stride"]
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="ignores-the-strides"
# Sumas las ventanas sin contar los pasos. Dos neuronas vecinas no están a un píxel, sino a un paso efectivo.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += layer["kernel_size"] - 1
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="adds-the-whole-window"
# Sumas la ventana entera, k. Uno de sus sitios ya estaba contado: se suma k - 1.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += layer["kernel_size"] * jump
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="starts-at-zero"
# Empiezas a contar en 0. Antes de la primera capa, cada píxel se ve a sí mismo: el campo empieza en 1.
def receptive_fields(layers):
    field, jump, pairs = 0, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * jump
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="adds-the-strides"
# Sumas los pasos, y se multiplican: si cada capa se queda con uno de cada dos sitios, tras dos capas queda uno de
# cada cuatro.
def receptive_fields(layers):
    field, jump, pairs = 1, 0, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * max(jump, 1)
            jump += layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="norm-as-a-window"
# Cuentas la normalización como una ventana. Su `size` va de mapa en mapa: mira un solo píxel.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        field += (layer.get("kernel_size", layer.get("size", 1)) - 1) * jump
        jump *= layer.get("stride", 1)
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="subtracts-the-padding"
# Restas el relleno. No cambia la ventana: solo hace que en los bordes una parte caiga fuera de la imagen.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1 - 2 * layer["padding"]) * jump
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="skips-the-others"
# Te faltan pares: las capas sin ventana (normalización, ReLU) también tienen el suyo, que repite el de la anterior.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * jump
            jump *= layer["stride"]
            pairs.append((field, jump))
    return pairs


# %% wrong="n2-receptive-field" name="swapped"
# Has puesto el par al revés: primero el campo receptivo, después el paso efectivo.
def receptive_fields(layers):
    field, jump, pairs = 1, 1, []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * jump
            jump *= layer["stride"]
        pairs.append((jump, field))
    return pairs
