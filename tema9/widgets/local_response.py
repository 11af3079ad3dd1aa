"""Nine maps at one pixel, before and after Local Response Normalization."""

import torch

from tema9 import layers
from tema9.arithmetic import spanish
from tema9.svg import Picture, number
from tema9.widgets.explorer import WIDTH, Explorer, slider, stops

ALPHAS = (0, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01)


def lrn(neighbours: float = 50, alpha: float = 0.002, size: int = 5) -> Explorer:
    """Show nine maps at one pixel, before and after the paper's normalisation: strong neighbours damp the middle one.

    Args:
        neighbours: the first value of the other eight maps.
        alpha: the first value of the constant of that name; in the paper it is 1e-4.
        size: how many maps compete at first, the paper's n.

    Raises:
        ValueError: an argument is outside of the range of its control.
    """
    if not 0 <= neighbours <= 200:
        raise ValueError(f"neighbours {neighbours!r} is not from 0 to 200")
    if not 0 <= alpha <= 0.01:
        raise ValueError(f"alpha {alpha!r} is not from 0 to 0.01")
    if size not in range(1, 10, 2):
        raise ValueError(f"size {size!r} is not 1, 3, 5, 7 or 9")
    controls = {
        "own": slider("mapa 4 (el nuestro)", 50, 0, 200, 10),
        "neighbours": slider("los demás mapas", neighbours, 0, 200, 10),
        "alpha": stops("α (en el artículo, 0,0001)", ALPHAS, alpha),
        "size": slider("n, mapas que compiten", size, 1, 9, 2),
    }
    return Explorer(controls, _lrn)


def _lrn(own, neighbours, alpha, size):
    maps = torch.full((1, 9, 1, 1), float(neighbours))
    maps[0, 4] = float(own)
    after = layers.local_response_norm(maps, size=size, alpha=alpha).flatten().tolist()
    before = maps.flatten().tolist()
    left = 100 * after[4] / before[4] if own else 0
    words = f"{spanish(left, 1)} %" if own else "nada"
    alt = (
        f"Nueve mapas en un píxel. El 4 entra con {own} y sale con {spanish(after[4], 1)}; "
        f"los otros entran con {neighbours}. Compiten los mapas de {4 - size // 2} a {4 + size // 2}."
    )
    picture, base, top = Picture(WIDTH, 300, alt), 230, 180
    scale = top / max(*before, 1)
    picture.rect(48 + (4 - size // 2) * 76, 22, size * 76 - 8, base - 22, fill="#EFEFEF", stroke="none")
    picture.text(48 + 4.5 * 76 - 4, 16, f"compiten con el 4 (n = {size})", 13, "middle")
    for place, (x, y) in enumerate(zip(before, after, strict=True)):
        at = 52 + place * 76
        picture.rect(at, base - scale * x, 30, scale * x, "input")
        picture.rect(at + 31, base - scale * y, 30, scale * y, "normalisation")
        picture.text(at + 46, base - scale * y - 5, number(round(y, 1)), 12, "middle")
        picture.text(at + 30, base + 18, f"mapa {place}", 13, "middle", bold=place == 4)
    picture.line([(44, base), (WIDTH - 20, base)])
    picture.key(52, 282, [("input", "entra"), ("normalisation", "sale (con su valor)")])
    total = sum(x * x for x in before[max(0, 4 - size // 2) : 5 + size // 2])
    return picture, (
        f"Al mapa 4 le queda: {words} de lo que entra. Se divide por (2 + α · {spanish(total)})^0,75, "
        f"donde {spanish(total)} es la suma de los cuadrados de los {size} mapas. "
        "Los de los extremos compiten con menos vecinos."
    )
