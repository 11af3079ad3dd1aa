"""The loop on tiny data, with the validation scripted where a rule is at stake."""

import csv
import os
import re
import subprocess
import sys
import types
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from tema9 import checkpoint, layer_table, machine, models, prepared, training, views, wording
from tema9.checkpoint import load, save
from tema9.data import Data, Split
from tema9.data import prepared as prepared_data
from tema9.evaluation import Score, evaluate
from tema9.recipes import ALEXNET_2012_CODE, LENET5_DIGITS, Change, Recipe
from tema9.training import NonFiniteLoss, train

RECIPE = Recipe(batch_size=8, epochs=6, learning_rate=0.1)


def split(count, seed):
    """Points in the plane, in three clouds of their own."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return Split(centres[labels] + 0.3 * torch.randn(count, 2, generator=generator), labels)


def clouds(train_count=24):
    return Data("clouds", ("a", "b", "c"), split(train_count, 1), split(12, 2), split(12, 3))


@pytest.fixture
def script(monkeypatch):
    """Replace the validation by a list of errors; returns the weights seen at each call."""

    def install(errors):
        seen, waiting = [], iter(errors)

        def scripted(model, *_):
            seen.append({name: value.clone() for name, value in model.state_dict().items()})
            outcome = next(waiting)
            if isinstance(outcome, BaseException):
                raise outcome
            return Score(1.0, outcome, 0.0)

        monkeypatch.setattr(training, "evaluate", scripted)
        return seen

    return install


def equal(state, other):
    return all(torch.equal(state[name], other[name]) for name in state)


def test_the_loss_falls_and_the_error_with_it():
    model = nn.Linear(2, 3)
    before, *_ = evaluate(model, clouds().test)
    history = train(model, clouds(), RECIPE, progress=False)
    losses = history.column("train_loss")
    assert losses == sorted(losses, reverse=True)
    after, error, _ = evaluate(model, clouds().test)
    assert after < before / 2 and error == 0


def test_the_update_is_sgd_with_momentum_and_weight_decay_written_by_hand():
    data = clouds(8)
    model = nn.Linear(2, 3, bias=False)
    weight, velocity = model.weight.detach().clone(), torch.zeros(3, 2)
    recipe = Recipe(batch_size=8, epochs=3, learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    history = train(model, data, recipe, progress=False)
    states = []
    for _ in range(3):
        probabilities = F.softmax(data.train.images @ weight.T, dim=1)
        gradient = (probabilities - F.one_hot(data.train.labels, 3)).T @ data.train.images / 8
        velocity = 0.9 * velocity + gradient + 0.01 * weight
        weight = weight - 0.1 * velocity
        states.append(weight)
    torch.testing.assert_close(model.weight.detach(), states[history.best - 1])


def test_the_model_keeps_the_weights_of_its_best_epoch(script):
    seen = script([50, 30, 10, 20, 40, 10])
    model = nn.Linear(2, 3)
    history = train(model, clouds(), RECIPE, progress=False)
    assert history.best == 3  # the first of the two with 10
    assert equal(model.state_dict(), seen[2]) and not equal(model.state_dict(), seen[5])


def test_the_rate_drops_after_patience_epochs_without_a_better_error_and_at_most_so_often(script):
    script([50.0] * 14)
    recipe = replace(RECIPE, epochs=14, patience=3, drops=3, factor=0.1)
    rates = train(nn.Linear(2, 3), clouds(), recipe, progress=False).column("learning_rate")
    expected = [0.1] * 4 + [0.01] * 3 + [0.001] * 3 + [0.0001] * 4
    assert rates == pytest.approx(expected)


def test_better_means_than_the_best_so_far_and_an_improvement_starts_the_wait_again(script):
    script([30, 50, 45, 40, 20, 25, 24, 15, 15, 15])
    recipe = replace(RECIPE, epochs=10, patience=3, factor=0.5)
    rates = train(nn.Linear(2, 3), clouds(), recipe, progress=False).column("learning_rate")
    assert rates == pytest.approx([0.1] * 4 + [0.05] * 6)


def test_ctrl_c_keeps_the_best_weights_so_far_and_returns(script, capsys):
    seen = script([50, 20, 30, KeyboardInterrupt()])
    model = nn.Linear(2, 3)
    history = train(model, clouds(), RECIPE, progress=False)
    assert [epoch.epoch for epoch in history] == [1, 2, 3] and history.best == 2
    assert equal(model.state_dict(), seen[1])
    assert "interrumpido: épocas enteras que se guardan: 3" in capsys.readouterr().out


def test_the_bar_speaks_spanish_to_students_and_english_to_the_command(script, capsys):
    for words, said in (
        (wording.SPANISH, "época 1/1: 100%|.*paso/s.*pérdida [0-9],[0-9]{3}, error de validación 20,0 %"),
        (wording.ENGLISH, "epoch 1/1: 100%|.*step/s.*loss [0-9][.][0-9]{3}, validation error 20.0 %"),
    ):
        script([20])
        list(training.epochs(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=1), words=words))
        out = capsys.readouterr().out
        assert re.search(said.replace("|", "[|]"), out), out


def test_ctrl_c_in_the_first_epoch_leaves_an_empty_history():
    class Impatient(nn.Linear):
        def forward(self, images):
            raise KeyboardInterrupt

    history = train(Impatient(2, 3), clouds(), RECIPE, progress=False)
    assert list(history) == [] and history.best == 0


def test_a_loss_that_is_not_finite_stops_with_one_clear_line():
    with pytest.raises(NonFiniteLoss, match=r"the loss is (nan|inf) at step \d, in epoch 1, at rate 1e\+30") as caught:
        train(nn.Linear(2, 3), clouds(), replace(RECIPE, learning_rate=1e30), progress=False)
    assert "\n" not in str(caught.value)


def test_a_short_last_batch_counts_by_its_images():
    data, model = clouds(10), nn.Linear(2, 3)
    expected = F.cross_entropy(model(data.train.images), data.train.labels).item()
    still = Recipe(batch_size=4, epochs=1, learning_rate=1e-12)  # 4, 4 and 2 images
    (epoch,) = train(model, data, still, progress=False)
    assert epoch.train_loss == pytest.approx(expected, rel=1e-5)


def test_training_trains_in_training_mode_and_validates_in_evaluation_mode():
    modes = []

    class Watched(nn.Linear):
        def forward(self, images):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().forward(images)

    train(Watched(2, 3), clouds(), replace(RECIPE, epochs=2), progress=False)
    assert modes == [(True, True)] * 3 + [(False, False)] + [(True, True)] * 3 + [(False, False)]


def test_the_order_comes_from_the_recipe_s_seed():
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        model = nn.Linear(2, 3)
        torch.rand(seed)  # what others draw meanwhile changes nothing
        train(model, clouds(), replace(RECIPE, seed=seed, epochs=1), progress=False)
        results.append(model.weight.detach())
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_size": 25}, "batch_size 25 is more than the 24 images to train on"),
        ({"batch_size": 0}, "batch_size 0 is not positive"),
        ({"epochs": -1}, "epochs -1 is not positive"),
        ({"learning_rate": 0}, "learning_rate 0 is not positive"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        train(nn.Linear(2, 3), clouds(), replace(RECIPE, **change), progress=False)


def test_progress_goes_to_the_standard_output_and_only_when_asked(capsys):
    train(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=1), progress=False)
    assert capsys.readouterr() == ("", "")
    train(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=1))
    printed = capsys.readouterr()
    assert "error de validación" in printed.out and printed.err == ""


def test_the_history_becomes_one_line_per_epoch(tmp_path):
    history = train(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=2), progress=False)
    history.to_csv(tmp_path / "runs" / "history.csv")
    rows = list(csv.DictReader((tmp_path / "runs" / "history.csv").open(encoding="utf-8")))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["train_loss"]) for row in rows] == history.column("train_loss")
    assert list(rows[0]) == [
        "epoch",
        "learning_rate",
        "train_loss",
        "validation_loss",
        "validation_error",
        "validation_top5",
        "seconds",
        "images_per_second",
        "peak_share",
    ]


@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998"])
def test_weights_survive_a_round_trip_to_disk(name, tmp_path):
    model, other = models.build(name), models.build(name)
    save(model, tmp_path / "new" / "weights.safetensors")
    assert not equal(model.state_dict(), other.state_dict())
    assert load(other, tmp_path / "new" / "weights.safetensors") is other
    assert equal(model.state_dict(), other.state_dict())


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    save(nn.Linear(2, 3), path)
    old = path.read_bytes()

    def full_disk(tensors, target, metadata):
        target.write_bytes(b"half of")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(nn.Linear(2, 3), path)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.safetensors"]


@pytest.mark.slow
def test_lenet5_learns_the_digits_in_two_epochs():
    from tema9.data import digits

    torch.manual_seed(0)
    history = train(models.build("lenet5"), digits(), replace(LENET5_DIGITS, epochs=2), progress=False)
    assert history.column("validation_error")[-1] < 30  # in %; chance is 90


@pytest.mark.gpu
def test_training_on_a_gpu_reaches_what_it_reaches_on_a_cpu():
    errors = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = nn.Linear(2, 3).to(device)
        train(model, clouds(), RECIPE, progress=False)
        errors.append(evaluate(model, clouds().test))
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)


class Noisy(nn.Module):
    """A model with dropout, whose draws must go on too."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))

    def forward(self, images):
        return self.layers(images)


