# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: 'Tema 9: AlexNet y ZFNet'
# ---

# %% [markdown]
# The lecture's slides. `tema9 slides` makes one page of HTML of them; in JupyterLab this is a notebook that runs from
# top to bottom. What stands before the first slide is not shown. The keys of the cells:
#
#     # %% slide="conv1-volume" minutes=3    a slide begins; how long it takes
#     #    notebook=2 live="convolution()"   the notebook it goes with, and what to open there
#     #    appendix=true look="title"        an addition to the original deck; a style of deck.css
#     # %% fragment=true                     comes with the next key press
#     # %% place="right"                     where on the slide; the places are in deck.css, and the cells of a slide
#                                            stand in the order in which it is read
#     # %% [markdown] notes=true             what the lecturer says, in Spanish; right after the slide's first cells
#
# A number on a slide is computed, in an f-string, from the tables of layers or the records. A number that is typed, in
# the notes for instance, is looked up in them by a test. The original deck's words are in English, and so are its
# numbers ("18.2%"); what is ours is in Spanish.

# %%
from IPython.display import HTML, Markdown

from tema9 import figures, models, recipes, records
from tema9.arithmetic import crossing_values, layer_table, spanish
from tema9.classroom.lecture.slides import canvas, drawing

CASE_STUDY = "# Case Study: AlexNet\n\n[Krizhevsky et al. 2012]\n"
WINNERS = "# ImageNet Large Scale Visual Recognition Challenge (ILSVRC) winners\n"
lenet = layer_table("lenet5")
alexnet = layer_table("alexnet_slide")
towers = layer_table("caffenet")  # the same layers in the same order, over two GPUs
conv1, pool1 = alexnet["CONV1"], alexnet["POOL1"]


def volume(shape):
    """(3, 227, 227) as 227x227x3."""
    channels, *sides = shape
    return "x".join(map(str, (*sides, channels)))


def name(row):
    """The deck says MAX POOL1 for POOL1."""
    return f"MAX {row.name}" if row.kind == "MaxPool" else row.name


def filters(row):
    return f"{row.kernel_size}x{row.kernel_size} filters applied at stride {row.stride}"


def band(table, words, height):
    """The volumes of a network across the slide."""
    table.rows = [row for row in table if row.kind != "LRN"]  # it leaves the volume as it is
    labels = {"INPUT": f"[{volume(table.input_shape)}]"} | {row.name: row.volume for row in table}
    return drawing(figures.volumes(table, canvas(1184, height), labels), words)


def first_layers(**labels):
    """The image, CONV1 and POOL1, of which the lecture knows those that have a label."""
    table = layer_table("alexnet_slide")
    table.rows = table.rows[:2]
    labels = {"INPUT": f"[{volume(table.input_shape)}]"} | labels
    words = ", ".join(f"{layer} {label}" for layer, label in labels.items())
    return drawing(figures.volumes(table, canvas(570, 540), labels), f"Lo que sale de cada capa: {words}")


def sliding(row, kind):
    """The first windows of a layer over a row of its input."""
    k, stride = row.kernel_size, row.stride
    words = f"Una fila de píxeles y debajo tres ventanas de {k} px, cada una {stride} px más a la derecha"
    return drawing(figures.first_windows(k, stride, kind, canvas(580, 200)), words)


def one_filter(row):
    """A filter of a convolution and the number of filters."""
    side, channels, count = row.kernel_size, row.in_shape[0], row.out_shape[0]
    words = f"Un filtro es una caja de {side} x {side} x {channels} pesos; la capa tiene {count}"
    return drawing(figures.kernel(side, channels, count, canvas(580, 160)), words)


def one_maximum():
    """What POOL1 does to one window."""
    words = "Una ventana de nueve números, de la que sale uno: el mayor"
    return drawing(figures.maximum([[3, 1, 0], [2, 7, 4], [5, 0, 6]], canvas(580, 170)), words)


def architecture(table):
    """The table of layers as the deck lists it, in the colours of the figures."""
    lines = [("input", f"[{volume(table.input_shape)}]", "INPUT")]
    for row in table:
        scores = " (class scores)" if row is table.rows[-1] else ""
        lines.append((figures.KINDS[row.kind], row.volume, f"<b>{name(row)}</b>: {row.description}{scores}"))
    rows = (
        f'<tr><td>{out}</td><td class="kind" style="--kind: var(--{kind})">{text}</td></tr>'
        for kind, out, text in lines
    )
    return HTML(f'<p>Full (simplified) AlexNet architecture:</p><table class="layers">{"".join(rows)}</table>')


def lanes(bold, words):
    """The two GPUs beside the list of layers, row by row."""
    ax = canvas(230, 33 * (len(towers) + 2))
    ax.figure.set_layout_engine("none")
    ax.set_position([0, 0, 1, 1])
    return drawing(figures.lanes(towers, crossing_values(towers), bold, ax), words)


# %% [markdown] slide="title" minutes=2 look="title"
# # Tema 9: AlexNet y ZFNet

# %%
ax = figures.filters(models.first_layer(), canvas(1040, 520), shared=False)
ax.set_title("", loc="left")
drawing(ax, "96 filtros de 11 por 11 píxeles de una primera capa: bordes en todas las direcciones y manchas de color")

