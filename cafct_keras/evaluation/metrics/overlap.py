"""Dice, IoU, precision and recall by every rule in common use.

The same masks score 0.49 by one rule and 0.77 by another. All rules start from the pixel counts of each slice, so a set
of any size is summarized without its masks.
"""

import dataclasses

import numpy as np

from cafct_keras.evaluation.metrics.bootstrap import Bootstrap, Estimate, mean_of

BATCH_SIZE = 8  # slices, of the rule "batch_flattened"
MEASURES = ("dice", "iou", "precision", "recall")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that turns pixel counts into one score.

    Attributes:
        unit: what is averaged: `"slice"`, `"case"`, `"batch"`, or `"pixel"` where nothing is.
        both_empty: score of a unit that is empty in reference and prediction; None leaves it out.
        false_positive: score of a unit that is empty in the reference only; None leaves it out, `"computed"` scores it
            by its background. A unit that is empty in the prediction only scores 0, or is computed likewise.
        measures: which of `MEASURES` it defines.
        meaning: one sentence for the readers of a report.
        used_by: who reports it.
    """

    unit: str
    both_empty: float | None
    false_positive: float | str | None
    measures: tuple[str, ...] = MEASURES
    meaning: str
    used_by: str


RULES: dict[str, Rule] = {
    "per_slice_positive": Rule(
        unit="slice",
        both_empty=None,
        false_positive=None,
        meaning="Mean over the slices that show the target; false positives on all other slices go unseen.",
        used_by="many papers on 2-D networks; the only family of rules that fits all of CAFCT-Net's Tables 2 to 4",
    ),
    "per_slice_all_one": Rule(
        unit="slice",
        both_empty=1.0,
        false_positive=0.0,
        meaning="Mean over all slices, where a slice empty in both scores 1: mostly a count of empty slices.",
        used_by="PVTFormer's evaluation; segmentation_models_pytorch with zero_division=1, its Dice and IoU only (an "
        "empty prediction has a precision of 1 there, 0 here)",
    ),
    "per_slice_all_skip": Rule(
        unit="slice",
        both_empty=None,
        false_positive=0.0,
        meaning="Mean over the slices that show the target in reference or prediction.",
        used_by="scripts that skip slices without any foreground",
    ),
    "per_case_lits": Rule(
        unit="case",
        both_empty=1.0,
        false_positive=0.0,
        meaning="Mean over cases, all slices of a case taken together; a case empty in both scores 1.",
        used_by='the LiTS challenge ("Dice per case")',
    ),
    "per_case_nnunet": Rule(
        unit="case",
        both_empty=None,
        false_positive=0.0,
        meaning="Mean over the cases that show the target in reference or prediction.",
        used_by="nnU-Net v2 (summary.json)",
    ),
    "per_case_positive": Rule(
        unit="case",
        both_empty=None,
        false_positive=None,
        meaning="Mean over the cases that show the target; false positives in all other cases go unseen.",
        used_by="MONAI's DiceMetric by default",
    ),
    "pooled": Rule(
        unit="pixel",
        both_empty=None,
        false_positive=0.0,
        meaning="All pixels of all cases taken together; large targets decide it.",
        used_by='the LiTS challenge ("Dice global")',
    ),
    "batch_flattened": Rule(
        unit="batch",
        both_empty=1.0,
        false_positive=0.0,
        measures=("dice", "iou"),
        meaning=f"Mean over batches of {BATCH_SIZE} slices in order, each flattened; only to explain foreign numbers.",
        used_by="the dice_coef of many Keras scripts (here in the limit of no smoothing)",
    ),
    "two_class_mean": Rule(
        unit="slice",
        both_empty=1.0,
        false_positive="computed",
        measures=("dice", "iou"),
        meaning="Mean over slices of the mean of foreground and background; the background inflates it.",
        used_by="Keras's MeanIoU(num_classes=2), slice by slice",
    ),
}
"""Overlap rules by name, in the order of tables and reports."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """Pixel counts of each slice.

    Attributes:
        tp: int64 `(slices,)`, foreground in both.
        fp: int64 `(slices,)`, in the prediction only.
        fn: int64 `(slices,)`, in the reference only.
        pixels: int64 `(slices,)`, all pixels.
    """

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.tp)

    def grouped(self, group: np.ndarray, groups: int) -> "Counts":
        """Sums over groups; `group` is int `(slices,)`, the group of each slice, 0..groups - 1."""
        sums = {}
        for field in dataclasses.fields(self):
            sums[field.name] = np.zeros(groups, np.int64)
            np.add.at(sums[field.name], group, getattr(self, field.name))
        return Counts(**sums)

    def of_nothing(self) -> "Counts":
        """Counts of an empty prediction."""
        zeros = np.zeros_like(self.tp)
        return Counts(tp=zeros, fp=zeros, fn=self.tp + self.fn, pixels=self.pixels)

    def of_everything(self) -> "Counts":
        """Counts of a prediction of every pixel."""
        truth = self.tp + self.fn
        return Counts(tp=truth, fp=self.pixels - truth, fn=np.zeros_like(truth), pixels=self.pixels)

    def of_background(self) -> "Counts":
        """Counts with foreground and background swapped."""
        return Counts(tp=self.pixels - self.tp - self.fp - self.fn, fp=self.fn, fn=self.fp, pixels=self.pixels)


def count(prediction: np.ndarray, reference: np.ndarray) -> Counts:
    """Counts the pixels of each slice.

    Args:
        prediction: bool `(slices, H, W)`.
        reference: bool `(slices, H, W)`.
    """
    rows = [
        (np.count_nonzero(p & g), np.count_nonzero(p), np.count_nonzero(g))  # a slice at a time stays in the cache
        for p, g in zip(prediction, reference, strict=True)
    ]
    tp, predicted, truth = np.array(rows, np.int64).reshape(-1, 3).T
    pixels = np.full(len(tp), prediction[0].size if len(tp) else 0, np.int64)
    return Counts(tp=tp, fp=predicted - tp, fn=truth - tp, pixels=pixels)


def concatenate(parts: list[Counts]) -> Counts:
    """Concatenates the slices of several counts."""
    return Counts(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(Counts)
        }
    )


def fraction(measure: str, counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator of a measure, int64; 0 / 0 where it is undefined."""
    tp, fp, fn = counts.tp, counts.fp, counts.fn
    return {
        "dice": (2 * tp, 2 * tp + fp + fn),
        "iou": (tp, tp + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }[measure]


def unit_scores(rule: str, measure: str, counts: Counts) -> np.ndarray:
    """Scores each unit by a rule that averages; NaN where the rule leaves the unit out.

    An empty prediction has precision 0 where the reference is not empty, and likewise recall is 0 where only the
    reference is empty: leaving such a unit out would reward a miss.

    With `two_class_mean` a class that neither mask shows has no score, and the mean is that of the other class, as in
    Keras's `MeanIoU`.

    Args:
        rule: a name in `RULES`, not `"pooled"`.
        measure: one of the rule's measures.
        counts: of the rule's units (slices, cases or batches).

    Returns:
        float64 `(units,)`.
    """
    if rule == "two_class_mean":
        return np.nanmean([_ratio(*fraction(measure, each)) for each in (counts, counts.of_background())], axis=0)
    truth, predicted = counts.tp + counts.fn, counts.tp + counts.fp
    scores = np.nan_to_num(_ratio(*fraction(measure, counts)))
    for units, score in (((truth + predicted) == 0, "both_empty"), ((truth == 0) & (predicted > 0), "false_positive")):
        wanted = getattr(RULES[rule], score)
        scores[units] = np.nan if wanted is None else wanted
    return scores


def overlap_estimates(
    counts: Counts, case: np.ndarray, patient: np.ndarray, bootstrap: Bootstrap
) -> dict[str, dict[str, Estimate]]:
    """Estimates every measure by every rule for a set of cases.

    The interval of `batch_flattened`, whose batches may span patients, weights each batch by how often its slices are
    drawn: a batch counts for a patient by that patient's fraction of its slices.

    Args:
        counts: of all slices, in order, run after run.
        case: int `(slices,)`, 0..cases - 1.
        patient: int `(slices,)`, the bootstrap's group, 0..groups - 1; the slices of a case have one.
        bootstrap: over the patients, and over the runs where there are several.

    Returns:
        Rule to measure to estimate.
    """
    run, slices = patient // bootstrap.patients, np.arange(len(counts))
    batch = (slices - np.searchsorted(run, run)) // BATCH_SIZE  # of its run
    batch = np.unique(run * len(counts) + batch, return_inverse=True)[1]
    unit_of_slice = {"slice": slices, "case": case, "batch": batch}
    units = {name: counts.grouped(index, int(index.max()) + 1) for name, index in unit_of_slice.items()}
    return {
        name: {
            measure: _pooled(measure, counts, patient, bootstrap)
            if rule.unit == "pixel"
            else _averaged(name, measure, units[rule.unit], unit_of_slice[rule.unit], patient, bootstrap)
            for measure in rule.measures
        }
        for name, rule in RULES.items()
    }


def _pooled(measure: str, counts: Counts, patient: np.ndarray, bootstrap: Bootstrap) -> Estimate:
    below = fraction("iou", counts)[1]
    nothing = None if not (counts.tp + counts.fn).any() else 0.0
    above_of_everything, below_of_everything = (part.sum() for part in fraction(measure, counts.of_everything()))
    everything = float(above_of_everything / below_of_everything) if below_of_everything else None
    estimate = bootstrap.ratio(
        *fraction(measure, counts), patient, predict_nothing=nothing, predict_everything=everything
    )
    value = estimate.value if estimate.value is not None or not below.any() else 0.0  # precision of a pooled miss
    return dataclasses.replace(estimate, value=value, units=int(counts.pixels.sum()))


def _averaged(
    rule: str, measure: str, units: Counts, unit_of_slice: np.ndarray, patient: np.ndarray, bootstrap: Bootstrap
) -> Estimate:
    scores = unit_scores(rule, measure, units)
    counted = ~np.isnan(scores)
    # Each patient's fraction of each unit: 1, except in batches that span patients.
    pairs, slices = np.unique(unit_of_slice * bootstrap.groups + patient, return_counts=True)
    unit, owner = np.divmod(pairs, bootstrap.groups)
    weight = counted[unit] * slices / np.bincount(unit_of_slice)[unit]
    low, high = bootstrap.interval(
        np.bincount(owner, weights=weight * np.nan_to_num(scores)[unit], minlength=bootstrap.groups),
        np.bincount(owner, weights=weight, minlength=bootstrap.groups),
    )
    return Estimate(
        value=mean_of(scores),
        units=int(counted.sum()),
        low=low,
        high=high,
        predict_nothing=mean_of(unit_scores(rule, measure, units.of_nothing())),
        predict_everything=mean_of(unit_scores(rule, measure, units.of_everything())),
    )


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
