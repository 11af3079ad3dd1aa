# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "6. ZFNet: mirar dentro y cambiar la red, banco de errores"
# ---

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import measuring

# %% [markdown]
# ## n6-literal


# %% right="n6-literal" name="shape-tuple"
def network_size(layers, dense, side=227, channels=3):
    shape, weights, biases = (channels, side, side), 0, 0
    for layer in layers:
        c, h, _ = shape
        if layer[0] == "pool":
            n = (h - layer[1]) // layer[2] + 1
            shape = (c, n, n)
        else:
            _, k, s, p, maps = layer
            n = int((h + 2 * p - k) / s + 1)
            weights, biases = weights + k * k * c * maps, biases + maps
            shape = (maps, n, n)
    sizes = [int(np.prod(shape)), *dense]
    weights += sum(a * b for a, b in zip(sizes, sizes[1:]))
    return sizes[0], weights + biases + sum(dense)


# %% right="n6-literal" name="with-torch"
def network_size(layers, dense, side=227, channels=3):
    modules, c = [], channels
    for kind, k, s, *rest in layers:
        if kind == "conv":
            modules.append(nn.Conv2d(c, rest[1], k, s, rest[0], device="meta"))
            c = rest[1]
        else:
            modules.append(nn.MaxPool2d(k, s))
    body = nn.Sequential(*modules)
    entering = body(torch.zeros(1, channels, side, side, device="meta")).numel()
    count = sum(p.numel() for p in body.parameters())
    for inputs, neurons in zip([entering, *dense], dense):
        count += inputs * neurons + neurons
    return entering, count


# %% probes="n6-literal"
# Una imagen de 4 px y un filtro de 3x3: calcula en papel cuántos valores entran en la capa totalmente conectada y cuántos parámetros hay.
network_size([("conv", 3, 1, 0, 2)], [5], side=4, channels=1)
# Un pooling solo: no tiene parámetros ni relleno, y el tamaño se redondea hacia abajo.
network_size([("pool", 3, 2)], [3], side=6, channels=2)
# Dos convoluciones con un pooling en medio, con relleno y paso en la primera, y dos capas totalmente conectadas.
network_size([("conv", 3, 2, 1, 4), ("pool", 2, 2), ("conv", 1, 1, 0, 6)], [7, 3], side=11, channels=3)
network_size([("conv", 5, 2, 0, 4), ("conv", 3, 1, 1, 5), ("pool", 3, 2)], [2], side=20, channels=2)
# La red de la diapositiva, sin decir el lado ni los canales de la imagen.
network_size([("conv", 11, 4, 0, 96), ("pool", 3, 2), ("conv", 5, 1, 2, 256), ("pool", 3, 2)], [4096, 4096, 1000])



# %% wrong="n6-literal" name="no-biases"
# Faltan los sesgos: uno por filtro y uno por neurona.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels) * out_channels
            channels = out_channels
        side = (side + 2 * padding - kernel_size) // stride + 1
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += inputs * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="no-plus-one"
# Al tamaño le falta el +1: la primera ventana también cuenta.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = (side + 2 * padding - kernel_size) // stride
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="padding-on-one-side" fails=["small", "slide"]
# El relleno va en los dos lados: se suma dos veces.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = (side + padding - kernel_size) // stride + 1
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="channels-of-the-image"
# Cada convolución lee los canales que deja la anterior: los de la imagen, solo la primera.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            last = out_channels
        side = (side + 2 * padding - kernel_size) // stride + 1
    entering = inputs = side * side * (last if layers[0][0] == 'conv' or any(l[0] == 'conv' for l in layers) else channels)
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="one-side-only"
# Al aplanar entran alto por ancho por canales: has contado un lado solo.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = (side + 2 * padding - kernel_size) // stride + 1
    entering = inputs = side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="dense-from-the-maps"
# Todas las capas totalmente conectadas las conectas con los mapas: cada una lee la anterior.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = (side + 2 * padding - kernel_size) // stride + 1
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
    return entering, parameters


# %% wrong="n6-literal" name="rounds-up" fails=["small"]
# Los tamaños se redondean hacia abajo.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = -(-(side + 2 * padding - kernel_size) // stride) + 1
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return entering, parameters


# %% wrong="n6-literal" name="order-of-the-answer"
# Devuelve primero las entradas y después los parámetros.
def network_size(layers, dense, side=227, channels=3):
    parameters = 0
    for kind, kernel_size, stride, *rest in layers:
        padding = 0
        if kind == "conv":
            padding, out_channels = rest
            parameters += (kernel_size**2 * channels + 1) * out_channels
            channels = out_channels
        side = (side + 2 * padding - kernel_size) // stride + 1
    entering = inputs = side * side * channels
    for neurons in dense:
        parameters += (inputs + 1) * neurons
        inputs = neurons
    return parameters, entering


# %% wrong="n6-literal" name="pool-with-weights"
# Un pooling no tiene parámetros: solo toma máximos.
def network_size(layers, dense, side=227, channels=3):
    p = 0
    for l in layers:
        if l[0] == 'conv':
            side = (side + 2 * l[3] - l[1]) // l[2] + 1
            p += (l[1] ** 2 * channels + 1) * l[4]
            channels = l[4]
        else:
            side = (side - l[1]) // l[2] + 1
            p += l[1] ** 2 * channels
    n = e = side * side * channels
    for d in dense:
        p += (n + 1) * d
        n = d
    return (e, p)


# %% wrong="n6-literal" name="no-dense-layers"
# Los parámetros de la red son también los de las capas totalmente conectadas: te faltan.
def network_size(layers, dense, side=227, channels=3):
    p = 0
    for l in layers:
        if l[0] == 'conv':
            side = (side + 2 * l[3] - l[1]) // l[2] + 1
            p += (l[1] ** 2 * channels + 1) * l[4]
            channels = l[4]
        else:
            side = (side - l[1]) // l[2] + 1
    return (side * side * channels, p)


# %% wrong="n6-literal" name="pool-padded" fails=["slide"]
# El pooling no lleva relleno: ¿le has dejado el de la convolución anterior?
def network_size(layers, dense, side=227, channels=3):
    p = 0
    pad = 0
    for l in layers:
        if l[0] == 'conv':
            pad = l[3]
            p += (l[1] ** 2 * channels + 1) * l[4]
            channels = l[4]
        side = (side + 2 * pad - l[1]) // l[2] + 1
    n = e = side * side * channels
    for d in dense:
        p += (n + 1) * d
        n = d
    return (e, p)


# %% wrong="n6-literal" name="no-dense-biases"
# Faltan los sesgos de las capas totalmente conectadas: uno por neurona.
def network_size(layers, dense, side=227, channels=3):
    p = 0
    for l in layers:
        if l[0] == 'conv':
            side = (side + 2 * l[3] - l[1]) // l[2] + 1
            p += (l[1] ** 2 * channels + 1) * l[4]
            channels = l[4]
        else:
            side = (side - l[1]) // l[2] + 1
    n = e = side * side * channels
    for d in dense:
        p += n * d
        n = d
    return (e, p)


