import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.loading.augmentation import Augmentation, augment
from pipelines.loading.order import batch_indices, sample_keys
from pipelines.loading.sampling import Sampler, Sampling
from pipelines.loading.slices import Slices
from pipelines.preprocessing import Preprocessing

pytest.importorskip("tensorflow")
from pipelines.loading.stream import evaluation_stream, training_stream

EVERYTHING = Augmentation(
    flip=True, quarter_turns=True, rotation=20.0, scale=0.1, shift=0.1, brightness=0.1, contrast=0.1, noise=0.05
)


def slices(count=11, shape=(16, 24), channels=2, context=0):
    rng = np.random.default_rng(0)
    return Slices(
        images=rng.integers(0, 256, (count, *shape), np.uint8),
        masks=rng.integers(0, 2, (count, *shape, channels), np.uint8) * np.uint8(255),
        names=tuple(f"s{number}" for number in range(count)),
        patients=("p",) * count,
        cases=np.arange(count) // 4,
        preprocessing=Preprocessing(
            size=max(shape), window=(-200, 250), context=context, targets=("liver", "lesion")[:channels]
        ),
    )


def batches(stream):
    return [tuple(part.numpy() for part in batch) for batch in stream]


def test_training_batches_are_the_slices_of_their_steps():
    data = slices()
    stream = training_stream(data, batch_size=3, steps=7, seed=5)
    assert stream.cardinality().numpy() == 7
    got = batches(stream)
    assert len(got) == 7
    for step, (images, targets) in enumerate(got):
        _, indices = batch_indices(step, count=11, batch_size=3, seed=5)
        assert images.dtype == targets.dtype == np.float32
        assert images.shape == (3, 16, 24, 3)
        for channel in range(3):
            assert np.array_equal(np.rint(images[..., channel] * 255), data.images[indices])
        assert np.array_equal(targets * 255, data.masks[indices])
        assert np.array_equal(Sampler(data, Sampling(), batch_size=3, seed=5).batch(step)[1], indices)
    assert max(images.max() for images, _ in got) == 1


def test_static_shapes_are_known():
    images, targets = training_stream(slices(), batch_size=3, steps=7, seed=5).element_spec
    assert images.shape == (3, 16, 24, 3)
    assert targets.shape == (3, 16, 24, 2)
    assert [spec.shape for spec in evaluation_stream(slices(), batch_size=4).element_spec] == [
        (4, 16, 24, 3),
        (4, 16, 24, 2),
        (4,),
    ]


@pytest.mark.parametrize("start", [1, 4, 9])
def test_resuming_gives_the_same_bits(start):
    options = {"batch_size": 3, "steps": 10, "seed": 2, "augmentation": EVERYTHING}
    whole = batches(training_stream(slices(shape=(32, 32)), **options))
    rest = batches(training_stream(slices(shape=(32, 32)), start_step=start, **options))
    assert len(rest) == 10 - start
    for expected, got in zip(whole[start:], rest, strict=True):
        assert [part.tobytes() for part in expected] == [part.tobytes() for part in got]
    # Not because every batch is the same one.
    assert len({images.tobytes() for images, _ in whole}) == 10


# Two epochs of an augmented stream, from a step on, with so many threads; prints a digest of every batch.
ELSEWHERE = """
import hashlib, sys
start, threads = map(int, sys.argv[1:])
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
from tests.pipelines.loading.test_stream import two_epochs
options = tf.data.Options()
options.threading.private_threadpool_size = threads
options.autotune.enabled = threads > 1
for batch in two_epochs(start).with_options(options).as_numpy_iterator():
    print(hashlib.sha256(b"".join(part.tobytes() for part in batch)).hexdigest())
"""


def two_epochs(start_step=0):
    data = slices(12, shape=(32, 32))
    sampling = {"seed": 2, "augmentation": EVERYTHING, "sampling": Sampling(foreground_fraction=0.5)}
    data.masks[:7, ..., -1] = 0
    return training_stream(data, batch_size=3, steps=8, start_step=start_step, **sampling)


