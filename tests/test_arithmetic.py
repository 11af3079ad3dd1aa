"""The counts of the tables against numbers computed elsewhere, against the deck and against torch."""

import html
import json
import math
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import ARCHITECTURES, compare, layer_table
from tema9.architectures import Architecture, Conv, Linear, MaxPool, Subsampling
from tema9.arithmetic import MIB, TITLES, conv_parameters, output_size, spanish

FACTS = json.loads((Path(__file__).parent / "data" / "facts.json").read_text(encoding="utf-8"))
KINDS = {
    "conv": "Conv",
    "maxpool": "MaxPool",
    "avgpool": "MaxPool",  # LeNet's there; no parameters either way
    "subsample": "Subsampling",
    "lrn": "LRN",
    "fc": "Linear",
    "rbf": "RBF",
}


def facts_of(name):
    return [dict(zip(FACTS["columns"], values, strict=True)) for values in FACTS["architectures"][name]["layers"]]


# The full table, as the deck prints it. "MAX POOL" is our "POOL".
DECK = """
[227x227x3] INPUT
[55x55x96] **CONV1**: 96 11x11 filters at stride 4, pad 0
[27x27x96] **MAX POOL1**: 3x3 filters at stride 2
[27x27x96] **NORM1**: Normalization layer
[27x27x256] **CONV2**: 256 5x5 filters at stride 1, pad 2
[13x13x256] **MAX POOL2**: 3x3 filters at stride 2
[13x13x256] **NORM2**: Normalization layer
[13x13x384] **CONV3**: 384 3x3 filters at stride 1, pad 1
[13x13x384] **CONV4**: 384 3x3 filters at stride 1, pad 1
[13x13x256] **CONV5**: 256 3x3 filters at stride 1, pad 1
[6x6x256] **MAX POOL3**: 3x3 filters at stride 2
[4096] **FC6**: 4096 neurons
[4096] **FC7**: 4096 neurons
[1000] **FC8**: 1000 neurons (class scores)
"""


def test_the_slide_s_table_is_the_deck_s_word_for_word():
    deck = DECK.strip().replace("**", "").replace("MAX POOL", "POOL").replace(" (class scores)", "")
    assert str(layer_table("alexnet_slide")) == deck


@pytest.mark.parametrize("name", FACTS["architectures"])
def test_every_number_of_every_layer_is_the_one_computed_elsewhere(name):
    table, facts = layer_table(name), facts_of(name)
    assert list(table.input_shape) == FACTS["architectures"][name]["input"]
    assert [row.name for row in table] == [fact["name"] for fact in facts]
    for row, fact in zip(table, facts, strict=True):
        padding = fact["pad"]
        if fact["implicit_extra_pad_right_bottom"]:
            padding = (padding, padding + fact["implicit_extra_pad_right_bottom"])
        assert {
            "kind": row.kind,
            "in_shape": list(row.in_shape),
            "out_shape": list(row.out_shape),
            "kernel_size": row.kernel_size,
            "stride": row.stride,
            "padding": row.padding,
            "groups": row.groups,
            "weights": row.weights,
            "parameters": row.parameters,
            "multiply_adds": row.multiply_adds,
            "activations": row.activations,
            "receptive_field": row.receptive_field,
            "effective_stride": row.effective_stride,
        } == {
            "kind": KINDS[fact["type"]],
            "in_shape": fact["in_shape"],
            "out_shape": fact["out_shape"],
            "kernel_size": fact["kernel"],
            "stride": fact["stride"],
            "padding": padding,
            "groups": fact["groups"],
            "weights": fact["params_no_bias"],
            "parameters": fact["params"],
            "multiply_adds": fact["macs"],
            "activations": fact["activations"],
            "receptive_field": fact["receptive_field"],
            "effective_stride": fact["effective_stride"],
        }, f"{name}, {row.name}"


@pytest.mark.parametrize("name", FACTS["architectures"])
def test_the_totals_are_those_computed_elsewhere(name):
    table, totals = layer_table(name), FACTS["architectures"][name]["totals"]
    assert table.total("weights") == totals["params_no_bias"]
    assert table.total("parameters") == totals["params"]
    assert table.total("multiply_adds") == totals["macs"]
    assert table.total("activations") == totals["activations"]
    neurons = [row.activations for row in table if row.kind in ("Conv", "Linear", "RBF")]
    if name != "lenet5_1998":  # whose subsampling counts as neurons too
        assert sum(neurons) == totals["neurons_conv_fc"]


