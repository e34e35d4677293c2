"""Folders that are there whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError


@contextlib.contextmanager
def written_aside(directory: str | Path) -> Iterator[Path]:
    """Gives an empty folder beside `directory` to write into, and its name to it once all went well.

    Args:
        directory: the folder to make; those above it are made too.

    Raises:
        DataError: there is something of that name already.
    """
    directory = Path(directory)
    if directory.exists():
        raise DataError(f"--out {directory}: exists already; give another name or remove it")
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        yield aside
        aside.chmod(0o755)  # mkdtemp's folders are for their maker alone
        aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
