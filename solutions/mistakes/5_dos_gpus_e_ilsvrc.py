# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "5. Dos GPU, ILSVRC y el cuaderno de Alex, banco de errores"
# ---

# %%
import numpy as np
import torch
import torch.nn.functional as F

from tema9 import measuring, records

# %% [markdown]
# ## n5-grouped-conv


# %% right="n5-grouped-conv" name="slices"
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    outputs = []
    depth, rows = x.shape[1] // parts, weight.shape[0] // parts
    for part in range(parts):
        own, maps = slice(part * rows, (part + 1) * rows), x[:, part * depth : (part + 1) * depth]
        outputs.append(F.conv2d(maps, weight[own], bias[own], stride, padding))
    return torch.cat(outputs, 1)


# %% right="n5-grouped-conv" name="zeros-in-the-missing-blocks"
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    rows, depth = weight.shape[0] // parts, weight.shape[1]
    full = weight.new_zeros(weight.shape[0], x.shape[1], *weight.shape[2:])
    for kernel in range(weight.shape[0]):
        first = kernel // rows * depth
        full[kernel, first : first + depth] = weight[kernel]
    return F.conv2d(x, full, bias, stride=stride, padding=padding)


# %% equivalent="n5-grouped-conv"
# Los mapas, los filtros y los sesgos se parten en los mismos trozos, así que zip no deja ninguno fuera.
# pieces = zip(x.chunk(parts, dim=1), weight.chunk(parts), bias.chunk(parts), strict=True) => pieces = zip(x.chunk(parts, dim=1), weight.chunk(parts), bias.chunk(parts))
# pieces = zip(x.chunk(parts, dim=1), weight.chunk(parts), bias.chunk(parts), strict=True) => pieces = zip(x.chunk(parts, dim=1), weight.chunk(parts), bias.chunk(parts), strict=False)


# %% probes="n5-grouped-conv"
# Dos mapas y dos filtros de un píxel: cada filtro multiplica a un solo mapa, el suyo, y suma su sesgo.
grouped_conv(torch.tensor([[[[1.0]], [[2.0]]]]), torch.tensor([[[[10.0]]], [[[100.0]]]]), torch.tensor([3.0, 4.0]))
# Con 4 mapas y 6 filtros, los 3 primeros filtros leen los 2 primeros mapas, y los otros 3, los otros 2.
grouped_conv(torch.arange(100.0).reshape(1, 4, 5, 5) % 7, torch.arange(108.0).reshape(6, 2, 3, 3) % 5, torch.arange(6.0))
# Con tres trozos, relleno 1 y paso 2: los tres argumentos llegan a la convolución de cada trozo.
grouped_conv(torch.arange(150.0).reshape(1, 6, 5, 5) % 7, torch.arange(54.0).reshape(3, 2, 3, 3) % 5, torch.arange(3.0), parts=3, stride=2, padding=1)
# Con un trozo es una convolución normal; con tantos trozos como mapas, cada filtro lee uno. Hay dos imágenes.
grouped_conv(torch.arange(96.0).reshape(2, 3, 4, 4) % 7, torch.arange(54.0).reshape(2, 3, 3, 3) % 5, torch.ones(2), parts=1)
grouped_conv(torch.arange(150.0).reshape(1, 6, 5, 5) % 7, torch.arange(54.0).reshape(6, 1, 3, 3) % 5, torch.ones(6), parts=6)
# Se pide sin el argumento `groups`: reparte tú los mapas, los filtros y los sesgos.
measuring.convolves_in_groups(grouped_conv, torch.ones(1, 6, 5, 5), torch.ones(3, 2, 3, 3), torch.zeros(3), parts=3)
# Tu función no debe escribir en los tensores que le dan.
measuring.changes_its_inputs(grouped_conv, torch.ones(1, 2, 3, 3), torch.ones(2, 1, 2, 2), torch.ones(2))



# %% wrong="n5-grouped-conv" name="channels-interleaved" fails=["two-parts", "any"]
# Repartes los canales salteados (uno sí, otro no): cada trozo son canales seguidos, como en la figura.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = [(x[:, part::parts], weight[part::parts], bias[part::parts]) for part in range(parts)]
    return torch.cat([F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces], 1)


# %% wrong="n5-grouped-conv" name="outputs-interleaved"
# Las salidas van seguidas: primero todas las del primer trozo. Las has intercalado.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))
    outputs = [F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces]
    return torch.stack(outputs, 2).flatten(1, 2)


# %% wrong="n5-grouped-conv" name="outputs-added"
# Sumas las salidas de los trozos en vez de ponerlas una detrás de otra: cada filtro da su mapa.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))
    return sum(F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces)


# %% wrong="n5-grouped-conv" name="same-half-for-all"
# Todos los filtros leen el primer trozo de la entrada: cada trozo de filtros lee el suyo.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    first = x.chunk(parts, 1)[0]
    return F.conv2d(first, weight, bias, stride=stride, padding=padding)


# %% wrong="n5-grouped-conv" name="order-reversed"
# Juntas las salidas al revés: las del primer trozo van primero.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))
    outputs = [F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces]
    return torch.cat(outputs[::-1], 1)


# %% wrong="n5-grouped-conv" name="always-two-parts" fails=["any"]
# Partes siempre en dos: usa el argumento `parts`.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(2, 1), weight.chunk(2), bias.chunk(2))
    return torch.cat([F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in pieces], 1)


# %% wrong="n5-grouped-conv" name="no-bias"
# Falta sumar el sesgo de cada filtro.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(parts, 1), weight.chunk(parts))
    return torch.cat([F.conv2d(a, w, stride=stride, padding=padding) for a, w in pieces], 1)


