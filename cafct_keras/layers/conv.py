"""Convolution blocks in the form that reference weights expect."""

import keras
from keras import layers, ops

from cafct_keras.layers.conv3d import SliceConv3D
from cafct_keras.layers.initializers import PACKAGE, HeNormal

CONVOLUTIONS = {2: layers.Conv2D, 3: SliceConv3D}


def make_conv(parent, filters, kernel_size, *, rank=2, **kwargs):
    """A convolution over `rank` axes, without bias, of the parent layer's dtype policy, with He's initial weights."""
    defaults = {"use_bias": False, "kernel_initializer": HeNormal(), "dtype": parent.dtype_policy}
    return CONVOLUTIONS[rank](filters, kernel_size, **{**defaults, **kwargs})


def make_batch_norm(parent, name, **kwargs):
    """A `BatchNormalization` with the epsilon and momentum of the reference networks (Keras has 1e-3 and 0.99)."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=parent.dtype_policy, name=name, **kwargs)


def build_chain(shape, *chain):
    """Builds layers one after the other and returns the last one's output shape."""
    for layer in chain:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def pad_symmetric(x, padding):
    """Zero padding of `padding` pixels on all sides: what "same" is not when a convolution has strides."""
    borders = [(padding, padding)] * (len(x.shape) - 2)
    return ops.pad(x, ((0, 0), *borders, (0, 0))) if padding else x


def padded_shape(shape, padding):
    """Shape of `pad_symmetric`'s output; unknown sizes stay unknown."""
    batch, *sides, channels = shape
    return batch, *(None if side is None else side + 2 * padding for side in sides), channels


def strided_size(size, strides):
    """Length of an axis after a symmetrically padded, strided convolution with an odd kernel; None stays None."""
    return None if size is None else (size - 1) // strides + 1


@keras.saving.register_keras_serializable(PACKAGE)
class ConvBNReLU(layers.Layer):
    """Convolution, batch normalisation, ReLU: "CBR" in the comments of the networks.

    `(batch, H, W, channels)` to `(batch, ceil(H / strides), ceil(W / strides), filters)`; a volume `(batch, D, H, W,
    channels)` gets a 3-D convolution.

    Args:
        filters: output channels.
        kernel_size: odd side of the kernel; padding is symmetric, `dilation_rate * (kernel_size // 2)` zeros a side.
        strides: step of the kernel.
        dilation_rate: distance between the kernel's taps.
        use_bias: whether the convolution has a bias before the normalisation, as some reference networks have.
        use_bn: whether there is a normalisation; networks older than it have none.
        activation: `"relu"`, any other Keras activation, or None.
    """

    def __init__(
        self,
        *,
        filters,
        kernel_size=3,
        strides=1,
        dilation_rate=1,
        use_bias=False,
        use_bn=True,
        activation="relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.use_bias = use_bias
        self.use_bn = use_bn
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
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
        if self.use_bn:
            self.norm.build(self.compute_output_shape(input_shape))

    def _padding(self):
        # With a stride of 1 "same" is symmetric already.
        return 0 if self.strides == 1 else self.dilation_rate * (self.kernel_size // 2)

    def call(self, inputs, training=None):
        x = self.conv(pad_symmetric(inputs, self._padding()))
        return self.activation(self.norm(x, training=training) if self.use_bn else x)

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        return batch, *(strided_size(side, self.strides) for side in sides), self.filters

    def get_config(self):
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