def fresh():
    torch.manual_seed(3)
    return Noisy()


HARD = Recipe(batch_size=5, epochs=9, learning_rate=0.3, patience=1, drops=3, rate_in_velocity=True, bias_rate=2.0)


@pytest.mark.parametrize("stops", [1, 4, 8])
def test_a_resumed_run_ends_with_the_very_weights_of_one_that_never_stopped(tmp_path, stops):
    whole = fresh()
    expected = train(whole, clouds(), HARD, progress=False)
    train(fresh(), clouds(), replace(HARD, epochs=stops), progress=False, folder=tmp_path)
    torch.manual_seed(99)  # another process would start anywhere
    resumed = Noisy()
    history = train(resumed, clouds(), HARD, progress=False, folder=tmp_path)
    assert equal(resumed.state_dict(), whole.state_dict())
    kept = ("epoch", "learning_rate", "train_loss", "validation_loss", "validation_error")
    assert [history.column(name) for name in kept] == [expected.column(name) for name in kept]
    assert history.best == expected.best and len(set(history.column("learning_rate"))) > 1


def test_a_run_interrupted_within_an_epoch_repeats_that_epoch(tmp_path, monkeypatch):
    whole = fresh()
    train(whole, clouds(), HARD, progress=False)
    model, calls, forward = fresh(), [0], Noisy.forward

    def impatient(self, images):
        calls[0] += 1
        if calls[0] == 23:
            raise KeyboardInterrupt
        return forward(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(Noisy, "forward", impatient)
        assert train(model, clouds(), HARD, progress=False, folder=tmp_path).interrupted
    train(model, clouds(), HARD, progress=False, folder=tmp_path)
    assert equal(model.state_dict(), whole.state_dict())


def test_a_finished_run_is_not_trained_again(tmp_path):
    first, again = fresh(), fresh()
    train(first, clouds(), HARD, progress=False, folder=tmp_path)
    history = train(again, clouds(), HARD, progress=False, folder=tmp_path)
    assert len(list(history)) == HARD.epochs and equal(again.state_dict(), first.state_dict())


def test_a_folder_with_another_recipe_or_another_model_is_refused(tmp_path):
    train(fresh(), clouds(), HARD, progress=False, folder=tmp_path)
    with pytest.raises(ValueError, match=r"trained with momentum 0\.9, not 0\.5"):
        train(fresh(), clouds(), replace(HARD, momentum=0.5), progress=False, folder=tmp_path)
    with pytest.raises(ValueError, match="holds another model"):
        train(nn.Linear(2, 3), clouds(), HARD, progress=False, folder=tmp_path)


def test_the_printed_rule_and_torchs_agree_until_the_rate_drops_and_not_after(script):
    weights = {}
    for printed in (False, True):
        seen = script([50.0] * 5)
        torch.manual_seed(0)
        recipe = Recipe(8, 5, 0.1, patience=2, drops=1, rate_in_velocity=printed)
        train(nn.Linear(2, 3), clouds(), recipe, progress=False)
        weights[printed] = [state["weight"] for state in seen]
    agree = [torch.allclose(a, b, atol=1e-7) for a, b in zip(weights[False], weights[True], strict=True)]
    assert agree == [True, True, True, False, False]


def test_the_printed_rule_is_that_of_the_paper_step_by_step():
    data, model = clouds(8), nn.Linear(2, 3, bias=False)
    run = training.Run(model, Recipe(8, 9, 0.1, weight_decay=0.01, rate_in_velocity=True))
    weight, velocity = model.weight.detach().clone(), torch.zeros(3, 2)
    for step in range(6):
        if step == 3:
            run.lower_rate(0.1)
        rate = 0.1 if step < 3 else 0.01
        gradient = torch.autograd.functional.jacobian(
            lambda w: F.cross_entropy(data.train.images @ w.T, data.train.labels), weight
        )
        velocity = 0.9 * velocity - 0.01 * rate * weight - rate * gradient
        weight = weight + velocity
        run.optimizer.zero_grad()
        F.cross_entropy(model(data.train.images), data.train.labels).backward()
        run.optimizer.step()
        torch.testing.assert_close(model.weight.detach(), weight)


def test_biases_have_a_rate_and_a_decay_of_their_own():
    model = models.build("lenet5")
    run = training.Run(model, ALEXNET_2012_CODE)
    weights, biases = run.optimizer.param_groups
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 5e-4)
    assert (biases["lr"], biases["weight_decay"]) == (0.02, 0.0)
    assert all(parameter.dim() == 1 for parameter in biases["params"])
    assert sum(len(group["params"]) for group in run.optimizer.param_groups) == len(list(model.parameters()))


