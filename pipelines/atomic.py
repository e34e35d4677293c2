"""Atomic writes: a file or folder appears complete and flushed to disk, or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path to write to, which replaces `path` if the block succeeds.

    The temporary file lies in the same folder under a hidden name with the same suffix. An interrupted process leaves
    the old file as it was.

    Args:
        path: the file to create or replace. Its folder must exist.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        fsync(temporary)
        os.replace(temporary, path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write_text(path: str | Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8; see `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def atomic_copy(source: str | Path, path: str | Path) -> None:
    """Copies the file `source` to `path`; see `atomic_write`."""
    with atomic_write(path) as temporary:
        shutil.copyfile(source, temporary)


@contextlib.contextmanager
def atomic_directory(directory: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder to write to, which becomes `directory` if the block succeeds.

    Args:
        directory: the folder to create, along with missing parents.
        replace: whether to replace a folder that exists.

    Raises:
        DataError: `directory` already exists and is not to be replaced.
    """
    directory = Path(directory)
    if directory.exists() and not replace:
        raise DataError(f"`out` {directory}: already exists; choose another name or remove it")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Not by `tempfile`, whose folders only their owner can read: the user's umask counts.
    temporary = directory.with_name(f".{directory.name}-{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            fsync(path)
        if directory.exists():
            replaced = directory.rename(temporary.with_name(f"{temporary.name}-replaced"))
            temporary.rename(directory)
            shutil.rmtree(replaced)
        else:
            temporary.rename(directory)
        fsync(directory.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def fsync(path: str | Path) -> None:
    """Flushes a file, or the entries of a folder, to disk."""
    if os.name == "nt" and Path(path).is_dir():  # Windows has no way to flush a folder
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
