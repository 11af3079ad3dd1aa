"""The interactive pictures in JupyterLab: every control moves by keyboard and by mouse, and the picture changes."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

# One cell each, as in the notebooks; how many sliders and how many other controls it has.
CELLS = {
    "convolution": ("widgets.convolution()", 4),
    "input_224": ("widgets.input_224()", 0),
    "lrn": ("widgets.lrn()", 4),
    "dropout": ("widgets.dropout()", 2),
    "two_gpus": ("widgets.two_gpus()", 1),
    "memory": ("widgets.memory()", 1),
    "occlusion": ("widgets.occlusion()", 4),
    "layer_editor": ("widgets.layer_editor()", 0),
}
TRAIN = """from dataclasses import replace
import tema9.data
from tema9 import models, recipes, widgets
model = models.LeNet5()
run = widgets.live_training(model, tema9.data.digits(), replace(recipes.LENET5_DIGITS, epochs=500))
run"""


@pytest.fixture
def page(open_page):
    """The page of the test before, in which JupyterLab is loaded."""
    return open_page(kept=True)


def opened(lab, page, *cells, wait=True):
    """A notebook of those cells, open and run, or running.

    It always has the same name, so its kernel stays, with torch imported.
    """
    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])
    notebook.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(notebook, lab.root / "widgets.ipynb")
    lab.open_instead(page, "widgets.ipynb")
    lab.run_all(page, wait=wait)
    return page.locator(".jp-Notebook .jp-CodeCell")


def changed(cell, act, what=""):
    """Act, and wait until the cell's picture or words are others."""
    shown = ".tema9-explorer figure"
    before = cell.locator(shown).inner_html()
    act()
    from playwright.sync_api import TimeoutError

    try:
        cell.page.wait_for_function(
            "([cell, shown, before]) => ![before, undefined].includes(cell.querySelector(shown)?.innerHTML)",
            arg=[cell.element_handle(), shown, before],
        )
    except TimeoutError:
        raise AssertionError(f"the picture stayed as it was: {what}") from None


def share(handle, track):
    """How far along its track the handle of a slider is, from 0 to 1 (what it says of itself is rounded)."""
    place, whole = handle.bounding_box(), track.bounding_box()
    return (place["x"] + place["width"] / 2 - whole["x"]) / whole["width"]


@pytest.fixture(scope="module")
def gallery():
    return list(CELLS.items())


def test_every_slider_moves_by_keyboard_and_by_mouse_and_the_picture_follows(lab, page, gallery):
    texts = [f"from tema9 import widgets\n{call}" for _, (call, _) in gallery]
    cells = opened(lab, page, *texts)
    for place, (name, (_, sliders)) in enumerate(gallery):
        cell = cells.nth(place)
        cell.scroll_into_view_if_needed()
        cell.locator(".tema9-explorer figure img").wait_for()
        assert cell.locator(".tema9-start").is_hidden(), "the picture for those without widgets shows twice"
        assert len(cell.locator(".tema9-explorer figure img").get_attribute("alt")) > 30, name
        handles = cell.get_by_role("slider")
        assert handles.count() == sliders, name
        for number in range(sliders):
            handle, track = handles.nth(number), cell.locator(".widget-slider .slider").nth(number)
            handle.focus()
            key = "ArrowLeft" if share(handle, track) > 0.9 else "ArrowRight"
            changed(cell, lambda key=key: page.keyboard.press(key), f"{name} {number}, {key}")
            far = 0.95 if share(handle, track) < 0.5 else 0.05  # the end that it is not at
            box = track.bounding_box()
            spot = {"x": far * box["width"], "y": box["height"] / 2}
            changed(cell, lambda track=track, spot=spot: track.click(position=spot), f"{name} {number}")


def test_choices_boxes_and_numbers_work_too_and_what_cannot_be_is_said_in_place(lab, page):
    calls = ("widgets.input_224()", "widgets.two_gpus()", "widgets.layer_editor()", "widgets.convolution()")
    choice, boxes, table, convolution = opened(
        lab, page, *(f"from tema9 import widgets\n{call}" for call in calls)
    ).all()
    changed(choice, lambda: choice.get_by_role("combobox").select_option(index=1))
    assert "CONV1 da 54 × 54" in choice.locator(".tema9-explorer figcaption").inner_text()
    changed(boxes, lambda: boxes.get_by_label("CONV2 lee las dos").click())
    boxes.get_by_label("CONV2 lee las dos").focus()
    changed(boxes, lambda: page.keyboard.press("Space"))

    def typed():
        side = table.get_by_label("lado de la entrada (px)")
        side.fill("224")
        side.press("Enter")

    changed(table, typed)
    assert table.locator(".tema9-explorer").get_by_text("✘ 54,25").is_visible()
    assert "CONV1: 54,25 se queda en 54" in table.locator(".tema9-explorer figcaption").inner_text()
    row = convolution.get_by_role("slider").first
    row.focus()
    page.keyboard.press("Home")  # a row of one pixel
    convolution.locator(".tema9-explorer").get_by_text("No cabe: la ventana mide 3 px").wait_for()
    page.keyboard.press("End")
    convolution.locator(".tema9-explorer figure").wait_for()


