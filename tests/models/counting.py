"""Counts of networks."""

import math
from collections.abc import Callable
from typing import Any

import keras


def outline(builder: Callable[..., keras.Model], *arguments: Any, **options: Any) -> keras.Model:
    """Builds a network without values, which is enough to count."""
    with keras.StatelessScope(initialize_variables=False):
        return builder(*arguments, **options)


def trainable(layer: keras.Layer) -> int:
    """Returns the number of trainable parameters."""
    return sum(math.prod(v.shape) for v in layer.trainable_variables)
