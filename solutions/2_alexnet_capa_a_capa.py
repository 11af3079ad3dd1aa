# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 225
#   title: 2. AlexNet capa a capa
# ---

# %% [markdown]
# # 2. AlexNet capa a capa
#
# En este cuaderno respondes a todas las preguntas que las diapositivas hacen sobre AlexNet, desde el volumen que sale
# de CONV1 hasta la tabla completa de capas. Al terminar sabrás, para cualquier red de este tipo:
#
# - qué volumen sale de cada capa y cuántos parámetros tiene, con sesgos (*biases*) y sin ellos;
# - cuántas multiplicaciones-suma (*multiply-adds*) cuesta y cuánta memoria pide entrenarla;
# - qué trozo de la imagen ve cada neurona (campo receptivo, *receptive field*);
# - por qué el artículo dice 224 píxeles y la diapositiva 227, y cómo se escribe la red en PyTorch.
#
# | Diapositiva | Apartado |
# |---|---|
# | Case Study: AlexNet · Architecture: CONV1, MAX POOL1, NORM1, ... | 1. La lista de capas |
# | Q: what is the output volume size? Hint: (227-11)/4+1 = 55 | 2. CONV1: el volumen de salida |
# | Q: What is the total number of parameters in this layer? | 3. CONV1: los parámetros |
# | Parameters: (11\*11\*3)\*96 = 35K | 3. CONV1: los parámetros |
# | Q: what is the output volume size? Hint: (55-3)/2+1 = 27 | 4. POOL1 |
# | Q: what is the number of parameters in this layer? · Parameters: 0! | 4. POOL1 |
# | After CONV1: 55x55x96 · After POOL1: 27x27x96 · ... | 5. La tabla completa |
# | Full (simplified) AlexNet architecture | apartados 5 a 12 |
#
# | Ejercicio | Puntos |
# |---|---|
# | `n2-conv1-volume`: el volumen que sale de una convolución | 4 |
# | `n2-conv-params`: los parámetros de una convolución | 10 |
# | `n2-pool1`: volumen y parámetros de un *pooling* | 3 |
# | `n2-layer-table`: la tabla de formas de una red | 15 |
# | `n2-total-parameters`: el total de parámetros | 8 |
# | `n2-multiply-adds`: las multiplicaciones-suma por capa | 10 |
# | `n2-memory`: la memoria para entrenar | 10 |
# | `n2-input-224`: 224 o 227 | 10 |
# | `n2-alexnet-module`: la red de la diapositiva en PyTorch | 17 |
# | `n2-receptive-field`: campo receptivo y paso efectivo | 8 |
# | `n2-m1-60-million`: ¿60 millones? (se corrige a mano) | 5 |
# | **Total** | **100** |
#
# **Tiempo:** unos 225 minutos: 5 el apartado 1, 10 el 2, 20 el 3, 10 el 4, 30 el 5, 15 el 6, 20 el 7, 30 el 8, 20 el 9,
# 30 el 10, 15 el 11, 10 el 12 y 10 el resto. **GPU:** no hace falta; tampoco red.
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`: ejecútala tantas veces como
# quieras; si tu respuesta tiene un fallo conocido, te dirá cuál. Después viene la celda que puntúa, con algunas
# comprobaciones a la vista; al corregir se añaden otras con datos distintos, así que tus funciones deben servir para
# *cualquier* red.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Las celdas que solo muestran algo no se ejecutan al corregir. Y se pide tu propio
# código: una respuesta que usa una función o una tabla del paquete `tema9`, como `tema9.layer_table`, no puntúa.
#
# **Cómo se entrega.** Pulsa ▶▶ en la barra, que reinicia el núcleo y lo ejecuta todo, guarda y entrega este mismo
# fichero sin cambiarle el nombre. No borres celdas. Si dejas un ejercicio sin hacer, los demás puntúan igual.

# %%
try:
    from tema9 import notebook
except ModuleNotFoundError:
    # Aquí no está instalado el paquete del curso; en Colab, sube antes su zip a la carpeta.
    from glob import glob

    found = [*glob("../pyproject.toml"), *glob("/kaggle/input/**/pyproject.toml", recursive=True)]
    where = found[0].removesuffix("/pyproject.toml") if found else "tema9-estudiantes.zip"
    install = f"%pip install --quiet --no-deps {where}"
    raise ModuleNotFoundError(f"ejecuta antes, en otra celda: {install}") from None

notebook.prepare()  # antes que nada: carga PyTorch; una prueba que falla se muestra en una línea

import math
import os
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from IPython.display import Markdown
from torch import nn

import tema9
from tema9 import figures, measuring, models
from tema9.arithmetic import MIB, spanish

figures.describe_pictures()  # cada figura, con su texto alternativo

# La lista de la diapositiva "Full (simplified) AlexNet architecture", capa por capa.
SLIDE = [
    {"name": "CONV1", "kind": "conv", "out_channels": 96,
     "kernel_size": 11, "stride": 4, "padding": 0, "groups": 1},
    {"name": "POOL1", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    {"name": "NORM1", "kind": "norm", "size": 5},
    {"name": "CONV2", "kind": "conv", "out_channels": 256,
     "kernel_size": 5, "stride": 1, "padding": 2, "groups": 1},
    {"name": "POOL2", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    {"name": "NORM2", "kind": "norm", "size": 5},
    {"name": "CONV3", "kind": "conv", "out_channels": 384,
     "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1},
    {"name": "CONV4", "kind": "conv", "out_channels": 384,
     "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1},
    {"name": "CONV5", "kind": "conv", "out_channels": 256,
     "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1},
    {"name": "POOL3", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    {"name": "FC6", "kind": "linear", "out_features": 4096},
    {"name": "FC7", "kind": "linear", "out_features": 4096},
    {"name": "FC8", "kind": "linear", "out_features": 1000},
]

# La tabla de esa red, calculada por el paquete, y las mismas capas con las formas que entran y
# salen de cada una.
table = tema9.layer_table("alexnet_slide")
ROWS = []
for layer, row in zip(SLIDE, table, strict=True):
    in_shape = (math.prod(row.in_shape),) if layer["kind"] == "linear" else row.in_shape
    ROWS.append({**layer, "in_shape": in_shape, "out_shape": row.out_shape})

# %% [markdown]
# ## 1. La lista de capas
#
# > Architecture: CONV1, MAX POOL1, NORM1, CONV2, MAX POOL2, NORM2, CONV3, CONV4, CONV5, Max POOL3, FC6, FC7, FC8
#
# Hay 13 líneas, pero se suele decir que AlexNet tiene 8 capas: son las que tienen parámetros que aprender. ¿Cuáles son?
#
# Las demás líneas son de *pooling* (se quedan con el máximo de cada ventana) y de normalización de respuesta local
# (*Local Response Normalization*, LRN: cada valor se divide por una medida de la energía de los mapas vecinos; la verás
# por dentro en el cuaderno 3). Fíjate en lo que la lista **no** dice y la red sí tiene: una ReLU detrás de CONV1 a
# CONV5, FC6 y FC7, y *dropout* a la salida de FC6 y FC7.
#
# El paquete `tema9` tiene esta lista como tabla. Así se imprime tal como la escribe la diapositiva:

# %% explore=true
print(table)

# %% [markdown]
# La diapositiva escribe los volúmenes como alto × ancho × mapas, `[55x55x96]`. PyTorch pone primero los canales
# (*channels*): `(96, 55, 55)`, es decir (C, H, W). **Aquí todas las formas van en el orden de PyTorch.**
#
# En la figura, cada caja es el volumen que sale de una capa, dibujado a escala. Antes de mirarla: ¿dónde hay más
# números, al principio o al final de la red?

# %% explore=true
ax = figures.volumes(table)
plt.show()

# %% [markdown]
# Las cajas pierden lado y ganan mapas: se pierde *dónde* y se gana *qué*. El volumen mayor es el de CONV1: 290 400
# números, casi el doble que la propia imagen, que tiene 227×227×3 = 154 587.

# %% [markdown]
# ## 2. CONV1: el volumen de salida
#
# > Input: 227x227x3 images. **First layer (CONV1):** 96 11x11 filters applied at stride 4
# >
# > Q: what is the output volume size? Hint: (227-11)/4+1 = 55
#
# La pista da el lado: la ventana de 11 píxeles avanza de 4 en 4 píxeles (el paso, *stride*) y da $(227 - 11) / 4 = 54$
# saltos. Los sitios son uno más que los saltos, 55, porque también cuenta el de partida; eso vale con cualquier paso.
# Con $p$ píxeles de relleno (*padding*) en cada borde, la fórmula completa es
#
# $$n' = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$$
#
# Falta la otra mitad de la pregunta: el volumen. Cada filtro de CONV1 recorre los **tres** canales de la imagen a la
# vez y produce **un** mapa de características (*feature map*). ¿Cuántos mapas salen? ¿Queda algo de los 3 canales?
#
# En la figura, las ventanas que lee CONV1 a lo largo de una fila de 227 píxeles: la última acaba justo en el borde.

# %% explore=true
ax = figures.windows(227, kernel_size=11, stride=4)
plt.show()

# %% [markdown]
# ### Ejercicio `n2-conv1-volume` (4 puntos)
#
# Escribe la función que da el volumen de salida de una convolución cualquiera. La imagen puede no ser cuadrada.


# %% solution="n2-conv1-volume"
def conv_output_shape(in_shape, out_channels, kernel_size, stride=1, padding=0):
    """Devuelve la forma (C, H, W) de lo que sale de una convolución.

    in_shape: (C, H, W) de lo que entra. kernel_size, stride y padding, en píxeles.
    No hace falta comprobar que la ventana cabe.
    """
    ### BEGIN SOLUTION
    _, height, width = in_shape
    out_height = (height + 2 * padding - kernel_size) // stride + 1
    out_width = (width + 2 * padding - kernel_size) // stride + 1
    return out_channels, out_height, out_width
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-conv1-volume")

# %% tests="n2-conv1-volume" points=4
from tema9 import contracts, measuring

volume = measuring.answer(conv_output_shape, contracts.integers(3))
shape = volume((3, 227, 227), 96, 11, stride=4)
assert shape[0] != 3 and shape[2] != 3, (
    "CONV1: los 3 canales no sobreviven; cada filtro los suma todos en un solo mapa"
)
assert shape != [55, 55, 96], (
    "CONV1: los números están bien, pero el orden es el de PyTorch, (C, H, W)"
)
assert shape == [96, 55, 55], (
    "CONV1: revisa cuántos mapas salen y el lado, con la pista de la diapositiva"
)
### BEGIN HIDDEN TESTS
import random

import torch

assert volume((3, 20, 30), 4, 5) == [4, 16, 26], "si no se dan paso ni relleno, el paso es 1 y no hay relleno"
draw = random.Random(2012)
for _ in range(8):
    channels, maps, kernel_size = draw.randint(1, 5), draw.randint(1, 9), draw.randint(1, 6)
    stride, padding = draw.randint(1, 4), draw.randint(0, 3)
    image = torch.zeros(1, channels, draw.randint(12, 20), draw.randint(21, 30), device="meta")
    weight = torch.zeros(maps, channels, kernel_size, kernel_size, device="meta")
    expected = [*torch.nn.functional.conv2d(image, weight, stride=stride, padding=padding).shape[1:]]
    found = volume(tuple(image.shape[1:]), maps, kernel_size, stride, padding)
    assert found[0] == expected[0], "el número de mapas no es el de filtros con otra convolución"
    assert found == expected, "alto o ancho no coinciden con torch en otra, no cuadrada y con relleno"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. CONV1: los parámetros
#
# > Output volume **[55x55x96]**
# >
# > Q: What is the total number of parameters in this layer?
#
# Un filtro de CONV1 mira una ventana de 11×11 píxeles **en los 3 canales**, y tiene un peso (*weight*) para cada uno de
# esos números. El mismo filtro se usa en las 55×55 posiciones: los pesos se comparten, y por eso el tamaño de la imagen
# no aparece.
#
# Predice antes de seguir: ¿cuántos pesos tienen los 96 filtros juntos?

# %% explore=true
row = table["CONV1"]
print(f"{spanish(row.weights)} pesos + {row.biases} sesgos = {spanish(row.parameters)} parámetros")

# %% [markdown]
# La diapositiva responde:
#
# > Parameters: (11\*11\*3)\*96 = **35K**
#
# **Cuidado con ese 35K.** Esconde dos números distintos. El producto que escribe la diapositiva vale 34 848 y cuenta
# solo los pesos. Cada filtro tiene además **un** sesgo (*bias*), que se suma a todo su mapa: son 96 más, 34 944
# parámetros. Redondeados, los dos dan «35K». Cuando des un número de parámetros, di siempre si incluye los sesgos.
#
# **Grupos.** AlexNet se entrenó repartida entre dos GPU, y en algunas capas cada filtro lee solo la mitad de los mapas
# de entrada: los de su GPU. Eso en PyTorch es `groups=2`: los canales de entrada y los filtros se parten en dos grupos,
# y cada filtro ve únicamente los canales de su grupo. Si los grupos no dividen exactamente los canales de entrada **y**
# los de salida, la capa no existe.
#
# ### Ejercicio `n2-conv-params` (10 puntos)
#
# Escribe la función que cuenta los parámetros de una convolución: 6 puntos sin grupos, 2 con grupos y 2 por lanzar
# `ValueError` cuando los grupos no dividen los canales.


# %% solution="n2-conv-params"
def conv_params(in_channels, out_channels, kernel_size, bias=True, groups=1):
    """Devuelve el número de parámetros de una convolución de núcleo cuadrado.

    Con bias=False cuenta solo los pesos. Lanza ValueError si groups no divide
    in_channels y out_channels.
    """
    ### BEGIN SOLUTION
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups} no divide {in_channels} canales de entrada y {out_channels} de salida")
    weights = out_channels * (in_channels // groups) * kernel_size**2
    return weights + out_channels if bias else weights
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-conv-params")

# %% tests="n2-conv-params" case="counts" points=6
from tema9 import contracts, measuring

parameters = measuring.answer(conv_params, contracts.integer)
assert parameters(3, 96, 11, bias=False) == 34848, (
    "CONV1 sin sesgos: ¿cuentas los 3 canales y los dos lados?"
)
assert parameters(3, 96, 11) == 34944, (
    "CONV1 con sesgos: hay un sesgo por filtro, y por defecto se cuentan"
)
### BEGIN HIDDEN TESTS
import random

import torch

draw = random.Random(96)
for _ in range(6):
    cin, cout, side, bias = draw.randint(1, 40), draw.randint(1, 40), draw.randint(1, 7), draw.random() < 0.5
    layer = torch.nn.Conv2d(cin, cout, side, bias=bias, device="meta")
    expected = sum(parameter.numel() for parameter in layer.parameters())
    name = "con" if bias else "sin"
    assert parameters(cin, cout, side, bias=bias) == expected, f"no coincide con torch en otra capa {name} sesgos"
### END HIDDEN TESTS

# %% tests="n2-conv-params" case="groups" points=2
from tema9 import contracts, measuring

parameters = measuring.answer(conv_params, contracts.integer)
assert parameters(2, 2, 1, bias=False, groups=2) == 2, (
    "2 filtros de 1x1 en 2 grupos: cada uno lee un solo canal"
)
### BEGIN HIDDEN TESTS
import random

import torch

draw = random.Random(48)
for _ in range(6):
    groups, side, bias = draw.randint(2, 4), draw.randint(1, 6), draw.random() < 0.5
    cin, cout = groups * draw.randint(2, 9), groups * draw.randint(2, 9)
    layer = torch.nn.Conv2d(cin, cout, side, bias=bias, groups=groups, device="meta")
    expected = sum(parameter.numel() for parameter in layer.parameters())
    assert parameters(cin, cout, side, bias=bias, groups=groups) == expected, "no coincide con torch en otra capa"
### END HIDDEN TESTS

# %% tests="n2-conv-params" case="errors" points=2
from tema9 import measuring

measuring.require_own(conv_params)
raised = measuring.raised_by(conv_params, 96, 256, 5, groups=5)
assert raised == "ValueError", "96 canales no se pueden repartir entre 5 grupos: lanza ValueError"
### BEGIN HIDDEN TESTS
raised = measuring.raised_by(conv_params, 7, 6, 3, groups=3)
assert raised == "ValueError", "comprueba que los grupos dividen los canales de entrada"
raised = measuring.raised_by(conv_params, 6, 7, 3, groups=3)
assert raised == "ValueError", "comprueba también que los grupos dividen los canales de salida"
assert measuring.raised_by(conv_params, 6, 9, 3, groups=3) is None, "con grupos que dividen los canales no hay error"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. POOL1
#
# > After CONV1: 55x55x96. **Second layer (POOL1):** 3x3 filters applied at stride 2
# >
# > Q: what is the output volume size? Hint: (55-3)/2+1 = 27
# >
# > Q: what is the number of parameters in this layer?
#
# La diapositiva dice «filters», pero un *max pooling* no es un filtro que aprende: recorre **cada mapa por separado** y
# se queda con el mayor valor de cada ventana. Como las ventanas son de 3 y el paso es 2, se solapan en un píxel: es un
# *pooling* solapado (*overlapping pooling*).
#
# Predice: ¿cuántos mapas salen si entran 96? ¿Y si al lado le sobra un píxel, por ejemplo 56?

# %% explore=true
fig, axes = plt.subplots(2, 1, figsize=(10, 5))
figures.windows(55, kernel_size=3, stride=2, ax=axes[0])
figures.windows(56, kernel_size=3, stride=2, ax=axes[1])
fig.tight_layout()
plt.show()

# %% [markdown]
# Con 55 las ventanas encajan; con 56 la división no es exacta y el píxel que sobra no lo mira nadie: se redondea
# **hacia abajo**.
#
# ### Ejercicio `n2-pool1` (3 puntos)
#
# Escribe la función que da el volumen de salida (2 puntos) y el número de parámetros (1 punto) de un *max pooling*
# cualquiera.


# %% solution="n2-pool1"
def max_pool_layer(in_shape, kernel_size, stride):
    """Devuelve ((C, H, W) de lo que sale, número de parámetros) de un max pooling sin relleno.

    in_shape: (C, H, W) de lo que entra. kernel_size y stride, en píxeles.
    """
    ### BEGIN SOLUTION
    channels, height, width = in_shape
    out_shape = (channels, (height - kernel_size) // stride + 1, (width - kernel_size) // stride + 1)
    return out_shape, 0
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-pool1")

# %% tests="n2-pool1" case="volume" points=2
from tema9 import contracts, measuring

layer = measuring.answer(
    max_pool_layer, contracts.together(contracts.integers(3), contracts.integer)
)
shape, _ = layer((96, 55, 55), 3, 2)
assert shape[0] == 96, (
    "POOL1: el pooling trata cada mapa por separado; salen tantos mapas como entran"
)
assert shape == [96, 27, 27], "POOL1: revisa el lado con la pista de la diapositiva"
### BEGIN HIDDEN TESTS
import random

import torch

draw = random.Random(27)
for _ in range(8):
    kernel_size, stride = draw.randint(2, 5), draw.randint(1, 4)
    given = (draw.randint(1, 9), draw.randint(10, 20), draw.randint(21, 30))
    image = torch.zeros(1, *given, device="meta")
    expected = [*torch.nn.functional.max_pool2d(image, kernel_size, stride).shape[1:]]
    found, _ = layer(given, kernel_size, stride)
    assert found == expected, "no coincide con torch en otro pooling: ¿redondeas abajo? ¿y si no es cuadrado?"
### END HIDDEN TESTS

# %% tests="n2-pool1" case="parameters" points=1
from tema9 import contracts, measuring

layer = measuring.answer(
    max_pool_layer, contracts.together(contracts.integers(3), contracts.integer)
)
_, parameters = layer((96, 55, 55), 3, 2)
assert parameters >= 0, "no puede haber un número negativo de parámetros"
### BEGIN HIDDEN TESTS
_, others = layer((7, 20, 30), 4, 3)
assert parameters == 0 and others == 0, "¿qué aprende un máximo? Cuenta los números que el entrenamiento puede cambiar"
### END HIDDEN TESTS

# %% [markdown]
# La diapositiva contesta «Parameters: 0!», con razón para el *max pooling*. No vale para todo lo que se llama
# *pooling*: las capas de submuestreo (*subsampling*) de LeNet-5 sí aprendían un coeficiente y un sesgo por mapa, como
# viste en el cuaderno 1.

# %% [markdown]
# ## 5. La tabla completa
#
# > After CONV1: 55x55x96
# >
# > After POOL1: 27x27x96
# >
# > ...
#
# Los puntos suspensivos los completas tú. Cada capa recibe lo que ha dejado la anterior, así que la tabla se calcula en
# un bucle que lleva consigo la forma actual. Estas son las reglas:
#
# | `kind` | qué hace con la forma |
# |---|---|
# | `"conv"` | `out_channels` mapas; el lado, con la fórmula del apartado 2 y **su** relleno (`padding`) |
# | `"pool"` | los mismos mapas; el lado, con la misma fórmula |
# | `"linear"` | aplana (*flatten*) lo que entra, si es un volumen, y da `out_features` números |
# | cualquier otra (`"norm"`, `"relu"`, `"dropout"`...) | nada: la forma no cambia |
#
# Antes de programarlo, haz en papel dos cuentas en las que es fácil tropezar: el lado de CONV2 (si olvidas su relleno
# no sale 27) y cuántos números entran en FC6.
#
# ### Ejercicio `n2-layer-table` (15 puntos)
#
# Escribe la función que hace la tabla de una red cualquiera: 9 puntos por los volúmenes y 6 por las capas totalmente
# conectadas (*fully connected*, FC). Las capas llegan como en la lista `SLIDE` de la primera celda de código; míralas.


# %% solution="n2-layer-table"
def trace_shapes(in_shape, layers):
    """Devuelve una lista con un diccionario por capa: {"name", "in_shape", "out_shape"}.

    in_shape: (C, H, W) de la imagen. layers: lista de diccionarios como SLIDE.
    Las formas son tuplas: (C, H, W) en los volúmenes; (números,) en lo que entra y sale de una
    capa "linear".
    """
    ### BEGIN SOLUTION
    rows = []
    shape = in_shape
    for layer in layers:
        if layer["kind"] == "linear":
            shape = (math.prod(shape),)  # aplanar
            out_shape = (layer["out_features"],)
        elif layer["kind"] in ("conv", "pool"):
            channels, *sides = shape
            out_channels = layer["out_channels"] if layer["kind"] == "conv" else channels
            room = 2 * layer["padding"] - layer["kernel_size"]
            out_shape = (out_channels, *((side + room) // layer["stride"] + 1 for side in sides))
        else:
            out_shape = shape
        rows.append({"name": layer["name"], "in_shape": shape, "out_shape": out_shape})
        shape = out_shape
    return rows
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-layer-table")

# %% tests="n2-layer-table" case="volumes" points=9
from tema9 import contracts, measuring

trace = measuring.answer(
    trace_shapes,
    contracts.sequence(
        contracts.record(
            name=contracts.text, in_shape=contracts.integers(), out_shape=contracts.integers()
        )
    ),
)
first_three = [
    {"name": "CONV1", "kind": "conv", "out_channels": 96,
     "kernel_size": 11, "stride": 4, "padding": 0, "groups": 1},
    {"name": "POOL1", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0},
    {"name": "NORM1", "kind": "norm", "size": 5},
]
rows = trace((3, 227, 227), first_three)
assert len(rows) == 3, "hay que devolver un diccionario por capa"
assert [row["name"] for row in rows] == ["CONV1", "POOL1", "NORM1"], (
    "cada fila lleva el nombre de su capa"
)
assert rows[0]["out_shape"] == [96, 55, 55], "CONV1: mira el apartado 2"
assert rows[1]["out_shape"] == [96, 27, 27], "POOL1: ¿le llega lo que sale de CONV1?"
assert rows[2]["out_shape"] == [96, 27, 27], "NORM1: una capa de normalización no cambia la forma"
### BEGIN HIDDEN TESTS
import random

import torch


def shapes_with_torch(in_shape, layers):
    shapes, x = [], torch.zeros(1, *in_shape, device="meta")
    for layer in layers:
        given = [*x.shape[1:]]
        if layer["kind"] == "conv":
            kernel = (layer["out_channels"], given[0] // layer["groups"], layer["kernel_size"], layer["kernel_size"])
            weight = torch.zeros(kernel, device="meta")
            x = torch.nn.functional.conv2d(x, weight, None, layer["stride"], layer["padding"], 1, layer["groups"])
        elif layer["kind"] == "pool":
            x = torch.nn.functional.max_pool2d(x, layer["kernel_size"], layer["stride"], layer["padding"])
        shapes.append((given, [*x.shape[1:]]))
    return shapes


rows = trace((3, 5, 6), [{"name": "RELU0", "kind": "relu"}])
assert rows == [{"name": "RELU0", "in_shape": [3, 5, 6], "out_shape": [3, 5, 6]}], (
    "una red puede empezar por una capa que no cambia la forma"
)
draw = random.Random(227)
for _ in range(5):
    image = (draw.choice([1, 3, 4]), draw.randint(60, 80), draw.randint(81, 99))
    layers = []
    for number in range(1, 4):
        groups = 1 if number == 1 else 2
        conv = {"out_channels": 2 * draw.randint(2, 20), "kernel_size": draw.randint(2, 5), "groups": groups}
        conv.update({"stride": draw.randint(1, 2), "padding": draw.randint(0, 2)})
        layers += [
            {"name": f"CONV{number}", "kind": "conv", **conv},
            {"name": f"RELU{number}", "kind": "relu"},
            {"name": f"POOL{number}", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": draw.randint(0, 1)},
            {"name": f"NORM{number}", "kind": "norm", "size": 5},
        ]
    rows = trace(image, layers)
    names = [layer["name"] for layer in layers]
    assert [row["name"] for row in rows] == names, "en otra red faltan filas o no van en orden"
    for layer, row, (given, left) in zip(layers, rows, shapes_with_torch(image, layers), strict=True):
        kind = layer["kind"]
        assert row["in_shape"] == given, f"en otra red, no entra en una capa {kind} lo que sale de la anterior"
        assert row["out_shape"] == left, f"en otra red, no sale la forma correcta de una capa {kind}"
### END HIDDEN TESTS

# %% tests="n2-layer-table" case="fully-connected" points=6
from tema9 import contracts, measuring

trace = measuring.answer(
    trace_shapes,
    contracts.sequence(
        contracts.record(
            name=contracts.text, in_shape=contracts.integers(), out_shape=contracts.integers()
        )
    ),
)
rows = trace((2, 4, 3), [{"name": "FC", "kind": "linear", "out_features": 10}])
assert rows[0]["in_shape"] == [24], (
    "a una capa FC le llega el volumen aplanado: todos sus números en fila"
)
assert rows[0]["out_shape"] == [10], "de una capa FC salen out_features números"
### BEGIN HIDDEN TESTS
layers = [
    {"name": "C1", "kind": "conv", "out_channels": 6, "kernel_size": 5, "stride": 1, "padding": 0, "groups": 1},
    {"name": "S2", "kind": "pool", "kernel_size": 2, "stride": 2, "padding": 0},
    {"name": "F3", "kind": "linear", "out_features": 120},
    {"name": "RELU3", "kind": "relu"},
    {"name": "DROP3", "kind": "dropout"},
    {"name": "F4", "kind": "linear", "out_features": 84},
    {"name": "OUTPUT", "kind": "linear", "out_features": 10},
]
rows = trace((1, 32, 24), layers)
assert len(rows) == 7, "en otra red faltan filas o sobran"
pairs = [(row["in_shape"], row["out_shape"]) for row in rows[2:]]
assert pairs[0][0] == [6 * 14 * 10], "en otra red, no llegan a la primera FC todos los números del último volumen"
outputs = [left for _, left in pairs]
assert outputs == [[120], [120], [120], [84], [10]], "en otra red no sale de las FC lo correcto"
assert [given for given, _ in pairs[1:]] == outputs[:-1], "en otra red no entra en las FC lo correcto"
### END HIDDEN TESTS

# %% [markdown]
# Esta es la tabla entera de la diapositiva, con las cuentas que harás en los apartados siguientes. Compárala con lo que
# da tu función: `trace_shapes((3, 227, 227), SLIDE)`.

# %% explore=true
table

# %% [markdown]
# **Una trampa de la diapositiva: POOL antes que NORM.** El artículo de 2012 (apartado 3.5) normaliza primero y hace
# *pooling* después; su código, también. El orden de la diapositiva es el de CaffeNet, la versión de la biblioteca
# Caffe. Con las formas se ve una ventaja: NORM1 trabaja sobre 27×27×96 = 69 984 valores en vez de 55×55×96 = 290 400,
# que son 4,15 veces más. ¿Y se pierde precisión? El autor comparó los dos órdenes en la primera capa de una red
# anterior: según sus notas, el error top-5 de validación fue de 18,57 % normalizando primero (prueba 131) y de 18,71 %
# con el *pooling* primero (prueba 120). ¿Es mucho o es ruido? Lo mediremos en el cuaderno 5.

# %% [markdown]
# **Juega.** Cambia un hiperparámetro y mira qué se recalcula; un lado que no es entero se pone en rojo, y lo dice.
# **Predice** antes: con relleno 0 en CONV2, ¿qué capas cambian de lado, y cambia algún número de parámetros? ¿Y con 224
# en la entrada? ¿Con qué ventana de CONV5 deja de caber la red?

# %% explore=true
from tema9 import widgets

widgets.layer_editor("alexnet_slide")

# %% [markdown]
# ## 6. El total de parámetros
#
# Ya sabes contar una convolución. En una capa FC cada neurona tiene un peso por **cada** número que entra, y un sesgo.
# Las de *pooling*, normalización y ReLU no tienen nada que aprender.
#
# Predice: de los parámetros de toda la red, ¿qué parte está en las cinco convoluciones? ¿La mitad, una décima parte...?
#
# ### Ejercicio `n2-total-parameters` (8 puntos)
#
# Escribe la función que cuenta por separado los pesos (4 puntos) y los sesgos, con el total (4 puntos). Esta vez las
# formas vienen dadas en cada fila, como en la lista `ROWS` de la primera celda de código: no necesitas el ejercicio
# anterior.

# %% explore=true
for row in ROWS:
    print(f"{row['name']:6} {row['kind']:7} {row['in_shape']!s:>14} -> {row['out_shape']}")
ROWS[3]


# %% solution="n2-total-parameters"
def count_parameters(rows):
    """Devuelve (pesos, sesgos, total) de una red, sumando todas sus capas.

    rows: lista de diccionarios como ROWS.
    """
    ### BEGIN SOLUTION
    weights = biases = 0
    for row in rows:
        if row["kind"] == "conv":
            weights += row["out_shape"][0] * (row["in_shape"][0] // row["groups"]) * row["kernel_size"] ** 2
            biases += row["out_shape"][0]
        elif row["kind"] == "linear":
            weights += row["in_shape"][0] * row["out_shape"][0]
            biases += row["out_shape"][0]
    return weights, biases, weights + biases
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-total-parameters")

# %% tests="n2-total-parameters" case="weights" points=4
from tema9 import contracts, measuring

count = measuring.answer(count_parameters, contracts.integers(3))
conv3 = {"name": "CONV3", "kind": "conv", "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1}
conv3.update({"out_channels": 384, "in_shape": (256, 13, 13), "out_shape": (384, 13, 13)})
weights, _, _ = count([conv3])
assert weights == 884736, (
    "CONV3: los pesos no dependen del lado del mapa, sino del núcleo, los canales y los filtros"
)
### BEGIN HIDDEN TESTS
import random

import torch

pool = {"name": "POOL", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0}
pool.update({"in_shape": (384, 13, 13), "out_shape": (384, 6, 6)})
norm = {"name": "NORM", "kind": "norm", "size": 5, "in_shape": (384, 6, 6), "out_shape": (384, 6, 6)}
assert count([pool, norm]) == [0, 0, 0], "una capa de pooling o de normalización no tiene parámetros"
draw = random.Random(60)
for _ in range(4):
    groups = draw.randint(1, 3)
    cin, cout, side = groups * draw.randint(1, 9), groups * draw.randint(1, 9), draw.randint(1, 5)
    conv = {"name": "C", "kind": "conv", "out_channels": cout, "kernel_size": side, "stride": 1, "padding": 0}
    conv.update({"groups": groups, "in_shape": (cin, 20, 30), "out_shape": (cout, 21 - side, 31 - side)})
    inputs, outputs = draw.randint(10, 90), draw.randint(10, 90)
    fc = {"name": "F", "kind": "linear", "out_features": outputs, "in_shape": (inputs,), "out_shape": (outputs,)}
    module = torch.nn.Conv2d(cin, cout, side, groups=groups, device="meta")
    assert count([conv])[0] == module.weight.numel(), "los pesos de otra convolución no coinciden con torch"
    assert count([fc])[0] == inputs * outputs, "los pesos de otra FC no coinciden: uno por cada par"
    together = 2 * module.weight.numel() + 2 * inputs * outputs
    assert count([conv, pool, fc, conv, fc])[0] == together, "al sumar capas falta o sobra algo"
### END HIDDEN TESTS

# %% tests="n2-total-parameters" case="biases" points=4
from tema9 import contracts, measuring

count = measuring.answer(count_parameters, contracts.integers(3))
conv3 = {"name": "CONV3", "kind": "conv", "kernel_size": 3, "stride": 1, "padding": 1, "groups": 1}
conv3.update({"out_channels": 384, "in_shape": (256, 13, 13), "out_shape": (384, 13, 13)})
weights, biases, total = count([conv3])
assert biases == 384, "CONV3: hay un sesgo por filtro, el mismo en todo su mapa"
assert total == weights + biases, "el total es la suma de pesos y sesgos"
### BEGIN HIDDEN TESTS
pool = {"name": "POOL", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0}
pool.update({"in_shape": (384, 13, 13), "out_shape": (384, 6, 6)})
norm = {"name": "NORM", "kind": "norm", "size": 5, "in_shape": (384, 6, 6), "out_shape": (384, 6, 6)}
fc = {"name": "F", "kind": "linear", "out_features": 77, "in_shape": (50,), "out_shape": (77,)}
grouped = {**conv3, "groups": 4, "out_channels": 12, "in_shape": (8, 20, 30), "out_shape": (12, 20, 30)}
assert count([pool, norm])[1] == 0, "una capa de pooling o de normalización no tiene sesgos"
assert count([fc])[1] == 77, "una capa FC tiene un sesgo por neurona"
assert count([grouped])[1] == 12, "con grupos sigue habiendo un sesgo por filtro"
weights, biases, total = count([conv3, pool, norm, fc, grouped, fc])
assert biases == 384 + 77 + 12 + 77 and total == weights + biases, "al sumar varias capas falta o sobra algún sesgo"
### END HIDDEN TESTS

# %% [markdown]
# Mira ahora cómo se reparten los parámetros, y compáralo con lo que da `count_parameters(ROWS)`:

# %% explore=true
ax = figures.per_layer(table, "parameters")
plt.show()
in_fc = sum(row.parameters for row in table if row.kind == "Linear")
total = table.total("parameters")
print(f"{spanish(table.total('weights'))} pesos y {spanish(table.total('biases'))} sesgos")
print(f"total: {spanish(total)} parámetros")
print(f"en las tres FC: {spanish(100 * in_fc / total, 2)} %")
print(f"solo en FC6: {spanish(100 * table['FC6'].parameters / total, 2)} %")

# %% [markdown]
# El 94 % está en las tres capas FC, y FC6 sola tiene el 60,5 %: es la que conecta **todos** los números de POOL3,
# 9 216, con 4 096 neuronas, sin compartir nada. Muchas redes posteriores prescinden de ella.

# %% [markdown]
# ## 7. El coste: multiplicaciones-suma
#
# Contar parámetros no dice cuánto se calcula. Una multiplicación-suma (*multiply-add* o *multiply-accumulate*, MAC) es
# un producto que se suma a lo acumulado; **una** multiplicación-suma son **dos** operaciones en coma flotante (FLOP).
# Seguimos el convenio habitual: se cuentan solo las de las convoluciones y las FC; el sesgo, el *pooling*, la
# normalización y la ReLU no se cuentan.
#
# Para obtener **un** valor de un mapa de CONV1, el filtro hace $11 \times 11 \times 3 = 363$ multiplicaciones-suma.
# ¿Cuántos valores salen de la capa? Predice después qué capa será la más cara de toda la red. ¿FC6, que tiene más
# parámetros que nadie?
#
# ### Ejercicio `n2-multiply-adds` (10 puntos)
#
# Escribe la función que devuelve las multiplicaciones-suma de cada capa para una imagen: 6 puntos por las
# convoluciones y 4 por las demás.


# %% solution="n2-multiply-adds"
def multiply_adds(rows):
    """Devuelve una lista con las multiplicaciones-suma de cada capa, para una imagen.

    rows: lista de diccionarios como ROWS. Las capas sin pesos dan 0.
    """
    ### BEGIN SOLUTION
    counts = []
    for row in rows:
        if row["kind"] == "conv":
            per_value = row["in_shape"][0] // row["groups"] * row["kernel_size"] ** 2
            counts.append(per_value * math.prod(row["out_shape"]))
        elif row["kind"] == "linear":
            counts.append(row["in_shape"][0] * row["out_shape"][0])
        else:
            counts.append(0)
    return counts
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-multiply-adds")

# %% tests="n2-multiply-adds" case="convolutions" points=6
from tema9 import contracts, measuring

counts = measuring.answer(multiply_adds, contracts.integers())
conv1 = {"name": "CONV1", "kind": "conv", "kernel_size": 11, "stride": 4, "padding": 0, "groups": 1}
conv1.update({"out_channels": 96, "in_shape": (3, 227, 227), "out_shape": (96, 55, 55)})
found = counts([conv1])
assert len(found) == 1, "hay que devolver un número por capa"
assert found != [2 * 105415200], "CONV1: eso son FLOP; una multiplicación-suma cuenta una sola vez"
assert found != [34848], (
    "CONV1: esos son los pesos; cada uno se usa en todas las posiciones de la salida"
)
assert found == [105415200], "CONV1: las de un valor de salida, por el número de valores que salen"
### BEGIN HIDDEN TESTS
import random

draw = random.Random(1135)
for _ in range(5):
    groups, side, stride = draw.randint(1, 3), draw.randint(1, 5), draw.randint(1, 3)
    cin, cout = groups * draw.randint(2, 5), groups * draw.randint(2, 5)
    height, width = draw.randint(10, 15), draw.randint(16, 21)
    rows_out, columns_out = len(range(0, height - side + 1, stride)), len(range(0, width - side + 1, stride))
    conv = {"name": "C", "kind": "conv", "out_channels": cout, "kernel_size": side, "stride": stride, "padding": 0}
    conv.update({"groups": groups, "in_shape": (cin, height, width), "out_shape": (cout, rows_out, columns_out)})
    products = 0
    for _ in range(rows_out * columns_out * cout):
        products += side * side * (cin // groups)
    assert counts([conv]) == [products], "no coincide en otra convolución, con mapas no cuadrados, otro paso y a veces grupos"
### END HIDDEN TESTS

# %% tests="n2-multiply-adds" case="other-layers" points=4
from tema9 import contracts, measuring

counts = measuring.answer(multiply_adds, contracts.integers())
fc8 = {"name": "FC8", "kind": "linear", "out_features": 1000}
fc8.update({"in_shape": (4096,), "out_shape": (1000,)})
assert counts([fc8]) == [4096000], "FC8: cada neurona hace un producto por cada número que entra"
### BEGIN HIDDEN TESTS
pool = {"name": "POOL", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0}
pool.update({"in_shape": (6, 21, 13), "out_shape": (6, 10, 6)})
norm = {"name": "NORM", "kind": "norm", "size": 5, "in_shape": (6, 10, 6), "out_shape": (6, 10, 6)}
small = {"name": "F", "kind": "linear", "out_features": 7, "in_shape": (360,), "out_shape": (7,)}
found = counts([pool, norm, small, fc8])
assert len(found) == 4, "la lista tiene un número por capa, también por las que no cuentan"
assert found[:2] == [0, 0], "según el convenio, pooling y normalización no cuentan"
assert found[2:] == [360 * 7, 4096000], "las capas FC de otra red no coinciden"
### END HIDDEN TESTS

# %% [markdown]
# Compara quién tiene los parámetros y quién hace el trabajo:

# %% explore=true
fig, axes = plt.subplots(2, 1, figsize=(9, 7))
figures.per_layer(table, "parameters", ax=axes[0])
figures.per_layer(table, "multiply_adds", ax=axes[1])
fig.tight_layout()
plt.show()
in_conv = sum(row.multiply_adds for row in table if row.kind == "Conv")
total = table.total("multiply_adds")
print(f"total: {spanish(total)} multiplicaciones-suma por imagen")
print(f"en las convoluciones: {spanish(100 * in_conv / total, 2)} %")
print(f"solo en CONV2: {spanish(100 * table['CONV2'].multiply_adds / total, 2)} %")

# %% [markdown]
# Las convoluciones hacen el 95 % del trabajo con el 6 % de los parámetros, porque cada peso se usa en todas las
# posiciones. La más cara es CONV2: 614 400 pesos usados 27×27 = 729 veces cada uno. FC6 tiene 61 veces más pesos que
# CONV2, pero usa cada uno **una** vez por imagen.

# %% [markdown]
# ## 8. La memoria para entrenar
#
# Entrenar pide guardar, en números de 4 bytes (float32):
#
# - los **parámetros**, su **gradiente** (uno por parámetro) y la **velocidad** del momento (*momentum*: otro número por
#   parámetro, del que hablaremos en el cuaderno 4);
# - para **cada** imagen del minilote (*minibatch*), la imagen de entrada y las **activaciones** que salen de cada capa,
#   porque la retropropagación las necesita.
#
# Lo primero no depende del tamaño del minilote; lo segundo crece con él. Es una cuenta mínima: no incluye los
# gradientes de las activaciones ni la memoria de trabajo de las bibliotecas, y la ReLU no suma, porque puede escribir
# encima de lo que recibe.
#
# La unidad será el mebibyte: 1 MiB = $2^{20}$ = 1 048 576 bytes. No es lo mismo que 1 MB, que son $10^6$ bytes: con MB
# salen números un 4,9 % mayores.
#
# Predice: con minilotes de 128 imágenes, como en 2012, ¿qué ocupa más, lo fijo o lo que crece?
#
# ### Ejercicio `n2-memory` (10 puntos)
#
# Escribe la función que da las dos partes de la memoria, la fija y la que crece, en MiB: 5 puntos por cada una.


# %% solution="n2-memory"
def training_memory(n_parameters, in_shape, out_shapes, batch_size=1):
    """Devuelve (lo que no depende del minilote, lo que crece con él), en MiB, con float32.

    n_parameters: parámetros de la red, con sesgos. in_shape: forma de una imagen.
    out_shapes: lista con la forma de lo que sale de cada capa. batch_size: imágenes del minilote.
    """
    ### BEGIN SOLUTION
    fixed = 3 * n_parameters  # parámetros, gradientes y velocidad
    per_image = math.prod(in_shape) + sum(math.prod(shape) for shape in out_shapes)
    return 4 * fixed / 2**20, 4 * batch_size * per_image / 2**20
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-memory")

# %% tests="n2-memory" case="fixed" points=5
from tema9 import contracts, measuring

memory = measuring.answer(training_memory, contracts.numbers(2))
fixed, _ = memory(2**20, (3, 8, 8), [(4, 8, 8), (10,)])
assert contracts.close(fixed, 12, tolerance=1e-6), (
    "un mebi de parámetros: 4 bytes por número, tres números por parámetro, y en MiB"
)
### BEGIN HIDDEN TESTS
again, _ = memory(2**20, (3, 8, 8), [(4, 8, 8), (10,)], batch_size=64)
assert contracts.close(again, 12, tolerance=1e-6), "los parámetros se guardan una sola vez, sea como sea el minilote"
for n_parameters in (61706, 1234567, 62378344):
    fixed, _ = memory(n_parameters, (1, 4, 4), [(2,)], batch_size=3)
    expected = n_parameters * 12 / 1048576
    assert contracts.close(fixed, expected, tolerance=1e-6), "con otro número de parámetros no coincide"
### END HIDDEN TESTS

# %% tests="n2-memory" case="growing" points=5
from tema9 import contracts, measuring

memory = measuring.answer(training_memory, contracts.numbers(2))
_, growing = memory(1000, (3, 227, 227), [(96, 55, 55)])
assert contracts.close(growing, 1.6974907, tolerance=1e-6), (
    "una imagen y CONV1: 4 bytes por cada número que entra y que sale, en MiB"
)
### BEGIN HIDDEN TESTS
import random

draw = random.Random(128)
for _ in range(4):
    image = (draw.randint(1, 4), draw.randint(20, 40), draw.randint(41, 60))
    volumes = [(draw.randint(5, 90), draw.randint(5, 20), draw.randint(21, 30)) for _ in range(draw.randint(2, 5))]
    features = [(draw.randint(10, 5000),) for _ in range(2)]
    batch = draw.randint(2, 200)
    values = image[0] * image[1] * image[2] + sum(c * h * w for c, h, w in volumes) + sum(n for (n,) in features)
    _, growing = memory(draw.randint(1, 10**6), image, volumes + features, batch)
    expected = batch * values * 4 / 1048576
    assert contracts.close(growing, expected, tolerance=1e-6), "en otra red, con otro minilote, no coincide"
### END HIDDEN TESTS

# %% explore=true
for batch_size in (1, 128):
    memory = table.memory(batch_size)
    fixed = (memory.parameters + memory.gradients + memory.momentum) / MIB
    growing = (memory.input + memory.activations) / MIB
    print(
        f"minilote de {batch_size}: {spanish(fixed, 1)} MiB fijos"
        f" y {spanish(growing, 1)} MiB que crecen"
    )

quantities = {
    "parameters": "Parámetros",
    "multiply_adds": "Multiplicaciones-suma",
    "activation_bytes": "Activaciones",
}
fig, axes = plt.subplots(3, 1, figsize=(9, 10))
for ax, (quantity, title) in zip(axes, quantities.items(), strict=True):
    figures.per_layer(table, quantity, ax=ax)
    ax.set_title(title, loc="left")
    ax.get_legend().set_visible(ax is axes[0])
fig.tight_layout()
plt.show()

# %% [markdown]
# Con 128 imágenes ocupan más los 713,9 MiB fijos que los 512,5 MiB que crecen (75,5 de las imágenes y 437,0 de las
# activaciones). Lo que crece gana desde los minilotes de 179 imágenes.
#
# Cada una de las tres figuras señala una capa distinta: los **parámetros** están en FC6, el **cálculo**, en CONV2, y
# las **activaciones**, en CONV1. Por eso los remedios también son distintos: para una red que ocupe menos en disco se
# adelgazan las FC, para que corra más se adelgazan las convoluciones, y para que quepa un minilote mayor se mira a las
# primeras capas.
#
# Aquí también se nota el orden POOL, NORM: con el del artículo (NORM primero) las activaciones de un minilote de 128,
# sin contar las imágenes, pasarían de 437,0 a 614,6 MiB.

# %% [markdown]
# ### Acertijo (no puntúa): los 253 440 de la figura 2
#
# El pie de la figura 2 del artículo dice cuántas neuronas hay en cada capa con parámetros:
#
# 253 440 – 186 624 – 64 896 – 64 896 – 43 264 – 4 096 – 4 096 – 1 000
#
# Siete de esos ocho números son los de tu tabla. El primero no: CONV1 da 55×55×96. Predice de dónde sale el 253 440:
# ¿qué tres números ha multiplicado quien escribió el pie? Escribe tu hipótesis en la primera línea y ejecuta.

# %% explore=true
guess = (55, 55, 96)  # cambia uno de los tres
product = math.prod(guess)
verdict = "¡eso es!" if product == 253440 else f"no son {spanish(253440)}"
print(f"{guess[0]} × {guess[1]} × {guess[2]} = {spanish(product)}: {verdict}")

# %% [markdown]
# Cuando lo tengas, o si te rindes, ejecuta la celda siguiente: busca en la tabla qué descuido de un solo factor da ese
# número.

# %% explore=true
channels, height, width = table["CONV1"].out_shape
for name, value in (("la altura", height), ("la anchura", width), ("los mapas", channels)):
    rest = height * width * channels // value
    print(f"cambiando {name}, {value}, por {spanish(253440 / rest, 2)}")
neurons = {row.name: row.activations for row in table if row.kind in ("Conv", "Linear")}
print("suma con la tabla:", spanish(sum(neurons.values())))
print("suma con el pie:  ", spanish(sum(neurons.values()) - neurons["CONV1"] + 253440))

# %% [markdown]
# Solo cambiando **un lado** sale un número entero: alguien multiplicó 55×48×96. Y 48 es el número de mapas de CONV1 en
# cada GPU: parece que se coló como si fuera un lado. Con el número correcto, 290 400, la red tiene 659 272 neuronas;
# con el del pie tendría 622 312. El texto del artículo dice 650 000: cuadra mejor con el correcto. Hasta los artículos
# más citados tienen erratas; una tabla que se calcula sola permite encontrarlas.

# %% [markdown]
# ## 9. ¿224 o 227?
#
# El artículo (figura 2 y texto) dice que la imagen es de 224×224. La diapositiva, y antes Caffe, dicen 227×227. Haz la
# cuenta con 224:
#
# $$\frac{224 - 11}{4} + 1 = 54{,}25$$
#
# El resultado no es entero. Redondeando hacia abajo, como hace PyTorch, salen 54, y la cadena ya no es 55, 27, 13, 6,
# sino 54, 26, 12, 5: a FC6 llegarían 6 400 números y no 9 216. Por eso los apuntes de CS231n, de donde viene la
# diapositiva, dan el 224 por incorrecto.
#
# **Predice**: con 224 y sin relleno, ¿qué píxeles de la imagen no lee ninguna ventana? Elige la ruta del artículo y mira
# los dos extremos de la fila; después, las demás, que verás en el código de otros.

# %% explore=true
widgets.input_224()

# %% [markdown]
# No era una errata. El código de 2012 se publicó en 2025 (repositorio `computerhistory/AlexNet-Source-Code`), y su
# archivo `layer.py`, línea 1004, redondea **hacia arriba**:
#
# $$n' = \left\lceil \frac{n + 2p - k}{s} \right\rceil + 1$$
#
# Con 224 salen 55. La última ventana empieza en el píxel 216 y termina en el 226, pero la imagen acaba en el 223: le
# faltan 3 píxeles, que cuentan como ceros. Es decir, la red de 2012 leía 224 píxeles **más 3 ceros a la derecha y
# abajo**: 227. Las dos cifras describen las mismas ventanas; los apuntes de CS231n ya sospechaban de esos 3 ceros.
# Redondear hacia arriba solo cambia algo cuando la división no es exacta. Vuelve al control de arriba: compara la ruta
# del código de 2012 con la de los ceros. ¿En qué se diferencian sus ventanas?

# %% [markdown]
# ### Ejercicio `n2-input-224` (10 puntos)
#
# Escribe dos funciones:
#
# - `conv_output_size`, con los dos redondeos: `"floor"`, hacia abajo (1 punto), y `"ceil"`, hacia arriba (3 puntos);
# - `pad_like_2012`, que añade a imágenes de 224 los ceros justos para que una convolución de 11×11 con paso 4 **sin**
#   relleno dé 55×55, con las mismas ventanas que en 2012: las que empiezan en los píxeles 0, 4, 8, ..., 216 (6 puntos).
#   Ojo: con 3 ceros en **cada** borde también salen 55, pero las ventanas son otras. Te sirve `F.pad`; mira en su ayuda
#   (`F.pad?`) en qué orden van los bordes.


# %% solution="n2-input-224"
def conv_output_size(size, kernel_size, stride=1, padding=0, rounding="floor"):
    """Devuelve el lado de la salida de una convolución, en píxeles (un entero).

    rounding: "floor" redondea la división hacia abajo; "ceil", hacia arriba, como en 2012.
    A diferencia del cuaderno 1, no hace falta comprobar que la ventana cabe.
    """
    ### BEGIN SOLUTION
    room = size + 2 * padding - kernel_size
    jumps = math.ceil(room / stride) if rounding == "ceil" else room // stride
    return jumps + 1
    ### END SOLUTION


def pad_like_2012(images):
    """Devuelve las imágenes con los ceros que les faltan, y ninguno más.

    images: tensor (N, C, 224, 224).
    """
    ### BEGIN SOLUTION
    return F.pad(images, (0, 3, 0, 3))
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-input-224")

# %% tests="n2-input-224" case="floor" points=1
from tema9 import contracts, measuring

side_of = measuring.answer(conv_output_size, contracts.integer)
assert side_of(227, 11, stride=4) == 55, (
    "con 227 la división es exacta, y por defecto se redondea hacia abajo"
)
assert side_of(224, 11, stride=4) == 54, "con 224, hacia abajo: la ventana que no cabe no existe"
### BEGIN HIDDEN TESTS
import random

import torch

draw = random.Random(54)
for _ in range(8):
    size, side, stride, padding = draw.randint(12, 40), draw.randint(1, 9), draw.randint(1, 4), draw.randint(0, 3)
    line = torch.zeros(1, 1, size, device="meta")
    expected = torch.nn.functional.conv1d(line, torch.zeros(1, 1, side, device="meta"), None, stride, padding).shape[-1]
    found = side_of(size, side, stride, padding, rounding="floor")
    assert found == expected, "hacia abajo no coincide con torch: ¿cuentas el relleno en los dos bordes?"
### END HIDDEN TESTS

# %% tests="n2-input-224" case="ceil" points=3
from tema9 import contracts, measuring

side_of = measuring.answer(conv_output_size, contracts.integer)
assert side_of(224, 11, stride=4, rounding="ceil") == 55, (
    "con 224, hacia arriba: la última ventana sobresale"
)
### BEGIN HIDDEN TESTS
import random

assert side_of(227, 11, 4, rounding="ceil") == 55, "si la división es exacta, no hay nada que redondear"
draw = random.Random(55)
for _ in range(8):
    side = draw.randint(4, 9)
    size, stride, padding = draw.randint(12, 40), draw.randint(1, 4), draw.randint(0, 2)
    windows, end = 1, side
    while end < size + 2 * padding:
        windows, end = windows + 1, end + stride
    found = side_of(size, side, stride, padding, rounding="ceil")
    assert found == windows, "hacia arriba hay que añadir ventanas hasta que no quede ningún píxel fuera"
### END HIDDEN TESTS

# %% tests="n2-input-224" case="windows" points=6
import torch

from tema9 import contracts, measuring

padded_2012 = measuring.answer(pad_like_2012, contracts.array)
ramp = 1 + torch.arange(224.0).view(1, 1, 1, 224) + 1000 * torch.arange(224.0).view(1, 1, 224, 1)
padded = padded_2012(ramp)
assert padded.ndim == 4 and padded.shape[:2] == (1, 1), (
    "entra un tensor (1, 1, 224, 224) y sale otro de cuatro ejes"
)
assert min(padded.shape[2:]) >= 224, "al añadir ceros, la imagen no puede hacerse más pequeña"
window = torch.ones(1, 1, 11, 11).double()
shape = tuple(torch.nn.functional.conv2d(torch.tensor(padded), window, stride=4).shape)
assert shape == (1, 1, 55, 55), "con tus imágenes, una convolución de 11x11 con paso 4 no da 55x55"
### BEGIN HIDDEN TESTS
corner = torch.zeros(1, 1, 11, 11).double()
corner[..., 0, 0] = 1
starts = torch.nn.functional.conv2d(torch.tensor(padded), corner, stride=4)
assert starts[0, 0, 0, 0] == 1, "la primera ventana no empieza en el primer píxel: sobran ceros a la izquierda o arriba"
assert contracts.close(starts, ramp[..., ::4, ::4][..., :55, :55]), "alguna ventana no empieza donde empezaba en 2012"
assert padded.shape == (1, 1, 227, 227), "sobran ceros: se piden los justos para que quepa la última ventana"
image = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(224))
canvas = torch.zeros(2, 3, 227, 227)
canvas[..., :224, :224] = image
found = padded_2012(image)
assert found.shape == (2, 3, 227, 227), "con dos imágenes en color no sale un tensor (2, 3, 227, 227)"
assert contracts.close(found, canvas, tolerance=1e-6), "las ventanas del borde no leen ceros fuera de la imagen"
### END HIDDEN TESTS

# %% [markdown]
# Hay, pues, tres maneras de llegar a 55 que verás en el código de otros: 227 sin relleno (Caffe, la diapositiva), 224
# con 2 ceros en cada borde (torchvision) y 224 con 3 ceros solo a la derecha y abajo (2012). En adelante seguimos con
# 227, como la diapositiva.
#
# Otras implementaciones redondean hacia abajo y se quedan en 54. Funcionan, pero son otra red: a FC6 le llegan 6 400
# números y el total cambia. Compruébalo:

# %% explore=true
for side in (224, 227):
    other = tema9.layer_table("alexnet_slide", input_size=side)
    print(
        f"{side} px: a FC6 llegan {spanish(other['POOL3'].activations)} números; "
        f"la red tiene {spanish(other.total('parameters'))} parámetros"
    )

# %% [markdown]
# ## 10. La red en PyTorch
#
# Ya tienes todas las formas. Escribe la red de la diapositiva, **en su orden** (POOL antes que NORM, sin grupos), con
# lo que la lista calla:
#
# - ReLU detrás de CONV1 a CONV5, de FC6 y de FC7; no detrás de FC8;
# - *dropout* de 0,5 a la salida de FC6 y de FC7, y en ningún otro sitio;
# - la última capa da puntuaciones (*class scores*, *logits*), no probabilidades: el *softmax* va con la función de
#   pérdida.
#
# NORM1 y NORM2 son la fórmula impresa en el artículo, con n = 5, α = 10⁻⁴, β = 0,75 y k = 2:
#
# $$b_i = \frac{a_i}{\left( k + \alpha \sum_j a_j^2 \right)^{\beta}}$$
#
# donde la suma recorre los n mapas centrados en el i (en los extremos, los que haya), en el mismo píxel. **Ojo:**
# `nn.LocalResponseNorm` divide α entre `size`, y su k por defecto es 1. Para obtener la fórmula impresa hay que darle
# `size=5, alpha=5e-4, beta=0.75, k=2`. (El código de 2012 también divide, así que en la práctica usó `alpha=1e-4, k=2`;
# y en la primera capa ponía la ReLU al final, tras el *pooling*. Aquí pedimos lo que dice el artículo; la historia
# completa, en el cuaderno 3.)
#
# Puedes usar `nn.Sequential` o tu propia clase. Mientras pruebas, usa el dispositivo `meta`: hace todas las cuentas de
# formas sin reservar memoria ni calcular nada.
#
# ```python
# with torch.device("meta"):
#     print(alexnet_slide()(torch.zeros(1, 3, 227, 227)).shape)
# ```
#
# ### Ejercicio `n2-alexnet-module` (17 puntos)
#
# Escribe la función que construye la red de la diapositiva como módulo de PyTorch: 5 puntos por los parámetros, 8 por
# lo que llega a cada capa y 4 por el clasificador (ReLU y *dropout* entre las FC, y la salida).


