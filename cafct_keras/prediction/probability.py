"""Probabilities on the pixels of a case, and masks from them: the way back from a network's output."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from cafct_keras.packed import PackedMask
from pipelines.grid import SquareGrid
from pipelines.orientation import reorient


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probability:
    """Probabilities of one target of one case, slice by slice, each where and as the case's own slice lies.

    They are kept as the network predicted them. A slice is brought to the case's grid when it is asked for: bilinear
    interpolation, the padding cropped, flipped back to the case's orientation.

    Attributes:
        predicted: float32 `(slices, size, size)` in [0, 1], the network's output.
        grid: the transform by which the network saw the case.
        seen: orientation in which it saw the case, see `pipelines.orientation`; None if unknown.
        orientation: of the case, likewise.
    """

    predicted: np.ndarray
    grid: SquareGrid
    seen: str | None
    orientation: str | None

    def __len__(self) -> int:
        return len(self.predicted)

    def __getitem__(self, index: int) -> np.ndarray:
        """Slice `index` of the case: float32 `(H, W)` in [0, 1]."""
        ways = self.seen, self.orientation
        row = reorient(np.arange(len(self)).reshape(-1, 1, 1), *ways)[index]
        # Back to the case's pixels first: padding to a square need not be the same on both sides.
        return reorient(self.grid.restore(self.predicted[row.ravel()]), *ways)[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))


def binarize(probability: Iterable[np.ndarray], threshold: float) -> PackedMask:
    """Where a probability exceeds the threshold, compared in float64 as `Calibration` does.

    Args:
        probability: slices, float32 `(H, W)` in [0, 1]: a `Probability`, or an array `(slices, H, W)`.
        threshold: in (0, 1).

    Returns:
        The mask, on the grid and in the orientation of the slices.
    """
    return PackedMask(plane > np.float64(threshold) for plane in probability)
