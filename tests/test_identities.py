"""Which student a sender is: numbers, the teacher's word, earlier deliveries, names; and who waits for the teacher."""

import io
import itertools
import random
import zipfile

import pytest

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading import identities, intake, people, senders
from tema9.classroom.grading.identities import HandedIn, Identities, Who
from tema9.classroom.grading.senders import Sender
from tema9.streams import printable

NOTEBOOK = (sources.NOTEBOOKS / "1_lenet5.ipynb").read_bytes()
ANA = {"id": "agarcia", "first_name": "Ana", "last_name": "García López", "email": "ana@uni.es", "lms_user_id": "71001"}
LUIS = {"id": "lperez", "first_name": "Luis", "last_name": "Pérez Gil", "email": "luis@uni.es", "lms_user_id": "71002"}
ONEIL = {"id": "soneil", "first_name": "Sinéad", "last_name": "O'Neil", "participants": "412345 412399"}
MUELLER = {"id": "jm", "first_name": "Jörg", "last_name": "Müller-Weiß"}
CLASS = [ANA, LUIS, ONEIL, MUELLER]
ANOTHER = ANA | {"id": "ana2", "email": "ana@alumnos.uni.es", "lms_user_id": "71009"}


def of(part, class_=CLASS, **known):
    """The student that a part of a path is, and why not where it is none."""
    sender = senders.of_platform(part, "." in part) or Sender(part, part)
    found = Identities(class_, **known).of(sender)
    return found.student or found.why


@pytest.mark.parametrize(
    ("part", "student"),
    [
        ("garcíalópezana_71001_9_x.ipynb", "not in"),
        ("garcíalópezana_71001_90_x.ipynb", "agarcia"),
        ("pérezgilluis_LATE_99999_90_x.ipynb", "lperez"),  # by its name, where the list has no such number
        ("pérezgilluis_71001_90_x.ipynb", "its number is of one student and its name of another"),
        ("Participante_412399_assignsubmission_file_", "soneil"),
        ("Participante_412340_assignsubmission_file_", "marking is blind"),
        ("anon_aB3dE_90_x.ipynb", "marking is blind"),
        ("Sinéad ONeil_1_assignsubmission_file_", "soneil"),  # Moodle takes apostrophes away
        ("Garcia Lopez Ana_1_assignsubmission_file_", "agarcia"),
        ("García López, Ana_1_assignsubmission_file_", "agarcia"),
        ("Grupo 1-Ana García López_1_assignsubmission_file_", "agarcia"),
        ("Grupo-B-Jörg Müller-Weiß_1_assignsubmission_file_", "jm"),
        ("Mueller-Weiss_Joerg_x12_1235", "jm"),
        ("T_agarcia_attempt_2026-11-26-12-00-00_x.ipynb", "agarcia"),
        ("Pérez Gil, Luis(LPEREZ)", "lperez"),
        ("Pérez Gil_Luis_agarcia_1234", "lperez"),  # a user name that is not of that name counts for nothing
        ("ana@uni.es", "agarcia"),
        ("71002", "lperez"),
        ("LUIS PEREZ GIL", "lperez"),
        ("Luis Pérez Gil - entrega", "lperez"),
        ("Ana García", "not in the list of enrolled students"),  # of the two surnames one: the teacher must say it
        ("Zoe", "not in the list of enrolled students"),
    ],
)
def test_who_a_sender_is(part, student):
    said = of(part)
    assert said == student or (student != said and said.startswith(student))


def test_a_name_of_two_students_stands_for_neither_and_a_number_for_one():
    class_ = [*CLASS, ANOTHER]
    name = Identities(class_).of(Sender("Ana García López", "Ana García López"))
    assert name.student == "" and name.could_be == ("agarcia", "ana2")
    assert of("garcíalópezana_71009_90_x.ipynb", class_) == "ana2"
    assert (
        of("ana@alumnos.uni.es", class_) == "ana2"
        and of("ana", class_) == "several students have this number or user name"
    )


def test_a_user_name_of_blackboard_may_have_the_sign_that_stands_before_it():
    class_ = [{"id": "ana_gil"}, {"id": "gil"}, {"id": "eva_ruiz"}]
    end = "_attempt_2026-11-26-12-00-00_1_lenet5.ipynb"
    assert of("Tema_9_eva_ruiz" + end, class_) == "eva_ruiz" and of("Tema 9_gil" + end, class_) == "gil"
    assert of("Tema 9_ana_gil" + end, class_) == "several students have this number or user name"
    assert of("Tema 9_ruiz" + end, class_) == "not in the list of enrolled students"


def test_names_that_differ_only_by_accents_or_order_are_told_apart_if_they_are_written_so():
    class_ = [
        {"id": "1", "first_name": "José", "last_name": "Peña"},
        {"id": "2", "first_name": "Jose", "last_name": "Pena"},
        {"id": "3", "first_name": "Juan", "last_name": "Pedro"},
        {"id": "4", "first_name": "Pedro", "last_name": "Juan"},
    ]
    assert (
        of("José Peña", class_) == "1" and of("JOSE PENA", class_) == "2" and of("Jose\u0301 Pen\u0303a", class_) == "1"
    )
    assert of("Jose Peña", class_) == of("Juan Pedro", class_) == "several students have this name"


