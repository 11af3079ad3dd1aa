"""A new version of the course brought into a student's folder: new texts and tests, and every answer kept.

python -m tema9.update ZIP [FOLDER]

A cell is recognised by its identifier. What it was when it was released is in `released.json`, which is made with the
zip, so that a change of the student's is told from a change of the course's.
"""

import hashlib
import json
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tema9 import lab, outline
from tema9.files import atomic_write
from tema9.streams import use_utf8

RELEASED = "tema9/released.json"  # {notebook: {identifier of a cell: digest of its text}}
START = f"notebooks/{outline.START}.ipynb"
OLD = "*Tu versión anterior de la celda de arriba, que ha cambiado en el curso:*"
GONE = "*Esto lo escribiste tú en una celda que ya no está en el curso:*"
HELP = """uso: python -m tema9.update ZIP [CARPETA]

Pone en tu carpeta los textos y las pruebas de una versión nueva del curso y conserva todas tus respuestas.
Guarda antes los cuadernos y cierra JupyterLab. Lo que había queda en una carpeta copia-FECHA.

ZIP      el fichero nuevo del aula virtual, o la carpeta en que se ha descomprimido
CARPETA  la de tu curso; sin ella, esta"""


@dataclass
class Merged:
    """A student's notebook in the new version.

    content: of the file. answers: how many answers of the student's were kept. new: how many cells of the course are
    new or have another text. kept: how many other cells of the student's were kept.
    """

    content: bytes
    answers: int = 0
    new: int = 0
    kept: int = 0

    def __str__(self) -> str:
        parts = (
            (self.answers, "respuesta conservada", "respuestas conservadas"),
            (self.kept, "celda tuya conservada", "celdas tuyas conservadas"),
            (self.new, "celda del curso nueva o cambiada", "celdas del curso nuevas o cambiadas"),
        )
        said = [f"{number} {one if number == 1 else several}" for number, one, several in parts if number]
        return ", ".join(said) or "sin cambios"


