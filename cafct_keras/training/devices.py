"""Data-parallel training on several devices, in one process or in several.

Every device has the same model and a shard of every batch. The batch stays what `batch_size` says, so a run is the same
run on any number of devices, to the rounding of sums.
"""

import atexit
import contextlib
import os
import signal
from collections.abc import Iterator

import keras

from cafct_keras.errors import RunStoppedError, UserError
from cafct_keras.runs.config import FitConfig

# A process that is gone is noticed after this many seconds; JAX then ends the others.
HEARTBEAT_S = 20
# The other processes wait this long for the one that scores the model.
SHUTDOWN_S = 24 * 3600


class ProcessGroup:
    """The processes that train together.

    Attributes:
        index: index of this process, from 0.
        count: number of processes.
    """

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index = index
        self.count = count
        self._calls = 0
        self._signaled = False

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.index == 0

    @property
    def shard(self) -> tuple[int, int]:
        """Index of this process's part of every batch, and the number of parts."""
        return self.index, self.count

    def barrier(self, name: str) -> None:
        """Waits until every process has called this with the same name."""
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(name)

    @contextlib.contextmanager
    def main_first(self, name: str) -> Iterator[None]:
        """Runs a block in the main process first, then in the others."""
        if not self.is_main:
            self.barrier(name)
        yield
        if self.is_main:
            self.barrier(name)

    def agree_to_stop(self, reason: str | None) -> str | None:
        """Makes all processes stop at the same one of their calls; each must make as many.

        Args:
            reason: why this process should stop, in words; None if it should not.

        Returns:
            The reason; None as long as not all are to stop.
        """
        if self.count == 1:
            return reason
        from jax.experimental import multihost_utils

        self._calls += 1
        if reason and not self._signaled:
            self._signaled = True
            os.kill(os.getpid(), signal.SIGTERM)  # JAX hears it and tells the others
        return (reason or signal.SIGTERM.name) if multihost_utils.reached_preemption_sync_point(self._calls) else None


def several_processes(config: FitConfig) -> bool:
    """Whether a configuration asks for more processes than this one."""
    session = config.session
    return any(value is not None for value in (session.coordinator, session.processes, session.process_id))


@contextlib.contextmanager
def distribution(config: FitConfig) -> Iterator[ProcessGroup]:
    """Distributes what is built in a block over the devices of a configuration. Must come before any computation.

    Args:
        config: resolved configuration.

    Yields:
        The processes that train together.

    Raises:
        UserError: the backend, the devices or the batch size do not allow it.
    """
    several = several_processes(config)
    if not several and config.session.devices == 1:
        yield ProcessGroup()
        return
    if keras.backend.backend() != "jax":
        raise UserError("`devices`, `processes`: more than one needs the JAX backend; set KERAS_BACKEND=jax")
    group = _join(config) if several else ProcessGroup()
    names = _device_names(config.session.devices)
    batch_size = config.optimizer.batch_size
    if batch_size % len(names):
        raise UserError(f"`batch_size` {batch_size}: must be a multiple of {len(names)}, the number of devices")
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names, auto_shard_dataset=False))
    try:
        yield group
    except RunStoppedError:
        raise
    except BaseException:
        if group.count > 1:
            # The usual way out waits for the others, who wait for this one in mid-step: they must notice its absence.
            atexit.register(os._exit, 1)
        raise
    finally:
        keras.distribution.set_distribution(None)


def _join(config: FitConfig) -> ProcessGroup:
    """Joins the other processes; what is left open is in the variables of SLURM, Open MPI or Kubernetes."""
    import jax

    index = config.session.process_id
    if index is None and "JOB_COMPLETION_INDEX" in os.environ:  # of a Kubernetes job
        index = int(os.environ["JOB_COMPLETION_INDEX"])
    try:
        jax.distributed.initialize(
            coordinator_address=config.session.coordinator,
            num_processes=config.session.processes,
            process_id=index,
            heartbeat_timeout_seconds=HEARTBEAT_S,
            shutdown_timeout_seconds=SHUTDOWN_S,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(
            f"`coordinator`, `processes`, `process_id`: {' '.join(str(error).split())}; give all three, or start the "
            "processes with srun"
        ) from error
    return ProcessGroup(jax.process_index(), jax.process_count())


def _device_names(wanted: int) -> list[str]:
    """Names of the first `wanted` devices of every process."""
    import jax

    names = []
    for index in range(jax.process_count()):
        found = [device for device in jax.devices() if device.process_index == index]
        if len(found) < wanted:
            advice = ""
            if found[0].platform == "cpu":
                advice = f"; for several on a CPU set XLA_FLAGS=--xla_force_host_platform_device_count={wanted}"
            raise UserError(f"`devices` {wanted}: only {len(found)} found{advice}")
        names += [f"{device.platform}:{device.id}" for device in found[:wanted]]
    return names
