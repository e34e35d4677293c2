"""Surface distances: HD95, ASSD and normalized surface Dice.

Surfaces are sets of voxels, as in MONAI: a mask minus its erosion with 6-connectivity, 4 in a single slice. Distances
run between voxel centres and are found with a k-d tree of the surface's voxels, so that neither time nor memory grows
with the volume around the structure.

Where only one of the two masks is empty, distances count as the volume's diagonal (no distance can be longer) and the
surface Dice as 0; where both are, as 0 and 1. If such cases were left out, a false positive in one could improve a mean
over longer diagonals. By definition these measures look at the nearest surface only: a false positive beside a missed
lesion shortens HD95 and ASSD. It shows in lesion-wise detection (`cafct_keras.evaluation.metrics.lesions`).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from cafct_keras.evaluation.metrics.components import boundary, bounding_box
from cafct_keras.evaluation.metrics.options import ScoreOptions

_ROUNDING = 1e-6  # a distance of 1 mm may come out of a square root a little longer


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceScores:
    """Surface distances of one case: of its volume, or of each of its slices.

    Attributes:
        unit: `"volume"` or `"slice"`.
        length: `"mm"`, or `"px"` where the spacing is unknown.
        hd95: float64 `(units,)`, 0 or more.
        assd: float64 `(units,)`, 0 or more.
        tolerances: of the surface Dice, in the unit of length.
        nsd: float64 `(units, tolerances)`, in [0, 1].
        in_prediction: bool `(units,)`, whether the prediction shows anything.
        in_reference: bool `(units,)`, whether the reference does.
        diagonal: of one unit; it stands for a distance where one mask is empty.
    """

    unit: str
    length: str
    hd95: np.ndarray
    assd: np.ndarray
    tolerances: tuple[float, ...]
    nsd: np.ndarray
    in_prediction: np.ndarray
    in_reference: np.ndarray
    diagonal: float

    def measures(self) -> dict[str, np.ndarray]:
        """Name, ending in the unit of length, to values `(units,)`."""
        named = {f"hd95_{self.length}": self.hd95, f"assd_{self.length}": self.assd}
        return named | {f"nsd_{each:g}_{self.length}": self.nsd[:, i] for i, each in enumerate(self.tolerances)}

    def of_nothing(self) -> "SurfaceScores":
        """Scores of an empty prediction."""
        missed = np.where(self.in_reference, self.diagonal, 0.0)
        return dataclasses.replace(
            self,
            hd95=missed,
            assd=missed,
            nsd=np.repeat(~self.in_reference[:, None], len(self.tolerances), axis=1).astype(float),
            in_prediction=np.zeros_like(self.in_reference),
        )


def surface_scores(
    prediction: np.ndarray,
    reference: np.ndarray,
    *,
    spacing: tuple[float, float, float] | None,
    contiguous: bool = True,
    options: ScoreOptions | None = None,
) -> SurfaceScores:
    """Scores a stack, as one volume if its spacing is known, otherwise slice by slice.

    Args:
        prediction: bool `(slices, H, W)`.
        reference: bool `(slices, H, W)`.
        spacing: millimetres along (slice, row, column); None if unknown, then distances are in pixels, slice by slice.
        contiguous: whether the slices are neighbours in one volume; otherwise each is measured by itself.
        options: of which `tolerances` counts; None for the defaults.
    """
    tolerances = (options or ScoreOptions()).tolerances
    whole = contiguous and spacing is not None
    steps = np.ones(3) if spacing is None else np.asarray(spacing, float)
    units = [(prediction, reference)]
    if not whole:
        units, steps = list(zip(prediction, reference, strict=True)), steps[1:]
    rows = [surface_distances(*unit, spacing=steps, tolerances=tolerances) for unit in units]
    hd95, assd, *nsd = np.array(rows).T
    return SurfaceScores(
        unit="volume" if whole else "slice",
        length="px" if spacing is None else "mm",
        hd95=hd95,
        assd=assd,
        tolerances=tolerances,
        nsd=np.stack(nsd, axis=1),
        in_prediction=np.array([p.any() for p, _ in units]),
        in_reference=np.array([g.any() for _, g in units]),
        diagonal=diagonal(units[0][0].shape, steps),
    )


def surface_distances(
    prediction: np.ndarray,
    reference: np.ndarray,
    *,
    spacing: Sequence[float] | np.ndarray,
    tolerances: Sequence[float] = ScoreOptions.tolerances,
) -> tuple[float, ...]:
    """Measures the distances between the surfaces of two masks.

    * HD95: the larger of the two directed 95th percentiles of the distances (MONAI's `HausdorffDistanceMetric` with
      `percentile=95`).
    * ASSD: the mean of all distances of both directions (MONAI's `SurfaceDistanceMetric` with `symmetric=True`).
    * NSD: the fraction of both surfaces within a tolerance of the other (Nikolov et al. 2021, counted in voxels as in
      MONAI's `SurfaceDiceMetric`), at each tolerance.

    Args:
        prediction: bool, `(slices, H, W)` or `(H, W)`.
        reference: bool, of the same shape.
        spacing: one length per axis.
        tolerances: in the same unit.

    Returns:
        HD95, ASSD and one NSD per tolerance. Both empty: 0, 0 and 1s. One empty: the diagonal twice, and 0s.
    """
    points = [_surface_points(mask, spacing) for mask in (prediction, reference)]
    present = [len(each) > 0 for each in points]
    if not all(present):
        distance = diagonal(prediction.shape, spacing) if any(present) else 0.0
        return (distance, distance, *[float(not any(present))] * len(tolerances))
    trees = [cKDTree(each, leafsize=32) for each in points]
    there, back = trees[1].query(points[0])[0], trees[0].query(points[1])[0]
    both = np.concatenate([there, back])
    hd95 = max(np.percentile(each, 95) for each in (there, back))
    return (float(hd95), float(both.mean()), *[float(np.mean(both <= each + _ROUNDING)) for each in tolerances])


def diagonal(shape: tuple[int, ...], spacing: Sequence[float] | np.ndarray) -> float:
    """Length of the diagonal of an array with voxels of this size."""
    return float(np.linalg.norm(np.multiply(shape, spacing)))


def _surface_points(mask: np.ndarray, spacing: Sequence[float] | np.ndarray) -> np.ndarray:
    """Positions of the voxels of a mask's boundary, float64 `(n, axes)`."""
    box = bounding_box(mask)
    if box is None:
        return np.empty((0, mask.ndim))
    # A mask is empty outside its box, as it is outside the array: the crop's edge is a boundary in either case.
    return (np.argwhere(boundary(mask[box])) + [side.start for side in box]) * np.asarray(spacing, float)
