"""Attention gate: a coarser map weights the positions of a skip connection."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_batch_norm, make_conv
from cafct_keras.layers.initializers import GlorotUniform
from cafct_keras.layers.resize import upsample_bilinear
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class AttentionGate(layers.Layer):
    """Additive attention gate: `x * resize(sigmoid(psi(relu(theta(x) + phi(g)))))`.

    `[x (batch, H, W, C), g (batch, h, w, Cg)]` to `(batch, H, W, C)`. The coefficients are computed on theta's grid,
    of H / strides x W / strides, `gate_factor` times finer than that of g, and resized bilinearly to that of x. Paper
    section 2.4; Oktay et al., "Attention U-Net: learning where to look for the pancreas", MIDL 2018.

    Args:
        filters: channels of theta and phi; None for half the channels of x.
        strides: factor by which theta's grid is coarser than that of x.
        kernel_size: side of theta's kernel, without padding: 1 in the paper, 2 in Oktay's code.
        gate_factor: factor by which g is coarser than theta's grid; 1 if g is the map of the next level.
        pool: whether x is reduced by average pooling before theta instead of by the stride of theta.
        use_bn: whether theta (which then has a bias), phi and psi are batch-normalized, as in the common 2-D Attention
            U-Net.
        use_output_conv: whether a 1x1 convolution and normalization follow the gate, as in Oktay's code.
    """

    def __init__(
        self,
        *,
        filters: int | None = None,
        strides: int = 2,
        kernel_size: int = 1,
        gate_factor: int = 1,
        pool: bool = False,
        use_bn: bool = False,
        use_output_conv: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.kernel_size = kernel_size
        self.gate_factor = gate_factor
        self.pool = pool
        self.use_bn = use_bn
        self.use_output_conv = use_output_conv

    def build(self, input_shape: Sequence[Shape]) -> None:
        x_shape, gate_shape = input_shape
        filters = self.filters or max(x_shape[-1] // 2, 1)
        strides = 1 if self.pool else self.strides

        def conv(filters: int, kernel_size: int, **kwargs: Any) -> layers.Layer:
            # Not scaled by fan-out: psi has one output, so its initial weights would saturate the gate.
            return make_conv(self, filters, kernel_size, kernel_initializer=GlorotUniform(), **kwargs)

        self.theta = conv(filters, self.kernel_size, strides=strides, use_bias=self.use_bn, name="theta")
        self.phi = conv(filters, 1, use_bias=True, name="phi")
        self.psi = conv(1, 1, use_bias=True, name="psi")
        self.theta.build(x_shape)
        self.phi.build(gate_shape)
        inner_shape = (*gate_shape[:-1], filters)
        self.psi.build(inner_shape)
        if self.use_bn:
            self.theta_norm, self.phi_norm = make_batch_norm(self, "theta_norm"), make_batch_norm(self, "phi_norm")
            self.psi_norm = make_batch_norm(self, "psi_norm")
            self.theta_norm.build(inner_shape)
            self.phi_norm.build(inner_shape)
            self.psi_norm.build((*gate_shape[:-1], 1))
        if self.use_output_conv:
            self.output_conv = make_conv(self, x_shape[-1], 1, use_bias=True, name="output_conv")
            self.output_norm = make_batch_norm(self, "output_norm")
            build_chain(x_shape, self.output_conv, self.output_norm)

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        x, gate = inputs
        theta = ops.average_pool(x, self.strides, strides=self.strides) if self.pool and self.strides > 1 else x
        theta, phi = self.theta(theta), self.phi(gate)
        if self.use_bn:
            theta, phi = self.theta_norm(theta, training=training), self.phi_norm(phi, training=training)
        query = self.psi(ops.relu(theta + upsample_bilinear(phi, self.gate_factor)))
        if self.use_bn:
            query = self.psi_norm(query, training=training)
        # The sigmoid is computed in float32 under every dtype policy.
        alpha = ops.cast(ops.sigmoid(ops.cast(query, "float32")), self.compute_dtype)
        gated = x * upsample_bilinear(alpha, self.strides)
        if self.use_output_conv:
            gated = self.output_norm(self.output_conv(gated), training=training)
        return gated

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[0]
