"""Choice of the threshold and of post-processing steps, on validation cases."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.calibration import RULES, Calibration, Sweep
from cafct_keras.evaluation.metrics.overlap import count, unit_scores
from cafct_keras.measurement.components import bounding_box
from cafct_keras.packed import Masks
from cafct_keras.postprocessing import PostProcessing, unit_of_size

THRESHOLD_RULE = "pooled_dice"  # counts false positives on every slice, which per_slice_positive does not
POSTPROCESSING_RULE = "per_case_lits"  # Dice: a false positive in a case without the target costs all of it
SMALLEST_LESIONS = (0.0, 10.0, 30.0, 100.0, 300.0)  # mm^3, mm^2 or voxels, see `remove_small_components`


def best_threshold(calibrations: Sequence[Calibration]) -> float:
    """The threshold with the highest pooled Dice, averaged over targets.

    Args:
        calibrations: of the validation cases, one per target.

    Raises:
        UserError: no case shows a target.
    """
    sweeps = [calibration.sweep() for calibration in calibrations]
    shown = [sweep for sweep in sweeps if not np.isnan(sweep.per_slice_positive_dice).any()]
    if not shown:
        raise UserError("`threshold` auto: no validation slice shows the target; give a number")
    mean = {rule: np.mean([getattr(sweep, rule) for sweep in shown], axis=0) for rule in RULES}
    best = Sweep(thresholds=shown[0].thresholds, **mean).best_threshold(THRESHOLD_RULE)
    assert best is not None  # every sweep that is shown has scores
    return best


class PostProcessingChoice:
    """Evaluates every combination of post-processing steps on cases that stream by, and keeps only their Dice.

    Args:
        targets: what is predicted.
    """

    def __init__(self, targets: Sequence[str]):
        liver, lesion = "liver" in targets, "lesion" in targets
        combinations = itertools.product(
            (False, True) if liver else (False,),
            (False, True) if liver and lesion else (False,),
            SMALLEST_LESIONS if lesion else (0.0,),
        )
        self._dice: dict[PostProcessing, list[list[float]]] = {
            PostProcessing(largest_liver=largest, lesions_inside_liver=inside, smallest_lesion=smallest): []
            for largest, inside, smallest in combinations
        }
        self._units: set[str] = set()

    def add(
        self,
        prediction: Masks,
        reference: Masks,
        *,
        spacing: tuple[float, float, float] | None,
        contiguous: bool,
    ) -> None:
        """Adds a case; arguments are those of `PostProcessing`."""
        self._units.add(unit_of_size(spacing, contiguous=contiguous))
        # Post-processing and Dice depend on nothing around the foreground.
        planes = zip(*prediction.values(), *reference.values(), strict=True)
        box = bounding_box(np.stack([np.logical_or.reduce(plane) for plane in planes])) or (slice(0, 1),) * 3
        prediction, reference = (
            {target: np.asarray(mask)[box].copy() for target, mask in each.items()} for each in (prediction, reference)
        )
        for steps, dice in self._dice.items():
            masks = steps(prediction, spacing=spacing, contiguous=contiguous)
            dice.append([_case_dice(*map(np.asarray, (masks[target], reference[target]))) for target in reference])

    def best(self) -> PostProcessing:
        """The steps with the highest mean Dice over cases and targets; of equals the fewest steps."""
        best = max(self._dice, key=lambda steps: np.mean(self._dice[steps]))
        known = best.smallest_lesion and len(self._units) == 1
        return dataclasses.replace(best, unit=next(iter(self._units))) if known else best


def _case_dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    counts = count(prediction, reference)
    whole = counts.grouped(np.zeros(len(counts), int), 1)
    return float(unit_scores(POSTPROCESSING_RULE, "dice", whole)[0])
