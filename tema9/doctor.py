"""The check of a student's machine: what it has for the course, what is missing and how to put it right.

python -m tema9.doctor [FOLDER]
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tema9 import files, front_ends, hardware, imports, lab, outline
from tema9.arithmetic import spanish
from tema9.streams import use_utf8
from tema9.tables import Table

GIB = 2**30
LEAST_MEMORY, LEAST_DISK = 3 * GIB, GIB // 2
PACKAGES = ("torch", "torchvision", "jupyterlab", "nbgrader", "ipykernel", "ipywidgets", "ipycanvas", "matplotlib")
OF_JUPYTERLAB = ("jupyterlab", "nbgrader", "ipycanvas")  # and of what is in it alone
HELP = """uso: python -m tema9.doctor [CARPETA]

Mira si a esta máquina le falta algo para el curso y dice cómo se arregla: ✔ está bien, ✘ hace falta, – conviene.

CARPETA  donde están los cuadernos; sin ella, la carpeta notebooks o esta"""
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
    looks: dict[str, Callable[[], Finding]] = {
        "Python": python,
        "paquetes": packages,
        "ficheros": lambda: own_files(folder),
        "máquina": machine,
        "GPU": gpu,
        "núcleo de Jupyter": kernel,
        "carpetas": lambda: writable(folder),
        "carpeta personal": home,
        "disco": lambda: disk(folder),
        "idioma de JupyterLab": language,
    }
    return [_looked(name, look) for name, look in looks.items()]


def _looked(name, look):
    """The finding of `look`; what cannot even be looked at is a finding too."""
    try:
        return look()
    except Exception as error:  # a broken machine is what is looked for, and it breaks in many ways
        there = f"no se puede mirar ({type(error).__name__}: {' '.join(str(error).split())})"
        return Finding(name, there, False, f"Si no sabes por qué, haz otro entorno e instala en él: {INSTALL}")


def python() -> Finding:
    """Whether the version of Python is one of those that the course supports."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 13) <= sys.version_info[:3] < (3, 13, 8):  # CPython's issue 132744
        fix = "Con una función que se llama a sí misma sin fin ocupa toda la memoria: mejor 3.13.8 o una posterior"
        return Finding("Python", version, False, fix, needed=False)
    right = (3, 11) <= sys.version_info[:2] < (3, 15)
    return Finding("Python", version, right, "Hace falta 3.11, 3.12, 3.13 o 3.14: haz con una de ellas otro entorno")


def packages() -> Finding:
    """Whether the packages that the notebooks need are installed, with their versions."""
    versions, missing = [], []
    elsewhere = bool(front_ends.place())  # VS Code, Colab and Kaggle open notebooks themselves
    for name in PACKAGES:
        if elsewhere and name in OF_JUPYTERLAB:
            continue
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


def own_files(folder: str | Path) -> Finding:
    """Whether files beside the notebooks hide modules."""
    files = imports.hiding(folder)
    return Finding(
        "ficheros", imports.advice(files) or "ninguno se llama como un módulo", not files, "Reinicia después"
    )


def kernel() -> Finding:
    """Whether Jupyter's kernel python3 runs the Python that is running now."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name, register = "núcleo de Jupyter", f"{Path(sys.executable).name} -m ipykernel install --sys-prefix"
    specs = KernelSpecManager()
    try:
        spec = specs.get_kernel_spec("python3")
        command = str(spec.argv[0])
    except NoSuchKernel:
        return Finding(name, "no hay ninguno que se llame python3", False, f"Regístralo: {register}")
    except Exception as error:  # its kernel.json may hold anything
        place = specs.find_kernel_specs().get("python3", "python3")
        said = f"no se entiende {Path(place) / 'kernel.json'} ({type(error).__name__})"
        return Finding(name, said, False, f"Borra la carpeta {place} y regístralo: {register}")
    # Jupyter itself takes the Python that it runs in where the kernel's says no more than `python`.
    if Path(command).name == command and re.fullmatch(r"python[\d.]*", command):
        return Finding(name, "python3")
    fix = f"Borra la carpeta {spec.resource_dir} y regístralo: {register}"
    found = shutil.which(command)
    if found is None:
        return Finding(name, f"python3 es {command}, que no está o no se puede ejecutar", False, fix)
    here = os.path.samefile(found, sys.executable)
    return Finding(name, "python3" if here else f"python3 es {found}, otro Python", here, fix)


def writable(folder: str | Path) -> Finding:
    """Whether the folder of the notebooks is there, and files can be written in it and in that of temporary files."""
    name = "carpetas"
    if not Path(folder).is_dir():
        there = f"{folder} no es una carpeta" if os.path.lexists(folder) else f"no está la carpeta {folder}"
        return Finding(name, there, False, "Da la de los cuadernos: la que tiene 0_empieza_aqui.ipynb")
    for place in (folder, tempfile.gettempdir()):
        if problem := files.not_writable(place):
            return Finding(name, problem, False, "Copia los cuadernos a una carpeta tuya")
    return Finding(name, f"se puede escribir en {Path(folder).resolve()}")


def home() -> Finding:
    """Whether JupyterLab's files can be written where it keeps those of its user, which `tema9.lab` does not need."""
    name, problems = "carpeta personal", lab.unwritable()
    if problems:
        fix = "`tema9.lab` usa una temporal: lo que ajustes en JupyterLab se pierde al cerrarlo; los cuadernos, no"
        return Finding(name, next(iter(problems.values())), False, fix, needed=False)
    temporary = [
        str(folder) for folder in lab.personal_folders().values() if folder.parent.name.startswith(lab.TEMPORARY)
    ]
    if temporary:
        there = f"no se puede escribir en ella, y JupyterLab usa {Path(temporary[0]).parent}"
        return Finding(
            name, there, False, "Lo que ajustes en JupyterLab se pierde al cerrarlo; los cuadernos, no", False
        )
    return Finding(name, "se puede escribir en ella")


def disk(folder: str | Path) -> Finding:
    """Whether enough space is free on the disk of the notebooks."""
    there = next(place for place in (Path(folder).absolute(), *Path(folder).absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
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
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    here = Path("notebooks") if Path("notebooks").is_dir() else Path(".")
    return say(examine(arguments[0] if arguments else here))


if __name__ == "__main__":
    use_utf8()
    sys.exit(main(sys.argv[1:]))
