"""The commands that open or draw a screen: `slides`, `site`, `lab`, `classroom`, `progress`, `doctor` and `tour`."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from tema9.cli.classroom import sample_class
from tema9.cli.terminal import (
    COURSE,
    DECK,
    REHEARSAL,
    ROOT,
    SITE,
    CourseArgument,
    CourseOption,
    LabArguments,
    console,
    draw_without_windows,
    short,
    tracker,
)


def slides(
    out: Annotated[Path, typer.Option(help="The page to write; the PDFs go beside it.")] = DECK,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it too, and once more with the notes.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Serve it here and follow its source, until Ctrl-C.")] = False,
) -> None:
    """Build the lecture's slides as one page of HTML that needs no network."""
    from tema9.classroom.lecture import browser, slides

    if pdf and live:
        raise ValueError("--pdf and --live do not go together: --live prints nothing")
    if out.suffix != ".html":
        raise ValueError(f"{out} is not a page of HTML; give a name that ends in .html")
    if pdf:
        browser.require()  # before the long part
    build_slides(out)
    if live:
        slides.live(out, said=lambda text: console.print(text, highlight=False, soft_wrap=True))
    if pdf:
        for path, pages in slides.pdfs(out):
            console.print(f"{pages} pages, {path.stat().st_size / 2**20:.1f} MiB -> {short(path)}", highlight=False)


def build_slides(out: Path) -> None:
    """Build the page of the slides, and print what is fetched for it and how large it is."""
    from tema9.classroom.lecture import slides

    if missing := slides.missing():
        console.print(f"npm fetches {', '.join(missing)} (once)", highlight=False)
    path = slides.build(out, track=tracker("slides"))
    console.print(f"the slides, {path.stat().st_size / 2**20:.1f} MiB -> {short(path)}", highlight=False)


def site(out: Annotated[Path, typer.Option(help="The folder of the site.")] = SITE) -> None:
    """Build the course as a site that is read without Jupyter and without a network."""
    draw_without_windows()
    from tema9.classroom.lecture import site

    first = site.build(out, track=tracker("running the solved notebooks"))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    console.print(f"{len(list(out.rglob('*.html')))} pages, {size / 2**20:.1f} MiB -> {short(first)}", highlight=False)


def lab(arguments: LabArguments = None) -> None:
    """Open JupyterLab on the start page in notebooks/, as a student."""
    from tema9 import lab

    lab.main([str(ROOT / "notebooks"), *(arguments or [])])


def classroom(
    course: CourseOption = COURSE,
    sample: Annotated[
        bool, typer.Option("--sample", help="A rehearsed and graded class, made if it is not there yet.")
    ] = False,
    marker: Annotated[str, typer.Option(help="Who marks here, as the receipts say; by default, the user.")] = "",
    arguments: LabArguments = None,
) -> None:
    """Open JupyterLab on a course folder, as its teacher.

    Formgrader, which marks by hand and shows every submission, is in its menu Nbgrader.
    """
    from tema9.classroom.course import Course
    from tema9.classroom.gradebook import MARKER
    from tema9.classroom.grading import scores
    from tema9.classroom.lecture import screens

    if sample:
        course = REHEARSAL
        if not (course / scores.SCORES).is_file():
            sample_class(course, 12)
    elif not (course / "nbgrader_config.py").is_file():
        raise ValueError(f"{course} is no course folder; make one with `tema9 release {course}`, or see --sample")
    if marker:
        os.environ[MARKER] = marker
    Course(course).prepare()  # its settings go to the kernels through the environment
    raise typer.Exit(subprocess.call(screens.command(course, *(arguments or [])), cwd=course))


def progress(folder: Annotated[Path, typer.Argument(help="Where the notebooks are.")] = ROOT / "notebooks") -> None:
    """Say which checks pass so far in a student's notebooks, and the points they stand for."""
    from tema9 import lab, progress

    progress.main([str(lab.notebooks_folder(folder))])


def doctor(course: CourseArgument = COURSE) -> None:
    """Look at the machine, versions, GPU, sandbox, browser and folders, and say how to put right what is wrong.

    Exit code 1 if something that is needed is wrong.
    """
    import tema9.classroom.doctor
    import tema9.doctor

    findings = [*tema9.doctor.examine(ROOT / "notebooks"), *tema9.classroom.doctor.examine(course)]
    raise typer.Exit(tema9.doctor.say(findings))


def tour(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all by default. An unknown name lists them.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for them.")] = ROOT / "docs",
) -> None:
    """Take the pictures of the README from the screens themselves."""
    draw_without_windows()
    from tema9.classroom.lecture import tour

    for path in tour.take(names or list(tour.PICTURES), out, tracker("taking pictures")):
        console.print(f"{short(path)}: {path.stat().st_size / 1024:.0f} KiB", highlight=False)
