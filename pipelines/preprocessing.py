"""Preprocessing: from the slices of a case to a network's input, and from its output back to the slices."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.errors import DataError
from pipelines.grid import SquareGrid
from pipelines.intensity import apply_window, change_window, rescale_slices
from pipelines.orientation import is_axial, reorient
from pipelines.probability import PredictedProbability
from pipelines.targets import LESION, LIVER

INTENSITIES = ("hu", "grey", "minmax")  # see `pipelines.case.Source`
LARGEST = {"size": 1 << 14, "context": 1 << 8}  # of values that were read from files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a network sees slices: the size, grey values, orientation and neighbours of those it was trained on.

    Example:
        >>> preprocessing = model.preprocessing
        >>> pixels = preprocessing.pixels(images, intensity="hu", orientation="SPL")
        >>> probability = model.predict(preprocessing.inputs(pixels))
        >>> lesion = preprocessing.restore(probability, grid=preprocessing.grid(images), orientation="SPL")["lesion"]

    Normalization beyond grey values of 0 to 1 is a layer of the network: `cafct_keras.layers.ImageNetNormalization`.

    Attributes:
        size: height and width of the network's images in pixels. Slices are padded to a square and resized.
        window: Hounsfield units that become black and white; slices that are grey already keep their values.
        window_known: False for training slices that were grey already, in a window that nobody stated.
        context: neighbouring slices on either side that the network sees too.
        intensity: of the training slices, one of `INTENSITIES`. Where it is `"minmax"`, slices in Hounsfield units are
            rescaled to their own range as the training slices were.
        orientation: of the training slices, see `pipelines.orientation`, to which others are flipped; None if unknown,
            and then nothing is flipped.
        targets: what the channels of the output show, in order.

    Raises:
        DataError: a value is out of range.
    """

    size: int
    window: tuple[float, float]
    window_known: bool = True
    context: int = 0
    intensity: str = "hu"
    orientation: str | None = None
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        low, high = self.window
        if not low < high:
            raise DataError(f"`window` {low:g} {high:g}: the first must be less than the second")
        for name, minimum in (("size", 1), ("context", 0)):
            if getattr(self, name) < minimum:
                raise DataError(f"`{name}` {getattr(self, name)}: give {minimum} or more")

    @property
    def channels(self) -> int:
        """Channels of the network's input: grey repeated three times, or the slice among its neighbours."""
        return 2 * self.context + 1 if self.context else 3

    def grid(self, images: np.ndarray) -> SquareGrid:
        """The transform between slices `(N, H, W)` and the network's square."""
        return SquareGrid.of(images, self.size)

    @property
    def shares_window(self) -> bool:
        """Whether its window means Hounsfield units, so that grey slices of a known window can be shown in it."""
        return self.window_known and self.intensity != "minmax"

    def rescales(self, intensity: str) -> bool:
        """Whether slices of an intensity are rescaled to their own range, see `rescale_slices`."""
        return self.intensity == "minmax" and intensity == "hu"

    def pixels(
        self,
        images: np.ndarray,
        *,
        intensity: str,
        orientation: str | None,
        grey_window: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Slices as the network saw its training slices.

        Args:
            images: `(slices, H, W)`, int16 in Hounsfield units or uint8 grey.
            intensity: one of `INTENSITIES`.
            orientation: of the slices; None if unknown.
            grey_window: Hounsfield units that 0 and 255 of grey slices stand for; None if unknown.

        Returns:
            `(slices, size, size)` uint8, in the network's orientation.
        """
        grid, rescales = self.grid(images), self.rescales(intensity)
        pixels = np.empty((len(images), self.size, self.size), np.uint8)
        # Slice by slice, so that no other array of the size of a scan is made.
        for plane, result in zip(reorient(images, orientation, self.orientation), pixels, strict=True):
            one = plane[None]
            if rescales:
                one = rescale_slices(one)
            elif one.dtype == np.int16:
                one = apply_window(one, self.window)
            elif grey_window is not None and self.shares_window:
                one = change_window(one, grey_window, self.window)
            result[...] = grid.images(one, outside=0)[0]
        return pixels

    def coverage(self, mask: np.ndarray, *, orientation: str | None) -> np.ndarray:
        """How much of each of the network's pixels a structure covers.

        Args:
            mask: `(slices, H, W)`, bool, or uint8 coverage of the slices' own pixels.
            orientation: of the slices; None if unknown.

        Returns:
            `(slices, size, size)` uint8, see `SquareGrid.coverage`, in the network's orientation.
        """
        return self.grid(mask).coverage(reorient(mask, orientation, self.orientation))

    def inputs(self, pixels: np.ndarray, rows: np.ndarray | None = None, runs: np.ndarray | None = None) -> np.ndarray:
        """The network's input for slices of one case.

        Args:
            pixels: `(slices, size, size)` uint8, all of the case, see `pixels`.
            rows: indices of the slices that are wanted; None for all.
            runs: `(slices,)`, ascending: the run of neighbours that each slice is in; None if all are in one.

        Returns:
            float32 `(slices, size, size, channels)` in [0, 1].
        """
        rows = np.arange(len(pixels)) if rows is None else rows
        nearby = neighbours(rows, np.zeros(len(pixels)) if runs is None else runs, self.context)
        return self.as_input(np.moveaxis(pixels[nearby], 1, -1))

    def as_input(self, images: np.ndarray) -> np.ndarray:
        """The network's input for slices that are stacked with their neighbours.

        Args:
            images: `(B, H, W, 2 * context + 1)`, uint8 or float32 in [0, 1].

        Returns:
            float32 in [0, 1]: `(B, H, W, channels)`.
        """
        if images.dtype == np.uint8:
            images = images / np.float32(255)
        if self.context:
            return images
        three = np.empty((*images.shape[:-1], self.channels), np.float32)
        # A third of the time of one broadcast assignment, whose innermost loop has length 3.
        for channel in range(self.channels):
            three[..., channel] = images[..., 0]
        return three

    def restore(
        self, probability: np.ndarray, *, grid: SquareGrid, orientation: str | None
    ) -> dict[str, PredictedProbability]:
        """Brings the network's output for the slices of a case back to where these lie.

        Args:
            probability: float32 `(slices, size, size, targets)` in [0, 1].
            grid: of the case, see `grid`.
            orientation: of the case; None if unknown.

        Returns:
            Target to its probabilities on the case's own pixels and in its orientation.
        """
        return {
            target: PredictedProbability(
                predicted=probability[..., channel], grid=grid, seen=self.orientation, orientation=orientation
            )
            for channel, target in enumerate(self.targets)
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Reads what `to_dict` wrote. Nothing is taken for granted: it may be a file from others.

        Raises:
            DataError: it says something else.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if isinstance(values, Mapping):  # earlier versions did not ask for the window of grey slices
            values = {"window_known": values.get("intensity") != "grey", **values}
        if not isinstance(values, Mapping) or set(values) != names:
            raise DataError(f"preprocessing: must state {', '.join(sorted(names))}")
        window, targets, orientation = values["window"], values["targets"], values["orientation"]
        fits = {
            **{name: _is_integer(values[name]) and values[name] <= LARGEST[name] for name in LARGEST},
            "window": isinstance(window, list | tuple) and len(window) == 2 and all(map(_is_number, window)),
            "window_known": isinstance(values["window_known"], bool),
            "intensity": values["intensity"] in INTENSITIES,
            "orientation": orientation is None or is_axial(orientation),
            "targets": isinstance(targets, list | tuple) and tuple(targets) in ((LIVER,), (LESION,), (LIVER, LESION)),
        }
        if wrong := [name for name, fit in fits.items() if not fit]:
            raise DataError(f"preprocessing: {wrong[0]} {values[wrong[0]]!r:.80} is not one")
        low, high = window
        return cls(**{**values, "window": (float(low), float(high)), "targets": tuple(targets)})


def neighbours(indices: np.ndarray, cases: np.ndarray, context: int) -> np.ndarray:
    """Indices of slices and their neighbours.

    Args:
        indices: `(B,)` slice indices.
        cases: `(N,)`, the case of each slice, ascending.
        context: number of neighbours on either side.

    Returns:
        `(B, 2 * context + 1)` indices in slice order; the first and last slice of a case are repeated beyond its ends.
    """
    nearby = indices[:, None] + np.arange(-context, context + 1)
    first = np.searchsorted(cases, cases[indices], side="left")
    last = np.searchsorted(cases, cases[indices], side="right") - 1
    return np.clip(nearby, first[:, None], last[:, None])


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
