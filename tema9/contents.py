"""The notebooks as JupyterLab's server hands them out: a notebook that was only opened has nothing to be saved.

JupyterLab writes into an open notebook which Python its kernel runs. The notebooks of the course name none, since they
are for every version, so that each would be unsaved as soon as it is open.
"""

from typing import Any

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class Contents(AsyncLargeFileManager):
    """Jupyter's own files, with this Python named in every notebook of Python's; `tema9.lab` turns it on."""

    async def get(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The model of a file or folder, as Jupyter's contents API has it."""
        model = await super().get(*args, **kwargs)
        if model["type"] == "notebook" and model["content"]:
            metadata = model["content"]["metadata"]
            if metadata.get("language_info", {}).get("name") == "python":
                metadata["language_info"] = dict(IPythonKernel.language_info)
        return model
