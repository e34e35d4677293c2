"""netcal: expected calibration error."""

import pytest

from tests.parity.probabilities import calibration, probabilities

metrics = pytest.importorskip("netcal.metrics", reason="netcal is not installed, see docs/explanation/parity.md")
pytestmark = pytest.mark.parity


def test_expected_calibration_error(record):
    probability, truth = (array.ravel() for array in probabilities())
    for groups in (5, 10, 20):
        ours = calibration().reliability(groups).expected_error
        record.agree(
            "netcal",
            "expected calibration error (5, 10, 20 bins)",
            [ours],
            [metrics.ECE(groups).measure(probability, truth)],
        )
