"""What every test shares: no window, one thread, and what becomes of it where a part of the machine is missing."""

import contextlib
import gc
import hashlib
import os
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path

import filelock
import parts
import pytest

# For all processes that the tests start, too: those on the other cores have work of their own. And large networks are
# there sooner where torch asks for large pages, as it does in the sandbox. Both are read when torch is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "THP_MEM_ALLOC_ENABLE": "1"}
MEMORY, ROOM = "/dev/shm", 6 * 2**30  # bytes; the tests that run at one time have less in their folders
BROWSER = Path(__file__).parent / "browser"
gc.disable()  # until all is imported: a collection looks at all that imports make, and finds little to collect
collect_ignore = ["other_system"]  # it takes from the process that imports it what other systems lack

if "TMPDIR" not in os.environ and parts.is_roomy(MEMORY, ROOM):  # its thousands of files are there sooner than on disk
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def pytest_configure():
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what is in its background
    os.environ.pop("COLUMNS", None)  # readline sets it for the processes of xdist; what is printed is not cut for it
    if parts.UNSANDBOXED:
        os.environ["TEMA9_NO_SANDBOX"] = "1"  # for what nbgrader's own commands start


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(BROWSER):
            item.add_marker("browser")
        if item.get_closest_marker("bubblewrap"):
            item.add_marker("sandbox")
        if {"deck", "site"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker("slow")
    if "PYTEST_XDIST_WORKER" in os.environ:  # files that take long begin first, so that no process waits for another
        slow = Counter(item.path for item in items if any(map(item.get_closest_marker, ("slow", "sandbox", "browser"))))
        items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish():
    """Where the tests run, there is no window and one thread; the process that only hands them out imports neither."""
    import matplotlib
    import torch

    gc.freeze()  # the collections that a test causes look at what the test has made
    gc.enable()
    matplotlib.use("Agg")
    torch.set_num_threads(1)


def pytest_runtest_setup(item):
    """What needs a part that is missing is skipped, before its fixtures begin; in CI it fails, unless it is a GPU."""
    for marker in ("gpu", "sandbox", "bubblewrap", "browser", "postgres"):
        if item.get_closest_marker(marker) and (reason := parts.lacks(marker)):
            pytest.fail(reason, pytrace=False) if parts.IN_CI and marker != "gpu" else pytest.skip(reason)


def pytest_terminal_summary(terminalreporter):
    """The last line says which packages would run what was skipped for the want of them."""
    reasons = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", ())]
    if advice := parts.advice({reason.removeprefix("Skipped: ") for reason in reasons}):
        terminalreporter.write_line(advice)


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state."""
    import torch

    if torch.cuda.is_initialized():
        torch.manual_seed(0)
    else:  # before there is a GPU, torch notes for it from where it was called, in milliseconds
        torch.default_generator.manual_seed(0)


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window: one in a process, since Playwright has one loop."""
    from tema9.classroom.lecture import browser

    with browser.launched() as launched:
        yield launched


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that gives the folder which `make(folder)` has filled: once in a run, whichever process asks first."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def once(name, make):
        folder, half = shared / f"once-{name}", shared / f"once-{name}.half"
        with filelock.FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                shutil.rmtree(half, ignore_errors=True)
                half.mkdir()
                make(half)
                half.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def prepared(once):
    """A function that makes a folder a course of the sources as they stand, and returns it.

    nbgrader releases the same sources once in a run: for one small notebook, that takes seconds.
    """
    from tema9.classroom import course, sources

    def prepared(root, chosen=None):
        chosen = sources.all_sources() if chosen is None else chosen
        texts = b"".join(source.path.read_bytes() for source in chosen)
        made = once(f"course-{hashlib.sha256(texts).hexdigest()[:12]}", lambda new: course.Course(new).prepare(chosen))
        return course.Course(shutil.copytree(made, root, dirs_exist_ok=True))

    return prepared


@pytest.fixture(scope="session")
def deck(once):
    """The lecture's slides: (the notebook that ran, the page). Without reveal.js and MathJax, which npm fetches, skips
    the test; in CI it fails."""
    import nbformat

    from tema9.classroom.lecture import slides

    def make(folder):
        try:
            slides.fetch()
        except slides.NoPackages as error:
            (pytest.fail if parts.IN_CI else pytest.skip)(str(error))
        notebook = slides.run()
        nbformat.write(notebook, folder / "tema9.ipynb")
        (folder / "tema9.html").write_text(slides.page(notebook), encoding="utf-8")

    folder = once("deck", make)
    return nbformat.read(folder / "tema9.ipynb", as_version=4), folder / "tema9.html"


@pytest.fixture(scope="session")
def site(once, deck):
    """The folder of the course's site. Without Sphinx, skips the test; in CI it fails."""
    import site_of_course

    from tema9.classroom.lecture import site

    try:
        site.require()
    except RuntimeError as error:
        (pytest.fail if parts.IN_CI else pytest.skip)(str(error))
    return once("site", lambda folder: site_of_course.make(folder, deck[1])) / "site"
