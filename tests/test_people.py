"""Lists of students as Moodle, Canvas and Excel write them; what is wrong in one is said in one line."""

import pytest

from tema9.classroom import sources
from tema9.classroom.grading import intake, people

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
