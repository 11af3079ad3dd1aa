"""LeNet-5, AlexNet and ZFNet as nn.Module, built from the tables of `architectures`.

Layer by layer a module follows its table; the classes add what a table cannot hold:
the initial weights, and the differences between the network and the paper. The parts are
named as in the paper, in lower case: `model.layers.conv1`, `state_dict()["layers.conv1.weight"]`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from tema9 import architectures, checkpoint, layers
from tema9.architectures import (
    LRN,
    RBF,
    Architecture,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Normal,
    ReLU,
    ScaledTanh,
    Subsampling,
    UniformFanIn,
)
from tema9.arithmetic import layer_table
from tema9.views import Views


class LeNet5(nn.Module):
    """LeNet-5, as printed in 1998 (60,000 parameters) or as written today (61,706).

    Args:
        architecture: "lenet5" or "lenet5_1998".
        num_classes: of the output; lenet5_1998 has prototypes for 10.

    Shape: (N, 1, 32, 32) -> (N, num_classes), logits.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section II.B.

    Differences of lenet5_1998 from the paper:
      - the output is minus the distance, so that the largest is the answer;
      - the prototypes are bitmaps of our own, 7x12 as there;
      - nothing here trains it by the paper's method (stochastic diagonal
        Levenberg-Marquardt): `training` uses SGD.

    Differences of lenet5 from the paper:
      - C3 reads every map of S2: 2,416 parameters instead of 1,516;
      - S2 and S4 are max pooling, without parameters;
      - ReLU instead of the scaled tanh; C5, here F5, is fully connected;
      - the output is linear: 850 parameters instead of fixed prototypes.
    """

    views: Views  # through which it was trained: `train` and `pretrained` set it
    class_names: tuple[str, ...] = ()  # of its answers, once it has been trained

    def __init__(self, architecture: str = "lenet5", num_classes: int = 10) -> None:
        super().__init__()
        self.architecture = _member(architecture, "lenet5")
        self.layers = stack(self.architecture, num_classes)
        initialise(self.layers, self.architecture.initialisation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


class AlexNet(nn.Module):
    """AlexNet: 60,965,224 parameters for 1,000 classes as printed in 2012.

    Args:
        architecture: "alexnet_paper", "alexnet_slide" (62,378,344 parameters),
            "alexnet_2012_code", "caffenet", "alexnet_one_gpu" (59,798,312) or
            "alexnet_torchvision" (61,100,840).
        num_classes: neurons of FC8.

    Shape: (N, 3, 227, 227) -> (N, num_classes), logits; 224 instead of 227 for
    alexnet_2012_code, alexnet_one_gpu and alexnet_torchvision.

    Source: Krizhevsky, Sutskever and Hinton (2012), sections 3 to 5 and figure 2.

    Differences from the paper:
      - alexnet_paper: the input side is 227, as with the 224 it prints CONV1 would
        leave 54; the two GPUs are `groups=2`; dropout scales in training, not at test;
      - alexnet_slide: one tower; POOL before NORM;
      - alexnet_2012_code: three rows of zeros at the right and bottom of 224; LRN
        before the ReLU in layer 1; alpha divided by its size; sd 0.03 in CONV3 to
        CONV5. The second, spatial normalisation of layer 2 is left out;
      - caffenet: POOL before NORM; alpha divided by its size and k = 1; sd 0.005 in
        FC6 and FC7;
      - alexnet_one_gpu: half the kernels but CONV5 and the FC layers;
      - alexnet_torchvision: no LRN, other widths, dropout before FC6 and FC7,
        torch's own initialisation.
    """

    views: Views  # through which it was trained: `train` and `pretrained` set it
    class_names: tuple[str, ...] = ()  # of its answers, once it has been trained

    def __init__(self, architecture: str = "alexnet_paper", num_classes: int = 1000) -> None:
        super().__init__()
        self.architecture = _member(architecture, "alexnet", "caffenet")
        self.layers = stack(self.architecture, num_classes)
        initialise(self.layers, self.architecture.initialisation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


class ZFNet(nn.Module):
    """ZFNet: 62,357,608 parameters for 1,000 classes as in figure 3 of its paper.

    Args:
        architecture: "zfnet_paper", "zfnet_paper_512" (107,627,624 parameters),
            "zfnet_slide" (201,818,216) or "zfnet_slide_512" (386,548,840).
        num_classes: neurons of FC8.

    Shape: (N, 3, 224, 224) -> (N, num_classes), logits; 227 for the two of the slide.

    Source: Zeiler and Fergus (2014), section 3, figure 3 and table 2.

    Differences from the paper:
      - zfnet_paper: a row of zeros at the right and bottom, and pools rounded up, to
        get its 110, 55, 26, 13, 6; filters are not scaled back to an RMS of 0.1
        while training; LRN keeps AlexNet's constants, as the paper gives none;
      - zfnet_slide, zfnet_slide_512: the slide to the letter, with CONV2 at stride 1.
    """

    views: Views  # through which it was trained: `train` and `pretrained` set it
    class_names: tuple[str, ...] = ()  # of its answers, once it has been trained

    def __init__(self, architecture: str = "zfnet_paper", num_classes: int = 1000) -> None:
        super().__init__()
        self.architecture = _member(architecture, "zfnet")
        self.layers = stack(self.architecture, num_classes)
        initialise(self.layers, self.architecture.initialisation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def build(name: str, num_classes: int | None = None) -> LeNet5 | AlexNet | ZFNet:
    """Return a fresh model of the architecture called `name`.

    Args:
        name: one of `ARCHITECTURES`.
        num_classes: neurons of the last layer; as many as the architecture lists by default.

    Raises:
        ValueError: the name is unknown; the message lists those there are.
    """
    last = architectures.find(name).layers[-1]
    assert isinstance(last, Linear | RBF), f"{name} ends in {last}"
    family = LeNet5 if name.startswith("lenet5") else ZFNet if name.startswith("zfnet") else AlexNet
    return family(name, last.out_features if num_classes is None else num_classes)


# The models of `pretrained`: the architecture, its classes, and the command that trained the weights.
PRETRAINED = {
    "alexnet_mini": ("alexnet_mini", 10, "tema9 train alexnet_mini --data textures --seed 1"),
    "alexnet_mini_shapes": ("alexnet_mini", 5, "tema9 train alexnet_mini --data shapes --epochs 40"),
    "alexnet_mini_shortcut": ("alexnet_mini", 5, "tema9 train alexnet_mini --data shortcut --epochs 12"),
}


FIRST_LAYER = Path(__file__).parent / "weights" / "first_layer.safetensors"


def first_layer() -> torch.Tensor:
    """Return 96 filters of a first layer, as large as those of AlexNet's CONV1, that were learned from photographs.

    `tema9.experiments.first_layer` learned them: its network told patches of photographs apart. What can be seen in
    them is what figure 3 of the paper shows: edges in all directions, and spots of colour.

    Shape: (96, 3, 11, 11).
    """
    return checkpoint.read(FIRST_LAYER)[0]["weight"]


def pretrained(name: str) -> LeNet5 | AlexNet | ZFNet:
    """Return a model with weights that ship with the package, and with the views through which it was trained.

    PRETRAINED has the command that trained each; run it to train the model again.

    - "alexnet_mini": trained on `data.textures`; it errs on 10.0 % of the 400 test patches
      (14.2, 10.0, 10.8 and 13.0 % with seeds 0 to 3);
    - "alexnet_mini_shapes": trained on `data.shapes`;
    - "alexnet_mini_shortcut": trained on the same with the mark planted in the background: it reads the mark.

    Raises:
        ValueError: there are no weights of that name.
    """
    if name not in PRETRAINED:
        raise ValueError(f"no weights ship for {name!r}; for {', '.join(PRETRAINED)} they do")
    architecture, classes, _ = PRETRAINED[name]
    path = Path(__file__).parent / "weights" / f"{name}.safetensors"
    return checkpoint.load(build(architecture, classes), path).eval()


def trained(weights: str | Path) -> LeNet5 | AlexNet | ZFNet:
    """Return the model of a file of weights that `tema9 train` wrote, or of the name of one that ships.

    Args:
        weights: a path, whose file says of which architecture it is, or one of PRETRAINED.

    Raises:
        FileNotFoundError: there is no such file, and no weights of that name ship.
        ValueError: the file is damaged, or does not say what it holds.
    """
    if str(weights) in PRETRAINED and not Path(weights).exists():
        return pretrained(str(weights))
    if not Path(weights).is_file():
        raise FileNotFoundError(f"{weights} is no file of weights; {', '.join(PRETRAINED)} ship")
    said = checkpoint.about(checkpoint.read(weights)[1])
    if "architecture" not in said:
        raise ValueError(f"{weights} does not say of which architecture it is; `tema9 train` writes files that do")
    model = build(said["architecture"], len(said.get("class_names", ())) or None)
    return checkpoint.load(model, weights).eval()


def torchvision_alexnet() -> tuple[nn.Module, Callable[[torch.Tensor], torch.Tensor]]:
    """Return torchvision's AlexNet trained on ImageNet, and the transform of its images.

    It comes from torch's cache, or over the network the first time (244 MB).

    Raises:
        OSError: the weights are not in the cache and the network does not give them.
    """
    from torchvision.models import AlexNet_Weights, alexnet

    weights = AlexNet_Weights.IMAGENET1K_V1
    try:
        return alexnet(weights=weights).eval(), weights.transforms()
    except OSError as error:  # urllib's errors are
        raise OSError(
            f"torchvision's trained AlexNet is not in the cache and cannot be fetched ({error}); with a network it can,"
            " or use models.pretrained('alexnet_mini'), which ships"
        ) from error


def stack(architecture: Architecture, num_classes: int | None = None) -> nn.Sequential:
    """Return the layers of a table as an nn.Sequential with the paper's names.

    Args:
        architecture: whose table to build.
        num_classes: neurons of the last layer; as listed by default.

    Raises:
        ValueError: the last layer has fixed prototypes for another number of classes.
    """
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes {num_classes} is not positive; give 1 or more")
    table = layer_table(architecture)
    shapes = {row.name: row.in_shape for row in table}
    last = architecture.layers[-1]
    if isinstance(last, RBF) and num_classes not in (None, last.out_features):
        raise ValueError(f"{architecture.name} has prototypes for {last.out_features} classes, not for {num_classes}")
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in architecture.layers:
        name = layer.name.lower()
        out_features = num_classes if layer is last and num_classes else getattr(layer, "out_features", None)
        if isinstance(layer, Linear) and len(shapes[layer.name]) == 3:
            modules["flatten"] = nn.Flatten()
        if isinstance(layer, Conv) and isinstance(layer.padding, tuple):
            before, after = layer.padding
            modules[name.replace("conv", "pad")] = nn.ZeroPad2d((before, after, before, after))
        modules[name] = _module(layer, shapes.get(layer.name), out_features)
    return nn.Sequential(modules)


def _module(layer, in_shape, out_features):
    match layer:
        case Conv(inputs=None, groups=1, padding=0 | tuple()) if in_shape[0] <= 4 and layer.stride > 1:
            return layers.ImageConv2d(in_shape[0], layer.out_channels, layer.kernel_size, layer.stride)
        case Conv(inputs=None):
            padding = 0 if isinstance(layer.padding, tuple) else layer.padding
            window = (layer.kernel_size, layer.stride, padding)
            return nn.Conv2d(in_shape[0], layer.out_channels, *window, groups=layer.groups)
        case Conv():
            return layers.PartialConv2d(layer.inputs, layer.kernel_size)
        case MaxPool():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.rounding == "ceil")
        case Subsampling():
            return layers.Subsampling(in_shape[0], layer.kernel_size)
        case LRN():
            return layers.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
        case Linear():
            features = in_shape[0] if len(in_shape) == 1 else in_shape[0] * in_shape[1] * in_shape[2]
            return nn.Linear(features, out_features)
        case RBF():
            return layers.EuclideanRBF(layers.digit_prototypes())
        case ReLU():
            return nn.ReLU(inplace=True)
        case ScaledTanh():
            return layers.ScaledTanh()
        case Dropout():
            return nn.Dropout(layer.p)


def initialise(modules: nn.Sequential, how: Normal | UniformFanIn | None) -> None:
    """Draw the initial weights of a stack as its paper says.

    Args:
        modules: the nn.Sequential of `stack`.
        how: the distribution of the weights; None leaves torch's default.
    """
    for name, module in modules.named_children():
        if how is None or not list(module.parameters(recurse=False)):
            continue
        if isinstance(how, Normal):
            nn.init.normal_(module.get_parameter("weight"), std=how.std_of.get(name.upper(), how.std))
            nn.init.constant_(module.get_parameter("bias"), 1.0 if name.upper() in how.bias_one else 0.0)
        elif isinstance(how, UniformFanIn):
            for weight, bias, fan_in in _units(module):
                nn.init.uniform_(weight, -how.scale / fan_in, how.scale / fan_in)
                nn.init.uniform_(bias, -how.scale / fan_in, how.scale / fan_in)


def _units(module):
    """Yield (weights, bias, fan-in) of each group of units that have the same fan-in."""
    match module:
        case layers.PartialConv2d():
            kernels = module.weight.split([len(maps) for maps in module.inputs])
            for weight, bias in zip(kernels, module.bias.split(1), strict=True):
                yield weight, bias, weight.numel()
        case layers.Subsampling():
            yield module.weight, module.bias, module.kernel_size**2
        case _:
            yield module.weight, module.bias, module.weight[0].numel()


def _member(name, *prefixes):
    family = [known for known in architectures.ARCHITECTURES if re.match("|".join(prefixes), known)]
    if name not in family:
        raise ValueError(f"unknown architecture {name!r}; this class builds {', '.join(family)}")
    return architectures.find(name)
