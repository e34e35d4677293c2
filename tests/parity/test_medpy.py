"""MedPy: overlap and surface distances of a case."""

import numpy as np
import pytest

from tests.parity.masks import column, distances, overlapping

binary = pytest.importorskip("medpy.metric.binary", reason="MedPy is not installed (extra: parity)")
pytestmark = pytest.mark.parity


def medpy(function, **options):
    return [function(pair.prediction, pair.reference, **options) for pair in overlapping()]


def in_mm(function):
    return [function(pair.prediction, pair.reference, voxelspacing=pair.spacing) for pair in overlapping()]


def test_overlap(record):
    for function, ours in ((binary.dc, "dice"), (binary.jc, "iou")):
        record.agree("medpy", "Dice, IoU, precision, recall of a case", column(ours, overlapping()), medpy(function))
    for name in ("precision", "recall"):
        record.agree(
            "medpy", "Dice, IoU, precision, recall of a case", column(name, overlapping()), medpy(getattr(binary, name))
        )


def test_distances(record):
    record.agree("medpy", "HD", column("hd_mm", overlapping()), in_mm(binary.hd))
    record.agree("medpy", "ASSD", column("assd_mm", overlapping()), in_mm(binary.assd))
    record.differ(
        "medpy",
        "HD95",
        column("hd95_mm", overlapping()),
        in_mm(binary.hd95),
        [np.percentile(np.concatenate(distances(pair)), 95) for pair in overlapping()],
        note="takes the percentile of both directions pooled, not the larger of the two percentiles",
    )