def test_images_that_lie_on_disk_train_like_those_in_memory(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (40, 40), colour).save(tmp_path / "in" / name / f"{number}.png")
    prepared.prepare(tmp_path / "in", tmp_path / "out", workers=1, progress=False)
    data, states = prepared_data(tmp_path / "out", 0.2, 0.2), []
    parts = (data.train, data.validation, data.test)
    memory = Data("memory", data.classes, *(Split(part.images[torch.arange(len(part))], part.labels) for part in parts))
    for each in (data, memory):
        torch.manual_seed(0)
        model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
        train(model, each, Recipe(batch_size=4, epochs=3, learning_rate=0.5), progress=False)
        states.append(model.state_dict())
    assert equal(*states)
    assert evaluate(model, data.test)[1] == 0


def test_the_model_sees_the_crops_the_recipe_asks_for_and_keeps_its_views(tmp_path):
    shapes = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, images):
            shapes.append((tuple(images.shape), images.dtype, round(float(images.mean()), 1)))
            return self.head(images.mean(dim=(2, 3)))

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (12, 3, 10, 10), generator=generator, dtype=torch.uint8)
    part, model = Split(images, torch.arange(12) % 2), Watched()
    recipe = Recipe(batch_size=12, epochs=1, learning_rate=0.1, crop=8, flip=True, lighting=0.1)
    train(model, Data("noise", ("a", "b"), part, part, part), recipe, progress=False)
    assert shapes == [((12, 3, 8, 8), torch.float32, 0.0)] * 2  # normalised: the mean is 0
    checkpoint.save(model, tmp_path / "weights.safetensors")
    assert checkpoint.load(Watched(), tmp_path / "weights.safetensors").views == model.views


