"""Synthetic contrast-enhanced abdominal CT with liver and lesion masks, for runs and tests without patient data.

Slices are in the radiological view, with the liver on the image's left and the spine at the bottom; slice 0 is nearest
the head, at the dome of the liver. Anatomy is drawn in millimetres, so a patient is the same at every image size; only
the noise, which belongs to the detector, is not.
"""

import dataclasses
import hashlib
import json

import numpy as np
from scipy import ndimage

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.layouts.phantom import anatomy
from pipelines.layouts.phantom.liver import paint_liver
from pipelines.layouts.phantom.shapes import Grid, Waves
from pipelines.orientation import HEAD_FIRST

VERSION = 1  # increment whenever the same arguments give other data
SPLIT_OF_LETTER = {"r": "train", "v": "validation", "e": "test"}
# 13 : 2 : 5 of twenty, one of each in the first three; a case's part does not depend on the number of cases.
SPLIT_CYCLE = "revrrrerrrerverrrrer"
# Every eleventh patient has no lesion. Eleven and twenty are coprime, so every part of the split gets such patients,
# and a run with few cases gets none.
HEALTHY_EVERY, FIRST_HEALTHY = 11, 8
SPACINGS = (2.5, 8.0)  # mm between slices, minimum and maximum
SUBSLICES = 2  # planes averaged into one slice: the partial volume along z


@dataclasses.dataclass(frozen=True)
class Scan:
    """Acquisition parameters of a scan.

    Attributes:
        spacing: mm along (slice, row, column).
        noise: standard deviation in HU in the middle of the body.
        kernel: mm, standard deviation of the noise's autocorrelation: small for a sharp kernel, large for a smooth one.
    """

    spacing: tuple[float, float, float]
    noise: float
    kernel: float

    @classmethod
    def draw(cls, rng: np.random.Generator, build: anatomy.Build, slices: int, size: int) -> "Scan":
        """Draws a protocol for a patient, with the given number of slices spread over the liver."""
        field = 2.0 * build.torso.width + rng.uniform(14.0, 40.0)
        height = 2.0 * anatomy.LIVER_HALF_HEIGHT * build.scale * rng.uniform(0.8, 1.05)
        pixel = field / size
        return cls(
            spacing=(float(np.clip(height / slices, *SPACINGS)), pixel, pixel),
            noise=rng.uniform(7.0, 11.0),
            kernel=rng.uniform(0.8, 2.4),
        )

    def grid(self, slices: int, size: int) -> Grid:
        """Voxel centres around the middle of the liver, with `SUBSLICES` planes per slice."""
        thick, pixel, _ = self.spacing
        z = centres(slices * SUBSLICES, thick / SUBSLICES)
        plane = centres(size, pixel)
        return Grid(z[:, None, None], plane[None, :, None], plane[None, None, :], pixel)


def centres(count: int, step: float) -> np.ndarray:
    """`(count,)` float32 positions in mm, `step` apart, symmetrical about 0."""
    return ((np.arange(count) - (count - 1) / 2.0) * step).astype(np.float32)