# %% [markdown] notes=true
# De qué va la sesión: la red que ganó en 2012 y la que la afinó en 2013. Los filtros son tantos y tan grandes como los
# de CONV1, pero nuestros: los aprendió una red pequeña que distingue trozos de quince fotografías. Salen también en
# los cuadernos 4 y 6.
#
# **Trampa.** El título original decía «ZeNet». El nombre es ZFNet, por Zeiler y Fergus.
#
# **Preguntar.** ¿Qué hace falta para que una red de 1998 gane en 2012?
#
# **Respuesta.** Más imágenes con etiqueta (1,2 millones), tarjetas gráficas con que entrenar en días, y lo que hace
# posible entrenar una red grande sin que memorice: ReLU, *dropout* y aumento de datos.
#
# **Cuaderno.** Los seis; se empieza por `n1-conv-output-size`.

# %% [markdown] slide="lenet5" minutes=5 notebook=1 live="convolution()"
# # Review: LeNet-5
#
# [LeCun et al., 1998]

# %%
band(lenet, "LeNet-5: lo que sale de cada capa, a escala", 400)

# %%
c1, s2 = lenet["C1"], lenet["S2"]
Markdown(
    f"""
Conv filters were {c1.kernel_size}x{c1.kernel_size}, applied at stride {c1.stride}
Subsampling (Pooling) layers were {s2.kernel_size}x{s2.kernel_size} applied at stride {s2.stride}
i.e. architecture is [CONV-POOL-CONV-POOL-FC-FC]
""".replace("\n", "  \n")
)

# %% [markdown] notes=true
# El repaso: convolución, submuestreo, y al final capas totalmente conectadas. La de hoy es la misma idea, más grande.
#
# **Trampa.** La línea [CONV-POOL-CONV-POOL-FC-FC] se deja una de las tres últimas (C5, F6 y la salida). El
# submuestreo de 1998 sí tenía parámetros: un coeficiente y un sesgo por mapa, 12 en S2 y 32 en S4. La red impresa
# tiene 60 000 parámetros entrenables; la que se escribe hoy, 61 706.
#
# **Preguntar.** De 32 píxeles a 28 con un filtro de 5: ¿adónde van los otros 4?
#
# **Respuesta.** No se pierden: se leen, pero ninguna ventana está centrada en ellos. Una ventana de 5 puede empezar en
# 32 − 5 + 1 = 28 sitios; a cada lado quedan 2 píxeles que nunca son su centro.
#
# **Cuaderno.** `n1-conv-output-size`, `n1-subsampling`, `n1-lenet5-module`.

# %% slide="alexnet" minutes=3 notebook=2 look="names"
Markdown(CASE_STUDY)

# %%
band(layer_table("alexnet_slide"), "AlexNet: lo que sale de cada capa, a escala", 375)

# %%
Markdown("## Architecture:\n\n" + "\n".join(f"- {name(row)}" for row in alexnet))

# %% [markdown] notes=true
# Cinco convoluciones, tres *pooling*, dos normalizaciones y tres capas totalmente conectadas. En la figura, el alto es
# el lado y el ancho los canales: la imagen se encoge mientras los mapas se multiplican.
#
# **Trampa.** La lista pone el *pooling* antes de la normalización: es el orden de CaffeNet. El artículo normaliza
# antes. Se vuelve a ello en la lista completa.
#
# **Preguntar.** ¿En qué capas hay parámetros? ¿Dónde estarán casi todos?
#
# **Respuesta.** En las cinco convoluciones y en las tres totalmente conectadas; ni el *pooling* ni la normalización los
# tienen. El 94 % está en las totalmente conectadas.
#
# **Cuaderno.** `n2-layer-table`.

# %% slide="conv1-volume" minutes=4 notebook=2 live="input_224()"
Markdown(CASE_STUDY)

# %%
FIRST_LAYER = f"""
Input: {volume(alexnet.input_shape)} images

**First layer (CONV1):** {conv1.out_shape[0]} {filters(conv1)}

=>
"""
Markdown(FIRST_LAYER + "\n> Q: what is the output volume size?")

# %% [markdown] notes=true
# Dejar que calculen antes de pulsar: el lado, y después los canales. La pista da el lado, 55; el volumen entero
# sale en la diapositiva siguiente. La figura de abajo es el principio de una fila de la imagen.
#
# **Trampa.** El artículo dice 224, y con 224 la fórmula no da un entero: sale 54 si se redondea hacia abajo. El código
# de 2012 redondea hacia arriba y le salen 55. Las diapositivas toman 227, que da 55 sin redondear.
#
# **Preguntar.** ¿Y si la imagen fuera de 224? ¿Qué píxeles no ve nadie?
#
# **Respuesta.** (224 − 11) / 4 = 53,25: redondeando hacia abajo, 54 posiciones. La última acaba en el píxel 223, así
# que la última fila y la última columna de la imagen no las lee ninguna ventana.
#
# **Cuaderno.** `n2-conv1-volume`, `n2-input-224`.

# %% fragment=true
side = conv1.in_shape[1]
Markdown(f"Hint:  $({side}-{conv1.kernel_size})/{conv1.stride}+1 = {conv1.out_shape[1]}$")

# %% place="below"
sliding(conv1, "convolution")

