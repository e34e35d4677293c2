import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.intensity import apply_window, change_window, rescale_slices


def test_a_window_maps_its_ends_to_0_and_255_and_clips_the_rest():
    images = np.array([[[-3000, -201, -200, -199, 25, 249, 250, 251, 3000]]], np.int16)
    grey = apply_window(images, (-200.0, 250.0))
    assert grey.dtype == np.uint8
    assert grey.tolist() == [[[0, 0, 0, 1, 128, 254, 255, 255, 255]]]


@given(st.integers(-300, 0), st.integers(50, 400))
def test_another_window_of_grey_slices_is_that_of_the_scan_to_their_own_rounding(low, high):
    scan = np.arange(-400, 500, dtype=np.int16).reshape(1, 30, 30)
    wide, wanted = (-400.0, 500.0), (float(low), float(high))
    changed = change_window(apply_window(scan, wide), wide, wanted)
    assert changed.dtype == np.uint8
    step = 900 / (high - low)  # grey values of the wanted window per grey value of the wide one
    assert np.abs(changed.astype(int) - apply_window(scan, wanted)).max() <= step / 2 + 1
    assert change_window(changed, wanted, wanted) is changed


@given(st.lists(st.integers(-3024, 3071), min_size=6, max_size=6), st.integers(-500, 500))
def test_rescaled_slices_use_all_levels_whatever_their_offset(values, shift):
    slices = np.array([values, [5] * 6], np.int16).reshape(2, 2, 3)
    grey = rescale_slices(slices)
    assert (grey.shape, grey.dtype) == (slices.shape, np.uint8)
    assert not grey[1].any()
    assert np.array_equal(rescale_slices(slices + np.int16(shift)), grey)
    if len(set(values)) > 1:
        assert (grey[0].min(), grey[0].max()) == (0, 255)
        order = np.argsort(values, kind="stable")
        assert (np.diff(grey[0].ravel()[order].astype(int)) >= 0).all()
