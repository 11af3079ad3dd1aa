"""Lists of students as Moodle, Canvas and Excel write them; what is wrong in one is said in one line."""

import re

import openpyxl
import pytest
from documents import rows

from tema9.classroom import sources
from tema9.classroom.grading import intake, people
from tema9.classroom.grading.senders import squeezed

ANA = {"id": "agarcia", "first_name": "Ana María", "last_name": "García Núñez", "email": "ana@uni.es"}
LUIS = {"id": "lpérez", "first_name": "Luis", "last_name": "Pérez", "email": "luis@uni.es"}


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "alumnos.csv"
    path.write_bytes(text.encode(encoding))
    return path


def listed(header, delimiter, rows=("Ana María|García Núñez|agarcia|ana@uni.es", "Luis|Pérez|lpérez|luis@uni.es")):
    return "".join(line.replace("|", delimiter) + "\r\n" for line in (header, *rows))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header",
    [
        "Nombre|Apellido(s)|Nombre de usuario|Dirección de correo",
        "First name|Surname|Username|Email address",
        "NOMBRE|Apellidos| usuario |Correo electrónico",
    ],
)
def test_the_lists_of_moodle_and_excel_are_read(header, delimiter, encoding, tmp_path):
    assert people.read(written(tmp_path, listed(header, delimiter), encoding)) == [ANA, LUIS]


def test_moodles_own_list_of_participants_says_who_by_their_email(tmp_path):
    text = '"Nombre","Apellido(s)","Número de ID","Dirección de correo"\n"Ana María","García, Núñez",,"ana@uni.es"\n'
    assert people.read(written(tmp_path, text)) == [ANA | {"id": "ana", "last_name": "García, Núñez"}]


def test_the_list_of_canvas_gives_its_names_and_its_identifiers(tmp_path):
    text = 'Student,ID,SIS Login ID,Section\n    Points Possible,,,\n"García Núñez, Ana María",4321,agarcia,T9\n'
    (ana,) = people.read(written(tmp_path, text))
    assert ana == {key: ANA[key] for key in ("id", "first_name", "last_name")} | {"lms_user_id": "4321"}


def test_empty_lines_are_nobody(tmp_path):
    text = listed("Nombre|Apellido(s)|Usuario|Correo", ";").replace("Luis;", ";;;\r\n\r\nLuis;")
    assert [one["id"] for one in people.read(written(tmp_path, text))] == ["agarcia", "lpérez"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no column for who the student is"),
        ("Nombre;Apellidos\nAna;García\n", "expected username, id or email: 'Nombre;Apellidos'"),
        ("usuario,nombre\nana,Ana\nluis,Luis\nana,Otra\n", "has ana twice; every student has one row"),
        ("usuario,nombre\nana,Ana\n,Luis\n", "line 3: no username, id or email"),
        ("usuario,nombre\nana,García, Ana\n", "line 2: more columns than its header"),
        ('usuario,nombre\nana,"Ana\nluis,Luis\n', "line 3: unexpected end of data"),
        ("PK\x03\x04\x00\x00xl/workbook", "has no column for who the student is"),
    ],
)
def test_what_is_wrong_in_a_list_is_one_line(text, words, tmp_path):
    with pytest.raises(ValueError, match=r"alumnos\.csv") as error:
        people.read(written(tmp_path, text))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_submission_under_a_full_name_is_the_enrolled_students(tmp_path):
    enrolled = people.read(written(tmp_path, listed("Nombre|Apellido(s)|Usuario|Correo", ";")))
    notebook = (sources.NOTEBOOKS / "1_lenet5.ipynb").read_bytes()
    for folder in ("Ana María García Núñez_123_assignsubmission_file_", "Pérez Luis_124_assignsubmission_file_"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "1_lenet5.ipynb").write_bytes(notebook)
    taken = intake.collect(tmp_path / "course", tmp_path / "in", people=enrolled)
    assert taken.submissions == [("agarcia", "1_lenet5"), ("lpérez", "1_lenet5")] and taken.left_out == []


