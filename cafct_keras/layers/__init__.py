"""The blocks of the paper, each a serialisable Keras layer on `keras.ops` alone.

Feature maps stay 4-D, `(batch, H, W, channels)`, from end to end, so height and width are always at hand and need not
be equal.
"""

from cafct_keras.layers.aspp import AtrousSpatialPyramidPooling
from cafct_keras.layers.attention_gate import AttentionGate
from cafct_keras.layers.complementary_fusion import ComplementaryFusion, PreActivationBottleneck
from cafct_keras.layers.conv import ConvBNReLU, ConvStage, ConvStem
from cafct_keras.layers.decoder import DecoderBlock, SegmentationHead
from cafct_keras.layers.depthwise import DepthwiseConv3x3
from cafct_keras.layers.fusion import AttentionalFeatureFusion, MultiScaleChannelAttention, SqueezeExcitation
from cafct_keras.layers.normalization import ImageNetNormalization
from cafct_keras.layers.pvt import (
    ConvFeedForward,
    OverlapPatchEmbedding,
    StochasticDepth,
    TransformerBlock,
    TransformerStage,
)
from cafct_keras.layers.residual_upsampling import ResidualUpsampling
from cafct_keras.layers.resize import BilinearUpsampling
from cafct_keras.layers.spatial_reduction import LinearSpatialReductionAttention, SpatialReductionAttention
from cafct_keras.layers.swin import PatchEmbedding, PatchExpanding, PatchMerging, SwinBlock, SwinStage
from cafct_keras.layers.window_attention import WindowAttention

__all__ = [
    "AtrousSpatialPyramidPooling",
    "AttentionGate",
    "AttentionalFeatureFusion",
    "BilinearUpsampling",
    "ComplementaryFusion",
    "ConvBNReLU",
    "ConvFeedForward",
    "ConvStage",
    "ConvStem",
    "DecoderBlock",
    "DepthwiseConv3x3",
    "ImageNetNormalization",
    "LinearSpatialReductionAttention",
    "MultiScaleChannelAttention",
    "OverlapPatchEmbedding",
    "PatchEmbedding",
    "PatchExpanding",
    "PatchMerging",
    "PreActivationBottleneck",
    "ResidualUpsampling",
    "SegmentationHead",
    "SpatialReductionAttention",
    "SqueezeExcitation",
    "StochasticDepth",
    "SwinBlock",
    "SwinStage",
    "TransformerBlock",
    "TransformerStage",
    "WindowAttention",
]
