"""Images, masks and probabilities lie in the same place after resizing, and come back to where they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from pipelines.grid import SquareGrid, covered

# Native height and width, and the network's size.
RATIOS = [
    (512, 512, 256),
    (512, 512, 128),
    (256, 256, 128),
    (384, 384, 256),
    (512, 512, 384),
    (128, 128, 256),
    (301, 257, 128),
    (513, 511, 256),
    (97, 97, 256),
    (60, 100, 33),
    (64, 64, 64),
]


def grid(height, width, size):
    return SquareGrid(height=height, width=width, size=size)


def centroid(stack):
    """Row and column, in pixels from the upper left corner, of the mass of `(N, H, W)`."""
    mass = stack.sum(axis=0, dtype=float)
    return np.array(
        [(mass.sum(axis=1 - axis) * (np.arange(mass.shape[axis]) + 0.5)).sum() / mass.sum() for axis in (0, 1)]
    )


def in_native(place, transform):
    """A place in the network's grid in native pixels."""
    padding = (max(transform.height, transform.width) - np.array([transform.height, transform.width])) // 2
    return place * transform.step - padding


def discs(height, width, *, count=6, radius=8.0):
    """`(count, height, width)` bool: discs at random places between the pixels."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((height, width)) + 0.5
    places = rng.uniform(radius + 6, np.array([height, width]) - radius - 6, (count, 2))
    return np.stack([np.hypot(rows - row, columns - column) < radius for row, column in places])


@pytest.mark.parametrize(("height", "width", "size"), RATIOS)
def test_dots_stay_where_they_are(height, width, size):
    transform = grid(height, width, size)
    for disc in discs(height, width):
        place = centroid(disc[None])
        pixel = max(transform.step, 1)  # the larger of the two
        coverage = transform.coverage(disc[None])
        for moved in (
            in_native(centroid(transform.images(disc[None] * np.uint8(200), outside=0)), transform),
            in_native(centroid(coverage), transform),
            centroid(transform.restore(coverage / np.float32(255))),
        ):
            assert np.abs(moved - place).max() / pixel < 0.05
        # Thresholds lose what is between the pixels, but lean to no side: see below.
        assert np.abs(in_native(centroid(covered(coverage)), transform) - place).max() / pixel < 0.5


@pytest.mark.parametrize(("height", "width", "size"), RATIOS)
def test_masks_thresholded_at_half_the_area_lean_to_no_side(height, width, size):
    transform, tile = grid(height, width, size), 24
    # As many discs as have room, each at another place between the pixels: their shifts cancel, unless there is a bias.
    mask, rng = np.zeros((1, height, width), bool), np.random.default_rng(0)
    for top in range(0, height - tile + 1, tile):
        for left in range(0, width - tile + 1, tile):
            row, column = rng.uniform(tile / 2 - 2, tile / 2 + 2, 2)
            rows, columns = np.indices((tile, tile)) + 0.5
            mask[0, top : top + tile, left : left + tile] = np.hypot(rows - row, columns - column) < 7

    def centroids(plane, rows, columns):
        """Of every disc, from the native places of rows and columns."""
        tiles = (rows // tile)[:, None] * 1000 + columns // tile + 1
        labels = np.unique(tiles[plane])
        places = np.transpose(ndimage.center_of_mass(plane, tiles, labels))
        pairs = zip(places, (rows, columns), strict=True)
        return labels, np.stack([np.interp(place, range(len(at)), at) for place, at in pairs])

    native = np.arange(height) + 0.5, np.arange(width) + 0.5
    hard = covered(transform.coverage(mask))
    squares = (in_native(np.arange(size)[:, None] + 0.5, transform)[:, axis] for axis in (0, 1))
    names, here = centroids(mask[0], *native)
    for found, there in (centroids(hard[0], *squares), centroids(transform.restore(hard)[0] > 0.5, *native)):
        assert np.array_equal(found, names)
        assert np.abs((there - here).mean(axis=1)).max() / max(transform.step, 1) < 0.05 + 0.2 / np.sqrt(len(names))
    # At two to one, pixels covered by exactly a half are many, and they count.
    assert abs(hard.sum() * transform.step**2 / mask.sum() - 1) < 0.1


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_one_pixel_is_seen_wherever_it_lies(factor):
    # By nearest neighbour it is seen on one of so many rows and columns.
    size = 6
    transform = grid(factor * size, factor * size, size)
    pixels = np.eye((factor * size) ** 2, dtype=bool).reshape(-1, factor * size, factor * size)
    coverage = transform.coverage(pixels)
    assert (coverage.sum(axis=(1, 2)) == int(255 / factor**2 + 0.5)).all()
    assert np.array_equal(coverage.any(axis=0), np.ones((size, size)))


@given(arrays(bool, (2, 12, 12)), st.sampled_from([1, 2, 3, 4, 6, 12]))
def test_integer_reductions_are_means(masks, factor):
    size = 12 // factor
    means = masks.reshape(2, size, factor, size, factor).mean(axis=(2, 4))
    coverage = grid(12, 12, size).coverage(masks)
    assert coverage.dtype == np.uint8
    assert np.array_equal(coverage, np.floor(means * 255 + 0.5 + 1e-9))
    assert np.array_equal(covered(coverage), means >= 0.5)
    if factor == 1:
        assert np.array_equal(covered(coverage), masks)


@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_area_is_kept_at_any_ratio(height, width, size, seed):
    transform = grid(height, width, size)
    mask = np.random.default_rng(seed).random((1, height, width)) < 0.5
    coverage = transform.coverage(mask)
    assert coverage.sum() / 255 * transform.step**2 == pytest.approx(mask.sum(), abs=transform.step**2 * size**2 / 500)
    # A map of coverage is reduced as the mask is that it came from.
    assert np.array_equal(transform.coverage(mask.view(np.uint8) * np.uint8(255)), coverage)
    restored = transform.restore(coverage / np.float32(255))
    assert restored.shape == mask.shape
    assert 0 <= restored.min() <= restored.max() <= 1
    assert np.array_equal(transform.restore(np.ones((1, size, size), bool)), np.ones(mask.shape, np.float32))


def test_equal_size_changes_nothing():
    transform, image = grid(16, 16, 16), np.arange(256, dtype=np.int16).reshape(1, 16, 16)
    assert transform.images(image, outside=0) is image
    assert np.array_equal(transform.coverage(image > 100), (image > 100) * 255)
    assert np.array_equal(transform.restore(image / np.float32(255)), image / np.float32(255))
    assert transform.spacing((5.0, 0.7, 0.8)) == (5.0, 0.7, 0.8)


def test_spacing_follows_the_padded_side():
    assert grid(512, 400, 256).spacing((2.5, 0.7, 0.7)) == (2.5, 1.4, 1.4)
    assert grid(100, 128, 256).spacing((2.5, 0.5, 1.0)) == (2.5, 0.25, 0.5)
    assert grid(100, 128, 256).spacing(None) is None


@pytest.mark.parametrize(("height", "width"), [(100, 64), (64, 100), (101, 64)])
def test_padding_is_cropped_on_the_way_back(height, width):
    transform = grid(height, width, 50)
    stack = np.zeros((2, height, width), np.uint8)
    stack[:, height // 4 : -height // 4, width // 4 : -width // 4] = 200
    back = transform.restore(transform.images(stack, outside=0).astype(np.float32))
    assert back.shape == stack.shape
    assert ((back > 100) != (stack > 100)).mean() < 0.03
