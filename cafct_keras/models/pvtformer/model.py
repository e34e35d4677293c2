"""PVTFormer: a pyramid vision transformer and a convolutional decoder that upsamples every level to full size.

Jha et al., "CT liver segmentation via PVT-based encoding and refined decoding", ISBI 2024 (arXiv 2401.09630).
"""

import keras
from keras import layers

from cafct_keras.layers import ConvBNReLU, SegmentationHead
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.pvt_v2.backbone import pvt_v2_maps
from cafct_keras.models.pvtformer.layers import ResidualUpsampling
from cafct_keras.models.registry import Presets, register
from cafct_keras.typing import Shape

LEVELS = (1, 2, 3)
PRESETS: Presets = {
    "tiny": {"transformer": "pvt_v2_tiny", "filters": 8},
    "small": {"transformer": "pvt_v2_b0", "filters": 32},
    "base": {},
}


@register(
    "pvtformer",
    presets=PRESETS,
    renamed={"variant": "transformer", "width": "filters", "drop_path_rate": "stochastic_depth_rate"},
)
def PVTFormer(
    *,
    input_shape: Shape = (256, 256, 3),
    transformer: str = "pvt_v2_b3",
    filters: int = 64,
    stochastic_depth_rate: float = 0.1,
    normalization: str | None = None,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "pvtformer",
) -> keras.Model:
    """PVTFormer as a functional model.

    The released code computes the fourth stage of the encoder without using it. It is left out here, which changes no
    output: of the 45,512,705 parameters of the release 34,516,993 remain, the other 10,995,712 are never trained. As
    there, stochastic depth increases over the depth of all four stages. The release initializes the encoder from
    ImageNet weights, this network from random ones unless others are given, see `cafct_keras.models.load_weights`.

    Args:
        transformer: encoder, the name of a PVTv2.
        filters: channels of the decoder.
        stochastic_depth_rate: stochastic depth of the last block of the encoder; 0.1 in the release for every variant.
    """
    image = image_input(input_shape)
    encoded = pvt_v2_maps(
        normalized(image, normalization),
        transformer,
        name="transformer",
        stochastic_depth_rate=stochastic_depth_rate,
        levels=len(LEVELS),
    )
    maps = [
        ConvBNReLU(filters=filters, kernel_size=1, use_bias=True, name=f"reduce{level}")(encoded[f"P{level + 1}"])
        for level in LEVELS
    ]
    x = ResidualUpsampling(filters=filters, name="decoder2")([maps[2], maps[1]])
    x = ResidualUpsampling(filters=filters, name="decoder1")([x, maps[0]])
    full = [ResidualUpsampling(filters=filters, factor=4, name="decoder0")(x)]
    for level, x in zip(LEVELS, maps, strict=True):
        full.append(ResidualUpsampling(filters=filters, factor=2 ** (level + 1), name=f"enlarge{level}")(x))
    x = layers.Concatenate(name="concatenate")(full)
    x = ResidualUpsampling(filters=filters, factor=1, name="refine")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)
