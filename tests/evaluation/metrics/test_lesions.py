import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cafct_keras.evaluation import match_lesions
from cafct_keras.evaluation.metrics.lesions import stratum
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.measurement.components import label, regions
from tests.evaluation.drawn import SPACING, blobs, stacks, summary

CUBE = np.ones((3, 3, 3))


CONNECTIVITIES = {26: 3, 18: 2, 6: 1}
THRESHOLDS = (0.0, 0.1, 0.3, 0.5, 0.9)


def naive(prediction, reference, neighbours):
    """IoU of each lesion by labelling the prediction anew for each, and the false positives at each threshold."""
    labels, count = ndimage.label(reference, neighbours)
    ious = []
    for index in range(1, count + 1):
        lesion = labels == index
        pieces, _ = ndimage.label(prediction & ~(reference & ~lesion), neighbours)
        own = np.isin(pieces, np.setdiff1d(pieces[lesion], [0]))
        ious.append((own & lesion).sum() / (own | lesion).sum())
    pieces, count = ndimage.label(prediction, neighbours)
    touched = [set(labels[pieces == piece]) - {0} for piece in range(1, count + 1)]
    return ious, [sum(all(ious[each - 1] <= t for each in lesions) for lesions in touched) for t in THRESHOLDS]


@settings(max_examples=80, deadline=None)
@given(st.one_of(blobs(), stacks()), st.sampled_from(list(CONNECTIVITIES)))
def test_lesions_match_as_defined(pair, connectivity):
    scores = match_lesions(*pair, spacing=None, options=ScoreOptions(connectivity=connectivity))
    ious, false_positives = naive(*pair, ndimage.generate_binary_structure(3, CONNECTIVITIES[connectivity]))
    assert sorted(lesion.iou for lesion in scores.lesions) == pytest.approx(sorted(ious))
    assert [len(scores.false_positives(threshold)) for threshold in THRESHOLDS] == false_positives
    assert (scores.unit, scores.units) == ("volume", 1)


@settings(max_examples=50, deadline=None)
@given(st.one_of(blobs(), stacks()))
def test_slices_that_stand_alone_have_lesions_of_their_own(pair):
    scores = match_lesions(*pair, spacing=SPACING, contiguous=False)
    alone = [match_lesions(p[None], g[None], spacing=(1, *SPACING[1:])) for p, g in zip(*pair, strict=True)]
    assert (scores.unit, scores.units) == ("slice", len(pair[0]))
    for name in ("lesions", "components"):
        together, apart = getattr(scores, name), [getattr(each, name) for each in alone]
        assert sorted(each.slice for each in together) == [i for i, found in enumerate(apart) for _ in found]
        by_slice = sorted(together, key=lambda one: one.slice)
        assert [one.voxels for one in by_slice] == [one.voxels for found in apart for one in found]
    assert sorted(one.iou for one in scores.lesions) == pytest.approx(
        sorted(one.iou for each in alone for one in each.lesions)
    )


def line(*spans, length=40):
    """A volume of one row with foreground in these half-open spans."""
    mask = np.zeros((1, 1, length), bool)
    for first, last in spans:
        mask[0, 0, first:last] = True
    return mask


@pytest.mark.parametrize(
    ("predicted", "reference", "ious", "false_positives"),
    [
        pytest.param([(0, 10)], [(0, 10)], [1.0], 0, id="exact"),
        pytest.param([], [(0, 10)], [0.0], 0, id="missed"),
        pytest.param([(20, 25)], [(0, 10)], [0.0], 1, id="elsewhere"),
        pytest.param([(10, 15)], [(0, 10)], [0.0], 1, id="beside: neighbours, but no overlap"),
        pytest.param([(0, 5)], [(0, 10)], [0.5], 0, id="half"),
        pytest.param([(0, 4), (6, 10)], [(0, 10)], [0.8], 0, id="in two pieces"),
        pytest.param([(5, 20)], [(0, 10)], [5 / 20], 0, id="spills over"),
        pytest.param([(0, 22)], [(0, 10), (12, 22)], [10 / 12, 10 / 12], 0, id="two under one prediction"),
        pytest.param([(0, 14)], [(0, 10), (12, 22)], [10 / 12, 2 / 12], 0, id="one and a bit of its neighbour"),
    ],
)
def test_matches_by_hand(predicted, reference, ious, false_positives):
    scores = match_lesions(line(*predicted), line(*reference), spacing=None)
    assert [lesion.iou for lesion in scores.lesions] == pytest.approx(ious)
    assert len(scores.false_positives()) == false_positives


def test_an_iou_of_the_threshold_is_not_enough():
    (half,) = match_lesions(line((0, 5)), line((0, 10)), spacing=None).lesions
    assert half.found()
    assert not half.found(0.5)
    (missed,) = match_lesions(line(), line((0, 10)), spacing=None).lesions
    assert not missed.found()


@settings(max_examples=80, deadline=None)
@given(blobs(), st.data())
def test_no_lesion_is_found_because_another_is_missed(pair, data):
    prediction, reference = pair
    labels, count = ndimage.label(reference, CUBE)
    if count:
        missed = data.draw(st.integers(1, count))
        before = match_lesions(prediction, reference, spacing=None)
        after = match_lesions(prediction & (labels != missed), reference, spacing=None)
        centroid = ndimage.center_of_mass(reference, labels, missed)
        for one, other in zip(before.lesions, after.lesions, strict=True):
            assert one.box == other.box
            assert other.iou == (0 if one.centroid == pytest.approx(centroid) else one.iou)
        assert len(after.false_positives()) >= len(before.false_positives())


