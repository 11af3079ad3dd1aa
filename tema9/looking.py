"""Methods to look inside a network: activations, strongest patches, occlusion, projection back to the pixels.

They take numbers and return numbers, which `figures` draws. They work on the models of this package and on
torchvision's AlexNet. Layers go by their names, as `activations` lists them: "conv1", "relu1", "pool1",
..., "fc8". Images are what the network reads, after its views: `model.views.evaluation(images)`.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tema9.layers import LocalResponseNorm, PartialConv2d, Subsampling

RULES = ("gradient", "deconvnet", "guided")
Box = tuple[int, int, int, int]  # top, left, bottom and right, in pixels


def filters(model: nn.Module) -> torch.Tensor:
    """Return a copy of the kernels of the first convolution, (out_channels, in_channels, side, side)."""
    first = next(part for part in parts(model).values() if isinstance(part, nn.Conv2d))
    return first.weight.detach().cpu().clone()


@dataclass(frozen=True)
class Tuning:
    """What each filter of a first layer answers to, in numbers; all of them are (N,).

    strength: the root of the mean square of the weights.
    gabor: the share of the filter's energy that one Gabor function in one colour explains (R2), from 0 to 1.
    oriented: how far the energy of the spectrum keeps to one orientation: 0 for a round spot, 1 for a grating.
    chroma: the share of the energy that is colour: 0 for grey, 2/3 for independent weights.
    smooth: the share of the energy of the spectrum under 0.2 cycles per pixel: 1/8 for independent weights.
    """

    strength: torch.Tensor
    gabor: torch.Tensor
    oriented: torch.Tensor
    chroma: torch.Tensor
    smooth: torch.Tensor

    def kinds(self) -> list[str]:
        """Call each filter "dead", "oriented", "coloured" or "noise", the first of these that is true.

        Dead: weaker than a tenth of the median. Oriented: a Gabor function explains half of it, and half of its
        spectrum keeps to one orientation. Coloured: half of it is colour, and half of it is smooth. Noise: the rest.
        """
        true = {
            "dead": self.strength < self.strength.median() / 10,
            "oriented": (self.gabor >= 0.5) & (self.oriented >= 0.5),
            "coloured": (self.chroma >= 0.5) & (self.smooth >= 0.5),
        }
        return [next((kind for kind in true if true[kind][place]), "noise") for place in range(len(self.strength))]


def tuning(weights: torch.Tensor) -> Tuning:
    """Measure what each filter of a first layer answers to.

    Args:
        weights: (N, 3, side, side), as `filters` gives them.

    Raises:
        ValueError: the filters do not read three channels.

    Source: Jones and Palmer (1987), who fitted Gabor functions to the receptive fields of a cat's visual cortex.
    """
    if weights.ndim != 4 or weights.shape[1] != 3:
        raise ValueError(f"weights have shape {tuple(weights.shape)}; expected (N, 3, side, side)")
    weights = weights.detach().double()
    energy = weights.square().sum((1, 2, 3)).clamp(min=1e-30)
    grey = weights.sum(1).square().sum((1, 2)) / 3
    _, strengths, planes = torch.linalg.svd(weights.flatten(2), full_matrices=False)
    plane = planes[:, 0].unflatten(1, weights.shape[2:])  # of the colour that explains most
    share = strengths[:, 0].square() / energy
    side = 32
    fy, fx = torch.meshgrid(*[torch.fft.fftfreq(side, dtype=torch.float64)] * 2, indexing="ij")
    spectrum = torch.fft.fft2(weights, s=(side, side)).abs().square().sum(1)
    waves = torch.fft.fft2(plane - plane.mean((1, 2), keepdim=True), s=(side, side)).abs().square()
    twice = 2 * torch.atan2(fy, fx)  # an orientation and its opposite are the same
    along, across = ((waves * turn).sum((1, 2)) for turn in (twice.cos(), twice.sin()))
    return Tuning(
        (energy / weights[0].numel()).sqrt(),
        _gabor_r2(plane, waves) * share,
        torch.hypot(along, across) / waves.sum((1, 2)).clamp(min=1e-30),
        1 - grey / energy,
        spectrum[:, torch.hypot(fx, fy) < 0.2].sum(1) / spectrum.sum((1, 2)).clamp(min=1e-30),
    )


def _gabor_r2(planes, spectra, steps=300):
    """(N,): the R2 of the Gabor function that gradient descent fits to each of (N, side, side), of unit energy.

    A wave under an oval Gaussian: its centre, frequency, widths and turn are searched for, from where the energy and
    the spectrum are; its amplitude and phase are the least squares.
    """
    side, frequencies = planes.shape[-1], torch.fft.fftfreq(spectra.shape[-1], dtype=planes.dtype)
    pixels = torch.arange(side, dtype=planes.dtype) - (side - 1) / 2
    peak = spectra.flatten(1).argmax(1)
    wave = 2 * math.pi * torch.stack([frequencies[peak % len(frequencies)], frequencies[peak // len(frequencies)]], 1)
    weight = planes.square()
    centre = torch.stack([(weight.sum(1) * pixels).sum(1), (weight.sum(2) * pixels).sum(1)], 1)
    widths = torch.full_like(centre, math.log(side / 5))
    turn = torch.atan2(wave[:, 1], wave[:, 0])
    searched = [each.clone().requires_grad_() for each in (centre, wave, widths, turn)]
    optimizer, best = torch.optim.Adam(searched, 0.05), torch.zeros(len(planes), dtype=planes.dtype)
    for _ in range(steps):
        centre, wave, widths, turn = searched
        x, y = (pixels - centre[:, :1])[:, None, :], (pixels - centre[:, 1:])[:, :, None]
        cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
        width, length = widths.clamp(math.log(0.6), math.log(side)).exp()[:, :, None, None].unbind(1)
        envelope = (-(((cos * x + sin * y) / width) ** 2 + ((cos * y - sin * x) / length) ** 2) / 2).exp()
        phase = wave[:, :1, None] * x + wave[:, 1:, None] * y
        pair = torch.stack([envelope * phase.cos(), envelope * phase.sin()], 1).flatten(2)  # (N, 2, pixels)
        fit = pair @ planes.flatten(1)[:, :, None]
        within = pair @ pair.mT + 1e-6 * torch.eye(2, dtype=planes.dtype)
        r2 = (fit * torch.linalg.solve(within, fit)).sum((1, 2))
        best = torch.maximum(best, r2.detach())
        optimizer.zero_grad()
        (-r2.sum()).backward()
        optimizer.step()
    return best


def parts(model: nn.Module) -> OrderedDict[str, nn.Module]:
    """Return the layers that a model applies, one after another, by name.

    Args:
        model: one of `models`, or torchvision's AlexNet, whose layers get the names of ours.

    Raises:
        ValueError: the model is not a chain of layers.
    """
    layers = getattr(model, "layers", model)
    if isinstance(layers, nn.Sequential):
        return OrderedDict(layers.named_children())
    if all(hasattr(model, part) for part in ("features", "avgpool", "classifier")):
        features, avgpool, classifier = map(model.get_submodule, ("features", "avgpool", "classifier"))
        return OrderedDict(_named([*features.children(), avgpool, nn.Flatten(), *classifier.children()]))
    raise ValueError(f"{type(model).__name__} is not a chain of layers; give a model of tema9 or torchvision's AlexNet")


def _named(chain):
    """Give the layers of torchvision's AlexNet the names of the paper."""
    depth = pools = 0
    for layer in chain:
        match layer:
            case nn.Conv2d():
                depth += 1
                yield f"conv{depth}", layer
            case nn.Linear():
                depth += 1
                yield f"fc{depth}", layer
            case nn.ReLU():
                yield f"relu{depth}", layer
            case nn.MaxPool2d():
                pools += 1
                yield f"pool{pools}", layer
            case nn.Dropout():
                yield f"drop{depth + 1}", layer
            case nn.Flatten():
                yield "flatten", layer
            case _:
                yield "avgpool", layer


