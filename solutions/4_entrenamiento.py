# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 170
#   title: 4. Entrenar como en 2012
# ---

# %% [markdown]
# # 4. Entrenar como en 2012
#
# En el cuaderno anterior miraste qué hay dentro de las capas. Ahora toca lo que pasa alrededor: con qué regla cambian
# los pesos, cuándo se baja la tasa de aprendizaje, cómo se sabe que un entrenamiento va mal y qué se gana juntando
# varias redes.
#
# Al terminar sabrás:
#
# - escribir la regla de actualización del artículo de 2012 y la de PyTorch, y decir cuándo dejan de ser iguales;
# - dar a los sesgos una tasa y un decaimiento distintos de los de los pesos;
# - escribir el bucle completo: validación, meseta, mejores pesos;
# - reconocer seis averías por sus curvas;
# - promediar redes, y leer con cuidado la cifra «18.2% -> 15.4%».
#
# | Diapositiva («Details/Retrospectives») | Dónde se trabaja |
# |---|---|
# | *SGD Momentum 0.9* | apartados 1 y 2 |
# | *L2 weight decay 5e-4* | apartados 1, 2 y 3 |
# | *Learning rate 1e-2, reduced by 10 manually when val accuracy plateaus* | apartados 2 y 4 |
# | *batch size 128* | apartado 5 |
# | *7 CNN ensemble: 18.2% -> 15.4%* | apartado 8 |
#
# **Tiempo:** unos 170 minutos: 20 el apartado 1, 30 el 2, 10 el 3, 25 el 4, 20 el 5, 20 el 6, 15 el 7, 25 el 8 y 5 el
# resto. **GPU:** no hace falta; el entrenamiento más largo dura unos segundos en 2 núcleos.
#
# | Ejercicio | Puntos |
# |---|---|
# | `n4-rule-2012`: la regla del artículo | 12 |
# | `n4-rule-torch`: la regla de PyTorch | 8 |
# | `n4-equivalence`: cuándo difieren | 10 |
# | `n4-parameter-groups`: una tasa para los sesgos | 8 |
# | `n4-plateau`: la regla de la meseta | 12 |
# | `n4-loop`: el bucle completo | 14 |
# | `n4-diagnosis`: seis averías | 12 |
# | `n4-m1-one-factor`: un factor cada vez (a mano) | 8 |
# | `n4-ensemble`: el promedio de varias redes | 9 |
# | `n4-m2-ensemble-gain`: de 18,2 a 15,4 (a mano) | 7 |
# | **Total** | **100** |
#
# **Cómo se comprueba.** Detrás de cada ejercicio hay una celda `tema9.check("...")`. Te dice si está bien y, si
# reconoce el error, cuál es su causa. Puedes usarla cuantas veces quieras. La celda siguiente, la de los `assert`, es
# la que puntúa; al corregir se le añaden más casos.
#
# **En qué te puedes apoyar.** Cada ejercicio se corrige por separado: usa solo lo que define la primera celda de código
# y lo que escribas en la tuya. Las celdas que solo muestran algo no se ejecutan al corregir. Y se pide tu propio
# código: lo que ya hace `tema9.training` no vale como respuesta.
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

import copy
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tema9
import tema9.data
import tema9.models
import tema9.training
from tema9 import experiments, figures, measuring, recipes
from tema9.arithmetic import spanish

figures.describe_pictures()  # cada figura, con su texto alternativo
torch.manual_seed(0)
# Con redes tan pequeñas, más hilos no ganan tiempo y estorban en una máquina ocupada.
torch.set_num_threads(1)
SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))  # al corregir, los experimentos se acortan

# %% [markdown]
# ## 1. La regla de 2012
#
# El descenso de gradiente estocástico (*stochastic gradient descent*, SGD) mira un minilote (*minibatch*), calcula el
# gradiente $g$ de la pérdida y da un paso. El apartado 5 del artículo de AlexNet lo escribe así:
#
# $$v_{i+1} = 0{,}9 \, v_i - 0{,}0005 \, \epsilon \, w_i - \epsilon \, g_i$$
#
# $$w_{i+1} = w_i + v_{i+1}$$
#
# - $w$ son los pesos y $\epsilon$ es la tasa de aprendizaje (*learning rate*), que empieza en 0,01;
# - $v$ es la velocidad: recuerda los pasos anteriores. El 0,9 es el momento (*momentum*);
# - el término con 0,0005 es el decaimiento de pesos (*weight decay*): tira de cada peso hacia cero. Es la penalización
#   L2 de la diapositiva.
#
# Fíjate en dos detalles que se copian mal: el decaimiento va **multiplicado por la tasa**, y la tasa entra **dentro**
# de la velocidad.
#
# **Predice** antes de seguir: con un gradiente constante $g$, sin decaimiento y con momento 0,9, ¿cuánto mide el paso
# cuando han pasado muchos? ¿Igual que $\epsilon g$, o más?

# %% explore=true
velocity, steps = 0.0, []
for _ in range(60):
    velocity = 0.9 * velocity - 0.01 * 1.0  # g = 1, tasa 0,01
    steps.append(-velocity / 0.01)
paths = {"con momento 0,9": steps, "sin momento": [1.0] * 60}
ax = figures.curves(range(1, 61), paths, "paso", "veces la tasa por g")

# %% [markdown]
# El paso crece hasta $1 / (1 - 0{,}9) = 10$ veces el gradiente por la tasa. El momento no solo suaviza: multiplica la
# tasa. Y tarda unos 10 pasos en responder a un cambio. Guarda esa idea: es la clave del apartado 2.
#
# ### Ejercicio `n4-rule-2012` (12 puntos)
#
# Escribe un paso de la regla del artículo. Recibes los pesos `w`, la velocidad `v` y el gradiente `g`, números o
# arrays de NumPy de la misma forma. Devuelve los pesos y la velocidad nuevos, sin modificar los que te dan.


# %% solution="n4-rule-2012"
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    """Un paso de la regla de 2012.

    w, v, g: pesos, velocidad y gradiente, arrays de la misma forma (o números).
    rate: la tasa de aprendizaje. Devuelve (w, v), los nuevos.
    """
    ### BEGIN SOLUTION
    v = momentum * v - weight_decay * rate * w - rate * g
    return w + v, v
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-rule-2012")

# %% tests="n4-rule-2012" case="one-step" points=6
from tema9 import contracts, measuring

