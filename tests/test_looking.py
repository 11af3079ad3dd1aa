"""Looking inside: against autograd, against sums done by hand, and on images whose truth is known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from tema9 import ARCHITECTURES, data, layer_table, looking, models

MINI = models.pretrained("alexnet_mini")
LAYERS_WITH_MAPS = ("conv1", "pool1", "norm1", "conv2", "pool2", "conv3", "conv5", "pool3")


@pytest.fixture(scope="module")
def photographs():
    return MINI.views.evaluation(data.textures().test.images[::40])  # one of each kind, more or less


def chain(*layers):
    return nn.Sequential(*layers).eval()


def test_activations_are_what_the_layers_give_one_after_another(photographs):
    found = looking.activations(MINI, photographs)
    assert list(found) == list(dict(MINI.layers.named_children()))
    x = photographs
    for name, part in MINI.layers.named_children():
        x = part(x)
        if name.startswith(("conv", "fc")):
            torch.testing.assert_close(found[name], x.clone() if name == "fc8" else found[name])
            before = found[name]
        if name.startswith("relu"):
            torch.testing.assert_close(found[name], before.clamp(min=0))  # not written over by the ReLU in place
    torch.testing.assert_close(found["fc8"], MINI(photographs))


def test_activations_of_some_layers_and_of_one_that_is_not_there(photographs):
    assert list(looking.activations(MINI, photographs, ["CONV2", "fc6"])) == ["conv2", "fc6"]
    with pytest.raises(ValueError, match="there is no layer 'conv9'; there are: conv1, relu1, pool1"):
        looking.activations(MINI, photographs, ["conv9"])


def test_filters_are_a_copy_of_the_first_kernels():
    kernels = looking.filters(MINI)
    assert kernels.shape == (32, 3, 7, 7) and torch.equal(kernels, MINI.layers.conv1.weight)
    kernels.zero_()
    assert MINI.layers.conv1.weight.abs().sum() > 0


def gabors(side, colours):
    """A grating under a Gaussian for each colour: another direction, another frequency and another phase each."""
    middle, count = (side - 1) / 2, len(colours)
    y, x = torch.meshgrid(torch.arange(side) - middle, torch.arange(side) - middle, indexing="ij")
    made = []
    for number, colour in enumerate(colours):
        turn, frequency = torch.tensor(torch.pi * number / count), (1.6 + number / count) / side
        along = x * turn.cos() + y * turn.sin()
        wave = (2 * torch.pi * frequency * along + number).cos()
        envelope = (-(x**2 + y**2) / (2 * (side / 4) ** 2)).exp()
        made.append(torch.tensor(colour)[:, None, None] * wave * envelope)
    return torch.stack(made)


GREY, RED, OPPOSED = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (1.0, -1.0, 0.0)


@pytest.mark.parametrize("side", [7, 11])
def test_gabor_functions_in_any_colour_are_oriented_and_told_to_be_grey_or_coloured(side):
    colours = [GREY, RED, OPPOSED] * 3
    found = looking.tuning(gabors(side, colours))
    assert found.kinds() == ["oriented"] * 9
    assert (found.gabor > 0.98).all() and (found.gabor <= 1.0001).all()
    torch.testing.assert_close(found.chroma[:3], torch.tensor([0.0, 2 / 3, 1.0]).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("side", [7, 11])
def test_round_spots_are_coloured_if_they_have_a_colour_and_never_oriented(side):
    y, x = torch.meshgrid(torch.arange(side) - (side - 1) / 2, torch.arange(side) - (side - 1) / 2, indexing="ij")
    spot = (-(x**2 + y**2) / (2 * (side / 5) ** 2)).exp()
    found = looking.tuning(torch.stack([torch.tensor(each)[:, None, None] * spot for each in (GREY, RED, OPPOSED)]))
    assert found.kinds() == ["noise", "coloured", "coloured"]
    assert (found.oriented < 0.01).all() and (found.smooth > 0.8).all()


@pytest.mark.parametrize("side", [7, 11])
def test_independent_weights_are_noise(side):
    found = looking.tuning(torch.randn(96, 3, side, side, generator=torch.Generator().manual_seed(side)))
    assert found.kinds() == ["noise"] * 96
    assert found.gabor.max() < 0.3 and found.smooth.mean() == pytest.approx(torch.pi * 0.2**2, rel=0.1)  # of a disc
    assert found.chroma.mean() == pytest.approx(2 / 3, rel=0.05)
    torch.testing.assert_close(found.strength.mean(), torch.tensor(1.0).double(), atol=0.03, rtol=0)


def test_of_two_crossed_gratings_one_gabor_function_explains_a_half_and_no_orientation_wins():
    waves = (2 * torch.pi * 3 / 11 * torch.arange(11)).cos()
    found = looking.tuning((waves[:, None] + waves).expand(1, 3, 11, 11))
    assert 0.4 < float(found.gabor) < 0.62 and float(found.oriented) < 0.15


def test_what_filters_answer_to_does_not_depend_on_their_scale_their_sign_or_a_quarter_turn():
    weights = gabors(11, [RED, OPPOSED, GREY])
    weights = weights + 0.05 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    found = looking.tuning(weights)
    for changed in (weights * 1e-4, -weights, weights.rot90(1, (2, 3))):
        other = looking.tuning(changed)
        for name in ("gabor", "oriented", "chroma", "smooth"):
            torch.testing.assert_close(getattr(other, name), getattr(found, name), atol=2e-3, rtol=0)


def test_a_filter_much_weaker_than_the_others_is_dead_whatever_it_looks_like():
    weights = gabors(7, [GREY] * 5)
    weights = weights / weights.square().mean((1, 2, 3), keepdim=True).sqrt()
    weights[0] *= 0.09
    weights[1] *= 0.11
    assert looking.tuning(weights).kinds() == ["dead"] + ["oriented"] * 4
    weights[0] = 0
    assert looking.tuning(weights).kinds()[0] == "dead"
    with pytest.raises(ValueError, match=r"weights have shape \(6, 1, 5, 5\); expected \(N, 3, side, side\)"):
        looking.tuning(torch.zeros(6, 1, 5, 5))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fields_are_those_of_the_arithmetic(name):
    with torch.device("meta"):
        model = models.build(name)
    for row in layer_table(name):
        if row.receptive_field is not None:
            sees = looking.field(model, row.name)
            assert (sees.size, sees.stride) == (row.receptive_field, row.effective_stride), row.name


def test_a_field_of_a_dense_layer_is_refused():
    with pytest.raises(ValueError, match="each unit of fc6 sees the whole image"):
        looking.field(MINI, "fc6")


@pytest.mark.parametrize("layer", LAYERS_WITH_MAPS)
def test_only_pixels_of_its_field_reach_a_unit(layer):
    image = torch.rand(3, 59, 59)
    maps = looking.activations(MINI, image[None], [layer])[layer][0]
    unit = (0, maps.shape[1] // 2, 0)
    back = looking.project(MINI.double(), image.double(), layer, unit, "gradient").pixels.abs().sum(0)
    MINI.float()
    top, left, bottom, right = looking.field(MINI, layer).box(*unit[1:])
    inside = torch.zeros(59, 59, dtype=bool)
    inside[max(top, 0) : bottom, max(left, 0) : right] = True
    assert not back[~inside].any()


def test_the_strongest_patches_are_sorted_and_hold_the_pixels_that_the_unit_sees(photographs):
    patches = looking.strongest(MINI, photographs, "conv2", map=3, count=4, batch_size=3)
    maps = looking.activations(MINI, photographs, ["conv2"])["conv2"][:, 3]
    best = maps.flatten(1).amax(1).sort(descending=True)
    assert [patch.image for patch in patches] == best.indices[:4].tolist()
    assert [patch.value for patch in patches] == pytest.approx(best.values[:4].tolist())
    for patch in patches:
        assert maps[patch.image][patch.unit[1:]] == pytest.approx(patch.value)
        top, left, bottom, right = patch.box
        assert patch.cut(photographs).shape == (3, bottom - top, right - left)
    with pytest.raises(ValueError, match="map 64 is not in conv2, which has 64"):
        looking.strongest(MINI, photographs, "conv2", map=64)


@pytest.mark.parametrize("layer", ["conv1", "norm1", "relu3", "pool3", "fc8"])
def test_the_gradient_is_autograd_s(layer, photographs):
    image = photographs[0].clone().requires_grad_()
    x = image[None]
    for name, part in looking.parts(MINI).items():
        x = F.relu(x) if isinstance(part, nn.ReLU) else part(x)
        if name == layer:
            break
    unit = 2 if x.ndim == 2 else (2, 1, 1)
    (expected,) = torch.autograd.grad(x[0][unit], image)
    found = looking.project(MINI, photographs[0], layer, unit, "gradient")
    torch.testing.assert_close(found.pixels, expected)
    assert found.value == pytest.approx(x[0][unit].item())


def one_layer():
    torch.manual_seed(4)
    return chain(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))


def test_a_one_layer_deconvnet_is_switches_relu_and_the_transposed_kernels():
    model, image = one_layer(), torch.randn(2, 11, 11)
    conv = model[0]
    _, switches = F.max_pool2d(F.relu(conv(image[None])), 3, 2, return_indices=True)
    pooled = model(image[None])[0]
    strongest = tuple(n.item() for n in np.unravel_index(pooled[1].argmax().item(), pooled.shape[1:]))
    signal = torch.zeros(3, 6 * 6)
    signal[1, switches[0, 1][strongest]] = pooled[1][strongest]
    expected = F.conv_transpose2d(signal.reshape(1, 3, 6, 6).clamp(min=0), conv.weight, stride=2, padding=1)[0]
    found = looking.project(model, image, "2", 1)
    assert found.unit == (1, *strongest)
    torch.testing.assert_close(found.pixels, expected)


def test_where_two_windows_chose_the_same_pixel_their_signals_add_up():
    """The second convolution sums the two windows; both have their maximum in the shared column."""
    model = chain(nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, (1, 2), bias=False))
    nn.init.ones_(model[1].weight)
    image = torch.zeros(1, 3, 5)
    image[0, 1, 2] = 99.0
    found = looking.project(model, image, "1", (0, 0, 0))
    assert found.value == 198 and found.pixels[0, 1, 2] == 396  # 198 through each window, not 198 once


def test_the_three_rules_differ_where_their_definitions_do():
    """One ReLU between two dense layers, done by hand."""
    model = chain(nn.Flatten(), nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
    model[1].weight.data = torch.eye(3)
    model[3].weight.data = torch.tensor([[2.0, -3.0, 5.0]])
    image = torch.tensor([1.0, 1.0, -1.0]).reshape(3, 1, 1)  # answer: 2 - 3 = -1
    back = {rule: looking.project(model, image, "3", 0, rule).pixels.flatten() for rule in looking.RULES}
    assert back["gradient"].tolist() == [2, -3, 0]  # the activation was positive
    assert back["deconvnet"].tolist() == [0, 3, 0]  # -1 times the weights, what is positive
    assert back["guided"].tolist() == [0, 3, 0]
    image = -image  # answer: 5
    back = {rule: looking.project(model, image, "3", 0, rule).pixels.flatten() for rule in looking.RULES}
    assert back["deconvnet"].tolist() == [10, 0, 25]
    assert back["guided"].tolist() == [0, 0, 25]
    assert back["gradient"].tolist() == [0, 0, 5]


def test_the_three_rules_differ_visibly_on_a_trained_network(photographs):
    back = [looking.project(MINI, photographs[1], "conv4", 7, rule).pixels.flatten() for rule in looking.RULES]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        alike = F.cosine_similarity(back[one], back[other], dim=0)
        assert alike < 0.95


def test_projecting_leaves_the_model_and_the_image_as_they_were(photographs):
    image = photographs[0].clone()
    MINI.train()
    first = looking.project(MINI, image, "fc8", 0, "guided").pixels
    assert torch.equal(first, looking.project(MINI.eval(), image, "fc8", 0, "guided").pixels)
    assert torch.equal(image, photographs[0])
    assert all(parameter.grad is None for parameter in MINI.parameters())


def test_a_wrong_rule_unit_or_image_is_one_line(photographs):
    with pytest.raises(ValueError, match="unknown rule 'saliency'; known: gradient, deconvnet, guided"):
        looking.project(MINI, photographs[0], "conv1", 0, "saliency")
    with pytest.raises(ValueError, match=r"unit 32 is not in conv1, whose outputs are \(32, 27, 27\)"):
        looking.project(MINI, photographs[0], "conv1", 32)
    with pytest.raises(ValueError, match="give one image"):
        looking.project(MINI, photographs, "conv1", 0)
    with pytest.raises(ValueError, match="is not a chain of layers"):
        looking.parts(nn.Linear(2, 2))


class Corner(nn.Module):
    """Class 1 is as probable as the mean of the pixels of rows 4 to 7, columns 8 to 11, is large."""

    def forward(self, x):
        inside = x[:, 0, 4:8, 8:12].mean((1, 2))
        return torch.stack([torch.zeros_like(inside), inside], 1)


def test_occlusion_against_the_network_asked_square_by_square():
    model, image = chain(Corner()), torch.rand(1, 16, 20) + 2
    before = image.clone()
    found = looking.occlusion(model, image, 1, size=4, stride=3, fill=0.5, batch_size=7)
    assert torch.equal(image, before)
    assert found.probability.shape == (5, 6) and found.total is None
    for row in range(5):
        for column in range(6):
            covered = image.clone()
            top, left, bottom, right = found.box(row, column)
            covered[:, top:bottom, left:right] = 0.5
            expected = model(covered[None]).softmax(1)[0, 1]
            torch.testing.assert_close(found.probability[row, column], expected)
    assert found.uncovered == pytest.approx(model(image[None]).softmax(1)[0, 1].item())
    top, left, bottom, right = looking.occlusion(model, image, 1, size=4, batch_size=1).worst()
    assert (top, left) == (4, 8)


def test_occlusion_follows_the_strongest_map_too(photographs):
    image = photographs[0]
    found = looking.occlusion(MINI, image, 0, size=19, stride=20, layer="conv5")
    totals = looking.activations(MINI, image[None], ["conv5"])["conv5"][0].sum((1, 2))
    assert found.map == totals.argmax() and found.total.shape == found.probability.shape == (3, 3)
    covered = image.clone()
    covered[:, 20:39, 40:59] = 0
    expected = looking.activations(MINI, covered[None], ["conv5"])["conv5"][0, found.map].sum()
    torch.testing.assert_close(found.total[1, 2], expected, rtol=1e-4, atol=1e-4)


def test_occlusion_refuses_what_does_not_fit(photographs):
    with pytest.raises(ValueError, match="a square of 60 px with steps of 1 does not fit an image of 59x59"):
        looking.occlusion(MINI, photographs[0], 0, size=60)
    with pytest.raises(ValueError, match="class 10 is not among the 10 of the network"):
        looking.occlusion(MINI, photographs[0], 10, size=20, stride=20)


def test_all_of_it_works_on_torchvision_s_alexnet():
    torch.manual_seed(0)
    model, image = torchvision.models.alexnet(weights=None).eval(), torch.randn(3, 224, 224)
    found = looking.activations(model, image[None])
    assert [name for name in found if name[0] in "cfp"] == (
        ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool3", "flatten", "fc6", "fc7", "fc8"]
    )
    torch.testing.assert_close(found["fc8"], model(image[None]))
    assert looking.field(model, "pool3").size == 195
    assert looking.filters(model).shape == (64, 3, 11, 11)
    assert looking.project(model, image, "conv5", 3).pixels.shape == (3, 224, 224)
    assert looking.occlusion(model, image, 5, size=112, stride=112).probability.shape == (2, 2)
    assert looking.strongest(model, image[None], "conv3", 0)[0].image == 0


@pytest.fixture(scope="module")
def shapes():
    return data.shapes(train=1, validation=1, test=10, side=64)


def covered_share(box, mask):
    top, left, bottom, right = box
    return mask[top:bottom, left:right].float().mean().item()


def at_the_centre(images, side):
    edge = (images.shape[-1] - side) // 2
    return images[..., edge : edge + side, edge : edge + side]


@pytest.mark.slow
def test_on_shapes_the_occlusion_minimum_falls_on_the_object(shapes):
    model, test = models.pretrained("alexnet_mini_shapes"), shapes.test
    inputs, masks = model.views.evaluation(test.images), at_the_centre(test.masks, 59)[:, 0]
    assert (model(inputs).argmax(1) == test.labels).float().mean() > 0.9
    on_it = 0
    for image, label, mask in zip(inputs, test.labels.tolist(), masks, strict=True):
        found = looking.occlusion(model, image, label, size=15, stride=4)
        on_it += covered_share(found.worst(), mask) > 0
    assert on_it > 0.8 * len(inputs)


@pytest.mark.slow
def test_a_model_that_learnt_the_planted_shortcut_is_caught_by_its_map(shapes):
    model, marked = models.pretrained("alexnet_mini_shortcut"), shapes.test_marked
    inputs = model.views.evaluation(marked.images)
    right = model(inputs).argmax(1) == marked.labels
    assert right.float().mean() > 0.85  # it seems to know them
    plain = model(model.views.evaluation(shapes.test.images)).argmax(1) == shapes.test.labels
    assert plain.float().mean() < 0.5  # and does not, without the mark
    on_mark = on_object = 0
    for place in right.nonzero().flatten().tolist():
        marks = torch.zeros(1, 64, 64, dtype=bool)
        top, left, bottom, right_edge = marked.marks[place]
        marks[0, top:bottom, left:right_edge] = True
        found = looking.occlusion(model, inputs[place], marked.labels[place].item(), size=9, stride=3)
        on_mark += covered_share(found.worst(), at_the_centre(marks, 59)[0]) > 0
        on_object += covered_share(found.worst(), at_the_centre(marked.masks[place], 59)[0]) > 0
    assert on_mark > 0.7 * right.sum() and on_mark > 2 * on_object


def test_torchvision_s_trained_alexnet_says_plainly_when_it_cannot_be_had(monkeypatch, tmp_path):
    def refused(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", refused)
    with pytest.raises(OSError, match=r"not in the cache and cannot be fetched \(no network\); with a network it can"):
        models.torchvision_alexnet()


@pytest.mark.slow
def test_torchvision_s_trained_alexnet_comes_from_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(3)
    there = torchvision.models.alexnet(weights=None)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    name = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    torch.save(there.state_dict(), tmp_path / "hub" / "checkpoints" / name)
    model, transform = models.torchvision_alexnet()
    assert torch.equal(looking.filters(model), there.features[0].weight)
    assert transform(torch.zeros(3, 300, 300)).shape == (3, 224, 224)
