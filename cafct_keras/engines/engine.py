"""Interface of the engines."""

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

ENGINES = ("keras", "onnx", "openvino")
"""Names of the engines."""
PRECISIONS = ("float32", "bfloat16")
"""Precisions that an engine may compute in."""


class Engine(Protocol):
    """Computes a network. What it predicts for an image does not depend on the others of the batch.

    Attributes:
        name: one of `ENGINES`.
        version: of what computes it, such as `"jax 0.10.2"`: another one may differ in rounding.
        precision: one of `PRECISIONS`; that of the model under `keras`.
        note: one line on what computes the network, and why.
    """

    name: str
    version: str
    precision: str
    note: str

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Predicts images.

        Args:
            images: float32 `(B, H, W, channels)` in [0, 1], B at most the batch size.

        Returns:
            float32 `(B, H, W, targets)` in [0, 1].
        """

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Predicts one batch after the other, without a pause between them.

        Args:
            batches: of images of one size; the next ones are asked for before the first result is there.
        """


def cpu_count() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
