"""A training run in the background, drawn after every epoch, with a button that stops it."""

import atexit
import threading

import ipywidgets
import numpy as np
from torch import nn

from tema9 import looking, svg, training
from tema9.arithmetic import spanish
from tema9.data import Data
from tema9.recipes import Recipe
from tema9.svg import Picture
from tema9.widgets.explorer import WIDTH, PictureBox, wrapped


def live_training(model: nn.Module, data: Data, recipe: Recipe) -> "Training":
    """Start training in the background and draw the run after every epoch; a button stops it.

    The method `result` of the run waits for its end and returns the history. However the run ends (by itself, by
    the button, or by interrupting the cell that waits), the model has the weights of its best epoch.

    Args:
        model, data, recipe: as for `training.train`.
    """
    return Training(model, data, recipe)


class Training(PictureBox):
    """A training run in the background, as `live_training` returns it, with its curves and its first filters.

    history: the epochs that are complete so far.
    error: the exception that stopped the run, if one did.
    """

    running: "Training | None" = None  # one at a time: a new run stops the one before

    def __init__(self, model: nn.Module, data: Data, recipe: Recipe) -> None:
        if Training.running is None:
            atexit.register(Training.leave)  # a thread that is cut off in the middle of a step aborts the process
        Training.leave()
        self.model, self.recipe, self.history = model, recipe, training.History()
        self.error: Exception | None = None
        self.epochs = training.epochs(model, data, recipe, progress=False)
        next(self.epochs)  # so that wrong arguments raise here, in the cell
        self._stop, self._done = threading.Event(), threading.Event()
        self.bar = ipywidgets.IntProgress(0, 0, recipe.epochs, description="épocas", layout={"max_width": "100%"})
        self.button = ipywidgets.Button(description="Parar al acabar la época", icon="stop", layout={"width": "16rem"})
        self.button.on_click(lambda _: self.stop())
        super().__init__(wrapped([self.button, self.bar]))
        self.redraw()
        Training.running = self
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            for history in self.epochs:
                self.history = history
                self.redraw()
                if self._stop.is_set():
                    self.history.interrupted = len(self.history.epochs) < self.recipe.epochs
                    break
        except Exception as error:  # what went wrong is said in place, and raised by `result`
            self.error = error
        finally:
            self.epochs.close()  # the model gets the weights of its best epoch
            self.button.disabled = True
            self.redraw(done=True)
            self._done.set()

    @staticmethod
    def leave() -> None:
        """Stop the run that is going on, if there is one, and wait for its end."""
        if Training.running is not None and not Training.running._done.is_set():
            Training.running.stop()
            Training.running._done.wait()

    def stop(self) -> None:
        """Ask the run to end after the present epoch."""
        self._stop.set()
        self.button.description, self.button.disabled = "Acabando la época…", True

    def result(self) -> training.History:
        """Wait for the end of the run and return its history; interrupting the cell stops the run.

        Raises:
            training.NonFiniteLoss, training.OutOfMemory: as `training.train`.
        """
        try:
            while not self._done.wait(0.2):
                pass
        except KeyboardInterrupt:
            print("Interrumpido: acabo la época en curso y me quedo con los mejores pesos.")
            self.stop()
            self._done.wait()
        if self.error is not None:
            raise self.error
        return self.history

    def redraw(self, done: bool = False) -> None:
        """Draw the run as it is now."""
        self.bar.value = len(self.history.epochs)
        self.picture, self.words = _run_so_far(self.history, self.recipe, self.model, done)
        if self.error is not None:
            self.problem = f"El entrenamiento se ha parado con un error: {self.error}"
        self.show()


def _run_so_far(history, recipe, model, done):
    epochs = list(history)
    last = epochs[-1] if epochs else None
    alt = f"Entrenamiento: {len(epochs)} épocas de {recipe.epochs}"
    if last:
        alt += f"; pérdida {spanish(last.train_loss, 3)}, error de validación {spanish(last.validation_error, 1)} %"
    alt += ". Curvas de pérdida, error y tasa por época, y los filtros de la primera capa."
    picture = Picture(WIDTH, 400, alt)
    left = {
        "entrenamiento": [(epoch.epoch, epoch.train_loss) for epoch in epochs],
        "validación": [(epoch.epoch, epoch.validation_loss) for epoch in epochs],
    }
    errors = {"": [(epoch.epoch, epoch.validation_error) for epoch in epochs]}
    rates = {"": [(epoch.epoch, epoch.learning_rate) for epoch in epochs]}
    picture.plot(60, 34, 300, 150, left, "época", "pérdida (nats)", recipe.epochs)
    picture.plot(470, 34, 270, 150, errors, "época", "error de validación (%)", recipe.epochs)
    picture.plot(60, 260, 300, 90, rates, "época", "tasa", recipe.epochs, log=True)
    kernels = np.nan_to_num(looking.filters(model).numpy())  # of a run that broke
    largest = np.abs(kernels).max() or 1.0
    tiles = svg.grey(kernels.transpose(0, 2, 3, 1) if kernels.shape[1] == 3 else kernels[:, 0], -largest, largest)
    columns = min(len(tiles), 16 if len(tiles) > 12 else 6)
    sheet = svg.mosaic(tiles, columns)
    high = min(110, 300 * sheet.shape[0] / sheet.shape[1])
    picture.text(430, 250, f"los {len(tiles)} filtros de la primera capa (gris: 0)", 13)
    picture.image(430, 262, high * sheet.shape[1] / sheet.shape[0], high, sheet)
    words = f"Época {len(epochs)} de {recipe.epochs}. "
    if last:
        best = epochs[history.best - 1]
        words += f"La mejor hasta ahora, la {history.best}: error de validación {spanish(best.validation_error, 1)} %. "
    if done:
        words += "Parado antes de tiempo. " if history.interrupted else "Terminado. "
        words += "La red tiene los pesos de la mejor época." if history.best else "No hay ninguna época completa."
    return picture, words