# %% wrong="n6-literal" name="no-conv-biases"
# Faltan los sesgos de las convoluciones: uno por filtro.
def network_size(layers, dense, side=227, channels=3):
    p = 0
    for l in layers:
        if l[0] == 'conv':
            side = (side + 2 * l[3] - l[1]) // l[2] + 1
            p += l[1] ** 2 * channels * l[4]
            channels = l[4]
        else:
            side = (side - l[1]) // l[2] + 1
    n = e = side * side * channels
    for d in dense:
        p += (n + 1) * d
        n = d
    return (e, p)

# %% [markdown]
# ## n6-figure-3


# %% right="n6-figure-3" name="padded-apart"
def zfnet_maps():
    pad = nn.ZeroPad2d((0, 1, 0, 1))
    first = [pad, nn.Conv2d(3, 96, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    second = [nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    rest = []
    for inputs, outputs in ((256, 384), (384, 384), (384, 256)):
        rest += [nn.Conv2d(inputs, outputs, 3, padding="same"), nn.ReLU()]
    return nn.Sequential(*first, *second, *rest, nn.MaxPool2d(3, 2))


# %% right="n6-figure-3" name="pools-padded-by-one"
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(96, 256, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% probes="n6-figure-3"
# Mira qué deja CONV1 con una imagen de 224, y compáralo con la figura.
measuring.module_rows(zfnet_maps, (1, 3, 224, 224))[0][1] if measuring.module_rows(zfnet_maps, (1, 3, 224, 224))[0][0] == "Conv2d" else measuring.module_rows(zfnet_maps, (1, 3, 224, 224))[1][1]
# Mira el orden de las capas: CONV1, POOL1, CONV2, POOL2, CONV3, CONV4, CONV5 y POOL3.
[row[0] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] in ("Conv2d", "MaxPool2d")]
# Mira los filtros de cada convolución, que son los de la figura 3.
[row[1][0] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] == "Conv2d"]
# Mira el lado de los mapas después de cada convolución y de cada pooling.
[row[1][1] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] in ("Conv2d", "MaxPool2d")]
# Mira los parámetros de cada convolución: dependen de la profundidad de los filtros, de los grupos y de los sesgos.
[row[2] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] == "Conv2d"]
# Mira los lados de los filtros y de las ventanas, y los pasos.
[row[3]["kernel_size"] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] in ("Conv2d", "MaxPool2d")]
[row[3]["stride"] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] in ("Conv2d", "MaxPool2d")]
[row[3]["dilation"] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] in ("Conv2d", "MaxPool2d")]
# Se piden solo convoluciones, poolings, capas de relleno si quieres, y las ReLU, cada una justo detrás de una convolución.
[row[0] for row in measuring.module_rows(zfnet_maps, (1, 3, 224, 224)) if row[0] not in ("Conv2d", "MaxPool2d", "ReLU") and not row[0].endswith("Pad2d")]
[before for before, row in zip([None] + [one[0] for one in measuring.module_rows(zfnet_maps, (1, 3, 224, 224))], measuring.module_rows(zfnet_maps, (1, 3, 224, 224))) if row[0] == "ReLU" and before != "Conv2d"]



# %% wrong="n6-figure-3" name="conv2-stride-one"
# CONV2 tampoco va con paso 1: busca el que lleva de 55 a 26.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="no-ceil"
# Los poolings redondean hacia abajo y dejan un píxel de menos. Prueba `ceil_mode=True`.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="no-padding-in-conv1"
# A CONV1 le falta relleno: sin él los mapas salen más pequeños.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="conv2-padded"
# CONV2 no lleva relleno: con él no salen 26.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="wide"
# Esos son los filtros de la red (b): la de la figura 3 tiene los de AlexNet.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 512, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(512, 1024, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(1024, 512, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="grouped"
# ZFNet no reparte los mapas en dos GPU: sus convoluciones no llevan grupos.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, stride=2, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="no-padding-in-3-to-5"
# CONV3 a CONV5 no encogen los mapas: llevan relleno.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 7, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=0),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=0),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=0),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="alexnet"
# Es AlexNet: CONV1 es de 7x7 con paso 2.
def zfnet_maps():
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )


# %% wrong="n6-figure-3" name="average-pool"
# Falta POOL1, o no es un `nn.MaxPool2d`: los poolings toman el máximo.
def zfnet_maps():
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True), nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))


# %% wrong="n6-figure-3" name="with-lrn"
# Has puesto una `nn.LocalResponseNorm`: aquí se piden solo las convoluciones y los poolings, con sus ReLU.
def zfnet_maps():
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(5), nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))


# %% wrong="n6-figure-3" name="pools-of-two"
# Las ventanas de los poolings son de 3x3, y las tuyas, de 2x2.
def zfnet_maps():
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2))


# %% wrong="n6-figure-3" name="no-last-pool"
# Falta POOL3, la última capa.
def zfnet_maps():
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU())


# %% wrong="n6-figure-3" name="channels-do-not-match"
# La red no se puede calcular: una convolución no espera los canales que deja la anterior. Revísalos uno por uno.
def zfnet_maps():
    return nn.Sequential(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))

# %% [markdown]
# ## n6-receptive-field


# %% right="n6-receptive-field" name="backwards"
def first_to_see(layers, pixels):
    for last in range(len(layers)):
        field = 1
        for _, kernel_size, stride in reversed(layers[: last + 1]):
            field = (field - 1) * stride + kernel_size
        if field >= pixels:
            return layers[last][0]


# %% right="n6-receptive-field" name="list-of-fields"
def first_to_see(layers, pixels):
    fields, jump = [1], 1
    for _, k, s in layers:
        fields.append(fields[-1] + (k - 1) * jump)
        jump = jump * s
    names = [layer[0] for layer, seen in zip(layers, fields[1:]) if seen >= pixels]
    return names[0] if names else None


# %% equivalent="n6-receptive-field"
# Una función que acaba sin `return` devuelve None.
# return None => pass


# %% probes="n6-receptive-field"
# Dos capas de 3x3 con paso 1: dibuja qué píxeles lee una unidad de la segunda.
first_to_see([("A", 3, 1), ("B", 3, 1)], 5)
# Se pide un píxel más de los que ve la última capa.
first_to_see([("A", 3, 1), ("B", 3, 1)], 6)
# Con pasos: calcula en papel el campo de cada capa, y busca la primera que llega a ver esos píxeles.
[first_to_see([("A", 3, 2), ("B", 3, 2), ("C", 3, 1), ("D", 3, 1)], pixels) for pixels in range(2, 26)]
[first_to_see([("A", 11, 4), ("B", 3, 2), ("C", 5, 1), ("D", 3, 2)], pixels) for pixels in range(2, 80)]



# %% wrong="n6-receptive-field" name="no-strides"
# No cuentas los pasos: cada píxel de un mapa vale por varios de la imagen.
def first_to_see(layers, pixels):
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        field += (kernel_size - 1) * jump
        if field >= pixels:
            return name
    return None


# %% wrong="n6-receptive-field" name="own-stride-first"
# Cada capa añade el paso acumulado hasta su entrada, sin el suyo.
def first_to_see(layers, pixels):
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        jump *= stride
        field += (kernel_size - 1) * jump
        if field >= pixels:
            return name
    return None


