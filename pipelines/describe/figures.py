"""Figures of a data folder: a sheet of random slices, and histograms of intensity."""

import heapq
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.case import Case
from pipelines.printable import one_line

FILES = SLICES, HISTOGRAM = "slices.png", "histogram.png"
LIVER, OTHER, BODY = "#1fb6ff", "#ff4d2e", "#8c8c8c"
WINDOW = (-200, 250)  # HU mapped to black and white
_COLUMNS, _COUNT = 4, 12
# Number of slices of each kind; where there are fewer, the other kinds fill up.
_WANTED = {"lesion": 6, "liver": 4, "neither": 2}
_TITLE_LENGTH = 26


class _Slice(NamedTuple):
    """A slice that may be shown; sorts by its random priority."""

    priority: float
    order: int
    name: str
    image: np.ndarray
    masks: dict[str, np.ndarray]
    aspect: float


class Figures:
    """Samples slices while a source is read, and draws them and a histogram at the end.

    The sheet shows six slices with lesions (or whatever the target is), four with liver only and two with neither, as
    far as there are any. At most twelve of each kind are kept.

    Args:
        directory: an empty folder for the figures.
        seed: random seed of the sample.
        targets: names of the masks.
        intensity: of the source, see `Source`.
    """

    def __init__(self, directory: Path, *, seed: int, targets: tuple[str, ...], intensity: str) -> None:
        self._directory = directory
        self._rng = np.random.default_rng(seed)
        self._targets, self._intensity = targets, intensity
        self._seen = 0
        self._kept: dict[str, list[_Slice]] = {kind: [] for kind in _WANTED}

    def add(self, case: Case, masks: Mapping[str, np.ndarray]) -> None:
        """Adds the slices of a case to those that may be shown.

        Args:
            case: the case.
            masks: `(slices, H, W)` bool, by the names in `targets`.
        """
        present = {target: np.asarray(mask.any(axis=(1, 2))) for target, mask in masks.items()}
        aspect = case.spacing[1] / case.spacing[2] if case.spacing else 1.0
        for index, priority in enumerate(self._rng.random(len(case.images))):
            shown = [target for target in masks if present[target][index]]
            kind = "neither" if not shown else "liver" if shown == ["liver"] else "lesion"
            kept = self._kept[kind]
            if len(kept) < _COUNT or priority > kept[0].priority:
                image = case.images[index].copy()  # not a view, which would keep the whole case
                outlines = {target: masks[target][index].copy() for target in shown}
                one = _Slice(priority, self._seen + index, case.slice_names[index], image, outlines, aspect)
                heapq.heappush(kept, one)
                if len(kept) > _COUNT:
                    heapq.heappop(kept)
        self._seen += len(case.images)

    def draw(self, histograms: Mapping[str, np.ndarray], minimum: int) -> None:
        """Writes `slices.png` and `histogram.png`.

        Args:
            histograms: `"body"` and every target to the number of pixels of each value, `(values,)`.
            minimum: value of the first bin.
        """
        draw_slices(self._chosen(), self._directory / SLICES, targets=self._targets, intensity=self._intensity)
        regions = {region: histograms[region] for region in ("body", *self._targets)}
        draw_histogram(regions, minimum, self._directory / HISTOGRAM, intensity=self._intensity)

    def _chosen(self) -> list[_Slice]:
        ranked = {kind: sorted(kept, reverse=True) for kind, kept in self._kept.items()}
        chosen = [one for kind, count in _WANTED.items() for one in ranked[kind][:count]]
        spare = [one for kind, count in _WANTED.items() for one in ranked[kind][count:]]
        return sorted((chosen + spare)[:_COUNT], key=lambda one: one.order)


def draw_slices(slices: list[_Slice], path: Path, *, targets: tuple[str, ...], intensity: str) -> None:
    """Writes a sheet of slices with the outlines of their masks, Hounsfield units in the window from -200 to 250."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    low, high = WINDOW if intensity == "hu" else (0, 255)
    rows = -(-len(slices) // _COLUMNS)
    figure = Figure(figsize=(2.5 * _COLUMNS, 2.7 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, one in zip(axes, slices, strict=False):
        axis.imshow(one.image, cmap="gray", vmin=low, vmax=high, aspect=one.aspect)
        for target, mask in one.masks.items():
            # Padded with background, so that the outline is closed where a mask meets the edge.
            padded = np.pad(mask, 1).astype(np.float32)
            y, x = (np.arange(-1, length + 1) for length in mask.shape)
            axis.contour(x, y, padded, levels=[0.5], colors=[_color(target)], linewidths=0.9)
        axis.set(xlim=(-0.5, one.image.shape[1] - 0.5), ylim=(one.image.shape[0] - 0.5, -0.5))
        title = one_line(one.name)
        title = title if len(title) <= _TITLE_LENGTH else f"…{title[1 - _TITLE_LENGTH :]}"
        axis.set_title(title, fontsize=8, parse_math=False)
    lines = [Line2D([], [], color=_color(target), label=target) for target in targets]
    if lines:
        figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False)
    figure.savefig(path, dpi=120)


def draw_histogram(histograms: Mapping[str, np.ndarray], minimum: int, path: Path, *, intensity: str) -> None:
    """Writes the distribution of pixel values, one curve per region, without the sparse tails.

    Args:
        histograms: region to the number of pixels of each value, `(values,)`; empty ones are left out.
        minimum: value of the first bin.
        path: the PNG file to write.
        intensity: of the source, see `Source`.
    """
    from matplotlib.figure import Figure

    step = 10 if intensity == "hu" else 4
    figure = Figure(figsize=(7.5, 3.8), layout="constrained")
    axis = figure.subplots()
    ends: list[int] = []
    for region, histogram in histograms.items():
        if not (total := histogram.sum()):
            continue
        first = minimum // step * step
        sums = np.bincount((np.arange(len(histogram)) + minimum - first) // step, weights=histogram)
        color, edges = _color(region), first + step * np.arange(len(sums) + 1)
        axis.stairs(100 * sums / total, edges, color=color, fill=True, alpha=0.2)
        axis.stairs(100 * sums / total, edges, color=color, linewidth=1.5, label=region)
        # The body's lungs and gas would take most of the width.
        quantiles = (0.1, 0.99) if region == "body" else (0.005, 0.995)
        ends += list(np.searchsorted(histogram.cumsum(), np.array(quantiles) * total) + minimum)
    if ends:
        axis.set_xlim(min(ends) - 2 * step, max(ends) + 2 * step)
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False)
    axis.set_xlabel("Hounsfield units" if intensity == "hu" else "grey, 0 to 255")
    axis.set_ylabel(f"% of the region's pixels in {step} {'HU' if intensity == 'hu' else 'levels'}")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _color(region: str) -> str:
    return {"liver": LIVER, "body": BODY}.get(region, OTHER)
