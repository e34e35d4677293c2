"""Rows of the tables `cases.csv` and `slices.csv`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.evaluation.metrics.burden import millilitres
from cafct_keras.evaluation.metrics.lesions import IOU_THRESHOLDS
from cafct_keras.evaluation.metrics.overlap import MEASURES, Counts, unit_scores
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore

# Scores of a row are 0 where one mask is empty, and None (an empty field) where both are.
_RULE = {"case": "per_case_nnunet", "slice": "per_slice_all_skip"}


def case_rows(cases: Sequence[CaseScore]) -> list[dict[str, Any]]:
    """One row per case and target.

    Columns: case, patient, target, slices, tp, fp, fn, pixels; dice, iou, precision and recall of all slices together
    (0 where one mask is empty, None where both are); hd95, assd and nsd of the volume, or their means over the slices
    that show the target in either mask (columns end in the unit of length); lesions, lesions_found_iou_over_0,
    lesions_found_iou_over_0.5, false_positives (None for organs); predicted_ml, reference_ml (None unless the case is a
    volume of known spacing); predicted_burden, reference_burden (None unless liver and lesion are both scored).
    """
    return [
        {
            "case": case.case,
            "patient": case.patient,
            "target": name,
            "slices": len(target.counts),
            **_overlap(target.counts.grouped(np.zeros(len(target.counts), int), 1), "case")[0],
            **_surface(target),
            **_lesions(target),
            **_volumes(case, target),
            "predicted_burden": case.burden.predicted if case.burden else None,
            "reference_burden": case.burden.reference if case.burden else None,
        }
        for case in cases
        for name, target in case.targets.items()
    ]


def slice_rows(cases: Sequence[CaseScore]) -> list[dict[str, Any]]:
    """One row per slice and target.

    Columns: case, patient, target, index, slice (its name), tp, fp, fn, pixels; dice, iou, precision and recall (0
    where one mask is empty, None where both are); for slices measured one by one also hd95, assd and nsd.
    """
    rows = []
    for case in cases:
        for name, target in case.targets.items():
            measured = target.surface.measures() if target.surface.unit == "slice" else {}
            shown = target.surface.in_reference | target.surface.in_prediction
            rows += [
                {
                    "case": case.case,
                    "patient": case.patient,
                    "target": name,
                    "index": index,
                    "slice": case.slice_names[index],
                    **overlap,
                    **{key: float(values[index]) if shown[index] else None for key, values in measured.items()},
                }
                for index, overlap in enumerate(_overlap(target.counts, "slice"))
            ]
    return rows


def _overlap(counts: Counts, unit: str) -> list[dict[str, Any]]:
    scores = {measure: unit_scores(_RULE[unit], measure, counts) for measure in MEASURES}
    return [
        {field: int(values[index]) for field, values in vars(counts).items()}
        | {name: None if np.isnan(values[index]) else float(values[index]) for name, values in scores.items()}
        for index in range(len(counts))
    ]


def _surface(target: TargetScore) -> dict[str, Any]:
    shown = target.surface.in_reference | target.surface.in_prediction
    return {
        name: float(values[shown].mean()) if shown.any() else None for name, values in target.surface.measures().items()
    }


def _lesions(target: TargetScore) -> dict[str, Any]:
    columns = ["lesions", *(f"lesions_found_iou_over_{threshold:g}" for threshold in IOU_THRESHOLDS), "false_positives"]
    if target.lesions is None:
        return dict.fromkeys(columns)
    lesions = target.lesions.lesions
    found = [sum(lesion.found(threshold) for lesion in lesions) for threshold in IOU_THRESHOLDS]
    return dict(zip(columns, [len(lesions), *found, len(target.lesions.false_positives)], strict=True))


def _volumes(case: CaseScore, target: TargetScore) -> dict[str, Any]:
    if case.spacing is None or not case.contiguous:
        return {"predicted_ml": None, "reference_ml": None}
    tp, fp, fn = (int(values.sum()) for values in (target.counts.tp, target.counts.fp, target.counts.fn))
    return {"predicted_ml": millilitres(tp + fp, case.spacing), "reference_ml": millilitres(tp + fn, case.spacing)}
