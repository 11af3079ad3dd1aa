"""Pictures as SVG with their alternative text: drawn in a few milliseconds, so that a slider can move them.

Colours, hatches and ink are those of `figures`; every picture has a white ground, for dark themes.
"""

import base64
import html
import io
import math

import numpy as np
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
        alt: what it shows, in a sentence, for those who do not see it.
    """

    def __init__(self, width, height, alt):
        self.width, self.height, self.alt = width, height, alt
        self.parts, self.patterns = [], {}

    def rect(self, x, y, width, height, kind=None, fill=None, stroke=INK, line=0.8):
        """A rectangle in the colour and the hatch of a kind of `figures.COLOURS`, or filled plainly."""
        colour = fill or {"padding": "#FFFFFF"}.get(kind) or COLOURS[kind]
        box = f'x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{max(height, 0):.2f}"'
        self.parts.append(f'<rect {box} fill="{colour}" stroke="{stroke}" stroke-width="{line}"/>')
        if kind in PATTERNS and min(width, height) > 2:
            self.patterns[kind] = PATTERNS[kind]
            self.parts.append(f'<rect {box} fill="url(#{kind})"/>')

    def line(self, points, colour=INK, width=1.0, dash=""):
        """A line through (x, y) points."""
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        look = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}" stroke-linejoin="round"'
        self.parts.append(f'<polyline points="{path}" fill="none" {look}/>')

    def text(self, x, y, words, size=14, anchor="start", colour=INK, bold=False):
        """One line of words, its baseline at y; anchor: start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        where = f'x="{x:.2f}" y="{y:.2f}" font-size="{size}" text-anchor="{anchor}"'
        self.parts.append(f'<text {where} fill="{colour}"{weight}>{html.escape(str(words))}</text>')

    def image(self, x, y, width, height, pixels):
        """Pixels, (H, W) or (H, W, 3) bytes, each one a square without blur."""
        file = io.BytesIO()
        pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
        times = max(1, math.ceil(2 * width / pixels.shape[1]))  # large enough that no reader blurs it
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        data = base64.b64encode(file.getvalue()).decode()
        box = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
        self.parts.append(f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>')

    def key(self, x, y, entries, step=None):
        """A legend in a row: [(kind or colour, words)]."""
        for kind, words in entries:
            known = kind in COLOURS or kind == "padding"
            self.rect(x, y - 11, 18, 13, **({"kind": kind} if known else {"fill": kind}))
            self.text(x + 24, y, words, 13)
            x += step or 40 + 7.2 * len(words)

    def plot(self, x, y, width, height, curves, xlabel, ylabel, right=1, log=False):
        """Lines with a dot for each point: {name: [(x, y)]}; x from 1 to `right`, y from 0 unless it is a logarithm."""
        values = sorted({b for line in curves.values() for _, b in line})
        ticks = values[-4:] if log else nice(0, max(values, default=1), 4)
        low, high = 0, max(values, default=1)
        if log and values:
            low, high = math.log10(values[0]) - 0.5, math.log10(values[-1]) + 0.5
        left, right, high = 1, max(right, 2), max(high, low + 1e-9)

        def at(a, b):
            b = math.log10(b) if log else b
            return x + (a - left) / (right - left) * width, y + height - (b - low) / (high - low) * height

        self.line([(x, y), (x, y + height), (x + width, y + height)], width=1)
        for tick in nice(left, right, 8, whole=True):
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
    def svg(self):
        """The SVG, which needs nothing else."""
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
    def html(self):
        """An <img> with its alternative text, as wide as there is room, and no wider than it was drawn."""
        data = base64.b64encode(self.svg.encode()).decode()
        look = f"width:100%;max-width:{self.width}px;min-width:min({self.width}px,26rem);height:auto;display:block"
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(self.alt)}" style="{look}">'


def nice(low, high, count, whole=False):
    """Round numbers from low to high, about `count` of them."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= count)
    step = max(1, round(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value):
    """A number with the digits that it needs, decimal comma and thin spaces."""
    return f"{value:,.6g}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def grey(values, low=None, high=None):
    """(H, W) numbers as bytes, black at low and white at high."""
    values = np.asarray(values, dtype=float)
    low, high = values.min() if low is None else low, values.max() if high is None else high
    return np.clip(255 * (values - low) / ((high - low) or 1), 0, 255).astype(np.uint8)


def signed(values):
    """(H, W) numbers of both signs as bytes: 0 is middle grey."""
    largest = np.abs(np.asarray(values)).max() or 1.0
    return grey(values, -largest, largest)


def mosaic(tiles, columns, gap=1, ground=255):
    """(N, H, W) or (N, H, W, 3) bytes as one picture, `columns` in a row."""
    count, height, width = tiles.shape[:3]
    rows = math.ceil(count / columns)
    whole = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *tiles.shape[3:]), ground, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = place // columns * (height + gap), place % columns * (width + gap)
        whole[y : y + height, x : x + width] = tile
    return whole
