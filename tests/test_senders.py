"""Who a name says handed something in: the forms of the platforms, as their own code and documents write them."""

import re
from pathlib import PurePosixPath

import pytest
from documents import rows

from tema9.classroom.grading import intake, senders
from tema9.classroom.grading.senders import Sender

NAMES = ["1_lenet5", "6_zfnet"]


def read(*paths, known=()):
    """What `senders.read` says of these paths, whose notebooks are those of NAMES."""
    return senders.read(
        [PurePosixPath(path) for path in paths], lambda name: intake.left_of(name, NAMES), lambda name: name in known
    )


@pytest.mark.parametrize(
    ("part", "is_file", "name", "system", "number", "late", "rest"),
    [
        ("Ana García López_412345_assignsubmission_file_", False, "Ana García López", "Moodle", "412345", False, ""),
        ("Ana García_412345_assignsubmission_file", False, "Ana García", "Moodle", "412345", False, ""),
        ("Ana_41_assignsubmission_file_1_lenet5 (1).ipynb", True, "Ana", "Moodle", "41", False, "1_lenet5 (1).ipynb"),
        ("Grupo 1-Ana ONeil_41_assignsubmission_onlinetext_", False, "Grupo 1-Ana ONeil", "Moodle", "41", False, ""),
        ("Participante_412345_assignsubmission_file_", False, "Participante", "Moodle", "412345", False, ""),
        ("garcíaana_71001_9001_1_lenet5-1.ipynb", True, "garcíaana", "Canvas", "71001", False, "1_lenet5-1.ipynb"),
        ("garcíaana_LATE_71001_9001_x.ipynb", True, "garcíaana", "Canvas", "71001", True, "x.ipynb"),
        ("garca_ana71001_question_55_9001_x.ipynb", True, "garca_ana", "Canvas", "71001", False, "x.ipynb"),
        ("anon_aB3dE_9001_x.ipynb", True, "", "Canvas", "anon_aB3dE", False, "x.ipynb"),
        ("LATE_anon_aB3dE_9001_x.ipynb", True, "", "Canvas", "anon_aB3dE", True, "x.ipynb"),
        ("garcíaana_71001_text.html", True, "garcíaana", "Canvas", "71001", False, ""),
        (
            "Tema_9_agarcia_attempt_2026-11-26-12-00-00_x.ipynb",
            True,
            "",
            "Blackboard",
            "Tema_9_agarcia",
            False,
            "x.ipynb",
        ),
        ("Tema 9_agarcia_attempt_2026-11-26-12-00-00.txt", True, "", "Blackboard", "Tema 9_agarcia", False, ""),
        (
            "1074-3517 - Mary-Ann Smith - Sep 24, 2026 926 PM",
            False,
            "Mary-Ann Smith",
            "Brightspace",
            "1074-3517 - Mary-Ann Smith",
            False,
            "",
        ),
        (
            "1074-3517 - Eva Gil - 26 de noviembre de 2026 1234",
            False,
            "Eva Gil",
            "Brightspace",
            "1074-3517 - Eva Gil",
            False,
            "",
        ),
        (
            "1074-3517 - Eva Gil - Sep 24, 2026 926 PM - x.ipynb",
            True,
            "Eva Gil",
            "Brightspace",
            "1074-3517 - Eva Gil",
            False,
            "x.ipynb",
        ),
        ("García López, Ana(agarcia)", False, "García López, Ana", "Sakai", "agarcia", False, ""),
        ("Gil, Eva(egil)_Submission attachment(s)_x.ipynb", True, "Gil, Eva", "Sakai", "egil", False, "x.ipynb"),
        ("Garcia Lopez_Ana_agarcia_1234", False, "Garcia Lopez, Ana", "ILIAS", "agarcia", False, ""),
    ],
)
def test_the_forms_of_the_platforms(part, is_file, name, system, number, late, rest):
    found = senders.of_platform(part, is_file)
    assert found == Sender(found.label, name, system, number, late, rest, found.when)
    assert (system in (senders.BLACKBOARD, senders.BRIGHTSPACE)) == bool(found.when)
    assert not found.when or senders.moment(found.when) or "noviembre" in found.when
    assert part.replace("LATE_", "").startswith(found.label)


def of_a_quiz(name, user, question, attachment, file):
    """The name that Canvas gives to a file handed in for a question of a quiz."""
    name = re.sub(r"_(\d+)_", r"-\1-", name) + str(user)
    name = re.sub(r"[^-\w]", "", name.replace(" ", "_"), flags=re.ASCII).lower()
    return f"{name}_question_{question}_{attachment}_{file}"


def of_an_assignment(name, user, late, attachment, file):
    """The name that Canvas gives to a file handed in for an assignment."""
    name = re.sub(r"_(\d+)_", r"\1", name).lower()
    who = re.sub(r"[^\w]", "", "_".join([name, *(["LATE"] if late else []), str(user)]))
    return f"{who}_{attachment}_{file}"


