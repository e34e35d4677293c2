"""Smoothing of probabilities across slices."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from cafct_keras.errors import UserError
from cafct_keras.prediction.cases import CasePrediction
from cafct_keras.prediction.smoothing import check_smoothing, smooth
from pipelines.case import Case
from pipelines.grid import SquareGrid
from pipelines.probability import MeanProbability, PredictedProbability


def prediction(stack, *, gaps=None, contiguous=True, orientation="SPL", seen="SPL"):
    """A prediction whose network saw its slices as they are, in this order or the other."""
    images = np.zeros(stack.shape, np.int16)
    case = Case(
        name="a",
        patient="a",
        split="test",
        images=images,
        masks={},
        slice_names=tuple(map(str, range(len(stack)))),
        contiguous=contiguous and gaps is None,
        gaps=gaps,
    )
    found = PredictedProbability(
        predicted=stack, grid=SquareGrid.of(images, stack.shape[1]), orientation=orientation, seen=seen
    )
    return CasePrediction(case=case, intensity="hu", masks={}, probability={"lesion": found})


def smoothed(stack, sigma, **options):
    return np.asarray(smooth(prediction(stack, **options), {"lesion": sigma}).probability["lesion"])


def reference(stack, sigma):
    log_odds = scipy.special.logit(np.clip(stack.astype(float), 1e-4, 1 - 1e-4))
    radius = int(np.ceil(2 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return scipy.special.expit(scipy.ndimage.convolve1d(log_odds, weights / weights.sum(), axis=0, mode="nearest"))


def random_stack(seed, slices=7):
    return np.random.default_rng(seed).uniform(0.001, 1, (slices, 4, 4)).astype(np.float32)


@given(seed=st.integers(0, 1000), slices=st.integers(1, 9), sigma=st.floats(0.3, 4))
def test_it_is_a_gaussian_of_log_odds(seed, slices, sigma):
    stack = random_stack(seed, slices)
    np.testing.assert_allclose(smoothed(stack, sigma), reference(stack, sigma), atol=1e-5)


def test_what_one_slice_alone_shows_falls_and_what_it_alone_lacks_rises():
    stack = np.full((7, 4, 4), 0.05, np.float32)
    stack[3, 1, 1] = 0.9
    stack[:, 2, 2] = 0.9
    stack[3, 2, 2] = 0.05
    found = smoothed(stack, 1.0)
    assert found[3, 1, 1] < 0.5 < found[3, 2, 2]


def test_runs_of_neighbours_do_not_see_each_other():
    stack = random_stack(0)
    gaps = np.array([False, False, True, False, False, False])
    expected = np.concatenate([reference(stack[:3], 1.0), reference(stack[3:], 1.0)])
    np.testing.assert_allclose(smoothed(stack, 1.0, gaps=gaps), expected, atol=1e-5)


def test_the_order_in_which_the_network_saw_them_does_not_matter():
    stack = random_stack(1)
    gaps = np.array([False, True, False, False, False, False])
    # Predicted in the other order: the case's own first slice is the last of the stack.
    found = smoothed(stack[::-1], 1.0, gaps=gaps, orientation="SPL", seen="IPL")
    np.testing.assert_allclose(found, smoothed(stack, 1.0, gaps=gaps), atol=1e-6)


def test_slices_that_were_not_predicted_stay_so_and_the_slice_itself_stands_for_them():
    stack = random_stack(2)
    stack[:3] = stack[-1] = 0
    found = smoothed(stack, 0.5)
    filled = stack.copy()
    filled[2], filled[-1] = stack[3], stack[-2]
    np.testing.assert_allclose(found[3:-1], reference(filled, 0.5)[3:-1], atol=1e-5)
    assert not found[:3].any()
    assert not found[-1].any()


def test_loose_slices_and_other_targets_are_left_alone():
    stack = random_stack(3)
    np.testing.assert_array_equal(smoothed(stack, 1.0, contiguous=False), stack)
    np.testing.assert_array_equal(smoothed(stack, 0.0), stack)


def test_each_part_of_a_mean_is_smoothed():
    first, second = (prediction(random_stack(seed)) for seed in (4, 5))
    parts = (first.probability["lesion"], second.probability["lesion"])
    mean = MeanProbability(parts=parts, weights=(0.5, 0.5))
    both = CasePrediction(case=first.case, intensity="hu", masks={}, probability={"lesion": mean})
    found = np.asarray(smooth(both, {"lesion": 1.0}).probability["lesion"])
    expected = [reference(np.asarray(part), 1.0) for part in parts]
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-5)


@pytest.mark.parametrize("sigma", [-1, 11, float("nan"), float("inf")])
def test_numbers_that_cannot_be(sigma):
    with pytest.raises(UserError, match="`smooth_slices`"):
        check_smoothing(sigma)
