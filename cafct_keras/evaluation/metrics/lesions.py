"""Lesion-wise detection.

The rule is that of LiTS (Bilic et al. 2023): a reference lesion, a connected component of the reference, is found when
its IoU with the predicted foreground exceeds a threshold. A predicted component that touches no reference lesion is a
false positive. To touch is to share a voxel; to lie beside is not enough.

The predicted foreground of a lesion is the union of all predicted components that touch it, so that a lesion predicted
in two pieces is found once; but the voxels of other reference lesions are removed before components are labelled. So
two lesions under one prediction are both found if it fits them, nothing that is right counts against a neighbour, what
is wrong counts against every lesion it is attached to, and no lesion is found because another is missed.
"""

import dataclasses
import math
import operator
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from cafct_keras.evaluation.metrics.components import boundary, bounding_box, label, neighbourhood

IOU_THRESHOLDS = (0.0, 0.5)
DIAMETERS = {"under_10_mm": (0.0, 10.0), "10_to_20_mm": (10.0, 20.0), "over_20_mm": (20.0, math.inf)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """A connected component: a false positive, unless it is a `Lesion`.

    Attributes:
        voxels: number of voxels.
        size: mm^3, or mm^2 in a single slice; None where the spacing is unknown.
        diameter: mm, of the ball (in a single slice, the disc) of that size; None where the spacing is unknown.
        box: first and last + 1 index along (slice, row, column).
        centroid: (slice, row, column), in voxels.
        slice: index of the slice that shows the most of it.
    """

    voxels: int
    size: float | None
    diameter: float | None
    box: tuple[tuple[int, int], ...]
    centroid: tuple[float, float, float]
    slice: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lesion(Component):
    """A reference lesion.

    Attributes:
        iou: with the predicted foreground that belongs to it, in [0, 1].
    """

    iou: float

    def found(self, threshold: float = 0.0) -> bool:
        """Whether its IoU exceeds the threshold."""
        return self.iou > threshold


@dataclasses.dataclass(frozen=True, kw_only=True)
class LesionScores:
    """The lesions of one case.

    Attributes:
        unit: `"volume"` (26-connected components) or `"slice"` (8-connected, a lesion in two slices counts twice).
        units: how many volumes (1) or slices there are.
        lesions: of the reference, in the order of their boxes.
        false_positives: predicted components that touch no lesion, likewise.
    """

    unit: str
    units: int
    lesions: tuple[Lesion, ...]
    false_positives: tuple[Component, ...]


def match_lesions(
    prediction: np.ndarray,
    reference: np.ndarray,
    *,
    spacing: tuple[float, float, float] | None,
    contiguous: bool = True,
) -> LesionScores:
    """Matches the lesions of the reference with the prediction.

    Args:
        prediction: bool `(slices, H, W)`.
        reference: bool `(slices, H, W)`.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether the slices are neighbours in one volume; otherwise every slice has lesions of its own.
    """
    result: dict[str, list] = {"lesions": [], "false_positives": []}
    either = prediction | reference
    box = bounding_box(either)
    if box is not None:
        # Each region connected in either mask is matched by itself, so most of a volume is visited only once.
        regions, _ = label(either[box], contiguous=contiguous)
        for index, where in enumerate(ndimage.find_objects(regions), 1):
            region = regions[where] == index
            masks = [mask[box][where] & region for mask in (prediction, reference)]
            start = [outer.start + inner.start for outer, inner in zip(box, where, strict=True)]
            describe = _Describer(start, spacing, contiguous)
            for kind, found in _match(masks[0], masks[1], describe, contiguous=contiguous):
                result[kind].append(found)
    order = operator.attrgetter("box", "centroid")
    return LesionScores(
        unit="volume" if contiguous else "slice",
        units=1 if contiguous else len(reference),
        **{kind: tuple(sorted(found, key=order)) for kind, found in result.items()},
    )


def _match(
    prediction: np.ndarray, reference: np.ndarray, describe: "_Describer", *, contiguous: bool
) -> Iterator[tuple[str, Component]]:
    """Lesions and false positives of one region, each with its field of `LesionScores`."""
    lesions, count = label(reference, contiguous=contiguous)
    overlaps = _overlaps(prediction, lesions, count, contiguous=contiguous)
    for component, iou in zip(describe(lesions), overlaps, strict=True):
        yield "lesions", Lesion(**vars(component), iou=float(iou))
    predicted, predicted_count = label(prediction, contiguous=contiguous)
    alone = np.ones(predicted_count + 1, bool)
    alone[predicted[reference]] = False
    for component in describe(predicted, wanted=alone):
        yield "false_positives", component


def _overlaps(prediction: np.ndarray, lesions: np.ndarray, count: int, *, contiguous: bool) -> np.ndarray:
    """float64 `(count,)`, the IoU of each lesion with its predicted foreground."""
    hit = np.where(prediction, lesions, 0)
    sizes, hits = (np.bincount(each.ravel(), minlength=count + 1)[1:] for each in (lesions, hit))
    spill = np.zeros(count + 1)
    if hits.any():
        # Padded, so that every voxel has all its neighbours.
        excess, pieces = label(np.pad(prediction & (lesions == 0), 1), contiguous=contiguous)
        # A piece that touches a lesion's hits touches their boundary.
        places = np.argwhere(boundary(hit > 0))
        owner = hit[tuple(places.T)].astype(np.int64)
        pairs = [
            np.unique(owner * (pieces + 1) + excess[tuple((places + offset).T)])
            for offset in np.argwhere(neighbourhood(contiguous=contiguous))
        ]
        lesion, piece = np.divmod(np.unique(np.concatenate(pairs)), pieces + 1)
        np.add.at(spill, lesion[piece > 0], np.bincount(excess.ravel())[piece[piece > 0]])
    return hits / (sizes + spill[1:])


class _Describer:
    """Measures labelled components of an array that begins at `start` in a stack."""

    def __init__(self, start: list[int], spacing: tuple[float, float, float] | None, contiguous: bool):
        self._start = np.array(start)
        self._contiguous = contiguous
        self._voxel = None if spacing is None else math.prod(spacing if contiguous else spacing[1:])

    def __call__(self, labels: np.ndarray, wanted: np.ndarray | None = None) -> Iterator[Component]:
        """Describes the components in order; only those where `wanted[label]`, if given."""
        for index, box in enumerate(ndimage.find_objects(labels), 1):
            if wanted is None or wanted[index]:
                yield self._component(labels[box] == index, [side.start for side in box])

    def _component(self, mask: np.ndarray, offset: list[int]) -> Component:
        start = self._start + offset
        voxels = int(np.count_nonzero(mask))
        size = None if self._voxel is None else voxels * self._voxel
        profiles = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        centroid = [
            float(low + profile @ np.arange(len(profile)) / voxels)
            for low, profile in zip(start, profiles, strict=True)
        ]
        return Component(
            voxels=voxels,
            size=size,
            diameter=None if size is None else self._diameter(size),
            box=tuple((int(low), int(low + length)) for low, length in zip(start, mask.shape, strict=True)),
            centroid=(centroid[0], centroid[1], centroid[2]),
            slice=int(start[0] + profiles[0].argmax()),
        )

    def _diameter(self, size: float) -> float:
        return (6 * size / math.pi) ** (1 / 3) if self._contiguous else 2 * math.sqrt(size / math.pi)


def stratum(diameter: float) -> str:
    """Key of `DIAMETERS` for a diameter in mm; 10 and 20 mm belong to the middle one."""
    names = list(DIAMETERS)
    return names[0] if diameter < 10 else names[1] if diameter <= 20 else names[2]
