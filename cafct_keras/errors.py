"""Errors that a user can fix."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(ValueError):
    """A mistake in the arguments or files given.

    The message is one line: the file or argument, what is wrong with it, and how to fix it.

    Attributes:
        exit_code: exit code of the command line.
    """

    exit_code = 1


class RunStoppedError(UserError):
    """A run stopped early and can be resumed; schedulers know its exit code as a temporary failure."""

    exit_code = 75


def disk_failure(error: Exception) -> str | None:
    """A failure of the disk in words, with the fix; None for other errors.

    Args:
        error: an `OSError`; or what HDF5 raises, which has the error's number in its text only.
    """
    if getattr(error, "errno", None) in FULL or any(f"errno = {number}" in str(error) for number in FULL):
        file = getattr(error, "filename", None)
        return f"no space left on the disk{f' of {file}' if file else ''}: free some space"
    if isinstance(error, OSError):
        return f"{error.filename or 'input or output'}: {error.strerror or error}: fix that"
    return None
