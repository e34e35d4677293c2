"""Layers shared by several networks, and the blocks of the paper: serializable Keras layers on `keras.ops` alone.

Feature maps stay 4-D, `(batch, H, W, channels)`, throughout, so height and width are always known and need not be
equal. The layers of a single architecture are defined in its folder under `cafct_keras.models`, and can be imported
from here as well.
"""

import importlib
import typing

from cafct_keras.layers.aspp import AtrousSpatialPyramidPooling
from cafct_keras.layers.attention_gate import AttentionGate
from cafct_keras.layers.conv import ConvBNReLU
from cafct_keras.layers.decoder import DecoderBlock, DoubleConv, SegmentationHead
from cafct_keras.layers.deep_supervision import DeepSupervision
from cafct_keras.layers.depthwise import DepthwiseConv3x3
from cafct_keras.layers.dropout import Dropout, StochasticDepth
from cafct_keras.layers.fusion import AttentionalFeatureFusion, MultiScaleChannelAttention, SqueezeExcitation
from cafct_keras.layers.normalization import ImageNetNormalization
from cafct_keras.layers.pooling import MaxPooling
from cafct_keras.layers.resize import BilinearUpsampling
from cafct_keras.runtime.backend import use_channels_last

if typing.TYPE_CHECKING:
    from cafct_keras.models.ctc_net.layers import ComplementaryFusion, PreActivationBottleneck
    from cafct_keras.models.dense_unet.layers import DenseDecoderBlock
    from cafct_keras.models.densenet.layers import DenseBlock, DenseStem, DenseTransition, NormReLU
    from cafct_keras.models.h_dense_unet.layers import HybridSum, MiddleSlice, ScoredVolume, SliceTriples
    from cafct_keras.models.pvt_v2.attention import LinearSpatialReductionAttention, SpatialReductionAttention
    from cafct_keras.models.pvt_v2.layers import (
        ConvFeedForward,
        OverlapPatchEmbedding,
        TransformerBlock,
        TransformerStage,
    )
    from cafct_keras.models.pvtformer.layers import ResidualUpsampling
    from cafct_keras.models.resnet.layers import ConvStage, ConvStem
    from cafct_keras.models.swin.attention import WindowAttention
    from cafct_keras.models.swin.layers import PatchEmbedding, PatchExpanding, PatchMerging, SwinBlock, SwinStage

# Imported on first use, because architectures import the layers above.
_OF_AN_ARCHITECTURE = {
    "ComplementaryFusion": "models.ctc_net.layers",
    "PreActivationBottleneck": "models.ctc_net.layers",
    "DenseDecoderBlock": "models.dense_unet.layers",
    "DenseBlock": "models.densenet.layers",
    "DenseStem": "models.densenet.layers",
    "DenseTransition": "models.densenet.layers",
    "NormReLU": "models.densenet.layers",
    "HybridSum": "models.h_dense_unet.layers",
    "MiddleSlice": "models.h_dense_unet.layers",
    "ScoredVolume": "models.h_dense_unet.layers",
    "SliceTriples": "models.h_dense_unet.layers",
    "LinearSpatialReductionAttention": "models.pvt_v2.attention",
    "SpatialReductionAttention": "models.pvt_v2.attention",
    "ConvFeedForward": "models.pvt_v2.layers",
    "OverlapPatchEmbedding": "models.pvt_v2.layers",
    "TransformerBlock": "models.pvt_v2.layers",
    "TransformerStage": "models.pvt_v2.layers",
    "ResidualUpsampling": "models.pvtformer.layers",
    "ConvStage": "models.resnet.layers",
    "ConvStem": "models.resnet.layers",
    "WindowAttention": "models.swin.attention",
    "PatchEmbedding": "models.swin.layers",
    "PatchExpanding": "models.swin.layers",
    "PatchMerging": "models.swin.layers",
    "SwinBlock": "models.swin.layers",
    "SwinStage": "models.swin.layers",
}

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
    "DeepSupervision",
    "DenseBlock",
    "DenseDecoderBlock",
    "DenseStem",
    "DenseTransition",
    "DepthwiseConv3x3",
    "DoubleConv",
    "Dropout",
    "HybridSum",
    "ImageNetNormalization",
    "LinearSpatialReductionAttention",
    "MaxPooling",
    "MiddleSlice",
    "MultiScaleChannelAttention",
    "NormReLU",
    "OverlapPatchEmbedding",
    "PatchEmbedding",
    "PatchExpanding",
    "PatchMerging",
    "PreActivationBottleneck",
    "ResidualUpsampling",
    "ScoredVolume",
    "SegmentationHead",
    "SliceTriples",
    "SpatialReductionAttention",
    "SqueezeExcitation",
    "StochasticDepth",
    "SwinBlock",
    "SwinStage",
    "TransformerBlock",
    "TransformerStage",
    "WindowAttention",
]


def __getattr__(name: str) -> type:
    if name in _OF_AN_ARCHITECTURE:
        return getattr(importlib.import_module(f"cafct_keras.{_OF_AN_ARCHITECTURE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


use_channels_last()
