"""A student's JupyterLab: it opens on the start page, every notebook runs, and Validate says how it stands."""

import shutil

import nbformat
import pytest
import solved
from sampling import sampled

from tema9 import answers, doctor
from tema9.classroom import sources
from tema9.classroom.authoring import bank

SOURCES = sources.all_sources()
# The experiments of a notebook as students run them, in minutes, and as short as when they are graded.
WHOLE, SHORT = 'SHORT = bool(os.environ.get("NBGRADER_EXECUTION"))', "SHORT = True"


@pytest.fixture(scope="module", autouse=True)
def notebooks(lab):
    """The notebooks as students get them, and under solved/ with their answers and with the hidden tests.

    Under short/ they are solved too, and their experiments are short.
    """
    (lab.root / "solved").mkdir()
    (lab.root / "short").mkdir()
    for path in sources.NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, lab.root)
    for source in SOURCES:
        notebook = nbformat.read(sources.NOTEBOOKS / f"{source.name}.ipynb", as_version=4)
        tests = {test.grade_id: test.text for exercise in source.graded for test in exercise.tests}
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            exercise = source.exercises.get(name)
            if exercise:
                cell.source = "Porque sí." if exercise.by_hand else bank.solution(exercise).text
            cell.source = tests.get(name, cell.source)
        nbformat.write(notebook, lab.root / "solved" / f"{source.name}.ipynb")
        for cell in notebook.cells:
            cell.source = cell.source.replace(WHOLE, SHORT)
        nbformat.write(notebook, lab.root / "short" / f"{source.name}.ipynb")


@pytest.fixture(autouse=True)
def kernels(lab, page):
    """Kernels end with the test that started them: six of them are several GiB."""
    yield
    page.goto("about:blank")  # it would complain
    for session in page.request.get(f"{lab.url}/api/sessions").json():
        page.request.delete(f"{lab.url}/api/sessions/{session['id']}?token={lab.token}")


def validated(page):
    """Press Validate; the text of the dialog."""
    page.get_by_text("Validate", exact=True).first.click()
    dialog = page.locator(".jp-Dialog #validation-message")
    dialog.wait_for(timeout=60_000)
    return dialog.inner_text()


def errors(page):
    """The errors that the cells of the open notebook have written."""
    return page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.flatMap(cell =>"
        " (cell.outputs ?? []).filter(one => one.output_type === 'error').map(one => one.ename + ': ' + one.evalue))"
    )


def test_the_start_page_opens_in_spanish_and_says_what_there_is(lab, page):
    lab.log_in(page)
    page.goto(f"{lab.url}/lab?reset")
    lab.open(page, "0_empieza_aqui.ipynb")
    assert page.locator("html").get_attribute("lang") == "es-ES"
    asked = page.evaluate("() => JSON.parse(document.getElementById('jupyter-config-data').textContent)")
    assert not asked["buildCheck"] and not asked["buildAvailable"], "no dialog offers to build JupyterLab anew"
    assert page.get_by_role("menuitem", name="Archivo").is_visible()
    assert not page.get_by_role("menuitem", name="Nbgrader").count(), "what is the teacher's is not in the way"
    lab.run_all(page)
    assert errors(page) == []
    shown = page.locator(".jp-OutputArea-output").all_inner_texts()
    assert any("Tu máquina:" in text and "núcleos" in text for text in shown)
    assert any(str(doctor.python())[:8] in text for text in shown)
    assert any("0 de 90" in text for text in shown)
    link = page.get_by_role("link", name="1. Repaso: LeNet-5").first
    link.click()
    page.wait_for_function("() => jupyterapp.shell.currentWidget.context.path === '1_lenet5.ipynb'")


def test_a_notebook_that_was_only_opened_has_nothing_to_be_saved(lab, page):
    lab.open(page, f"{SOURCES[1].name}.ipynb")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.content.model.getMetadata('language_info')?.version", timeout=20_000
    )
    assert not page.evaluate("() => jupyterapp.shell.currentWidget.context.model.dirty")
    names = page.locator(".jp-DirListing-itemText")
    assert names.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
    for menu in ("Ejecutar", "Núcleo", "Pestañas"):
        assert page.get_by_role("menuitem", name=menu, exact=True).is_visible()


@pytest.mark.parametrize("length", sampled(["solved", "short"], ["short"]))
@pytest.mark.parametrize("source", sampled(SOURCES, SOURCES[:1]), ids=lambda source: source.name)
def test_a_solved_notebook_runs_and_validates(source, length, lab, page):
    lab.open(page, f"{length}/{source.name}.ipynb")
    lab.run_all(page, timeout=600_000)
    model = "jupyterapp.shell.currentWidget.content.model.sharedModel"
    solved.assert_right(source, page.evaluate(f"() => {model}.cells.map(cell => cell.toJSON())"))
    said = validated(page)
    points = sum(exercise.points for exercise in source.graded)
    assert f"{len(source.graded)} de {len(source.graded)} ejercicios correctos: {points} de {points} puntos" in said
    assert "cell failed" not in said and "Respuestas escritas" in said


def test_a_notebook_as_released_validates_as_unanswered(lab, page):
    lab.open(page, f"{SOURCES[0].name}.ipynb")
    said = validated(page)
    assert "0 de 8 ejercicios correctos: 0 de 90 puntos" in said
    assert said.count("sin responder") == len(SOURCES[0].exercises)


def test_a_half_answered_notebook_is_told_what_is_wrong_and_why(lab, page):
    source, known = SOURCES[0], bank.load(SOURCES[0])
    notebook = nbformat.read(lab.root / "solved" / f"{source.name}.ipynb", as_version=4)
    mistake = next(answer for answer in known.answers["n1-conv-output-size"] if answer.name == "forgets-plus-one")
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name == "n1-conv-output-size":
            cell.source = mistake.text
        elif name == "n1-s2-parameters":
            cell.source = "s2 = 1 / 0"
        elif name == "n1-m1-c5":
            cell.source = answers.TEXT_STUB
    nbformat.write(notebook, lab.root / "half.ipynb")
    lab.open(page, "half.ipynb")
    said = validated(page)
    lost = source.exercises["n1-conv-output-size"].points + source.exercises["n1-s2-parameters"].points
    assert f"6 de 8 ejercicios correctos: {90 - lost} de 90 puntos" in said
    assert "Te falta el +1" in said and "ZeroDivisionError" in said and "sin responder" in said


def test_the_start_page_has_nothing_to_validate(lab, page):
    lab.open(page, "0_empieza_aqui.ipynb")
    assert "No hay nada que validar" in validated(page)
