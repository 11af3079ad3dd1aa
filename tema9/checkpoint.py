"""Weights on disk, with the views that they were trained through."""

import json
from dataclasses import asdict

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tema9.files import atomic_write
from tema9.views import Views


def save(model, path):
    """Write the weights, and the views of the model if it has them, to a safetensors file; whole or not at all."""
    packed = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    views = json.dumps(asdict(getattr(model, "views", Views())))
    with atomic_write(path) as temporary:
        save_file(packed, temporary, metadata={"views": views})


def load(model, path):
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
    model.views = Views(**{name: tuple(value) if isinstance(value, list) else value for name, value in views.items()})
    return model
