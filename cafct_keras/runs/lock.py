"""Lock on a run folder."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from cafct_keras.errors import UserError


@contextlib.contextmanager
def lock(folder: str | pathlib.Path) -> Iterator[None]:
    """Keeps other processes out of a run folder, on file systems that support locks.

    The operating system releases the lock of a process that was killed. On Windows, where folders cannot be locked,
    nothing is done.

    Args:
        folder: the run folder.

    Raises:
        UserError: another process trains in it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"{folder}: another process is training in this run folder; wait for it to finish or stop it"
                ) from None
        yield
    finally:
        os.close(handle)
