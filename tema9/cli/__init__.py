"""The command `tema9`. Each command parses, calls and prints; what it does is in the modules that it calls."""

import os
from collections.abc import Callable

import typer

from tema9.cli import authoring, classroom, course, networks, screens
from tema9.cli.terminal import OneLine, in_range, one_line_errors, with_course

# torch then asks Linux for large pages, before it is imported: `benchmarks/pipeline.py` measures the gain.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Name -> the function; in the order of `tema9 --help`.
COMMANDS: dict[str, Callable[..., None]] = {
    "layers": networks.layers,
    "notebooks": authoring.notebooks,
    "mistakes": authoring.mistakes,
    "figures": networks.figures,
    "slides": screens.slides,
    "train": networks.train,
    "evaluate": networks.evaluate,
    "predict": networks.predict,
    "release": classroom.release,
    "collect": classroom.collect,
    "rehearse": classroom.rehearse,
    "grade": classroom.grade,
    "marking": classroom.marking,
    "feedback": classroom.feedback,
    "report": classroom.report,
    "export": classroom.export,
    "archive": classroom.archive,
    "bundle": authoring.bundle,
    "site": screens.site,
    "course": course.course,
    "lab": screens.lab,
    "classroom": screens.classroom,
    "progress": screens.progress,
    "doctor": screens.doctor,
    "time": authoring.time,
    "tour": screens.tour,
    "test": authoring.test,
}
DATA_COMMANDS: dict[str, Callable[..., None]] = {"prepare": networks.prepare}


def command_line(help: str, commands: dict[str, Callable[..., None]]) -> typer.Typer:
    """Return the command line that has these commands."""
    made = typer.Typer(
        help=help, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, cls=OneLine
    )
    for name, function in commands.items():
        made.command(name)(one_line_errors(with_course(in_range(function))))
    return made


app = command_line("Tema 9: AlexNet y ZFNet. Notebooks, models and grading of the course.", COMMANDS)
app.add_typer(command_line("Images on disk.", DATA_COMMANDS), name="data")
