import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cafct_keras import evaluation
from cafct_keras.evaluation.metrics import bootstrap as intervals
from cafct_keras.evaluation.metrics.bootstrap import (
    DIFFERENCE,
    ERROR,
    SCORE,
    Bootstrap,
    few_patients,
    paired_difference,
)
from tests.evaluation.drawn import figures, summarize, summary


def some_cases(count=6):
    generator = np.random.default_rng(1)
    pairs = []
    for _ in range(count):
        reference = generator.random((3, 8, 8)) < 0.3
        pairs.append((reference ^ (generator.random(reference.shape) < generator.uniform(0, 0.4)), reference))
    return pairs


def of_patients(values, *, bounds=SCORE, **options):
    """The estimate of the mean where each value is a patient's."""
    values = np.asarray(values, float)
    return Bootstrap(patients=len(values), **options).mean(values, np.arange(len(values)), bounds=bounds)


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    one, same = (dict(figures(summary(some_cases(), resamples=200))) for _ in range(2))
    assert one == same
    draws = [of_patients(np.arange(6) / 6, seed=seed, resamples=200) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(("found", "of"), [(0, 6), (3, 9), (11, 12), (12, 12), (20, 50)])
def test_with_a_whole_patient_proportions_have_the_interval_of_clopper_and_pearson(found, of, monkeypatch):
    monkeypatch.setattr(intervals, "ADDED", 1.0)
    estimate = of_patients([1.0] * found + [0.0] * (of - found), resamples=20000)
    exact = stats.binomtest(found, of).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_six_perfect_recalls_leave_a_doubt():
    estimate = of_patients([1.0] * 6, resamples=4000)
    assert (estimate.value, estimate.high) == (1, 1)
    assert estimate.low == pytest.approx(stats.beta.ppf(0.025, 6, 0.75), abs=0.02)
    missed = of_patients([0.0] * 6, resamples=4000)
    assert (missed.low, missed.high) == (0, pytest.approx(1 - estimate.low))


def test_weights_of_a_ratio_go_with_its_patients():
    """Patients of ten lesions weigh ten times as much as those of one."""
    found, lesions = np.array([10, 0, 1, 1]), np.array([10, 10, 1, 1])
    pooled = Bootstrap(patients=4).ratio(found, lesions, np.arange(4))
    assert (pooled.value, pooled.units) == (pytest.approx(12 / 22), 22)
    heavy = Bootstrap(patients=4).interval(10 * found, 10 * lesions)
    assert heavy == pytest.approx((pooled.low, pooled.high))
    swapped = Bootstrap(patients=4).interval(lesions - found, lesions)
    assert swapped == pytest.approx((1 - pooled.high, 1 - pooled.low))


def test_cases_of_one_patient_are_weighted_together():
    # Two patients, a hundred slices each, all of one perfect and none of the other: slices would give 0.43 to 0.57.
    full, empty = np.ones((1, 2, 2), bool), np.zeros((1, 2, 2), bool)
    cases = [
        evaluation.score(full if patient == "a" else empty, full, case=f"{patient}{index}", patient=patient)
        for patient in "ab"
        for index in range(50)
    ]
    result = summarize(cases, resamples=200)
    assert result["patients"] == 2
    figure = result["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]
    assert (figure["value"], figure["units"]) == (0.5, 100)
    assert (figure["low"], figure["high"]) == pytest.approx((0.5 - 0.47, 0.5 + 0.47), abs=0.03)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
    st.integers(0, 2**32),
    st.sampled_from([(SCORE, 0, 1), (ERROR, 0, 50), (DIFFERENCE, -2, 3)]),
    st.integers(1, 60),
)
def test_interval_holds_the_mean_and_lies_within_the_bounds(values, seed, kind, resamples):
    bounds, least, most = kind
    values = least + (most - least) * np.array(values)
    figure = of_patients(values, seed=seed, resamples=resamples, bounds=bounds)
    assert figure.value == pytest.approx(np.mean(values))
    assert bounds[0] - 1e-12 <= figure.low <= figure.value + 1e-12
    assert figure.value - 1e-12 <= figure.high <= bounds[1] + 1e-12
    largest = np.abs(values).max() + 1e-12
    assert -largest <= figure.low
    assert figure.high <= max(largest, bounds[1] if np.isfinite(bounds[1]) else 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=6))
