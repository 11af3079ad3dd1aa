"""Hyperparameters of each paper, and ours, as data. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with momentum.

    learning_rate: of the first epoch; multiplied by `factor` after `patience` epochs
        without a better validation error, at most `drops` times.
    weight_decay: coefficient of L2, inside the update.
    bias_rate: the rate of the biases, as a multiple of that of the weights.
    bias_decay: whether the biases decay too.
    rate_in_velocity: whether the rate multiplies the gradient as it enters the velocity,
        as the papers print it, or the velocity as it leaves, as torch does. The two are
        equal until the rate drops; then the printed one goes on with the old steps for a
        while, about 1 / (1 - momentum) of them.
    """

    batch_size: int
    epochs: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    factor: float = 0.1
    patience: int = 3
    drops: int = 3
    bias_rate: float = 1.0
    bias_decay: bool = True
    rate_in_velocity: bool = False
    seed: int = 0


# The deck: "batch size 128, SGD Momentum 0.9, Learning rate 1e-2, reduced by 10 manually when val
# accuracy plateaus, L2 weight decay 5e-4". It gives no number of epochs; this is the paper's.
DECK = Recipe(batch_size=128, epochs=90, learning_rate=1e-2)

# Krizhevsky et al. (2012), section 5: the same, with the update as printed. Their drops were by hand.
ALEXNET_2012 = Recipe(batch_size=128, epochs=90, learning_rate=1e-2, rate_in_velocity=True)

# computerhistory/AlexNet-Source-Code at 2f8b81f, layers/layer-params-145.cfg and src/weights.cu.
ALEXNET_2012_CODE = Recipe(
    batch_size=128, epochs=90, learning_rate=1e-2, bias_rate=2.0, bias_decay=False, rate_in_velocity=True
)

# Ours, for the 3,500 digits of `data.digits`: test error 3.7 %, `tema9 train lenet5`.
LENET5_DIGITS = Recipe(batch_size=64, epochs=12, learning_rate=0.02)

# The same for the network of 1998, whose outputs are squared distances of about 80: test error 7.5 %.
LENET5_1998_DIGITS = Recipe(batch_size=64, epochs=12, learning_rate=0.001)

# What `tema9 train NAME` uses; DECK for the rest.
BY_ARCHITECTURE = {"lenet5": LENET5_DIGITS, "lenet5_1998": LENET5_1998_DIGITS}
