"""What augments, against torchvision image by image, numpy, and what chance should do."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from scipy import ndimage
from torch import nn

from tema9 import augment

SIZES = [(8, 8, 5), (9, 12, 4), (7, 5, 5), (10, 11, 1), (6, 6, 6)]  # height, width, size of the crop


def seeded(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def pixels(n=6, channels=3, height=9, width=12, dtype=torch.uint8):
    images = torch.randint(256, (n, channels, height, width), dtype=torch.uint8, generator=seeded(1))
    return images if dtype == torch.uint8 else images.to(dtype) / 255


def positions(n, height, width):
    """Images whose every pixel says where it is: its row and its column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns]).to(torch.uint8).repeat(n, 1, 1, 1)


def offsets(images, size, generator):
    """Row and column that `random_crop` draws for each image: (N, 2)."""
    places = positions(len(images), *images.shape[2:])
    return augment.random_crop(places, size, generator)[:, :, 0, 0].long()


RANDOM = {
    "random_crop": lambda images, generator=None: augment.random_crop(images, 4, generator),
    "random_flip": lambda images, generator=None: augment.random_flip(images, generator),
    "pca_lighting": lambda images, generator=None: augment.pca_lighting(
        images, augment.IMAGENET_EIGENVALUES, augment.IMAGENET_EIGENVECTORS, generator=generator
    ),
    "distort": lambda images, generator=None: augment.distort(images, 1.5, 10.0, 1.0, generator),
}
every_random_one = pytest.mark.parametrize("change", RANDOM.values(), ids=RANDOM)


# Crops and flips


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_a_random_crop_is_torchvision_s_crop_at_the_drawn_offsets(height, width, size, dtype):
    images = pixels(40, 3, height, width, dtype)
    crops = augment.random_crop(images, size, seeded(3))
    drawn = offsets(images, size, seeded(3)).tolist()
    expected = [TF.crop(image, top, left, size, size) for image, (top, left) in zip(images, drawn, strict=True)]
    assert crops.dtype == dtype
    assert torch.equal(crops, torch.stack(expected))


def test_a_crop_does_not_depend_on_how_the_batch_lies_in_memory():
    images = pixels(20)
    for same in (images.contiguous(memory_format=torch.channels_last), images.repeat(2, 1, 1, 1)[:20]):
        assert torch.equal(augment.random_crop(same, 4, seeded()), augment.random_crop(images, 4, seeded()))
    sliced = pixels(20, 3, 12, 12)[:, :, 2:9:2, 1:11:3]
    assert torch.equal(augment.random_crop(sliced, 3, seeded()), augment.random_crop(sliced.contiguous(), 3, seeded()))


def test_from_256_to_224_every_one_of_33_rows_and_33_columns_appears():
    places = positions(1, 256, 256).expand(100, -1, -1, -1)
    generator = seeded()
    drawn = torch.cat([augment.random_crop(places, 224, generator)[:, :, 0, 0] for _ in range(5)])
    for axis in (0, 1):
        assert drawn[:, axis].unique().tolist() == list(range(33))


def test_all_positions_are_equally_likely():
    draws = offsets(torch.zeros(10_000, 1, 8, 9), 5, seeded())  # 4 x 5 positions
    counts = torch.bincount(draws[:, 0] * 5 + draws[:, 1], minlength=20).double()
    assert len(counts) == 20
    chi_square = ((counts - 500) ** 2 / 500).sum()
    assert chi_square < 50  # 19 degrees of freedom: 19 on average, above 50 once in 7,000


def test_every_image_is_cropped_at_its_own_place():
    drawn = offsets(torch.zeros(200, 1, 40, 40), 8, seeded())
    assert len(drawn.unique(dim=0)) > 150  # of 33 x 33
    correlation = torch.corrcoef(torch.stack([drawn[:, 0], drawn[:, 1], drawn[:, 0].roll(1)]).double())
    assert (correlation - torch.eye(3)).abs().max() < 0.3  # row, column and the next image's row: unrelated


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_flip_is_torchvision_s_or_nothing_and_each_image_tosses_its_own_coin(dtype):
    images = pixels(400, 3, 4, 5, dtype)
    flipped = augment.random_flip(images, seeded())
    changed = (flipped != images).flatten(1).any(dim=1)
    expected = torch.where(changed[:, None, None, None], torch.stack([TF.hflip(image) for image in images]), images)
    assert flipped.dtype == dtype
    assert torch.equal(flipped, expected)
    assert 160 < changed.sum() < 240  # 200 +- 4 deviations of 10
    assert 160 < (changed[1:] != changed[:-1]).sum() < 240


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 8), (9, 11), (10, 13), (11, 6)])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_centre_and_ten_crops_are_torchvision_s_odd_margins_too(height, width, size, dtype):
    images = pixels(2, 3, height, width, dtype)
    assert torch.equal(augment.centre_crop(images, size), TF.center_crop(images, [size, size]))
    crops = augment.ten_crops(images, size)
    assert crops.shape == (10, 2, 3, size, size) and crops.dtype == dtype
    for n, image in enumerate(images):
        assert torch.equal(crops[:, n], torch.stack(TF.ten_crop(image, [size, size])))


