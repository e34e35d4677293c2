"""Scoring trained networks: a run's cases through its network, and what comes out by every rule."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation import Calibration, compare
from cafct_keras.evaluation.accumulator import AS_PREDICTED, Gathering
from cafct_keras.evaluation.postprocessing import PostProcessing
from cafct_keras.evaluation.progress import watched
from cafct_keras.evaluation.results import Evaluation, make_evaluation
from cafct_keras.evaluation.tuning import POSTPROCESSING_RULE, THRESHOLD_RULE, PostProcessingChoice, best_threshold
from cafct_keras.prediction import Predictor, Run, above
from cafct_keras.runtime.compilation import cache_compilations
from pipelines import SPLITS

AUTO = "auto"
CHOSEN_ON = "validation"
PARTS = (*SPLITS, "all")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What can be chosen.

    Attributes:
        data: folder of cases, or `"phantom"`; None for what the first run was trained on.
        layout: of the folder, one of `pipelines.LAYOUTS`; None to find out.
        patient_pattern: see `PairedFolder`.
        split: part of the data that is scored, one of `PARTS`.
        threshold: a pixel is foreground above it; `"auto"` for that with the best pooled Dice of the validation part.
        postprocessing: steps to take too; None for none, `"auto"` for those with the best mean Dice of the validation
            part's cases.
        keep_going: score what can be read; the rest is in the documents' `failures`.
        seed: of the bootstrap, 0 or more.

    Raises:
        UserError: an option cannot be, or something is to be chosen on the cases that are scored.
    """

    data: str | None = None
    layout: str | None = None
    patient_pattern: str | None = None
    split: str = "test"
    threshold: float | str = 0.5
    postprocessing: PostProcessing | str | None = None
    keep_going: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.split not in PARTS:
            raise UserError(f"--split {self.split}: unknown; give {', '.join(PARTS)}")
        for option, value in (("--threshold", self.threshold), ("--postprocess", self.postprocessing)):
            if value == AUTO and self.split in (CHOSEN_ON, "all"):
                raise UserError(
                    f"{option} auto: is chosen on the validation part, which --split {self.split} scores; "
                    "give --split test"
                )
        if self.threshold != AUTO and not 0 < self.threshold < 1:
            raise UserError(f"--threshold {self.threshold}: give a number between 0 and 1, or auto")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: give 0 or more")


def evaluate(
    runs: Sequence[str | pathlib.Path],
    options: EvaluateOptions | None = None,
    *,
    console: Console | None = None,
    quiet: bool = False,
) -> list[Evaluation]:
    """Scores runs on the same cases, and compares each with the first.

    Networks see slices as they did in training (size, window, neighbours), and are scored at that size.

    Args:
        runs: run folders, or `.keras` files in such.
        options: what is chosen; None for the defaults.
        console: where to report progress to.
        quiet: plain lines even on a terminal.

    Returns:
        One for each run.

    Raises:
        UserError, DataError: something is wrong with a run, an option, the data or, unless `keep_going`, a case.
    """
    options = options or EvaluateOptions()
    first, *others = opened = [Run.open(path) for path in runs]
    for run in others:
        _check_alike(first, run)
    if isinstance(options.postprocessing, PostProcessing):
        options.postprocessing.check(first.targets)
    source = first.open_data(options.data, layout=options.layout, patient_pattern=options.patient_pattern)
    folder = str(options.data or first.options["data"])
    cache_compilations()
    evaluations: list[Evaluation] = []
    for run, name in zip(opened, _names(opened), strict=True):
        evaluator = _Evaluator(Predictor(run, source), options, console or Console(), quiet)
        one = evaluator.evaluation(name, folder)
        if evaluations:
            one.document["comparison"] = _comparison(evaluations[0], one, options.seed)
        evaluations.append(one)
    return evaluations


