import itertools

import numpy as np
import pytest

from cafct_keras.pages.pictures import SMALLEST_SIDE
from tests.prediction.page.views import SPACING, arrays, boxes, view

ORIENTATIONS = ["".join(codes) for codes in itertools.product("SI", "PA", "LR")]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_looks_the_same(orientation):
    _, masks = arrays()
    shown = boxes(orientation)
    order = range(9) if orientation[0] == "S" else range(8, -1, -1)
    assert shown.from_feet == (orientation[0] == "S")
    for index, original in zip(range(9), order, strict=True):
        grey = shown.grey(index)
        assert grey.dtype == np.uint8
        assert np.array_equal(grey, boxes().grey(original))
        assert (np.diff(grey.astype(int), axis=0) >= 0).all()  # the back, which is brighter, is below
        assert (np.diff(grey.astype(int), axis=1) >= 0).all()  # the left side is at the right
        for target, mask in masks.items():
            assert np.array_equal(shown.mask(target, index), mask[original])
    assert np.array_equal(shown.coronal_grey(12)[::-1], np.stack([boxes().grey(index)[12] for index in range(9)]))
    assert np.array_equal(shown.coronal_mask("lesion", 12)[::-1], masks["lesion"][:, 12])
    assert shown.box() == boxes().box()
    assert shown.sides == {"top": "A", "right": "L", "bottom": "P", "left": "R"}
    row, column = (place if seen == code else size - 1 - place for place, size, seen, code in
                   zip((12, 13), (40, 52), "PL", orientation[1:], strict=True))  # fmt: skip
    assert shown.around(row, column, 2) == boxes().around(12, 13, 2)


def test_slices_of_unknown_orientation_are_left_alone():
    images, masks = arrays()
    shown = view(images[:, ::-1], masks, orientation=None)
    assert np.array_equal(shown.grey(3), boxes().grey(3)[::-1])
    assert np.array_equal(shown.mask("liver", 3), masks["liver"][3])
    assert shown.sides == {}


def test_hounsfield_units_are_windowed_and_grey_is_not():
    images, masks = arrays()
    images[0, 0, :3] = -1000, 40, 3000
    assert view(images, masks).grey(0)[0, :3].tolist() == [0, 128, 255]
    grey = np.uint8(images % 256)
    assert np.array_equal(view(grey, masks).grey(0), grey[0])


def test_what_is_no_volume():
    images, masks = arrays()
    assert view(images, masks).is_volume
    assert not view(images, masks, spacing=None).is_volume
    assert not view(images, masks, contiguous=False).is_volume
    assert not view(images[:1], {"liver": masks["liver"][:1]}).is_volume
    assert view(images, masks, spacing=(5, 2, 1)).stretch == 2
    assert view(images, masks, spacing=SPACING).stretch == 1


def test_the_box_holds_all_masks():
    top, left, height, width = boxes().box()
    assert top <= 6
    assert left <= 4
    assert top + height >= 30
    assert left + width >= 34
    assert height <= min(SMALLEST_SIDE, 40)
    images, masks = arrays()
    assert view(images, {"liver": np.zeros_like(masks["liver"])}).box() is None