# %% solution="n2-alexnet-module"
def alexnet_slide(num_classes=1000):
    """Devuelve AlexNet como la lista la diapositiva.

    Es un nn.Module de (N, 3, 227, 227) a (N, num_classes).
    """

    ### BEGIN SOLUTION
    def norm():
        return nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)

    conv1 = [nn.Conv2d(3, 96, kernel_size=11, stride=4), nn.ReLU()]  # 227 -> 55
    pool1 = [nn.MaxPool2d(kernel_size=3, stride=2), norm()]  # 55 -> 27
    conv2 = [nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU()]  # 27 -> 27
    pool2 = [nn.MaxPool2d(kernel_size=3, stride=2), norm()]  # 27 -> 13
    conv3 = [nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU()]  # 13 -> 13
    conv4 = [nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU()]  # 13 -> 13
    conv5 = [nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU()]  # 13 -> 13
    pool3 = [nn.MaxPool2d(kernel_size=3, stride=2), nn.Flatten()]  # 13 -> 6
    fc6 = [nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5)]
    fc7 = [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)]
    fc8 = nn.Linear(4096, num_classes)
    return nn.Sequential(*conv1, *pool1, *conv2, *pool2, *conv3, *conv4, *conv5, *pool3, *fc6, *fc7, fc8)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-alexnet-module")

