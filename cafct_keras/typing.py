"""Types of tensors, shapes and files."""

import os
from collections.abc import Iterable
from typing import Any, TypeAlias

# A tensor of the backend that Keras runs on, or a symbolic `keras.KerasTensor`.
Tensor: TypeAlias = Any
# Lengths of a tensor's axes, batch first: an integer, or None where the length is known only at run time. The number of
# channels is always known, hence no `int | None`.
Shape: TypeAlias = tuple[Any, ...]
# One file, and one or several.
File: TypeAlias = str | os.PathLike[str]
Files: TypeAlias = File | Iterable[File]