def test_a_digit_is_drawn_with_the_mouse_or_chosen_with_the_keyboard(lab, page):
    (cell,) = opened(lab, page, "from tema9 import models, widgets\nwidgets.digit(models.LeNet5())").all()
    pad = cell.locator(".tema9-pad canvas, canvas.tema9-pad").first
    box = pad.bounding_box()
    assert box["width"] == box["height"] < 260

    def draw():
        page.mouse.move(box["x"] + 110, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 110, box["y"] + 180, steps=12)
        page.mouse.up()

    changed(cell, draw)
    cell.locator(".tema9-explorer").get_by_text("tu dibujo es un").wait_for()
    dark = "canvas => canvas.getContext('2d').getImageData(110, 100, 1, 1).data[0]"
    assert pad.evaluate(dark) < 50, "the stroke is not on the pad"
    cell.get_by_role("slider").first.focus()
    changed(cell, lambda: page.keyboard.press("ArrowRight"))
    cell.locator(".tema9-explorer").get_by_text("el dígito n.º 1").wait_for()
    cell.get_by_role("button", name="Borrar y dibujar").click()
    cell.locator(".tema9-explorer").get_by_text("Aún no hay nada dibujado").wait_for()


def test_a_slider_is_wide_enough_to_be_moved_at_200_percent_beside_the_files(lab, open_page):
    page = open_page(viewport={"width": 640, "height": 400}, device_scale_factor=2)  # a window of 1280 px at 200 %
    for cell in opened(
        lab, page, *(f"from tema9 import widgets\nwidgets.{name}()" for name in ("memory", "lrn"))
    ).all():
        cell.scroll_into_view_if_needed()
        cell.locator(".tema9-explorer figure img").wait_for()
        tracks = cell.locator(".widget-slider .slider").all()
        assert tracks and all(track.bounding_box()["width"] >= 120 for track in tracks)


def test_a_point_that_is_typed_stays_a_point_and_is_refused_where_it_stands(lab, page):
    (cell,) = opened(lab, page, "from tema9 import widgets\nwidgets.layer_editor()").all()
    side = cell.get_by_label("lado de la entrada (px)")
    side.select_text()
    page.keyboard.type("227.5\n")
    reason = cell.get_by_text("el lado de la entrada es un número entero de 1 a 1\u202f024, y pone 227,5.").first
    reason.wait_for()
    assert reason.bounding_box()["y"] - side.bounding_box()["y"] < 60


def test_a_saved_notebook_without_its_kernel_shows_the_last_picture_and_no_error(lab, page, open_page):
    # What JupyterLab writes to the console: of such widgets, and of a kernel that it was asking when it was shut down.
    open_page.expected += ["widget model not found", "Could not restore the debugger state"]
    (cell,) = opened(lab, page, "from tema9 import widgets\nwidgets.memory()").all()
    cell.get_by_role("slider").focus()
    changed(cell, lambda: page.keyboard.press("ArrowRight"))
    said = cell.locator(".tema9-explorer figcaption").inner_text()
    page.wait_for_function(
        "said => document.querySelector('.tema9-start figcaption')?.textContent.trim() === said", arg=said
    )
    page.evaluate(
        "async () => { await jupyterapp.commands.execute('docmanager:save');"
        " await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
    )
    page.reload()
    kept = page.locator(".tema9-start")
    kept.wait_for()
    assert kept.locator("figcaption").inner_text() == said
    error = page.get_by_text("Error displaying widget")
    error.wait_for(state="attached")
    assert error.is_hidden()
    assert page.locator(".tema9-explorer").count() == 0


def test_the_stop_button_ends_the_run_and_the_model_can_be_used(lab, page):
    cells = opened(lab, page, TRAIN)
    cell = cells.nth(0)
    cell.locator(".tema9-explorer").get_by_text("Época 2 de 500").wait_for(timeout=60_000)
    cell.get_by_role("button", name="Parar al acabar la época").click()
    cell.locator(".tema9-explorer").get_by_text("La red tiene los pesos de la mejor época").wait_for()
    page.evaluate(
        "() => { const { content } = jupyterapp.shell.currentWidget;"
        " content.model.sharedModel.addCell({cell_type: 'code', source:"
        " 'history = run.result()\\nerror = tema9.training.evaluate(model, tema9.data.digits().validation).top1\\n'"
        " + 'print(\"usable:\", error == history.epochs[history.best - 1].validation_error, history.interrupted)'});"
        " content.activeCellIndex = 1; jupyterapp.commands.execute('notebook:run-cell'); }"
    )
    cells.nth(1).get_by_text("usable: True True").wait_for()


def test_interrupting_the_cell_that_waits_ends_the_run_and_the_model_can_be_used(lab, page):
    cells = opened(lab, page, TRAIN, "history = run.result()\nprint(f'usable: {len(history.epochs) > 0}')", wait=False)
    cells.nth(0).locator(".tema9-explorer").get_by_text("Época 2 de 500").wait_for(timeout=60_000)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:interrupt-kernel'); }")
    cells.nth(1).get_by_text("Interrumpido").wait_for()
    cells.nth(1).get_by_text("usable: True").wait_for()
    cells.nth(0).locator(".tema9-explorer").get_by_text("La red tiene los pesos de la mejor época").wait_for()


def test_a_figure_has_its_alternative_text(lab, page):
    code = "from tema9 import figures\nfigures.describe_pictures()\nax = figures.windows(8, 3, 2)"
    (cell,) = opened(lab, page, code).all()
    (image,) = cell.locator(".jp-OutputArea-output img").all()
    assert image.is_visible() and "píxel de la fila (px)" in image.get_attribute("alt")
