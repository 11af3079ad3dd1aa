"""Files of Moodle and Canvas in every language and layout, filled in, and read as these platforms read them."""

import csv
import itertools

import platform_readers
import pytest

from tema9.classroom.grading.identities import HandedIn, Identities
from tema9.classroom.publishing import platforms
from tema9.classroom.publishing.export import Column, Marks
from tema9.classroom.rules import Scale

# The strings of Moodle's language packs: recordid, fullname, email, grade, maximumgrade, lastmodifiedgrade, comments,
# hiddenuser.
LANGUAGES = {
    "en": ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Last modified (grade)",
           "Feedback comments", "Participant "),
    "es": ("Identificador", "Nombre completo", "Dirección de correo", "Calificación", "Calificación máxima",
           "Última modificación (calificación)", "Comentarios de retroalimentación", "Participante "),
    "ca": ("Identificador", "Nom complet", "Adreça electrònica", "Qualificació", "Qualificació màxima",
           "Darrera modificació (qualificació)", "Comentaris de retroacció", "Participant "),
    "gl": ("Identificador", "Nome completo", "Enderezo de correo", "Cualificación", "Cualificación máxima",
           "Última modificación (cualificación)", "Comentarios de retroalimentación", "Participante "),
    "eu": ("Identifikatzailea", "Izen osoa", "E-posta helbidea", "Kalifikazioa", "Gehienezko kalifikazioa",
           "Azken aldaketa (kalifikazioa)", "Feedback-iruzkinak", "Partaidea "),
    "pt": ("Identificador", "Nome completo", "Endereço de email", "Nota", "Nota máxima",
           "Última modificação (nota)", "Comentários de feedback", "Participante "),
    "fr": ("Identifiant", "Nom complet", "Adresse de courriel", "Note", "Note maximale",
           "Dernière modification (note)", "Feedback par commentaires", "Participant "),
    "de": ("ID", "Vollständiger Name", "E-Mail-Adresse", "Bewertung", "Bestwertung",
           "Zuletzt geändert (Bewertung)", "Feedback als Kommentar", "Teilnehmer/in"),
}  # fmt: skip
PEOPLE = [
    {"id": "agarcia", "first_name": "Ana", "last_name": "García López", "email": "ana@uni.es", "lms_user_id": "71001"},
    {"id": "lperez", "first_name": "Luis", "last_name": "Pérez", "email": "luis@uni.es", "lms_user_id": "71002"},
    {"id": "mruiz", "first_name": "Marta", "last_name": "Ruiz", "email": "marta@uni.es", "lms_user_id": "71003"},
]
ROWS = [HandedIn("agarcia", "1_lenet5", "Ana García López", "Moodle", "411"),
        HandedIn("agarcia", "2_alexnet", "Ana García López", "Moodle", "511"),
        HandedIn("lperez", "1_lenet5", "Luis Pérez", "Moodle", "412")]  # fmt: skip


def class_marks(**settings):
    """Marks of two notebooks; Luis handed in one of them, and Marta nothing."""
    columns = [Column("1_lenet5", "1. LeNet-5", 100), Column("2_alexnet", "2. AlexNet", 50)]
    points = {"agarcia": {"1_lenet5": 87, "2_alexnet": 50}, "lperez": {"1_lenet5": 40.5, "2_alexnet": None},
              "mruiz": {"1_lenet5": None, "2_alexnet": None}}  # fmt: skip
    return Marks(columns, points, people={person["id"]: person for person in PEOPLE}, **settings)


def said(student, notebooks):
    return platforms.comment([f"{student}: {'+'.join(notebooks)}", "x < 1"])


def worksheet(path, words, delimiter=",", decimal=",", encoding="utf-8", blind=False):
    number, name, email, grade, most, modified, comments, hidden = words
    rows = [[number, *([] if blind else [name, email]), "Status", grade, most, modified, comments]]
    for user, who, address in (("411", "Ana García López", "ana@uni.es"), ("412", "Luis Pérez", "otro@uni.es"),
                               ("413", "Marta Ruiz", "MARTA@uni.es")):  # fmt: skip
        rows.append([hidden + user, *([] if blind else [who, address]), "?", "", f"10{decimal}00", "-", ""])
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worksheet_of_moodle_is_filled_in_in_its_language(language, tmp_path):
    words = LANGUAGES[language]
    strings = dict(zip(("recordid", "", "", "grade", "", "lastmodifiedgrade", "comments", "hiddenuser"), words,
                       strict=True))  # fmt: skip
    for delimiter, decimal, encoding, blind in itertools.product(",;", ",.", ("utf-8", "utf-8-sig"), (False, True)):
        path = worksheet(tmp_path / "sheet.csv", words, delimiter, decimal, encoding, blind)
        filled = platforms.fill(path, class_marks(), Identities(PEOPLE, handed_in=ROWS), said)
        out = tmp_path / "filled.csv"
        platforms.write_filled(out, filled)
        assert out.read_bytes().startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
        users = {"411": "ana", "412": "luis", "413": "marta"}
        assert platform_readers.moodle_worksheet(out, users, 10, strings, delimiter) == {
            "ana": (8.7, "Corrección: agarcia: 1_lenet5<br>x &lt; 1"),
            "luis": (4.05, "Corrección: lperez: 1_lenet5<br>x &lt; 1"),
        }, "the participants' numbers say that it is of the first notebook; Luis's other e-mail changes nothing"
        rows = zip(platform_readers.cells(path, delimiter=delimiter), filled.text.splitlines(), strict=True)
        assert all(len(before) == len(next(csv.reader([after], delimiter=delimiter))) for before, after in rows)
        assert filled.notes == [f"{words[7]}413: no student of the course"][: 1 if blind else 0]