def test_epochs_gives_the_history_before_the_first_epoch_and_after_each_and_may_be_left_early():
    model, counts = nn.Linear(2, 3), []
    for history in training.epochs(model, clouds(), RECIPE, progress=False):
        counts.append(len(history.epochs))
        if len(counts) == 3:
            break
    assert counts == [0, 1, 2]
    best = evaluate(model, clouds().validation)
    assert best.top1 == min(history.column("validation_error"))


def test_training_leaves_torchs_own_draws_as_they_were():
    model = fresh()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(model, clouds(), replace(HARD, epochs=1), progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_breaks_says_the_step_and_the_last_good_state_and_keeps_the_best_weights(tmp_path, monkeypatch):
    calls, forward, model = [0], Noisy.forward, fresh()

    def breaks(self, images):
        calls[0] += self.training
        return forward(self, images) * (float("nan") if calls[0] == 13 else 1.0)

    monkeypatch.setattr(Noisy, "forward", breaks)
    recipe = replace(HARD, batch_size=6)  # 4 steps an epoch: the 13th opens the 4th
    with pytest.raises(NonFiniteLoss) as caught:
        train(model, clouds(), recipe, progress=False, folder=tmp_path)
    said = str(caught.value)
    assert "the loss is nan at step 13, in epoch 4, at rate" in said and "\n" not in said
    assert f"the last good state is {tmp_path / 'last.safetensors'}, of epoch 3" in said
    assert equal(model.state_dict(), checkpoint.load(Noisy(), tmp_path / "best.safetensors").state_dict())


@pytest.mark.parametrize(
    ("room", "says"),
    [
        (20_000_000, r"hold \d+ images in float32: try --accumulate 2, or a batch of at most \d+"),
        (10**12, "without workspaces and gradients of activations: try 300"),
        (1000, "not even the weights fit"),
    ],
)
def test_a_batch_that_does_not_fit_says_which_would(room, says, monkeypatch):
    from tema9.data import digits

    def too_large(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(models.LeNet5, "forward", too_large)
    monkeypatch.setattr(machine.Machine, "memory", lambda self: room)
    with pytest.raises(training.OutOfMemory, match="batch_size 600 does not fit the memory of cpu, float32") as caught:
        train(models.build("lenet5"), digits(), replace(LENET5_DIGITS, batch_size=600), progress=False)
    assert re.search(says, str(caught.value)) and "\n" not in str(caught.value)
    if room == 20_000_000:
        fits = int(str(caught.value).split()[-1])
        table = layer_table("lenet5")
        assert table.memory(fits).total <= room < table.memory(fits + 1).total


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """torchrun, gloo, the CPU: each process takes its half of every batch, uneven ones too."""
    train_lenet5 = ["-m", "tema9", "train", "lenet5", "--recipe", "lenet5_digits", "--device", "cpu"]
    few_steps = ["--epochs", "2", "--batch-size", "501"]  # later, rounding grows: a maximum moves to the next pixel
    command = [sys.executable, *train_lenet5, *few_steps]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = {"check": True, "cwd": tmp_path, "env": environment, "capture_output": True, "timeout": 300}
    subprocess.run([*command, "--out", "one"], **run)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, *command[1:], "--out", "two"], **run)
    one, two = (load_file(tmp_path / folder / "lenet5.safetensors") for folder in ("one", "two"))
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=1e-4, atol=1e-6)
    rows = [list(csv.DictReader((tmp_path / folder / "lenet5.csv").open())) for folder in ("one", "two")]
    for a, b in zip(*rows, strict=True):
        assert float(a["train_loss"]) == pytest.approx(float(b["train_loss"]), rel=1e-4)
        assert float(a["validation_error"]) == pytest.approx(float(b["validation_error"]), abs=0.4)


