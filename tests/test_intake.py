"""Taking in submissions: every shape they come in, and what is refused."""

import io
import os
import random
import stat
import struct
import zipfile
from datetime import UTC
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import nbformat
import pytest

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading import identities, intake

NAMES = [source.name for source in sources.all_sources()]
NOTEBOOK = (sources.NOTEBOOKS / "1_lenet5.ipynb").read_bytes()


def zipped(files):
    """The bytes of a zip of {path: bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def submitted(root):
    return {str(path.relative_to(root / "submitted")): path.read_bytes() for path in root.glob("submitted/*/*/*.ipynb")}


def take_in(tmp_path, files, /, **limits):
    """Collect {path: bytes} from a zip; return (left out, submitted)."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "in.zip").write_bytes(zipped(files))
    left_out = intake.collect(tmp_path / "course", tmp_path / "in.zip", intake.Limits(**limits)).left_out
    return left_out, submitted(tmp_path / "course")


@pytest.mark.parametrize(
    ("stem", "notebook"),
    [
        ("1_lenet5", "1_lenet5"),
        ("1_lenet5 (1)", "1_lenet5"),
        ("Copia de 1_lenet5", "1_lenet5"),
        ("ana-1-LeNet5-final", "1_lenet5"),
        ("lenet5", "1_lenet5"),
        ("6 zfnet ana", "6_zfnet"),
        ("3_dentro_de_las_capas_v2", "3_dentro_de_las_capas"),
        ("11_lenet5", "1_lenet5"),
        ("1_lenet5 y 6_zfnet", None),
        ("apuntes", None),
        ("", None),
    ],
)
def test_the_notebook_is_known_by_its_name(stem, notebook):
    assert intake.notebook_of(stem, NAMES) == notebook


def test_a_notebook_of_any_name_is_known_by_what_it_holds(tmp_path):
    left_out, found = take_in(tmp_path, {"ana/entrega.ipynb": NOTEBOOK, "luis/otra.ipynb": b"{}"})
    assert found == {"ana/1_lenet5/1_lenet5.ipynb": NOTEBOOK}
    assert left_out == ["luis/otra.ipynb: no notebook of the course"]


def test_another_notebook_under_the_name_of_one_is_what_it_holds_where_that_was_not_handed_in(tmp_path):
    _, found = take_in(tmp_path / "a", {"ana/2_alexnet_capa_a_capa.ipynb": NOTEBOOK, "zoe/6_zfnet.ipynb": b"6"})
    assert found["ana/1_lenet5/1_lenet5.ipynb"] == NOTEBOOK and len(found) == 2
    own = NOTEBOOK + b" "
    files = {"ana/1_lenet5.ipynb": own, "ana/2_alexnet_capa_a_capa.ipynb": NOTEBOOK}
    left_out, found = take_in(tmp_path / "b", files)
    assert found == {"ana/1_lenet5/1_lenet5.ipynb": own}
    assert left_out == ["ana/2_alexnet_capa_a_capa.ipynb: ana/1_lenet5.ipynb is the notebook"]
    both = NOTEBOOK + b'{"id": "n2-pool1"}'
    assert list(take_in(tmp_path / "c", {"ana/2_alexnet_capa_a_capa.ipynb": both})[1].values()) == [both]


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("ana/1_lenet5.ipynb", "ana"),
        ("ana/entrega final/1_lenet5 (2).ipynb", "ana"),
        ("Ana García_123456_assignsubmission_file_/1_lenet5.ipynb", "Ana-García"),
        ("garciaana_12345_67890_1_lenet5.ipynb", "garciaana"),
        ("garciaana_LATE_12345_67890_1_lenet5-1.ipynb", "garciaana"),
        ("1_lenet5/ana.ipynb", "ana"),
        ("ana_1_lenet5.ipynb", "ana"),
        ("ana_1_lenet5-checkpoint.ipynb", "ana"),
        ("1_lenet5_ana lópez (1).ipynb", "ana-lópez"),
        ("ana@uni.es/1_lenet5.ipynb", "ana@uni.es"),
        ("ana/../../../etc/1_lenet5.ipynb", "ana"),
        ("..\\..\\ana\\1_lenet5.ipynb", "ana"),
    ],
)
def test_the_student_is_known_by_the_names_of_files_and_folders(path, student, tmp_path):
    left_out, found = take_in(tmp_path, {path: NOTEBOOK, "zoe/6_zfnet.ipynb": b"zfnet"})
    assert left_out == []
    assert found == {f"{student}/1_lenet5/1_lenet5.ipynb": NOTEBOOK, "zoe/6_zfnet/6_zfnet.ipynb": b"zfnet"}