@pytest.mark.parametrize(
    ("theirs", "kept"), [("Bien", "Bien<br>"), ("Bien. ", "Bien. "), ("<p>Bien</p>", "<p>Bien</p>"), ("", "")]
)
def test_what_a_person_wrote_stands_apart_from_our_comment_however_often_it_is_filled_in(theirs, kept, tmp_path):
    path = tmp_path / "sheet.csv"
    for comment in (theirs, f"{theirs}Corrección: de antes", f"{kept}Corrección: de antes"):
        path.write_text(f"Identifier,Grade,Feedback comments\nParticipant 412,,{comment}\n", encoding="utf-8")
        filled = platforms.fill(path, class_marks(), Identities(PEOPLE, handed_in=ROWS), said)
        assert filled.text.splitlines()[1].split(",")[2].startswith(f"{kept}Corrección: lperez")


def test_the_marks_of_several_notebooks_are_one_mark_of_an_assignment(tmp_path):
    path = worksheet(tmp_path / "sheet.csv", LANGUAGES["es"])
    known = Identities(PEOPLE, handed_in=ROWS)
    for chosen, settings, marks in (
        (["1_lenet5", "2_alexnet"], {}, ["9,35", "2,03", ""]),
        (["2_alexnet"], {}, ["10,00", "", ""]),
        (["2_alexnet"], {"missing": "0"}, ["10,00", "0,00", "0,00"]),
        (["1_lenet5"], {"scale": Scale(maximum=100)}, ["87,00", "40,50", ""]),
    ):
        filled = platforms.fill(path, class_marks(**settings), known, chosen=chosen)
        assert [row[4] for row in csv.reader(filled.text.splitlines()[1:])] == marks


def test_a_highest_mark_that_is_no_number_is_told_unless_a_scale_was_asked_for(tmp_path):
    known, (sheet, gradebook) = Identities(PEOPLE, handed_in=ROWS), (tmp_path / "sheet.csv", tmp_path / "canvas.csv")
    words = worksheet(sheet, LANGUAGES["es"]).read_text(encoding="utf-8").replace('"10,00"', "Apto")
    sheet.write_text(words, encoding="utf-8")
    gradebook.write_text(GRADEBOOKS["Student"].replace(",10,5,(read only)", ",0,5,(read only)"), encoding="utf-8")
    for path, told in (
        (sheet, f"{LANGUAGES['es'][4]}: Apto is no number above 0, so the marks are points"),
        (gradebook, "Points Possible of 1. LeNet-5 (9001): 0 is no number above 0, so the marks are points"),
    ):
        filled = platforms.fill(path, class_marks(), known)
        assert told in filled.notes and ",87" in filled.text
        filled = platforms.fill(path, class_marks(scale=Scale(maximum=10)), known)
        assert not any("no number" in note for note in filled.notes) and "8.7" in filled.text


GRADEBOOKS = {
    "Student": "Student,ID,SIS User ID,SIS Login ID,Section,1. LeNet-5 (9001),Otra cosa (9002),Current Score\n"
    "    Points Possible,,,,,10,5,(read only)\n,,,,,Manual Posting,,\n"
    '"García López, Ana",71001,1,agarcia,A,3,4,50\n"Pérez, Luis",71002,2,lperez,A,,1,\n'
    '"Ruiz, Marta",71003,3,mruiz,A,2,,\n"Nadie, Sin",71009,9,nadie,A,1,,\n"Student, Test",71010,,8a1f,A,,,\n',
    "LastName": "LastName,FirstName,ID,SIS Login ID,Section,1. LeNet-5 (9001),Final Score\n"
    "    Points Possible,,,,,10,(read only)\nGarcía López,Ana,71001,agarcia,A,3,50\nPérez,Luis,71002,lperez,A,,\n"
    "Ruiz,Marta,71003,mruiz,A,2,\nNadie,Sin,71009,nadie,A,1,\n",
}


