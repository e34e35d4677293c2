"""Commands that are killed, each at random moments; `fit` and `predict` have tests of their own."""

import pytest

from benchmarks.soak_commands import CommandSoak

KILLS = {
    "phantom": 2,
    "describe": 2,
    "prepare": 2,
    "score": 2,
    "evaluate": 1,
    "compare": 1,
    "import-weights": 1,
    "export": 1,
}


@pytest.mark.parametrize("name", KILLS)
def test_killed_and_started_again(name, commands, tmp_path):
    soak = CommandSoak(tmp_path, module="tests.export.unconverted_process" if name == "export" else None)
    assert soak.killed(name, commands[name], kills=KILLS[name]) == []
    assert soak.moments[f"{name}: killed"]
