"""The pictures of the documentation: what students and teachers see, taken from the screens themselves.

A function takes each picture: it gets a browser and a `Stage` and returns the bytes of a PNG. `PICTURES` names these
functions, so a new picture is a new function and a new line there.
"""

import contextlib
import functools
import io
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from PIL import Image

from tema9 import lab
from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank
from tema9.classroom.lecture import screens, slides
from tema9.classroom.rehearsal import rehearse
from tema9.files import atomic_write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = sources.ROOT / "docs"
MOST_BYTES = 200 * 1024  # of a picture
STUDENTS = 12  # of the class whose report is shown


@dataclass
class Stage:
    """What the pictures show: a student's notebook and a graded class, each made when it is first asked for.

    Args:
        root: the folder in which they are made.
        closing: ends what was started for the pictures.
    """

    root: Path
    closing: contextlib.ExitStack

    @functools.cached_property
    def student(self) -> screens.Lab:
        """A student's JupyterLab with notebook 1, whose first exercises are answered, the very first wrongly."""
        folder = self.root / "notebooks"
        shutil.copytree(sources.NOTEBOOKS, folder)
        source = sources.all_sources()[0]
        path = folder / f"{source.name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        answers = {exercise.name: bank.solution(exercise).text for exercise in source.graded[:4]}
        wrong = {answer.name: answer for answer in bank.load(source).answers["n1-conv-output-size"]}
        lines = wrong["forgets-plus-one"].text.splitlines()
        answers["n1-conv-output-size"] = "\n".join(lines[1:])  # without the comment that explains the mistake
        for cell in notebook.cells:
            cell.source = answers.get(cells.name_of(cell), cell.source)
        nbformat.write(notebook, path)
        short = {"NBGRADER_EXECUTION": "validate"}
        return self.closing.enter_context(screens.serving(lab.command(folder), folder, self.root / "home", short))

    @functools.cached_property
    def course(self) -> Path:
        """The course folder of a rehearsed class that has been graded."""
        from tema9.classroom.grading import grade
        from tema9.classroom.sandbox import sandbox

        root = rehearse.rehearse(self.root / "course", STUDENTS)
        grade.grade(root, unsandboxed=bool(sandbox.why_not()))
        return root


