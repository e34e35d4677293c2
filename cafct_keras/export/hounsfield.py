"""TensorFlow graphs around a network: from slices in Hounsfield units to its input, and from its output back to them.

They compute what `pipelines.preprocessing.Preprocessing` does, to the bit on the way in: its own table of grey values,
and Pillow's fixed-point interpolation as products of matrices, whose size is known only when slices arrive.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.intensity import apply_window
from pipelines.preprocessing import Preprocessing

# Of the weights with which Pillow interpolates 8-bit images.
FRACTION = 2.0**22


def slices_spec(preprocessing: Preprocessing) -> tf.TensorSpec:
    """Of the input `hounsfield`: int16 `(batch, H, W)`, or with neighbours `(batch, H, W, 2 * context + 1)`."""
    images = (None, None, None)
    channels = (preprocessing.channels,) if preprocessing.context else ()
    return tf.TensorSpec((*images, *channels), tf.int16, name="hounsfield")


def network_image(hounsfield: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """The network's input, float32 `(batch, size, size, channels)`, see `Preprocessing.pixels` and `as_input`.

    Args:
        hounsfield: see `slices_spec`, in the orientation of the training slices.
        preprocessing: of the network.
    """
    slices = hounsfield if preprocessing.context else hounsfield[..., None]
    grey = tf.cast(_grey(slices, preprocessing), tf.float64)
    size, square = preprocessing.size, _Square.of(hounsfield)

    def interpolate(start: tf.Tensor, length: tf.Tensor, grey: tf.Tensor) -> tf.Tensor:
        """Along the last axis, which becomes the one before it."""
        weights = _interpolation(size, square.side, step=square.side / size, start=0.0)
        weights = tf.floor(weights * FRACTION + 0.5)[:, start : start + length]
        return tf.floor((tf.matmul(weights, grey, transpose_b=True) + FRACTION / 2) / FRACTION)

    # Rows first, as Pillow does, which rounds in between.
    grey = interpolate(square.left, square.width, tf.transpose(grey, (0, 3, 1, 2)))
    grey = interpolate(square.top, square.height, grey)
    image = tf.transpose(tf.cast(grey, tf.float32) / 255.0, (0, 2, 3, 1))
    return image if preprocessing.context else tf.tile(image, (1, 1, 1, preprocessing.channels))


def native_probability(predicted: tf.Tensor, hounsfield_shape: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """Probabilities on the pixels of the slices, float32 `(batch, H, W, classes)`, see `SquareGrid.restore`.

    Args:
        predicted: the network's output, float32 `(batch, size, size, classes)`.
        hounsfield_shape: of the slices, integers.
        preprocessing: of the network.
    """
    size, square = preprocessing.size, _Square.of_shape(hounsfield_shape)
    step = size / square.side  # float64

    def weights(length: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        return tf.cast(_interpolation(length, size, step=step, start=tf.cast(start, tf.float64) * step), tf.float32)

    # As products of two matrices each: TensorFlow's product of a batch by one matrix has crashed where sizes change.
    columns = tf.tensordot(predicted, weights(square.width, square.left), [[2], [1]])  # (batch, size, classes, W)
    native = tf.tensordot(columns, weights(square.height, square.top), [[1], [1]])  # (batch, classes, W, H)
    return tf.transpose(native, (0, 3, 2, 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Square:
    """Slices within the square that they are padded to: see `SquareGrid`."""

    height: tf.Tensor
    width: tf.Tensor

    @classmethod
    def of(cls, slices: tf.Tensor) -> "_Square":
        return cls.of_shape(tf.shape(slices))

    @classmethod
    def of_shape(cls, shape: tf.Tensor) -> "_Square":
        return cls(height=shape[1], width=shape[2])

    @property
    def side(self) -> tf.Tensor:
        return tf.maximum(self.height, self.width)

    @property
    def top(self) -> tf.Tensor:
        return (self.side - self.height) // 2

    @property
    def left(self) -> tf.Tensor:
        return (self.side - self.width) // 2


def _grey(hounsfield: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """Grey values of Hounsfield units, `(batch, H, W, slices)`, 0 to 255."""
    if preprocessing.rescales("hu"):
        values = tf.cast(hounsfield, tf.float32)
        low, high = (extreme(values, axis=(1, 2), keepdims=True) for extreme in (tf.reduce_min, tf.reduce_max))
        return tf.round((values - low) * (255.0 / tf.maximum(high - low, 1.0)))
    every = np.arange(-(1 << 15), 1 << 15).astype(np.int16)
    table = apply_window(every.reshape(1, 1, -1), preprocessing.window).ravel()
    return tf.gather(tf.constant(table), tf.cast(hounsfield, tf.int32) + (1 << 15))


def _interpolation(outputs: Any, inputs: Any, *, step: tf.Tensor, start: Any) -> tf.Tensor:
    """Weights of bilinear interpolation, smoothed where it reduces, as Pillow computes them: float64.

    Args:
        outputs: number of rows of the result.
        inputs: of the map.
        step: rows of the map per row of the result, float64.
        start: where the result begins, in rows of the map.

    Returns:
        `(outputs, inputs)`, whose rows sum to 1.
    """

    def centers(count: Any) -> tf.Tensor:
        return tf.cast(tf.range(count), tf.float64) + 0.5

    distance = centers(inputs)[None, :] - (start + centers(outputs) * step)[:, None]
    weights = tf.maximum(1.0 - tf.abs(distance) / tf.maximum(step, 1.0), 0.0)
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)
