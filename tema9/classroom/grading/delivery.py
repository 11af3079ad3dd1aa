"""The files of a delivery: a folder, or a zip, with the zips that students put into it.

Nothing is unpacked onto the disk. Links and what is no file are refused; sizes and numbers of files are limited, those
of one student by limits of their own, so that one student's files never keep out another's.
"""

import io
import itertools
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path, PurePosixPath

DEPTH = 2  # of zips inside a student's zip
ENDINGS = (".ipynb", ".zip", ".json", ".txt", ".py", "")  # of files whose content is looked at
ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")  # which this does not open
IN_ZIP = 0x1  # the bit of an entry of a zip that says that it is encrypted
UTF8 = 0x800  # the bit that says that its name is in UTF-8
UNICODE_PATH = 0x7075  # Info-ZIP's extra field with the name in UTF-8
UNIX_TIME = 0x5455  # Info-ZIP's extra field with the time in UTC
UNIX, MACOS = 3, 19  # systems on which a zip can have been made


@dataclass(frozen=True)
class Limits:
    """How much is taken in.

    Args:
        file_bytes: that one file may have.
        total_bytes: that all the files together may have.
        files: how many there may be.
        student_bytes: that all the files of one student may have, those in zips included.
        student_files: how many files one student may hand in, those in zips included.
    """

    file_bytes: int = 20 * 2**20
    total_bytes: int = 4 * 2**30
    files: int = 50_000
    student_bytes: int = 256 * 2**20
    student_files: int = 5_000


@dataclass(frozen=True)
class File:
    """A file of a delivery, not read yet.

    Args:
        path: where it is in the folder or zip, its name decoded.
        size: in bytes, as the folder or zip says.
        when: its time, in seconds since 1970; 0 where it has none.
        read: returns its content, if it has at most so many bytes, and raises an error otherwise.
    """

    path: PurePosixPath
    size: int
    when: float
    read: Callable[[int], bytes]


class TooMuch(Exception):
    """A student's files are over the limits."""


def files(place: Path, left_out: list[str], zone: tzinfo | None = None) -> list[File]:
    """Return the files of a folder or a zip; of what is no file a line is added to `left_out`.

    Args:
        place: the folder or zip.
        left_out: gets the lines.
        zone: of the times in a zip, which mostly say none; None for that of this machine.

    Raises:
        ValueError: `place` is neither a folder nor a zip that can be read.
    """
    if place.is_dir():
        return list(_of_folder(place, left_out))
    try:
        if not place.is_file():
            raise ValueError
        return list(_of_zip(_opened(place), PurePosixPath(), left_out, zone))
    except Exception:  # zipfile raises errors of a dozen kinds
        raise ValueError(f"{place} is neither a folder nor a zip that can be read") from None


def within(given: list[File], limits: Limits, left_out: list[str]) -> Iterator[tuple[File, bytes]]:
    """Yield the files of one student with their content; zips among them are opened, and what is in them comes instead.

    Content is read of the files that can be a notebook; the others come with none. What is a zip, and what a notebook
    under the name of a zip, its content says.

    Args:
        given: the files of one student.
        limits: how much is read.
        left_out: gets a line for each file that is left out.

    Raises:
        TooMuch: the files are more, or larger, than one student may hand in; the message says which.
    """
    count = total = 0
    waiting = [(iter(given), 0)]
    while waiting:
        entries, depth = waiting.pop()
        for file in entries:
            count, total = count + 1, total + min(file.size, limits.file_bytes)
            if count > limits.student_files:
                raise TooMuch(f"more than {limits.student_files:,} files")
            if total > limits.student_bytes:
                raise TooMuch(f"more than {limits.student_bytes:,} bytes")
            ending = file.path.suffix.lower()
            if file.size > limits.file_bytes:
                left_out.append(f"{file.path}: {file.size:,} bytes; the limit is {limits.file_bytes:,}")
            elif ending in ARCHIVES:
                left_out.append(f"{file.path}: a {ending} cannot be opened; ask for a zip")
            elif ending not in ENDINGS and ".ipynb" not in file.path.name.lower():
                yield file, b""
            else:
                try:
                    content = file.read(limits.file_bytes)
                    if not _is_zip(ending, content):
                        yield file, content
                    elif depth > DEPTH:
                        left_out.append(f"{file.path}: a zip in a zip in a zip")
                    else:
                        waiting.append((_of_bytes(content, file.path, limits, left_out), depth + 1))
                except TooMuch:
                    raise
                except Exception as error:  # zipfile raises errors of a dozen kinds
                    left_out.append(f"{file.path}: cannot be read ({_reason(error)})")


def _is_zip(ending, content):
    """Whether a file is a zip by what it holds, and otherwise by its ending: a notebook may have either of the two."""
    if content.startswith(b"PK\x03\x04"):
        return ending == ".zip" or b".ipynb" in content  # no document of an office program
    return ending == ".zip" and not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _of_bytes(content, path, limits, left_out):
    if content.count(b"PK\x01\x02") > limits.student_files:  # before all their names are read
        raise TooMuch(f"more than {limits.student_files:,} files")
    try:
        return _of_zip(_opened(content), path, left_out)
    except Exception as error:
        why = "" if "not a zip file" in str(error) else f" ({_reason(error)})"
        left_out.append(f"{path}: a zip that cannot be read{why}")
        return iter(())


def _reason(error):
    text = " ".join(str(error).split())
    return "it needs a password" if "password" in text or "encrypted" in text else text[:200] or type(error).__name__


