"""How often training makes the host wait for the device, counted without a GPU.

The device is torch's `meta`, which computes nothing, and a dispatch mode records what would wait on a GPU: a copy to
the device that is not an upload through pinned memory, every copy back, and every operation whose result the host has
to know. Uploads are counted on their own.
"""

import warnings
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tema9 import evaluation, models, training
from tema9.data import Data, Split
from tema9.machine import Machine
from tema9.prepared import Batches
from tema9.recipes import ALEXNET_2012, ALEXNET_MINI, LENET5_DISTORTED, ZFNET_2014
from tema9.views import Views

META = torch.device("meta")
aten = torch.ops.aten
# Their results have sizes or values that the host must know.
KNOWN_TO_THE_HOST = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default, aten.equal.default}


class Recorder(TorchDispatchMode):
    """Counts what waits for the device, and gives the host zeros where it asks the device for values."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.waits, self.uploads, self.uploading = [], 0, False
        upload = Machine.upload

        def counted(machine, values):
            self.uploads, self.uploading = self.uploads + values.is_cpu, True
            try:
                return upload(machine, values)
            finally:
                self.uploading = False

        monkeypatch.setattr(Machine, "upload", counted)
        new_tensor = torch.Tensor.new_tensor  # a copy to the device that is not dispatched

        def counted_too(tensor, *values, **how):
            self.waits += ["new_tensor"] * (tensor.device == META)
            return new_tensor(tensor, *values, **how)

        monkeypatch.setattr(torch.Tensor, "new_tensor", counted_too)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
        there = any(value.device == META for value in given)
        if func is aten._local_scalar_dense.default and there:
            self.waits.append("item")
            return 0.0  # a loss, or that none is infinite
        if func is aten._to_copy.default:
            to, source = kwargs.get("device", args[0].device), args[0]
            if source.device == META and torch.device(to) != META:
                self.waits.append("copy back")
                return torch.zeros(source.shape, dtype=kwargs.get("dtype") or source.dtype, device=to)
            if source.is_cpu and torch.device(to) == META and not self.uploading:
                self.waits.append("copy to the device")
        elif func is aten.copy_.default and args[0].device != args[1].device:
            self.waits.append("copy to the device" if args[0].device == META else "copy back")
            if args[0].device != META:
                return args[0].zero_()
        elif func in KNOWN_TO_THE_HOST and there:
            self.waits.append(str(func))
        elif there and any(value.is_cpu and value.dim() for value in given):
            self.waits.append(f"{func} with a tensor of the host")  # as an index: it is copied
        return func(*args, **kwargs)


def test_the_recorder_sees_what_waits(monkeypatch):
    there = torch.empty(3, device=META)
    for wait in (
        lambda: there.sum().item(),
        lambda: there.cpu(),
        lambda: torch.ones(3).to(META),
        lambda: there.new_tensor(2.0),
        lambda: there[torch.tensor([0, 1])],
        lambda: float(there.sum()),
    ):
        with Recorder(monkeypatch) as seen:
            wait()
        assert len(seen.waits) >= 1, wait
    with Recorder(monkeypatch) as seen:
        there.add_(1).mul(2).sum()
        torch.full_like(there, 3.0)
        there[torch.zeros(2, dtype=torch.int64, device=META)]
        Machine(META).upload(torch.ones(3))
    assert (seen.waits, seen.uploads) == ([], 1)


def counted(name, recipe, images, steps, monkeypatch):
    """(waits, uploads) of an epoch of so many steps."""
    optimizer = torch.optim.SGD
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim, "SGD", lambda *values, fused, **more: optimizer(*values, **more))  # meta lacks it
        model = models.build(name, 10).to(META)
        count = steps * recipe.batch_size
        part = Split(images(count), torch.arange(count) % 10)
        few = Split(images(6), torch.arange(6))
        data = Data("made", tuple("0123456789"), part, few, few)
        views = Views.of(part.images, recipe)
        patch.setattr(Views, "of", lambda *_: views)
        with warnings.catch_warnings(), Recorder(patch) as seen:
            warnings.simplefilter("ignore")
            training.train(
                model, data, replace(recipe, epochs=1), progress=False, machine=Machine(META, "float32", True)
            )
        return len(seen.waits), seen.uploads, seen.waits


def pixels(count):
    return torch.zeros(count, 3, 256, 256, dtype=torch.uint8)


def patches(count):
    return torch.zeros(count, 3, 64, 64, dtype=torch.uint8)


def digits(count):
    return torch.zeros(count, 1, 32, 32)


def on_disk(count):
    return Batches(lambda rows: pixels(len(rows)).permute(0, 2, 3, 1).numpy(), range(count))


CASES = {
    "lenet5": (LENET5_DISTORTED, digits),
    "alexnet_mini": (ALEXNET_MINI, patches),
    "alexnet_paper": (replace(ALEXNET_2012, crop=227), pixels),
    "zfnet_paper": (ZFNET_2014, pixels),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name.endswith("_paper") else name for name in CASES]
)
def test_no_step_waits_for_the_device(name, monkeypatch):
    recipe, images = CASES[name]
    recipe = replace(recipe, batch_size=2)
    few, many = (counted(name, recipe, images, steps, monkeypatch) for steps in (2, 7))
    assert few[:2] == many[:2], many[2]
    assert many[0] < 40 and many[1] < 15, "of an epoch, for its order, its draws, its loss and its validation"


def test_a_batch_that_lies_on_the_disk_costs_one_upload_and_no_wait(monkeypatch):
    recipe = replace(CASES["alexnet_paper"][0], batch_size=2)
    few, many = (counted("alexnet_paper", recipe, on_disk, steps, monkeypatch) for steps in (2, 7))
    assert few[0] == many[0] and many[1] - few[1] == 5


def test_no_batch_of_an_evaluation_waits_for_the_device(monkeypatch):
    model = models.build("alexnet_mini", 10).to(META)
    views = Views.of(patches(4), ALEXNET_MINI)
    part = Split(patches(60), torch.arange(60) % 10)
    found = []
    for batch_size in (30, 6):
        model.views = replace(views, crop=59)  # new ones, that have copied no constants yet
        with monkeypatch.context() as patch, Recorder(patch) as seen:
            evaluation.evaluate(model, part, Machine(META), batch_size=batch_size, ten_crops=True)
        found.append((len(seen.waits), seen.uploads))
    assert found[0][0] == found[1][0] < 10 and found[1][1] - found[0][1] == 8  # 10 batches for 2, an upload each


def test_what_goes_to_a_gpu_goes_through_pinned_memory(monkeypatch):
    calls = []

    class Pinned(torch.Tensor):
        def to(self, device, non_blocking=False):
            calls.append((str(device), non_blocking))
            return self

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self.as_subclass(Pinned))
    Machine(torch.device("cuda")).upload(torch.ones(3))
    assert calls == [("cuda", True)]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_no_step_waits_for_a_real_gpu(name):
    recipe, images = CASES[name]
    found = []
    for steps in (2, 2, 7):  # in the first run, kernels are compiled and libraries set up
        count = steps * 2
        model = models.build(name, 10).to("cuda")
        few = Split(images(6), torch.arange(6))
        data = Data("made", tuple("0123456789"), Split(images(count), torch.arange(count) % 10), few, few)
        machine = Machine(torch.device("cuda"), "bfloat16", True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                training.train(model, data, replace(recipe, batch_size=2, epochs=1), progress=False, machine=machine)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        found.append([f"{each.filename}:{each.lineno}" for each in caught if "synchroniz" in str(each.message)])
    assert found[1] == found[2]