HEADERS = {
    "es": "Nombre|Apellido(s)|Número de ID|Dirección de correo",
    "en": "First name|Last name|ID number|Email address",
    "ca": "Nom|Cognoms|Número ID|Adreça electrònica",
    "gl": "Nome|Apelidos|Número ID|Enderezo de correo electrónico",
    "eu": "Izena|Deitura|ID zenbakia|E-posta helbidea",
    "pt": "Nome|Apelido|Número de identificação|Endereço de e-mail",
    "pt-br": "Nome|Sobrenome|Número de identificação|Endereço de email",
    "fr": "Prénom|Nom de famille|Numéro d'identification|Adresse de courriel",
    "fr-short": "Prénom|Nom|Numéro d'identification|Adresse de courriel",
    "de": "Vorname|Nachname|ID-Nummer|E-Mail-Adresse",
}
INES = {"first_name": "Inés", "last_name": "Núñez Gil", "lms_user_id": "100001", "email": "ines@uni.es", "id": "ines"}


def test_a_user_name_that_is_an_e_mail_is_one_by_which_two_lists_have_a_student_once(tmp_path):
    texts = {
        "moodle.csv": "Nombre,Apellido(s),Correo,Nombre de usuario\nAna,Gil,a@u.es,ana\nAna,Gil,b@u.es,gil\n",
        "canvas.csv": 'Student,ID,SIS Login ID,Section\n"Gil, Ana",71,A@u.es,1\n"Gil, Ana",72,b@u.es,1\n',
    }
    moodle, canvas = (tmp_path / name for name in texts)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {person["id"]: person["lms_user_id"] for person in people.together(map(people.read, (moodle, canvas)))}
    assert found == {"ana": "71", "gil": "72"}
    assert people.read(canvas)[0] == {
        "id": "A@u.es", "email": "A@u.es", "first_name": "Ana", "last_name": "Gil", "lms_user_id": "71",
    }  # fmt: skip


@pytest.mark.parametrize("language", HEADERS)
def test_the_lists_of_moodle_are_read_in_its_languages(language, tmp_path):
    text = listed(HEADERS[language], ",", ["Inés|Núñez Gil|100001|ines@uni.es"])
    assert people.read(written(tmp_path, text, "utf-8-sig")) == [INES]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("before", ["", "sep=;\r\n", "Tema 9: lista de alumnos;;;\r\n;;;\r\n", "Informe\r\n\r\n"])
def test_a_list_of_a_spreadsheet_is_read_in_its_encodings_and_under_its_title(before, encoding, tmp_path):
    text = before + listed(HEADERS["es"], ";", ["Inés|Núñez Gil|100001|ines@uni.es", "|||"])
    assert people.read(written(tmp_path, text, encoding)) == [INES]


