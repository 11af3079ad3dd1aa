"""Markdown as HTML whose formulas are pictures, so that nbgrader's pages need no script from the network.

matplotlib draws the formulas, and the lint makes sure that it can draw those of the notebooks. A formula of a student
that matplotlib cannot draw stays as the student wrote it. HTML in the Markdown is shown as text and not obeyed.

The formulas are no MathML because latex2mathml 3.81 copies the HTML inside `\\text{...}` into the page as it is, and
because Chromium on a plain Debian draws the brackets and roots of MathML too small for what they enclose.
"""

import base64
import functools
import io
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

POINTS = 11  # the size of the text around a formula


class Renderer(IPythonRenderer):
    """nbconvert's renderer of Markdown, except that formulas become pictures."""

    def inline_math(self, body: str) -> str:
        """Return the HTML of a formula in a line of text."""
        return picture(body) or super().inline_math(body)

    def block_math(self, body: str) -> str:
        """Return the HTML of a formula that has its own line."""
        drawn = picture(body.replace(r"\frac", r"\dfrac"))
        return f'<span style="display: block; text-align: center">{drawn}</span>' if drawn else super().block_math(body)


def markdown(text: str) -> str:
    """Return the HTML of a Markdown cell."""
    return MarkdownWithMath(renderer=Renderer(escape=True, exclude_anchor_links=True)).render(text)


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
