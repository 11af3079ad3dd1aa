"""Grading against stock nbgrader and against the limit; how it grows with the class; what attacks win in each.

    python benchmarks/grading.py speed [--students 5] [--quick]
    python benchmarks/grading.py further [--students 30] [--rounds 4]
    python benchmarks/grading.py growth [--students 5,30,120] [--hostile 20]
    python benchmarks/grading.py attacks

`speed`: the same submissions of the six notebooks, graded by stock `nbgrader autograde` (its own settings,
kernels without a sandbox), by the command `tema9 grade`, and the limit: the time that the needed cells take in
processes that have everything in memory already, one per core, without a kernel, a sandbox, a notebook or a
gradebook. Needed are set-up, answers, tests, and the check of an exercise that lost one, whose words are in the
feedback. Stock shortens the explorations too: they do so themselves when graded.

`further`: what a submission takes once everything is in memory, ours and the limit, side by side on a core each, in
rounds that swap the cores, so that what else the machine does meets both. Ours with one process (-j 1): everything
that a submission costs, gradebook included, on that core. The first 30 submissions are not counted.

`growth`: seconds and peak memory, over all processes, of classes of several sizes, against the limit of each; and
what each further submission takes.

`attacks`: each hostile submission of `tema9.classroom.rehearsal.attacks`, graded by both, one at a time. Stock is
spared what would harm the machine: it has no sandbox.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

import nbformat
import psutil
from machine import describe
from nbgrader.api import Gradebook, MissingEntry
from tqdm import tqdm

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.cells import CODE_STUB, TEXT_STUB
from tema9.classroom.course import Course
from tema9.classroom.grading import grade, scores, workers
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.rehearsal import attacks, rehearse
from tema9.classroom.sandbox import sandbox

STOCK = f"""c = get_config()
c.CourseDirectory.course_id = "stock"
c.ClearSolutions.code_stub = {{"python": {CODE_STUB!r}}}
c.ClearSolutions.text_stub = {TEXT_STUB!r}
c.ClearMarkScheme.enforce_metadata = False
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
"""


# What stock nbgrader, which has no sandbox, is not given: it would harm whoever runs this.
HARMFUL = (
    "fork-bomb",
    "forks-and-answers",
    "fills-the-disk",
    "kills-all",
    "stops-the-warm-one",
    "writes-startup",
    "outlives",
)


QUICK = "5_dos_gpus_e_ilsvrc"  # the notebook that runs in the least time
FIRST = 30  # submissions, until everything is in memory: five of each notebook


class Memory:
    """The most memory that this process and all below it have had at once, in bytes, shared pages counted once."""

    def __enter__(self):
        self.peak, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _watch(self):
        while not self.ended.wait(5):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
            self.peak = max(self.peak, total)


def timed(action, *args, **kwargs):
    started = time.perf_counter()
    result = action(*args, **kwargs)
    return time.perf_counter() - started, result


def stock_course(root, seconds, names):
    """A course folder with nbgrader's own settings, and what `root` has been handed in of the notebooks `names`."""
    folder = Path(tempfile.mkdtemp(prefix="stock-"))
    for name in ("source", "submitted"):
        shutil.copytree(root / name, folder / name, symlinks=True)
    (folder / "nbgrader_config.py").write_text(STOCK + f"c.Execute.timeout = {seconds}\n", encoding="utf-8")
    for name in names:
        nbgrader(folder, "generate_assignment", name)
    return folder


