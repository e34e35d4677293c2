"""Whole cases through a network, in batches that run over their borders."""

import keras
import numpy as np
import pytest

from cafct_keras.prediction import GRIDS, NetworkView, case_input, predict_cases
from pipelines.case import Case

VIEW = NetworkView(targets=("liver", "lesion"), size=32, window=(-200, 250))


@pytest.fixture(scope="module")
def network():
    """Two targets from three channels, every pixel by itself, so that a slice's place in a batch could show."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(
        inputs, keras.layers.Conv2D(2, 1, activation="sigmoid", kernel_initializer="random_normal")(inputs)
    )


def cases(lengths, shape=(32, 32)):
    rng = np.random.default_rng(0)
    for number, length in enumerate(lengths):
        images = rng.integers(-300, 400, (length, *shape), np.int16)
        yield Case(
            name=f"case-{number}",
            patient=f"case-{number}",
            split="test",
            images=images,
            masks={"liver": images > 50, "lesion": images > 200},
            slice_names=tuple(f"{number}_{k}" for k in range(length)),
            spacing=(5.0, 0.8, 0.8),
        )


def predicted(network, cases, *, grid="native", context=0, batch_size=8):
    inputs = (case_input(case, VIEW, grid=grid) for case in cases)
    return predict_cases(network, inputs, context=context, batch_size=batch_size)


def windowed(images):
    return np.rint((np.clip(images, -200, 250) + 200.0) * 255 / 450).astype("float32") / 255


@pytest.mark.backends
@pytest.mark.parametrize("lengths", [(3, 1, 9, 2), (4,), (8, 8), (1, 1)])
def test_every_slice_gets_its_own_probability(network, lengths):
    found = list(predicted(network, cases(lengths), batch_size=4))
    assert [len(one.images) for one in found] == list(lengths)
    for one, case in zip(found, cases(lengths), strict=True):
        expected = network.predict(np.repeat(windowed(case.images)[..., None], 3, axis=-1), verbose=0)
        for channel, target in enumerate(("liver", "lesion")):
            np.testing.assert_allclose(list(one.probability[target]), expected[..., channel], atol=1e-6)
            np.testing.assert_array_equal(np.asarray(one.masks[target]), case.masks[target])
        assert one.name == case.name
        assert one.spacing == case.spacing


def test_neighbours_stay_within_their_case(network):
    found = list(predicted(network, cases((3, 2)), context=1))
    for one, case in zip(found, cases((3, 2)), strict=True):
        grey = windowed(case.images)
        count = len(grey)
        for row in range(count):
            around = np.stack([grey[max(row - 1, 0)], grey[row], grey[min(row + 1, count - 1)]], axis=-1)
            expected = network.predict(around[None], verbose=0)[0]
            np.testing.assert_allclose(one.probability["liver"][row], expected[..., 0], atol=1e-6)


def test_cases_come_as_soon_as_they_are_done(network):
    read = []

    def watched():
        for case in cases((4, 4, 4)):
            read.append(case.name)
            yield case

    next(predicted(network, watched(), batch_size=4))
    assert read == ["case-0"]


def test_a_case_comes_back_on_its_own_pixels_or_on_those_of_the_network(network):
    (case,) = cases((2,), shape=(64, 48))
    native, resized = (next(predicted(network, cases((2,), shape=(64, 48)), grid=grid)) for grid in GRIDS)
    assert native.spacing == case.spacing
    np.testing.assert_array_equal(native.images, case.images)
    np.testing.assert_array_equal(np.asarray(native.masks["lesion"]), case.masks["lesion"])
    assert native.probability["liver"][1].shape == (64, 48)
    assert resized.spacing == pytest.approx((5.0, 1.6, 1.6))  # filled up to 64x64 first
    assert resized.images.shape == resized.masks["lesion"].shape == (2, 32, 32)
    assert resized.images.dtype == np.uint8
    # A pixel of the network is foreground where two of its four are.
    square = np.pad(case.masks["lesion"], ((0, 0), (0, 0), (8, 8))).reshape(2, 32, 2, 32, 2)
    np.testing.assert_array_equal(np.asarray(resized.masks["lesion"]), square.sum(axis=(2, 4)) >= 2)
    np.testing.assert_array_equal(resized.probability["liver"][1], native.probability["liver"].predicted[1])
