import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.bootstrap import Bootstrap, paired_difference
from tests.evaluation.drawn import figures, summarize, summary


def some_cases(count=6):
    generator = np.random.default_rng(1)
    pairs = []
    for _ in range(count):
        reference = generator.random((3, 8, 8)) < 0.3
        pairs.append((reference ^ (generator.random(reference.shape) < generator.uniform(0, 0.4)), reference))
    return pairs


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    one, same = (dict(figures(summary(some_cases(), resamples=200))) for _ in range(2))
    assert one == same
    draws = [Bootstrap(patients=6, seed=seed, resamples=200).interval(np.arange(6), np.ones(6)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_interval_is_that_of_drawing_patients_one_by_one():
    generator = np.random.default_rng(2)
    above, below = generator.random(20) * 5, generator.integers(1, 9, 20)
    low, high = Bootstrap(patients=20, resamples=4000).interval(above, below)
    drawn = generator.integers(0, 20, (4000, 20))
    expected = np.percentile(above[drawn].sum(axis=1) / below[drawn].sum(axis=1), [2.5, 97.5])
    assert (low, high) == pytest.approx(expected, abs=0.02 * (expected[1] - expected[0]) * 5)


def test_patients_are_drawn_and_not_their_slices():
    # Two patients, a hundred slices each, all of one perfect and none of the other: slices would give 0.43 to 0.57.
    full, empty = np.ones((100, 2, 2), bool), np.zeros((100, 2, 2), bool)
    overlap = summary([(full, full), (empty, full)], resamples=200)["overlap"]
    for rule, measures in overlap.items():
        if rule != "batch_flattened":
            assert (measures["iou"]["low"], measures["iou"]["high"]) == (0, 1), rule
            assert measures["iou"]["value"] == 0.5


def test_cases_of_one_patient_are_drawn_together():
    full, empty = np.ones((1, 2, 2), bool), np.zeros((1, 2, 2), bool)
    cases = [
        evaluation.score(full if patient == "a" else empty, full, case=f"{patient}{index}", patient=patient)
        for patient in "ab"
        for index in range(50)
    ]
    result = summarize(cases, resamples=200)
    assert result["patients"] == 2
    figure = result["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]
    assert (figure["value"], figure["units"], figure["low"], figure["high"]) == (0.5, 100, 0, 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 2**32))
def test_interval_of_a_mean_lies_within_the_values(values, seed):
    figure = Bootstrap(patients=len(values), seed=seed, resamples=50).mean(np.array(values), np.arange(len(values)))
    assert figure.value == pytest.approx(np.mean(values))
    assert min(values) - 1e-12 <= figure.low <= figure.high <= max(values) + 1e-12


def test_nine_in_ten_intervals_and_more_hold_the_truth():
    generator = np.random.default_rng(3)
    held = []
    for seed in range(300):
        values = generator.normal(0.7, 0.1, 40)
        figure = Bootstrap(patients=40, seed=seed, resamples=300).mean(values, np.arange(40))
        held.append(figure.low <= 0.7 <= figure.high)
    assert 0.9 < np.mean(held) < 0.98


def test_one_patient_has_no_interval():
    figure = Bootstrap(patients=1).mean(np.array([0.5, 0.7]), np.array([0, 0]))
    assert (figure.value, figure.units, figure.low, figure.high) == (0.6, 2, None, None)
    # Nor has one that counts beside one that does not.
    figure = Bootstrap(patients=2).mean(np.array([0.5, np.nan]), np.array([0, 1]))
    assert (figure.value, figure.low) == (0.5, None)


def test_no_value_without_units():
    figure = Bootstrap(patients=2).mean(np.full(2, np.nan), np.arange(2))
    assert (figure.value, figure.units, figure.low, figure.high) == (None, 0, None, None)


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
