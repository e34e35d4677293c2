"""Distances between surfaces, and overlap of boundaries.

Surfaces are sets of voxels, as in MONAI: a mask minus its erosion with 6-connectivity, 4 in a single slice. Distances
run between voxel centres and are found with a k-d tree of the surface's voxels, so that neither time nor memory grows
with the volume around the structure. Within a tolerance below the spacing lies nothing but the voxel itself, so the
surface Dice is all or nothing there. Measures named `surfel_` take surfels between voxels, by their area, as DeepMind's
surface-distance does.

Where only one of the two masks is empty, distances count as the volume's diagonal (no distance can be longer) and the
surface Dice and the boundary IoU as 0; where both are, as 0 and 1. If such cases were left out, a false positive in one
could improve a mean over longer diagonals. By definition these measures look at the nearest surface only: a false
positive beside a missed lesion shortens HD95 and ASSD. It shows in lesion-wise detection
(`cafct_keras.evaluation.metrics.lesions`).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.surfels import surfels
from cafct_keras.measurement.components import boundary, regions

DISTANCES = ("hd", "hd95", "assd", "rmsd")
_BAND = 0.02  # of a slice's diagonal, the width of the boundary IoU's band
_ROUNDING = 1e-6  # a distance of 1 mm may come out of a square root a little longer


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceScores:
    """Surface distances of one case: of its volume, or of each of its slices.

    Attributes:
        unit: `"volume"` or `"slice"`.
        length: `"mm"`, or `"px"` where the spacing is unknown.
        values: names of `surface_distances` to float64 `(units,)`.
        in_prediction: bool `(units,)`, whether the prediction shows anything.
        in_reference: bool `(units,)`, whether the reference does.
        diagonal: of one unit; it stands for a distance where one mask is empty.
    """

    unit: str
    length: str
    values: dict[str, np.ndarray]
    in_prediction: np.ndarray
    in_reference: np.ndarray
    diagonal: float

    def measures(self) -> dict[str, np.ndarray]:
        """Name, with the unit of its length, to values `(units,)`: `"hd95_mm"`, `"nsd_1_mm"`, `"boundary_iou"`, ..."""
        return {
            name if name == "boundary_iou" else f"{name}_{self.length}": values for name, values in self.values.items()
        }

    def of_nothing(self) -> "SurfaceScores":
        """Scores of an empty prediction."""
        missed, found = np.where(self.in_reference, self.diagonal, 0.0), (~self.in_reference).astype(float)
        return dataclasses.replace(
            self,
            values={name: missed if is_distance(name) else found for name in self.values},
            in_prediction=np.zeros_like(self.in_reference),
        )


def is_distance(name: str) -> bool:
    """Whether a measure, by its name, is a distance, of which less is better, rather than a fraction."""
    return name.split("_")[0] in DISTANCES


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
    return SurfaceScores(
        unit="volume" if whole else "slice",
        length="px" if spacing is None else "mm",
        values={name: np.array([row[name] for row in rows]) for name in rows[0]},
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
) -> dict[str, float]:
    """Measures the distances between the surfaces of two masks.

    * `"hd"`: the longest distance of both directions, the Hausdorff distance (the LiTS challenge's MSD).
    * `"hd95"`: the larger of the two directed 95th percentiles of the distances (MONAI's `HausdorffDistanceMetric` with
      `percentile=95`).
    * `"assd"`: the mean of all distances of both directions (MONAI's `SurfaceDistanceMetric` with `symmetric=True`).
    * `"rmsd"`: the root of the mean of their squares (Heimann et al. 2009).
    * `"nsd_1"`, ..., for each tolerance: the fraction of both surfaces within the tolerance of the other (Nikolov et
      al. 2021, counted in voxels as in MONAI's `SurfaceDiceMetric`).
    * `"surfel_nsd_1"`, ...: the same of surfels, by area (DeepMind's `compute_surface_dice_at_tolerance`).
    * `"boundary_iou"`: the IoU of the parts of both masks next to their contours, within 2 % of a slice's diagonal
      (Cheng et al. 2021, with their 3x3 erosions). Of a volume it is that of all slices taken together.

    Args:
        prediction: bool, `(slices, H, W)` or `(H, W)`.
        reference: bool, of the same shape.
        spacing: one length per axis.
        tolerances: in the same unit.

    Returns:
        Name to value. Both masks empty: distances 0, others 1. One empty: distances the diagonal, others 0.
    """
    names = [f"{kind}_{tolerance:g}" for kind in ("nsd", "surfel_nsd") for tolerance in tolerances]
    steps = np.asarray(spacing, float)
    places: list[list[np.ndarray]] = [[], []]
    elements: list[list[np.ndarray]] = [[], []]
    areas: list[list[np.ndarray]] = [[], []]
    bands, reach = np.zeros(2, np.int64), max(1, round(_BAND * float(np.hypot(*prediction.shape[-2:]))))
    flat = prediction.ndim == 2
    for start, masks in regions(
        *(mask[None] if flat else mask for mask in (prediction, reference)), contiguous=not flat
    ):
        bands += _bands(masks[0], masks[1], reach)
        offset = np.array(start[1:] if flat else start) * steps
        for side, mask in enumerate(mask[0] if flat else mask for mask in masks):
            places[side].append(np.argwhere(boundary(mask)) * steps + offset)
            element, area = surfels(mask, steps)
            elements[side].append(element + offset)
            areas[side].append(area)
    present = [any(map(len, each)) for each in places]
    if not all(present):
        distance = diagonal(prediction.shape, spacing) if any(present) else 0.0
        return dict.fromkeys(DISTANCES, distance) | dict.fromkeys([*names, "boundary_iou"], float(not any(present)))
    there, back = _nearest(*map(np.concatenate, places))
    both = np.concatenate([there, back])
    between = np.concatenate(_nearest(*map(np.concatenate, elements)))
    weights = np.concatenate([*areas[0], *areas[1]])
    within = [np.mean(both <= tolerance + _ROUNDING) for tolerance in tolerances]
    within += [weights[between <= tolerance + _ROUNDING].sum() / weights.sum() for tolerance in tolerances]
    return {
        "hd": float(both.max()),
        "hd95": float(max(np.percentile(each, 95) for each in (there, back))),
        "assd": float(both.mean()),
        "rmsd": float(np.sqrt(np.mean(both**2))),
        **dict(zip(names, map(float, within), strict=True)),
        "boundary_iou": float(bands[0] / bands[1]),
    }


def diagonal(shape: tuple[int, ...], spacing: Sequence[float] | np.ndarray) -> float:
    """Length of the diagonal of an array with voxels of this size."""
    return float(np.linalg.norm(np.multiply(shape, spacing)))


def _nearest(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point to the nearest of the other set, for both sets, float64 `(n, axes)` each."""
    trees = [cKDTree(points, leafsize=32) for points in (one, other)]
    return trees[1].query(one)[0], trees[0].query(other)[0]


def _bands(prediction: np.ndarray, reference: np.ndarray, reach: int) -> np.ndarray:
    """Pixels in both and in either of two masks' bands along their contours, slice by slice."""
    counts = np.zeros(2, np.int64)
    for slices in zip(prediction, reference, strict=True):
        if slices[0].any() or slices[1].any():
            p, g = (mask & ~_eroded(mask, reach) for mask in slices)
            counts += np.count_nonzero(p & g), np.count_nonzero(p | g)
    return counts


def _eroded(mask: np.ndarray, reach: int) -> np.ndarray:
    """A slice eroded `reach` times by 3x3 pixels, that is once by a square; empty outside."""
    for axis in (0, 1):
        held, width = np.pad(mask.swapaxes(axis, 0), ((reach, reach), (0, 0))), 1
        while width < 2 * reach + 1:  # `held` at an index is whether all of the `width` pixels from there on are
            step = min(width, 2 * reach + 1 - width)
            held = held[:-step] & held[step:]
            width += step
        mask = held.swapaxes(axis, 0)
    return mask


def tolerance_doubts(spacings: Sequence[tuple[float, float, float] | None], tolerances: Sequence[float]) -> list[str]:
    """A warning about tolerances below the distance of two neighbouring pixels, one at most.

    Args:
        spacings: of the cases, millimetres along (slice, row, column); None where a step is a pixel.
        tolerances: in mm, or in pixels.
    """
    steps = np.array([1.0 if spacing is None else max(spacing[1:]) for spacing in spacings])
    below = [tolerance for tolerance in tolerances if np.any(tolerance + _ROUNDING < steps)]
    if not below:
        return []
    unit = "px" if spacings[0] is None else "mm"
    cases = np.count_nonzero(steps > min(below) + _ROUNDING)
    return [
        f"NSD at {', '.join(f'{tolerance:g}' for tolerance in below)} {unit}: below the spacing within slices of "
        f"{cases} of {len(steps)} cases (up to {steps.max():.3g} {unit}), where surfaces either coincide or count as "
        "apart; give a larger `tolerances`"
    ]
