"""Lengths of time and numbers of steps, as they are given on the command line."""

import re
import time

from cafct_keras.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(option, text):
    """Reads `90s`, `30m` or `1.5h`.

    Args:
        option: name of the option, for the error.
        text: what was given.

    Returns:
        Seconds, above 0.

    Raises:
        UserError: for anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise UserError(f"`{option}` {text}: give a length of time such as 90s, 30m or 1.5h")
    return float(found[1]) * UNITS[found[2]]


class Interval:
    """Comes round every so many steps, or every so many minutes.

    Args:
        option: name of the option, for the error.
        text: a number of steps, or a length of time as `seconds` reads it.

    Raises:
        UserError: for anything else.
    """

    def __init__(self, option, text):
        self._steps = int(text) if text.isdigit() and int(text) else None
        self._seconds = None if self._steps else seconds(option, text)
        self._last = time.monotonic()

    def due(self, step):
        """Whether it is time again, at this global step."""
        if self._steps:
            return step > 0 and step % self._steps == 0
        if time.monotonic() - self._last < self._seconds:
            return False
        self._last = time.monotonic()
        return True