# %% wrong="n5-grouped-conv" name="no-stride" fails=["any"]
# No pasas el paso y el relleno a las convoluciones de cada trozo.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    pieces = zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))
    return torch.cat([F.conv2d(a, w, b) for a, w, b in pieces], 1)


# %% wrong="n5-grouped-conv" name="with-groups"
# Funciona, pero usas el argumento `groups`: aquí se pide repartir los mapas a mano.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=parts)


# %% wrong="n5-grouped-conv" name="groups-by-position"
# Funciona, pero usas el argumento `groups`: aquí se pide repartir los mapas a mano.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride, padding, 1, parts)


# %% wrong="n5-grouped-conv" name="biases-of-the-first-part"
# Los filtros de los demás trozos llevan los sesgos del primero: reparte también los sesgos.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    c = x.shape[1] // parts
    k = weight.shape[0] // parts
    return torch.cat([F.conv2d(x[:, i * c:(i + 1) * c], weight[i * k:(i + 1) * k], bias[:k], stride, padding) for i in range(parts)], 1)


# %% wrong="n5-grouped-conv" name="split-takes-sizes"
# Los trozos no son los que tocan: ¿has usado `split`, que recibe el tamaño de cada uno, y no `chunk`, que recibe
# cuántos son?
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return torch.cat([F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in zip(x.split(parts, 1), weight.split(parts), bias.split(parts))], 1)


# %% wrong="n5-grouped-conv" name="whole-input"
# Cada trozo de filtros lee su trozo de los mapas: parece que le das la entrada entera.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return torch.cat([F.conv2d(x, w, b, stride=stride, padding=padding) for w, b in zip(weight.chunk(parts), bias.chunk(parts))], 1)


# %% wrong="n5-grouped-conv" name="joined-along-the-images"
# Las salidas se juntan por los mapas (dim=1), y las has juntado por las imágenes (dim=0).
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return torch.cat([F.conv2d(a, w, b, stride=stride, padding=padding) for a, w, b in zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))])


# %% wrong="n5-grouped-conv" name="no-padding" fails=["any"]
# Falta pasar el relleno a la convolución de cada trozo.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return torch.cat([F.conv2d(a, w, b, stride=stride) for a, w, b in zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))], 1)


# %% wrong="n5-grouped-conv" name="only-the-stride" fails=["any"]
# Falta pasar el paso a la convolución de cada trozo.
def grouped_conv(x, weight, bias, parts=2, stride=1, padding=0):
    return torch.cat([F.conv2d(a, w, b, padding=padding) for a, w, b in zip(x.chunk(parts, 1), weight.chunk(parts), bias.chunk(parts))], 1)

# %% [markdown]
# ## n5-block-diagonal


# %% right="n5-block-diagonal" name="kernel-by-kernel"
def as_matrix(weight, parts=2):
    matrix = np.zeros((len(weight), weight.shape[1] * parts))
    for k, row in enumerate(weight):
        start = k // (len(weight) // parts) * len(row)
        matrix[k, start : start + len(row)] = row
    return matrix


