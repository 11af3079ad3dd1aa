"""The hub that the tests of the server share, on a machine of its own, with a class that has accounts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import parts
import pytest
from hub import Hub, Postgres, open_course
from people import Student
from world import World, lacks, refuses

STUDENTS = ("alu1", "alu2", "alu3")


@pytest.fixture(scope="session")
def world():
    """The machine."""
    if reason := refuses():
        pytest.skip(reason)
    if reason := lacks() or parts.lacks("postgres"):
        pytest.fail(reason, pytrace=False) if parts.IN_CI else pytest.skip(reason)
    with World(STUDENTS) as made:
        yield made


@pytest.fixture(scope="session")
def postgres(world):
    """Its database, which holds the gradebook."""
    return Postgres(world, Path(parts.postgresql("initdb")).parent)


@pytest.fixture(scope="session")
def hub(world, postgres, tmp_path_factory):
    """The hub of that machine, with a course whose three students are enrolled."""
    open_course(world, "--database", postgres.url)
    started = Hub(world, tmp_path_factory.mktemp("hub"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def students(hub):
    """The students, without a browser; each has a server of the own."""
    people = [Student(hub, name) for name in STUDENTS]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Student.log_in, people))
    return people
