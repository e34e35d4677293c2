"""Rows of the tables `cases.csv` and `slices.csv`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.overlap import MEASURES, Counts, unit_scores
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore
from cafct_keras.evaluation.volumes import are_volumes, of_one_kind
from cafct_keras.measurement.volumes import millilitres

# Scores of a row are 0 where one mask is empty, and None (an empty field) where both are.
_RULE = {"case": "per_case_nnunet", "slice": "per_slice_all_skip"}


def case_rows(cases: Sequence[CaseScore]) -> list[dict[str, Any]]:
    """One row per case and target.

    Columns: case, patient, target, grid (see `score`), slices, tp, fp, fn, pixels; dice, iou, precision and recall of
    all slices together (0 where one mask is empty, None where both are); the measures of `surface_distances` of the
    volume, or their means over the slices that show the target in either mask (columns end in the unit of length), and
    missing: "prediction" or "reference" where that mask is empty and the other is not, so that distances are the
    diagonal of the volume or slice, and other measures 0; lesions and components (of the reference and of the
    prediction, None for organs), and for each IoU threshold lesions_found_iou_over_0, false_positives_iou_over_0, ...;
    predicted_ml, reference_ml (None unless the case is a volume of known spacing); predicted_burden, reference_burden
    (None unless liver and lesion are both scored).
    """
    cases = of_one_kind(cases)
    surface_columns = _surface_columns(cases)
    return [
        {
            "case": case.case,
            "patient": case.patient,
            "target": name,
            "grid": case.grid,
            "slices": len(target.counts),
            **_overlap(target.counts.grouped(np.zeros(len(target.counts), int), 1), "case")[0],
            **_surface(target, surface_columns),
            "missing": _missing(target.counts),
            **_lesions(target, case.options),
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
    cases = of_one_kind(cases)
    columns = [] if are_volumes(cases) and cases[0].spacing is not None else _surface_columns(cases)
    for case in cases:
        for name, target in case.targets.items():
            measured = target.surface.measures() if target.surface else {}
            shown = target.counts.tp + target.counts.fp + target.counts.fn > 0
            rows += [
                {
                    "case": case.case,
                    "patient": case.patient,
                    "target": name,
                    "index": index,
                    "slice": case.slice_names[index],
                    **overlap,
                    **{key: float(measured[key][index]) if measured and shown[index] else None for key in columns},
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


def _surface_columns(cases: Sequence[CaseScore]) -> list[str]:
    """Names of the surface measures, which cases that count in overlap only do not have."""
    surfaces = (target.surface for case in cases for target in case.targets.values())
    return next((list(surface.measures()) for surface in surfaces if surface), [])


def _surface(target: TargetScore, columns: Sequence[str]) -> dict[str, Any]:
    surface = target.surface
    if surface is None:
        return dict.fromkeys(columns)
    shown = surface.in_reference | surface.in_prediction
    return {name: float(values[shown].mean()) if shown.any() else None for name, values in surface.measures().items()}


def _missing(counts: Counts) -> str | None:
    tp, fp, fn = (int(values.sum()) for values in (counts.tp, counts.fp, counts.fn))
    return "prediction" if fn and not tp + fp else "reference" if fp and not tp + fn else None


def _lesions(target: TargetScore, options: ScoreOptions) -> dict[str, Any]:
    scores = target.lesions
    row: dict[str, Any] = {
        "lesions": None if scores is None else len(scores.lesions),
        "components": None if scores is None else len(scores.components),
    }
    for threshold in options.iou_thresholds:
        found = None if scores is None else sum(lesion.found(threshold) for lesion in scores.lesions)
        row[f"lesions_found_iou_over_{threshold:g}"] = found
        false_positives = None if scores is None else len(scores.false_positives(threshold))
        row[f"false_positives_iou_over_{threshold:g}"] = false_positives
    return row


def _volumes(case: CaseScore, target: TargetScore) -> dict[str, Any]:
    if case.spacing is None or not case.contiguous:
        return {"predicted_ml": None, "reference_ml": None}
    tp, fp, fn = (int(values.sum()) for values in (target.counts.tp, target.counts.fp, target.counts.fn))
    return {"predicted_ml": millilitres(tp + fp, case.spacing), "reference_ml": millilitres(tp + fn, case.spacing)}
