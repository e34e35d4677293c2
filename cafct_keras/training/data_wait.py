"""Fraction of the training time that is spent waiting for data."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import keras


class DataWait(keras.callbacks.Callback):
    """Logs `data_wait`, the fraction of an epoch's training steps spent waiting for the next batch, 0 to 1.

    An upper bound where the device computes meanwhile. Must precede the callbacks that write logs. TensorFlow draws its
    batches inside a graph, where the wait cannot be measured, so under that backend nothing is logged.

    Attributes:
        fraction: of all training in this process so far; None while unknown.
    """

    async_safe = True

    def __init__(self) -> None:
        super().__init__()
        self._waited = self._waited_in_all = self._trained_in_all = 0.0
        self._last: float | None = None
        self.fraction: float | None = None

    def timed(self, stream: Iterable[Any]) -> Iterable[Any]:
        """The stream to give to `fit` in place of this one."""
        return stream if keras.backend.backend() == "tensorflow" else self._batches(stream)

    def _batches(self, stream: Iterable[Any]) -> Iterator[Any]:
        batches = iter(stream)
        while True:
            start = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self._waited += time.perf_counter() - start
            yield batch

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts to measure; what `fit` drew before its first epoch to learn shapes does not count."""
        self._waited, self._began, self._last = 0.0, time.perf_counter(), None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs the fraction, unless a run was resumed right before the validation."""
        if keras.backend.backend() == "tensorflow" or self._last is None or logs is None:
            return
        trained = self._last - self._began  # without the validation
        logs["data_wait"] = min(1.0, self._waited / trained)
        self._waited_in_all += self._waited
        self._trained_in_all += trained
        self.fraction = min(1.0, self._waited_in_all / self._trained_in_all)
