"""JupyterLab as the course opens it: on the start page, in Spanish, and asking nothing of the network.

python -m tema9.lab [FOLDER] [arguments of JupyterLab]
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tema9 import outline
from tema9.streams import use_utf8

SETTINGS = Path(__file__).with_name("jupyter")
QUIET = ("--LabApp.extension_manager=readonly", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")
# tema9.validate answers the Validate button; the other extensions of nbgrader are for teachers.
EXTENSIONS = {
    "tema9.validate": True,
    "nbgrader.server_extensions.validate_assignment": False,
    "nbgrader.server_extensions.assignment_list": False,
    "nbgrader.server_extensions.course_list": False,
    "nbgrader.server_extensions.formgrader": False,
}


def command(folder: str | Path, *arguments: str) -> list[str]:
    """The command line that opens JupyterLab on the notebooks of a folder, with a student's settings.

    Args:
        folder: where the notebooks are.
        arguments: further arguments for JupyterLab.
    """
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={Path(folder).resolve()}",
        f"--LabApp.default_url=/lab/tree/{outline.START}.ipynb",
        f"--LabApp.app_settings_dir={SETTINGS}",
        *QUIET,
        *(f"--ServerApp.jpserver_extensions={name}={on}" for name, on in EXTENSIONS.items()),
        *arguments,
    ]


def notebooks_folder(folder: str | Path | None = None) -> Path:
    """Find the folder of the notebooks: the one given, or else the current folder or one beside it.

    Raises:
        FileNotFoundError: the start page is not there; the message says where it was looked for.
    """
    here = Path.cwd()
    looked = [Path(folder)] if folder else [here, here / "notebooks", here.parent / "notebooks"]
    for place in looked:
        if (place / f"{outline.START}.ipynb").is_file():
            return place
    raise FileNotFoundError(f"no encuentro {outline.START}.ipynb en {' ni en '.join(map(str, looked))}")


def main(arguments: Sequence[str]) -> int:
    """Open JupyterLab as `python -m tema9.lab` does, wait for its end and return its exit code."""
    folder = arguments[0] if arguments and not arguments[0].startswith("-") else None
    try:
        place = notebooks_folder(folder)
    except FileNotFoundError as error:
        sys.exit(f"tema9.lab: {error}")
    return subprocess.call(command(place, *arguments[bool(folder) :]))


if __name__ == "__main__":
    use_utf8()
    sys.exit(main(sys.argv[1:]))
