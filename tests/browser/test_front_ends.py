"""The interactive pictures in other front ends: the static copy gives way to working controls, each in its own cell."""

import sys

import nbformat
import pytest

from tema9.classroom.lecture import screens
from tema9.widgets.explorer import LIVE

# How a front end lays out a cell: what begins and ends it, and each of its outputs.
LAYOUTS = {
    "JupyterLab, Notebook 7, Kaggle": ('<div class="jp-OutputArea">', '<div class="jp-OutputArea-child">'),
    "VS Code": ('<div class="cell_container">', '<div class="output_container"><div class="output">'),
    "Colab": ('<div id="output-area">', '<div class="output_subarea">'),
    "the notebook of before": ('<div class="output_wrapper">', '<div class="output_area">'),
}


@pytest.mark.parametrize("front_end", LAYOUTS)
def test_controls_that_work_hide_the_static_copy_of_their_own_cell(front_end, page):
    cell, output = LAYOUTS[front_end]
    closed = "</div>" * output.count("<div")
    start = f'{output}<div class="tema9-start">copia</div>{closed}'
    live = f'{output}<div class="tema9-explorer">{LIVE}<p>controles</p></div>{closed}'
    page.set_content(f"<main>{cell}{live}{start}</div></main>")
    assert page.get_by_text("controles").is_visible() and not page.get_by_text("copia").is_visible()
    page.set_content(f"<main>{cell}{start}</div></main>")
    assert page.get_by_text("copia").is_visible(), "without its controls, the copy is what there is"
    if front_end != "Colab":  # where each cell has a document of its own
        page.set_content(f"<main>{cell}{live}{start}</div>{cell}{start}</div></main>")
        assert [one.is_visible() for one in page.get_by_text("copia").all()] == [False, True]


@pytest.mark.slow
@pytest.mark.gate
def test_in_notebook_7_a_picture_is_there_once_and_moves(browser, open_page, tmp_path):
    code = "import tema9\nfrom tema9 import widgets\nwidgets.convolution()"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    made.metadata.kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    root = tmp_path / "notebooks"
    root.mkdir()
    nbformat.write(made, root / "prueba.ipynb")
    command = [sys.executable, "-m", "notebook", f"--ServerApp.root_dir={root}"]
    with screens.serving(command, root, tmp_path) as served:
        open_page.expected = ["reading 'schema'"]  # Notebook looks for the settings of the extensions that are off
        page = open_page()
        page.set_default_timeout(180_000)  # a kernel imports torch
        with page.expect_websocket(lambda one: "/channels" in one.url):  # of the kernel, without which nothing runs
            page.goto(f"{served.url}/notebooks/prueba.ipynb?token={served.token}")
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".tema9-explorer svg, .tema9-explorer img").first.wait_for()
        pictures = page.locator(".jp-OutputArea figure")
        page.wait_for_function("() => !document.querySelector('.tema9-start')?.checkVisibility()")
        assert [one.is_visible() for one in pictures.all()].count(True) == 1
        before = page.locator(".tema9-explorer figcaption").inner_text()
        page.locator(".tema9-explorer .widget-slider .slider").first.click()  # in the middle of the track
        page.wait_for_function(
            "before => document.querySelector('.tema9-explorer figcaption').innerText !== before", arg=before
        )
        page.goto("about:blank")  # before its server is gone
