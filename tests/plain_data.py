"""Plain data at random: what any answer may give back, from the usual to the odd."""

import math

import numpy as np
import torch

NUMBERS = (0, 1, -1, 2, 3, 28, 255, 10**6, 2**31, 2**63, -(10**30), 0.0, -0.0, 0.5, 1e-300, 1e300)
ODD = (math.nan, math.inf, -math.inf, None, True, False, "", "28", "á\ud800", "x" * 5000, (), [], {})
SHAPES = ((), (0,), (1,), (3,), (2, 3), (1, 1, 1), (2, 0, 3), (1, 3, 4, 4), (10,), (64, 1))
NUMPY = ("float64", "float32", "float16", "int64", "int8", "uint8", "bool", "complex64")
TORCH = (torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool)


def value(draw, depth=0):
    """Return a value made with the `random.Random` that is given; values inside it are `depth` levels down."""
    kind = draw.choice(("number", "number", "number", "odd", "array", "tensor", "list", "tuple", "dict"))
    if depth > 3 and kind in ("list", "tuple", "dict"):
        kind = "number"
    if kind == "number":
        return draw.choice((draw.choice(NUMBERS), draw.randint(-100, 100), draw.uniform(-10, 10)))
    if kind == "odd":
        return draw.choice(ODD)
    if kind in ("array", "tensor"):
        return _array(draw, kind)
    length = draw.choice((0, 1, 2, 2, 3, 5, 12))
    if kind == "dict":
        keys = [draw.choice(("a", "name", "A", 1, 2.5, None, (1, 2), f"capa{n}")) for n in range(length)]
        return {key: value(draw, depth + 1) for key in keys}
    if draw.random() < 0.5:  # alike, as lists usually are
        state = draw.random()
        items = [value(type(draw)(state), depth + 1) for _ in range(length)]
    else:
        items = [value(draw, depth + 1) for _ in range(length)]
    return items if kind == "list" else tuple(items)


def _array(draw, kind):
    shape = draw.choice(SHAPES)
    fill = draw.choice((0.0, 1.0, -3.5, math.nan, math.inf, None))
    numbers = np.random.default_rng(draw.randrange(2**32)).normal(size=shape) if fill is None else np.full(shape, fill)
    with np.errstate(invalid="ignore"):
        if kind == "array":
            return numbers.astype(draw.choice(NUMPY))
        return torch.from_numpy(np.array(numbers)).to(draw.choice(TORCH))
