"""Cross-validation: a run for each fold of the patients, all in one folder."""

import pathlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from rich.console import Console

from cafct_keras.errors import RunStoppedError, UserError
from cafct_keras.runs.card import read_run
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.runs.folds import fold_folder, fold_folders
from cafct_keras.runtime.console import make_console
from cafct_keras.training.config import resolve
from cafct_keras.training.devices import several_processes
from cafct_keras.training.durations import seconds
from cafct_keras.training.reporting import Report
from cafct_keras.training.resume import refuse_existing, resumed_config
from cafct_keras.training.run import fit
from pipelines.folds import Fold


def folds_in(folder: str | None) -> int | None:
    """Number of folds of the cross-validation in a folder; None where there is none."""
    begun = fold_folders(folder) if folder is not None else []
    return Fold.parse(read_run(begun[0])["config"]["data"]["fold"]).count if begun else None


def fit_folds(
    config: FitConfig,
    *,
    folds: int,
    resume: bool = False,
    given: Iterable[str] | None = None,
    console: Console | None = None,
    quiet: bool = False,
    on_start: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Trains a model for each fold, one after the other, see `FoldSource` and `fit`.

    Args:
        config: of every run, with the folder of them all as `out`: the runs are in its `fold-0`, `fold-1`, ...
        folds: number of folds.
        resume: resume what is in that folder: finished folds stay as they are, the one that was interrupted is resumed
            bit-identically, and the others are trained with the options of the first.
        given: see `fit`.
        console: where to report; standard output by default.
        quiet: plain lines even on a terminal.
        on_start: see `fit`; called for each fold.

    Returns:
        The run cards.

    Raises:
        UserError, DataError, RunStoppedError: see `fit`; the time limit is that of all folds together.
    """
    started = time.perf_counter()
    report = Report(console or make_console(), quiet, started)
    if folds < 2:
        raise UserError(f"`folds` {folds}: give 2 or more")
    if config.data.fold is not None:
        raise UserError(f"`fold` {config.data.fold}: one of the folds that `folds` trains; leave out one of them")
    if several_processes(config):
        raise UserError("`folds`: not with several processes; train the folds one by one, with `fold`")
    given = None if given is None else [*given]
    begun = folds_in(config.out) if resume else None
    if begun is None:
        config = resolve(config)
        if not resume or (pathlib.Path(str(config.out)) / RUN_FILE).exists():
            refuse_existing(str(config.out))
    else:
        if begun != folds:
            raise UserError(f"`folds` {folds}: the cross-validation in {config.out} has {begun}; leave it out")
        first = fold_folders(str(config.out))[0]
        known = resumed_config(config.replace(out=str(first)), read_run(first), given)
        config = known.replace(out=config.out, fold=None)
    limit = config.session.time_limit and seconds("time_limit", config.session.time_limit)
    cards = []
    for index in range(folds):
        out = fold_folder(str(config.out), index)
        of_fold = config.replace(fold=f"{index}/{folds}", out=str(out))
        if limit:
            left = max(limit - (time.perf_counter() - started), 0.001)
            of_fold = of_fold.replace(time_limit=f"{left:.3f}s")
        report.say(f"fold {index} of {folds}: {out}")
        try:
            cards.append(fit(of_fold, resume=resume, console=console, quiet=quiet, on_start=on_start))
        except RunStoppedError as stopped:
            raise RunStoppedError(str(stopped).replace(str(out), str(config.out))) from None
    report.say(_summary(cards, str(config.out)))
    return cards


def _summary(cards: list[dict[str, Any]], out: str) -> str:
    name = cards[0]["selection"]["score"]
    values = [card["validation"].get(name) for card in cards if name]
    found = [value for value in values if value is not None]
    lines = []
    if found:
        shown = ", ".join(f"{value:.4f}" for value in found)
        lines.append(f"{name} of the folds' validation parts: mean {np.mean(found):.4f} ({shown})")
    lines.append(f"score every patient by the run that has not seen it: cafct-keras evaluate {out} --split validation")
    runs = " ".join(str(fold_folder(out, index)) for index in range(len(cards)))
    lines.append(f"predict with all of them: cafct-keras predict {runs}")
    return "\n".join(lines)