@pytest.mark.parametrize(("start", "threads"), [(0, 1), (5, 4)])
def test_other_processes_with_other_threads_give_the_same_bits_from_any_step_on(start, threads):
    command = [sys.executable, "-c", ELSEWHERE, str(start), str(threads)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    here = [hashlib.sha256(b"".join(part.tobytes() for part in batch)).hexdigest() for batch in batches(two_epochs())]
    assert len(set(here)) == 8
    assert answer.stdout.split() == here[start:]


@pytest.mark.parametrize("threads", [1, 5])
def test_the_number_of_threads_changes_nothing(threads):
    import tensorflow as tf

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = threads
    for expected, got in zip(batches(two_epochs()), batches(two_epochs().with_options(options)), strict=True):
        assert [part.tobytes() for part in expected] == [part.tobytes() for part in got]


def test_seed_changes_order_and_augmentation():
    one, other = (
        batches(training_stream(slices(1), batch_size=1, steps=3, seed=seed, augmentation=EVERYTHING))
        for seed in (0, 1)
    )
    images = {images.tobytes() for images, _ in one + other}
    assert len(images) == 6  # one slice: each epoch and seed augments it in its own way


@pytest.mark.parametrize("options", [Augmentation(flip=True, quarter_turns=True), EVERYTHING])
def test_a_slice_is_augmented_by_its_own_key_wherever_it_stands(options):
    data = slices(shape=(32, 32))
    for step, (images, targets) in enumerate(
        batches(training_stream(data, batch_size=4, steps=5, seed=3, augmentation=options))
    ):
        epoch, indices = batch_indices(step, count=11, batch_size=4, seed=3)
        keys = sample_keys(epoch, indices, 3)
        for row, index in enumerate(indices):
            alone = slice(index, index + 1)
            expected = augment(data.images[alone][..., None], data.masks[alone], keys[row : row + 1], options)
            assert np.array_equal(images[row][..., :1], expected[0][0])
            assert np.array_equal(targets[row], expected[1][0])


def test_augmented_values_stay_in_range():
    for images, targets in batches(training_stream(slices(), batch_size=11, steps=2, seed=0, augmentation=EVERYTHING)):
        assert 0 <= images.min() <= images.max() <= 1
        assert np.array_equal(images[..., 0], images[..., 2])
        assert 0 == targets.min() < targets.max() <= 1


def test_stream_ends_at_once_when_all_steps_are_done():
    assert batches(training_stream(slices(), batch_size=3, steps=4, seed=0, start_step=4)) == []


def test_start_beyond_the_end():
    with pytest.raises(ValueError, match=r"0\.\.4"):
        training_stream(slices(), batch_size=3, steps=4, seed=0, start_step=5)


@pytest.mark.parametrize("batch_size", [0, 12])
def test_training_batch_size_is_refused_by_its_option(batch_size):
    with pytest.raises(DataError, match=rf"^`batch_size` {batch_size}: .*11 training slices"):
        training_stream(slices(), batch_size=batch_size, steps=4, seed=0)


@pytest.mark.parametrize(("count", "batch_size"), [(11, 4), (8, 4), (2, 5)])
def test_evaluation_shows_every_slice_once_and_weighs_filling_zero(count, batch_size):
    data = slices(count)
    got = batches(evaluation_stream(data, batch_size=batch_size))
    images, targets, weights = (np.concatenate(part) for part in zip(*got, strict=True))
    assert len(images) == len(weights) == -(-count // batch_size) * batch_size
    assert weights.tolist() == [1.0] * count + [0.0] * (len(weights) - count)
    assert weights.dtype == images.dtype == targets.dtype == np.float32
    assert np.array_equal(np.rint(images[:count, ..., 1] * 255), data.images)
    assert np.array_equal(targets[:count] * 255, data.masks)
    assert all(np.array_equal(target * 255, data.masks[0]) for target in targets[count:])


def test_nothing_to_evaluate():
    with pytest.raises(DataError, match="no slices"):
        evaluation_stream(slices(0), batch_size=4)
    with pytest.raises(DataError, match=r"^`batch_size` 0"):
        evaluation_stream(slices(), batch_size=0)


def test_arrays_are_not_in_the_graph():
    import tensorflow as tf

    stream = training_stream(slices(200, (64, 64)), batch_size=3, steps=7, seed=5, augmentation=EVERYTHING)
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=stream._variant_tensor, external_state_policy=0)
    assert 1000 < len(graph.numpy()) < 200_000


@pytest.mark.parametrize(("backend", "hidden"), [("jax", True), ("tensorflow", False)])
def test_gpus_are_hidden_unless_tensorflow_trains(backend, hidden, monkeypatch):
    import tensorflow as tf

    from pipelines.loading import stream

    calls = []
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *arguments: calls.append(arguments))
    stream._import_tensorflow.cache_clear()
    evaluation_stream(slices(), batch_size=4)
    stream._import_tensorflow.cache_clear()
    assert calls == ([([], "GPU")] if hidden else [])


