"""Scoring two folders of masks, whatever made them."""

import pathlib
from collections.abc import Sequence

from rich.console import Console

from cafct_keras.evaluation.accumulator import Gathering
from cafct_keras.evaluation.progress import watched
from cafct_keras.evaluation.results import Evaluation, make_evaluation
from pipelines.errors import DataError
from pipelines.loading.read_ahead import read_ahead
from pipelines.masks.folders import MaskFolders
from pipelines.masks.labels import MaskLabels


def score_folders(
    prediction: str | pathlib.Path,
    reference: str | pathlib.Path,
    *,
    labels: Sequence[str] = (),
    patient_pattern: str | None = None,
    spacing: tuple[float, float, float] | None = None,
    keep_going: bool = False,
    seed: int = 0,
    console: Console | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Scores every mask against the one of the same name, one case in memory after the other.

    Args:
        prediction: folder of PNG slices or NIfTI volumes.
        reference: likewise.
        labels: see `MaskLabels`, likewise the two that follow in `MaskFolders`.
        patient_pattern: tells which slices or volumes are of one patient.
        spacing: of PNG slices, mm along (slice, row, column).
        keep_going: score what can be scored; the rest is in the document's `failures`.
        seed: of the bootstrap.
        console: where to report progress to.
        quiet: plain lines even on a terminal.

    Raises:
        DataError, UserError: something is wrong with a folder, an option or, unless `keep_going`, a file.
    """
    named = MaskLabels(labels)
    folders = MaskFolders(prediction, reference, labels=named, patient_pattern=patient_pattern, spacing=spacing)
    if folders.problems and not keep_going:
        raise DataError(next(iter(folders.problems.values())))  # before hours go by with the cases before it
    gathering = Gathering(targets=named.targets)
    failures: list[dict] | None = [] if keep_going else None
    pairs = read_ahead(folders.pair, folders.cases, failures=failures)
    total = len(folders.cases) - len(folders.problems)
    for pair in watched(pairs, total=total, what="scoring", console=console or Console(), quiet=quiet):
        gathering.add(**vars(pair))
    name = pathlib.Path(prediction).resolve().name
    return make_evaluation(
        gathering,
        name=name,
        title=f"{name} against {pathlib.Path(reference).resolve().name}",
        data={
            "layout": f"{folders.kind} masks",
            "split": None,
            "prediction": str(prediction),
            "reference": str(reference),
            "labels": {target: list(values) for target, values in named.labels.items()},
            "targets": list(named.targets),
            "notes": [],
            "warnings": [],
        },
        seed=seed,
        failures=failures or (),
    )
