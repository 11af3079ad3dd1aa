"""The interactive pictures without a browser: what controls change, what is said, what stands without a front end."""

import re
import xml.etree.ElementTree as xml

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

from tema9 import widgets
from tema9.arithmetic import output_size

MAKERS = {
    "convolution": widgets.convolution,
    "input_224": widgets.input_224,
    "lrn": widgets.lrn,
    "dropout": widgets.dropout,
}
each = pytest.mark.parametrize("name", MAKERS)


def moved(explorer, **values):
    """The explorer with its controls at those values."""
    for name, value in values.items():
        explorer.controls[name].value = value
    return explorer


def others(control):
    """A value that a control may take, and does not have."""
    if hasattr(control, "options"):
        return (
            next(value for value in dict(control.options).values() if value != control.value)
            if isinstance(control.options[0], tuple)
            else next(value for value in control.options if value != control.value)
        )
    if isinstance(control.value, bool):
        return not control.value
    return control.min if control.value != control.min else control.max


@each
def test_every_control_changes_the_picture_or_the_words(name):
    for control in MAKERS[name]().controls:
        explorer = MAKERS[name]()
        before = explorer.shown.value
        moved(explorer, **{control: others(explorer.controls[control])})
        assert explorer.shown.value != before, control


@each
def test_every_control_has_a_label_and_every_picture_an_alternative_text(name):
    explorer = MAKERS[name]()
    assert all(control.description or control.tooltip for control in explorer.controls.values())
    assert re.search(r'<img [^>]*alt="[^"]{30,}"', explorer.shown.value)
    root = xml.fromstring(explorer.picture.svg)
    assert root.get("role") == "img" and len(root.get("aria-label")) > 30


@each
def test_a_picture_keeps_within_its_frame(name):
    picture = MAKERS[name]().picture
    for part in xml.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}rect"):
        if "%" not in part.get("width") and part.get("x"):
            right = float(part.get("x")) + float(part.get("width"))
            bottom = float(part.get("y")) + float(part.get("height"))
            assert float(part.get("x")) >= 0 and right <= picture.width and bottom <= picture.height


def test_the_convolution_says_the_sides_of_the_arithmetic():
    explorer = widgets.convolution()
    for size, kernel_size, stride, padding in ((7, 3, 2, 0), (8, 3, 2, 0), (32, 5, 1, 0), (32, 5, 1, 2), (5, 5, 5, 1)):
        moved(explorer, size=size, kernel_size=kernel_size, stride=stride, padding=padding)
        side = output_size(size, kernel_size, stride, padding)
        assert f"la salida mide {side} px" in explorer.words and f"las {side} posiciones" in explorer.picture.alt


def test_the_pixel_that_no_window_reads_is_counted_and_marked():
    explorer = widgets.convolution(size=8, kernel_size=3, stride=2)
    assert "sobra 1 px" in explorer.words and 'fill="url(#leftover)"' in explorer.picture.svg
    moved(explorer, size=7)
    assert "no sobra ningún píxel" in explorer.words


def test_a_window_that_does_not_fit_says_so_in_place_and_comes_back():
    explorer = moved(widgets.convolution(), size=4, kernel_size=11)
    assert "No cabe: la ventana mide 11 px y la fila, con su relleno, 4 + 2·0 = 4 px" in explorer.shown.value
    assert "<img" not in explorer.shown.value
    moved(explorer, padding=4)
    assert not explorer.problem and "la salida mide 1 px" in explorer.shown.value


def test_the_routes_to_55_and_the_two_that_give_54():
    """Caffe, torchvision and the code of 2012 give 55; what the paper prints and d2l's padding of 1 give 54."""
    explorer, found = widgets.input_224(), {}
    for route in widgets.ROUTES:
        moved(explorer, route=route)
        found[route.split(":")[0]] = int(re.search(r"CONV1 da (\d+) ×", explorer.words)[1])
    assert found == {
        "la diapositiva y Caffe": 55,
        "lo que imprime el artículo": 54,
        "el código de 2012": 55,
        "lo mismo con ceros": 55,
        "torchvision": 55,
        "d2l": 54,
    }


def test_the_last_window_of_2012_hangs_three_pixels_over_the_edge():
    explorer = moved(widgets.input_224(), route="el código de 2012: 224, redondeando hacia arriba")
    assert "La última ventana se sale 3 px" in explorer.words


def test_the_normalisation_divides_as_the_paper_prints_it():
    explorer = moved(widgets.lrn(), own=100, neighbours=50, alpha=0.002, size=5)
    left = 100 / (2 + 0.002 * (100**2 + 4 * 50**2)) ** 0.75
    assert f"{left:.1f}".replace(".", ",") + " %" in explorer.words
    alone = 100 / (2 + 0.002 * 100**2) ** 0.75
    assert f"{alone:.1f}".replace(".", ",") + " %" in moved(explorer, size=1).words


def test_dropout_agrees_with_its_evaluation_by_both_rules_and_not_without_them():
    explorer = widgets.dropout(p=0.5, inputs=100)
    assert "coinciden, salvo el azar" in explorer.words
    assert "coinciden, salvo el azar" in moved(explorer, rule="inverted").words
    assert "No coinciden" in moved(explorer, rule="none").words
    assert "coinciden, salvo el azar" in moved(explorer, p=0.0).words


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: widgets.convolution(size=99), "size 99 is not a whole number from 1 to 40"),
        (lambda: widgets.convolution(stride=1.5), "stride 1.5 is not a whole number from 1 to 5"),
        (lambda: widgets.lrn(neighbours=-1), "neighbours -1 is not from 0 to 200"),
        (lambda: widgets.lrn(size=4), "size 4 is not 1, 3, 5, 7 or 9"),
        (lambda: widgets.dropout(p=1), "p 1 is not from 0 to 0.9"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Every widget in a notebook that ran without a front end, and its page."""
    cells = [nbformat.v4.new_code_cell("from tema9 import widgets")]
    cells += [nbformat.v4.new_code_cell(f"widgets.{name}()") for name in MAKERS if name in EXPORTED]
    notebook = nbformat.v4.new_notebook(cells=cells)
    ExecutePreprocessor(timeout=60, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": str(tmp_path_factory.mktemp("run"))}}
    )
    return notebook, HTMLExporter().from_notebook_node(notebook)[0]


EXPORTED = ("convolution", "input_224", "lrn", "dropout")


def test_an_exported_notebook_shows_each_picture_with_its_alternative_text(exported):
    notebook, page = exported
    for name in EXPORTED:
        alt = MAKERS[name]().picture.alt
        assert f'alt="{alt}"' in page, name
    assert page.count(widgets.NO_FRONT_END) == len(EXPORTED)
    text = "".join(str(output) for cell in notebook.cells for output in cell.outputs)
    assert "Explorer(" not in text and "'name': 'stderr'" not in text