# %% wrong="n6-receptive-field" name="kernel-not-minus-one"
# Una capa de lado k añade k − 1 pasos, no k.
def first_to_see(layers, pixels):
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        field += kernel_size * jump
        if field >= pixels:
            return name
        jump *= stride
    return None


# %% wrong="n6-receptive-field" name="strides-not-multiplied"
# El paso se acumula: es el producto de los anteriores, no el de la última capa.
def first_to_see(layers, pixels):
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        field += (kernel_size - 1) * jump
        if field >= pixels:
            return name
        jump = stride
    return None


# %% wrong="n6-receptive-field" name="strictly-more"
# Te falta un píxel: basta con que vea `pixels`, ni uno más, y antes de la primera capa se ve uno.
def first_to_see(layers, pixels):
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        field += (kernel_size - 1) * jump
        if field > pixels:
            return name
        jump *= stride
    return None


# %% wrong="n6-receptive-field" name="the-last"
# Se pide la primera que llega, no la última.
def first_to_see(layers, pixels):
    field, jump, found = 1, 1, None
    for name, kernel_size, stride in layers:
        field += (kernel_size - 1) * jump
        if field >= pixels:
            found = name
        jump *= stride
    return found


# %% wrong="n6-receptive-field" name="returns-the-field"
# Devuelves el campo receptivo: se pide el nombre de la capa.
def first_to_see(layers, pixels):
    f = j = 1
    for n, k, s in layers:
        f += (k - 1) * j
        if f >= pixels:
            return f
        j *= s


# %% wrong="n6-receptive-field" name="none-as-text"
# Devuelves la cadena "None", con comillas: se pide el valor None.
def first_to_see(layers, pixels):
    f = j = 1
    for n, k, s in layers:
        f += (k - 1) * j
        if f >= pixels:
            return n
        j *= s
    return 'None'


# %% wrong="n6-receptive-field" name="returns-the-place"
# Devuelves el número de la capa: se pide su nombre.
def first_to_see(layers, pixels):
    f = j = 1
    for i, (n, k, s) in enumerate(layers):
        f += (k - 1) * j
        if f >= pixels:
            return i
        j *= s

# %% [markdown]
# ## n6-filter-grid


# %% right="n6-filter-grid" name="reshape"
def filter_grid(weights, columns, shared=True):
    n, c, k, _ = weights.shape
    m = np.abs(weights).max() if shared else np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    rows = int(np.ceil(n / columns))
    tiles = np.concatenate([weights / m, np.zeros((rows * columns - n, c, k, k))]) / 2 + 0.5
    return tiles.reshape(rows, columns, c, k, k).transpose(0, 3, 1, 4, 2).reshape(rows * k, columns * k, c)


# %% right="n6-filter-grid" name="stacks-of-rows"
def filter_grid(weights, columns, shared=True):
    scale = np.abs(weights).max()
    blank = np.full((weights.shape[2], weights.shape[3], 3), 0.5)
    tiles = [0.5 + np.moveaxis(w, 0, 2) / (2 * (scale if shared else np.abs(w).max())) for w in weights]
    while len(tiles) % columns:
        tiles.append(blank)
    return np.vstack([np.hstack(tiles[first : first + columns]) for first in range(0, len(tiles), columns)])


# %% probes="n6-filter-grid"
# Dos filtros de un píxel en dos columnas, con una escala para los dos: el peso mayor en valor absoluto es 1.
filter_grid(np.array([1.0, 0.0, -1.0, 0.5, 0.0, 0.0]).reshape(2, 3, 1, 1), 2)
# Dos filtros de un píxel, cada uno con su escala: el peso mayor del segundo es 0,5.
filter_grid(np.array([1.0, 0.0, -1.0, 0.5, 0.0, 0.0]).reshape(2, 3, 1, 1), 2, shared=False)
# Tres filtros de 2x2 en dos columnas: sobra una casilla, y el peso mayor en valor absoluto es negativo.
filter_grid(np.sin(np.arange(3 * 3 * 4.0)).reshape(3, 3, 2, 2) - 0.5, 2)
filter_grid(np.sin(np.arange(3 * 3 * 4.0)).reshape(3, 3, 2, 2) * np.arange(1.0, 4)[:, None, None, None], 2, shared=False)
# Cuatro filtros en tres columnas son dos filas, y sobran dos casillas; cinco filtros, y sobra una.
filter_grid(np.cos(np.arange(12.0)).reshape(4, 3, 1, 1), 3)
filter_grid(np.cos(np.arange(15.0)).reshape(5, 3, 1, 1), 3)
# Menos filtros que columnas: la imagen mide igualmente columns · lado de ancho.
filter_grid(np.array([1.0, 0.0, -1.0, 0.5, 0.0, 0.0]).reshape(2, 3, 1, 1), 3)
# Tu función no debe escribir en los pesos que le dan.
measuring.changes_its_inputs(filter_grid, np.array([1.0, 0.0, -1.0, 0.5, 0.0, 0.0]).reshape(2, 3, 1, 1), 2)



# %% wrong="n6-filter-grid" name="scale-for-each-channel"
# Con una escala para cada filtro, sus tres canales la comparten: usas una para cada canal, y cambian los colores.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    grid = np.full((-(-count // columns) * side, columns * side, channels), 0.5)
    for place, kernel in enumerate(weights):
        m = np.abs(weights).max() if shared else np.maximum(np.abs(kernel).max(axis=(1, 2)), 1e-9)
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="clipped"
# Los pesos negativos se te quedan en negro: el 0 es gris medio, y por debajo aún hay sitio.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = np.clip(kernel.transpose(1, 2, 0) / m, 0, 1)
    return grid


# %% wrong="n6-filter-grid" name="min-to-max"
# Vas del mínimo al máximo: así el 0 cae en cualquier gris. La escala es simétrica.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = (kernel.transpose(1, 2, 0) - weights.min()) / (weights.max() - weights.min())
    return grid


# %% wrong="n6-filter-grid" name="each-channel-apart"
# Normalizas cada canal por su cuenta: eso inventa colores. Los tres comparten escala.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * np.abs(kernel).max(axis=(1, 2)) + 1e-12)
    return grid


# %% wrong="n6-filter-grid" name="always-one-per-filter"
# Con `shared=True` hay una sola escala para todos los filtros.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="always-shared"
# Con `shared=False` cada filtro lleva su escala.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="channels-reshaped"
# Cambias la forma sin mover los canales: usa `transpose`, no `reshape`.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.reshape(side, side, channels) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="by-columns"
# Los filtros van por filas: el segundo, a la derecha del primero.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place % rows * side, place // rows * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="signed-maximum"
# El mayor es en valor absoluto: un peso muy negativo también manda.
def filter_grid(weights, columns, shared=True):
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = weights.max()
    for place, kernel in enumerate(weights):
        m = largest if shared else kernel.max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid


# %% wrong="n6-filter-grid" name="one-row-too-many"
# Cuando los filtros llenan justas las filas, te sobra una: el número de filas es n / columns, redondeado hacia arriba.
def filter_grid(weights, columns, shared=True):
    n, c, k, _ = weights.shape
    rows = n // columns + 1
    g = np.full((rows * k, columns * k, 3), 0.5)
    for i, w in enumerate(weights):
        m = np.abs(weights if shared else w).max()
        r, q = divmod(i, columns)
        g[r * k:(r + 1) * k, q * k:(q + 1) * k] = 0.5 + w.transpose(1, 2, 0) / (2 * m)
    return g


