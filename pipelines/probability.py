"""Probabilities on the pixels of a case: the way back from a network's output."""

import abc
import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipelines.grid import SquareGrid
from pipelines.orientation import reorient


class Stack(Protocol):
    """Slices that are made or waited for when they are read, such as `ArrivingSlices`."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray, /) -> np.ndarray:
        """The slices at some indices."""


class Probability(abc.ABC):
    """Probabilities of one target of one case, slice by slice, each where and as the case's own slice lies.

    A slice is made when it is asked for; `np.asarray` makes all of them.
    """

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """`(slices, H, W)` of the case."""

    @abc.abstractmethod
    def __getitem__(self, index: int) -> np.ndarray:
        """Slice `index` of the case: float32 `(H, W)` in [0, 1]."""

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("probabilities can only be brought to the case's grid as a copy")
        stack = np.empty(self.shape, np.float32 if dtype is None else dtype)
        for plane, result in zip(self, stack, strict=True):
            result[...] = plane
        return stack


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictedProbability(Probability):
    """Probabilities as a network predicted them, which are brought to the case's grid slice by slice.

    By bilinear interpolation; the padding is cropped, and the slice flipped back to the case's orientation.

    Attributes:
        predicted: float32 `(slices, size, size)` in [0, 1], the network's output; it may be computed meanwhile.
        grid: the transform by which the network saw the case.
        seen: orientation in which it saw the case, see `pipelines.orientation`; None if unknown.
        orientation: of the case, likewise.
    """

    predicted: np.ndarray | Stack
    grid: SquareGrid
    seen: str | None
    orientation: str | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(slices, H, W)` of the case."""
        return len(self.predicted), self.grid.height, self.grid.width

    def __getitem__(self, index: int) -> np.ndarray:
        """Slice `index` of the case: float32 `(H, W)` in [0, 1]."""
        ways = self.seen, self.orientation
        row = reorient(np.arange(len(self)).reshape(-1, 1, 1), *ways)[index]
        # Back to the case's pixels first: padding to a square need not be the same on both sides.
        return reorient(self.grid.restore(self.predicted[row.ravel()]), *ways)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanProbability(Probability):
    """The weighted mean of probabilities of networks that saw a case in different ways.

    Attributes:
        parts: one per way, all of the same shape.
        weights: of the parts; they sum to 1.
    """

    parts: tuple[Probability, ...]
    weights: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(slices, H, W)` of the case."""
        return self.parts[0].shape

    def __getitem__(self, index: int) -> np.ndarray:
        """Slice `index` of the case: float32 `(H, W)` in [0, 1]."""
        mean = np.zeros(self.shape[1:], np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            mean += np.float32(weight) * part[index]
        return np.minimum(mean, 1, out=mean)
