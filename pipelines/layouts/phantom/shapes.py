"""Solids of the phantom: signed distances in millimetres, painted with soft edges onto a voxel grid.

Axes are those of the arrays, (z, y, x): z grows towards the feet, y towards the back, x towards the patient's left,
which is the image's right. Everything is float32.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

Point = tuple[float, float, float]


def grown(point: Point, margin: float) -> Point:
    """A point, or three radii, with `margin` added to each coordinate."""
    return point[0] + margin, point[1] + margin, point[2] + margin


@dataclasses.dataclass(frozen=True)
class Grid:
    """Voxel centres in millimetres, as three float32 arrays that broadcast to `(Z, Y, X)`.

    Attributes:
        z: `(Z, 1, 1)`.
        y: `(1, Y, 1)`.
        x: `(1, 1, X)`.
        pixel: millimetres between neighbours in plane, the minimum width of an edge.
    """

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray
    pixel: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(Z, Y, X)`."""
        return np.broadcast_shapes(self.z.shape, self.y.shape, self.x.shape)

    def window(self, low: Point, high: Point) -> tuple[tuple[slice, slice, slice], "Grid"]:
        """The part between two corners, possibly empty: its index into the whole, and the part."""
        sides = zip((self.z, self.y, self.x), low, high, strict=True)
        zs, ys, xs = (slice(*np.searchsorted(axis.ravel(), (a, b))) for axis, a, b in sides)
        return (zs, ys, xs), Grid(self.z[zs], self.y[:, ys], self.x[:, :, xs], self.pixel)


class Solid(Protocol):
    """Anything with an inside."""

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner of a box around it, in mm."""

    def distance(self, grid: Grid) -> np.ndarray:
        """Approximate distance to the surface in mm, negative inside; broadcasts to the grid's shape."""


Paint = float | Callable[[Grid, np.ndarray], np.ndarray]
"""Hounsfield units of a filling: one number, or a function of the grid and the signed distance."""


def coverage(distance: np.ndarray, edge: float) -> np.ndarray:
    """Fraction (0..1) of a voxel that lies inside: a ramp as wide as `edge` mm, one half on the surface."""
    return np.clip(0.5 - distance / edge, 0.0, 1.0)


def blend(below: np.ndarray, above: float | np.ndarray, fraction: np.ndarray) -> None:
    """Mixes `above` into `below` in place, by the given fraction (0..1)."""
    below += fraction * (above - below)


