"""Spatial-reduction attention of PVTv2."""

from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv
from cafct_keras.layers.serialization import register
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm
from cafct_keras.typing import Shape, Tensor

# As in the reference code: 1e-5 after a convolution, 1e-6 elsewhere. With trained weights the difference matters.
PATCH_EPSILON = 1e-5
BLOCK_EPSILON = 1e-6
POOLED_SIDE = 7


@register(renamed={"reduction": "sr_ratio"})
class SpatialReductionAttention(layers.Layer):
    """Multi-head self-attention whose keys and values come from a map reduced by a strided convolution.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.3 (and PVT v1, ICCV 2021, section 3.3): one key per
    `sr_ratio` x `sr_ratio` patch, so the cost is H * W * (H * W / sr_ratio^2). The softmax is computed in float32.

    Args:
        num_heads: number of heads, a divisor of the channels.
        sr_ratio: spatial reduction ratio, the side of the patches that share a key; 1 for no reduction. H and W should
            be multiples of it: a remainder is left out of the keys, as in the reference code.

    Raises:
        ValueError: on build, if `num_heads` does not divide the channels.
    """

    def __init__(self, *, num_heads: int, sr_ratio: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.sr_ratio = sr_ratio

    def build(self, input_shape: Shape) -> None:
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

    def _make_reducers(self, channels: int) -> list[layers.Layer]:
        if self.sr_ratio == 1:
            return []
        conv = make_conv(self, channels, self.sr_ratio, strides=self.sr_ratio, use_bias=True, name="reduce")
        return [conv, make_layer_norm(self, PATCH_EPSILON, "norm")]

    def _reduce(self, inputs: Tensor) -> Tensor:
        for layer in self.reducers:
            inputs = layer(inputs)
        return inputs

    def call(self, inputs: Tensor) -> Tensor:
        batch, channels = ops.shape(inputs)[0], inputs.shape[-1]
        heads, depth = self.num_heads, channels // self.num_heads
        query = ops.reshape(self.query(inputs), (batch, -1, heads, depth))
        # The order of the reference code: all keys, then all values, each head by head.
        key, value = ops.split(self.key_value(self._reduce(inputs)), 2, axis=-1)
        key = ops.reshape(key, (batch, -1, heads, depth))
        value = ops.reshape(value, (batch, -1, heads, depth))
        return self.project(ops.reshape(attend(query, key, value), ops.shape(inputs)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of `(batch, N, heads, depth)` queries to `(batch, M, heads, depth)` keys, in the shape of the queries.

    The softmax is computed in float32.
    """
    score = ops.cast(ops.einsum("bnhd,bmhd->bhnm", query * query.shape[-1] ** -0.5, key), "float32")
    weight = ops.cast(ops.softmax(score, axis=-1), query.dtype)
    return ops.einsum("bhnm,bmhd->bnhd", weight, value)


@register()
class LinearSpatialReductionAttention(SpatialReductionAttention):
    """Spatial-reduction attention with 7x7 keys for maps of any size, so that the cost is linear in H * W.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.3, "linear SRA" (PVTv2-b2-li): average pooling to 7x7,
    1x1 convolution, layer normalization, GELU.

    Args:
        num_heads: number of heads, a divisor of the channels.
    """

    def __init__(self, *, num_heads: int, **kwargs: Any) -> None:
        super().__init__(num_heads=num_heads, **kwargs)

    def _make_reducers(self, channels: int) -> list[layers.Layer]:
        conv = make_conv(self, channels, 1, use_bias=True, name="reduce")
        return [conv, make_layer_norm(self, PATCH_EPSILON, "norm")]

    def _reduce(self, inputs: Tensor) -> Tensor:
        _, height, width, _ = ops.shape(inputs)
        rows = ops.cast(_pooling_matrix(height), inputs.dtype)
        columns = ops.cast(_pooling_matrix(width), inputs.dtype)
        pooled = ops.einsum("ih,bhwc->biwc", rows, inputs)
        return gelu(super()._reduce(ops.einsum("jw,biwc->bijc", columns, pooled)))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sr_ratio"]
        return config


def _pooling_matrix(size: Tensor) -> Tensor:
    """Returns the matrix of adaptive average pooling of one axis, float32 `(7, size)`.

    Bins overlap if 7 does not divide `size`.
    """
    position = ops.arange(POOLED_SIDE, dtype="int32")
    start = position * size // POOLED_SIDE
    stop = ((position + 1) * size + POOLED_SIDE - 1) // POOLED_SIDE
    index = ops.arange(size, dtype="int32")
    inside = ops.cast((index >= start[:, None]) & (index < stop[:, None]), "float32")
    return inside / ops.cast(stop - start, "float32")[:, None]