def draw_patient(
    build: anatomy.Build, grid: Grid, rng: np.random.Generator, *, healthy: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paints a patient from the outside in: float32 HU, fraction of liver, fraction of lesion, each `grid.shape`."""
    hu = np.full(grid.shape, anatomy.AIR, np.float32)
    anatomy.paint_couch(hu, grid, build)
    anatomy.paint_torso(hu, grid, build)
    anatomy.paint_chest(hu, grid, build, rng)
    anatomy.paint_bowel(hu, grid, build, rng)
    anatomy.paint_back(hu, grid, build)
    anatomy.paint_skeleton(hu, grid, build, rng)
    anatomy.paint_pancreas(hu, grid, build, rng)
    anatomy.paint_stomach(hu, grid, build, rng)
    anatomy.paint_spleen(hu, grid, build, rng)
    anatomy.paint_kidneys(hu, grid, build, rng)
    anatomy.paint_great_vessels(hu, grid, build)
    liver, lesion = paint_liver(hu, grid, build, rng, healthy=healthy)
    return hu + Waves(rng, (300.0, 600.0), 2.5)(grid), liver, lesion  # slow shading, as left by scatter


def mean_of_subslices(volume: np.ndarray) -> np.ndarray:
    """`(slices * SUBSLICES, H, W)` to `(slices, H, W)`."""
    return volume.reshape(-1, SUBSLICES, *volume.shape[1:]).mean(axis=1)


def detector_noise(shape: tuple[int, ...], scan: Scan, build: anatomy.Build, rng: np.random.Generator) -> np.ndarray:
    """`(slices, H, W)` float32 HU, correlated in plane, strongest where the body is thickest."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    sigma = scan.kernel / scan.spacing[1]
    noise = ndimage.gaussian_filter(noise, (0.0, sigma, sigma), mode="wrap")
    plane = centres(shape[-1], scan.spacing[1])
    radius2 = (plane[:, None] / build.torso.depth) ** 2 + (plane[None, :] / build.torso.width) ** 2
    return noise * (scan.noise / noise.std() * (0.55 + 0.45 * np.exp(-radius2)))


def name_of(index: int) -> str:
    """Name of the case with this index."""
    return f"phantom-{index:03d}"


def split_of(index: int) -> str:
    """Part of the split of the case with this index."""
    return SPLIT_OF_LETTER[SPLIT_CYCLE[index % len(SPLIT_CYCLE)]]


def make_case(index: int, slices: int, size: int, seed: int) -> Case:
    """Generates the case with this index; a pure function of its arguments."""
    body, machine = (np.random.default_rng([seed, index, stream]) for stream in range(2))
    build = anatomy.Build.draw(body)
    scan = Scan.draw(machine, build, slices, size)
    healthy = index % HEALTHY_EVERY == FIRST_HEALTHY
    volumes = draw_patient(build, scan.grid(slices, size), body, healthy=healthy)
    hu, liver, lesion = (mean_of_subslices(volume) for volume in volumes)
    hu += detector_noise(hu.shape, scan, build, machine)
    liver_mask = liver >= 0.5
    name = name_of(index)
    return Case(
        name=name,
        patient=name,
        split=split_of(index),
        images=np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        masks={"liver": liver_mask, "lesion": (lesion >= 0.5) & liver_mask},
        slice_names=tuple(f"{name}_{k:03d}" for k in range(slices)),
        spacing=scan.spacing,
    )


class Phantom(Source):
    """Synthetic abdominal CT.

    Example:
        >>> case = next(Phantom(size=64).cases())
        >>> case.images.shape, case.images.dtype.name
        ((24, 64, 64), 'int16')

    Args:
        cases: number of patients, at least 3 so that no part of the split is empty.
        slices: slices per patient, at least 1, spread over the liver (2.5 to 8 mm apart).
        size: rows and columns, at least 32.
        seed: random seed, at least 0; another seed gives other patients.

    Raises:
        DataError: an argument is out of range.
    """

    layout = "phantom"
    intensity = "hu"
    orientation = HEAD_FIRST
    targets = ("liver", "lesion")
    patients_by = "each case"

    def __init__(self, *, cases: int = 48, slices: int = 24, size: int = 128, seed: int = 0) -> None:
        least = {"cases": (cases, 3), "slices": (slices, 1), "size": (size, 32), "seed": (seed, 0)}
        for name, (value, low) in least.items():
            if value < low:
                raise DataError(f"`{name}` {value}: too small for the phantom; give at least {low}")
        self.count, self.slices, self.size, self.seed = cases, slices, size, seed
        self._indices = {name_of(index): index for index in range(cases)}
        self.parts = {name: split_of(index) for name, index in self._indices.items()}
        self._notes = [
            f"synthetic CT: {cases} patients of {slices} slices, {size}x{size} pixels, seed {seed}",
            "scores on it show that training works, not how well the network would do on patients",
        ]

    def case(self, name: str) -> Case:
        """Generates one case, the same whatever the number of cases."""
        return make_case(self._indices[name], self.slices, self.size, self.seed)

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the arguments and the version of the generator."""
        made_from = [self.layout, VERSION, self.count, self.slices, self.size, self.seed]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
