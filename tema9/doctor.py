"""The check of a student's machine: what it has for the course, what is missing and how to put it right.

python -m tema9.doctor [FOLDER]
"""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tema9 import hardware, outline
from tema9.arithmetic import spanish
from tema9.streams import use_utf8
from tema9.tables import Table

GIB = 2**30
LEAST_MEMORY, LEAST_DISK = 3 * GIB, GIB // 2
PACKAGES = ("torch", "torchvision", "jupyterlab", "nbgrader", "ipykernel", "ipywidgets", "ipycanvas", "matplotlib")
INSTALL = f"{Path(sys.executable).name} -m pip install ."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and, where it is not right, how to put it right.

    name: what was looked at. there: what was found. right: whether it will do.
    fix: how to put it right.
    needed: whether the course does not work without it.
    """

    name: str
    there: str
    right: bool = True
    fix: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "✔" if self.right else "✘" if self.needed else "–"
        return f"{mark} {self.name}: {self.there}" + ("" if self.right else f". {self.fix}")


def examine(folder: str | Path) -> list[Finding]:
    """Look at everything that a student needs; `folder` is where the notebooks are."""
    return [python(), packages(), machine(), gpu(), kernel(), writable(folder), disk(folder), language()]


def python() -> Finding:
    """Whether the version of Python is one of those that the course supports."""
    version = ".".join(map(str, sys.version_info[:3]))
    right = (3, 11) <= sys.version_info[:2] < (3, 15)
    return Finding("Python", version, right, "Hace falta 3.11, 3.12, 3.13 o 3.14: haz con una de ellas otro entorno")


def packages() -> Finding:
    """Whether the packages that the notebooks need are installed, with their versions."""
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    there = f"falta {', '.join(missing)}" if missing else ", ".join(versions)
    return Finding("paquetes", there, not missing, f"Instala en este entorno: {INSTALL}")


def machine() -> Finding:
    """The cores and the memory, and whether enough memory is free for a notebook."""
    available = hardware.available_memory()
    there = f"{hardware.cores()} núcleos, {_gib(hardware.memory())} de memoria, {_gib(available)} libres"
    fix = "Cierra otros programas: un cuaderno usa hasta 2 GiB"
    return Finding("máquina", there, available >= LEAST_MEMORY, fix, needed=False)


def gpu() -> Finding:
    """The device that PyTorch would choose; the course needs no GPU, so that any device is right."""
    try:
        import torch

        from tema9.machine import choose

        chosen = choose()
    except Exception as error:  # a broken installation of torch fails in many ways
        return Finding("GPU", f"PyTorch no responde ({type(error).__name__})", False, f"Reinstálalo: {INSTALL}")
    if chosen.device.type == "cuda":
        name = torch.cuda.get_device_name(chosen.device)
    else:
        name = {"mps": "la de Apple (MPS)"}.get(chosen.device.type, "ninguna, y no hace falta")
    return Finding("GPU", f"{name}; se calcula en {chosen.precision}")


def kernel() -> Finding:
    """Whether Jupyter's kernel python3 runs the Python that is running now."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    fix = f"Regístralo: {Path(sys.executable).name} -m ipykernel install --sys-prefix"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("núcleo de Jupyter", "no hay ninguno que se llame python3", False, fix)
    command = shutil.which(spec.argv[0]) or spec.argv[0]
    # Jupyter itself takes the Python that it runs in where the kernel's says no more than `python`.
    here = Path(spec.argv[0]).name == spec.argv[0] or os.path.samefile(command, sys.executable)
    return Finding("núcleo de Jupyter", "python3" if here else f"python3 es {command}, otro Python", here, fix)


def writable(folder: str | Path) -> Finding:
    """Whether files can be written in the folder of the notebooks and in that of temporary files."""
    for place in (Path(folder), Path(tempfile.gettempdir())):
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            fix = "Copia los cuadernos a una carpeta tuya"
            return Finding("carpetas", f"no se puede escribir en {place} ({error.strerror})", False, fix)
    return Finding("carpetas", f"se puede escribir en {Path(folder).resolve()}")


def disk(folder: str | Path) -> Finding:
    """Whether enough space is free on the disk of the notebooks."""
    free = shutil.disk_usage(folder).free
    return Finding("disco", f"{_gib(free)} libres", free >= LEAST_DISK, "Haz sitio: los cuadernos se guardan ahí")


def language() -> Finding:
    """Whether JupyterLab has its Spanish translation."""
    there = importlib.util.find_spec("jupyterlab_language_pack_es_ES") is not None
    fix = f"Para que sea español: {Path(sys.executable).name} -m pip install jupyterlab-language-pack-es-ES"
    return Finding("idioma de JupyterLab", "español" if there else "inglés", there, fix, needed=False)


def summary() -> Table:
    """A table with the minutes that each notebook takes a student, and the seconds that it takes a machine to run."""
    rows = tuple((one.title, str(one.minutes), spanish(one.seconds)) for one in outline.notebooks().values())
    note = f"Tu máquina: {machine().there}. GPU: {gpu().there}."
    return Table(("cuaderno", "minutos tuyos", "segundos con 2 núcleos, sin GPU"), rows, (1, 2), note)


def _gib(count):
    return f"{spanish(count / GIB, 1)} GiB"


def say(findings: Iterable[Finding]) -> int:
    """Print the findings; return the exit code, which is 1 if something that is needed is wrong."""
    for finding in findings:
        print(finding)
    return int(any(finding.needed and not finding.right for finding in findings))


def main(arguments: Sequence[str]) -> int:
    """Examine this machine for the notebooks of a folder, by default those of the bundle; return the exit code."""
    here = Path("notebooks") if Path("notebooks").is_dir() else Path(".")
    return say(examine(arguments[0] if arguments else here))


if __name__ == "__main__":
    use_utf8()
    sys.exit(main(sys.argv[1:]))