# Distortions


def test_a_distortion_of_nothing_changes_nothing_and_bytes_become_floats_of_the_same_values():
    for images in (pixels(), pixels(dtype=torch.float32), pixels(dtype=torch.float64)):
        same = augment.distort(images, generator=seeded())
        assert same.dtype == (torch.float32 if images.dtype == torch.uint8 else images.dtype)
        torch.testing.assert_close(same, images.to(same.dtype), atol=1e-4 * float(images.max()), rtol=0)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 12), (21, 6)])
def test_a_distorted_pixel_is_scipy_s_sample_at_the_place_that_the_draws_name(height, width):
    images = pixels(3, 2, height, width, torch.float64)
    affine, bends = augment.distortions(3, height, width, 2.0, 30.0, 1.5, seeded(4))
    found = augment.warp(images, affine, bends)
    rows, columns = np.indices((height, width))
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    for image, matrix, noise, warped in zip(images.numpy(), affine.numpy(), bends.numpy(), found, strict=True):
        places = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))  # to the right, down
        down, right = (
            np.array([[np.exp(-((pixel + 4 - 4 * bump) ** 2) / 32) for bump in range(count)] for pixel in range(side)])
            for side, count in zip((height, width), noise.shape[1:], strict=True)
        )
        shares = np.einsum("ha,wb->hwab", down, right)
        shares /= np.sqrt((shares**2).sum((2, 3), keepdims=True))  # the sum of the variances stays 1
        places += np.einsum("hwab,iab->ihw", shares, noise)
        at = [places[1] + (height - 1) / 2, places[0] + (width - 1) / 2]
        expected = [ndimage.map_coordinates(channel, at, order=1, mode="nearest") for channel in image]
        np.testing.assert_allclose(warped.numpy(), expected, atol=2e-5)


def test_a_quarter_turn_and_a_whole_shift_are_numpy_s():
    images = pixels(1, 3, 7, 7, torch.float64)
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])  # right and down are read at -down and right
    expected = np.rot90(images.numpy(), 1, (2, 3))
    np.testing.assert_allclose(augment.warp(images, quarter, None).numpy(), expected, atol=1e-6)
    aside = torch.tensor([[[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]])  # read 2 px to the right and 1 px up
    moved = augment.warp(images, aside, None).numpy()
    np.testing.assert_allclose(moved[..., 1:, :-2], images.numpy()[..., :-1, 2:], atol=1e-6)
    np.testing.assert_allclose(moved[..., -2:], np.broadcast_to(moved[..., -3:-2], moved[..., -2:].shape), atol=1e-6)


def test_shifts_and_turns_fill_their_range_and_bends_have_their_deviation_everywhere_and_are_smooth():
    side, elastic = 32, 1.5
    affine, bends = augment.distortions(4000, side, side, 2.0, 30.0, elastic, seeded())
    turns, shifts = torch.atan2(affine[:, 1, 0], affine[:, 0, 0]).rad2deg(), affine[:, :, 2]
    for drawn, most in ((turns, 30), (shifts, 2)):
        assert 0.99 * most < drawn.abs().max() <= most and abs(float(drawn.mean())) < 0.05 * most
        assert float(drawn.std()) == pytest.approx(most / 3**0.5, rel=0.03)  # of uniform draws
    flat = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).repeat(4000, 1, 1)
    ramp = torch.arange(side).float().expand(4000, 1, side, side)  # its values say how far a pixel moved
    moved = (augment.warp(ramp, flat, bends) - ramp)[:, 0, :, 8:-8]  # so far inside, no place is outside
    assert ((moved.std(0) / elastic - 1).abs() < 0.08).all()  # 4 deviations of that of 4,000 draws are 0.045
    near = float((moved[..., 1:] * moved[..., :-1]).mean() / moved.square().mean())
    far = float((moved[:, 24:] * moved[:, :8]).mean() / moved.square().mean())
    assert near > 0.97 and abs(far) < 0.05


