"""Atomic writes: files and folders appear complete and flushed to disk, or not at all."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import DataError
from pipelines.places import parents, refuse_existing
from pipelines.temporary import left_over, temporary_directory

_COMPLETE = ".complete"  # file in a temporary folder whose files are being moved


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
    temporary.unlink(missing_ok=True)  # of a killed process; or a link, through which another file would be written
    try:
        yield temporary
        fsync(temporary)
        os.replace(temporary, path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write_text(path: str | Path, text: str) -> None:
    r"""Writes `text` to `path` as UTF-8 with `\n` at the end of lines on every system; see `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def atomic_copy(source: str | Path, path: str | Path) -> None:
    """Copies the file `source` to `path`; see `atomic_write`."""
    with atomic_write(path) as temporary:
        shutil.copyfile(source, temporary)


@contextlib.contextmanager
def atomic_directory(directory: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder to write to, which becomes `directory` if the block succeeds.

    Args:
        directory: the folder to create, along with missing parents, which are removed again if the block fails.
        replace: whether to replace a folder that exists.

    Raises:
        DataError: `directory` already exists and is not to be replaced, or cannot be created.
    """
    directory = Path(directory)
    refuse_existing(directory, replace=replace)
    with parents(directory), temporary_directory(directory.parent, directory.name) as temporary:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            fsync(path)
        refuse_existing(directory, replace=replace)  # another process may have been faster
        if os.path.lexists(directory):
            with temporary_directory(directory.parent, directory.name, sweep=False) as displaced:
                former = directory.rename(displaced / directory.name)
                try:
                    temporary.rename(directory)
                except OSError:
                    former.rename(directory)
                    raise
        else:
            temporary.rename(directory)
        fsync(directory.parent)


@contextlib.contextmanager
def atomic_files(folder: str | Path, names: Sequence[str]) -> Iterator[Path]:
    """Yields a temporary folder to write files to, which all appear in `folder` if the block succeeds.

    Args:
        folder: an existing folder, or one to create.
        names: of the files. What a process that was killed while it moved them has left is removed.

    Raises:
        DataError: one of the files already exists, or `folder` cannot be created.
    """
    folder = Path(folder)
    refuse_existing_files(folder, names)
    if not folder.is_dir():
        with atomic_directory(folder) as temporary:
            yield temporary
        return
    with temporary_directory(folder, names[0]) as temporary:
        yield temporary
        for path in (*temporary.iterdir(), temporary):
            fsync(path)
        (temporary / _COMPLETE).touch()
        for name in names:
            os.replace(temporary / name, folder / name)
        fsync(folder)


def refuse_existing_files(folder: str | Path, names: Sequence[str]) -> None:
    """Checks that files do not exist, as `atomic_files` does.

    Raises:
        DataError: one of them does.
    """
    folder = Path(folder)
    for left in left_over(folder, names[0]):
        if (left / _COMPLETE).exists():
            for name in names:
                if not (left / name).exists():
                    (folder / name).unlink(missing_ok=True)
    for name in names:
        if os.path.lexists(folder / name):
            raise DataError(f"`out`: {folder / name} already exists; give another folder or remove it")


def remove(path: str | Path) -> None:
    """Removes a file, a folder with what is in it, or a link but not what it points to, if there is any."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def fsync(path: str | Path) -> None:
    """Flushes a file, or the entries of a folder, to disk."""
    windows = sys.platform == "win32"
    if windows and Path(path).is_dir():  # which Windows has no way to flush
        return
    handle = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