def test_a_notebook_of_nobody_is_told(tmp_path):
    left_out, _ = take_in(tmp_path, {"1_lenet5.ipynb": NOTEBOOK, "zoe/6_zfnet.ipynb": b"zfnet"})
    assert left_out == ["1_lenet5.ipynb: it does not say whose it is; name its folder after the student"]


def test_a_folder_around_all_students_is_none_of_them(tmp_path):
    _, found = take_in(tmp_path, {f"entregas/tema 9/{student}/1_lenet5.ipynb": NOTEBOOK for student in ("ana", "luis")})
    assert sorted(found) == ["ana/1_lenet5/1_lenet5.ipynb", "luis/1_lenet5/1_lenet5.ipynb"]


def test_two_students_of_one_name_stay_two(tmp_path):
    folders = (f"Ana García_{number}_assignsubmission_file_" for number in (111, 222))
    _, found = take_in(tmp_path, {f"{folder}/1_lenet5.ipynb": folder.encode() for folder in folders})
    assert len(found) == 2 and len(set(found.values())) == 2


def test_zips_inside_the_zip_are_read(tmp_path):
    inner = zipped({"trabajo/1_lenet5.ipynb": NOTEBOOK})
    _, found = take_in(tmp_path, {"Ana_1_assignsubmission_file_/trabajo.zip": inner, "luis/1_lenet5.ipynb": b"luis"})
    assert found["Ana/1_lenet5/1_lenet5.ipynb"] == NOTEBOOK and len(found) == 2


def test_of_several_the_newest_counts_and_the_others_are_told(tmp_path):
    for number, name in enumerate(("1_lenet5 (2)", "1_lenet5", "1_lenet5 (1)")):
        path = tmp_path / "in" / "ana" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1000 + number % 2, 1000 + number % 2))  # the one without a number is the newest
    left_out = intake.collect(tmp_path / "course", tmp_path / "in").left_out
    assert submitted(tmp_path / "course") == {"ana/1_lenet5/1_lenet5.ipynb": b"1_lenet5"}
    assert sorted(left_out) == [
        "ana/1_lenet5 (1).ipynb: ana/1_lenet5.ipynb is newer",
        "ana/1_lenet5 (2).ipynb: ana/1_lenet5.ipynb is newer",
    ]


