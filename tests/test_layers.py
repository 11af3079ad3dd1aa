"""The layers that torch lacks, against loops written here and against what torch has."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tema9 import layers
from tema9.architectures import C3_INPUTS

FACTS = json.loads((Path(__file__).parent / "data" / "facts.json").read_text(encoding="utf-8"))


def slow_lrn(x, size, alpha, beta, k):
    """The formula of the paper's section 3.3, term by term."""
    images, channels, height, width = x.shape
    y = torch.zeros_like(x)
    for n in range(images):
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    first, last = max(0, c - size // 2), min(channels - 1, c + size // 2)
                    total = sum(float(x[n, other, i, j]) ** 2 for other in range(first, last + 1))
                    y[n, c, i, j] = float(x[n, c, i, j]) / (k + alpha * total) ** beta
    return y


@pytest.mark.parametrize(
    ("channels", "size", "alpha", "beta", "k"),
    [(7, 5, 1e-4, 0.75, 2.0), (7, 3, 0.5, 0.5, 1.0), (2, 5, 0.3, 0.75, 1.0), (4, 1, 1.0, 1.0, 0.5)],
)
def test_lrn_is_the_printed_formula(channels, size, alpha, beta, k):
    x = 30 * torch.randn(2, channels, 3, 2, dtype=torch.float64)
    expected = slow_lrn(x, size, alpha, beta, k)
    torch.testing.assert_close(layers.local_response_norm(x, size, alpha, beta, k), expected)
    torch.testing.assert_close(layers.LocalResponseNorm(size, alpha, beta, k)(x), expected)


def test_lrn_is_torch_s_with_alpha_times_the_size():
    x = 20 * torch.randn(2, 9, 4, 4, dtype=torch.float64)
    printed = FACTS["lrn"]["torch_for_printed_formula"]
    assert printed["alpha"] == 1e-4 * printed["size"]
    torch_s = nn.LocalResponseNorm(printed["size"], printed["alpha"], printed["beta"], printed["k"])
    torch.testing.assert_close(layers.local_response_norm(x), torch_s(x))
    assert not torch.allclose(layers.local_response_norm(x), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)(x))


def test_lrn_of_a_weak_activation_only_divides_by_k():
    gain = layers.local_response_norm(torch.full((1, 5, 1, 1), 1e-6, dtype=torch.float64)) / 1e-6
    assert gain[0, 2, 0, 0] == pytest.approx(FACTS["lrn"]["zero_input_gain"]["k2"])


@pytest.mark.parametrize("size", [0, 2, 4, -1])
def test_lrn_without_a_centre_is_refused(size):
    with pytest.raises(ValueError, match=f"size {size} has no centre"):
        layers.local_response_norm(torch.ones(1, 5, 1, 1), size=size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_lrn_keeps_the_dtype_and_leaves_its_input_alone(dtype):
    x = torch.ones(1, 6, 2, 2, dtype=dtype)
    assert layers.local_response_norm(x).dtype == dtype
    assert (x == 1).all()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "constants", [(5, 1e-4, 0.75, 2.0), (3, 0.5, 0.5, 1.0), (5, 0.3, 0.75, 1.0), (9, 0.2, 1.0, 1.0)]
)
@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_the_gradients_of_lrn_are_those_of_finite_differences_and_so_are_the_second_ones(
    constants, channels, memory_format
):
    x = 2 * torch.randn(2, channels, 2, 3, dtype=torch.float64)
    x = x.contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layers.local_response_norm(x, *constants), (x,))
    assert torch.autograd.gradgradcheck(lambda x: layers.local_response_norm(x, *constants), (x,))


