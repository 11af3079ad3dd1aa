"""What a network is shown: the same as augment's pieces, in their order, with the statistics of the training part."""

import pytest
import torch

from tema9 import augment
from tema9.recipes import Recipe
from tema9.views import SAMPLE, Views


def noise(count=20, side=9, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, side, side), generator=generator, dtype=torch.uint8)


def recipe(**changes):
    return Recipe(batch_size=4, epochs=1, learning_rate=0.1, **changes)


def test_without_anything_bytes_become_floats_from_0_to_1_and_floats_stay():
    grey = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    torch.testing.assert_close(Views().evaluation(grey), torch.tensor([[[[0.0, 1.0]]]]))
    floats = torch.tensor([[[[-0.1, 1.175]]]])
    assert Views().evaluation(floats) is floats and Views().training(floats) is floats


def test_bytes_are_normalised_by_the_training_part():
    views = Views.of(noise(), recipe())
    shown = views.evaluation(noise())
    assert shown.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(shown.std(dim=(0, 2, 3)), torch.ones(3), rtol=1e-3, atol=0)


def test_a_training_view_is_crop_flip_light_and_normalise_in_that_order():
    images, chosen = noise(), recipe(crop=7, flip=True, lighting=0.1)
    views = Views.of(images, chosen)
    shown = views.training(images, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    by_hand = augment.random_flip(augment.random_crop(images, 7, generator), generator)
    by_hand = augment.pca_lighting(by_hand, *augment.pca_of(images), 0.1, generator)
    by_hand = augment.normalise(by_hand, *augment.colour_statistics(images))
    torch.testing.assert_close(shown, by_hand)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_view_is_distorted_after_the_crop_and_the_flip_and_before_the_light(dtype):
    images = noise() if dtype == torch.uint8 else noise() / 255
    views = Views.of(images, recipe(crop=7, flip=True, shift=1.0, rotation=20.0, elastic=0.5, lighting=0.1))
    shown = views.training(images, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    by_hand = augment.random_flip(augment.random_crop(images, 7, generator), generator).float()
    by_hand = augment.distort(by_hand / (255 if dtype == torch.uint8 else 1), 1.0, 20.0, 0.5, generator)
    by_hand = augment.pca_lighting(by_hand, *augment.pca_of(images), 0.1, generator)
    if dtype == torch.uint8:  # floats are taken to be normalised
        by_hand = augment.normalise(by_hand, *augment.colour_statistics(images))
    torch.testing.assert_close(shown, by_hand, atol=1e-4, rtol=1e-4)
    assert torch.equal(views.evaluation(images), Views.of(images, recipe(crop=7)).evaluation(images))


def test_an_evaluation_view_is_the_centre_and_always_the_same():
    images = noise()
    views = Views.of(images, recipe(crop=5, flip=True, lighting=0.1))
    expected = augment.normalise(augment.centre_crop(images, 5), *augment.colour_statistics(images))
    torch.testing.assert_close(views.evaluation(images), expected)
    torch.testing.assert_close(views.uncropped(images)[..., 2:7, 2:7], expected)


def test_one_flat_colour_does_not_divide_by_zero():
    flat = torch.full((4, 3, 6, 6), 90, dtype=torch.uint8)
    assert torch.equal(Views.of(flat, recipe()).evaluation(flat), torch.zeros(4, 3, 6, 6))


def test_the_statistics_look_at_2000_images_at_most():
    class Counting:
        shape = (5001, 3, 4, 4)
        seen = 0

        def __getitem__(self, which):
            self.seen += len(which)
            return noise(len(which), 4)

    images = Counting()
    Views.of(images, recipe())
    assert SAMPLE / 2 < images.seen <= SAMPLE


@pytest.mark.parametrize(
    ("channels", "changes", "says"),
    [
        (3, {"crop": 10}, "crop 10 does not fit the images of 9x9"),
        (1, {"lighting": 0.1}, r"lighting 0\.1 works on three channels and the images have 1"),
    ],
)
def test_a_recipe_that_does_not_fit_the_images_is_refused(channels, changes, says):
    with pytest.raises(ValueError, match=says):
        Views.of(noise(channels=channels), recipe(**changes))


def test_what_are_no_images_is_left_as_it_is():
    points = torch.rand(5, 2)
    assert Views.of(points, recipe(crop=3)).training(points) is points