def test_links_are_refused_in_folders_and_in_zips(tmp_path):
    (tmp_path / "in" / "ana").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "1_lenet5.ipynb").write_text("secret")
    (tmp_path / "in" / "luis").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "ana" / "6_zfnet.ipynb").symlink_to(tmp_path / "secret" / "1_lenet5.ipynb")
    (tmp_path / "in" / "ana" / "1_lenet5.ipynb").write_text("ana")
    left_out = intake.collect(tmp_path / "course", tmp_path / "in").left_out
    assert sorted(left_out) == ["ana/6_zfnet.ipynb: a link", "luis: a link"]
    assert submitted(tmp_path / "course") == {"ana/1_lenet5/1_lenet5.ipynb": b"ana"}
    link = zipfile.ZipInfo("eva/1_lenet5.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr(link, str(tmp_path / "secret" / "1_lenet5.ipynb"))
        archive.writestr("zoe/1_lenet5.ipynb", "zoe")
    assert intake.collect(tmp_path / "other", tmp_path / "in.zip").left_out == ["eva/1_lenet5.ipynb: a link"]
    assert submitted(tmp_path / "other") == {"zoe/1_lenet5/1_lenet5.ipynb": b"zoe"}


def test_sizes_are_capped_and_a_bomb_is_not_unpacked(tmp_path):
    files = {"ana/1_lenet5.ipynb": b"0" * 5000, "luis/1_lenet5.ipynb": NOTEBOOK[:900], "luis/x.zip": b"no zip"}
    left_out, found = take_in(tmp_path, files, file_bytes=1000)
    assert left_out == ["ana/1_lenet5.ipynb: 5,000 bytes; the limit is 1,000", "luis/x.zip: a zip that cannot be read"]
    assert list(found) == ["luis/1_lenet5/1_lenet5.ipynb"]
    with pytest.raises(ValueError, match="holds more than 2 files"):
        take_in(tmp_path, files, files=2)
    with pytest.raises(ValueError, match="or 1,500 bytes; take it in parts"):
        take_in(tmp_path, files, total_bytes=1500)


def test_a_zip_that_lies_about_a_size_is_not_believed(tmp_path):
    content = bytearray(zipped({"ana/1_lenet5.ipynb": b"0" * 50_000, "luis/1_lenet5.ipynb": b"luis"}))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.infolist()[0].file_size.to_bytes(4, "little")
    lie = (10).to_bytes(4, "little")
    (tmp_path / "in.zip").write_bytes(bytes(content).replace(size, lie))
    left_out = intake.collect(tmp_path / "course", tmp_path / "in.zip", intake.Limits(file_bytes=1000)).left_out
    assert len(left_out) == 1 and left_out[0].startswith("ana/1_lenet5.ipynb: cannot be read")
    assert submitted(tmp_path / "course") == {"luis/1_lenet5/1_lenet5.ipynb": b"luis"}


def test_what_is_neither_a_folder_nor_a_zip_is_one_line(tmp_path):
    (tmp_path / "in.rar").write_bytes(b"Rar!")
    with pytest.raises(ValueError, match=r"in\.rar is neither a folder nor a zip that can be read"):
        intake.collect(tmp_path / "course", tmp_path / "in.rar")
    with pytest.raises(intake.NothingToGrade, match="is not there"):
        intake.collect(tmp_path / "course", tmp_path / "nada")


def test_litter_is_passed_over_in_silence(tmp_path):
    litter = (
        "__MACOSX/ana/._1_lenet5.ipynb",
        "ana/.ipynb_checkpoints/1_lenet5-checkpoint.ipynb",
        "ana/.DS_Store",
        "ana/0_empieza_aqui (1).ipynb",
    )
    left_out, found = take_in(tmp_path, dict.fromkeys(litter, b"x") | {"ana/1_lenet5.ipynb": NOTEBOOK})
    assert left_out == [] and list(found) == ["ana/1_lenet5/1_lenet5.ipynb"]


def test_an_entry_of_a_zip_without_a_name_is_passed_over(tmp_path):
    place = tmp_path / "in.zip"
    with zipfile.ZipFile(place, "w") as out:
        out.writestr(zipfile.ZipInfo(""), b"x")
        out.writestr("ana/1_lenet5.ipynb", NOTEBOOK)
    handed_in, _ = intake.gather(place, NAMES, intake.Limits())
    assert len(handed_in) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_no_change_of_a_zip_s_bytes_makes_it_crash_or_names_another_place(seed, tmp_path):
    draw = random.Random(seed)
    names = ["ana/1_lenet5.ipynb", "1_lenet5/eva.ipynb", "luis/b/6_zfnet.ipynb", "x.zip", "zoe_5_zfnet (2).ipynb"]
    for _ in range(100):
        inner = zipped({"1_lenet5.ipynb": NOTEBOOK[:400]})
        content = bytearray(zipped({name: inner if name == "x.zip" else NOTEBOOK[:400] for name in names}))
        for _ in range(draw.choice([1, 3, 20])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        place = tmp_path / "in.zip"
        place.write_bytes(content)
        try:
            handed_in, _ = intake.gather(place, NAMES, intake.Limits())
        except ValueError as error:
            assert "\n" not in str(error)
            continue
        for sender, work in handed_in.items():
            student = next(iter(identities.Identities(()).own({sender.key: (sender, set(work))}).values()))
            assert set(work) <= set(NAMES)
            assert student and PurePosixPath(student).name == student and not student.startswith(".")


def test_what_is_taken_in_is_what_was_handed_in(tmp_path):
    _, found = take_in(tmp_path, {"ana/1_lenet5.ipynb": NOTEBOOK})
    (content,) = found.values()
    nbformat.validate(nbformat.reads(content.decode(), as_version=4))


def test_what_is_in_a_zip_belongs_to_whoever_handed_in_the_zip(tmp_path):
    """Its files may have the names of others, as `senders` reads them in a delivery, and may say no notebook."""
    inside = {
        "luis/1_lenet5.ipynb": b"by zoe",
        "Luis Pérez_7_assignsubmission_file_/2_alexnet_capa_a_capa.ipynb": b"by zoe too",
    }
    files = {
        "luis/1_lenet5.ipynb": b"by luis",
        "zoe/todo.zip": zipped(inside),
        "eva_6_zfnet.zip": zipped({"x.ipynb": b"{}"}),
    }
    left_out, found = take_in(tmp_path, files)
    assert left_out == []
    assert found == {
        "luis/1_lenet5/1_lenet5.ipynb": b"by luis",
        "zoe/1_lenet5/1_lenet5.ipynb": b"by zoe",
        "zoe/2_alexnet_capa_a_capa/2_alexnet_capa_a_capa.ipynb": b"by zoe too",
        "eva/6_zfnet/6_zfnet.ipynb": b"{}",
    }


def test_a_delivery_in_a_delivery_is_nobody_s(tmp_path):
    inside = zipped(
        {f"{name}_{number}_assignsubmission_file_/1_lenet5.ipynb": b"x" for number, name in enumerate("ab")}
    )
    left_out, found = take_in(tmp_path, {"TEMA9-Tarea 1-55.zip": inside, "ana/1_lenet5.ipynb": NOTEBOOK})
    assert left_out == ["TEMA9-Tarea 1-55: a delivery of 2 people in a delivery; take it in by itself"]
    assert list(found) == ["ana/1_lenet5/1_lenet5.ipynb"]


@pytest.mark.parametrize(
    "name",
    [
        "1_lenet5.IPYNB",
        "1_lenet5.ipynb.txt",
        "1_lenet5.ipynb.json",
        "1_lenet5.ipynb (1)",
        "1_lenet5.json",
        "1_lenet5",
        "1_lenet5.py",
        "nb.txt",
    ],
)
def test_a_notebook_is_taken_for_one_whatever_its_ending(name, tmp_path):
    left_out, found = take_in(
        tmp_path, {f"ana/{name}": NOTEBOOK, "ana/datos.json": b'{"a": 1}', "zoe/6_zfnet.ipynb": b"6"}
    )
    assert found["ana/1_lenet5/1_lenet5.ipynb"] == NOTEBOOK and left_out == ["ana/datos.json: no notebook"]


def test_a_zip_under_the_name_of_a_notebook_and_a_notebook_under_that_of_a_zip_are_taken_in(tmp_path):
    inner = zipped({"1_lenet5.ipynb": NOTEBOOK})
    files = {"ana/1_lenet5.ipynb": inner, "eva_1_lenet5.ipynb": inner, "luis/1_lenet5.zip": NOTEBOOK}
    left_out, found = take_in(tmp_path, files)
    assert left_out == [] and list(found.values()) == [NOTEBOOK] * 3
    assert sorted(path.split("/")[0] for path in found) == ["ana", "eva", "luis"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "latin-1"])
def test_a_notebook_of_no_name_is_known_in_any_encoding_and_kept_as_it_was(encoding, tmp_path):
    content = NOTEBOOK.decode().encode(encoding, errors="replace")
    _, found = take_in(tmp_path, {"ana/entrega.ipynb": content})
    assert found == {"ana/1_lenet5/1_lenet5.ipynb": content}


def test_a_script_made_from_a_notebook_counts_only_where_there_is_no_notebook(tmp_path):
    for name in ("1_lenet5.ipynb", "1_lenet5.py"):
        path = tmp_path / "in" / "ana" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1000 + name.endswith("py"),) * 2)
    left_out = intake.collect(tmp_path / "course", tmp_path / "in").left_out
    assert left_out == ["ana/1_lenet5.py: ana/1_lenet5.ipynb is the notebook"]


