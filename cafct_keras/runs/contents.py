"""Contents of a run folder: whether its files are those that the run wrote, and no links."""

import math
import pathlib
import typing
from typing import Any

from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.runs.files import (
    CHECKPOINTS,
    CURVES_FILE,
    EVENTS,
    HISTORY_FILE,
    LAST_MODEL,
    MODEL_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    SPLIT_FILE,
)
from cafct_keras.runs.model_file import model_digest
from cafct_keras.runs.preprocessing import preprocessing_in, preprocessing_of

if typing.TYPE_CHECKING:
    import keras

_FILES = (MODEL_FILE, str(LAST_MODEL), SPLIT_FILE, HISTORY_FILE, CURVES_FILE, SAMPLES_FILE)


class ForeignFileError(UserError):
    """A file in a run folder is not of that run."""


def file_sums(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256, in hex, of each file that a run has written, by its path in the run folder.

    Without the card, which holds these sums, and without checkpoints, which have their own.
    """
    paths = [folder / name for name in _FILES] + sorted((folder / EVENTS).rglob("*"))
    return {path.relative_to(folder).as_posix(): sha256(path) for path in paths if path.is_file()}


def foreign_files(folder: pathlib.Path, card: dict[str, Any], *, models: bool = True) -> list[str]:
    """Lines about the files of a run folder that are not what the run wrote; none about files that are gone.

    Cards of earlier versions, and of runs that are in training or were killed, state no sums.

    Args:
        folder: of the run.
        card: see `read_run`.
        models: whether to read its `.keras` files too.
    """
    sums = {folder / name: digest for name, digest in card.get("files", {}).items()}
    return [
        f"{path}: not the file that this run wrote (its SHA-256 is not that in {RUN_FILE}); restore it"
        for path, digest in sums.items()
        if (models or path.suffix != ".keras") and path.is_file() and sha256(path) != digest
    ]


def check_model(file: pathlib.Path, folder: pathlib.Path, card: dict[str, Any]) -> None:
    """Checks that a `.keras` file in a run folder is the one that the run wrote, or at least could be.

    Args:
        file: in the folder, or in its `checkpoints`.
        folder: of the run.
        card: see `read_run`.

    Raises:
        ForeignFileError: it is not.
    """
    expected = card.get("files", {}).get(file.resolve().relative_to(folder.resolve()).as_posix())
    if expected is not None and model_digest(file) != expected:
        raise _foreign(file, f"its SHA-256 is not that in {RUN_FILE}")
    stated, of_run = preprocessing_in(file), preprocessing_of(card, folder)
    if stated and (stated.targets, stated.channels) != (of_run.targets, of_run.channels):
        raise _foreign(
            file,
            f"of {stated.channels} channels and {' and '.join(stated.targets)}, the run's of {of_run.channels} and "
            f"{' and '.join(of_run.targets)}",
        )


def check_network(model: "keras.Model", file: pathlib.Path, card: dict[str, Any]) -> None:
    """Checks the same of a loaded network: cards of earlier versions, and of killed runs, know no sums.

    Raises:
        ForeignFileError: it is another one.
    """
    of_run = preprocessing_of(card, file)
    ends = (model.input_shape[-1], model.output_shape[-1])
    if ends != (of_run.channels, len(of_run.targets)):
        expected = f"from {of_run.channels} to {len(of_run.targets)}"
        raise _foreign(file, f"from {ends[0]} to {ends[1]} channels, the run's {expected}")
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    if parameters != card.get("parameters", parameters):
        raise _foreign(file, f"of {parameters:,} parameters, the run's of {card['parameters']:,}")


def _foreign(file: pathlib.Path, why: str) -> ForeignFileError:
    return ForeignFileError(
        f"{file}: not the model that this run wrote ({why}); restore it, or move it out of the run folder to use it by "
        "itself"
    )


def check_links(folder: pathlib.Path) -> None:
    """Checks that a run that is resumed writes nothing outside of its folder.

    Raises:
        UserError: a file or folder of the run is a link.
    """
    for name in (RUN_FILE, *_FILES, EVENTS, CHECKPOINTS):
        path = folder / name
        if path.is_symlink():
            raise UserError(
                f"{path}: a link to {path.readlink()}, and a run that is resumed writes in its own folder only; "
                "replace the link by a copy of what it points to"
            )
