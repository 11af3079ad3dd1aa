"""A term of 45 students, from the list to the final marks in Moodle's files, by the commands of docs/teaching.md."""

import contextlib
import csv
import zipfile
from pathlib import Path

import mini
import nbformat
import pytest
from nbgrader.api import Gradebook
from running import run

from tema9.classroom.authoring import bundle
from tema9.classroom.course import Course
from tema9.classroom.grading import scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.identities import WHO

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

# 43 of different names, and two Ana Sanz.
PEOPLE = [(f"u{number:02}", f"Nombre{number:02}", f"Apellido{number:02}") for number in range(1, 44)]
PEOPLE += [("asanz1", "Ana", "Sanz"), ("asanz2", "Ana", "Sanz")]
NUMBERS = {person[0]: str(900 + place) for place, person in enumerate(PEOPLE)}  # of Moodle's participants
WRONG_TEST = mini.SOURCE.replace("assert side(55, 3, s=2) == 27", "assert side(55, 3, s=2) == 26")
RIGHT, WRONG = mini.size(), mini.size("return (n - f) // s")
RULES = """\
timezone = "Europe/Madrid"
[notebooks.1_mini]
deadline = 2026-12-01T23:59:00+01:00
late = { percent = 10 }
extensions = { u03 = 2 }
[teams]
"Equipo 1" = ["u04", "u05"]
[markers]
marta = 1
jon = 1
"""
ON_TIME, LATE = (2026, 12, 1, 12, 0, 0), (2026, 12, 2, 12, 0, 0)


def roster(path, without=()):
    """The list of participants as Moodle writes it in Spanish."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Nombre", "Apellido(s)", "Nombre de usuario", "Dirección de correo"])
        writer.writerows([first, last, one, f"{one}@uni.es"] for one, first, last in PEOPLE if one not in without)
    return path


def delivery(path, course, answers, when=None):
    """A zip of Moodle with the notebooks of {student: answer}; `when` gives the times that are not ON_TIME."""
    names = {one: f"{first} {last}" for one, first, last in PEOPLE}
    with zipfile.ZipFile(path, "w") as archive:
        for student, code in answers.items():
            notebook = nbformat.read(course.release("1_mini"), as_version=4)
            for cell in notebook.cells:
                name = cell.metadata.get("nbgrader", {}).get("grade_id")
                cell.source = code if name == "n1-size" else "Por las ventanas." if name == "n1-why" else cell.source
            folder = f"{names[student]}_{NUMBERS[student]}_assignsubmission_file_"
            entry = zipfile.ZipInfo(f"{folder}/1_mini.ipynb", (when or {}).get(student, ON_TIME))
            archive.writestr(entry, nbformat.writes(notebook))
    return path


def done(*arguments, code=0):
    """Run a command of `tema9`; it grades in this process, whose sandbox starts once."""
    result = run(*arguments, *(["-j", 1] if arguments[0] == "grade" else []))
    assert result.exit_code == code, (arguments, result.output)
    return result.output


def totals(root):
    return {row.student: row.total for row in scores.scores(open_cohort(root))}


def mark_prose(root, points):
    """What Formgrader does when a person marks the answers in prose."""
    with contextlib.closing(Gradebook(f"sqlite:///{root}/gradebook.db", "tema9")) as book:
        for submission in book.assignment_submissions("1_mini"):
            grade = book.find_grade("n1-why", "1_mini", "1_mini", submission.student.id)
            grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def worksheet(path):
    """Moodle's grading worksheet, empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["Identificador", "Nombre completo", "Dirección de correo", "Estado", "Calificación"]
        head += ["Calificación máxima", "Última modificación (calificación)", "Comentarios de retroalimentación"]
        writer.writerow(head)
        for one, first, last in PEOPLE:
            writer.writerow(
                [f"Participante {NUMBERS[one]}", f"{first} {last}", f"{one}@uni.es", "", "", "10,00", "-", ""]
            )
    return path


