"""A course that is over: everything of it in one file, its folder ready again, and its answers known next year."""

import contextlib
import shutil
import sqlite3
import zipfile
from pathlib import Path

import mini
import pytest
from running import run

from tema9.classroom.course import Course
from tema9.classroom.grading import people
from tema9.classroom.grading.record import Record
from tema9.classroom.publishing import archive, similar
from tema9.classroom.publishing.archive import AWAY
from tema9.classroom.rules import RULES

OWN = mini.size("return sum(1 for paso in range(0, n - f + 1, s) if paso >= 0)  # cuento los pasos")
PROSE = "Porque entre la primera ventana y la última hay tantos saltos como ventanas menos una, y se cuentan ventanas."


@pytest.fixture(scope="module", autouse=True)
def source(tmp_path_factory):
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))) as source:
        yield source


@pytest.fixture
def opened(prepared, tmp_path):
    """A class of three, whose notebooks count as graded as they were handed in."""
    opened = prepared(tmp_path / "course")
    people.enroll(opened.root, [{"id": "ana", "first_name": "Ana", "last_name": "García"}, {"id": "eva"}])
    hand_in(opened, {"ana": (OWN, PROSE), "eva": (mini.size(), "No sé."), "luis": (mini.size("return 1"), None)})
    (opened.root / "rehearsal").mkdir()
    (opened.root / "rehearsal" / "x.txt").write_text("not of the class")
    (opened.root / RULES).write_text("[scale]\nmaximum = 100\n")
    return opened


def hand_in(opened, work):
    for student, (code, prose) in work.items():
        path = mini.hand_in(opened, student, code, prose)
        graded = opened.root / "autograded" / student / "1_mini" / "1_mini.ipynb"
        graded.parent.mkdir(parents=True)
        shutil.copy(path, graded)


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_course_is_closed_into_one_file_and_its_folder_is_ready_for_the_next_class(opened, tmp_path):
    before, out = files(opened.root), tmp_path / "old.zip"
    result = run("archive", opened.root, "--out", out)
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as made:
        there = {name: made.read(name) for name in made.namelist()}
    outside = {name for name in before if name.startswith("rehearsal/")} | {".lock", "gradebook.db"}
    assert there.keys() - {"gradebook.db"} == before.keys() - outside
    assert all(there[name] == before[name] for name in there if name != "gradebook.db")
    (tmp_path / "book.db").write_bytes(there["gradebook.db"])
    with contextlib.closing(sqlite3.connect(tmp_path / "book.db")) as book:
        assert set(book.execute("select id, last_name from student")) >= {("ana", "García"), ("eva", None)}
    after = files(opened.root)
    assert not [name for name in after if name.startswith(("submitted/", "autograded/", "replaced/", "roster"))]
    assert after["rehearsal/x.txt"] and after[RULES] == before[RULES]
    assert people.known(Course(opened.root)) == []
    again = run("archive", opened.root, "--out", tmp_path / "new.zip")
    assert (again.exit_code, len(again.stderr.splitlines())) == (2, 1) and "there is no class to close" in again.stderr
    assert not (tmp_path / "new.zip").exists()


def test_what_cannot_be_archived_leaves_the_course_as_it_was(opened, tmp_path, monkeypatch):
    before = files(opened.root)
    (tmp_path / "there.zip").write_bytes(b"mine")
    for out, words in (("there.zip", "is there already"), ("course/submitted/x.zip", "lies in what is put into it")):
        result = run("archive", opened.root, "--out", tmp_path / out)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1) and words in result.stderr
    assert (tmp_path / "there.zip").read_bytes() == b"mine"
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda archive: "submitted/ana/1_mini/1_mini.ipynb")
    result = run("archive", opened.root, "--out", tmp_path / "broken.zip")
    assert result.exit_code == 2 and "cannot be read back; the course is as it was" in result.stderr
    monkeypatch.undo()
    assert run("archive", opened.root, "--dry-run").exit_code == 0
    assert run("archive", opened.root, "--keep", "--out", tmp_path / "kept.zip").exit_code == 0
    assert {name: text for name, text in files(opened.root).items() if name != ".lock"} == {
        name: text for name, text in before.items() if name != ".lock"
    }
    assert not (tmp_path / "broken.zip").exists()


@pytest.mark.parametrize("error", [OSError(13, "Permission denied"), KeyboardInterrupt()], ids=repr)
def test_a_class_is_taken_out_of_its_folder_whole_or_not_at_all(opened, tmp_path, monkeypatch, error):
    (tmp_path / "elsewhere").mkdir()
    shutil.move(opened.root / "submitted", tmp_path / "elsewhere")
    (opened.root / "submitted").symlink_to(tmp_path / "elsewhere" / "submitted")  # on another disk, say
    (opened.root / "gradebook.db-journal").write_bytes(b"of the class that is over")
    before, rename = files(opened.root), Path.rename
    many = sum(1 for path in opened.root.iterdir() if path.name not in (".lock", RULES, "rehearsal"))
    for stop in range(many):
        left = iter(range(stop))

        def stopped(path, target, left=left):
            if AWAY in str(target) and next(left, None) is None:
                raise error
            return rename(path, target)

        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(Path, "rename", stopped)
            archive.start_anew(opened)
        assert files(opened.root) == before, stop
    (opened.root / f"{AWAY}old").mkdir()
    archive.start_anew(opened)
    assert {path.name for path in opened.root.iterdir()} - {".lock"} == {RULES, "rehearsal"}
    assert list((tmp_path / "elsewhere").rglob("*.ipynb")), "what a link leads to is not ours to remove"


def test_the_answers_of_an_earlier_class_are_recognised_from_its_file_and_from_its_folder(opened, source, tmp_path):
    archive.write(opened, tmp_path / "old.zip")
    shutil.copytree(opened.root, tmp_path / "folder")
    shutil.rmtree(opened.root / "autograded")
    hand_in(opened, {"nuevo": (OWN, PROSE), "otra": (mini.size("return (n - f) // s"), "Otra cosa.")})
    now = similar.answers_of(Record(opened, read_only=True), [source], ["nuevo", "otra"])
    for place in ("old.zip", "folder"):
        with archive.opened(tmp_path / place) as old:
            before = similar.answers_of(Record(old, read_only=True), [source], ["ana", "eva", "luis"])
        wide = {cell: texts | {f"x{n}": f"{n} " * 60 for n in range(60)} for cell, texts in before.items()}
        [pair] = similar.across(now, wide)
        assert (pair.one, pair.other, pair.cells, pair.equal) == ("nuevo", "ana", ("n1-size", "n1-why"), 2)
    assert similar.pairs(now) == []


@pytest.mark.parametrize(("name", "words"), [
    ("no.zip", "is neither a course folder nor the file"), ("empty.zip", "holds no graded notebook"),
    ("text.zip", "is neither a course folder nor the file"), ("folder", "is no course folder with graded notebooks"),
])  # fmt: skip
def test_what_is_no_earlier_class_is_refused(name, words, tmp_path):
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    (tmp_path / "text.zip").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=words), archive.opened(tmp_path / name):
        pass
