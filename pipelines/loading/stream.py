"""Batches for training and evaluation, as `tf.data` datasets over slices in memory."""

import atexit
import contextlib
import functools
import os
import threading
import time

import numpy as np

from pipelines.errors import DataError
from pipelines.loading.augment import augment
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.order import batch_indices, sample_keys, sampled_batch
from pipelines.loading.slices import Slices, network_images

_MADE_AT_ONCE = min(os.cpu_count() or 1, 16)  # batches; more would only fill memory
_PREFETCHED = 2  # batches: enough to hide one batch's making behind one step, and no more memory than that


def training_stream(
    slices: Slices,
    *,
    batch_size: int,
    steps: int,
    seed: int,
    augmentation: Augmentation | None = None,
    foreground_fraction: float | None = None,
    start_step: int = 0,
    share: tuple[int, int] = (0, 1),
):
    """Streams the global steps `start_step`..`steps` - 1.

    Each batch is a pure function of the slices, the seed, the augmentation and its step: a stream that starts at
    step k gives the bits that an uninterrupted one gives from k on.

    Args:
        slices: the training slices; kept in memory while the stream lives, never copied into the graph.
        batch_size: slices in a batch, at most as many as there are.
        steps: global step to stop before.
        seed: 0..2^64 - 1.
        augmentation: random changes; None for none.
        foreground_fraction: share of slices that show the (last) target, see `sampled_batch`; None for as they come.
        start_step: global step to start at, 0..`steps`.
        share: which of how many equal parts of every batch is streamed, where processes share the batches.

    Returns:
        `tf.data.Dataset` of `steps - start_step` pairs: images `(B, H, W, K)` float32 in 0..1, grey three times or
        the slice among its neighbours; targets `(B, H, W, C)` float32, 0 or 1. B is the part's share of `batch_size`.

    Raises:
        DataError: `batch_size` is not in 1..number of slices, or `foreground_fraction` cannot be had.
        ValueError: `start_step` is not in 0..`steps`, or the batch has no such part.
    """
    count = len(slices.names)
    if not 1 <= batch_size <= count:
        raise DataError(f"--batch-size {batch_size}: give 1..{count}; there are {count} training slices")
    if not 0 <= start_step <= steps:
        raise ValueError(f"start_step={start_step} must be in 0..{steps}")
    draw = _drawing(slices, batch_size=batch_size, seed=seed, foreground_fraction=foreground_fraction)
    part = _part(batch_size, share)

    def make(step):
        epoch, indices, rounds = draw(step)
        indices, rounds = indices[part], rounds[part]
        images, masks = slices.gather_images(indices), slices.masks[indices]
        if augmentation not in (None, Augmentation()):
            # A slice that comes again in an epoch is changed in another way.
            keys = sample_keys(epoch, indices + count * rounds, seed)
            images, masks = augment(images, masks, keys, augmentation)
        return network_images(images, context=slices.context), masks.astype(np.float32, copy=False)

    return _stream(make, range(start_step, steps), _batch_shapes(slices, len(part)))


