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
step_2012(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)
step_2012(2.0, 0.5, 0.0, 0.1, momentum=0.9, weight_decay=0.01)
step_2012(2.0, 0.5, 3.0, 0.2, momentum=0.7, weight_decay=0.25)
step_2012(*step_2012(1.5, -0.5, 2.0, 0.1), 1.0, 0.01)
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
# Falta el momento por la velocidad anterior: sin él cada paso olvida los anteriores.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = -weight_decay * rate * w - rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="rate-outside" fails=["one-step", "many-steps"]
# Has escrito la regla de PyTorch: en la de 2012 la tasa entra dentro de la velocidad, con el gradiente.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v + weight_decay * w + g
    return w - rate * v, v


# %% wrong="n4-rule-2012" name="dampening" fails=["one-step", "many-steps"]
# Has multiplicado el gradiente por 1 - momento: eso es una media móvil, y la regla de 2012 no lo hace.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - (1 - momentum) * rate * (g + weight_decay * w)
    return w + v, v


# %% wrong="n4-rule-2012" name="climbs" fails=["one-step", "many-steps"]
# El gradiente va con signo menos: con más subes por la pérdida en vez de bajar.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v = momentum * v - weight_decay * rate * w + rate * g
    return w + v, v


# %% wrong="n4-rule-2012" name="in-place" fails=["many-steps"]
# Modificas los arrays que te dan: `v *= ...` y `w += ...` cambian el original. Escribe `v = momentum * v ...`.
def step_2012(w, v, g, rate, momentum=0.9, weight_decay=5e-4):
    v *= momentum
    v -= weight_decay * rate * w + rate * g
    w += v
    return w, v


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
[float(x) for x in step_torch(1.0, 0.0, 2.0, 0.1, weight_decay=0.0)]
[float(x) for x in step_torch(2.0, 0.5, 3.0, 0.2, momentum=0.7, weight_decay=0.25)]
[float(x) for x in step_torch(*step_torch(1.5, -0.5, 2.0, 0.1), 1.0, 0.01)]
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
# Has multiplicado el gradiente por 1 - momento: eso es `dampening`, que en PyTorch vale 0 si no lo pides.
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
[round(float(x), 9) for x in difference([0.1] * 20)]
[round(float(x), 9) for x in difference([0.1] * 10 + [0.01] * 10)]
[round(float(x), 9) for x in difference([0.2] * 4 + [0.02] * 4, 3.0, 0.5, 0.1)]


# %% wrong="n4-equivalence" name="same-rule-twice" fails=["after-a-drop"]
# La diferencia te sale siempre cero: o usas siempre la primera tasa, o has aplicado dos veces la misma regla.
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
measuring.parameter_groups(parameter_groups, 0.01, 5e-4)
measuring.parameter_groups(parameter_groups, 0.3, 0.1)


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
[round(float(x), 9) for x in plateau_rates([50, 40, 42, 41, 39, 45], 0.01, patience=2)]
[round(float(x), 9) for x in plateau_rates([5, 5, 5, 5], 1.0, patience=2)]
[round(float(x), 9) for x in plateau_rates([30, 50, 45, 40, 35, 31], 1.0, patience=3)]
[round(float(x), 9) for x in plateau_rates([9, 10, 8, 10, 10, 10], 1.0, patience=2)]
[round(float(x), 9) for x in plateau_rates([9] * 12, 1.0, patience=2, factor=0.5)]
[round(float(x), 9) for x in plateau_rates([9] * 8, 1.0, patience=1, factor=0.5, drops=2)]
[round(float(x), 9) for x in plateau_rates([5, 4, 3, 2, 1], 1.0, patience=1)]


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
{k: v for k, v in measuring.training_loop(train, [50, 20, 40], batch_size=8).items() if k != "orders"}
measuring.training_loop(train, [60, 30, 55, 30, 70], batch_size=11)["kept"]
[sorted(set(order)) == list(range(22)) for order in measuring.training_loop(train, [50, 40], batch_size=8)["orders"]]
[order == sorted(order) for order in measuring.training_loop(train, [50, 40], batch_size=8)["orders"]]
(lambda orders: orders[0] == orders[1])(measuring.training_loop(train, [50, 40], batch_size=8)["orders"])
(lambda a, b: a == b)(
    measuring.training_loop(train, [50, 40], batch_size=8)["orders"],
    measuring.training_loop(train, [50, 40], batch_size=8)["orders"],
)
(lambda a, b: a == b)(
    measuring.training_loop(train, [50, 40], batch_size=8)["orders"],
    measuring.training_loop(train, [50, 40], batch_size=8, seed=7)["orders"],
)


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
# No barajas: las imágenes pasan siempre en el mismo orden, y si vienen ordenadas por clase la red las olvida.
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
# Barajas con la misma semilla en cada época, así que el orden se repite: crea el generador una vez, fuera del bucle.
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
np.round(np.asarray(ensemble_probabilities(np.array([[[1.0, 2.0, 0.0]], [[3.0, 0.0, 1.0]]]))), 6).tolist()
np.round(
    np.asarray(ensemble_probabilities(np.array([[[1000.0, 0.0]], [[-1000.0, 0.0]], [[-1000.0, 0.0]]]))), 6
).tolist()
np.round(np.asarray(ensemble_probabilities(np.arange(24.0).reshape(2, 3, 4) ** 1.1)), 6).tolist()


# %% wrong="n4-ensemble" name="averages-logits"
# Promedias los logits: una red con números muy grandes mandaría sobre las demás. Promedia las probabilidades.
def ensemble_probabilities(logits):
    mean = np.mean(logits, axis=0)
    shifted = np.exp(mean - mean.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


# %% wrong="n4-ensemble" name="overflows" fails=["large-logits"]
# Con logits muy grandes la exponencial desborda y sale nan: resta antes el máximo de cada fila.
def ensemble_probabilities(logits):
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits)
        return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


# %% wrong="n4-ensemble" name="votes" fails=["probabilities"]
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
# Multiplicas las probabilidades y normalizas: eso es promediar sus logaritmos, y una sola red puede vetar una clase.
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
