"""Pages of HTML, each in one file that loads no other: every value in them is escaped, and they run no script."""

import base64
import functools
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from tema9.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@functools.cache
def _templates():
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    made = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    made.filters["inline"] = inline
    made.filters["decimal"] = decimal
    return made


def decimal(value: float | str) -> str:
    """Return a number, or a mark, as a page in Spanish shows it: with a decimal comma.

    Example:
        >>> decimal(7.5), decimal(10.0), decimal("6.20")
        ('7,5', '10', '6,20')
    """
    return (value if isinstance(value, str) else f"{value:g}").replace(".", ",")


def inline(text: str) -> Markup:
    """Return a text as HTML in which `code` and **bold** are marked up and everything else is escaped."""
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*\n]+)\*\*", r"<strong>\1</strong>", text))


def write(path: str | Path, template: str, **values: Any) -> None:
    """Write a page of HTML.

    Args:
        path: the path of the page.
        template: the name of the page's template, a file beside this module.
        values: what the template shows, by name.
    """
    page = _templates().get_template(template).render(**values)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def picture(figure: "Figure") -> str:
    """Return the URL of an image that holds a figure of matplotlib, as SVG, and close the figure."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