def evaluation_stream(slices: Slices, *, batch_size: int, share: tuple[int, int] = (0, 1)):
    """Streams every slice once, in order.

    The last batch is filled up with slice 0 at weight 0, so that the network is compiled for one batch size only.

    Args:
        slices: the slices; there may be fewer than `batch_size`.
        batch_size: slices in a batch, 1 or more.
        share: which of how many equal parts of every batch is streamed, where processes share the batches.

    Returns:
        `tf.data.Dataset` of images `(B, H, W, K)` float32 in 0..1, targets `(B, H, W, C)` float32, 0 or 1, and
        weights `(B,)` float32, 1 for a slice and 0 for filling.

    Raises:
        DataError: there are no slices, or `batch_size` is below 1.
    """
    count = len(slices.names)
    if not count:
        raise DataError("no slices to evaluate on; choose a split that has some")
    if batch_size < 1:
        raise DataError(f"--batch-size {batch_size}: give 1 or more")
    part = _part(batch_size, share)

    def make(number):
        positions = number * batch_size + part
        indices = np.where(positions < count, positions, 0)
        images = network_images(slices.gather_images(indices), context=slices.context)
        return images, slices.masks[indices].astype(np.float32), (positions < count).astype(np.float32)

    return _stream(make, range(-(-count // batch_size)), (*_batch_shapes(slices, len(part)), (len(part),)))


def batch_names(
    slices: Slices, step: int, *, batch_size: int, seed: int, foreground_fraction: float | None = None
) -> tuple[str, ...]:
    """Names the slices of a global training step, in the order of the batch."""
    draw = _drawing(slices, batch_size=batch_size, seed=seed, foreground_fraction=foreground_fraction)
    return tuple(slices.names[index] for index in draw(step)[1])


def sampled_counts(
    slices: Slices, *, batch_size: int, seed: int, foreground_fraction: float | None = None
) -> dict[str, int]:
    """Counts what the first epoch draws: `"slices"`, and for each target those that show any of it."""
    draw = _drawing(slices, batch_size=batch_size, seed=seed, foreground_fraction=foreground_fraction)
    drawn = np.concatenate([draw(step)[1] for step in range(len(slices.names) // batch_size)])
    shown = slices.foreground[drawn].sum(axis=0)
    return {"slices": len(drawn), **{name: int(count) for name, count in zip(slices.targets, shown, strict=True)}}


def _drawing(slices: Slices, *, batch_size: int, seed: int, foreground_fraction: float | None):
    """A function from the global step to its epoch, its slices, and how often each came before in that epoch."""
    count = len(slices.names)
    if foreground_fraction is None:

        def draw(step):
            epoch, indices = batch_indices(step, count=count, batch_size=batch_size, seed=seed)
            return epoch, indices, np.zeros_like(indices)

        return draw
    foreground = slices.foreground[:, -1]
    if not 0 < foreground_fraction < 1:
        raise DataError(f"--foreground-fraction {foreground_fraction:g}: give a share between 0 and 1")
    if foreground.all() or not foreground.any():
        share = "every" if foreground.all() else "no"
        raise DataError(
            f"--foreground-fraction {foreground_fraction:g}: {share} training slice shows {slices.targets[-1]}; "
            "leave the option out"
        )
    return functools.partial(
        sampled_batch, foreground=foreground, fraction=foreground_fraction, batch_size=batch_size, seed=seed
    )


def _part(batch_size: int, share: tuple[int, int]) -> np.ndarray:
    """Places of a part within its batch."""
    index, count = share
    if not 0 <= index < count or batch_size % count:
        raise ValueError(f"share={share}: a batch of {batch_size} has no such part")
    return np.arange(batch_size).reshape(count, -1)[index]


def _batch_shapes(slices: Slices, batch_size: int) -> tuple[tuple[int, ...], ...]:
    plane = slices.images.shape[1:]
    return (batch_size, *plane, slices.channels), (batch_size, *plane, len(slices.targets))


def _stream(make, numbers: range, shapes: tuple[tuple[int, ...], ...]):
    """Calls `make(number)`, which gives float32 arrays of these shapes, for one number after the other.

    NumPy and Pillow work outside the interpreter's lock, so that several batches are made at a time.
    """
    tf = _tensorflow()

    def watched(number):
        _making.add(threading.get_ident())
        try:
            return make(number)
        finally:
            _making.discard(threading.get_ident())

    def batch(number):
        arrays = tf.numpy_function(watched, [number], [tf.float32] * len(shapes), stateful=False)
        return tuple(tf.ensure_shape(array, shape) for array, shape in zip(arrays, shapes, strict=True))

    dataset = tf.data.Dataset.range(numbers.start, numbers.stop)
    dataset = dataset.map(batch, num_parallel_calls=_MADE_AT_ONCE, deterministic=True).prefetch(_PREFETCHED)
    # Left to tune itself, it sleeps for up to a minute at a time, and whoever ends it waits until it wakes.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


_making: set[int] = set()  # threads of TensorFlow that are at work in Python


@atexit.register
def _let_batches_finish():
    """Waits until no batch is being made: a thread that needs a dying interpreter's lock would hang the process."""
    quiet = 0
    while _making or quiet < 10:  # between two batches nothing is at work either
        quiet = 0 if _making else quiet + 1
        time.sleep(0.01)


@functools.cache
def _tensorflow():
    """TensorFlow, kept off the GPUs, whose memory it would take from whoever trains."""
    import tensorflow as tf

    # Unless the one who trains is TensorFlow.
    if os.environ.get("KERAS_BACKEND") != "tensorflow":
        with contextlib.suppress(RuntimeError):  # TensorFlow is running already and has what it has
            tf.config.set_visible_devices([], "GPU")
    return tf
