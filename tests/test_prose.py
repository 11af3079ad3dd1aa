"""What the notebooks say in prose: numbers as in the package and its records, and one term for one thing."""

import ast
import functools
import re

import nbformat
import pytest
import torch

from tema9 import data, experiments, layer_table, models, records
from tema9.arithmetic import output_size, spanish
from tema9.classroom import sources
from tema9.classroom.authoring import build
from tema9.recipes import LENET5_DIGITS

MIB = 2**20


@functools.cache
def prose(number: int) -> str:
    """The Markdown of a notebook's source as one line, with plain spaces and without thousands' separators."""
    path = next(one.path for one in sources.all_sources() if one.name.startswith(f"{number}_"))
    cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.M)
    text = "\n".join(cell.split("\n", 1)[1] for cell in cells if cell.startswith(" [markdown]"))
    text = re.sub(r"(?<=\d)[\u202f\u00a0](?=\d{3})", "", text)
    return " ".join(re.sub(r"^# ?", "", text, flags=re.M).split())


def lines(number: int) -> list[str]:
    path = next(one.path for one in sources.all_sources() if one.name.startswith(f"{number}_"))
    return path.read_text(encoding="utf-8").splitlines()


def scrambled(network: str, pixels: str) -> list[float]:
    rows = experiments.read("scrambled_pixels")
    return [row["test_error"] for row in rows if (row["network"], row["pixels"]) == (network, pixels)]


def test_notebook_1_prints_the_range_of_each_network_in_the_log():
    text = prose(1)
    for network in ("LeNet-5", "MLP"):
        ranges = [scrambled(network, pixels) for pixels in ("in order", "scrambled")]
        assert all(len(found) == 4 for found in ranges)
        cells = " | ".join(f"de {spanish(min(found), 1)} a {spanish(max(found), 1)}" for found in ranges)
        assert re.search(rf"\| {network}, \d+ parámetros \| {re.escape(cells)} \|", text)
    low, high = (spanish(edge(scrambled("LeNet-5", "in order")), 1) for edge in (min, max))
    assert f"error de test fue de entre el {low} y el {high} %" in text


def test_notebook_1_says_that_lenet_loses_more_than_its_advantage():
    worst = max(scrambled("MLP", "scrambled"))
    assert min(scrambled("LeNet-5", "scrambled")) > worst > max(scrambled("LeNet-5", "in order"))
    assert "desordenada es peor que el MLP" in prose(1)


def test_notebook_1_tells_the_recipe_and_the_standard_errors():
    text = prose(1)
    assert f"cuando lleva {LENET5_DIGITS.patience} épocas sin mejorar" in text
    assert f"*weight decay*, de {spanish(LENET5_DIGITS.weight_decay, 3)})" in text
    one = 100 * (0.03 * 0.97 / len(data.digits().test)) ** 0.5
    two = 2**0.5 * one
    assert f"salen unos {spanish(one, 1)} puntos" in text
    assert (
        f"unos {spanish(two, 1)} puntos; y una diferencia menor que el doble de ese valor, {spanish(2 * two, 1)}"
        in text
    )
    slide, lenet = (layer_table(name).total("parameters") for name in ("alexnet_slide", "lenet5"))
    assert 950 < slide / lenet < 1050 and "mil veces más parámetros" in text


def test_notebook_2_compares_the_two_parts_of_the_memory():
    text, table = prose(2), layer_table("alexnet_slide")
    memory = table.memory(128)
    fixed = memory.parameters + memory.gradients + memory.momentum
    parts = [spanish(part / MIB, 1) for part in (fixed, memory.input + memory.activations, memory.input)]
    said = "ocupan más los {} MiB fijos que los {} MiB que crecen ({} de las imágenes"
    assert said.format(*parts) in text and f"y {spanish(memory.activations / MIB, 1)} de las activaciones" in text
    crossing = next(n for n in range(1, 999) if (table.memory(n).input + table.memory(n).activations) > fixed)
    assert f"desde los minilotes de {crossing} imágenes" in text
    paper = layer_table("alexnet_paper").memory(128).activations
    assert f"pasarían de {spanish(memory.activations / MIB, 1)} a {spanish(paper / MIB, 1)} MiB" in text
    assert output_size(227, 11, 4) == 55 == (227 - 11) // 4 + 1 and "= 54$ saltos" in text


