import numpy as np
import pytest

from cafct_keras.errors import UserError
from cafct_keras.evaluation import Calibration
from cafct_keras.evaluation.tuning import SMALLEST_LESIONS, PostProcessingChoice, ThresholdChoice
from cafct_keras.postprocessing import PostProcessing

KNOWN = {"spacing": (5.0, 1.0, 1.0), "contiguous": True}


def calibration(low, high, *, shown=True, size=8):
    """Of a slice whose target lies between two probabilities."""
    truth = np.zeros((1, size, size), bool)
    truth[0, : size // 2] = shown
    gathered = Calibration()
    gathered.add(np.where(truth, high, low), truth)
    return gathered


def best_threshold(*cases):
    choice = ThresholdChoice(list(cases[0]))
    for case in cases:
        choice.add(case)
    return choice.best()


def test_one_threshold_suits_all_targets():
    assert best_threshold({"lesion": calibration(0.2, 0.301)}) == 0.3
    assert best_threshold({"liver": calibration(0.2, 0.401), "lesion": calibration(0.3, 0.9)}) == 0.4
    # A target that validation does not show says nothing.
    assert best_threshold({"liver": calibration(0.8, 1, shown=False), "lesion": calibration(0.2, 0.301)}) == 0.3


def test_every_case_counts_as_much_in_the_threshold():
    """Two small cases that a threshold of 0.6 finds outweigh a large one with a background of 0.7."""
    large, small = calibration(0.7, 0.9, size=64), calibration(0.1, 0.65)
    assert best_threshold({"lesion": large}, {"lesion": small}, {"lesion": small}) < 0.65
    assert best_threshold({"lesion": large}) >= 0.7


def test_nothing_is_chosen_on_cases_without_the_lesion():
    with pytest.raises(UserError, match="`threshold` auto: no validation case shows lesion"):
        best_threshold({"liver": calibration(0.2, 0.3), "lesion": calibration(0.2, 0.3, shown=False)})
    choice = PostProcessingChoice(["liver", "lesion"])
    nothing = np.zeros((2, 12, 12), bool)
    choice.add({"liver": liver(), "lesion": liver()}, {"liver": liver(), "lesion": nothing}, **KNOWN)
    with pytest.raises(UserError, match="`postprocess` auto: no validation case shows lesion"):
        choice.best()


def liver(*specks):
    mask = np.zeros((2, 12, 12), bool)
    mask[:, :6, :6] = True
    for place in specks:
        mask[place] = True
    return mask


def test_the_steps_that_help_are_chosen_and_no_more():
    choice = PostProcessingChoice(["liver"])
    choice.add({"liver": liver()}, {"liver": liver()}, **KNOWN)
    assert choice.best() == PostProcessing()
    choice.add({"liver": liver((0, 9, 9))}, {"liver": liver()}, **KNOWN)
    assert choice.best() == PostProcessing(largest_liver=True)


def test_sizes_are_tried_for_lesions():
    def lesion(length):
        mask = np.zeros((2, 12, 12), bool)
        mask[0, 0, :length] = True
        return mask

    # 6 voxels of 5 mm^3 are a lesion, 4 are none.
    choice = PostProcessingChoice(["lesion"])
    choice.add({"lesion": lesion(6)}, {"lesion": lesion(6)}, **KNOWN)
    choice.add({"lesion": lesion(4)}, {"lesion": lesion(0)}, **KNOWN)
    assert choice.best() == PostProcessing(smallest_lesion=30.0, unit="mm3")
    assert 30.0 in SMALLEST_LESIONS


def test_lesions_outside_the_liver():
    lesion = np.zeros((2, 12, 12), bool)
    lesion[:, 2:5, 2:5] = True
    spurious = lesion.copy()
    spurious[:, 8:, 8:] = True
    choice = PostProcessingChoice(["liver", "lesion"])
    choice.add({"liver": liver(), "lesion": spurious}, {"liver": liver(), "lesion": lesion}, **KNOWN)
    # As large as the lesion, so size does not tell it.
    assert choice.best() == PostProcessing(lesions_inside_liver=True)
