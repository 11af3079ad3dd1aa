"""A step that is captured gives what it gives one by one; and where it cannot be captured, training says why."""

from dataclasses import replace

import pytest
import torch
from played import Played, Tape
from torch import nn

from tema9 import augment, graphs, models, plan, training
from tema9.data import Data, Split
from tema9.machine import Machine
from tema9.recipes import Recipe
from tema9.two_gpus import TwoGPUs

CPU = torch.device("cpu")
# Crops, flips, lighting, two groups of parameters, a warm-up, a drop of the rate, and a last batch that is smaller.
RECIPE = Recipe(
    *(4, 3, 0.05), warmup=1, patience=1, bias_rate=2.0, rate_in_velocity=True, crop=11, flip=True, lighting=0.1
)


def noise():
    generator = torch.Generator().manual_seed(0)
    parts = [
        Split(torch.randint(256, (n, 3, 13, 13), dtype=torch.uint8, generator=generator), torch.arange(n) % 3)
        for n in (22, 6, 4)
    ]
    return Data("noise", ("a", "b", "c"), *parts)


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=2), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3))


def trained(recipe=RECIPE, folder=None, stops=(), **how):
    for epochs in (*stops, recipe.epochs):
        model = network()
        history = training.train(model, noise(), replace(recipe, epochs=epochs), False, folder, Machine(CPU, **how))
    return model.state_dict(), history.column("train_loss"), history.column("learning_rate")


@pytest.fixture
def tapes(monkeypatch):
    """Have this machine capture steps, as tapes; returns those that were made."""
    made = []
    Played(monkeypatch)

    def capture(function, stream):
        made.append(Tape(function))
        return made[-1].replay

    monkeypatch.setattr(graphs, "capture", capture)
    monkeypatch.setattr(graphs, "why_not", lambda model, machine: "")
    on_a_gpu = lambda images, kept: torch.where(kept[:, None, None, None], images, images.flip(3))  # noqa: E731
    monkeypatch.setattr(augment, "flip_others", on_a_gpu)
    return made


def same(one, other):
    return all(torch.equal(value, other[0][name]) for name, value in one[0].items()) and one[1:] == other[1:]


def test_the_player_of_graphs_replays_operations_and_not_python(tapes):
    total, rate = torch.zeros(2), 1.0

    def step():
        total.add_(rate)

    tape = Tape(step)
    assert total.tolist() == [0, 0], "capturing does nothing"
    rate = 5.0
    tape.replay()
    assert total.tolist() == [1, 1], "what came from Python is what it was"


@pytest.mark.parametrize(
    ("recipe", "how"),
    [
        (RECIPE, {}),
        (RECIPE, {"channels_last": True, "precision": "bfloat16"}),
        (RECIPE, {"accumulate": 2}),
        (replace(RECIPE, momentum=0.0, warmup=0, bias_rate=1.0, rate_in_velocity=False), {}),
    ],
    ids=["float32", "bfloat16", "in pieces", "without momentum"],
)
def test_captured_steps_end_with_the_very_same_weights(recipe, how, tapes):
    assert same(trained(recipe, graph=True, **how), trained(recipe, **how))
    assert len(tapes) == 1, "of full batches; the last one of an epoch runs as it is"


def test_a_captured_run_that_stopped_goes_on_to_the_very_same_weights(tapes, tmp_path):
    whole = trained(graph=True)
    assert same(trained(graph=True, folder=tmp_path / "a", stops=(1, 2)), whole)
    assert same(trained(folder=tmp_path / "a", stops=()), whole), "a finished run, opened without graphs"


def test_lenet5_is_captured_whole(tapes):
    recipe = Recipe(batch_size=2, epochs=1, learning_rate=0.01)
    part = Split(torch.randn(12, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 10)
    found = []
    for graph in (False, True):
        torch.manual_seed(0)
        model = models.build("lenet5")
        training.train(
            model,
            Data("digits", tuple("0123456789"), part, part, part),
            recipe,
            False,
            machine=Machine(CPU, graph=graph),
        )
        found.append(model.state_dict())
    assert len(tapes) == 1 and all(torch.equal(value, found[1][name]) for name, value in found[0].items())
    names = [str(func) for func, *_ in tapes[0].calls]
    for part_of_a_step in ("convolution", "nll_loss", "convolution_backward", "_fused_sgd_"):
        assert any(part_of_a_step in name for name in names), part_of_a_step


def test_what_cannot_be_captured_runs_one_by_one_and_says_why(tapes, monkeypatch, capsys):
    def capture(function, stream):
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    expected = trained()
    monkeypatch.setattr(graphs, "capture", capture)
    assert same(trained(graph=True), expected)
    said = capsys.readouterr().out
    assert said.count("the steps run one by one, not as a graph: CUDA error: operation not permitted when stream") == 1


def test_too_little_memory_for_a_capture_is_no_reason_to_go_on(tapes, monkeypatch):
    def capture(function, stream):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "capture", capture)
    with pytest.raises(training.OutOfMemory, match="batch_size 4 does not fit"):
        trained(graph=True)


def test_a_plan_times_steps_that_are_replayed_as_those_of_the_run_will_be(tapes):
    model, part = models.build("lenet5"), Split(torch.randn(12, 1, 32, 32), torch.arange(12) % 10)
    data, recipe = Data("digits", tuple("0123456789"), part, part, part), Recipe(2, 1, 0.01)
    assert plan.plan(model, data, recipe, Machine(CPU, graph=True)).seconds_per_step > 0
    assert len(tapes) == 1 and any("_fused_sgd_" in str(func) for func, *_ in tapes[0].calls)


def test_a_run_says_once_why_it_has_no_graph(capsys, monkeypatch):
    expected = trained()
    assert same(trained(graph=True), expected)
    assert capsys.readouterr().out.splitlines() == ["the steps run one by one, not as a graph: cpu has no CUDA graphs"]
    cuda = Machine(torch.device("cuda"), graph=True)
    assert graphs.why_not(network(), cuda) == ""
    assert graphs.why_not(TwoGPUs(2), cuda) == "the model lies over several devices"
    monkeypatch.setattr(graphs, "processes", lambda: 2)
    assert graphs.why_not(network(), cuda).startswith("several processes average")


def test_a_capture_lets_other_threads_go_on(monkeypatch):
    """The threads that read images copy meanwhile; CUDA's default is to refuse that."""
    asked = []

    class Capturing:
        def __init__(self, graph, **how):
            asked.append((type(graph).__name__, how))

        def __enter__(self):
            asked.append("begin")

        def __exit__(self, *_):
            asked.append("end")

    class Graph:
        def replay(self):
            asked.append("replay")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Capturing)
    graphs.capture(lambda: asked.append("step"), "stream")()
    how = {"stream": "stream", "capture_error_mode": "thread_local"}
    assert asked == [("Graph", how), "begin", "step", "end", "replay"]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_real_gpu_captures_and_gives_what_it_gives_one_by_one(precision, capsys):
    found = []
    for graph in (False, True):
        model = network().cuda()
        place = Machine(torch.device("cuda"), precision, graph=graph)
        found.append(training.train(model, noise(), RECIPE, False, machine=place).column("train_loss"))
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert "one by one" not in capsys.readouterr().out
