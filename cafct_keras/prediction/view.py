"""How a network sees cases."""

import dataclasses

import numpy as np

from pipelines.case import Case
from pipelines.grid import SquareGrid, covered
from pipelines.intensity import rescale_slices
from pipelines.loading.slices import network_grey
from pipelines.orientation import reorient


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkView:
    """How a network sees the cases of a source: the size, grey values and orientation of its training slices.

    Attributes:
        targets: what the output channels show, in order.
        size: height and width of the input in pixels.
        window: Hounsfield units shown as black and as white.
        context: neighbouring slices on either side that the network sees too.
        rescales: whether each slice is rescaled to its own range first, see `rescale_slices`.
        orientation: of the cases, see `pipelines.orientation`; None if unknown.
        seen: of the training slices, likewise. Nothing is flipped unless both are known.
    """

    targets: tuple[str, ...]
    size: int
    window: tuple[float, float]
    context: int = 0
    rescales: bool = False
    orientation: str | None = None
    seen: str | None = None

    def images(self, case: Case) -> np.ndarray:
        """A case's slices as the network sees them: `(slices, size, size)` uint8."""
        images = rescale_slices(case.images) if self.rescales else case.images
        return network_grey(reorient(images, self.orientation, self.seen), size=self.size, window=self.window)

    def mask(self, case: Case, target: str) -> np.ndarray:
        """Which of the network's pixels a target covers by at least half: `(slices, size, size)` bool, as seen."""
        masks = case.coverage or case.masks
        grid = SquareGrid.of(case.images, self.size)
        return covered(grid.coverage(reorient(masks[target], self.orientation, self.seen)))

    def restore(self, stack: np.ndarray) -> np.ndarray:
        """Slices as the network saw them, `(slices, H, W)`, flipped back to the case's orientation."""
        return reorient(stack, self.seen, self.orientation)
