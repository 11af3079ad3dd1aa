"""Markdown of nbgrader's pages, with drawn formulas and without obeyed HTML."""

import re

import pytest

from tema9.classroom import sources
from tema9.classroom.publishing import formulas


@pytest.mark.slow
def test_every_formula_of_the_notebooks_is_drawn():
    for source in sources.all_sources():
        for cell in source.cells:
            if cell.kind == "markdown":
                html = formulas.markdown(cell.text)
                assert "$" not in re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", html, flags=re.S), cell.line
                assert html.count("data:image/svg") == html.count("<img alt=")


def test_a_formula_has_its_text_for_those_who_do_not_see_it():
    assert 'alt="a &lt; b"' in formulas.markdown("$a < b$")


def test_what_cannot_be_drawn_stays_as_it_was_written():
    assert "$\\nosuchthing{x}$" in formulas.markdown("Creo que $\\nosuchthing{x}$.")


def test_html_of_a_student_is_shown_and_not_obeyed():
    html = formulas.markdown(
        'Hola <script>alert(1)</script> <img src=x onerror="alert(1)">\n\n<script>alert(2)</script>'
    )
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html
