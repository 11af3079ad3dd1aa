"""The class on one page: its numbers are the rows', what stands out is named, and it needs nothing else."""

import base64
import html
import random
import re
import statistics

import mini
import numpy as np
import pytest
from running import grade_class, run

from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.grading.verdicts import CellVerdict
from tema9.classroom.publishing import feedback, pages, report, similar
from tema9.classroom.sandbox.sandbox import Limits

TWO = mini.SOURCE.replace(
    "# %% [markdown]\n# ¿Por qué?",
    '''# %% solution="n1-area"
def area(side):
    """Píxeles de un mapa cuadrado."""
    ### BEGIN SOLUTION
    return side * side
    ### END SOLUTION

# %% tests="n1-area" points=20
assert area(28) == 784

# %% [markdown]
# ¿Por qué?''',
)


def table(page, heading):
    """The rows of the table under a heading, as lists of texts."""
    under = page.split(f"<h2>{heading}</h2>")[1].split("<h2>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", under, re.S)]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in rows if row]


def tampering(notebook, cells):
    cells["n1-size-tests-values"].source = "pass"


@pytest.fixture(scope="module")
def made(tmp_path_factory, prepared):
    """A class of eight that fares in known ways, graded and reported."""
    folder = mini.write(tmp_path_factory.mktemp("sources"), TWO)
    with mini.as_course(folder):
        opened = prepared(tmp_path_factory.mktemp("course"))
        loop = mini.size("while True: pass")
        wrong, no_step = mini.size("return (n - f) // s"), mini.size("return n - f + 1")
        answers = {"a1": mini.size(), "a2": mini.size(), "a3": wrong, "a4": wrong, "a5": no_step, "a6": loop}
        for student, code in answers.items():
            mini.hand_in(opened, student, code, "Por las ventanas." if student == "a1" else None)
        mini.hand_in(opened, "a7", wrong, change=tampering)
        mini.hand_in(opened, "a8", wrong).write_text("{")
        rows = grade_class(opened.root, limits=Limits(seconds=1)).rows
        cohort = open_cohort(opened.root)
        report.write(cohort, rows, opened.root / "report.html")
        feedback.write_all(cohort, [row.student for row in rows])
        yield opened.root, rows, (opened.root / "report.html").read_text(encoding="utf-8")


@pytest.mark.sandbox
def test_the_numbers_are_those_of_the_rows(made):
    _, rows, page = made
    graded = [row.total for row in rows if row.status == "graded"]
    assert graded == [90, 90, 30, 30, 30, 0, 30], "a6 never answers, not even to the test of `whole`"
    head = " ".join(html.unescape(re.search(r"<h1>.*?</p>", page, re.S)[0]).split())
    assert f"8 students, 7 submissions graded; median {statistics.median(graded):.0f} of" in head
    assert "1 answers wait" in head
    assert dict(table(page, "Verdicts and time")) == {"pass": "8", "fail": "4", "timeout": "2", "not-answered": "7"}


@pytest.mark.sandbox
def test_difficulty_is_what_those_who_answered_lost(made):
    _, _, page = made
    (size, area) = table(page, "Exercises")
    lost = 1 - (90 + 90 + 30 + 30 + 30 + 0 + 30) / (7 * 90)
    assert size[:3] == ["n1-size", "7", f"{lost:.2f}"]
    assert area[:2] == ["n1-area", "0"], "nobody answered it"


@pytest.mark.sandbox
def test_what_happened_is_named_by_student(made):
    _, _, page = made
    assert {row[0]: row[2] for row in table(page, "Needs attention")} == {
        "a6": "n1-size-tests-values: timeout; n1-size-tests-whole: timeout",
        "a7": "n1-size-tests-values: tampered with; the original was used",
        "a8": "could not be read: the file begins as a notebook, and is damaged or cut off",
    }
    assert [row[0] for row in table(page, "Repaired submissions")] == ["a7"]


@pytest.mark.sandbox
def test_pages_ask_for_nothing_and_run_nothing(made):
    root, _, page = made
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(pictures) >= 2 and all(b"<svg" in base64.b64decode(picture) for picture in pictures)
    for text in (page, *(path.read_text(encoding="utf-8") for path in root.glob("feedback/*/*/*.html"))):
        assert "default-src 'none'" in text
        assert not re.search(r"<script|\bon\w+=|javascript:|<link|<iframe|@import|url\(", text)
        assert not re.search(r'(?:src|href)="(?!data:image/|#)', text)


def receipts(scores):
    """Receipts of a class by the points of each student in two exercises, of 90 and 20."""
    found = {}
    for number, (size, area) in enumerate(scores):
        verdicts = tuple(
            CellVerdict(f"{name}-tests", name, "pass" if points else "fail", points, most)
            for name, points, most in (("n1-size", size, 90), ("n1-area", area, 20))
        )
        found[f"s{number}", "1_mini"] = Receipt(f"s{number}", "1_mini", sha256="", verdicts=verdicts)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    with mini.as_course(mini.write(tmp_path_factory.mktemp("two"), TWO)) as source:
        yield source


