"""Local Response Normalization in kernels of Triton, which read the maps fewer times than torch's own operations.

Triton comes with torch for CUDA, on Linux. Elsewhere the functions raise ModuleNotFoundError.
"""

from __future__ import annotations  # of kernels, which name Triton's types

import math

import torch

try:
    import triton
    import triton.language as tl
except ModuleNotFoundError:
    triton = None

BLOCK = 1024  # values that one program of a kernel computes
MOST = 2**30  # values that one launch takes: their places are numbers of 32 bits


def normalise(x: torch.Tensor, reach: int, alpha: float, beta: float, k: float) -> torch.Tensor:
    """Return x * s ** -beta, where s = k + alpha * (the sum of the squares of the channels around, up to `reach` away).

    Shape: (N, C, ...) -> the same, with the same dtype, device and strides.
    """
    out = torch.empty_like(x)
    _launch(_normalise, (x, out), reach, alpha, beta, k)
    return out


def slope(x: torch.Tensor, gradient: torch.Tensor, reach: int, alpha: float, beta: float, k: float) -> torch.Tensor:
    """Return the gradient of x, given that of what `normalise` makes of it.

    The formula is that of `layers._Normalised`. The products that neighbours share are written down once, in float32.

    Shape: twice (N, C, ...) -> the same, with the dtype and the strides of x.
    """
    out, shared = torch.empty_like(x), torch.empty_like(x, dtype=torch.float32)
    gradient = torch.empty_like(x).copy_(gradient) if gradient.stride() != x.stride() else gradient
    _launch(_share, (x, gradient, shared), reach, alpha, beta, k)
    _launch(_slope, (x, gradient, shared, out), reach, alpha, beta, k)
    return out


def _jit(kernel):
    return triton.jit(kernel) if triton else kernel


def _launch(kernel, tensors, *constants):
    """Run a kernel over tensors whose values lie in the same order, some images at a time."""
    x = tensors[0]
    if not triton:
        raise ModuleNotFoundError("there is no Triton, which comes with torch for CUDA, on Linux")
    if not x.numel():
        return
    stride = math.prod(x.shape[2:]) if x.is_contiguous() else 1  # from a channel to the next one
    images = max(1, MOST // (x.numel() // len(x)))
    reach, *rest = constants
    for some in zip(*(tensor.split(images) for tensor in tensors), strict=True):
        count = some[0].numel()
        with torch.cuda.device_of(x):
            kernel[(triton.cdiv(count, BLOCK),)](*some, count, x.shape[1], stride, *rest, REACH=reach, BLOCK=BLOCK)


@_jit
def _energy(x_at, at, channel, inside, channels, stride, alpha, k, REACH: tl.constexpr, BLOCK: tl.constexpr):
    total = tl.zeros((BLOCK,), tl.float32)
    for away in tl.static_range(-REACH, REACH + 1):
        there = inside & (channel + away >= 0) & (channel + away < channels)
        near = tl.load(x_at + at + away * stride, mask=there, other=0.0).to(tl.float32)
        total += near * near
    return k + alpha * total


@_jit
def _normalise(x_at, out_at, count, channels, stride, alpha, beta, k, REACH: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    channel = (at // stride) % channels
    energy = _energy(x_at, at, channel, inside, channels, stride, alpha, k, REACH, BLOCK)
    x = tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32)
    out = x * tl.exp2(-beta * tl.log2(energy))
    tl.store(out_at + at, out.to(out_at.dtype.element_ty), mask=inside)


@_jit
def _share(
    x_at, gradient_at, out_at, count, channels, stride, alpha, beta, k, REACH: tl.constexpr, BLOCK: tl.constexpr
):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    channel = (at // stride) % channels
    energy = _energy(x_at, at, channel, inside, channels, stride, alpha, k, REACH, BLOCK)
    x = tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32)
    gradient = tl.load(gradient_at + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_at + at, gradient * x * tl.exp2(-(beta + 1) * tl.log2(energy)), mask=inside)


@_jit
def _slope(
    x_at,
    gradient_at,
    shared_at,
    out_at,
    count,
    channels,
    stride,
    alpha,
    beta,
    k,
    REACH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    channel = (at // stride) % channels
    energy = _energy(x_at, at, channel, inside, channels, stride, alpha, k, REACH, BLOCK)
    shared = tl.zeros((BLOCK,), tl.float32)
    for away in tl.static_range(-REACH, REACH + 1):
        there = inside & (channel + away >= 0) & (channel + away < channels)
        shared += tl.load(shared_at + at + away * stride, mask=there, other=0.0)
    x = tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32)
    gradient = tl.load(gradient_at + at, mask=inside, other=0.0).to(tl.float32)
    out = gradient * tl.exp2(-beta * tl.log2(energy)) - 2 * alpha * beta * x * shared
    tl.store(out_at + at, out.to(out_at.dtype.element_ty), mask=inside)