# %% place="aside"
first_layers(CONV1="?")

# %% slide="conv1-parameters" minutes=3 notebook=2
Markdown(CASE_STUDY)

# %%
Markdown(FIRST_LAYER + f"\nOutput volume **{conv1.volume}**")

# %% [markdown] notes=true
# La respuesta de antes: 96 filtros, 96 mapas, de lado 55. Y la pregunta siguiente; la figura de abajo es un filtro.
#
# **Trampa.** Quien multiplica por el número de posiciones cuenta operaciones, no parámetros: el filtro es el mismo en
# las 3 025 posiciones.
#
# **Preguntar.** ¿Cuántos números tiene un solo filtro? ¿Depende del tamaño de la imagen?
#
# **Respuesta.** 11 × 11 × 3 = 363 pesos y un sesgo, 364. No depende de la imagen: el mismo filtro la recorre entera,
# mida lo que mida.
#
# **Cuaderno.** `n2-conv-params`.

# %% [markdown] fragment=true
# > Q: What is the total number of parameters in this layer?

# %% place="below"
one_filter(conv1)

# %% place="aside"
first_layers(CONV1=conv1.volume)

# %% slide="conv1-parameters-answer" minutes=3 notebook=2
Markdown(CASE_STUDY)

# %%
Markdown(FIRST_LAYER + f"\nOutput volume **{conv1.volume}**")

# %% [markdown] notes=true
# Primero la cuenta, después el redondeo, después los sesgos.
#
# **Trampa.** «35K» esconde dos números: 34 848 pesos, y 34 944 parámetros con los 96 sesgos. En los cuadernos se pide
# siempre cuál de los dos.
#
# **Preguntar.** ¿Qué falta en la cuenta?
#
# **Respuesta.** Los sesgos: uno por filtro, 96.
#
# **Cuaderno.** `n2-conv-params`.

# %% fragment=true
k = conv1.kernel_size
factors = f"({k}*{k}*{conv1.in_shape[0]})*{conv1.out_shape[0]}"
Markdown(f"Parameters:  ${factors} = \\mathbf{{{conv1.weights / 1000:.0f}K}}$")

# %% fragment=true
Markdown(f"{spanish(conv1.weights)} pesos + {conv1.biases} sesgos = **{spanish(conv1.parameters)}**")

# %% place="below"
one_filter(conv1)

# %% place="aside"
first_layers(CONV1=conv1.volume)

# %% slide="pool1-volume" minutes=2 notebook=2
Markdown(CASE_STUDY)

# %%
SECOND_LAYER = f"""
Input: {volume(alexnet.input_shape)} images

After CONV1: {volume(conv1.out_shape)}

**Second layer (POOL1):** {filters(pool1)}
"""
Markdown(SECOND_LAYER + "\n> Q: what is the output volume size?")

# %% [markdown] notes=true
# La misma fórmula sirve para el *pooling*. Las ventanas de 3 con paso 2 se solapan: lo dice el artículo.
#
# **Trampa.** El *pooling* no cambia los canales: siguen siendo 96. Y en AlexNet 3 con paso 2 y 2 con paso 2 dan los
# mismos lados, 27, 13 y 6.
#
# **Preguntar.** ¿Qué lado saldría con ventanas de 2 y paso 2?
#
# **Respuesta.** (55 − 2) / 2 + 1 = 27,5, que se queda en 27: el mismo lado, y sobra un píxel.
#
# **Cuaderno.** `n2-pool1`; también `n3-overlapping`.

# %% fragment=true
Markdown(f"Hint:  $({pool1.in_shape[1]}-{pool1.kernel_size})/{pool1.stride}+1 = {pool1.out_shape[1]}$")

# %% place="below"
sliding(pool1, "pooling")

# %% place="aside"
first_layers(CONV1=conv1.volume, POOL1="?")

# %% slide="pool1-parameters" minutes=2 notebook=2
Markdown(CASE_STUDY)

# %%
Markdown(SECOND_LAYER + f"\nOutput volume: {volume(pool1.out_shape)}")

# %% [markdown] notes=true
# Dejar unos segundos: más de uno multiplicará 3 por 3 por 96. La figura de abajo es lo que hace con una ventana.
#
# **Trampa.** En LeNet-5 la respuesta era otra: su submuestreo tenía 2 parámetros por mapa.
#
# **Preguntar.** ¿Qué aprende un máximo?
#
# **Respuesta.** Nada: no tiene números que se puedan ajustar. Elige uno de los nueve que recibe.
#
# **Cuaderno.** `n2-pool1`, `n1-s2-parameters`.

# %% [markdown] fragment=true
# > Q: what is the number of parameters in this layer?

# %% place="below"
one_maximum()

# %% place="aside"
first_layers(CONV1=conv1.volume, POOL1=pool1.volume)

# %% slide="pool1-parameters-answer" minutes=1 notebook=2
Markdown(CASE_STUDY)

# %%
Markdown(SECOND_LAYER + f"\nOutput volume: {volume(pool1.out_shape)}")

