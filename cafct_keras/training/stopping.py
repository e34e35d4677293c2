"""Stopping a run early, at a signal or its time limit, so that it can be resumed."""

import contextlib
import signal
import threading
import time
import types
from collections.abc import Iterator

from cafct_keras.training.devices import ProcessGroup

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether training should stop at the next step, and why.

    Args:
        group: the processes that train together; they stop together.
        time_limit: seconds; None for no limit.
        started: `time.perf_counter()` from which they count.
    """

    def __init__(self, *, group: ProcessGroup, time_limit: float | None = None, started: float) -> None:
        self._group = group
        self._deadline = None if time_limit is None else started + time_limit
        self._signal: signal.Signals | None = None
        # With several processes JAX handles SIGTERM itself and tells all of them.
        self._signals = SIGNALS if group.count == 1 else (signal.SIGINT,)

    def reason(self) -> str | None:
        """Why to stop now, in words; None if not. Must be asked at the same steps in all processes."""
        reason = None
        if self._signal is not None:
            reason = self._signal.name
        elif self._deadline is not None and time.perf_counter() >= self._deadline:
            reason = "its time limit"
        return self._group.agree_to_stop(reason)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Takes SIGTERM and SIGINT as requests in a block; a second signal acts as usual, at once."""
        if threading.current_thread() is not threading.main_thread():  # where Python allows no signal handlers
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in self._signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: types.FrameType | None) -> None:
        self._signal = signal.Signals(number)
        for each in self._signals:
            signal.signal(each, signal.SIG_DFL)
