"""The layer tables of the course by name: plain data, no torch.

Everything else reads these: the models, the tables of shapes and parameters, the
figures, the checks and the tests. Each line is a layer; the comment at its end
gives the side of its output in pixels, and a test compares it with the arithmetic.
"""

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Conv:
    """Convolution with a square kernel.

    padding: pixels on every side, or a pair (left and top, right and bottom).
    inputs: for a partly connected layer, the input maps that each output map reads.
    """

    name: str
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    groups: int = 1
    inputs: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True)
class MaxPool:
    """Max pooling; rounding="ceil" keeps a last window that hangs over the edge."""

    name: str
    kernel_size: int
    stride: int
    padding: int = 0
    rounding: str = "floor"


@dataclass(frozen=True)
class Subsampling:
    """LeNet's S layer: the sum of a block, times one coefficient per map, plus one bias per map."""

    name: str
    kernel_size: int


@dataclass(frozen=True)
class LRN:
    """Local Response Normalization; alpha multiplies the sum, as the paper prints it."""

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0


@dataclass(frozen=True)
class Linear:
    """Fully connected layer, of the input as one vector."""

    name: str
    out_features: int


@dataclass(frozen=True)
class RBF:
    """LeNet's output layer: the squared distance to a fixed prototype of each class, which is not trained."""

    name: str
    out_features: int


@dataclass(frozen=True)
class ReLU:
    """Rectified linear unit: max(0, a)."""

    name: str


@dataclass(frozen=True)
class ScaledTanh:
    """1.7159 tanh(2a/3), so that f(1) = 1 and f(-1) = -1."""

    name: str


@dataclass(frozen=True)
class Dropout:
    """Dropout: in training, each value is set to zero with probability p."""

    name: str
    p: float = 0.5


POINTWISE = (ReLU, ScaledTanh, Dropout)  # layers that change no shape; the deck does not list them


Layer = Conv | MaxPool | Subsampling | LRN | Linear | RBF | ReLU | ScaledTanh | Dropout


@dataclass(frozen=True)
class Normal:
    """Initial weights drawn from N(0, std), initial biases of 0.

    std_of: another deviation for some layers, by name.
    bias_one: the layers whose biases start at 1.
    """

    std: float = 0.01
    std_of: dict[str, float] = field(default_factory=dict)
    bias_one: tuple[str, ...] = ()


@dataclass(frozen=True)
class UniformFanIn:
    """Initial weights and biases drawn uniformly from -scale / fan-in to scale / fan-in."""

    scale: float = 2.4


@dataclass(frozen=True)
class Architecture:
    """A network as the table of its layers, first to last.

    input_shape: (channels, height, width), in pixels.
    initialisation: how the weights start; None leaves torch's default.
    """

    name: str
    title: str
    source: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    initialisation: Normal | UniformFanIn | None = None


def revise(base: Architecture, *, layers: dict[str, dict[str, Any]], **fields: Any) -> Architecture:
    """Return `base` with some layers changed: "AlexNet but: CONV1 ...".

    Args:
        base: the architecture to start from.
        layers: the fields to change, by layer name.
        fields: the fields of the architecture to change (name, title, ...).

    Raises:
        KeyError: `layers` names one that `base` does not have.
    """
    unknown = set(layers) - {layer.name for layer in base.layers}
    if unknown:
        raise KeyError(f"{base.name} has no layer {', '.join(sorted(unknown))}")
    changed = tuple(replace(layer, **layers.get(layer.name, {})) for layer in base.layers)
    return replace(base, layers=changed, **fields)


# Which S2 maps each C3 map reads: LeCun et al. (1998), Table I.
C3_INPUTS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

LENET5_1998 = Architecture(
    "lenet5_1998",
    "LeNet-5 as printed",
    "LeCun et al. (1998), section II.B",
    (1, 32, 32),
    (
        Conv("C1", 6, kernel_size=5),  # 32 -> 28
        ScaledTanh("TANH1"),
        Subsampling("S2", kernel_size=2),  # 28 -> 14
        ScaledTanh("TANH2"),
        Conv("C3", 16, kernel_size=5, inputs=C3_INPUTS),  # 14 -> 10
        ScaledTanh("TANH3"),
        Subsampling("S4", kernel_size=2),  # 10 -> 5
        ScaledTanh("TANH4"),
        Conv("C5", 120, kernel_size=5),  # 5 -> 1
        ScaledTanh("TANH5"),
        Linear("F6", 84),
        ScaledTanh("TANH6"),
        RBF("OUTPUT", 10),
    ),
    UniformFanIn(2.4),
)

