"""The preprocessing of a run."""

import json
import pathlib
import zipfile
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.config import FitConfig
from pipelines.errors import DataError
from pipelines.orientation import orientation_of_layout
from pipelines.preprocessing import Preprocessing

PREPROCESSING_FILE = "preprocessing.json"  # in a `.keras` file


def preprocessing_of(card: dict[str, Any]) -> Preprocessing:
    """The preprocessing that a run card states, or, written by an earlier version, implies.

    Args:
        card: see `read_run`.

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
            context=data.context,
            intensity=trained_on["intensity"],
            orientation=trained_on.get("orientation") or orientation_of_layout(trained_on.get("layout", "")),
            targets=tuple(trained_on["targets"]),
        )
    except (DataError, KeyError, TypeError) as error:
        raise UserError(f"the run's card does not say how slices are preprocessed ({error}); train again") from error


def read_preprocessing(archive: zipfile.ZipFile) -> Preprocessing | None:
    """The preprocessing that a `.keras` file states; None in files of earlier versions and of Keras itself.

    Raises:
        ValueError, RecursionError: it is damaged.
    """
    if PREPROCESSING_FILE not in archive.namelist():
        return None
    return Preprocessing.from_dict(json.loads(archive.read(PREPROCESSING_FILE)))


def add_preprocessing(path: pathlib.Path, preprocessing: Preprocessing) -> None:
    """Adds the preprocessing to a `.keras` file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(PREPROCESSING_FILE), json.dumps(preprocessing.to_dict(), indent=1))
