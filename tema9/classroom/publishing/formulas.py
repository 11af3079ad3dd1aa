"""Markdown as HTML whose formulas are pictures: nbgrader's pages then need no script from the network.

matplotlib draws the formulas; the lint makes sure that it can draw those of the notebooks. One that it cannot,
in a student's answer, stays as it was written. HTML in the Markdown is shown and not obeyed.
"""

import base64
import functools
import io
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

POINTS = 11  # as large as the text around


class Renderer(IPythonRenderer):
    """nbconvert's, with its formulas drawn."""

    def inline_math(self, body):
        return picture(body) or super().inline_math(body)

    def block_math(self, body):
        drawn = picture(body.replace(r"\frac", r"\dfrac"))
        return f'<span style="display: block; text-align: center">{drawn}</span>' if drawn else super().block_math(body)


def markdown(text) -> str:
    """The HTML of a Markdown cell."""
    return MarkdownWithMath(renderer=Renderer(escape=True, exclude_anchor_links=True)).render(text)


@functools.lru_cache(maxsize=1000)
def picture(formula) -> str:
    """An <img> of a formula, which stands on the line of the text; "" if matplotlib cannot draw it."""
    from matplotlib import mathtext  # whoever only grades draws none
    from matplotlib.font_manager import FontProperties

    buffer, one_line = io.BytesIO(), " ".join(formula.split())
    try:
        below = mathtext.math_to_image(f"${one_line}$", buffer, prop=FontProperties(size=POINTS), dpi=72, format="svg")
    except (ValueError, RuntimeError):
        return ""
    address = base64.b64encode(buffer.getvalue()).decode()
    style = f"vertical-align: {-below:.2f}pt; border: none; max-width: 100%"  # Formgrader frames pictures in red
    return f'<img alt="{escape(one_line)}" style="{style}" src="data:image/svg+xml;base64,{address}">'