@pytest.mark.parametrize(
    "name", ["1_lenet5-checkpoint.ipynb", "1_lenet5-checkpoint (1).ipynb", ".1_lenet5.ipynb.icloud"]
)
def test_a_checkpoint_and_a_placeholder_count_only_where_there_is_no_notebook(name, tmp_path):
    for folder, files in (("a", [name, "1_lenet5.ipynb"]), ("b", [name])):
        for place, file in enumerate(reversed(files)):  # the notebook is the older one
            path = tmp_path / folder / "ana" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.encode())
            os.utime(path, (1000 + place,) * 2)
    left_out = intake.collect(tmp_path / "course", tmp_path / "a").left_out
    assert left_out == [f"ana/{name}: ana/1_lenet5.ipynb is the notebook"]
    assert "which stays" in intake.collect(tmp_path / "course", tmp_path / "b").left_out[0]
    assert list(submitted(tmp_path / "course").values()) == [b"1_lenet5.ipynb"]
    assert intake.collect(tmp_path / "other", tmp_path / "b").left_out == []
    assert submitted(tmp_path / "other") == {"ana/1_lenet5/1_lenet5.ipynb": name.encode()}
    os.utime(tmp_path / "a" / "ana" / "1_lenet5.ipynb", (10,) * 2)
    intake.collect(tmp_path / "other", tmp_path / "a")
    assert list(submitted(tmp_path / "other").values()) == [b"1_lenet5.ipynb"]


