"""What happens besides the steps: checkpoints, a watch for NaN, validation, the networks that are kept."""

import dataclasses
import math
import pathlib
import time

import keras

from cafct_keras.runs.files import LAST_MODEL, MODEL_FILE
from cafct_keras.training.state import put_metrics, take_metrics, take_state
from cafct_keras.training.stopping import RunStoppedError
from pipelines.atomic import atomic_copy, atomic_write


def save_model(model, path):
    """Writes a `.keras` file; a killed run leaves the old file or the new one."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        model.save(temporary)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepCounter:
    """Makes global steps of what Keras counts, which in a continued run's first epoch begins at 0 in mid-epoch.

    Attributes:
        steps_per_epoch: of the run.
        first_epoch, first_batch: where this process begins.
    """

    steps_per_epoch: int
    first_epoch: int = 0
    first_batch: int = 0

    @property
    def first_step(self):
        """Where this process begins, as a step within the run."""
        return self.first_epoch * self.steps_per_epoch + self.first_batch

    def batch(self, epoch, batch):
        """The batch within its epoch, from 0."""
        return batch + (self.first_batch if epoch == self.first_epoch else 0)

    def step(self, epoch, batch):
        """The step within the run, from 0."""
        return epoch * self.steps_per_epoch + self.batch(epoch, batch)


class NonFiniteGuard(keras.callbacks.Callback):
    """Ends training at the first step whose loss is NaN or infinite.

    Args:
        trained: the network in training. Not the inherited `model`: under JAX reading that moves the state back into
            the network, which must not happen beside a running step.
        counter: of steps.

    Attributes:
        step: number of that step within the whole run, from 0; None while all is well.
    """

    async_safe = True

    def __init__(self, trained, *, counter):
        super().__init__()
        self._trained = trained
        self._counter = counter
        self.step = None
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The loss is the epoch's mean so far, and stays NaN from the first bad step on; callbacks may run out of order.
        if not math.isfinite(logs["loss"]):
            step = self._counter.step(self._epoch, batch)
            self.step = step if self.step is None else min(self.step, step)
            self._trained.stop_training = True


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole state between two steps: at intervals, and before it ends a run that is to stop.

    All that it does it does before a batch: Keras calls that in the training thread and at the right step, and under
    JAX reading `model` there is what brings the variables up to date.

    Args:
        store: a `CheckpointStore`; None where another process writes.
        history: of the run; its position is kept up to date.
        folder: of the run; its best network is kept with each checkpoint.
        counter: of steps.
        interval: an `Interval`.
        stop: a `StopRequest`.
        metrics: those of the epoch that the run continues in; None at its beginning. Not the whole state, which would
            stay in memory.
        started: `time.perf_counter()` from which the seconds of this process count.
    """

    def __init__(self, *, store, history, folder, counter, interval, stop, metrics=None, started):
        super().__init__()
        self._store = store
        self._history = history
        self._best_file = pathlib.Path(folder) / MODEL_FILE
        self._counter = counter
        self._interval = interval
        self._stop = stop
        self._restored = metrics
        self._since = started - history.seconds

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if epoch == self._counter.first_epoch and self._counter.first_batch:
            # Keras has just set them back to zero, in the middle of an epoch.
            put_metrics(self.model, self._restored)

    def on_train_batch_begin(self, batch, logs=None):
        self._history.epoch, self._history.batch = self._epoch, self._counter.batch(self._epoch, batch)
        reason = self._stop.reason()
        if reason or self._interval.due(self._counter.step(self._epoch, batch)):
            self.save()
        if reason:
            raise RunStoppedError(reason)

    def on_epoch_end(self, epoch, logs=None):
        self._metrics = take_metrics(self.model)  # the validation is about to use the same
        self._history.epoch, self._history.batch = epoch, self._counter.steps_per_epoch

    def on_test_batch_begin(self, batch, logs=None):
        if reason := self._stop.reason():
            self.save(self._metrics)
            raise RunStoppedError(reason)

    def save(self, metrics=None):
        """Begins to write a checkpoint; none of a network that has come to NaN.

        Args:
            metrics: to save in place of the network's own.
        """
        if self._store is None:
            return
        state = {**take_state(self.model), **(metrics or {})}
        if not all(math.isfinite(value.sum()) for value in state.values() if value.dtype.kind == "f"):
            return
        self._history.seconds = time.perf_counter() - self._since
        step = self._counter.steps_per_epoch * self._history.epoch + self._history.batch
        files = [self._best_file] if self._best_file.exists() else []
        self._store.save(step, state, dataclasses.asdict(self._history), files=files)


class Validation(keras.callbacks.Callback):
    """Adds the scores of the validation slices to an epoch's logs, their names beginning with `val_`.

    Keras's own would do the same, but could not be done by itself, where a run goes on after the last step of an epoch.

    Args:
        evaluate: called with callbacks; returns scores by name.
        checkpoints: may end the run meanwhile.
    """

    def __init__(self, evaluate, *, checkpoints):
        super().__init__()
        self._evaluate = evaluate
        self._checkpoints = checkpoints

    def on_epoch_end(self, epoch, logs=None):
        scores = self._evaluate([self._checkpoints])
        logs.update({f"val_{name}": value for name, value in scores.items()})


class KeptNetworks(keras.callbacks.Callback):
    """Saves the network after every epoch, and as the run's model where it is the best so far.

    Args:
        model: the network as it is used afterwards, with its sigmoid; it shares its weights with the one in training.
        folder: the run folder; the last network goes to `checkpoints/last.keras`, the best to `model.keras`.
        history: of the run; its best is kept up to date.
        monitor: name of the validation metric, the higher the better; without validation the newest counts as the best.
        guard: no network is saved once this has seen a NaN.
    """

    def __init__(self, model, *, folder, history, monitor, guard):
        super().__init__()
        self._served = model
        self._folder = pathlib.Path(folder)
        self._history = history
        self._monitor = monitor
        self._guard = guard

    def on_epoch_end(self, epoch, logs=None):
        if self._guard.step is not None or not math.isfinite(logs.get("val_loss", logs["loss"])):
            return
        last = self._folder / LAST_MODEL
        save_model(self._served, last)
        if self._history.best is None or logs[self._monitor] > self._history.best:
            self._history.best, self._history.best_epoch = logs.get(self._monitor), epoch
            atomic_copy(last, self._folder / MODEL_FILE)


class HistoryFiles(keras.callbacks.Callback):
    """Adds the logs of every epoch to the history and its files. Must follow the callbacks that add to these logs.

    Args:
        writer: a `HistoryWriter`.
    """

    def __init__(self, writer):
        super().__init__()
        self._writer = writer

    def on_epoch_end(self, epoch, logs=None):
        self._writer.add(epoch, logs)
