"""The site of the course in Chromium: accessible, searchable from disk, dark and light, and on a telephone."""

import pytest

from tema9.classroom.lecture import site as sites
from tema9.classroom.lecture import slides

PAGES = [
    "index.html",
    "cuadernos.html",
    "figuras.html",
    "glosario.html",
    "search.html",
    "docs/teaching.html",
    "tema9/classroom/authoring/LEEME.html",
    "notebooks/2_alexnet_capa_a_capa.html",
    "notebooks/5_dos_gpus_e_ilsvrc.html",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def axe():
    """The text of axe-core, which npm fetches."""
    slides.fetch(development=True)
    return (slides.SLIDES / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page, axe):
    """What axe-core finds against WCAG AA: (rule, the first element)."""
    page.evaluate(axe)
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG)["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_kind_of_page_violates_wcag_aa(site, open_page, axe, scheme):
    page = open_page(color_scheme=scheme)
    found = {}
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
        found[name] = violations(page, axe)
    assert not {name: one for name, one in found.items() if one}


@pytest.mark.slow
def test_the_slides_violate_no_wcag_aa(deck, open_page, axe):
    page = open_page()
    page.goto(deck[1].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert violations(page, axe) == []


@pytest.mark.slow
def test_nothing_is_cut_off_on_a_telephone_and_every_picture_is_shown(site, open_page):
    page = open_page(viewport={"width": 390, "height": 844})
    for name in PAGES:
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager'; })")
        page.wait_for_function("[...document.images].every(one => one.complete)")
        assert page.evaluate("[...document.images].filter(one => !one.naturalWidth).length") == 0, name


@pytest.mark.slow
def test_a_word_is_found_without_a_server(site, open_page):
    page = open_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q=submuestreo")
    page.locator("#search-results a", has_text="1. Repaso: LeNet-5").first.wait_for()


@pytest.mark.slow
def test_formulas_are_drawn_without_a_network(site, open_page):
    page = open_page()
    page.goto((site / "notebooks" / "1_lenet5.html").as_uri())
    page.locator("mjx-container").first.wait_for()
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 10")
    assert page.locator("mjx-merror").count() == 0


def test_the_kinds_of_pages_are_there(site):
    assert [name for name in PAGES if not (site / name).is_file()] == [] and (site / sites.DECK).is_file()