# %% tests="n2-alexnet-module" case="parameters" points=5
import math

from tema9 import measuring

measuring.require_own(alexnet_slide)
sizes = [math.prod(shape) for shape in measuring.parameter_shapes(alexnet_slide)]
assert len(sizes) == 16, "debe haber 8 capas con parámetros, cada una con sus pesos y sus sesgos"
assert sizes[:2] == [34848, 96], "CONV1: los pesos o los sesgos no son los del apartado 3"
### BEGIN HIDDEN TESTS
expected = [96 * 3 * 121, 96, 256 * 96 * 25, 256, 384 * 256 * 9, 384, 384 * 384 * 9, 384, 256 * 384 * 9, 256]
assert sizes[2:10] == expected[2:], "los pesos o los sesgos de alguna convolución no son los de la diapositiva"
assert sizes[10] == 4096 * 9216, "los pesos de FC6 no son los que corresponden a lo que sale de POOL3"
assert sizes[11:] == [4096, 4096 * 4096, 4096, 1000 * 4096, 1000], "los pesos o los sesgos de FC6, FC7 o FC8 no cuadran"
fewer = [math.prod(shape) for shape in measuring.parameter_shapes(alexnet_slide, num_classes=7)]
assert fewer == [*sizes[:-2], 7 * 4096, 7], "num_classes no cambia las neuronas de la última capa, o cambia algo más"
### END HIDDEN TESTS

