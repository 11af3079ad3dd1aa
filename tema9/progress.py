"""The points of a notebook so far: the student's cells are run in another process, and their checks and tests too.

python -m tema9.progress [FOLDER]

An exercise counts its points if its check says that it is right and its visible tests pass. Grading adds more cases
to the tests, and a person marks the prose.
"""

import contextlib
import json
import os
import queue
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tema9 import answers, checks, imports, outline
from tema9.streams import use_utf8
from tema9.tables import Table

SECONDS = 45  # of an exercise: its cell, its check and its tests
SECONDS_TO_START = 180  # torch, the first time, from a slow disk
HELP = """uso: python -m tema9.progress [CARPETA]

Ejecuta en un proceso aparte las respuestas guardadas y dice qué ejercicios pasan y cuántos puntos suman.

CARPETA  donde están los cuadernos; sin ella, esta carpeta, su carpeta notebooks o la de al lado"""
DIED = "el proceso ha muerto al ejecutarlo"
ROOT = str(Path(__file__).parents[1])  # from which this package comes, also where it is not installed
SERVER = "import sys; sys.path.append({!r}); from tema9 import progress; progress.serve()"
MARKS = {"right": "✔", "wrong": "✘", "unanswered": "○", "missing": "✘", "written": "…"}


@dataclass(frozen=True)
class Result:
    """The state of one exercise in a student's notebook.

    state: "right"; "wrong"; "unanswered"; "missing", if its cell was deleted; "written", if it is prose that a person
        will mark.
    message: why, in Spanish.
    """

    exercise: outline.Exercise
    state: str
    message: str = ""

    @property
    def points(self) -> int:
        """The points of the exercise if it is right, else 0."""
        return self.exercise.points if self.state == "right" else 0

    def __str__(self) -> str:
        return f"{MARKS[self.state]} {self.exercise.name} ({self.exercise.points} puntos): {self.message}"


def which(path: str | Path) -> outline.Notebook | None:
    """Tell which notebook of the course a file is, by the exercises in it; None if it has none."""
    there = _cells(path)
    counts = {one: sum(exercise.name in there for exercise in one.exercises) for one in outline.notebooks().values()}
    best = max(counts, key=lambda one: counts[one])
    return best if counts[best] else None


def examine(path: str | Path, seconds: float = SECONDS) -> list[Result]:
    """Run the exercises of a student's notebook and return the state of each.

    Only the cells that a student writes and those of the set-up are run, in another process, in the notebook's folder.

    Args:
        path: of the notebook.
        seconds: that an exercise may take.

    Raises:
        ValueError: the file is no notebook, or none of the course.
    """
    notebook = which(path)
    if notebook is None:
        raise ValueError(f"{Path(path).name} no tiene ejercicios del curso")
    cells = _cells(path)
    found, to_run = {}, []
    for exercise in notebook.exercises:
        text = cells.get(exercise.name)
        if text is None:
            found[exercise.name] = ("missing", "falta su celda; cópiala del cuaderno original")
        elif exercise.by_hand:
            blank = not text.replace(answers.TEXT_STUB, "").strip()
            found[exercise.name] = ("unanswered", "sin responder") if blank else ("written", "lo corrige una persona")
        elif _is_stub(text):
            found[exercise.name] = ("unanswered", "sin responder")
        else:
            tests = [text for name, text in cells.items() if name.startswith(f"{exercise.name}-tests")]
            to_run.append({"name": exercise.name, "code": text, "tests": tests})
    found |= _run(Path(path).parent, cells[""], to_run, seconds)
    return [Result(exercise, *found[exercise.name]) for exercise in notebook.exercises]


