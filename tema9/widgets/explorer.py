"""What every interactive picture shares: a box that shows a picture, the controls that redraw it, their labels."""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets
from IPython.display import DisplayHandle, display

from tema9.figures import COLOURS
from tema9.svg import Picture, number

WIDTH = 760  # units: the pictures' width
NO_FRONT_END = "Ejecuta esta celda en JupyterLab para mover los controles; esta es la última imagen."
# What holds the outputs of one cell: in JupyterLab, Notebook 7 and Kaggle; in VS Code; in Colab, where a cell has a
# document of its own; in the notebook of before.
CELLS = ".jp-OutputArea,.cell_container,#output-area,.output_wrapper"
# This style reaches a page only together with working controls: it hides the static copy of the picture, and puts the
# label of a slider above its track, which has the whole width.
LIVE = (
    f"<style>:is({CELLS}):has(.tema9-explorer) .tema9-start,"
    ".jp-OutputArea:has(.tema9-explorer) .jp-OutputArea-child:has(.tema9-start){display:none}"
    ".tema9-explorer .widget-slider{flex-wrap:wrap;height:auto}"
    ".tema9-explorer .widget-slider>.widget-label{flex:0 0 100%;text-align:left}"
    ".tema9-explorer .widget-slider>.slider-container{flex:1 1 8rem;min-width:6rem}</style>"
)
# This style comes with the static copy: where the controls are lost with their kernel, it hides JupyterLab's error.
LOST = (
    "<style>.jp-OutputArea:has(.tema9-start):not(:has(.tema9-explorer)) .jp-OutputArea-child:has(>.jupyter-widgets)"
    "{display:none}</style>"
)
FAULT = "#A63F00"  # of letters: `figures.COLOURS["leftover"]`, dark enough to be read on white, and white on it
HANDLE = COLOURS["fully_connected"]  # of sliders: JupyterLab's own is white on white
CARD = "background:#fff;color:#222;border:1px solid #8c8c8c;border-radius:6px;padding:.8em;margin:.4em 0"


class Impossible(ValueError):
    """The controls ask for something that cannot exist; the message, in Spanish, says why."""


class PictureBox(ipywidgets.VBox):
    """A panel of controls above a picture, with the static copy that is shown where controls do not work.

    Args:
        panel: the widget that holds the controls.

    picture, words: the `svg.Picture` that is shown, and the sentences under it.
    problem: a message, in Spanish, that is shown instead of both; "" for none.
    """

    def __init__(self, panel: ipywidgets.Widget) -> None:
        self.picture: Picture | None = None
        self.words = self.problem = ""
        self.shown = ipywidgets.HTML()
        self.handle: DisplayHandle | None = None
        super().__init__([ipywidgets.HTML(LIVE, layout={"display": "none"}), panel, self.shown])
        self.add_class("tema9-explorer")

    @property
    def card(self) -> str:
        """The picture and the sentences, or the problem, as HTML: on white in every theme."""
        if self.problem or self.picture is None:
            words = f'<strong style="color:{FAULT}">✘</strong> {html.escape(self.problem)}'
            return f'<div style="{CARD}" role="status">{words}</div>'
        return (
            f'<figure style="{CARD}"><div style="overflow-x:auto">{self.picture.html}</div>'
            f'<figcaption role="status" style="max-width:46rem;line-height:1.5">{html.escape(self.words)}'
            "</figcaption></figure>"
        )

    def start(self) -> dict[str, str]:
        """The static copy of the picture as it is now, with its alternative text, for a front end without widgets.

        Returns:
            {MIME type: content}.
        """
        if self.problem or self.picture is None:
            static = {"text/plain": f"{self.problem} {self.words}"}
        else:
            static = {"text/plain": f"{self.picture.alt} {self.words}", "image/svg+xml": self.picture.svg}
        return static | {"text/html": f'<div class="tema9-start">{LOST}{self.card}<p>{NO_FRONT_END}</p></div>'}

    def show(self) -> None:
        """Show the picture as it is now, under the controls and in the static copy, which a saved notebook keeps."""
        self.shown.value = self.card
        if self.handle is not None:
            self.handle.update(self.start(), raw=True)

    def _ipython_display_(self):
        live = self._repr_mimebundle_() | {"text/plain": NO_FRONT_END}
        display(live, raw=True)
        self.handle = display(self.start(), raw=True, display_id=True)


class Explorer(PictureBox):
    """Controls by name, and the picture that is drawn again from their values each time that one changes.

    Args:
        controls: {name: an ipywidgets control with a description}.
        draw: the values of the controls, by name -> (an `svg.Picture`, sentences); raises `Impossible`.
        panel: a widget that holds the controls; a row that wraps by default.
    """

    def __init__(
        self,
        controls: Mapping[str, ipywidgets.Widget],
        draw: Callable[..., tuple[Picture, str]],
        panel: ipywidgets.Widget | None = None,
    ) -> None:
        self.controls, self._draw = controls, draw
        super().__init__(panel or wrapped(controls.values()))
        for control in controls.values():
            control.observe(self.redraw, "value")
        self.redraw()

    def redraw(self, change: object = None) -> None:
        """Draw again from the values of the controls; where `draw` raises `Impossible`, show its message instead."""
        try:
            values = {name: control.value for name, control in self.controls.items()}
            self.picture, self.words = self._draw(**values)
            self.problem = ""
        except Impossible as error:
            self.problem = str(error)
        self.show()


def wrapped(widgets: Iterable[ipywidgets.Widget]) -> ipywidgets.Box:
    """Widgets in a row that goes on below where there is no room."""
    return ipywidgets.Box(list(widgets), layout={"flex_flow": "row wrap", "align_items": "center"})


def slider(
    words: str, value: float, low: float, high: float, step: float = 1
) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    """A slider under its label, the longer the more values it has; they are whole numbers unless `step` is a float."""
    wide = "46rem" if (high - low) / step > 250 else "22rem"
    style, layout = {"description_width": "initial", "handle_color": HANDLE}, {"width": wide, "max_width": "100%"}
    options = {"min": low, "max": high, "step": step, "description": words, "style": style, "layout": layout}
    if isinstance(step, float):
        return ipywidgets.FloatSlider(value, **options, readout_format=f".{len(str(step)) - 2}f")
    return ipywidgets.IntSlider(value, **options)


def stops(words: str, values: Iterable[float], value: float) -> ipywidgets.SelectionSlider:
    """A slider under its label that stops at these numbers, and at `value`."""
    style, layout = {"description_width": "initial", "handle_color": HANDLE}, {"width": "22rem", "max_width": "100%"}
    options = [(number(one), one) for one in sorted({*values, value})]
    return ipywidgets.SelectionSlider(options=options, value=value, description=words, style=style, layout=layout)


def choice(words: str, options: Sequence[Any], value: object) -> ipywidgets.Dropdown:
    """A list with a label, of which one entry is chosen.

    Args:
        options: the entries, or pairs (entry, its value).
    """
    style, layout = {"description_width": "initial"}, {"width": "36rem", "max_width": "100%"}
    return ipywidgets.Dropdown(options=options, value=value, description=words, style=style, layout=layout)


def require_integer(name: str, value: object, low: int, high: int) -> None:
    """Refuse an argument that is not a whole number between two bounds.

    Raises:
        ValueError: with the argument's name, its value and the bounds.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} {value!r} is not a whole number from {low} to {high}")
