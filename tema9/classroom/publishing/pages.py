"""Pages of HTML that need nothing but themselves: every value in them is escaped, and none of them runs a script."""

import base64
import functools
import io
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from tema9.files import atomic_write


@functools.cache
def _templates():
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    made = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    made.filters["inline"] = inline
    return made


def inline(text) -> Markup:
    """A text with its `code` and **bold** as HTML; all the rest of it is escaped."""
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*\n]+)\*\*", r"<strong>\1</strong>", text))


def write(path, template, **values):
    """Write the page that a template of this folder makes of the values."""
    page = _templates().get_template(template).render(**values)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def picture(figure) -> str:
    """A figure as the address of an image that holds it; the figure is closed."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
