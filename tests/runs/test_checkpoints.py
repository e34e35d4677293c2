"""Checkpoints on disk, and what becomes of them when disks and processes fail."""

import errno
import os
import pathlib
import random
import shutil
import subprocess
from unittest import mock

import numpy as np
import pytest

from cafct_keras.checksums import sums
from cafct_keras.errors import UserError
from cafct_keras.runs.checkpoints import CheckpointStore, read_checkpoint

PROGRESS = {"epoch": 3, "history": [{"loss": 0.1 + 0.2}]}


def state(step, size=1000):
    generator = np.random.default_rng(step)
    return {
        "weights/conv/kernel": generator.normal(size=size).astype("float32"),
        "statistics/drop/generator": generator.integers(0, 2**32, 2).astype("uint32"),
        "optimizer/sgd/iteration": np.array(step),
    }


def written(folder, *steps, **kwargs):
    store = CheckpointStore(folder, **kwargs)
    for step in steps:
        store.save(step, state(step), {**PROGRESS, "step": step})
    store.wait()
    return store


def assert_is(checkpoint, step):
    assert checkpoint.progress == {**PROGRESS, "step": step}
    assert checkpoint.state.keys() == state(step).keys()
    for name, value in state(step).items():
        assert checkpoint.state[name].dtype == value.dtype
        np.testing.assert_array_equal(checkpoint.state[name], value)


def test_what_was_saved_is_read_and_the_last_ones_stay(tmp_path):
    assert CheckpointStore(tmp_path / "none").latest() is None
    store = written(tmp_path, 5, 10, 15, 1_000_000_000, keep=3)
    assert store.steps() == [10, 15, 1_000_000_000]
    assert_is(CheckpointStore(tmp_path).latest(), 1_000_000_000)
    assert_is(read_checkpoint(tmp_path / "step-00000010"), 10)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "step-00000015", capture_output=True)
    assert checked.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_group_that_shares_a_run_can_write_in_its_checkpoints(tmp_path):
    before = os.umask(0o002)
    try:
        written(tmp_path, 5)
    finally:
        os.umask(before)
    assert (tmp_path / "step-00000005").stat().st_mode & 0o777 == 0o775


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    store = written(tmp_path, 1, 2)
    store.save(2, state(2), {"epoch": 4}, files=[__file__])
    store.wait()
    found = store.latest()
    assert found.progress == {"epoch": 4}
    assert (found.folder / "test_checkpoints.py").read_bytes() == pathlib.Path(__file__).read_bytes()
    assert store.steps() == [1, 2]


def test_no_damaged_checkpoint_is_taken_for_good(tmp_path):
    """200 truncations and single flipped bits, anywhere in any file."""
    written(tmp_path / "whole", 1, 2)
    dice = random.Random(0)
    for number in range(200):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", folder)
        victim = dice.choice(sorted((folder / "step-00000002").iterdir()))
        content = bytearray(victim.read_bytes())
        place = dice.randrange(len(content))
        if number % 2:
            content[place] ^= 1 << dice.randrange(8)
        else:
            del content[place:]
        victim.write_bytes(content)
        warnings = []
        assert_is(CheckpointStore(folder).latest(warn=warnings.append), 1)
        assert len(warnings) == 1
        assert "step-00000002: damaged" in warnings[0]
        assert (folder / "damaged-step-00000002").is_dir()
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["state.npz", "progress.json", "SHA256SUMS"])
def test_files_that_are_missing_or_too_many(tmp_path, name):
    written(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / name).unlink()
    (tmp_path / "step-00000001" / "more.txt").touch()
    with pytest.raises(UserError, match="every checkpoint is damaged"):
        CheckpointStore(tmp_path).latest()


def test_killed_while_writing(tmp_path):
    """Whatever the process was at, there is a whole checkpoint, and what it left is cleared away."""
    written(tmp_path / "begun", 1, 2)
    seen = set()

    def moment(handle):
        copy = tmp_path / f"moment{len(seen)}"
        shutil.copytree(tmp_path / "begun", copy)
        store = CheckpointStore(copy)
        found = store.latest()
        assert_is(found, found.progress["step"])
        assert {path.name for path in copy.iterdir()} == {f"step-{step:08d}" for step in store.steps()}
        seen.add((copy, found.progress["step"]))

    with mock.patch.object(os, "fsync", moment):
        written(tmp_path / "begun", 3)
    assert {step for _, step in seen} == {2, 3}


