"""Deliveries that nobody thought of: nothing crashes, nobody is lost, and nobody's work becomes another's."""

import io
import random
import zipfile

import classes
import pytest
from sampling import sampled

from tema9.classroom import sources
from tema9.classroom.grading import intake
from tema9.classroom.grading.delivery import Limits
from tema9.streams import printable

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")  # two students of one name and one file
LIMITS = Limits(file_bytes=20_000, student_files=50, student_bytes=100_000)


@pytest.fixture(autouse=True)
def read_once(monkeypatch):
    """The sources of the course are read once, and not for each delivery."""
    read = sources.all_sources()
    monkeypatch.setattr(sources, "all_sources", lambda: read)


def holds(root, student):
    path = root / "submitted" / student / "1_lenet5" / "1_lenet5.ipynb"
    return path.read_bytes() if path.is_file() else b""


def is_told(path, taken):
    """Whether what `collect` says names the sender or the file of a path."""
    path = path.replace("LATE_", "")
    labels = [*(row.handed_in_as for row in taken.unresolved), *(note.partition(": ")[0] for note in taken.notes)]
    lines = [line.replace("LATE_", "") for line in taken.left_out]
    return any(label in printable(path) for label in labels) or any(path in line for line in lines)


def try_class(seed, tmp_path):
    """Two deliveries of one class, the second of other platforms; with a list, or without."""
    draw = random.Random(seed)
    class_ = classes.students(draw, draw.randrange(1, 7))
    listed = [student.person() for student in class_] if draw.random() < 0.7 else []
    owners: dict[bytes, str] = {}
    systems: list[str] = []
    root, place = tmp_path / "course", tmp_path / "in.zip"
    for version in range(2):
        there = [student for student in class_ if draw.random() < 0.8] or class_[:1]
        before = {student.id: holds(root, student.id) for student in class_}
        system, entries, new = classes.delivery(draw, there, version)
        earlier = {path.read_bytes() for path in root.glob("submitted/*/*/*.ipynb")}
        owners |= new
        place.write_bytes(classes.zipped(entries))
        taken = intake.collect(root, place, LIMITS, listed)
        submitted = {path.parts[-3]: path.read_bytes() for path in root.glob("submitted/*/*/*.ipynb")}
        paths = {owner: path for path, content in entries for work, owner in new.items() if work in _all(content)}
        for work, owner in new.items():
            assert work in submitted.values() or is_told(paths[owner], taken), f"{owner} is lost: {paths[owner]!r}"
        if listed:
            for student, work in submitted.items():
                assert owners[work] == student, f"{student} has the work of {owners[work]}"
            gone = {student.id for student in class_} - {student.id for student in there}
            assert all(holds(root, one) == before[one] for one in gone), "somebody's work changed without a delivery"
        else:
            assert len(submitted) == len(set(submitted.values())), "two students have one work"
            absent = {work for work in earlier if owners[work] not in {student.id for student in there}}
            by_number = {*systems, system} == {system} and system not in classes.BY_NAME
            assert absent <= set(submitted.values()) or not by_number, "an absent student's work is gone"
        if system not in classes.BY_NAME:
            assert not [line for line in taken.left_out if "is newer" in line], "two students were taken for one"
        systems.append(system)
    for work in owners:
        assert sum(path.read_bytes() == work for path in root.glob("*/*/**/*.ipynb")) <= 1


def _all(content):
    """The bytes of a file and, if it is a zip, of the files in it."""
    if content[:2] != b"PK":
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [inner for entry in archive.infolist() for inner in _all(archive.read(entry))]


@pytest.mark.parametrize("block", range(10))
def test_nobody_is_lost_and_nobody_gets_the_work_of_another(block, tmp_path):
    for seed in range(30 * block, 30 * block + 30):
        (tmp_path / str(seed)).mkdir()
        try_class(seed, tmp_path / str(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", sampled(range(100), range(10)))
def test_ten_thousand_classes(block, tmp_path):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        (tmp_path / str(seed)).mkdir()
        try_class(seed, tmp_path / str(seed))
