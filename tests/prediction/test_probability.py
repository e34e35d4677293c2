"""The way back from a network's output to the pixels of a case."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras.prediction import binarize
from pipelines.grid import SquareGrid
from pipelines.orientation import reorient
from pipelines.probability import PredictedProbability

ODD = SquareGrid(height=45, width=38, size=32)  # the padding is 3 pixels on the left and 4 on the right
WIDE, LARGE, SAME = (
    SquareGrid(height=height, width=width, size=32) for height, width in ((38, 45), (64, 64), (32, 32))
)


def predicted(slices=3, size=32):
    return np.random.default_rng(0).random((slices, size, size), np.float32)


def interpolated(stack, grid):
    """Bilinear interpolation at the centres of a case's pixels; beyond the outermost centres values are constant."""
    side = max(grid.height, grid.width)
    margins = [(side - length) // 2 for length in (grid.height, grid.width)]
    rows, columns = (
        (np.arange(length) + margin + 0.5) * grid.size / side - 0.5
        for length, margin in zip((grid.height, grid.width), margins, strict=True)
    )
    places = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([ndimage.map_coordinates(plane, places, order=1, mode="nearest") for plane in stack])


@pytest.mark.parametrize("grid", [ODD, WIDE, LARGE])
def test_probabilities_are_interpolated_at_the_pixels_of_the_case(grid):
    stack = predicted()
    probability = PredictedProbability(predicted=stack, grid=grid, seen="SPL", orientation="SPL")
    assert len(probability) == 3
    np.testing.assert_allclose(np.stack(list(probability)), interpolated(stack, grid), atol=1e-5)


@pytest.mark.parametrize("orientation", ["SPL", "IPL", "SAR", "IAL", None])
def test_slices_lie_as_those_of_the_case(orientation):
    """Flipped after the padding is gone, which is not the same on both sides."""
    stack = predicted()
    probability = PredictedProbability(predicted=stack, grid=ODD, seen="SPL", orientation=orientation)
    expected = reorient(interpolated(stack, ODD), "SPL", orientation)
    np.testing.assert_allclose(np.stack(list(probability)), expected, atol=1e-5)
    np.testing.assert_allclose(probability[2], expected[2], atol=1e-5)


def test_slices_of_the_size_of_the_network_keep_every_bit():
    stack = predicted()
    probability = PredictedProbability(predicted=stack, grid=SAME, seen=None, orientation="SPL")
    np.testing.assert_array_equal(np.stack(list(probability)), stack)


def test_a_mask_is_where_the_threshold_is_exceeded():
    third = np.float32(1 / 3)  # a little more than 1/3
    mask = binarize(np.array([[[third, np.nextafter(third, np.float32(0))], [0.5, 0.2]]]), 1 / 3)
    np.testing.assert_array_equal(np.asarray(mask), [[[True, False], [True, False]]])
    assert not np.asarray(binarize([np.full((2, 2), 0.5, np.float32)], 0.5)).any()
