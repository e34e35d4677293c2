"""Scoring of one folder of masks against another."""

import pathlib
from collections.abc import Sequence

from rich.console import Console

from cafct_keras.evaluation.accumulator import Accumulator
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.progress import track
from cafct_keras.evaluation.results import Evaluation, MaskData
from pipelines.errors import DataError
from pipelines.loading.read_ahead import read_ahead
from pipelines.masks.folders import MaskFolders
from pipelines.masks.labels import MaskLabels


def score_folders(
    prediction: str | pathlib.Path,
    reference: str | pathlib.Path,
    *,
    name: str | None = None,
    labels: Sequence[str] = (),
    patient_pattern: str | None = None,
    spacing: tuple[float, float, float] | None = None,
    scoring: ScoreOptions | None = None,
    keep_going: bool = False,
    seed: int = 0,
    console: Console | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Scores every mask against the one of the same name, with one case at a time in memory.

    Args:
        prediction: folder of PNG slices or NIfTI volumes.
        reference: likewise.
        name: of the evaluation; None for the folder's.
        labels: see `MaskLabels`.
        patient_pattern: regular expression that finds the patient in a file's name, see `MaskFolders`.
        spacing: of PNG slices, mm along (slice, row, column).
        scoring: choices behind the scores; None for the defaults.
        keep_going: score what can be scored; the rest is in the document's `failures`.
        seed: of the bootstrap.
        console: where to report progress to; None for the standard output.
        quiet: plain lines even on a terminal.

    Raises:
        DataError, UserError: a folder, an argument or, unless `keep_going`, a file is invalid.
    """
    named = MaskLabels(labels)
    folders = MaskFolders(prediction, reference, labels=named, patient_pattern=patient_pattern, spacing=spacing)
    if folders.problems and not keep_going:
        raise DataError(next(iter(folders.problems.values())))  # before the cases in front of it take hours
    accumulator = Accumulator(targets=named.targets, scoring=scoring)
    failures: list[dict[str, str]] = []
    pairs = read_ahead(folders.pair, folders.cases, failures=failures if keep_going else None)
    total = len(folders.cases) - len(folders.problems)
    for pair in track(pairs, total=total, what="scoring", console=console, quiet=quiet):
        accumulator.add(**vars(pair))
    name = name or pathlib.Path(prediction).resolve().name
    return accumulator.evaluation(
        name=name,
        title=f"{name} against {pathlib.Path(reference).resolve().name}",
        data=MaskData(
            layout=f"{folders.kind} masks",
            prediction=str(prediction),
            reference=str(reference),
            labels={target: list(values) for target, values in named.labels.items()},
            targets=list(named.targets),
            patients=folders.patients_by,
        ),
        seed=seed,
        failures=failures,
    )
