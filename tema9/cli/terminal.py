"""What the commands share: the console, errors in one line, progress bars, and the folders and options of several."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
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
WIDE = 120  # columns; narrower terminals get fewer of the numbers

# Names of files and people go through it: what looks like markup, or like the name of an emoji, is part of a name.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140, markup=False, emoji=False)

CourseOption = Annotated[Path, typer.Option(help="The course folder.")]
CourseArgument = Annotated[Path, typer.Argument(help="The course folder; submissions are in its submitted/.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
LabArguments = Annotated[list[str] | None, typer.Argument(help="For JupyterLab, after --.")]


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
            print(f"tema9: {printable(str(error))}", file=sys.stderr)
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
