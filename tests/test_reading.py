"""Threads read ahead: the same batches in the same order, errors and Ctrl-C reach the loop, and no thread stays."""

import contextlib
import threading

import numpy as np
import pytest
import torch
from played import Played
from torch import nn

from tema9 import evaluation, reading, training
from tema9.data import Data, Split
from tema9.machine import Machine, choose
from tema9.prepared import Batches, Files, Pixels, open_prepared
from tema9.recipes import Recipe

CPU = torch.device("cpu")
SIZES = [(7, 7, 7, 3), (1,), (5, 0, 2, 0), (2,) * 11, ()]


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    """The path of 24 images of noise, as `prepare` writes them."""
    path = tmp_path_factory.mktemp("pixels") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (24, 256, 256, 3), np.uint8))
    return path


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


def parts_of(sizes):
    return torch.randperm(24, generator=torch.Generator().manual_seed(1))[: sum(sizes)].split(list(sizes))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_batches_and_their_order_are_those_of_the_loop_whatever_the_number_of_threads(sizes, slots, count, pixels):
    images = Batches(Pixels(pixels), range(24))
    array = np.load(pixels)
    found = 0
    for part, read in zip(parts_of(sizes), reading.ahead(images, parts_of(sizes), CPU, count, slots), strict=True):
        assert np.array_equal(read.permute(0, 2, 3, 1).numpy(), array[part.numpy()])
        assert read.is_contiguous(memory_format=torch.channels_last)
        found += 1
    assert found == len(sizes) and not threads()


def test_threads_that_are_slower_for_some_images_do_not_change_the_order():
    """The first images of each batch arrive last."""
    done = [threading.Event() for _ in range(12)]

    def read(rows, out):
        for place, row in enumerate(rows):
            if row % 4 == 0:
                assert done[row + 3].wait(60)
            out[place] = row
            done[row].set()

    images = Batches(read, range(12))
    found = [
        int(image[0, 0, 0]) for batch in reading.ahead(images, torch.arange(12).split(4), CPU, 4) for image in batch
    ]
    assert found == list(range(12))


def test_the_memory_of_a_batch_takes_another_only_once_the_loop_asks_for_the_next():
    asked = [threading.Event() for _ in range(7)]
    early = []

    def read(rows, out):
        if rows[0] >= 2 and not asked[rows[0] - 1].is_set():  # with two slots, the third overwrites the first
            early.append(rows[0])
        out[:] = rows[0]

    asked[0].set()
    for number, batch in enumerate(reading.ahead(Batches(read, range(6)), torch.arange(6).split(1), CPU, 2, slots=2)):
        assert (batch == number).all()
        asked[number + 1].set()
    assert not early


@pytest.mark.parametrize("bad", [0, 13, 23])
def test_what_a_thread_raises_reaches_the_loop_with_its_batch(bad):
    def read(rows, out):
        if bad in rows:
            raise ValueError(f"row {bad} cannot be read")

    seen = 0
    with pytest.raises(ValueError, match=f"row {bad} cannot be read"):
        for _ in reading.ahead(Batches(read, range(24)), torch.arange(24).split(5), CPU, 3):
            seen += 1
    assert seen == bad // 5 and not threads()


def test_a_damaged_photograph_ends_a_run_in_one_line(tmp_path):
    paths = []
    for number in range(6):
        paths.append(str(tmp_path / f"{number}.jpg"))
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff\xd8 no image")
    part = Split(Batches(Files(tuple(paths)), range(6)), torch.arange(6) % 2)
    with pytest.raises(ValueError, match=r"jpg cannot be read: .*; `prepare` skips such files") as caught:
        evaluation.evaluate(nn.Flatten(), part, Machine(CPU, readers=2))
    assert "\n" not in str(caught.value) and not threads()


@pytest.mark.parametrize("where", ["loop", "thread"])
def test_ctrl_c_leaves_no_thread(where, pixels):
    """In the loop it comes while a batch is being used, in a thread's time while the loop waits for one."""
    slow = threading.Event()

    def read(rows, out):
        if where == "thread" and 20 in rows:
            threading.Timer(0.01, slow.set).start()
            slow.wait(60)
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        contextlib.closing(reading.ahead(Batches(read, range(24)), torch.arange(24).split(4), CPU, 2)) as batches,
    ):
        for _ in batches:
            if where == "loop":
                raise KeyboardInterrupt
    assert not threads()


