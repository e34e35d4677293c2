"""Convolution blocks in the form that published weights expect."""

from typing import Any

import keras
from keras import layers, ops

from cafct_keras.layers.conv3d import SliceConv3D
from cafct_keras.layers.initializers import FanOutNormal
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

CONVOLUTIONS = {2: layers.Conv2D, 3: SliceConv3D}


def make_conv(parent: layers.Layer, filters: int, kernel_size: int, *, rank: int = 2, **kwargs: Any) -> layers.Layer:
    """Creates a convolution over `rank` axes: no bias, He initialization and the parent's dtype policy by default."""
    defaults = {"use_bias": False, "kernel_initializer": FanOutNormal(), "dtype": parent.dtype_policy}
    return CONVOLUTIONS[rank](filters, kernel_size, **{**defaults, **kwargs})


def make_batch_norm(parent: layers.Layer, name: str, **kwargs: Any) -> layers.BatchNormalization:
    """Creates a `BatchNormalization` with PyTorch's default epsilon and momentum (Keras's are 1e-3 and 0.99)."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=parent.dtype_policy, name=name, **kwargs)


def build_chain(shape: Shape, *chain: layers.Layer) -> Shape:
    """Builds layers in sequence and returns the output shape of the last one."""
    for layer in chain:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def pad_symmetric(x: Tensor, padding: int) -> Tensor:
    """Pads all sides with `padding` zeros, which `padding="same"` does not do for strided convolutions."""
    borders = [(padding, padding)] * (len(x.shape) - 2)
    return ops.pad(x, ((0, 0), *borders, (0, 0))) if padding else x


def padded_shape(shape: Shape, padding: int) -> Shape:
    """Returns the shape of the output of `pad_symmetric`; None stays None."""
    batch, *sides, channels = shape
    return batch, *(None if side is None else side + 2 * padding for side in sides), channels


def strided_size(size: int | None, strides: int) -> int | None:
    """Returns the length of an axis after a symmetrically padded convolution with an odd kernel; None stays None."""
    return None if size is None else (size - 1) // strides + 1


@register()
class ConvBNReLU(layers.Layer):
    """Convolution, batch normalization, ReLU: "CBR" in docstrings.

    `(batch, H, W, channels)` to `(batch, ceil(H / strides), ceil(W / strides), filters)`; a volume `(batch, D, H, W,
    channels)` is convolved in 3-D.

    Args:
        filters: output channels.
        kernel_size: odd side of the kernel; padding is symmetric, `dilation_rate * (kernel_size // 2)` zeros per side.
        strides: stride of the convolution.
        dilation_rate: distance between the taps of the kernel.
        use_bias: whether the convolution has a bias, as some reference networks do even before a normalization.
        use_bn: whether batch normalization follows the convolution.
        activation: `"relu"`, any other Keras activation, or None.
    """

    def __init__(
        self,
        *,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        use_bias: bool = False,
        use_bn: bool = True,
        activation: str | None = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.use_bias = use_bias
        self.use_bn = use_bn
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        self.conv = make_conv(
            self,
            self.filters,
            self.kernel_size,
            rank=len(input_shape) - 2,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            use_bias=self.use_bias,
            padding="same" if self.strides == 1 else "valid",
            name="conv",
        )
        self.conv.build(padded_shape(input_shape, self._padding()))
        self.norm = make_batch_norm(self, "norm") if self.use_bn else None
        if self.norm is not None:
            self.norm.build(self.compute_output_shape(input_shape))

    def _padding(self) -> int:
        # With a stride of 1, "same" is symmetric already.
        return 0 if self.strides == 1 else self.dilation_rate * (self.kernel_size // 2)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.conv(pad_symmetric(inputs, self._padding()))
        return self.activation(x if self.norm is None else self.norm(x, training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, _ = input_shape
        return batch, *(strided_size(side, self.strides) for side in sides), self.filters

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "use_bias": self.use_bias,
            "use_bn": self.use_bn,
            "activation": keras.activations.serialize(self.activation),
        }
