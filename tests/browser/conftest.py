"""A browser for the tests: it may talk to this machine only, and an error of a page is an error of the test."""

import re
import shutil

import parts
import pytest

from tema9 import lab as student
from tema9 import outline
from tema9.classroom import sources
from tema9.classroom.lecture import screens, slides

OUTSIDE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1)")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# What is asked of another machine goes to a proxy that is not there. (With Playwright's routes, nothing would be kept
# in the cache of a context.)
NOWHERE = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}
VIEWPORT = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def context(browser):
    """One context for the pages of JupyterLab: its cache keeps what the browser has made of JupyterLab's program."""
    context = browser.new_context(proxy=NOWHERE, viewport=VIEWPORT)
    yield context
    context.close()


@pytest.fixture
def open_page(browser, context, request):
    """A function that opens a page, in a fresh context, given Playwright's arguments of one.

    Without arguments, the pages of a test of JupyterLab are in the context that all of them share. With `kept`, the
    page is the one of the test before, with JupyterLab in it, unless that test failed or its page wrote an error.

    At the end of the test nothing may have been asked of another machine, and no page may have thrown or
    written an error to the console, unless its words are in `expected` of the function.
    """
    outside, errors, to_close, to_keep = [], [], [], []
    failed_before = request.session.testsfailed

    def opened(kept=False, **arguments):
        shared = "lab" in request.fixturenames and not arguments
        place = context if shared else browser.new_context(**{"proxy": NOWHERE, "viewport": VIEWPORT, **arguments})
        page = context.pages[0] if kept and context.pages else place.new_page()
        (to_keep if kept else to_close).append(page if shared else place)
        page.set_default_timeout(20_000)
        for event, listener in listeners.items():
            page.on(event, listener)
        return page

    def note(asked):
        if OUTSIDE.match(asked.url):
            outside.append(asked.url)

    listeners = {
        "request": note,
        "websocket": note,
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda said: errors.append(said.text) if said.type == "error" else None,
    }
    opened.expected = []
    yield opened
    if errors or outside or request.session.testsfailed > failed_before:
        to_close, to_keep = [*to_close, *to_keep], []
    for page in to_keep:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
    for each in to_close:
        each.close()
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
