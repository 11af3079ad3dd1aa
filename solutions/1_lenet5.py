# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 200
#   title: '1. Repaso: LeNet-5'
# ---

# %% [markdown]
# # 1. Repaso: LeNet-5
#
# Antes de entrar en AlexNet, volvemos a la red de la que desciende. LeNet-5 es de 1998, cabe en una diapositiva y
# tiene solo 60 000 parámetros, así que puedes hacer a mano todo lo que después harás con 60 millones.
#
# Al terminar sabrás:
#
# - calcular el tamaño de salida de cualquier capa, y por qué la imagen mide 32 × 32 píxeles;
# - escribir una convolución con bucles y la capa de submuestreo (*subsampling*) de 1998;
# - contar los parámetros de la red original y de la que hoy se llama «LeNet-5», y explicar cada diferencia;
# - construirla en PyTorch, entrenarla con dígitos reales y leer sus errores.
#
# | Diapositiva | Lo que dice | Dónde se trabaja |
# |---|---|---|
# | «Tema 9 : AlexNet y ZeNet» | el título | apartado 1 |
# | «Review: LeNet-5» | *Conv filters were 5x5, applied at stride 1* | apartados 2, 3 y 5 |
# | «Review: LeNet-5» | *Subsampling (Pooling) layers were 2x2 applied at stride 2* | apartado 4 |
# | «Review: LeNet-5» | *i.e. architecture is [CONV-POOL-CONV-POOL-FC-FC]* | apartados 6 a 8 y 11 |
# | «Case Study: AlexNet», POOL1 (un adelanto) | *Parameters: 0!* | apartado 4 |
#
# **Tiempo:** unos 200 minutos: 5 el apartado 1, 20 el 2, 35 el 3, 30 el 4, 20 el 5, 25 el 6, 20 el 7, 15 el 8, 10 el 9,
# 10 el 10, 5 el 11 y 5 el resto. **GPU:** no hace falta; el entrenamiento más largo dura unos segundos en 2 núcleos.
#
# | Ejercicio | Puntos |
# |---|---|
# | `n1-conv-output-size`: el lado de la salida | 8 |
# | `n1-conv2d`: la convolución con bucles | 15 |
# | `n1-subsampling`: la capa S de 1998 | 10 |
# | `n1-s2-parameters`: sus parámetros | 5 |
# | `n1-c3-table`: quién se conecta con quién en C3 | 15 |
# | `n1-parameter-count`: las dos cuentas | 10 |
# | `n1-m1-c5`: ¿convolución o totalmente conectada? (a mano) | 5 |
# | `n1-lenet5-module`: LeNet-5 en PyTorch | 15 |
# | `n1-train-step`: el paso de entrenamiento y la evaluación | 12 |
# | `n1-m2-slide`: lo que la diapositiva se deja (a mano) | 5 |
# | **Total** | **100** |
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`. Te dice si está bien y, si
# reconoce el error, cuál es su causa. Puedes usarla cuantas veces quieras. La celda siguiente, la de los `assert`, es
# la que puntúa; al corregir se le añaden más casos.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Las celdas que solo muestran algo no se ejecutan al corregir. Lo que el paquete `tema9`
# ya trae hecho no vale como respuesta: se pide tu propio código.
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
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tema9
import tema9.data
import tema9.layers
import tema9.models
import tema9.training
from tema9 import figures, measuring, recipes
from tema9.architectures import C3_INPUTS
from tema9.arithmetic import spanish

figures.describe_pictures()  # cada figura, con su texto alternativo
torch.manual_seed(0)
# Con redes tan pequeñas, más hilos no ganan tiempo y estorban en una máquina ocupada.
torch.set_num_threads(1)
SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))  # al corregir, los experimentos se acortan

# %% [markdown]
# ## 1. La red de la diapositiva
#
# La primera diapositiva promete «AlexNet y ZeNet». No busques una red llamada *ZeNet*: es una errata. La red es
# **ZFNet**, por las iniciales de Zeiler y Fergus, y así la llama el resto de la presentación. La veremos en el
# cuaderno 6.
#
# La segunda, «Review: LeNet-5», resume en tres líneas el artículo de LeCun, Bottou, Bengio y Haffner de 1998:
#
# > Conv filters were 5x5, applied at stride 1
# >
# > Subsampling (Pooling) layers were 2x2 applied at stride 2
# >
# > i.e. architecture is [CONV-POOL-CONV-POOL-FC-FC]
#
# Aquí está con los nombres del artículo. Una letra dice qué hace la capa y un número, su posición: **C** es
# convolución; **S**, submuestreo; **F**, totalmente conectada (*fully connected*). Un mapa de características
# (*feature map*) es una de las «hojas» de cada volumen.

# %% explore=true
ax = figures.volumes(tema9.layer_table("lenet5_1998"))

# %% [markdown]
# Compara la figura con la tercera línea de la diapositiva. Cuenta las cajas que hay detrás de S4: ¿cuántas son, y
# cuántas letras FC hay en `[CONV-POOL-CONV-POOL-FC-FC]`? Los dos números no coinciden. Apunta la diferencia: volveremos
# a ella en el último ejercicio.
#
# Los datos de hoy son 5 000 dígitos reales de MNIST, 500 de cada clase, que vienen con el paquete y no necesitan red.
# Las repartimos en 3 500 para entrenar (*train*), 500 para decidir (*validation*) y 1 000 para informar (*test*),
# siempre con las mismas cantidades de cada clase.

# %% explore=true
digits = tema9.data.digits()
for part in ("train", "validation", "test"):
    images = getattr(digits, part).images
    low, high = spanish(images.min(), 1), spanish(images.max(), 3)
    print(f"{part:10}  {tuple(images.shape)}  valores de {low} a {high}")
ax = figures.digits(digits.train.images[:16], digits.train.labels[:16])

# %% [markdown]
# El fondo vale −0,1 y la tinta 1,175, como en el artículo, que busca así una entrada de media cercana a 0 y varianza
# cercana a 1, porque así se aprende antes. En nuestras imágenes la media lo cumple (0,03); la varianza, con tanto
# fondo, se queda en 0,12. Los ejes son siempre `N, C, H, W`: imagen, canal, fila, columna.

# %% [markdown]
# ## 2. De 32 a 28: el tamaño de salida
#
# Un filtro (*filter* o *kernel*, núcleo) es una ventana que recorre la imagen. Fíjate en **una sola fila** de $n$
# píxeles:
#
# - la ventana mide $k$ píxeles (`kernel_size`);
# - entre una posición y la siguiente avanza $s$ píxeles: es el paso (*stride*);
# - a cada extremo de la fila se añaden $p$ píxeles de relleno (*padding*), normalmente ceros.
#
# La salida tiene tantos píxeles como posiciones caben. **Antes de seguir**, dibuja en papel una fila de 7 píxeles y
# una ventana de 3 con paso 2. ¿Cuántas posiciones hay? ¿Y si la fila tiene 8 píxeles?
#
# La primera posición no cuesta ningún salto. Detrás de ella quedan $n + 2p - k$ píxeles por recorrer, de $s$ en $s$:
#
# $$\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$$
#
# Los corchetes a los que les falta el techo significan «redondea hacia abajo»: si los últimos píxeles no llenan un
# salto, se quedan sin leer.

# %% explore=true
from tema9 import widgets

widgets.convolution(size=7, kernel_size=3, stride=2, padding=0)

# %% [markdown]
# Con 7 y con 8 píxeles salen 3 posiciones: el octavo se pierde. Todos los controles se mueven con el ratón o con el
# teclado (tabulador y flechas). **Predice** antes de moverlos: con 32 px, ventana de 5, paso 1 y sin relleno, ¿cuántas
# posiciones? ¿Qué relleno hace que salgan otra vez 32? ¿Y qué pasa si la ventana es mayor que la fila?

# %% [markdown]
# ### Ejercicio `n1-conv-output-size` (8 puntos)
#
# Escribe la función que da el lado de la salida, en píxeles. Devuelve un número entero. Si la ventana no cabe ni una
# vez (es mayor que la fila **con su relleno**), no hay salida posible: lanza un `ValueError`.


# %% solution="n1-conv-output-size"
def conv_output_size(size, kernel_size, stride=1, padding=0):
    """Devuelve el lado de la salida de una convolución, en píxeles.

    size, kernel_size, stride, padding: enteros, en píxeles. Lanza ValueError si la ventana no cabe.
    """
    ### BEGIN SOLUTION
    room = size + 2 * padding - kernel_size
    if room < 0:
        raise ValueError(f"una ventana de {kernel_size} no cabe en {size} + 2 x {padding} píxeles")
    return room // stride + 1
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-conv-output-size")

# %% tests="n1-conv-output-size" case="values" points=5
import random

import torch

from tema9 import contracts, measuring

side = measuring.answer(conv_output_size, contracts.integer)
assert side(32, 5) == 28, (
    "C1 de LeNet-5: con 32 px y una ventana de 5 deben salir 28; ¿cuentas la primera posición?"
)
assert side(28, 2, stride=2) == 14, "S2 de LeNet-5: con 28 px, ventana de 2 y paso 2 deben salir 14"
### BEGIN HIDDEN TESTS
assert side(5, 5) == 1, "una ventana tan grande como la imagen cabe exactamente una vez"
assert side(3, 5, padding=1) == 1, "el relleno también cuenta para saber si la ventana cabe"
draw = random.Random(1998)
for _ in range(20):
    size, stride, padding = draw.randint(8, 60), draw.randint(1, 5), draw.randint(0, 4)
    kernel_size = draw.randint(1, 8)
    row, window = torch.empty(1, 1, size, device="meta"), torch.empty(1, 1, kernel_size, device="meta")
    expected = torch.nn.functional.conv1d(row, window, stride=stride, padding=padding).shape[-1]
    case = f"size={size}, kernel_size={kernel_size}, stride={stride}, padding={padding}"
    assert side(size, kernel_size, stride=stride, padding=padding) == expected, f"no coincide: {case}"
### END HIDDEN TESTS

# %% tests="n1-conv-output-size" case="errors" points=3
from tema9 import measuring

measuring.require_own(conv_output_size)
raised = measuring.raised_by(conv_output_size, 4, 5)
assert raised == "ValueError", "una ventana de 5 no cabe en 4 px: lanza un ValueError con `raise`"
### BEGIN HIDDEN TESTS
raised = measuring.raised_by(conv_output_size, 3, 9, stride=4, padding=2)
assert raised == "ValueError", "con relleno la ventana sigue sin caber, y no has lanzado ValueError"
assert measuring.raised_by(conv_output_size, 5, 5) is None, "una ventana tan grande como la imagen sí cabe"
assert measuring.raised_by(conv_output_size, 3, 5, padding=1) is None, "has olvidado el relleno al ver si cabe"
### END HIDDEN TESTS

# %% [markdown]
# ### ¿Por qué 32 × 32, si los dígitos son de 28 × 28?
#
# En MNIST el dibujo ocupa como mucho 20 × 20 píxeles, en el centro de 28 × 28. El artículo añade 2 píxeles por lado. La
# razón (apartado II.B) es que los rasgos que distinguen un dígito, como el final de un trazo o una esquina, deben poder
# caer en el **centro** de lo que ve una neurona de las capas altas, también cuando están en el borde del dibujo.
#
# El trozo de imagen que ve una neurona es su campo receptivo (*receptive field*). El de C3 mide 14 × 14 píxeles. Con
# 32 × 32 píxeles de entrada, los centros de esos campos se reparten por todo el dibujo; con 28 × 28 y sin relleno
# dejarían fuera su borde.
#
# **Predice** el lado de cada capa en dos casos: (a) con la imagen de 28 píxeles tal cual, y (b) con 28 píxeles y
# `padding=2` en C1. ¿Cuántos números entrarían en la primera capa totalmente conectada, en lugar de los
# 16 · 5 · 5 = 400 de siempre?

# %% explore=true
images = torch.zeros(1, 1, 28, 28)
for title, padding in (("28 px sin relleno", 0), ("28 px con padding=2", 2)):
    c1 = F.conv2d(images, torch.zeros(6, 1, 5, 5), padding=padding)
    s2 = F.max_pool2d(c1, 2)
    c3 = F.conv2d(s2, torch.zeros(16, 6, 5, 5))
    s4 = F.max_pool2d(c3, 2)
    sides = " → ".join(str(volume.shape[-1]) for volume in (images, c1, s2, c3, s4))
    print(f"{title}: {sides}; entran {s4.numel()} números en la capa siguiente")

# %% [markdown]
# Con 28 píxeles y sin relleno entran 256 números, y no 400: es un error de forma muy frecuente al copiar LeNet-5 de
# internet. Con `padding=2` volvemos a 400, porque es lo mismo que rellenar la imagen hasta 32 × 32. Lo mismo en las
# formas, no en los valores: nuestro borde vale −0,1, como el fondo, y `padding=2` pone ceros.

# %% [markdown]
# ## 3. La convolución, primero con bucles
#
# En cada posición, la convolución multiplica la ventana de la imagen por el núcleo, elemento a elemento, lo suma
# **todo** y añade un sesgo (*bias*). Con varios canales de entrada, cada mapa de salida $o$ tiene un núcleo para cada
# canal $c$ y se suman también los canales:
#
# $$y_{o,i,j} = b_o + \sum_{c,u,v} w_{o,c,u,v} \, x_{c,i+u,j+v}$$
#
# Hay tres detalles que se olvidan:
#
# 1. hay **un** sesgo por mapa de salida, no uno por canal ni uno por peso;
# 2. el núcleo **no se gira**. Los matemáticos llaman a esto *correlación cruzada*; la convolución de los libros le da
#    la vuelta al núcleo. PyTorch y todo el aprendizaje profundo dicen «convolución» y no lo giran: como los pesos se
#    aprenden, da igual;
# 3. la primera coordenada es la fila ($i$, alto) y la segunda la columna ($j$, ancho).
#
# ### Ejercicio `n1-conv2d` (15 puntos)
#
# Escribe la convolución con bucles, con paso 1 y sin relleno. No uses `F.conv2d` ni ninguna otra convolución ya hecha.
# La imagen que te dan tiene que quedar como estaba.


# %% solution="n1-conv2d"
def conv2d(image, weight, bias):
    """Devuelve la convolución de una imagen, con paso 1 y sin relleno.

    image: (C, H, W). weight: (O, C, k, k), un núcleo por mapa de salida y canal. bias: (O,).
    Salida: (O, H - k + 1, W - k + 1).
    """
    ### BEGIN SOLUTION
    out_channels, _, k, _ = weight.shape
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(out_channels, height, width)
    for o in range(out_channels):
        for i in range(height):
            for j in range(width):
                window = image[:, i : i + k, j : j + k]  # (C, k, k)
                output[o, i, j] = (weight[o] * window).sum() + bias[o]
    return output
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-conv2d")

# %% tests="n1-conv2d" case="one-channel" points=5
import torch

from tema9 import contracts, measuring

maps = measuring.answer(conv2d, contracts.array)
of_scipy = ("convolve", "convolve2d", "fftconvolve", "oaconvolve", "correlate", "correlate2d")
ready_made = measuring.uses(conv2d, *of_scipy) or measuring.calls_of_torch(
    conv2d, "conv", torch.ones(1, 3, 3), torch.ones(1, 1, 2, 2), torch.zeros(1)
)
assert not ready_made, "aquí se pide escribir la convolución, no llamar a una ya hecha"
image = torch.arange(16.0).view(1, 4, 4)
corner = torch.zeros(1, 1, 3, 3)
corner[0, 0, 0, 2] = 1  # arriba a la derecha
result = maps(image, corner, torch.zeros(1))
assert result.shape == (1, 2, 2), (
    "con 4 x 4 px y un núcleo de 3 x 3, la salida es de 2 x 2: (1, 2, 2)"
)
assert result.flatten().tolist() == [2, 3, 6, 7], (
    "un núcleo con un solo 1, arriba a la derecha, copia ese píxel de cada ventana;"
    " ¿has girado el núcleo?"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(1)
for height, width, k in ((5, 7, 3), (6, 4, 2), (5, 5, 5), (3, 6, 1)):
    image = torch.randn(1, height, width, generator=generator)
    weight = torch.randn(1, 1, k, k, generator=generator)
    expected = torch.nn.functional.conv2d(image.double(), weight.double())
    result = maps(image, weight, torch.zeros(1))
    assert result.shape == expected.shape, "la forma falla con imágenes que no son cuadradas; repasa filas y columnas"
    assert contracts.close(result, expected), "con un canal y sin sesgo los valores no coinciden"
### END HIDDEN TESTS

# %% tests="n1-conv2d" case="channels" points=10
import torch

from tema9 import contracts, measuring

maps = measuring.answer(conv2d, contracts.array)
of_scipy = ("convolve", "convolve2d", "fftconvolve", "oaconvolve", "correlate", "correlate2d")
ready_made = measuring.uses(conv2d, *of_scipy) or measuring.calls_of_torch(
    conv2d, "conv", torch.ones(1, 3, 3), torch.ones(1, 1, 2, 2), torch.zeros(1)
)
assert not ready_made, "aquí se pide escribir la convolución, no llamar a una ya hecha"
result = maps(torch.ones(2, 3, 3), torch.ones(2, 2, 3, 3), torch.tensor([0.0, 10.0]))
assert result.shape == (2, 1, 1), (
    "dos mapas de salida de 1 x 1: ¿has sumado los canales de entrada?"
)
assert result.flatten().tolist() == [18, 28], (
    "todo unos, 2 canales y 3 x 3: cada suma es 18, más el sesgo de su mapa (0 y 10), una sola vez"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(2)
for channels, height, width, out_channels, k in ((3, 6, 8, 4, 3), (2, 7, 5, 1, 2), (4, 5, 6, 2, 1)):
    image = torch.randn(channels, height, width, generator=generator)
    weight = torch.randn(out_channels, channels, k, k, generator=generator)
    bias = torch.randn(out_channels, generator=generator)
    expected = torch.nn.functional.conv2d(image.double(), weight.double(), bias.double())
    result = maps(image, weight, bias)
    assert result.shape == expected.shape, "la forma falla con varios canales o con imágenes que no son cuadradas"
    assert contracts.close(result, expected), "con varios canales y sesgo los valores no coinciden"
    assert not measuring.changes_its_inputs(conv2d, image, weight, bias), "tu función escribe en sus argumentos"
### END HIDDEN TESTS

# %% [markdown]
# La versión de la biblioteca es `F.conv2d`. Espera los ejes `(N, C, H, W)`. **Predice**: C1 aplica 6 núcleos a una
# imagen de 32 × 32 píxeles. ¿Cuántas veces más rápida será que tus bucles: 2, 20 o 200?

# %% explore=true
digit, weight, bias = digits.test.images[0], torch.randn(6, 1, 5, 5), torch.zeros(6)
try:
    started = time.perf_counter()
    mine = conv2d(digit, weight, bias)
    loops = time.perf_counter() - started
    started = time.perf_counter()
    library = F.conv2d(digit[None], weight, bias)[0]
    ready_made = time.perf_counter() - started
    print(f"bucles: {spanish(1000 * loops, 1)} ms; F.conv2d: {spanish(1000 * ready_made, 2)} ms")
    print("dan lo mismo" if torch.allclose(mine, library, atol=1e-4) else "no dan lo mismo")
except Exception as error:
    print(f"Escribe antes tu conv2d ({type(error).__name__}).")

# %% [markdown]
# ¿Y qué *hace* una convolución? Aquí tienes un dígito y sus mapas con tres núcleos escritos a mano. El núcleo 0 calcula
# derecha menos izquierda; el 1, abajo menos arriba; el 2 promedia. **Predice** cuál responde más en los trazos
# verticales, y con qué signo en cada borde.

# %% explore=true
vertical = torch.tensor([[-1.0, 0.0, 1.0]] * 3)
kernels = torch.stack([vertical, vertical.T, torch.ones(3, 3) / 9])[:, None]  # (3, 1, 3, 3)
ax = figures.digits(digits.test.images[:1], digits.test.labels[:1])
ax = figures.maps(F.conv2d(digits.test.images[:1], kernels)[0])

# %% [markdown]
# El núcleo 0 responde en los trazos verticales: blanco donde empieza la tinta al ir hacia la derecha, negro donde
# acaba. Estos núcleos los hemos escrito nosotros. En LeNet-5 los aprende la red.

# %% [markdown]
# ## 4. Submuestreo: el *pooling* de entonces y el de ahora
#
# > Subsampling (Pooling) layers were 2x2 applied at stride 2
#
# El paréntesis de la diapositiva esconde una diferencia. El *pooling* de hoy se queda con el máximo de cada bloque
# (*max pooling*) y no aprende nada. La capa S2 de 1998 (apartado II.B) hace cuatro cosas con cada bloque de 2 × 2:
#
# 1. **suma** los cuatro valores (los suma, no los promedia);
# 2. multiplica la suma por un **coeficiente** que se aprende, uno por mapa;
# 3. suma un **sesgo** que se aprende, uno por mapa;
# 4. pasa el resultado por una función de compresión (*squashing function*), la tangente hiperbólica escalada:
#
# $$f(a) = 1{,}7159 \, \tanh\left(\frac{2a}{3}\right)$$
#
# Los bloques no se solapan, así que el lado se reduce a la mitad. **Predice**: ¿cuánto vale $f(1)$? ¿Y $f(-1)$? ¿Y
# $f(100)$?

# %% explore=true
x = torch.linspace(-4, 4, 200)
scaled, relu = tema9.layers.scaled_tanh(x), torch.relu(x).clamp(max=2)
curves = {"tanh escalada (1998)": scaled, "tanh": torch.tanh(x), "ReLU": relu}
ax = figures.curves(x, curves, xlabel="entrada a", ylabel="salida f(a)")
for value in (1, -1, 100):
    print(f"f({value}) = {spanish(float(tema9.layers.scaled_tanh(torch.tensor(float(value)))), 4)}")

# %% [markdown]
# Las constantes no son un capricho. Con ellas $f(1) = 1$ y $f(-1) = -1$: valores de tamaño 1 siguen siendo de tamaño
# 1 al atravesar la red. Los objetivos ±1 quedan además lejos de las zonas planas (±1,7159), donde la derivada es
# casi 0 y no se aprende (apéndice A). La ReLU, cortada en 2 en la figura, llegará con AlexNet.
#
# ### Ejercicio `n1-subsampling` (10 puntos)
#
# Escribe la capa S entera, con los cuatro pasos. Los lados de entrada son siempre pares.


# %% solution="n1-subsampling"
def subsampling(maps, coefficient, bias):
    """Devuelve los mapas submuestreados a la mitad, como en la capa S2 de LeNet-5 (1998).

    maps: (C, H, W). coefficient, bias: (C,), uno por mapa. Salida: (C, H / 2, W / 2).
    """
    ### BEGIN SOLUTION
    channels, height, width = maps.shape
    total = maps.reshape(channels, height // 2, 2, width // 2, 2).sum(dim=(2, 4))  # (C, H / 2, W / 2)
    a = coefficient[:, None, None] * total + bias[:, None, None]
    return 1.7159 * torch.tanh(2 * a / 3)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-subsampling")

# %% tests="n1-subsampling" points=10
import torch

from tema9 import contracts, measuring

smaller = measuring.answer(subsampling, contracts.array)
result = smaller(torch.zeros(6, 28, 28), torch.ones(6), torch.zeros(6))
assert result.shape == (6, 14, 14), "S2 convierte 6 mapas de 28 x 28 px en 6 de 14 x 14"
result = smaller(torch.ones(1, 2, 2), torch.tensor([0.25]), torch.zeros(1))
assert contracts.close(result, [[[1]]], tolerance=1e-3), (
    "cuatro unos suman 4; por 0,25 da 1, y f(1) = 1: ¿sumas, o promedias? ¿está la tanh escalada?"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(3)
for channels, height, width in ((3, 6, 6), (2, 4, 10), (5, 8, 2)):
    maps = torch.randn(channels, height, width, generator=generator) / 2
    coefficient = torch.rand(channels, generator=generator) + 0.2
    bias = torch.rand(channels, generator=generator) - 0.3
    blocks = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
    a = torch.stack([c * block + b for c, block, b in zip(coefficient, blocks, bias, strict=True)])
    expected = (1.7159 * torch.tanh(2 / 3 * a)).double()
    result = smaller(maps, coefficient, bias)
    assert result.shape == expected.shape, "la forma falla con mapas que no son cuadrados"
    assert contracts.close(result, expected), (
        "los valores no coinciden: suma del bloque, por el coeficiente de su mapa, más su sesgo, y f al final"
    )
assert not measuring.changes_its_inputs(subsampling, maps, coefficient, bias), "tu función escribe en sus argumentos"
### END HIDDEN TESTS

# %% [markdown]
# Compara las dos maneras sobre un dígito: el mapa 0 es la capa S con coeficiente 0,25 y sesgo 0; el 1, el máximo; el 2,
# la diferencia (máximo menos S). **Predice** dónde será mayor la diferencia: en el centro de un trazo, en su borde o en
# el fondo.

# %% explore=true
digit = digits.test.images[:1]
layer_s = tema9.layers.Subsampling(1, 2)  # coeficiente 0,25 y sesgo 0
then = tema9.layers.scaled_tanh(layer_s(digit)).detach()
now = F.max_pool2d(digit, 2)
ax = figures.maps(torch.cat([then, now, now - then])[:, 0])

# %% [markdown]
# La diferencia es mayor en los bordes: basta un píxel de tinta para que el máximo valga lo que la tinta, mientras que
# la suma se queda a medias.
#
# ### Ejercicio `n1-s2-parameters` (5 puntos)
#
# Escribe tres números enteros: los parámetros que se aprenden en S2 (6 mapas), en S4 (16 mapas) y en una capa de *max
# pooling* puesta en el lugar de S2. La diapositiva pregunta más adelante, en la capa POOL1 de AlexNet:
#
# > Q: what is the number of parameters in this layer?
# >
# > Parameters: 0!
#
# Es verdad para el *max pooling*. ¿Lo es para LeNet-5?

# %% solution="n1-s2-parameters"
### BEGIN SOLUTION
s2_parameters = 6 * (1 + 1)  # un coeficiente y un sesgo por mapa
s4_parameters = 16 * (1 + 1)
max_pool_parameters = 0
### END SOLUTION

# %% explore=true
import tema9

tema9.check("n1-s2-parameters")

# %% tests="n1-s2-parameters" points=5
from tema9 import contracts

in_s2 = contracts.integer(s2_parameters, "`s2_parameters` es")
in_s4 = contracts.integer(s4_parameters, "`s4_parameters` es")
in_max_pool = contracts.integer(max_pool_parameters, "`max_pool_parameters` es")
assert min(in_s2, in_s4, in_max_pool) >= 0, "no puede haber un número negativo de parámetros"
### BEGIN HIDDEN TESTS
assert in_max_pool == 0, "max_pool_parameters: ¿qué número se aprende al tomar el máximo?"
assert in_s2 == 12, "s2_parameters: repasa qué se aprende en S2 y cuántas veces (¿por mapa, por píxel?)"
assert in_s4 == 32, "s4_parameters: S4 es como S2, pero con 16 mapas"
### END HIDDEN TESTS

# %% [markdown]
# ## 5. C3: quién se conecta con quién
#
# En una convolución de hoy, cada mapa de salida lee **todos** los mapas de entrada. En la C3 de 1998, no: cada uno de
# sus 16 mapas lee solo algunos de los 6 de S2. El artículo da dos razones (apartado II.B): quedan menos conexiones, y
# se rompe la simetría, porque mapas que leen entradas distintas se ven obligados a aprender cosas distintas.
#
# Esta es la Tabla I del artículo: en cada columna, un mapa de C3; en cada fila, un mapa de S2.

# %% explore=true
ax = figures.connections(C3_INPUTS)

# %% [markdown]
# No hace falta copiarla punto a punto: sigue una regla. Numera los mapas de S2 desde 0 y colócalos en círculo, de
# forma que detrás del 5 venga otra vez el 0. Las columnas son, en este orden:
#
# 1. columnas 0 a 5: **tres** mapas seguidos, empezando en 0, en 1, ..., en 5;
# 2. columnas 6 a 11: **cuatro** mapas seguidos, empezando en 0, en 1, ..., en 5;
# 3. columnas 12 a 14: cuatro mapas en **dos parejas** de vecinos enfrentadas en el círculo: la que empieza en $i$ y la
#    que empieza en $i + 3$, con $i$ = 0, 1, 2;
# 4. columna 15: los seis.
#
# **Antes de programar**: ¿qué tres mapas lee la columna 4? ¿Cuántos puntos tiene la tabla en total? ¿Cuántas columnas
# lee cada mapa de S2?
#
# ### Ejercicio `n1-c3-table` (15 puntos)
#
# Escribe la función que hace la tabla con un número **par** cualquiera de mapas en el círculo. Con `maps` mapas hay
# `maps` columnas de tres, `maps` de cuatro, `maps / 2` de dos parejas (la que empieza en $i$ y la que empieza en $i$ +
# `maps / 2`) y una con todos. Con 6 salen las 16 de LeNet-5. Diez puntos son por la tabla de LeNet-5, y cinco por que
# la regla valga para otros tamaños.


# %% solution="n1-c3-table"
def c3_table(maps=6):
    """Devuelve la tabla de conexiones: True donde la columna (mapa de C3) lee la fila (mapa de S2).

    maps: cuántos mapas tiene S2, par, 6 o más.
    Salida: lista de filas o matriz, (maps, 2 * maps + maps // 2 + 1).
    """
    ### BEGIN SOLUTION
    half = maps // 2
    columns = [{i, i + 1, i + 2} for i in range(maps)]
    columns += [{i, i + 1, i + 2, i + 3} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)]
    columns += [set(range(maps))]
    columns = [{i % maps for i in column} for column in columns]  # el círculo
    return [[row in column for column in columns] for row in range(maps)]
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-c3-table")

# %% tests="n1-c3-table" case="table" points=10
from tema9 import contracts, measuring

table = measuring.answer(c3_table, contracts.array)()
assert table.shape == (6, 16), "la tabla tiene 6 filas (mapas de S2) y 16 columnas (mapas de C3)"
assert set(table.flatten().tolist()) <= {0, 1}, "en cada casilla va True o False"
assert table.sum(axis=0).tolist() == [3] * 6 + [4] * 9 + [6], (
    "sumando por columnas: seis de tres, nueve de cuatro y una de seis;"
    " ¿has cerrado el círculo detrás del mapa 5?"
)
assert table.sum(axis=1).tolist() == [10] * 6, (
    "cada mapa de S2 lo leen diez mapas de C3; ¿hay columnas repetidas?"
)
### BEGIN HIDDEN TESTS
assert len({tuple(column) for column in table.T.tolist()}) == 16, "hay columnas repetidas"
paper = ["012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125"]
paper += ["0134", "1245", "0235", "012345"]
for number, sources in enumerate(paper):
    expected = [int(str(row) in sources) for row in range(6)]
    assert table[:, number].tolist() == expected, f"la columna {number} no lee los mapas que le tocan"
### END HIDDEN TESTS

# %% tests="n1-c3-table" case="rule" points=5
import numpy as np

from tema9 import contracts, measuring

table_for = measuring.answer(c3_table, contracts.array)
table = table_for(8)
assert table.shape == (8, 21), (
    "con 8 mapas hay 8 + 8 + 4 + 1 columnas: ¿usa tu regla el argumento `maps`?"
)
### BEGIN HIDDEN TESTS
for maps in (8, 10, 12):
    table = table_for(maps)
    steps = [(0, 1, 2)] * maps + [(0, 1, 2, 3)] * maps + [(0, 1, maps // 2, maps // 2 + 1)] * (maps // 2)
    starts = [*range(maps), *range(maps), *range(maps // 2)]
    expected = np.zeros((maps, 2 * maps + maps // 2 + 1))
    expected[:, -1] = 1
    for column, (start, step) in enumerate(zip(starts, steps, strict=True)):
        expected[[(start + s) % maps for s in step], column] = 1
    assert table.shape == expected.shape, f"con {maps} mapas la tabla no tiene la forma que le toca"
    assert contracts.close(table, expected), f"con {maps} mapas hay conexiones que no siguen la regla"
### END HIDDEN TESTS

# %% [markdown]
# La tabla tiene 60 puntos de los 96 posibles. Cada punto es un núcleo de 5 × 5, y cada columna, un sesgo:
# 60 · 25 + 16 = 1 516 parámetros en C3.

# %% [markdown]
# ## 6. Dos redes con el mismo nombre
#
# Cuando hoy alguien dice «LeNet-5» suele referirse a otra red. Compáralas:
#
# | | LeNet-5 (1998) | «LeNet-5» moderna |
# |---|---|---|
# | C1 | 6 núcleos de 5 × 5 | igual |
# | S2, S4 | suma, coeficiente y sesgo por mapa | *max pooling* |
# | C3 | 16 mapas, según la Tabla I | 16 mapas que leen los 6 de S2 |
# | C5 | 120 mapas; el núcleo de 5 × 5 cubre los 16 mapas de S4 enteros | 120 neuronas que leen los 400 números de S4 |
# | F6 | 84 neuronas | igual |
# | OUTPUT | 10 distancias a dibujos fijos de 7 × 12 píxeles | 10 neuronas lineales |
# | función de activación | tanh escalada | ReLU |
#
# La salida de 1998 merece dos líneas. F6 tiene 84 = 7 · 12 neuronas porque su salida se compara con un dibujo
# estilizado de cada dígito, de 7 × 12 píxeles que valen +1 o −1. Gana el dígito cuyo dibujo $w_i$ está más cerca:
#
# $$y_i = \sum_j (x_j - w_{ij})^2$$
#
# Es una función de base radial (*radial basis function*, RBF). Los dibujos los eligieron los autores: no se aprenden.
#
# ### Ejercicio `n1-parameter-count` (10 puntos)
#
# Escribe la función que cuenta los parámetros **que se aprenden** en cada capa, sesgos incluidos, de las dos redes.
# `in_channels` son los canales de la imagen (1 en gris, 3 en color). `num_classes` solo cambia la salida moderna; los
# dibujos de 1998 son siempre fijos. Haz primero las cuentas en papel, con 1 canal y 10 clases.


# %% solution="n1-parameter-count"
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    """Devuelve los parámetros de cada capa de LeNet-5.

    Salida: un dict con las claves C1, S2, C3, S4, C5, F6 y OUTPUT.

    modern: False para la de 1998, True para la moderna. in_channels, num_classes: enteros.
    """
    ### BEGIN SOLUTION
    return {
        "C1": 6 * (5 * 5 * in_channels + 1),
        "S2": 0 if modern else 6 * 2,
        "C3": (6 * 16 if modern else 60) * 5 * 5 + 16,
        "S4": 0 if modern else 16 * 2,
        "C5": 120 * (16 * 5 * 5 + 1),
        "F6": 84 * (120 + 1),
        "OUTPUT": num_classes * (84 + 1) if modern else 0,
    }
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-parameter-count")

# %% tests="n1-parameter-count" case="original" points=5
from tema9 import contracts, measuring

parameters = measuring.answer(lenet5_parameters, contracts.mapping(contracts.integer))
counts = parameters(False)
assert set(counts) == {"C1", "S2", "C3", "S4", "C5", "F6", "OUTPUT"}, (
    "da un número por cada capa, también si es 0"
)
assert counts["C1"] == 156, "C1: 6 núcleos de 5 x 5, cada uno con su sesgo: 6 · (25 + 1) = 156"
### BEGIN HIDDEN TESTS
pieces = {900: "C3 completa", -44: "S2 y S4 sin parámetros", 850: "la salida entrenable"}
pieces |= {856: pieces[900] + " y " + pieces[-44], 1750: pieces[900] + " y " + pieces[850]}
pieces |= {806: pieces[-44] + " y " + pieces[850], 1706: "las tres cosas modernas: C3, submuestreo y salida"}
gap = sum(counts.values()) - 60000
assert gap not in pieces, f"tu total corresponde a una red con {pieces[gap]}: eso no es la de 1998"
assert gap == 0, "el total de la red de 1998 no cuadra: revisa cada capa, con sus sesgos"
expected = {"S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164, "OUTPUT": 0}
for layer, value in expected.items():
    assert counts[layer] == value, f"{layer}: el total cuadra, pero el número de esta capa no"
colour = parameters(False, in_channels=3)
assert colour["C1"] == 6 * 76, "con 3 canales de entrada, cada mapa de C1 tiene un núcleo por canal y un solo sesgo"
assert sum(colour.values()) == sum(counts.values()) + 300, "los canales de la imagen solo cambian C1"
### END HIDDEN TESTS

# %% tests="n1-parameter-count" case="modern" points=5
from tema9 import contracts, measuring

parameters = measuring.answer(lenet5_parameters, contracts.mapping(contracts.integer))
counts = parameters(True)
assert set(counts) == {"C1", "S2", "C3", "S4", "C5", "F6", "OUTPUT"}, (
    "da un número por cada capa, también si es 0"
)
assert counts["C1"] == 156, "C1 es igual que en 1998: 6 · (25 + 1) = 156"
### BEGIN HIDDEN TESTS
pieces = {-900: "la C3 de 1998, conectada a medias", 44: "S2 y S4 con parámetros", -850: "la salida fija de 1998"}
pieces |= {-856: pieces[-900] + " y " + pieces[44], -1750: pieces[-900] + " y " + pieces[-850]}
pieces |= {-806: pieces[44] + " y " + pieces[-850], -1706: "las tres cosas de 1998: C3, submuestreo y salida"}
gap = sum(counts.values()) - 61706
assert gap not in pieces, f"tu total corresponde a una red con {pieces[gap]}: eso no es la moderna"
assert gap == 0, "el total de la red moderna no cuadra: revisa cada capa, con sus sesgos"
expected = {"S2": 0, "C3": 2416, "S4": 0, "C5": 48120, "F6": 10164, "OUTPUT": 850}
for layer, value in expected.items():
    assert counts[layer] == value, f"{layer}: el total cuadra, pero el número de esta capa no"
letters = parameters(True, in_channels=3, num_classes=26)
assert letters["C1"] == 6 * 76, "con 3 canales de entrada, cada mapa de C1 tiene un núcleo por canal y un solo sesgo"
assert letters["OUTPUT"] == 26 * 85, "con 26 clases cambia la salida: 84 pesos y un sesgo por clase"
### END HIDDEN TESTS

# %% [markdown]
# Cuando tengas las dos cuentas, ejecuta esta celda. **Predice** antes qué capa tiene más parámetros y cuál hace más
# multiplicaciones. No es la misma.

# %% explore=true
modern = tema9.layer_table("lenet5")
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), layout="constrained")
figures.per_layer(modern, "parameters", ax=above)
figures.per_layer(modern, "multiply_adds", ax=below)
for name in ("lenet5_1998", "lenet5"):
    table = tema9.layer_table(name)
    counts = ", ".join(f"{row.name} {spanish(row.parameters)}" for row in table)
    print(f"{name}: {counts}; total {spanish(table.total('parameters'))} parámetros")

# %% [markdown]
# La primera capa totalmente conectada se lleva la mayoría de los parámetros, y C3, la mayoría de las
# multiplicaciones. En AlexNet ocurrirá lo mismo, a lo grande. (En las tablas del paquete, la C5 moderna se llama F5,
# para que se vea que es otra clase de capa.)
#
# De 60 000 a 61 706 hay tres cambios: 900 de más en C3, 44 de menos en el submuestreo y 850 de más en la salida.
#
# El artículo cuenta también **conexiones**: cada peso, tantas veces como se usa, y los sesgos lo mismo. C1 tiene 156
# parámetros y 122 304 conexiones (156 · 28 · 28), y la red entera, 340 908. En esa diferencia está la gracia de la
# convolución: los pesos se comparten (*weight sharing*).

# %% [markdown]
# ### Pregunta `n1-m1-c5` (5 puntos, se corrige a mano)
#
# El artículo llama C5 a la quinta capa, con C de convolución. La diapositiva y casi todo el código de hoy la tratan
# como totalmente conectada. **¿Qué es C5, una convolución o una capa totalmente conectada? ¿Cuándo importa la
# diferencia?** Da al menos un ejemplo con números. Bastan cinco o seis líneas.

# %% [markdown] answer="n1-m1-c5" points=5
# Con la entrada de 32 × 32 es las dos cosas a la vez. S4 entrega 16 mapas de 5 × 5 y los núcleos de C5 son también de
# 5 × 5: caben en una sola posición, así que cada uno de los 120 mapas de salida mide 1 × 1 y lee los 400 números.
# Hace las mismas cuentas que una capa totalmente conectada de 400 a 120, con los mismos parámetros:
# 120 · (400 + 1) = 48 120.
#
# La diferencia importa cuando la imagen es mayor. Con 36 × 36 píxeles los lados son 36 → 32 → 16 → 12 → 6, y una C5
# convolucional da 120 mapas de 2 × 2: la misma red, con los mismos pesos, se aplica en cuatro posiciones de la
# imagen. Una capa totalmente conectada esperaría 400 números, recibiría 16 · 6 · 6 = 576 y fallaría. Por eso el
# artículo la llama convolución.

# %% [markdown] locked="n1-m1-c5-criteria"
# *Se corrige a mano: 5 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: a 32 × 32 son equivalentes, porque el núcleo de 5 × 5 cubre entero el mapa de 5 × 5 y la salida es de
#   1 × 1 (1 punto si dice que son iguales sin decir por qué).
# - 1 punto: mismo número de parámetros, 48 120, o la cuenta 120 · (400 + 1).
# - 2 puntos: con una imagen mayor, la convolución da una salida mayor que 1 × 1, y la capa totalmente conectada
#   falla (1 punto por la idea y 1 por un ejemplo con números correctos, como 36 px → 2 × 2).
# - Si solo dice «es convolución porque lo pone el artículo», 0 puntos.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 7. LeNet-5 en PyTorch
#
# Un modelo de PyTorch es una clase que hereda de `nn.Module`: en `__init__` se declaran las capas, y en `forward` se
# usan. La red moderna lleva la activación ReLU detrás de C1, C3, C5 y F6, pero **no** detrás de la salida:
#
# | capa | qué hace | salida |
# |---|---|---|
# | entrada | | (N, 1, 32, 32) |
# | C1 | convolución, 6 núcleos de 5 × 5, ReLU | (N, 6, 28, 28) |
# | S2 | *max pooling* de 2 × 2 con paso 2 | (N, 6, 14, 14) |
# | C3 | convolución, 16 núcleos de 5 × 5, ReLU | (N, 16, 10, 10) |
# | S4 | *max pooling* de 2 × 2 con paso 2 | (N, 16, 5, 5) |
# | C5 | 400 → 120, ReLU | (N, 120) |
# | F6 | 120 → 84, ReLU | (N, 84) |
# | OUTPUT | 84 → `num_classes` | (N, `num_classes`) |
#
# Lo que sale son *logits*: una puntuación sin normalizar por clase, positiva o negativa. La *softmax*, que las
# convierte en probabilidades, ya va dentro de la pérdida `F.cross_entropy`. Si la pones también en el modelo, se
# aplica dos veces y la red aprende mucho más despacio.
#
# Si ves `mat1 and mat2 shapes cannot be multiplied`, la capa que aplana entrega otra cantidad de números que la que
# espera la siguiente: recorre las formas de la tabla.
#
# ### Ejercicio `n1-lenet5-module` (15 puntos)
#
# Escribe la clase. Declara las capas en el orden en que se usan: al corregir se les ponen pesos conocidos, en ese
# orden.


# %% solution="n1-lenet5-module"
class LeNet5(nn.Module):
    """LeNet-5 moderna. Entrada: (N, 1, 32, 32). Salida: (N, num_classes), logits."""

    def __init__(self, num_classes=10):
        super().__init__()
        ### BEGIN SOLUTION
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)  # 32 -> 28
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)  # 14 -> 10
        self.c5 = nn.Linear(16 * 5 * 5, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        s2 = F.max_pool2d(torch.relu(self.c1(images)), 2)  # (N, 6, 14, 14)
        s4 = F.max_pool2d(torch.relu(self.c3(s2)), 2)  # (N, 16, 5, 5)
        c5 = torch.relu(self.c5(s4.flatten(start_dim=1)))
        f6 = torch.relu(self.f6(c5))
        return self.output(f6)
        ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-lenet5-module")

# %% tests="n1-lenet5-module" case="shapes" points=7
import math

import torch

from tema9 import measuring

measuring.require_own(LeNet5)
sizes = [math.prod(shape) for shape in measuring.parameter_shapes(LeNet5)]
assert sum(sizes) == 61706, (
    "la LeNet-5 moderna tiene 61706 parámetros: ¿cinco capas con pesos, todas con sesgo?"
)
logits = measuring.model_output(LeNet5, torch.zeros(4, 1, 32, 32))
assert tuple(logits.shape) == (4, 10), "para 4 imágenes deben salir (4, 10) puntuaciones"
### BEGIN HIDDEN TESTS
expected = [150, 6, 2400, 16, 48000, 120, 10080, 84, 840, 10]
assert sizes == expected, "los pesos no son los de la tabla, o las capas no están declaradas en el orden en que se usan"
for count in (1, 7):
    logits = measuring.model_output(LeNet5, torch.zeros(count, 1, 32, 32))
    assert tuple(logits.shape) == (count, 10), "falla al cambiar el número de imágenes: ¿has fijado el tamaño del minilote?"
logits = measuring.model_output(LeNet5, torch.zeros(2, 1, 32, 32), num_classes=26)
assert tuple(logits.shape) == (2, 26), "con num_classes=26 deben salir 26 puntuaciones por imagen"
### END HIDDEN TESTS

# %% tests="n1-lenet5-module" case="values" points=8
import torch
from torch import nn

from tema9 import contracts, measuring

measuring.require_own(LeNet5)
images = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(4))
logits = measuring.model_output(LeNet5, images)
assert logits.dim() == 2 and len(logits) == 8, "para 8 imágenes deben salir 8 filas de puntuaciones"
assert not contracts.close(logits.sum(dim=1), torch.ones(8), tolerance=1e-3), (
    "las puntuaciones de cada imagen suman 1: quita la softmax, ya va dentro de la pérdida"
)
assert logits.min() < 0, "ninguna puntuación es negativa: ¿has puesto una ReLU detrás de la salida?"
### BEGIN HIDDEN TESTS
total = logits.exp().sum(dim=1)
assert not contracts.close(total, torch.ones(8), tolerance=1e-3), "las puntuaciones son log-probabilidades: quita log_softmax"
reference = measuring.known_weights(
    nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
)  # fmt: skip
with torch.no_grad():
    expected = reference(images)
assert logits.shape == expected.shape, "no salen 10 puntuaciones por imagen"
assert contracts.close(logits, expected, tolerance=1e-3), (
    "con los mismos pesos salen otras puntuaciones: ¿ReLU en C1, C3, C5 y F6?, ¿máximo y no media?, ¿capas en orden?"
)
training = measuring.model_output(LeNet5, images, training=True)
assert contracts.close(training, expected, tolerance=1e-3), "al entrenar calcula otra cosa: esta red no lleva dropout"
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Un paso de entrenamiento y una evaluación honrada
#
# Entrenar es repetir cinco líneas con un minilote (*minibatch*) de imágenes cada vez:
#
# 1. modo entrenamiento: `model.train()`;
# 2. hacia delante (*forward*): logits y pérdida, la entropía cruzada `F.cross_entropy`, en nats;
# 3. poner a cero los gradientes anteriores: `optimizer.zero_grad()`. PyTorch los **acumula** si no se lo dices;
# 4. hacia atrás (*backward*): `loss.backward()`;
# 5. mover los pesos: `optimizer.step()`.
#
# Evaluar parece más fácil, y tiene tres trampas:
#
# - `model.eval()` antes de empezar. LeNet-5 no lo nota; AlexNet, con *dropout*, sí;
# - medir con imágenes que la red **no** ha visto: las de `data.test`;
# - si el último minilote es más corto, la media de las medias de los minilotes no es la media. **Compruébalo**: con 10
#   imágenes y minilotes de 4, ¿cuánto pesa cada imagen del último minilote frente a las demás?
#
# Al evaluar no hacen falta gradientes. Dentro de `with torch.no_grad():` PyTorch no los prepara, y se ahorran memoria y
# tiempo; los números que salen son los mismos.
#
# ### Ejercicio `n1-train-step` (12 puntos)
#
# Escribe las dos funciones (7 puntos el paso y 5 la evaluación). La pérdida que devuelve `train_step` es la de antes
# de mover los pesos.


# %% solution="n1-train-step"
def train_step(model, optimizer, images, labels):
    """Da un paso de entrenamiento con un minilote y devuelve su pérdida media en nats, un float.

    images: (N, C, H, W). labels: (N,), enteros. model: devuelve logits, (N, clases).
    """
    ### BEGIN SOLUTION
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


def evaluate(model, data, batch_size=100):
    """Devuelve (pérdida media en nats, error en %) del modelo en el conjunto de test.

    data: tiene data.train, data.validation y data.test.
    Cada parte tiene .images (N, C, H, W) y .labels (N,).
    batch_size: imágenes por minilote; el último puede ser más corto.
    """
    ### BEGIN SOLUTION
    model.eval()
    total_loss, wrong = 0.0, 0
    images, labels = data.test.images, data.test.labels
    with torch.no_grad():
        for start in range(0, len(labels), batch_size):
            logits = model(images[start : start + batch_size])
            batch = labels[start : start + batch_size]
            total_loss += F.cross_entropy(logits, batch, reduction="sum").item()
            wrong += (logits.argmax(dim=1) != batch).sum().item()
    return total_loss / len(labels), 100 * wrong / len(labels)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n1-train-step")

# %% tests="n1-train-step" case="step" points=7
import torch

from tema9 import contracts, measuring

measuring.require_own(train_step)
run = measuring.training_run(train_step, steps=6, images=64)
assert run["losses"][-1] < run["losses"][0], (
    "tras 6 pasos con las mismas 64 imágenes, la pérdida tendría que bajar"
)
### BEGIN HIDDEN TESTS
assert run["training"], "el modelo llegó en modo evaluación y lo has usado así: falta model.train()"


def five_lines(model, optimizer, images, labels):
    model.train()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


expected = measuring.training_run(five_lines, steps=6, images=64)
assert contracts.close(run["losses"][0], expected["losses"][0]), (
    "ya la primera pérdida es otra: entropía cruzada media de los logits, sin softmax y antes de mover los pesos"
)
first = measuring.training_run(train_step, steps=1, images=64)["weights"]
expected_first = measuring.training_run(five_lines, steps=1, images=64)["weights"]
assert contracts.close(first, expected_first, tolerance=1e-6), "el primer paso no mueve los pesos como debe: repasa el orden"
assert contracts.close(run["weights"], expected["weights"], tolerance=1e-6), (
    "el primer paso es correcto y los siguientes no: ¿qué gradientes quedan del paso anterior?"
)
### END HIDDEN TESTS

# %% tests="n1-train-step" case="evaluate" points=5
import torch

from tema9 import contracts, measuring

measuring.require_own(evaluate)
report = measuring.evaluation(evaluate, images=8, batch_size=4)
assert len(report["result"]) == 2, "evaluate tiene que devolver dos números: (pérdida, error)"
assert 0 <= report["result"][1] <= 100, "el error se da en %, entre 0 y 100"
### BEGIN HIDDEN TESTS
assert not report["training"], "has evaluado en modo entrenamiento: falta model.eval()"
assert not report["changed"], "al evaluar no se mueven los pesos"


def in_one_go(part):
    def measure_part(model, data, batch_size=100):
        model.eval()
        images, labels = getattr(data, part).images, getattr(data, part).labels
        logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return loss.item(), 100 * int((logits.argmax(dim=1) != labels).sum()) / len(labels)

    return measure_part


for count, batch_size in ((12, 4), (10, 4), (23, 5), (5, 100)):
    loss, error = measuring.evaluation(evaluate, images=count, batch_size=batch_size)["result"]
    expected_loss, expected_error = measuring.evaluation(in_one_go("test"), images=count)["result"]
    for part in ("train", "validation"):
        other_loss, _ = measuring.evaluation(in_one_go(part), images=count)["result"]
        assert not contracts.close(loss, other_loss, tolerance=1e-6), f"has medido en data.{part}; lo que se pide es data.test"
    short = "" if count % batch_size == 0 else " cuando el último minilote es más corto"
    assert contracts.close(loss, expected_loss, tolerance=1e-5), f"la pérdida media no es correcta{short}"
    assert contracts.close(error, expected_error, tolerance=1e-3), f"el error no es correcto{short}: fallos de cada 100 imágenes"
### END HIDDEN TESTS

# %% [markdown]
# ## 9. Entrenar y leer los errores
#
# Ahora entrenamos en serio, con 3 500 dígitos, durante 12 épocas (*epochs*, vueltas completas a los datos) y con
# descenso de gradiente estocástico con momento. El bucle de `tema9.training.train` es el tuyo, con cuatro añadidos: en
# cada paso encoge un poco los pesos (decaimiento de pesos, *weight decay*, de 0,003), mide en `validation` al final de
# cada época, divide por 10 la tasa de aprendizaje (*learning rate*) cuando lleva 6 épocas sin mejorar, y se queda con
# los pesos de la mejor época.
#
# **Predice** el error de test. El artículo informa de un 0,95 % en MNIST, con 60 000 imágenes para entrenar; aquí
# tienes 17 veces menos. ¿Será un 1 %, un 4 % o un 15 %?
#
# La red es la del paquete. Si tu `LeNet5` ya funciona, cambia `tema9.models.LeNet5()` por `LeNet5()` y entrena la tuya.

# %% explore=true
recipe = replace(recipes.LENET5_DIGITS, epochs=2 if SHORT else 12)
torch.manual_seed(0)
lenet = tema9.models.LeNet5()
history = tema9.training.train(lenet, digits, recipe)
loss, lenet_error, _ = tema9.training.evaluate(lenet, digits.test)
print(f"test: pérdida {spanish(loss, 3)} nats, error {spanish(lenet_error, 1)} %")
ax = figures.learning(history)

# %% [markdown]
# En nuestras pruebas el error de test fue de entre el 2,4 y el 3,5 %, según la semilla. No es el 0,95 % del artículo, y
# no tiene por qué serlo: hay menos datos y otro entrenamiento. Además, 1 000 imágenes de test dan un número incierto.
# **Calcula** cuánto: el error estándar de una proporción $p$ medida en $N$ imágenes es $\sqrt{p \, (1 - p) / N}$. Con
# $p = 0{,}03$ salen unos 0,5 puntos. Para comparar **dos** redes hace falta el error estándar de la diferencia, que es
# $\sqrt{2}$ veces mayor, unos 0,8 puntos; y una diferencia menor que el doble de ese valor, 1,5 puntos, no se distingue
# del azar. En el cuaderno 5 escribirás esa regla.
#
# Con más datos el error baja, y los datos se pueden fabricar: LeCun et al. (apartado III.B) añadieron a los 60 000 dígitos
# 540 000 deformados, y el 0,95 % bajó al 0,8 %. Con los nuestros también funciona: la receta `recipes.LENET5_DISTORTED`
# enseña cada dígito en cada época con otro desplazamiento, otro giro y otra deformación elástica, y en 30 épocas el
# error medio de cinco semillas baja del 2,4 al 1,1 %.
#
# Un porcentaje no dice **en qué** se equivoca. Mira cada dígito mal clasificado, con lo que la red responde.

# %% explore=true
with torch.no_grad():
    predictions = lenet.eval()(digits.test.images).argmax(dim=1)
wrong = (predictions != digits.test.labels).nonzero().flatten()
print(f"{len(wrong)} fallos en {len(predictions)} imágenes")
shown = wrong[:24]
ax = figures.digits(digits.test.images[shown], digits.test.labels[shown], predictions[shown])

# %% [markdown]
# Clasifica los fallos en tres grupos: los que tú también habrías cometido, los que se entienden (un 4 cerrado que
# parece un 9) y los que no se entienden. ¿Qué confusiones se repiten?

# %% explore=true
pairs = torch.stack([digits.test.labels[wrong], predictions[wrong]], dim=1)
kinds, counts = pairs.unique(dim=0, return_counts=True)
for place in counts.argsort(descending=True)[:5]:
    true, answered = kinds[place].tolist()
    print(f"un {true} tomado por un {answered}: {int(counts[place])}")

# %% [markdown]
# ¿Qué pasa dentro de la red? Aquí está el mismo dígito en C1 (6 mapas de 28 × 28, detrás de la ReLU) y en C3 (16 mapas
# de 10 × 10). **Predice** en cuál de las dos reconocerás todavía el dígito. ¿Hay algún mapa apagado?
#
# Después dibuja el tuyo con el ratón, o muévelo de sitio con los controles: ¿cuántos píxeles aguanta antes de que la
# red se equivoque?

# %% explore=true
widgets.digit(lenet)

# %% [markdown]
# En C1 se ve el dígito con los bordes realzados; en C3 quedan manchas que dicen «aquí hay un rasgo como el mío». Mirar
# dentro de una red es el asunto de ZFNet, en el cuaderno 6.

# %% [markdown]
# ## 10. ¿Qué sabe una convolución? Píxeles desordenados
#
# Una convolución da por supuesto que los píxeles vecinos tienen que ver entre sí. Vamos a romper esa suposición:
# elegimos una permutación de los 1 024 píxeles y se la aplicamos, **siempre la misma**, a todas las imágenes. No se
# pierde información: basta deshacerla para recuperar el dígito.

# %% explore=true
order = torch.randperm(32 * 32, generator=torch.Generator().manual_seed(0))


def scramble(split):
    return tema9.data.Split(split.images.flatten(1)[:, order].view_as(split.images), split.labels)


scrambled = replace(
    digits,
    train=scramble(digits.train),
    validation=scramble(digits.validation),
    test=scramble(digits.test),
)
ax = figures.digits(scrambled.train.images[:10], scrambled.train.labels[:10])

# %% [markdown]
# Comparamos dos redes de tamaño parecido: nuestra LeNet-5 (61 706 parámetros) y un perceptrón multicapa
# (*multilayer perceptron*, MLP) con una capa oculta de 60 neuronas (62 110). Las dos se entrenan con la misma receta,
# con los píxeles en orden y desordenados.
#
# **Predice** los cuatro errores, o al menos su orden. ¿Cambiará el del MLP? ¿Y el de LeNet-5: un poco, mucho, hasta
# el azar (90 %)?


# %% explore=true
def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 60), nn.ReLU(), nn.Linear(60, 10))


def error_after_training(make, used):
    torch.manual_seed(0)
    made = make()
    tema9.training.train(made, used, recipe)
    return tema9.training.evaluate(made, used.test).top1


errors = {
    "LeNet-5, en orden": lenet_error,
    "LeNet-5, desordenados": error_after_training(tema9.models.LeNet5, scrambled),
    "MLP, en orden": error_after_training(mlp, digits),
    "MLP, desordenados": error_after_training(mlp, scrambled),
}
ax = figures.bars(errors, ylabel="error de test (%)")

# %% [markdown]
# Con cuatro semillas, 12 épocas y esta misma permutación, nosotros medimos (`python -m
# tema9.experiments.scrambled_pixels`):
#
# | error de test (%) | en orden | desordenados |
# |---|---|---|
# | LeNet-5, 61 706 parámetros | de 2,4 a 3,5 | de 11,1 a 11,6 |
# | MLP, 62 110 parámetros | de 6,6 a 7,1 | de 6,6 a 7,1 |
#
# Esto es lo que se puede decir con esos números, y lo que no:
#
# - **Al MLP le da igual.** Cada neurona lee todos los píxeles con pesos propios, así que cambiarlos de sitio solo
#   cambia de sitio los pesos. Las diferencias que veas vienen del sorteo inicial y de que 1 000 imágenes son pocas.
# - **LeNet-5 pierde toda su ventaja**, y algo más: desordenada es peor que el MLP. Con el mismo número de parámetros,
#   lo que la hacía mejor era suponer que los vecinos importan. Cuando esa suposición es falsa, estorba.
# - **No cae hasta el azar.** Sus capas totalmente conectadas tienen el 96 % de los parámetros y aprovechan lo que les
#   llega.
# - Es una sola permutación, un solo tamaño de red y una receta ajustada para LeNet-5. Con más datos o más épocas, las
#   distancias serían otras.

