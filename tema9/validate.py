"""The answer of nbgrader's Validate button in a student's JupyterLab: the state of each exercise, in Spanish.

This is a Jupyter server extension, which `tema9.lab` turns on in the place of nbgrader's. The dialog is nbgrader's
own: it shows a heading and HTML for each cell that failed, between sentences in English, which the HTML hides.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from nbgrader.server_extensions.validate_assignment.handlers import NbGraderVersionHandler, ValidateAssignmentHandler
from tornado import ioloop, web

from tema9 import imports, progress

STYLE = """<style>
.jp-Dialog-header, #validation-message > div:first-child { display: none; }
#validation-message pre { white-space: normal; background: none; border: none; padding: 0; margin: 0; }
#validation-message pre, #validation-message td { font-family: var(--jp-ui-font-family); }
#validation-message > .jp-RenderedText:nth-child(2) pre { font-size: var(--jp-ui-font-size3); margin: 0 0 .8rem; }
#validation-message table { border-collapse: collapse; width: 40rem; max-width: 100%; }
#validation-message td { border-top: 1px solid var(--jp-border-color2); padding: .3rem .8rem .3rem 0; }
#validation-message td { vertical-align: top; text-align: left; }
#validation-message code { white-space: nowrap; font-size: var(--jp-code-font-size); }
#validation-message td:last-child { width: 100%; padding-right: 0; }
</style>"""
COLOURS = {"right": "--jp-success-color0", "wrong": "--jp-error-color0", "missing": "--jp-error-color0"}


def answer(results: Sequence[progress.Result], advice: str = "") -> dict[str, Any]:
    """The answer for the dialog, from the state of each exercise of a notebook.

    Args:
        results: the states.
        advice: about the folder of the notebook, a sentence without its full stop.
    """
    tested = [result for result in results if not result.exercise.by_hand]
    right = [result for result in tested if result.state == "right"]
    prose = [result for result in results if result.exercise.by_hand]
    written = [result for result in prose if result.state == "written"]
    of = sum(result.exercise.points for result in tested)
    heading = (
        f"{len(right)} de {len(tested)} ejercicios correctos: {sum(result.points for result in right)} de {of} puntos"
    )
    rows = "".join(map(_row, results))
    notes = ["Al corregir se comprueban más casos."]
    if prose:
        waiting = sum(result.exercise.points for result in prose)
        notes.append(f"Respuestas escritas: {len(written)} de {len(prose)}; sus {waiting} puntos los pone una persona.")
    if advice:
        notes.append(f"{advice}.")
    return _dialog(heading, f"<table>{rows}</table><p>{escape(' '.join(notes))}</p>")


def _row(result):
    colour = COLOURS.get(result.state, "--jp-ui-font-color2")
    mark = f'<td style="color: var({colour})">{progress.MARKS[result.state]}</td>'
    return f"<tr>{mark}<td><code>{result.exercise.name}</code></td><td>{escape(result.message)}</td></tr>"


def _dialog(heading, html):
    return {"success": True, "value": {"failed": [{"source": heading, "error": STYLE + html}]}}


def validate(path: str | Path) -> dict[str, Any]:
    """Examine a notebook file and return the answer for the dialog."""
    try:
        return answer(progress.examine(path), imports.advice(imports.hiding(Path(path).parent)))
    except (OSError, ValueError) as error:
        return _dialog("No hay nada que validar", f"<p>{escape(str(error))}.</p>")


class Handler(ValidateAssignmentHandler):
    """nbgrader's handler with the answer of this module, which does not stop the server while it is worked out."""

    def validate_notebook(self, path: str) -> dict[str, Any]:
        """Examine a notebook that lies in JupyterLab's folder."""
        root = Path(self.root_dir).resolve()
        target = (root / path).resolve()
        if not target.is_relative_to(root):
            raise web.HTTPError(403, "la ruta sale de la carpeta de JupyterLab")
        return validate(target)

    @web.authenticated
    async def post(self) -> None:
        """Answer the button."""
        path = self.get_argument("path", None) or self.get_json_body()["path"]
        self.finish(await ioloop.IOLoop.current().run_in_executor(None, self.validate_notebook, path))


def _jupyter_server_extension_points():
    return [{"module": "tema9.validate"}]


def _load_jupyter_server_extension(server):
    settings = server.web_app.settings
    settings["root_dir"] = server.root_dir  # where nbgrader's handler looks for it
    base = settings["base_url"].rstrip("/")
    server.web_app.add_handlers(
        ".*$",
        [(f"{base}/assignments/validate", Handler), (f"{base}/nbgrader_version", NbGraderVersionHandler)],
    )
