"""Training and evaluation batches as `tf.data` datasets: from NumPy to tf.data to the backend.

Slices are NumPy arrays, in memory or memory-mapped, and never enter TensorFlow's graph. A dataset is a range of step
numbers, and `tf.numpy_function` turns each number into a batch of float32 arrays with NumPy and Pillow, which release
the interpreter's lock: several batches are made at a time, in order, and a few are prefetched while the device trains.
Since a batch depends on nothing but its step, a dataset can start at any step.

Keras takes the batches off the dataset: under JAX and PyTorch it turns each into a NumPy array, without a copy, and
puts that on the device; under TensorFlow the tensors are used as they are. TensorFlow is imported when the first
dataset is made, and kept off the GPU unless it is the backend.
"""

import atexit
import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import DataError
from pipelines.grid import FULL
from pipelines.loading.augmentation import Augmentation, augment
from pipelines.loading.order import sample_keys
from pipelines.loading.sampling import Sampler, Sampling
from pipelines.loading.slices import Slices
from pipelines.optional import optional

if TYPE_CHECKING:
    import tensorflow as tf

_PARALLEL = min(os.cpu_count() or 1, 16)  # batches made at a time; more would only fill memory
_PREFETCHED = 2  # batches: enough to hide the making of one behind a step, and no more memory than that


