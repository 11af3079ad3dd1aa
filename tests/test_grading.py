"""A class graded through nbgrader: the scores, the odd submissions, the feedback."""

import csv
import subprocess
import sys

import mini
import nbformat
import pytest
from nbgrader.api import Gradebook
from running import grade_class

from tema9.classroom import course
from tema9.classroom.authoring import bank
from tema9.classroom.grading import intake, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.publishing import feedback
from tema9.classroom.rehearsal import rehearse
from tema9.classroom.sandbox.sandbox import Limits

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small notebook stands for the sources of the course."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))) as source:
        yield source


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook, {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells})
    nbformat.write(notebook, path)


def weaken_test(notebook, cells):
    cells["n1-size-tests-values"].source = "pass"


def delete_test(notebook, cells):
    notebook.cells.remove(cells["n1-size-tests-values"])


def tag_tests(notebook, cells):
    cells["n1-size-tests-values"].metadata.tags = ["skip-execution"]


def explore(notebook, cells):
    for cell in notebook.cells:
        if "una exploración" in cell.source:
            cell.source += "\nprint(30)"


def strip_metadata(notebook, cells):
    for cell in notebook.cells:
        cell.metadata.clear()
        cell.id = f"cell-{notebook.cells.index(cell)}"


def duplicate_test(notebook, cells):
    again = cells["n1-size-tests-values"].copy()
    again.id = "another-cell"
    notebook.cells.append(again)


def rename_cell(notebook, cells):
    cells["n1-size"].metadata.nbgrader.grade_id = "something-else"


def borrow(notebook, cells):
    cells["n1-size"].source = "from tema9.arithmetic import output_size as size"


RECALLS = """
from pathlib import Path
calls, kept = [], Path("calls.txt")
def size(n, f, s=1):
    calls.append(f"{n}/{f}/{s}")
    with kept.open("a") as out:
        print(calls, file=out)
    return (n - f) // s + 1 + (s > 1)
"""


def recall(notebook, cells):
    """Print what the tests gave, from memory and from a file, in a cell below them."""
    cells["n1-size"].source = RECALLS
    notebook.cells.append(nbformat.v4.new_code_cell("print(calls, kept.exists() and kept.read_text())"))


def recall_in_an_error(notebook, cells):
    """Say in the error of a visible test what the hidden test before it gave."""
    cells["n1-size"].source = RECALLS.replace(
        "    return", "    if len(calls) > 2:\n        raise ValueError(calls)\n    return"
    )


@pytest.fixture(scope="module")
def graded(small, tmp_path_factory, prepared):
    """Six rehearsed students, and some with odd submissions; graded once."""
    root = rehearse.rehearse(prepared(tmp_path_factory.mktemp("course")).root, students=6)
    odd = course.Course(root)
    wrong = {answer.name: answer for answer in bank.load(small).answers["n1-size"]}
    changes = {
        "weakens": weaken_test,
        "deletes": delete_test,
        "tags": tag_tests,
        "strips": strip_metadata,
        "duplicates": duplicate_test,
        "renames": rename_cell,
        "borrows": borrow,
        "explores": explore,
        "recalls": recall,
        "recalls-in-an-error": recall_in_an_error,
    }
    for name, change in changes.items():
        path = odd.submitted(name, small.name)
        path.parent.mkdir(parents=True)
        answer = wrong["forgets-stride" if name == "explores" else "forgets-plus-one"]
        submission = rehearse.Submission(name, small.name, "", {"n1-size": answer})
        nbformat.write(submission.fill(odd.release(small.name)), path)
        edit(path, change)
    (path.parent / "numpy.py").write_text("raise SystemExit")  # beside the notebook of the last one
    path = odd.submitted("old-format", small.name)
    path.parent.mkdir(parents=True)
    notebook = nbformat.read(odd.submitted("strips", small.name), as_version=4)
    path.write_text(nbformat.writes(nbformat.convert(notebook, 3), version=3), encoding="utf-8")
    path = odd.submitted("timeless", small.name)
    path.parent.mkdir(parents=True)
    path.write_bytes(odd.submitted("strips", small.name).read_bytes())
    (path.parent / "timestamp.txt").write_bytes(b"\xff ayer por la tarde")
    broken = odd.submitted("broken", small.name)
    broken.parent.mkdir(parents=True)
    broken.write_text("{ this is no notebook")
    (root / "submitted" / "absent").mkdir()
    rows = {row.student: row for row in grade_class(root, limits=Limits(seconds=3)).rows}
    feedback.write_all(open_cohort(root), sorted(rows))
    return root, rows


def test_every_rehearsed_score_is_the_expected_one(graded):
    root, rows = graded
    for (student, _), (score, what) in scores.expected(root).items():
        assert rows[student].machine == score, what
        assert rows[student].status == "graded"


