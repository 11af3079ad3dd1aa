"""What Sphinx is told of the course's site, which `tema9 site` builds from the folder that it fills."""

project = "Tema 9: AlexNet y ZFNet"
language = "es"
smartquotes = False  # they would take an apostrophe in the English documents for a closing quote
highlight_language = "text"  # of a block that names none
extensions = ["myst_nb", "sphinx.ext.mathjax"]
exclude_patterns = ["_static"]

nb_execution_mode = "off"  # tema9 site has run the notebooks, solved
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/svg+xml", 1), ("html", "text/plain", 2)]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # as the links of the documents have them
myst_links_external_new_tab = False

mathjax_path = "mathjax/tex-chtml.js"  # from npm, so that formulas need no network
mathjax3_config = {"options": {"enableMenu": False}}

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # its extracts are fetched, which a browser forbids to pages that are opened from disk
html_theme_options = {
    "navbar_align": "left",
    "header_dropdown_text": "Más",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
ALONE = ("index", "glosario", "figuras", "search", "genindex", "tema9/**")
SECTIONS = ("cuadernos", "notebooks/**", "docs/**", "benchmarks/**", "[A-Z]*")
html_sidebars = {page: [] for page in ALONE} | {page: ["seccion.html"] for page in SECTIONS}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
templates_path = ["_templates"]


def setup(app):
    """Say of the documents for teachers that they are in English."""

    spanish = ("index", "cuadernos", "figuras", "glosario", "search", "genindex", "notebooks/", "tema9/")

    def in_its_language(app, page, template, context, doctree):
        if not page.startswith(spanish) and "body" in context:
            context["body"] = f'<div lang="en">{context["body"]}</div>'

    app.connect("html-page-context", in_its_language)
