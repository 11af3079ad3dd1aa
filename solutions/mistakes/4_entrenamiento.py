# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "4. Entrenar como en 2012, banco de errores"
# ---

# %%
import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import measuring

# %% [markdown]
# ## n4-rule-2012


# %% right="n4-rule-2012" name="term-by-term"
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    remembered = momentum * v
    decay = -weight_decay * rate * w
    new_v = remembered + decay - rate * g
    return w + new_v, new_v


# %% right="n4-rule-2012" name="factors-the-rate-out"
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    velocity = np.multiply(momentum, v) - rate * (np.asarray(g) + weight_decay * np.asarray(w))
    return np.add(w, velocity), velocity


# %% probes="n4-rule-2012"
# Con v = 0 y sin decaimiento solo queda el gradiente: haz la velocidad y el peso en papel.
step_2012(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)
# Con el gradiente a cero quedan el momento y el decaimiento.
step_2012(2.0, 0.5, 0.0, 0.1, momentum=0.9, weight_decay=0.01)
# Con los tres términos a la vez, súmalos uno a uno.
step_2012(2.0, 0.5, 3.0, 0.2, momentum=0.7, weight_decay=0.25)
# Si no se dan, el momento es 0,9 y el decaimiento 0,0005.
step_2012(3.0, 0.5, 0.25, 2.0)
# Con arrays la cuenta se hace número a número, y la forma no cambia.
step_2012(np.array([1.0, -1.0]), np.zeros(2), np.array([0.5, 0.5]), 0.01)
step_2012(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.5, -1.0], [2.0, 0.0]]), np.eye(2), 0.1)
# Los arrays que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(step_2012, np.ones(3), np.ones(3), np.ones(3), 0.1)


# %% wrong="n4-rule-2012" name="decay-with-plus" fails=["one-step", "many-steps"]
# El decaimiento lleva el signo cambiado: así los pesos crecen en vez de encoger hacia cero.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v + weight_decay * rate * w - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="decay-without-rate" fails=["one-step", "many-steps"]
# Al decaimiento le falta la tasa: en la fórmula los tres factores van multiplicados.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * w - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="no-decay" fails=["one-step", "many-steps"]
# Has olvidado el decaimiento de pesos.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="old-velocity" fails=["one-step", "many-steps"]
# Los pesos se mueven con la velocidad nueva, la de este paso, no con la que te dan.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    new_v = momentum * v - weight_decay * rate * w - rate * g
    return w + v, new_v


# %% wrong="n4-rule-2012" name="forgets-velocity" fails=["one-step", "many-steps"]
# Falta el momento por la velocidad anterior: sin ese término cada paso olvida los anteriores.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = -weight_decay * rate * w - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="rate-outside" fails=["one-step", "many-steps"]
# Has escrito la regla de PyTorch: en la de 2012 la tasa entra dentro de la velocidad, con el gradiente.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v + weight_decay * w + g
    return w - rate * v, v


# %% wrong="n4-rule-2012" name="dampening" fails=["one-step", "many-steps"]
# Has multiplicado el gradiente y el decaimiento por 1 - momento: eso es una media móvil, y la regla de 2012 no lo hace.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - (1 - momentum) * rate * (g + weight_decay * w)
    return w + v, v


# %% wrong="n4-rule-2012" name="climbs" fails=["one-step", "many-steps"]
# El gradiente va con signo menos: con más subes por la pérdida en vez de bajar.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate * w + rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="in-place" fails=["many-steps"]
# Modificas los arrays que te dan: `v *= ...`, `w += ...` o `w[:] = ...` cambian el original. Escribe `v = momentum * v ...`.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v *= momentum
    v -= weight_decay * rate * w + rate * g
    w += v
    return w, v


# %% wrong="n4-rule-2012" name="decay-without-weight" fails=["one-step", "many-steps"]
# Al decaimiento le falta el peso: en la fórmula es 0,0005 por la tasa y por w.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="decay-outside" fails=["one-step", "many-steps"]
# El decaimiento va dentro de la velocidad, que lo recuerda; tú lo restas de los pesos aparte.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - rate * g
    return w + v - weight_decay * rate * w, v


# %% wrong="n4-rule-2012" name="subtracts-the-velocity" fails=["one-step", "many-steps"]
# La velocidad ya lleva el signo: el peso nuevo es el viejo más la velocidad, y tú la restas.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate * w - rate * g
    return w - v, v


# %% wrong="n4-rule-2012" name="returns-swapped" fails=["one-step", "many-steps"]
# Devuelves los dos valores al revés: primero los pesos y después la velocidad.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate * w - rate * g
    return v, w + v


# %% wrong="n4-rule-2012" name="old-weights" fails=["one-step", "many-steps"]
# La velocidad es la que toca, pero devuelves los pesos viejos: falta sumarles la velocidad nueva.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate * w - rate * g
    return w, v


# %% wrong="n4-rule-2012" name="fixed-numbers" fails=["one-step", "many-steps"]
# Has escrito los números del artículo: usa el momento y el decaimiento que recibe la función.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = 0.9 * v - 0.0005 * rate * w - rate * g
    return w + v, v


# %% [markdown]
# ## n4-rule-torch


# %% right="n4-rule-torch" name="gradient-first"
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    total = g + weight_decay * w
    b = total + b * momentum
    w = w - b * rate
    return (w, b)


# %% right="n4-rule-torch" name="with-torch"
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    w, b, g = (torch.as_tensor(x, dtype=torch.float64) for x in (w, b, g))
    b = torch.add(momentum * b, g.add(w, alpha=weight_decay))
    return torch.sub(w, b, alpha=rate).numpy(), b.numpy()


# %% probes="n4-rule-torch"
# Con b = 0 y sin decaimiento el búfer es el gradiente: haz el búfer y el peso en papel.
step_torch(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)
# Con el gradiente a cero quedan el momento y el decaimiento.
step_torch(2.0, 0.5, 0.0, 0.1, momentum=0.9, weight_decay=0.01)
# Con los tres términos a la vez, súmalos uno a uno; la tasa, al final.
step_torch(2.0, 0.5, 3.0, 0.2, momentum=0.7, weight_decay=0.25)
# Si no se dan, el momento es 0,9 y el decaimiento 0,0005.
step_torch(4.0, 1.0, 0.25, 0.5)
# Con arrays la cuenta se hace número a número, y la forma no cambia.
step_torch(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.5, -1.0], [2.0, 0.0]]), np.eye(2), 0.1)
# Los arrays que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(step_torch, np.ones(3), np.ones(3), np.ones(3), 0.1)


