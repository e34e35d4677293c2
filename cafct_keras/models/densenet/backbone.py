"""DenseNet without its classifier: the encoder of DenseUNet.

Huang et al., "Densely connected convolutional networks", CVPR 2017, as implemented by torchvision.
"""

import dataclasses

import keras

from cafct_keras.layers import MaxPooling
from cafct_keras.models.backbones import backbone_model, name_maps
from cafct_keras.models.densenet.conversion import DENSENET
from cafct_keras.models.densenet.layers import DenseBlock, DenseStem, DenseTransition, NormReLU
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.registry import register_encoders
from cafct_keras.typing import Files, Shape, Tensor


@dataclasses.dataclass(frozen=True)
class DenseNetConfig:
    """Configuration of a DenseNet.

    Attributes:
        growth_rate: channels that each layer of a dense block adds.
        depths: layers per dense block.
        stem: channels of the stem.
    """

    growth_rate: int
    depths: tuple[int, ...]
    stem: int


DENSENETS = {
    "densenet_tiny": DenseNetConfig(8, (1, 2, 2, 1), 16),
    "densenet_small": DenseNetConfig(16, (6, 12, 24, 16), 32),
    "densenet161": DenseNetConfig(48, (6, 12, 36, 24), 96),
}


def densenet_config(cnn: str) -> DenseNetConfig:
    """Returns the configuration of a DenseNet by name.

    Raises:
        ValueError: if the name is unknown.
    """
    if cnn not in DENSENETS:
        raise ValueError(f"unknown cnn {cnn!r}; known are {', '.join(DENSENETS)}")
    return DENSENETS[cnn]


def densenet_maps(x: Tensor, config: DenseNetConfig, *, scale: bool, prefix: str) -> dict[str, Tensor]:
    """Applies a DenseNet to slices or volumes.

    Args:
        x: the normalized image, `(batch, H, W, channels)`, or volume, `(batch, D, H, W, channels)`.
        config: of the DenseNet.
        scale: see `NormReLU`.
        prefix: of the names of the layers.

    Returns:
        The maps before each pooling and the last one, `"P1"` to `"P5"`.
    """
    x = DenseStem(filters=config.stem, scale=scale, name=f"{prefix}stem")(x)
    maps = [x]
    x = MaxPooling(size=3, name=f"{prefix}pool")(x)
    for level, depth in enumerate(config.depths, start=1):
        block = DenseBlock(growth_rate=config.growth_rate, depth=depth, scale=scale, name=f"{prefix}dense{level}")
        x = block(x)
        if level < len(config.depths):
            maps.append(x)
            x = DenseTransition(scale=scale, name=f"{prefix}transition{level}")(x)
    maps.append(NormReLU(scale=scale, name=f"{prefix}norm")(x))
    return name_maps(maps, first=1)


@register_encoders(DENSENETS, DENSENET)
def DenseNet(
    variant: str = "densenet161",
    *,
    input_shape: Shape = (None, None, 3),
    scale: bool = False,
    normalization: str | None = None,
    weights: Files | None = None,
    name: str | None = None,
) -> keras.Model:
    """DenseNet without its classifier. Its five maps are P1 to P5, of strides 2, 4, 8, 16 and 32.

    Args:
        variant: `"densenet161"`; `"densenet_small"`, a DenseNet-121 with half the channels; `"densenet_tiny"` for
            tests.
        scale: see `NormReLU`.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    maps = densenet_maps(x, densenet_config(variant), scale=scale, prefix="")
    return backbone_model(image, maps, name=name or variant, weights=weights)