@dataclass
class Update:
    """What an update writes: `files` by their paths, and `said`, what it does, a line in Spanish for each notebook."""

    files: dict[Path, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def released(notebooks: Mapping[str, bytes]) -> bytes:
    """The file `released.json` for the notebooks of a release, by name."""
    found = {
        name: {_name(cell): _digest(_text(cell)) for cell in json.loads(content)["cells"]}
        for name, content in notebooks.items()
    }
    return json.dumps(found, indent=1).encode()


def read(source: str | Path) -> dict[str, bytes]:
    """The files of a release by their paths in it, from its zip or from the folder in which it was unpacked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a zip of the course.
    """
    source = Path(source)
    if source.is_dir():
        top = folder_of(source)
        paths = (path for path in top.rglob("*") if path.is_file() and ".venv" not in path.parts)
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}
    try:
        with zipfile.ZipFile(source) as archive:
            found = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"{source.name} no se puede leer como zip ({error}); descárgalo otra vez") from None
    tops = [name.removesuffix(START) for name in found if name == START or name.endswith(f"/{START}")]
    if not tops:
        raise ValueError(f"{source.name} no es el zip del curso: no tiene {START}")
    first = min(tops, key=len)
    found = {name.removeprefix(first): content for name, content in found.items() if name.startswith(first)}
    if unsafe := [name for name in found if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
        raise ValueError(f"{source.name} no es el zip del curso: tiene {unsafe[0]}")
    return found


def folder_of(source: str | Path) -> Path:
    """The folder of an unpacked release: the one that is given, or one in it.

    Raises:
        ValueError: there is none.
    """
    for place in (Path(source), *sorted(Path(source).iterdir())):
        if (place / START).is_file():
            return place
    raise ValueError(f"{source} no es la carpeta del curso: no tiene {START}")


def merge(mine: bytes, new: bytes, before: Mapping[str, str]) -> Merged:
    """Put what a student has written into the new version of a notebook.

    Args:
        mine: the student's file.
        new: the file of the new version.
        before: the digests of the cells as the student received them, by identifier; {} if they are not known, and
            then only answers and added cells count as the student's.

    Raises:
        ValueError: the student's file is no notebook.
    """
    try:
        cells = json.loads(mine)["cells"]
        texts = [_text(cell) for cell in cells]
        # Some front ends take the identifiers away; the text says then which cell of the course it is.
        by_text = {digest: name for name, digest in before.items()} | {
            _digest(_text(cell)): _name(cell) for cell in json.loads(new)["cells"]
        }
        names = [_name(cell) or by_text.get(_digest(text), "") for cell, text in zip(cells, texts, strict=True)]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("no es un cuaderno que se pueda leer") from None
    theirs = defaultdict(list)
    for place, name in enumerate(names):
        theirs[name].append(place)
    notebook = json.loads(new)
    known = {_name(cell) for cell in notebook["cells"]}
    result = Merged(new)
    placed: dict[int, list[dict]] = {}  # the new cells that stand where the student's cell number ... stood
    at = -1
    for cell in notebook["cells"]:
        name, text = _name(cell), _text(cell)
        places = theirs.get(name, [])
        written = [place for place in places if texts[place] != text and _is_changed(texts[place], name, cell, before)]
        is_locked = cell["metadata"].get("nbgrader", {}).get("locked", False)
        is_answer = cell["metadata"].get("nbgrader", {}).get("solution", False)
        added: list[dict] = []
        shown = cell
        if not places:
            result.new += 1
        elif written and not is_locked and (is_answer or before.get(name) == _digest(text)):
            shown = _with(cell, cells[written[-1]])
            added = [_own(cells[place]) for place in written[:-1]]
            result.answers += is_answer
            result.kept += len(written) - is_answer
        else:
            result.new += all(texts[place] != text for place in places)
            if texts[places[-1]] == text:
                shown = _with(cell, cells[places[-1]])
            if written:
                added = [_note(OLD), *(_own(cells[place]) for place in written)]
                result.kept += len(written)
        at = max([at, *places])
        placed.setdefault(at, []).extend([shown, *added])
    for place, cell in enumerate(cells):  # what only the student has
        name = names[place]
        if name in known or not texts[place].strip():
            continue
        if name not in before and not _is_released(name):
            placed.setdefault(place, []).insert(0, cell if cell.get("id") else _own(cell))
            result.kept += 1
        elif name in before and before[name] != _digest(texts[place]):
            placed.setdefault(place, [])[:0] = [_note(GONE), _own(cell)]
            result.kept += 1
    merged = [cell for place in sorted(placed) for cell in placed[place]]
    if [_plain(cell) for cell in merged] == [_plain(cell) for cell in cells]:
        result.content = mine  # nothing is new but, perhaps, the layout of the file
    elif merged != notebook["cells"]:
        notebook["cells"] = merged
        result.content = (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
    return result


def _name(cell):
    """What a cell is recognised by: nbgrader's identifier, or that of Jupyter."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id") or cell.get("id") or ""


def _text(cell):
    return "".join(cell["source"])


def _plain(cell):
    """A cell with its text in one piece; a file has it in one piece or in lines."""
    return cell | {"source": _text(cell)}


def _digest(text):
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _is_released(name):
    """Whether an identifier is one of those that the course gives: n, the number of the notebook, and a hyphen."""
    head, hyphen, _ = name.partition("-")
    return bool(hyphen) and head[:1] == "n" and head[1:].isdigit()


def _is_changed(text, name, cell, before):
    """Whether the student has changed a cell: it differs from the release, if that is known."""
    if name in before:
        return before[name] != _digest(text)
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def _with(cell, mine):
    """A cell of the new version with the text and the outputs of the student's."""
    kept = {key: mine[key] for key in ("source", "attachments") if key in mine}
    if cell["cell_type"] == "code":
        kept |= {"outputs": mine.get("outputs", []), "execution_count": mine.get("execution_count")}
        kept.pop("attachments", None)
    layout = {key: value for key, value in mine["metadata"].items() if key != "nbgrader"}
    return cell | kept | {"metadata": layout | cell["metadata"]}


def _own(cell):
    """A student's cell that is no longer one of the course's."""
    return {key: value for key, value in cell.items() if key not in ("id", "metadata")} | {
        "id": "mio-" + hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:8],
        "metadata": {},
    }


def _note(text):
    name = hashlib.sha256(text.encode()).hexdigest()[:4]
    return {"cell_type": "markdown", "id": f"nota-{name}-{time.time_ns():x}", "metadata": {}, "source": [text]}


def plan(files: Mapping[str, bytes], notebooks: str | Path) -> Update:
    """Work out what an update writes; nothing is written yet.

    Args:
        files: of the new version, as `read` returns them.
        notebooks: the folder of the student's notebooks.

    Raises:
        ValueError: the new version has no readable notebook.
    """
    notebooks = Path(notebooks)
    root = notebooks.parent if (notebooks.parent / "tema9").is_dir() else None
    before = _before(root)
    made = Update()
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.parts[0] != "notebooks":
            if root is not None:
                made.files[root / path] = content
            continue
        mine = notebooks / path.name
        if path.suffix == ".ipynb" and mine.exists():
            try:
                merged = merge(mine.read_bytes(), content, before.get(path.stem, {}))
            except ValueError as error:
                made.said.append(f"✘ {mine.name}: {error}; se queda como está")
                continue
            content = merged.content
            made.said.append(f"✔ {mine.name}: {merged}")
        else:
            made.said.append(f"✔ {mine.name}: nuevo")
        made.files[mine] = content
    made.files = {path: content for path, content in made.files.items() if _differs(path, content)}
    return made


def _before(root):
    """The digests of the student's release: those of the folder, or else of this package; {} if there are none."""
    package = Path(__file__).parent.parent
    for place in filter(None, (root, package)):
        try:
            return json.loads((place / RELEASED).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return {}


def _differs(path, content):
    try:
        return path.read_bytes() != content
    except OSError:
        return True


def carry_out(update: Update, home: str | Path) -> Path | None:
    """Copy all that is going to change, and then write the files of an update.

    Args:
        update: what to write.
        home: the folder in which the folder of the copies is made; the paths of the files begin with it.

    Returns:
        the folder of the copies; None if no file was there before.
    """
    home = Path(home)
    there = [path for path in update.files if path.is_file()]
    copies = home / f"copia-{time.strftime('%Y-%m-%d-%H%M%S')}"
    for path in there:
        with atomic_write(copies / path.relative_to(home)) as temporary:
            temporary.write_bytes(path.read_bytes())
    for path, content in update.files.items():
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    return copies if there else None


def install(source: str | Path) -> bool:
    """Install the package of the new version in this Python with pip; return whether that went well."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(source)]
    return subprocess.call(command) == 0


def main(arguments: Sequence[str]) -> int:
    """Update a student's folder as `python -m tema9.update` does; return the exit code."""
    if not arguments or {"-h", "--help"} & set(arguments) or len(arguments) > 2:
        print(HELP)
        return 0 if {"-h", "--help"} & set(arguments) else 2
    try:
        source = Path(arguments[0]).resolve()
        files = read(source)
        notebooks = _notebooks(arguments[1:])
        update = plan(files, notebooks)
        home = notebooks.parent if (notebooks.parent / "tema9").is_dir() else notebooks
        copies = carry_out(update, home)
    except (OSError, ValueError) as error:
        sys.exit(f"tema9.update: {error}")
    if not update.files:
        print("Ya tienes esta versión del curso; no ha cambiado ningún fichero.")
    _print(update.said)
    if copies:
        print(f"Lo que ha cambiado está como era en {copies}")
    print("Instalo el paquete de esta versión…", flush=True)
    archive = source if source.is_file() else folder_of(source)
    if not install(archive):
        print(f'✘ Falta instalar el paquete, con red: {Path(sys.executable).name} -m pip install "{archive}"')
        return 1
    return 0


def _notebooks(arguments):
    """The folder of the notebooks, from the folder of the course or from itself."""
    if not arguments:
        return lab.notebooks_folder().resolve()
    folder = Path(arguments[0])
    inside = folder / "notebooks"
    return lab.notebooks_folder(inside if inside.is_dir() else folder).resolve()


def _print(lines: Iterable[Any]) -> None:
    for line in lines:
        print(line)


if __name__ == "__main__":
    use_utf8()
    sys.exit(main(sys.argv[1:]))
