"""The intake: notebooks that students handed in go from a folder, or a zip of Moodle or Canvas, into submitted/.

The names of files and folders say to which student a notebook belongs. The name of the file, or else the identifiers
in it, say which notebook it is. No file is written to a path that a zip names, links are refused, and sizes are
limited. The caller is told which files were left out, and no earlier submission is lost.
"""

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.files import atomic_write

# What zipfile raises when a zip is broken or of a kind that it cannot read.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, ValueError)


@dataclass(frozen=True)
class Limits:
    """How much is taken in.

    Args:
        file_bytes: that one file may have.
        total_bytes: that all the files together may have.
        files: how many there may be.
    """

    file_bytes: int = 20 * 2**20
    total_bytes: int = 4 * 2**30
    files: int = 50_000


class NothingToGrade(FileNotFoundError):
    """There is no submission where submissions were expected."""


@dataclass(frozen=True)
class Found:
    """A file that was handed in.

    Args:
        path: where the file is in the folder or zip that is taken in.
        content: the bytes of the file; b"" for a file that is no notebook.
        when: the time of the file; of several submissions of one student, the newest counts.
    """

    path: PurePosixPath
    content: bytes
    when: float


def collect(
    root: str | Path,
    place: str | Path,
    limits: Limits | None = None,
    names: dict[str, str] | None = None,
    dry_run: bool = False,
) -> tuple[list[tuple[str, str]], list[str]]:
    """Take in the notebooks that are in a folder or a zip.

    These forms are known: STUDENT/.../NOTEBOOK.ipynb; NOTEBOOK/STUDENT.ipynb; STUDENT_NOTEBOOK.ipynb; Moodle's
    Name_123_assignsubmission_file_/...; Canvas's name_123_456_NOTEBOOK.ipynb; and zips with any of them. If a student
    hands in a notebook again, the submission before moves to replaced/.

    Returns:
        a sorted list of the (student, notebook) that were taken in, and a line for each file that was left out.

    Args:
        root: the course folder.
        place: the folder or the zip that holds the submissions.
        limits: how much is taken in; None for the default limits.
        names: {another name: student}, as `people.names_of` returns it, for submissions under another name.
        dry_run: whether to write nothing.

    Raises:
        NothingToGrade: the folder or the zip has no notebook of the course; the message says what is expected.
        ValueError: all files together are over the limits, or `place` is neither a folder nor a zip.
    """
    notebooks = [source.name for source in sources.all_sources()]
    gathered, left_out = gather(Path(place), notebooks, limits or Limits())
    if not gathered:
        raise NothingToGrade(
            f"{place} has no notebook of {', '.join(sorted(notebooks))}; expected STUDENT/NOTEBOOK.ipynb"
        )
    handed_in: dict[tuple[str, str], bytes] = {}
    for (student, notebook), content in gathered.items():
        enrolled_as = (names or {}).get(student.lower(), student)
        if (enrolled_as, notebook) in handed_in:  # a second submission under another name of the same student
            enrolled_as = student
        handed_in[enrolled_as, notebook] = content
    course = Course(root)
    for (student, notebook), content in sorted(handed_in.items()):
        if not dry_run:
            _put(course, student, notebook, content)
    return sorted(handed_in), left_out


