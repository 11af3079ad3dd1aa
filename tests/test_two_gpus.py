"""AlexNet over two devices is the grouped net on one, and what crosses is what the arithmetic says."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import layer_table, models
from tema9.arithmetic import crossing_values
from tema9.data import Data, Split
from tema9.layers import LocalResponseNorm, local_response_norm
from tema9.machine import Machine
from tema9.recipes import Recipe
from tema9.training import train
from tema9.two_gpus import TwoGPUs


class WithinHalves(nn.Module):
    """Normalisation that does not look across the middle, as on two devices."""

    def forward(self, maps):
        return torch.cat([local_response_norm(half) for half in maps.chunk(2, dim=1)], dim=1)


def single(num_classes=6):
    torch.manual_seed(0)
    model = models.build("alexnet_paper", num_classes)
    for name, module in list(model.layers.named_children()):
        if isinstance(module, LocalResponseNorm):
            setattr(model.layers, name, WithinHalves())
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.02)  # larger than the paper's, so that a difference would show
    return model.eval()


@pytest.fixture(scope="module")
def pair():
    one, two = single(), TwoGPUs(num_classes=6).eval()
    two.load_single(one.state_dict())
    images, labels = torch.randn(3, 3, 227, 227, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 3, 5])
    answers = []
    for model in (one, two):
        logits = model(images)
        F.cross_entropy(logits, labels).backward()
        answers.append(logits.detach())
    return one, two, answers


@pytest.mark.slow
def test_outputs_equal_those_of_the_grouped_net_on_one_device(pair):
    *_, (one, two) = pair
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_gradients_equal_those_of_the_grouped_net_on_one_device(pair):
    one, two, _ = pair
    expected = {name: parameter.grad for name, parameter in one.named_parameters()}
    for name, halves in two._of_single():
        found = torch.cat([half.grad for half in halves])
        torch.testing.assert_close(found, expected[name], rtol=1e-3, atol=1e-3 * expected[name].abs().max().item())


@pytest.mark.slow
def test_weights_come_back_as_they_went(pair):
    one, two, _ = pair
    back = two.to_single()
    assert back.keys() == one.state_dict().keys()
    assert all(torch.equal(value, back[name]) for name, value in one.state_dict().items())


@pytest.mark.slow
def test_what_crosses_is_half_of_each_input_each_way(pair):
    _, two, _ = pair
    crossing, arithmetic = two.traffic.per_image(), crossing_values(layer_table("alexnet_paper"))
    assert list(arithmetic) == ["CONV3", "FC6", "FC7", "FC8"]
    for layer, each_way in arithmetic.items():
        assert crossing[layer] == (2 * each_way, 2 * each_way)  # both ways; forward and backward
    assert arithmetic["CONV3"] == 21_632
    assert crossing["logits"] == (3, 3)  # of 6 classes, one way
    assert set(crossing) == {"CONV3", "FC6", "FC7", "FC8", "logits"}
    assert two.traffic.bytes == 4 * 3 * sum(map(sum, crossing.values()))


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("bfloat16", 2)])
def test_what_crosses_counts_in_the_precision_in_which_it_does(precision, size):
    model, chosen = TwoGPUs(num_classes=4), Machine(torch.device("cpu"), precision)
    with chosen.autocast():
        loss = F.cross_entropy(model(torch.randn(1, 3, 227, 227)), torch.tensor([1]))
    loss.backward()
    values = model.traffic.forward.total() + model.traffic.backward.total()
    assert values > 70_000 and model.traffic.bytes == size * values


@pytest.mark.slow
def test_it_trains_as_any_network_does_and_goes_on_to_the_very_same_weights(tmp_path):
    generator = torch.Generator().manual_seed(0)
    parts = [Split(torch.randn(n, 3, 227, 227, generator=generator), torch.arange(n) % 4) for n in (4, 2, 2)]
    data, recipe = Data("made", tuple("abcd"), *parts), Recipe(batch_size=2, epochs=2, learning_rate=1e-3)
    states = []
    for part, stops in (("whole", [2]), ("parts", [1, 2])):
        for epochs in stops:
            torch.manual_seed(0)
            model = TwoGPUs(num_classes=4)
            for half in model.halves:
                half.fc6, half.fc7 = nn.Linear(9216, 8), nn.Linear(16, 8)
                half.fc8 = nn.Linear(16, 2)
            machine = Machine(torch.device("cpu"), "float32", True)
            train(model, data, replace(recipe, epochs=epochs), False, tmp_path / part, machine)
        states.append(model.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_it_has_the_parameters_of_the_paper_half_on_each_device():
    with torch.device("meta"):
        model = TwoGPUs(devices=("meta", "meta"))
    counts = [sum(parameter.numel() for parameter in half.parameters()) for half in model.halves]
    assert counts[0] == counts[1] and sum(counts) == layer_table("alexnet_paper").total("parameters") == 60_965_224


@pytest.mark.slow
def test_an_odd_number_of_classes_is_split_too():
    model = TwoGPUs(num_classes=5)
    assert [half.fc8.out_features for half in model.halves] == [3, 2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"num_classes": 1}, "num_classes 1 cannot be split"), ({"devices": ("cpu",)}, "are not two")],
)
def test_what_cannot_be_split_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        TwoGPUs(**arguments)


@pytest.mark.gpu
def test_over_two_gpus_the_halves_are_where_they_should():
    if torch.cuda.device_count() < 2:
        pytest.skip("one CUDA device only")
    model = TwoGPUs(num_classes=4, devices=("cuda:0", "cuda:1"))
    logits = model(torch.randn(2, 3, 227, 227))
    assert logits.device == torch.device("cuda:0")
    placed = Machine(torch.device("cuda:0"), "bfloat16", True).place(model)
    assert {parameter.device.index for parameter in placed.halves[1].parameters()} == {1}


@pytest.mark.slow
def test_it_starts_as_the_paper_says():
    model = TwoGPUs(num_classes=10)
    for half in model.halves:
        assert half.conv3.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert half.conv2.bias.unique().tolist() == [1.0] and half.conv3.bias.unique().tolist() == [0.0]
