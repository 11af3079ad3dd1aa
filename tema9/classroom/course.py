"""The course folder, in which a class is graded, and nbgrader's settings for it.

    course/
      source/       the notebooks with their solutions and hidden tests, made from the sources
      release/      the notebooks as students receive them
      submitted/    STUDENT/NOTEBOOK/NOTEBOOK.ipynb, the notebooks that students hand in; grading never writes here
      course.toml   the rules of the course: deadlines, weights, the scale; made once, written by the teacher
      replaced/     the submissions that were handed in first, of students who handed in again
      roster.csv    who is or was enrolled, with the numbers by which learning platforms know them
      who.csv       which students they are who handed in under a name that no list has; the teacher says it
      handed_in.csv under which name, when and in which delivery each submission came in
      autograded/   the notebooks as they were graded
      receipts/     STUDENT/NOTEBOOK.json, what was graded, with which versions, with which verdicts
      feedback/     the pages that students read afterwards
      nbgrader_own.py  settings of nbgrader that the teacher adds to ours; only if the teacher writes it
      exchange/     the folder of nbgrader's exchange, unless exchange.folder names another; Formgrader warns if it
                    is missing
      gradebook.db  the scores, unless the file gradebook.url names another database
      .lock         held by the command that writes in the folder

Every notebook is an assignment of nbgrader's with the same name.
"""

import contextlib
import functools
import logging
import os
import re
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock
import nbformat
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, Execute, GetGrades
from traitlets.config import Config, PyFileConfigLoader

from tema9.classroom import gradebook, rules, sources
from tema9.classroom.cells import CODE_STUB, TEXT_STUB
from tema9.classroom.sources import Source
from tema9.files import atomic_write

SECONDS_PER_CELL = 120  # that a cell may take in a kernel; explorations run there too
KERNEL = "tema9-sandbox"
# nbgrader imports what is in these by name. They use this module, so this module cannot import them.
STEPS, PUBLISHING = "tema9.classroom.grading.steps", "tema9.classroom.publishing"
EXCHANGING = "tema9.classroom.grading.exchange"
DATABASE = "gradebook.url"  # a file of the course folder that holds an SQLAlchemy URL
EXCHANGE = "exchange.folder"  # a file of the course folder that holds the path of nbgrader's exchange

OWN_SETTINGS = "nbgrader_own.py"
CONFIG_FILE = '''"""nbgrader's settings for this course; they are made in tema9.classroom.course."""

from pathlib import Path

from tema9.classroom.course import settings

c = get_config()  # noqa: F821, nbgrader defines it
c.merge(settings(Path(__file__).parent{subfolder}))
'''


def settings(root: str | Path) -> Config:
    """Return nbgrader's settings for a course folder.

    Where nbgrader has no setting, this changes two environment variables of the process: JUPYTER_PATH, so that Jupyter
    knows the kernel in the sandbox and a template that asks nothing of the network; and PATH, so that `nbgrader db
    upgrade` finds the command `alembic` even if its Python environment is not activated.

    Args:
        root: the course folder.
    """
    kernels = str(Path(__file__).with_name("jupyter"))
    if kernels not in os.environ.get("JUPYTER_PATH", "").split(os.pathsep):
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [kernels, os.environ.get("JUPYTER_PATH", "")]))
    commands = str(Path(sys.executable).parent)
    if commands not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([commands, os.environ.get("PATH", "")])
    c = Config()
    c.CourseDirectory.course_id = gradebook.COURSE_ID
    with contextlib.suppress(OSError):  # without this file, the gradebook is nbgrader's default, SQLite in the folder
        c.CourseDirectory.db_url = (Path(root) / DATABASE).read_text(encoding="utf-8").strip()
    c.CourseDirectory.root = str(Path(root).resolve())
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
    c.Exchange.root = str(exchange(Path(root)))
    # A student writes into the exchange, and nbgrader believes what stands there.
    c.ExchangeFactory.release_assignment = f"{EXCHANGING}.ReleaseAssignment"
    c.ExchangeFactory.collect = f"{EXCHANGING}.Collect"
    c.ExchangeFactory.release_feedback = f"{EXCHANGING}.ReleaseFeedback"
    c.ClearSolutions.code_stub = {"python": CODE_STUB}
    c.ClearSolutions.text_stub = TEXT_STUB
    c.ClearMarkScheme.enforce_metadata = False  # our mark schemes are not in the cell of the answer but in a locked one
    # What the student was not asked to write comes from the release; tests are judged outside the student's process.
    c.Autograde.sanitize_preprocessors = [f"{STEPS}.Rebuild", *Autograde.sanitize_preprocessors.default()]
    c.Autograde.autograde_preprocessors = [
        f"{STEPS}.Judge" if step is Execute else step for step in Autograde.autograde_preprocessors.default()
    ]
    c.Rebuild.release = c.Judge.release = str(Path(root).resolve() / "release")
    c.Judge.hide = c.LatePenalty.root = str(Path(root).resolve())
    c.AssignLatePenalties.plugin_class = f"{STEPS}.LatePenalty"
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
    c.HTMLExporter.filters = {"markdown2html": "tema9.formulas.of_cell"}
    c.HTMLExporter.language_code = "es"
    c.HTMLExporter.exclude_anchor_links = True
    c.merge(own_settings(root))
    return c


