"""scikit-learn: scores of slices with zero_division=1, of all pixels, and calibration."""

import numpy as np
import pytest

from tests.parity.masks import Slices
from tests.parity.probabilities import calibration, probabilities

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: parity)")
pytestmark = pytest.mark.parity
TOOL = "scikit-learn"
FUNCTIONS = {"dice": "f1_score", "iou": "jaccard_score", "precision": "precision_score", "recall": "recall_score"}


def test_slices_and_pixels(record):
    slices = Slices()
    for measure, name in FUNCTIONS.items():
        function = getattr(metrics, name)
        theirs = np.mean(
            [
                function(g.ravel(), p.ravel(), zero_division=1)
                for p, g in zip(slices.prediction, slices.reference, strict=True)
            ]
        )
        ours = slices.overlap["per_slice_all_one"][measure].value
        what = "`per_slice_all_one` " + ("Dice, IoU" if measure in ("dice", "iou") else measure)
        if measure in ("dice", "iou"):
            record.agree(TOOL, what, [ours], [theirs])
        else:
            explained = np.mean(slices.ratios(measure, undefined=1))
            note = "scores 0/0 as 1, as smp does; ours scores a missed slice and a false positive 0"
            record.differ(TOOL, what, [ours], [theirs], [explained], note=note)
        theirs = function(slices.reference.ravel(), slices.prediction.ravel())
        record.agree(TOOL, "`pooled` Dice, IoU, precision, recall", [slices.overlap["pooled"][measure].value], [theirs])


def test_reliability(record):
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    probability, truth = probabilities()
    frequency, confidence = curve(truth.ravel(), probability.ravel(), n_bins=10)
    reliability = calibration().reliability(10)
    record.agree(TOOL, "reliability diagram", reliability.frequency, frequency)
    record.agree(TOOL, "reliability diagram", reliability.confidence, confidence)
