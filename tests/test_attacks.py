"""Hostile and broken submissions in one class with honest ones: each gets what it deserves, and nobody else notices."""

import html
from pathlib import Path

import nbformat
import psutil
import pytest

from tema9.classroom import sources
from tema9.classroom.grading import grade, scores
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.publishing import feedback, report
from tema9.classroom.rehearsal import attacks, rehearse
from tema9.classroom.sandbox.sandbox import Limits

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, prepared):
    root = rehearse.rehearse(prepared(tmp_path_factory.mktemp("course")).root, students=2, hostile=len(attacks.ATTACKS))
    return root, grade.grade(root, workers=2, limits=Limits(seconds=3)).rows


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_what_is_forged_is_0_and_what_is_earned_stays(attacked, name):
    root, rows = attacked
    deserved = {who: points for who, (points, what) in scores.expected(root).items() if what == f"attack: {name}"}
    ((student, notebook), points), *_ = deserved.items()
    row = next(row for row in rows if (row.student, row.notebook) == (student, notebook))
    assert row.machine == points, row


def test_the_honest_ones_are_untouched(attacked):
    root, rows = attacked
    honest = {who: points for who, (points, what) in scores.expected(root).items() if "attack" not in what}
    assert len(honest) == 12
    assert {(r.student, r.notebook): r.machine for r in rows if (r.student, r.notebook) in honest} == honest


def test_no_process_survives_and_no_object_of_the_kernel(attacked):
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if "time.sleep(3600)" in line]
    assert " t9:" not in Path("/proc/keys").read_text(encoding="utf-8")
    assert not [line for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:] if line.split()[0] == "99"]
    assert not Path("/dev/shm/planted").exists() and not Path("/dev/mqueue/t9").exists()


def test_the_report_names_what_happened_and_no_page_runs_a_script(attacked):
    root, rows = attacked
    cohort = open_cohort(root)
    report.write(cohort, rows, root / "report.html")
    pages = feedback.write_all(cohort, sorted({row.student for row in rows}))
    whole = (root / "report.html").read_text(encoding="utf-8")
    incidents = ("timeout", "memory", "kernel-died", "could not be read", "it is a link", "tampered with")
    for said in (*incidents, "hostil-007"):
        assert said in whole
    secrets = hidden_lines()
    for page in [*pages, root / "report.html"]:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text and "<img src=x" not in text, page
        said = html.unescape(text)
        assert not [line for line in secrets if line in said], page


def hidden_lines():
    """The lines of the hidden tests that stand nowhere else in the course."""
    seen, hidden = "", set()
    for source in sources.all_sources():
        for cell in source.cells:
            before, _, secret = cell.text.partition("### BEGIN HIDDEN TESTS")
            seen += before
            hidden |= {line.strip() for line in secret.splitlines() if len(line.strip()) > 20 and "###" not in line}
    return {line for line in hidden if line not in seen}


def test_nothing_is_to_be_seen_reached_or_read_from_inside(attacked):
    root, _ = attacked
    printed = []
    for path in (root / "autograded").glob("hostil-*/*/*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        printed += [str(output) for cell in cells for output in cell.get("outputs", ())]
    everything = "\n".join(printed)
    assert "SEEN []" in everything and "no network" in everything
    assert "NETWORK" not in everything and "LEAK" not in everything and max(map(len, printed)) < 25_000


def test_grading_again_runs_nothing(attacked):
    root, _ = attacked
    again = grade.grade(root, workers=1, limits=Limits(seconds=3))
    assert again.kept >= 12 and not again.changes
