"""Chromium, driven by Playwright: it prints the slides, takes the pictures of the tour and runs the browser tests."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The first one has no window and no interface of its own, which a whole browser draws without showing it, too.
NAMES = (
    *("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable", "chrome", "msedge"),
)
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class NoBrowser(RuntimeError):
    """This machine has no browser that can be driven."""


def find() -> str:
    """Return the command of the browser: that of the variable CHROMIUM or the first one installed; "" if none is."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")


def require() -> str:
    """Return the command of the browser, if there is one that can be driven.

    Raises:
        NoBrowser: Chromium or Playwright is missing; the message says how to install it.
    """
    if not find():
        raise NoBrowser("no Chromium here: install it (apt install chromium), or set CHROMIUM to the command of yours")
    if not importable():
        raise NoBrowser("Playwright is not installed: pip install playwright")
    return find()


def importable() -> bool:
    """Return whether Playwright is installed."""
    import importlib.util

    return importlib.util.find_spec("playwright") is not None


@contextlib.contextmanager
def launched() -> Iterator["Browser"]:
    """Yield a headless browser, which is closed at the end of the `with`.

    Raises:
        NoBrowser: Chromium or Playwright is missing.
    """
    command = require()
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox does not start for root, and the pages that are shown here are ours.
    flags = [*QUIET, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=command, args=flags)
        try:
            yield browser
        finally:
            browser.close()
