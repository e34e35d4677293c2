import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation.report.gallery import CASES, NEAR_MEDIAN, OF_ONE_CASE, STRUCTURES, Gallery

SHAPE = (3, 24, 24)


def boxes(*places):
    mask = np.zeros(SHAPE, bool)
    for slice_, row, column, side in places:
        mask[slice_, row : row + side, column : column + side] = True
    return mask


def offered(gallery, name, prediction, reference, image=None, target="lesion"):
    masks = {target: prediction}, {target: reference}
    gallery.offer(evaluation.score(*masks, case=name, spacing=(5, 1, 1)), *masks, image)


def of_kind(gallery, kind):
    return [picture for picture in gallery.pictures() if picture.kind == kind]


def test_a_case_is_shown_where_it_fails():
    gallery = Gallery()
    reference = boxes((0, 2, 2, 6), (1, 2, 2, 6), (2, 2, 2, 6))
    prediction = boxes((0, 2, 2, 6), (1, 2, 2, 3), (2, 2, 2, 5))
    images = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
    offered(gallery, "a", prediction, reference, images.__getitem__)
    (picture,) = gallery.pictures()
    assert (picture.kind, picture.case, picture.slice_name, picture.target) == ("worst", "a", "1", "lesion")
    assert np.array_equal(picture.reference, reference[1])
    assert np.array_equal(picture.prediction, prediction[1])
    assert np.array_equal(picture.image, images[1])
    assert picture.caption == "Dice 0.787, rank 1 of 1, worst first"
    assert not np.shares_memory(picture.reference, reference)


@pytest.mark.parametrize("order", ["as they come", "rising", "falling"])
def test_the_worst_and_the_middling(order):
    sides = np.random.default_rng(0).permutation(np.arange(1, 24)) if order == "as they come" else np.arange(1, 24)
    gallery = Gallery()
    for side in sides[::-1] if order == "falling" else sides:
        offered(gallery, f"side {side}", boxes((0, 0, 0, side)), boxes((0, 0, 0, 23)), target="liver")
    worst = of_kind(gallery, "worst")
    assert [picture.case for picture in worst] == ["side 1", "side 2", "side 3", "side 4"]
    assert worst[1].caption.endswith(", rank 2 of 23, worst first")
    median = [int(picture.case.removeprefix("side ")) for picture in of_kind(gallery, "median")]
    assert len(median) == CASES
    assert median == sorted(median)
    # Cases in the order of their scores are the worst that can come: their median was seen long ago.
    assert set(median) <= set(range(8, 17))
    if order == "as they come":
        assert 12 in median


def test_no_case_is_worst_and_middling():
    gallery = Gallery()
    for side in (5, 9):
        offered(gallery, f"side {side}", boxes((0, 0, 0, side)), boxes((0, 0, 0, 12)))
    assert [(picture.kind, picture.case) for picture in gallery.pictures() if picture.kind in ("worst", "median")] == [
        ("worst", "side 5"),
        ("median", "side 9"),
    ]


def test_false_positives_and_missed_lesions():
    gallery = Gallery()
    for number in range(20):
        reference = boxes((0, 0, 0, 4), (2, 12, 12, 1 + number % 5))
        prediction = boxes((0, 0, 0, 4), (1, 10, 0, 1 + number // 4), (1, 10, 10, 2), (1, 20, 20, 1))
        offered(gallery, f"case {number}", prediction, reference)
    spurious, missed = of_kind(gallery, "false_positive"), of_kind(gallery, "missed_lesion")
    assert len(spurious) == len(missed) == STRUCTURES
    assert {picture.case for picture in spurious[:4]} == {f"case {number}" for number in range(16, 20)}
    assert max(sum(one.case == other.case for one in spurious) for other in spurious) <= OF_ONE_CASE
    assert {picture.slice_name for picture in spurious} == {"1"}
    assert {picture.slice_name for picture in missed} == {"2"}
    assert missed[0].caption == "25 pixels, 6 mm across"
    assert spurious[0].prediction[10, 0]


def test_few_pictures_are_kept():
    gallery = Gallery()
    generator = np.random.default_rng(1)
    for number in range(60):
        pair = (generator.random(SHAPE) < 0.05 for _ in range(2))
        offered(gallery, f"case {number}", *pair)
    (shelf,) = gallery._shelves.values()
    kept = len(shelf._worst.kept) + len(shelf._median) + sum(len(best.kept) for best in shelf._structures.values())
    assert kept <= CASES + NEAR_MEDIAN + 2 * STRUCTURES
    assert len(gallery.pictures()) == 2 * CASES + 2 * STRUCTURES


def test_cases_without_anything_are_passed_over():
    gallery = Gallery()
    offered(gallery, "empty", boxes(), boxes())
    assert gallery.pictures() == []
