"""Ending a run before its time, in such a way that it can go on: at a signal, or at its time limit."""

import contextlib
import signal
import threading
import time

from cafct_keras.errors import UserError

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class RunStoppedError(UserError):
    """A run ended before its time and can go on; what schedulers know as a temporary failure."""

    exit_code = 75


class StopRequest:
    """Whether training should end at the next step, and why.

    Args:
        team: the processes that train together, a `Team`; they stop together.
        time_limit: seconds; None for no limit.
        started: `time.perf_counter()` from which they count.
    """

    def __init__(self, *, team, time_limit=None, started):
        self._team = team
        self._deadline = None if time_limit is None else started + time_limit
        self._signal = None
        # Where there are several processes, JAX listens to SIGTERM itself and tells all of them.
        self._signals = SIGNALS if team.count == 1 else (signal.SIGINT,)

    def reason(self):
        """What stops the run now, in words; None while nothing does. To be asked at the same steps in all processes."""
        reason = None
        if self._signal is not None:
            reason = self._signal.name
        elif self._deadline is not None and time.perf_counter() >= self._deadline:
            reason = "its time limit"
        return self._team.agreed(reason)

    @contextlib.contextmanager
    def listening(self):
        """Takes SIGTERM and SIGINT as requests meanwhile; the second signal does what it always does, at once."""
        if threading.current_thread() is not threading.main_thread():  # where Python knows no signals
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in self._signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number, frame):
        self._signal = signal.Signals(number)
        for each in self._signals:
            signal.signal(each, signal.SIG_DFL)
