"""Input of an exported network: how slices become its channels."""

import dataclasses
import json
import pathlib

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.runs.run import Run
from pipelines.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """Input of a network.

    Attributes:
        channels: of the network's image.
        context: neighbouring slices on either side, one channel each; 0 for one slice, repeated over the channels.
        preprocessing: from slices in Hounsfield units to images and back; None if unknown.
    """

    channels: int
    context: int
    preprocessing: Preprocessing | None = None

    def slices_shape(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Shape of the slices of images `(batch, H, W)`."""
        return (*shape, self.channels) if self.context else shape

    def images(self, slices: np.ndarray) -> np.ndarray:
        """Images `(batch, H, W, channels)` float32 in [0, 1] of uint8 slices, see `slices_shape`."""
        seen = Preprocessing(size=1, window=(0, 1), context=self.context, targets=())
        return seen.as_input(slices if self.context else slices[..., None])[..., : self.channels]

    def to_json(self) -> str:
        """As text, for another process."""
        preprocessing = self.preprocessing and self.preprocessing.to_dict()
        return json.dumps({"channels": self.channels, "context": self.context, "preprocessing": preprocessing})

    @classmethod
    def from_json(cls, text: str) -> "NetworkInput":
        """Reads what `to_json` wrote."""
        values = json.loads(text)
        stated = values.pop("preprocessing")
        return cls(**values, preprocessing=stated and Preprocessing.from_dict(stated))


def find_input(path: str | pathlib.Path, model: keras.Model, context: int | None) -> NetworkInput:
    """Finds how a network's channels are made of slices.

    Args:
        path: run folder, or `.keras` file, in a run folder or by itself.
        model: the network, see `load_model`.
        context: what the user says, or None.

    Raises:
        UserError: the context is unknown, or `context` contradicts the run or the number of channels.
    """
    channels = model.input_shape[-1]
    preprocessing = model.preprocessing or _of_its_run(pathlib.Path(path))
    if preprocessing is not None:
        recorded = preprocessing.context
        if context not in (None, recorded):
            raise UserError(f"`context` {context}: {path} was trained with {recorded}; leave it out")
        context = recorded
    if context is None:
        if channels == 3:
            raise UserError(
                f"{path}: three channels may be one slice three times or a slice between its neighbours, and no "
                f"{RUN_FILE} beside it tells; give `context` 0 or 1"
            )
        context = channels // 2
    if channels not in ((2 * context + 1,) if context else (1, 3)):
        raise UserError(f"{path}: takes {channels} channels, which is no input with `context` {context}")
    return NetworkInput(channels=channels, context=context, preprocessing=preprocessing)


def _of_its_run(path: pathlib.Path) -> Preprocessing | None:
    """The preprocessing of the run that a `.keras` file lies in, at most two folders down; None for one by itself."""
    for folder in path.resolve().parents[:2]:
        if (folder / RUN_FILE).is_file():
            return Run.open(folder).preprocessing
    return None