@pytest.mark.parametrize("name", ["shift", "rotation", "elastic"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_distortion_by_less_than_nothing_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} {value} is negative or no number; give 0 or more"):
        augment.distort(pixels(), **{name: value})


# Colours


def test_normalise_is_torchvision_s():
    images = pixels()
    mean, std = augment.IMAGENET_MEAN, augment.IMAGENET_STD
    expected = torch.stack([TF.normalize(TF.convert_image_dtype(image), mean, std) for image in images])
    torch.testing.assert_close(augment.normalise(images, mean, std), expected)
    torch.testing.assert_close(augment.normalise(images.float() / 255, mean, std), expected)
    assert augment.normalise(images.double() / 255, torch.tensor(mean), std).dtype == torch.float64


@pytest.mark.parametrize("n", [3, 130])  # one chunk and several
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_covariance_mean_and_deviation_are_numpy_s(n, dtype):
    images = pixels(n, dtype=dtype)
    images[:, 1] = images[:, 0] // 2 if dtype == torch.uint8 else images[:, 0] / 2 + images[:, 1] / 3  # related
    scale = 255 if dtype == torch.uint8 else 1
    colours = images.numpy().astype(float).transpose(1, 0, 2, 3).reshape(3, -1) / scale
    eigenvalues, eigenvectors = (values.double() for values in augment.pca_of(images))
    rebuilt = eigenvectors @ eigenvalues.diag() @ eigenvectors.T  # wrong if the vectors were in rows
    np.testing.assert_allclose(rebuilt.numpy(), np.cov(colours), atol=1e-6)
    assert eigenvalues.tolist() == sorted(eigenvalues.tolist(), reverse=True)
    torch.testing.assert_close(eigenvectors.T @ eigenvectors, torch.eye(3).double(), atol=1e-6, rtol=0)
    mean, std = augment.colour_statistics(images)
    np.testing.assert_allclose(mean.numpy(), colours.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(std.numpy(), colours.std(axis=1, ddof=1), atol=1e-6)


def test_a_set_normalised_by_its_own_statistics_has_mean_0_and_deviation_1():
    images = pixels(10)
    mean, std = augment.colour_statistics(augment.normalise(images, *augment.colour_statistics(images)))
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(std, torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_channel_that_never_changes_has_deviation_0_and_normalise_refuses_it(dtype):
    images = pixels(70, dtype=dtype)
    images[:, 1] = images[0, 1, 0, 0]
    mean, std = augment.colour_statistics(images)
    assert std[1] == 0 and (std[::2] > 0.1).all()
    with pytest.raises(ValueError, match="cannot divide"):
        augment.normalise(images, mean, std)


def test_grey_images_vary_along_one_component_and_the_rest_is_not_negative():
    eigenvalues, eigenvectors = augment.pca_of(pixels(channels=1).expand(-1, 3, -1, -1))
    assert eigenvalues[0] > 0.1
    assert (eigenvalues[1:] >= 0).all() and (eigenvalues[1:] < 1e-9).all()
    torch.testing.assert_close(eigenvectors[:, 0].abs(), torch.full((3,), 3**-0.5))


def test_the_public_constants_are_variances_of_pixels_with_white_at_1():
    eigenvalues = torch.tensor(augment.IMAGENET_EIGENVALUES)
    eigenvectors = torch.tensor(augment.IMAGENET_EIGENVECTORS)
    torch.testing.assert_close(eigenvectors.T @ eigenvectors, torch.eye(3), atol=1e-4, rtol=0)
    deviations = (eigenvectors**2 @ eigenvalues).sqrt()
    torch.testing.assert_close(deviations, torch.tensor([0.2837, 0.2763, 0.2897]), atol=1e-4, rtol=0)


def test_lighting_adds_one_colour_to_all_the_pixels_of_an_image_and_another_to_the_next():
    images = pixels(50)
    lit = RANDOM["pca_lighting"](images, seeded())
    shift = lit - images / 255
    assert lit.dtype == torch.float32
    torch.testing.assert_close(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-6, rtol=0)
    assert len(shift[:, :, 0, 0].unique(dim=0)) == 50
    torch.testing.assert_close(RANDOM["pca_lighting"](images / 255, seeded()), lit)


# Far from symmetric, so that rows for columns, or roots of the eigenvalues, give another covariance.
TURNED = torch.tensor([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0], [0.0, 0.8, -0.6]])


@pytest.mark.parametrize("eigenvectors", [TURNED, torch.tensor(augment.IMAGENET_EIGENVECTORS)], ids=["turned", "own"])
def test_the_shifts_vary_as_std_times_eigenvalues_along_the_columns(eigenvectors):
    eigenvalues, std = torch.tensor([2.0, 1.0, 0.5]), 0.3
    black = torch.zeros(40_000, 3, 1, 1)
    shifts = augment.pca_lighting(black, eigenvalues, eigenvectors, std, seeded())[:, :, 0, 0]

    def covariance(vectors, values):
        return vectors @ (std * values).square().diag() @ vectors.T

    expected = covariance(eigenvectors, eigenvalues)
    torch.testing.assert_close(shifts.T.cov(), expected, atol=0.01, rtol=0)  # 4 deviations of the estimate
    torch.testing.assert_close(shifts.mean(dim=0), torch.zeros(3), atol=0.015, rtol=0)
    for mistake in (covariance(eigenvectors.T, eigenvalues), covariance(eigenvectors, eigenvalues.sqrt())):
        assert (mistake - expected).abs().max() > 0.05


def test_lighting_with_the_public_constants_shifts_5_5_grey_levels_and_11_9_with_roots():
    black, eigenvectors = torch.zeros(20_000, 3, 1, 1), torch.tensor(augment.IMAGENET_EIGENVECTORS)
    eigenvalues = torch.tensor(augment.IMAGENET_EIGENVALUES)
    for values, grey_levels in ((eigenvalues, 5.546), (eigenvalues.sqrt(), 11.892)):
        shifts = augment.pca_lighting(black, values, eigenvectors, generator=seeded())[:, :, 0, 0]
        along_first = 255 * (shifts @ eigenvectors[:, 0]).std()
        assert along_first == pytest.approx(grey_levels, rel=0.02)


# Ten crops at test time


class Partly(nn.Module):
    """A model with dropout, and a part that its owner keeps in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.BatchNorm2d(3)
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 4 * 4, 5))

    def forward(self, x):
        return 3 * self.layers(self.frozen(x))


def test_ten_crop_probabilities_are_the_mean_softmax_of_torchvision_s_ten_crops():
    model, images = Partly().eval(), pixels(dtype=torch.float32)
    expected = []
    for image in images:
        answers = [model(crop[None]).softmax(dim=1)[0] for crop in TF.ten_crop(image, [4, 4])]
        expected.append(sum(answers) / 10)
    model.train()
    model.frozen.eval()
    modes = [module.training for module in model.modules()]
    probabilities = augment.ten_crop_probabilities(model, images, 4)
    torch.testing.assert_close(probabilities, torch.stack(expected))
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(6))
    assert [module.training for module in model.modules()] == modes
    assert not probabilities.requires_grad

    logits = model.eval()(augment.ten_crops(images, 4).flatten(0, 1)).view(10, 6, 5)
    assert not torch.allclose(logits.mean(dim=0).softmax(dim=1), probabilities, atol=1e-3)  # the usual mistake


@pytest.mark.parametrize("training", [True, False])
def test_ten_crop_probabilities_leave_the_mode_as_it_was_after_an_error_too(training):
    model = Partly().train(training)
    with pytest.raises(RuntimeError):
        augment.ten_crop_probabilities(model, pixels(dtype=torch.float32), 5)  # the model wants 4x4
    assert all(module.training == training for module in model.modules())


# Chance, batches and refusals


@every_random_one
def test_the_same_seed_gives_the_same_and_torch_s_own_chance_is_not_touched(change):
    images, before = pixels(60), torch.get_rng_state()
    once, again, other = change(images, seeded(1)), change(images, seeded(1)), change(images, seeded(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(torch.get_rng_state(), before)


@every_random_one
def test_without_a_generator_torch_s_own_is_used_and_calls_differ(change):
    images = pixels(60)
    torch.manual_seed(7)
    first, second = change(images), change(images)
    torch.manual_seed(7)
    assert torch.equal(change(images), first)
    assert not torch.equal(first, second)


@every_random_one
def test_the_images_given_are_left_alone(change):
    for images in (pixels(), pixels(dtype=torch.float32)):
        before = images.clone()
        change(images, seeded())
        assert torch.equal(images, before)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_batches_of_none_and_of_one_keep_their_shape(n, dtype):
    images = pixels(n, dtype=dtype)
    assert augment.random_crop(images, 4, seeded()).shape == (n, 3, 4, 4)
    assert augment.random_crop(images, 4, seeded()).dtype == dtype
    assert augment.random_flip(images, seeded()).shape == images.shape
    assert augment.distort(images, 1.0, 5.0, 1.0, seeded()).shape == images.shape
    assert RANDOM["pca_lighting"](images, seeded()).shape == images.shape
    assert augment.centre_crop(images, 4).shape == (n, 3, 4, 4)
    assert augment.ten_crops(images, 4).shape == (10, n, 3, 4, 4)
    assert augment.normalise(images, [0.5] * 3, [0.2] * 3).shape == images.shape
    assert augment.ten_crop_probabilities(Partly(), images.float(), 4).shape == (n, 5)


def lighting(images=None, values=(1, 1, 1), vectors=((1, 0, 0), (0, 1, 0), (0, 0, 1)), std=0.1):
    return augment.pca_lighting(pixels() if images is None else images, values, vectors, std)


REFUSED = [
    (lambda: augment.random_crop(pixels(), 10), "size 10 does not fit images of 9x12; expected 1 to 9"),
    (lambda: augment.centre_crop(pixels(), 10), "size 10 does not fit"),
    (lambda: augment.ten_crops(pixels(), 0), "size 0 does not fit"),
    (lambda: augment.random_crop(pixels(0), 10), "size 10 does not fit"),
    (lambda: augment.random_crop(pixels(), 4.0), r"size 4\.0 does not fit"),
    (lambda: augment.random_flip(pixels()[0]), r"shape \(3, 9, 12\); expected \(N, C, H, W\)"),
    (lambda: augment.random_flip(pixels().long()), r"dtype torch\.int64; expected torch\.uint8"),
    (lambda: augment.pca_of(pixels(channels=4)), "4 channels; expected 3"),
    (lambda: augment.pca_of(pixels(0)), "have 0 pixels; expected 2 or more"),
    (lambda: augment.colour_statistics(pixels(1, 3, 1, 1)), "have 1 pixels; expected 2 or more"),
    (lambda: lighting(pixels(channels=1)), "1 channels; expected 3"),
    (lambda: lighting(values=(1, 1)), r"shapes \(2,\) and \(3, 3\); expected \(3,\) and \(3, 3\)"),
    (lambda: lighting(std=-0.1), r"std -0\.1 is not a deviation"),
    (lambda: augment.normalise(pixels(), [0.5], [0.2] * 3), r"mean has shape \(1,\); expected \(3,\)"),
    (lambda: augment.normalise(pixels(), [0.5] * 3, 0.2), r"std has shape \(\); expected \(3,\)"),
    (lambda: augment.normalise(pixels(), [0.5] * 3, [0.5, 0.5, 0]), "cannot divide; give positive values"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_makes_no_sense_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_what_is_not_a_tensor_is_refused():
    with pytest.raises(TypeError, match=r"images is a ndarray; expected a tensor \(N, C, H, W\)"):
        augment.random_flip(pixels().numpy())


@pytest.mark.gpu
@every_random_one
def test_on_a_gpu_a_generator_of_the_cpu_draws_the_same(change):
    images = pixels(60)
    changed = change(images.cuda(), seeded())
    assert changed.is_cuda
    torch.testing.assert_close(changed.cpu(), change(images, seeded()), rtol=1e-5, atol=5e-3)  # of 255
    assert torch.equal(change(images.cuda(), seeded(1, "cuda")), change(images.cuda(), seeded(1, "cuda")))


@pytest.mark.gpu
def test_on_a_gpu_the_rest_stays_there_and_gives_the_same():
    images = pixels(60)
    for function in (
        lambda images: augment.centre_crop(images, 4),
        lambda images: augment.ten_crops(images, 4),
        lambda images: augment.normalise(images, *augment.colour_statistics(images)),
        lambda images: augment.pca_of(images)[0],
    ):
        there = function(images.cuda())
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), function(images))
    large = torch.zeros(128, 3, 256, 256, dtype=torch.uint8, device="cuda")
    assert augment.random_crop(large, 224).shape == (128, 3, 224, 224)


def test_crops_of_images_whose_channels_lie_side_by_side_are_the_same_crops():
    images = torch.randint(256, (6, 3, 9, 11), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    beside = images.contiguous(memory_format=torch.channels_last)
    drawn = [augment.random_crop(given, 5, torch.Generator().manual_seed(1)) for given in (images, beside)]
    assert torch.equal(*drawn)
    assert drawn[1].is_contiguous(memory_format=torch.channels_last)
