"""Sums up scored cases by every rule, ready for JSON."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.bootstrap import CONFIDENCE, Bootstrap
from cafct_keras.evaluation.metrics.burden import bland_altman, millilitres
from cafct_keras.evaluation.metrics.lesions import DIAMETERS, IOU_THRESHOLDS, LesionScores, stratum
from cafct_keras.evaluation.metrics.overlap import BATCH_SIZE, joined, overlap_figures
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore
from cafct_keras.evaluation.metrics.surface import TOLERANCES


def summarize(cases: Sequence[CaseScore], *, seed: int = 0, resamples: int = 1000) -> dict:
    """Sums up a set of cases.

    A figure is a dict of `value`, `units` (how many count), `low` and `high` (95 % interval over patients) and
    `predict_nothing` (the score of an empty prediction); what cannot be said is None, and nothing is NaN.

        cases, patients, slices: int
        options: seed, resamples, confidence, batch_size, iou_thresholds, tolerances, contiguous, spacing_known
        targets: for each target
            cases, patients, slices, positive_cases, positive_slices: int (positive: the reference shows the target)
            overlap: rule of `RULES` -> "dice", "iou", "precision", "recall" -> figure
            surface: unit ("volume", "slice"), length ("mm", "px"), and, of the units, how many are
                missed (only the prediction is empty), spurious (only the reference is): counted as the diagonal,
                both_empty (counted as 0 mm and NSD 1)
                all, positive -> "hd95_mm", "assd_mm", "nsd_1_mm", ... (or "_px") -> figure over all units, or over
                those that show the target in the reference
            lesions: None for an organ, else unit, units, lesions, false_positives: int, and
                false_positives_per_unit: figure
                iou_over_0, iou_over_0.5 -> "recall", "precision", "f1" -> figure over all lesions taken together, and
                recall_by_diameter: None without spacing, else "under_10_mm", "10_to_20_mm", "over_20_mm" -> figure
            volume_ml: None unless the slices form volumes of known spacing, else
                absolute_error: figure; cases, bias, lower, upper (limits of agreement)
        burden: None unless liver and lesion are both scored, else
            absolute_error: figure, missed_livers: int (counted as an error of 1), cases, bias, lower, upper (over the
            others), points: case, predicted, reference

    Args:
        cases: one or more, all of one kind: volumes or loose slices, with spacing or without.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: there are no cases, two have one name, or their kinds differ.
    """
    check_cases(cases)
    bootstrap = Bootstrap(patients=len({case.patient for case in cases}), seed=seed, resamples=resamples)
    patient = patient_numbers(cases)
    targets = dict.fromkeys(name for case in cases for name in case.targets)
    return {
        "cases": len(cases),
        "patients": bootstrap.patients,
        "slices": sum(len(case.slice_names) for case in cases),
        "options": {
            "seed": seed,
            "resamples": resamples,
            "confidence": CONFIDENCE,
            "batch_size": BATCH_SIZE,
            "iou_thresholds": list(IOU_THRESHOLDS),
            "tolerances": list(TOLERANCES),
            "contiguous": cases[0].contiguous,
            "spacing_known": cases[0].spacing is not None,
        },
        "targets": {
            name: _target(
                [case.targets[name] for case in cases if name in case.targets],
                [case.spacing for case in cases if name in case.targets],
                np.array([number for case, number in zip(cases, patient, strict=True) if name in case.targets]),
                bootstrap,
                volumes=cases[0].contiguous and cases[0].spacing is not None,
            )
            for name in targets
        },
        "burden": _burden(cases, patient, bootstrap),
    }


def check_cases(cases: Sequence[CaseScore]) -> None:
    """Refuses what cannot be summed up together.

    Raises:
        UserError: there are no cases, two have one name, or their kinds differ.
    """
    if not cases:
        raise UserError("cases: there are none; score one at least")
    seen = set()
    for case in cases:
        if case.case in seen:
            raise UserError(f"{case.case}: two cases have this name; give each a name of its own")
        seen.add(case.case)
        for kind, values in (
            ("contiguous", (case.contiguous, cases[0].contiguous)),
            ("spacing", (case.spacing is None, cases[0].spacing is None)),
        ):
            if values[0] != values[1]:
                raise UserError(
                    f"{case.case}: differs from {cases[0].case} in {kind}, so that no mean over both has a meaning; "
                    "score all cases as volumes or all as loose slices, all with spacing or all without"
                )


def patient_numbers(cases: Sequence[CaseScore]) -> np.ndarray:
    """Whose each case is: int `(cases,)`, patients numbered in the order in which they come."""
    numbers = {}
    return np.array([numbers.setdefault(case.patient, len(numbers)) for case in cases])


def _target(
    scores: list[TargetScore], spacings: list, patient: np.ndarray, bootstrap: Bootstrap, *, volumes: bool
) -> dict:
    counts = joined([score.counts for score in scores])
    slices = [len(score.counts) for score in scores]
    case = np.repeat(np.arange(len(scores)), slices)
    by_case = counts.grouped(case, len(scores))
    rules = overlap_figures(counts, case, np.repeat(patient, slices), bootstrap)
    return {
        "cases": len(scores),
        "patients": len(np.unique(patient)),
        "slices": len(counts),
        "positive_cases": int(np.count_nonzero(by_case.tp + by_case.fn)),
        "positive_slices": int(np.count_nonzero(counts.tp + counts.fn)),
        "overlap": {rule: _as_dicts(figures) for rule, figures in rules.items()},
        "surface": _surface([score.surface for score in scores], patient, bootstrap),
        "lesions": None if scores[0].lesions is None else _lesions([s.lesions for s in scores], patient, bootstrap),
        "volume_ml": _volume(by_case, spacings, patient, bootstrap) if volumes else None,
    }


def _as_dicts(figures: dict) -> dict:
    return {name: figure.as_dict() for name, figure in figures.items()}


def _surface(scores: list, patient: np.ndarray, bootstrap: Bootstrap) -> dict:
    owner = np.repeat(patient, [len(score.hd95) for score in scores])
    reference, prediction = (
        np.concatenate([getattr(score, name) for score in scores]) for name in ("in_reference", "in_prediction")
    )
    result = {
        "unit": scores[0].unit,
        "length": scores[0].length,
        "missed": int(np.count_nonzero(reference & ~prediction)),
        "spurious": int(np.count_nonzero(prediction & ~reference)),
        "both_empty": int(np.count_nonzero(~reference & ~prediction)),
    }
    for rule, counted in (("all", np.ones_like(reference)), ("positive", reference)):
        result[rule] = {}
        for name in scores[0].measures():
            values, nothing = (
                np.where(counted, np.concatenate([score.measures()[name] for score in each]), np.nan)
                for each in (scores, [score.of_nothing() for score in scores])
            )
            result[rule][name] = bootstrap.mean(values, owner, predict_nothing=nothing).as_dict()
    return result


def _lesions(scores: list[LesionScores], patient: np.ndarray, bootstrap: Bootstrap) -> dict:
    units = [score.units for score in scores]
    spurious = np.array([len(score.false_positives) for score in scores])
    diameters = [lesion.diameter for score in scores for lesion in score.lesions]
    sized = all(diameter is not None for diameter in diameters)
    strata = np.array([stratum(diameter) for diameter in diameters] if sized else [])
    owner = np.repeat(patient, [len(score.lesions) for score in scores])
    result = {
        "unit": scores[0].unit,
        "units": sum(units),
        "lesions": len(diameters),
        "false_positives": int(spurious.sum()),
        "false_positives_per_unit": bootstrap.ratio(spurious, units, patient, predict_nothing=0.0).as_dict(),
    }
    nothing = 0.0 if diameters else None
    for threshold in IOU_THRESHOLDS:
        found = np.array([lesion.found(threshold) for score in scores for lesion in score.lesions], float)
        # Lesions and false positives as one list of (counts as right, counts as one), each with its patient.
        both = np.concatenate([owner, patient])
        right = np.concatenate([found, np.zeros(len(scores))])
        f1 = bootstrap.ratio(2 * right, np.concatenate([1 + found, spurious]), both, predict_nothing=nothing)
        result[f"iou_over_{threshold:g}"] = {
            "recall": bootstrap.mean(found, owner, predict_nothing=np.zeros(len(found))).as_dict(),
            "precision": bootstrap.ratio(right, np.concatenate([found, spurious]), both).as_dict(),
            "f1": dataclasses.replace(f1, units=len(found)).as_dict(),
            "recall_by_diameter": {
                name: bootstrap.mean(
                    found[strata == name], owner[strata == name], predict_nothing=np.zeros(np.sum(strata == name))
                ).as_dict()
                for name in DIAMETERS
            }
            if sized
            else None,
        }
    return result


def _volume(by_case, spacings: list, patient: np.ndarray, bootstrap: Bootstrap) -> dict:
    predicted, reference = (
        np.array([millilitres(voxels, spacing) for voxels, spacing in zip(side, spacings, strict=True)])
        for side in (by_case.tp + by_case.fp, by_case.tp + by_case.fn)
    )
    error = bootstrap.mean(np.abs(predicted - reference), patient, predict_nothing=reference)
    return {"absolute_error": error.as_dict(), **bland_altman(predicted, reference)}


def _burden(cases: Sequence[CaseScore], patient: np.ndarray, bootstrap: Bootstrap) -> dict | None:
    scored = [
        (case, number)
        for case, number in zip(cases, patient, strict=True)
        if case.burden is not None and case.burden.reference is not None
    ]
    if not scored:
        return None
    defined = [case for case, _ in scored if case.burden.predicted is not None]
    error = bootstrap.mean(
        np.abs([case.burden.error for case, _ in scored]),
        np.array([number for _, number in scored]),
        predict_nothing=np.ones(len(scored)),
    )
    return {
        "absolute_error": error.as_dict(),
        "missed_livers": len(scored) - len(defined),
        **bland_altman([c.burden.predicted for c in defined], [c.burden.reference for c in defined]),
        "points": [
            {"case": case.case, "predicted": case.burden.predicted, "reference": case.burden.reference}
            for case, _ in scored
        ],
    }