# %% wrong="n4-rule-torch" name="rate-inside"
# La tasa no entra en el búfer: en PyTorch multiplica al final, cuando se mueven los pesos.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + rate * (g + weight_decay * w)
    return w - b, b


# %% wrong="n4-rule-torch" name="rate-inside-and-outside"
# Multiplicas por la tasa dos veces: al guardar en el búfer y al mover los pesos.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + rate * (g + weight_decay * w)
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="dampening"
# Multiplicas el gradiente y el decaimiento por 1 - momento: eso es `dampening`, que en PyTorch vale 0 si no lo pides.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + (1 - momentum) * (g + weight_decay * w)
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="decay-after-momentum"
# El decaimiento se suma al gradiente antes del búfer; tú lo restas de los pesos aparte, como hace AdamW.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g
    return w - rate * b - rate * weight_decay * w, b


# %% wrong="n4-rule-torch" name="no-decay"
# Has olvidado el decaimiento: PyTorch lo suma al gradiente.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="old-buffer"
# Los pesos se mueven con el búfer nuevo, que ya lleva el gradiente de este paso.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    return w - rate * b, momentum * b + g + weight_decay * w


# %% wrong="n4-rule-torch" name="nesterov"
# Eso es el momento de Nesterov, que mira un paso más allá; en PyTorch hay que pedirlo.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    g = g + weight_decay * w
    b = momentum * b + g
    return w - rate * (g + momentum * b), b


# %% wrong="n4-rule-torch" name="in-place"
# Modificas los arrays que te dan con `*=`, `+=` o `-=`: devuelve otros nuevos.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b *= momentum
    b += g + weight_decay * w
    w -= rate * b
    return w, b


# %% wrong="n4-rule-torch" name="rule-2012"
# Has escrito la regla de 2012: aquí la tasa no entra en el búfer, y multiplica al mover los pesos.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b - weight_decay * rate * w - rate * g
    return w + b, b


# %% wrong="n4-rule-torch" name="forgets-the-buffer"
# Falta el momento por el búfer anterior: sin ese término cada paso olvida los anteriores.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = g + weight_decay * w
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="decay-with-rate"
# Aquí el decaimiento se suma al gradiente sin la tasa, que multiplica después a todo.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g + rate * weight_decay * w
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="decay-with-minus"
# El decaimiento lleva el signo cambiado: se suma al gradiente, y así los pesos encogen.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g - weight_decay * w
    return w - rate * b, b


# %% wrong="n4-rule-torch" name="climbs"
# Sumas el búfer a los pesos: se resta, para bajar por la pérdida.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g + weight_decay * w
    return w + rate * b, b


# %% wrong="n4-rule-torch" name="no-rate"
# A los pesos les restas el búfer sin multiplicarlo por la tasa.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g + weight_decay * w
    return w - b, b


# %% wrong="n4-rule-torch" name="returns-swapped"
# Devuelves los dos valores al revés: primero los pesos y después el búfer.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = momentum * b + g + weight_decay * w
    return b, w - rate * b


# %% wrong="n4-rule-torch" name="fixed-numbers"
# Has escrito los números del artículo: usa el momento y el decaimiento que recibe la función.
def step_torch(w, b, g, rate, momentum=0.9, weight_decay=5e-4):
    b = 0.9 * b + g + 0.0005 * w
    return w - rate * b, b


# %% [markdown]
# ## n4-equivalence


# %% right="n4-equivalence" name="two-functions"
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    def paper(w, v, rate):
        v = momentum * v - rate * (1 + weight_decay) * w
        return w + v, v

    def library(w, b, rate):
        b = momentum * b + (1 + weight_decay) * w
        return w - rate * b, b

    first, second, gaps = (w, 0.0), (w, 0.0), []
    for rate in rates:
        first, second = paper(*first, rate), library(*second, rate)
        gaps.append(abs(first[0] - second[0]))
    return gaps


# %% right="n4-equivalence" name="keeps-both-paths"
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    paths = np.zeros((2, len(rates)))
    for row in range(2):
        weight, memory = w, 0.0
        for step, rate in enumerate(rates):
            pull = weight + weight_decay * weight
            memory = momentum * memory + pull * (rate if row == 0 else 1)
            weight = weight - memory * (1 if row == 0 else rate)
            paths[row, step] = weight
    return np.abs(paths[0] - paths[1]).tolist()


# %% probes="n4-equivalence"
# Dos pasos sin decaimiento, con momento 0,5: haz en papel el peso de cada regla tras cada uno.
difference([0.5, 0.1], momentum=0.5, weight_decay=0.0)
# Con la tasa constante las dos reglas dan el mismo peso en todos los pasos.
difference([0.1] * 20)
difference([0.03] * 50, w=-2.0, momentum=0.5, weight_decay=0.1)
# Tras la bajada difieren: cada regla con su peso, su velocidad o búfer y la tasa de ese paso.
difference([0.1] * 10 + [0.01] * 10)
difference([0.2] * 4 + [0.02] * 4, 3.0, 0.5, 0.1)
# Con otro peso de partida, otro momento y otro decaimiento: se pide el valor absoluto de la diferencia.
difference([0.5] * 6 + [0.05] * 12, -2.0, 0.8, 0.3)
# Sin momento no hay nada que recordar.
difference([0.1] * 5 + [0.01] * 5, momentum=0.0)


# %% wrong="n4-equivalence" name="one-gradient-for-both" fails=["after-a-drop"]
# El gradiente de cada regla es su propio peso: usas el de una para las dos.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    ours, theirs, v, b, differences = w, w, 0.0, 0.0, []
    for rate in rates:
        gradient = ours
        v = momentum * v - weight_decay * rate * ours - rate * gradient
        b = momentum * b + gradient + weight_decay * theirs
        ours, theirs = ours + v, theirs - rate * b
        differences.append(abs(ours - theirs))
    return differences


# %% wrong="n4-equivalence" name="same-rule-twice" fails=["after-a-drop"]
# La diferencia te sale siempre cero: ¿usas siempre la primera tasa, o has aplicado dos veces la misma regla?
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, va, vb, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        va = momentum * va + a + weight_decay * a
        a = a - rate * va
        vb = momentum * vb + b + weight_decay * b
        b = b - rate * vb
        gaps.append(abs(a - b))
    return gaps