step = measuring.answer(step_2012, contracts.together(contracts.array, contracts.array))
w, v = step(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)
assert contracts.close(v, -0.2, tolerance=1e-6), (
    "con v = 0 y sin decaimiento, la velocidad es menos la tasa por el gradiente: -0,2"
)
assert contracts.close(w, 0.8, tolerance=1e-6), "el peso nuevo es el viejo más la velocidad: 0,8"
### BEGIN HIDDEN TESTS
w, v = step(2.0, 0.5, 0.0, 0.1, momentum=0.9, weight_decay=0.01)
assert contracts.close(v, 0.45 - 0.002, tolerance=1e-6), "el decaimiento resta 0,01 · tasa · w de la velocidad"
assert contracts.close(w, 2.448, tolerance=1e-6), "el peso nuevo es el viejo más la velocidad nueva"
### END HIDDEN TESTS

# %% tests="n4-rule-2012" case="many-steps" points=6
import numpy as np

from tema9 import contracts, measuring

step = measuring.answer(step_2012, contracts.together(contracts.array, contracts.array))
w, v = step(np.array([1.0, -1.0]), np.zeros(2), np.array([0.5, 0.5]), 0.01)
assert w.shape == v.shape == (2,), "con arrays de dos números salen dos arrays de dos números"
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(2012)
for rate, momentum, decay in ((0.01, 0.9, 5e-4), (0.1, 0.5, 0.02), (0.3, 0.0, 0.1), (0.02, 0.95, 0.0)):
    w, v = draw.normal(size=(3, 2)), draw.normal(size=(3, 2))
    ours_w, ours_v = w.copy(), v.copy()
    for number in range(6):
        g = draw.normal(size=(3, 2))
        w, v = step(w, v, g, rate * 0.5**number, momentum, decay)
        for place in np.ndindex(3, 2):
            ours_v[place] = (
                momentum * ours_v[place] - decay * rate * 0.5**number * ours_w[place] - rate * 0.5**number * g[place]
            )
            ours_w[place] += ours_v[place]
    case = f"seis pasos con tasa {rate}, momento {momentum} y decaimiento {decay}"
    assert contracts.close(v, ours_v, tolerance=1e-6), f"la velocidad no es la de la fórmula: {case}"
    assert contracts.close(w, ours_w, tolerance=1e-6), f"los pesos no son los de la fórmula: {case}"
_, v = step(3.0, 0.5, 0.25, 2.0)
assert contracts.close(v, -0.053, tolerance=1e-6), "si no se dan, el momento es 0,9 y el decaimiento 0,0005"
changed = measuring.changes_its_inputs(step_2012, np.ones(3), np.ones(3), np.ones(3), 0.1)
assert not changed, "has modificado los arrays que te dan (¿con += o *=?): devuelve otros nuevos"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. La regla de PyTorch
#
# `torch.optim.SGD` hace casi lo mismo con las cuentas en otro orden. Guarda un búfer $b$ al que **no** le entra la tasa:
#
# $$b_{i+1} = 0{,}9 \, b_i + (g_i + 0{,}0005 \, w_i)$$
#
# $$w_{i+1} = w_i - \epsilon \, b_{i+1}$$
#
# El decaimiento se suma al gradiente, y la tasa multiplica al final.
#
# ### Ejercicio `n4-rule-torch` (8 puntos)
#
# Escribe un paso de la regla de PyTorch, con las mismas condiciones que antes.


# %% solution="n4-rule-torch"
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    """Un paso de la regla de torch.optim.SGD.

    w, b, g: pesos, búfer y gradiente, arrays de la misma forma (o números).
    rate: la tasa de aprendizaje. Devuelve (w, b), los nuevos.
    """
    ### BEGIN SOLUTION
    b = momentum * b + g + weight_decay * w
    return w - rate * b, b
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-rule-torch")

# %% tests="n4-rule-torch" points=8
import numpy as np
import torch

from tema9 import contracts, measuring

step = measuring.answer(step_torch, contracts.together(contracts.array, contracts.array))
w, b = step(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)
assert contracts.close(b, 2, tolerance=1e-6), (
    "sin decaimiento y con b = 0, el búfer es el gradiente, sin la tasa: 2"
)
assert contracts.close(w, 0.8, tolerance=1e-6), "el peso baja la tasa por el búfer: 1 - 0,1 · 2"
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(128)
for rate, momentum, decay in ((0.01, 0.9, 5e-4), (0.1, 0.5, 0.02), (0.3, 0.9, 0.1)):
    w, b = draw.normal(size=(2, 3)), np.zeros((2, 3))
    weight = torch.nn.Parameter(torch.tensor(w))
    optimizer = torch.optim.SGD([weight], rate, momentum, weight_decay=decay)
    for number in range(6):
        g = draw.normal(size=(2, 3))
        optimizer.param_groups[0]["lr"] = rate * 0.5**number
        weight.grad = torch.tensor(g)
        optimizer.step()
        w, b = step(w, b, g, rate * 0.5**number, momentum, decay)
        case = f"paso {number + 1} con tasa {rate * 0.5**number}, momento {momentum} y decaimiento {decay}"
        assert contracts.close(w, weight, tolerance=1e-6), f"no da los pesos de torch.optim.SGD: {case}"
        buffer = optimizer.state[weight]["momentum_buffer"]
        assert contracts.close(b, buffer, tolerance=1e-6), f"no da el búfer de torch.optim.SGD: {case}"
_, b = step(4.0, 1.0, 0.25, 0.5)
assert contracts.close(b, 1.152, tolerance=1e-6), "si no se dan, el momento es 0,9 y el decaimiento 0,0005"
changed = measuring.changes_its_inputs(step_torch, np.ones(3), np.ones(3), np.ones(3), 0.1)
assert not changed, "has modificado los arrays que te dan (¿con += o *=?): devuelve otros nuevos"
### END HIDDEN TESTS

# %% [markdown]
# ### ¿Son la misma regla?
#
# Con la tasa constante, llama $v = -\epsilon b$ y sustituye: sale la primera regla. Son **idénticas**. Pero en AlexNet
# la tasa se divide por 10. En ese momento:
#
# - la velocidad de 2012 sigue siendo la de antes: lleva dentro la tasa **vieja**, y tarda en olvidarla;
# - en PyTorch todo el búfer se multiplica de golpe por la tasa **nueva**.
#
# **Predice**: justo después de la bajada, ¿cuál de las dos da el paso más largo? ¿Cuántos pasos dura la diferencia?
#
# ### Ejercicio `n4-equivalence` (10 puntos)
#
# Escribe la función que aplica las dos reglas al problema más sencillo que hay: un solo peso y la pérdida $w^2 / 2$,
# cuyo gradiente es el propio $w$. Aplica las dos desde el mismo peso, con velocidad y búfer a cero, y con la tasa de
# cada paso que dice la lista `rates`. Devuelve la lista de las diferencias, en valor absoluto, entre los dos pesos
# **después** de cada paso. Haz las cuentas con `float` de Python: con la precisión de float32, una diferencia tan
# pequeña se pierde en el redondeo. Escribe aquí las dos reglas otra vez: este ejercicio se corrige por separado.


