"""segmentation_models_pytorch: scores of slices and of all pixels with zero_division=1."""

import numpy as np
import pytest

from tests.parity.masks import Slices
from tests.parity.torchvision_import import torch

smp = pytest.importorskip(
    "segmentation_models_pytorch", reason="segmentation_models_pytorch is not installed, see docs/explanation/parity.md"
).metrics
pytestmark = pytest.mark.parity
TOOL = "segmentation-models-pytorch"
NAMES = {"dice": "f1_score", "iou": "iou_score", "precision": "positive_predictive_value", "recall": "sensitivity"}


@pytest.fixture(scope="module")
def slices():
    return Slices()


@pytest.fixture(scope="module")
def counts(slices):
    masks = [torch.from_numpy(mask[:, None].astype(np.int64)) for mask in (slices.prediction, slices.reference)]
    return smp.get_stats(*masks, mode="binary")


def test_slices(counts, slices, record):
    for measure in ("dice", "iou"):
        theirs = getattr(smp, NAMES[measure])(*counts, reduction="micro-imagewise", zero_division=1).item()
        ours = slices.overlap["per_slice_all_one"][measure].value
        record.agree(TOOL, "`per_slice_all_one` Dice, IoU", [ours], [theirs])
    for measure in ("precision", "recall"):
        theirs = getattr(smp, NAMES[measure])(*counts, reduction="micro-imagewise", zero_division=1).item()
        ours = slices.overlap["per_slice_all_one"][measure].value
        explained = np.mean(slices.ratios(measure, undefined=1))
        note = (
            "scores a missed slice 1 in precision and a false positive 1 in recall, where the ratio is 0/0; ours is 0"
        )
        record.differ(TOOL, f"`per_slice_all_one` {measure}", [ours], [theirs], [explained], note=note)


def test_pixels(counts, slices, record):
    for measure, name in NAMES.items():
        theirs = getattr(smp, name)(*counts, reduction="micro").item()
        record.agree(TOOL, "`pooled` Dice, IoU, precision, recall", [slices.overlap["pooled"][measure].value], [theirs])
