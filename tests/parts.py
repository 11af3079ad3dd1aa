"""What a machine may lack: how the tests do without it, why some cannot, and how it is installed."""

import functools
import glob
import os
import shutil

from tema9.classroom.lecture import browser
from tema9.classroom.sandbox import sandbox

IN_CI = "CI" in os.environ  # there nothing may be missing
# Where there is no sandbox, what the tests grade runs without one: they wrote all of it.
UNSANDBOXED = bool(sandbox.why_not()) and not IN_CI
# The package by its marker, as Debian, Fedora and Homebrew call it.
PACKAGES = {
    "bubblewrap": ("bubblewrap", "bubblewrap", ""),
    "browser": ("chromium", "chromium", "--cask chromium"),
    "postgres": ("postgresql", "postgresql-server", "postgresql"),
}
NOT_INSTALLED = "is not installed here"


@functools.cache
def lacks(marker) -> str:
    """Why the tests with a marker cannot run on this machine; "" if they can."""
    match marker:
        case "sandbox" | "bubblewrap" if sandbox.why_not() == sandbox.REASONS["system"]:
            return sandbox.why_not()
        case "bubblewrap" if sandbox.why_not() == sandbox.REASONS["missing"]:
            return f"bubblewrap {NOT_INSTALLED}"
        case "bubblewrap":
            return sandbox.why_not()
        case "browser" if not browser.find():
            return f"Chromium {NOT_INSTALLED}"
        case "browser" if not browser.importable():
            return "Playwright is not installed: pip install playwright"
        case "postgres" if not (postgresql("initdb") and postgresql("pg_ctl")):
            return f"PostgreSQL's server {NOT_INSTALLED}"
        case "gpu":
            import torch

            return "" if torch.cuda.is_available() else "no CUDA device"
    return ""


def is_roomy(folder, room) -> bool:
    """Whether a folder, if there is one, has room for so many bytes, and programs may be started from it."""
    try:
        there = os.statvfs(folder)
    except (AttributeError, OSError):  # not on Windows
        return False
    return there.f_bavail * there.f_frsize >= room and not there.f_flag & os.ST_NOEXEC


def postgresql(command):
    """Where a command of PostgreSQL's server is, or None.

    The variable POSTGRESQL names the folder of its commands; where it is not set, they are on the PATH or where
    Debian keeps them.
    """
    if (folder := os.environ.get("POSTGRESQL")) is not None:
        return shutil.which(command, path=folder)
    debian = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{command}"), reverse=True)
    return shutil.which(command) or next(iter(debian), None)


def advice(reasons) -> str:
    """How to install the packages for whose lack tests were skipped, in one line; "" if none is missing.

    Args:
        reasons: why tests were skipped, as `lacks` says it.
    """
    missing = [
        names for marker, names in PACKAGES.items() if NOT_INSTALLED in lacks(marker) and lacks(marker) in reasons
    ]
    if not missing:
        return ""
    debian, fedora, brew = zip(*missing, strict=True)
    macos = [f"brew install {name}" for name in brew if name] + ["the sandbox needs Linux"] * ("" in brew)
    return (
        f"{', '.join(debian)} would run the rest. Debian: apt install {' '.join(debian)}."
        f" Fedora: dnf install {' '.join(fedora)}. macOS: {'; '.join(macos)}."
    )