# %% [markdown] notes=true
# Ninguno: el máximo no tiene nada que aprender.
#
# **Trampa.** «El *pooling* no tiene parámetros» vale para el máximo y la media, no para el submuestreo de 1998.
#
# **Preguntar.** ¿Por dónde pasa el gradiente en un máximo?
#
# **Respuesta.** Por el píxel que ganó, entero; los otros ocho de la ventana no reciben nada. La deconvnet de Zeiler y
# Fergus se apunta cuál ganó para poder volver hacia atrás.
#
# **Cuaderno.** `n2-pool1`.

# %% fragment=true
Markdown(f"Parameters: {pool1.parameters}!")

# %% place="below"
one_maximum()

# %% place="aside"
first_layers(CONV1=conv1.volume, POOL1=pool1.volume)

# %% slide="after-pool1" minutes=2 notebook=2 live="layer_editor()"
Markdown(CASE_STUDY)

# %%
Markdown(f"""
Input: {volume(alexnet.input_shape)} images

After CONV1: {volume(conv1.out_shape)}

After POOL1: {volume(pool1.out_shape)}

...
""")

# %% [markdown] notes=true
# Y así hasta el final. Es el momento de abrir el cuaderno y rellenar la tabla entre todos.
#
# **Trampa.** La normalización que viene después no cambia el tamaño ni tiene parámetros; no es *batch norm*.
#
# **Preguntar.** ¿Qué lado entra en CONV3?
#
# **Respuesta.** 13: CONV2, con ventanas de 5 y relleno de 2, conserva los 27, y POOL2 los deja en 13.
#
# **Cuaderno.** `n2-layer-table`.

# %%
rest = layer_table("alexnet_slide")
rest.rows = [row for row in rest if row.kind != "LRN"]
labels = {"INPUT": f"[{volume(rest.input_shape)}]"} | {row.name: "?" for row in rest}
labels |= {row.name: row.volume for row in (conv1, pool1)}
drawing(figures.volumes(rest, canvas(1184, 350), labels), "AlexNet: hasta POOL1 se sabe lo que sale de cada capa")

# %% slide="architecture" minutes=6 notebook=2 live="layer_editor()"
Markdown(CASE_STUDY)

# %% place="left"
architecture(alexnet)

# %% [markdown] notes=true
# Leer la tabla de arriba abajo con los lados: 227, 55, 27, 13, 6. La columna de la derecha sale al pulsar: los
# parámetros de cada capa. Las tres capas totalmente conectadas tienen el 94 % de los 62 378 344.
#
# **Trampa.** «Simplified»: es una sola torre. Con los dos grupos del artículo son 60 965 224, los «60 millones» que
# imprime. Y *pooling* antes de la normalización es el orden de CaffeNet; el autor probó los dos en la primera capa y
# la diferencia cabe en el ruido: 18,71 y 18,57 % de error top-5.
#
# **Preguntar.** ¿Qué capa tiene más parámetros, y por qué?
#
# **Respuesta.** FC6, con 37 752 832: cada una de sus 4 096 neuronas lee las 9 216 activaciones de POOL3, y no comparte
# los pesos con ninguna otra.
#
# **Cuaderno.** `n2-layer-table`, `n2-total-parameters`, `n2-alexnet-module`, `n3-order`.

# %% fragment=true place="right"
most = max(row.parameters for row in alexnet)
bars = "".join(
    f'<tr><td>{spanish(row.parameters)}</td><td class="kind" style="--kind: transparent"><span class="bar" style="'
    f'width: {360 * row.parameters / most:.1f}px; background: var(--{figures.KINDS[row.kind]})"></span></td></tr>'
    for row in alexnet
)
HTML(f'<p>{spanish(alexnet.total("parameters"))} parámetros</p><table class="layers"><tr><td></td></tr>{bars}</table>')

# %% slide="details" minutes=12 notebook=3 live="dropout()"
Markdown(CASE_STUDY)

# %% place="left"
architecture(alexnet)

# %% place="right"
recipe = recipes.DECK
results = {(row["model"], row["networks"]): row for row in records.read("results")}
one, seven = results["AlexNet", 1], results["AlexNet*", 7]
dropout = next(layer.p for layer in alexnet.architecture.layers if layer.name == "DROP6")


def power(number):
    """0.0005 as 5e-4."""
    digits, exponent = f"{number:e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


Markdown(f"""
## Details/Retrospectives:

- first use of ReLU
- used Norm layers (not common anymore)
- heavy data augmentation
- dropout {dropout}
- batch size {recipe.batch_size}
- SGD Momentum {recipe.momentum}
- Learning rate {power(recipe.learning_rate)}, reduced by {1 / recipe.factor:g} manually when val accuracy plateaus
- L2 weight decay {power(recipe.weight_decay)}
- {seven["networks"]} CNN ensemble: {one["top5_val"]}% -> {seven["top5_val"]}%
""")