def own_settings(root: str | Path) -> Config:
    """Return the settings of nbgrader that the teacher has written into nbgrader_own.py, with `c = get_config()`.

    Raises:
        ValueError: the file cannot be run; the message has the line.
    """
    path = Path(root) / OWN_SETTINGS
    if not path.is_file():
        return Config()
    try:
        return PyFileConfigLoader(path.name, str(path.parent.resolve())).load_config()
    except Exception as error:  # whatever a teacher's Python raises
        at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
        line = getattr(error, "lineno", None) or next(iter(at), None)
        where = f", line {line}" if line else ""
        raise ValueError(f"{path}{where}: {type(error).__name__}: {error}") from None


def exchange(root: Path) -> Path:
    """Return the folder of nbgrader's exchange that belongs to a course folder."""
    with contextlib.suppress(OSError):
        if said := (root / EXCHANGE).read_text(encoding="utf-8").strip():
            return Path(said)
    return root.resolve() / "exchange"


class Folder(CourseDirectory):
    """nbgrader's view of the course folder, in which a submission with an unreadable timestamp counts as undated."""

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        """Return when a submission was handed in, as the file timestamp.txt in its folder says; None if it does not."""
        try:
            return super().get_existing_timestamp(dest_path)
        except Exception:  # not a date, not text, no file
            return None


