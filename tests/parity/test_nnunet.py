"""nnU-Net: counts, Dice and IoU of a case, and the means of its summary.json."""

import numpy as np
import pytest

from cafct_keras import evaluation
from tests.parity.masks import column, pairs, summary

evaluate_predictions = pytest.importorskip(
    "nnunetv2.evaluation.evaluate_predictions", reason="nnU-Net is not installed, see docs/explanation/parity.md"
)
pytestmark = pytest.mark.parity


class Reader:
    """Stands for the reader of files: a file is a mask."""

    def read_seg(self, mask):
        return mask.astype(np.uint8), {}


def nnunet(measure):
    values = [
        evaluate_predictions.compute_metrics(pair.reference, pair.prediction, Reader(), [1])["metrics"][1][measure]
        for pair in pairs()
    ]
    return np.array(values, float)


def test_scores_of_cases(record):
    for measure, ours in (("Dice", "dice"), ("IoU", "iou"), ("TP", "tp"), ("FP", "fp"), ("FN", "fn")):
        record.agree("nnunetv2", "Dice, IoU, TP, FP, FN of a case", column(ours), nnunet(measure))


def test_volumes_and_burden(record):
    voxel = np.array([np.prod(pair.spacing) for pair in pairs()])
    for ours, theirs in (("predicted_ml", "n_pred"), ("reference_ml", "n_ref")):
        record.agree("nnunetv2", "volume in ml", column(ours), nnunet(theirs) * voxel / 1000)
    by_name = {pair.name: pair for pair in pairs()}
    for name in {name.split()[0] for name in by_name if name.startswith("phantom")}:
        liver, lesion = by_name[f"{name} liver"], by_name[f"{name} lesion"]
        sides = [
            {"liver": getattr(liver, side), "lesion": getattr(lesion, side)} for side in ("prediction", "reference")
        ]
        burden = evaluation.score(*sides, case=name).burden
        labels = [np.where(side["lesion"], 2, side["liver"]) for side in sides]
        metrics = evaluate_predictions.compute_metrics(*labels[::-1], Reader(), [(1, 2), 2])["metrics"]
        theirs = [metrics[2][field] / metrics[1, 2][field] for field in ("n_pred", "n_ref")]
        record.agree("nnunetv2", "tumour burden, of its regions", [burden.predicted, burden.reference], theirs)


def test_means_of_all_cases(record):
    for measure, ours in (("Dice", "dice"), ("IoU", "iou")):
        estimate = summary().overlap["per_case_nnunet"][ours]
        mean = np.nanmean(nnunet(measure))  # what compute_metrics_on_folder does with them
        record.agree("nnunetv2", "`per_case_nnunet` Dice, IoU", [estimate.value], [mean])