def gather(place: Path, names: Iterable[str], limits: Limits) -> tuple[dict[tuple[str, str], bytes], list[str]]:
    """Read the notebooks that are in a folder or a zip, and write nothing.

    Returns:
        {(student, notebook): the bytes of the file}, and a line for each file that was left out.

    Args:
        place: the folder or the zip that holds the submissions.
        names: the names of the notebooks of the course.
        limits: how much is read.

    Raises:
        NothingToGrade: `place` does not exist.
        ValueError: all files together are over the limits, or `place` is neither a folder nor a zip.
    """
    names = list(names)
    if not place.exists():
        raise NothingToGrade(f"{place} is not there; give a folder or a zip of submissions")
    left_out: list[str] = []
    handed_in: dict[tuple[str, str], list[Found]] = {}
    origins: dict[str, str] = {}  # {student: the folder or name from which the student was read}
    files = [file for file in _files(place, limits, left_out) if not _is_litter(file.path)]
    root_parts = _common(files)
    for file in files:
        path = PurePosixPath(*file.path.parts[root_parts:])
        if path.suffix != ".ipynb":
            left_out.append(f"{file.path}: no notebook")
            continue
        notebook = notebook_of(path.stem, names) or notebook_in(file.content, names)
        if notebook is None:
            left_out.append(f"{file.path}: no notebook of the course")
            continue
        student, origin = student_of(path, notebook, names)
        if not student:
            left_out.append(f"{file.path}: it does not say whose it is; name its folder after the student")
            continue
        if origins.setdefault(student, origin) != origin:
            student = slug(f"{student}-{re.sub(r'[^0-9]', '', origin) or len(origins)}")
            origins[student] = origin
        handed_in.setdefault((student, notebook), []).append(file)
    newest_of = {}
    for key, several in handed_in.items():
        *older, newest = sorted(several, key=lambda file: (file.when, _copy_number(file.path.stem), str(file.path)))
        left_out += [f"{file.path}: {newest.path} is newer" for file in older]
        newest_of[key] = newest.content
    return newest_of, left_out


def _put(course, student, notebook, content):
    """Write a submission into submitted/, and an earlier one that differs from it into replaced/."""
    target = course.submitted(student, notebook)
    if target.exists():
        before = target.read_bytes()
        if before == content:
            return
        folder = course.root / "replaced" / student
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + sum(1 for _ in folder.glob(f"{notebook}-*.ipynb"))
        with atomic_write(folder / f"{notebook}-{number}.ipynb") as temporary:
            temporary.write_bytes(before)
    with atomic_write(target) as temporary:
        temporary.write_bytes(content)


def _files(place, limits, left_out):
    """Yield a `Found` for each file of a folder or a zip, and of the zips in it, that is within the limits."""
    if place.is_dir():
        entries = _of_folder(place, left_out)
    else:
        try:
            entries = _of_zip(zipfile.ZipFile(place), PurePosixPath(), left_out)
        except UNREADABLE:
            raise ValueError(f"{place} is neither a folder nor a zip that can be read") from None
    count = total = 0
    waiting = [(entries, 0)]
    while waiting:
        entries, depth = waiting.pop()
        for path, size, when, read in entries:
            count, total = count + 1, total + min(size, limits.file_bytes)
            if count > limits.files or total > limits.total_bytes:
                raise ValueError(
                    f"{place} holds more than {limits.files:,} files or {limits.total_bytes:,} bytes; take it in parts"
                )
            if size > limits.file_bytes:
                left_out.append(f"{path}: {size:,} bytes; the limit is {limits.file_bytes:,}")
                continue
            if path.suffix not in (".ipynb", ".zip"):
                yield Found(path, b"", when)
                continue
            try:
                content = read(limits.file_bytes)
            except UNREADABLE as error:
                left_out.append(f"{path}: cannot be read ({error})")
                continue
            if path.suffix == ".zip" and depth < 2:
                try:
                    waiting.append((_of_zip(zipfile.ZipFile(io.BytesIO(content)), path.parent, left_out), depth + 1))
                except UNREADABLE:
                    left_out.append(f"{path}: a zip that cannot be read")
            else:
                yield Found(path, content, when)


def _of_folder(folder, left_out):
    """Yield (path, size, time, function that reads it) of each file of a folder; links are left out."""
    for path in sorted(folder.rglob("*")):
        inside = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            left_out.append(f"{inside}: a link")
        elif path.is_file() and not any(parent.is_symlink() for parent in path.parents if folder in parent.parents):
            state = path.stat()
            yield inside, state.st_size, state.st_mtime, lambda most, path=path: path.read_bytes()


def _of_zip(archive, prefix, left_out):
    """Yield what `_of_folder` does, for a zip, whose entries may be larger than the zip says."""
    for entry in archive.infolist():
        parts = [
            part for part in PurePosixPath(entry.filename.replace("\\", "/")).parts if part not in ("/", "..", ".")
        ]
        if entry.filename.endswith("/") or not parts:
            continue
        path = prefix.joinpath(*parts)
        if stat.S_ISLNK(entry.external_attr >> 16):
            left_out.append(f"{path}: a link")
            continue
        try:
            when = datetime(*entry.date_time).timestamp()
        except (ValueError, OverflowError, OSError):
            when = 0.0

        def read(most, entry=entry):
            with archive.open(entry) as file:
                content = file.read(most + 1)
            if len(content) > most:
                raise ValueError(f"more than {most:,} bytes")
            return content

        yield path, entry.file_size, when, read


