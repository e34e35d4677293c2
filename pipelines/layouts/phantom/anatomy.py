"""Anatomy of the phantom's abdomen, without the liver.

Every `paint_...` function draws its organ's size and place from `rng` and paints it into `hu`. How much it draws never
depends on the grid, so the same patient comes out at every resolution. Positions are in mm from the middle of the torso
at the height of the liver's middle (axes as in `shapes`); Hounsfield units are usual portal-venous values.
"""

import dataclasses
import math

import numpy as np

from pipelines.layouts.phantom.shapes import Ellipsoid, Grid, Point, Trunk, Tube, Waves, fill, grown

AIR, LUNG, FAT, WATER = -1000.0, -830.0, -105.0, 5.0
MUSCLE, SOFT, BLADDER = 58.0, 45.0, 10.0
CORTEX_OF_BONE, MARROW, DISC = 520.0, 190.0, 85.0
LIVER_HALF_HEIGHT = 75.0  # mm, of a liver of scale 1
INFINITE = math.inf


@dataclasses.dataclass(frozen=True)
class Build:
    """A patient's build.

    Attributes:
        torso: outer surface.
        wall: where the ribs run.
        cavity: inner surface of the abdominal wall.
        fat: thickness under the skin, mm.
        scale: size of the liver and of what lies around it, about 1.
        spine: y of the vertebral bodies' middle, mm.
        bloom: enhancement of the blood pool above unenhanced blood, HU.
    """

    torso: Trunk
    wall: Trunk
    cavity: Trunk
    fat: float
    scale: float
    spine: float
    bloom: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Build":
        """Draws a patient."""
        width, depth = rng.uniform(146.0, 174.0), rng.uniform(104.0, 128.0)
        fat, muscle = rng.uniform(7.0, 20.0), rng.uniform(8.0, 13.0)
        wobble = Waves(rng, (120.0, 300.0), 1.5)
        rind = fat + muscle
        return cls(
            torso=Trunk(depth, width, wobble=wobble),
            wall=Trunk(depth - fat - 0.6 * muscle, width - fat - 0.6 * muscle, wobble=wobble),
            cavity=Trunk(depth - rind, width - rind, wobble=wobble),
            fat=fat,
            # Liver and torso go together, else small bodies would be all liver.
            scale=(width - rind) / 134.0 * rng.uniform(0.9, 1.06),
            spine=depth - fat - rng.uniform(50.0, 56.0),
            bloom=rng.uniform(70.0, 130.0),
        )


@dataclasses.dataclass(frozen=True)
class Inside:
    """A solid cut off `margin` mm short of the cavity's wall."""

    solid: Ellipsoid
    cavity: Trunk
    margin: float = 2.0

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        return self.solid.bounds()

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm."""
        return np.maximum(self.solid.distance(grid), self.cavity.distance(grid) + self.margin)


@dataclasses.dataclass(frozen=True)
class Lungs:
    """The cavity above the diaphragm: two domes whose rims reach lowest at the back.

    Attributes:
        cavity: what the lungs lie in.
        dome: z of the right dome's top, mm; the left one lies 15 lower.
    """

    cavity: Trunk
    dome: float

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        low, high = self.cavity.bounds()
        return low, (self.dome + 150.0, *high[1:])

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm."""
        across = np.abs(grid.x) / self.cavity.width - 0.5
        along = grid.y / self.cavity.depth
        floor = self.dome + 200.0 * across**2 + 55.0 * along**2 + 22.0 * along + np.clip(0.3 * grid.x, 0.0, 15.0)
        # The domes are about as steep as they are wide, so half the drop is near the distance.
        return np.maximum(self.cavity.distance(grid) + 2.0, 0.5 * (grid.z - floor))


@dataclasses.dataclass(frozen=True)
class Ribs:
    """Bands in the wall that sink from the back to the front, so that a slice cuts several of them.

    Attributes:
        wall: the surface they run in.
        pitch: mm between ribs.
        sink: mm from spine to breastbone.
        last: z in mm, at the back, below which there are none.
    """

    wall: Trunk
    pitch: float
    sink: float
    last: float

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner, in mm."""
        low, high = self.wall.bounds()
        return grown(low, -6.0), grown(high, 6.0)

    def distance(self, grid: Grid) -> np.ndarray:
        """Signed distance in mm, roughly."""
        turned = np.abs(np.arctan2(grid.x, grid.y)) / np.float32(np.pi)  # 0 at the spine, 1 in front
        height = grid.z - self.sink * turned
        gap = (height + 0.5 * self.pitch) % self.pitch - 0.5 * self.pitch
        band = 4.0 * (np.sqrt((self.wall.distance(grid) / 4.0) ** 2 + (gap / 4.5) ** 2) - 1.0)
        # In front there is cartilage, which is no brighter than muscle.
        return np.maximum(band, np.maximum(60.0 * (turned - 0.8), height - self.last))


def paint_couch(hu: np.ndarray, grid: Grid, build: Build) -> None:
    """The scanner's table: a thin shell under the back."""
    couch = Ellipsoid((0.0, build.torso.depth + 34.0, 0.0), (INFINITE, 28.0, 210.0))
    fill(hu, grid, couch, lambda _, d: np.where(d > -4.0, -350.0, -960.0).astype(np.float32))


