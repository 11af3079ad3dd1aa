"""Markdown of nbgrader's pages, with drawn formulas and without obeyed HTML."""

import re
import urllib.request

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config.loader import KVArgParseConfigLoader

from tema9 import formulas, lab
from tema9.classroom import sources
from tema9.classroom.lecture import screens


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


def test_an_export_of_ones_own_notebook_keeps_its_html_and_its_attachments():
    image = {"a.png": {"image/png": "iVBORw0KGgo="}}
    page = HTMLExporter(filters={"markdown2html": "tema9.formulas.exported"}).from_notebook_node(
        new_notebook(
            cells=[
                new_markdown_cell(
                    "Un cuadrado: $x^2$.\n\n<details>más</details>\n\n![foto](attachment:a.png)", attachments=image
                )
            ]
        )
    )[0]
    body = page[page.index("<body") :]
    assert "<details>más</details>" in body and "data:image/png;base64,iVBORw0KGgo=" in body
    assert 'alt="x^2"' in body and "$x^2$" not in body


def test_an_export_asks_nothing_of_the_network():
    """With the arguments that JupyterLab is given; a notebook with saved widgets would load their controls too."""
    widgets = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": {}}}
    notebook = new_notebook(cells=[new_markdown_cell("$x^2$")], metadata={"widgets": widgets})
    config = KVArgParseConfigLoader(list(lab.EXPORT), classes=[HTMLExporter]).load_config()
    page = HTMLExporter(config=config).from_notebook_node(notebook)[0]
    assert 'alt="x^2"' in page
    scripts = re.findall(r'<script[^>]*\ssrc="([^"]*)"', page) + re.findall(r"widgetRendererSrc = '([^']*)'", page)
    assert len(scripts) >= 3 and set(scripts) == {"data:,"}
    assert not re.search(r'<(?:link|img|iframe)[^>]*\b(?:src|href)="http|@import|url\(["\']?http', page)


@pytest.mark.slow
def test_what_jupyterlab_exports_has_its_formulas_drawn(tmp_path):
    cells = [new_markdown_cell(r"La pérdida es $\ln 10$, y $$\left\lfloor\frac{n - k}{s}\right\rfloor + 1$$")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
    nbformat.write(new_notebook(), tmp_path / f"{sources.START}.ipynb")
    with screens.serving(lab.command(tmp_path), tmp_path, tmp_path / "home") as served:
        ask = urllib.request.Request(
            f"{served.url}/nbconvert/html/a.ipynb", headers={"Authorization": f"token {served.token}"}
        )
        page = urllib.request.urlopen(ask, timeout=60).read().decode()
    body = page[page.index("<body") :]
    assert body.count("data:image/svg+xml") == 2 and r'alt="\ln 10"' in body
    assert "$" not in re.sub(r"<script.*?</script>|<style.*?</style>", "", body, flags=re.S)


def test_html_of_a_student_is_shown_and_not_obeyed():
    html = formulas.markdown(
        'Hola <script>alert(1)</script> <img src=x onerror="alert(1)">\n\n<script>alert(2)</script>'
    )
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_an_image_of_the_cell_is_shown():
    attachments = {"a.png": {"image/png": PNG}}
    for text in ("![Mi red](attachment:a.png)", "![Mi red][1]\n\n[1]: attachment:a.png"):
        assert f'<img alt="Mi red" style="border: none; max-width: 100%" src="data:image/png;base64,{PNG}">' in (
            formulas.markdown(text, attachments)
        )
    assert f'src="data:image/png;base64,{PNG}"' in formulas.markdown(f"![](data:image/png;base64,{PNG})")


@pytest.mark.parametrize(
    "attachments",
    [None, {}, {"a.png": None}, {"a.png": {}}, {"a.png": {"text/html": PNG}}, {"a.png": {"image/png": '"><script>'}}],
)
def test_an_image_that_the_cell_lacks_is_called_by_its_name(attachments):
    html = formulas.markdown("![Mi red](attachment:a.png)", attachments)
    assert "<em>[Mi red: attachment:a.png]</em>" in html and "<img" not in html


@pytest.mark.parametrize(
    "text",
    [
        "![foto](https://example.org/pixel.png)",
        "![foto](http://example.org/pixel.png 'título')",
        "![foto][1]\n\n[1]: https://example.org/pixel.png",
        "![foto](//example.org/pixel.png)",
        "![foto](../../hub/logout)",
        "![foto](javascript:alert(1))",
        "![foto](file:///etc/passwd)",
        "![foto](data:text/html;base64,PHNjcmlwdD4=)",
        "<img src=https://example.org/pixel.png>",
        "<picture><source srcset='https://example.org/pixel.png'></picture>",
        "[![foto](https://example.org/pixel.png)](https://example.org)",
        '![x" onerror="alert(1)](https://example.org/"onerror=alert(1))',
    ],
)
def test_no_page_asks_anybody_for_an_image(text):
    html = formulas.markdown(text)
    assert "<img" not in html and "src=" not in html.replace("&lt;img src=", "") and "onerror=&quot;" not in html


def test_an_image_of_the_network_is_a_link():
    html = formulas.markdown("![foto](https://example.org/a.png?x=1&y=2)")
    assert '<a href="https://example.org/a.png?x=1&amp;y=2" rel="noopener noreferrer" target="_blank">foto (' in html


def test_a_link_that_runs_a_script_leads_nowhere():
    html = formulas.markdown("[a](javascript:alert(1)) [b](vbscript:x) [c](data:text/html,x)")
    assert "javascript:" not in html and "vbscript:" not in html and "data:text" not in html


def test_a_formula_that_is_too_long_is_shown_as_it_stands():
    long = "x" + "+x" * 8_000
    html = formulas.markdown(f"Creo que ${long}$, o que $x$.")
    assert f"${long}$" in html and 'alt="x"' in html


def test_of_many_formulas_the_first_ones_are_drawn_and_the_others_are_shown_as_they_stand():
    html = formulas.markdown(" ".join(f"$a_{{{number}}}$" for number in range(1000)))
    assert 'alt="a_{0}"' in html and "$a_{999}$" in html and 0 < html.count("<img") < 75


def test_a_text_that_is_too_long_is_shown_as_it_stands():
    text = "\\begin{a}" * 5000
    assert formulas.markdown(text).startswith("<pre") and "\\begin{a}" in formulas.markdown(text)
