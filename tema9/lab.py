"""JupyterLab as the course opens it: on the start page, in Spanish, and asking nothing of the network.

python -m tema9.lab [FOLDER] [arguments of JupyterLab]
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tema9 import files, outline
from tema9.streams import use_utf8

SETTINGS = Path(__file__).with_name("jupyter")
# What a notebook is exported to asks nothing of the network: formulas are pictures, and where the page would load
# MathJax, RequireJS and the controls of widgets, whose last pictures it has, it loads an empty script.
EXPORT = (
    "--HTMLExporter.filters=markdown2html=tema9.formulas.exported",
    "--HTMLExporter.mathjax_url=data:,",
    "--HTMLExporter.require_js_url=data:,",
    "--HTMLExporter.widget_renderer_url=data:,",
)
QUIET = (
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    # At each page JupyterLab asks Node.js, if there is one, whether JupyterLab itself should be built anew.
    "--ServerApp.tornado_settings={'page_config_data': {'buildAvailable': False, 'buildCheck': False}}",
)
# tema9.validate answers the Validate button; the other extensions of nbgrader are for teachers.
EXTENSIONS = {
    "tema9.validate": True,
    "nbgrader.server_extensions.validate_assignment": False,
    "nbgrader.server_extensions.assignment_list": False,
    "nbgrader.server_extensions.course_list": False,
    "nbgrader.server_extensions.formgrader": False,
}
TEMPORARY = "tema9-jupyter-"  # begins the name of the folder for JupyterLab's files where the home cannot be written
HELP = """uso: python -m tema9.lab [CARPETA] [argumentos de JupyterLab]

Abre JupyterLab en el navegador, en la página 0_empieza_aqui. Termina con Ctrl-C aquí, o en su menú Archivo, Apagar.

CARPETA       donde están los cuadernos; sin ella, esta carpeta, su carpeta notebooks o la de al lado
--no-browser  no abre el navegador; la dirección sale escrita aquí
--port=8899   otro puerto
--help-all    todos los argumentos de JupyterLab, en inglés"""


def settings(
    folder: str | Path,
    *arguments: str,
    app_settings: str | Path = SETTINGS,
    extensions: Mapping[str, bool] = MappingProxyType(EXTENSIONS),
) -> list[str]:
    """The arguments with which JupyterLab opens the notebooks of a folder as a student sees them.

    Args:
        folder: where the notebooks are.
        arguments: further arguments for JupyterLab.
        app_settings: the folder of JupyterLab's own settings.
        extensions: which extensions of the server are on.
    """
    return [
        f"--ServerApp.root_dir={Path(folder).resolve()}",
        "--ServerApp.contents_manager_class=tema9.contents.Contents",
        f"--LabApp.default_url=/lab/tree/{outline.START}.ipynb",
        f"--LabApp.app_settings_dir={app_settings}",
        *QUIET,
        *EXPORT,
        *(f"--ServerApp.jpserver_extensions={name}={on}" for name, on in extensions.items()),
        *arguments,
    ]


def command(folder: str | Path, *arguments: str) -> list[str]:
    """The command line that opens JupyterLab on the notebooks of a folder in a process of its own.

    Args:
        folder: where the notebooks are.
        arguments: further arguments for JupyterLab.
    """
    return [sys.executable, "-m", "tema9.lab", str(folder), *arguments]


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


def personal_folders() -> dict[str, Path]:
    """The folders in which JupyterLab and its kernels keep files of their user, by the environment variable of each."""
    from jupyter_core import paths

    home = Path(os.path.expanduser("~"))
    return {
        "JUPYTER_CONFIG_DIR": Path(paths.jupyter_config_dir()),
        "JUPYTER_DATA_DIR": Path(paths.jupyter_data_dir()),
        "JUPYTER_RUNTIME_DIR": Path(paths.jupyter_runtime_dir()),
        "IPYTHONDIR": Path(os.environ.get("IPYTHONDIR", home / ".ipython")),
        "MPLCONFIGDIR": Path(os.environ.get("MPLCONFIGDIR", home / ".config" / "matplotlib")),
    }


def unwritable() -> dict[str, str]:
    """Which of the personal folders cannot be written, by environment variable, and why: a line in Spanish for each."""
    return {name: problem for name, folder in personal_folders().items() if (problem := files.not_writable(folder))}


def use_temporary_folder() -> str:
    """Give JupyterLab a temporary folder instead of the personal ones that cannot be written.

    Returns:
        what was done, in a line in Spanish; "" if they can all be written.

    Raises:
        OSError: the temporary folder cannot be written either.
    """
    problems = unwritable()
    if not problems:
        return ""
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    os.environ.update({name: str(folder / name.lower()) for name in problems})
    return (
        f"{next(iter(problems.values()))}. JupyterLab usa {folder}, y lo que ajustes en él se pierde al cerrarlo;"
        " los cuadernos se guardan donde están"
    )


def main(arguments: Sequence[str]) -> None:
    """Open JupyterLab as `python -m tema9.lab` does, in this process, so that whatever ends it ends JupyterLab."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return
    folder = arguments[0] if arguments and not arguments[0].startswith("-") else None
    try:
        place = notebooks_folder(folder)
        said = use_temporary_folder()
    except OSError as error:
        sys.exit(f"tema9.lab: {error}")
    for line in (said, files.not_writable(place)):
        if line:
            print(f"tema9.lab: {line}", flush=True)
    # First of all, the course's own kernel python3: it does not look for modules beside the notebook first.
    others = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(SETTINGS), others] if others else [str(SETTINGS)])
    if hasattr(signal, "SIGHUP"):  # the terminal has been closed; JupyterLab ends its kernels at SIGTERM
        signal.signal(signal.SIGHUP, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(settings(place, *arguments[bool(folder) :]))


if __name__ == "__main__":
    use_utf8()
    main(sys.argv[1:])