def _find(chain, layer):
    """The name of a layer in a chain, however its letters are."""
    if layer.lower() not in chain:
        raise ValueError(f"there is no layer {layer!r}; there are: {', '.join(chain)}")
    return layer.lower()


def _upto(model, layer):
    chain = parts(model)
    names = list(chain)
    return OrderedDict((name, chain[name]) for name in names[: names.index(_find(chain, layer)) + 1])


@torch.no_grad()
def activations(model: nn.Module, images: torch.Tensor, layers: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """Return the output of each layer, {name: (N, ...)}.

    Args:
        model: in evaluation mode or not; dropout is off while this runs.
        images: (N, C, H, W), as the network reads them.
        layers: names; all by default.

    Raises:
        ValueError: a name is unknown; the message lists those there are.
    """
    chain = parts(model)
    wanted = set(chain) if layers is None else {_find(chain, name) for name in layers}
    found = OrderedDict()
    for name, x in _walk(chain, images):
        if name in wanted:
            found[name] = x.clone()  # a ReLU in place would write over it
    return found


def _walk(chain, x, rule=None):
    """Yield (name, what leaves it), in evaluation mode, with ReLUs that answer backwards by the rule."""
    for name, part in chain.items():
        if isinstance(part, nn.Dropout):
            pass
        elif isinstance(part, nn.ReLU):
            x = F.relu(x) if rule in (None, "gradient") else BackwardReLU.apply(x, rule)
        elif isinstance(part, LocalResponseNorm | nn.LocalResponseNorm) and rule in ("deconvnet", "guided"):
            x = x * _damping(part, x.detach())
        else:
            x = part(x)
        yield name, x


def _last(walk):
    return deque(walk, maxlen=1).pop()[1]


def _damping(norm, x):
    """What a normalisation multiplies each value by."""
    x = torch.where(x == 0, 1e-12, x)
    return norm(x) / x


class BackwardReLU(torch.autograd.Function):
    """A ReLU whose backward pass follows the rule of the deconvnet or that of guided backpropagation.

    "deconvnet": only the positive part of the signal passes. "guided": only the positive part passes,
    and only where the activation was positive too. (The gradient passes where the activation was positive.)
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, rule: str) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.rule = rule
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, signal: torch.Tensor) -> tuple[torch.Tensor, None]:
        signal = signal.clamp(min=0)
        if ctx.rule == "guided":
            signal = signal * (ctx.saved_tensors[0] > 0)
        return signal, None


@dataclass(frozen=True)
class Projection:
    """One activation projected back to the pixels.

    pixels: (C, H, W). value: of the activation. unit: its place, (map, row, column) or (neuron,).
    """

    pixels: torch.Tensor
    value: float
    unit: tuple[int, ...]


def project(
    model: nn.Module, image: torch.Tensor, layer: str, unit: int | Sequence[int], rule: str = "deconvnet"
) -> Projection:
    """Project one activation back to the pixels; the other activations of its layer are set to zero.

    Every convolution and dense layer goes back through its transposed weights, without biases;
    every max pooling through its switches, the places of its maxima, and where two windows chose
    the same pixel the signals add up. What differs is the ReLU:

    - "gradient": the signal passes where the activation was positive; the plain derivative of the activation;
    - "deconvnet": the positive part of the signal passes;
    - "guided": both conditions hold; guided backpropagation.

    For the last two the signal starts with the activation itself, for the gradient with 1.

    Args:
        model: its dropout is off while this runs; its parameters get no gradient.
        image: (C, H, W), as the network reads it.
        layer: its name, "conv3" or "fc8".
        unit: a map, of which the strongest activation is taken; (map, row, column); or a neuron.
        rule: one of RULES.

    Raises:
        ValueError: the layer, the unit or the rule is not there.

    Source:
        Zeiler and Fergus (2014), section 2.1; Simonyan, Vedaldi and Zisserman (2014), section 4,
        for the difference; Springenberg et al. (2015), section 3, for the guided rule. The first
        say nothing of how normalisation goes back: here it multiplies by what it did forward.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}; known: {', '.join(RULES)}")
    if image.ndim != 3:
        raise ValueError(f"image has shape {tuple(image.shape)}; give one image, (C, H, W)")
    with torch.enable_grad():
        pixels = image.detach().clone()[None].requires_grad_()
        x = _last(_walk(_upto(model, layer), pixels, rule))
        where = _unit(x[0], unit, layer)
        value = x[0][where]
        start = torch.ones_like(value) if rule == "gradient" else value.detach()
        (back,) = torch.autograd.grad(value, pixels, start)
    return Projection(back[0], value.item(), where)


