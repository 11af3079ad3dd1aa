"""Markdown as HTML whose formulas are pictures, so that a page needs no script from the network.

Two kinds of pages are made so: those on which a teacher reads what students wrote, and the HTML to which JupyterLab
exports a student's own notebook. matplotlib draws the formulas, and the lint makes sure that it can draw those of the
notebooks. A formula that matplotlib cannot draw stays as it was written. On a page of the first kind, HTML in the
Markdown is shown as text and not obeyed, an image that was pasted into the cell is shown, and an image of the network
becomes a link, so that whoever opens the page asks nobody for it.

The formulas are no MathML because latex2mathml 3.81 copies the HTML inside `\\text{...}` into the page as it is, and
because Chromium on a plain Debian draws the brackets and roots of MathML too small for what they enclose.
"""

import base64
import functools
import io
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import jinja2
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

POINTS = 11  # the size of the text around a formula
# A formula takes about 2 ms a character and 10 ms in any case. The longest of the notebooks has 72 characters, and all
# the formulas of one of their cells have 265.
LONGEST_FORMULA = 300  # characters
MOST_OF_A_TEXT = 1500  # characters of the formulas of a text, each of which counts PER_FORMULA more
PER_FORMULA = 20
LONGEST_TEXT = 20_000  # characters; a longer text is shown without being read as Markdown
IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|bmp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")


class Renderer(IPythonRenderer):
    """nbconvert's renderer of Markdown, except that formulas become pictures."""

    def inline_math(self, body: str) -> str:
        """Return the HTML of a formula in a line of text."""
        return self.drawn(body) or super().inline_math(body)

    def block_math(self, body: str) -> str:
        """Return the HTML of a formula that has its own line."""
        drawn = self.drawn(body.replace(r"\frac", r"\dfrac"))
        return f'<span style="display: block; text-align: center">{drawn}</span>' if drawn else super().block_math(body)

    def drawn(self, formula: str) -> str:
        """Return the picture of a formula; "" if it cannot be drawn."""
        return picture(formula)


class GuardedRenderer(Renderer):
    """A renderer of what somebody else wrote: HTML is text, images of the network are links, and drawing has limits.

    Args:
        attachments: {name: {MIME type: base64}} of the images of the cell, as nbformat has them.
    """

    def __init__(self, attachments: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            escape=True, allow_harmful_protocols=False, exclude_anchor_links=True, attachments=dict(attachments or {})
        )
        self.left = MOST_OF_A_TEXT

    def drawn(self, formula: str) -> str:
        """Return the picture of a formula; "" if it cannot be drawn, or if too much has been drawn already."""
        if len(formula) > LONGEST_FORMULA:
            return ""
        self.left -= len(formula) + PER_FORMULA
        return picture(formula) if self.left >= 0 else ""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return the HTML of an image: the image if the cell holds it, and otherwise a link or what it is called."""
        name = url.removeprefix("attachment:")
        bundle = self.attachments.get(name) if name != url else None
        kinds = bundle.items() if isinstance(bundle, Mapping) else ()
        source = next((f"data:{mime};base64,{content}" for mime, content in kinds), url)
        said = escape(re.sub(r"<[^>]*>", "", text) or "imagen")
        if IMAGE.fullmatch(source):
            return f'<img alt="{said}" style="border: none; max-width: 100%" src="{source}">'
        if re.match(r"https?://", url):
            return f'<a href="{escape(url)}" rel="noopener noreferrer" target="_blank">{said} ({escape(url)})</a>'
        return f"<em>[{said}: {escape(url[:200])}]</em>"


def markdown(text: str, attachments: Mapping[str, Any] | None = None) -> str:
    """Return the HTML of a Markdown cell that somebody else wrote.

    Args:
        text: the text of the cell.
        attachments: the images of the cell, as nbformat has them.
    """
    if len(text) > LONGEST_TEXT:
        return f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'
    return MarkdownWithMath(renderer=GuardedRenderer(attachments)).render(text)


@jinja2.pass_context
def of_cell(context: Mapping[str, Any], text: str) -> str:
    """Do as `markdown` for the cell that a template of nbconvert is about to show; this is the template's filter."""
    return markdown(text, context.get("cell", {}).get("attachments"))


@jinja2.pass_context
def exported(context: Mapping[str, Any], text: str) -> str:
    """Return the HTML of a Markdown cell for an export of one's own notebook; HTML in the cell stays HTML.

    Args:
        context: of the template of nbconvert, which has the cell, whose attachments are put into the page.
        text: of the cell.
    """
    cell = context.get("cell", {})
    return MarkdownWithMath(renderer=Renderer(escape=False, attachments=cell.get("attachments", {}))).render(text)


@functools.lru_cache(maxsize=1000)
def picture(formula: str) -> str:
    """Return an <img> of a formula, aligned with the line of text; "" if matplotlib cannot draw the formula."""
    from matplotlib import mathtext  # grading imports this module and draws nothing
    from matplotlib.font_manager import FontProperties

    buffer, one_line = io.BytesIO(), " ".join(formula.split())
    try:
        below = mathtext.math_to_image(f"${one_line}$", buffer, prop=FontProperties(size=POINTS), dpi=72, format="svg")
    except (ValueError, RuntimeError):
        return ""
    address = base64.b64encode(buffer.getvalue()).decode()
    style = f"vertical-align: {-below:.2f}pt; border: none; max-width: 100%"  # Formgrader frames images in red
    return f'<img alt="{escape(one_line)}" style="{style}" src="data:image/svg+xml;base64,{address}">'