def notebook(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of a student's notebook in which a check recognises a mistake."""
    page = _page(browser)
    stage.student.open(page, "1_lenet5.ipynb")
    page.evaluate(
        "() => { jupyterapp.commands.execute('application:toggle-left-area');"
        " jupyterapp.commands.execute('notebook:run-all-cells'); }"
    )
    said = page.locator(".jp-OutputArea-output", has_text="✘ n1-conv-output-size").first
    said.wait_for(timeout=60_000)
    _middle(said)
    return page.screenshot()


def validate(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of what the button Validate answers for a notebook that is half done."""
    page = _page(browser)
    stage.student.open(page, "1_lenet5.ipynb")
    page.get_by_text("Validate", exact=True).first.click()
    dialog = page.locator(".jp-Dialog-content", has=page.locator("#validation-message"))
    dialog.wait_for(timeout=60_000)
    return dialog.screenshot()


def widget(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of an interactive picture of notebook 2, the table of layers, in which one number is changed."""
    page = _page(browser, height=980)
    stage.student.open(page, "2_alexnet_capa_a_capa.ipynb")
    page.evaluate(
        "() => { const { content } = jupyterapp.shell.currentWidget;"
        " content.activeCellIndex = content.model.sharedModel.cells.findIndex("
        "cell => cell.source.includes('widgets.layer_editor'));"
        " jupyterapp.commands.execute('application:toggle-left-area');"
        " jupyterapp.commands.execute('notebook:run-cell'); }"
    )
    table = page.locator(".tema9-explorer").first
    side = table.get_by_label("lado de la entrada (px)")
    side.fill("224", timeout=60_000)
    side.press("Enter")
    table.get_by_text("✘ 54,25").wait_for()
    _middle(table)
    return page.screenshot()


def slide(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of a slide of the lecture."""
    page = _page(browser, height=720)
    page.goto(f"{slides.build(stage.root / 'tema9.html').as_uri()}#/across-gpus")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.wait_for_timeout(1000)  # until the slide has moved in
    return page.screenshot()


def report(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of the report of a class."""
    from tema9.classroom.grading import scores
    from tema9.classroom.grading.cohort import open_cohort
    from tema9.classroom.publishing import report as reporting

    cohort = open_cohort(stage.course)
    path = stage.course / "report.html"
    reporting.write(cohort, scores.scores(cohort), path)
    page = _page(browser)
    page.goto(path.as_uri())
    return page.screenshot()


def formgrader(browser: "Browser", stage: Stage) -> bytes:
    """Take a picture of Formgrader with an answer in prose that is marked by hand, beside its mark scheme."""
    from tema9.classroom.course import Course

    Course(stage.course).prepare()
    name = sources.all_sources()[0].name
    command = screens.command(stage.course)
    with screens.serving(command, stage.course, stage.root / "teacher") as served:
        page = _page(browser)
        served.log_in(page)
        page.goto(f"{served.url}/formgrader/gradebook/{name}/{name}")
        page.locator("tbody a").first.click()
        answer = page.locator(".nbgrader_cell", has=page.locator("#n1-m1-c5"))
        while rehearse.FREE_TEXT not in answer.inner_text():
            page.get_by_text("Next", exact=False).first.click()
            page.wait_for_load_state()
        page.wait_for_function("() => window.MathJax?.loaded")
        page.wait_for_load_state("networkidle")
        page.evaluate("() => document.activeElement.blur()")
        _middle(answer)
        shot = page.screenshot()
        page.close()
    return shot


def _figure(name, dpi):
    """The function that takes the picture of a figure of the gallery."""

    def drawn(browser, stage):
        from matplotlib import pyplot

        from tema9 import gallery

        figure, buffer = gallery.draw(name), io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi)
        pyplot.close(figure)
        return buffer.getvalue()

    return drawn


PICTURES: dict[str, Callable[["Browser", Stage], bytes]] = {
    "notebook": notebook,
    "validate": validate,
    "widget": widget,
    "report": report,
    "formgrader": formgrader,
    "slide": slide,
    "filters": _figure("filters", 80),
    "filters_compared": _figure("filters_compared", 60),
    "zfnet": _figure("zfnet", 80),
}


def take(names: list[str], folder: str | Path = DOCS, track: Callable[[list], Iterable] = iter) -> list[Path]:
    """Take pictures, write them as PNG files into a folder, and return the paths of the files.

    Args:
        names: the names of the pictures, as in `PICTURES`.
        folder: the folder of the files.
        track: wraps the list of names to show progress.

    Raises:
        ValueError: there is no such picture, or one is larger than `MOST_BYTES`.
        browser.NoBrowser: this machine has no browser that can be driven.
    """
    import tempfile

    from tema9.classroom.lecture.browser import launched

    if unknown := set(names) - set(PICTURES):
        raise ValueError(f"unknown picture {sorted(unknown)[0]!r}; known: {', '.join(PICTURES)}")
    paths = []
    with launched() as browser, contextlib.ExitStack() as closing:
        stage = Stage(Path(closing.enter_context(tempfile.TemporaryDirectory())), closing)
        for name in track(names):
            content = small(PICTURES[name](browser, stage))
            if len(content) > MOST_BYTES:
                raise ValueError(f"{name}.png would be {len(content):,} bytes; the limit is {MOST_BYTES:,}")
            paths.append(Path(folder) / f"{name}.png")
            with atomic_write(paths[-1]) as temporary:
                temporary.write_bytes(content)
        for context in browser.contexts:
            context.close()
    return paths


def small(png: bytes) -> bytes:
    """Return a picture as a smaller PNG: with the same pixels or, if that is over `MOST_BYTES`, in 256 colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    if buffer.tell() > MOST_BYTES:
        few = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # rare colours stay
        buffer = io.BytesIO()
        few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _page(browser, height=800):
    page = browser.new_context(viewport={"width": 1280, "height": height}, locale="es-ES").new_page()
    page.set_default_timeout(60_000)
    return page


def _middle(element):
    """Scroll an element to the middle of its page, and wait until it is there."""
    for _ in range(3):  # the page above the element may still grow
        element.evaluate("element => element.scrollIntoView({block: 'center'})")
        element.page.wait_for_timeout(400)
