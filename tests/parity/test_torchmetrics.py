"""torchmetrics: Dice and IoU of slices and of all pixels, calibration."""

import numpy as np
import pytest

from cafct_keras import evaluation
from tests.parity.masks import Slices
from tests.parity.probabilities import calibration, probabilities
from tests.parity.torchvision_import import torch

REASON = "torchmetrics is not installed (extra: parity)"
classification = pytest.importorskip("torchmetrics.functional.classification", reason=REASON)
segmentation = pytest.importorskip("torchmetrics.functional.segmentation", reason=REASON)
pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def slices():
    return Slices()


@pytest.fixture(scope="module")
def masks(slices):
    return [torch.from_numpy(mask[:, None].astype(np.int64)) for mask in (slices.prediction, slices.reference)]


def test_dice(slices, masks, record):
    dice_score = segmentation.dice_score
    options = {"num_classes": 1, "average": "micro"}
    skip = torch.nanmean(dice_score(*masks, **options)).item()
    record.agree(
        "torchmetrics", "`per_slice_all_skip` Dice, IoU", [slices.overlap["per_slice_all_skip"]["dice"].value], [skip]
    )
    pooled = dice_score(*masks, **options, aggregation_level="global").item()
    record.agree("torchmetrics", "`pooled` Dice, IoU", [slices.overlap["pooled"]["dice"].value], [pooled])


def test_iou(slices, masks, record):
    index = classification.binary_jaccard_index
    record.agree("torchmetrics", "`pooled` Dice, IoU", [slices.overlap["pooled"]["iou"].value], [index(*masks).item()])
    theirs = segmentation.mean_iou(*masks, num_classes=1).numpy()
    shown = ~np.isnan(slices.ratios("dice", undefined=np.nan))
    record.agree(
        "torchmetrics",
        "`per_slice_all_skip` Dice, IoU",
        [slices.overlap["per_slice_all_skip"]["iou"].value],
        [theirs[shown].mean()],
    )


def test_hausdorff_distance(slices, record):
    square = [mask[:, :28, :28] for mask in (slices.prediction, slices.reference)]
    both = [pair for pair in zip(*square, strict=True) if all(mask.any() for mask in pair)]
    theirs = segmentation.hausdorff_distance(
        *(torch.from_numpy(np.stack(masks)[:, None].astype(np.int64)) for masks in zip(*both, strict=True)),
        num_classes=1,
        include_background=True,
    )
    ours = [evaluation.surface_distances(*pair, spacing=(1, 1))["hd"] for pair in both]
    note = "square slices only: on others it confuses rows and columns, or fails"
    record.agree("torchmetrics", "HD of a slice", ours, theirs[:, 0].numpy(), tolerance=1e-5, note=note)


def test_expected_calibration_error(record):
    probability, truth = (torch.from_numpy(array.ravel()) for array in probabilities())
    error = classification.binary_calibration_error
    for groups in (5, 10, 20):
        ours = calibration().reliability(groups).expected_error
        theirs = error(probability, truth.long(), n_bins=groups).item()
        record.agree("torchmetrics", "expected calibration error (5, 10, 20 bins)", [ours], [theirs])