def _is_litter(path):
    """Whether a file is one that systems and editors leave behind, or the start page, which nobody has to hand in."""
    hidden = any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in path.parts)
    start = path.suffix == ".ipynb" and path.stem.startswith(sources.START)
    return hidden or start or path.stem.endswith("-checkpoint") or path.name in ("Thumbs.db", "desktop.ini")


def _common(files):
    """How many folders, above those of the students, all the notebooks are in together."""
    notebooks = [file.path for file in files if file.path.suffix == ".ipynb"]
    deep = 0
    while notebooks and len({path.parts[: deep + 1] for path in notebooks}) == 1 and len(notebooks) > 1:
        if any(len(path.parts) < deep + 3 for path in notebooks):
            break
        deep += 1
    return deep


def notebook_of(stem: str, names: Iterable[str]) -> str | None:
    """Return the notebook that the name of a file says, or None if it says none.

    Names such as "1_lenet5 (1)", "Copia de 1_lenet5" and "ana-1-lenet5-final" all say 1_lenet5.

    Args:
        stem: the name of the file, without ".ipynb".
        names: the names of the notebooks of the course.
    """
    flat = _flat(stem)
    for shorten in (_flat, lambda name: _flat(name).split("_", 1)[-1]):  # with its number, and without
        found = [name for name in names if re.search(rf"(?<![a-z0-9]){re.escape(shorten(name))}(?![a-z0-9])", flat)]
        if len(found) == 1:
            return found[0]
    return None


def notebook_in(content: bytes, names: Iterable[str]) -> str | None:
    """Return the notebook to which the identifiers of cells in a file belong, or None if there are none.

    Args:
        content: the bytes of the file.
        names: the names of the notebooks of the course.
    """
    numbers = Counter(re.findall(rb'"(?:grade_id|id)": *"n(\d+)-[a-z]', content))
    if not numbers:
        return None
    number = numbers.most_common(1)[0][0].decode()
    return next((name for name in names if name.split("_")[0] == number), None)


def student_of(path: PurePosixPath, notebook: str, names: Iterable[str]) -> tuple[str, str]:
    """Return the student to whom a path says that a file belongs, and the part of the path that says it.

    The student is "" if the path does not say it.

    Args:
        path: the path of the file in the folder or zip that is taken in.
        notebook: the notebook that the file is.
        names: the names of the notebooks of the course.
    """
    top = path.parts[0] if len(path.parts) > 1 else ""
    if moodle := re.fullmatch(r"(.+?)_(\d+)_assignsubmission_\w*", top):
        return slug(moodle[1]), top
    if top and notebook_of(top, names) != notebook:
        return slug(top), top
    if canvas := re.fullmatch(r"([^_]+)_(?:LATE_)?(\d+)_\d+_.+", path.stem):
        return slug(canvas[1]), canvas[2]
    rest = path.stem
    if notebook_of(rest, names):
        words = re.split(r"[_\W]+", notebook)
        rest = re.sub(
            r"(?i)(?:" + words[0] + r"[_\W]+)?" + r"[_\W]+".join(map(re.escape, words[1:])), " ", rest, count=1
        )
        rest = re.sub(r"\(\d+\)|(?i:\b(copia de|copy of|copia|copy|final|definitivo)\b)", " ", rest)
    return slug(rest), rest.strip()


def _flat(text):
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower())


def slug(name: str) -> str:
    """Return a name as one that a folder can have: letters and digits of any language, and the signs -_.@+."""
    name = unicodedata.normalize("NFC", name)
    return re.sub(r"-{2,}", "-", re.sub(r"[^\w.@+-]", "-", name)).strip("-._ ")[:80]


def _copy_number(stem):
    """The 2 of "1_lenet5 (2)", by which browsers number a file that is downloaded again; 0 without a number."""
    numbers = re.findall(r"\((\d+)\)", stem)
    return int(numbers[-1]) if numbers and len(numbers[-1]) < 9 else 0
