"""Evaluation of trained networks."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation.accumulator import Accumulator
from cafct_keras.evaluation.choosing import choose
from cafct_keras.evaluation.comparison import compare, shared_result
from cafct_keras.evaluation.folds import check_folds, missing_folds, names_of, on_its_fold, part_of
from cafct_keras.evaluation.lits_sheet import NO_VOLUMES
from cafct_keras.evaluation.options import CHOSEN_ON, KEPT, EvaluateOptions
from cafct_keras.evaluation.predicted import predicted_masks
from cafct_keras.evaluation.results import Comparison, Evaluation, RunData, Threshold
from cafct_keras.evaluation.run_doubts import differences_from_training, doubts_about_choice, patients_in_training
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import CasePrediction, Predictor, Run
from cafct_keras.runs.choice import Choice
from cafct_keras.runs.folds import open_runs
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.runtime.console import make_console
from cafct_keras.runtime.progress import track
from pipelines.errors import DataError
from pipelines.findings import NOT_READ, WARNING

Result = TypeVar("Result")


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
        runs: run folders, `.keras` files in run folders, or folders of the folds of a cross-validation: these are
            scored each on its own validation part, and their cases taken together.
        options: None for the defaults.
        console: where to report progress to; None for the standard output.
        quiet: plain lines even on a terminal.

    Returns:
        One evaluation per run.

    Raises:
        UserError, DataError: a run, an option, the data or, unless `keep_going`, a case is invalid.
    """
    options = options or EvaluateOptions()
    groups = [open_runs(path) for path in runs]
    first, *others = opened = [run for group in groups for run in group]
    for run in others:
        _check_comparable(first, run, options.grid)
    for path, group in zip(runs, groups, strict=True):
        check_folds(path, group, options)
    if isinstance(options.postprocessing, PostProcessing):
        options.postprocessing.check(first.targets)
    if options.keep and (files := [run.path for run in opened if run.path.is_file()]):
        raise UserError(f"`keep`: {files[0]} is one of the networks of a run; give its folder")
    source = first.open_data(options.data, layout=options.layout, **options.reading)
    folder = str(options.data or first.config.data.path)
    cache_compilations()
    evaluations: list[Evaluation] = []
    choices: list[Choice] = []
    for group, name in zip(groups, _names(names_of(runs, groups)), strict=True):
        predictors = [Predictor(run, on_its_fold(run, first, source)) for run in group]
        evaluation, choice = _RunEvaluation(predictors, options, console, quiet).finish(name, folder)
        choices.append(choice)
        if evaluations:
            comparison = _comparison(evaluations[0], evaluation, options.seed)
            document = dataclasses.replace(evaluation.document, comparison=comparison)
            evaluation = dataclasses.replace(evaluation, document=document)
        evaluations.append(evaluation)
    if options.keep:
        for run, choice in zip(opened, choices, strict=True):
            run.keep(choice)
    return evaluations


