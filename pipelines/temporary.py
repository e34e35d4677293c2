"""Temporary folders: hidden, locked, and removed by the next process where one was killed.

A process that is killed leaves a hidden folder `.NAME.partial-XXXXXXXX`, which the next one that writes NAME removes. A
folder that is being written is locked, and the operating system releases the locks of a process that is gone.
"""

import contextlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError


@contextlib.contextmanager
def temporary_directory(folder: str | Path, name: str, *, sweep: bool = True, option: str = "out") -> Iterator[Path]:
    """Yields a new hidden folder, which is removed in the end if it is still there.

    Args:
        folder: where to create it.
        name: of what is written in it.
        sweep: remove what killed processes left under this name first.
        option: argument that has the path, for errors.

    Raises:
        DataError: it cannot be created.
    """
    folder = Path(folder)
    if sweep:
        for left in left_over(folder, name):
            shutil.rmtree(left, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        while True:
            # Not by `tempfile`, whose folders only their owner can read: the user's umask counts.
            temporary = folder / f".{name}.partial-{secrets.token_hex(4)}"
            try:
                temporary.mkdir()
            except OSError as error:
                raise no_place(folder / name, option, error) from error
            stack.callback(shutil.rmtree, temporary, ignore_errors=True)
            try:
                stack.enter_context(_lock(temporary))
            except FileNotFoundError:  # a process that started meanwhile took it for left over
                continue
            break
        yield temporary


@contextlib.contextmanager
def sole_writer(folder: str | Path) -> Iterator[bool]:
    """Keeps other processes from writing to a folder; yields whether it can, which takes a file system with locks.

    Raises:
        DataError: another process is writing to it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_lock(Path(folder), others=True))
        except BlockingIOError:
            raise DataError(f"`out` {folder}: another process is writing to it; wait for it to finish") from None
        except OSError:
            yield False
        else:
            yield True


def left_over(folder: Path, name: str) -> Iterator[Path]:
    """Yields temporary folders of processes that are gone, each locked. Without locks they cannot be known."""
    named = re.compile(rf"\.{re.escape(name)}\.partial-[0-9a-f]{{8}}")
    with contextlib.suppress(OSError):
        for entry in [entry for entry in os.scandir(folder) if named.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    with _lock(Path(entry.path), others=True):
                        yield Path(entry.path)


@contextlib.contextmanager
def _lock(folder: Path, *, others: bool = False) -> Iterator[None]:
    """Locks a folder.

    Args:
        folder: the folder.
        others: raise if another process has locked it, or if there are no locks; else wait, and do without.

    Raises:
        OSError: see `others`; `FileNotFoundError` if the folder is gone.
    """
    if sys.platform == "win32":  # where folders cannot be locked
        if others:
            raise OSError("no locks")
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if others:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            os.stat(folder)
        yield
    finally:
        os.close(handle)


def no_place(path: Path, option: str, error: OSError) -> DataError:
    """The error about a path that cannot be created; `option` is the argument that has it."""
    return DataError(f"`{option}` {path}: cannot be created ({error.strerror}); give another")
