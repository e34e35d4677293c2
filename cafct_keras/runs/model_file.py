"""The file of a run's network."""

import functools
import pathlib

from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.runs.published import open_published


def model_file(path: pathlib.Path) -> pathlib.Path:
    """The `.keras` file in a run folder, or `path` itself if it is one.

    Raises:
        UserError: there is none.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        raise UserError(
            f"{path}: no model here; give a run folder with {MODEL_FILE}, a .keras file, or a published model"
        )
    return file


def model_digest(path: pathlib.Path) -> str:
    """SHA-256 of the file that holds a network's weights, in hex.

    Args:
        path: run folder, `.keras` file or published model.

    Raises:
        UserError: there is none.
    """
    if published := open_published(path):
        return published.digest
    file = model_file(path)
    status = file.stat()
    return _digest(file, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _digest(file: pathlib.Path, size: int, changed: int) -> str:
    """Of a file as it is: size and time tell whether it has changed."""
    return sha256(file)