def _unit(x, unit, layer):
    """The place of a unit in (C, H, W) or (features,): of a map, the strongest."""
    given = (unit,) if isinstance(unit, int) else tuple(unit)
    sizes = tuple(x.shape)
    if len(given) not in (1, len(sizes)) or not all(0 <= i < n for i, n in zip(given, sizes, strict=False)):
        raise ValueError(f"unit {unit!r} is not in {layer}, whose outputs are {sizes}")
    if len(given) < len(sizes):
        given += divmod(x[given[0]].argmax().item(), sizes[2])
    return given


@dataclass(frozen=True)
class Field:
    """The receptive fields of a layer's units.

    size: their side, in pixels. stride: pixels from one unit's to the next. start: where the first begins.
    """

    size: int
    stride: int
    start: int

    def box(self, row: int, column: int) -> Box:
        """The field of one unit: (top, left, bottom, right) in pixels of the image, the last two excluded.

        It may hang over the edges.
        """
        top, left = self.start + row * self.stride, self.start + column * self.stride
        return top, left, top + self.size, left + self.size


def field(model: nn.Module, layer: str) -> Field:
    """Return the receptive fields of a layer that comes before the dense layers.

    Raises:
        ValueError: the layer is unknown, or each of its units sees everything.
    """
    size, jump, start = 1, 1, 0
    for name, part in _upto(model, layer).items():
        match part:
            case nn.Conv2d() | nn.MaxPool2d():
                kernel, stride, padding = (_single(n) for n in (part.kernel_size, part.stride, part.padding))
            case PartialConv2d():
                kernel, stride, padding = part.weight.shape[-1], 1, 0
            case Subsampling():
                kernel, stride, padding = part.kernel_size, part.kernel_size, 0
            case nn.ZeroPad2d():
                kernel, stride, padding = 1, 1, part.padding[0]
            case nn.Flatten() | nn.Linear():
                raise ValueError(f"each unit of {layer} sees the whole image; the maps end before {name}")
            case _:
                continue
        size, start, jump = size + (kernel - 1) * jump, start - padding * jump, jump * stride
    return Field(size, jump, start)


def _single(pair):
    return pair[0] if isinstance(pair, tuple) else pair


@dataclass(frozen=True)
class Patch:
    """A place of an image that a map answers to: which image, where, and how strongly.

    box: (top, left, bottom, right) in pixels, the last two excluded, within the image.
    unit: (map, row, column).
    """

    image: int
    value: float
    box: Box
    unit: tuple[int, int, int]

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Cut the patch out of the images (N, C, H, W): its pixels, (C, height, width)."""
        top, left, bottom, right = self.box
        return images[self.image, :, top:bottom, left:right]


@torch.no_grad()
def strongest(
    model: nn.Module, images: torch.Tensor, layer: str, map: int, count: int = 9, batch_size: int = 64
) -> list[Patch]:
    """Return the strongest Patch of each of the `count` images to which a map answers most.

    Args:
        images: (N, C, H, W), as the network reads them.
        layer: a layer with maps.
        map: which of them, from 0.

    Raises:
        ValueError: the layer or the map is not there.

    Source: Zeiler and Fergus (2014), section 4 and figure 2, which show the top nine.
    """
    sees, found = field(model, layer), []
    chain = _upto(model, layer)
    for first in range(0, len(images), batch_size):
        x = _last(_walk(chain, images[first : first + batch_size]))
        if not 0 <= map < x.shape[1]:
            raise ValueError(f"map {map} is not in {layer}, which has {x.shape[1]}")
        values, places = x[:, map].flatten(1).max(1)
        found += [
            (value, first + place, *divmod(at, x.shape[3]))
            for place, (value, at) in enumerate(zip(values.tolist(), places.tolist(), strict=True))
        ]
    height, width = images.shape[2:]
    patches = []
    for value, image, row, column in sorted(found, reverse=True)[:count]:
        top, left, bottom, right = sees.box(row, column)
        box = (max(0, top), max(0, left), min(height, bottom), min(width, right))
        patches.append(Patch(image, value, box, (map, row, column)))
    return patches


@dataclass(frozen=True)
class Sensitivity:
    """The answers of a network to an image with a square covered, for each place of the square.

    probability: (rows, columns), of the class.
    total: (rows, columns), the sum of the map; None if no layer was asked for.
    size, stride: of the square and of its steps, in pixels. map: the one that was summed.
    uncovered: the probability with nothing covered.
    """

    probability: torch.Tensor
    total: torch.Tensor | None
    size: int
    stride: int
    map: int | None
    uncovered: float

    def box(self, row: int, column: int) -> Box:
        """The square at a place: (top, left, bottom, right) in pixels, the last two excluded."""
        top, left = row * self.stride, column * self.stride
        return top, left, top + self.size, left + self.size

    def worst(self) -> Box:
        """The square that lowers the probability of the class most, as `box` gives it."""
        return self.box(*divmod(self.probability.argmin().item(), self.probability.shape[1]))


@torch.no_grad()
def occlusion(
    model: nn.Module,
    image: torch.Tensor,
    label: int,
    size: int,
    stride: int = 1,
    fill: float | Sequence[float] = 0.0,
    layer: str | None = None,
    map: int | None = None,
    batch_size: int = 64,
) -> Sensitivity:
    """Cover a square of the image, at each place in turn, and record the answers of the network.

    Args:
        image: (C, H, W), as the network reads it; it is left as it is.
        label: the class whose probability is followed.
        size: of the square, in pixels.
        stride: its steps, in pixels.
        fill: the value that covers; a number, or one for each channel. 0 is the mean colour of normalised images.
        layer, map: also follow the total of a map; by default that of the layer with the highest total.
        batch_size: covered images at a time.

    Raises:
        ValueError: the square does not fit, the class or the layer is not there.

    Source: Zeiler and Fergus (2014), section 4.2 and figure 7; they do not print the size of the square.
    """
    if image.ndim != 3:
        raise ValueError(f"image has shape {tuple(image.shape)}; give one image, (C, H, W)")
    height, width = image.shape[1:]
    if not 1 <= size <= min(height, width) or stride < 1:
        raise ValueError(f"a square of {size} px with steps of {stride} does not fit an image of {height}x{width}")
    colour = torch.as_tensor(fill, dtype=image.dtype, device=image.device).expand(len(image))[:, None, None]
    tops, lefts = range(0, height - size + 1, stride), range(0, width - size + 1, stride)
    places = [(top, left) for top in tops for left in lefts]
    chain = parts(model)
    wanted = _find(chain, layer) if layer else None
    probability, total, uncovered = [], [], math.nan
    for first in range(-1, len(places), batch_size):  # the first of all is the image as it is
        chosen = places[max(first, 0) : first + batch_size]
        bare = first < 0
        batch = image.expand(len(chosen) + bare, -1, -1, -1).clone()
        for covered, (top, left) in zip(batch[bare:], chosen, strict=True):
            covered[:, top : top + size, left : left + size] = colour
        for name, x in _walk(chain, batch):
            if name == wanted:
                sums = x.flatten(2).sum(2)
        if not 0 <= label < x.shape[1]:
            raise ValueError(f"class {label} is not among the {x.shape[1]} of the network")
        answers = x.softmax(1)[:, label]
        if bare:
            uncovered = answers[0].item()
            map = sums[0].argmax().item() if wanted and map is None else map
        probability.append(answers[bare:])
        if wanted:
            total.append(sums[bare:, map])
    grid = (len(tops), len(lefts))
    return Sensitivity(
        torch.cat(probability).reshape(grid),
        torch.cat(total).reshape(grid) if wanted else None,
        size,
        stride,
        map if wanted else None,
        uncovered,
    )
