"""Evaluation of the folds of a cross-validation, each on its own validation part."""

import pathlib
from collections.abc import Sequence

from cafct_keras.errors import UserError
from cafct_keras.evaluation.options import CHOSEN_ON, KEPT, EvaluateOptions
from cafct_keras.prediction import Predictor, Run
from pipelines.case import Source
from pipelines.folds import Fold, with_fold


def is_group(path: str | pathlib.Path, group: Sequence[Run]) -> bool:
    """Whether a path is that of a cross-validation, rather than of one run."""
    return group[0].path.parent == pathlib.Path(path)


def check_folds(path: str | pathlib.Path, group: Sequence[Run], options: EvaluateOptions) -> None:
    """Checks that what is asked for can be said of the folds of a cross-validation."""
    if not is_group(path, group):
        return
    if options.split != CHOSEN_ON:
        raise UserError(
            f"`split` {options.split}: {path} holds the folds of a cross-validation, each of which is scored on its "
            f"own {CHOSEN_ON} part; give `split` {CHOSEN_ON}, or its runs one by one"
        )
    if KEPT in (options.threshold, options.postprocessing):
        raise UserError(f"{path}: the folds of a cross-validation keep no common choice; give values instead of {KEPT}")


def missing_folds(group: Sequence[Run]) -> list[str]:
    """A warning if some folds are not there."""
    if len(group) == 1 or (count := Fold.parse(str(group[0].config.data.fold)).count) == len(group):
        return []
    return [f"folds: {len(group)} of {count} are there, so the patients of the others are not scored"]


def part_of(split: str, predictors: Sequence[Predictor]) -> str:
    """What is scored, in words."""
    return f"{split} part" if len(predictors) == 1 else f"{split} parts of {len(predictors)} folds"


def on_its_fold(run: Run, first: Run, source: Source) -> Source:
    """The data as a run splits them; `source` are those of the first run."""
    fold = run.config.data.fold
    if fold == first.config.data.fold or source.fingerprint() != run.card["data"]["fingerprint"]:
        return source
    return with_fold(source, fold)


def names_of(paths: Sequence[str | pathlib.Path], groups: Sequence[Sequence[Run]]) -> list[str]:
    """Names of what is evaluated."""
    return [
        pathlib.Path(path).resolve().name if is_group(path, group) else group[0].name
        for path, group in zip(paths, groups, strict=True)
    ]
