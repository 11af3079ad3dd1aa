# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: "1. Repaso: LeNet-5, banco de errores"
# ---

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import measuring

# %% [markdown]
# ## n1-conv-output-size


# %% right="n1-conv-output-size" name="counts-windows"
def conv_output_size(size, kernel_size, stride=1, padding=0):
    starts = range(-padding, size + padding - kernel_size + 1, stride)
    if not starts:
        raise ValueError("no cabe")
    return len(starts)


# %% right="n1-conv-output-size" name="slides-a-window"
def conv_output_size(size, kernel_size, stride=1, padding=0):
    left, count = -padding, 0
    while left + kernel_size <= size + padding:
        count += 1
        left += stride
    if count == 0:
        raise ValueError(f"kernel_size {kernel_size} demasiado grande")
    return count


# %% right="n1-conv-output-size" name="truncates"
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("la ventana no cabe")
    return int((size + 2 * padding - kernel_size) / stride + 1)


# %% probes="n1-conv-output-size"
# Dibuja una fila de 32 casillas y cuenta en cuántas posiciones cabe una ventana de 5, de una en una.
conv_output_size(32, 5)
# Con paso, cuenta cuántos saltos caben detrás de la primera posición; un salto que no cabe entero no se da.
conv_output_size(28, 2, stride=2)
conv_output_size(55, 3, stride=2)
conv_output_size(8, 3, stride=2)
conv_output_size(9, 4, stride=3)
# Con relleno, la fila crece por los dos extremos.
conv_output_size(27, 5, padding=2)
conv_output_size(20, 4, stride=3, padding=3)
# Una ventana tan grande como la fila con su relleno cabe una vez.
measuring.raised_by(conv_output_size, 5, 5)
measuring.raised_by(conv_output_size, 3, 5, padding=1)
# Una ventana mayor que la fila con su relleno no cabe, y se pide lanzar un ValueError.
measuring.raised_by(conv_output_size, 4, 5)
measuring.raised_by(lambda: [0][conv_output_size(3, 9)])
measuring.raised_by(conv_output_size, 3, 9, stride=4, padding=2)


# %% wrong="n1-conv-output-size" name="forgets-plus-one" fails=["values"]
# Te falta el +1: has contado los saltos, y hay una posición más que saltos (la primera no cuesta ninguno).
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return (size + 2 * padding - kernel_size) // stride


