"""The course folder: nbgrader's, with settings hardened where settings can.

    course/
      source/       what nbgrader releases: our sources, expanded
      release/      what students get
      submitted/    STUDENT/NOTEBOOK/NOTEBOOK.ipynb, what students hand in; never written to by grading
      replaced/     what was handed in before and again
      autograded/   what ran
      receipts/     STUDENT/NOTEBOOK.json, what was graded, with which versions, with which verdicts
      feedback/     what students read afterwards
      exchange/     where nbgrader's release and collect meet; Formgrader warns if it is missing
      gradebook.db  scores; elsewhere, if gradebook.url says so

Every notebook is an nbgrader assignment of its own, with its own name.
"""

import contextlib
import logging
import os
import re
import shutil
import sys
import warnings
from pathlib import Path

import nbformat
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, Execute, GetGrades
from traitlets.config import Config

from tema9.classroom import gradebook, sources
from tema9.classroom.cells import CODE_STUB, TEXT_STUB
from tema9.files import atomic_write

SECONDS_PER_CELL = 120  # where a kernel runs it, explorations included
KERNEL = "tema9-sandbox"
# nbgrader imports these by their names: they are made of this course folder, so that this module imports none of them.
STEPS, PUBLISHING = "tema9.classroom.grading.steps", "tema9.classroom.publishing"
DATABASE = "gradebook.url"  # a file of the course folder that holds an SQLAlchemy URL

CONFIG_FILE = '''"""nbgrader's settings for this course; they are made in tema9.classroom.course."""

from pathlib import Path

from tema9.classroom.course import settings

c = get_config()  # noqa: F821, nbgrader defines it
c.merge(settings(Path(__file__).parent{subfolder}))
'''


def settings(root) -> Config:
    """nbgrader's settings for the course folder `root`.

    Reading them also changes this process's environment where nbgrader has no setting:
    the kernel in the sandbox and a template that asks nothing of the network are known
    (JUPYTER_PATH), and it finds the `alembic` that it calls when its own environment is not
    activated (PATH).
    """
    kernels = str(Path(__file__).with_name("jupyter"))
    if kernels not in os.environ.get("JUPYTER_PATH", "").split(os.pathsep):
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [kernels, os.environ.get("JUPYTER_PATH", "")]))
    commands = str(Path(sys.executable).parent)
    if commands not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([commands, os.environ.get("PATH", "")])
    c = Config()
    c.CourseDirectory.course_id = gradebook.COURSE_ID
    with contextlib.suppress(OSError):  # SQLite in the folder, unless this file says otherwise
        c.CourseDirectory.db_url = (Path(root) / DATABASE).read_text(encoding="utf-8").strip()
    c.CourseDirectory.root = str(Path(root).resolve())
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
    c.Exchange.root = str(Path(root).resolve() / "exchange")
    c.ClearSolutions.code_stub = {"python": CODE_STUB}
    c.ClearSolutions.text_stub = TEXT_STUB
    c.ClearMarkScheme.enforce_metadata = False  # ours stand in locked cells, beside the answer
    # What the student was not asked to write comes from the release; tests are judged outside the student's process.
    c.Autograde.sanitize_preprocessors = [f"{STEPS}.Rebuild", *Autograde.sanitize_preprocessors.default()]
    c.Autograde.autograde_preprocessors = [
        f"{STEPS}.Judge" if step is Execute else step for step in Autograde.autograde_preprocessors.default()
    ]
    c.Rebuild.release = c.Judge.release = str(Path(root).resolve() / "release")
    c.Judge.hide = str(Path(root).resolve())
    # Whatever else executes a notebook here, `nbgrader validate` for one, does it in the sandbox too.
    c.Execute.kernel_name = KERNEL
    c.Execute.skip_cells_with_tag = ""
    c.Execute.extra_arguments = ["--InteractiveShellApp.ignore_cwd=True", "--HistoryManager.hist_file=:memory:"]
    c.Execute.timeout = SECONDS_PER_CELL
    c.KernelManager.transport_encryption = "auto"  # otherwise every kernel warns
    c.LimitOutput.max_lines = 500
    c.LimitOutput.max_traceback = 50
    # Feedback shows neither the hidden tests nor the mark scheme, and runs no script of a student's.
    c.GenerateFeedback.preprocessors = [
        f"{STEPS}.ShowRepairs",
        ClearHiddenTests,
        ClearMarkScheme,
        f"{STEPS}.CutTracebacks",
        GetGrades,
        CSSHTMLHeaderPreprocessor,
    ]
    c.GenerateFeedback.post_convert_hook = f"{PUBLISHING}.feedback.after_nbgrader"
    c.HTMLExporter.sanitize_html = True
    c.HTMLExporter.filters = {"markdown2html": f"{PUBLISHING}.formulas.markdown"}
    c.HTMLExporter.language_code = "es"
    c.HTMLExporter.exclude_anchor_links = True
    return c


