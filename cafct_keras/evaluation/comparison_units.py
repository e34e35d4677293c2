"""Scores of the units that methods are compared on, from scored cases or from the rows of documents."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.evaluation.metrics.bootstrap import ERROR, SCORE, Bounds
from cafct_keras.evaluation.metrics.overlap import RULES, Counts, concatenate, unit_scores
from cafct_keras.evaluation.metrics.scores import TargetScore
from cafct_keras.evaluation.metrics.surface import is_distance
from cafct_keras.evaluation.summary import measured

OVERLAP_RULES = ("per_slice_positive", "per_slice_all_one", "per_case_lits", "per_case_positive")
_SURFACE = re.compile(r"\w[\w.]*_mm|boundary_iou")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Units:
    """One metric of one target, unit by unit.

    Attributes:
        values: float `(units,)`, NaN where a unit does not count.
        patient: int `(units,)`.
        higher_is_better: whether the metric is a score rather than an error.
        bounds: the least and the greatest value that is possible.
    """

    values: np.ndarray
    patient: np.ndarray
    higher_is_better: bool
    bounds: Bounds


def units_of_scores(
    scores: Sequence[TargetScore], patient: np.ndarray, thresholds: Sequence[float]
) -> dict[str, Units]:
    """Units of one target's scored cases; metrics are named as `compare` says.

    Args:
        scores: of the cases.
        patient: int `(cases,)`.
        thresholds: of IoU, from which on a lesion is found.
    """
    counts = concatenate([score.counts for score in scores])
    slices = [len(score.counts) for score in scores]
    by_case = counts.grouped(np.repeat(np.arange(len(scores)), slices), len(scores))
    units: dict[str, Units] = {}
    for rule in OVERLAP_RULES:
        of_rule, owner = (by_case, patient) if RULES[rule].unit == "case" else (counts, np.repeat(patient, slices))
        units |= _overlap(rule, of_rule, owner)
    surfaces, of_surface = measured([score.surface for score in scores], patient)
    if surfaces:
        owner = np.repeat(of_surface, [len(surface.in_reference) for surface in surfaces])
        shown = np.concatenate([surface.in_reference for surface in surfaces])
        nothing = [surface.of_nothing() for surface in surfaces]
        for name in surfaces[0].measures():
            values, worst = (
                np.concatenate([surface.measures()[name] for surface in each]) for each in (surfaces, nothing)
            )
            bounds = (0.0, float(np.concatenate([values, worst]).max())) if is_distance(name) else SCORE
            for which, counted in (("all", np.ones_like(shown)), ("positive", shown)):
                units[f"{name}_{which}"] = Units(
                    values=np.where(counted, values, np.nan),
                    patient=owner,
                    higher_is_better=not is_distance(name),
                    bounds=bounds,
                )
    lesions, of_lesions = measured([score.lesions for score in scores], patient)
    for threshold in thresholds if lesions else ():
        found = [[lesion.found(threshold) for lesion in score.lesions] for score in lesions]
        false_positives = [len(score.false_positives(threshold)) for score in lesions]
        units |= _detection(f"iou_over_{threshold:g}", found, false_positives, of_lesions)
    return units


def units_of_rows(rows: Sequence[dict[str, Any]], patient: np.ndarray, *, volumes: bool) -> dict[str, Units]:
    """The units among those of `units_of_scores` that rows of `case_rows` hold.

    Args:
        rows: of one target.
        patient: int `(rows,)`.
        volumes: whether surface distances are those of volumes, rather than means over slices, which are left out.
    """
    counts = Counts(**{name: np.array([row[name] for row in rows], np.int64) for name in ("tp", "fp", "fn", "pixels")})
    units: dict[str, Units] = {}
    for rule in OVERLAP_RULES:
        if RULES[rule].unit == "case":
            units |= _overlap(rule, counts, patient)
    shown = counts.tp + counts.fn > 0
    for name in rows[0] if volumes else ():
        if _SURFACE.fullmatch(name):
            values = np.array([row[name] for row in rows], float)  # NaN for None
            units[f"{name}_positive"] = Units(
                values=np.where(shown, values, np.nan),
                patient=patient,
                higher_is_better=not is_distance(name),
                bounds=ERROR if is_distance(name) else SCORE,
            )
    of_lesions, owner = measured([row if row["lesions"] is not None else None for row in rows], patient)
    for name in of_lesions[0] if of_lesions else ():
        threshold = name.removeprefix("lesions_found_")
        if threshold != name:
            found = [[index < row[name] for index in range(row["lesions"])] for row in of_lesions]
            false_positives = [row.get(f"false_positives_{threshold}") for row in of_lesions]
            units |= _detection(threshold, found, false_positives, owner)
    return units


def _overlap(rule: str, counts: Counts, patient: np.ndarray) -> dict[str, Units]:
    return {
        f"{measure}_{rule}": Units(
            values=unit_scores(rule, measure, counts), patient=patient, higher_is_better=True, bounds=SCORE
        )
        for measure in ("dice", "iou")
    }


def _detection(
    threshold: str, found: Sequence[Sequence[bool]], false_positives: Sequence[int | None], patient: np.ndarray
) -> dict[str, Units]:
    """Recall over lesions and false positives over cases, which documents of format 1 lack at most thresholds."""
    units = {
        f"lesion_recall_{threshold}": Units(
            values=np.concatenate([np.array(each, float) for each in found]),
            patient=np.repeat(patient, [len(each) for each in found]),
            higher_is_better=True,
            bounds=SCORE,
        )
    }
    if None not in false_positives:
        units[f"false_positives_per_case_{threshold}"] = Units(
            values=np.array(false_positives, float), patient=patient, higher_is_better=False, bounds=ERROR
        )
    return units
