"""Choice of the threshold and of post-processing steps, on validation cases."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.calibration import Calibration, nearest_best
from cafct_keras.evaluation.metrics.overlap import count, unit_scores
from cafct_keras.measurement.components import bounding_box
from cafct_keras.packed import Masks
from cafct_keras.postprocessing import PostProcessing, unit_of_size

# Of the cases that show a target, as the best epoch is chosen. Pooled, the largest lesion alone would decide.
RULE = "per_case_positive"
# Between steps that are equal by it: false positives in the other cases.
SECOND_RULE = "per_case_lits"
SMALLEST_LESIONS = (0.0, 10.0, 30.0, 100.0, 300.0)  # mm^3, mm^2 or voxels, see `remove_small_components`


class ThresholdChoice:
    """Accumulates the Dice by threshold of the cases that show a target.

    Args:
        targets: what is predicted.
    """

    def __init__(self, targets: Sequence[str]):
        self._dice: dict[str, list[np.ndarray]] = {target: [] for target in targets}
        self._thresholds = np.zeros(0)

    def add(self, calibrations: Mapping[str, Calibration]) -> None:
        """Adds the probabilities of one case: target to calibration."""
        for target, calibration in calibrations.items():
            sweep = calibration.sweep()
            self._thresholds = sweep.thresholds
            if not np.isnan(sweep.per_slice_positive_dice).any():  # some slice shows it
                self._dice[target].append(sweep.pooled_dice.astype(np.float32))

    def best(self) -> float:
        """The threshold with the highest mean Dice of cases, averaged over targets.

        Raises:
            UserError: no case shows the last target.
        """
        _check_shown("threshold", self._dice)
        means = [np.mean(curves, axis=0) for curves in self._dice.values() if curves]
        return nearest_best(self._thresholds, np.mean(means, axis=0))


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
        self._targets = tuple(targets)
        self._dice: dict[PostProcessing, list[np.ndarray]] = {  # by rule and target, of each case
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
            pairs = [(np.asarray(masks[target]), reference[target]) for target in self._targets]
            dice.append(np.stack([_case_dice(*pair) for pair in pairs], axis=1))

    def best(self) -> PostProcessing:
        """The steps with the highest mean Dice of the cases that show a target, averaged over targets.

        Of equals those with the highest mean over all cases, and of these the fewest.

        Raises:
            UserError: no case shows the last target.
        """
        shown = ~np.isnan(np.array(next(iter(self._dice.values())))).all(axis=0)[0]
        _check_shown("postprocess", dict(zip(self._targets, shown, strict=True)))
        means = {
            steps: np.nanmean(np.array(dice)[..., shown], axis=0).mean(axis=1) for steps, dice in self._dice.items()
        }
        best = max(means, key=lambda steps: tuple(means[steps]))
        known = best.smallest_lesion and len(self._units) == 1
        return dataclasses.replace(best, unit=next(iter(self._units))) if known else best


def _case_dice(prediction: np.ndarray, reference: np.ndarray) -> list[float]:
    counts = count(prediction, reference)
    whole = counts.grouped(np.zeros(len(counts), int), 1)
    return [float(unit_scores(rule, "dice", whole)[0]) for rule in (RULE, SECOND_RULE)]


def _check_shown(option: str, shown: Mapping[str, Any]) -> None:
    """Refuses to choose by cases of which none shows the last target; `shown` says so of each, by its truth."""
    *_, (target, found) = shown.items()
    if not found:
        raise UserError(
            f"`{option}` auto: no validation case shows {target}, so that nothing can be chosen by them; give a value"
        )
