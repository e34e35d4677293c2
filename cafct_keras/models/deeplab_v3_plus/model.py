"""DeepLabv3+: a dilated ResNet, atrous spatial pyramid pooling and a short decoder.

Chen et al., "Encoder-decoder with atrous separable convolution for semantic image segmentation", ECCV 2018, in the form
of VainF/DeepLabV3Plus-Pytorch: plain convolutions, one after the concatenation; the paper has two, depthwise separable
with Xception.
"""

import keras
from keras import layers

from cafct_keras.layers import (
    AtrousSpatialPyramidPooling,
    BilinearUpsampling,
    ConvBNReLU,
    Dropout,
    SegmentationHead,
)
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.models.resnet.backbone import resnet_maps
from cafct_keras.typing import Shape

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
PRESETS: Presets = {
    "tiny": {"cnn": "resnet_tiny", "filters": 32, "fine_filters": 8},
    "small": {"cnn": "resnet18", "filters": 128, "fine_filters": 24},
    "base": {},
    "large": {"cnn": "resnet101"},
}


@register("deeplab_v3_plus", presets=PRESETS)
def DeepLabV3Plus(
    *,
    input_shape: Shape = (256, 256, 3),
    cnn: str = "resnet50",
    output_stride: int = 16,
    filters: int = 256,
    fine_filters: int = 48,
    dropout: float = 0.1,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "deeplab_v3_plus",
) -> keras.Model:
    """DeepLabv3+ as a functional model.

    Its encoder has the layer names of the convolutional branch of CAFCT-Net. The rates of the ASPP follow the output
    stride: 6, 12, 18 at 16, twice that at 8.

    Args:
        cnn: encoder, the name of a ResNet.
        output_stride: stride of the map that the ASPP is applied to: 16, with a dilated last stage, or 8, with two.
        filters: channels of the ASPP and the decoder.
        fine_filters: channels that the map of the first stage is reduced to for the decoder.
        dropout: dropout rate of the map of the ASPP.
    """
    if output_stride not in RATES:
        raise ValueError(f"output_stride must be 16 or 8, not {output_stride!r}")
    image = image_input(input_shape)
    maps = resnet_maps(image, cnn, name="cnn", output_stride=output_stride)
    x = AtrousSpatialPyramidPooling(filters=filters, rates=RATES[output_stride], name="aspp")(maps["P5"])
    x = Dropout(rate=dropout, name="dropout")(x)
    x = BilinearUpsampling(factor=output_stride // 4, name="enlarge")(x)
    fine = ConvBNReLU(filters=fine_filters, kernel_size=1, name="reduce")(maps["P2"])
    x = layers.Concatenate(name="concatenate")([fine, x])
    logits = SegmentationHead(classes=classes, filters=filters, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)
