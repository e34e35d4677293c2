"""Conversion of published ResNet weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cafct_keras.models.conversion import Conversion, depths, dims
from cafct_keras.models.resnet.layers import ConvStage, ConvStem


def _traits(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "depths": depths(tensors),
        "dims": dims(tensors, "block1/conv1/conv/kernel"),
        "block": "bottleneck" if "1/block1/conv3/conv/kernel" in tensors else "basic",
    }


RESNET = Conversion(
    name="ResNet",
    layers=(ConvStem, ConvStage),
    part=r"_stem|\d",
    stem="stem/conv/conv/kernel",
    classifier=("fc.",),
    rewrites=(
        (r"^conv1\.", "stem/conv/conv/"),
        (r"^bn1\.", "stem/conv/norm/"),
        (r"^layer(\d)\.(\d+)\.", r"\1/block\2+1/"),
        (r"/conv(\d)\.", r"/conv\1/conv/"),
        (r"/bn(\d)\.", r"/conv\1/norm/"),
        (r"/downsample\.0\.", "/projection/conv/"),
        (r"/downsample\.1\.", "/projection/norm/"),
    ),
    traits=_traits,
)
