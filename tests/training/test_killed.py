"""Processes that are killed for real; `test_resume.py` has more moments, without processes."""

import pytest

from benchmarks.soak_resume import Processes, Soak, differences
from tests.trained import write_folder

# The option is there for GPUs, but must be understood everywhere.
RECIPE = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 4, "--epochs", 2, "--deterministic")


@pytest.mark.backends
def test_killed_at_random_and_resumed(tmp_path):
    folder = write_folder(tmp_path / "slices", cases=5, slices=4, size=32)
    soak = Soak(Processes(tmp_path, module="tests.training.micro"))
    recipe = ("--data", folder, *RECIPE, "--flip", "--rotation", 20)
    soak.whole(tmp_path / "compiled", *recipe)  # takes longer than those that find it done
    seconds = soak.whole(tmp_path / "whole", *recipe)
    # Where the machine is suddenly faster, a run may end before it is killed.
    for number in range(6):
        soak.killed(tmp_path / str(number), *recipe, seconds=seconds)
        assert not differences(tmp_path / str(number), tmp_path / "whole")
        if number and soak.kills.total():
            return
    pytest.fail("no run was killed")
