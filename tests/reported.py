"""Folders as users reported them, made by the generators of `../shared/cases`, which need not be there."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "shared" / "cases"


def reported(number):
    """The folder of the data sets that one generator makes, once per process; skips the test without it."""
    script = CASES / f"make_{number}.py"
    if not script.is_file():
        pytest.skip(f"the generator {script.name} of the shared cases is not here")
    return _made(script)


@functools.cache
def _made(script):
    folder = tempfile.TemporaryDirectory(prefix="reported-")
    _kept.append(folder)
    environment = {**os.environ, "CASES": folder.name, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, script.name], cwd=CASES, env=environment, check=True, timeout=300)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory] = []  # removed when the process ends