def test_caffenet_has_the_parameters_of_the_paper_and_the_shapes_of_the_slide():
    paper = {fact["name"]: fact for fact in facts_of("alexnet_paper")}
    slide = facts_of("alexnet_slide")
    for row, fact in zip(layer_table("caffenet"), slide, strict=True):
        assert (row.name, list(row.out_shape)) == (fact["name"], fact["out_shape"])
        assert (row.parameters, row.multiply_adds) == (paper[row.name]["params"], paper[row.name]["macs"])


def test_every_published_architecture_but_caffenet_has_its_independent_table():
    assert set(ARCHITECTURES) - set(FACTS["architectures"]) == {"caffenet", "alexnet_mini"}  # the second is ours


def test_lenet_s_connections_are_those_that_the_paper_prints():
    printed = dict(FACTS["lenet5"]["connections_printed"])
    for row in layer_table("lenet5_1998"):
        area = math.prod(row.out_shape[1:])
        if row.kind == "Subsampling":  # four pixels and a bias for each value
            connections = row.activations * (row.kernel_size**2 + 1)
        else:
            connections = row.parameters * area or row.multiply_adds  # the RBF has no parameters
        assert connections == printed.pop(row.name), row.name
    assert not printed


def test_neurons_of_the_paper_s_figure_2():
    neurons = [row.activations for row in layer_table("alexnet_paper") if row.kind in ("Conv", "Linear")]
    assert neurons == FACTS["neurons"]["computed"]
    assert sum(neurons) == FACTS["neurons"]["computed_sum"] == 659_272


def test_output_size_of_a_convolution_is_torch_s():
    draw = random.Random(1)
    for _ in range(150):
        kernel_size, stride = draw.randint(1, 7), draw.randint(1, 5)
        before, after = draw.randint(0, 3), draw.randint(0, 3)
        size = draw.randint(max(1, kernel_size - before - after), 40)
        row = F.pad(torch.zeros(1, 1, size), (before, after))
        expected = F.conv1d(row, torch.zeros(1, 1, kernel_size), stride=stride).shape[-1]
        assert output_size(size, kernel_size, stride, (before, after)) == expected
        if before == after:
            assert output_size(size, kernel_size, stride, before) == expected


@pytest.mark.parametrize("rounding", ["floor", "ceil"])
def test_output_size_of_a_pooling_is_torch_s(rounding):
    draw = random.Random(2)
    for _ in range(150):
        kernel_size, stride = draw.randint(1, 6), draw.randint(1, 7)
        padding, size = draw.randint(0, kernel_size // 2), draw.randint(kernel_size, 40)
        row = torch.zeros(1, 1, size)
        expected = F.max_pool1d(row, kernel_size, stride, padding, ceil_mode=rounding == "ceil").shape[-1]
        assert output_size(size, kernel_size, stride, padding, rounding) == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 3, "kernel_size": 5}, "kernel_size 5 is larger than its input, 3 px"),
        ({"size": 2, "kernel_size": 7, "padding": 2}, "larger than its input, 6 px with padding"),
        ({"size": 10, "kernel_size": 3, "padding": -1}, "padding -1 is negative"),
        ({"size": 10, "kernel_size": 3, "padding": (0, -3)}, r"padding \(0, -3\) is negative"),
        ({"size": 10, "kernel_size": 3, "stride": 0}, "stride 0 is not positive"),
        ({"size": 0, "kernel_size": 3}, "size 0 is not positive"),
        ({"size": 10, "kernel_size": -1}, "kernel_size -1 is not positive"),
        ({"size": 10, "kernel_size": 3, "rounding": "round"}, "rounding 'round' is unknown; known: floor, ceil"),
    ],
)
def test_output_size_refuses_in_one_line_that_quotes_the_value(arguments, says):
    with pytest.raises(ValueError, match=says) as caught:
        output_size(**arguments)
    assert "\n" not in str(caught.value)


