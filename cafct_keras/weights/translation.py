"""Translation of the tensors of a published checkpoint to variable paths."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from cafct_keras.models.conversion import Conversion, to_keras_layout
from cafct_keras.models.registry import list_conversions


@dataclasses.dataclass(frozen=True)
class Tensors:
    """Contents of a checkpoint by variable path.

    Attributes:
        conversion: of the encoder; None for a whole network.
        values: path to array, in Keras's layout.
        names: path to the tensor's name in the file.
        unknown: names that the encoder does not have.
        left_out: names of the classifier's tensors.
    """

    conversion: Conversion | None
    values: dict[str, np.ndarray]
    names: dict[str, str]
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def translate(state: Mapping[str, np.ndarray]) -> Tensors | None:
    """Translates a PyTorch state by the conversion that knows most of its tensors.

    Args:
        state: name to array, see `read_state`.

    Returns:
        The `Tensors`, with every name of the state in one of its fields; None if no conversion knows half of them.
    """
    conversion = max(list_conversions(), key=lambda one: sum(one.path(name) is not None for name in state))
    left_out = tuple(name for name in state if name.startswith(conversion.classifier))
    values: dict[str, np.ndarray] = {}
    names: dict[str, str] = {}
    unknown = []
    for name, value in state.items():
        path = conversion.path(name)
        if name in left_out:
            continue
        if path is None or path in names:
            unknown.append(name)
        else:
            names[path], values[path] = name, to_keras_layout(value, path)
    if len(names) <= len(unknown):
        return None
    return Tensors(conversion, values, names, tuple(unknown), left_out)