# %% wrong="n4-equivalence" name="signed" fails=["after-a-drop"]
# Falta el valor absoluto: se pide el tamaño de la diferencia, sin signo.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
        gaps.append(b - a)
    return gaps


# %% wrong="n4-equivalence" name="decay-without-rate" fails=["constant-rate", "after-a-drop"]
# En tu regla de 2012 el decaimiento no lleva la tasa, así que difieren incluso con la tasa constante.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - weight_decay * a - rate * a
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
        gaps.append(abs(a - b))
    return gaps


# %% wrong="n4-equivalence" name="shared-gradient" fails=["after-a-drop"]
# Las dos reglas usan el gradiente de la primera: cada una tiene su propio peso, y su gradiente es ese peso.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        gradient = a + weight_decay * a
        v = momentum * v - rate * gradient
        a = a + v
        buffer = momentum * buffer + gradient
        b = b - rate * buffer
        gaps.append(abs(a - b))
    return gaps


# %% wrong="n4-equivalence" name="velocities-compared" fails=["constant-rate", "after-a-drop"]
# Comparas la velocidad con el búfer; se piden los dos pesos.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
        gaps.append(abs(v - buffer))
    return gaps


# %% wrong="n4-equivalence" name="before-the-step" fails=["after-a-drop"]
# Guardas la diferencia antes de dar el paso: se pide la de después de cada uno.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        gaps.append(abs(a - b))
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
    return gaps


# %% wrong="n4-equivalence" name="squared" fails=["after-a-drop"]
# Elevas la diferencia al cuadrado: se pide su valor absoluto.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
        gaps.append((a - b) ** 2)
    return gaps


# %% wrong="n4-equivalence" name="no-decay" fails=["after-a-drop"]
# Has olvidado el decaimiento en las dos reglas.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * a
        a = a + v
        buffer = momentum * buffer + b
        b = b - rate * buffer
        gaps.append(abs(a - b))
    return gaps


# %% wrong="n4-equivalence" name="absolute-weights" fails=["after-a-drop"]
# Restas los valores absolutos de los pesos: se pide el valor absoluto de la resta, que es otro si tienen signos distintos.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + b + weight_decay * b
        b = b - rate * buffer
        gaps.append(abs(abs(a) - abs(b)))
    return gaps


# %% wrong="n4-equivalence" name="gradient-of-the-start" fails=["after-a-drop"]
# El gradiente es el peso de ahora, que cambia en cada paso; tú usas siempre el del peso de partida.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (w + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + w + weight_decay * b
        b = b - rate * buffer
        gaps.append(abs(a - b))
    return gaps


# %% wrong="n4-equivalence" name="decay-as-gradient" fails=["constant-rate", "after-a-drop"]
# A tu regla de PyTorch le falta el gradiente, que aquí es el propio peso: sin él, el peso casi no se mueve.
def difference(rates, w=1.0, momentum=0.9, weight_decay=5e-4):
    a, b, v, buffer, gaps = w, w, 0.0, 0.0, []
    for rate in rates:
        v = momentum * v - rate * (a + weight_decay * a)
        a = a + v
        buffer = momentum * buffer + weight_decay * b
        b = b - rate * buffer
        gaps.append(abs(a - b))
    return gaps


# %% equivalent="n4-equivalence"
# The difference is taken without its sign.
# differences.append(abs(ours - theirs)) => differences.append(abs(theirs - ours))

# %% [markdown]
# ## n4-parameter-groups


# %% right="n4-parameter-groups" name="by-dimensions"
def parameter_groups(model, rate, weight_decay):
    groups = [
        {"params": [], "lr": rate, "weight_decay": weight_decay},
        {"params": [], "lr": 2 * rate, "weight_decay": 0},
    ]
    for parameter in model.parameters():
        groups[parameter.dim() == 1]["params"].append(parameter)
    return groups


# %% right="n4-parameter-groups" name="by-modules"
def parameter_groups(model, rate, weight_decay):
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return [
        dict(params=[layer.weight for layer in layers], lr=rate, weight_decay=weight_decay),
        dict(params=[layer.bias for layer in layers if layer.bias is not None], lr=rate * 2.0, weight_decay=0.0),
    ]


# %% probes="n4-parameter-groups"
# Con tasa 0,01 y decaimiento 0,0005, escribe en papel qué parámetros y qué números lleva cada grupo.
measuring.parameter_groups(parameter_groups, 0.01, 5e-4)
# Con otra tasa y otro decaimiento, los grupos llevan los que recibe la función.
measuring.parameter_groups(parameter_groups, 0.3, 0.1)
measuring.parameter_groups(parameter_groups, 2.0, 0.5)


# %% wrong="n4-parameter-groups" name="biases-decay"
# Los sesgos no llevan decaimiento: pon su `weight_decay` a 0; si no lo pones, vale el general.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
        {"params": biases, "lr": 2 * rate, "weight_decay": weight_decay},
    ]


# %% wrong="n4-parameter-groups" name="same-rate"
# Los sesgos se entrenan al doble de tasa que los pesos.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
        {"params": biases, "lr": rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="swapped"
# Has intercambiado los grupos: primero van los pesos y después los sesgos.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": biases, "lr": 2 * rate, "weight_decay": 0.0},
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
    ]