# %% [markdown] notes=true
# Una línea cada vez; los cuadernos 3 y 4 las recorren todas.
#
# *First use of ReLU.* La ReLU deja pasar lo positivo y no se satura: su pendiente es 1 por mucho que crezca la
# activación. En la figura 1 del artículo, una red de cuatro capas llega con ella al 25 % de error de entrenamiento en
# CIFAR-10 seis veces antes que con tanh. No es su primer uso: el artículo cita a Nair y Hinton (2010).
#
# *Norm layers.* La LRN divide cada activación por la energía de los 5 mapas vecinos, detrás de CONV1 y CONV2. El
# artículo mide 1,4 puntos de top-1 y 1,2 de top-5; VGG la volvió a probar y no ganó nada con ella.
#
# *Heavy data augmentation.* Recortes de 224 píxeles al azar de imágenes de 256, su espejo, y un cambio de color a lo
# largo de las componentes principales, que vale más de un punto de top-1. Al evaluar se promedian diez vistas.
#
# *Dropout.* En cada paso se apaga la mitad de las activaciones de FC6 y FC7, y de ninguna otra capa; al evaluar están
# todas, multiplicadas por 0,5. Dobla más o menos los pasos que hacen falta.
#
# *Batch size.* 128 imágenes por paso, las mismas en las dos GPU: lo que se reparte entre ellas es la red, no las
# imágenes. Son unas 90 épocas, de cinco a seis días.
#
# *SGD Momentum.* La velocidad guarda 0,9 de la del paso anterior; con un gradiente constante el paso crece hasta 10
# veces.
#
# *Learning rate.* Se divide por 10 tres veces, a mano, cuando el error de validación deja de bajar. Las notas de 2012
# dicen en qué épocas (apéndice).
#
# *L2 weight decay.* Va dentro de la actualización, multiplicado por la tasa: cada paso acerca los pesos a cero. Según
# el artículo no solo regulariza: también baja el error de entrenamiento.
#
# *7 CNN ensemble.* De 18,2 a 15,4, en validación, no cambia solo el número de redes: dos de las siete se preentrenaron
# con otros datos. Cinco redes sin ellos dan 16,4.
#
# **Trampas.** «First use» y «7 CNN ensemble» dicen más de lo que pasó; «reduced by 10» es dividir por 10, no restar.
#
# **Preguntar.** ¿Qué cambia entre 18,2 y 15,4, además del número de redes?
#
# **Respuesta.** Los datos y la red: las dos preentrenadas vieron además ImageNet de otoño de 2011 y tienen una sexta
# convolución. Con los mismos datos, promediar cinco redes baja de 18,2 a 16,4.
#
# **Cuaderno.** `n3-lrn`, `n3-dropout`, `n3-pca-lighting`; `n4-rule-2012`, `n4-plateau`, `n4-m2-ensemble-gain`.

# %% slide="two-gpus" minutes=4 notebook=5 live="memory()"
Markdown(CASE_STUDY)

# %% place="left"
architecture(alexnet)

# %% place="lanes"
lanes(["CONV1"], "Las dos GPU: cada una calcula la mitad de los mapas de CONV1")

# %% place="far"
channels, *sides = towers["CONV1"].out_shape
Markdown(f"""
**[{volume((channels // 2, *sides))}] x 2**

Historical note: Trained on GTX 580 GPU with only 3 GB of memory.
Network spread across 2 GPUs, half the neurons (feature maps) on each GPU.
""")

# %% [markdown] notes=true
# Cada GPU lleva la mitad de los mapas: 48 y 48 en CONV1, con la imagen entera en las dos.
#
# **Trampa.** El apartado 3.2 del artículo dice que la red no cabía en una tarjeta de 3 GB. La cuenta sencilla, con
# minilotes de 128, se queda en 2 GiB: el resto son memorias intermedias y copias, que el artículo no detalla. Y fueron
# dos tarjetas, no una.
#
# **Preguntar.** Entrenando, ¿qué ocupa más: los parámetros o las activaciones?
#
# **Respuesta.** Con 128 imágenes, las activaciones: 1 229 MiB con sus gradientes. Los parámetros, con sus gradientes y
# el momento, son 698. Las activaciones crecen con el minilote; los parámetros, no.
#
# **Cuaderno.** `n5-grouped-conv`, `n5-training-bytes`, `n5-m2-three-gigabytes`.

# %% slide="same-gpu" minutes=3 notebook=5 live="two_gpus()"
Markdown(CASE_STUDY)

# %% place="left"
architecture(alexnet)

# %% place="lanes"
crossing = crossing_values(towers)
apart = [row.name for row in towers if row.weights and row.name not in crossing]
lanes(apart, f"Las dos GPU: {', '.join(apart)} leen solo los mapas de la suya")

# %% place="far"
Markdown(
    f"""
**{", ".join(apart)}:**
Connections only with feature maps on same GPU
""".replace(":**\n", ":**  \n")
)

# %% [markdown] notes=true
# La figura que se perdió: dos columnas que no se ven entre sí en CONV2, CONV4 y CONV5. Es una convolución en dos
# grupos: la mitad de los pesos.
#
# **Trampa.** CONV1 no tiene grupos: lee la imagen, que está entera en las dos GPU. Por eso `groups=2` es de CONV2,
# CONV4 y CONV5.
#
# **Preguntar.** ¿Cuántos pesos se ahorra CONV2 con dos grupos?
#
# **Respuesta.** La mitad: 307 200 de 614 400. Cada filtro lee 48 mapas en vez de 96.
#
# **Cuaderno.** `n5-block-diagonal`, `n5-gpu-parameters`.

# %% slide="across-gpus" minutes=4 notebook=5 live="two_gpus()"
Markdown(CASE_STUDY)

# %% place="left"
architecture(alexnet)

# %% place="lanes"
lanes(list(crossing), f"Las dos GPU: {', '.join(crossing)} leen los mapas de las dos")

