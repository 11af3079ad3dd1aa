"""The layers that torch lacks, against loops written here and against what torch has."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tema9 import layer_table, layers, models
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


KERNELS = """
import torch
from tema9 import kernels, layers

constants = 1e-4, 0.75, 2.0
for shape in ((2, 7, 3, 5), (3, 2, 1, 1), (1, 40, 6, 6), (2, 9, 4), (0, 6, 2, 2)):
    for memory_format in (torch.contiguous_format, *[torch.channels_last] * (len(shape) == 4)):
        for reach in range(4):
            x = (20 * torch.randn(shape)).contiguous(memory_format=memory_format)
            towards = torch.randn(shape)  # whose values may lie in another order
            for found, expected in (
                (kernels.normalise(x, reach, *constants), layers._normalise(x, reach, *constants)),
                (kernels.slope(x, towards, reach, *constants), layers._slope(x, towards, reach, *constants)),
            ):
                torch.testing.assert_close(found, expected)
                assert found.stride() == x.stride()
x = torch.randn(5, 7, 3, 5)
expected = kernels.normalise(x, 2, *constants)
kernels.MOST = 2 * 7 * 3 * 5  # two images at a time
assert torch.equal(kernels.normalise(x, 2, *constants), expected)
"""


@pytest.mark.slow
def test_the_kernels_of_lrn_give_what_the_formulas_give():
    """Triton's interpreter runs them on a CPU; it has to be asked for before Triton is imported."""
    pytest.importorskip("triton", reason="Triton comes with torch for CUDA, on Linux")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", KERNELS], check=True, env=environment)


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from tema9 import kernels

for kernel in (kernels._normalise, kernels._share, kernels._slope):
    for pixels in ("*bf16", "*fp32"):
        types = dict.fromkeys(kernel.arg_names, "fp32") | dict.fromkeys(("count", "channels", "stride"), "i32")
        types |= {"x_at": pixels, "gradient_at": pixels, "shared_at": "*fp32", "out_at": pixels}
        types = {name: types[name] for name in kernel.arg_names} | {"REACH": "constexpr", "BLOCK": "constexpr"}
        source = ASTSource(kernel, types, {"REACH": 2, "BLOCK": kernels.BLOCK})
        assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]
"""


@pytest.mark.slow
def test_the_kernels_of_lrn_are_compiled_for_a_gpu_that_is_not_here(tmp_path):
    pytest.importorskip("triton", reason="Triton comes with torch for CUDA, on Linux")
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", COMPILED], check=True, env=environment)


def test_lrn_on_a_gpu_is_what_the_kernels_give(monkeypatch):
    """What is played here: kernels that can be told from the formulas."""
    calls = []

    def played(name, formula):
        def kernel(*given):
            calls.append((name, len(given)))
            return formula(*given)

        return kernel

    made = SimpleNamespace(normalise=played("normalise", layers._normalise), slope=played("slope", layers._slope))
    monkeypatch.setitem(sys.modules, "tema9.kernels", made)
    monkeypatch.setattr("tema9.kernels", made, raising=False)
    monkeypatch.setattr(layers, "KERNELS", {"cpu"})
    x = torch.randn(2, 9, 4, 3, requires_grad=True)
    out = layers.local_response_norm(x)
    (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    assert calls == [("normalise", 5)], "a kernel has no gradient of its own"
    assert torch.autograd.grad(slope.sum(), x)[0].abs().sum() > 0
    calls.clear()
    layers.local_response_norm(x).square().sum().backward()
    assert calls == [("normalise", 5), ("slope", 6)]
    layers.local_response_norm(x.double())
    layers.local_response_norm(torch.randn(2, 9, 4, 6)[..., ::2])
    assert len(calls) == 2, "neither float64 nor values that lie apart"


def test_lrn_goes_on_where_there_are_no_kernels_and_says_so_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "tema9.kernels", None)
    monkeypatch.delattr("tema9.kernels", raising=False)
    monkeypatch.setattr(layers, "KERNELS", {"cpu"})
    x = torch.randn(2, 9, 4, 3)
    expected = layers._normalise(x, 2, 1e-4, 0.75, 2.0)
    with pytest.warns(UserWarning, match="has no kernel here, and is slower: .*kernels") as said:
        for _ in range(3):
            assert torch.equal(layers.local_response_norm(x), expected)
    assert len(said) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lrn_on_a_real_gpu_gives_what_a_cpu_gives(dtype, memory_format):
    x = (20 * torch.randn(4, 96, 9, 9)).to(dtype).contiguous(memory_format=memory_format)
    found = []
    for device in ("cpu", "cuda"):
        there = x.to(device).requires_grad_()
        out = layers.local_response_norm(there)
        out.square().sum().backward()
        found.append((out.detach().cpu(), there.grad.cpu()))
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(here, there, rtol=max(1e-5, 4 * torch.finfo(dtype).eps), atol=1e-5)
    assert "cuda" in layers.KERNELS, "nothing failed"


def test_a_cpu_needs_no_kernels():
    assert [*layers.KERNELS] == ["cuda"]


@pytest.mark.parametrize("size", [(23, 40), (12, 11)])
@pytest.mark.parametrize(("side", "stride"), [(11, 4), (7, 2), (5, 3), (3, 3), (1, 2)])
def test_a_convolution_of_an_image_by_blocks_is_the_convolution(side, stride, size):
    layer = layers.ImageConv2d(3, 8, side, stride).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    found = []
    for function in (layer, layer.in_blocks):
        layer.zero_grad()
        out = function(images)
        out.square().sum().backward()
        found.append((out.detach(), layer.weight.grad.clone(), layer.bias.grad.clone()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert repr(layer) == repr(nn.Conv2d(3, 8, side, stride))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["alexnet_slide", "zfnet_paper", "alexnet_mini"])
def test_a_network_on_a_real_gpu_answers_what_it_answers_on_a_cpu(name):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    model = models.build(name, 10).eval()
    images = torch.randn(2, *layer_table(name).input_shape)
    with torch.no_grad():
        here = model(images)
        there = model.cuda()(images.cuda()).cpu()
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3 * float(here.abs().max()))


@pytest.mark.slow
def test_lrn_is_compiled_and_exported_as_it_is():
    layer, x = layers.LocalResponseNorm(), torch.randn(2, 8, 6, 6)
    expected = layer(x)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("images", max=2**20)},)).module()
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
