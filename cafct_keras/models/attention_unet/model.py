"""Attention U-Net: a U-Net whose skip connections are gated by the decoder.

Oktay et al., "Attention U-Net: learning where to look for the pancreas", MIDL 2018, in the two-dimensional form that
published comparisons use (LeeJunHyun/Image_Segmentation). Oktay's own network is three-dimensional, with a quarter of
the channels, a gating convolution at the bottom and deep supervision.
"""

from collections.abc import Sequence

import keras
from keras import layers

from cafct_keras.layers import AttentionGate, ConvBNReLU, DoubleConv, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.models.unet.model import check_levels, encode
from cafct_keras.typing import Shape

PRESETS: Presets = {"tiny": {"dims": (8, 16, 32, 64)}, "small": {"dims": (32, 64, 128, 256, 512)}, "base": {}}


@register("attention_unet", presets=PRESETS)
def AttentionUNet(
    *,
    input_shape: Shape = (256, 256, 3),
    dims: Sequence[int] = (64, 128, 256, 512, 1024),
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "attention_unet",
) -> keras.Model:
    """Attention U-Net as a functional model.

    Unlike in CAFCT-Net, the gating map is the upsampled map of the decoder, so coefficients need no resizing.

    Args:
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
    """
    check_levels(dims)
    image = image_input(input_shape)
    maps = encode(image, dims, use_bias=True)
    x = maps.pop()
    for level in range(len(maps), 0, -1):
        filters = dims[level - 1]
        x = layers.UpSampling2D(2, name=f"enlarge{level}")(x)
        x = ConvBNReLU(filters=filters, use_bias=True, name=f"up{level}")(x)
        skip = AttentionGate(strides=1, use_bn=True, name=f"gate{level}")([maps[level - 1], x])
        x = layers.Concatenate(name=f"concatenate{level}")([skip, x])
        x = DoubleConv(filters=filters, use_bias=True, name=f"decoder{level}")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)
