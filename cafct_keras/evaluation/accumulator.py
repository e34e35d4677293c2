"""What is kept of cases that stream by: scores, histograms and a few pictures, but no masks."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.evaluation.metrics.lesions import match_lesions
from cafct_keras.evaluation.metrics.scores import CaseScore, score
from cafct_keras.evaluation.postprocessing import PostProcessing
from cafct_keras.evaluation.report import Picture
from cafct_keras.evaluation.report.gallery import Gallery

AS_PREDICTED, POST_PROCESSED = "as predicted", "post-processed"


class Gathering:
    """Scores cases one after the other, as they are and post-processed; not to be called from two threads at a time.

    Args:
        targets: what is scored.
        postprocessing: steps to take; None, or none of them, for the masks as they are alone.
        calibrate: whether cases come with probabilities.

    Attributes:
        calibrations: target to `Calibration`; None for masks alone.
    """

    def __init__(
        self, *, targets: Sequence[str], postprocessing: PostProcessing | None = None, calibrate: bool = False
    ):
        self._steps = {AS_PREDICTED: PostProcessing()}
        if postprocessing not in (None, PostProcessing()):
            self._steps[POST_PROCESSED] = postprocessing
        self._scores: dict[str, list[tuple[CaseScore, CaseScore]]] = {name: [] for name in self._steps}
        self._gallery = Gallery()
        self.calibrations = {target: Calibration() for target in targets} if calibrate else None

    def add(
        self,
        *,
        case: str,
        patient: str,
        slice_names: Sequence[str],
        spacing: tuple[float, float, float] | None,
        contiguous: bool,
        prediction: dict[str, np.ndarray],
        reference: dict[str, np.ndarray],
        probability: dict[str, np.ndarray] | None = None,
        images: np.ndarray | None = None,
    ) -> None:
        """Scores a case.

        Args:
            case: see `score`, likewise those that follow.
            patient: whose it is.
            slice_names: one a slice.
            spacing: millimetres along (slice, row, column); None if unknown.
            contiguous: whether the slices are neighbours in one volume.
            prediction: target to `(slices, H, W)` bool.
            reference: likewise.
            probability: target to `(slices, H, W)` in [0, 1], for the calibration.
            images: `(slices, H, W)` uint8, for pictures.
        """
        known = {"spacing": spacing, "contiguous": contiguous}
        for name, steps in self._steps.items():
            masks = steps(prediction, **known)
            scored = score(masks, reference, case=case, patient=patient, slice_names=slice_names, **known)
            self._scores[name].append((scored, _apart(scored, masks, reference)))
        self._gallery.offer(scored, masks, reference, images)  # of the last, which is what the user asked for
        for target, calibration in (self.calibrations or {}).items():
            calibration.add(probability[target], reference[target])

    @property
    def results(self) -> list[tuple[str, PostProcessing | None, list[CaseScore]]]:
        """Name, steps and scored cases of each result.

        Cases are volumes if all are; else every slice of every case is scored by itself, for no mean over both has a
        meaning.
        """
        volumes = all(scored.contiguous for scored, _ in self._scores[AS_PREDICTED])
        return [
            (name, None if name == AS_PREDICTED else steps, [whole if volumes else apart for whole, apart in scored])
            for (name, steps), scored in zip(self._steps.items(), self._scores.values(), strict=True)
        ]

    @property
    def pictures(self) -> list[Picture]:
        """Slices to look at, of the last of the results."""
        return self._gallery.pictures()


def _apart(scored: CaseScore, prediction: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> CaseScore:
    """The same case with every slice scored by itself, for a set in which other cases are loose slices.

    Without a spacing only lesions tell the two apart; a case with one is a volume among volumes.
    """
    if not scored.contiguous or scored.spacing is not None:
        return scored
    targets = {
        name: target
        if target.lesions is None
        else dataclasses.replace(
            target, lesions=match_lesions(prediction[name], reference[name], spacing=None, contiguous=False)
        )
        for name, target in scored.targets.items()
    }
    return dataclasses.replace(scored, contiguous=False, targets=targets)