class _RunEvaluation:
    """Evaluation of one run, or of the folds of a cross-validation."""

    def __init__(self, predictors: Sequence[Predictor], options: EvaluateOptions, console: Console | None, quiet: bool):
        self._predictors, self._options = predictors, options
        self._console, self._quiet = console, quiet
        self._told = 0  # of the source's warnings
        self._failures: list[dict[str, str]] = []
        self._loose: set[str] = set()
        self._smooth_slices = _smoothing(predictors[0].run, options)

    def finish(self, name: str, folder: str) -> tuple[Evaluation, Choice]:
        """Chooses what is chosen automatically, then scores; `name` is the run's, `folder` that of the data."""
        first, options = self._predictors[0], self._options
        run, source = first.run, first.source
        first.names(options.split)  # or an error, before anything is chosen
        if options.scoring.sheet:
            with contextlib.nullcontext() if not options.keep_going else contextlib.suppress(DataError):
                if next(source.cases(None if options.split == "all" else options.split)).spacing is None:
                    raise UserError(NO_VOLUMES)
        fingerprint = source.fingerprint()
        self._warn()
        choice = choose(
            run,
            threshold=options.threshold,
            postprocessing=options.postprocessing,
            smooth_slices=self._smooth_slices,
            fingerprint=fingerprint,
            on_validation=functools.partial(self._predicted, first, CHOSEN_ON),
        )
        accumulator = Accumulator(
            targets=run.targets,
            postprocessing=choice.postprocessing,
            calibrate=True,
            scoring=options.scoring,
            grid=options.grid,
        )
        intensity = {"hu": "HU"}.get(source.intensity, source.intensity) if options.grid == "native" else "grey"
        masks = functools.partial(predicted_masks, threshold=choice.threshold, calibrations=accumulator.calibrations)
        warnings: list[str] = []
        for predictor in self._predictors:
            scored = set()
            for case in self._predicted(predictor, options.split, masks, f"scoring {name}"):
                accumulator.add(**vars(case), intensity=intensity, window=run.preprocessing.window)
                scored.add(case.patient)
            warnings += differences_from_training(predictor, fingerprint)
            warnings += patients_in_training(predictor.run, scored, options.split)
        if self._loose:
            warnings.append(f"smoothing: not in {len(self._loose)} cases whose slices are not neighbours")
        warnings += doubts_about_choice(choice, options, fingerprint)
        warnings += missing_folds([predictor.run for predictor in self._predictors])
        notes = dict.fromkeys(note for each in self._predictors for note in each.source.notes)
        warnings += [note.removeprefix(WARNING) for note in notes if note.startswith(WARNING)]
        evaluation = accumulator.evaluation(
            name=name,
            title=f"{name}: {' and '.join(run.targets)}, {part_of(options.split, self._predictors)} of "
            f"{pathlib.Path(folder).name}",
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
                window=run.preprocessing.window,
                context=run.config.data.context,
                notes=[note for note in notes if not note.startswith(WARNING)],
                warnings=list(dict.fromkeys(warnings)),
            ),
            seed=options.seed,
            failures=list({failure["case"]: failure for failure in self._failures}.values()),
            threshold=Threshold(
                value=choice.threshold,
                chosen_on=_chosen_on(choice.part, choice.threshold_rule),
                rule=choice.threshold_rule,
                smooth_slices=choice.smooth_slices,
            ),
            chosen_on=_chosen_on(choice.part, choice.postprocessing_rule),
            rule=choice.postprocessing_rule,
            run=run.card,
        )
        return evaluation, choice

    def _predicted(
        self, predictor: Predictor, split: str, work: Callable[[CasePrediction], Result], what: str
    ) -> Iterator[Result]:
        failures = self._failures if self._options.keep_going else None

        def noted(prediction: CasePrediction) -> Result:
            if self._smooth_slices and prediction.case.runs is None and len(prediction.case.images) > 1:
                self._loose.add(prediction.case.name)
            return work(prediction)

        results = predictor.predict(
            split, noted, grid=self._options.grid, smooth_slices=self._smooth_slices, failures=failures
        )
        total = len(predictor.names(split))
        for result in track(results, total=total, what=what, console=self._console, quiet=self._quiet):
            self._warn()
            yield result

    def _warn(self) -> None:
        """Tells once what is doubtful or not read, as soon as it is known: an evaluation may take long."""
        lines = [note for note in self._predictors[0].source.notes if note.startswith((WARNING, NOT_READ))]
        for line in lines[self._told :]:
            console = self._console or make_console()
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._told = len(lines)


def _names(names: Sequence[str]) -> list[str]:
    """Names of the runs, numbered where they would be equal."""
    return [
        f"{name} ({names[: index + 1].count(name)})" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _smoothing(run: Run, options: EvaluateOptions) -> float:
    """Standard deviation of the smoothing across slices, see `EvaluateOptions`."""
    if options.smooth_slices is not None:
        return options.smooth_slices
    kept = KEPT in (options.threshold, options.postprocessing)
    return run.choice.smooth_slices if kept and run.choice is not None else 0.0


def _check_comparable(first: Run, run: Run, grid: str) -> None:
    sizes = [each.config.data.size if grid == "network" else None for each in (first, run)]
    for option, one, other in (("target", first.targets, run.targets), ("size", *sizes)):
        if one != other:
            raise UserError(
                f"{run.path}: another {option} than {first.path}, so they cannot be scored against the same masks; "
                "evaluate it by itself" + (", or on the native `grid`" if option == "size" else "")
            )


def _chosen_on(part: str, rule: str | None) -> str:
    return "given" if rule is None else part


def _comparison(first: Evaluation, second: Evaluation, seed: int) -> Comparison:
    """Compares post-processed masks where both have them."""
    result = shared_result([first, second])
    scores = [evaluation.scores[result] for evaluation in (first, second)]
    return compare(*scores, runs=(first.name, second.name), result=result, seed=seed)
