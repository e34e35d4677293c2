import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cafct_keras.evaluation.ranking import holm, kendall_tau, ranks


def holm_by_hand(p):
    """The closed test: a hypothesis falls if every set of hypotheses that holds it falls by Bonferroni."""
    return [
        max(
            min(1.0, len(chosen) * min(p[other] for other in chosen))
            for size in range(1, len(p) + 1)
            for chosen in itertools.combinations(range(len(p)), size)
            if index in chosen
        )
        for index in range(len(p))
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.02, 0.04, 0.3, 1.0]), min_size=1, max_size=6))
def test_holm_is_the_closed_test_by_bonferroni(p):
    assert holm(p) == pytest.approx(holm_by_hand(p))


def test_what_cannot_be_tested_is_no_test():
    assert holm([0.02, None, 0.01]) == [0.02, None, 0.02]
    assert holm([None]) == [None]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.3, 0.9]), min_size=2, max_size=6), st.booleans())
def test_a_rank_is_one_more_than_the_number_of_better_methods(means, higher):
    found = ranks(np.array(means), higher_is_better=higher)
    for rank, mean in zip(found, means, strict=True):
        assert rank == 1 + sum(other > mean if higher else other < mean for other in means)


def test_rounding_makes_no_rank():
    assert ranks(np.array([0.3, 0.1 + 0.2]), higher_is_better=True).tolist() == [1, 1]


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_kendall_tau_is_that_of_scipy(methods, seed):
    generator = np.random.default_rng(seed)
    resampled, full = generator.integers(1, methods + 1, (5, methods)), generator.integers(1, methods + 1, methods)
    expected = [stats.kendalltau(each, full).statistic for each in resampled]
    assert kendall_tau(resampled, full) == pytest.approx(expected, nan_ok=True)
