"""Encoders whose weights PyTorch projects publish: what their tensors are called there, and what they become here."""

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from cafct_keras.layers import (
    ConvStage,
    ConvStem,
    DenseBlock,
    DenseStem,
    DenseTransition,
    NormReLU,
    TransformerStage,
)

# Names of a layer's own tensors, once its module's name is rewritten.
LEAVES = (
    (r"(norm\d?)/weight$", r"\1/gamma"),
    (r"(norm\d?)/bias$", r"\1/beta"),
    (r"/running_mean$", "/moving_mean"),
    (r"/running_var$", "/moving_variance"),
    (r"/weight$", "/kernel"),
)


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of encoder.

    Attributes:
        name: in words.
        layers: what it is made of here; a network's layers of these classes, of one name before their `part`, are one.
        part: regular expression of what the encoder's name is followed by in the names of its layers.
        stem: path of the kernel that sees the image.
        classifier: beginnings of the names of the classifier's tensors, for which encoders have no place.
        rewrites: regular expressions of a tensor's name and what takes their place, one after the other; `2+1` in the
            result counts from 1 what PyTorch counts from 0. Paths leave out the encoder's own name: `"1/norm/gamma"`.
        traits: from tensors by path to what tells the family's members apart, as their configurations name it.
        neutral: endings of the paths of variables that published weights lack, and that change nothing as they begin.
    """

    name: str
    layers: tuple[type, ...]
    part: str
    stem: str
    classifier: tuple[str, ...]
    rewrites: tuple[tuple[str, str], ...]
    traits: Callable[[dict], dict]
    neutral: tuple[str, ...] = ()

    def path(self, name):
        """Path of the variable that a tensor becomes; None for a name of another family."""
        for pattern, replacement in (*self.rewrites, *LEAVES):
            name = re.sub(pattern, replacement, name)
        name = re.sub(r"(\d+)\+1", lambda number: str(int(number[1]) + 1), name)
        return name if "/" in name and "." not in name else None


def to_keras(value, path):
    """A tensor in Keras's layout: channels last, for kernels also input before output."""
    if value.ndim == 2:
        return value.T
    if value.ndim == 4:
        return value.transpose(2, 3, 0, 1) if path.endswith("depthwise/kernel") else value.transpose(2, 3, 1, 0)
    return value


def _depths(paths, block=r"(\d)/block(\d+)/"):
    """Blocks a level, as far as the paths name them."""
    blocks = [(int(m[1]), int(m[2])) for m in (re.match(block, path) for path in paths) if m]
    levels = sorted({level for level, _ in blocks})
    return tuple(max(block for other, block in blocks if other == level) for level in levels)


def _widths(tensors, kernel):
    """Output channels of one kernel a level."""
    found = [path for path in sorted(tensors) if re.fullmatch(rf"\d/{kernel}", path)]
    return tuple(tensors[path].shape[-1] for path in found)


def _pvt_traits(tensors):
    return {
        "depths": _depths(tensors),
        "widths": _widths(tensors, "embed/project/kernel"),
        # Only the linear form reduces the last level's keys.
        "linear": "4/block1/attention/reduce/kernel" in tensors,
    }


def _resnet_traits(tensors):
    return {
        "depths": _depths(tensors),
        "widths": _widths(tensors, "block1/conv1/conv/kernel"),
        "block": "bottleneck" if "1/block1/conv3/conv/kernel" in tensors else "basic",
    }


def _densenet_traits(tensors):
    return {
        "depths": _depths(tensors, r"dense(\d)/step(\d+)/"),
        "stem": _filters(tensors, "stem/conv/kernel"),
        "growth": _filters(tensors, "dense1/step1/conv2/kernel"),
    }


def _filters(tensors, kernel):
    return tensors[kernel].shape[-1] if kernel in tensors else None


PVT_V2 = Family(
    name="PVTv2",
    layers=(TransformerStage,),
    part=r"\d",
    stem="1/embed/project/kernel",
    classifier=("head.",),
    rewrites=(
        # The authors' names count levels from 1; timm's, from 0.
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
    traits=_pvt_traits,
)

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

FAMILIES = (PVT_V2, RESNET, DENSENET)


@dataclasses.dataclass(frozen=True)
class Tensors:
    """What a checkpoint holds, by the paths of variables here.

    Attributes:
        family: of the encoder; None for a whole network.
        values: path to array, in Keras's layout.
        names: path to the tensor's name in the file.
        unknown: names that the family does not have.
        left_out: names of the classifier's tensors.
    """

    family: Family | None
    values: dict[str, np.ndarray]
    names: dict[str, str]
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def translate(state):
    """Names the tensors of a PyTorch state as the family calls them here that knows most of them.

    Args:
        state: name to array, see `read_state`.

    Returns:
        The `Tensors`, every name of the state in one of its fields; None where no family knows half of them.
    """
    family = max(FAMILIES, key=lambda one: sum(one.path(name) is not None for name in state))
    left_out = tuple(name for name in state if name.startswith(family.classifier))
    values, names, unknown = {}, {}, []
    for name, value in state.items():
        path = family.path(name)
        if name in left_out:
            continue
        if path is None or path in names:
            unknown.append(name)
        else:
            names[path], values[path] = name, to_keras(value, path)
    if len(names) <= len(unknown):
        return None
    return Tensors(family, values, names, tuple(unknown), left_out)
