"""Size, place and diameters of connected components."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import scipy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """A connected component of a mask.

    Attributes:
        voxels: number of voxels.
        size: mm^3, or mm^2 in a single slice; None where the spacing is unknown.
        diameter: mm, of the ball (in a single slice, the disc) of that size; None where the spacing is unknown.
        longest_axis: mm, its longest diameter within a slice, in the slice where that is longest: the largest distance
            between two corners of its voxels, from outer edge to outer edge; None where the spacing is unknown.
        short_axis: mm, the longest diameter at right angles to it in the same slice, likewise (RECIST 1.1).
        axis_slice: index of that slice; None where the spacing is unknown.
        box: first and last + 1 index along (slice, row, column).
        centroid: (slice, row, column), in voxels.
        slice: index of the slice that shows the most of it.
        intensity: mean of the image within it; None without an image.
    """

    voxels: int
    size: float | None
    diameter: float | None
    longest_axis: float | None
    short_axis: float | None
    axis_slice: int | None
    box: tuple[tuple[int, int], ...]
    centroid: tuple[float, float, float]
    slice: int
    intensity: float | None


class Describer:
    """Measures labelled components of a part of a stack.

    Args:
        start: first index of the part along (slice, row, column) of the stack.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether the slices are neighbours in one volume.
        images: `(slices, H, W)`, the part of the image; None without one.
    """

    def __init__(
        self,
        start: Sequence[int],
        spacing: tuple[float, float, float] | None,
        *,
        contiguous: bool,
        images: np.ndarray | None = None,
    ):
        self._start = np.array(start)
        self._spacing, self._contiguous, self._images = spacing, contiguous, images
        self._voxel = None if spacing is None else math.prod(spacing if contiguous else spacing[1:])

    def __call__(self, labels: np.ndarray) -> Iterator[Component]:
        """Describes the components in the order of their labels, int `(slices, H, W)`."""
        for index, box in enumerate(scipy.ndimage.find_objects(labels), 1):
            yield self._component(labels[box] == index, box)

    def _component(self, mask: np.ndarray, box: tuple[slice, ...]) -> Component:
        start = self._start + [side.start for side in box]
        voxels = int(np.count_nonzero(mask))
        size = None if self._voxel is None else voxels * self._voxel
        profiles = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        centroid = [
            float(low + profile @ np.arange(len(profile)) / voxels)
            for low, profile in zip(start, profiles, strict=True)
        ]
        longest = short = axis_slice = None
        if self._spacing is not None:
            longest, short, axis_slice = axial_diameters(mask, self._spacing[1:])
            axis_slice += int(start[0])
        return Component(
            voxels=voxels,
            size=size,
            diameter=None if size is None else self._diameter(size),
            longest_axis=longest,
            short_axis=short,
            axis_slice=axis_slice,
            box=tuple((int(low), int(low + length)) for low, length in zip(start, mask.shape, strict=True)),
            centroid=(centroid[0], centroid[1], centroid[2]),
            slice=int(start[0] + profiles[0].argmax()),
            intensity=None if self._images is None else float(self._images[box][mask].mean(dtype=np.float64)),
        )

    def _diameter(self, size: float) -> float:
        return (6 * size / math.pi) ** (1 / 3) if self._contiguous else 2 * math.sqrt(size / math.pi)


def axial_diameters(mask: np.ndarray, spacing: tuple[float, float]) -> tuple[float, float, int]:
    """Measures the longest diameter within a slice, and the longest one at right angles to it.

    Diameters are those of the convex hull, from outer edge to outer edge of the pixels.

    Args:
        mask: bool `(slices, H, W)`, not empty.
        spacing: millimetres along (row, column).

    Returns:
        The longest and the short axis in mm, and the index of their slice, the first where several are as long.
    """
    shown = [np.asarray(mask.any(axis=axis)) for axis in (2, 1)]
    # No diameter is longer than the diagonal of the slice's box, so few slices have to be measured.
    bounds = np.hypot(*(_span(each) * step for each, step in zip(shown, spacing, strict=True)))
    bounds[~shown[0].any(axis=1)] = 0
    best = (0.0, 0.0, 0)
    for index in np.argsort(-bounds, kind="stable"):
        if bounds[index] < best[0]:
            break
        longest, short = _diameters(_outline(mask[index]) * spacing)
        if longest > best[0] or (longest == best[0] and index < best[2]):
            best = longest, short, int(index)
    return best


def _span(shown: np.ndarray) -> np.ndarray:
    """Distance from the first to one past the last True of each row, int `(rows,)`; the row's length where none is."""
    return shown.shape[1] - shown.argmax(axis=1) - shown[:, ::-1].argmax(axis=1)


def _outline(mask: np.ndarray) -> np.ndarray:
    """Corners of the first and last pixel of each row of a slice, float64 `(corners, 2)`, in pixels."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    edges = [np.stack([rows + step, side], axis=1) for step in (0, 1) for side in (first, last)]
    return np.concatenate(edges).astype(float)


def _diameters(corners: np.ndarray) -> tuple[float, float]:
    """The largest distance between two points, and the longest chord of their convex hull perpendicular to it."""
    hull = corners[scipy.spatial.ConvexHull(corners).vertices]  # counterclockwise
    distances = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(hull))
    one, other = np.unravel_index(distances.argmax(), distances.shape)  # one < other
    direction = (hull[other] - hull[one]) / distances[one, other]
    along, across = hull @ direction, hull @ np.array([-direction[1], direction[0]])
    # The hull's two sides from one end of the longest axis to the other; a chord is longest where it meets a vertex.
    right, left = slice(one, other + 1), np.r_[one : other - len(hull) - 1 : -1]
    chords = np.interp(along, along[left], across[left]) - np.interp(along, along[right], across[right])
    return float(distances[one, other]), float(chords.max())
