"""Finding the prepared dataset in a folder."""

from pathlib import Path

from pipelines.errors import DataError

_MARK = "dataset_info.json"


def detect(directory: Path) -> bool:
    """Whether there is a prepared dataset in a folder or a few folders down."""
    return bool(_candidates(Path(directory)))


def find_dataset(directory: Path) -> Path:
    """The folder of the one dataset.

    Raises:
        DataError: there is none, or more than one.
    """
    candidates = _candidates(directory)
    if len(candidates) != 1:
        names = ", ".join(map(str, candidates)) or "none"
        raise DataError(f"{directory}: expected one prepared dataset, found {names}; give the folder of one")
    return candidates[0]


def _candidates(directory: Path) -> list[Path]:
    patterns = (_MARK, f"*/{_MARK}", f"*/*/{_MARK}", f"*/*/*/{_MARK}")
    return [path.parent for pattern in patterns for path in sorted(directory.glob(pattern))]