# %% place="far"
Markdown(
    f"""
**{", ".join(crossing)}:**
Connections with all feature maps in
preceding layer, communication
across GPUs
""".replace(":**\n", ":**  \n")
)

# %% [markdown] notes=true
# Las flechas que cruzan son lo que viaja: en CONV3, 21 632 números en cada sentido por imagen; en FC6, 4 608; en FC7 y
# FC8, 2048.
#
# **Trampa.** Si CONV2 también comunicara, serían 34 992 más, más que todo lo demás junto.
#
# **Preguntar.** ¿Por qué en CONV3 y no en CONV2 o CONV4?
#
# **Respuesta.** Por la cuenta, porque es donde sale más barato: CONV2 leería 34 992 valores de la otra GPU y CONV4,
# 32 448. El artículo no da esa razón: dice que el patrón se elige por validación cruzada, de modo que la comunicación
# sea una parte aceptable del cálculo.
#
# **Cuaderno.** `n5-traffic`, `n5-m1-why-conv3`.

# %% slide="winners" minutes=3 notebook=5
Markdown(WINNERS)

# %%
winners = records.read("winners")
drawing(figures.ranking(winners, ax=canvas(1184, 560)), "Los ganadores de ILSVRC de 2010 a 2017: error top-5 y capas")

# %% [markdown] notes=true
# El concurso entero: de 28,2 % a 2,3 % en siete años. Cada barra es el error top-5 en las imágenes de test. Las barras
# grises son de antes de las redes profundas. La gráfica del curso acaba en 2015: lo de después, y la persona, son los
# errores oficiales.
#
# **Trampa.** Las de 2010 y 2011 se midieron con otras imágenes de test, y las de 2012 en adelante son de varias
# redes promediadas: el número de capas es de una sola.
#
# **Preguntar.** ¿Entre qué dos años está el salto más grande?
#
# **Respuesta.** Entre 2011 y 2012: de 25,8 a 16,4, 9,4 puntos, aunque entre los dos años cambian las imágenes.
#
# **Cuaderno.** `n5-winners`.

# %% slide="winners-2012" minutes=3 notebook=5
Markdown(WINNERS)

# %%
drawing(figures.ranking(winners, (2012, 2013), canvas(1184, 560)), "Los ganadores de 2012 y 2013: AlexNet y ZFNet")

# %% [markdown] notes=true
# Los dos de hoy: AlexNet, la primera red convolucional que gana, y al año siguiente la misma idea, afinada.
#
# **Trampa.** El 16,4 es de cinco redes sin datos de fuera; con ellos, SuperVision bajó a 15,3. Y el 11,7 de 2013 es de
# Clarifai, la empresa de Zeiler, no de la red del artículo: el equipo llamado ZF quedó en 13,51.
#
# **Preguntar.** Con 100 000 imágenes de test, ¿qué diferencia se puede tomar en serio?
#
# **Respuesta.** La que pase de dos errores estándar: con errores cerca del 14 %, unos 0,3 puntos. De 16,4 a 11,7 hay
# 4,7. En las 50 000 de validación, el margen sube a 0,4.
#
# **Cuaderno.** `n5-winners`, `n5-ablation`, `n5-noise`.

# %% [markdown] slide="zfnet" minutes=8 notebook=6 live="occlusion()"
# # ZFNet
#
# [Zeiler and Fergus, 2013]

# %%
band(layer_table("zfnet_paper"), "ZFNet (a), como en la figura 3 de su artículo: lo que sale de cada capa", 325)

# %%
zfnet = layer_table("zfnet_slide_512")
papers = [layer_table(name) for name in ("zfnet_paper", "zfnet_paper_512")]
wide = [row for row in zfnet if row.kind == "Conv" and row.out_shape[0] != alexnet[row.name].out_shape[0]]
change = [f"({t['CONV1'].kernel_size}x{t['CONV1'].kernel_size} stride {t['CONV1'].stride})" for t in (alexnet, zfnet)]
before, after = (", ".join(str(t[row.name].out_shape[0]) for row in wide) for t in (alexnet, zfnet))
chart = {row["year"]: row["chart"] for row in winners}
Markdown(f"""
AlexNet but:

CONV1: change from {change[0]} to {change[1]} _y CONV2, de paso {alexnet["CONV2"].stride} a {papers[0]["CONV2"].stride}_

CONV{",".join(row.name[-1] for row in wide)}: instead of {before} filters use {after} _es la (b); la figura, la (a)_

ImageNet top 5 error: {chart[2012]}% -> {chart[2013]}% _de SuperVision, con cinco redes, a Clarifai, con varias_
""")

