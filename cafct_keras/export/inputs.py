"""Input of an exported network: how slices become its channels."""

import dataclasses
import pathlib

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs import read_run
from cafct_keras.runs.files import RUN_FILE
from pipelines.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """Input of a network.

    Attributes:
        channels: of the network's image.
        context: neighbouring slices on either side, one channel each; 0 for one slice, repeated over the channels.
    """

    channels: int
    context: int

    def slices_shape(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Shape of the slices of images `(batch, H, W)`."""
        return (*shape, self.channels) if self.context else shape

    def images(self, slices: np.ndarray) -> np.ndarray:
        """Images `(batch, H, W, channels)` float32 in [0, 1] of uint8 slices, see `slices_shape`."""
        seen = Preprocessing(size=1, window=(0, 1), context=self.context, targets=())
        return seen.as_input(slices if self.context else slices[..., None])[..., : self.channels]


def find_input(path: str | pathlib.Path, model: keras.Model, context: int | None) -> NetworkInput:
    """Finds how a network's channels are made of slices.

    Args:
        path: run folder, or `.keras` file, in a run folder or by itself.
        model: the network.
        context: what the user says, or None.

    Raises:
        UserError: the context is unknown, or `context` contradicts the run or the number of channels.
    """
    channels = model.input_shape[-1]
    card = _find_card(pathlib.Path(path))
    if card is not None:
        recorded = card["config"]["data"]["context"]
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
    return NetworkInput(channels=channels, context=context)


def _find_card(path: pathlib.Path) -> dict | None:
    """The card of the run folder that a model lies in, at most two folders down: None for a model by itself."""
    folders = [path] if path.is_dir() else path.resolve().parents[:3]
    folder = next((each for each in folders if (each / RUN_FILE).is_file()), None)
    return None if folder is None else read_run(folder)
