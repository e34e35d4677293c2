"""Depthwise 3x3 convolution as multiply-adds, which XLA compiles better."""

import math
from collections.abc import Callable

from keras import layers, ops

from cafct_keras.layers.conv import pad_symmetric
from cafct_keras.layers.initializers import FanOutNormal
from cafct_keras.layers.serialization import register
from cafct_keras.layers.standard import uses_standard_operators
from cafct_keras.typing import Shape, Tensor

TAPS = [(row, column) for row in range(3) for column in range(3)]
BANDS = 8


@register()
class DepthwiseConv3x3(layers.Layer):
    """Depthwise 3x3 convolution with bias, symmetric padding and stride 1, as nine shifted multiply-adds.

    `(batch, H, W, channels)` to the same shape. Equivalent to `keras.layers.DepthwiseConv2D(3, padding="same")`, with
    the same kernel shape `(3, 3, channels, 1)`. XLA compiles grouped convolutions poorly on CPUs; nine multiply-adds
    fuse into one pass over the map, forward and, with the gradient below, backward.
    """

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, channels, 1), initializer=FanOutNormal())
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        kernel = ops.convert_to_tensor(self.kernel)
        if uses_standard_operators():
            return ops.depthwise_conv(inputs, kernel, padding="same") + self.bias
        return _convolve(inputs, kernel[..., 0]) + self.bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def _multiply_add(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolves `(batch, H, W, channels)` depthwise with a kernel `(3, 3, channels)`."""
    padded = pad_symmetric(x, 1)
    return sum(
        padded[:, row : row - 2 or None, column : column - 2 or None] * kernel[row, column] for row, column in TAPS
    )


def _kernel_gradient(x: Tensor, upstream: Tensor) -> Tensor:
    """Computes the gradient with respect to the kernel, float32 `(3, 3, channels)`.

    That is the sum over batch and positions of each tap's map times the upstream gradient. Bands of rows are summed
    first, for all nine taps together, so that both maps are read once and an eighth of their size is written; nine sums
    over whole maps would read and write eighteen maps.
    """
    height = x.shape[1]
    bands = math.gcd(height, BANDS) if height else 1
    rows = ops.shape(x)[1] // bands
    padded = pad_symmetric(x, 1)

    def tap(row: int, column: int) -> Tensor:
        def product(band: int) -> Tensor:
            top = band * rows
            shifted = padded[:, top + row : top + row + rows, column : column - 2 or None]
            return ops.cast(shifted * upstream[:, top : top + rows], "float32")

        return sum(product(band) for band in range(bands))

    products = ops.stack([tap(row, column) for row, column in TAPS], axis=3)
    return ops.reshape(ops.sum(products, axis=(0, 1, 2)), (3, 3, x.shape[-1]))


@ops.custom_gradient
def _convolve(x: Tensor, kernel: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, Tensor]]]:
    """Applies `_multiply_add`, with an explicit gradient.

    Automatic differentiation would turn the nine slices into nine padded maps of the size of x, written to memory and
    summed; the gradient is the same convolution with the kernel rotated by 180 degrees.
    """

    def gradient(*args: Tensor, upstream: Tensor = None) -> tuple[Tensor, Tensor]:
        upstream = args[0] if upstream is None else upstream
        kernel_gradient = ops.cast(_kernel_gradient(x, upstream), kernel.dtype)
        return _multiply_add(upstream, ops.flip(kernel, axis=(0, 1))), kernel_gradient

    return _multiply_add(x, kernel), gradient
