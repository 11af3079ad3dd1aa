"""The layer tables as data: their names, the sides in their comments, what `revise` may change."""

import ast
import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest

from tema9 import architectures, layer_table
from tema9.architectures import ARCHITECTURES, C3_INPUTS, Architecture, Conv, MaxPool, Subsampling

FACTS = json.loads((Path(__file__).parent / "data" / "facts.json").read_text(encoding="utf-8"))


def test_the_names_are_those_of_the_course():
    assert list(ARCHITECTURES) == [
        "lenet5_1998",
        "lenet5",
        "alexnet_slide",
        "alexnet_paper",
        "alexnet_2012_code",
        "caffenet",
        "alexnet_torchvision",
        "alexnet_one_gpu",
        "alexnet_mini",
        "zfnet_slide",
        "zfnet_slide_512",
        "zfnet_paper",
        "zfnet_paper_512",
    ]


def tables_in_the_source():
    """Yield (Architecture, the lines that write it) for each one of the module."""
    text = inspect.getsource(architectures)
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = getattr(architectures, node.targets[0].id)
            if isinstance(value, Architecture):
                yield value, lines[node.lineno - 1 : node.end_lineno]


def sides_in_comments(architecture, lines):
    """The (side in, side out) that the comments state, by layer name."""
    names = {layer.name for layer in architecture.layers}
    stated = {}
    for line in lines:
        if found := re.search(r"# (\d+) -> (\d+)", line):
            name = next(word for word in re.findall(r'"(\w+)"', line) if word in names)
            stated[name] = tuple(map(int, found.groups()))
    return stated


def test_the_sides_in_the_comments_are_what_the_arithmetic_gives():
    checked = 0
    for architecture, lines in tables_in_the_source():
        table = layer_table(architecture.name)
        for name, sides in sides_in_comments(architecture, lines).items():
            assert (table[name].in_shape[1], table[name].out_shape[1]) == sides, f"{architecture.name}, {name}"
            checked += 1
    assert checked == 68


def test_every_layer_that_changes_sides_has_its_comment_where_a_table_is_written_out():
    for architecture, lines in tables_in_the_source():
        if "Architecture(" in lines[0]:
            spatial = {layer.name for layer in architecture.layers if isinstance(layer, Conv | MaxPool | Subsampling)}
            assert spatial <= set(sides_in_comments(architecture, lines)), architecture.name


def test_layer_names_do_not_repeat():
    for architecture in ARCHITECTURES.values():
        names = [layer.name for layer in architecture.layers]
        assert len(names) == len(set(names)), architecture.name


def test_c3_reads_the_maps_of_table_1():
    assert [list(maps) for maps in C3_INPUTS] == FACTS["lenet5"]["c3_inputs_per_map"]
    assert sum(map(len, C3_INPUTS)) == FACTS["lenet5"]["c3_pairs"] == 60
    assert [sum(source in maps for maps in C3_INPUTS) for source in range(6)] == [10] * 6


def test_revise_changes_the_fields_named_and_nothing_else():
    base = ARCHITECTURES["alexnet_slide"]
    revised = architectures.revise(base, layers={"CONV1": {"kernel_size": 7}}, name="other")
    assert revised.name == "other" and revised.title == base.title
    assert revised.layers[0] == dataclasses.replace(base.layers[0], kernel_size=7)
    assert revised.layers[1:] == base.layers[1:]
    assert base.layers[0].kernel_size == 11


def test_revise_refuses_a_layer_that_is_not_there():
    with pytest.raises(KeyError, match="alexnet_slide has no layer CONV6"):
        architectures.revise(ARCHITECTURES["alexnet_slide"], layers={"CONV6": {"stride": 1}})


def test_an_unknown_architecture_lists_the_known_ones_in_one_line():
    with pytest.raises(ValueError) as caught:
        architectures.find("vgg16")
    message = str(caught.value)
    assert "'vgg16'" in message and "\n" not in message
    assert all(name in message for name in ARCHITECTURES)


def test_an_architecture_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARCHITECTURES["lenet5"].layers[0].kernel_size = 3


def test_the_slide_differs_from_the_paper_in_the_groups_and_in_pool_before_norm():
    slide, paper = (ARCHITECTURES[name].layers for name in ("alexnet_slide", "alexnet_paper"))
    grouped = {layer.name for layer in paper if getattr(layer, "groups", 1) == 2}
    assert grouped == {"CONV2", "CONV4", "CONV5"}
    ungrouped = {dataclasses.replace(layer, groups=1) if isinstance(layer, Conv) else layer for layer in paper}
    assert ungrouped == set(slide)
    order = [layer.name for layer in slide]
    assert order.index("POOL1") < order.index("NORM1") and order.index("POOL2") < order.index("NORM2")
    order = [layer.name for layer in paper]
    assert order.index("POOL1") > order.index("NORM1") and order.index("POOL2") > order.index("NORM2")


def test_the_mini_alexnet_is_the_deck_s_layer_by_layer_and_its_sides_are_alexnet_s_own():
    small, slide = ARCHITECTURES["alexnet_mini"], ARCHITECTURES["alexnet_slide"]
    assert [(type(layer), layer.name) for layer in small.layers] == [
        (type(layer), layer.name) for layer in slide.layers
    ]
    sides = {row.name: row.out_shape[1] for row in layer_table("alexnet_mini") if len(row.out_shape) == 3}
    assert (sides["CONV1"], sides["POOL1"], sides["POOL2"]) == (27, 13, 6)
