"""The table of docs/reference/extras.md, against what works without any extra."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "extras.md"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked")
def test_the_table_holds():
    environ = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.extras.alone"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)[1:]
    assert {task: extra.strip("`").replace("none", "works") for task, extra in rows} == json.loads(
        done.stdout.splitlines()[-1]
    )
