"""Thresholds and post-processing of a prediction: those that were asked for, or that were chosen for its runs."""

import dataclasses
from collections.abc import Sequence

from cafct_keras.errors import UserError
from cafct_keras.packed import PackedMask, binarize
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction.cases import CasePrediction
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.smoothing import check_smoothing, smooth
from cafct_keras.runs.choice import Choice
from pipelines.targets import LESION, LIVER

THRESHOLD = 0.5  # where none was chosen
# What each of the steps changes.
CHANGED = {"largest_liver": LIVER, "lesions_inside_liver": LESION, "smallest_lesion": LESION, "unit": LESION}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """How masks are made of probabilities.

    Attributes:
        thresholds: by target.
        smoothing: by target, the standard deviation that probabilities are smoothed by first, see `smooth`.
        postprocessing: steps that are applied to the masks.
        notes: a line for each: what it is, and where from.
    """

    thresholds: dict[str, float]
    smoothing: dict[str, float]
    postprocessing: PostProcessing
    notes: tuple[str, ...]

    def smooth(self, prediction: CasePrediction) -> CasePrediction:
        """The prediction of a case, smoothed across its slices."""
        return smooth(prediction, self.smoothing)

    def masks(self, prediction: CasePrediction) -> dict[str, PackedMask]:
        """The masks of a case, by target: bool `(slices, H, W)` on its own grid.

        Args:
            prediction: as `smooth` returned it.
        """
        masks = {
            target: binarize(prediction.probability[target], threshold) for target, threshold in self.thresholds.items()
        }
        if prediction.inside is not None:
            pairs = zip(masks[LESION], prediction.inside, strict=True)
            masks[LESION] = PackedMask(lesion & inside for lesion, inside in pairs)
            masks.setdefault(LIVER, prediction.inside)
        case = prediction.case
        final = self.postprocessing(masks, spacing=case.spacing, contiguous=case.contiguous)
        return {target: mask if isinstance(mask, PackedMask) else PackedMask(mask) for target, mask in final.items()}


def find_choices(
    networks: Sequence[Network],
    targets: Sequence[str],
    *,
    threshold: float | None = None,
    postprocessing: PostProcessing | None = None,
    smooth_slices: float | None = None,
) -> Choices:
    """Finds thresholds, smoothing and post-processing.

    Each target takes those of the runs that predict it, if one was chosen for each of these and they are equal, and
    otherwise a threshold of 0.5 and neither smoothing nor post-processing.

    Args:
        networks: whose probabilities are averaged.
        targets: of the masks: theirs, and the liver where it is another run's, see `WithinLiver`.
        threshold: of all targets; None for what was chosen.
        postprocessing: None for what was chosen.
        smooth_slices: of all targets; None for what was chosen.

    Raises:
        UserError: the threshold or smoothing is out of range, or a step needs a target that is not predicted.
    """
    check_threshold(threshold)
    if smooth_slices is not None:
        check_smoothing(smooth_slices)
    runs_of = {
        target: [network for network in networks if target in network.preprocessing.targets]
        for target in (LIVER, LESION)
    }
    agreed = {target: _agreed(runs) for target, runs in runs_of.items() if runs}
    notes = []
    if threshold is None:
        notes += [_note(target, choice, runs_of[target]) for target, choice in agreed.items()]
    steps = postprocessing
    if steps is None:
        found = {step: choice for step, target in CHANGED.items() if (choice := agreed.get(target)) is not None}
        steps = PostProcessing(**{step: getattr(choice.postprocessing, step) for step, choice in found.items()})
        if steps != PostProcessing():
            notes.append(f"post-processing: {steps.describe()}; kept with the run")
    steps.check(targets)
    thresholds = {target: THRESHOLD if choice is None else choice.threshold for target, choice in agreed.items()}
    if threshold is not None:
        thresholds = dict.fromkeys(thresholds, threshold)
    smoothing = {target: 0.0 if choice is None else choice.smooth_slices for target, choice in agreed.items()}
    if smooth_slices is not None:
        smoothing = dict.fromkeys(smoothing, smooth_slices)
    notes += [
        f"smoothing: across slices, standard deviation {sigma:g} for {target}"
        for target, sigma in smoothing.items()
        if sigma
    ]
    return Choices(thresholds=thresholds, smoothing=smoothing, postprocessing=steps, notes=tuple(notes))


def check_threshold(threshold: float | None) -> None:
    """Refuses a threshold that makes no sense.

    Raises:
        UserError: it is out of range.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise UserError(f"`threshold` {threshold:g}: give a number between 0 and 1")


def _agreed(networks: Sequence[Network]) -> Choice | None:
    """The choice that all networks share."""
    choices = [None if network.run is None else network.run.choice for network in networks]
    same = {None if each is None else (each.threshold, each.postprocessing, each.smooth_slices) for each in choices}
    return choices[0] if len(same) == 1 else None


def _note(target: str, choice: Choice | None, networks: Sequence[Network]) -> str:
    names = ", ".join(network.name for network in networks)
    if choice is None:
        which = "none was chosen for" if len(networks) == 1 else "none was chosen for all alike of"
        return f"threshold: {THRESHOLD:g} for {target}, since {which} {names}"
    if choice.threshold_rule is None:
        return f"threshold: {choice.threshold:g} for {target}, kept with {names}"
    by = f"chosen on the {choice.part} part by {choice.threshold_rule}"
    return f"threshold: {choice.threshold:g} for {target}, {by} for {names}"
