"""The words that training and evaluation print while they run: in Spanish for students, in English for the command."""

from typing import NamedTuple


class Words(NamedTuple):
    """The lines that training and evaluation print while they run, in one language; `{}` takes a number."""

    epoch: str
    step: str
    score: str
    speed: str
    peak: str
    decimal: str
    interrupted: str
    evaluating: str
    batch: str


SPANISH = Words(
    epoch="época {}/{}",
    step="paso",
    score="pérdida {:.3f}, error de validación {:.1f} %",
    speed=", {:.0f} imágenes/s",
    peak=" ({:.0f} % del máximo medido)",
    decimal=",",
    interrupted="interrumpido: épocas enteras que se guardan: {}",
    evaluating="evaluando",
    batch="minilote",
)
ENGLISH = Words(
    epoch="epoch {}/{}",
    step="step",
    score="loss {:.3f}, validation error {:.1f} %",
    speed=", {:.0f} images/s",
    peak=" ({:.0f} % of the measured peak)",
    decimal=".",
    interrupted="interrupted: {} whole epochs kept",
    evaluating="evaluating",
    batch="batch",
)
