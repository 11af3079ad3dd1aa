"""Where a notebook runs, and what it needs there: JupyterLab, Notebook, VS Code, Colab or Kaggle.

Colab and Kaggle have a Python of their own, in which only the package of the course is installed (`pip install
--no-deps`), so that nothing of theirs is replaced. What is missing then is named with the line that installs it.
"""

import importlib.util
import os
import sys

# What the notebooks import: the module, and the package that brings it. JupyterLab and nbgrader are not among them.
NEEDED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "matplotlib": "matplotlib",
    "mlxtend": "mlxtend",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "safetensors": "safetensors",
    "tqdm": "tqdm",
    "ipywidgets": "ipywidgets",
    "psutil": "psutil",
}


def place() -> str:
    """Where this kernel runs: "colab", "kaggle", "vscode", or "" for Jupyter's own front ends and for a terminal."""
    if "google.colab" in sys.modules:
        return "colab"
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
        return "kaggle"
    return "vscode" if {"VSCODE_PID", "VSCODE_CWD"} & os.environ.keys() else ""


def missing() -> list[str]:
    """The packages that the notebooks need and that this Python lacks, as pip calls them."""
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]


def advice(packages: list[str]) -> str:
    """What to do about missing packages, in one line in Spanish; "" if there are none."""
    if not packages:
        return ""
    what = "falta un paquete" if len(packages) == 1 else f"faltan {len(packages)} paquetes"
    return f"{what}: ejecuta en una celda `%pip install --quiet {' '.join(packages)}` y después esta otra vez"


def prepare() -> None:
    """Let Colab show widgets that are not its own, such as the pad on which a digit is drawn."""
    if place() == "colab":
        sys.modules["google.colab"].output.enable_custom_widget_manager()