# %% tests="n2-alexnet-module" case="layers" points=8
import torch

from tema9 import contracts, measuring

measuring.require_own(alexnet_slide)
names = ("CONV1", "CONV2", "CONV3", "CONV4", "CONV5", "FC6")
images = 60 * torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(2012))
reached = measuring.layer_inputs(alexnet_slide, images, num_classes=10)
assert len(reached) == 9, "debe haber 8 capas con parámetros, y cada una debe usarse una vez"
values = [154587, 69984, 43264, 64896, 64896, 9216]
for name, given, count in zip(names, reached[:6], values, strict=True):
    assert given.numel() == count, (
        f"a {name} no le llega un volumen del tamaño que dice la diapositiva"
    )
### BEGIN HIDDEN TESTS
relu, pool = torch.relu, torch.nn.functional.max_pool2d


def norm(x):
    square = torch.nn.functional.pad(x**2, (0, 0, 0, 0, 2, 2))
    return x / (2 + 1e-4 * sum(square[:, i : i + x.shape[1]] for i in range(5))) ** 0.75


convolutions = torch.nn.ModuleList(
    [
        torch.nn.Conv2d(3, 96, 11, 4),
        torch.nn.Conv2d(96, 256, 5, 1, 2),
        torch.nn.Conv2d(256, 384, 3, 1, 1),
        torch.nn.Conv2d(384, 384, 3, 1, 1),
        torch.nn.Conv2d(384, 256, 3, 1, 1),
    ]
)
x = images
with torch.no_grad():
    for number, conv in enumerate(measuring.known_weights(convolutions), 1):
        x = relu(conv(x))
        x = pool(x, 3, 2) if number in (1, 2, 5) else x
        x = norm(x) if number in (1, 2) else x
        close = contracts.close(reached[number].flatten(), x.flatten(), tolerance=1e-3)
        hint = "ReLU, pooling de 3 con paso 2 y LRN, en ese orden y con las constantes de la fórmula"
        assert close, f"a {names[number]} no le llegan los valores correctos; revisa lo que hay antes: {hint}"
