"""What nibabel repairs in the headers of NIfTI files."""

import logging
import threading

from nibabel import imageglobals


class Repairs(logging.Handler):
    """Takes what nibabel repairs in a header, which it prints, by the thread that reads it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._threads = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes one repair."""
        self._threads.messages = [*getattr(self._threads, "messages", ()), record.getMessage()]

    def take(self) -> list[str]:
        """Those since the last call."""
        messages, self._threads.messages = getattr(self._threads, "messages", []), []
        return list(dict.fromkeys(messages))


REPAIRS = Repairs()
imageglobals.logger.handlers[:] = [REPAIRS]
imageglobals.logger.propagate = False
