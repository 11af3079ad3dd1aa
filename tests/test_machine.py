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


@pytest.fixture
def gpus(monkeypatch):
    """Have torch believe that there are GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch, "empty", lambda *shape, device: None)


@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize("local", ["0", "3"])
def test_each_process_of_torchrun_takes_a_gpu_of_its_own(device, local, gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", local)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert machine.choose(device).device == torch.device(f"cuda:{local}")


def test_one_gpu_for_several_processes_is_refused(gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert machine.choose("cuda:0").device == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="device 'cuda:0' is one, for 2 processes on this machine; give cuda"):
        machine.choose("cuda:0")


def test_a_model_over_two_devices_stays_on_them_and_gets_the_memory_format():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.devices = (torch.device("cpu"), torch.device("meta"))
            self.halves = nn.ModuleList(nn.Conv2d(3, 8, 3, device=device) for device in self.devices)

    placed = Machine(torch.device("cpu"), channels_last=True).place(Pair())
    assert [half.weight.device.type for half in placed.halves] == ["cpu", "meta"]
    assert all(half.weight.is_contiguous(memory_format=torch.channels_last) for half in placed.halves)


def test_deterministic_arithmetic_is_asked_for_and_has_contiguous_maps_on_a_gpu(gpus, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *how, **more: asked.append((how, more)))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert not machine.choose("cuda", deterministic=True).channels_last and machine.choose("cuda").channels_last
    assert machine.choose("cpu", deterministic=True).channels_last
    assert asked == [((True,), {"warn_only": True})] * 2 and not torch.backends.cudnn.benchmark
    assert machine.os.environ.pop("CUBLAS_WORKSPACE_CONFIG") == ":4096:8"


@pytest.fixture
def flags():
    """Put back how torch computes on GPUs."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    yield lambda: (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


class Placed(nn.Linear):
    """A model that moves nowhere: there may be no GPU here."""

    def to(self, *_, **__):
        return self


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "tf32"])
def test_tf32_is_taken_where_it_is_asked_for_and_nowhere_else(precision, flags):
    """By itself, torch takes it in convolutions and not in products of matrices."""
    for before in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
        Machine(torch.device("cuda"), precision).place(Placed(2, 3))
        assert flags()[:2] == (precision == "tf32",) * 2
    with Machine(torch.device("cpu"), "tf32").autocast():
        assert nn.Linear(4, 2)(torch.ones(1, 4)).dtype == torch.float32


def test_tf32_needs_a_gpu_of_nvidia():
    with pytest.raises(ValueError, match="precision 'tf32' is of NVIDIA's GPUs, and the device is cpu; give float32"):
        machine.choose("cpu", "tf32")


def test_cudnn_chooses_its_algorithms_by_trial_unless_they_are_to_repeat_themselves(flags, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    place = Machine(torch.device("cuda"), "bfloat16", True, graph=True)
    place.place(Placed(2, 3))
    assert flags()[2]
    assert str(place) == "H100, bfloat16, the fastest algorithms by trial, channels last, as a graph"
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    place.place(Placed(2, 3))
    assert not flags()[2] and "deterministic algorithms" in str(place)


def test_a_cpu_leaves_the_flags_of_gpus_alone(flags):
    before = flags()
    Machine(torch.device("cpu")).place(nn.Linear(2, 3))
    assert flags() == before


def test_what_is_computed_once_comes_from_the_first_process_and_so_does_what_goes_wrong(monkeypatch):
    sent, calls = [], []
    assert machine.from_first(lambda: 7) == 7, "one process is the first"
    monkeypatch.setattr(machine, "processes", lambda: 2)

    def make():
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("crop 300 does not fit")
        return ("mean", 0.5)

    monkeypatch.setattr(machine.dist, "broadcast_object_list", lambda box: sent.append(box[0]))
    assert machine.from_first(make) == ("mean", 0.5)
    with pytest.raises(ValueError, match="crop 300 does not fit"):
        machine.from_first(make)
    monkeypatch.setattr(machine, "rank", lambda: 1)
    monkeypatch.setattr(machine.dist, "broadcast_object_list", lambda box: box.__setitem__(0, sent.pop(0)))
    assert machine.from_first(make) == ("mean", 0.5)
    with pytest.raises(ValueError, match="crop 300 does not fit"):
        machine.from_first(make)
    assert len(calls) == 2, "the other process computes nothing"
