"""Evaluation of trained networks."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation.accumulator import Accumulator
from cafct_keras.evaluation.comparison import compare, shared_result
from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.predicted import calibrate, predicted_masks
from cafct_keras.evaluation.results import AS_PREDICTED, Comparison, Evaluation, RunData, Threshold
from cafct_keras.evaluation.tuning import POSTPROCESSING_RULE, THRESHOLD_RULE, PostProcessingChoice, best_threshold
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import GRIDS, CasePrediction, Predictor, Run
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.runtime.progress import track
from pipelines import SPLITS

AUTO = "auto"
CHOSEN_ON = "validation"
PARTS = (*SPLITS, "all")

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of an evaluation.

    Attributes:
        data: folder of cases, or `"phantom"`; None for the data that the first run was trained on.
        layout: of the folder, one of `pipelines.LAYOUTS`; None to detect it.
        patient_pattern: see `PairedFolder`.
        split: part of the data to score, one of `PARTS`.
        grid: pixels that are scored, one of `GRIDS`: `"native"` for those of the data, to which probabilities are
            brought back before they are compared with the threshold; `"network"` for those that the network sees.
        threshold: a pixel is foreground where its probability exceeds it; `"auto"` for the threshold with the best
            pooled Dice on the validation part.
        postprocessing: steps to apply as well; None for none, `"auto"` for those with the best mean Dice on the cases
            of the validation part.
        scoring: choices behind the scores.
        keep_going: score what can be read; the rest is in the documents' `failures`.
        seed: of the bootstrap, 0 or more.

    Raises:
        UserError: a value is invalid, or something is to be chosen on the cases that are scored.
    """

    data: str | None = None
    layout: str | None = None
    patient_pattern: str | None = None
    split: str = "test"
    grid: str = "native"
    threshold: float | str = 0.5
    postprocessing: PostProcessing | str | None = None
    scoring: ScoreOptions = dataclasses.field(default_factory=ScoreOptions)
    keep_going: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in PARTS:
            raise UserError(f"`split` {self.split}: unknown; give {', '.join(PARTS)}")
        if self.grid not in GRIDS:
            raise UserError(f"`grid` {self.grid}: unknown; give {' or '.join(GRIDS)}")
        for option in self.chosen_automatically:
            if self.split in (CHOSEN_ON, "all"):
                raise UserError(
                    f"`{option}` auto: is chosen on the validation part, which `split` {self.split} scores; "
                    "give `split` test"
                )
        if self.threshold != AUTO and not (isinstance(self.threshold, int | float) and 0 < self.threshold < 1):
            raise UserError(f"`threshold` {self.threshold}: give a number between 0 and 1, or auto")
        if self.seed < 0:
            raise UserError(f"`seed` {self.seed}: give 0 or more")

    @property
    def chosen_automatically(self) -> list[str]:
        """Names, as on the command line, of the options that are chosen on the validation part."""
        given = {"threshold": self.threshold, "postprocess": self.postprocessing}
        return [option for option, value in given.items() if value == AUTO]


def evaluate(
    runs: Sequence[str | pathlib.Path],
    options: EvaluateOptions | None = None,
    *,
    console: Console | None = None,
    quiet: bool = False,
) -> list[Evaluation]:
    """Scores runs on the same cases, and compares each with the first.

    Networks see slices as in training (size, window, neighbours, orientation). What they predict is brought back to the
    pixels of the data, where everything is chosen and scored, so that networks of any size can be compared.

    Args:
        runs: run folders, or `.keras` files in run folders.
        options: None for the defaults.
        console: where to report progress to; None for the standard output.
        quiet: plain lines even on a terminal.

    Returns:
        One evaluation per run.

    Raises:
        UserError, DataError: a run, an option, the data or, unless `keep_going`, a case is invalid.
    """
    options = options or EvaluateOptions()
    first, *others = opened = [Run.open(path) for path in runs]
    for run in others:
        _check_comparable(first, run, options.grid)
    if isinstance(options.postprocessing, PostProcessing):
        options.postprocessing.check(first.targets)
    source = first.open_data(options.data, layout=options.layout, patient_pattern=options.patient_pattern)
    folder = str(options.data or first.config.data.path)
    cache_compilations()
    evaluations: list[Evaluation] = []
    for run, name in zip(opened, _names(opened), strict=True):
        evaluation = _RunEvaluation(Predictor(run, source), options, console, quiet).finish(name, folder)
        if evaluations:
            comparison = _comparison(evaluations[0], evaluation, options.seed)
            document = dataclasses.replace(evaluation.document, comparison=comparison)
            evaluation = dataclasses.replace(evaluation, document=document)
        evaluations.append(evaluation)
    return evaluations


