"""Conversion of published DenseNet weights."""

from cafct_keras.models.conversion import Family, depths, filters
from cafct_keras.models.densenet.layers import DenseBlock, DenseStem, DenseTransition, NormReLU


def _densenet_traits(tensors):
    return {
        "depths": depths(tensors, r"dense(\d)/step(\d+)/"),
        "stem": filters(tensors, "stem/conv/kernel"),
        "growth": filters(tensors, "dense1/step1/conv2/kernel"),
    }


DENSENET = Family(
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
        # torchvision's files say norm.1 where its network says norm1.
        (r"/(norm|conv)\.(\d)\.", r"/\1\2."),
        (r"/(norm\d?)\.", r"/\1/norm/"),
        (r"/(conv\d?)\.", r"/\1/"),
    ),
    traits=_densenet_traits,
    neutral=("scale_gamma", "scale_beta"),
)
