"""Summaries of scored cases by every rule."""

from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.lesion_summary import summarize_lesions
from cafct_keras.evaluation.lits_sheet import lits_sheet
from cafct_keras.evaluation.metrics.bootstrap import CONFIDENCE, ERROR, INTERVAL, SCORE, Bootstrap, Estimate
from cafct_keras.evaluation.metrics.burden import bland_altman
from cafct_keras.evaluation.metrics.overlap import BATCH_SIZE, Counts, concatenate, overlap_estimates
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore
from cafct_keras.evaluation.metrics.surface import SurfaceScores, is_distance
from cafct_keras.evaluation.results import (
    BurdenPoint,
    BurdenSummary,
    Summary,
    SummaryOptions,
    SurfaceSummary,
    TargetSummary,
    VolumeSummary,
)
from cafct_keras.evaluation.volumes import are_volumes, of_one_kind
from cafct_keras.measurement.volumes import millilitres

Spacing = tuple[float, float, float]
Score = TypeVar("Score")


def summarize(cases: Sequence[CaseScore], *, seed: int = 0, resamples: int = 1000) -> Summary:
    """Summarizes a set of cases.

    Every estimate comes with the number of units that count, a 95 % interval over patients and the scores of an empty
    prediction and of one of every pixel.

    Args:
        cases: one or more, all with spacing or all without, and of the same options. Volumes and loose slices may be
            among them, see `volumes`.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: there are no cases, two have one name, or they differ in having a spacing or in options; or
            a sheet was asked for and none is a volume of known spacing.
    """
    check_cases(cases)
    cases = of_one_kind(cases)
    bootstrap = Bootstrap(patients=len({case.patient for case in cases}), seed=seed, resamples=resamples)
    patient = patient_numbers(cases)
    contiguous, spacing_known = are_volumes(cases), cases[0].spacing is not None
    targets = dict.fromkeys(name for case in cases for name in case.targets)
    return Summary(
        cases=len(cases),
        patients=bootstrap.patients,
        slices=sum(len(case.slice_names) for case in cases),
        complete_cases=sum(case.contiguous == contiguous for case in cases),
        options=SummaryOptions(
            grid=cases[0].grid,
            seed=seed,
            resamples=resamples,
            confidence=CONFIDENCE,
            interval=INTERVAL,
            batch_size=BATCH_SIZE,
            iou_thresholds=list(cases[0].options.iou_thresholds),
            tolerances=list(cases[0].options.tolerances),
            connectivity=cases[0].options.connectivity,
            surface="voxels",
            contiguous=contiguous,
            spacing_known=spacing_known,
        ),
        targets={
            name: _target(
                [case.targets[name] for case in cases if name in case.targets],
                [case.spacing for case in cases if name in case.targets],
                np.array([number for case, number in zip(cases, patient, strict=True) if name in case.targets]),
                bootstrap,
                thresholds=cases[0].options.iou_thresholds,
                volumes=contiguous and spacing_known,
            )
            for name in targets
        },
        burden=_burden(cases, patient, bootstrap),
        lits=lits_sheet(cases) if cases[0].options.sheet else None,
    )


def check_cases(cases: Sequence[CaseScore]) -> None:
    """Refuses cases that have no common mean.

    Raises:
        UserError: there are no cases, two have one name, or they differ in having a spacing or in options.
    """
    if not cases:
        raise UserError("cases: there are none; score one at least")
    seen = set()
    for case in cases:
        if case.case in seen:
            raise UserError(f"{case.case}: two cases have this name; give each a name of its own")
        seen.add(case.case)
        for kind, values in (
            ("spacing", (case.spacing is None, cases[0].spacing is None)),
            ("options", (case.options, cases[0].options)),
            ("grid", (case.grid, cases[0].grid)),
        ):
            if values[0] != values[1]:
                raise UserError(
                    f"{case.case}: differs from {cases[0].case} in {kind}, so that no mean over both has a meaning; "
                    "score all cases with spacing or all without, and all with the same options, on one kind of grid"
                )