class Course:
    """A course folder, with nbgrader's interface to it.

    Args:
        root: the folder; `prepare` makes it where it is missing.

    Raises:
        ValueError: the path has a sign that nbgrader takes for a pattern, or that means something in a URL.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        if odd := sorted(set(str(self.root)) & set("*?[]%")):
            raise ValueError(
                f"{self.root} has {' '.join(odd)} in its path, where nbgrader cannot work; use another folder"
            )

    @functools.cached_property
    def api(self) -> NbGraderAPI:
        """nbgrader's interface to the folder, with the settings as they are when it is first asked for."""
        config = settings(self.root)
        api = NbGraderAPI(coursedir=Folder(config=config), config=config)
        api.log.setLevel(logging.ERROR)
        return api

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the gradebook."""
        return self.api.coursedir.db_url

    def gradebook(self, read_only: bool = False) -> Gradebook:
        """Open nbgrader's gradebook of this course, as `gradebook.open_gradebook` does.

        Raises:
            GradebookError: the gradebook cannot be opened.
        """
        return gradebook.open_gradebook(self.url, read_only)

    def lock(self) -> filelock.BaseFileLock:
        """Return the lock of this folder, which whoever writes in it holds: a context manager.

        It is gone with the process that holds it, however that ends.
        """
        return filelock.FileLock(self.root / ".lock")

    def use_database(self, url: str) -> bool:
        """Keep the gradebook of this course in another database from now on.

        What the gradebook holds so far is copied, as `gradebook.copy` does. The files of the course folder stay as
        they are.

        Args:
            url: SQLAlchemy's URL of the database.

        Returns:
            Whether anything was copied.

        Raises:
            GradebookError: one of the two databases cannot be opened or written; nothing has changed.
        """
        url = gradebook.with_driver(url)
        copied = gradebook.copy(self.url, url)
        self.api.coursedir.db_url = url
        with atomic_write(self.root / DATABASE, mode=0o600) as temporary:  # it may hold a password
            temporary.write_text(url + "\n", encoding="utf-8")
        return copied

    def use_exchange(self, folder: str | Path) -> None:
        """Have the class hand in through a folder of nbgrader's exchange from now on.

        Args:
            folder: the folder, which is made where it is missing; the course gets a folder of its own in it.

        Raises:
            OSError: the folder cannot be made or written.
            ValueError: it lies in the course folder, which no student may enter.
        """
        folder = Path(folder).resolve()
        if folder.is_relative_to(self.root):
            raise ValueError(f"{folder} lies in the course folder, which no student may enter; give another folder")
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.root / EXCHANGE) as temporary:
            temporary.write_text(f"{folder}\n", encoding="utf-8")
        self.__dict__.pop("api", None)  # the next one reads the new settings

    @property
    def exchange(self) -> Path:
        """The folder of nbgrader's exchange."""
        return exchange(self.root)

    @property
    def uses_exchange(self) -> bool:
        """Whether the class hands in through a folder of nbgrader's exchange."""
        return (self.root / EXCHANGE).is_file()

    def nbgrader(self, action: str, *arguments: str) -> None:
        """Have nbgrader do something, as one of its commands does.

        Args:
            action: the name of the command, as "release_assignment".
            arguments: those of the method of nbgrader's interface.

        Raises:
            RuntimeError: it failed; the message says why.
        """
        with quiet():
            result = getattr(self.api, action)(*arguments)
        if not result["success"]:
            raise RuntimeError(f"nbgrader {action} {' '.join(arguments)}: {reason(result)}")

    def submitted(self, student: str, notebook: str) -> Path:
        """Return the path of a student's submission of a notebook."""
        return self.root / "submitted" / student / notebook / f"{notebook}.ipynb"

    def source(self, notebook: str) -> Path:
        """Return the path of a notebook with its solutions and hidden tests."""
        return self.root / "source" / notebook / f"{notebook}.ipynb"

    def release(self, notebook: str) -> Path:
        """Return the path of a notebook as students receive it."""
        return self.root / "release" / notebook / f"{notebook}.ipynb"

    def is_prepared(self, chosen: Iterable[Source]) -> bool:
        """Return whether source/ and release/ hold the notebooks of these sources as the sources are today."""
        return all(
            self.release(source.name).is_file()
            and self.source(source.name).is_file()
            and self.source(source.name).read_text(encoding="utf-8") == nbformat.writes(sources.to_notebook(source))
            for source in chosen
        )

    def prepare(self, chosen: Iterable[Source] | None = None) -> None:
        """Make source/ and release/ from the sources, except for the notebooks that are up to date there.

        Args:
            chosen: the sources of the notebooks to prepare; None for all of them.

        Raises:
            GradebookError: the gradebook cannot be opened.
            RuntimeError: nbgrader could not make the release; the message says why.
        """
        (self.root / "exchange").mkdir(parents=True, exist_ok=True)
        self._write_config()
        rules.write_template(self.root)
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

    def _write_config(self):
        """Write nbgrader_config.py, unless the teacher has edited it and it still has our settings."""
        path, ours = self.root / "nbgrader_config.py", CONFIG_FILE.format(subfolder="")
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there and there != ours:
            if "tema9.classroom.course" not in there:
                raise ValueError(
                    f"{path} has not the settings of this course; move what is yours to {OWN_SETTINGS} beside it, "
                    "which is read after ours, and remove the file"
                )
            return
        path.write_text(ours, encoding="utf-8")


def reason(result: dict[str, Any]) -> str:
    """Return why an operation of nbgrader failed, in one line: the error that nbgrader logged, and not its summary."""
    lines = [line.strip() for line in f"{result.get('log') or ''}\n{result.get('error') or ''}".splitlines()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    causes = [line for line in errors if "NbGraderException" not in line] or errors or list(filter(None, lines))
    return causes[-1] if causes else "nbgrader gave no reason"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of nbgrader and nbconvert off the screen, inside a `with`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
