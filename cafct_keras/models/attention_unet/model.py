"""Attention U-Net: a U-Net whose skip connections are gated by the decoder.

Oktay et al., "Attention U-Net: learning where to look for the pancreas", MIDL 2018, in two dimensions as published
comparisons run it (LeeJunHyun/Image_Segmentation). Oktay's own network is three-dimensional, a quarter as wide, with a
gating convolution at the bottom and deep supervision.
"""

from keras import layers

from cafct_keras.layers import AttentionGate, ConvBNReLU, DoubleConv, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register
from cafct_keras.models.unet.model import check_levels, encode


def AttentionUNet(
    *,
    input_shape=(256, 256, 3),
    dims=(64, 128, 256, 512, 1024),
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="attention_unet",
):
    """Attention U-Net as a functional model.

    Unlike CAFCT-Net's, these gates see the decoder's map once it is enlarged, so coefficients need no resizing.

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for another number of levels or a size that is no multiple of 32.
    """
    check_levels(dims)
    image = image_input(input_shape)
    maps = encode(image, dims, use_bias=True)
    x = maps.pop()
    for level in range(len(maps), 0, -1):
        width = dims[level - 1]
        x = layers.UpSampling2D(2, name=f"enlarge{level}")(x)
        x = ConvBNReLU(filters=width, use_bias=True, name=f"up{level}")(x)
        skip = AttentionGate(strides=1, use_bn=True, name=f"gate{level}")([maps[level - 1], x])
        x = layers.Concatenate(name=f"concatenate{level}")([skip, x])
        x = DoubleConv(filters=width, use_bias=True, name=f"decoder{level}")(x)
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


register(
    "attention_unet",
    AttentionUNet,
    default="base",
    presets={"tiny": {"dims": (8, 16, 32, 64)}, "small": {"dims": (32, 64, 128, 256, 512)}, "base": {}},
)
