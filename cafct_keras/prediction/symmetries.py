"""Flips and quarter turns that a network's training made it invariant to, for test-time augmentation."""

import dataclasses

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.prediction.network import Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Symmetry:
    """A way to turn slices.

    Attributes:
        turns: quarter turns, 0 to 3.
        mirrored: whether left and right are exchanged afterwards.
    """

    turns: int = 0
    mirrored: bool = False

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Turns `(slices, size, size)`; a view."""
        turned = np.rot90(pixels, self.turns, axes=(1, 2))
        return turned[:, :, ::-1] if self.mirrored else turned

    def undo(self, probability: np.ndarray) -> np.ndarray:
        """Turns `(slices, size, size, targets)` back; a view."""
        mirrored = probability[:, :, ::-1] if self.mirrored else probability
        return np.rot90(mirrored, -self.turns, axes=(1, 2))


IDENTITY = (Symmetry(),)


def symmetries(network: Network) -> tuple[Symmetry, ...]:
    """All symmetries of the random changes that a network was trained with, the identity first.

    Flips left-right and top-bottom, whose product is half a turn; quarter turns; or both.

    Raises:
        UserError: it was trained with neither, or nothing says how.
    """
    if network.run is None:
        raise UserError(f"`tta`: {network.path} does not say how it was trained; give its run folder, or leave it out")
    augmentation = network.run.config.data.augmentation
    if not (augmentation.flip or augmentation.quarter_turns):
        raise UserError(
            f"`tta`: {network.path} was trained without `flip` and `quarter_turns`, so flips would harm it; "
            "leave it out"
        )
    return tuple(
        Symmetry(turns=turns, mirrored=mirrored)
        for mirrored in ((False, True) if augmentation.flip else (False,))
        for turns in ((0, 1, 2, 3) if augmentation.quarter_turns else (0, 2))
    )