def read(path):
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_term_from_the_list_to_the_final_marks_and_the_next_year(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bundle, "bundle", lambda out, **_: out.write_bytes(b""))  # of this notebook there is no zip
    root = tmp_path / "course"
    here = ("--course", root)
    left, nobody = "u42", "u43"
    answers = {one: RIGHT for one, *_ in PEOPLE if one not in (nobody, "u05")} | {"u02": WRONG, "u06": WRONG}
    with mini.as_course(mini.write(tmp_path / "wrong", WRONG_TEST)):
        done("release", *here)
        (root / "course.toml").write_text(RULES, encoding="utf-8")
        course = Course(root)
        times = {"u01": LATE, "u03": LATE}
        monday = delivery(tmp_path / "monday.zip", course, answers, times)
        listed = roster(tmp_path / "alumnos.csv")

        said = done("collect", monday, *here, "--roster", listed, code=1)
        assert "2 senders unresolved" in said and "several students have this name" in said
        rows = read(root / WHO)
        for row in rows:
            row["student"] = next(one for one in ("asanz1", "asanz2") if NUMBERS[one] == row["number"])
        with (root / WHO).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        done("collect", monday, *here)
        assert {row["student"] for row in read(root / "handed_in.csv")} == set(answers)

        done("grade", *here)
        first = totals(root)
        assert len(first) == 45 and first["u07"] == 30 and first["asanz1"] == first["asanz2"] == 30

        # A second delivery: one student's newer work; one student has left.
        tuesday = delivery(tmp_path / "tuesday.zip", course, {"u06": RIGHT})
        gone = done("collect", tuesday, *here, "--roster", roster(tmp_path / "later.csv", without=(left,)))
        assert "1 student left" in gone and (root / "replaced" / "u06" / "1_mini-1.ipynb").is_file()
        assert "1 graded now, 42 unchanged" in done("grade", *here, "--yes")

    # The hidden test was wrong: everybody is judged again, and who earned the points has them.
    with mini.as_course(mini.write(tmp_path / "right")):
        done("release", *here)
        said = done("grade", *here, code=1)
        assert "30 -> 90" in said and "nothing of this was recorded" in said, "nobody is at the terminal"
        done("grade", *here, "--yes")
        after = totals(root)
        assert after["u07"] == after["asanz1"] == after["asanz2"] == after["u06"] == 90 and after["u02"] == 30
        assert after["u01"] == 80, "13 hours late cost a day of 10 points"
        assert after["u03"] == 90, "two days more"
        assert after["u04"] == after["u05"] == 90, "one submission of the team, a mark for both"
        assert after[nobody] == 0 and left not in after

        shares = done("marking", *here)
        assert "marta" in shares and "jon" in shares
        mark_prose(root, 10)
        note = "reclama la prueba del paso; se corrige otra vez"
        done("grade", *here, "--student", "u02@uni.es", "--note", note)
        done("report", *here)
        assert note in (root / "report.html").read_text(encoding="utf-8")

        final = {row["Identificador"].split()[1]: row for row in export(root, worksheet(tmp_path / "notas.csv"))}
        wanted = {"u07": "10,00", "u02": "4,00", "u01": "9,00", "u03": "10,00", nobody: ""}
        assert {one: final[NUMBERS[one]]["Calificación"] for one in wanted} == wanted
        assert "menos por el retraso" in final[NUMBERS["u01"]]["Comentarios de retroalimentación"]
        done("export", *here, "--format", "moodle", "--scale", "10", "--out", tmp_path / "moodle.csv")
        by_mail = {row["Email address"]: row for row in read(tmp_path / "moodle.csv")}
        assert set(by_mail) == {f"{one}@uni.es" for one, *_ in PEOPLE if one != left}

        done("feedback", *here, "--moodle", code=1)  # the pages of a team's members who handed in nothing have no place
        done("archive", *here, "--out", tmp_path / "2026.zip")
        assert not (root / "submitted").exists() or not any((root / "submitted").iterdir())

        # The next year: somebody hands in what was handed in last year.
        done("release", *here)
        copied = delivery(tmp_path / "next.zip", Course(root), {"u10": mini.size("return len(range(0, n - f + 1, s))")})
        done("collect", copied, *here, "--roster", roster(tmp_path / "next.csv"))
        done("grade", *here)
        done("report", *here, "--against", tmp_path / "2026.zip")
        page = (root / "report.html").read_text(encoding="utf-8")
        assert "equal to those of 2026.zip" in page


def export(root, sheet):
    out = sheet.with_name("filled.csv")
    done("export", "--course", root, "--fill", sheet, "--out", out)
    return read(out)
