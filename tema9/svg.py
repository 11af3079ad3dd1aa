"""Pictures as SVG with their alternative text: drawn in a few milliseconds, so that a slider can move them.

Colours, hatches and ink are those of `figures`; every picture has a white ground, for dark themes.
"""

import base64
import html
import io
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from tema9.figures import COLOURS, INK, SERIES

FONT = 'font-family="system-ui, sans-serif"'
PATTERNS = {  # what repeats a colour for those who do not see it, as the hatches of `figures` do
    "convolution": "M0 8L8 0",
    "pooling": "M2 2h1.5v1.5h-1.5zM6 6h1.5v1.5h-1.5z",
    "normalisation": "M0 0L8 8M0 8L8 0",
    "leftover": "M0 0L8 8M0 8L8 0M0 4h8",
    "padding": "M0 8L8 0",
}
DASHES = ("", "8 4", "8 3 2 3", "2 3", "12 3 2 3 2 3")  # of the SERIES of `figures`, in their order


class Picture:
    """A picture of `width` x `height` units, which are pixels at its natural size.

    Args:
        width, height: in units.
        alt: the alternative text: a sentence for those who do not see the picture.
    """

    def __init__(self, width: float, height: float, alt: str) -> None:
        self.width, self.height, self.alt = width, height, alt
        self.parts: list[str] = []
        self.patterns: dict[str, str] = {}

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        kind: str | None = None,
        fill: str | None = None,
        stroke: str = INK,
        line: float = 0.8,
    ) -> None:
        """Draw a rectangle in the colour and the hatch of a kind of `figures.COLOURS`, or in the colour `fill`."""
        colour = fill or (COLOURS | {"padding": "#FFFFFF"})[kind or ""]
        box = f'x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{max(height, 0):.2f}"'
        self.parts.append(f'<rect {box} fill="{colour}" stroke="{stroke}" stroke-width="{line}"/>')
        if kind in PATTERNS and min(width, height) > 2:
            self.patterns[kind] = PATTERNS[kind]
            self.parts.append(f'<rect {box} fill="url(#{kind})"/>')

    def line(
        self, points: Iterable[tuple[float, float]], colour: str = INK, width: float = 1.0, dash: str = ""
    ) -> None:
        """Draw a line through (x, y) points."""
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        look = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}" stroke-linejoin="round"'
        self.parts.append(f'<polyline points="{path}" fill="none" {look}/>')

    def text(
        self,
        x: float,
        y: float,
        words: object,
        size: float = 14,
        anchor: str = "start",
        colour: str = INK,
        bold: bool = False,
    ) -> None:
        """Write one line of words with its baseline at y; `anchor` says which part is at x: start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        where = f'x="{x:.2f}" y="{y:.2f}" font-size="{size}" text-anchor="{anchor}"'
        self.parts.append(f'<text {where} fill="{colour}"{weight}>{html.escape(str(words))}</text>')

    def image(self, x: float, y: float, width: float, height: float, pixels: ArrayLike) -> None:
        """Draw pixels, (H, W) or (H, W, 3) bytes, each as a rectangle without blur."""
        file = io.BytesIO()
        pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
        times = max(1, math.ceil(2 * width / pixels.shape[1]))  # large enough that no reader blurs it
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        data = base64.b64encode(file.getvalue()).decode()
        box = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
        self.parts.append(f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>')

    def key(self, x: float, y: float, entries: Iterable[tuple[str, str]], step: float | None = None) -> None:
        """Draw a legend in a row: [(kind or colour, words)]."""
        for kind, words in entries:
            known = kind in COLOURS or kind == "padding"
            self.rect(x, y - 11, 18, 13, kind if known else None, None if known else kind)
            self.text(x + 24, y, words, 13)
            x += step or 40 + 7.2 * len(words)

    def plot(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        curves: dict[str, list[tuple[int, float]]],
        xlabel: str,
        ylabel: str,
        right: int = 1,
        log: bool = False,
    ) -> None:
        """Draw curves with a dot for each point, over axes with numbers.

        Args:
            x, y, width, height: the rectangle between the axes.
            curves: {name: [(x, y)]}.
            right: where the horizontal axis ends; it begins at 1.
            log: make the vertical axis logarithmic; otherwise it begins at 0.
        """
        values = sorted({b for line in curves.values() for _, b in line})
        ticks = values[-4:] if log else nice(0, max(values, default=1), 4)
        low, high = 0.0, max(values, default=1.0)
        if log and values:
            low, high = math.log10(values[0]) - 0.5, math.log10(values[-1]) + 0.5
        left, right, high = 1, max(right, 2), max(high, low + 1e-9)

        def at(a, b):
            b = math.log10(b) if log else b
            return x + (a - left) / (right - left) * width, y + height - (b - low) / (high - low) * height

        self.line([(x, y), (x, y + height), (x + width, y + height)], width=1)
        for tick in nice(left, right, 8, integers=True):
            self.text(x + (tick - left) / (right - left) * width, y + height + 16, number(tick), 12, "middle")
        for tick in ticks:
            _, place = at(left, tick)
            self.line([(x - 4, place), (x, place)])
            self.text(x - 7, place + 4, number(tick), 12, "end")
        for line, (colour, _), dash in zip(curves.values(), SERIES, DASHES, strict=False):
            places = [at(a, b) for a, b in line]
            self.line(places, colour, 2.4, dash)
            for a, b in places:
                self.parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.8" fill="{colour}"/>')
        self.text(x + width, y + height + 32, xlabel, 13, "end")
        self.text(x - 40, y - 10, ylabel, 13)
        if len(curves) > 1:
            along = x + 95
            for (name, _), (colour, _), dash in zip(curves.items(), SERIES, DASHES, strict=False):
                self.line([(along, y - 14), (along + 30, y - 14)], colour, 2.4, dash)
                self.text(along + 36, y - 10, name, 13)
                along += 52 + 7.2 * len(name)

    @property
    def svg(self) -> str:
        """The picture as SVG, which needs no other file."""
        patterns = "".join(
            f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
            f'<path d="{path}" stroke="{INK}" stroke-width="0.8" fill="none"/></pattern>'
            for name, path in self.patterns.items()
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" aria-label="{html.escape(self.alt)}" {FONT}>'
            f'<defs>{patterns}</defs><rect width="100%" height="100%" fill="#FFFFFF"/>{"".join(self.parts)}</svg>'
        )

    @property
    def html(self) -> str:
        """The picture as an <img> with its alternative text, as wide as there is room up to its natural size."""
        data = base64.b64encode(self.svg.encode()).decode()
        look = f"width:100%;max-width:{self.width}px;min-width:min({self.width}px,26rem);height:auto;display:block"
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(self.alt)}" style="{look}">'


def nice(low: float, high: float, count: int, integers: bool = False) -> list[float]:
    """Return about `count` round numbers from low to high, for the ticks of an axis."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= count)
    step = max(1, round(step)) if integers else step
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number as it is printed in Spanish, with at most six digits and no zeros at the end."""
    return f"{value:,.6g}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def grey(values: ArrayLike, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Scale numbers to grey levels, as bytes: black at `low` and white at `high`."""
    values = np.asarray(values, dtype=float)
    low, high = values.min() if low is None else low, values.max() if high is None else high
    return np.clip(255 * (values - low) / ((high - low) or 1), 0, 255).astype(np.uint8)


def signed(values: ArrayLike) -> np.ndarray:
    """Scale numbers of both signs to grey levels, as bytes: 0 becomes middle grey."""
    largest = np.abs(np.asarray(values)).max() or 1.0
    return grey(values, -largest, largest)


def mosaic(tiles: np.ndarray, columns: int, gap: int = 1, ground: int = 255) -> np.ndarray:
    """Lay tiles, (N, H, W) or (N, H, W, 3) bytes, out as one picture with `columns` in a row."""
    count, height, width = tiles.shape[:3]
    rows = math.ceil(count / columns)
    whole = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *tiles.shape[3:]), ground, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = place // columns * (height + gap), place % columns * (width + gap)
        whole[y : y + height, x : x + width] = tile
    return whole
