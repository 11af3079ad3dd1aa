"""Every number in the notebooks' prose is computed by the package or listed with its source.

`CLAIMS` has phrases of a notebook in which each {} is a number that is computed here; they bind the small numbers too.
`computed` has further numbers of a notebook, and `ELSEWHERE` those that nothing here can compute. A number of three
digits or more, or with a comma, that is in none of them fails.
"""

import functools
import re
import statistics

import pytest
import torch
from test_prose import prose

from tema9 import data, experiments, layer_table, layers, records
from tema9.arithmetic import MIB, crossing_values, output_size, spanish
from tema9.experiments import first_layer
from tema9.recipes import ALEXNET_2012, ALEXNET_2012_CODE, ALEXNET_MINI, LENET5_DIGITS

LENET, LENET_1998 = layer_table("lenet5"), layer_table("lenet5_1998")
SLIDE, PAPER, SLIDE_224 = layer_table("alexnet_slide"), layer_table("alexnet_paper"), layer_table("alexnet_slide", 224)
ZFNET, WIDE, LITERAL = (layer_table(name) for name in ("zfnet_paper", "zfnet_paper_512", "zfnet_slide_512"))
MINI = layer_table("alexnet_mini")
DIGITS, TEXTURES = data.digits(), data.textures()
FACTORS = experiments.read("one_factor")
RACES = experiments.read("relu_or_tanh")
RUNS = {(str(row["run"]), row["views"]): row for row in records.read("runs")}
RESULTS = {(row["model"], row["networks"]): row for row in records.read("results")}
WINNERS = {row["year"]: row for row in records.read("winners") if row["won"] == "yes"}
# Zeiler and Fergus (2014), table 3: (training, validation top-1, validation top-5) of their two networks, in %.
TABLE_3 = {"a": (33.1, 38.4, 16.5), "b": (18.8, 37.5, 16.0)}


def percent(part: float, whole: float, decimals: int = 0) -> str:
    return spanish(100 * part / whole, decimals)


def share(table, kinds, quantity):
    return sum(getattr(row, quantity) for row in table if row.kind in kinds) / table.total(quantity) * 100


def sides(table, *names):
    return [table[name].out_shape[-1] for name in names]


def epochs_to_the_goal(nonlinearity, rate):
    return [
        row["epochs"] for row in RACES if (row["nonlinearity"], row["rate"]) == (nonlinearity, rate) and row["reached"]
    ]


def error(run, key="top5_error", views="multi", decimals=2):
    return spanish(100 * RUNS[run, views][key], decimals)


def standard_error(p, images):
    return 100 * (p * (1 - p) / images) ** 0.5


def training_gib(table, relu_in_place):
    """As the exercise n5-training-bytes counts, with a batch of 128."""
    relu = sum(row.activations for row in table if row.kind in ("Conv", "Linear") and row.name != "FC8")
    values = sum(row.activations for row in table) + (0 if relu_in_place else relu)
    return 4 * (3 * table.total("parameters") + 128 * (3 * 227**2 + 2 * values)) / 2**30


RELU, TANH = (epochs_to_the_goal(name, 0.1) for name in ("ReLU", "tanh"))
CROSSING = crossing_values(PAPER)
CONV2_CROSSES, CONV4_CROSSES = (
    PAPER[name].out_shape[0] * PAPER[name].out_shape[1] ** 2 // 2 for name in ("POOL1", "CONV3")
)
SHARE = {kind: {q: share(SLIDE, [kind], q) for q in ("parameters", "multiply_adds")} for kind in ("Conv", "Linear")}
BIG = ("CONV2", "CONV4", "CONV5")

