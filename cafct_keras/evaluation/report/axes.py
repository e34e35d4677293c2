"""Axes that fit their values, with ticks at round numbers."""

import math
from collections.abc import Iterable, Sequence

from cafct_keras.evaluation.report.chart import Axis
from cafct_keras.evaluation.report.wording import short


def share_axis(label: str) -> Axis:
    """From 0 to 1."""
    return Axis(label=label, low=0, high=1, ticks=_ticks(0, 1))


def score_axis(label: str, scores: Iterable[float]) -> Axis:
    """Holds scores up to 1: from 0, or from closer by where all are good, so that they can be told apart."""
    low = max(low for low in (0, 0.5, 0.8, 0.9) if low <= min(scores))
    return Axis(label=label, low=low, high=1, ticks=_ticks(low, 1))


def linear_axis(label: str, values: Iterable[float], *, symmetric: bool = False, most: int = 8) -> Axis:
    """Holds all values with a margin and at most so many ticks; if it is symmetric, zero lies in its middle."""
    values = list(values)
    if symmetric:
        values += [-value for value in values]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 1
    return Axis(label=label, low=low - margin, high=high + margin, ticks=_ticks(low - margin, high + margin, most))


def log_axis(label: str, values: Iterable[float]) -> Axis:
    """Holds all values, which are positive, with a margin."""
    values = list(values)
    low, high = min(values) / 1.3, max(values) * 1.3
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [(tick, short(tick)) for tick in ticks if low <= tick <= high]
        if len(ticks) > 2:
            break
    else:
        ticks = _ticks(low, high)
    return Axis(label=label, low=low, high=high, ticks=ticks, log=True)


def rank_axis(label: str, count: int) -> Axis:
    """From the first to the last of so many, with whole numbers alone."""
    step = max(1, int(_round_up(count / 6)))
    ranks = [1, *range(step if step > 1 else 2, count + 1, step)]
    return Axis(label=label, low=0.5, high=count + 0.5, ticks=[(rank, f"{rank:,}") for rank in ranks])


def name_axis(names: Sequence[str]) -> Axis:
    """One row a name, the first on top, at 0, -1, -2, ..."""
    return Axis(label="", low=0.5 - len(names), high=0.5, ticks=[(-row, name) for row, name in enumerate(names)])


def _ticks(low: float, high: float, most: int = 8) -> list[tuple[float, str]]:
    """Round numbers, no more steps than so many."""
    step = _round_up((high - low) / most)
    first, last = (math.floor(end / step + nudge) for end, nudge in ((low, 1 - 1e-9), (high, 1e-9)))
    return [(step * k, short(step * k)) for k in range(first, last + 1)]


def _round_up(value: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
