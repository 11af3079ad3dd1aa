"""The files of a delivery: names in any encoding, what is no file, and the limits of all and of each student."""

import contextlib
import io
import os
import socket
import struct
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest

from tema9.classroom.grading import delivery
from tema9.classroom.grading.delivery import Limits, TooMuch, files, within

ODD_FILES = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs names of any bytes, and FIFOs")


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    """The bytes of a zip of {name or ZipInfo: content}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def raw_zip(name, system=0, flags=0, extra=b"", content=b"x"):
    """The bytes of a zip with one stored file, whose name is these bytes, as any tool may have written it."""
    crc, size = zlib.crc32(content), len(content)
    head = struct.pack("<HHHHHIIIHH", 20, flags, 0, 0, 0x5A21, crc, size, size, len(name), len(extra))
    local = b"PK\x03\x04" + head + name + extra + content
    central = (
        b"PK\x01\x02" + struct.pack("<BB", 20, system) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name + extra
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def paths(tmp_path, content):
    """The (paths, lines) that `files` gives of a zip with these bytes."""
    (tmp_path / "in.zip").write_bytes(content)
    left_out: list[str] = []
    found = files(tmp_path / "in.zip", left_out)
    return [str(file.path) for file in found], left_out


def opened(content, **limits):
    """The ({path: content}, lines) that `within` gives of one student's zip with these bytes."""
    left_out: list[str] = []
    file = delivery.File(Path("ana.zip"), len(content), 0.0, lambda most: content)
    found = {str(file.path): content for file, content in within([file], Limits(**limits), left_out)}
    return found, left_out


def with_unicode_path(name):
    """The extra field of Info-ZIP with a name in UTF-8, for a file whose other name is b"?"."""
    body = b"\x01" + struct.pack("<I", zlib.crc32(b"?")) + name.encode()
    return struct.pack("<HH", 0x7075, len(body)) + body


NAME = "Íñigo Núñez, Ángel Ü ç.ipynb"


@pytest.mark.parametrize(
    ("raw", "how"),
    [
        (NAME.encode(), {"flags": 0x800}),  # 7-Zip, Info-ZIP, Moodle
        (NAME.encode(), {"system": 3}),  # Finder
        (unicodedata.normalize("NFD", NAME).encode(), {"system": 3}),  # Finder, from a disk of HFS+
        (NAME.encode("cp850"), {"system": 0}),  # Explorer in Spain
        (NAME.encode("cp1252"), {"system": 3}),  # an old Linux or PHP
        (NAME.encode("cp1252"), {"system": 0}),
        (NAME.encode(), {"system": 11}),
        (b"?", {"extra": with_unicode_path(NAME)}),  # WinZip
    ],
)
def test_names_of_zips_are_read_whatever_tool_wrote_them(raw, how, tmp_path):
    (found,), left_out = paths(tmp_path, raw_zip(raw, **how))
    assert unicodedata.normalize("NFC", found) == NAME and not left_out


def test_a_name_that_says_that_it_is_utf8_and_is_not_does_not_close_the_zip(tmp_path):
    (found,), _ = paths(tmp_path, raw_zip("José.ipynb".encode("cp1252"), system=3, flags=0x800))
    assert found == "José.ipynb"
    inner = raw_zip(b"Jos\xe9.ipynb", system=3, flags=0x800)
    assert opened(inner) == ({"ana.zip/José.ipynb": b"x"}, [])


@ODD_FILES
def test_a_folder_whose_names_are_not_utf8_is_read(tmp_path):
    for name in (b"Jos\xe9", "Peña".encode("cp850")):
        os.mkdir(os.fsencode(tmp_path) + b"/" + name)
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name), "1_lenet5.ipynb").write_bytes(name)
    left_out: list[str] = []
    found = {str(file.path): file.read(99) for file in files(tmp_path, left_out)}
    assert found == {"José/1_lenet5.ipynb": b"Jos\xe9", "Peña/1_lenet5.ipynb": "Peña".encode("cp850")} and not left_out