LENET5 = Architecture(
    "lenet5",
    "LeNet-5 as written today: full C3, max pooling, linear output",
    "the usual reading of LeCun et al. (1998)",
    (1, 32, 32),
    (
        Conv("C1", 6, kernel_size=5),  # 32 -> 28
        ReLU("RELU1"),
        MaxPool("S2", kernel_size=2, stride=2),  # 28 -> 14
        Conv("C3", 16, kernel_size=5),  # 14 -> 10
        ReLU("RELU3"),
        MaxPool("S4", kernel_size=2, stride=2),  # 10 -> 5
        Linear("F5", 120),
        ReLU("RELU5"),
        Linear("F6", 84),
        ReLU("RELU6"),
        Linear("OUTPUT", 10),
    ),
)

# Krizhevsky et al. (2012), section 5: sd 0.01; biases 1 where ReLUs should start awake.
ALEXNET_INITIALISATION = Normal(0.01, bias_one=("CONV2", "CONV4", "CONV5", "FC6", "FC7"))

ALEXNET_SLIDE = Architecture(
    "alexnet_slide",
    "AlexNet as the deck lists it: one tower, POOL before NORM",
    "CS231n (2017), lecture 9",
    (3, 227, 227),
    (
        Conv("CONV1", 96, kernel_size=11, stride=4),  # 227 -> 55
        ReLU("RELU1"),
        MaxPool("POOL1", kernel_size=3, stride=2),  # 55 -> 27
        LRN("NORM1"),  # 27 -> 27
        Conv("CONV2", 256, kernel_size=5, padding=2),  # 27 -> 27
        ReLU("RELU2"),
        MaxPool("POOL2", kernel_size=3, stride=2),  # 27 -> 13
        LRN("NORM2"),  # 13 -> 13
        Conv("CONV3", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU3"),
        Conv("CONV4", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU4"),
        Conv("CONV5", 256, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2),  # 13 -> 6
        Linear("FC6", 4096),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 4096),
        ReLU("RELU7"),
        Dropout("DROP7"),
        Linear("FC8", 1000),
    ),
    ALEXNET_INITIALISATION,
)

ALEXNET_PAPER = Architecture(
    "alexnet_paper",
    "AlexNet as printed: two towers (groups=2), NORM before POOL",
    "Krizhevsky, Sutskever and Hinton (2012), section 3.5 and figure 2",
    (3, 227, 227),
    (
        Conv("CONV1", 96, kernel_size=11, stride=4),  # 227 -> 55
        ReLU("RELU1"),
        LRN("NORM1"),  # 55 -> 55
        MaxPool("POOL1", kernel_size=3, stride=2),  # 55 -> 27
        Conv("CONV2", 256, kernel_size=5, padding=2, groups=2),  # 27 -> 27
        ReLU("RELU2"),
        LRN("NORM2"),  # 27 -> 27
        MaxPool("POOL2", kernel_size=3, stride=2),  # 27 -> 13
        Conv("CONV3", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU3"),
        Conv("CONV4", 384, kernel_size=3, padding=1, groups=2),  # 13 -> 13
        ReLU("RELU4"),
        Conv("CONV5", 256, kernel_size=3, padding=1, groups=2),  # 13 -> 13
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2),  # 13 -> 6
        Linear("FC6", 4096),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 4096),
        ReLU("RELU7"),
        Dropout("DROP7"),
        Linear("FC8", 1000),
    ),
    ALEXNET_INITIALISATION,
)