def test_the_teacher_has_the_last_word_except_against_a_number_of_the_list():
    def said(student, part="Zoe", system="", number=""):
        return of(part, who=[Who(printable(part).strip(), system, number, student)])

    assert said("lperez") == said("Luis Pérez Gil") == said("luis@uni.es") == "lperez"
    assert said("lperez", " x\x1b y ") == "lperez"  # as who.csv has a label that a terminal would obey
    assert said("-") == "-" and said("+zoe nueva") == "zoe-nueva"
    assert said("lperes") == "who.csv names nobody who is enrolled"
    blind = "Participante_412399_assignsubmission_file_"
    assert said("lperez", blind, "Moodle", "412399") == "who.csv and the list say another student"
    assert said("lperez", "Ana García López_7_assignsubmission_file_", "Moodle", "7") == "lperez"


def test_a_number_that_was_known_once_is_known_when_the_name_is_hidden():
    before = [HandedIn("lperez", "1_lenet5", "Luis Pérez Gil", "Moodle", "412340")]
    assert of("Participante_412340_assignsubmission_file_", handed_in=before) == "lperez"
    gone = [HandedIn("Luis-Pérez", "1_lenet5", "Luis Pérez", "Moodle", "412340")]
    assert of("Participante_412340_assignsubmission_file_", handed_in=gone).startswith("marking is blind")


def test_who_it_could_be_is_told_where_a_name_is_nearly_one():
    known = Identities(CLASS)
    assert known.of(Sender("Ana García", "Ana García")).could_be[0] == "agarcia"
    assert known.of(Sender("perezluis_5", "perezluis", "Canvas", "5")).could_be[0] == "lperez"
    assert known.of(Sender("Xu", "Xu")).could_be == ()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def collected(tmp_path, files, class_=(), name="in.zip"):
    """What `collect` took, and {path in submitted/: content} of the course."""
    (tmp_path / name).write_bytes(zipped(files))
    taken = intake.collect(tmp_path / "course", tmp_path / name, people=class_)
    root = tmp_path / "course" / "submitted"
    return taken, {str(path.parent.parent.relative_to(root)): path.read_bytes() for path in root.glob("*/*/*.ipynb")}


def folder(name, number):
    return f"{name}_{number}_assignsubmission_file_/1_lenet5.ipynb"


@pytest.mark.parametrize("class_", [[], CLASS])
def test_a_second_blind_delivery_gives_nobody_the_work_of_another(class_, tmp_path):
    monday = {folder("Participante", number): b"%d" % number for number in (412350, 412351)}
    _, found = collected(tmp_path, monday, class_, "monday.zip")
    taken, after = collected(tmp_path, {folder("Participante", 412340): b"new"} | monday, class_, "tuesday.zip")
    if class_:
        assert found == after == {} and [row.number for row in taken.unresolved] == ["412340", "412350", "412351"]
    else:
        assert found == {f"Participante-{number}": b"%d" % number for number in (412350, 412351)}
        assert after == found | {"Participante-412340": b"new"}


def test_who_waits_is_taken_in_once_the_teacher_has_said_who_it_is(tmp_path):
    delivery = {folder("Participante", 1): b"one", folder("Participante", 2): b"two", folder("Zoe", 3): b"zoe"}
    taken, found = collected(tmp_path, delivery, CLASS)
    assert found == {} and len(taken.unresolved) == 3
    path = tmp_path / "course" / "who.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("handed_in_as,") and len(lines) == 4
    said = {"Participante_1": "agarcia", "Zoe_3": "-"}
    rows = [line.split(",") for line in lines]
    rows = [[*row[:3], said.get(row[0], row[3]), *row[4:]] for row in rows]
    path.write_text("\n".join(";".join(row) for row in rows), encoding="cp1252")  # as Excel saves it in Spain
    taken, found = collected(tmp_path, delivery, CLASS)
    assert found == {"agarcia": b"one"} and [row.number for row in taken.unresolved] == ["2"]
    assert taken.notes == ["Zoe_3: nobody, as who.csv says"]
    taken, found = collected(tmp_path, delivery, [*CLASS, {"id": "zoe", "participants": "2"}])
    assert found == {"agarcia": b"one", "zoe": b"two"} and not taken.unresolved
    kept = people.rows(path)
    assert {cells[0]: cells[3] for _, cells in kept if cells[0] != "handed_in_as"} == said


def test_when_the_teacher_changes_the_answer_the_work_goes_to_whom_it_says_now(tmp_path):
    delivery = {folder("Participante", 1): b"one", folder("Participante", 2): b"two"}
    collected(tmp_path, delivery, CLASS)
    path = tmp_path / "course" / "who.csv"
    for student, other in (("agarcia", "lperez"), ("lperez", "agarcia"), ("lperez", "-")):
        path.write_text(f"handed_in_as,system,number,student\nP,Moodle,1,{student}\nP,Moodle,2,{other}\n")
        found = collected(tmp_path, delivery, CLASS)[1]
    assert found == {"lperez": b"one"}
    kept = {path.read_bytes() for path in (tmp_path / "course" / "replaced").rglob("*.ipynb")}
    assert kept == {b"one", b"two"}


