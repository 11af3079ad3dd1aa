"""A course that is over, in one file, from which next year's answers are compared; and the folder made ready again."""

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tema9.classroom import gradebook, rules
from tema9.classroom.course import DATABASE, OWN_SETTINGS, Course
from tema9.files import atomic_write

# What of a course folder belongs to the class; the rest (a rehearsal, trained networks, the slides) is no part of it.
FOLDERS = ("source", "release", "submitted", "replaced", "autograded", "receipts", "feedback", "exchange")
FILES = ("roster.csv", "who.csv", "handed_in.csv", "scores*.csv", "scores*.xlsx", "filled-*", "feedback-*.zip",
         "report.html", "nbgrader_config.py", "tema9-estudiantes.zip", "expected.csv")  # fmt: skip
KEPT = (rules.RULES, OWN_SETTINGS)  # in the archive, and for the next class too
GRADEBOOK = "gradebook.db"
AWAY = ".archived-"  # begins the name of the folder for what is taken out of a course, until it is removed
FOR_COMPARISON = ("release/", "autograded/", "roster.csv")


def contents(course: Course) -> list[Path]:
    """Return the paths of the files of a course folder that belong to its class, without the gradebook.

    Links are left out: they lead to files of others.
    """
    found = [path for name in FOLDERS for path in (course.root / name).rglob("*")]
    found += [path for pattern in (*FILES, *KEPT) for path in course.root.glob(pattern)]
    return sorted({path for path in found if path.is_file() and not path.is_symlink()})


def write(course: Course, out: str | Path) -> int:
    """Write a course into one zip and read it back; return how many files are in it.

    The gradebook is in it as a file of SQLite, whatever database it is in.

    Args:
        course: the course.
        out: the path of the zip.

    Raises:
        ValueError: there is a file of this name, the zip would lie in the course folder, or there is nothing to keep.
        OSError: the zip could not be written whole.
        GradebookError: the gradebook cannot be read.
    """
    out = Path(out).resolve()
    if out.exists():
        raise ValueError(f"{out} is there already; give another name with --out")
    if any(out.is_relative_to(course.root / name) for name in FOLDERS):
        raise ValueError(f"{out} lies in what is put into it; give another place with --out")
    files = contents(course)
    if not any(path.relative_to(course.root).parts[0] == "submitted" for path in files):
        raise ValueError(f"nobody has handed in anything in {course.root}: there is no class to close")
    with tempfile.TemporaryDirectory() as folder, atomic_write(out, mode=0o600) as temporary:
        book = Path(folder) / GRADEBOOK
        gradebook.back_up(course.url, book)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in files:
                archive.write(path, path.relative_to(course.root))
            if book.exists():
                archive.write(book, GRADEBOOK)
        with zipfile.ZipFile(temporary) as archive:
            for path in files:
                if archive.read(path.relative_to(course.root).as_posix()) != path.read_bytes():
                    raise OSError(f"{path} changed while the archive was written; do it again")
            if broken := archive.testzip():
                raise OSError(f"{broken} in the archive cannot be read back; the course is as it was")
    return len(files) + 1


def start_anew(course: Course) -> None:
    """Take a class out of its course folder, which is to be in an archive; `tema9 release` then begins the next one.

    The rules and the teacher's own settings stay. A gradebook in another database than the folder's stays there as it
    is, and the next class has one in the folder. Everything is moved away before anything is removed: where something
    cannot be moved, or Ctrl-C comes, all of it is put back.

    Raises:
        OSError: something cannot be moved.
    """
    names = [path.name for path in contents(course) if path.parent == course.root and path.name not in KEPT]
    books = [f"{GRADEBOOK}{ending}" for ending in ("", "-journal", "-wal", "-shm")]
    taken = [course.root / name for name in (*names, *books, DATABASE, *FOLDERS)]
    away = Path(tempfile.mkdtemp(prefix=AWAY, dir=course.root))
    pairs = [(path, away / path.name) for path in taken if os.path.lexists(path)]
    try:
        for path, moved in pairs:
            path.rename(moved)
    except BaseException:
        for path, moved in pairs:
            if os.path.lexists(moved):
                moved.rename(path)
        away.rmdir()
        raise
    for left in course.root.glob(f"{AWAY}*"):  # also what an earlier run could not remove to the end
        shutil.rmtree(left)


def default_name(course: Course, today: date | None = None) -> Path:
    """Return where the archive of a course goes, if nobody says it: beside its folder, with the date in its name."""
    return course.root.parent / f"{course.root.name}-{(today or date.today()).isoformat()}.zip"


@contextlib.contextmanager
def opened(place: str | Path) -> Iterator[Course]:
    """Give the course that an archive holds, or that lies in a folder, inside of a `with`; nothing of it is run.

    Raises:
        ValueError: it is neither.
    """
    place = Path(place)
    if place.is_dir():
        if not (place / "autograded").is_dir():
            raise ValueError(f"{place} is no course folder with graded notebooks")
        yield Course(place)
        return
    if not place.is_file() or not zipfile.is_zipfile(place):
        raise ValueError(f"{place} is neither a course folder nor the file that `tema9 archive` writes")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(place) as archive:
        names = [name for name in archive.namelist() if name.startswith(FOR_COMPARISON)]
        if not any(name.startswith("autograded/") for name in names):
            raise ValueError(f"{place} holds no graded notebook; give the file that `tema9 archive` writes")
        for name in names:  # `extract` leaves out what leads out of the folder
            archive.extract(name, folder)
        yield Course(os.path.realpath(folder))
