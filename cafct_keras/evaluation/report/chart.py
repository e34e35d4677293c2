"""Charts: axes, ticks, marks and their places, which `templates/chart.html` writes as SVG."""

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from cafct_keras.pages.wording import short

WIDTH, HEIGHT = 420, 290
TOP, RIGHT, BOTTOM = 10, 14, 44
LETTER = 6.4  # width of a letter in a tick's label
STYLES = ("s0", "s1", "s2")
SHAPES = ("circle", "diamond", "tick")
BASELINES = {"nothing": "tick", "everything": "circle"}  # style and shape of predicting so


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis, from values to places.

    Attributes:
        label: with the unit.
        low: value at place 0.
        high: value at place 1.
        ticks: values and their labels.
        log: whether the axis is logarithmic.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def place(self, value: float) -> float:
        """Place of a value, 0 to 1 within the axis."""
        low, high, value = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        return (value - low) / (high - low)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Connected points `(x, y)`; one without y interrupts the line. `note` is a tooltip.

    `style` is a class of page.css: that of a series, with `"curve"` where series differ in dashes.
    """

    style: str
    points: Sequence[tuple[float, float | None]]
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dots:
    """Points `(x, y, note)`; `shape` is `"circle"`, `"diamond"` or `"tick"`."""

    style: str
    points: Sequence[tuple[float, float, str]]
    shape: str = "circle"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guide:
    """A line across the chart at a value of `axis`, `"x"` or `"y"`."""

    axis: str
    value: float
    label: str = ""
    style: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart.

    Attributes:
        name: unique on the page.
        title: what it shows.
        units: how many of what, such as `"63 cases"`.
        caption: how to read it.
        summary: the chart in words, for screen readers.
        x: horizontal axis.
        y: vertical axis.
        guides: drawn first.
        lines: drawn on top of them.
        dots: drawn last.
        legend: style, shape (of `Dots`, or `"line"`) and label of each series; empty for a single one.
        height: in units of the width, `WIDTH`.
    """

    name: str
    title: str
    units: str
    caption: str
    summary: str
    x: Axis
    y: Axis
    guides: Sequence[Guide] = ()
    lines: Sequence[Line] = ()
    dots: Sequence[Dots] = ()
    legend: Sequence[tuple[str, str, str]] = ()
    height: float = HEIGHT
    width: float = WIDTH

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the plot area."""
        left = 12 + LETTER * max(len(text) for _, text in self.y.ticks) + (20 if self.y.label else 0)
        return (left, TOP, self.width - RIGHT, self.height - BOTTOM)

    def across(self, x: float) -> float:
        """Horizontal place of a value."""
        left, _, right, _ = self.box
        return round(left + (right - left) * self.x.place(x), 1)

    def down(self, y: float) -> float:
        """Vertical place of a value."""
        _, top, _, bottom = self.box
        return round(bottom - (bottom - top) * self.y.place(y), 1)

    def path(self, points: Iterable[tuple[float, float | None]]) -> str:
        """Path data of a line."""
        path: list[str] = []
        pen = "M"
        for x, y in points:
            if y is None:
                pen = "M"
            else:
                path.append(f"{pen}{self.across(x):g},{self.down(y):g}")
                pen = "L"
        return "".join(path)


def unit_axis(label: str) -> Axis:
    """An axis from 0 to 1."""
    return Axis(label=label, low=0, high=1, ticks=_ticks(0, 1))


def score_axis(label: str, scores: Iterable[float]) -> Axis:
    """An axis of scores up to 1, from 0 or from a higher value where all scores are high."""
    low = max(low for low in (0, 0.5, 0.8, 0.9) if low <= min(scores))
    return Axis(label=label, low=low, high=1, ticks=_ticks(low, 1))


def linear_axis(label: str, values: Iterable[float], *, symmetric: bool = False, most: int = 8) -> Axis:
    """An axis around all values, with at most so many steps; if symmetric, zero is in the middle."""
    values = list(values)
    if symmetric:
        values += [-value for value in values]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 1
    return Axis(label=label, low=low - margin, high=high + margin, ticks=_ticks(low - margin, high + margin, most))


def log_axis(label: str, values: Iterable[float]) -> Axis:
    """A logarithmic axis around all values, which are positive."""
    values = list(values)
    low, high = min(values) / 1.3, max(values) * 1.3
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        values = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [(tick, short(tick)) for tick in values if low <= tick <= high]
        if len(ticks) > 2:
            break
    else:
        ticks = _ticks(low, high)
    return Axis(label=label, low=low, high=high, ticks=ticks, log=True)


def rank_axis(label: str, count: int) -> Axis:
    """An axis of the ranks 1 to `count`."""
    step = max(1, int(_round_up(count / 6)))
    ranks = [1, *range(step if step > 1 else 2, count + 1, step)]
    return Axis(label=label, low=0.5, high=count + 0.5, ticks=[(rank, f"{rank:,}") for rank in ranks])


def name_axis(names: Sequence[str]) -> Axis:
    """One row per name, the first on top, at 0, -1, -2, ..."""
    return Axis(label="", low=0.5 - len(names), high=0.5, ticks=[(-row, name) for row, name in enumerate(names)])


def _ticks(low: float, high: float, most: int = 8) -> list[tuple[float, str]]:
    """Ticks at round numbers, at most so many steps."""
    step = _round_up((high - low) / most)
    first, last = (math.floor(end / step + nudge) for end, nudge in ((low, 1 - 1e-9), (high, 1e-9)))
    return [(step * k, short(step * k)) for k in range(first, last + 1)]


def _round_up(value: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def style(index: int) -> str:
    """CSS class of the series with this number."""
    return STYLES[index % len(STYLES)]


def shape(index: int) -> str:
    """Shape of the dots of the series with this number."""
    return SHAPES[index % len(SHAPES)]


def legend(results: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """One entry per result."""
    return [(style(index), shape(index), result["name"]) for index, result in enumerate(results)]


def page_id(*parts: str) -> str:
    """An HTML id made of arbitrary names."""
    return re.sub(r"\W+", "-", "-".join(parts)).strip("-").lower()


def rows_of(result: dict[str, Any], target: str) -> list[dict[str, Any]]:
    """Rows of a result's cases for one target."""
    return [row for row in result["cases"] if row["target"] == target]
