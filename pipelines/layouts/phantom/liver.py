"""Liver of the phantom: its surface, vessels, lesions, and harmless structures that look like lesions.

Lengths in mm, intensities in Hounsfield units (usual portal-venous values), axes as in `shapes`.
"""

import dataclasses
import math

import numpy as np

from pipelines.layouts.phantom.anatomy import BLADDER, FAT, LIVER_HALF_HEIGHT, Build, kidney
from pipelines.layouts.phantom.shapes import (
    Ellipsoid,
    Grid,
    Point,
    Tube,
    Waves,
    blend,
    coverage,
    fill,
    grown,
    smooth_min,
)

FATTY = 0.15  # fraction of patients
LARGEST_COUNT = 8  # lesions of one patient
DIAMETERS = (5.0, 50.0)  # mm


@dataclasses.dataclass(frozen=True)
class Liver:
    """A liver's surface: two lobes joined, hollowed by its neighbours.

    Attributes:
        build: the patient's.
        lobes: right and left.
        hollows: what it makes room for, each with mm of clearance.
        wobble: irregularity of the surface, mm.
    """

    build: Build
    lobes: tuple[Ellipsoid, Ellipsoid]
    hollows: tuple[tuple[Ellipsoid, float], ...]
    wobble: Waves

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        lows, highs = zip(*(lobe.bounds() for lobe in self.lobes), strict=True)
        return tuple(min(v) - 6.0 for v in zip(*lows, strict=True)), tuple(
            max(v) + 6.0 for v in zip(*highs, strict=True)
        )

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm, roughly."""
        right, left = (lobe.distance(grid) for lobe in self.lobes)
        surface = smooth_min(right, left, 18.0) + self.wobble(grid)
        for hollow, clearance in self.hollows:
            surface = -smooth_min(-surface, hollow.distance(grid) - clearance, 6.0)
        return np.maximum(surface, self.build.cavity.distance(grid) + 3.0)


@dataclasses.dataclass(frozen=True)
class Lesion:
    """One tumour.

    Attributes:
        shape: its border.
        contrast: HU against the liver around it.
        rim: HU of its outer shell against the liver, or None.
        core: HU of its centre against the liver, or None.
        blur: width of its border in mm.
    """

    shape: Ellipsoid
    contrast: float
    rim: float | None
    core: float | None
    blur: float


def gallbladder(build: Build, rng: np.random.Generator) -> Ellipsoid:
    """A pear under the right lobe, dark as water: it invites the same mistake in every patient."""
    centre = (rng.uniform(30.0, 44.0) * build.scale, rng.uniform(-46.0, -34.0), rng.uniform(-46.0, -36.0))
    return Ellipsoid(centre, (rng.uniform(20.0, 30.0), rng.uniform(13.0, 20.0), rng.uniform(9.0, 14.0)), 25.0)


def draw_liver(build: Build, bladder: Ellipsoid, rng: np.random.Generator) -> Liver:
    """Draws the surface of a liver."""
    s, half = build.scale, LIVER_HALF_HEIGHT * build.scale
    depth = build.cavity.depth
    right = Ellipsoid((0.0, 0.04 * depth, -66.0 * s), (half, 0.86 * depth, rng.uniform(60.0, 68.0) * s), 8.0)
    reach = rng.uniform(55.0, 82.0) * s
    left = Ellipsoid((-26.0 * s, -0.46 * depth, 0.0), (rng.uniform(32.0, 42.0) * s, 0.36 * depth, reach), -6.0)
    gut = Ellipsoid((62.0 * s, -6.0, -4.0), (66.0 * s, 60.0, rng.uniform(46.0, 60.0)), 0.0)
    spine = Ellipsoid((0.0, build.spine, 0.0), (math.inf, 34.0, 36.0))
    fissure = Ellipsoid((12.0, -0.72 * depth, -8.0), (34.0, rng.uniform(20.0, 30.0), 1.5), 12.0)
    bed = kidney(build, -1.0)  # and the fat behind it, else its upper pole would be a target within the liver
    renal = Ellipsoid((bed.centre[0], bed.centre[1] + 20.0, bed.centre[2] + 8.0), (58.0, 46.0, 36.0), bed.turn)
    hollows = ((gut, 0.0), (spine, 0.0), (renal, 0.0), (bladder, 1.0), (fissure, 0.0))
    return Liver(build, (right, left), hollows, Waves(rng, (35.0, 90.0), 2.2))


def branch(rng: np.random.Generator, start: Point, towards: np.ndarray, radius: float, depth: int) -> list[Tube]:
    """A vessel that forks `depth` times: `towards` is the first piece as a vector in mm, `radius` its radius there."""
    end = tuple(a + d for a, d in zip(start, towards.tolist(), strict=True))
    tubes = [Tube(start, end, (radius, 0.8 * radius))]
    for _ in range(2 if depth else 0):
        bent = towards + rng.normal(scale=0.5 * float(np.linalg.norm(towards)), size=3)
        tubes += branch(rng, end, 0.8 * bent, 0.72 * radius, depth - 1)
    return tubes


def draw_vessels(build: Build, rng: np.random.Generator) -> list[Tube]:
    """Three hepatic veins that meet at the vena cava under the dome, and the portal vein's two trees."""
    s = build.scale
    cava, hilum = (-48.0 * s, build.spine - 26.0, -22.0), (8.0 * s, build.spine - 34.0, -26.0)
    veins = ((26.0, 8.0, -46.0), (30.0, -34.0, -24.0), (20.0, -42.0, 16.0))
    trees = [branch(rng, cava, s * np.array(v), rng.uniform(4.5, 6.5), 2) for v in veins]
    portal = ((-6.0, 4.0, -34.0), (-22.0, -34.0, 8.0))
    trees += [branch(rng, hilum, s * np.array(v), rng.uniform(5.0, 7.5), 3) for v in portal]
    return [tube for tree in trees for tube in tree]