@pytest.mark.parametrize("kind", GRADEBOOKS)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_gradebook_of_canvas_is_filled_in_and_nothing_else_of_it_is_changed(kind, delimiter, tmp_path):
    path, out = tmp_path / "grades.csv", tmp_path / "filled.csv"
    rows = list(csv.reader(GRADEBOOKS[kind].splitlines()))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    filled = platforms.fill(path, class_marks(), Identities(PEOPLE))
    platforms.write_filled(out, filled)
    header, *_ = platform_readers.cells(out, delimiter=delimiter)
    assert header == [name for name in rows[0] if name not in ("Otra cosa (9002)", "Current Score", "Final Score")]
    if kind == "Student":
        students = {"71001": "a", "71002": "b", "71003": "c", "71009": "d"}
        assert platform_readers.canvas_gradebook(out, students, {"9001": "1. LeNet-5"}, delimiter) == (
            {"71001": {"1. LeNet-5": "8.70"}, "71002": {"1. LeNet-5": "4.05"}, "71003": {"1. LeNet-5": "2"}}, [], [],
        )  # fmt: skip
    assert filled.notes == ["Nadie, Sin: no student of the course"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "is neither a grading worksheet of Moodle"),
        ("Identificador,Calificación\nParticipante 999,\n", "say with --notebook what its marks are"),
        ("Student,ID,Section,Otra (1)\n", "has no assignment named after a notebook, as 1. LeNet-5; it has Otra (1)"),
        ("Student,ID,Section,1. LeNet-5 (1),1_lenet5 (2)\n", "has two columns for one notebook"),
        ("Identifier,Grade\nParticipant 411,\nParticipant 411,\n", "has two rows for agarcia"),
        ("Identifier,Grade\nParticipant 411,1,2\n", "line 2: more columns than its header"),
    ],
)
def test_a_file_that_cannot_be_filled_in_says_why(text, words, tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="^.*" + words.replace("(", r"\(").replace(")", r"\)")):
        platforms.fill(path, class_marks(), Identities(PEOPLE, handed_in=ROWS))


def test_a_zip_for_moodle_has_the_notebooks_of_one_assignment(tmp_path):
    """A participant has another number in each assignment, so the numbers say which notebooks are of one."""
    rows = [HandedIn(student, notebook, "N", "Moodle", str(number), file=f"N_{number}_assignsubmission_file_/x.ipynb")
            for student, notebook, number in (("a", "1_x", 11), ("a", "2_x", 11), ("b", "2_x", 12), ("b", "3_x", 12),
                                              ("a", "4_x", 21), ("b", "4_x", 22))]  # fmt: skip
    pages = {}
    for row in rows:
        pages[row.student, row.notebook] = tmp_path / f"{row.student}-{row.notebook}.html"
        pages[row.student, row.notebook].write_text(f"<body>{row.student} {row.notebook}</body>")
    zips, others = platforms.feedback_zips("Moodle", rows, pages)
    assert set(zips) == {"1_x+2_x+3_x", "4_x"} and not others
    platforms.write_zip(tmp_path / "x.zip", zips["1_x+2_x+3_x"])
    taken = platform_readers.moodle_feedback(tmp_path / "x.zip", {"11": "a", "12": "b"})
    assert {user: set(files) for user, files in taken.items()} == {
        "a": {"1_x.html", "2_x.html"}, "b": {"2_x.html", "3_x.html"},
    }  # fmt: skip


def test_what_goes_back_to_canvas_has_the_kind_that_its_name_says(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html><head><title>t</title></head><body><p>10 de 10</p></body></html>")
    rows = [HandedIn("a", "1_x", "A", "Canvas", "7", file="dir/a_7_70_todo.zip/1_x.ipynb"),
            HandedIn("a", "2_x", "A", "Canvas", "7", file="dir/a_7_70_todo.zip/2_x.ipynb"),
            HandedIn("b", "1_x", "B", "Canvas", "8", file="b_LATE_8_80_1_x-1.IPYNB"),
            HandedIn("c", "1_x", "", "Canvas", "anon_aB3dE", file="anon_aB3dE_90_x.py")]  # fmt: skip
    zips, others = platforms.feedback_zips("Canvas", rows, {(row.student, row.notebook): page for row in rows})
    assert not others and set(zips) == {"1_x", "2_x"}
    platforms.write_zip(tmp_path / "x.zip", zips["1_x"])
    attachments = {"70": ("7", "todo.zip"), "80": ("8", "1_x.ipynb"), "90": ("aB3dE", "x.py")}
    taken, ignored = platform_readers.canvas_feedback(tmp_path / "x.zip", attachments)
    assert not ignored and set(taken) == {"7", "8", "aB3dE"}
    assert taken["7"]["todo.zip"].startswith(b"PK") and b"10 de 10" in taken["8"]["1_x.ipynb"]
