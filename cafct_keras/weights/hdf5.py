"""Validation of the HDF5 files that Keras writes weights to, before they are read."""

from typing import NamedTuple

import h5py
import numpy as np


class WeightCount(NamedTuple):
    """How many weights a file holds: their number, and that of the arrays that they are in."""

    weights: int
    arrays: int


def count_weights(file: h5py.File) -> WeightCount:
    """Counts the weights in a file, and checks that all are stored plainly in it, and finite.

    Without compression, which a small file could expand from, and without links to other files.

    Args:
        file: open for reading.

    Raises:
        ValueError: the file holds something else; the message says what.
    """
    waiting: list[h5py.Group] = [file]
    seen, weights, arrays = set(), 0, 0
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"its weights {group.name}/{name} lie elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                if item.id not in seen:  # groups may hold one another
                    seen.add(item.id)
                    waiting.append(item)
                continue
            if not isinstance(item, h5py.Dataset):
                raise ValueError(f"its {group.name}/{name} are no weights")
            if item.external or item.is_virtual or item.id.get_storage_size() != item.nbytes:
                raise ValueError(f"its weights {item.name} are not stored plainly in the file")
            if item.dtype.kind == "f" and not np.isfinite(item[()]).all():
                raise ValueError(f"its weights {item.name} hold NaN or infinite values")
            weights, arrays = weights + item.size, arrays + 1
    return WeightCount(weights, arrays)
