"""Surfels: surface elements between voxels, weighted by their area, as in DeepMind's surface-distance.

Around every corner of the voxel grid lie 2x2x2 voxels (2x2 pixels in a slice). Where they are not alike, the surface
between foreground and background passes through, and the corner is a surfel. Its area is that of the marching cubes'
surface (Lorensen and Cline 1987) through the middles of the edges whose ends differ, under these rules:

* The side with fewer voxels is cut off; with four against four, the foreground.
* Where that side has two opposite corners of a face, they are cut off one by one.
* A polygon that does not lie in a plane is triangulated into as few planes as possible.

With these rules the areas are those of DeepMind's tables (Nikolov et al. 2021).
"""

import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

Point = tuple[int, ...]
CORNERS: tuple[Point, ...] = tuple(itertools.product((0, 1), repeat=3))
_FACES = [(axis, side) for axis in range(3) for side in (0, 1)]


def surfels(mask: np.ndarray, spacing: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the surfels of a mask.

    Args:
        mask: bool, `(slices, H, W)` or `(H, W)`; empty outside the array.
        spacing: one length per axis.

    Returns:
        Places, float64 `(surfels, axes)`, from the first voxel's centre, and areas (in a slice, lengths), float64
        `(surfels,)`, in the unit of the spacing.
    """
    steps = np.asarray(spacing, float)
    code = np.pad(mask, 1).astype(np.uint8)
    for axis in reversed(range(mask.ndim)):  # bit by bit, the first axis has the highest
        code = code.swapaxes(axis, 0)
        code = (code[:-1] | code[1:] << 2 ** (mask.ndim - 1 - axis)).swapaxes(axis, 0)
    mixed = (code != 0) & (code != 2**2**mask.ndim - 1)
    table = _contour_lengths(steps) if mask.ndim == 2 else _areas(steps)
    return (np.argwhere(mixed) - 0.5) * steps, table[code[mixed]]


def _areas(steps: np.ndarray) -> np.ndarray:
    """Area by code, float64 `(256,)`."""
    faces = np.prod(steps) / steps  # an area vector's component along an axis spans the other two
    return np.linalg.norm(_facets() * faces, axis=2).sum(axis=1)


def _contour_lengths(steps: np.ndarray) -> np.ndarray:
    """Length by code of 2x2 pixels, float64 `(16,)`."""
    lengths = np.zeros(16)
    for code in range(1, 15):
        corners = [index for index in range(4) if code >> index & 1]
        if len(corners) == 2 and sum(corners) != 3:  # neighbours: along columns (0 and 1) or along rows (0 and 2)
            lengths[code] = steps[1] if corners[1] - corners[0] == 1 else steps[0]
        else:
            lengths[code] = np.linalg.norm(steps) / 2 * (len(corners) if len(corners) < 3 else 1)
    return lengths


@functools.cache
def _facets() -> np.ndarray:
    """Area vectors of each code's planar pieces for voxels of unit size, float64 `(256, pieces, 3)`, padded with 0."""
    by_code = []
    for code in range(256):
        inside = {corner: bool(code >> index & 1) for index, corner in enumerate(CORNERS)}
        if sum(inside.values()) > 4:
            inside = {corner: not each for corner, each in inside.items()}
        by_code.append([vector for polygon in _polygons(inside) for vector in _planes(polygon)])
    table = np.zeros((256, max(map(len, by_code)), 3))
    for code, vectors in enumerate(by_code):
        table[code, : len(vectors)] = np.reshape(vectors, (-1, 3))
    return table


def _polygons(inside: dict[Point, bool]) -> Iterator[list[Point]]:
    """The surface's polygons; vertices are sums of an edge's two corners, twice the edge's middle."""
    neighbours: dict[Point, list[Point]] = {}
    for axis, side in _FACES:
        ring = [_corner(axis, side, pair) for pair in ((0, 0), (0, 1), (1, 1), (1, 0))]
        edges = [tuple(np.add(ring[index - 1], ring[index]).tolist()) for index in range(4)]  # before each corner
        cut = [index for index in range(4) if inside[ring[index - 1]] != inside[ring[index]]]
        if len(cut) == 4:
            segments = [(edges[index], edges[(index + 1) % 4]) for index in range(4) if inside[ring[index]]]
        else:
            segments = [(edges[cut[0]], edges[cut[1]])] if cut else []
        for one, other in segments:
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    while neighbours:
        polygon = [next(iter(neighbours))]
        while following := [each for each in neighbours.pop(polygon[-1]) if each in neighbours]:
            polygon.append(following[0])
        yield polygon


def _corner(axis: int, side: int, pair: tuple[int, int]) -> Point:
    return (*pair[:axis], side, *pair[axis:])


def _planes(polygon: list[Point]) -> list[np.ndarray]:
    """Area vectors of a polygon's planar pieces in the triangulation with the fewest planes."""
    choices = []
    for triangles in _triangulations(tuple(polygon)):
        planes: dict[Point, np.ndarray] = {}
        for one, two, three in triangles:
            vector = np.cross(np.subtract(two, one), np.subtract(three, one))
            direction = tuple((vector // np.gcd.reduce(vector)).tolist())
            planes[direction] = planes.get(direction, 0) + vector / 8  # half of it, for vertices that are doubled
        choices.append(list(planes.values()))
    return min(choices, key=len)


def _triangulations(polygon: tuple[Point, ...]) -> Iterator[list[tuple[Point, Point, Point]]]:
    """All triangulations of a polygon of three vertices or more; of an edge, the one without triangles."""
    if len(polygon) < 3:
        yield []
    for apex in range(1, len(polygon) - 1):
        for before in _triangulations(polygon[: apex + 1]):
            for after in _triangulations(polygon[apex:]):
                yield [*before, (polygon[0], polygon[apex], polygon[-1]), *after]
