# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "3. Dentro de las capas, banco de errores"
# ---

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import measuring

# %% [markdown]
# ## n3-lrn


# %% right="n3-lrn" name="padded-sums"
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    half = n // 2
    squares = np.pad(np.square(np.asarray(a, dtype=float)), ((half, half), (0, 0), (0, 0)))
    energy = sum(squares[first : first + len(a)] for first in range(n))
    return a * (k + alpha * energy) ** -beta


# %% right="n3-lrn" name="matrix-of-neighbours"
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    place = np.arange(len(a))
    near = (abs(place[:, None] - place[None, :]) <= n // 2).astype(float)
    energy = np.einsum("ij,jyx->iyx", near, np.power(a, 2.0))
    return a / np.power(k + alpha * energy, beta)


# %% right="n3-lrn" name="with-torch"
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    layer = nn.LocalResponseNorm(n, alpha * n, beta, k)
    return layer(torch.as_tensor(np.array(a, dtype=float))[None])[0].numpy()


# %% probes="n3-lrn"
# Un píxel y tres mapas, con todas las constantes a 1 y n = 3: haz las tres divisiones en papel; en los extremos hay menos vecinos.
lrn(np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), n=3, alpha=1.0, beta=1.0, k=1.0)
# Ocho mapas de un píxel: cuáles entran en la ventana de cada uno.
lrn(np.arange(1.0, 9.0).reshape(8, 1, 1), n=5, alpha=0.5, beta=0.75, k=2.0)
# Varios píxeles: cada uno tiene su energía, que se suma solo a lo largo de los mapas.
lrn(np.arange(1.0, 25.0).reshape(6, 2, 2) % 7, n=3, alpha=0.1, beta=0.5, k=3.0)
lrn(np.arange(-20.0, 10.0).reshape(5, 2, 3) % 11, n=1, alpha=0.2, beta=2.0, k=1.0)
# Con las constantes del artículo, que son las que valen si no se dan otras.
lrn(40 + np.arange(27.0).reshape(9, 3, 1) ** 2 % 60)
# El array que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(lrn, np.arange(12.0).reshape(3, 2, 2))

# %% equivalent="n3-lrn"
# El mayor de dos números no depende de su orden.
# energies = [(a[max(0, i - n // 2):i + n // 2 + 1] ** 2).sum(axis=0) for i in range(len(a))] => energies = [(a[max(i - n // 2, 0):i + n // 2 + 1] ** 2).sum(axis=0) for i in range(len(a))]


