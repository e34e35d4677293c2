"""Durations and intervals as they are given in a configuration."""

import re
import time

from cafct_keras.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(option: str, text: str) -> float:
    """Parses `90s`, `30m` or `1.5h`.

    Args:
        option: name of the option, for the error.
        text: the option's value.

    Returns:
        Seconds, above 0.

    Raises:
        UserError: for anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise UserError(f"`{option}` {text}: give a time such as 90s, 30m or 1.5h")
    return float(found[1]) * UNITS[found[2]]


class Interval:
    """A number of steps or a time after which something is due again.

    Args:
        option: name of the option, for the error.
        text: a number of steps, or a time as `seconds` parses it.

    Raises:
        UserError: for anything else.
    """

    def __init__(self, option: str, text: str) -> None:
        self._steps = int(text) if text.isdigit() and int(text) else None
        self._seconds = None if self._steps else seconds(option, text)
        self._last = time.monotonic()

    def due(self, step: int) -> bool:
        """Whether it is due at this global step."""
        if self._seconds is None:
            return step > 0 and step % (self._steps or 1) == 0
        if time.monotonic() - self._last < self._seconds:
            return False
        self._last = time.monotonic()
        return True
