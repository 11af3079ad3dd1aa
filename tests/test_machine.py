"""Where a model runs: what is chosen, what is refused, how images get there."""

import pytest
import torch
from torch import nn

from tema9 import machine
from tema9.machine import Machine


def test_auto_on_a_machine_without_accelerators_is_the_cpu_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert machine.choose() == Machine(torch.device("cpu"), "float32", True, False)


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_a_gpu_works_in_bfloat16_where_it_has_it_in_silicon(capability, precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch, "empty", lambda *shape, device: None)  # there may be no GPU here
    chosen = machine.choose()
    assert (chosen.device.type, chosen.precision, chosen.channels_last) == ("cuda", precision, True)


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "graphics", "meta:x"])
def test_a_device_that_is_not_here_is_refused_in_one_line(device):
    with pytest.raises(ValueError, match=f"device '{device}' is not here") as caught:
        machine.choose(device)
    assert "\n" not in str(caught.value)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="unknown precision 'float16'; known: auto, float32, bfloat16"):
        machine.choose("cpu", "float16")


def test_bfloat16_computes_in_it_and_keeps_the_parameters_in_float32():
    chosen = machine.choose("cpu", "bfloat16")
    model = chosen.place(nn.Linear(4, 2))
    with chosen.autocast():
        answer = model(torch.ones(1, 4))
    assert (answer.dtype, model.weight.dtype) == (torch.bfloat16, torch.float32)


def test_channels_last_lays_out_weights_and_batches():
    chosen = Machine(torch.device("cpu"), channels_last=True)
    model, images = chosen.place(nn.Conv2d(3, 8, 3)), torch.zeros(2, 3, 8, 8)
    assert model.weight.is_contiguous(memory_format=torch.channels_last)
    assert chosen.arrange(images).is_contiguous(memory_format=torch.channels_last)
    points = torch.zeros(2, 3)
    assert chosen.arrange(points) is points


def test_draws_within_a_seed_repeat_and_those_outside_go_on():
    chosen = Machine(torch.device("cpu"))
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    inside = []
    for _ in range(2):
        with chosen.seeded(5) as generator:
            inside.append((torch.rand(1), torch.rand(1, generator=generator)))
    assert inside[0] == inside[1]
    assert torch.equal(torch.rand(2), expected)


def test_one_process_is_alone():
    assert (machine.rank(), machine.processes()) == (0, 1)
    value = torch.ones(2)
    assert machine.total(value, "cpu") is value


def test_the_memory_of_a_cpu_is_that_of_the_machine():
    assert Machine(torch.device("cpu")).memory() > 10**8