def patient_numbers(cases: Sequence[CaseScore]) -> np.ndarray:
    """Patient of each case: int `(cases,)`, patients numbered in the order in which they come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(case.patient, len(numbers)) for case in cases])


def _target(
    scores: list[TargetScore],
    spacings: list[Spacing | None],
    patient: np.ndarray,
    bootstrap: Bootstrap,
    *,
    thresholds: Sequence[float],
    volumes: bool,
) -> TargetSummary:
    counts = concatenate([score.counts for score in scores])
    slices = [len(score.counts) for score in scores]
    case = np.repeat(np.arange(len(scores)), slices)
    by_case = counts.grouped(case, len(scores))
    surface, surface_patient = measured([score.surface for score in scores], patient)
    lesions, lesion_patient = measured([score.lesions for score in scores], patient)
    whole = np.array([score.surface is not None for score in scores])
    return TargetSummary(
        cases=len(scores),
        patients=len(np.unique(patient)),
        slices=len(counts),
        positive_cases=int(np.count_nonzero(by_case.tp + by_case.fn)),
        positive_slices=int(np.count_nonzero(counts.tp + counts.fn)),
        overlap=overlap_estimates(counts, case, np.repeat(patient, slices), bootstrap),
        surface=_surface(surface, surface_patient, bootstrap) if surface else None,
        lesions=summarize_lesions(lesions, lesion_patient, bootstrap, thresholds) if lesions else None,
        volume_ml=_volume(by_case, cast(list[Spacing], spacings), patient, whole, bootstrap) if volumes else None,
    )


def measured(scores: Sequence[Score | None], patient: np.ndarray) -> tuple[list[Score], np.ndarray]:
    """Those that are not None, and their patients."""
    found = [(score, number) for score, number in zip(scores, patient, strict=True) if score is not None]
    return [score for score, _ in found], np.array([number for _, number in found], int)


def _surface(scores: list[SurfaceScores], patient: np.ndarray, bootstrap: Bootstrap) -> SurfaceSummary:
    owner = np.repeat(patient, [len(score.in_reference) for score in scores])
    reference, prediction = (
        np.concatenate([getattr(score, name) for score in scores]) for name in ("in_reference", "in_prediction")
    )
    means: dict[str, dict[str, Estimate]] = {}
    for rule, counted in (
        ("all", np.ones_like(reference)),
        ("positive", reference),
        ("both", reference & prediction),
    ):
        means[rule] = {}
        for name in scores[0].measures():
            values, nothing = (
                np.where(counted, np.concatenate([score.measures()[name] for score in each]), np.nan)
                for each in (scores, [score.of_nothing() for score in scores])
            )
            bounds = SCORE
            if is_distance(name):  # the diagonal of a miss is the worst, where misses count
                worst = np.nan_to_num(np.concatenate([values, nothing])).max(initial=0)
                bounds = ERROR if rule == "both" else (0.0, float(worst))
            means[rule][name] = bootstrap.mean(
                values, owner, bounds=bounds, predict_nothing=None if rule == "both" else nothing
            )
    return SurfaceSummary(
        unit=scores[0].unit,
        length=scores[0].length,
        missed=int(np.count_nonzero(reference & ~prediction)),
        spurious=int(np.count_nonzero(prediction & ~reference)),
        both_empty=int(np.count_nonzero(~reference & ~prediction)),
        **means,
    )


def _volume(
    by_case: Counts, spacings: list[Spacing], patient: np.ndarray, whole: np.ndarray, bootstrap: Bootstrap
) -> VolumeSummary:
    predicted, reference = (
        np.array([millilitres(voxels, spacing) for voxels, spacing in zip(side, spacings, strict=True)])[whole]
        for side in (by_case.tp + by_case.fp, by_case.tp + by_case.fn)
    )
    error = bootstrap.mean(np.abs(predicted - reference), patient[whole], bounds=ERROR, predict_nothing=reference)
    return VolumeSummary(absolute_error=error, **vars(bland_altman(predicted, reference)))


def _burden(cases: Sequence[CaseScore], patient: np.ndarray, bootstrap: Bootstrap) -> BurdenSummary | None:
    points, errors, owner = [], [], []
    for case, number in zip(cases, patient, strict=True):
        burden = case.burden
        if burden is not None and burden.reference is not None and burden.error is not None:
            points.append(BurdenPoint(case=case.case, predicted=burden.predicted, reference=burden.reference))
            errors.append(abs(burden.error))
            owner.append(number)
    if not points:
        return None
    pairs = [(point.predicted, point.reference) for point in points if point.predicted is not None]
    return BurdenSummary(
        absolute_error=bootstrap.mean(np.array(errors), np.array(owner), predict_nothing=np.ones(len(points))),
        missed_livers=len(points) - len(pairs),
        points=points,
        **vars(bland_altman(*np.array(pairs, float).reshape(-1, 2).T)),
    )
