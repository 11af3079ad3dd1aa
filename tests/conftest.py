"""What every test shares: no window, one thread, and the markers."""

import os

import matplotlib
import pytest
import torch

matplotlib.use("Agg")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


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
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    notebook, path = slides.run(), tmp_path_factory.mktemp("slides") / "tema9.html"
    path.write_text(slides.page(notebook), encoding="utf-8")
    return notebook, path