def points_inside(liver: Liver, rng: np.random.Generator, pitch: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of a lattice (`pitch` in mm, shifted at random) inside the liver, in random order.

    Returns:
        `(n, 3)` positions in mm, and `(n,)` negative distances to the surface.
    """
    axes = [np.arange(low + rng.uniform(0.0, pitch), high, pitch) for low, high in zip(*liver.bounds(), strict=True)]
    z, y, x = (axis.astype(np.float32) for axis in axes)
    distances = liver.distance(Grid(z[:, None, None], y[None, :, None], x[None, None, :], pitch)).ravel()
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    order = rng.permutation(np.flatnonzero(distances < 0.0))
    return points[order], distances[order]


def draw_lesions(liver: Liver, fatty: bool, rng: np.random.Generator) -> list[Lesion]:
    """Draws 1 to 8 lesions that do not touch each other."""
    count = min(int(rng.geometric(0.3)), LARGEST_COUNT)
    points, distances = points_inside(liver, rng)
    lesions: list[Lesion] = []
    for diameter in np.clip(rng.lognormal(math.log(34.0), 0.42, size=count), *DIAMETERS).tolist():
        radius = diameter / 2.0
        free = distances < -(0.5 * radius + 3.0)
        for other in lesions:
            gap = np.linalg.norm(points - other.shape.centre, axis=1) - max(other.shape.radii) - 1.2 * radius
            free &= gap > 3.0
        if free.any():
            lesions.append(draw_lesion(tuple(points[free][0].tolist()), radius, fatty, rng))
    return lesions


def draw_lesion(centre: Point, radius: float, fatty: bool, rng: np.random.Generator) -> Lesion:
    """Draws one lesion: mostly dark, some with a bright rim or a necrotic centre, some bright."""
    radii = tuple((radius * rng.uniform(0.85, 1.15, size=3)).tolist())
    wobble = Waves(rng, (1.2 * radius, 3.0 * radius), 0.08 * radius)
    shape = Ellipsoid(centre, radii, rng.uniform(-90.0, 90.0), wobble)
    # A fatty liver is dark itself, so its lesions stand out less, and more of them are brighter; only small ones are.
    bright = rng.random() < (0.3 if fatty else 0.15) and radius < 9.0
    contrast = rng.uniform(40.0, 55.0) if bright else -rng.uniform(44.0, 50.0 if fatty else 60.0)
    kind, blur = rng.random(), rng.uniform(1.0, 3.0)
    rim = rng.uniform(0.0, 24.0) if kind < 0.15 and not bright and radius > 6.0 else None
    core = contrast - rng.uniform(20.0, 40.0) if 0.15 < kind < 0.4 and not bright and radius > 8.0 else None
    return Lesion(shape, contrast, rim, core, blur)


def paint_lesion(tissue: np.ndarray, grid: Grid, lesion: Lesion) -> None:
    """Paints one lesion into the liver's tissue, in place."""
    depth = min(lesion.shape.radii)

    def paint(part: Grid, distance: np.ndarray) -> np.ndarray:
        added = np.full(distance.shape, lesion.contrast, np.float32)
        if lesion.rim is not None:
            blend(added, lesion.rim, coverage(-2.0 - distance, 2.0))
        if lesion.core is not None:
            blend(added, lesion.core, coverage(distance + 0.4 * depth, 4.0))
        return added

    added = np.zeros(grid.shape, np.float32)
    fill(added, grid, lesion.shape, paint, edge=lesion.blur)
    tissue += added


def paint_distractors(tissue: np.ndarray, grid: Grid, liver: Liver, rng: np.random.Generator) -> None:
    """Unlabelled dark things: veins without contrast medium, and focal fat beside the falciform ligament."""
    added = np.zeros(grid.shape, np.float32)
    points, distances = points_inside(liver, rng)
    for start in points[distances < -12.0][: rng.integers(1, 4)]:
        direction = rng.normal(size=3)
        end = start + rng.uniform(25.0, 50.0) * direction / np.linalg.norm(direction)
        vein = Tube(tuple(start.tolist()), tuple(end.tolist()), (rng.uniform(2.5, 4.0), 2.0))
        fill(added, grid, vein, -rng.uniform(15.0, 30.0))
    if rng.random() < 0.4:
        depth = liver.build.cavity.depth
        fat = Ellipsoid((-12.0, -0.68 * depth, -16.0), (rng.uniform(8.0, 16.0), rng.uniform(8.0, 14.0), 4.0), 12.0)
        fill(added, grid, fat, -rng.uniform(15.0, 30.0), edge=4.0)
    tissue += added


def paint_liver(
    hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator, *, healthy: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Paints gallbladder and liver.

    Args:
        hu: `grid.shape`, float32 Hounsfield units, painted in place.
        grid: voxel centres.
        build: the patient's build.
        rng: draws everything here; how much it draws does not depend on the grid.
        healthy: no lesions.

    Returns:
        Two float32 arrays of `grid.shape`, 0..1: how much of each voxel is liver, and how much is lesion.
    """
    bladder = gallbladder(build, rng)
    liver = draw_liver(build, bladder, rng)
    fatty = rng.random() < FATTY
    base = rng.uniform(80.0, 92.0) if fatty else rng.uniform(95.0, 125.0)
    opacified = base + rng.uniform(20.0, 60.0)
    texture = Waves(rng, (8.0, 30.0), 3.0)
    vessels, lesions = draw_vessels(build, rng), [] if healthy else draw_lesions(liver, fatty, rng)

    index, part = grid.window(*liver.bounds())
    tissue = base + texture(part)
    for vessel in vessels:
        fill(tissue, part, vessel, opacified)
    paint_distractors(tissue, part, liver, rng)
    lesion_fraction = np.zeros(part.shape, np.float32)
    for lesion in lesions:
        paint_lesion(tissue, part, lesion)
        fill(lesion_fraction, part, lesion.shape, 1.0)

    fraction = coverage(liver.distance(part), grid.pixel)
    fill(hu, grid, Ellipsoid(bladder.centre, grown(bladder.radii, 2.0), bladder.turn), FAT + 130.0)
    blend(hu[index], tissue, fraction)
    fill(hu, grid, bladder, BLADDER)
    fractions = np.zeros((2, *grid.shape), np.float32)
    fractions[0][index], fractions[1][index] = fraction, lesion_fraction * (fraction > 0.0)
    return fractions[0], fractions[1]