def test_more_patients_of_a_kind_make_an_interval_shorter(values):
    wide, narrow = (of_patients(values * times, resamples=400) for times in (1, 8))
    assert narrow.high - narrow.low <= wide.high - wide.low + 1e-12


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 0.9), min_size=2, max_size=12), st.data())
def test_a_better_patient_lowers_neither_end(values, data):
    better = values.copy()
    better[data.draw(st.integers(0, len(values) - 1))] += 0.1
    worse, best = of_patients(values, resamples=100), of_patients(better, resamples=100)
    assert worse.low <= best.low + 1e-12
    assert worse.high <= best.high + 1e-12


@pytest.mark.parametrize("patients", [8, 12, 50])
def test_intervals_of_a_skewed_dice_hold_the_truth(patients):
    """One case in ten is missed; 500 sets of patients, of which a percentile bootstrap of 12 covers 80 %."""
    generator = np.random.default_rng(3)
    values = generator.beta(9, 2, (500, patients)) * (generator.random((500, patients)) > 0.1)
    truth, bootstrap = 0.9 * 9 / 11, Bootstrap(patients=patients, resamples=400)
    ends = [bootstrap.interval(each, np.ones(patients)) for each in values]
    assert np.mean([low <= truth <= high for low, high in ends]) >= 0.92


def test_one_patient_has_no_interval():
    figure = Bootstrap(patients=1).mean(np.array([0.5, 0.7]), np.array([0, 0]))
    assert (figure.value, figure.units, figure.low, figure.high) == (0.6, 2, None, None)
    # Nor has one that counts beside one that does not.
    figure = Bootstrap(patients=2).mean(np.array([0.5, np.nan]), np.array([0, 1]))
    assert (figure.value, figure.low) == (0.5, None)


def test_no_value_without_units():
    figure = Bootstrap(patients=2).mean(np.full(2, np.nan), np.arange(2))
    assert (figure.value, figure.units, figure.low, figure.high) == (None, 0, None, None)


def test_a_score_out_of_bounds_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="ratios of 0 to 5 are out of bounds"):
        of_patients([0, 5])


def test_few_patients_are_warned_of():
    assert few_patients(8) == []
    assert few_patients(7) == ["patients: 7; with fewer than 8 an interval says little"]
    assert few_patients(1) == ["patients: one, so that there are no intervals"]


def test_difference_is_tested_over_patients():
    generator = np.random.default_rng(4)
    differences, patient = generator.normal(0.05, 0.1, 60), np.repeat(np.arange(12), 5)
    differences[3] = np.nan
    result = paired_difference(differences, patient, Bootstrap(patients=12))
    of_patients = [np.nanmean(differences[patient == index]) for index in range(12)]
    assert result.p == pytest.approx(stats.wilcoxon(of_patients).pvalue)
    assert result.difference == pytest.approx(np.nanmean(differences))
    assert result.low < result.difference < result.high
    assert (result.units, result.patients) == (59, 12)


def test_differences_that_cannot_be_tested():
    assert paired_difference(np.zeros(4), np.arange(4), Bootstrap(patients=4)).p == 1
    alone = paired_difference(np.array([0.1, 0.2]), np.array([0, 0]), Bootstrap(patients=1))
    assert (alone.p, alone.low, alone.units, alone.patients) == (None, None, 2, 1)
    none = paired_difference(np.full(3, np.nan), np.arange(3), Bootstrap(patients=3))
    assert (none.difference, none.p, none.patients) == (None, None, 0)
