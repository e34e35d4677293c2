"""Runs the command line inside the test's process, as a user would call it."""

import contextlib
import dataclasses
import io
import json
import sys
import time
from unittest import mock

from cafct_keras import cli


@dataclasses.dataclass
class Result:
    code: int
    out: str
    error: str
    seconds: float

    @property
    def json(self):
        return json.loads(self.out)


def run(*arguments):
    """Calls `cafct-keras ARGUMENTS` and returns its exit code and what it printed."""
    out, error, code, start = io.StringIO(), io.StringIO(), 0, time.perf_counter()
    with (
        mock.patch.object(sys, "argv", ["cafct-keras", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return Result(code, out.getvalue(), error.getvalue(), time.perf_counter() - start)


def fails(*arguments, code=1):
    """The one line that a mistaken call prints."""
    result = run(*arguments)
    assert result.code == code, result
    lines = result.error.strip().splitlines()
    assert len(lines) == 1, result.error
    return lines[0]
