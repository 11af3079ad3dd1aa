"""Crops, flips, distortions and changes of colour, on whole batches of images, on the device where the images are.

Images are (N, C, H, W), in uint8 (0 to 255) or in floats (0 to 1), on any device. Crops
and flips keep the dtype; distortions return floats, and so does what changes colours, in units where white is 1.

The random functions draw new values for each image, from the `generator` that they are given or from torch's
own. A generator of the CPU draws the same for images on a GPU as for images on the CPU.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

# facebookarchive/fb.resnet.torch, `datasets/imagenet.lua`: "computed from random subset of ImageNet
# training images"; R, G, B, white is 1. The deviations are probably the mean of each image's own
# (pytorch/vision, pull request 1965): over all the pixels the eigenvalues below imply 0.28.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# The same file. They are variances with white at 1. Code that shifts grey levels has them times 255:
# 55.46, 4.794, 1.148; the variances on 0 to 255 would be 65,025 times as much.
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = (  # a row per colour, a COLUMN per component
    (-0.5675, 0.7192, 0.4009),  # R
    (-0.5808, -0.0045, -0.8140),  # G
    (-0.5836, -0.6948, 0.4203),  # B
)

SMOOTHNESS = 4  # px, of elastic distortions: Simard, Steinkraus and Platt (2003), section 2


def random_crop(images: torch.Tensor, size: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """Cut a square out of each image, every position as likely as any other.

    Each image draws its own row and column, both ends included: from 256 to 224 there
    are 256 - 224 + 1 = 33 of each, and with flips 33 * 33 * 2 = 2178 views. The paper
    prints 2048, which is 32 * 32 * 2.

    Args:
        size: side of the square, in pixels.
        generator: draws the positions.

    Shape:
        (N, C, H, W) -> (N, C, size, size), with the same dtype and device.

    Raises:
        ValueError: size is less than 1 or does not fit.

    Example:
        >>> ramp = torch.tensor([[[[0, 1], [2, 3]]]], dtype=torch.uint8)
        >>> random_crop(ramp.repeat(100, 1, 1, 1), 1).unique().tolist()  # 2 x 2 positions
        [0, 1, 2, 3]

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1. In their code 128 images
        are cropped 32 at a time, alike; here each one on its own.
    """
    n, _, height, width = _check(images, size=size)
    where = _device_of_draws(images, generator)
    top = torch.randint(height - size + 1, (n, 1, 1), generator=generator, device=where)
    left = torch.randint(width - size + 1, (n, 1, 1), generator=generator, device=where)
    return crop_at(images, size, top.to(images.device), left.to(images.device))


def crop_at(images: torch.Tensor, size: int, top: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Cut a square out of each image, at a place of its own; nothing is checked, so that no GPU is waited for.

    Args:
        size: side of the square, in pixels.
        top, left: (N, 1, 1), of each square, on the device of the images.

    Shape:
        (N, C, H, W) -> (N, C, size, size), with the same dtype and device.
    """
    if images.numel() == 0:
        return images[..., :size, :size]
    n, channels, height, width = images.shape

    # In the flat batch each row of a crop is a run of values: of one channel, or of all of them where the
    # channels of a pixel lie side by side. Name the first of every run and copy them all at once: no loop
    # over images, and for uint8 faster than one on the CPU too.
    together = channels > 1 and images.is_contiguous(memory_format=torch.channels_last)
    flat = images.permute(0, 2, 3, 1).flatten() if together else images.flatten()
    planes, inner = (n, channels) if together else (n * channels, 1)
    plane = torch.arange(planes, device=images.device).view(n, -1, 1)
    row = plane * height + top + torch.arange(size, device=images.device)  # (N, C or 1, size)
    first = (row * width + left) * inner
    runs = flat.unfold(0, size * inner, 1)  # run k holds the values from k on; a view
    crops = runs.index_select(0, first.flatten())
    if together:
        return crops.view(n, size, size, channels).permute(0, 3, 1, 2)
    return crops.view(n, channels, size, size)


