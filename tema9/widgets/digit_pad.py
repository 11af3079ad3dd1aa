"""A pad to draw a digit on, and what LeNet-5 computes from it."""

from typing import Any

import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn import functional

from tema9 import data, looking, models, svg
from tema9.arithmetic import spanish
from tema9.figures import COLOURS
from tema9.svg import Picture
from tema9.widgets.explorer import WIDTH, Explorer, Impossible, require_integer, slider, wrapped

PAD, INK_WIDE = 224, 18  # the side of the pad and the width of its pen, in px


def digit(model: models.LeNet5, example: int = 0) -> "Digit":
    """Show a pad to draw a digit with the mouse, and the filters, maps and probabilities of LeNet-5 for it.

    Without a mouse, a student can choose one of the real digits, and move it; where ipycanvas is not installed, as in
    Colab, there is no pad.

    Args:
        model: trained.
        example: the number, in the test part of `data.digits`, of the digit that is shown first.

    Raises:
        ValueError: the model is no LeNet-5, or there is no such example.

    Source: LeCun et al. (1998), section III.A, for how a digit is brought to 28x28: 20x20, by its centre of mass.
    """
    if not isinstance(model, models.LeNet5):
        raise ValueError(f"model is a {type(model).__name__}; give a models.LeNet5")
    require_integer("example", example, 0, 999)
    return Digit(model, _canvas(), example)


def _canvas():
    """A canvas of the size of the pad, or None where ipycanvas is not installed."""
    try:
        from ipycanvas import Canvas
    except ModuleNotFoundError:
        return None
    sides = {"width": f"{PAD}px", "height": f"{PAD}px"}
    return Canvas(width=PAD, height=PAD, layout=sides | {"border": "2px solid #8c8c8c"})


def _held():
    """ipycanvas's context in which what is drawn is sent together at its end."""
    from ipycanvas import hold_canvas

    return hold_canvas()


class Digit(Explorer):
    """An Explorer with a pad to draw on, `canvas`, if there is one, as `digit` returns it.

    pad: the drawing, white ink on black; None while an example is shown.
    """

    def __init__(self, model: models.LeNet5, canvas: Any, example: int) -> None:
        self.model, self.canvas = model, canvas
        self.pad: Image.Image | None = None
        self._last: tuple[float, float] | None = None
        self.examples = data.digits().test
        controls = {
            "example": slider("dígito real, n.º", example, 0, len(self.examples) - 1),
            "right": slider("mover a la derecha (px)", 0, -8, 8),
            "down": slider("mover abajo (px)", 0, -8, 8),
        }
        super().__init__(controls, self._seen, wrapped(self._parts(controls)))
        controls["example"].observe(self._show_example, "value")
        self._show_example()

    def _parts(self, controls):
        """The widgets of the panel: the pad with what belongs to it, if there is one, and the controls."""
        if self.canvas is None:
            return [ipywidgets.VBox([*controls.values()])]
        clear = ipywidgets.Button(description="Borrar y dibujar", icon="eraser")
        clear.on_click(lambda _: self.clear())
        self.canvas.on_mouse_down(self.pen_down)
        self.canvas.on_mouse_move(self.pen_move)
        self.canvas.on_mouse_up(self.pen_up)
        self.canvas.on_mouse_out(self.pen_up)
        self.canvas.add_class("tema9-pad")
        hint = ipywidgets.HTML("Dibuja un dígito con el ratón, o elige uno real con el teclado:")
        return [self.canvas, ipywidgets.VBox([hint, *controls.values(), clear])]

    def _show_example(self, change=None):
        """Put the example on the pad."""
        self.pad = None
        if self.canvas is not None:
            pixels = svg.grey(self.examples.images[self.controls["example"].value][0, 2:30, 2:30], -0.1, 1.175)
            pixels = (255 - pixels).repeat(8, axis=0).repeat(8, axis=1)
            with _held():
                self.canvas.put_image_data(np.stack([pixels] * 3, axis=2))
        self.redraw()

    def clear(self) -> None:
        """Empty the pad, to draw on it."""
        self.pad, self._last = Image.new("L", (PAD, PAD)), None
        with _held():
            self.canvas.fill_style = "white"
            self.canvas.fill_rect(0, 0, PAD, PAD)
        self.redraw()

    def pen_down(self, x: float, y: float) -> None:
        """Begin a stroke at a place of the pad, in pixels."""
        if self.pad is None:
            self.clear()
        self._last = (x, y)
        self.pen_move(x, y)

    def pen_move(self, x: float, y: float) -> None:
        """Draw the stroke on to a place of the pad; without a stroke, do nothing."""
        if self._last is None or self.pad is None:
            return
        pen, half = ImageDraw.Draw(self.pad), INK_WIDE / 2
        pen.line([self._last, (x, y)], fill=255, width=INK_WIDE)
        pen.ellipse([x - half, y - half, x + half, y + half], fill=255)
        with _held():
            self.canvas.line_width, self.canvas.line_cap, self.canvas.stroke_style = INK_WIDE, "round", "black"
            self.canvas.stroke_line(*self._last, x, y)
            self.canvas.fill_style = "black"
            self.canvas.fill_circle(x, y, half)
        self._last = (x, y)

    def pen_up(self, x: float, y: float) -> None:
        """End the stroke and show the answer of the network."""
        if self._last is not None:
            self._last = None
            self.redraw()

    def _seen(self, example, right, down):
        if self.pad is None:
            image, label = (
                self.examples.images[example],
                f"el dígito n.º {example} (un {self.examples.labels[example]})",
            )
        elif not np.asarray(self.pad).any():
            raise Impossible("Aún no hay nada dibujado: arrastra el ratón por el cuadro, o elige un dígito real.")
        else:
            image, label = data.as_lenet5(torch.tensor(as_mnist(self.pad))[None, None].float())[0], "tu dibujo"
        image = functional.pad(
            image, (right, -right, down, -down), value=data.BACKGROUND
        )  # what leaves does not come back
        self.model.eval()
        with torch.no_grad():
            seen = looking.activations(self.model, image[None], ["relu1", "relu3", "output"])
        chances = seen["output"][0].softmax(0).tolist()
        return _inside(image, looking.filters(self.model), seen, chances, label)