def test_importing_the_package_leaves_tensorflow_out():
    code = (
        "import sys, pipelines, pipelines.loading.slices, pipelines.loading.order, pipelines.loading.augmentation; "
        "import pipelines.loading.stream, "
        "pipelines.layouts.paired_folder.reader; "
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch', 'cafct_keras'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_neighbours_come_as_channels_and_stay_within_their_case():
    data = slices(context=2)
    (images, _, weights), *_ = batches(evaluation_stream(data, batch_size=11))
    assert images.shape == (11, 16, 24, data.preprocessing.channels) == (11, 16, 24, 5)
    assert weights.all()
    # Cases are 0..3, 4..7 and 8..10; beyond an end the end is repeated.
    expected = {0: [0, 0, 0, 1, 2], 3: [1, 2, 3, 3, 3], 5: [4, 4, 5, 6, 7], 10: [8, 9, 10, 10, 10]}
    for index, neighbours in expected.items():
        for channel, neighbour in enumerate(neighbours):
            assert np.array_equal(np.rint(images[index, ..., channel] * 255), data.images[neighbour])


def test_neighbours_are_turned_and_flipped_together():
    data = slices(shape=(16, 16), context=1)
    data.images[:] = data.images[:1]
    stream = training_stream(data, batch_size=4, steps=3, seed=0, augmentation=Augmentation(flip=True, rotation=20))
    for images, _ in batches(stream):
        assert np.array_equal(images[..., 0], images[..., 2])


def test_foreground_is_sampled_and_a_slice_that_returns_is_changed_anew():
    data = slices(count=12, channels=1)
    data.masks[2:] = 0
    options = {"batch_size": 4, "seed": 3, "sampling": Sampling(foreground_fraction=0.5)}
    for images, targets in batches(training_stream(data, steps=6, **options)):
        assert images.shape == (4, 16, 24, 3)
        assert targets.any(axis=(1, 2, 3)).sum() == 2
    noisy = training_stream(data, steps=3, **options, augmentation=Augmentation(noise=0.1))
    seen = [image[..., 0].tobytes() for images, _ in batches(noisy) for image in images]
    assert len(set(seen)) == len(seen)


def test_the_window_moves_in_its_own_hounsfield_units():
    """Half of the window that the slices were made with, not of another one."""
    data = dataclasses.replace(
        slices(), preprocessing=Preprocessing(size=24, window=(-1, 1), targets=("liver", "lesion"))
    )
    data.images[:] = 128
    stream = training_stream(data, batch_size=10, steps=1, seed=0, augmentation=Augmentation(window_level=0.5))
    moved = batches(stream)[0][0][:, 0, 0, 0] - 128 / 255
    assert 0.15 < np.abs(moved).max() <= 0.25 + 1e-6
    unknown = {"intensity": "grey", "window_known": False}
    grey = dataclasses.replace(data, preprocessing=dataclasses.replace(data.preprocessing, **unknown))
    with pytest.raises(DataError, match=r"`window_level` 0\.5: the slices are grey in an unknown window"):
        training_stream(grey, batch_size=10, steps=1, seed=0, augmentation=Augmentation(window_level=0.5))


def test_some_slices_are_evaluated_among_all_their_neighbours():
    data = slices(context=1)
    chosen = np.array([3, 9, 4])
    images, targets, weights = zip(*batches(evaluation_stream(data, batch_size=2, indices=chosen)), strict=True)
    assert np.concatenate(weights).tolist() == [1, 1, 1, 0]
    assert np.array_equal(np.rint(np.concatenate(images)[:3] * 255), data.gather_images(chosen))
    assert np.array_equal(np.concatenate(targets)[:3] * 255, data.masks[chosen])
