"""Attention of the pyramid vision transformer v2: keys and values from a reduced map."""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv
from cafct_keras.layers.initializers import PACKAGE
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm

# The reference normalises at 1e-5 behind a convolution and at 1e-6 elsewhere; the difference shows in trained weights.
PATCH_EPSILON = 1e-5
BLOCK_EPSILON = 1e-6
POOLED_SIDE = 7


@keras.saving.register_keras_serializable(PACKAGE)
class SpatialReductionAttention(layers.Layer):
    """Multi-head self-attention whose keys and values come from a map reduced by a strided convolution.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.3 (and PVT v1, ICCV 2021, section 3.3): one key for
    every `reduction` x `reduction` patch, so the cost is H * W * (H * W / reduction^2). The softmax is in float32.

    Args:
        num_heads: heads; they divide the channels.
        reduction: side of the patches that share a key; 1 reduces nothing. H and W should be multiples of it: a
            remainder is left out of the keys, as in the reference.
    """

    def __init__(self, *, num_heads, reduction=1, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.num_heads:
            raise ValueError(f"num_heads must divide the channels: {self.num_heads} heads, {channels} channels")
        self.query = make_dense(self, channels, "query")
        self.key_value = make_dense(self, 2 * channels, "key_value")
        self.project = make_dense(self, channels, "project")
        self.reducers = self._make_reducers(channels)
        build_chain(input_shape, *self.reducers)
        for layer in (self.query, self.key_value, self.project):
            layer.build((input_shape[0], None, None, channels))

    def _make_reducers(self, channels):
        if self.reduction == 1:
            return []
        conv = make_conv(self, channels, self.reduction, strides=self.reduction, use_bias=True, name="reduce")
        return [conv, make_layer_norm(self, PATCH_EPSILON, "norm")]

    def _reduce(self, inputs):
        for layer in self.reducers:
            inputs = layer(inputs)
        return inputs

    def call(self, inputs):
        batch, channels = ops.shape(inputs)[0], inputs.shape[-1]
        heads, depth = self.num_heads, channels // self.num_heads
        query = ops.reshape(self.query(inputs), (batch, -1, heads, depth))
        # The reference's order: first all keys, then all values, head by head inside.
        key, value = ops.split(self.key_value(self._reduce(inputs)), 2, axis=-1)
        key = ops.reshape(key, (batch, -1, heads, depth))
        value = ops.reshape(value, (batch, -1, heads, depth))
        score = ops.cast(ops.einsum("bnhd,bmhd->bhnm", query * depth**-0.5, key), "float32")
        weight = ops.cast(ops.softmax(score, axis=-1), self.compute_dtype)
        mixed = ops.einsum("bhnm,bmhd->bnhd", weight, value)
        return self.project(ops.reshape(mixed, ops.shape(inputs)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "reduction": self.reduction}


@keras.saving.register_keras_serializable(PACKAGE)
class LinearSpatialReductionAttention(SpatialReductionAttention):
    """Spatial-reduction attention with 7x7 keys whatever the map's size, so its cost grows linearly with H * W.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.3, "linear SRA" (PVTv2-b2-li): average pooling to 7x7,
    1x1 convolution, layer normalisation, GELU.

    Args:
        num_heads: heads; they divide the channels.
    """

    def __init__(self, *, num_heads, **kwargs):
        kwargs.pop("reduction", None)
        super().__init__(num_heads=num_heads, **kwargs)

    def _make_reducers(self, channels):
        conv = make_conv(self, channels, 1, use_bias=True, name="reduce")
        return [conv, make_layer_norm(self, PATCH_EPSILON, "norm")]

    def _reduce(self, inputs):
        _, height, width, _ = ops.shape(inputs)
        rows = ops.cast(_pooling_matrix(height), inputs.dtype)
        columns = ops.cast(_pooling_matrix(width), inputs.dtype)
        pooled = ops.einsum("ih,bhwc->biwc", rows, inputs)
        return gelu(super()._reduce(ops.einsum("jw,biwc->bijc", columns, pooled)))

    def get_config(self):
        config = super().get_config()
        del config["reduction"]
        return config


def _pooling_matrix(size):
    """Adaptive average pooling of one axis, a float32 matrix `(7, size)`; bins overlap where 7 does not divide size."""
    position = ops.arange(POOLED_SIDE, dtype="int32")
    start = position * size // POOLED_SIDE
    stop = ((position + 1) * size + POOLED_SIDE - 1) // POOLED_SIDE
    index = ops.arange(size, dtype="int32")
    inside = ops.cast((index >= start[:, None]) & (index < stop[:, None]), "float32")
    return inside / ops.cast(stop - start, "float32")[:, None]
