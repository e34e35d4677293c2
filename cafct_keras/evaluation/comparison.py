"""Comparison of two runs on the same cases."""

from collections.abc import Iterator, Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.bootstrap import Bootstrap, mean_of, paired_difference
from cafct_keras.evaluation.metrics.overlap import RULES, concatenate, unit_scores
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore
from cafct_keras.evaluation.metrics.surface import is_distance
from cafct_keras.evaluation.results import AS_PREDICTED, Comparison, Difference
from cafct_keras.evaluation.summary import check_cases, measured, patient_numbers
from cafct_keras.evaluation.volumes import of_one_kind

OVERLAP_RULES = ("per_slice_positive", "per_slice_all_one", "per_case_lits", "per_case_positive")


def compare(
    a: Sequence[CaseScore],
    b: Sequence[CaseScore],
    *,
    runs: tuple[str, str] = ("a", "b"),
    result: str = AS_PREDICTED,
    seed: int = 0,
    resamples: int = 1000,
) -> Comparison:
    """Compares two runs, unit by unit.

    Metrics are named measure first: `dice_per_case_lits`, `iou_per_slice_positive`, `hd95_mm_positive` and
    `hd95_mm_all` (over units that show the target in the reference, or all), `lesion_recall_iou_over_0.5` (over the
    reference's lesions), `false_positives_per_case_iou_over_0.5`.

    Args:
        a: scored cases of the first run.
        b: scored cases of the second run, against the same references, in any order.
        runs: names of the two.
        result: name of the results that are compared.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: the runs differ in their cases, targets or references.
    """
    check_cases(a)
    check_cases(b)
    a, b = of_one_kind(a), of_one_kind(b)
    by_name = {case.case: case for case in b}
    odd = sorted({case.case for case in a} ^ set(by_name))
    if odd:
        raise UserError(f"{odd[0]}: only one of the two runs has this case; compare runs on the same cases")
    b = [by_name[case.case] for case in a]
    for one, other in zip(a, b, strict=True):
        _check_same_reference(one, other)
    bootstrap = Bootstrap(patients=len({case.patient for case in a}), seed=seed, resamples=resamples)
    patient = patient_numbers(a)
    targets = dict.fromkeys(name for case in a for name in case.targets)
    return Comparison(
        runs=runs,
        result=result,
        cases=len(a),
        patients=bootstrap.patients,
        targets={
            name: _target(
                [case.targets[name] for case in a if name in case.targets],
                [case.targets[name] for case in b if name in case.targets],
                np.array([number for case, number in zip(a, patient, strict=True) if name in case.targets]),
                bootstrap,
                a[0].options.iou_thresholds,
            )
            for name in targets
        },
    )


def _check_same_reference(one: CaseScore, other: CaseScore) -> None:
    if set(one.targets) != set(other.targets):
        raise UserError(f"{one.case}: the two runs score other targets; compare runs that score the same")
    same = (one.patient, one.spacing, one.contiguous) == (other.patient, other.spacing, other.contiguous)
    if one.options != other.options:
        raise UserError(f"{one.case}: the two runs were scored with other options; give both the same")
    for name, target in one.targets.items():
        truths = [each.tp + each.fn for each in (target.counts, other.targets[name].counts)]
        same = same and np.array_equal(*truths)
    if not same:
        raise UserError(f"{one.case}: its references differ between the runs; score both against the same masks")


def _target(
    a: list[TargetScore],
    b: list[TargetScore],
    patient: np.ndarray,
    bootstrap: Bootstrap,
    thresholds: Sequence[float],
) -> dict[str, Difference]:
    result = {}
    units = (_units(each, patient, thresholds) for each in (a, b))
    for (name, first, owner, better), (_, second, _, _) in zip(*units, strict=True):
        both = np.where(np.isnan(first) | np.isnan(second), np.nan, 1.0)
        result[name] = Difference(
            a=mean_of(first * both),
            b=mean_of(second * both),
            **vars(paired_difference(second - first, owner, bootstrap)),
            higher_is_better=better,
        )
    return result


def _units(
    scores: list[TargetScore], patient: np.ndarray, thresholds: Sequence[float]
) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Name, values, patients of the units, and whether higher is better, of each metric."""
    counts = concatenate([score.counts for score in scores])
    slices = [len(score.counts) for score in scores]
    by_case = counts.grouped(np.repeat(np.arange(len(scores)), slices), len(scores))
    for rule in OVERLAP_RULES:
        units, owner = (by_case, patient) if RULES[rule].unit == "case" else (counts, np.repeat(patient, slices))
        for measure in ("dice", "iou"):
            yield f"{measure}_{rule}", unit_scores(rule, measure, units), owner, True
    surfaces, of_surface = measured([score.surface for score in scores], patient)
    if surfaces:
        owner = np.repeat(of_surface, [len(surface.in_reference) for surface in surfaces])
        shown = np.concatenate([surface.in_reference for surface in surfaces])
        for name in surfaces[0].measures():
            values = np.concatenate([surface.measures()[name] for surface in surfaces])
            for which, counted in (("all", np.ones_like(shown)), ("positive", shown)):
                yield f"{name}_{which}", np.where(counted, values, np.nan), owner, not is_distance(name)
    lesions, of_lesions = measured([score.lesions for score in scores], patient)
    if not lesions:
        return
    owner = np.repeat(of_lesions, [len(score.lesions) for score in lesions])
    for threshold in thresholds:
        found = [float(lesion.found(threshold)) for score in lesions for lesion in score.lesions]
        yield f"lesion_recall_iou_over_{threshold:g}", np.array(found), owner, True
        false_positives = [float(len(score.false_positives(threshold))) for score in lesions]
        yield f"false_positives_per_case_iou_over_{threshold:g}", np.array(false_positives), of_lesions, False