# %% wrong="n1-conv-output-size" name="padding-once" fails=["values", "errors"]
# El relleno se pone en los dos extremos de la fila: suma 2p, no p.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + padding:
        raise ValueError("no cabe")
    return (size + padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="padding-once-in-the-formula" fails=["values"]
# Compruebas bien si la ventana cabe, pero en la fórmula sumas p una sola vez: hay relleno en los dos extremos.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return (size + padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="padding-after-dividing" fails=["values"]
# El relleno se suma antes de dividir por el paso: alarga la fila que recorre la ventana, no la salida.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return (size - kernel_size) // stride + 1 + 2 * padding


# %% wrong="n1-conv-output-size" name="true-division" fails=["values"]
# Has dividido con /, que da un número con decimales: el lado es entero y se redondea hacia abajo, con //.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return (size + 2 * padding - kernel_size) / stride + 1


# %% wrong="n1-conv-output-size" name="rounds-up" fails=["values"]
# Has redondeado hacia arriba: los píxeles que sobran y no llenan un salto se quedan sin leer.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return -(-(size + 2 * padding - kernel_size) // stride) + 1


# %% wrong="n1-conv-output-size" name="rounds-to-nearest" fails=["values"]
# `round` redondea al más cercano, y a veces eso es hacia arriba: aquí siempre es hacia abajo.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return round((size + 2 * padding - kernel_size) / stride + 1)


# %% wrong="n1-conv-output-size" name="one-inside-the-division" fails=["values"]
# El +1 va fuera de la división: cuenta la primera posición, que no depende del paso.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return (size + 2 * padding - kernel_size + 1) // stride


# %% wrong="n1-conv-output-size" name="ignores-stride" fails=["values"]
# No usas el paso: con stride=2 la ventana avanza de dos en dos y caben la mitad de posiciones.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        raise ValueError("no cabe")
    return size + 2 * padding - kernel_size + 1


# %% wrong="n1-conv-output-size" name="no-error" fails=["errors"]
# La fórmula está bien, pero si la ventana no cabe devuelves 0 o un número negativo: lanza un ValueError.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    return (size + 2 * padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="returns-zero" fails=["errors"]
# La fórmula está bien, pero devolver 0 esconde el error: si la ventana no cabe, lanza un ValueError con `raise`.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size + 2 * padding:
        return 0
    return (size + 2 * padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="asserts" fails=["errors"]
# Un `assert` lanza AssertionError, y está pensado para los errores del programador: aquí se pide un ValueError.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    assert kernel_size <= size + 2 * padding, "no cabe"
    return (size + 2 * padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="refuses-equal" fails=["values", "errors"]
# Rechazas una ventana tan grande como la imagen, y esa sí cabe: una vez. El error es solo para las mayores.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size >= size + 2 * padding:
        raise ValueError("no cabe")
    return (size + 2 * padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="guard-without-padding" fails=["values", "errors"]
# Al ver si la ventana cabe has olvidado el relleno: compárala con la fila ya rellenada por los dos lados.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    if kernel_size > size:
        raise ValueError("no cabe")
    return (size + 2 * padding - kernel_size) // stride + 1


# %% wrong="n1-conv-output-size" name="prints"
# Imprimes el resultado en lugar de devolverlo: cambia `print` por `return`.
def conv_output_size(size, kernel_size, stride=1, padding=0):
    print((size + 2 * padding - kernel_size) // stride + 1)


# %% [markdown]
# ## n1-conv2d


# %% right="n1-conv2d" name="six-loops"
def conv2d(image, weight, bias):
    C, H, W = image.shape
    out_channels, _, k, _ = weight.shape
    output = torch.zeros(out_channels, H - k + 1, W - k + 1)
    for o in range(out_channels):
        for i in range(H - k + 1):
            for j in range(W - k + 1):
                total = bias[o]
                for c in range(C):
                    for u in range(k):
                        for v in range(k):
                            total = total + weight[o, c, u, v] * image[c, i + u, j + v]
                output[o, i, j] = total
    return output


# %% right="n1-conv2d" name="loops-over-the-kernel"
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = bias[:, None, None].repeat(1, height, width)
    for u in range(k):
        for v in range(k):
            shifted = image[:, u : u + height, v : v + width]
            output = output + torch.einsum("oc,chw->ohw", weight[:, :, u, v], shifted)
    return output


# %% right="n1-conv2d" name="windows-as-a-matrix"
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    windows = image.unfold(1, k, 1).unfold(2, k, 1)  # (C, H', W', k, k)
    return torch.tensordot(weight, windows, dims=([1, 2, 3], [0, 3, 4])) + bias.view(-1, 1, 1)


# %% right="n1-conv2d" name="numpy"
def conv2d(image, weight, bias):
    image, weight, bias = np.asarray(image), np.asarray(weight), np.asarray(bias)
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = np.zeros((len(weight), height, width))
    for i in range(height):
        for j in range(width):
            output[:, i, j] = (weight * image[:, i : i + k, j : j + k]).sum(axis=(1, 2, 3)) + bias
    return output


# %% probes="n1-conv2d"
# Un núcleo con un solo 1, arriba a la derecha, copia ese píxel de cada ventana: hazlo a mano con una imagen de 4 x 4.
conv2d(torch.arange(16.0).view(1, 4, 4), torch.eye(9)[2].view(1, 1, 3, 3), torch.zeros(1))
# Con varios canales se suman los de entrada, y cada mapa de salida lleva su sesgo una vez.
conv2d(torch.ones(2, 3, 3), torch.ones(2, 2, 3, 3), torch.tensor([0.0, 10.0]))
# Con imágenes que no son cuadradas, revisa qué índice es la fila y cuál la columna.
conv2d(torch.arange(70.0).view(2, 5, 7) % 11, torch.arange(54.0).view(3, 2, 3, 3) % 7, torch.tensor([1e2, 2e3, -3e2]))
# La imagen que te dan tiene que quedar como estaba.
measuring.changes_its_inputs(conv2d, torch.ones(2, 5, 5), torch.ones(3, 2, 3, 3), torch.ones(3))
# Se pide escribir la convolución, no llamar a una ya hecha.
measuring.calls_of_torch(conv2d, "conv", torch.ones(1, 3, 3), torch.ones(1, 1, 2, 2), torch.zeros(1))
measuring.uses(conv2d, "convolve", "convolve2d", "fftconvolve", "oaconvolve", "correlate", "correlate2d")


# %% wrong="n1-conv2d" name="first-channel-only" fails=["channels"]
# Solo lees el primer canal: cada mapa de salida suma las ventanas de todos los canales de entrada.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o, 0] * image[0, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="last-channel-only" fails=["channels"]
# Cada canal borra lo que había dejado el anterior: falta acumular los canales, con += en lugar de =.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for c in range(image.shape[0]):
            for i in range(height):
                for j in range(width):
                    output[o, i, j] = (weight[o, c] * image[c, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="first-filter-only"
# Usas el mismo núcleo para todos los mapas de salida, o solo sacas un mapa: cada mapa tiene el suyo, weight[o].
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(height, width)
    for i in range(height):
        for j in range(width):
            output[i, j] = (weight[0] * image[:, i : i + k, j : j + k]).sum() + bias[0]
    return output


# %% wrong="n1-conv2d" name="channels-not-summed"
# Sumas cada ventana por separado en cada canal y te queda un eje de más: la suma recorre también los canales.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), image.shape[0], height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, :, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum(dim=(1, 2)) + bias[o]
    return output


# %% wrong="n1-conv2d" name="no-bias" fails=["channels"]
# Te has dejado el sesgo: suma bias[o] a cada píxel del mapa o.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum()
    return output


# %% wrong="n1-conv2d" name="bias-per-channel" fails=["channels"]
# Sumas el sesgo una vez por canal de entrada: es uno por mapa de salida y se suma una sola vez, al final.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.zeros(len(weight), height, width)
    for o in range(len(weight)):
        for c in range(image.shape[0]):
            for i in range(height):
                for j in range(width):
                    output[o, i, j] += (weight[o, c] * image[c, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="bias-inside-the-sum" fails=["channels"]
# El sesgo está dentro de la suma, así que se suma una vez por cada peso: sácalo del paréntesis.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k] + bias[o]).sum()
    return output


# %% wrong="n1-conv2d" name="one-bias-for-all" fails=["channels"]
# Todos los mapas de salida usan el mismo sesgo: el mapa o tiene el suyo, bias[o].
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[0]
    return output


# %% wrong="n1-conv2d" name="flipped-kernel"
# Has girado el núcleo, como la convolución de los libros de matemáticas: en las redes no se gira.
def conv2d(image, weight, bias):
    weight = weight.flip(2, 3)
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="transposed-output"
# Has cambiado filas por columnas: el segundo eje de la salida es el alto (filas) y el tercero, el ancho.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), width, height)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, j, i] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="square-only"
# Das por hecho que la imagen es cuadrada: calcula el ancho de la salida con el ancho de la imagen.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    side = image.shape[1] - k + 1
    output = torch.empty(len(weight), side, side)
    for o in range(len(weight)):
        for i in range(side):
            for j in range(side):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="forgets-plus-one"
# Te faltan la última fila y la última columna: caben H - k + 1 posiciones, no H - k.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k, image.shape[2] - k
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="averages"
# Promedias la ventana en lugar de sumarla: la convolución suma los productos.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).mean() + bias[o]
    return output


# %% wrong="n1-conv2d" name="writes-into-the-image"
# `window *= ...` escribe en la imagen, porque una rebanada no es una copia: usa window = window * ...
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                window = image[:, i : i + k, j : j + k]
                window *= weight[o]
                output[o, i, j] = window.sum() + bias[o]
    return output


# %% wrong="n1-conv2d" name="centres-the-image" fails=["channels"]
# El resultado es correcto, pero `weight *= ...` o `bias += ...` cambian los argumentos: trabaja con copias.
def conv2d(image, weight, bias):
    k = weight.shape[-1]
    height, width = image.shape[1] - k + 1, image.shape[2] - k + 1
    output = torch.empty(len(weight), height, width)
    for o in range(len(weight)):
        for i in range(height):
            for j in range(width):
                output[o, i, j] = (weight[o] * image[:, i : i + k, j : j + k]).sum() + bias[o]
    bias += 1
    return output


# %% wrong="n1-conv2d" name="calls-the-library"
# Has llamado a la convolución de la biblioteca: el ejercicio es escribirla tú, con bucles.
def conv2d(image, weight, bias):
    return F.conv2d(image[None], weight, bias)[0]


# %% [markdown]
# ## n1-subsampling


# %% right="n1-subsampling" name="loops"
def subsampling(maps, coefficient, bias):
    C, H, W = maps.shape
    output = torch.zeros(C, H // 2, W // 2)
    for c in range(C):
        for i in range(H // 2):
            for j in range(W // 2):
                total = maps[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].sum()
                output[c, i, j] = 1.7159 * torch.tanh(2 / 3 * (coefficient[c] * total + bias[c]))
    return output


# %% right="n1-subsampling" name="four-times-the-mean"
def subsampling(maps, coefficient, bias):
    total = 4 * F.avg_pool2d(maps, 2)
    return 1.7159 * torch.tanh((coefficient.view(-1, 1, 1) * total + bias.view(-1, 1, 1)) * 2 / 3)


# %% right="n1-subsampling" name="strided-slices"
def subsampling(maps, coefficient, bias):
    total = maps[:, 0::2, 0::2] + maps[:, 0::2, 1::2] + maps[:, 1::2, 0::2] + maps[:, 1::2, 1::2]
    return torch.stack([1.7159 * torch.tanh(2 * (w * m + b) / 3) for m, w, b in zip(total, coefficient, bias)])


# %% equivalent="n1-subsampling"
# Los lados son pares, así que la división es exacta.
# total = maps.reshape(channels, height // 2, 2, width // 2, 2).sum(dim=(2, 4)) => total = maps.reshape(channels, round(height / 2), 2, width // 2, 2).sum(dim=(2, 4))
# total = maps.reshape(channels, height // 2, 2, width // 2, 2).sum(dim=(2, 4)) => total = maps.reshape(channels, height // 2, 2, round(width / 2), 2).sum(dim=(2, 4))


# %% probes="n1-subsampling"
# Un bloque de cuatro unos con coeficiente 0,25 y sesgo 0: suma, multiplica y aplica f en papel.
subsampling(torch.ones(1, 2, 2), torch.tensor([0.25]), torch.zeros(1))
# Con mapas de ceros solo queda el sesgo de cada mapa, que también pasa por f.
subsampling(torch.zeros(6, 28, 28), torch.ones(6), torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
# Con varios mapas, cada uno tiene su coeficiente y su sesgo.
subsampling(torch.arange(108.0).view(3, 6, 6) % 7 / 9 - 0.3, torch.tensor([2, 5, 9]) / 9, torch.tensor([3, -2, 1]) / 9)
# Los mapas que te dan tienen que quedar como estaban.
measuring.changes_its_inputs(subsampling, torch.ones(2, 4, 4), torch.tensor([0.2, 0.5]), torch.tensor([0.3, -0.2]))


# %% wrong="n1-subsampling" name="mean"
# Promedias el bloque, y la capa de 1998 lo suma: te queda la cuarta parte antes de multiplicar por el coeficiente.
def subsampling(maps, coefficient, bias):
    a = coefficient[:, None, None] * F.avg_pool2d(maps, 2) + bias[:, None, None]
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="max"
# Tomas el máximo del bloque: eso es el pooling de hoy. La capa S de 1998 suma los cuatro valores.
def subsampling(maps, coefficient, bias):
    a = coefficient[:, None, None] * F.max_pool2d(maps, 2) + bias[:, None, None]
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="coefficient-along-columns"
# El coeficiente se reparte por las columnas y no por los mapas: es uno por mapa; dale la forma (C, 1, 1).
def subsampling(maps, coefficient, bias):
    a = coefficient * (4 * F.avg_pool2d(maps, 2)) + bias
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="coefficient-per-pixel"
# Un coeficiente por píxel del bloque no: los cuatro valores se suman y la suma se multiplica por el de su mapa.
def subsampling(maps, coefficient, bias):
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).div(10).repeat(maps.shape[1] // 2, maps.shape[2] // 2)
    a = coefficient[:, None, None] * (4 * F.avg_pool2d(maps * weights, 2)) + bias[:, None, None]
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="one-coefficient-for-all"
# Usas el mismo coeficiente y el mismo sesgo en todos los mapas: el mapa c tiene los suyos.
def subsampling(maps, coefficient, bias):
    return 1.7159 * torch.tanh(2 / 3 * (coefficient[0] * 4 * F.avg_pool2d(maps, 2) + bias[0]))


# %% wrong="n1-subsampling" name="no-bias"
# Te has dejado el sesgo: después de multiplicar por el coeficiente, suma el sesgo del mapa.
def subsampling(maps, coefficient, bias):
    a = coefficient[:, None, None] * (4 * F.avg_pool2d(maps, 2))
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="bias-times-coefficient"
# Sumas el sesgo antes de multiplicar: el coeficiente multiplica solo la suma del bloque, y el sesgo va después.
def subsampling(maps, coefficient, bias):
    a = coefficient[:, None, None] * (4 * F.avg_pool2d(maps, 2) + bias[:, None, None])
    return 1.7159 * torch.tanh(2 * a / 3)


# %% wrong="n1-subsampling" name="squashes-first"
# Aplicas f demasiado pronto: primero suma, coeficiente y sesgo, y la tangente hiperbólica al final.
def subsampling(maps, coefficient, bias):
    squashed = 1.7159 * torch.tanh(2 / 3 * (4 * F.avg_pool2d(maps, 2)))
    return coefficient[:, None, None] * squashed + bias[:, None, None]


# %% wrong="n1-subsampling" name="no-squashing"
# Falta el cuarto paso: el resultado pasa por la tangente hiperbólica escalada.
def subsampling(maps, coefficient, bias):
    return coefficient[:, None, None] * (4 * F.avg_pool2d(maps, 2)) + bias[:, None, None]


# %% wrong="n1-subsampling" name="plain-tanh"
# Usas la tangente hiperbólica tal cual: la de LeNet-5 está escalada, para que f(1) = 1.
def subsampling(maps, coefficient, bias):
    return torch.tanh(coefficient[:, None, None] * (4 * F.avg_pool2d(maps, 2)) + bias[:, None, None])


# %% wrong="n1-subsampling" name="scales-only-outside"
# Multiplicas por 1,7159 pero olvidas el 2/3 de dentro: f(1) tiene que valer 1.
def subsampling(maps, coefficient, bias):
    return 1.7159 * torch.tanh(coefficient[:, None, None] * (4 * F.avg_pool2d(maps, 2)) + bias[:, None, None])


# %% wrong="n1-subsampling" name="overlapping"
# Tus bloques se solapan: avanzan de uno en uno. Con paso 2 el lado se reduce a la mitad.
def subsampling(maps, coefficient, bias):
    total = 4 * F.avg_pool2d(maps, 2, stride=1)
    return 1.7159 * torch.tanh(2 / 3 * (coefficient[:, None, None] * total + bias[:, None, None]))


# %% [markdown]
# ## n1-s2-parameters

# %% right="n1-s2-parameters" name="numbers"
s2_parameters = 12
s4_parameters = 32
max_pool_parameters = 0

# %% right="n1-s2-parameters" name="counted"
s2_parameters, s4_parameters = (sum(tensor.numel() for tensor in (torch.ones(c), torch.zeros(c))) for c in (6, 16))
max_pool_parameters = sum(parameter.numel() for parameter in nn.MaxPool2d(2).parameters())

# %% probes="n1-s2-parameters"
# Cuenta qué se aprende en cada capa, y cuántas veces: ¿por mapa, por píxel o por bloque?
s2_parameters
s4_parameters
max_pool_parameters

# %% wrong="n1-s2-parameters" name="all-zero"
# Esa es la respuesta de la diapositiva para el max pooling; en 1998 cada mapa aprendía un coeficiente y un sesgo.
s2_parameters = 0
s4_parameters = 0
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="max-pool-like-s2"
# S2 y S4 están bien, pero al tomar el máximo no hay nada que aprender: ni coeficiente ni sesgo.
s2_parameters = 12
s4_parameters = 32
max_pool_parameters = 12

# %% wrong="n1-s2-parameters" name="no-biases"
# Cuentas el coeficiente de cada mapa, pero no su sesgo.
s2_parameters = 6
s4_parameters = 16
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="four-weights"
# Los cuatro píxeles del bloque comparten un solo coeficiente: no hay un peso por píxel.
s2_parameters = 6 * (4 + 1)
s4_parameters = 16 * (4 + 1)
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="one-pair-for-the-layer"
# Cuentas un coeficiente y un sesgo para toda la capa: hay una pareja por mapa.
s2_parameters = 2
s4_parameters = 2
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="per-pixel"
# Has contado una pareja por píxel de salida: todos los píxeles de un mapa comparten coeficiente y sesgo.
s2_parameters = 2 * 6 * 14 * 14
s4_parameters = 2 * 16 * 5 * 5
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="s4-like-s2"
# S4 no tiene los mismos mapas que S2: vuelve a contar con 16.
s2_parameters = 12
s4_parameters = 12
max_pool_parameters = 0

# %% wrong="n1-s2-parameters" name="one-coefficient-all-kernel"
# Tratas S2 como una convolución completa, que mezcla mapas: aquí cada mapa de salida lee solo el suyo.
s2_parameters = 6 * (6 * 4 + 1)
s4_parameters = 16 * (16 * 4 + 1)
max_pool_parameters = 0

# %% [markdown]
# ## n1-c3-table


# %% right="n1-c3-table" name="numpy-rolls"
def c3_table(maps=6):
    def circle(pattern, count):
        return [np.roll(pattern, i) for i in range(count)]

    three, four, pairs = np.zeros((3, maps), dtype=bool)
    three[:3] = four[:4] = True
    pairs[[0, 1, maps // 2, maps // 2 + 1]] = True
    everything = np.ones(maps, dtype=bool)
    return np.stack([*circle(three, maps), *circle(four, maps), *circle(pairs, maps // 2), everything], axis=1)


# %% right="n1-c3-table" name="torch-distances"
def c3_table(maps=6):
    row = torch.arange(maps)[:, None]
    start = torch.arange(maps)[None, :]
    distance = (row - start) % maps
    pairs = (distance[:, : maps // 2] % (maps // 2)) < 2
    return torch.cat([distance < 3, distance < 4, pairs, torch.ones(maps, 1, dtype=torch.bool)], dim=1)


# %% right="n1-c3-table" name="fills-by-hand"
def c3_table(maps=6):
    table = [[False] * (2 * maps + maps // 2 + 1) for _ in range(maps)]
    for i in range(maps):
        for step in range(4):
            table[(i + step) % maps][maps + i] = True
            if step < 3:
                table[(i + step) % maps][i] = True
        table[i][-1] = True
    for i in range(maps // 2):
        for step in (0, 1, maps // 2, maps // 2 + 1):
            table[(i + step) % maps][2 * maps + i] = True
    return table


# %% equivalent="n1-c3-table"
# El número de mapas es par, así que la división es exacta.
# half = maps // 2 => half = round(maps / 2)
# range gives the numbers of the set
# columns += [set(range(maps))] => columns += [range(maps)]
# half more and half less are the same place of the circle
# columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)] => columns += [{i, i + 1, i - half, i + half + 1} for i in range(half)]
# columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)] => columns += [{i, i + 1, i + half, i - half + 1} for i in range(half)]

# %% probes="n1-c3-table"
# Compara tu tabla con la figura del apartado, columna a columna.
c3_table()
# Dibuja el círculo con 8 mapas y sigue la regla: 8 columnas de tres, 8 de cuatro, 4 de dos parejas y una con todos.
c3_table(8)


# %% wrong="n1-c3-table" name="no-wrap-around"
# No cierras el círculo: detrás del último mapa viene otra vez el 0 (usa el resto, con %).
def c3_table(maps=6):
    half = maps // 2
    columns = [{i, i + 1, i + 2} for i in range(maps)] + [{i, i + 1, i + 2, i + 3} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="stops-at-the-edge"
# Al llegar al borde vuelves a usar el último grupo que cabía, y hay columnas repetidas: cierra el círculo con %.
def c3_table(maps=6):
    half = maps // 2
    columns = [set(range(min(i, maps - 3), min(i, maps - 3) + 3)) for i in range(maps)]
    columns += [set(range(min(i, maps - 4), min(i, maps - 4) + 4)) for i in range(maps)]
    columns += [{j % maps for j in (i, i + 1, i + half, i + half + 1)} for i in range(half)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="repeated-fours"
# Las tres últimas columnas de cuatro repiten otras ya hechas: no son cuatro seguidos, sino dos parejas separadas.
def c3_table(maps=6):
    columns = [{(i + s) % maps for s in range(3)} for i in range(maps)]
    columns += [{(i + s) % maps for s in range(4)} for i in range(maps)]
    columns += [{(i + s) % maps for s in range(4)} for i in range(maps // 2)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="pairs-too-close"
# La segunda pareja no está enfrentada a la primera: empieza a medio círculo, en i + maps / 2.
def c3_table(maps=6):
    columns = [{(i + s) % maps for s in range(3)} for i in range(maps)]
    columns += [{(i + s) % maps for s in range(4)} for i in range(maps)]
    columns += [{(i + s) % maps for s in (0, 1, 2, 4)} for i in range(maps // 2)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="half-fixed-at-three" fails=["rule"]
# Con 6 mapas está bien, pero has dejado un 3 fijo: la segunda pareja empieza a medio círculo, en i + maps / 2.
def c3_table(maps=6):
    columns = [{(i + s) % maps for s in range(3)} for i in range(maps)]
    columns += [{(i + s) % maps for s in range(4)} for i in range(maps)]
    columns += [{(i + s) % maps for s in (0, 1, 3, 4)} for i in range(maps // 2)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="six-written-in" fails=["rule"]
# La tabla de LeNet-5 está bien, pero siempre devuelves la misma: usa `maps` en lugar de 6 y de 3.
def c3_table(maps=6):
    columns = [{(i + s) % 6 for s in range(3)} for i in range(6)]
    columns += [{(i + s) % 6 for s in range(4)} for i in range(6)]
    columns += [{(i + s) % 6 for s in (0, 1, 3, 4)} for i in range(3)] + [set(range(6))]
    return [[row in column for column in columns] for row in range(6)]


# %% wrong="n1-c3-table" name="transposed"
# La tabla está girada: los mapas de S2 van en las filas y los de C3 en las columnas.
def c3_table(maps=6):
    half = maps // 2
    columns = [{i, i + 1, i + 2} for i in range(maps)] + [{i, i + 1, i + 2, i + 3} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)] + [set(range(maps))]
    return [[row in {i % maps for i in column} for row in range(maps)] for column in columns]


# %% wrong="n1-c3-table" name="no-last-column"
# Falta la última columna: el mapa 15 de C3 lee todos los mapas de S2.
def c3_table(maps=6):
    half = maps // 2
    columns = [{i, i + 1, i + 2} for i in range(maps)] + [{i, i + 1, i + 2, i + 3} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)]
    return [[row in {i % maps for i in column} for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="all-connected"
# Has conectado todo con todo: eso es la C3 moderna. En la de 1998 hay 60 conexiones de 96.
def c3_table(maps=6):
    return np.ones((maps, 2 * maps + maps // 2 + 1), dtype=bool)


# %% wrong="n1-c3-table" name="no-pairs"
# Faltan las columnas de dos parejas: detrás de las de cuatro seguidos hay maps / 2 más, antes de la última.
def c3_table(maps=6):
    columns = [{(i + s) % maps for s in range(3)} for i in range(maps)]
    columns += [{(i + s) % maps for s in range(4)} for i in range(maps)] + [set(range(maps))]
    return [[row in column for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="six-pairs"
# Das la vuelta entera con las parejas y cada una sale dos veces: basta con i desde 0 hasta maps / 2 - 1.
def c3_table(maps=6):
    half = maps // 2
    columns = [{i, i + 1, i + 2} for i in range(maps)] + [{i, i + 1, i + 2, i + 3} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(maps)] + [set(range(maps))]
    return [[row in {i % maps for i in column} for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="fours-first"
# Los grupos están, pero en otro orden: primero las columnas de tres, después las de cuatro.
def c3_table(maps=6):
    half = maps // 2
    columns = [{i, i + 1, i + 2, i + 3} for i in range(maps)] + [{i, i + 1, i + 2} for i in range(maps)]
    columns += [{i, i + 1, i + half, i + half + 1} for i in range(half)] + [set(range(maps))]
    return [[row in {i % maps for i in column} for column in columns] for row in range(maps)]


# %% wrong="n1-c3-table" name="counts-from-one"
# Empiezas a contar en 1: la primera columna lee los mapas 0, 1 y 2.
def c3_table(maps=6):
    half = maps // 2
    columns = [{i + 1, i + 2, i + 3} for i in range(maps)] + [{i + 1, i + 2, i + 3, i + 4} for i in range(maps)]
    columns += [{i + 1, i + 2, i + half + 1, i + half + 2} for i in range(half)] + [set(range(maps))]
    return [[row in {i % maps for i in column} for column in columns] for row in range(maps)]


# %% [markdown]
# ## n1-parameter-count


# %% right="n1-parameter-count" name="two-dicts"
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% right="n1-parameter-count" name="asks-torch"
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    parts = {
        "C1": nn.Conv2d(in_channels, 6, 5),
        "S2": nn.MaxPool2d(2),
        "C3": nn.Conv2d(6, 16, 5),
        "S4": nn.MaxPool2d(2),
        "C5": nn.Linear(400, 120),
        "F6": nn.Linear(120, 84),
        "OUTPUT": nn.Linear(84, num_classes),
    }
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    if not modern:
        counts["C3"] -= 36 * 25  # las conexiones que no existen
        counts["S2"], counts["S4"], counts["OUTPUT"] = 12, 32, 0
    return counts


# %% probes="n1-parameter-count"
# La red de 1998, capa a capa: pesos y sesgos de C1, C3, C5 y F6, coeficientes de S2 y S4, y una salida que no aprende.
lenet5_parameters(False)
# La red moderna, capa a capa.
lenet5_parameters(True)
# Los canales de la imagen solo cambian C1; las clases, solo la salida moderna.
lenet5_parameters(False, in_channels=3)
lenet5_parameters(True, in_channels=3, num_classes=26)


# %% wrong="n1-parameter-count" name="full-c3" fails=["original"]
# En la de 1998 has conectado C3 con los seis mapas de S2, y te sobran 900: solo hay los 60 puntos de la tabla.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C3": 2416, "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="no-subsampling" fails=["original"]
# En la de 1998 te faltan 44: los coeficientes y los sesgos de S2 y S4.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "S2": 0, "S4": 0, "C5": 48120, "F6": 10164}
    return counts | ({"C3": 2416, "OUTPUT": 85 * num_classes} if modern else {"C3": 1516, "OUTPUT": 0})


# %% wrong="n1-parameter-count" name="dense-output" fails=["original"]
# En la de 1998 cuentas parámetros en la salida, pero sus diez dibujos de 7 x 12 los fijaron los autores: no se aprenden.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164, "OUTPUT": 85 * num_classes}
    return counts | ({"S2": 0, "C3": 2416, "S4": 0} if modern else {"S2": 12, "C3": 1516, "S4": 32})


# %% wrong="n1-parameter-count" name="rbf-prototypes" fails=["original"]
# En la de 1998 cuentas los 840 valores de los dibujos de la salida: están fijos, no se aprenden.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 840}


# %% wrong="n1-parameter-count" name="always-modern" fails=["original"]
# Das las cuentas de la red moderna en los dos casos: en la de 1998 cambian C3, S2, S4 y la salida.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "S2": 0, "C3": 2416, "S4": 0, "C5": 48120, "F6": 10164}
    return counts | {"OUTPUT": 85 * num_classes}


# %% wrong="n1-parameter-count" name="swapped"
# Tienes las dos redes cambiadas: con modern=False se pide la de 1998.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164}
    if not modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="always-1998" fails=["modern"]
# Das las cuentas de 1998 en los dos casos: en la moderna C3 lee todos los mapas, el pooling no aprende y la salida sí.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    return counts | {"OUTPUT": 0}


# %% wrong="n1-parameter-count" name="partial-c3-in-the-modern" fails=["modern"]
# En la moderna te faltan 900: allí C3 lee los seis mapas de S2, no solo los de la tabla.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C3": 1516, "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="pooling-learns" fails=["modern"]
# En la moderna te sobran 44: el max pooling no aprende nada.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "S2": 12, "S4": 32, "C5": 48120, "F6": 10164}
    return counts | ({"C3": 2416, "OUTPUT": 85 * num_classes} if modern else {"C3": 1516, "OUTPUT": 0})


# %% wrong="n1-parameter-count" name="no-biases"
# Te has dejado los sesgos: hay uno por mapa o por neurona de salida, y en S2 y S4 uno por mapa.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * 25 * in_channels, "C5": 48000, "F6": 10080}
    if modern:
        return counts | {"S2": 0, "C3": 2400, "S4": 0, "OUTPUT": 84 * num_classes}
    return counts | {"S2": 6, "C3": 1500, "S4": 16, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="one-bias-per-kernel"
# En C3 has puesto un sesgo por conexión: es uno por mapa de salida, 16 en total.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 96 * 26, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 60 * 26, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="ignores-input-depth"
# En C3 olvidas la profundidad: cada núcleo tiene 5 x 5 pesos por cada mapa de entrada que lee.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 + 1), "C3": 16 * (25 + 1), "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="ignores-in-channels"
# Con un canal está bien, pero C1 no usa `in_channels`: con 3 canales cada núcleo tiene 3 veces más pesos.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 156, "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="bias-times-channels"
# En C1 multiplicas también el sesgo por los canales: cada mapa de salida tiene uno solo, lea los canales que lea.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * 26 * in_channels, "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="ten-classes-always" fails=["modern"]
# La salida moderna no usa `num_classes`: hay 84 pesos y un sesgo por clase.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 850}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="unpadded-28"
# Has partido de una imagen de 28 x 28 sin relleno: S4 mediría 4 x 4. LeNet-5 recibe 32 x 32, y S4 mide 5 x 5.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1), "C5": 120 * (16 * 4 * 4 + 1), "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 2416, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 12, "C3": 1516, "S4": 32, "OUTPUT": 0}


# %% wrong="n1-parameter-count" name="counts-connections"
# Has contado conexiones: los pesos de una convolución se comparten entre todos los píxeles y se cuentan una vez.
def lenet5_parameters(modern, in_channels=1, num_classes=10):
    counts = {"C1": 6 * (25 * in_channels + 1) * 28 * 28, "C5": 48120, "F6": 10164}
    if modern:
        return counts | {"S2": 0, "C3": 241600, "S4": 0, "OUTPUT": 85 * num_classes}
    return counts | {"S2": 5880, "C3": 151600, "S4": 2000, "OUTPUT": 840}


# %% [markdown]
# ## n1-lenet5-module


# %% right="n1-lenet5-module" name="sequential"
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% right="n1-lenet5-module" name="c5-as-a-convolution"
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.c1, self.c3, self.c5 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Conv2d(16, 120, 5)
        self.f6, self.output = nn.Linear(120, 84), nn.Linear(84, num_classes)
        self.pool, self.relu = nn.MaxPool2d(2, stride=2), nn.ReLU()

    def forward(self, images):
        x = self.pool(self.relu(self.c1(images)))
        x = self.pool(self.relu(self.c3(x)))
        x = self.relu(self.c5(x)).squeeze(3).squeeze(2)
        return self.output(self.relu(self.f6(x)))


# %% right="n1-lenet5-module" name="relu-after-the-pool"
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), (2, 2)))
        x = F.relu(F.max_pool2d(self.conv2(x), (2, 2)))
        x = x.view(x.shape[0], -1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


# %% probes="n1-lenet5-module"
# Las formas de los pesos, en el orden en que se declaran, tienen que ser las de la tabla.
measuring.parameter_shapes(LeNet5)
# Con pesos conocidos salen otras puntuaciones: recorre la tabla capa a capa, con sus ReLU.
measuring.model_output(LeNet5, torch.sin(torch.arange(1024.0)).view(1, 1, 32, 32))
measuring.model_output(LeNet5, torch.sin(torch.arange(2048.0)).view(2, 1, 32, 32))
# La red no puede depender del tamaño del minilote, y no lleva dropout.
measuring.model_output(LeNet5, torch.cos(torch.arange(3072.0)).view(3, 1, 32, 32), training=True)
measuring.model_output(LeNet5, torch.cos(torch.arange(65536.0)).view(64, 1, 32, 32))
# La última capa tiene tantas salidas como clases se pidan.
measuring.model_output(LeNet5, torch.sin(torch.arange(2048.0)).view(2, 1, 32, 32), num_classes=26)


# %% wrong="n1-lenet5-module" name="dropout-always-on" fails=["values"]
# Apagas neuronas al azar, también al evaluar: LeNet-5 no lleva dropout.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Linear(400, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)

    def forward(self, images):
        s2 = F.max_pool2d(F.relu(self.c1(images)), 2)
        s4 = F.max_pool2d(F.relu(self.c3(s2)), 2)
        c5 = F.dropout(F.relu(self.c5(s4.flatten(1))))
        return self.output(F.relu(self.f6(c5)))


# %% wrong="n1-lenet5-module" name="softmax" fails=["values"]
# La softmax sobra: F.cross_entropy ya la lleva dentro. El modelo devuelve logits.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return torch.softmax(self.layers(images), dim=1)


# %% wrong="n1-lenet5-module" name="log-softmax" fails=["values"]
# log_softmax iría con F.nll_loss; con F.cross_entropy se aplica dos veces. Aquí se piden logits, sin nada detrás.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return torch.log_softmax(self.layers(images), dim=1)


# %% wrong="n1-lenet5-module" name="relu-on-the-logits" fails=["values"]
# Has puesto una ReLU detrás de la salida: borra las puntuaciones negativas, y esas clases dejan de aprender.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return torch.relu(self.layers(images))


# %% wrong="n1-lenet5-module" name="no-relu" fails=["values"]
# Faltan las ReLU: sin ellas, las capas completamente conectadas seguidas equivalen a una sola capa lineal.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="relu-only-in-the-convolutions" fails=["values"]
# Hay ReLU detrás de C1 y C3, pero faltan las de C5 y F6.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="relu-only-in-the-dense-layers" fails=["values"]
# Hay ReLU detrás de C5 y F6, pero faltan las de las convoluciones, C1 y C3.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="tanh" fails=["values"]
# Has usado tanh, como en 1998 (pero sin escalar): en la moderna la activación es la ReLU.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="average-pooling" fails=["values"]
# S2 y S4 toman aquí el máximo, y tú promedias: cambia AvgPool2d por MaxPool2d.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="dropout" fails=["values"]
# Has añadido dropout, que es de AlexNet: LeNet-5 calcula lo mismo al entrenar que al evaluar.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Dropout(), nn.Linear(120, 84), nn.ReLU(), nn.Dropout(),
            nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="unpadded-28"
# Has contado con una imagen de 28 x 28: salen 256 números de S4. Con 32 x 32 salen 16 · 5 · 5.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="padding-two"
# Has puesto padding=2 en C1, que es para imágenes de 28 x 28: las de aquí ya vienen rellenadas a 32 x 32.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="padding-two-fitted"
# Con padding=2 en C1 salen 576 números de S4: ese relleno es para imágenes de 28 x 28, y estas ya miden 32 x 32.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(576, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="fixed-batch"
# Has dejado fijo el número de imágenes del minilote al aplanar: usa flatten(start_dim=1) o view(len(x), -1).
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.c1, self.c3 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.c5, self.f6, self.output = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, num_classes)

    def forward(self, images):
        x = F.max_pool2d(torch.relu(self.c1(images)), 2)
        x = F.max_pool2d(torch.relu(self.c3(x)), 2).view(64, 400)
        return self.output(torch.relu(self.f6(torch.relu(self.c5(x)))))


# %% wrong="n1-lenet5-module" name="flattens-the-batch"
# Al aplanar mezclas las imágenes del minilote en un solo vector: conserva el primer eje, con flatten(start_dim=1).
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.c1, self.c3 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.c5, self.f6, self.output = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, num_classes)

    def forward(self, images):
        x = F.max_pool2d(torch.relu(self.c1(images)), 2)
        x = torch.flatten(F.max_pool2d(torch.relu(self.c3(x)), 2))
        return self.output(torch.relu(self.f6(torch.relu(self.c5(x)))))


# %% wrong="n1-lenet5-module" name="no-f6"
# Falta F6: detrás de C5 viene una capa de 84 neuronas antes de la salida. La diapositiva también se la come.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="ten-classes-always" fails=["shapes"]
# La salida tiene 10 neuronas fijas: usa el argumento num_classes.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


# %% wrong="n1-lenet5-module" name="layers-in-a-list"
# Las capas están en una lista de Python y PyTorch no las ve: usa atributos, nn.Sequential o nn.ModuleList.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.steps = [
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        ]  # fmt: skip

    def forward(self, images):
        for step in self.steps:
            images = step(images)
        return images


# %% wrong="n1-lenet5-module" name="no-return"
# `forward` no devuelve nada: termina con un `return`.
class LeNet5(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, images):
        self.layers(images)


# %% [markdown]
# ## n1-train-step


# %% right="n1-train-step" name="clears-at-the-end"
def train_step(model, optimizer, images, labels):
    model.train(True)
    loss = nn.CrossEntropyLoss()(model(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def evaluate(model, data, batch_size=100):
    model.eval()
    losses, hits = [], []
    with torch.inference_mode():
        for x, y in zip(data.test.images.split(batch_size), data.test.labels.split(batch_size)):
            logits = model(x)
            losses.append(F.cross_entropy(logits, y, reduction="none"))
            hits.append(logits.argmax(1) == y)
    return torch.cat(losses).mean().item(), 100 - 100 * torch.cat(hits).double().mean().item()


# %% right="n1-train-step" name="by-hand"
def train_step(model, optimizer, images, labels):
    model.train()
    for parameter in model.parameters():
        parameter.grad = None
    log_probabilities = torch.log_softmax(model(images), dim=1)
    loss = -log_probabilities[torch.arange(len(labels)), labels].mean()
    loss.backward()
    optimizer.step()
    return loss


def evaluate(model, data, batch_size=100):
    model.eval()
    count, loss, wrong = len(data.test.labels), 0, 0
    for start in range(0, count, batch_size):
        x = data.test.images[start : start + batch_size]
        y = data.test.labels[start : start + batch_size]
        with torch.no_grad():
            logits = model(x)
        loss += F.cross_entropy(logits, y) * len(y) / count
        wrong += int((logits.argmax(dim=-1) != y).sum())
    return loss, wrong / count * 100


# %% equivalent="n1-train-step"
# without no_grad the values are the same; it saves memory
# with torch.no_grad(): ; for start in range(0, len(labels), batch_size): ; logits = model(images[start:start + batch_size]) ; batch = labels[start:start + batch_size] ; total_loss += F.cross_entropy(logits, batch, reduction='sum').item() ; wrong += (logits.argmax(dim=1) != batch).sum().item() => for start in range(0, len(labels), batch_size): ; logits = model(images[start:start + batch_size]) ; batch = labels[start:start + batch_size] ; total_loss += F.cross_entropy(logits, batch, reduction='sum').item() ; wrong += (logits.argmax(dim=1) != batch).sum().item()

# %% probes="n1-train-step"
# Repasa las cinco líneas y su orden, y devuelve la pérdida de antes de mover los pesos.
measuring.training_run(train_step, steps=1)
# Un paso sale bien y varios seguidos no: ¿qué queda del paso anterior?
measuring.training_run(train_step, steps=4)
# Se mide en data.test, en modo evaluación, sin tocar los pesos: (pérdida media, error en %).
measuring.evaluation(evaluate, images=12, batch_size=4)
# Con 10 imágenes y minilotes de 4, el último minilote es más corto: cada imagen tiene que pesar lo mismo.
measuring.evaluation(evaluate, images=10, batch_size=4)


# %% wrong="n1-train-step" name="no-zero-grad" fails=["step"]
# Falta optimizer.zero_grad(): PyTorch acumula los gradientes, y cada paso arrastra los anteriores.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="clears-before-the-step" fails=["step"]
# zero_grad está entre backward y step: borras los gradientes justo antes de usarlos, y los pesos no se mueven.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="step-before-backward" fails=["step"]
# optimizer.step() va después de loss.backward(): si mueves antes los pesos, no hay gradientes y backward falla.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="no-train-mode" fails=["step"]
# Falta model.train() en train_step: si vienes de evaluar, el modelo sigue en modo evaluación.
def train_step(model, optimizer, images, labels):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="softmax-twice" fails=["step"]
# En train_step aplicas softmax antes de F.cross_entropy, que ya la lleva dentro: dale los logits tal cual.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(torch.softmax(model(images), dim=1), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="sum-of-losses" fails=["step"]
# En train_step sumas las pérdidas del minilote en lugar de promediarlas: el paso sale tantas veces mayor como imágenes hay.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="loss-after-the-step" fails=["step"]
# Devuelves la pérdida de después de mover los pesos: se pide la de antes, la que ya has calculado.
def train_step(model, optimizer, images, labels):
    model.train()
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    return F.cross_entropy(model(images), labels).item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="no-return" fails=["step"]
# train_step mueve bien los pesos, pero no devuelve la pérdida: falta el `return`.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="no-eval-mode" fails=["evaluate"]
# Falta model.eval() en evaluate: con dropout, la red se evaluaría con neuronas apagadas al azar.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="training-set" fails=["evaluate"]
# Mides en data.train, con imágenes que la red ya ha visto: un buen resultado ahí puede ser memoria. Usa data.test.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.train.images.split(batch_size)])
    labels = data.train.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="validation-set" fails=["evaluate"]
# Mides en data.validation, que sirve para decidir cuándo parar: el resultado final se da con data.test.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.validation.images.split(batch_size)])
    labels = data.validation.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="mean-of-means" fails=["evaluate"]
# Promedias las medias de los minilotes, y el último puede ser más corto: sus imágenes pesan de más. Suma y divide al final.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    losses, errors = [], []
    with torch.no_grad():
        for x, y in zip(data.test.images.split(batch_size), data.test.labels.split(batch_size)):
            logits = model(x)
            losses.append(F.cross_entropy(logits, y).item())
            errors.append(100 * (logits.argmax(1) != y).double().mean().item())
    return sum(losses) / len(losses), sum(errors) / len(errors)


# %% wrong="n1-train-step" name="mean-of-mean-losses" fails=["evaluate"]
# El error está bien, pero la pérdida es una media de medias: si el último minilote es más corto, pesa de más.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    losses, wrong = [], 0
    with torch.no_grad():
        for x, y in zip(data.test.images.split(batch_size), data.test.labels.split(batch_size)):
            logits = model(x)
            losses.append(F.cross_entropy(logits, y).item())
            wrong += (logits.argmax(1) != y).sum().item()
    return sum(losses) / len(losses), 100 * wrong / len(data.test.labels)


# %% wrong="n1-train-step" name="drops-the-last-batch" fails=["evaluate"]
# Te saltas el último minilote cuando es más corto: esas imágenes también cuentan.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    loss, wrong, seen = 0.0, 0, 0
    with torch.no_grad():
        for number in range(len(data.test.labels) // batch_size):
            x = data.test.images[number * batch_size : (number + 1) * batch_size]
            y = data.test.labels[number * batch_size : (number + 1) * batch_size]
            logits = model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            wrong += (logits.argmax(1) != y).sum().item()
            seen += len(y)
    return loss / seen, 100 * wrong / seen


# %% wrong="n1-train-step" name="accuracy" fails=["evaluate"]
# Devuelves el porcentaje de aciertos: se pide el de error, lo que falta hasta 100.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), 100 * (logits.argmax(1) == labels).double().mean().item()


# %% wrong="n1-train-step" name="fraction" fails=["evaluate"]
# Das el error como fracción, entre 0 y 1: se pide en %.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) != labels).double().mean().item()


# %% wrong="n1-train-step" name="swapped-results" fails=["evaluate"]
# Devuelves los dos números al revés: primero la pérdida y después el error.
def train_step(model, optimizer, images, labels):
    model.train()
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, data, batch_size=100):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images in data.test.images.split(batch_size)])
    labels = data.test.labels
    return 100 * (logits.argmax(1) != labels).double().mean().item(), F.cross_entropy(logits, labels).item()
