"""Prediction of whole cases, in full batches that span several of them."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from cafct_keras.packed import PackedMask
from cafct_keras.prediction.probability import Probability
from cafct_keras.prediction.view import NetworkView
from pipelines.case import Case
from pipelines.grid import SquareGrid
from pipelines.loading.slices import neighbours, network_images

GRIDS = ("native", "network")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CasePrediction:
    """A case and the probabilities that a network predicted for it, on the case's own grid or on the network's.

    Attributes:
        name: of the case.
        patient: of the case.
        slice_names: one per slice.
        contiguous: whether each slice is the next one's neighbour in the patient.
        spacing: mm along (slice, row, column) on the grid; None where unknown.
        images: `(slices, H, W)`: on the case's own grid as its source reads them, see `Case`; on the network's as it
            saw them, uint8.
        masks: target to bool `(slices, H, W)`; on the network's grid where at least half of a pixel is covered.
        probability: target to `(slices, H, W)`.
    """

    name: str
    patient: str
    slice_names: tuple[str, ...]
    contiguous: bool
    spacing: tuple[float, float, float] | None
    images: np.ndarray
    masks: dict[str, PackedMask]
    probability: dict[str, Probability]


@dataclasses.dataclass(kw_only=True)
class CaseInput:
    """A case as the network sees it, and what is filled in with what it predicts.

    Attributes:
        pixels: uint8 `(slices, size, size)`.
        result: the case; its probabilities are those of `predicted`.
        predicted: float32 `(targets, slices, size, size)`, not set.
        remaining: number of slices still to be predicted.
    """

    pixels: np.ndarray
    result: CasePrediction
    predicted: np.ndarray
    remaining: int


def case_input(case: Case, view: NetworkView, *, grid: str = "native") -> CaseInput:
    """Shows a case to a network.

    Args:
        case: with masks of the view's targets.
        view: how the network sees it.
        grid: one of `GRIDS`, on which images, masks and probabilities are to be.
    """
    pixels = view.images(case)
    predicted = np.empty((len(view.targets), *pixels.shape), np.float32)
    square, spacing, images, masks = SquareGrid.of(case.images, view.size), case.spacing, case.images, case.masks
    if grid == "network":
        masks = {target: view.restore(view.mask(case, target)) for target in view.targets}
        square, spacing, images = SquareGrid.of(pixels, view.size), square.spacing(spacing), view.restore(pixels)
    result = CasePrediction(
        name=case.name,
        patient=case.patient,
        slice_names=case.slice_names,
        contiguous=case.contiguous,
        spacing=spacing,
        images=images,
        masks={target: PackedMask(masks[target]) for target in view.targets},
        probability={
            target: Probability(predicted=each, grid=square, seen=view.seen, orientation=view.orientation)
            for target, each in zip(view.targets, predicted, strict=True)
        },
    )
    return CaseInput(pixels=pixels, result=result, predicted=predicted, remaining=len(pixels))


def predict_cases(
    model: keras.Model, cases: Iterable[CaseInput], *, context: int = 0, batch_size: int = 8
) -> Iterator[CasePrediction]:
    """Predicts cases one after the other.

    Batches span cases and the last one is padded, so that the network is compiled once and always works on full
    batches. At most one batch's cases are in memory.

    Args:
        model: network whose output is a sigmoid's, channels last.
        cases: what it sees, see `case_input`.
        context: neighbouring slices on either side that it sees too.
        batch_size: slices per batch.

    Yields:
        The cases in their order.
    """
    waiting: deque[CaseInput] = deque()  # cases with slices not yet predicted
    pending: list[tuple[CaseInput, int, np.ndarray]] = []  # slices for the next batch

    def predict() -> None:
        batch = np.stack([pixels for _, _, pixels in pending])
        padded = np.concatenate([batch, np.repeat(batch[:1], batch_size - len(batch), axis=0)])
        probabilities = np.asarray(model.predict_on_batch(network_images(padded, context=context)))
        for (case, row, _), probability in zip(pending, probabilities[: len(batch)], strict=True):
            case.predicted[:, row] = np.moveaxis(probability, -1, 0)
            case.remaining -= 1
        pending.clear()

    for case in cases:
        waiting.append(case)
        for row, nearby in enumerate(neighbours(np.arange(len(case.pixels)), np.zeros(len(case.pixels)), context)):
            pending.append((case, row, np.moveaxis(case.pixels[nearby], 0, -1)))
            if len(pending) == batch_size:
                predict()
        del case  # it is not to be kept while its successor is awaited
        while waiting and not waiting[0].remaining:
            yield waiting.popleft().result
    if pending:
        predict()
    while waiting:
        yield waiting.popleft().result