def formula(x, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """The printed formula in torch's own operations, whose gradients are torch's."""
    padded = nn.functional.pad(x * x, (0, 0, 0, 0, size // 2, size // 2))
    total = sum(padded[:, first : first + x.shape[1]] for first in range(size))
    return x / (k + alpha * total) ** beta


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_lrn_and_its_gradient_are_those_of_float64_rounded_once(dtype, memory_format):
    """bfloat16 has 8 bits: in it, 2 + 1e-4 * sum takes few values, and the error of the result is many times that."""
    x = (20 * torch.randn(2, 12, 5, 5)).relu().to(dtype).contiguous(memory_format=memory_format).requires_grad_()
    exact = x.detach().double().requires_grad_()
    towards = torch.randn(x.shape).to(dtype)
    found, expected = layers.local_response_norm(x), formula(exact)
    found.backward(towards)
    expected.backward(towards.double())
    unit = torch.finfo(dtype).eps
    for ours, theirs in ((found, expected), (x.grad, exact.grad)):
        assert ours.dtype == dtype and ours.is_contiguous(memory_format=memory_format)
        torch.testing.assert_close(ours.double(), theirs, rtol=0.51 * unit if unit > 1e-4 else 4 * unit, atol=4e-6)


@pytest.mark.parametrize("autocast", [False, True])
def test_lrn_keeps_its_input_and_nothing_else(autocast):
    kept = []
    x = torch.randn(2, 16, 8, 8, requires_grad=True)
    keep = torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor)
    with keep, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layers.LocalResponseNorm()(x)
    assert [tensor.data_ptr() for tensor in kept] == [x.data_ptr()] and y.dtype == torch.float32


def test_lrn_of_whole_numbers_and_of_no_images_is_defined():
    whole = torch.arange(24).view(1, 6, 2, 2)
    torch.testing.assert_close(layers.local_response_norm(whole), formula(whole.float()))
    assert layers.local_response_norm(torch.zeros(0, 6, 2, 2, requires_grad=True)).shape == (0, 6, 2, 2)


def test_lrn_of_a_map_of_images_is_that_of_each():
    x = torch.randn(3, 2, 6, 4, 4)
    one_by_one = torch.stack([layers.local_response_norm(each) for each in x])
    torch.testing.assert_close(torch.func.vmap(layers.local_response_norm)(x), one_by_one)
    of_each = torch.func.vmap(torch.func.grad(lambda each: layers.local_response_norm(each).sum()))(x)
    y = x.clone().requires_grad_()
    formula(y.flatten(0, 1)).sum().backward()
    torch.testing.assert_close(of_each, y.grad)


@pytest.fixture
def compiles(monkeypatch):
    """Have a CPU compile the formulas of normalisation as CUDA does; returns the formulas that were compiled."""
    compiled = []

    def compile(function, real=torch.compile):
        compiled.append(function.__name__)
        return real(function, backend="eager")  # traced as for CUDA; what its compiler makes of the trace is its own

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(layers, "COMPILES", {"cpu"})
    layers._compiled.cache_clear()
    yield compiled
    layers._compiled.cache_clear()
    torch._dynamo.reset()


@pytest.mark.slow
def test_lrn_whose_formulas_are_compiled_gives_the_same_and_the_same_gradient(compiles):
    dtype = torch.bfloat16

    def both(x):
        x = x.requires_grad_()
        out = layers.local_response_norm(x)
        out.backward(torch.ones_like(out))
        return out.detach(), x.grad

    for shape in ((2, 9, 4, 3), (5, 9, 4, 3)):
        x = (20 * torch.randn(shape)).to(dtype).contiguous(memory_format=torch.channels_last)
        found = both(x.clone())
        exact = both(x.double())
        for value, expected in zip(found, exact, strict=True):
            assert value.dtype == dtype
            torch.testing.assert_close(value, expected.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-6)
    assert sorted(compiles) == ["_normalise", "_slope"], "each once, and used again"


def test_lrn_goes_on_where_nothing_can_be_compiled_and_says_so_once(monkeypatch):
    def compile(function):
        raise RuntimeError("Cannot find a working\ntriton installation")

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(layers, "COMPILES", {"cpu"})
    layers._compiled.cache_clear()
    x = torch.randn(2, 9, 4, 3)
    expected = layers._normalise(x, 2, 1e-4, 0.75, 2.0)
    with pytest.warns(UserWarning, match="is not compiled here, and is slower: Cannot find a working triton") as said:
        for _ in range(3):
            assert torch.equal(layers.local_response_norm(x), expected)
    assert len(said) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lrn_on_a_real_gpu_is_compiled_and_gives_what_a_cpu_gives(dtype):
    x = (20 * torch.randn(4, 96, 9, 9)).to(dtype).contiguous(memory_format=torch.channels_last)
    found = []
    for device in ("cpu", "cuda"):
        there = x.to(device).requires_grad_()
        out = layers.local_response_norm(there)
        out.square().sum().backward()
        found.append((out.detach().cpu(), there.grad.cpu()))
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(here, there, rtol=4 * torch.finfo(dtype).eps, atol=1e-5)
    assert "cuda" in layers.COMPILES, "nothing failed"


def test_a_cpu_compiles_nothing_of_lrn():
    assert [*layers.COMPILES] == ["cuda"] and not layers._compiles(torch.zeros(1))
    assert layers._compiles(SimpleNamespace(device=torch.device("cuda")))


@pytest.mark.slow
def test_lrn_is_compiled_and_exported_as_it_is():
    layer, x = layers.LocalResponseNorm(), torch.randn(2, 8, 6, 6)
    expected = layer(x)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("images")},)).module()
    torch.testing.assert_close(exported(x), expected)
    torch.testing.assert_close(exported(torch.cat([x, x, x]))[4:], expected)
    gradients = []
    for way in (layer, torch.compile(layer)):
        y = x.clone().requires_grad_()
        out = way(y)
        torch.testing.assert_close(out, expected)
        out.square().sum().backward()
        gradients.append(y.grad)
    torch.testing.assert_close(*gradients)


def test_scaled_tanh_passes_through_plus_and_minus_one():
    values = layers.scaled_tanh(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(values, torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64), atol=1e-4, rtol=0)
    assert layers.ScaledTanh()(torch.tensor(50.0)) == pytest.approx(1.7159)