# %% wrong="n6-filter-grid" name="kernels-transposed"
# Cada filtro sale traspuesto: pasa los canales al final sin cambiar filas por columnas.
def filter_grid(weights, columns, shared=True):
    n, c, k, _ = weights.shape
    rows = -(-n // columns)
    g = np.full((rows * k, columns * k, 3), 0.5)
    for i, w in enumerate(weights):
        m = np.abs(weights if shared else w).max()
        r, q = divmod(i, columns)
        g[r * k:(r + 1) * k, q * k:(q + 1) * k] = 0.5 + w.transpose(2, 1, 0) / (2 * m)
    return g


# %% wrong="n6-filter-grid" name="black-background"
# Las casillas que sobran quedan a 0,5, y las tuyas están a 0.
def filter_grid(weights, columns, shared=True):
    n, c, k, _ = weights.shape
    rows = -(-n // columns)
    g = np.zeros((rows * k, columns * k, 3))
    for i, w in enumerate(weights):
        m = np.abs(weights if shared else w).max()
        r, q = divmod(i, columns)
        g[r * k:(r + 1) * k, q * k:(q + 1) * k] = 0.5 + w.transpose(1, 2, 0) / (2 * m)
    return g


# %% wrong="n6-filter-grid" name="divides-by-m"
# Divides por m, y es por 2m: así los grises no se salen de 0 a 1.
def filter_grid(weights, columns, shared=True):
    n, c, k, _ = weights.shape
    rows = -(-n // columns)
    g = np.full((rows * k, columns * k, 3), 0.5)
    for i, w in enumerate(weights):
        m = np.abs(weights if shared else w).max()
        r, q = divmod(i, columns)
        g[r * k:(r + 1) * k, q * k:(q + 1) * k] = 0.5 + w.transpose(1, 2, 0) / m
    return g

# %% [markdown]
# ## n6-aliasing


# %% right="n6-aliasing" name="nearest-multiple"
def apparent_frequency(frequency, stride):
    return abs(frequency - round(frequency * stride) / stride)


# %% right="n6-aliasing" name="loop"
def apparent_frequency(frequency, stride):
    while frequency > 1 / (2 * stride):
        frequency = abs(frequency - 1 / stride)
    return frequency


# %% equivalent="n6-aliasing"
# El menor de dos números no depende de su orden.
# return min(folded, 1 / stride - folded) => return min(1 / stride - folded, folded)


# %% probes="n6-aliasing"
# Con paso 4, las frecuencias que se ven no pasan de 1/8: una de 0,1 se ve como es.
apparent_frequency(0.1, 4)
# Con paso 4, una de 0,2 no se distingue de la de 0,2 − 1/4, que sin signo es más baja.
apparent_frequency(0.2, 4)
# Más altas: se pliegan más de una vez.
apparent_frequency(0.3, 4)
apparent_frequency(0.41, 4)
apparent_frequency(0.49, 4)
# Con otros pasos el tope es otro: 1/(2s).
apparent_frequency(0.2, 2)
apparent_frequency(0.3, 2)
apparent_frequency(0.41, 3)
apparent_frequency(0.24, 8)
apparent_frequency(0.41, 1)



# %% wrong="n6-aliasing" name="nothing-folds"
# Devuelves la frecuencia de partida: por encima de 1/(2s) se pliega.
def apparent_frequency(frequency, stride):
    return frequency


# %% wrong="n6-aliasing" name="remainder-only"
# El resto no basta: lo que se ve no pasa de 1/(2s); lo que lo pasa se refleja.
def apparent_frequency(frequency, stride):
    return frequency % (1 / stride)


# %% wrong="n6-aliasing" name="clipped"
# La frecuencia no se queda en el tope: se refleja hacia abajo.
def apparent_frequency(frequency, stride):
    return min(frequency, 1 / (2 * stride))


# %% wrong="n6-aliasing" name="per-sample"
# La das en ciclos por muestra: se pide en ciclos por píxel de la imagen.
def apparent_frequency(frequency, stride):
    folded = frequency * stride % 1
    return min(folded, 1 - folded)


# %% wrong="n6-aliasing" name="one-fold"
# La reflejas una sola vez: las más altas se pliegan varias.
def apparent_frequency(frequency, stride):
    return frequency if frequency <= 1 / (2 * stride) else abs(1 / stride - frequency)


# %% wrong="n6-aliasing" name="limit-at-one-over-s"
# El tope es 1/(2s), la mitad de 1/s.
def apparent_frequency(frequency, stride):
    folded = frequency % (2 / stride)
    return min(folded, 2 / stride - folded)


# %% wrong="n6-aliasing" name="always-folds"
# Por debajo de 1/(2s) la frecuencia se ve como es: no le restes nada.
def apparent_frequency(frequency, stride):
    return abs(frequency - 1 / stride)


# %% wrong="n6-aliasing" name="signed"
# Se pide una frecuencia de 0 en adelante: quítale el signo.
def apparent_frequency(frequency, stride):
    return frequency - round(frequency * stride) / stride


# %% wrong="n6-aliasing" name="remainder-of-the-half"
# Las muestras se repiten cada 1/s, no cada 1/(2s): el resto es el de dividir por 1/s.
def apparent_frequency(frequency, stride):
    f = frequency % (1 / (2 * stride))
    return f

# %% [markdown]
# ## n6-occlusion


# %% right="n6-occlusion" name="one-by-one"
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% right="n6-occlusion" name="one-batch"
def occlusion_map(model, image, label, size, stride, fill=0.0):
    c, height, width = image.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    y, x = torch.arange(height)[:, None], torch.arange(width)[None, :]
    hole = [
        (y >= r * stride) & (y < r * stride + size) & (x >= q * stride) & (x < q * stride + size)
        for r in range(rows)
        for q in range(columns)
    ]
    colour = torch.zeros(c, 1, 1) + torch.as_tensor(fill, dtype=torch.float32).reshape(-1, 1, 1)
    batch = torch.where(torch.stack(hole)[:, None], colour, image)
    with torch.no_grad():
        logits = model(batch)
    return F.softmax(logits, dim=1)[:, label].reshape(rows, columns).numpy()


# %% equivalent="n6-occlusion"
# Sin no_grad sale lo mismo; solo se guarda de más.
# with torch.no_grad(): ; rows.append(model(covered).softmax(dim=1)[:, label]) => rows.append(model(covered).softmax(dim=1)[:, label])
# Una lista de filas es la misma matriz.
# return torch.stack(rows) => return rows


# %% probes="n6-occlusion"
# Un cuadrado tan grande como la imagen solo cabe en un sitio, y la red ve una imagen toda a 0.
measuring.with_classifier(occlusion_map, torch.arange(300.0).reshape(3, 10, 10) % 7 / 7, 1, 10, 1)
# Un cuadrado de 4 con paso 4 en 12x12 píxeles: cuenta en cuántos sitios cabe, y mira en papel qué filas y columnas tapa.
measuring.with_classifier(occlusion_map, torch.arange(432.0).reshape(3, 12, 12) % 11 / 11, 1, 4, 4)
# Con una imagen que no es cuadrada y un paso con el que sobran píxeles: el cuadrado tiene que caber entero.
measuring.with_classifier(occlusion_map, torch.arange(504.0).reshape(3, 12, 14) % 7 / 7, 2, 5, 3, seed=1)
# Con `fill`: un número para todos los canales, o un tensor con uno por canal.
measuring.with_classifier(occlusion_map, torch.arange(300.0).reshape(3, 10, 10) % 7 / 7, 3, 6, 4, 0.5)
measuring.with_classifier(occlusion_map, torch.arange(300.0).reshape(3, 10, 10) % 7 / 7, 0, 6, 4, torch.tensor([0.2, 0.9, 0.4]))
# Tu función no debe escribir en la imagen que le dan.
measuring.changes_the_image(occlusion_map, torch.arange(300.0).reshape(3, 10, 10) % 7 / 7, 0, 6, 4)



# %% wrong="n6-occlusion" name="logit"
# Devuelves el logit: se pide la probabilidad, después de la softmax.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None])[0, label]
    return result


# %% wrong="n6-occlusion" name="mutates-the-image"
# Tapas la propia imagen y los cuadrados se van acumulando: haz una copia cada vez.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="zero-always" fails=["fill"]
# No usas `fill`: tapas siempre con cero.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = 0.0
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="last-place-missing"
# Te falta la última posición: el rango tiene que llegar hasta donde el cuadrado cabe justo, y en Python el final no entra.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size, stride)
    lefts = range(0, image.shape[2] - size, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="squares-cut-off"
# El cuadrado tiene que caber entero: has colocado también los que se salen.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] , stride)
    lefts = range(0, image.shape[2] , stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="steps-of-one"
# No usas el paso: te mueves de uno en uno.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1)
    lefts = range(0, image.shape[2] - size + 1)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="drop"
# Devuelves la caída respecto a la imagen sin tapar: se pide la probabilidad misma.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    with torch.no_grad():
        return model(image[None]).softmax(1)[0, label] - result


# %% wrong="n6-occlusion" name="strongest-class"
# Devuelves la probabilidad de la clase que gana: se pide la de `label`.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0].max()
    return result


# %% wrong="n6-occlusion" name="rows-and-columns" fails=["map", "fill"]
# Filas y columnas están cambiadas.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = colour
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result.T


# %% wrong="n6-occlusion" name="keeps-the-square"
# Has tapado lo contrario: se tapa el cuadrado y se deja lo demás.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    colour = torch.as_tensor(fill, dtype=image.dtype).expand(len(image))[:, None, None]
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    result = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = torch.zeros_like(image) + colour
            covered[:, top : top + size, left : left + size] = image[:, top : top + size, left : left + size]
            with torch.no_grad():
                result[row, column] = model(covered[None]).softmax(1)[0, label]
    return result


# %% wrong="n6-occlusion" name="colour-without-axes" fails=["fill"]
# Con un número va bien, y con un color por canal, no: dale al color la forma (C, 1, 1).
def occlusion_map(model, image, label, size, stride, fill=0.0):
    h = (image.shape[1] - size) // stride + 1
    w = (image.shape[2] - size) // stride + 1
    out = torch.zeros(h, w)
    for r in range(h):
        for q in range(w):
            c = image.clone()
            c[:, r * stride:r * stride + size, q * stride:q * stride + size] = fill
            out[r, q] = model(c[None]).softmax(1)[0, label]
    return out


# %% wrong="n6-occlusion" name="no-batch"
# La red recibe un minilote, con cuatro ejes: a la imagen le falta el primero, `[None]`.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    h = (image.shape[1] - size) // stride + 1
    w = (image.shape[2] - size) // stride + 1
    out = torch.zeros(h, w)
    for r in range(h):
        for q in range(w):
            c = image.clone()
            c[:, r * stride:r * stride + size, q * stride:q * stride + size] = torch.as_tensor(fill).reshape(-1, 1, 1)
            out[r, q] = model(c).softmax(1)[0, label]
    return out


# %% wrong="n6-occlusion" name="sigmoid"
# La probabilidad de una clase entre varias es la softmax de los logits, no la sigmoide del suyo.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    h = (image.shape[1] - size) // stride + 1
    w = (image.shape[2] - size) // stride + 1
    out = torch.zeros(h, w)
    for r in range(h):
        for q in range(w):
            c = image.clone()
            c[:, r * stride:r * stride + size, q * stride:q * stride + size] = torch.as_tensor(fill).reshape(-1, 1, 1)
            out[r, q] = model(c[None]).sigmoid()[0, label]
    return out


# %% wrong="n6-occlusion" name="places-without-the-stride"
# El mapa tiene la forma debida, pero los cuadrados no están en su sitio: ¿multiplicas la fila y la columna por el paso?
def occlusion_map(model, image, label, size, stride, fill=0.0):
    h = (image.shape[1] - size) // stride + 1
    w = (image.shape[2] - size) // stride + 1
    out = torch.zeros(h, w)
    for r in range(h):
        for q in range(w):
            c = image.clone()
            c[:, r:r + size, q:q + size] = torch.as_tensor(fill).reshape(-1, 1, 1)
            out[r, q] = model(c[None]).softmax(1)[0, label]
    return out


# %% wrong="n6-occlusion" name="one-channel"
# Se tapan todos los canales: has tapado solo el primero.
def occlusion_map(model, image, label, size, stride, fill=0.0):
    h = (image.shape[1] - size) // stride + 1
    w = (image.shape[2] - size) // stride + 1
    out = torch.zeros(h, w)
    for r in range(h):
        for q in range(w):
            c = image.clone()
            c[0, r * stride:r * stride + size, q * stride:q * stride + size] = torch.as_tensor(fill).reshape(-1, 1, 1)[0]
            out[r, q] = model(c[None]).softmax(1)[0, label]
    return out

# %% [markdown]
# ## n6-switches


# %% right="n6-switches" name="with-torch"
def pool(a, size=3, stride=2):
    values, places = F.max_pool2d(torch.as_tensor(a, dtype=torch.float64)[None, None], size, stride, return_indices=True)
    return values[0, 0].numpy(), places[0, 0].numpy()


def unpool(values, places, shape):
    result = torch.zeros(shape[0] * shape[1], dtype=torch.float64)
    result.index_add_(0, torch.as_tensor(places).flatten().long(), torch.as_tensor(values, dtype=torch.float64).flatten())
    return result.reshape(shape).numpy()


# %% right="n6-switches" name="loops"
def pool(a, size=3, stride=2):
    values, places = [], []
    for top in range(0, len(a) - size + 1, stride):
        values.append([])
        places.append([])
        for left in range(0, len(a[0]) - size + 1, stride):
            best = (top, left)
            for y in range(top, top + size):
                for x in range(left, left + size):
                    if a[y][x] > a[best[0]][best[1]]:
                        best = (y, x)
            values[-1].append(a[best[0]][best[1]])
            places[-1].append(best[0] * len(a[0]) + best[1])
    return np.array(values), np.array(places)


def unpool(values, places, shape):
    result = np.zeros(shape)
    for value, place in zip(np.ravel(values), np.ravel(places)):
        result[place // shape[1], place % shape[1]] += value
    return result


# %% equivalent="n6-switches"
# Los sitios son los mismos números, en un array de enteros o de coma flotante.
# values, places = (np.empty((rows, columns)), np.empty((rows, columns), dtype=int)) => values, places = (np.empty((rows, columns)), np.empty((rows, columns)))


# %% probes="n6-switches"
# Un mapa de 2x2 con una sola ventana: ¿cuál es el máximo, y qué número le toca en el mapa aplanado?
pool(np.array([[1.0, 2.0], [4.0, 3.0]]), size=2, stride=2)
# Un mapa de 7 filas y 9 columnas, con ventanas de 3 y paso 2, que se solapan.
pool(np.sin(np.arange(63.0)).reshape(7, 9) * 5)
# Con otros lados y pasos, y con todos los valores negativos.
pool(np.cos(np.arange(40.0)).reshape(8, 5), size=3, stride=1)
pool(np.cos(np.arange(56.0)).reshape(7, 8) - 5, size=2, stride=3)
# A lo ancho y a lo alto sobran 2 píxeles de los 3 que avanza la ventana: ahí no cabe otra.
pool(np.cos(np.arange(70.0)).reshape(7, 10) - 5, size=2, stride=3)
# En un empate se toma el primero que se lee, por filas.
pool(np.zeros((3, 3)))
pool(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 1.0], [2.0, 1.0, 1.0]]))
# `pool` no debe escribir en el mapa que le dan.
measuring.changes_its_inputs(pool, np.sin(np.arange(63.0)).reshape(7, 9))
# Un solo valor, al sitio 2 de un mapa de 2x2.
unpool(np.array([[5.0]]), np.array([[2]]), (2, 2))
# Un mapa de 3 filas y 4 columnas: el sitio 9 es la fila 2, columna 1; el sitio 3 sale dos veces.
unpool(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0, 3], [9, 3]]), (3, 4))
# Dos, o más, ventanas que eligieron el mismo píxel, con valores de cualquier signo.
unpool(np.array([[9.0, 9.0]]), np.array([[1, 1]]), (2, 5))
unpool(np.array([[4.0, 2.0, -1.5, -3.0]]), np.array([[5, 1, 5, 5]]), (3, 2))
# `unpool` no debe escribir en los arrays que le dan.
measuring.changes_its_inputs(unpool, np.array([[9.0, 9.0]]), np.array([[1, 1]]), (2, 5))



