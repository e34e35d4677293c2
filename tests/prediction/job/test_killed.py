"""Jobs whose process is killed; `test_job.py` interrupts them at chosen steps."""

import pytest

from benchmarks.soak_predict import PredictSoak, differences
from benchmarks.soak_resume import Processes
from tests.prediction.job import EVERYTHING


def test_killed_and_resumed(whole, perfect, folder, tmp_path):
    soak = PredictSoak(Processes(tmp_path, preload="cafct_keras.engines.keras_engine"))
    kills = soak.killed(tmp_path / "killed", perfect, "--input", folder, *EVERYTHING, kills=3, scans=4)
    assert not differences(tmp_path / "killed", whole)
    if not kills:
        pytest.fail("no job was killed")