def test_scaled_tanh_bends_the_most_at_plus_and_minus_one():
    x = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    y = layers.scaled_tanh(x)
    bend = (y[2:] - 2 * y[1:-1] + y[:-2]).abs()
    assert abs(x[1:-1][bend.argmax()]) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("kernel_size", "side"), [(2, 6), (2, 7), (3, 9)])
def test_subsampling_adds_each_block_up_times_a_coefficient_plus_a_bias(kernel_size, side):
    layer = layers.Subsampling(3, kernel_size).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, side, side, dtype=torch.float64)
    out = side // kernel_size
    expected = torch.zeros(2, 3, out, out, dtype=torch.float64)
    for n in range(2):
        for c in range(3):
            for i in range(out):
                for j in range(out):
                    block = x[n, c, i * kernel_size : (i + 1) * kernel_size, j * kernel_size : (j + 1) * kernel_size]
                    expected[n, c, i, j] = block.sum() * layer.weight[c] + layer.bias[c]
    torch.testing.assert_close(layer(x), expected)


def test_subsampling_starts_as_the_mean_and_has_two_parameters_per_map():
    layer = layers.Subsampling(6, 2)
    x = torch.rand(1, 6, 4, 4)
    torch.testing.assert_close(layer(x), nn.functional.avg_pool2d(x, 2))
    assert sum(parameter.numel() for parameter in layer.parameters()) == 12


def masked_convolution(layer, inputs, channels):
    """A dense convolution with the same kernels, and zeros where nothing is connected."""
    size = layer.weight.shape[-1]
    dense = nn.Conv2d(channels, len(inputs), size, dtype=layer.weight.dtype)
    kernels = iter(layer.weight.detach())
    with torch.no_grad():
        dense.weight.zero_()
        dense.bias.copy_(layer.bias)
        for target, sources in enumerate(inputs):
            for source in sources:
                dense.weight[target, source] = next(kernels)[0]
    return dense


@pytest.mark.parametrize(
    ("inputs", "channels", "kernel_size"), [(C3_INPUTS, 6, 5), (((2,), (0, 1, 2)), 3, 3), (((1, 0),), 2, 2)]
)
def test_partial_convolution_is_a_dense_one_with_masked_weights(inputs, channels, kernel_size):
    layer = layers.PartialConv2d(inputs, kernel_size).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(2, channels, 8, 9, dtype=torch.float64)
    torch.testing.assert_close(layer(x), masked_convolution(layer, inputs, channels)(x))


def test_c3_has_60_kernels_and_1516_parameters():
    layer = layers.PartialConv2d(C3_INPUTS, 5)
    assert layer.weight.shape == (60, 1, 5, 5)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 1516


def test_a_map_that_is_not_listed_changes_nothing():
    layer = layers.PartialConv2d(C3_INPUTS, 5)
    x = torch.rand(1, 6, 14, 14)
    touched = x.clone()
    touched[:, 5] += 1
    changed = (layer(x) != layer(touched)).flatten(2).any(dim=2)[0]
    assert changed.tolist() == [5 in maps for maps in C3_INPUTS]


def test_partial_convolution_starts_within_torch_s_own_bound_for_each_map():
    layer = layers.PartialConv2d(C3_INPUTS, 5)
    groups = layer.weight.detach().split([len(maps) for maps in C3_INPUTS])
    for maps, kernels in zip(C3_INPUTS, groups, strict=True):
        dense = nn.Conv2d(len(maps), 1, 5)
        bound = 1 / math.sqrt(dense.weight[0].numel())
        assert 0.8 * bound < kernels.abs().max() <= bound


def test_the_prototypes_are_ten_different_bitmaps_of_plus_and_minus_one():
    prototypes = layers.digit_prototypes()
    assert prototypes.shape == (10, 84)
    assert set(prototypes.unique().tolist()) == {-1.0, 1.0}
    assert len({tuple(row) for row in prototypes.tolist()}) == 10
    assert (prototypes[8].view(12, 7) == prototypes[8].view(12, 7).flip(1)).all()  # an 8 is symmetric


def test_rbf_answers_its_own_prototype_with_distance_zero():
    prototypes = layers.digit_prototypes()
    scores = layers.EuclideanRBF(prototypes)(prototypes)
    assert scores.argmax(dim=1).tolist() == list(range(10))
    assert scores.diagonal().tolist() == [0] * 10
    assert (scores[~torch.eye(10, dtype=bool)] < 0).all()


def test_rbf_is_minus_the_squared_distance():
    prototypes, x = layers.digit_prototypes().double(), torch.randn(3, 84, dtype=torch.float64)
    expected = -(torch.cdist(x, prototypes) ** 2)
    torch.testing.assert_close(layers.EuclideanRBF(prototypes)(x), expected)


def test_gradients_of_our_layers_are_those_of_finite_differences():
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    for layer in (
        layers.LocalResponseNorm(3, alpha=0.5),
        layers.ScaledTanh(),
        layers.Subsampling(3, 2).double(),
        layers.PartialConv2d(((0, 1), (2,)), 3).double(),
    ):
        assert torch.autograd.gradcheck(layer, (x,))
