# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 180
#   title: '6. ZFNet: mirar dentro y cambiar la red'
# ---

# %% [markdown]
# # 6. ZFNet: mirar dentro y cambiar la red
#
# En 2013 Zeiler y Fergus miraron dentro de AlexNet, vieron dos defectos en sus primeras capas y los arreglaron. Aquí
# recorres el mismo camino: compruebas qué dice de verdad la diapositiva, encuentras lo que calla, y escribes las dos
# herramientas con las que ellos miraron, los mapas de oclusión y la *deconvnet*.
#
# Al terminar sabrás:
#
# - calcular qué pasa si la diapositiva se toma al pie de la letra, y arreglarlo;
# - explicar por qué un paso de 4 píxeles confunde las frecuencias altas con las bajas;
# - hacer un mapa de oclusión y descubrir con él a una red tramposa;
# - llevar una activación de vuelta a los píxeles, y distinguir tres maneras de hacerlo;
# - comparar errores de redes sin mezclar conjuntos ni número de redes.
#
# | Diapositiva («ZFNet») | Dónde se trabaja |
# |---|---|
# | *CONV1: change from (11x11 stride 4) to (7x7 stride 2)* | apartados 1 a 3 |
# | *CONV3,4,5: instead of 384, 384, 256 filters use 512, 1024, 512* | apartado 1 |
# | *TODO: remake figure* | apartado 1: la figura, rehecha |
# | *ImageNet top 5 error: 16.4% -> 11.7%* | apartado 6 |
# | [Zeiler and Fergus, 2013], lo que la diapositiva no cuenta | apartados 2, 4 y 5 |
#
# **Tiempo:** unos 180 minutos: 55 el apartado 1, 15 el 2, 15 el 3, 30 el 4, 50 el 5, 10 el 6 y 5 el resto. **GPU:** no
# hace falta; la celda más larga dura unos segundos en 2 núcleos.
#
# | Ejercicio | Puntos |
# |---|---|
# | `n6-literal`: la diapositiva al pie de la letra | 8 |
# | `n6-figure-3`: la red del artículo | 10 |
# | `n6-receptive-field`: quién ve media imagen | 6 |
# | `n6-m1-capacity`: dónde importa la capacidad (a mano) | 10 |
# | `n6-filter-grid`: dibujar filtros sin engañar | 8 |
# | `n6-aliasing`: la frecuencia que parece | 8 |
# | `n6-occlusion`: mapa de oclusión | 15 |
# | `n6-switches`: el *pooling* que recuerda | 10 |
# | `n6-deconvnet`: de vuelta a los píxeles | 15 |
# | `n6-m2-fair-comparison`: 16,4 y 11,7 (a mano) | 10 |
# | **Total** | **100** |
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`. Te dice si está bien y, si
# reconoce el error, cuál es su causa. La celda siguiente, la de los `assert`, es la que puntúa; al corregir se le
# añaden más casos.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Se pide tu propio código: lo que ya hace `tema9.looking` no vale como respuesta.
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
from torch import nn

import tema9
import tema9.data
from tema9 import figures, gallery, looking, models, records
from tema9.arithmetic import layer_table, spanish

figures.describe_pictures()  # cada figura, con su texto alternativo
torch.manual_seed(0)
# Con redes tan pequeñas, más hilos no ganan tiempo y estorban en una máquina ocupada.
torch.set_num_threads(1)
SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))  # al corregir, los experimentos se acortan

# %% [markdown]
# ## 1. Lo que dice la diapositiva, y lo que calla
#
# > AlexNet but: CONV1: change from (11x11 stride 4) to (7x7 stride 2). CONV3,4,5: instead of 384, 384, 256 filters use
# > 512, 1024, 512
#
# Hazlo al pie de la letra: toma AlexNet y cambia **solo** eso. **Predice** antes de calcular: ¿cuántos números entran
# en FC6, si en AlexNet eran 9 216? ¿Cuántos parámetros tendrá la red, si AlexNet tenía 62 millones?
#
# ### Ejercicio `n6-literal` (8 puntos)
#
# Escribe la función que lo calcula para cualquier lista de capas. Cada una es una tupla:
#
# - `("conv", kernel_size, stride, padding, out_channels)`, con sesgos;
# - `("pool", kernel_size, stride)`, sin relleno.
#
# Los tamaños se redondean hacia abajo. Después vienen capas totalmente conectadas, con sesgos, de las neuronas que dice
# la lista `dense`. Devuelve dos números enteros: cuántos valores entran en la primera totalmente conectada y cuántos
# parámetros tiene la red entera.


# %% solution="n6-literal"
def network_size(layers, dense, side=227, channels=3):
    """Devuelve dos números enteros: (entradas de la primera capa totalmente conectada, parámetros).

    Los parámetros son los de la red entera.
    """
    ### BEGIN SOLUTION
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
    return entering, parameters
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-literal")

# %% tests="n6-literal" case="small" points=3
from tema9 import contracts, measuring

size = measuring.answer(network_size, contracts.integers(2))
assert size([("conv", 3, 1, 0, 2)], [5], side=4, channels=1) == [8, 65], (
    "4 px, un filtro de 3x3: salen 2x2x2 = 8; parámetros: (9 + 1)·2 + (8 + 1)·5 = 65"
)
### BEGIN HIDDEN TESTS
assert size([("conv", 3, 1, 1, 2)], [5], side=4, channels=1) == [32, 185], "con relleno 1 salen 4x4x2"
assert size([("pool", 2, 2)], [3], side=5, channels=2) == [8, 27], "el pooling no tiene parámetros ni relleno"
assert size([("conv", 3, 2, 0, 4), ("conv", 1, 1, 0, 6)], [2, 3], side=8, channels=1) == [54, 189], (
    "cada convolución lee los canales que deja la anterior, y cada capa totalmente conectada, las neuronas de la anterior"
)
### END HIDDEN TESTS


# %% tests="n6-literal" case="slide" points=5
from tema9 import contracts, measuring

size = measuring.answer(network_size, contracts.integers(2))
alexnet = [("conv", 11, 4, 0, 96), ("pool", 3, 2), ("conv", 5, 1, 2, 256), ("pool", 3, 2)]
alexnet += [("conv", 3, 1, 1, 384), ("conv", 3, 1, 1, 384), ("conv", 3, 1, 1, 256), ("pool", 3, 2)]
inputs, parameters = size(alexnet, [4096, 4096, 1000])
assert inputs == 9216, "en AlexNet entran 6·6·256 = 9216 números en FC6"
assert parameters == 62378344, "AlexNet, como la lista la diapositiva, tiene 62 378 344 parámetros"
### BEGIN HIDDEN TESTS
changed = [("conv", 7, 2, 0, 96), *alexnet[1:]]
assert size(changed, [4096, 4096, 1000]) == [43264, 201818216], "cambiando solo CONV1: no salen los números"
wider = [*changed[:4], ("conv", 3, 1, 1, 512), ("conv", 3, 1, 1, 1024), ("conv", 3, 1, 1, 512), ("pool", 3, 2)]
assert size(wider, [4096, 4096, 1000]) == [86528, 386548840], "con los dos cambios: no salen los números"
### END HIDDEN TESTS


# %% explore=true
alexnet = [("conv", 11, 4, 0, 96), ("pool", 3, 2), ("conv", 5, 1, 2, 256), ("pool", 3, 2)]
alexnet += [("conv", 3, 1, 1, 384), ("conv", 3, 1, 1, 384), ("conv", 3, 1, 1, 256), ("pool", 3, 2)]
literal = [("conv", 7, 2, 0, 96), *alexnet[1:4]]
literal += [("conv", 3, 1, 1, 512), ("conv", 3, 1, 1, 1024), ("conv", 3, 1, 1, 512), ("pool", 3, 2)]
try:
    for name, layers in (("AlexNet", alexnet), ("la diapositiva al pie de la letra", literal)):
        inputs, parameters = network_size(layers, [4096, 4096, 1000])
        print(f"{name}: entran {spanish(inputs)} en FC6; {spanish(parameters)} parámetros")
except NotImplementedError:
    print("escribe antes `network_size`")

# %% [markdown]
# La red literal tiene seis veces más parámetros que AlexNet, casi todos en FC6. Solo guardarlos para entrenar
# (parámetros, gradientes y momento) pide más de 4 GiB, y ZFNet se entrenó en **una** sola GTX 580 (el artículo no dice
# con cuánta memoria; el de AlexNet da 3 GB para ese modelo). Así que la red del artículo no puede ser esa. Algo más
# cambió.
#
# ### Ejercicio `n6-figure-3` (10 puntos)
#
# Escribe la función que devuelve las capas de ZFNet hasta POOL3 en un `nn.Sequential`. La figura 3 del artículo da el
# lado de los mapas de cada etapa con una entrada de **224**: CONV1 110, POOL1 55, CONV2 26, POOL2 13, CONV3 a CONV5 13,
# POOL3 6. Sabes además que CONV1 es de 7x7 con paso 2, CONV2 de 5x5, las demás de 3x3, todos los *poolings* de 3x3 con
# paso 2, y que los filtros son 96, 256, 384, 384 y 256.
#
# Encuentra los pasos y los rellenos. Pon convoluciones y *poolings*, con una ReLU justo detrás de cada convolución si
# quieres, y ninguna otra (salvo de relleno, si lo pones aparte). Pista: prueba el paso de CONV2, y `ceil_mode=True` en
# los *poolings*, que redondea hacia arriba.


# %% solution="n6-figure-3"
def zfnet_maps():
    """Devuelve un nn.Sequential con las capas de ZFNet hasta POOL3, para imágenes de 224x224x3."""
    ### BEGIN SOLUTION
    layers = [
        nn.Conv2d(3, 96, 7, stride=2, padding=1),  # 110
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),  # 55
        nn.Conv2d(96, 256, 5, stride=2),  # 26
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),  # 13
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),  # 6
    ]
    return nn.Sequential(*layers)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-figure-3")

# %% tests="n6-figure-3" points=10
from tema9 import measuring

measuring.require_own(zfnet_maps)
layers = measuring.module_rows(zfnet_maps, (1, 3, 224, 224))
rows = [row for row in layers if row[0] in ("Conv2d", "MaxPool2d")]
kinds = ["Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", "Conv2d", "Conv2d", "Conv2d", "MaxPool2d"]
assert [kind for kind, *_ in rows] == kinds, (
    "el orden es CONV1, POOL1, CONV2, POOL2, CONV3, CONV4, CONV5, POOL3"
)
assert rows[0][1] == (96, 110, 110), "CONV1 deja 96 mapas de 110x110"
### BEGIN HIDDEN TESTS
import itertools

sides = [shape[1] for _, shape, *_ in rows]
assert sides == [110, 55, 26, 13, 13, 13, 13, 6], "los lados son 110, 55, 26, 13, 13, 13, 13 y 6"
assert [shape[0] for kind, shape, *_ in rows if kind == "Conv2d"] == [96, 256, 384, 384, 256], "los filtros de la figura 3"
kernels = [settings["kernel_size"] for *_, settings in rows]
assert kernels == [7, 3, 5, 3, 3, 3, 3, 3], "los lados de los filtros y de las ventanas son los del enunciado"
assert rows[2][3]["stride"] == 2, "CONV2 va con paso 2: es lo que la diapositiva calla"
strides = [settings["stride"] for *_, settings in rows]
assert strides == [2, 2, 2, 2, 1, 1, 1, 2], "CONV1, CONV2 y los poolings van con paso 2, y las demás, con paso 1"
assert {settings["dilation"] for *_, settings in rows} == {1}, "ninguna capa salta píxeles: sin `dilation`"
weights = sum(parameters for _, _, parameters, _ in rows)
assert weights == 3726464, "las convoluciones tienen 3 726 464 parámetros: revisa que no haya grupos y que haya sesgos"
others = [kind for kind, *_ in layers if kind not in ("Conv2d", "MaxPool2d", "ReLU") and not kind.endswith("Pad2d")]
assert not others, "se piden solo convoluciones, poolings, las ReLU y, si quieres, capas de relleno"
pairs = itertools.pairwise(["the image", *(kind for kind, *_ in layers)])
before_relu = {kind for kind, following in pairs if following == "ReLU"}
assert before_relu <= {"Conv2d"}, "una ReLU solo puede ir justo detrás de una convolución"
### END HIDDEN TESTS


# %% [markdown]
# Ese paso de 2 en CONV2 es la línea que falta en la diapositiva: con él vuelven a entrar 9 216 números en FC6. Y los
# 512, 1024, 512 no son los filtros de la red base, sino los de otra que el artículo llama (b). La figura que la
# diapositiva deja pendiente es la de arriba; debajo, lo que saldría al pie de la letra:

# %% explore=true
ax = gallery.draw("zfnet").axes[0]

# %% [markdown]
# ### Ejercicio `n6-receptive-field` (6 puntos)
#
# Escribe la función que dice cuál es la **primera** capa cuyas unidades ven al menos `pixels` píxeles de lado, o `None`
# si ninguna. En el cuaderno 2 calculaste campos receptivos: ¿qué hace el cambio con lo que **ve** cada unidad?
#
# Recuerda: una capa de lado $k$ añade $(k - 1)$ veces el paso **acumulado hasta su entrada**.


# %% solution="n6-receptive-field"
def first_to_see(layers, pixels):
    """Devuelve el nombre de la primera capa con un campo receptivo de al menos `pixels`, o None.

    layers: lista de (nombre, kernel_size, stride), en orden.
    """
    ### BEGIN SOLUTION
    field, jump = 1, 1
    for name, kernel_size, stride in layers:
        field += (kernel_size - 1) * jump
        if field >= pixels:
            return name
        jump *= stride
    return None
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-receptive-field")

# %% tests="n6-receptive-field" points=6
from tema9 import contracts, measuring
from tema9.arithmetic import layer_table

first = measuring.answer(first_to_see, contracts.plain)
assert first([("A", 3, 1), ("B", 3, 1)], 5) == "B", (
    "dos capas de 3x3 ven 5 píxeles: la segunda llega"
)
### BEGIN HIDDEN TESTS
assert first([("A", 3, 1), ("B", 3, 1)], 6) is None, "si ninguna llega, None"
assert first([("A", 3, 2), ("B", 3, 2), ("C", 3, 1)], 15) == "C", "3, 7 y 15 píxeles: el paso se acumula"
for name in ("alexnet_slide", "zfnet_paper", "zfnet_slide"):
    rows = [row for row in layer_table(name) if row.receptive_field]
    layers = [(row.name, row.kernel_size, row.stride) for row in rows]
    for pixels in (12, 50, 99, 112, 171, 195, 196):
        expected = next((row.name for row in rows if row.receptive_field >= pixels), None)
        assert first(layers, pixels) == expected, f"{name}, {pixels} píxeles: es {expected}"
### END HIDDEN TESTS


# %% explore=true
for name in ("alexnet_slide", "zfnet_paper", "zfnet_slide"):
    rows = [row for row in layer_table(name) if row.receptive_field]
    try:
        half = first_to_see([(row.name, row.kernel_size, row.stride) for row in rows], 112)
    except NotImplementedError:
        break
    sees = rows[-1].receptive_field
    print(f"{name}: POOL3 ve {sees} px; la primera que ve media imagen (112 px): {half}")

# %% [markdown]
# En la lectura literal ninguna unidad ve media imagen antes de las capas totalmente conectadas. La del artículo, con su
# paso 2 en CONV2, ve casi tanto como AlexNet y con más detalle.

# %% [markdown]
# ### ¿Dónde importa la capacidad?
#
# > CONV3,4,5: instead of 384, 384, 256 filters use 512, 1024, 512
#
# La red ancha, (b), yerra el 18,8 % de top-1 **en entrenamiento**; la de la figura 3, el 33,1 % (tabla 3 del artículo).
# En validación los errores son 37,5 y 38,4 %. Y el artículo de AlexNet (apartado 7) dice que quitar cualquiera de las
# convoluciones intermedias sube el error top-1 unos 2 puntos. Pon al lado los parámetros de cada capa:

# %% explore=true
ax = figures.per_layer(layer_table("zfnet_paper"), "parameters")
for name in ("zfnet_paper", "zfnet_paper_512"):
    table = layer_table(name)
    convs = sum(row.parameters for row in table if row.kind == "Conv")
    total = table.total("parameters")
    share = spanish(100 * convs / total, 1)
    print(f"{name}: {spanish(total)} parámetros, {spanish(convs)} en convoluciones ({share} %)")

# %% [markdown]
# Para que no todo sea leer, esto lo puedes medir tú, con una AlexNet pequeña que viene con el curso y distingue figuras
# dibujadas (círculo, anillo, cuadrado...): ¿cuánto pierde si se apaga un tercio de una capa? La celda pone a cero un
# tercio de los mapas o neuronas de cada capa, elegidos al azar, y mide el error; lo repite con diez sorteos. Cada punto
# es un sorteo, y la línea es la media de los diez. La pregunta no es la misma que la del artículo (ellos volvían a
# entrenar), pero la respuesta dice de qué capas depende esta red ya entrenada.

# %% explore=true
honest = models.pretrained("alexnet_mini_shapes")
held = tema9.data.shapes(train=1, validation=1, test=5 if SHORT else 20, side=64, seed=1).test
inputs = honest.views.evaluation(held.images)
lost = {}
for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
    part = getattr(honest.layers, name)
    for seed in range(2 if SHORT else 10):
        order = torch.randperm(len(part.bias), generator=torch.Generator().manual_seed(seed))
        off = order[: len(order) // 3]

        def silence(module, given, output, off=off):
            output[:, off] = 0

        hook = part.register_forward_hook(silence)
        with torch.no_grad():
            error = 100 * (honest(inputs).argmax(1) != held.labels).float().mean().item()
        hook.remove()
        lost.setdefault(name.upper(), []).append(error)
ax = figures.seeds({"": lost}, "capa", "error con un tercio apagado (%)")
for name, errors in lost.items():
    print(f"{name}: de media, {spanish(sum(errors) / len(errors), 1)} %")

# %% [markdown]
# Con la red entera el error es del 3,0 %. Un solo sorteo engaña: según cuál sea, el error con un tercio de CONV5 apagado
# va del 5,0 al 40,0 %. Las medias de los diez dicen más: 16,4 % en CONV1; 12,3 en CONV2; 10,5 en CONV3; 8,0 en CONV4;
# 14,4 en CONV5; 4,4 en FC6 y 4,7 en FC7.

# %% [markdown]
# ### Pregunta `n6-m1-capacity` (10 puntos, se corrige a mano)
#
# **¿Dónde importa la capacidad?** Con esos datos: ¿qué gana y qué arriesga la red ancha? ¿Se puede decir que las capas
# con más parámetros son las que más importan? ¿Qué experimento harías para decidirlo, y qué mirarías? Bastan ocho
# líneas.

# %% [markdown] answer="n6-m1-capacity" points=10
# La red ancha gana poco en validación (0,9 puntos de top-1, 0,5 de top-5) y mucho en entrenamiento (14,3 puntos): la
# distancia entre los dos errores pasa de 5 a 19 puntos. Tiene capacidad de sobra y sobreajusta; lo que gana se paga con
# 45 millones de parámetros más.
#
# No, tener más parámetros no es importar más. El 94 % de los parámetros está en las capas totalmente conectadas, y
# quitar una convolución intermedia, que tiene el 1 o el 2 %, cuesta unos 2 puntos. En nuestra medida tampoco crecen
# juntos: apagar un tercio de una capa totalmente conectada, donde están casi todos los parámetros, es lo que menos daño
# hace.
#
# Para decidirlo hay que volver a entrenar: quitar o ensanchar una capa cada vez, con la misma receta y varias semillas,
# y mirar el error de validación y también el de entrenamiento, para separar la falta de capacidad del sobreajuste.
# Apagar mapas de una red ya entrenada dice de qué depende esa red, no qué podría aprender sin ellos.

# %% [markdown] locked="n6-m1-capacity-criteria"
# *Se corrige a mano: 10 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 3 puntos: la ancha gana menos de 1 punto en validación y más de 14 en entrenamiento, y lo llama sobreajuste.
# - 3 puntos: parámetros e importancia no crecen juntos, con números (94 % en las totalmente conectadas; quitar una
#   convolución con el 1 o 2 % cuesta unos 2 puntos).
# - 2 puntos: propone reentrenar cambiando una cosa cada vez, con varias semillas.
# - 1 punto: mira el error de entrenamiento además del de validación.
# - 1 punto: apagar mapas de una red entrenada no es lo mismo que entrenar sin ellos.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 2. Los filtros de la primera capa
#
# Zeiler y Fergus (apartado 4.1 y figura 6) vieron que los filtros de AlexNet mezclaban frecuencias muy altas y muy
# bajas, con pocas intermedias, y que había más filtros «muertos» (*dead*) que en su red. En su propio
# entrenamiento vieron otra cosa (apartado 3): unos pocos filtros dominaban a los demás, y por eso reducían el filtro
# cuya raíz de la media de los cuadrados pasaba de 0,1. Pero un dibujo de filtros puede engañar: depende de cómo se pasa
# de pesos, con signo, a colores.
#
# ### Ejercicio `n6-filter-grid` (8 puntos)
#
# Escribe la función que coloca los filtros en una rejilla, sin huecos, por filas. El peso 0 es el gris medio, 0,5, y el
# peso mayor en valor absoluto llega a 0 o a 1: si $m$ es ese valor, un peso $w$ se pinta como $0{,}5 + w / (2 m)$. Con
# `shared=True` hay **un** $m$ para todos los filtros; si no, uno para cada filtro, con sus tres canales juntos. Ningún
# filtro es todo ceros, así que $m$ nunca es 0. Las casillas que sobren quedan a 0,5. No cambies los pesos que te dan.


# %% solution="n6-filter-grid"
def filter_grid(weights, columns, shared=True):
    """Devuelve la imagen (filas · lado, columns · lado, 3) de los filtros.

    weights: array (n, 3, lado, lado).
    """
    ### BEGIN SOLUTION
    count, channels, side, _ = weights.shape
    rows = -(-count // columns)
    grid = np.full((rows * side, columns * side, channels), 0.5)
    largest = np.abs(weights).max()
    for place, kernel in enumerate(weights):
        m = largest if shared else np.abs(kernel).max()
        top, left = place // columns * side, place % columns * side
        grid[top : top + side, left : left + side] = 0.5 + kernel.transpose(1, 2, 0) / (2 * m)
    return grid
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-filter-grid")

# %% tests="n6-filter-grid" points=8
import numpy as np

from tema9 import contracts, measuring

grid = measuring.answer(filter_grid, contracts.array)
weights = np.zeros((2, 3, 1, 1))
weights[0, :, 0, 0], weights[1, :, 0, 0] = (1.0, 0.0, -1.0), (0.5, 0.0, 0.0)
image = grid(weights, columns=2)
assert image.shape == (1, 2, 3), (
    "dos filtros de 1x1 en dos columnas: una imagen de 1x2 con 3 canales al final"
)
assert contracts.close(image[0, 0], [1.0, 0.5, 0.0]), (
    "el peso 1 es blanco, el 0 gris medio y el -1 negro"
)
### BEGIN HIDDEN TESTS
assert contracts.close(image[0, 1], [0.75, 0.5, 0.5]), "con una escala para todos, el peso 0,5 es 0,75"
assert contracts.close(grid(weights, 2, shared=False)[0, 1], [1.0, 0.5, 0.5]), "con una por filtro, es 1"
draw = np.random.default_rng(6)
for count, columns, side, height, width in ((5, 3, 4, 8, 12), (4, 2, 3, 6, 6), (2, 4, 2, 2, 8), (3, 1, 2, 6, 2)):
    weights = draw.normal(size=(count, 3, side, side))
    for shared in (True, False):
        case = f"{count} filtros de {side}x{side} en {columns} columnas, shared={shared}"
        image = grid(weights, columns, shared=shared)
        assert image.shape == (height, width, 3), f"la imagen mide {height}x{width}: {case}"
        expected = np.full((height, width, 3), 0.5)
        for place, kernel in enumerate(weights):
            top, left = place // columns * side, place % columns * side
            m = max((weights if shared else kernel).max(), -(weights if shared else kernel).min())
            for channel in range(3):
                expected[top : top + side, left : left + side, channel] = 0.5 + kernel[channel] / (2 * m)
        assert contracts.close(image, expected), f"los grises de los filtros o de las casillas que sobran: {case}"
        assert not measuring.changes_its_inputs(filter_grid, weights, columns, shared), "has modificado los pesos"
### END HIDDEN TESTS


# %% explore=true
kernels = models.first_layer().numpy()
try:
    scales = {"una escala": True, "una por filtro": False}
    grids = {words: filter_grid(kernels, 12, shared) for words, shared in scales.items()}
    ax = figures.pictures([(words, grid.transpose(2, 0, 1)) for words, grid in grids.items()])
except NotImplementedError:
    print("escribe antes `filter_grid`")

# %% [markdown]
# Son los 96 filtros de 11 × 11 del cuaderno 4, aprendidos con trozos de fotografías. A la izquierda se ve cuáles son
# fuertes; a la derecha parecen todos igual de importantes, también los que son casi ruido. Las dos figuras son correctas si dicen qué escala usan.

# %% [markdown]
# ## 3. El paso de 4 píxeles
#
# > CONV1: change from (11x11 stride 4) to (7x7 stride 2)
#
# La razón del cambio, según el artículo, son artefactos de *aliasing* por el paso de 4. Si miras una onda cada $s$
# píxeles, dos ondas distintas pueden dar las mismas muestras: la frecuencia $f$ (en ciclos por píxel) y la $f - 1/s$
# no se distinguen. Lo que se ve es siempre una frecuencia de 0 a $1/(2s)$, la más baja de las posibles.
#
# **Predice:** con paso 4, ¿qué frecuencia parece una onda de 0,2 ciclos por píxel? ¿Y con paso 2?
#
# ### Ejercicio `n6-aliasing` (8 puntos)
#
# Escribe la función que da la frecuencia que **parece** tener, en ciclos por píxel de la imagen original, sin
# redondearla.


# %% solution="n6-aliasing"
def apparent_frequency(frequency, stride):
    """Frecuencia que parece tener una onda de `frequency` mirada cada `stride` píxeles.

    Las dos, en ciclos por píxel.
    """
    ### BEGIN SOLUTION
    folded = frequency % (1 / stride)
    return min(folded, 1 / stride - folded)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-aliasing")

# %% tests="n6-aliasing" points=8
import numpy as np

from tema9 import contracts, measuring

seems = measuring.answer(apparent_frequency, contracts.number)
assert contracts.close(seems(0.2, 4), 0.05, tolerance=1e-5), (
    "con paso 4, una onda de 0,2 parece de 0,05 ciclos por píxel"
)
### BEGIN HIDDEN TESTS
assert contracts.close(seems(0.2, 2), 0.2, tolerance=1e-5), "con paso 2 la de 0,2 se ve como es: no llega a 1/4"
assert contracts.close(seems(0.1, 4), 0.1, tolerance=1e-5), "la de 0,1 se ve bien con paso 4: no llega a 1/8"
pixels = np.arange(0, 3840)
for stride in (1, 2, 3, 4, 8):
    for cycles in (96, 480, 720, 864, 1200, 1632, 1900):
        frequency = cycles / 3840
        samples = np.cos(2 * np.pi * frequency * pixels)[::stride]
        spectrum = np.hypot(np.fft.rfft(samples).real, np.fft.rfft(samples).imag)
        seen = int(spectrum.argmax()) / len(samples) / stride
        found = seems(frequency, stride)
        assert contracts.close(found, seen, tolerance=1e-5), f"{frequency} ciclos por píxel con paso {stride}: parece {seen:.4f}"
### END HIDDEN TESTS


# %% explore=true
try:
    frequencies = np.linspace(0, 0.5, 201)
    seen = {f"paso {s}": [apparent_frequency(f, s) for f in frequencies] for s in (1, 2, 4)}
    axes = "frecuencia de la imagen (ciclos por píxel)", "la que parece"
    ax = figures.curves(frequencies, seen, *axes)
except NotImplementedError:
    print("escribe antes `apparent_frequency`")

# %% [markdown]
# Con paso 4, tres cuartas partes de las frecuencias se pliegan sobre las bajas, y la capa siguiente no puede saberlo.
# Un filtro que dejara pasar solo las bajas lo evitaría, pero los filtros de alta frecuencia son justo los que la red
# aprendió. Con paso 2 se pliega la mitad.

# %% [markdown]
# ## 4. Tapar para saber dónde mira
#
# ¿Reconoce la red el objeto o lo que lo rodea? Zeiler y Fergus tapaban un cuadrado de la imagen con gris, lo movían por
# toda ella, y apuntaban la probabilidad de la clase correcta en cada sitio. Donde la probabilidad **cae** hay algo que
# la red necesita.
#
# ### Ejercicio `n6-occlusion` (15 puntos)
#
# Escribe la función que hace el mapa de oclusión. `model` recibe un minilote (N, C, alto, ancho) y devuelve *logits*
# (N, clases). El cuadrado, de lado `size`, se coloca en las filas y columnas $0, s, 2s, \ldots$ (con $s$ el paso,
# `stride`) mientras quepa **entero**. `fill` es el color con que se tapa: un número, o un tensor con uno por canal. Se
# pide la **probabilidad** de la clase `label`, no su *logit*. No cambies la imagen que te dan.


# %% solution="n6-occlusion"
def occlusion_map(model, image, label, size, stride, fill=0.0):
    """Devuelve un tensor (filas, columnas) con la probabilidad de `label` con cada cuadrado tapado.

    image: tensor (C, alto, ancho), como lo lee la red.
    """
    ### BEGIN SOLUTION
    colour = torch.as_tensor(fill).reshape(-1, 1, 1)
    tops = range(0, image.shape[1] - size + 1, stride)
    lefts = range(0, image.shape[2] - size + 1, stride)
    rows = []
    for top in tops:
        covered = image.repeat(len(lefts), 1, 1, 1)
        for place, left in enumerate(lefts):
            covered[place, :, top : top + size, left : left + size] = colour
        with torch.no_grad():
            rows.append(model(covered).softmax(dim=1)[:, label])
    return torch.stack(rows)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-occlusion")

# %% tests="n6-occlusion" case="map" points=8
import torch

from tema9 import measuring
from tema9.contracts import close

measuring.require_own(occlusion_map)
image = torch.rand(3, 12, 14, generator=torch.Generator().manual_seed(1))
found = measuring.with_classifier(occlusion_map, image.clone(), 2, 4, 2)
assert found.shape == (5, 6), "en 12x14 px, un cuadrado de 4 con paso 2 cabe en 5x6 sitios"
### BEGIN HIDDEN TESTS
for size, stride, label, seed in ((4, 2, 2, 0), (5, 3, 0, 1), (12, 1, 3, 2), (1, 4, 1, 3)):
    model = measuring.known_classifier(seed=seed)
    tops, lefts = range(0, 12 - size + 1, stride), range(0, 14 - size + 1, stride)
    found = measuring.with_classifier(occlusion_map, image.clone(), label, size, stride, seed=seed)
    case = f"cuadrado de {size}, paso {stride}, clase {label}"
    assert found.shape == (len(tops), len(lefts)), f"la forma no es la debida: {case}"
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            covered = image.clone()
            covered[:, top : top + size, left : left + size] = 0
            expected = model(covered[None]).softmax(1)[0, label]
            assert close(found[row, column], expected), f"no coincide en ({row}, {column}): {case}"
### END HIDDEN TESTS


# %% tests="n6-occlusion" case="fill" points=7
import torch

from tema9 import measuring
from tema9.contracts import close

measuring.require_own(occlusion_map)
image = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(2))
grey = measuring.with_classifier(occlusion_map, image.clone(), 1, 10, 1, 0.5)
expected = measuring.known_classifier()(torch.full((1, 3, 10, 10), 0.5)).softmax(1)[0, 1]
assert close(grey, [[expected]]), "tapada entera con 0,5, la red ve una imagen gris"
### BEGIN HIDDEN TESTS
colour = torch.tensor([0.2, 0.9, 0.4])
found = measuring.with_classifier(occlusion_map, image.clone(), 3, 6, 4, colour)
assert found.shape == (2, 2), "en 10x10 px, un cuadrado de 6 con paso 4 cabe en 2x2 sitios"
model = measuring.known_classifier()
for row in range(2):
    for column in range(2):
        covered = image.clone()
        covered[:, 4 * row : 4 * row + 6, 4 * column : 4 * column + 6] = colour[:, None, None]
        expected = model(covered[None]).softmax(1)[0, 3]
        assert close(found[row, column], expected), "con un color por canal no coincide"
changed = measuring.changes_the_image(occlusion_map, image, 3, 6, 4)
assert not changed, "has modificado la imagen que te dan: haz una copia"
### END HIDDEN TESTS


# %% [markdown]
# Pruébalo con dos redes que vienen con el curso. Las dos clasifican figuras dibujadas (círculo, anillo, cuadrado,
# triángulo y cruz) de cualquier color. Una aprendió con imágenes limpias. La otra, con imágenes que llevaban en el
# fondo un cuadradito cuyo color decía la clase. **Predice** cómo será el mapa de cada una.

# %% explore=true
shapes = tema9.data.shapes(train=1, validation=1, test=2 if SHORT else 20, side=64)
marked = shapes.test_marked
both = {"la honrada": "alexnet_mini_shapes", "la tramposa": "alexnet_mini_shortcut"}
for words, name in both.items():
    model = models.pretrained(name)
    for split, which in ((shapes.test, "sin marca"), (marked, "con marca")):
        answers = model(model.views.evaluation(split.images)).argmax(1)
        right = (answers == split.labels).float().mean().item()
        print(f"{words} acierta {which} el {spanish(100 * right, 0)} %")

# %% explore=true
try:
    for name in ("alexnet_mini_shapes", "alexnet_mini_shortcut"):
        model = models.pretrained(name)
        inputs = model.views.evaluation(marked.images)
        label = marked.labels[0].item()
        mine = occlusion_map(model, inputs[0], label, size=9, stride=2)
        edge = (64 - inputs.shape[-1]) // 2
        image = marked.images[0, :, edge : edge + inputs.shape[-1], edge : edge + inputs.shape[-1]]
        uncovered = model(inputs[:1]).softmax(1)[0, label].item()
        shown = looking.Sensitivity(mine, None, 9, 2, None, uncovered)
        figures.occlusion(image, shown, gallery.SHAPES[shapes.classes[label]])
except NotImplementedError:
    print("escribe antes `occlusion_map`")

# %% [markdown]
# El mapa delata a la red tramposa: solo le importa la marca, y por eso su acierto con marca parecía excelente.
#
# Ahora lleva tú el cuadrado. **Predice**: ¿dónde hay que ponerlo para engañar a cada una de las dos redes? Cambia
# también su tamaño: si es pequeño, tapa poco y la respuesta no cambia; si es grande, tapa también lo de al lado.

# %% explore=true
from tema9 import widgets

widgets.occlusion("la honrada")

# %% [markdown]
# ## 5. De vuelta a los píxeles: la *deconvnet*
#
# Un mapa de CONV4 responde mucho a una imagen. ¿A qué zona responde, y a qué rasgo de ella? La *deconvnet* de Zeiler y
# Fergus deja una sola activación, pone las demás a cero y deshace el camino capa a capa, hasta los píxeles:
#
# - el *pooling* se deshace poniendo cada valor **donde estaba el máximo**; hay que recordar dónde (los *switches*);
# - la ReLU se deshace con otra ReLU, ahora sobre la señal que vuelve;
# - la convolución, con los mismos filtros **traspuestos**.
#
# ### Ejercicio `n6-switches` (10 puntos)
#
# Escribe las dos mitades para un mapa, un array (alto, ancho). `pool` devuelve los máximos y, para cada uno, su sitio en
# el mapa **aplanado** (fila por ancho más columna); si hay empate, el primero que se lee. `unpool` devuelve un mapa de
# la forma pedida con cada valor en su sitio; si dos o más ventanas solapadas eligieron el mismo píxel, sus valores se
# **suman**. No escribas en los arrays que te dan.


# %% solution="n6-switches"
def pool(a, size=3, stride=2):
    """Devuelve (máximos, sitios), dos arrays de la misma forma; las ventanas caben enteras."""
    ### BEGIN SOLUTION
    rows = (a.shape[0] - size) // stride + 1
    columns = (a.shape[1] - size) // stride + 1
    values, places = np.empty((rows, columns)), np.empty((rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            window = a[y * stride : y * stride + size, x * stride : x * stride + size]
            down, right = divmod(window.argmax(), size)
            places[y, x] = (y * stride + down) * a.shape[1] + x * stride + right
            values[y, x] = window[down, right]
    return values, places
    ### END SOLUTION


def unpool(values, places, shape):
    """Devuelve un mapa de esa forma con cada valor en su sitio, sumados si coinciden."""
    ### BEGIN SOLUTION
    result = np.zeros(shape[0] * shape[1])
    np.add.at(result, places.ravel(), values.ravel())
    return result.reshape(shape)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-switches")

# %% tests="n6-switches" case="pool" points=5
import numpy as np
import torch

from tema9 import contracts, measuring

pooled = measuring.answer(pool, contracts.together(contracts.array, contracts.array))
values, places = pooled(np.array([[1.0, 2.0], [4.0, 3.0]]), size=2, stride=2)
assert contracts.close(values, [[4.0]]) and contracts.close(places, [[2]]), (
    "el máximo es 4 y está en el sitio 2"
)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(7)
for height, width, size, stride in ((7, 7, 3, 2), (6, 9, 2, 2), (8, 5, 3, 1), (5, 6, 4, 3), (7, 8, 2, 3)):
    for a in (draw.normal(size=(height, width)), draw.normal(size=(height, width)) - 5):
        values, places = pooled(a, size=size, stride=stride)
        expected = torch.nn.functional.max_pool2d(torch.from_numpy(a)[None, None], size, stride, return_indices=True)
        case = f"{height}x{width}, ventana {size}, paso {stride}"
        assert values.shape == expected[0].shape[2:], f"la forma no es la debida: {case}"
        assert contracts.close(values, expected[0][0, 0]), f"los máximos no coinciden: {case}"
        assert places.tolist() == expected[1][0, 0].tolist(), f"los sitios no coinciden: {case}"
_, places = pooled(np.zeros((3, 3)), size=3, stride=2)
assert places.tolist() == [[0]], "en un empate, el primero que se lee"
_, places = pooled(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 1.0], [2.0, 1.0, 1.0]]), size=3, stride=2)
assert places.tolist() == [[2]], "en un empate, el primero que se lee, por filas"
assert not measuring.changes_its_inputs(pool, a, size, stride), "tu función escribe en el mapa que le dan"
### END HIDDEN TESTS


# %% tests="n6-switches" case="unpool" points=5
import numpy as np

from tema9 import contracts, measuring

back = measuring.answer(unpool, contracts.array)
found = back(np.array([[5.0]]), np.array([[2]]), (2, 2))
assert contracts.close(found, [[0.0, 0.0], [5.0, 0.0]]), (
    "el 5 va al sitio 2: fila 1, columna 0; los demás, cero"
)
### BEGIN HIDDEN TESTS
found = back(np.array([[99.0, 99.0], [99.0, 99.0]]), np.array([[12, 12], [12, 12]]), (5, 5))
assert found.shape == (5, 5), "el mapa tiene la forma pedida"
assert contracts.close(found[2, 2], 396), "cuatro ventanas eligieron el mismo píxel: sus valores se suman"
assert contracts.close(found.sum(), 396), "los demás píxeles son cero"
found = back(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0, 3], [9, 3]]), (3, 4))
assert contracts.close(found, [[1, 0, 0, 6], [0, 0, 0, 0], [0, 3, 0, 0]]), "no coincide en un mapa de 3x4"
found = back(np.array([[-1.5, 2.0, -3.0]]), np.array([[5, 1, 5]]), (3, 2))
assert contracts.close(found, [[0, 2], [0, 0], [0, -4.5]]), "los valores pueden ser negativos"
values, places = np.array([[1.0, 2.0]]), np.array([[3, 3]])
assert not measuring.changes_its_inputs(unpool, values, places, (2, 2)), "tu función escribe en los arrays que le dan"
### END HIDDEN TESTS


# %% [markdown]
# ¿Y qué pasa en la ReLU? Aquí se separan tres métodos. Sea $a$ lo que entró en la ReLU hacia delante y $g$ la señal que
# vuelve:
#
# - **gradiente** (retropropagación): pasa $g$ donde $a > 0$;
# - ***deconvnet***: pasa $g$ donde $g > 0$, sin mirar $a$;
# - **retropropagación guiada** (*guided backpropagation*, Springenberg y otros, 2015): pasa $g$ donde $a > 0$ **y**
#   $g > 0$.
#
# ### Ejercicio `n6-deconvnet` (15 puntos)
#
# Escribe los tres pasos de la vuelta en una capa hecha de convolución, ReLU y *max pooling* de 3x3 con paso 2. Cada
# función se corrige por separado (6, 4 y 5 puntos), y ninguna escribe en los tensores que le dan.
#
# - `keep_strongest` recibe lo que sale de la convolución. Le aplica la ReLU y el *pooling*, busca la activación **más
#   fuerte** que queda en el mapa `map` **después** del *pooling*, y la pone donde estaba ese máximo; todo lo demás,
#   también en los otros mapas, es cero. Si la ReLU apaga el mapa entero, todo es cero.
# - `relu_back` devuelve la señal que sale de la ReLU hacia atrás, según la regla.
# - `project` lleva una señal cualquiera de los mapas a los píxeles: cada valor pinta el filtro de su mapa, multiplicado
#   por él, en los píxeles que ese filtro leyó, y lo que cae en el mismo píxel se suma. Los sesgos no vuelven.
#
# Puedes usar `F.max_pool2d` con `return_indices=True` y `F.conv_transpose2d`.


# %% solution="n6-deconvnet"
def keep_strongest(before, map):
    """Deja solo la activación más fuerte de un mapa después del pooling, en el sitio donde estaba.

    before: tensor (K, alto, ancho), lo que sale de la convolución.
    Devuelve un tensor de la misma forma.
    """
    ### BEGIN SOLUTION
    pooled, places = F.max_pool2d(F.relu(before), 3, 2, return_indices=True)
    strongest = pooled[map].argmax()
    signal = torch.zeros_like(before).flatten(1)
    signal[map, places[map].flatten()[strongest]] = pooled[map].max()
    return signal.reshape(before.shape)
    ### END SOLUTION


def relu_back(signal, before, rule):
    """Devuelve la señal después de deshacer la ReLU.

    signal, before: tensores de la misma forma; before es lo que entró en la ReLU.
    rule: "gradient", "deconvnet" o "guided".
    """
    ### BEGIN SOLUTION
    passes = signal if rule == "gradient" else F.relu(signal)
    return passes if rule == "deconvnet" else passes * (before > 0)
    ### END SOLUTION


def project(signal, weight, stride=2):
    """Lleva la señal de los mapas de una convolución con ese paso y sin relleno a los píxeles.

    signal: tensor (K, alto, ancho). weight: (K, C, lado, lado). Devuelve los píxeles que leyeron
    los filtros, un tensor (C, (alto - 1) · stride + lado, (ancho - 1) · stride + lado).
    """
    ### BEGIN SOLUTION
    return F.conv_transpose2d(signal[None], weight, stride=stride)[0]
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n6-deconvnet")

# %% tests="n6-deconvnet" case="strongest" points=6
import torch

from tema9 import contracts, measuring

kept = measuring.answer(keep_strongest, contracts.array)
before = torch.tensor([[[1.0, 2.0, 0.0], [5.0, 3.0, 4.0], [0.0, 1.0, 2.0]]])
assert contracts.close(kept(before, 0), [[[0, 0, 0], [5, 0, 0], [0, 0, 0]]]), (
    "el máximo de la única ventana es 5: queda solo"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(10)
for maps, height, width in ((1, 7, 7), (3, 9, 12), (4, 10, 5), (2, 3, 8), (5, 6, 11)):
    before = torch.randn(maps, height, width, generator=generator)
    for chosen in range(maps):
        expected = torch.zeros(maps, height, width)
        read = before[chosen, : (height - 3) // 2 * 2 + 3, : (width - 3) // 2 * 2 + 3]  # lo que leen las ventanas
        row, column = divmod(int(read.argmax()), read.shape[1])
        expected[chosen, row, column] = read.max()
        found = kept(before, chosen)
        case = f"{maps} mapas de {height}x{width}, mapa {chosen}"
        assert found.shape == expected.shape, f"la forma es la de lo que sale de la convolución: {case}"
        assert contracts.close(found, expected), f"queda un solo valor, el mayor, en el sitio donde estaba: {case}"
edge = torch.zeros(1, 8, 8)
edge[0, 2, 3], edge[0, 7, 7] = 4.0, 9.0
expected = torch.zeros(1, 8, 8)
expected[0, 2, 3] = 4.0
assert contracts.close(kept(edge, 0), expected), (
    "en un mapa de 8x8, las ventanas de 3x3 con paso 2 no llegan a la última fila: se busca después del pooling"
)
assert contracts.close(kept(edge - 1000, 0), torch.zeros(1, 8, 8)), (
    "si la ReLU apaga el mapa entero, la activación más fuerte es 0"
)
assert not measuring.changes_its_inputs(keep_strongest, edge, 0), "`keep_strongest` escribe en el tensor que le dan"
### END HIDDEN TESTS


# %% tests="n6-deconvnet" case="rules" points=4
import torch

from tema9 import contracts, measuring

back = measuring.answer(relu_back, contracts.array)
signal, before = torch.tensor([2.0, -3.0, 5.0, -7.0]), torch.tensor([1.0, 1.0, -1.0, -1.0])
found = back(signal, before, "gradient")
assert contracts.close(found, [2, -3, 0, 0]), (
    "gradiente: pasa donde entró algo positivo, con su signo"
)
### BEGIN HIDDEN TESTS
assert contracts.close(back(signal, before, "deconvnet"), [2, 0, 5, 0]), "deconvnet: pasa lo positivo de la señal"
assert contracts.close(back(signal, before, "guided"), [2, 0, 0, 0]), "guiada: las dos condiciones a la vez"
zeros = torch.zeros(4)
for rule in ("gradient", "guided"):
    assert contracts.close(back(signal, zeros, rule), [0, 0, 0, 0]), "donde entró un 0 no pasa nada: 0 no es positivo"
generator = torch.Generator().manual_seed(8)
signal, before = torch.randn(2, 3, 4, generator=generator), torch.randn(2, 3, 4, generator=generator)
for rule, expected in {
    "gradient": signal * (before > 0),
    "deconvnet": signal * (signal > 0),
    "guided": signal * (signal > 0) * (before > 0),
}.items():
    assert contracts.close(back(signal, before, rule), expected), f"no coincide con números al azar: {rule}"
    assert not measuring.changes_its_inputs(relu_back, signal, before, rule), "tu función escribe en sus argumentos"
### END HIDDEN TESTS


# %% tests="n6-deconvnet" case="layer" points=5
import torch

from tema9 import contracts, measuring

pixels = measuring.answer(project, contracts.array)
signal, weight = torch.tensor([[[0.0, 3.0]]]), torch.tensor([[[[1.0, 2.0], [4.0, 5.0]]]])
found = pixels(signal, weight)
assert found.shape == (1, 2, 4), (
    "con un filtro de 2x2 y paso 2, una señal de 1x2 sale de 2x4 píxeles: (1, 2, 4)"
)
assert contracts.close(found, [[[0, 0, 3, 6], [0, 0, 12, 15]]]), (
    "el valor 3 pinta el filtro, tres veces mayor, a la derecha"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(9)
for channels, kernels, side, stride, height, width in (
    (3, 4, 3, 2, 7, 7),
    (2, 3, 5, 1, 4, 6),
    (1, 2, 7, 2, 8, 5),
    (2, 3, 3, 3, 4, 7),
    (1, 3, 2, 4, 3, 3),
):
    signal = torch.randn(kernels, height, width, generator=generator)
    weight = torch.randn(kernels, channels, side, side, generator=generator)
    expected = torch.zeros(channels, (height - 1) * stride + side, (width - 1) * stride + side)
    for kernel in range(kernels):
        for row in range(height):
            for column in range(width):
                top, left = row * stride, column * stride
                expected[:, top : top + side, left : left + side] += signal[kernel, row, column] * weight[kernel]
    found = pixels(signal, weight, stride=stride)
    case = f"{kernels} filtros de {side}x{side} y {channels} canales, paso {stride}, señal de {height}x{width}"
    assert found.shape == expected.shape, f"la forma no es la debida: {case}"
    assert contracts.close(found, expected), f"cada valor pinta el filtro de su mapa, y lo que coincide se suma: {case}"
assert not measuring.changes_its_inputs(project, signal, weight), "`project` escribe en los tensores que le dan"
### END HIDDEN TESTS


# %% [markdown]
# Junta los tres pasos en CONV1 de la red de fotografías, con los tres mapas que más responden a una imagen. **Predice**
# qué se verá en cada uno: ¿la imagen, un trozo de ella, u otra cosa?

# %% explore=true
photographs = models.pretrained("alexnet_mini")
conv1 = photographs.layers.conv1
image = photographs.views.evaluation(tema9.data.textures().test.images[7:8])[0]
try:
    with torch.no_grad():
        before = conv1(image[None])[0]
        tiles = [("la imagen", (image - image.amin()) / (image.amax() - image.amin()))]
        for map in before.amax(dim=(1, 2)).topk(3).indices.tolist():
            signal = relu_back(keep_strongest(before, map), before, "deconvnet")
            pixels = project(signal, conv1.weight, conv1.stride[0])
            tiles.append((f"mapa {map}", gallery.signed(pixels)))
    ax = figures.pictures(tiles)
except NotImplementedError:
    print("escribe antes `keep_strongest`, `relu_back` y `project`")

# %% [markdown]
# Con una capa la *deconvnet* pinta el filtro en su sitio. Con cuatro capas ya no pinta un filtro, sino una combinación
# de muchos. Esta es la activación más fuerte de CONV4 en la red honrada, con los tres métodos, que hace
# `tema9.looking.project` en toda la red:

# %% explore=true
ax = gallery.deconvnet()

# %% [markdown]
# **Predice** a qué responde un mapa de CONV3 de la red de fotografías antes de ver las seis imágenes que más lo
# activan, con el trozo que ve esa unidad, y debajo sus proyecciones, como en la figura 2 del artículo.

# %% explore=true
photographs = models.pretrained("alexnet_mini")
views = photographs.views.evaluation(tema9.data.textures().test.images[:: 10 if SHORT else 1])
best = looking.strongest(photographs, views, "relu3", map=5, count=6)
tiles = []
for patch in best:
    image = views[patch.image]
    low, high = image.amin(), image.amax()
    tiles.append((f"{patch.value:.1f}".replace(".", ","), (image - low) / (high - low)))
for patch in best:
    back = looking.project(photographs, views[patch.image], "relu3", patch.unit).pixels
    tiles.append(("", gallery.signed(back)))
ax = figures.pictures(tiles, columns=6, boxes=[patch.box for patch in best] * 2)

# %% [markdown]
# Si tienes red y 244 MB, haz lo mismo con la AlexNet de torchvision, entrenada con ImageNet: los filtros de CONV1 y los
# mapas de CONV5 son ya los de verdad. Esta celda no descarga nada mientras no cambies `DOWNLOAD`.

# %% explore=true
DOWNLOAD = False
if DOWNLOAD:
    big, _ = models.torchvision_alexnet()
    ax = figures.filters(looking.filters(big))

# %% [markdown]
# ## 6. De 16,4 a 11,7
#
# > ImageNet top 5 error: 16.4% -> 11.7%
#
# Estas son las cifras de los dos artículos (tablas 2 de ambos), con cuántas redes y qué datos. La tabla de ILSVRC del
# cuaderno 5 añade una más: 11,743 % es el error de **Clarifai**, la empresa de Zeiler, en 2013 y sin datos externos.

# %% explore=true
print(f"{'modelo':26} {'redes':>6} {'datos':>9} {'top-5 val':>10} {'top-5 test':>10}")
for row in records.read("results"):
    val, test = (spanish(row[key], 1) if row[key] else "" for key in ("top5_val", "top5_test"))
    extra = "externos" if row["outside_data"] == "yes" else "dados"
    print(f"{row['model']:26} {row['networks'] or '':>6} {extra:>9} {val:>10} {test:>10}")

# %% [markdown]
# ### Pregunta `n6-m2-fair-comparison` (10 puntos, se corrige a mano)
#
# **Reescribe la línea «16.4% -> 11.7%» para que compare lo comparable.** Di qué es cada una de las dos cifras (qué
# red, cuántas, qué datos), y da al menos dos comparaciones justas con la tabla. ¿Cuánto gana de verdad el cambio de
# arquitectura? Bastan ocho líneas.

# %% [markdown] answer="n6-m2-fair-comparison" points=10
# 16,4 es el error en test de **cinco** AlexNet promediadas, solo con los datos dados. 11,7 no es de ninguna red del
# artículo de ZFNet: es de la participación de Clarifai en 2013, un promedio de varios modelos, también sin datos
# externos, elegidos con estas visualizaciones. Comparar las dos mezcla el número de redes y la red misma.
#
# Comparaciones justas, con los mismos datos y el mismo número de redes:
#
# - una red, validación: AlexNet 18,2 (18,1 la copia de Zeiler y Fergus) contra ZFNet 16,5: 1,6 o 1,7 puntos; 16,0 con
#   la ancha;
# - cinco redes, test: AlexNet 16,4 contra ZFNet 15,3: 1,1 puntos.
#
# Lo mejor del artículo son seis redes: 14,8 en test. La línea quedaría: «una red, top-5 de validación: 18,2 → 16,5;
# cinco redes, test: 16,4 → 15,3». El cambio de arquitectura gana entre 1 y 2 puntos, no 4,7.

# %% [markdown] locked="n6-m2-fair-comparison-criteria"
# *Se corrige a mano: 10 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: 16,4 es de cinco redes, test, solo con los datos dados.
# - 2 puntos: 11,7 es de Clarifai 2013, varias redes; no es un resultado del artículo de ZFNet.
# - 4 puntos: dos comparaciones justas, 2 cada una (una red: 18,2 o 18,1 → 16,5; cinco redes: 16,4 → 15,3; con la ancha,
#   18,2 → 16,0).
# - 2 puntos: la ganancia es de 1 a 2 puntos (vale con cualquier comparación justa); y lo mejor del artículo es 14,8.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Lo que te llevas
#
# - Al pie de la letra, la diapositiva da 386 548 840 parámetros. La línea que le falta es que CONV2 también va con paso
#   2.
# - Con paso 4 se confunden frecuencias distintas; con paso 2, menos. Es uno de los dos defectos que vieron Zeiler y
#   Fergus.
# - Un mapa de oclusión dice de qué depende la respuesta, y descubre atajos que el acierto esconde.
# - Gradiente, *deconvnet* y retropropagación guiada solo se diferencian en la ReLU.
# - Antes de comparar dos errores, mira de qué red son, cuántas redes se promediaron y con qué datos.
#
# **Fuentes.** Zeiler y Fergus (2014), *Visualizing and Understanding Convolutional Networks*, ECCV, apartados 2 a 5,
# figuras 2, 3 y 6 y tablas 2 y 3. Krizhevsky, Sutskever y Hinton (2012), *ImageNet Classification with Deep
# Convolutional Neural Networks*, NIPS 25, apartados 3.2 y 7 y tabla 2. La retropropagación guiada: Springenberg,
# Dosovitskiy, Brox y Riedmiller (2015), *Striving for Simplicity: The All Convolutional Net*, ICLR (*workshop*). Los
# errores de la red que distingue figuras son nuestros. Diapositivas: CS231n (2017), lección 9.