@pytest.mark.slow
@pytest.mark.gate
def test_three_processes_train_on_a_folder_of_images_also_where_a_share_is_empty(tmp_path):
    """17 batches of one image for two of the processes, and two images of validation for three."""
    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (40, 40), colour).save(tmp_path / "in" / name / f"{number}.png")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    command = ["-m", "tema9", "train", "alexnet_mini", "--device", "cpu", "--data", tmp_path / "in"]
    command += ["--epochs", "2", "--batch-size", "5", "--accumulate", "2"]  # 16 images: the last batch is of one
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "test error" in done.stdout and "alexnet_mini reads 59x59 px" in done.stderr
    assert len((tmp_path / "course/training/alexnet_mini.csv").read_text().splitlines()) == 3


def test_tensorboard_gets_every_epoch_where_it_is_installed(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            assert folder == tmp_path

        def __enter__(self):
            return self

        def __exit__(self, *_):
            written.append("closed")

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    board = types.ModuleType("torch.utils.tensorboard")
    board.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    following = training.epochs(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=3), progress=False)
    *_, history = training.tensorboard(following, tmp_path)
    assert [entry for entry in written if entry[0] == "train_loss"] == [
        ("train_loss", epoch.train_loss, epoch.epoch) for epoch in history
    ]
    assert written[-1] == "closed"


