"""Depthwise 3x3 convolution that XLA compiles well."""

import math

import keras
from keras import layers, ops

from cafct_keras.layers.conv import pad_symmetric
from cafct_keras.layers.initializers import PACKAGE, HeNormal

TAPS = [(row, column) for row in range(3) for column in range(3)]
BANDS = 8


@keras.saving.register_keras_serializable(PACKAGE)
class DepthwiseConv3x3(layers.Layer):
    """Depthwise 3x3 convolution with bias, symmetric padding and stride 1, as nine shifted multiply-adds.

    `(batch, H, W, channels)` to the same shape. Mathematically `keras.layers.DepthwiseConv2D(3, padding="same")`, whose
    kernel shape `(3, 3, channels, 1)` it keeps. XLA compiles grouped convolutions poorly on CPUs; nine multiply-adds
    fuse into one pass over the map, forwards and, with the gradient below, backwards.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, channels, 1), initializer=HeNormal())
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, inputs):
        return _convolve(inputs, ops.convert_to_tensor(self.kernel)[..., 0]) + self.bias

    def compute_output_shape(self, input_shape):
        return input_shape


def _multiply_add(x, kernel):
    """The nine taps of a depthwise convolution, `(batch, H, W, channels)` with `(3, 3, channels)`."""
    padded = pad_symmetric(x, 1)
    return sum(
        padded[:, row : row - 2 or None, column : column - 2 or None] * kernel[row, column] for row, column in TAPS
    )


def _kernel_gradient(x, upstream):
    """Sum over batch and positions of each tap's map times the upstream gradient, float32 `(3, 3, channels)`.

    Bands of rows are added up first, all nine taps side by side, so that both maps are read once and an eighth of their
    size is written; nine sums over whole maps read and write eighteen.
    """
    height = x.shape[1]
    bands = math.gcd(height, BANDS) if height else 1
    rows = ops.shape(x)[1] // bands
    padded = pad_symmetric(x, 1)

    def tap(row, column):
        def product(band):
            top = band * rows
            shifted = padded[:, top + row : top + row + rows, column : column - 2 or None]
            return ops.cast(shifted * upstream[:, top : top + rows], "float32")

        return sum(product(band) for band in range(bands))

    products = ops.stack([tap(row, column) for row, column in TAPS], axis=3)
    return ops.reshape(ops.sum(products, axis=(0, 1, 2)), (3, 3, x.shape[-1]))


@ops.custom_gradient
def _convolve(x, kernel):
    """`_multiply_add` with its gradient said outright.

    Left to itself, differentiation turns the nine slices into nine padded maps of the size of x, written out and
    summed; the gradient is the same convolution with the kernel turned by 180 degrees.
    """

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        kernel_gradient = ops.cast(_kernel_gradient(x, upstream), kernel.dtype)
        return _multiply_add(upstream, ops.flip(kernel, axis=(0, 1))), kernel_gradient

    return _multiply_add(x, kernel), gradient