def smooth_min(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """The nearer of two distances, with the crease between the solids rounded over about `radius` mm."""
    return np.minimum(a, b) - np.maximum(radius - np.abs(a - b), 0.0) ** 2 / (4.0 * radius)


def fill(hu: np.ndarray, grid: Grid, solid: Solid, paint: Paint, *, edge: float = 0.0) -> None:
    """Paints a solid in place.

    Args:
        hu: `grid.shape`, float32.
        grid: where the voxels of `hu` are.
        solid: what to paint.
        paint: its Hounsfield units.
        edge: width in mm of its border; never less than a pixel, which is the partial volume in plane.
    """
    edge = max(edge, grid.pixel)
    low, high = solid.bounds()
    index, part = grid.window(grown(low, -edge), grown(high, edge))
    distance = solid.distance(part)
    blend(hu[index], paint(part, distance) if callable(paint) else paint, coverage(distance, edge))


class Waves:
    """A smooth random field: a sum of plane waves, so that it has a value at every point whatever the grid.

    Args:
        rng: draws directions, wavelengths and phases.
        wavelength: shortest and longest, in mm.
        amplitude: the field's standard deviation, in whatever it stands for.
        count: number of waves.
    """

    def __init__(self, rng: np.random.Generator, wavelength: tuple[float, float], amplitude: float, count: int = 16):
        direction = rng.normal(size=(3, count))
        direction /= np.linalg.norm(direction, axis=0)
        self.vectors = 2.0 * np.pi * direction / rng.uniform(*wavelength, size=count)
        self.phases = rng.uniform(0.0, 2.0 * np.pi, size=count)
        self.scale = amplitude * math.sqrt(2.0 / count)

    def __call__(self, grid: Grid) -> np.ndarray:
        """`grid.shape`, float32."""
        # exp(i(a+b+c)) is a product, so the field is one small matrix product and not a sine for every voxel.
        kz, ky, kx = self.vectors
        across = self.scale * np.exp(1j * (grid.z.reshape(-1, 1) * kz + self.phases))[:, None]
        across = (across * np.exp(1j * grid.y.reshape(-1, 1) * ky)).astype(np.complex64)
        along = np.exp(1j * kx[:, None] * grid.x.reshape(1, -1)).astype(np.complex64)
        return across.real @ along.real - across.imag @ along.imag


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid turned about z; an infinite radius along z makes it a column.

    Attributes:
        centre: mm.
        radii: mm, along z, y and x before turning.
        turn: degrees, clockwise in the image.
        wobble: millimetres to add to its distance, an irregular surface.
    """

    centre: Point
    radii: Point
    turn: float = 0.0
    wobble: Waves | None = None

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        slack = 3.0 * self.wobble.scale if self.wobble else 0.0
        flat = max(self.radii[1:]) if self.turn else 0.0
        (z, y, x), (rz, ry, rx) = self.centre, self.radii
        rz, ry, rx = grown((rz, max(ry, flat), max(rx, flat)), slack)
        return (z - rz, y - ry, x - rx), (z + rz, y + ry, x + rx)

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm, first order at the surface."""
        cosine, sine = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        dz, dy, dx = grid.z - self.centre[0], grid.y - self.centre[1], grid.x - self.centre[2]
        local = (dz, cosine * dy - sine * dx, cosine * dx + sine * dy)
        # The small constant keeps the exact centre, 0/0, deep inside.
        height, flat1, flat2 = ((a / r) ** 2 for a, r in zip(local, self.radii, strict=True))
        level = np.sqrt(height + (flat1 + flat2 + 1e-6))
        height, flat1, flat2 = ((a / r**2) ** 2 for a, r in zip(local, self.radii, strict=True))
        slope = np.sqrt(height + (flat1 + flat2 + 1e-6 / max(self.radii[1:]) ** 2))
        distance = level * (level - 1.0) / slope
        return distance + self.wobble(grid) if self.wobble else distance


@dataclasses.dataclass(frozen=True)
class Tube:
    """A straight vessel with round ends, from `start` to `end`, its radius going from `radii[0]` to `radii[1]` (mm)."""

    start: Point
    end: Point
    radii: tuple[float, float]

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        (z, low_y, low_x), (other_z, high_y, high_x) = self.start, self.end
        reach = max(self.radii)
        low = (min(z, other_z), min(low_y, high_y), min(low_x, high_x))
        high = (max(z, other_z), max(low_y, high_y), max(low_x, high_x))
        return grown(low, -reach), grown(high, reach)

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm."""
        axis = [b - a for a, b in zip(self.start, self.end, strict=True)]
        offset = [g - a for g, a in zip((grid.z, grid.y, grid.x), self.start, strict=True)]
        length2 = sum(a * a for a in axis) + 1e-9
        along = np.clip(sum(o * (a / length2) for o, a in zip(offset, axis, strict=True)), 0.0, 1.0)
        gap2 = sum((o - along * a) ** 2 for o, a in zip(offset, axis, strict=True))
        return np.sqrt(gap2) - (self.radii[0] + along * (self.radii[1] - self.radii[0]))


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The torso: a column whose cross-section is a super-ellipse of half axes `depth` (y) and `width` (x), in mm."""

    depth: float
    width: float
    power: float = 2.4
    wobble: Waves | None = None

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        slack = 3.0 * self.wobble.scale if self.wobble else 0.0
        return (
            (-math.inf, -self.depth - slack, -self.width - slack),
            (math.inf, self.depth + slack, self.width + slack),
        )

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm, measured along the ray from the middle."""
        powers = np.abs(grid.y / self.depth) ** self.power + np.abs(grid.x / self.width) ** self.power
        distance = np.hypot(grid.y, grid.x) * (1.0 - 1.0 / (powers + 1e-6) ** (1.0 / self.power))
        distance = np.where(powers < 1e-3, -min(self.depth, self.width), distance)
        return distance + self.wobble(grid) if self.wobble else distance