def as_mnist(drawing: Image.Image) -> np.ndarray:
    """Bring a drawing to 28x28 as MNIST does with digits: its box scaled to 20, its centre of mass in the middle.

    Args:
        drawing: in grey, white ink on black, with some ink.

    Returns:
        (28, 28) bytes.
    """
    cut = drawing.crop(drawing.getbbox())
    scale = 20 / max(cut.size)
    small = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX)
    ink = np.asarray(small, dtype=float)
    rows, columns = np.indices(ink.shape)
    middle = [(ink * places).sum() / ink.sum() for places in (rows, columns)]
    top, left = (int(np.clip(round(13.5 - at), 0, 28 - side)) for at, side in zip(middle, ink.shape, strict=True))
    whole = np.zeros((28, 28), np.uint8)
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return whole


def _inside(image, kernels, seen, chances, label):
    """The picture of what LeNet-5 makes of an image, and the words."""
    answer = max(range(10), key=chances.__getitem__)
    alt = (
        f"{label.capitalize()}: la imagen de 32 × 32, los seis filtros de C1 con sus mapas, los dieciséis mapas de C3 "
        f"y la probabilidad de cada dígito; la mayor, la del {answer}, {spanish(100 * chances[answer], 1)} %."
    )
    picture = Picture(WIDTH, 412, alt)
    picture.text(20, 22, "entrada, 32 × 32 px", 14)
    picture.image(20, 34, 160, 160, 255 - svg.grey(image[0], -0.1, 1.175))
    picture.rect(20, 34, 160, 160, fill="none", stroke=COLOURS["neutral"])
    picture.text(206, 22, "C1: 6 filtros de 5 × 5 (gris: 0) y, debajo, sus mapas de 28 × 28", 14)
    first, largest = seen["relu1"][0].numpy(), kernels.abs().max().item()
    for place, (kernel, map) in enumerate(zip(kernels[:, 0].numpy(), first, strict=True)):
        x = 206 + 92 * place
        picture.image(x + 20, 34, 44, 44, svg.grey(kernel, -largest, largest))
        picture.image(x, 86, 84, 84, svg.grey(map, 0, first.max()))
    picture.text(20, 222, "C3: 16 mapas de 10 × 10", 14)
    third = seen["relu3"][0].numpy()
    tiles = svg.mosaic(svg.grey(third, 0, third.max()), 8)
    picture.image(20, 234, 340, 340 * tiles.shape[0] / tiles.shape[1], tiles)
    picture.text(392, 222, "probabilidad de cada dígito", 14)
    for place, chance in enumerate(chances):
        y = 234 + 17 * place
        picture.text(404, y + 12, place, 13, "end", bold=place == answer)
        picture.rect(412, y, 250 * chance, 13, "convolution" if place == answer else "input")
        picture.text(418 + 250 * chance, y + 12, f"{spanish(100 * chance, 1)} %", 12)
    return (
        picture,
        f"Para la red, {label} es un {answer}, con una probabilidad del {spanish(100 * chances[answer], 1)} %.",
    )