# %% solution="n4-equivalence"
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    """Devuelve, tras cada paso, |peso con la regla de 2012 - peso con la de PyTorch|.

    rates: la tasa de cada paso. w: el peso del que parten las dos.
    El gradiente es el propio peso de cada regla.
    """
    ### BEGIN SOLUTION
    ours, theirs, v, b, differences = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - weight_decay * rate * ours - rate * ours
        ours = ours + v
        b = momentum * b + theirs + weight_decay * theirs
        theirs = theirs - rate * b
        differences.append(abs(ours - theirs))
    return differences
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-equivalence")

# %% tests="n4-equivalence" case="constant-rate" points=4
from tema9 import contracts, measuring

gaps = measuring.answer(difference, contracts.numbers())
assert len(gaps([0.1] * 20)) == 20, "devuelve una lista con un número por paso"
assert contracts.close(gaps([0.1] * 20), [0] * 20, tolerance=1e-8), (
    "con la tasa constante las dos reglas coinciden"
)
### BEGIN HIDDEN TESTS
again = gaps([0.03] * 50, w=-2.0, momentum=0.5, weight_decay=0.1)
assert contracts.close(again, [0] * 50, tolerance=1e-8), "con la tasa constante coinciden también con otro decaimiento"
assert contracts.close(gaps([0.2] * 10, momentum=0.0), [0] * 10, tolerance=1e-8), "sin momento también coinciden"
### END HIDDEN TESTS

# %% tests="n4-equivalence" case="after-a-drop" points=6
from tema9 import contracts, measuring

gaps = measuring.answer(difference, contracts.numbers())
found = gaps([0.1] * 10 + [0.01] * 10)
assert len(found) == 20, "devuelve una lista con un número por paso"
assert contracts.close(found[:10], [0] * 10, tolerance=1e-8), (
    "antes de la bajada las dos reglas coinciden"
)
assert found[10] > 1e-4, (
    "desde el primer paso con la tasa nueva ya difieren: ¿usa cada regla su propia tasa?"
)
### BEGIN HIDDEN TESTS
assert min(found) >= 0, "se pide el valor absoluto"


def slow(rates, w, momentum, decay):
    mine, theirs, v, b, found = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (mine + decay * mine)
        b = momentum * b + (theirs + decay * theirs)
        mine, theirs = mine + v, theirs - rate * b
        found.append(((mine - theirs) ** 2) ** 0.5)
    return found


for rates, w, momentum, decay in (
    ([0.1] * 5 + [0.01] * 15, 1.0, 0.9, 5e-4),
    ([0.2] * 4 + [0.02] * 4 + [0.002] * 4, 3.0, 0.9, 0.0),
    ([0.05, 0.1, 0.05], 1.0, 0.5, 0.2),
    ([0.5] * 6 + [0.05] * 12, -2.0, 0.8, 0.3),
):
    expected = slow(rates, w, momentum, decay)
    assert contracts.close(gaps(rates, w, momentum, decay), expected, tolerance=1e-6), f"no coincide con tasas {rates}"
expected = slow([0.4] * 4 + [0.04] * 4, 1.0, 0.9, 5e-4)
assert contracts.close(gaps([0.4] * 4 + [0.04] * 4), expected, tolerance=1e-6), (
    "si no se dan, el peso es 1, el momento 0,9 y el decaimiento 0,0005"
)
still = gaps([0.1] * 5 + [0.01] * 5, momentum=0.0)
assert contracts.close(still, [0] * 10, tolerance=1e-8), "sin momento no hay nada que recordar"
### END HIDDEN TESTS

# %% explore=true
rates = [0.1] * 30 + [0.01] * 60
steps, gaps = range(1, len(rates) + 1), {"diferencia": difference(rates)}
ax = figures.curves(steps, gaps, "paso", "diferencia entre los dos pesos")

# %% [markdown]
# Hasta el paso 30 los dos pesos coinciden; en el 31 se separan, y la diferencia crece mientras la velocidad de 2012
# agota lo acumulado con la tasa antigua: unos $1 / (1 - 0{,}9) = 10$ pasos. En una red son 10 de los miles de pasos de
# una época, así que no cambia el resultado final. Pero si reproduces un artículo y copias su regla en PyTorch, **no**
# es la misma, y en los primeros pasos tras cada bajada se nota.
#
# `tema9.recipes.ALEXNET_2012` lleva `rate_in_velocity=True`: el bucle del curso sigue entonces la regla impresa.

# %% [markdown]
# ## 3. Una tasa para los sesgos
#
# El artículo dice: «We used an equal learning rate for all layers». El código que se publicó en 2025 dice otra cosa:
# los sesgos (*biases*) empiezan con el **doble** de tasa, 0,02, y van **sin** decaimiento. Además, las bajadas hechas a
# mano son solo de los pesos: en la configuración publicada de la prueba 145, de CONV2 a FC8, la tasa de los pesos acaba
# en 0,00001 y la de los sesgos sigue en 0,02. Caffe copió el doble de tasa y la falta de decaimiento.
#
# En PyTorch se consigue con grupos de parámetros. En vez de una lista de parámetros, al optimizador se le da una lista
# de diccionarios: cada uno tiene `params` y lo que cambia respecto a lo general.
#
# ### Ejercicio `n4-parameter-groups` (8 puntos)
#
# Escribe la función que hace los grupos: uno con los pesos y otro con los sesgos, en ese orden. Cada parámetro debe
# estar en un grupo y solo en uno. Da a los dos grupos `lr` y `weight_decay`. Pista: `model.named_parameters()`.


# %% solution="n4-parameter-groups"
def parameter_groups(model, rate, weight_decay):
    """Devuelve los grupos de 2012: los sesgos, al doble de tasa y sin decaimiento.

    model: un nn.Module.
    Devuelve una lista con dos diccionarios: primero el de los pesos, después el de los sesgos.
    """
    ### BEGIN SOLUTION
    weights = [parameter for name, parameter in model.named_parameters() if not name.endswith("bias")]
    biases = [parameter for name, parameter in model.named_parameters() if name.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
        {"params": biases, "lr": 2 * rate, "weight_decay": 0.0},
    ]
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-parameter-groups")

# %% tests="n4-parameter-groups" points=8
from tema9 import contracts, measuring

