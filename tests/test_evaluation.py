"""The errors of a model, of several together, and of ten crops, told by hand or by the slow loop."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2

from tema9 import evaluation, models
from tema9.data import Split
from tema9.evaluation import evaluate
from tema9.machine import Machine
from tema9.views import Views


@pytest.mark.parametrize("batch_size", [1, 5, 12, 500])
def test_evaluate_is_the_slow_loop(batch_size):
    model, part = nn.Linear(2, 3), Split(torch.randn(12, 2), torch.arange(12) % 3)
    loss = wrong = 0
    for point, label in zip(part.images, part.labels, strict=True):
        scores = (model.weight @ point + model.bias).tolist()
        largest = max(scores)
        loss += float(torch.logsumexp(torch.tensor(scores), 0)) - scores[label]
        wrong += scores.index(largest) != label
    score = evaluate(model, part, batch_size=batch_size)
    assert score == (pytest.approx(loss / 12, rel=1e-5), pytest.approx(100 * wrong / 12), 0)


class Fixed(nn.Module):
    """Answers with the first pixels of the image as logits, so that every score can be told by hand."""

    def __init__(self, classes, scale=1.0):
        super().__init__()
        self.classes, self.scale = classes, nn.Parameter(torch.tensor(scale))

    def forward(self, images):
        return self.scale * images.flatten(1)[:, : self.classes]


def of_logits(logits, labels):
    return Split(torch.tensor(logits).view(len(labels), 1, 1, -1), torch.tensor(labels))


def test_top_5_counts_the_images_whose_class_is_not_among_the_best_five():
    descending = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]  # the best five are 0 to 4
    score = evaluate(Fixed(7), of_logits([descending] * 8, [0, 1, 2, 3, 4, 5, 6, 0]))
    assert (score.top1, score.top5) == (75, 25)  # 6 of 8 are not the first; 2 of 8 not among five


def test_with_fewer_than_five_classes_the_top_5_error_is_zero():
    assert evaluate(Fixed(3), of_logits([[3.0, 2.0, 1.0]], [2])).top5 == 0


def test_ten_crops_average_probabilities_of_ten_views():
    generator = torch.Generator().manual_seed(0)
    part = Split(torch.rand(6, 3, 8, 8, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2]))
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 3))
    with pytest.raises(ValueError, match="ten_crops needs the side of the crops"):
        evaluate(model, part, ten_crops=True)
    model.views = Views(crop=6)
    views = v2.functional.ten_crop(part.images, 6)
    probabilities = sum(model(view).softmax(1) for view in views) / 10
    score = evaluate(model, part, ten_crops=True, batch_size=4)
    assert score.loss == pytest.approx(F.nll_loss(probabilities.log(), part.labels).item(), rel=1e-5)
    assert score.top1 == pytest.approx(100 * (probabilities.argmax(1) != part.labels).float().mean().item())


def test_an_ensemble_averages_probabilities_and_not_logits():
    sure, unsure = Fixed(2, 10.0), Fixed(2, -1.0)  # (1, 0): 0.99995 for class 0 and 0.27
    part = of_logits([[1.0, 0.0]], [1])
    each, together = evaluation.ensemble([sure, unsure], part)
    assert each == [evaluate(sure, part), evaluate(unsure, part)]
    first, second = torch.tensor([10.0, 0.0]).softmax(0), torch.tensor([-1.0, 0.0]).softmax(0)
    assert together.loss == pytest.approx(-((first + second) / 2)[1].log().item(), rel=1e-5)
    assert together.loss <= sum(score.loss for score in each) / 2  # the logarithm is concave
    with pytest.raises(ValueError, match="models is empty"):
        evaluation.ensemble([], part)


def test_a_gpu_evaluates_as_many_images_at_a_time_as_fill_it_and_a_cpu_250(monkeypatch):
    gpu, alexnet = Machine(torch.device("cuda")), models.build("alexnet_mini")
    assert evaluation.fitting(alexnet, Machine(torch.device("cpu"))) == 250
    assert evaluation.fitting(nn.Linear(2, 3), gpu) == 250, "whose activations nobody counted"
    found = []
    for gib in (0.01, 1, 4, 8, 1000):
        monkeypatch.setattr(Machine, "memory", lambda self, gib=gib: int(gib * 2**30))
        found.append(evaluation.fitting(alexnet, gpu))
    assert found == sorted(found) and found[0] == 32 and found[-1] == 4096 and len(set(found)) > 3
    monkeypatch.setattr(Machine, "memory", lambda self: 4 * 2**30)
    assert 2**29 / evaluation.fitting(alexnet, gpu, ten_crops=True) - 2**29 / found[2] == pytest.approx(
        10 * 4 * 3 * 59 * 59, rel=0.02
    )
    one, two = (sum(len(values) for values in alexnet_activations(count)) for count in (1, 2))
    assert abs(found[2] - 2**29 // (4 * (two - one))) <= 0.1 * found[2]


def alexnet_activations(count):
    """What the layers of the mini-AlexNet that the arithmetic counts give for some images, one after the other."""
    values, kept = torch.zeros(count, 3, 59, 59), []
    kept.append(values.flatten())
    for layer in models.build("alexnet_mini").eval().layers:
        values = layer(values)
        if not isinstance(layer, nn.ReLU | nn.Dropout | nn.Flatten):
            kept.append(values.flatten())
    return kept
