"""Types of what passes through networks."""

from typing import Any, TypeAlias

# A tensor of whatever backend Keras runs on, or a symbolic `keras.KerasTensor`.
Tensor: TypeAlias = Any
# Lengths of a tensor's axes, the batch's first; None for one that is known only when the network runs.
Shape: TypeAlias = tuple[int | None, ...]
