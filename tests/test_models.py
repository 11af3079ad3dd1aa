"""The modules against their tables, against torch and torchvision, and against what the papers say."""

import io
import math
import re

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tema9 import ARCHITECTURES, layer_table, models
from tema9.evaluation import evaluate

CLASSES = {"lenet5": models.LeNet5, "lenet5_1998": models.LeNet5} | {
    name: models.ZFNet if name.startswith("zfnet") else models.AlexNet
    for name in ARCHITECTURES
    if not name.startswith("lenet5")
}


def on_meta(name, num_classes=None):
    with torch.device("meta"):
        model = models.build(name, num_classes)
    return model, torch.zeros(2, *ARCHITECTURES[name].input_shape, device="meta")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layer_by_layer_the_module_is_its_table(name):
    model, images = on_meta(name)
    assert type(model) is CLASSES[name]
    shapes = {}
    for part, module in model.layers.named_children():
        images = module(images)
        shapes[part] = tuple(images.shape[1:])
    parts = dict(model.layers.named_children())
    for row in layer_table(name):
        part = row.name.lower()
        assert shapes[part] == row.out_shape, row.name
        counts = [parameter.numel() for parameter in parts[part].parameters()]
        assert counts == ([row.weights, row.biases] if row.parameters else []), row.name
    assert sum(parameter.numel() for parameter in model.parameters()) == layer_table(name).total("parameters")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_layer_of_the_table_is_a_module_in_the_same_order(name):
    model, _ = on_meta(name)
    added = ("flatten", "pad1")  # what a table need not say
    named = [part for part, _ in model.layers.named_children() if part not in added]
    assert named == [layer.name.lower() for layer in ARCHITECTURES[name].layers]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torch_counts_the_same_multiply_adds(name):
    """Torch does not count LeNet 1998's subsampling and RBF, which are no convolutions or matrix products."""
    model, images = on_meta(name)
    with FlopCounterMode(display=False) as counter:
        model(images)
    counted = [row.multiply_adds for row in layer_table(name) if row.kind in ("Conv", "Linear")]
    assert counter.get_total_flops() == 2 * len(images) * sum(counted)
    uncounted = layer_table(name).total("multiply_adds") - sum(counted)
    assert uncounted == (1176 + 400 + 840 if name == "lenet5_1998" else 0)


def number(text):
    return int(text.replace(",", ""))


@pytest.mark.parametrize("family", [models.LeNet5, models.AlexNet, models.ZFNet])
def test_the_parameters_in_the_docstrings_are_those_of_the_tables(family):
    members = [name for name, its_family in CLASSES.items() if its_family is family]
    totals = {name: layer_table(name).total("parameters") for name in members}
    for name, count in re.findall(r'"(\w+)" \(([\d,]+)', family.__doc__):
        assert number(count) == totals[name], name
    headline = number(re.search(r"([\d,]+) parameters", family.__doc__).group(1))
    default = {models.LeNet5: "lenet5_1998", models.AlexNet: "alexnet_paper", models.ZFNet: "zfnet_paper"}[family]
    assert headline == totals[default]
    rows = {row.parameters for name in members for row in layer_table(name)}
    for count in re.findall(r"\b\d{1,3}(?:,\d{3})+\b", family.__doc__):
        assert number(count) in {*totals.values(), *rows, 1000}, count


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_num_classes_is_honoured_and_only_the_last_layer_changes(name):
    if name == "lenet5_1998":
        return
    model, images = on_meta(name, num_classes=7)
    assert model(images).shape == (2, 7)
    before = {key: value.shape for key, value in on_meta(name)[0].state_dict().items()}
    changed = [key for key, value in model.state_dict().items() if value.shape != before[key]]
    last = ARCHITECTURES[name].layers[-1].name.lower()
    assert changed == [f"layers.{last}.weight", f"layers.{last}.bias"]


@pytest.mark.parametrize("num_classes", [0, -3])
def test_num_classes_that_are_not_positive_are_refused(num_classes):
    with pytest.raises(ValueError, match=f"num_classes {num_classes} is not positive"):
        models.build("lenet5", num_classes)
    with pytest.raises(ValueError, match=f"num_classes {num_classes} is not positive"):
        models.LeNet5(num_classes=num_classes)


def test_lenet5_1998_refuses_other_than_ten_classes():
    with pytest.raises(ValueError, match="lenet5_1998 has prototypes for 10 classes, not for 5"):
        models.build("lenet5_1998", num_classes=5)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (models.LeNet5, "alexnet_paper"),
        (models.AlexNet, "zfnet_paper"),
        (models.AlexNet, "lenet5"),
        (models.ZFNet, "alexnet_slide"),
        (models.ZFNet, "nothing"),
    ],
)
def test_a_class_refuses_another_family_and_lists_its_own(family, name):
    with pytest.raises(ValueError, match=f"unknown architecture '{name}'; this class builds ") as caught:
        family(name)
    own = {member for member, its_family in CLASSES.items() if its_family is family}
    assert set(str(caught.value).split("builds ")[1].split(", ")) == own


def test_build_refuses_an_unknown_name_and_lists_the_known():
    with pytest.raises(ValueError, match="unknown architecture 'vgg'; known: lenet5_1998"):
        models.build("vgg")