def run(machine, pixels, **changes):
    """The weights and the errors of a small network that was trained on images that lie on the disk."""
    images, labels = Batches(Pixels(pixels), range(24)), torch.arange(24) % 3
    part = lambda rows: Split(images.select(rows), labels[rows])  # noqa: E731
    data = Data(
        "noise", ("a", "b", "c"), part(torch.arange(14)), part(torch.arange(14, 19)), part(torch.arange(19, 24))
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 11, stride=32), nn.Flatten(), nn.Linear(4 * 7 * 7, 3))
    recipe = Recipe(batch_size=4, epochs=2, learning_rate=0.01, crop=227, flip=True, lighting=0.1)
    history = training.train(model, data, recipe, progress=False, machine=machine)
    return [value.clone() for value in model.state_dict().values()], history.column("validation_loss")


@pytest.mark.parametrize("readers", [0, 2])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_machine_gets_its_batches_on_its_device_with_threads_and_without(device, readers, pixels):
    place = Machine(torch.device(device), readers=readers)
    found = list(place.stream(Batches(Pixels(pixels), range(24)), parts_of((7, 7, 3))))
    assert [len(batch) for batch in found] == [7, 7, 3] and {batch.device.type for batch in found} == {device}


@pytest.mark.slow
def test_training_gives_the_very_same_weights_whatever_the_number_of_threads(pixels):
    expected, losses = run(Machine(CPU), pixels)
    for count in (1, 3):
        found, same = run(Machine(CPU, readers=count), pixels)
        assert all(map(torch.equal, expected, found)) and same == losses
    assert not threads()


def test_ctrl_c_in_training_leaves_no_thread(pixels, monkeypatch):
    steps = []

    def interrupted(*values):
        steps.append(1)
        if len(steps) == 2:
            raise KeyboardInterrupt
        return torch.zeros(())

    monkeypatch.setattr(training, "_backward", interrupted)
    run(Machine(CPU, readers=2), pixels)
    assert len(steps) == 2 and not threads()


def test_a_cpu_reads_in_the_loop_and_a_gpu_with_the_cores_that_this_process_may_use(monkeypatch):
    assert choose("cpu").readers == 0 and choose("cpu", readers=3).readers == 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch, "empty", lambda *shape, device: None)
    monkeypatch.setattr("tema9.hardware.cores", lambda: 16)
    assert choose("cuda").readers == 16
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert choose("cuda").readers == 4
    with pytest.raises(ValueError, match="readers -1 is not a number of threads; give 0 or more"):
        Machine(CPU, readers=-1)


def test_an_index_that_names_a_row_that_is_not_there_is_refused(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((2, 256, 256, 3), np.uint8))
    (tmp_path / "unreadable.csv").write_text("class,file,reason\n")
    for row in (2, -1):
        (tmp_path / "index.csv").write_text(f"row,class,file\n0,a,a/0.jpg\n{row},b,b/0.jpg\n")
        with pytest.raises(ValueError, match=r"index.csv names a row that is not among the 2 of images.npy"):
            open_prepared(tmp_path)


# On a GPU, with one that is played: streams and events do at once what they are told, and write it down.


def test_a_gpu_copies_in_a_second_stream_and_neither_overwrites_what_the_other_still_needs(pixels, monkeypatch):
    played = Played(monkeypatch)
    monkeypatch.setattr(Pixels, "together", 3)
    array, parts = np.load(pixels), torch.arange(24).split(6)
    read = reading.ahead(Batches(Pixels(pixels), range(24)), parts, torch.device("cuda"), 1, slots=1)
    for part, batch in zip(parts, read, strict=True):
        assert np.array_equal(batch.permute(0, 2, 3, 1).numpy(), array[part.numpy()])
        played.told.append("computes")
    free = ("record", "compute")  # whoever had the memory before, then each batch that was used
    batch = [
        *[("synchronize", "reading")] * 2,  # by the two pieces of a batch: what was in pinned memory has been copied
        ("copies wait for", "compute"),
        ("record", "copies"),
        ("compute wait for", "copies"),
        "computes",
        free,
    ]
    assert played.told == [free, *batch * 4, ("compute wait for", "copies")]
    assert not threads()


@pytest.mark.gpu
@pytest.mark.parametrize("count", [1, 4])
def test_a_real_gpu_gets_the_same_batches(count, pixels):
    array, parts, found = np.load(pixels), torch.arange(24).repeat(5).split(7), []
    device = torch.device("cuda")
    for read in reading.ahead(Batches(Pixels(pixels), range(24)), parts, device, count, slots=2):
        found.append(read.clone())
    found = torch.cat(found).permute(0, 2, 3, 1).cpu().numpy()
    assert np.array_equal(found, array[torch.cat(parts).numpy()])