# %% wrong="n6-switches" name="last-one-wins" fails=["unpool"]
# Si dos ventanas eligieron el mismo píxel, sus valores se suman: has dejado solo el último.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    result[np.asarray(places).ravel()] = np.asarray(values, dtype=float).ravel()
    return result.reshape(shape)


# %% wrong="n6-switches" name="place-in-the-window" fails=["pool"]
# Das el sitio dentro de la ventana: se pide en el mapa entero.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = down * size + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="width-of-the-window" fails=["pool"]
# Para aplanar se multiplica la fila por el ancho del mapa, no por el de la ventana.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * size + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="height-for-width" fails=["pool"]
# Para aplanar se multiplica la fila por el ancho, no por el alto.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[0] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="windows-do-not-overlap" fails=["pool"]
# Mueves las ventanas su propio lado: se mueven `stride`.
def pool(a, size=3, stride=2):
    stride = size
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="last-tie" fails=["pool"]
# En un empate se toma el primero que se lee; has tomado el último.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(size * size - 1 - int(window.ravel()[::-1].argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="row-and-column-swapped" fails=["unpool"]
# Al deshacer, fila y columna están cambiadas.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, np.asarray(places).ravel(), np.asarray(values, dtype=float).ravel())
    return result.reshape(shape[::-1]).T


