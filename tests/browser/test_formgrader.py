"""A teacher's JupyterLab: nbgrader's screens work on a course folder, in our sandbox and without the network."""

import json

import nbformat
import pytest

from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.grading.record import Record
from tema9.classroom.lecture import screens

pytestmark = pytest.mark.sandbox
SOURCE = sources.all_sources()[0]
STUDENT = "alumna-001"
LOST = SOURCE.exercises["n1-conv-output-size"].tests[0].points  # by the known mistake: the values


@pytest.fixture(scope="module")
def course(tmp_path_factory, prepared):
    """A course folder with one submission of notebook 1: right but for one known mistake."""
    made = prepared(tmp_path_factory.mktemp("teacher") / "course", [SOURCE])
    notebook = nbformat.read(made.release(SOURCE.name), as_version=4)
    known = bank.load(SOURCE)
    mistake = next(answer for answer in known.answers["n1-conv-output-size"] if answer.name == "forgets-plus-one")
    for cell in notebook.cells:
        exercise = SOURCE.exercises.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if exercise:
            cell.source = "Es las dos cosas: $5 \\times 5$." if exercise.by_hand else bank.solution(exercise).text
            cell.source = mistake.text if exercise.name == mistake.exercise else cell.source
    path = made.submitted(STUDENT, SOURCE.name)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return made


@pytest.fixture(scope="module")
def classroom(browser, course, tmp_path_factory):
    """JupyterLab as `tema9 classroom` opens it."""
    with screens.serving(screens.command(course.root), course.root, tmp_path_factory.mktemp("home")) as served:
        yield served


def test_a_submission_is_autograded_marked_by_hand_and_gets_its_feedback(classroom, course, page):
    """The way of one submission through Formgrader's buttons."""
    classroom.log_in(page)
    page.set_default_timeout(60_000)
    page.goto(f"{classroom.url}/formgrader/manage_submissions/{SOURCE.name}")
    row = page.locator("tr", has_text=STUDENT)
    row.locator(".autograde a").click()
    said = page.locator(".modal-dialog")
    said.get_by_text("Successfully autograded").first.wait_for()
    graded = sum(exercise.points for exercise in SOURCE.graded)
    with Record(course) as record:
        scores = record.points(STUDENT, SOURCE.name)
    assert sum(score for score, _ in scores.values()) == graded - LOST, "the known mistake costs the values"
    assert sum(waits for _, waits in scores.values()) == 2

    page.goto(f"{classroom.url}/formgrader/gradebook/{SOURCE.name}/{SOURCE.name}")
    page.locator("tbody a").first.click()
    page.wait_for_function("() => window.MathJax?.loaded")
    page.wait_for_load_state("networkidle")
    body = page.locator("#notebook-container").first
    assert "BEGIN MARK SCHEME" in body.inner_text() and "son equivalentes" in body.inner_text()
    formulas = body.locator("img[alt='5 \\\\times 5']")
    assert formulas.count() == 2 and formulas.first.evaluate("img => img.naturalWidth") > 10
    assert "$" not in body.locator(".text_cell_render").first.inner_text()
    for exercise, mark in (("n1-m1-c5", "3"), ("n1-m2-slide", "4")):
        box = page.locator(f"#{exercise}")
        box.fill(mark)
        with page.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
            box.press("Tab")
    comment = page.locator("#n1-m1-c5-comment")
    comment.fill("Falta el ejemplo.")
    with page.expect_response(lambda answer: "/api/comment/" in answer.url and answer.request.method == "PUT"):
        comment.press("Tab")
    with Record(course) as record:
        scores = record.points(STUDENT, SOURCE.name)
        assert scores["n1-m1-c5"] == (3, False) and scores["n1-m2-slide"] == (4, False)
        assert record.comments(STUDENT, SOURCE.name)["n1-m1-c5"] == "Falta el ejemplo."

    page.goto(f"{classroom.url}/formgrader/manage_submissions/{SOURCE.name}")
    page.locator("tr", has_text=STUDENT).locator(".generate-feedback a").click()
    said.get_by_text("Successfully generated feedback").first.wait_for()
    written = course.root / "feedback" / STUDENT / SOURCE.name / f"{SOURCE.name}.html"
    page.goto(written.as_uri())
    text = page.locator("body").inner_text()
    assert "Falta el ejemplo." in text and f"Score: {graded - LOST + 3 + 4}.0 / 100.0" in text
    assert "HIDDEN TESTS" not in text and "MARK SCHEME" not in text


def test_a_release_is_generated_from_the_button(classroom, course, page):
    classroom.log_in(page)
    release = course.release(SOURCE.name)
    before = json.loads(release.read_text())
    release.unlink()
    page.goto(f"{classroom.url}/formgrader/manage_assignments")
    page.locator("tr", has_text=SOURCE.name).locator(".glyphicon-education").click()
    page.locator(".modal-dialog").get_by_text("Successfully created the student version").first.wait_for(timeout=60_000)
    assert json.loads(release.read_text()) == before
    assert not page.get_by_text("exchange directory").is_visible()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("nbgrader:open-formgrader", None),
        ("nbgrader:open-assignment-list", "Released assignments"),
        ("nbgrader:open-course-list", "Available formgraders"),
    ],
)
def test_the_screens_of_the_menu_open(command, shown, classroom, page):
    classroom.log_in(page)
    page.goto(f"{classroom.url}/lab?reset")
    page.wait_for_function("command => window.jupyterapp?.commands.hasCommand(command)", arg=command)
    page.evaluate("command => { jupyterapp.commands.execute(command); }", command)
    place = page.get_by_text(shown) if shown else page.frame_locator("iframe").get_by_role("link", name=SOURCE.name)
    place.first.wait_for()
    if command == "nbgrader:open-course-list":
        page.get_by_role("link", name="tema9").wait_for()


def test_create_assignment_shows_the_points_of_the_release(classroom, page):
    classroom.open(page, f"source/{SOURCE.name}/{SOURCE.name}.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('nbgrader:open-create-assignment'); }")
    total = page.locator("input.nbgrader-TotalPointsInput")
    total.wait_for()
    assert total.input_value() == "100"


def test_a_source_opens_as_a_notebook_with_a_double_click_and_is_saved_as_it_was(classroom, page):
    """As in a checkout: the source lies below pyproject.toml, which holds jupytext's settings."""
    source = classroom.root / "solutions" / f"{sources.START}.py"
    source.parent.mkdir()
    source.write_bytes(sources.start_page().path.read_bytes())
    (classroom.root / "pyproject.toml").write_bytes((sources.ROOT / "pyproject.toml").read_bytes())
    classroom.log_in(page)
    page.goto(f"{classroom.url}/lab/tree/solutions?reset")
    page.locator(".jp-DirListing-item", has_text=source.name).dblclick()
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel", timeout=60_000
    )
    classroom.ready(page)
    classroom.run_all(page)
    page.evaluate("async () => { await jupyterapp.commands.execute('docmanager:save'); }")
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    assert page.locator(".jp-OutputArea-output table").count() >= 2
    assert source.read_bytes() == sources.start_page().path.read_bytes()