### END HIDDEN TESTS

# %% tests="n2-alexnet-module" case="classifier" points=4
import torch

from tema9 import contracts, measuring

measuring.require_own(alexnet_slide)
images = 60 * torch.randn(2, 3, 227, 227, generator=torch.Generator().manual_seed(6))
images = images[[0, 1, 0]]  # la tercera es la primera otra vez
reached = measuring.layer_inputs(alexnet_slide, images, num_classes=10)
scores = reached[-1]
assert scores.dim() == 2 and len(scores) == 3, (
    "con tres imágenes salen tres filas de puntuaciones: (N, num_classes)"
)
assert contracts.close(scores[0], scores[2], tolerance=1e-3), (
    "al evaluar, de la misma imagen salen dos respuestas: el dropout tiene que apagarse"
)
### BEGIN HIDDEN TESTS
assert reached[6].min() >= 0 and reached[7].min() >= 0, "entre FC6, FC7 y FC8 falta una ReLU"
assert scores.min() < 0 < scores.max(), "la salida son puntuaciones sin ReLU ni softmax: las hay de los dos signos"
assert not contracts.close(scores.logsumexp(dim=1), [0, 0, 0], tolerance=1e-3), "la salida está normalizada: el softmax va con la función de pérdida"
shapes = measuring.parameter_shapes(alexnet_slide, num_classes=10)
fc6, bias6, fc7, bias7, fc8, bias8 = measuring.known_values(shapes)[-6:]
expected = [torch.relu(reached[5].flatten(1) @ fc6.flatten(1).T + bias6)]
expected += [torch.relu(expected[0] @ fc7.flatten(1).T + bias7)]
expected += [expected[1] @ fc8.flatten(1).T + bias8]
for name, found, wanted in zip(("FC7", "FC8", "la salida"), reached[6:], expected, strict=True):
    scale = wanted.max()
    close = contracts.close(found.flatten(1) / scale, wanted / scale, tolerance=1e-4)
    assert close, f"a {name} no le llegan los valores correctos: ¿hay una ReLU detrás de FC6 y de FC7, y solo ahí?"
