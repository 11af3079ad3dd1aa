"""The hub that the tests of the server share, on a machine of its own, with a class that has accounts."""

import parts
import pytest
from hub import Hub, open_course
from world import World, lacks, refuses

STUDENTS = ("alu1", "alu2", "alu3")


@pytest.fixture(scope="session")
def world():
    """The machine: the course is released on it, and its three students are enrolled."""
    if reason := refuses():
        pytest.skip(reason)
    if reason := lacks():
        pytest.fail(reason, pytrace=False) if parts.IN_CI else pytest.skip(reason)
    with World(STUDENTS) as made:
        open_course(made)
        yield made


@pytest.fixture(scope="session")
def hub(world, tmp_path_factory):
    """The hub of that machine."""
    started = Hub(world, tmp_path_factory.mktemp("hub"))
    started.start()
    yield started
    started.stop()