def test_notebook_3_gives_the_sides_of_both_poolings_with_both_roundings():
    def sides(kernel_size: int, rounding: str) -> str:
        found = [55]
        for _ in range(3):
            found.append(output_size(found[-1], kernel_size, 2, rounding=rounding))
        return f"{found[1]}, {found[2]} y {found[3]}"

    text = prose(3)
    assert sides(2, "floor") == sides(3, "floor") == sides(3, "ceil")
    assert f"dan los mismos lados en AlexNet: {sides(2, 'floor')}" in text
    assert f"con 2 × 2 saldrían {sides(2, 'ceil')}" in text
    for name, said in (
        ("147", "sin solape (prueba 147) los errores son {} % y {} %"),
        ("145", "(prueba 145), {} % y {} %"),
    ):
        row = records.run(name)
        assert said.format(*(spanish(100 * row[key], 2) for key in ("top1_error", "top5_error"))) in text


def test_notebook_4_tells_the_sides_of_the_miniature_from_those_of_alexnet():
    def sides(name: str) -> str:
        found = [str(layer_table(name)[layer].out_shape[-1]) for layer in ("CONV1", "POOL1", "POOL2", "POOL3")]
        return f"{', '.join(found[:3])} y {found[3]}"

    assert f"son {sides('alexnet_mini')} píxeles, donde AlexNet tiene {sides('alexnet_paper')}" in prose(4)


def test_notebook_5_quotes_the_differences_of_the_runs_in_points():
    text = prose(5)
    without, _ = records.difference("150", "145")
    half, _ = records.difference("145-half", "145-2010")
    assert f"el error sube {spanish(without, 2)} puntos" in text
    assert f"un error top-5 de test {spanish(half, 2)} puntos mayor" in text


def test_notebook_5_names_every_run_as_of_the_paper_or_not_and_each_stands_once():
    rows = records.read("runs")
    assert len({(row["run"], row["views"]) for row in rows}) == len(rows)
    told = re.search(r"Las (145, .*) están detrás .*; las demás \((.*?)\) no salen en él", prose(5))
    names = {name.strip("` ") for part in told.groups() for name in re.split(r",| y ", part)}
    assert names == {str(row["run"]) for row in rows}


def test_notebook_5_says_when_the_whole_network_slowed_down():
    epochs = [row["epoch"] for row in records.read("schedule") if str(row["run"]) == "145" and row["layers"] == "all"]
    assert f"las bajadas de las épocas {epochs[0]} y {epochs[1]} son de los pesos de toda la red" in prose(5)


