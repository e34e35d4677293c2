"""ResNet: the convolutional branch.

He et al., "Deep residual learning for image recognition", CVPR 2016, in torchvision's form.
"""

import dataclasses
import functools

import keras

from cafct_keras import models
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.registry import register_encoder
from cafct_keras.models.resnet.layers import ConvStage, ConvStem


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """Kind of block, blocks a stage and width of a stage's 3x3 convolutions."""

    block: str
    depths: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 256, 512)


RESNETS = {
    "resnet_tiny": ResNetConfig("basic", (1, 2, 2, 1), (8, 16, 32, 64)),
    "resnet18": ResNetConfig("basic", (2, 2, 2, 2)),
    "resnet34": ResNetConfig("basic", (3, 4, 6, 3)),
    "resnet50": ResNetConfig("bottleneck", (3, 4, 6, 3)),
    "resnet101": ResNetConfig("bottleneck", (3, 4, 23, 3)),
}


def resnet_stages(image, variant, *, name, levels=4, output_stride=32):
    """Applies the stem and the first `levels` stages of a ResNet and returns their maps, of strides 4, 8, 16 and 32.

    Stages whose stride would exceed `output_stride` keep that of the stage before and are dilated instead.

    Raises:
        ValueError: for an unknown variant.
    """
    if variant not in RESNETS:
        raise ValueError(f"unknown ResNet {variant!r}; known are {', '.join(RESNETS)}")
    config = RESNETS[variant]
    x = ConvStem(filters=config.widths[0], name=f"{name}_stem")(image)
    maps = []
    stages = list(zip(config.widths, config.depths, strict=True))[:levels]
    for level, (width, depth) in enumerate(stages, start=1):
        stride = 2 ** (level + 1)
        stage = ConvStage(
            filters=width,
            depth=depth,
            block=config.block,
            strides=2 if 4 < stride <= output_stride else 1,
            dilation_rate=max(stride // output_stride, 1),
            name=f"{name}{level}",
        )
        x = stage(x)
        maps.append(x)
    return maps


def ResNet(variant="resnet34", *, input_shape=(None, None, 3), normalization=None, weights=None, name=None):
    """ResNet without its classifier.

    Args:
        variant: `"resnet18"`, `"resnet34"`, `"resnet50"`, `"resnet101"`, or `"resnet_tiny"` for tests.
        input_shape: `(H, W, channels)`; H and W multiples of 32, or None.
        normalization: `"imagenet"` for weights that were trained on it, see `ImageNetNormalization`.
        weights: see `load_weights`; None begins at random.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to its maps, of strides 4, 8, 16 and 32.

    Raises:
        ValueError: for an unknown variant, a size that is no multiple of 32, or weights that do not fit.
    """
    image = image_input(input_shape)
    maps = resnet_stages(normalized(image, normalization), variant, name="stage")
    model = keras.Model(image, maps, name=name or variant)
    if weights is not None:
        models.load_weights(model, weights)
    return model


for _variant, _config in RESNETS.items():
    register_encoder(_variant, functools.partial(ResNet, _variant), _config)
