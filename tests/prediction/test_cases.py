"""Whole cases through networks, in batches that run over their borders."""

import dataclasses
import functools
import pathlib
import pickle
import threading
import time
import types

import keras
import numpy as np
import pytest

from cafct_keras.prediction import CaseInput, Ensemble, Network, predict_cases
from pipelines.case import Case
from pipelines.preprocessing import Preprocessing


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
            masks={},
            slice_names=tuple(f"{number}_{k}" for k in range(length)),
            spacing=(5.0, 0.8, 0.8),
        )


def engine_of(predict):
    return types.SimpleNamespace(stream=functools.partial(map, predict))


def opened(model, *, batch_size=8, size=32, **seen):
    preprocessing = Preprocessing(**{"targets": ("liver", "lesion"), "window": (-200, 250), **seen}, size=size)
    return Network(
        path=pathlib.Path("run"),
        name="run",
        run=None,
        preprocessing=preprocessing,
        engine=engine_of(lambda images: np.asarray(model.predict_on_batch(images))),
        digest="",
        batch_size=batch_size,
    )


def predicted(model, cases, **seen):
    inputs = (CaseInput(case=case, intensity="hu", orientation="SPL") for case in cases)
    return predict_cases(Ensemble([opened(model, **seen)]), inputs, lambda prediction: prediction)


def windowed(images):
    return np.rint((np.clip(images, -200, 250) + 200.0) * 255 / 450).astype("float32") / 255


@pytest.mark.backends
@pytest.mark.parametrize("lengths", [(3, 1, 9, 2), (4,), (8, 8), (1, 1)])
def test_every_slice_gets_its_own_probability(network, lengths):
    found = list(predicted(network, cases(lengths), batch_size=4))
    assert [len(one.case.images) for one in found] == list(lengths)
    for one, case in zip(found, cases(lengths), strict=True):
        expected = network.predict(np.repeat(windowed(case.images)[..., None], 3, axis=-1), verbose=0)
        for channel, target in enumerate(("liver", "lesion")):
            np.testing.assert_allclose(list(one.probability[target]), expected[..., channel], atol=1e-6)
        assert one.case.name == case.name


def test_neighbours_stay_within_their_case(network):
    found = list(predicted(network, cases((3, 2)), context=1))
    for one, case in zip(found, cases((3, 2)), strict=True):
        grey = windowed(case.images)
        count = len(grey)
        for row in range(count):
            around = np.stack([grey[max(row - 1, 0)], grey[row], grey[min(row + 1, count - 1)]], axis=-1)
            expected = network.predict(around[None], verbose=0)[0]
            np.testing.assert_allclose(one.probability["liver"][row], expected[..., 0], atol=1e-6)


@pytest.mark.parametrize("orientation", ["SPL", "IPL"])
def test_neighbours_stay_within_slices_without_a_gap(network, orientation):
    (case,) = cases((5,))
    apart = dataclasses.replace(case, contiguous=False, gaps=np.array([False, True, False, False]))
    (found,) = predicted(network, [apart], context=1, orientation=orientation)
    pieces = [dataclasses.replace(case, images=case.images[part]) for part in (slice(2), slice(2, 5))]
    expected = list(predicted(network, pieces, context=1, orientation=orientation))
    for target in ("liver", "lesion"):
        joined = np.concatenate([list(one.probability[target]) for one in expected])
        np.testing.assert_allclose(list(found.probability[target]), joined, atol=1e-6)


def test_cases_come_as_soon_as_they_are_done(network):
    read = []

    def watched():
        for case in cases((4,) * 20):
            read.append(case.name)
            yield case

    next(predicted(network, watched(), batch_size=4))
    assert len(read) < 8  # the thread is a few cases ahead


def test_a_prediction_that_nobody_wants_any_more_ends_with_its_batch(network):
    computed = threading.Event()
    batches = []

    def slow(images):
        batches.append(len(images))
        computed.set()
        time.sleep(0.05)
        return np.zeros((*images.shape[:3], 2), np.float32)

    one = dataclasses.replace(opened(network, batch_size=2), engine=engine_of(slow))
    found = predict_cases(Ensemble([one]), inputs_of((4, 200)), lambda prediction: prediction.case.name)
    assert next(found) == "case-0"
    while len(batches) < 3:  # the thread predicts the next case meanwhile
        computed.clear()
        computed.wait(5)
    found.close()
    assert len(batches) < 50  # of 100
    # And the same network predicts again.
    assert [each.case.name for each in predict_cases(Ensemble([one]), inputs_of((3,)), lambda each: each)] == ["case-0"]


def inputs_of(lengths):
    return (CaseInput(case=case, intensity="hu", orientation="SPL") for case in cases(lengths))


@pytest.mark.parametrize("orientation", ["SPL", "IAR"])
def test_slices_are_worked_on_while_the_next_are_predicted(orientation):
    """And the first of the case come first, whichever way round the network sees it."""
    read = [threading.Event() for _ in range(12)]
    batches = []

    def engine(images):
        if batches:
            assert read[len(batches) - 1].wait(20), "the slices of the batch before are waited for"
        batches.append(len(images))
        return images[..., :2]

    def work(prediction):
        for index, plane in enumerate(prediction.probability["liver"]):
            read[index // 4].set()
            expected = windowed(prediction.case.images[index])
            np.testing.assert_allclose(plane, expected, atol=1e-6)
        return index

    one = dataclasses.replace(opened(None, batch_size=4, orientation=orientation), engine=engine_of(engine))
    assert list(predict_cases(Ensemble([one]), inputs_of((12,)), work)) == [11]
    assert batches == [4, 4, 4]


def test_an_error_of_the_network_ends_the_work_on_its_slices():
    def engine(images):
        raise MemoryError("too large")

    one = dataclasses.replace(opened(None), engine=engine_of(engine))
    with pytest.raises(MemoryError, match="too large"):
        list(predict_cases(Ensemble([one]), inputs_of((12,)), lambda prediction: prediction.probability["liver"][11]))


def test_an_error_of_the_work_ends_the_network():
    batches = []

    def engine(images):
        batches.append(len(images))
        time.sleep(0.05)
        return images[..., :2]

    def work(prediction):
        raise ValueError("no room")

    one = dataclasses.replace(opened(None, batch_size=2), engine=engine_of(engine))
    with pytest.raises(ValueError, match="no room"):
        list(predict_cases(Ensemble([one]), inputs_of((200,)), work))
    assert len(batches) < 50  # of 100
    assert not one.stopped.is_set()


def test_a_prediction_is_pickled_as_its_values(network):
    (found,) = predicted(network, cases((3,)))
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(np.asarray(again.probability["lesion"]), np.asarray(found.probability["lesion"]))


@pytest.mark.parametrize("lengths", [(3, 1, 9, 2), (40,)])
def test_the_progress_is_that_of_all_cases(network, lengths):
    fractions = []
    one = opened(network, batch_size=4)
    assert len(list(predict_cases(Ensemble([one, one]), inputs_of(lengths), str, on_progress=fractions.append))) == len(
        lengths
    )
    assert sum(fractions) == pytest.approx(len(lengths))
    assert max(fractions) <= 2 * 4 / sum(lengths) * len(lengths)
