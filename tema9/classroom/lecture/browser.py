"""Chromium, driven by Playwright: what prints the slides and what the browser tests look through."""

import contextlib
import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class NoBrowser(RuntimeError):
    """There is no browser here that can be driven."""


def find() -> str:
    """The command of the browser: what the variable CHROMIUM says, or the first that is installed; "" if none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")


def require() -> str:
    """The browser's command.

    Raises:
        NoBrowser: Chromium or Playwright is missing; the message says how to install it.
    """
    if not find():
        raise NoBrowser("no Chromium here: install it (apt install chromium), or set CHROMIUM to the command of yours")
    if not importable():
        raise NoBrowser("Playwright is not installed: pip install playwright")
    return find()


def importable() -> bool:
    """Whether Playwright is installed."""
    import importlib.util

    return importlib.util.find_spec("playwright") is not None


@contextlib.contextmanager
def launched():
    """A headless browser, closed at the end.

    Raises:
        NoBrowser: as `require`.
    """
    command = require()
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox does not start for root; what it shows here is ours.
    flags = [*QUIET, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=command, args=flags)
        try:
            yield browser
        finally:
            browser.close()
