"""Tensors on disk: the weights of a model, with its views, the names of its classes and its architecture."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from tema9.files import atomic_write
from tema9.views import Views

Model = TypeVar("Model", bound=nn.Module)


def write(tensors: Mapping[str, torch.Tensor], path: str | Path, metadata: dict[str, str]) -> None:
    """Write tensors to a safetensors file, all of it or nothing; it is on the disk before it takes its name.

    Raises:
        OSError: the disk is full, for instance; the old file stays as it was.
    """
    packed = {name: value.detach().contiguous() for name, value in tensors.items()}
    try:
        with atomic_write(path) as temporary:
            save_file(packed, temporary, metadata=metadata)
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())  # or a power cut could leave the new name with half of the bytes
    except SafetensorError as error:  # what its writer makes of an error of the system
        raise OSError(f"{path} could not be written ({_one_line(error)}); what was there before is kept") from error
    except OSError as error:
        reason = error.strerror or _one_line(error)
        raise OSError(f"{path} could not be written ({reason}); what was there before is kept") from error


def read(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file, on the CPU, and its metadata.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off or no safetensors file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is no file")
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is cut off, or no safetensors file ({_one_line(error)})") from error


def save(model: nn.Module, path: str | Path) -> None:
    """Write the weights of a model to a safetensors file, all of it or nothing.

    With them go what the model has of these: its `views`, its `class_names`, and the name of its
    `architecture`.

    Raises:
        OSError: as `write`.
    """
    said = {"views": asdict(getattr(model, "views", Views())), "class_names": getattr(model, "class_names", ())}
    if architecture := getattr(model, "architecture", None):
        said["architecture"] = architecture.name
    # One entry: safetensors writes several in an order of chance, and the same weights would be other bytes.
    write(model.state_dict(), path, {"model": json.dumps(said)})


def about(metadata: dict[str, str]) -> dict[str, Any]:
    """Return what `save` wrote about a model, from the metadata of its file; of weights that ship, the views alone."""
    try:
        said = json.loads(metadata.get("model", "{}")) or {"views": json.loads(metadata.get("views", "{}"))}
    except ValueError:
        said = None
    return said if isinstance(said, dict) and isinstance(said.get("views"), dict) else {"views": {}}


def load(model: Model, path: str | Path) -> Model:
    """Read what `save` wrote into `model`: its weights, and its attributes `views` and `class_names`; return it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds the weights of another model.
    """
    tensors, metadata = read(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError:
        raise ValueError(f"{path} holds the weights of another model than this {type(model).__name__}") from None
    said = about(metadata)
    views = said["views"]
    views |= {"eigenvectors": tuple(map(tuple, views.get("eigenvectors", ())))}
    views = {name: tuple(value) if isinstance(value, list) else value for name, value in views.items()}
    model.views = Views(**views)  # type: ignore[assignment]  # torch's hint knows no attribute of ours
    model.class_names = tuple(said.get("class_names", ()))  # type: ignore[assignment]
    return model


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__
