"""Trained weights are measured, asked about images, and say what they are."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from running import run
from safetensors.torch import save_file
from torch import nn

from tema9 import checkpoint, models, plan, runs
from tema9.data import Data, Split
from tema9.evaluation import evaluate, examine, predict
from tema9.machine import Machine
from tema9.recipes import Recipe
from tema9.views import Views

CPU = Machine(torch.device("cpu"))


class Answers(nn.Module):
    """Gives the first pixels of an image as logits."""

    def __init__(self, classes):
        super().__init__()
        self.classes_, self.scale = classes, nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        return self.scale * images.flatten(1)[:, : self.classes_]


@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_the_confusion_is_counted_as_by_hand_and_the_score_is_that_of_evaluate(batch_size):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(40, 1, 1, 6, generator=generator), torch.arange(40) % 5  # no image of class 5
    found = examine(Answers(6), Split(logits, labels), batch_size=batch_size)
    expected = torch.zeros(6, 6, dtype=torch.int64)
    for row, label in zip(logits.view(40, 6).tolist(), labels.tolist(), strict=True):
        expected[label, row.index(max(row))] += 1
    assert torch.equal(found.confusion, expected)
    assert found.score == pytest.approx(evaluate(Answers(6), Split(logits, labels)))
    errors = found.errors().tolist()
    assert errors[:5] == pytest.approx([100 - 100 * int(expected[n, n]) / 8 for n in range(5)]) and np.isnan(errors[5])
    assert found.score.top1 == pytest.approx(np.mean(errors[:5]))


def test_what_is_predicted_are_probabilities_of_one_crop_or_of_ten():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 4))
    images = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    model.views = Views(crop=6)
    middle = images[..., 1:7, 1:7].float() / 255
    torch.testing.assert_close(predict(model, images), model(middle).softmax(1).detach())
    torch.testing.assert_close(predict(model, images, ten_crops=True).sum(1), torch.ones(2))


@pytest.fixture
def folder(tmp_path):
    """Red and blue squares, in a folder by class."""
    for name, colour in (("azul", (0, 0, 200)), ("rojo", (200, 0, 0))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (80, 64), colour).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture
def weights(tmp_path, folder, monkeypatch):
    """A mini-AlexNet that has its views and its classes, as training leaves it; it tells red from blue by hand."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = models.build("alexnet_mini", 2)
    model.views, model.class_names = Views(crop=59), ("azul", "rojo")
    monkeypatch.setattr(models.AlexNet, "forward", lambda self, x: torch.stack([x[:, 2], x[:, 0]], 1).mean((2, 3)) * 9)
    checkpoint.save(model, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_weights_say_of_which_network_and_of_which_classes_they_are(weights):
    model = models.trained(weights)
    assert model.architecture.name == "alexnet_mini" and model.class_names == ("azul", "rojo")
    assert model.views.crop == 59 and not model.training
    assert models.trained("alexnet_mini").architecture.name == "alexnet_mini"


def test_the_same_weights_are_the_same_bytes(weights, tmp_path):
    model = models.trained(weights)
    for number in range(5):
        checkpoint.save(model, tmp_path / f"{number}.safetensors")
        assert (tmp_path / f"{number}.safetensors").read_bytes() == weights.read_bytes()


def test_evaluate_prints_the_errors_and_writes_the_figure_and_the_table(weights, folder, tmp_path):
    said = run("evaluate", weights, "--data", folder, "--out", tmp_path / "out", "--ten-crops")
    assert said.exit_code == 0, said.stderr
    assert "alexnet_mini on 2 test images of set: error 0.0 %" in said.output.replace("\n", " ")
    assert (tmp_path / "out" / "alexnet_mini.confusion.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / "alexnet_mini.classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["images"], row["error"], row["taken_for"]) for row in rows] == [
        ("azul", "1", "0.00", ""),
        ("rojo", "1", "0.00", ""),
    ]


