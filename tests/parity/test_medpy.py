"""MedPy: overlap and surface distances of a case, and of each found lesion as on the LiTS challenge's sheet."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras import evaluation
from tests.parity.masks import column, distances, overlapping, pairs, scored

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


def found(pair):
    """Each lesion whose IoU with the predicted foreground that belongs to it exceeds 0.5, after that foreground."""
    structure = np.ones((3, 3, 3))
    lesions, count = ndimage.label(pair.reference, structure)
    for index in range(1, count + 1):
        lesion = lesions == index
        pieces, _ = ndimage.label(pair.prediction & ~(pair.reference & ~lesion), structure)
        own = np.isin(pieces, np.setdiff1d(pieces[lesion], [0]))
        if (own & lesion).sum() > 0.5 * (own | lesion).sum():
            yield own, lesion


def test_lits_sheet(record):
    some = [pair for pair in pairs() if not pair.name.startswith("noise")]
    options = evaluation.ScoreOptions(sheet="lits")
    sheet = evaluation.summarize([scored(pair, options) for pair in some], resamples=2).lits.values
    objects = [(*masks, pair.spacing) for pair in some for masks in found(pair)]
    for name, function in {
        "lesion_dice": lambda p, g, _: binary.dc(p, g),
        "lesion_voe": lambda p, g, _: 1 - binary.jc(p, g),
        "lesion_rvd": lambda p, g, _: binary.ravd(p, g),
        "lesion_assd": lambda p, g, spacing: binary.assd(p, g, spacing),
        "lesion_msd": lambda p, g, spacing: binary.hd(p, g, spacing),
    }.items():
        theirs = np.mean([function(*each) for each in objects])
        record.agree("medpy", "LiTS sheet: Dice, VOE, RVD, ASSD, MSD of found lesions", [sheet[name]], [theirs])