measuring.require_own(parameter_groups)
groups = measuring.parameter_groups(parameter_groups, 0.01, 5e-4)
assert len(groups) == 2, "se esperan dos grupos: el de los pesos y el de los sesgos"
### BEGIN HIDDEN TESTS
weights, biases = groups
assert weights["names"] == ["0.weight", "2.weight", "4.weight", "6.weight"], "en el primer grupo van todos los pesos"
assert biases["names"] == ["0.bias", "4.bias", "6.bias"], "en el segundo van los sesgos, y solo ellos"
for rate, decay in ((0.01, 5e-4), (0.3, 0.1), (2.0, 0.5)):
    weights, biases = measuring.parameter_groups(parameter_groups, rate, decay)
    assert contracts.close(weights["lr"], rate, tolerance=1e-6), "los pesos llevan la tasa que te dan"
    assert contracts.close(weights["weight_decay"], decay, tolerance=1e-6), "los pesos llevan el decaimiento que te dan"
    assert contracts.close(biases["lr"], 2 * rate, tolerance=1e-6), "los sesgos llevan el doble de la tasa que te dan"
    assert contracts.close(biases["weight_decay"], 0, tolerance=1e-6), "los sesgos no llevan decaimiento"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. La meseta
#
# > Learning rate 1e-2, reduced by 10 manually when val accuracy plateaus
#
# *Manually*: alguien miraba la curva y decidía. Sus notas guardan cuándo: en la prueba 145-2010 bajó la tasa en las
# épocas 23, 51 y 78, y paró en la 93. Vamos a escribir una regla que lo haga sola:
#
# - se lleva la cuenta del **mejor** error de validación hasta ahora; el de la primera época siempre lo es;
# - si pasan `patience` épocas seguidas sin mejorarlo, la tasa se multiplica por `factor` para la época siguiente, y la
#   cuenta empieza de nuevo;
# - se hace `drops` veces como mucho.
#
# Igualar el mejor error no es mejorarlo. Y se mira el error de **validación**: el de entrenamiento casi siempre baja,
# y el de test no se toca hasta el final.
#
# **Predice** a mano las tasas de las seis épocas con errores 50, 40, 42, 41, 39 y 45, paciencia 2 y tasa 0,01.
#
# ### Ejercicio `n4-plateau` (12 puntos)
#
# Escribe la función que, a partir de los errores de todas las épocas, da la tasa con la que se entrenó cada una. La
# de la época $i$ depende solo de los errores anteriores a ella.


# %% solution="n4-plateau"
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    """Devuelve la tasa de cada época, una por error.

    errors: el error de validación al final de cada época, en %. rate: la tasa de la primera.
    """
    ### BEGIN SOLUTION
    rates, best, waited, dropped = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and dropped < drops:
            rate, waited, dropped = rate * factor, 0, dropped + 1
    return rates
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-plateau")

# %% tests="n4-plateau" case="toy" points=4
from tema9 import contracts, measuring

rates = measuring.answer(plateau_rates, contracts.numbers())
found = rates([50, 40, 42, 41, 39, 45], 0.01, patience=2)
assert len(found) == 6, "devuelve una lista con una tasa por época"
assert contracts.close(found[0], 0.01, tolerance=1e-6), "la primera época usa la tasa de partida"
assert contracts.close(found, [0.01, 0.01, 0.01, 0.01, 0.001, 0.001], tolerance=1e-6), (
    "tras 42 y 41 (dos sin mejorar 40) se baja, no antes"
)

# %% tests="n4-plateau" case="series" points=8
import random

from tema9 import contracts, measuring

rates = measuring.answer(plateau_rates, contracts.numbers())
assert len(rates([50, 40], 0.1)) == 2, "devuelve una lista con una tasa por época"
### BEGIN HIDDEN TESTS


def same(errors, expected, rate=1.0, **how):
    return contracts.close(rates(errors, rate, **how), expected, tolerance=1e-6)


assert same([5, 4, 3, 2, 1], [1] * 5, patience=1), "mientras mejora, la tasa no cambia"
assert same([5, 5, 5, 5], [1, 1, 1, 0.1], patience=2), "igualar el mejor error no es mejorarlo"
assert same([30, 50, 45, 40, 35], [1, 1, 1, 1, 0.1], patience=3), "se compara con el mejor error, no con el anterior"
assert same([9, 10, 8, 10, 10], [1, 1, 1, 1, 1], patience=2), "una mejora pone la cuenta a cero"
assert same([9] * 6, [1, 1, 1, 0.1, 0.1, 0.01], patience=2, drops=9), "tras cada bajada la cuenta empieza de nuevo"
assert same([9] * 8, [1, 1, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25], patience=1, factor=0.5, drops=2), "a lo sumo `drops`"
assert same([9] * 4, [1] * 4, patience=1, drops=0), "con `drops=0` la tasa no baja nunca"
assert same([100] * 4, [1, 1, 1, 0.1], patience=2), "la primera época siempre es la mejor hasta ella, también con 100 %"
assert same([0] * 4, [1, 1, 1, 0.1], patience=2), "un error de 0 es el mejor que hay"
assert same([9.5, 9.2, 9.4, 9.3, 9.1], [1, 1, 1, 1, 0.1], patience=2), "un error puede tener decimales"
assert same([9] * 14, [4] * 4 + [0.4] * 3 + [0.04] * 3 + [0.004] * 4, rate=4.0), (
    "si no se dan, la paciencia es 3, el factor 0,1 y las bajadas 3"
)
draw = random.Random(3)
for _ in range(30):
    errors = [draw.randint(10, 30) for _ in range(25)]
    patience, factor, drops = draw.randint(1, 4), draw.choice([0.1, 0.5]), draw.randint(1, 4)
    now, last, done, expected = 2.0, 0, 0, []
    for epoch in range(25):
        expected.append(now)
        better = errors[epoch] < min(errors[:epoch], default=99)
        last = epoch if better else last  # la última época que mejoró, o la de la última bajada
        if epoch - last >= patience and done < drops:
            now, last, done = now * factor, epoch, done + 1
    case = f"errores {errors}, paciencia {patience}, factor {factor}, bajadas {drops}"
    assert same(errors, expected, 2.0, patience=patience, factor=factor, drops=drops), f"no coincide: {case}"
### END HIDDEN TESTS

# %% [markdown]
# `torch.optim.lr_scheduler.ReduceLROnPlateau` hace lo mismo, con una trampa: su `patience` cuenta las épocas que se
# **toleran**, así que con `patience=2` baja tras la tercera sin mejora. Y por defecto exige mejorar un 0,01 %.
#
# Mira la regla sobre dígitos reales. **Predice** en qué época bajará la tasa por primera vez. El entrenamiento corre
# por detrás y la figura se dibuja de nuevo al final de cada época; el botón lo para, y la red se queda con sus mejores
# pesos.

# %% explore=true
from tema9 import widgets

digits = tema9.data.digits()
recipe = replace(recipes.LENET5_DIGITS, epochs=2 if SHORT else 14, patience=2)
torch.manual_seed(0)
run = widgets.live_training(tema9.models.LeNet5(), digits, recipe)
run

# %% [markdown]
# La celda siguiente espera a que acabe. Si la interrumpes (el cuadrado ■ de la barra), para también el entrenamiento, y
# te quedas con la historia de las épocas completas.

