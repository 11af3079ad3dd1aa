"""A student's server on a JupyterHub: the course's JupyterLab in the student's home, with nbgrader's Assignment List.

python -m tema9.hub NOTEBOOKS [arguments of jupyterhub-singleuser]

NOTEBOOKS is the folder of the start page, which every home gets a copy of; the notebooks themselves are fetched from
nbgrader's exchange.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tema9 import files, lab, outline

# Without these, the student could not fetch and hand in; the rest of nbgrader's is for teachers here too.
SHOWN = ("@jupyter/nbgrader:assignment-list", "@jupyter/nbgrader:menu")
EXTENSIONS = lab.EXTENSIONS | {"nbgrader.server_extensions.assignment_list": True}
# A kernel whose notebook is in no browser, and which runs nothing, ends after 20 minutes: it keeps half a GiB.
CULLED = ("--MappingKernelManager.cull_idle_timeout=1200", "--MappingKernelManager.cull_interval=120")


def start_page(notebooks: str | Path, home: str | Path) -> Path:
    """Copy the start page into a home that has none, and return its path.

    Its links lead to where nbgrader puts a notebook that is fetched: NOTEBOOK/NOTEBOOK.ipynb.

    Args:
        notebooks: the folder that has the start page.
        home: the student's folder.

    Raises:
        FileNotFoundError: `notebooks` has no start page.
    """
    page = Path(home) / f"{outline.START}.ipynb"
    if not page.exists():
        text = (Path(notebooks) / page.name).read_text(encoding="utf-8")
        for name in outline.notebooks():
            text = text.replace(f"({name}.ipynb)", f"({name}/{name}.ipynb)")
        with files.atomic_write(page) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return page


def settings(folder: str | Path) -> Path:
    """Write JupyterLab's settings for a student with an account, and return their folder.

    Args:
        folder: where they are written.
    """
    folder = Path(folder)
    shutil.copy(lab.SETTINGS / "overrides.json", folder)
    page = json.loads((lab.SETTINGS / "page_config.json").read_text(encoding="utf-8"))
    page["disabledExtensions"] = {key: off for key, off in page["disabledExtensions"].items() if key not in SHOWN}
    (folder / "page_config.json").write_text(json.dumps(page), encoding="utf-8")
    return folder


def command(notebooks: str | Path, home: str | Path, folder: str | Path, *arguments: str) -> list[str]:
    """The command line of a student's server.

    Args:
        notebooks: the folder that has the start page.
        home: the student's folder.
        folder: where JupyterLab's settings are written.
        arguments: further arguments.
    """
    start_page(notebooks, home)
    given = lab.settings(home, *CULLED, *arguments, app_settings=settings(folder), extensions=EXTENSIONS)
    return [sys.executable, "-m", "jupyterhub.singleuser", *given]


def main(arguments: Sequence[str]) -> None:
    """Become a student's server, in the place of this process."""
    if not arguments or arguments[0].startswith("-"):
        sys.exit("tema9.hub: say where the start page is: python -m tema9.hub NOTEBOOKS")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(lab.SETTINGS), os.environ.get("JUPYTER_PATH")]))
    try:
        there = command(arguments[0], Path.home(), tempfile.mkdtemp(prefix=lab.TEMPORARY), *arguments[1:])
    except OSError as error:
        sys.exit(f"tema9.hub: {error}")
    os.execv(there[0], there)


if __name__ == "__main__":
    main(sys.argv[1:])
