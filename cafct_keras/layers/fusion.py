"""Attentional feature fusion of two branches, and the channel attention it is built on."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_batch_norm, make_conv
from cafct_keras.layers.initializers import GlorotUniform
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

FUSION_MODES = ("aff", "ms_cam", "concat", "add")


def _dense(parent: layers.Layer, units: int, activation: str, name: str) -> layers.Dense:
    initializer = GlorotUniform()
    policy = parent.dtype_policy
    return layers.Dense(units, activation=activation, kernel_initializer=initializer, dtype=policy, name=name)


@register(renamed={"ratio": "reduction_ratio"})
class SqueezeExcitation(layers.Layer):
    """Channel attention from the global average of a map: `x * sigmoid(W2 relu(W1 mean(x)))`, with biases.

    `(batch, H, W, channels)` to the same shape. Hu et al., "Squeeze-and-excitation networks", CVPR 2018, section 3.

    Args:
        reduction_ratio: ratio of channels to hidden units; there is at least one hidden unit.
    """

    def __init__(self, *, reduction_ratio: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        hidden = max(channels // self.reduction_ratio, 1)
        self.squeeze = _dense(self, hidden, "relu", "squeeze")
        self.excite = _dense(self, channels, "sigmoid", "excite")
        build_chain((input_shape[0], channels), self.squeeze, self.excite)

    def call(self, inputs: Tensor) -> Tensor:
        weight = self.excite(self.squeeze(ops.mean(inputs, axis=(1, 2))))
        return inputs * weight[:, None, None, :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register(renamed={"ratio": "reduction_ratio"})
class MultiScaleChannelAttention(layers.Layer):
    """MS-CAM: `x * sigmoid(local(x) + global(x))`, each a 1x1 bottleneck, the global one of the averaged map.

    `(batch, H, W, channels)` to the same shape. Dai et al., "Attentional feature fusion", WACV 2021, section 3.1.

    Args:
        reduction_ratio: ratio of channels to hidden channels; there is at least one hidden channel.
    """

    def __init__(self, *, reduction_ratio: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        hidden = max(channels // self.reduction_ratio, 1)
        self.local_context = self._bottleneck("local", hidden, channels)
        self.global_context = self._bottleneck("global", hidden, channels)
        build_chain(input_shape, *self.local_context)
        build_chain((input_shape[0], 1, 1, channels), *self.global_context)

    def _bottleneck(self, name: str, hidden: int, channels: int) -> list[ConvBNReLU]:
        options = {"kernel_size": 1, "use_bias": True, "dtype": self.dtype_policy}
        return [
            ConvBNReLU(filters=hidden, name=f"{name}_squeeze", **options),
            ConvBNReLU(filters=channels, activation=None, name=f"{name}_excite", **options),
        ]

    def attention(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Computes the weights in (0, 1) that `call` multiplies by, of the shape of the inputs."""
        local, overall = inputs, ops.mean(inputs, axis=(1, 2), keepdims=True)
        for layer in self.local_context:
            local = layer(local, training=training)
        for layer in self.global_context:
            overall = layer(overall, training=training)
        return ops.sigmoid(local + overall)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        return inputs * self.attention(inputs, training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register(renamed={"ratio": "reduction_ratio"})
class AttentionalFeatureFusion(layers.Layer):
    """AFF: fuses the maps of two branches at one level into one map.

    `[(batch, H, W, C1), (batch, H, W, C2)]` to `(batch, H, W, filters)`. Paper section 2.2 and figure 2: concatenation,
    squeeze, excitation, scaling; the 1x1 projection that follows is the learned weighted sum of the branches. Unlike
    in the AFF of Dai et al. (WACV 2021), the maps are concatenated, not added.

    Args:
        filters: output channels.
        mode: `"aff"`, as in the paper; `"ms_cam"`, with the local and global attention of Dai et al. in place of
            squeeze-and-excitation; `"concat"`, without attention (the ablation); `"add"`, each branch projected by a
            1x1 convolution, then sum, normalization, ReLU.
        reduction_ratio: ratio of channels to hidden units of the attention.

    Raises:
        ValueError: if `mode` is unknown.
    """

    def __init__(self, *, filters: int, mode: str = "aff", reduction_ratio: int = 16, **kwargs: Any) -> None:
        if mode not in FUSION_MODES:
            raise ValueError(f"fusion must be one of {FUSION_MODES}, not {mode!r}")
        super().__init__(**kwargs)
        self.filters = filters
        self.mode = mode
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape: Sequence[Shape]) -> None:
        cnn_shape, transformer_shape = input_shape
        if self.mode == "add":
            self.projections = [make_conv(self, self.filters, 1, name=f"project{index}") for index in (1, 2)]
            self.norm = make_batch_norm(self, "norm")
            self.projections[0].build(cnn_shape)
            build_chain(transformer_shape, self.projections[1], self.norm)
            return
        self.attention = None
        if self.mode == "aff":
            self.attention = SqueezeExcitation(
                reduction_ratio=self.reduction_ratio, dtype=self.dtype_policy, name="attention"
            )
        elif self.mode == "ms_cam":
            self.attention = MultiScaleChannelAttention(
                reduction_ratio=self.reduction_ratio, dtype=self.dtype_policy, name="attention"
            )
        self.project = ConvBNReLU(filters=self.filters, kernel_size=1, dtype=self.dtype_policy, name="project")
        concatenated = (*cnn_shape[:-1], cnn_shape[-1] + transformer_shape[-1])
        build_chain(concatenated, *filter(None, [self.attention, self.project]))

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        if self.mode == "add":
            x = sum(project(x) for project, x in zip(self.projections, inputs, strict=True))
            return ops.relu(self.norm(x, training=training))
        x = ops.concatenate(list(inputs), axis=-1)
        if self.attention is not None:
            x = self.attention(x, training=training) if self.mode == "ms_cam" else self.attention(x)
        return self.project(x, training=training)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return (*input_shape[0][:-1], self.filters)