def _opened(place):
    """The zip in a file or in bytes; names that say that they are UTF-8 and are not keep none from being opened."""
    try:
        return zipfile.ZipFile(place if isinstance(place, Path) else io.BytesIO(place))
    except UnicodeDecodeError:
        content = bytearray(place.read_bytes() if isinstance(place, Path) else place)
        end = content.rfind(b"PK\x05\x06")
        size, offset = struct.unpack_from("<II", content, end + 12)
        at, before = end - size, end - size - offset
        while content[at : at + 4] == b"PK\x01\x02":  # the entries of the directory, each with its file's own head
            lengths = struct.unpack_from("<HHH", content, at + 28)
            head = before + struct.unpack_from("<I", content, at + 42)[0]
            for place_of_flags in (at + 8, head + 6):
                flags = struct.unpack_from("<H", content, place_of_flags)[0]
                struct.pack_into("<H", content, place_of_flags, flags & ~UTF8)
            at += 46 + sum(lengths)
        return zipfile.ZipFile(io.BytesIO(bytes(content)))


def _of_folder(folder, left_out):
    """Yield the files of a folder, in the order of their names; links and what is no file are left out."""

    def told(error):
        left_out.append(f"{_inside(folder, error.filename)}: cannot be read ({error.strerror})")

    for top, folders, names in os.walk(folder, onerror=told):
        folders.sort()
        for name in [one for one in folders if os.path.islink(os.path.join(top, one))]:
            left_out.append(f"{_inside(folder, os.path.join(top, name))}: a link")
        for name in sorted(names):
            path = os.path.join(top, name)
            inside = _inside(folder, path)
            try:
                state = os.lstat(path)
            except OSError as error:
                left_out.append(f"{inside}: cannot be read ({error.strerror})")
                continue
            if stat.S_ISLNK(state.st_mode):
                left_out.append(f"{inside}: a link")
            elif not stat.S_ISREG(state.st_mode):
                left_out.append(f"{inside}: neither a file nor a folder")
            else:
                yield File(inside, state.st_size, state.st_mtime, lambda most, path=path: _read_file(path, most))


def _inside(folder, path):
    """A path in a folder, its parts decoded: a name that is not UTF-8 is one of Windows or of an old Linux."""
    parts = Path(path).relative_to(folder).parts
    return PurePosixPath(*(_decoded(os.fsencode(part), UNIX) if _is_odd(part) else part for part in parts))


def _is_odd(name):
    return any("\ud800" <= one <= "\udfff" for one in name)


def _read_file(path, most):
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("no file any more")
        return capped(file.read(most + 1), most)


def capped(content: bytes, most: int) -> bytes:
    """Return the content of a file that has at most so many bytes; ValueError if it has more."""
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes")
    return content


def _of_zip(archive, prefix, left_out, zone=None):
    """Yield the files of a zip; its entries may be larger than the zip says, and their names may be anything."""
    for entry in archive.infolist():
        name = _name_of(entry)
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
        if name.endswith(("/", "\\")) or not parts:
            continue
        path = prefix.joinpath(*parts)
        mode = entry.external_attr >> 16
        if stat.S_ISLNK(mode):
            left_out.append(f"{path}: a link")
            continue
        if entry.create_system == UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            left_out.append(f"{path}: neither a file nor a folder")
            continue

        def read(most, entry=entry):
            if entry.flag_bits & IN_ZIP:
                raise ValueError("it needs a password")
            with archive.open(entry) as file:
                return capped(file.read(most + 1), most)

        yield File(path, entry.file_size, _time_of(entry, zone), read)


def _time_of(entry, zone):
    """The time of an entry of a zip, in seconds since 1970; 0 where it has none."""
    for kind, data in _extra_of(entry):
        if kind == UNIX_TIME and len(data) >= 5 and data[0] & 1:
            return float(struct.unpack_from("<i", data, 1)[0])
    try:
        return datetime(*entry.date_time, tzinfo=zone).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _extra_of(entry):
    """Yield the (kind, data) of the extra fields of an entry of a zip."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        yield kind, extra[4 : 4 + size]
        extra = extra[4 + size :]


def _name_of(entry):
    """The name of an entry of a zip, which only newer tools write in UTF-8 and say so."""
    if entry.flag_bits & UTF8:
        return entry.orig_filename.partition("\0")[0]
    raw = entry.orig_filename.encode("cp437", errors="replace")
    for kind, data in _extra_of(entry):
        if kind == UNICODE_PATH and len(data) > 5 and struct.unpack_from("<I", data, 1)[0] == zlib.crc32(raw):
            return data[5:].decode("utf-8", errors="replace")
    return _decoded(raw.partition(b"\0")[0], entry.create_system)


def _decoded(raw, system):
    """The text of a name in an encoding that nobody tells: UTF-8 if it is that, else the one that gives letters."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    order = ("cp1252", "cp850") if system in (UNIX, MACOS) else ("cp850", "cp1252")
    texts = [raw.decode(encoding, errors="replace") for encoding in (*order, "cp437")]
    return max(texts, key=_is_plausible)


def _is_plausible(text):
    """How much a text looks like a name: 2 if it has letters only, 1 if one stands oddly, 0 if it has other signs."""
    odd = [one for one in text if ord(one) > 127]
    if not all(one.isalpha() or one in "ºª·’" for one in odd):
        return 0
    pairs = itertools.pairwise(text)
    return 1 if any(before.islower() and after.isupper() and ord(after) > 127 for before, after in pairs) else 2
