"""Lock on a folder."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator

from cafct_keras.errors import UserError


@contextlib.contextmanager
def lock(
    folder: str | pathlib.Path, *, doing: str = "training in this run folder", shared: bool = False, wait: bool = False
) -> Iterator[None]:
    """Keeps other processes out of a folder, on file systems that support locks.

    The operating system releases the lock of a process that was killed. On Windows, where folders cannot be locked,
    nothing is done.

    Args:
        folder: the folder.
        doing: what the other process is doing, for the error.
        shared: let in those that share the lock too.
        wait: wait for the others instead of raising.

    Raises:
        UserError: another process has locked it.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            try:
                how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
                fcntl.flock(handle, how)
            except BlockingIOError:
                raise UserError(f"{folder}: another process is {doing}; wait for it to finish or stop it") from None
        yield
    finally:
        os.close(handle)
