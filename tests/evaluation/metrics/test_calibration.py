import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafct_keras.errors import UserError
from cafct_keras.evaluation import Calibration
from tests.evaluation.drawn import summary


def drawn(seed, slices=4, shape=(9, 8)):
    generator = np.random.default_rng(seed)
    truth = generator.random((slices, *shape)) < np.array([0, 0.05, 0.3, 0.6])[:slices, None, None]
    probability = np.clip(generator.normal(0.25 + 0.4 * truth, 0.25), 0, 1).astype(np.float32)
    return probability, truth


def gathered(*pairs, bins=1000):
    calibration = Calibration(bins=bins)
    for pair in pairs:
        calibration.add(*pair)
    return calibration


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1000, 50]))
def test_sweep_scores_what_thresholding_would(seed, bins):
    probability, truth = drawn(seed)
    sweep = gathered((probability, truth), bins=bins).sweep()
    assert len(sweep.thresholds) == bins - 1
    for index in np.linspace(0, bins - 2, 12).astype(int):
        overlap = summary([(probability.astype(float) > sweep.thresholds[index], truth)], resamples=1)["overlap"]
        for name, rule, measure in (
            ("per_slice_positive_dice", "per_slice_positive", "dice"),
            ("pooled_dice", "pooled", "dice"),
            ("pooled_iou", "pooled", "iou"),
        ):
            assert getattr(sweep, name)[index] == pytest.approx(overlap[rule][measure]["value"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_probability_on_a_threshold_does_not_exceed_it(dtype):
    # Every threshold of the sweep as a probability of its own, and the numbers next to it.
    edges = (np.arange(1, 1000) / 1000).astype(dtype)
    near = [np.nextafter(edges, np.array(side, dtype)) for side in (0, 1)]
    probability = np.concatenate([[0], edges, *near, [1]]).astype(dtype).reshape(1, 1, -1)
    sweep = gathered((probability, np.ones_like(probability, bool))).sweep()
    above = np.array([(probability.astype(float) > threshold).sum() for threshold in sweep.thresholds])
    assert np.array_equal(np.rint(sweep.pooled_iou * probability.size), above)


def test_reliability_is_what_pixels_say():
    probability, truth = drawn(4)
    reliability = gathered((probability, truth)).reliability(5)
    group = np.minimum((probability * 5 - 1e-6).astype(int).clip(0), 4)
    error = 0
    for index in range(5):
        inside = group == index
        assert reliability.pixels[index] == inside.sum()
        assert reliability.confidence[index] == pytest.approx(probability[inside].mean(), abs=1e-6)
        assert reliability.frequency[index] == pytest.approx(truth[inside].mean())
        error += abs(probability[inside].sum(dtype=float) - truth[inside].sum())
    assert reliability.expected_error == pytest.approx(error / truth.size, abs=1e-6)


def test_calibrated_probabilities_have_no_error_and_others_have():
    generator = np.random.default_rng(5)
    probability = generator.random((20, 64, 64))
    truth = generator.random(probability.shape) < probability
    assert gathered((probability, truth)).reliability().expected_error < 0.01
    assert gathered((np.sqrt(probability), truth)).reliability().expected_error > 0.1


def test_parts_gather_to_the_whole():
    probability, truth = drawn(6)
    whole = gathered((probability, truth))
    parts = gathered(*zip(probability, truth, strict=True))
    assert np.array_equal(whole.sweep().pooled_dice, parts.sweep().pooled_dice)
    assert np.allclose(whole.sweep().per_slice_positive_dice, parts.sweep().per_slice_positive_dice)
    assert np.allclose(whole.reliability().confidence, parts.reliability().confidence, equal_nan=True)


def test_best_threshold_is_the_highest_and_nearest_to_the_middle():
    truth = np.zeros((1, 4, 4), bool)
    truth[0, :2] = True
    # All between 0.2 and 0.3 separates; 0.3 lies nearest to 0.5 and is not exceeded by 0.3.
    sweep = gathered((np.where(truth, 0.301, 0.2), truth)).sweep()
    assert sweep.best_threshold() == sweep.best_threshold("pooled_iou") == 0.3
    assert gathered((np.where(truth, 0.9, 0.1), truth)).sweep().best_threshold("pooled_dice") == 0.5
    with pytest.raises(UserError, match="per_slice_positive_dice, pooled_dice, pooled_iou"):
        sweep.best_threshold("dice")


def test_without_foreground_there_is_nothing_to_choose():
    calibration = gathered((np.zeros((2, 3, 3)), np.zeros((2, 3, 3), bool)))
    assert calibration.sweep().best_threshold() is None
    assert calibration.sweep().best_threshold("pooled_dice") is None
    assert calibration.reliability().expected_error == 0
    assert Calibration().reliability().expected_error is None


@pytest.mark.parametrize("odd", [np.nan, 1.5, -0.1])
def test_what_is_no_probability(odd):
    with pytest.raises(UserError, match="after the sigmoid"):
        Calibration().add(np.full((1, 2, 2), odd), np.zeros((1, 2, 2), bool))


def test_shapes_and_groups_that_do_not_fit():
    with pytest.raises(UserError, match="one map"):
        Calibration().add(np.zeros((1, 2, 2)), np.zeros((1, 2, 3), bool))
    with pytest.raises(UserError, match="groups=7"):
        Calibration().reliability(7)
