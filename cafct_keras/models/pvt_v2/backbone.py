"""Pyramid vision transformer v2: the transformer branch.

Wang et al., "PVT v2: improved baselines with pyramid vision transformer", Computational Visual Media 2022.
"""

import dataclasses
import functools

import keras
import numpy as np

from cafct_keras import models
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.pvt_v2.layers import TransformerStage
from cafct_keras.models.registry import register_encoder


@dataclasses.dataclass(frozen=True)
class PVTv2Config:
    """Blocks and channels a stage, hidden units over channels a stage, form of the attention, stochastic depth."""

    depths: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 320, 512)
    ratios: tuple[int, ...] = (8, 8, 4, 4)
    linear: bool = False
    drop_path_rate: float = 0.1


PVTS = {
    "tiny": PVTv2Config((2, 1, 2, 1), (8, 16, 40, 64)),
    "tiny_li": PVTv2Config((2, 1, 2, 1), (8, 16, 40, 64), linear=True),
    "b0": PVTv2Config((2, 2, 2, 2), (32, 64, 160, 256)),
    "b1": PVTv2Config((2, 2, 2, 2)),
    "b2": PVTv2Config((3, 4, 6, 3)),
    "b2_li": PVTv2Config((3, 4, 6, 3), linear=True),
    "b3": PVTv2Config((3, 4, 18, 3), drop_path_rate=0.3),
    "b4": PVTv2Config((3, 8, 27, 3), drop_path_rate=0.3),
    "b5": PVTv2Config((3, 6, 40, 3), ratios=(4, 4, 4, 4), drop_path_rate=0.3),
}
PREFIX = "pvt_v2_"
HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)


def pvt_stages(image, variant, *, name, drop_path_rate=None, levels=4):
    """Applies the first `levels` stages of a PVTv2 and returns their maps, of strides 4, 8, 16 and 32.

    Raises:
        ValueError: for an unknown variant.
    """
    if variant not in PVTS:
        raise ValueError(f"unknown PVTv2 {variant!r}; known are {', '.join(PVTS)}")
    config = PVTS[variant]
    rate = config.drop_path_rate if drop_path_rate is None else drop_path_rate
    # One rate a block, rising from 0 at the first to the full rate at the last.
    rates = np.linspace(0, rate, sum(config.depths)).tolist()
    x, maps = image, []
    for level in range(levels):
        depth = config.depths[level]
        stage = TransformerStage(
            filters=config.widths[level],
            num_heads=HEADS[level],
            reduction=REDUCTIONS[level],
            ratio=config.ratios[level],
            drop_path_rates=rates[:depth],
            patch_size=7 if level == 0 else 3,
            strides=4 if level == 0 else 2,
            linear=config.linear,
            name=f"{name}{level + 1}",
        )
        rates = rates[depth:]
        x = stage(x)
        maps.append(x)
    return maps


def PVTv2(
    variant="b2", *, input_shape=(None, None, 3), normalization=None, drop_path_rate=None, weights=None, name=None
):
    """PVTv2 without its classifier.

    Args:
        variant: `"b0"` to `"b5"`, `"b2_li"`, or `"tiny"` and `"tiny_li"` for tests.
        input_shape: `(H, W, channels)`; H and W multiples of 32, or None.
        normalization: `"imagenet"` for weights that were trained on it, see `ImageNetNormalization`.
        drop_path_rate: stochastic depth of the last block; None takes the variant's own (0.1, from b3 on 0.3).
        weights: see `load_weights`; None begins at random.
        name: of the model.

    Returns:
        A `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to its maps, of strides 4, 8, 16 and 32.

    Raises:
        ValueError: for an unknown variant, a size that is no multiple of 32, or weights that do not fit.
    """
    image = image_input(input_shape)
    maps = pvt_stages(normalized(image, normalization), variant, name="stage", drop_path_rate=drop_path_rate)
    model = keras.Model(image, maps, name=name or PREFIX + variant)
    if weights is not None:
        models.load_weights(model, weights)
    return model


for _variant, _config in PVTS.items():
    register_encoder(PREFIX + _variant, functools.partial(PVTv2, _variant), _config)