def random_flip(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Swap left and right in half of the images: each tosses its own coin.

    Args:
        generator: tosses the coins.

    Shape:
        (N, C, H, W) -> the same, with the same dtype and device.

    Example:
        >>> row = torch.tensor([[[[1, 2, 3]]]], dtype=torch.uint8)
        >>> random_flip(row.repeat(100, 1, 1, 1)).flatten(1).unique(dim=0).tolist()
        [[1, 2, 3], [3, 2, 1]]

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1.
    """
    n, *_ = _check(images)
    kept = torch.rand(n, generator=generator, device=_device_of_draws(images, generator)) >= 0.5
    return flip_others(images, kept.to(images.device))


def flip_others(images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Swap left and right in all the images but some, without waiting for a GPU.

    Args:
        kept: (N,), bool, whether an image stays as it is; on the device of the images.

    Shape:
        (N, C, H, W) -> the same, with the same dtype and device.
    """
    flipped = images.flip(3)
    if not images.is_cpu:  # a GPU would have to count the indices before it could use them
        return torch.where(kept[:, None, None, None], images, flipped)
    flipped[kept] = images[kept]  # takes two thirds of the time
    return flipped


def distort(
    images: torch.Tensor,
    shift: float = 0.0,
    rotation: float = 0.0,
    elastic: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Shift, turn and bend each image, as one hand's writing differs from another's.

    Args:
        shift: up to so many pixels down or up, and to the right or the left.
        rotation: up to so many degrees in either sense, about the centre.
        elastic: the deviation, in pixels, with which each pixel moves down and to the right. The field of these
            displacements is noise made smooth by a Gaussian of SMOOTHNESS pixels.
        generator: draws all of them.

    Shape:
        (N, C, H, W) -> the same, in floats with the values of the images, on the same device. What comes in from
        outside repeats the border.

    Raises:
        ValueError: an amount is negative.

    Example:
        >>> dot = torch.zeros(1, 1, 5, 5)
        >>> dot[0, 0, 2, 2] = 1
        >>> moved = distort(dot, shift=2.0, generator=torch.Generator().manual_seed(0))
        >>> bool(moved[0, 0, 2, 2] < 1), round(moved.sum().item(), 4)  # elsewhere, and all of it
        (True, 1.0)

    Source:
        Simard, Steinkraus and Platt (2003), section 2: translations, rotations and elastic distortions, with a
        Gaussian of 4 pixels and a scale of 34; by our arithmetic, a deviation of 1.4 pixels. LeCun et al. (1998),
        section III.B, trained LeNet-5 on digits that were shifted, scaled, squeezed and sheared: its test error fell
        from 0.95 to 0.8 %.
    """
    n, _, height, width = _check(images)
    affine, bends = distortions(n, height, width, shift, rotation, elastic, generator or torch.default_generator)
    return warp(images, affine.to(images.device), None if bends is None else bends.to(images.device))


def distortions(
    count: int, height: int, width: int, shift: float, rotation: float, elastic: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Draw, on the device of the generator, what `warp` does to so many images.

    Args:
        count, height, width: of the images.
        shift, rotation, elastic, generator: as for `distort`.

    Returns:
        affine: (count, 2, 3), which takes a pixel (right, down, 1), from the centre, to where it is read.
        bends: (count, 2, rows, columns), noise on a coarse grid, from which displacements to the right and down are
            smoothed; None without any.

    Raises:
        ValueError: an amount is negative.
    """
    for name, value in (("shift", shift), ("rotation", rotation), ("elastic", elastic)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} {value} is negative or no number; give 0 or more")
    where = generator.device
    chances = 2 * torch.rand(3, count, generator=generator, device=where) - 1
    turn, right, down = chances[0] * math.radians(rotation), chances[1] * shift, chances[2] * shift
    affine = torch.stack([turn.cos(), -turn.sin(), right, turn.sin(), turn.cos(), down], 1).view(count, 2, 3)
    if not elastic:
        return affine, None
    bumps = torch.randn(count, 2, _bumps(height), _bumps(width), generator=generator, device=where)
    return affine, elastic * bumps


def warp(images: torch.Tensor, affine: torch.Tensor, bends: torch.Tensor | None) -> torch.Tensor:
    """Read each image at the places that `distortions` drew, between its pixels; no GPU is waited for.

    Args:
        affine, bends: of `distortions`, on the device of the images.

    Shape:
        (N, C, H, W) -> the same, in floats.
    """
    height, width = images.shape[2:]
    floats = images if images.is_floating_point() else images.float()
    down, right = (torch.arange(side, device=affine.device) - (side - 1) / 2 for side in (height, width))
    x, y = affine[..., 0, None, None] * right, affine[..., 1, None, None] * down[:, None]
    places = x + y + affine[..., 2, None, None]  # (N, 2, H, W), pixels from the centre
    if bends is not None:
        places += _smoothing(height, bends) @ bends @ _smoothing(width, bends).T
    places[:, 0] *= 2 / width  # from -1 to 1, between the outer edges of the border
    places[:, 1] *= 2 / height
    grid = places.permute(0, 2, 3, 1).to(floats.dtype)
    return F.grid_sample(floats, grid, padding_mode="border", align_corners=False)


def _bumps(side):
    """How many Gaussians, SMOOTHNESS pixels apart, cover a side and what is near its ends."""
    return -(-side // SMOOTHNESS) + 3


def _smoothing(side, like):
    """(side, bumps): the share of each Gaussian in each pixel; of noise of variance 1 it makes noise of variance 1."""
    pixels = torch.arange(side, device=like.device, dtype=like.dtype)[:, None]
    centres = (torch.arange(_bumps(side), device=like.device, dtype=like.dtype) - 1) * SMOOTHNESS
    return F.normalize((-((pixels - centres) ** 2) / (2 * SMOOTHNESS**2)).exp(), dim=1)


def pca_of(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Principal components of the colours: every pixel of every image is one R, G, B point.

    Shape:
        (N, 3, H, W) -> eigenvalues (3,), largest first, and eigenvectors (3, 3), one in
        each COLUMN, in float32. Eigenvalues are variances with white at 1; the sign of a
        column means nothing.

    Raises:
        ValueError: there are not three channels, or not two pixels.

    Example:
        >>> red, green = [0.3, -0.3, 0, 0, 0, 0], [0, 0, 0.2, -0.2, 0, 0]
        >>> blue = [0, 0, 0, 0, 0.1, -0.1]
        >>> eigenvalues, eigenvectors = pca_of(torch.tensor([red, green, blue]).view(1, 3, 1, 6))
        >>> eigenvalues  # 2 * 0.3**2 / (6 - 1) for red, and so on
        tensor([0.0360, 0.0160, 0.0040])

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1.
    """
    _check(images, channels=3)
    _, covariance = _moments(images)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)  # smallest first, vectors in columns
    eigenvalues = eigenvalues.flip(0).clamp(min=0)  # a variance of zero may come out as -1e-18
    return eigenvalues.float().to(images.device), eigenvectors.flip(1).float().to(images.device)


def pca_lighting(
    images: torch.Tensor,
    eigenvalues: torch.Tensor | Sequence[float],
    eigenvectors: torch.Tensor | Sequence[Sequence[float]],
    std: float = 0.1,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Shift the colour of each image along the principal components of the set's colours.

    To every pixel of an image add p1 a1 l1 + p2 a2 l2 + p3 a3 l3: p are the eigenvectors,
    l the eigenvalues, and a three draws from N(0, std), new for each image. For training
    only. Nothing is clipped: values may leave the range from 0 to 1.

    The paper multiplies by eigenvalues, which are variances, so that its units matter, and
    gives none. This is its formula with white at 1, as public code has it: with ImageNet's,
    the first component shifts with a deviation of 0.1 * 0.2175, 5.5 grey levels of 255. Its
    authors' own code seems to multiply by deviations, the square roots: 11.9 grey levels;
    for that, pass the roots as `eigenvalues`. Variances on 0 to 255 would give 1,414.

    Args:
        eigenvalues: (3,), variances with white at 1, as `pca_of` gives them.
        eigenvectors: (3, 3), a row per colour and a COLUMN per component.
        std: deviation of the draws.
        generator: draws a.

    Shape:
        (N, 3, H, W) -> the same, in floats with white at 1, on the same device.

    Raises:
        ValueError: there are not three channels, eigenvalues or eigenvectors, or std < 0.

    Example:
        >>> grey, only_red = torch.full((1, 3, 2, 2), 0.5), torch.tensor([1.0, 0.0, 0.0])
        >>> lit = pca_lighting(grey, only_red, torch.eye(3))
        >>> (lit != grey).flatten(2).all(dim=2)  # all of red moves; green and blue stay
        tensor([[ True, False, False]])

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1.
    """
    n, *_ = _check(images, channels=3)
    lit, white = _floats(images)
    a = torch.randn(n, 1, 3, generator=generator, device=_device_of_draws(images, generator)).to(lit)
    return lit.div_(white).add_(lighting_shift(a, eigenvalues, eigenvectors, std)[:, :, None, None])


def lighting_shift(
    a: torch.Tensor,
    eigenvalues: torch.Tensor | Sequence[float],
    eigenvectors: torch.Tensor | Sequence[Sequence[float]],
    std: float,
) -> torch.Tensor:
    """Return what `pca_lighting` adds to the colours of each image.

    Args:
        a: (N, 1, 3), draws from N(0, 1).
        eigenvalues, eigenvectors, std: as for `pca_lighting`.

    Shape:
        (N, 1, 3) -> (N, 3), a value per colour.

    Raises:
        ValueError: there are not three eigenvalues or eigenvectors, or std < 0.
    """
    eigenvalues = torch.as_tensor(eigenvalues).to(a)
    eigenvectors = torch.as_tensor(eigenvectors).to(a)
    if eigenvalues.shape != (3,) or eigenvectors.shape != (3, 3):
        shapes = f"{tuple(eigenvalues.shape)} and {tuple(eigenvectors.shape)}"
        raise ValueError(f"eigenvalues and eigenvectors have shapes {shapes}; expected (3,) and (3, 3)")
    if std < 0:
        raise ValueError(f"std {std} is not a deviation; give 0 or more")
    return (eigenvectors * eigenvalues * (std * a)).sum(dim=2)  # (N, colours, components) -> (N, colours)


def centre_crop(images: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the central square out of each image.

    An odd margin cannot be halved: its half is rounded to even, as torchvision does.

    Shape:
        (N, C, H, W) -> (N, C, size, size), a view.

    Raises:
        ValueError: size is less than 1 or does not fit.

    Example:
        >>> row = torch.tensor([10, 20, 30, 40, 50], dtype=torch.uint8)
        >>> centre_crop(row.expand(1, 1, 3, 5), 1).item()  # margins of 2 on each side
        30
    """
    _, _, height, width = _check(images, size=size)
    top, left = round((height - size) / 2), round((width - size) / 2)
    return images[..., top : top + size, left : left + size]


def ten_crops(images: torch.Tensor, size: int) -> torch.Tensor:
    """Cut out the four corners and the centre of each image, and the same five of its mirror image.

    In order: top left, top right, bottom left, bottom right and centre, five times two.
    The sixth is thus the mirror image of the second, cut out of the top right.

    Shape:
        (N, C, H, W) -> (10, N, C, size, size), with the same dtype and device.

    Raises:
        ValueError: size is less than 1 or does not fit.

    Example:
        >>> row = torch.tensor([1, 2, 3], dtype=torch.uint8)
        >>> ten_crops(row.expand(1, 1, 3, 3), 1).flatten().tolist()
        [1, 3, 1, 3, 2, 3, 1, 3, 1, 2]

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1; torchvision's order.
    """
    _, _, height, width = _check(images, size=size)
    bottom, right = height - size, width - size
    views = []
    for side in (images, images.flip(3)):
        for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right)):
            views.append(side[..., top : top + size, left : left + size])
        views.append(centre_crop(side, size))
    return torch.stack(views)


@torch.no_grad()
def ten_crop_probabilities(model: torch.nn.Module, images: torch.Tensor, size: int) -> torch.Tensor:
    """Average the probabilities, not the logits, that a model gives to the ten crops of each image.

    The model works in evaluation mode meanwhile; each of its modules then returns to its own.

    Args:
        model: (N, C, size, size) -> (N, classes), logits.
        images: as the model wants them, normalised already.
        size: side of the crops, in pixels.

    Shape:
        (N, C, H, W) -> (N, classes), each row adds up to 1.

    Raises:
        ValueError: size is less than 1 or does not fit.

    Example:
        >>> red_or_green = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> ten_crop_probabilities(red_or_green, torch.zeros(1, 2, 8, 8), 4)  # no preference
        tensor([[0.5000, 0.5000]])

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 4.1.
    """
    crops = ten_crops(images, size)
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        return sum(model(crop).float().softmax(dim=1) for crop in crops) / len(crops)
    finally:
        for module, mode in training.items():
            module.training = mode


def colour_statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel over every pixel of every image.

    Shape:
        (N, C, H, W) -> mean (C,) and deviation (C,), in float32, with white at 1.

    Raises:
        ValueError: there are not two pixels.

    Example:
        >>> pixels = torch.tensor([0, 255, 255, 0, 255], dtype=torch.uint8).view(1, 1, 1, 5)
        >>> colour_statistics(pixels)  # 3/5, and the root of (3 * 0.4**2 + 2 * 0.6**2) / (5 - 1)
        (tensor([0.6000]), tensor([0.5477]))
    """
    _check(images)
    mean, covariance = _moments(images)
    return mean.float().to(images.device), covariance.diagonal().sqrt().float().to(images.device)


def normalise(
    images: torch.Tensor, mean: torch.Tensor | Sequence[float], std: torch.Tensor | Sequence[float]
) -> torch.Tensor:
    """Subtract the mean of each channel and divide by its deviation.

    Args:
        mean, std: one value per channel, with white at 1, such as IMAGENET_MEAN and
            IMAGENET_STD, or what `colour_statistics` gives for the training set.

    Shape:
        (N, C, H, W) -> the same, in floats, on the same device.

    Raises:
        ValueError: mean or std do not have C values, or some std is not positive.

    Example:
        >>> pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
        >>> normalise(pixels, mean=[0.5], std=[0.25])  # (0 - 0.5) / 0.25 and (1 - 0.5) / 0.25
        tensor([[[[-2.,  2.]]]])
    """
    _, channels, _, _ = _check(images)
    mean, std = torch.as_tensor(mean), torch.as_tensor(std)
    for name, values in (("mean", mean), ("std", std)):
        if values.shape != (channels,):
            raise ValueError(f"{name} has shape {tuple(values.shape)}; expected ({channels},), one value per channel")
    if not (std > 0).all():
        raise ValueError(f"std {std.tolist()} cannot divide; give positive values")
    normalised, white = _floats(images)
    mean, std = mean.to(normalised)[:, None, None], std.to(normalised)[:, None, None]
    return normalised.mul_(1 / (white * std)).sub_(mean / std)


def _check(images, channels=None, size=None):
    """The shape of the images, or an error that says what is wrong with them."""
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"images is a {type(images).__name__}; expected a tensor (N, C, H, W)")
    if images.ndim != 4:
        raise ValueError(f"images has shape {tuple(images.shape)}; expected (N, C, H, W)")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images has dtype {images.dtype}; expected torch.uint8 (0 to 255) or floats (0 to 1)")
    n, found, height, width = images.shape
    if channels is not None and found != channels:
        raise ValueError(f"images has {found} channels; expected {channels}")
    if size is not None and not (isinstance(size, int) and 1 <= size <= min(height, width)):
        raise ValueError(f"size {size} does not fit images of {height}x{width}; expected 1 to {min(height, width)}")
    return n, found, height, width


def _device_of_draws(images, generator):
    return images.device if generator is None else generator.device


def _floats(images):
    """A copy in floats, to be changed in place, and what white is worth in it."""
    return (images.float(), 255) if images.dtype == torch.uint8 else (images.clone(), 1)


def _moments(images):
    """Mean (C,) and covariance (C, C) of the colours of all the pixels, float64, on the CPU."""
    n, channels, height, width = images.shape
    pixels = n * height * width
    if pixels < 2:
        raise ValueError(f"images of shape {tuple(images.shape)} have {pixels} pixels; expected 2 or more")
    white = 255 if images.dtype == torch.uint8 else 1
    origin = images[0, :, 0, 0].cpu().double()  # measured from here, a channel that never changes gives 0 exactly
    total = torch.zeros(channels, dtype=torch.float64)
    products = torch.zeros(channels, channels, dtype=torch.float64)
    for some in images.split(64):  # so that float64 never holds the whole set
        some = some.cpu() if some.is_mps else some  # MPS has no float64
        colours = some.double() - origin.to(some.device)[:, None, None]
        colours = colours.transpose(0, 1).flatten(1)  # (C, pixels)
        total += colours.sum(dim=1).cpu()
        products += (colours @ colours.T).cpu()
    mean = total / pixels
    covariance = (products - pixels * mean.outer(mean)) / (pixels - 1)
    return (origin + mean) / white, covariance / white**2
