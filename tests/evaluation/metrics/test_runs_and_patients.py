"""Intervals of a system that was trained several times."""

import numpy as np
import pytest

from cafct_keras.evaluation.metrics.bootstrap import Bootstrap


def test_one_run_draws_patients_alone():
    patients = np.arange(5)
    values = np.array([0.1, 0.4, 0.5, 0.7, 0.9])
    assert Bootstrap(patients=5).mean(values, patients) == Bootstrap(patients=5, runs=1).mean(values, patients)


def test_runs_that_agree_add_no_uncertainty_and_runs_that_differ_do():
    values = np.array([0.3, 0.4, 0.5, 0.6, 0.7])
    one = Bootstrap(patients=5).mean(values, np.arange(5))
    groups = np.arange(15)
    same = Bootstrap(patients=5, runs=3).mean(np.tile(values, 3), groups)
    assert (same.value, same.low, same.high) == pytest.approx((one.value, one.low, one.high))
    apart = Bootstrap(patients=5, runs=3).mean(np.concatenate([values - 0.29, values, values + 0.29]), groups)
    assert apart.value == pytest.approx(one.value)
    assert apart.low < one.low - 0.05
    assert apart.high > one.high + 0.05


@pytest.mark.parametrize("of_runs", [[0.2, 0.5], [0.1, 0.4, 0.9], [0.1, 0.3, 0.35, 0.8, 0.9]])
def test_variance_over_runs_is_unbiased(of_runs):
    runs = len(of_runs)
    resampled = Bootstrap(patients=2, runs=runs, resamples=20000).resample(np.repeat(of_runs, 2), np.arange(2 * runs))
    assert resampled.var() == pytest.approx(np.var(of_runs, ddof=1) / runs, rel=0.05)


def test_several_runs_of_one_patient_have_no_interval():
    figure = Bootstrap(patients=1, runs=3).mean(np.array([0.2, 0.3, 0.4]), np.arange(3))
    assert (figure.low, figure.high) == (None, None)
    assert figure.value == pytest.approx(0.3)