dropped = measuring.dropped_inputs(alexnet_slide, images[:1], num_classes=10)
assert max(dropped[:6]) < 0.05, "al entrenar hay dropout antes de FC6 o entre las convoluciones, y ahí no va"
assert min(dropped[6:]) > 0.05, "al entrenar falta dropout a la salida de FC6 o de FC7"
assert contracts.close(dropped[6:], [0.5, 0.5], tolerance=0.06), "el dropout no quita la mitad de los valores"
### END HIDDEN TESTS

# %% [markdown]
# **AlexNet en tu ordenador.** Predice cuánto tarda una imagen de 227×227 en tu procesador: son 1 135 256 096
# multiplicaciones-suma, y un núcleo de portátil hace entre cinco y cincuenta mil millones por segundo.

# %% explore=true
model = models.build("alexnet_slide").eval()
image = torch.randn(1, 3, 227, 227)
seconds = []
with torch.inference_mode():
    model(image)  # la primera vez es más lenta: no cuenta
    for _ in range(2 if os.environ.get("NBGRADER_EXECUTION") else 5):
        start = time.perf_counter()
        model(image)
        seconds.append(time.perf_counter() - start)
best = min(seconds)
print(f"{1000 * best:.0f} ms por imagen; hilos: {torch.get_num_threads()}")
rate = table.total("multiply_adds") / best / 1e9
print(f"{spanish(rate, 1)} mil millones de multiplicaciones-suma por segundo")