def test_a_list_that_comes_later_leaves_nobody_there_twice(tmp_path):
    delivery = {folder("Ana García López", 1): b"one"}
    assert set(collected(tmp_path, delivery)[1]) == {"Ana-García-López"}
    taken, found = collected(tmp_path, delivery, CLASS)
    assert found == {"agarcia": b"one"}
    assert taken.notes == ["Ana-García-López, 1_lenet5: it is somebody else's; it was moved to replaced/"]


def test_two_of_one_name_of_whom_the_list_has_one_both_wait(tmp_path):
    taken, found = collected(tmp_path, {folder("Ana García López", n): b"%d" % n for n in (1, 2)}, CLASS)
    assert found == {} and [row.number for row in taken.unresolved] == ["1", "2"]
    same, found = collected(tmp_path, {folder("Ana García López", n): b"same" for n in (1, 2)}, CLASS)
    assert found == {"agarcia": b"same"} and not same.unresolved


def test_without_a_list_whoever_has_another_number_or_label_is_another_student(tmp_path):
    _, first = collected(tmp_path, {folder("Ana", 1): b"1", "zip/x.txt": b""}, name="1.zip")
    _, second = collected(tmp_path, {folder("Ana", 1): b"1", folder("Ana", 2): b"2"}, name="2.zip")
    assert first == {"Ana": b"1"} and second == {"Ana": b"1", "Ana-2": b"2"}
    labels = ("eva", "Eva", "José", "Jose\u0301", "a" * 90 + "b", "a" * 90 + "c", "***", "+++")
    _, found = collected(tmp_path, {f"{label}/1_lenet5.ipynb": label.encode() for label in labels}, name="3.zip")
    assert sorted(found.values()) == sorted([b"1", b"2", *(label.encode() for label in labels)])
    assert len({name.casefold() for name in found}) == len(found)


def test_one_student_s_two_assignments_are_one_student_s(tmp_path):
    other = "Ana_9_assignsubmission_file_/6_zfnet.ipynb"
    taken, _ = collected(tmp_path, {"T1/" + folder("Ana", 1): NOTEBOOK, "T2/" + other: b"6"})
    assert taken.submissions == [("Ana", "1_lenet5"), ("Ana", "6_zfnet")]


def test_the_test_student_of_canvas_has_no_score(tmp_path):
    taken, found = collected(
        tmp_path, {"studenttest_7_90_1_lenet5.ipynb": b"x", "gilana_71001_91_1_lenet5.ipynb": b"y"}
    )
    assert found == {"gilana": b"y"} and len(taken.notes) == 1


def test_no_order_of_the_files_changes_whose_they_are(tmp_path):
    draw = random.Random(0)
    files = {
        folder("Ana García López", 1): b"1",
        folder("Ana García López", 2): b"2",
        folder("Luis Pérez Gil", 3): b"3",
    }
    files |= {"anon_aB3dE_90_x.ipynb": NOTEBOOK, "garcíalópezana_71001_91_1_lenet5.ipynb": b"4", "eva.zip": b"no zip"}
    for class_, _ in itertools.product(([], CLASS), range(5)):
        order = draw.sample(sorted(files), len(files))
        place = tmp_path / "in.zip"
        place.write_bytes(zipped({name: files[name] for name in order}))
        taken = intake.collect(tmp_path / "none", place, people=class_, dry_run=True)
        said = taken.submissions, sorted(taken.left_out), taken.unresolved
        place.write_bytes(zipped({name: files[name] for name in reversed(order)}))
        taken = intake.collect(tmp_path / "none", place, people=class_, dry_run=True)
        assert said == (taken.submissions, sorted(taken.left_out), taken.unresolved)


def test_what_a_spreadsheet_would_take_for_a_formula_comes_back_as_it_was(tmp_path):
    course = Course(tmp_path)
    rows = [Who("=1+1", "", "", "ana"), Who("'x", "", "", ""), Who("@a", "Canvas", "1", "-"), Who("+b", "", "", "+zoe")]
    identities.save(course, rows, [])
    assert '"=' not in (tmp_path / "who.csv").read_text() and "\n=" not in (tmp_path / "who.csv").read_text()
    assert sorted(identities.load(course, []).who, key=str) == sorted(rows, key=str)


def test_a_who_csv_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "who.csv").write_bytes(b"\x00\x01\x02 binary \x00")
    with pytest.raises(ValueError, match=r"who\.csv is no text"):
        identities.load(Course(tmp_path), [])
    (tmp_path / "who.csv").write_text("student;name\nana;x\n")
    with pytest.raises(ValueError, match=r"who\.csv has no column handed_in_as"):
        identities.load(Course(tmp_path), [])