# %% [markdown]
# ## 11. Lo que la diapositiva se deja
#
# ### Pregunta `n1-m2-slide` (5 puntos, se corrige a mano)
#
# > i.e. architecture is [CONV-POOL-CONV-POOL-FC-FC]
#
# **¿Qué deja fuera, o cambia, este resumen respecto a la LeNet-5 de 1998?** Da al menos cuatro diferencias, y en cada
# una di en qué capa está. Bastan seis u ocho líneas.

# %% [markdown] answer="n1-m2-slide" points=5
# 1. Falta una etapa. Detrás de S4 hay tres: C5, F6 y la salida. Dos letras FC solo cubren dos.
# 2. C5 es una convolución, aunque a 32 × 32 equivalga a una capa totalmente conectada.
# 3. POOL no es el *pooling* de hoy: S2 y S4 suman cada bloque, lo multiplican por un coeficiente y añaden un sesgo por
#    mapa (12 y 32 parámetros), y lo pasan por la tangente hiperbólica escalada.
# 4. El segundo CONV, C3, no lee todos los mapas de S2: solo las 60 parejas de la Tabla I (1 516 parámetros y no 2 416).
# 5. La salida no es una capa lineal con softmax: son 10 distancias a dibujos fijos de 7 × 12, que no se aprenden.
# 6. No aparecen las activaciones: la tangente hiperbólica escalada, y no la ReLU.

