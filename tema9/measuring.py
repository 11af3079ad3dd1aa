"""Measurements of a student's work that is not plain data, for the tests.

A test cell reaches the student's work in two ways only: it calls it with plain data
(numbers, strings, lists, tuples, dicts, arrays), or it passes the work to one of these
functions, which run in the process of the work and return plain data. So the same cell
serves in the student's notebook and in a grader, which runs in another process.
"""

import dis
import functools
import itertools
import math
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.overrides import TorchFunctionMode

from tema9 import contracts

PERIOD = 1_000_003  # a prime, so that no two rows of a layer are equal
ALIGNED = 16  # numbers of float32, the bytes at whose multiples the values of a parameter begin
FEW = 100  # groups of parameters, or parameters of one; an iterator may have no end
MARK = 1000  # the number of an image stands in a pixel, divided by this
# Where a convolution of torch has its number of groups among the arguments without a name.
GROUPS_AT = {name: 6 for kind in ("conv", "conv_transpose") for name in (f"{kind}{axes}d" for axes in (1, 2, 3))}
GROUPS_AT["convolution"] = 8
NOT_OWN = "aquí se pide tu propio código, y esto usa `{}`, que es del paquete del curso"
Module = TypeVar("Module", bound=torch.nn.Module)


def measure(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function(work, ...)` run in the process of the work, where that is another process."""

    @functools.wraps(function)
    def wrapper(work, *args, **kwargs):
        remote = getattr(type(work), "measure_there", None)
        if remote is not None:
            return remote(work, function.__name__, args, kwargs)
        return function(work, *args, **kwargs)

    return wrapper


@measure
def require_own(work: Any) -> None:
    """Refuse an answer that is, or calls, a piece of `tema9`.

    Raises:
        AssertionError: in Spanish, with the name of the piece.
    """
    piece = _borrowed(work, set())
    assert not piece, NOT_OWN.format(piece)


def answer(work: Callable[..., Any], contract: contracts.Contract) -> Callable[..., Any]:
    """Return the student's function with its contract: each call gives the canonical form of what it returns.

    Args:
        work: the student's function.
        contract: what the exercise asks it to return.

    Raises:
        AssertionError: the work is no function; or it is, or calls, a piece of `tema9`.
    """
    assert callable(work), f"se pide una función, y en su lugar hay un `{type(work).__name__}`"
    require_own(work)
    return lambda *args, **kwargs: contract(work(*args, **kwargs))


@measure
def raised_by(work: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Call the work and return the name of the exception it raises, or None.

    Of a class of the student's own it is that of the builtin kind from which it derives.

    Raises:
        NotImplementedError: the work is the released one, without an answer.

    Example:
        >>> raised_by(lambda: 1 / 0)
        'ZeroDivisionError'
    """
    try:
        work(*args, **kwargs)
    except Exception as error:
        if type(error) is NotImplementedError and not error.args:
            raise
        return builtin_name(error)
    return None


def builtin_name(error: BaseException) -> str:
    """Return the name of the nearest builtin class of an error.

    Example:
        >>> builtin_name(type("NoCabe", (ValueError,), {})())
        'ValueError'
    """
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def error_name(error: BaseException) -> str:
    """Return the name of an error's class, or of the class above it where that name is not for users.

    From Python 3.13 on, a bracket that is not closed raises `_IncompleteInputError`, a kind of `SyntaxError`.

    Example:
        >>> error_name(IndentationError())
        'IndentationError'
    """
    return next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))


@measure
def changes_its_inputs(work: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Call the work with copies of the arrays and return whether it wrote into them."""
    copies = [arg.clone() if isinstance(arg, torch.Tensor) else np.copy(arg) for arg in args if _is_array(arg)]
    given = iter(copies)
    work(*(next(given) if _is_array(arg) else arg for arg in args), **kwargs)
    originals = [arg for arg in args if _is_array(arg)]
    return any(not np.array_equal(copy, original) for copy, original in zip(copies, originals, strict=True))


@measure
def parameter_shapes(work: Callable[..., Any], *args: Any, **kwargs: Any) -> list[tuple[int, ...]]:
    """Build the module `work(*args, **kwargs)` on device meta and return its parameters' shapes, in order."""
    return [tuple(parameter.shape) for parameter in _module(work, args, kwargs, "meta").parameters()]


@measure
def module_rows(
    work: Callable[..., Any], input_shape: Sequence[int], *args: Any, **kwargs: Any
) -> list[tuple[str, tuple[int, ...], int, dict[str, Any]]]:
    """Build the module `work(*args, **kwargs)` on device meta and pass one image through it.

    Args:
        input_shape: of the batch, (N, C, H, W).

    Returns:
        a list of (type of the layer, shape of its output without N, number of parameters,
        settings), one per call of a part without parts, in the order of the calls. The
        settings are a dict of the arguments of the part that are plain data (kernel_size,
        stride, p, alpha, ...); pairs of equal numbers come as one number.

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
def model_output(
    work: Callable[..., Any], images: ArrayLike, *args: Any, training: bool = False, **kwargs: Any
) -> torch.Tensor:
    """Build the module `work(*args, **kwargs)`, give it known weights, and return its output.

    The weights depend on the shapes and the order of the parameters alone
    (`known_weights`), so that two modules with the same layers answer the same.

    Args:
        images: an array (N, C, H, W).
        training: mode of the module; evaluation by default.
    """
    module = _known_module(work, args, kwargs).train(training)
    with torch.no_grad():
        return module(torch.as_tensor(images))


@measure
def layer_inputs(work: Callable[..., Any], images: ArrayLike, *args: Any, **kwargs: Any) -> list[torch.Tensor]:
    """Build the module `work(*args, **kwargs)`, give it known weights, and return the input of each layer.

    Layers are the parts that have parameters of their own, in the order of the calls;
    so it does not matter whether the operations between them are modules or functions.

    Args:
        images: an array (N, C, H, W).

    Returns:
        a list of arrays: the input of each layer, and at the end the output of the
        module; all in evaluation mode.
    """
    module = _known_module(work, args, kwargs).eval()
    inputs = []
    hooks = [
        part.register_forward_pre_hook(lambda _, given: inputs.append(given[0].clone()))
        for part in _layers_with_parameters(module)
    ]
    try:
        with torch.no_grad():
            output = module(torch.as_tensor(images))
    finally:
        for hook in hooks:
            hook.remove()
    return [*inputs, output]


@measure
def dropped_inputs(work: Callable[..., Any], images: ArrayLike, *args: Any, **kwargs: Any) -> list[float]:
    """Build the module `work(*args, **kwargs)` and return the share of each layer's input that training sets to zero.

    In training every layer is made to answer as in evaluation, so that each number
    depends only on the operations between that layer and the one before.

    Args:
        images: an array (N, C, H, W).

    Returns:
        a list with a number from 0 to 1 for each part that has parameters, in the order
        of the calls: of the inputs that are not zero in evaluation, those that are in training.
    """
    module = _known_module(work, args, kwargs).eval()
    inputs: list[torch.Tensor] = []
    outputs: list[torch.Tensor] = []
    dropped: list[float] = []

    def record(_, given, output):
        inputs.append(given[0].clone())
        outputs.append(output.clone())

    def replay(_, given, output):
        alive = inputs[len(dropped)] != 0
        dropped.append(float((given[0] == 0)[alive].float().mean()) if alive.any() else 0.0)
        return outputs[len(dropped) - 1].clone()

    for mode, hook in ((False, record), (True, replay)):
        handles = [part.register_forward_hook(hook) for part in _layers_with_parameters(module)]
        try:
            with torch.no_grad():
                module.train(mode)(torch.as_tensor(images))
        finally:
            for handle in handles:
                handle.remove()
    return dropped


@measure
def uses(work: Any, *names: str) -> bool:
    """Whether the code of the work, or of the functions of its own that it calls, names one of `names`.

    A function of the student's own may have such a name.

    Example:
        >>> uses(lambda x, w: torch.nn.functional.conv2d(x, w), "conv2d")
        True
    """
    waiting, seen = [work], set()
    while waiting:
        function = waiting.pop()
        if isinstance(function, types.FunctionType) and function not in seen:
            seen.add(function)
            known = {name: function.__globals__.get(name) for name in _global_names(function.__code__)}
            own = [name for name, other in known.items() if getattr(other, "__module__", None) == work.__module__]
            if set(names) & {*_attribute_names(function.__code__), *known} - set(own):
                return True
            waiting += [known[name] for name in own]
    return False


@measure
def calls_of_torch(work: Callable[..., Any], function: str, *args: Any, **kwargs: Any) -> bool:
    """Call the work and return whether it calls, by whatever name, a function of torch whose name contains `function`.

    Example:
        >>> calls_of_torch(torch.nn.MaxPool2d(2), "max_pool", torch.ones(1, 2, 2))
        True
    """
    return any(function in name for name, _ in _functions_of_torch(work, args, kwargs))


@measure
def convolves_in_groups(work: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Call the work and return whether it has torch compute a convolution of several groups.

    Example:
        >>> convolves_in_groups(torch.conv2d, torch.ones(1, 2, 3, 3), torch.ones(2, 1, 1, 1), None, 1, 0, 1, 2)
        True
    """
    return any("conv" in name and groups > 1 for name, groups in _functions_of_torch(work, args, kwargs))


def known_classifier(classes: int = 4, seed: int = 0) -> torch.nn.Sequential:
    """Return a small network for images of three channels and 9 px or more, with weights that the seed decides."""
    kept = torch.random.get_rng_state()
    torch.manual_seed(seed)
    body = [torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(3), torch.nn.Flatten()]
    last = torch.nn.Linear(54, classes)
    with torch.no_grad():
        last.weight.mul_(20)  # so that its answers differ
    torch.random.set_rng_state(kept)
    return torch.nn.Sequential(*body, last).eval()


@measure
def with_classifier(work: Callable[..., Any], *args: Any, seed: int = 0, **kwargs: Any) -> np.ndarray:
    """Call `work(model, *args)` with the `known_classifier` of that seed, and return what it returns, an array.

    Raises:
        AssertionError: the work returns no array of numbers.
    """
    return contracts.array(work(known_classifier(seed=seed), *args, **kwargs))


@measure
def changes_the_image(work: Callable[..., Any], image: torch.Tensor, *args: Any, seed: int = 0) -> bool:
    """Call `work(model, image, *args)` as `with_classifier` does and return whether it wrote into the image."""
    return changes_its_inputs(functools.partial(work, known_classifier(seed=seed)), image, *args)


@measure
def training_run(work: Callable[..., Any], steps: int = 1, images: int = 64) -> dict[str, Any]:
    """Call `work(model, optimizer, images, labels)` several times with the same small batch.

    The model is a small one with known weights, which starts in evaluation mode, and the
    optimizer is SGD with momentum; all in float64.

    Returns:
        a dict: "losses", what the work returned at each step, as numbers; "weights", all the
        parameters at the end, in a vector; "training", whether the model was in training mode
        whenever a gradient went back through it.

    Raises:
        AssertionError: the work returns no number.
    """
    model, _, learned = _small_model(mode=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    batch = _small_split(images, seed=1)
    losses = [
        contracts.number(work(model, optimizer, batch.images.clone(), batch.labels.clone())) for _ in range(steps)
    ]
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return {"losses": losses, "weights": weights, "training": bool(learned) and all(learned)}


@measure
def evaluation(work: Callable[..., Any], images: int = 10, **kwargs: Any) -> dict[str, Any]:
    """Call `work(model, data, **kwargs)` with a small known model, which starts in training mode.

    The data have `train`, `validation` and `test`, each with as many other images (N, 1, 4, 4)
    and labels of 3 classes; in float64.

    Returns:
        a dict: "result", the list of the numbers that the work returned; "training", whether the
        model was ever used in training mode; "changed", whether its weights changed.

    Raises:
        AssertionError: the work returns no sequence of numbers.
    """
    model, used, _ = _small_model(mode=True)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    parts = {name: _small_split(images, seed) for seed, name in enumerate(("train", "validation", "test"), 2)}
    result = work(model, types.SimpleNamespace(**parts), **kwargs)
    numbers = contracts.numbers()(result)
    changed = not all(map(torch.equal, before, model.parameters()))
    return {"result": numbers, "training": any(used), "changed": changed}


@measure
def parameter_groups(work: Callable[..., Any], *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """Call `work(model, *args, **kwargs)`, which returns groups of parameters for an optimizer.

    The model is a small one with two convolutions, of which one has no bias, and two dense layers.

    Returns:
        a list with a dict for each group, in the order of the work: "names", those of its parameters, sorted ("?" for
        what is no parameter of the model), and the numbers "lr" and "weight_decay".

    Raises:
        AssertionError: the work returns no list of dicts with these keys.
    """
    nn = torch.nn
    head = [nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3)]
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=False), *head)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = work(model, *args, **kwargs)
    if groups is None:
        raise contracts.Unlike("tu función no devuelve nada: ¿falta el `return`?")
    if not isinstance(groups, Iterable) or isinstance(groups, dict | str):
        raise contracts.Unlike(
            f"{contracts.RETURNED} un `{type(groups).__name__}`, y se pide una lista de diccionarios"
        )
    measured = []
    for place, group in enumerate(itertools.islice(groups, FEW), 1):
        subject = f"{contracts.RETURNED}, en su grupo {place},"
        if not isinstance(group, dict):  # no other mapping is a group for an optimizer
            raise contracts.Unlike(f"{subject} un `{type(group).__name__}`, y se pide un diccionario")
        if missing := [key for key in ("params", "lr", "weight_decay") if key not in group]:
            raise contracts.Unlike(f"{subject} un diccionario sin la clave {missing[0]!r}")
        params = group["params"]
        if not isinstance(params, Iterable):
            kind = type(params).__name__
            raise contracts.Unlike(f"{subject} en 'params', un `{kind}`, y se pide una lista de parámetros")
        params = [params] if isinstance(params, torch.Tensor) else list(itertools.islice(params, FEW))
        params = [part[1] if isinstance(part, tuple) and len(part) == 2 else part for part in params]  # with its name
        numbers = {key: contracts.number(group[key], f"{subject} en {key!r},") for key in ("lr", "weight_decay")}
        measured.append({"names": sorted(names.get(id(parameter), "?") for parameter in params), **numbers})
    return measured


@measure
def training_loop(
    work: Callable[..., Any],
    validation_errors: Sequence[float],
    images: int = 22,
    validation_images: int = 20,
    **kwargs: Any,
) -> dict[str, Any]:
    """Call `work(model, data, epochs, **kwargs)`, an epoch per scripted validation error, and record its steps.

    The data have `train`, `validation` and `test`, each with `images` (N, 1, 4, 4) and `labels` of 3 classes, in
    float64. The model has known weights, answers the same in both modes, and starts in evaluation mode. Its answers to
    the validation images are scripted: in the k-th epoch, `validation_errors[k]` % of them are wrong, and the smaller
    their share, the larger the loss. Training images count as taught when a gradient goes back through their answers,
    and once for each change of the weights: a batch may be looked at as often as one likes.

    Returns:
        a dict: "result", the list of numbers that the work returned; "orders", the training images of each epoch, as a
        list of batches; "batches", the sizes of those; "complete", whether each epoch passes each image once;
        "shuffles", whether each epoch makes other batches, and none in the order of the data; "modes", the pairs (part,
        training mode) that were seen, without repetition, sorted; "learns", whether the weights change in every epoch;
        "weights", those at the end of each epoch; "follows", whether they are those that SGD with momentum 0.9 gives
        with the cross entropy of the same batches, at the rate in `kwargs` or 0.01; "kept", the numbers, from 1, of the
        epochs whose weights are those that the model ends with.

    Raises:
        AssertionError: the work returns no sequence of numbers.
    """
    parts, counts = ("train", "validation", "test"), (images, validation_images, validation_images)
    data, taught = types.SimpleNamespace(), []
    for number, (part, count) in enumerate(zip(parts, counts, strict=True)):
        split = _marked_split(count, number)
        setattr(data, part, split)
        taught.append((split.images.clone(), split.labels.clone()))
    orders: list[list[list[int]]] = []
    states: list[torch.Tensor] = []
    modes: set[tuple[str, bool]] = set()
    validating = True
    before = torch.empty(0)  # the weights when the last batch was taught

    def named(seen):
        """The part from which some images come, and their numbers."""
        found, which = (seen[:, 0, 0, :2] * MARK).round().long().unbind(1)
        for number, part in enumerate(parts):
            if len(which) and bool((found == number).all()) and set(which.tolist()) <= set(range(counts[number])):
                return part, which
        return "?", which

    class Watched(torch.nn.Sequential):
        def forward(self, input):
            nonlocal validating
            output = super().forward(input)
            part, which = named(input.detach())
            if part == "train":
                _when_learned_from(output, taught_with, which.tolist(), self.training)
                return output
            modes.add((part, self.training))
            if part == "validation":
                if not validating:
                    states.append(_flat(model))
                validating = True
                if 1 <= len(states) <= len(validation_errors):
                    return output * 0 + scripted(which, validation_errors[len(states) - 1])
            return output

    def taught_with(batch, training):
        nonlocal validating, before
        modes.add(("train", training))
        if validating:
            orders.append([])
        validating = False
        if not (orders[-1] and orders[-1][-1] == batch and torch.equal(before, _flat(model))):
            orders[-1].append(batch)
        before = _flat(model)

    def scripted(which, error):
        wrong = round(error / 100 * validation_images)
        labels = (taught[1][1][which] + (which < wrong)) % 3
        return (100 / (error + 5)) ** 2 * torch.nn.functional.one_hot(labels, 3)

    model = _small_layers(Watched).eval()
    start = _flat(model)
    numbers = contracts.numbers()(work(model, data, len(validation_errors), **kwargs))
    expected = _reference_steps(_frozen(orders), images, float(kwargs.get("rate", 1e-2)))
    flat = [[image for batch in batches for image in batch] for batches in orders]
    groups = [frozenset(map(frozenset, batches)) for batches in orders]
    return {
        "result": numbers,
        "orders": orders,
        "batches": [[len(batch) for batch in batches] for batches in orders],
        "complete": bool(flat) and all(sorted(order) == list(range(images)) for order in flat),
        "shuffles": len(set(groups)) == len(groups) > 0 and list(range(images)) not in flat,
        "modes": sorted(modes),
        "learns": len(states) > 0 and not any(map(torch.equal, [start, *states], states)),
        "weights": states,
        "follows": len(states) > 0 and contracts.close(states, expected, tolerance=1e-7),
        "kept": [number for number, state in enumerate(states, 1) if torch.equal(state, _flat(model))],
    }


@functools.lru_cache(256)  # other answers teach the same batches
@torch.random.fork_rng(devices=[])  # what is drawn after it does not depend on whether it was kept
@torch.enable_grad()  # the work may have left it disabled
def _reference_steps(orders, images, rate):
    """The weights of the small model after each epoch of these batches of training images."""
    split = _marked_split(images, 0)
    model, states = _small_layers(), []
    parameters = list(model.parameters())
    buffers = [torch.zeros_like(parameter) for parameter in parameters]
    for batches in orders:
        for batch in batches:
            loss = torch.nn.functional.cross_entropy(model(split.images[[*batch]]), split.labels[[*batch]])
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, buffer, gradient in zip(parameters, buffers, gradients, strict=True):
                    parameter -= rate * buffer.mul_(0.9).add_(gradient)
        states.append(_flat(model))
    return states


def known_weights(module: Module, seed: int = 0) -> Module:
    """Fill the parameters, in their order, with small values drawn from `seed`; return the module.

    After PERIOD values they repeat: drawing the 58 million of AlexNet would take longer than using them.
    """
    with torch.no_grad():
        _fill(module.parameters(), seed)
    return module


def known_values(shapes: Iterable[Sequence[int]]) -> list[torch.Tensor]:
    """Return the values that `known_weights` gives to parameters of these shapes, in float32; nobody may write there.

    Those that were asked for last are kept: the tests of an exercise ask for the 58 million of AlexNet again and again,
    and filling that memory takes longer than a pass through the network.
    """
    wanted = tuple(map(tuple, shapes))
    if _kept.get("shapes") != wanted or _kept["bits"] != int(_kept["memory"].sum()):  # a work has written there
        _kept.clear()  # before there are others: a work may have little memory
        counts = [math.prod(shape) for shape in wanted]
        with torch.device("cpu"), torch.no_grad():
            memory = torch.zeros(sum(-(-count // ALIGNED) * ALIGNED for count in counts))
            parts = memory.split([-(-count // ALIGNED) * ALIGNED for count in counts])
            values = [part[:count].view(shape) for part, count, shape in zip(parts, counts, wanted, strict=True)]
            _fill(values, seed=0)
            memory = memory.view(torch.int64)
            _kept.update(shapes=wanted, values=values, memory=memory, bits=int(memory.sum()))
    return list(_kept["values"])


_kept: dict[str, Any] = {}  # by `known_values`


def _fill(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        fan_in = max(1, parameter[0].numel() if parameter.dim() > 1 else 100)
        values = torch.randn(min(parameter.numel(), PERIOD), generator=generator) / fan_in**0.5
        for chunk in parameter.view(-1).split(PERIOD):
            chunk.copy_(values[: len(chunk)])


def _module(work, args, kwargs, device):
    with torch.device(device):
        module = work(*args, **kwargs)
    kind = type(module).__name__
    assert isinstance(module, torch.nn.Module), f"se esperaba un torch.nn.Module y ha llegado un {kind}"
    lazy = any(torch.nn.parameter.is_lazy(parameter) for parameter in module.parameters())
    assert not lazy, "di en cada capa cuántos números recibe: usa `nn.Linear` y no `nn.LazyLinear`, y así las demás"
    return module


def _known_module(work, args, kwargs):
    """Build the module with known weights, without drawing those that they replace where that can be told."""
    module = _module(work, args, kwargs, "meta")
    own = (value for part in module.modules() for value in vars(part).values())
    if list(module.buffers()) or any(isinstance(value, torch.Tensor) for value in own):
        return known_weights(_module(work, args, kwargs, "cpu"))  # it holds more than its weights
    weights = list(module.to_empty(device="cpu").parameters())
    if any(weight.dtype != torch.float32 for weight in weights):
        return known_weights(module)
    for weight, values in zip(weights, known_values(weight.shape for weight in weights), strict=True):
        weight.data = values
    return module


def _layers_with_parameters(module):
    return [part for part in module.modules() if list(part.parameters(recurse=False))]


class _Functions(TorchFunctionMode):
    """Keeps the name of each function of torch that is called, and the number of groups that it is given, or 1."""

    def __init__(self):
        super().__init__()
        self.called = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, given = getattr(func, "__name__", ""), kwargs or {}
        place = GROUPS_AT.get(name, len(args))
        self.called.append((name, args[place] if place < len(args) else given.get("groups", 1)))
        return func(*args, **given)


def _functions_of_torch(work, args, kwargs):
    with _Functions() as mode:
        work(*args, **kwargs)
    return mode.called


def _small_model(mode):
    """A model of (N, 1, 4, 4) -> (N, 3) and the lists of its modes: each time it was used, and each time it learned."""
    model, used, learned = _small_layers(), [], []
    model.register_forward_hook(lambda module, *_: used.append(module.training))
    model.register_forward_hook(lambda module, _, output: _when_learned_from(output, learned.append, module.training))
    return model.train(mode), used, learned


def _when_learned_from(output, tell, *what):
    """Call `tell(*what)` when a gradient goes back through an output; one that is only looked at has none."""
    if output.requires_grad:
        output.register_hook(lambda gradient: tell(*what))


def _small_layers(kind=torch.nn.Sequential):
    nn = torch.nn
    return known_weights(kind(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).double())


def _small_split(images, seed):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(images, 1, 4, 4, generator=generator).double()
    return types.SimpleNamespace(images=pixels, labels=torch.randint(3, (images,), generator=generator))


def _marked_split(count, number):
    """A small split whose images say, in two of their pixels, of which part of the data they are, and which of it."""
    split = _small_split(count, seed=number + 5)
    split.images[:, 0, 0, 0], split.images[:, 0, 0, 1] = number / MARK, torch.arange(count) / MARK
    return split


def _frozen(orders):
    return tuple(tuple(map(tuple, batches)) for batches in orders)


def _flat(model):
    return torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])


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
    if isinstance(work, list | tuple | set | frozenset | dict):
        parts = work.values() if isinstance(work, dict) else work
        return next(filter(None, (_borrowed(part, seen) for part in parts)), None)
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
    held += [work.__defaults__, work.__kwdefaults__]
    for name in _global_names(code):
        if name == "tema9" or name.startswith("tema9."):
            return name
        if name in work.__globals__:
            held.append(work.__globals__[name])
            if getattr(held[-1], "__name__", None) == "tema9":  # under another name
                return "tema9"
    return next(filter(None, (_borrowed(part, seen) for part in held)), None)


def _attribute_names(code):
    """The attributes that a piece of code reads, and what it imports from a module."""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_FROM" or step.opname.startswith(("LOAD_ATTR", "LOAD_METHOD")):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _attribute_names(constant)


def _global_names(code):
    """The globals that a piece of code reads, the modules that it imports, and what it might import by name."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "IMPORT_NAME"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)
        elif isinstance(constant, str) and constant.startswith("tema9."):  # importlib and the like
            yield constant
