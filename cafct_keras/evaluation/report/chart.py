"""Charts as geometry: where axes, ticks and marks lie. `templates/chart.html` writes them out as SVG."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 420, 290
TOP, RIGHT, BOTTOM = 10, 14, 44
LETTER = 6.4  # width of one in a tick's label


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """From values to places.

    Attributes:
        label: with the unit.
        low: value at place 0.
        high: value at place 1.
        ticks: values, and what is written there.
        log: whether places go by the logarithm.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies; 0 to 1 within the axis."""
        low, high, value = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        return (value - low) / (high - low)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Points `(x, y)` that are joined; one without y interrupts it. `note` shows under a pointer.

    `style` is a class of page.css: that of a series, `"curve"` beside it where series are to differ in dashes.
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
        summary: the same in words, for those who do not see it.
        x: to the right.
        y: upwards.
        guides: behind.
        lines: before them.
        dots: in front.
        legend: style, shape (of `Dots`, or `"line"`) and label of each series; empty where one needs no name.
        height: where the width is `WIDTH`.
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
        """Left, top, right and bottom of what the axes enclose."""
        left = 12 + LETTER * max(len(text) for _, text in self.y.ticks) + (20 if self.y.label else 0)
        return (left, TOP, self.width - RIGHT, self.height - BOTTOM)

    def across(self, x: float) -> float:
        """Where a value of x lies."""
        left, _, right, _ = self.box
        return round(left + (right - left) * self.x.place(x), 1)

    def down(self, y: float) -> float:
        """Where a value of y lies."""
        _, top, _, bottom = self.box
        return round(bottom - (bottom - top) * self.y.place(y), 1)

    def path(self, points: Iterable[tuple[float, float | None]]) -> str:
        """Path data of a line."""
        path, pen = [], "M"
        for x, y in points:
            if y is None:
                pen = "M"
            else:
                path.append(f"{pen}{self.across(x):g},{self.down(y):g}")
                pen = "L"
        return "".join(path)
