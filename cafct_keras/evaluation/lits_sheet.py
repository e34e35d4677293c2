"""The LiTS challenge's sheet: the figures of its scoring code (Bilic et al. 2023), under its names."""

from collections.abc import Iterator, Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.objects import FOUND, MEASURES
from cafct_keras.evaluation.metrics.overlap import concatenate, fraction, unit_scores
from cafct_keras.evaluation.metrics.scores import ORGANS, CaseScore, TargetScore
from cafct_keras.evaluation.results import LitsSheet

NO_VOLUMES = "`sheet` lits: needs volumes of known spacing; leave it out for single slices"
NOTES = (
    "Lesions are found one by one, by the challenge's stated rule: IoU over 0.5 with all that is predicted for them. "
    "Its code joins lesions that one component spans and mixes up labels there, so that some of its unions are wrong.",
    "Lesions are {connectivity}-connected; the challenge's code has 6-connected ones, and in later versions joins "
    "reference lesions that are up to two pixels apart in a slice.",
    "False positives are predicted components that belong to no lesion found; the code counts its joined components "
    "minus the lesions found.",
    "Surfaces are voxels with a face neighbour outside; the code's have a face or edge neighbour outside.",
    "RVD is predicted minus reference volume over the reference's; the code swaps the two.",
    "MAXERROR_Tumorburden is the largest absolute error; the code takes the largest difference with its sign.",
    "Where a liver is missing, distances are the volume's diagonal and its burden's error is 1; the code has 9001.",
)


def lits_sheet(cases: Sequence[CaseScore]) -> LitsSheet:
    """Computes the sheet of cases that were scored with `sheet` `"lits"`.

    Raises:
        UserError: none is a volume of known spacing.
    """
    whole = [case for case in cases if any(target.objects is not None for target in case.targets.values())]
    if not whole:
        raise UserError(NO_VOLUMES)
    values: dict[str, float | None] = {}
    for name in dict.fromkeys(name for case in whole for name in case.targets):
        scores = [case.targets[name] for case in whole if name in case.targets]
        parts = (*([] if name in ORGANS else _detection(scores)), *_segmentation(scores))
        values |= {f"{name}_{measure}": value for measure, value in parts}
    errors = [case.burden.error for case in whole if case.burden is not None and case.burden.error is not None]
    if errors:
        values["RMSE_Tumorburden"] = float(np.sqrt(np.mean(np.square(errors))))
        values["MAXERROR_Tumorburden"] = float(np.abs(errors).max())
    notes = [note.format(connectivity=cases[0].options.connectivity) for note in NOTES]
    return LitsSheet(cases=len(whole), values=values, notes=notes)


def _detection(scores: Sequence[TargetScore]) -> Iterator[tuple[str, float | None]]:
    lesions = [score.lesions for score in scores if score.lesions is not None]
    for suffix, threshold in (("", FOUND), ("_greater_zero", 0.0)):
        found = sum(lesion.found(threshold) for each in lesions for lesion in each.lesions)
        false_positives = sum(len(each.false_positives(threshold)) for each in lesions)
        of_all = sum(len(each.lesions) for each in lesions)
        yield f"precision{suffix}", found / (found + false_positives) if found + false_positives else None
        yield f"recall{suffix}", found / of_all if of_all else None


def _segmentation(scores: Sequence[TargetScore]) -> Iterator[tuple[str, float | None]]:
    for measure in MEASURES:
        values = np.concatenate([score.objects[measure] for score in scores if score.objects is not None])
        yield measure, float(values.mean()) if len(values) else None
    slices = [len(score.counts) for score in scores]
    by_case = concatenate([score.counts for score in scores]).grouped(
        np.repeat(np.arange(len(scores)), slices), len(scores)
    )
    yield "dice_per_case", float(unit_scores("per_case_lits", "dice", by_case).mean())
    above, below = (part.sum() for part in fraction("dice", by_case))
    yield "dice_global", float(above / below) if below else None
