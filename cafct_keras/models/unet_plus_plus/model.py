"""UNet++: a U-Net with nested, dense skip connections.

Zhou et al., "UNet++: a nested U-Net architecture for medical image segmentation", DLMIA 2018, in the form of
4uiiurz1/pytorch-nested-unet.
"""

from collections.abc import Sequence

import keras

from cafct_keras.layers import DecoderBlock, DeepSupervision, DoubleConv, MaxPooling, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.models.unet.model import check_levels
from cafct_keras.typing import Shape, Tensor

PRESETS: Presets = {"tiny": {"dims": (8, 16, 32, 64)}, "small": {"dims": (16, 32, 64, 128, 256)}, "base": {}}


@register("unet_plus_plus", presets=PRESETS)
def UNetPlusPlus(
    *,
    input_shape: Shape = (256, 256, 3),
    dims: Sequence[int] = (32, 64, 128, 256, 512),
    upsampling: str = "bilinear",
    deep_supervision: bool = False,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "unet_plus_plus",
) -> keras.Model:
    """UNet++ as a functional model whose nodes have the names of figure 1 of the paper, `x0_0` to `x0_4`.

    With deep supervision each map of the finest level except the encoder's has a head. The network still has a single
    output, that of the last head, so it is predicted with, saved and exported like any other; `logits_model`, which is
    trained, has all of them. Its loss is the mean of theirs; its metrics are those of the last head, as in the
    reference code.

    Args:
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
        upsampling: see `DecoderBlock`; `"bilinear_aligned"` in the reference code.
        deep_supervision: whether every map of the finest level is trained to predict the mask.
    """
    check_levels(dims)
    image = image_input(input_shape)
    rows: list[list[Tensor]] = []  # the maps of each level
    x = image
    for level, filters in enumerate(dims):
        if rows:
            x = MaxPooling(name=f"pool{level}")(x)
        x = DoubleConv(filters=filters, use_bias=True, name=f"x{level}_0")(x)
        rows.append([x])
    for step in range(1, len(dims)):
        for level, filters in enumerate(dims[:-step]):
            node = DecoderBlock(filters=filters, upsampling=upsampling, use_bias=True, name=f"x{level}_{step}")
            rows[level].append(node([*rows[level], rows[level + 1][step - 1]]))

    def head(name: str) -> SegmentationHead:
        return SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name=name)

    finest = rows[0]
    if deep_supervision and len(dims) > 2:
        heads = [head(f"logits{step}")(x) for step, x in enumerate(finest[1:], start=1)]
        logits = DeepSupervision(name="logits")(heads)
    else:
        logits = head("logits")(finest[-1])
    return segmentation_model(image, logits, activation=classifier_activation, name=name)