# %% explore=true
history = run.result()
rates = history.column("learning_rate")
drops = [epoch for epoch in range(2, len(rates) + 1) if rates[epoch - 1] < rates[epoch - 2]]
print(f"mejor época: {history.best} de {len(history.epochs)}; la tasa baja en las épocas {drops}")

# %% [markdown]
# ## 5. El bucle completo
#
# Ya tienes las piezas. Un entrenamiento serio, además de dar pasos:
#
# - baraja las imágenes en cada época, con una semilla que lo hace repetible;
# - usa también el último minilote, aunque sea corto;
# - pone la red en modo de entrenamiento para entrenar y de evaluación para medir (¡el *dropout*!);
# - mide en **validación** al final de cada época, y guarda una copia de los pesos si es la de menor error;
# - al terminar, deja en la red los pesos de la mejor época, no los de la última.
#
# Cuidado con la copia: `model.state_dict()` no copia nada. Devuelve los mismos tensores, que seguirán cambiando.
#
# Para medir no hacen falta gradientes: dentro de un bloque `with torch.no_grad():` PyTorch no guarda lo que necesitaría
# para calcularlos. El resultado es el mismo, con menos memoria.
#
# ### Ejercicio `n4-loop` (14 puntos)
#
# Escribe ese bucle con `torch.optim.SGD`, momento 0,9, sin decaimiento, y pérdida `F.cross_entropy`. La tasa es la
# misma en todas las épocas. `data` tiene `train`, `validation` y `test`, cada uno con `images` y `labels`. Devuelve la
# lista de los errores de validación, en %, uno por época. Si dos épocas empatan, vale la primera.


# %% solution="n4-loop"
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    """Entrena `model` y lo deja con los pesos de su mejor época.

    data: con train, validation y test; cada parte tiene images (N, C, H, W) y labels (N,).
    Devuelve la lista de los errores de validación, en %, uno por época.
    """
    ### BEGIN SOLUTION
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    generator = torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            loss = F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            answers = model(data.validation.images).argmax(dim=1)
        errors.append(100 * (answers != data.validation.labels).float().mean().item())
        if errors[-1] < min(errors[:-1], default=float("inf")):
            best = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)
    return errors
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-loop")

# %% tests="n4-loop" case="steps" points=6
from tema9 import measuring

measuring.require_own(train)
seen = measuring.training_loop(train, [50, 40, 30], batch_size=8)
assert len(seen["result"]) == 3, "devuelve una lista con un error por época"
assert seen["learns"], (
    "los pesos no cambian en todas las épocas: ¿has llamado a backward() y a step()?"
)
### BEGIN HIDDEN TESTS
assert ("train", False) not in seen["modes"], "entrenas con la red en modo de evaluación: falta model.train()"
assert seen["batches"] == [[8, 8, 6]] * 3, "22 imágenes de 8 en 8 son minilotes de 8, 8 y 6: el corto también cuenta"
assert seen["complete"], "en cada época pasa cada imagen una vez"
assert seen["shuffles"], "hay que barajar todas las imágenes en cada época: el orden y los minilotes tienen que ser otros"
assert seen["follows"], (
    "los pesos no son los que dan esos minilotes: ¿gradientes a cero en cada paso, F.cross_entropy de los logits, y "
    "torch.optim.SGD con momento 0,9, la tasa que te dan y nada más?"
)
again = measuring.training_loop(train, [50, 40, 30], batch_size=8)
assert seen["orders"] == again["orders"], "con la misma semilla, el orden tiene que repetirse"
other = measuring.training_loop(train, [50, 40, 30], batch_size=8, seed=7)
assert seen["orders"] != other["orders"], "con otra semilla, el orden tiene que ser otro"
fast = measuring.training_loop(train, [50, 40, 30], batch_size=5, rate=0.1)
assert fast["batches"] == [[5, 5, 5, 5, 2]] * 3, "22 imágenes de 5 en 5 son cuatro minilotes de 5 y uno de 2"
assert fast["follows"], "con otra tasa los pesos no son los que tocan: ¿usas la tasa que te dan?"
worse = measuring.training_loop(train, [20, 50, 40, 60, 30, 70], batch_size=22)
assert worse["follows"], "la tasa es la misma en todas las épocas, también si el error empeora"
large = measuring.training_loop(train, [50, 40], images=150)
assert large["batches"] == [[128, 22]] * 2 and large["follows"], "si no se dan, el minilote es de 128 y la tasa 0,01"
### END HIDDEN TESTS

# %% tests="n4-loop" case="validation" points=8
from tema9 import contracts, measuring

measuring.require_own(train)
seen = measuring.training_loop(train, [50, 20, 40], batch_size=8)
errors = seen["result"]
assert len(errors) == 3, "devuelve una lista con un error por época"
assert contracts.close(errors[1], 20), (
    "el error de validación, en %: de 20 imágenes, 4 mal son un 20 %"
)
### BEGIN HIDDEN TESTS
assert contracts.close(errors, [50, 20, 40]), "los errores no son los de validación"
assert {part for part, _ in seen["modes"]} == {"train", "validation"}, (
    "se entrena con data.train y se mide en data.validation; el conjunto de test solo se mira al final de todo"
)
assert ("validation", True) not in seen["modes"], "mides con la red en modo de entrenamiento: falta model.eval()"
assert seen["kept"] == [2], "al terminar, la red tiene que quedarse con los pesos de su mejor época, no de la última"
assert measuring.training_loop(train, [50, 20, 40, 30], batch_size=22)["kept"] == [2], (
    "la mejor época se busca entre todas: no basta con mejorar la anterior"
)
tie = measuring.training_loop(train, [60, 30, 55, 30, 70], batch_size=22)
assert tie["kept"] == [2], "si dos épocas empatan, vale la primera"
assert measuring.training_loop(train, [60, 50, 40], batch_size=22)["kept"] == [3], "aquí la mejor es la última"
first = measuring.training_loop(train, [20, 50, 40, 60, 30, 70], batch_size=22)
assert first["kept"] == [1], "aquí la mejor es la primera"
assert measuring.training_loop(train, [100, 100], batch_size=22)["kept"] == [1], "con un 100 % también hay una mejor"
thirds = measuring.training_loop(train, [100 / 3, 200 / 3], validation_images=3, batch_size=22)["result"]
assert contracts.close(thirds, [100 / 3, 200 / 3]), "el error de validación puede tener decimales: no lo redondees"
### END HIDDEN TESTS

# %% [markdown]
# El bucle de `tema9.training` es el tuyo con la meseta del apartado 4, los grupos del 3, aumento de datos, varias GPU
# y la posibilidad de seguir donde se quedó. Ábrelo y busca en él tus líneas: están en la función `epochs`.

