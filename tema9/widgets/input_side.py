"""The ends of the row that CONV1 of AlexNet reads, by each way to count its side: 227 or 224."""

from tema9.arithmetic import output_size
from tema9.svg import Picture, number
from tema9.widgets.explorer import WIDTH, Explorer, choice
from tema9.widgets.sliding_window import window_starts

# The routes to an output side of 55, and two to 54: (side of the input, padding, rounding) by name.
ROUTES = {
    "la diapositiva y Caffe: 227, sin relleno": (227, 0, "floor"),
    "lo que imprime el artículo: 224, sin relleno": (224, 0, "floor"),
    "el código de 2012: 224, redondeando hacia arriba": (224, 0, "ceil"),
    "lo mismo con ceros: 224 y 3 a la derecha y abajo": (224, (0, 3), "floor"),
    "torchvision: 224, relleno de 2 por cada lado": (224, 2, "floor"),
    "d2l: 224, relleno de 1 por cada lado": (224, 1, "floor"),
}


def input_224() -> Explorer:
    """Show the ends of the row that CONV1 reads by each route, from a side of 224 or 227, and the side of its output.

    Source:
        Krizhevsky's layer.py of 2012, line 1004, rounds up; Caffe's bvlc_alexnet; torchvision's alexnet;
        d2l.ai, section 8.1.
    """
    return Explorer({"route": choice("cómo se llega", list(ROUTES), next(iter(ROUTES)))}, _input_224)


def _input_224(route):
    size, padding, rounding = ROUTES[route]
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    kernel_size, stride, shown = 11, 4, 3
    count = output_size(size, kernel_size, stride, padding, rounding)
    whole = size + before + after
    starts = window_starts(count, stride, before)
    end = starts[-1] + kernel_size
    outside, unread = max(0, end - size - after), max(0, size - end)
    exact = number((whole - kernel_size) / stride)
    picture = Picture(
        WIDTH,
        244,
        f"Los dos extremos de una fila de {size} px: la primera ventana de {count} empieza en el píxel "
        f"{starts[0] + 1}, la última acaba en el {end}.",
    )
    unit, half = 15.2, 330
    for x, first, last in ((40, -before, -before + 21), (40 + half + 40, max(end, size + after) - 21, None)):
        last = first + 21 if last is None else last
        for pixel in range(first, last):
            kind = "input" if 0 <= pixel < size else "padding"
            kind = "leftover" if end <= pixel < size else kind
            picture.rect(x + (pixel - first) * unit, 40, unit, 24, kind)
            if pixel + 1 in (1, size) or ((pixel + 1) % 5 == 0 and 0 <= pixel < size - 3):
                picture.text(x + (pixel - first + 0.5) * unit, 34, pixel + 1, 12, "middle")
        inside = [place for place, start in enumerate(starts) if first <= start and start + kernel_size <= last]
        for line, place in enumerate(inside[:shown] if first < 0 or first == 0 else inside[-shown:]):
            start = starts[place]
            drawn = min(start + kernel_size, size + after) - start
            y = 76 + 30 * line
            picture.rect(x + (start - first) * unit, y, drawn * unit, 20, "convolution")
            if drawn < kernel_size:
                picture.rect(x + (start - first + drawn) * unit, y, (kernel_size - drawn) * unit, 20, "padding")
            picture.text(
                x + (start - first + drawn / 2) * unit, y + 15, f"ventana {place + 1}", 13, "middle", bold=True
            )
    picture.text(40 + half + 14, 58, "…", 20, "middle")
    key = [("input", "píxel que se lee"), ("convolution", "ventana"), ("leftover", "píxel que sobra")]
    picture.key(40, 226, [*key, ("padding", "ceros")])
    ends = ("", "") if "," not in exact else "⌈⌉" if rounding == "ceil" else "⌊⌋"
    rounded = f"{ends[0]}{exact}{ends[1]}"
    left = f"{unread} px de la derecha no se lee{'n' * (unread > 1)}. " if unread else ""
    spare = min(after, max(0, size + after - end))  # of the padding
    left += f"Del relleno de la derecha sobra{'n' * (spare > 1)} {spare} px. " if spare else ""
    left += f"La última ventana se sale {outside} px, que cuentan como ceros. " if outside else ""
    left = left or "Todo encaja. "
    return (
        picture,
        f"{rounded} + 1 = {count}: CONV1 da {count} × {count}. {left}Fila: {size} px y {before} + {after} de relleno.",
    )
