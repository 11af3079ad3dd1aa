"""What a test may learn of a student's work that is not plain data.

A test cell reaches the student's work in two ways only: it calls it with plain data
(numbers, strings, lists, tuples, dicts, arrays), or it hands it to one of these
functions, which run beside the work and return plain data. So the same cell serves
in the student's notebook and in a grader that sits in another process.
"""

import functools
import types

import numpy as np
import torch


def measure(function):
    """Make `function(work, ...)` run where the work lives, when the work lives elsewhere."""

    @functools.wraps(function)
    def wrapper(work, *args, **kwargs):
        remote = getattr(type(work), "measure_there", None)
        if remote is not None:
            return remote(work, function.__name__, args, kwargs)
        return function(work, *args, **kwargs)

    return wrapper


@measure
def require_own(work):
    """Refuse an answer that is, or calls, a piece of `tema9`.

    Raises:
        AssertionError: in Spanish, with the name of the piece.
    """
    piece = _borrowed(work, set())
    assert not piece, f"aquí se pide tu propio código, y esto usa `{piece}`, que es del paquete del curso"


@measure
def raised_by(work, *args, **kwargs):
    """Call the work and return the name of the exception it raises, or None.

    Example:
        >>> raised_by(lambda: 1 / 0)
        'ZeroDivisionError'
    """
    try:
        work(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
    return None


@measure
def changes_its_inputs(work, *args, **kwargs):
    """Call the work with copies of the arrays and return whether it wrote into them."""
    copies = [arg.clone() if isinstance(arg, torch.Tensor) else np.copy(arg) for arg in args if _is_array(arg)]
    given = iter(copies)
    work(*(next(given) if _is_array(arg) else arg for arg in args), **kwargs)
    originals = [arg for arg in args if _is_array(arg)]
    return any(not np.array_equal(copy, original) for copy, original in zip(copies, originals, strict=True))


@measure
def parameter_shapes(work, *args, **kwargs):
    """Build the module `work(*args, **kwargs)` on device meta and return its parameters' shapes, in order."""
    return [tuple(parameter.shape) for parameter in _module(work, args, kwargs, "meta").parameters()]


@measure
def module_rows(work, input_shape, *args, **kwargs):
    """Build the module `work(*args, **kwargs)` on device meta and pass one image through it.

    Args:
        input_shape: of the batch, (N, C, H, W).

    Returns:
        a list of (type of the layer, shape of its output without N, number of parameters,
        settings), one per call of a part without parts, in the order of the calls. The
        settings are a dict of what the part was given that is plain data (kernel_size,
        stride, p, alpha, ...); pairs of equal numbers come as one.

    Raises:
        AssertionError: the work does not build a torch.nn.Module.
    """
    module = _module(work, args, kwargs, "meta").eval()
    rows = []

    def record(part, _, output):
        count = sum(parameter.numel() for parameter in part.parameters())
        rows.append((type(part).__name__, tuple(output.shape[1:]), count, _settings(part)))

    hooks = [part.register_forward_hook(record) for part in module.modules() if not list(part.children())]
    try:
        module(torch.zeros(input_shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return rows


@measure
def model_output(work, images, *args, training=False, **kwargs):
    """Build the module `work(*args, **kwargs)`, give it known weights, and return its output.

    The weights depend on the shapes and the order of the parameters alone
    (`known_weights`), so that two modules with the same layers answer the same.

    Args:
        images: an array (N, C, H, W).
        training: mode of the module; evaluation by default.
    """
    module = known_weights(_module(work, args, kwargs, "cpu")).train(training)
    with torch.no_grad():
        return module(torch.as_tensor(images))


def known_weights(module, seed=0):
    """Fill the parameters, in their order, with small values drawn from `seed`; return the module."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = max(1, parameter[0].numel() if parameter.dim() > 1 else 100)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return module


def _module(work, args, kwargs, device):
    with torch.device(device):
        module = work(*args, **kwargs)
    assert isinstance(module, torch.nn.Module), f"se esperaba un torch.nn.Module y ha llegado un {type(module).__name__}"
    return module


def _settings(part):
    plain = (int, float, bool, str, type(None))
    settings = {}
    for name, value in vars(part).items():
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if not name.startswith("_") and name != "training" and isinstance(value, plain):
            settings[name] = value
    return settings


def _is_array(value):
    return isinstance(value, np.ndarray | torch.Tensor)


def _borrowed(work, seen):
    """The name of a piece of tema9 that `work` is or uses, or None.

    Looks through functions, classes, instances and what they name. This module is no
    such piece, nor is `tema9` itself unless something is taken from it by name.
    """
    if id(work) in seen:
        return None
    seen.add(id(work))
    if isinstance(work, types.ModuleType):
        name = work.__name__
        return name if name.startswith("tema9.") else None
    home = getattr(work, "__module__", None) or ""
    if home == "tema9" or home.startswith("tema9."):
        return f"{home}.{getattr(work, '__qualname__', type(work).__name__)}"
    if home.split(".")[0] in ("torch", "numpy", "builtins", "math"):
        return None
    if isinstance(work, type):
        return next(filter(None, (_borrowed(part, seen) for part in (*work.__bases__, *vars(work).values()))), None)
    if isinstance(work, staticmethod | classmethod | functools.partial):
        return _borrowed(getattr(work, "__func__", None) or work.func, seen)
    code = getattr(work, "__code__", None)
    if code is None:
        return _borrowed(type(work), seen) if home == "__main__" else None
    held = [cell.cell_contents for cell in work.__closure__ or () if cell is not None]
    for name in _names(code):
        if name == "tema9" or name.startswith("tema9."):
            return name
        if name in work.__globals__:
            held.append(work.__globals__[name])
    return next(filter(None, (_borrowed(part, seen) for part in held)), None)


def _names(code):
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
