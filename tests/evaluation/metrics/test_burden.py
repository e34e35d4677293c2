import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.burden import bland_altman, tumour_burden
from tests.evaluation.drawn import summarize


def boxes(liver, lesion, shape=(2, 10, 10)):
    """Masks with this many voxels; lesions lie at the front of the liver."""
    masks = {}
    for name, voxels in (("liver", liver), ("lesion", lesion)):
        masks[name] = np.zeros(shape, bool)
        masks[name].flat[:voxels] = True
    return masks


def test_burden_is_the_share_of_the_liver():
    burden = tumour_burden(boxes(100, 20), boxes(100, 25))
    assert (burden.predicted, burden.reference) == (0.2, 0.25)
    assert burden.error == pytest.approx(-0.05)


def test_the_liver_includes_its_tumours():
    masks = boxes(100, 20)
    hollow = {**masks, "liver": masks["liver"] & ~masks["lesion"]}
    assert tumour_burden(hollow, masks).error == 0


def test_a_missed_liver_is_the_worst_error_and_no_liver_none():
    assert tumour_burden(boxes(0, 0), boxes(100, 0)).error == 1
    assert tumour_burden(boxes(50, 1), boxes(0, 0)).error is None


def test_summary_of_burdens():
    truths = [boxes(100, 20), boxes(100, 40), boxes(50, 0), boxes(0, 0), boxes(80, 8)]
    guesses = [boxes(100, 10), boxes(100, 50), boxes(0, 0), boxes(10, 0), boxes(80, 8)]
    cases = [
        evaluation.score(guess, truth, case=f"{index}", spacing=(2.0, 5.0, 5.0))
        for index, (guess, truth) in enumerate(zip(guesses, truths, strict=True))
    ]
    result = summarize(cases, resamples=10)
    burden = result["burden"]
    assert (burden["absolute_error"]["units"], burden["cases"], burden["missed_livers"]) == (4, 3, 1)
    assert burden["absolute_error"]["value"] == pytest.approx((0.1 + 0.1 + 1 + 0) / 4)
    assert burden["absolute_error"]["predict_nothing"] == 1
    assert burden["bias"] == pytest.approx(0, abs=1e-12)
    assert [point["reference"] for point in burden["points"]] == [0.2, 0.4, 0, 0.1]
    volume = result["targets"]["liver"]["volume_ml"]
    assert volume["absolute_error"]["value"] == pytest.approx((50 + 10) * 0.05 / 5)
    assert volume["absolute_error"]["predict_nothing"] == pytest.approx((100 + 100 + 50 + 80) * 0.05 / 5)
    assert result["targets"]["liver"]["lesions"] is None


def test_burden_needs_both_targets():
    case = evaluation.score(boxes(9, 0)["liver"], boxes(9, 0)["liver"], case="a", target="liver")
    assert case.burden is None
    assert summarize([case])["burden"] is None


def test_limits_of_agreement():
    reference = np.array([10.0, 20.0, 30.0, 40.0])
    result = bland_altman(reference + np.array([1, 2, 3, 6]), reference)
    spread = 1.96 * np.std([1, 2, 3, 6], ddof=1)
    assert vars(result) == pytest.approx({"cases": 4, "bias": 3, "lower": 3 - spread, "upper": 3 + spread})
    assert vars(bland_altman(np.array([2.0]), np.array([1.0]))) == {
        "cases": 1,
        "bias": 1.0,
        "lower": None,
        "upper": None,
    }
    assert bland_altman(np.array([]), np.array([])).bias is None
