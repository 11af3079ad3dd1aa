"""A folder of photographs as one array of bytes, so that no epoch decodes a JPEG.

`prepare` decodes each photograph once; `open_prepared` reads batches from what it wrote.
Nothing here imports torch before it is needed: the processes that decode start light.
"""

import contextlib
import csv
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from tema9 import hardware
from tema9.folders import list_images

if TYPE_CHECKING:
    import torch

SIDE = 256
UNGUARDED = 77  # the exit code of a process that came upon `prepare` while it was starting
CHUNK = 64  # images that a process takes at a time
TEXT: dict[str, Any] = {
    "newline": "",
    "encoding": "utf-8",
    "errors": "surrogateescape",
}  # any name that a file may have


def prepare(folder: str | Path, out: str | Path, workers: int | None = None, progress: bool = True) -> "Prepared":
    """Decode every image under `folder` once, to 256x256, into the new folder `out`.

    The images lie as folder/class/.../image.jpg. Each gets a row of one array, in the order of
    the classes and then of the files, whatever the number of processes. Until all is done the
    work lies in `out` + ".partial": an interrupted or killed run goes on from there when it is
    called again, and `out` appears whole or not at all. A finished `out` is opened, not redone.

    What cannot be read is skipped, printed, and listed in `out`/unreadable.csv with the reason.

    Args:
        folder: where the classes are, a folder each.
        out: the folder to write: images.npy, (N, 256, 256, 3), uint8, 197 kB an image;
            index.csv, one line per image (row, class, file); unreadable.csv (class, file, reason).
            The row of an unreadable file stays black, and no line of the index leads to it.
        workers: processes; None takes one for each core that this process may use, 1 works in this process.
        progress: draw a progress bar on the standard output.

    Returns:
        the prepared folder, opened.

    Raises:
        FileNotFoundError, NotADirectoryError: `folder` is not a folder.
        ValueError: it holds fewer than two classes, a class without images, or no readable ones; it holds
            train and val; `out` was made from other files; `workers` is not positive.
        OSError: the disk is full, for instance; what was done is kept.
        RuntimeError: a script calls this function outside of `if __name__ == "__main__":`, with several processes.

    Source:
        Krizhevsky, Sutskever and Hinton (2012), section 2: the shorter side to 256, then the
        central 256x256.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)  # this process runs the caller's script again only in order to start
    folder, out = Path(folder), Path(out)
    workers = hardware.cores() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers {workers} is not positive")
    plan = list_images(folder)
    if out.exists():
        try:
            found = open_prepared(out)
        except FileNotFoundError:
            raise FileExistsError(f"out {out} exists already and is not a prepared folder; choose another") from None
        if sorted([*zip(found.names, found.files, strict=True), *(row[:2] for row in found.unreadable)]) != plan:
            raise ValueError(f"out {out} exists already and was made from other files than {folder} holds")
        return found
    partial = out.with_name(out.name + ".partial")
    done = _begin_or_resume(partial, plan)
    left = [row for row in range(len(plan)) if row not in done]
    size = max(1, min(CHUNK, len(left) // (4 * workers)))
    chunks = [[(row, str(folder / plan[row][1])) for row in left[at : at + size]] for at in range(0, len(left), size)]
    bar = tqdm(
        total=len(plan), initial=len(done), desc="preparing", unit="image", file=sys.stdout, disable=not progress
    )
    try:
        decoding = contextlib.closing(_run(partial / "images.npy", chunks, workers))
        with bar, (partial / "done.csv").open("a", **TEXT) as log, decoding as batches:
            for finished in batches:
                csv.writer(log).writerows(finished)
                log.flush()
                done.update(finished)
                bar.update(len(finished))
    except KeyboardInterrupt:
        print(f"interrupted: {len(done)} of {len(plan)} images are done and kept; run it again to go on")
        raise
    unreadable = [(*plan[row], reason) for row, reason in sorted(done.items()) if reason]
    if len(unreadable) == len(plan):
        raise ValueError(f"folder {folder} holds no image that can be read; the first, {plan[0][1]}: {done[0]}")
    _finish(partial, out, [(row, *plan[row]) for row, reason in sorted(done.items()) if not reason], unreadable)
    for _, file, reason in unreadable[:10]:
        print(f"skipped {file}: {reason}")
    if unreadable:
        print(f"{len(unreadable)} of {len(plan)} images could not be read; all are in {out / 'unreadable.csv'}")
    return open_prepared(out)


@dataclass(frozen=True)
class Prepared:
    """A prepared folder, opened: its images, read from the disk batch by batch, and their labels.

    images: (N, 3, 256, 256), uint8.
    labels: (N,), int64, places in `classes`.
    classes: the names of the class folders, sorted.
    files: the file of each image, from the folder that was prepared.
    unreadable: (class, file, reason) of each file that could not be read.
    """

    images: "Batches"
    labels: "torch.Tensor"
    classes: tuple[str, ...]
    files: list[str]
    unreadable: list[tuple[str, str, str]]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def names(self) -> list[str]:
        """The class of each image, by name."""
        return [self.classes[label] for label in self.labels.tolist()]


def open_prepared(out: str | Path) -> Prepared:
    """Open a folder that `prepare` finished; no image is read yet.

    Raises:
        FileNotFoundError: it is not there, or not finished.
        ValueError: its array does not have the images of its index, or the index names rows that are not there.
    """
    import torch

    out = Path(out)
    for name in ("images.npy", "index.csv", "unreadable.csv"):
        if not (out / name).is_file():
            unfinished = out.with_name(out.name + ".partial").is_dir()
            hint = "it is not finished: prepare it again to go on" if unfinished else "prepare it first"
            raise FileNotFoundError(f"out {out} holds no {name}; {hint}")
    index, unreadable = _read_csv(out / "index.csv"), _read_csv(out / "unreadable.csv")
    pixels = Pixels(out / "images.npy")
    total = len(index) + len(unreadable)
    if pixels.array.shape != (total, SIDE, SIDE, 3) or pixels.array.dtype != np.uint8:
        raise ValueError(
            f"out {out}: images.npy is {pixels.array.dtype} {pixels.array.shape}, "
            f"not the uint8 ({total}, {SIDE}, {SIDE}, 3) of its index"
        )
    # A class whose images are all unreadable keeps its place.
    classes = tuple(sorted({name for _, name, _ in index} | {name for name, _, _ in unreadable}))
    place = {name: label for label, name in enumerate(classes)}
    labels = torch.tensor([place[name] for _, name, _ in index])
    rows = [int(row) for row, _, _ in index]
    if rows and not 0 <= min(rows) <= max(rows) < total:
        raise ValueError(f"out {out}: index.csv names a row that is not among the {total} of images.npy")
    return Prepared(Batches(pixels, rows), labels, classes, [file for *_, file in index], unreadable)


class Batches:
    """Images that stay on the disk until they are indexed, as a tensor is.

    Shape: `images[indices]` -> (len(indices), 3, 256, 256), uint8, in channels-last memory.

    Args:
        read: a function, rows -> (len(rows), 256, 256, 3), uint8: `Pixels` or `Files`. A second argument is the
            array to write into. Its attribute `together`, if it has one, says how many images are worth a call.
        rows: the rows of these images among those that `read` knows.
    """

    def __init__(self, read: Callable[..., np.ndarray], rows: Sequence[int] | np.ndarray) -> None:
        self.read, self.rows = read, np.asarray(rows, dtype=np.int64)
        self.together: int = getattr(read, "together", 1)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 3, 256, 256)."""
        return len(self.rows), 3, SIDE, SIDE

    def __getitem__(self, indices: "int | slice | Sequence[int] | torch.Tensor") -> "torch.Tensor":
        """One image for an int; a batch for a slice, a list, or a tensor of ints or of bools."""
        import torch

        rows = self.rows[indices if isinstance(indices, slice) else torch.as_tensor(indices).cpu().numpy()]
        images = torch.from_numpy(self.read(np.atleast_1d(rows))).permute(0, 3, 1, 2)
        return images if np.ndim(rows) else images[0]

    def read_into(self, indices: "torch.Tensor", out: "torch.Tensor") -> None:
        """Write images to memory that is there already; several threads may do so at the same time.

        Args:
            indices: of the images.
            out: (len(indices), 256, 256, 3), uint8, on the CPU.
        """
        self.read(self.rows[indices.numpy()], out.numpy())

    def select(self, indices: "Sequence[int] | np.ndarray | torch.Tensor") -> "Batches":
        """Return the images with those indices, still on the disk."""
        return Batches(self.read, self.rows[np.asarray(indices)])

    def split(self, batch_size: int) -> "Iterator[torch.Tensor]":
        """Yield all the images in order, `batch_size` at a time."""
        for at in range(0, len(self), batch_size):
            yield self[at : at + batch_size]


