"""`python -m tema9`, which torchrun wants: the command `tema9`."""

from tema9.cli import app

app()
