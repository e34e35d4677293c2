"""Rows of the table `lesions.csv`."""

from collections.abc import Sequence
from typing import Any

from cafct_keras.evaluation.metrics.lesions import Lesion, LesionScores, Matched
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.volumes import of_one_kind

AXES = ("slice", "row", "column")


def lesion_rows(cases: Sequence[CaseScore]) -> list[dict[str, Any]]:
    """One row per reference lesion and per false positive, for cases whose lesions are scored.

    False positives are those at the highest IoU threshold: predicted components that belong to no lesion found there.

    Columns: case, patient, target, grid (see `score`), kind ("lesion" or "false positive"), voxels; volume_mm3 (None in
    single slices), area_mm2 (None in volumes), diameter_mm (of the ball or disc of that size); longest_axis_mm, the
    longest diameter within a slice from outer edge to outer edge, short_axis_mm, the longest one at right angles to it,
    and axis_slice, their slice (lengths are None where the spacing is unknown); centroid_slice, centroid_row,
    centroid_column, in voxels from the first, and the same in mm (centroid_slice_mm, ...); iou and dice, of a lesion
    with the prediction that belongs to it, of a false positive the highest of the lesions that it touches, 0 where
    there is none; for each threshold found_iou_over_0, ...: 1 if a lesion is found, or a false positive belongs to one
    that is, else 0; mean_intensity of the image within it, and intensity, what that is ("HU", ...; None without
    an image).
    """
    return [
        {"case": case.case, "patient": case.patient, "target": name, "grid": case.grid, **_row(component, scores, case)}
        for case in of_one_kind(cases)
        for name, target in case.targets.items()
        if (scores := target.lesions) is not None
        for component in (*scores.lesions, *scores.false_positives(case.options.iou_thresholds[-1]))
    ]


def lesion_columns(cases: Sequence[CaseScore]) -> list[str]:
    """Columns of `lesion_rows`, which a table without rows has too."""
    thresholds = [f"found_iou_over_{threshold:g}" for threshold in cases[0].options.iou_thresholds]
    return [
        *("case", "patient", "target", "grid", "kind", "voxels", "volume_mm3", "area_mm2", "diameter_mm"),
        *("longest_axis_mm", "short_axis_mm", "axis_slice"),
        *(f"centroid_{axis}" for axis in AXES),
        *(f"centroid_{axis}_mm" for axis in AXES),
        *("iou", "dice", *thresholds, "mean_intensity", "intensity"),
    ]


def _row(component: Matched, scores: LesionScores, case: CaseScore) -> dict[str, Any]:
    spacing = case.spacing or (None, None, None)
    return {
        "kind": "lesion" if isinstance(component, Lesion) else "false positive",
        "voxels": component.voxels,
        "volume_mm3": component.size if scores.unit == "volume" else None,
        "area_mm2": component.size if scores.unit == "slice" else None,
        "diameter_mm": component.diameter,
        "longest_axis_mm": component.longest_axis,
        "short_axis_mm": component.short_axis,
        "axis_slice": component.axis_slice,
        **{f"centroid_{axis}": place for axis, place in zip(AXES, component.centroid, strict=True)},
        **{
            f"centroid_{axis}_mm": None if step is None else place * step
            for axis, place, step in zip(AXES, component.centroid, spacing, strict=True)
        },
        "iou": component.iou,
        "dice": component.dice,
        **{
            f"found_iou_over_{threshold:g}": int(component.iou > threshold) for threshold in case.options.iou_thresholds
        },
        "mean_intensity": component.intensity,
        "intensity": case.intensity,
    }