# %% [markdown]
# ## 11. El campo receptivo
#
# ¿Qué trozo de la imagen puede cambiar el valor de una neurona? En CONV1, su ventana: 11 píxeles de lado. Una neurona
# de POOL1 mira 3 de CONV1, que empiezan cada 4 píxeles: $11 + 2 \times 4 = 19$. Para seguir hay que llevar dos cuentas
# a la vez:
#
# - el **campo receptivo** $r$, en píxeles de la imagen; empieza en 1;
# - el **paso efectivo** $j$ (*effective stride* o *jump*): a cuántos píxeles de la imagen están dos neuronas vecinas;
#   empieza en 1.
#
# Cada capa con ventana de lado $k$ y paso $s$ hace, **en este orden**:
#
# $$r' = r + (k - 1) \cdot j \qquad j' = j \cdot s$$
#
# El *pooling* también cuenta, porque tiene ventana. La ReLU y la LRN no cuentan, porque miran un solo píxel. El relleno
# tampoco cambia nada.
#
# Predice: ¿una neurona de POOL3 ve la imagen entera?
#
# ### Ejercicio `n2-receptive-field` (8 puntos)
#
# Escribe la función que aplica las dos reglas a una lista de capas y da el campo receptivo y el paso efectivo de cada
# una.


# %% solution="n2-receptive-field"
def receptive_fields(layers):
    """Devuelve una lista de pares (campo receptivo, paso efectivo), uno por capa.

    Los dos, en píxeles de la imagen. layers: lista de diccionarios como SLIDE, sin las capas
    "linear". Una capa que no es "conv" ni "pool" repite el par de la anterior.
    """
    ### BEGIN SOLUTION
    pairs = []
    field, jump = 1, 1
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            field += (layer["kernel_size"] - 1) * jump
            jump *= layer["stride"]
        pairs.append((field, jump))
    return pairs
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n2-receptive-field")