@pytest.mark.gpu
def test_the_mini_alexnet_trains_on_a_gpu_in_bfloat16_and_channels_last():
    from tema9.data import textures
    from tema9.recipes import ALEXNET_MINI

    torch.manual_seed(0)
    model, chosen = models.build("alexnet_mini"), machine.choose("cuda")
    history = train(model, textures(), replace(ALEXNET_MINI, epochs=15), progress=False, machine=chosen)
    assert min(history.column("validation_error")) < 70  # chance is 90
    assert next(model.parameters()).is_cuda


@pytest.mark.parametrize("pieces", [2, 3, 5, 9])
def test_a_batch_in_pieces_is_the_batch(pieces):
    states = []
    for accumulate in (1, pieces):  # batches of 8, and more pieces than images in the last case
        model = fresh().eval()
        model.train = lambda mode=True, model=model: model  # no dropout, whose draws depend on the pieces
        place = machine.Machine(torch.device("cpu"), accumulate=accumulate)
        history = train(model, clouds(), replace(RECIPE, epochs=3), progress=False, machine=place)
        states.append((model.state_dict(), history.column("train_loss")))
    for name, value in states[0][0].items():
        torch.testing.assert_close(states[1][0][name], value)
    assert states[1][1] == pytest.approx(states[0][1])


def test_a_piece_holds_only_its_share_of_the_images():
    seen = []

    class Watched(nn.Linear):
        def forward(self, images):
            seen.append(len(images))
            return super().forward(images)

    place = machine.Machine(torch.device("cpu"), accumulate=3)
    train(Watched(2, 3), clouds(), replace(RECIPE, epochs=1), progress=False, machine=place)
    assert seen[:9] == [3, 3, 2] * 3
    with pytest.raises(ValueError, match="accumulate 0 is not a number of pieces"):
        machine.Machine(torch.device("cpu"), accumulate=0)


@pytest.mark.parametrize("printed", [False, True])
def test_the_rate_rises_in_a_straight_line_step_by_step(printed, script):
    rates, step = [], torch.optim.SGD.step
    recipe = replace(RECIPE, epochs=5, warmup=2, patience=1, drops=1, rate_in_velocity=printed)  # 3 steps an epoch
    script([50.0, 40.0, 40.0, 30.0, 20.0])

    class Watched(torch.optim.SGD):
        def step(self):
            rates.append(self.param_groups[0]["lr"])
            return step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "SGD", Watched)
        history = train(nn.Linear(2, 3), clouds(), recipe, progress=False)
    assert rates == pytest.approx([0.1 * n / 6 for n in range(1, 7)] + [0.1] * 3 + [0.01] * 6)
    assert history.column("learning_rate") == pytest.approx([0.05, 0.1, 0.1, 0.01, 0.01])


