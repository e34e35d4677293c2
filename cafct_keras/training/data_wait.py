"""How much of the training time is spent waiting for data."""

import time

import keras


class DataWait(keras.callbacks.Callback):
    """Logs `data_wait`, the share of each epoch's training steps that passed in waiting for the next batch, 0 to 1.

    An upper bound where the device goes on computing meanwhile. Stands before the callbacks that write logs. TensorFlow
    draws its batches inside a graph, where nothing can be told apart, so under that backend nothing is logged.

    Attributes:
        share: of all training in this process so far; None while unknown.
    """

    async_safe = True

    def __init__(self):
        super().__init__()
        self._waited = self._waited_in_all = self._trained_in_all = 0.0
        self._last = None
        self.share = None

    def timed(self, stream):
        """The stream as it should be given to `fit`."""
        return stream if keras.backend.backend() == "tensorflow" else self._batches(stream)

    def _batches(self, stream):
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

    def on_epoch_begin(self, epoch, logs=None):
        # What `fit` drew before its first epoch to learn shapes is none of an epoch's time.
        self._waited, self._began, self._last = 0.0, time.perf_counter(), None

    def on_train_batch_end(self, batch, logs=None):
        self._last = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        # No steps at all where a run goes on with a validation.
        if keras.backend.backend() == "tensorflow" or self._last is None:
            return
        trained = self._last - self._began  # without the validation
        logs["data_wait"] = min(1.0, self._waited / trained)
        self._waited_in_all += self._waited
        self._trained_in_all += trained
        self.share = min(1.0, self._waited_in_all / self._trained_in_all)
