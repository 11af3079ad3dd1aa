"""On the notebooks that nbgrader tests itself with, our score of every cell is nbgrader's, but for a written list."""

import os
import sys
from pathlib import Path

import nbformat
import nbgrader
import parts
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from tema9.classroom.grading.job import Job
from tema9.classroom.grading.judge import judge
from tema9.classroom.sandbox.sandbox import Limits

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]
FILES = Path(nbgrader.__file__).parent / "tests" / "apps" / "files"

# An assignment's source, and what students hand in: files of nbgrader's, or "solved", the source itself.
CLASSES = {
    "submitted-unchanged": (
        "submitted-unchanged",
        "submitted-changed",
        "submitted-cheat-attempt",
        "submitted-cheat-attempt-alternative",
        "submitted-grade-cell-changed",
        "submitted-locked-cell-changed",
    ),
    "test": ("solved", "released"),
    "test-hidden-tests": ("solved", "released"),
}

# (source, submission, cell): (stock's points, ours, why).
INTENDED = {
    ("submitted-unchanged", "submitted-unchanged", "foo"): (1, 0, "a test that passes without an answer gives nothing"),
    ("submitted-unchanged", "submitted-grade-cell-changed", "foo"): (1, 0, "the same"),
    ("submitted-unchanged", "submitted-locked-cell-changed", "foo"): (1, 0, "the same"),
    ("test", "solved", "sum_of_squares_uses_squares"): (
        0.5,
        0,
        "the test deletes a function of the work; across the border it reaches no other function of it",
    ),
    ("test-hidden-tests", "solved", "sum_of_squares_uses_squares"): (0.5, 0, "the same"),
}


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A course folder that nbgrader, with its own settings, has graded."""
    root = tmp_path_factory.mktemp("stock")
    settings = Config()
    settings.CourseDirectory.root, settings.CourseDirectory.course_id = str(root), "stock"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        nbgrader_itself = NbGraderAPI(config=settings)
        for source, submissions in CLASSES.items():
            there = root / "source" / source / f"{source}.ipynb"
            there.parent.mkdir(parents=True)
            there.write_bytes((FILES / f"{source}.ipynb").read_bytes())
            (there.parent / "jupyter.png").write_bytes((FILES / "jupyter.png").read_bytes())
            done = nbgrader_itself.generate_assignment(source)
            assert done["success"], done
            released = root / "release" / source / f"{source}.ipynb"
            for submission in submissions:
                path = root / "submitted" / submission / source / f"{source}.ipynb"
                path.parent.mkdir(parents=True)
                files = {"solved": there, "released": released}
                path.write_bytes(files.get(submission, FILES / f"{submission}.ipynb").read_bytes())
                done = nbgrader_itself.autograde(source, submission)
                assert done["success"], done
    return root


@pytest.mark.parametrize(
    ("source", "submission"), [(source, submission) for source, many in CLASSES.items() for submission in many]
)
def test_our_score_of_every_cell_is_stock_nbgrader_s_or_on_the_list(stock, source, submission):
    with Gradebook(f"sqlite:///{stock}/gradebook.db", "stock") as book:
        graded = book.find_submission_notebook(source, source, submission)
        theirs = {grade.name: grade.auto_score for grade in graded.grades if grade.auto_score is not None}
    judged = judge(
        Job(
            submission,
            source,
            (stock / "submitted" / submission / source / f"{source}.ipynb").read_bytes(),
            source=nbformat.writes(nbformat.read(stock / "source" / source / f"{source}.ipynb", 4)),
            released=nbformat.writes(nbformat.read(stock / "release" / source / f"{source}.ipynb", 4)),
            limits=Limits(seconds=5),
            unsandboxed=parts.UNSANDBOXED,
        )
    )
    assert judged.receipt.was_graded
    ours = {verdict.name: verdict.points for verdict in judged.receipt.verdicts}
    by_hand = {name for name in theirs if name not in ours}
    assert all(theirs[name] == 0 for name in by_hand), "what a person marks: stock gives 0 to what was not answered"
    differ = {name: (theirs[name], ours[name]) for name in ours if theirs[name] != ours[name]}
    assert differ == {name: points[:2] for (*where, name), points in INTENDED.items() if where == [source, submission]}
