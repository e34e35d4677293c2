import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cafct_keras.evaluation.metrics.signed_rank import signed_rank_p


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([-0.3, -0.2, -0.1, 0.0, 0.1, 0.1, 0.2, 0.4]), min_size=1, max_size=8))
def test_p_is_that_of_all_signs(differences):
    """Every sign of every difference is as likely: those whose sum of ranks is as far out are counted one by one."""
    kept = np.array([each for each in differences if each])
    ranks = stats.rankdata(np.abs(kept))
    found = ranks[kept > 0].sum()
    sums = np.array([np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(kept))])
    tails = [np.mean(sums <= found + 1e-9), np.mean(sums >= found - 1e-9)]
    assert signed_rank_p(np.array(differences)) == pytest.approx(min(1, 2 * min(tails)))


@pytest.mark.parametrize("count", [5, 20, 50, 51, 300])
def test_without_ties_p_is_that_of_scipy(count):
    differences = np.random.default_rng(count).normal(0.3, 1, count)
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_rounding_makes_no_difference():
    assert signed_rank_p(np.array([0.1 + 0.2 - 0.3, 0.5, 0.5])) == signed_rank_p(np.array([0.5, 0.5]))
    assert signed_rank_p(np.array([1e-17, 0.0])) == 1
