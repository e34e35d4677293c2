"""What must hold whatever the masks: no error pays, the two sides are alike, and empty slices weigh nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cafct_keras import evaluation
from tests.evaluation.drawn import SPACING, blobs, figures, higher_is_better, sets, summary

CUBE = np.ones((3, 3, 3))
PER_VOLUME = ("per_case_lits", "per_case_nnunet", "per_case_positive", "pooled")


def assert_no_better(before, after, *, within=None, without=()):
    """No figure improved. A figure that had no value before has nothing to improve on.

    Surfaces' `both`, over cases that show the target in both masks, leaves misses out, so that they can improve it.
    """
    after = dict(figures(after))
    for path, figure in figures(before):
        if (within is not None and path[0] not in within) or set(path) & {"sq", *without}:
            continue  # "sq" is a mean over pairs, and tells nothing of what has no partner
        was, now = figure["value"], after[path]["value"]
        if was is not None and now is not None:
            assert (now <= was + 1e-12) if higher_is_better(path) else (now >= was - 1e-12), (path, was, now)
        # A unit that counted may not stop to count because of a mistake, unless a ratio lost its last prediction.
        assert now is not None or was is None or path[-1] == "precision", path


volumes = st.lists(blobs(shape=(3, 8, 9)), min_size=1, max_size=3)


@settings(max_examples=35, deadline=None)
@given(volumes, st.data())
def test_missing_a_lesion_improves_nothing(pairs, data):
    index = data.draw(st.integers(0, len(pairs) - 1))
    prediction, reference = pairs[index]
    labels, count = ndimage.label(reference, CUBE)
    if count:
        lesion = labels == data.draw(st.integers(1, count))
        missed = prediction & ~lesion
        worse = [*pairs[:index], (missed, reference), *pairs[index + 1 :]]
        # What does not find the lesion at a threshold is a false positive there, which a miss is not. One component
        # that covers two lesions fits one of them better without the other, where pairs are formed.
        box = tuple((int(held.min()), int(held.max()) + 1) for held in np.nonzero(lesion))
        scores = evaluation.match_lesions(prediction, reference, spacing=None).lesions
        iou = min(one.iou for one in scores if one.box == box)
        unfound = [f"iou_over_{threshold:g}" for threshold in (0.0, 0.1, 0.5) if not iou > threshold]
        assert_no_better(summary(pairs), summary(worse), within=("overlap", "lesions"), without=("panoptic", *unfound))
        # Surfaces: where nothing is left of the prediction, and where it was right.
        nothing = [*pairs[:index], (np.zeros_like(reference), reference), *pairs[index + 1 :]]
        assert_no_better(summary(pairs)["surface"], summary(nothing)["surface"], without=("both",))
        perfect = [*pairs[:index], (reference, reference), *pairs[index + 1 :]]
        partly = [*pairs[:index], (reference & missed, reference), *pairs[index + 1 :]]
        assert_no_better(summary(perfect), summary(partly), without=("both",))


@settings(max_examples=35, deadline=None)
@given(volumes, st.data())
def test_a_false_positive_improves_nothing(pairs, data):
    index = data.draw(st.integers(0, len(pairs) - 1))
    prediction, reference = pairs[index]
    free = np.argwhere(~ndimage.binary_dilation(prediction | reference, CUBE))
    if len(free):
        spurious = prediction.copy()
        spurious[tuple(data.draw(st.sampled_from(free.tolist())))] = True
        worse = [*pairs[:index], (spurious, reference), *pairs[index + 1 :]]
        assert_no_better(summary(pairs), summary(worse), within=("overlap", "lesions"))
        # Surfaces: where there is nothing, and where the prediction was right.
        for good in (np.zeros_like(reference), reference):
            right = [*pairs[:index], (good, good), *pairs[index + 1 :]]
            wrong = [*pairs[:index], (good | spurious, good), *pairs[index + 1 :]]
            assert_no_better(summary(right), summary(wrong), without=("both",))


@settings(max_examples=50, deadline=None)
@given(sets(), st.data())
def test_any_wrong_pixel_lowers_no_overlap_rule(pairs, data):
    index = data.draw(st.integers(0, len(pairs) - 1))
    prediction, reference = pairs[index]
    right = np.argwhere(prediction == reference)
    if len(right):
        wrong = prediction.copy()
        wrong[tuple(data.draw(st.sampled_from(right.tolist())))] ^= True
        worse = [*pairs[:index], (wrong, reference), *pairs[index + 1 :]]
        before, after = (dict(figures(summary(each)["overlap"])) for each in (pairs, worse))
        for path, figure in before.items():
            if path[-1] in ("dice", "iou") and figure["value"] is not None:
                assert after[path]["value"] <= figure["value"] + 1e-12, path


def test_a_spurious_case_cannot_hide_behind_a_missed_one():
    # Were the empty case left out, its diagonal would lower a mean that only holds a longer one.
    large, small = np.zeros((8, 40, 40), bool), np.zeros((2, 4, 4), bool)
    lesion, spot = large.copy(), small.copy()
    lesion[3, 9, 9] = spot[1, 1, 1] = True
    before, after = ([(large, lesion), (each, small)] for each in (small, spot))
    assert_no_better(summary(before), summary(after), without=("both",))


@settings(max_examples=50, deadline=None)
@given(sets(most_cases=3), st.sampled_from([SPACING, None]))
def test_swapping_the_sides_changes_no_symmetrical_score(pairs, spacing):
    there, back = (summary(each, spacing=spacing) for each in (pairs, [(g, p) for p, g in pairs]))
    for rule in evaluation.RULES:
        one_sided = rule.endswith("positive")
        if not one_sided:
            for measure in ("dice", "iou"):
                assert there["overlap"][rule][measure]["value"] == back["overlap"][rule][measure]["value"]
            if "precision" in there["overlap"][rule]:
                assert there["overlap"][rule]["precision"]["value"] == back["overlap"][rule]["recall"]["value"]
    for name, figure in there["surface"]["all"].items():
        assert figure["value"] == pytest.approx(back["surface"]["all"][name]["value"])
    assert there["surface"]["missed"] == back["surface"]["spurious"]


@settings(max_examples=50, deadline=None)
@given(sets(most_cases=3), st.booleans(), st.integers(0, 2))
def test_an_empty_slice_changes_no_score_of_a_volume(pairs, first, index):
    index = min(index, len(pairs) - 1)
    empty = np.zeros((1, *pairs[index][0].shape[1:]), bool)
    longer = list(pairs)
    longer[index] = tuple(np.concatenate([empty, mask] if first else [mask, empty]) for mask in pairs[index])
    before, after = summary(pairs), summary(longer)
    for rule in PER_VOLUME:
        for measure, figure in before["overlap"][rule].items():
            now = after["overlap"][rule][measure]
            ignored = {"units": None, "predict_everything": None}
            assert now | ignored == figure | ignored, rule
    for (path, figure), (_, now) in zip(figures(before["lesions"]), figures(after["lesions"]), strict=True):
        assert now | {"predict_everything": None} == figure | {"predict_everything": None}, path
    assert after["volume_ml"] == before["volume_ml"]
    # The diagonal that stands for a missing distance is the volume's, and the volume is longer.
    if not before["surface"]["missed"] + before["surface"]["spurious"]:
        for rule in ("all", "positive", "both"):
            for name, figure in before["surface"][rule].items():
                assert after["surface"][rule][name]["value"] == pytest.approx(figure["value"])
    for name in ("missed", "spurious", "both_empty"):
        assert after["surface"][name] == before["surface"][name]


@settings(max_examples=50, deadline=None)
@given(sets(most_cases=3), st.sampled_from([SPACING, None]))
def test_a_perfect_prediction_scores_perfectly(pairs, spacing):
    result = summary([(reference, reference) for _, reference in pairs], spacing=spacing)
    for path, figure in figures(result):
        assert figure["value"] in (None, 1.0 if higher_is_better(path) else 0.0), path