def test_without_a_sandbox_the_bank_s_answers_have_the_same_scores(small, tmp_path, prepared):
    root = rehearse.rehearse(prepared(tmp_path).root, students=6)
    rows = {(row.student, row.notebook): row for row in grade_class(root, unsandboxed=True).rows}
    assert {who: row.machine for who, row in rows.items()} == {
        who: score for who, (score, _) in scores.expected(root).items()
    }
    assert {row.status for row in rows.values()} == {"graded"}


def test_there_is_a_row_for_every_student(graded):
    root, rows = graded
    assert set(rows) == {path.name for path in (root / "submitted").iterdir()}
    with (root / scores.SCORES).open(encoding="utf-8") as file:
        written = {row["student"]: float(row["total"]) for row in csv.DictReader(file)}
    assert written == {student: row.total for student, row in rows.items()}


def test_a_broken_file_keeps_its_row_with_the_reason_and_the_file(graded):
    root, rows = graded
    assert rows["broken"].machine == 0
    assert rows["broken"].status.startswith("could not be read: ")
    assert (root / "submitted" / "broken" / "1_mini" / "1_mini.ipynb").read_text() == "{ this is no notebook"


def test_a_student_who_handed_nothing_in_has_a_row(graded):
    assert graded[1]["absent"].status == "not submitted"
    assert graded[1]["absent"].total == 0


@pytest.mark.parametrize(
    "student", ["weakens", "deletes", "tags", "strips", "duplicates", "renames", "old-format", "timeless"]
)
def test_changing_a_notebook_neither_helps_nor_harms(graded, student):
    assert graded[1][student].status == "graded"
    assert graded[1][student].machine == 30, "the mistake loses `values` and keeps `whole`"


def test_repairs_are_in_the_row_and_in_the_feedback_and_nowhere_else(graded):
    root, rows = graded
    assert "n1-size-tests-values`: la celda faltaba o estaba cambiada" in rows["weakens"].repairs
    assert "se ha reconocido por su contenido" in rows["strips"].repairs
    assert rows["alumno-001"].repairs == ""
    page = (root / "feedback" / "deletes" / "1_mini" / "1_mini.html").read_text(encoding="utf-8")
    assert "Al corregir se ha reparado la entrega" in page
    assert "se ha reparado" not in (root / "feedback/alumno-001/1_mini/1_mini.html").read_text(encoding="utf-8")


def test_an_answer_borrowed_from_the_package_scores_nothing(graded):
    assert graded[1]["borrows"].machine == 0


def test_prose_waits_for_a_person_and_the_blank_does_not(graded):
    _, rows = graded
    assert rows["alumno-001"].pending == 1
    assert rows["alumno-002"].pending == 0


def test_feedback_holds_no_hidden_test_no_scheme_and_no_traceback(graded):
    root, rows = graded
    for student, row in rows.items():
        page = root / "feedback" / student / "1_mini" / "1_mini.html"
        assert page.is_file() == (row.status != "not submitted"), student
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            for secret in ("HIDDEN TESTS", "MARK SCHEME", "hablar de ventanas", "s=2", "Traceback (most"):
                assert secret not in text, (student, secret)
    assert "revisa el paso" in (root / "feedback/explores/1_mini/1_mini.html").read_text(encoding="utf-8")


def test_what_hidden_tests_give_reaches_no_feedback(graded):
    root, rows = graded
    assert rows["recalls"].machine == 30 and rows["recalls-in-an-error"].machine == 0
    for student in ("recalls", "recalls-in-an-error"):
        text = (root / "feedback" / student / "1_mini" / "1_mini.html").read_text(encoding="utf-8")
        assert "55/3/2" not in text and "55, 3" not in text
    assert "revisa el paso" in (root / "feedback/recalls/1_mini/1_mini.html").read_text(encoding="utf-8")


def test_explorations_are_shown_as_released_and_not_run(graded):
    root, _ = graded
    cells = {}
    for student in ("alumno-001", "explores"):
        notebook = nbformat.read(root / "autograded" / student / "1_mini" / "1_mini.ipynb", as_version=4)
        cells[student] = [cell for cell in notebook.cells if "una exploración" in cell.source]
    assert [cell.cell_type for cell in cells["alumno-001"] + cells["explores"]] == ["markdown", "markdown"]
    assert cells["alumno-001"][0].source == cells["explores"][0].source


def test_marking_the_prose_by_hand_makes_the_perfect_student_reach_100(graded):
    root, _ = graded
    api = course.Course(root).api
    with Gradebook(api.coursedir.db_url, "tema9") as gradebook:
        answer = gradebook.find_grade("n1-why", "1_mini", "1_mini", "alumno-001")
        answer.manual_score, answer.needs_manual_grade = 10, False
        gradebook.db.commit()
    cohort = open_cohort(root)
    rows = {row.student: row for row in scores.scores(cohort)}
    assert (rows["alumno-001"].total, rows["alumno-001"].pending) == (100, 0)
    feedback.write_all(cohort, ["alumno-001"])
    page = (root / "feedback" / "alumno-001" / "1_mini" / "1_mini.html").read_text(encoding="utf-8")
    assert "100 de 100 puntos" in page


