"""Masks at one bit per pixel, for scans of which several masks are in memory at once."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt


class PackedMask:
    """A stack of bool slices, an eighth of its size in memory; `np.asarray` unpacks it.

    Args:
        slices: bool `(H, W)` each, as an array `(slices, H, W)` or one after the other; one or more, of one shape.
    """

    ndim, dtype = 3, np.dtype(bool)

    def __init__(self, slices: Iterable[np.ndarray]) -> None:
        packed, plane = [], np.empty((0, 0), bool)
        for plane in slices:
            packed.append(np.packbits(plane))
        self._bits = np.stack(packed)
        self.shape = (len(packed), *plane.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        """Slice `index`: a new array, bool `(H, W)`."""
        _, height, width = self.shape
        return np.unpackbits(self._bits[index], count=height * width).view(bool).reshape(height, width)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a packed mask can only be unpacked into a copy")
        stack = np.zeros(self.shape, self.dtype if dtype is None else dtype)
        for index in np.flatnonzero(self._bits.any(axis=1)).tolist():  # zeros that nobody writes to take no memory
            stack[index] = self[index]
        return stack


Mask = np.ndarray | PackedMask  # bool `(slices, H, W)`
Masks = Mapping[str, Mask]  # by target


def binarize(probability: Iterable[np.ndarray], threshold: float) -> PackedMask:
    """Where a probability exceeds the threshold, compared in float64 as `Calibration` does.

    Args:
        probability: slices, float32 `(H, W)` in [0, 1]: a `Probability`, or an array `(slices, H, W)`.
        threshold: in (0, 1).

    Returns:
        The mask, on the grid and in the orientation of the slices.
    """
    return PackedMask(plane > np.float64(threshold) for plane in probability)
