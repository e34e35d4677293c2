"""DenseUNet: a DenseNet encoder and a decoder that adds the skip connections.

Li et al., "H-DenseUNet: hybrid densely connected UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018
(xmengli/H-DenseUNet): its two-dimensional part, DenseUNet-167.
"""

import keras

from cafct_keras.layers import SegmentationHead
from cafct_keras.models.dense_unet.layers import DenseDecoderBlock
from cafct_keras.models.densenet.backbone import DenseNetConfig, densenet_config, densenet_maps
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.typing import Shape, Tensor

PRESETS: Presets = {
    "tiny": {"cnn": "densenet_tiny", "filters": 16},
    "small": {"cnn": "densenet_small", "filters": 32},
    "base": {},
}


@register("dense_unet", presets=PRESETS)
def DenseUNet(
    *,
    input_shape: Shape = (256, 256, 3),
    cnn: str = "densenet161",
    scale: bool = True,
    filters: int = 64,
    dropout: float = 0.3,
    normalization: str | None = None,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "dense_unet",
) -> keras.Model:
    """DenseUNet as a functional model.

    The reference network sees three neighbouring slices, as this one does in a run with one neighbour on either side,
    and has three classes. Unlike there, the epsilon of normalization is 1e-5, as in torchvision's DenseNet-161, not
    1.1e-5, and the decoder is not initialized from a normal distribution of standard deviation 0.05.

    Args:
        cnn: encoder, the name of a DenseNet.
        scale: see `NormReLU`; for the encoder.
        filters: channels of the last map, at the size of the image.
        dropout: dropout rate of the last map.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    x = dense_unet_features(x, densenet_config(cnn), scale=scale, filters=filters, dropout=dropout)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def dense_unet_features(
    image: Tensor,
    config: DenseNetConfig,
    *,
    scale: bool,
    filters: int,
    dropout: float,
    long_skips: bool = True,
    prefix: str = "",
) -> Tensor:
    """Returns the last map of a DenseUNet on slices, `(batch, H, W, filters)`."""
    *skips, x = densenet_maps(image, config, scale=scale, prefix=prefix).values()
    stem, first, second, _ = (skip.shape[-1] for skip in skips)
    for step, channels in enumerate((second, first, stem, stem, filters), start=1):
        last = step == 5
        block = DenseDecoderBlock(filters=channels, dropout=dropout if last else 0.0, name=f"{prefix}up{step}")
        x = block([skips.pop(), x] if long_skips and not last else x)
    return x