# %% wrong="n6-switches" name="average" fails=["unpool"]
# Repartes los valores por todo el mapa: cada uno va entero a su sitio.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(int(window.argmax()), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places


def unpool(values, places, shape):
    return np.full(shape, np.sum(values) / (shape[0] * shape[1]))


# %% wrong="n6-switches" name="row-and-column" fails=["pool"]
# Das la fila y la columna de cada máximo: se pide un solo número, fila por ancho más columna.
def pool(a, size=3, stride=2):
    v, p = F.max_pool2d(torch.as_tensor(a)[None, None], size, stride, return_indices=True)
    v, p = (v[0, 0].numpy(), p[0, 0].numpy())
    return (v, np.stack(np.divmod(p, a.shape[1]), -1))


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, places.ravel(), values.ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="starts-at-zero" fails=["pool"]
# Los valores de una ventana pueden ser todos negativos: no empieces a buscar el máximo en 0.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    cols = (a.shape[1] - size) // stride + 1
    v = np.zeros((rows, cols))
    p = np.zeros((rows, cols), int)
    for y in range(rows):
        for x in range(cols):
            for i in range(size):
                for j in range(size):
                    if a[y * stride + i, x * stride + j] > v[y, x]:
                        v[y, x] = a[y * stride + i, x * stride + j]
                        p[y, x] = (y * stride + i) * a.shape[1] + x * stride + j
    return (v, p)


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, places.ravel(), values.ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="square-maps-only" fails=["pool"]
# El mapa puede no ser cuadrado: las columnas se cuentan con su ancho, no con su alto.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    cols = rows
    v = np.zeros((rows, cols))
    p = np.zeros((rows, cols), int)
    for y in range(rows):
        for x in range(cols):
            w = a[y * stride:y * stride + size, x * stride:x * stride + size]
            v[y, x] = w.max()
            i, j = divmod(w.argmax(), size)
            p[y, x] = (y * stride + i) * a.shape[1] + x * stride + j
    return (v, p)


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, places.ravel(), values.ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="ties-by-columns" fails=["pool"]
# En un empate lees por columnas: el primero es el primero por filas.
def pool(a, size=3, stride=2):
    rows = (a.shape[0] - size) // stride + 1
    cols = (a.shape[1] - size) // stride + 1
    v = np.zeros((rows, cols))
    p = np.zeros((rows, cols), int)
    for y in range(rows):
        for x in range(cols):
            w = a[y * stride:y * stride + size, x * stride:x * stride + size]
            v[y, x] = w.max()
            j, i = divmod(w.T.argmax(), size)
            p[y, x] = (y * stride + i) * a.shape[1] + x * stride + j
    return (v, p)


def unpool(values, places, shape):
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, places.ravel(), values.ravel())
    return result.reshape(shape)


# %% wrong="n6-switches" name="flat" fails=["unpool"]
# Devuelves el mapa aplanado: dale la forma pedida.
def pool(a, size=3, stride=2):
    v, p = F.max_pool2d(torch.as_tensor(a)[None, None], size, stride, return_indices=True)
    return (v[0, 0].numpy(), p[0, 0].numpy())


def unpool(values, places, shape):
    r = np.zeros(shape[0] * shape[1])
    np.add.at(r, places.ravel(), values.ravel())
    return r


