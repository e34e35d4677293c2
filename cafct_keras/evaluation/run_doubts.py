"""Warnings about what a run is scored on, and about how its threshold and post-processing were chosen."""

from cafct_keras.evaluation.options import AUTO, KEPT, EvaluateOptions
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import Predictor, Run
from cafct_keras.runs.choice import Choice


def doubts_about_choice(choice: Choice, options: EvaluateOptions, fingerprint: str) -> list[str]:
    """Warnings about post-processing that nothing is gained by, and about choices made on the cases that are scored."""
    warnings = []
    if options.postprocessing in (AUTO, KEPT) and choice.postprocessing == PostProcessing():
        warnings.append(f"post-processing: no step improves the {choice.part} part, so none is applied")
    chosen = {"threshold": choice.threshold_rule, "post-processing": choice.postprocessing_rule}
    if options.split in (choice.part, "all") and fingerprint == choice.fingerprint and any(chosen.values()):
        what = " and ".join(name for name, rule in chosen.items() if rule)
        warnings.append(f"{what}: chosen on the {choice.part} part, which is scored, so these scores are too high")
    return warnings


def differences_from_training(predictor: Predictor, fingerprint: str) -> list[str]:
    """Warnings about differences between the run's training data and the data that are scored."""
    run, source = predictor.run, predictor.source
    trained_on, warnings = run.card["data"], []
    warnings += [f"run: {warning}" for warning in run.warnings]
    if fingerprint != trained_on["fingerprint"]:
        warnings.append("data: not those that the run was trained on (the fingerprints differ)")
    if predictor.preprocessing.rescales(source.intensity):
        warnings.append(
            "intensity: hu, rescaled slice by slice to 0..255 as the run's training slices (minmax) were; the grey of "
            "an organ depends on the brightest pixel of its slice, so scores may be lower than on such slices"
        )
    elif source.window is not None and predictor.preprocessing.shares_window:
        (low, high), (black, white) = source.window, predictor.preprocessing.window
        if low > black or high < white:
            warnings.append(
                f"window: the slices show {low:g} to {high:g} HU, the run was trained on {black:g} to {white:g}; what "
                "lies beyond is lost, so scores may be lower than on CT"
            )
    elif source.intensity != trained_on["intensity"]:
        warnings.append(
            f"intensity: {source.intensity}, but the run was trained on {trained_on['intensity']}; scores mean little "
            "unless both show the same window"
        )
    if fingerprint != trained_on["fingerprint"] and None in (predictor.preprocessing.orientation, source.orientation):
        unknown = "the training slices" if predictor.preprocessing.orientation is None else "these slices"
        warnings.append(
            f"orientation: unknown for {unknown}, so none are flipped; scores mean little unless organs lie as they "
            "did in training"
        )
    return warnings


def patients_in_training(run: Run, scored: set[str], split: str) -> list[str]:
    """A warning if scored patients have names of patients in the training part, or if these are not named."""
    trained = set(run.card["data"]["split"]["train"]["patients"])
    if not trained:
        return ["patients: the model does not name those it was trained on, so they may be among those that are scored"]
    if split == "train" or not (seen := trained & scored):
        return []
    return [f"patients: {len(seen)} of {len(scored)} have names of patients that the run was trained on"]