# %% wrong="n4-parameter-groups" name="everything-and-biases"
# El primer grupo tiene todos los parámetros: los sesgos están en los dos, y PyTorch lo rechaza.
def parameter_groups(model, rate, weight_decay):
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": list(model.parameters()), "lr": rate, "weight_decay": weight_decay},
        {"params": biases, "lr": 2 * rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="half-rate"
# Al revés: el doble de tasa es para los sesgos, y los pesos llevan la que te dan.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": 2 * rate, "weight_decay": weight_decay},
        {"params": biases, "lr": rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="last-layer-left-out"
# Faltan parámetros: los de la última capa no están en ningún grupo, y no se entrenarían.
def parameter_groups(model, rate, weight_decay):
    named = list(model.named_parameters())[:-2]
    return [
        {"params": [p for n, p in named if not n.endswith("bias")], "lr": rate, "weight_decay": weight_decay},
        {"params": [p for n, p in named if n.endswith("bias")], "lr": 2 * rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="fixed-numbers"
# Has escrito los números del artículo: usa la tasa y el decaimiento que recibe la función.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": 0.01, "weight_decay": 5e-4},
        {"params": biases, "lr": 0.02, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="decay-swapped"
# El decaimiento está en el grupo que no es: lo llevan los pesos, y los sesgos no.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": 0.0},
        {"params": biases, "lr": 2 * rate, "weight_decay": weight_decay},
    ]


# %% wrong="n4-parameter-groups" name="nothing-decays"
# Los dos grupos van sin decaimiento: los pesos llevan el que te dan.
def parameter_groups(model, rate, weight_decay):
    weights = [p for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": 0.0},
        {"params": biases, "lr": 2 * rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="names-instead"
# En `params` no están los parámetros de la red. ¿Has puesto sus nombres, o copias? Hacen falta los propios tensores.
def parameter_groups(model, rate, weight_decay):
    weights = [n for n, p in model.named_parameters() if not n.endswith("bias")]
    biases = [n for n, p in model.named_parameters() if n.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
        {"params": biases, "lr": 2 * rate, "weight_decay": 0.0},
    ]


# %% wrong="n4-parameter-groups" name="every-other-one"
# Has repartido los parámetros por turnos, uno sí y otro no: una capa sin sesgo lo descoloca. Mira sus nombres.
def parameter_groups(model, rate, weight_decay):
    every = list(model.parameters())
    return [
        {"params": every[::2], "lr": rate, "weight_decay": weight_decay},
        {"params": every[1::2], "lr": 2 * rate, "weight_decay": 0.0},
    ]


# %% [markdown]
# ## n4-plateau


# %% right="n4-plateau" name="last-improvement"
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, since = [], 0
    for epoch, error in enumerate(errors):
        rates.append(rate)
        improved = epoch == 0 or error < min(errors[:epoch])
        since = 0 if improved else since + 1
        if since == patience and drops > 0:
            rate, since, drops = rate * factor, 0, drops - 1
    return rates


# %% right="n4-plateau" name="counts-the-drops"
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    best, waiting, done, result = None, 0, 0, []
    for error in errors:
        result += [rate * factor**done]
        if best is None or best > error:
            best = error
            waiting = 0
            continue
        waiting += 1
        if waiting >= patience and done < drops:
            done += 1
            waiting = 0
    return result


# %% probes="n4-plateau"
# Las seis épocas del enunciado, con paciencia 2: apunta al lado de cada una el mejor error y la cuenta.
plateau_rates([50, 40, 42, 41, 39, 45], 0.01, patience=2)
# Mientras el error mejora, la tasa no cambia.
plateau_rates([5, 4, 3, 2, 1], 1.0, patience=1)
# Igualar el mejor error no es mejorarlo.
plateau_rates([5, 5, 5, 5], 1.0, patience=2)
# Se compara con el mejor error hasta ahora, no con el de la época anterior.
plateau_rates([30, 50, 45, 40, 35, 31], 1.0, patience=3)
# Una mejora pone la cuenta a cero.
plateau_rates([9, 10, 8, 10, 10, 10], 1.0, patience=2)
# Tras cada bajada la cuenta empieza de nuevo, y se baja `drops` veces como mucho.
plateau_rates([9] * 12, 1.0, patience=2, factor=0.5)
plateau_rates([9] * 8, 1.0, patience=1, factor=0.5, drops=2)
plateau_rates([9] * 4, 1.0, patience=1, drops=0)
# Si no se dan, la paciencia es 3, el factor 0,1 y las bajadas 3.
plateau_rates([9] * 14, 4.0)
# La primera época siempre es la mejor hasta ella, y un error puede ser 100, 0 o tener decimales.
plateau_rates([100] * 4, 1.0, patience=2)
plateau_rates([0] * 4, 1.0, patience=2)
plateau_rates([9.5, 9.2, 9.4, 9.3, 9.1], 1.0, patience=2)
# Con series largas, de 25 épocas: sigue la regla época a época, con el mejor error, la cuenta y las bajadas.
plateau_rates([10 + (37 * i + 1 * i * i) % 21 for i in range(25)], 2.0, 1, 0.5, 4)
plateau_rates([10 + (29 * i + 2 * i * i) % 19 for i in range(25)], 2.0, 2, 0.5, 4)
plateau_rates([10 + (11 * i + 3 * i * i) % 23 for i in range(25)], 2.0, 3, 0.5, 2)
plateau_rates([10 + (8 * i + 4 * i * i) % 21 for i in range(25)], 2.0, 4, 0.1, 1)
plateau_rates([10 + (17 * i + 5 * i * i) % 19 for i in range(25)], 2.0, 1, 0.1, 3)
plateau_rates([10 + (37 * i + 6 * i * i) % 23 for i in range(25)], 2.0, 2, 0.1, 1)
plateau_rates([10 + (29 * i + 7 * i * i) % 21 for i in range(25)], 2.0, 3, 0.1, 4)
plateau_rates([10 + (11 * i + 8 * i * i) % 19 for i in range(25)], 2.0, 4, 0.5, 3)
plateau_rates([10 + (8 * i + 9 * i * i) % 23 for i in range(25)], 2.0, 2, 0.5, 2)
plateau_rates([10 + (17 * i + 10 * i * i) % 21 for i in range(25)], 2.0, 1, 0.5, 1)


# %% wrong="n4-plateau" name="against-the-last"
# Comparas con el error de la época anterior: hay que comparar con el mejor hasta ahora.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, last, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        waited = 0 if error < last else waited + 1
        last = error
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="counter-not-reset" fails=["toy", "series"]
# Tras bajar la tasa la cuenta no vuelve a cero, y la bajas otra vez en la época siguiente.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best = error
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, done = rate * factor, done + 1
    return rates


# %% wrong="n4-plateau" name="not-reset-after-a-drop" fails=["series"]
# Una mejora pone la cuenta a cero, pero después de una bajada también tiene que empezar de nuevo.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, done = rate * factor, done + 1
    return rates


# %% wrong="n4-plateau" name="counts-without-resetting" fails=["series"]
# Una mejora tiene que poner la cuenta a cero: se cuentan las épocas seguidas sin mejorar.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best = error
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="accuracy" fails=["toy", "series"]
# Tratas el error como si fuera un acierto: mejora cuando baja, no cuando sube.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("-inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error > best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="one-epoch-late" fails=["toy", "series"]
# Bajas una época tarde: con paciencia 2 bastan dos épocas sin mejorar. Así cuenta ReduceLROnPlateau, no el enunciado.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited > patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="in-the-same-epoch" fails=["toy", "series"]
# La tasa nueva vale desde la época siguiente: el error de una época no puede cambiar la tasa con la que se entrenó.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
        rates.append(rate)
    return rates


# %% wrong="n4-plateau" name="equal-counts-as-better" fails=["series"]
# Igualar el mejor error no es mejorarlo: usa «menor que», no «menor o igual».
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error <= best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="drops-for-ever" fails=["series"]
# No limitas las bajadas: se hacen `drops` como mucho.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited = [], float("inf"), 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience:
            rate, waited = rate * factor, 0
    return rates


# %% wrong="n4-plateau" name="fixed-factor" fails=["series"]
# Divides siempre por 10: la tasa se multiplica por `factor`.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate / 10, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="one-drop-too-many" fails=["series"]
# Haces una bajada de más: con `drops` bajadas hechas ya no se baja otra vez.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done <= drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="best-starts-at-100" fails=["series"]
# La primera época siempre mejora lo que había: si el mejor error empieza en 100, una primera época con un 100 % no cuenta.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], 100, 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="best-reset-after-a-drop" fails=["series"]
# Tras una bajada olvidas el mejor error: solo la cuenta empieza de nuevo, el mejor se conserva.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done, best = rate * factor, 0, done + 1, float("inf")
    return rates


# %% wrong="n4-plateau" name="against-the-future" fails=["toy", "series"]
# Comparas con el mejor error de todas las épocas, también de las que aún no han llegado: al decidir no se conocen.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, waited, done = [], 0, 0
    for error in errors:
        rates.append(rate)
        waited = 0 if error == min(errors) else waited + 1
        if waited >= patience and done < drops:
            rate, waited, done = rate * factor, 0, done + 1
    return rates


# %% wrong="n4-plateau" name="subtracts-the-factor" fails=["toy", "series"]
# Restas el factor: la tasa se multiplica por él.
def plateau_rates(errors, rate, patience=3, factor=0.1, drops=3):
    rates, best, waited, done = [], float("inf"), 0, 0
    for error in errors:
        rates.append(rate)
        if error < best:
            best, waited = error, 0
        else:
            waited += 1
        if waited >= patience and done < drops:
            rate, waited, done = rate - factor, 0, done + 1
    return rates


# %% equivalent="n4-plateau"
# The first epoch always improves, and so sets the count to zero.
# rates, best, waited, dropped = ([], float('inf'), 0, 0) => rates, best, waited, dropped = ([], float('inf'), 1, 0)

# %% [markdown]
# ## n4-loop


# %% right="n4-loop" name="deep-copy-and-a-loader"
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.utils.data.TensorDataset(data.train.images, data.train.labels)
    loader = torch.utils.data.DataLoader(pairs, batch_size, shuffle=True, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    errors, best = [], (float("inf"), None)
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        wrong = 0
        with torch.no_grad():
            for x, y in zip(data.validation.images.split(7), data.validation.labels.split(7)):
                wrong += int((model(x).argmax(1) != y).sum())
        errors.append(100 * wrong / len(data.validation.labels))
        if errors[-1] < best[0]:
            best = errors[-1], copy.deepcopy(model.state_dict())
    model.load_state_dict(best[1])
    return errors


# %% right="n4-loop" name="looks-at-the-batch-again"
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    history, best = {"train": [], "validation": []}, None
    for epoch in range(epochs):
        for batch in torch.randperm(len(data.train.images)).split(batch_size):
            model.train()
            images, labels = data.train.images[batch], data.train.labels[batch]
            right = (model(images).argmax(1) == labels).double().mean()
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
            history["train"].append((right.item(), F.cross_entropy(model(images), labels).item()))
        model.eval()
        model(data.train.images)
        wrong = model(data.validation.images).argmax(1) != data.validation.labels
        history["validation"].append(100 * wrong.double().mean().item())
        if best is None or history["validation"][best] > history["validation"][-1]:
            best, weights = epoch, copy.deepcopy(model)
    model.load_state_dict(weights.state_dict())
    return history["validation"]


# %% right="n4-loop" name="numpy-order"
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.SGD(model.parameters(), rate, 0.9)
    errors, kept = [], []
    for epoch in range(epochs):
        order = rng.permutation(len(data.train.labels))
        model.train(True)
        for start in range(0, len(order), batch_size):
            which = order[start : start + batch_size]
            loss = nn.CrossEntropyLoss()(model(data.train.images[which]), data.train.labels[which])
            model.zero_grad()
            loss.backward()
            optimizer.step()
        model.train(False)
        with torch.inference_mode():
            hits = model(data.validation.images).argmax(1) == data.validation.labels
        errors.append(100 - 100 * hits.double().mean().item())
        kept.append([parameter.detach().clone() for parameter in model.parameters()])
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), kept[int(np.argmin(np.round(errors, 6)))]):
            parameter.copy_(value)
    return errors


# %% probes="n4-loop"
# De 20 imágenes de validación fallan 10, 4 y 8: calcula en papel el error de cada época, en %.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["result"]
# Se entrena con data.train en modo de entrenamiento y se mide en data.validation en modo de evaluación, y nada más.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["modes"]
# 22 imágenes en minilotes de 8 (o de otro tamaño): el último es más corto, y también cuenta.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["batches"]
measuring.training_loop(train, [50, 40], batch_size=5)["batches"]
measuring.training_loop(train, [50, 40], images=150)["batches"]
# En cada época pasa cada imagen una vez.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["complete"]
# Se barajan todas las imágenes en cada época: el orden y los minilotes cambian de una a otra.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["shuffles"]
# Con la misma semilla el orden se repite; con otra es otro.
(lambda a, b: a["orders"] == b["orders"])(
    measuring.training_loop(train, [50, 40], batch_size=8), measuring.training_loop(train, [50, 40], batch_size=8)
)
(lambda a, b: a["orders"] == b["orders"])(
    measuring.training_loop(train, [50, 40], batch_size=8), measuring.training_loop(train, [50, 40], batch_size=8, seed=7)
)
# Con un minilote por época: gradientes a cero, pérdida, backward y un paso de SGD con momento 0,9, tu tasa y nada más.
# ¿Van las imágenes y las etiquetas con los mismos índices?
measuring.training_loop(train, [50, 20, 40], batch_size=22)["weights"]
measuring.training_loop(train, [50, 20, 40], batch_size=22, rate=0.1)["weights"]
# La tasa es la misma en todas las épocas, suba o baje el error.
measuring.training_loop(train, [20, 50, 40, 60, 30, 70], batch_size=22)["weights"]
# Con varios minilotes los pesos no son los que tocan: ¿qué se repite en cada minilote, y qué se hace una sola vez?
measuring.training_loop(train, [50], batch_size=8)["follows"]
measuring.training_loop(train, [50, 20, 40], batch_size=8)["follows"]
measuring.training_loop(train, [50, 40], batch_size=5, rate=0.1)["follows"]
measuring.training_loop(train, [50, 40], images=150)["follows"]
# Al terminar, la red lleva los pesos de la época de menor error; si dos empatan, los de la primera.
measuring.training_loop(train, [50, 20, 40], batch_size=8)["kept"]
measuring.training_loop(train, [60, 50, 40], batch_size=22)["kept"]
measuring.training_loop(train, [20, 50, 40, 60, 30, 70], batch_size=22)["kept"]
measuring.training_loop(train, [50, 20, 40, 30], batch_size=22)["kept"]
measuring.training_loop(train, [60, 30, 55, 30, 70], batch_size=22)["kept"]
measuring.training_loop(train, [100, 100], batch_size=22)["kept"]
# Un error puede tener decimales: con una imagen mal de tres, ¿cuál es?
measuring.training_loop(train, [100 / 3, 200 / 3], validation_images=3, batch_size=22)["result"]


# %% wrong="n4-loop" name="shallow-copy" fails=["validation"]
# La red acaba con los pesos de la última época. ¿Los has guardado sin copiar? `state_dict()` no copia: usa clone o deepcopy.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] <= min(errors):
            best = model.state_dict()
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="last-of-a-tie" fails=["validation"]
# Si dos épocas empatan vale la primera: guarda los pesos solo cuando el error mejora de verdad.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] <= min(errors):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="test-set" fails=["steps", "validation"]
# Has elegido la mejor época con el conjunto de test: entonces ya no sirve para informar. Usa validation.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.test.images).argmax(1) != data.test.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="no-eval" fails=["validation"]
# Falta model.eval() antes de medir: con dropout, el error de validación saldría con neuronas apagadas al azar.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="no-train-mode" fails=["steps"]
# Falta model.train() al empezar cada época: tras la primera validación entrenas sin dropout.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="drops-the-last-batch" fails=["steps"]
# Te dejas el último minilote cuando no está completo: esas imágenes también cuentan.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best, count = [], None, len(data.train.labels)
    for _ in range(epochs):
        model.train()
        order = torch.randperm(count, generator=generator)
        for number in range(count // batch_size):
            batch = order[number * batch_size : (number + 1) * batch_size]
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="no-shuffle" fails=["steps"]
# Las imágenes pasan siempre en el mismo orden, sea cual sea la semilla: baraja en cada época con la que te dan.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer = torch.optim.SGD(model.parameters(), rate, 0.9)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for images, labels in zip(data.train.images.split(batch_size), data.train.labels.split(batch_size)):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="same-order-every-epoch" fails=["steps"]
# El orden se repite en cada época: ¿barajas una sola vez, o con la misma semilla en cada una? Crea el generador fuera.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer = torch.optim.SGD(model.parameters(), rate, 0.9)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        generator = torch.Generator().manual_seed(seed)
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="share-instead-of-percent" fails=["validation"]
# Devuelves una proporción entre 0 y 1: se pide el error en %.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="accuracy" fails=["validation"]
# Devuelves el acierto en vez del error, y además guardas la peor época.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = model(data.validation.images).argmax(1) == data.validation.labels
        errors.append(100 * right.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="no-zero-grad" fails=["steps"]
# Los gradientes se acumulan de un paso a otro: falta optimizer.zero_grad() antes de cada backward().
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="zero-grad-each-epoch" fails=["steps"]
# Con un minilote por época sale bien y con varios no: zero_grad(), backward() y step() van, las tres, en cada minilote.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="one-step-each-epoch" fails=["steps"]
# Con un minilote por época sale bien y con varios no: zero_grad(), backward() y step() van, las tres, en cada minilote.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="zero-grad-after-backward" fails=["steps", "validation"]
# Los pesos no cambian. ¿Pones los gradientes a cero entre backward() y step(), o falta una de esas llamadas?
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.zero_grad()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="softmax-before-the-loss" fails=["steps"]
# Aplicas softmax antes de F.cross_entropy, que ya la aplica: dale los logits.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]).softmax(1), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="summed-loss" fails=["steps"]
# Sumas la pérdida de las imágenes del minilote: F.cross_entropy da la media si no le pides otra cosa.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch], reduction="sum").backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="weight-decay" fails=["steps"]
# Has añadido el decaimiento de 2012, y aquí no se pide.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9, weight_decay=5e-4), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="no-momentum" fails=["steps"]
# Los pasos no llevan momento: ¿le das momentum=0.9 a SGD, y creas el optimizador una sola vez, fuera de los bucles?
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="nesterov" fails=["steps"]
# Eso es el momento de Nesterov, que aquí no se pide.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9, nesterov=True), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="adam" fails=["steps"]
# Usas Adam: se pide torch.optim.SGD con momento 0,9.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.Adam(model.parameters(), rate), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="fixed-rate" fails=["steps"]
# Usas siempre la tasa 0,01: pon la que recibe la función.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), 0.01, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="fixed-batch-size" fails=["steps"]
# Usas siempre el mismo tamaño de minilote: pon el que recibe la función.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(128):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="new-optimizer-every-epoch" fails=["steps"]
# Cada época empieza sin velocidad: ¿creas el optimizador dentro del bucle? Créalo una vez, fuera, para que la recuerde.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = None, torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), rate, 0.9)
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="unseeded" fails=["steps"]
# El orden cambia cada vez aunque la semilla sea la misma: usa un torch.Generator con la semilla que te dan.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator()
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        generator.seed()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="fixed-seed" fails=["steps"]
# El orden no depende de la semilla que recibe la función: ¿has escrito un número fijo?
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(0)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="shuffles-batches-only" fails=["steps"]
# Los minilotes son los mismos en todas las épocas, o su orden lo es: hay que barajar las imágenes en cada una.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    batches = torch.randperm(len(data.train.labels), generator=generator).split(batch_size)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in (batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="best-by-loss" fails=["validation"]
# Guardas los pesos de la época de menor pérdida de validación: se pide la de menor error.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, losses, best = [], [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            answers = model(data.validation.images)
            wrong = answers.argmax(1) != data.validation.labels
            losses.append(F.cross_entropy(answers, data.validation.labels).item())
        errors.append(100 * wrong.float().mean().item())
        if losses[-1] < min(losses[:-1], default=9e9):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="worst-that-improves" fails=["validation"]
# Guardas los pesos cada vez que el error es menor que el de la época anterior: hay que compararlo con el mejor hasta ahora.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < ([999] + errors)[-2]:
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="best-starts-at-100" fails=["validation"]
# Con un error del 100 % no guardas ninguna época: la primera siempre es la mejor hasta ella.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=100):
            best = copy.deepcopy(model.state_dict())
    if best is not None:
        model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="rounded" fails=["validation"]
# Redondeas el error: puede tener decimales.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(round(100 * wrong.float().mean().item()))
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="measures-on-train" fails=["steps", "validation"]
# No has medido en data.validation: ¿mides el error en las imágenes de entrenamiento?
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.train.images).argmax(1) != data.train.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="only-the-best" fails=["steps", "validation"]
# Devuelves un solo error: se pide la lista con el de cada época.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return [min(errors)]


# %% wrong="n4-loop" name="never-train-mode" fails=["steps"]
# Entrenas siempre con la red en modo de evaluación: falta model.train() al empezar cada época.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return errors


# %% wrong="n4-loop" name="test-too" fails=["validation"]
# Miras también el conjunto de test, que se reserva para el final de todo: mide solo en data.validation.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    with torch.no_grad():
        print((model(data.test.images).argmax(1) == data.test.labels).float().mean())
    return errors


# %% wrong="n4-loop" name="rate-drops" fails=["steps"]
# Divides la tasa por 10 cuando el error no mejora: eso es del apartado 4; aquí la tasa es la misma en todas las épocas.
def train(model, data, epochs, batch_size=128, rate=1e-2, seed=0):
    optimizer, generator = torch.optim.SGD(model.parameters(), rate, 0.9), torch.Generator().manual_seed(seed)
    errors, best = [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            wrong = model(data.validation.images).argmax(1) != data.validation.labels
        errors.append(100 * wrong.float().mean().item())
        if errors[-1] < min(errors[:-1], default=999):
            best = copy.deepcopy(model.state_dict())
        else:
            optimizer.param_groups[0]["lr"] /= 10
    model.load_state_dict(best)
    return errors


# %% equivalent="n4-loop"
# Without `no_grad` the error is the same; it takes more memory.
# with torch.no_grad(): ; answers = model(data.validation.images).argmax(dim=1) => answers = model(data.validation.images).argmax(dim=1)

# %% [markdown]
# ## n4-diagnosis


# %% right="n4-diagnosis" name="pairs"
def diagnosis():
    codes = "no-eval rate-too-high softmax-twice augmented-validation labels-shifted no-shuffle"
    return dict(zip("ABCDEF", codes.split()))


# %% right="n4-diagnosis" name="one-by-one"
def diagnosis():
    causes = {}
    causes["F"], causes["E"], causes["D"] = "no-shuffle", "labels-shifted", "augmented-validation"
    causes["C"], causes["B"], causes["A"] = "softmax-twice", "rate-too-high", "no-eval"
    return causes


# %% probes="n4-diagnosis"
# Repasa las averías una a una: la pérdida de entrenamiento, el error de validación y las medidas del final.
diagnosis()


# %% wrong="n4-diagnosis" name="a-and-d-swapped" fails=["in-the-measurement"]
# Confundes A y D: en una de ellas, al repetir la validación sin cambiar nada, sale otro número. ¿Qué hay ahí de azar?
def diagnosis():
    return {
        "A": "augmented-validation",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "no-eval",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="e-and-f-swapped" fails=["in-the-curves"]
# Confundes E y F: mira entre qué valores se mueve la pérdida de un minilote, y qué le pasa al error de entrenamiento.
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "no-shuffle",
        "F": "labels-shifted",
    }


# %% wrong="n4-diagnosis" name="c-too-slow" fails=["in-the-curves"]
# C no va despacio: se acerca a un suelo y no lo cruza, y la confianza no sube. ¿Qué pasa al aplicar softmax a softmax?
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "rate-too-low",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="d-labels" fails=["in-the-measurement"]
# En D las etiquetas están bien: bien medido, el error es bajo. Lo que está mal es lo que se le enseña al validar.
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "labels-shifted",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="f-accumulates" fails=["in-the-curves"]
# F no acumula gradientes: fíjate en que unos minilotes le salen casi perfectos y otros fatal, y en qué responde.
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "no-zero-grad",
    }


# %% wrong="n4-diagnosis" name="d-and-e-swapped" fails=["in-the-curves", "in-the-measurement"]
# Confundes D y E: bien medida, una de las dos redes acierta casi siempre, y la otra sigue como el azar. ¿A cuál se le enseña mal?
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "labels-shifted",
        "E": "augmented-validation",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="c-accumulates" fails=["in-the-curves"]
# C no acumula gradientes: su pérdida no salta, sino que se acerca a un suelo y no lo cruza. ¿Qué lo pone ahí?
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "no-zero-grad",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="e-too-slow" fails=["in-the-curves"]
# E no va despacio: las etiquetas que se le enseñan se las aprende, y en validación acierta como el azar.
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "rate-too-low",
        "F": "no-shuffle",
    }


# %% wrong="n4-diagnosis" name="f-too-slow" fails=["in-the-curves"]
# F no va despacio: unos minilotes le salen casi perfectos y otros fatal. ¿Qué tienen en común las imágenes de cada uno?
def diagnosis():
    return {
        "A": "no-eval",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "rate-too-low",
    }


# %% wrong="n4-diagnosis" name="a-labels" fails=["in-the-measurement"]
# En A las etiquetas están bien: la red acierta en validación. Mira qué pasa al repetir la medida sin cambiar nada.
def diagnosis():
    return {
        "A": "labels-shifted",
        "B": "rate-too-high",
        "C": "softmax-twice",
        "D": "augmented-validation",
        "E": "labels-shifted",
        "F": "no-shuffle",
    }


# %% [markdown]
# ## n4-ensemble


# %% right="n4-ensemble" name="with-torch"
def ensemble_probabilities(logits):
    return torch.as_tensor(logits).softmax(dim=-1).mean(dim=0).numpy()


# %% right="n4-ensemble" name="in-logarithms"
def ensemble_probabilities(logits):
    logits = np.asarray(logits, dtype=float)
    top = logits.max(axis=-1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))
    return sum(np.exp(net) for net in logs) / len(logs)


# %% probes="n4-ensemble"
# Dos redes, una imagen y dos clases: la softmax de cada red en papel (ln 3 hace que salga 1/4 y 3/4), y la media.
ensemble_probabilities(np.array([[[0.0, np.log(3.0)]], [[0.0, 0.0]]]))
ensemble_probabilities(np.array([[[1.0, 2.0, 0.0]], [[3.0, 0.0, 1.0]]]))
# Con varias imágenes, cada una tiene su fila, y cada fila suma 1.
ensemble_probabilities(np.zeros((2, 3, 4)))
ensemble_probabilities(np.arange(24.0).reshape(2, 3, 4) ** 1.1)
ensemble_probabilities(np.arange(105.0).reshape(5, 3, 7) * 37 % 11)
ensemble_probabilities(np.arange(27.0).reshape(3, 3, 3) * 5 % 7)
# Una red muy segura vota como una: con logits de 1000 no puede salir nan ni mandar sobre las demás.
ensemble_probabilities(np.array([[[1000.0, 0.0]], [[-1000.0, 0.0]], [[-1000.0, 0.0]]]))
ensemble_probabilities(np.array([[[3000.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]))
# Sumar lo mismo a todos los logits de una imagen no cambia sus probabilidades.
ensemble_probabilities(np.array([[[1000.0, 1000.0 + np.log(3.0)]]]))
ensemble_probabilities(np.array([[[0.0, np.log(3.0)], [1000.0, 1000.0 + np.log(3.0)]]]))
ensemble_probabilities(np.array([[[0.0, np.log(3.0)], [-1000.0, np.log(3.0) - 1000.0]]]))


# %% wrong="n4-ensemble" name="averages-logits"
# Promedias los logits o los logaritmos de las probabilidades: una red con números muy grandes mandaría sobre las demás.
def ensemble_probabilities(logits):
    mean = np.mean(logits, axis=0)
    shifted = np.exp(mean - mean.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


# %% wrong="n4-ensemble" name="overflows" fails=["large-logits"]
# Con logits de 1000, positivos o negativos, la exponencial desborda o se queda en 0: resta antes el máximo de cada fila.
def ensemble_probabilities(logits):
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits)
        return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="votes"
# Cuentas votos: se pide la media de las probabilidades, que también tiene en cuenta lo segura que está cada red.
def ensemble_probabilities(logits):
    return np.eye(np.shape(logits)[2])[np.argmax(logits, axis=2)].mean(axis=0)


# %% wrong="n4-ensemble" name="sums" fails=["probabilities", "large-logits"]
# Sumas las probabilidades sin dividir por el número de redes: las filas no suman 1.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    return (shifted / shifted.sum(axis=2, keepdims=True)).sum(axis=0)


# %% wrong="n4-ensemble" name="softmax-over-nets"
# La softmax va sobre las clases (el último eje), no sobre las redes.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=0, keepdims=True))
    return (shifted / shifted.sum(axis=0, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="product"
# Multiplicas las probabilidades, o sumas los logits: así una sola red puede vetar una clase. Promedia las probabilidades.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    logs = np.log(shifted / shifted.sum(axis=2, keepdims=True) + 1e-300).sum(axis=0)
    product = np.exp(logs - logs.max(axis=1, keepdims=True))
    return product / product.sum(axis=1, keepdims=True)


# %% wrong="n4-ensemble" name="softmax-twice"
# Aplicas softmax otra vez a la media: ya eran probabilidades.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    mean = (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=0)
    return np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)


# %% wrong="n4-ensemble" name="global-maximum" fails=["large-logits"]
# Restas el mismo número a todas las imágenes: el máximo es el de cada red y cada imagen, o alguna fila se queda en 0/0.
def ensemble_probabilities(logits):
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits - np.max(logits))
        return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="clips" fails=["large-logits"]
# Recortas los logits: así dos muy grandes quedan iguales. Resta el máximo de cada fila, que no cambia las probabilidades.
def ensemble_probabilities(logits):
    exponentials = np.exp(np.clip(logits, -500, 500))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="no-softmax"
# Devuelves la media de los logits: falta la softmax de cada red, antes de promediar.
def ensemble_probabilities(logits):
    return np.mean(logits, axis=0)


# %% wrong="n4-ensemble" name="largest"
# Te quedas con la mayor probabilidad de cada clase: se pide la media de las redes.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    return (shifted / shifted.sum(axis=2, keepdims=True)).max(axis=0)


# %% wrong="n4-ensemble" name="not-averaged"
# Devuelves las probabilidades de cada red por separado: falta la media sobre las redes, que son el primer eje.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    return shifted / shifted.sum(axis=2, keepdims=True)


# %% wrong="n4-ensemble" name="median"
# Calculas la mediana de las redes: se pide la media.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=2, keepdims=True))
    return np.median(shifted / shifted.sum(axis=2, keepdims=True), axis=0)


# %% wrong="n4-ensemble" name="softmax-over-images"
# La softmax va sobre las clases (el último eje), no sobre las imágenes.
def ensemble_probabilities(logits):
    shifted = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="averages-exponentials"
# Promedias las exponenciales antes de normalizar: una red con números muy grandes manda. Normaliza cada red antes.
def ensemble_probabilities(logits):
    with np.errstate(all="ignore"):
        mean = np.exp(logits).mean(axis=0)
        return mean / mean.sum(axis=1, keepdims=True)


# %% wrong="n4-ensemble" name="logarithms"
# Devuelves logaritmos de probabilidades: se piden las probabilidades, entre 0 y 1.
def ensemble_probabilities(logits):
    shifted = logits - np.max(logits, axis=2, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))).mean(axis=0)
