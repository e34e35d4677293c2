"""Training callbacks: checkpoints, validation, the best model, history, and an end to training at a non-finite loss."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from cafct_keras.errors import RunStoppedError
from cafct_keras.runs.checkpoints import CheckpointStore
from cafct_keras.runs.files import LAST_MODEL, MODEL_FILE
from cafct_keras.runs.history import History, HistoryWriter
from cafct_keras.runs.loading import save_model
from cafct_keras.training.durations import Interval
from cafct_keras.training.selection import AVERAGED, Selection
from cafct_keras.training.state import METRICS, get_metrics, get_state, set_metrics
from cafct_keras.training.stopping import StopRequest
from pipelines.atomic import atomic_copy

Logs = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepCounter:
    """Converts what Keras counts, which begins at 0 in the middle of a resumed run's first epoch, to steps of the run.

    Attributes:
        steps_per_epoch: steps per epoch.
        first_epoch, first_batch: where this process starts.
    """

    steps_per_epoch: int
    first_epoch: int = 0
    first_batch: int = 0

    @property
    def first_step(self) -> int:
        """Step within the run at which this process starts."""
        return self.first_epoch * self.steps_per_epoch + self.first_batch

    def batch(self, epoch: int, batch: int) -> int:
        """The batch within its epoch, from 0."""
        return batch + (self.first_batch if epoch == self.first_epoch else 0)

    def step(self, epoch: int, batch: int) -> int:
        """The step within the run, from 0."""
        return epoch * self.steps_per_epoch + self.batch(epoch, batch)


class TerminateOnNonFinite(keras.callbacks.Callback):
    """Stops training at the first step whose loss is NaN or infinite, and knows which it was.

    Args:
        trained: the model in training. Not the inherited `model`: under JAX, reading that moves the state back into the
            model, which must not happen beside a running step.
        counter: of steps.

    Attributes:
        step: that step within the run, from 0; None while every loss is finite.
    """

    async_safe = True

    def __init__(self, trained: keras.Model, *, counter: StepCounter) -> None:
        super().__init__()
        self._trained = trained
        self._counter = counter
        self.step: int | None = None
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss: the epoch's mean so far, which stays NaN from the first bad step on."""
        if not math.isfinite((logs or {})["loss"]):
            step = self._counter.step(self._epoch, batch)  # callbacks may run out of order
            self.step = step if self.step is None else min(self.step, step)
            self._trained.stop_training = True


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole state between two steps, at intervals and before it ends a run that is to stop.

    It acts before a batch: Keras calls that in the training thread and at the right step, and under JAX reading `model`
    there updates the variables.

    Args:
        store: where checkpoints are written; None if another process writes.
        history: of the run; its position is kept up to date.
        folder: run folder, whose best model is kept with each checkpoint.
        counter: of steps.
        interval: between checkpoints.
        stop: whether to stop.
        metrics: those of the epoch in which the run is resumed; None at its start. Not the whole state, which would
            stay in memory.
        started: `time.perf_counter()` from which the seconds of this process count.
    """

    def __init__(
        self,
        *,
        store: CheckpointStore | None,
        history: History,
        folder: pathlib.Path,
        counter: StepCounter,
        interval: Interval,
        stop: StopRequest,
        metrics: dict[str, np.ndarray] | None = None,
        started: float,
    ) -> None:
        super().__init__()
        self._store = store
        self._history = history
        self._best_file = folder / MODEL_FILE
        self._counter = counter
        self._interval = interval
        self._stop = stop
        self._restored = metrics
        self._since = started - history.seconds

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Restores the metrics of a resumed epoch, which Keras has just reset."""
        self._epoch = epoch
        if epoch == self._counter.first_epoch and self._counter.first_batch and self._restored is not None:
            set_metrics(self.model, self._restored)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Saves a checkpoint if one is due, and stops if asked to.

        Raises:
            RunStoppedError: training is to stop here.
        """
        self._history.epoch, self._history.batch = self._epoch, self._counter.batch(self._epoch, batch)
        reason = self._stop.reason()
        if reason or self._interval.due(self._counter.step(self._epoch, batch)):
            self.save()
        if reason:
            raise RunStoppedError(reason)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keeps the metrics of training, which the validation is about to use too."""
        self._metrics = get_metrics(self.model)
        self._history.epoch, self._history.batch = epoch, self._counter.steps_per_epoch

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Stops during validation, or a search for hard negatives, if asked to.

        Raises:
            RunStoppedError: training is to stop here.
        """
        if reason := self._stop.reason():
            self.model.use_weights()
            # Between epochs, in a search for hard negatives, there are none that have to be kept.
            self.save(self._metrics if self._history.batch else None)
            raise RunStoppedError(reason)

    def save(self, metrics: dict[str, np.ndarray] | None = None) -> None:
        """Starts to write a checkpoint, unless a value of the state is not finite.

        Args:
            metrics: saved in place of the model's own.
        """
        if self._store is None:
            return
        state = {**get_state(self.model), **(metrics or {})}
        # Between epochs the metrics are those of the last validation, which the next epoch resets.
        judged = [value for name, value in state.items() if self._history.batch or not name.startswith(f"{METRICS}/")]
        if not all(math.isfinite(value.sum()) for value in judged if value.dtype.kind == "f"):
            return
        self._history.seconds = time.perf_counter() - self._since
        step = self._counter.steps_per_epoch * self._history.epoch + self._history.batch
        files = [self._best_file] if self._best_file.exists() else []
        self._store.save(step, state, dataclasses.asdict(self._history), files=files)


class Validation(keras.callbacks.Callback):
    """Adds the scores of the validation slices to an epoch's logs, under names that begin with `val_`.

    Keras's own validation cannot be run by itself, which a run that is resumed after the last step of an epoch needs.

    Args:
        evaluate: called with callbacks; returns scores by name.
        callbacks: called during validation.
    """

    def __init__(
        self,
        evaluate: Callable[[Sequence[keras.callbacks.Callback]], dict[str, float]],
        *,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        super().__init__()
        self._evaluate = evaluate
        self._callbacks = callbacks

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Validates."""
        scores = self._evaluate(self._callbacks)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.items()})


