"""What a teacher's machine needs beyond a student's: the sandbox, the course folder, jupytext and a browser."""

import importlib.util
import os
from pathlib import Path

from tema9.classroom.lecture import browser
from tema9.classroom.sandbox import sandbox
from tema9.doctor import Finding


def examine(course: str | Path) -> list[Finding]:
    """Look at all that a teacher needs, and return what was found.

    Args:
        course: the course folder, which need not exist yet.
    """
    return [isolation(), folder(course), sources(), chromium()]


def isolation() -> Finding:
    """Look whether this machine can run students' code in the sandbox."""
    reasons = {
        "": f"bubblewrap, sin red y sin nada del curso a la vista; cada entrega, separada de las demás{_as_root()}",
        sandbox.REASONS["missing"]: "no hay bubblewrap",
    }
    reason = sandbox.why_not()
    if reason == sandbox.REASONS["system"]:
        found = "corregir pide Linux, y lo demás no"
        fix = "En Windows, corrige en WSL; en macOS, en un contenedor o una máquina con Linux"
        return Finding("aislamiento", found, False, fix, needed=False)
    found = reasons.get(reason, f"bubblewrap no puede aislar en esta máquina: {reason.partition(': ')[2]}")
    fix = (
        f"Instálalo (apt install bubblewrap) y permite los espacios de nombres de usuario (en Ubuntu: {sandbox.ALLOW});"
        " sin él solo se corrige con --no-sandbox, con tus permisos"
    )
    return Finding("aislamiento", found, not reason, fix)


def _as_root():
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return ". Eres root, y una entrega lee también lo que en las carpetas de Python solo lee root: mejor sin serlo"
    return ""


def folder(course: str | Path) -> Finding:
    """Look whether the course folder, or the nearest folder above it that exists, can be written."""
    wanted = Path(course).resolve()
    above = next(path for path in (wanted, *wanted.parents) if path.is_dir())
    right = os.access(above, os.W_OK)
    found = f"se puede escribir en {above}" if right else f"no se puede escribir en {above}"
    return Finding("carpeta del curso", found, right, "Da otra carpeta, una tuya")


def sources() -> Finding:
    """Look whether JupyterLab can open the sources as notebooks, for which it needs jupytext."""
    right = importlib.util.find_spec("jupytext") is not None
    found = "jupytext abre solutions/*.py como cuadernos" if right else "falta jupytext"
    return Finding("fuentes", found, right, "Instálalo: pip install jupytext")


def chromium() -> Finding:
    """Look for a browser that can be driven, which not every teacher needs."""
    fix = "Solo lo piden las pruebas de navegador, la visita y los PDF: apt install chromium, pip install playwright"
    try:
        return Finding("navegador", browser.require())
    except browser.NoBrowser:
        found = "no está Playwright" if browser.find() else "no hay Chromium"
        return Finding("navegador", found, False, fix, needed=False)
