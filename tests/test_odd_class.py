"""The instructor's commands where something is odd: one line, the right exit code, and nothing lost."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mini
import pytest
from running import grade_class, run

from tema9.classroom import course
from tema9.classroom.grading.record import Record

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = mini.write(tmp_path_factory.mktemp("sources"))
    with mini.as_course(folder):
        yield folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory, prepared):
    """A class of two, graded."""
    opened = prepared(tmp_path_factory.mktemp("course"))
    for student in ("ana", "luis"):
        mini.hand_in(opened, student, mini.size())
    grade_class(opened.root)
    return opened.root


@pytest.fixture
def root(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "course"))


@pytest.fixture
def handed_in(made, tmp_path):
    """A folder with what Zoe and Ana, again, hand in."""
    notebook = course.Course(made).release("1_mini").read_bytes()
    for student in ("ana", "zoe"):
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "1_mini.ipynb").write_bytes(notebook)
    return tmp_path / "in"


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def one_line(result, words, code=2):
    assert result.exit_code == code, result.output
    assert words in result.stderr and len(result.stderr.strip().splitlines()) == 1


def inside(folder, root, *arguments, mount):
    """Run the command where the course folder is another place: read-only, or a small disk in memory."""
    shown = ["bwrap", "--dev-bind", "/", "/", *map(str, mount)]
    command = [sys.executable, str(Path(mini.__file__)), str(folder), *map(str, arguments)]
    return subprocess.run([*shown, *command], capture_output=True, text=True)


@pytest.mark.parametrize("command", ["grade", "report", "feedback", "export"])
def test_without_submissions_each_command_says_where_they_go(command, folder, tmp_path):
    one_line(run(command, tmp_path / "course"), "submitted/STUDENT/NOTEBOOK/NOTEBOOK.ipynb")
    assert not (tmp_path / "course").exists()


def test_what_cannot_be_collected_is_one_line_and_makes_no_course(folder, handed_in, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.zip").write_bytes(b"PK no zip")
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("ana/1_mini.ipynb", "x" * 1000)
    (tmp_path / "cut.zip").write_bytes((tmp_path / "cut.zip").read_bytes()[:-30])
    root = tmp_path / "course"
    one_line(run("collect", tmp_path / "empty", "--course", root), "has no notebook of 1_mini")
    for name in ("no.zip", "cut.zip"):
        one_line(run("collect", tmp_path / name, "--course", root), "neither a folder nor a zip that can be read")
    one_line(run("collect", tmp_path / "nada.zip", "--course", root), "is not there")
    one_line(run("collect", handed_in, "--course", root, "--roster", tmp_path / "no.csv"), "no.csv")
    (tmp_path / "bad.csv").write_text("nombre\nAna\n")
    one_line(run("collect", handed_in, "--course", root, "--roster", tmp_path / "bad.csv"), "no column for who")
    assert not root.exists(), "a list that cannot be read is known before anything is taken in"


def test_the_caps_of_collect_are_options(root, handed_in):
    (handed_in / "zoe" / "1_mini.ipynb").write_bytes(b"x" * 200_000)
    capped = run("collect", handed_in, "--course", root, "--file-mib", 0.1)
    assert capped.exit_code == 1
    assert "left out: zoe/1_mini.ipynb: 200,000 bytes; the limit is 104,857" in " ".join(capped.output.split())
    one_line(run("collect", handed_in, "--course", root, "--files", 1), "holds more than 1 files")
    one_line(run("collect", handed_in, "--course", root, "--total-gib", 0.0001), "or 107,374 bytes; take it in parts")


def test_collect_says_who_is_not_enrolled(root, handed_in, tmp_path):
    (tmp_path / "a.csv").write_text("usuario;nombre\nana;Ana\neva;Eva\n")
    result = run("collect", handed_in, "--course", root, "--roster", tmp_path / "a.csv")
    assert result.exit_code == 1 and "unresolved: zoe: not in the list of enrolled students" in result.output
    with Record(course.Course(root)) as record:
        assert {"ana", "eva"} <= {student.id for student in record.students()}
    assert "zoe" in (root / "who.csv").read_text(encoding="utf-8-sig") and not (root / "submitted" / "zoe").exists()
    (root / "who.csv").write_text("handed_in_as;student\nzoe;eva\n", encoding="cp1252")  # as Excel saves it in Spain
    result = run("collect", handed_in, "--course", root)
    assert result.exit_code == 0, result.output
    assert (root / "submitted/eva/1_mini/1_mini.ipynb").is_file() and "zoe" in (root / "who.csv").read_text()


@pytest.mark.parametrize(
    "command", ["release", "collect", "grade", "report", "feedback", "export", "rehearse", "collect --roster"]
)
def test_a_dry_run_writes_nothing(command, root, handed_in, tmp_path):
    (tmp_path / "a.csv").write_text("usuario\nana\nzoe\n")
    before = files(tmp_path)
    arguments = {
        "collect": (handed_in, "--course", root),
        "collect --roster": (handed_in, "--course", root, "--roster", tmp_path / "a.csv"),
        "rehearse": ("--course", tmp_path / "rehearsal"),
        "grade": (root, "-j", 1),
    }.get(command, (root,))
    result = run(command.split()[0], *arguments, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would" in result.output or command == "grade"
    assert files(tmp_path) == before


def test_a_finished_class_needs_nothing_and_a_broken_submission_does(root):
    for command in ("grade", "report", "feedback", "export"):
        assert run(command, root, *(("-j", 1) if command == "grade" else ())).exit_code == 0, command
    (root / "submitted/luis/1_mini/1_mini.ipynb").write_text("{")
    assert run("grade", root, "-j", 1, "--yes").exit_code == 1
    assert run("report", root).exit_code == 1
    assert run("export", root).exit_code == 1


def test_a_pipe_among_the_submissions_is_nobody_s_to_wait_for(root):
    (root / "submitted/luis/1_mini/1_mini.ipynb").unlink()
    os.mkfifo(root / "submitted/luis/1_mini/1_mini.ipynb")
    result = run("grade", root, "-j", 1, "--yes")
    assert result.exit_code == 1 and "luis" in result.output and "it is no file" in result.output
    assert run("report", root).exit_code == 1


@pytest.mark.bubblewrap
def test_a_read_only_course_is_one_line_and_stays_as_it_was(folder, root, handed_in):
    before = files(root)
    for command, arguments in (
        ("collect", (handed_in, "--course", root)),
        ("grade", (root, "-j", "1", "--again")),
        ("export", (root,)),
    ):
        done = inside(folder, root, command, *arguments, mount=("--ro-bind", root, root))
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stderr.startswith("tema9: ") and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "read-only" in done.stderr.lower() or "readonly" in done.stderr
    assert files(root) == before


@pytest.mark.bubblewrap
def test_a_full_disk_is_one_line_and_nothing_that_was_there_is_lost(folder, root, handed_in, tmp_path):
    """What was handed in before lies on a disk without room; what is handed in again and anew does not fit."""
    (handed_in / "zoe" / "1_mini.ipynb").write_text("x" * 900_000)
    shutil.move(root / "submitted", tmp_path / "submitted")
    (root / "submitted").mkdir()
    script = (
        f"cp -r {tmp_path}/submitted/. {root}/submitted/ && "
        f"{sys.executable} {mini.__file__} {folder} collect {handed_in} --course {root}; echo code $?; "
        f"cat {root}/submitted/ana/1_mini/1_mini.ipynb; ls -A {root}/submitted/zoe/1_mini"
    )
    done = subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", "--size", "400000", "--tmpfs", root / "submitted", "sh", "-c", script],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "code 2" in done.stdout
    assert done.stderr.startswith("tema9: ") and "No space left" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (handed_in / "ana" / "1_mini.ipynb").read_text() in done.stdout, "Ana's new one was in before"
    replaced = list((root / "replaced" / "ana").glob("*.ipynb"))
    assert [path.read_bytes() for path in replaced] == [(tmp_path / "submitted/ana/1_mini/1_mini.ipynb").read_bytes()]
    assert done.stdout.rstrip().endswith("}"), "of Zoe's there is no half file"
