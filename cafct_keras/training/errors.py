"""Failures of disk, memory and other processes as one line that names the cause and the fix."""

import contextlib
import pathlib
from collections.abc import Iterator

from cafct_keras.errors import UserError, disk_failure, is_out_of_memory
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.training.devices import several_processes

# Words of JAX's collectives and of its coordination service.
PEER_GONE = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "coordination service")


@contextlib.contextmanager
def translate_errors(config: FitConfig) -> Iterator[None]:
    """Turns errors of disk, memory and other processes in a block into a `UserError`.

    Args:
        config: resolved configuration of the run.

    Raises:
        UserError: in place of the original error.
    """
    try:
        yield
    except Exception as error:
        if failure := disk_failure(error):
            raise UserError(failure + _resume(config.out)) from error
        if several_processes(config) and any(words in str(error).lower() for words in PEER_GONE):
            raise UserError(
                f"another process of this run is gone: start all of them again{_resume(config.out)}"
            ) from error
        if not is_out_of_memory(error):
            raise
        batch_size, size = config.optimizer.batch_size, config.data.size
        raise UserError(
            f"out of memory with `batch_size` {batch_size} at {size}x{size}: start another run with `batch_size` "
            f"{max(1, batch_size // 2)}, a smaller `preset` or `size` or `precision` mixed_bfloat16, or free memory "
            f"that other programs use{_resume(config.out)}"
        ) from error


def _resume(out: str | None) -> str:
    if out is None or not (pathlib.Path(out) / RUN_FILE).exists():
        return ""
    return f"; then resume from the last checkpoint with: cafct-keras fit --resume --out {out}"