# %% [markdown]
# ## 6. Seis averías
#
# Un entrenamiento roto casi nunca da un mensaje de error: el fallo solo se ve en sus curvas. Aquí hay seis, de la misma
# red pequeña con *dropout*, entrenada con 2 000 dígitos. Cada una tiene **un** fallo, de esta lista, en la que sobran
# dos códigos:
#
# | código | qué pasa |
# |---|---|
# | `"softmax-twice"` | la red ya termina en *softmax*, y `F.cross_entropy` la aplica otra vez |
# | `"rate-too-high"` | la tasa es tan alta que las neuronas mueren y la pérdida se queda en una meseta |
# | `"rate-too-low"` | la tasa es demasiado baja: todo va bien, pero muy despacio |
# | `"no-shuffle"` | las imágenes de entrenamiento están ordenadas por clase y no se barajan |
# | `"labels-shifted"` | al entrenar, cada imagen lleva la etiqueta de otra |
# | `"no-eval"` | se valida sin `model.eval()`, con el *dropout* en marcha |
# | `"augmented-validation"` | al cargar las imágenes de validación se desplazaron y reflejaron al azar; las de entrenamiento, no |
# | `"no-zero-grad"` | los gradientes se acumulan de un paso a otro |
#
# Con 10 clases, el azar es un error del 90 % y una pérdida de $\ln 10 \approx 2{,}30$. Apunta qué deberías ver en
# cada avería **antes** de mirar las curvas: ¿qué le pasa a la pérdida de entrenamiento?, ¿y al error de validación?
#
# El registro viene con el curso (lo hizo `python -m tema9.experiments.broken_runs`), así que no hay que esperar.

# %% explore=true
log = experiments.read("broken_runs")
_ = figures.runs(log, "Avería {}")

# %% [markdown]
# El error de entrenamiento está medido al final de la época, con la red en evaluación y con las etiquetas que se le
# enseñan. Para distinguir dos averías que se parecen, estas otras medidas del final de cada una ayudan:

# %% explore=true
for run in "ABCDEF":
    last = [row for row in log if row["run"] == run][-1]
    low, high, confidence = (
        spanish(last[key], 2) for key in ("best_batch", "worst_batch", "confidence")
    )
    moves, proper = (spanish(last[key], 1) for key in ("repeat_spread", "proper_error"))
    print(
        f"{run}: la pérdida de un minilote va de {low} a {high}; la respuesta más frecuente sale el"
        f" {spanish(last['commonest'])} % de las veces, con una confianza media de {confidence};"
        f" al repetir la validación, el error se mueve {moves} puntos;"
        f" bien medido, sería del {proper} %"
    )

# %% [markdown]
# ### Ejercicio `n4-diagnosis` (12 puntos)
#
# Escribe la función que devuelve un diccionario con el código de cada avería. La B te la damos: la pérdida se queda en
# una meseta, cerca de la del azar, y la red responde casi siempre lo mismo: `"rate-too-high"`.


# %% solution="n4-diagnosis"
def diagnosis():
    """Devuelve {"A": código, ..., "F": código}."""
    ### BEGIN SOLUTION
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-diagnosis")

# %% tests="n4-diagnosis" case="in-the-curves" points=6
from tema9 import contracts, measuring

found = measuring.answer(diagnosis, contracts.mapping(contracts.text))()
assert set(found) == set("ABCDEF"), "devuelve un diccionario con las claves A, B, C, D, E y F"
assert found["B"] == "rate-too-high", "la B es la del enunciado: 'rate-too-high'"
known = "softmax-twice rate-too-high rate-too-low no-shuffle"
known += " labels-shifted no-eval augmented-validation no-zero-grad"
assert set(found.values()) <= set(known.split()), f"los códigos son: {known}"
### BEGIN HIDDEN TESTS
assert found["C"] == "softmax-twice", "C: mira la pérdida de entrenamiento: ¿baja de 1,46 alguna vez?"
assert found["E"] == "labels-shifted", "E: la red memoriza el entrenamiento y en validación acierta como el azar"
assert found["F"] == "no-shuffle", (
    "F: la pérdida salta de casi 0 a muy alta de un minilote a otro: ¿qué tienen en común las imágenes de cada uno?"
)
### END HIDDEN TESTS

# %% tests="n4-diagnosis" case="in-the-measurement" points=6
from tema9 import contracts, measuring

found = measuring.answer(diagnosis, contracts.mapping(contracts.text))()
assert set(found) == set("ABCDEF"), "devuelve un diccionario con las claves A, B, C, D, E y F"
### BEGIN HIDDEN TESTS
assert found["A"] == "no-eval", "A: si al repetir la validación sale otro número, hay azar en la red: el dropout"
assert found["D"] == "augmented-validation", "D: la red está bien; lo que está mal es lo que se le enseña al validar"
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Un factor cada vez
#
# ¿Cuánto aporta cada decisión de AlexNet? La red entera no cabe en una tarde sin GPU, así que usamos una miniatura: las
# mismas capas en el mismo orden, para recortes de 59 × 59 píxeles. Sus mapas son menores: los lados de CONV1 y de los
# tres *poolings* son 27, 13, 6 y 2 píxeles, donde AlexNet tiene 55, 27, 13 y 6.

# %% explore=true
tema9.layer_table("alexnet_mini")

# %% [markdown]
# Los datos son trozos de diez fotografías reales. La clase es la fotografía; se entrena con su mitad izquierda y se
# evalúa con la derecha, que la red no ha visto.

# %% explore=true
from tema9 import gallery

ax = gallery.textures()

# %% [markdown]
# Este es el experimento: la receta base y otras cinco, cada una con **un** solo cambio, y tres semillas de cada una.
# Los puntos son las semillas; la línea, su media. Lo hizo `python -m tema9.experiments.one_factor`, y viene con el
# curso. **Predice** antes de mirar qué cambio hará más daño.

# %% explore=true
log = experiments.read("one_factor")
names = list(dict.fromkeys(row["variant"] for row in log))
errors = {name: [row["test_error"] for row in log if row["variant"] == name] for name in names}
ax = figures.seeds({"": errors}, "receta", "error de test (%)")
for name, values in errors.items():
    spread = torch.tensor(values).std().item()
    each = ", ".join(spanish(value, 1) for value in values)
    print(f"{name:32} {each} → desviación {spanish(spread, 1)} puntos")

# %% [markdown]
# ¿Quieres probar tú? Esta celda entrena una miniatura durante unas pocas épocas. Cambia **una** cosa de la receta o de
# la arquitectura y repite con tres semillas; o trabaja con el registro de arriba.