class Pixels:
    """The rows of an array that lies on the disk; to another process only its path is sent."""

    together = 32  # of these, a copy takes about a millisecond

    def __init__(self, path: str | Path) -> None:
        self.path, self.array = path, np.load(path, mmap_mode="r")

    def __call__(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.take(self.array, rows, axis=0, out=out, mode="clip")  # the mode that needs no further copy

    def __reduce__(self) -> "tuple[type[Pixels], tuple[str | Path]]":
        return Pixels, (self.path,)


@dataclass(frozen=True)
class Files:
    """The images of some files, decoded again each time that they are indexed."""

    paths: tuple[str, ...]

    def __call__(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        out = np.empty((len(rows), SIDE, SIDE, 3), np.uint8) if out is None else out
        for place, row in enumerate(rows):
            out[place] = self._read(self.paths[row])
        return out

    def _read(self, path):
        try:
            return centre_256(path)
        except Exception as error:  # a decoder may raise anything on a damaged file
            raise ValueError(f"{path} cannot be read: {_one_line(error)}; `prepare` skips such files") from error


def centre_256(path: str | Path, side: int = SIDE) -> np.ndarray:
    """Return the central square of an image file, at 256x256, or at another side.

    The same as bringing the shorter side to 256 px and keeping the middle, in one step: no pixel
    that would be thrown away is computed. Smaller images are enlarged. The camera's orientation
    (EXIF) is applied, grey becomes three equal channels, and what is transparent lies on white.

    Shape:
        (256, 256, 3), uint8, RGB; (side, side, 3) for another side.

    Raises:
        OSError, ValueError and others: whatever Pillow says of a file that it cannot decode.
    """
    with Image.open(path) as file:
        sixteen = file.mode.startswith("I;16") or (file.mode == "I" and file.format in ("PPM", "PNG"))
        if file.mode in ("I", "F") and not sixteen:
            raise ValueError(f"pixels of mode {file.mode!r}: only 8 and 16 bits are known")
        image = ImageOps.exif_transpose(file)
        if sixteen:  # Pillow has the grey levels of PGM files from 0 to 65,535, as 32-bit numbers
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        width, height = image.size
        shorter = min(width, height)
        left, top = (width - shorter) / 2, (height - shorter) / 2
        box = (left, top, left + shorter, top + shorter)
        return np.array(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box=box))


def _begin_or_resume(partial, plan):
    """Make the working folder, or read from it what is done: {row: ""}. The unreadable get another try."""
    if (partial / "plan.csv").exists():
        if _read_csv(partial / "plan.csv") != plan:
            raise ValueError(
                f"{partial} was begun with other files than the folder holds now; delete it to start again"
            )
        lines = (partial / "done.csv").read_bytes()
        whole = lines[: lines.rfind(b"\n") + 1]  # a killed run may leave half a line
        (partial / "done.csv").write_bytes(whole)
        return {
            int(row): reason
            for row, reason in csv.reader(whole.decode("utf-8", TEXT["errors"]).splitlines())
            if not reason
        }
    partial.mkdir(parents=True, exist_ok=True)  # a run killed before its first image left less than a plan
    if strange := sorted({path.name for path in partial.iterdir()} - {"images.npy", "done.csv", "plan.new"}):
        raise FileExistsError(f"{partial} is where the work goes, and it holds {strange[0]}; move it away")
    np.lib.format.open_memmap(partial / "images.npy", "w+", np.uint8, (len(plan), SIDE, SIDE, 3))
    (partial / "done.csv").write_bytes(b"")
    _write_csv(partial / "plan.new", ("class", "file"), plan)
    (partial / "plan.new").replace(partial / "plan.csv")  # from here on it can be resumed
    return {}


def _run(array, chunks, workers):
    """Yield what `_decode_chunk` returns for each chunk, as they end."""
    if workers == 1:
        for chunk in chunks:
            yield _decode_chunk(array, chunk)
        return
    context = _Spawning()
    with ProcessPoolExecutor(min(workers, len(chunks)) or 1, context, _start_worker) as pool:
        try:
            futures = [pool.submit(_decode_chunk, array, chunk) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            pool.shutdown(wait=True)  # all of its processes have ended then
            if UNGUARDED in [process.exitcode for process in context.made]:
                raise RuntimeError(
                    "the processes that decode start by running this script: put the call of `prepare` under"
                    ' `if __name__ == "__main__":`, or give workers=1'
                ) from None
            raise OSError("a process died, of too little memory perhaps; what is done is kept: run it again") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Spawning(SpawnContext):
    """Starts processes afresh, since forking a process that runs threads can hang, and knows those that have ended."""

    def __init__(self):
        super().__init__()
        self.made = []

    def Process(self, *args, **kwargs):
        self.made.append(SpawnProcess(*args, **kwargs))
        return self.made[-1]


def _start_worker():
    """Ctrl-C is for the parent to answer; and nobody outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # of odd metadata; what cannot be decoded is an error

    def follow():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _decode_chunk(array, chunk):
    """Write the images of [(row, path)] into the array file; return [(row, "" or why not)]."""
    finished = []
    # Written as a file and not through a map: a full disk is then an error that can be told.
    with open(array, "r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        for row, path in chunk:
            try:
                pixels, reason = centre_256(path), ""
            except Exception as error:  # a decoder may raise anything on a damaged file
                reason = _one_line(error)
            else:
                file.seek(start + row * pixels.nbytes)
                file.write(pixels.tobytes())
            finished.append((row, reason))
    return finished


def _finish(partial, out, index, unreadable):
    """Complete the working folder and give it its name."""
    with open(partial / "images.npy", "r+b") as file:
        os.fsync(file.fileno())
    _write_csv(partial / "index.csv", ("row", "class", "file"), index)
    _write_csv(partial / "unreadable.csv", ("class", "file", "reason"), unreadable)
    for name in ("done.csv", "plan.csv"):
        (partial / name).unlink()
    partial.rename(out)


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


def _read_csv(path):
    with path.open(**TEXT) as file:
        return [tuple(line) for line in csv.reader(file)][1:]


def _write_csv(path, header, lines):
    with path.open("w", **TEXT) as file:
        csv.writer(file).writerows([header, *lines])
