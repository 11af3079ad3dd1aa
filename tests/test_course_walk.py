"""The commands of docs/teaching.md from the release to the export, on a zip of Moodle and its list of students."""

import csv
import shlex
import zipfile

import nbformat
import pytest
from documents import rows
from running import run

from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.rehearsal import rehearse

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

ROSTER = """Nombre;Apellido(s);Nombre de usuario;Dirección de correo
Ana;García Núñez;agarcia;ana@uni.es
Luis;Pérez;lperez;luis@uni.es
Eva;Gil;egil;eva@uni.es
"""


def handed_in(tmp_path):
    """What Moodle gives: Ana's solution, Luis's with a mistake and a name that a browser gave, nothing of Eva."""
    source = next(source for source in sources.all_sources() if source.name == "1_lenet5")
    solved = {exercise.name: bank.solution(exercise) for exercise in source.graded}
    mistake = next(one for one in bank.load(source).answers["n1-conv-output-size"] if one.name == "forgets-plus-one")
    ana = rehearse.Submission("ana", source.name, "", solved)
    luis = rehearse.Submission("luis", source.name, "", solved | {"n1-conv-output-size": mistake})
    with zipfile.ZipFile(tmp_path / "entregas.zip", "w") as archive:
        for who, name, work in (("Ana García Núñez_11", "1_lenet5", ana), ("Luis Pérez_12", "1_lenet5 (1)", luis)):
            content = nbformat.writes(work.fill(sources.NOTEBOOKS / "1_lenet5.ipynb"))
            archive.writestr(f"{who}_assignsubmission_file_/{name}.ipynb", content)
    (tmp_path / "alumnos.csv").write_text(ROSTER, encoding="utf-8-sig")
    return source, {"agarcia": ana.machine_score(source), "lperez": luis.machine_score(source), "egil": 0}


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_documented_commands_take_a_class_from_the_release_to_the_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, deserved = handed_in(tmp_path)
    course = tmp_path / "course"
    lines = [line for line in rows("course") if line.startswith("tema9 ")]
    said = {}
    for line in lines:
        _, command, *arguments = shlex.split(line)
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        result = run(command, *arguments)
        assert result.exit_code == 0, (line, result.output)
        said[command] = result.output, {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert list(said) == ["release", "collect", "grade", "report", "feedback", "export"]
    for one in sources.all_sources():
        assert course / "release" / one.name / f"{one.name}.ipynb" in said["release"][1]
    assert {course / "gradebook.db", course / "tema9-estudiantes.zip"} <= said["release"][1]
    names = {"agarcia", "lperez"}
    assert {path.parts[-3] for path in said["collect"][1] if "submitted" in path.parts} == names
    assert {course / "roster.csv", course / "handed_in.csv"} <= said["collect"][1] and not (course / "who.csv").exists()
    assert "took in 2 notebooks of 2 students" in said["collect"][0]
    assert {path.parent.name for path in said["grade"][1] if path.parts[-3] == "receipts"} == names
    scores = {(row["student"], row["notebook"]): row for row in read(course / "scores.csv")}
    assert {student: float(row["machine"]) for (student, _), row in scores.items()} == deserved
    assert scores["egil", "1_lenet5"]["status"] == "not submitted"
    assert said["report"][1] == {course / "report.html"}
    pages = {course / "feedback" / name / "1_lenet5" / "1_lenet5.html" for name in names}
    assert said["feedback"][1] == pages
    assert "Te falta el +1" in (course / "feedback/lperez/1_lenet5/1_lenet5.html").read_text(encoding="utf-8")
    (file,) = said["export"][1]
    exported = {row["Username"]: row for row in read(file)}
    assert exported["egil"][source.title] == "", "who handed in nothing has no mark"
    assert {name: float(row[source.title] or 0) for name, row in exported.items()} == deserved
    assert exported["agarcia"]["Surname"] == "García Núñez"
    again = run("grade")
    assert again.exit_code == 0 and "0 graded now, 2 unchanged" in again.output