def test_whoever_handed_in_no_notebook_is_named(tmp_path):
    files = {
        "Ana_1_assignsubmission_file_/1_lenet5.ipynb": NOTEBOOK,
        "Ana_1_assignsubmission_onlinetext_/onlinetext.html": b"hola",
        "Eva_2_assignsubmission_onlinetext_/onlinetext.html": b"hola",
        "Luis_3_assignsubmission_file_/informe.docx": b"PK",
        "Zoe_4_assignsubmission_file_/todo.rar": b"Rar!",
        "Ada_5_assignsubmission_file_/0_empieza_aqui.ipynb": NOTEBOOK,
        "Iván_6_assignsubmission_file_/.ipynb_checkpoints/1_lenet5-checkpoint.ipynb": NOTEBOOK,
        "Ana_1_assignsubmission_file_/.DS_Store": b"x",
    }
    left_out, found = take_in(tmp_path, files)
    assert list(found) == ["Ana/1_lenet5/1_lenet5.ipynb"]
    assert sorted(left_out) == [
        "Ada_5: no notebook, only the start page or hidden files",
        "Eva_2: no notebook, only text",
        "Iván_6: no notebook, only the start page or hidden files",
        "Luis_3_assignsubmission_file_/informe.docx: no notebook",
        "Zoe_4_assignsubmission_file_/todo.rar: a .rar cannot be opened; ask for a zip",
    ]


def test_one_student_s_bomb_is_refused_with_a_name_and_the_class_is_taken(tmp_path):
    bomb = zipped({f"{number}.ipynb": b"0" * 9000 for number in range(20)})
    many = {f"eva/{number}.txt": b"" for number in range(51)}
    files = {
        "luis.zip": bomb,
        "ana/1_lenet5.ipynb": NOTEBOOK,
        "zoe.zip": zipped(dict.fromkeys(map(str, range(51)), b"")),
    }
    left_out, found = take_in(tmp_path, files | many, student_bytes=150_000, student_files=50)
    assert list(found) == ["ana/1_lenet5/1_lenet5.ipynb"]
    assert sorted(left_out) == [
        "eva: more than 50 files; nothing of it was taken in",
        "luis: more than 150,000 bytes; nothing of it was taken in",
        "zoe: more than 50 files; nothing of it was taken in",
    ]


def test_an_earlier_submission_that_another_replaces_is_kept_and_the_same_one_is_not(tmp_path):
    for content in (b"one", b"one", b"two", b"three"):
        take_in(tmp_path, {"ana/1_lenet5.ipynb": content})
    assert [path.read_bytes() for path in sorted((tmp_path / "course/replaced/ana").iterdir())] == [b"one", b"two"]


def test_when_and_as_whom_a_submission_came_in_is_kept(tmp_path):
    (tmp_path / "in.zip").write_bytes(zipped({"gilana_LATE_71_900_1_lenet5.ipynb": NOTEBOOK}))
    intake.collect(tmp_path / "course", tmp_path / "in.zip")
    (row,) = identities.load(Course(tmp_path / "course"), []).handed_in
    assert (row.student, row.system, row.number, row.late) == ("gilana", "Canvas", "71", "late")
    assert (row.when, row.delivery) == ("", "in.zip"), "Canvas's zips have no time of the work"


