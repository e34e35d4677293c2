"""What machines do to a run, and what the user is told."""

import contextlib
import errno
import os
import pathlib
import subprocess
from unittest import mock

import keras
import numpy as np
import pytest

from cafct_keras.training import FitConfig, errors
from cafct_keras.training import run as training_run
from cafct_keras.training.callbacks import TerminateOnNonFinite
from tests.cli import fails, run
from tests.trained import write_folder

RECIPE = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 4, "--epochs", 2)
TOO_MANY = 1 << 45  # bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=4, size=32)


def allocate_too_much():
    """The backend's own error, from an allocation that no machine can make."""
    if keras.backend.backend() == "jax":
        import jax.numpy as jnp

        return jnp.zeros(TOO_MANY, "uint8").block_until_ready()
    if keras.backend.backend() == "torch":
        import torch

        return torch.empty(TOO_MANY, dtype=torch.uint8)
    import tensorflow as tf

    return tf.zeros((1 << 20, TOO_MANY >> 20), tf.uint8)


@pytest.mark.backends
@pytest.mark.parametrize("fault", [allocate_too_much, lambda: np.ones(TOO_MANY)], ids=["backend", "numpy"])
def test_out_of_memory(folder, tmp_path, fault):
    out = tmp_path / "run"
    faulty = mock.Mock(side_effect=lambda *_, **__: fault())
    with mock.patch.object(TerminateOnNonFinite, "on_train_batch_begin", faulty, create=True):
        message = fails("fit", "--data", folder, *RECIPE, "--out", out)
    assert "out of memory with --batch-size 4 at 32x32: start another run with --batch-size 2" in message
    assert f"cafct-keras fit --resume --out {out}" in message


def test_full_disk(folder, tmp_path):
    """The last checkpoint stays whole, and once there is room the run goes on to the same bits."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a disk that is small")
    filler = disk / "filler"

    def fill(self, batch, logs=None):
        if batch == 2 and not filler.exists():
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    every = (*RECIPE, "--checkpoint-every", 1)
    try:
        with mock.patch.object(TerminateOnNonFinite, "on_train_batch_begin", fill, create=True):
            message = fails("fit", "--data", folder, *every, "--out", disk / "run")
        assert "no space left on the disk" in message
        assert f"cafct-keras fit --resume --out {disk / 'run'}" in message
        filler.unlink()
        assert run("fit", "--resume", "--out", disk / "run").code == 0
        assert run("fit", "--data", folder, *every, "--out", tmp_path / "whole").code == 0
        ends = [
            np.load(max((each / "checkpoints").glob("step-*")) / "state.npz")
            for each in (disk / "run", tmp_path / "whole")
        ]
        for name in ends[0]:
            np.testing.assert_array_equal(ends[0][name], ends[1][name])
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("moment", ["before it is read", "before it is fingerprinted"])
def test_file_that_vanishes(tmp_path, moment):
    data = tmp_path / "data"
    made = ("--layout", "nifti", "--cases", 5, "--slices", 4, "--size", 32)
    assert run("data", "phantom", *made, "--out", data).code == 0
    victim = sorted(data.glob("segmentation-*"))[2]
    load = training_run.load_slices

    def load_meanwhile(source, **kwargs):
        if moment == "before it is read":
            victim.unlink()
        parts = load(source, **kwargs)
        victim.unlink(missing_ok=True)
        return parts

    with mock.patch.object(training_run, "load_slices", load_meanwhile):
        assert victim.name in fails("fit", "--data", data, *RECIPE, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="something else"), errors.translate_errors(FitConfig(out=str(tmp_path))):
        raise RuntimeError("something else")


def test_disk_errors_name_the_file(tmp_path):
    options = FitConfig(out=str(tmp_path))
    error = OSError(errno.EIO, os.strerror(errno.EIO), str(pathlib.Path("/disk/file")))
    words = "/disk/file: Input/output error: fix that"
    with pytest.raises(ValueError, match=words), errors.translate_errors(options):
        raise error
