"""The weights of a model on disk, with the views through which the model was trained to see images."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from tema9.files import atomic_write
from tema9.views import Views

Model = TypeVar("Model", bound=nn.Module)


def save(model: nn.Module, path: str | Path) -> None:
    """Write the weights of a model, with its views if it has them, to a safetensors file, all of it or nothing."""
    packed = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    views = json.dumps(asdict(getattr(model, "views", Views())))
    with atomic_write(path) as temporary:
        save_file(packed, temporary, metadata={"views": views})


def load(model: Model, path: str | Path) -> Model:
    """Read what `save` wrote into `model`: its weights, and its attribute `views`; return it.

    Raises:
        ValueError: the file holds the weights of another model.
    """
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError:
        raise ValueError(f"{path} holds the weights of another model than this {type(model).__name__}") from None
    with safe_open(path, "pt") as file:
        views = json.loads((file.metadata() or {}).get("views", "{}"))
    views |= {"eigenvectors": tuple(map(tuple, views.get("eigenvectors", ())))}
    views = {name: tuple(value) if isinstance(value, list) else value for name, value in views.items()}
    model.views = Views(**views)  # type: ignore[assignment]  # torch's hint knows no attribute of ours
    return model