FILES = ["1_lenet5.ipynb", "1_lenet5-2.ipynb", "a_question_5_6_x.ipynb", "7_71_9001_x.ipynb", "(1).ipynb"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", ["García, Ana", "O'Brien-Smith, Eva", "李, 明", "a_12_b, c", "de la Cruz, María José"])
def test_each_user_of_canvas_is_one_sender_in_zips_of_assignments_and_of_quizzes(name, file):
    parts = [of_a_quiz(name, 71001, 55, 9001, file), of_an_assignment(name, 71001, False, 9002, file),
             of_an_assignment(name, 71001, True, 9003, file), of_a_quiz(name, 71002, 55, 9004, file)]  # fmt: skip
    found = [senders.of_platform(part, is_file=True) for part in parts]
    assert [(one.key, one.rest) for one in found] == [(("Canvas", user), file) for user in ["71001"] * 3 + ["71002"]]
    assert [one.late for one in found] == [False, False, True, False]


@pytest.mark.parametrize(
    "part", ["ana", "Ana (1)", "García, Ana (2)", "ana_12345_1_lenet5.ipynb", "1_lenet5_ana.ipynb"]
)
def test_a_plain_name_has_no_form(part):
    assert senders.of_platform(part, is_file=part.endswith(".ipynb")) is None


def test_late_or_not_and_under_whatever_number_of_a_file_one_person_is_one_sender():
    first, late = read("gilana_71_9001_1_lenet5.ipynb", "gilana_LATE_71_9002_1_lenet5-1.ipynb")
    assert first.key == late.key and first.label == late.label and late.late


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (
            ["Tarea 1/Ana_1_assignsubmission_file_/x.ipynb", "Tarea 2/Eva_2_assignsubmission_file_/y.ipynb"],
            ["Ana", "Eva"],
        ),
        (["T/Gil, Eva(egil)/Submission attachment(s)/x.ipynb", "T/Ruiz, Ana(ar)/x.ipynb"], ["Gil, Eva", "Ruiz, Ana"]),
        (["T/Team_12/Gil_Eva_egil_123/x.ipynb", "T/Team_13/Ruiz_Ana_ar_124/x.ipynb"], ["Gil, Eva", "Ruiz, Ana"]),
        (["entregas/ana/p/x.ipynb", "entregas/eva/p/x.ipynb"], ["ana", "eva"]),
        (["1_lenet5/ana.ipynb", "1_lenet5/eva/entrega.ipynb", "6_zfnet/ana.zip"], ["ana", "eva", "ana"]),
        (["1_lenet5 ana.zip", "eva_6_zfnet (2).ipynb", "Copia de 1_lenet5 - Luis.ipynb.txt"], ["ana", "eva", "Luis"]),
        (["T/Gil, Eva(egil)/x.ipynb", "T/Ruiz, Ana(ar)/y.ipynb", "notas.txt"], ["Gil, Eva", "Ruiz, Ana", "notas"]),
        (["T/Ana_1_assignsubmission_file_/x.ipynb", "Eva_2_assignsubmission_file_/T/y.ipynb"], ["Ana", "Eva"]),
        (["1_lenet5/1_lenet5.ipynb", "ana/6_zfnet.ipynb"], [None, "ana"]),
        (["ana/Luis_1_assignsubmission_file_/x.ipynb", "luis/1_lenet5.ipynb"], ["ana", "luis"]),
    ],
)
def test_the_sender_is_the_part_of_the_path_where_the_platform_or_the_class_puts_it(paths, names):
    assert [found and found.name for found in read(*paths)] == names


def test_the_only_student_of_a_delivery_is_known_by_the_list():
    assert read("ana/p1/1_lenet5.ipynb", "ana/p2/6_zfnet.ipynb", known={"ana"})[0].name == "ana"
    assert read("entregas/ana/1_lenet5.ipynb", known={"ana"})[0].name == "ana"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a" * 100 + "b", "a" * 100 + "c"),
        ("𝒜" * 80, "𝒜" * 81),
        ("ñ" * 79 + "x" * 10, "ñ" * 79 + "y" * 10),
    ],
)
def test_two_long_names_stay_two_and_fit_into_a_file_system(one, other):
    first, second = senders.slug(one), senders.slug(other)
    assert first != second and senders.slug(one) == first
    assert all(len(name) <= 80 and len(name.encode()) <= 200 for name in (first, second))


@pytest.mark.parametrize("name", ["../..", "a/b", "x\x1b[2J", "[b]ana[/b]", "\udce9", "***", "", "..", "a\x00b"])
def test_a_slug_is_one_name_of_a_folder_that_no_terminal_obeys(name):
    made = senders.slug(name)
    assert "/" not in made and made not in (".", "..") and made.isprintable() and "[" not in made


@pytest.mark.parametrize(
    ("one", "other"),
    [("Íñigo Núñez", "inigo nunez"), ("I\u0301n\u0303igo", "Íñigo"), ("Straße", "STRASSE"), ("Sørensen", "sorensen")],
)
def test_names_are_compared_without_case_and_accents(one, other):
    assert senders.squeezed(one) == senders.squeezed(other)


def test_a_name_has_the_words_of_its_apostrophes_and_particles_in_any_order():
    assert senders.words("O'Neil, Sinéad") == senders.words("Sinead ONeil")
    assert senders.words("María de la O") == senders.words("O, María de la")


def test_the_names_that_the_teachers_page_shows_are_read_as_it_says():
    for row in rows("deliveries"):
        platform, shown, _ = (cell.strip() for cell in row.strip("|").split("|"))
        paths = [path for path in re.findall(r"`([^`]+)`", shown) if path.endswith((".ipynb", ".zip"))]
        assert paths, row
        for path in paths:
            (sender,) = read(path)
            assert (sender.system or "none") == (platform if platform != "Google Classroom" else "none"), path
            assert (
                "Ana" in sender.name
                or "agarcia" in (sender.name, sender.number.rpartition("_")[2])
                or "anon" in path
                or "garc" in sender.name  # Canvas leaves the í out of the names of files of a quiz
            ), path