# %% right="n5-block-diagonal" name="repeat-and-mask"
def as_matrix(weight, parts=2):
    kernels, depth = weight.shape
    mask = np.kron(np.eye(parts), np.ones((kernels // parts, depth)))
    return np.tile(weight, (1, parts)) * mask


# %% equivalent="n5-block-diagonal"
# Los grupos dividen los filtros, así que la división es exacta.
# rows = kernels // parts => rows = round(kernels / parts)


# %% probes="n5-block-diagonal"
# Dos filtros y dos grupos de un canal: el primer filtro lee solo el primer canal; el segundo, solo el segundo.
as_matrix(np.array([[1.0], [2.0]]))
# Escribe la matriz en papel: 4 filtros en dos grupos de 2 canales, 4 filas y 4 columnas.
as_matrix(np.arange(1.0, 9.0).reshape(4, 2))
# Los pesos pueden tener decimales.
as_matrix(np.array([[0.25], [-1.5]]))
# Con tres grupos hay tres bloques, y con uno no falta ninguna conexión.
as_matrix(np.arange(1.0, 13.0).reshape(6, 2), 3)
as_matrix(np.arange(1.0, 13.0).reshape(3, 4), 1)
# Tu función no debe escribir en los pesos que le dan.
measuring.changes_its_inputs(as_matrix, np.arange(1.0, 9.0).reshape(4, 2))



# %% wrong="n5-block-diagonal" name="no-zeros"
# Repites los pesos en todos los bloques: donde no hay conexión va un cero.
def as_matrix(weight, parts=2):
    return np.tile(weight, (1, parts))


# %% wrong="n5-block-diagonal" name="first-block-only"
# Pones todos los pesos en los primeros canales: los del segundo grupo leen los canales del segundo.
def as_matrix(weight, parts=2):
    matrix = np.zeros((len(weight), weight.shape[1] * parts))
    matrix[:, : weight.shape[1]] = weight
    return matrix


# %% wrong="n5-block-diagonal" name="always-two"
# Supones dos grupos: usa `parts`.
def as_matrix(weight, parts=2):
    rows, depth = len(weight) // 2, weight.shape[1]
    matrix = np.zeros((len(weight), depth * parts))
    matrix[:rows, :depth] = weight[:rows]
    matrix[rows:, depth : 2 * depth] = weight[rows:]
    return matrix


# %% wrong="n5-block-diagonal" name="transposed"
# La has escrito traspuesta: las filas son los filtros y las columnas, los canales de entrada.
def as_matrix(weight, parts=2):
    rows, depth = len(weight) // parts, weight.shape[1]
    matrix = np.zeros((len(weight), depth * parts))
    for part in range(parts):
        matrix[part * rows : (part + 1) * rows, part * depth : (part + 1) * depth] = weight[part * rows : (part + 1) * rows]
    return matrix.T


# %% wrong="n5-block-diagonal" name="anti-diagonal"
# Los bloques están cambiados: el primer grupo de filtros lee el primer grupo de canales.
def as_matrix(weight, parts=2):
    rows, depth = len(weight) // parts, weight.shape[1]
    matrix = np.zeros((len(weight), depth * parts))
    for part in range(parts):
        other = parts - 1 - part
        matrix[part * rows : (part + 1) * rows, other * depth : (other + 1) * depth] = weight[part * rows : (part + 1) * rows]
    return matrix


# %% wrong="n5-block-diagonal" name="rows-dealt-out"
# Los filtros de un grupo van seguidos: los primeros K / parts son del primero. Los has repartido alternos.
def as_matrix(weight, parts=2):
    m = np.zeros((len(weight), weight.shape[1] * parts))
    for k in range(len(weight)):
        p = k % parts
        m[k, p * weight.shape[1]:(p + 1) * weight.shape[1]] = weight[k]
    return m


# %% wrong="n5-block-diagonal" name="matrix-of-integers"
# La matriz es de números enteros, y los pesos pierden sus decimales: hazla de coma flotante.
def as_matrix(weight, parts=2):
    K, d = weight.shape
    m = np.zeros((K, d * parts), dtype=int)
    for k in range(K):
        p = k // (K // parts)
        m[k, p * d:(p + 1) * d] = weight[k]
    return m

# %% [markdown]
# ## n5-gpu-parameters


# %% right="n5-gpu-parameters" name="one-sum"
def gpu_parameters(layers):
    return sum((k * k * (c if both else c // 2) + 1) * n // 2 for k, c, n, both in layers)


# %% right="n5-gpu-parameters" name="weights-and-biases"
def gpu_parameters(layers):
    weights = biases = 0
    for side, inputs, outputs, both in layers:
        half = outputs // 2
        weights += half * side * side * inputs // (1 if both else 2)
        biases += half
    return weights + biases


# %% right="n5-gpu-parameters" name="the-first-reads-the-image"
def gpu_parameters(layers):
    total = 0
    for place, (side, inputs, outputs, both) in enumerate(layers):
        depth = inputs if both or place == 0 else inputs / 2
        total += (side * side * depth + 1) * outputs / 2
    return round(total)


# %% equivalent="n5-gpu-parameters"
# Los canales que se parten son pares, así que la división es exacta.
# depth = in_channels if both else in_channels // 2 => depth = in_channels if both else round(in_channels / 2)
# total += (kernel_size ** 2 * depth + 1) * (out_channels // 2) => total += (kernel_size ** 2 * depth + 1) * round(out_channels / 2)


# %% probes="n5-gpu-parameters"
# CONV1: cada GPU guarda la mitad de los 96 filtros, cada uno con toda la profundidad y con su sesgo.
gpu_parameters([(11, 3, 96, True)])
# Se añade una capa con `both` a False: sus filtros leen la mitad de los canales.
gpu_parameters([(11, 3, 96, True), (5, 96, 256, False)])
# Se añade otra que lee los mapas de las dos: sus filtros vuelven a tener toda la profundidad.
gpu_parameters([(11, 3, 96, True), (5, 96, 256, False), (3, 256, 384, True)])
gpu_parameters([(1, 4, 8, True), (3, 8, 384, False), (1, 64, 10, True)])



# %% wrong="n5-gpu-parameters" name="returns-in-the-loop"
# Devuelves los parámetros de la primera capa y no sigues: ¿está el `return` dentro del bucle?
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs if both else inputs // 2
        total += (side**2 * depth + 1) * (outputs // 2)
        return total


# %% wrong="n5-gpu-parameters" name="no-biases"
# Faltan los sesgos: uno por filtro.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs if both else inputs // 2
        total += side**2 * depth * (outputs // 2)
    return total


# %% wrong="n5-gpu-parameters" name="all-the-outputs"
# Cuentas todos los filtros: cada GPU guarda la mitad.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs if both else inputs // 2
        total += (side**2 * depth + 1) * outputs
    return total


# %% wrong="n5-gpu-parameters" name="biases-twice"
# Cuentas los sesgos de las dos GPU: en cada una está la mitad.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs if both else inputs // 2
        total += side**2 * depth * (outputs // 2) + outputs
    return total


# %% wrong="n5-gpu-parameters" name="never-half-depth"
# Los filtros de las capas que no comunican tienen la mitad de profundidad: leen solo los mapas de su GPU.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs
        total += (side**2 * depth + 1) * (outputs // 2)
    return total


# %% wrong="n5-gpu-parameters" name="always-half-depth"
# Las capas que leen lo de las dos GPU, y la primera, tienen toda la profundidad.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs // 2
        total += (side**2 * depth + 1) * (outputs // 2)
    return total


# %% wrong="n5-gpu-parameters" name="both-the-other-way"
# Has entendido `both` al revés: si es cierto, el filtro lee todos los mapas.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs // 2 if both else inputs
        total += (side**2 * depth + 1) * (outputs // 2)
    return total


# %% wrong="n5-gpu-parameters" name="side-not-squared"
# El filtro es cuadrado: tiene lado por lado pesos en cada mapa.
def gpu_parameters(layers):
    total = 0
    for side, inputs, outputs, both in layers:
        depth = inputs if both else inputs // 2
        total += (side * depth + 1) * (outputs // 2)
    return total


# %% wrong="n5-gpu-parameters" name="one-bias-a-layer"
# Cuentas un sesgo por capa: hay uno por filtro.
def gpu_parameters(layers):
    t = 0
    for k, c, n, both in layers:
        t += k * k * (c if both else c // 2) * (n // 2) + 1
    return t


# %% wrong="n5-gpu-parameters" name="whole-network"
# Cuentas los parámetros de una red sin repartir: cada GPU guarda la mitad de los filtros.
def gpu_parameters(layers):
    t = 0
    for k, c, n, both in layers:
        t += (k * k * c + 1) * n
    return t

# %% [markdown]
# ## n5-traffic


# %% right="n5-traffic" name="with-prod"
def received(layers):
    return {name: int(np.prod(shape)) // 2 for place, (name, shape, both) in enumerate(layers) if place and both}


# %% right="n5-traffic" name="halves-the-first-number"
def received(layers):
    result, first = {}, True
    for name, shape, both in layers:
        if both and not first:
            values = shape[0] // 2
            for side in shape[1:]:
                values = values * side
            result[name] = values
        first = False
    return result


# %% equivalent="n5-traffic"
# Lo que se parte es par, así que la división es exacta.
# values[name] = count // 2 => values[name] = round(count / 2)


# %% probes="n5-traffic"
# Una red de una capa: la imagen está en las dos GPU, y no se recibe nada.
received([("CONV1", (3, 9, 9), True)])
# Solo CONV3 comunica. ¿Cuántos de sus 256 mapas de 13x13 calculó la otra GPU?
received([("CONV1", (3, 227, 227), True), ("CONV2", (96, 27, 27), False), ("CONV3", (256, 13, 13), True)])
# Capas totalmente conectadas: se recibe la mitad de las neuronas de la entrada de las que leen todo.
received([("A", (3, 5, 5), True), ("B", (8,), True), ("C", (10,), False), ("D", (12,), True)])
# La entrada de B son 8 mapas de 2x3, y la otra GPU calculó la mitad.
received([("A", (4, 5, 5), False), ("B", (8, 2, 3), True)])



# %% wrong="n5-traffic" name="the-whole-volume"
# La mitad ya la tiene: solo recibe los mapas de la otra GPU.
def received(layers):
    return {name: int(np.prod(shape)) for name, shape, both in layers[1:] if both}


# %% wrong="n5-traffic" name="image-crosses"
# La imagen está en las dos GPU: la primera capa no comunica.
def received(layers):
    return {name: int(np.prod(shape)) // 2 for name, shape, both in layers if both}


# %% wrong="n5-traffic" name="every-layer"
# Cuentas capas que no comunican: las que leen solo los mapas de su GPU no reciben nada.
def received(layers):
    return {name: int(np.prod(shape)) // 2 for name, shape, both in layers[1:]}


# %% wrong="n5-traffic" name="zeros-for-the-rest"
# Pon en el diccionario solo las capas que comunican: las demás no van, ni con un cero.
def received(layers):
    return {name: int(np.prod(shape)) // 2 if both else 0 for name, shape, both in layers[1:]}


# %% wrong="n5-traffic" name="one-map"
# Te falta multiplicar por los mapas: has contado los píxeles de uno.
def received(layers):
    return {name: int(np.prod(shape[1:])) for name, shape, both in layers[1:] if both}


# %% wrong="n5-traffic" name="maps-only" fails=["conv3", "all"]
# Has contado mapas: de cada uno cruzan todos sus píxeles.
def received(layers):
    return {name: shape[0] // 2 for name, shape, both in layers[1:] if both}


# %% wrong="n5-traffic" name="in-bytes"
# Se piden valores: los has multiplicado por los 4 bytes de cada uno.
def received(layers):
    return {name: 4 * int(np.prod(shape)) // 2 for name, shape, both in layers[1:] if both}


# %% wrong="n5-traffic" name="sum-of-the-sides"
# Has sumado los números de la forma: los valores de un volumen son su producto.
def received(layers):
    return {n: sum(s) // 2 for n, s, b in layers[1:] if b}


# %% wrong="n5-traffic" name="by-its-name" fails=["all"]
# La que nunca comunica es la primera capa de la lista, se llame como se llame.
def received(layers):
    return {n: int(np.prod(s)) // 2 for n, s, b in layers if b and n != 'CONV1'}


# %% wrong="n5-traffic" name="both-the-other-way"
# Has puesto las capas que no comunican: comunica la que tiene `both` a True.
def received(layers):
    return {n: int(np.prod(s)) // 2 for n, s, b in layers[1:] if not b}

# %% [markdown]
# ## n5-training-bytes


# %% right="n5-training-bytes" name="loop"
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    values = batch_size * image_values
    for activations, parameters, relu in layers:
        values += 3 * parameters + 2 * batch_size * activations
        if relu and not relu_in_place:
            values += 2 * batch_size * activations
    return 4 * values


# %% right="n5-training-bytes" name="arrays"
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    table = np.array([*layers, (0, 0, False)], dtype=float)
    stored = table[:, 0] * (1 + table[:, 2] * (not relu_in_place))
    return int(4 * (3 * table[:, 1].sum() + batch_size * (image_values + 2 * stored.sum())))


# %% probes="n5-training-bytes"
# Una capa que solo tiene 10 parámetros: cuenta cuántos valores se guardan por cada uno, y 4 bytes por valor.
training_bytes([(0, 10, False)], 0, 1)
# Sin capas quedan las 3 imágenes de 7 valores.
training_bytes([], 7, 3)
# Una capa de 5 activaciones, con dos imágenes y la ReLU encima.
training_bytes([(5, 0, True)], 0, 2)
# Dos capas con la ReLU aparte: solo la primera tiene ReLU.
training_bytes([(5, 0, True), (3, 0, False)], 0, 2, relu_in_place=False)
# Todo junto, con un minilote de 8: suma por separado parámetros, imágenes y activaciones.
training_bytes([(100, 20, True), (30, 50, False)], 60, 8)
training_bytes([(100, 20, True), (30, 50, False)], 60, 8, relu_in_place=False)



# %% wrong="n5-training-bytes" name="no-gradients-of-activations"
# Faltan los gradientes de las activaciones: ocupan tanto como ellas.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + batch_size * (image_values + activations))


# %% wrong="n5-training-bytes" name="parameters-once"
# Cuentas los parámetros una vez: también están sus gradientes y la velocidad del momento.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (parameters + batch_size * (image_values + 2 * activations))


# %% wrong="n5-training-bytes" name="no-momentum"
# Falta la velocidad del momento, un valor por parámetro.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (2 * parameters + batch_size * (image_values + 2 * activations))


# %% wrong="n5-training-bytes" name="parameters-per-image"
# Los parámetros están una vez, no una por imagen.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * batch_size * (3 * parameters + image_values + 2 * activations)


# %% wrong="n5-training-bytes" name="no-images"
# Faltan las imágenes del minilote.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + batch_size * 2 * activations)


# %% wrong="n5-training-bytes" name="image-gradients"
# La imagen no tiene gradiente: se guarda una vez.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + 2 * batch_size * (image_values + activations))


# %% wrong="n5-training-bytes" name="in-values"
# Se piden bytes: cada valor ocupa 4.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and not relu_in_place else 1) for count, _, relu in layers)
    return 3 * parameters + batch_size * (image_values + 2 * activations)


# %% wrong="n5-training-bytes" name="relu-the-other-way"
# Has entendido `relu_in_place` al revés: si escribe encima, no ocupa nada más.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if relu and relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + batch_size * (image_values + 2 * activations))


# %% wrong="n5-training-bytes" name="relu-everywhere"
# Si la ReLU va aparte, solo ocupan el doble las capas que la tienen.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    parameters = sum(count for _, count, _ in layers)
    activations = sum(count * (2 if not relu_in_place else 1) for count, _, relu in layers)
    return 4 * (3 * parameters + batch_size * (image_values + 2 * activations))


# %% wrong="n5-training-bytes" name="relu-without-gradient"
# Una ReLU que escribe aparte guarda su salida y también su gradiente: te falta una de las dos.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    t = 0
    for a, p, r in layers:
        t += 3 * p + 2 * batch_size * a
        if r and (not relu_in_place):
            t += batch_size * a
    return 4 * (t + batch_size * image_values)


# %% wrong="n5-training-bytes" name="one-image"
# Has contado los valores de una sola imagen: hay tantas como dice `batch_size`.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    t = 0
    for a, p, r in layers:
        t += 3 * p + 2 * batch_size * a
        if r and (not relu_in_place):
            t += 2 * batch_size * a
    return 4 * (t + image_values)


# %% wrong="n5-training-bytes" name="activations-of-one-image"
# Las activaciones se guardan para cada imagen del minilote: multiplícalas por `batch_size`.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    t = 0
    for a, p, r in layers:
        t += 3 * p + 2 * a
        if r and (not relu_in_place):
            t += 2 * a
    return 4 * (t + batch_size * image_values)


# %% wrong="n5-training-bytes" name="relu-never-apart"
# Si `relu_in_place` es False, las capas con ReLU guardan otra salida y otro gradiente: no los cuentas.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    t = 0
    for a, p, r in layers:
        t += 3 * p + 2 * batch_size * a
    return 4 * (t + batch_size * image_values)


# %% wrong="n5-training-bytes" name="images-in-every-layer"
# Cuentas las imágenes en cada capa: se guardan una vez.
def training_bytes(layers, image_values, batch_size, relu_in_place=True):
    t = 0
    for a, p, r in layers:
        t += 3 * p + batch_size * (2 * a + image_values)
        if r and (not relu_in_place):
            t += 2 * batch_size * a
    return 4 * t

# %% [markdown]
# ## n5-winners


# %% right="n5-winners" name="comprehension"
def winner_errors(rows, supplied_only=False):
    def error(row):
        return row["supplied"] if supplied_only and row["supplied"] is not None else row["official"]

    return {row["year"]: error(row) for row in rows if row["won"] == "yes"}


# %% right="n5-winners" name="two-passes"
def winner_errors(rows, supplied_only=False):
    errors = {row["year"]: row["official"] for row in rows if row["won"] == "yes"}
    if supplied_only:
        errors |= {row["year"]: row["supplied"] for row in rows if row["won"] == "yes" and row["supplied"]}
    return errors


# %% probes="n5-winners"
# Una sola fila, la de quien ganó: sin más argumentos se pide su error oficial.
winner_errors([{"year": 1, "won": "yes", "official": 5.0437, "supplied": 6.0518, "chart": 4.0, "label": "b"}])
# Una sola fila, la de quien ganó, con `supplied_only=True`: se pide el error solo con los datos dados.
winner_errors([{"year": 1, "won": "yes", "official": 5.0437, "supplied": 6.0518, "chart": 4.0, "label": "b"}], supplied_only=True)
# Varias filas, con participaciones que no ganaron y con la marca humana, sin `supplied_only`: mira `won` y `year`.
winner_errors([{"year": 1, "label": "a", "won": "no", "chart": 1.0, "official": 2.0, "supplied": None}, {"year": 1, "label": "b", "won": "yes", "chart": 4.0, "official": 5.0437, "supplied": 6.0518}, {"year": 2, "label": "c", "won": "yes", "chart": 7.5, "official": 7.0, "supplied": None}, {"year": 2, "label": "d", "won": "no", "chart": 9.0, "official": 9.5, "supplied": 8.0}, {"year": 3, "label": "e", "won": "no", "chart": 1.5, "official": 1.5, "supplied": None}, {"year": None, "label": "human", "won": None, "chart": 5.1, "official": 5.25, "supplied": None}])
# Varias filas, también de quienes no ganaron, con `supplied_only=True`; en el año 2 `supplied` está vacío.
winner_errors([{"year": 1, "label": "a", "won": "no", "chart": 1.0, "official": 2.0, "supplied": None}, {"year": 1, "label": "b", "won": "yes", "chart": 4.0, "official": 5.0437, "supplied": 6.0518}, {"year": 2, "label": "c", "won": "yes", "chart": 7.5, "official": 7.0, "supplied": None}, {"year": 2, "label": "d", "won": "no", "chart": 9.0, "official": 9.5, "supplied": 8.0}, {"year": 3, "label": "e", "won": "no", "chart": 1.5, "official": 1.5, "supplied": None}, {"year": None, "label": "human", "won": None, "chart": 5.1, "official": 5.25, "supplied": None}], supplied_only=True)



# %% wrong="n5-winners" name="chart"
# Has usado la columna `chart`: se pide la cifra oficial.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["supplied"] if supplied_only and row["supplied"] else row["chart"] for row in rows if row["won"] == "yes"}


# %% wrong="n5-winners" name="everyone-in-the-table" fails=["official"]
# No todas las filas son de ganadores: mira la clave `won`.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["supplied"] if supplied_only and row["supplied"] else row["official"] for row in rows if row["year"]}


# %% wrong="n5-winners" name="human-too"
# La marca humana no es una participación: su año está vacío.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["supplied"] if supplied_only and row["supplied"] else row["official"] for row in rows if row["won"] != "no"}


# %% wrong="n5-winners" name="always-official" fails=["supplied"]
# Con `supplied_only=True` se pide la participación que solo usó los datos dados.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["official"] for row in rows if row["won"] == "yes"}


# %% wrong="n5-winners" name="empty-years" fails=["supplied"]
# Donde `supplied` está vacío, la cifra oficial ya es solo con los datos dados: úsala.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["supplied"] if supplied_only else row["official"] for row in rows if row["won"] == "yes"}


# %% wrong="n5-winners" name="always-supplied" fails=["official"]
# Sin `supplied_only` se pide el error con el que ganó, aunque usara datos externos.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: row["supplied"] or row["official"] for row in rows if row["won"] == "yes"}


# %% wrong="n5-winners" name="fractions"
# Las cifras de la tabla ya están en tanto por ciento y así se piden: no las dividas entre cien.
def winner_errors(rows, supplied_only=False):
    return {row["year"]: (row["supplied"] if supplied_only and row["supplied"] else row["official"]) / 100 for row in rows if row["won"] == "yes"}


# %% wrong="n5-winners" name="years-missing" fails=["supplied"]
# Con `supplied_only=True` faltan años: donde `supplied` está vacío vale la cifra oficial.
def winner_errors(rows, supplied_only=False):
    e = {}
    for r in rows:
        if r['won'] == 'yes':
            if supplied_only:
                if r['supplied'] is not None:
                    e[r['year']] = r['supplied']
            else:
                e[r['year']] = r['official']
    return e


# %% wrong="n5-winners" name="by-label"
# Las claves de tu diccionario son los nombres (`label`): se piden los años (`year`).
def winner_errors(rows, supplied_only=False):
    return {r['label']: r['supplied'] if supplied_only and r['supplied'] else r['official'] for r in rows if r['won'] == 'yes'}


# %% wrong="n5-winners" name="rounded"
# Has redondeado las cifras: se piden como están en la tabla.
def winner_errors(rows, supplied_only=False):
    return {r['year']: round(r['supplied'] if supplied_only and r['supplied'] else r['official'], 1) for r in rows if r['won'] == 'yes'}


# %% wrong="n5-winners" name="years-as-text"
# Las claves de tu diccionario son cadenas: se piden los años como están en la tabla, como números.
def winner_errors(rows, supplied_only=False):
    return {str(r['year']): r['supplied'] if supplied_only and r['supplied'] else r['official'] for r in rows if r['won'] == 'yes'}

# %% [markdown]
# ## n5-ablation


# %% right="n5-ablation" name="by-key"
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    by_key = {(str(row["run"]), row["views"]): row for row in rows}
    try:
        after, before = by_key[str(changed), changed_views], by_key[str(base), base_views]
    except KeyError as missing:
        raise ValueError(f"no está {missing}") from None
    if after["dataset"] != before["dataset"]:
        raise ValueError("imágenes distintas")
    return (after[error] - before[error]) * 100


# %% right="n5-ablation" name="loops"
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    after = before = None
    for row in rows:
        if str(row["run"]) == str(changed) and row["views"] == changed_views:
            after = row
        if str(row["run"]) == str(base) and row["views"] == base_views:
            before = row
    if after is None or before is None or after["dataset"] != before["dataset"]:
        raise ValueError("esas dos pruebas no se pueden comparar")
    return 100 * after[error] - 100 * before[error]


# %% probes="n5-ablation"
# Dos pruebas con una fila cada una: el error de la cambiada menos el de la base, por cien.
increase([{"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.5, "top5_error": 0.25}, {"run": "7", "dataset": "a", "views": "multi", "top1_error": 0.3, "top5_error": 0.21}], "8", "7")
# La prueba 7, un número en la tabla, tiene dos filas; sin decir vistas se comparan las de diez, "multi".
increase([{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "8", "7")
increase([{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "7", "8")
# Los nombres de las dos pruebas, como números, y con `error="top1_error"`.
increase([{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], 8, 7, error="top1_error")
# La prueba 7 consigo misma: con una vista y con diez.
increase([{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "7", "7", changed_views="centre")
# La prueba 8 con diez vistas contra la 7 con una.
increase([{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "8", "7", base_views="centre")
# Pruebas con distinto `dataset`: se pide un ValueError.
measuring.raised_by(increase, [{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "9", "7")
# La prueba 99 no está en la tabla: se pide un ValueError, también si es la de base.
measuring.raised_by(increase, [{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "99", "7")
measuring.raised_by(increase, [{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "7", "99")
# La prueba 8 está, pero no se evaluó con una vista: se pide un ValueError.
measuring.raised_by(increase, [{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "8", "7", changed_views="centre")
measuring.raised_by(increase, [{"run": 7, "dataset": "a", "views": "centre", "top1_error": 0.512, "top5_error": 0.4137}, {"run": 7, "dataset": "a", "views": "multi", "top1_error": 0.3071, "top5_error": 0.2109}, {"run": "8", "dataset": "a", "views": "multi", "top1_error": 0.9013, "top5_error": 0.2536}, {"run": "9", "dataset": "b", "views": "multi", "top1_error": 0.8, "top5_error": 0.2}], "7", "8", base_views="centre")



# %% wrong="n5-ablation" name="sign" fails=["lrn", "views"]
# El signo está al revés: se pide cuánto sube el error de la base a la cambiada.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[1][error] - found[0][error])


# %% wrong="n5-ablation" name="fraction" fails=["lrn", "views"]
# Se pide en puntos porcentuales: los errores de la tabla están en tanto por uno.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return (found[0][error] - found[1][error])


# %% wrong="n5-ablation" name="relative" fails=["lrn", "views"]
# Has dividido por el error de la base: eso es una subida relativa, y se piden puntos porcentuales.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[0][error] / found[1][error] - 1)


# %% wrong="n5-ablation" name="mixes-data" fails=["same-images"]
# Comparas pruebas evaluadas con imágenes distintas: mira `dataset` y lanza ValueError.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    return 100 * (found[0][error] - found[1][error])


# %% wrong="n5-ablation" name="mixes-views" fails=["views", "same-images"]
# Coges la primera fila de la prueba: hay pruebas con dos, y las vistas tienen que ser las que se piden.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run)]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[0][error] - found[1][error])


# %% wrong="n5-ablation" name="always-multi" fails=["views", "same-images"]
# No usas `changed_views` y `base_views`.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == "multi"]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[0][error] - found[1][error])


# %% wrong="n5-ablation" name="one-error" fails=["lrn"]
# No usas el argumento `error`: siempre comparas el top-5.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if str(row["run"]) == str(run) and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[0]["top5_error"] - found[1]["top5_error"])


# %% wrong="n5-ablation" name="names-not-as-strings"
# No encuentras una prueba que está: ¿comparas números con cadenas, que nunca son iguales? Convierte en cadenas los dos.
def increase(rows, changed, base, error="top5_error", changed_views="multi", base_views="multi"):
    found = []
    for run, views in ((changed, changed_views), (base, base_views)):
        matching = [row for row in rows if row["run"] == run and row["views"] == views]
        if not matching:
            raise ValueError("no está")
        found.append(matching[0])
    if found[0]["dataset"] != found[1]["dataset"]:
        raise ValueError("imágenes distintas")
    return 100 * (found[0][error] - found[1][error])


# %% wrong="n5-ablation" name="index-error" fails=["same-images"]
# Cuando falta una prueba se pide un ValueError, y sale un IndexError: ¿coges el primer elemento de una lista vacía?
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    a = [r for r in rows if str(r['run']) == str(changed) and r['views'] == changed_views][0]
    b = [r for r in rows if str(r['run']) == str(base) and r['views'] == base_views][0]
    if a['dataset'] != b['dataset']:
        raise ValueError('x')
    return 100 * (a[error] - b[error])


# %% wrong="n5-ablation" name="key-error" fails=["same-images"]
# Cuando falta una prueba se pide un ValueError, y sale un KeyError: ¿buscas en un diccionario una clave que no está?
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    table = {(str(r['run']), r['views']): r for r in rows}
    a, b = (table[str(changed), changed_views], table[str(base), base_views])
    if a['dataset'] != b['dataset']:
        raise ValueError('x')
    return 100 * (a[error] - b[error])


# %% wrong="n5-ablation" name="no-error-when-missing" fails=["same-images"]
# Cuando falta una prueba tu función no lanza ningún error: se pide un ValueError.
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    a = b = None
    for r in rows:
        if str(r['run']) == str(changed) and r['views'] == changed_views:
            a = r
        if str(r['run']) == str(base) and r['views'] == base_views:
            b = r
    if a is None or b is None:
        return None
    if a['dataset'] != b['dataset']:
        raise ValueError('x')
    return 100 * (a[error] - b[error])


# %% wrong="n5-ablation" name="views-swapped" fails=["views"]
# `changed_views` son las vistas de la prueba cambiada, y `base_views`, las de la base: están cruzadas.
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    a = b = None
    for r in rows:
        if str(r['run']) == str(changed) and r['views'] == base_views:
            a = r
        if str(r['run']) == str(base) and r['views'] == changed_views:
            b = r
    if a is None or b is None:
        raise ValueError('y')
    if a['dataset'] != b['dataset']:
        raise ValueError('x')
    return 100 * (a[error] - b[error])


# %% wrong="n5-ablation" name="refuses-other-views" fails=["views"]
# Lanzas un error si las vistas son distintas, y se pueden comparar: lo que tiene que coincidir es `dataset`.
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    a = b = None
    for r in rows:
        if str(r['run']) == str(changed) and r['views'] == changed_views:
            a = r
        if str(r['run']) == str(base) and r['views'] == base_views:
            b = r
    if a is None or b is None:
        raise ValueError('y')
    if a['dataset'] != b['dataset'] or a['views'] != b['views']:
        raise ValueError('x')
    return 100 * (a[error] - b[error])


# %% wrong="n5-ablation" name="without-sign" fails=["lrn", "views"]
# Has quitado el signo: si el error baja, el resultado es negativo.
def increase(rows, changed, base, error='top5_error', changed_views='multi', base_views='multi'):
    a = b = None
    for r in rows:
        if str(r['run']) == str(changed) and r['views'] == changed_views:
            a = r
        if str(r['run']) == str(base) and r['views'] == base_views:
            b = r
    if a is None or b is None:
        raise ValueError('y')
    if a['dataset'] != b['dataset']:
        raise ValueError('x')
    return abs(100 * (a[error] - b[error]))

# %% [markdown]
# ## n5-noise


# %% right="n5-noise" name="variances"
def compare(first, second, images):
    variance = sum(p * (1 - p) / images for p in (first, second))
    points, se = 100 * (second - first), 100 * np.sqrt(variance)
    return float(points), float(se), bool(abs(points) > 2 * se)


# %% right="n5-noise" name="hypot"
def compare(first, second, images):
    each = [(p * (1 - p) / images) ** 0.5 for p in (first, second)]
    se = float(np.hypot(*each)) * 100
    points = second * 100 - first * 100
    return points, se, points > 2 * se or points < -2 * se


# %% probes="n5-noise"
# Dos errores iguales, de 0,5, en 20 000 imágenes: la diferencia es 0; calcula el error estándar en papel.
compare(0.5, 0.5, 20000)
# Un 18 y un 21 %: la diferencia es de 3 puntos; calcula su error estándar con el enunciado delante.
compare(0.18, 0.21, 5000)
# El error baja mucho, con solo 100 imágenes: la diferencia es negativa, y se compara sin signo.
compare(0.4, 0.1, 100)
# Diferencias pequeñas, menores que dos errores estándar.
compare(0.1857, 0.1871, 50000)
compare(0.20, 0.207, 20000)
compare(0.2, 0.2114, 10000)
# Diferencias algo mayores que dos errores estándar, hacia arriba y hacia abajo.
compare(0.2, 0.2116, 10000)
compare(0.2, 0.1884, 10000)
# Una diferencia que es justo el doble de su error estándar: no pasa.
compare(0.0, 0.5, 4)



# %% wrong="n5-noise" name="one-sample"
# Es el error estándar de una sola medida: en la diferencia se suman los dos cuadrados.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="errors-added"
# Los errores estándar no se suman: se suman sus cuadrados, y luego la raíz.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * ((first * (1 - first) / images) ** 0.5 + (second * (1 - second) / images) ** 0.5)
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="no-root"
# Falta la raíz: eso es la varianza.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images)
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="percent-as-proportion"
# Multiplicas por cien antes de tiempo: p (1 - p) pide tantos por uno.
def compare(first, second, images):
    first, second = 100 * first, 100 * second
    points = second - first
    se = abs(first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="in-fractions"
# La diferencia y su error estándar se piden en puntos porcentuales.
def compare(first, second, images):
    points = (second - first)
    se = (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="signed-test"
# Una bajada grande también se distingue: compara la diferencia sin signo.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, points > 2 * se


# %% wrong="n5-noise" name="one-error"
# Se distinguen si la diferencia pasa de dos errores estándar, no de uno.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > se


# %% wrong="n5-noise" name="sign"
# La diferencia es el segundo menos el primero.
def compare(first, second, images):
    points = 100 * (first - second)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="normal-quantile"
# Has comparado con 1,96 errores estándar, o con otro número menor que dos: aquí se piden dos.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > 1.96 * se


# %% wrong="n5-noise" name="at-least-two"
# Una diferencia que es justo el doble de su error estándar no pasa de él: compara con >, y no con >=.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) >= 2 * se


# %% wrong="n5-noise" name="not-clear"
# La respuesta está al revés: se pide True si los dos errores se distinguen.
def compare(first, second, images):
    points = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) <= 2 * se


# %% wrong="n5-noise" name="difference-without-sign"
# La diferencia se devuelve con su signo: quítaselo solo para compararla con dos errores estándar.
def compare(first, second, images):
    points = abs(100 * (second - first))
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, points > 2 * se


# %% wrong="n5-noise" name="only-the-difference-in-points"
# La diferencia está en puntos, pero su error estándar se ha quedado en tanto por uno: falta multiplicarlo por cien.
def compare(first, second, images):
    points = 100 * (second - first)
    se = (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="pooled"
# Has usado la media de los dos errores, p: cada uno tiene su varianza, p (1 - p) / n con su p, y se suman las dos.
def compare(first, second, images):
    points = 100 * (second - first)
    p = (first + second) / 2
    se = 100 * (2 * p * (1 - p) / images) ** 0.5
    return points, se, abs(points) > 2 * se


# %% wrong="n5-noise" name="hundred-inside-the-root"
# El error estándar se multiplica por cien después de la raíz: parece que el 100 está dentro.
def compare(first, second, images):
    d = 100 * (second - first)
    se = (100 * (first * (1 - first) / images + second * (1 - second) / images)) ** 0.5
    return (d, se, abs(d) > 2 * se)


# %% wrong="n5-noise" name="twice-the-images"
# Divides la suma de las varianzas por 2n: cada una se divide por n, y se suman.
def compare(first, second, images):
    d = 100 * (second - first)
    se = 100 * ((first * (1 - first) + second * (1 - second)) / (2 * images)) ** 0.5
    return (d, se, abs(d) > 2 * se)


# %% wrong="n5-noise" name="order-of-the-answer"
# Devuelve primero la diferencia y después su error estándar: están al revés.
def compare(first, second, images):
    d = 100 * (second - first)
    se = 100 * (first * (1 - first) / images + second * (1 - second) / images) ** 0.5
    return (se, d, abs(d) > 2 * se)