ALEXNET_2012_CODE = Architecture(
    "alexnet_2012_code",
    "AlexNet as the 2012 code runs it: 224 rounded up, LRN before ReLU in layer 1",
    "computerhistory/AlexNet-Source-Code at 2f8b81f, layers/layers-145.cfg and layer.py",
    (3, 224, 224),
    (
        Conv("CONV1", 96, kernel_size=11, stride=4, padding=(0, 3)),  # 224 -> 55
        LRN("NORM1", alpha=2e-5),  # 55 -> 55, the code divides its 1e-4 by the size
        MaxPool("POOL1", kernel_size=3, stride=2, rounding="ceil"),  # 55 -> 27
        ReLU("RELU1"),
        Conv("CONV2", 256, kernel_size=5, padding=2, groups=2),  # 27 -> 27
        ReLU("RELU2"),
        LRN("NORM2", alpha=2e-5),  # 27 -> 27
        MaxPool("POOL2", kernel_size=3, stride=2, rounding="ceil"),  # 27 -> 13
        Conv("CONV3", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU3"),
        Conv("CONV4", 384, kernel_size=3, padding=1, groups=2),  # 13 -> 13
        ReLU("RELU4"),
        Conv("CONV5", 256, kernel_size=3, padding=1, groups=2),  # 13 -> 13
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2, rounding="ceil"),  # 13 -> 6
        Linear("FC6", 4096),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 4096),
        ReLU("RELU7"),
        Dropout("DROP7"),
        Linear("FC8", 1000),
    ),
    replace(ALEXNET_INITIALISATION, std_of={"CONV3": 0.03, "CONV4": 0.03, "CONV5": 0.03}),
)

CAFFENET = revise(
    ALEXNET_SLIDE,
    name="caffenet",
    title="CaffeNet: two towers, POOL before NORM, k = 1",
    source="BVLC/caffe at 9b89154, models/bvlc_reference_caffenet",
    layers={
        "NORM1": {"alpha": 2e-5, "k": 1.0},
        "CONV2": {"groups": 2},
        "NORM2": {"alpha": 2e-5, "k": 1.0},
        "CONV4": {"groups": 2},
        "CONV5": {"groups": 2},
    },
    initialisation=replace(ALEXNET_INITIALISATION, std_of={"FC6": 0.005, "FC7": 0.005}),
)

ALEXNET_TORCHVISION = Architecture(
    "alexnet_torchvision",
    "torchvision's AlexNet: other widths, no LRN, dropout before the FC layers",
    "torchvision 0.29, models/alexnet.py, after Krizhevsky (2014)",
    (3, 224, 224),
    (
        Conv("CONV1", 64, kernel_size=11, stride=4, padding=2),  # 224 -> 55
        ReLU("RELU1"),
        MaxPool("POOL1", kernel_size=3, stride=2),  # 55 -> 27
        Conv("CONV2", 192, kernel_size=5, padding=2),  # 27 -> 27
        ReLU("RELU2"),
        MaxPool("POOL2", kernel_size=3, stride=2),  # 27 -> 13
        Conv("CONV3", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU3"),
        Conv("CONV4", 256, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU4"),
        Conv("CONV5", 256, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2),  # 13 -> 6
        Dropout("DROP5"),
        Linear("FC6", 4096),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 4096),
        ReLU("RELU7"),
        Linear("FC8", 1000),
    ),
)

ALEXNET_ONE_GPU = revise(
    ALEXNET_2012_CODE,
    name="alexnet_one_gpu",
    title="the one-GPU net of the comparison: half the kernels, CONV5 and FC kept wide",
    source="Krizhevsky et al. (2012), section 3.2 and footnote; layers/layers-145-half.cfg",
    layers={
        "CONV1": {"out_channels": 48},
        "CONV2": {"out_channels": 128, "groups": 1},
        "CONV3": {"out_channels": 192},
        "CONV4": {"out_channels": 192, "groups": 1},
        "CONV5": {"groups": 1},
    },
)

# Ours: the deck's network for patches of 64 px, in which CONV1 leaves 27 and the poolings 13 and 6.
ALEXNET_MINI = Architecture(
    "alexnet_mini",
    "AlexNet in small: the deck's layers in the deck's order, for 59x59 crops of photographs",
    "this course, after CS231n (2017), lecture 9",
    (3, 59, 59),
    (
        Conv("CONV1", 32, kernel_size=7, stride=2),  # 59 -> 27
        ReLU("RELU1"),
        MaxPool("POOL1", kernel_size=3, stride=2),  # 27 -> 13
        LRN("NORM1"),  # 13 -> 13
        Conv("CONV2", 64, kernel_size=5, padding=2),  # 13 -> 13
        ReLU("RELU2"),
        MaxPool("POOL2", kernel_size=3, stride=2),  # 13 -> 6
        LRN("NORM2"),  # 6 -> 6
        Conv("CONV3", 96, kernel_size=3, padding=1),  # 6 -> 6
        ReLU("RELU3"),
        Conv("CONV4", 96, kernel_size=3, padding=1),  # 6 -> 6
        ReLU("RELU4"),
        Conv("CONV5", 64, kernel_size=3, padding=1),  # 6 -> 6
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2),  # 6 -> 2
        Linear("FC6", 256),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 256),
        ReLU("RELU7"),
        Dropout("DROP7"),
        Linear("FC8", 10),
    ),
    # With the paper's 0.01 everywhere it never leaves the loss of chance: these layers are narrow, and the
    # signal fades. CONV1 keeps it, or the noise it starts with stays in its filters.
    Normal(0.01, dict.fromkeys(("CONV2", "CONV3", "CONV4", "CONV5", "FC6", "FC7", "FC8"), 0.07)),
)

