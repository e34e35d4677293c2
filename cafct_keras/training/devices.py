"""Training on several devices, in one process or in many: each has the same network and a share of every batch.

The batch stays what `--batch-size` says, so a run is the same run on any number of devices, to the rounding of sums.
"""

import atexit
import contextlib
import os
import signal

import keras

from cafct_keras.errors import UserError
from cafct_keras.training.stopping import RunStoppedError

# A process that is gone is missed after so many seconds; JAX then ends the others.
HEARTBEAT_S = 20
# The others wait so long for the one that scores the network.
SHUTDOWN_S = 24 * 3600


class Team:
    """The processes that train together.

    Attributes:
        index: of this process.
        count: of processes.
    """

    def __init__(self, index=0, count=1):
        self.index = index
        self.count = count
        self._calls = 0
        self._told = False

    @property
    def chief(self):
        """Whether this is the process that writes and reports."""
        return self.index == 0

    @property
    def share(self):
        """This process's part of every batch, and the number of parts."""
        return self.index, self.count

    def meet(self, name):
        """Returns once all processes are here."""
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(name)

    @contextlib.contextmanager
    def chief_first(self, name):
        """What is done meanwhile is done by the chief first, then by the others."""
        if not self.chief:
            self.meet(name)
        yield
        if self.chief:
            self.meet(name)

    def agreed(self, reason):
        """What stops all processes at this one of their calls, of which each must make as many.

        Args:
            reason: what stops this process, in words; None while nothing does.

        Returns:
            The reason; None where they are not all to stop yet.
        """
        if self.count == 1:
            return reason
        from jax.experimental import multihost_utils

        self._calls += 1
        if reason and not self._told:
            self._told = True
            os.kill(os.getpid(), signal.SIGTERM)  # JAX hears it and tells the others
        return (reason or signal.SIGTERM.name) if multihost_utils.reached_preemption_sync_point(self._calls) else None


def several_processes(config):
    """Whether a configuration asks for more processes than this one."""
    return any(
        option is not None
        for option in (config.session.coordinator, config.session.processes, config.session.process_id)
    )


@contextlib.contextmanager
def distributed(config):
    """Spreads what is built meanwhile over the devices that the config name. Before anything is computed.

    Args:
        config: resolved `FitConfig`.

    Returns:
        The `Team`.

    Raises:
        UserError: the backend, the devices or the batch do not allow it.
    """
    many = several_processes(config)
    if not many and config.session.devices == 1:
        yield Team()
        return
    if keras.backend.backend() != "jax":
        raise UserError("--devices, --processes: several of them need the JAX backend; set KERAS_BACKEND=jax")
    team = _join(config) if many else Team()
    names = _devices(config.session.devices)
    if config.optimizer.batch_size % len(names):
        raise UserError(
            f"--batch-size {config.optimizer.batch_size}: give a multiple of {len(names)}, the number of devices"
        )
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names, auto_shard_dataset=False))
    try:
        yield team
    except RunStoppedError:
        raise
    except BaseException:
        if team.count > 1:
            # The usual way out waits for the others, who wait for this one in mid-step: it must be missed.
            atexit.register(os._exit, 1)
        raise
    finally:
        keras.distribution.set_distribution(None)


def _join(config):
    """Finds the other processes; what the config leave open is in the variables of SLURM, Open MPI or Kubernetes."""
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
            f"--coordinator, --processes, --process-id: {' '.join(str(error).split())}; give all three, or start the "
            "processes with srun"
        ) from error
    return Team(jax.process_index(), jax.process_count())


def _devices(wanted):
    """Names of the first so many devices of every process."""
    import jax

    names = []
    for index in range(jax.process_count()):
        there = [device for device in jax.devices() if device.process_index == index]
        if len(there) < wanted:
            advice = ""
            if there[0].platform == "cpu":
                advice = f"; for several on a CPU set XLA_FLAGS=--xla_force_host_platform_device_count={wanted}"
            raise UserError(f"--devices {wanted}: there are {len(there)}{advice}")
        names += [f"{device.platform}:{device.id}" for device in there[:wanted]]
    return names