class BestModelCheckpoint(keras.callbacks.Callback):
    """Saves the model after every epoch, and as the run's model if it is the best so far.

    Until there is an epoch that can be judged, see `Selection`, the newest counts as the best.

    Args:
        model: the model that is used afterwards, with its sigmoid; it shares its weights with the one in training.
        folder: run folder; the last model goes to `checkpoints/last.keras`, the best to `model.keras`.
        history: of the run; its best is kept up to date.
        selection: by what the best is chosen.
        guard: no model is saved once this has seen a non-finite loss.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        folder: pathlib.Path,
        history: History,
        selection: Selection,
        guard: TerminateOnNonFinite,
    ) -> None:
        super().__init__()
        self._served = model
        self._folder = folder
        self._history = history
        self._selection = selection
        self._guard = guard

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves the last and perhaps the best model, and logs the mean that it was chosen by."""
        logs = {} if logs is None else logs
        if self._guard.step is not None or not math.isfinite(logs["loss"]):
            return
        if epoch == self._selection.first_epoch:
            self._history.best = self._history.best_epoch = None
        save_model(self._served, self._folder / LAST_MODEL)
        score, best = self._selection.value(logs, self._history.rows), self._history.best
        if self._selection.average > 1 and score is not None:
            logs[f"val_{AVERAGED}"] = score
        if best is None or (score is not None and score > best):
            self._history.best, self._history.best_epoch = score, epoch
            atomic_copy(self._folder / LAST_MODEL, self._folder / MODEL_FILE)


class HistoryFiles(keras.callbacks.Callback):
    """Adds the logs of every epoch to the history and its files. Must follow the callbacks that add to these logs.

    Args:
        writer: of the history.
    """

    def __init__(self, writer: HistoryWriter) -> None:
        super().__init__()
        self._writer = writer

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the epoch."""
        self._writer.add(epoch, logs or {})
