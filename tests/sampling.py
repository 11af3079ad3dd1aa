"""Which values of a parameter `make test` takes, of those that take minutes together."""

import pytest


def sampled(values, sample) -> list:
    """The values of a parameter: those that are not in the sample are left to `make gate`."""
    return [value if value in sample else pytest.param(value, marks=pytest.mark.gate) for value in values]
