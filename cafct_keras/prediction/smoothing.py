"""Smoothing of probabilities across the slices of a scan, which a network of single slices sees one by one."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import scipy.special

from cafct_keras.errors import UserError
from cafct_keras.prediction.cases import CasePrediction
from pipelines.orientation import reorient
from pipelines.preprocessing import neighbours
from pipelines.probability import MeanProbability, PredictedProbability, Probability, Stack

LARGEST = 10.0  # standard deviation, in slices
_REACH = 2  # standard deviations
# A network that is certain of one slice is not to decide for its neighbours.
_CERTAIN = 1e-4


def check_smoothing(sigma: float) -> None:
    """Refuses a standard deviation that makes no sense.

    Raises:
        UserError: `smooth_slices` is out of range.
    """
    if not 0 <= sigma <= LARGEST:
        raise UserError(f"`smooth_slices` {sigma:g}: give a number of slices from 0, for none, to {LARGEST:g}")


def smooth(prediction: CasePrediction, sigmas: Mapping[str, float]) -> CasePrediction:
    """Smooths probabilities across slices, as their log-odds, by a Gaussian.

    What a network finds in one slice alone falls below the threshold; a lesion that it misses in one slice of several
    is filled in. The mean of log-odds is that of Genest and Zidek,
    "Combining probability distributions" (Statistical Science 1, 1986), here with one network and several slices.

    Args:
        prediction: of a case. It is smoothed within its runs of neighbouring slices only. Slices that were not
            predicted, whose probability is 0, stay so, and to each of their neighbours count as it does itself.
        sigmas: target to the standard deviation in slices; 0, as for targets that are not named, smooths nothing.

    Returns:
        A prediction whose slices are smoothed when they are asked for.
    """
    runs = prediction.case.runs
    if runs is None:
        return prediction
    return dataclasses.replace(
        prediction,
        probability={
            target: _smoothed(each, runs, sigma) if (sigma := sigmas.get(target, 0.0)) else each
            for target, each in prediction.probability.items()
        },
    )


def _smoothed(probability: Probability, runs: np.ndarray, sigma: float) -> Probability:
    if isinstance(probability, MeanProbability):
        parts = tuple(_smoothed(part, runs, sigma) for part in probability.parts)
        return dataclasses.replace(probability, parts=parts)
    if not isinstance(probability, PredictedProbability):
        raise TypeError(type(probability))
    order = reorient(np.arange(len(runs)).reshape(-1, 1, 1), probability.orientation, probability.seen).ravel()
    # Ascending, from whichever end the network saw the slices.
    of_rows = np.abs(runs[order] - runs[order[0]])
    predicted = SmoothedSlices(probability.predicted, of_rows, sigma=sigma)
    return dataclasses.replace(probability, predicted=predicted)


class SmoothedSlices:
    """A stack of probabilities whose slices are smoothed when they are read. It is pickled as an array.

    Args:
        slices: float32 `(slices, H, W)` in [0, 1].
        runs: `(slices,)`, the run of neighbours that each is in, ascending.
        sigma: standard deviation of the Gaussian, in slices, above 0. At the ends of a run its outermost slice is
            repeated.
    """

    def __init__(self, slices: np.ndarray | Stack, runs: np.ndarray, *, sigma: float) -> None:
        self._slices, self._runs = slices, runs
        self._radius = math.ceil(_REACH * sigma)
        weights = np.exp(-0.5 * (np.arange(-self._radius, self._radius + 1) / sigma) ** 2)
        self._weights = (weights / weights.sum()).astype(np.float32)

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """The slices at some indices."""
        nearby = neighbours(indices, self._runs, self._radius)
        rows = np.unique(nearby)
        planes = self._slices[rows]
        predicted = np.array([plane.any() for plane in planes])
        log_odds = scipy.special.logit(np.clip(planes, _CERTAIN, 1 - _CERTAIN))
        found = np.zeros((len(indices), *planes.shape[1:]), np.float32)
        for plane, index, around in zip(found, indices, nearby, strict=True):
            own = np.searchsorted(rows, index)
            if predicted[own]:
                places = np.searchsorted(rows, around)
                mean = np.tensordot(self._weights, log_odds[np.where(predicted[places], places, own)], axes=1)
                scipy.special.expit(mean, out=plane)
        return found

    def __reduce__(self) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[np.ndarray]]:
        return np.asarray, (self[np.arange(len(self))],)
