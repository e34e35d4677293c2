"""U-Net: an encoder, a decoder, and skip connections between them.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015, in the form that is
trained today (milesial/Pytorch-UNet): padded convolutions, batch normalisation.
"""

from cafct_keras.layers import DecoderBlock, DoubleConv, MaxPooling, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import register


def UNet(
    *,
    input_shape=(256, 256, 3),
    dims=(64, 128, 256, 512, 1024),
    upsampling="transposed",
    use_bn=True,
    prior=0.5,
    classes=1,
    classifier_activation="sigmoid",
    name="unet",
):
    """U-Net as a functional model.

    `use_bn=False` has the weights of the network as published, whose convolutions are not padded: there a mask is
    smaller than its image, here it is not. The reference's bilinear form aligns corners (`"bilinear_aligned"`).

    Args:
        input_shape: `(H, W, channels)`; H and W multiples of 32, square or not, or None.
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
        upsampling: `"transposed"`, by a transposed convolution, as published; `"bilinear"` or `"bilinear_aligned"`,
            see `DecoderBlock`, where the coarsest level is as wide as the one above it and the decoder narrows before
            each step up, as in the reference.
        use_bn: whether convolutions are normalised; without it they have biases.
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
    narrowing = upsampling != "transposed"
    widths = (*dims[:-1], dims[-2]) if narrowing else dims
    blocks = {"use_bn": use_bn, "use_bias": not use_bn}
    image = image_input(input_shape)
    maps = encode(image, widths, **blocks)
    x = maps.pop()
    for level in range(len(maps), 0, -1):
        width = dims[level - 1]
        filters = dims[max(level - 2, 0)] if narrowing else width
        block = DecoderBlock(filters=filters, hidden=width, upsampling=upsampling, name=f"decoder{level}", **blocks)
        x = block([maps[level - 1], x])
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def check_levels(dims):
    """Refuses a number of levels that the smallest images do not allow."""
    if not 2 <= len(dims) <= 6:
        raise ValueError(f"dims must have 2 to 6 entries, one a level, not {tuple(dims)}")


def encode(x, widths, **options):
    """Applies a U-Net's encoder, two convolutions and a pooling a level; returns one map a level, finest first."""
    maps = []
    for level, width in enumerate(widths, start=1):
        if maps:
            x = MaxPooling(name=f"pool{level}")(x)
        x = DoubleConv(filters=width, name=f"encoder{level}", **options)(x)
        maps.append(x)
    return maps


register(
    "unet",
    UNet,
    default="base",
    presets={
        "tiny": {"dims": (8, 16, 32, 64)},
        "small": {"dims": (32, 64, 128, 256, 512)},
        "bilinear": {"upsampling": "bilinear"},
        "original": {"use_bn": False},
        "base": {},
    },
)
