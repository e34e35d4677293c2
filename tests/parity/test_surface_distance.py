"""DeepMind's surface-distance: surfaces of surfels between voxels, weighed by their area."""

import pytest

from tests.parity.masks import column, overlapping

surface_distance = pytest.importorskip(
    "surface_distance", reason="DeepMind's surface-distance is not installed (extra: parity)"
)
pytestmark = pytest.mark.parity
TOOL = "surface-distance-based-measures"


@pytest.fixture(scope="module")
def surfels():
    return [
        surface_distance.compute_surface_distances(pair.reference, pair.prediction, pair.spacing)
        for pair in overlapping()
    ]


def test_surface_dice(surfels, record):
    for mm in (1, 2, 3):
        theirs = [surface_distance.compute_surface_dice_at_tolerance(each, mm) for each in surfels]
        record.agree(TOOL, "surfel NSD at 1, 2, 3 mm", column(f"surfel_nsd_{mm}_mm", overlapping()), theirs)


def test_voxels_are_no_surfels(surfels, record):
    note = "weighs surfels between voxels by their area; ours counts boundary voxels"
    for mm in (1, 2, 3):
        theirs = [surface_distance.compute_surface_dice_at_tolerance(each, mm) for each in surfels]
        ours, explained = (column(f"{name}_{mm}_mm", overlapping()) for name in ("nsd", "surfel_nsd"))
        record.differ(TOOL, "NSD at 1, 2, 3 mm", ours, theirs, explained, note=note)
    theirs = [surface_distance.compute_robust_hausdorff(each, 95) for each in surfels]
    record.differ(TOOL, "HD95", column("hd95_mm", overlapping()), theirs, None, note=note)
