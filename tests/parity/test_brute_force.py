"""Definitions written out with SciPy: lesions by the LiTS challenge's rule, as its paper states it, and surfaces."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras import evaluation
from tests.parity.masks import column, distances, overlapping, pairs

pytestmark = pytest.mark.parity
STRUCTURES = {26: np.ones((3, 3, 3)), 18: ndimage.generate_binary_structure(3, 2), 6: None}


def counted(pair, threshold, structure):
    """Lesions found, and components that belong to no found lesion, with labels made anew for each lesion."""
    lesions, count = ndimage.label(pair.reference, structure)
    components, predicted = ndimage.label(pair.prediction, structure)
    found, innocent = 0, set()
    for index in range(1, count + 1):
        lesion = lesions == index
        others = pair.reference & ~lesion
        pieces, _ = ndimage.label(pair.prediction & ~others, structure)
        own = np.isin(pieces, np.setdiff1d(pieces[lesion], [0]))
        if (own & lesion).sum() > threshold * (own | lesion).sum():
            found += 1
            innocent |= set(components[lesion & pair.prediction].tolist())
    return found, predicted - len(innocent)


@pytest.mark.parametrize("connectivity", [26, 18, 6])
def test_detection(connectivity, record):
    options = evaluation.ScoreOptions(connectivity=connectivity)
    small = [pair for pair in pairs() if not pair.name.startswith("noise") or connectivity == 26]
    for threshold in (0.0, 0.1, 0.5):
        expected = [counted(pair, threshold, STRUCTURES[connectivity]) for pair in small]
        for index, name in enumerate(("lesions_found", "false_positives")):
            what = f"{name}_iou_over_{threshold:g}"
            ours = column(what, small, options)
            record.agree(
                "brute force",
                f"{name.replace('_', ' ')} at IoU over 0, 0.1, 0.5 (26-, 18-, 6-connected)",
                ours,
                [each[index] for each in expected],
            )


def test_root_mean_square_distance(record):
    theirs = [np.sqrt(np.mean(np.concatenate(distances(pair)) ** 2)) for pair in overlapping()]
    record.agree("brute force", "RMSD", column("rmsd_mm", overlapping()), theirs)


def band(mask):
    """What 3x3 erosions over 2 % of a slice's diagonal take away, slice by slice (Cheng et al. 2021)."""
    times = max(1, round(0.02 * np.hypot(*mask.shape[1:])))
    return np.stack([one & ~ndimage.binary_erosion(one, np.ones((3, 3)), times) for one in mask])


def test_boundary_iou(record):
    bands = [(band(pair.prediction), band(pair.reference)) for pair in overlapping()]
    theirs = [(p & g).sum() / (p | g).sum() for p, g in bands]
    record.agree("brute force", "boundary IoU", column("boundary_iou", overlapping()), theirs)