# %% wrong="n3-lrn" name="divides-alpha-by-n"
# Divides alfa por n: eso hacen PyTorch y el código de 2012, pero aquí se pide la fórmula impresa.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha / n * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="last-neighbour-missing"
# A la ventana le falta el último vecino: en Python el final de un corte no se incluye, así que hay que sumarle 1.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2]
        result[i] = a[i] / (k + alpha * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="n-on-each-side"
# Tomas n mapas a cada lado; la ventana mide n en total: la mitad, hacia abajo, a cada lado.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n) : i + n + 1]
        result[i] = a[i] / (k + alpha * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="negative-start" fails=["one-pixel", "windows"]
# En el primer mapa la ventana empieza en un índice negativo, que en Python cuenta desde el final: usa max(0, ...).
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[i - n // 2 : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="no-squares"
# La energía es la suma de los cuadrados: has sumado los valores.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * np.abs(window.sum(axis=0))) ** beta
    return result


# %% wrong="n3-lrn" name="whole-map" fails=["windows"]
# Sumas también sobre los píxeles: la energía es de cada píxel por separado, solo a lo largo de los mapas.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * (window**2).sum()) ** beta
    return result


# %% wrong="n3-lrn" name="no-exponent" fails=["one-pixel", "windows"]
# Falta elevar el denominador a beta.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * (window**2).sum(axis=0))
    return result


# %% wrong="n3-lrn" name="exponent-inside" fails=["one-pixel", "windows"]
# El exponente beta va fuera del paréntesis: lo has puesto solo en la suma, sin la k.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * (window**2).sum(axis=0) ** beta)
    return result


# %% wrong="n3-lrn" name="k-is-one" fails=["one-pixel", "windows"]
# Has escrito k = 1, que es lo que PyTorch pone si no dices nada: usa la k que recibe la función.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (1 + alpha * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="in-place" fails=["one-pixel", "windows"]
# Escribes sobre el array de entrada: los mapas siguientes leen vecinos ya normalizados. Haz uno nuevo.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        a[i] = a[i] / (k + alpha * (window**2).sum(axis=0)) ** beta
    return a


# %% wrong="n3-lrn" name="multiplies" fails=["one-pixel", "windows"]
# Multiplicas por el denominador: la LRN divide, para apagar a los que tienen vecinos fuertes.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] * (k + alpha * (window**2).sum(axis=0)) ** beta
    return result


# %% wrong="n3-lrn" name="means"
# Haces la media de los cuadrados de la ventana: la energía de la fórmula es su suma.
def lrn(a, n=5, alpha=1e-4, beta=0.75, k=2.0):
    result = np.empty_like(a, dtype=float)
    for i in range(len(a)):
        window = a[max(0, i - n // 2) : i + n // 2 + 1]
        result[i] = a[i] / (k + alpha * (window**2).mean(axis=0)) ** beta
    return result


# %% [markdown]
# ## n3-lrn-alpha


# %% right="n3-lrn-alpha" name="with-if"
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    if not divides:
        alpha = n * alpha
    return dict(size=n, alpha=alpha, beta=beta, k=k)


# %% right="n3-lrn-alpha" name="with-a-factor"
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    factor = 1 if divides else n
    return {"k": k, "beta": beta, "alpha": alpha * factor, "size": n}


# %% probes="n3-lrn-alpha"
# La fórmula impresa, con las constantes del artículo: ¿por cuánto hay que multiplicar alfa para que al dividir por n quede igual?
torch_arguments()
# La regla del código de 2012, en la que alfa ya se divide por n, como en PyTorch.
torch_arguments(divides=True)
# Otras constantes, con las dos reglas: las cuatro tienen que llegar a PyTorch.
torch_arguments(3, 0.2, 0.5, 1.5)
torch_arguments(7, 0.3, 1.0, 4.0, divides=True)


# %% wrong="n3-lrn-alpha" name="as-it-stands"
# Pasas alfa tal cual en los dos casos: PyTorch la divide por n, así que para la fórmula impresa hay que compensarlo.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n, "alpha": alpha, "beta": beta, "k": k}


# %% wrong="n3-lrn-alpha" name="divides-more"
# Divides alfa por n: PyTorch ya lo hace, y así queda dividida dos veces. Hay que multiplicar.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n, "alpha": alpha if divides else alpha / n, "beta": beta, "k": k}


# %% wrong="n3-lrn-alpha" name="swapped"
# Has intercambiado los casos: si la regla ya divide, como PyTorch, alfa se pasa tal cual.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n, "alpha": n * alpha if divides else alpha, "beta": beta, "k": k}


# %% wrong="n3-lrn-alpha" name="always-multiplies"
# Multiplicas siempre por n: cuando la regla de partida ya divide, no hay nada que compensar.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n, "alpha": n * alpha, "beta": beta, "k": k}


# %% wrong="n3-lrn-alpha" name="k-of-torch"
# Pones k = 1, que es lo de PyTorch por defecto: usa la k que recibe la función.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n, "alpha": alpha if divides else n * alpha, "beta": beta, "k": 1.0}


# %% wrong="n3-lrn-alpha" name="half-window"
# `size` es la ventana entera, n, no la mitad.
def torch_arguments(n=5, alpha=1e-4, beta=0.75, k=2.0, divides=False):
    return {"size": n // 2, "alpha": alpha if divides else n * alpha, "beta": beta, "k": k}


# %% [markdown]
# ## n3-order


# %% right="n3-order" name="by-hand"
def counterexamples():
    a = np.zeros((1, 5, 4, 4))
    a[0, 0, 0, 0], a[0, 1, 0, 0], a[0, 0, 0, 1] = 3.0, -4.0, -3.0
    a[0, 1, 1, 1] = 2.0
    pairs = ["relu, max-pool", "relu, avg-pool", "lrn, max-pool", "lrn, relu", "double, max-pool", "double, lrn"]
    return {pair: a if pair not in (pairs[0], pairs[4]) else None for pair in pairs}


# %% right="n3-order" name="searches"
def counterexamples():
    operations = {
        "relu": torch.relu,
        "max-pool": lambda a: F.max_pool2d(a, 2),
        "avg-pool": lambda a: F.avg_pool2d(a, 2),
        "lrn": nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0),
        "double": lambda a: 2 * a,
    }
    pairs = ["relu, max-pool", "relu, avg-pool", "lrn, max-pool", "lrn, relu", "double, max-pool", "double, lrn"]
    found = dict.fromkeys(pairs)
    generator = torch.Generator().manual_seed(1)
    for pair in pairs:
        first, second = (operations[name] for name in pair.split(", "))
        for _ in range(20):
            a = torch.randn(1, 5, 4, 4, generator=generator)
            if (second(first(a)) - first(second(a))).abs().max() > 0.01:
                found[pair] = a.numpy()
                break
    return found


# %% probes="n3-order"
# Las claves del diccionario son las seis parejas del enunciado.
sorted(counterexamples())
# ReLU y max pooling: piensa en una ventana con un solo número positivo, y en otra sin ninguno.
counterexamples().get("relu, max-pool")
# Doblar y max pooling: ¿cambia cuál es el mayor de una ventana si todos valen el doble?
counterexamples().get("double, max-pool")
# ReLU y la media: haz en papel la media de 1 y -1, y rectifica antes o después. Si das un array, comprueba que el resultado cambia con el orden.
(
    lambda a, first, second: None
    if a is None
    else list(np.shape(a))
    if np.shape(a) != (1, 5, 4, 4)
    else bool((second(first(torch.tensor(a))) - first(second(torch.tensor(a)))).square().max() > 1e-6)
    or [bool(np.min(a) >= 0), bool(np.ptp(a) == 0)]
)(counterexamples().get("relu, avg-pool"), torch.relu, torch.nn.AvgPool2d(2))
# LRN y max pooling: ¿y si el mayor de la ventana tiene vecinos muy fuertes en los otros mapas? Si das un array, comprueba que el resultado cambia con el orden.
(
    lambda a, first, second: None
    if a is None
    else list(np.shape(a))
    if np.shape(a) != (1, 5, 4, 4)
    else bool((second(first(torch.tensor(a))) - first(second(torch.tensor(a)))).square().max() > 1e-6)
    or [bool(np.min(a) >= 0), bool(np.ptp(a) == 0)]
)(counterexamples().get("lrn, max-pool"), torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0), torch.nn.MaxPool2d(2))
# LRN y ReLU: ¿qué energía aporta un vecino negativo, antes y después de rectificarlo? Si das un array, comprueba que el resultado cambia con el orden.
(
    lambda a, first, second: None
    if a is None
    else list(np.shape(a))
    if np.shape(a) != (1, 5, 4, 4)
    else bool((second(first(torch.tensor(a))) - first(second(torch.tensor(a)))).square().max() > 1e-6)
    or [bool(np.min(a) >= 0), bool(np.ptp(a) == 0)]
)(counterexamples().get("lrn, relu"), torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0), torch.relu)
# Doblar y LRN: ¿qué le pasa a la energía si todo vale el doble? Si das un array, comprueba que el resultado cambia con el orden.
(
    lambda a, first, second: None
    if a is None
    else list(np.shape(a))
    if np.shape(a) != (1, 5, 4, 4)
    else bool((second(first(torch.tensor(a))) - first(second(torch.tensor(a)))).square().max() > 1e-6)
    or [bool(np.min(a) >= 0), bool(np.ptp(a) == 0)]
)(counterexamples().get("double, lrn"), lambda a: 2 * a, torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0))

# %% equivalent="n3-order"
# Vale cualquier array con números de los dos signos.
# mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4)) => mixed = np.random.normal(size=(1, 5, 4, 4))
# mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4)) => mixed = np.random.default_rng(1).normal(size=(1, 5, 4, 4))


# %% wrong="n3-order" name="positive-examples" fails=["differ"]
# En las parejas con ReLU, tus ejemplos no tienen números negativos, y con ellos la ReLU no hace nada: ahí no puede
# notarse el orden.
def counterexamples():
    positive = np.random.default_rng(0).random((1, 5, 4, 4)) + 0.5
    return {
        "relu, max-pool": None,
        "relu, avg-pool": positive,
        "lrn, max-pool": positive,
        "lrn, relu": positive,
        "double, max-pool": None,
        "double, lrn": positive,
    }


# %% wrong="n3-order" name="lrn-commutes-with-pooling" fails=["differ"]
# LRN y max pooling no conmutan: al normalizar, el mayor de una ventana puede dejar de serlo.
def counterexamples():
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    return {
        "relu, max-pool": None,
        "relu, avg-pool": mixed,
        "lrn, max-pool": None,
        "lrn, relu": mixed,
        "double, max-pool": None,
        "double, lrn": mixed,
    }


# %% wrong="n3-order" name="lrn-commutes-with-relu" fails=["differ"]
# LRN y ReLU no conmutan: antes de la ReLU, los negativos también suman energía a sus vecinos.
def counterexamples():
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    return {
        "relu, max-pool": None,
        "relu, avg-pool": mixed,
        "lrn, max-pool": mixed,
        "lrn, relu": None,
        "double, max-pool": None,
        "double, lrn": mixed,
    }


# %% wrong="n3-order" name="averages-commute-too" fails=["differ"]
# La ReLU conmuta con el máximo, pero no con la media: un negativo baja la media, y rectificado no.
def counterexamples():
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    return {
        "relu, max-pool": None,
        "relu, avg-pool": None,
        "lrn, max-pool": mixed,
        "lrn, relu": mixed,
        "double, max-pool": None,
        "double, lrn": mixed,
    }


# %% wrong="n3-order" name="doubling-is-harmless" fails=["differ"]
# Doblar y normalizar no conmutan: si todo vale el doble, la energía crece más que la señal.
def counterexamples():
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    return {
        "relu, max-pool": None,
        "relu, avg-pool": mixed,
        "lrn, max-pool": mixed,
        "lrn, relu": mixed,
        "double, max-pool": None,
        "double, lrn": None,
    }


# %% wrong="n3-order" name="nothing-commutes" fails=["commute"]
# Das un array para todas las parejas, pero en dos de ellas el resultado no cambia nunca: esas conmutan.
def counterexamples():
    mixed = np.random.default_rng(0).normal(size=(1, 5, 4, 4))
    pairs = ["relu, max-pool", "relu, avg-pool", "lrn, max-pool", "lrn, relu", "double, max-pool", "double, lrn"]
    return {pair: mixed for pair in pairs}


# %% wrong="n3-order" name="flat-examples" fails=["differ"]
# Tus ejemplos tienen el mismo número en todas partes: sin diferencias entre píxeles, muchas operaciones coinciden.
def counterexamples():
    flat = np.full((1, 5, 4, 4), -2.0)
    return {
        "relu, max-pool": None,
        "relu, avg-pool": flat,
        "lrn, max-pool": flat,
        "lrn, relu": flat,
        "double, max-pool": None,
        "double, lrn": flat,
    }


# %% [markdown]
# ## n3-max-pool


# %% right="n3-max-pool" name="number-by-number"
def max_pool(maps, kernel_size, stride=None, padding=0):
    if stride is None:
        stride = kernel_size
    count, height, width = np.shape(maps)
    out_h, out_w = ((side + 2 * padding - kernel_size) // stride + 1 for side in (height, width))
    out = np.full((count, out_h, out_w), -np.inf)
    for c in range(count):
        for y in range(out_h):
            for x in range(out_w):
                for i in range(kernel_size):
                    for j in range(kernel_size):
                        row, column = y * stride + i - padding, x * stride + j - padding
                        if 0 <= row < height and 0 <= column < width:
                            out[c, y, x] = max(out[c, y, x], maps[c, row, column])
    return out


# %% right="n3-max-pool" name="shifted-slices"
def max_pool(maps, kernel_size, stride=None, padding=0):
    step = stride or kernel_size
    border = ((0, 0), (padding, padding), (padding, padding))
    wide = np.pad(np.asarray(maps, dtype=float), border, constant_values=-np.inf)
    rows, columns = (side - kernel_size + 1 for side in wide.shape[1:])
    shifted = [wide[:, i : i + rows, j : j + columns] for i in range(kernel_size) for j in range(kernel_size)]
    return np.max(shifted, axis=0)[:, ::step, ::step]


# %% probes="n3-max-pool"
# Los números del 0 al 15 en cuatro filas, con ventanas de 2 que no se pisan: rodea las cuatro y toma el mayor de cada una.
max_pool(np.arange(16.0).reshape(1, 4, 4), 2)
# Con ventanas de 3 y paso 2 hay solape; cada mapa va por separado.
max_pool(np.arange(50.0).reshape(2, 5, 5), 3, 2)
# Un mapa que no es cuadrado: las posiciones que no caben enteras se descartan.
max_pool(np.arange(54.0).reshape(1, 6, 9) % 11, 2)
max_pool(np.arange(56.0).reshape(1, 7, 8) * 5 % 23, 3, 3)
max_pool(np.arange(88.0).reshape(1, 8, 11) * 5 % 23, 3, 3)
# Con relleno y todos los números negativos: el relleno nunca puede ganar.
max_pool(-np.arange(1.0, 26.0).reshape(1, 5, 5), 3, 2, 1)
max_pool(-1 - np.arange(25.0).reshape(1, 5, 5) * 7 % 11, 2, None, 1)
max_pool(-1 - np.arange(48.0).reshape(1, 8, 6) * 7 % 31, 3, 3, 1)
# Se pide escribirlo con bucles, no llamar a uno ya hecho.
measuring.calls_of_torch(max_pool, "max_pool", np.arange(16.0).reshape(1, 4, 4), 2)
# El array que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(max_pool, np.arange(32.0).reshape(2, 4, 4), 2)


# %% wrong="n3-max-pool" name="pads-with-zero"
# Rellenas con ceros: si los números son negativos gana el relleno. Rellena con menos infinito.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)))
    rows, columns = ((side - kernel_size) // stride + 1 for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="stride-one"
# Si no se da `stride` avanzas de uno en uno; tiene que valer `kernel_size`, para que las ventanas no se pisen.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or 1
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    rows, columns = ((side - kernel_size) // stride + 1 for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="ignores-stride"
# No haces caso de `stride`: avanzas siempre `kernel_size`, y entonces no hay solape.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    rows, columns = ((side - kernel_size) // stride + 1 for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="rounds-up"
# Cuentas también las ventanas que se salen: aquí las que no caben enteras se descartan.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    rows, columns = (-(-(side - kernel_size) // stride) + 1 for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="averages"
# Eso es la media de la ventana; se pide el máximo.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)))
    rows, columns = ((side - kernel_size) // stride + 1 for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].mean(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="one-window-short"
# Te falta la última ventana: a los saltos hay que sumarles la primera posición.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    rows, columns = ((side - kernel_size) // stride for side in padded.shape[1:])
    windows = [
        [padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


# %% wrong="n3-max-pool" name="calls-the-library"
# Llamas al pooling de PyTorch: se pide escribirlo con bucles.
def max_pool(maps, kernel_size, stride=None, padding=0):
    return F.max_pool2d(torch.as_tensor(np.asarray(maps, float))[None], kernel_size, stride, padding)[0].numpy()


# %% wrong="n3-max-pool" name="over-all-maps"
# Tomas el máximo también sobre los mapas: cada uno se reduce por separado.
def max_pool(maps, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    rows, columns = ((side - kernel_size) // stride + 1 for side in padded.shape[1:])
    out = np.empty((len(maps), rows, columns))
    for y in range(rows):
        for x in range(columns):
            out[:, y, x] = padded[:, y * stride :, x * stride :][:, :kernel_size, :kernel_size].max()
    return out


# %% [markdown]
# ## n3-overlapping


# %% right="n3-overlapping" name="counts-windows"
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    while len(sides) < times:
        left, count = 0, 1
        while left + stride + kernel_size <= side or (ceil and left + kernel_size < side):
            left, count = left + stride, count + 1
        side = count
        sides.append(side)
    return sides


# %% right="n3-overlapping" name="recursive"
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    if times == 0:
        return []
    extra = stride - 1 if ceil else 0
    now = (side - kernel_size + extra) // stride + 1
    return [now, *pooled_sides(now, kernel_size, stride, times - 1, ceil)]


# %% probes="n3-overlapping"
# Los lados de AlexNet: aplica tres veces la cuenta del pooling, cada vez sobre lo que quedó.
pooled_sides(55, 3, 2)
pooled_sides(55, 2, 2)
# Con otra ventana, otro paso y otro número de veces.
pooled_sides(40, 5, 3, times=2)
# Redondeando hacia arriba, una ventana que se sale también cuenta.
pooled_sides(55, 2, 2, ceil=True)
pooled_sides(110, 3, 2, ceil=True)
pooled_sides(41, 5, 3, times=2, ceil=True)


# %% wrong="n3-overlapping" name="no-plus-one"
# Te falta el +1: hay una posición más que saltos.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        room = side - kernel_size
        side = -(-room // stride) if ceil else room // stride
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="ignores-ceil"
# No haces caso de `ceil`: con `ceil=True` la última ventana cuenta aunque se salga.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        side = (side - kernel_size) // stride + 1
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="always-ceil"
# Redondeas siempre hacia arriba: solo hay que hacerlo con `ceil=True`.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        side = -(-(side - kernel_size) // stride) + 1
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="always-from-the-first"
# Calculas siempre desde el lado de partida: cada pooling recibe lo que deja el anterior.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    room = side - kernel_size
    return [(-(-room // stride) if ceil else room // stride) + 1] * times


# %% wrong="n3-overlapping" name="divides-by-stride"
# Divides el lado por el paso sin contar el tamaño de la ventana.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        side = -(-side // stride) if ceil else side // stride
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="floats"
# Los lados son números enteros: redondea con // o con math.ceil, no dejes decimales.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        side = (side - kernel_size) / stride + 1
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="includes-the-start"
# La lista empieza con el lado de partida: se piden solo los de después de cada pooling.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = [side]
    for _ in range(times):
        room = side - kernel_size
        side = (-(-room // stride) if ceil else room // stride) + 1
        sides.append(side)
    return sides


# %% wrong="n3-overlapping" name="always-one-more"
# Con `ceil=True` añades una ventana siempre: si la división es exacta no queda nada fuera, y no hay ventana de más.
def pooled_sides(side, kernel_size, stride, times=3, ceil=False):
    sides = []
    for _ in range(times):
        side = (side - kernel_size) // stride + (2 if ceil else 1)
        sides.append(side)
    return sides


# %% [markdown]
# ## n3-dropout


# %% right="n3-dropout" name="with-masks"
def dropout_2012(x, p, u, training):
    if training:
        return x * (u >= p)
    return x * (1 - p)


def dropout_inverted(x, p, u, training):
    if training:
        return x * (u >= p) / (1 - p)
    return x


# %% right="n3-dropout" name="through-a-copy"
def dropout_2012(x, p, u, training):
    out = np.array(x, dtype=float)
    if not training:
        return out - p * out
    out[np.asarray(u) < p] = 0
    return out


def dropout_inverted(x, p, u, training):
    out = np.array(x, dtype=float)
    if training:
        out[np.asarray(u) < p] = 0
        out /= 1 - p
    return out


# %% probes="n3-dropout"
# El de 2012, entrenando, con p = 0,2: se apaga lo que tiene u menor que p, y lo demás queda como está.
dropout_2012(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, np.array([0.1, 0.6, 0.3, 0.9]), True)
dropout_2012(np.array([1.0, 2.0, 3.0, 4.0]), 0.6, np.array([0.1, 0.6, 0.3, 0.9]), True)
# El de 2012, al evaluar: todas encendidas, y multiplicadas por 1 - p.
dropout_2012(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, np.array([0.1, 0.6, 0.3, 0.9]), False)
# El array que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(dropout_2012, np.ones(4), 0.5, np.array([0.1, 0.6, 0.3, 0.9]), True)
measuring.changes_its_inputs(dropout_2012, np.ones(4), 0.5, np.array([0.1, 0.6, 0.3, 0.9]), False)
# El invertido, entrenando, con p = 0,2: lo que queda encendido se divide por 1 - p.
dropout_inverted(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, np.array([0.1, 0.6, 0.3, 0.9]), True)
dropout_inverted(np.array([1.0, 2.0, 3.0, 4.0]), 0.6, np.array([0.1, 0.6, 0.3, 0.9]), True)
# El invertido, al evaluar: no se toca nada.
dropout_inverted(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, np.array([0.1, 0.6, 0.3, 0.9]), False)
# El array que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(dropout_inverted, np.ones(4), 0.5, np.array([0.1, 0.6, 0.3, 0.9]), True)
measuring.changes_its_inputs(dropout_inverted, np.ones(4), 0.5, np.array([0.1, 0.6, 0.3, 0.9]), False)


# %% wrong="n3-dropout" name="keep-for-drop"
# Confundes apagar con dejar: p es la probabilidad de apagar, y se apaga lo que tiene u menor que p.
def dropout_2012(x, p, u, training):
    return np.where(u < p, x, 0.0) if training else p * x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, x / p, 0.0) if training else x


# %% wrong="n3-dropout" name="both-at-once"
# Compensas en las dos fases: cada versión lo hace solo en una, la de 2012 al evaluar y la de hoy al entrenar.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x / (1 - p)) if training else (1 - p) * x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x / (1 - p)) if training else (1 - p) * x


# %% wrong="n3-dropout" name="scales-by-p" fails=["2012", "inverted"]
# Compensas con p en vez de con 1 - p: con p = 0,5 no se nota, con otra sí. Lo que queda encendido es 1 - p.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x) if training else p * x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x / p) if training else x


# %% wrong="n3-dropout" name="no-compensation"
# No compensas en ninguna fase: a la capa siguiente le llegaría más al evaluar que al entrenar.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x) if training else x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x) if training else x


# %% wrong="n3-dropout" name="always-on"
# Apagas también al evaluar: con training=False tienen que estar todas encendidas.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x)


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x / (1 - p))


# %% wrong="n3-dropout" name="names-swapped"
# Has intercambiado las dos versiones: la de 2012 compensa al evaluar y la invertida, al entrenar.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x / (1 - p)) if training else x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x) if training else (1 - p) * x


# %% wrong="n3-dropout" name="multiplies-when-inverted" fails=["inverted"]
# La invertida divide por 1 - p lo que queda encendido; tú lo multiplicas, y queda aún más pequeño.
def dropout_2012(x, p, u, training):
    return np.where(u < p, 0.0, x) if training else (1 - p) * x


def dropout_inverted(x, p, u, training):
    return np.where(u < p, 0.0, x * (1 - p)) if training else x


# %% wrong="n3-dropout" name="in-place"
# Escribes los ceros en el array que te dan: copia antes.
def dropout_2012(x, p, u, training):
    if not training:
        return (1 - p) * x
    x[u < p] = 0
    return x


def dropout_inverted(x, p, u, training):
    if not training:
        return x
    x[u < p] = 0
    return x / (1 - p)


# %% wrong="n3-dropout" name="equal-goes-too"
# Apagas también la neurona cuyo u es igual a p: se apaga si es menor.
def dropout_2012(x, p, u, training):
    return np.where(u <= p, 0.0, x) if training else (1 - p) * x


def dropout_inverted(x, p, u, training):
    return np.where(u <= p, 0.0, x / (1 - p)) if training else x


# %% [markdown]
# ## n3-random-views


# %% right="n3-random-views" name="columns-by-index"
def views(images, size, tops, lefts, flips):
    out = np.empty((len(images), images.shape[1], size, size), images.dtype)
    for i in range(len(images)):
        columns = np.arange(lefts[i], lefts[i] + size)
        if flips[i]:
            columns = columns[::-1]
        out[i] = images[i][:, tops[i] : tops[i] + size][:, :, columns]
    return out


def distinct_views(side, size):
    positions = len(range(0, side - size + 1))
    return 2 * positions * positions


# %% right="n3-random-views" name="flips-the-stack"
def views(images, size, tops, lefts, flips):
    crops = [image[..., t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)]
    crops = np.array(crops)
    return np.where(np.asarray(flips, bool)[:, None, None, None], np.flip(crops, axis=-1), crops)


def distinct_views(side, size):
    return len({(y, x, f) for y in range(side - size + 1) for x in range(side - size + 1) for f in (0, 1)})


# %% probes="n3-random-views"
# Dos imágenes de 4 x 4 con sus números en orden: recorta cada una por su fila y su columna, y refleja la segunda.
views(np.arange(32.0).reshape(2, 1, 4, 4), 2, [0, 1], [2, 0], [False, True])
# Una imagen en color que no es cuadrada, reflejada después de recortarla: cambia izquierda por derecha.
views(np.arange(60.0).reshape(1, 3, 5, 4) % 17, 3, [2], [0], [True])
# Las imágenes que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(views, np.arange(32.0).reshape(2, 1, 4, 4), 2, [0, 1], [2, 0], [False, True])
# Si el recorte es toda la imagen, cuenta cuántas vistas hay con su espejo.
distinct_views(4, 4)
# Dibuja una fila de casillas y cuenta en cuántas puede empezar el recorte; después, las columnas y los espejos.
distinct_views(6, 4)
distinct_views(9, 5)

# %% equivalent="n3-random-views"
# Las cuatro listas tienen la misma longitud.
# for image, top, left, flip in zip(images, tops, lefts, flips, strict=True): => for image, top, left, flip in zip(images, tops, lefts, flips):
# for image, top, left, flip in zip(images, tops, lefts, flips, strict=True): => for image, top, left, flip in zip(images, tops, lefts, flips, strict=False):
# Una lista de arrays de la misma forma vale como array.
# return np.stack(cut) => return cut


# %% wrong="n3-random-views" name="one-end-missing" fails=["count"]
# Te falta un extremo: si sobran k píxeles, hay k + 1 filas de partida. Es la cuenta del artículo.
def views(images, size, tops, lefts, flips):
    cut = [image[:, t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)]
    return np.stack([crop[:, :, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return max(1, side - size) ** 2 * 2


# %% wrong="n3-random-views" name="no-mirrors-counted" fails=["count"]
# Has olvidado los espejos: cada recorte da dos vistas.
def views(images, size, tops, lefts, flips):
    cut = [image[:, t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)]
    return np.stack([crop[:, :, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return (side - size + 1) ** 2


# %% wrong="n3-random-views" name="rows-only" fails=["count"]
# Cuentas solo las filas de partida: las columnas también cambian, así que va al cuadrado.
def views(images, size, tops, lefts, flips):
    cut = [image[:, t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)]
    return np.stack([crop[:, :, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return (side - size + 1) * 2


# %% wrong="n3-random-views" name="upside-down" fails=["views"]
# Reflejas arriba por abajo: el espejo cambia izquierda por derecha, que es el último eje.
def views(images, size, tops, lefts, flips):
    cut = [image[:, t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)]
    return np.stack([crop[:, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return (side - size + 1) ** 2 * 2


# %% wrong="n3-random-views" name="same-crop" fails=["views"]
# Recortas todas las imágenes por el sitio de la primera: cada una tiene su fila y su columna.
def views(images, size, tops, lefts, flips):
    cut = images[:, :, tops[0] : tops[0] + size, lefts[0] : lefts[0] + size]
    return np.stack([crop[:, :, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return (side - size + 1) ** 2 * 2


# %% wrong="n3-random-views" name="rows-for-columns" fails=["views"]
# Has intercambiado filas y columnas: los ejes son N, C, alto, ancho, y `tops` son filas.
def views(images, size, tops, lefts, flips):
    cut = [image[:, s : s + size, t : t + size] for image, t, s in zip(images, tops, lefts)]
    return np.stack([crop[:, :, ::-1] if flip else crop for crop, flip in zip(cut, flips)])


def distinct_views(side, size):
    return (side - size + 1) ** 2 * 2


# %% wrong="n3-random-views" name="mirror-first" fails=["views"]
# Reflejas antes de recortar: entonces la columna de partida se cuenta desde el otro lado.
def views(images, size, tops, lefts, flips):
    turned = [image[:, :, ::-1] if flip else image for image, flip in zip(images, flips)]
    return np.stack([image[:, t : t + size, s : s + size] for image, t, s in zip(turned, tops, lefts)])


def distinct_views(side, size):
    return (side - size + 1) ** 2 * 2


# %% wrong="n3-random-views" name="no-mirror" fails=["views"]
# No haces caso de `flips`: las que lo dicen se reflejan, izquierda por derecha.
def views(images, size, tops, lefts, flips):
    return np.stack([image[:, t : t + size, s : s + size] for image, t, s in zip(images, tops, lefts)])


def distinct_views(side, size):
    return (side - size + 1) ** 2 * 2


# %% [markdown]
# ## n3-pca-lighting


# %% right="n3-pca-lighting" name="singular-values"
def colour_pca(images):
    colours = np.transpose(images, (0, 2, 3, 1)).reshape(-1, 3)
    centred = colours - colours.mean(axis=0)
    _, singular, rows = np.linalg.svd(centred, full_matrices=False)
    return singular**2 / len(colours), rows.T


def light(images, values, vectors, alphas):
    shift = np.einsum("cj,nj,j->nc", vectors, alphas, values)
    return images + shift.reshape(len(images), 3, 1, 1)


# %% right="n3-pca-lighting" name="with-torch-and-a-loop"
def colour_pca(images):
    points = torch.as_tensor(np.array(images)).permute(1, 0, 2, 3).flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(points))
    order = values.argsort(descending=True)
    return values[order].numpy(), vectors[:, order].numpy()


def light(images, values, vectors, alphas):
    out = np.array(images, dtype=float)
    for n in range(len(out)):
        for component in range(3):
            for channel in range(3):
                out[n, channel] += vectors[channel, component] * alphas[n, component] * values[component]
    return out


# %% probes="n3-pca-lighting"
# Los valores propios de la covarianza de todos los píxeles de todas las imágenes, de mayor a menor.
colour_pca(np.arange(960.0).reshape(5, 3, 8, 8) ** 1.5 % 7)[0]
# Los vectores propios, en columnas y en el orden de los valores: cada columna por su valor es la covarianza por la columna.
(lambda found: np.abs(found[1]))(colour_pca(np.arange(960.0).reshape(5, 3, 8, 8) ** 1.5 % 7))
(lambda found: found[1] * found[0] @ found[1].T)(colour_pca(np.arange(960.0).reshape(5, 3, 8, 8) ** 1.5 % 7))
# Las imágenes que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(colour_pca, np.arange(960.0).reshape(5, 3, 8, 8) ** 1.5 % 7)
# Una imagen gris y un componente en el rojo: suma a cada canal lo que le toca.
light(np.full((1, 3, 1, 1), 0.5), np.array([1.0, 0.2, 0.1]), np.eye(3), np.array([[0.1, 0.0, 0.3]]))
# Dos imágenes con alfas distintas: aplica la fórmula a cada una, sin recortar el resultado.
light(
    np.full((2, 3, 1, 2), 0.9),
    np.array([0.4, 0.1, 0.02]),
    np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]]),
    np.array([[1.0, 2, 3], [-1, 0.5, 0]]),
)
light(np.full((1, 3, 1, 1), 0.1), np.array([1.0, 0.2, 0.1]), np.eye(3), np.array([[-0.5, 0.0, 0.3]]))
# Las imágenes que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(light, np.ones((1, 3, 2, 2)), np.ones(3), np.eye(3), np.ones((1, 3)))

# %% equivalent="n3-pca-lighting"
# Los ejes 0 y 1 son vecinos: llevar el segundo al principio es llevar el primero detrás.
# colours = np.moveaxis(images, 1, 0).reshape(3, -1) => colours = np.moveaxis(images, 0, 1).reshape(3, -1)
# Para numpy, cualquier tamaño negativo es el que falta.
# colours = np.moveaxis(images, 1, 0).reshape(3, -1) => colours = np.moveaxis(images, 1, 0).reshape(3, -2)


# %% wrong="n3-pca-lighting" name="rows-for-columns" fails=["light"]
# Usas las filas de la matriz como vectores propios: van en columnas.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="transposed" fails=["pca"]
# Devuelves los vectores propios en filas: se piden en columnas.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1].T


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="ascending" fails=["pca"]
# Los das de menor a mayor, como np.linalg.eigh: hay que invertir el orden de los valores y el de las columnas.
def colour_pca(images):
    return np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="only-values-reversed" fails=["pca"]
# Has invertido los valores pero no las columnas: cada vector tiene que ir con su valor.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="mean-colours" fails=["pca"]
# Calculas la covarianza de los colores medios de las imágenes: se pide la de todos los píxeles.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(images.mean(axis=(2, 3)).T))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="reshape-mixes-channels" fails=["pca"]
# reshape(3, -1) sobre (N, 3, alto, ancho) mezcla imágenes con canales: lleva antes el eje de los canales al principio.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.asarray(images).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="not-centred" fails=["pca"]
# No restas la media: eso no es la covarianza, y el primer vector apunta al color medio.
def colour_pca(images):
    colours = np.moveaxis(images, 1, 0).reshape(3, -1)
    values, vectors = np.linalg.eigh(colours @ colours.T / colours.shape[1])
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + ((alphas * values) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="deviations" fails=["light"]
# Multiplicas por la raíz de los valores propios: la fórmula impresa multiplica por los valores.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + ((alphas * np.sqrt(values)) @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="no-eigenvalues" fails=["light"]
# Has olvidado los valores propios: cada alfa se multiplica por el suyo.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + (alphas @ vectors.T)[:, :, None, None]


# %% wrong="n3-pca-lighting" name="same-light-for-all" fails=["light"]
# Todas las imágenes llevan las alfas de la primera: cada una tiene las suyas.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return images + (vectors @ (alphas[0] * values))[None, :, None, None]


# %% wrong="n3-pca-lighting" name="clips" fails=["light"]
# Recortas a [0, 1]: no se pide, y cambia el color de las zonas claras.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    return np.clip(images + ((alphas * values) @ vectors.T)[:, :, None, None], 0, 1)


# %% wrong="n3-pca-lighting" name="in-place" fails=["light"]
# Modificas las imágenes que te dan con +=: la próxima época las vería ya teñidas.
def colour_pca(images):
    values, vectors = np.linalg.eigh(np.cov(np.moveaxis(images, 1, 0).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def light(images, values, vectors, alphas):
    images += ((alphas * values) @ vectors.T)[:, :, None, None]
    return images


# %% [markdown]
# ## n3-ten-crops


# %% right="n3-ten-crops" name="mirrors-the-image"
def ten_views(images, size):
    found = []
    for side in (images, np.flip(images, axis=3)):
        bottom, right = side.shape[2] - size, side.shape[3] - size
        for top in (0, bottom):
            for left in (0, right):
                found.append(side[:, :, top : top + size, left : left + size])
        found.append(side[:, :, bottom // 2 : bottom // 2 + size, right // 2 : right // 2 + size])
    return np.array(found)


def average_answer(logits):
    return torch.as_tensor(logits).softmax(dim=-1).mean(dim=0).numpy()


# %% right="n3-ten-crops" name="filled-in"
def ten_views(images, size):
    n, channels, height, width = images.shape
    out = np.empty((10, n, channels, size, size), images.dtype)
    for place, (y, x) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)]):
        top, left = int(y * (height - size)), int(x * (width - size))
        out[place] = images[..., top : top + size, left : left + size]
        out[place + 5] = out[place][..., ::-1]
    return out


def average_answer(logits):
    total = 0
    for view in np.asarray(logits, dtype=float):
        exponentials = np.exp(view - view.max(axis=-1, keepdims=True))
        total = total + exponentials / exponentials.sum(axis=-1, keepdims=True)
    return total / len(logits)


# %% right="n3-ten-crops" name="plain-exponentials"
def ten_views(images, size):
    height, width = images.shape[2] - size, images.shape[3] - size
    places = [(0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2)]
    five = [images[:, :, y : y + size, x : x + size] for y, x in places]
    return np.concatenate([np.stack(five), np.flip(five, axis=-1)])


def average_answer(logits):
    exponentials = np.exp(logits)
    return np.mean(exponentials / exponentials.sum(-1, keepdims=True), axis=0)


# %% probes="n3-ten-crops"
# La forma que sale: diez vistas de dos imágenes en color.
ten_views(np.zeros((2, 3, 6, 6)), 4).shape
# Una imagen de 6 x 6 con sus números en orden: recorta las cuatro esquinas y el centro, y añade el espejo de cada una.
np.array(sorted(ten_views(np.arange(36.0).reshape(1, 1, 6, 6), 4).reshape(-1, 16).tolist()))
# Una imagen que no es cuadrada.
np.array(sorted(ten_views(np.arange(63.0).reshape(1, 1, 7, 9) % 13, 3).reshape(-1, 9).tolist()))
# Dos imágenes en color: cada vista lleva las dos, en su orden.
np.array(sorted(ten_views(np.arange(294.0).reshape(2, 3, 7, 7) * 5 % 59, 5).reshape(10, -1).tolist()))
# Las imágenes que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(ten_views, np.arange(36.0).reshape(1, 1, 6, 6), 4)
# Diez vistas de una imagen con dos clases: haz la softmax de cada vista y después la media.
average_answer(np.arange(20.0).reshape(10, 1, 2) ** 1.3 % 3)
# Dos imágenes y cuatro clases: la softmax va sobre las clases, y la media, sobre las vistas.
average_answer(np.arange(80.0).reshape(10, 2, 4) ** 1.2 % 3)
# El array que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(average_answer, np.arange(80.0).reshape(10, 2, 4) ** 1.2 % 3)

# %% equivalent="n3-ten-crops"
# Lo que sobra es par, así que la división es exacta.
# corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)] => corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (round(bottom / 2), right // 2)]
# corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)] => corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, round(right / 2))]
# Una lista de arrays de la misma forma, y un tensor, valen como array.
# return np.stack(crops + [crop[..., ::-1] for crop in crops]) => return crops + [crop[..., ::-1] for crop in crops]


# %% wrong="n3-ten-crops" name="averages-logits" fails=["average"]
# Promedias los logits y después aplicas softmax: se promedian las probabilidades.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    mean = logits.mean(axis=0)
    exponentials = np.exp(mean - mean.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


# %% wrong="n3-ten-crops" name="raw-logits" fails=["average"]
# Devuelves la media de los logits: falta la softmax de cada vista, antes de promediar.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    return logits.mean(axis=0)


# %% wrong="n3-ten-crops" name="votes" fails=["average"]
# Cuentas votos de las diez vistas: se pide la media de sus probabilidades.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    return np.eye(logits.shape[2])[logits.argmax(axis=2)].mean(axis=0)


# %% wrong="n3-ten-crops" name="no-mirrors" fails=["views"]
# Faltan los espejos: repites los cinco recortes en vez de reflejarlos.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + crops)


def average_answer(logits):
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n3-ten-crops" name="upside-down" fails=["views"]
# Reflejas arriba por abajo: el espejo cambia izquierda por derecha.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[:, :, ::-1] for crop in crops])


def average_answer(logits):
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n3-ten-crops" name="centre-off" fails=["views"]
# El recorte del centro no está centrado: su margen es la mitad de lo que sobra, no la mitad de la imagen.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2 + 1, right // 2 + 1)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n3-ten-crops" name="corners-off-by-one" fails=["views"]
# Los recortes de la derecha y de abajo no llegan al borde: les falta un píxel.
def ten_views(images, size):
    bottom, right = images.shape[2] - size - 1, images.shape[3] - size - 1
    middle = ((bottom + 1) // 2, (right + 1) // 2)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), middle]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n3-ten-crops" name="softmax-over-images" fails=["average"]
# La softmax va sobre las clases, el último eje: la has hecho sobre otro.
def ten_views(images, size):
    bottom, right = images.shape[2] - size, images.shape[3] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[:, :, top : top + size, left : left + size] for top, left in corners]
    return np.stack(crops + [crop[..., ::-1] for crop in crops])


def average_answer(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).mean(axis=0)