def test_discrimination_is_the_correlation_with_the_rest(source):
    scores = [(90, 20), (90, 20), (60, 20), (30, 0), (0, 20), (0, 0)]
    size, area = report.exercise_statistics(source, receipts(scores))
    expected = np.corrcoef(*zip(*scores, strict=True))[0, 1]
    assert size.discrimination == pytest.approx(expected) and area.discrimination == pytest.approx(expected)
    assert area.difficulty == pytest.approx(2 / 6) and (size.doubt, area.doubt) == ("", "")


def test_an_exercise_that_the_best_lose_has_a_doubtful_test(source):
    scores = [(90, 0)] * 6 + [(0, 20)] * 3 + [(0, 0)] * 3
    size, area = report.exercise_statistics(source, receipts(scores))
    assert area.doubt == "100% of the best quarter lose points"
    assert size.doubt == "those who know more lose it more", "and so this one looks odd as well"
    fair = [(90, 20)] * 6 + [(30, 20)] * 3 + [(0, 0)] * 3
    assert [one.doubt for one in report.exercise_statistics(source, receipts(fair))] == ["", ""]


def test_where_nobody_differs_nothing_is_said_of_discrimination(source):
    for scores in ([], [(90, 20)], [(90, 20)] * 5):
        for one in report.exercise_statistics(source, receipts(scores)):
            assert one.discrimination is None and one.doubt == ""


def test_mistakes_are_counted_by_explanation(monkeypatch):
    known = {"n1-size": {"mistakes": {"size": {"x": "Te falta el +1.", "y": "Te falta el paso."}}}}
    monkeypatch.setattr("tema9.checks.known_fingerprints", lambda: known)
    said = ["✘ n1-size: Te falta el +1.", "✘ n1-size: Te falta el paso.", "✘ n1-size: Te falta el +1.", "✘ n1-size"]
    found = report.mistakes([Receipt("ana", "1_mini", sha256="", checks={"n1-size": text}) for text in said])
    assert found == [("n1-size", "Te falta el +1.", 2), ("n1-size", "Te falta el paso.", 1)]


def answers(students, cells=10, seed=0):
    """Long answers of a class, each of its own."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz_ =()+\n"
    return {
        f"c{cell}": {f"s{student:02}": "".join(draw.choices(letters, k=150)) for student in range(students)}
        for cell in range(cells)
    }


def test_two_who_hand_in_the_same_wrong_answers_are_found_and_nobody_else():
    texts = answers(30)
    for cell in ("c1", "c4", "c7"):
        texts[cell]["s03"] = texts[cell]["s21"]
    texts["c8"]["s05"] = texts["c8"]["s21"] + "  # mía"
    (pair,) = similar.pairs(texts)
    assert (pair.one, pair.other, pair.cells, pair.equal) == ("s03", "s21", ("c1", "c4", "c7"), 3)
    assert pair.bits == pytest.approx(3 * np.log2(30 / 2))


def test_short_right_answers_and_what_all_write_are_no_evidence():
    texts = answers(30)
    for cell in texts:
        for student in ("s01", "s02"):
            texts[cell][student] = "    return (size - kernel_size) // stride + 1"
    texts["c0"] = dict.fromkeys(texts["c0"], "x" * 200)
    assert similar.pairs(texts) == []


def test_a_copy_with_other_names_and_spaces_is_still_alike():
    texts = answers(30)
    for cell in ("c1", "c4", "c7"):
        texts[cell]["s03"] = texts[cell]["s21"].replace("q", "Q").replace("\n", "\n ", 1)
    (pair,) = similar.pairs(texts)
    assert (pair.one, pair.other, pair.equal) == ("s03", "s21", 0)


def test_what_was_released_is_not_a_students_own():
    released = 'def f(x):\n    """Doc."""\n    # ESCRIBE\n    raise NotImplementedError()'
    assert similar.own_text('def f(x):\n    """Doc."""\n    return x + 1  \n', released) == "    return x + 1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("usa `//` y no `/`", "usa <code>//</code> y no <code>/</code>"),
        ("**ojo**: a < b", "<strong>ojo</strong>: a &lt; b"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
        ("un ` solo y **", "un ` solo y **"),
    ],
)
def test_the_little_markdown_of_an_explanation_is_shown_and_the_rest_escaped(text, shown):
    assert str(pages.inline(text)) == shown


@pytest.mark.sandbox
def test_the_command_says_where_it_is_and_whether_something_needs_a_look(made):
    root, *_ = made
    before = (root / "report.html").read_bytes()
    result = run("report", root, "--dry-run")
    assert result.exit_code == 1 and "would write" in result.output
    assert (root / "report.html").read_bytes() == before


def test_the_report_compares_with_an_earlier_class(made, tmp_path):
    """With the class itself as its own earlier class, whoever wrote enough of one's own is found."""
    root, rows, page = made
    path = tmp_path / "report.html"
    report.write(open_cohort(root), rows, path, against=root)
    text = path.read_text(encoding="utf-8")
    assert "Answers that are suspiciously equal to those of" in text and root.name in text
    assert "Answers that are suspiciously equal to those of" not in page
