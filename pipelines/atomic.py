"""Atomic writes: files and folders appear complete and flushed to disk, or not at all.

A process that is killed leaves a hidden folder `.NAME.partial-XXXXXXXX`, which the next one that writes NAME removes. A
folder that is being written is locked, and the operating system releases the locks of a process that is gone.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import DataError

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
        directory: the folder to create, along with missing parents, which are removed again if the block fails.
        replace: whether to replace a folder that exists.

    Raises:
        DataError: `directory` already exists and is not to be replaced, or cannot be created.
    """
    directory = Path(directory)
    _refuse_existing(directory, replace=replace)
    with parents(directory), temporary_directory(directory.parent, directory.name) as temporary:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            fsync(path)
        _refuse_existing(directory, replace=replace)  # another process may have been faster
        if os.path.lexists(directory):
            with temporary_directory(directory.parent, directory.name, sweep=False) as aside:
                former = directory.rename(aside / directory.name)
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
    for left in _left_over(folder, names[0]):
        if (left / _COMPLETE).exists():
            for name in names:
                if not (left / name).exists():
                    (folder / name).unlink(missing_ok=True)
    for name in names:
        if os.path.lexists(folder / name):
            raise DataError(f"`out`: {folder / name} already exists; give another folder or remove it")


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
        for left in _left_over(folder, name):
            shutil.rmtree(left, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        while True:
            # Not by `tempfile`, whose folders only their owner can read: the user's umask counts.
            temporary = folder / f".{name}.partial-{secrets.token_hex(4)}"
            try:
                temporary.mkdir()
            except OSError as error:
                raise _no_place(folder / name, option, error) from error
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


def _left_over(folder: Path, name: str) -> Iterator[Path]:
    """Temporary folders of processes that are gone. Where there are no locks, there is no way to know them."""
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
    try:
        import fcntl
    except ImportError:  # Windows, where folders cannot be locked
        if others:
            raise OSError("no locks") from None
        yield
        return
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


@contextlib.contextmanager
def parents(path: str | Path) -> Iterator[None]:
    """Creates the parents of a path, and removes those again if the block fails and leaves them empty."""
    path = Path(path)
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_place(path, "out", error) from error
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for parent in missing:
                parent.rmdir()
        raise


def _refuse_existing(directory: Path, *, replace: bool, option: str = "out") -> None:
    if os.path.lexists(directory) and not replace:
        raise DataError(f"`{option}` {directory}: already exists; choose another name or remove it")


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
        _refuse_existing(path, replace=False, option=option)
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
        raise _no_place(path, option, error) from None
    existing = next(each for each in (path, *path.absolute().parents) if each.exists())
    try:
        if existing.is_dir():
            with temporary_directory(existing, path.name, option=option):
                pass
        elif existing != path:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise _no_place(path, option, error) from None


def _no_place(path: Path, option: str, error: OSError) -> DataError:
    return DataError(f"`{option}` {path}: cannot be created ({error.strerror}); give another")


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


def remove(path: str | Path) -> None:
    """Removes a file, a folder with what is in it, or a link but not what it points to, if there is any."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def fsync(path: str | Path) -> None:
    """Flushes a file, or the entries of a folder, to disk."""
    if os.name == "nt" and Path(path).is_dir():  # Windows has no way to flush a folder
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
