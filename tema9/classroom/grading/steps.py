"""The steps of nbgrader's own commands that are ours: what `nbgrader autograde` and `generate_feedback` do here."""

from pathlib import Path

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer, Unicode

from tema9.classroom.grading import rebuild, submission
from tema9.classroom.sandbox.pool import open_sandbox
from tema9.classroom.sandbox.sandbox import Limits, switched_off


class Rebuild(NbGraderPreprocessor):
    """The first step of nbgrader's autograde: it goes on with the rebuilt notebook."""

    release = Unicode("", help="The folder of the released notebooks.").tag(config=True)
    longest = Integer(rebuild.LONGEST, help="Characters of a student's cell.").tag(config=True)

    def preprocess(self, nb, resources):
        name = resources["nbgrader"]["notebook"]
        path = Path(self.release) / name / f"{name}.ipynb"
        rebuilt = rebuild.rebuild(nb, nbformat.read(path, as_version=4), self.longest)
        return rebuilt.notebook, resources


class ShowRepairs(NbGraderPreprocessor):
    """The first cell of the feedback says what was repaired."""

    def preprocess(self, nb, resources):
        if repairs := nb.metadata.get("tema9", {}).get("repairs"):
            lines = "\n".join(f"- {line}" for line in repairs)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(f"**Al corregir se ha reparado la entrega:**\n\n{lines}"))
        return nb, resources


class Judge(NbGraderPreprocessor):
    """In the place of nbgrader's Execute: cells run in the sandbox and tests are judged outside of it."""

    release = Unicode("", help="The folder of the released notebooks.").tag(config=True)
    hide = Unicode("", help="The course folder, which nothing in the sandbox sees.").tag(config=True)

    def preprocess(self, nb, resources):
        from tema9.classroom.grading import judge  # and torch, which the rest of nbgrader does not need

        name = resources["nbgrader"]["notebook"]
        released = nbformat.read(Path(self.release) / name / f"{name}.ipynb", as_version=4)
        with open_sandbox(Limits(), switched_off(), (self.hide,)) as sandbox:
            judge.examine(sandbox, submission.to_grade(nb, nb), released)
        return nb, resources


class CutTracebacks(NbGraderPreprocessor):
    """Leaves of an error its name and message: a traceback would show the lines of the hidden tests."""

    def preprocess_cell(self, cell, resources, cell_index):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources
