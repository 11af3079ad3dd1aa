"""The layers of the papers that torch lacks or defines differently."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

KERNELS = {"cuda"}  # the types of device that `kernels` are for; none once they have failed


def local_response_norm(
    x: torch.Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> torch.Tensor:
    """Damp each activation by the energy of the channels around it.

    For every pixel on its own: square the `size` channels centred on c (fewer at
    the two ends), add them up, and divide channel c by (k + alpha * sum) ** beta.
    The sum is taken in float32 at least; for the gradient only `x` is kept.

    Args:
        x: activations, after the ReLU.
        size: channels in the window, odd; the paper's n.
        alpha, beta, k: the paper's constants, with the paper's meaning.

    Shape:
        (N, C, H, W) -> the same, with the same dtype and device.

    Raises:
        ValueError: size is even or less than 1.

    Example:
        >>> x = torch.ones(1, 5, 1, 1)
        >>> local_response_norm(x, alpha=1.0, beta=1.0, k=0.0).flatten()
        tensor([0.3333, 0.2500, 0.2000, 0.2500, 0.3333])

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 3.3.
        torch.nn.LocalResponseNorm divides alpha by size; this does not.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size {size} has no centre; give an odd number of channels, 1 or more")
    x = x if x.is_floating_point() else x.float()
    if torch.compiler.is_compiling():  # it derives the formula by itself; torch 2.11 would lose the gradient of ours
        exact = _at_least_float32(x)
        return (exact * _damping(_energy(exact, size // 2, alpha, k), beta)).to(x.dtype)
    return _Normalised.apply(x, size // 2, alpha, beta, k)


class _Normalised(torch.autograd.Function):
    """Local Response Normalization, with a gradient that computes the sums again instead of keeping them.

    With s = k + alpha * (the sum of the squares around a channel), y = x * s ** -beta, and the gradient of x is
    dy * s ** -beta - 2 * alpha * beta * x * (the sum of dy * x * s ** (-beta - 1) around it).
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, reach: int, alpha: float, beta: float, k: float) -> torch.Tensor:
        return _on_its_device("normalise", x, reach, alpha, beta, k)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
        x, *ctx.constants = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        (x,) = ctx.saved_tensors
        return _on_its_device("slope", x, gradient, *ctx.constants), None, None, None, None


def _normalise(x, reach, alpha, beta, k):
    exact = _at_least_float32(x)
    return _damping(_energy(exact, reach, alpha, k), beta).mul_(exact).to(x.dtype)


def _slope(x, gradient, reach, alpha, beta, k):
    exact, towards = _at_least_float32(x), _at_least_float32(gradient)
    energy = _energy(exact, reach, alpha, k)
    damping = _damping(energy, beta)
    shared = _around(towards * exact * damping / energy, reach)
    return torch.addcmul(towards * damping, exact, shared, value=-2 * alpha * beta).to(x.dtype)


def _on_its_device(name, x, *rest):
    """What the formula of a name gives: on a GPU by the kernel of that name, elsewhere by torch's operations."""
    formula = {"normalise": _normalise, "slope": _slope}[name]
    dense = x.is_contiguous() or (x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last))
    if x.device.type not in KERNELS or x.dtype == torch.float64 or not dense or torch.is_grad_enabled():
        return formula(x, *rest)
    try:
        from tema9 import kernels

        return getattr(kernels, name)(x, *rest)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # Triton or a compiler may be missing, and they say so in many ways
        KERNELS.clear()
        warnings.warn(
            f"Local Response Normalization has no kernel here, and is slower: {' '.join(str(error).split())[:200]}",
            stacklevel=2,
        )
        return formula(x, *rest)


def _at_least_float32(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _energy(x, reach, alpha, k):
    """k + alpha * (the sum of the squares around each channel)."""
    return _around(x * x, reach).mul_(alpha).add_(k)


def _around(values, reach):
    """The sum of the channels that are at most `reach` away from each."""
    total = values.clone()
    for away in range(1, min(reach, values.shape[1] - 1) + 1):
        total[:, away:].add_(values[:, :-away])  # and not +=, which would then copy the slice onto itself
        total[:, :-away].add_(values[:, away:])
    return total


def _damping(energy, beta):
    """energy ** -beta; on a CPU, two square roots are several times as fast as a power."""
    return (energy * energy.sqrt()).rsqrt_() if beta == 0.75 and energy.is_cpu else energy.pow(-beta)


class LocalResponseNorm(nn.Module):
    """`local_response_norm` as a layer.

    Shape: (N, C, H, W) -> the same.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def scaled_tanh(x: torch.Tensor) -> torch.Tensor:
    """Compute 1.7159 tanh(2x/3), which passes through (1, 1) and (-1, -1), where it bends the most.

    Shape: any -> the same.

    Source: LeCun et al. (1998), equation 6 and appendix A.
    """
    return 1.7159 * torch.tanh(2 * x / 3)


class ScaledTanh(nn.Module):
    """`scaled_tanh` as a layer. Shape: any -> the same."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled_tanh(x)


class Subsampling(nn.Module):
    """LeNet's S layer: the sum of each block, times a coefficient, plus a bias; both are of the map.

    The squashing that follows is a layer of its own, `ScaledTanh`.

    Shape: (N, channels, H, W) -> (N, channels, H // kernel_size, W // kernel_size).

    Source: LeCun et al. (1998), section II.B, layer S2.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.full((channels,), 1 / kernel_size**2))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = F.avg_pool2d(x, self.kernel_size, divisor_override=1)  # a sum, not a mean
        return total * self.weight[:, None, None] + self.bias[:, None, None]

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, kernel_size={self.kernel_size}"


class ImageConv2d(nn.Conv2d):
    """A convolution of an image, whose few channels and large stride suit no GPU, by blocks of stride x stride pixels.

    On CUDA, the values of a block become channels, and the kernel, with zeros up to whole blocks, moves over them
    block by block: the same products, added up in another order. AlexNet's CONV1, 3 channels, 11x11 at stride 4,
    becomes a convolution of 48 channels, 3x3 at stride 1, which the matrix units take several times as fast. Elsewhere
    this is nn.Conv2d, and it is called so when a model is printed: the architecture is the same.

    Args:
        in_channels, out_channels, kernel_size, stride: of nn.Conv2d, with a square kernel and no padding.

    Shape: (N, in_channels, H, W) -> (N, out_channels, (H - kernel_size) // stride + 1, and W likewise).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride)

    def _get_name(self):
        return "Conv2d"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.is_cuda and images.ndim == 4 and min(images.shape[2:]) >= self.kernel_size[0]:
            return self.in_blocks(images)
        return super().forward(images)

    def in_blocks(self, images: torch.Tensor) -> torch.Tensor:
        """Return what `forward` returns, by blocks, on any device."""
        stride, side = self.stride[0], self.kernel_size[0]
        reach = -(-side // stride)  # blocks that a kernel covers
        down, right = (((size - side) // stride + reach) * stride - size for size in images.shape[2:])
        blocks = _blocks(F.pad(images, (0, right, 0, down)), stride)
        weight = _blocks(F.pad(self.weight, (0, reach * stride - side) * 2), stride)
        return F.conv2d(blocks, weight, self.bias)


def _blocks(values, side):
    """(N, C, H, W) -> (N, side * side * C, H / side, W / side), in channels-last memory."""
    count, channels, height, width = values.shape
    apart = values.reshape(count, channels, height // side, side, width // side, side).permute(0, 2, 4, 3, 5, 1)
    return apart.reshape(count, height // side, width // side, -1).permute(0, 3, 1, 2)


class PartialConv2d(nn.Module):
    """Convolution in which each output map reads only the input maps listed for it.

    There is one kernel per connection, and nothing is stored or multiplied for connections
    that do not exist: LeNet's C3 has 60 kernels of 5x5 and 16 biases, 1,516 parameters.

    Args:
        inputs: for each output map, the input maps it reads.

    Shape: (N, C, H, W) -> (N, len(inputs), H - kernel_size + 1, W - kernel_size + 1).

    Source: LeCun et al. (1998), Table I.
    """

    source: torch.Tensor
    target: torch.Tensor

    def __init__(self, inputs: Sequence[Sequence[int]], kernel_size: int) -> None:
        super().__init__()
        pairs = [(source, target) for target, sources in enumerate(inputs) for source in sources]
        self.inputs = inputs
        self.weight = nn.Parameter(torch.empty(len(pairs), 1, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(len(inputs)))
        self.register_buffer("source", torch.tensor([source for source, _ in pairs]), persistent=False)
        self.register_buffer("target", torch.tensor([target for _, target in pairs]), persistent=False)
        for maps, kernels in zip(inputs, self.weight.detach().split([len(maps) for maps in inputs]), strict=True):
            bound = (len(maps) * kernel_size**2) ** -0.5  # torch's own rule for nn.Conv2d
            nn.init.uniform_(kernels, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        each = F.conv2d(x[:, self.source], self.weight, groups=len(self.weight))  # one map per connection
        summed = torch.zeros_like(each[:, : len(self.inputs)]).index_add(1, self.target, each)
        return summed + self.bias[:, None, None]

    def extra_repr(self) -> str:
        side = self.weight.shape[-1]
        return f"{len(self.weight)} kernels of {side}x{side} -> {len(self.inputs)} maps"


class EuclideanRBF(nn.Module):
    """LeNet's output layer: minus the squared distance to a fixed prototype of each class.

    The sign is changed so that the largest value is the answer, as for logits; the paper takes the
    smallest distance.

    Args:
        prototypes: (classes, features), each value +1 or -1.

    Shape: (N, features) -> (N, classes).

    Source: LeCun et al. (1998), equation 7.
    """

    prototypes: torch.Tensor

    def __init__(self, prototypes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("prototypes", prototypes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -((x[:, None, :] - self.prototypes) ** 2).sum(dim=2)


# Ten digits of 7x12 pixels, drawn for this course in the manner of the paper's figure 3.
DIGITS_7X12 = """
..###.. ...#... ..###.. ..###.. .....#. #######  ...###. ####### ..###.. ..###..
.#...#. ..##... .#...#. .#...#. ....##. #......  ..#.... ......# .#...#. .#...#.
#.....# .#.#... #.....# #.....# ....##. #......  .#..... ......# #.....# #.....#
#.....# ...#... ......# ......# ...#.#. #......  #...... .....#. #.....# #.....#
#.....# ...#... ......# .....#. ...#.#. #.###..  #...... .....#. .#...#. #.....#
#.....# ...#... .....#. ..###.. ..#..#. ##...#.  #.###.. ....#.. ..###.. .#...##
#.....# ...#... ....#.. .....#. ..#..#. ......#  ##...#. ....#.. .#...#. ..###.#
#.....# ...#... ...#... ......# .#...#. ......#  #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# ####### ......#  #.....# ...#... #.....# ......#
#.....# ...#... .#..... #.....# .....#. #.....#  #.....# ..#.... #.....# .....#.
.#...#. ...#... #...... .#...#. .....#. .#...#.  .#...#. ..#.... .#...#. ....#..
..###.. .#####. ####### ..###.. .....#. ..###..  ..###.. ..#.... ..###.. .###...
"""


def digit_prototypes() -> torch.Tensor:
    """Return the bitmaps of the ten digits as (10, 84) values: ink +1, background -1."""
    rows = [line.split() for line in DIGITS_7X12.split("\n") if line]
    bitmaps = ["".join(row[digit] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if pixel == "#" else -1.0 for pixel in bitmap] for bitmap in bitmaps])
