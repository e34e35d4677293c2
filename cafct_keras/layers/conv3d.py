"""3-D convolution that XLA compiles well."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class SliceConv3D(layers.Conv3D):
    """A 3-D convolution as the sum of 2-D ones over slices, one for every place of the kernel along the depth.

    `(batch, D, H, W, channels)` to `(batch, D / strides, H / strides, W / strides, filters)`, D known. Mathematically
    `keras.layers.Conv3D` without dilation and groups, whose arguments and weights it has. On CPUs XLA's own is four to
    seven times slower, and its gradients with strides a hundred times.
    """

    def convolution_op(self, inputs, kernel):
        taps, strides = self.kernel_size[0], self.strides[0]
        if self.padding == "same":
            inputs = ops.pad(inputs, ((0, 0), ((taps - 1) // 2, taps // 2), (0, 0), (0, 0), (0, 0)))
        _, _, height, width, channels = ops.shape(inputs)
        depth = (inputs.shape[1] - taps) // strides + 1

        def convolve(tap):
            slices = inputs[:, tap : tap + strides * (depth - 1) + 1 : strides]
            slices = ops.reshape(slices, (-1, height, width, channels))
            return ops.conv(slices, kernel[tap], strides=self.strides[1:], padding=self.padding)

        x = sum(convolve(tap) for tap in range(taps))
        return ops.reshape(x, (-1, depth, *ops.shape(x)[1:]))