# %% wrong="n6-switches" name="largest-one-wins" fails=["unpool"]
# Si dos ventanas eligieron el mismo píxel, sus valores se suman: te quedas con el mayor.
def pool(a, size=3, stride=2):
    v, p = F.max_pool2d(torch.as_tensor(a)[None, None], size, stride, return_indices=True)
    return (v[0, 0].numpy(), p[0, 0].numpy())


def unpool(values, places, shape):
    r = np.zeros(shape[0] * shape[1])
    np.maximum.at(r, places.ravel(), values.ravel())
    return r.reshape(shape)

# %% [markdown]
# ## n6-deconvnet


# %% right="n6-deconvnet" name="loops"
def keep_strongest(before, map):
    count, height, width = before.shape
    best, place = 0.0, None
    for top in range(0, height - 2, 2):
        for left in range(0, width - 2, 2):
            window = before[map, top : top + 3, left : left + 3]
            if window.max() > best:
                best = float(window.max())
                down, right = divmod(int(window.argmax()), 3)
                place = map, top + down, left + right
    signal = torch.zeros(count, height, width)
    if place:
        signal[place] = best
    return signal


def relu_back(signal, before, rule):
    if rule == "gradient":
        return torch.where(before > 0, signal, torch.zeros_like(signal))
    back = signal.clamp(min=0)
    return back if rule == "deconvnet" else torch.where(before > 0, back, torch.zeros_like(back))


def project(signal, weight, stride=2):
    _, channels, side, _ = weight.shape
    _, height, width = signal.shape
    result = torch.zeros(channels, (height - 1) * stride + side, (width - 1) * stride + side)
    for y in range(height):
        for x in range(width):
            painted = torch.einsum("k,kcij->cij", signal[:, y, x], weight)
            result[:, y * stride : y * stride + side, x * stride : x * stride + side] += painted
    return result


# %% right="n6-deconvnet" name="autograd"
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(before[None].clamp(min=0), kernel_size=3, stride=2, return_indices=True)
    one = torch.zeros_like(pooled[0, map]).flatten()
    one[pooled[0, map].argmax()] = 1
    row, column = divmod(int((one * places[0, map].flatten()).sum()), before.shape[2])
    mask = torch.zeros(before.shape)
    mask[map, row, column] = 1
    return before.clamp(min=0) * mask


def relu_back(signal, before, rule):
    if rule == "deconvnet":
        return F.relu(signal)
    through = before.detach().clone().requires_grad_()
    (back,) = torch.autograd.grad(F.relu(through), through, signal if rule == "gradient" else F.relu(signal))
    return back


def project(signal, weight, stride=2):
    side = weight.shape[-1]
    height, width = ((length - 1) * stride + side for length in signal.shape[1:])
    image = torch.zeros(1, weight.shape[1], height, width, requires_grad=True)
    (back,) = torch.autograd.grad(F.conv2d(image, weight, stride=stride), image, signal[None])
    return back[0]


# %% probes="n6-deconvnet"
# Un mapa de 3x3, que es una sola ventana: queda el máximo donde estaba, y lo demás es cero.
keep_strongest(torch.tensor([[[1.0, 2.0, 0.0], [3.0, 0.5, 7.0], [0.0, 1.0, 2.0]]]), 0)
# En un mapa de 8x8 las ventanas de 3x3 con paso 2 no llegan a la última fila: se busca el máximo después del pooling.
keep_strongest(torch.arange(64.0).reshape(1, 8, 8) % 61, 0)
# Con tres mapas que no son cuadrados: queda un valor del mapa pedido, y los otros mapas son cero.
[keep_strongest(torch.sin(torch.arange(231.0) ** 2).reshape(3, 7, 11), map) for map in (1, 0, 2)]
# Con valores tan negativos que la ReLU apaga el mapa entero: todo es cero.
keep_strongest(torch.sin(torch.arange(98.0)).reshape(2, 7, 7) - 1000, 1)
# `keep_strongest` no debe escribir en el tensor que le dan.
measuring.changes_its_inputs(keep_strongest, torch.sin(torch.arange(98.0)).reshape(2, 7, 7), 1)
# Seis valores con todas las combinaciones de signos: escribe en papel cuáles pasan con cada regla.
relu_back(torch.tensor([2.0, -3.0, 5.0, -7.0, 0.5, 0.25]), torch.tensor([1.0, 1.0, -1.0, -1.0, 0.3, -0.3]), "gradient")
relu_back(torch.tensor([2.0, -3.0, 5.0, -7.0, 0.5, 0.25]), torch.tensor([1.0, 1.0, -1.0, -1.0, 0.3, -0.3]), "deconvnet")
relu_back(torch.tensor([2.0, -3.0, 5.0, -7.0, 0.5, 0.25]), torch.tensor([1.0, 1.0, -1.0, -1.0, 0.3, -0.3]), "guided")
# Donde entró un 0, que no es positivo, con una señal de cada signo.
relu_back(torch.tensor([2.0, -3.0]), torch.tensor([0.0, 0.0]), "gradient")
relu_back(torch.tensor([2.0, -3.0]), torch.tensor([0.0, 0.0]), "guided")
# `relu_back` no debe escribir en los tensores que le dan.
[
    measuring.changes_its_inputs(relu_back, torch.tensor([2.0, -3.0]), torch.tensor([1.0, -1.0]), rule)
    for rule in ("gradient", "deconvnet", "guided")
]
# Una señal de 1x2 y un filtro de 2x2, con paso 2: píntala en papel.
project(torch.tensor([[[4.0, 3.0]]]), torch.tensor([[[[1.0, 2.0], [5.0, 7.0]]]]))
# Una señal de 1x2 y un filtro de 2x2, con paso 1: las dos copias comparten una columna, y ahí se suman.
project(torch.tensor([[[4.0, 3.0]]]), torch.tensor([[[[1.0, 2.0], [5.0, 7.0]]]]), stride=1)
# Con tres mapas y dos canales: cada mapa pinta con su filtro, en los dos canales.
project(torch.sin(torch.arange(60.0) ** 2).reshape(3, 4, 5), torch.cos(torch.arange(54.0)).reshape(3, 2, 3, 3))
# Con un paso mayor que el filtro quedan píxeles que ningún filtro leyó: valen cero.
project(torch.sin(torch.arange(12.0)).reshape(2, 2, 3), torch.cos(torch.arange(8.0)).reshape(2, 1, 2, 2), stride=3)
# `project` no debe escribir en los tensores que le dan.
measuring.changes_its_inputs(project, torch.ones(2, 3, 4), torch.ones(2, 1, 3, 3))


# %% wrong="n6-deconvnet" name="all-the-activations" fails=["strongest"]
# Hay que dejar una sola activación y poner las demás a cero.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()] = pooled.flatten()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="all-the-maps" fails=["strongest"]
# Hay que poner a cero también los demás mapas: has dejado la más fuerte de cada uno.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before), 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    for other in range(len(before)):
        signal[other].view(-1)[places[other].flatten()[pooled[other].argmax()]] = pooled[other].max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="value-lost" fails=["strongest"]