class _Evaluator:
    """One run's way to its evaluation."""

    def __init__(self, predictor: Predictor, options: EvaluateOptions, console: Console, quiet: bool):
        self._predictor, self._options = predictor, options
        self._console, self._quiet = console, quiet
        self._failures: list[dict] | None = [] if options.keep_going else None

    def evaluation(self, name: str, folder: str) -> Evaluation:
        """Chooses what is to be chosen, then scores; `name` is the run's, `folder` that of the data."""
        options, run, source = self._options, self._predictor.run, self._predictor.source
        self._predictor.names(options.split)  # or an error, before anything is chosen
        fingerprint = source.fingerprint()
        _check_choice(run, options, fingerprint)
        threshold = self._best_threshold() if options.threshold == AUTO else options.threshold
        steps = self._best_steps(threshold) if options.postprocessing == AUTO else options.postprocessing
        gathering = Gathering(targets=run.targets, postprocessing=steps, calibrate=True)
        self._each(
            lambda one: gathering.add(prediction=above(one["probability"], threshold), **one),
            options.split,
            f"scoring {name}",
        )
        warnings = [*_doubts(run, source.intensity, fingerprint), *_seen_in_training(run, gathering, options.split)]
        if options.postprocessing == AUTO and steps == PostProcessing():
            warnings.append("post-processing: no step improves the validation part, so none is taken")
        return make_evaluation(
            gathering,
            name=name,
            title=f"{name}: {' and '.join(run.targets)}, {options.split} part of {pathlib.Path(folder).name}",
            data={
                "layout": source.layout,
                "split": options.split,
                "folder": folder,
                "fingerprint": fingerprint,
                "intensity": source.intensity,
                "targets": list(run.targets),
                **{option: run.options[option] for option in ("size", "window", "context")},
                "notes": list(source.notes),
                "warnings": warnings,
            },
            seed=options.seed,
            failures=list({failure["case"]: failure for failure in self._failures or ()}.values()),
            threshold={"value": threshold, **_chosen(options.threshold, THRESHOLD_RULE)},
            chosen=_chosen(options.postprocessing, POSTPROCESSING_RULE),
            run=run.card,
        )

    def _each(self, work: Callable, split: str, what: str) -> None:
        done, total = self._predictor.each(work, split, self._failures), len(self._predictor.names(split))
        for _ in watched(done, total=total, what=what, console=self._console, quiet=self._quiet):
            pass

    def _best_threshold(self) -> float:
        calibrations = {target: Calibration() for target in self._predictor.run.targets}

        def add(one: dict) -> None:
            for target, calibration in calibrations.items():
                calibration.add(one["probability"][target], one["reference"][target])

        self._each(add, CHOSEN_ON, "choosing the threshold")
        return best_threshold(list(calibrations.values()))

    def _best_steps(self, threshold: float) -> PostProcessing:
        choice = PostProcessingChoice(self._predictor.run.targets)

        def add(one: dict) -> None:
            known = {name: one[name] for name in ("reference", "spacing", "contiguous")}
            choice.add(above(one["probability"], threshold), **known)

        self._each(add, CHOSEN_ON, "choosing post-processing")
        return choice.best()


def _names(runs: Sequence[Run]) -> list[str]:
    """What the runs are called; numbered where that would not tell them apart."""
    names = [run.name for run in runs]
    return [
        f"{name} ({names[: index + 1].count(name)})" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _chosen(value: float | str | PostProcessing | None, rule: str) -> dict:
    return {"chosen_on": CHOSEN_ON, "rule": rule} if value == AUTO else {"chosen_on": "given", "rule": None}


def _check_alike(first: Run, run: Run) -> None:
    for option, one, other in (
        ("target", first.targets, run.targets),
        ("size", first.options["size"], run.options["size"]),
    ):
        if one != other:
            raise UserError(
                f"{run.path}: another {option} than {first.path}, so they cannot be scored against the same masks; "
                "evaluate it by itself"
            )


def _check_choice(run: Run, options: EvaluateOptions, fingerprint: str) -> None:
    """Nothing is chosen on what a network was trained on."""
    trained_on_it = not run.options.get("validation", True) and fingerprint == run.card["data"]["fingerprint"]
    for option, value in (("--threshold", options.threshold), ("--postprocess", options.postprocessing)):
        if value == AUTO and trained_on_it:
            raise UserError(
                f"{option} auto: is chosen on the validation part, which {run.path} was trained on (--no-validation); "
                "give what a run with a validation part chose"
            )


def _doubts(run: Run, intensity: str, fingerprint: str) -> list[str]:
    """Lines about what the run and the data do not share."""
    trained_on, doubts = run.card["data"], []
    if run.card.get("status") != "finished":
        doubts.append(f"run: its training is not finished (status: {run.card.get('status')})")
    if fingerprint != trained_on["fingerprint"]:
        doubts.append("data: not those that the run was trained on (the fingerprints differ)")
    if intensity != trained_on["intensity"] and (trained_on["intensity"], intensity) != ("minmax", "hu"):
        doubts.append(
            f"intensity: {intensity}, but the run was trained on {trained_on['intensity']}; scores mean little unless "
            "both show the same window"
        )
    return doubts


def _seen_in_training(run: Run, gathering: Gathering, split: str) -> list[str]:
    """A line if patients are scored whose names the training part has too."""
    trained = set(run.card["data"]["split"]["train"]["patients"])
    _, _, cases = gathering.results[0]
    scored = {case.patient for case in cases}
    if split == "train" or not (seen := trained & scored):
        return []
    return [f"patients: {len(seen)} of {len(scored)} have names of patients that the run was trained on"]


def _comparison(first: Evaluation, second: Evaluation, seed: int) -> dict:
    """Of what was asked for: post-processed masks where both have them."""
    names = [list(evaluation.scores)[-1] for evaluation in (first, second)]
    result = names[0] if names[0] == names[1] else AS_PREDICTED
    scores = [evaluation.scores[result] for evaluation in (first, second)]
    return {"runs": [first.name, second.name], "result": result, **compare(*scores, seed=seed)}
