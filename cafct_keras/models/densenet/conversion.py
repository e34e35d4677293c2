"""Conversion of published DenseNet weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cafct_keras.models.conversion import Conversion, depths, filters
from cafct_keras.models.densenet.layers import DenseBlock, DenseStem, DenseTransition, NormReLU


def _traits(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "depths": depths(tensors, r"dense(\d)/step(\d+)/"),
        "stem": filters(tensors, "stem/conv/kernel"),
        "growth_rate": filters(tensors, "dense1/step1/conv2/kernel"),
    }


DENSENET = Conversion(
    name="DenseNet",
    layers=(DenseStem, DenseBlock, DenseTransition, NormReLU),
    part=r"_?(stem|dense\d|transition\d|norm)",
    stem="stem/conv/kernel",
    classifier=("classifier.",),
    rewrites=(
        (r"^features\.(conv|norm)0\.", r"stem/\1."),
        (r"^features\.norm5\.", "norm/norm/"),
        (r"^features\.denseblock(\d)\.denselayer(\d+)\.", r"dense\1/step\2/"),
        (r"^features\.transition(\d)\.", r"transition\1/"),
        # The files of torchvision have norm.1 where its network has norm1.
        (r"/(norm|conv)\.(\d)\.", r"/\1\2."),
        (r"/(norm\d?)\.", r"/\1/norm/"),
        (r"/(conv\d?)\.", r"/\1/"),
    ),
    traits=_traits,
    optional=("scale_gamma", "scale_beta"),
)
