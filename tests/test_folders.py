"""What a folder of images holds: the layouts that people have, and those that make no sense, in one line."""

import itertools
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image

from tema9 import data, folders
from tema9.prepared import centre_256, prepare


def make(root, *files):
    """Write an image at each of these paths; a path that ends in / is an empty folder."""
    for number, file in enumerate(files):
        assert not file.startswith("/"), "it would lie outside of the root"
        path = root / file
        (path if file.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if path.suffix in (".jpg", ".png"):
            Image.new("RGB", (20, 16), (number % 256, 90, 90)).save(path)
        elif not file.endswith("/"):
            path.write_text("no image")
    return root


def classes(part, count=12, names=("gato", "perro")):
    return [f"{part}/{name}/{number}.jpg".removeprefix("/") for name in names for number in range(count)]


def sizes(made):
    return [len(part) for part in (made.train, made.validation, made.test)]


# Names that people give to the parts: from Kaggle's sets, Keras' and fast.ai's tutorials, Roboflow's exports.
NAMES = {
    "train": "train Train TRAIN training Training_set training-set trainset train_data train_images seg_train Train2017"
    " entrenamiento Entrenamiento ENTRENAMIENTO entreno conjunto_de_entrenamiento datos_entrenamiento treino",
    "validation": "val valid Valid validation Validation_Set dev val2017 validacion validación VALIDACIÓN Validacao",
    "test": "test Test TEST testing test_set testset seg_test Test-Images prueba Pruebas conjunto_prueba teste",
}


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in NAMES.items() for name in names.split()])
def test_the_usual_names_of_the_parts_are_known_however_they_are_written(part, name):
    assert folders.part_named(name) == part
    assert folders.part_named(unicodedata.normalize("NFD", name)) == part, "as macOS writes accents"


@pytest.mark.parametrize(
    "name",
    ["bus", "perro", "training shoes", "test tube", "data", "set", "images", "1", "", "тест", "trainer", "evalu"],
)
def test_other_names_are_classes(name):
    assert folders.part_named(name) is None


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        *zip(*(itertools.islice(itertools.cycle(NAMES[part].split()), 18) for part in NAMES), strict=True),
    ],
)
def test_a_folder_of_parts_is_taken_by_its_parts(train, validation, test, tmp_path):
    make(tmp_path, *classes(train, 6), *classes(validation, 2), *classes(test, 3))
    made = data.load(str(tmp_path))
    assert made.classes == ("gato", "perro") and sizes(made) == [12, 4, 6]


def test_two_parts_give_the_third_from_a_share_or_from_the_validation_part(tmp_path):
    make(tmp_path / "a", *classes("Train", 10), *classes("Test", 3))
    assert sizes(data.load(str(tmp_path / "a"))) == [18, 2, 6]
    assert sizes(data.load(str(tmp_path / "a"), validation=0.3)) == [14, 6, 6]
    make(tmp_path / "b", *classes("entrenamiento", 10), *classes("validacion", 3))
    made = data.load(str(tmp_path / "b"))
    assert sizes(made) == [20, 6, 6] and made.test is made.validation
    assert sizes(data.load(str(tmp_path / "b"), validation=0.1)) == [18, 2, 6]
    make(tmp_path / "c", *classes("train", 10), *classes("val", 3), *classes("test", 2))
    with pytest.raises(ValueError, match="it has a validation part already"):
        data.load(str(tmp_path / "c"), validation=0.1)


def test_prepared_parts_are_taken_by_their_names_too(tmp_path):
    for part, count in (("Train", 10), ("Validación", 3)):
        make(tmp_path / "images" / part, *classes("", count))
        prepare(tmp_path / "images" / part, tmp_path / "out" / part, workers=1, progress=False)
    whole, made = data.load(str(tmp_path / "images")), data.load(str(tmp_path / "out"))
    assert sizes(made) == sizes(whole) == [20, 6, 6] and made.name == "out"
    assert torch.equal(made.train.images[:], whole.train.images[:])
    (tmp_path / "out" / "Train").rename(tmp_path / "out" / "test")
    with pytest.raises(ValueError, match=r"the prepared .*; there must be one of each part, and a `train`"):
        data.load(str(tmp_path / "out"))


@pytest.mark.parametrize(
    "files",
    [
        classes("", 10),
        classes("fotos", 10),
        classes("fotos/fotos", 10),
        classes("train", 10),
        [*classes("images", 10), "annotations/xmls/a.xml", "annotations/list.txt"],
        [*classes("animales", 10), "__MACOSX/animales/._gato", "LEEME.txt"],
        [*classes("", 10), "gato/Thumbs.db", "desktop.ini", ".git/config"],
        [*classes("", 10, ("gato/images", "perro/images"))],  # as Tiny ImageNet has them
    ],
    ids=lambda files: files[0],
)
def test_classes_are_found_where_archives_put_them(files, tmp_path):
    make(tmp_path / "set", *files)
    made = data.load(str(tmp_path / "set"))
    assert made.classes == ("gato", "perro") and sum(sizes(made)) == 20 and made.name == "set"
    prepared = prepare(tmp_path / "set", tmp_path / "out", workers=1, progress=False)
    assert prepared.classes == made.classes and len(prepared) == 20 and not prepared.unreadable