class _RunEvaluation:
    """Evaluation of one run."""

    def __init__(self, predictor: Predictor, options: EvaluateOptions, console: Console | None, quiet: bool):
        self._predictor, self._options = predictor, options
        self._console, self._quiet = console, quiet
        self._failures: list[dict[str, str]] = []

    def finish(self, name: str, folder: str) -> Evaluation:
        """Chooses what is chosen automatically, then scores; `name` is the run's, `folder` that of the data."""
        options, run, source = self._options, self._predictor.run, self._predictor.source
        self._predictor.names(options.split)  # or an error, before anything is chosen
        fingerprint = source.fingerprint()
        _check_choice(run, options, fingerprint)
        threshold = self._threshold()
        steps, rule = self._postprocessing(threshold.value)
        accumulator = Accumulator(
            targets=run.targets, postprocessing=steps, calibrate=True, scoring=options.scoring, grid=options.grid
        )
        intensity = {"hu": "HU"}.get(source.intensity, source.intensity) if options.grid == "native" else "grey"
        masks = functools.partial(predicted_masks, threshold=threshold.value, calibrations=accumulator.calibrations)
        for case in self._predicted(options.split, masks, f"scoring {name}"):
            accumulator.add(**vars(case), intensity=intensity, window=run.config.data.window)
        warnings = _differences_from_training(self._predictor, fingerprint)
        warnings += _patients_in_training(run, accumulator, options.split)
        if rule is not None and steps == PostProcessing():
            warnings.append("post-processing: no step improves the validation part, so none is applied")
        return accumulator.evaluation(
            name=name,
            title=f"{name}: {' and '.join(run.targets)}, {options.split} part of {pathlib.Path(folder).name}",
            data=RunData(
                layout=source.layout,
                split=options.split,
                folder=folder,
                fingerprint=fingerprint,
                intensity=source.intensity,
                orientation=source.orientation,
                targets=list(run.targets),
                patients=source.patients_by,
                grid=options.grid,
                size=run.config.data.size,
                window=run.config.data.window,
                context=run.config.data.context,
                notes=list(source.notes),
                warnings=warnings,
            ),
            seed=options.seed,
            failures=list({failure["case"]: failure for failure in self._failures}.values()),
            threshold=threshold,
            chosen_on="given" if rule is None else CHOSEN_ON,
            rule=rule,
            run=run.card,
        )

    def _predicted(self, split: str, work: Callable[[CasePrediction], Result], what: str) -> Iterator[Result]:
        failures = self._failures if self._options.keep_going else None
        results = self._predictor.predict(split, work, grid=self._options.grid, failures=failures)
        total = len(self._predictor.names(split))
        return track(results, total=total, what=what, console=self._console, quiet=self._quiet)

    def _threshold(self) -> Threshold:
        if isinstance(self._options.threshold, int | float):
            return Threshold(value=self._options.threshold, chosen_on="given", rule=None)
        calibrations = {target: Calibration() for target in self._predictor.run.targets}

        for _ in self._predicted(
            CHOSEN_ON, functools.partial(calibrate, calibrations=calibrations), "choosing the threshold"
        ):
            pass
        best = best_threshold(list(calibrations.values()))
        return Threshold(value=best, chosen_on=CHOSEN_ON, rule=THRESHOLD_RULE)

    def _postprocessing(self, threshold: float) -> tuple[PostProcessing | None, str | None]:
        """The steps, and the rule by which they were chosen."""
        if not isinstance(self._options.postprocessing, str):
            return self._options.postprocessing, None
        choice = PostProcessingChoice(self._predictor.run.targets)
        masks = functools.partial(predicted_masks, threshold=threshold)
        for case in self._predicted(CHOSEN_ON, masks, "choosing post-processing"):
            choice.add(case.prediction, case.reference, spacing=case.spacing, contiguous=case.contiguous)
        return choice.best(), POSTPROCESSING_RULE


def _names(runs: Sequence[Run]) -> list[str]:
    """Names of the runs, numbered where they would be equal."""
    names = [run.name for run in runs]
    return [
        f"{name} ({names[: index + 1].count(name)})" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _check_comparable(first: Run, run: Run, grid: str) -> None:
    sizes = [each.config.data.size if grid == "network" else None for each in (first, run)]
    for option, one, other in (("target", first.targets, run.targets), ("size", *sizes)):
        if one != other:
            raise UserError(
                f"{run.path}: another {option} than {first.path}, so they cannot be scored against the same masks; "
                "evaluate it by itself" + (", or on the native `grid`" if option == "size" else "")
            )


def _check_choice(run: Run, options: EvaluateOptions, fingerprint: str) -> None:
    """Refuses to choose anything on the data that a network was trained on."""
    if run.config.data.validation or fingerprint != run.card["data"]["fingerprint"]:
        return
    for option in options.chosen_automatically:
        raise UserError(
            f"`{option}` auto: is chosen on the validation part, which {run.path} was trained on (`validation` off); "
            "give what a run with a validation part chose"
        )


def _differences_from_training(predictor: Predictor, fingerprint: str) -> list[str]:
    """Warnings about differences between the run's training data and the data that are scored."""
    run, source = predictor.run, predictor.source
    trained_on, warnings = run.card["data"], []
    if run.card.get("status") != "finished":
        warnings.append(f"run: its training is not finished (status: {run.card.get('status')})")
    if fingerprint != trained_on["fingerprint"]:
        warnings.append("data: not those that the run was trained on (the fingerprints differ)")
    if predictor.preprocessing.rescales(source.intensity):
        warnings.append(
            "intensity: hu, rescaled slice by slice to 0..255 as the run's training slices (minmax) were; the grey of "
            "an organ depends on the brightest pixel of its slice, so scores may be lower than on such slices"
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


def _patients_in_training(run: Run, accumulator: Accumulator, split: str) -> list[str]:
    """A warning if scored patients have names of patients in the training part."""
    trained = set(run.card["data"]["split"]["train"]["patients"])
    scored = {case.patient for case in accumulator.scores[AS_PREDICTED]}
    if split == "train" or not (seen := trained & scored):
        return []
    return [f"patients: {len(seen)} of {len(scored)} have names of patients that the run was trained on"]


def _comparison(first: Evaluation, second: Evaluation, seed: int) -> Comparison:
    """Compares post-processed masks where both have them."""
    result = shared_result([first, second])
    scores = [evaluation.scores[result] for evaluation in (first, second)]
    return compare(*scores, runs=(first.name, second.name), result=result, seed=seed)
