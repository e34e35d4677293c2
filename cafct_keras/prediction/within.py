"""Lesions within the liver that another run finds."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.packed import PackedMask
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.choices import find_choices
from cafct_keras.prediction.ensemble import Ensemble
from cafct_keras.prediction.network import Network
from pipelines.targets import LESION, LIVER


class WithinLiver:
    """Predicts the liver first, and then lesions in the slices from its first to its last only.

    Predictions name the liver as `CasePrediction.inside`, for lesions to be kept to. Where the networks for lesions
    predict no liver, its probability is part of the predictions too.

    Slices are left out, but not cropped: a network of another size of input would have to be compiled first, and sees
    less than it was trained on.

    Args:
        lesions: networks that predict lesions.
        liver: predicts the liver, of which the largest component counts, with the threshold that was chosen for it.

    Attributes:
        networks: the liver's, and those for lesions.
        targets: liver and lesion.
        thresholds: of the liver, see `Choices`, likewise `notes`.

    Raises:
        UserError: the networks do not predict what they should.
    """

    def __init__(self, lesions: Ensemble, liver: Network) -> None:
        if LIVER not in liver.preprocessing.targets:
            raise UserError(f"`within` {liver.path}: predicts no liver; give a run with the target liver or both")
        if LESION not in lesions.targets:
            raise UserError(f"`within` {liver.path}: keeps lesions to the liver, but no run predicts any; leave it out")
        self._lesions, self._liver = lesions, Ensemble([liver])
        self._choices = find_choices(
            [liver], liver.preprocessing.targets, postprocessing=PostProcessing(largest_liver=True)
        )
        self.thresholds = self._choices.thresholds
        self.networks = (liver, *lesions.networks)
        self.targets: tuple[str, ...] = (LIVER, LESION)
        self.notes = (f"lesions: within the largest component of the liver of {liver.name}", *self._choices.notes[:1])

    @contextlib.contextmanager
    def predict(
        self, cases: Sequence[CaseInput], *, on_progress: Callable[[float], None]
    ) -> Iterator[list[CasePrediction]]:
        """Predicts cases, in batches that they share; see `Ensemble.predict`. Lesions are half of the progress."""

        def half(fraction: float) -> None:
            on_progress(fraction / 2)

        with self._liver.predict(cases, on_progress=half) as livers:
            livers = [self._choices.smooth(liver) for liver in livers]
            masks = [self._choices.masks(liver)[LIVER] for liver in livers]
        shown = [_shown(mask) for mask in masks]
        with self._lesions.predict(cases, on_progress=half, rows=shown) as predictions:
            yield [
                dataclasses.replace(
                    prediction, inside=mask, probability={LIVER: liver.probability[LIVER], **prediction.probability}
                )
                for prediction, liver, mask in zip(predictions, livers, masks, strict=True)
            ]


def _shown(mask: PackedMask) -> np.ndarray:
    """Indices of the slices from the first to the last that show something."""
    shown = np.flatnonzero([plane.any() for plane in mask])
    return np.arange(shown[0], shown[-1] + 1) if len(shown) else shown
