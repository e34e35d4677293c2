"""What machines do to a run, in one line that names the cause and the mend."""

import contextlib
import errno
import pathlib

from cafct_keras.errors import UserError
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.training.devices import several_processes

FULL = (errno.ENOSPC, errno.EDQUOT)
# Of JAX, TensorFlow, PyTorch on a GPU and PyTorch on a CPU; none of them has a type for it that is there without them.
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "can't allocate memory")
# Of JAX's collectives and of the service that its processes keep in touch by.
PEER_GONE = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "coordination service")


@contextlib.contextmanager
def explained(config):
    """Turns errors of disk and memory into a user's.

    Args:
        config: resolved `FitConfig` of the run.

    Raises:
        UserError: in place of what the machine said.
    """
    try:
        yield
    except OSError as error:
        raise UserError(_disk(error) + _go_on(config.out)) from error
    except Exception as error:
        if several_processes(config) and any(words in str(error).lower() for words in PEER_GONE):
            raise UserError(
                f"another process of this run is gone: start all of them anew{_go_on(config.out)}"
            ) from error
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        batch_size, size = config.optimizer.batch_size, config.data.size
        raise UserError(
            f"out of memory with --batch-size {batch_size} at {size}x{size}: begin another run "
            f"with --batch-size {max(1, batch_size // 2)}, a smaller --preset or --size or --precision "
            f"mixed_bfloat16, or find out what else uses the memory{_go_on(config.out)}"
        ) from error


def _disk(error):
    # HDF5 tells the number in its text alone.
    if error.errno in FULL or any(f"errno = {number}" in str(error) for number in FULL):
        return f"no space left on the disk{f' of {error.filename}' if error.filename else ''}: make room"
    return f"{error.filename or 'input or output'}: {error.strerror or error}: put that right"


def _go_on(out):
    if not (pathlib.Path(out) / RUN_FILE).exists():
        return ""
    return f"; then the run goes on from its last checkpoint with: cafct-keras fit --resume --out {out}"