# La señal empieza con el valor de la activación, no con un uno.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = 1.0
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="no-switches" fails=["strongest"]
# Pones el valor en la esquina de la ventana: va donde estaba el máximo.
def keep_strongest(before, map):
    pooled = F.max_pool2d(F.relu(before), 3, 2)[map]
    row, column = divmod(pooled.argmax().item(), pooled.shape[1])
    signal = torch.zeros_like(before)
    signal[map, 2 * row, 2 * column] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="before-the-pooling" fails=["strongest"]
# Se deja la activación más fuerte de las que quedan después del pooling: has buscado en el mapa de antes.
def keep_strongest(before, map):
    after = F.relu(before)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[after[map].argmax()] = after[map].max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="strongest-of-all-maps" fails=["strongest"]
# Se pide la activación más fuerte del mapa `map`: has tomado la más fuerte de todos los mapas.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before), 3, 2, return_indices=True)
    best = pooled.flatten().argmax().item()
    signal = torch.zeros_like(before)
    signal[best // pooled[0].numel()].view(-1)[places.flatten()[best]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="place-after-the-pooling" fails=["strongest"]
# Has puesto el valor en su sitio del mapa reducido: su sitio en el de antes lo dicen los índices del pooling.
def keep_strongest(before, map):
    pooled = F.max_pool2d(F.relu(before), 3, 2)[map]
    signal = torch.zeros_like(before)
    signal[map].view(-1)[pooled.argmax()] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="one-map" fails=["strongest"]
# Devuelves un solo mapa, y la señal tiene la forma de lo que recibes: los demás mapas están, y son cero.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal[map]


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="reduced-map" fails=["strongest"]
# Devuelves el mapa reducido, el de después del pooling: falta deshacerlo, con el valor donde estaba el máximo.
def keep_strongest(before, map):
    pooled = F.max_pool2d(F.relu(before), 3, 2)
    signal = torch.zeros_like(pooled)
    signal[map].view(-1)[pooled[map].argmax()] = pooled[map].max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="forgets-the-relu" fails=["strongest"]
# Falta la ReLU: un mapa sin ningún valor positivo se queda apagado, y tú dejas un valor negativo.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(before[map][None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="largest-in-absolute-value" fails=["strongest"]
# La más fuerte es la mayor con su signo: la ReLU apaga las negativas, y tú comparas valores absolutos.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(before[map].abs()[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="windows-of-two" fails=["strongest"]
# El pooling es de 3x3 con paso 2: tus ventanas son de 2x2.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 2, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="rules-swapped" fails=["rules"]
# La deconvnet mira la señal y el gradiente mira lo que entró: están cambiados.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": signal > 0, "deconvnet": before > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="ignores-before" fails=["rules"]
# No miras lo que entró en la ReLU: en el gradiente y en la guiada, donde entró algo negativo o 0 no pasa nada.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    return signal if rule == "gradient" else F.relu(signal)


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="guided-as-deconvnet" fails=["rules"]
# La guiada cumple las dos condiciones: también mira lo que entró en la ReLU.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": signal > 0}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="before-not-strict" fails=["rules"]
# La señal pasa donde entró algo positivo, y la dejas pasar también donde entró algo negativo: ¿miras solo si es 0?
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before != 0, "deconvnet": signal > 0, "guided": (before != 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="guided-as-or" fails=["rules"]
# En la guiada tienen que cumplirse las dos condiciones a la vez: te basta con una.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) | (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="guided-as-gradient" fails=["rules"]
# La guiada cumple las dos condiciones: también deja pasar solo lo positivo de la señal.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": before > 0}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="returns-the-mask" fails=["rules"]
# Devuelves la máscara, unos y ceros: lo que pasa es la señal, con su valor.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return masks[rule].float()


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="before-at-least-zero" fails=["rules"]
# Donde entró un 0 no pasa nada: la condición es a > 0, y no a >= 0.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before >= 0, "deconvnet": signal >= 0, "guided": (before >= 0) & (signal >= 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="passes-what-entered" fails=["rules"]
# Lo que pasa es la señal que vuelve, y devuelves lo que entró en la ReLU hacia delante.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return before * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]


# %% wrong="n6-deconvnet" name="kernels-flipped" fails=["layer"]
# Das la vuelta a los filtros: la convolución traspuesta los pinta como son.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight.flip(2, 3), stride=stride)[0]


# %% wrong="n6-deconvnet" name="rows-for-columns" fails=["layer"]
# Los filtros salen con filas y columnas cambiadas: lo que se traspone es la convolución, no cada filtro.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight.transpose(2, 3), stride=stride)[0]


# %% wrong="n6-deconvnet" name="no-stride-back" fails=["layer"]
# En la convolución traspuesta falta el paso.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight)[0]


# %% wrong="n6-deconvnet" name="stride-two-always" fails=["layer"]
# Usas siempre paso 2, y el paso es el que se recibe en `stride`.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=2)[0]


# %% wrong="n6-deconvnet" name="batch-axis" fails=["layer"]
# Sobra el eje del minilote: se piden los canales de la imagen, el alto y el ancho.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride)


# %% wrong="n6-deconvnet" name="overwrites" fails=["layer"]
# Donde dos copias de los filtros caen en el mismo píxel, se suman: te quedas con la última.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    _, channels, side, _ = weight.shape
    _, height, width = signal.shape
    result = torch.zeros(channels, (height - 1) * stride + side, (width - 1) * stride + side)
    for k, y, x in signal.nonzero().tolist():
        result[:, y * stride : y * stride + side, x * stride : x * stride + side] = signal[k, y, x] * weight[k]
    return result


# %% wrong="n6-deconvnet" name="value-lost-on-the-way" fails=["layer"]
# Cada filtro se pinta multiplicado por el valor de la señal: lo pintas como es.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    _, channels, side, _ = weight.shape
    _, height, width = signal.shape
    result = torch.zeros(channels, (height - 1) * stride + side, (width - 1) * stride + side)
    for k, y, x in signal.nonzero().tolist():
        result[:, y * stride : y * stride + side, x * stride : x * stride + side] += weight[k]
    return result


# %% wrong="n6-deconvnet" name="first-filter-only" fails=["layer"]
# Cada mapa pinta con su propio filtro: has usado el primero para todos.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    _, channels, side, _ = weight.shape
    _, height, width = signal.shape
    result = torch.zeros(channels, (height - 1) * stride + side, (width - 1) * stride + side)
    for k, y, x in signal.nonzero().tolist():
        result[:, y * stride : y * stride + side, x * stride : x * stride + side] += signal[k, y, x] * weight[0]
    return result


# %% wrong="n6-deconvnet" name="output-padding" fails=["layer"]
# Sobran una fila y una columna: los píxeles son solo los que leyeron los filtros.
def keep_strongest(before, map):
    pooled, places = F.max_pool2d(F.relu(before[map])[None], 3, 2, return_indices=True)
    signal = torch.zeros_like(before)
    signal[map].view(-1)[places.flatten()[pooled.argmax()]] = pooled.max()
    return signal


def relu_back(signal, before, rule):
    masks = {"gradient": before > 0, "deconvnet": signal > 0, "guided": (before > 0) & (signal > 0)}
    return signal * masks[rule]


def project(signal, weight, stride=2):
    return F.conv_transpose2d(signal[None], weight, stride=stride, output_padding=stride - 1)[0]