def test_lesions_are_measured_and_placed():
    reference = np.zeros((6, 10, 12), bool)
    reference[1:3, 2:6, 3:5] = True
    reference[2, 6, 3] = True
    false = np.zeros_like(reference)
    false[5, 9, 10:12] = True
    scores = match_lesions(reference | false, reference, spacing=(2.0, 0.5, 0.5))
    (lesion,), (spurious,) = scores.lesions, scores.false_positives()
    assert (lesion.voxels, lesion.size, lesion.slice) == (17, 8.5, 2)
    assert lesion.diameter == pytest.approx((6 * 8.5 / math.pi) ** (1 / 3))
    assert lesion.box == ((1, 3), (2, 7), (3, 5))
    assert lesion.centroid == pytest.approx(np.argwhere(reference).mean(axis=0))
    assert (spurious.box, spurious.slice) == (((5, 6), (9, 10), (10, 12)), 5)
    assert lesion.iou == 1
    (flat,) = match_lesions(false, false, spacing=(2.0, 0.5, 0.5), contiguous=False).lesions
    assert flat.size == 0.5
    assert flat.diameter == pytest.approx(2 * math.sqrt(0.5 / math.pi))
    (unknown,) = match_lesions(false, false, spacing=None).lesions
    assert (unknown.voxels, unknown.size, unknown.diameter) == (2, None, None)


def test_strata_meet_in_the_middle_one():
    names = [stratum(diameter) for diameter in (9.99, 10, 20, 20.01)]
    assert names == ["under_10_mm", "10_to_20_mm", "10_to_20_mm", "over_20_mm"]


def test_summary_counts_lesions_of_all_cases_together():
    pairs = [
        (line((0, 10), (30, 31)), line((0, 10), (12, 20))),  # one of two found, a false positive
        (line((0, 5)), line((0, 10))),  # found by half
        (line((3, 4), (6, 7)), line()),  # two more false positives
    ]
    lesions = summary(pairs, spacing=(1.0, 1.0, 1.0))["lesions"]
    assert (lesions["lesions"], lesions["components"], lesions["units"]) == (3, 5, 3)
    for name, found, false in (("iou_over_0", 2, 3), ("iou_over_0.1", 2, 3), ("iou_over_0.5", 1, 4)):
        scores = lesions["detection"][name]
        assert scores["false_positives"] == false
        assert scores["false_positives_per_unit"]["value"] == pytest.approx(false / 3)
        assert scores["recall"]["value"] == pytest.approx(found / 3)
        assert scores["precision"]["value"] == pytest.approx(found / (found + false))
        assert scores["f1"]["value"] == pytest.approx(2 * found / (3 + found + false))
        assert scores["f1"]["units"] == scores["recall"]["units"] == 3
        assert scores["recall_by_diameter"]["under_10_mm"]["units"] == 3
        assert scores["recall_by_diameter"]["over_20_mm"]["value"] is None
    assert summary(pairs, spacing=None)["lesions"]["detection"]["iou_over_0"]["recall_by_diameter"] is None


def test_a_hit_that_finds_no_lesion_is_a_false_positive():
    starts = range(0, 1000, 100)
    reference = line(*((start, start + 99) for start in starts), length=1000)
    # One lesion is found whole; the components on the other nine have an IoU of 1 / 99.
    prediction = line((0, 99), *((start, start + 1) for start in starts if start), length=1000)
    found = summary([(prediction, reference)], spacing=(1.0, 1.0, 1.0))["lesions"]["detection"]
    assert found["iou_over_0"]["precision"]["value"] == found["iou_over_0"]["recall"]["value"] == 1
    assert found["iou_over_0.5"]["false_positives"] == 9
    assert found["iou_over_0.5"]["precision"]["value"] == pytest.approx(0.1)


@settings(max_examples=50, deadline=None)
@given(blobs(), st.booleans(), st.sampled_from(list(CONNECTIVITIES)))
def test_predicting_everything_is_scored_without_a_mask_of_everything(pair, contiguous, connectivity):
    _, reference = pair
    options = {"contiguous": contiguous, "options": ScoreOptions(connectivity=connectivity)}
    pieces = label(~reference, contiguous=contiguous, connectivity=connectivity)[1]
    assume(pieces == (1 if contiguous else len(reference)))
    everything = match_lesions(np.ones_like(reference), reference, spacing=None, **options).overlaps()
    scores = match_lesions(np.zeros_like(reference), reference, spacing=None, **options)
    for name, values in vars(scores.overlaps_of_everything()).items():
        assert values == pytest.approx(getattr(everything, name)), name


def at(place, shape=(7, 19, 18)):
    mask = np.zeros(shape, bool)
    mask[place] = True
    return mask


@settings(max_examples=30, deadline=None)
@given(blobs(shape=(7, 19, 18)), st.booleans())
@example((at((3, 3, 3)), at((4, 4, 4))), True)  # neighbours over the corner of eight blocks
@example((at((0, 3, 3)), at((0, 4, 4))), False)
def test_regions_part_no_component(pair, contiguous):
    whole = [np.zeros_like(mask) for mask in pair]
    total = 0
    for start, parts in regions(*pair, contiguous=contiguous):
        box = tuple(slice(low, low + size) for low, size in zip(start, parts[0].shape, strict=True))
        for mask, part in zip(whole, parts, strict=True):
            assert not (mask[box] & part).any()
            mask[box] |= part
        total += label(parts[0] | parts[1], contiguous=contiguous)[1]
    assert all(np.array_equal(*each) for each in zip(whole, pair, strict=True))
    assert total == label(pair[0] | pair[1], contiguous=contiguous)[1]