def test_conv_parameters_are_torch_s():
    draw = random.Random(3)
    for _ in range(50):
        groups, kernel_size = draw.randint(1, 4), draw.randint(1, 5)
        in_channels, out_channels = groups * draw.randint(1, 5), groups * draw.randint(1, 5)
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, groups=groups, device="meta")
        expected = conv.weight.numel(), conv.bias.numel()
        assert conv_parameters(in_channels, out_channels, kernel_size, groups) == expected


@pytest.mark.parametrize("channels", [(3, 96), (96, 3)])
@pytest.mark.parametrize("groups", [2, 0])
def test_groups_that_do_not_divide_the_channels_are_refused(channels, groups):
    with pytest.raises(
        ValueError, match=f"groups {groups} does not divide {channels[0]} input and {channels[1]} output"
    ):
        conv_parameters(*channels, 3, groups=groups)


def test_an_image_too_small_is_refused_with_the_name_of_the_layer():
    with pytest.raises(ValueError, match=r"^alexnet_slide, POOL2: kernel_size 3 is larger than its input, 2 px"):
        layer_table("alexnet_slide", input_size=31)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown architecture 'resnet'; known: lenet5_1998, lenet5,"):
        layer_table("resnet")


def test_an_unknown_layer_lists_those_there_are():
    with pytest.raises(KeyError, match="lenet5 has no layer 'CONV1'; it has C1, S2"):
        layer_table("lenet5")["CONV1"]


def test_224_pixels_leave_54_and_with_three_zeros_or_rounding_up_55():
    assert layer_table("alexnet_paper", input_size=224)["CONV1"].out_shape == (96, 54, 54)
    assert layer_table("alexnet_2012_code")["CONV1"].out_shape == (96, 55, 55)
    assert output_size(224, 11, 4, rounding="ceil") == output_size(224, 11, 4, (0, 3)) == 55


def support(network, unit, side):
    """The first and the last pixel along x that one output unit reads: where its gradient is not zero."""
    image = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    network(image)[0, 0, unit, unit].backward()
    columns = image.grad[0, 0].abs().sum(dim=0).nonzero().flatten()
    return int(columns[0]), int(columns[-1])


def test_receptive_field_and_effective_stride_are_the_support_of_the_gradient():
    tiny = Architecture(
        "tiny",
        "",
        "",
        (1, 61, 61),
        (
            Conv("C1", 1, kernel_size=5, stride=2),
            Subsampling("S2", kernel_size=2),
            Conv("C3", 1, kernel_size=3),
            Conv("C4", 1, kernel_size=3, stride=3),
            Linear("F5", 2),
        ),
    )
    modules = [nn.Conv2d(1, 1, 5, 2), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3, 3)]
    for module in modules:
        for parameter in module.parameters():
            nn.init.constant_(parameter, 0.1)
    table = layer_table(tiny)
    for depth, row in enumerate(table.rows[:4], 1):
        network = nn.Sequential(*modules[:depth]).double()
        (first, last), (following, _) = support(network, 0, 61), support(network, 1, 61)
        assert row.receptive_field == last - first + 1, row.name
        assert row.effective_stride == following - first, row.name
    assert table["F5"].receptive_field is None and table["F5"].effective_stride is None


@pytest.mark.parametrize("name", FACTS["memory"])
def test_training_memory_is_the_one_computed_elsewhere(name):
    facts, memory = FACTS["memory"][name], layer_table(name).memory(128)
    assert memory.activations / MIB == pytest.approx(facts["batch128_MiB_all"], abs=0.06)
    assert memory.parameters / MIB == pytest.approx(facts["params_MiB"], abs=0.006)
    three = memory.parameters + memory.gradients + memory.momentum
    assert three / MIB == pytest.approx(facts["params_grad_momentum_MiB"], abs=0.006)
    one = layer_table(name).memory()
    assert one.activations == facts["per_image_bytes_fp32"]["all"]
    assert one.activations + one.input == facts["per_image_bytes_fp32"]["all_plus_input"]
    assert memory.total == three + 128 * facts["per_image_bytes_fp32"]["all_plus_input"]


def test_a_batch_of_no_images_is_refused():
    with pytest.raises(ValueError, match="batch_size 0 is not positive"):
        layer_table("lenet5").memory(0)


