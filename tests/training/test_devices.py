"""Several devices and several processes: the run that one device makes, to the rounding of sums."""

import json
import os
import signal
import socket
import time

import keras
import numpy as np
import pytest

from benchmarks.soak_resume import Processes
from cafct_keras.runs.checkpoints import read_checkpoint
from tests.cli import fails, run
from tests.trained import write_folder

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs JAX; others refuse it, see below")
# 20 steps; batches of 6 leave the last one of each part of the data incomplete.
# By SGD: Adam turns the rounding of a gradient that is all but zero into a whole step.
RECIPE = (
    "--target",
    "liver",
    "--model",
    "micro",
    "--size",
    32,
    "--batch-size",
    6,
    "--epochs",
    10,
    "--learning-rate",
    0.005,
)
RANDOM = ("--flip", "--rotation", 20)
PATIENCE = 240  # seconds, after which a process hangs; less than pytest allows the test


def devices(count):
    """The environment of a process with so many devices."""
    return {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}".strip()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=4, size=32)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    return Processes(tmp_path_factory.mktemp("logs"), module="tests.training.micro")


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """The run on one device."""
    out = tmp_path_factory.mktemp("runs") / "alone"
    assert run("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out).code == 0
    return out


def assert_close(out, alone):
    last = [read_checkpoint(max((each / "checkpoints").glob("step-*"))) for each in (out, alone)]
    assert [checkpoint.folder.name for checkpoint in last] == ["step-00000020"] * 2
    for name, value in last[1].state.items():
        if not name.startswith("metrics/"):
            np.testing.assert_allclose(last[0].state[name], value, atol=1e-6, err_msg=name)
    cards = [json.loads((each / "run.json").read_text()) for each in (out, alone)]
    for part in ("validation", "test"):
        assert cards[0][part] == pytest.approx(cards[1][part], abs=1e-5)


def by_hand(port):
    """Options and environment of each of two processes that are told where they are."""
    where = ("--coordinator", f"127.0.0.1:{port}", "--processes", 2, "--process-id")
    return [((*where, index), {}) for index in range(2)]


def by_slurm(port):
    """As `srun` starts them."""
    job = {"SLURM_JOB_ID": "77", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    job["JAX_COORDINATOR_PORT"] = str(port)  # JAX makes one of the job's number otherwise, which may be taken here
    return [(("--processes", 2), {**job, "SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)}) for n in range(2)]


def by_kubernetes(port):
    """As an indexed job starts them, its service as the coordinator."""
    where = ("--coordinator", f"127.0.0.1:{port}", "--processes", 2)
    return [(where, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(2)]


def together(processes, folder, out, *options, started=by_hand):
    """Two processes of one run, one device each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    recipe = ("--data", folder, *RECIPE, *RANDOM, "--out", out, *options)
    return [
        processes.start("fit", *recipe, *where, environment={**devices(1), **environment})
        for where, environment in started(port)
    ]


def ends(process):
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        pytest.fail("a process hangs")
    return process.exitcode


def under_way(processes, folder, out, **kwargs):
    """Two processes of one run that has a checkpoint."""
    both = together(processes, folder, out, "--checkpoint-every", 1, **kwargs)
    end = time.monotonic() + PATIENCE
    while not list(out.glob("checkpoints/step-*")):
        assert time.monotonic() < end, processes.log.read_text()
        time.sleep(0.01)
    return both


@on_jax
def test_two_devices(processes, folder, alone, tmp_path):
    out = tmp_path / "run"
    recipe = ("--data", folder, *RECIPE, *RANDOM, "--out", out)
    assert ends(processes.start("fit", *recipe, "--devices", 2, environment=devices(2))) == 0, processes.log.read_text()
    assert_close(out, alone)


@on_jax
def test_two_processes_are_stopped_together_and_go_on(processes, folder, alone, tmp_path):
    out = tmp_path / "run"
    both = under_way(processes, folder, out)
    os.kill(both[1].pid, signal.SIGTERM)
    assert [ends(process) for process in both] == [75, 75], processes.log.read_text()
    card = json.loads((out / "run.json").read_text())
    assert card["status"] == "interrupted"
    both = together(processes, folder, out, "--resume", started=by_slurm)
    assert [ends(process) for process in both] == [0, 0], processes.log.read_text()
    assert_close(out, alone)


@on_jax
def test_a_process_that_is_killed_ends_the_other_and_one_device_goes_on(processes, folder, alone, tmp_path):
    out = tmp_path / "run"
    both = under_way(processes, folder, out, started=by_kubernetes)
    both[1].kill()
    assert ends(both[0]) not in (0, -9)
    log = processes.log.read_text()
    assert "another process of this run is gone" in log or "JAX distributed service" in log
    assert run("fit", "--resume", "--out", out).code == 0
    assert_close(out, alone)


@pytest.mark.backends
def test_devices_that_are_not_there(folder, tmp_path):
    message = fails("fit", "--data", folder, *RECIPE, "--devices", 64, "--out", tmp_path / "run")
    if keras.backend.backend() == "jax":
        assert "--devices 64: only " in message
        assert "XLA_FLAGS=--xla_force_host_platform_device_count=64" in message
    else:
        assert "more than one needs the JAX backend" in message
    assert "--devices 0: must be at least 1" in fails("fit", "--data", folder, *RECIPE, "--devices", 0)
    assert not (tmp_path / "run").exists()