def test_a_sheet_of_excel_is_read_whichever_sheet_has_the_list(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Notas del curso"])
    sheet = book.create_sheet("lista")
    for line in (
        ["Alumnos, grupo A"],
        [],
        HEADERS["es"].split("|"),
        ["Inés", "Núñez Gil", 100001.0, "ines@uni.es"],
        [],
    ):
        sheet.append(line)
    book.save(tmp_path / "lista.xlsx")
    assert people.read(tmp_path / "lista.xlsx") == [INES]
    sheet.append(["Luis", "Gil", None, None])
    book.save(tmp_path / "lista.xlsx")
    with pytest.raises(ValueError, match=r"lista\.xlsx, line 6: no username, id or email"):
        people.read(tmp_path / "lista.xlsx")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # Moodle's grading worksheet, where the assignment is not blind
            'Identificador,"Nombre completo","Dirección de correo",Estado,Calificación,"Comentarios"\n'
            '"Participante 412345","Inés Núñez Gil",ines@uni.es,"Enviado para calificar",,\n',
            {"id": "ines", "first_name": "Inés Núñez Gil", "email": "ines@uni.es", "participants": "412345"},
        ),
        (
            "Identifier,Full name,Status,Grade\nParticipant 7,Inés Núñez,Submitted,\n",
            {"id": "Inés-Núñez", "first_name": "Inés Núñez", "participants": "7"},
        ),
        (  # Canvas, first and last names shown
            "LastName,FirstName,ID,SIS Login ID,Section,P1 (3)\n,,,,,Manual Posting\n    Points Possible,,,,,100\n"
            "Núñez Gil,Inés,71,ines,A,\nStudent,Test,72,8a1f,A,\n",
            {"id": "ines", "first_name": "Inés", "last_name": "Núñez Gil", "lms_user_id": "71"},
        ),
        (
            "Student,ID,SIS User ID,SIS Login ID,Section,P1 (3)\n,,,,,Manual Posting\n    Points Possible,,,,,100\n"
            '"Núñez Gil, Inés",71,100001,ines,A,\n"Student, Test",72,,8a1f,A,\n',
            {"id": "ines", "first_name": "Inés", "last_name": "Núñez Gil", "lms_user_id": "71", "id_number": "100001"},
        ),
        (  # Brightspace
            "OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator\n"
            "#1001,#ines,Gil,Inés,ines@uni.es,#\n",
            {"id": "ines", "first_name": "Inés", "last_name": "Gil", "email": "ines@uni.es", "id_number": "1001"},
        ),
        (  # Blackboard
            '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\n"Gil"\t"Inés"\t"ines"\t"1001"\t""\n',
            {"id": "ines", "first_name": "Inés", "last_name": "Gil", "id_number": "1001"},
        ),
        (  # Sakai
            '"Tarea 1","SCORE_GRADE_TYPE"\n""\n"Display ID","ID","Last Name","First Name","grade"\n'
            '"ines","u7","Gil","Inés",""\n',
            {"id": "ines", "first_name": "Inés", "last_name": "Gil", "lms_user_id": "u7"},
        ),
        ("DNI|Alumno\n12345678Z|Núñez Gil, Inés\n",
         {"id": "12345678Z", "id_number": "12345678Z", "first_name": "Inés", "last_name": "Núñez Gil"}),
        (
            "Apellido 1;Apellido 2;Nombre;NIP;Correo institucional\nNúñez;Gil;Inés;1001;ines@uni.es\n",
            {"id": "ines", "first_name": "Inés", "last_name": "Núñez Gil", "email": "ines@uni.es", "id_number": "1001"},
        ),
        ("student;email\nines;ines@uni.es\n", {"id": "ines", "email": "ines@uni.es"}),
    ],
)  # fmt: skip
def test_the_lists_of_the_platforms_are_read(text, expected, tmp_path):
    for encoding in ("utf-8", "utf-16"):
        assert people.read(written(tmp_path, text, encoding)) == [expected]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0 old", "a sheet of an old Excel; save it as .xlsx or as CSV"),
        (b"\x7fELF\x02\x01\x00\x00binary\x00", "is no text and no sheet of Excel"),
        (b"PK\x03\x04 not a book", "is no sheet of Excel that can be read"),
        (b"Identificador,Estado\nParticipante 4,x\n", "says nobody's name"),
    ],
)
def test_what_is_no_list_is_told_without_its_bytes(content, words, tmp_path):
    (tmp_path / "alumnos.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"alumnos\.csv") as error:
        people.read(tmp_path / "alumnos.csv")
    assert words in str(error.value) and str(error.value).isprintable()


def test_two_e_mails_with_one_local_part_are_two_students(tmp_path):
    text = "nombre,apellidos,correo\nAna,Gil,ana@uni.es\nAna,Ruiz,ana@alumnos.uni.es\nEva,Gil,eva@uni.es\n"
    assert [one["id"] for one in people.read(written(tmp_path, text))] == ["ana@uni.es", "ana@alumnos.uni.es", "eva"]


def test_no_two_students_have_ids_that_differ_only_in_capital_letters(tmp_path):
    """A Mac and Windows would put both into one folder."""
    lists = {
        "usuario,nombre\nAna,Ana Gil\nana,Ana Ruiz\nANA,Ana Sanz\n": 3,
        "usuario,nombre\nstraße,Ana Gil\nSTRASSE,Eva Gil\n": 2,
        "nombre,correo\nAna,ana@a.es\nEva,ANA@b.es\n": 2,
        "nombre,correo\nAna,ana@a.es\nAna,Ana@A.es\n": 1,
    }
    for text, count in lists.items():
        ids = [one["id"].casefold() for one in people.read(written(tmp_path, text))]
        assert len(ids) == len(set(ids)) == count, text
    with pytest.raises(ValueError, match="twice"):
        people.read(written(tmp_path, "nombre,correo\nAna,ana@a.es\nEva,ANA@a.es\n"))


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u200e", "\u2060", "\u00a0", "\u202f\u200b", "\x7f", "\u00ad"])
def test_what_nobody_sees_around_a_cell_is_no_part_of_it(hidden, tmp_path):
    text = f"Nombre,Correo{hidden}\n{hidden}Inés,{hidden}ines@uni.es{hidden}\n"
    assert people.read(written(tmp_path, text)) == [{"id": "ines", "first_name": "Inés", "email": "ines@uni.es"}]


def test_a_student_of_two_groups_has_two_equal_rows(tmp_path):
    assert len(people.read(written(tmp_path, "usuario,nombre\nana,Ana\nana,Ana\neva,Eva\n"))) == 2


def person(id, name="", **rest):
    first, _, last = name.partition(" ")
    return {"id": id} | ({"first_name": first, "last_name": last} if name else {}) | rest


@pytest.mark.parametrize(
    ("new", "before", "ids"),
    [
        # the list of Moodle after that of Canvas: by the number of the university, and by a name of one student
        (person("ag", "Ana", email="ag@x", lms_user_id="9"), person("agil", "Ana Gil", id_number="9"), {"agil"}),
        (person("ana.gil", "Ana Gil", email="ana.gil@x"), person("agil", "Ana Gil", lms_user_id="7"), {"agil"}),
        (person("ana", "Ana Gil Ruiz", email="A@X"), person("agil", "Ana Gil", email="a@x"), {"agil"}),
        (person("p", "Ana Gil", participants="4"), person("agil", "Ana Gil", participants="3"), {"agil"}),
        (person("AGIL", "Ana Gil"), person("agil", "Ana Gil"), {"agil"}),
        # another Ana Gil
        (person("AGIL", "Ane Gil", email="ane@x"), person("agil", "Ana Gil", email="ana@x"), {"agil", "ane@x"}),
        (person("ana2", "Ana Gil", lms_user_id="8"), person("ana", "Ana Gil", lms_user_id="7"), {"ana", "ana2"}),
        (person("ana", "Ana Ruiz", email="ana@y"), person("ana", "Ana Gil", email="ana@x"), {"ana", "ana@y"}),
    ],
)  # fmt: skip
def test_a_new_list_and_the_one_before_have_each_student_once(new, before, ids):
    merged = people.merge([new], [before])
    assert {one["id"] for one in merged} == ids
    assert [one for one in merged if "left" in one] == (
        [before | {"left": merged[-1]["left"]}] if len(ids) == 2 else []
    )


def test_numbers_of_all_worksheets_are_kept():
    (one,) = people.merge([person("x", "Ana Gil", participants="4")], [person("agil", "Ana Gil", participants="3")])
    assert one == person("agil", "Ana Gil", participants="3 4")


def test_who_is_not_in_the_list_has_left_and_may_come_back():
    class_ = [person("ana", "Ana Gil"), person("eva", "Eva Ruiz")]
    after = people.merge(class_[:1], class_)
    assert [(one["id"], "left" in one) for one in after] == [("ana", False), ("eva", True)]
    assert [(one["id"], "left" in one) for one in people.merge(class_, after)] == [("ana", False), ("eva", False)]
    assert len(people.together([class_[:1], class_[1:]])) == 2


def test_a_row_that_fits_two_students_is_refused():
    before = [person("ana", "Ana Gil", email="a@x"), person("eva", "Eva Ruiz", lms_user_id="7")]
    with pytest.raises(ValueError, match="both ana and eva"):
        people.merge([person("x", "X", email="a@x", lms_user_id="7")], before)


def test_two_rows_of_one_student_who_is_known_are_refused_and_two_names_of_one_are_kept():
    before = [person("ana", "Ana Gil", email="a@x")]
    with pytest.raises(ValueError, match="two rows of the list are ana"):
        people.merge([person("ana", "Ana Gil"), person("x", "Ana Gil", email="a@x")], before)
    merged = people.merge([person("p", "Ana Gil", email="b@x"), person("q", "Otra Gil", email="a@x")], before)
    assert {one["id"]: one["email"] for one in merged} == {"p": "b@x", "ana": "a@x"}


def test_the_columns_that_the_teachers_page_shows_are_known():
    for row in rows("lists"):
        _, columns = (cell.strip() for cell in row.strip("|").split("|"))
        known = {name for names in people.COLUMNS.values() for name in names}
        assert {squeezed(name) for name in re.findall(r"`([^`]+)`", columns)} <= known, row
