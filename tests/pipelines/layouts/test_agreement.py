"""Reader and `verify` on folders as they come from people's disks; on planted defects they are compared in place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.layouts.agreement import agree
from tests.pipelines.layouts.conftest import WRITERS

CASES = Path(__file__).parents[4] / "shared" / "cases"
GENERATORS = sorted(path.name for path in CASES.glob("make_*.py"))


@pytest.mark.parametrize("layout", WRITERS)
def test_what_is_clean_can_be_read(clean, layout):
    assert agree(clean / layout)


@pytest.mark.parametrize("generator", GENERATORS or ["make_NN.py"])
def test_reader_and_verify_agree_on_reported_kinds_of_trouble(generator, tmp_path, shared):
    if not GENERATORS:
        pytest.skip(f"no case generators: {CASES} is absent")
    subprocess.run(
        [sys.executable, shared / "cases" / generator],
        cwd=tmp_path,
        env={**os.environ, "CASES": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        agree(folder)