# %% [markdown] notes=true
# La figura que el original dejó pendiente, dibujada de la tabla del artículo: 110, 55, 26, 13, 6. Filtros más pequeños
# y paso más corto en la primera capa, porque mirando dentro se vieron filtros muertos y *aliasing*. Lo que va en azul
# es nuestro.
#
# **Trampas.** Con solo lo que dice la diapositiva la red es otra: falta el paso 2 de CONV2 (apéndice). La red (a), la
# de la figura 3, conserva 384, 384, 256; la (b), con 512, 1024, 512, es su variante ancha. Y de 16,4 a 11,7 no hay una
# red: hay dos grupos de varias, el segundo de Clarifai (apéndice).
#
# **Preguntar.** ¿Qué lado sale de CONV1 con 7 y paso 2? ¿Y qué pasa con FC6?
#
# **Respuesta.** Con 227 píxeles, (227 − 7) / 2 + 1 = 111; en la figura 3, con 224 y redondeando hacia arriba, 110. Si
# CONV2 no lleva paso 2, FC6 lee 86 528 números en vez de 9 216.
#
# **Cuaderno.** `n6-literal`, `n6-figure-3`, `n6-aliasing`, `n6-occlusion`, `n6-deconvnet`.

# %% slide="winners-deeper" minutes=2 notebook=6
Markdown(WINNERS)

# %%
deeper = [row["year"] for row in winners if row["year"] and row["year"] > 2013]
drawing(figures.ranking(winners, deeper, canvas(1184, 560)), "Los ganadores desde 2014: redes cada vez más profundas")

# %% [markdown] notes=true
# Y después, más capas: 19, 22, 152, 154. En 2016 ganaron redes de cinco arquitecturas promediadas, de profundidades
# distintas. Eso es el tema siguiente.
#
# **Trampa.** El 5,1 % de «una persona» es de una sola, entrenada para ello; otra que lo intentó falló el 12 %.
#
# **Preguntar.** ¿Qué impedía poner 152 capas en 2012?
#
# **Respuesta.** Entrenarlas. Sin atajos entre capas, una red de 56 tiene más error que una de 20 también en
# entrenamiento (He et al., 2016, figura 1): no es sobreajuste.
#
# **Cuaderno.** `n6-m2-fair-comparison`.

# %% [markdown] slide="references" minutes=1
# # Referencias
#
# - Curso de CNN Stanford : <http://cs231n.stanford.edu/>

# %% [markdown] place="sources"
# Y los trabajos que se citan:
#
# - LeCun, Bottou, Bengio y Haffner (1998), *Gradient-based learning applied to document recognition*
# - Krizhevsky, Sutskever y Hinton (2012), *ImageNet classification with deep convolutional neural networks*
# - Zeiler y Fergus (2014), *Visualizing and understanding convolutional networks*
# - Simonyan y Zisserman (2015), *Very deep convolutional networks for large-scale image recognition*
# - Russakovsky et al. (2015), *ImageNet large scale visual recognition challenge*
# - He, Zhang, Ren y Sun (2016), *Deep residual learning for image recognition*
# - Las notas de las pruebas de 2012: `computerhistory/AlexNet-Source-Code`

# %% [markdown] notes=true
# Las diapositivas siguen la lección 9 de ese curso. Lo que viene detrás es nuestro: cuatro respuestas a preguntas que
# salen siempre.
#
# **Trampa.** El curso cambia cada año: la gráfica de ganadores es la de su edición de 2017, que acaba en 2015.
#
# **Preguntar.** ¿Qué ha quedado sin explicar?
#
# **Respuesta.** Lo que diga la clase. Si nadie pregunta: cómo una red con 60 millones de parámetros no memoriza 1,2
# millones de imágenes. La frenan el aumento de datos, el *dropout* y el decaimiento de pesos; aun así, la (b) de ZFNet
# sobreajusta más que la (a) y falla menos.
#
# **Cuaderno.** `n6-m1-capacity`, para terminar en casa.

# %% [markdown] slide="zfnet-literal" minutes=5 notebook=6 appendix=true look="table"
# # Apéndice: ZFNet al pie de la letra

# %%
tables = {"AlexNet": alexnet, "la diapositiva, al pie de la letra": zfnet, "el artículo, figura 3 (a)": papers[0]}
lines = ["| sale de | " + " | ".join(tables) + " |", "|---|" + "---|" * len(tables)]
for layer in ("CONV1", "POOL1", "CONV2", "POOL2", "CONV5", "POOL3"):
    lines.append(f"| {layer} | " + " | ".join(volume(t[layer].out_shape) for t in tables.values()) + " |")
lines.append("| entradas de FC6 | " + " | ".join(spanish(t["POOL3"].activations) for t in tables.values()) + " |")
lines.append("| parámetros | " + " | ".join(spanish(t.total("parameters")) for t in tables.values()) + " |")
Markdown("\n".join(lines))

# %%
strides = [t["CONV2"].stride for t in (zfnet, papers[0])]
Markdown(f"Lo que falta en la diapositiva: CONV2 con paso {strides[1]}, no {strides[0]}.")

# %% [markdown] notes=true
# Lo que sale si se cambia solo lo que dice la diapositiva: CONV1 deja 111 y POOL1 55, como en el artículo; pero CONV2,
# con paso 1, se queda en 55 donde la del artículo baja a 26, y FC6 recibe 86 528 números en vez de 9 216. Salen
# 386 548 840 parámetros, 6,2 veces los de la figura 3.
#
# **Trampa.** La diferencia no es de los filtros anchos: la red (b) del artículo, con los mismos 512, 1024, 512 y
# paso 2 en CONV2, tiene 107 627 624.
#
# **Preguntar.** Con sus gradientes y su momento, ¿cabrían los parámetros en una tarjeta de 3 GB como las de AlexNet?
#
# **Respuesta.** No: ocupan 4,32 GiB, antes de guardar una sola activación. Los de la figura 3 ocupan 0,70.
#
# **Cuaderno.** `n6-literal`, `n6-figure-3`, `n6-receptive-field`.