def nbgrader(folder, *arguments, seconds=600):
    """Run nbgrader's command; say whether it came to an end within so many seconds."""
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    for name in ("JUPYTER_PATH", "OMP_NUM_THREADS"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "nbgrader", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:  # its kernels too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def tema9_grade(root):
    """The command, as an instructor gives it. Exit code 1 says that a submission was killed or cannot be read."""
    command = [sys.executable, "-m", "tema9", "grade", str(root)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)


def stock_scores(folder):
    """{(student, notebook): points} of a stock gradebook."""
    found = {}
    with Gradebook(f"sqlite:///{folder}/gradebook.db", "stock") as gradebook:
        for path in sorted(folder.glob("submitted/*/*")):
            with contextlib.suppress(MissingEntry):
                one = gradebook.find_submission_notebook(path.name, path.name, path.parent.name)
                if (folder / "autograded" / path.parent.name / path.name).is_dir():
                    found[path.parent.name, path.name] = sum(g.auto_score or 0 for g in one.grades)
    return found


def needed(path, source_path):
    """The cells of a submission that grading needs, as (exercise, whether it is a test, text).

    Set-up and answers are the student's, tests those of the source.
    """
    handed_in, source = (json.loads(Path(one).read_text(encoding="utf-8")) for one in (path, source_path))
    tests = {c["metadata"]["nbgrader"]["grade_id"]: c for c in source["cells"] if "nbgrader" in c["metadata"]}
    cells, exercise = [], ""
    for cell in handed_in["cells"]:
        role = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and "explore" not in cell["metadata"].get("tags", []):
            is_test = bool(role.get("grade") and not role["solution"])
            exercise = role.get("grade_id", "") if not is_test else exercise
            cells.append((exercise, is_test, "".join((tests[role["grade_id"]] if is_test else cell)["source"])))
    return cells


def run_needed(cells):
    """Run cells in this process, and the check of what was answered and lost a test; return the seconds."""
    space, unanswered, lost = {"__name__": "__main__"}, set(), {}
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for exercise, is_test, text in cells:
            try:
                exec(compile(text, "<cell>", "exec"), space)
            except NotImplementedError:
                unanswered.add(exercise)
            except Exception:  # a wrong answer
                lost[exercise] = is_test
        for exercise, is_test in lost.items():
            if is_test and exercise not in unanswered:
                checks.verdict(exercise, space)
    return time.perf_counter() - started


def in_memory(cells_of_each):
    """What a process of the limit starts with: everything that notebooks import and load."""
    import torch

    os.environ["NBGRADER_EXECUTION"] = "autograde"
    torch.set_num_threads(1)
    for cells in cells_of_each:
        run_needed(cells)


def needed_of_all(root):
    """(notebook, its needed cells) of every submission of a course, student by student."""
    course = Course(root)
    paths = sorted((root / "submitted").glob("*/*/*.ipynb"))
    return [(path.stem, needed(path, course.source(path.stem))) for path in paths]


def one_of_each(cells):
    """The needed cells of one submission of each notebook."""
    return list(dict(cells).values())


def limit(root, cores):
    """Seconds that the needed cells of all submissions take, over `cores` processes that are warm already."""
    cells = needed_of_all(root)
    with ProcessPoolExecutor(cores, initializer=in_memory, initargs=(one_of_each(cells),)) as pool:
        list(pool.map(time.sleep, [0.5] * cores))  # every process is there and warm
        seconds = sum(pool.map(run_needed, [one for _, one in cells]))
    return seconds / cores


def speed(arguments):
    cores = workers.default_workers()
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for one in sources.all_sources() if one.name == QUICK or not arguments.quick]
        with mock.patch.object(sources, "all_sources", lambda: chosen):
            root = rehearse.rehearse(Path(folder) / "ours", students=arguments.students)
        handed_in = sorted((root / "submitted").glob("*/*/*.ipynb"))
        names = sorted({path.stem for path in handed_in})
        stock_root = stock_course(root, 60, names)
        stock = sum(timed(nbgrader, stock_root, "autograde", name)[0] for name in tqdm(names, "stock", leave=False))
        ours, _ = timed(tema9_grade, root)
        bound = limit(root, cores)
        same = {(row.student, row.notebook): row.machine for row in scores.scores(open_cohort(root))}
        theirs = stock_scores(stock_root)
        shutil.rmtree(stock_root)
    count = len(handed_in)
    agreed = sum(same[key] == points for key, points in theirs.items())
    print(f"{count} submissions of {len(names)} notebooks, {cores} processes")
    print(f"stock nbgrader autograde   {stock:7.1f} s  {stock / count:6.2f} s a submission")
    print(f"tema9 grade                {ours:7.1f} s  {ours / count:6.2f} s a submission")
    print(f"the needed cells alone     {bound:7.1f} s  {bound / count:6.2f} s a submission")
    print(f"tema9 grade has {stock / ours:.1f} times stock's throughput and takes {ours / bound:.2f} times the limit")
    print(f"stock graded {len(theirs)} of {count}; {agreed} scores equal ours")


def further(arguments):
    times, context = [], multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0))[:2]
    fewest = FIRST // len(sources.all_sources()) + 1
    if len(cores) < 2 or arguments.students < fewest:
        raise SystemExit(f"further takes two cores and --students {fewest} or more; here are {len(cores)} cores")
    with tempfile.TemporaryDirectory() as folder:
        root = rehearse.rehearse(Path(folder) / "class", students=arguments.students)
        for number in tqdm(range(arguments.rounds), leave=False):
            ours = shutil.copytree(root, Path(folder) / f"ours-{number}")
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                one = pool.submit(our_seconds, cores[number % 2], ours)
                other = pool.submit(least_seconds, cores[1 - number % 2], root)
                times.append((one.result(), other.result()))
    times.append([sum(one) / len(times) for one in zip(*times, strict=True)])
    for name, (ours, least) in zip([*(f"round {n + 1}" for n in range(arguments.rounds)), "mean"], times, strict=True):
        print(f"{name}: {ours:.4f} s a further submission, the needed cells {least:.4f} s: {ours / least:.2f} times")


