"""UNet++: a U-Net whose skip connections are filled in with convolutions.

Zhou et al., "UNet++: a nested U-Net architecture for medical image segmentation", DLMIA 2018, in the form of
4uiiurz1/pytorch-nested-unet.
"""

from cafct_keras.layers import DecoderBlock, DeepSupervision, DoubleConv, MaxPooling, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register
from cafct_keras.models.unet.model import check_levels


def UNetPlusPlus(
    *,
    input_shape=(256, 256, 3),
    dims=(32, 64, 128, 256, 512),
    upsampling="bilinear",
    deep_supervision=False,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="unet_plus_plus",
):
    """UNet++ as a functional model whose nodes carry the names of the paper's figure 1, `x0_0` to `x0_4`.

    With deep supervision each map of the finest level but the encoder's has a head. The network still has one output,
    that of the last head, so it is predicted with, saved and exported like any other; `logits_model`, on which training
    works, has all of them, and its loss is the mean of theirs (its metrics are the last head's, as in the reference).

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
        upsampling: see `DecoderBlock`; the reference's is `"bilinear_aligned"`.
        deep_supervision: whether every map of the finest level is trained to be the mask.
        prior: the share of foreground that the untrained network predicts, see `SegmentationHead`.
        classes: output channels.
        classifier_activation: `"sigmoid"`, or None for logits.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities in [0, 1] (or
        logits), `(batch, H, W, classes)`.

    Raises:
        ValueError: for another way of upsampling, another number of levels or a size that is no multiple of 32.
    """
    check_levels(dims)
    image = image_input(input_shape)
    rows = []  # one a level, of the maps along it
    x = image
    for level, width in enumerate(dims):
        if rows:
            x = MaxPooling(name=f"pool{level}")(x)
        x = DoubleConv(filters=width, use_bias=True, name=f"x{level}_0")(x)
        rows.append([x])
    for step in range(1, len(dims)):
        for level, width in enumerate(dims[:-step]):
            node = DecoderBlock(filters=width, upsampling=upsampling, use_bias=True, name=f"x{level}_{step}")
            rows[level].append(node([*rows[level], rows[level + 1][step - 1]]))

    def head(name):
        return SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name=name)

    finest = rows[0]
    if deep_supervision and len(dims) > 2:
        heads = [head(f"logits{step}")(x) for step, x in enumerate(finest[1:], start=1)]
        logits = DeepSupervision(name="logits")(heads)
    else:
        logits = head("logits")(finest[-1])
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


register(
    "unet_plus_plus",
    UNetPlusPlus,
    default="base",
    presets={"tiny": {"dims": (8, 16, 32, 64)}, "small": {"dims": (16, 32, 64, 128, 256)}, "base": {}},
)
