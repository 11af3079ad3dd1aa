"""The interactive pictures without a browser: what controls change, what is said, what stands without a front end."""

import _thread
import functools
import re
import threading
import time
import xml.etree.ElementTree as xml
from dataclasses import replace

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

from tema9 import architectures, data, looking, models, recipes, training, widgets
from tema9.arithmetic import MIB, crossing_values, layer_table, output_size, spanish
from tema9.widgets.digit_pad import as_mnist
from tema9.widgets.explorer import FAULT, NO_FRONT_END
from tema9.widgets.input_side import ROUTES

MAKERS = {
    "convolution": widgets.convolution,
    "input_224": widgets.input_224,
    "layer_editor": widgets.layer_editor,
    "lrn": widgets.lrn,
    "dropout": widgets.dropout,
    "two_gpus": widgets.two_gpus,
    "memory": widgets.memory,
    "digit": lambda: widgets.digit(lenet()),
    "occlusion": widgets.occlusion,
}
each = pytest.mark.parametrize("name", MAKERS)


def moved(explorer, **values):
    """The explorer with its controls at those values."""
    for name, value in values.items():
        explorer.controls[name].value = value
    return explorer


@functools.cache
def lenet():
    torch.manual_seed(0)
    return models.LeNet5()


def others(control):
    """A value that a control may take, and does not have."""
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return next(value for value in values if value != control.value)
    if isinstance(control.value, bool):
        return not control.value
    if not hasattr(control, "min"):
        return control.value + 1
    return control.min if control.value != control.min else control.max


@each
def test_every_control_changes_the_picture_or_the_words(name):
    explorer = MAKERS[name]()
    for control in explorer.controls.values():
        start, before = control.value, explorer.shown.value
        control.value = others(control)
        assert explorer.shown.value != before, control.description or control.tooltip
        control.value = start
        assert explorer.shown.value == before


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
    for route in ROUTES:
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


def test_everything_fits_only_where_the_division_is_exact():
    explorer = widgets.input_224()
    for route, (size, padding, _) in ROUTES.items():
        moved(explorer, route=route)
        before, after = padding if isinstance(padding, tuple) else (padding, padding)
        exact = (size + before + after - 11) % 4 == 0
        assert ("Todo encaja" in explorer.words) == exact, route
        assert exact or re.search(r"sobra|no se lee|se sale", explorer.words), route


def test_the_constant_of_the_paper_can_be_reached_and_another_keeps_its_place():
    explorer = moved(widgets.lrn(alpha=0.003), alpha=1e-4, own=100, neighbours=100)
    left = 100 / (2 + 1e-4 * 5 * 100**2) ** 0.75
    assert f"{left:.1f}".replace(".", ",") + " %" in explorer.words
    assert [label for label, _ in explorer.controls["alpha"].options][1] == "0,0001"
    assert 0.003 in dict(explorer.controls["alpha"].options).values()


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


@pytest.mark.slow
def test_the_editor_says_the_table_of_every_architecture():
    for name in architectures.ARCHITECTURES:
        explorer = widgets.layer_editor(name)
        assert spanish(layer_table(name).total("parameters")) in explorer.words, name


def test_the_editor_computes_what_a_revised_architecture_would():
    explorer = moved(widgets.layer_editor("alexnet_slide"), **{"CONV2 padding": 0, "CONV3 out_channels": 512})
    layers = {"CONV2": {"padding": 0}, "CONV3": {"out_channels": 512}}
    revised = layer_table(architectures.revise(architectures.find("alexnet_slide"), layers=layers))
    assert spanish(revised.total("parameters")) in explorer.words
    assert all(f"{row.name} {row.volume}" in explorer.picture.alt for row in revised)


def test_the_editor_marks_a_side_that_is_not_whole():
    explorer = moved(widgets.layer_editor("alexnet_slide"), input_size=224)
    assert "Lados que no son enteros: CONV1: 54,25 se queda en 54" in explorer.words
    assert FAULT in explorer.cells["CONV1"][0].value and "54,25" in explorer.cells["CONV1"][0].value
    moved(explorer, input_size=227)
    assert "no son enteros" not in explorer.words and FAULT not in explorer.cells["CONV1"][0].value


def test_the_editor_says_which_layer_does_not_fit_and_stops_there():
    explorer = moved(widgets.layer_editor("alexnet_slide"), **{"CONV5 kernel_size": 16})
    assert "CONV5: la ventana de 16 px no cabe en 15 px" in explorer.words
    assert explorer.cells["CONV4"][0].value == "13 × 13 × 384" and explorer.cells["POOL3"][0].value == "—"
    for place in (explorer.cells["CONV5"][0].value, explorer.reason.value):  # in its row, and above the table
        assert "la ventana de 16 px no cabe" in place
    moved(explorer, **{"CONV5 kernel_size": 3, "CONV2 groups": 7})
    assert "CONV2: 7 grupos no dividen 96 canales y 256 filtros" in explorer.words
    assert "no cabe" in moved(explorer, input_size=5).words
    moved(explorer, **{"CONV2 groups": 1, "input_size": 227})
    assert explorer.reason.value == ""


