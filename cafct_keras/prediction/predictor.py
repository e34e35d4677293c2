"""Prediction of a source's cases with the network of a run."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeVar

from cafct_keras.packed import PackedMask
from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.ensemble import Ensemble
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.smoothing import smooth
from cafct_keras.prediction.stream import predict_cases
from cafct_keras.runs.run import Run
from pipelines import DataError, Source
from pipelines.grid import SquareGrid, covered
from pipelines.loading.read_ahead import read_ahead
from pipelines.orientation import reorient
from pipelines.probability import PredictedProbability
from pipelines.scans.suitability import check_neighbours

GRIDS = ("native", "network")
"""Grids of predictions: the pixels of the case, or those of the network's slices."""

Result = TypeVar("Result")


class Predictor:
    """Predicts cases with a run's network, which sees them as it saw its training data, see `Preprocessing`.

    One thread reads cases ahead and another predicts them, while the caller works on the one before: a handful of cases
    is in memory, however many there are.

    Args:
        run: the run.
        source: of the cases, see `Run.open_data`.

    Attributes:
        preprocessing: how the network sees the cases.

    Raises:
        UserError: see `load_model`.
    """

    def __init__(self, run: Run, source: Source) -> None:
        self.run, self.source = run, source
        self.preprocessing = run.preprocessing
        self._ensemble = Ensemble([Network.open(run.path)])

    def names(self, split: str) -> list[str]:
        """The cases of one part of the split, or of `"all"`.

        Raises:
            DataError: there are none.
        """
        names = [name for name, part in self.source.parts.items() if split in (part, "all")]
        if not names:
            raise DataError(f"{self.source.layout}: no {split} cases; give another `split`, or all")
        return names

    def predict(
        self,
        split: str,
        work: Callable[[CasePrediction], Result],
        *,
        grid: str = "native",
        smooth_slices: float = 0.0,
        failures: list[dict[str, str]] | None = None,
    ) -> Iterator[Result]:
        """Predicts the cases of one part of the split, in order.

        Args:
            split: see `names`.
            work: see `predict_cases`.
            grid: one of `GRIDS`, on which images, masks and probabilities are to be.
            smooth_slices: standard deviation, in slices, of the smoothing across slices, see `smooth`; 0 for none.
            failures: see `read_ahead`.

        Yields:
            What `work` returned.

        Raises:
            DataError: there are no cases; or, unless there is a list of `failures`, a case cannot be read, or the
                network sees neighbouring slices and a case has none.
        """
        # Some sources read fast only from one end to the other, which ends where a case fails.
        cases = self.source.cases(None if split == "all" else split)

        def read(name: str) -> CaseInput:
            case = next(cases) if failures is None else self.source.case(name)
            seen, orientation, masks = self.preprocessing, self.source.orientation, case.masks
            check_neighbours(case, seen)
            if grid == "network":
                given = case.coverage or case.masks
                masks = {
                    target: reorient(
                        covered(seen.coverage(given[target], orientation=orientation)), seen.orientation, orientation
                    )
                    for target in seen.targets
                }
            return CaseInput(
                case=dataclasses.replace(case, masks={}, coverage=None),
                intensity=self.source.intensity,
                orientation=orientation,
                grey_window=self.source.window,
                masks={target: PackedMask(masks[target]) for target in seen.targets},
            )

        def on_grid(prediction: CasePrediction) -> Result:
            prediction = smooth(prediction, dict.fromkeys(prediction.probability, smooth_slices))
            return work(self._on_network_grid(prediction) if grid == "network" else prediction)

        return predict_cases(self._ensemble, read_ahead(read, self.names(split), failures=failures), on_grid)

    def _on_network_grid(self, prediction: CasePrediction) -> CasePrediction:
        case, seen, orientation = prediction.case, self.preprocessing, self.source.orientation
        pixels = seen.pixels(
            case.images, intensity=prediction.intensity, orientation=orientation, grey_window=self.source.window
        )
        square = SquareGrid.of(pixels, seen.size)
        return dataclasses.replace(
            prediction,
            case=dataclasses.replace(
                case,
                images=reorient(pixels, seen.orientation, orientation),
                spacing=seen.grid(case.images).spacing(case.spacing),
                frame=None,
            ),
            intensity="grey",
            probability={
                target: dataclasses.replace(each, grid=square)
                for target, each in prediction.probability.items()
                if isinstance(each, PredictedProbability)  # as those of one network are
            },
        )
