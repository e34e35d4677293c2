"""Summary of lesion-wise detection over a set of cases."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from cafct_keras.evaluation.metrics.bootstrap import Bootstrap, Estimate
from cafct_keras.evaluation.metrics.lesions import DIAMETERS, PAIRED, LesionScores, Overlaps, stratum
from cafct_keras.evaluation.results import Detection, LesionSummary, PanopticQuality


def summarize_lesions(
    scores: Sequence[LesionScores], patient: np.ndarray, bootstrap: Bootstrap, thresholds: Sequence[float]
) -> LesionSummary:
    """Summarizes one target's lesions, over all lesions taken together.

    Args:
        scores: of the cases, one or more.
        patient: int `(cases,)`, the bootstrap's group of each case.
        bootstrap: over the patients.
        thresholds: of IoU.
    """
    overlaps = [score.overlaps() for score in scores]
    everything = [score.overlaps_of_everything() for score in scores]
    return LesionSummary(
        unit=scores[0].unit,
        units=sum(score.units for score in scores),
        lesions=sum(len(score.lesions) for score in scores),
        components=sum(len(score.components) for score in scores),
        detection={
            f"iou_over_{threshold:g}": _detection(scores, overlaps, everything, patient, bootstrap, threshold)
            for threshold in thresholds
        },
        lesion_dice=_pooled(_lesion_dice, overlaps, everything, patient, bootstrap),
        panoptic=PanopticQuality(
            **{name: _pooled(parts, overlaps, everything, patient, bootstrap) for name, parts in _PANOPTIC.items()}
        ),
    )


Parts = tuple[float, float, float]  # numerator and denominator of a case, and the latter for an empty prediction


def _lesion_dice(case: Overlaps) -> Parts:
    false_positives = int(np.count_nonzero(case.component_iou == 0))
    return float(np.sum(2 * case.iou / (1 + case.iou))), len(case.iou) + false_positives, len(case.iou)


def _panoptic(name: str) -> Callable[[Overlaps], Parts]:
    def parts(case: Overlaps) -> Parts:
        pairs = case.pair_iou[case.pair_iou > PAIRED]
        all_of_both = (len(case.iou) + len(case.component_iou)) / 2
        above = len(pairs) if name == "rq" else float(pairs.sum())
        return (above, len(pairs), 0) if name == "sq" else (above, all_of_both, len(case.iou) / 2)

    return parts


_PANOPTIC = {name: _panoptic(name) for name in ("pq", "sq", "rq")}


def _pooled(
    parts: Callable[[Overlaps], Parts],
    overlaps: Sequence[Overlaps],
    everything: Sequence[Overlaps],
    patient: np.ndarray,
    bootstrap: Bootstrap,
) -> Estimate:
    """A ratio over all cases taken together; its `units` are the lesions."""
    above, below, of_nothing = np.array([parts(case) for case in overlaps], float).reshape(-1, 3).T
    most, out_of, _ = np.array([parts(case) for case in everything], float).reshape(-1, 3).sum(axis=0)
    estimate = bootstrap.ratio(
        above,
        below,
        patient,
        predict_nothing=0.0 if of_nothing.any() else None,
        predict_everything=most / out_of if out_of else None,
    )
    return dataclasses.replace(estimate, units=sum(len(case.iou) for case in overlaps))


def _detection(
    scores: Sequence[LesionScores],
    overlaps: Sequence[Overlaps],
    everything: Sequence[Overlaps],
    patient: np.ndarray,
    bootstrap: Bootstrap,
    threshold: float,
) -> Detection:
    units = np.array([score.units for score in scores])
    owner = np.repeat(patient, [len(score.lesions) for score in scores])
    diameters = [lesion.diameter for score in scores for lesion in score.lesions]
    known = [diameter for diameter in diameters if diameter is not None]
    strata = np.array([stratum(diameter) for diameter in known] if len(known) == len(diameters) else [])

    def counted(cases: Sequence[Overlaps]) -> tuple[np.ndarray, np.ndarray]:
        """Whether each lesion is found, float `(lesions,)`, and the false positives of each case."""
        found = np.concatenate([case.iou > threshold for case in cases]).astype(float)
        return found, np.array([np.count_nonzero(~(case.component_iou > threshold)) for case in cases])

    (found, false_positives), (all_found, all_false) = counted(overlaps), counted(everything)
    # Lesions and false positives as one list of (counts as right, counts as one), each with its patient.
    both = np.concatenate([owner, patient])
    right = np.concatenate([found, np.zeros(len(scores))])
    hits, findings = all_found.sum(), all_found.sum() + all_false.sum()
    f1 = bootstrap.ratio(
        2 * right,
        np.concatenate([1 + found, false_positives]),
        both,
        predict_nothing=0.0 if len(found) else None,
        predict_everything=float(2 * hits / (len(found) + findings)),
    )

    def recall(wanted: np.ndarray) -> Estimate:
        return bootstrap.mean(
            found[wanted],
            owner[wanted],
            predict_nothing=np.zeros(np.count_nonzero(wanted)),
            predict_everything=all_found[wanted],
        )

    return Detection(
        false_positives=int(false_positives.sum()),
        false_positives_per_unit=bootstrap.ratio(
            false_positives,
            units,
            patient,
            bounds=(0.0, float(max(1, np.max(false_positives / units)))),  # so that none at all leave a doubt
            predict_nothing=0.0,
            predict_everything=float(all_false.sum() / units.sum()),
        ),
        recall=recall(np.ones(len(found), bool)),
        precision=bootstrap.ratio(
            right,
            np.concatenate([found, false_positives]),
            both,
            predict_everything=float(hits / findings) if findings else None,
        ),
        f1=dataclasses.replace(f1, units=len(found)),
        recall_by_diameter={name: recall(strata == name) for name in DIAMETERS}
        if len(known) == len(diameters)
        else None,
    )
