"""From slices to a network's input, and from its output back."""

import itertools
import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from pipelines.errors import DataError
from pipelines.orientation import reorient
from pipelines.preprocessing import INTENSITIES, Preprocessing, neighbours

ORIENTATIONS = ["".join(letters) for letters in itertools.product("SI", "PA", "LR")]
TARGETS = ("liver", "lesion")

preprocessings = st.builds(
    Preprocessing,
    size=st.integers(1, 24),
    window=st.tuples(st.integers(-1000, 0).map(float), st.integers(1, 2000).map(float)),
    context=st.integers(0, 3),
    intensity=st.sampled_from(INTENSITIES),
    orientation=st.none() | st.sampled_from(ORIENTATIONS),
    targets=st.sampled_from([("liver",), ("lesion",), TARGETS]),
)
scans = st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))


def scan(slices, height, width, seed):
    return np.random.default_rng(seed).integers(-1100, 2000, (slices, height, width), np.int16)


@given(preprocessings)
def test_it_survives_json(preprocessing):
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing


@given(
    preprocessings,
    st.sampled_from(["size", "window", "context", "intensity", "orientation", "targets"]),
    st.sampled_from([-1, 10**9, "SPX", "", True, [1, 2, 3], [5, 1], ["vessel"], {}, 1.5, [float("nan"), 1]]),
)
def test_values_that_cannot_be_are_refused(preprocessing, name, value):
    with pytest.raises(DataError) as raised:
        Preprocessing.from_dict({**preprocessing.to_dict(), name: value})
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("values", [[], None, {}, {"size": 32}])
def test_something_else_is_refused(values):
    with pytest.raises(DataError, match="must state context, intensity"):
        Preprocessing.from_dict(values)


@given(preprocessings, scans, st.sampled_from(ORIENTATIONS))
def test_output_comes_back_to_where_the_slices_lie(preprocessing, shape, orientation):
    images = scan(*shape)
    pixels = preprocessing.pixels(images, intensity="hu", orientation=orientation)
    assert (pixels.shape, pixels.dtype) == ((len(images), preprocessing.size, preprocessing.size), np.uint8)
    image = preprocessing.inputs(pixels)
    assert (image.shape, image.dtype) == ((*pixels.shape, preprocessing.channels), np.float32)
    own = image[..., preprocessing.context]
    np.testing.assert_array_equal(np.rint(own * 255), pixels)

    def restored(grid, orientation):
        probability = np.repeat(own[..., None], len(preprocessing.targets), axis=-1)
        found = preprocessing.restore(probability, grid=grid, orientation=orientation)
        assert tuple(found) == preprocessing.targets
        return np.asarray(found[preprocessing.targets[-1]])

    there = restored(preprocessing.grid(images), orientation)
    assert (there.shape, there.dtype) == (images.shape, np.float32)
    if preprocessing.orientation is None or images.shape[1] % 2 != images.shape[2] % 2:
        return  # nothing is flipped; or the padding of a flipped slice is a pixel wider on the other side
    turned = reorient(images, orientation, "SPL")
    np.testing.assert_array_equal(preprocessing.pixels(turned, intensity="hu", orientation="SPL"), pixels)
    np.testing.assert_array_equal(restored(preprocessing.grid(turned), "SPL"), reorient(there, orientation, "SPL"))


@given(scans)
def test_slices_of_the_network_s_size_are_windowed_and_nothing_else(shape):
    slices, size, _, seed = shape
    images = scan(slices, size, size, seed)
    seen = Preprocessing(size=size, window=(-200.0, 250.0), targets=("liver",))
    expected = np.rint((np.clip(images, -200, 250) + np.float32(200)) * np.float32(255) / 450)
    np.testing.assert_array_equal(seen.pixels(images, intensity="hu", orientation="SPL"), expected)
    np.testing.assert_array_equal(seen.pixels(expected.astype(np.uint8), intensity="grey", orientation="SPL"), expected)


def test_slices_are_stretched_for_a_network_that_was_trained_on_stretched_ones():
    images = np.arange(-300, 724, dtype=np.int16).reshape(1, 32, 32)
    seen = Preprocessing(size=32, window=(-200, 250), intensity="minmax", targets=("liver",))
    stretched = seen.pixels(images, intensity="hu", orientation=None)
    np.testing.assert_array_equal(stretched, np.rint((images + 300) * np.float32(255 / 1023)))
    grey = stretched // 2
    np.testing.assert_array_equal(seen.pixels(grey, intensity="grey", orientation=None), grey)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 3))
def test_neighbours_are_of_the_same_case(lengths, context):
    cases = np.repeat(np.arange(len(lengths)), lengths)
    found = neighbours(np.arange(len(cases)), cases, context)
    for index, nearby in enumerate(found.tolist()):
        own = np.flatnonzero(cases == cases[index])
        assert nearby == [min(max(index + k, own[0]), own[-1]) for k in range(-context, context + 1)]