# %% [markdown] locked="n1-m2-slide-criteria"
# *Se corrige a mano: 5 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# Un punto por cada idea correcta y situada en su capa, hasta cuatro:
#
# - tres etapas detrás de S4 (C5, F6, salida) y solo dos FC;
# - C5 es una convolución en el artículo;
# - S2 y S4: suma, coeficiente y sesgo por mapa (12 y 32 parámetros), no un máximo sin parámetros;
# - C3 conectada a medias (60 de 96 parejas; 1 516 parámetros y no 2 416);
# - salida RBF con prototipos fijos, no lineal ni softmax;
# - tangente hiperbólica escalada en lugar de ReLU, también detrás de S2 y S4.
#
# El quinto punto, por dar al menos un número correcto que lo demuestre (12, 32, 1 516, 60 000 frente a 61 706,
# 84 = 7 · 12...). Medio punto por una idea cierta sin decir la capa. Decir que «falta el relleno» no cuenta: no lo hay.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Lo que te llevas
#
# - El lado de la salida: $\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$. Lo usarás en cada capa de AlexNet.
# - Los parámetros están en las capas totalmente conectadas; las multiplicaciones, en las convoluciones.
# - «LeNet-5» nombra dos redes, de 60 000 y de 61 706 parámetros. Cuando leas un número, mira de cuál de las dos es.
# - Una convolución gana porque supone algo cierto de las imágenes: que los vecinos importan.
#
# Antes de entregar: reinicia el núcleo, ejecuta todo y guarda. En el cuaderno 2 harás las mismas cuentas con AlexNet,
# otra red, que tiene mil veces más parámetros.
#
# **Fuentes.** LeCun, Bottou, Bengio y Haffner (1998), *Gradient-Based Learning Applied to Document Recognition*,
# Proceedings of the IEEE 86(11), 2278-2324, apartados II y III, tabla I y apéndice A. Dígitos: MNIST. Los errores de
# los apartados 9 y 10 son nuestros, y su registro viene con el paquete. Diapositivas: CS231n (2017), lección 9.
