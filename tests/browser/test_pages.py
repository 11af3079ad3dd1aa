"""The report of a class and a student's feedback open from disk, ask nothing of the network, and print."""

import nbformat
import pytest
from running import grade_class

from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.grading import scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.publishing import feedback, report

pytestmark = pytest.mark.sandbox
STUDENT = "alumna-001"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, prepared):
    """A course folder with a graded submission of notebook 5, the quickest, its first exercise wrong."""
    source = sources.all_sources()[4]
    made = prepared(tmp_path_factory.mktemp("pages") / "course")
    notebook = nbformat.read(made.release(source.name), as_version=4)
    answers = {one.name: bank.solution(one).text for one in source.graded}
    first = source.graded[0].name
    wrong = next(answer for answer in bank.load(source).answers[first] if not answer.right)
    answers[first] = wrong.text
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    path = made.submitted(STUDENT, source.name)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    grade_class(made.root)
    cohort = open_cohort(made.root)
    [page] = feedback.write_all(cohort, [STUDENT])
    report.write(cohort, scores.scores(cohort), made.root / "report.html")
    return {"report": made.root / "report.html", "feedback": page}


@pytest.mark.parametrize(("name", "words"), [("report", "Tema 9: the class"), ("feedback", "de 100 puntos")])
def test_a_page_opens_from_disk_in_light_and_dark_and_prints(name, words, graded, open_page, tmp_path):
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.goto(graded[name].as_uri())
        assert words in page.locator("body").inner_text()
        broken = page.evaluate("() => [...document.images].filter(one => !one.naturalWidth || !one.alt).length")
        assert not broken, "a picture is not shown, or has no text for those who do not see it"
        narrow = page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert narrow, "nothing is cut off at the side"
    content = page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert content.startswith(b"%PDF") and content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 1
    assert len(content) > 20_000


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "feedback"])
def test_a_page_violates_no_wcag_aa(name, scheme, graded, open_page, axe):
    page = open_page(color_scheme=scheme)
    page.goto(graded[name].as_uri())
    assert axe(page) == []
