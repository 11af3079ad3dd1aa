"""A browser for the tests: it may talk to this machine only, and an error of a page is an error of the test."""

import re
import shutil

import parts
import pytest

from tema9 import lab as student
from tema9 import outline
from tema9.classroom import sources
from tema9.classroom.lecture import screens, slides

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def open_page(browser):
    """A function that opens a fresh page, given Playwright's arguments of a context.

    At the end of the test nothing may have been asked of another machine, and no page may have thrown or
    written an error to the console, unless its words are in `expected` of the function.
    """
    outside, errors, contexts = [], [], []

    def opened(**arguments):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 720}} | arguments))
        contexts.append(context)
        context.route(re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1)"), refuse)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        return page

    def refuse(route):
        outside.append(route.request.url)
        route.abort()

    opened.expected = []
    yield opened
    for context in contexts:
        context.close()
    assert not outside, f"asked of another machine: {outside}"
    errors = [error for error in errors if not any(words in error for words in opened.expected)]
    assert not errors, f"errors of a page: {errors}"


@pytest.fixture(scope="session")
def axe():
    """A function that gives what axe-core finds in a page against WCAG AA: (rule, the first element).

    Without axe-core, which npm fetches, skips the test; in CI it fails.
    """
    try:
        slides.fetch(development=True)
    except slides.NoPackages as error:
        (pytest.fail if parts.IN_CI else pytest.skip)(str(error))
    text = (slides.SLIDES / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def violations(page):  # without loading the styles once more, which a browser forbids to pages from disk
        page.evaluate(text)
        found = page.evaluate("tags => axe.run(document, {runOnly: tags, preload: false})", WCAG)["violations"]
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in found]

    return violations


@pytest.fixture
def page(open_page):
    """A page of 1280x720."""
    return open_page()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A student's JupyterLab, a `Lab`, on a folder that is empty at first."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "notebooks"
    root.mkdir()
    shutil.copy(sources.NOTEBOOKS / f"{outline.START}.ipynb", root)  # without it, tema9.lab finds no notebooks
    with screens.serving(student.command(root), root, home) as served:
        yield served
