"""Accumulation of scores over cases that stream by; no masks are kept."""

import dataclasses
import datetime as dt
import functools
import math
from collections.abc import Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.bootstrap import few_patients
from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.evaluation.metrics.lesions import match_lesions
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.scores import CaseScore, score
from cafct_keras.evaluation.metrics.surface import tolerance_doubts
from cafct_keras.evaluation.report.gallery import Gallery
from cafct_keras.evaluation.results import (
    AS_PREDICTED,
    POST_PROCESSED,
    AppliedPostProcessing,
    CalibrationSummary,
    Document,
    Evaluation,
    MaskData,
    ReliabilityCurve,
    Result,
    RunData,
    SweepCurve,
    Threshold,
)
from cafct_keras.evaluation.summary import summarize
from cafct_keras.evaluation.tables import case_rows
from cafct_keras.evaluation.volumes import are_volumes, doubts, of_one_kind
from cafct_keras.packed import Masks
from cafct_keras.postprocessing import PostProcessing, unit_of_size
from cafct_keras.runtime.command_line import command_line
from cafct_keras.runtime.versions import versions
from pipelines.intensity import apply_window


class Accumulator:
    """Scores cases one by one, as predicted and post-processed. Not thread-safe.

    Args:
        targets: what is scored.
        postprocessing: steps to apply; None, or no steps, to score the masks as predicted only.
        calibrate: whether cases come with probabilities.
        scoring: choices behind the scores; None for the defaults.
        grid: what pixels are scored, see `score`.

    Attributes:
        calibrations: target to `Calibration`; None for masks alone.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str],
        postprocessing: PostProcessing | None = None,
        calibrate: bool = False,
        scoring: ScoreOptions | None = None,
        grid: str = "masks",
    ):
        self._scoring, self._grid = scoring or ScoreOptions(), grid
        self._steps = {AS_PREDICTED: PostProcessing()}
        if postprocessing is not None and postprocessing != PostProcessing():
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
        prediction: Masks,
        reference: Masks,
        images: np.ndarray | None = None,
        intensity: str | None = None,
        window: tuple[float, float] | None = None,
    ) -> None:
        """Scores a case.

        Args:
            case: see `score`, likewise those that follow.
            patient: of the case.
            slice_names: one per slice.
            spacing: millimetres along (slice, row, column); None if unknown.
            contiguous: whether the slices are neighbours in one volume.
            prediction: target to `(slices, H, W)` bool.
            reference: likewise.
            images: `(slices, H, W)` int16 in Hounsfield units or uint8 grey; None without.
            intensity: of the images, see `score`.
            window: Hounsfield units shown as black and white in pictures; needed for those.
        """
        for name, steps in self._steps.items():
            masks = steps(prediction, spacing=spacing, contiguous=contiguous)
            scored = score(
                masks,
                reference,
                case=case,
                patient=patient,
                slice_names=slice_names,
                spacing=spacing,
                contiguous=contiguous,
                options=self._scoring,
                images=images,
                intensity=intensity,
                grid=self._grid,
            )
            self._scores[name].append((scored, _by_slice(scored, masks, reference)))
        image = None if images is None else functools.partial(_picture, images, window)
        self._gallery.offer(scored, masks, reference, image)  # of the last result, which is what the user asked for

    def absorb(self, other: "Accumulator") -> None:
        """Adds the cases of another accumulator, made with the same arguments and without calibration."""
        for name, scored in other._scores.items():
            self._scores[name] += scored
        self._gallery.absorb(other._gallery)

    @property
    def scores(self) -> dict[str, list[CaseScore]]:
        """Name of each result to its scored cases.

        See `volumes`: in a set of volumes, cases with missing slices have their overlap only; in one of loose slices,
        every slice of every case is scored by itself.
        """
        volumes = are_volumes(self._as_read)
        return {
            name: of_one_kind([whole if volumes else by_slice for whole, by_slice in scored])
            for name, scored in self._scores.items()
        }

    @property
    def _as_read(self) -> list[CaseScore]:
        return [whole for whole, _ in self._scores[AS_PREDICTED]]

    def evaluation(
        self,
        *,
        name: str,
        title: str,
        data: RunData | MaskData,
        seed: int,
        failures: Sequence[dict[str, str]] = (),
        threshold: Threshold | None = None,
        chosen_on: str = "given",
        rule: str | None = None,
        run: dict | None = None,
    ) -> Evaluation:
        """Summarizes all cases.

        Args:
            name: of the evaluation.
            title: of its report.
            data: see `Document`, likewise `failures`, `threshold` and `run`.
            seed: of the bootstrap.
            failures: what could not be scored.
            threshold: that probabilities were compared with.
            chosen_on: how the post-processing was chosen, see `AppliedPostProcessing`.
            rule: likewise.
            run: the run card.

        Raises:
            UserError: no case was scored.
        """
        scores = self.scores
        if not scores[AS_PREDICTED]:
            reason = failures[0]["message"] if failures else f"{data.layout}: no cases; give others"
            raise UserError(f"nothing could be scored: {reason}")
        first = scores[AS_PREDICTED][0]
        unit = unit_of_size(first.spacing, contiguous=are_volumes(scores[AS_PREDICTED]))
        few = few_patients(len({case.patient for case in scores[AS_PREDICTED]}))
        tolerances = tolerance_doubts([case.spacing for case in self._as_read], self._scoring.tolerances)
        data = dataclasses.replace(data, warnings=[*data.warnings, *few, *tolerances])
        document = Document(
            title=title,
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            command=command_line(),
            versions=versions(),
            data=dataclasses.replace(data, warnings=[*data.warnings, *doubts(self._as_read)]),
            threshold=threshold,
            results=[
                Result(
                    name=result,
                    postprocessing=None
                    if result == AS_PREDICTED
                    else AppliedPostProcessing(
                        **{**vars(self._steps[result]), "unit": self._steps[result].unit or unit},
                        chosen_on=chosen_on,
                        rule=rule,
                    ),
                    summary=summarize(cases, seed=seed),
                    cases=case_rows(cases),
                )
                for result, cases in scores.items()
            ],
            calibration={target: summarize_calibration(one) for target, one in self.calibrations.items()}
            if self.calibrations
            else None,
            failures=list(failures),
            run=run,
        )
        return Evaluation(name=name, document=document, scores=scores, pictures=self._gallery.pictures())


def _picture(images: np.ndarray, window: tuple[float, float] | None, index: int) -> np.ndarray:
    """One slice as uint8 grey."""
    image = images[index : index + 1]
    return (apply_window(image, window) if window and image.dtype == np.int16 else image.copy())[0]


def _by_slice(scored: CaseScore, prediction: Masks, reference: Masks) -> CaseScore:
    """The same case with every slice scored by itself, for a set in which other cases are loose slices.

    Without a spacing only lesions tell the two apart; a case with one is a volume among volumes.
    """
    if not scored.contiguous or scored.spacing is not None:
        return scored
    targets = {
        name: target
        if target.lesions is None
        else dataclasses.replace(
            target,
            lesions=match_lesions(
                np.asarray(prediction[name]),
                np.asarray(reference[name]),
                spacing=None,
                contiguous=False,
                options=scored.options,
            ),
        )
        for name, target in scored.targets.items()
    }
    return dataclasses.replace(scored, contiguous=False, targets=targets)


def summarize_calibration(calibration: Calibration) -> CalibrationSummary:
    """Reliability and threshold sweep as lists."""
    reliability, sweep = calibration.reliability(), calibration.sweep()
    return CalibrationSummary(
        reliability=ReliabilityCurve(**{name: _as_list(values) for name, values in vars(reliability).items()}),
        expected_error=reliability.expected_error,
        sweep=SweepCurve(**{name: _as_list(values) for name, values in vars(sweep).items()}),
    )


def _as_list(values: np.ndarray) -> list:
    return [None if math.isnan(value) else value for value in values.tolist()]