@pytest.mark.parametrize(
    ("box", "value", "said"),
    [
        ("input_size", 227.5, "el lado de la entrada es un número entero de 1 a 1 024, y pone 227,5."),
        ("input_size", 2275, "el lado de la entrada es un número entero de 1 a 1 024, y pone 2 275."),
        ("input_size", 0, "y pone 0."),
        ("CONV2 stride", 1.5, "CONV2: el paso es un número entero de 1 a 16, y pone 1,5."),
        ("CONV3 padding", -1, "CONV3: el relleno es un número entero de 0 a 32, y pone −1."),
        ("FC6 out_features", 1e9, "FC6: el número de neuronas es un número entero de 1 a 16 384"),
    ],
)
def test_the_editor_refuses_a_number_that_cannot_be_where_it_was_typed_and_comes_back(box, value, said):
    explorer = widgets.layer_editor("alexnet_slide")
    before = explorer.controls[box].value, explorer.shown.value
    moved(explorer, **{box: value})
    assert said in explorer.reason.value and said in explorer.shown.value
    if box != "input_size":
        assert said in explorer.cells[box.split()[0]][0].value
    moved(explorer, **{box: before[0]})
    assert explorer.reason.value == "" and explorer.shown.value == before[1]


def test_what_crosses_between_the_gpus_is_what_the_paper_chose_and_the_arithmetic_says():
    explorer = widgets.two_gpus(batch_size=128)
    total = sum(crossing_values(layer_table("alexnet_paper")).values())
    assert total == 30336 and f"{spanish(total)} valores" in explorer.words
    assert "14,8 MiB" in explorer.words and "Es lo que eligió el artículo" in explorer.words
    moved(explorer, CONV2=True)
    assert f"{spanish(30336 + 48 * 27 * 27)} valores" in explorer.words and "artículo" not in explorer.words


def test_the_memory_is_that_of_the_arithmetic():
    kept = layer_table("alexnet_paper").memory(256)
    whole = kept.total + kept.activations  # their gradients are as much again
    explorer = moved(widgets.memory(), batch_size=256)
    assert f"{spanish(whole / MIB)} MiB en una GPU" in explorer.picture.alt
    assert ("No cabe" in explorer.words) == (whole > 3 * 2**30)
    assert "Cabe en una" in moved(explorer, batch_size=1).words


def test_the_square_says_what_the_network_answers_with_it():
    explorer = moved(widgets.occlusion("la tramposa", image=1), top=12, left=30, size=13)
    model, inputs = models.pretrained("alexnet_mini_shortcut"), None
    marked = data.shapes(train=1, validation=1, test=4, side=64).test_marked
    inputs = model.views.evaluation(marked.images)[1:2].clone()
    inputs[..., 12:25, 30:43] = 0
    with torch.no_grad():
        answer = model(inputs).softmax(1)[0, marked.labels[1]].item()
    assert f"en la fila 12 y la columna 30, {spanish(answer, 2)}" in explorer.words


def drawn(explorer, points):
    explorer.clear()
    explorer.pen_down(*points[0])
    for x, y in points[1:]:
        explorer.pen_move(x, y)
    explorer.pen_up(*points[-1])


def test_a_drawn_digit_comes_to_the_network_as_mnist_would_bring_it():
    explorer = widgets.digit(lenet())
    drawn(explorer, [(30, 20), (30, 120)])  # a stroke far from the middle
    pixels = as_mnist(explorer.pad).astype(float)
    rows, columns = np.indices(pixels.shape)
    assert pixels.shape == (28, 28) and (pixels.max(axis=1) > 0).sum() == 20
    centre = [(pixels * places).sum() / pixels.sum() for places in (rows, columns)]
    assert centre == pytest.approx([13.5, 13.5], abs=0.6)
    assert "tu dibujo" in explorer.words


def test_a_digit_that_is_moved_leaves_background_behind_and_does_not_come_back(monkeypatch):
    explorer, seen = widgets.digit(lenet()), []
    found = looking.activations(lenet(), explorer.examples.images[:1], ["relu1", "relu3", "output"])
    monkeypatch.setattr("tema9.looking.activations", lambda model, images, names: seen.append(images[0]) or found)
    whole = explorer.examples.images[0]
    for right, down in ((8, 0), (-8, 0), (0, 8), (0, -8), (8, -8)):
        moved(explorer, right=right, down=down)
        expected = torch.full_like(whole, -0.1)
        for y, x in torch.cartesian_prod(torch.arange(32), torch.arange(32)).tolist():
            if 0 <= y - down < 32 and 0 <= x - right < 32:
                expected[0, y, x] = whole[0, y - down, x - right]
        assert torch.equal(seen[-1], expected)