# %% explore=true
recipe = replace(recipes.ALEXNET_MINI, epochs=1 if SHORT else 2)
torch.manual_seed(0)
mini = tema9.models.build("alexnet_mini")
history = tema9.training.train(mini, tema9.data.textures(), recipe)
if history.epochs:  # vacío si se ha interrumpido la primera época
    print(f"error de validación: {spanish(history.epochs[-1].validation_error, 1)} %")

# %% [markdown]
# Así son los filtros de la primera capa tras el entrenamiento largo que viene con el curso
# (`tema9.models.pretrained`). Busca bordes orientados y manchas de color: son los de la figura 3 del artículo, en
# pequeño.

# %% explore=true
ax = figures.filters(tema9.models.pretrained("alexnet_mini").layers.conv1.weight.detach())

# %% [markdown]
# Hay algunos bordes y algunas manchas, y muchos filtros que no se parecen a nada: para separar diez fotografías no hace
# falta más. La figura 3 del artículo salió de una tarea más difícil. Estos otros filtros, tantos y tan grandes como los de
# CONV1 (96 de 11 × 11), los aprendió una red que distingue 600 trozos de quince fotografías, cada uno movido, girado,
# ampliado y con otra luz (`tema9/experiments/first_layer.py`).

# %% explore=true
ax = figures.filters(tema9.models.first_layer(), shared=False)

# %% [markdown]
# Se puede contar, en vez de mirar: `tema9.looking.tuning` mide cuánto de cada filtro explica una función de Gabor (una
# onda bajo una campana), cuánto se concentra en una orientación y cuánto es color. De los 96, 43 están orientados,
# 35 son de color y 18 parecen ruido; de los 32 de la mini-AlexNet, 2, 12 y 18; de 96 filtros al azar, los 96
# parecen ruido.

# %% [markdown]
# ### Pregunta `n4-m1-one-factor` (8 puntos, se corrige a mano)
#
# Haz una tabla de **al menos cuatro** recetas que se diferencien de la base en un solo factor, con tres semillas o
# más cada una (tuyas o del registro): media y dispersión del error de test. **¿Qué puedes afirmar y qué no?** Di en
# concreto si alguna diferencia es menor que la dispersión entre semillas, y qué harías para decidirla.

# %% [markdown] answer="n4-m1-one-factor" points=8
# Una respuesta completa copia la tabla (receta, tres errores, media, desviación) y compara cada media con la base
# usando la dispersión como regla de medir: si la diferencia de las medias es mayor que, digamos, dos veces
# $\sqrt{s_1^2/3 + s_2^2/3}$, se puede afirmar que el factor cuenta en esta red y con estos datos; si no, no se sabe.
#
# En el registro, quitar la LRN y quitar el espejo y el cambio de luz (los recortes al azar siguen) son los dos únicos
# cambios cuyas tres semillas quedan por encima de las tres de la base: esos cuentan en esta red. Con el *pooling* de
# 2 × 2 y sin *dropout* los puntos se mezclan con los de la base, así que no puedo decir ni que ayuden ni que estorben.
# Sin momento la media es peor, pero las semillas van del 10 al 20 %: lo claro es que el resultado se vuelve
# imprevisible.
#
# Con tres semillas solo se distinguen efectos grandes. Para decidir los pequeños harían falta más semillas (el error de
# la media baja con la raíz de su número) o más imágenes de test: con 400, un error del 20 % ya tiene un error estándar
# de $\sqrt{0{,}2 \cdot 0{,}8 / 400}$, 2 puntos. Y nada de esto dice qué pasaría en ImageNet: la red tiene 159 veces
# menos parámetros, hay 1 000 imágenes y las clases son texturas.

# %% [markdown] locked="n4-m1-one-factor-criteria"
# *Se corrige a mano: 8 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 3 puntos: tabla con al menos cuatro recetas, un factor cambiado cada vez, tres semillas o más, media y dispersión
#   (1 punto menos por cada una de estas cosas que falte).
# - 3 puntos: compara las diferencias con la dispersión entre semillas y dice de cuáles no se puede afirmar nada.
# - 1 punto: qué haría para decidir (más semillas, más imágenes de test).
# - 1 punto: no generaliza de más (red, datos y receta concretos).
# - Si ordena las recetas solo por la media, sin hablar de la dispersión, 3 puntos como mucho.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## 8. Siete redes mejor que una
#
# > 7 CNN ensemble: 18.2% -> 15.4%
#
# Un *ensemble* (varias redes que responden juntas) contesta con la **media de sus probabilidades**. No sirve la media
# de los *logits*, porque una red con *logits* enormes mandaría sobre las demás. Tampoco sirve la media de los pesos,
# porque dos redes entrenadas por separado no tienen por qué guardar lo mismo en el mismo filtro.
#
# ### Ejercicio `n4-ensemble` (9 puntos)
#
# Escribe la función que devuelve las probabilidades del *ensemble*. Recibe los *logits* de $k$ redes para $N$ imágenes
# y $C$ clases. Cuidado con los *logits* muy grandes: `np.exp(1000)` desborda.


# %% solution="n4-ensemble"
def ensemble_probabilities(logits):
    """Devuelve las probabilidades de un ensemble.

    logits: array (k, N, C), los de k redes. Devuelve un array (N, C); cada fila suma 1.
    """
    ### BEGIN SOLUTION
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    return (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=0)
    ### END SOLUTION


# %% explore=true
import tema9

tema9.check("n4-ensemble")

# %% tests="n4-ensemble" case="probabilities" points=5
import numpy as np
import torch

from tema9 import contracts, measuring

together = measuring.answer(ensemble_probabilities, contracts.array)
found = together(np.zeros((2, 3, 4)))
assert found.shape == (3, 4), "de dos redes, 3 imágenes y 4 clases sale un array (3, 4)"
assert contracts.close(found, np.full((3, 4), 0.25)), (
    "con todos los logits iguales, cada clase tiene 1/4"
)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(7)
for k, n, classes, scale in ((1, 2, 3, 1.0), (2, 5, 4, 3.0), (7, 3, 10, 8.0), (3, 3, 3, 2.0)):
    logits = scale * draw.normal(size=(k, n, classes))
    expected = torch.tensor(logits).softmax(dim=2).mean(dim=0)
    found = together(logits)
    assert contracts.close(found.sum(axis=-1), np.ones(n)), "cada fila tiene que sumar 1"
    assert contracts.close(found, expected, tolerance=1e-6), (
        f"no es la media de las probabilidades de las redes ({k} redes, {n} imágenes)"
    )
### END HIDDEN TESTS

# %% tests="n4-ensemble" case="large-logits" points=4
import numpy as np

from tema9 import contracts, measuring

