"""Conversion of published ResNet weights."""

from cafct_keras.models.conversion import Family, depths, widths
from cafct_keras.models.resnet.layers import ConvStage, ConvStem


def _resnet_traits(tensors):
    return {
        "depths": depths(tensors),
        "widths": widths(tensors, "block1/conv1/conv/kernel"),
        "block": "bottleneck" if "1/block1/conv3/conv/kernel" in tensors else "basic",
    }


RESNET = Family(
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
    traits=_resnet_traits,
)