def test_predict_prints_the_classes_of_each_image_and_draws_what_the_answer_needs(weights, folder, tmp_path):
    files = [folder / "rojo" / "3.png", folder / "azul" / "4.png"]
    said = run("predict", weights, *files, "--occlusion", tmp_path / "maps")
    assert said.exit_code == 0, said.stderr
    lines = " ".join(said.output.split())
    assert "3.png: rojo 99." in lines and "4.png: azul 99." in lines
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [
        "3.alexnet_mini.occlusion.png",
        "4.alexnet_mini.occlusion.png",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is no file of weights; alexnet_mini, "),
        (b"", "is cut off, or no safetensors file"),
        (b"\x80\x02 a pickle of torch.save", "is cut off, or no safetensors file"),
        ("bare", "does not say of which architecture it is"),
        ({"format": "pt"}, "does not say of which architecture it is"),
        ({"model": "no JSON"}, "does not say of which architecture it is"),
        ({"model": "[1]"}, "does not say of which architecture it is"),
        ({"model": '{"views": {}, "architecture": "vgg"}'}, "unknown architecture 'vgg'"),
        ({"model": '{"views": {}, "architecture": "lenet5"}'}, "holds the weights of another model than this LeNet5"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_in_one_line(content, says, tmp_path):
    path = tmp_path / "w.safetensors"
    if content == "bare":
        save_file({"a": torch.ones(2)}, path)
    elif isinstance(content, dict):
        save_file({"a": torch.ones(2)}, path, metadata=content)
    elif content is not None:
        path.write_bytes(content)
    for command in (["evaluate", path], ["predict", path, "photo.jpg"]):
        said = run(*command)
        assert said.exit_code == 2 and says in said.stderr and len(said.stderr.strip().splitlines()) == 1


def test_images_that_cannot_be_read_and_other_classes_are_refused_in_one_line(weights, folder, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    for file, says in (
        ("nowhere.jpg", "nowhere.jpg is no file"),
        ("text.jpg", "text.jpg cannot be read: Unidentified"),
    ):
        said = run("predict", weights, tmp_path / file)
        assert said.exit_code == 2 and says in said.stderr and len(said.stderr.strip().splitlines()) == 1
    (folder / "azul").rename(folder / "verde")
    said = run("evaluate", weights, "--data", folder)
    assert said.exit_code == 2 and "other classes than those of set; they differ in azul, verde" in said.stderr


@pytest.mark.parametrize("ink", ["white", "black"])
def test_a_digit_is_read_white_on_black_whatever_its_background(ink, tmp_path):
    paper = "black" if ink == "white" else "white"
    image = Image.new("RGB", (90, 90), paper)
    image.paste(ink, (40, 15, 50, 75))  # a one
    image.save(tmp_path / "one.png")
    (found,) = plan.read_image(tmp_path / "one.png", models.build("lenet5"))
    assert found.shape == (1, 32, 32) and found.dtype == torch.float32
    assert found[0, 0, 0] == pytest.approx(-0.1) and found.max() == pytest.approx(1.175)
    assert found[0, 16, 16] > 1 and found[0, 16, 4] == pytest.approx(-0.1)


def test_a_run_leaves_weights_that_can_be_evaluated_and_asked(tmp_path):
    parts = [Split(torch.rand(count, 1, 32, 32), torch.arange(count) % 3) for count in (24, 6, 6)]
    data = Data("made", ("a", "b", "c"), *parts)
    trained = runs.train("lenet5", data, Recipe(batch_size=8, epochs=1, learning_rate=0.01), tmp_path, CPU)
    model = models.trained(tmp_path / "lenet5.safetensors")
    assert model.class_names == ("a", "b", "c")
    assert runs.evaluate_on(model, data, tmp_path, CPU).score == pytest.approx(trained.score)
    with pytest.raises(ValueError, match="other classes than those of others; they differ in their order"):
        runs.evaluate_on(model, Data("others", ("a", "c", "b"), *parts), tmp_path, CPU)
