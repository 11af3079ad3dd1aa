"""What a folder of images holds: its classes, or its parts (training, validation and test), whatever they are called.

Nothing here opens an image, and nothing needs torch.
"""

import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# How people call the parts: in English, Spanish, Catalan, Portuguese, French, German and Italian, without accents.
PARTS = {
    "train": "train training tr entrenamiento entreno entrenar aprendizaje entrenament treino treinamento entrainement"
    " apprentissage trainieren addestramento",
    "validation": "val valid validation validate dev development evaluation eval validacion validar evaluacion"
    " validacio validacao validierung validazione",
    "test": "test testing tst prueba pruebas prova proves probas teste testes essai testen verifica holdout",
}
PART_OF = {word: part for part, words in PARTS.items() for word in words.split()}
# What people put beside such a word: `train_set`, `conjunto de prueba`, `seg_train`, `test images`.
FILLERS = (
    "set sets data dataset datos images image imgs img imagenes fotos photos pics conjunto conjuntos ejemplos samples"
    " split x de del of the la el para for jpg jpeg png seg"
)
JUNK = frozenset(("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"))
DEEPEST = 5  # levels that a folder may be buried in others that hold nothing else


def part_named(name: str) -> str | None:
    """Return the part that the name of a folder means, "train", "validation" or "test", or None.

    Example:
        >>> [part_named(name) for name in ("Train", "VALIDACIÓN", "conjunto_de_prueba", "testset", "bus")]
        ['train', 'validation', 'test', 'test', None]
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = [word for word in re.split(r"[^a-z]+", plain) if word]
    words = [re.sub(r"(?<=...)(set|data|images|imgs)$", "", word) for word in words]  # `trainset`
    left = [word for word in words if word and word not in FILLERS.split()]
    return PART_OF.get(left[0]) if len(left) == 1 else None


def locate(folder: str | Path) -> dict[str, Path]:
    """Return the folders that hold the classes: {"": folder}, or {"train": ..., "validation": ..., "test": ...}.

    A folder that holds nothing but another one is entered, as archives unpack: DATA/DATA/class/image.jpg. The
    parts are folders of folders with the usual names, in any case; one of them has to be for training.

    Raises:
        FileNotFoundError, NotADirectoryError: it is not a folder.
        ValueError: it holds no folders, parts without classes, or parts beside something else.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"folder {folder} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"folder {folder} is a file, not a folder of classes")
    for _ in range(DEEPEST):
        inner = _folders(folder)
        if not inner:
            raise ValueError(
                f"folder {folder} holds no folders; the images of each class go in one: {folder}/CLASS/IMAGE"
            )
        named = [path for path in inner if part_named(path.name)]
        parts = [path for path in named if _folders(path)]  # a class may be called `train`, and holds images itself
        full = [path for path in inner if any(_images(path))]
        if len(named) == len(inner) > 1 and not parts and full:
            raise ValueError(
                f"folder {folder} holds {_list(named)}, not classes, and they hold no class folders;"
                f" the images of each class go in one: {named[0]}/CLASS/IMAGE"
            )
        if len(parts) > 1 or (parts and len(named) == len(inner) > 1):
            return _parts(folder, parts, inner)
        if len(full) != 1 or any(_images(full[0], deep=False)):
            break
        folder = full[0]  # the only one with images, and they lie in folders of its own
    return {"": folder}


def _parts(folder, parts, inner):
    if strange := [path for path in inner if path not in parts]:
        raise ValueError(
            f"folder {folder} holds {_list(parts)} and, without class folders, {_list(strange)}; move that elsewhere"
        )
    found = {}
    for path in parts:
        part = part_named(path.name)
        if part in found:
            raise ValueError(f"folder {folder} holds {found[part].name} and {path.name}, which both mean {part}")
        found[part] = path
    if "train" not in found:
        raise ValueError(f"folder {folder} holds {_list(parts)} and nothing to train on; call that part `train`")
    for part, path in found.items():
        inside = locate(path)
        if "" not in inside:
            raise ValueError(f"folder {path} is one of {_list(parts)} and holds {', '.join(inside)}; give one of these")
        found[part] = inside[""]
    return {part: found[part] for part in PARTS if part in found}


def list_images(folder: str | Path) -> list[tuple[str, str]]:
    """Return (class, file) of every image of a folder of classes, sorted; files as posix paths from `folder`.

    Every file counts, whatever its suffix; `prepare` reports those that are no images. Hidden files and
    folders do not count, nor what macOS and Windows leave behind.

    Raises:
        FileNotFoundError, NotADirectoryError: it is not a folder.
        ValueError: it holds fewer than two classes, a class without images, folders of folders, or parts such as
            train and val.
    """
    folder = Path(folder)
    located = locate(folder)
    if "" not in located:
        names = " and ".join(path.relative_to(folder).parts[0] for path in located.values())
        raise ValueError(f"folder {folder} holds {names}, not classes; take each of them on its own")
    root = located[""]
    classes = _folders(root)
    holds = f"folder {root} holds"
    if not any(any(_images(path)) for path in classes):
        raise ValueError(f"{holds} no images in {_list(classes)}; they go in {root}/CLASS/IMAGE")
    if empty := [path for path in classes if not any(_images(path))]:
        raise ValueError(f"{holds} no images of {_list(empty)}; put some there, or delete the folder")
    if len(classes) == 1:
        raise ValueError(f"{holds} one class, {classes[0].name}; there must be two or more to tell apart")
    nested = [path for path in classes if not any(_images(path, deep=False))]
    several = [path for path in nested if len([inner for inner in _folders(path) if any(_images(inner))]) > 1]
    if len(nested) == len(classes) and several:
        raise ValueError(
            f"{holds} folders of folders ({_list(_folders(several[0]))} in {several[0].name}), not classes;"
            f" give one of them, as {several[0]}"
        )
    found = []
    for path in classes:
        for parent, inner, files in os.walk(path, followlinks=True):
            inner[:] = filter(_visible, inner)
            found += [
                (path.name, Path(parent, file).relative_to(folder).as_posix()) for file in filter(_visible, files)
            ]
    return sorted(found)


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in JUNK


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and _visible(path.name))


def _images(folder: Path, deep: bool = True) -> Iterator[str]:
    """Yield the files of a folder that may be images: those without a suffix of another kind of file."""
    for _, inner, files in os.walk(folder, followlinks=True):
        inner[:] = filter(_visible, inner) if deep else ()
        for file in filter(_visible, files):
            kind = mimetypes.guess_type(file)[0]
            if kind is None or kind.startswith("image/"):
                yield file


def _list(paths: list[Path]) -> str:
    names = [path.name for path in paths[:5]]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
