"""DenseNet: the encoder of DenseUNet.

Huang et al., "Densely connected convolutional networks", CVPR 2017, in torchvision's form.
"""

import dataclasses
import functools

import keras

from cafct_keras import models
from cafct_keras.layers import MaxPooling
from cafct_keras.models.densenet.layers import DenseBlock, DenseStem, DenseTransition, NormReLU
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.registry import register_encoder


@dataclasses.dataclass(frozen=True)
class DenseNetConfig:
    """Channels that a step of a dense block adds, steps a block, channels of the stem."""

    growth: int
    depths: tuple[int, ...]
    stem: int


DENSENETS = {
    "densenet_tiny": DenseNetConfig(8, (1, 2, 2, 1), 16),
    "densenet_small": DenseNetConfig(16, (6, 12, 24, 16), 32),
    "densenet161": DenseNetConfig(48, (6, 12, 36, 24), 96),
}


def dense_config(cnn):
    """The DenseNet of that name."""
    if cnn not in DENSENETS:
        raise ValueError(f"unknown cnn {cnn!r}; known are {', '.join(DENSENETS)}")
    return DENSENETS[cnn]


def dense_stages(x, config, *, scale, prefix):
    """Applies a DenseNet to slices or volumes; returns its maps of strides 2, 4, 8, 16 and 32."""
    x = DenseStem(filters=config.stem, scale=scale, name=f"{prefix}stem")(x)
    maps = [x]
    x = MaxPooling(size=3, name=f"{prefix}pool")(x)
    for level, depth in enumerate(config.depths, start=1):
        x = DenseBlock(growth=config.growth, depth=depth, scale=scale, name=f"{prefix}dense{level}")(x)
        if level < len(config.depths):
            maps.append(x)
            x = DenseTransition(scale=scale, name=f"{prefix}transition{level}")(x)
    return [*maps, NormReLU(scale=scale, name=f"{prefix}norm")(x)]


def DenseNet(
    variant="densenet161", *, input_shape=(None, None, 3), scale=False, normalization=None, weights=None, name=None
):
    """DenseNet without its classifier.

    Args:
        variant: `"densenet161"`; `"densenet_small"`, a DenseNet-121 of half the width; `"densenet_tiny"`, for tests.
        input_shape: `(H, W, channels)`; H and W multiples of 32, or None.
        scale: see `NormReLU`.
        normalization: `"imagenet"` for weights that were trained on it, see `ImageNetNormalization`.
        weights: see `load_weights`; None begins at random.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to its maps, of strides 2, 4, 8, 16 and
        32.

    Raises:
        ValueError: for an unknown variant, a size that is no multiple of 32, or weights that do not fit.
    """
    image = image_input(input_shape)
    x = normalized(image, normalization)
    model = keras.Model(image, dense_stages(x, dense_config(variant), scale=scale, prefix=""), name=name or variant)
    if weights is not None:
        models.load_weights(model, weights)
    return model


for _variant, _config in DENSENETS.items():
    register_encoder(_variant, functools.partial(DenseNet, _variant), _config)