def report(
    folder: str | Path = ".",
    track: Callable[[list[outline.Notebook]], Iterable[outline.Notebook]] | None = None,
) -> Table:
    """Examine the notebooks of a folder: a row for each, and a line for each exercise that was begun and is not right.

    Args:
        folder: where the notebooks are.
        track: passes the notebooks on and draws the progress; a bar on the standard output by default.
    """
    track = track or (lambda jobs: tqdm(jobs, "tus celdas", file=sys.stdout, leave=False, delay=2))
    rows, lines, points = [], [], 0
    for notebook in track(list(outline.notebooks().values())):
        path = outline.path_in(folder, notebook.name)
        tested = [one for one in notebook.exercises if not one.by_hand]
        prose = [one for one in notebook.exercises if one.by_hand]
        automatic = sum(one.points for one in tested)
        try:
            results = examine(path)
        except (OSError, ValueError):
            rows.append((notebook.title, "no se puede leer", "", f"0 de {automatic}", ""))
            continue
        right = sum(result.state == "right" for result in results)
        written = sum(result.state == "written" for result in results)
        earned = sum(result.points for result in results)
        points += earned
        rows.append(
            (
                notebook.title,
                f"{right} de {len(tested)}",
                f"{earned} de {automatic}",
                f"{written} de {len(prose)}",
                f"{sum(one.points for one in prose)}",
            )
        )
        lines += [str(result) for result in results if result.state in ("wrong", "missing")]
    head = ("cuaderno", "comprobaciones", "puntos", "respuestas escritas", "puntos a mano")
    lines += [f"✘ {said}." for said in [imports.advice(imports.hiding(folder))] if said]
    note = f"{points} puntos de momento. Al corregir se añaden casos, y una persona puntúa las respuestas escritas."
    return Table(head, tuple(rows), (1, 2, 3, 4), "\n".join([*lines, note]))


def _cells(path):
    """The texts of a notebook's cells by nbgrader's identifier; under "", those of its set-up.

    An answer that stands in several cells, or in one that the student added, is joined as in grading.
    """
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        pieces, kinds = {"": []}, {}
        added, last = [], ""  # (the named cell above, the kind, the text) of what the student added
        for cell in notebook["cells"]:
            text, metadata, kind = "".join(cell["source"]), cell["metadata"], cell["cell_type"]
            ours = cell.get("id", "n").startswith("n")
            if name := metadata.get("nbgrader", {}).get("grade_id"):
                pieces.setdefault(name, []).append(text)
                kinds.setdefault(name, kind)
                last = name
            # A cell that the student has added has another kind of id, and is not run in grading either.
            elif not ours and text.strip():
                added.append((last, kind, text))
            elif kind == "code" and not metadata.get("tags"):
                pieces[""].append(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{Path(path).name} no es un cuaderno que se pueda leer") from None
    texts = {"": pieces.pop("")}
    for name, found in pieces.items():
        if kinds[name] == "code":
            tests = " ".join(text for other in pieces if other.startswith(f"{name}-tests") for text in pieces[other])
            texts[name] = _joined(found, tests, [text for _, kind, text in added if kind == "code"])
        else:
            below = [text for above, _, text in added if above == name]
            texts[name] = "\n\n".join([*found, *below])
    return texts


def _joined(found, tests, added):
    """The code of an answer; while it is a stub, what was added counts that defines what its tests ask for."""
    text = answers.join([one for one in found if not _is_stub(one)] or found)
    if not _is_stub(text):
        return text
    asked = answers.definitions(text) or set(re.findall(r"\w+", tests))
    instead = [one for one in added if answers.names(one) & asked]
    kept = [one for one in found if answers.definitions(one)]
    return answers.join([*kept, *instead]) if instead else text


def _is_stub(text):
    return f"{answers.CODE_STUB}\n" in text and answers.STILL_A_STUB in text


def _run(folder, setup, exercises, seconds):
    """{exercise: (state, message)}; a new process goes on after one that was lost."""
    found, left = {}, list(exercises)
    while left:
        with _Process(folder, setup, left) as process:
            if problem := process.problem_at_start():
                return found | {exercise["name"]: ("wrong", problem) for exercise in left}
            while left:
                try:
                    answer = process.answer(seconds)
                except queue.Empty:
                    answer = {"state": "wrong", "message": f"tarda más de {seconds:g} s: ¿hay un bucle que no termina?"}
                    process.lost = True
                exercise = left.pop(0)["name"]
                found[exercise] = (answer["state"], answer["message"]) if answer else ("wrong", DIED)
                if process.lost:
                    break
    return found


class _Process:
    """The other process, which runs the set-up and then the exercises; `serve` is what it does.

    It imports nothing from the notebook's folder that is elsewhere too (-P), so that no file there hides a module.
    """

    def __init__(self, folder, setup, exercises):
        self.lost = False
        self.token = secrets.token_hex(8)  # before each answer; whatever else comes out of the process is none
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", SERVER.format(ROOT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                cwd=folder,
                encoding="utf-8",
                errors="replace",
                env=os.environ | {"NBGRADER_EXECUTION": "validate", "MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"},
            )
        except OSError:
            self.errors.close()
            raise
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        with contextlib.suppress(OSError):  # it has died already
            job = {"token": self.token, "setup": setup, "exercises": exercises}
            with self.process.stdin as orders:
                orders.write(json.dumps(job))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def _read(self):
        """Put the answers into the queue; None at their end."""
        with self.process.stdout as lines:
            for line in lines:
                _, token, answer = line.partition(self.token)
                if token:
                    self.lines.put(json.loads(answer))
        self.lines.put(None)

    def answer(self, seconds):
        """The next answer, or None from a process that has died.

        Raises:
            queue.Empty: there is none in that many seconds.
        """
        answer = self.lines.get(timeout=seconds)
        self.lost = answer is None
        return answer

    def problem_at_start(self):
        """Why no exercise can be run, in Spanish; "" if the set-up has ended well."""
        try:
            started = self.answer(SECONDS_TO_START)
        except queue.Empty:
            return f"la máquina va muy lenta: PyTorch no se ha cargado en {SECONDS_TO_START} s. Prueba otra vez"
        if started is None:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().decode("utf-8", "replace").strip().splitlines()
            return f"Python no arranca ({said[-1] if said else 'sin decir por qué'}); mira `python -m tema9.doctor`"
        try:
            ready = self.answer(SECONDS_TO_START)
        except queue.Empty:
            return f"la primera celda de código tarda más de {SECONDS_TO_START} s"
        message = DIED if ready is None else ready["message"]
        return message and f"la primera celda de código falla: {message}"


