"""Choice of the threshold and post-processing of a run: as asked for, as kept with it, or on validation cases."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.evaluation.options import AUTO, CHOSEN_ON, KEPT
from cafct_keras.evaluation.predicted import calibrations_of, predicted_masks
from cafct_keras.evaluation.tuning import RULE, PostProcessingChoice, ThresholdChoice
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import CasePrediction, Run
from cafct_keras.runs.choice import Choice

# Calls a function with the prediction of each validation case; the text says what for.
OnValidation = Callable[[Callable[[CasePrediction], Any], str], Iterator[Any]]


def choose(
    run: Run,
    *,
    threshold: float | str,
    postprocessing: PostProcessing | str | None,
    smooth_slices: float,
    fingerprint: str,
    on_validation: OnValidation,
) -> Choice:
    """Finds the threshold and post-processing of a run.

    Args:
        run: the run.
        threshold: a number, `"auto"` or `"kept"`, see `EvaluateOptions`.
        postprocessing: likewise; None for none.
        smooth_slices: by which the predictions are smoothed.
        fingerprint: of the data that are evaluated.
        on_validation: predicts the validation cases.

    Raises:
        UserError: something is to be chosen on what the network was trained on, or the run has no choice.
    """
    values = {"threshold": threshold, "postprocess": postprocessing}
    for option in (name for name, value in values.items() if value == AUTO):
        if not run.config.data.validation and fingerprint == run.card["data"]["fingerprint"]:
            raise UserError(
                f"`{option}` auto: is chosen on the validation part, which {run.path} was trained on (`validation` "
                "off); give what a run with a validation part chose"
            )
    if kept := [name for name, value in values.items() if value == KEPT]:
        choice = run.choice
        if choice is None:
            raise UserError(f"`{kept[0]}` kept: none was chosen for {run.path}; evaluate it with auto and `keep` first")
    else:
        choice = Choice(part=CHOSEN_ON, fingerprint=fingerprint)
    threshold_rule = postprocessing_rule = None
    if threshold == KEPT:
        threshold, threshold_rule = choice.threshold, choice.threshold_rule
    elif isinstance(threshold, str):
        threshold, threshold_rule = _best_threshold(run, on_validation), RULE
    if postprocessing == KEPT:
        postprocessing, postprocessing_rule = choice.postprocessing, choice.postprocessing_rule
    elif isinstance(postprocessing, str):
        postprocessing, postprocessing_rule = _best_steps(run, threshold, on_validation), RULE
    return Choice(
        threshold=threshold,
        threshold_rule=threshold_rule,
        postprocessing=postprocessing or PostProcessing(),
        postprocessing_rule=postprocessing_rule,
        smooth_slices=smooth_slices,
        part=choice.part,
        fingerprint=choice.fingerprint,
    )


def _best_threshold(run: Run, on_validation: OnValidation) -> float:
    choice = ThresholdChoice(run.targets)
    for calibrations in on_validation(calibrations_of, "choosing the threshold"):
        choice.add(calibrations)
    return choice.best()


def _best_steps(run: Run, threshold: float, on_validation: OnValidation) -> PostProcessing:
    choice = PostProcessingChoice(run.targets)
    masks = functools.partial(predicted_masks, threshold=threshold)
    for case in on_validation(masks, "choosing post-processing"):
        choice.add(case.prediction, case.reference, spacing=case.spacing, contiguous=case.contiguous)
    return choice.best()
