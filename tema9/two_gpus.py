"""AlexNet over two devices, as the deck and the paper say, with a count of the values that cross between them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from tema9.architectures import ALEXNET_INITIALISATION
from tema9.layers import LocalResponseNorm


class Half(nn.Module):
    """The layers of one device: half of the kernels and half of the neurons.

    Args:
        classes: outputs of this half.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        norm: dict[str, Any] = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}
        self.conv1 = nn.Conv2d(3, 48, kernel_size=11, stride=4)  # the whole image; 227 -> 55
        self.norm1 = LocalResponseNorm(**norm)
        self.conv2 = nn.Conv2d(48, 128, kernel_size=5, padding=2)  # its own 48 maps; 27 -> 27
        self.norm2 = LocalResponseNorm(**norm)
        self.conv3 = nn.Conv2d(256, 192, kernel_size=3, padding=1)  # the 128 + 128 of both; 13 -> 13
        self.conv4 = nn.Conv2d(192, 192, kernel_size=3, padding=1)  # its own; 13 -> 13
        self.conv5 = nn.Conv2d(192, 128, kernel_size=3, padding=1)  # its own; 13 -> 13
        self.fc6 = nn.Linear(9216, 2048)  # both
        self.fc7 = nn.Linear(4096, 2048)  # both
        self.fc8 = nn.Linear(4096, classes)  # both
        self.pool, self.relu = nn.MaxPool2d(kernel_size=3, stride=2), nn.ReLU()
        self.dropout = nn.Dropout(0.5)
        how = ALEXNET_INITIALISATION
        for name, layer in self.named_children():
            if list(layer.parameters()):
                nn.init.normal_(layer.get_parameter("weight"), std=how.std)
                nn.init.constant_(layer.get_parameter("bias"), 1.0 if name.upper() in how.bias_one else 0.0)

    def before_conv3(self, images: torch.Tensor) -> torch.Tensor:
        """Apply the layers before CONV3, which need no other device: (N, 3, 227, 227) -> (N, 128, 13, 13)."""
        maps = self.pool(self.norm1(self.relu(self.conv1(images))))
        return self.pool(self.norm2(self.relu(self.conv2(maps))))

    def before_fc6(self, maps: torch.Tensor) -> torch.Tensor:
        """Apply CONV3 to POOL5 to the maps of both devices: (N, 256, 13, 13) -> (N, 4608)."""
        maps = self.relu(self.conv4(self.relu(self.conv3(maps))))
        return self.pool(self.relu(self.conv5(maps))).flatten(1)


class TwoGPUs(nn.Module):
    """AlexNet over two devices: 60,965,224 parameters for 1,000 classes, half of them on each.

    CONV1 sees the whole image on both; CONV2, CONV4 and CONV5 read the maps of their own device;
    CONV3, FC6, FC7 and FC8 read those of both. Both devices may be the same one: the code is the same.

    Args:
        num_classes: outputs; the first device has the first half of them.
        devices: two of torch's devices.

    Shape:
        (N, 3, 227, 227) -> (N, num_classes), logits, on the first device.

    Raises:
        ValueError: there are fewer than two classes, or not two devices.

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 3.2 and figure 2; the deck's "CONV1, CONV2,
        CONV4, CONV5: Connections only with feature maps on same GPU".

    Differences from "alexnet_paper":
      - normalisation stays within a device, since neither the paper nor the deck lets it cross; on
        one device, the maps at the middle have neighbours on both sides.
    """

    def __init__(self, num_classes: int = 1000, devices: Sequence[str | torch.device] = ("cpu", "cpu")) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes {num_classes} cannot be split; give 2 or more")
        if len(devices) != 2:
            raise ValueError(f"devices {devices!r} are not two")
        self.devices = tuple(map(torch.device, devices))
        classes = (num_classes - num_classes // 2, num_classes // 2)
        self.halves = nn.ModuleList(Half(n).to(device) for n, device in zip(classes, self.devices, strict=True))
        self.traffic = Traffic()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first, second = halves = cast(list[Half], list(self.halves))
        self.traffic.images += len(images)
        maps = [half.before_conv3(images.to(device)) for half, device in zip(halves, self.devices, strict=True)]
        maps = [half.before_fc6(both) for half, both in zip(halves, self._exchange("CONV3", maps), strict=True)]
        for name in ("fc6", "fc7"):
            both = self._exchange(name.upper(), maps)
            maps = [
                half.dropout(half.relu(getattr(half, name)(values))) for half, values in zip(halves, both, strict=True)
            ]
        ours, theirs = self._exchange("FC8", maps)
        return torch.cat([first.fc8(ours), self._move("logits", second.fc8(theirs), 0)], dim=1)

    def _exchange(self, layer, values):
        """Give each device the values of both, those of the first device first."""
        first, second = values
        return (
            torch.cat([first, self._move(layer, second, 0)], dim=1),
            torch.cat([self._move(layer, first, 1), second], dim=1),
        )

    def _move(self, layer, values, to):
        return Cross.apply(values, self.devices[to], self.traffic, layer)

    @torch.no_grad()
    def load_single(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load the weights of an "alexnet_paper" on one device: each device gets half of the kernels and neurons.

        Args:
            state: the state dict of a `models.AlexNet("alexnet_paper")` with as many classes.
        """
        for name, parameter in self._of_single():
            for half, values in zip(parameter, state[name].split([len(part) for part in parameter]), strict=True):
                half.copy_(values)

    def to_single(self) -> dict[str, torch.Tensor]:
        """Return the weights as the state dict of an "alexnet_paper", on the CPU."""
        return {name: torch.cat([half.detach().cpu() for half in parts]) for name, parts in self._of_single()}

    def _of_single(self):
        """Yield (name in "alexnet_paper", the two halves): both lie along the outputs."""
        first, second = (dict(half.named_parameters()) for half in self.halves)
        for name in first:
            yield f"layers.{name}", (first[name], second[name])


class Traffic:
    """The count of the values that crossed between the devices, by the layer that reads them.

    images: how many images went through. forward, backward: values in each pass, both ways together.
    bytes: of all the values that crossed, in the precision in which they did.
    """

    def __init__(self) -> None:
        self.images = self.bytes = 0
        self.forward: Counter[str] = Counter()
        self.backward: Counter[str] = Counter()

    def per_image(self) -> dict[str, tuple[float, float]]:
        """Return {layer: (values in the forward pass, in the backward pass)} of one image, both ways together."""
        return {name: (self.forward[name] / self.images, self.backward[name] / self.images) for name in self.forward}


class Cross(torch.autograd.Function):
    """A function that moves values to a device and their gradients back, and counts both."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, device: torch.device, traffic: Traffic, layer: str) -> torch.Tensor:
        ctx.home, ctx.traffic, ctx.layer = values.device, traffic, layer
        traffic.forward[layer] += values.numel()
        traffic.bytes += values.nbytes
        return values.to(device, copy=True)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        ctx.traffic.backward[ctx.layer] += gradient.numel()
        ctx.traffic.bytes += gradient.nbytes
        return gradient.to(ctx.home), None, None, None
