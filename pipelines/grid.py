"""The geometric transform between the pixels of a slice and the square that a network sees."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import scipy
from PIL import Image

FULL = 255  # coverage of a pixel that lies wholly inside a structure


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquareGrid:
    """Pads slices evenly to a square and resizes it, and the way back; the same for images, masks and probabilities.

    Pixels are squares with their centres at half-integers: pixel `i` of the network covers native rows
    `i * step - top` to `(i + 1) * step - top`, where `step = max(height, width) / size` and `top` is the padding.

    Args:
        height: of the native slices, in pixels.
        width: likewise.
        size: height and width of the network's slices, in pixels.
    """

    height: int
    width: int
    size: int

    @classmethod
    def of(cls, slices: np.ndarray, size: int) -> SquareGrid:
        """The transform of `(N, height, width)`."""
        height, width = slices.shape[1:]
        return cls(height=height, width=width, size=size)

    @property
    def step(self) -> float:
        """Native pixels per pixel of the network."""
        return self._side / self.size

    def spacing(self, spacing: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        """Millimetres along (slice, row, column) in the network's grid, from those of the native one; None stays."""
        return spacing and (spacing[0], spacing[1] * self.step, spacing[2] * self.step)

    def images(self, images: np.ndarray, *, outside: float) -> np.ndarray:
        """Resizes slices with anti-aliased bilinear interpolation.

        Args:
            images: `(N, height, width)`, int16 or uint8.
            outside: value of the padding: air.

        Returns:
            `(N, size, size)` of the same dtype; `images` itself where it has that size.
        """
        if self._same:
            return images

        def resize(plane: np.ndarray) -> np.ndarray:
            return np.asarray(Image.fromarray(plane).resize((self.size, self.size), Image.Resampling.BILINEAR))

        square = images
        if self.height != self.width:
            below, right = self._side - self.height - self._top, self._side - self.width - self._left
            square = np.pad(images, ((0, 0), (self._top, below), (self._left, right)), constant_values=outside)
        if images.dtype == np.uint8:
            return np.stack([resize(plane) for plane in square])
        # Pillow has no bilinear int16.
        return np.stack([np.rint(resize(plane.astype(np.float32))).astype(images.dtype) for plane in square])

    def coverage(self, masks: np.ndarray) -> np.ndarray:
        """Resizes masks by area: how much of each pixel of the network a structure covers.

        A structure keeps its area but for rounding to 1/255, and on average over positions its centroid.

        Args:
            masks: `(N, height, width)`, bool, or uint8 coverage of the native pixels.

        Returns:
            `(N, size, size)` uint8, 0 (outside) to 255 (wholly covered), half coverage rounded up to 128.
        """
        if self._same:
            return masks if masks.dtype == np.uint8 else masks.view(np.uint8) * np.uint8(FULL)
        down, across = _weights(self)
        resized = np.zeros((len(masks), self.size, self.size), np.uint8)
        for plane, result in zip(masks, resized, strict=True):
            # A structure fills a small part of few slices: the box around it is all there is to do.
            if (box := Image.fromarray(plane.view(np.uint8)).getbbox()) is None:
                continue
            left, top, right, bottom = box
            rows, columns = self._reached(self._top, top, bottom), self._reached(self._left, left, right)
            part = plane[top:bottom, left:right].astype(np.float32)
            part = (across[columns, left:right] @ (down[rows, top:bottom] @ part).T).T
            # Slightly more than a half, so that exact halves are rounded up whatever the sum's own rounding.
            result[rows, columns] = part * (1 if masks.dtype == np.uint8 else FULL) + np.float32(0.501)
        return resized

    def restore(self, stack: np.ndarray) -> np.ndarray:
        """Brings maps from the network's grid to native pixels: bilinear interpolation, and the padding is cropped.

        Args:
            stack: `(N, size, size)` float32, such as probabilities, or bool, a mask.

        Returns:
            `(N, height, width)` float32, to be thresholded here; `stack` itself where it has that size and dtype.
        """
        stack = stack.astype(np.float32, copy=False)
        if self._same:
            return stack
        left, top = self._left / self.step, self._top / self.step
        box = (left, top, left + self.width / self.step, top + self.height / self.step)
        restored = np.empty((len(stack), self.height, self.width), np.float32)
        for plane, result in zip(stack, restored, strict=True):
            native = Image.fromarray(plane).resize((self.width, self.height), Image.Resampling.BILINEAR, box=box)
            result[:] = np.asarray(native)
        return restored

    @property
    def _same(self) -> bool:
        return self.height == self.width == self.size

    @property
    def _side(self) -> int:
        return max(self.height, self.width)

    @property
    def _top(self) -> int:
        return (self._side - self.height) // 2

    @property
    def _left(self) -> int:
        return (self._side - self.width) // 2

    def _reached(self, margin: int, first: int, last: int) -> slice:
        """Pixels of the network that meet native rows or columns `first`..`last - 1`."""
        return slice(int((first + margin) / self.step), min(math.ceil((last + margin) / self.step), self.size))


@functools.lru_cache(maxsize=8)
def _weights(grid: SquareGrid) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """`(size, height)` and `(size, width)` float32: the fraction of each row and column in each native one."""
    edges = np.arange(grid.size + 1)[:, None] * grid.step

    def overlap(length: int, margin: int) -> scipy.sparse.csr_array:
        pixels = np.arange(length) + margin
        common = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
        return scipy.sparse.csr_array((np.maximum(common, 0) / grid.step).astype(np.float32))

    return overlap(grid.height, grid._top), overlap(grid.width, grid._left)


def covered(coverage: np.ndarray) -> np.ndarray:
    """Where at least half of a pixel is covered: bool, from uint8 coverage."""
    return coverage > FULL // 2
