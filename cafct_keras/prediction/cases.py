"""Prediction of whole cases, in full batches that span several of them."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np

from pipelines.case import Case
from pipelines.grid import SquareGrid, covered
from pipelines.loading.slices import neighbours, network_images, network_slices


@dataclasses.dataclass(frozen=True, kw_only=True)
class CasePrediction:
    """A case as the network saw it, and the probabilities it predicted. The scan's own pixels are not kept.

    Attributes:
        name: of the case.
        patient: of the case.
        slice_names: one per slice.
        contiguous: whether each slice is the next one's neighbour in the patient.
        spacing: mm along (slice, row, column) at this size; None where unknown.
        images: `(slices, size, size)` uint8, windowed and resized.
        masks: target to `(slices, size, size)` bool, where at least half of a pixel is covered.
        probability: target to `(slices, size, size)` float32 in [0, 1].
    """

    name: str
    patient: str
    slice_names: tuple[str, ...]
    contiguous: bool
    spacing: tuple[float, float, float] | None
    images: np.ndarray
    masks: dict[str, np.ndarray]
    probability: dict[str, np.ndarray]


def predict_cases(
    model: keras.Model,
    cases: Iterable[Case],
    *,
    targets: Sequence[str],
    size: int,
    window: tuple[float, float],
    context: int = 0,
    batch_size: int = 8,
) -> Iterator[CasePrediction]:
    """Predicts cases one after the other.

    Batches span cases and the last one is padded, so that the network is compiled once and always works on full
    batches. At most one batch's cases are in memory.

    Args:
        model: network whose output is a sigmoid's, channels last.
        cases: cases with masks of the targets.
        targets: what the output channels show, in order.
        size: height and width of the input in pixels.
        window: Hounsfield units shown as black and as white.
        context: neighbouring slices on either side that the network sees too.
        batch_size: slices per batch.

    Yields:
        The cases in their order.
    """
    waiting: deque[_Waiting] = deque()  # cases with slices not yet predicted
    pending: list[tuple[_Waiting, int, np.ndarray]] = []  # slices for the next batch

    def predict() -> None:
        batch = np.stack([pixels for _, _, pixels in pending])
        padded = np.concatenate([batch, np.repeat(batch[:1], batch_size - len(batch), axis=0)])
        probabilities = np.asarray(model.predict_on_batch(network_images(padded, context=context)))
        for (waiting_case, row, _), probability in zip(pending, probabilities[: len(batch)], strict=True):
            waiting_case.probability[row] = probability
            waiting_case.remaining -= 1
        pending.clear()

    for case in cases:
        images, masks = network_slices(case, targets=targets, size=size, window=window)
        added = _Waiting(case, images, covered(masks), np.empty(masks.shape, np.float32), len(images))
        waiting.append(added)
        for row, nearby in enumerate(neighbours(np.arange(len(images)), np.zeros(len(images)), context)):
            pending.append((added, row, np.moveaxis(images[nearby], 0, -1)))
            if len(pending) == batch_size:
                predict()
        while waiting and not waiting[0].remaining:
            yield waiting.popleft().finish(targets)
    if pending:
        predict()
    while waiting:
        yield waiting.popleft().finish(targets)


@dataclasses.dataclass
class _Waiting:
    """A case with `remaining` slices still to be predicted."""

    case: Case
    images: np.ndarray
    masks: np.ndarray
    probability: np.ndarray
    remaining: int

    def finish(self, targets: Sequence[str]) -> CasePrediction:
        return CasePrediction(
            name=self.case.name,
            patient=self.case.patient,
            slice_names=self.case.slice_names,
            contiguous=self.case.contiguous,
            spacing=SquareGrid.of(self.case.images, self.images.shape[1]).spacing(self.case.spacing),
            images=self.images,
            masks={name: self.masks[..., channel] for channel, name in enumerate(targets)},
            probability={name: self.probability[..., channel] for channel, name in enumerate(targets)},
        )
