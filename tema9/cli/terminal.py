"""What the commands share: the console, errors in one line, progress bars, and the folders and options of several."""

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from rich.console import Console
from rich.progress import track

from tema9.streams import printable, use_utf8

ROOT = Path(__file__).parents[2]  # of the checkout
COURSE = Path("course")
REHEARSAL = COURSE / "rehearsal"
TRAINING = COURSE / "training"
SAMPLE_RUN = COURSE / "sample-training"  # the network that `tema9 course` trains, anew each time
DECK = COURSE / "tema9.html"
SITE = Path("build") / "site"
STUDENTS_ZIP = "tema9-estudiantes.zip"
CLICK_ERROR: Any = typer.BadParameter.__mro__[2]  # typer has click within it in some versions, and beside it in others
WIDE = 120  # columns; narrower terminals get fewer of the numbers

# Names of files and people go through it: what looks like markup, or like the name of an emoji, is part of a name.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140, markup=False, emoji=False)

CourseOption = Annotated[Path, typer.Option(help="The course folder.")]
CourseArgument = Annotated[Path, typer.Argument(help="The course folder; submissions are in its submitted/.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
LabArguments = Annotated[list[str] | None, typer.Argument(help="For JupyterLab, after --.")]


@dataclass(frozen=True)
class Between:
    """Beside the type of a numeric option or argument: the range in which its values are. nan is in no range.

    Args:
        least, most: the ends of the range, which belong to it.
        above: whether `least` does not belong to it.
    """

    least: float
    most: float
    above: bool = False

    def why_not(self, value: float) -> str:
        """Return what is wrong with a value, in words; "" if it is in the range."""
        if self.least <= value <= self.most and not (self.above and value == self.least):
            return ""
        start = f"above {self.least:,g}, and at most" if self.above else f"from {self.least:,g} to"
        return f"is not a number {start} {self.most:,}"


def in_range(command: Callable[..., None]) -> Callable[..., None]:
    """Refuse the values of a command that are not `Between` the ends that the types of its parameters have.

    Raises:
        ValueError: a value is out of its range; the message names the option, the value and the range.
    """
    ranges: dict[str, tuple[str, Between]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        said = getattr(parameter.annotation, "__metadata__", ())
        options = [text for one in said for text in getattr(one, "param_decls", None) or () if text.startswith("--")]
        for one in said:
            if isinstance(one, Between):
                ranges[name] = (options or [f"--{name.replace('_', '-')}"])[-1], one

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        for name, (option, between) in ranges.items():
            value = kwargs.get(name)
            if value is not None and (why := between.why_not(value)):
                shown = value if isinstance(value, int) else f"{value:g}"
                raise ValueError(f"{option} {shown} {why}")
        return command(*args, **kwargs)

    return wrapper


class OneLine(typer.core.TyperGroup):
    """A command line that says in one line what is wrong with its arguments, and ends with exit code 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line, as click does."""
        if not extra.pop("standalone_mode", True):
            return super().main(*args, **extra | {"standalone_mode": False})
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except CLICK_ERROR as error:
            code = error.exit_code
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()
            else:
                context = getattr(error, "ctx", None)
                see = f"; see {context.command_path} --help" if context else ""
                print(f"tema9: {one_line(error.format_message())}{see}", file=sys.stderr)
        except typer.Abort:
            print("tema9: interrupted", file=sys.stderr)
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def one_line(text: str) -> str:
    """Return a message as one line without its full stop."""
    return printable(" ".join(text.split())).rstrip(".")


def with_course(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command whose argument is the course folder take the option --course too."""
    signature = inspect.signature(command)
    course = signature.parameters.get("course")
    if course is None or course.annotation != CourseArgument:
        return command

    @functools.wraps(command)
    def wrapper(*args: Any, course: Path | None, course_option: Path | None, **kwargs: Any) -> None:
        if course and course_option and course != course_option:
            raise ValueError(f"the course folder is given twice, as {course} and as {course_option}; give one of them")
        return command(*args, course=course_option or course or COURSE, **kwargs)

    given: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name == "course":
            keyword, none = inspect.Parameter.KEYWORD_ONLY, Path | None
            shown = typer.Argument(help="The same as --course.", show_default=False)
            option = typer.Option("--course", help="The course folder.", show_default=str(parameter.default))
            given.append(inspect.Parameter("course", keyword, default=None, annotation=Annotated[none, shown]))
            given.append(inspect.Parameter("course_option", keyword, default=None, annotation=Annotated[none, option]))
        else:
            given.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    wrapper.__signature__ = signature.replace(parameters=given)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in given} | {"return": None}
    return wrapper


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the errors that a user can cause into one line and exit code 2; Ctrl-C into 130."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        use_utf8()
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):  # RuntimeErrors, but no errors
            raise
        except (ValueError, OSError, RuntimeError) as error:
            for line in getattr(error, "lines", [str(error)]):
                print(f"tema9: {printable(line)}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("tema9: interrupted", file=sys.stderr)
            raise typer.Exit(130) from None

    return wrapper


@contextlib.contextmanager
def alone_in(course: Path, dry_run: bool = False) -> Iterator[None]:
    """Have no other command of ours write in a course folder inside of the `with`; wait, and say so, while one does.

    Args:
        course: the course folder; where there is none, there is nothing to wait for.
        dry_run: nothing is going to be written.
    """
    import filelock

    from tema9.classroom.course import Course

    if dry_run or not course.is_dir():
        yield
        return
    lock = Course(course).lock()
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.acquire(timeout=0))
        except filelock.Timeout:
            say(f"another command is at work in {short(course)}/; waiting until it has ended", style="yellow")
            held.enter_context(lock.acquire())
        except NotImplementedError:  # this file system has no locks
            pass
        yield


def say(text: str, style: str | None = None) -> None:
    """Print a line in which names may be: control characters are escapes."""
    console.print(printable(text), style=style, highlight=False, soft_wrap=True)


def count(number: int, what: str) -> str:
    """Return a number with its noun, in the singular for one.

    Example:
        >>> count(1, "student"), count(2, "student")
        ('1 student', '2 students')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def tracker(what: str) -> Callable[..., Iterable]:
    """Return a function that wraps jobs in a progress bar; of jobs without a length it is told the total."""
    return lambda jobs, total=None: track(jobs, what, total=total, console=console)


def short(path: str | Path) -> str:
    """Return a path as it is typed from here, or whole if it lies elsewhere."""
    path = Path(path).resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def draw_without_windows() -> None:
    """Have matplotlib draw for files only, also where there is no screen."""
    import matplotlib

    matplotlib.use("Agg")
