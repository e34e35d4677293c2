"""ResNet without its classifier.

He et al., "Deep residual learning for image recognition", CVPR 2016, as implemented by torchvision.
"""

import dataclasses

import keras

from cafct_keras.models.backbones import backbone_model, name_maps
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.registry import register_encoders
from cafct_keras.models.resnet.conversion import RESNET
from cafct_keras.models.resnet.layers import ConvStage, ConvStem
from cafct_keras.typing import Files, Shape, Tensor


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """Configuration of a ResNet.

    Attributes:
        block: kind of block, `"basic"` or `"bottleneck"`.
        depths: blocks per stage.
        dims: channels of the 3x3 convolutions per stage.
    """

    block: str
    depths: tuple[int, ...]
    dims: tuple[int, ...] = (64, 128, 256, 512)


RESNETS = {
    "resnet_tiny": ResNetConfig("basic", (1, 2, 2, 1), (8, 16, 32, 64)),
    "resnet_small": ResNetConfig("basic", (2, 2, 2, 2), (32, 64, 128, 256)),
    "resnet18": ResNetConfig("basic", (2, 2, 2, 2)),
    "resnet34": ResNetConfig("basic", (3, 4, 6, 3)),
    "resnet50": ResNetConfig("bottleneck", (3, 4, 6, 3)),
    "resnet101": ResNetConfig("bottleneck", (3, 4, 23, 3)),
}


def resnet_maps(
    image: Tensor, variant: str, *, name: str, levels: int = 4, output_stride: int = 32
) -> dict[str, Tensor]:
    """Applies the stem and the first `levels` stages of a ResNet.

    Args:
        image: the normalized image.
        variant: see `ResNet`.
        name: prefix of the names of the layers, which a number from 1 follows.
        levels: number of stages.
        output_stride: largest stride; stages that would exceed it keep that of the stage before and are dilated.

    Returns:
        The maps of the stages, `"P2"` to `"P5"`.

    Raises:
        ValueError: if the variant is unknown.
    """
    if variant not in RESNETS:
        raise ValueError(f"unknown ResNet {variant!r}; known are {', '.join(RESNETS)}")
    config = RESNETS[variant]
    x = ConvStem(filters=config.dims[0], name=f"{name}_stem")(image)
    maps = []
    stages = list(zip(config.dims, config.depths, strict=True))[:levels]
    for level, (filters, depth) in enumerate(stages, start=1):
        stride = 2 ** (level + 1)
        stage = ConvStage(
            filters=filters,
            depth=depth,
            block=config.block,
            strides=2 if 4 < stride <= output_stride else 1,
            dilation_rate=max(stride // output_stride, 1),
            name=f"{name}{level}",
        )
        x = stage(x)
        maps.append(x)
    return name_maps(maps, first=2)


@register_encoders(RESNETS, RESNET)
def ResNet(
    variant: str = "resnet34",
    *,
    input_shape: Shape = (None, None, 3),
    normalization: str | None = None,
    weights: Files | None = None,
    name: str | None = None,
) -> keras.Model:
    """ResNet without its classifier. Its four maps are P2 to P5, of strides 4, 8, 16 and 32.

    Args:
        variant: `"resnet18"`, `"resnet34"`, `"resnet50"` or `"resnet101"`; `"resnet_small"`, a ResNet-18 with
            half the channels; `"resnet_tiny"` for tests.
    """
    image = image_input(input_shape)
    maps = resnet_maps(normalized(image, normalization), variant, name="stage")
    return backbone_model(image, maps, name=name or variant, weights=weights)