def test_compare_pairs_rows_by_name_and_names_what_differs():
    pairs = compare(layer_table("alexnet_slide"), layer_table("zfnet_slide"))
    different = {left.name: fields for left, _, fields in pairs}
    assert {"kernel_size", "stride", "out_shape", "weights", "multiply_adds", "receptive_field"} <= different["CONV1"]
    assert "weights" not in different["CONV3"] and different["FC8"] == set()
    assert all(left.name == right.name for left, right, _ in pairs)


def test_compare_keeps_the_layers_that_only_one_table_has():
    pairs = compare(layer_table("lenet5"), layer_table("lenet5_1998"))
    assert [(left and left.name, right and right.name) for left, right, _ in pairs] == [
        ("C1", "C1"),
        ("S2", "S2"),
        ("C3", "C3"),
        ("S4", "S4"),
        ("F5", None),
        ("F6", "F6"),
        ("OUTPUT", "OUTPUT"),
        (None, "C5"),
    ]
    assert "out_shape" in pairs[4][2] and "out_shape" in pairs[7][2]


def test_a_table_compared_with_itself_has_no_differences():
    table = layer_table("zfnet_paper")
    assert all(fields == set() for _, _, fields in compare(table, table))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_html_of_a_table_has_every_layer_and_the_totals_as_spanish_prints_them(name):
    table = layer_table(name)
    text = re.sub(' style="[^"]*"', "", table._repr_html_())
    assert f"<caption>{html.escape(TITLES[name])}</caption>" in text
    assert not re.search(r"\b(filters|stride|pad|neurons|layer|sums|rounded|groups)\b(?!=)", text)
    assert text.count("<tr>") == text.count("</tr>") == len(table) + 3  # head, INPUT and total
    for row in table:
        assert f"<td>{row.volume}</td><td>{row.name}</td>" in text
    total = f"{table.total('multiply_adds'):,}".replace(",", "\u202f")
    assert f"<td>{total}</td>" in text


def test_the_html_says_in_spanish_what_a_layer_does():
    for name, said in (
        ("alexnet_paper", "<td>256 filtros de 5 × 5, paso 1, relleno 2, 2 grupos</td>"),
        ("lenet5_1998", "<td>16 filtros de 5 × 5, paso 1, relleno 0, conexiones parciales</td>"),
        ("lenet5_1998", "<td>sumas de 2 × 2, paso 2, por un peso y más un sesgo</td>"),
        ("alexnet_2012_code", "relleno 0 (+3 a la derecha y abajo)</td>"),
        ("zfnet_paper", "<td>máximos de 3 × 3, paso 2, redondeando hacia arriba</td>"),
    ):
        assert said in re.sub(' style="[^"]*"', "", layer_table(name)._repr_html_()), (name, said)
    revised = replace(ARCHITECTURES["lenet5"], name="mine", title="Mi red")
    assert "<caption>Mi red</caption>" in layer_table(revised)._repr_html_()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_dict_of_a_table_survives_json(name):
    table = layer_table(name)
    plain = json.loads(json.dumps(table.to_dict()))
    assert [layer["name"] for layer in plain["layers"]] == [row.name for row in table]
    assert sum(layer["parameters"] for layer in plain["layers"]) == plain["totals"]["parameters"]
    assert plain["name"] == name and plain["input_shape"] == list(table.input_shape)


def test_a_pooling_that_rounds_up_says_so_in_its_line():
    assert layer_table("alexnet_2012_code")["POOL1"].description == "3x3 filters at stride 2, rounded up"


def test_the_tables_can_be_made_of_new_layers():
    own = Architecture("own", "mine", "", (3, 8, 8), (Conv("A", 4, 3), MaxPool("B", 2, 2), Linear("C", 5)))
    table = layer_table(own)
    assert [row.out_shape for row in table] == [(4, 6, 6), (4, 3, 3), (5,)]
    assert table.total("parameters") == (3 * 9 * 4 + 4) + (4 * 9 * 5 + 5)


def test_spanish_numbers_have_thin_spaces_and_a_decimal_comma():
    assert spanish(62378344) == "62\u202f378\u202f344"
    assert spanish(0.5, decimals=2) == "0,50"
    assert spanish(999) == "999"
