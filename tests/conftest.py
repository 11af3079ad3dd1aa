"""What every test shares: no window, one thread, and what becomes of it where a part of the machine is missing."""

import os
from pathlib import Path

import matplotlib
import parts
import pytest
import torch

matplotlib.use("Agg")
BROWSER = Path(__file__).parent / "browser"


def pytest_configure():
    torch.set_num_threads(1)
    if parts.UNSANDBOXED:
        os.environ["TEMA9_NO_SANDBOX"] = "1"  # for what nbgrader's own commands start


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(BROWSER):
            item.add_marker("browser")
        if item.get_closest_marker("bubblewrap"):
            item.add_marker("sandbox")


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
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def deck(tmp_path_factory):
    """The lecture's slides: (the notebook that ran, the page). Without reveal.js and MathJax, which npm fetches, skips
    the test; in CI it fails."""
    from tema9.classroom.lecture import slides

    try:
        slides.fetch()
    except slides.NoPackages as error:
        (pytest.fail if parts.IN_CI else pytest.skip)(str(error))
    notebook, path = slides.run(), tmp_path_factory.mktemp("slides") / "tema9.html"
    path.write_text(slides.page(notebook), encoding="utf-8")
    return notebook, path