def test_the_names_of_the_weights_do_not_change():
    model, _ = on_meta("alexnet_paper")
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert list(model.state_dict()) == [f"layers.{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    model, _ = on_meta("lenet5_1998")
    layers = ["c1", "s2", "c3", "s4", "c5", "f6"]
    expected = [f"layers.{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert list(model.state_dict()) == [*expected, "layers.output.prototypes"]


def weights_and_biases(model):
    return {
        name: (module.weight.detach(), module.bias.detach())
        for name, module in model.layers.named_children()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "std", "bias_one"),
    [
        ("alexnet_paper", {}, {"conv2", "conv4", "conv5", "fc6", "fc7"}),
        ("alexnet_2012_code", {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, {"conv2", "conv4", "conv5", "fc6", "fc7"}),
        ("caffenet", {"fc6": 0.005, "fc7": 0.005}, {"conv2", "conv4", "conv5", "fc6", "fc7"}),
        ("zfnet_paper", {}, set()),
    ],
)
def test_weights_start_as_the_paper_says(name, std, bias_one):
    for layer, (weight, bias) in weights_and_biases(models.build(name, num_classes=20)).items():
        sample = weight.flatten()[:200_000]
        assert sample.std() == pytest.approx(std.get(layer, 0.01), rel=0.03), layer
        assert abs(sample.mean()) < 5 * sample.std() / math.sqrt(len(sample)), layer
        assert (bias == (1 if layer in bias_one else 0)).all(), layer


def test_lenet5_1998_starts_uniform_within_2_4_over_its_fan_in():
    model = models.build("lenet5_1998")
    fan_in = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, fan in fan_in.items():
        part = getattr(model.layers, name)
        values = torch.cat([part.weight.detach().flatten(), part.bias.detach()])
        assert 0.8 * 2.4 / fan < values.abs().max() <= 2.4 / fan, name
    kernels = model.layers.c3.weight.detach()
    assert 0.9 * 2.4 / 75 < kernels[:3].abs().max() <= 2.4 / 75  # the first map reads three maps of 5x5
    assert 0.9 * 2.4 / 150 < kernels[-6:].abs().max() <= 2.4 / 150  # the last reads six


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "alexnet_torchvision"])
def test_without_a_paper_s_rule_weights_start_as_torch_s(name):
    for layer, (weight, bias) in weights_and_biases(models.build(name)).items():
        bound = 1 / math.sqrt(weight[0].numel())
        assert 0.9 * bound < weight.abs().max() <= bound * 1.000001, layer
        assert bias.abs().max() <= bound * 1.000001, layer


def test_two_builds_from_the_same_seed_are_equal():
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(models.build("lenet5_1998").state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.fixture(scope="module")
def small_models():
    """The models to export and compile, in evaluation, with an input each."""
    made = {}
    for name, num_classes in (("lenet5", 10), ("lenet5_1998", 10), ("alexnet_paper", 3)):
        torch.manual_seed(0)
        made[name] = models.build(name, num_classes).eval(), torch.rand(2, *ARCHITECTURES[name].input_shape)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998", "alexnet_paper"])
def test_a_model_survives_export(name, small_models):
    model, images = small_models[name]
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, (images,)), file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), model(images))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998", "alexnet_paper"])
def test_a_compiled_model_answers_the_same(name, small_models):
    model, images = small_models[name]
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(images), model(images))


@pytest.mark.slow
def test_torchvision_s_alexnet_is_alexnet_torchvision_weight_by_weight():
    theirs, ours = torchvision.models.alexnet(weights=None).eval(), models.build("alexnet_torchvision").eval()
    shapes = [tuple(value.shape) for value in theirs.state_dict().values()]
    assert shapes == [tuple(value.shape) for value in ours.state_dict().values()]
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


def test_the_2012_code_pads_three_rows_of_zeros_at_the_right_and_bottom():
    model, _ = on_meta("alexnet_2012_code")
    assert isinstance(model.layers.pad1, nn.ZeroPad2d)
    image = torch.rand(1, 1, 4, 4)
    padded = model.layers.pad1(image)
    assert torch.equal(padded, nn.functional.pad(image, (0, 3, 0, 3)))


def test_groups_keep_the_towers_apart():
    model = models.build("alexnet_paper", num_classes=2).layers.conv2
    maps = torch.rand(1, 96, 5, 5)
    touched = maps.clone()
    touched[:, 48:] += 1
    changed = (model(maps) != model(touched)).flatten(2).any(dim=2)[0]
    assert not changed[:128].any() and changed[128:].all()


def test_every_parameter_of_a_small_model_gets_a_gradient():
    for name in ("lenet5", "lenet5_1998"):
        model = models.build(name)
        nn.functional.cross_entropy(model(torch.randn(8, 1, 32, 32)), torch.arange(8)).backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, f"{name}, {key}"


@pytest.mark.slow
def test_the_weights_that_ship_err_as_their_docstring_says():
    from tema9.data import textures

    model = models.pretrained("alexnet_mini")
    assert not model.training and model.views.crop == 59
    data = textures()
    claimed = float(re.search(r"errs on ([0-9.]+) %", models.pretrained.__doc__).group(1))
    assert evaluate(model, data.test).top1 == pytest.approx(claimed, abs=1)  # another CPU may round otherwise


def test_weights_that_do_not_ship_are_refused_with_the_names_of_those_that_do():
    with pytest.raises(
        ValueError,
        match="no weights ship for 'lenet5'; for alexnet_mini, alexnet_mini_shapes, alexnet_mini_shortcut they do",
    ):
        models.pretrained("lenet5")
