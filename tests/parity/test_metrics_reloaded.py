"""MetricsReloaded, from its repository: IoU and surface distances."""

import numpy as np
import pytest

from tests.parity.masks import column, overlapping

pairwise = pytest.importorskip(
    "MetricsReloaded.metrics.pairwise_measures",
    reason="MetricsReloaded is on no package registry, see docs/explanation/parity.md",
)
pytestmark = pytest.mark.parity
TOOL = "MetricsReloaded"


def measured(method, **options):
    return [
        getattr(
            pairwise.BinaryPairwiseMeasures(
                pair.prediction.astype(np.int8),
                pair.reference.astype(np.int8),
                pixdim=pair.spacing,
                dict_args=dict(options),
            ),
            method,
        )()
        for pair in overlapping()
    ]


def test_overlap_and_distances(record):
    for ours, method in (
        ("iou", "intersection_over_union"),
        ("hd_mm", "measured_hausdorff_distance"),
        ("hd95_mm", "measured_hausdorff_distance_perc"),
        ("assd_mm", "measured_average_distance"),
    ):
        record.agree(TOOL, "IoU, HD, HD95, ASSD", column(ours, overlapping()), measured(method))
    for mm in (1, 2, 3):
        ours = column(f"nsd_{mm}_mm", overlapping())
        record.agree(TOOL, "NSD at 1, 2, 3 mm", ours, measured("normalised_surface_distance", nsd=mm + 1e-6))
