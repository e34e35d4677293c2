"""Stages of training: epochs between which the training data change."""

from collections.abc import Mapping

from cafct_keras.runs.config import FitConfig
from pipelines.loading.slices import Slices, resized


class Stages:
    """The slices of a run at the size of its present stage.

    Args:
        config: of the run.
        parts: slices by part, at their full size.
    """

    def __init__(self, config: FitConfig, parts: Mapping[str, Slices]) -> None:
        self._data, self._epochs = config.data, config.optimizer.epochs
        self._full = self._resized = parts

    def __getitem__(self, part: str) -> Slices:
        """The slices of a part as they are now."""
        return self._resized[part]

    def enter(self, epoch: int) -> None:
        """Makes the slices have the size of an epoch."""
        size = self._data.first_size if epoch < (self._data.first_epochs or 0) else None
        if size is None:
            self._resized = self._full
        elif self._resized is self._full:
            self._resized = {part: resized(slices, size) for part, slices in self._full.items() if part != "test"}

    def end(self, epoch: int) -> int:
        """The first epoch after an epoch's stage, at most the number of epochs."""
        every = self._data.hard_negative_epochs
        ends = [self._epochs, self._data.first_epochs or 0]
        if self._data.sampling.has_hard_negatives:
            ends.append((epoch // every + 1) * every)
        return min(end for end in ends if end > epoch)

    def begins_with_search(self, epoch: int) -> bool:
        """Whether hard negatives are searched for before an epoch: not before the first, when nothing is learned."""
        searched = epoch > 0 and epoch % self._data.hard_negative_epochs == 0
        return searched and self._data.sampling.has_hard_negatives
