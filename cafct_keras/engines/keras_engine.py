"""The network in Keras itself."""

import pathlib
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from cafct_keras.runs import load_model
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.runtime.devices import devices
from cafct_keras.runtime.versions import versions


class KerasEngine:
    """Keras, on the backend and device that it was started with, see `Engine`.

    Batches are filled up with copies of their first image, so that the network is compiled once.

    Args:
        path: run folder or `.keras` file.
        batch_size: images per call, at most.
    """

    name = "keras"

    def __init__(self, path: pathlib.Path, *, batch_size: int) -> None:
        cache_compilations()
        self._model = load_model(path)
        backend, installed = keras.backend.backend(), versions()
        self.version = f"{backend} {installed.get(backend) or installed.get(f'{backend}-cpu', '')}".rstrip()
        self._batch_size = batch_size
        self.precision = str(self._model.dtype_policy.name)
        self.note = f"engine: Keras on {devices()[0]}"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        padding = np.repeat(images[:1], self._batch_size - len(images), axis=0)
        return np.asarray(self._model.predict_on_batch(np.concatenate([images, padding])))[: len(images)]

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine`."""
        return map(self, batches)
