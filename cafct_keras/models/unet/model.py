"""U-Net.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015, in the form that is
trained today (milesial/Pytorch-UNet): padded convolutions, batch normalization.
"""

from collections.abc import Sequence
from typing import Any

import keras

from cafct_keras.layers import DecoderBlock, DoubleConv, MaxPooling, SegmentationHead
from cafct_keras.models.inputs import image_input
from cafct_keras.models.outputs import segmentation_model
from cafct_keras.models.registry import Presets, register
from cafct_keras.typing import Shape, Tensor

PRESETS: Presets = {
    "tiny": {"dims": (8, 16, 32, 64)},
    "small": {"dims": (32, 64, 128, 256, 512)},
    "bilinear": {"upsampling": "bilinear"},
    "original": {"use_bn": False},
    "base": {},
}


@register("unet", presets=PRESETS)
def UNet(
    *,
    input_shape: Shape = (256, 256, 3),
    dims: Sequence[int] = (64, 128, 256, 512, 1024),
    upsampling: str = "transposed",
    use_bn: bool = True,
    prior: float = 0.5,
    classes: int = 1,
    classifier_activation: str | None = "sigmoid",
    name: str = "unet",
) -> keras.Model:
    """U-Net as a functional model.

    `use_bn=False` has the weights of the network as published. The convolutions there are not padded, so a mask is
    smaller than its image; here it is not. The reference code's bilinear variant aligns corners (`"bilinear_aligned"`).

    Args:
        dims: channels of the levels, from the finest to the coarsest; 2 to 6 of them.
        upsampling: `"transposed"`, a transposed convolution, as published; `"bilinear"` or `"bilinear_aligned"`, see
            `DecoderBlock`: then the coarsest level has the channels of the one above, and the decoder reduces them
            before each upsampling, as in the reference code.
        use_bn: whether convolutions are normalized; without normalization they have biases.
    """
    check_levels(dims)
    reducing = upsampling != "transposed"
    encoder_dims = (*dims[:-1], dims[-2]) if reducing else dims
    blocks = {"use_bn": use_bn, "use_bias": not use_bn}
    image = image_input(input_shape)
    maps = encode(image, encoder_dims, **blocks)
    x = maps.pop()
    for level in range(len(maps), 0, -1):
        hidden = dims[level - 1]
        filters = dims[max(level - 2, 0)] if reducing else hidden
        block = DecoderBlock(filters=filters, hidden=hidden, upsampling=upsampling, name=f"decoder{level}", **blocks)
        x = block([maps[level - 1], x])
    logits = SegmentationHead(classes=classes, depth=0, factor=1, prior=prior, name="logits")(x)
    return segmentation_model(image, logits, activation=classifier_activation, name=name)


def check_levels(dims: Sequence[int]) -> None:
    """Checks that the smallest images allow the number of levels.

    Raises:
        ValueError: if there are fewer than 2 or more than 6 levels.
    """
    if not 2 <= len(dims) <= 6:
        raise ValueError(f"dims must have 2 to 6 entries, one per level, not {tuple(dims)}")


def encode(x: Tensor, dims: Sequence[int], **options: Any) -> list[Tensor]:
    """Applies the encoder of a U-Net, two convolutions and a pooling per level.

    Args:
        x: the image.
        dims: channels of the levels.
        **options: of `DoubleConv`.

    Returns:
        One map per level, from the finest to the coarsest.
    """
    maps: list[Tensor] = []
    for level, filters in enumerate(dims, start=1):
        if maps:
            x = MaxPooling(name=f"pool{level}")(x)
        x = DoubleConv(filters=filters, name=f"encoder{level}", **options)(x)
        maps.append(x)
    return maps
