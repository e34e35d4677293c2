"""PVTv2, the pyramid vision transformer v2, without its classifier.

Wang et al., "PVT v2: improved baselines with pyramid vision transformer", Computational Visual Media 2022.
"""

import dataclasses

import keras
import numpy as np

from cafct_keras.models.backbones import backbone_model, name_maps
from cafct_keras.models.inputs import image_input, normalized
from cafct_keras.models.pvt_v2.conversion import PVT_V2
from cafct_keras.models.pvt_v2.layers import TransformerStage
from cafct_keras.models.registry import register_encoders
from cafct_keras.typing import Files, Shape, Tensor


@dataclasses.dataclass(frozen=True)
class PVTv2Config:
    """Configuration of a PVTv2.

    Attributes:
        depths: blocks per stage.
        dims: channels per stage.
        mlp_ratios: ratio of hidden units to channels per stage.
        linear: whether attention is linear spatial-reduction attention.
        stochastic_depth_rate: rate of the last block.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...] = (64, 128, 320, 512)
    mlp_ratios: tuple[int, ...] = (8, 8, 4, 4)
    linear: bool = False
    stochastic_depth_rate: float = 0.1


PVTS = {
    "pvt_v2_tiny": PVTv2Config((2, 1, 2, 1), (8, 16, 40, 64)),
    "pvt_v2_tiny_li": PVTv2Config((2, 1, 2, 1), (8, 16, 40, 64), linear=True),
    "pvt_v2_small": PVTv2Config((2, 2, 2, 2), (16, 32, 80, 128)),
    "pvt_v2_b0": PVTv2Config((2, 2, 2, 2), (32, 64, 160, 256)),
    "pvt_v2_b1": PVTv2Config((2, 2, 2, 2)),
    "pvt_v2_b2": PVTv2Config((3, 4, 6, 3)),
    "pvt_v2_b2_li": PVTv2Config((3, 4, 6, 3), linear=True),
    "pvt_v2_b3": PVTv2Config((3, 4, 18, 3), stochastic_depth_rate=0.3),
    "pvt_v2_b4": PVTv2Config((3, 8, 27, 3), stochastic_depth_rate=0.3),
    "pvt_v2_b5": PVTv2Config((3, 6, 40, 3), mlp_ratios=(4, 4, 4, 4), stochastic_depth_rate=0.3),
}
PREFIX = "pvt_v2_"
HEADS = (1, 2, 5, 8)
SR_RATIOS = (8, 4, 2, 1)


def full_name(variant: str) -> str:
    """Returns the name of a PVTv2 with its prefix, such as `"pvt_v2_b2"` for both `"b2"` and `"pvt_v2_b2"`."""
    return variant if variant.startswith(PREFIX) else PREFIX + variant


def pvt_v2_maps(
    image: Tensor, variant: str, *, name: str, stochastic_depth_rate: float | None = None, levels: int = 4
) -> dict[str, Tensor]:
    """Applies the first `levels` stages of a PVTv2.

    Args:
        image: the normalized image.
        variant: see `PVTv2`.
        name: prefix of the names of the layers, which a number from 1 follows.
        stochastic_depth_rate: see `PVTv2`.
        levels: number of stages.

    Returns:
        The maps of the stages, `"P2"` to `"P5"`.

    Raises:
        ValueError: if the variant is unknown.
    """
    if full_name(variant) not in PVTS:
        raise ValueError(f"unknown PVTv2 {variant!r}; known are {', '.join(PVTS)}")
    config = PVTS[full_name(variant)]
    rate = config.stochastic_depth_rate if stochastic_depth_rate is None else stochastic_depth_rate
    # One rate per block, from 0 in the first to the full rate in the last.
    rates = np.linspace(0, rate, sum(config.depths)).tolist()
    x, maps = image, []
    for level in range(levels):
        depth = config.depths[level]
        stage = TransformerStage(
            filters=config.dims[level],
            num_heads=HEADS[level],
            sr_ratio=SR_RATIOS[level],
            mlp_ratio=config.mlp_ratios[level],
            stochastic_depth_rates=rates[:depth],
            patch_size=7 if level == 0 else 3,
            strides=4 if level == 0 else 2,
            linear=config.linear,
            name=f"{name}{level + 1}",
        )
        rates = rates[depth:]
        x = stage(x)
        maps.append(x)
    return name_maps(maps, first=2)


@register_encoders(PVTS, PVT_V2, renamed={"drop_path_rate": "stochastic_depth_rate"})
def PVTv2(
    variant: str = "pvt_v2_b2",
    *,
    input_shape: Shape = (None, None, 3),
    normalization: str | None = None,
    stochastic_depth_rate: float | None = None,
    weights: Files | None = None,
    name: str | None = None,
) -> keras.Model:
    """PVTv2 without its classifier. Its four maps are P2 to P5, of strides 4, 8, 16 and 32.

    Args:
        variant: `"pvt_v2_b0"` to `"pvt_v2_b5"` or `"pvt_v2_b2_li"`; `"pvt_v2_small"`, a PVTv2-b0 with half the
            channels; `"pvt_v2_tiny"` and `"pvt_v2_tiny_li"` for tests. The prefix may be omitted.
        stochastic_depth_rate: stochastic depth of the last block; None for the default of the variant (0.1, from b3 on
            0.3).
    """
    image = image_input(input_shape)
    maps = pvt_v2_maps(
        normalized(image, normalization), variant, name="stage", stochastic_depth_rate=stochastic_depth_rate
    )
    return backbone_model(image, maps, name=name or full_name(variant), weights=weights)