def test_an_empty_pad_says_so_and_an_example_comes_back():
    explorer = widgets.digit(lenet())
    explorer.clear()
    assert "Aún no hay nada dibujado" in explorer.shown.value
    moved(explorer, example=3)
    assert "el dígito n.º 3" in explorer.words and not explorer.problem


def test_the_pad_without_a_pen_down_draws_nothing():
    explorer = widgets.digit(lenet())
    before = explorer.shown.value
    explorer.pen_move(10, 10)
    explorer.pen_up(10, 10)
    assert explorer.shown.value == before


def quick(epochs, **changes):
    return replace(recipes.LENET5_DIGITS, epochs=epochs, **changes)


def few():
    digits = data.digits()
    return replace(digits, train=data.Split(digits.train.images[:320], digits.train.labels[:320]))


def test_the_stop_button_ends_a_run_whose_model_has_the_best_weights():
    model = models.LeNet5()
    run = widgets.live_training(model, few(), quick(1000))
    while len(run.history.epochs) < 2:
        time.sleep(0.01)
    run.button.click()
    history = run.result()
    assert 2 <= len(history.epochs) < 1000 and history.interrupted and run.button.disabled
    error = training.evaluate(model, data.digits().validation).top1
    assert error == history.epochs[history.best - 1].validation_error == min(history.column("validation_error"))
    assert "La red tiene los pesos de la mejor época" in run.shown.value


@pytest.mark.slow
def test_a_run_that_ends_by_itself_is_that_of_train():
    torch.manual_seed(0)
    expected = training.train(models.LeNet5(), few(), quick(2), progress=False)
    torch.manual_seed(0)
    run = widgets.live_training(models.LeNet5(), few(), quick(2))
    assert run.result().column("train_loss") == expected.column("train_loss")
    assert not run.history.interrupted and "Terminado" in run.words and run.bar.value == 2


def test_interrupting_the_cell_that_waits_stops_the_run_and_gives_its_history(capsys, monkeypatch):
    run = widgets.live_training(models.LeNet5(), few(), quick(1000))
    wait, waits = run._done.wait, threading.Event()

    def waiting(seconds=None):
        waits.set()
        return wait(seconds)

    def interrupt():  # once there is an epoch, and the cell waits for the end
        while not (run.history.epochs and waits.is_set()):
            time.sleep(0.01)
        _thread.interrupt_main()

    monkeypatch.setattr(run._done, "wait", waiting)
    threading.Thread(target=interrupt).start()
    history = run.result()
    assert 1 <= len(history.epochs) < 1000 and history.interrupted
    assert "Interrumpido" in capsys.readouterr().out


def test_a_new_run_stops_the_one_before():
    first = widgets.live_training(models.LeNet5(), few(), quick(1000))
    second = widgets.live_training(models.LeNet5(), few(), quick(1))
    assert first.result().interrupted and len(second.result().epochs) == 1


def test_a_run_that_breaks_says_so_in_place_and_raises_when_asked():
    run = widgets.live_training(models.LeNet5(), few(), quick(3, learning_rate=1e9))
    with pytest.raises(training.NonFiniteLoss):
        run.result()
    assert "El entrenamiento se ha parado con un error" in run.shown.value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: widgets.layer_editor("vgg"), "unknown architecture 'vgg'; known: lenet5_1998"),
        (lambda: widgets.two_gpus(0), "batch_size 0 is not a whole number from 1 to 512"),
        (lambda: widgets.memory(1000), "batch_size 1000 is not a whole number from 1 to 512"),
        (lambda: widgets.occlusion("la mía"), "network 'la mía' is unknown; known: la honrada, la tramposa"),
        (lambda: widgets.digit(torch.nn.ReLU()), "model is a ReLU; give a models.LeNet5"),
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


EXPORTED = [name for name in MAKERS if name != "digit"]  # it wants a model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Every widget in a notebook that ran without a front end, and its page."""
    cells = [nbformat.v4.new_code_cell("from tema9 import widgets")]
    cells += [nbformat.v4.new_code_cell(f"widgets.{name}()") for name in EXPORTED]
    notebook = nbformat.v4.new_notebook(cells=cells)
    ExecutePreprocessor(timeout=None, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": str(tmp_path_factory.mktemp("run"))}}
    )
    return notebook, HTMLExporter().from_notebook_node(notebook)[0]


@pytest.mark.slow
def test_an_exported_notebook_shows_each_picture_with_its_alternative_text(exported):
    notebook, page = exported
    for name in EXPORTED:
        alt = MAKERS[name]().picture.alt
        assert f'alt="{alt}"' in page, name
    assert page.count(NO_FRONT_END) == len(EXPORTED)
    text = "".join(str(output) for cell in notebook.cells for output in cell.outputs)
    assert "Explorer(" not in text and "'name': 'stderr'" not in text