def stay_on(core):
    """Keep this process, and all that it starts, on one core; torch has counted more when it was imported."""
    import torch

    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)


def our_seconds(core, root):
    """Seconds that we take on one core for each submission of a class but the first ones."""
    stay_on(core)
    times = []

    def track(results, total):
        for result in results:
            times.append(time.perf_counter())
            yield result

    grade.grade(root, track=track, workers=1)
    return (times[-1] - times[FIRST - 1]) / (len(times) - FIRST)


def least_seconds(core, root):
    """Seconds that the needed cells alone take on one core for each submission of a class but the first ones."""
    stay_on(core)
    cells = needed_of_all(root)
    in_memory(one_of_each(cells))
    return sum(run_needed(one) for _, one in cells[FIRST:]) / (len(cells) - FIRST)


def growth(arguments):
    cores, before = workers.default_workers(), None
    for students in arguments.students:
        with tempfile.TemporaryDirectory() as folder:
            root = rehearse.rehearse(Path(folder), students=students, hostile=arguments.hostile)
            wanted = scores.expected(root)
            with Memory() as memory:
                seconds, _ = timed(tema9_grade, root)
            given = {(row.student, row.notebook): row.machine for row in scores.scores(open_cohort(root))}
            bound = 0 if arguments.hostile else limit(root, cores)  # attacks run in the sandbox only
        count, right = len(wanted), sum(given[key] == points for key, (points, _) in wanted.items())
        print(
            f"{students:4d} students, {arguments.hostile} hostile ones, {count} submissions: {seconds:6.1f} s,"
            f" {seconds / count:.3f} s a submission{_times(seconds, bound)}, peak {memory.peak / 2**20:,.0f} MiB;"
            f" {right} of {count} scores as expected",
            flush=True,
        )
        if before:
            further, taken, least = (now - then for now, then in zip((count, seconds, bound), before, strict=True))
            print(f"     each further submission: {taken / further:.3f} s{_times(taken, least)}", flush=True)
        before = count, seconds, bound


def _times(seconds, bound):
    return f", {seconds / bound:.2f} times the limit" if bound else ""


def attacks_(arguments):
    source = next(one for one in sources.all_sources() if one.name == "2_alexnet_capa_a_capa")
    with tempfile.TemporaryDirectory() as folder:
        course = Course(folder)
        course.prepare([source])
        released = nbformat.read(course.release(source.name), as_version=4)
        made = {name: attacks.attack(name, source, released) for name in attacks.ATTACKS}
        for name, one in made.items():
            attacks.hand_in(course, name, source.name, one)
        ours = {row.student: row for row in grade.grade(folder, limits=sandbox.Limits(seconds=5)).rows}
        stock_root, hung = stock_course(course.root, 10, [source.name]), {}
        for name in tqdm(sorted(set(made) - set(HARMFUL)), "stock", leave=False):
            if not nbgrader(stock_root, "autograde", source.name, f"--student={name}", seconds=120):
                hung[name] = "hangs"
        theirs = {name: f"{points:g}" for (name, _), points in stock_scores(stock_root).items()} | hung
        shutil.rmtree(stock_root)
    print("| attack | deserves | stock nbgrader | ours | ours says |\n|---|---|---|---|---|")
    for name, one in made.items():
        given = "not run" if name in HARMFUL else theirs.get(name, "no grade")
        said = ours[name].status if ours[name].status != "graded" else ours[name].outcomes
        print(f"| {name} | {one.points:g} | {given} | {ours[name].machine:g} | {said} |")


def size_of_class(text):
    """The number of students that a text says, of which a rehearsed class has at least two."""
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no size of a class: give a whole number from 2 on")
    return int(text)


def sizes_of_classes(text):
    return [size_of_class(one) for one in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("speed")
    one.add_argument("--students", type=size_of_class, default=5)
    one.add_argument("--quick", action="store_true", help="One notebook of the six.")
    one.set_defaults(run=speed)
    one = commands.add_parser("further")
    one.add_argument("--students", type=size_of_class, default=30)
    one.add_argument("--rounds", type=int, default=4)
    one.set_defaults(run=further)
    one = commands.add_parser("growth")
    one.add_argument("--students", type=sizes_of_classes, default="5,30,120")
    one.add_argument("--hostile", type=int, default=0)
    one.set_defaults(run=growth)
    commands.add_parser("attacks").set_defaults(run=attacks_)
    arguments = parser.parse_args()
    print(describe())
    arguments.run(arguments)


if __name__ == "__main__":
    main()
