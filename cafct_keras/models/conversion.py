"""Encoders whose weights PyTorch projects publish: what their tensors are called there, and what they become here."""

import dataclasses
import re
from collections.abc import Callable

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


def depths(paths, block=r"(\d)/block(\d+)/"):
    """Blocks a level, as far as the paths name them."""
    blocks = [(int(m[1]), int(m[2])) for m in (re.match(block, path) for path in paths) if m]
    levels = sorted({level for level, _ in blocks})
    return tuple(max(block for other, block in blocks if other == level) for level in levels)


def widths(tensors, kernel):
    """Output channels of one kernel a level."""
    found = [path for path in sorted(tensors) if re.fullmatch(rf"\d/{kernel}", path)]
    return tuple(tensors[path].shape[-1] for path in found)


def filters(tensors, kernel):
    """Output channels of a kernel; None where there is none of that path."""
    return tensors[kernel].shape[-1] if kernel in tensors else None