# %% tests="n2-receptive-field" points=8
from tema9 import contracts, measuring

fields = measuring.answer(receptive_fields, contracts.sequence(contracts.integers(2)))
conv1 = {"name": "CONV1", "kind": "conv", "out_channels": 96, "groups": 1}
conv1.update({"kernel_size": 11, "stride": 4, "padding": 0})
pool1 = {"name": "POOL1", "kind": "pool", "kernel_size": 3, "stride": 2, "padding": 0}
pairs = fields([conv1, pool1])
assert len(pairs) == 2, "hay que devolver un par por capa"
assert pairs[0] == [11, 4], "CONV1: su ventana, y su paso"
assert pairs[1][0] == 19, "POOL1: mira tres neuronas de CONV1, que están a 4 píxeles unas de otras"
### BEGIN HIDDEN TESTS
import random

draw = random.Random(195)
for _ in range(6):
    layers = []
    for number in range(draw.randint(2, 4)):
        window = {"kernel_size": draw.randint(2, 6), "stride": draw.randint(1, 3), "padding": draw.randint(0, 2)}
        layers.append({"name": f"C{number}", "kind": "conv", "out_channels": 8, "groups": 1, **window})
        layers.append({"name": f"N{number}", "kind": draw.choice(["norm", "relu"]), "size": 5})
        window = {"kernel_size": draw.randint(2, 3), "stride": 2, "padding": 0}
        layers.append({"name": f"P{number}", "kind": "pool", **window})
    pairs = fields(layers)
    assert len(pairs) == len(layers), "en otra red falta algún par: las capas sin ventana repiten el anterior"
    for last, (field, jump) in enumerate(pairs):
        side, product = 1, 1  # de una neurona hacia atrás, hasta la imagen
        for layer in reversed(layers[: last + 1]):
            if layer["kind"] in ("conv", "pool"):
                side = (side - 1) * layer["stride"] + layer["kernel_size"]
                product *= layer["stride"]
        assert jump == product, "el paso efectivo de otra red no es correcto"
        assert field == side, "el campo receptivo de otra red no es correcto: ¿usas el paso efectivo anterior?"
### END HIDDEN TESTS

# %% explore=true
ax = figures.receptive_fields(table)
plt.show()

# %% [markdown]
# POOL3 llega a 195 píxeles de los 227, con un paso efectivo de 32: casi toda la imagen, pero no toda. La primera capa
# que ve la imagen entera es FC6, que lee las 36 posiciones de POOL3. En el cuaderno 6 verás que el cambio de ZFNet en
# CONV1, tomado al pie de la letra, encoge mucho este campo.

# %% [markdown]
# ## 12. La diapositiva y el artículo
#
# La diapositiva dice «Full **(simplified)** AlexNet architecture». Esto es lo que ha simplificado: a la izquierda la
# red de la diapositiva, a la derecha la que describe el artículo (apartado 3.5 y figura 2), que reparte los mapas entre
# dos GPU. En negrita, las capas en las que cambia el número de parámetros; el porcentaje es el del artículo.

# %% explore=true
paper = tema9.layer_table("alexnet_paper")
heads = "grupos (diapositiva)", "parámetros", "grupos (artículo)", "parámetros", "% del total"
lines = [f"| capa | {' | '.join(heads)} |"]
lines.append("|---|---|---|---|---|---|")
for left, right, different in tema9.compare(table, paper):
    if not left.parameters:
        continue
    mark = "**" if "weights" in different else ""
    share = 100 * right.parameters / paper.total("parameters")
    lines.append(
        f"| {mark}{left.name}{mark} | {left.groups} | {spanish(left.parameters)} "
        f"| {right.groups} | {spanish(right.parameters)} | {spanish(share, 2)} |"
    )
totals = [spanish(one.total("parameters")) for one in (table, paper)]
lines.append(f"| Total | | {totals[0]} | | {totals[1]} | |")
Markdown("\n".join(lines))

# %% [markdown]
# Mira la última columna con una frase del artículo en la mano (apartado 1): quitar cualquier capa convolucional, «each
# of which contains no more than 1% of the model's parameters», empeora el resultado. ¿Es cierto el 1 %? Casi: CONV3
# tiene el 1,45 % y CONV4 el 1,09 %. Lo importante del argumento sigue en pie: son pocos parámetros, y hacen falta.
#
# ### Pregunta `n2-m1-60-million` (5 puntos, se corrige a mano)
#
# El resumen (*abstract*) del artículo dice que la red tiene «60 million parameters». La red de la diapositiva tiene
# 62,4 millones. ¿Quién tiene razón? Explica de dónde sale la diferencia, capa por capa, y compruébala con una cuenta.
# Di también si los sesgos podrían explicarla. De 5 a 10 líneas.

# %% [markdown] answer="n2-m1-60-million" points=5
# Los dos, porque no hablan de la misma red. La del artículo reparte los mapas entre dos GPU: en CONV2, CONV4 y CONV5
# cada filtro lee solo los mapas de su GPU, la mitad de los canales de entrada (`groups=2`), así que esas capas tienen
# la mitad de los pesos. La diapositiva dibuja una sola torre, sin grupos («simplified»).
#
# Pesos sin grupos: CONV2 614 400, CONV4 1 327 104, CONV5 884 736; suman 2 826 240. Con `groups=2` se quedan en la
# mitad, es decir, 1 413 120 menos. Y 62 378 344 − 1 413 120 = 60 965 224, que el resumen redondea a 60 millones (61
# sería más exacto). CONV1, CONV3 y las FC no cambian: CONV1 lee la imagen, y CONV3 y las FC leen los mapas de las dos
# GPU.
#
# Los sesgos no lo explican: son 10 568 en ambas redes, uno por filtro o neurona, y los grupos no los cambian.

# %% [markdown] locked="n2-m1-60-million-criteria"
# *Se corrige a mano: 5 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: dice que la diferencia viene de los grupos (dos GPU: cada filtro lee la mitad de los mapas) y que las dos
#   cifras son correctas para redes distintas. 1 punto si nombra las dos GPU sin explicar por qué hay menos pesos.
# - 2 puntos: la cuenta. Identifica CONV2, CONV4 y CONV5 (1 punto) y llega a 1 413 120 pesos menos o a 60 965 224 (1
#   punto).
# - 1 punto: los sesgos no lo explican (son unos diez mil, los mismos en las dos redes), o señala que 60 es un redondeo
#   de 60,97.
#
# Sin puntos: «es un redondeo», «la diapositiva cuenta los sesgos» o «es por el 227» como única causa.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Lo que te llevas
#
# - Volumen: tantos mapas como filtros; el lado, $\left\lfloor (n + 2p - k) / s \right\rfloor + 1$. Las formas van en el
#   orden (C, H, W).
# - CONV1 tiene 34 848 pesos y 34 944 parámetros; «35K» vale para los dos. El *max pooling* no tiene ninguno.
# - La red de la diapositiva tiene 62 378 344 parámetros, el 94 % en las FC, y cuesta 1 135 256 096
#   multiplicaciones-suma por imagen, el 95 % en las convoluciones.
# - 224 redondeando hacia arriba y 227 sin relleno leen las mismas ventanas.
# - POOL antes que NORM es el orden de CaffeNet; el artículo normaliza primero.
#
# **Antes de entregar:** pulsa ▶▶, mira que no quede ninguna celda en rojo que no esperes, y guarda.
#
# **Fuentes.** Krizhevsky, Sutskever y Hinton (2012), *ImageNet Classification with Deep Convolutional Neural Networks*,
# NIPS 25, apartados 1, 3 y 5 y figura 2. Código de 2012: `computerhistory/AlexNet-Source-Code`, `layer.py` y
# `layers/layers-145.cfg`. CaffeNet: `BVLC/caffe`, `models/bvlc_reference_caffenet`. Diapositivas: CS231n (2017),
# lección 9.
