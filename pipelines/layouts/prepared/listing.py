"""Finding the prepared dataset in a folder."""

import re
from pathlib import Path

from pipelines.errors import DataError
from pipelines.findings import Report
from pipelines.natural import natural_sort_key
from pipelines.walk import walk

MARK = "dataset_info.json"  # the file that every prepared dataset has
_VERSION = re.compile(r"\d+\.\d+\.\d+")  # a folder that TFDS names


def detect(directory: Path) -> bool:
    """Whether there is a prepared dataset in a folder or a few folders down."""
    return bool(_candidates(Path(directory)))


def find_dataset(directory: Path) -> Path:
    """The folder of the one dataset, in its newest version.

    Raises:
        DataError: there is none, or more than one.
    """
    found = sorted(_candidates(directory), key=lambda path: natural_sort_key(path.name))
    newest = {path.parent if _VERSION.fullmatch(path.name) else path: path for path in found}
    candidates = list(newest.values())
    if len(candidates) != 1:
        names = ", ".join(map(str, candidates)) or "none"
        raise DataError(f"{directory}: expected one prepared dataset, found {names}; give the folder of one")
    irregular = Report(candidates[0])
    for _ in walk(candidates[0], irregular):
        pass
    for one in irregular.findings:
        raise DataError(f"{candidates[0] / one.file}: {one.message}; prepare the dataset again")
    return candidates[0]


def _candidates(directory: Path) -> list[Path]:
    patterns = (MARK, f"*/{MARK}", f"*/*/{MARK}", f"*/*/*/{MARK}")
    return [path.parent for pattern in patterns for path in sorted(directory.glob(pattern)) if path.is_file()]
