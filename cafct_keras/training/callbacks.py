"""What happens besides the steps: checkpoints, a watch for NaN, TensorBoard events."""

import math
import os
import pathlib
import shutil

import keras

LAST_FILE = pathlib.Path("checkpoints") / "last.keras"


def save_model(model, path):
    """Writes a `.keras` file aside and renames it, so that a killed run leaves the old file or the new one."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.partial.keras")
    model.save(aside)
    os.replace(aside, path)


class NonFiniteGuard(keras.callbacks.Callback):
    """Ends training at the first step whose loss is NaN or infinite.

    Args:
        trained: the network in training. Not the inherited `model`: under JAX reading that moves the state back into
            the network, which must not happen beside a running step.
        steps_per_epoch: of the run.

    Attributes:
        step: number of that step within the whole run, from 0; None while all is well.
    """

    async_safe = True

    def __init__(self, trained, *, steps_per_epoch):
        super().__init__()
        self._trained = trained
        self.steps_per_epoch = steps_per_epoch
        self.step = None
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The loss is the epoch's mean so far, and stays NaN from the first bad step on; callbacks may run out of order.
        if not math.isfinite(logs["loss"]):
            step = self._epoch * self.steps_per_epoch + batch
            self.step = step if self.step is None else min(self.step, step)
            self._trained.stop_training = True


class Checkpoints(keras.callbacks.Callback):
    """Saves the network after every epoch, and as the run's model where it is the best so far.

    Args:
        model: the network as it is used afterwards, with its sigmoid; it shares its weights with the one in training.
        folder: the run folder; the last network goes to `checkpoints/last.keras`, the best to `best_file`.
        best_file: name of the best network's file.
        monitor: name of the validation metric, the higher the better.
        guard: no network is saved once this has seen a NaN.

    Attributes:
        best: highest value so far.
        best_epoch: its epoch, from 0.
    """

    def __init__(self, model, *, folder, best_file, monitor, guard):
        super().__init__()
        self._served = model
        self._folder = pathlib.Path(folder)
        self._best_file = best_file
        self._monitor = monitor
        self._guard = guard
        self.best = -math.inf
        self.best_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        if self._guard.step is not None or not math.isfinite(logs["val_loss"]):
            return
        last = self._folder / LAST_FILE
        save_model(self._served, last)
        if logs[self._monitor] > self.best:
            self.best, self.best_epoch = logs[self._monitor], epoch
            aside = self._folder / f".{self._best_file}"
            shutil.copyfile(last, aside)
            os.replace(aside, self._folder / self._best_file)


class Events(keras.callbacks.Callback):
    """TensorBoard events: every metric once an epoch, training and validation side by side.

    Args:
        folder: where the event files go, in `train` and `validation`.
    """

    def __init__(self, folder):
        super().__init__()
        import tensorflow as tf

        self._summary = tf.summary
        self._writers = {
            name: tf.summary.create_file_writer(str(pathlib.Path(folder) / name)) for name in ("train", "validation")
        }

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            writer = self._writers["validation" if name.startswith("val_") else "train"]
            with writer.as_default():
                self._summary.scalar(name.removeprefix("val_"), value, step=epoch + 1)
        for writer in self._writers.values():
            writer.flush()