def test_a_class_may_be_called_as_a_part_is(tmp_path):
    make(tmp_path, *classes("", 10, ("train", "bus", "dev")))
    assert data.load(str(tmp_path)).classes == ("bus", "dev", "train")


REFUSED = {
    "one class": (classes("", names=["gato"]), "holds one class, gato; there must be two or more"),
    "one class, deeper": (classes("fotos", names=["gato"]), "holds one class, gato"),
    "a parent folder": (
        [*classes("mascotas"), *classes("flores", names=["rosa", "lirio"])],
        r"holds folders of folders \(lirio and rosa in flores\), not classes; give one of them, as .*flores",
    ),
    "a parent of parts": ([*classes("a/train"), *classes("a/val"), *classes("b/train")], "holds folders of folders"),
    "an empty class": ([*classes(""), "vaca/"], "holds no images of vaca; put some there, or delete the folder"),
    "a class of texts": ([*classes(""), "vaca/a.txt", "vaca/b.xml"], "holds no images of vaca"),
    "no class folders": (["a.jpg", "b.jpg"], "holds no folders; the images of each class go in one"),
    "empty classes": (["gato/", "perro/"], "holds no images in gato and perro; they go in"),
    "parts without classes": (
        ["Train/a.jpg", "Test/b.jpg"],
        "holds Test and Train, not classes, and they hold no class folders",
    ),
    "a part without classes": ([*classes("train"), "test/a.jpg"], "holds train and, without class folders, test; move"),
    "parts beside others": (
        [*classes("train"), *classes("val"), "annotations/a.xml"],
        "holds train and val and, without class folders, annotations; move that elsewhere",
    ),
    "nothing to train on": ([*classes("val"), *classes("test")], "holds test and val and nothing to train on"),
    "a part twice": (
        [*classes("val"), *classes("valid"), *classes("train")],
        "val and valid, which both mean validation",
    ),
    "other classes": (
        [*classes("train"), *classes("test", names=["gato", "vaca"])],
        "does not have the classes of .*: only one of them has perro, vaca",
    ),
    "one class in parts": (
        [*classes("train", names=["gato"]), *classes("test", names=["gato"])],
        "holds one class, gato",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_makes_no_sense_is_refused_in_one_line(name, tmp_path):
    files, says = REFUSED[name]
    make(tmp_path / "set", *files)
    with pytest.raises(ValueError, match=says) as caught:
        data.load(str(tmp_path / "set"))
    assert "\n" not in str(caught.value)


def test_parts_are_not_prepared_together_and_the_line_names_them_as_they_are_called(tmp_path):
    make(tmp_path / "set", *classes("Train"), *classes("Prueba"))
    with pytest.raises(ValueError, match="holds Train and Prueba, not classes; take each of them on its own"):
        prepare(tmp_path / "set", tmp_path / "out", workers=1, progress=False)
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize("largest", [255, 1023, 4095, 65535])
def test_grey_levels_of_pgm_files_are_known_by_their_largest(largest, tmp_path):
    """Netpbm's own description: two bytes a pixel, the larger first, where the largest is above 255."""
    levels = np.linspace(0, largest, 256).round().astype(int)
    rows = np.tile(levels, (256, 1))
    header = f"P5 256 256 {largest}\n".encode()
    (tmp_path / "raw.pgm").write_bytes(header + rows.astype(">u2" if largest > 255 else "u1").tobytes())
    plain = "\n".join(" ".join(map(str, row)) for row in rows)
    (tmp_path / "plain.pgm").write_text(f"P2 256 256 {largest}\n{plain}\n")
    for name in ("raw.pgm", "plain.pgm"):
        found = centre_256(tmp_path / name).astype(int)
        assert np.abs(found[0, :, 0] - levels * 255 / largest).max() <= 1, name
        assert (found == found[:, :, :1]).all() and (found == found[:1]).all()


UNGUARDED = """
import sys
from tema9.prepared import prepare
try:
    prepare(sys.argv[1], sys.argv[2], workers=2, progress=False)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


# A machine so busy that a process has ended before the next image is given to one.
SLOWLY = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from tema9 import prepared
prepared.CHUNK, submit = 1, ProcessPoolExecutor.submit
def submit_and_wait(*arguments):
    given = submit(*arguments)
    while multiprocessing.active_children():
        time.sleep(0.05)
    return given
ProcessPoolExecutor.submit = submit_and_wait
"""


@pytest.mark.slow
@pytest.mark.parametrize("pace", ["", SLOWLY], ids=["", "slowly"])
def test_a_script_without_a_guard_is_told_so_and_not_of_memory(pace, tmp_path):
    make(tmp_path / "set", *classes(""))
    (tmp_path / "script.py").write_text(pace + UNGUARDED)
    command = [sys.executable, tmp_path / "script.py", tmp_path / "set", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("RuntimeError: the processes that decode start by running this script")
    assert 'if __name__ == "__main__":' in done.stdout and len(done.stdout.splitlines()) == 1 and not done.stderr
    guarded = UNGUARDED.replace("try:", "if __name__ == '__main__':\n  try:").replace("    p", "     p")
    (tmp_path / "script.py").write_text(guarded.replace("except", "  except"))
    assert not subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert (tmp_path / "out" / "index.csv").is_file(), "it went on with what the first had begun"