def test_a_run_that_stopped_while_its_rate_rose_goes_on_to_the_very_same_weights(tmp_path):
    rising = replace(HARD, warmup=4)
    whole, parts = fresh(), fresh()
    train(whole, clouds(), rising, progress=False)
    train(parts, clouds(), replace(rising, epochs=2), progress=False, folder=tmp_path)
    train(parts, clouds(), rising, progress=False, folder=tmp_path)
    assert equal(whole.state_dict(), parts.state_dict())


def test_a_recipe_without_momentum_trains_drops_its_rate_and_goes_on(tmp_path):
    plain = replace(HARD, momentum=0.0)
    whole, parts = fresh(), fresh()
    train(whole, clouds(), plain, progress=False)
    for epochs in (3, 9):
        train(parts, clouds(), replace(plain, epochs=epochs), progress=False, folder=tmp_path)
    assert equal(whole.state_dict(), parts.state_dict())


def test_frozen_parameters_stay_as_they_are_and_the_run_goes_on(tmp_path):
    whole, parts = fresh(), fresh()
    for model in (whole, parts):
        model.layers[0].requires_grad_(False)
    train(whole, clouds(), HARD, progress=False)
    for epochs in (3, 9):
        train(parts, clouds(), replace(HARD, epochs=epochs), progress=False, folder=tmp_path)
    assert equal(whole.state_dict(), parts.state_dict())
    assert equal(whole.layers[0].state_dict(), fresh().layers[0].state_dict())


def test_the_images_a_second_are_those_of_the_training_alone(script, capsys):
    script([20])
    (epoch,) = train(nn.Linear(2, 3), clouds(), replace(RECIPE, epochs=1))
    assert epoch.images_per_second > 24 / epoch.seconds
    assert f"{epoch.images_per_second:.0f} imágenes/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("together", "pieces", "says"),
    [
        (1, 1, r"batch_size 600 does not .*: try --accumulate 2, or a batch of at most 528"),
        (4, 1, r"batch_size 600 \(150 at a time on each device\) does not .* 528 .*: try 300, or --accumulate 2"),
        (1, 2, r"batch_size 600 \(300 at a time on each device\) does not .* 528 .*: try 300, or --accumulate 4"),
    ],
)
def test_the_advice_on_memory_is_of_the_share_that_one_device_gets(together, pieces, says, monkeypatch):
    place = machine.Machine(torch.device("cpu"), accumulate=pieces)
    monkeypatch.setattr(machine.Machine, "memory", lambda self: 20_000_000)
    monkeypatch.setattr(training, "processes", lambda: together)
    assert re.match(says, training._what_fits(models.build("lenet5"), 600, place))


# A fixed schedule, and the share of the peak.

CONV = Recipe(
    *(4, 5, 0.1),
    bias_rate=2.0,
    rate_in_velocity=True,
    lighting=0.1,
    schedule=(
        Change(2, "learning_rate", 0.1),
        Change(3, "learning_rate", 0.05, "CONV1"),
        Change(3, "lighting", 0.0),
        Change(4, "learning_rate", 0.0, "CONV1"),
        Change(5, "learning_rate", 0.01, "all but CONV1"),
    ),
)


def conv_net():
    torch.manual_seed(0)
    layers = {"conv1": nn.Conv2d(3, 2, 3), "flat": nn.Flatten(), "fc2": nn.Linear(18, 3)}
    return nn.Sequential(OrderedDict(layers))


def squares():
    generator = torch.Generator().manual_seed(0)
    return Data(
        "squares",
        ("a", "b", "c"),
        *(Split(torch.rand(n, 3, 5, 5, generator=generator), torch.arange(n) % 3) for n in (8, 6, 6)),
    )


