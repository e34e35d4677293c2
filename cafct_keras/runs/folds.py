"""The runs of a cross-validation: folders `fold-0`, `fold-1`, ... of one folder."""

import pathlib
import re

from cafct_keras.errors import UserError
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.runs.run import Run
from pipelines.folds import Fold


def fold_folder(folder: str | pathlib.Path, index: int) -> pathlib.Path:
    """The run folder of a fold."""
    return pathlib.Path(folder) / f"fold-{index}"


def fold_folders(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """The runs of a cross-validation that have begun, in order; empty for a folder of something else."""
    folder = pathlib.Path(folder)
    if not folder.is_dir() or (folder / RUN_FILE).exists():
        return []
    found = [path for path in folder.glob("fold-*") if re.fullmatch(r"fold-\d+", path.name)]
    return sorted(
        (path for path in found if (path / RUN_FILE).is_file()), key=lambda path: int(path.name.removeprefix("fold-"))
    )


def open_runs(path: str | pathlib.Path) -> list[Run]:
    """Opens a run, or the runs of a cross-validation.

    Raises:
        UserError: there is none, or the runs are not folds of one cross-validation.
    """
    runs = [Run.open(each) for each in fold_folders(path)]
    if not runs:
        return [Run.open(path)]
    count = {Fold.parse(run.config.data.fold).count for run in runs if run.config.data.fold}
    for run in runs:
        name = f"fold-{str(run.config.data.fold).split('/')[0]}"
        same = run.card["data"]["fingerprint"] == runs[0].card["data"]["fingerprint"]
        if len(count) != 1 or run.path.name != name or not same:
            raise UserError(f"{run.path}: not a fold of the cross-validation in {path}; score it by itself")
    return runs
