"""Conversion of the weights that PyTorch projects publish to the variables of an encoder here."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np

# Rewrites of a tensor's own name, after those of the module it belongs to.
LEAVES = (
    (r"(norm\d?)/weight$", r"\1/gamma"),
    (r"(norm\d?)/bias$", r"\1/beta"),
    (r"/running_mean$", "/moving_mean"),
    (r"/running_var$", "/moving_variance"),
    (r"/weight$", "/kernel"),
)


@dataclasses.dataclass(frozen=True)
class Conversion:
    """Conversion of the published weights of one kind of encoder.

    Attributes:
        name: name of the kind of encoder, for messages.
        layers: layer classes it consists of; layers of a network with these classes and the same name up to `part`
            form one encoder.
        part: regular expression of what follows the encoder's name in the names of its layers.
        stem: path of the kernel that is applied to the image.
        classifier: prefixes of the names of the classifier's tensors, which encoders leave out.
        rewrites: regular expressions and replacements, applied in order, from a tensor's name to the path of a variable
            without the encoder's own name, such as `"1/norm/gamma"`; `2+1` in the result stands for 3, since PyTorch
            counts from 0.
        traits: function from tensors by path to the configuration values that identify a variant.
        optional: suffixes of paths of variables that published weights lack and that have no effect as initialized.
    """

    name: str
    layers: tuple[type[keras.Layer], ...]
    part: str
    stem: str
    classifier: tuple[str, ...]
    rewrites: tuple[tuple[str, str], ...]
    traits: Callable[[Mapping[str, np.ndarray]], dict[str, Any]]
    optional: tuple[str, ...] = ()

    def path(self, name: str) -> str | None:
        """Returns the path of the variable that a tensor is converted to, or None for a name of another encoder."""
        for pattern, replacement in (*self.rewrites, *LEAVES):
            name = re.sub(pattern, replacement, name)
        name = re.sub(r"(\d+)\+1", lambda number: str(int(number[1]) + 1), name)
        return name if "/" in name and "." not in name else None


def to_keras_layout(value: np.ndarray, path: str) -> np.ndarray:
    """Transposes a tensor to Keras's layout: channels last, and input channels before output channels."""
    if value.ndim == 2:
        return value.T
    if value.ndim == 4:
        return value.transpose(2, 3, 0, 1) if path.endswith("depthwise/kernel") else value.transpose(2, 3, 1, 0)
    return value


def depths(paths: Iterable[str], block: str = r"(\d)/block(\d+)/") -> tuple[int, ...]:
    """Returns the number of blocks per level that the paths name."""
    blocks = [(int(m[1]), int(m[2])) for m in (re.match(block, path) for path in paths) if m]
    levels = sorted({level for level, _ in blocks})
    return tuple(max(block for other, block in blocks if other == level) for level in levels)


def dims(tensors: Mapping[str, np.ndarray], kernel: str) -> tuple[int, ...]:
    """Returns the output channels of one kernel per level."""
    found = [path for path in sorted(tensors) if re.fullmatch(rf"\d/{kernel}", path)]
    return tuple(tensors[path].shape[-1] for path in found)


def filters(tensors: Mapping[str, np.ndarray], kernel: str) -> int | None:
    """Returns the output channels of a kernel, or None if there is no tensor of that path."""
    return tensors[kernel].shape[-1] if kernel in tensors else None
