"""The zip that students receive: the notebooks, and their side of the package `tema9`, which pip can install."""

import datetime
import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

from tema9 import __version__, update
from tema9.classroom import sources
from tema9.files import atomic_write

FOLDER = "tema9-estudiantes"
# The instructor's side of the package. It holds no answers, but students have no use for it.
INSTRUCTORS = ("classroom", "cli", "__main__.py")
INSTRUCTORS_DEPENDENCIES = (
    "jupytext", "nbformat", "nbconvert", "jupyter-client", "jinja2", "rapidfuzz", "openpyxl", "typer", "rich"
)  # fmt: skip
ALWAYS_BINARY = (".safetensors",)

PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "tema9"
version = "{version}"
description = "Tema 9: AlexNet y ZFNet. El paquete de los cuadernos"
requires-python = "{python}"
dependencies = [
{dependencies}
]

[tool.setuptools.packages.find]
include = ["tema9*"]

[tool.setuptools.package-data]
tema9 = [{data}]
"""

ENVIRONMENT = """name: tema9
channels:
  - conda-forge
dependencies:
  - python{python}
{torch}
  - pip
  - pip:
      - .
"""


def files(root: str | Path = sources.ROOT, tell_hints: bool = False) -> dict[str, bytes]:
    """Return {path in the zip: bytes} of the files that students receive, in the order of the paths.

    Args:
        root: the folder of the repository.
        tell_hints: whether a student's notebook tells how many hints it has shown; `tema9.hint` then says so.

    Raises:
        FileNotFoundError: the notebooks are not built.
    """
    root = Path(root)
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    wanted = {sources.START, *(source.name for source in sources.all_sources())}
    missing = wanted - {path.stem for path in notebooks}
    if missing:
        raise FileNotFoundError(f"notebooks/ has no {', '.join(sorted(missing))}; run `tema9 notebooks` first")
    found = {f"notebooks/{path.name}": _content(path) for path in notebooks}
    found[update.RELEASED] = update.released({path.stem: _content(path) for path in notebooks})
    found["LICENSE"] = _content(root / "LICENSE")
    found["LEEME.md"] = _content(Path(__file__).with_name("LEEME.md"))
    for path in (root / "tema9").rglob("*"):
        inside = path.relative_to(root / "tema9")
        hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
        if path.is_file() and not hidden and inside.parts[0] not in INSTRUCTORS:
            found[f"tema9/{inside.as_posix()}"] = _content(path)
    if tell_hints:
        hints = json.loads(found["tema9/hints.json"]) | {"told": True}
        found["tema9/hints.json"] = (json.dumps(hints, indent=1, ensure_ascii=False) + "\n").encode()
    return dict(sorted((found | _settings(root)).items()))


def _settings(root):
    """The files pyproject.toml and environment.yml of the zip, made from the repository's pyproject.toml."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    project = settings["project"]
    globs = settings["tool"]["setuptools"]["package-data"]["tema9"]
    kept = [line for line in project["dependencies"] if not line.startswith(INSTRUCTORS_DEPENDENCIES)]
    text = PYPROJECT.format(
        version=__version__,
        python=project["requires-python"],
        dependencies="\n".join(f'    "{line}",' for line in kept),
        data=", ".join(f'"{glob}"' for glob in globs if not glob.startswith(INSTRUCTORS)),
    )
    # PyTorch from conda, which takes the one without GPU where there is none; the rest asks nothing of the machine.
    torch = [
        f"  - py{line}" if line.startswith("torch>") else f"  - {line}" for line in kept if line.startswith("torch")
    ]
    environment = ENVIRONMENT.format(python=project["requires-python"], torch="\n".join(torch))
    return {"pyproject.toml": text.encode(), "environment.yml": environment.encode()}


def _content(path):
    """The bytes of a file; the lines of a text end in the same way on every system."""
    content = path.read_bytes()
    return content if path.suffix in ALWAYS_BINARY else content.replace(b"\r\n", b"\n")


def _date(root):
    """The date of every file in the zip: that of the last commit, so that two zips of one version are the same bytes.

    Where there is no git, the date of the youngest file in the folder of the notebooks.
    """
    git = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        seconds = int(subprocess.run(git, capture_output=True, check=True, text=True).stdout)
    except (OSError, ValueError, subprocess.CalledProcessError):
        seconds = max(int(path.stat().st_mtime) for path in (Path(root) / "notebooks").iterdir())
    day = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return (day.year, day.month, day.day, 0, 0, 0)  # at midnight: in no time zone a date to come, or hardly


def bundle(path: str | Path, root: str | Path = sources.ROOT, tell_hints: bool = False) -> list[str]:
    """Write the zip that students receive, and return the paths of the files in it.

    Args:
        path: the path of the zip.
        root: the folder of the repository.
        tell_hints: whether a student's notebook tells how many hints it has shown; `tema9.hint` then says so.

    Raises:
        FileNotFoundError: the notebooks are not built.
    """
    content, date = files(root, tell_hints), _date(root)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", date)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, on whatever system the zip is made
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return list(content)
