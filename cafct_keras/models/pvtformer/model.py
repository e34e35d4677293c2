"""PVTFormer: a pyramid vision transformer and a convolutional decoder that also sees every level at full size.

Jha et al., "CT liver segmentation via PVT-based encoding and refined decoding", ISBI 2024 (arXiv 2401.09630).
"""

from keras import layers

from cafct_keras.layers import ConvBNReLU, SegmentationHead
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.pvt_v2.backbone import pvt_stages
from cafct_keras.models.pvtformer.layers import ResidualUpsampling
from cafct_keras.models.registry import register

LEVELS = (1, 2, 3)


def PVTFormer(
    *,
    input_shape=(256, 256, 3),
    variant="b3",
    width=64,
    drop_path_rate=0.1,
    normalization=None,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="pvtformer",
):
    """PVTFormer as a functional model.

    The released code works out the encoder's fourth stage and then uses it nowhere. It is left out here, which changes
    no output: of the 45,512,705 parameters of the release 34,516,993 remain, the other 10,995,712 never learn. Its
    stochastic depth still rises over the depth of all four stages, as it does there. The release begins with encoder
    weights from ImageNet, this network with random ones unless others are given, see `load_weights`.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        variant: the encoder, see `PVTv2`.
        width: channels of the decoder.
        drop_path_rate: stochastic depth of the encoder's last block; 0.1 in the release, whatever the variant.
        normalization: `"imagenet"` where the encoder begins with weights trained on it, see `ImageNetNormalization`.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for an unknown variant or a size that is no multiple of 32.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    maps = pvt_stages(x, variant, name="transformer", drop_path_rate=drop_path_rate, levels=len(LEVELS))
    maps = [
        ConvBNReLU(filters=width, kernel_size=1, use_bias=True, name=f"reduce{level}")(x)
        for level, x in zip(LEVELS, maps, strict=True)
    ]
    x = ResidualUpsampling(filters=width, name="decoder2")([maps[2], maps[1]])
    x = ResidualUpsampling(filters=width, name="decoder1")([x, maps[0]])
    full = [ResidualUpsampling(filters=width, factor=4, name="decoder0")(x)]
    for level, x in zip(LEVELS, maps, strict=True):
        full.append(ResidualUpsampling(filters=width, factor=2 ** (level + 1), name=f"enlarge{level}")(x))
    x = layers.Concatenate(name="concatenate")(full)
    x = ResidualUpsampling(filters=width, factor=1, name="refine")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


register(
    "pvtformer",
    PVTFormer,
    default="base",
    presets={"tiny": {"variant": "tiny", "width": 8}, "small": {"variant": "b0", "width": 32}, "base": {}},
)