def training_stream(
    slices: Slices,
    *,
    batch_size: int,
    steps: int,
    seed: int,
    augmentation: Augmentation | None = None,
    sampling: Sampling | None = None,
    hard_negatives: Sequence[int] = (),
    start_step: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "tf.data.Dataset":
    """Streams the batches of the global steps `start_step`..`steps - 1`.

    Each batch is a pure function of its step, the slices, the seed, the sampling and the augmentation: a stream that
    starts at step k yields the bits that an uninterrupted one yields from k on.

    Args:
        slices: the training slices; kept in memory while the stream lives, not copied into the graph.
        batch_size: slices per batch, at most as many as there are.
        steps: global step to stop before.
        seed: random seed, 0..2^64 - 1.
        augmentation: random changes; None for none.
        sampling: how often each slice is drawn; None for once per epoch.
        hard_negatives: indices of slices, see `Sampling`.
        start_step: global step to start at, 0..`steps`.
        shard: index and number of the equal parts of every batch, where several processes share the batches.

    Returns:
        `steps - start_step` pairs: images `(B, H, W, K)` float32 in [0, 1], see `Preprocessing.as_input`; targets
        `(B, H, W, C)` float32, the covered fraction of each pixel. H and W are those of a crop, if there is one. B is
        `batch_size` divided by the number of shards.

    Raises:
        DataError: `batch_size` is not in 1..number of slices, or the slices do not allow the sampling or the
            augmentation.
        ValueError: `start_step` is not in 0..`steps`, or the batch cannot be split into such shards.
    """
    count = len(slices.names)
    if not 1 <= batch_size <= count:
        raise DataError(f"`batch_size` {batch_size}: give 1..{count}; there are {count} training slices")
    if not 0 <= start_step <= steps:
        raise ValueError(f"start_step={start_step} must be in 0..{steps}")
    if augmentation and augmentation.window_level and not slices.preprocessing.shares_window:
        raise DataError(
            f"`window_level` {augmentation.window_level:g}: the slices are grey in an unknown window of HU; state it "
            "by `grey_window`, or use `brightness`"
        )
    sampler = Sampler(slices, sampling or Sampling(), batch_size=batch_size, seed=seed, hard_negatives=hard_negatives)
    places = _places_of_shard(batch_size, shard)

    def make(step: int) -> tuple[np.ndarray, ...]:
        epoch, indices, rounds = sampler.batch(step)
        indices, rounds = indices[places], rounds[places]
        images, masks = slices.gather_images(indices), slices.masks[indices]
        if augmentation not in (None, Augmentation()):
            # A slice drawn again in the same epoch is changed in another way.
            keys = sample_keys(epoch, indices + count * rounds, seed)
            images, masks = augment(images, masks, keys, augmentation, window=slices.preprocessing.window)
        return slices.preprocessing.as_input(images), masks if masks.dtype == np.float32 else _fractions(masks)

    return _to_dataset(make, range(start_step, steps), _batch_shapes(slices, len(places), augmentation))


def evaluation_stream(
    slices: Slices, *, batch_size: int, indices: np.ndarray | None = None, shard: tuple[int, int] = (0, 1)
) -> "tf.data.Dataset":
    """Streams slices once, in order.

    The last batch is filled up at weight 0, so that the network is compiled for one batch size only.

    Args:
        slices: the slices; there may be fewer than `batch_size`.
        batch_size: slices per batch, 1 or more.
        indices: of the slices to stream; None for all.
        shard: index and number of the equal parts of every batch, where several processes share the batches.

    Returns:
        Triples of images `(B, H, W, K)` float32 in [0, 1], targets `(B, H, W, C)` float32, the covered fraction of
        each pixel, and weights `(B,)` float32, 1 for a slice and 0 for padding.

    Raises:
        DataError: there are no slices, or `batch_size` is less than 1.
    """
    chosen = np.arange(len(slices.names)) if indices is None else indices
    count = len(chosen)
    if not count:
        raise DataError("no slices to evaluate on; choose a part of the split that has some")
    if batch_size < 1:
        raise DataError(f"`batch_size` {batch_size}: give 1 or more")
    places = _places_of_shard(batch_size, shard)

    def make(number: int) -> tuple[np.ndarray, ...]:
        positions = number * batch_size + places
        drawn = chosen[np.where(positions < count, positions, 0)]
        images = slices.preprocessing.as_input(slices.gather_images(drawn))
        return images, _fractions(slices.masks[drawn]), (positions < count).astype(np.float32)

    return _to_dataset(make, range(-(-count // batch_size)), (*_batch_shapes(slices, len(places)), (len(places),)))


def _fractions(masks: np.ndarray) -> np.ndarray:
    """uint8 coverage as float32 in [0, 1]."""
    return masks / np.float32(FULL)


def _places_of_shard(batch_size: int, shard: tuple[int, int]) -> np.ndarray:
    index, count = shard
    if not 0 <= index < count or batch_size % count:
        raise ValueError(f"shard={shard}: a batch of {batch_size} has no such part")
    return np.arange(batch_size).reshape(count, -1)[index]


def _batch_shapes(
    slices: Slices, batch_size: int, augmentation: Augmentation | None = None
) -> tuple[tuple[int, ...], ...]:
    crop = augmentation.crop if augmentation else 0
    plane = (crop, crop) if crop else slices.images.shape[1:]
    return (batch_size, *plane, slices.preprocessing.channels), (batch_size, *plane, slices.masks.shape[-1])


def _to_dataset(
    make: Callable[[int], tuple[np.ndarray, ...]], numbers: range, shapes: tuple[tuple[int, ...], ...]
) -> "tf.data.Dataset":
    """A dataset of `make(number)`, which returns float32 arrays of the given shapes, for each number."""
    tf = _import_tensorflow()

    def tracked(number: int) -> tuple[np.ndarray, ...]:
        _busy.add(threading.get_ident())
        try:
            return make(number)
        finally:
            _busy.discard(threading.get_ident())

    def batch(number: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(tracked, [number], [tf.float32] * len(shapes), stateful=False)
        return tuple(tf.ensure_shape(array, shape) for array, shape in zip(arrays, shapes, strict=True))

    dataset = tf.data.Dataset.range(numbers.start, numbers.stop)
    dataset = dataset.map(batch, num_parallel_calls=_PARALLEL, deterministic=True).prefetch(_PREFETCHED)
    # The autotuning thread sleeps for up to a minute at a time, and whoever stops the dataset waits for it to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


_busy: set[int] = set()  # TensorFlow's threads that are running Python


@atexit.register
def _wait_for_batches() -> None:
    """Waits until no batch is being made: a thread that needs the lock of a dying interpreter hangs the process."""
    quiet = 0
    while _busy or quiet < 10:  # between two batches no thread is busy either
        quiet = 0 if _busy else quiet + 1
        time.sleep(0.01)


@functools.cache
def _import_tensorflow() -> ModuleType:
    """TensorFlow, kept off the GPU, whose memory it would otherwise take from the backend."""
    with optional("the data stream"):
        import tensorflow as tf

    if os.environ.get("KERAS_BACKEND") != "tensorflow":
        with contextlib.suppress(RuntimeError):  # it has been initialized already
            tf.config.set_visible_devices([], "GPU")
    return tf
