"""What a teacher's machine needs beyond a student's: the sandbox, the gradebook's folder, a browser."""

import importlib.util
import os
from pathlib import Path

from tema9.classroom.lecture import browser
from tema9.classroom.sandbox import sandbox
from tema9.doctor import Finding


def examine(course) -> list[Finding]:
    """Look at what a teacher needs; `course` is the course folder, which may not be there yet."""
    return [isolation(), folder(course), sources(), chromium()]


def isolation():
    reasons = {
        "": "bubblewrap, sin red y sin nada del curso a la vista",
        sandbox.REASONS["missing"]: "no hay bubblewrap",
    }
    reason = sandbox.why_not()
    if reason == sandbox.REASONS["system"]:
        there = "corregir pide Linux, y lo demás no"
        fix = "En Windows, corrige en WSL; en macOS, en un contenedor o una máquina con Linux"
        return Finding("aislamiento", there, False, fix, needed=False)
    there = reasons.get(reason, "bubblewrap no puede aislar en esta máquina")
    fix = (
        "Instálalo (apt install bubblewrap) y permite los espacios de nombres de usuario; sin él solo se corrige con"
        " --no-sandbox, con tus permisos"
    )
    return Finding("aislamiento", there, not reason, fix)


def folder(course):
    above = next(place for place in (Path(course).resolve(), *Path(course).resolve().parents) if place.is_dir())
    right = os.access(above, os.W_OK)
    there = f"se puede escribir en {above}" if right else f"no se puede escribir en {above}"
    return Finding("carpeta del curso", there, right, "Da otra carpeta, una tuya")


def sources():
    right = importlib.util.find_spec("jupytext") is not None
    there = "jupytext abre solutions/*.py como cuadernos" if right else "falta jupytext"
    return Finding("fuentes", there, right, "Instálalo: pip install jupytext")


def chromium():
    fix = "Solo lo piden las pruebas de navegador, la visita y los PDF: apt install chromium, pip install playwright"
    try:
        return Finding("navegador", browser.require())
    except browser.NoBrowser:
        there = "no está Playwright" if browser.find() else "no hay Chromium"
        return Finding("navegador", there, False, fix, needed=False)
