"""Putting tensors into a network, every one of them accounted for."""

import dataclasses
import re

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.models.conversion import Family
from cafct_keras.weights.translation import FAMILIES, Tensors

STEMS = tuple(family.stem for family in FAMILIES)
LISTED = 10


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a network that a file can fill.

    Attributes:
        name: what its layers' names begin with; empty for the whole network.
        family: of the encoder it is; None for the whole network.
        variables: path, without the name, to variable.
    """

    name: str
    family: Family | None
    variables: dict


def encoders(model):
    """The encoders in a network, each a `Part`: found by the classes of its layers, whatever it calls them."""
    found = {}
    for layer in model.layers:
        for family in FAMILIES:
            if isinstance(layer, family.layers):
                name = re.sub(rf"({family.part})$", "", layer.name)
                part = found.setdefault(name, Part(name, family, {}))
                part.variables.update({each.path.removeprefix(name).lstrip("_"): each for each in layer.weights})
    # Published weights are of slices; H-DenseUNet has an encoder of volumes too.
    return [part for part in found.values() if all(len(each.shape) < 5 for each in part.variables.values())]


def whole(model):
    """A whole network as one `Part`."""
    return Part("", None, {each.path: each for each in model.weights})


def match(part: Part, tensors: Tensors, *, complaint):
    """Pairs a part's variables with a file's tensors.

    Args:
        part: of the network.
        tensors: of the file.
        complaint: beginning of the message where they do not fit.

    Returns:
        Pairs of a variable and its new value, and the names of the tensors left out: the classifier's, and those of
        levels that come after the network's last.

    Raises:
        UserError: where a variable has no tensor, a tensor no variable, or their shapes differ; it counts all of each
            kind and names the first ten.
    """
    names = tensors.names
    # Levels are single digits, so they compare as letters do; all other paths come after them.
    last = max((path[0] for path in part.variables if path[0].isdigit()), default="9")
    later = [path for path in tensors.values if last < path[0] <= "9"]
    left_out = [*tensors.left_out, *(names[path] for path in later)]
    values = {path: value for path, value in tensors.values.items() if path not in later}
    pairs, mismatched = [], []
    for path in sorted(values.keys() & part.variables.keys()):
        variable, value = part.variables[path], values[path]
        if path.endswith(STEMS) and value.ndim == 4:
            value = adapt_stem(value, channels=variable.shape[2])
        if value.shape == tuple(variable.shape):
            pairs.append((variable, value))
        else:
            mismatched.append(f"{names[path]}: {_shape(values[path])} in the file, {_shape(variable)} in the network")
    neutral = part.family.neutral if part.family else ()
    problems = {
        "missing": sorted(
            part.variables[path].path for path in part.variables.keys() - values.keys() if not path.endswith(neutral)
        ),
        "unused": sorted([*tensors.unknown, *(names[path] for path in values.keys() - part.variables.keys())]),
        "mismatched": mismatched,
    }
    if any(problems.values()):
        told = "; ".join(f"{len(found)} {kind} ({_listed(found)})" for kind, found in problems.items() if found)
        raise UserError(
            f"{complaint}: {told}; give the weights of what the network has, or choose the network that they are of"
        )
    return pairs, left_out


def adapt_stem(kernel, *, channels):
    """A first kernel, `(height, width, channels, filters)`, for images with another number of channels.

    Its sum over the channels is shared out evenly: a grey slice then gives what it gave when it came three times, and
    so does a stack of equal slices. With the channels it was made for it stays as it is: three neighbouring slices meet
    the kernels of the three colours.
    """
    if kernel.shape[2] == channels:
        return kernel
    return np.repeat(kernel.sum(axis=2, keepdims=True) / np.float32(channels), channels, axis=2)


def _shape(array):
    return "x".join(map(str, array.shape))


def _listed(names):
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