def test_a_schedule_sets_the_rates_of_each_layer_and_the_lighting_at_its_epochs(monkeypatch, script):
    rates, lit, drawn = [], [], views.Views.draw
    step = torch.optim.SGD.step

    class Watched(torch.optim.SGD):
        def step(self):
            rates.append([group["lr"] for group in self.param_groups])
            return step(self)

    def draw(self, shape, generator):
        lit.append(self.lighting)
        return drawn(self, shape, generator)

    monkeypatch.setattr(torch.optim, "SGD", Watched)
    monkeypatch.setattr(views.Views, "draw", draw)
    script([50.0] * 5)  # no epoch is better than the first, and no rate drops for that
    model = conv_net()
    history = train(model, squares(), replace(CONV, patience=1), progress=False)
    # the weights and the biases of FC2, then those of CONV1; two steps an epoch
    expected = [[1, 2, 1, 2], [0.1, 0.2, 0.1, 0.2], [0.1, 0.2, 0.05, 0.1], [0.1, 0.2, 0, 0], [0.01, 0.02, 0, 0]]
    for epoch, shares in enumerate(expected):
        for found in rates[2 * epoch : 2 * epoch + 2]:
            assert found == pytest.approx([0.1 * share for share in shares])
    assert history.column("learning_rate") == pytest.approx([0.1, 0.01, 0.01, 0.01, 0.001])
    assert lit == [0.1] * 4 + [0.0] * 6 and model.views.lighting == 0.1


def test_a_layer_whose_rate_is_zero_stays_as_it_is_and_the_others_go_on():
    seen = []
    model = conv_net()
    for history in training.epochs(model, squares(), CONV, progress=False):
        if history.epochs:
            seen.append({name: value.clone() for name, value in model.state_dict().items()})
    assert torch.equal(seen[2]["conv1.weight"], seen[4]["conv1.weight"])
    assert not torch.equal(seen[2]["fc2.weight"], seen[4]["fc2.weight"])
    assert all(value.isfinite().all() for value in seen[4].values())


def test_a_run_with_a_schedule_goes_on_to_the_very_same_weights(tmp_path):
    whole, parts = conv_net(), conv_net()
    train(whole, squares(), CONV, progress=False)
    for epochs in (1, 3, 5):
        train(parts, squares(), replace(CONV, epochs=epochs), progress=False, folder=tmp_path)
    assert equal(whole.state_dict(), parts.state_dict())
    with pytest.raises(ValueError, match="was trained with schedule"):
        train(parts, squares(), replace(CONV, schedule=()), progress=False, folder=tmp_path)


def test_a_schedule_for_a_layer_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the schedule of the recipe changes CONV1, which the model lacks"):
        train(nn.Linear(2, 3), clouds(), replace(CONV, crop=None, lighting=0.0, batch_size=8), progress=False)


def test_the_share_of_the_peak_stands_in_the_history_and_in_the_bar_where_it_was_measured(tmp_path, capsys):
    part = Split(torch.rand(8, 1, 32, 32), torch.arange(8) % 10)
    data, model = Data("digits", tuple("0123456789"), part, part, part), models.build("lenet5")
    place = machine.Machine(torch.device("cpu"), peak=2e9)
    history = train(model, data, Recipe(4, 2, 0.01), folder=tmp_path, machine=place)
    multiply_adds = 117_600 + 240_000 + 48_000 + 10_080 + 840  # C1, C3 over all the maps, F5, F6, the output
    flops = 2 * (3 * multiply_adds - 117_600)
    for epoch in history:
        assert epoch.peak_share == pytest.approx(100 * epoch.images_per_second * flops / 2e9)
    assert f"({history.epochs[-1].peak_share:.0f} % del máximo medido)" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "history.csv").open(encoding="utf-8")))
    assert [float(row["peak_share"]) for row in rows] == pytest.approx(history.column("peak_share"))
    unknown = train(models.build("lenet5"), data, Recipe(4, 1, 0.01), machine=machine.Machine(torch.device("cpu")))
    unknown.to_csv(tmp_path / "unknown.csv")
    (row,) = csv.DictReader((tmp_path / "unknown.csv").open(encoding="utf-8"))
    assert row["peak_share"] == "" and "máximo" not in capsys.readouterr().out


def test_the_peak_of_a_machine_is_measured_once():
    device = torch.device("cpu")
    assert machine.measure_peak(device, "float32") == machine.measure_peak(device, "float32") > 1e8