class Folder(CourseDirectory):
    """nbgrader's, but a timestamp that cannot be read is none, and not the end of the submission."""

    def get_existing_timestamp(self, dest_path):
        try:
            return super().get_existing_timestamp(dest_path)
        except Exception:  # not a date, not text, no file
            return None


class Course:
    """A course folder, and nbgrader on it.

    Args:
        root: the folder; made when it is missing.
    """

    def __init__(self, root):
        self.root = Path(root).resolve()
        config = settings(self.root)
        self.api = NbGraderAPI(coursedir=Folder(config=config), config=config)
        self.api.log.setLevel(logging.ERROR)

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the gradebook."""
        return self.api.coursedir.db_url

    def gradebook(self, read_only=False) -> Gradebook:
        """Open nbgrader's gradebook of this course, as `gradebook.open_gradebook` does.

        Raises:
            GradebookError: it cannot be opened.
        """
        return gradebook.open_gradebook(self.url, read_only)

    def use_database(self, url) -> bool:
        """Keep the gradebook at an SQLAlchemy URL from now on, if it can be opened; what is graded stays on disk.

        What the gradebook holds so far is copied, as `gradebook.copy` does.

        Returns:
            Whether anything was copied.

        Raises:
            GradebookError: one of the two cannot be opened or written; nothing has changed.
        """
        url = gradebook.with_driver(url)
        copied = gradebook.copy(self.url, url)
        self.api.coursedir.db_url = url
        with atomic_write(self.root / DATABASE, mode=0o600) as temporary:  # it may hold a password
            temporary.write_text(url + "\n", encoding="utf-8")
        return copied

    def submitted(self, student, notebook) -> Path:
        """Where a student's submission of a notebook lies."""
        return self.root / "submitted" / student / notebook / f"{notebook}.ipynb"

    def source(self, notebook) -> Path:
        """Where a notebook lies with its hidden tests, expanded from our source."""
        return self.root / "source" / notebook / f"{notebook}.ipynb"

    def release(self, notebook) -> Path:
        """Where the student version of a notebook lies."""
        return self.root / "release" / notebook / f"{notebook}.ipynb"

    def is_prepared(self, chosen) -> bool:
        """Whether source/ and release/ are those of these `Source`s as they are today."""
        return all(
            self.release(source.name).is_file()
            and self.source(source.name).is_file()
            and self.source(source.name).read_text(encoding="utf-8") == nbformat.writes(sources.to_notebook(source))
            for source in chosen
        )

    def prepare(self, chosen=None):
        """Make source/ and release/ from the sources; nothing is done twice.

        Args:
            chosen: the `Source`s to prepare; all of them by default.

        Raises:
            GradebookError: the gradebook cannot be opened.
            RuntimeError: nbgrader could not make the release; the message says why.
        """
        (self.root / "exchange").mkdir(parents=True, exist_ok=True)
        (self.root / "nbgrader_config.py").write_text(CONFIG_FILE.format(subfolder=""), encoding="utf-8")
        with contextlib.closing(self.gradebook()) as opened:
            known = {assignment.name for assignment in opened.assignments}
        for source in sources.all_sources() if chosen is None else chosen:
            if source.name in known and self.is_prepared([source]):
                continue
            path = self.source(source.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(nbformat.writes(sources.to_notebook(source)), encoding="utf-8")
            shutil.rmtree(self.release(source.name).parent, ignore_errors=True)
            with quiet():
                result = self.api.generate_assignment(source.name, force=True, create=True)
            if not result["success"]:
                raise RuntimeError(f"nbgrader could not release {source.name}: {reason(result)}")


def reason(result):
    """Why an operation of nbgrader failed, in one line: the error that it logged, not its summary."""
    lines = [line.strip() for line in f"{result.get('log') or ''}\n{result.get('error') or ''}".splitlines()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    causes = [line for line in errors if "NbGraderException" not in line] or errors or list(filter(None, lines))
    return causes[-1] if causes else "nbgrader gave no reason"


@contextlib.contextmanager
def quiet():
    """Keep nbgrader's and nbconvert's warnings off the screen; their words are in the result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
