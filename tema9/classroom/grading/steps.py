"""Our steps in nbgrader's own commands: they make `nbgrader autograde` judge as `tema9 grade` does, in the sandbox."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer, Unicode

from tema9.classroom import rules
from tema9.classroom.grading import rebuild, submission
from tema9.classroom.sandbox.pool import open_sandbox
from tema9.classroom.sandbox.sandbox import Limits, switched_off


class Rebuild(NbGraderPreprocessor):
    """The first step of nbgrader's autograde, which puts the rebuilt notebook in the place of the submission."""

    release = Unicode("", help="The folder of the released notebooks.").tag(config=True)
    longest = Integer(rebuild.LONGEST, help="Characters of a student's cell.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the rebuilt notebook, with the resources as they came."""
        name = resources["nbgrader"]["notebook"]
        path = Path(self.release) / name / f"{name}.ipynb"
        rebuilt = rebuild.rebuild(nb, nbformat.read(path, as_version=4), self.longest)
        return rebuilt.notebook, resources


class ShowRepairs(NbGraderPreprocessor):
    """A step of nbgrader's feedback, which adds a first cell that says what was repaired in the submission."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with that cell, if anything was repaired, and the resources as they came."""
        if repairs := nb.metadata.get("tema9", {}).get("repairs"):
            lines = "\n".join(f"- {line}" for line in repairs)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(f"**Al corregir se ha reparado la entrega:**\n\n{lines}"))
        return nb, resources


class Judge(NbGraderPreprocessor):
    """The step in the place of nbgrader's Execute: cells run in the sandbox, and tests are judged outside of it."""

    release = Unicode("", help="The folder of the released notebooks.").tag(config=True)
    hide = Unicode("", help="The course folder, which nothing in the sandbox sees.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with the outputs of its cells and verdicts, and the resources as they came."""
        from tema9.classroom.grading import judge  # this imports torch, which the rest of nbgrader does not need

        name = resources["nbgrader"]["notebook"]
        released = nbformat.read(Path(self.release) / name / f"{name}.ipynb", as_version=4)
        with open_sandbox(Limits(), switched_off(), (self.hide,)) as sandbox:
            judge.examine(sandbox, submission.to_grade(nb, nb), released)
        return nb, resources


class LatePenalty(LateSubmissionPlugin):
    """nbgrader's plugin for late submissions, which follows the rules of the course in Formgrader too."""

    root = Unicode("", help="The course folder.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Return the points that a late submission loses; None if it loses none."""
        step = self.parent  # nbgrader's AssignLatePenalties, which alone says which notebook it is
        said = rules.recorded(self.root)
        if total_seconds_late <= 60 * said.of(step.notebook_id).penalty.grace_minutes:
            return None
        maximum = step.gradebook.find_notebook(step.notebook_id, step.assignment_id).max_score
        return said.points_lost(step.notebook_id, score, maximum, total_seconds_late) or None


class CutTracebacks(NbGraderPreprocessor):
    """A step of nbgrader's feedback, which cuts tracebacks, because they would show lines of the hidden tests."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        """Return the cell with only the name and the message of each error, and the resources as they came."""
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources
