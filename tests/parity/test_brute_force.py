"""The LiTS challenge's rule for lesions as its paper states it, counted lesion by lesion."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras import evaluation
from tests.parity.masks import column, pairs

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