CLAIMS = {
    1: [
        ("El fondo vale −{} y la tinta {},", [spanish(-data.BACKGROUND, 1), spanish(DIGITS.train.images.max(), 3)]),
        (
            "la media lo cumple ({}); la varianza, con tanto fondo, se queda en {}.",
            [spanish(DIGITS.train.images.mean(), 2), spanish(DIGITS.train.images.var(), 2)],
        ),
        (
            "Los datos de hoy son {} dígitos reales de MNIST, {} de cada clase",
            [5000, sum(int((part.labels == 0).sum()) for part in (DIGITS.train, DIGITS.validation, DIGITS.test))],
        ),
        (
            "{} para entrenar (*train*), {} para decidir (*validation*) y {} para informar",
            [len(part) for part in (DIGITS.train, DIGITS.validation, DIGITS.test)],
        ),
        ("El de C3 mide {} × {} píxeles", 2 * [LENET["C3"].receptive_field]),
        ("Con 7 y con 8 píxeles salen {} posiciones", [output_size(7, 3, 2)]),
        ("Con 28 píxeles y sin relleno entran {} números, y no {}", [16 * 4**2, LENET["S4"].activations]),
        ("zonas planas (±{})", [spanish(float(layers.scaled_tanh(torch.tensor(100.0))), 4)]),
        ("La tabla tiene {} puntos de los {} posibles", [60, 6 * 16]),
        ("60 · 25 + 16 = {} parámetros en C3", [LENET_1998["C3"].parameters]),
        (
            "De {} a {} hay tres cambios: {} de más en C3, {} de menos en el submuestreo y {} de más en la salida.",
            [
                LENET_1998.total("parameters"),
                LENET.total("parameters"),
                LENET["C3"].parameters - LENET_1998["C3"].parameters,
                LENET_1998["S2"].parameters + LENET_1998["S4"].parameters,
                LENET["OUTPUT"].parameters,
            ],
        ),
        (
            "C1 tiene {} parámetros y {} conexiones ({} · 28 · 28), y la red entera, {}.",
            [
                156,
                156 * 28**2,
                156,
                156 * 28**2 + 5 * 6 * 14**2 + 1516 * 10**2 + 5 * 16 * 5**2 + 48120 + 10164 + 84 * 10,
            ],
        ),
        ("120 · (400 + 1) = {}.", [LENET_1998["C5"].parameters]),
        ("recibiría 16 · 6 · 6 = {} y fallaría", [16 * output_size(output_size(36, 5) // 2, 5) ** 2 // 4]),
        ("({} y {} parámetros)", [LENET_1998["S2"].parameters, LENET_1998["S4"].parameters]),
        ("({} parámetros y no {})", [LENET_1998["C3"].parameters, LENET["C3"].parameters]),
        (
            "divide por {} la tasa de aprendizaje (*learning rate*) cuando lleva {} épocas",
            [spanish(1 / LENET5_DIGITS.factor), LENET5_DIGITS.patience],
        ),
        ("(decaimiento de pesos, *weight decay*, de {})", [spanish(LENET5_DIGITS.weight_decay, 3)]),
        ("tienes {} veces menos", [60000 // len(DIGITS.train)]),
        ("una permutación de los {} píxeles", [32**2]),
        ("LeNet-5 ({} parámetros)", [LENET.total("parameters")]),
        ("con una capa oculta de {} neuronas ({})", [60, 60 * (32**2 + 1) + 10 * 61]),
        ("tienen el {} % de los parámetros", [spanish(share(LENET, ["Linear"], "parameters"))]),
    ],
    2: [
        ("Hay {} líneas", [len(SLIDE)]),
        ("AlexNet tiene {} capas: son las que tienen parámetros", [sum(bool(row.weights) for row in SLIDE)]),
        (
            "El volumen mayor es el de CONV1: {} números, casi el doble que la propia"
            " imagen, que tiene 227×227×3 = {}.",
            [SLIDE["CONV1"].activations, 3 * 227**2],
        ),
        ("y da $(227 - 11) / 4 = {}$ saltos", [(227 - 11) // 4]),
        ("vale {} y cuenta solo los pesos", [SLIDE["CONV1"].weights]),
        ("son {} más, {} parámetros", [SLIDE["CONV1"].biases, SLIDE["CONV1"].parameters]),
        (
            "trabaja sobre 27×27×96 = {} valores en vez de 55×55×96 = {}, que son {} veces más",
            [
                SLIDE["NORM1"].activations,
                PAPER["NORM1"].activations,
                spanish(PAPER["NORM1"].activations / SLIDE["NORM1"].activations, 2),
            ],
        ),
        (
            "de {} % normalizando primero (prueba 131) y de {} % con el *pooling* primero (prueba 120)",
            [error("131"), error("120-2012")],
        ),
        (
            "El {} % está en las tres capas FC, y FC6 sola tiene el {} %",
            [spanish(SHARE["Linear"]["parameters"]), percent(SLIDE["FC6"].parameters, SLIDE.total("parameters"), 1)],
        ),
        ("POOL3, {}, con {} neuronas", [SLIDE["POOL3"].activations, SLIDE["FC6"].out_shape[0]]),
        (r"$11 \times 11 \times 3 = {}$ multiplicaciones-suma", [SLIDE["CONV1"].weights // 96]),
        (
            "hacen el {} % del trabajo con el {} % de los parámetros",
            [spanish(SHARE["Conv"]["multiply_adds"]), spanish(SHARE["Conv"]["parameters"])],
        ),
        (
            "CONV2: {} pesos usados 27×27 = {} veces cada uno. FC6 tiene {} veces más pesos",
            [
                SLIDE["CONV2"].weights,
                SLIDE["CONV2"].multiply_adds // SLIDE["CONV2"].weights,
                SLIDE["FC6"].weights // SLIDE["CONV2"].weights,
            ],
        ),
        (
            "= {} bytes. No es lo mismo que 1 MB, que son $10^6$ bytes: con MB salen números un {} % mayores.",
            [MIB, spanish(100 * (MIB / 1e6 - 1), 1)],
        ),
        (
            "– {} – {} – {} – {} – {} – {} – {}",
            [PAPER[name].activations for name in ("CONV2", "CONV3", "CONV4", "CONV5", "FC6", "FC7", "FC8")],
        ),
        (
            "Con el número correcto, {}, la red tiene {} neuronas; con el del pie tendría {}.",
            [
                PAPER["CONV1"].activations,
                sum(row.activations for row in PAPER if row.weights),
                sum(row.activations for row in PAPER if row.weights) - PAPER["CONV1"].activations + 253440,
            ],
        ),
        (r"+ 1 = {}$$", [spanish((224 - 11) / 4 + 1, 2)]),
        (
            "salen {}, y la cadena ya no es {}, {}, {}, {}, sino {}, {}, {}, {}: a FC6 llegarían {} números y no {}.",
            [
                54,
                *sides(SLIDE, "CONV1", "POOL1", "POOL2", "POOL3"),
                *sides(SLIDE_224, "CONV1", "POOL1", "POOL2", "POOL3"),
                SLIDE_224["POOL3"].activations,
                SLIDE["POOL3"].activations,
            ],
        ),
        (
            "Con 224 salen {}. La última ventana empieza en el píxel {} y termina en el"
            " {}, pero la imagen acaba en el {}:"
            " le faltan {} píxeles",
            [output_size(224, 11, 4, rounding="ceil"), 54 * 4, 54 * 4 + 10, 223, 54 * 4 + 11 - 224],
        ),
        ("a FC6 le llegan {} números y el total cambia", [SLIDE_224["POOL3"].activations]),
        ("son {} multiplicaciones-suma", [SLIDE.total("multiply_adds")]),
        (r"$11 + 2 \times 4 = {}$", [SLIDE["POOL1"].receptive_field]),
        (
            "POOL3 llega a {} píxeles de los 227, con un paso efectivo de {}",
            [SLIDE["POOL3"].receptive_field, SLIDE["POOL3"].effective_stride],
        ),
        ("lee las {} posiciones de POOL3", [SLIDE["POOL3"].out_shape[-1] ** 2]),
        (
            "CONV3 tiene el {} % y CONV4 el {} %",
            [percent(PAPER[name].parameters, PAPER.total("parameters"), 2) for name in ("CONV3", "CONV4")],
        ),
        ("La red de la diapositiva tiene {} millones", [spanish(SLIDE.total("parameters") / 1e6, 1)]),
        (
            "CONV2 {}, CONV4 {}, CONV5 {}; suman {}.",
            [*(SLIDE[name].weights for name in BIG), sum(SLIDE[name].weights for name in BIG)],
        ),
        (
            "es decir, {} menos. Y {} − {} = {}, que el resumen redondea a 60 millones ({} sería más exacto)",
            [
                sum(SLIDE[name].weights for name in BIG) // 2,
                SLIDE.total("parameters"),
                sum(SLIDE[name].weights for name in BIG) // 2,
                PAPER.total("parameters"),
                spanish(PAPER.total("parameters") / 1e6),
            ],
        ),
        ("son {} en ambas redes", [SLIDE.total("biases")]),
        ("un redondeo de {}", [spanish(PAPER.total("parameters") / 1e6, 2)]),
        (
            "tiene {} parámetros, el {} % en las FC, y cuesta {} multiplicaciones-suma por"
            " imagen, el {} % en las convoluciones",
            [
                SLIDE.total("parameters"),
                spanish(SHARE["Linear"]["parameters"]),
                SLIDE.total("multiply_adds"),
                spanish(SHARE["Conv"]["multiply_adds"]),
            ],
        ),
    ],
    3: [
        (
            "sin solape (prueba 147) los errores son {} % y {} %; con solape (prueba 145), {} % y {} %",
            [error(run, key) for run in ("147", "145") for key in ("top1_error", "top5_error")],
        ),
        ("no llegaron en {} épocas", [spanish(max(row["epochs"] for row in RACES if not row["reached"]))]),
        ("con {} dígitos, y el registro", [len(DIGITS.train)]),
        (
            "La mejor de ambas es 0,1: la ReLU llega en {} épocas de media (de {} a {}) y la tanh en {} (de {} a {}).",
            [spanish(value, 2) for times in (RELU, TANH) for value in (statistics.mean(times), min(times), max(times))],
        ),
        ("**gana la tanh**, {} veces", [spanish(statistics.mean(RELU) / statistics.mean(TANH), 1)]),
        (
            "la ReLU llega en unas {} épocas y la tanh no llega en 16",
            [spanish(statistics.mean(epochs_to_the_goal("ReLU", 0.003)))],
        ),
        (
            "de {} % (top-1) y {} % (top-5), y con la LRN delante (prueba 131), de {} % y {} %",
            [error(run, key) for run in ("120-2012", "131") for key in ("top1_error", "top5_error")],
        ),
        (r"$33 \cdot 33 \cdot 2 = {}$", [2 * 33**2]),
        (
            "quitar la LRN costaba {} puntos de top-1 y {} de top-5",
            [spanish(records.difference("148", "145", key)[0], 1) for key in ("top1_error", "top5_error")],
        ),
        (
            "baja el error {} y {} puntos",
            [spanish(records.difference("147", "145", key)[0], 1) for key in ("top1_error", "top5_error")],
        ),
        (
            "bajó el top-1 del {} al {} % y el top-5 del {} al {} %",
            [error("145-2010", key, views, 1) for key in ("top1_error", "top5_error") for views in ("centre", "multi")],
        ),
        ("recortes de {} píxeles de trozos de fotografías de {}", [ALEXNET_MINI.crop, TEXTURES.train.images.shape[-1]]),
        ("Con {} imágenes el error estándar ronda los 2 puntos", [len(TEXTURES.test)]),
    ],
    4: [
        ("una red que distingue {} trozos de {} fotografías", [first_layer.CLASSES, "quince"]),
        (
            r"v_{{i+1}} = {} \, v_i - {} \, \epsilon",
            [spanish(ALEXNET_2012.momentum, 1), spanish(ALEXNET_2012.weight_decay, 4)],
        ),
        ("que empieza en {};", [spanish(ALEXNET_2012.learning_rate, 2)]),
        (
            "bajó la tasa en las épocas {}, {} y {}, y paró en la {}",
            [
                row["epoch"]
                for row in records.read("schedule")
                if str(row["run"]) == "145-2010"
                and (row["what"] == "stop" or (row["what"] == "learning_rate" and "all" in (row["layers"] or "")))
            ],
        ),
        (
            "empiezan con el **doble** de tasa, {}, y",
            [spanish(ALEXNET_2012_CODE.bias_rate * ALEXNET_2012_CODE.learning_rate, 2)],
        ),
        (
            "la tasa de los pesos acaba en {} y la de los sesgos sigue en {}",
            [
                spanish(min(row["to"] for row in records.read("schedule") if row["layers"] == "all but CONV1"), 5),
                spanish(ALEXNET_2012_CODE.bias_rate * ALEXNET_2012_CODE.learning_rate, 2),
            ],
        ),
        ("para recortes de {} × {} píxeles", 2 * [ALEXNET_MINI.crop]),
        (
            "van del {} al {} %",
            [
                spanish(edge(row["test_error"] for row in FACTORS if row["variant"] == "sin momento"))
                for edge in (min, max)
            ],
        ),
        ("con {}, un error del 20 % ya tiene un error estándar", [len(TEXTURES.test)]),
        ("la red tiene {} veces menos parámetros", [spanish(PAPER.total("parameters") / MINI.total("parameters"))]),
        (
            r"$\sqrt{{0,2 \cdot 0,8 / {}}}$, {} puntos",
            [len(TEXTURES.test), spanish(standard_error(0.2, len(TEXTURES.test)))],
        ),
        ("hay {} imágenes y las clases son texturas", [len(TEXTURES.train)]),
        ("| 1 CNN | {} % | no se dio |", [spanish(RESULTS["AlexNet", 1]["top5_val"], 1)]),
        ("| 5 CNN | {} % | {} % |", [spanish(RESULTS["AlexNet", 5][key], 1) for key in ("top5_val", "top5_test")]),
        ("| 1 CNN* | {} % | no se dio |", [spanish(RESULTS["AlexNet*", 1]["top5_val"], 1)]),
        ("| 7 CNN* | {} % | {} % |", [spanish(RESULTS["AlexNet*", 7][key], 1) for key in ("top5_val", "top5_test")]),
        (
            "los {} puntos no son el efecto",
            [spanish(RESULTS["AlexNet", 1]["top5_val"] - RESULTS["AlexNet*", 7]["top5_val"], 1)],
        ),
        (
            "de 18,2 a 16,4, {} puntos",
            [spanish(RESULTS["AlexNet", 1]["top5_val"] - RESULTS["AlexNet", 5]["top5_val"], 1)],
        ),
    ],
    5: [
        ("subió de {} a {} % (prueba 150)", [error("145"), error("150")]),
        (
            "{} puntos mayor que la de dos (prueba `145-half`",
            [spanish(records.difference("145-half", "145-2010")[0], 2)],
        ),
        ("antes de CONV3 cruzan {} valores", [CROSSING["CONV3"]]),
        ("ya son de {}x{}; antes de CONV2 serían {}", [*2 * sides(PAPER, "POOL2"), CONV2_CROSSES]),
        ("el error sube {} puntos: las dos", [spanish(records.difference("150", "145")[0], 2)]),
        ("CONV4 ({} valores)", [CONV4_CROSSES]),
        ("CONV3 {}; CONV2 {}; CONV4 {}", [CROSSING["CONV3"], CONV2_CROSSES, CONV4_CROSSES]),
        (
            "entre {} y {} GiB según el orden",
            [
                spanish(edge(training_gib(table, place) for table in (SLIDE, PAPER) for place in (True, False)), 1)
                for edge in (min, max)
            ],
        ),
        ("sube el error {} puntos. ¿Es mucho?", [spanish(records.difference("120-2012", "131")[0], 2)]),
        (
            "de las épocas {} y {} son de los pesos de toda la red; la tercera llega"
            " antes a CONV1 ({}) que a las demás ({})."
            " CONV1 se congela del todo en la {}, y en la {} se apaga",
            [
                25,
                51,
                *(
                    next(
                        row["epoch"]
                        for row in records.read("schedule")
                        if str(row["run"]) == "145" and (row["what"], row["layers"], row["to"]) == wanted
                    )
                    for wanted in (
                        ("learning_rate", "CONV1", 1e-5),
                        ("learning_rate", "all but CONV1", 1e-5),
                        ("learning_rate", "CONV1", 0),
                        ("colour_noise", "input", 0),
                    )
                ),
            ],
        ),
        ("son {} valores por imagen y sentido", [sum(CROSSING.values())]),
        (
            "- {} o {}; {} u {}:",
            [spanish(WINNERS[year][key], 1) for year in (2012, 2013) for key in ("official", "supplied")],
        ),
        ("Los errores {} y {} no son aquellos", [spanish(WINNERS[year]["chart"], 1) for year in (2012, 2013)]),
    ],
    6: [
        (
            "si en AlexNet eran {}? ¿Cuántos parámetros tendrá la red, si AlexNet tenía {} millones?",
            [SLIDE["POOL3"].activations, spanish(SLIDE.total("parameters") / 1e6)],
        ),
        (
            "CONV1 {}, POOL1 {}, CONV2 {}, POOL2 {}, CONV3 a CONV5 {}, POOL3 {}",
            sides(ZFNET, "CONV1", "POOL1", "CONV2", "POOL2", "CONV4", "POOL3"),
        ),
        ("vuelven a entrar {} números en FC6", [ZFNET["POOL3"].activations]),
        ("los filtros son {}, {}, {}, {} y {}", [row.out_shape[0] for row in ZFNET if row.kind == "Conv"]),
        (
            "yerra el {} % de top-1 **en entrenamiento**; la de la figura 3, el {} %",
            [spanish(TABLE_3[one][0], 1) for one in "ba"],
        ),
        ("En validación los errores son {} y {} %", [spanish(TABLE_3[one][1], 1) for one in "ba"]),
        (
            "en validación ({} puntos de top-1, {} de top-5) y mucho en entrenamiento ({}"
            " puntos): la distancia entre los dos"
            " errores pasa de {} a {} puntos",
            [
                *(spanish(TABLE_3["a"][k] - TABLE_3["b"][k], 1) for k in (1, 2, 0)),
                *(spanish(TABLE_3[one][1] - TABLE_3[one][0]) for one in "ab"),
            ],
        ),
        ("con {} millones de parámetros más", [spanish((WIDE.total("parameters") - ZFNET.total("parameters")) / 1e6)]),
        (
            "El {} % de los parámetros está en las capas totalmente conectadas",
            [spanish(share(ZFNET, ["Linear"], "parameters"))],
        ),
        ("la diapositiva da {} parámetros", [LITERAL.total("parameters")]),
        (
            "una red, validación: AlexNet {} ({} la copia de Zeiler y Fergus) contra ZFNet"
            " {}: {} o {} puntos; {} con la ancha",
            [
                spanish(value, 1)
                for value in (
                    18.2,
                    18.1,
                    16.5,
                    18.1 - 16.5,
                    18.2 - 16.5,
                    RESULTS["ZFNet (b), 512-1024-512", 1]["top5_val"],
                )
            ],
        ),
        (
            "16,4 es el error en test de **cinco** AlexNet promediadas, solo con los datos dados. {} no es",
            [spanish(WINNERS[2013]["chart"], 1)],
        ),
        (
            "cinco redes, test: AlexNet {} contra ZFNet {}: {} puntos",
            [
                spanish(value, 1)
                for value in (
                    RESULTS["AlexNet", 5]["top5_test"],
                    RESULTS["ZFNet (a)", 5]["top5_test"],
                    RESULTS["AlexNet", 5]["top5_test"] - RESULTS["ZFNet (a)", 5]["top5_test"],
                )
            ],
        ),
        ("son seis redes: {} en test", [spanish(RESULTS["ZFNet (a) + (b)", 6]["top5_test"], 1)]),
        ("entre 1 y 2 puntos, no {}", [spanish(WINNERS[2012]["chart"] - WINNERS[2013]["chart"], 1)]),
        ("{} % es el error de **Clarifai**", [spanish(WINNERS[2013]["supplied"], 3)]),
    ],
}

# What the package cannot compute, with its source; and what an exercise or a question gives as an example.
ELSEWHERE = {
    0: {"100": "the points of a notebook"},
    1: {
        "0,95": "LeCun et al. (1998), section III.C: the test error of LeNet-5 on MNIST",
        "200": "a guess",
        "0,03": "an error, to compute its standard error",
        **dict.fromkeys(("2,4", "3,5", "11,1", "11,6", "6,6", "7,1", "0,5", "0,8", "1,5"), "computed in test_prose"),
        "0,25": "the coefficient with which a sum of four is a mean",
        **dict.fromkeys(("60000", "540000"), "LeCun et al. (1998), section III.B"),
        "1,1": "measured: docs/training.md, LeNet-5 with distortions, seeds 0 to 4",
    },
    2: {
        "0,5": "of dropout, Krizhevsky et al. (2012), section 4.2",
        "128": "the batch of 2012",
        **dict.fromkeys(("713,9", "512,5", "75,5", "437,0", "179", "614,6"), "computed in test_prose"),
        "0,75": "beta, section 3.3",
        "131": "a run of 2012",
        "1004": "a line of layer.py of 2012",
        "253440": "Krizhevsky et al. (2012), the caption of figure 2",
        "650000": "Krizhevsky et al. (2012), the abstract",
    },
    3: {
        **dict.fromkeys(("0,003", "0,01", "0,03", "0,1", "0,3"), "the rates that the log has"),
        "0,75": "beta, section 3.3",
        "0,5": "of dropout",
        "0,001": "a threshold",
        "2048": "section 4.1",
        "255": "a byte",
        "256": "the side of an image, section 4.1",
        "200": "a slider",
        "101": "Caltech-101",
        "18,6": "an error between those of the runs",
        **dict.fromkeys(("120", "131", "145", "147"), "runs of 2012"),
    },
    4: {"0,8": "1 - 0.2", "2,30": "the logarithm of 10", "145": "a run of 2012", "128": "the batch of 2012"},
    5: {
        "580": "GTX 580",
        "128": "the batch of 2012",
        "0,02": "a guess",
        "0,25": "a guess",
        "1,2": "section 3.2, rounded",
        **dict.fromkeys(("131", "135", "137", "145", "147", "148", "150"), "runs of 2012"),
    },
    6: {
        **dict.fromkeys(("512", "1024"), "the slide's words; Zeiler and Fergus (2014), table 3"),
        "0,1": "Zeiler and Fergus (2014), section 3.1: the radius of a filter's RMS",
        "580": "GTX 580",
        "244": "MB of torchvision's weights",
        "0,2": "an example",
        "0,5": "grey",
        **dict.fromkeys(("3,0", "5,0", "40,0", "12,3", "10,5", "8,0", "14,4", "4,4", "4,7"), "measured in test_prose"),
    },
}
KNOWN_TO_ALL = {"100", "224", "227", "400", "50000", "1000"}  # sides of images, and numbers of images and classes


def plain(number: int) -> str:
    """The prose of a notebook with the same commas, and thousands without spaces, inside formulas and outside."""
    return re.sub(r"\{,\}", ",", re.sub(r"(?<=\d)\\,(?=\d{3})", "", prose(number)))


def text_of(number: int) -> str:
    """The prose without the names of code, the sources and the minutes."""
    return re.sub(r"`[^`]*`|\*\*Fuentes\.\*\*.*$|\*\*Tiempo:\*\*.*? el resto\.", "", plain(number))


def significant(text: str) -> list[re.Match]:
    """The numbers of three digits or more, and those with a comma; years are left out."""
    found = re.finditer(r"(?<![\w.,])\d+(?:,\d+)?(?!\w)", text)
    return [one for one in found if re.search(r"\d{3}|,", one[0]) and not re.fullmatch(r"(19|20)\d\d", one[0])]


@functools.cache
def known(number: int) -> set[str]:
    said = {str(value).replace("\u202f", "").replace("\u00a0", "") for _, values in CLAIMS[number] for value in values}
    in_words = {one[0] for words, _ in CLAIMS[number] for one in significant(words)}
    return said | in_words | ELSEWHERE[number].keys() | KNOWN_TO_ALL


def claims():
    return [(number, words, values) for number, listed in CLAIMS.items() for words, values in listed]


@pytest.mark.parametrize(("number", "words", "values"), claims(), ids=[f"{n}: {w[:40]}" for n, w, _ in claims()])
def test_a_phrase_has_the_numbers_that_the_package_computes(number, words, values):
    said = words.format(*(str(value).replace("\u202f", "").replace("\u00a0", "") for value in values))
    assert said in plain(number)


def test_a_digit_that_changes_is_noticed():
    """Of all the changes of one digit of a number in prose, few give another number that the notebook may have."""
    tried = unnoticed = 0
    for number in CLAIMS:
        for one in significant(text_of(number)):
            for place, digit in enumerate(one[0]):
                others = [one[0][:place] + other + one[0][place + 1 :] for other in "0123456789" if other != digit]
                changed = others if digit != "," else []
                tried, unnoticed = tried + len(changed), unnoticed + len(known(number).intersection(changed))
    assert tried > 5000 and unnoticed < 0.05 * tried


@pytest.mark.parametrize("number", CLAIMS)
def test_every_number_in_prose_is_computed_or_has_a_source(number):
    text = text_of(number)
    found = significant(text)
    assert len(found) > 20
    lost = [text[max(0, one.start() - 40) : one.end() + 20] for one in found if one[0] not in known(number)]
    assert lost == []