# Zeiler and Fergus (2014), section 3: weights 1e-2, biases 0.
ZFNET_INITIALISATION = Normal(0.01)

ZFNET_SLIDE = revise(
    ALEXNET_SLIDE,
    name="zfnet_slide",
    title="ZFNet as the slide reads literally: AlexNet but CONV1 7x7 stride 2",
    source="CS231n (2017), lecture 9, taken to the letter",
    layers={"CONV1": {"kernel_size": 7, "stride": 2}},  # 227 -> 111
    initialisation=ZFNET_INITIALISATION,
)

WIDER = {"CONV3": {"out_channels": 512}, "CONV4": {"out_channels": 1024}, "CONV5": {"out_channels": 512}}

ZFNET_SLIDE_512 = revise(
    ZFNET_SLIDE,
    name="zfnet_slide_512",
    title="ZFNet as the slide reads literally, both changes: CONV3,4,5 with 512, 1024, 512",
    layers=WIDER,
)

ZFNET_PAPER = Architecture(
    "zfnet_paper",
    "ZFNet as in figure 3 of its paper: CONV2 stride 2 too",
    "Zeiler and Fergus (2014), section 3 and figure 3",
    (3, 224, 224),
    (
        Conv("CONV1", 96, kernel_size=7, stride=2, padding=(0, 1)),  # 224 -> 110
        ReLU("RELU1"),
        MaxPool("POOL1", kernel_size=3, stride=2, rounding="ceil"),  # 110 -> 55
        LRN("NORM1"),  # 55 -> 55
        Conv("CONV2", 256, kernel_size=5, stride=2),  # 55 -> 26
        ReLU("RELU2"),
        MaxPool("POOL2", kernel_size=3, stride=2, rounding="ceil"),  # 26 -> 13
        LRN("NORM2"),  # 13 -> 13
        Conv("CONV3", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU3"),
        Conv("CONV4", 384, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU4"),
        Conv("CONV5", 256, kernel_size=3, padding=1),  # 13 -> 13
        ReLU("RELU5"),
        MaxPool("POOL3", kernel_size=3, stride=2, rounding="ceil"),  # 13 -> 6
        Linear("FC6", 4096),
        ReLU("RELU6"),
        Dropout("DROP6"),
        Linear("FC7", 4096),
        ReLU("RELU7"),
        Dropout("DROP7"),
        Linear("FC8", 1000),
    ),
    ZFNET_INITIALISATION,
)

ZFNET_PAPER_512 = revise(
    ZFNET_PAPER,
    name="zfnet_paper_512",
    title="ZFNet, variant (b) of its table 2: layers 3, 4, 5 with 512, 1024, 512 maps",
    source="Zeiler and Fergus (2014), tables 2 and 3",
    layers=WIDER,
)

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        LENET5_1998,
        LENET5,
        ALEXNET_SLIDE,
        ALEXNET_PAPER,
        ALEXNET_2012_CODE,
        CAFFENET,
        ALEXNET_TORCHVISION,
        ALEXNET_ONE_GPU,
        ALEXNET_MINI,
        ZFNET_SLIDE,
        ZFNET_SLIDE_512,
        ZFNET_PAPER,
        ZFNET_PAPER_512,
    )
}


def find(name: str) -> Architecture:
    """Return the architecture called `name`.

    Raises:
        ValueError: there is none; the message lists the names there are.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