together = measuring.answer(ensemble_probabilities, contracts.array)
assert together(np.zeros((1, 2, 2))).shape == (2, 2), (
    "con una red y 2 imágenes sale un array (2, 2)"
)
### BEGIN HIDDEN TESTS
found = together(np.array([[[1000.0, 0.0]], [[-1000.0, 0.0]], [[-1000.0, 0.0]]]))
assert np.isfinite(found).sum() == 2, "con logits de 1000 sale nan o inf: resta el máximo antes de la exponencial"
assert contracts.close(found, [[1 / 3, 2 / 3]]), "una red muy segura vota como una, no manda sobre las demás"
found = together(np.array([[[3000.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]))
assert contracts.close(found, [[2 / 3, 1 / 6, 1 / 6]]), "con logits aún mayores sale otra cosa: ¿restas el máximo, o la media?"
for shift in (1000.0, -1000.0):
    found = together(np.array([[[0.0, np.log(3.0)], [shift, shift + np.log(3.0)]]]))
    assert contracts.close(found, [[0.25, 0.75], [0.25, 0.75]]), (
        "sumar lo mismo a todos los logits de una imagen no cambia sus probabilidades: resta el máximo de cada fila"
    )
draw = np.random.default_rng(8)
logits, labels = 4 * draw.normal(size=(5, 200, 6)), draw.integers(6, size=200)


def loss(probabilities):
    return -np.log(np.maximum(probabilities[np.arange(200), labels], 1e-300)).mean()


each = [loss(together(logits[k : k + 1])) for k in range(5)]
whole = loss(together(logits))
assert whole <= np.mean(each), (
    "la pérdida del conjunto no puede superar la media de las pérdidas: ¿promedias otra cosa?"
)
### END HIDDEN TESTS

# %% [markdown]
# La última comprobación no es casualidad: el logaritmo es cóncavo, así que la pérdida de la media **nunca** supera la
# media de las pérdidas. Con el error no hay esa garantía: imagen por imagen, el *ensemble* puede fallar donde la
# mayoría acertaba. **Predice**: ¿cuánto ganarán tres LeNet-5 que solo se diferencian en la semilla?

# %% explore=true
nets = []
for seed in range(3):
    torch.manual_seed(seed)
    nets.append(tema9.models.LeNet5())
    recipe = replace(recipes.LENET5_DIGITS, epochs=1 if SHORT else 5, seed=seed)
    tema9.training.train(nets[-1], digits, recipe)
each, whole = tema9.training.ensemble(nets, digits.test)
print("cada una: " + ", ".join(f"{spanish(score.top1, 1)} %" for score in each))
print(f"juntas: {spanish(whole.top1, 1)} %")
mean = sum(score.loss for score in each) / 3
print(f"pérdidas: media {spanish(mean, 3)}; juntas {spanish(whole.loss, 3)} nats")

# %% [markdown]
# La tabla 2 del artículo, con el error top-5 de ILSVRC-2012:
#
# | Modelo | validación | test |
# |---|---|---|
# | 1 CNN | 18,2 % | no se dio |
# | 5 CNN | 16,4 % | 16,4 % |
# | 1 CNN* | 16,6 % | no se dio |
# | 7 CNN* | 15,4 % | 15,3 % |
#
# El asterisco es del artículo: esas redes se preentrenaron con **todo** ImageNet (la versión de otoño de 2011, con más
# clases y más imágenes) y tienen una capa de convolución más, la sexta. De las siete, dos son así.
#
# ### Pregunta `n4-m2-ensemble-gain` (7 puntos, se corrige a mano)
#
# La diapositiva dice «7 CNN ensemble: 18.2% -> 15.4%». **¿Qué cambió además del número de redes? ¿Cuánto se puede
# atribuir a promediar redes?** Usa la tabla. Bastan seis líneas.

# %% [markdown] answer="n4-m2-ensemble-gain" points=7
# Cambiaron tres cosas a la vez: el número de redes (de 1 a 7), los datos (dos de las siete se preentrenaron con el
# ImageNet de otoño de 2011) y la arquitectura (esas dos tienen una sexta capa de convolución). Así que los 2,8 puntos
# no son el efecto de promediar.
#
# La comparación limpia es la de 1 a 5 redes con los mismos datos: de 18,2 a 16,4, 1,8 puntos. El otro punto, de 16,4
# a 15,4, junta dos redes más con datos y capas nuevas. De hecho una sola red con asterisco ya da 16,6, casi lo mismo
# que cinco sin él. Tampoco son siete semillas de la misma red: según el código publicado, varias de las cinco tienen
# otra primera etapa, y esa diversidad también ayuda.
#
# Por último, 15,4 es de validación, el conjunto con el que se decidía; en test fue 15,3.

# %% [markdown] locked="n4-m2-ensemble-gain-criteria"
# *Se corrige a mano: 7 puntos.*
#
# === BEGIN MARK SCHEME ===
#
# - 2 puntos: dos de las siete redes vieron más datos (preentrenadas con el ImageNet de otoño de 2011).
# - 1 punto: y tienen una sexta capa de convolución.
# - 2 puntos: la comparación limpia, de 18,2 a 16,4 con cinco redes (1 punto si la da sin decir por qué es limpia).
# - 1 punto: el resto, de 16,4 a 15,4, no se puede repartir entre sus causas con esta tabla (o usa el 16,6 de una sola
#   red con asterisco para razonarlo).
# - 1 punto: 15,4 es de validación; en test, 15,3.
# - Si atribuye los 2,8 puntos a promediar siete redes, 1 punto como mucho.
#
# === END MARK SCHEME ===

# %% [markdown]
# ## Lo que te llevas
#
# - La regla de 2012 y la de PyTorch son iguales mientras la tasa no cambia. Después de una bajada, la de 2012 arrastra
#   los pasos viejos durante unos $1 / (1 - 0{,}9)$ pasos.
# - «Equal learning rate for all layers», dice el artículo; el código daba a los sesgos el doble de tasa y ningún
#   decaimiento.
# - Se decide con la validación, se guarda la mejor época con una copia de verdad y el test se mira una vez.
# - Las curvas dicen qué falla: compara la pérdida con $\ln C$, el entrenamiento con la validación, y repite la medida.
# - Una diferencia entre recetas sin la dispersión entre semillas no es un resultado.
# - De 18,2 a 15,4 no todo es promediar: también hubo más datos y una capa más.
#
# **Fuentes.** Krizhevsky, Sutskever y Hinton (2012), *ImageNet Classification with Deep Convolutional Neural Networks*,
# NIPS 25, apartados 5 y 6, tabla 2 y figura 3. Código y notas de 2012: `computerhistory/AlexNet-Source-Code`,
# `src/weights.cu` y `layers/layer-params-145.cfg`. La regla de PyTorch: la documentación de `torch.optim.SGD`. Las
# averías y las recetas de la miniatura son nuestras, y sus registros vienen con el paquete. Diapositivas: CS231n
# (2017), lección 9.
