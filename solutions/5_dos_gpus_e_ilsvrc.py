# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 160
#   title: 5. Dos GPU, ILSVRC y el cuaderno de Alex
# ---

# %% [markdown]
# # 5. Dos GPU, ILSVRC y el cuaderno de Alex
#
# AlexNet se entrenó repartida entre dos tarjetas, ganó un concurso y cambió el campo. En este cuaderno cuentas lo que
# viajaba entre las dos tarjetas, compruebas si de verdad no cabía en una, ordenas los resultados del concurso y
# rehaces, con las notas de las pruebas de 2012, la tabla de mejoras del artículo.
#
# Al terminar sabrás:
#
# - escribir una convolución por grupos y decir qué conexiones le faltan;
# - contar parámetros, valores que cruzan y memoria de una red repartida en dos;
# - leer el gráfico de ILSVRC sin comparar lo que no se puede comparar;
# - decidir si una mejora de unas décimas es mayor que el ruido de la muestra.
#
# | Diapositiva | Dónde se trabaja |
# |---|---|
# | *[55x55x48] x 2. Historical note: Trained on GTX 580 GPU with only 3 GB of memory. Network spread across 2 GPUs* | apartados 1 y 3 |
# | *CONV1, CONV2, CONV4, CONV5: Connections only with feature maps on same GPU* (texto perdido en la copia) | apartado 1 |
# | *CONV3, FC6, FC7, FC8: Connections with all feature maps in preceding layer, communication across GPUs* | apartados 1 y 2 |
# | *ILSVRC winners* (las tres diapositivas) | apartado 4 |
# | *Details/Retrospectives*: *used Norm layers*, *Learning rate 1e-2, reduced by 10 manually* | apartados 5 y 6 |
#
# **Tiempo:** unos 160 minutos: 45 el apartado 1, 30 el 2, 25 el 3, 15 el 4, 20 el 5, 20 el 6 y 5 el resto. **GPU:** no
# hace falta ninguna; las «dos GPU» pueden ser tu procesador dos veces.
#
# | Ejercicio | Puntos |
# |---|---|
# | `n5-grouped-conv`: convolución por grupos | 12 |
# | `n5-block-diagonal`: la matriz que la describe | 8 |
# | `n5-gpu-parameters`: parámetros de cada GPU | 8 |
# | `n5-traffic`: lo que cruza | 12 |
# | `n5-m1-why-conv3`: ¿por qué ahí? (a mano) | 8 |
# | `n5-training-bytes`: ¿cabe en 3 GiB? | 10 |
# | `n5-m2-three-gigabytes`: el veredicto (a mano) | 7 |
# | `n5-winners`: los ganadores | 10 |
# | `n5-ablation`: las mejoras de 2012 | 15 |
# | `n5-noise`: ¿mejora o ruido? | 10 |
# | **Total** | **100** |
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`. Te dice si está bien y, si
# reconoce el error, cuál es su causa. La celda siguiente, la de los `assert`, es la que puntúa; al corregir se le
# añaden más casos.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Se pide tu propio código: lo que ya hace `tema9` no vale como respuesta.
#
# **Cómo se entrega.** Pulsa ▶▶ en la barra, que reinicia el núcleo y lo ejecuta todo, guarda y entrega este mismo
# fichero sin cambiarle el nombre.

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

import os

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

import tema9
from tema9 import figures, records
from tema9.arithmetic import MIB, crossing_values, layer_table, spanish

figures.describe_pictures()  # cada figura, con su texto alternativo
torch.manual_seed(0)
torch.set_num_threads(1)  # con tan poco trabajo, más hilos no ganan tiempo
SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))  # al corregir, los experimentos se acortan

# %% [markdown]
# ## 1. Una red en dos tarjetas
#
# > Historical note: Trained on GTX 580 GPU with only 3 GB of memory. Network spread across 2 GPUs, half the neurons
# > (feature maps) on each GPU.
#
# Cada tarjeta calcula la mitad de los mapas de cada capa. Lo que se decide es **qué lee** cada mitad. CONV1 lee la
# imagen, que está entera en las dos. CONV2, CONV4 y CONV5 leen solo los mapas de su tarjeta. CONV3 y las capas
# totalmente conectadas leen los de ambas: solo ahí hay que esperar a la otra.
#
# **Predice** antes de mirar la figura: ¿en qué capa cruzarán más valores?

# %% explore=true
paper = layer_table("alexnet_paper")
ax = figures.two_gpus(paper, crossing_values(paper))

# %% [markdown]
# Leer solo la mitad de los mapas es lo que PyTorch llama una convolución **por grupos** (`groups=2`): el primer grupo
# de filtros lee el primer grupo de mapas de entrada, y el segundo, el segundo. Cada filtro tiene la mitad de
# profundidad, así que la capa tiene la mitad de pesos.
#
# ### Ejercicio `n5-grouped-conv` (12 puntos)
#
# Escribe la convolución por grupos con convoluciones normales: reparte los mapas de entrada, los filtros y los sesgos
# en `parts` trozos iguales y seguidos, convoluciona cada trozo con el suyo y junta las salidas en orden. Puedes usar
# `F.conv2d`, pero sin su argumento `groups`.


# %% solution="n5-grouped-conv"
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    """Convolución por grupos.

    x: (N, C, alto, ancho). weight: (K, C / parts, lado, lado). bias: (K,). Todos, tensores.
    Devuelve (N, K, alto', ancho').
    """
    ### BEGIN SOLUTION
    pieces = zip(x.chunk(parts, dim=1), weight.chunk(parts), bias.chunk(parts), strict=True)
    return torch.cat([F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces], dim=1)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-grouped-conv")

# %% tests="n5-grouped-conv" case="two-parts" points=6
import torch

from tema9 import contracts, measuring

maps = measuring.answer(grouped_conv, contracts.array)
images, filters, biases = torch.ones(1, 4, 5, 5), torch.ones(6, 2, 3, 3), torch.zeros(6)
y = maps(images, filters, biases)
assert y.shape == (1, 6, 3, 3), "con 4 mapas de 5x5 y 6 filtros de 3x3 salen 6 mapas de 3x3"
assert contracts.close(y[0, 0, 0, 0], 18), "cada filtro lee 2 mapas de 3x3 unos: la suma es 18"
in_groups = measuring.convolves_in_groups(grouped_conv, images, filters, biases)
assert not in_groups, "escríbela sin el argumento groups: reparte tú los mapas"
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(51)
for channels, kernels, side, height, width in ((4, 6, 3, 7, 7), (6, 2, 1, 4, 6), (2, 8, 2, 5, 3)):
    x = torch.randn(2, channels, height, width, generator=generator)
    weight = torch.randn(kernels, channels // 2, side, side, generator=generator)
    bias = torch.randn(kernels, generator=generator)
    expected = torch.nn.functional.conv2d(x, weight, bias, groups=2)
    case = f"{channels} mapas y {kernels} filtros"
    assert contracts.close(maps(x, weight, bias), expected), f"no coincide con {case}"
    assert not measuring.changes_its_inputs(grouped_conv, x, weight, bias), "tu función escribe en sus argumentos"
### END HIDDEN TESTS


# %% tests="n5-grouped-conv" case="any" points=6
import torch

from tema9 import contracts, measuring

maps = measuring.answer(grouped_conv, contracts.array)
images, filters, biases = torch.ones(1, 6, 5, 5), torch.ones(3, 2, 3, 3), torch.zeros(3)
y = maps(images, filters, biases, parts=3, stride=2, padding=1)
assert y.shape == (1, 3, 3, 3), "con relleno 1 y paso 2, de 5 px salen 3"
in_groups = measuring.convolves_in_groups(
    grouped_conv, images, filters, biases, parts=3, stride=2, padding=1
)
assert not in_groups, "escríbela sin el argumento groups: reparte tú los mapas"
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(52)
for parts, channels, kernels, stride, padding in ((1, 3, 4, 1, 0), (3, 6, 9, 2, 1), (4, 4, 8, 3, 2), (2, 4, 6, 1, 1)):
    x = torch.randn(2, channels, 9, 8, generator=generator)
    weight = torch.randn(kernels, channels // parts, 3, 3, generator=generator)
    bias = torch.randn(kernels, generator=generator)
    expected = torch.nn.functional.conv2d(x, weight, bias, stride, padding, groups=parts)
    found = maps(x, weight, bias, parts=parts, stride=stride, padding=padding)
    case = f"{parts} trozos, paso {stride} y relleno {padding}"
    assert found.shape == expected.shape, f"la forma no es la debida con {case}"
    assert contracts.close(found, expected), f"no coincide con {case}"
### END HIDDEN TESTS


# %% [markdown]
# ¿Qué conexiones faltan? Con filtros de 1x1 una convolución es, en cada píxel, una matriz que multiplica al vector de
# los canales. Si hay grupos, a esa matriz le faltan bloques enteros: es **diagonal por bloques**.
#
# ### Ejercicio `n5-block-diagonal` (8 puntos)
#
# Escribe la función que recibe los pesos de una convolución de 1x1 por grupos, un array de forma (K, C / `parts`), y
# devuelve la matriz (K, C) que hace lo mismo en cada píxel: los pesos, en su sitio; donde no hay conexión, cero.


# %% solution="n5-block-diagonal"
def as_matrix(weight, parts=2):
    """Devuelve la matriz (K, C) de una convolución 1x1 por grupos.

    weight: array (K, C / parts).
    """
    ### BEGIN SOLUTION
    kernels, depth = weight.shape
    matrix = np.zeros((kernels, depth * parts))
    rows = kernels // parts
    for part in range(parts):
        matrix[part * rows : (part + 1) * rows, part * depth : (part + 1) * depth] = weight[
            part * rows : (part + 1) * rows
        ]
    return matrix
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-block-diagonal")

# %% tests="n5-block-diagonal" points=8
import numpy as np
import torch

from tema9 import contracts, measuring

matrix_of = measuring.answer(as_matrix, contracts.array)
matrix = matrix_of(np.array([[1.0], [2.0]]))
assert contracts.close(matrix, [[1, 0], [0, 2]]), "con un peso por grupo, la matriz es diagonal"
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(5)
for kernels, depth, parts in ((4, 2, 2), (2, 3, 2), (6, 1, 3), (3, 4, 1), (8, 2, 4)):
    weight = draw.normal(size=(kernels, depth))
    one_channel_each = torch.eye(depth * parts, dtype=torch.float64)[:, :, None, None]
    filters = torch.from_numpy(weight)[:, :, None, None]
    expected = torch.nn.functional.conv2d(one_channel_each, filters, groups=parts)[:, :, 0, 0].T
    case = f"{kernels} filtros, {depth * parts} canales y {parts} grupos"
    matrix = matrix_of(weight, parts)
    assert matrix.shape == (kernels, depth * parts), f"la forma es (filtros, canales): {case}"
    assert contracts.close(matrix, expected), f"no hace lo mismo que la convolución: {case}"
    assert not measuring.changes_its_inputs(as_matrix, weight, parts), "tu función escribe en los pesos que le dan"
### END HIDDEN TESTS


# %% explore=true
try:
    two, one = 1 - as_matrix(np.ones((8, 4)), 2), 1 - as_matrix(np.ones((8, 8)), 1)
    ax = figures.pictures([("dos grupos", two), ("un grupo", one)])
    label = ax.set_xlabel("filas: filtros; columnas: canales de entrada; negro: hay conexión")
except NotImplementedError:
    print("escribe antes `as_matrix`")

# %% [markdown]
# ### Ejercicio `n5-gpu-parameters` (8 puntos)
#
# Escribe la función que cuenta los parámetros que guarda una GPU. Cada una guarda los pesos y los sesgos de **su mitad
# de las salidas**. Si la capa lee los mapas de las dos, cada filtro tiene toda la profundidad; si lee solo los suyos,
# la mitad. La primera capa lee la imagen entera.
#
# Cada capa es una tupla `(kernel_size, in_channels, out_channels, both)`, con los canales de la red entera; `both` dice
# si lee todo lo de la capa anterior. La primera capa de la lista lee la imagen entera, y su `both` es `True`. Una capa
# totalmente conectada es una convolución de lado 1.


# %% solution="n5-gpu-parameters"
def gpu_parameters(layers):
    """Parámetros (pesos y sesgos) que guarda una de las dos GPU.

    layers: lista de (kernel_size, in_channels, out_channels, both). out_channels es par, y
    también in_channels si both es False. Devuelve un número entero.
    """
    ### BEGIN SOLUTION
    total = 0
    for kernel_size, in_channels, out_channels, both in layers:
        depth = in_channels if both else in_channels // 2
        total += (kernel_size**2 * depth + 1) * (out_channels // 2)
    return total
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-gpu-parameters")

# %% tests="n5-gpu-parameters" points=8
import math

from tema9 import contracts, measuring
from tema9.arithmetic import layer_table

parameters = measuring.answer(gpu_parameters, contracts.integer)
conv1, conv2 = (11, 3, 96, True), (5, 96, 256, False)
assert parameters([conv1]) == 48 * (11 * 11 * 3 + 1), "CONV1: 48 filtros de 11x11x3 y 48 sesgos"
assert parameters([conv1, conv2]) == 17472 + 128 * (5 * 5 * 48 + 1), (
    "CONV2: cada uno de sus 128 filtros lee 48 mapas"
)
### BEGIN HIDDEN TESTS
three = [conv1, conv2, (3, 256, 384, True)]
assert parameters(three) == 17472 + 153728 + 192 * (3 * 3 * 256 + 1), "CONV3: cada filtro lee los 256 mapas"
rows = [row for row in layer_table("alexnet_paper") if row.weights]
layers = []
for row in rows:
    inputs = row.in_shape[0] if row.kernel_size else math.prod(row.in_shape)
    layers.append((row.kernel_size or 1, inputs, row.out_shape[0], row.groups != 2))
whole = sum(row.parameters for row in rows)
assert 2 * parameters(layers) == whole, "las dos GPU juntas no dan los 60 965 224 parámetros de AlexNet"
### END HIDDEN TESTS


# %% [markdown]
# ## 2. Lo que cruza
#
# > CONV3, FC6, FC7, FC8: Connections with all feature maps in preceding layer, communication across GPUs
#
# Antes de calcular una de esas capas, cada tarjeta tiene que **recibir** los mapas que calculó la otra: la mitad de la
# entrada de la capa. La otra mitad ya la tiene.
#
# **Predice:** si también CONV2 leyera los mapas de las dos, ¿cuánto crecería el tráfico: un 10 %, un 50 % o más del
# doble?
#
# ### Ejercicio `n5-traffic` (12 puntos)
#
# Escribe la función que cuenta los valores que **recibe cada GPU**, por imagen, antes de cada capa que comunica. Cada
# capa es una tupla `(name, input_shape, both)`, con la forma de su entrada en la red entera: (canales, alto, ancho) o
# (neuronas,). La imagen no cruza: la primera capa de la lista nunca comunica, aunque lea todo. En las demás, los
# canales o las neuronas de la entrada son un número par, y lo que se recibe es un número entero de valores.


# %% solution="n5-traffic"
def received(layers):
    """Devuelve un diccionario {capa: valores que recibe cada GPU por imagen}.

    Solo con las capas que comunican.
    """
    ### BEGIN SOLUTION
    values = {}
    for name, input_shape, both in layers[1:]:
        if both:
            count = 1
            for side in input_shape:
                count *= side
            values[name] = count // 2
    return values
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-traffic")

# %% tests="n5-traffic" case="conv3" points=5
from tema9 import contracts, measuring

values = measuring.answer(received, contracts.mapping(contracts.integer))
layers = [("CONV1", (3, 227, 227), True), ("CONV2", (96, 27, 27), False)]
found = values([*layers, ("CONV3", (256, 13, 13), True)])
assert found.get("CONV3") == 128 * 13 * 13, (
    "antes de CONV3 cada GPU recibe los 128 mapas de 13x13 de la otra"
)
### BEGIN HIDDEN TESTS
assert "CONV1" not in found, "la imagen está en las dos GPU: CONV1 no comunica"
assert "CONV2" not in found, "CONV2 lee solo los mapas de su GPU: no va en el diccionario"
assert len(found) == 1, "en el diccionario van las capas que comunican, y nada más"
### END HIDDEN TESTS


# %% tests="n5-traffic" case="all" points=7
from tema9 import contracts, measuring
from tema9.arithmetic import crossing_values, layer_table

values = measuring.answer(received, contracts.mapping(contracts.integer))
assert values([("CONV1", (3, 9, 9), True)]) == {}, "una red de una capa no comunica nada"
### BEGIN HIDDEN TESTS
table = layer_table("alexnet_paper")
layers = [(row.name, row.in_shape, row.groups != 2) for row in table if row.weights]
assert values(layers) == crossing_values(table), "con las capas de AlexNet no salen los valores que cruzan"
assert values([("A", (3, 5, 5), True), ("B", (8,), True), ("C", (10,), False), ("D", (12,), True)]) == {
    "B": 4,
    "D": 6,
}, "en las capas totalmente conectadas también cruza la mitad de las neuronas de la entrada"
assert values([("A", (3, 9, 9), True), ("B", (6, 2, 5), True)]) == {"B": 30}, "los mapas pueden no ser cuadrados"
### END HIDDEN TESTS


# %% [markdown]
# `tema9.two_gpus.TwoGPUs` es la red repartida de verdad: el mismo código con dos GPU, con una o con el procesador. En
# cada cruce cuenta los valores, hacia delante y hacia atrás. ¿Coincide con la aritmética?

# %% explore=true
from tema9.two_gpus import TwoGPUs

model = TwoGPUs(num_classes=10)
images = 1 if SHORT else 4
model(torch.randn(images, 3, 227, 227)).sum().backward()
expected = crossing_values(paper)
for layer, (forward, backward) in model.traffic.per_image().items():
    there, back = f"{spanish(forward):>7}", f"{spanish(backward):>7}"
    arithmetic = f"; por la aritmética, 2 × {spanish(expected[layer])}" if layer in expected else ""
    print(f"{layer:7} {there} valores de ida y {back} de vuelta por imagen{arithmetic}")

# %% [markdown]
# Comprueba tu predicción: marca CONV2 y mira cuánto sube lo que cruza. Después **predice** lo mismo para CONV4 y CONV5,
# márcalas y cambia el minilote.

# %% explore=true
from tema9 import widgets

widgets.two_gpus(batch_size=128)

# %% [markdown]
# ### Pregunta `n5-m1-why-conv3` (8 puntos, se corrige a mano)
#
# **¿Por qué se comunican las dos mitades en CONV3 y no en CONV2 o en CONV4?** Usa los números de este apartado y dos
# pruebas de 2012: sin ninguna comunicación entre las columnas, el error top-5 de validación subió de 18,21 a 19,33 %
# (prueba 150); y una red con una sola columna de la mitad de filtros tuvo un error top-5 de test 1,23 puntos mayor que
# la de dos (prueba `145-half`, en ILSVRC-2010). Bastan seis líneas.

# %% [markdown] answer="n5-m1-why-conv3" points=8
# Comunicar cuesta y sirve. Cuesta lo que mide la entrada de la capa: antes de CONV3 cruzan 21 632 valores, porque los
# mapas ya son de 13x13; antes de CONV2 serían 34 992, más de lo que cruza ahora en toda la red, y cada cruce obliga a
# una GPU a esperar a la otra.
#
# Sirve porque sin ninguna comunicación el error sube 1,12 puntos: las dos mitades serían dos redes que solo se
# encuentran al final. Con una comunicación a mitad de camino, CONV3 ya combina lo que vio cada una, y CONV4 y CONV5
# trabajan sobre esa mezcla: repetirla en CONV4 (32 448 valores) añadiría tráfico a algo que ya está mezclado.
#
# No es la única opción posible: el artículo (apartado 3.2) dice solo que elegir el patrón «is a problem for
# cross-validation», y que así se ajusta la comunicación hasta que sea una parte aceptable del cálculo. La ganancia de
# 1,2 puntos frente a una columna no se debe solo a comunicar: la red de dos columnas tiene además el doble de filtros.

# %% [markdown] locked="n5-m1-why-conv3-criteria"
# *Se corrige a mano: 8 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: el coste es la mitad de la entrada de la capa, con al menos un número (CONV3 21 632; CONV2 34 992; CONV4
#   32 448).
# - 2 puntos: en CONV3 los mapas son pequeños; en CONV2 el tráfico se más que duplicaría.
# - 2 puntos: usa la prueba 150 (sin comunicación, +1,12 puntos de top-5) para decir que comunicar sirve.
# - 1 punto: después de CONV3 los mapas ya están mezclados, luego en CONV4 se gana menos (o dice que es una hipótesis).
# - 1 punto: prudencia: el artículo deja la elección del patrón a la validación cruzada y no da las pruebas, o la prueba
#   `145-half` cambia también el número de filtros.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 3. ¿De verdad no cabía?
#
# > Trained on GTX 580 GPU with only 3 GB of memory.
#
# «No cabía en una» se repite en todas partes, y el artículo mismo (apartado 3.2) habla de redes «too big to fit on one
# GPU». Hagamos la cuenta. Al entrenar hay que guardar, en coma flotante de 4 bytes:
#
# - los parámetros, sus gradientes y la velocidad del momento: tres veces los parámetros;
# - las imágenes del minilote;
# - la salida de cada capa, para la vuelta atrás, y su gradiente: dos veces las activaciones;
# - si la ReLU escribe en otro sitio en vez de encima, también su salida y su gradiente.
#
# ### Ejercicio `n5-training-bytes` (10 puntos)
#
# Escribe la función que hace la cuenta. Cada capa es una tupla `(activations, parameters, relu)`: valores que salen de
# ella por imagen, parámetros, y si la sigue una ReLU.


# %% solution="n5-training-bytes"
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    """Bytes que hacen falta para entrenar, con la cuenta de arriba.

    layers: lista de (activations, parameters, relu). image_values: valores de una imagen.
    relu_in_place: si la ReLU escribe encima de su entrada. Devuelve un número entero.
    """
    ### BEGIN SOLUTION
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + batch_size * (image_values + 2 * activations))
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-training-bytes")

# %% tests="n5-training-bytes" points=10
from tema9 import contracts, measuring

needed = measuring.answer(training_bytes, contracts.integer)
assert needed([(0, 10, False)], 0, 1) == 120, (
    "10 parámetros, sus gradientes y la velocidad: 30 valores"
)
assert needed([(5, 0, False)], 0, 2) == 80, (
    "5 activaciones y 5 gradientes de cada una de 2 imágenes"
)
### BEGIN HIDDEN TESTS
assert needed([], 7, 3) == 84, "las imágenes del minilote también ocupan, y no tienen gradiente"
assert needed([(5, 0, True)], 0, 1) == 40, "una ReLU que escribe encima no ocupa nada más"
assert needed([(5, 0, True)], 0, 1, relu_in_place=False) == 80, "una ReLU aparte guarda otras tantas, y su gradiente"
assert needed([(5, 0, False)], 0, 1, relu_in_place=False) == 40, "solo cuenta en las capas que tienen ReLU"
layers = [(100, 20, True), (30, 50, False), (10, 5, True)]
for batch_size in (1, 8, 128):
    for in_place, stored in ((True, 140), (False, 250)):
        expected = 4 * (3 * 75 + batch_size * (60 + 2 * stored))
        found = needed(layers, 60, batch_size, relu_in_place=in_place)
        assert found == expected, f"no sale con un minilote de {batch_size} y relu_in_place={in_place}"
### END HIDDEN TESTS


# %% explore=true
def rows_of(name):
    return [
        (row.activations, row.parameters, row.kind in ("Conv", "Linear") and row.name != "FC8")
        for row in layer_table(name)
    ]


for name in ("alexnet_slide", "alexnet_paper"):
    for in_place in (True, False):
        try:
            gib = training_bytes(rows_of(name), 3 * 227**2, 128, in_place) / 2**30
        except NotImplementedError:
            break
        how = "ReLU encima" if in_place else "ReLU aparte"
        print(f"{name:14} {how}: {spanish(gib, 2)} GiB con un minilote de 128")

# %% [markdown]
# Responde ahora con el deslizador: ¿a partir de qué minilote no cabría la red en 3 GiB? ¿Y si se reparte en dos, con la
# mitad de todo menos las imágenes?

# %% explore=true
widgets.memory(batch_size=128)

# %% [markdown]
# ### Pregunta `n5-m2-three-gigabytes` (7 puntos, se corrige a mano)
#
# **¿Cabía AlexNet en una sola GTX 580 de 3 GB con un minilote de 128?** Da tu veredicto con los números que has
# obtenido y di **qué deja fuera la cuenta** (al menos tres cosas). Bastan seis líneas.

# %% [markdown] answer="n5-m2-three-gigabytes" points=7
# Por la cuenta, sí: hacen falta entre 1,6 y 2,6 GiB según el orden de las capas y según la ReLU, menos de 3. Así que
# «no cabía» no se sigue solo de esta aritmética.
#
# Pero la cuenta es un mínimo. Deja fuera: los espacios de trabajo de las convoluciones (desplegar la entrada de una
# capa en una matriz multiplica su tamaño), la fragmentación de la memoria, lo que ocupan el sistema y el propio
# programa en la tarjeta, los minilotes que se cargan por adelantado y los recortes, las copias que llegan de la otra
# GPU, y cualquier capa más que tuviera el código (la segunda normalización de la capa 2, por ejemplo).
#
# El artículo (apartado 3.2) sí dice que no cabía: 3 GB limitan el tamaño de las redes, las imágenes bastan para
# entrenar redes demasiado grandes para una GPU («too big to fit on one GPU») y «por eso» repartieron la suya. No da la
# cuenta. Además, repartir no servía solo para que cupiera: también se calculaba a la vez, y la red de dos GPU tardaba
# algo menos que la de una con la mitad de filtros. Mi veredicto: lo que mi cuenta ve cabe en 3 GB; lo que deja fuera,
# con el programa de 2012, pudo pasar de ahí, y eso es lo que afirma el artículo.

# %% [markdown] locked="n5-m2-three-gigabytes-criteria"
# *Se corrige a mano: 7 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: da el resultado de su cuenta con lo que supone (minilote 128, gradientes, ReLU); entre 1,6 y 2,6 GiB.
# - 3 puntos, uno por cada cosa que la cuenta deja fuera: espacios de trabajo, fragmentación, datos por adelantado,
#   copias de la otra GPU, contexto de la tarjeta, capas del código que no están en la tabla.
# - 2 puntos: un veredicto que se sigue de lo anterior (vale «cabe por la cuenta, pero la cuenta es un mínimo»; vale «no
#   cabría si los espacios de trabajo pasan de tanto»; vale «no cabía» con la frase del apartado 3.2 del artículo, si
#   dice por qué la cuenta no lo ve); 0 si afirma sin más que cabía o que no.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 4. Los ganadores de ILSVRC
#
# > ImageNet Large Scale Visual Recognition Challenge (ILSVRC) winners
#
# Este es el gráfico de la clase, que acaba en 2015. Las barras de 2016 y 2017 y la marca humana las añadimos aquí, con sus
# cifras oficiales. Cada barra es un error top-5 en test, en tanto por ciento.

# %% explore=true
ax = figures.winners(records.read("winners"))

# %% [markdown]
# Míralo con desconfianza. En 2010 y 2011 se usó otro conjunto de test. Los errores 16,4 y 11,7 no son aquellos con los
# que se ganó: quienes ganaron usaron también datos externos, y esos dos son los mejores **solo con los datos dados**.
# VGG no ganó la clasificación de 2014: quedó segunda. Y desde 2012 cada barra es el promedio de varias redes.
#
# ### Ejercicio `n5-winners` (10 puntos)
#
# Escribe la función que da el error de **quien ganó** cada año, como diccionario `{año: error en %}`. Las filas de
# `records.read("winners")` son diccionarios con estas claves, entre otras: `year` (vacío, `None`, en la marca humana),
# `label`, `won` (`"yes"` o `"no"`), `official` (el error de la participación que ganó, en %) y `supplied` (el mejor
# solo con los datos dados, si es otro; si no, `None`).
#
# Con `supplied_only=True`, la función da el de la participación que solo usó los datos dados.


# %% solution="n5-winners"
def winner_errors(rows, supplied_only=False):
    """Devuelve {año: error top-5 en %} de los ganadores; rows es una lista de diccionarios."""
    ### BEGIN SOLUTION
    errors = {}
    for row in rows:
        if row["won"] == "yes":
            supplied = row["supplied"] if supplied_only else None
            errors[row["year"]] = row["official"] if supplied is None else supplied
    return errors
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-winners")

# %% tests="n5-winners" case="official" points=5
from tema9 import contracts, measuring, records

errors = measuring.answer(winner_errors, contracts.mapping(contracts.number))
found = errors(records.read("winners"))
assert sorted(found) == list(range(2010, 2018)), "un ganador por año, de 2010 a 2017"
assert contracts.close(found[2015], 3.567), "2015: 3,567 %, la cifra oficial y en tanto por ciento"
### BEGIN HIDDEN TESTS
assert contracts.close(found[2012], 15.315), "2012: quien ganó erró el 15,315 %"
assert contracts.close(found[2014], 6.656), "2014: la clasificación la ganó GoogLeNet, con el 6,656 %"
made = [
    {"year": 1, "label": "a", "won": "no", "chart": 1.0, "official": 2.0, "supplied": None},
    {"year": 1, "label": "b", "won": "yes", "chart": 4.0, "official": 5.0, "supplied": 6.0},
    {"year": 1, "label": "c", "won": "no", "chart": 7.0, "official": 8.0, "supplied": 9.0},
    {"year": 3, "label": "d", "won": "no", "chart": 1.5, "official": 1.5, "supplied": None},
    {"year": None, "label": "human", "won": None, "chart": 5.1, "official": 5.1, "supplied": None},
]
found = errors(made)
assert list(found) == [1], "solo cuentan las filas con won igual a yes, estén donde estén"
assert contracts.close(found[1], 5.0), "el error de un año es el de la fila que ganó, estén donde estén las demás"
### END HIDDEN TESTS


# %% tests="n5-winners" case="supplied" points=5
from tema9 import contracts, measuring, records

errors = measuring.answer(winner_errors, contracts.mapping(contracts.number))
found = errors(records.read("winners"), supplied_only=True)
assert contracts.close(found[2012], 16.422), "2012, solo con los datos dados: 16,422 %"
### BEGIN HIDDEN TESTS
assert contracts.close(found[2013], 11.743), "2013, solo con los datos dados: 11,743 %"
assert contracts.close(found[2016], 2.991), "si no hay otra cifra, la oficial ya es solo con los datos dados"
assert sorted(found) == list(range(2010, 2018)), "un ganador por año, de 2010 a 2017"
### END HIDDEN TESTS


# %% explore=true
ax = figures.winners(records.read("winners"), official=True)

# %% [markdown]
# ## 5. El cuaderno de Alex
#
# En 2025 se publicó el código original de AlexNet, con las notas de muchas pruebas: qué se cambió y con qué error
# acabó. Las 145, `145-2010`, `145-half`, 147, 148 y `146-2012-2011` están detrás de los números del artículo; las demás
# (150, `120-2012`, 131, 135 y 137) no salen en él.

# %% explore=true
runs = records.read("runs")
for row in runs:
    errors = f"{spanish(100 * row['top1_error'], 2)} / {spanish(100 * row['top5_error'], 2)} %"
    print(f"{row['run']!s:14} {row['dataset']:16} {row['views']:6} {errors:17} {row['spanish']}")

# %% [markdown]
# ### Ejercicio `n5-ablation` (15 puntos)
#
# Escribe la función que dice cuánto **sube** el error al pasar de la prueba `base` a la prueba `changed`, en **puntos
# porcentuales**. Las filas tienen las claves `run`, `dataset`, `views` (`"multi"`, diez vistas, o `"centre"`, una),
# `top1_error` y `top5_error`, estos dos en tanto por uno. Hay pruebas con dos filas, una para cada forma de evaluar.
#
# Dos pruebas solo se comparan si se evaluaron con **las mismas imágenes**: si su `dataset` es distinto, lanza
# `ValueError`. También si falta alguna de las dos, o si está pero no se evaluó con las vistas que se piden. Los nombres
# de las pruebas pueden ser números o cadenas: compáralos como cadenas.


# %% solution="n5-ablation"
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    """Puntos porcentuales que sube `error` de la prueba `base` a la prueba `changed`."""
    ### BEGIN SOLUTION
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError(f"no hay ninguna prueba {run} con vistas {views}")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError(f"{changed} y {base} se evaluaron con imágenes distintas")
    return 100 * (found[0][error] - found[1][error])
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-ablation")

# %% tests="n5-ablation" case="lrn" points=5
from tema9 import contracts, measuring, records

points = measuring.answer(increase, contracts.number)
rows = records.read("runs")
found = points(rows, "148", "145")
assert contracts.close(found, 1.152), "sin LRN el error top-5 sube de 18,210 a 19,362: 1,152 puntos"
### BEGIN HIDDEN TESTS
assert contracts.close(points(rows, "148", "145", error="top1_error"), 1.37), "con top1_error se compara el top-1"
assert contracts.close(points(rows, "145", "148"), -1.152), "al revés, el error baja: el signo es el contrario"
### END HIDDEN TESTS


# %% tests="n5-ablation" case="views" points=5
from tema9 import contracts, measuring, records

points = measuring.answer(increase, contracts.number)
rows = records.read("runs")
found = points(rows, "145-2010", "145-2010", changed_views="centre")
assert contracts.close(found, 1.2966), (
    "con un recorte central en vez de diez vistas, el top-5 sube 1,2966 puntos"
)
### BEGIN HIDDEN TESTS
assert contracts.close(points(rows, "145-half", "145-2010"), 1.23), "sin decir vistas, las dos pruebas son con diez"
made = [
    {"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.5, "top5_error": 0.4},
    {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3, "top5_error": 0.2},
    {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9, "top5_error": 0.25},
]
assert contracts.close(points(made, "8", "7"), 5), "el nombre de la prueba puede ser un número o una cadena"
assert contracts.close(points(made, 8, 7, base_views="centre"), -15), "usa las vistas que se piden en cada prueba"
### END HIDDEN TESTS


# %% tests="n5-ablation" case="same-images" points=5
from tema9 import measuring, records

measuring.require_own(increase)
rows = records.read("runs")
error = measuring.raised_by(increase, rows, "145-half", "145")
assert error == "ValueError", (
    "145-half se evaluó en ILSVRC-2010 y 145 en ILSVRC-2012: no se pueden comparar"
)
### BEGIN HIDDEN TESTS
assert measuring.raised_by(increase, rows, "148", "145") is None, "148 y 145 sí se pueden comparar"
assert measuring.raised_by(increase, rows, "999", "145") == "ValueError", "una prueba que no está: ValueError"
assert measuring.raised_by(increase, rows, "145", "999") == "ValueError", "también si la que no está es la de base"
error = measuring.raised_by(increase, rows, "145", "148", base_views="centre")
assert error == "ValueError", "148 no se evaluó con un recorte central: ValueError"
error = measuring.raised_by(increase, rows, "148", "145", changed_views="centre")
assert error == "ValueError", "148 no se evaluó con un recorte central: ValueError"
### END HIDDEN TESTS


# %% explore=true
pairs = {"148": "145", "147": "145", "145-half": "145-2010", "150": "145", "120-2012": "131"}
printed = {"148": "1,2", "147": "0,3", "145-half": "1,2"}  # en el artículo
try:
    for changed, base in pairs.items():
        what = next(row["spanish"] for row in runs if str(row["run"]) == changed)
        points = spanish(increase(runs, changed, base), 2)
        said = printed.get(changed, "no lo dice")
        print(f"{changed:9} sube {points} puntos de top-5 (el artículo: {said})  {what}")
except NotImplementedError:
    print("escribe antes `increase`")

# %% [markdown]
# ## 6. ¿Mejora o ruido?
#
# La última línea, poner el *pooling* antes que la LRN, como hace la diapositiva, sube el error 0,14 puntos. ¿Es mucho?
# Los errores se midieron con 50 000 imágenes de validación; con otras 50 000 habrían salido otros.
#
# Si cada imagen se falla con probabilidad $p$, el tanto por uno de fallos en $n$ imágenes tiene un error estándar
# (*standard error*, también llamado error típico) que vale $\sqrt{p (1 - p) / n}$. El de la **diferencia** de dos
# medidas independientes es la raíz de la suma de los cuadrados de los suyos. Una diferencia menor que unas dos veces su
# error estándar no se distingue del ruido.
#
# **Predice:** con $n = 50\,000$ y un error del 18 %, ¿el error estándar de una diferencia será de 0,02, de 0,25 o de 2
# puntos?
#
# ### Ejercicio `n5-noise` (10 puntos)
#
# Escribe la función que dice si dos errores se distinguen. Recibe los dos en **tanto por uno** y el número de imágenes,
# y devuelve tres cosas: la diferencia (el segundo menos el primero) y su error estándar, en **puntos porcentuales**, y
# si la diferencia, sin signo, pasa de dos errores estándar (`True` o `False`; si es justo el doble, no pasa).


# %% solution="n5-noise"
def compare(first, second, images):
    """Devuelve (diferencia, error estándar, si se distinguen); first y second en tanto por uno."""
    ### BEGIN SOLUTION
    difference = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return difference, se, abs(difference) > 2 * se
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n5-noise")

# %% tests="n5-noise" points=10
from tema9 import contracts, measuring

compared = measuring.answer(
    compare, contracts.together(contracts.number, contracts.number, contracts.boolean)
)
_, se, _ = compared(0.5, 0.5, 20000)
assert contracts.close(se, 0.5), (
    "dos errores de 0,5 en 20 000 imágenes: el error estándar es de 0,5 puntos"
)
### BEGIN HIDDEN TESTS
import math

cases = [(0.1857, 0.1871, 50000), (0.18, 0.20, 50000), (0.4, 0.1, 100), (0.02, 0.01, 3000), (0.2, 0.207, 20000)]
cases += [(0.2, 0.2114, 10000), (0.2, 0.2116, 10000), (0.2, 0.215, 10000), (0.2, 0.1884, 10000)]
for first, second, images in cases:
    difference, se, clear = compared(first, second, images)
    expected = 100 * math.sqrt((first * (1 - first) + second * (1 - second)) / images)
    case = f"{first} y {second} en {images} imágenes"
    assert contracts.close(difference, 100 * (second - first)), f"la diferencia, en puntos y con su signo: {case}"
    assert contracts.close(se, expected), f"el error estándar de la diferencia: {case}"
    far = 100 * max(second - first, first - second) > 2 * expected
    assert clear == far, f"se distinguen si la diferencia pasa de dos errores estándar: {case}"
_, _, clear = compared(0.0, 0.5, 4)
assert not clear, "50 puntos con un error estándar de 25: la diferencia no pasa de dos errores estándar, los iguala"
### END HIDDEN TESTS


# %% explore=true
from tema9 import gallery

ax = gallery.ablation()

# %% [markdown]
# Dos de las mejoras del cuaderno de Alex están dentro del ruido de la muestra: el *pooling* solapado, que el artículo
# sí da como mejora, y el orden de la LRN, que no menciona. Ojo: las dos redes vieron **las mismas** imágenes, así que
# sus fallos están correlacionados y el error estándar de verdad es menor que este. Con las predicciones de cada imagen
# se podría calcular; con los totales, no. Además, en las notas cada prueba sale una sola vez: no se sabe cuánto
# cambiaría con otra semilla.

# %% [markdown]
# ### La tasa que se bajaba a mano
#
# > Learning rate 1e-2, reduced by 10 manually when val accuracy plateaus
#
# Las notas también dicen cuándo. **Predice** antes de mirar: ¿cuántas veces se bajó? ¿A todas las capas por igual?

# %% explore=true
ax = gallery.draw("schedule_2012").axes[0]

# %% [markdown]
# Las notas coinciden casi del todo con el artículo («reduced three times»): las bajadas de las épocas 25 y 51 son de
# los pesos de toda la red; la tercera llega antes a CONV1 (67) que a las demás (79). CONV1 se congela del todo en la
# 72, y en la 67 se apaga el ruido de color. El artículo no habla de ese cambio del ruido, ni dice que la tasa de los
# sesgos no se bajó (cuaderno 4).

# %% [markdown]
# ## Lo que te llevas
#
# - Dos GPU son `groups=2` en CONV2, CONV4 y CONV5: la mitad de pesos, y una matriz con bloques de ceros.
# - Las GPU solo se comunican donde los mapas son pequeños: son 30 336 valores por imagen y sentido.
# - Por la cuenta, AlexNet cabe en 3 GB; el artículo dice que no. La cuenta es un mínimo: di qué deja fuera.
# - 15,3 o 16,4; 11,2 u 11,7: un error no se puede comparar si no se dice con qué datos y con cuántas redes se midió.
# - Una mejora de 0,14 puntos en 50 000 imágenes no se distingue del ruido.
#
# **Fuentes.** Krizhevsky, Sutskever y Hinton (2012), *ImageNet Classification with Deep Convolutional Neural Networks*,
# NIPS 25, apartados 2, 3.2 a 3.5, 5 y 6. Las pruebas y sus notas: `computerhistory/AlexNet-Source-Code`, `layers/`; el
# fichero de cada una está en `records.read("runs")`. Los ganadores: las páginas de resultados de ILSVRC y los artículos
# que cita la cabecera de `tema9/records/winners.csv`. Diapositivas: CS231n (2017), lección 9.