def test_full_disk_harms_no_checkpoint(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a disk that is small")
    try:
        store = CheckpointStore(small, keep=2)
        for step in (1, 2):
            store.save(step, state(step, size=20_000), PROGRESS)
        store.wait()
        for step in (3, 4):
            store.save(step, state(step, size=50_000), PROGRESS)
            with pytest.raises(OSError, match="No space left") as raised:
                store.wait()
            assert raised.value.errno == errno.ENOSPC
        assert store.steps() == [1, 2]
        found = store.latest().state["weights/conv/kernel"]
        np.testing.assert_array_equal(found, state(2, size=20_000)["weights/conv/kernel"])
        assert {path.name for path in small.iterdir()} == {"step-00000001", "step-00000002"}
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_what_reads_differently_is_no_checkpoint(tmp_path):
    store = written(tmp_path, 1)
    save = np.savez

    def faulty(file, **arrays):
        save(file, **{**arrays, "weights/conv/kernel": arrays["weights/conv/kernel"] + 1})

    with mock.patch.object(np, "savez", faulty):
        store.save(2, state(2), PROGRESS)
        with pytest.raises(OSError, match="reads differently"):
            store.wait()
    assert store.steps() == [1]


def test_copies_of_users_are_no_checkpoints(tmp_path):
    written(tmp_path, 1, 2)
    for name in ("step-00000010.bak", "step-00000011 (copy)"):
        (tmp_path / name).mkdir()
    store = CheckpointStore(tmp_path)
    assert store.steps() == [1, 2]
    assert_is(store.latest(), 2)


def test_whatever_else_lies_beside_checkpoints_is_left_alone(tmp_path):
    """Copies, hidden files and links, even under the names of checkpoints and of what a killed process leaves."""
    store = written(tmp_path / "run", 1, 2)
    elsewhere = written(tmp_path / "elsewhere", 9)._path(9)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    for name in ("step-4.bak", "step-00000004 (copy)", "step-000000005"):
        (tmp_path / "run" / name).mkdir()
    for name in (".step-00000004.swp", ".step-notes", "step-00000006"):
        (tmp_path / "run" / name).write_text("mine")
    for name in (
        "step-00000009",
        "step-00000003",
        ".step-00000001.old",
        ".step-00000002-0a1b2c3d",
        "latest",
        ".hidden",
    ):
        (tmp_path / "run" / name).symlink_to(elsewhere)
    (tmp_path / "run" / "step-00000010").symlink_to(tmp_path / "gone")
    store = CheckpointStore(tmp_path / "run")
    assert store.steps() == [1, 2]
    assert_is(store.latest(), 2)
    for step in (3, 6, 9, 10):
        store.save(step, state(step), {**PROGRESS, "step": step})
    store.wait()
    assert store.steps() == [9, 10]
    assert_is(CheckpointStore(tmp_path / "run").latest(), 10)
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"step-4.bak", ".step-notes", "latest", ".hidden"} <= left


def test_checkpoints_of_another_run(tmp_path):
    written(tmp_path, 1, run="one")
    assert CheckpointStore(tmp_path).latest().run == "one"
    assert_is(CheckpointStore(tmp_path, run="one").latest(), 1)
    with pytest.raises(UserError, match=r"step-00000001: a checkpoint of another run"):
        CheckpointStore(tmp_path, run="two").latest()
    written(tmp_path, 2)  # as earlier versions wrote them
    assert_is(CheckpointStore(tmp_path, run="two").latest(), 2)


def test_a_state_that_expands(tmp_path):
    written(tmp_path, 1, 2)
    folder = tmp_path / "step-00000002"
    np.savez_compressed(folder / "state.npz", bomb=np.zeros(10**6))
    (folder / "SHA256SUMS").write_text(sums(folder))
    assert_is(CheckpointStore(tmp_path).latest(), 1)
