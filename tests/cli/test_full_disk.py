"""Commands whose disk is full; `fit` and `predict` have tests of their own."""

import contextlib
import io
import os
import sys

import pytest

from cafct_keras import cli
from tests.cli import run
from tests.disks import small_disk
from tests.export.unconverted import leave_out


@pytest.mark.parametrize(
    "name", ["phantom", "describe", "prepare", "score", "evaluate", "compare", "import-weights", "export"]
)
def test_full_disk_and_started_again(name, commands, tmp_path, monkeypatch):
    if name == "export":
        leave_out(monkeypatch.setattr)
    command, out = commands[name], tmp_path / "disk" / "out"
    with small_disk(out.parent, kilobytes=8) as grow:
        full = run(*command.arguments, "--out", out)
        assert full.code == 1
        assert "no space left on the disk" in full.error.splitlines()[-1]
        assert "Traceback" not in full.error
        assert not command.found(out)
        if name != "prepare":  # which resumes
            assert not list(out.parent.iterdir())
        grow()
        done = run(*command.arguments, "--out", out)
        assert done.code == 0, done
        assert command.found(out)
        assert not list(out.parent.rglob("*partial*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("benchmark", "predict", "--model", "micro", "--size", "32", "--repeats", "1"),
            1,
            "no space left on the disk",
        ),
        (("score",), 2, "Missing option '--prediction'"),
    ],
)
def test_output_that_cannot_be_written(arguments, code, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["cafct-keras", *arguments, "--json"])
    error = io.StringIO()
    with (
        open("/dev/full", "w") as full,
        contextlib.redirect_stdout(full),
        contextlib.redirect_stderr(error),
        pytest.raises(SystemExit) as stopped,
    ):
        cli.main()
    assert stopped.value.code == code
    assert error.getvalue().splitlines()[-1].startswith(f"cafct-keras: {message}")
