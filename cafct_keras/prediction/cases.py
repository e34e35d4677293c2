"""Probabilities of whole cases, predicted in full batches across them."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pipelines.case import Case
from pipelines.loading.slices import neighbours, network_images, network_slices


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaseProbability:
    """A case as a network saw it, and what it said.

    Attributes:
        case: the case as it was read.
        images: `(slices, size, size)` uint8, windowed and resized.
        masks: target to `(slices, size, size)` bool, resized.
        probability: target to `(slices, size, size)` float32 in [0, 1].
        spacing: mm along (slice, row, column) at this size; None where unknown.
    """

    case: Case
    images: np.ndarray
    masks: dict[str, np.ndarray]
    probability: dict[str, np.ndarray]
    spacing: tuple[float, float, float] | None


def predict_cases(
    model,
    cases: Iterable[Case],
    *,
    targets: Sequence[str],
    size: int,
    window: tuple[float, float],
    context: int = 0,
    batch_size: int = 8,
) -> Iterator[CaseProbability]:
    """Predicts cases one after the other.

    Batches run over the borders of cases, and the last one is filled up, so that the network is compiled once and
    always works on full batches. No more than a batch's cases are in memory.

    Args:
        model: a network ending in a sigmoid.
        cases: what to predict, with masks of the targets.
        targets: what its output channels show, in order.
        size: height and width in pixels that it takes.
        window: Hounsfield units shown as black and as white.
        context: neighbouring slices on either side that it sees too.
        batch_size: slices at a time.

    Yields:
        The cases in their order.
    """
    waiting: deque[_Waiting] = deque()  # cases with slices not yet predicted
    pending: list[tuple[_Waiting, int, np.ndarray]] = []  # slices for the next batch

    def predict() -> None:
        batch = np.stack([pixels for _, _, pixels in pending])
        filled = np.concatenate([batch, np.repeat(batch[:1], batch_size - len(batch), axis=0)])
        images = network_images(filled, context=context)
        probabilities = np.asarray(model.predict_on_batch(images))[: len(batch)]
        for (one, row, _), probability in zip(pending, probabilities, strict=True):
            one.probability[row] = probability
            one.left -= 1
        pending.clear()

    for case in cases:
        images, masks = network_slices(case, targets=targets, size=size, window=window)
        one = _Waiting(case, images, masks.astype(bool), np.empty(masks.shape, np.float32), len(images))
        waiting.append(one)
        for row, nearby in enumerate(neighbours(np.arange(len(images)), np.zeros(len(images)), context)):
            pending.append((one, row, np.moveaxis(images[nearby], 0, -1)))
            if len(pending) == batch_size:
                predict()
        while waiting and not waiting[0].left:
            yield waiting.popleft().done(targets)
    if pending:
        predict()
    while waiting:
        yield waiting.popleft().done(targets)


@dataclasses.dataclass
class _Waiting:
    """A case on its way; `left` of its slices are still to come."""

    case: Case
    images: np.ndarray
    masks: np.ndarray
    probability: np.ndarray
    left: int

    def done(self, targets: Sequence[str]) -> CaseProbability:
        spacing = self.case.spacing
        if spacing is not None:
            # As resizing does: filled up to a square first.
            factor = max(self.case.images.shape[1:]) / self.images.shape[1]
            spacing = (spacing[0], spacing[1] * factor, spacing[2] * factor)
        return CaseProbability(
            case=self.case,
            images=self.images,
            masks={name: self.masks[..., channel] for channel, name in enumerate(targets)},
            probability={name: self.probability[..., channel] for channel, name in enumerate(targets)},
            spacing=spacing,
        )
