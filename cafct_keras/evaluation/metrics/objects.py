"""Segmentation of organs and found lesions, one by one, as the LiTS challenge's sheet has it."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.overlap import Counts
from cafct_keras.evaluation.metrics.surface import surface_distances
from cafct_keras.measurement.components import bounding_box, label, regions

FOUND = 0.5  # IoU above which a lesion counts, whatever thresholds of detection were chosen
MEASURES = ("dice", "jaccard", "voe", "rvd", "assd", "rmsd", "msd")


def found_lesions(
    prediction: np.ndarray, reference: np.ndarray, *, spacing: tuple[float, float, float], options: ScoreOptions
) -> dict[str, np.ndarray]:
    """Scores each lesion of a volume whose IoU exceeds 0.5 against the predicted foreground that belongs to it.

    Args:
        prediction: bool `(slices, H, W)`.
        reference: bool `(slices, H, W)`.
        spacing: millimetres along (slice, row, column).
        options: of which `connectivity` counts.

    Returns:
        `MEASURES` to float64 `(found lesions,)`, see `object_scores`.
    """
    rows = []
    for own, lesion in _pairs(prediction, reference, options.connectivity):
        distances = surface_distances(own, lesion, spacing=spacing)
        shared, predicted, truth = (int(np.count_nonzero(each)) for each in (own & lesion, own, lesion))
        rows.append(object_scores(shared, predicted, truth, distances))
    return {name: np.array([row[name] for row in rows], float) for name in MEASURES}


def organ_objects(counts: Counts, distances: dict[str, float]) -> dict[str, np.ndarray]:
    """`MEASURES` of an organ, float64 `(1,)`, or `(0,)` where the reference does not show it; see `object_scores`."""
    tp, fp, fn = (int(values.sum()) for values in (counts.tp, counts.fp, counts.fn))
    row = object_scores(tp, tp + fp, tp + fn, distances) if tp + fn else {}
    return {name: np.array([row[name]] if row else [], float) for name in MEASURES}


def object_scores(shared: int, predicted: int, truth: int, distances: dict[str, float]) -> dict[str, float]:
    """Scores of one object of the reference.

    Args:
        shared: voxels in both masks.
        predicted: voxels of the prediction.
        truth: voxels of the reference, 1 or more.
        distances: see `surface_distances`.

    Returns:
        Dice; Jaccard (IoU); VOE, the volumetric overlap error, 1 - Jaccard; RVD, the relative volume difference,
        predicted minus reference over reference; and in mm ASSD, RMSD and MSD, the longest distance.
    """
    jaccard = shared / (predicted + truth - shared)
    return {
        "dice": 2 * shared / (predicted + truth),
        "jaccard": jaccard,
        "voe": 1 - jaccard,
        "rvd": (predicted - truth) / truth,
        "assd": distances["assd"],
        "rmsd": distances["rmsd"],
        "msd": distances["hd"],
    }


def _pairs(prediction: np.ndarray, reference: np.ndarray, connectivity: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The predicted foreground of each found lesion, and the lesion, both cropped; see `metrics.lesions`."""
    for _, (predicted, truth) in regions(prediction, reference, contiguous=True):
        lesions, _ = label(truth, contiguous=True, connectivity=connectivity)
        for index, box in enumerate(ndimage.find_objects(lesions), 1):
            alone = lesions[box] == index
            if np.count_nonzero(predicted[box] & alone) <= FOUND * np.count_nonzero(alone):
                continue  # whatever is predicted around it
            lesion = lesions == index
            pieces, count = label(predicted & (lesion | ~truth), contiguous=True, connectivity=connectivity)
            belongs = np.zeros(count + 1, bool)
            belongs[pieces[lesion & predicted]] = True
            own = belongs[pieces]
            if np.count_nonzero(own & lesion) > FOUND * np.count_nonzero(own | lesion):
                around = bounding_box(own | lesion)
                assert around is not None
                yield own[around], lesion[around]