def serve() -> None:
    """Run the exercises that the standard input holds, in the other process, and print the state of each."""
    job = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)

    def say(value):
        print(job["token"] + json.dumps(value), file=out, flush=True)

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from tema9 import magics  # and IPython, which only the process that runs cells needs

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    magics.prepare(shell)
    imports.load_training()  # its seconds are no exercise's
    say({})
    os.dup2(nothing, 1), os.dup2(nothing, 2)  # what the cells print is not the answer
    sys.path.append("")  # after all else: a student's own modules are found, and hide none
    for code in job["setup"]:
        if error := _error_of(shell, code):
            say({"message": error})
            return
    say({"message": ""})
    for exercise in job["exercises"]:
        state, message = _judge(shell, exercise)
        say({"state": state, "message": message})


def _judge(shell, exercise):
    """(state, message) of an exercise."""
    if error := _error_of(shell, exercise["code"]):
        return "wrong", f"su celda falla: {error}"
    said = checks.verdict(exercise["name"], shell.user_ns)
    message = said[2:].removeprefix(f"{exercise['name']}: ")
    if message.startswith("tarda más"):  # and so would its tests
        return "wrong", message
    failures = list(filter(None, (_error_of(shell, test) for test in exercise["tests"])))
    if said.startswith("✔") and not failures:
        return "right", "correcto"
    if failures and not checks.explanations(exercise["name"], said):
        message = failures[0]  # a test's own message says more than that it is not right
    return "wrong", message


def _error_of(shell, code):
    """The error of a cell in one line; "" if there was none."""
    result = shell.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return ""
    from tema9.measuring import error_name  # and torch, which only the process that runs cells needs

    if isinstance(error, SyntaxError):  # its text names a file that is none
        return f"{error_name(error)}: {error.msg}, en su línea {error.lineno}"
    text = str(error).strip() or "sin mensaje"
    return text if isinstance(error, AssertionError) else f"{error_name(error)}: {text.splitlines()[0]}"


def main(arguments: Sequence[str]) -> None:
    """Print the report of a folder."""
    from tema9.lab import notebooks_folder

    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return
    try:
        folder = notebooks_folder(*arguments[:1])
        print(report(folder, lambda jobs: tqdm(jobs, "tus celdas", leave=False, delay=2, disable=None)))
    except FileNotFoundError as error:
        sys.exit(f"tema9.progress: {error}")


if __name__ == "__main__":
    use_utf8()
    main(sys.argv[1:])
