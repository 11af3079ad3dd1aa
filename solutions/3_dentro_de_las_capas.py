# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 180
#   title: 3. Dentro de las capas
# ---

# %% [markdown]
# # 3. Dentro de las capas
#
# En el cuaderno 2 contaste lo que entra y sale de cada capa de AlexNet. Ahora abrimos las capas: qué hacen la ReLU, la
# normalización, el *pooling* solapado y el *dropout*, y cómo se inventan imágenes nuevas a partir de las que hay.
#
# Al terminar sabrás:
#
# - comparar dos funciones de activación sin hacer trampa con la tasa de aprendizaje;
# - escribir la normalización de respuesta local y usar la de PyTorch sin equivocarte en un factor 5;
# - decidir con contraejemplos qué capas se pueden cambiar de orden;
# - distinguir el *dropout* de 2012 del de hoy;
# - recortar, reflejar y recolorear imágenes, y evaluar con diez recortes.
#
# | Diapositiva («Details/Retrospectives») | Dónde se trabaja |
# |---|---|
# | *first use of ReLU* | apartados 1 y 9 |
# | *used Norm layers (not common anymore)* | apartados 2 y 3 |
# | «Case Study: AlexNet», *MAX POOL1: 3x3 filters at stride 2* | apartado 4 |
# | *dropout 0.5* | apartado 5 |
# | *heavy data augmentation* | apartados 6 a 8 |
#
# **Tiempo:** unos 180 minutos: 20 el apartado 1, 30 el 2, 15 el 3, 20 el 4, 20 el 5, 15 el 6, 25 el 7, 20 el 8, 10 el 9
# y 5 el resto. **GPU:** no hace falta; la celda más larga dura unos segundos en 2 núcleos.
#
# | Ejercicio | Puntos |
# |---|---|
# | `n3-m1-relu-sweep`: ReLU contra tanh (a mano) | 8 |
# | `n3-lrn`: la normalización de respuesta local | 15 |
# | `n3-lrn-alpha`: la de PyTorch | 6 |
# | `n3-order`: qué capas conmutan | 8 |
# | `n3-max-pool`: el *max pooling* con bucles | 8 |
# | `n3-overlapping`: los lados de AlexNet | 3 |
# | `n3-dropout`: los dos *dropouts* | 12 |
# | `n3-random-views`: recortes y espejos | 8 |
# | `n3-pca-lighting`: la luz | 15 |
# | `n3-ten-crops`: diez recortes | 10 |
# | `n3-m2-first-relu`: ¿la primera? (a mano) | 7 |
# | **Total** | **100** |
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`. Te dice si está bien y, si
# reconoce el error, cuál es su causa. Puedes usarla cuantas veces quieras. La celda siguiente, la de los `assert`, es
# la que puntúa; al corregir se le añaden más casos.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Las celdas que solo muestran algo no se ejecutan al corregir. Y se pide tu propio
# código: una respuesta que usa una función del paquete `tema9`, como las de `tema9.layers` y `tema9.augment`, no
# puntúa. Ninguna función debe escribir en los arrays que recibe.
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
from tema9 import experiments, figures, measuring
from tema9.arithmetic import spanish

figures.describe_pictures()  # cada figura, con su texto alternativo
torch.manual_seed(0)
# Con redes tan pequeñas, más hilos no ganan tiempo y estorban en una máquina ocupada.
torch.set_num_threads(1)
SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))  # al corregir, los experimentos se acortan

# Las operaciones del apartado 3.
OPERATIONS = {
    "relu": torch.relu,
    "max-pool": lambda a: F.max_pool2d(a, 2),
    "avg-pool": lambda a: F.avg_pool2d(a, 2),
    "lrn": nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0),
    "double": lambda a: 2 * a,
}

# %% [markdown]
# ## 1. ReLU contra tanh, sin trampas
#
# > first use of ReLU
#
# La ReLU deja pasar lo positivo y anula lo negativo: $\max(0, a)$. La tangente hiperbólica, la favorita hasta
# entonces, se satura: lejos de cero su pendiente es casi nula, y por ahí no pasa el gradiente.

# %% explore=true
x = np.linspace(-4, 4, 200)
ax = figures.curves(x, {"ReLU": np.maximum(x, 0), "tanh": np.tanh(x)}, "a", "f(a)")
slopes = {"ReLU": (x > 0).astype(float), "tanh": 1 - np.tanh(x) ** 2}
ax = figures.curves(x, slopes, "a", "pendiente f′(a)")

# %% [markdown]
# La figura 1 del artículo dice que una red de cuatro capas con ReLU llega al 25 % de error de entrenamiento en CIFAR-10
# seis veces antes que la misma red con tanh. El pie de la figura añade algo que casi nadie cuenta: la tasa de
# aprendizaje se eligió **para cada una por separado**, la que la hacía más rápida.
#
# ¿Por qué importa? Porque con una sola tasa puedes hacer ganar a quien quieras. **Predice**: con la tasa 0,01, ¿quién
# llegará antes al 5 % de error de entrenamiento? ¿Y con 0,1?

# %% explore=true
import sys

from tqdm import tqdm

from tema9.experiments.relu_or_tanh import LOOKS
from tema9.experiments.relu_or_tanh import errors as training_errors

digits = tema9.data.digits().train
some = 500 if SHORT else 2000
epochs, paths = 1 if SHORT else 5, {}
for name in ("ReLU", "tanh"):
    measured = training_errors(name, 0.03, 0, digits.images[:some], digits.labels[:some], epochs)
    path = list(tqdm(measured, name, total=LOOKS * epochs, unit="medida", file=sys.stdout))
    paths[f"{name}, tasa 0,03"] = [error for _, error in path]
ax = figures.curves([epoch for epoch, _ in path], paths, "época", "error de entrenamiento (%)")

# %% [markdown]
# La figura anterior es una sola carrera, con una tasa y una semilla. Esta es la comparación completa: cinco tasas para
# cada función y tres semillas de cada una. Los puntos son las semillas, y la línea es su media; las carreras que no
# llegaron en 16 épocas no tienen punto. Lo hizo `python -m tema9.experiments.relu_or_tanh` con 3 500 dígitos, y el
# registro viene con el curso.

# %% explore=true
log = experiments.read("relu_or_tanh")
times = {"ReLU": {}, "tanh": {}}
for row in log:
    place = f"{row['rate']:g}".replace(".", ",")
    epochs = row["epochs"] if row["reached"] else float("nan")
    times[row["nonlinearity"]].setdefault(place, []).append(epochs)
ax = figures.seeds(times, "tasa de aprendizaje", "épocas hasta el 5 % de error")
for name, by_rate in times.items():
    for rate, epochs in by_rate.items():
        shown = [spanish(value, 2) if value == value else "no llega" for value in epochs]
        print(f"{name}, tasa {rate:5} épocas: {'; '.join(shown)}")

# %% [markdown]
# ### Pregunta `n3-m1-relu-sweep` (8 puntos, se corrige a mano)
#
# Escribe el informe de la comparación: **qué tasas se probaron con cada función, cuál es la mejor de cada una, cuál de
# las dos funciones llega antes en esta red y cuántas veces**, con su incertidumbre. ¿Qué habrías concluido si solo
# hubieras probado la tasa 0,003? ¿Por qué no sale el factor 6 del artículo? Bastan ocho líneas.

# %% [markdown] answer="n3-m1-relu-sweep" points=8
# Se probaron las mismas cinco tasas (0,003, 0,01, 0,03, 0,1 y 0,3) con las dos funciones, tres semillas cada vez. La
# mejor de ambas es 0,1: la ReLU llega en 2,25 épocas de media (de 2,00 a 2,51) y la tanh en 1,68 (de 1,51 a 1,76). Así
# que en esta red **gana la tanh**, 1,3 veces, y los intervalos de las tres semillas no se tocan; se mide cada cuarto
# de época, de modo que la diferencia son dos o tres medidas: poco más se puede afirmar.
#
# Con la tasa 0,003 habría concluido lo contrario: la ReLU llega en unas 11 épocas y la tanh no llega en 16 con ninguna
# semilla. Y con 0,3 la ReLU no aprende nada y la tanh llega una vez. La conclusión depende de la tasa.
#
# No hay por qué obtener un 6: nuestra red es más pequeña, los dígitos son más fáciles que CIFAR-10, la meta es otra (5
# % en vez de 25 %) y PyTorch parte de otros pesos, pensados para no saturar. Lo que el artículo afirma vale para su
# red.

# %% [markdown] locked="n3-m1-relu-sweep-criteria"
# *Se corrige a mano: 8 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: dice las tasas que se probaron con cada función y que fueron las mismas.
# - 2 puntos: elige la mejor de cada una y compara esas dos; en el registro del curso gana la tanh, 1,3 veces (con un
#   registro propio vale lo que salga en él).
# - 1 punto: da el cociente con una idea de su incertidumbre (dispersión de las tres semillas).
# - 1 punto: con una sola tasa la conclusión cambia; pone un ejemplo del registro.
# - 2 puntos: al menos dos razones por las que no tiene que salir 6 (red, datos, meta, pesos de partida).
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 2. La normalización de respuesta local
#
# > used Norm layers (not common anymore)
#
# La normalización de respuesta local (*Local Response Normalization*, LRN) hace competir a los mapas vecinos. Para
# cada píxel por separado, divide lo que vale en el mapa $i$ por la energía de los $n$ mapas centrados en él:
#
# $$b_i = \frac{a_i}{\left(k + \alpha \sum_{j} a_j^2\right)^{\beta}}$$
#
# donde $j$ va de $\max(0, i - n/2)$ a $\min(M - 1, i + n/2)$, con $n/2$ redondeado hacia abajo; $M$ es el número de
# mapas. En el artículo (apartado 3.3), $k = 2$, $n = 5$, $\alpha = 10^{-4}$ y $\beta = 0{,}75$.
#
# Fíjate en que la suma recorre **mapas**, no píxeles vecinos. En los extremos entran en ella menos de cinco mapas.
#
# **Predice**: los nueve mapas valen 50. Si los vecinos suben a 200, ¿qué le pasa al mapa 4? ¿Y al 0, que está en un
# extremo? ¿Y si compite un solo mapa, con n = 1?

# %% explore=true
from tema9 import widgets

widgets.lrn(neighbours=50, alpha=0.002)

# %% [markdown]
# Un vecino fuerte apaga a los demás. Según el artículo, la fórmula imita la inhibición lateral de las neuronas reales.
# Con la alfa impresa, $10^{-4}$, hacen falta activaciones de decenas para que se note; con activaciones pequeñas solo
# queda dividir por $2^{0{,}75}$.
#
# ### Ejercicio `n3-lrn` (15 puntos)
#
# Escribe la fórmula para un array `a` de forma (mapas, alto, ancho). Devuelve otro de la misma forma sin cambiar el que
# te dan. Cuidado: las energías se calculan todas con los valores **de entrada**.


# %% solution="n3-lrn"
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    """Normalización de respuesta local, como la imprime el artículo.

    a: array (mapas, alto, ancho). n: mapas de la ventana, impar.
    Devuelve un array de la misma forma.
    """
    ### BEGIN SOLUTION
    energies = [(a[max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(axis=0) for i in range(len(a))]
    return a / (k + alpha * np.stack(energies)) ** beta
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-lrn")

# %% tests="n3-lrn" case="one-pixel" points=5
import numpy as np

from tema9 import contracts, measuring

normalized = measuring.answer(lrn, contracts.array)
a = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
b = normalized(a, n=3, alpha=1.0, beta=1.0, k=1.0)
assert b.shape == (3, 1, 1), "devuelve un array de la misma forma que el de entrada"
assert contracts.close(b[1, 0, 0], 2 / 15, tolerance=1e-5), (
    "mapa del medio: 2 / (1 + 1² + 2² + 3²) = 2/15"
)
### BEGIN HIDDEN TESTS
assert contracts.close(b[0, 0, 0], 1 / 6, tolerance=1e-5), (
    "en el extremo la ventana es más corta: 1 / (1 + 1² + 2²) = 1/6"
)
assert contracts.close(b[2, 0, 0], 3 / 14, tolerance=1e-5), "en el otro extremo también: 3 / (1 + 2² + 3²) = 3/14"
zero = normalized(np.full((4, 1, 1), 1e-6))
assert contracts.close(zero, np.full((4, 1, 1), 1e-6 / 2**0.75), tolerance=1e-12), (
    "con activaciones diminutas solo queda dividir por k elevado a beta"
)
### END HIDDEN TESTS

# %% tests="n3-lrn" case="windows" points=10
import numpy as np

from tema9 import contracts, measuring

normalized = measuring.answer(lrn, contracts.array)
assert normalized(np.ones((6, 2, 3))).shape == (6, 2, 3), (
    "devuelve un array de la misma forma que el de entrada"
)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(3)
for maps, n, alpha, beta, k in (
    (8, 5, 1e-4, 0.75, 2.0),
    (6, 3, 0.5, 0.75, 1.0),
    (4, 7, 0.1, 0.5, 3.0),
    (5, 1, 0.2, 2.0, 1),
):
    a = 3 * draw.normal(size=(maps, 3, 4))
    found = normalized(a.copy(), n=n, alpha=alpha, beta=beta, k=k)
    case = f"{maps} mapas, n={n}, alpha={alpha}, beta={beta}, k={k}"
    assert found.shape == a.shape, f"no sale un array de la misma forma: {case}"
    for i in range(maps):
        near = [a[j] ** 2 for j in range(maps) if max(i - j, j - i) <= n // 2]
        expected = a[i] / (k + alpha * sum(near)) ** beta
        assert contracts.close(found[i], expected, tolerance=1e-5), f"no coincide en el mapa {i}: {case}"
a = 90 * draw.normal(size=(9, 2, 2))
expected = normalized(a.copy(), 5, 1e-4, 0.75, 2.0)
assert contracts.close(normalized(a), expected, tolerance=1e-5), "las constantes por defecto son las del artículo"
changed = measuring.changes_its_inputs(lrn, np.arange(12.0).reshape(3, 2, 2))
assert not changed, "has modificado el array que te dan: los vecinos leerían valores ya normalizados"
### END HIDDEN TESTS

# %% [markdown]
# ### La normalización de PyTorch no es la misma
#
# `nn.LocalResponseNorm(size, alpha, beta, k)` divide alfa por el tamaño de la ventana: usa $\alpha / n$ donde la
# fórmula impresa usa $\alpha$. Y su `k` vale 1 si no dices otra cosa. Lo curioso es que el **código** de 2012 también
# dividía por $n$, con $\alpha = 10^{-4}$ y $k = 2$. Así que «la LRN de AlexNet» son dos, según leas el artículo o el
# código.
#
# ### Ejercicio `n3-lrn-alpha` (6 puntos)
#
# Escribe la función que traduce unas constantes a los argumentos de `nn.LocalResponseNorm`. `divides` dice si en la
# regla de partida alfa ya va dividida por $n$, como en el código de 2012, o no, como en el artículo.


# %% solution="n3-lrn-alpha"
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    """Devuelve un diccionario con size, alpha, beta y k para nn.LocalResponseNorm."""
    ### BEGIN SOLUTION
    return {"size": n, "alpha": alpha if divides else alpha * n, "beta": beta, "k": k}
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-lrn-alpha")

# %% tests="n3-lrn-alpha" points=6
import torch

from tema9 import contracts, measuring

arguments = measuring.answer(
    torch_arguments,
    contracts.exactly(
        size=contracts.integer, alpha=contracts.number, beta=contracts.number, k=contracts.number
    ),
)
assert arguments()["size"] == 5, "la ventana de AlexNet es de 5 mapas"
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(5)
for n, alpha, beta, k in ((5, 1e-4, 0.75, 2.0), (3, 0.2, 0.5, 1.5), (7, 0.01, 1.0, 2.0)):
    a = 4 * torch.randn(1, 9, 2, 2, generator=generator)
    energy = torch.stack([(a[:, max(0, i - n // 2) : i + n // 2 + 1] ** 2).sum(1) for i in range(9)], 1)
    for divides in (False, True):
        layer = torch.nn.LocalResponseNorm(**arguments(n, alpha, beta, k, divides=divides))
        expected = a / (k + alpha / (n if divides else 1) * energy) ** beta
        rule = "la del código, que divide alfa por n" if divides else "la fórmula impresa"
        assert contracts.close(layer(a), expected), f"no da {rule}, con n={n}, alpha={alpha}, k={k}"
        given = alpha if divides else n * alpha
        assert contracts.close(1e4 * arguments(n, alpha, beta, k, divides=divides)["alpha"], 1e4 * given), (
            f"alpha no es la que da {rule}, con n={n}, alpha={alpha}"
        )
default = [arguments(), arguments(divides=True)]
assert contracts.close([one["alpha"] for one in default], [5e-4, 1e-4], tolerance=1e-7), (
    "las constantes por defecto son las del artículo, y la regla de partida, la impresa"
)
assert [one["k"] for one in default] == [2, 2], "las constantes por defecto son las del artículo"
### END HIDDEN TESTS

# %% [markdown]
# ¿Sirvió de algo? En 2012 quitar la LRN costaba 1,4 puntos de top-1 y 1,2 de top-5 (artículo, apartado 3.3). Dos años
# después no había acuerdo: GoogLeNet conservaba dos capas de LRN, y los autores de VGG la probaron, vieron que no
# mejoraba y la quitaron. Hoy se usa otra cosa con un nombre parecido: la normalización por lotes (*batch
# normalization*), que normaliza cada mapa con la media y la desviación de un minilote.

# %% [markdown]
# ## 3. ¿Importa el orden?
#
# El artículo pone ReLU, LRN y *pooling*, en ese orden. La diapositiva (y CaffeNet) ponen el *pooling* antes que la LRN.
# ¿Da lo mismo? Dos operaciones **conmutan** si al cambiarlas de orden sale siempre lo mismo. Un ejemplo en que
# coinciden no demuestra nada; **un** solo contraejemplo demuestra que no conmutan.
#
# Antes de probar, el coste: cuenta cuántos valores hay que normalizar en cada caso.

# %% explore=true
paper, slide = tema9.layer_table("alexnet_paper"), tema9.layer_table("alexnet_slide")
before, after = paper["NORM1"].activations, slide["NORM1"].activations
print(f"LRN antes del pooling: {spanish(before)} valores; después: {spanish(after)}")
print(f"Ponerla después ahorra un factor {spanish(before / after, 2)}")

# %% [markdown]
# ### Ejercicio `n3-order` (8 puntos)
#
# Escribe la función que, para cada pareja de operaciones, devuelve `None` si conmutan o, si no, un contraejemplo: un
# array de forma (1, 5, 4, 4) en el que el resultado cambie con el orden en más de 0,001. Las operaciones son las de
# `OPERATIONS`, en la primera celda de código (la LRN lleva una alfa grande para que se vea). Experimenta con números al
# azar: ¿de qué signo tienen que ser?

# %% explore=true
a = torch.randn(1, 5, 4, 4)
first, second = OPERATIONS["relu"], OPERATIONS["max-pool"]
print("diferencia:", (second(first(a)) - first(second(a))).abs().max().item())


# %% solution="n3-order"
def counterexamples():
    """Devuelve, para cada pareja, None si conmutan o un array (1, 5, 4, 4) en el que no.

    Parejas: "relu, max-pool"; "relu, avg-pool"; "lrn, max-pool"; "lrn, relu";
    "double, max-pool"; "double, lrn".
    """
    ### BEGIN SOLUTION
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    return {
        "relu, max-pool": None,
        "relu, avg-pool": mixed,
        "lrn, max-pool": mixed,
        "lrn, relu": mixed,
        "double, max-pool": None,
        "double, lrn": mixed,
    }
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-order")

# %% tests="n3-order" case="commute" points=3
from tema9 import contracts, measuring

found = measuring.answer(counterexamples, contracts.mapping(contracts.optional(contracts.array)))()
pairs = {"relu, max-pool", "relu, avg-pool", "lrn, max-pool"}
pairs |= {"lrn, relu", "double, max-pool", "double, lrn"}
assert set(found) == pairs, "devuelve un diccionario con las seis parejas del enunciado"
### BEGIN HIDDEN TESTS
assert found["relu, max-pool"] is None, (
    "ReLU y max pooling conmutan: el mayor de los rectificados es el rectificado del mayor"
)
assert found["double, max-pool"] is None, (
    "multiplicar por 2 y max pooling conmutan: 2 es positivo y no cambia quién es mayor"
)
### END HIDDEN TESTS

# %% tests="n3-order" case="differ" points=5
import torch

from tema9 import contracts, measuring

found = measuring.answer(counterexamples, contracts.mapping(contracts.optional(contracts.array)))()
operations = {
    "relu": torch.relu,
    "max-pool": torch.nn.MaxPool2d(2),
    "avg-pool": torch.nn.AvgPool2d(2),
    "lrn": torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0),
    "double": lambda a: 2 * a,
}
for pair, example in found.items():
    assert example is None or example.shape == (1, 5, 4, 4), (
        f"{pair}: se pide None o un array de forma (1, 5, 4, 4)"
    )
### BEGIN HIDDEN TESTS
for pair in ("relu, avg-pool", "lrn, max-pool", "lrn, relu", "double, lrn"):
    example = found.get(pair)
    assert example is not None, f"{pair}: no conmutan; hay un contraejemplo"
    first, second = (operations[name] for name in pair.split(", "))
    a = torch.tensor(example)
    gap = (second(first(a)) - first(second(a))).square().max().item() ** 0.5
    assert gap > 1e-3, f"{pair}: en tu array sale lo mismo en los dos órdenes: no es un contraejemplo"
### END HIDDEN TESTS

# %% [markdown]
# Que no conmuten no quiere decir que un orden sea mejor. Krizhevsky probó los dos en la primera capa. Según sus notas
# de 2012, los errores fueron, con el *pooling* delante (prueba 120), de 41,04 % (top-1) y 18,71 % (top-5), y con la LRN
# delante (prueba 131), de 40,93 % y 18,57 % (ficheros `layer-params-120-2012.cfg` y `layer-params-131.cfg`). La
# diferencia es de una décima, y con 50 000 imágenes de validación está dentro del ruido: el error estándar de un 18,6 %
# es

# %% explore=true
p = 0.186
print(f"{spanish(100 * (p * (1 - p) / 50_000) ** 0.5, 2)} puntos")

# %% [markdown]
# Además, normalizar después del *pooling* cuesta cuatro veces menos.

# %% [markdown]
# ## 4. *Pooling* solapado
#
# En AlexNet las ventanas de *pooling* miden 3 y avanzan 2: cada píxel del borde de una ventana está también en la
# siguiente. El artículo dice que este *pooling* solapado (*overlapping pooling*) baja el error 0,4 y 0,3 puntos
# respecto a 2 × 2 con paso 2, y que cuesta un poco más sobreajustar (apartado 3.4).

# %% explore=true
ax = figures.windows(13, 3, 2)
ax = figures.windows(13, 2, 2)

# %% [markdown]
# ### Ejercicio `n3-max-pool` (8 puntos)
#
# Escribe el *max pooling* con bucles para un array (mapas, alto, ancho). Si no se da `stride`, vale `kernel_size`, como
# en PyTorch. El relleno añade píxeles en los cuatro bordes que **nunca** pueden ganar. Piensa: ¿con qué valor se
# rellena si todos los números del mapa son negativos?


# %% solution="n3-max-pool"
def max_pool(maps, kernel_size, stride=None, padding=0):
    """Max pooling de un array (mapas, alto, ancho).

    Las posiciones que no caben enteras se descartan.
    """
    ### BEGIN SOLUTION
    stride = kernel_size if stride is None else stride
    edge = (padding, padding)
    padded = np.pad(maps, ((0, 0), edge, edge), constant_values=-np.inf)
    count, height, width = padded.shape
    rows = (height - kernel_size) // stride + 1
    columns = (width - kernel_size) // stride + 1
    result = np.empty((count, rows, columns))
    for y in range(rows):
        for x in range(columns):
            top, left = y * stride, x * stride
            result[:, y, x] = padded[:, top : top + kernel_size, left : left + kernel_size].max(axis=(1, 2))
    return result
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-max-pool")

# %% tests="n3-max-pool" points=8
import numpy as np
import torch

from tema9 import contracts, measuring

pooled = measuring.answer(max_pool, contracts.array)
image = np.arange(16.0).reshape(1, 4, 4)
expected = [[[5, 7], [13, 15]]]
assert contracts.close(pooled(image, 2), expected), (
    "ventanas de 2 × 2 que no se pisan: 5, 7, 13 y 15"
)
assert not measuring.calls_of_torch(max_pool, "max_pool", image, 2), "escríbelo con bucles"
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(4)
for shape, kernel_size, stride, padding in (
    ((2, 7, 7), 3, 2, 0),
    ((1, 6, 9), 2, None, 0),
    ((3, 5, 5), 3, 1, 1),
    ((2, 8, 6), 3, 3, 1),
    ((1, 5, 5), 2, None, 1),
    ((1, 8, 11), 3, 3, 0),
):
    maps = draw.normal(size=shape) - 3  # casi todo negativo
    given = torch.tensor(maps)[None]
    expected = torch.nn.functional.max_pool2d(given, kernel_size, stride, padding)[0]
    case = f"forma {shape}, kernel_size={kernel_size}, stride={stride}, padding={padding}"
    found = pooled(maps.copy(), kernel_size, stride, padding)
    wanted = tuple(expected.shape)
    assert found.shape == wanted, f"sale de forma {found.shape} y tiene que ser {wanted}: {case}"
    assert contracts.close(found, expected, tolerance=1e-5), f"los valores no coinciden: {case}"
assert not measuring.changes_its_inputs(max_pool, maps, 2), "has modificado el array que te dan"
### END HIDDEN TESTS

# %% [markdown]
# ### Ejercicio `n3-overlapping` (3 puntos)
#
# Escribe la función que da los lados después de cada *pooling*, empezando en `side`. AlexNet tiene tres, y entre ellos
# nada cambia el lado. Con `ceil=True` una ventana que se sale también cuenta (se redondea hacia arriba, como en Caffe);
# si no, no. **Predice** lo que sale con 55 píxeles: ventanas de 3 con paso 2, y de 2 con paso 2.


# %% solution="n3-overlapping"
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    """Devuelve la lista de los lados, en píxeles, después de cada uno de los `times` poolings."""
    ### BEGIN SOLUTION
    sides = []
    for _ in range(times):
        room = side - kernel_size
        side = (-(-room // stride) if ceil else room // stride) + 1
        sides.append(side)
    return sides
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-overlapping")

# %% tests="n3-overlapping" points=3
import torch

from tema9 import contracts, measuring

sides_of = measuring.answer(pooled_sides, contracts.integers())
sides = sides_of(55, 3, 2)
assert len(sides) == 3, "devuelve una lista con los tres lados"
assert sides[0] == 27, "de 55 px, con ventana 3 y paso 2, quedan 27"
### BEGIN HIDDEN TESTS
assert sides == [27, 13, 6], "los lados de AlexNet son 27, 13 y 6"
assert sides_of(55, 2, 2) == [27, 13, 6], "sin solape salen los mismos lados: 55 es impar y se pierde un píxel"
assert sides_of(55, 2, 2, ceil=True) == [28, 14, 7], "redondeando hacia arriba, 2 × 2 da 28, 14 y 7"
for side, kernel_size, stride, times in ((110, 3, 2, 3), (224, 2, 2, 4), (40, 5, 3, 2), (31, 3, 3, 2)):
    for ceil in (False, True):
        row, expected = torch.empty(1, 1, side, device="meta"), []
        for _ in range(times):
            row = torch.nn.functional.max_pool1d(row, kernel_size, stride, ceil_mode=ceil)
            expected.append(row.shape[-1])
        found = sides_of(side, kernel_size, stride, times=times, ceil=ceil)
        assert found == expected, (
            f"no coincide con side={side}, kernel_size={kernel_size}, stride={stride}, ceil={ceil}"
        )
### END HIDDEN TESTS

# %% [markdown]
# Si se redondea hacia abajo, 2 × 2 y 3 × 3 dan los mismos lados en AlexNet: 27, 13 y 6. El artículo (apartado 3.4) dice
# que las salidas de los dos esquemas tienen dimensiones equivalentes. Pero redondeando hacia arriba, como hace el
# código de 2012, con 2 × 2 saldrían 28, 14 y 7. Según las notas de Krizhevsky, sin solape (prueba 147) los errores son
# 41,06 % y 18,51 %; con solape (prueba 145), 40,66 % y 18,21 %. En el cuaderno 5 verás si esa diferencia se distingue
# del ruido.

# %% [markdown]
# ## 5. Los dos *dropouts*
#
# > dropout 0.5
#
# El *dropout* apaga al azar cada neurona de FC6 y FC7 con probabilidad $p = 0{,}5$ en cada paso de entrenamiento. Al
# evaluar están todas encendidas, y hay que compensar: si no, a la capa siguiente le llegaría el doble de lo que vio
# entrenando. Hay dos maneras:
#
# - **2012**: al entrenar, se apaga y nada más; **al evaluar** se multiplica todo por $1 - p$;
# - **invertido** (*inverted*), el de PyTorch: **al entrenar**, lo que queda encendido se divide por $1 - p$; al evaluar
#   no se toca nada.
#
# ### Ejercicio `n3-dropout` (12 puntos)
#
# Escribe los dos *dropouts*. Para que se puedan comprobar, los sorteos vienen dados: `u` tiene la forma de `x` y
# números al azar entre 0 y 1. Una neurona se apaga si su `u` es **menor que** `p`.


# %% solution="n3-dropout"
def dropout_2012(x, p, u, training):
    """El dropout de 2012.

    x, u: arrays de la misma forma. p: la probabilidad de apagar. training: si se entrena.
    """
    ### BEGIN SOLUTION
    return np.where(u < p, 0.0, x) if training else (1 - p) * x
    ### END SOLUTION


def dropout_inverted(x, p, u, training):
    """El dropout invertido, el de PyTorch, con los mismos argumentos."""
    ### BEGIN SOLUTION
    return np.where(u < p, 0.0, x / (1 - p)) if training else x
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-dropout")

# %% tests="n3-dropout" case="2012" points=6
import numpy as np

from tema9 import contracts, measuring

dropped = measuring.answer(dropout_2012, contracts.array)
x, u = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.6, 0.3, 0.9])
result = dropped(x, 0.5, u, True)
assert contracts.close(result, [0, 2, 0, 4], tolerance=1e-6), (
    "entrenando se apagan la primera y la tercera, y las otras quedan como están"
)
### BEGIN HIDDEN TESTS
assert contracts.close(dropped(x, 0.5, u, False), x / 2, tolerance=1e-6), "al evaluar se multiplica todo por 1 - p"
assert contracts.close(dropped(x, 0.2, u, True), [0, 2, 3, 4], tolerance=1e-6), (
    "p es la probabilidad de apagar, no la de dejar"
)
assert contracts.close(dropped(x, 0.2, u, False), 0.8 * x, tolerance=1e-6), (
    "al evaluar, con p = 0,2, se multiplica por 0,8"
)
assert contracts.close(dropped(x, 0.6, u, True), [0, 2, 0, 4], tolerance=1e-6), (
    "se apaga si u es menor que p; con u igual a p se queda encendida"
)
draw = np.random.default_rng(12)
x, u = draw.normal(size=(50, 2000)) + 1, draw.random((50, 2000))
trained, evaluated = dropped(x, 0.3, u, True), dropped(x, 0.3, u, False)
assert contracts.close(trained.mean(), evaluated.mean(), tolerance=0.01), "las dos fases tienen que tener la misma media"
for training in (True, False):
    changed = measuring.changes_its_inputs(dropout_2012, x[:2], 0.5, u[:2], training)
    assert not changed, "has modificado el array que te dan"
### END HIDDEN TESTS

# %% tests="n3-dropout" case="inverted" points=6
import numpy as np

from tema9 import contracts, measuring

dropped = measuring.answer(dropout_inverted, contracts.array)
x, u = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.6, 0.3, 0.9])
result = dropped(x, 0.5, u, True)
assert contracts.close(result, [0, 4, 0, 8], tolerance=1e-6), (
    "entrenando, lo que queda encendido se divide por 1 - p"
)
### BEGIN HIDDEN TESTS
assert contracts.close(dropped(x, 0.5, u, False), x, tolerance=1e-6), "al evaluar no se toca nada"
expected = [0, 2.5, 3.75, 5]
assert contracts.close(dropped(x, 0.2, u, True), expected, tolerance=1e-6), (
    "p es la probabilidad de apagar; se divide por 1 - p"
)
assert contracts.close(dropped(x, 0.6, u, True), [0, 5, 0, 10], tolerance=1e-6), (
    "se apaga si u es menor que p; con u igual a p se queda encendida"
)
draw = np.random.default_rng(13)
x, u = draw.normal(size=(50, 2000)) + 1, draw.random((50, 2000))
assert contracts.close(dropped(x, 0.3, u, True).mean(), x.mean(), tolerance=0.01), "la media no tiene que cambiar"
for training in (True, False):
    changed = measuring.changes_its_inputs(dropout_inverted, x[:2], 0.5, u[:2], training)
    assert not changed, "has modificado el array que te dan"
### END HIDDEN TESTS

# %% [markdown]
# La media coincide en las dos fases, pero el resto de la distribución no coincide. Mira la entrada de **una** neurona
# de la capa siguiente: la suma de 100 activaciones por 100 pesos, mil veces con *dropout* y una sin él. **Predice**:
# ¿cuánto se aparta una vez cualquiera de la media?

# %% explore=true
widgets.dropout(p=0.5, inputs=100)

# %% [markdown]
# La línea es el valor al evaluar; la compensación la centra en el histograma de los valores al entrenar, con la regla
# de 2012 y con la invertida. Sin compensar, se desplaza. El histograma de la invertida, con p = 0,5, es el doble de
# ancho, y también su línea está el doble de lejos del cero: son la misma red con los pesos siguientes a otra escala.
# ¿Con qué p se ensancha más?

# %% [markdown]
# ## 6. Aumento de datos: recortes y espejos
#
# > heavy data augmentation
#
# AlexNet tiene 60 millones de parámetros y 1,2 millones de imágenes. Para no aprendérselas de memoria, cada vez que ve
# una imagen ve otro recorte de ella, quizá reflejado en un espejo. De 256 × 256 píxeles se recortan 224 × 224.

# %% explore=true
from tema9 import augment

pixels = np.array(tema9.data.photograph("coffee")[:256, 100:356])  # (256, 256, 3)
photograph = torch.tensor(pixels).permute(2, 0, 1)[None]  # (1, 3, 256, 256)
draws = torch.Generator().manual_seed(1)
many = photograph.repeat(8, 1, 1, 1)
seen = augment.random_flip(augment.random_crop(many, 224, draws), draws)
figure, axes = plt.subplots(2, 4, figsize=(10, 5), layout="constrained")
figure.set_label("Ocho recortes al azar de una fotografía, algunos en espejo: nunca dos iguales")
for ax, image in zip(axes.flat, seen, strict=True):
    ax.imshow(image.permute(1, 2, 0))
    ax.axis("off")

# %% [markdown]
# ### Ejercicio `n3-random-views` (8 puntos)
#
# Escribe dos funciones. La primera recorta un cuadrado de cada imagen, **cada una por su sitio**: `tops` y `lefts` son
# las filas y columnas de las esquinas, y `flips` dice cuáles se reflejan después, izquierda por derecha. La segunda
# cuenta cuántas vistas distintas hay. El artículo dice 2 048 para 256 y 224; cuéntalas tú: ¿cuántas filas de partida
# caben?


# %% solution="n3-random-views"
def views(images, size, tops, lefts, flips):
    """Recorta y refleja.

    images: array (N, C, alto, ancho). tops, lefts, flips: N valores.
    Devuelve un array (N, C, size, size).
    """
    ### BEGIN SOLUTION
    cut = []
    for image, top, left, flip in zip(images, tops, lefts, flips, strict=True):
        crop = image[:, top : top + size, left : left + size]
        cut.append(crop[:, :, ::-1] if flip else crop)
    return np.stack(cut)
    ### END SOLUTION


def distinct_views(side, size):
    """Cuántos recortes de `size` hay en una imagen de `side`, cada uno con su espejo."""
    ### BEGIN SOLUTION
    return (side - size + 1) ** 2 * 2
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-random-views")

# %% tests="n3-random-views" case="views" points=5
import numpy as np

from tema9 import contracts, measuring

seen = measuring.answer(views, contracts.array)
images = np.arange(32.0).reshape(2, 1, 4, 4)
result = seen(images, 2, [0, 0], [0, 2], [False, False])
assert result.shape == (2, 1, 2, 2), "de dos imágenes sale un array (2, 1, 2, 2)"
assert contracts.close(result[0, 0], [[0, 1], [4, 5]]), (
    "la primera, desde la esquina de arriba a la izquierda"
)
### BEGIN HIDDEN TESTS
assert contracts.close(result[1, 0], [[18, 19], [22, 23]]), (
    "cada imagen tiene su propia esquina: la segunda, otra columna"
)
row = seen(images[:1], 2, [1], [2], [False])
assert contracts.close(row[0, 0], [[6, 7], [10, 11]]), "tops son filas y lefts son columnas"
mirrored = seen(images[:1], 2, [1], [2], [True])
assert contracts.close(mirrored[0, 0], [[7, 6], [11, 10]]), "el espejo cambia izquierda por derecha, después de recortar"
draw = np.random.default_rng(6)
images = draw.normal(size=(6, 3, 9, 8))
tops, lefts, flips = draw.integers(0, 6, 6), draw.integers(0, 5, 6), draw.random(6) < 0.5
found = seen(images.copy(), 4, tops, lefts, flips)
assert found.shape == (6, 3, 4, 4), "de seis imágenes en color sale un array (6, 3, 4, 4)"
for i in range(6):
    for y in range(4):
        for x in range(4):
            column = lefts[i] + (3 - x if flips[i] else x)
            expected = images[i, :, tops[i] + y, column]
            assert contracts.close(found[i, :, y, x], expected, tolerance=1e-6), "no es la vista que se pedía"
changed = measuring.changes_its_inputs(views, images, 4, tops, lefts, flips)
assert not changed, "has modificado las imágenes que te dan"
### END HIDDEN TESTS

# %% tests="n3-random-views" case="count" points=3
from tema9 import contracts, measuring

count = measuring.answer(distinct_views, contracts.integer)
assert count(4, 4) == 2, "si el recorte es toda la imagen, hay dos vistas: ella y su espejo"
### BEGIN HIDDEN TESTS
assert count(5, 4) == 8, "de 5 a 4 px hay dos filas y dos columnas de partida, con espejo: 8"
assert count(256, 224) == 2178, "los dos extremos cuentan: hay 256 - 224 + 1 filas de partida"
assert count(256, 227) == 1800, "con 227 quedan 30 filas y 30 columnas de partida"
### END HIDDEN TESTS

# %% [markdown]
# El 2 048 del artículo es $32 \cdot 32 \cdot 2$: se deja un extremo. El código de 2012 sortea de 0 a 32, los dos
# incluidos, así que son $33 \cdot 33 \cdot 2 = 2\,178$. Y no son imágenes nuevas de verdad: se parecen muchísimo entre sí.

# %% [markdown]
# ## 7. Aumento de datos: la luz
#
# La segunda idea del artículo (apartado 4.1) es cambiar el color de la luz. Cada píxel de cada imagen es un punto
# (rojo, verde, azul). Se calcula la covarianza 3 × 3 de **todos** los puntos, con sus vectores propios
# $p_1, p_2, p_3$ y sus valores propios $\lambda_1 \geq \lambda_2 \geq \lambda_3$. A todos los píxeles de una imagen se
# les suma lo mismo:
#
# $$p_1 \alpha_1 \lambda_1 + p_2 \alpha_2 \lambda_2 + p_3 \alpha_3 \lambda_3$$
#
# con tres $\alpha$ sorteadas de una normal de desviación 0,1, **nuevas para cada imagen**. El primer componente es casi
# siempre la claridad: más o menos luz. Los otros la tiñen.

# %% explore=true
values, vectors = augment.pca_of(photograph)
print("valores propios:", ", ".join(spanish(value.item(), 4) for value in values))
for name, column in zip(("primero", "segundo", "tercero"), vectors.T.tolist(), strict=True):
    red, green, blue = (spanish(part, 2) for part in column)
    print(f"{name}: rojo {red}, verde {green}, azul {blue}")
figure, axes = plt.subplots(3, 5, figsize=(10, 6), layout="constrained")
figure.set_label(
    "Una fotografía con cinco alfas de cada componente de color: la primera la aclara u oscurece;"
    " las otras la tiñen"
)
for component in range(3):
    for column, alpha in enumerate((-3, -1.5, 0, 1.5, 3)):
        shift = vectors[:, component] * alpha * values[component]
        shown = (photograph[0] / 255 + shift[:, None, None]).clamp(0, 1).permute(1, 2, 0)
        axes[component, column].imshow(shown)
        axes[component, column].axis("off")
        axes[component, column].set_title(f"α{component + 1} = {spanish(alpha, 1)}")

# %% [markdown]
# (Las alfas de la figura son mucho mayores que las de verdad, para que se vea.)
#
# ### Ejercicio `n3-pca-lighting` (15 puntos)
#
# Escribe dos funciones, para imágenes con valores de 0 a 1. La primera da los valores propios, de mayor a menor, y los
# vectores propios **en columnas**, en el mismo orden. Pista: `np.linalg.eigh` los da de menor a mayor. La segunda
# aplica la fórmula con las alfas que recibe, tres por imagen, sin recortar el resultado a [0, 1].


# %% solution="n3-pca-lighting"
def colour_pca(images):
    """Componentes principales de los colores. images: array (N, 3, alto, ancho).

    Devuelve (valores, vectores): los valores propios de mayor a menor, (3,), y los vectores
    propios en columnas, (3, 3).
    """
    ### BEGIN SOLUTION
    colours = np.moveaxis(images, 1, 0).reshape(3, -1)
    values, vectors = np.linalg.eigh(np.cov(colours))
    return values[::-1], vectors[:, ::-1]
    ### END SOLUTION


def light(images, values, vectors, alphas):
    """Suma a cada imagen su desplazamiento de color.

    alphas: array (N, 3). Devuelve un array de la forma de images.
    """
    ### BEGIN SOLUTION
    shift = (alphas * values) @ vectors.T
    return images + shift[:, :, None, None]
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-pca-lighting")

# %% tests="n3-pca-lighting" case="pca" points=7
import numpy as np

from tema9 import contracts, measuring

components = measuring.answer(colour_pca, contracts.together(contracts.array, contracts.array))
draw = np.random.default_rng(8)
images = draw.random((20, 3, 8, 8)) * np.array([1.0, 0.5, 0.2])[None, :, None, None]
values, vectors = components(images)
assert values.shape == (3,) and vectors.shape == (3, 3), "salen tres valores y una matriz de 3 × 3"
assert values[0] >= values[1] >= values[2], "los valores propios van de mayor a menor"
### BEGIN HIDDEN TESTS
for seed in range(3):
    draw = np.random.default_rng(seed)
    mixing, base = draw.normal(size=(3, 3)), draw.normal(size=(30, 3, 6, 7))
    images = np.einsum("dc,ncij->ndij", mixing, base) + draw.normal(size=(1, 3, 1, 1))
    images += 0.8 * draw.normal(size=(30, 3, 1, 1))  # cada imagen tiene su luz: también cuenta
    colours = images.transpose(1, 0, 2, 3).reshape(3, -1)
    centred = colours - colours.mean(axis=1, keepdims=True)
    expected = centred @ centred.T / centred.shape[1]
    values, vectors = components(images.copy())
    for place in range(3):
        left, right = expected @ vectors[:, place], values[place] * vectors[:, place]
        assert contracts.close(left / values[0], right / values[0], tolerance=0.01), (
            "las columnas no son vectores propios"
        )
    products = vectors.T @ vectors
    assert contracts.close(products, np.eye(3), tolerance=1e-5), "los vectores propios son perpendiculares y miden 1"
    share = sum(values) / np.trace(expected)
    assert contracts.close(share, 1, tolerance=0.01), "los valores propios suman la varianza total de los colores"
assert not measuring.changes_its_inputs(colour_pca, images), "has modificado las imágenes que te dan"
### END HIDDEN TESTS

# %% tests="n3-pca-lighting" case="light" points=8
import numpy as np

from tema9 import contracts, measuring

lit = measuring.answer(light, contracts.array)
grey = np.full((1, 3, 2, 2), 0.5)
result = lit(grey, np.array([1.0, 0.0, 0.0]), np.eye(3), np.array([[0.1, 0.0, 0.0]]))
assert result.shape == (1, 3, 2, 2), "sale un array con la forma de las imágenes"
red, others = np.full((2, 2), 0.6), np.full((2, 2, 2), 0.5)
assert contracts.close(result[0, 0], red, tolerance=1e-6), (
    "con el primer componente en el rojo, solo el rojo sube 0,1"
)
assert contracts.close(result[0, 1:], others, tolerance=1e-6), (
    "con el primer componente en el rojo, verde y azul se quedan como están"
)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(9)
images, alphas = draw.random((4, 3, 3, 5)), draw.normal(size=(4, 3))
values, (vectors, _) = np.array([0.4, 0.1, 0.02]), np.linalg.qr(draw.normal(size=(3, 3)))
found = lit(images.copy(), values, vectors, alphas)
assert found.shape == images.shape, "sale un array con la forma de las imágenes"
for i in range(4):
    shift = sum(vectors[:, j] * alphas[i, j] * values[j] for j in range(3))
    for c in range(3):
        expected = images[i, c] + shift[c]
        assert contracts.close(found[i, c], expected, tolerance=1e-6), (
            "no es p1 α1 λ1 + p2 α2 λ2 + p3 α3 λ3, con los vectores en columnas"
        )
bright = lit(np.full((1, 3, 1, 1), 0.9), np.array([1.0, 0, 0]), np.eye(3), np.array([[0.5, 0, 0]]))
assert contracts.close(bright[0, 0], [[1.4]], tolerance=1e-6), "no recortes a [0, 1]: la red normaliza después"
dark = lit(np.full((1, 3, 1, 1), 0.1), np.array([1.0, 0, 0]), np.eye(3), np.array([[-0.5, 0, 0]]))
assert contracts.close(dark[0, 0], [[-0.4]], tolerance=1e-6), "no recortes a [0, 1]: la red normaliza después"
changed = measuring.changes_its_inputs(light, images, values, vectors, alphas)
assert not changed, "has modificado las imágenes que te dan"
### END HIDDEN TESTS

# %% [markdown]
# El artículo deja una duda: multiplica por $\lambda$, que es una **varianza**, así que el resultado depende de las
# unidades. Con los valores de 0 a 1 es un cambio suave; con valores de 0 a 255 sería enorme. El código de 2012 parece
# usar la raíz, la desviación (lo cuenta `tema9.augment.pca_lighting`). Y no olvides un detalle: la luz se cambia solo
# al entrenar. Al evaluar, la red ve la imagen como es.

# %% [markdown]
# ## 8. Diez recortes al evaluar
#
# Para responder, AlexNet mira la imagen diez veces: las cuatro esquinas y el centro, y los espejos de los cinco. La
# respuesta es la **media de las diez softmax**. En ILSVRC-2010 eso bajó el top-1 del 39,0 al 37,5 % y el top-5 del 18,3
# al 17,0 % (artículo, apartado 6).

# %% explore=true
crops = augment.ten_crops(photograph, 160)[:, 0]
figure, axes = plt.subplots(2, 5, figsize=(10, 4.2), layout="constrained")
figure.set_label(
    "Diez recortes de una fotografía: cuatro esquinas y centro, arriba; sus espejos, abajo"
)
for ax, crop in zip(axes.flat, crops, strict=True):
    ax.imshow(crop.permute(1, 2, 0))
    ax.axis("off")

# %% [markdown]
# ### Ejercicio `n3-ten-crops` (10 puntos)
#
# Escribe dos funciones: la que saca las diez vistas de cada imagen, en el orden que quieras, y la que junta los
# *logits* de las diez en una respuesta. El margen del centro es la mitad de lo que sobra; en los casos que se prueban,
# lo que sobra es par.


# %% solution="n3-ten-crops"
def ten_views(images, size):
    """Las diez vistas.

    images: array (N, C, alto, ancho). Devuelve un array (10, N, C, size, size).
    """
    ### BEGIN SOLUTION
    height, width = images.shape[2:]
    bottom, right = height - size, width - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])
    ### END SOLUTION


def average_answer(logits):
    """La respuesta de las diez vistas.

    logits: array (10, N, clases). Devuelve un array (N, clases) de probabilidades.
    """
    ### BEGIN SOLUTION
    return torch.tensor(logits).softmax(dim=2).mean(dim=0).numpy()
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n3-ten-crops")

# %% tests="n3-ten-crops" case="views" points=6
import numpy as np

from tema9 import contracts, measuring

crops_of = measuring.answer(ten_views, contracts.array)
found = crops_of(np.arange(36.0).reshape(1, 1, 6, 6), 4)
assert found.shape == (10, 1, 1, 4, 4), "de una imagen salen diez vistas: (10, 1, 1, 4, 4)"
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(10)
for shape, size in (((1, 1, 6, 6), 4), ((3, 2, 9, 7), 5), ((2, 3, 8, 8), 4)):
    images = draw.normal(size=shape)
    found = crops_of(images.copy(), size)
    assert found.shape == (10, *shape[:2], size, size), f"con imágenes {shape} sale de forma {found.shape}"
    height, width = shape[2:]
    middle = ((height - size) // 2, (width - size) // 2)
    wanted = []
    for top, left in ((0, 0), (0, width - size), (height - size, 0), (height - size, width - size), middle):
        crop = images[:, :, top : top + size, left : left + size]
        wanted += [crop, np.flip(crop, axis=3)]
    for crop in wanted:
        times = sum(contracts.close(crop, view, tolerance=1e-6) for view in found)
        assert times == 1, "falta alguna de las diez vistas: cuatro esquinas y centro, y el espejo de cada una"
assert not measuring.changes_its_inputs(ten_views, images, size), "has modificado las imágenes que te dan"
### END HIDDEN TESTS

# %% tests="n3-ten-crops" case="average" points=4
import numpy as np
import torch

from tema9 import contracts, measuring

probabilities = measuring.answer(average_answer, contracts.array)
answer = probabilities(np.zeros((10, 2, 4)))
assert answer.shape == (2, 4), "de 2 imágenes y 4 clases sale un array (2, 4)"
assert contracts.close(answer, np.full((2, 4), 0.25), tolerance=1e-6), (
    "con todos los logits iguales, cada clase tiene 1/4"
)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(11)
for scale in (1.0, 5.0):
    logits = scale * draw.normal(size=(10, 3, 6))
    expected = torch.tensor(logits).softmax(dim=2).mean(dim=0)
    assert contracts.close(probabilities(logits), expected, tolerance=1e-6), (
        "se promedian las softmax: ni los logits, ni los votos"
    )
assert not measuring.changes_its_inputs(average_answer, logits), "has modificado el array que te dan"
### END HIDDEN TESTS

# %% [markdown]
# ¿Se nota la mejora? Mídela con la miniatura de AlexNet que viene con el curso, que se entrenó con recortes de 59
# píxeles de trozos de fotografías de 64. **Predice** si los diez recortes bajarán el error, y cuánto más se tarda.

# %% explore=true
import time

import tema9.models
import tema9.training

mini, textures = tema9.models.pretrained("alexnet_mini"), tema9.data.textures()
for name, ten in (("centro", False), ("diez recortes", True)):
    started = time.perf_counter()
    score = tema9.training.evaluate(
        mini, textures.test, ten_crops=ten, progress=True, batch_size=50
    )
    seconds = time.perf_counter() - started
    error, loss = spanish(score.top1, 1), spanish(score.loss, 3)
    print(f"{name:14} error {error} %, pérdida {loss} nats, {spanish(seconds, 1)} s")

# %% [markdown]
# Con 400 imágenes el error estándar ronda los 2 puntos, así que no esperes distinguir una décima. La **pérdida** sí
# suele bajar, por la misma razón que en un *ensemble* de redes: la media de las probabilidades es más prudente.

# %% [markdown]
# ## 9. ¿La primera?
#
# ### Pregunta `n3-m2-first-relu` (7 puntos, se corrige a mano)
#
# La diapositiva dice «first use of ReLU». **¿Es verdad?** Mira a quién cita el artículo de AlexNet al presentar la
# ReLU, y da al menos un trabajo anterior con autores y año. Después escribe una frase que sea verdadera para poner en
# la diapositiva.
#
# Esto es lo que necesitas del artículo (apartado 3.1 y bibliografía):
#
# > Following Nair and Hinton [20], we refer to neurons with this nonlinearity as Rectified Linear Units (ReLUs).
#
# > We are not the first to consider alternatives to traditional neuron models in CNNs. For example, Jarrett et al. [11]
# > claim that the nonlinearity $f(x) = |\tanh(x)|$ works particularly well with their type of contrast normalization
# > followed by local average pooling on the Caltech-101 dataset.
#
# - [11] K. Jarrett, K. Kavukcuoglu, M. A. Ranzato e Y. LeCun, *What is the best multi-stage architecture for object
#   recognition?*, ICCV, 2009.
# - [20] V. Nair y G. E. Hinton, *Rectified linear units improve restricted Boltzmann machines*, ICML, 2010.

# %% [markdown] answer="n3-m2-first-relu" points=7
# No. El propio artículo, en el apartado 3.1, llama a estas unidades como Nair y Hinton (2010), que las usaron en
# máquinas de Boltzmann restringidas, y menciona a Jarrett y otros (2009), que ya rectificaban la salida de sus capas
# con el valor absoluto de la tangente.
#
# Una frase verdadera: «AlexNet es la primera ganadora de ImageNet construida con ReLU». Lo que hizo fue mostrar, a
# gran escala, que con ellas se entrena mucho antes.

# %% [markdown] locked="n3-m2-first-relu-criteria"
# *Se corrige a mano: 7 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 1 punto: dice que no es verdad.
# - 3 puntos: da un trabajo anterior con autores y año (Nair y Hinton, 2010; o Jarrett y otros, 2009). Otro trabajo
#   anterior a 2012 vale si la cita se puede comprobar; sin año o sin autores, 1 punto.
# - 1 punto: señala que el propio artículo de AlexNet lo cita (apartado 3.1).
# - 2 puntos: la frase nueva es verdadera y dice qué aportó AlexNet (gran escala, ganadora de ImageNet, rapidez).
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Lo que te llevas
#
# - Una comparación entre dos funciones es justa si cada una lleva **su** mejor tasa y se repite con varias semillas. En
#   nuestra red pequeña la ReLU gana con tasas bajas y la tanh, por poco, con la mejor de cada una.
# - La LRN suma energías de mapas vecinos. En PyTorch, la fórmula impresa es `alpha=5e-4, k=2`; el código de 2012,
#   `alpha=1e-4, k=2`.
# - ReLU y *max pooling* conmutan; LRN y *pooling*, no, aunque en 2012 el orden apenas cambió el error.
# - El *dropout* de 2012 compensa al evaluar y el de hoy, al entrenar.
# - Las vistas son $33 \cdot 33 \cdot 2 = 2\,178$, no 2 048. El color se altera a lo largo de los vectores propios de los
#   colores. Al evaluar no hay azar: el centro, o la media de diez *softmax*.
#
# **Fuentes.** Krizhevsky, Sutskever y Hinton (2012), *ImageNet Classification with Deep Convolutional Neural Networks*,
# NIPS 25, apartados 3.1, 3.3, 3.4, 4 y 6 y figura 1. Código y notas de 2012: `computerhistory/AlexNet-Source-Code`.
# Jarrett, Kavukcuoglu, Ranzato y LeCun (2009), *What is the best multi-stage architecture for object recognition?*,
# ICCV. Nair y Hinton (2010), *Rectified linear units improve restricted Boltzmann machines*, ICML. Las capas de LRN de
# 2014: Szegedy y otros (2015), *Going Deeper with Convolutions*, CVPR, figura 3; Simonyan y Zisserman (2015), *Very
# Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR, apartados 2.1 y 4.1. Diapositivas: CS231n
# (2017), lección 9.
