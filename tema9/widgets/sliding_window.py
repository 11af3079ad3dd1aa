"""A row of pixels and the windows of a convolution that fit in it."""

from tema9.arithmetic import output_size
from tema9.svg import Picture, number
from tema9.widgets.explorer import WIDTH, Explorer, Impossible, require_integer, slider


def convolution(size: int = 8, kernel_size: int = 3, stride: int = 2, padding: int = 0) -> Explorer:
    """Show a row of pixels and the windows that fit in it; the pixels that no window reads are marked.

    Args:
        size, kernel_size, stride, padding: the first values of the controls, in pixels.

    Raises:
        ValueError: an argument is outside of the range of its control.
    """
    ranges = {"size": (size, 1, 40), "kernel_size": (kernel_size, 1, 11), "stride": (stride, 1, 5)}
    ranges["padding"] = (padding, 0, 5)
    for name, (value, low, high) in ranges.items():
        require_integer(name, value, low, high)
    words = {"size": "fila, n (px)", "kernel_size": "ventana, k (px)", "stride": "paso, s (px)"}
    words["padding"] = "relleno, p (px)"
    return Explorer({name: slider(words[name], *of) for name, of in ranges.items()}, _convolution)


def _convolution(size, kernel_size, stride, padding):
    whole = size + 2 * padding
    if kernel_size > whole:
        raise Impossible(
            f"No cabe: la ventana mide {kernel_size} px y la fila, con su relleno, {size} + 2·{padding} = {whole} px. "
            "Agranda la fila o el relleno, o achica la ventana."
        )
    count = output_size(size, kernel_size, stride, padding)
    return _row_of_windows(size, kernel_size, stride, (padding, padding), count), _formula(
        size, kernel_size, stride, padding, count, len(_unread(size, kernel_size, stride, padding, count))
    )


def _formula(size, kernel_size, stride, padding, count, leftover):
    exact = (size + 2 * padding - kernel_size) / stride
    down = "" if exact.is_integer() else f" = ⌊{number(round(exact, 2))}⌋ + 1"
    left = "no sobra ningún píxel" if not leftover else f"sobra{'n' * (leftover > 1)} {leftover} px"
    fits = "La división es exacta" if exact.is_integer() else "La división no es exacta y se redondea hacia abajo"
    return (
        f"⌊({size} + 2·{padding} − {kernel_size}) / {stride}⌋ + 1{down} = {count}: la salida mide {count} px. "
        f"{fits}; {left}."
    )


def _unread(size, kernel_size, stride, before, count):
    read = {start + pixel for start in window_starts(count, stride, before) for pixel in range(kernel_size)}
    return set(range(size)) - read


def window_starts(count: int, stride: int, before: int) -> list[int]:
    """The first pixel of each of `count` windows over a row; the `before` pixels of padding have negative numbers."""
    return [place * stride - before for place in range(count)]


def _row_of_windows(size, kernel_size, stride, padding, count):
    before, after = padding
    unread, starts = _unread(size, kernel_size, stride, before, count), window_starts(count, stride, before)
    end = max(size + after, starts[-1] + kernel_size)
    left, unit = 66, (WIDTH - 90) / (before + end)
    unit = min(unit, 46)
    high = min(20, max(7, 330 / count))
    alt = (
        f"Una fila de {size} píxeles{f' con {before} y {after} de relleno' if before or after else ''} y debajo las "
        f"{count} posiciones de una ventana de {kernel_size}, con paso {stride}; quedan {len(unread)} sin leer."
    )
    picture = Picture(WIDTH, 92 + count * high + 40, alt)
    picture.text(4, 44, "fila", 14)
    for pixel in range(-before, end):
        kind = "padding" if not 0 <= pixel < size else "leftover" if pixel in unread else "input"
        picture.rect(left + (pixel + before) * unit, 26, unit, 26, kind)
        if unit > 20 and 0 <= pixel < size:
            picture.text(left + (pixel + before + 0.5) * unit, 20, pixel + 1, 12, "middle")
    for place, start in enumerate(starts):
        y = 64 + place * high
        picture.rect(left + (start + before) * unit, y, kernel_size * unit, high * 0.8, "convolution")
        if high >= 12 or place % 5 == 0:
            picture.text(left - 8, y + high * 0.7, place + 1, 12, "end")
    picture.text(4, 64 + high * 0.7, "salida", 14)
    key = [("input", "píxel que se lee"), ("convolution", "ventana"), ("leftover", "píxel que sobra")]
    picture.key(left, 92 + count * high + 24, [*key, ("padding", "relleno")])
    return picture