def paint_torso(hu: np.ndarray, grid: Grid, build: Build) -> None:
    """Skin, fat, muscle and the cavity with its fat."""
    depth, width, wobble = build.torso.depth, build.torso.width, build.torso.wobble
    fill(hu, grid, build.torso, MUSCLE - 20.0)
    fill(hu, grid, Trunk(depth - 2.0, width - 2.0, wobble=wobble), FAT)
    fill(hu, grid, Trunk(depth - build.fat, width - build.fat, wobble=wobble), MUSCLE)
    fill(hu, grid, build.cavity, FAT + 5.0)


def paint_chest(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Lung bases, the fat around the spine between them, and the heart's underside."""
    top = -LIVER_HALF_HEIGHT * build.scale
    vessels = Waves(rng, (9.0, 22.0), 60.0)
    fill(hu, grid, Lungs(build.cavity, top + rng.uniform(8.0, 20.0)), lambda g, _: LUNG + np.maximum(vessels(g), 0.0))
    fill(hu, grid, Ellipsoid((0.0, build.spine - 12.0, 4.0), (INFINITE, 34.0, 36.0)), FAT + 15.0)
    heart = Ellipsoid((top - 28.0, -0.3 * build.cavity.depth, 22.0), (46.0, 44.0, 58.0), turn=20.0)
    blood = 45.0 + build.bloom
    fill(hu, grid, Inside(heart, build.cavity), lambda g, d: np.where(d > -9.0, blood - 35.0, blood).astype(np.float32))


def paint_bowel(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Loops with walls, fluid and gas, in the lower front of the cavity."""
    loops, gas = Waves(rng, (40.0, 70.0), 1.0), Waves(rng, (40.0, 90.0), 1.0)

    def paint(part: Grid, _: np.ndarray) -> np.ndarray:
        depth = np.abs(loops(part))  # 0 in the middle of a loop
        content = np.where(gas(part) > 1.3, -850.0, 30.0)
        inside = np.where(depth < 0.55, content, 75.0)
        return np.where(depth < 0.8, inside, FAT + 5.0).astype(np.float32)

    region = Ellipsoid((115.0 * build.scale, -30.0, 12.0), (95.0, 58.0, 112.0))
    fill(hu, grid, Inside(region, build.cavity, 4.0), paint)


def paint_back(hu: np.ndarray, grid: Grid, build: Build) -> None:
    """Muscles beside the spine, the crura, and further down the psoas."""
    for side in (-1.0, 1.0):
        fill(hu, grid, Ellipsoid((0.0, build.spine + 30.0, 33.0 * side), (INFINITE, 19.0, 30.0), 8.0 * side), MUSCLE)
        fill(hu, grid, Ellipsoid((90.0, build.spine + 4.0, 36.0 * side), (75.0, 17.0, 14.0)), MUSCLE)
        fill(hu, grid, Ellipsoid((-30.0, build.spine - 20.0, 15.0 * side), (70.0, 12.0, 5.0), -25.0 * side), MUSCLE)


def paint_skeleton(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Ribs and spine: bodies with a bright rim and discs between them, arch, canal and processes."""
    spine, pitch, phase = build.spine, rng.uniform(31.0, 36.0), rng.uniform(0.0, 30.0)
    fill(hu, grid, Ribs(build.wall, rng.uniform(25.0, 30.0), rng.uniform(105.0, 140.0), 45.0), 0.9 * CORTEX_OF_BONE)

    def body(part: Grid, distance: np.ndarray) -> np.ndarray:
        bone = np.where(distance > -2.5, 0.8 * CORTEX_OF_BONE, MARROW)
        return np.where((part.z + phase) % pitch < 7.0, DISC, bone).astype(np.float32)

    for side in (-1.0, 1.0):
        fill(
            hu,
            grid,
            Ellipsoid((0.0, spine + 22.0, 22.0 * side), (INFINITE, 4.5, 13.0), 18.0 * side),
            0.5 * CORTEX_OF_BONE,
        )
    fill(hu, grid, Ellipsoid((0.0, spine + 46.0, 0.0), (INFINITE, 15.0, 4.0)), 0.7 * CORTEX_OF_BONE)
    fill(hu, grid, Ellipsoid((0.0, spine + 24.0, 0.0), (INFINITE, 13.0, 15.0)), 0.9 * CORTEX_OF_BONE)
    fill(hu, grid, Ellipsoid((0.0, spine + 23.0, 0.0), (INFINITE, 8.0, 10.5)), 25.0)
    fill(hu, grid, Ellipsoid((0.0, spine, 0.0), (INFINITE, 16.0, 21.0)), body)


def paint_stomach(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """A wall around fluid with gas on top, as in a patient on his back."""
    s = build.scale
    centre = (rng.uniform(-25.0, 0.0), rng.uniform(-34.0, -22.0), rng.uniform(62.0, 76.0))
    wobble = Waves(rng, (50.0, 90.0), 2.0)
    radii = (rng.uniform(48.0, 62.0) * s, rng.uniform(32.0, 42.0) * s, rng.uniform(30.0, 42.0) * s)
    level, fluid = centre[1] + rng.uniform(-26.0, 8.0), rng.uniform(5.0, 35.0)

    def paint(part: Grid, distance: np.ndarray) -> np.ndarray:
        gas = np.clip((level - part.y) / part.pixel + 0.5, 0.0, 1.0)
        return np.where(distance > -4.0, 75.0, fluid + gas * (-960.0 - fluid)).astype(np.float32)

    fill(hu, grid, Inside(Ellipsoid(centre, radii, -20.0, wobble), build.cavity, 3.0), paint)


def paint_spleen(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Against the left back wall, nearly as bright as a healthy liver."""
    centre = (rng.uniform(-30.0, 0.0), rng.uniform(28.0, 40.0), build.cavity.width - rng.uniform(26.0, 32.0))
    radii = (rng.uniform(40.0, 54.0), rng.uniform(36.0, 48.0), rng.uniform(20.0, 27.0))
    spleen = Ellipsoid(centre, radii, rng.uniform(15.0, 35.0), Waves(rng, (40.0, 80.0), 2.0))
    fill(hu, grid, Inside(spleen, build.cavity), rng.uniform(105.0, 135.0))


def kidney(build: Build, side: float) -> Ellipsoid:
    """One kidney: the right one (side -1) stands lower, under the liver."""
    centre = (62.0 if side < 0 else 46.0, build.spine + 8.0, 66.0 * side)
    return Ellipsoid(centre, (54.0, 27.0, 24.0), -25.0 * side)


def paint_kidneys(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Bright cortex, less bright medulla, fat in the sinus."""
    cortex, medulla = rng.uniform(160.0, 200.0), rng.uniform(115.0, 150.0)
    for side in (-1.0, 1.0):
        whole = kidney(build, side)
        fill(hu, grid, whole, lambda _, d: np.where(d > -7.0, cortex, medulla).astype(np.float32))
        sinus = (whole.centre[0], whole.centre[1] - 4.0, whole.centre[2] - 10.0 * side)
        fill(hu, grid, Ellipsoid(sinus, (26.0, 8.0, 13.0), -25.0 * side), FAT + 40.0)


def paint_pancreas(hu: np.ndarray, grid: Grid, build: Build, rng: np.random.Generator) -> None:
    """Head, body and tail: a bent sausage from the duodenum towards the spleen."""
    y, tint = build.spine - 34.0, rng.uniform(80.0, 105.0)
    bends = [(48.0, y + 2.0, -24.0), (24.0, y - 14.0, 2.0), (14.0, y - 4.0, 38.0), (6.0, y + 22.0, 78.0)]
    for start, end, radius in zip(bends, bends[1:], (12.0, 9.0, 9.0), strict=False):
        fill(hu, grid, Tube(start, end, (radius, 8.0)), tint)


def paint_great_vessels(hu: np.ndarray, grid: Grid, build: Build) -> None:
    """Aorta in front of the spine to its left, inferior vena cava to its right, close to the liver."""
    aorta = Ellipsoid((0.0, build.spine - 25.0, 9.0), (INFINITE, 10.5, 10.5))
    cava = Ellipsoid((0.0, build.spine - 26.0, -22.0), (INFINITE, 9.5, 12.5), -15.0)
    fill(hu, grid, aorta, 45.0 + build.bloom)
    fill(hu, grid, cava, 38.0 + 0.75 * build.bloom)