@pytest.mark.slow
def test_notebook_6_gives_the_means_of_ten_draws_of_the_third_that_is_silenced():
    network = models.pretrained("alexnet_mini_shapes")
    held = data.shapes(train=1, validation=1, test=20, side=64, seed=1).test
    inputs, found = network.views.evaluation(held.images), {}
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
        layer = getattr(network.layers, name)
        for seed in range(10):
            draw = torch.randperm(len(layer.bias), generator=torch.Generator().manual_seed(seed))
            off = draw[: len(layer.bias) // 3]
            hook = layer.register_forward_hook(lambda module, given, output, off=off: output.index_fill(1, off, 0))
            with torch.no_grad():
                error = 100 * (network(inputs).argmax(1) != held.labels).float().mean().item()
            hook.remove()
            found.setdefault(name.upper(), []).append(error)
    text = prose(6)
    told = {
        layer: float(value.replace(",", "."))
        for value, layer in re.findall(
            r"(\d+,\d)(?: %)? en ((?:CONV|FC)\d)", text[text.index("Las medias de los diez") :]
        )
    }
    assert told == pytest.approx({name: sum(errors) / 10 for name, errors in found.items()}, abs=0.6)
    with torch.no_grad():
        whole = 100 * (network(inputs).argmax(1) != held.labels).float().mean().item()
    assert f"Con la red entera el error es del {spanish(whole, 1)} %" in text
    low, high = re.search(r"un tercio de CONV5 apagado va del (\d+,\d) al (\d+,\d) %", text).groups()
    edges = [min(found["CONV5"]), max(found["CONV5"])]
    assert [float(edge.replace(",", ".")) for edge in (low, high)] == pytest.approx(edges, abs=1.1)


@pytest.mark.parametrize("number", range(1, 7))
def test_every_exercise_has_a_heading_of_its_own_and_begins_with_what_to_write(number):
    text = lines(number)
    exercises = [i for i, line in enumerate(text) if re.match(r"# .*\b(Ejercicio|Pregunta)\b.*`n\d-", line)]
    assert len(exercises) >= 8
    for i in exercises:
        assert re.fullmatch(r"# ### (Ejercicio|Pregunta) `n\d-[\w-]+` \(\d+ puntos(, se corrige a mano)?\)", text[i])
        first = next(line for line in text[i + 1 :] if line != "#")
        assert "Pregunta" in text[i] or first.startswith("# Escribe "), text[i]


SPANISH = re.compile(r"[áéíóúñ¿¡«]|\b(el|la|los|las|del?|que|con|por|una?|en|se|es)\b")
ENGLISH = re.compile(r"\b(the|of|and|is|are|to)\b")


def words_of(code: str, in_english: bool = False) -> list[tuple[int, str]]:
    """The strings and the comments of a program that are words in Spanish, with their lines.

    Without comments and docstrings if those are in English.
    """
    tree = ast.parse(code)
    apart = {id(node.value) for node in ast.walk(tree) if in_english and isinstance(node, ast.Expr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [(node.lineno, node.value) for node in strings if " " in node.value and id(node) not in apart]
    for number, line in enumerate(code.splitlines() if not in_english else [], 1):
        if comment := re.match(r"[^\"']*# (?!%%)(.*)", line):
            found.append((number, comment[1]))
    return [(line, words) for line, words in found if SPANISH.search(words) and not ENGLISH.search(words)]


@functools.cache
def everything_in_spanish() -> list[tuple[str, str]]:
    """(where, words) of all that a student or a class reads: the notebooks with the strings and the comments of their
    code, the explanations of the bank, the deck, and the strings of the package (its checks, figures and widgets)."""
    read = []
    for source in [sources.start_page(), *sources.all_sources()]:
        for cell in source.cells:
            said = [(0, cell.text)] if cell.kind == "markdown" else words_of(cell.text)
            read += [(f"{source.path.name}:{cell.line + line}", words) for line, words in said]
    deck = sources.ROOT / "slides" / "deck.py"
    for path in [*sources.MISTAKES.glob("*.py"), deck]:
        lines = [one[2:] for one in path.read_text(encoding="utf-8").splitlines() if re.match(r"# (?!%%)", one)]
        read.append((path.name, "\n".join(one for one in lines if not ENGLISH.search(one))))
    for path in [deck, *sources.ROOT.glob("tema9/*.py"), *sources.ROOT.glob("tema9/widgets/*.py")]:
        read += [(path.name, words) for _, words in words_of(path.read_text(encoding="utf-8"), in_english=True)]
    student = sources.ROOT / "tema9" / "classroom" / "authoring" / "LEEME.md"
    return [*read, (student.name, student.read_text(encoding="utf-8"))]


def test_one_thing_has_one_term_wherever_spanish_is_read():
    rows = build.glossary()
    avoided = [word for row in rows for word in row["avoid"].split(";") if word]
    assert len(avoided) > 5
    notes = [row["note"] for row in rows if row["avoid"] and row["note"]]
    terms = [row["spanish"] for row in rows if len(row["spanish"].split()) > 1]
    known = re.compile("|".join(rf"\b{re.escape(one)}\b" for one in notes + terms))
    wrong = re.compile(rf"\b({'|'.join(avoided)})\b|\d cifras\b", re.I)  # the images are dígitos
    said = [(where, known.sub("", " ".join(words.split()))) for where, words in everything_in_spanish()]
    found = [(where, one[0]) for where, text in said for one in wrong.finditer(text)]
    assert found == []
    assert "cifra" not in prose(1)


@pytest.mark.parametrize("number", range(1, 7))
def test_an_english_term_that_a_notebook_introduces_is_in_the_glossary(number):
    introduced = {term.casefold() for term in re.findall(r"\(\*([^*]+)\*", prose(number))} - {"abstract", "workshop"}
    assert introduced
    known = [row["english"].casefold() for row in build.glossary()]
    assert [term for term in introduced if not any(term in one or one in term for one in known)] == []


def test_the_start_page_has_the_glossary_as_a_table():
    page = nbformat.reads(build.build_start_page(), as_version=4)
    text = page.cells[-1].source
    assert build.GLOSSARY_HERE not in text
    assert all(f"| {row['spanish']} | *{row['english']}* | {row['note']} |" in text for row in build.glossary())


def test_what_a_student_reads_has_the_decimal_comma():
    """A point between digits stands only in code, in what is quoted in English, and in the number of a section or of a
    version."""
    points = []
    for where, words in everything_in_spanish():
        text = re.sub(r"```.*?```|`[^`]*`|«[^»]*»|\*[^*]+\*|^>.*$", "", words, flags=re.S | re.M)
        text = re.sub(r"apartados? [\d., aye]+|\b3\.1\d\b", "", text)
        points += [
            (where, text[max(0, m.start() - 20) : m.end()]) for m in re.finditer(r"(?<![\w.(=])\d+\.\d+(?![\w.])", text)
        ]
    assert points == []


def test_thousands_are_parted_by_a_narrow_space_that_does_not_break():
    """As `spanish` writes them; a number of code, of a formula or of an English quotation has no space."""
    wrong = []
    for where, words in everything_in_spanish():
        text = re.sub(r"```.*?```|`[^`]*`|«[^»]*»|\$[^$]*\$|\*\[.*?\*|^>.*$", "", words, flags=re.S | re.M)
        wrong += [(where, one) for one in re.findall(r"(?<![\w.,])\d{1,3}(?:[ \u00a0]\d{3})+(?!\w)", text)]
    assert wrong == []


def test_no_picture_is_so_wide_that_its_letters_are_shrunk_much_at_1280_pixels():
    """JupyterLab shows a picture at most some 900 px wide there, which are 9 inches."""
    wide = [
        (source.name, cell.line, width)
        for source in sources.all_sources()
        for cell in source.cells
        for width in re.findall(r"figsize=\((\d+)", cell.text)
        if int(width) > 10
    ]
    assert wide == []


@pytest.mark.parametrize("path", sorted(sources.NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_line_of_code_is_cut_at_1280_pixels(path):
    """JupyterLab shows about 100 characters there, with the panel of files open."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("number", range(1, 7))
def test_formulas_have_the_decimal_comma(number):
    formulas = re.findall(r"\$\$?[^$]+\$\$?", prose(number))
    assert [formula for formula in formulas if re.search(r"\d\.\d", formula)] == []


@pytest.mark.parametrize("number", range(1, 7))
def test_a_notebook_ends_with_its_sources_and_they_hold_every_work_that_it_cites(number):
    before, _, last = prose(number).rpartition("**Fuentes.** ")
    assert before and "##" not in last and "CS231n (2017)" in last
    works = set(re.findall(r"([A-ZÁÉÍÓÚ]\w+)(?: y [A-Z]\w+| y otros)?,? \(?((?:19|20)\d\d)\b", before))
    named = {author for author, _ in works} & {"Krizhevsky", "LeCun", "Nair", "Jarrett", "Springenberg", "Zeiler"}
    for author in named:
        years = {year for one, year in works if one == author}
        assert all(re.search(rf"{author}[^;()]*\({year}\)", last) for year in years), (author, years)
