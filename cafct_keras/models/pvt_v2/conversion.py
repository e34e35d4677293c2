"""Conversion of published PVTv2 weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cafct_keras.models.conversion import Conversion, depths, dims
from cafct_keras.models.pvt_v2.layers import TransformerStage


def _traits(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "depths": depths(tensors),
        "dims": dims(tensors, "embed/project/kernel"),
        # Only the linear variant reduces the keys of the last level.
        "linear": "4/block1/attention/reduce/kernel" in tensors,
    }


PVT_V2 = Conversion(
    name="PVTv2",
    layers=(TransformerStage,),
    part=r"\d",
    stem="1/embed/project/kernel",
    classifier=("head.",),
    rewrites=(
        # The names of the authors count levels from 1, those of timm from 0.
        (r"^patch_embed(\d)\.", r"\1/embed/"),
        (r"^block(\d)\.(\d+)\.", r"\1/block\2+1/"),
        (r"^norm(\d)\.", r"\1/norm/"),
        (r"^patch_embed\.", "1/embed/"),
        (r"^stages\.(\d)\.downsample\.", r"\1+1/embed/"),
        (r"^stages\.(\d)\.blocks\.(\d+)\.", r"\1+1/block\2+1/"),
        (r"^stages\.(\d)\.norm\.", r"\1+1/norm/"),
        (r"/attn\.", "/attention/"),
        (r"/q\.", "/query/"),
        (r"/kv\.", "/key_value/"),
        (r"/sr\.", "/reduce/"),
        (r"/mlp\.", "/feed_forward/"),
        (r"/fc1\.", "/expand/"),
        (r"/dwconv\.(dwconv\.)?", "/depthwise/"),
        (r"/(fc2|proj)\.", "/project/"),
        (r"/(norm\d?)\.", r"/\1/"),
    ),
    traits=_traits,
)