def dated(path, files):
    """A zip of [(name, its time, content)]; a time that is a number is that of Info-ZIP, in seconds since 1970."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, when, content in files:
            entry = zipfile.ZipInfo(name, when if isinstance(when, tuple) else (2020, 1, 1, 0, 0, 0))
            entry.extra = b"" if isinstance(when, tuple) else struct.pack("<HHBi", 0x5455, 5, 1, when)
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    ("name", "when", "said"),
    [
        ("Ana Gil_412_assignsubmission_file_/1_lenet5.ipynb", (2026, 12, 1, 23, 58, 2), "2026-12-01T23:58:02+01:00"),
        ("Ana Gil_412_assignsubmission_file_/1_lenet5.ipynb", (2026, 7, 1, 10, 0, 0), "2026-07-01T10:00:00+02:00"),
        ("ana/1_lenet5.ipynb", 1796160000, "2026-12-01T22:20:00+01:00"),
        ("Tema 9_agil_attempt_2026-12-02-08-15-00_1_lenet5.ipynb", (2026, 12, 9, 0, 0, 0), "2026-12-02T08:15:00+01:00"),
        ("1-2 - Ana Gil - Dec 2, 2026 1215 AM/1_lenet5.ipynb", (2026, 12, 9, 0, 0, 0), "2026-12-02T00:15:00+01:00"),
        ("1-2 - Ana Gil - entrega de 2026/1_lenet5.ipynb", (2026, 12, 9, 0, 0, 0), "2026-12-09T00:00:00+01:00"),
        ("gilana_71_900_1_lenet5.ipynb", (2026, 12, 9, 0, 0, 0), ""),
    ],
)
def test_when_it_was_handed_in_is_what_the_delivery_says(name, when, said, tmp_path):
    place = dated(tmp_path / "in.zip", [(name, when, NOTEBOOK)])
    intake.collect(tmp_path / "course", place, zone=ZoneInfo("Europe/Madrid"))
    (row,) = identities.handed_in(Course(tmp_path / "course")).values()
    assert row.when == said


def test_work_in_a_student_s_zip_came_when_the_zip_came_and_the_same_work_came_when_it_came_first(tmp_path):
    def when(day, content):
        inner = dated(tmp_path / "work.zip", [("1_lenet5.ipynb", (2026, 1, 1, 0, 0, 0), content)]).read_bytes()
        place = dated(tmp_path / "in.zip", [("ana/work.zip", (2026, 12, day, 10, 0, 0), inner)])
        intake.collect(tmp_path / "course", place, zone=UTC)
        return identities.handed_in(Course(tmp_path / "course"))["ana", "1_lenet5"].when

    assert [when(day, content) for day, content in ((3, NOTEBOOK), (5, NOTEBOOK), (6, NOTEBOOK + b"\n"))] == [
        "2026-12-03T10:00:00+00:00", "2026-12-03T10:00:00+00:00", "2026-12-06T10:00:00+00:00",
    ]  # fmt: skip


def test_work_that_came_before_what_is_there_does_not_replace_it_in_silence(tmp_path):
    """Monday's zip after Tuesday's; a script never takes the place of a notebook, and a notebook takes a script's."""
    course, name = tmp_path / "course", "Ana_1_assignsubmission_file_/1_lenet5.ipynb"
    monday, tuesday = (2026, 11, 23, 12, 0, 0), (2026, 11, 24, 12, 0, 0)
    script = name.replace(".ipynb", ".py")
    for number, (path, when, content, kept, left_out) in enumerate([
        (name, tuesday, b"new", b"new", 0),
        (name, monday, b"old", b"new", 1),
        (name, monday, b"new", b"new", 0),
        (script, (2026, 11, 25, 12, 0, 0), b"# In[1]:\nx = 1\n", b"new", 1),
    ]):  # fmt: skip
        place = dated(tmp_path / f"{number}.zip", [(path, when, content)])
        taken = intake.collect(course, place)
        assert submitted(course) == {"Ana/1_lenet5/1_lenet5.ipynb": kept}
        assert len(taken.left_out) == left_out and len(taken.submissions) == 1 - left_out
    assert not (course / "replaced").exists()
    (course / "submitted/Ana/1_lenet5/1_lenet5.ipynb").unlink()
    assert intake.collect(course, tmp_path / "1.zip").left_out == [], "whoever wants the old one removes the new one"
    assert submitted(course) == {"Ana/1_lenet5/1_lenet5.ipynb": b"old"}
    [line] = intake.collect(course, dated(tmp_path / "x.zip", [(name, (2026, 11, 20, 1, 0, 0), b"older")])).left_out
    assert "stays; to take it all the same, remove submitted/Ana/1_lenet5/1_lenet5.ipynb and collect again" in line
