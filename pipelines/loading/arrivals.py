"""Slices that one thread computes while others already use them."""

import threading
from collections.abc import Callable

import numpy as np


class Arrivals:
    """Which slices of a stack have been computed.

    Args:
        count: number of slices.
    """

    def __init__(self, count: int) -> None:
        self._here = np.zeros(count, bool)
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def add(self, indices: np.ndarray) -> None:
        """Marks slices as computed."""
        with self._changed:
            self._here[indices] = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Raises an error for those who wait for slices that are not there."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def wait(self, indices: np.ndarray) -> None:
        """Waits for slices.

        Raises:
            BaseException: given to `fail`; they will not come.
        """
        with self._changed:
            while not self._here[indices].all():
                if self._error is not None:
                    raise self._error
                self._changed.wait()


class ArrivingSlices:
    """A stack whose slices are waited for when they are read. It is pickled as an array.

    Args:
        stack: `(slices, ...)`, which another thread fills in.
        arrivals: of its slices.
    """

    def __init__(self, stack: np.ndarray, arrivals: Arrivals) -> None:
        self._stack, self._arrivals = stack, arrivals

    def __len__(self) -> int:
        return len(self._stack)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """The slices at some indices."""
        self._arrivals.wait(indices)
        return np.asarray(self._stack[indices])

    def __reduce__(self) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[np.ndarray]]:
        return np.asarray, (self[np.arange(len(self))],)
