"""Naming the tensors of a published checkpoint as the variables here are named."""

import dataclasses

import numpy as np

from cafct_keras.models.conversion import Family, to_keras
from cafct_keras.models.densenet.conversion import DENSENET
from cafct_keras.models.pvt_v2.conversion import PVT_V2
from cafct_keras.models.resnet.conversion import RESNET

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
