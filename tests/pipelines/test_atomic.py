"""Atomic writes of processes that are killed for real."""

import itertools
import multiprocessing
import os
import signal

import pytest

from pipelines import atomic
from pipelines.errors import DataError

NAMES = ("one.txt", "two.txt")


def begin(out, kind):
    return atomic.atomic_files(out, NAMES) if kind == "files" else atomic.atomic_directory(out)


def killed(out, kind, function, call):
    """In a process of its own: writes, and kills itself at the n-th call of a function, its output halfway."""
    calls, real = itertools.count(1), getattr(os, function)

    def counted(*arguments, **options):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(os, function, counted)
    with begin(out, kind) as folder:
        for name in NAMES:
            (folder / name).write_text("new")


def kill(*arguments):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=killed, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def write(out, kind):
    with begin(out, kind) as folder:
        for name in NAMES:
            (folder / name).write_text("again")


@pytest.mark.parametrize(("function", "call"), [("fsync", 1), ("fsync", 3), ("rename", 1)])
def test_a_killed_process_leaves_no_folder_and_nothing_for_good(tmp_path, function, call):
    out = tmp_path / "results" / "out"
    kill(out, "directory", function, call)
    assert not out.exists()
    assert len(list(out.parent.iterdir())) == 1
    write(out, "directory")
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert {path.name for path in out.iterdir()} == set(NAMES)


@pytest.mark.parametrize(("function", "call"), [("fsync", 1), ("replace", 1), ("replace", 2)])
def test_files_that_belong_together(tmp_path, function, call):
    (tmp_path / "others.txt").write_text("of others")
    kill(tmp_path, "files", function, call)
    assert (tmp_path / "one.txt").exists() == (call == 2)
    write(tmp_path, "files")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "others.txt": "of others",
        "one.txt": "again",
        "two.txt": "again",
    }


def test_only_what_a_killed_process_left_is_removed(tmp_path):
    kill(tmp_path / "out", "directory", "rename", 1)
    kill(tmp_path / "other", "directory", "rename", 1)
    kept = tmp_path / ".out-20261126"  # a user's
    kept.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    link = tmp_path / ".out.partial-01234567"
    link.symlink_to(outside)
    before = {path.name for path in tmp_path.iterdir()}
    with atomic.temporary_directory(tmp_path, "out") as alive:
        left = before - {path.name for path in tmp_path.iterdir()}
        assert len(left) == 1
        assert left.pop().startswith(".out.partial-")
        write(tmp_path / "out", "directory")
        assert alive.is_dir()
    assert kept.is_dir()
    assert link.is_symlink()
    assert (outside / "file").exists()
    assert len(list(tmp_path.glob(".other.partial-*"))) == 1


def test_files_of_users_stay_where_a_killed_process_had_moved_nothing(tmp_path):
    kill(tmp_path, "files", "fsync", 1)
    (tmp_path / "two.txt").write_text("of others")
    with pytest.raises(DataError, match=r"two\.txt already exists"):
        write(tmp_path, "files")
    assert (tmp_path / "two.txt").read_text() == "of others"


def test_a_refusal_leaves_no_folders(tmp_path):
    with pytest.raises(DataError, match="wrong"), atomic.atomic_directory(tmp_path / "a" / "b" / "c"):
        raise DataError("wrong")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "out", tmp_path / "file"):
        with pytest.raises(DataError, match="`out`"), atomic.atomic_directory(out):
            pytest.fail("begun")


def test_a_link_in_the_way_of_a_temporary_file_is_not_followed(tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("of others")
    (tmp_path / ".history.partial.csv").symlink_to(outside)
    atomic.atomic_write_text(tmp_path / "history.csv", "ours")
    assert outside.read_text() == "of others"
    assert (tmp_path / "history.csv").read_text() == "ours"
    assert not os.path.lexists(tmp_path / ".history.partial.csv")


def test_a_folder_is_replaced_or_stays(tmp_path):
    write(tmp_path / "out", "directory")
    with pytest.raises(DataError, match="wrong"), atomic.atomic_directory(tmp_path / "out", replace=True):
        raise DataError("wrong")
    assert (tmp_path / "out" / "one.txt").read_text() == "again"
    with atomic.atomic_directory(tmp_path / "out", replace=True) as folder:
        (folder / "three.txt").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["three.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