def test_nbgraders_generate_feedback_gives_our_page_of_what_was_recorded_and_its_own_of_the_rest(graded):
    root, _ = graded
    made = course.Course(root)
    path, handed_in = root / "feedback/explores/1_mini/1_mini.html", made.submitted("explores", "1_mini")
    ours, before = path.read_bytes(), handed_in.read_bytes()
    with course.quiet():
        result = made.api.generate_feedback("1_mini", "explores")
        assert result["success"], result
    assert path.read_bytes() == ours
    try:
        handed_in.write_bytes(before + b"\n")  # handed in again, and not graded by `tema9 grade` since
        with course.quiet():
            result = made.api.generate_feedback("1_mini", "explores")
            assert result["success"], result
        assert "Score:" in path.read_text(encoding="utf-8")
    finally:
        handed_in.write_bytes(before)
        path.write_bytes(ours)


def test_the_grader_sees_the_mark_scheme_and_the_student_does_not(graded):
    root, _ = graded
    assert "hablar de ventanas" in (root / "autograded/alumno-001/1_mini/1_mini.ipynb").read_text(encoding="utf-8")
    assert "hablar de ventanas" not in (root / "release/1_mini/1_mini.ipynb").read_text(encoding="utf-8")


def test_nbgraders_own_commands_work_in_the_course_folder(graded):
    root, _ = graded

    def nbgrader(*arguments):
        command = [sys.executable, "-m", "nbgrader", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    regraded = nbgrader("autograde", "1_mini", "--student=alumno-001", "--force")
    assert regraded.returncode == 0, regraded.stderr
    perfect = nbgrader("validate", "submitted/alumno-001/1_mini/1_mini.ipynb")
    assert "Success" in perfect.stdout
    blank = nbgrader("validate", "release/1_mini/1_mini.ipynb")
    assert "NotImplementedError" in blank.stdout


def test_rehearsing_never_mixes_with_real_submissions(small, tmp_path):
    (tmp_path / "submitted" / "ana").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="no rehearsal made"):
        rehearse.rehearse(tmp_path, students=3)
    with pytest.raises(ValueError, match="students 1"):
        rehearse.rehearse(tmp_path / "other", students=1)


def test_an_empty_course_says_where_submissions_go(small, tmp_path):
    with pytest.raises(intake.NothingToGrade, match="STUDENT/NOTEBOOK"):
        grade_class(tmp_path)


def test_collecting_finds_notebooks_however_deep_and_keeps_what_it_replaces(small, tmp_path):
    for place in ("ana/1_mini.ipynb", "luis/entrega/1_mini.ipynb"):
        (tmp_path / "in" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / place).write_text(place)
    (tmp_path / "in" / "ana" / "notas.txt").write_text("hola")
    (tmp_path / "in" / "luis" / "1_mini.ipynb").symlink_to(tmp_path / "in" / "ana" / "1_mini.ipynb")
    left_out = intake.collect(tmp_path / "course", tmp_path / "in").left_out
    assert sorted(left_out) == ["ana/notas.txt: no notebook", "luis/1_mini.ipynb: a link"]
    submitted = tmp_path / "course" / "submitted"
    assert (submitted / "ana/1_mini/1_mini.ipynb").read_text() == "ana/1_mini.ipynb"
    assert (submitted / "luis/1_mini/1_mini.ipynb").read_text() == "luis/entrega/1_mini.ipynb"
    (tmp_path / "in" / "ana" / "1_mini.ipynb").write_text("otra vez")
    intake.collect(tmp_path / "course", tmp_path / "in")
    assert (submitted / "ana/1_mini/1_mini.ipynb").read_text() == "otra vez"
    assert (tmp_path / "course/replaced/ana/1_mini-1.ipynb").read_text() == "ana/1_mini.ipynb"


def test_collecting_from_a_folder_without_notebooks_says_what_is_expected(small, tmp_path):
    with pytest.raises(intake.NothingToGrade, match="1_mini"):
        intake.collect(tmp_path / "course", tmp_path)


def test_the_plan_of_a_class_has_every_kind_of_student(small):
    plan = rehearse.plan(small, bank.load(small), 12)
    kinds = {submission.what.split(":")[0].split(" in ")[0] for submission in plan}
    assert kinds == {"perfect", "blank", "one mistake", "right", "mistakes", "the first half"}
    assert plan[0].machine_score(small) == 90
    assert plan[1].machine_score(small) == 0
