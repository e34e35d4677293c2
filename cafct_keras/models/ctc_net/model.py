"""CTC-Net: a Swin transformer and a CNN in parallel, complementary fusion, a Swin decoder.

Yuan et al., "An effective CNN and Transformer complementary network for medical image segmentation", Pattern
Recognition 136, 2023.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from cafct_keras.layers import SegmentationHead
from cafct_keras.layers.initializers import FanOutNormal, Normal
from cafct_keras.models.ctc_net.layers import ComplementaryFusion
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.models.resnet.backbone import resnet_maps
from cafct_keras.models.swin.layers import EPSILON, PatchEmbedding, PatchExpanding, PatchMerging, SwinStage
from cafct_keras.typing import Shape

REDUCTION_RATIOS = (1, 2, 4)
PRESETS: Presets = {
    "tiny": {
        "cnn": "resnet_tiny",
        "filters": 8,
        "depths": (2, 1, 2, 1),
        "num_heads": (1, 2, 4, 8),
        "window_size": 4,
    },
    "small": {"cnn": "resnet18", "filters": 48, "depths": (2, 2, 2, 2)},
    "base": {},
}


@register("ctc_net", presets=PRESETS, renamed={"width": "filters", "drop_path_rate": "stochastic_depth_rate"})
def CTCNet(
    *,
    input_shape: Shape = (256, 256, 3),
    cnn: str = "resnet101",
    filters: int = 96,
    depths: Sequence[int] = (2, 2, 18, 2),
    num_heads: Sequence[int] = (3, 6, 12, 24),
    window_size: int = 8,
    stochastic_depth_rate: float = 0.2,
    normalization: str | None = None,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "ctc_net",
) -> keras.Model:
    """CTC-Net as a functional model.

    The released code does not run as is, and of its 123,669,680 parameters (9 classes, 224x224) 5,592,687 do not affect
    its output: a CNN decoder, and in the fusion modules two convolutions, a spatial attention and a cross-attention.
    They are left out; what remains is its design, weight for weight, plus one bias per class in the head, which carries
    `prior`. In one respect the fusion follows the paper instead, see `ComplementaryFusion`. As there, the maps of the
    transformer are fused where they enter a stage, so the first one is the patch embedding alone.

    Windows of 8 tile every map of a 256x256 image; windows of 7, as in the release, those of a 224x224 image. Maps that
    windows do not tile are padded for the attention, see `WindowAttention`.

    Args:
        cnn: convolutional branch, the name of a ResNet, whose last stage is left out.
        filters: channels of the first stage of the transformer; each further stage has twice as many.
        depths: blocks per stage. The three stages of the decoder are as deep as those of the encoder with the same
            resolution.
        num_heads: attention heads per stage.
        window_size: side of the attention windows.
        stochastic_depth_rate: stochastic depth of the last block of the encoder.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    # One rate per block, from 0 in the first to the full rate in the last.
    rates = np.split(np.linspace(0, stochastic_depth_rate, sum(depths)), np.cumsum(depths)[:-1])

    def stage(prefix: str, level: int) -> SwinStage:
        return SwinStage(
            num_heads=num_heads[level],
            window_size=window_size,
            stochastic_depth_rates=rates[level].tolist(),
            name=f"{prefix}{level + 1}",
        )

    cnn_maps = resnet_maps(x, cnn, name="cnn", levels=3)
    x = PatchEmbedding(filters=filters, name="embed")(x)
    skips = []
    for level, cnn_map in enumerate(cnn_maps.values()):
        reduce = layers.Conv2D(filters * 2**level, 1, kernel_initializer=FanOutNormal(), name=f"reduce{level + 1}")
        fusion = ComplementaryFusion(
            num_heads=num_heads[level],
            window_size=window_size,
            reduction_ratio=REDUCTION_RATIOS[level],
            name=f"fusion{level + 1}",
        )
        skips.append(fusion([reduce(cnn_map), x]))
        x = stage("transformer", level)(x)
        x = PatchMerging(name=f"merge{level + 1}")(x)
    x = stage("transformer", 3)(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="norm")(x)

    for level in (2, 1, 0):
        channels = filters * 2**level
        x = PatchExpanding(filters=channels, name=f"expand{level + 1}")(x)
        x = layers.Concatenate(name=f"concatenate{level + 1}")([x, skips[level]])
        x = layers.Dense(channels, kernel_initializer=Normal(stddev=0.02), name=f"join{level + 1}")(x)
        x = stage("decoder", level)(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name="decoder_norm")(x)
    x = PatchExpanding(filters=filters, factor=4, name="enlarge")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)
