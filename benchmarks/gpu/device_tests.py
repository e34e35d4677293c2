"""Runs the tests of networks and numerics on the GPU, and records each test, so that a second call runs the rest.

    python -m benchmarks.gpu.device_tests tests.json
    python -m benchmarks.gpu.device_tests tests.json tests/layers --jobs 4

Products in float32 are computed in full, not as TF32, since the expected values are those of CPUs.
"""

import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.gpu.campaign import Campaign, parser

TESTS = ["tests/layers", "tests/models", "tests/test_losses_and_metrics.py", "tests/test_optimizers.py"]
TESTS += ["tests/benchmark", "tests/training/test_memory.py", "tests/training/test_averaging.py"]
ENVIRONMENT = {"JAX_DEFAULT_MATMUL_PRECISION": "highest", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class Recorder:
    """Writes down how each test ended, and stops when the time is over.

    Args:
        campaign: where to.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._session: Any = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Notes the session."""
        self._session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Records a test that has run, or could not be set up."""
        if report.when != "call" and report.outcome == "passed":
            return
        result: dict[str, Any] = {"outcome": report.outcome, "seconds": round(report.duration, 2)}
        if report.failed:
            result["error"] = str(report.longrepr)[-1500:]
        self._campaign.record(report.nodeid, result)
        if self._campaign.seconds_left < 0:
            self._session.shouldstop = "the time is over; run the rest by the same command"


def main(arguments: list[str] | None = None) -> None:
    """Runs the tests that have not passed or been skipped yet."""
    options = parser(__doc__)
    options.add_argument("tests", nargs="*", help="files or folders; default: those that a GPU may change")
    options.add_argument("--jobs", default="8", help="tests at a time: most of their time is compiling")
    given = options.parse_args(arguments)
    if ENVIRONMENT.keys() - os.environ.keys():  # read when JAX is imported, which pytest's arguments do already
        command = [sys.executable, "-m", "benchmarks.gpu.device_tests", *(arguments or sys.argv[1:])]
        raise SystemExit(subprocess.run(command, env={**ENVIRONMENT, **os.environ}, check=False).returncode)
    campaign = Campaign(given.out, seconds=given.seconds)
    done = [name for name, result in campaign.results.items() if "error" not in result]
    code = pytest.main(
        [*(given.tests or TESTS), "-n", given.jobs, "--dist", "worksteal", "-p", "no:cacheprovider"]
        + [f"--deselect={name}" for name in done],
        plugins=[Recorder(campaign)],
    )
    outcomes = [result["outcome"] for result in campaign.results.values()]
    print({outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))})
    raise SystemExit(0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else int(code))


if __name__ == "__main__":
    main()
