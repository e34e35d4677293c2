"""Python in processes of its own: under another Keras backend, or without this package."""

import ctypes
import os
import signal
import subprocess
import sys

from cafct_keras.errors import UserError

_PARENT = "CAFCT_KERAS_PARENT"  # variable with the process that waits for this one
_PR_SET_PDEATHSIG = 1  # of Linux's prctl


def run_python(*arguments: str, backend: str | None = None) -> str:
    """Runs Python in a fresh process.

    Args:
        arguments: of Python, such as `"-m", "cafct_keras.export.conversion"`.
        backend: Keras backend of the process; None where it does not matter.

    Returns:
        The last line that it printed.

    Raises:
        UserError: it failed; with the last line of its error.
    """
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", _PARENT: str(os.getpid())}
    if backend is not None:
        environ["KERAS_BACKEND"] = backend
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        # A crash leaves no message of its own.
        reason = f"ended by signal {-done.returncode}" if done.returncode < 0 else lines[-1]
        raise UserError(f"export failed in a process of its own: {reason}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def end_with_parent() -> None:
    """Ends this process, which `run_python` started, when the one that waits for it is killed; on Linux only.

    It would go on to write into a folder that the next start removes.
    """
    if sys.platform == "linux" and (parent := os.environ.get(_PARENT)):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # killed before
            sys.exit(1)