# %% [markdown] slide="run-notes" minutes=4 notebook=5 appendix=true
# # Apéndice: el cuaderno de Alex, 2012

# %%
notes = [row for row in records.read("schedule") if row["run"] == 145]
drawing(figures.schedule(notes, canvas(1184, 530)), "La tasa de aprendizaje que se fijó a mano, época a época")

# %% [markdown] notes=true
# De las notas que Krizhevsky guardó junto al código: la red de la figura 2 del artículo. La tasa baja en las épocas 25,
# 51 y 79; CONV1 se frena en la 67 y se congela en la 72; se para en la 91.
#
# **Trampa.** «Reduced by 10» es solo una parte: también se congeló CONV1 y se apagó el ruido de color. Y la tasa es la
# de los pesos: la de los sesgos de CONV2 a FC8 acaba en 0,02, sin bajar.
#
# **Preguntar.** ¿Qué regla automática daría esas épocas?
#
# **Respuesta.** Ninguna exactamente. La más parecida divide la tasa por 10 cuando el error de validación lleva unas
# épocas sin bajar; cuántas épocas esperar hay que elegirlo, y congelar CONV1 no saldría de ella.
#
# **Cuaderno.** `n4-plateau`, `n5-ablation`.

# %% [markdown] slide="fair-comparison" minutes=5 notebook=6 appendix=true look="table"
# # Apéndice: comparar lo comparable

# %%
pairs = [
    ("AlexNet", 1), ("ZFNet (a)", 1), ("ZFNet (b), 512-1024-512", 1),
    ("AlexNet", 5), ("ZFNet (a)", 5), ("AlexNet*", 7), ("ZFNet (a) + (b)", 6),
]  # fmt: skip


def percent(value):
    """With a decimal comma and the digits of the record; nothing for None."""
    return f"{spanish(value, max(1, len(str(value).partition('.')[2])))} %" if value else ""


clarifai = next(row for row in winners if row["year"] == 2013)
lines = ["| redes | modelo | error top-5, validación | test |", "|---|---|---|---|"]
for pair in pairs:
    row = results[pair]
    cells = (row["networks"], row["model"].replace("*", "\\*"), percent(row["top5_val"]), percent(row["top5_test"]))
    lines.append("| " + " | ".join(map(str, cells)) + " |")
lines.append(f"| varias | Clarifai, con los datos dados | | {percent(round(clarifai['supplied'], 1))} |")
lines.append(f"| varias | Clarifai\\*, la que ganó en 2013 | | {percent(round(clarifai['official'], 1))} |")
Markdown("\n".join(lines) + "\n\n\\* algunas, entrenadas además con datos de fuera")

# %% [markdown] notes=true
# Se compara igual con igual: una red, de 18,2 a 16,5 (o 16,0 la ancha); cinco redes, de 16,4 a 15,3. El mejor resultado
# del artículo de Zeiler y Fergus es 14,8, de seis redes.
#
# **Trampa.** El 11,7 y el 11,2 son de Clarifai, la empresa de Zeiler, con redes que no están en el artículo. Ganó la
# del 11,2, que usa datos de fuera.
#
# **Preguntar.** ¿Cómo habría que escribir la última línea de la diapositiva de ZFNet?
#
# **Respuesta.** Con una red y en validación, de 18,2 a 16,5; o con cinco y en test, de 16,4 a 15,3. Y diciendo siempre
# cuántas redes, con qué datos y en qué imágenes.
#
# **Cuaderno.** `n6-m2-fair-comparison`, `n4-m2-ensemble-gain`.

# %% [markdown] slide="official-errors" minutes=2 notebook=5 appendix=true look="table"
# # Apéndice: los errores oficiales

# %%
lines = ["| año | red | de quién | capas | la gráfica | oficial | solo datos dados |", "|---|---|---|---|---|---|---|"]
for row in winners:
    if row["year"]:
        layers = {"shallow": "", None: "varias"}.get(row["layers"], row["layers"])
        label = row["label"].replace(" & ", " y ")
        cells = (
            row["year"],
            label,
            row["team"],
            layers,
            percent(row["chart"]),
            percent(row["official"]),
            percent(row["supplied"]),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
Markdown("\n".join(lines))

# %% [markdown] notes=true
# De dónde sale cada barra: en 2012 y 2013 la gráfica toma la entrada sin datos de fuera; de 2010, 2011, 2014 y 2015,
# la oficial. La gráfica acaba en 2015. VGG no ganó en clasificación: quedó segunda, detrás de GoogLeNet.
#
# **Trampa.** Quien busque «AlexNet top-5» encontrará 15,3, 16,4 y 18,2, y los tres son ciertos. Y la fila que la
# gráfica llama ZFNet es de Clarifai: son suyos el 11,7 y el 11,2.
#
# **Preguntar.** ¿Cuál de los tres es de una sola red?
#
# **Respuesta.** El 18,2, y en validación. El 16,4 es de cinco redes y el 15,3 de siete, dos con datos de fuera.
#
# **Cuaderno.** `n5-winners`, `n5-noise`.
