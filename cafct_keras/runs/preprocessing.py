"""The preprocessing of a run."""

import json
import pathlib
import zipfile
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.runs.published import open_published
from pipelines.errors import DataError
from pipelines.orientation import orientation_of_layout
from pipelines.preprocessing import Preprocessing

PREPROCESSING_FILE = "preprocessing.json"  # in a `.keras` file
LARGEST = 1 << 16  # bytes of it


def preprocessing_of(card: dict[str, Any], path: pathlib.Path | None = None) -> Preprocessing:
    """The preprocessing that a run card states, or, written by an earlier version, implies.

    Args:
        card: see `read_run`.
        path: of its run, for the error.

    Raises:
        UserError: the card is damaged.
    """
    try:
        if "preprocessing" in card:
            return Preprocessing.from_dict(card["preprocessing"])
        data, trained_on = FitConfig.from_dict(card["config"]).data, card["data"]
        return Preprocessing(
            size=data.size,
            window=data.window,
            window_known=trained_on["intensity"] != "grey",
            context=data.context,
            intensity=trained_on["intensity"],
            orientation=trained_on.get("orientation") or orientation_of_layout(trained_on.get("layout", "")),
            targets=tuple(trained_on["targets"]),
        )
    except (UserError, DataError, AttributeError, KeyError, TypeError, ValueError) as error:
        where = "the run" if path is None else path
        raise UserError(f"{where}: its card does not say how slices are preprocessed ({error}); train again") from error


def read_preprocessing(archive: zipfile.ZipFile) -> Preprocessing | None:
    """The preprocessing that a `.keras` file states; None in files of earlier versions and of Keras itself.

    Raises:
        ValueError, RecursionError: it is damaged.
    """
    if PREPROCESSING_FILE not in archive.namelist():
        return None
    if archive.getinfo(PREPROCESSING_FILE).file_size > LARGEST:
        raise ValueError(f"its {PREPROCESSING_FILE} is too large")
    return Preprocessing.from_dict(json.loads(archive.read(PREPROCESSING_FILE)))


def preprocessing_in(path: pathlib.Path) -> Preprocessing | None:
    """The preprocessing that the model of a run folder, a `.keras` file or a published model states; None without.

    Raises:
        UserError: the file is damaged.
    """
    if (published := open_published(path)) is not None:
        return published.preprocessing
    file = path / MODEL_FILE if path.is_dir() else path
    try:
        with zipfile.ZipFile(file) as archive:
            return read_preprocessing(archive)
    except Exception as error:  # a file that was made to fail fails in any way
        raise unreadable(file, error) from error


def add_preprocessing(path: pathlib.Path, preprocessing: Preprocessing) -> None:
    """Adds the preprocessing to a `.keras` file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(PREPROCESSING_FILE), json.dumps(preprocessing.to_dict(), indent=1))


def unreadable(file: pathlib.Path, error: Exception) -> UserError:
    """The error for a `.keras` file that cannot be read."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return UserError(f"{file}: not a model that this version reads ({reason})")
