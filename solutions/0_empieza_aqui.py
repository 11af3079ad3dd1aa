# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   minutes: 10
#   title: 0. Primeros pasos
# ---

# %% [markdown]
# # Tema 9: AlexNet y ZFNet
#
# En 2012 una red convolucional ganó ImageNet con once puntos de ventaja y cambió la visión por computador. En este tema
# la desmontas: repites a mano sus cuentas, escribes sus capas, la entrenas en pequeño con fotos reales, compruebas con
# los apuntes de su autor qué parte de la victoria se debe a cada idea, y miras dentro, como hizo ZFNet un año después.
#
# Esta página no se entrega ni puntúa. Los seis cuadernos sí se entregan y puntúan:
#
# | Cuaderno | Minutos | Puntos |
# |---|---|---|
# | [1. Repaso: LeNet-5](1_lenet5.ipynb) | 200 | 100 |
# | [2. AlexNet capa a capa](2_alexnet_capa_a_capa.ipynb) | 225 | 100 |
# | [3. Dentro de las capas](3_dentro_de_las_capas.ipynb) | 180 | 100 |
# | [4. Entrenar como en 2012](4_entrenamiento.ipynb) | 170 | 100 |
# | [5. Dos GPU, ILSVRC y el cuaderno de Alex](5_dos_gpus_e_ilsvrc.ipynb) | 160 | 100 |
# | [6. ZFNet: mirar dentro y cambiar la red](6_zfnet.ipynb) | 180 | 100 |
#
# Ábrelos desde aquí o desde el panel de la izquierda, en este orden: cada uno se apoya en los anteriores.
#
# Los minutos son una estimación, y cada cuaderno los reparte por apartados: se cuentan 175 palabras y 5 líneas de código
# leídas por minuto, 3 minutos por cada predicción y uno por cada punto. Puedes necesitar bastante más o bastante menos.

# %% [markdown]
# ## Cómo se trabaja
#
# 1. **Escribe** donde pone `ESCRIBE TU CÓDIGO AQUÍ` o `ESCRIBE TU RESPUESTA AQUÍ`. Lo que añadas en otras celdas te
#    sirve a ti, pero al corregir no se ejecuta.
# 2. **Ejecuta** una celda con *Mayúsculas + Intro*. Si cierras el cuaderno, al volver hay que ejecutarlo otra vez desde
#    el principio.
# 3. **Comprueba** con la celda de debajo, `tema9.check("...")`: te dice si está bien y, si reconoce el error, cuál es
#    su causa. Puedes repetirla cuantas veces quieras; no quita puntos. ¿Te atascas? Escribe en una celda nueva
#    `tema9.hint("n1-conv2d")`, con el nombre del ejercicio: da una pista, y otra cada vez que la ejecutas.
# 4. Cuando termines un cuaderno, pulsa **Validate**, arriba: ejecuta tus respuestas en limpio y dice cuáles pasan. Si tu
#    programa no tiene ese botón (VS Code, Colab, Kaggle), la última celda de esta página hace lo mismo.
#
# ## Cómo se entrega
#
# Pulsa ▶▶ en la barra y confirma: reinicia el núcleo y lo ejecuta todo. Guarda, y entrega el fichero `.ipynb` en el aula
# virtual **sin cambiarle el nombre**. Si te faltan ejercicios, entrégalo igual: cada uno se corrige por separado.
#
# ## Sin GPU, sin red
#
# No hace falta GPU: todo está pensado para un portátil con 2 núcleos. Tampoco hace falta red: los datos vienen con el
# paquete y los experimentos largos traen sus resultados. Si tienes GPU, las mismas celdas la usan donde compensa.
#
# Para interrumpir una celda que tarda demasiado, pulsa el cuadrado ■ de la barra. El cuaderno sigue sirviendo.

# %% [markdown]
# ## Tu máquina
#
# La columna de la derecha es lo que tarda en ejecutarse el cuaderno entero, ya resuelto, con 2 núcleos y sin GPU.

# %%
try:
    from tema9 import doctor, progress
except ModuleNotFoundError:
    # Aquí no está instalado el paquete del curso; en Colab, sube antes su zip a la carpeta.
    from glob import glob

    found = [*glob("../pyproject.toml"), *glob("/kaggle/input/**/pyproject.toml", recursive=True)]
    where = found[0].removesuffix("/pyproject.toml") if found else "tema9-estudiantes.zip"
    install = f"%pip install --quiet --no-deps {where}"
    raise ModuleNotFoundError(f"ejecuta antes, en otra celda: {install}") from None

doctor.summary()

# %% [markdown]
# Si algo no funciona, esta celda mira qué falta y cómo se arregla:

# %%
_ = doctor.say(doctor.examine("."))

# %% [markdown]
# ## Lo que llevas
#
# Ejecuta tus respuestas **guardadas** en un proceso aparte, sin tocar los cuadernos abiertos, y cuenta los ejercicios que
# pasan. Tarda unos segundos por cuaderno empezado.

# %%
progress.report()

# %% [markdown]
# ## Glosario
#
# Los términos de los cuadernos, en español y como los encontrarás en los artículos y en el código:
#
# GLOSARIO
