import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from cafct_keras.pages.pictures import outlines, path_data


def box(shape, top, left, bottom, right):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_outlines_run_along_the_edges_of_pixels():
    (loop,) = outlines(box((30, 40), 10, 20, 13, 25))
    # Corners are cut by half a pixel.
    assert loop.min(axis=0).tolist() == [20, 10]
    assert loop.max(axis=0).tolist() == [25, 13]
    assert len(loop) == 8
    assert outlines(np.zeros((30, 40), bool)) == []
    assert path_data(np.zeros((30, 40), bool)) == ""


def test_an_outline_closes_at_the_edge_of_the_slice_and_around_holes():
    mask = box((20, 20), 0, 0, 20, 20)
    mask[5:8, 5:8] = False
    assert len(outlines(mask)) == path_data(mask).count("z") == 2


def enclosed(path, shape):
    """The pixels whose centers a path of `path_data` encloses, filled by the even-odd rule as browsers do."""
    scale, filled, at = 10, np.zeros(np.multiply(shape, 10), bool), np.zeros(2)
    for part in path.split("z")[:-1]:
        assert part[0] == "m"
        loop = at + np.array(re.findall(r"-?\d+", part), float).reshape(-1, 2).cumsum(axis=0) / 2
        picture = Image.new("1", filled.shape[::-1])
        ImageDraw.Draw(picture).polygon([tuple(corner) for corner in (loop * scale).tolist()], fill=1)
        filled ^= np.asarray(picture)
        at = loop[0]
    return filled[scale // 2 :: scale, scale // 2 :: scale]


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_a_path_encloses_the_mask(mask):
    assert np.array_equal(enclosed(path_data(mask), mask.shape), mask)
