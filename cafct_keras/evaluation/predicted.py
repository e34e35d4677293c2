"""Masks that a network predicted, made slice by slice so that no probabilities of a whole scan are in memory."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.packed import PackedMask, binarize
from cafct_keras.prediction import CasePrediction


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictedMasks:
    """A case whose probabilities are gone; the attributes are arguments of `Accumulator.add`."""

    case: str
    patient: str
    slice_names: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    contiguous: bool
    prediction: dict[str, PackedMask]
    reference: dict[str, PackedMask]
    images: np.ndarray


def predicted_masks(
    prediction: CasePrediction, *, threshold: float, calibrations: Mapping[str, Calibration] | None = None
) -> PredictedMasks:
    """Compares the probabilities of a case with a threshold.

    Args:
        prediction: of a case, on the grid that is scored.
        threshold: in (0, 1).
        calibrations: target to what its probabilities are added to; None to leave that out.
    """
    case = prediction.case
    return PredictedMasks(
        case=case.name,
        patient=case.patient,
        slice_names=case.slice_names,
        spacing=case.spacing,
        contiguous=case.contiguous,
        prediction={
            target: binarize(_calibrated(prediction, target, calibrations[target]) if calibrations else each, threshold)
            for target, each in prediction.probability.items()
        },
        reference=prediction.masks,
        images=case.images,
    )


def calibrations_of(prediction: CasePrediction) -> dict[str, Calibration]:
    """The probabilities of a case, target by target."""
    calibrations = {target: Calibration() for target in prediction.probability}
    for target, calibration in calibrations.items():
        for _ in _calibrated(prediction, target, calibration):
            pass
    return calibrations


def _calibrated(prediction: CasePrediction, target: str, calibration: Calibration) -> Iterator[np.ndarray]:
    for probability, reference in zip(prediction.probability[target], prediction.masks[target], strict=True):
        calibration.add(probability, reference)
        yield probability
