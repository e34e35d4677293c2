"""Matching the tensors of a file with the variables of a network, with every one accounted for."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.models.conversion import Conversion
from cafct_keras.models.registry import list_conversions
from cafct_keras.weights.translation import Tensors

LISTED = 10


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a network that a file can fill.

    Attributes:
        name: prefix of the names of its layers; empty for the whole network.
        conversion: of the encoder; None for the whole network.
        variables: path, without the name, to variable.
    """

    name: str
    conversion: Conversion | None
    variables: dict[str, keras.Variable]


def encoders(model: keras.Model) -> list[Part]:
    """Returns the encoders in a network, found by the classes of its layers, whatever their names."""
    found: dict[str, Part] = {}
    for layer in model.layers:
        for conversion in list_conversions():
            if isinstance(layer, conversion.layers):
                name = re.sub(rf"({conversion.part})$", "", layer.name)
                part = found.setdefault(name, Part(name, conversion, {}))
                part.variables.update({each.path.removeprefix(name).lstrip("_"): each for each in layer.weights})
    # Published weights are for slices; H-DenseUNet has an encoder of volumes too.
    return [part for part in found.values() if all(len(each.shape) < 5 for each in part.variables.values())]


def whole(model: keras.Model) -> Part:
    """Returns the whole network as one `Part`."""
    return Part("", None, {each.path: each for each in model.weights})


def match(part: Part, tensors: Tensors, *, prefix: str) -> tuple[list[tuple[keras.Variable, np.ndarray]], list[str]]:
    """Pairs the variables of a part with the tensors of a file.

    Args:
        part: of the network.
        tensors: of the file.
        prefix: beginning of the error message.

    Returns:
        Pairs of a variable and its new value, and the names of the tensors left out: those of the classifier and of
        levels that follow the last one of the network.

    Raises:
        UserError: if a variable has no tensor, a tensor no variable, or their shapes differ; the message counts each
            kind and names the first ten.
    """
    names = tensors.names
    # Levels are single digits, so they compare as strings; all other paths sort after them.
    last = max((path[0] for path in part.variables if path[0].isdigit()), default="9")
    later = [path for path in tensors.values if last < path[0] <= "9"]
    left_out = [*tensors.left_out, *(names[path] for path in later)]
    values = {path: value for path, value in tensors.values.items() if path not in later}
    stems = tuple(conversion.stem for conversion in list_conversions())
    pairs, mismatched = [], []
    for path in sorted(values.keys() & part.variables.keys()):
        variable, value = part.variables[path], values[path]
        if path.endswith(stems) and value.ndim == 4:
            value = adapt_stem(value, channels=variable.shape[2])
        if value.shape == tuple(variable.shape):
            pairs.append((variable, value))
        else:
            mismatched.append(f"{names[path]}: {_shape(values[path])} in the file, {_shape(variable)} in the network")
    optional = part.conversion.optional if part.conversion else ()
    problems = {
        "missing": sorted(
            part.variables[path].path for path in part.variables.keys() - values.keys() if not path.endswith(optional)
        ),
        "unused": sorted([*tensors.unknown, *(names[path] for path in values.keys() - part.variables.keys())]),
        "mismatched": mismatched,
    }
    if any(problems.values()):
        counts = "; ".join(f"{len(found)} {kind} ({_listed(found)})" for kind, found in problems.items() if found)
        raise UserError(f"{prefix}: {counts}; give weights of the encoders it has, or choose the network they are of")
    return pairs, left_out


def adapt_stem(kernel: np.ndarray, *, channels: int) -> np.ndarray:
    """Adapts a first kernel, `(height, width, channels, filters)`, to images with another number of channels.

    Its sum over the channels is divided equally among them: a grey slice then gives the result it gave when repeated
    three times, and so does a stack of equal slices. With the original number of channels it is unchanged: three
    neighbouring slices are convolved by the kernels of the three colours.
    """
    if kernel.shape[2] == channels:
        return kernel
    return np.repeat(kernel.sum(axis=2, keepdims=True) / np.float32(channels), channels, axis=2)


def _shape(array: Any) -> str:
    return "x".join(map(str, array.shape))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