@ODD_FILES
def test_what_is_no_file_is_told_and_never_waited_for(tmp_path):
    for name in ("fifo", "socket", "link", "file"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo" / "1_lenet5.ipynb")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(tmp_path):  # the path of a socket is short
        listening.bind("socket/1_lenet5.ipynb")
    (tmp_path / "link" / "1_lenet5.ipynb").symlink_to("/dev/zero")
    (tmp_path / "file" / "1_lenet5.ipynb").write_bytes(b"x")
    left_out: list[str] = []
    assert [file.path.parts[0] for file in files(tmp_path, left_out)] == ["file"]
    assert sorted(left_out) == [
        "fifo/1_lenet5.ipynb: neither a file nor a folder",
        "link/1_lenet5.ipynb: a link",
        "socket/1_lenet5.ipynb: neither a file nor a folder",
    ]
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        files(tmp_path / "fifo" / "1_lenet5.ipynb", [])


def test_a_zip_with_a_password_a_broken_one_and_other_archives_are_told_with_the_reason():
    assert opened(raw_zip(b"1_lenet5.ipynb", flags=1)) == (
        {},
        ["ana.zip/1_lenet5.ipynb: cannot be read (it needs a password)"],
    )
    assert opened(b"PK\x03\x04 cut off") == ({}, ["ana.zip: a zip that cannot be read"])
    assert opened(b"") == ({}, ["ana.zip: a zip that cannot be read"])
    assert opened(zipped({"x.rar": b"Rar!"}))[1] == ["ana.zip/x.rar: a .rar cannot be opened; ask for a zip"]
    damaged = bytearray(zipped({"1_lenet5.ipynb": b"x" * 5000}, zipfile.ZIP_LZMA))
    damaged[60:70] = b"\xff" * 10
    found, left_out = opened(bytes(damaged))
    assert found == {} and left_out[0].startswith("ana.zip/1_lenet5.ipynb: cannot be read (")


def test_a_zip_under_the_name_of_a_notebook_is_a_zip_and_a_notebook_under_that_of_a_zip_a_notebook():
    inner = zipped({"1_lenet5.ipynb": b"{}"})
    for name in ("1_lenet5.ipynb", "1_lenet5.ipynb.txt", "entrega"):
        assert opened(zipped({name: inner})) == ({f"ana.zip/{name}/1_lenet5.ipynb": b"{}"}, [])
    office = zipped({"word/document.xml": b"<a/>"})
    assert opened(zipped({"1_lenet5.ipynb": office})) == ({"ana.zip/1_lenet5.ipynb": office}, [])
    for notebook in (b"{}", b"\xef\xbb\xbf\r\n{}"):
        assert opened(zipped({"1_lenet5.zip": notebook})) == ({"ana.zip/1_lenet5.zip": notebook}, [])


def test_zips_in_zips_are_opened_up_to_a_depth():
    deep = zipped({"1_lenet5.ipynb": b"deep"})
    for _ in range(2):
        deep = zipped({"x.zip": deep})
    assert opened(deep) == ({"ana.zip/x.zip/x.zip/1_lenet5.ipynb": b"deep"}, [])
    found, left_out = opened(zipped({"x.zip": deep, "6_zfnet.ipynb": b"6"}))
    assert found == {"ana.zip/6_zfnet.ipynb": b"6"}
    assert left_out == ["ana.zip/x.zip/x.zip/x.zip: a zip in a zip in a zip"]


def test_a_student_s_files_are_limited_in_number_and_in_bytes_however_they_are_packed():
    many = {f"{number}.txt": b"" for number in range(11)}
    with pytest.raises(TooMuch, match="more than 10 files"):
        opened(zipped(many), student_files=10)
    with pytest.raises(TooMuch, match="more than 10 files"):
        opened(zipped({"a.zip": zipped(dict(list(many.items())[:6])), "b.zip": zipped(many)}), student_files=10)
    bomb = zipped({f"{number}.ipynb": b"0" * 900 for number in range(8)})
    assert len(bomb) < 5000
    with pytest.raises(TooMuch, match="more than 6,000 bytes"):
        opened(bomb, file_bytes=5000, student_bytes=6000)


def test_an_entry_that_says_less_than_it_has_is_not_believed():
    lie = zipped({"1_lenet5.ipynb": b"0" * 50_000}).replace((50_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    found, left_out = opened(lie, file_bytes=1000)
    assert found == {} and left_out[0].startswith("ana.zip/1_lenet5.ipynb: cannot be read")
