"""The site of the course in Chromium: accessible, searchable from disk, dark and light, and on a telephone."""

import pytest

from tema9.classroom.lecture import site as sites

# One of each kind.
PAGES = [
    "index.html",
    "figuras.html",
    "glosario.html",
    "search.html",
    "docs/teaching.html",
    "notebooks/5_dos_gpus_e_ilsvrc.html",
]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "names"), [("light", PAGES), ("dark", PAGES[-2:])])
def test_no_kind_of_page_violates_wcag_aa(site, open_page, axe, scheme, names):
    page = open_page(color_scheme=scheme)
    found = {}
    for name in names:
        page.goto((site / name).as_uri())
        page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
        found[name] = axe(page)
    assert not {name: one for name, one in found.items() if one}


@pytest.mark.slow
def test_the_slides_violate_no_wcag_aa(deck, open_page, axe):
    page = open_page()
    page.goto(deck[1].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert axe(page) == []


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
