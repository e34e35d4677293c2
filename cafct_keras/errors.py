"""Errors that a user can fix."""

import errno
import os
import pathlib
import traceback

# Words of JAX, TensorFlow, PyTorch on a GPU and PyTorch on a CPU; none has an exception type that exists without it.
_OUT_OF_MEMORY = (
    *("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "can't allocate memory"),
    *("array is too big", "Maximum allowed dimension exceeded"),  # NumPy's
)
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


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that there was not enough memory."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)


def device_failure(error: Exception) -> str | None:
    """What is wrong with the device that the user's environment asks for, with the fix; None for other errors."""
    if "Unable to initialize backend" in str(error) or _failed_in(error, "xla_bridge"):
        asked = os.environ.get("JAX_PLATFORMS")
        where = f"JAX_PLATFORMS={asked}" if asked else "JAX"
        reason = f" ({' '.join(str(error).split())[:200]})" if str(error) else ""
        return f"{where}: JAX can use no such device{reason}; unset it, or set JAX_PLATFORMS=cpu"
    return None


def _failed_in(error: Exception, module: str) -> bool:
    """Whether an assertion of a module failed: JAX's words for a platform whose plugin is not installed."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, AssertionError) and bool(frames) and pathlib.Path(frames[-1].filename).stem == module


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
