"""Marking by hand: nbgrader's own Formgrader, served in the course folder, after our run and before our export."""

import csv
import html
import subprocess
import sys

import mini
import pytest
from running import formgrader, grade_class, run

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PASTED = "Porque sí: ![mi dibujo](attachment:image.png) y ![](https://example.org/pixel.png)"


def paste(notebook, cells):
    """Paste an image into the answer in prose, as JupyterLab does."""
    cells["n1-why"]["attachments"] = {"image.png": {"image/png": PNG}}


@pytest.fixture(scope="module")
def root(tmp_path_factory, prepared):
    """Ana and Luis answered in prose, Eva did not; graded."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        opened = prepared(tmp_path_factory.mktemp("course"))
        mini.hand_in(opened, "ana", mini.size(), "Por las ventanas. <script>alert(1)</script>")
        mini.hand_in(opened, "luis", mini.size("return (n - f) // s"), PASTED, paste)
        mini.hand_in(opened, "eva", mini.size())
        grade_class(opened.root)
        yield opened.root


@pytest.fixture(scope="module")
def ask(root):
    """A function that asks Formgrader, as its page does; JupyterLab's server runs in the course folder."""
    with formgrader(root) as ask:
        yield ask


def test_a_pasted_image_is_shown_wherever_the_answer_is_read(root, ask):
    waiting = {one["student"]: one for one in ask("api/submitted_notebooks/1_mini/1_mini")}
    shown = {"formgrader": ask(f"submissions/{waiting['luis']['id']}/?index=0")}
    page = root / "feedback/luis/1_mini/1_mini.html"
    assert run("feedback", root).exit_code == 0
    shown["tema9 feedback"] = page.read_text(encoding="utf-8")
    handed_in = root / "submitted/luis/1_mini/1_mini.ipynb"
    before = handed_in.read_bytes()
    try:
        handed_in.write_bytes(before + b"\n")  # handed in again since it was graded: nbgrader's own page stays
        command = [sys.executable, "-m", "nbgrader", "generate_feedback", "1_mini", "--student=luis", "--force"]
        made = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        shown["nbgrader"] = page.read_text(encoding="utf-8")
    finally:
        handed_in.write_bytes(before)
        page.unlink()
    assert "Score:" in shown["nbgrader"] and "Score:" not in shown["tema9 feedback"]
    for where, text in shown.items():
        assert f'src="data:image/png;base64,{PNG}"' in text and 'alt="mi dibujo"' in text, where
        assert 'src="https://example.org' not in text and 'href="https://example.org/pixel.png"' in text, where


def test_a_mark_and_a_comment_given_in_formgrader_are_in_the_feedback_the_report_and_the_export(root, ask):
    waiting = {one["student"]: one for one in ask("api/submitted_notebooks/1_mini/1_mini")}
    assert {student: one["needs_manual_grade"] for student, one in waiting.items()} == {
        "ana": True, "eva": False, "luis": True,
    }  # fmt: skip
    assert {student: one["score"] for student, one in waiting.items()} == {"ana": 90, "eva": 90, "luis": 30}
    assert run("export", root).exit_code == 1, "two answers wait"
    for student, mark in (("ana", 9.5), ("luis", 0)):
        page = html.unescape(ask(f"submissions/{waiting[student]['id']}/?index=0"))
        assert "hablar de ventanas" in page, "the mark scheme"
        assert "revisa el paso" in page, "the tests, hidden ones too"
        grades = ask(f"api/grades?submission_id={waiting[student]['id']}")
        (answer,) = [one for one in grades if one["needs_manual_grade"]]
        assert (answer["name"], answer["max_score"], answer["manual_score"]) == ("n1-why", 10, None)
        ask(f"api/grade/{answer['id']}", {"manual_score": mark})
        (comment,) = [
            one for one in ask(f"api/comments?submission_id={waiting[student]['id']}") if one["name"] == "n1-why"
        ]
        ask(f"api/comment/{comment['id']}", {"manual_comment": f"Un {mark:g}, por <b>esto</b>."})
    assert not any(one["needs_manual_grade"] for one in ask("api/submitted_notebooks/1_mini/1_mini"))
    assert run("grade", root, "-j", 1).exit_code == 0
    for command in ("feedback", "report", "export"):
        assert run(command, root).exit_code == 0, command
    with (root / "scores-csv.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: (float(row["total"]), row["status"]) for row in csv.DictReader(file)}
    assert rows == {"ana": (99.5, "graded"), "eva": (90, "graded"), "luis": (30, "graded")}
    assert "0 answers wait" in " ".join((root / "report.html").read_text(encoding="utf-8").split())
    page = (root / "feedback/ana/1_mini/1_mini.html").read_text(encoding="utf-8")
    assert "99,5 de 100 puntos" in page and "Un 9.5, por &lt;b&gt;esto&lt;/b&gt;." in page
    assert "hablar de ventanas" not in page and "<script" not in page
