"""Lesion-wise detection.

The rule is that of LiTS (Bilic et al. 2023): a reference lesion, a connected component of the reference, is found at a
threshold when its IoU with the predicted foreground exceeds it. A predicted component belongs to every lesion that it
touches: to touch is to share a voxel; to lie beside is not enough. At each threshold, the components that belong to no
lesion found there are false positives. So a component that hits a lesion at an IoU of 0.01 counts for it at a threshold
of 0, and as a false positive at 0.1.

The predicted foreground of a lesion is the union of all predicted components that touch it, so that a lesion predicted
in two pieces is found once; but the voxels of other reference lesions are removed before components are labelled. So
two lesions under one prediction are both found if it fits them, nothing that is right counts against a neighbour, what
is wrong counts against every lesion it is attached to, and no lesion is found because another is missed.

Panoptic quality (Kirillov et al. 2019) pairs one lesion with one component instead, where their IoU exceeds 0.5: no
lesion and no component then has two partners.
"""

import dataclasses
import math
import operator

import numpy as np

from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.measurement.components import boundary, label, neighbourhood, regions
from cafct_keras.measurement.shapes import Component, Describer

DIAMETERS = {"under_10_mm": (0.0, 10.0), "10_to_20_mm": (10.0, 20.0), "over_20_mm": (20.0, math.inf)}
PAIRED = 0.5  # IoU above which a lesion and a component are a pair of the panoptic quality


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matched(Component):
    """A component with its overlap.

    Attributes:
        iou: in [0, 1].
    """

    iou: float

    @property
    def dice(self) -> float:
        """In [0, 1]."""
        return 2 * self.iou / (1 + self.iou)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lesion(Matched):
    """A reference lesion; its `iou` is that with the predicted foreground that belongs to it.

    Attributes:
        pair_iou: the highest IoU with a single predicted component, in [0, 1].
    """

    pair_iou: float

    def found(self, threshold: float = 0.0) -> bool:
        """Whether its IoU exceeds the threshold."""
        return self.iou > threshold


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictedComponent(Matched):
    """A predicted component; its `iou` is the highest of the lesions that it belongs to, 0 where it touches none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlaps:
    """What detection at any threshold is counted from.

    Attributes:
        iou: float64 `(lesions,)`, see `Lesion`.
        pair_iou: float64 `(lesions,)`, likewise.
        component_iou: float64 `(components,)`, see `PredictedComponent`.
    """

    iou: np.ndarray
    pair_iou: np.ndarray
    component_iou: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class LesionScores:
    """The lesions of one case.

    Attributes:
        unit: `"volume"` or `"slice"` (a lesion in two slices counts twice).
        units: how many volumes (1) or slices there are.
        pixels: of one unit.
        lesions: of the reference, in the order of their boxes.
        components: of the prediction, likewise.
    """

    unit: str
    units: int
    pixels: int
    lesions: tuple[Lesion, ...]
    components: tuple[PredictedComponent, ...]

    def false_positives(self, threshold: float = 0.0) -> list[PredictedComponent]:
        """The predicted components that belong to no lesion found at the threshold."""
        return [component for component in self.components if not component.iou > threshold]

    def overlaps(self) -> Overlaps:
        """Of the prediction."""
        return Overlaps(
            iou=np.array([lesion.iou for lesion in self.lesions], float),
            pair_iou=np.array([lesion.pair_iou for lesion in self.lesions], float),
            component_iou=np.array([component.iou for component in self.components], float),
        )

    def overlaps_of_everything(self) -> Overlaps:
        """Of a prediction of every voxel: one component per unit, which belongs to all lesions.

        The background is taken to be connected: a lesion within another would have a higher IoU.
        """
        sizes = np.array([lesion.voxels for lesion in self.lesions], np.int64)
        unit = np.array([0 if self.unit == "volume" else lesion.slice for lesion in self.lesions], np.int64)
        foreground = np.bincount(unit, weights=sizes, minlength=self.units)
        own = self.pixels - foreground[unit] + sizes  # the lesion and the background
        component_iou = np.zeros(self.units)
        np.maximum.at(component_iou, unit, sizes / own)
        return Overlaps(iou=sizes / own, pair_iou=sizes / self.pixels, component_iou=component_iou)


def match_lesions(
    prediction: np.ndarray,
    reference: np.ndarray,
    *,
    spacing: tuple[float, float, float] | None,
    contiguous: bool = True,
    options: ScoreOptions | None = None,
    images: np.ndarray | None = None,
) -> LesionScores:
    """Matches the lesions of the reference with the prediction.

    Args:
        prediction: bool `(slices, H, W)`.
        reference: bool `(slices, H, W)`.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether the slices are neighbours in one volume; otherwise every slice has lesions of its own.
        options: of which `connectivity` counts; None for the defaults.
        images: `(slices, H, W)`, of which the mean within lesions and components is taken; None without.
    """
    connectivity = (options or ScoreOptions()).connectivity
    lesions: list[Lesion] = []
    components: list[PredictedComponent] = []
    for start, masks in regions(prediction, reference, contiguous=contiguous):
        box = tuple(slice(low, low + size) for low, size in zip(start, masks[0].shape, strict=True))
        describe = Describer(start, spacing, contiguous=contiguous, images=None if images is None else images[box])
        matched = _match(masks[0], masks[1], describe, contiguous=contiguous, connectivity=connectivity)
        lesions += matched[0]
        components += matched[1]
    order = operator.attrgetter("box", "centroid")
    return LesionScores(
        unit="volume" if contiguous else "slice",
        units=1 if contiguous else len(reference),
        pixels=reference.size if contiguous else reference[0].size,
        lesions=tuple(sorted(lesions, key=order)),
        components=tuple(sorted(components, key=order)),
    )


def _match(
    prediction: np.ndarray, reference: np.ndarray, describe: Describer, *, contiguous: bool, connectivity: int
) -> tuple[list[Lesion], list[PredictedComponent]]:
    """Lesions and predicted components of one region."""
    lesions, count = label(reference, contiguous=contiguous, connectivity=connectivity)
    predicted, predicted_count = label(prediction, contiguous=contiguous, connectivity=connectivity)
    sizes, predicted_sizes = np.bincount(lesions.ravel()), np.bincount(predicted.ravel())
    sizes[0] = 1  # the background, of which a region may have nothing
    both = prediction & reference
    pairs, shared = np.unique(predicted[both].astype(np.int64) * (count + 1) + lesions[both], return_counts=True)
    component, lesion = np.divmod(pairs, count + 1)
    hits = np.bincount(lesion, weights=shared, minlength=count + 1)
    spill = _spill(prediction & ~reference, np.where(both, lesions, 0), count, contiguous, connectivity)
    iou, pair_iou, component_iou = hits / (sizes + spill), np.zeros(count + 1), np.zeros(predicted_count + 1)
    np.maximum.at(pair_iou, lesion, shared / (predicted_sizes[component] + sizes[lesion] - shared))
    np.maximum.at(component_iou, component, iou[lesion])
    return (
        [
            Lesion(**vars(one), iou=float(iou[index]), pair_iou=float(pair_iou[index]))
            for index, one in enumerate(describe(lesions), 1)
        ],
        [
            PredictedComponent(**vars(one), iou=float(component_iou[index]))
            for index, one in enumerate(describe(predicted), 1)
        ],
    )


def _spill(excess: np.ndarray, hit: np.ndarray, count: int, contiguous: bool, connectivity: int) -> np.ndarray:
    """int64 `(count + 1,)`, by label of `hit`, the voxels of the pieces of `excess` attached to a lesion's hits."""
    spill = np.zeros(count + 1, np.int64)
    if not hit.any() or not excess.any():
        return spill
    # Padded, so that every voxel has all its neighbours.
    labelled, pieces = label(np.pad(excess, 1), contiguous=contiguous, connectivity=connectivity)
    # A piece that touches a lesion's hits touches their boundary.
    places = np.argwhere(boundary(hit > 0))
    owner = hit[tuple(places.T)].astype(np.int64)
    pairs = [
        np.unique(owner * (pieces + 1) + labelled[tuple((places + offset).T)])
        for offset in np.argwhere(neighbourhood(contiguous=contiguous, connectivity=connectivity))
    ]
    lesion, piece = np.divmod(np.unique(np.concatenate(pairs)), pieces + 1)
    np.add.at(spill, lesion[piece > 0], np.bincount(labelled.ravel())[piece[piece > 0]])
    return spill


def stratum(diameter: float) -> str:
    """Key of `DIAMETERS` for a diameter in mm; 10 and 20 mm belong to the middle one."""
    names = list(DIAMETERS)
    return names[0] if diameter < 10 else names[1] if diameter <= 20 else names[2]
