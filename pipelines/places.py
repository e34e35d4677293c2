"""Places for results: whether they can be created and written to, checked before work is done for them."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError
from pipelines.temporary import no_place, temporary_directory


def require_place(
    path: str | Path, *, option: str = "out", new: bool = False, folder: bool = False, utf8: bool = False
) -> None:
    """Checks that a file or folder can be written, before work is done for it. Leaves nothing behind.

    Args:
        path: that is to be written; it and its parents may be missing.
        option: argument that has the path, for errors.
        new: whether it must not exist yet.
        folder: whether it must be a folder if it exists.
        utf8: whether its path must be UTF-8, as some libraries need.

    Raises:
        DataError: it cannot be created or written to, or it exists and must not.
    """
    path = Path(path)
    if new:
        refuse_existing(path, replace=False, option=option)
    if utf8 and any("\ud800" <= character <= "\udfff" for character in str(path)):
        raise DataError(f"`{option}` {path}: is not UTF-8, which TensorFlow needs; give another")
    if folder and path.exists() and not path.is_dir():
        raise DataError(f"`{option}` {path}: is a file; give a folder")
    try:
        if path.name:  # as long as the names of temporary folders
            os.path.lexists(path) or os.lstat(path.with_name(f".{path.name}.partial-{'0' * 8}"))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise no_place(path, option, error) from None
    existing = next(each for each in (path, *path.absolute().parents) if each.exists())
    try:
        if existing.is_dir():
            with temporary_directory(existing, path.name, option=option):
                pass
        elif existing != path:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise no_place(path, option, error) from None


@contextlib.contextmanager
def parents(path: str | Path) -> Iterator[None]:
    """Creates the parents of a path, and removes those again if the block fails and leaves them empty."""
    path = Path(path)
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise no_place(path, "out", error) from error
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for parent in missing:
                parent.rmdir()
        raise


def refuse_existing(directory: Path, *, replace: bool, option: str = "out") -> None:
    """Refuses a folder that exists, unless it is to be replaced.

    Raises:
        DataError: it exists.
    """
    if os.path.lexists(directory) and not replace:
        raise DataError(f"`{option}` {directory}: already exists; choose another name or remove it")


def require_space(folder: str | Path, size: int) -> None:
    """Checks that a disk has room, before a library fills it that reports this badly.

    Args:
        folder: on that disk.
        size: in bytes.

    Raises:
        OSError: it has not.
    """
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
