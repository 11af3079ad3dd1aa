"""The first ten minutes of a student: from the zip, over the start page, to a first exercise that is right."""

import re
import zipfile

import pytest

from tema9 import doctor
from tema9.classroom import sources
from tema9.classroom.authoring import bank, bundle

SOURCE = sources.all_sources()[0]
EXERCISE = SOURCE.graded[0]


@pytest.fixture(scope="module")
def unzipped(lab):
    """The folder of the notebooks, as the zip has it, from the root of JupyterLab."""
    archive = lab.root / "tema9-estudiantes.zip"
    bundle.bundle(archive)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(lab.root)
    return f"{bundle.FOLDER}/notebooks"


def place(page, words):
    """The place among the cells of the notebook in front of the first one whose source holds some words."""
    return page.evaluate(
        "words => jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
        ".findIndex(cell => cell.cell_type === 'code' && cell.source.includes(words))",
        words,
    )


def run(page, number, text=None):
    """Type a text into a cell of code, in the place of what is there, and run the cell; what it then shows, as text."""
    if text is not None:
        page.evaluate(
            "([place, text]) => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[place].setSource(text)",
            [number, text],
        )
    return page.evaluate(
        "async place => { const content = jupyterapp.shell.currentWidget.content;"
        " content.deselectAll(); content.activeCellIndex = place;"
        " await jupyterapp.commands.execute('notebook:run-cell');"
        " return content.widgets[place].outputArea.node.innerText; }",
        number,
    )


@pytest.mark.slow
def test_from_the_zip_to_a_first_right_answer(lab, unzipped, page):
    page.set_default_timeout(120_000)  # a kernel imports torch
    lab.open(page, f"{unzipped}/0_empieza_aqui.ipynb")
    lab.run_all(page, timeout=180_000)
    shown = page.locator(".jp-OutputArea-output").all_inner_texts()
    assert any(str(doctor.python())[:8] in text for text in shown)
    assert any("0 de 90" in text for text in shown)
    page.get_by_role("link", name=SOURCE.title).first.click()
    page.wait_for_function(
        "path => jupyterapp.shell.currentWidget?.context?.path === path", arg=f"{unzipped}/{SOURCE.name}.ipynb"
    )
    lab.ready(page)
    answer, check, test = (
        place(page, words)
        for words in ("def conv_output_size", f'tema9.check("{EXERCISE.name}")', "measuring.answer(conv_output_size")
    )
    assert run(page, place(page, "notebook.prepare()")).strip() in ("", "preparando PyTorch…")
    assert "sin responder" in run(page, test)
    wrong = next(one for one in bank.load(SOURCE).answers[EXERCISE.name] if one.name == "forgets-plus-one")
    assert run(page, answer, wrong.text).strip() == ""
    said = run(page, check)
    assert "Te falta el +1" in said and f'tema9.hint("{EXERCISE.name}")' in said
    run(page, check, 'os.environ.pop("NBGRADER_EXECUTION")')  # with which this JupyterLab shortens the explorations
    for count in (1, 2):
        hints = run(page, check, f'tema9.hint("{EXERCISE.name}")')
        assert len(re.findall(r"Pista \d de 3", hints)) == count
    run(page, answer, bank.solution(EXERCISE).text)
    assert f"✔ {EXERCISE.name}: correcto." in run(page, check, f'tema9.check("{EXERCISE.name}")')
    assert run(page, test).strip() == ""
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    page.get_by_text("Validate", exact=True).locator("visible=true").first.click()  # the start page has one too
    dialog = page.locator(".jp-Dialog #validation-message")
    dialog.wait_for()
    assert f"1 de 8 ejercicios correctos: {EXERCISE.points} de 90 puntos" in dialog.inner_text()
